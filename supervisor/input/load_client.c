/* How the agents of a run are reached: chosen when it is asked for the first time, the same from then on. */
#include <stdlib.h>
#include <string.h>

#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/input/load.h"

/*
 * What was chosen for one agent. Two for each agent of the table, in its order: for tasks that do not
 * say that they write, and for those that do. Made by choice_of(), freed by load_free().
 */
struct choice {
	bool made;
	int status;
	char *why; /* NULL: it can be reached */
	struct client client;
};

static size_t place_of(const struct loaded *l, const struct agent *agent, size_t *count)
{
	const struct agent *const *list = agents_list(l->agents, count);
	size_t low = 0;
	size_t high = *count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(agent->name, list[middle]->name);
		if (order == 0)
			return middle;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return *count;
}

/* NULL: it is no agent of this run. */
static struct choice *choice_of(const struct loaded *l, const struct agent *agent, bool writes)
{
	/* filled on demand: what was loaded is the same before and after */
	struct loaded *filled = (struct loaded *)(uintptr_t)l;
	size_t count;
	size_t place;

	if (l->agents == NULL || agent == NULL)
		return NULL;
	place = place_of(l, agent, &count);
	if (place == count)
		return NULL;
	if (l->choices == NULL)
		filled->choices = xcalloc(2 * count, sizeof *l->choices);
	struct choice *c = &filled->choices[2 * place + writes];
	if (!c->made) {
		struct buf why = BUF_INIT;
		c->made = true;
		c->status = client_choose(&c->client, l->config, agent, writes, &why);
		c->why = c->status != 0 ? buf_detach(&why) : NULL;
		buf_free(&why);
	}
	return c;
}

static bool task_writes(const struct task *task)
{
	return task != NULL && task->more != NULL && task->more->nwrites > 0;
}

const struct client *load_client(const struct loaded *l, const struct agent *agent,
    const struct task *task)
{
	const struct choice *c = choice_of(l, agent, task_writes(task));

	return c != NULL && c->status == 0 ? &c->client : NULL;
}

int load_choose(const struct loaded *l, const struct agent *agent, bool writes, struct buf *why)
{
	const struct choice *c = choice_of(l, agent, writes);

	if (c == NULL || c->status == 0)
		return 0;
	buf_addstr(why, c->why);
	return c->status;
}

const char *load_unreachable(const struct loaded *l, const struct task *task)
{
	const struct choice *c = choice_of(l, task->agent, task_writes(task));

	return c != NULL && c->status != 0 && !l->config->rehearse ? c->why : NULL;
}

void load_forget_choices(struct loaded *l)
{
	size_t count = 0;

	if (l->choices == NULL)
		return;
	agents_list(l->agents, &count);
	for (size_t i = 0; i < 2 * count; i++)
		free(l->choices[i].why);
	free(l->choices);
	l->choices = NULL;
}

/* Agents may come that nobody has named yet. */
static bool may_grow(const struct loaded *l)
{
	const struct config *c = l->config;

	if (l->agents == NULL)
		return false;
	if (c->stream || c->allow_fix)
		return true;
	for (size_t i = 0; i < l->plan.nsteps; i++) {
		const struct step_more *m = l->plan.steps[i].more;
		if (m != NULL && m->foreach != NULL)
			return true;
	}
	return false;
}

const struct backend *load_backend(const struct loaded *l)
{
	const struct config *c = l->config;
	size_t count = 0;

	if (c->rehearse || (l->choices == NULL && !may_grow(l)))
		return NULL;
	if (c->backend != NULL)
		return backend_find(c->backend);
	if (c->cron)
		return NULL;
	if (l->choices != NULL)
		agents_list(l->agents, &count);
	for (size_t i = 0; i < 2 * count; i++)
		if (l->choices[i].made && l->choices[i].client.chosen)
			return l->choices[i].client.backend;
	return may_grow(l) ? client_automatic() : NULL;
}

/*
 * Doubts
 */

/* A budget, and who does not tell what it needs to know. On the stack of load_doubts(). */
struct budget_doubt {
	bool wanted;
	struct buf who;
	size_t count;
};

static void add_doubt(struct budget_doubt *doubt, const char *name, bool tells)
{
	if (!doubt->wanted || tells)
		return;
	for (const char *p = buf_str(&doubt->who); (p = strstr(p, name)) != NULL;
	     p += strlen(name)) {
		char end = p[strlen(name)];
		if ((end == '\0' || end == ',') && (p == doubt->who.data || p[-1] == ' '))
			return;
	}
	buf_addf(&doubt->who, "%s%s", doubt->count++ > 0 ? ", " : "", name);
}

static void doubt_agent(const struct loaded *l, const struct agent *agent, const struct task *task,
    struct budget_doubt *tokens, struct budget_doubt *usd)
{
	const struct client *client = agent != NULL ? load_client(l, agent, task) : NULL;

	if (client == NULL)
		return;
	const struct backend *b = client->backend;
	/* a command of its own may tell it on POLLARD_RESULT_FD: nobody knows beforehand */
	if (b == NULL)
		return;
	add_doubt(tokens, b->name, b->tells_tokens);
	add_doubt(usd, b->name, b->tells_usd);
}

static void say_doubt(struct budget_doubt *doubt, const char *budget, const char *what,
    void (*say)(void *context, const char *line), void *context)
{
	struct buf line = BUF_INIT;

	if (doubt->count > 0) {
		buf_addf(&line, "the budget of %s cannot be kept: %s %s not tell %s", budget,
		    safe(buf_str(&doubt->who)), doubt->count == 1 ? "does" : "do", what);
		say(context, buf_str(&line));
	}
	buf_free(&line);
	buf_free(&doubt->who);
}

static bool plan_uses(const struct loaded *l, const struct backend *b)
{
	const struct plan *p = &l->plan;

	for (size_t i = 0; i < p->ntasks; i++) {
		const struct task *task = &p->tasks[i];
		const struct client *client =
		    task->agent != NULL ? load_client(l, task->agent, task) : NULL;

		if (client != NULL && client->backend == b)
			return true;
	}
	return false;
}

/* What --private-config cannot do. */
static void doubt_config(const struct loaded *l, void (*say)(void *context, const char *line),
    void *context)
{
	struct buf line = BUF_INIT;

	for (size_t i = 0; i < nbackends; i++) {
		if (backends[i].config_env != NULL || !plan_uses(l, &backends[i]))
			continue;
		buf_reset(&line);
		buf_addf(&line,
		    "option '--private-config' does nothing for %s: it cannot be told where its "
		    "configuration is",
		    backends[i].name);
		say(context, buf_str(&line));
	}
	buf_free(&line);
}

void load_doubts(const struct loaded *l, void (*say)(void *context, const char *line),
    void *context)
{
	const struct plan *p = &l->plan;
	struct budget_doubt tokens = { .wanted =
					   l->config->budget_tokens > 0 || p->limits.tokens > 0,
		.who = BUF_INIT };
	struct budget_doubt usd = { .wanted = l->config->budget_usd > 0 || p->limits.usd > 0,
		.who = BUF_INIT };

	for (size_t i = 0; i < p->nsteps; i++) {
		const struct step_more *m = p->steps[i].more;
		tokens.wanted |= m != NULL && m->limits.tokens > 0;
		usd.wanted |= m != NULL && m->limits.usd > 0;
	}
	if (l->config->private_config && !l->config->rehearse)
		doubt_config(l, say, context);
	if (l->config->rehearse || (!tokens.wanted && !usd.wanted))
		return;
	for (size_t i = 0; i < p->ntasks; i++)
		doubt_agent(l, p->tasks[i].agent, &p->tasks[i], &tokens, &usd);
	for (size_t i = 0; i < p->nsteps; i++) {
		const struct step_more *m = p->steps[i].more;
		if (m != NULL)
			doubt_agent(l, m->merge_agent, NULL, &tokens, &usd);
	}
	say_doubt(&tokens, "tokens", "how many it uses", say, context);
	say_doubt(&usd, "US dollars", "what it costs", say, context);
}
