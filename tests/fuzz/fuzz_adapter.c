/*
 * The bytes of a client, of whatever adapter: what is made of them does not depend on where the stream
 * was cut, keeps within the limits of a result, and a success has an answer. The first byte names the
 * adapter and the exit status, the rest is standard output up to a byte 0x01, then standard error.
 */
#include <string.h>

#include "shared/message.h"
#include "shared/text.h"
#include "tests/fuzz/fuzz.h"
#include "workers/adapter.h"

#define ERR_MARK 0x01

static void feed(struct reader *reader, bool is_err, const char *data, size_t len, size_t piece)
{
	for (size_t at = 0; at < len; at += piece) {
		struct sign seen;

		reader_feed(reader, is_err, data + at, len - at < piece ? len - at : piece, &seen);
		MUST(seen.reason == REASON_NONE || seen.reason == REASON_RATE_LIMIT ||
		    seen.reason == REASON_QUOTA || seen.reason == REASON_AUTH);
		MUST(seen.retry_ms >= 0);
	}
}

static void hear(struct result *r, enum adapter adapter, int status, const char *data, size_t len,
    size_t piece)
{
	const char *mark = memchr(data, ERR_MARK, len);
	size_t out = mark != NULL ? (size_t)(mark - data) : len;
	struct reader *reader = reader_new(adapter);

	result_init(r);
	r->exit_status = status;
	r->status = status == 0 ? RESULT_SUCCEEDED : RESULT_FAILED;
	r->reason = status == 0 ? REASON_NONE : REASON_EXIT;
	if (status != 0)
		result_set_error(r, "exit %d", status);
	feed(reader, false, data, out, piece);
	if (mark != NULL)
		feed(reader, true, mark + 1, len - out - 1, piece);
	MUST(utf8_valid(reader_activity(reader), strlen(reader_activity(reader))));
	MUST(strpbrk(reader_activity(reader), "\n\r\033") == NULL);
	reader_finish(reader, r);
	reader_free(reader);
}

/* A worker sends it, so it must be good for that. */
static void check_sent(const struct result *r)
{
	struct buf frame = BUF_INIT;
	struct result copy;
	const char *why = NULL;

	message_encode_result(&frame, r);
	result_init(&copy);
	MUST(message_decode_result(frame.data, frame.len, &copy, &why));
	result_free(&copy);
	buf_free(&frame);
}

static void check(const struct result *r, bool text)
{
	MUST(r->status == RESULT_SUCCEEDED || r->error != NULL);
	MUST((r->status == RESULT_SUCCEEDED) == (r->reason == REASON_NONE));
	MUST(r->text.len <= TEXT_MAX);
	MUST(r->retry_ms >= 0 && r->resets_ms >= 0);
	MUST(text || r->has_text);
	MUST(text || r->status == RESULT_FAILED || r->text.len > 0);
	check_sent(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct result whole, cut;
	enum adapter adapter;
	int status;

	if (size == 0)
		return 0;
	adapter = (enum adapter)(data[0] % ADAPTER_COUNT);
	status = data[0] / ADAPTER_COUNT % 2 == 0 ? 0 : 145;
	if (adapter == ADAPTER_NONE)
		return 0;
	hear(&whole, adapter, status, (const char *)data + 1, size - 1, size);
	hear(&cut, adapter, status, (const char *)data + 1, size - 1, 1 + data[0] % 7);
	check(&whole, adapter == ADAPTER_TEXT);
	MUST(whole.status == cut.status && whole.reason == cut.reason);
	MUST(strcmp(whole.error != NULL ? whole.error : "", cut.error != NULL ? cut.error : "") ==
	    0);
	MUST(whole.text.len == cut.text.len &&
	    (whole.text.len == 0 || memcmp(whole.text.data, cut.text.data, cut.text.len) == 0));
	result_free(&whole);
	result_free(&cut);
	return 0;
}
