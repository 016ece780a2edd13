#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shared/clock.h"

Suite *clock_suite(void);

static const struct {
	int64_t ms;
	const char *text;
} pairs[] = {
	{ 0, "1970-01-01T00:00:00.000Z" },
	{ 999, "1970-01-01T00:00:00.999Z" },
	{ 1000, "1970-01-01T00:00:01.000Z" },
	{ 951825599999, "2000-02-29T11:59:59.999Z" },
	{ 1795450805123, "2026-11-23T16:20:05.123Z" },
	{ 1795450805124, "2026-11-23T16:20:05.124Z" },
	{ 4107542400000, "2100-03-01T00:00:00.000Z" },
	{ 253402300799999, "9999-12-31T23:59:59.999Z" },
};

START_TEST(both_ways)
{
	char buf[CLOCK_TEXT_MAX];

	ck_assert_ptr_eq(clock_text(buf, pairs[_i].ms), buf);
	ck_assert_str_eq(buf, pairs[_i].text);
	ck_assert_int_eq(clock_parse(pairs[_i].text), pairs[_i].ms);
}
END_TEST

/* What was remembered from one second must not show in another. */
START_TEST(seconds_change)
{
	char buf[CLOCK_TEXT_MAX];

	ck_assert_str_eq(clock_text(buf, pairs[4].ms), pairs[4].text);
	ck_assert_str_eq(clock_text(buf, pairs[5].ms), pairs[5].text);
	ck_assert_str_eq(clock_text(buf, pairs[0].ms), pairs[0].text);
	ck_assert_int_eq(clock_parse(pairs[3].text), pairs[3].ms);
	ck_assert_str_eq(clock_text(buf, pairs[1].ms), pairs[1].text);
	ck_assert_str_eq(clock_text(buf, pairs[4].ms), pairs[4].text);
}
END_TEST

START_TEST(out_of_range)
{
	char buf[CLOCK_TEXT_MAX];

	ck_assert_str_eq(clock_text(buf, -1), pairs[0].text);
	ck_assert_str_eq(clock_text(buf, INT64_MIN), pairs[0].text);
	ck_assert_str_eq(clock_text(buf, INT64_MAX), pairs[7].text);
}
END_TEST

START_TEST(refused)
{
	static const char *const bad[] = {
		"",
		"now",
		"2026-11-23",
		"2026-11-23T16:20:05Z",
		"2026-11-23T16:20:05.1Z",
		"2026-11-23T16:20:05.123",
		"2026-11-23T16:20:05.123Zz",
		"2026-11-23 16:20:05.123Z",
		"2026-11-23T16:20:05,123Z",
		"2026-11-23T16:20:05.123+01:00",
		"2026-02-29T00:00:00.000Z",
		"2026-00-10T00:00:00.000Z",
		"2026-13-10T00:00:00.000Z",
		"2026-11-31T00:00:00.000Z",
		"2026-11-00T00:00:00.000Z",
		"2026-11-23T24:00:00.000Z",
		"2026-11-23T16:60:00.000Z",
		"2026-11-23T16:20:60.000Z",
		"1969-12-31T23:59:59.999Z",
		"-026-11-23T16:20:05.123Z",
		"2026-11-23t16:20:05.123z",
		" 026-11-23T16:20:05.123Z",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(clock_parse(bad[i]) == -1, "'%s'", bad[i]);
}
END_TEST

START_TEST(any_time_zone)
{
	char buf[CLOCK_TEXT_MAX];
	char *before = getenv("TZ");

	before = before != NULL ? strdup(before) : NULL;
	setenv("TZ", "Pacific/Auckland", 1);
	tzset();
	ck_assert_str_eq(clock_text(buf, pairs[3].ms), pairs[3].text);
	ck_assert_int_eq(clock_parse(pairs[4].text), pairs[4].ms);
	if (before != NULL)
		setenv("TZ", before, 1);
	else
		unsetenv("TZ");
	tzset();
	free(before);
}
END_TEST

START_TEST(clocks_go)
{
	int64_t mono = clock_mono_ms(), wall = clock_wall_ms();
	int64_t seconds = (int64_t)time(NULL);

	/* time() may be a tick of the kernel behind. */
	ck_assert_int_ge(seconds - wall / 1000, -1);
	ck_assert_int_le(seconds - wall / 1000, 1);
	ck_assert_int_ge(mono, 0);
	while (clock_mono_ms() == mono)
		;
	ck_assert_int_gt(clock_mono_ms(), mono);
}
END_TEST

Suite *clock_suite(void)
{
	Suite *s = suite_create("clock");
	TCase *t = tcase_create("clock");

	tcase_add_loop_test(t, both_ways, 0, (int)(sizeof(pairs) / sizeof(pairs[0])));
	tcase_add_test(t, seconds_change);
	tcase_add_test(t, out_of_range);
	tcase_add_test(t, refused);
	tcase_add_test(t, any_time_zone);
	tcase_add_test(t, clocks_go);
	suite_add_tcase(s, t);
	return s;
}
