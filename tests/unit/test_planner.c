/* What is planned of a step, and why. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/plan/effective.h"
#include "supervisor/plan/plan_print.h"
#include "supervisor/plan/planner.h"

Suite *planner_suite(void);

#define TASKS_MAX 20

/* A step as it was read. Emptied by done(). */
static struct plan plan;
static struct step step;
static struct step_more more_of_step;
static struct task tasks[TASKS_MAX];
static struct task_more more[TASKS_MAX];
static struct config config;
static struct step_plan planned;
static struct diag diag;

static const char *const ids[TASKS_MAX] = { "a", "b", "c", "d", "e", "f", "g", "h" };

static void make(size_t count)
{
	config = (struct config){ .jobs = 4 };
	more_of_step = (struct step_more){ .limits.jobs = UNSET, .retries = UNSET };
	step = (struct step){ .id = "s", .count = count };
	for (size_t i = 0; i < count; i++) {
		more[i] = (struct task_more){ .timeout_ms = UNSET, .retries = UNSET };
		tasks[i] = (struct task){ .id = ids[i],
			.text = "make",
			.text_len = 4,
			.kind = TASK_SHELL,
			.line = (uint32_t)i + 1,
			.more = &more[i] };
		idset_add(&step.ids, ids[i], (uint32_t)i + 1, 0);
	}
	plan = (struct plan){ .tasks = tasks,
		.ntasks = count,
		.steps = &step,
		.nsteps = 1,
		.limits.jobs = UNSET };
}

static void need(size_t task, const char *const *needs, size_t nwritten, size_t nneeds)
{
	more[task].needs = needs;
	more[task].nwritten = nwritten;
	more[task].nneeds = nneeds;
}

static void write_to(size_t task, const char *const *patterns)
{
	more[task].writes = patterns;
	more[task].nwrites = 1;
	more[task].says_writes = true;
}

static void plan_it(void)
{
	planner_free(&planned);
	planner_step(&planned, &config, &plan, &step);
}

static void done(void)
{
	planner_free(&planned);
	idset_free(&step.ids);
	diag_free(&diag);
	diag = (struct diag){ .count = 0 };
}

/* "a b | c": a and b start together, then c. */
static void expect_waves(const char *expected)
{
	struct buf got = BUF_INIT;
	for (size_t w = 0; w < planned.nwaves; w++) {
		buf_addstr(&got, w > 0 ? " |" : "");
		for (size_t i = 0; i < planned.waves[w].count; i++)
			buf_addf(&got, "%s%s", w + i > 0 ? " " : "",
			    tasks[planned.order[planned.waves[w].first + i]].id);
	}
	ck_assert_str_eq(buf_str(&got), expected);
	buf_free(&got);
}

static void expect_advice(enum recommendation recommendation, enum advice_kind kind)
{
	ck_assert_str_eq(recommendation_text(planned.recommendation),
	    recommendation_text(recommendation));
	ck_assert_msg(planned.advice[kind], "not told: %s", advice_name(kind));
}

static const struct plan_edge *edge(enum edge_kind kind, size_t task)
{
	for (size_t i = 0; i < planned.nedges; i++)
		if (planned.edges[i].kind == kind && planned.edges[i].task == task)
			return &planned.edges[i];
	return NULL;
}

START_TEST(independent_tasks)
{
	make(3);
	plan_it();
	expect_waves("a b c");
	expect_advice(RECOMMEND_PARALLEL, ADVICE_INDEPENDENT);
	ck_assert_uint_eq(planned.nedges, 0);
}
END_TEST

START_TEST(slots_make_waves_but_no_recommendation)
{
	make(5);
	config.jobs = 2;
	plan_it();
	expect_waves("a b | c d | e");
	expect_advice(RECOMMEND_PARALLEL, ADVICE_INDEPENDENT);
	ck_assert_uint_eq(planned.nedges, 3);
	ck_assert_ptr_nonnull(edge(EDGE_SLOTS, 2));
	ck_assert_ptr_nonnull(edge(EDGE_SLOTS, 4));
}
END_TEST

START_TEST(needs_and_templates)
{
	static const char *const of_c[] = { "a", "b" };
	static const char *const of_d[] = { "c" };
	make(4);
	need(2, of_c, 1, 2);
	need(3, of_d, 1, 1);
	plan_it();
	expect_waves("a b | c | d");
	expect_advice(RECOMMEND_MIXED, ADVICE_DEPENDENCIES);
	ck_assert_uint_eq(planned.nedges, 3);
	ck_assert_uint_eq(edge(EDGE_NEEDS, 2)->on, 0);
	ck_assert_uint_eq(edge(EDGE_TEMPLATE, 2)->on, 1);
	ck_assert_uint_eq(edge(EDGE_NEEDS, 3)->on, 2);
}
END_TEST

START_TEST(a_chain_is_sequential)
{
	static const char *const of_b[] = { "a" };
	make(2);
	need(1, of_b, 1, 1);
	plan_it();
	expect_waves("a | b");
	expect_advice(RECOMMEND_SEQUENTIAL, ADVICE_DEPENDENCIES);
}
END_TEST

START_TEST(same_files)
{
	static const char *const src[] = { "src/*.c" };
	static const char *const file[] = { "./src/x.c" };
	make(3);
	write_to(0, src);
	write_to(2, file);
	plan_it();
	expect_waves("a b | c");
	expect_advice(RECOMMEND_MIXED, ADVICE_SAME_FILES);
	const struct plan_edge *e = edge(EDGE_CONFLICT, 2);
	ck_assert_uint_eq(e->on, 0);
	ck_assert_str_eq(e->pattern, "./src/x.c");
	ck_assert_str_eq(e->pattern_on, "src/*.c");
	ck_assert_uint_eq(planned.nedges, 1);
}
END_TEST

START_TEST(tokens)
{
	make(3);
	config.tokens_at_once = 100;
	for (size_t i = 0; i < 3; i++)
		more[i].tokens = 50;
	plan_it();
	expect_waves("a b | c");
	expect_advice(RECOMMEND_MIXED, ADVICE_TOKENS);
	ck_assert_uint_eq(planned.tokens, 150);
	ck_assert_ptr_nonnull(edge(EDGE_TOKENS, 2));
	config.tokens_at_once = 60;
	plan_it();
	expect_waves("a | b | c");
	expect_advice(RECOMMEND_SEQUENTIAL, ADVICE_TOKENS);
}
END_TEST

START_TEST(one_task_or_asked_for)
{
	make(1);
	plan_it();
	expect_advice(RECOMMEND_SEQUENTIAL, ADVICE_ONE_TASK);
	done();
	make(2);
	config.sequential = true;
	plan_it();
	expect_waves("a | b");
	expect_advice(RECOMMEND_SEQUENTIAL, ADVICE_ASKED);
	config.sequential = false;
	step.more = &more_of_step;
	more_of_step.sequential = true;
	plan_it();
	expect_waves("a | b");
	expect_advice(RECOMMEND_SEQUENTIAL, ADVICE_ASKED);
}
END_TEST

START_TEST(tasks_that_are_not_known_yet)
{
	const struct foreach made_later = { .max = 3 };
	make(1);
	step.count = 0;
	step.more = &more_of_step;
	more_of_step.foreach = &made_later;
	plan_it();
	expect_waves("");
	expect_advice(RECOMMEND_PARALLEL, ADVICE_UNKNOWN);
	more_of_step.foreach = NULL;
}
END_TEST

START_TEST(nothing_to_do)
{
	make(1);
	step.count = 0;
	plan_it();
	expect_waves("");
	expect_advice(RECOMMEND_SEQUENTIAL, ADVICE_NO_TASK);
}
END_TEST

START_TEST(priority_goes_first)
{
	make(3);
	config.jobs = 1;
	more[2].priority = 5;
	plan_it();
	expect_waves("c | a | b");
}
END_TEST

START_TEST(which_limit_holds)
{
	make(2);
	step.more = &more_of_step;
	plan.document = "{}";
	ck_assert_uint_eq(effective_jobs(&config, &plan, &step), 4);
	plan.limits.jobs = 3;
	plan.limits.tokens_at_once = 30;
	plan.has_require = true;
	plan.require = (struct require){ .kind = REQUIRE_COUNT, .number = 3 };
	ck_assert_uint_eq(effective_jobs(&config, &plan, &step), 3);
	ck_assert_uint_eq(effective_tokens_at_once(&config, &plan, &step), 30);
	ck_assert_int_eq(effective_require(&config, &plan).kind, REQUIRE_COUNT);
	config.jobs_given = config.require_given = true;
	config.tokens_at_once = 40;
	ck_assert_uint_eq(effective_jobs(&config, &plan, &step), 4);
	ck_assert_uint_eq(effective_tokens_at_once(&config, &plan, &step), 40);
	ck_assert_int_eq(effective_require(&config, &plan).kind, REQUIRE_ALL);
	more_of_step.limits = (struct limits){ .jobs = 2, .tokens_at_once = 20 };
	ck_assert_uint_eq(effective_jobs(&config, &plan, &step), 2);
	ck_assert_uint_eq(effective_tokens_at_once(&config, &plan, &step), 20);
	more_of_step.limits.jobs = 0;
	ck_assert_uint_eq(effective_jobs(&config, &plan, &step), 0);
	config.sequential = true;
	ck_assert_uint_eq(effective_jobs(&config, &plan, &step), 1);
	ck_assert_int_eq(effective_step_require(&step).kind, REQUIRE_PARTIAL);
}
END_TEST

START_TEST(strict_scopes)
{
	static const char *const file[] = { "x" };
	static const char *const of_c[] = { "a", "b" };
	make(3);
	config.strict_scopes = true;
	write_to(0, file);
	need(2, of_c, 2, 2);
	planner_check(&config, &plan, &step, "list", &diag);
	/* a says it, and nobody runs beside c */
	ck_assert_uint_eq(diag.count, 1);
	ck_assert_ptr_nonnull(
	    strstr(diag.lines[0], "list:2: task 'b' does not say what it writes"));
	config.jobs = 1;
	planner_check(&config, &plan, &step, "list", &diag);
	ck_assert_uint_eq(diag.count, 1);
}
END_TEST

START_TEST(conflicts_refused)
{
	static const char *const dir[] = { "x" };
	static const char *const file[] = { "x/y" };
	make(2);
	write_to(0, dir);
	write_to(1, file);
	planner_check(&config, &plan, &step, "flow.yaml", &diag);
	ck_assert_uint_eq(diag.count, 0);
	step.more = &more_of_step;
	more_of_step.refuse_conflicts = true;
	planner_check(&config, &plan, &step, "flow.yaml", &diag);
	ck_assert_uint_eq(diag.count, 1);
	ck_assert_ptr_nonnull(strstr(diag.lines[0],
	    "flow.yaml:2: task 'b' ('x/y') conflicts with task 'a' ('x'), which 'on_conflict: fail'"));
}
END_TEST

START_TEST(agents_in_one_work_tree)
{
	static const char *const file[] = { "x" };
	static const char *const of_b[] = { "a" };
	static const struct agent agent = { .name = "writer", .edits = true };
	char home[] = "/tmp/pollard-planner-XXXXXX";
	struct buf text = BUF_INIT;
	ck_assert_ptr_nonnull(mkdtemp(home));
	ck_assert_int_eq(chdir(home), 0);
	ck_assert_int_eq(mkdir("sub", 0700), 0);
	make(3);
	for (size_t i = 0; i < 2; i++) {
		tasks[i].kind = TASK_AGENT;
		tasks[i].agent = &agent;
	}
	more[1].cwd = "sub";
	ck_assert(!planner_warning(&text, &config, &plan, &step));
	ck_assert_int_eq(mkdir(".git", 0700), 0);
	ck_assert(planner_warning(&text, &config, &plan, &step));
	ck_assert_ptr_nonnull(strstr(buf_str(&text), "step 's': agents run side by side"));
	ck_assert_ptr_nonnull(strstr(buf_str(&text), "'a' and 'b'"));
	config.jobs = 1;
	ck_assert(!planner_warning(&text, &config, &plan, &step));
	config.jobs = 4;
	need(1, of_b, 1, 1);
	ck_assert(!planner_warning(&text, &config, &plan, &step));
	need(1, NULL, 0, 0);
	write_to(1, file);
	ck_assert(!planner_warning(&text, &config, &plan, &step));
	ck_assert_int_eq(rmdir(".git"), 0);
	ck_assert_int_eq(rmdir("sub"), 0);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(home), 0);
	buf_free(&text);
}
END_TEST

static void expect_command(const char *expected, size_t columns)
{
	struct buf text = BUF_INIT;
	planner_command(&text, &config, &tasks[0], NULL, columns);
	ck_assert_str_eq(buf_str(&text), expected);
	buf_free(&text);
}

START_TEST(command_lines)
{
	static const char *const words[] = { "echo", "<{}>", "{#}", NULL };
	static const char *const plain[] = { "echo", "a b", NULL };
	static const struct agent agent = { .name = "writer", .command = plain };
	make(1);
	tasks[0].text = "one\ntwo\033";
	tasks[0].text_len = 8;
	tasks[0].number = 7;
	expect_command("one\\ntwo\\x1b", 100);
	expect_command("one\\n\u2026 (1 more word, see -o json)", 6);
	expect_command("one\\ntwo\\x1b", 12);
	expect_command("one\\ntwo\\x1b", SIZE_MAX);
	tasks[0].kind = TASK_LINE;
	tasks[0].text = "x y";
	tasks[0].text_len = 3;
	config.command = words;
	expect_command("echo '<x y>' 7", 100);
	expect_command("echo \u2026 (3 more words, see -o json)", 6);
	config.command = plain;
	expect_command("echo 'a b' 'x y'", 100);
	config.command_stdin = true;
	expect_command("echo 'a b'", 100);
	tasks[0].kind = TASK_ARGV;
	more[0].argv = plain;
	expect_command("echo 'a b'", 100);
	tasks[0].kind = TASK_AGENT;
	tasks[0].agent = &agent;
	expect_command("echo 'a b'", 100);
}
END_TEST

START_TEST(a_long_list_is_fast)
{
	enum { MANY = 100000 };
	struct plan many = { .ntasks = MANY, .limits.jobs = UNSET };
	many.tasks = calloc(MANY, sizeof *many.tasks);
	for (size_t i = 0; i < MANY; i++)
		many.tasks[i] = (struct task){ .id = "t", .text = "" };
	make(1);
	const struct step all = { .id = "1", .count = MANY };
	planner_free(&planned);
	planner_step(&planned, &config, &many, &all);
	ck_assert_uint_eq(planned.nwaves, MANY / 4);
	planner_free(&planned);
	free(many.tasks);
}
END_TEST

Suite *planner_suite(void)
{
	Suite *s = suite_create("planner");
	TCase *t = tcase_create("planner");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, NULL, done);
	tcase_add_test(t, independent_tasks);
	tcase_add_test(t, slots_make_waves_but_no_recommendation);
	tcase_add_test(t, needs_and_templates);
	tcase_add_test(t, a_chain_is_sequential);
	tcase_add_test(t, same_files);
	tcase_add_test(t, tokens);
	tcase_add_test(t, one_task_or_asked_for);
	tcase_add_test(t, tasks_that_are_not_known_yet);
	tcase_add_test(t, nothing_to_do);
	tcase_add_test(t, priority_goes_first);
	tcase_add_test(t, which_limit_holds);
	tcase_add_test(t, strict_scopes);
	tcase_add_test(t, conflicts_refused);
	tcase_add_test(t, agents_in_one_work_tree);
	tcase_add_test(t, command_lines);
	tcase_add_test(t, a_long_list_is_fast);
	suite_add_tcase(s, t);
	return s;
}
