/* Frames of the block of progress from what a run does. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/text.h"
#include "shared/width.h"
#include "supervisor/progress/progress_block.h"

Suite *progress_block_suite(void);

static struct block block;

static void teardown(void)
{
	block_free(&block);
}

static struct block_view view_of(size_t width, size_t height)
{
	return (struct block_view){ .width = width,
		.height = height,
		.utf8 = true,
		.step = 2,
		.nsteps = 5,
		.title = "implement",
		.done = 37,
		.total = 120,
		.failed = 2 };
}

static struct block_row row(const char *id, int64_t age_s, int64_t silent_s, const char *said)
{
	return (struct block_row){ .id = id,
		.attempt = 1,
		.age_ms = age_s * 1000,
		.silent_ms = silent_s * 1000,
		.usual_ms = -1,
		.said = said,
		.said_len = said != NULL ? strlen(said) : 0 };
}

static const char *line(size_t i)
{
	ck_assert_uint_lt(i, block.count);
	return buf_str(&block.lines[i]);
}

static void expect(size_t i, const char *text)
{
	ck_assert_str_eq(line(i), text);
}

/* What holds for every frame: it fits, says so, and cannot act on the terminal. */
static void check_frame(const struct block_view *v)
{
	ck_assert_uint_ge(block.count, 1);
	ck_assert_uint_le(block.count, BLOCK_LINES_MAX);
	if (block.count > 1)
		ck_assert_uint_le(block.count, v->height / 2);
	for (size_t i = 0; i < block.count; i++) {
		const char *text = line(i);
		ck_assert_uint_eq(width_of(text), block.widths[i]);
		ck_assert_uint_lt(block.widths[i], v->width > 1 ? v->width : 2);
		ck_assert(utf8_valid(text, strlen(text)));
		for (const char *p = text; *p != '\0'; p++)
			ck_assert_msg((unsigned char)*p >= ' ' && *p != 0x7f, "%s", text);
	}
}

START_TEST(as_specified)
{
	struct block_row rows[] = { row("ui-forms", 160, 45, NULL),
		row("api-client", 192, 1, "Editing src/client.c") };
	struct block_view v = view_of(81, 24);
	rows[1].attempt = 2;
	v.rows = rows;
	v.nrows = 2;
	v.retrying = 1;
	v.tokens_known = true;
	v.tokens = 412300;
	v.usd_known = true;
	v.usd = 1.84;
	block_draw(&block, &v);
	check_frame(&v);
	ck_assert_uint_eq(block.count, 3);
	expect(0,
	    " step 2/5 implement   37/120 done  2 failed  2 running  1 retrying   412k tokens");
	/* the longest silent one first */
	expect(1, "   ui-forms        2m40s   silent for 45s");
	expect(2, "   api-client  #2  3m12s   Editing src/client.c");
	v.width = 90;
	block_draw(&block, &v);
	expect(0,
	    " step 2/5 implement   37/120 done  2 failed  2 running  1 retrying   412k tokens"
	    "  $1.84");
}
END_TEST

START_TEST(line_one_survives_any_width)
{
	struct block_view v = view_of(75, 24);
	v.tokens_known = v.usd_known = true;
	v.retrying = 3;
	block_draw(&block, &v);
	expect(0, " step 2/5 implement   37/120 done  2 failed  0 running  3 retrying");
	v.title = "a title that is far longer than what is left for it";
	block_draw(&block, &v);
	ck_assert_ptr_nonnull(strstr(line(0), "step 2/5 a title that is"));
	ck_assert_ptr_nonnull(strstr(line(0), "3 retrying"));
	v.width = 50;
	block_draw(&block, &v);
	expect(0, " step 2/5   37/120 done  2 failed  0 running");
	v.width = 40;
	block_draw(&block, &v);
	expect(0, " 37/120 done  2 failed  0 running");
	v.width = 39;
	block_draw(&block, &v);
	ck_assert_uint_eq(block.count, 1);
	expect(0, "37/120 2!");
	v.width = 8;
	block_draw(&block, &v);
	expect(0, "37/120…");
	for (v.width = 1; v.width <= 200; v.width++) {
		block_draw(&block, &v);
		check_frame(&v);
		if (v.width >= 10)
			ck_assert_ptr_nonnull(strstr(line(0), "37/120"));
	}
}
END_TEST

START_TEST(of_a_stream_and_of_one_step)
{
	struct block_view v = view_of(80, 24);
	v.nsteps = 1;
	v.failed = 0;
	v.total = UINT64_MAX;
	block_draw(&block, &v);
	expect(0, " 37 done  0 running");
}
END_TEST

START_TEST(low_terminals_get_fewer_rows)
{
	struct block_row rows[8];
	struct block_view v = view_of(80, 24);
	char ids[8][8];
	for (int i = 0; i < 8; i++) {
		snprintf(ids[i], sizeof ids[i], "t%d", i);
		rows[i] = row(ids[i], 100 - i, 0, NULL);
	}
	v.rows = rows;
	v.nrows = 8;
	for (v.height = 1; v.height < 60; v.height++) {
		block_draw(&block, &v);
		check_frame(&v);
	}
	v.height = 5;
	block_draw(&block, &v);
	ck_assert_uint_eq(block.count, 1);
	v.height = 10;
	block_draw(&block, &v);
	ck_assert_uint_eq(block.count, 5);
	expect(1, "   t0        1m40s");
	expect(4, "   +5 more running");
	v.height = 50;
	block_draw(&block, &v);
	ck_assert_uint_eq(block.count, 9);
	v.brief = true;
	block_draw(&block, &v);
	ck_assert_uint_eq(block.count, 1);
}
END_TEST

START_TEST(flags)
{
	struct block_row rows[] = { row("a", 130, 20, "the last words"), row("b", 90, 0, "busy"),
		row("c", 70, 0, NULL) };
	struct block_view v = view_of(80, 24);
	rows[0].usual_ms = 61000;
	rows[1].usual_ms = 89500;
	rows[2].stopping = true;
	v.rows = rows;
	v.nrows = 3;
	v.note = "results wait for a (-k)";
	block_draw(&block, &v);
	check_frame(&v);
	expect(1, "   a         2m10s   usually 1m01s, silent for 20s: the last words");
	/* not longer than usual */
	expect(2, "   b         1m30s   busy");
	expect(3, "   c         1m10s   stopping");
	expect(4, "   results wait for a (-k)");
}
END_TEST

START_TEST(colours_take_no_columns)
{
	struct block_row rows[] = { row("a", 130, 20, "words") };
	struct block_view v = view_of(60, 24);
	size_t widths[2];
	v.rows = rows;
	v.nrows = 1;
	v.retrying = 1;
	block_draw(&block, &v);
	widths[0] = block.widths[0];
	widths[1] = block.widths[1];
	v.color = true;
	block_draw(&block, &v);
	ck_assert_uint_eq(block.widths[0], widths[0]);
	ck_assert_uint_eq(block.widths[1], widths[1]);
	ck_assert_ptr_nonnull(strstr(line(0), "\033[31m2 failed\033[0m"));
	ck_assert_ptr_nonnull(strstr(line(1), "\033[33msilent for 20s\033[0m: words"));
}
END_TEST

static const char *const hostile[] = { "\033[2J\033[H\033]0;title\007", "\r\n\n\n\tbelow",
	"\xff\xfe\xc3(", "\u202Eevil\u2066", "\302\23331mred",
	"漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字",
	"\U0001F468\u200D\U0001F469\u200D\U0001F467\u200D\U0001F466 \U0001F1E9\U0001F1EA\U0001F1E9",
	"z\u0335\u0336\u0337\u0338\u0339\u033a\u033b\u033c\u033da\u0335\u0336\u0337\u0338\u0339lgo",
	"\u0301\u0301\u0301\u0301\u0301\u0301", "%s%n%d", "" };

START_TEST(hostile_text_does_nothing)
{
	const char *text = hostile[_i];
	for (size_t width = 20; width <= 200; width++) {
		struct block_row rows[] = { row("a", 130, 20, text), row("b", 5, 0, text) };
		struct block_view v = view_of(width, 24);
		v.rows = rows;
		v.nrows = 2;
		v.title = text;
		v.note = text;
		rows[0].id = text;
		rows[1].agent = text;
		block_draw(&block, &v);
		check_frame(&v);
		v.utf8 = false;
		block_draw(&block, &v);
		check_frame(&v);
		for (size_t i = 0; i < block.count; i++) {
			for (const char *p = line(i); *p != '\0'; p++)
				ck_assert_int_gt(*p, 0);
		}
	}
}
END_TEST

START_TEST(marks_do_not_pile_up)
{
	struct block_row rows[] = { row("a", 1, 0, "z\u0335\u0336\u0337\u0338\u0339\u033a.") };
	struct block_view v = view_of(80, 24);
	v.rows = rows;
	v.nrows = 1;
	block_draw(&block, &v);
	expect(1, "   a         1s   z\u0335\u0336\u0337.");
}
END_TEST

START_TEST(a_thousand_tasks_by_agent)
{
	static struct block_row rows[1000];
	static char ids[1000][8];
	struct block_view v = view_of(80, 24);
	for (int i = 0; i < 1000; i++) {
		snprintf(ids[i], sizeof ids[i], "t%d", i);
		rows[i] = row(ids[i], i + 1, i % 10 == 0 ? i / 10 : 0, "output");
		rows[i].agent = i < 700 ? "reviewer" : i < 950 ? "tester" : NULL;
	}
	v.rows = rows;
	v.nrows = 1000;
	block_draw(&block, &v);
	check_frame(&v);
	ck_assert_uint_eq(block.count, 9);
	ck_assert_ptr_nonnull(strstr(line(0), "1000 running"));
	expect(1, "   reviewer   700 running  oldest 11m40s  silent up to 1m09s");
	expect(2, "   tester     250 running  oldest 15m50s  silent up to 1m34s");
	expect(3, "   commands    50 running  oldest 16m40s  silent up to 1m39s");
	/* then those that are silent for longest */
	expect(4, "   t990      16m31s   silent for 1m39s: output");
	expect(8, "   t950      15m51s   silent for 1m35s: output");
	for (v.width = 20; v.width <= 200; v.width++) {
		block_draw(&block, &v);
		check_frame(&v);
	}
}
END_TEST

START_TEST(many_agents)
{
	static struct block_row rows[40];
	static char ids[40][8];
	static char agents[40][16];
	struct block_view v = view_of(80, 24);
	for (int i = 0; i < 40; i++) {
		snprintf(ids[i], sizeof ids[i], "t%d", i);
		snprintf(agents[i], sizeof agents[i], "agent%02d", i);
		rows[i] = row(ids[i], 1, 0, NULL);
		rows[i].agent = agents[i];
	}
	v.rows = rows;
	v.nrows = 40;
	block_draw(&block, &v);
	check_frame(&v);
	expect(1, "   agent00      1 running  oldest 1s");
	expect(5, "   +36 more agents");
	v.height = 6;
	block_draw(&block, &v);
	check_frame(&v);
	ck_assert_uint_eq(block.count, 3);
	/* twelve are shown one by one, where there is room */
	v.height = 24;
	v.nrows = 12;
	block_draw(&block, &v);
	ck_assert_uint_eq(block.count, 12);
	expect(11, "   +2 more running");
}
END_TEST

START_TEST(bytes_of_a_frame)
{
	struct block_row rows[] = { row("a", 1, 0, "x") };
	struct block_view v = view_of(60, 24);
	struct buf frame = BUF_INIT;
	v.rows = rows;
	v.nrows = 1;
	v.nsteps = 1;
	block_draw(&block, &v);
	block_frame(&frame, &block, 0);
	ck_assert_str_eq(buf_str(&frame),
	    "\033[?2026h\033[?7l\r"
	    " 37/120 done  2 failed  1 running\033[K\r\n"
	    "   a         1s   x\033[K\r\n"
	    "\033[J\033[?7h\033[?2026l");
	buf_reset(&frame);
	block_frame(&frame, &block, 3);
	ck_assert_ptr_nonnull(strstr(buf_str(&frame), "\033[?7l\r\033[3A 37"));
	buf_reset(&frame);
	block_erase(&frame, 2);
	ck_assert_str_eq(buf_str(&frame), "\r\033[2A\033[J");
	buf_free(&frame);
}
END_TEST

START_TEST(lines_after_a_resize)
{
	struct block_row rows[] = { row("a", 1, 0, "x") };
	struct block_view v = view_of(80, 24);
	v.rows = rows;
	v.nrows = 1;
	v.nsteps = 1;
	block_draw(&block, &v);
	ck_assert_uint_eq(block.widths[0], 33);
	ck_assert_uint_eq(block.widths[1], 19);
	ck_assert_uint_eq(block_height(&block, 200), 2);
	ck_assert_uint_eq(block_height(&block, 33), 2);
	ck_assert_uint_eq(block_height(&block, 32), 3);
	ck_assert_uint_eq(block_height(&block, 18), 4);
	ck_assert_uint_eq(block_height(&block, 16), 5);
	ck_assert_uint_eq(block_height(&block, 0), 2);
}
END_TEST

START_TEST(equal_frames)
{
	struct block other = { .count = 0 };
	struct block_view v = view_of(80, 24);
	block_draw(&block, &v);
	block_draw(&other, &v);
	ck_assert(block_equal(&block, &other));
	v.done++;
	block_draw(&other, &v);
	ck_assert(!block_equal(&block, &other));
	block_free(&other);
}
END_TEST

Suite *progress_block_suite(void)
{
	Suite *suite = suite_create("progress_block");
	TCase *tc = tcase_create("block");
	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_test(tc, as_specified);
	tcase_add_test(tc, line_one_survives_any_width);
	tcase_add_test(tc, of_a_stream_and_of_one_step);
	tcase_add_test(tc, low_terminals_get_fewer_rows);
	tcase_add_test(tc, flags);
	tcase_add_test(tc, colours_take_no_columns);
	tcase_add_loop_test(tc, hostile_text_does_nothing, 0,
	    (int)(sizeof hostile / sizeof *hostile));
	tcase_add_test(tc, marks_do_not_pile_up);
	tcase_add_test(tc, a_thousand_tasks_by_agent);
	tcase_add_test(tc, many_agents);
	tcase_add_test(tc, bytes_of_a_frame);
	tcase_add_test(tc, lines_after_a_resize);
	tcase_add_test(tc, equal_frames);
	suite_add_tcase(suite, tc);
	return suite;
}
