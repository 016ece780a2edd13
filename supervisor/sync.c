#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/xalloc.h"
#include "supervisor/coordinator.h"
#include "supervisor/events.h"

/* The ladder is entered once a step, and once more for what failed only after recovery had revived what it needs. */
#define LADDERS_MAX 2

static struct failure failure_of(const struct run *run, size_t task)
{
	const struct node *node = nodes_at(&run->nodes, task);
	return (struct failure){ .task = task, .attempts = node->attempts,
		.retries = launch_retries(run->config, node->task), .reason = node->reason };
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
	run_final(run, task, RESULT_FAILED, node->reason, attempt);
	if (run->config->fail_fast && !run->stop.stopping)
		stop_run(run, REASON_FAIL_FAST, true);
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
			run_final(run, task, RESULT_FAILED, node->reason, NULL);
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
	for (size_t i = run->nodes.base; schedule_waiting(run->schedule) > 0 && i < run->nodes.end; i++) {
		if (nodes_at(&run->nodes, i)->state == NODE_WAITING) {
			schedule_give_up(run->schedule);
			run_final(run, i, RESULT_SKIPPED, REASON_NEEDS, NULL);
		}
	}
}

enum merge_form sync_merge_form(const struct config *c)
{
	if (c->merge != MERGE_DEFAULT)
		return c->merge;
	return c->output == OUTPUT_MERGED ? MERGE_CONCAT : MERGE_NONE;
}

static struct merge_item *merge_items(const struct run *run)
{
	size_t count = run->nodes.end;
	struct merge_item *items = xcalloc(count > 0 ? count : 1, sizeof *items);
	for (size_t i = 0; i < count; i++) {
		const struct node *node = nodes_at(&run->nodes, i);
		items[i].task = node->task->id;
		items[i].agent = node->task->agent != NULL ? node->task->agent->name : NULL;
		items[i].offset = -1;
		if (node->status == RESULT_SUCCEEDED) {
			items[i].offset = node->last.offset;
			items[i].length = node->last.length;
		} else {
			items[i].missing = reason_text(node->reason);
		}
	}
	return items;
}

static bool begin_merge(struct run *run)
{
	enum merge_form form = sync_merge_form(run->config);
	if (form == MERGE_NONE || run->stop.stopping || run->merged != NULL || run->merged_fd >= 0)
		return false;
	struct buf name = BUF_INIT;
	buf_addf(&name, "%s.%s", run->step->id, form == MERGE_JSON ? "json" : "md");
	struct merge_item *items = merge_items(run);
	struct job job = {
		.kind = JOB_MERGE,
		.run = run->record.dir.id,
		.step = run->step->id,
		.task = "merge",
		.attempt = 1,
		.items = items,
		.nitems = run->nodes.end,
		.merge_json = form == MERGE_JSON,
		.journal_fd = journal_fd(run->record.journal),
		.merge_dirfd = run->record.dir.merged_fd,
		.merge_name = buf_str(&name),
		.out_dirfd = run->record.dir.out_fd,
		.out_fd = -1,
		.err_fd = -1,
		.null_fd = run->launch.null_fd,
		.supervisor_pid = getpid(),
	};
	if (!run->record.kept)
		job.out_fd = record_unnamed_file(&run->record);
	bool begun = record_flush(&run->record) && loop_start(run->loop, &job, SIZE_MAX, 0) == 0;
	if (begun) {
		run->phase = PHASE_MERGE;
		buf_free(&name);
	} else {
		sink_addf(run->err, "pollard: cannot merge the results of step %s\n", run->step->id);
		stop_trouble(run, EXIT_SYSTEM);
		buf_free(&name);
	}
	free(items);
	return begun;
}

void sync_merged(struct run *run, const struct attempt *attempt)
{
	const struct result *r = &attempt->result;
	run->phase = PHASE_TASKS;
	if (r->status != RESULT_SUCCEEDED) {
		sink_addf(run->err, "pollard: cannot merge the results: %s\n",
		    r->error != NULL ? r->error : reason_text(r->reason));
		stop_trouble(run, EXIT_IO);
		return;
	}
	if (!run->record.kept) {
		run->merged_fd = dup(attempt->out_fd);
		return;
	}
	struct buf path = BUF_INIT;
	const char *suffix = sync_merge_form(run->config) == MERGE_JSON ? "json" : "md";
	buf_addf(&path, "merged/%s.%s", run->step->id, suffix);
	run->merged = buf_detach(&path);
	run->merged_fd = openat(run->record.dir.fd, run->merged, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
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
	/* nobody is told that it is complete before the disk has it; run_loop() reports a failure */
	record_sync(&run->record);
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
	if (!begin_merge(run) && run->phase == PHASE_TASKS)
		finish_step(run);
	return true;
}
