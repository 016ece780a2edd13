#include "supervisor/recovery/debug_request.h"

#include <stdbool.h>
#include <string.h>

#include "shared/json.h"
#include "shared/text.h"

/* Each part has its share, so that none can push out another. Together less than the maximum. */
#define FULL_SHARE (352 * 1024)
#define NAMED_SHARE (64 * 1024) /* failures of which only id and reason are told */
#define SUCCEEDED_SHARE (64 * 1024)
#define GOAL_BYTES 4096
#define STEP_BYTES 256

/* How much of each failure is told. */
struct detail {
	size_t attempts; /* the last ones */
	size_t tail;	 /* bytes of each stream */
	size_t text;	 /* bytes of the prompt or command */
};

/* From all to next to nothing: the first that fits is taken, and the last always does. */
static const struct detail details[] = {
	{ 10, DEBUG_TAIL_BYTES, 16384 },
	{ 5, DEBUG_TAIL_BYTES, 8192 },
	{ 2, DEBUG_TAIL_BYTES, 4096 },
	{ 1, DEBUG_TAIL_BYTES, 2048 },
	{ 1, 2048, 1024 },
	{ 1, 1024, 512 },
	{ 1, 512, 256 },
	{ 1, 128, 128 },
};

#define DETAILS (sizeof details / sizeof details[0])

static const char replacement[] = "\xef\xbf\xbd";

/* A byte that goes on with a character, and cannot begin one. */
static bool goes_on(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* Appends as valid UTF-8; NUL, which no JSON string here can hold, is replaced like a bad byte. */
static void add_clean(struct buf *out, const char *text, size_t len)
{
	while (len > 0) {
		const char *nul = memchr(text, '\0', len);
		size_t piece = nul != NULL ? (size_t)(nul - text) : len;
		text_utf8(out, text, piece);
		if (nul == NULL)
			return;
		buf_addstr(out, replacement);
		text += piece + 1;
		len -= piece + 1;
	}
}

/* A replaced byte is three: the last `bytes` are taken before and after that. */
void debug_tail(struct buf *out, const char *text, size_t len, size_t bytes, unsigned lines)
{
	struct buf clean = BUF_INIT;
	if (len > 0) {
		const char *start = text_tail(text, len, lines);
		size_t left = len - (size_t)(start - text);
		size_t cut = left > bytes ? left - bytes : 0;
		/* not in the middle of a character, which would look like a bad byte */
		for (size_t i = 0; i < 3 && cut > 0 && cut < left && goes_on(start[cut]); i++)
			cut++;
		add_clean(&clean, start + cut, left - cut);
	}
	size_t from = clean.len > bytes ? clean.len - bytes : 0;
	while (from < clean.len && goes_on(clean.data[from]))
		from++;
	if (clean.len > from)
		buf_add(out, clean.data + from, clean.len - from);
	buf_free(&clean);
}

/* The beginning of a text, with a mark that says how much is missing. */
static cJSON *beginning(const char *text, size_t len, size_t bytes)
{
	struct buf clean = BUF_INIT;
	size_t keep = len;
	if (len > bytes) {
		keep = bytes;
		for (size_t i = 0; i < 3 && keep > 0 && goes_on(text[keep]); i++)
			keep--;
	}
	add_clean(&clean, text, keep);
	if (keep < len)
		buf_addf(&clean, "\n[%zu more bytes]", len - keep);
	cJSON *string = cJSON_CreateString(buf_str(&clean));
	buf_free(&clean);
	return string;
}

static cJSON *tail(const char *text, size_t len, size_t bytes)
{
	struct buf end = BUF_INIT;
	debug_tail(&end, text, len, bytes, DEBUG_TAIL_LINES);
	cJSON *string = cJSON_CreateString(buf_str(&end));
	buf_free(&end);
	return string;
}

static cJSON *attempt_object(const struct debug_attempt *a, const struct detail *d)
{
	cJSON *object = cJSON_CreateObject();
	char name[SIGNAL_NAME_MAX];
	json_add_string(object, "reason", reason_text(a->reason));
	if (a->exit_status >= 0)
		json_add_integer(object, "exit", a->exit_status);
	else
		json_add_null(object, "exit");
	json_add_string(object, "signal", a->signal != 0 ? signal_name(name, a->signal) : NULL);
	json_add_seconds(object, "seconds", a->ms);
	json_add_string(object, "error", a->error);
	json_add_item(object, "stdout_tail", tail(a->out, a->out_len, d->tail));
	json_add_item(object, "stderr_tail", tail(a->err, a->err_len, d->tail));
	return object;
}

static cJSON *words_array(const char *const *argv, size_t bytes)
{
	cJSON *array = cJSON_CreateArray();
	size_t left = bytes;
	for (; *argv != NULL; argv++) {
		size_t len = strlen(*argv);
		cJSON_AddItemToArray(array, beginning(*argv, len, left));
		/* each word has its quotes and comma */
		left -= len + 3 < left ? len + 3 : left;
		if (left == 0 && argv[1] != NULL) {
			cJSON_AddItemToArray(array, cJSON_CreateString("[more words]"));
			break;
		}
	}
	return array;
}

static cJSON *full_failure(const struct debug_failure *f, const struct detail *d)
{
	cJSON *object = cJSON_CreateObject();
	cJSON *attempts = cJSON_CreateArray();
	json_add_string(object, "task", f->task);
	json_add_string(object, "agent", f->agent);
	if (f->text != NULL)
		json_add_item(object, f->agent != NULL ? "prompt" : "run",
		    beginning(f->text, f->text_len, d->text));
	else if (f->argv != NULL)
		json_add_item(object, "run", words_array(f->argv, d->text));
	size_t first = f->nattempts > d->attempts ? f->nattempts - d->attempts : 0;
	for (size_t i = first; i < f->nattempts; i++)
		cJSON_AddItemToArray(attempts, attempt_object(&f->attempts[i], d));
	json_add_item(object, "attempts", attempts);
	return object;
}

static cJSON *named_failure(const struct debug_failure *f)
{
	cJSON *object = cJSON_CreateObject();
	cJSON *attempts = cJSON_CreateArray();
	json_add_string(object, "task", f->task);
	if (f->nattempts > 0) {
		cJSON *attempt = cJSON_CreateObject();
		json_add_string(attempt, "reason",
		    reason_text(f->attempts[f->nattempts - 1].reason));
		cJSON_AddItemToArray(attempts, attempt);
	}
	json_add_item(object, "attempts", attempts);
	return object;
}

static size_t printed_size(const cJSON *value)
{
	struct buf text = BUF_INIT;
	json_print(&text, value);
	size_t size = text.len;
	buf_free(&text);
	return size;
}

/* The first failures at one level of detail, or NULL when that is too much. */
static cJSON *try_detail(const struct debug_request *r, const struct detail *d, bool last)
{
	cJSON *array = cJSON_CreateArray();
	size_t size = 0;
	for (size_t i = 0; i < r->nfailures && i < DEBUG_FULL_MAX; i++) {
		cJSON *failure = full_failure(&r->failures[i], d);
		size += printed_size(failure) + 1;
		cJSON_AddItemToArray(array, failure);
		if (size > FULL_SHARE && !last) {
			cJSON_Delete(array);
			return NULL;
		}
	}
	return array;
}

/* Adds it when there is room, else deletes it: false. */
static bool add_within(cJSON *array, cJSON *item, size_t *room)
{
	size_t size = printed_size(item) + 1;
	if (size > *room) {
		cJSON_Delete(item);
		return false;
	}
	*room -= size;
	cJSON_AddItemToArray(array, item);
	return true;
}

static void add_failures(cJSON *object, const struct debug_request *r)
{
	cJSON *array = NULL;
	for (size_t i = 0; i < DETAILS && array == NULL; i++)
		array = try_detail(r, &details[i], i + 1 == DETAILS);
	size_t room = NAMED_SHARE;
	size_t told = r->nfailures < DEBUG_FULL_MAX ? r->nfailures : DEBUG_FULL_MAX;
	while (told < r->nfailures && add_within(array, named_failure(&r->failures[told]), &room))
		told++;
	json_add_item(object, "failures", array);
	if (told < r->nfailures)
		json_add_integer(object, "failures_left_off", (int64_t)(r->nfailures - told));
}

static void add_succeeded(cJSON *object, const struct debug_request *r)
{
	cJSON *array = cJSON_CreateArray();
	size_t room = SUCCEEDED_SHARE;
	size_t told = 0;
	while (told < r->nsucceeded &&
	    add_within(array, cJSON_CreateString(r->succeeded[told]), &room))
		told++;
	json_add_item(object, "succeeded", array);
	if (told < r->nsucceeded)
		json_add_integer(object, "succeeded_left_off", (int64_t)(r->nsucceeded - told));
}

cJSON *debug_request_make(const struct debug_request *r)
{
	cJSON *object = cJSON_CreateObject();
	json_add_item(object, "step", beginning(r->step, strlen(r->step), STEP_BYTES));
	if (r->goal != NULL)
		json_add_item(object, "goal", beginning(r->goal, strlen(r->goal), GOAL_BYTES));
	else
		json_add_null(object, "goal");
	json_add_integer(object, "scenario", r->scenario);
	add_failures(object, r);
	add_succeeded(object, r);
	return object;
}
