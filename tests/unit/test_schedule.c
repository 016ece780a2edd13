#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "shared/result.h"
#include "supervisor/plan/schedule.h"
#include "tests/unit/growth.h"

Suite *schedule_suite(void);

#define TASKS_MAX 60
#define NEEDS_MAX 4
#define PLANS 4000
#define LANES 3
/* How often the first of the ready tasks is passed over. */
#define PASSES 16

/*
 * A list as the schedule sees it, and what a slow observer knows of it. `conflicts` is drawn at
 * random: the schedule must not care why two tasks conflict.
 */
struct list {
	struct task tasks[TASKS_MAX];
	struct task_more more[TASKS_MAX];
	struct nodes nodes;
	size_t count;
	size_t needs[TASKS_MAX][NEEDS_MAX];
	size_t nneeds[TASKS_MAX];
	bool conflicts[TASKS_MAX][TASKS_MAX];
	struct schedule_limits limits;
	struct schedule *schedule;
	uint32_t lanes[LANES + 1]; /* how many of each may run */

	bool running[TASKS_MAX];
	bool done[TASKS_MAX];
	bool succeeded[TASKS_MAX];
	size_t nrunning;
	size_t passed; /* the first of the ready tasks when another one started, and how often */
	unsigned passes;
	size_t barred; /* how often that was once too often */
};

static bool conflict(void *context, size_t a, size_t b)
{
	const struct list *l = context;
	return l->conflicts[a][b];
}

static struct list *list_new(size_t count)
{
	struct list *l = calloc(1, sizeof *l);
	l->count = count;
	for (size_t i = 0; i < count; i++) {
		l->tasks[i] = (struct task){ .id = "t", .more = &l->more[i] };
		nodes_add(&l->nodes, &l->tasks[i], 0);
	}
	l->limits.context = l;
	for (unsigned i = 0; i <= LANES; i++)
		l->lanes[i] = LANE_UNLIMITED;
	return l;
}

static void list_begin(struct list *l)
{
	l->schedule = schedule_new(&l->nodes, &l->limits);
	for (unsigned i = 1; i <= LANES; i++)
		schedule_set_lane(l->schedule, i, l->lanes[i]);
	for (size_t i = 0; i < l->count; i++)
		schedule_add(l->schedule, i, l->needs[i], l->nneeds[i]);
}

static void list_free(struct list *l)
{
	schedule_free(l->schedule);
	nodes_free(&l->nodes);
	free(l);
}

static void expect_next(struct list *l, size_t task)
{
	size_t got = SIZE_MAX;
	ck_assert(schedule_next(l->schedule, &got));
	ck_assert_uint_eq(got, task);
	ck_assert_int_eq(nodes_at(&l->nodes, task)->state, NODE_RUNNING);
}

static void expect_none(struct list *l)
{
	size_t got;
	ck_assert(!schedule_next(l->schedule, &got));
}

START_TEST(in_the_order_of_the_list)
{
	struct list *l = list_new(3);
	list_begin(l);
	ck_assert_uint_eq(schedule_ready(l->schedule), 3);
	for (size_t i = 0; i < 3; i++)
		expect_next(l, i);
	expect_none(l);
	ck_assert_uint_eq(schedule_running(l->schedule), 3);
	ck_assert_uint_eq(schedule_ready(l->schedule), 0);
	list_free(l);
}
END_TEST

START_TEST(priority_goes_first)
{
	struct list *l = list_new(5);
	l->more[1].priority = 2;
	l->more[3].priority = 2;
	l->more[4].priority = -1;
	l->tasks[2].more = NULL; /* as 0 */
	list_begin(l);
	expect_next(l, 1);
	expect_next(l, 3);
	expect_next(l, 0);
	expect_next(l, 2);
	expect_next(l, 4);
	list_free(l);
}
END_TEST

START_TEST(slots)
{
	struct list *l = list_new(4);
	l->limits.jobs = 2;
	list_begin(l);
	ck_assert(schedule_has_slot(l->schedule));
	expect_next(l, 0);
	expect_next(l, 1);
	ck_assert(!schedule_has_slot(l->schedule));
	expect_none(l);
	schedule_over(l->schedule, 0, false);
	expect_next(l, 2);
	expect_none(l);
	list_free(l);
}
END_TEST

START_TEST(needs_of_success_only)
{
	struct list *l = list_new(4);
	l->needs[2][0] = 0;
	l->needs[2][1] = 1;
	l->needs[2][2] = 0; /* said twice */
	l->nneeds[2] = 3;
	l->needs[3][0] = 2;
	l->nneeds[3] = 1;
	list_begin(l);
	ck_assert_uint_eq(schedule_waiting(l->schedule), 2);
	expect_next(l, 0);
	expect_next(l, 1);
	schedule_over(l->schedule, 0, true);
	expect_none(l);
	schedule_over(l->schedule, 1, false);
	expect_none(l);
	ck_assert_int_eq(nodes_at(&l->nodes, 2)->state, NODE_WAITING);
	/* recovery revives it */
	schedule_retry(l->schedule, 1);
	ck_assert_int_eq(nodes_at(&l->nodes, 1)->state, NODE_RUNNING);
	schedule_over(l->schedule, 1, true);
	ck_assert_uint_eq(schedule_waiting(l->schedule), 1);
	expect_next(l, 2);
	schedule_over(l->schedule, 2, false);
	ck_assert_uint_eq(schedule_waiting(l->schedule), 1);
	schedule_give_up(l->schedule);
	ck_assert_uint_eq(schedule_waiting(l->schedule), 0);
	list_free(l);
}
END_TEST

START_TEST(needs_of_what_is_over)
{
	struct list *l = list_new(4);
	nodes_at(&l->nodes, 0)->state = NODE_FINAL;
	nodes_at(&l->nodes, 0)->status = RESULT_SUCCEEDED;
	nodes_at(&l->nodes, 1)->state = NODE_FINAL;
	nodes_at(&l->nodes, 1)->status = RESULT_FAILED;
	l->schedule = schedule_new(&l->nodes, &l->limits);
	schedule_add(l->schedule, 2, (const size_t[]){ 0 }, 1);
	schedule_add(l->schedule, 3, (const size_t[]){ 0, 1 }, 2);
	expect_next(l, 2);
	expect_none(l);
	ck_assert_uint_eq(schedule_waiting(l->schedule), 1);
	list_free(l);
}
END_TEST

START_TEST(tokens_at_once)
{
	static const struct agent agent = { .name = "a", .tokens = 40 };
	struct list *l = list_new(5);
	l->limits.tokens_at_once = 100;
	l->more[0].tokens = 70;
	l->more[1].tokens = 31;
	l->more[2].tokens = 30;
	l->tasks[3].agent = &agent; /* 40, as the agent says */
	l->tasks[4].more = NULL;    /* none */
	list_begin(l);
	expect_next(l, 0);
	expect_next(l, 2); /* 1 does not fit, and nobody waits for it */
	expect_next(l, 4);
	expect_none(l);
	schedule_over(l->schedule, 2, true);
	expect_none(l);
	schedule_over(l->schedule, 0, true);
	expect_next(l, 1);
	expect_next(l, 3);
	list_free(l);
}
END_TEST

START_TEST(more_tokens_than_ever_fit)
{
	struct list *l = list_new(2);
	l->limits.tokens_at_once = 100;
	l->more[0].tokens = 101;
	l->more[1].tokens = 1;
	list_begin(l);
	/* refused beforehand; should one come through, it runs alone and stops nobody */
	expect_next(l, 0);
	expect_none(l);
	schedule_over(l->schedule, 0, true);
	expect_next(l, 1);
	list_free(l);
}
END_TEST

START_TEST(conflicting_ones_take_turns)
{
	struct list *l = list_new(3);
	l->limits.conflict = conflict;
	l->conflicts[0][1] = l->conflicts[1][0] = true;
	list_begin(l);
	expect_next(l, 0);
	expect_next(l, 2);
	expect_none(l);
	ck_assert_uint_eq(schedule_ready(l->schedule), 1);
	schedule_over(l->schedule, 0, false);
	expect_next(l, 1);
	list_free(l);
}
END_TEST

START_TEST(taken_away)
{
	struct list *l = list_new(5);
	size_t got;
	l->limits.conflict = conflict;
	for (size_t i = 1; i < 4; i++)
		l->conflicts[0][i] = l->conflicts[i][0] = true;
	l->more[3].priority = 1;
	list_begin(l);
	expect_next(l, 3);
	expect_next(l, 1); /* 0 conflicts with 3 and is set aside */
	expect_next(l, 2);
	ck_assert_uint_eq(schedule_ready(l->schedule), 2);
	ck_assert(schedule_take(l->schedule, &got));
	ck_assert_uint_eq(got, 0);
	ck_assert(schedule_take(l->schedule, &got));
	ck_assert_uint_eq(got, 4);
	ck_assert(!schedule_take(l->schedule, &got));
	ck_assert_uint_eq(schedule_running(l->schedule), 3);
	list_free(l);

	/* of those that were set aside the first, too */
	l = list_new(4);
	l->limits.conflict = conflict;
	for (size_t i = 1; i < 4; i++)
		l->conflicts[0][i] = l->conflicts[i][0] = true;
	list_begin(l);
	expect_next(l, 0);
	expect_none(l);
	for (size_t i = 1; i < 4; i++) {
		ck_assert(schedule_take(l->schedule, &got));
		ck_assert_uint_eq(got, i);
	}
	ck_assert(!schedule_take(l->schedule, &got));
	list_free(l);
}
END_TEST

static void set_lane(struct list *l, size_t task, unsigned lane)
{
	nodes_at(&l->nodes, task)->lane = (uint8_t)lane;
}

START_TEST(lanes_have_limits)
{
	struct list *l = list_new(6);
	for (size_t i = 0; i < 4; i++)
		set_lane(l, i, 1);
	set_lane(l, 4, 2);
	l->lanes[1] = 2;
	list_begin(l);
	ck_assert_uint_eq(schedule_lane_ready(l->schedule, 1), 4);
	expect_next(l, 0);
	expect_next(l, 1);
	expect_next(l, 4);
	expect_next(l, 5);
	expect_none(l);
	ck_assert_uint_eq(schedule_lane_running(l->schedule, 1), 2);
	ck_assert_uint_eq(schedule_ready(l->schedule), 2);
	schedule_over(l->schedule, 4, true);
	expect_none(l);
	schedule_over(l->schedule, 0, true);
	expect_next(l, 2);
	schedule_set_lane(l->schedule, 1, 0);
	schedule_over(l->schedule, 1, true);
	schedule_over(l->schedule, 2, true);
	expect_none(l);
	/* a retry of it has to wait too */
	ck_assert(!schedule_try(l->schedule, 2));
	schedule_set_lane(l->schedule, 1, 1);
	expect_next(l, 3);
	ck_assert(!schedule_try(l->schedule, 2));
	list_free(l);
}
END_TEST

/* Its attempt did not count: it stands where it stood in the list. */
START_TEST(once_more)
{
	struct list *l = list_new(3);
	l->limits.jobs = 1;
	list_begin(l);
	expect_next(l, 0);
	schedule_again(l->schedule, 0);
	ck_assert_int_eq(nodes_at(&l->nodes, 0)->state, NODE_READY);
	ck_assert_uint_eq(schedule_ready(l->schedule), 3);
	expect_next(l, 0);
	list_free(l);
}
END_TEST

/* What waits for its lane is not passed over, and bars nobody. */
START_TEST(closed_lanes_bar_nobody)
{
	struct list *l = list_new(50);
	l->limits.tokens_at_once = 100;
	l->more[0].tokens = 30;
	l->more[1].tokens = 90; /* would not fit beside the first one */
	set_lane(l, 1, 1);
	for (size_t i = 2; i < 50; i++)
		l->more[i].tokens = 1;
	list_begin(l);
	expect_next(l, 0);
	expect_next(l, 2);
	schedule_set_lane(l->schedule, 1, 0);
	for (size_t i = 3; i < 40; i++) {
		expect_next(l, i);
		schedule_over(l->schedule, i, true);
	}
	schedule_set_lane(l->schedule, 1, 1);
	/* one pass was counted before it closed */
	for (size_t i = 40; i < 50; i++)
		expect_next(l, i);
	list_free(l);
}
END_TEST

START_TEST(lanes_are_taken_away)
{
	struct list *l = list_new(5);
	size_t got;
	l->limits.conflict = conflict;
	l->conflicts[0][1] = l->conflicts[1][0] = true;
	set_lane(l, 1, 1);
	set_lane(l, 3, 1);
	list_begin(l);
	expect_next(l, 0);
	expect_next(l, 2); /* 1 is set aside */
	ck_assert_uint_eq(schedule_lane_ready(l->schedule, 1), 2);
	ck_assert(schedule_take_lane(l->schedule, 1, &got));
	ck_assert_uint_eq(got, 1);
	ck_assert(schedule_take_lane(l->schedule, 1, &got));
	ck_assert_uint_eq(got, 3);
	ck_assert(!schedule_take_lane(l->schedule, 1, &got));
	expect_next(l, 4);
	list_free(l);
}
END_TEST

/* A hundred thousand tasks of a closed lane cost those of an open one nothing. */
START_TEST(closed_lanes_cost_nothing)
{
	enum { MANY = 100000 };
	struct task *tasks = calloc(2 * MANY, sizeof *tasks);
	struct nodes nodes = { 0 };
	const struct schedule_limits limits = { .jobs = 4 };
	struct timespec from;
	struct timespec to;
	size_t got;
	for (size_t i = 0; i < 2 * MANY; i++) {
		tasks[i].id = "t";
		nodes_add(&nodes, &tasks[i], 0);
		nodes_at(&nodes, i)->lane = i < MANY ? 1 : 2;
	}
	struct schedule *s = schedule_new(&nodes, &limits);
	for (size_t i = 0; i < 2 * MANY; i++)
		schedule_add(s, i, NULL, 0);
	schedule_set_lane(s, 1, 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	for (size_t i = MANY; i < 2 * MANY; i++) {
		/* as a gate that opens and closes */
		schedule_set_lane(s, 1, i % 2 == 0 ? 0 : 1);
		schedule_set_lane(s, 1, 0);
		if (!schedule_next(s, &got) || got != i)
			ck_abort_msg("%zu starts, expected %zu", got, i);
		schedule_over(s, got, true);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	ck_assert_int_lt(to.tv_sec - from.tv_sec, 3);
	schedule_free(s);
	nodes_free(&nodes);
	free(tasks);
}
END_TEST

/*
 * The rules once more, slowly, for plans drawn at random and a runner that ends tasks at random.
 * An assertion of Check is a system call even when it holds, so the loops do without.
 */

static struct list *draw(void)
{
	struct list *l = list_new(1 + (size_t)(random() % TASKS_MAX));
	long density = 1 + random() % 20;
	l->limits.jobs = (uint32_t)(random() % 9);
	l->limits.tokens_at_once = random() % 2 == 0 ? 0 : 100;
	if (random() % 4 != 0)
		l->limits.conflict = conflict;
	bool lanes = random() % 2 == 0;
	for (unsigned i = 1; i <= LANES && lanes; i++)
		l->lanes[i] = 1 + (uint32_t)(random() % 3);
	for (size_t i = 0; i < l->count; i++) {
		if (lanes)
			set_lane(l, i, (unsigned)(random() % (LANES + 1)));
		l->more[i].priority = random() % 3 == 0 ? (double)(random() % 5 - 2) : 0;
		l->more[i].tokens = random() % 2 == 0 ? 0 : (uint64_t)(random() % 101);
		if (i > 0 && random() % 3 == 0) {
			l->nneeds[i] = 1 + (size_t)(random() % NEEDS_MAX);
			for (size_t k = 0; k < l->nneeds[i]; k++)
				l->needs[i][k] = (size_t)(random() % (long)i);
		}
		for (size_t k = 0; k < i; k++) {
			bool meet = l->limits.conflict != NULL && random() % density == 0;
			l->conflicts[i][k] = l->conflicts[k][i] = meet;
		}
	}
	return l;
}

static bool slow_is_ready(const struct list *l, size_t i)
{
	if (l->running[i] || l->done[i])
		return false;
	for (size_t k = 0; k < l->nneeds[i]; k++) {
		if (!l->succeeded[l->needs[i][k]])
			return false;
	}
	return true;
}

static bool slow_fits(const struct list *l, size_t i)
{
	uint64_t tokens = l->more[i].tokens;
	size_t running = 0;
	for (size_t k = 0; k < l->count; k++) {
		if (!l->running[k])
			continue;
		running++;
		tokens += l->more[k].tokens;
		if (l->conflicts[i][k])
			return false;
	}
	if (l->limits.jobs > 0 && running >= l->limits.jobs)
		return false;
	return l->limits.tokens_at_once == 0 || running == 0 || tokens <= l->limits.tokens_at_once;
}

static bool slow_before(const struct list *l, size_t a, size_t b)
{
	if (l->more[a].priority != l->more[b].priority)
		return l->more[a].priority > l->more[b].priority;
	return a < b;
}

static bool slow_lane_is_open(const struct list *l, size_t i)
{
	unsigned lane = nodes_at(&l->nodes, i)->lane;
	uint32_t running = 0;
	for (size_t k = 0; k < l->count; k++)
		running += l->running[k] && nodes_at(&l->nodes, k)->lane == lane;
	return running < l->lanes[lane];
}

/* The first of the ready tasks of open lanes, whether it may start or not; SIZE_MAX: none. */
static size_t slow_first(const struct list *l)
{
	size_t first = SIZE_MAX;
	for (size_t i = 0; i < l->count; i++) {
		if (slow_is_ready(l, i) && slow_lane_is_open(l, i) &&
		    (first == SIZE_MAX || slow_before(l, i, first)))
			first = i;
	}
	return first;
}

/* Whether task i would be in the way of the first of the ready tasks, which has waited long enough. */
static bool slow_is_barred(const struct list *l, size_t i)
{
	size_t first = slow_first(l);
	if (i == first || l->passed != first || l->passes < PASSES)
		return false;
	uint64_t tokens = l->more[first].tokens + l->more[i].tokens;
	for (size_t k = 0; k < l->count; k++)
		tokens += l->running[k] ? l->more[k].tokens : 0;
	return l->conflicts[i][first] ||
	    (l->limits.tokens_at_once > 0 && l->more[i].tokens > 0 &&
		tokens > l->limits.tokens_at_once);
}

/* The first of those that may start; SIZE_MAX: none. */
static size_t slow_next(const struct list *l)
{
	size_t best = SIZE_MAX;
	for (size_t i = 0; i < l->count; i++) {
		if (slow_is_ready(l, i) && slow_lane_is_open(l, i) && slow_fits(l, i) &&
		    !slow_is_barred(l, i) && (best == SIZE_MAX || slow_before(l, i, best)))
			best = i;
	}
	return best;
}

/* Task i starts. */
static void slow_pass(struct list *l, size_t i)
{
	size_t first = slow_first(l);
	if (i == first)
		return;
	l->passes = l->passed == first ? l->passes + 1 : 1;
	l->passed = first;
	l->barred += l->passes == PASSES;
}

static void start_all(struct list *l)
{
	for (;;) {
		size_t got = SIZE_MAX;
		size_t expected = slow_next(l);
		/* asking only sometimes leaves the schedule in more states */
		if (random() % 8 == 0 && l->nrunning > 0)
			return;
		bool found = schedule_next(l->schedule, &got);
		if (found ? got != expected : expected != SIZE_MAX)
			ck_abort_msg("task %zu of %zu starts, expected %zu", got, l->count,
			    expected);
		if (!found)
			return;
		slow_pass(l, got);
		l->running[got] = true;
		l->nrunning++;
	}
}

static void check_counts(const struct list *l)
{
	size_t ready = 0;
	size_t left = 0;
	for (size_t i = 0; i < l->count; i++) {
		ready += slow_is_ready(l, i);
		left += !l->running[i] && !l->done[i];
	}
	if (schedule_ready(l->schedule) != ready || schedule_waiting(l->schedule) != left - ready ||
	    schedule_running(l->schedule) != l->nrunning)
		ck_abort_msg("%zu ready, %zu waiting, %zu running; expected %zu, %zu, %zu",
		    schedule_ready(l->schedule), schedule_waiting(l->schedule),
		    schedule_running(l->schedule), ready, left - ready, l->nrunning);
}

static void end_one(struct list *l, long failures)
{
	size_t which = (size_t)(random() % (long)l->nrunning);
	size_t i = 0;
	while (!l->running[i] || which-- > 0)
		i++;
	bool succeeded = failures == 0 || random() % 100 >= failures;
	if (random() % 16 == 0) {
		schedule_again(l->schedule, i);
		l->running[i] = false;
		l->nrunning--;
		return;
	}
	schedule_over(l->schedule, i, succeeded);
	l->running[i] = false;
	l->nrunning--;
	if (!succeeded && random() % 3 == 0) {
		schedule_retry(l->schedule, i);
		l->running[i] = true;
		l->nrunning++;
		return;
	}
	l->done[i] = true;
	l->succeeded[i] = succeeded;
	nodes_at(&l->nodes, i)->state = NODE_FINAL;
	nodes_at(&l->nodes, i)->status = succeeded ? RESULT_SUCCEEDED : RESULT_FAILED;
}

/* A lane closes, opens, or becomes another width. */
static void change_lane(struct list *l)
{
	unsigned lane = 1 + (unsigned)(random() % LANES);
	if (l->lanes[lane] == LANE_UNLIMITED || random() % 3 != 0)
		return;
	l->lanes[lane] = (uint32_t)(random() % 4);
	schedule_set_lane(l->schedule, lane, l->lanes[lane]);
}

static bool open_all(struct list *l)
{
	bool any = false;
	for (unsigned i = 1; i <= LANES; i++) {
		any = any || l->lanes[i] == 0;
		if (l->lanes[i] == 0)
			l->lanes[i] = 1;
		schedule_set_lane(l->schedule, i, l->lanes[i]);
	}
	return any;
}

/* Returns how often a task had been passed over so often that others had to wait for it. */
static size_t run_plan(long failures)
{
	struct list *l = draw();
	list_begin(l);
	for (;;) {
		start_all(l);
		check_counts(l);
		change_lane(l);
		if (l->nrunning == 0 && open_all(l))
			continue;
		if (l->nrunning == 0 && slow_next(l) != SIZE_MAX)
			continue;
		if (l->nrunning == 0)
			break;
		end_one(l, failures);
		check_counts(l);
	}
	/* whatever could run has run */
	for (size_t i = 0; i < l->count; i++) {
		if (slow_is_ready(l, i) || (!l->done[i] && failures == 0))
			ck_abort_msg("task %zu of %zu never ran", i, l->count);
	}
	size_t barred = l->barred;
	list_free(l);
	return barred;
}

START_TEST(against_slow_rules)
{
	size_t barred = 0;
	srandom(7);
	for (int i = 0; i < PLANS; i++)
		barred += run_plan(i % 2 == 0 ? 0 : 1 + random() % 60);
	/* else the test says little */
	ck_assert_uint_gt(barred, PLANS / 100);
}
END_TEST

/* A large task, and small ones that always come in pairs, so that there is never room for it. */
START_TEST(a_large_task_does_not_wait_for_ever)
{
	enum { SMALL = 59 };
	struct list *l = list_new(SMALL + 1);
	l->limits.tokens_at_once = 100;
	for (size_t i = 0; i <= SMALL; i++)
		l->more[i].tokens = 50;
	l->more[1].tokens = 80;
	list_begin(l);
	expect_next(l, 0);
	size_t started = 1;
	size_t running = 0;
	for (;;) {
		size_t got;
		if (schedule_next(l->schedule, &got)) {
			started++;
			if (got == 1)
				break;
			schedule_over(l->schedule, running, true);
			running = got;
			continue;
		}
		if (schedule_running(l->schedule) == 0)
			ck_abort_msg("nothing starts after %zu tasks", started);
		schedule_over(l->schedule, running, true);
	}
	ck_assert_uint_eq(started, 1 + PASSES + 1);
	list_free(l);
}
END_TEST

START_TEST(who_is_not_in_the_way_need_not_wait)
{
	enum { COUNT = 40 };
	struct list *l = list_new(COUNT);
	l->limits.conflict = conflict;
	l->limits.tokens_at_once = 100;
	l->more[0].tokens = 60;
	l->more[1].tokens = 60;
	/* the first runs on and on; the second would like to; the third would be in its way */
	l->more[COUNT - 3].tokens = 41;
	l->more[COUNT - 2].tokens = 40;
	l->conflicts[1][COUNT - 1] = l->conflicts[COUNT - 1][1] = true;
	list_begin(l);
	expect_next(l, 0);
	for (size_t i = 2; i < COUNT - 3; i++)
		expect_next(l, i);
	expect_none(l);
	ck_assert_uint_eq(schedule_ready(l->schedule), 4);
	schedule_over(l->schedule, 0, true);
	expect_next(l, 1);
	expect_next(l, COUNT - 2);
	expect_none(l);
	schedule_over(l->schedule, 1, true);
	expect_next(l, COUNT - 3);
	expect_next(l, COUNT - 1);
	list_free(l);
}
END_TEST

START_TEST(added_while_running)
{
	struct list *l = list_new(4);
	l->limits.jobs = 2;
	l->schedule = schedule_new(&l->nodes, &l->limits);
	schedule_add(l->schedule, 0, NULL, 0);
	expect_next(l, 0);
	expect_none(l);
	/* needs one that runs, and one that is not known yet */
	schedule_add(l->schedule, 1, (const size_t[]){ 0, 3 }, 2);
	schedule_add(l->schedule, 2, NULL, 0);
	schedule_add(l->schedule, 3, NULL, 0);
	expect_next(l, 2);
	schedule_over(l->schedule, 0, true);
	expect_next(l, 3);
	schedule_over(l->schedule, 2, true);
	expect_none(l);
	schedule_over(l->schedule, 3, true);
	expect_next(l, 1);
	list_free(l);
}
END_TEST

START_TEST(a_long_list_is_fast)
{
	enum { MANY = 300000 };
	static struct task task = { .id = "t" };
	struct nodes nodes = { 0 };
	const struct schedule_limits limits = { .jobs = 4 };
	struct schedule *s = schedule_new(&nodes, &limits);
	size_t got;
	for (size_t i = 0; i < MANY; i++)
		schedule_add(s, nodes_add(&nodes, &task, 0), NULL, 0);
	for (size_t i = 0; i < MANY; i++) {
		if (!schedule_next(s, &got) || got != i)
			ck_abort_msg("task %zu does not start", i);
		schedule_over(s, got, true);
	}
	ck_assert(!schedule_next(s, &got));
	schedule_free(s);
	nodes_free(&nodes);
}
END_TEST

/* Runs all of them, the one that began first ending first. */
static void run_through(struct schedule *s, size_t count)
{
	uint32_t *began = calloc(count, sizeof *began);
	size_t first = 0;
	size_t last = 0;
	while (first < count) {
		size_t got;
		while (schedule_next(s, &got))
			began[last++] = (uint32_t)got;
		if (first == last)
			ck_abort_msg("nothing runs after %zu tasks", first);
		schedule_over(s, began[first++], true);
	}
	free(began);
}

/* A list of tasks that take from 100 tokens: 30 each, or between 1 and 100. */
static void run_with_few_tokens(size_t count, bool equal)
{
	enum { KINDS = 100 };
	static struct task_more more[KINDS];
	static struct task tasks[KINDS];
	struct nodes nodes = { 0 };
	const struct schedule_limits limits = { .tokens_at_once = 100 };
	struct schedule *s = schedule_new(&nodes, &limits);

	for (size_t i = 0; i < KINDS; i++) {
		more[i].tokens = i + 1;
		tasks[i] = (struct task){ .id = "t", .more = &more[i] };
	}
	srandom(5);
	for (size_t i = 0; i < count; i++) {
		const struct task *task = &tasks[equal ? 29 : random() % KINDS];
		schedule_add(s, nodes_add(&nodes, task, 0), NULL, 0);
	}
	run_through(s, count);
	schedule_free(s);
	nodes_free(&nodes);
}

static void run_equal(size_t count)
{
	run_with_few_tokens(count, true);
}

static void run_mixed(size_t count)
{
	run_with_few_tokens(count, false);
}

/* Tasks that differ are looked at one by one until none can fit: more than in proportion, and all of them begin. */
START_TEST(a_long_list_with_few_tokens_is_fast)
{
	growth_in_proportion(run_equal, 25000);
	run_mixed(5000);
}
END_TEST

Suite *schedule_suite(void)
{
	Suite *s = suite_create("schedule");
	TCase *t = tcase_create("schedule");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, in_the_order_of_the_list);
	tcase_add_test(t, priority_goes_first);
	tcase_add_test(t, slots);
	tcase_add_test(t, needs_of_success_only);
	tcase_add_test(t, needs_of_what_is_over);
	tcase_add_test(t, tokens_at_once);
	tcase_add_test(t, more_tokens_than_ever_fit);
	tcase_add_test(t, conflicting_ones_take_turns);
	tcase_add_test(t, taken_away);
	tcase_add_test(t, lanes_have_limits);
	tcase_add_test(t, once_more);
	tcase_add_test(t, closed_lanes_bar_nobody);
	tcase_add_test(t, lanes_are_taken_away);
	tcase_add_test(t, closed_lanes_cost_nothing);
	tcase_add_test(t, against_slow_rules);
	tcase_add_test(t, a_large_task_does_not_wait_for_ever);
	tcase_add_test(t, who_is_not_in_the_way_need_not_wait);
	tcase_add_test(t, added_while_running);
	tcase_add_test(t, a_long_list_is_fast);
	tcase_add_test(t, a_long_list_with_few_tokens_is_fast);
	suite_add_tcase(s, t);
	return s;
}
