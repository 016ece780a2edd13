#include <check.h>
#include <string.h>

#include "supervisor/input/bind.h"
#include "supervisor/input/template.h"
#include "tests/unit/template_fixture.h"

Suite *bind_suite(void);

static struct plan plan;
static struct diag diag;
static struct task *quality, *security;

static void setup(void)
{
	fixture_plan(&plan);
	diag = (struct diag){ 0 };
	quality = &plan.tasks[plan.steps[FIXTURE_REVIEW].first];
	security = quality + 1;
}

static void teardown(void)
{
	diag_free(&diag);
	plan_free(&plan);
}

static void set_text(struct task *task, const char *text)
{
	task->text = text;
	task->text_len = strlen(text);
}

static void bind(void)
{
	templates_bind(&plan, FIXTURE_REVIEW, "list", &diag);
}

static void expect_good(void)
{
	bind();
	ck_assert_msg(diag.count == 0, "%s", diag.lines[0]);
}

static void expect_error(const char *message)
{
	bind();
	ck_assert_uint_eq(diag.count, 1);
	ck_assert_str_eq(diag.lines[0], message);
}

static struct task_more unset(void)
{
	return (
	    struct task_more){ .timeout_ms = UNSET, .idle_timeout_ms = UNSET, .retries = UNSET };
}

START_TEST(plain_prompts)
{
	set_text(quality, "no template, $5 {{ }}");
	set_text(security, "$${{ x }} and $$${{");
	expect_good();
	ck_assert_str_eq(quality->text, "no template, $5 {{ }}");
	ck_assert_ptr_null(quality->more);
	ck_assert_str_eq(security->text, "${{ x }} and $${{");
	ck_assert_uint_eq(security->text_len, strlen(security->text));
	ck_assert_ptr_null(security->more);
	ck_assert(!plan.has_needs);
	/* text that was read once is not read again */
	ck_assert(!security->templated);
	expect_good();
	ck_assert_str_eq(security->text, "${{ x }} and $${{");
}
END_TEST

START_TEST(lines_are_no_templates)
{
	quality->templated = false;
	set_text(quality, "${{ steps.nobody.merged }} $${{");
	expect_good();
	ck_assert_str_eq(quality->text, "${{ steps.nobody.merged }} $${{");
	ck_assert_ptr_null(quality->more);
}
END_TEST

START_TEST(names_of_earlier_steps)
{
	const struct template *t;

	set_text(quality, "Use ${{ steps.research.merged }}");
	expect_good();
	ck_assert_ptr_nonnull(quality->more);
	t = quality->more->prompt;
	ck_assert_ptr_nonnull(t);
	ck_assert_uint_eq(t->count, 2);
	ck_assert_uint_eq(t->parts[0].len, 4);
	ck_assert_int_eq(t->parts[1].name->kind, NAME_STEP_MERGED);
	ck_assert_int_eq(quality->more->timeout_ms, UNSET);
	ck_assert_int_eq(quality->more->idle_timeout_ms, UNSET);
	ck_assert_int_eq(quality->more->retries, UNSET);
	ck_assert_uint_eq(quality->more->nneeds, 0);
	ck_assert(!plan.has_needs);
}
END_TEST

START_TEST(names_of_the_same_step_are_needs)
{
	static const char *const needs[] = { "quality", NULL };
	struct task_more more = unset();
	struct task *third = security + 1;

	more.needs = needs;
	more.nneeds = 1;
	more.priority = 3;
	third->more = &more;
	set_text(third,
	    "${{ tasks.security.output }} ${{ tasks.quality.output }} "
	    "${{ tasks.security.result.x }}");
	set_text(security, "${{ tasks.quality.output }}${{ tasks.quality.output }}");
	expect_good();
	ck_assert_ptr_ne(third->more, &more);
	ck_assert_double_eq(third->more->priority, 3);
	ck_assert_uint_eq(third->more->nwritten, 1);
	ck_assert_uint_eq(third->more->nneeds, 2);
	ck_assert_str_eq(third->more->needs[0], "quality");
	ck_assert_str_eq(third->more->needs[1], "security");
	ck_assert_uint_eq(security->more->nwritten, 0);
	ck_assert_uint_eq(security->more->nneeds, 1);
	ck_assert_str_eq(security->more->needs[0], "quality");
	ck_assert_ptr_null(quality->more);
	ck_assert(plan.has_needs);
}
END_TEST

START_TEST(a_task_by_its_number)
{
	set_text(quality, "${{ tasks.10.output }}");
	expect_good();
	ck_assert_uint_eq(quality->more->nneeds, 1);
	ck_assert_str_eq(quality->more->needs[0], "10");
}
END_TEST

START_TEST(the_own_output)
{
	set_text(quality, "${{ tasks.quality.output }}");
	expect_error("list:8: 'prompt': 'tasks.quality.output' is what this task itself yields");
}
END_TEST

START_TEST(bad_prompts)
{
	set_text(quality, "${{ steps.plam.merged }}");
	set_text(security, "${{ x");
	bind();
	ck_assert_uint_eq(diag.count, 2);
	ck_assert_str_eq(diag.lines[0],
	    "list:8: 'prompt': unknown name 'steps.plam.merged', did you mean 'steps.plan.merged'?");
	ck_assert_str_eq(diag.lines[1],
	    "list:9: 'prompt': '${{' without '}}' (a literal '${{' is written '$${{')");
}
END_TEST

START_TEST(refinements)
{
	struct task_more more = unset(), other = unset();

	more.refine = "again, ${{ attempt.error }}";
	other.refine = "no names, $${{";
	quality->more = &more;
	security->more = &other;
	expect_good();
	ck_assert_ptr_null(quality->more->prompt);
	ck_assert_uint_eq(quality->more->refining->count, 2);
	ck_assert_int_eq(quality->more->refining->parts[1].name->kind, NAME_ATTEMPT_ERROR);
	ck_assert_uint_eq(security->more->refining->count, 2);
}
END_TEST

START_TEST(bad_refinement)
{
	struct task_more more = unset();

	more.refine = "${{ tasks.security.output }}";
	quality->more = &more;
	expect_error(
	    "list:8: 'refine': unknown name 'tasks.security.output'; there are attempt.number, "
	    "attempt.error and attempt.tail");
}
END_TEST

START_TEST(commands_are_unquoted)
{
	static const char *const argv[] = { "echo", "$${{ x }}", "$$ {{", NULL };
	static const struct job_env env[] = { { "A", "1" }, { "B", "$${{" } };
	static const char *const writes[] = { "a", "$${{b" };
	struct task_more more = unset();

	quality->kind = TASK_ARGV;
	more.argv = argv;
	more.env = env;
	more.nenv = 2;
	more.input = "in $${{";
	more.input_len = 7;
	more.cwd = "dir$${{";
	more.writes = writes;
	more.nwrites = 2;
	quality->more = &more;
	security->kind = TASK_SHELL;
	set_text(security, "echo '$${{ github.sha }}' $HOME");
	expect_good();
	ck_assert_str_eq(quality->more->argv[0], "echo");
	ck_assert_str_eq(quality->more->argv[1], "${{ x }}");
	ck_assert_str_eq(quality->more->argv[2], "$$ {{");
	ck_assert_ptr_null(quality->more->argv[3]);
	ck_assert_str_eq(quality->more->env[0].value, "1");
	ck_assert_str_eq(quality->more->env[1].name, "B");
	ck_assert_str_eq(quality->more->env[1].value, "${{");
	ck_assert_str_eq(quality->more->input, "in ${{");
	ck_assert_uint_eq(quality->more->input_len, 6);
	ck_assert_str_eq(quality->more->cwd, "dir${{");
	ck_assert_str_eq(quality->more->writes[1], "${{b");
	ck_assert_str_eq(security->text, "echo '${{ github.sha }}' $HOME");
	ck_assert_uint_eq(security->text_len, strlen(security->text));
}
END_TEST

#define AS_FILES \
	": commands never take results by template: they get them as files, see POLLARD_RESULTS"

START_TEST(results_in_commands)
{
	static const char *const argv[] = { "echo", "${{ tasks.security.output }}", NULL };
	static const struct job_env env[] = { { "A", "x ${{steps.plan.result}}" } };
	struct task_more more = unset();

	quality->kind = TASK_ARGV;
	more.argv = argv;
	more.env = env;
	more.nenv = 1;
	more.input = "${{ steps.plan.merged }}";
	more.cwd = "${{ steps.plan.result.dir }}";
	quality->more = &more;
	security->kind = TASK_SHELL;
	set_text(security, "echo ${{ steps.plan.merged }}");
	bind();
	ck_assert_uint_eq(diag.count, 5);
	ck_assert_str_eq(diag.lines[0], "list:8: 'run'" AS_FILES);
	ck_assert_str_eq(diag.lines[1], "list:8: 'stdin'" AS_FILES);
	ck_assert_str_eq(diag.lines[2],
	    "list:8: 'cwd': 'steps.plan.result.dir' is not known yet when this is fixed: results "
	    "of tasks can be named only in a prompt");
	ck_assert_str_eq(diag.lines[3], "list:8: 'env'" AS_FILES);
	ck_assert_str_eq(diag.lines[4], "list:9: 'run'" AS_FILES);
}
END_TEST

START_TEST(other_names_in_commands)
{
	quality->kind = TASK_SHELL;
	set_text(quality, "echo ${{ github.sha }} ${{ github.ref }}");
	security->kind = TASK_SHELL;
	set_text(security, "echo ${{");
	bind();
	ck_assert_uint_eq(diag.count, 2);
	ck_assert_str_eq(diag.lines[0],
	    "list:8: 'run': unknown name 'github.sha' (a literal '${{' is written '$${{')");
	ck_assert_str_eq(diag.lines[1],
	    "list:9: 'run': '${{' without '}}' (a literal '${{' is written '$${{')");
}
END_TEST

START_TEST(what_a_workflow_settled_is_not_read_again)
{
	plan.document = "{}";
	quality->kind = TASK_SHELL;
	set_text(quality, "echo '${{ steps.plan.merged }}' $${{");
	set_text(security, "${{ steps.plan.merged }}");
	expect_good();
	ck_assert_str_eq(quality->text, "echo '${{ steps.plan.merged }}' $${{");
	ck_assert_ptr_nonnull(security->more->prompt);
}
END_TEST

START_TEST(alone)
{
	struct arena arena = { .kind = ARENA_SMALL };
	struct faults faults = { 0 };
	struct task_more more = unset();
	struct task task = { .kind = TASK_AGENT, .text = "plain $${{", .templated = true };

	more.refine = "${{ attempt.number }}";
	task.more = &more;
	template_bind_alone(&task, &arena, &faults);
	ck_assert_uint_eq(faults.count, 0);
	ck_assert_str_eq(task.text, "plain ${{");
	ck_assert_uint_eq(task.more->refining->count, 1);
	task.templated = true;
	task.text = "${{ tasks.other.output }}";
	template_bind_alone(&task, &arena, &faults);
	ck_assert_uint_eq(faults.count, 1);
	ck_assert_str_eq(buf_str(&faults.lines),
	    "'prompt': 'tasks.other.output': tasks of the same step can be named only in a prompt "
	    "of a list or workflow that is read whole\n");
	fault_free(&faults);
	arena_free(&arena);
}
END_TEST

Suite *bind_suite(void)
{
	Suite *s = suite_create("bind");
	TCase *t = tcase_create("bind");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, plain_prompts);
	tcase_add_test(t, lines_are_no_templates);
	tcase_add_test(t, names_of_earlier_steps);
	tcase_add_test(t, names_of_the_same_step_are_needs);
	tcase_add_test(t, a_task_by_its_number);
	tcase_add_test(t, the_own_output);
	tcase_add_test(t, bad_prompts);
	tcase_add_test(t, refinements);
	tcase_add_test(t, bad_refinement);
	tcase_add_test(t, commands_are_unquoted);
	tcase_add_test(t, results_in_commands);
	tcase_add_test(t, other_names_in_commands);
	tcase_add_test(t, what_a_workflow_settled_is_not_read_again);
	tcase_add_test(t, alone);
	suite_add_tcase(s, t);
	return s;
}
