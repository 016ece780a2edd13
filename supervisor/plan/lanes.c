#include "supervisor/plan/lanes.h"

#include "supervisor/input/arena.h"

void lanes_init(struct lanes *l, struct nodes *nodes)
{
	*l = (struct lanes){ .nodes = nodes, .count = 1 };
	for (size_t i = 0; i <= SCHEDULE_LANES; i++)
		l->v[i].limit = LANE_UNLIMITED;
}

void lanes_free(struct lanes *l)
{
	for (size_t i = 0; i <= SCHEDULE_LANES; i++)
		table_free(l->v[i].ready, l->v[i].cap, sizeof *l->v[i].ready);
}

static double priority(const struct lanes *l, uint32_t index)
{
	const struct task_more *more = nodes_at(l->nodes, index)->task->more;
	return more != NULL ? more->priority : 0;
}

bool lanes_before(const struct lanes *l, uint32_t a, uint32_t b)
{
	double pa = priority(l, a);
	double pb = priority(l, b);
	return pa > pb || (pa == pb && a < b);
}

struct lane *lanes_of(struct lanes *l, size_t index)
{
	return &l->v[nodes_at(l->nodes, index)->lane];
}

bool lane_is_open(const struct lane *lane)
{
	return lane->nrunning < lane->limit;
}

void lanes_push(struct lanes *l, uint32_t index)
{
	struct lane *lane = lanes_of(l, index);
	if (l->count <= (unsigned)(lane - l->v))
		l->count = (unsigned)(lane - l->v) + 1;
	if (lane->nready == lane->cap)
		lane->ready =
		    table_grow(lane->ready, &lane->cap, lane->nready + 1, sizeof *lane->ready);
	size_t at = lane->nready++;
	l->nready++;
	while (at > 0 && lanes_before(l, index, lane->ready[(at - 1) / 2])) {
		lane->ready[at] = lane->ready[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	lane->ready[at] = index;
}

uint32_t lanes_pop(struct lanes *l, struct lane *lane)
{
	uint32_t first = lane->ready[0];
	uint32_t last = lane->ready[--lane->nready];
	size_t at = 0;
	l->nready--;
	for (;;) {
		size_t child = 2 * at + 1;
		if (child >= lane->nready)
			break;
		if (child + 1 < lane->nready &&
		    lanes_before(l, lane->ready[child + 1], lane->ready[child]))
			child++;
		if (!lanes_before(l, lane->ready[child], last))
			break;
		lane->ready[at] = lane->ready[child];
		at = child;
	}
	if (lane->nready > 0)
		lane->ready[at] = last;
	return first;
}

struct lane *lanes_first(struct lanes *l, bool closed_too)
{
	struct lane *best = NULL;
	for (struct lane *lane = l->v; lane < l->v + l->count; lane++) {
		if (lane->nready == 0 || (!closed_too && !lane_is_open(lane)))
			continue;
		if (best == NULL || lanes_before(l, lane->ready[0], best->ready[0]))
			best = lane;
	}
	return best;
}
