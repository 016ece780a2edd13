#include "workers/limits.h"

#include <limits.h>

#define NEVER (-1)
/*
 * Much that outlives its parent is about to end: the other side of a pipeline or of a process
 * substitution, a pager. What ends in this time was not left behind.
 */
#define LINGER_MS 50
#define SWEEP_MS 200
/*
 * A process in an uninterruptible wait cannot be killed; nobody should wait for it longer than
 * this.
 */
#define KILL_MS 5000
#define ROUND_MAX_MS 64

void limits_init(struct limits *l, int64_t now, int64_t timeout_ms, int64_t idle_ms,
    int64_t grace_ms)
{
	l->phase = RUNNING;
	l->cause = STOP_NONE;
	l->timeout_at = timeout_ms > 0 ? now + timeout_ms : NEVER;
	l->idle_ms = idle_ms;
	l->idle_at = idle_ms > 0 ? now + idle_ms : NEVER;
	l->grace_ms = grace_ms;
	l->phase_end = NEVER;
	l->round_at = NEVER;
	l->round_ms = 0;
	l->gave_up = false;
}

void limits_output(struct limits *l, int64_t now)
{
	if (l->idle_ms > 0)
		l->idle_at = now + l->idle_ms;
}

static void begin_killing(struct limits *l, int64_t now)
{
	l->phase = KILLING;
	l->phase_end = now + KILL_MS;
	l->round_at = now;
	l->round_ms = 1;
}

static void begin_stopping(struct limits *l, int64_t now, enum stop_cause cause)
{
	l->cause = cause;
	if (l->grace_ms <= 0) {
		begin_killing(l, now);
		return;
	}
	l->phase = STOPPING;
	/* limits_next() sends SIGTERM when it sees no end set. */
	l->phase_end = NEVER;
}

void limits_request(struct limits *l, enum stop_request request, int64_t now)
{
	if (request == REQUEST_NONE || l->phase == KILLING || l->phase == OVER)
		return;
	if (l->cause == STOP_NONE && l->phase == RUNNING)
		l->cause = STOP_ASKED;
	if (request == REQUEST_KILL)
		begin_killing(l, now);
	else if (l->phase == RUNNING)
		begin_stopping(l, now, l->cause);
	else if (l->phase == LINGERING)
		l->phase_end = now;
}

static bool reached(int64_t at, int64_t now)
{
	return at != NEVER && now >= at;
}

/* Those phases in which the command may still be there. */
static void pass_limits(struct limits *l, int64_t now, bool reaped)
{
	if (l->phase != RUNNING)
		return;
	if (reaped) {
		l->phase = LINGERING;
		l->phase_end = now + LINGER_MS;
	} else if (reached(l->timeout_at, now)) {
		begin_stopping(l, now, STOP_TIMEOUT);
	} else if (reached(l->idle_at, now)) {
		begin_stopping(l, now, STOP_IDLE);
	}
}

static enum limits_action next_round(struct limits *l, int64_t now)
{
	if (reached(l->phase_end, now)) {
		l->phase = OVER;
		l->gave_up = true;
		return ACTION_NONE;
	}
	if (!reached(l->round_at, now))
		return ACTION_NONE;
	l->round_at = now + l->round_ms;
	if (l->round_ms < ROUND_MAX_MS)
		l->round_ms *= 2;
	return ACTION_KILL;
}

enum limits_action limits_next(struct limits *l, int64_t now, bool reaped, bool empty)
{
	if (empty)
		l->phase = OVER;
	pass_limits(l, now, reaped);
	switch (l->phase) {
	case STOPPING:
		if (l->phase_end == NEVER) {
			l->phase_end = now + l->grace_ms;
			return ACTION_TERM;
		}
		if (reached(l->phase_end, now))
			begin_killing(l, now);
		break;
	case LINGERING:
		if (reached(l->phase_end, now)) {
			l->phase = SWEEPING;
			l->phase_end = now + SWEEP_MS;
			return ACTION_SWEEP;
		}
		break;
	case SWEEPING:
		if (reached(l->phase_end, now))
			begin_killing(l, now);
		break;
	case RUNNING:
	case KILLING:
	case OVER:
		break;
	}
	return l->phase == KILLING ? next_round(l, now) : ACTION_NONE;
}

static int64_t sooner(int64_t a, int64_t b)
{
	if (a == NEVER)
		return b;
	return b == NEVER || a < b ? a : b;
}

int limits_wait(const struct limits *l, int64_t now)
{
	int64_t at = l->phase_end;

	if (l->phase == RUNNING)
		at = sooner(l->timeout_at, l->idle_at);
	else if (l->phase == KILLING)
		at = sooner(l->phase_end, l->round_at);
	if (at == NEVER)
		return -1;
	if (at <= now)
		return 0;
	return at - now < INT_MAX ? (int)(at - now) : INT_MAX;
}
