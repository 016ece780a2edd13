#include <stdio.h>

#include "shared/text.h"
#include "supervisor/input/template.h"
#include "supervisor/plan/plan_print.h"

#define COMMAND_COLUMNS 100
#define PROMPT_COLUMNS 90
/* What a person reads of a long list; -o json has all of it. */
#define WAVES_SHOWN 20
#define TASKS_SHOWN 20
#define EDGES_SHOWN 40

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/* 40000 as 40k; buf of at least 32 bytes. */
static const char *count_text(char *buf, size_t size, uint64_t n)
{
	if (n >= 1000000 && n % 100000 == 0)
		snprintf(buf, size,
		    "%g"
		    "M",
		    (double)n / 1e6);
	else if (n >= 1000 && n % 1000 == 0)
		snprintf(buf, size, "%lluk", (unsigned long long)(n / 1000));
	else
		snprintf(buf, size, "%llu", (unsigned long long)n);
	return buf;
}

static void add_more(struct buf *out, const char *indent, uint64_t shown, uint64_t total,
    const char *what)
{
	if (total > shown)
		buf_addf(out, "%s... and %llu more %s%s\n", indent,
		    (unsigned long long)(total - shown), what, plural(total - shown));
}

static void add_head(struct buf *out, const struct printed_plan *p)
{
	const struct plan *plan = p->plan;
	char tokens[32];
	if (plan->name != NULL)
		buf_addf(out, "plan of %s: ", safe(plan->name));
	else
		buf_addstr(out, "plan: ");
	buf_addf(out, "%zu step%s, %zu task%s", plan->nsteps, plural(plan->nsteps), plan->ntasks,
	    plural(plan->ntasks));
	if (p->tokens > 0)
		buf_addf(out, ", %s expected tokens", count_text(tokens, sizeof tokens, p->tokens));
	buf_addch(out, '\n');
	if (plan->goal != NULL)
		buf_addf(out, "goal: %s\n", safe(plan->goal));
	if (p->backend != NULL && p->config->backend == NULL)
		buf_addf(out,
		    "backend: %s, the first client that is on PATH; --backend names another\n",
		    p->backend->name);
	else if (p->backend != NULL)
		buf_addf(out, "backend: %s\n", p->backend->name);
	if (p->config->rehearse)
		buf_addstr(out,
		    "rehearsal: stand-ins answer, no agent and no command is started\n");
}

static void add_advice(struct buf *out, const struct step_plan *s)
{
	bool first = true;
	buf_addf(out, "  recommended: %s", recommendation_text(s->recommendation));
	for (unsigned i = 0; i < ADVICE_KINDS; i++) {
		if (!s->advice[i])
			continue;
		buf_addf(out, "%s%s", first ? ", because " : "; ",
		    advice_text((enum advice_kind)i));
		first = false;
	}
	buf_addch(out, '\n');
}

static void add_limits(struct buf *out, const struct step_plan *s)
{
	char most[32];
	char all[32];
	if (s->slots == 0)
		buf_addstr(out, "  slots: as many as tasks\n");
	else
		buf_addf(out, "  slots: %u\n", s->slots);
	if (s->tokens == 0)
		return;
	buf_addf(out, "  expected tokens: %s", count_text(all, sizeof all, s->tokens));
	if (s->tokens_at_once > 0)
		buf_addf(out, ", at most %s at once",
		    count_text(most, sizeof most, s->tokens_at_once));
	buf_addch(out, '\n');
}

static void add_foreach(struct buf *out, const struct foreach *f)
{
	if (f->max > 0)
		buf_addf(out, "  tasks: up to %u from %s\n", f->max, safe(f->in->text));
	else
		buf_addf(out, "  tasks: one for each item of %s\n", safe(f->in->text));
}

/* Who it is, by which client, and what it may do there. */
static void add_agent(struct buf *out, const struct agent *agent, const struct client *client)
{
	buf_addf(out, "agent %s", safe(agent->name));
	if (client != NULL && client->backend != NULL)
		buf_addf(out, " (%s, %s%s)", client->backend->name, access_text(client->access),
		    backend_holds(client->backend, client->access) ? "" :
								     ", which it is not held to");
	buf_addstr(out, ": ");
}

static void add_task(struct buf *out, const struct printed_plan *p, const struct task *t)
{
	char tokens[32];
	uint64_t n = task_tokens(t);
	const struct client *client = load_client(p->loaded, t->agent, t);
	buf_addf(out, "    %s", safe(t->id));
	if (n > 0)
		buf_addf(out, " (%s tokens)", count_text(tokens, sizeof tokens, n));
	buf_addstr(out, ": ");
	if (t->agent != NULL)
		add_agent(out, t->agent, client);
	size_t before = out->len;
	planner_command(out, p->config, t, client, COMMAND_COLUMNS);
	if (out->len == before)
		buf_addstr(out, "no command of its own");
	buf_addch(out, '\n');
	if (t->kind != TASK_AGENT)
		return;
	size_t line = out->len;
	buf_addstr(out, "      ");
	size_t prompt = out->len;
	text_summary(out, t->text, t->text_len, PROMPT_COLUMNS);
	if (out->len == prompt)
		out->len = line;
	else
		buf_addch(out, '\n');
}

static void add_waves(struct buf *out, const struct printed_plan *p, const struct step_plan *s)
{
	for (size_t w = 0; w < s->nwaves && w < WAVES_SHOWN; w++) {
		const struct wave *wave = &s->waves[w];
		buf_addf(out, "  wave %zu: %zu task%s\n", w + 1, wave->count, plural(wave->count));
		for (size_t i = 0; i < wave->count && i < TASKS_SHOWN; i++)
			add_task(out, p, &p->plan->tasks[s->order[wave->first + i]]);
		add_more(out, "    ", TASKS_SHOWN, wave->count, "task");
	}
	add_more(out, "  ", WAVES_SHOWN, s->nwaves, "wave");
}

static void add_edge(struct buf *out, const struct plan *plan, const struct plan_edge *e)
{
	const char *task = plan->tasks[e->task].id;
	const char *on = e->on != SIZE_MAX ? plan->tasks[e->on].id : NULL;
	switch (e->kind) {
	case EDGE_NEEDS:
		buf_addf(out, "    %s after %s: it needs it\n", safe(task), safe(on));
		break;
	case EDGE_TEMPLATE:
		buf_addf(out, "    %s after %s: its template holds what that yields\n", safe(task),
		    safe(on));
		break;
	case EDGE_CONFLICT:
		buf_addf(out, "    %s not beside %s: '%s' meets '%s'\n", safe(task), safe(on),
		    safe(e->pattern), safe(e->pattern_on));
		break;
	case EDGE_TOKENS:
		buf_addf(out, "    %s later: no room below the token limit\n", safe(task));
		break;
	case EDGE_SLOTS:
	case EDGE_KINDS:
		break;
	}
}

/* Waiting for a slot is what every long list does: it is told in one line. */
static void add_edges(struct buf *out, const struct printed_plan *p, const struct step_plan *s)
{
	size_t slots = 0;
	size_t shown = 0;
	uint64_t total = 0;
	for (size_t i = 0; i < s->nedges; i++) {
		if (s->edges[i].kind == EDGE_SLOTS) {
			slots++;
			continue;
		}
		if (total++ == 0)
			buf_addstr(out, "  order\n");
		if (shown == EDGES_SHOWN)
			continue;
		add_edge(out, p->plan, &s->edges[i]);
		shown++;
	}
	total += s->conflicts.total - s->conflicts.count;
	add_more(out, s->conflicts.counted ? "    " : "    at least ", shown, total, "reason");
	if (slots > 0)
		buf_addf(out, "  waiting for a slot: %zu task%s\n", slots, plural(slots));
}

static void add_step(struct buf *out, const struct printed_plan *p, const struct step_plan *s)
{
	const struct step *step = s->step;
	const struct step_more *more = step->more;
	const char *title = step->title != NULL ? step->title : step->goal;
	buf_addf(out, "\nstep %s%s%s\n", safe(step->id), title != NULL ? ": " : "",
	    title != NULL ? safe(title) : "");
	if (step->title != NULL && step->goal != NULL)
		buf_addf(out, "  goal: %s\n", safe(step->goal));
	if (more != NULL && more->when_text != NULL)
		buf_addf(out, "  when: %s\n", safe(more->when_text));
	if (more != NULL && more->foreach != NULL)
		add_foreach(out, more->foreach);
	add_advice(out, s);
	add_limits(out, s);
	add_waves(out, p, s);
	add_edges(out, p, s);
	if (plan_merge(p, step) != NULL)
		buf_addf(out, "  merge: %s\n", safe(plan_merge(p, step)));
}

void plan_text(struct buf *out, const struct printed_plan *p)
{
	add_head(out, p);
	for (size_t i = 0; i < p->plan->nsteps; i++)
		add_step(out, p, &p->steps[i]);
	for (size_t i = 0; i < p->nwarnings; i++)
		buf_addf(out, "%swarning: %s\n", i == 0 ? "\n" : "", p->warnings[i]);
}
