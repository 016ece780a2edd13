#include "supervisor/plan/planner.h"

#include <stdlib.h>
#include <string.h>

#include "shared/result.h"
#include "shared/xalloc.h"
#include "supervisor/plan/effective.h"
#include "supervisor/plan/node.h"
#include "supervisor/plan/schedule.h"

/* In a longer list something runs side by side, whatever else there is. */
#define MEASURED_MAX 10000

/* What a simulation of the step needs; lives while planner_step() runs. */
struct simulation {
	const struct plan *plan;
	const struct step *step;
	const struct conflicts *conflicts;
	struct nodes nodes;
	struct schedule *schedule;
};

static const char *const edge_texts[EDGE_KINDS] = {
	[EDGE_NEEDS] = "needs",
	[EDGE_TEMPLATE] = "template",
	[EDGE_CONFLICT] = "conflict",
	[EDGE_TOKENS] = "tokens",
	[EDGE_SLOTS] = "slots",
};

const char *edge_text(enum edge_kind kind)
{
	return edge_texts[kind];
}

const char *recommendation_text(enum recommendation r)
{
	static const char *const texts[] = { "parallel", "sequential", "mixed" };
	return texts[r];
}

static const struct {
	const char *name;
	const char *text;
} advices[ADVICE_KINDS] = {
	[ADVICE_NO_TASK] = { "no-task", "there is no task" },
	[ADVICE_ONE_TASK] = { "one-task", "there is one task" },
	[ADVICE_ASKED] = { "asked", "it was asked for, as for a failure that is being debugged" },
	[ADVICE_DEPENDENCIES] = { "dependencies", "tasks need what others yield" },
	[ADVICE_SAME_FILES] = { "same-files", "tasks write the same files" },
	[ADVICE_TOKENS] = { "tokens", "the expected tokens together are over the limit" },
	[ADVICE_INDEPENDENT] = { "independent", "no task depends on another or writes its files" },
	[ADVICE_UNKNOWN] = { "unknown", "its tasks are known when the run gets there" },
};

const char *advice_text(enum advice_kind kind)
{
	return advices[kind].text;
}

const char *advice_name(enum advice_kind kind)
{
	return advices[kind].name;
}

/* The schedule counts the tasks of a step from 0. */
static bool conflict(void *context, size_t a, size_t b)
{
	const struct simulation *s = context;
	return conflicts_between(s->conflicts, s->step->first + a, s->step->first + b);
}

static void add_task(struct simulation *s, size_t place)
{
	const struct task_more *more = s->plan->tasks[s->step->first + place].more;
	size_t nneeds = more != NULL ? more->nneeds : 0;
	size_t *needs = NULL;
	size_t known = 0;
	if (nneeds > 0)
		needs = xcalloc(nneeds, sizeof *needs);
	for (size_t i = 0; i < nneeds; i++) {
		uint32_t number = idset_find(&s->step->ids, more->needs[i], NULL);
		if (number > s->step->first)
			needs[known++] = number - 1 - s->step->first;
	}
	schedule_add(s->schedule, place, needs, known);
	free(needs);
}

static void begin(struct simulation *s, uint32_t slots, uint64_t tokens_at_once)
{
	const struct schedule_limits limits = { .jobs = slots,
		.tokens_at_once = tokens_at_once,
		.conflict = s->conflicts->total > 0 ? conflict : NULL,
		.context = s };
	s->schedule = schedule_new(&s->nodes, &limits);
	for (size_t i = 0; i < s->step->count; i++)
		nodes_add(&s->nodes, &s->plan->tasks[s->step->first + i], 0);
	for (size_t i = 0; i < s->step->count; i++)
		add_task(s, i);
}

static void end(struct simulation *s)
{
	schedule_free(s->schedule);
	nodes_free(&s->nodes);
}

/* Starts all that may start, then lets all of it end; the places in order[0 ..]. Returns how many. */
static size_t next_wave(struct simulation *s, size_t *order)
{
	size_t count = 0;
	size_t place;
	while (schedule_next(s->schedule, &place))
		order[count++] = place;
	/* the last one first: there the schedule looks for it */
	for (size_t i = count; i-- > 0;) {
		struct node *node = nodes_at(&s->nodes, order[i]);
		node->state = NODE_FINAL;
		node->status = RESULT_SUCCEEDED;
		schedule_over(s->schedule, order[i], true);
	}
	return count;
}

/* How wide and how long it would be if there were slots for all. */
static void measure(struct simulation *s, uint64_t tokens_at_once, size_t *widest, size_t *waves)
{
	size_t *order = xcalloc(s->step->count, sizeof *order);
	size_t count;
	*widest = *waves = 0;
	begin(s, 0, tokens_at_once);
	while ((count = next_wave(s, order)) > 0) {
		*widest = count > *widest ? count : *widest;
		++*waves;
	}
	end(s);
	free(order);
}

static void make_waves(struct step_plan *p, struct simulation *s)
{
	size_t done = 0;
	size_t cap = 0;
	size_t count;
	p->order = xcalloc(p->step->count, sizeof *p->order);
	begin(s, p->slots, p->tokens_at_once);
	while ((count = next_wave(s, p->order + done)) > 0) {
		struct wave wave = { .first = done, .count = count };
		for (size_t i = done; i < done + count; i++) {
			p->order[i] += p->step->first;
			wave.tokens += task_tokens(&s->plan->tasks[p->order[i]]);
		}
		if (p->nwaves == cap) {
			cap = cap == 0 ? 8 : cap * 2;
			p->waves = xreallocarray(p->waves, cap, sizeof *p->waves);
		}
		p->waves[p->nwaves++] = wave;
		p->tokens += wave.tokens;
		done += count;
	}
	end(s);
}

static void add_edge(struct step_plan *p, struct plan_edge edge)
{
	if (p->nedges == p->edges_cap) {
		p->edges_cap = p->edges_cap == 0 ? 16 : p->edges_cap * 2;
		p->edges = xreallocarray(p->edges, p->edges_cap, sizeof *p->edges);
	}
	p->edges[p->nedges++] = edge;
}

static void add_needs(struct step_plan *p, const struct plan *plan)
{
	const struct step *step = p->step;
	for (size_t i = step->first; i < step->first + step->count; i++) {
		const struct task_more *more = plan->tasks[i].more;
		for (size_t k = 0; more != NULL && k < more->nneeds; k++) {
			uint32_t number = idset_find(&step->ids, more->needs[k], NULL);
			if (number == 0)
				continue;
			add_edge(p,
			    (struct plan_edge){ .kind =
						    k < more->nwritten ? EDGE_NEEDS : EDGE_TEMPLATE,
				.task = i,
				.on = number - 1 });
		}
	}
	p->advice[ADVICE_DEPENDENCIES] = p->nedges > 0;
}

static void add_conflicts(struct step_plan *p)
{
	for (size_t i = 0; i < p->conflicts.count; i++) {
		const struct conflict *c = &p->conflicts.v[i];
		add_edge(p,
		    (struct plan_edge){ .kind = EDGE_CONFLICT,
			.task = c->a,
			.on = c->b,
			.pattern = c->pattern_a,
			.pattern_on = c->pattern_b });
	}
	p->advice[ADVICE_SAME_FILES] = p->conflicts.total > 0;
}

/* Whether something in the wave before lets the task wait that is told already. */
static bool is_explained(const struct step_plan *p, const struct plan *plan, size_t task,
    const size_t *wave_of, size_t wave)
{
	const struct task_more *more = plan->tasks[task].more;
	for (size_t i = 0; more != NULL && i < more->nneeds; i++) {
		uint32_t number = idset_find(&p->step->ids, more->needs[i], NULL);
		if (number > p->step->first && wave_of[number - 1 - p->step->first] == wave - 1)
			return true;
	}
	if (!p->conflicts.any[task - p->step->first])
		return false;
	const struct wave *before = &p->waves[wave - 1];
	for (size_t i = before->first; i < before->first + before->count; i++) {
		if (conflicts_between(&p->conflicts, task, p->order[i]))
			return true;
	}
	return false;
}

/* What waits for a slot or for tokens. */
static void add_waiting(struct step_plan *p, const struct plan *plan)
{
	size_t *wave_of = xcalloc(p->step->count, sizeof *wave_of);
	for (size_t w = 0; w < p->nwaves; w++)
		for (size_t i = p->waves[w].first; i < p->waves[w].first + p->waves[w].count; i++)
			wave_of[p->order[i] - p->step->first] = w;
	for (size_t i = 0; p->nwaves > 0 && i < p->step->count; i++) {
		size_t task = p->order[i];
		size_t wave = wave_of[task - p->step->first];
		if (wave == 0 || is_explained(p, plan, task, wave_of, wave))
			continue;
		const struct wave *before = &p->waves[wave - 1];
		bool full = p->slots > 0 && before->count >= p->slots;
		add_edge(p,
		    (struct plan_edge){ .kind = full ? EDGE_SLOTS : EDGE_TOKENS,
			.task = task,
			.on = SIZE_MAX });
	}
	free(wave_of);
}

static void recommend(struct step_plan *p, struct simulation *s, bool asked)
{
	size_t widest = p->step->count;
	size_t waves = 1;
	p->advice[ADVICE_TOKENS] = p->tokens_at_once > 0 && p->tokens > p->tokens_at_once;
	p->advice[ADVICE_ASKED] = asked;
	bool plain = !p->advice[ADVICE_DEPENDENCIES] && !p->advice[ADVICE_SAME_FILES] &&
	    !p->advice[ADVICE_TOKENS];
	if (!plain && p->step->count > MEASURED_MAX)
		waves = 2;
	else if (!plain)
		measure(s, p->tokens_at_once, &widest, &waves);
	if (asked || widest <= 1)
		p->recommendation = RECOMMEND_SEQUENTIAL;
	else
		p->recommendation = waves > 1 ? RECOMMEND_MIXED : RECOMMEND_PARALLEL;
	p->advice[ADVICE_INDEPENDENT] = p->recommendation == RECOMMEND_PARALLEL;
}

void planner_step(struct step_plan *out, const struct config *config, const struct plan *plan,
    const struct step *step)
{
	struct simulation s = { .plan = plan, .step = step, .conflicts = &out->conflicts };
	*out = (struct step_plan){ .step = step,
		.slots = effective_jobs(config, plan, step),
		.tokens_at_once = effective_tokens_at_once(config, plan, step) };
	conflicts_find(&out->conflicts, plan, step);
	if (step->count == 0 && (step->more == NULL || step->more->foreach == NULL)) {
		out->recommendation = RECOMMEND_SEQUENTIAL;
		out->advice[ADVICE_NO_TASK] = true;
		return;
	}
	if (step->count == 0) {
		bool asked = effective_sequential(config, step);
		out->recommendation = asked ? RECOMMEND_SEQUENTIAL : RECOMMEND_PARALLEL;
		out->advice[asked ? ADVICE_ASKED : ADVICE_UNKNOWN] = true;
		return;
	}
	make_waves(out, &s);
	add_needs(out, plan);
	add_conflicts(out);
	add_waiting(out, plan);
	if (step->count == 1) {
		out->recommendation = RECOMMEND_SEQUENTIAL;
		out->advice[ADVICE_ONE_TASK] = true;
		return;
	}
	recommend(out, &s, effective_sequential(config, step));
}

void planner_free(struct step_plan *p)
{
	conflicts_free(&p->conflicts);
	free(p->order);
	free(p->waves);
	free(p->edges);
	*p = (struct step_plan){ 0 };
}
