#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "supervisor/throttle.h"

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

/* As many good ends as it is wide make room for one more, up to the slots. */
START_TEST(grows_by_one)
{
	struct throttle t = make(5);
	for (int i = 0; i < 2; i++)
		throttle_succeeded(&t);
	ck_assert_uint_eq(throttle_allows(&t, 0), 3);
	throttle_succeeded(&t);
	ck_assert_uint_eq(throttle_allows(&t, 0), 4);
	for (int i = 0; i < 3; i++)
		throttle_succeeded(&t);
	ck_assert_uint_eq(throttle_allows(&t, 0), 4);
	throttle_succeeded(&t);
	ck_assert_uint_eq(throttle_allows(&t, 0), 5);
	for (int i = 0; i < 50; i++)
		throttle_succeeded(&t);
	ck_assert_uint_eq(throttle_allows(&t, 0), 5);
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
	throttle_succeeded(&t);
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
			throttle_succeeded(&t);
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
			slot->taken = false;
			running--;
			s.running--;
			throttle_succeeded(&t);
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

static void compare(struct service s, double least)
{
	static const unsigned choices[] = { 2, 4, 8, 16 };
	const unsigned tasks = 3000;
	double best = 0;
	s = full(s);
	srandom(1);
	for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
		best = fmax(best, run_fixed(s, choices[i], tasks).rate);
	struct outcome mine = run_adaptive(s, tasks);
	if (mine.rate < least * best || mine.refused > 0.05)
		ck_abort_msg(
		    "%g requests/s (%g saved up), %g tokens/s, hint %d, %g ms: %.3f tasks/s "
		    "of %.3f, %.1f %% refused",
		    s.requests.rate, s.requests.size, s.tokens.rate, (int)s.hint, s.ms, mine.rate,
		    best, mine.refused * 100);
}

static const double rates[] = { 0.5, 1, 2, 3, 5, 7, 10, 12, 15, 20, 50 };
#define RATES (sizeof rates / sizeof *rates)

/* What a service lets through in some seconds can be saved up, as is usual. */
START_TEST(against_fixed_slots)
{
	for (size_t i = 0; i < RATES; i++) {
		for (enum hint h = HINT_EXACT; h < HINT_COUNT; h++) {
			double saved = rates[i] * 5 > 2 ? rates[i] * 5 : 2;
			struct service s = { .hint = h, .ms = 300 };
			s.requests = (struct bucket){ .rate = rates[i], .size = saved };
			compare(s, 0.95);
			s.ms = 1000;
			compare(s, 0.95);
			s.ms = 4000;
			compare(s, 0.95);
			saved = rates[i] * 5000 > 5000 ? rates[i] * 5000 : 5000;
			s.requests = (struct bucket){ 0 };
			s.tokens = (struct bucket){ .rate = rates[i] * 1000, .size = saved };
			s.ms = 300;
			compare(s, 0.95);
			s.ms = 1000;
			compare(s, 0.93);
			s.ms = 4000;
			compare(s, 0.95);
		}
	}
}
END_TEST

/* Services that save up no more than one second's worth refuse every small burst. */
START_TEST(against_strict_services)
{
	for (size_t i = 0; i < RATES; i++) {
		for (enum hint h = HINT_EXACT; h < HINT_COUNT; h++) {
			struct service s = { .hint = h, .ms = 300 };
			s.requests = (struct bucket){ .rate = rates[i], .size = fmax(1, rates[i]) };
			compare(s, 0.95);
			s.ms = 1000;
			compare(s, 0.90);
			s.ms = 4000;
			compare(s, 0.84);
		}
	}
}
END_TEST

/* One that answers so many at a time and no more: what a width that is halved can keep busy. */
START_TEST(against_few_at_once)
{
	for (unsigned n = 1; n <= 15; n += 2) {
		struct service s = { .ms = 1000, .at_once = n };
		compare(s, 0.7);
	}
}
END_TEST

Suite *throttle_suite(void)
{
	Suite *s = suite_create("throttle");
	TCase *c = tcase_create("rules");
	tcase_add_test(c, begins_with_three);
	tcase_add_test(c, grows_by_one);
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
	tcase_add_test(c, against_fixed_slots);
	tcase_add_test(c, against_strict_services);
	tcase_add_test(c, against_few_at_once);
	suite_add_tcase(s, c);
	return s;
}
