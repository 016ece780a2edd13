#include "supervisor/record/replay_again.h"

#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "shared/xalloc.h"

void replay_reopen(struct replay_step *s)
{
	s->over = s->left_out = false;
	s->outcome = s->merged = NULL;
	s->merge.offset = -1;
}

static bool names_status(const cJSON *again, uint8_t status)
{
	const char *word = result_status_text((enum result_status)status);
	const cJSON *item;

	cJSON_ArrayForEach(item, again)
	{
		if (cJSON_IsString(item) && strcmp(item->valuestring, word) == 0)
			return true;
	}
	return false;
}

static void take_again(struct replay_task *t)
{
	t->final = t->called_off = false;
	t->again = true;
	if (t->status == RESULT_FAILED)
		t->failures = 0;
}

/* With the failures that it has, and what was found out about them. */
static void take_up(struct replay_task *t, struct replay_step *s)
{
	t->final = t->called_off = false;
	replay_reopen(s);
}

static void run_tasks_again(struct replay *r, const cJSON *again)
{
	for (size_t i = 0; i < r->ntasks; i++) {
		struct replay_task *t = &r->tasks[i];
		struct replay_step *s = &r->steps[t->step];

		if (!t->final || t->reason == REASON_WHEN)
			continue;
		if (!names_status(again, t->status)) {
			if (t->called_off)
				take_up(t, s);
			continue;
		}
		take_again(t);
		replay_reopen(s);
		if (t->status == RESULT_FAILED) {
			s->ladders = 0;
			s->on_ladder = s->ladder_off = false;
			r->cause = NULL;
		}
	}
}

/* What an earlier step gives may be another thing now: conditions are looked at once more. */
static void ask_conditions_again(struct replay *r)
{
	size_t open = 0;

	while (open < r->nsteps && r->steps[open].over)
		open++;
	for (size_t i = 0; i < r->ntasks; i++) {
		struct replay_task *t = &r->tasks[i];

		if (t->final && t->reason == REASON_WHEN && t->step >= open)
			take_again(t);
	}
	for (size_t i = open; i < r->nsteps; i++) {
		if (r->steps[i].left_out)
			replay_reopen(&r->steps[i]);
	}
}

/* What is open again goes on with the ladder that it was on. */
static void go_on_with_ladders(struct replay *r)
{
	for (size_t i = 0; i < r->nsteps; i++) {
		struct replay_step *s = &r->steps[i];

		if (!s->over && s->ladder_off)
			s->on_ladder = true;
		s->ladder_off = false;
	}
}

void replay_run_again(struct replay *r, const cJSON *again)
{
	run_tasks_again(r, again);
	go_on_with_ladders(r);
	ask_conditions_again(r);
}

void replay_judge(struct replay *r, const struct replay_step *s)
{
	for (size_t i = s->first; i != REPLAY_NONE; i = r->tasks[i].next) {
		struct replay_task *t = &r->tasks[i];

		t->judged =
		    t->status == RESULT_FAILED && t->ended > 0 && !replay_in_flight(t) && !t->again;
	}
}

/* Puts a task behind those that are in their places already. */
static void put_in_order(struct replay *r, struct replay_step *s, size_t at)
{
	if (s->first == REPLAY_NONE)
		s->first = at;
	else
		r->tasks[s->last].next = at;
	s->last = at;
	r->tasks[at].next = REPLAY_NONE;
}

/* Takes all tasks of the step out of their order; one that has no place yet comes after itself. */
static size_t *take_tasks(struct replay *r, struct replay_step *s)
{
	size_t *tasks = xreallocarray(NULL, s->count + 1, sizeof(*tasks));
	size_t count = 0;

	for (size_t i = s->first; i != REPLAY_NONE; i = r->tasks[i].next)
		tasks[count++] = i;
	for (size_t i = 0; i < count; i++)
		r->tasks[tasks[i]].next = tasks[i];
	s->first = s->last = REPLAY_NONE;
	return tasks;
}

void replay_order(struct replay *r, size_t step, const cJSON *ids)
{
	struct replay_step *s = &r->steps[step];
	const cJSON *id;

	size_t *all = take_tasks(r, s);
	cJSON_ArrayForEach(id, ids)
	{
		size_t at =
		    cJSON_IsString(id) ? replay_find_task(r, step, id->valuestring) : REPLAY_NONE;

		if (at != REPLAY_NONE && r->tasks[at].next == at)
			put_in_order(r, s, at);
	}
	for (size_t i = 0; i < s->count; i++) {
		if (r->tasks[all[i]].next != all[i])
			continue;
		r->tasks[all[i]].removed = true;
		put_in_order(r, s, all[i]);
	}
	free(all);
}
