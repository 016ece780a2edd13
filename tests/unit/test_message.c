#include <check.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shared/message.h"
#include "shared/xalloc.h"

Suite *message_suite(void);

/* The tags of enum tag in message.c that are used here. */
enum {
	TAG_STATUS = 1,
	TAG_OUT_DATA = 21,
	TAG_TEXT = 23,
	TAG_STRUCTURED,
	TAG_ERROR,
	TAG_SUMMARY,
	TAG_WARNING,
	TAG_FILE,
	TAG_SESSION,
	TAG_USAGE,
	TAG_UNSURE
};

static void fill(struct result *r)
{
	result_init(r);
	r->status = RESULT_FAILED;
	r->reason = REASON_DEADLINE;
	r->exit_status = 255;
	result_set_error(r, "exit 255");
	r->started_ms = INT64_C(1795450805123);
	r->finished_ms = r->started_ms + 5;
	r->duration_ms = 5;
	buf_add(&r->out.data, "a\0\xff", 3);
	r->out.bytes = 3;
	r->err.spilled = true;
	r->err.bytes = INT64_C(1) << 40;
	r->err.dropped = 17;
	r->err.spill_errno = 28;
	r->has_text = true;
	buf_add(&r->text, "t\0t", 3);
	r->structured = xstrdup("{\"a\":1}");
	r->summary = xstrdup("s\xc3\xa4");
	result_add_file(r, "one");
	result_add_file(r, "two\nlines");
	r->warning = xstrdup("w");
	r->max_rss_kb = 123456789;
	r->cpu_ms = 42;
	r->leftovers = 3;
	r->usage = (struct usage){ true, 1200, TOKENS_MAX, true, 0.0125 };
	r->session = strdup("0199-ab");
	r->retry_ms = 6000;
	r->resets_ms = 1700000000000;
	r->unsure = true;
}

static struct buf encode(const struct result *r)
{
	struct buf frame = BUF_INIT;

	message_encode_result(&frame, r);
	return frame;
}

/* Decodes a copy of exactly that size, so that reading beyond it is seen. */
static bool decode(const char *frame, size_t len, struct result *r, const char **why)
{
	char *copy = malloc(len + (len == 0));
	bool good;

	memcpy(copy, frame, len);
	*why = NULL;
	good = message_decode_result(copy, len, r, why);
	free(copy);
	return good;
}

static void assert_refused(const struct buf *frame, const char *part)
{
	struct result r;
	const char *why;

	result_init(&r);
	ck_assert_msg(!decode(frame->data, frame->len, &r, &why), "accepted: %s", part);
	ck_assert_ptr_nonnull(why);
	ck_assert_msg(strstr(why, part) != NULL, "'%s', not '%s'", why, part);
	result_free(&r);
}

START_TEST(round_trip)
{
	struct result r;
	struct result back;
	struct buf frame;
	enum message_type type;
	const char *why;

	fill(&r);
	frame = encode(&r);
	ck_assert_int_eq(message_frame(frame.data, frame.len, &type, &why), (ssize_t)frame.len);
	ck_assert_int_eq(type, MESSAGE_RESULT);
	result_init(&back);
	ck_assert_msg(decode(frame.data, frame.len, &back, &why), "%s", why);
	ck_assert_int_eq(back.status, RESULT_FAILED);
	ck_assert_int_eq(back.reason, REASON_DEADLINE);
	ck_assert_int_eq(back.exit_status, 255);
	ck_assert_int_eq(back.signal, 0);
	ck_assert_str_eq(back.error, "exit 255");
	ck_assert_int_eq(back.started_ms, r.started_ms);
	ck_assert_int_eq(back.finished_ms, r.finished_ms);
	ck_assert_int_eq(back.duration_ms, 5);
	ck_assert_uint_eq(back.out.data.len, 3);
	ck_assert_mem_eq(back.out.data.data, "a\0\xff", 3);
	ck_assert_uint_eq(back.out.bytes, 3);
	ck_assert(!back.out.spilled);
	ck_assert(back.err.spilled);
	ck_assert_uint_eq(back.err.bytes, UINT64_C(1) << 40);
	ck_assert_uint_eq(back.err.dropped, 17);
	ck_assert_int_eq(back.err.spill_errno, 28);
	ck_assert(back.has_text);
	ck_assert_uint_eq(back.text.len, 3);
	ck_assert_mem_eq(back.text.data, "t\0t", 3);
	ck_assert_str_eq(back.structured, "{\"a\":1}");
	ck_assert_str_eq(back.summary, "s\xc3\xa4");
	ck_assert_uint_eq(back.nfiles, 2);
	ck_assert_str_eq(back.files[1], "two\nlines");
	ck_assert_str_eq(back.warning, "w");
	ck_assert_uint_eq(back.max_rss_kb, 123456789);
	ck_assert_int_eq(back.cpu_ms, 42);
	ck_assert_uint_eq(back.leftovers, 3);
	ck_assert(back.usage.known);
	ck_assert_int_eq(back.usage.input_tokens, 1200);
	ck_assert_int_eq(back.usage.output_tokens, TOKENS_MAX);
	ck_assert(back.usage.usd_known);
	ck_assert_double_eq(back.usage.usd, 0.0125);
	ck_assert_str_eq(back.session, "0199-ab");
	ck_assert_int_eq(back.retry_ms, 6000);
	ck_assert_int_eq(back.resets_ms, 1700000000000);
	ck_assert(back.unsure);
	result_free(&r);
	result_free(&back);
	buf_free(&frame);
}
END_TEST

START_TEST(minimal)
{
	struct result r;
	struct result back;
	struct buf frame;
	const char *why;

	result_init(&r);
	r.signal = 9;
	frame = encode(&r);
	/* what was in it before is released */
	result_init(&back);
	result_set_error(&back, "old");
	ck_assert(decode(frame.data, frame.len, &back, &why));
	ck_assert_int_eq(back.exit_status, -1);
	ck_assert_int_eq(back.signal, 9);
	ck_assert_ptr_null(back.error);
	ck_assert_ptr_null(back.structured);
	ck_assert_ptr_null(back.summary);
	ck_assert_ptr_null(back.warning);
	ck_assert(!back.has_text);
	ck_assert(!back.usage.known);
	ck_assert(!back.unsure);
	ck_assert_uint_eq(back.nfiles, 0);
	result_free(&back);
	buf_free(&frame);
}
END_TEST

START_TEST(output)
{
	struct buf frame = BUF_INIT;
	struct buf piece = BUF_INIT;
	struct result r;
	enum message_type type;
	const char *why;
	const char *data;
	size_t len;
	bool is_err = false;

	message_encode_output(&frame, true, "a\0b", 3);
	ck_assert_int_eq(message_frame(frame.data, frame.len - 1, &type, &why), 0);
	ck_assert_int_eq(message_frame(frame.data, frame.len, &type, &why), (ssize_t)frame.len);
	ck_assert_int_eq(type, MESSAGE_OUTPUT);
	ck_assert(message_decode_output(frame.data, frame.len, &is_err, &data, &len, &why));
	ck_assert(is_err);
	ck_assert_uint_eq(len, 3);
	ck_assert_mem_eq(data, "a\0b", 3);
	/* no result */
	result_init(&r);
	ck_assert(!message_decode_result(frame.data, frame.len, &r, &why));
	ck_assert_str_eq(why, "a message of another type");
	frame.data[MESSAGE_HEADER] = 2;
	ck_assert(!message_decode_output(frame.data, frame.len, &is_err, &data, &len, &why));
	ck_assert_ptr_nonnull(strstr(why, "no known stream"));

	/* empty pieces, and the longest */
	buf_reset(&frame);
	message_encode_output(&frame, false, "", 0);
	ck_assert(message_decode_output(frame.data, frame.len, &is_err, &data, &len, &why));
	ck_assert(!is_err);
	ck_assert_uint_eq(len, 0);
	frame.len--;
	frame.data[8] = 0;
	ck_assert(!message_decode_output(frame.data, frame.len, &is_err, &data, &len, &why));
	buf_reset(&frame);
	memset(buf_reserve(&piece, MESSAGE_OUTPUT_MAX), 'x', MESSAGE_OUTPUT_MAX);
	message_encode_output(&frame, false, piece.data, MESSAGE_OUTPUT_MAX);
	buf_free(&piece);
	ck_assert(message_decode_output(frame.data, frame.len, &is_err, &data, &len, &why));
	ck_assert_uint_eq(len, MESSAGE_OUTPUT_MAX);
	buf_reset(&frame);

	/* and a result is no output */
	message_encode_result(&frame, &r);
	ck_assert(!message_decode_output(frame.data, frame.len, &is_err, &data, &len, &why));
	buf_free(&frame);
}
END_TEST

START_TEST(pressure)
{
	struct buf frame = BUF_INIT;
	enum message_type type;
	enum reason reason;
	int64_t retry_ms;
	const char *why;

	message_encode_pressure(&frame, REASON_RATE_LIMIT, 2500);
	ck_assert_int_eq(message_frame(frame.data, frame.len, &type, &why), (ssize_t)frame.len);
	ck_assert_int_eq(type, MESSAGE_PRESSURE);
	ck_assert(message_decode_pressure(frame.data, frame.len, &reason, &retry_ms, &why));
	ck_assert_int_eq(reason, REASON_RATE_LIMIT);
	ck_assert_int_eq(retry_ms, 2500);
	/* no reason that is one of pressure, a time that is none, and one byte less */
	frame.data[MESSAGE_HEADER] = REASON_EXIT;
	ck_assert(!message_decode_pressure(frame.data, frame.len, &reason, &retry_ms, &why));
	frame.data[MESSAGE_HEADER] = REASON_QUOTA;
	frame.data[frame.len - 1] = 0x7f;
	ck_assert(!message_decode_pressure(frame.data, frame.len, &reason, &retry_ms, &why));
	frame.len--;
	frame.data[8]--;
	ck_assert(!message_decode_pressure(frame.data, frame.len, &reason, &retry_ms, &why));
	buf_free(&frame);
}
END_TEST

START_TEST(frames)
{
	struct result r;
	struct buf two = BUF_INIT;
	size_t one;
	enum message_type type;
	const char *why;

	fill(&r);
	message_encode_result(&two, &r);
	one = two.len;
	message_encode_result(&two, &r);
	for (size_t len = 0; len <= two.len; len++) {
		ssize_t size = message_frame(two.data, len, &type, &why);

		ck_assert_int_eq(size, len < one ? 0 : (ssize_t)one);
	}
	result_free(&r);
	buf_free(&two);
}
END_TEST

static const struct {
	const char *bytes;
	size_t len;
	const char *why;
} bad_frames[] = {
	{ "X", 1, "not a message" },
	{ "PLX", 3, "not a message" },
	{ "plrd", 4, "not a message" },
	{ "PLRD\2\1\0\0\0\0\0\0", 12, "version" },
	{ "PLRD\1\5\0\0\0\0\0\0", 12, "type" },
	{ "PLRD\1\0\0\0\0\0\0\0", 12, "type" },
	{ "PLRD\1\2\0\0\2\0\1\0", 12, "too long" },
	{ "PLRD\1\1\1\0\0\0\0\0", 12, "reserved" },
	{ "PLRD\1\1\0\1\0\0\0\0", 12, "reserved" },
	{ "PLRD\1\1\0\0\1\0\100\0", 12, "too long" },
	{ "PLRD\1\1\0\0\377\377\377\377", 12, "too long" },
};

START_TEST(bad_frame)
{
	enum message_type type;
	const char *why = NULL;

	ck_assert_int_eq(message_frame(bad_frames[_i].bytes, bad_frames[_i].len, &type, &why), -1);
	ck_assert_msg(strstr(why, bad_frames[_i].why) != NULL, "%s", why);
}
END_TEST

static void put(char *out, uint64_t value, size_t width)
{
	for (size_t i = 0; i < width; i++)
		out[i] = (char)(value >> (8 * i) & 0xff);
}

static uint32_t field_length(const char *field)
{
	uint32_t len = 0;

	for (int i = 0; i < 4; i++)
		len |= (uint32_t)(unsigned char)field[1 + i] << (8 * i);
	return len;
}

/* Where the field with this tag begins. */
static size_t find(const struct buf *frame, int tag)
{
	size_t at = MESSAGE_HEADER;

	while (at < frame->len && frame->data[at] != tag)
		at += 5 + field_length(frame->data + at);
	ck_assert_uint_lt(at, frame->len);
	return at;
}

static void set_length(struct buf *frame)
{
	put(frame->data + 8, frame->len - MESSAGE_HEADER, 4);
}

static void add_field(struct buf *frame, int tag, const char *data, size_t len)
{
	char header[5] = { (char)tag };

	put(header + 1, len, 4);
	buf_add(frame, header, 5);
	buf_add(frame, data, len);
	set_length(frame);
}

static void remove_field(struct buf *frame, int tag)
{
	size_t at = find(frame, tag);
	size_t len = 5 + field_length(frame->data + at);

	memmove(frame->data + at, frame->data + at + len, frame->len - at - len);
	frame->len -= len;
	set_length(frame);
}

static struct buf plain(void)
{
	struct result r;

	result_init(&r);
	return encode(&r);
}

static const struct {
	int tag;
	uint64_t value;
	const char *why;
} bad_numbers[] = {
	{ 1, RESULT_STATUS_COUNT, "status" },
	{ 1, UINT64_MAX, "status" },
	{ 1, UINT64_C(1) << 32, "status" },
	{ 2, REASON_COUNT, "reason" },
	{ 3, 256, "exit status" },
	{ 3, (uint64_t)-2, "exit status" },
	{ 4, 65, "signal" },
	{ 4, (uint64_t)-1, "signal" },
	{ 5, (uint64_t)-1, "start time" },
	{ 6, INT64_MAX, "finish" },
	{ 7, (uint64_t)INT64_MIN, "duration" },
	{ 8, UINT64_C(1) << 60, "standard output" },
	{ 9, 1, "dropped" },
	{ 10, 2, "standard output" },
	{ 11, (uint64_t)-1, "standard output" },
	{ 13, 1, "dropped" },
	{ 14, 2, "standard error" },
	{ 16, UINT64_MAX, "memory" },
	{ 17, UINT64_MAX, "time" },
	{ 18, UINT64_C(1) << 31, "leftover" },
};

START_TEST(bad_number)
{
	struct buf frame = plain();

	put(frame.data + find(&frame, bad_numbers[_i].tag) + 5, bad_numbers[_i].value, 8);
	assert_refused(&frame, bad_numbers[_i].why);
	buf_free(&frame);
}
END_TEST

START_TEST(number_missing)
{
	struct buf frame = plain();

	remove_field(&frame, _i);
	assert_refused(&frame, "missing");
	buf_free(&frame);
}
END_TEST

START_TEST(number_twice)
{
	struct buf frame = plain();

	add_field(&frame, _i, "\0\0\0\0\0\0\0\0", 8);
	assert_refused(&frame, "twice");
	buf_free(&frame);
}
END_TEST

/* One more field for a message that has none with bytes. */
static void assert_field_refused(int tag, const char *data, size_t len, const char *why)
{
	struct buf frame = plain();

	if (tag == TAG_OUT_DATA)
		remove_field(&frame, tag);
	add_field(&frame, tag, data, len);
	assert_refused(&frame, why);
	buf_free(&frame);
}

START_TEST(bad_bytes)
{
	char *big = malloc(TEXT_MAX + 1);

	memset(big, 'x', TEXT_MAX + 1);
	assert_field_refused(TAG_OUT_DATA, big, INLINE_MAX + 1, "standard output too long");
	assert_field_refused(TAG_TEXT, big, TEXT_MAX + 1, "text too long");
	assert_field_refused(TAG_STRUCTURED, big, STRUCTURED_MAX + 1, "structured");
	assert_field_refused(TAG_ERROR, big, 64 * 1024 + 1, "error");
	assert_field_refused(TAG_SUMMARY, big, SUMMARY_MAX + 2, "summary");
	assert_field_refused(TAG_FILE, big, 64 * 1024, "file");
	assert_field_refused(TAG_ERROR, "a\xff", 2, "UTF-8");
	assert_field_refused(TAG_ERROR, "a\0b", 3, "UTF-8");
	assert_field_refused(TAG_SUMMARY, "\xed\xa0\x80", 3, "UTF-8");
	assert_field_refused(TAG_WARNING, "\xc3", 1, "UTF-8");
	assert_field_refused(TAG_FILE, "\xc3", 1, "UTF-8");
	assert_field_refused(TAG_SESSION, "", 0, "session");
	assert_field_refused(TAG_SESSION, big, SESSION_MAX + 1, "session");
	assert_field_refused(TAG_SESSION, "a b", 3, "no word");
	assert_field_refused(TAG_SESSION, "-x", 2, "no word");
	assert_field_refused(TAG_FILE, "", 0, "file");
	assert_field_refused(TAG_STRUCTURED, "[]", 2, "JSON object");
	assert_field_refused(TAG_STRUCTURED, "{}x", 3, "JSON object");
	assert_field_refused(TAG_STRUCTURED, "", 0, "JSON object");
	assert_field_refused(TAG_STRUCTURED, "{\n}", 3, "JSON object");
	assert_field_refused(TAG_STRUCTURED, "{\"a\":1,\"a\":2}", 13, "JSON object");
	assert_field_refused(TAG_ERROR, "a\nb", 3, "more than one line");
	assert_field_refused(TAG_SUMMARY, "a\rb", 3, "more than one line");
	assert_field_refused(TAG_UNSURE, "x", 1, "a mark with something in it");
	assert_field_refused(TAG_UNSURE + 1, "", 0, "unknown field");
	assert_field_refused(255, "", 0, "unknown field");
	free(big);
}
END_TEST

/* Tokens in and out, and dollars. */
static void assert_usage_refused(uint64_t in, uint64_t out, double usd)
{
	char bytes[24];
	uint64_t bits;

	memcpy(&bits, &usd, sizeof(bits));
	put(bytes, in, 8);
	put(bytes + 8, out, 8);
	put(bytes + 16, bits, 8);
	assert_field_refused(TAG_USAGE, bytes, sizeof(bytes), "usage out of range");
}

START_TEST(bad_usage)
{
	assert_usage_refused(UINT64_MAX, 0, 0);
	assert_usage_refused(0, UINT64_C(1) << 60, 0);
	assert_usage_refused(0, 0, INFINITY);
	assert_usage_refused(0, 0, NAN);
	assert_field_refused(TAG_USAGE, "", 0, "another length");
	assert_field_refused(TAG_USAGE, "0123456789abcdef01234567x", 25, "another length");
}
END_TEST

START_TEST(tail_line)
{
	static const struct {
		const char *line;
		size_t len;
		bool good;
	} cases[] = {
		{ "", 0, true },
		{ "Editing src/main.c", 18, true },
		{ "\xe6\xbc\xa2", 3, true },
		{ "\xe6\xbc", 2, false },
		{ "a\nb", 3, false },
		{ "\033[2J", 4, false },
		{ "a\0b", 3, false },
	};
	char longest[MESSAGE_TAIL_MAX + 1];
	const char *line, *why;
	size_t len;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf frame = BUF_INIT;
		message_encode_tail(&frame, cases[i].line, cases[i].len);
		bool good = message_decode_tail(frame.data, frame.len, &line, &len, &why);
		ck_assert_int_eq(good, cases[i].good);
		if (good)
			ck_assert_uint_eq(len, cases[i].len);
		buf_free(&frame);
	}
	memset(longest, 'x', sizeof(longest));
	for (size_t more = 0; more < 2; more++) {
		struct buf frame = BUF_INIT;
		message_encode_tail(&frame, longest, MESSAGE_TAIL_MAX + more);
		ck_assert_int_eq(message_decode_tail(frame.data, frame.len, &line, &len, &why),
		    more == 0);
		buf_free(&frame);
	}
}
END_TEST

START_TEST(bad_shape)
{
	struct buf frame = plain();

	/* a field that ends after the message */
	buf_add(&frame, "\x17\xff\xff\xff\xff", 5);
	set_length(&frame);
	assert_refused(&frame, "longer than the message");
	frame.len -= 1;
	set_length(&frame);
	assert_refused(&frame, "cut off");
	buf_free(&frame);

	frame = plain();
	frame.data[find(&frame, TAG_STATUS) + 1] = 7;
	assert_refused(&frame, "");
	buf_free(&frame);

	/* frame and length do not agree */
	frame = plain();
	buf_addch(&frame, 'x');
	assert_refused(&frame, "another length");
	frame.len -= 2;
	assert_refused(&frame, "another length");
	buf_free(&frame);
}
END_TEST

START_TEST(contradictions)
{
	struct result r;
	struct buf frame;

	result_init(&r);
	r.exit_status = 1;
	r.signal = 9;
	frame = encode(&r);
	assert_refused(&frame, "both an exit status and a signal");
	buf_free(&frame);

	result_init(&r);
	buf_addstr(&r.out.data, "x");
	r.out.spilled = true;
	frame = encode(&r);
	assert_refused(&frame, "both in the message and in a file");
	buf_free(&frame);
	result_free(&r);
}
END_TEST

START_TEST(too_many_files)
{
	struct result r;
	struct buf frame;
	const char *why;

	result_init(&r);
	for (int i = 0; i < FILES_MAX; i++)
		result_add_file(&r, "f");
	frame = encode(&r);
	result_free(&r);
	ck_assert(decode(frame.data, frame.len, &r, &why));
	ck_assert_uint_eq(r.nfiles, FILES_MAX);
	add_field(&frame, TAG_FILE, "f", 1);
	assert_refused(&frame, "too many files");
	buf_free(&frame);
	result_free(&r);
}
END_TEST

/* The largest result fits; what a worker says too much of is cut, and does not cost the result. */
START_TEST(largest)
{
	struct result r;
	struct result back;
	struct buf frame;
	const char *why;
	char *name = malloc(8192);

	result_init(&r);
	memset(name, '\x01', 8191);
	name[8191] = '\0';
	for (int i = 0; i < FILES_MAX; i++)
		result_add_file(&r, name);
	result_set_error(&r, "%0100000d", 1);
	memset(buf_reserve(&r.out.data, INLINE_MAX), 'o', INLINE_MAX);
	r.out.data.len = INLINE_MAX;
	r.out.bytes = UINT64_MAX;
	r.has_text = true;
	for (int i = 0; i < TEXT_MAX / 2 + 1; i++)
		buf_addstr(&r.text, "\xc3\xa4");
	buf_addch(&r.text, '.');
	r.summary = xstrdup("one\ntwo");
	r.structured = malloc(STRUCTURED_MAX + 1);
	memset(r.structured, ' ', STRUCTURED_MAX);
	r.structured[0] = '{';
	r.structured[STRUCTURED_MAX - 1] = '}';
	r.structured[STRUCTURED_MAX] = '\0';
	frame = encode(&r);
	ck_assert_uint_le(frame.len, MESSAGE_HEADER + MESSAGE_MAX);
	result_init(&back);
	ck_assert_msg(decode(frame.data, frame.len, &back, &why), "%s", why);
	ck_assert_uint_eq(back.text.len, TEXT_MAX);
	ck_assert_str_eq(back.warning, "the answer was longer than 2 MiB; the rest was cut off");
	ck_assert_str_eq(back.summary, "one two");
	ck_assert_uint_eq(back.nfiles, FILES_MAX);
	buf_free(&frame);
	result_free(&r);
	result_free(&back);
	free(name);
}
END_TEST

/* Whatever one byte is changed to: refused with a reason, or a result that can be used. */
START_TEST(every_byte)
{
	struct result r;
	struct result back;
	struct buf frame;
	const char *why;

	fill(&r);
	frame = encode(&r);
	for (size_t i = 0; i < frame.len; i++) {
		for (unsigned flip = 1; flip < 256; flip <<= 1) {
			frame.data[i] = (char)((unsigned char)frame.data[i] ^ flip);
			result_init(&back);
			if (!decode(frame.data, frame.len, &back, &why))
				ck_assert_ptr_nonnull(why);
			result_free(&back);
			frame.data[i] = (char)((unsigned char)frame.data[i] ^ flip);
		}
	}
	for (size_t len = 0; len < frame.len; len++) {
		result_init(&back);
		ck_assert(!decode(frame.data, len, &back, &why));
		ck_assert_ptr_nonnull(why);
	}
	result_free(&r);
	buf_free(&frame);
}
END_TEST

Suite *message_suite(void)
{
	Suite *suite = suite_create("message");
	TCase *tc = tcase_create("message");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, round_trip);
	tcase_add_test(tc, minimal);
	tcase_add_test(tc, output);
	tcase_add_test(tc, frames);
	tcase_add_loop_test(tc, bad_frame, 0, sizeof(bad_frames) / sizeof(bad_frames[0]));
	tcase_add_loop_test(tc, bad_number, 0, sizeof(bad_numbers) / sizeof(bad_numbers[0]));
	tcase_add_loop_test(tc, number_missing, TAG_STATUS, TAG_OUT_DATA);
	tcase_add_loop_test(tc, number_twice, TAG_STATUS, TAG_OUT_DATA);
	tcase_add_test(tc, bad_bytes);
	tcase_add_test(tc, bad_usage);
	tcase_add_test(tc, pressure);
	tcase_add_test(tc, tail_line);
	tcase_add_test(tc, bad_shape);
	tcase_add_test(tc, contradictions);
	tcase_add_test(tc, too_many_files);
	tcase_add_test(tc, largest);
	tcase_add_test(tc, every_byte);
	suite_add_tcase(suite, tc);
	return suite;
}
