#include <check.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/clock.h"
#include "shared/json.h"
#include "supervisor/record/journal.h"
#include "supervisor/record/rundir.h"
#include "supervisor/report/report.h"

Suite *report_suite(void);

/* A moment that is easy to count from: 2026-11-23 16:00:00 UTC. */
#define NOON INT64_C(1795449600000)
#define RUN_ID "20261123-160000-0001"

/* Figures: reports made by hand, in which only what is counted with is set. */

static struct report made;
static struct report_task tasks[8];
static struct report_attempt attempts[16];
static struct report_step steps[2];
static size_t needs[8][4];

static void made_setup(void)
{
	memset(tasks, 0, sizeof(tasks));
	memset(attempts, 0, sizeof(attempts));
	memset(steps, 0, sizeof(steps));
	made = (struct report){ .tasks = tasks, .attempts = attempts, .steps = steps };
}

static void made_teardown(void)
{
	arena_free(&made.arena);
}

static void add_step(size_t ntasks)
{
	steps[made.nsteps++] = (struct report_step){ .first = made.ntasks, .ntasks = ntasks };
}

/* A task of the last step that took so long; -1 ends the list of what it needs. */
static void add_task(int64_t spent_ms, ...)
{
	struct report_task *t = &tasks[made.ntasks];
	va_list ap;
	int need;

	t->step = made.nsteps - 1;
	t->spent_ms = spent_ms;
	t->nattempts = spent_ms >= 0;
	if (spent_ms < 0)
		t->spent_ms = 0;
	va_start(ap, spent_ms);
	while ((need = va_arg(ap, int)) >= 0)
		needs[made.ntasks][t->nneeds++] = (size_t)need;
	va_end(ap);
	t->needs = needs[made.ntasks++];
}

/* "0,2,3": the critical path. */
static void expect_path(const char *path, int64_t ms)
{
	struct buf text = BUF_INIT;

	report_set_path(&made);
	for (size_t i = 0; i < made.npath; i++)
		buf_addf(&text, "%s%zu", i > 0 ? "," : "", made.path[i]);
	ck_assert_str_eq(buf_str(&text), path);
	ck_assert_int_eq(made.path_ms, ms);
	for (size_t i = 0; i < made.ntasks; i++) {
		bool on = false;

		for (size_t k = 0; k < made.npath; k++)
			on = on || made.path[k] == i;
		ck_assert_int_eq(tasks[i].critical, on);
	}
	buf_free(&text);
}

START_TEST(path_is_the_longest_task)
{
	add_step(3);
	add_task(3000, -1);
	add_task(5000, -1);
	add_task(4000, -1);
	expect_path("1", 5000);
}
END_TEST

/* 0 (2 s) -> 2 (3 s) is 5 s and longer than 1 (4 s) alone, than 0 -> 3 (2.5 s) */
START_TEST(path_follows_needs)
{
	add_step(4);
	add_task(2000, -1);
	add_task(4000, -1);
	add_task(3000, 0, -1);
	add_task(500, 0, -1);
	expect_path("0,2", 5000);
}
END_TEST

/* a diamond: 0 -> (1 or 2) -> 3, over the slower side; needs that come later in the list */
START_TEST(path_of_a_diamond)
{
	add_step(4);
	add_task(100, 1, 2, -1);
	add_task(900, 3, -1);
	add_task(800, 3, -1);
	add_task(50, -1);
	expect_path("3,1,0", 1050);
}
END_TEST

/* each step begins when the one before is over: 2 s + 3 s + 1 s */
START_TEST(path_goes_through_steps)
{
	add_step(2);
	add_task(1000, -1);
	add_task(2000, -1);
	add_step(3);
	add_task(1000, -1);
	add_task(3000, -1);
	add_task(1000, 3, -1);
	expect_path("1,3,4", 6000);
}
END_TEST

/* of equal ones the first; tasks that never ran are on no path; a removed one neither */
START_TEST(path_ties_and_tasks_that_never_ran)
{
	add_step(4);
	add_task(1000, -1);
	add_task(1000, -1);
	add_task(-1, 1, -1);
	add_task(9000, -1);
	tasks[3].removed = true;
	expect_path("0", 1000);
}
END_TEST

START_TEST(path_of_nothing)
{
	expect_path("", 0);
	add_step(0);
	add_step(1);
	add_task(-1, -1);
	expect_path("", 0);
}
END_TEST

/* what lists that were edited between two resumes may leave behind */
START_TEST(path_passes_over_circles)
{
	add_step(3);
	add_task(5000, 1, -1);
	add_task(5000, 0, -1);
	add_task(700, -1);
	expect_path("2", 700);
}
END_TEST

static void expect_saved(int64_t wall, int64_t sequential, int64_t saved, double speedup)
{
	made.wall_ms = wall;
	made.sequential_ms = sequential;
	report_set_saved(&made);
	ck_assert_int_eq(made.saved_ms, saved);
	ck_assert_double_eq_tol(made.speedup, speedup, 1e-9);
}

/* the example of the specification: 1m 40s instead of 3m 45s saves 2m 05s */
START_TEST(saved_and_speedup)
{
	expect_saved(100000, 225000, 125000, 2.25);
	expect_saved(1000, 1000, 0, 1);
	/* pauses before a retry: slower than one after another, but nothing less than nothing is saved */
	expect_saved(4000, 1000, 0, 0.25);
	expect_saved(0, 0, 0, 0);
	expect_saved(0, 500, 500, 0);
}
END_TEST

static void add_attempt(int64_t started, int64_t ended)
{
	attempts[made.nattempts++] =
	    (struct report_attempt){ .started_ms = started, .ended_ms = ended };
}

static void expect_lanes(const char *lanes, unsigned count)
{
	struct buf text = BUF_INIT;

	report_set_lanes(&made);
	for (size_t i = 0; i < made.nattempts; i++)
		buf_addf(&text, "%u", attempts[i].lane);
	ck_assert_str_eq(buf_str(&text), lanes);
	ck_assert_uint_eq(made.nlanes, count);
	buf_free(&text);
}

/* two slots: the third begins when the second ends, the fourth when the first does */
START_TEST(lanes_are_taken_when_free)
{
	add_attempt(0, 1000);
	add_attempt(0, 400);
	add_attempt(400, 1200);
	add_attempt(1000, 1100);
	add_attempt(1150, 1300);
	expect_lanes("01100", 2);
}
END_TEST

START_TEST(lanes_do_not_depend_on_the_order_of_the_list)
{
	add_attempt(500, 600);
	add_attempt(0, 1000);
	add_attempt(100, 300);
	expect_lanes("101", 2);
}
END_TEST

/* less than the clock can tell: it takes no lane away from the one that begins with it */
START_TEST(lanes_of_attempts_without_length)
{
	add_attempt(5, 9);
	add_attempt(5, 5);
	add_attempt(9, 9);
	expect_lanes("000", 1);
}
END_TEST

START_TEST(lanes_never_overlap)
{
	for (int i = 0; i < 16; i++)
		add_attempt((i * 37) % 50, (i * 37) % 50 + 5 + (i * 13) % 40);
	report_set_lanes(&made);
	for (size_t i = 0; i < made.nattempts; i++) {
		for (size_t k = 0; k < i; k++) {
			const struct report_attempt *a = &attempts[i];
			const struct report_attempt *b = &attempts[k];

			ck_assert(a->lane != b->lane || a->ended_ms <= b->started_ms ||
			    b->ended_ms <= a->started_ms);
		}
	}
}
END_TEST

/* Journals. */

static struct report r;
static char root[64];
static struct journal *journal;

static void journal_setup(void)
{
	char path[96];

	snprintf(root, sizeof(root), "/tmp/pollard-report-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	snprintf(path, sizeof(path), "%s/runs", root);
	ck_assert_int_eq(mkdir(path, 0700), 0);
}

static void journal_teardown(void)
{
	char path[96];

	report_free(&r);
	ck_assert_int_eq(rundir_remove(root, RUN_ID), 0);
	snprintf(path, sizeof(path), "%s/runs", root);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(rmdir(root), 0);
}

/* Adds a record with this time. */
static void add_event(cJSON *event, int64_t wall_ms)
{
	char text[CLOCK_TEXT_MAX];

	cJSON_ReplaceItemInObject(event, "time", cJSON_CreateString(clock_text(text, wall_ms)));
	journal_add(journal, event);
}

/* Adds a record, written with ' for ", so many seconds after noon. */
static void tell(double at, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void tell(double at, const char *fmt, ...)
{
	struct buf text = BUF_INIT;
	struct json_error error;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] == '\'')
			text.data[i] = '"';
	cJSON *members = json_parse(text.data, text.len, &error);
	ck_assert_msg(members != NULL, "%s: %s", error.message, text.data);
	cJSON *event = journal_event(json_get_string(members, "event"));
	for (const cJSON *item = members->child; item != NULL; item = item->next)
		if (strcmp(item->string, "event") != 0)
			cJSON_AddItemToObject(event, item->string, cJSON_Duplicate(item, true));
	cJSON_Delete(members);
	add_event(event, NOON + (int64_t)(at * 1000));
	buf_free(&text);
}

static void begin(const char *more)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/runs/%s", root, RUN_ID);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/runs/%s/%s", root, RUN_ID, JOURNAL_NAME);
	int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
	ck_assert_int_ne(fd, -1);
	journal = journal_new(fd, 0);
	tell(0,
	    "{'event':'run-started','version':'1','run':'" RUN_ID "','name':'nightly','jobs':2,"
	    "'options':{'input':'auto'}%s}",
	    more);
}

static void add(const char *step, const char *task, const char *record)
{
	cJSON *event = journal_event("task-added");
	json_add_string(event, "step", step);
	json_add_string(event, "task", task);
	json_add_integer(event, "number", 1);
	json_add_null(event, "agent");
	json_add_string(event, "record", record);
	add_event(event, NOON);
}

static void starts(double at, const char *step, const char *task, int attempt)
{
	tell(at, "{'event':'attempt-started','step':'%s','task':'%s','attempt':%d,'level':%d}",
	    step, task, attempt, attempt > 1);
}

/* An attempt from..to, with what else the record says. */
static void ends(double from, double to, const char *step, const char *task, int attempt,
    const char *more)
{
	char started[CLOCK_TEXT_MAX], finished[CLOCK_TEXT_MAX];

	clock_text(started, NOON + (int64_t)(from * 1000));
	clock_text(finished, NOON + (int64_t)(to * 1000));
	tell(to,
	    "{'event':'attempt-finished','step':'%s','task':'%s','agent':null,'attempt':%d,"
	    "'level':%d,'started':'%s','finished':'%s','seconds':%.3f,%s}",
	    step, task, attempt, attempt > 1, started, finished, to - from, more);
}

static void is_final(double at, const char *step, const char *task, const char *more)
{
	tell(at, "{'event':'task-finished','step':'%s','task':'%s',%s}", step, task, more);
}

#define GOOD "'status':'succeeded','reason':null,'exit':0"
#define BAD "'status':'failed','reason':'exit','exit':3,'error':'exit 3'"

/* Reads the report, `now` seconds after noon. */
static void read_report(bool locked, double now)
{
	struct rundir dir;
	char *why = NULL;

	ck_assert_int_eq(journal_flush(journal), 0);
	journal_free(journal);
	ck_assert_int_eq(rundir_open(&dir, root, NULL, &why), 0);
	struct journal_reader *reader = journal_reader_open(dir.fd);
	ck_assert_ptr_nonnull(reader);
	ck_assert_int_eq(report_read(&r, &dir, reader, locked, NOON + (int64_t)(now * 1000)), 0);
	journal_reader_free(reader);
	rundir_close(&dir);
}

/*
 * Two slots. a runs from 0 to 4 s, b fails from 0 to 1, c (needs a) runs from 4 to 6, b again from 6
 * to 9 and succeeds: 4 + 1 + 2 + 3 = 10 s of attempts in 9 s (and half a second at the end).
 */
static void hand_counted(void)
{
	begin(",'goal':'To see'");
	add("1", "a", "{\"id\":\"a\",\"run\":\"make a\"}");
	add("1", "b", "{\"id\":\"b\",\"agent\":\"x\",\"prompt\":\"Say b\"}");
	add("1", "c",
	    "{\"id\":\"c\",\"agent\":\"x\",\"prompt\":\"Use ${{ tasks.a.output }} and more\"}");
	starts(0, "1", "a", 1);
	starts(0, "1", "b", 1);
	ends(0, 1, "1", "b", 1, BAD ",'stderr':'\\u001b[31mred\\u001b[0m\\r\\nlast\\n'");
	ends(0, 4, "1", "a", 1, GOOD);
	is_final(4, "1", "a", GOOD ",'summary':'made','files':['a.o']");
	starts(4, "1", "c", 1);
	ends(4, 6, "1", "c", 1, GOOD);
	is_final(6, "1", "c", GOOD);
	tell(6, "{'event':'recovery-started','step':'1','level':1}");
	starts(6, "1", "b", 2);
	ends(6, 9, "1", "b", 2, GOOD);
	tell(9, "{'event':'recovery','step':'1','level':1,'text':'b retried once: succeeded'}");
	is_final(9, "1", "b", GOOD);
	tell(9.5,
	    "{'event':'step-finished','step':'1','outcome':'all','total':3,'succeeded':3,"
	    "'failed':0,'skipped':0,'cancelled':0,'seconds':9.5,'sequential_seconds':10,"
	    "'merged':null}");
}

static void hand_counted_end(void)
{
	tell(9.5,
	    "{'event':'run-finished','outcome':'all','succeeded':3,'failed':0,'skipped':0,"
	    "'cancelled':0,'seconds':9.5,'sequential_seconds':10,'saved_seconds':0.5,"
	    "'usage':null,'escalation':null,'exit':0,'signal':null}");
}

START_TEST(a_run_counted_by_hand)
{
	hand_counted();
	hand_counted_end();
	read_report(false, 1000);
	ck_assert_int_eq(r.phase, REPORT_ENDED);
	ck_assert_int_eq(r.tone, REPORT_GOOD);
	ck_assert_str_eq(r.verdict, "Passed: all 3 tasks succeeded");
	ck_assert_str_eq(r.name, "nightly");
	ck_assert_str_eq(r.goal, "To see");
	ck_assert_int_eq(r.wall_ms, 9500);
	ck_assert_int_eq(r.sequential_ms, 10000);
	ck_assert_int_eq(r.saved_ms, 500);
	ck_assert_double_eq_tol(r.speedup, 10.0 / 9.5, 1e-9);
	/* a 4 s, then c 2 s; b took 1 + 3 s */
	ck_assert_int_eq(r.path_ms, 6000);
	ck_assert_uint_eq(r.npath, 2);
	ck_assert_str_eq(r.tasks[r.path[0]].id, "a");
	ck_assert_str_eq(r.tasks[r.path[1]].id, "c");
	ck_assert_uint_eq(r.nlanes, 2);
	ck_assert_uint_eq(r.counts.recovered, 1);
	ck_assert_uint_eq(r.ntasks, 3);
	ck_assert_str_eq(r.tasks[0].summary, "made");
	ck_assert_str_eq(r.tasks[0].files[0], "a.o");
	ck_assert_str_eq(r.tasks[0].input, "make a");
	ck_assert_uint_eq(r.tasks[1].nattempts, 2);
	ck_assert_str_eq(r.tasks[1].attempts[0].err_tail, "red\nlast");
	ck_assert_ptr_null(r.tasks[1].attempts[1].err_tail);
	ck_assert_int_eq(r.tasks[1].spent_ms, 4000);
	ck_assert_uint_eq(r.tasks[2].nneeds, 1);
	ck_assert_uint_eq(r.tasks[2].needs[0], 0);
	ck_assert_uint_eq(r.nremarks, 1);
	ck_assert_str_eq(r.remarks[0].text, "b retried once: succeeded");
}
END_TEST

/* b's second attempt is under way for 2 s when the run is read */
static void unfinished(void)
{
	begin(",'steps':[{'id':'1','count':3},{'id':'2','count':5}]");
	add("1", "a", "{\"id\":\"a\"}");
	add("1", "b", "{\"id\":\"b\"}");
	add("1", "c", "{\"id\":\"c\"}");
	starts(0, "1", "a", 1);
	starts(0, "1", "b", 1);
	ends(0, 4, "1", "a", 1, GOOD);
	is_final(4, "1", "a", GOOD);
	ends(0, 5, "1", "b", 1, BAD);
	starts(6, "1", "b", 2);
	tell(7, "{'event':'recovery','step':'1','level':1,'text':'x'}");
}

START_TEST(a_running_run)
{
	unfinished();
	read_report(true, 8);
	ck_assert_int_eq(r.phase, REPORT_RUNNING);
	ck_assert_str_eq(r.verdict, "Running: 1 of 8 tasks succeeded so far");
	ck_assert_int_eq(r.wall_ms, 8000);
	ck_assert_int_eq(r.sequential_ms, 4000 + 5000 + 2000);
	ck_assert_uint_eq(r.counts.running, 1);
	ck_assert_uint_eq(r.counts.waiting, 6);
	ck_assert_str_eq(report_task_word(&r.tasks[1]), "running");
	ck_assert_str_eq(report_task_word(&r.tasks[2]), "waiting");
	ck_assert_int_eq(r.exit_status, -1);
	ck_assert_ptr_null(r.outcome);
}
END_TEST

/* nobody knows when the second attempt ended: its time does not count */
START_TEST(a_killed_run)
{
	unfinished();
	read_report(false, 5000);
	ck_assert_int_eq(r.phase, REPORT_LOST);
	ck_assert_str_eq(r.word, "killed");
	ck_assert_int_eq(r.wall_ms, 7000);
	ck_assert_int_eq(r.sequential_ms, 9000);
	ck_assert_uint_eq(r.counts.lost, 1);
	ck_assert_int_eq(r.tasks[1].attempts[1].phase, REPORT_LOST);
	ck_assert_int_eq(r.tasks[1].attempts[1].ended_ms, NOON + 7000);
	ck_assert_int_eq(r.ended_ms, NOON + 7000);
}
END_TEST

/* killed at 7 s, resumed at 100 s: the time between does not count, nor what was under way */
START_TEST(a_resumed_run)
{
	unfinished();
	tell(100, "{'event':'resumed','again':[],'pid':1}");
	starts(100, "1", "b", 3);
	ends(100, 102, "1", "b", 3, GOOD);
	is_final(102, "1", "b", GOOD);
	is_final(102, "1", "c", "'status':'skipped','reason':'budget'");
	tell(102, "{'event':'run-finished','outcome':'partial','exit':4,'signal':null}");
	read_report(false, 5000);
	ck_assert_int_eq(r.phase, REPORT_ENDED);
	ck_assert_str_eq(r.word, "stopped");
	ck_assert_uint_eq(r.resumed, 1);
	ck_assert_int_eq(r.wall_ms, 9000);
	ck_assert_int_eq(r.sequential_ms, 4000 + 5000 + 2000);
	ck_assert_uint_eq(r.tasks[1].nattempts, 3);
	ck_assert_int_eq(r.tasks[1].attempts[1].phase, REPORT_LOST);
	ck_assert_int_eq(r.tasks[1].attempts[1].ended_ms, NOON + 7000);
	ck_assert_int_eq(r.nremarks, 2);
	ck_assert_int_eq(r.remarks[1].kind, REPORT_RESUMED);
}
END_TEST

/* Debuggers, fixes and merging agents cost too; the built-in debugger and a command do not. */
START_TEST(usage_beside_the_tasks)
{
	struct buf text = BUF_INIT;

	begin("");
	add("1", "a", "x: say a");
	ends(0, 1, "1", "a", 1, GOOD ",'usage':{'input_tokens':1,'output_tokens':1,'usd':0.25}");
	tell(1,
	    "{'event':'verdict','step':'1','level':2,'debugger':'builtin','valid':true,"
	    "'verdict':{'relation':'unknown'},'usage':null}");
	tell(1,
	    "{'event':'verdict','step':'1','level':2,'debugger':'doctor','valid':true,"
	    "'verdict':{'relation':'unknown'},"
	    "'usage':{'input_tokens':10,'output_tokens':10,'usd':0.25}}");
	tell(1,
	    "{'event':'fix','step':'1','agent':null,'run':['true'],'status':'succeeded','usage':null}");
	tell(1,
	    "{'event':'fix','step':'1','agent':'doctor','prompt':'mend it','status':'succeeded',"
	    "'usage':{'input_tokens':100,'output_tokens':100,'usd':0.25}}");
	tell(1,
	    "{'event':'merge-finished','step':'1','status':'succeeded',"
	    "'usage':{'input_tokens':1000,'output_tokens':1000,'usd':0.25}}");
	read_report(false, 2);
	report_tokens(&text, &r.usage);
	ck_assert_str_eq(buf_str(&text), "1,111 in, 1,111 out");
	buf_reset(&text);
	report_cost(&text, &r.usage);
	ck_assert_str_eq(buf_str(&text), "$1.00");
	buf_free(&text);
}
END_TEST

/* What a limit of its service ended was no attempt: no retry, nothing recovered, nothing untold. */
START_TEST(a_forgiven_attempt)
{
	struct buf text = BUF_INIT;

	begin("");
	add("1", "a", "x: say a");
	starts(0, "1", "a", 1);
	ends(0, 1, "1", "a", 1,
	    "'status':'failed','reason':'rate-limit','forgiven':true,'usage':null");
	starts(1, "1", "a", 2);
	ends(1, 3, "1", "a", 2, GOOD ",'usage':{'input_tokens':2,'output_tokens':2,'usd':1}");
	is_final(3, "1", "a", GOOD);
	read_report(false, 5);
	ck_assert_uint_eq(r.tasks[0].nattempts, 2);
	ck_assert_uint_eq(r.tasks[0].ncounted, 1);
	ck_assert_uint_eq(r.counts.retried, 0);
	ck_assert_uint_eq(r.counts.recovered, 0);
	ck_assert_int_eq(r.sequential_ms, 3000);
	report_tokens(&text, &r.usage);
	ck_assert_str_eq(buf_str(&text), "2 in, 2 out");
	buf_free(&text);
}
END_TEST

/* What clients tell: tokens but no money is neither 0 nor all of it. */
START_TEST(usage_that_is_not_told)
{
	struct buf text = BUF_INIT;

	begin("");
	add("1", "a", "x: say a");
	add("1", "b", "x: say b");
	ends(0, 1, "1", "a", 1,
	    GOOD ",'usage':{'input_tokens':41200,'output_tokens':900,'usd':0.21}");
	ends(0, 1, "1", "b", 1, GOOD ",'usage':{'input_tokens':10,'output_tokens':5,'usd':null}");
	read_report(false, 2);
	report_tokens(&text, &r.usage);
	ck_assert_str_eq(buf_str(&text), "41,210 in, 905 out");
	buf_reset(&text);
	report_cost(&text, &r.usage);
	ck_assert_str_eq(buf_str(&text), "at least $0.21");
	buf_reset(&text);
	report_cost(&text, &r.tasks[1].usage);
	ck_assert_str_eq(buf_str(&text), "not reported");
	buf_free(&text);
}
END_TEST

START_TEST(causes_of_verdicts)
{
	begin("");
	add("1", "a", "a");
	add("1", "b", "b");
	ends(0, 1, "1", "a", 1, BAD);
	ends(0, 1, "1", "b", 1, BAD);
	tell(2,
	    "{'event':'verdict','step':'1','level':3,'debugger':'builtin','valid':true,"
	    "'error':null,'verdict':{'relation':'independent','cause':'two causes',"
	    "'groups':[{'cause':'no disk','tasks':['b','ghost']}],'strategy':'stop',"
	    "'fix':{'run':['make','a b']}},'answer':null,'seconds':0.5}");
	is_final(3, "1", "a", BAD);
	is_final(3, "1", "b", BAD);
	read_report(false, 4);
	ck_assert_uint_eq(r.nverdicts, 1);
	ck_assert_str_eq(r.verdicts[0].cause, "two causes");
	ck_assert_str_eq(r.verdicts[0].fix, "make 'a b'");
	ck_assert_uint_eq(r.verdicts[0].groups[0].ntasks, 1);
	ck_assert_uint_eq(r.verdicts[0].groups[0].tasks[0], 1);
	ck_assert_str_eq(r.tasks[1].cause, "no disk");
	ck_assert_ptr_null(r.tasks[0].cause);
}
END_TEST

/* What a task printed may be anything: nothing of it acts in a report. */
START_TEST(text_is_safe)
{
	struct buf text = BUF_INIT;

	begin("");
	add("1", "a", "a");
	ends(0, 1, "1", "a", 1,
	    "'status':'failed','reason':'exit','exit':1,'error':'a\\u0007<b>|\\u202e`',"
	    "'stderr':'10%\\r99%\\u0002\\u0001]]>\\uffff</pre>\\n'");
	is_final(1, "1", "a", BAD);
	read_report(false, 2);
	ck_assert_str_eq(r.tasks[0].attempts[0].err_tail, "99%\\x02\\x01]]>\xef\xbf\xbf</pre>");
	ck_assert_str_eq(r.tasks[0].attempts[0].error, "a\\x07<b>|\\u{202e}`");
	report_junit(&text, &r);
	ck_assert_ptr_nonnull(strstr(buf_str(&text), "]]&gt;\xef\xbf\xbd&lt;/pre&gt;"));
	buf_free(&text);
}
END_TEST

/* However long the list is, Markdown stays below what was given. */
START_TEST(markdown_is_bounded)
{
	struct buf text = BUF_INIT;

	begin("");
	for (int i = 0; i < 3000; i++) {
		char id[16];

		snprintf(id, sizeof(id), "t%d", i);
		add("1", id, "a record of some length, @so that it is seen");
		ends(0, 1, "1", id, 1, BAD ",'stderr':'one\\n```\\ntwo\\n'");
		is_final(1, "1", id, BAD ",'summary':'| what @everybody <b>wants</b>'");
	}
	read_report(false, 2);
	report_markdown(&text, &r, 20000);
	ck_assert_uint_le(text.len, 20000);
	ck_assert_uint_gt(text.len, 10000);
	ck_assert_ptr_nonnull(strstr(buf_str(&text), "This is not all: `pollard show " RUN_ID "`"));
	ck_assert_ptr_null(strstr(buf_str(&text), "@everybody"));
	ck_assert_ptr_nonnull(strstr(buf_str(&text), "\\| what @<!-- -->everybody \\<b>"));
	buf_reset(&text);
	report_markdown(&text, &r, (size_t)1000 * 1024);
	ck_assert_uint_le(text.len, (size_t)1000 * 1024);
	ck_assert_ptr_nonnull(strstr(buf_str(&text), "````\none\n```\ntwo\n````"));
	buf_free(&text);
}
END_TEST

Suite *report_suite(void)
{
	Suite *s = suite_create("report");
	TCase *figures = tcase_create("figures");
	TCase *journals = tcase_create("journals");

	tcase_add_checked_fixture(figures, made_setup, made_teardown);
	tcase_add_test(figures, path_is_the_longest_task);
	tcase_add_test(figures, path_follows_needs);
	tcase_add_test(figures, path_of_a_diamond);
	tcase_add_test(figures, path_goes_through_steps);
	tcase_add_test(figures, path_ties_and_tasks_that_never_ran);
	tcase_add_test(figures, path_of_nothing);
	tcase_add_test(figures, path_passes_over_circles);
	tcase_add_test(figures, saved_and_speedup);
	tcase_add_test(figures, lanes_are_taken_when_free);
	tcase_add_test(figures, lanes_do_not_depend_on_the_order_of_the_list);
	tcase_add_test(figures, lanes_of_attempts_without_length);
	tcase_add_test(figures, lanes_never_overlap);
	suite_add_tcase(s, figures);
	tcase_add_checked_fixture(journals, journal_setup, journal_teardown);
	tcase_add_test(journals, a_run_counted_by_hand);
	tcase_add_test(journals, a_running_run);
	tcase_add_test(journals, a_killed_run);
	tcase_add_test(journals, a_resumed_run);
	tcase_add_test(journals, usage_that_is_not_told);
	tcase_add_test(journals, usage_beside_the_tasks);
	tcase_add_test(journals, a_forgiven_attempt);
	tcase_add_test(journals, causes_of_verdicts);
	tcase_add_test(journals, text_is_safe);
	tcase_add_test(journals, markdown_is_bounded);
	suite_add_tcase(s, journals);
	return s;
}
