/* Verdicts, and what was done about them, on their way from the journal into a report. */

#include "shared/json.h"
#include "shared/words.h"
#include "supervisor/report/report_gather.h"

#define ANSWER_MAX 500 /* characters of an answer that is no verdict, of a fix */

const char *gather_words(struct report *r, const cJSON *array)
{
	struct buf line = BUF_INIT;
	const cJSON *word;

	cJSON_ArrayForEach(word, array)
	{
		if (line.len > 0)
			buf_addch(&line, ' ');
		if (cJSON_IsString(word))
			words_quote(&line, word->valuestring);
	}
	const char *text = report_line_cut(r, buf_str(&line), ANSWER_MAX);
	buf_free(&line);
	return text;
}

/* {"agent", "prompt"} or {"run": [...]} in one line; NULL when there is none. */
static const char *fix_line(struct report *r, const cJSON *fix)
{
	const char *agent = json_get_string(fix, "agent");
	const char *prompt = json_get_string(fix, "prompt");
	struct buf line = BUF_INIT;

	if (cJSON_IsArray(json_get(fix, "run")))
		return gather_words(r, json_get(fix, "run"));
	if (agent == NULL || prompt == NULL)
		return NULL;
	buf_addf(&line, "%s: %s", agent, prompt);
	const char *text = report_line_cut(r, buf_str(&line), ANSWER_MAX);
	buf_free(&line);
	return text;
}

static void add_group(struct gather *g, size_t step, struct report_group *group, const cJSON *said)
{
	const cJSON *ids = json_get(said, "tasks");
	const cJSON *id;
	int count = cJSON_IsArray(ids) ? cJSON_GetArraySize(ids) : 0;
	size_t *tasks = arena_take(&g->r->arena, ((size_t)count + 1) * sizeof(*tasks));

	group->cause = report_member(g->r, said, "cause");
	group->tasks = tasks;
	cJSON_ArrayForEach(id, ids)
	{
		size_t at = cJSON_IsString(id) ?
		    replay_find_task(&g->replay, step, id->valuestring) :
		    REPLAY_NONE;

		if (at == REPLAY_NONE || at >= g->tasks_cap)
			continue;
		tasks[group->ntasks++] = at;
		g->tasks[at].cause = group->cause;
	}
}

static void add_groups(struct gather *g, size_t step, struct report_verdict *v, const cJSON *said)
{
	const cJSON *list = json_get(said, "groups");
	const cJSON *item;
	int count = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;

	if (count == 0)
		return;
	struct report_group *groups = arena_take(&g->r->arena, (size_t)count * sizeof(*groups));
	cJSON_ArrayForEach(item, list)
	{
		add_group(g, step, &groups[v->ngroups++], item);
	}
	v->groups = groups;
}

/* Without groups it is about all that have failed and are not over yet. */
static void cause_for_all(struct gather *g, size_t step, const char *cause)
{
	const struct replay *p = &g->replay;

	for (size_t t = p->steps[step].first; t != REPLAY_NONE; t = p->tasks[t].next)
		if (t < g->tasks_cap && !p->tasks[t].final && p->tasks[t].failures > 0)
			g->tasks[t].cause = cause;
}

void gather_verdict(struct gather *g, size_t step, const cJSON *record)
{
	struct report *r = g->r;
	const cJSON *said = json_get(record, "verdict");

	r->verdicts =
	    table_grow(r->verdicts, &r->verdicts_cap, r->nverdicts + 1, sizeof(*r->verdicts));
	struct report_verdict *v = &r->verdicts[r->nverdicts++];
	*v = (struct report_verdict){
		.step = step,
		.time_ms = g->last_ms,
		.level = gather_small(record, "level"),
		.debugger = report_member(r, record, "debugger"),
		.valid = cJSON_IsTrue(json_get(record, "valid")),
		.error = report_member(r, record, "error"),
		.answer = report_line_cut(r, json_get_string(record, "answer"), ANSWER_MAX),
		.relation = report_member(r, said, "relation"),
		.cause = report_member(r, said, "cause"),
		.strategy = report_member(r, said, "strategy"),
		.fix = fix_line(r, json_get(said, "fix")),
		.escalate = cJSON_IsTrue(json_get(said, "escalate")),
		.duration_ms = json_get_ms(record, "seconds"),
	};
	if (v->debugger == NULL)
		v->debugger = "builtin";
	add_groups(g, step, v, said);
	if (v->ngroups == 0 && v->cause != NULL)
		cause_for_all(g, step, v->cause);
}

void gather_remark(struct gather *g, enum report_remark_kind kind, size_t step, unsigned level,
    const char *text)
{
	struct report *r = g->r;

	r->remarks = table_grow(r->remarks, &r->remarks_cap, r->nremarks + 1, sizeof(*r->remarks));
	r->remarks[r->nremarks++] = (struct report_remark){
		.kind = kind,
		.step = step,
		.time_ms = g->last_ms,
		.level = level,
		.text = text != NULL ? text : "",
	};
}

/* "succeeded: make db", "failed: make db: exit 2" */
void gather_fix(struct gather *g, size_t step, const cJSON *record)
{
	struct report *r = g->r;
	const char *status = report_member(r, record, "status");
	const char *what = fix_line(r, record);
	const char *error = report_member(r, record, "error");
	struct buf line = BUF_INIT;

	buf_addf(&line, "%s%s%s%s%s", status != NULL ? status : "tried", what != NULL ? ": " : "",
	    what != NULL ? what : "", error != NULL ? ": " : "", error != NULL ? error : "");
	gather_remark(g, REPORT_FIX, step, 0, arena_strdup(&r->arena, buf_str(&line)));
	buf_free(&line);
}
