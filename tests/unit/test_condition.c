#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "shared/text.h"
#include "supervisor/input/condition.h"
#include "tests/unit/template_fixture.h"

Suite *condition_suite(void);

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define N "steps.plan.result.n"

static struct plan plan;
static struct template_scope scope;
static struct buf why;

static void setup(void)
{
	fixture_plan(&plan);
	scope = (struct template_scope){ .plan = &plan, .step = FIXTURE_REVIEW };
	why = (struct buf)BUF_INIT;
}

static void teardown(void)
{
	buf_free(&why);
	plan_free(&plan);
}

static const struct condition *compile(const char *text)
{
	const struct condition *c = condition_compile(text, &scope, &plan.arena, &why);

	ck_assert_msg(c != NULL, "%s: %s", text, buf_str(&why));
	return c;
}

static cJSON *parse(const char *json)
{
	struct json_error error;
	cJSON *value = json != NULL ? json_parse(json, strlen(json), &error) : NULL;

	ck_assert_msg(json == NULL || value != NULL, "%s", json);
	return value;
}

/* A condition, the value that its name has (NULL: none), and what comes of it. */
static const struct holding {
	const char *condition;
	const char *value;
	int expected;
} holdings[] = {
	/* the name alone: true, not 0, not empty */
	{ N, "true", 1 },
	{ N, "false", 0 },
	{ N, "null", 0 },
	{ N, "0", 0 },
	{ N, "-0.0", 0 },
	{ N, "0.1", 1 },
	{ N, "\"\"", 0 },
	{ N, "\"false\"", 1 },
	{ N, "[]", 0 },
	{ N, "[0]", 1 },
	{ N, "{}", 0 },
	{ N, "{\"a\":null}", 1 },
	{ N, NULL, -1 },
	/* numbers */
	{ N " == 0", "0", 1 },
	{ N " != 0", "0", 0 },
	{ N " > 0", "0", 0 },
	{ N " > 0", "1", 1 },
	{ N " >= 1", "1", 1 },
	{ N " < -1.5e1", "-15", 0 },
	{ N " <= -1.5e1", "-15", 1 },
	{ N " == 0.3", "0.3", 1 },
	{ N " == 1", "1.0", 1 },
	{ N " > 0", NULL, -1 },
	{ N " == 0", NULL, -1 },
	{ N " != 0", NULL, -1 },
	/* strings */
	{ N " == partial", "\"partial\"", 1 },
	{ N " == 'partial'", "\"partial\"", 1 },
	{ N " == \"partial\"", "\"partial\"", 1 },
	{ N " != partial", "\"all\"", 1 },
	{ N " == ''", "\"\"", 1 },
	{ N " == ' a \"b\" == '", "\" a \\\"b\\\" == \"", 1 },
	{ N " < b", "\"a\"", 1 },
	{ N " >= 'b'", "\"b\"", 1 },
	{ N " > 'b'", "\"a\"", 0 },
	{ N " == v1.2-x", "\"v1.2-x\"", 1 },
	/* truth values and null */
	{ N " == true", "true", 1 },
	{ N " == true", "false", 0 },
	{ N " == false", "false", 1 },
	{ N " == null", "null", 1 },
	{ N " != null", "0", 1 },
	/* things of two types are not equal */
	{ N " == 5", "\"5\"", 0 },
	{ N " != 5", "\"5\"", 1 },
	{ N " == '5'", "5", 0 },
	{ N " == true", "\"true\"", 0 },
	{ N " == 'true'", "true", 0 },
	{ N " == true", "1", 0 },
	{ N " == null", "false", 0 },
	{ N " == null", "[]", 0 },
	{ N " == ''", "{}", 0 },
	/* and have no order */
	{ N " > 5", "\"6\"", -1 },
	{ N " > '5'", "6", -1 },
	{ N " > 5", "null", -1 },
	{ N " > true", "true", -1 },
	{ N " >= null", "null", -1 },
	{ N " < 5", "[]", -1 },
	/* as it may be written */
	{ "  " N "\t==\n0  ", "0", 1 },
	{ N "==0", "0", 1 },
	{ N ">=0", "0", 1 },
	{ "${{ " N " == 0 }}", "0", 1 },
	{ "${{" N "}}", "0", 0 },
	{ " ${{ " N " }} == 0 ", "0", 1 },
	{ "${{ " N " }}>0", "0", 0 },
};

START_TEST(holds)
{
	const struct holding *h = &holdings[_i];
	const struct condition *c = compile(h->condition);
	cJSON *value = parse(h->value);
	int got = condition_holds(c, value, &why);

	ck_assert_msg(got == h->expected, "%s with %s: %d, %s", h->condition,
	    h->value != NULL ? h->value : "nothing", got, buf_str(&why));
	ck_assert((why.len > 0) == (got == -1));
	ck_assert_str_eq(condition_name(c)->text, N);
	ck_assert_int_eq(condition_name(c)->kind, NAME_TASK_RESULT);
	ck_assert_str_eq(condition_name(c)->path, "n");
	cJSON_Delete(value);
}
END_TEST

START_TEST(says_why_not)
{
	cJSON *value = parse("\"6\"");

	ck_assert_int_eq(condition_holds(compile(N " > 5"), value, &why), -1);
	ck_assert_str_eq(buf_str(&why),
	    "'" N "' is a string, and is to be ordered against a number: only two numbers or two "
	    "strings have an order");
	buf_reset(&why);
	ck_assert_int_eq(condition_holds(compile(N), NULL, &why), -1);
	ck_assert_str_eq(buf_str(&why), "'" N "': there is no such field");
	cJSON_Delete(value);
}
END_TEST

#define NO_LITERAL \
	" is no literal: one number, true, false, null, word or 'string in quotes' is expected, " \
	"and there is one comparison"

static const struct bad {
	const char *condition;
	const char *message;
} bads[] = {
	{ "", "a comparison begins with a name, such as steps.ID.sum.FIELD > 0" },
	{ "  ", "a comparison begins with a name, such as steps.ID.sum.FIELD > 0" },
	{ "== 0", "a comparison begins with a name, such as steps.ID.sum.FIELD > 0" },
	{ "${{ }}", "a comparison begins with a name, such as steps.ID.sum.FIELD > 0" },
	{ "${{ " N, "'${{' without '}}'" },
	{ N " = 0", "'=' does not compare: '==' does" },
	{ N " ==", "nothing stands behind '=='" },
	{ N " > ", "nothing stands behind '>'" },
	{ N " is 0", "expected one of == != < <= > >= and a literal, got 'is 0'" },
	{ N " !", "expected one of == != < <= > >= and a literal, got '!'" },
	{ N " == 'x", "'x: a string ends with the quote that it began with, and nothing follows" },
	{ N " == '", "': a string ends with the quote that it began with, and nothing follows" },
	{ N " == 'x' || true",
	    "'x' || true: a string ends with the quote that it began with, and nothing follows" },
	{ N " > 0 && " N " < 5", "'0 && " N " < 5'" NO_LITERAL },
	{ N " == a b", "'a b'" NO_LITERAL },
	{ N " == ==", "'=='" NO_LITERAL },
	{ N " == [1]", "'[1]'" NO_LITERAL },
	{ N " == {}", "'{}'" NO_LITERAL },
	{ N " > .5",
	    "'.5' is no number that can be compared; a string of digits goes into quotes" },
	{ N " > 01",
	    "'01' is no number that can be compared; a string of digits goes into quotes" },
	{ N " == 99999999999999999999",
	    "'99999999999999999999' is no number that can be compared; a string of digits goes "
	    "into quotes" },
	{ "steps.plam.outcome == all",
	    "unknown name 'steps.plam.outcome', did you mean 'steps.plan.outcome'?" },
	{ "steps.later.outcome == all", "'steps.later.outcome': step 'later' comes later" },
	{ "0 == " N,
	    "unknown name '0'; there are goal, vars.NAME, steps.ID and tasks.ID with what they "
	    "have" },
};

START_TEST(refused)
{
	ck_assert_ptr_null(condition_compile(bads[_i].condition, &scope, &plan.arena, &why));
	ck_assert_str_eq(buf_str(&why), bads[_i].message);
}
END_TEST

/* vars.NAME is NAME itself, but of some. */
static cJSON *look_up(void *context, const char *name, size_t len, struct buf *message)
{
	ck_assert_ptr_eq(context, &scope);
	if (len < 5 || memcmp(name, "vars.", 5) != 0)
		return NULL;
	if (len == 9 && memcmp(name, "vars.none", len) == 0) {
		buf_addstr(message, "no variable 'none'");
		return NULL;
	}
	if (len == 8 && memcmp(name, "vars.two", len) == 0)
		return cJSON_CreateNumber(2);
	return cJSON_CreateString("fast");
}

START_TEST(known_already)
{
	scope.lookup = look_up;
	scope.context = &scope;
	ck_assert_ptr_null(condition_name(compile("vars.mode == fast")));
	ck_assert_int_eq(condition_holds(compile("vars.mode == fast"), NULL, &why), 1);
	ck_assert_int_eq(condition_holds(compile("${{ vars.mode }} != 'fast'"), NULL, &why), 0);
	ck_assert_int_eq(condition_holds(compile("vars.two"), NULL, &why), 1);
	ck_assert_int_eq(condition_holds(compile("vars.two > 2"), NULL, &why), 0);
	ck_assert_int_eq(condition_holds(compile("vars.two > x"), NULL, &why), -1);
	buf_reset(&why);
	ck_assert_ptr_null(condition_compile("vars.none == 1", &scope, &plan.arena, &why));
	ck_assert_str_eq(buf_str(&why), "no variable 'none'");
	/* what is not known is still looked for in the run */
	ck_assert_ptr_nonnull(condition_name(compile(N " > 0")));
}
END_TEST

Suite *condition_suite(void)
{
	Suite *s = suite_create("condition");
	TCase *t = tcase_create("condition");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, holds, 0, COUNT(holdings));
	tcase_add_test(t, says_why_not);
	tcase_add_loop_test(t, refused, 0, COUNT(bads));
	tcase_add_test(t, known_already);
	suite_add_tcase(s, t);
	return s;
}
