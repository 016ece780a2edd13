#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "shared/message.h"
#include "workers/relay.h"

Suite *relay_suite(void);

#define LIMITED \
	"{\"type\":\"error\",\"message\":\"Reconnecting... 1/5 (429 Too Many Requests, retry after 2s)\"}\n"
#define REFUSED \
	"{\"type\":\"error\",\"message\":\"Reconnecting... 1/5 (status 401 Unauthorized)\"}\n"
#define SAYS \
	"{\"type\":\"item.completed\",\"item\":{\"type\":\"agent_message\",\"text\":\"Yes.\"}}\n"

static void hear(struct relay *g, const char *text, int64_t now, struct buf *messages)
{
	relay_hear(g, false, text, strlen(text), now, messages);
}

/* Takes the first message, which must be such a sign. */
static void expect_pressure(struct buf *messages, enum reason reason, int64_t retry_ms)
{
	enum message_type type;
	enum reason found;
	const char *why;
	int64_t ms;
	ssize_t size = message_frame(buf_str(messages), messages->len, &type, &why);

	ck_assert_int_gt(size, 0);
	ck_assert_int_eq(type, MESSAGE_PRESSURE);
	ck_assert(message_decode_pressure(messages->data, (size_t)size, &found, &ms, &why));
	ck_assert_int_eq(found, reason);
	ck_assert_int_eq(ms, retry_ms);
	buf_consume(messages, (size_t)size);
}

static void expect_output(struct buf *messages, const char *text)
{
	enum message_type type;
	const char *why, *data;
	size_t len;
	bool is_err;
	ssize_t size = message_frame(buf_str(messages), messages->len, &type, &why);

	ck_assert_int_gt(size, 0);
	ck_assert_int_eq(type, MESSAGE_OUTPUT);
	ck_assert(message_decode_output(messages->data, (size_t)size, &is_err, &data, &len, &why));
	ck_assert(!is_err && len == strlen(text) && memcmp(data, text, len) == 0);
	buf_consume(messages, (size_t)size);
}

START_TEST(pressure_now_and_then)
{
	struct job job = { .kind = JOB_AGENT, .adapter = ADAPTER_CODEX };
	struct relay g;
	struct result r;
	struct buf messages = BUF_INIT;

	result_init(&r);
	relay_begin(&g, &job);
	hear(&g, LIMITED, 1000, &messages);
	expect_pressure(&messages, REASON_RATE_LIMIT, 2000);
	hear(&g, LIMITED, 1100, &messages);
	ck_assert_uint_eq(messages.len, 0);
	/* another kind is news */
	hear(&g, REFUSED, 1200, &messages);
	expect_pressure(&messages, REASON_AUTH, 0);
	hear(&g, LIMITED, 2000, &messages);
	expect_pressure(&messages, REASON_RATE_LIMIT, 2000);
	/* nobody watches */
	hear(&g, SAYS, 2000, &messages);
	ck_assert_uint_eq(messages.len, 0);
	ck_assert_str_eq(relay_activity(&g), "Yes.");
	relay_finish(&g, &r, &messages);
	ck_assert_uint_eq(messages.len, 0);
	ck_assert_str_eq(r.text.data, "Yes.");
	ck_assert_str_eq(relay_activity(&g), "");
	result_free(&r);
	buf_free(&messages);
}
END_TEST

START_TEST(what_is_said)
{
	struct job job = { .kind = JOB_AGENT, .adapter = ADAPTER_CODEX, .live = true };
	struct relay g;
	struct result r;
	struct buf messages = BUF_INIT;

	result_init(&r);
	relay_begin(&g, &job);
	ck_assert(g.shows);
	hear(&g, SAYS, 1000, &messages);
	expect_output(&messages, "Yes.\n");
	ck_assert_uint_eq(messages.len, 0);
	relay_finish(&g, &r, &messages);
	result_free(&r);
	buf_free(&messages);
}
END_TEST

/* More than one message can hold. */
START_TEST(long_text)
{
	struct job job = { .kind = JOB_AGENT, .adapter = ADAPTER_CODEX, .live = true };
	struct relay g;
	struct result r;
	struct buf messages = BUF_INIT, line = BUF_INIT;
	enum message_type type;
	const char *why;
	size_t sum = 0;

	result_init(&r);
	relay_begin(&g, &job);
	buf_addstr(&line,
	    "{\"type\":\"item.completed\",\"item\":{\"type\":\"agent_message\",\"text\":\"");
	for (size_t i = 0; i < 3 * MESSAGE_OUTPUT_MAX; i++)
		buf_addch(&line, 'x');
	buf_addstr(&line, "\"}}\n");
	hear(&g, line.data, 1000, &messages);
	while (messages.len > 0) {
		ssize_t size = message_frame(messages.data, messages.len, &type, &why);

		ck_assert_int_gt(size, 0);
		ck_assert_int_eq(type, MESSAGE_OUTPUT);
		sum += (size_t)size - MESSAGE_HEADER - 1;
		buf_consume(&messages, (size_t)size);
	}
	ck_assert_uint_eq(sum, 3 * MESSAGE_OUTPUT_MAX + 1);
	relay_finish(&g, &r, &messages);
	result_free(&r);
	buf_free(&line);
	buf_free(&messages);
}
END_TEST

/* Commands, agents of other programs, and clients that write text are not read, or not shown so. */
START_TEST(not_read)
{
	struct job command = { .kind = JOB_COMMAND, .adapter = ADAPTER_CODEX, .live = true };
	struct job other = { .kind = JOB_AGENT, .adapter = ADAPTER_NONE, .live = true };
	struct job text = { .kind = JOB_AGENT, .adapter = ADAPTER_TEXT, .live = true };
	struct relay g;
	struct result r;
	struct buf messages = BUF_INIT;

	result_init(&r);
	relay_begin(&g, &command);
	ck_assert(g.reader == NULL && !g.shows);
	relay_begin(&g, &other);
	ck_assert(g.reader == NULL && !g.shows);
	hear(&g, LIMITED, 1000, &messages);
	relay_finish(&g, &r, &messages);
	relay_begin(&g, &text);
	ck_assert(g.reader != NULL && !g.shows);
	relay_finish(&g, &r, &messages);
	ck_assert_uint_eq(messages.len, 0);
	ck_assert(!r.has_text);
	result_free(&r);
}
END_TEST

Suite *relay_suite(void)
{
	Suite *s = suite_create("relay");
	TCase *t = tcase_create("relay");

	tcase_add_test(t, pressure_now_and_then);
	tcase_add_test(t, what_is_said);
	tcase_add_test(t, long_text);
	tcase_add_test(t, not_read);
	suite_add_tcase(s, t);
	return s;
}
