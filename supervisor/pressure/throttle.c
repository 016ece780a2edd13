#include "supervisor/pressure/throttle.h"

/* The pause where the service does not say how long: doubles from the first one. */
#define PAUSE_FIRST_MS 1000
#define PAUSE_MAX_MS 60000
#define PAUSE_LEAST_MS 50
/* What clients that go on by themselves tell so soon after the first one belongs to the same burst. */
#define COOL_MS 5000
#define PATIENCE_FIRST 1
#define PATIENCE_MAX 64
/* So much of each newer one goes into the time that an attempt takes. */
#define TOOK_PARTS 8
#define US_PER_MS 1000

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

void throttle_init(struct throttle *t, bool adapts, uint32_t jobs)
{
	*t = (struct throttle){ .adapts = adapts, .limit = THROTTLE_FIRST, .patience = 1 };
	throttle_set_jobs(t, jobs);
}

void throttle_set_jobs(struct throttle *t, uint32_t jobs)
{
	t->ceiling = jobs > 0 ? jobs : UINT32_MAX;
}

void throttle_started(struct throttle *t, int64_t now)
{
	if (t->adapts)
		pace_started(&t->pace, now);
}

/*
 * How many good ends make room for one more. With long tasks, as many as it is wide would take most
 * of a list to get to a width that fits; only around the one that did not fit there is cause to wait.
 */
static uint64_t wanted(const struct throttle *t)
{
	bool near = t->limit + 1 >= t->met && t->limit <= t->met;
	return near ? (uint64_t)t->limit * t->patience : 1;
}

static void grow(struct throttle *t, uint32_t running)
{
	if (running < least(t->limit, t->ceiling))
		return;
	if (++t->clean < wanted(t) || t->limit >= t->ceiling)
		return;
	t->limit++;
	t->clean = 0;
}

static void learn_time(struct throttle *t, int64_t took_ms)
{
	if (t->took_ms == 0)
		t->took_ms = took_ms;
	else
		t->took_ms += (took_ms - t->took_ms) / TOOK_PARTS;
}

void throttle_succeeded(struct throttle *t, int64_t took_ms, uint32_t running)
{
	if (!t->adapts)
		return;
	t->strikes = 0;
	pace_succeeded(&t->pace);
	grow(t, running);
	learn_time(t, took_ms);
	if (t->cut_at > 0)
		pace_at_most(&t->pace, t->took_ms * US_PER_MS / throttle_width(t));
}

/* The hinted time; where there is none, or it did not help, a pause that grows, with full jitter. */
static int64_t pause_for(const struct throttle *t, int64_t retry_ms, uint32_t random)
{
	int64_t pause = PAUSE_FIRST_MS;
	if (retry_ms > 0 && t->strikes <= 1)
		return retry_ms;
	for (unsigned i = 1; i < t->strikes && pause < PAUSE_MAX_MS; i++)
		pause *= 2;
	if (pause > PAUSE_MAX_MS)
		pause = PAUSE_MAX_MS;
	pause = random % (pause + 1);
	if (pause < PAUSE_LEAST_MS)
		pause = PAUSE_LEAST_MS;
	return pause > retry_ms ? pause : retry_ms;
}

/*
 * Only a width that was used in full tells that it is too wide, and only at once: where as many
 * ended well as it is wide, it was not the width that was too much but the pace.
 */
static void remember_width(struct throttle *t, uint32_t limit, uint32_t running)
{
	if (running < limit || t->clean >= limit) {
		t->patience = 1;
		return;
	}
	bool again = t->met > 0 && limit + 1 >= t->met && limit <= t->met + 1;
	if (!again)
		t->patience = PATIENCE_FIRST;
	else if (t->patience < PATIENCE_MAX)
		t->patience *= 2;
	t->met = limit;
}

static void halve(struct throttle *t, int64_t now, uint32_t running)
{
	uint32_t limit = least(t->limit, t->ceiling);
	remember_width(t, limit, running);
	t->limit = limit > 1 ? limit / 2 : 1;
	t->clean = 0;
	t->cut_at = now;
	pace_slow_down(&t->pace, now);
}

/* `again`: the gate stays closed for longer, and that is all. */
static bool press(struct throttle *t, int64_t now, bool again, uint32_t running, int64_t retry_ms,
    uint32_t random)
{
	int64_t pause = retry_ms;
	if (!again) {
		t->strikes++;
		pause = pause_for(t, retry_ms, random);
		halve(t, now, running);
		t->cool_until = now + COOL_MS;
	}
	if (t->gate_at < now + pause)
		t->gate_at = now + pause;
	if (t->cool_until < t->gate_at)
		t->cool_until = t->gate_at;
	pace_wait(&t->pace, t->gate_at);
	return !again;
}

bool throttle_refused(struct throttle *t, int64_t now, int64_t began, uint32_t running,
    int64_t retry_ms, uint32_t random)
{
	if (!t->adapts)
		return false;
	pace_refused(&t->pace);
	bool again = now < t->gate_at || (t->cut_at > 0 && began < t->cut_at);
	return press(t, now, again, running, retry_ms, random);
}

bool throttle_pressed(struct throttle *t, int64_t now, uint32_t running, int64_t retry_ms,
    uint32_t random)
{
	return t->adapts && press(t, now, now < t->cool_until, running, retry_ms, random);
}

void throttle_park(struct throttle *t, int64_t until)
{
	if (t->parked_at < until)
		t->parked_at = until;
}

void throttle_stop(struct throttle *t)
{
	t->stopped = true;
}

bool throttle_is_open(const struct throttle *t, int64_t now)
{
	return !t->stopped && now >= t->gate_at && now >= t->parked_at;
}

uint32_t throttle_width(const struct throttle *t)
{
	return t->adapts ? least(t->limit, t->ceiling) : t->ceiling;
}

uint32_t throttle_allows(const struct throttle *t, int64_t now)
{
	if (!throttle_is_open(t, now) || now < pace_next(&t->pace))
		return 0;
	return throttle_width(t);
}

int64_t throttle_opens_at(const struct throttle *t)
{
	int64_t at = pace_next(&t->pace);
	if (t->stopped)
		return THROTTLE_NEVER;
	if (at < t->gate_at)
		at = t->gate_at;
	return at < t->parked_at ? t->parked_at : at;
}
