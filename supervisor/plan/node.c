#include "supervisor/plan/node.h"

#include <string.h>

#include "supervisor/input/arena.h"

size_t nodes_add(struct nodes *ns, const struct task *task, size_t step)
{
	size_t count = ns->end - ns->base;
	if (count == ns->cap)
		ns->v = table_grow(ns->v, &ns->cap, count + 1, sizeof *ns->v);
	ns->v[count] = (struct node){ .task = task,
		.step = (uint32_t)step,
		.last.offset = -1,
		.state = NODE_READY };
	return ns->end++;
}

struct node *nodes_at(const struct nodes *ns, size_t index)
{
	return &ns->v[index - ns->base];
}

void nodes_forget(struct nodes *ns, size_t to)
{
	size_t gone = to - ns->base;
	memmove(ns->v, ns->v + gone, (ns->end - to) * sizeof *ns->v);
	ns->base = to;
}

void nodes_free(struct nodes *ns)
{
	table_free(ns->v, ns->cap, sizeof *ns->v);
	*ns = (struct nodes){ 0 };
}
