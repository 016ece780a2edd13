#include <check.h>

#include "supervisor/session_usage.h"

Suite *session_usage_suite(void);

static struct result r;
static struct result last;
static const struct backend adds_tokens = { .name = "a", .adds_tokens = true };
static const struct backend adds_usd = { .name = "b", .adds_usd = true };
static const struct backend adds_both = { .name = "c", .adds_tokens = true, .adds_usd = true };
static const struct backend adds_nothing = { .name = "d" };

static struct usage used(int64_t input, int64_t output)
{
	return (struct usage){ .known = true, .input_tokens = input, .output_tokens = output };
}

static struct usage paid(int64_t input, int64_t output, double usd)
{
	struct usage u = used(input, output);

	u.usd_known = true;
	u.usd = usd;
	return u;
}

/* The attempt before used 1000 and 50 in a session, and this one goes on with it. */
static void setup(void)
{
	result_init(&last);
	result_set_session(&last, "s1");
	last.usage = last.session_usage = paid(1000, 50, 0.25);
	result_init(&r);
	result_set_session(&r, "s1");
	r.usage = paid(3000, 80, 0.75);
}

static void teardown(void)
{
	result_free(&r);
	result_free(&last);
}

static void expect(const struct usage *u, int64_t input, int64_t output, double usd)
{
	ck_assert(u->known);
	ck_assert_int_eq(u->input_tokens, input);
	ck_assert_int_eq(u->output_tokens, output);
	ck_assert_double_eq_tol(u->usd, usd, 1e-9);
}

START_TEST(only_what_it_adds_up)
{
	static const struct {
		const struct backend *backend;
		int64_t input;
		int64_t output;
		double usd;
	} cases[] = {
		{ &adds_tokens, 2000, 30, 0.75 },
		{ &adds_usd, 3000, 80, 0.5 },
		{ &adds_both, 2000, 30, 0.5 },
	};

	session_usage_rest(cases[_i].backend, &r, &last);
	expect(&r.usage, cases[_i].input, cases[_i].output, cases[_i].usd);
	/* for the attempt after it */
	expect(&r.session_usage, 3000, 80, 0.75);
}
END_TEST

START_TEST(of_each_attempt_its_own)
{
	session_usage_rest(&adds_nothing, &r, &last);
	expect(&r.usage, 3000, 80, 0.75);
	ck_assert(!r.session_usage.known);
}
END_TEST

START_TEST(first_of_its_session)
{
	if (_i == 1)
		result_set_session(&r, "s2");
	else if (_i == 2)
		last.session_usage.known = false;
	session_usage_rest(&adds_both, &r, _i == 0 ? NULL : &last);
	expect(&r.usage, 3000, 80, 0.75);
	expect(&r.session_usage, 3000, 80, 0.75);
}
END_TEST

START_TEST(no_session)
{
	struct result plain;

	result_init(&plain);
	plain.usage = used(10, 1);
	session_usage_rest(&adds_both, &plain, &last);
	expect(&plain.usage, 10, 1, 0);
	ck_assert(!plain.session_usage.known);
	result_free(&plain);
}
END_TEST

/* An attempt that was ended before it told anything: the next one is to be told from what was before. */
START_TEST(says_nothing)
{
	r.usage = (struct usage){ 0 };
	session_usage_rest(&adds_both, &r, &last);
	ck_assert(!r.usage.known);
	expect(&r.session_usage, 1000, 50, 0.25);
}
END_TEST

START_TEST(counts_afresh)
{
	r.usage = paid(400, 60, 0.125);
	session_usage_rest(&adds_both, &r, &last);
	expect(&r.usage, 400, 10, 0.125);
}
END_TEST

START_TEST(price_not_told)
{
	if (_i == 0)
		r.usage.usd_known = false;
	else
		last.session_usage.usd_known = false;
	session_usage_rest(&adds_both, &r, &last);
	expect(&r.usage, 2000, 30, 0.75);
}
END_TEST

Suite *session_usage_suite(void)
{
	Suite *suite = suite_create("session_usage");
	TCase *tc = tcase_create("session_usage");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, only_what_it_adds_up, 0, 3);
	tcase_add_test(tc, of_each_attempt_its_own);
	tcase_add_loop_test(tc, first_of_its_session, 0, 3);
	tcase_add_test(tc, no_session);
	tcase_add_test(tc, says_nothing);
	tcase_add_test(tc, counts_afresh);
	tcase_add_loop_test(tc, price_not_told, 0, 2);
	suite_add_tcase(suite, tc);
	return suite;
}
