/*
 * Which tasks of a step conflict by their scopes (see scope.h): all pairs, without comparing all
 * pairs. Patterns are put in order by their literal beginnings, and two are compared only where one
 * beginning is a directory above the other.
 */
#ifndef POLLARD_CONFLICTS_H
#define POLLARD_CONFLICTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/input/task.h"

/* Pairs that are kept; more than that are only counted. */
#define CONFLICTS_KEPT 100000

/* Two tasks that must not run at the same time, and the first two patterns that meet. */
struct conflict {
	size_t a; /* indices in the plan, a > b */
	size_t b;
	const char *pattern_a; /* as written; the task's own */
	const char *pattern_b;
};

struct conflicts_index; /* see conflicts.c */

/*
 * Made by conflicts_find(), released by conflicts_free(); refers to the tasks of the plan, which must
 * not move.
 */
struct conflicts {
	struct conflict *v; /* in order of a, then of b */
	size_t count;
	uint64_t total; /* of all pairs; a lower bound when there are too many to count */
	bool counted;	/* `total` is exact */
	bool *any;	/* for each task of the step, by its place in it: whether it is in a pair */
	struct conflicts_index *index;
};

void conflicts_find(struct conflicts *c, const struct plan *plan, const struct step *step);
/* Whether the tasks with these indices in the plan conflict. */
bool conflicts_between(const struct conflicts *c, size_t a, size_t b);
void conflicts_free(struct conflicts *c);

#endif
