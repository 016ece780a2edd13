#include <stdlib.h>
#include <string.h>

#include "shared/xalloc.h"
#include "supervisor/input/bind.h"
#include "supervisor/input/needs.h"
#include "supervisor/input/workflow_read.h"

#define MARK "task:"

/* What makes the order of the list more than a row. */
static bool is_constrained(const struct task_more *more)
{
	return more != NULL &&
	    (more->nneeds > 0 || more->nreads > 0 || more->nwrites > 0 || more->tokens > 0 ||
		more->priority != 0);
}

static void note_needs(struct plan *plan, const struct step *step)
{
	for (size_t i = step->first; i < step->first + step->count; i++)
		if (is_constrained(plan->tasks[i].more))
			plan->has_needs = true;
}

/* "task:3: what is wrong" */
static void tell_line(const char *line, workflow_tell *tell, void *context)
{
	char *end;
	unsigned long number = strtoul(line + strlen(MARK), &end, 10);

	tell(context, number - 1, end + strlen(": "));
}

size_t workflow_bind(struct plan *plan, size_t index, bool complete, workflow_tell *tell,
    void *context)
{
	const struct step *step = &plan->steps[index];
	uint32_t *lines = xcalloc(step->count + 1, sizeof(*lines));
	struct diag diag = { .count = 0 };
	size_t count;

	/* messages know lines only, and many tasks may stand in one: each is its own meanwhile */
	for (size_t i = 0; i < step->count; i++) {
		lines[i] = plan->tasks[step->first + i].line;
		plan->tasks[step->first + i].line = (uint32_t)i + 1;
	}
	templates_bind(plan, index, "task", &diag);
	needs_check(plan, step, &step->ids, complete, "task", &diag);
	for (size_t i = 0; i < step->count; i++)
		plan->tasks[step->first + i].line = lines[i];
	for (size_t i = 0; i < diag.count && i < DIAG_MAX; i++)
		tell_line(diag.lines[i], tell, context);
	count = diag.count;
	diag_free(&diag);
	free(lines);
	note_needs(plan, step);
	return count;
}
