#include "supervisor/options/option_value.h"

#include <stdlib.h>
#include <string.h>

#include "shared/quantity.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/pressure/memory.h"

/* Digits before the point of an amount; enough for any price, and exact in a double. */
#define DIGITS_MAX 12

void option_expected(struct buf *out, const struct option_info *o)
{
	if (o->expected != NULL) {
		buf_addstr(out, o->expected);
		return;
	}
	switch (o->type) {
	case OPTION_DURATION:
		buf_addstr(out, "a duration such as 90, 10m or 2h");
		break;
	case OPTION_SIZE:
		buf_addstr(out, "a size such as 4096, 64K or 1.5G");
		break;
	case OPTION_MEMORY:
		buf_addstr(out, "a size such as 512M or 2G, or a percentage such as 10%");
		break;
	case OPTION_COUNT:
		buf_addstr(out, "a number such as 40000, 400k or 2M");
		break;
	case OPTION_UINT32:
	case OPTION_INT:
	case OPTION_INT64:
		buf_addf(out, "a number from 0 to %llu", (unsigned long long)o->max);
		break;
	case OPTION_AMOUNT:
		buf_addstr(out, "an amount greater than 0, such as 2.50");
		break;
	case OPTION_REQUIRE:
		buf_addstr(out, "all, partial, a number such as 3, or a percentage such as 80%");
		break;
	default:
		buf_addstr(out, "a value");
		break;
	}
}

static bool parse_choice(const char *value, const struct option_info *o, unsigned *out)
{
	for (unsigned i = 0; o->choices[i] != NULL; i++) {
		if (strcmp(o->choices[i], value) == 0 && (o->later_choices & 1U << i) == 0) {
			*out = i;
			return true;
		}
	}
	return false;
}

static bool parse_require(const char *value, struct require *out)
{
	char digits[24];
	size_t len = strlen(value);

	if (strcmp(value, "all") == 0) {
		*out = (struct require){ .kind = REQUIRE_ALL };
		return true;
	}
	if (strcmp(value, "partial") == 0) {
		*out = (struct require){ .kind = REQUIRE_PARTIAL };
		return true;
	}
	if (len == 0 || len >= sizeof(digits))
		return false;
	memcpy(digits, value, len + 1);
	if (digits[len - 1] == '%') {
		digits[len - 1] = '\0';
		out->kind = REQUIRE_PERCENT;
		return parse_integer(digits, 0, 100, &out->number);
	}
	out->kind = REQUIRE_COUNT;
	return parse_integer(digits, 0, UINT32_MAX, &out->number);
}

/* Digits with at most one point among them, greater than 0. */
static bool parse_amount(const char *value, double *out)
{
	size_t whole = strspn(value, "0123456789");
	size_t point = value[whole] == '.';
	size_t part = strspn(value + whole + point, "0123456789");

	if (whole == 0 || whole > DIGITS_MAX || part > DIGITS_MAX || (point > 0 && part == 0) ||
	    value[whole + point + part] != '\0')
		return false;
	double amount = 0;
	double unit = 1;
	for (size_t i = 0; i < whole; i++)
		amount = amount * 10 + (value[i] - '0');
	for (size_t i = 0; i < part; i++) {
		unit *= 10;
		amount = amount * 10 + (value[whole + 1 + i] - '0');
	}
	amount /= unit;
	if (amount <= 0)
		return false;
	*out = amount;
	return true;
}

/* Each use adds one. What a template names is checked where the workflow is read. */
static bool add_variable(struct config *config, const char *value)
{
	size_t len = strcspn(value, "=");

	if (len == 0 || value[len] != '=' || !utf8_valid(value, strlen(value)))
		return false;
	struct variable *vars =
	    xreallocarray((void *)(uintptr_t)config->vars, config->nvars + 1, sizeof *vars);
	vars[config->nvars++] =
	    (struct variable){ .name = value, .name_len = len, .value = value + len + 1 };
	config->vars = vars;
	return true;
}

static bool store(struct config *config, const struct option_info *o, const char *value)
{
	void *place = (char *)config + o->offset;
	struct require require;
	uint64_t number = 0;
	unsigned choice;
	int64_t ms;

	switch (o->type) {
	case OPTION_FLAG:
		*(bool *)place = true;
		return true;
	case OPTION_DURATION:
		if (!parse_duration(value, &ms))
			return false;
		*(int64_t *)place = ms;
		return true;
	case OPTION_SIZE:
		if (!parse_size(value, &number) || number > INT64_MAX)
			return false;
		*(int64_t *)place = (int64_t)number;
		return true;
	case OPTION_COUNT:
		if (!parse_count(value, &number) || number < o->min)
			return false;
		*(uint64_t *)place = number;
		return true;
	case OPTION_AMOUNT:
		return parse_amount(value, (double *)place);
	case OPTION_TEXT:
	case OPTION_OPTIONAL:
		*(const char **)place = value;
		return value[0] != '\0';
	case OPTION_WORD:
		if (!parse_choice(value, o, &choice))
			return false;
		*(const char **)place = value;
		return true;
	case OPTION_UINT32:
		if (!parse_integer(value, 0, o->max, &number))
			return false;
		*(uint32_t *)place = (uint32_t)number;
		return true;
	case OPTION_INT:
		if (!parse_integer(value, 0, o->max, &number))
			return false;
		*(int *)place = (int)number;
		return true;
	case OPTION_INT64:
		if (!parse_integer(value, 0, o->max, &number))
			return false;
		*(int64_t *)place = (int64_t)number;
		return true;
	case OPTION_CHOICE:
		if (!parse_choice(value, o, &choice))
			return false;
		choice += o->first;
		memcpy(place, &choice, sizeof(choice));
		return true;
	case OPTION_MERGE:
		config->merge_agent = NULL;
		if (parse_choice(value, o, &choice)) {
			config->merge = (enum merge_form)(MERGE_NONE + choice);
			return true;
		}
		config->merge = MERGE_AGENT;
		config->merge_agent = value;
		return value[0] != '\0';
	case OPTION_MEMORY:
		return memory_parse_floor(value, (struct memory_floor *)place);
	case OPTION_VARIABLE:
		return add_variable(config, value);
	case OPTION_REQUIRE:
		if (!parse_require(value, &require))
			return false;
		*(struct require *)place = require;
		return true;
	}
	return false;
}

bool option_store(struct config *config, const struct option_info *o, const char *value)
{
	if (!store(config, o, value))
		return false;
	if (o->given != 0)
		*(bool *)((char *)config + o->given) = true;
	return true;
}
