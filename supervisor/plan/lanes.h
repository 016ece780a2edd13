/*
 * Ready tasks, in the lanes that they run in: in each lane those of greater priority first, then the
 * order of the list. Pure: which of them starts is decided in schedule.c.
 */
#ifndef POLLARD_LANES_H
#define POLLARD_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/plan/node.h"

/* Lanes that are not the first one (0), which has no limit of its own. */
#define SCHEDULE_LANES 31
#define LANE_UNLIMITED UINT32_MAX

/* A lane: its ready tasks as a binary heap of indices. The schedule counts what it holds and what runs. */
struct lane {
	uint32_t *ready;
	size_t nready;
	size_t cap;
	size_t
	    nheld; /* ready, and taken out of the heap: they may not start beside the running ones */
	size_t nrunning;
	uint32_t limit;
};

/* Part of struct schedule; begun with lanes_init(), released by lanes_free(). */
struct lanes {
	struct nodes *nodes; /* the caller's */
	struct lane v[SCHEDULE_LANES + 1];
	unsigned count; /* that were used */
	size_t nready;	/* in the heaps of all */
};

void lanes_init(struct lanes *l, struct nodes *nodes);
void lanes_free(struct lanes *l);

/* Whether task `a` starts before task `b` when both may. */
bool lanes_before(const struct lanes *l, uint32_t a, uint32_t b);
/* The lane of a task. */
struct lane *lanes_of(struct lanes *l, size_t index);
/* Whether one more of it may run. */
bool lane_is_open(const struct lane *lane);

/* The task is ready. */
void lanes_push(struct lanes *l, uint32_t index);
/* Takes the first ready task of the lane, which has one, out of it. */
uint32_t lanes_pop(struct lanes *l, struct lane *lane);
/* The lane whose first task comes before those of all others, among those that are open or all; NULL: nothing is ready. */
struct lane *lanes_first(struct lanes *l, bool closed_too);

#endif
