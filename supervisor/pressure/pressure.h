/*
 * What holds the clients of agents back: the limits of the services behind them, and the memory of
 * this machine. The coordinator's side of throttle.h: which task is of which backend, what is said,
 * and what becomes of an attempt that met a limit.
 */
#ifndef POLLARD_PRESSURE_H
#define POLLARD_PRESSURE_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/backend.h"
#include "supervisor/loop.h"
#include "supervisor/plan/schedule.h"
#include "supervisor/pressure/memory.h"
#include "supervisor/pressure/throttle.h"

/* How often a task's attempts may meet a limit before the next one counts as any that fails. */
#define LIMITED_MAX 20
/* The same, in a row, where only words about load tell of one: the service may be broken. */
#define UNSURE_MAX 3

/* One backend: a lane of the schedule. Those of agents with a command of their own share one. */
struct pressed {
	bool used;
	const struct backend *backend; /* NULL: commands of their own */
	struct throttle throttle;
	enum reason
	    stopped;	   /* authentication or a quota: why nothing starts any more; REASON_NONE */
	int64_t resets_ms; /* when its quota is there again, wall clock; 0: not known */
};

/* Part of struct run; begun with pressure_init(), released by pressure_free(). */
struct pressure {
	struct pressed
	    lanes[SCHEDULE_LANES + 1]; /* 0 is that of everything else, and is not used */
	unsigned nlanes;
	struct memory memory;
	bool memory_low;
	bool memory_told;
	uint64_t memory_free; /* when it was looked at last */
	int64_t memory_at;    /* when it is looked at next; monotonic, ms */
};

struct run;
struct node;

void pressure_init(struct run *run);
void pressure_free(struct run *run);

/* The lane of a task: for node->lane. */
unsigned pressure_lane(struct run *run, const struct task *task);
/* Tells the schedule, which may be a new one, what may start now. */
void pressure_apply(struct run *run, int64_t now);
/* An attempt of that task is about to start. */
void pressure_started(struct run *run, size_t task, int64_t now);
/* What will never start is final then, and so is what cannot before the deadline. */
void pressure_give_up(struct run *run);
/* Nothing of the task's backend starts any more. */
bool pressure_stopped(const struct run *run, size_t task);
/* When an attempt that has its slot may start: at most `now`: at once. THROTTLE_NEVER. */
int64_t pressure_opens_at(const struct run *run, size_t task);
/* When something that waits could start; INT64_MAX: nothing waits for a time. */
int64_t pressure_due(const struct run *run, int64_t now);
/*
 * An attempt is over, its slot not given back yet. True when it met a limit, or only found out that
 * its client has lost the session to go on with, and does not count: it is on record, the task waits for its next attempt, and the attempt is freed.
 */
bool pressure_over(struct run *run, struct attempt *a);
/*
 * Agents that are no task's: a debugger, one that merges, one that carries out a fix. When it may be
 * asked (monotonic, ms; at most the present: at once). THROTTLE_NEVER: not any more, and *why says
 * why.
 */
int64_t pressure_asks_at(const struct run *run, const struct agent *agent, struct buf *why);
/* It was asked and has ended so: takes notice of what that tells of its backend. */
void pressure_asked(struct run *run, const struct agent *agent, const struct result *r);
/* A client that goes on by itself says that its service holds it back. */
void pressure_heard(struct run *run, const struct event *e);
/* Why a task of a backend that is closed is final without an attempt; false when that is not why. */
bool pressure_explain(const struct run *run, const struct node *node, struct result *r);

#endif
