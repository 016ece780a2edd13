/*
 * A run that goes on: puts tasks, steps and the ladder into the state that is on record.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "shared/xalloc.h"
#include "supervisor/coordinator.h"

/* Its place in the record; NULL when it is new, or not the same any more. */
static const struct replay_task *find(const struct run *run, size_t index)
{
	const struct replay *r = run->replay;
	if (r == NULL)
		return NULL;
	const struct node *node = nodes_at(&run->nodes, index);
	const struct task *task = node->task;
	size_t step = replay_find_step(r, run->plan->steps[node->step].id);
	size_t at = step != REPLAY_NONE ? replay_find_task(r, step, task->id) : REPLAY_NONE;
	if (at == REPLAY_NONE)
		return NULL;
	const struct replay_task *t = &r->tasks[at];
	bool same = t->record != NULL && !t->removed && t->record_len == task->record_len &&
	    memcmp(t->record, task->record, task->record_len) == 0;
	return same ? t : NULL;
}

/* A task that is another one now than it was: the files of its attempts are not to be written over. */
static unsigned attempts_before(const struct run *run, size_t index)
{
	const struct replay *r = run->replay;
	if (r == NULL)
		return 0;
	const struct node *node = nodes_at(&run->nodes, index);
	size_t step = replay_find_step(r, run->plan->steps[node->step].id);
	size_t at = step != REPLAY_NONE ? replay_find_task(r, step, node->task->id) : REPLAY_NONE;
	return at != REPLAY_NONE ? r->tasks[at].attempts : 0;
}

static void restore_usage(struct run *run, const struct task *task, const struct replay_task *t)
{
	const struct usage told = { .known = true,
		.input_tokens = (int64_t)t->used.input_tokens,
		.output_tokens = (int64_t)t->used.output_tokens,
		.usd_known = t->used.usd_known,
		.usd = t->used.usd };
	const struct usage nothing = { .known = false };
	if (t->used.told > 0)
		budget_spend(run, task, &told);
	for (uint64_t i = 0; i < t->used.not_told; i++)
		budget_spend(run, task, &nothing);
}

/* The attempts that failed count; those that were interrupted, or are forgiven, do not. */
static void restore_attempts(struct node *node, const struct replay_task *t)
{
	node->attempts = (uint16_t)t->attempts;
	node->forgiven = (uint16_t)(t->attempts - t->failures);
	node->level = t->level;
	node->spent_ms = t->spent_ms;
	node->last = t->last.length > 0 ? t->last : t->finishing;
	if (node->last.length == 0)
		node->last.offset = -1;
}

bool restore_task(struct run *run, size_t index)
{
	const struct replay_task *t = find(run, index);
	struct node *node = nodes_at(&run->nodes, index);
	if (t == NULL) {
		node->attempts = node->forgiven = (uint16_t)attempts_before(run, index);
		return false;
	}
	restore_attempts(node, t);
	restore_usage(run, node->task, t);
	node->status = t->status;
	node->reason = t->reason;
	if (!t->final)
		return true;
	node->state = NODE_FINAL;
	/* the run before has printed it */
	node->shown = true;
	if (node->reason != REASON_WHEN)
		counts_add(&run->counts, (enum result_status)node->status);
	if (node->status == RESULT_FAILED)
		final_remember(run, index, node->last);
	return true;
}

bool restore_hold(struct run *run, size_t index)
{
	struct node *node = nodes_at(&run->nodes, index);
	const struct replay_task *t = find(run, index);
	if (t == NULL)
		return node->state == NODE_FINAL;
	if (node->state == NODE_FINAL) {
		/* its failure may be one of those that the ladder was about to be asked about */
		if (node->status == RESULT_FAILED && run->ladders == 0)
			failures_add(run, index, false);
		return true;
	}
	if (t->failures == 0 || t->again || replay_in_flight(t))
		return false;
	/* it was about to be attempted again, and no ladder takes it */
	if (run->config->fail_fast && recover_may_retry(run, index))
		return false;
	if (run->config->fail_fast) {
		final_task(run, index, RESULT_FAILED, (enum reason)node->reason, NULL);
		run->stop.fail_fast = true;
		return true;
	}
	node->state = NODE_FAILED;
	failures_add(run, index, true);
	failures_add_place(run, index, t->ended, t->last);
	return true;
}

void restore_ladder(struct run *run)
{
	size_t at =
	    run->replay != NULL ? replay_find_step(run->replay, run->step->id) : REPLAY_NONE;
	if (at == REPLAY_NONE)
		return;
	const struct replay_step *s = &run->replay->steps[at];
	run->on_ladder = s->on_ladder;
	run->ladders = s->ladders - (s->on_ladder && s->ladders > 0 ? 1 : 0);
	/* numbers that files of an attempt which was interrupted cannot have */
	run->merge_numbers = s->merges + 1;
}

/* What an over step has reached still decides whether anything follows it. */
static void restore_over(struct run *run, size_t index, const struct replay_step *s)
{
	struct yield *y = &run->yields[index];
	const struct step *step = &run->plan->steps[index];
	struct counts c = { 0 };
	/* it may have been called off before its tasks were made, or its results were merged */
	bool unmade = step->count == 0 && step->more != NULL && step->more->foreach != NULL;
	bool unmerged = s->merged == NULL && merge_form_of(run, index) != MERGE_NONE;
	if (!s->left_out && (unmade || unmerged))
		return;
	for (size_t i = 0; i < step->count; i++) {
		const struct node *node = nodes_at(&run->nodes, step->first + i);
		/* a list that was edited may have new tasks */
		if (node->state != NODE_FINAL)
			return;
		if (node->reason != REASON_WHEN)
			counts_add(&c, (enum result_status)node->status);
	}
	y->over = true;
	y->left_out = s->left_out;
	y->outcome = s->left_out ? OUTCOME_ALL : outcome_of(&c);
	if (s->merged != NULL) {
		y->merged = xstrdup(s->merged);
		y->merged_fd =
		    openat(run->record.dir.fd, y->merged, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	}
	run->escalated = run->escalated || s->escalations > 0;
	run->blocked = run->blocked || steps_block(run, index, &c);
}

void restore_step(struct run *run, size_t index)
{
	const struct replay *r = run->replay;
	size_t at = replay_find_step(r, run->plan->steps[index].id);
	/* what comes after a step that is open again is open too */
	bool follows = index == 0 || run->yields[index - 1].over;
	if (follows && at != REPLAY_NONE && r->steps[at].over)
		restore_over(run, index, &r->steps[at]);
}
