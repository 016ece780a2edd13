#include "workers/adapter_reset.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

#include "shared/xalloc.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECOND_MS INT64_C(1000)
#define DAY_MS (24 * 3600 * SECOND_MS)
/* No window of a service is longer; a time behind it is not one. */
#define FUTURE_MAX_MS (40 * DAY_MS)
/* How long ago a time may have passed that a client has just told, and the pause that is made then. */
#define PAST_MAX_MS (3600 * SECOND_MS)
#define PASSED_PAUSE_MS (30 * SECOND_MS)
/* Seconds up to the year 2286, and milliseconds from 2001 on. */
#define EPOCH_MS_MIN 1e12
#define ZONE_MAX 64
#define ZONE_DIRECTORY "/usr/share/zoneinfo/"

/* What is left of the text. */
struct cursor {
	const char *at;
	const char *end;
};

/* A day and a time of a day as they stand in a text; -1: not said. */
struct told_time {
	int year;
	int month; /* from 0 */
	int day;
	int hour;
	int minute;
	char zone[ZONE_MAX]; /* "" when it is not said */
};

static int64_t in_reach(double ms, int64_t now_ms)
{
	if (!(ms > (double)now_ms) || ms > (double)(now_ms + FUTURE_MAX_MS))
		return 0;
	return (int64_t)ms;
}

int64_t adapter_reset_epoch(double number, int64_t now_ms)
{
	double ms = number < EPOCH_MS_MIN ? number * 1000 : number;

	/* it has passed while the client ended */
	if (ms <= (double)now_ms && ms > (double)(now_ms - PAST_MAX_MS))
		return now_ms + PASSED_PAUSE_MS;
	return in_reach(ms, now_ms);
}

static void skip(struct cursor *c, const char *set)
{
	while (c->at < c->end && *c->at != '\0' && strchr(set, *c->at) != NULL)
		c->at++;
}

/* A word as a whole: no letter follows. */
static bool take_word(struct cursor *c, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(c->end - c->at) < len || strncasecmp(c->at, word, len) != 0)
		return false;
	if ((size_t)(c->end - c->at) > len && isalpha((unsigned char)c->at[len]))
		return false;
	c->at += len;
	return true;
}

static bool take_number(struct cursor *c, double *value)
{
	if (c->at == c->end || !isdigit((unsigned char)*c->at))
		return false;
	*value = 0;
	for (; c->at < c->end && isdigit((unsigned char)*c->at); c->at++)
		*value = *value < 1e15 ? *value * 10 + (*c->at - '0') : *value;
	return true;
}

/* "3 days 2 hours", "2h 5m", "1h30m12.5s": milliseconds, 0 when there is none. */
static double take_duration(struct cursor *c)
{
	static const struct {
		const char *name;
		double ms;
	} units[] = { { "days", 864e5 }, { "day", 864e5 }, { "d", 864e5 }, { "hours", 36e5 },
		{ "hour", 36e5 }, { "hrs", 36e5 }, { "hr", 36e5 }, { "h", 36e5 },
		{ "minutes", 6e4 }, { "minute", 6e4 }, { "mins", 6e4 }, { "min", 6e4 },
		{ "m", 6e4 }, { "seconds", 1e3 }, { "second", 1e3 }, { "secs", 1e3 },
		{ "sec", 1e3 }, { "s", 1e3 } };
	double sum = 0, value;

	for (;;) {
		struct cursor part = *c;
		bool named = false;

		skip(&part, " ,");
		if (take_word(&part, "and"))
			skip(&part, " ");
		if (!take_number(&part, &value))
			return sum;
		/* parts of a second do not matter here */
		if (part.at + 1 < part.end && *part.at == '.' && isdigit((unsigned char)part.at[1]))
			for (part.at++; part.at < part.end && isdigit((unsigned char)*part.at);)
				part.at++;
		skip(&part, " ");
		for (size_t i = 0; i < COUNT(units) && !named; i++) {
			named = take_word(&part, units[i].name);
			sum += named ? value * units[i].ms : 0;
		}
		if (!named)
			return sum;
		*c = part;
	}
}

static bool take_month(struct cursor *c, int *month)
{
	static const char *const names[] = { "January", "February", "March", "April", "May", "June",
		"July", "August", "September", "October", "November", "December" };
	char brief[4];

	for (size_t i = 0; i < COUNT(names); i++) {
		memcpy(brief, names[i], 3);
		brief[3] = '\0';
		if (take_word(c, names[i]) || take_word(c, brief)) {
			*month = (int)i;
			return true;
		}
	}
	return false;
}

/* "Oct 9", "October 9th, 2026". */
static bool take_date(struct cursor *c, struct told_time *m)
{
	struct cursor look = *c;
	double value;

	if (!take_month(&look, &m->month))
		return false;
	skip(&look, " .");
	if (!take_number(&look, &value) || value < 1 || value > 31)
		return false;
	m->day = (int)value;
	if (!take_word(&look, "st") && !take_word(&look, "nd") && !take_word(&look, "rd"))
		take_word(&look, "th");
	skip(&look, " ,");
	*c = look;
	if (take_number(&look, &value) && value > 2000 && value < 3000) {
		m->year = (int)value;
		skip(&look, " ,");
		*c = look;
	}
	if (take_word(c, "at"))
		skip(c, " ");
	return true;
}

/* "1pm", "1:05 PM", "13:05". */
static bool take_time(struct cursor *c, struct told_time *m)
{
	double hour, minute = 0;
	bool minutes = false, pm, am;

	if (!take_number(c, &hour) || hour > 23)
		return false;
	if (c->at < c->end && *c->at == ':') {
		c->at++;
		if (!take_number(c, &minute) || minute > 59)
			return false;
		minutes = true;
	}
	skip(c, " ");
	pm = take_word(c, "pm") || take_word(c, "p.m.");
	am = !pm && (take_word(c, "am") || take_word(c, "a.m."));
	if ((!pm && !am && !minutes) || ((pm || am) && (hour < 1 || hour > 12)))
		return false;
	if (pm || am)
		hour = hour == 12 ? 0 : hour;
	m->hour = (int)hour + (pm ? 12 : 0);
	m->minute = (int)minute;
	return true;
}

static bool is_zone_byte(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '/' || c == '+' || c == '-';
}

/* " (Europe/Lisbon)", " UTC". */
static void take_zone(struct cursor *c, struct told_time *m)
{
	const char *begin;
	size_t len;

	skip(c, " ");
	if (take_word(c, "UTC") || take_word(c, "GMT")) {
		strcpy(m->zone, "UTC");
		return;
	}
	if (c->at == c->end || *c->at != '(')
		return;
	begin = ++c->at;
	while (c->at < c->end && is_zone_byte(*c->at))
		c->at++;
	len = (size_t)(c->at - begin);
	if (c->at == c->end || *c->at != ')' || len == 0 || len >= ZONE_MAX || *begin == '/')
		return;
	memcpy(m->zone, begin, len);
	m->zone[len] = '\0';
}

static bool zone_is_known(const char *zone)
{
	char path[sizeof(ZONE_DIRECTORY) + ZONE_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s%s", ZONE_DIRECTORY, zone);
	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* The next time that it is so late, where the clock shows the time of day in m. */
static int64_t told_next(const struct told_time *m, int64_t now_ms)
{
	time_t now = (time_t)(now_ms / SECOND_MS), then;
	struct tm local, tm;

	if (localtime_r(&now, &local) == NULL)
		return 0;
	tm = (struct tm){ .tm_year = m->year >= 0 ? m->year - 1900 : local.tm_year,
		.tm_mon = m->month >= 0 ? m->month : local.tm_mon,
		.tm_mday = m->day >= 0 ? m->day : local.tm_mday,
		.tm_hour = m->hour,
		.tm_min = m->minute,
		.tm_isdst = -1 };
	then = mktime(&tm);
	if (then <= now && m->year < 0) {
		/* tomorrow, or that day of the next year */
		tm.tm_mday += m->day < 0 ? 1 : 0;
		tm.tm_year += m->day < 0 ? 0 : 1;
		tm.tm_hour = m->hour;
		tm.tm_min = m->minute;
		tm.tm_isdst = -1;
		then = mktime(&tm);
	}
	return in_reach((double)then * 1000, now_ms);
}

static int64_t told_ms(const struct told_time *m, int64_t now_ms)
{
	const char *before = getenv("TZ");
	char *kept;
	int64_t ms;

	if (m->zone[0] == '\0' || (strcmp(m->zone, "UTC") != 0 && !zone_is_known(m->zone)))
		return told_next(m, now_ms);
	kept = before != NULL ? xstrdup(before) : NULL;
	setenv("TZ", m->zone, 1);
	tzset();
	ms = told_next(m, now_ms);
	if (kept != NULL)
		setenv("TZ", kept, 1);
	else
		unsetenv("TZ");
	tzset();
	free(kept);
	return ms;
}

/* "2026-10-09T13:00:00Z" */
static int64_t take_stamp(const struct cursor *c, int64_t now_ms)
{
	char text[20];
	struct tm tm = { 0 };

	if ((size_t)(c->end - c->at) < sizeof(text))
		return 0;
	memcpy(text, c->at, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	text[10] = text[10] == ' ' ? 'T' : text[10];
	if (strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) == NULL)
		return 0;
	return in_reach((double)timegm(&tm) * 1000, now_ms);
}

/* What stands behind a word that announces a time. */
static int64_t read_reset(struct cursor c, int64_t now_ms)
{
	static const char *const links[] = { "at", "in", "after", "on", "time", "seconds" };
	struct told_time m = { -1, -1, -1, -1, -1, "" };
	bool linked = true, seconds = false;
	double value;
	int64_t ms;

	while (linked) {
		linked = false;
		skip(&c, " _-\"'\\:=");
		for (size_t i = 0; i < COUNT(links) && !linked; i++) {
			linked = take_word(&c, links[i]);
			seconds = seconds || (linked && i == COUNT(links) - 1);
		}
	}
	skip(&c, "~");
	ms = take_stamp(&c, now_ms);
	if (ms > 0)
		return ms;
	struct cursor look = c;
	value = take_duration(&look);
	if (value > 0)
		return in_reach((double)now_ms + value, now_ms);
	look = c;
	if (take_number(&look, &value) && (seconds || value > 1e9))
		return seconds ? in_reach((double)now_ms + value * 1000, now_ms) :
				 adapter_reset_epoch(value, now_ms);
	take_date(&c, &m);
	if (!take_time(&c, &m))
		return 0;
	take_zone(&c, &m);
	return told_ms(&m, now_ms);
}

/* "usage limit reached|1764000000" */
static int64_t read_bar(struct cursor c, int64_t now_ms)
{
	const char *begin = c.at;
	double value;

	if (!take_number(&c, &value) || c.at - begin < 10)
		return 0;
	return adapter_reset_epoch(value, now_ms);
}

int64_t adapter_reset_ms(const char *text, size_t len, int64_t now_ms)
{
	static const char *const words[] = { "resets", "reset", "try again", "available again",
		"resetsAt", "resetAt" };
	const char *end = text + len;

	for (const char *at = text; at < end; at++) {
		bool inside = at > text && isalpha((unsigned char)at[-1]);
		struct cursor c = { at, end };
		int64_t ms = 0;

		if (*at == '|') {
			c.at++;
			ms = read_bar(c, now_ms);
		}
		for (size_t i = 0; i < COUNT(words) && ms == 0 && !inside; i++) {
			c.at = at;
			if (tolower((unsigned char)*at) == tolower((unsigned char)words[i][0]) &&
			    take_word(&c, words[i]))
				ms = read_reset(c, now_ms);
		}
		if (ms > 0)
			return ms;
	}
	return 0;
}
