#include "supervisor/input/workflow_read.h"

#include <stdarg.h>
#include <string.h>

#include "shared/json.h"
#include "shared/names.h"
#include "shared/quantity.h"
#include "shared/text.h"
#include "supervisor/input/template.h"

#define COUNT_MAX 9007199254740991.0 /* beyond this a double skips integers */

struct place workflow_place(const struct workflow *w, const cJSON *at)
{
	struct place place = document_place(&w->document, at);

	return place.line != 0 ? place : w->here;
}

__attribute__((format(printf, 3, 0))) static void add_fault(struct workflow *w, struct place place,
    const char *fmt, va_list ap)
{
	struct buf text = BUF_INIT;

	buf_vaddf(&text, fmt, ap);
	diag_add(w->diag, w->file, place.line, place.column, "%s", buf_str(&text));
	buf_free(&text);
}

void workflow_fault(struct workflow *w, const cJSON *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_fault(w, workflow_place(w, at), fmt, ap);
	va_end(ap);
}

void workflow_key_fault(struct workflow *w, const cJSON *at, const char *fmt, ...)
{
	struct place place = document_key_place(&w->document, at);
	va_list ap;

	va_start(ap, fmt);
	add_fault(w, place.line != 0 ? place : w->here, fmt, ap);
	va_end(ap);
}

void workflow_describe(struct buf *out, const cJSON *value)
{
	if (cJSON_IsString(value))
		buf_addf(out, "'%s'", safe(value->valuestring));
	else if (cJSON_IsNull(value))
		buf_addstr(out, "nothing");
	else if (value->valuestring != NULL)
		buf_addstr(out, safe(value->valuestring));
	else if (cJSON_IsArray(value))
		buf_addstr(out, value->child == NULL ? "an empty array" : "an array");
	else if (cJSON_IsObject(value))
		buf_addstr(out, "an object");
	else
		json_print(out, value);
}

void workflow_expected(struct workflow *w, const cJSON *at, const char *expected)
{
	struct buf got = BUF_INIT;

	workflow_describe(&got, at);
	workflow_fault(w, at, "'%s': expected %s, got %s", safe(at->string), expected,
	    buf_str(&got));
	buf_free(&got);
}

const char *workflow_text(struct workflow *w, const cJSON *at, const char *expected)
{
	struct buf text = BUF_INIT;
	const char *kept = NULL;

	if (at == NULL)
		return NULL;
	if (!cJSON_IsString(at) || at->valuestring[0] == '\0') {
		workflow_expected(w, at, expected);
	} else if (workflow_names_any(at->valuestring, &text)) {
		workflow_fault(w, at,
		    "'%s': unknown name '%s'; what is known here are goal and vars.NAME",
		    safe(at->string), safe(buf_str(&text)));
	} else {
		template_unquote(&text, at->valuestring, strlen(at->valuestring));
		kept = arena_copy(&w->plan->arena, text.data, text.len);
	}
	buf_free(&text);
	return kept;
}

const char *workflow_line(struct workflow *w, const cJSON *at, const char *expected)
{
	const char *text = workflow_text(w, at, expected);

	if (text == NULL || strchr(text, '\n') == NULL)
		return text;
	workflow_fault(w, at, "'%s': expected %s, got a text of several lines", safe(at->string),
	    expected);
	return NULL;
}

bool workflow_bool(struct workflow *w, const cJSON *at)
{
	if (at == NULL)
		return false;
	if (!cJSON_IsBool(at))
		workflow_expected(w, at, "true or false");
	return cJSON_IsTrue(at);
}

static bool is_integer(const cJSON *value, double min, double max)
{
	double d = value->valuedouble;

	return cJSON_IsNumber(value) && d >= min && d <= max && d == (double)(uint64_t)d;
}

bool workflow_integer(struct workflow *w, const cJSON *at, uint32_t min, uint32_t max,
    uint32_t *out, const char *expected)
{
	if (!is_integer(at, min, max)) {
		workflow_expected(w, at, expected);
		return false;
	}
	*out = (uint32_t)at->valuedouble;
	return true;
}

static bool parse_require(const cJSON *value, struct require *out)
{
	char digits[8];
	size_t len;

	if (is_integer(value, 0, UINT32_MAX)) {
		*out = (struct require){ REQUIRE_COUNT, (uint64_t)value->valuedouble };
		return true;
	}
	if (!cJSON_IsString(value))
		return false;
	if (strcmp(value->valuestring, "all") == 0) {
		*out = (struct require){ .kind = REQUIRE_ALL };
		return true;
	}
	if (strcmp(value->valuestring, "partial") == 0) {
		*out = (struct require){ .kind = REQUIRE_PARTIAL };
		return true;
	}
	len = strlen(value->valuestring);
	if (len < 2 || len >= sizeof(digits) || value->valuestring[len - 1] != '%')
		return false;
	memcpy(digits, value->valuestring, len - 1);
	digits[len - 1] = '\0';
	out->kind = REQUIRE_PERCENT;
	return parse_integer(digits, 0, 100, &out->number);
}

bool workflow_require(struct workflow *w, const cJSON *at, struct require *out)
{
	struct require require = { .kind = REQUIRE_ALL };

	if (at == NULL)
		return false;
	if (!parse_require(at, &require)) {
		workflow_expected(w, at,
		    "all, partial, a number of tasks or a percentage such as 80%");
		return false;
	}
	*out = require;
	return true;
}

static void read_count(struct workflow *w, const cJSON *at, uint64_t *out)
{
	if (at == NULL)
		return;
	if (is_integer(at, 0, COUNT_MAX))
		*out = (uint64_t)at->valuedouble;
	else if (!cJSON_IsString(at) || !parse_count(at->valuestring, out))
		workflow_expected(w, at, "a number of tokens such as 40000 or 400k");
}

static void read_duration(struct workflow *w, const cJSON *at, int64_t *out)
{
	const double most = (double)DURATION_MAX_MS / 1000;

	if (at == NULL)
		return;
	if (cJSON_IsNumber(at) && at->valuedouble >= 0 && at->valuedouble <= most)
		*out = (int64_t)(at->valuedouble * 1000 + 0.5);
	else if (!cJSON_IsString(at) || !parse_duration(at->valuestring, out))
		workflow_expected(w, at, "a duration such as 90, 10m or 2h, at most ten years");
}

static void read_money(struct workflow *w, const cJSON *at, double *out)
{
	if (at == NULL)
		return;
	if (cJSON_IsNumber(at) && at->valuedouble >= 0 && at->valuedouble < 1e12)
		*out = at->valuedouble;
	else
		workflow_expected(w, at, "a number of dollars such as 10 or 2.50");
}

void workflow_limits(struct workflow *w, const cJSON *at, struct limits *out)
{
	static const char *const names[] = { "jobs", "tokens_at_once", "tokens", "usd",
		"deadline" };
	const cJSON *jobs;
	uint32_t number;

	out->jobs = UNSET;
	if (at == NULL)
		return;
	if (!cJSON_IsObject(at)) {
		workflow_expected(w, at,
		    "an object with jobs, tokens_at_once, tokens, usd or deadline");
		return;
	}
	workflow_check_keys(w, at, names, sizeof(names) / sizeof(names[0]));
	jobs = json_get(at, "jobs");
	if (jobs != NULL &&
	    workflow_integer(w, jobs, 0, UINT32_MAX, &number,
		"how many tasks may run at once, 0 for all"))
		out->jobs = number;
	read_count(w, json_get(at, "tokens_at_once"), &out->tokens_at_once);
	read_count(w, json_get(at, "tokens"), &out->tokens);
	read_money(w, json_get(at, "usd"), &out->usd);
	read_duration(w, json_get(at, "deadline"), &out->deadline_ms);
}

static bool is_among(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

void workflow_check_keys(struct workflow *w, const cJSON *object, const char *const *names,
    size_t count)
{
	const cJSON *at;

	cJSON_ArrayForEach(at, object)
	{
		const char *key = at->string, *near;

		if (is_among(key, names, count) || strncmp(key, "x-", 2) == 0)
			continue;
		near = names_suggest(key, names, count);
		if (near != NULL)
			workflow_key_fault(w, at, "unknown key '%s', did you mean '%s'?", safe(key),
			    near);
		else
			workflow_key_fault(w, at,
			    "unknown key '%s'; keys of your own begin with 'x-'", safe(key));
	}
}

void workflow_tell_faults(struct workflow *w, const cJSON *at)
{
	struct place place = workflow_place(w, at);

	for (size_t i = 0; i < w->faults.count && i < DIAG_MAX; i++)
		if (w->faults.at[i].line == 0)
			w->faults.at[i] = place;
	fault_report(&w->faults, w->file, place.line, w->diag);
	fault_reset(&w->faults);
}

const struct agent *workflow_find_agent(struct workflow *w, const cJSON *at)
{
	const char *name = workflow_text(w, at, "the name of an agent");
	const struct agent *agent;

	if (name == NULL)
		return NULL;
	agent = fault_find_agent(&w->faults, w->agents, name);
	workflow_tell_faults(w, at);
	return agent;
}
