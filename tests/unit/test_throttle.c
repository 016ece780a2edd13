#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "supervisor/pressure/throttle.h"

Suite *throttle_suite(void);

static struct throttle make(uint32_t jobs)
{
	struct throttle t;
	throttle_init(&t, true, jobs);
	return t;
}

START_TEST(begins_with_three)
{
	struct throttle t = make(8);
	ck_assert_uint_eq(throttle_allows(&t, 0), 3);
	t = make(2);
	ck_assert_uint_eq(throttle_allows(&t, 0), 2);
	t = make(0);
	ck_assert_uint_eq(throttle_allows(&t, 0), 3);
	throttle_init(&t, false, 8);
	ck_assert_uint_eq(throttle_allows(&t, 0), 8);
	throttle_init(&t, false, 0);
	ck_assert_uint_eq(throttle_allows(&t, 0), UINT32_MAX);
}
END_TEST

/* So many good ends at full width, of attempts of a second each. */
static void end_well(struct throttle *t, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		throttle_succeeded(t, 1000, throttle_width(t));
}

/* Each good end makes room for one more as long as no limit was met, up to the slots. */
START_TEST(grows_by_one)
{
	struct throttle t = make(5);
	end_well(&t, 1);
	ck_assert_uint_eq(throttle_allows(&t, 0), 4);
	end_well(&t, 1);
	ck_assert_uint_eq(throttle_allows(&t, 0), 5);
	end_well(&t, 50);
	ck_assert_uint_eq(throttle_allows(&t, 0), 5);
	throttle_set_jobs(&t, 9);
	ck_assert_uint_eq(throttle_allows(&t, 0), 5);
}
END_TEST

/* A width that is not used is not known to be borne. */
START_TEST(grows_when_full)
{
	struct throttle t = make(16);
	for (int i = 0; i < 50; i++)
		throttle_succeeded(&t, 1000, 2);
	ck_assert_uint_eq(throttle_width(&t), 3);
	throttle_succeeded(&t, 1000, 3);
	ck_assert_uint_eq(throttle_width(&t), 4);
}
END_TEST

/* Quickly to just below the width that was too much, slowly there, and quickly on past it. */
START_TEST(returns_quickly)
{
	struct throttle t = make(16);
	end_well(&t, 5);
	ck_assert(throttle_refused(&t, 1000, 900, 8, 100, 0));
	ck_assert_uint_eq(throttle_width(&t), 4);
	end_well(&t, 3);
	ck_assert_uint_eq(throttle_width(&t), 7);
	end_well(&t, 6);
	ck_assert_uint_eq(throttle_width(&t), 7);
	end_well(&t, 1);
	ck_assert_uint_eq(throttle_width(&t), 8);
	end_well(&t, 8);
	ck_assert_uint_eq(throttle_width(&t), 9);
	end_well(&t, 2);
	ck_assert_uint_eq(throttle_width(&t), 11);
}
END_TEST

/* What is refused after so many good ends was not refused for its width. */
START_TEST(width_is_not_to_blame)
{
	struct throttle t = make(8);
	end_well(&t, 5);
	ck_assert_uint_eq(throttle_width(&t), 8);
	end_well(&t, 8 * 3 + 7);
	ck_assert(throttle_refused(&t, 1000, 900, 8, 100, 0));
	ck_assert_uint_eq(throttle_width(&t), 4);
	end_well(&t, 4);
	ck_assert_uint_eq(throttle_width(&t), 8);
}
END_TEST

/* Once refused, starts are spread over the time that an attempt takes. */
START_TEST(starts_are_spread)
{
	struct throttle t = make(16);
	end_well(&t, 1);
	throttle_started(&t, 500);
	throttle_started(&t, 500);
	ck_assert_uint_eq(throttle_allows(&t, 500), 4);
	ck_assert(throttle_refused(&t, 1000, 900, 4, 100, 0));
	end_well(&t, 1);
	ck_assert_uint_eq(throttle_allows(&t, 2000), 3);
	throttle_started(&t, 2000);
	ck_assert_uint_eq(throttle_allows(&t, 2000), 0);
	ck_assert_int_ge(throttle_opens_at(&t), 2000 + 1000 / 3 - 1);
	ck_assert_int_le(throttle_opens_at(&t), 2000 + 1000 / 3 + 1);
	ck_assert(throttle_is_open(&t, 2000));
}
END_TEST

/* Other steps have other slots; what was found out about the service stays. */
START_TEST(slots_of_steps)
{
	struct throttle t = make(8);
	throttle_set_jobs(&t, 1);
	ck_assert_uint_eq(throttle_allows(&t, 0), 1);
	throttle_set_jobs(&t, 8);
	ck_assert_uint_eq(throttle_allows(&t, 0), 3);
}
END_TEST

START_TEST(a_burst_halves_once)
{
	struct throttle t = make(16);
	t.limit = 8;
	ck_assert(throttle_refused(&t, 1000, 900, 8, 6000, 0));
	ck_assert(!throttle_refused(&t, 1001, 900, 7, 6000, 0));
	/* longer after the first, but begun before it */
	ck_assert(!throttle_refused(&t, 9000, 950, 6, 2000, 0));
	ck_assert_uint_eq(throttle_width(&t), 4);
	/* what was begun since is news */
	ck_assert(throttle_refused(&t, 12000, 11500, 4, 0, 0));
	ck_assert_uint_eq(throttle_width(&t), 2);
	ck_assert(throttle_refused(&t, 99000, 98000, 2, 0, 0));
	ck_assert(throttle_refused(&t, 199000, 198000, 1, 0, 0));
	ck_assert_uint_eq(throttle_width(&t), 1);
}
END_TEST

START_TEST(keeps_to_the_hint)
{
	struct throttle t = make(4);
	throttle_refused(&t, 1000, 900, 3, 6000, 77);
	ck_assert_uint_eq(throttle_allows(&t, 1000), 0);
	ck_assert_uint_eq(throttle_allows(&t, 6999), 0);
	ck_assert(!throttle_is_open(&t, 6999));
	ck_assert_int_eq(throttle_opens_at(&t), 7000);
	ck_assert_uint_eq(throttle_allows(&t, 7000), 1);
	/* a later one of the burst knows better */
	throttle_refused(&t, 2000, 950, 2, 20000, 0);
	ck_assert_int_eq(throttle_opens_at(&t), 22000);
}
END_TEST

/* Without a hint the pause grows, with full jitter; a good end begins anew. */
START_TEST(pauses_grow)
{
	struct throttle t = make(4);
	int64_t now = 1000;
	int64_t most = 1000;
	for (int i = 0; i < 10; i++) {
		throttle_refused(&t, now, now, 1, 0, UINT32_MAX - (uint32_t)i);
		int64_t pause = throttle_opens_at(&t) - now;
		ck_assert_int_ge(pause, 50);
		ck_assert_int_le(pause, most);
		now += pause + 1;
		most = most < 60000 ? most * 2 : 60000;
		most = most < 60000 ? most : 60000;
	}
	throttle_refused(&t, now, now, 1, 0, 60000);
	ck_assert_int_eq(throttle_opens_at(&t) - now, 60000);
	end_well(&t, 1);
	now += 60001;
	throttle_refused(&t, now, now, 1, 0, 60000);
	ck_assert_int_le(throttle_opens_at(&t) - now, 1000);
}
END_TEST

/* A hint that does not help is not believed for ever. */
START_TEST(hints_that_are_wrong)
{
	struct throttle t = make(4);
	int64_t now = 1000;
	for (int i = 0; i < 8; i++) {
		throttle_refused(&t, now, now, 1, 100, 59999);
		now = throttle_opens_at(&t) + 1;
	}
	ck_assert_int_gt(now, 60000);
}
END_TEST

/* Clients that try again by themselves tell several times: one burst. */
START_TEST(running_ones_tell)
{
	struct throttle t = make(16);
	t.limit = 8;
	ck_assert(throttle_pressed(&t, 1000, 8, 0, 1));
	ck_assert(!throttle_pressed(&t, 3000, 8, 0, 1));
	ck_assert_uint_eq(throttle_width(&t), 4);
	ck_assert(throttle_pressed(&t, 7000, 8, 0, 1));
	ck_assert_uint_eq(throttle_width(&t), 2);
}
END_TEST

START_TEST(not_adapting)
{
	struct throttle t;
	throttle_init(&t, false, 8);
	ck_assert(!throttle_refused(&t, 1000, 900, 8, 6000, 0));
	ck_assert(!throttle_pressed(&t, 1000, 8, 6000, 0));
	ck_assert_uint_eq(throttle_allows(&t, 1000), 8);
	ck_assert_int_le(throttle_opens_at(&t), 1000);
	throttle_park(&t, 5000);
	ck_assert_uint_eq(throttle_allows(&t, 4999), 0);
	ck_assert_int_eq(throttle_opens_at(&t), 5000);
	ck_assert_uint_eq(throttle_allows(&t, 5000), 8);
	throttle_stop(&t);
	ck_assert_uint_eq(throttle_allows(&t, 9000), 0);
	ck_assert(throttle_opens_at(&t) == THROTTLE_NEVER);
}
END_TEST

/* The width that was too much is taken again later than a lower one, and later each time. */
START_TEST(remembers_the_width)
{
	struct throttle t = make(16);
	int64_t now = 1000;
	unsigned before = 0;
	for (int round = 0; round < 4; round++) {
		unsigned ends = 0;
		for (; throttle_width(&t) < 6; ends++)
			end_well(&t, 1);
		if (round > 1)
			ck_assert_uint_gt(ends, before);
		before = ends;
		throttle_refused(&t, now, now, 6, 100, 0);
		now += 100000;
	}
}
END_TEST

/*
 * A simulated service and thousands of tasks, in virtual time. Requests and tokens come from buckets that fill up
 * steadily; a refused request costs nothing. The choice of a fixed number of slots is made to look as good as it
 * can: a refused task waits as long as the service says and keeps its slot.
 */

#define SLOTS_MAX 16
#define LATENCY_MS 20

enum hint { HINT_EXACT, HINT_SECONDS, HINT_NONE, HINT_COUNT };

struct bucket {
	double rate; /* a second; 0: no limit */
	double size;
	double level;
};

struct service {
	struct bucket requests;
	struct bucket tokens;
	unsigned at_once; /* requests that it answers at a time; 0: any number */
	enum hint hint;
	double ms; /* mean time of a task */
	double at;
	unsigned running;
	unsigned long asked;
	unsigned long refused;
};

struct slot {
	bool taken;
	bool answered; /* the request was let through, and the task ends at `due` */
	double due;
	double began;
	double tokens;
	unsigned strikes;
};

struct outcome {
	double rate; /* tasks a second */
	double refused;
};

static double fraction(void)
{
	return (double)(random() % 1000003) / 1000003;
}

static double any_tokens(void)
{
	return 500 + 1000 * fraction();
}

static void fill(struct bucket *b, double ms)
{
	b->level = fmin(b->size, b->level + ms / 1000 * b->rate);
}

static double lack(const struct bucket *b, double amount)
{
	return b->rate > 0 && b->level < amount - 1e-9 ? (amount - b->level) / b->rate * 1000 : 0;
}

/* True and when the task ends, or false and for how long the service asks to wait (0: it does not say). */
static bool ask(struct service *s, double now, double tokens, double *due)
{
	fill(&s->requests, now - s->at);
	fill(&s->tokens, now - s->at);
	s->at = now;
	s->asked++;
	double wait = fmax(lack(&s->requests, 1), lack(&s->tokens, tokens));
	if (s->at_once > 0 && s->running >= s->at_once)
		wait = fmax(wait, 1000);
	if (wait > 0) {
		s->refused++;
		*due = s->hint == HINT_EXACT ? ceil(wait) :
		    s->hint == HINT_SECONDS  ? ceil(wait / 1000) * 1000 :
					       0;
		return false;
	}
	s->requests.level -= s->requests.rate > 0;
	s->tokens.level -= s->tokens.rate > 0 ? tokens : 0;
	s->running++;
	*due = now + s->ms * (0.5 + fraction());
	return true;
}

static void begin(struct slot *slot, double now)
{
	*slot = (struct slot){ .taken = true,
		.began = now,
		.due = now + LATENCY_MS,
		.tokens = any_tokens() };
}

static struct slot *soonest(struct slot *slots, unsigned count)
{
	struct slot *first = NULL;
	for (unsigned i = 0; i < count; i++) {
		if (slots[i].taken && (first == NULL || slots[i].due < first->due))
			first = &slots[i];
	}
	return first;
}

static struct outcome judge(const struct service *s, unsigned tasks, double now)
{
	return (struct outcome){ tasks / now * 1000, (double)s->refused / (double)s->asked };
}

static struct outcome run_fixed(struct service s, unsigned slots, unsigned tasks)
{
	struct slot all[SLOTS_MAX] = { 0 };
	unsigned begun = 0;
	unsigned done = 0;
	double now = 0;
	for (; begun < slots; begun++)
		begin(&all[begun], LATENCY_MS * fraction());
	while (done < tasks) {
		struct slot *slot = soonest(all, slots);
		double due;
		now = slot->due;
		if (slot->answered) {
			s.running--;
			done++;
			slot->taken = false;
			if (begun++ < tasks)
				begin(slot, now);
		} else if (ask(&s, now, slot->tokens, &due)) {
			slot->answered = true;
			slot->due = due;
		} else {
			if (due <= 0)
				due = 1000 * (1U << (slot->strikes < 6 ? slot->strikes : 6)) *
				    fraction();
			slot->strikes++;
			slot->due = now + due;
		}
	}
	return judge(&s, tasks, now);
}

static struct slot *free_slot(struct slot *slots)
{
	while (slots->taken)
		slots++;
	return slots;
}

/* An upper bound is kept at every moment, and nothing starts while the gate is closed. */
static struct outcome run_adaptive(struct service s, unsigned tasks)
{
	struct slot all[SLOTS_MAX] = { 0 };
	struct throttle t = make(SLOTS_MAX);
	unsigned waiting = tasks;
	unsigned running = 0;
	double now = 0;
	while (waiting + running > 0) {
		while (waiting > 0 && running < throttle_allows(&t, (int64_t)now)) {
			throttle_started(&t, (int64_t)now);
			begin(free_slot(all), now);
			waiting--;
			if (++running > SLOTS_MAX || (int64_t)now < t.gate_at)
				ck_abort_msg("%u run at %f, the gate is at %lld", running, now,
				    (long long)t.gate_at);
		}
		struct slot *slot = soonest(all, SLOTS_MAX);
		int64_t opens_at = throttle_opens_at(&t);
		if (waiting > 0 && (double)opens_at > now &&
		    (slot == NULL || (double)opens_at < slot->due)) {
			now = (double)opens_at;
			continue;
		}
		if (slot == NULL)
			ck_abort_msg("nothing runs, nothing opens, %u wait", waiting);
		double due;
		now = slot->due;
		if (slot->answered) {
			throttle_succeeded(&t, (int64_t)(now - slot->began), running);
			slot->taken = false;
			running--;
			s.running--;
		} else if (ask(&s, now, slot->tokens, &due)) {
			slot->answered = true;
			slot->due = due;
		} else {
			throttle_refused(&t, (int64_t)now, (int64_t)slot->began, running,
			    (int64_t)due, (uint32_t)random());
			slot->taken = false;
			running--;
			waiting++;
		}
	}
	return judge(&s, tasks, now);
}

static struct service full(struct service s)
{
	s.requests.level = s.requests.size;
	s.tokens.level = s.tokens.size;
	return s;
}

static const double rates[] = { 0.5, 1, 2, 3, 5, 7, 10, 12, 15, 20, 50 };
#define RATES (sizeof rates / sizeof *rates)
static const double times[] = { 300, 1000, 4000, 8000 };
#define TIMES (sizeof times / sizeof *times)

/*
 * What is asked of a list at any of these rates, with any kind of hint: a part of the throughput of
 * the best fixed choice, for tasks of each length, and at most so many requests refused. To find out
 * about a service takes some tasks: a short list cannot make up for them.
 */
struct promise {
	unsigned tasks;
	double seconds; /* what the service lets through in these can be saved up */
	bool tokens;	/* tokens are limited, not requests */
	double least[TIMES];
	double refused;
};

/* Lists of that length: their mean is what counts. */
#define LISTS 3

static void compare(struct service s, unsigned tasks, double least, double refused)
{
	static const unsigned choices[] = { 2, 4, 8, 16 };
	double part = 0;
	double no = 0;
	s = full(s);
	for (unsigned seed = 1; seed <= LISTS; seed++) {
		double best = 0;
		srandom(seed);
		for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
			best = fmax(best, run_fixed(s, choices[i], tasks).rate);
		struct outcome mine = run_adaptive(s, tasks);
		part += mine.rate / best / LISTS;
		no += mine.refused / LISTS;
	}
	if (part < least || no > refused)
		ck_abort_msg(
		    "%u tasks, %g requests/s (%g saved up), %g tokens/s, hint %d, %g ms: %.3f of "
		    "the best, %.1f %% refused",
		    tasks, s.requests.rate, s.requests.size, s.tokens.rate, (int)s.hint, s.ms, part,
		    no * 100);
}

static struct service limited(double rate, const struct promise *p)
{
	struct service s = { 0 };
	if (p->tokens)
		s.tokens = (struct bucket){ .rate = rate * 1000,
			.size = fmax(rate * p->seconds, p->seconds) * 1000 };
	else
		s.requests = (struct bucket){ .rate = rate,
			.size = fmax(rate * p->seconds, p->seconds < 2 ? 1 : 2) };
	return s;
}

static const struct promise promises[] = {
	{ 3000, 5, false, { 0.95, 0.95, 0.95, 0.95 }, 0.05 },
	{ 3000, 5, true, { 0.95, 0.95, 0.95, 0.95 }, 0.05 },
	{ 1000, 5, false, { 0.95, 0.95, 0.95, 0.95 }, 0.05 },
	{ 1000, 5, true, { 0.95, 0.95, 0.95, 0.95 }, 0.05 },
	{ 200, 5, false, { 0.9, 0.9, 0.9, 0.87 }, 0.15 },
	{ 200, 5, true, { 0.9, 0.9, 0.9, 0.87 }, 0.15 },
	/* these refuse every small burst */
	{ 3000, 1, false, { 0.95, 0.95, 0.95, 0.9 }, 0.05 },
	{ 1000, 1, false, { 0.95, 0.95, 0.92, 0.85 }, 0.05 },
};
#define PROMISES ((int)(sizeof promises / sizeof *promises))

START_TEST(against_fixed_slots)
{
	const struct promise *p = &promises[_i];
	for (size_t i = 0; i < RATES; i++) {
		for (enum hint h = HINT_EXACT; h < HINT_COUNT; h++) {
			for (size_t k = 0; k < TIMES; k++) {
				struct service s = limited(rates[i], p);
				s.hint = h;
				s.ms = times[k];
				compare(s, p->tasks, p->least[k], p->refused);
			}
		}
	}
}
END_TEST

/* One that answers so many at a time and no more: what a width that is halved can keep busy. */
START_TEST(against_few_at_once)
{
	for (unsigned n = 1; n <= 15; n += 2) {
		struct service s = { .ms = 1000, .at_once = n };
		compare(s, 3000, 0.75, 0.05);
	}
}
END_TEST

Suite *throttle_suite(void)
{
	Suite *s = suite_create("throttle");
	TCase *c = tcase_create("rules");
	tcase_add_test(c, begins_with_three);
	tcase_add_test(c, grows_by_one);
	tcase_add_test(c, grows_when_full);
	tcase_add_test(c, returns_quickly);
	tcase_add_test(c, width_is_not_to_blame);
	tcase_add_test(c, starts_are_spread);
	tcase_add_test(c, slots_of_steps);
	tcase_add_test(c, a_burst_halves_once);
	tcase_add_test(c, keeps_to_the_hint);
	tcase_add_test(c, pauses_grow);
	tcase_add_test(c, hints_that_are_wrong);
	tcase_add_test(c, running_ones_tell);
	tcase_add_test(c, not_adapting);
	tcase_add_test(c, remembers_the_width);
	suite_add_tcase(s, c);
	c = tcase_create("simulated");
	tcase_set_timeout(c, 120);
	tcase_add_loop_test(c, against_fixed_slots, 0, PROMISES);
	tcase_add_test(c, against_few_at_once);
	suite_add_tcase(s, c);
	return s;
}
