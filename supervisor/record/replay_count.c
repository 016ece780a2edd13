#include "supervisor/record/replay_count.h"

#include <string.h>

#include "shared/json.h"
#include "shared/xalloc.h"

void replay_add_usage(struct replay_usage *used, const cJSON *record)
{
	struct usage u;

	if (!usage_from_json(&u, json_get(record, "usage"))) {
		used->not_told++;
		return;
	}
	used->told++;
	used->input_tokens += (uint64_t)u.input_tokens;
	used->output_tokens += (uint64_t)u.output_tokens;
	used->usd_known |= u.usd_known;
	used->usd += u.usd;
}

void replay_add_aside(struct replay *r, struct replay_step *s, const char *agent,
    const cJSON *record)
{
	size_t at = 0;

	if (agent == NULL)
		return;
	while (at < s->nasides && strcmp(s->asides[at].agent, agent) != 0)
		at++;
	if (at == s->nasides) {
		s->asides = xreallocarray(s->asides, ++s->nasides, sizeof(*s->asides));
		s->asides[at] = (struct replay_aside){ .agent = arena_strdup(&r->arena, agent) };
	}
	replay_add_usage(&s->asides[at].used, record);
	replay_add_usage(&r->used, record);
}
