#include "supervisor/plan/conflicts.h"

#include <stdlib.h>
#include <string.h>

#include "shared/xalloc.h"
#include "supervisor/plan/pattern.h"
#include "supervisor/plan/scope.h"

/* Comparisons after which tasks that conflict everywhere are no longer counted. */
#define COMPARISONS_MAX 20000000

/* One pattern of one task. Part of struct finder. */
struct entry {
	struct pattern pattern;
	const char *written;
	uint32_t task;	/* place in the step */
	uint32_t place; /* in the finder's order of declaration */
	bool writes;
};

/* Patterns with the same literal beginning: order[begin .. end - 1], those below it up to `below`. */
struct group {
	size_t begin;
	size_t end;
	size_t below;
	size_t above; /* the group of the nearest directory above; SIZE_MAX: none */
};

/* Lives while conflicts_find() runs. */
struct finder {
	struct conflicts *found;
	size_t first; /* index of the step's first task */
	struct entry *entries;
	size_t nentries;
	uint32_t *order; /* places of entries, by their literal beginnings */
	struct group *groups;
	size_t ngroups;
	uint32_t *group_of; /* for each entry */
	uint32_t *met;	    /* for each task: the task with which it was met last, plus one */
	uint64_t comparisons;
};

/* Where the pairs of each task begin, and scopes for those that were not kept. */
struct conflicts_index {
	const struct plan *plan;
	const struct step *step;
	size_t *begins; /* step->count + 1 of them */
	struct scopes *scopes;
};

/* The literal beginning without a slash at its end. */
static size_t beginning(const struct pattern *p)
{
	size_t len = p->literal;
	return len > 0 && p->text[len - 1] == '/' ? len - 1 : len;
}

/* Directories before what is in them: a slash sorts before any other byte. */
static int compare(const struct pattern *a, const struct pattern *b)
{
	size_t la = beginning(a);
	size_t lb = beginning(b);
	size_t len = la < lb ? la : lb;
	for (size_t i = 0; i < len; i++) {
		if (a->text[i] != b->text[i]) {
			int ca = a->text[i] == '/' ? 0 : (unsigned char)a->text[i] + 1;
			int cb = b->text[i] == '/' ? 0 : (unsigned char)b->text[i] + 1;
			return ca - cb;
		}
	}
	return la < lb ? -1 : la > lb;
}

static int by_beginning(const void *a, const void *b, void *context)
{
	const struct entry *entries = context;
	uint32_t ia = *(const uint32_t *)a;
	uint32_t ib = *(const uint32_t *)b;
	int order = compare(&entries[ia].pattern, &entries[ib].pattern);
	return order != 0 ? order : ia < ib ? -1 : ia > ib;
}

/* Whether all that begins as b does lies below what a begins with. */
static bool is_above(const struct pattern *a, const struct pattern *b)
{
	size_t len = beginning(a);
	return len <= beginning(b) && memcmp(a->text, b->text, len) == 0 &&
	    (len == beginning(b) || b->text[len] == '/');
}

static void add_entries(struct finder *f, uint32_t task, const struct task_more *more, bool writes)
{
	const char *const *texts = writes ? more->writes : more->reads;
	size_t count = writes ? more->nwrites : more->nreads;
	for (size_t i = 0; i < count; i++) {
		char *text = scope_absolute(texts[i], more->cwd);
		struct entry *e = &f->entries[f->nentries];
		*e = (struct entry){ .written = texts[i],
			.task = task,
			.place = (uint32_t)f->nentries,
			.writes = writes };
		pattern_init(&e->pattern, text);
		f->nentries++;
		free(text);
	}
}

static void collect(struct finder *f, const struct task *tasks, size_t count)
{
	size_t n = 0;
	for (size_t i = 0; i < count; i++)
		n += tasks[i].more != NULL ? tasks[i].more->nwrites + tasks[i].more->nreads : 0;
	f->entries = xcalloc(n + 1, sizeof *f->entries);
	for (size_t i = 0; i < count; i++) {
		if (tasks[i].more == NULL)
			continue;
		add_entries(f, (uint32_t)i, tasks[i].more, true);
		add_entries(f, (uint32_t)i, tasks[i].more, false);
	}
}

static const struct pattern *group_pattern(const struct finder *f, size_t group)
{
	return &f->entries[f->order[f->groups[group].begin]].pattern;
}

/* Groups nest as directories do: the innermost that is open is the one above the next. */
static void make_groups(struct finder *f)
{
	size_t open = SIZE_MAX;
	f->groups = xcalloc(f->nentries + 1, sizeof *f->groups);
	f->group_of = xcalloc(f->nentries + 1, sizeof *f->group_of);
	for (size_t at = 0; at < f->nentries; at++) {
		const struct pattern *p = &f->entries[f->order[at]].pattern;
		while (open != SIZE_MAX && !is_above(group_pattern(f, open), p)) {
			f->groups[open].below = at;
			open = f->groups[open].above;
		}
		if (open == SIZE_MAX || beginning(group_pattern(f, open)) != beginning(p)) {
			f->groups[f->ngroups] = (struct group){ .begin = at, .above = open };
			open = f->ngroups++;
		}
		f->groups[open].end = at + 1;
		f->group_of[f->order[at]] = (uint32_t)open;
	}
	for (; open != SIZE_MAX; open = f->groups[open].above)
		f->groups[open].below = f->nentries;
}

static void keep(struct finder *f, const struct entry *a, const struct entry *b)
{
	struct conflicts *c = f->found;
	c->total++;
	c->any[a->task] = c->any[b->task] = true;
	if (c->total > CONFLICTS_KEPT)
		return;
	if ((c->count & (c->count - 1)) == 0)
		c->v = xreallocarray(c->v, c->count == 0 ? 1 : c->count * 2, sizeof *c->v);
	c->v[c->count++] = (struct conflict){ .a = f->first + a->task,
		.b = f->first + b->task,
		.pattern_a = a->written,
		.pattern_b = b->written };
}

/* Compares a pattern with those of earlier tasks among order[begin .. end - 1]. */
static void compare_with(struct finder *f, struct entry *a, size_t begin, size_t end)
{
	for (size_t at = begin; at < end; at++) {
		struct entry *b = &f->entries[f->order[at]];
		if (b->task >= a->task || !(a->writes || b->writes) ||
		    f->met[b->task] == a->task + 1)
			continue;
		f->comparisons++;
		if (!pattern_meets(&a->pattern, &b->pattern))
			continue;
		f->met[b->task] = a->task + 1;
		keep(f, a, b);
	}
}

static void look_at(struct finder *f, struct entry *a)
{
	const struct group *g = &f->groups[f->group_of[a->place]];
	compare_with(f, a, g->begin, g->below);
	for (size_t above = g->above; above != SIZE_MAX; above = f->groups[above].above)
		compare_with(f, a, f->groups[above].begin, f->groups[above].end);
}

static int by_tasks(const void *a, const void *b)
{
	const struct conflict *ca = a;
	const struct conflict *cb = b;
	if (ca->a != cb->a)
		return ca->a < cb->a ? -1 : 1;
	return ca->b < cb->b ? -1 : ca->b > cb->b;
}

static void make_index(struct conflicts *c, const struct plan *plan, const struct step *step)
{
	struct conflicts_index *x = xcalloc(1, sizeof *x);
	*x = (struct conflicts_index){ .plan = plan, .step = step };
	x->begins = xcalloc(step->count + 1, sizeof *x->begins);
	if (c->count > 0)
		qsort(c->v, c->count, sizeof *c->v, by_tasks);
	size_t at = 0;
	for (size_t i = 0; i <= step->count; i++) {
		while (at < c->count && c->v[at].a < step->first + i)
			at++;
		x->begins[i] = at;
	}
	if (!c->counted || c->total > c->count)
		x->scopes = scopes_new();
	c->index = x;
}

void conflicts_find(struct conflicts *c, const struct plan *plan, const struct step *step)
{
	struct finder f = { .found = c, .first = step->first };
	*c = (struct conflicts){ .counted = true };
	c->any = xcalloc(step->count + 1, sizeof *c->any);
	collect(&f, plan->tasks + step->first, step->count);
	f.order = xcalloc(f.nentries + 1, sizeof *f.order);
	f.met = xcalloc(step->count + 1, sizeof *f.met);
	for (size_t i = 0; i < f.nentries; i++)
		f.order[i] = (uint32_t)i;
	qsort_r(f.order, f.nentries, sizeof *f.order, by_beginning, f.entries);
	make_groups(&f);
	for (size_t i = 0; i < f.nentries; i++) {
		if (f.comparisons > COMPARISONS_MAX && c->total > CONFLICTS_KEPT) {
			c->counted = false;
			break;
		}
		look_at(&f, &f.entries[i]);
	}
	for (size_t i = 0; i < f.nentries; i++)
		pattern_free(&f.entries[i].pattern);
	free(f.entries);
	free(f.order);
	free(f.met);
	free(f.groups);
	free(f.group_of);
	make_index(c, plan, step);
}

bool conflicts_between(const struct conflicts *c, size_t a, size_t b)
{
	const struct conflicts_index *x = c->index;
	if (x->scopes != NULL)
		return scopes_meet(x->scopes, a, &x->plan->tasks[a], b, &x->plan->tasks[b]);
	size_t later = (a > b ? a : b) - x->step->first;
	if (!c->any[later])
		return false;
	size_t low = x->begins[later];
	size_t high = x->begins[later + 1];
	size_t other = a > b ? b : a;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (c->v[middle].b == other)
			return true;
		if (c->v[middle].b < other)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

void conflicts_free(struct conflicts *c)
{
	if (c->index != NULL) {
		scopes_free(c->index->scopes);
		free(c->index->begins);
	}
	free(c->index);
	free(c->v);
	free(c->any);
	*c = (struct conflicts){ 0 };
}
