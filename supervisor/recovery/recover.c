/*
 * Recovery: drives the ladder. What it wants done is done here, and what came of it is told to it.
 */
#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/coordinator.h"
#include "supervisor/record/events.h"

/* Tasks that a line names. */
#define NAMES_MAX 5

/* What the user allows. */
static unsigned allowed_of(const struct run *run, size_t task)
{
	return launch_retries(run->config, run->step, nodes_at(&run->nodes, task)->task);
}

static unsigned retries_of(const struct run *run, size_t task)
{
	/* nothing more of its backend is started */
	return pressure_stopped(run, task) ? 0 : allowed_of(run, task);
}

static struct failure failure_of(const struct run *run, size_t task, unsigned retries)
{
	const struct node *node = nodes_at(&run->nodes, task);
	return (struct failure){
		.task = task,
		.id = node->task->id,
		.attempts = (unsigned)node->attempts - node->forgiven,
		.retries = retries,
		.allowed = allowed_of(run, task),
		.prompt = node->task->agent != NULL,
		.reason = node->reason,
		.retryable = failure_retryable(node->reason, false),
	};
}

bool recover_has_retries(const struct run *run, size_t task)
{
	const struct node *node = nodes_at(&run->nodes, task);
	return node->attempts - node->forgiven <= (int)retries_of(run, task) &&
	    node->reason != REASON_INVALID;
}

bool recover_may_retry(const struct run *run, size_t task)
{
	const struct node *node = nodes_at(&run->nodes, task);
	return node->attempts - node->forgiven <= (int)retries_of(run, task) &&
	    failure_retryable(node->reason, false);
}

int64_t recover_pause(const struct run *run, size_t task, bool prompts_too)
{
	const struct node *node = nodes_at(&run->nodes, task);
	/* what a command met may have passed when it is tried again; a prompt is refined instead */
	if (node->task->agent != NULL && !prompts_too)
		return 0;
	return ladder_pause_ms(node->attempts + 1u, arc4random());
}

static int by_index(const void *a, const void *b)
{
	size_t ta = *(const size_t *)a;
	size_t tb = *(const size_t *)b;
	return ta < tb ? -1 : ta > tb;
}

bool recover_wanted(const struct run *run)
{
	const struct failures *f = &run->failures;
	if (run->stop.stopping || run->config->fail_fast || f->listed == 0 ||
	    run->ladders >= LADDERS_MAX)
		return false;
	/* of one failure among others nothing is to be found out, only to be retried */
	bool asks = strcmp(steps_debugger(run), "none") != 0;
	return f->held > 0 || (asks && (f->count > 1 || run->step_counts.succeeded == 0));
}

/* Tasks of a stream that are over and printed are not known any more. */
static void forget_gone(struct run *run)
{
	struct failures *f = &run->failures;
	size_t gone = 0;
	while (gone < f->listed && f->tasks[gone] < run->nodes.base)
		gone++;
	f->listed -= gone;
	memmove(f->tasks, f->tasks + gone, f->listed * sizeof *f->tasks);
}

void recover_begin(struct run *run)
{
	struct failures *f = &run->failures;
	/* in the order of the list: which failed first is chance */
	qsort(f->tasks, f->listed, sizeof *f->tasks, by_index);
	forget_gone(run);
	struct failure *failures = xreallocarray(NULL, f->listed, sizeof *failures);
	for (size_t i = 0; i < f->listed; i++) {
		const struct node *node = nodes_at(&run->nodes, f->tasks[i]);
		/* what is final already was printed: it is looked at, not attempted */
		unsigned retries = node->state == NODE_FINAL ? 0 : retries_of(run, f->tasks[i]);
		failures[i] = failure_of(run, f->tasks[i], retries);
	}
	struct ladder_options options = {
		.ask = strcmp(steps_debugger(run), "none") != 0,
		.allow_fix = run->config->allow_fix,
	};
	ladder_begin(&run->ladder, failures, f->listed, run->step_counts.succeeded, options);
	free(failures);
	run->ladders++;
	run->phase = PHASE_LADDER;
	/* a ladder that a resumed run goes on with was entered before */
	if (!run->on_ladder)
		record_event(&run->record,
		    event_recovery_started(run->step, (int)run->ladder.level));
	run->on_ladder = false;
}

static void finish_held(struct run *run)
{
	struct failures *f = &run->failures;
	for (size_t i = 0; i < f->listed; i++) {
		if (nodes_at(&run->nodes, f->tasks[i])->state == NODE_FAILED)
			final_failed(run, f->tasks[i], NULL);
	}
	f->listed = f->held = 0;
	f->count = 0;
}

/* "2 retried" could be how many. */
static void add_word(struct buf *out, const struct ladder *l)
{
	const char *first = l->items[0].now.id;
	if (first[strspn(first, "0123456789")] == '\0')
		buf_addstr(out, l->count > 1 ? "tasks " : "task ");
}

static void add_called_off(const struct run *run, struct buf *out)
{
	const struct ladder *l = &run->ladder;
	for (size_t i = 0; i < l->count && i < NAMES_MAX; i++)
		buf_addf(out, "%s%s", i > 0 ? ", " : "", safe(l->items[i].now.id));
	if (l->count > NAMES_MAX)
		buf_addf(out, " and %zu more", l->count - NAMES_MAX);
	buf_addf(out, " called off (%s)", reason_text(run->stop.reason));
	if (l->recovered > 0)
		buf_addf(out, ": %zu of %zu succeeded", l->recovered, l->count);
}

static void tell(struct run *run)
{
	struct buf text = BUF_INIT;
	const struct ladder *l = &run->ladder;
	if (l->count > 0 && (run->stop.stopping || l->level == 1 || !l->asked))
		add_word(&text, l);
	if (run->stop.stopping)
		add_called_off(run, &text);
	else if (!ladder_text(l, &text))
		buf_reset(&text);
	if (text.len > 0) {
		cJSON *event = event_recovery(run->step, (int)l->level, buf_str(&text));
		if (stop_calls_off(run))
			json_add_bool(event, "called_off", true);
		record_event(&run->record, event);
		progress_line(&run->progress, "recovery, level %u: %s", l->level, buf_str(&text));
	}
	buf_free(&text);
}

static void leave(struct run *run)
{
	struct buf why = BUF_INIT;
	tell(run);
	if (!run->stop.stopping && ladder_escalates(&run->ladder)) {
		ladder_why(&run->ladder, &why);
		steps_escalate(run, buf_str(&why));
	}
	buf_free(&why);
	finish_held(run);
	ladder_free(&run->ladder);
	run->phase = PHASE_TASKS;
}

/* Those of the batch for which there is a slot, and no running task in the way. */
static bool start_batch(struct run *run, const struct ladder_step *step)
{
	bool started = false;
	for (size_t i = 0; i < step->ntasks; i++) {
		size_t task = step->tasks[i];
		if (pressure_stopped(run, task)) {
			recover_give_up(run, task);
			started = true;
			continue;
		}
		if (nodes_at(&run->nodes, task)->state != NODE_FAILED ||
		    !schedule_try(run->schedule, task))
			continue;
		int64_t pause = recover_pause(run, task, step->pause);
		if (pause < run->asking.verdict.pause_ms)
			pause = run->asking.verdict.pause_ms;
		start_add(run, task, step->level, pause);
		started = true;
	}
	return started;
}

bool recover_advance(struct run *run)
{
	struct ladder_step step;
	bool busy = loop_running(run->loop) > 0 || run->starts.count > 0;
	if (run->stop.stopping) {
		if (!busy)
			leave(run);
		return !busy;
	}
	ladder_next(&run->ladder, &step);
	switch (step.action) {
	case LADDER_ASK:
		return !busy && ask_begin(run, &step);
	case LADDER_FIX:
		return !busy && ask_fix(run);
	case LADDER_ATTEMPT:
		return start_batch(run, &step);
	case LADDER_OVER:
		break;
	}
	if (!busy)
		leave(run);
	return !busy;
}

void recover_again(struct run *run, size_t task)
{
	nodes_at(&run->nodes, task)->state = NODE_FAILED;
	struct failure now = failure_of(run, task, retries_of(run, task));
	ladder_failed(&run->ladder, &now);
}

void recover_give_up(struct run *run, size_t task)
{
	nodes_at(&run->nodes, task)->state = NODE_FAILED;
	struct failure now = failure_of(run, task, 0);
	ladder_failed(&run->ladder, &now);
}

void recover_failed(struct run *run, struct attempt *attempt)
{
	recover_again(run, attempt->task);
	attempt_free(attempt);
}
