#include "supervisor/replay_again.h"

#include <string.h>

#include "shared/json.h"

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
	t->final = false;
	t->again = true;
	if (t->status == RESULT_FAILED)
		t->failures = 0;
}

static void run_tasks_again(struct replay *r, const cJSON *again)
{
	for (size_t i = 0; i < r->ntasks; i++) {
		struct replay_task *t = &r->tasks[i];
		struct replay_step *s = &r->steps[t->step];

		if (!t->final || t->reason == REASON_WHEN || !names_status(again, t->status))
			continue;
		take_again(t);
		replay_reopen(s);
		if (t->status == RESULT_FAILED) {
			s->ladders = 0;
			s->on_ladder = false;
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

void replay_run_again(struct replay *r, const cJSON *again)
{
	run_tasks_again(r, again);
	ask_conditions_again(r);
}
