#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"
#include "shared/xalloc.h"
#include "supervisor/coordinator.h"
#include "supervisor/events.h"

/* The ladder is entered once a step, and once more for what failed only after recovery had revived what it needs. */
#define LADDERS_MAX 2

static struct failure failure_of(const struct run *run, size_t task)
{
	const struct node *node = nodes_at(&run->nodes, task);
	return (struct failure){ .task = task,
		.attempts = node->attempts,
		.retries = launch_retries(run->config, node->task),
		.reason = node->reason };
}

/* A command waits before it is tried again: what it met may have passed. A prompt is refined instead. */
static int64_t pause_before(const struct run *run, size_t task)
{
	const struct node *node = nodes_at(&run->nodes, task);
	if (node->task->agent != NULL)
		return 0;
	return retry_pause_ms(node->attempts + 1u, arc4random());
}

static void retry(struct run *run, size_t task, unsigned level, const struct result *r)
{
	struct node *node = nodes_at(&run->nodes, task);
	int64_t pause = pause_before(run, task);
	if (r != NULL)
		progress_retry(&run->progress, node, r, pause);
	schedule_retry(run->schedule, task);
	start_add(run, task, level, pause);
}

static void wait_for_ladder(struct run *run, const struct failure *f)
{
	nodes_at(&run->nodes, f->task)->state = NODE_FAILED;
	if (run->nretryable == run->retryable_cap) {
		run->retryable_cap = run->retryable_cap == 0 ? 16 : run->retryable_cap * 2;
		run->retryable =
		    xreallocarray(run->retryable, run->retryable_cap, sizeof *run->retryable);
	}
	run->retryable[run->nretryable++] = *f;
}

void sync_failed(struct run *run, struct attempt *attempt)
{
	size_t task = attempt->task;
	struct node *node = nodes_at(&run->nodes, task);
	struct failure f = failure_of(run, task);
	if (run->phase == PHASE_LADDER) {
		node->state = NODE_FAILED;
		recovery_result(&run->ladder, false, f.reason);
		attempt_free(attempt);
		return;
	}
	bool again = may_retry(&f) && !run->stop.stopping;
	if (again && run->config->fail_fast) {
		retry(run, task, 1, &attempt->result);
		attempt_free(attempt);
		return;
	}
	run->new_failures++;
	if (again && run->ladders < LADDERS_MAX) {
		wait_for_ladder(run, &f);
		attempt_free(attempt);
		return;
	}
	final_task(run, task, RESULT_FAILED, node->reason, attempt);
	if (run->config->fail_fast && !run->stop.stopping)
		run->stop.fail_fast = true;
}

static int by_task(const void *a, const void *b)
{
	const struct failure *fa = a;
	const struct failure *fb = b;
	return fa->task < fb->task ? -1 : fa->task > fb->task;
}

static void enter_ladder(struct run *run)
{
	/* in the order of the list: which failed first is chance */
	qsort(run->retryable, run->nretryable, sizeof *run->retryable, by_task);
	recovery_begin(&run->ladder, run->retryable, run->nretryable, run->new_failures,
	    run->counts.succeeded);
	run->nretryable = 0;
	run->new_failures = 0;
	run->ladders++;
	run->phase = PHASE_LADDER;
}

static void add_names(struct buf *text, const struct run *run, const struct recovery *r)
{
	size_t named = r->count < 5 ? r->count : 5;
	const char *first = nodes_at(&run->nodes, r->failures[0].task)->task->id;
	/* "2 retried" could be how many */
	if (first[strspn(first, "0123456789")] == '\0')
		buf_addstr(text, r->count > 1 ? "tasks " : "task ");
	for (size_t i = 0; i < named; i++)
		buf_addf(text, "%s%s", i > 0 ? ", " : "",
		    nodes_at(&run->nodes, r->failures[i].task)->task->id);
	if (r->count > named)
		buf_addf(text, " and %zu more", r->count - named);
}

/* One line for people: what recovery did, and what came of it. */
static void record_recovery(struct run *run)
{
	const struct recovery *r = &run->ladder;
	struct buf text = BUF_INIT;
	add_names(&text, run, r);
	unsigned retried = nodes_at(&run->nodes, r->failures[0].task)->attempts - 1u;
	bool called_off = run->stop.stopping && r->recovered < r->count;
	if (called_off)
		buf_addf(&text, " called off (%s)", reason_text(run->stop.reason));
	else if (r->level == 1 && retried == 1)
		buf_addstr(&text, " retried once, refined");
	else if (r->level == 1)
		buf_addf(&text, " retried %u times, refined", retried);
	else
		buf_addstr(&text, " retried one after another, refined");
	if (r->recovered == r->count)
		buf_addstr(&text, ": succeeded");
	else if (r->canary_failed && r->count > 1)
		buf_addf(&text, ": the first failed again, the rest was not tried");
	else if (r->recovered > 0)
		buf_addf(&text, ": %zu of %zu succeeded", r->recovered, r->count);
	else if (!called_off)
		buf_addstr(&text, ": failed again");
	record_event(&run->record, event_recovery(run->step, r->level, buf_str(&text)));
	progress_line(&run->progress, "recovery, level %d: %s", r->level, buf_str(&text));
	buf_free(&text);
}

static void leave_ladder(struct run *run)
{
	record_recovery(run);
	for (size_t i = 0; i < run->ladder.count; i++) {
		size_t task = run->ladder.failures[i].task;
		struct node *node = nodes_at(&run->nodes, task);
		if (node->state == NODE_FAILED)
			final_task(run, task, RESULT_FAILED, node->reason, NULL);
	}
	recovery_free(&run->ladder);
	run->phase = PHASE_TASKS;
}

/* The next attempt of the ladder, or its end. */
static void climb(struct run *run)
{
	size_t task;
	if (run->stop.stopping || !recovery_next(&run->ladder, &task)) {
		leave_ladder(run);
		return;
	}
	retry(run, task, (unsigned)run->ladder.level, NULL);
}

/* What still waits for tasks that did not succeed will never run. */
static void skip_waiting(struct run *run)
{
	for (size_t i = run->nodes.base; schedule_waiting(run->schedule) > 0 && i < run->nodes.end;
	     i++) {
		if (nodes_at(&run->nodes, i)->state == NODE_WAITING) {
			schedule_give_up(run->schedule);
			final_task(run, i, RESULT_SKIPPED, REASON_NEEDS, NULL);
		}
	}
}

static void finish_step(struct run *run)
{
	int64_t wall = clock_mono_ms() - run->began_ms;
	if (run->counts.total > 0 && outcome_of(&run->counts) == OUTCOME_NONE &&
	    run->counts.failed > 0 && !run->stop.stopping) {
		run->escalated = true;
		record_event(&run->record, event_escalated(run->step, "no task succeeded"));
	}
	record_event(&run->record,
	    event_step_finished(run->step, &run->counts, wall, run->sequential_ms, run->merged));
	run->phase = PHASE_OVER;
}

bool sync_advance(struct run *run)
{
	if (run->phase == PHASE_OVER || run->phase == PHASE_MERGE || loop_running(run->loop) > 0 ||
	    run->starts.count > 0)
		return false;
	if (run->phase == PHASE_LADDER) {
		climb(run);
		return true;
	}
	if (run->input != NULL || schedule_ready(run->schedule) > 0)
		return false;
	if (run->nretryable > 0 && !run->stop.stopping) {
		enter_ladder(run);
		return true;
	}
	if (schedule_waiting(run->schedule) > 0) {
		skip_waiting(run);
		return true;
	}
	if (!merge_begin(run) && run->phase == PHASE_TASKS)
		finish_step(run);
	return true;
}
