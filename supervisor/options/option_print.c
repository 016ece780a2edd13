#include "supervisor/options/option_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void option_require(struct buf *out, const struct require *require)
{
	switch (require->kind) {
	case REQUIRE_ALL:
		buf_addstr(out, "all");
		return;
	case REQUIRE_PARTIAL:
		buf_addstr(out, "partial");
		return;
	case REQUIRE_COUNT:
	case REQUIRE_PERCENT:
		break;
	}
	buf_addf(out, "%" PRIu64 "%s", require->number,
	    require->kind == REQUIRE_PERCENT ? "%" : "");
}

static void add_duration(struct buf *out, int64_t ms)
{
	if (ms % 1000 == 0)
		buf_addf(out, "%" PRId64 "s", ms / 1000);
	else
		buf_addf(out, "%" PRId64 "ms", ms);
}

/* Without zeros at the end. */
static void add_amount(struct buf *out, double amount)
{
	buf_addf(out, "%.9f", amount);
	while (out->data[out->len - 1] == '0')
		out->len--;
	if (out->data[out->len - 1] == '.')
		out->len--;
	out->data[out->len] = '\0';
}

static void add_merge(struct buf *out, const struct config *c, const struct option_info *o)
{
	if (c->merge == MERGE_AGENT)
		buf_addstr(out, c->merge_agent);
	else
		buf_addstr(out, o->choices[c->merge - MERGE_NONE]);
}

/* The bytes of the member; 0 for what is no plain value. */
static size_t member_size(enum option_type type)
{
	switch (type) {
	case OPTION_FLAG:
		return sizeof(bool);
	case OPTION_DURATION:
	case OPTION_SIZE:
	case OPTION_INT64:
		return sizeof(int64_t);
	case OPTION_COUNT:
		return sizeof(uint64_t);
	case OPTION_UINT32:
		return sizeof(uint32_t);
	case OPTION_INT:
		return sizeof(int);
	case OPTION_CHOICE:
	case OPTION_MERGE:
		return sizeof(unsigned);
	case OPTION_TEXT:
	case OPTION_WORD:
		return sizeof(char *);
	case OPTION_AMOUNT:
	case OPTION_REQUIRE:
	case OPTION_OPTIONAL:
	case OPTION_MEMORY:
	case OPTION_VARIABLE:
		break;
	}
	return 0;
}

static bool is_default(const struct option_info *o, const struct config *config,
    const struct config *defaults)
{
	const char *now = (const char *)config + o->offset;
	const char *before = (const char *)defaults + o->offset;
	const struct require *r = (const void *)now;
	const struct memory_floor *floor = (const void *)now;
	const struct memory_floor *usual = (const void *)before;

	switch (o->type) {
	case OPTION_AMOUNT:
		return *(const double *)(const void *)now <= 0;
	case OPTION_REQUIRE:
		return r->kind == REQUIRE_ALL;
	case OPTION_MEMORY:
		return floor->bytes == usual->bytes && floor->percent == usual->percent;
	case OPTION_OPTIONAL:
		return !*(const bool *)((const char *)config + o->given);
	case OPTION_VARIABLE:
		return config->nvars == 0;
	default:
		return memcmp(now, before, member_size(o->type)) == 0;
	}
}

static void add_value(struct buf *out, const struct option_info *o, const struct config *config)
{
	const void *place = (const char *)config + o->offset;
	const struct memory_floor *floor = place;
	unsigned choice;

	switch (o->type) {
	case OPTION_DURATION:
		add_duration(out, *(const int64_t *)place);
		break;
	case OPTION_SIZE:
	case OPTION_INT64:
		buf_addf(out, "%" PRId64, *(const int64_t *)place);
		break;
	case OPTION_MEMORY:
		if (floor->percent > 0)
			buf_addf(out, "%u%%", floor->percent);
		else
			buf_addf(out, "%" PRIu64, floor->bytes);
		break;
	case OPTION_COUNT:
		buf_addf(out, "%" PRIu64, *(const uint64_t *)place);
		break;
	case OPTION_UINT32:
		buf_addf(out, "%" PRIu32, *(const uint32_t *)place);
		break;
	case OPTION_INT:
		buf_addf(out, "%d", *(const int *)place);
		break;
	case OPTION_CHOICE:
		memcpy(&choice, place, sizeof(choice));
		buf_addstr(out, o->choices[choice - o->first]);
		break;
	case OPTION_TEXT:
	case OPTION_WORD:
		buf_addstr(out, *(const char *const *)place);
		break;
	case OPTION_AMOUNT:
		add_amount(out, *(const double *)place);
		break;
	case OPTION_REQUIRE:
		option_require(out, place);
		break;
	case OPTION_MERGE:
		add_merge(out, config, o);
		break;
	case OPTION_FLAG:
	case OPTION_OPTIONAL:
	case OPTION_VARIABLE:
		break;
	}
}

static void add_name(struct buf *out, const struct option_info *o)
{
	if (o->name != NULL)
		buf_addf(out, "--%s", o->name);
	else
		buf_addf(out, "-%c", o->letter);
}

static void variable_words(const struct config *config, const char *name, option_word take,
    void *context)
{
	/* a variable's name begins what was typed: NAME=VALUE */
	for (size_t i = 0; i < config->nvars; i++) {
		take(context, name);
		take(context, config->vars[i].name);
	}
}

void option_words(const struct option_info *o, const struct config *config,
    const struct config *defaults, option_word take, void *context)
{
	struct buf name = BUF_INIT;
	struct buf value = BUF_INIT;

	if (is_default(o, config, defaults))
		return;
	add_name(&name, o);
	add_value(&value, o, config);
	if (o->type == OPTION_VARIABLE) {
		variable_words(config, buf_str(&name), take, context);
	} else if (o->type == OPTION_OPTIONAL) {
		const char *file =
		    *(const char *const *)(const void *)((const char *)config + o->offset);
		if (file != NULL)
			buf_addf(&name, "=%s", file);
		take(context, buf_str(&name));
	} else {
		take(context, buf_str(&name));
		if (o->type != OPTION_FLAG)
			take(context, buf_str(&value));
	}
	buf_free(&name);
	buf_free(&value);
}
