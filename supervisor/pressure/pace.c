#include "supervisor/pressure/pace.h"

#define US_PER_MS 1000
/* Fewer starts tell nothing about the service. */
#define BEGUN_LEAST 12
/* Of the way from the pace that was refused to the one that is known to be borne. */
#define STEP_PERCENT 20
/* What was known may not hold for ever: so much is taken off at each refusal. */
#define FADE_PERCENT 2
#define SLOWER_PERCENT 5
/* and twice as much so often, when it is refused again and again */
#define QUICK_MAX 3
/*
 * but no further than to so many times what is known: an outage refuses for long and tells nothing
 * about the pace. What is known may be from when more was let through: with less than 6 the share of
 * requests that are refused grows where requests can be saved up.
 */
#define SLOWEST_TIMES 8
#define SLOWEST_UNKNOWN_US (60 * INT64_C(1000) * US_PER_MS)
/* Good ends before it quickens: more when it was refused at the same pace again. */
#define HOLD_FIRST 8
#define HOLD_MAX 128
/* How it quickens: by a part of so much, twice as fast after each of so many good ends. */
#define QUICKEN_FIRST 2048
#define QUICKEN_MOST 16
#define QUICKEN_EVERY 16
/* What is later than this has waited for something else; the loop wakes up to the millisecond. */
#define LATE_US 2000

static int64_t percent(int64_t value, int64_t n)
{
	return value * n / 100;
}

void pace_started(struct pace *p, int64_t now)
{
	int64_t now_us = now * US_PER_MS;
	if (p->begun == 0 && p->since == 0)
		p->since = now;
	p->begun++;
	if (p->spacing_us == 0)
		return;
	p->counts = now_us < p->next_us + LATE_US + p->spacing_us / 16;
	if (p->next_us < now_us - LATE_US)
		p->next_us = now_us;
	p->next_us += p->spacing_us;
}

void pace_succeeded(struct pace *p)
{
	/* what did not wait for the pace says nothing about it */
	if (p->spacing_us == 0 || !p->counts || ++p->held <= p->hold)
		return;
	int64_t part = QUICKEN_FIRST;
	for (uint32_t i = (p->held - p->hold) / QUICKEN_EVERY; i > 0 && part > QUICKEN_MOST; i--)
		part /= 2;
	p->spacing_us -= p->spacing_us / part;
}

void pace_refused(struct pace *p)
{
	p->refused++;
}

static bool about(int64_t a, int64_t b)
{
	return a * 10 > b * 9 && a * 10 < b * 11;
}

/* What the service bore in one more stretch. */
static void learn(struct pace *p, int64_t borne)
{
	if (!about(borne, p->last_us))
		p->hold = HOLD_FIRST;
	else if (p->hold < HOLD_MAX)
		p->hold *= 2;
	p->last_us = borne;
	int64_t faded = p->known_us + percent(p->known_us, FADE_PERCENT);
	p->known_us = p->known_us == 0 || borne < faded ? borne : faded;
	if (p->spacing_us < p->known_us)
		p->spacing_us += percent(p->known_us - p->spacing_us, STEP_PERCENT);
	else
		p->spacing_us += percent(p->spacing_us, SLOWER_PERCENT);
}

/* Refused too soon to tell more than that it was too fast. */
static void slow_blindly(struct pace *p)
{
	int64_t n = (int64_t)SLOWER_PERCENT << (p->quick < QUICK_MAX ? p->quick : QUICK_MAX);
	int64_t slowest = p->known_us > 0 ? p->known_us * SLOWEST_TIMES : SLOWEST_UNKNOWN_US;
	p->quick++;
	if (p->spacing_us >= slowest)
		return;
	p->spacing_us += percent(p->spacing_us, n);
	if (p->spacing_us > slowest)
		p->spacing_us = slowest;
}

void pace_slow_down(struct pace *p, int64_t now)
{
	uint32_t borne = p->begun > p->refused ? p->begun - p->refused : 0;
	p->held = 0;
	if (borne < BEGUN_LEAST) {
		slow_blindly(p);
		return;
	}
	p->quick = 0;
	int64_t each = (now - p->since) * US_PER_MS / borne;
	if (p->spacing_us == 0) {
		p->spacing_us = each;
		p->hold = HOLD_FIRST;
	} else {
		learn(p, each);
	}
	p->since = now;
	p->begun = p->refused = 0;
}

void pace_at_most(struct pace *p, int64_t spacing_us)
{
	if (p->known_us == 0 && (p->spacing_us == 0 || p->spacing_us > spacing_us))
		p->spacing_us = spacing_us;
}

void pace_wait(struct pace *p, int64_t at)
{
	if (p->spacing_us > 0 && p->next_us < at * US_PER_MS)
		p->next_us = at * US_PER_MS;
}

int64_t pace_next(const struct pace *p)
{
	return p->spacing_us > 0 ? (p->next_us + US_PER_MS / 2) / US_PER_MS : 0;
}
