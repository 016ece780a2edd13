#include "supervisor/task.h"

struct task *plan_add(struct plan *p)
{
	if (p->ntasks == p->cap)
		p->tasks = table_grow(p->tasks, &p->cap, p->ntasks + 1, sizeof(*p->tasks));
	return &p->tasks[p->ntasks++];
}

void plan_free(struct plan *p)
{
	for (size_t i = 0; i < p->nsteps; i++)
		idset_free(&p->steps[i].ids);
	table_free(p->tasks, p->cap, sizeof(*p->tasks));
	arena_free(&p->arena);
	*p = (struct plan){ .arena = { .kind = p->arena.kind } };
}
