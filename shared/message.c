#include "shared/message.h"

#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "shared/text.h"
#include "shared/xalloc.h"

#define FIELD_HEADER 5
/* What a JSON number holds exactly: larger ones could not be recorded. */
#define NUMBER_MAX (INT64_C(1) << 53)
/* The last millisecond of the year 9999. */
#define TIME_MAX_MS INT64_C(253402300799999)
#define LINE_MAX_BYTES (64 * 1024)

static const char magic[4] = { 'P', 'L', 'R', 'D' };

enum tag {
	TAG_STATUS = 1,
	TAG_REASON,
	TAG_EXIT,
	TAG_SIGNAL,
	TAG_STARTED,
	TAG_FINISHED,
	TAG_DURATION,
	TAG_OUT_BYTES,
	TAG_OUT_DROPPED,
	TAG_OUT_SPILLED,
	TAG_OUT_ERRNO,
	TAG_ERR_BYTES,
	TAG_ERR_DROPPED,
	TAG_ERR_SPILLED,
	TAG_ERR_ERRNO,
	TAG_MAX_RSS,
	TAG_CPU,
	TAG_LEFTOVERS,
	TAG_RETRY,
	TAG_RESETS,
	/* the last integer; from here on bytes, which may be missing */
	TAG_OUT_DATA,
	TAG_ERR_DATA,
	TAG_TEXT,
	TAG_STRUCTURED,
	TAG_ERROR,
	TAG_SUMMARY,
	TAG_WARNING,
	TAG_FILE,
	TAG_SESSION,
	TAG_USAGE,  /* tokens in, tokens out, the bits of a double: below 0 when it is not known */
	TAG_UNSURE, /* nothing: that it is there says it */
	TAG_COUNT
};

#define TAG_NUMBERS_END TAG_OUT_DATA
#define USAGE_SIZE 24
/* MESSAGE_PRESSURE: reason, milliseconds. */
#define PRESSURE_SIZE 9

/* What a field may hold. Integers: from min to max; bytes: at most max of them. */
struct rule {
	int64_t min;
	int64_t max;
	bool utf8; /* bytes only: a string */
	const char *wrong;
};

static const struct rule rules[TAG_COUNT] = {
	[TAG_STATUS] = { 0, RESULT_STATUS_COUNT - 1, false, "status out of range" },
	[TAG_REASON] = { 0, REASON_COUNT - 1, false, "reason out of range" },
	[TAG_EXIT] = { -1, 255, false, "exit status out of range" },
	[TAG_SIGNAL] = { 0, NSIG - 1, false, "signal out of range" },
	[TAG_STARTED] = { 0, TIME_MAX_MS, false, "start time out of range" },
	[TAG_FINISHED] = { 0, TIME_MAX_MS, false, "finish time out of range" },
	[TAG_DURATION] = { 0, TIME_MAX_MS, false, "duration out of range" },
	[TAG_OUT_BYTES] = { 0, NUMBER_MAX, false, "count of standard output out of range" },
	[TAG_OUT_DROPPED] = { 0, NUMBER_MAX, false, "count of standard output out of range" },
	[TAG_OUT_SPILLED] = { 0, 1, false, "mark of standard output out of range" },
	[TAG_OUT_ERRNO] = { 0, 4095, false, "error of standard output out of range" },
	[TAG_ERR_BYTES] = { 0, NUMBER_MAX, false, "count of standard error out of range" },
	[TAG_ERR_DROPPED] = { 0, NUMBER_MAX, false, "count of standard error out of range" },
	[TAG_ERR_SPILLED] = { 0, 1, false, "mark of standard error out of range" },
	[TAG_ERR_ERRNO] = { 0, 4095, false, "error of standard error out of range" },
	[TAG_MAX_RSS] = { 0, NUMBER_MAX, false, "memory out of range" },
	[TAG_CPU] = { 0, TIME_MAX_MS, false, "processor time out of range" },
	[TAG_LEFTOVERS] = { 0, INT_MAX, false, "count of leftover processes out of range" },
	[TAG_RETRY] = { 0, TIME_MAX_MS, false, "time to wait out of range" },
	[TAG_RESETS] = { 0, TIME_MAX_MS, false, "time of a reset out of range" },
	[TAG_OUT_DATA] = { 0, INLINE_MAX, false, "standard output too long" },
	[TAG_ERR_DATA] = { 0, INLINE_MAX, false, "standard error too long" },
	[TAG_TEXT] = { 0, TEXT_MAX, false, "text too long" },
	[TAG_STRUCTURED] = { 0, STRUCTURED_MAX, true, "structured result too long or not UTF-8" },
	[TAG_ERROR] = { 0, LINE_MAX_BYTES, true, "error too long or not UTF-8" },
	[TAG_SUMMARY] = { 0, LINE_MAX_BYTES, true, "summary too long or not UTF-8" },
	[TAG_WARNING] = { 0, LINE_MAX_BYTES, true, "warning too long or not UTF-8" },
	[TAG_FILE] = { 1, PATH_MAX * 3, true, "name of a file empty, too long or not UTF-8" },
	[TAG_SESSION] = { 1, SESSION_MAX, true, "session empty, too long or not UTF-8" },
	[TAG_USAGE] = { USAGE_SIZE, USAGE_SIZE, false, "usage of another length" },
	[TAG_UNSURE] = { 0, 0, false, "a mark with something in it" },
};

/* A message while it is read; nothing in it but pointers into the frame. */
struct decoder {
	const char *data;
	size_t len;
	int64_t numbers[TAG_NUMBERS_END];
	bool seen[TAG_COUNT];
	const char *why;
};

static void put_number(char *out, uint64_t value, size_t width)
{
	for (size_t i = 0; i < width; i++)
		out[i] = (char)(value >> (8 * i) & 0xff);
}

static uint64_t get_number(const char *in, size_t width)
{
	uint64_t value = 0;

	for (size_t i = 0; i < width; i++)
		value |= (uint64_t)(unsigned char)in[i] << (8 * i);
	return value;
}

static void add_field(struct buf *out, enum tag tag, const void *data, size_t len)
{
	char header[FIELD_HEADER];

	header[0] = (char)tag;
	put_number(header + 1, len, 4);
	buf_add(out, header, sizeof(header));
	if (len > 0)
		buf_add(out, data, len);
}

static void add_number(struct buf *out, enum tag tag, int64_t value)
{
	char bytes[8];

	/* a strange clock or counter must not cost the result */
	if (value < rules[tag].min)
		value = rules[tag].min;
	if (value > rules[tag].max)
		value = rules[tag].max;
	put_number(bytes, (uint64_t)value, sizeof(bytes));
	add_field(out, tag, bytes, sizeof(bytes));
}

static void add_count(struct buf *out, enum tag tag, uint64_t value)
{
	add_number(out, tag, value > (uint64_t)NUMBER_MAX ? NUMBER_MAX : (int64_t)value);
}

/* At most `max` bytes of it, ending with a whole character. */
static size_t cut_utf8(const char *s, size_t len, size_t max)
{
	if (len <= max)
		return len;
	while (max > 0 && ((unsigned char)s[max] & 0xc0) == 0x80)
		max--;
	return max;
}

static void add_text(struct buf *out, enum tag tag, const char *s)
{
	struct buf fixed = BUF_INIT;

	if (s == NULL)
		return;
	text_utf8(&fixed, s, strlen(s));
	/* the names of files alone may hold any character */
	for (size_t i = 0; tag != TAG_FILE && i < fixed.len; i++) {
		if (fixed.data[i] == '\n' || fixed.data[i] == '\r')
			fixed.data[i] = ' ';
	}
	add_field(out, tag, buf_str(&fixed),
	    cut_utf8(buf_str(&fixed), fixed.len, (size_t)rules[tag].max));
	buf_free(&fixed);
}

static void add_answer(struct buf *out, const struct result *r)
{
	const char *warning = r->warning;

	if (r->has_text) {
		size_t len = cut_utf8(buf_str(&r->text), r->text.len, TEXT_MAX);

		add_field(out, TAG_TEXT, buf_str(&r->text), len);
		if (len < r->text.len && warning == NULL)
			warning = "the answer was longer than 2 MiB; the rest was cut off";
	}
	add_text(out, TAG_WARNING, warning);
}

static void add_streams(struct buf *out, const struct result *r)
{
	add_count(out, TAG_OUT_BYTES, r->out.bytes);
	add_count(out, TAG_OUT_DROPPED, r->out.dropped);
	add_number(out, TAG_OUT_SPILLED, r->out.spilled);
	add_number(out, TAG_OUT_ERRNO, r->out.spill_errno);
	add_count(out, TAG_ERR_BYTES, r->err.bytes);
	add_count(out, TAG_ERR_DROPPED, r->err.dropped);
	add_number(out, TAG_ERR_SPILLED, r->err.spilled);
	add_number(out, TAG_ERR_ERRNO, r->err.spill_errno);
	add_field(out, TAG_OUT_DATA, r->out.data.data, r->out.data.len);
	add_field(out, TAG_ERR_DATA, r->err.data.data, r->err.data.len);
}

static int64_t clamp_tokens(int64_t tokens)
{
	return tokens < 0 ? 0 : tokens > TOKENS_MAX ? TOKENS_MAX : tokens;
}

static void add_usage(struct buf *out, const struct usage *u)
{
	char bytes[USAGE_SIZE];
	double told = u->usd_known ? u->usd : -1;
	uint64_t usd;

	if (!u->known)
		return;
	memcpy(&usd, &told, sizeof(usd));
	put_number(bytes, (uint64_t)clamp_tokens(u->input_tokens), 8);
	put_number(bytes + 8, (uint64_t)clamp_tokens(u->output_tokens), 8);
	put_number(bytes + 16, usd, 8);
	add_field(out, TAG_USAGE, bytes, sizeof(bytes));
}

static void add_fields(struct buf *out, const struct result *r)
{
	add_number(out, TAG_STATUS, (int64_t)r->status);
	add_number(out, TAG_REASON, (int64_t)r->reason);
	add_number(out, TAG_EXIT, r->exit_status);
	add_number(out, TAG_SIGNAL, r->signal);
	add_number(out, TAG_STARTED, r->started_ms);
	add_number(out, TAG_FINISHED, r->finished_ms);
	add_number(out, TAG_DURATION, r->duration_ms);
	add_count(out, TAG_MAX_RSS, r->max_rss_kb);
	add_number(out, TAG_CPU, r->cpu_ms);
	add_number(out, TAG_LEFTOVERS, r->leftovers);
	add_number(out, TAG_RETRY, r->retry_ms);
	add_number(out, TAG_RESETS, r->resets_ms);
	add_streams(out, r);
	add_answer(out, r);
	add_text(out, TAG_ERROR, r->error);
	add_text(out, TAG_SUMMARY, r->summary);
	if (r->structured != NULL)
		add_field(out, TAG_STRUCTURED, r->structured, strlen(r->structured));
	for (size_t i = 0; i < r->nfiles; i++)
		add_text(out, TAG_FILE, r->files[i]);
	add_text(out, TAG_SESSION, r->session);
	add_usage(out, &r->usage);
	if (r->unsure)
		add_field(out, TAG_UNSURE, NULL, 0);
}

/* Appends a header without the length, which end_frame() sets. Returns where it is. */
static size_t begin_frame(struct buf *out, enum message_type type)
{
	char header[MESSAGE_HEADER] = { 0 };
	size_t start = out->len;

	memcpy(header, magic, sizeof(magic));
	header[4] = MESSAGE_VERSION;
	header[5] = (char)type;
	buf_add(out, header, sizeof(header));
	return start;
}

static void end_frame(struct buf *out, size_t start)
{
	put_number(out->data + start + 8, out->len - start - MESSAGE_HEADER, 4);
}

void message_encode_result(struct buf *out, const struct result *r)
{
	size_t start = begin_frame(out, MESSAGE_RESULT);

	add_fields(out, r);
	end_frame(out, start);
}

void message_encode_output(struct buf *out, bool is_err, const void *data, size_t len)
{
	size_t start = begin_frame(out, MESSAGE_OUTPUT);

	buf_addch(out, is_err ? 1 : 0);
	buf_add(out, data, len);
	end_frame(out, start);
}

void message_encode_pressure(struct buf *out, enum reason reason, int64_t retry_ms)
{
	size_t start = begin_frame(out, MESSAGE_PRESSURE);
	char bytes[PRESSURE_SIZE];

	bytes[0] = (char)reason;
	put_number(bytes + 1, (uint64_t)(retry_ms < 0 ? 0 : retry_ms), 8);
	buf_add(out, bytes, sizeof(bytes));
	end_frame(out, start);
}

void message_encode_tail(struct buf *out, const char *line, size_t len)
{
	size_t start = begin_frame(out, MESSAGE_TAIL);

	if (len > 0)
		buf_add(out, line, len);
	end_frame(out, start);
}

static ssize_t no_frame(const char **why, const char *text)
{
	*why = text;
	return -1;
}

ssize_t message_frame(const char *data, size_t len, enum message_type *type, const char **why)
{
	size_t length;

	if (len == 0)
		return 0;
	if (memcmp(data, magic, len < sizeof(magic) ? len : sizeof(magic)) != 0)
		return no_frame(why, "not a message of a worker");
	if (len < MESSAGE_HEADER)
		return 0;
	if (data[4] != MESSAGE_VERSION)
		return no_frame(why, "unknown version of message");
	if (data[5] < MESSAGE_RESULT || data[5] > MESSAGE_TAIL)
		return no_frame(why, "unknown type of message");
	if (data[6] != 0 || data[7] != 0)
		return no_frame(why, "reserved bytes are not zero");
	*type = (enum message_type)data[5];
	length = (size_t)get_number(data + 8, 4);
	if (length > (*type == MESSAGE_OUTPUT ? MESSAGE_OUTPUT_MAX + 1 : MESSAGE_MAX))
		return no_frame(why, "message too long");
	return len - MESSAGE_HEADER < length ? 0 : (ssize_t)(MESSAGE_HEADER + length);
}

static bool wrong(struct decoder *d, const char *why)
{
	d->why = why;
	return false;
}

static bool take_number(struct decoder *d, unsigned tag, const char *data, size_t len)
{
	uint64_t raw;
	int64_t value;

	if (len != 8)
		return wrong(d, "an integer that is not eight bytes long");
	raw = get_number(data, 8);
	/* two's complement, written out because the plain conversion is the compiler's choice */
	value = raw <= INT64_MAX ? (int64_t)raw : -1 - (int64_t)(UINT64_MAX - raw);
	if (value < rules[tag].min || value > rules[tag].max)
		return wrong(d, rules[tag].wrong);
	d->numbers[tag] = value;
	return true;
}

static bool take_usage(struct decoder *d, const char *data, struct usage *u)
{
	uint64_t input = get_number(data, 8), output = get_number(data + 8, 8);
	uint64_t bits = get_number(data + 16, 8);
	double usd;

	memcpy(&usd, &bits, sizeof(usd));
	if (input > (uint64_t)TOKENS_MAX || output > (uint64_t)TOKENS_MAX || !isfinite(usd))
		return wrong(d, "usage out of range");
	*u = (struct usage){
		.known = true,
		.input_tokens = (int64_t)input,
		.output_tokens = (int64_t)output,
		.usd_known = usd >= 0,
		.usd = usd >= 0 ? usd : 0,
	};
	return true;
}

static bool take_session(struct decoder *d, const char *data, size_t len, struct result *r)
{
	char *session = xmemdup0(data, len);

	result_set_session(r, session);
	free(session);
	return r->session != NULL || wrong(d, "a session that is no word");
}

static bool take_bytes(struct decoder *d, unsigned tag, const char *data, size_t len,
    struct result *r)
{
	if (len < (size_t)rules[tag].min || len > (size_t)rules[tag].max)
		return wrong(d, rules[tag].wrong);
	if (rules[tag].utf8 && (memchr(data, '\0', len) != NULL || !utf8_valid(data, len)))
		return wrong(d, rules[tag].wrong);
	switch (tag) {
	case TAG_OUT_DATA:
		buf_add(&r->out.data, data, len);
		break;
	case TAG_ERR_DATA:
		buf_add(&r->err.data, data, len);
		break;
	case TAG_TEXT:
		r->has_text = true;
		buf_add(&r->text, data, len);
		break;
	case TAG_STRUCTURED:
		r->structured = xmemdup0(data, len);
		break;
	case TAG_ERROR:
		r->error = xmemdup0(data, len);
		break;
	case TAG_SUMMARY:
		r->summary = xmemdup0(data, len);
		break;
	case TAG_WARNING:
		r->warning = xmemdup0(data, len);
		break;
	case TAG_FILE:
		if (r->nfiles == FILES_MAX)
			return wrong(d, "too many files");
		r->files = xreallocarray(r->files, r->nfiles + 1, sizeof(r->files[0]));
		r->files[r->nfiles++] = xmemdup0(data, len);
		break;
	case TAG_SESSION:
		return take_session(d, data, len, r);
	case TAG_USAGE:
		return take_usage(d, data, &r->usage);
	case TAG_UNSURE:
		r->unsure = true;
		break;
	default:
		return wrong(d, "unknown field");
	}
	return true;
}

static bool take_field(struct decoder *d, struct result *r)
{
	unsigned tag;
	size_t len;
	const char *data;

	if (d->len < FIELD_HEADER)
		return wrong(d, "a field is cut off");
	tag = (unsigned char)d->data[0];
	len = (size_t)get_number(d->data + 1, 4);
	data = d->data + FIELD_HEADER;
	if (len > d->len - FIELD_HEADER)
		return wrong(d, "a field is longer than the message");
	if (tag == 0 || tag >= TAG_COUNT)
		return wrong(d, "unknown field");
	if (d->seen[tag] && tag != TAG_FILE)
		return wrong(d, "a field stands twice");
	d->seen[tag] = true;
	d->data = data + len;
	d->len -= FIELD_HEADER + len;
	if (tag < TAG_NUMBERS_END)
		return take_number(d, tag, data, len);
	return take_bytes(d, tag, data, len, r);
}

static bool check_stream(struct decoder *d, const struct stream *s)
{
	if (s->dropped > s->bytes)
		return wrong(d, "a stream of which more was dropped than written");
	if (s->spilled && s->data.len > 0)
		return wrong(d, "a stream both in the message and in a file");
	return true;
}

static bool one_line(const char *s)
{
	return s == NULL || strpbrk(s, "\n\r") == NULL;
}

static size_t characters(const char *s)
{
	size_t count = 0;

	for (; *s != '\0'; s++)
		count += ((unsigned char)*s & 0xc0) != 0x80;
	return count;
}

static bool is_object(const char *structured)
{
	struct json_error error;
	cJSON *tree = json_parse(structured, strlen(structured), &error);
	bool object = cJSON_IsObject(tree);

	cJSON_Delete(tree);
	return object && one_line(structured);
}

/* What holds between the fields. */
static bool check_result(struct decoder *d, const struct result *r)
{
	if (!check_stream(d, &r->out) || !check_stream(d, &r->err))
		return false;
	if (r->exit_status >= 0 && r->signal != 0)
		return wrong(d, "both an exit status and a signal");
	if (!one_line(r->error) || !one_line(r->summary) || !one_line(r->warning))
		return wrong(d, "an error, summary or warning of more than one line");
	/* one more for the mark that it was cut */
	if (r->summary != NULL && characters(r->summary) > SUMMARY_MAX + 1)
		return wrong(d, "summary too long");
	if (r->structured != NULL && !is_object(r->structured))
		return wrong(d, "structured result that is no JSON object on one line");
	return true;
}

static bool set_numbers(struct decoder *d, struct result *r)
{
	for (int tag = TAG_STATUS; tag < TAG_NUMBERS_END; tag++) {
		if (!d->seen[tag])
			return wrong(d, "a field is missing");
	}
	r->status = (enum result_status)d->numbers[TAG_STATUS];
	r->reason = (enum reason)d->numbers[TAG_REASON];
	r->exit_status = (int)d->numbers[TAG_EXIT];
	r->signal = (int)d->numbers[TAG_SIGNAL];
	r->started_ms = d->numbers[TAG_STARTED];
	r->finished_ms = d->numbers[TAG_FINISHED];
	r->duration_ms = d->numbers[TAG_DURATION];
	r->out.bytes = (uint64_t)d->numbers[TAG_OUT_BYTES];
	r->out.dropped = (uint64_t)d->numbers[TAG_OUT_DROPPED];
	r->out.spilled = d->numbers[TAG_OUT_SPILLED] != 0;
	r->out.spill_errno = (int)d->numbers[TAG_OUT_ERRNO];
	r->err.bytes = (uint64_t)d->numbers[TAG_ERR_BYTES];
	r->err.dropped = (uint64_t)d->numbers[TAG_ERR_DROPPED];
	r->err.spilled = d->numbers[TAG_ERR_SPILLED] != 0;
	r->err.spill_errno = (int)d->numbers[TAG_ERR_ERRNO];
	r->max_rss_kb = (uint64_t)d->numbers[TAG_MAX_RSS];
	r->cpu_ms = d->numbers[TAG_CPU];
	r->leftovers = (unsigned)d->numbers[TAG_LEFTOVERS];
	r->retry_ms = d->numbers[TAG_RETRY];
	r->resets_ms = d->numbers[TAG_RESETS];
	return true;
}

static bool decode_fields(struct decoder *d, struct result *r)
{
	while (d->len > 0) {
		if (!take_field(d, r))
			return false;
	}
	return set_numbers(d, r) && check_result(d, r);
}

/* Whether this is one whole frame of that type. */
static bool check_frame(const char *frame, size_t len, enum message_type expected, const char **why)
{
	enum message_type type;
	ssize_t size = message_frame(frame, len, &type, why);

	if (size < 0)
		return false;
	if (size == 0 || (size_t)size != len) {
		*why = "a frame of another length";
		return false;
	}
	*why = "a message of another type";
	return type == expected;
}

bool message_decode_output(const char *frame, size_t len, bool *is_err, const char **data,
    size_t *data_len, const char **why)
{
	if (!check_frame(frame, len, MESSAGE_OUTPUT, why))
		return false;
	if (len == MESSAGE_HEADER || (frame[MESSAGE_HEADER] != 0 && frame[MESSAGE_HEADER] != 1)) {
		*why = "a piece of output of no known stream";
		return false;
	}
	*is_err = frame[MESSAGE_HEADER] == 1;
	*data = frame + MESSAGE_HEADER + 1;
	*data_len = len - MESSAGE_HEADER - 1;
	return true;
}

bool message_decode_pressure(const char *frame, size_t len, enum reason *reason, int64_t *retry_ms,
    const char **why)
{
	uint64_t ms;

	if (!check_frame(frame, len, MESSAGE_PRESSURE, why))
		return false;
	*why = "a sign of pressure out of range";
	if (len != MESSAGE_HEADER + PRESSURE_SIZE)
		return false;
	*reason = (enum reason)frame[MESSAGE_HEADER];
	if (*reason != REASON_RATE_LIMIT && *reason != REASON_QUOTA && *reason != REASON_AUTH)
		return false;
	ms = get_number(frame + MESSAGE_HEADER + 1, 8);
	*retry_ms = (int64_t)ms;
	return ms <= (uint64_t)TIME_MAX_MS;
}

bool message_decode_tail(const char *frame, size_t len, const char **line, size_t *line_len,
    const char **why)
{
	if (!check_frame(frame, len, MESSAGE_TAIL, why))
		return false;
	*line = frame + MESSAGE_HEADER;
	*line_len = len - MESSAGE_HEADER;
	*why = "a line of output too long or not UTF-8";
	if (*line_len > MESSAGE_TAIL_MAX || !utf8_valid(*line, *line_len))
		return false;
	for (size_t i = 0; i < *line_len; i++) {
		if ((unsigned char)(*line)[i] < ' ')
			return false;
	}
	return true;
}

bool message_decode_result(const char *frame, size_t len, struct result *r, const char **why)
{
	struct decoder d = { 0 };
	struct result decoded;

	if (!check_frame(frame, len, MESSAGE_RESULT, why))
		return false;
	d.data = frame + MESSAGE_HEADER;
	d.len = len - MESSAGE_HEADER;
	result_init(&decoded);
	if (!decode_fields(&d, &decoded)) {
		*why = d.why;
		result_free(&decoded);
		return false;
	}
	result_free(r);
	*r = decoded;
	return true;
}
