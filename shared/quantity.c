#include "shared/quantity.h"

#include <stdio.h>
#include <string.h>

/* "12.34" as whole 12, thousandths 340; rest is what follows the digits. */
struct decimal {
	uint64_t whole;
	unsigned thousandths;
	bool has_fraction;
	const char *rest;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool parse_digits(const char **s, uint64_t *out)
{
	uint64_t value = 0;
	const char *p = *s;

	if (!is_digit(*p))
		return false;
	for (; is_digit(*p); p++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
			return false;
	}
	*s = p;
	*out = value;
	return true;
}

/* Not strtod(): that takes 1e400, nan and hexadecimal, and its point depends on the locale. */
static bool parse_decimal(const char *s, struct decimal *out)
{
	unsigned place = 100;

	*out = (struct decimal){ 0 };
	if (!parse_digits(&s, &out->whole))
		return false;
	if (*s == '.') {
		out->has_fraction = true;
		if (!is_digit(*++s))
			return false;
		for (; is_digit(*s); s++) {
			if (place == 0)
				return false;
			out->thousandths += place * (unsigned)(*s - '0');
			place /= 10;
		}
	}
	out->rest = s;
	return true;
}

/* number * unit, rounded down. */
static bool scale(const struct decimal *number, uint64_t unit, uint64_t *out)
{
	uint64_t whole, fraction;

	if (number->has_fraction && unit == 1)
		return false;
	if (__builtin_mul_overflow(number->whole, unit, &whole))
		return false;
	/* The units are at most 2^40, so that this product always fits. */
	fraction = number->thousandths * unit / 1000;
	return !__builtin_add_overflow(whole, fraction, out);
}

bool parse_duration(const char *s, int64_t *out_ms)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = {
		{ "", 1000 },
		{ "ms", 1 },
		{ "s", 1000 },
		{ "m", 60 * 1000 },
		{ "h", 60 * 60 * 1000 },
		{ "d", 24 * 60 * 60 * 1000 },
	};
	struct decimal number;
	uint64_t ms;

	if (!parse_decimal(s, &number))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(number.rest, units[i].name) != 0)
			continue;
		if (!scale(&number, units[i].ms, &ms) || ms > (uint64_t)DURATION_MAX_MS)
			return false;
		*out_ms = (int64_t)ms;
		return true;
	}
	return false;
}

bool parse_size(const char *s, uint64_t *out)
{
	static const char letters[] = "KMGT";
	struct decimal number;
	const char *letter, *rest;
	uint64_t unit = 1, value;

	if (!parse_decimal(s, &number))
		return false;
	rest = number.rest;
	letter = *rest != '\0' ? strchr(letters, *rest) : NULL;
	if (letter != NULL) {
		unit = UINT64_C(1) << (10 * (letter - letters + 1));
		rest++;
	}
	if (strcmp(rest, "") != 0 && strcmp(rest, "B") != 0 &&
	    (letter == NULL || strcmp(rest, "iB") != 0))
		return false;
	if (!scale(&number, unit, &value))
		return false;
	*out = value;
	return true;
}

bool parse_count(const char *s, uint64_t *out)
{
	struct decimal number;
	uint64_t unit, value;

	if (!parse_decimal(s, &number))
		return false;
	if (strcmp(number.rest, "") == 0)
		unit = 1;
	else if (strcmp(number.rest, "k") == 0 || strcmp(number.rest, "K") == 0)
		unit = 1000;
	else if (strcmp(number.rest, "M") == 0)
		unit = 1000 * 1000;
	else if (strcmp(number.rest, "G") == 0)
		unit = 1000 * 1000 * 1000;
	else
		return false;
	if (!scale(&number, unit, &value))
		return false;
	*out = value;
	return true;
}

bool parse_integer(const char *s, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t value;

	if (!parse_digits(&s, &value) || *s != '\0' || value < min || value > max)
		return false;
	*out = value;
	return true;
}

/* Each unit is chosen after rounding, so that there is no "60s" and no "10.0s". */
const char *format_duration(char *buf, size_t size, int64_t ms)
{
	uint64_t t = ms > 0 ? (uint64_t)ms : 0;
	uint64_t tenths = (t + 50) / 100;
	uint64_t seconds = (t + 500) / 1000;
	uint64_t minutes = (t + 30 * 1000) / (60 * 1000);
	uint64_t hours = (t + 30 * 60 * 1000) / (60 * 60 * 1000);

	if (tenths < 100)
		snprintf(buf, size, "%u.%us", (unsigned)(tenths / 10), (unsigned)(tenths % 10));
	else if (seconds < 60)
		snprintf(buf, size, "%us", (unsigned)seconds);
	else if (seconds < 60 * 60)
		snprintf(buf, size, "%um %02us", (unsigned)(seconds / 60),
		    (unsigned)(seconds % 60));
	else if (minutes < 24 * 60)
		snprintf(buf, size, "%uh %02um", (unsigned)(minutes / 60),
		    (unsigned)(minutes % 60));
	else
		snprintf(buf, size, "%llud %02uh", (unsigned long long)(hours / 24),
		    (unsigned)(hours % 24));
	return buf;
}

const char *format_size(char *buf, size_t size, uint64_t bytes)
{
	static const char letters[] = "KMGTPE";
	unsigned power = 0;
	uint64_t whole, tenths, unit;

	if (bytes < 1024) {
		snprintf(buf, size, "%u byte%s", (unsigned)bytes, bytes == 1 ? "" : "s");
		return buf;
	}
	while (power < 6 && bytes >> (10 * power) >= 1024)
		power++;
	unit = UINT64_C(1) << (10 * power);
	whole = bytes / unit;
	tenths = (bytes % unit * 10 + unit / 2) / unit;
	if (tenths == 10) {
		whole++;
		tenths = 0;
	}
	if (whole == 1024 && power < 6) {
		whole = 1;
		power++;
	}
	snprintf(buf, size, "%u.%u %ciB", (unsigned)whole, (unsigned)tenths, letters[power - 1]);
	return buf;
}
