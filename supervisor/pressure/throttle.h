/*
 * How many attempts of one backend run side by side: multiplicative decrease, and an increase that
 * is quick where nothing is known to be in the way and slow where something is. Pure: told the time
 * and what happened, it says what may start; no process, no clock.
 *
 * A limit of the service that is met halves the number, once for each burst of failures, and closes
 * the gate for as long as the service asks, or for a growing pause. The number grows by one with each
 * good end (slow start: V. Jacobson, "Congestion Avoidance and Control", 1988), but near the width
 * at which the limit was met last only after as many good ends as it is wide, and more of them each
 * time it is met there again; past it, by one with each again (L. Xu, K. Harfoush and I. Rhee, "Binary
 * Increase Congestion Control", 2004; RFC 9438 has the same shape). A width that is not used tells
 * nothing and does not grow (RFC 7661).
 *
 * Beside the number a pace spaces the starts (pace.h), so that those that waited do not begin in one
 * moment and meet the limit again. Until the pace of the service is known, starts are spread over
 * the time that an attempt takes (A. Aggarwal, S. Savage and T. Anderson, "Understanding the
 * Performance of TCP Pacing", 2000).
 *
 * What waits for its backend stands in memory, and --stream reads no further than some tasks
 * ahead (64, or as many as there are slots): when all of these are of a backend that is closed, tasks of others that come later in the
 * stream wait until it opens. With a bounded read-ahead that cannot be otherwise: what was not read
 * is not known to be of another backend. A list that is read as a whole does not have it.
 */
#ifndef POLLARD_THROTTLE_H
#define POLLARD_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/pressure/pace.h"

#define THROTTLE_FIRST 3
#define THROTTLE_NEVER INT64_MAX

/* Made by throttle_init(), one for each backend; nothing to release. Times are monotonic, in milliseconds. */
struct throttle {
	bool adapts;	  /* else only quotas and what stops it count */
	bool stopped;	  /* nothing starts any more */
	uint32_t ceiling; /* slots of the step */
	uint32_t limit;	  /* now */
	uint32_t clean;	  /* good ends since the limit was changed, when it was full */
	uint32_t met; /* the limit at which it was full when it was refused last; 0: it was not */
	uint32_t patience; /* that one is taken again after so many times as many good ends */
	unsigned strikes;  /* pauses in a row without a good end */
	int64_t gate_at;   /* nothing starts before; 0: open */
	int64_t parked_at; /* a quota: nothing starts before; 0: open */
	int64_t
	    cut_at; /* when it was halved: what began before and fails belongs to the same burst */
	int64_t cool_until; /* and so does what running ones tell until then */
	int64_t took_ms;    /* how long a good attempt takes, about; 0: none has ended */
	struct pace pace;
};

/* `jobs`: slots of the step; 0: any number. */
void throttle_init(struct throttle *t, bool adapts, uint32_t jobs);
/* Another step has other slots. */
void throttle_set_jobs(struct throttle *t, uint32_t jobs);

void throttle_started(struct throttle *t, int64_t now);
/* An attempt has succeeded after that time. `running`: how many were, that one among them. */
void throttle_succeeded(struct throttle *t, int64_t took_ms, uint32_t running);
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
