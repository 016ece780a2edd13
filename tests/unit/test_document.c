#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/buf.h"
#include "shared/json.h"
#include "shared/xalloc.h"
#include "supervisor/input/document.h"

Suite *document_suite(void);

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct document d;
static struct diag diag;

static void setup(void)
{
	d = (struct document){ 0 };
	diag = (struct diag){ 0 };
}

static void teardown(void)
{
	document_free(&d);
	diag_free(&diag);
}

/* From memory that ends where the text does, so that reading on is found by the sanitizers. */
static int read_bytes(const char *text, size_t len, enum document_form form)
{
	char *copy = xmalloc(len > 0 ? len : 1);
	int result;

	memcpy(copy, text, len);
	teardown();
	result = document_read(&d, "f", copy, len, form, &diag);
	free(copy);
	return result;
}

static void read_good(const char *text, enum document_form form)
{
	int result = read_bytes(text, strlen(text), form);

	ck_assert_msg(result == 0 && diag.count == 0, "%s: %s", text,
	    diag.count > 0 ? diag.lines[0] : "no line");
	ck_assert_ptr_nonnull(d.root);
}

static void check_bad(const char *text, size_t len, enum document_form form, const char *line)
{
	ck_assert_int_eq(read_bytes(text, len, form), -1);
	ck_assert_ptr_null(d.root);
	ck_assert_uint_eq(diag.count, 1);
	ck_assert_str_eq(diag.lines[0], line);
}

static void check_json(const char *json)
{
	struct buf out = BUF_INIT;

	json_print(&out, d.root);
	ck_assert_str_eq(buf_str(&out), json);
	buf_free(&out);
}

/* What is read, and what it is as JSON. */
static const struct good {
	const char *yaml;
	const char *json;
} goods[] = {
	{ "a: 1\nb:\n  - x\n  - {c: y, d: [z]}\n",
	    "{\"a\":1,\"b\":[\"x\",{\"c\":\"y\",\"d\":[\"z\"]}]}" },
	{ "[null, Null, NULL, ~, ]", "[null,null,null,null]" },
	{ "a:\nb: ''", "{\"a\":null,\"b\":\"\"}" },
	{ "[true, True, TRUE, false, False, FALSE]", "[true,true,true,false,false,false]" },
	/* only YAML 1.1 would make something else of these */
	{ "[no, yes, on, off, y, n, No, tRUE, nULL]",
	    "[\"no\",\"yes\",\"on\",\"off\",\"y\",\"n\",\"No\",\"tRUE\",\"nULL\"]" },
	{ "[12:30, 1_000, 2024-01-01, 0b1, 1e, 0x, 0xg, 0o8, -0x1, ., +, -, 1.2.3, e5, =]",
	    "[\"12:30\",\"1_000\",\"2024-01-01\",\"0b1\",\"1e\",\"0x\",\"0xg\",\"0o8\",\"-0x1\","
	    "\".\",\"+\",\"-\",\"1.2.3\",\"e5\",\"=\"]" },
	{ "[0, -1, +2, 012, 0x1F, 0o17, 9007199254740992]", "[0,-1,2,12,31,15,9007199254740992]" },
	{ "[1.5, 1., .5, -.5, 1e3, 1E-3, +1.5e+1]", "[1.5,1,0.5,-0.5,1000,0.001,15]" },
	{ "['1', \"true\", 'null', \"\"]", "[\"1\",\"true\",\"null\",\"\"]" },
	{ "a: |\n  1\n\n  2\nb: >-\n  x\n  y\n", "{\"a\":\"1\\n\\n2\\n\",\"b\":\"x y\"}" },
	{ "1: a\ntrue: b\n~: c\n'<<': d\n",
	    "{\"1\":\"a\",\"true\":\"b\",\"~\":\"c\",\"<<\":\"d\"}" },
	{ "p: ${{ vars.x }}\nq: \"${{ a }}\"", "{\"p\":\"${{ vars.x }}\",\"q\":\"${{ a }}\"}" },
	{ "\xef\xbb\xbf"
	  "a: 1",
	    "{\"a\":1}" },
	{ "a: 1\r\nb: |\r\n  x\r\n  y\r\n", "{\"a\":1,\"b\":\"x\\ny\\n\"}" },
	{ "# one\n%YAML 1.2\n---\na: 1 # two\n...\n# three\n...\n", "{\"a\":1}" },
	{ "{\"a\":1,\"b\":[true]}", "{\"a\":1,\"b\":[true]}" },
	{ "\"\\x07\\u00e9\\N\"", "\"\\u0007\xc3\xa9\\u0085\"" },
	{ "{a: b, 'c:d': , e}", "{\"a\":\"b\",\"c:d\":null,\"e\":null}" },
	{ "just a text", "\"just a text\"" },
};

START_TEST(what_yaml_means)
{
	read_good(goods[_i].yaml, DOCUMENT_YAML);
	check_json(goods[_i].json);
}
END_TEST

/* What is refused, and the whole line that says so. */
static const struct bad {
	const char *yaml;
	const char *line;
} bads[] = {
	{ "", "f: an empty document" },
	{ "# only a comment\n", "f: an empty document" },
	{ "---\n", "f: an empty document" },
	{ "a: &x 1",
	    "f:1:4: anchors ('&x') are not taken: put a text that begins with '&' in quotes" },
	{ "a: &x [1]",
	    "f:1:4: anchors ('&x') are not taken: put a text that begins with '&' in quotes" },
	{ "a: & b",
	    "f:1:4: anchors ('&...') are not taken: put a text that begins with '&' in quotes" },
	{ "a: *x",
	    "f:1:4: aliases ('*x') are not taken: put a text that begins with '*' in quotes" },
	{ "a: [*.c]",
	    "f:1:5: aliases ('*...') are not taken: put a text that begins with '*' in quotes" },
	{ "a:\n  <<: {b: 1}", "f:2:3: merge keys ('<<') are not taken: write the keys out" },
	{ "a: !!str 1",
	    "f:1:4: tags ('!...') are not taken: put a text that begins with '!' in quotes" },
	{ "a: !x {}",
	    "f:1:4: tags ('!...') are not taken: put a text that begins with '!' in quotes" },
	{ "! a", "f:1:1: tags ('!...') are not taken: put a text that begins with '!' in quotes" },
	{ "a: 1\nb:\n  a: 2\n\"a\": 3", "f:4:1: the key 'a' stands twice: first in line 1" },
	{ "{x: {a: 1,\na: 2}}", "f:2:1: the key 'a' stands twice: first in line 1" },
	{ "? [a]\n: b",
	    "f:1:3: a list cannot be a key: put a text that begins with '[' in quotes" },
	{ "a: {{ b }}",
	    "f:1:5: a mapping cannot be a key: put a text that begins with '{' in quotes" },
	{ "\"\": 1", "f:1:1: an empty key: expected 'KEY: VALUE'" },
	{ ": 1", "f:1:1: an empty key: expected 'KEY: VALUE'" },
	{ "{a:1}", "f:1:2: no blank after the ':' in 'a:1'" },
	{ "a: 1\n---\nb: 2", "f:2:1: a second document begins here: a file holds one" },
	{ "a: 1\n...\n\n  b: 2", "f:4:3: text after the end of the document" },
	{ "a: 9007199254740993",
	    "f:1:4: 9007199254740993 is a number over 2^53: put it in quotes if it is a text" },
	{ "a: -9007199254740993",
	    "f:1:4: -9007199254740993 is a number over 2^53: put it in quotes if it is a text" },
	{ "a: 0xffffffffffffffffffff",
	    "f:1:4: 0xffffffffffffffffffff is a number over 2^53: put it in quotes if it is a text" },
	{ "a: 1e999", "f:1:4: 1e999 is a number out of range: put it in quotes if it is a text" },
	{ "a: -.inf", "f:1:4: -.inf is no number here: put it in quotes if it is a text" },
	{ "a: .NaN", "f:1:4: .NaN is no number here: put it in quotes if it is a text" },
	{ "a: \"\\0\"", "f:1:4: \\0 in a text: text cannot hold a NUL" },
	{ "a: \x01", "f:1:4: the control character U+0001: write it as \"\\x01\"" },
	{ "a: \x7f", "f:1:4: the control character U+007F: write it as \"\\x7f\"" },
	{ "a: \xc2\x9b", "f:1:4: the control character U+009B: write it as \"\\x9b\"" },
	{ "a: \xc2\x85",
	    "f:1:4: U+0085 ends a line in YAML and nowhere else: write it as \"\\N\"" },
	{ "a: \xe2\x80\xa8",
	    "f:1:4: U+2028 ends a line in YAML and nowhere else: write it as \"\\u2028\"" },
	{ "a: b\rc: d", "f:1:5: a carriage return within a line: lines end with \\n or \\r\\n" },
	{ "a: \xc3\xa9\xff", "f:1:5: not valid UTF-8: the byte 0xff" },
	{ "a: \xc3", "f:1:4: not valid UTF-8: the byte 0xc3" },
	{ "%TAG ! x\n---\na: 1", "f:1:1: directives ('%...') other than %YAML are not taken" },
	{ " \n# x\n%TAG ! x\n", "f:3:1: directives ('%...') other than %YAML are not taken" },
	{ "%YAML 3.0\n---\na: 1", "f:1:1: expected %YAML 1.2 or 1.1" },
	{ "%YAML 1.2\na: 1", "f:2:1: expected '---' on a line of its own after the directives" },
	{ "--- |\n%x",
	    "f:2:1: a line that begins with '%' is a directive, and none can stand here: indent it" },
	/* what libyaml says in words of its own */
	{ "a: b: c", "f:1:5: a ': ' within a text: put the text in quotes" },
	{ "a: b\n c: d",
	    "f:2:3: no key can stand here: its line is indented too far, or the one above has no ': ' after its key" },
	{ "a: 1\nb\n",
	    "f:2:1: expected 'KEY: VALUE', and there is no ': ' in this line (a text of several lines is indented below its key)" },
	{ "a:\n\tb: 1",
	    "f:2:1: a tab where blanks are expected: YAML is indented with blanks only" },
	{ "a: |\n\tb",
	    "f:2:1: a tab where blanks are expected: YAML is indented with blanks only" },
	{ "\xc3\xa4\xc3\xb6: [\xc3\xbc, @]",
	    "f:1:9: a text cannot begin with '@': put it in quotes" },
	{ "a: `b`", "f:1:4: a text cannot begin with '`': put it in quotes" },
	{ "a: - b",
	    "f:1:4: no list can begin here: put each '- ' at the beginning of a line, or the text in quotes" },
	{ "a: ? b", "f:1:4: no text can begin with '? ' here: put it in quotes" },
	{ "a: [1, 2\n# end\n", "f:1:4: the list that begins here is never closed: expected ']'" },
	{ "a: [", "f:1:4: the list that begins here is never closed: expected ']'" },
	{ "a: [{", "f:1:5: the mapping that begins here is never closed: expected '}'" },
	{ "a: [1,", "f:1:4: the list that begins here is never closed: expected ']'" },
	{ "a: {b: [c],", "f:1:4: the mapping that begins here is never closed: expected '}'" },
	{ "a: 1234567890123456789012345678901234567890123456789012345678901234",
	    "f:1:4: 1234567890123456789012345678901234567890... is a number of over 63 digits: "
	    "put it in quotes if it is a text" },
	{ "a: {b: 1", "f:1:4: the mapping that begins here is never closed: expected '}'" },
	{ "a: {b: c: d}",
	    "f:1:9: expected ',' or '}' in the mapping that begins in line 1, column 4" },
	{ "{a: ${{ b }}}",
	    "f:1:6: within [ ] and { } a text with ${{ }} stands in quotes: \"${{ ... }}\"" },
	{ "a: \"b\nc: 1", "f:1:4: the quote that opens here is never closed" },
	{ "a: 'b", "f:1:4: the quote that opens here is never closed" },
	{ "a: 'it's'",
	    "f:1:8: text after the closing quote: within '...' a quote is written '', within \"...\" as it is" },
	{ "a: \"x\" y",
	    "f:1:8: text after the closing quote: within \"...\" a quote is written \\\"" },
	{ "a: [b]c", "f:1:7: text after the ']': put the whole in quotes if it is a text" },
	{ "a: \"\\q\"",
	    "f:1:5: unknown escape '\\q': within \"...\" a backslash is written \\\\, within '...' as it is" },
	{ "a: \"\\xg0\"",
	    "f:1:7: expected hexadecimal digits: two after \\x, four after \\u, eight after \\U" },
	{ "a: \"\\ud800\"", "f:1:7: an escape that stands for no character" },
	{ "a: |x\n",
	    "f:1:5: after '|' or '>' the line ends: the text begins on the next one, indented" },
	{ "a: |0\n", "f:1:5: expected a number from 1 to 9 after '|' or '>', or none" },
	{ "a: ]", "f:1:4: expected a value, got ']': put a text that begins so in quotes" },
	{ "a:\n  b: 1\n c: 2",
	    "f:3:2: expected a key in column 1, as in line 1: this line is indented like none above it" },
	{ "a: 1\n- b", "f:2:1: expected 'KEY: VALUE' as above, got a list item ('- ')" },
	{ "- a\nb: 1", "f:2:1: expected a list item ('- ') as above" },
	{ "- - a\n - b",
	    "f:2:2: expected '- ' in column 1, as in line 1: this line is indented like none above it" },
};

START_TEST(what_yaml_is_refused)
{
	check_bad(bads[_i].yaml, strlen(bads[_i].yaml), DOCUMENT_YAML, bads[_i].line);
}
END_TEST

START_TEST(nul_bytes)
{
	check_bad("a: b\0c", 6, DOCUMENT_YAML, "f:1:5: a NUL byte: a document is text");
	check_bad("\0", 1, DOCUMENT_YAML, "f:1:1: a NUL byte: a document is text");
	ck_assert_int_eq(read_bytes("{\"a\0\":1}", 8, DOCUMENT_JSON), -1);
	ck_assert_uint_eq(diag.count, 1);
}
END_TEST

/* A scalar that is no string keeps its text; strings of JSON have none beside them. */
START_TEST(text_as_written)
{
	static const char *const texts[] = { "012", "1.50", "0x10", "True", "~", "" };
	const cJSON *node;
	size_t i = 0;

	read_good("- 012\n- 1.50\n- 0x10\n- True\n- ~\n-\n", DOCUMENT_YAML);
	cJSON_ArrayForEach(node, d.root)
	{
		ck_assert(!cJSON_IsString(node));
		ck_assert_str_eq(node->valuestring, texts[i++]);
	}
	ck_assert_uint_eq(i, COUNT(texts));
	check_json("[12,1.5,16,true,null,null]");

	read_good("[1, true, null]", DOCUMENT_JSON);
	cJSON_ArrayForEach(node, d.root) ck_assert_ptr_null(node->valuestring);
}
END_TEST

static void check_place(const cJSON *node, uint32_t key_line, uint32_t key_column, uint32_t line,
    uint32_t column)
{
	struct place key = document_key_place(&d, node), value = document_place(&d, node);

	ck_assert_ptr_nonnull(node);
	ck_assert_uint_eq(key.line, key_line);
	ck_assert_uint_eq(key.column, key_column);
	ck_assert_uint_eq(value.line, line);
	ck_assert_uint_eq(value.column, column);
}

START_TEST(places_in_yaml)
{
	const cJSON *list, *inner;

	read_good("\xef\xbb\xbf# \xc3\xa4\r\n\xc3\xa4\xf0\x9f\x98\x80: 1\r\n'b':\r\n  - x\r\n"
		  "  - c: |\r\n      y\r\n    d: [\xc3\xa4, z]\r\ne:\r\n",
	    DOCUMENT_YAML);
	check_place(d.root, 2, 1, 2, 1);
	check_place(d.root->child, 2, 1, 2, 5);
	list = json_get(d.root, "b");
	check_place(list, 3, 1, 4, 3);
	check_place(list->child, 4, 5, 4, 5);
	inner = list->child->next;
	check_place(inner, 5, 5, 5, 5);
	check_place(json_get(inner, "c"), 5, 5, 5, 8);
	check_place(json_get(inner, "d"), 7, 5, 7, 8);
	check_place(json_get(inner, "d")->child->next, 7, 12, 7, 12);
	check_place(json_get(d.root, "e"), 8, 1, 8, 3);
}
END_TEST

START_TEST(places_in_json)
{
	const cJSON *list;

	read_good("\xef\xbb\xbf{\"\\\"\xc3\xa4]\": -1.5e3 ,\r\n\t\"b\" : [ [], {},\n"
		  "  \"x\\\\\", true,null],\n\"c\":{\"d\":\n\"\"}}\n",
	    DOCUMENT_JSON);
	check_place(d.root, 1, 1, 1, 1);
	check_place(d.root->child, 1, 2, 1, 10);
	list = json_get(d.root, "b");
	check_place(list, 2, 2, 2, 8);
	check_place(list->child, 2, 10, 2, 10);
	check_place(list->child->next, 2, 14, 2, 14);
	check_place(list->child->next->next, 3, 3, 3, 3);
	check_place(list->child->next->next->next, 3, 10, 3, 10);
	check_place(list->child->next->next->next->next, 3, 15, 3, 15);
	check_place(json_get(d.root, "c"), 4, 1, 4, 5);
	check_place(json_get(json_get(d.root, "c"), "d"), 4, 6, 5, 1);
}
END_TEST

START_TEST(places_of_what_is_unknown)
{
	cJSON *other = cJSON_CreateNull();

	read_good("a: 1", DOCUMENT_YAML);
	check_place(d.root->child, 1, 1, 1, 4);
	ck_assert_uint_eq(document_place(&d, other).line, 0);
	ck_assert_uint_eq(document_place(&d, NULL).line, 0);
	document_free(&d);
	ck_assert_uint_eq(document_place(&d, other).line, 0);
	cJSON_Delete(other);
}
END_TEST

START_TEST(json_errors)
{
	check_bad("{\"a\": 1,\n \"\xc3\xa4\": x}", 17, DOCUMENT_JSON,
	    "f:2:7: expected true, false, null, a number, or text in '\"'");
	check_bad("{\"a\":1,\n\"a\":2}", 14, DOCUMENT_JSON, "f:2:1: key 'a' stands twice");
	check_bad("", 0, DOCUMENT_JSON, "f:1:1: expected a value, but there is only an empty text");
	check_bad("a: 1", 4, DOCUMENT_JSON,
	    "f:1:1: expected true, false, null, a number, or text in '\"'");
}
END_TEST

static void add_times(struct buf *out, const char *text, size_t times)
{
	while (times-- > 0)
		buf_addstr(out, text);
}

static void check_nested(enum document_form form, const char *open, const char *close,
    const char *line)
{
	struct buf text = BUF_INIT;

	add_times(&text, open, 64);
	add_times(&text, close, 64);
	read_good(text.data, form);
	buf_reset(&text);
	add_times(&text, open, 65);
	add_times(&text, close, 65);
	check_bad(text.data, text.len, form, line);
	buf_free(&text);
}

START_TEST(depth)
{
	check_nested(DOCUMENT_YAML, "[", "]", "f:1:65: nested deeper than 64 levels");
	check_nested(DOCUMENT_YAML, "- ", "", "f:1:129: nested deeper than 64 levels");
	check_nested(DOCUMENT_JSON, "[", "]", "f:1:65: nested deeper than 64 levels");
}
END_TEST

START_TEST(size)
{
	struct buf text = BUF_INIT;

	buf_addstr(&text, "a: \"");
	while (text.len < DOCUMENT_MAX - 1)
		buf_addch(&text, 'x');
	buf_addch(&text, '"');
	ck_assert_int_eq(read_bytes(text.data, text.len, DOCUMENT_YAML), 0);
	buf_addch(&text, '\n');
	check_bad(text.data, text.len, DOCUMENT_YAML,
	    "f: longer than 16 MiB, the most that a document may have");
	buf_free(&text);
}
END_TEST

/* In a time of the square of their number these would not end within the test's time. */
START_TEST(many_keys)
{
	const size_t n = 200000;
	struct buf text = BUF_INIT;

	for (size_t i = 0; i < n; i++)
		buf_addf(&text, "k%zu: %zu\n", i, i);
	read_good(text.data, DOCUMENT_YAML);
	ck_assert_int_eq(cJSON_GetArraySize(d.root), (int)n);
	check_place(d.root->child->prev, (uint32_t)n, 1, (uint32_t)n, 10);
	buf_addstr(&text, "k7: again\n");
	check_bad(text.data, text.len, DOCUMENT_YAML,
	    "f:200001:1: the key 'k7' stands twice: first in line 8");
	buf_free(&text);
}
END_TEST

START_TEST(many_directives)
{
	struct buf text = BUF_INIT;

	for (size_t i = 0; i < 500000; i++)
		buf_addf(&text, "%%TAG !a%zu! x\n", i);
	buf_addstr(&text, "---\na: 1\n");
	check_bad(text.data, text.len, DOCUMENT_YAML,
	    "f:1:1: directives ('%...') other than %YAML are not taken");
	buf_free(&text);
}
END_TEST

/* What is quoted of a file cannot act on the terminal. */
START_TEST(messages_are_safe)
{
	const char *text = "{\"\\x1b[31m\\n\": 1, \"\\x1b[31m\\n\": 2}";

	check_bad(text, strlen(text), DOCUMENT_YAML,
	    "f:1:19: the key '\\x1b[31m\\n' stands twice: first in line 1");
}
END_TEST

Suite *document_suite(void)
{
	Suite *suite = suite_create("document");
	TCase *tcase = tcase_create("documents");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 30);
	tcase_add_loop_test(tcase, what_yaml_means, 0, (int)COUNT(goods));
	tcase_add_loop_test(tcase, what_yaml_is_refused, 0, (int)COUNT(bads));
	tcase_add_test(tcase, nul_bytes);
	tcase_add_test(tcase, text_as_written);
	tcase_add_test(tcase, places_in_yaml);
	tcase_add_test(tcase, places_in_json);
	tcase_add_test(tcase, places_of_what_is_unknown);
	tcase_add_test(tcase, json_errors);
	tcase_add_test(tcase, depth);
	tcase_add_test(tcase, size);
	tcase_add_test(tcase, many_keys);
	tcase_add_test(tcase, many_directives);
	tcase_add_test(tcase, messages_are_safe);
	suite_add_tcase(suite, tcase);
	return suite;
}
