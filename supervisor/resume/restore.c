/*
 * A run that goes on: puts tasks, steps and the ladder into the state that is on record.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "shared/xalloc.h"
#include "supervisor/coordinator.h"

static const struct replay_step *find_step(const struct run *run, size_t step)
{
	const struct replay *r = run->replay;
	size_t at = r != NULL ? replay_find_step(r, run->plan->steps[step].id) : REPLAY_NONE;
	return at != REPLAY_NONE ? &r->steps[at] : NULL;
}

/* What is on record of the task of that id; NULL when it is new. */
static const struct replay_task *find_id(const struct run *run, size_t index)
{
	const struct replay *r = run->replay;
	const struct node *node = nodes_at(&run->nodes, index);
	const struct replay_step *s = find_step(run, node->step);
	size_t at =
	    s != NULL ? replay_find_task(r, (size_t)(s - r->steps), node->task->id) : REPLAY_NONE;
	return at != REPLAY_NONE ? &r->tasks[at] : NULL;
}

/* The same when it is that task still; NULL when it is another one now. */
static const struct replay_task *find(const struct run *run, size_t index)
{
	const struct replay_task *t = find_id(run, index);
	const struct task *task = nodes_at(&run->nodes, index)->task;
	bool same = t != NULL && t->record != NULL && !t->removed &&
	    t->record_len == task->record_len &&
	    memcmp(t->record, task->record, task->record_len) == 0;
	return same ? t : NULL;
}

/* Counts what the agent, or the task of it, has used: for the run, and not for what its step has left. */
static void spend(struct run *run, const struct task *task, const struct replay_usage *used)
{
	const struct usage told = { .known = true,
		.input_tokens = (int64_t)used->input_tokens,
		.output_tokens = (int64_t)used->output_tokens,
		.usd_known = used->usd_known,
		.usd = used->usd };
	const struct usage nothing = { .known = false };
	if (used->told > 0)
		budget_spend(run, task, &told);
	for (uint64_t i = 0; i < used->not_told; i++)
		budget_spend(run, task, &nothing);
}

static void spend_agent(struct run *run, const char *agent, const struct replay_usage *used)
{
	const bool known = agent != NULL && run->loaded.agents != NULL;
	const struct task task = { .agent = known ? agents_find(run->loaded.agents, agent) : NULL };
	spend(run, &task, used);
}

/* What was used for the step, but by tasks that have their nodes. */
static void spend_besides(struct run *run, const struct replay_step *s)
{
	const struct replay *r = run->replay;
	for (size_t i = 0; i < s->nasides; i++)
		spend_agent(run, s->asides[i].agent, &s->asides[i].used);
	for (size_t i = s->first; i != REPLAY_NONE; i = r->tasks[i].next) {
		if (r->tasks[i].removed)
			spend_agent(run, r->tasks[i].agent, &r->tasks[i].used);
	}
}

void restore_spent(struct run *run)
{
	for (size_t i = 0; i < run->replay->nsteps; i++)
		spend_besides(run, &run->replay->steps[i]);
}

/* The step has used up what it had used before: its limits do not begin anew. */
static void restore_step_spent(struct run *run, const struct replay_step *s)
{
	const struct spent whole = run->spent;
	const struct usage usage = run->usage;
	run->step_spent = (struct spent){ 0 };
	spend_besides(run, s);
	for (size_t i = 0; i < run->step->count; i++) {
		const struct replay_task *t = find_id(run, run->step->first + i);
		if (t != NULL && !t->removed)
			spend(run, nodes_at(&run->nodes, run->step->first + i)->task, &t->used);
	}
	/* of the run it was counted when it was resumed */
	run->spent = whole;
	run->usage = usage;
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
	const struct replay_task *before = find_id(run, index);
	const struct replay_task *t = find(run, index);
	struct node *node = nodes_at(&run->nodes, index);
	if (before != NULL && !before->removed)
		spend(run, node->task, &before->used);
	if (t == NULL) {
		/* the files of the attempts of another task are not to be written over */
		node->attempts = node->forgiven = (uint16_t)(before != NULL ? before->attempts : 0);
		return false;
	}
	restore_attempts(node, t);
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
	const struct replay_step *s = find_step(run, run->at);
	if (s == NULL)
		return;
	restore_step_spent(run, s);
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
	bool foreach = step->more != NULL && step->more->foreach != NULL;
	bool unmade = foreach && step->count == 0 && (s->called_off || s->count > 0);
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
	const struct replay_step *s = find_step(run, index);
	/* what comes after a step that is open again is open too */
	bool follows = index == 0 || run->yields[index - 1].over;
	if (follows && s != NULL && s->over)
		restore_over(run, index, s);
}
