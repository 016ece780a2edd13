#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "shared/text.h"
#include "workers/adapter_reader.h"

/* Results of tools, with whatever nesting, stand in events. */
#define DEPTH_MAX 200
/* No number of so many digits is above 2^53. */
#define DIGITS_MAX 15
#define REPLACEMENT "\\ufffd"
#define MS_MAX (24 * 3600 * INT64_C(1000))

const cJSON *event_get(const cJSON *event, const char *key, const char *inner)
{
	const cJSON *outer = event != NULL ? json_get(event, key) : NULL;

	return outer != NULL && cJSON_IsObject(outer) ? json_get(outer, inner) : NULL;
}

bool event_is(const cJSON *event, const char *key, const char *word)
{
	const char *text = event != NULL ? json_get_string(event, key) : NULL;

	return text != NULL && strcmp(text, word) == 0;
}

bool event_true(const cJSON *event, const char *key)
{
	return cJSON_IsTrue(json_get(event, key));
}

double event_count(const cJSON *event, const char *key)
{
	double number = event != NULL && cJSON_IsObject(event) ? json_get_number(event, key, 0) : 0;

	return number > 0 ? number : 0;
}

int64_t event_ms(const cJSON *event, const char *key)
{
	double ms = event_count(event, key);

	return ms < (double)MS_MAX ? (int64_t)ms : MS_MAX;
}

int event_status(const cJSON *event, const char *key)
{
	const cJSON *item = event != NULL && cJSON_IsObject(event) ? json_get(event, key) : NULL;
	double number = 0;

	if (item != NULL && cJSON_IsNumber(item))
		number = item->valuedouble;
	else if (item != NULL && cJSON_IsString(item) && strlen(item->valuestring) == 3)
		number = atoi(item->valuestring);
	return number >= 400 && number < 600 ? (int)number : 0;
}

void event_texts(struct buf *out, const cJSON *content)
{
	const cJSON *item;

	if (content != NULL && cJSON_IsString(content))
		buf_addstr(out, content->valuestring);
	if (content == NULL || !cJSON_IsArray(content))
		return;
	for (item = content->child; item != NULL; item = item->next) {
		const char *text;

		if (!cJSON_IsObject(item) || !event_is(item, "type", "text"))
			continue;
		text = json_get_string(item, "text");
		if (text != NULL)
			buf_addstr(out, text);
	}
}

/* The code unit of \uXXXX at `at`; -1 when there is none. */
static long code_unit(const char *at, const char *end)
{
	char digits[5];

	if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
		return -1;
	for (int i = 0; i < 4; i++)
		if (!isxdigit((unsigned char)at[2 + i]))
			return -1;
	memcpy(digits, at + 2, 4);
	digits[4] = '\0';
	return strtol(digits, NULL, 16);
}

/* Copies the escape sequence at `at`, or what stands for it; returns what is behind it. */
static const char *repair_escape(struct buf *out, const char *at, const char *end)
{
	long unit = code_unit(at, end), low;
	size_t len = unit < 0 ? 2 : 6;

	if ((size_t)(end - at) < len)
		len = (size_t)(end - at);
	if (unit >= 0xd800 && unit < 0xdc00) {
		low = code_unit(at + 6, end);
		if (low >= 0xdc00 && low < 0xe000)
			len = 12;
		else
			unit = 0;
	} else if (unit >= 0xdc00 && unit < 0xe000) {
		unit = 0;
	}
	if (unit == 0)
		buf_addstr(out, REPLACEMENT);
	else
		buf_add(out, at, len);
	return at + len;
}

/* A number of too many digits keeps its size and loses its last ones. */
static const char *repair_number(struct buf *out, const char *at, const char *end)
{
	const char *stop = at;
	size_t digits;

	while (stop < end && isdigit((unsigned char)*stop))
		stop++;
	digits = (size_t)(stop - at);
	if (digits <= DIGITS_MAX || (stop < end && strchr(".eE", *stop) != NULL)) {
		/* a fraction goes on with digits of its own */
		while (
		    stop < end && (isdigit((unsigned char)*stop) || strchr(".eE+-", *stop) != NULL))
			stop++;
		buf_add(out, at, (size_t)(stop - at));
	} else {
		buf_add(out, at, DIGITS_MAX);
		buf_addf(out, "e%zu", digits - DIGITS_MAX);
	}
	return stop;
}

static void repair(struct buf *out, const char *text, size_t len)
{
	struct buf valid = BUF_INIT;
	const char *at, *end;
	bool in_string = false;

	text_utf8(&valid, text, len);
	at = buf_str(&valid);
	end = at + valid.len;
	while (at < end) {
		if (in_string && *at == '\\') {
			at = repair_escape(out, at, end);
		} else if (!in_string && isdigit((unsigned char)*at)) {
			at = repair_number(out, at, end);
		} else {
			in_string = *at == '"' ? !in_string : in_string;
			buf_addch(out, *at++);
		}
	}
	buf_free(&valid);
}

cJSON *event_parse(const char *text, size_t len)
{
	struct json_error error;
	struct buf repaired = BUF_INIT;
	cJSON *value = json_parse_nested(text, len, DEPTH_MAX, &error);

	if (value != NULL)
		return value;
	repair(&repaired, text, len);
	value = json_parse_nested(repaired.data, repaired.len, DEPTH_MAX, &error);
	buf_free(&repaired);
	return value;
}
