#include "shared/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECONDS_LEN 19 /* "2026-11-23T16:20:05" */
#define TEXT_LEN (SECONDS_LEN + 5)

/* 9999-12-31T23:59:59.999Z: years have four digits in RFC 3339. */
#define WALL_MAX_MS INT64_C(253402300799999)

static int64_t read_clock(clockid_t id)
{
	struct timespec now;

	/* Cannot fail: both clocks exist everywhere, and the pointer is good. */
	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_mono_ms(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_wall_ms(void)
{
	return read_clock(CLOCK_REALTIME);
}

static void put_digits(char *at, unsigned value, int count)
{
	while (count-- > 0) {
		at[count] = (char)('0' + value % 10);
		value /= 10;
	}
}

static void put_seconds(char *at, int64_t seconds)
{
	time_t t = (time_t)seconds;
	struct tm tm;

	gmtime_r(&t, &tm);
	at[4] = at[7] = '-';
	at[10] = 'T';
	at[13] = at[16] = ':';
	put_digits(at, (unsigned)tm.tm_year + 1900, 4);
	put_digits(at + 5, (unsigned)tm.tm_mon + 1, 2);
	put_digits(at + 8, (unsigned)tm.tm_mday, 2);
	put_digits(at + 11, (unsigned)tm.tm_hour, 2);
	put_digits(at + 14, (unsigned)tm.tm_min, 2);
	put_digits(at + 17, (unsigned)tm.tm_sec, 2);
}

const char *clock_text(char buf[CLOCK_TEXT_MAX], int64_t wall_ms)
{
	/* Most calls are about the present second: its text is made once. */
	static int64_t cached = -1;
	static char cached_text[SECONDS_LEN];

	if (wall_ms < 0)
		wall_ms = 0;
	if (wall_ms > WALL_MAX_MS)
		wall_ms = WALL_MAX_MS;
	if (wall_ms / 1000 != cached) {
		cached = wall_ms / 1000;
		put_seconds(cached_text, cached);
	}
	memcpy(buf, cached_text, SECONDS_LEN);
	buf[SECONDS_LEN] = '.';
	put_digits(buf + SECONDS_LEN + 1, (unsigned)(wall_ms % 1000), 3);
	buf[TEXT_LEN - 1] = 'Z';
	buf[TEXT_LEN] = '\0';
	return buf;
}

static int number(const char *at, int count)
{
	int value = 0;

	for (; count > 0; count--, at++)
		value = value * 10 + (*at - '0');
	return value;
}

static bool has_form(const char *text)
{
	static const char form[] = "0000-00-00T00:00:00.000Z";

	if (strlen(text) != TEXT_LEN)
		return false;
	for (size_t i = 0; i < TEXT_LEN; i++) {
		bool digit = text[i] >= '0' && text[i] <= '9';

		if (form[i] == '0' ? !digit : text[i] != form[i])
			return false;
	}
	return true;
}

int64_t clock_parse(const char *text)
{
	char again[SECONDS_LEN];
	struct tm tm = { 0 };
	int64_t seconds;

	if (!has_form(text))
		return -1;
	tm.tm_year = number(text, 4) - 1900;
	tm.tm_mon = number(text + 5, 2) - 1;
	tm.tm_mday = number(text + 8, 2);
	tm.tm_hour = number(text + 11, 2);
	tm.tm_min = number(text + 14, 2);
	tm.tm_sec = number(text + 17, 2);
	seconds = timegm(&tm);
	if (seconds < 0)
		return -1;
	/* timegm() takes February 30 for March 2: then another text comes back. */
	put_seconds(again, seconds);
	if (memcmp(again, text, SECONDS_LEN) != 0)
		return -1;
	return seconds * 1000 + number(text + SECONDS_LEN + 1, 3);
}
