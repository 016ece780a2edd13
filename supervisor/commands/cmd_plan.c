/* `pollard plan`, and `pollard run -n`: says what a run would do; starts nothing, writes nothing. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/exits.h"
#include "shared/xalloc.h"
#include "supervisor/commands/commands.h"
#include "supervisor/input/load.h"
#include "supervisor/options/options.h"
#include "supervisor/plan/crontab.h"
#include "supervisor/plan/plan_print.h"

const char *plan_merge(const struct printed_plan *p, const struct step *step)
{
	const struct step_more *more = step->more;
	const struct config *c = p->config;
	enum merge_form form = more != NULL && more->has_merge ? more->merge : c->merge;
	switch (form) {
	case MERGE_CONCAT:
		return "concat";
	case MERGE_JSON:
		return "json";
	case MERGE_AGENT:
		if (more != NULL && more->has_merge && more->merge_agent != NULL)
			return more->merge_agent->name;
		return c->merge_agent;
	case MERGE_NONE:
		return "none";
	case MERGE_DEFAULT:
		break;
	}
	return NULL;
}

/* Takes the text. Several tasks of one agent have the same to say. */
static void add_line(struct printed_plan *p, char *line)
{
	for (size_t i = 0; i < p->nwarnings; i++) {
		if (strcmp(p->warnings[i], line) == 0) {
			free(line);
			return;
		}
	}
	p->warnings = xreallocarray(p->warnings, p->nwarnings + 1, sizeof *p->warnings);
	p->warnings[p->nwarnings++] = line;
}

static void add_doubt(void *context, const char *line)
{
	add_line(context, xstrdup(line));
}

static void add_warning(struct printed_plan *p, const struct step *step)
{
	struct buf text = BUF_INIT;
	if (planner_warning(&text, p->config, p->plan, step))
		add_line(p, buf_detach(&text));
}

/* How each agent is reached, and what speaks against it. */
static void ask_clients(struct printed_plan *p)
{
	const struct plan *plan = p->plan;
	for (size_t i = 0; i < plan->ntasks; i++) {
		const char *why = load_unreachable(p->loaded, &plan->tasks[i]);
		if (why != NULL)
			add_line(p, xstrdup(why));
	}
	for (size_t i = 0; i < plan->nsteps; i++) {
		const struct step_more *m = plan->steps[i].more;
		const struct task merging = { .agent = m != NULL ? m->merge_agent : NULL };
		const char *why = load_unreachable(p->loaded, &merging);
		if (why != NULL)
			add_line(p, xstrdup(why));
	}
	load_doubts(p->loaded, add_doubt, p);
	p->backend = load_backend(p->loaded);
}

int plan_print(const struct loaded *loaded, struct buf *out)
{
	const struct config *config = loaded->config;
	const struct plan *plan = &loaded->plan;
	struct printed_plan p = { .config = config, .loaded = loaded, .plan = plan };
	p.steps = xcalloc(plan->nsteps + 1, sizeof *p.steps);
	for (size_t i = 0; i < plan->nsteps; i++) {
		planner_step(&p.steps[i], config, plan, &plan->steps[i]);
		p.tokens += p.steps[i].tokens;
		add_warning(&p, &plan->steps[i]);
	}
	ask_clients(&p);
	if (config->output == OUTPUT_JSON)
		plan_json(out, &p);
	else
		plan_text(out, &p);
	for (size_t i = 0; i < plan->nsteps; i++)
		planner_free(&p.steps[i]);
	for (size_t i = 0; i < p.nwarnings; i++)
		free(p.warnings[i]);
	free(p.warnings);
	free(p.steps);
	return EXIT_MET;
}

/* What was read decides whether the runs have a name that they share. */
static int check_name(const struct config *config, const struct plan *plan)
{
	struct buf error = BUF_INIT;
	int status = options_need_name(config, plan->name, COMMAND_PLAN, &error);
	if (status != 0)
		warnx("%.*s", (int)strcspn(buf_str(&error), "\n"), buf_str(&error));
	buf_free(&error);
	return status;
}

static int print_crontab(const struct config *config, const struct loaded *l, struct buf *out)
{
	struct buf why = BUF_INIT;
	int status = EXIT_MET;
	if (!crontab_print(out, config, &l->plan, load_name(l), &why)) {
		warnx("%s", buf_str(&why));
		status = EXIT_USAGE;
	}
	buf_free(&why);
	return status;
}

int cmd_plan(const struct config *config)
{
	struct loaded l;
	struct buf text = BUF_INIT;
	int status = load_open(&l, config);
	if (status == 0)
		status = load_read(&l);
	if (status == 0)
		status = check_name(config, &l.plan);
	if (status == 0 && config->cron)
		status = print_crontab(config, &l, &text);
	else if (status == 0)
		status = plan_print(&l, &text);
	/* tasks may hold any byte but those that were made safe */
	if (text.len > 0)
		fwrite(text.data, 1, text.len, stdout);
	buf_free(&text);
	load_free(&l);
	return status;
}
