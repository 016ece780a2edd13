/*
 * A plan of a few steps, for tests of what names their results.
 */
#ifndef POLLARD_TEMPLATE_FIXTURE_H
#define POLLARD_TEMPLATE_FIXTURE_H

#include <stdio.h>

#include "supervisor/input/task.h"
#include "supervisor/input/template.h"

/* In the order of the plan. */
enum fixture_step {
	FIXTURE_RESEARCH,  /* tasks: authentication, session, a, a.result */
	FIXTURE_PLAN,	   /* a single task: plan */
	FIXTURE_V1,	   /* v1: a single task */
	FIXTURE_V1_MERGED, /* v1.merged: a single task */
	FIXTURE_IMPLEMENT, /* its tasks are made later */
	FIXTURE_REVIEW,	   /* tasks: quality, security, and one without an id */
	FIXTURE_LATER,	   /* a single task: later */
	FIXTURE_STEPS,
};

static const struct foreach fixture_foreach = { .as = "job" };
static const struct step_more fixture_single = { .single = true };
static const struct step_more fixture_made = { .foreach = &fixture_foreach };

static void fixture_task(struct plan *plan, struct step *step, const char *id)
{
	struct task *task = plan_add(plan);
	char number[16];

	*task = (struct task){ .kind = TASK_AGENT, .text = "", .templated = true };
	task->line = (uint32_t)plan->ntasks;
	task->number = (uint32_t)(plan->ntasks - step->first);
	if (id != NULL) {
		task->id = id;
		idset_add(&step->ids, id, (uint32_t)plan->ntasks, 0);
	} else {
		snprintf(number, sizeof(number), "%zu", plan->ntasks);
		task->id = arena_strdup(&plan->arena, number);
		idset_add_number(&step->ids, (uint32_t)plan->ntasks);
	}
	step->count++;
}

static struct step *fixture_step(struct plan *plan, const char *id, const struct step_more *more)
{
	struct step *step = &plan->steps[plan->nsteps++];

	*step = (struct step){ .id = id, .first = plan->ntasks, .more = more };
	return step;
}

/* Emptied by plan_free(). */
static void fixture_plan(struct plan *plan)
{
	struct step *step;

	*plan = (struct plan){ .arena = { .kind = ARENA_SHARED } };
	plan->steps = arena_take(&plan->arena, FIXTURE_STEPS * sizeof(*plan->steps));
	step = fixture_step(plan, "research", NULL);
	fixture_task(plan, step, "authentication");
	fixture_task(plan, step, "session");
	fixture_task(plan, step, "a");
	fixture_task(plan, step, "a.result");
	fixture_task(plan, fixture_step(plan, "plan", &fixture_single), "plan");
	fixture_task(plan, fixture_step(plan, "v1", &fixture_single), "v1");
	fixture_task(plan, fixture_step(plan, "v1.merged", &fixture_single), "v1.merged");
	fixture_step(plan, "implement", &fixture_made);
	step = fixture_step(plan, "review", NULL);
	fixture_task(plan, step, "quality");
	fixture_task(plan, step, "security");
	fixture_task(plan, step, NULL);
	fixture_task(plan, fixture_step(plan, "later", &fixture_single), "later");
}

#endif
