#include "supervisor/input/needs.h"

#include <stdlib.h>

#include "shared/names.h"
#include "shared/text.h"
#include "shared/xalloc.h"

#define SUGGEST_MAX 10000 /* ids among which a near one is looked for */
#define CIRCLE_SHOWN 10	  /* tasks of a circle that a message names */

/*
 * The tasks of a step as a graph, counted from the step's first. Lives while needs_check() runs.
 */
struct graph {
	const struct task *tasks;
	size_t count;
	const char *file;
	struct diag *diag;
	size_t *edges; /* where the targets of each task begin; one more at the end */
	uint32_t *targets;
	size_t *depth; /* on the path: the place plus one; 0: not met; DONE: left */
	uint32_t *path;
	size_t *next; /* for each on the path: the edge to follow next */
};

#define DONE SIZE_MAX

static void unknown_need(const struct graph *g, const struct task *task, const char *id)
{
	const char *near = NULL;

	if (g->diag->count < DIAG_MAX && g->count <= SUGGEST_MAX) {
		const char **names = xcalloc(g->count, sizeof(*names));

		for (size_t i = 0; i < g->count; i++)
			names[i] = g->tasks[i].id;
		near = names_suggest(id, names, g->count);
		free(names);
	}
	if (near != NULL)
		diag_add(g->diag, g->file, task->line, 0,
		    "'needs': no task has the id '%s', did you mean '%s'?", safe(id), safe(near));
	else
		diag_add(g->diag, g->file, task->line, 0, "'needs': no task has the id '%s'",
		    safe(id));
}

static size_t count_edges(const struct graph *g)
{
	size_t n = 0;

	for (size_t i = 0; i < g->count; i++)
		if (g->tasks[i].more != NULL)
			n += g->tasks[i].more->nneeds;
	return n;
}

/* Looks the ids up; `first` is the number of the step's first task. */
static void fill(struct graph *g, size_t first, const struct idset *ids, bool complete)
{
	size_t n = 0;

	for (size_t i = 0; i < g->count; i++) {
		const struct task_more *more = g->tasks[i].more;

		g->edges[i] = n;
		for (size_t k = 0; more != NULL && k < more->nneeds; k++) {
			uint32_t number = idset_find(ids, more->needs[k], NULL);

			if (number != 0)
				g->targets[n++] = (uint32_t)(number - first);
			else if (complete)
				unknown_need(g, &g->tasks[i], more->needs[k]);
		}
	}
	g->edges[g->count] = n;
}

/* The circle is what lies on the path from `start` on. */
static void report_circle(const struct graph *g, size_t start, size_t end)
{
	const struct task *first = &g->tasks[g->path[start]];
	struct buf text = BUF_INIT;

	for (size_t i = start; i < end && i < start + CIRCLE_SHOWN; i++)
		buf_addf(&text, "%s -> ", g->tasks[g->path[i]].id);
	if (end - start > CIRCLE_SHOWN)
		buf_addf(&text, "(%zu more) -> ", end - start - CIRCLE_SHOWN);
	diag_add(g->diag, g->file, first->line, 0, "'needs' in a circle: %s%s", buf_str(&text),
	    first->id);
	buf_free(&text);
}

/* Depth first, with a path of its own: a chain may be as long as the list. */
static void walk(struct graph *g, uint32_t root)
{
	size_t length = 1;

	g->path[0] = root;
	g->next[0] = g->edges[root];
	g->depth[root] = 1;
	while (length > 0) {
		uint32_t at = g->path[length - 1], target;

		if (g->next[length - 1] == g->edges[at + 1]) {
			g->depth[at] = DONE;
			length--;
			continue;
		}
		target = g->targets[g->next[length - 1]++];
		if (g->depth[target] == 0) {
			g->path[length] = target;
			g->next[length] = g->edges[target];
			g->depth[target] = ++length;
		} else if (g->depth[target] != DONE) {
			report_circle(g, g->depth[target] - 1, length);
		}
	}
}

void needs_check(const struct plan *plan, const struct step *step, const struct idset *ids,
    bool complete, const char *file, struct diag *diag)
{
	struct graph g = { .count = step->count, .file = file, .diag = diag };
	size_t nedges;

	if (step->count == 0)
		return;
	g.tasks = plan->tasks + step->first;
	nedges = count_edges(&g);
	if (nedges == 0)
		return;
	g.edges = xcalloc(g.count + 1, sizeof(*g.edges));
	g.targets = xcalloc(nedges, sizeof(*g.targets));
	g.depth = xcalloc(g.count, sizeof(*g.depth));
	g.path = xcalloc(g.count, sizeof(*g.path));
	g.next = xcalloc(g.count, sizeof(*g.next));
	fill(&g, step->first + 1, ids, complete);
	for (size_t i = 0; i < g.count; i++)
		if (g.depth[i] == 0)
			walk(&g, (uint32_t)i);
	free(g.edges);
	free(g.targets);
	free(g.depth);
	free(g.path);
	free(g.next);
}
