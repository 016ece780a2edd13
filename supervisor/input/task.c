#include "supervisor/input/task.h"

#include <string.h>

#include "supervisor/input/agents.h"

uint64_t task_tokens(const struct task *task)
{
	if (task->more != NULL && task->more->tokens > 0)
		return task->more->tokens;
	return task->agent != NULL ? task->agent->tokens : 0;
}

struct task *plan_add(struct plan *p)
{
	if (p->ntasks == p->cap)
		p->tasks = table_grow(p->tasks, &p->cap, p->ntasks + 1, sizeof(*p->tasks));
	return &p->tasks[p->ntasks++];
}

bool plan_has(const struct plan *p, const char *step, const char *task)
{
	for (size_t i = 0; i < p->nsteps; i++) {
		const struct step *s = &p->steps[i];

		if (strcmp(s->id, step) != 0)
			continue;
		/* those of a foreach are made when the run gets there */
		return (s->more != NULL && s->more->foreach != NULL) ||
		    idset_find(&s->ids, task, NULL) != 0;
	}
	return false;
}

void plan_free(struct plan *p)
{
	for (size_t i = 0; i < p->nsteps; i++)
		idset_free(&p->steps[i].ids);
	table_free(p->tasks, p->cap, sizeof(*p->tasks));
	arena_free(&p->arena);
	*p = (struct plan){ .arena = { .kind = p->arena.kind } };
}
