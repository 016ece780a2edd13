#include <stdlib.h>

#include "shared/json.h"
#include "shared/xalloc.h"
#include "supervisor/coordinator.h"
#include "supervisor/record/events.h"

/* Failures that are remembered for the summary; the journal has all of them. */
#define FAILED_MAX 1000

/* What a task that has no attempt to show for it has to say. */
static void explain(const struct run *run, const struct node *node, struct result *r)
{
	const struct task *task = node->task;
	if (node->reason == REASON_INVALID && task->kind != TASK_INVALID) {
		result_set_error(r, "%s", buf_str(&run->invalid));
	} else if (node->reason == REASON_INVALID) {
		result_set_error(r, "%.*s", (int)task->text_len, task->text);
	} else if (pressure_explain(run, node, r)) {
		return;
	} else if (node->reason == REASON_NEEDS) {
		result_set_error(r, "needs %s, which did not succeed",
		    intake_missing_need(run, task));
	} else if (node->reason == REASON_WHEN) {
		result_set_error(r, "the condition does not hold: %s", run->step->more->when_text);
	} else if (node->reason == REASON_ESCALATED) {
		result_set_error(r, "an earlier step did not reach what it requires");
	} else if (run->trouble != 0 && node->reason == REASON_INTERRUPTED) {
		result_set_error(r, "the run could not go on");
	} else {
		result_set_error(r, "%s", reason_text((enum reason)node->reason));
	}
}

void final_remember(struct run *run, size_t task, struct record_place place)
{
	if (run->nfailed >= FAILED_MAX)
		return;
	if (run->nfailed == run->failed_cap) {
		run->failed_cap = run->failed_cap == 0 ? 16 : run->failed_cap * 2;
		run->failed = xreallocarray(run->failed, run->failed_cap, sizeof *run->failed);
	}
	run->failed[run->nfailed++] = (struct failed){ task, place };
}

static void finish(struct run *run, size_t task, enum result_status status, enum reason reason,
    struct attempt *attempt, bool called_off)
{
	struct node *node = nodes_at(&run->nodes, task);
	node->state = NODE_FINAL;
	node->status = (uint8_t)status;
	node->reason = (uint8_t)reason;
	/* what `when` leaves out was not wanted */
	if (reason != REASON_WHEN) {
		counts_add(&run->counts, status);
		counts_add(&run->step_counts, status);
	}
	if (node->task->more != NULL)
		scopes_forget(run->scopes, task);

	struct result made = { .status = status };
	const struct result *r = attempt != NULL ? &attempt->result : &made;
	if (attempt == NULL) {
		load_result(&run->record, node, &made);
		/* what is left out now has nothing to do with what an earlier attempt said */
		if (node->last.offset < 0 || status == RESULT_SKIPPED)
			explain(run, node, &made);
	}
	cJSON *event = event_task_finished(run->step, node, r);
	if (called_off)
		json_add_bool(event, "called_off", true);
	struct record_place place = record_event(&run->record, event);
	if (node->last.offset < 0)
		node->last = place;
	if (status == RESULT_FAILED)
		final_remember(run, task, node->last);
	progress_final(&run->progress, node, r);
	if (attempt == NULL)
		result_free(&made);

	if (run->nfinals == run->finals_cap) {
		run->finals_cap = run->finals_cap == 0 ? 64 : run->finals_cap * 2;
		run->finals = xreallocarray(run->finals, run->finals_cap, sizeof *run->finals);
	}
	run->finals[run->nfinals++] = (struct final){ task, attempt };
}

void final_task(struct run *run, size_t task, enum result_status status, enum reason reason,
    struct attempt *attempt)
{
	finish(run, task, status, reason, attempt, false);
}

void final_failed(struct run *run, size_t task, struct attempt *attempt)
{
	enum reason reason = (enum reason)nodes_at(&run->nodes, task)->reason;
	finish(run, task, RESULT_FAILED, reason, attempt, stop_calls_off(run));
}

void final_emit(struct run *run)
{
	for (size_t i = 0; i < run->nfinals; i++) {
		struct final *f = &run->finals[i];
		emit_final(&run->emit, f->task, f->attempt != NULL ? &f->attempt->result : NULL);
		attempt_free(f->attempt);
	}
	run->nfinals = 0;
}
