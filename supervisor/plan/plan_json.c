#include <cjson/cJSON.h>
#include <stdint.h>

#include "shared/json.h"
#include "supervisor/input/template.h"
#include "supervisor/plan/plan_print.h"

static cJSON *task_object(const struct printed_plan *p, const struct task *t)
{
	struct buf command = BUF_INIT;
	cJSON *o = cJSON_CreateObject();
	uint64_t tokens = task_tokens(t);
	const struct client *client = load_client(p->loaded, t->agent, t);
	bool has = client != NULL && client->backend != NULL;
	json_add_string(o, "id", t->id);
	json_add_string(o, "agent", t->agent != NULL ? t->agent->name : NULL);
	json_add_string(o, "backend", has ? client->backend->name : NULL);
	json_add_string(o, "access", has ? access_text(client->access) : NULL);
	planner_command(&command, p->config, t, client, SIZE_MAX);
	json_add_string(o, "command", command.len > 0 ? buf_str(&command) : NULL);
	if (tokens > 0)
		json_add_integer(o, "tokens", (int64_t)tokens);
	else
		json_add_null(o, "tokens");
	buf_free(&command);
	return o;
}

static cJSON *tasks_array(const struct printed_plan *p, const struct step_plan *s)
{
	cJSON *list = cJSON_CreateArray();
	for (size_t i = 0; i < s->step->count; i++)
		cJSON_AddItemToArray(list, task_object(p, &p->plan->tasks[s->step->first + i]));
	return list;
}

static cJSON *waves_array(const struct printed_plan *p, const struct step_plan *s)
{
	cJSON *list = cJSON_CreateArray();
	for (size_t w = 0; w < s->nwaves; w++) {
		cJSON *wave = cJSON_CreateArray();
		for (size_t i = 0; i < s->waves[w].count; i++) {
			size_t task = s->order[s->waves[w].first + i];
			cJSON_AddItemToArray(wave, cJSON_CreateString(p->plan->tasks[task].id));
		}
		cJSON_AddItemToArray(list, wave);
	}
	return list;
}

static cJSON *edges_array(const struct printed_plan *p, const struct step_plan *s)
{
	cJSON *list = cJSON_CreateArray();
	for (size_t i = 0; i < s->nedges; i++) {
		const struct plan_edge *e = &s->edges[i];
		cJSON *o = cJSON_CreateObject();
		json_add_string(o, "task", p->plan->tasks[e->task].id);
		json_add_string(o, "on", e->on != SIZE_MAX ? p->plan->tasks[e->on].id : NULL);
		json_add_string(o, "reason", edge_text(e->kind));
		if (e->kind == EDGE_CONFLICT) {
			json_add_string(o, "pattern", e->pattern);
			json_add_string(o, "on_pattern", e->pattern_on);
		}
		cJSON_AddItemToArray(list, o);
	}
	return list;
}

static cJSON *reasons_array(const struct step_plan *s)
{
	cJSON *list = cJSON_CreateArray();
	for (unsigned i = 0; i < ADVICE_KINDS; i++)
		if (s->advice[i])
			cJSON_AddItemToArray(list,
			    cJSON_CreateString(advice_name((enum advice_kind)i)));
	return list;
}

static void add_foreach(cJSON *o, const struct step_more *more)
{
	if (more == NULL || more->foreach == NULL) {
		json_add_null(o, "foreach");
		return;
	}
	cJSON *f = cJSON_CreateObject();
	json_add_string(f, "in", more->foreach->in->text);
	if (more->foreach->max > 0)
		json_add_integer(f, "max", more->foreach->max);
	else
		json_add_null(f, "max");
	json_add_item(o, "foreach", f);
}

static cJSON *step_object(const struct printed_plan *p, const struct step_plan *s)
{
	const struct step *step = s->step;
	cJSON *o = cJSON_CreateObject();
	json_add_string(o, "id", step->id);
	json_add_string(o, "title", step->title);
	json_add_string(o, "goal", step->goal);
	json_add_string(o, "when", step->more != NULL ? step->more->when_text : NULL);
	add_foreach(o, step->more);
	json_add_string(o, "recommendation", recommendation_text(s->recommendation));
	json_add_item(o, "reasons", reasons_array(s));
	json_add_integer(o, "slots", s->slots);
	json_add_integer(o, "tokens", (int64_t)s->tokens);
	json_add_integer(o, "tokens_at_once", (int64_t)s->tokens_at_once);
	json_add_item(o, "tasks", tasks_array(p, s));
	json_add_item(o, "waves", waves_array(p, s));
	json_add_item(o, "edges", edges_array(p, s));
	json_add_integer(o, "conflicts", (int64_t)s->conflicts.total);
	json_add_bool(o, "conflicts_counted", s->conflicts.counted);
	json_add_string(o, "merge", plan_merge(p, step));
	return o;
}

void plan_json(struct buf *out, const struct printed_plan *p)
{
	cJSON *o = cJSON_CreateObject();
	cJSON *steps = cJSON_CreateArray();
	cJSON *warnings = cJSON_CreateArray();
	json_add_string(o, "type", "plan");
	json_add_string(o, "name", p->plan->name);
	json_add_string(o, "goal", p->plan->goal);
	json_add_bool(o, "rehearsal", p->config->rehearse);
	json_add_string(o, "backend", p->backend != NULL ? p->backend->name : NULL);
	json_add_bool(o, "backend_found", p->backend != NULL && p->config->backend == NULL);
	json_add_integer(o, "tasks", (int64_t)p->plan->ntasks);
	json_add_integer(o, "tokens", (int64_t)p->tokens);
	for (size_t i = 0; i < p->plan->nsteps; i++)
		cJSON_AddItemToArray(steps, step_object(p, &p->steps[i]));
	json_add_item(o, "steps", steps);
	for (size_t i = 0; i < p->nwarnings; i++)
		cJSON_AddItemToArray(warnings, cJSON_CreateString(p->warnings[i]));
	json_add_item(o, "warnings", warnings);
	json_print(out, o);
	buf_addch(out, '\n');
	cJSON_Delete(o);
}
