/*
 * How many attempts of one backend run side by side: additive increase, multiplicative decrease (as
 * TCP has it: V. Jacobson, "Congestion Avoidance and Control", 1988). Pure: told the time and what
 * happened, it says what may start; no process, no clock.
 *
 * A limit of the service that is met halves the number, once for each burst of failures, and closes
 * the gate for as long as the service asks, or for a growing pause. As many good ends as the number
 * is wide make room for one more; the width at which the limit was met is taken again only after
 * more of them. Beside the number a pace spaces the starts (pace.h), so that those that waited do
 * not begin in one moment and meet the limit again.
 */
#ifndef POLLARD_THROTTLE_H
#define POLLARD_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/pace.h"

#define THROTTLE_FIRST 3
#define THROTTLE_NEVER INT64_MAX

/* Made by throttle_init(), one for each backend; nothing to release. Times are monotonic, in milliseconds. */
struct throttle {
	bool adapts;	  /* else only quotas and what stops it count */
	bool stopped;	  /* nothing starts any more */
	uint32_t ceiling; /* slots of the step */
	uint32_t limit;	  /* now */
	uint32_t clean;	  /* good ends since the limit was changed */
	uint32_t met; /* the limit at which it was full when it was refused last; 0: it was not */
	uint32_t patience; /* that one is taken again after so many times as many good ends */
	unsigned strikes;  /* pauses in a row without a good end */
	int64_t gate_at;   /* nothing starts before; 0: open */
	int64_t parked_at; /* a quota: nothing starts before; 0: open */
	int64_t
	    cut_at; /* when it was halved: what began before and fails belongs to the same burst */
	int64_t cool_until; /* and so does what running ones tell until then */
	struct pace pace;
};

/* `jobs`: slots of the step; 0: any number. */
void throttle_init(struct throttle *t, bool adapts, uint32_t jobs);
/* Another step has other slots. */
void throttle_set_jobs(struct throttle *t, uint32_t jobs);

void throttle_started(struct throttle *t, int64_t now);
/* An attempt has succeeded. */
void throttle_succeeded(struct throttle *t);
/*
 * An attempt that began at `began` failed because of a limit of the service. `running`: how many
 * were, that one among them; `retry_ms`: how long the service asks to wait, 0 when it did not say;
 * `random`: any number. True when it is the first of a burst.
 */
bool throttle_refused(struct throttle *t, int64_t now, int64_t began, uint32_t running,
    int64_t retry_ms, uint32_t random);
/* The same of an attempt that goes on: its client tries once more by itself. */
bool throttle_pressed(struct throttle *t, int64_t now, uint32_t running, int64_t retry_ms,
    uint32_t random);
/* A quota is used up until then. */
void throttle_park(struct throttle *t, int64_t until);
/* Nothing starts any more. */
void throttle_stop(struct throttle *t);

/* How many may run side by side; 0: nothing may start now. */
uint32_t throttle_allows(const struct throttle *t, int64_t now);
/* How many it would be with the gate open. */
uint32_t throttle_width(const struct throttle *t);
/* The gate alone: whether an attempt that has its slot already may start. */
bool throttle_is_open(const struct throttle *t, int64_t now);
/* When something may start, as far as time goes; at most `now`: already. THROTTLE_NEVER. */
int64_t throttle_opens_at(const struct throttle *t);

#endif
