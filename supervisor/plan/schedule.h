/*
 * Which task starts next. Pure: no process, no clock.
 *
 * Ready tasks wait in a heap, greater priority first, then the order of the list. One may start when
 * there is a slot, when its expected tokens fit beside those of the running ones, and when its scope
 * meets none of theirs. Those that may start pass the ones that may not; but when the first of the
 * ready tasks has been passed 16 times, nobody passes it any more whose scope or tokens would be in
 * its way, so that a large task does not wait for ever.
 *
 * Tasks may run in lanes, one for each backend: of a lane at most so many run side by side as it is
 * told, maybe none. What waits for its lane does not stand in the way of other lanes, is not passed
 * over, and costs nothing while it waits.
 */
#ifndef POLLARD_SCHEDULE_H
#define POLLARD_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/plan/lanes.h"
#include "supervisor/plan/node.h"

struct schedule;

struct schedule_limits {
	uint32_t jobs;		 /* slots; 0: as many as tasks */
	uint64_t tokens_at_once; /* 0: no limit */
	/* whether the scopes of the two tasks meet; NULL: no task has one */
	bool (*conflict)(void *context, size_t a, size_t b);
	void *context;
};

/* `nodes` stays the caller's and must outlive it. */
struct schedule *schedule_new(struct nodes *nodes, const struct schedule_limits *limits);
void schedule_free(struct schedule *s);

/*
 * Makes a task known: it is ready (NODE_READY) or waits (NODE_WAITING) for those it needs, `needs` being the indices of
 * nneeds tasks that are known already or will be.
 */
void schedule_add(struct schedule *s, size_t index, const size_t *needs, size_t nneeds);

/* The next task that may start; it is NODE_RUNNING then and holds a slot. False when none may now. */
bool schedule_next(struct schedule *s, size_t *index);
/* Its attempt is over; gives the slot back. With `succeeded` those that waited for it alone become ready. */
void schedule_over(struct schedule *s, size_t index, bool succeeded);
/* The same, and it is ready once more: its attempt did not count. */
void schedule_again(struct schedule *s, size_t index);
/* Takes a slot for one more attempt of a task that is not ready (a retry): it is NODE_RUNNING then. */
void schedule_retry(struct schedule *s, size_t index);
/* The same, only when there is a slot, also in its lane, and nothing that runs is in the way. */
bool schedule_try(struct schedule *s, size_t index);
/* Takes the first ready task away without starting it. False when none is ready. */
bool schedule_take(struct schedule *s, size_t *index);

/* Of the lane (from 1) at most so many may run from now on; 0: nothing of it starts; LANE_UNLIMITED. */
void schedule_set_lane(struct schedule *s, unsigned lane, uint32_t limit);
/* Takes the first ready task of the lane away without starting it. False when none is ready. */
bool schedule_take_lane(struct schedule *s, unsigned lane, size_t *index);
size_t schedule_lane_ready(const struct schedule *s, unsigned lane);
size_t schedule_lane_running(const struct schedule *s, unsigned lane);

/* A waiting task was made final: it waits no more. */
void schedule_give_up(struct schedule *s);

size_t schedule_waiting(const struct schedule *s);
size_t schedule_ready(const struct schedule *s);
size_t schedule_running(const struct schedule *s);
/* A slot is free. */
bool schedule_has_slot(const struct schedule *s);

#endif
