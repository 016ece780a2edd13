#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "shared/buf.h"
#include "shared/json.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/recovery/verdict.h"

Suite *verdict_suite(void);

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const ids[] = { "session", "auth", "db", "7" };

/* The text is JSON with ' for " where that does not matter. */
static cJSON *json_of(const char *text)
{
	char *copy = xstrdup(text);
	for (char *p = copy; *p != '\0'; p++) {
		if (*p == '\'')
			*p = '"';
	}
	struct json_error error;
	cJSON *value = json_parse(copy, strlen(copy), &error);
	ck_assert_msg(value != NULL, "%s: %s", copy, error.message);
	free(copy);
	return value;
}

static void expect_good(const char *text, struct verdict *v)
{
	cJSON *object = json_of(text);
	char *why;
	bool good = verdict_parse(object, ids, COUNT(ids), v, &why);
	ck_assert_msg(good, "%s: %s", text, why);
	ck_assert_ptr_null(why);
	cJSON_Delete(object);
}

static void expect_bad_object(const cJSON *object, const char *reason)
{
	struct verdict v;
	char *why;
	ck_assert(!verdict_parse(object, ids, COUNT(ids), &v, &why));
	ck_assert_str_eq(why, reason);
	/* nothing is left in it */
	ck_assert_ptr_null(v.cause);
	ck_assert_ptr_null(v.groups);
	ck_assert_ptr_null(v.retry);
	ck_assert_ptr_null(v.fix.agent);
	ck_assert_ptr_null(v.fix.argv);
	free(why);
}

static void expect_bad(const char *text, const char *reason)
{
	cJSON *object = json_of(text);
	expect_bad_object(object, reason);
	cJSON_Delete(object);
}

#define HEAD "'relation':'related','cause':'x','strategy':'parallel'"

START_TEST(all_members)
{
	struct verdict v;
	expect_good("{'relation':'independent','cause':'two things','groups':["
		    "{'cause':'one','tasks':['db','session']},{'cause':'other','tasks':['7']}],"
		    "'strategy':'sequential','fix':{'agent':'fixer','prompt':'repair it'},"
		    "'retry':[{'task':'7','advice':'look','prompt':'do','timeout':'20m'},"
		    "{'task':'session'},{'task':'db','timeout':1.001}],'escalate':true}",
	    &v);
	ck_assert_int_eq(v.relation, RELATION_INDEPENDENT);
	ck_assert_int_eq(v.strategy, STRATEGY_SEQUENTIAL);
	ck_assert_str_eq(v.cause, "two things");
	ck_assert_uint_eq(v.ngroups, 2);
	ck_assert_str_eq(v.groups[0].cause, "one");
	ck_assert_uint_eq(v.groups[0].ntasks, 2);
	ck_assert_uint_eq(v.groups[0].tasks[0], 2);
	ck_assert_uint_eq(v.groups[0].tasks[1], 0);
	ck_assert_uint_eq(v.groups[1].tasks[0], 3);
	ck_assert_int_eq(v.fix.kind, FIX_AGENT);
	ck_assert_str_eq(v.fix.agent, "fixer");
	ck_assert_str_eq(v.fix.prompt, "repair it");
	ck_assert_uint_eq(v.nretry, 3);
	ck_assert_uint_eq(v.retry[0].task, 3);
	ck_assert_str_eq(v.retry[0].advice, "look");
	ck_assert_str_eq(v.retry[0].prompt, "do");
	ck_assert_int_eq(v.retry[0].timeout_ms, 20 * 60 * 1000);
	ck_assert_uint_eq(v.retry[1].task, 0);
	ck_assert_ptr_null(v.retry[1].advice);
	ck_assert_ptr_null(v.retry[1].prompt);
	ck_assert_int_eq(v.retry[1].timeout_ms, UNSET);
	ck_assert_int_eq(v.retry[2].timeout_ms, 1001);
	ck_assert(v.escalate);
	verdict_free(&v);
	ck_assert_ptr_null(v.cause);
}
END_TEST

START_TEST(defaults)
{
	struct verdict v;
	static const char *const texts[] = { "{" HEAD "}", "{" HEAD ",'fix':null}",
		"{" HEAD ",'groups':[],'retry':[],'escalate':false}" };
	for (size_t i = 0; i < COUNT(texts); i++) {
		expect_good(texts[i], &v);
		ck_assert_int_eq(v.relation, RELATION_RELATED);
		ck_assert_int_eq(v.strategy, STRATEGY_PARALLEL);
		ck_assert_uint_eq(v.ngroups, 0);
		ck_assert_uint_eq(v.nretry, 0);
		ck_assert_int_eq(v.fix.kind, FIX_NONE);
		ck_assert(!v.escalate);
		verdict_free(&v);
	}
}
END_TEST

START_TEST(fix_that_runs)
{
	struct verdict v;
	expect_good("{" HEAD ",'fix':{'run':['rm','','-f x']}}", &v);
	ck_assert_int_eq(v.fix.kind, FIX_RUN);
	ck_assert_str_eq(v.fix.argv[0], "rm");
	ck_assert_str_eq(v.fix.argv[1], "");
	ck_assert_str_eq(v.fix.argv[2], "-f x");
	ck_assert_ptr_null(v.fix.argv[3]);
	verdict_free(&v);
}
END_TEST

static const struct {
	const char *text;
	const char *why;
} bad[] = {
	{ "[]", "the verdict: expected a JSON object, got an empty array" },
	{ "null", "the verdict: expected a JSON object, got null" },
	{ "'related'", "the verdict: expected a JSON object, got 'related'" },
	{ "{}", "'relation' is missing in the verdict" },
	{ "{'relation':'related','strategy':'stop'}", "'cause' is missing in the verdict" },
	{ "{'relation':'related','cause':'x'}", "'strategy' is missing in the verdict" },
	{ "{" HEAD ",'retrys':[]}", "unknown key 'retrys' in the verdict, did you mean 'retry'?" },
	{ "{" HEAD ",'confidence':1}", "unknown key 'confidence' in the verdict" },
	{ "{" HEAD ",'x-mine':1}", "unknown key 'x-mine' in the verdict" },
	{ "{" HEAD ",'Fix':null}", "unknown key 'Fix' in the verdict, did you mean 'fix'?" },
	{ "{'relation':'same'}",
	    "'relation': expected 'related', 'independent' or 'unclear', got 'same'" },
	{ "{'relation':'Related'}",
	    "'relation': expected 'related', 'independent' or 'unclear', got 'Related'" },
	{ "{'relation':null}",
	    "'relation': expected 'related', 'independent' or 'unclear', got null" },
	{ "{'strategy':['stop']}",
	    "'strategy': expected 'parallel', 'sequential' or 'stop', got an array" },
	{ "{'cause':''}", "'cause': expected one line that a person can act on, got ''" },
	{ "{'cause':' \\t'}", "'cause': expected one line that a person can act on, got ' \\t'" },
	{ "{'cause':7}", "'cause': expected one line that a person can act on, got a number" },
	{ "{'cause':'a\\nb'}", "'cause': expected one line, not more, got 'a\\nb'" },
	{ "{'cause':'a\\rb'}", "'cause': expected one line, not more, got 'a\\x0db'" },
	{ "{'cause':'a\\u2028b'}", "'cause': expected one line, not more, got 'a\\u{2028}b'" },
	{ "{'cause':'a\\u0085b'}", "'cause': expected one line, not more, got 'a\\u{85}b'" },
	{ "{'escalate':'no'}", "'escalate': expected true or false, got 'no'" },
	{ "{'escalate':null}", "'escalate': expected true or false, got null" },
	{ "{'groups':null}", "'groups': expected an array of groups, got null" },
	{ "{'groups':['db']}", "a group: expected a JSON object, got 'db'" },
	{ "{'groups':[{'cause':'x'}]}", "'tasks' is missing in a group" },
	{ "{'groups':[{'tasks':['db']}]}", "'cause' is missing in a group" },
	{ "{'groups':[{'cause':'','tasks':['db']}]}",
	    "'cause': expected one line that a person can act on, got ''" },
	{ "{'groups':[{'cause':'x','tasks':[]}]}",
	    "'tasks': expected an array of ids, got an empty array" },
	{ "{'groups':[{'cause':'x','tasks':'db'}]}",
	    "'tasks': expected an array of ids, got 'db'" },
	{ "{'groups':[{'cause':'x','tasks':[7]}]}",
	    "'groups': expected ids of tasks that failed, got a number" },
	{ "{'groups':[{'cause':'x','tasks':['sesion']}]}",
	    "'groups': no task 'sesion' failed, did you mean 'session'?" },
	{ "{'groups':[{'cause':'x','tasks':['zzzz']}]}", "'groups': no task 'zzzz' failed" },
	{ "{'groups':[{'cause':'x','tasks':['db','db']}]}",
	    "'groups': task 'db' stands there twice" },
	{ "{'groups':[{'cause':'x','tasks':['db']},{'cause':'y','tasks':['db']}]}",
	    "'groups': task 'db' stands there twice" },
	{ "{'groups':[{'cause':'x','tasks':['db'],'fix':1}]}", "unknown key 'fix' in a group" },
	{ "{'groups':[1,2,3,4,5]}", "'groups': has 5 entries, and 4 tasks failed" },
	{ "{'retry':{}}", "'retry': expected an array of objects, got an empty object" },
	{ "{'retry':['db']}", "an entry of 'retry': expected a JSON object, got 'db'" },
	{ "{'retry':[{'advice':'x'}]}", "'task' is missing in an entry of 'retry'" },
	{ "{'retry':[{'task':'db'},{'task':'db'}]}", "'retry': task 'db' stands there twice" },
	{ "{'retry':[{'task':'DB'}]}", "'retry': no task 'DB' failed, did you mean 'db'?" },
	{ "{'retry':[{'task':7}]}", "'retry': expected ids of tasks that failed, got a number" },
	{ "{'retry':[{'task':'db','advice':''}]}",
	    "'advice': expected a text that is not empty, got ''" },
	{ "{'retry':[{'task':'db','prompt':null}]}",
	    "'prompt': expected a text that is not empty, got null" },
	{ "{'retry':[{'task':'db','timeout':0}]}",
	    "'timeout': expected a duration such as 90, 10m or 2h, longer than none, got a number" },
	{ "{'retry':[{'task':'db','timeout':'0'}]}",
	    "'timeout': expected a duration such as 90, 10m or 2h, longer than none, got '0'" },
	{ "{'retry':[{'task':'db','timeout':-1}]}",
	    "'timeout': expected a duration such as 90, 10m or 2h, longer than none, got a number" },
	{ "{'retry':[{'task':'db','timeout':1e300}]}",
	    "'timeout': expected a duration such as 90, 10m or 2h, longer than none, got a number" },
	{ "{'retry':[{'task':'db','timeout':'soon'}]}",
	    "'timeout': expected a duration such as 90, 10m or 2h, longer than none, got 'soon'" },
	{ "{'retry':[{'task':'db','tiemout':1}]}",
	    "unknown key 'tiemout' in an entry of 'retry', did you mean 'timeout'?" },
	{ "{'fix':'rm'}", "'fix': expected null or an object, got 'rm'" },
	{ "{'fix':false}", "'fix': expected null or an object, got false" },
	{ "{'fix':{}}", "'agent' is missing in 'fix'" },
	{ "{'fix':{'agent':'a'}}", "'prompt' is missing in 'fix'" },
	{ "{'fix':{'agent':'../a','prompt':'x'}}",
	    "'agent': expected the name of an agent, got '../a'" },
	{ "{'fix':{'agent':'a','prompt':' '}}",
	    "'prompt': expected a text that is not empty, got ' '" },
	{ "{'fix':{'run':'rm -rf /'}}",
	    "'run': expected an array of words, the first not empty, got 'rm -rf /'" },
	{ "{'fix':{'run':[]}}",
	    "'run': expected an array of words, the first not empty, got an empty array" },
	{ "{'fix':{'run':['']}}",
	    "'run': expected an array of words, the first not empty, got an array" },
	{ "{'fix':{'run':['a',1]}}", "'run': expected words that are strings, got a number" },
	{ "{'fix':{'run':['a'],'agent':'b'}}", "unknown key 'agent' in a 'fix' with 'run'" },
	{ "{'relation':'\\u001b[2J'}",
	    "'relation': expected 'related', 'independent' or 'unclear', got '\\x1b[2J'" },
};

START_TEST(what_is_wrong)
{
	expect_bad(bad[_i].text, bad[_i].why);
}
END_TEST

START_TEST(no_object)
{
	expect_bad_object(NULL, "the verdict: expected a JSON object, got nothing");
}
END_TEST

/* cJSON itself would take a key twice. */
START_TEST(key_twice)
{
	cJSON *object = cJSON_CreateObject();
	json_add_string(object, "cause", "x");
	json_add_string(object, "cause", "y");
	expect_bad_object(object, "'cause' stands twice in the verdict");
	cJSON_Delete(object);
}
END_TEST

START_TEST(no_tasks_at_all)
{
	cJSON *object = json_of("{" HEAD ",'retry':[{'task':'db'}]}");
	struct verdict v;
	char *why;
	ck_assert(!verdict_parse(object, NULL, 0, &v, &why));
	ck_assert_str_eq(why, "'retry': has 1 entry, and 0 tasks failed");
	free(why);
	cJSON_Delete(object);
	object = json_of("{" HEAD "}");
	ck_assert(verdict_parse(object, NULL, 0, &v, &why));
	verdict_free(&v);
	cJSON_Delete(object);
}
END_TEST

/* A verdict whose cause is so many times this character. */
static cJSON *with_cause(const char *character, size_t times)
{
	struct buf text = BUF_INIT;
	for (size_t i = 0; i < times; i++)
		buf_addstr(&text, character);
	cJSON *object = json_of("{'relation':'unclear','strategy':'stop'}");
	json_add_string(object, "cause", buf_str(&text));
	buf_free(&text);
	return object;
}

START_TEST(length_of_the_cause)
{
	static const char *const characters[] = { "x", "\xc3\xa4", "\xf0\x9f\x98\x80" };
	for (size_t i = 0; i < COUNT(characters); i++) {
		struct verdict v;
		char *why;
		cJSON *object = with_cause(characters[i], CAUSE_MAX);
		ck_assert(verdict_parse(object, ids, COUNT(ids), &v, &why));
		verdict_free(&v);
		cJSON_Delete(object);
		object = with_cause(characters[i], CAUSE_MAX + 1);
		expect_bad_object(object, "'cause': expected at most 500 characters, got 501");
		cJSON_Delete(object);
	}
}
END_TEST

START_TEST(long_texts)
{
	struct buf text = BUF_INIT;
	memset(buf_reserve(&text, VERDICT_TEXT_MAX + 1), 'a', VERDICT_TEXT_MAX + 1);
	text.len = VERDICT_TEXT_MAX + 1;
	cJSON *object = json_of("{" HEAD "}");
	cJSON *fix = cJSON_CreateObject();
	json_add_string(fix, "agent", "a");
	json_add_string(fix, "prompt", buf_str(&text));
	json_add_item(object, "fix", fix);
	expect_bad_object(object, "'prompt': expected at most 262144 bytes, got 262145");
	cJSON_Delete(object);

	object = json_of("{" HEAD "}");
	fix = cJSON_CreateObject();
	cJSON *words = cJSON_CreateArray();
	text.len = 131072;
	cJSON_AddItemToArray(words, cJSON_CreateString(buf_str(&text)));
	json_add_item(fix, "run", words);
	json_add_item(object, "fix", fix);
	ck_assert_uint_gt(strlen(words->child->valuestring), 131071);
	struct verdict v;
	char *why;
	ck_assert(!verdict_parse(object, ids, COUNT(ids), &v, &why));
	ck_assert_ptr_nonnull(strstr(why, "bytes long, and can have 131071"));
	free(why);
	cJSON_Delete(object);
	buf_free(&text);
}
END_TEST

static void print(const cJSON *value, struct buf *out)
{
	buf_reset(out);
	json_print(out, value);
}

START_TEST(there_and_back)
{
	static const char *const texts[] = {
		"{'relation':'independent','cause':'c','groups':[{'cause':'one',"
		"'tasks':['db','session']},{'cause':'other','tasks':['7']}],"
		"'strategy':'sequential','fix':{'agent':'fixer','prompt':'repair'},"
		"'retry':[{'task':'7','advice':'look','prompt':'do','timeout':1200},"
		"{'task':'session'},{'task':'db','timeout':0.25}],'escalate':true}",
		"{'relation':'unclear','cause':'c','groups':[],'strategy':'stop','fix':null,"
		"'retry':[],'escalate':false}",
		"{'relation':'related','cause':'c','groups':[],'strategy':'parallel',"
		"'fix':{'run':['a','b c']},'retry':[],'escalate':false}",
	};
	struct buf first = BUF_INIT;
	struct buf second = BUF_INIT;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct verdict v;
		expect_good(texts[i], &v);
		cJSON *before = json_of(texts[i]);
		cJSON *after = verdict_to_json(&v, ids);
		print(before, &first);
		print(after, &second);
		ck_assert_str_eq(buf_str(&first), buf_str(&second));
		cJSON_Delete(before);
		cJSON_Delete(after);
		verdict_free(&v);
	}
	buf_free(&first);
	buf_free(&second);
}
END_TEST

/* Every cut and every changed byte of a good verdict: taken or refused, with one good line. */
START_TEST(any_bytes)
{
	static const char text[] =
	    "{\"relation\":\"related\",\"cause\":\"x\",\"groups\":[{\"cause\":"
	    "\"y\",\"tasks\":[\"db\",\"7\"]}],\"strategy\":\"stop\",\"fix\":"
	    "{\"agent\":\"a\",\"prompt\":\"b\"},\"retry\":[{\"task\":\"auth\","
	    "\"advice\":\"z\",\"timeout\":\"5m\"}],\"escalate\":true}";
	static const char bytes[] = "\"{}[]:,0a\\ -";
	char copy[sizeof text];
	size_t parsed = 0;
	for (size_t i = 0; i < (sizeof text - 1) * sizeof bytes; i++) {
		struct json_error error;
		struct verdict v;
		char *why;
		memcpy(copy, text, sizeof text);
		copy[i / sizeof bytes] = bytes[i % sizeof bytes];
		cJSON *value = json_parse(copy, sizeof text - 1, &error);
		if (value == NULL)
			continue;
		parsed++;
		if (verdict_parse(value, ids, COUNT(ids), &v, &why)) {
			verdict_free(&v);
		} else {
			ck_assert(why[0] != '\0' && strchr(why, '\n') == NULL);
			ck_assert(utf8_valid(why, strlen(why)));
			free(why);
		}
		cJSON_Delete(value);
	}
	ck_assert_uint_gt(parsed, 100);
}
END_TEST

/* A list of ten thousand failures is read in a moment, and named tasks are the right ones. */
START_TEST(many_tasks)
{
	enum { MANY = 10000 };
	char(*names)[16] = xcalloc(MANY, sizeof *names);
	const char **many = xcalloc(MANY, sizeof *many);
	cJSON *object = json_of("{" HEAD "}");
	cJSON *retry = cJSON_CreateArray();
	for (int i = 0; i < MANY; i++) {
		struct buf name = BUF_INIT;
		buf_addf(&name, "%d", (i * 7919) % MANY);
		memcpy(names[i], buf_str(&name), name.len + 1);
		many[i] = names[i];
		cJSON *entry = cJSON_CreateObject();
		buf_reset(&name);
		buf_addf(&name, "%d", i);
		json_add_string(entry, "task", buf_str(&name));
		cJSON_AddItemToArray(retry, entry);
		buf_free(&name);
	}
	json_add_item(object, "retry", retry);
	struct verdict v;
	char *why;
	ck_assert(verdict_parse(object, many, MANY, &v, &why));
	ck_assert_uint_eq(v.nretry, MANY);
	for (int i = 0; i < MANY; i++) {
		if (atoi(many[v.retry[i].task]) != i)
			ck_abort_msg("entry %d is task %s", i, many[v.retry[i].task]);
	}
	verdict_free(&v);
	cJSON_Delete(object);
	free(many);
	free(names);
}
END_TEST

Suite *verdict_suite(void)
{
	Suite *s = suite_create("verdict");
	TCase *t = tcase_create("verdict");

	tcase_set_timeout(t, 30);
	tcase_add_test(t, all_members);
	tcase_add_test(t, defaults);
	tcase_add_test(t, fix_that_runs);
	tcase_add_loop_test(t, what_is_wrong, 0, COUNT(bad));
	tcase_add_test(t, no_object);
	tcase_add_test(t, key_twice);
	tcase_add_test(t, no_tasks_at_all);
	tcase_add_test(t, length_of_the_cause);
	tcase_add_test(t, long_texts);
	tcase_add_test(t, there_and_back);
	tcase_add_test(t, any_bytes);
	tcase_add_test(t, many_tasks);
	suite_add_tcase(s, t);
	return s;
}
