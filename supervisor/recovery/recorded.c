#include "supervisor/recovery/recorded.h"

#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "shared/xalloc.h"

/* The ladder of the step that an interrupted run was on, as long as this is it; NULL: it is another one. */
static struct replay_step *interrupted(const struct run *run)
{
	struct replay *r = run->replay;
	size_t at = r != NULL ? replay_find_step(r, run->step->id) : REPLAY_NONE;
	if (at == REPLAY_NONE || !r->steps[at].on_ladder || run->ladders != r->steps[at].ladders)
		return NULL;
	return &r->steps[at];
}

/* Whether that task had failed when the verdict was given, and is the same one still. */
static bool was_judged(const struct run *run, const struct replay_step *s, size_t index)
{
	const struct replay *r = run->replay;
	const struct task *task = nodes_at(&run->nodes, index)->task;
	size_t at = replay_find_task(r, (size_t)(s - r->steps), task->id);
	const struct replay_task *t = at != REPLAY_NONE ? &r->tasks[at] : NULL;
	return t != NULL && t->judged && t->record != NULL && t->record_len == task->record_len &&
	    memcmp(t->record, task->record, task->record_len) == 0;
}

/* Whether there is a verdict of the same debugger about all that is on the ladder now. */
static bool has_verdict(const struct run *run, const struct replay_step *s)
{
	const struct ladder *l = &run->ladder;
	if (s == NULL || s->debugger == NULL || strcmp(s->debugger, steps_debugger(run)) != 0 ||
	    !cJSON_IsObject(json_get(s->verdict, "verdict")))
		return false;
	for (size_t i = 0; i < l->count; i++) {
		if (!was_judged(run, s, l->items[i].now.task))
			return false;
	}
	return true;
}

/* Behind those that failed the others that the verdict may speak of: they are not on the ladder any more. */
static const char **all_ids(const struct run *run, const struct replay_step *s, size_t *count)
{
	const struct replay *r = run->replay;
	const struct ladder *l = &run->ladder;
	struct idset failed = { 0 };
	const char **ids = xcalloc(l->count + s->count + 1, sizeof *ids);
	for (*count = 0; *count < l->count; ++*count) {
		ids[*count] = l->items[*count].now.id;
		idset_add(&failed, ids[*count], 1, 0);
	}
	for (size_t i = s->first; i != REPLAY_NONE; i = r->tasks[i].next) {
		if (idset_find(&failed, r->tasks[i].id, NULL) == 0)
			ids[(*count)++] = r->tasks[i].id;
	}
	idset_free(&failed);
	return ids;
}

bool recorded_verdict(struct run *run, struct verdict *verdict)
{
	struct replay_step *s = interrupted(run);
	char *why = NULL;
	bool good = false;
	if (has_verdict(run, s)) {
		size_t count;
		const char **ids = all_ids(run, s, &count);
		good = verdict_parse(json_get(s->verdict, "verdict"), ids, count, verdict, &why);
		free(ids);
		free(why);
	}
	/* whoever is asked now says what counts, and so does the fix of that */
	if (!good && s != NULL)
		s->on_ladder = false;
	return good;
}

bool recorded_fix(const struct run *run, bool *good)
{
	const struct replay_step *s = interrupted(run);
	const char *status = s != NULL ? json_get_string(s->fix, "status") : NULL;
	*good = status != NULL && strcmp(status, "succeeded") == 0;
	return status != NULL;
}
