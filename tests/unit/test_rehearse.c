#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/io.h"
#include "supervisor/input/condition.h"
#include "supervisor/input/rehearse.h"
#include "supervisor/input/template.h"

Suite *rehearse_suite(void);

static char directory[32];
static char path[64];
static struct diag diag;
static struct script *script;

static void setup(void)
{
	strcpy(directory, "/tmp/pollard-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	diag = (struct diag){ 0 };
	script = NULL;
	path[0] = '\0';
}

static void teardown(void)
{
	unlink(path);
	ck_assert_int_eq(rmdir(directory), 0);
	diag_free(&diag);
	script_free(script);
}

static void load(const char *name, const char *text)
{
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	ck_assert_int_eq(replace_file_at(AT_FDCWD, path, text, strlen(text), false), 0);
	script = script_load(path, &diag);
}

static void load_good(const char *text)
{
	load("s.yaml", text);
	if (script == NULL)
		ck_abort_msg("%s", diag.count > 0 ? diag.lines[0] : "no reason");
	ck_assert_uint_eq(diag.count, 0);
}

/* The line without the name of the file. */
static void check_error(size_t i, const char *expected)
{
	ck_assert_uint_lt(i, diag.count);
	ck_assert_int_eq(strncmp(diag.lines[i], path, strlen(path)), 0);
	ck_assert_str_eq(diag.lines[i] + strlen(path), expected);
}

static struct rehearsal find(const char *step, const char *task, const char *agent,
    unsigned attempt)
{
	struct rehearsal found;

	memset(&found, 0x55, sizeof(found));
	script_find(script, step, task, agent, attempt, &found);
	return found;
}

START_TEST(all_keys)
{
	struct rehearsal a;

	load_good("tasks:\n"
		  "  a: { seconds: 2.5, answer: Found, result: { n: 1, list: [] } }\n"
		  "  b: { seconds: 2m, fail: no such table, exit: 3 }\n"
		  "  c: { timeout: true }\n"
		  "  d: { fail: true }\n"
		  "  e: { exit: 4 }\n"
		  "  f: { answer: 12.50 }\n"
		  "  g: { fail: false, timeout: false }\n");
	a = find("1", "a", NULL, 1);
	ck_assert_int_eq(a.delay_ms, 2500);
	ck_assert_str_eq(a.answer, "Found");
	ck_assert_str_eq(a.structured, "{\"n\":1,\"list\":[]}");
	ck_assert(!a.fails && !a.times_out);
	ck_assert_int_eq(a.exit_status, -1);
	a = find("1", "b", NULL, 1);
	ck_assert_int_eq(a.delay_ms, 120000);
	ck_assert(a.fails);
	ck_assert_str_eq(a.error, "no such table");
	ck_assert_int_eq(a.exit_status, 3);
	ck_assert_ptr_null(a.answer);
	ck_assert(find("1", "c", NULL, 1).times_out);
	a = find("1", "d", NULL, 1);
	ck_assert(a.fails);
	ck_assert_ptr_null(a.error);
	ck_assert_int_eq(a.exit_status, -1);
	a = find("1", "e", NULL, 1);
	ck_assert(a.fails);
	ck_assert_int_eq(a.exit_status, 4);
	ck_assert_str_eq(find("1", "f", NULL, 1).answer, "12.50");
	a = find("1", "g", NULL, 1);
	ck_assert(!a.fails && !a.times_out);
}
END_TEST

START_TEST(json_form)
{
	load("s.json", "{\"default\":{\"answer\":\"yes\"}}");
	ck_assert_ptr_nonnull(script);
	ck_assert_str_eq(find("1", "a", NULL, 1).answer, "yes");
}
END_TEST

START_TEST(precedence)
{
	struct rehearsal a;

	load_good("tasks: { s.t: { answer: both }, t: { answer: task } }\n"
		  "agents: { x: { answer: agent } }\n"
		  "default: { seconds: 1 }\n");
	ck_assert_str_eq(find("s", "t", "x", 1).answer, "both");
	ck_assert_str_eq(find("other", "t", "x", 1).answer, "task");
	a = find("s", "u", "x", 1);
	ck_assert_str_eq(a.answer, "agent");
	/* what is found first counts alone */
	ck_assert_int_eq(a.delay_ms, 0);
	a = find("s", "u", "y", 1);
	ck_assert_ptr_null(a.answer);
	ck_assert_int_eq(a.delay_ms, 1000);
	ck_assert_int_eq(find("s", "u", NULL, 1).delay_ms, 1000);
}
END_TEST

START_TEST(attempts)
{
	load_good("tasks: { t: [ { fail: true }, { answer: second }, { answer: last } ] }\n");
	ck_assert(find("s", "t", NULL, 1).fails);
	ck_assert_str_eq(find("s", "t", NULL, 2).answer, "second");
	ck_assert_str_eq(find("s", "t", NULL, 3).answer, "last");
	ck_assert_str_eq(find("s", "t", NULL, 9).answer, "last");
}
END_TEST

START_TEST(nothing_matches)
{
	struct rehearsal a;

	if (_i == 1)
		load_good("tasks: { t: { answer: x } }\n");
	a = find("s", "u", NULL, 1);
	ck_assert_int_eq(a.delay_ms, 0);
	ck_assert_ptr_null(a.answer);
	ck_assert_ptr_null(a.structured);
	ck_assert_ptr_null(a.error);
	ck_assert(!a.fails && !a.times_out);
	ck_assert_int_eq(a.exit_status, -1);
}
END_TEST

#define EXPECTED_ENTRY "expected an object such as {seconds: 1, answer: done}"

static const struct {
	const char *text;
	const char *error;
} bad[] = {
	{ "- 1\n", ":1:1: expected an object with the keys 'tasks', 'agents' and 'default'" },
	{ "task: {}\n", ":1:1: unknown key 'task', did you mean 'tasks'?" },
	{ "steps: {}\n", ":1:1: unknown key 'steps', expected 'tasks', 'agents' or 'default'" },
	{ "tasks: []\n", ":1:8: 'tasks': expected an object with tasks as keys" },
	{ "agents: 1\n", ":1:9: 'agents': expected an object with agents as keys" },
	{ "default: yes\n", ":1:10: " EXPECTED_ENTRY },
	{ "default: []\n", ":1:10: expected at least one attempt in the list" },
	{ "tasks:\n  a: [ {}, 1 ]\n", ":2:12: " EXPECTED_ENTRY },
	{ "default: { second: 1 }\n", ":1:12: unknown key 'second', did you mean 'seconds'?" },
	{ "default: { x: 1 }\n",
	    ":1:12: unknown key 'x', expected seconds, answer, result, fail, exit or timeout" },
	{ "default: { seconds: -1 }\n",
	    ":1:21: 'seconds': expected a number of seconds or a duration such as 2m" },
	{ "default: { seconds: 12:30 }\n",
	    ":1:21: 'seconds': expected a number of seconds or a duration such as 2m" },
	{ "default: { answer: [] }\n", ":1:20: 'answer': expected a text" },
	{ "default: { result: [] }\n", ":1:20: 'result': expected an object" },
	{ "default: { fail: 1 }\n",
	    ":1:18: 'fail': expected true, or one line that says what is wrong" },
	{ "default: { fail: \"a\\nb\" }\n",
	    ":1:18: 'fail': expected true, or one line that says what is wrong" },
	{ "default: { exit: 0 }\n", ":1:18: 'exit': expected an exit status from 1 to 255" },
	{ "default: { exit: 1.5 }\n", ":1:18: 'exit': expected an exit status from 1 to 255" },
	{ "default: { timeout: 1 }\n", ":1:21: 'timeout': expected true or false" },
	{ "default: { timeout: true, fail: true }\n",
	    ":1:10: 'timeout' and 'fail' cannot both be how it fails" },
	{ "default: { timeout: true, exit: 1 }\n",
	    ":1:10: 'timeout' and 'exit' cannot both be how it fails" },
	{ "default: { fail: false, exit: 1 }\n",
	    ":1:10: 'exit' says that it fails, and 'fail' that it does not" },
};

START_TEST(errors)
{
	load("s.yaml", bad[_i].text);
	ck_assert_ptr_null(script);
	ck_assert_uint_eq(diag.count, 1);
	check_error(0, bad[_i].error);
}
END_TEST

START_TEST(all_errors_at_once)
{
	load("s.yaml", "tasks: { a: { seconds: no }, b: 1 }\ndefault: { exit: x }\n");
	ck_assert_ptr_null(script);
	ck_assert_uint_eq(diag.count, 3);
}
END_TEST

START_TEST(no_file)
{
	snprintf(path, sizeof(path), "%s/none.yaml", directory);
	ck_assert_ptr_null(script_load(path, &diag));
	check_error(0, ": cannot read the script of the rehearsal: No such file or directory");
}
END_TEST

START_TEST(not_yaml)
{
	load("s.yaml", "tasks: { a: [\n");
	ck_assert_ptr_null(script);
	ck_assert_uint_ge(diag.count, 1);
}
END_TEST

/* A plan with the tasks a.b of step s, and whatever task of step made. */
static bool known_task(void *context, const char *step, const char *task)
{
	bool in_s = step == NULL || strcmp(step, "s") == 0;

	(void)context;
	if (step != NULL && strcmp(step, "made") == 0)
		return true;
	return in_s && (task == NULL || strcmp(task, "a.b") == 0);
}

static bool known_agent(void *context, const char *name)
{
	(void)context;
	return strcmp(name, "reviewer") == 0;
}

START_TEST(known_names)
{
	load_good("tasks: { a.b: {}, s.a.b: {}, made.x: {}, made.merge: {}, s.merge: {},\n"
		  "  debugger: {}, s.debugger: {} }\n"
		  "agents: { reviewer: {} }\n");
	script_check(script, known_task, known_agent, NULL, &diag);
	ck_assert_msg(diag.count == 0, "%s", diag.lines[0]);
}
END_TEST

/* What a foreach makes is known by the form of its ids, as far as that goes. */
START_TEST(names_of_foreach)
{
	static const struct {
		const char *task, *key, *value;
		bool fits;
	} cases[] = {
		{ "{\"id\":\"${{ item.id }}\"}", "id", "any-id", true },
		{ "{\"id\":\"${{ item.id }}\"}", "id", "no id", false },
		{ "{\"id\":\"${{ item.id }}\"}", "id", "-x", false },
		{ "{\"id\":\"fix-${{ item.id }}\"}", "id", "fix-a", true },
		{ "{\"id\":\"fix-${{ item.id }}\"}", "id", "fxi-a", false },
		{ "{\"id\":\"${{ item.a }}.${{ item.b }}.c\"}", "id", "1.2.c", true },
		{ "{\"id\":\"${{ item.a }}.${{ item.b }}.c\"}", "id", "1.c", false },
		{ "{\"id\":\"one\"}", "id", "one", true },
		{ "{\"id\":\"one\"}", "id", "ones", false },
		{ "{\"run\":\"x\"}", "id", "12", true },
		{ "{\"run\":\"x\"}", "id", "012", false },
		{ "{\"run\":\"x\"}", "id", "a", false },
		{ "{\"agent\":\"writer\"}", "agent", "writer", true },
		{ "{\"agent\":\"writer\"}", "agent", "reviewer", false },
		{ "{\"agent\":\"${{ item.by }}\"}", "agent", "reviewer", true },
		{ "{\"run\":\"x\"}", "agent", "writer", false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct foreach f = { .task = cases[i].task,
			.task_len = strlen(cases[i].task) };
		ck_assert_msg(script_fits(&f, cases[i].key, cases[i].value) == cases[i].fits,
		    "%s: %s", cases[i].task, cases[i].value);
	}
}
END_TEST

START_TEST(unknown_names)
{
	load_good("tasks:\n  b: {}\n  s.b: {}\n  t.a.b: {}\n  t.merge: {}\n  merge: {}\n"
		  "agents:\n  writer: {}\n");
	script_check(script, known_task, known_agent, NULL, &diag);
	ck_assert_uint_eq(diag.count, 6);
	check_error(0, ":2:3: no task 'b' here, expected TASK, STEP.TASK, STEP.merge or debugger");
	check_error(5, ":8:3: no task has the agent 'writer'");
}
END_TEST

/* Zeros: a plan of the steps plan, with one task, and use, with whatever uses its result. */

#define STEPS 2

static struct task tasks[2];
static struct task_more more;
static struct step_more step_more;
static struct foreach foreach;
static struct step steps[STEPS];
static struct plan plan;

static void make_plan(void)
{
	tasks[0] = (struct task){ .id = "plan", .text = "", .kind = TASK_SHELL };
	tasks[1] = (struct task){ .id = "use", .text = "", .kind = TASK_SHELL, .more = &more };
	more = (struct task_more){ 0 };
	step_more = (struct step_more){ .retries = UNSET };
	foreach = (struct foreach){ 0 };
	steps[0] = (struct step){ .id = "plan", .first = 0, .count = 1 };
	steps[1] = (struct step){ .id = "use", .first = 1, .count = 1, .more = &step_more };
	plan = (struct plan){ .tasks = tasks, .ntasks = 2, .steps = steps, .nsteps = STEPS };
}

static struct name result_name(const char *field)
{
	return (struct name){ .kind = NAME_TASK_RESULT, .path = field };
}

static void check_zeros(const char *expected)
{
	char *zeros = rehearse_zeros(&plan, 0, 0);

	ck_assert_str_eq(zeros, expected);
	free(zeros);
}

START_TEST(zeros_of_nothing)
{
	make_plan();
	check_zeros("{}");
}
END_TEST

START_TEST(zeros_of_templates)
{
	const struct name names[] = {
		{ .kind = NAME_STEP_SUM, .path = "critical" },
		{ .kind = NAME_TASK_RESULT, .path = "a.b" },
		{ .kind = NAME_TASK_RESULT, .path = "a.c", .task = "plan" },
		{ .kind = NAME_TASK_RESULT, .path = "x", .task = "other" },
		{ .kind = NAME_TASK_RESULT, .path = "y", .step = 1 },
		{ .kind = NAME_TASK_RESULT, .path = "" },
		{ .kind = NAME_STEP_MERGED },
		/* what is summed is a number also here */
		{ .kind = NAME_TASK_RESULT, .path = "n" },
		{ .kind = NAME_STEP_COUNT, .path = "n" },
	};
	struct template_part parts[10] = { { .text = "text", .len = 4 } };
	const struct template template = { parts, 10 };

	make_plan();
	for (size_t i = 0; i < 9; i++)
		parts[i + 1].name = &names[i];
	if (_i == 0)
		more.prompt = &template;
	else if (_i == 1)
		more.refining = &template;
	else
		step_more.merge_prompt = &template;
	check_zeros("{\"critical\":0,\"n\":0,\"a\":{\"b\":\"\",\"c\":\"\"}}");
}
END_TEST

START_TEST(zeros_of_a_list)
{
	const struct name list = result_name("items"), text = result_name("items");
	const struct template_part part = { .name = &text };
	const struct template template = { &part, 1 };

	make_plan();
	foreach.in = &list;
	step_more.foreach = &foreach;
	more.prompt = &template;
	check_zeros("{\"items\":[]}");
}
END_TEST

START_TEST(zeros_of_conditions)
{
	static const struct {
		const char *when;
		const char *zeros;
	} cases[] = {
		{ "steps.plan.result.n > 0", "{\"n\":0}" },
		{ "steps.plan.result.n == -1", "{\"n\":0}" },
		{ "${{ steps.plan.result.a.n != 2 }}", "{\"a\":{\"n\":0}}" },
		{ "steps.plan.result.ok == true", "{\"ok\":false}" },
		{ "steps.plan.result.ok", "{\"ok\":false}" },
		{ "steps.plan.result.kind == 'big'", "{\"kind\":\"\"}" },
		{ "steps.plan.sum.critical > 0", "{\"critical\":0}" },
		{ "steps.plan.outcome == all", "{}" },
	};
	const struct template_scope scope = { .plan = &plan, .step = 1 };
	struct arena arena = { .kind = ARENA_SMALL };
	struct step_more single = { .single = true, .retries = UNSET };
	struct buf why = BUF_INIT;

	make_plan();
	steps[0].more = &single;
	step_more.when_text = cases[_i].when;
	step_more.when = condition_compile(cases[_i].when, &scope, &arena, &why);
	ck_assert_msg(step_more.when != NULL, "%s", buf_str(&why));
	check_zeros(cases[_i].zeros);
	arena_free(&arena);
	buf_free(&why);
}
END_TEST

/* The tasks of a `foreach` are text until they are made. */
START_TEST(zeros_of_tasks_to_be_made)
{
	struct step_more single = { .single = true, .retries = UNSET };
	const struct name list = result_name("items");

	make_plan();
	steps[0].more = &single;
	foreach.in = &list;
	foreach.as = "item";
	foreach.task = "{\"id\":\"${{ item.id }}\",\"prompt\":\"${{ steps.plan.result.style }} "
		       "$${{ steps.plan.result.not }}\"}";
	foreach.task_len = strlen(foreach.task);
	step_more.foreach = &foreach;
	check_zeros("{\"items\":[],\"style\":\"\"}");
}
END_TEST

Suite *rehearse_suite(void)
{
	Suite *suite = suite_create("rehearse");
	TCase *tc = tcase_create("script"), *zeros = tcase_create("zeros");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, all_keys);
	tcase_add_test(tc, json_form);
	tcase_add_test(tc, precedence);
	tcase_add_test(tc, attempts);
	tcase_add_loop_test(tc, nothing_matches, 0, 2);
	tcase_add_loop_test(tc, errors, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tc, all_errors_at_once);
	tcase_add_test(tc, no_file);
	tcase_add_test(tc, not_yaml);
	tcase_add_test(tc, known_names);
	tcase_add_test(tc, names_of_foreach);
	tcase_add_test(tc, unknown_names);
	suite_add_tcase(suite, tc);
	tcase_add_test(zeros, zeros_of_nothing);
	tcase_add_loop_test(zeros, zeros_of_templates, 0, 3);
	tcase_add_test(zeros, zeros_of_a_list);
	tcase_add_loop_test(zeros, zeros_of_conditions, 0, 8);
	tcase_add_test(zeros, zeros_of_tasks_to_be_made);
	suite_add_tcase(suite, zeros);
	return suite;
}
