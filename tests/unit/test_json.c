#include <check.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "shared/text.h"
#include "tests/unit/growth.h"

Suite *json_suite(void);

struct bad {
	const char *text;
	size_t len; /* 0: strlen(text) */
	size_t offset;
	const char *message; /* a part of it */
};

static const struct bad bads[] = {
	{ "", 0, 0, "empty" },
	{ " \n", 0, 2, "empty" },
	{ "{", 0, 1, "ends inside an object" },
	{ "{\"a\"", 0, 4, "':'" },
	{ "{\"a\":", 0, 5, "ends where a value" },
	{ "{\"a\":1", 0, 6, "ends inside an object" },
	{ "{\"a\":1,", 0, 7, "ends inside an object" },
	{ "{\"a\":1,}", 0, 6, "','" },
	{ "{\"a\":1 \"b\":2}", 0, 7, "expected ',' or '}' after a member" },
	{ "{a:1}", 0, 1, "expected a key" },
	{ "{'a':1}", 0, 1, "expected a key" },
	{ "{1:1}", 0, 1, "expected a key" },
	{ "[1,]", 0, 2, "','" },
	{ "[1 2]", 0, 3, "expected ',' or ']'" },
	{ "[", 0, 1, "ends" },
	{ "[1", 0, 2, "ends inside an array" },
	{ "[1}", 0, 2, "expected ',' or ']'" },
	{ "{} {}", 0, 3, "text after the end of the object" },
	{ "{}x", 0, 2, "text after the end of the object" },
	{ "{}\0", 3, 2, "text after the end of the object" },
	{ "[]]", 0, 2, "text after the end of the array" },
	{ "1 2", 0, 2, "text after the end" },
	{ "True", 0, 0, "expected true" },
	{ "tru", 0, 0, "expected true" },
	{ "nul", 0, 0, "expected true" },
	{ "truex", 0, 4, "text after" },
	{ "NaN", 0, 0, "expected" },
	{ "'a'", 0, 0, "single quotes" },
	{ "\xef\xbb\xbf{}", 0, 0, "expected" },
	{ "\x01{}", 0, 0, "expected" },
	{ "{\f}", 0, 1, "expected a key" },
	{ "[\v1]", 0, 1, "expected" },
	{ "\0", 1, 0, "expected" },
	/* numbers */
	{ "007", 0, 0, "begins with 0" },
	{ "-01", 0, 0, "begins with 0" },
	{ "1.", 0, 2, "after '.'" },
	{ ".5", 0, 0, "before '.'" },
	{ "+1", 0, 0, "'+'" },
	{ "-", 0, 1, "after '-'" },
	{ "1e", 0, 2, "exponent" },
	{ "1e+", 0, 3, "exponent" },
	{ "0x10", 0, 1, "text after" },
	{ "1e400", 0, 0, "out of range" },
	{ "[1,-1e400]", 0, 3, "out of range" },
	{ "9007199254740993", 0, 0, "out of range" },
	{ "-9007199254740993", 0, 0, "out of range" },
	{ "9007199254740994", 0, 0, "out of range" },
	{ "18446744073709551616", 0, 0, "out of range" },
	{ "-Infinity", 0, 1, "after '-'" },
	{ "0.000000000000000000000000000000000000000000000000000000000000001", 0, 0, "too long" },
	/* strings */
	{ "\"a", 0, 2, "ends inside a string" },
	{ "\"a\\", 0, 3, "ends inside a string" },
	{ "\"a\\\"", 0, 4, "ends inside a string" },
	{ "\"a\nb\"", 0, 2, "line ends inside a string" },
	{ "\"a\tb\"", 0, 2, "control character" },
	{ "\"a\0b\"", 5, 2, "control character" },
	{ "\"\x1b[m\"", 0, 1, "control character" },
	{ "\"a\\x41\"", 0, 2, "escape" },
	{ "\"\\\0\"", 4, 1, "escape" },
	{ "\"\\u12g4\"", 0, 1, "hexadecimal" },
	{ "\"\\u12", 0, 1, "hexadecimal" },
	{ "\"a\\u0000b\"", 0, 2, "NUL" },
	{ "{\"a\\u0000\":1}", 0, 3, "NUL" },
	{ "\"\\ud800\"", 0, 1, "surrogate" },
	{ "\"\\ud800x\"", 0, 1, "surrogate" },
	{ "\"\\ud800\\n\"", 0, 1, "surrogate" },
	{ "\"\\ud800\\u0041\"", 0, 1, "surrogate" },
	{ "\"\\udc00\"", 0, 1, "surrogate" },
	{ "\"\xff\"", 0, 1, "UTF-8" },
	{ "\"ab\xc0\xaf\"", 0, 3, "UTF-8" },
	{ "\"\xed\xa0\x80\"", 0, 1, "UTF-8" },
	{ "\"\xf4\x90\x80\x80\"", 0, 1, "UTF-8" },
	{ "\"\xe2\x82\"", 0, 1, "UTF-8" },
	{ "\"\xe2\x82", 0, 1, "UTF-8" },
	/* keys */
	{ "{\"a\":1,\"b\":2,\"a\":3}", 0, 13, "key 'a' stands twice" },
	{ "{\"a\":1,\"\\u0061\":3}", 0, 7, "key 'a' stands twice" },
	{ "{\"\":1,\"\":3}", 0, 6, "key '' stands twice" },
	{ "{\"x\":{\"b\":1,\"b\":2},\"x\":1}", 0, 12, "key 'b' stands twice" },
	{ "[{\"x\":[{\"y\":1}],\"z\":0,\"x\":1}]", 0, 22, "key 'x' stands twice" },
};

START_TEST(refused)
{
	const struct bad *bad = &bads[_i];
	struct json_error error = { 0, "" };
	size_t len = bad->len != 0 ? bad->len : strlen(bad->text);
	/* of exactly that size, so that reading beyond it is seen */
	char *copy = malloc(len + (len == 0));
	cJSON *tree;

	memcpy(copy, bad->text, len);
	tree = json_parse(copy, len, &error);
	ck_assert_msg(tree == NULL, "accepted: %s", bad->text);
	ck_assert_msg(strstr(error.message, bad->message) != NULL, "%s: %s", bad->text,
	    error.message);
	ck_assert_msg(error.offset == bad->offset, "%s: offset %zu", bad->text, error.offset);
	free(copy);
}
END_TEST

/* Everything here is printed as it is read. */
static const char *const goods[] = {
	"{}",
	"[]",
	"null",
	"true",
	"false",
	"0",
	"-1",
	"1.5",
	"\"\"",
	"\"a\"",
	"0.1",
	"0.30000000000000004",
	"1e-07",
	"1.7976931348623157e+308",
	"9007199254740992",
	"-9007199254740992",
	"9007199254740991",
	"123456789012345",
	"4.94065645841247e-324",
	"{\"a\":1,\"A\":2}",
	"{\"a\":{\"a\":[{\"a\":1},{\"a\":2}]},\"b\":[]}",
	"\"\\\"\\\\\\b\\f\\n\\r\\t\"",
	"\"\\u001b[31m\"",
	"\"\\u007f\"",
	"\"\\u0085\\u009b\"",
	"\"\\u202e\\u2066\\u200f\\u061c\\u2028\"",
	"\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"",
	"\"\xc2\xa0\xd8\xa7\xe2\x80\xa6\"",
	"[null,true,false,0,\"\",[],{}]",
};

START_TEST(round_trip)
{
	struct json_error error = { 0, "" };
	struct buf out = BUF_INIT;
	cJSON *tree = json_parse(goods[_i], strlen(goods[_i]), &error);

	ck_assert_msg(tree != NULL, "%s: %s", goods[_i], error.message);
	json_print(&out, tree);
	ck_assert_str_eq(buf_str(&out), goods[_i]);
	cJSON_Delete(tree);
	buf_free(&out);
}
END_TEST

START_TEST(accepted)
{
	const char *text = " \t\r\n{ \"a\" : [ 1 , 2E3 , -0.5e-1 ] ,\r\n"
			   "\"s\":\"\\u00e4\\ud83d\\ude00\\/\" }\r\n";
	struct json_error error;
	cJSON *tree = json_parse(text, strlen(text), &error);

	ck_assert_ptr_nonnull(tree);
	ck_assert_int_eq(cJSON_GetArraySize(json_get(tree, "a")), 3);
	ck_assert_double_eq(cJSON_GetArrayItem(json_get(tree, "a"), 1)->valuedouble, 2000.0);
	ck_assert_str_eq(json_get_string(tree, "s"), "\xc3\xa4\xf0\x9f\x98\x80/");
	cJSON_Delete(tree);
}
END_TEST

/* `count` times `open`, then as often `close`. */
static struct buf nest(const char *open, const char *close, unsigned count)
{
	struct buf text = BUF_INIT;

	for (unsigned i = 0; i < count; i++)
		buf_addstr(&text, open);
	buf_addstr(&text, "1");
	for (unsigned i = 0; i < count; i++)
		buf_addstr(&text, close);
	return text;
}

static bool parses(const char *text, size_t len)
{
	struct json_error error;
	cJSON *tree = json_parse(text, len, &error);

	cJSON_Delete(tree);
	return tree != NULL;
}

START_TEST(depth)
{
	struct json_error error;
	struct buf text = nest("[", "]", JSON_DEPTH_MAX);
	cJSON *tree;

	ck_assert(parses(text.data, text.len));
	buf_free(&text);

	text = nest("{\"a\":", "}", JSON_DEPTH_MAX + 1);
	ck_assert(!parses(text.data, text.len));
	ck_assert_ptr_null(json_parse(text.data, text.len, &error));
	ck_assert_uint_eq(error.offset, JSON_DEPTH_MAX * 5);
	ck_assert_str_eq(error.message, "nested deeper than 64 levels");
	tree = json_parse_nested(text.data, text.len, JSON_DEPTH_MAX + 1, &error);
	ck_assert_ptr_nonnull(tree);
	cJSON_Delete(tree);
	buf_free(&text);

	/* at once, without using up the stack */
	text = nest("[", "]", 1000000);
	ck_assert(!parses(text.data, text.len));
	buf_free(&text);
}
END_TEST

/* Every prefix of a document is refused: none is taken for a whole one. */
START_TEST(prefixes)
{
	const char *text = "{\"id\":\"a\\u00e4\xc3\xa4\","
			   "\"n\":[-1.5e3,true,null],\"o\":{\"x\":false}}";

	for (size_t len = 0; len < strlen(text); len++)
		ck_assert_msg(!parses(text, len), "accepted the first %zu bytes", len);
	ck_assert(parses(text, strlen(text)));
}
END_TEST

static void parse_many_keys(size_t count)
{
	struct buf text = BUF_INIT;
	struct json_error error;

	buf_addch(&text, '{');
	for (size_t i = 0; i < count; i++)
		buf_addf(&text, "\"key%zu\":%zu,", i, i);
	buf_addstr(&text, "\"last\":1}");
	ck_assert(parses(text.data, text.len));
	memcpy(text.data + text.len - 8, "key7", 4);
	ck_assert_ptr_null(json_parse(text.data, text.len, &error));
	ck_assert_str_eq(error.message, "key 'key7' stands twice");
	ck_assert_uint_eq(error.offset, text.len - 9);
	buf_free(&text);
}

/* comparing each with each takes minutes */
START_TEST(many_keys)
{
	growth_in_proportion(parse_many_keys, 25000);
}
END_TEST

START_TEST(long_key)
{
	struct buf text = BUF_INIT;
	struct json_error error;

	for (int i = 0; i < 2; i++) {
		buf_addstr(&text, i == 0 ? "{\"" : ",\"\\u001b");
		if (i == 0)
			buf_addstr(&text, "\\u001b");
		for (int n = 0; n < 400; n++)
			buf_addstr(&text, "\xe2\x82\xac");
		buf_addstr(&text, "\":1");
	}
	buf_addch(&text, '}');
	ck_assert_ptr_null(json_parse(text.data, text.len, &error));
	ck_assert(utf8_valid(error.message, strlen(error.message)));
	ck_assert_ptr_nonnull(strstr(error.message, "...' stands twice"));
	ck_assert_ptr_null(strchr(error.message, '\x1b'));
	buf_free(&text);
}
END_TEST

static void assert_prints(cJSON *object, const char *expected)
{
	struct buf out = BUF_INIT;

	json_print(&out, object);
	ck_assert_str_eq(buf_str(&out), expected);
	buf_free(&out);
	cJSON_Delete(object);
}

START_TEST(building)
{
	cJSON *object = cJSON_CreateObject();
	cJSON *list = cJSON_CreateArray();

	json_add_string(object, "s", "a\"b");
	json_add_string(object, "n", NULL);
	json_add_bool(object, "t", true);
	json_add_bool(object, "f", false);
	json_add_null(object, "u");
	cJSON_AddItemToArray(list, cJSON_CreateString("x"));
	json_add_item(object, "l", list);
	ck_assert_str_eq(json_get_string(object, "s"), "a\"b");
	ck_assert_ptr_null(json_get_string(object, "S"));
	ck_assert_ptr_null(json_get_string(object, "t"));
	ck_assert_double_eq(json_get_number(object, "s", 7.0), 7.0);
	ck_assert_double_eq(json_get_number(object, "missing", 7.0), 7.0);
	ck_assert_ptr_null(json_get(NULL, "s"));
	assert_prints(object,
	    "{\"s\":\"a\\\"b\",\"n\":null,"
	    "\"t\":true,\"f\":false,\"u\":null,\"l\":[\"x\"]}");
}
END_TEST

START_TEST(integers)
{
	cJSON *object = cJSON_CreateObject();

	json_add_integer(object, "a", 0);
	json_add_integer(object, "b", -1);
	json_add_integer(object, "c", 4294967296);
	json_add_integer(object, "d", 9007199254740991);
	json_add_integer(object, "e", 9007199254740993);
	json_add_integer(object, "f", INT64_MAX);
	json_add_integer(object, "g", INT64_MIN);
	json_add_integer(object, "h", 1000000000000000);
	ck_assert_double_eq(json_get_number(object, "c", 0), 4294967296.0);
	ck_assert_double_eq(json_get_number(object, "f", 0), (double)INT64_MAX);
	assert_prints(object,
	    "{\"a\":0,\"b\":-1,\"c\":4294967296,\"d\":9007199254740991,"
	    "\"e\":9007199254740993,\"f\":9223372036854775807,\"g\":-9223372036854775808,"
	    "\"h\":1000000000000000}");
}
END_TEST

START_TEST(seconds)
{
	cJSON *object = cJSON_CreateObject();

	json_add_seconds(object, "a", 61204);
	json_add_seconds(object, "b", 5);
	json_add_seconds(object, "c", 12000);
	json_add_seconds(object, "d", 0);
	json_add_seconds(object, "e", 100);
	json_add_seconds(object, "f", 315360000001);
	json_add_seconds(object, "g", 1100);
	ck_assert_double_eq(json_get_number(object, "a", 0), 61.204);
	assert_prints(object,
	    "{\"a\":61.204,\"b\":0.005,\"c\":12,\"d\":0,\"e\":0.1,"
	    "\"f\":315360000.001,\"g\":1.1}");
}
END_TEST

START_TEST(printing_any_text)
{
	cJSON *object = cJSON_CreateObject();

	/* a careless caller must not make a line that nobody can read */
	json_add_string(object, "a\xff", "x\xc0\xafy");
	json_add_item(object, "n", cJSON_CreateNumber(NAN));
	json_add_item(object, "i", cJSON_CreateNumber(INFINITY));
	assert_prints(object,
	    "{\"a\xef\xbf\xbd\":"
	    "\"x\xef\xbf\xbd\xef\xbf\xbdy\",\"n\":null,\"i\":null}");
}
END_TEST

static void assert_bytes(const char *data, size_t len, const char *printed)
{
	cJSON *object = cJSON_CreateObject();
	struct buf back = BUF_INIT;

	json_add_bytes(object, "d", data, len);
	ck_assert(json_get_bytes(object, "d", &back));
	ck_assert_uint_eq(back.len, len);
	ck_assert_mem_eq(buf_str(&back), data, len);
	buf_free(&back);
	assert_prints(object, printed);
}

START_TEST(bytes)
{
	assert_bytes("", 0, "{\"d\":\"\"}");
	assert_bytes("a\n\xc3\xa4", 4, "{\"d\":\"a\\n\xc3\xa4\"}");
	assert_bytes("a\0b", 3,
	    "{\"d\":\"a\xef\xbf\xbd"
	    "b\",\"d_base64\":\"YQBi\"}");
	assert_bytes("\0", 1, "{\"d\":\"\xef\xbf\xbd\",\"d_base64\":\"AA==\"}");
	assert_bytes("\xff\0\xfe", 3,
	    "{\"d\":\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\",\"d_base64\":\"/wD+\"}");
}
END_TEST

START_TEST(bytes_refused)
{
	cJSON *object = cJSON_CreateObject();
	struct buf out = BUF_INIT;

	json_add_string(object, "bad", "x");
	json_add_string(object, "bad_base64", "?");
	json_add_string(object, "number", "x");
	json_add_integer(object, "number_base64", 1);
	json_add_integer(object, "none", 1);
	ck_assert(!json_get_bytes(object, "bad", &out));
	ck_assert(!json_get_bytes(object, "number", &out));
	ck_assert(!json_get_bytes(object, "none", &out));
	ck_assert(!json_get_bytes(object, "missing", &out));
	ck_assert_uint_eq(out.len, 0);
	cJSON_Delete(object);
}
END_TEST

START_TEST(locale)
{
	static const char *const names[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8" };
	struct json_error error;
	struct buf out = BUF_INIT;
	bool comma = false;
	cJSON *tree;

	for (size_t i = 0; i < 3 && !comma; i++)
		comma = setlocale(LC_ALL, names[i]) != NULL;
	tree = json_parse("[1.5,1e400]", 11, &error);
	ck_assert_ptr_null(tree);
	tree = json_parse("[1.5,0.25]", 10, &error);
	ck_assert_ptr_nonnull(tree);
	ck_assert_double_eq(tree->child->valuedouble, 1.5);
	json_print(&out, tree);
	ck_assert_str_eq(buf_str(&out), "[1.5,0.25]");
	setlocale(LC_ALL, "C");
	cJSON_Delete(tree);
	buf_free(&out);
}
END_TEST

Suite *json_suite(void)
{
	Suite *suite = suite_create("json");
	TCase *reading = tcase_create("reading");
	TCase *writing = tcase_create("writing");

	tcase_set_timeout(reading, 30);
	tcase_add_loop_test(reading, refused, 0, sizeof(bads) / sizeof(bads[0]));
	tcase_add_loop_test(reading, round_trip, 0, sizeof(goods) / sizeof(goods[0]));
	tcase_add_test(reading, accepted);
	tcase_add_test(reading, depth);
	tcase_add_test(reading, prefixes);
	tcase_add_test(reading, many_keys);
	tcase_add_test(reading, long_key);
	suite_add_tcase(suite, reading);

	tcase_add_test(writing, building);
	tcase_add_test(writing, integers);
	tcase_add_test(writing, seconds);
	tcase_add_test(writing, printing_any_text);
	tcase_add_test(writing, bytes);
	tcase_add_test(writing, bytes_refused);
	tcase_add_test(writing, locale);
	suite_add_tcase(suite, writing);
	return suite;
}
