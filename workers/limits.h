/*
 * How an attempt comes to its end: which signal is due when. Pure: told the time and what
 * happened, it says what to do; no process, no clock, so that tests need neither.
 *
 *   RUNNING   until the command has ended, a limit is reached, or the supervisor asks
 *   STOPPING  SIGTERM was sent to all; SIGKILL after the grace
 *   KILLING   SIGKILL to all, again and again
 *   LINGERING the command has ended by itself, something it started has not yet
 *   SWEEPING  SIGTERM was sent to what was left behind; SIGKILL soon
 *   OVER      nothing is left, or it cannot be killed
 */
#ifndef POLLARD_LIMITS_H
#define POLLARD_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

enum stop_cause {
	STOP_NONE,
	STOP_TIMEOUT,
	STOP_IDLE,
	STOP_ASKED, /* by the supervisor */
};

enum stop_request {
	REQUEST_NONE,
	REQUEST_STOP, /* with grace */
	REQUEST_KILL,
};

enum limits_phase { RUNNING, STOPPING, KILLING, LINGERING, SWEEPING, OVER };

enum limits_action {
	ACTION_NONE,
	ACTION_TERM, /* to the whole tree */
	ACTION_KILL,
	ACTION_SWEEP, /* as ACTION_TERM; what is there now was left behind */
};

/*
 * Made by limits_init(); nothing to release. Times are of one clock, in milliseconds; -1 stands
 * for never.
 */
struct limits {
	enum limits_phase phase;
	enum stop_cause cause; /* why the command was signalled; kept from then on */
	int64_t timeout_at;
	int64_t idle_ms; /* 0: none */
	int64_t idle_at;
	int64_t grace_ms;
	int64_t phase_end; /* when the phase is over at the latest */
	int64_t round_at;  /* KILLING: when to send it again */
	int64_t round_ms;
	bool gave_up; /* something could not be killed */
};

void limits_init(struct limits *l, int64_t now, int64_t timeout_ms, int64_t idle_ms,
    int64_t grace_ms);
/* The command has written something. */
void limits_output(struct limits *l, int64_t now);
void limits_request(struct limits *l, enum stop_request request, int64_t now);
/*
 * Looks at what is known (has the command been reaped, is nothing left of its tree) and at the
 * time, changes the phase, and says what to do now. To be asked again after doing it.
 */
enum limits_action limits_next(struct limits *l, int64_t now, bool reaped, bool empty);
/* How long to wait for something to happen before asking again; -1: for ever. */
int limits_wait(const struct limits *l, int64_t now);

#endif
