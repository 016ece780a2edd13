#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "shared/xalloc.h"
#include "supervisor/input/document_data.h"

/* Integers up to here are exact as doubles. */
#define INTEGER_MAX (UINT64_C(1) << 53)
/* As in JSON. */
#define NUMBER_LEN_MAX 63

#define QUOTE_IT "put it in quotes if it is a text"

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

static size_t count_digits(const char *s)
{
	return strspn(s, "0123456789");
}

/* [-+]?[0-9]+ */
static bool is_decimal(const char *s)
{
	s += *s == '-' || *s == '+';
	return *s != '\0' && s[count_digits(s)] == '\0';
}

/* 0o17, 0x1f: the base, else 0. */
static int other_base(const char *s)
{
	int base = strncmp(s, "0x", 2) == 0 ? 16 : strncmp(s, "0o", 2) == 0 ? 8 : 0;
	const char *digits = base == 16 ? "0123456789abcdefABCDEF" : "01234567";

	if (base == 0 || s[2] == '\0')
		return 0;
	return s[2 + strspn(s + 2, digits)] == '\0' ? base : 0;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool is_float(const char *s)
{
	size_t whole, part = 0;

	s += *s == '-' || *s == '+';
	whole = count_digits(s);
	s += whole;
	if (*s == '.') {
		part = count_digits(++s);
		s += part;
	}
	if (whole == 0 && part == 0)
		return false;
	if (*s == '\0')
		return true;
	if (*s != 'e' && *s != 'E')
		return false;
	s++;
	s += *s == '-' || *s == '+';
	return *s != '\0' && s[count_digits(s)] == '\0';
}

static cJSON *integer(const char *digits, int base, bool negative, const char **why)
{
	unsigned long long value;

	errno = 0;
	value = strtoull(digits, NULL, base);
	if (errno != 0 || value > INTEGER_MAX) {
		*why = "a number over 2^53: " QUOTE_IT;
		return NULL;
	}
	return cJSON_CreateNumber(negative ? -(double)value : (double)value);
}

static cJSON *number(const char *text, const char **why)
{
	bool negative = text[0] == '-';
	int base = other_base(text);
	double value;

	if (strlen(text) > NUMBER_LEN_MAX) {
		*why = "a number of over 63 digits: " QUOTE_IT;
		return NULL;
	}
	if (base != 0)
		return integer(text + 2, base, false, why);
	if (is_decimal(text))
		return integer(text + (negative || text[0] == '+'), 10, negative, why);
	value = strtod_l(text, NULL, json_locale());
	if (!isfinite(value)) {
		*why = "a number out of range: " QUOTE_IT;
		return NULL;
	}
	return cJSON_CreateNumber(value);
}

static cJSON *value_of(const char *text, const char **why)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const trues[] = { "true", "True", "TRUE", NULL };
	static const char *const falses[] = { "false", "False", "FALSE", NULL };
	static const char *const infinite[] = { ".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN",
		NULL };
	bool sign = text[0] == '-' || text[0] == '+';

	if (is_one_of(text, nulls))
		return cJSON_CreateNull();
	if (is_one_of(text, trues))
		return cJSON_CreateTrue();
	if (is_one_of(text, falses))
		return cJSON_CreateFalse();
	if (is_one_of(text + sign, infinite)) {
		*why = "no number here: " QUOTE_IT;
		return NULL;
	}
	if (is_decimal(text) || other_base(text) != 0 || is_float(text))
		return number(text, why);
	return cJSON_CreateString(text);
}

cJSON *document_plain_scalar(const char *text, size_t len, const char **why)
{
	cJSON *node = value_of(text, why);

	if (node != NULL && !cJSON_IsString(node))
		node->valuestring = xmemdup0(text, len);
	return node;
}
