#include <check.h>
#include <stdint.h>
#include <string.h>

#include "shared/quantity.h"

Suite *quantity_suite(void);

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define UNTOUCHED 4711

struct good {
	const char *text;
	uint64_t value;
};

START_TEST(durations)
{
	static const struct good good[] = {
		{ "0", 0 },
		{ "90", 90000 },
		{ "90s", 90000 },
		{ "1.5h", 5400000 },
		{ "10m", 600000 },
		{ "2h", 7200000 },
		{ "7d", 604800000 },
		{ "250ms", 250 },
		{ "0.001", 1 },
		{ "0.3s", 300 },
		{ "1.25", 1250 },
		{ "0.001m", 60 },
		{ "007", 7000 },
		{ "3650d", DURATION_MAX_MS },
		{ "315360000000ms", DURATION_MAX_MS },
	};

	for (size_t i = 0; i < COUNT(good); i++) {
		int64_t ms = -1;

		ck_assert_msg(parse_duration(good[i].text, &ms), "%s", good[i].text);
		ck_assert_int_eq(ms, (int64_t)good[i].value);
	}
}
END_TEST

START_TEST(durations_refused)
{
	static const char *const bad[] = {
		"",
		"s",
		".5",
		"1.",
		"1.s",
		"-1",
		"+1",
		" 1",
		"1 ",
		"1 s",
		"1e3",
		"0x10",
		"nan",
		"inf",
		"1h30m",
		"1S",
		"1H",
		"1min",
		"1.0005",
		"1.5ms",
		"1,5",
		"1..5",
		"3650.001d",
		"315360000.001",
		"315360000001ms",
		"18446744073709551616",
		"99999999999999999999ms",
		"18446744073709551615d",
		"1e400",
		"1\xc2\xb5s",
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		int64_t ms = UNTOUCHED;

		ck_assert_msg(!parse_duration(bad[i], &ms), "%s", bad[i]);
		ck_assert_int_eq(ms, UNTOUCHED);
	}
}
END_TEST

START_TEST(sizes)
{
	static const struct good good[] = {
		{ "0", 0 },
		{ "4096", 4096 },
		{ "4096B", 4096 },
		{ "64K", 65536 },
		{ "64KB", 65536 },
		{ "64KiB", 65536 },
		{ "64M", UINT64_C(64) << 20 },
		{ "1.5G", UINT64_C(3) << 29 },
		{ "2T", UINT64_C(2) << 40 },
		{ "0.001K", 1 },
		{ "0.5GiB", UINT64_C(1) << 29 },
		{ "18446744073709551615", UINT64_MAX },
		{ "16777215T", UINT64_C(16777215) << 40 },
	};

	for (size_t i = 0; i < COUNT(good); i++) {
		uint64_t size = UNTOUCHED;

		ck_assert_msg(parse_size(good[i].text, &size), "%s", good[i].text);
		ck_assert_uint_eq(size, good[i].value);
	}
}
END_TEST

START_TEST(sizes_refused)
{
	static const char *const bad[] = {
		"",
		"K",
		"B",
		"1.5",
		"1.5B",
		"1iB",
		"1Ki",
		"64KiBs",
		"64 K",
		"-1",
		"64k",
		"64m",
		"1P",
		"1KK",
		"16777216T",
		"18446744073709551616",
		"1.0001K",
		"64K ",
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		uint64_t size = UNTOUCHED;

		ck_assert_msg(!parse_size(bad[i], &size), "%s", bad[i]);
		ck_assert_uint_eq(size, UNTOUCHED);
	}
}
END_TEST

START_TEST(counts)
{
	static const struct good good[] = {
		{ "0", 0 },
		{ "400000", 400000 },
		{ "40k", 40000 },
		{ "40K", 40000 },
		{ "2M", 2000000 },
		{ "1.5k", 1500 },
		{ "0.125M", 125000 },
		{ "3G", 3000000000 },
	};

	for (size_t i = 0; i < COUNT(good); i++) {
		uint64_t count = UNTOUCHED;

		ck_assert_msg(parse_count(good[i].text, &count), "%s", good[i].text);
		ck_assert_uint_eq(count, good[i].value);
	}
}
END_TEST

START_TEST(counts_refused)
{
	static const char *const bad[] = {
		"",
		"k",
		"2m",
		"1.5",
		"40kB",
		"-1",
		"40k ",
		"1g",
		"18446744073710M",
		"18446744073709551615.5k",
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		uint64_t count = UNTOUCHED;

		ck_assert_msg(!parse_count(bad[i], &count), "%s", bad[i]);
		ck_assert_uint_eq(count, UNTOUCHED);
	}
}
END_TEST

START_TEST(integers)
{
	uint64_t n = UNTOUCHED;

	ck_assert(!parse_integer("", 0, 10, &n));
	ck_assert(!parse_integer("11", 0, 10, &n));
	ck_assert(!parse_integer("0", 1, 10, &n));
	ck_assert(!parse_integer("-1", 0, 10, &n));
	ck_assert(!parse_integer("+1", 0, 10, &n));
	ck_assert(!parse_integer("1.0", 0, 10, &n));
	ck_assert(!parse_integer("1 ", 0, 10, &n));
	ck_assert(!parse_integer("18446744073709551616", 0, UINT64_MAX, &n));
	ck_assert_uint_eq(n, UNTOUCHED);
	ck_assert(parse_integer("10", 1, 10, &n));
	ck_assert_uint_eq(n, 10);
	ck_assert(parse_integer("1", 1, 10, &n));
	ck_assert_uint_eq(n, 1);
	ck_assert(parse_integer("18446744073709551615", 0, UINT64_MAX, &n));
	ck_assert_uint_eq(n, UINT64_MAX);
}
END_TEST

START_TEST(durations_shown)
{
	static const struct {
		int64_t ms;
		const char *text;
	} shown[] = {
		{ -5, "0.0s" },
		{ 0, "0.0s" },
		{ 49, "0.0s" },
		{ 50, "0.1s" },
		{ 300, "0.3s" },
		{ 9800, "9.8s" },
		{ 9949, "9.9s" },
		{ 9950, "10s" },
		{ 42000, "42s" },
		{ 59499, "59s" },
		{ 59500, "1m 00s" },
		{ 100000, "1m 40s" },
		{ 125000, "2m 05s" },
		{ 3599499, "59m 59s" },
		{ 3599500, "1h 00m" },
		{ 7500000, "2h 05m" },
		{ 86369999, "23h 59m" },
		{ 86370000, "1d 00h" },
		{ 273600000, "3d 04h" },
		{ DURATION_MAX_MS, "3650d 00h" },
	};
	char buf[32];

	for (size_t i = 0; i < COUNT(shown); i++)
		ck_assert_str_eq(format_duration(buf, sizeof(buf), shown[i].ms), shown[i].text);
	ck_assert_uint_lt(strlen(format_duration(buf, sizeof(buf), INT64_MAX)), sizeof(buf) - 1);
}
END_TEST

START_TEST(sizes_shown)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} shown[] = {
		{ 0, "0 bytes" },
		{ 1, "1 byte" },
		{ 18, "18 bytes" },
		{ 1023, "1023 bytes" },
		{ 1024, "1.0 KiB" },
		{ 16384, "16.0 KiB" },
		{ 1536, "1.5 KiB" },
		{ 1048575, "1.0 MiB" },
		{ 1048576, "1.0 MiB" },
		{ UINT64_C(3) << 29, "1.5 GiB" },
		{ UINT64_C(5) << 40, "5.0 TiB" },
		{ UINT64_C(7) << 50, "7.0 PiB" },
		{ UINT64_C(3) << 60, "3.0 EiB" },
		{ UINT64_MAX, "16.0 EiB" },
	};
	char buf[32];

	for (size_t i = 0; i < COUNT(shown); i++)
		ck_assert_str_eq(format_size(buf, sizeof(buf), shown[i].bytes), shown[i].text);
}
END_TEST

Suite *quantity_suite(void)
{
	Suite *s = suite_create("quantity");
	TCase *t = tcase_create("quantity");

	tcase_add_test(t, durations);
	tcase_add_test(t, durations_refused);
	tcase_add_test(t, sizes);
	tcase_add_test(t, sizes_refused);
	tcase_add_test(t, counts);
	tcase_add_test(t, counts_refused);
	tcase_add_test(t, integers);
	tcase_add_test(t, durations_shown);
	tcase_add_test(t, sizes_shown);
	suite_add_tcase(s, t);
	return s;
}
