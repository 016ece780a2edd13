#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "shared/buf.h"
#include "shared/json.h"
#include "supervisor/commands/advice.h"

Suite *advice_suite(void);

static struct advice advice;
static struct buf text;

static void setup(void)
{
	advice = (struct advice){ 0 };
	text = (struct buf)BUF_INIT;
}

static void teardown(void)
{
	advice_free(&advice);
	buf_free(&text);
}

/* A record that is written with ' for ". */
static cJSON *record(const char *written)
{
	struct json_error error;
	char *copy = strdup(written);

	for (char *c = copy; *c != '\0'; c++)
		if (*c == '\'')
			*c = '"';
	cJSON *object = json_parse(copy, strlen(copy), &error);
	ck_assert_msg(object != NULL, "%s: %s", error.message, copy);
	free(copy);
	return object;
}

static void feed(void (*to)(struct advice *, const cJSON *), const char *written)
{
	cJSON *object = record(written);

	to(&advice, object);
	cJSON_Delete(object);
}

static void task(const char *written, bool failed)
{
	cJSON *object = record(written);

	advice_about(&advice, object);
	json_add_string(object, "status", failed ? "failed" : "succeeded");
	advice_attempt(&advice, object);
	cJSON_Delete(object);
}

static void expect(const char *expected)
{
	buf_reset(&text);
	advice_print(&advice, &text);
	ck_assert_str_eq(buf_str(&text), expected);
}

static const char for_b[] =
    "{'event':'verdict','step':'1','level':2,'debugger':'builtin','valid':true,'error':null,"
    "'answer':null,'seconds':0.1,'verdict':{'relation':'independent','cause':'two causes',"
    "'groups':[{'cause':'no table','tasks':['b','d']},{'cause':'no disk','tasks':['c']}],"
    "'strategy':'sequential','fix':{'run':['mkdir','/tmp/x']},"
    "'retry':[{'task':'b','advice':'One file\\nonly','timeout':'20m'}],'escalate':false}}";

START_TEST(a_task_that_is_named)
{
	task("{'step':'1','task':'b'}", true);
	feed(advice_record, for_b);
	feed(advice_record,
	    "{'event':'fix','step':'1','agent':'fixer','prompt':'Mend','run':null,"
	    "'status':'failed','error':'exit 4','seconds':61}");
	expect("\nverdict of the built-in debugger (level 2, took 0.1s): independent\n"
	       "  cause      two causes\n"
	       "  group      no table\n"
	       "  strategy   sequential\n"
	       "  fix        mkdir /tmp/x\n"
	       "  advice     One file\\nonly\n"
	       "  timeout    20m\n"
	       "\nfix carried out (took 1m 01s): failed\n"
	       "  fix        agent fixer: Mend\n"
	       "  error      exit 4\n");
}
END_TEST

START_TEST(a_task_that_is_not_named)
{
	task("{'step':'1','task':'a'}", true);
	feed(advice_record, for_b);
	feed(advice_record, "{'event':'fix','step':'1','run':['x'],'status':'succeeded'}");
	expect("");
}
END_TEST

START_TEST(a_verdict_that_names_none)
{
	static const char verdict[] =
	    "{'event':'verdict','step':'1','level':1,'debugger':'doctor','seconds':2,"
	    "'verdict':{'relation':'related','cause':'all','groups':[],'strategy':'stop',"
	    "'fix':null,'retry':[],'escalate':true}}";

	task("{'step':'1','task':'a'}", false);
	feed(advice_record, verdict);
	/* of those that failed only */
	expect("");
	task("{'step':'2','task':'a'}", true);
	feed(advice_record, verdict);
	expect("");
	teardown();
	setup();
	task("{'step':'1','task':'a'}", true);
	feed(advice_record, verdict);
	expect("\nverdict of the doctor debugger (level 1, took 2.0s): related\n"
	       "  cause      all\n"
	       "  strategy   stop\n"
	       "  escalate   a person must decide\n");
}
END_TEST

START_TEST(what_was_no_verdict)
{
	task("{'step':'1','task':'a'}", true);
	feed(advice_record,
	    "{'event':'verdict','step':'1','level':1,'debugger':'d\\u001b',"
	    "'valid':false,'error':'unknown key','verdict':null,"
	    "'answer':'I\\u0007 think','seconds':2}");
	expect("\nverdict of the d\\x1b debugger (level 1, took 2.0s): none\n"
	       "  error      unknown key\n"
	       "  answer     I\\x07 think\n");
}
END_TEST

START_TEST(one_id_in_two_steps)
{
	feed(advice_about, "{'step':'1','task':'b'}");
	feed(advice_about, "{'step':'2','task':'b'}");
	feed(advice_attempt, "{'step':'2','task':'b','status':'failed'}");
	feed(advice_record, "{'event':'verdict','step':'1','level':1,'verdict':null,'seconds':1}");
	expect("");
	feed(advice_record, "{'event':'verdict','step':'2','level':1,'verdict':null,'seconds':1}");
	expect("\nverdict of the built-in debugger (step 2, level 1, took 1.0s): none\n");
}
END_TEST

START_TEST(it_is_bounded)
{
	task("{'step':'1','task':'b'}", true);
	for (int i = 0; i < 3000; i++)
		feed(advice_record, for_b);
	buf_reset(&text);
	advice_print(&advice, &text);
	ck_assert_uint_lt(text.len, 300 * 1024);
	ck_assert_ptr_nonnull(strstr(buf_str(&text), " more, which the journal has\n"));
}
END_TEST

START_TEST(bad_records_are_ignored)
{
	task("{'step':'1','task':'b'}", true);
	feed(advice_about, "{'step':5,'task':'b'}");
	feed(advice_record, "{'event':3,'step':'1'}");
	feed(advice_record, "{'event':'fix','step':'1'}");
	feed(advice_record, "{'event':'verdict','step':'9'}");
	feed(advice_record, "{'event':'recovery','step':'1','text':'x'}");
	expect("");
	feed(advice_record,
	    "{'event':'verdict','step':'1','seconds':'x','level':-3,"
	    "'verdict':{'groups':[],'retry':8,'fix':{'run':[4]}}}");
	expect("\nverdict of the built-in debugger (took 0.0s): none\n"
	       "  fix        '?'\n");
}
END_TEST

Suite *advice_suite(void)
{
	Suite *suite = suite_create("advice");
	TCase *tests = tcase_create("advice");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_task_that_is_named);
	tcase_add_test(tests, a_task_that_is_not_named);
	tcase_add_test(tests, a_verdict_that_names_none);
	tcase_add_test(tests, what_was_no_verdict);
	tcase_add_test(tests, one_id_in_two_steps);
	tcase_add_test(tests, it_is_bounded);
	tcase_add_test(tests, bad_records_are_ignored);
	suite_add_tcase(suite, tests);
	return suite;
}
