/*
 * How many attempts of one backend run side by side: additive increase, multiplicative decrease (as
 * TCP has it: V. Jacobson, "Congestion Avoidance and Control", 1988). Pure: told the time and what
 * happened, it says what may start; no process, no clock.
 */
#ifndef POLLARD_THROTTLE_H
#define POLLARD_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/result.h"

/* Made by throttle_init(), one for each backend; nothing to release. Times are monotonic, in milliseconds. */
struct throttle {
	bool adapts;	   /* else only quotas and authentication count */
	uint32_t ceiling;  /* slots of the run */
	uint32_t limit;	   /* now */
	uint32_t running;
	uint32_t clean;	   /* good ends since the limit was changed */
	unsigned strikes;  /* pauses in a row without a good end */
	int64_t gate_at;   /* nothing starts before; 0: open */
	int64_t cool_until; /* until then a further failure belongs to the same burst */
	bool stopped;	   /* authentication: nothing starts any more */
};

#endif
