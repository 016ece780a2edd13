/* `pollard plan`, and `pollard run -n`: says what a run would do; starts nothing, writes nothing. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "shared/exits.h"
#include "shared/xalloc.h"
#include "supervisor/commands.h"
#include "supervisor/load.h"
#include "supervisor/plan_print.h"

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

static void add_warning(struct printed_plan *p, const struct step *step)
{
	struct buf text = BUF_INIT;
	if (!planner_warning(&text, p->config, p->plan, step))
		return;
	p->warnings = xreallocarray(p->warnings, p->nwarnings + 1, sizeof *p->warnings);
	p->warnings[p->nwarnings++] = buf_detach(&text);
}

int plan_print(const struct config *config, const struct plan *plan, const struct agents *agents,
    struct buf *out)
{
	struct printed_plan p = { .config = config, .plan = plan };
	(void)agents;
	p.steps = xcalloc(plan->nsteps + 1, sizeof *p.steps);
	for (size_t i = 0; i < plan->nsteps; i++) {
		planner_step(&p.steps[i], config, plan, &plan->steps[i]);
		p.tokens += p.steps[i].tokens;
		add_warning(&p, &plan->steps[i]);
	}
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

int cmd_plan(const struct config *config)
{
	struct loaded l;
	struct buf text = BUF_INIT;
	int status = load_open(&l, config);
	if (status == 0)
		status = load_read(&l);
	if (status == 0)
		status = plan_print(config, &l.plan, l.agents, &text);
	/* tasks may hold any byte but those that were made safe */
	if (text.len > 0)
		fwrite(text.data, 1, text.len, stdout);
	buf_free(&text);
	load_free(&l);
	return status;
}
