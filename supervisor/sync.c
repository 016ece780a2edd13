#include <string.h>

#include "shared/clock.h"
#include "supervisor/coordinator.h"
#include "supervisor/record/events.h"

/* With --fail-fast it follows at once: nobody waits for the others to end. */
static void retry_at_once(struct run *run, struct attempt *attempt)
{
	size_t task = attempt->task;
	int64_t pause = recover_pause(run, task, false);
	int64_t closed = pressure_opens_at(run, task) - clock_mono_ms();
	if (pause < closed)
		pause = closed;
	progress_retry(&run->progress, nodes_at(&run->nodes, task), &attempt->result, pause);
	schedule_retry(run->schedule, task);
	start_add(run, task, 1, pause);
	attempt_free(attempt);
}

/* Whether the ladder may do something about it: then it is not final before that. */
static bool waits_for_ladder(const struct run *run, size_t task)
{
	if (run->config->fail_fast || run->ladders >= LADDERS_MAX)
		return false;
	/* a debugger may change what would fail the same way again */
	bool asks = strcmp(steps_debugger(run), "none") != 0;
	return asks ? recover_has_retries(run, task) : recover_may_retry(run, task);
}

void sync_failed(struct run *run, struct attempt *attempt)
{
	size_t task = attempt->task;
	struct node *node = nodes_at(&run->nodes, task);
	if (run->phase == PHASE_LADDER) {
		recover_failed(run, attempt);
		return;
	}
	bool at_once = run->config->fail_fast && recover_may_retry(run, task);
	bool held = waits_for_ladder(run, task);
	if (at_once && !run->stop.stopping) {
		retry_at_once(run, attempt);
		return;
	}
	failures_add(run, task, held && !run->stop.stopping);
	if (held && !run->stop.stopping) {
		node->state = NODE_FAILED;
		attempt_free(attempt);
		return;
	}
	if (held || at_once)
		final_failed(run, task, attempt);
	else
		final_task(run, task, RESULT_FAILED, node->reason, attempt);
	run->stop.fail_fast = run->config->fail_fast;
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

bool sync_advance(struct run *run)
{
	if (run->phase == PHASE_BETWEEN) {
		steps_next(run);
		return true;
	}
	if (run->phase == PHASE_LADDER)
		return recover_advance(run);
	if (run->phase == PHASE_OVER || run->phase == PHASE_MERGE || loop_running(run->loop) > 0 ||
	    run->starts.count > 0)
		return false;
	if (run->input != NULL || schedule_ready(run->schedule) > 0)
		return false;
	if (recover_wanted(run)) {
		recover_begin(run);
		return true;
	}
	if (schedule_waiting(run->schedule) > 0) {
		skip_waiting(run);
		return true;
	}
	if (merge_begin(run))
		return run->merge_at == 0;
	if (run->phase == PHASE_TASKS)
		steps_end(run);
	return true;
}
