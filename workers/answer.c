#include "workers/answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "shared/io.h"
#include "shared/json.h"
#include "shared/text.h"
#include "workers/mentioned.h"
#include "workers/signature.h"

#define HEAD_MAX INLINE_MAX /* of an answer, for its summary and its files */
#define TAIL_MAX (8 * 1024) /* of an output, for its telling line */

struct span {
	const char *data;
	size_t len;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct span trim(const char *text, size_t len)
{
	while (len > 0 && is_space(text[0])) {
		text++;
		len--;
	}
	while (len > 0 && is_space(text[len - 1]))
		len--;
	return (struct span){ text, len };
}

/* Bytes of a stream from offset; a copy goes to `hold` when they are in a file. */
static struct span stream_part(const struct stream *s, int file, uint64_t offset, size_t max,
    struct buf *hold)
{
	ssize_t n;

	if (!s->spilled) {
		size_t skip = offset < s->data.len ? (size_t)offset : s->data.len;
		size_t len = s->data.len - skip;

		return (struct span){ buf_str(&s->data) + skip, len < max ? len : max };
	}
	n = pread_all(file, buf_reserve(hold, max), max, (off_t)offset);
	hold->len = n > 0 ? (size_t)n : 0;
	return (struct span){ buf_str(hold), hold->len };
}

static struct span stream_head(const struct stream *s, int file, size_t max, struct buf *hold)
{
	return stream_part(s, file, 0, max, hold);
}

static struct span stream_tail(const struct stream *s, int file, size_t max, struct buf *hold)
{
	struct stat st;
	uint64_t size = s->data.len;

	if (s->spilled)
		size = fstat(file, &st) == 0 ? (uint64_t)st.st_size : 0;
	return stream_part(s, file, size > max ? size - max : 0, max, hold);
}

/* The beginning of the answer, which an adapter has read or standard output is. */
static struct span answer_head(const struct result *r, const struct answer_source *source,
    size_t max, struct buf *hold)
{
	if (!r->has_text)
		return stream_head(&r->out, source->out_file, max, hold);
	return (struct span){ buf_str(&r->text), r->text.len < max ? r->text.len : max };
}

void answer_minify(struct buf *out, const char *json, size_t len)
{
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		if (!in_string && is_space(json[i]))
			continue;
		buf_addch(out, json[i]);
		if (in_string && json[i] == '\\' && i + 1 < len)
			buf_addch(out, json[++i]);
		else if (json[i] == '"')
			in_string = !in_string;
	}
}

/* Where the line after this one begins; the end when there is none. */
static const char *next_line(const char *line, const char *end)
{
	const char *newline = memchr(line, '\n', (size_t)(end - line));

	return newline != NULL ? newline + 1 : end;
}

/* Whether the line opens a block that can hold JSON: ``` alone, or with "json" behind it. */
static bool opens_json(const char *line, const char *end)
{
	struct span info = trim(line + 3, (size_t)(next_line(line, end) - line) - 3);

	return info.len == 0 || (info.len == 4 && strncasecmp(info.data, "json", 4) == 0);
}

static struct span last_fenced_object(const char *text, size_t len)
{
	const char *end = text + len, *line, *opened = NULL;
	struct span found = { text, 0 };
	bool json = false;

	for (line = text; line < end; line = next_line(line, end)) {
		struct span block;

		if (end - line < 3 || strncmp(line, "```", 3) != 0)
			continue;
		if (opened == NULL) {
			opened = next_line(line, end);
			json = opens_json(line, end);
			continue;
		}
		block = trim(opened, (size_t)(line - opened));
		if (json && block.len > 0 && block.data[0] == '{')
			found = block;
		opened = NULL;
	}
	return found;
}

size_t answer_find_object(const char *text, size_t len, const char **object)
{
	struct span whole = trim(text, len);

	if (whole.len > 0 && whole.data[0] != '{')
		whole = last_fenced_object(whole.data, whole.len);
	*object = whole.data;
	return whole.len;
}

/* Where in the whole text the JSON is wrong: what is shown to the agent that is to do better. */
static void add_json_error(struct buf *out, struct span whole, const char *json,
    const struct json_error *error)
{
	const char *at = json + error->offset, *line = whole.data;
	size_t number = 1;

	for (const char *p = whole.data; p < at; p++)
		if (*p == '\n') {
			line = p + 1;
			number++;
		}
	buf_addf(out, "%s at line %zu, column %zu", error->message, number,
	    (size_t)(at - line) + 1);
}

static const char *kind_of(const cJSON *value)
{
	if (cJSON_IsArray(value))
		return "it is an array, expected an object";
	if (cJSON_IsString(value))
		return "it is a string, expected an object";
	if (cJSON_IsNumber(value))
		return "it is a number, expected an object";
	return cJSON_IsNull(value) ? "it is null, expected an object" :
				     "it is true or false, expected an object";
}

/*
 * Puts the text, all or a part of `whole`, into r->structured when it is one JSON object. NULL, or
 * what is wrong (perhaps in `hold`).
 */
static const char *take_structured(struct result *r, struct span whole, struct span text,
    struct buf *hold, cJSON **object)
{
	struct buf line = BUF_INIT;
	struct json_error error;

	*object = json_parse(text.data, text.len, &error);
	if (*object == NULL) {
		add_json_error(hold, whole, text.data, &error);
		return buf_str(hold);
	}
	if (!cJSON_IsObject(*object)) {
		const char *kind = kind_of(*object);

		cJSON_Delete(*object);
		*object = NULL;
		return kind;
	}
	answer_minify(&line, text.data, text.len);
	r->structured = buf_detach(&line);
	return NULL;
}

/* What an answer is in which no object was found. */
static const char *no_object(struct span text)
{
	struct json_error error;
	struct span whole = trim(text.data, text.len);
	cJSON *value;
	const char *kind;

	if (whole.len == 0)
		return "it is empty";
	value = json_parse(whole.data, whole.len, &error);
	kind = value != NULL ? kind_of(value) :
			       "no object found, expected it alone or in a block between ```json "
			       "and ```";
	cJSON_Delete(value);
	return kind;
}

static void fail(struct result *r, enum reason reason, const char *what, const char *why)
{
	r->status = RESULT_FAILED;
	r->reason = reason;
	result_set_error(r, "%s%s", what, why);
}

/* What came over POLLARD_RESULT_FD. */
static cJSON *read_given_result(struct result *r, const struct answer_source *source,
    bool must_be_good)
{
	static const char what[] = "the result on file descriptor 3 is not usable: ";
	struct span text = trim(buf_str(&source->structured), source->structured.len);
	struct buf hold = BUF_INIT;
	cJSON *object = NULL;
	const char *why = "it is longer than 1 MiB";

	if (text.len == 0)
		return NULL;
	if (!source->structured_cut)
		why = take_structured(r, text, text, &hold, &object);
	if (why != NULL && must_be_good && r->status == RESULT_SUCCEEDED)
		fail(r, REASON_OUTPUT, what, why);
	else if (why != NULL)
		result_add_warning(r, "%s%s", what, why);
	buf_free(&hold);
	return object;
}

/* The answer itself is the JSON object that was asked for. */
static cJSON *read_answer_result(struct result *r, const struct answer_source *source)
{
	static const char what[] = "the answer is not the JSON object asked for: ";
	struct buf hold = BUF_INIT, complaint = BUF_INIT;
	struct span text = answer_head(r, source, STRUCTURED_MAX + 1, &hold);
	const char *object_text, *why;
	cJSON *object = NULL;
	size_t len;

	len = answer_find_object(text.data, text.len, &object_text);
	if (text.len > STRUCTURED_MAX)
		why = "it is longer than 1 MiB";
	else if (len == 0)
		why = no_object(text);
	else
		why = take_structured(r, text, (struct span){ object_text, len }, &complaint,
		    &object);
	if (why != NULL)
		fail(r, REASON_OUTPUT, what, why);
	buf_free(&complaint);
	buf_free(&hold);
	return object;
}

static cJSON *read_structured(const struct job *job, struct result *r,
    const struct answer_source *source)
{
	cJSON *object = read_given_result(r, source, job->want_json);

	if (object == NULL && job->want_json && r->status == RESULT_SUCCEEDED)
		object = read_answer_result(r, source);
	return object;
}

static bool summarize(struct result *r, const char *text, size_t len)
{
	struct buf summary = BUF_INIT;

	text_summary(&summary, text, len, SUMMARY_MAX);
	if (summary.len == 0) {
		buf_free(&summary);
		return false;
	}
	free(r->summary);
	r->summary = buf_detach(&summary);
	return true;
}

/* What a person wants to read after "exit 1: ": the line that tells most. */
static bool summarize_telling(struct result *r, struct span text)
{
	struct buf clean = BUF_INIT;
	struct telling lines[TELLING_MAX];
	bool found = false;

	signature_clean(&clean, text.data, text.len);
	if (signature_telling_lines(buf_str(&clean), clean.len, lines) > 0)
		found = summarize(r, lines[0].data, lines[0].len);
	buf_free(&clean);
	return found;
}

static bool summarize_stream(struct result *r, const struct stream *s, int file)
{
	struct buf hold = BUF_INIT;
	bool found = summarize_telling(r, stream_tail(s, file, TAIL_MAX, &hold));

	buf_free(&hold);
	return found;
}

static void summarize_failure(struct result *r, const struct answer_source *source)
{
	size_t skip = r->text.len > TAIL_MAX ? r->text.len - TAIL_MAX : 0;

	/* what the client said of it tells more than what it wrote besides */
	if (r->has_text && r->error != NULL && r->reason != REASON_EXIT &&
	    r->reason != REASON_SIGNAL && summarize(r, r->error, strlen(r->error)))
		return;
	if (summarize_stream(r, &r->err, source->err_file))
		return;
	/* of a client standard output is its events */
	if (r->has_text)
		summarize_telling(r, (struct span){ buf_str(&r->text) + skip, r->text.len - skip });
	else
		summarize_stream(r, &r->out, source->out_file);
}

static void read_summary(struct result *r, const struct answer_source *source, struct span head,
    const cJSON *object)
{
	const char *given = object != NULL ? json_get_string(object, "summary") : NULL;

	if (given != NULL && summarize(r, given, strlen(given)))
		return;
	if (r->status == RESULT_SUCCEEDED)
		summarize(r, head.data, head.len);
	else
		summarize_failure(r, source);
}

static bool add_given_files(struct result *r, const cJSON *object)
{
	const cJSON *files = object != NULL ? json_get(object, "files") : NULL;
	const cJSON *file;

	if (files == NULL || !cJSON_IsArray(files))
		return false;
	for (file = files->child; file != NULL; file = file->next)
		if (cJSON_IsString(file) && *file->valuestring != '\0')
			mentioned_add(r, file->valuestring);
	return true;
}

static void read_usage(struct result *r, const cJSON *object)
{
	const cJSON *usage = object != NULL ? json_get(object, "usage") : NULL;

	if (usage != NULL && !cJSON_IsNull(usage) && !usage_from_json(&r->usage, usage))
		result_add_warning(r,
		    "the 'usage' of the result is not usable: "
		    "expected {\"input_tokens\": N, \"output_tokens\": N, \"usd\": N}");
}

void answer_read(const struct job *job, struct result *r, const struct answer_source *source)
{
	struct buf hold = BUF_INIT;
	struct span head = answer_head(r, source, HEAD_MAX, &hold);
	cJSON *object = read_structured(job, r, source);

	if (job->kind == JOB_AGENT && r->status == RESULT_SUCCEEDED && object == NULL &&
	    trim(head.data, head.len).len == 0)
		fail(r, REASON_AGENT, "empty answer", "");
	read_summary(r, source, head, object);
	read_usage(r, object);
	if (!add_given_files(r, object) && job->kind == JOB_AGENT)
		mentioned_find(r, head.data, head.len, job->cwd);
	cJSON_Delete(object);
	buf_free(&hold);
}
