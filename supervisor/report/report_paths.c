/* What follows from the times of a run: lanes of a timeline, the critical path, the time saved. */
#include <stdlib.h>

#include "shared/xalloc.h"
#include "supervisor/report/report.h"

/* Lanes: intervals in the order of their beginnings each take the first lane that is free. */

int report_by_start(const struct report_attempt *a, const struct report_attempt *b)
{
	bool a_short = a->ended_ms == a->started_ms;
	bool b_short = b->ended_ms == b->started_ms;

	if (a->started_ms != b->started_ms)
		return a->started_ms < b->started_ms ? -1 : 1;
	/* one that took no time comes first, so that the other does not push it aside */
	if (a_short != b_short)
		return a_short ? -1 : 1;
	/* they are in one table, in the order of the list */
	return a < b ? -1 : a > b;
}

static int by_start(const void *a, const void *b)
{
	return report_by_start(*(struct report_attempt *const *)a,
	    *(struct report_attempt *const *)b);
}

void report_set_lanes(struct report *r)
{
	struct report_attempt **sorted = xcalloc(r->nattempts + 1, sizeof(*sorted));
	int64_t *until = xcalloc(r->nattempts + 1, sizeof(*until));

	for (size_t i = 0; i < r->nattempts; i++)
		sorted[i] = &r->attempts[i];
	qsort(sorted, r->nattempts, sizeof(*sorted), by_start);
	r->nlanes = 0;
	for (size_t i = 0; i < r->nattempts; i++) {
		struct report_attempt *a = sorted[i];
		unsigned lane = 0;

		while (lane < r->nlanes && until[lane] > a->started_ms)
			lane++;
		if (lane == r->nlanes)
			r->nlanes++;
		until[lane] = a->ended_ms;
		a->lane = lane;
	}
	free(until);
	free(sorted);
}

/*
 * The critical path. Tasks whose needs are all measured are measured next (Kahn), so that a circle,
 * which a list edited between two resumes may leave behind, is passed over and not followed.
 */
struct chains {
	const struct report_step *step;
	const struct report_task *tasks; /* of the step */
	int64_t *length;		 /* the longest chain that ends with the task */
	size_t *before;			 /* the task before it in that chain; REPORT_NONE: none */
	size_t *missing;		 /* needs that are not measured yet */
	size_t *first_user;		 /* edges, backwards: a list for each task */
	size_t *next_user;		 /* by edge */
	size_t *user;			 /* by edge: the task that needs it */
	size_t *ready;
	size_t nready;
};

static bool within(const struct chains *c, size_t task)
{
	return task >= c->step->first && task - c->step->first < c->step->ntasks;
}

static void add_edges(struct chains *c, size_t edges)
{
	size_t n = c->step->ntasks;

	c->next_user = xcalloc(edges + 1, sizeof(*c->next_user));
	c->user = xcalloc(edges + 1, sizeof(*c->user));
	edges = 0;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < c->tasks[i].nneeds; k++) {
			size_t need = c->tasks[i].needs[k];

			if (!within(c, need))
				continue;
			need -= c->step->first;
			c->user[edges] = i;
			c->next_user[edges] = c->first_user[need];
			c->first_user[need] = edges++;
			c->missing[i]++;
		}
	}
}

static void open_chains(struct chains *c)
{
	size_t n = c->step->ntasks;
	size_t edges = 0;

	c->length = xcalloc(n, sizeof(*c->length));
	c->before = xcalloc(n, sizeof(*c->before));
	c->missing = xcalloc(n, sizeof(*c->missing));
	c->first_user = xcalloc(n, sizeof(*c->first_user));
	c->ready = xcalloc(n, sizeof(*c->ready));
	for (size_t i = 0; i < n; i++) {
		c->before[i] = REPORT_NONE;
		c->first_user[i] = REPORT_NONE;
		edges += c->tasks[i].nneeds;
	}
	add_edges(c, edges);
	for (size_t i = 0; i < n; i++)
		if (c->missing[i] == 0)
			c->ready[c->nready++] = i;
}

static void close_chains(struct chains *c)
{
	free(c->length);
	free(c->before);
	free(c->missing);
	free(c->first_user);
	free(c->next_user);
	free(c->user);
	free(c->ready);
}

/* All that it needs is measured: so is it now, and it may be the longest way to who needs it. */
static void measure(struct chains *c, size_t task)
{
	c->length[task] += c->tasks[task].spent_ms;
	for (size_t e = c->first_user[task]; e != REPORT_NONE; e = c->next_user[e]) {
		size_t user = c->user[e];

		if (c->length[task] > c->length[user]) {
			c->length[user] = c->length[task];
			c->before[user] = task;
		}
		if (--c->missing[user] == 0)
			c->ready[c->nready++] = user;
	}
}

/* The end of the longest chain; of equal ones the first in the list. */
static size_t longest(const struct chains *c)
{
	size_t best = REPORT_NONE;

	for (size_t i = 0; i < c->step->ntasks; i++) {
		if (c->tasks[i].removed || c->tasks[i].nattempts == 0 || c->missing[i] > 0)
			continue;
		if (best == REPORT_NONE || c->length[i] > c->length[best])
			best = i;
	}
	return best;
}

/* Appends the longest chain of the step; returns how many tasks it has. */
static size_t add_chain(struct report *r, const struct report_step *step, size_t *path)
{
	struct chains c = { .step = step, .tasks = &r->tasks[step->first] };
	size_t count = 0;

	open_chains(&c);
	for (size_t i = 0; i < c.nready; i++)
		measure(&c, c.ready[i]);
	size_t end = longest(&c);
	if (end != REPORT_NONE)
		r->path_ms += c.length[end];
	for (size_t at = end; at != REPORT_NONE; at = c.before[at])
		count++;
	size_t place = count;
	for (size_t at = end; at != REPORT_NONE; at = c.before[at]) {
		path[--place] = step->first + at;
		r->tasks[step->first + at].critical = true;
	}
	close_chains(&c);
	return count;
}

void report_set_path(struct report *r)
{
	size_t *path = arena_take(&r->arena, (r->ntasks + 1) * sizeof(*path));

	r->npath = 0;
	r->path_ms = 0;
	for (size_t i = 0; i < r->ntasks; i++)
		r->tasks[i].critical = false;
	for (size_t i = 0; i < r->nsteps; i++)
		if (r->steps[i].ntasks > 0)
			r->npath += add_chain(r, &r->steps[i], path + r->npath);
	r->path = path;
}

void report_set_saved(struct report *r)
{
	int64_t saved = r->sequential_ms - r->wall_ms;

	r->saved_ms = saved > 0 ? saved : 0;
	r->speedup = r->wall_ms > 0 ? (double)r->sequential_ms / (double)r->wall_ms : 0;
}
