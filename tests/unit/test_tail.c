/* The newest line of a task's output. */
#include <check.h>
#include <string.h>

#include "shared/message.h"
#include "shared/text.h"
#include "workers/tail.h"

Suite *tail_suite(void);

static struct tail tail;
static struct buf sent;

static void setup(void)
{
	tail = (struct tail){ .every_ms = 500 };
}

static void teardown(void)
{
	tail_free(&tail);
	buf_free(&sent);
}

static void add(const char *text)
{
	tail_add(&tail, false, text, strlen(text));
}

/* The message that is sent now. */
static void expect(const char *line)
{
	const char *got, *why;
	size_t len;

	buf_reset(&sent);
	tail.next_at = 0;
	tail_take(&tail, 1, &sent);
	ck_assert_msg(message_decode_tail(sent.data, sent.len, &got, &len, &why), "%s", why);
	ck_assert_uint_eq(len, strlen(line));
	ck_assert(len == 0 || memcmp(got, line, len) == 0);
}

START_TEST(the_newest_complete_line)
{
	add("one\ntwo\nthr");
	expect("two");
	add("ee");
	expect("two");
	add("\n");
	expect("three");
	add("four\nfive\n");
	expect("five");
}
END_TEST

START_TEST(lines_that_say_nothing_are_passed_over)
{
	add("words\n\n---\n   \n");
	expect("words");
	add("\n=====\n");
	expect("words");
}
END_TEST

START_TEST(a_carriage_return_ends_a_line)
{
	add("10 %\r20 %\r30");
	expect("20 %");
	add(" %\r\n");
	expect("30 %");
}
END_TEST

START_TEST(streams_do_not_mix)
{
	add("of stand");
	tail_add(&tail, true, "error\n", 6);
	expect("error");
	add("ard output\n");
	expect("of standard output");
}
END_TEST

START_TEST(made_safe_and_short)
{
	static char text[4000];

	add("\033[1;31mred\033[0m \007bell\n");
	expect("red bell");
	add("a\xff z\n");
	expect("a\xef\xbf\xbd z");
	for (size_t i = 0; i < 300; i++)
		strcat(text, "漢");
	strcat(text, "\n");
	add(text);
	buf_reset(&sent);
	tail.next_at = 0;
	tail_take(&tail, 1, &sent);
	ck_assert_uint_le(tail.line.len, MESSAGE_TAIL_MAX);
	ck_assert_uint_ge(tail.line.len, MESSAGE_TAIL_MAX - 3);
	ck_assert(utf8_valid(tail.line.data, tail.line.len));
}
END_TEST

START_TEST(a_line_that_does_not_end)
{
	static char piece[64 * 1024];

	memset(piece, 'x', sizeof(piece));
	for (int i = 0; i < 100; i++)
		tail_add(&tail, false, piece, sizeof(piece));
	ck_assert_uint_le(tail.open[0].len, 1024);
	expect("");
	add("\nafter\n");
	expect("after");
}
END_TEST

START_TEST(not_too_often)
{
	ck_assert_int_eq(tail_wait(&tail, 1000), -1);
	add("a\n");
	ck_assert_int_eq(tail_wait(&tail, 1000), 0);
	tail_take(&tail, 1000, &sent);
	ck_assert_uint_gt(sent.len, 0);
	ck_assert_int_eq(tail_wait(&tail, 1000), -1);
	add(".");
	ck_assert_int_eq(tail_wait(&tail, 1100), 400);
	buf_reset(&sent);
	tail_take(&tail, 1100, &sent);
	ck_assert_uint_eq(sent.len, 0);
	/* that it is alive is told although there is no new line */
	tail_take(&tail, 1500, &sent);
	ck_assert_uint_eq(sent.len, MESSAGE_HEADER + 1);
}
END_TEST

Suite *tail_suite(void)
{
	Suite *suite = suite_create("tail");
	TCase *tc = tcase_create("tail");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_newest_complete_line);
	tcase_add_test(tc, lines_that_say_nothing_are_passed_over);
	tcase_add_test(tc, a_carriage_return_ends_a_line);
	tcase_add_test(tc, streams_do_not_mix);
	tcase_add_test(tc, made_safe_and_short);
	tcase_add_test(tc, a_line_that_does_not_end);
	tcase_add_test(tc, not_too_often);
	suite_add_tcase(suite, tc);
	return suite;
}
