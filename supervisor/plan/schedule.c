#include "supervisor/plan/schedule.h"

#include <stdlib.h>
#include <string.h>

#include "shared/result.h"
#include "shared/xalloc.h"
#include "supervisor/plan/lanes.h"

/* How often the first of the ready tasks is passed over; see schedule.h. */
#define PASSES_MAX 16

/* A task that needs another, in the list of those that need it; number 0 ends a list. */
struct edge {
	uint32_t dependant;
	int32_t next;
};

/*
 * Made by schedule_new(), freed by schedule_free(). `held` are ready tasks that may not start beside
 * the running ones, in their order. The first `looked` of them may not as long as none of these has
 * ended. Those of a lane that is closed are looked at again when it opens.
 */
struct schedule {
	struct nodes *nodes;
	struct schedule_limits limits;
	struct lanes lanes;
	uint32_t *held;
	size_t held_first; /* where they begin in the array */
	size_t nheld;
	size_t held_cap;
	size_t looked;
	uint32_t passed; /* the task that was passed over last, and how often */
	unsigned passes;
	uint64_t least;	       /* no ready task is expected to use fewer tokens */
	uint64_t looked_least; /* the same of those that were looked at */
	uint32_t *running;
	size_t nrunning;
	size_t running_cap;
	uint64_t tokens;
	size_t nwaiting;
	struct edge *edges;
	size_t nedges;
	size_t edges_cap;
};

struct schedule *schedule_new(struct nodes *nodes, const struct schedule_limits *limits)
{
	struct schedule *s = xcalloc(1, sizeof *s);
	s->nodes = nodes;
	s->limits = *limits;
	s->least = s->looked_least = UINT64_MAX;
	lanes_init(&s->lanes, nodes);
	return s;
}

void schedule_free(struct schedule *s)
{
	if (s == NULL)
		return;
	lanes_free(&s->lanes);
	free(s->held);
	free(s->running);
	free(s->edges);
	free(s);
}

static uint64_t tokens(const struct schedule *s, size_t index)
{
	const struct task *t = nodes_at(s->nodes, index)->task;
	return task_tokens(t);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool before(const struct schedule *s, uint32_t a, uint32_t b)
{
	return lanes_before(&s->lanes, a, b);
}

static struct lane *lane_of(struct schedule *s, size_t index)
{
	return lanes_of(&s->lanes, index);
}

static void push_ready(struct schedule *s, uint32_t index)
{
	s->least = smaller(s->least, tokens(s, index));
	lanes_push(&s->lanes, index);
}

static void add_index(uint32_t **list, size_t *n, size_t *cap, size_t index)
{
	if (*n == *cap) {
		*cap = *cap == 0 ? 16 : *cap * 2;
		*list = xreallocarray(*list, *cap, sizeof **list);
	}
	(*list)[(*n)++] = (uint32_t)index;
}

void schedule_add(struct schedule *s, size_t index, const size_t *needs, size_t nneeds)
{
	struct node *node = nodes_at(s->nodes, index);
	for (size_t i = 0; i < nneeds; i++) {
		struct node *needed = nodes_at(s->nodes, needs[i]);
		if (needed->state == NODE_FINAL && needed->status == RESULT_SUCCEEDED)
			continue;
		if (s->nedges == s->edges_cap) {
			s->edges_cap = s->edges_cap == 0 ? 64 : s->edges_cap * 2;
			s->edges = xreallocarray(s->edges, s->edges_cap, sizeof *s->edges);
			if (s->nedges == 0)
				s->nedges = 1;
		}
		s->edges[s->nedges] = (struct edge){ (uint32_t)index, needed->first_edge };
		needed->first_edge = (int32_t)s->nedges++;
		node->unmet++;
	}
	node->state = node->unmet > 0 ? NODE_WAITING : NODE_READY;
	if (node->state == NODE_READY)
		push_ready(s, (uint32_t)index);
	else
		s->nwaiting++;
}

static bool conflict(const struct schedule *s, size_t a, size_t b)
{
	return s->limits.conflict != NULL && s->limits.conflict(s->limits.context, a, b);
}

static bool fits(const struct schedule *s, uint32_t index)
{
	uint64_t limit = s->limits.tokens_at_once;
	if (limit > 0 && s->nrunning > 0 && s->tokens + tokens(s, index) > limit)
		return false;
	if (s->limits.conflict == NULL)
		return true;
	for (size_t i = 0; i < s->nrunning; i++) {
		if (conflict(s, index, s->running[i]))
			return false;
	}
	return true;
}

static void take_slot(struct schedule *s, size_t index)
{
	nodes_at(s->nodes, index)->state = NODE_RUNNING;
	lane_of(s, index)->nrunning++;
	s->tokens += tokens(s, index);
	add_index(&s->running, &s->nrunning, &s->running_cap, index);
}

static void look_again(struct schedule *s)
{
	s->looked = 0;
	s->looked_least = UINT64_MAX;
}

/* A lane is open now: how few tokens its tasks use is not known. */
static void opened(struct schedule *s)
{
	s->least = 0;
	look_again(s);
}

static void give_slot(struct schedule *s, size_t index)
{
	struct lane *lane = lane_of(s, index);
	bool was_open = lane_is_open(lane);
	lane->nrunning--;
	if (!was_open)
		opened(s);
	s->tokens -= tokens(s, index);
	for (size_t i = s->nrunning; i-- > 0;) {
		if (s->running[i] == index) {
			s->running[i] = s->running[--s->nrunning];
			break;
		}
	}
	/* what did not fit beside it may fit now */
	look_again(s);
}

bool schedule_has_slot(const struct schedule *s)
{
	return s->limits.jobs == 0 || s->nrunning < s->limits.jobs;
}

/* The first of those that are held and whose lane is open; SIZE_MAX: there is none. */
static size_t first_held(struct schedule *s)
{
	for (size_t i = 0; i < s->nheld; i++) {
		if (lane_is_open(lane_of(s, s->held[s->held_first + i])))
			return s->held[s->held_first + i];
	}
	return SIZE_MAX;
}

/* That one has been passed over often enough: nobody passes it. */
static bool get_bar(struct schedule *s, uint32_t *bar)
{
	if (s->passes < PASSES_MAX)
		return false;
	*bar = s->passed;
	return first_held(s) == s->passed;
}

/* What may be used beside the running ones and the task that must not wait longer. */
static uint64_t tokens_beside(const struct schedule *s, uint32_t bar)
{
	uint64_t used = s->tokens + tokens(s, bar);
	return s->limits.tokens_at_once > used ? s->limits.tokens_at_once - used : 0;
}

/* Whether starting it would let the first of those that are held wait longer than it has to. */
static bool is_barred(struct schedule *s, uint32_t index)
{
	uint32_t bar;
	if (!get_bar(s, &bar) || !before(s, bar, index))
		return false;
	uint64_t limit = s->limits.tokens_at_once;
	if (limit > 0) {
		/* that one starts only when nothing runs */
		if (tokens(s, bar) > limit)
			return true;
		uint64_t own = tokens(s, index);
		if (own > 0 && own > tokens_beside(s, bar))
			return true;
	}
	return conflict(s, index, bar);
}

/* Whether no task from `next` on can start for want of tokens, whatever else there is. */
static bool is_short(struct schedule *s, uint32_t next)
{
	uint64_t limit = s->limits.tokens_at_once;
	if (limit == 0 || s->nrunning == 0 || s->least == 0)
		return false;
	if (s->tokens + s->least > limit)
		return true;
	uint32_t bar;
	if (!get_bar(s, &bar) || !before(s, bar, next))
		return false;
	return s->least > tokens_beside(s, bar);
}

static void make_room(struct schedule *s)
{
	if (s->held_first + s->nheld < s->held_cap)
		return;
	if (s->held_first > s->held_cap / 2) {
		memmove(s->held, &s->held[s->held_first], s->nheld * sizeof *s->held);
		s->held_first = 0;
		return;
	}
	s->held_cap = s->held_cap == 0 ? 16 : s->held_cap * 2;
	s->held = xreallocarray(s->held, s->held_cap, sizeof *s->held);
}

/* Puts a task that may not start to its place among the held ones. */
static void hold(struct schedule *s, uint32_t index)
{
	make_room(s);
	uint32_t *held = &s->held[s->held_first];
	size_t low = 0;
	size_t high = s->nheld;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (before(s, index, held[middle]))
			high = middle;
		else
			low = middle + 1;
	}
	/* what the one that was first kept from starting may start now */
	uint32_t bar;
	if (get_bar(s, &bar) && before(s, index, bar))
		look_again(s);
	memmove(&held[low + 1], &held[low], (s->nheld - low) * sizeof *held);
	held[low] = index;
	s->nheld++;
	lane_of(s, index)->nheld++;
	s->looked++;
	s->looked_least = smaller(s->looked_least, tokens(s, index));
}

/* Those that start stand at the front, mostly: what lies before them moves. */
static void unhold(struct schedule *s, size_t at)
{
	uint32_t *held = &s->held[s->held_first];
	lane_of(s, held[at])->nheld--;
	memmove(&held[1], &held[0], at * sizeof *held);
	s->held_first++;
	s->nheld--;
}

/* The task starts, maybe before the first of those that are held. */
static void pass(struct schedule *s, uint32_t index)
{
	size_t first = first_held(s);
	if (first == SIZE_MAX || before(s, index, (uint32_t)first))
		return;
	if (s->passed != first)
		s->passes = 0;
	s->passed = (uint32_t)first;
	s->passes++;
}

/* The next of the held ones that were not looked at and whose lane is open. */
static bool next_held(struct schedule *s, uint32_t *index)
{
	for (; s->looked < s->nheld; s->looked++) {
		*index = s->held[s->held_first + s->looked];
		if (lane_is_open(lane_of(s, *index)))
			return true;
		s->looked_least = smaller(s->looked_least, tokens(s, *index));
	}
	return false;
}

bool schedule_next(struct schedule *s, size_t *index)
{
	if (!schedule_has_slot(s))
		return false;
	for (;;) {
		uint32_t next;
		struct lane *lane = lanes_first(&s->lanes, false);
		bool held =
		    next_held(s, &next) && (lane == NULL || before(s, next, lane->ready[0]));
		if (!held && lane == NULL)
			break;
		if (!held)
			next = lane->ready[0];
		if (is_short(s, next))
			return false;
		if (!held)
			lanes_pop(&s->lanes, lane);
		if (fits(s, next) && !is_barred(s, next)) {
			if (held)
				unhold(s, s->looked);
			pass(s, next);
			take_slot(s, next);
			*index = next;
			return true;
		}
		if (held) {
			s->looked++;
			s->looked_least = smaller(s->looked_least, tokens(s, next));
		} else {
			hold(s, next);
		}
	}
	s->least = s->looked_least;
	return false;
}

void schedule_over(struct schedule *s, size_t index, bool succeeded)
{
	give_slot(s, index);
	if (!succeeded)
		return;
	struct node *node = nodes_at(s->nodes, index);
	for (int32_t e = node->first_edge; e != 0; e = s->edges[e].next) {
		struct node *dependant = nodes_at(s->nodes, s->edges[e].dependant);
		if (dependant->state == NODE_WAITING && --dependant->unmet == 0) {
			dependant->state = NODE_READY;
			s->nwaiting--;
			push_ready(s, s->edges[e].dependant);
		}
	}
	node->first_edge = 0;
}

void schedule_again(struct schedule *s, size_t index)
{
	give_slot(s, index);
	nodes_at(s->nodes, index)->state = NODE_READY;
	push_ready(s, (uint32_t)index);
}

void schedule_retry(struct schedule *s, size_t index)
{
	take_slot(s, index);
}

bool schedule_try(struct schedule *s, size_t index)
{
	if (!schedule_has_slot(s) || !lane_is_open(lane_of(s, index)) || !fits(s, (uint32_t)index))
		return false;
	take_slot(s, index);
	return true;
}

/* Puts what is held back into the heaps. */
static void unhold_all(struct schedule *s)
{
	for (size_t i = 0; i < s->nheld; i++) {
		lane_of(s, s->held[s->held_first + i])->nheld--;
		push_ready(s, s->held[s->held_first + i]);
	}
	s->nheld = s->held_first = 0;
	look_again(s);
}

bool schedule_take(struct schedule *s, size_t *index)
{
	unhold_all(s);
	struct lane *lane = lanes_first(&s->lanes, true);
	if (lane == NULL)
		return false;
	*index = lanes_pop(&s->lanes, lane);
	return true;
}

void schedule_set_lane(struct schedule *s, unsigned lane, uint32_t limit)
{
	bool was_open = lane_is_open(&s->lanes.v[lane]);
	s->lanes.v[lane].limit = limit;
	if (!was_open && lane_is_open(&s->lanes.v[lane]))
		opened(s);
}

bool schedule_take_lane(struct schedule *s, unsigned lane, size_t *index)
{
	if (s->lanes.v[lane].nheld > 0)
		unhold_all(s);
	if (s->lanes.v[lane].nready == 0)
		return false;
	*index = lanes_pop(&s->lanes, &s->lanes.v[lane]);
	return true;
}

size_t schedule_lane_ready(const struct schedule *s, unsigned lane)
{
	return s->lanes.v[lane].nready + s->lanes.v[lane].nheld;
}

size_t schedule_lane_running(const struct schedule *s, unsigned lane)
{
	return s->lanes.v[lane].nrunning;
}

size_t schedule_ready(const struct schedule *s)
{
	return s->lanes.nready + s->nheld;
}

size_t schedule_running(const struct schedule *s)
{
	return s->nrunning;
}

size_t schedule_waiting(const struct schedule *s)
{
	return s->nwaiting;
}

void schedule_give_up(struct schedule *s)
{
	s->nwaiting--;
}
