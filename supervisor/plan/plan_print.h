/*
 * What `pollard plan` prints: all that a run would do and why, for people and for programs.
 */
#ifndef POLLARD_PLAN_PRINT_H
#define POLLARD_PLAN_PRINT_H

#include "shared/buf.h"
#include "supervisor/input/load.h"
#include "supervisor/input/task.h"
#include "supervisor/options/config.h"
#include "supervisor/plan/planner.h"

/* A plan with what the planner says of each of its steps. Owned by plan_print(). */
struct printed_plan {
	const struct config *config;
	const struct loaded *loaded;
	const struct plan *plan;       /* of that */
	const struct backend *backend; /* of agents that name none; NULL: none is needed */
	struct step_plan *steps;       /* plan->nsteps of them */
	uint64_t tokens;	       /* expected, of all */
	char **warnings;	       /* safe to print */
	size_t nwarnings;
};

/*
 * Appends the plan as text, or as a JSON object and a newline with `-o json`. Everything from tasks
 * is made safe. 0, or the exit status: this cannot fail today.
 */
int plan_print(const struct loaded *loaded, struct buf *out);

/* plan_text.c and plan_json.c */
void plan_text(struct buf *out, const struct printed_plan *p);
void plan_json(struct buf *out, const struct printed_plan *p);

/*
 * How the results of the step become one: "none", "concat", "json", or an agent's
 * name; NULL: it is not said, and happens only where a later step needs it.
 */
const char *plan_merge(const struct printed_plan *p, const struct step *step);

#endif
