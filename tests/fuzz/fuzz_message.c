/*
 * The bytes of a worker that may lie: no frame is read past its end, what is accepted is within the
 * limits, and what is encoded again says the same.
 */
#include <string.h>

#include "shared/message.h"
#include "shared/text.h"
#include "tests/fuzz/fuzz.h"

static void check_limits(const struct result *r)
{
	MUST((unsigned)r->status < RESULT_STATUS_COUNT);
	MUST((unsigned)r->reason < REASON_COUNT);
	MUST(r->nfiles <= FILES_MAX);
	MUST(r->out.data.len <= INLINE_MAX);
	MUST(r->err.data.len <= INLINE_MAX);
	MUST(r->error == NULL || utf8_valid(r->error, strlen(r->error)));
	MUST(r->summary == NULL || utf8_valid(r->summary, strlen(r->summary)));
	MUST(r->structured == NULL || strlen(r->structured) <= STRUCTURED_MAX);
}

static void check_again(const struct result *r)
{
	struct buf first = BUF_INIT, second = BUF_INIT;
	struct result copy;
	const char *why = NULL;
	enum message_type type;

	message_encode_result(&first, r);
	MUST(message_frame(first.data, first.len, &type, &why) == (ssize_t)first.len);
	MUST(type == MESSAGE_RESULT);
	result_init(&copy);
	MUST(message_decode_result(first.data, first.len, &copy, &why));
	message_encode_result(&second, &copy);
	MUST(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
	result_free(&copy);
	buf_free(&first);
	buf_free(&second);
}

static void check_output(const char *frame, size_t size)
{
	struct buf again = BUF_INIT;
	const char *why = NULL, *data;
	size_t len;
	bool is_err;

	if (!message_decode_output(frame, size, &is_err, &data, &len, &why)) {
		MUST(why != NULL);
		return;
	}
	MUST(data >= frame && len <= size && data + len <= frame + size);
	message_encode_output(&again, is_err, data, len);
	MUST(again.len == size && memcmp(again.data, frame, size) == 0);
	buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum message_type type = 0;
	const char *why = NULL;
	ssize_t frame = message_frame((const char *)data, size, &type, &why);

	MUST(frame >= -1);
	MUST(frame != -1 || why != NULL);
	if (frame <= 0)
		return 0;
	MUST((size_t)frame <= size && (size_t)frame <= MESSAGE_HEADER + MESSAGE_MAX);
	if (type == MESSAGE_OUTPUT)
		check_output((const char *)data, (size_t)frame);
	if (type != MESSAGE_RESULT)
		return 0;

	struct result r;
	result_init(&r);
	if (message_decode_result((const char *)data, (size_t)frame, &r, &why)) {
		check_limits(&r);
		check_again(&r);
	} else {
		MUST(why != NULL);
	}
	result_free(&r);
	return 0;
}
