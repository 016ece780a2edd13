#include <errno.h>
#include <signal.h>
#include <string.h>

#include "shared/clock.h"
#include "shared/text.h"
#include "supervisor/coordinator.h"

/* So many final tasks are written and printed at a time, so that memory stays small when a long list is called off. */
#define BATCH 4096

/* What has not started: cancelled by a signal, skipped by everything else. */
static enum result_status status_for(enum reason reason)
{
	return reason == REASON_INTERRUPTED ? RESULT_CANCELLED : RESULT_SKIPPED;
}

bool stop_calls_off(const struct run *run)
{
	const struct stop *s = &run->stop;
	/* with --fail-fast the run has come to its own end */
	return s->stopping && s->reason != REASON_FAIL_FAST;
}

/* Of its last attempt, or of the run before this one. */
static bool is_failure(enum reason reason)
{
	return reason != REASON_NONE && reason < REASON_NEEDS;
}

void stop_call_off(struct run *run, size_t task)
{
	struct node *node = nodes_at(&run->nodes, task);
	if (node->attempts > 0 && node->last.offset >= 0 && is_failure(node->reason))
		/* it failed before, and that is what is known of it */
		final_failed(run, task, NULL);
	else
		final_task(run, task, status_for(run->stop.reason), run->stop.reason, NULL);
	if (run->nfinals >= BATCH && record_flush(&run->record))
		final_emit(run);
}

static void call_off_all(struct run *run)
{
	struct starts *s = &run->starts;
	for (size_t i = 0; i < s->count; i++) {
		schedule_over(run->schedule, s->v[i].task, false);
		budget_release(run, nodes_at(&run->nodes, s->v[i].task)->task);
		if (run->phase != PHASE_LADDER)
			stop_call_off(run, s->v[i].task);
		else
			/* the ladder still knows it and ends it */
			nodes_at(&run->nodes, s->v[i].task)->state = NODE_FAILED;
	}
	s->count = 0;
	for (size_t i = 0; i < run->failures.listed && run->phase != PHASE_LADDER; i++) {
		if (nodes_at(&run->nodes, run->failures.tasks[i])->state == NODE_FAILED)
			stop_call_off(run, run->failures.tasks[i]);
	}
	size_t task;
	while (schedule_take(run->schedule, &task))
		stop_call_off(run, task);
	for (size_t i = run->nodes.base; schedule_waiting(run->schedule) > 0 && i < run->nodes.end;
	     i++) {
		if (nodes_at(&run->nodes, i)->state == NODE_WAITING) {
			schedule_give_up(run->schedule);
			stop_call_off(run, i);
		}
	}
	intake_close(run);
}

/* Starts nothing more; what has not started becomes final; what runs is asked to stop (unless starts_only). */
static void stop_run(struct run *run, enum reason reason, bool starts_only)
{
	bool first = !run->stop.stopping;
	/* a run that only starts nothing more can still be interrupted */
	if (!first && (!run->stop.starts_only || starts_only) && !run->stop.step_only)
		return;
	run->stop.step_only = false;
	run->stop.stopping = true;
	run->stop.starts_only = starts_only;
	run->stop.reason = reason;
	if (!starts_only)
		loop_stop(run->loop, false, run->config->grace_ms);
	if (first)
		call_off_all(run);
}

void stop_signal(struct run *run, int signal)
{
	if (run->stop.signal != 0) {
		if (!run->stop.at_once) {
			run->stop.at_once = true;
			progress_line(&run->progress, "killing what still runs");
			loop_stop(run->loop, true, 0);
		}
		return;
	}
	run->stop.signal = signal;
	if (loop_running(run->loop) > 0)
		progress_line(&run->progress,
		    "stopping %zu running task%s (once more to kill at once)",
		    loop_running(run->loop), loop_running(run->loop) == 1 ? "" : "s");
	stop_run(run, REASON_INTERRUPTED, false);
}

static void check_output(struct run *run)
{
	int error = sink_error(run->out);
	if (error == 0 || run->config->output == OUTPUT_NONE || run->trouble != 0)
		return;
	if (error == EPIPE) {
		if (run->stop.signal == 0)
			stop_signal(run, SIGPIPE);
		return;
	}
	/* the tasks go on: their results are in the record, and that is worth more than their print */
	run->trouble = EXIT_IO;
	summary_say(run, "pollard: cannot write to standard output: %s%s%s\n", strerror(error),
	    run->record.kept ? "; the results are in the record: pollard show " : "",
	    run->record.kept ? run->record.dir.id : "");
}

/* What bounds the step alone ends the step alone; and when nothing is left to spend, nothing more begins. */
static void check_step(struct run *run)
{
	if (run->stop.stopping || run->phase == PHASE_OVER || run->phase == PHASE_BETWEEN)
		return;
	if (run->step_deadline_at > 0 && clock_mono_ms() >= run->step_deadline_at) {
		progress_line(&run->progress, "the deadline of step %s has come",
		    safe(run->step->id));
		run->cut_short = REASON_DEADLINE;
		stop_run(run, REASON_DEADLINE, false);
		run->stop.step_only = true;
	} else if (budget_is_spent(run)) {
		progress_line(&run->progress, "the budget is used up: nothing more starts");
		run->cut_short = REASON_BUDGET;
		stop_run(run, REASON_BUDGET, true);
	}
}

void stop_check(struct run *run)
{
	if (run->stop.fail_fast)
		stop_run(run, REASON_FAIL_FAST, true);
	if (run->stop.trouble)
		stop_run(run, REASON_INTERRUPTED, false);
	if (run->deadline_at > 0 && !run->stop.stopping && clock_mono_ms() >= run->deadline_at &&
	    run->phase != PHASE_OVER) {
		progress_line(&run->progress, "the deadline has come");
		run->cut_short = REASON_DEADLINE;
		stop_run(run, REASON_DEADLINE, false);
	}
	check_step(run);
	check_output(run);
}
