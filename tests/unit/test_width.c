#include <check.h>
#include <string.h>

#include "shared/width.h"

Suite *width_suite(void);

#define FAMILY "\U0001F468\u200D\U0001F469\u200D\U0001F467"
#define FLAG "\U0001F1E9\U0001F1EA"

START_TEST(columns)
{
	ck_assert_uint_eq(width_of(""), 0);
	ck_assert_uint_eq(width_of("abc"), 3);
	ck_assert_uint_eq(width_of("漢字"), 4);
	ck_assert_uint_eq(width_of("e\u0301"), 1);
	ck_assert_uint_eq(width_of("\U0001F600"), 2);
	ck_assert_uint_eq(width_of(FLAG), 2);
	ck_assert_uint_eq(width_of("\u2764\uFE0F"), 2);
	ck_assert_uint_eq(width_of("a\xff"), 2);
	ck_assert_uint_eq(width_of("\u200B"), 0);
}
END_TEST

START_TEST(characters_are_whole)
{
	size_t bytes;

	ck_assert_uint_eq(width_next("ab", &bytes), 1);
	ck_assert_uint_eq(bytes, 1);
	width_next(FAMILY "x", &bytes);
	ck_assert_uint_eq(bytes, strlen(FAMILY));
	ck_assert_uint_eq(width_next(FLAG FLAG, &bytes), 2);
	ck_assert_uint_eq(bytes, strlen(FLAG));
	ck_assert_uint_eq(width_next("e\u0301\u0302x", &bytes), 1);
	ck_assert_uint_eq(bytes, strlen("e\u0301\u0302"));
	ck_assert_uint_eq(width_next("\xf0\x9f", &bytes), 1);
	ck_assert_uint_eq(bytes, 1);
}
END_TEST

typedef size_t cut_fn(struct buf *out, const char *s, size_t max, const char *mark);

static void expect(cut_fn *cut, const char *s, size_t max, const char *expected)
{
	struct buf out = BUF_INIT;
	size_t taken = cut(&out, s, max, WIDTH_MARK);

	ck_assert_str_eq(buf_str(&out), expected);
	ck_assert_uint_eq(taken, width_of(expected));
	ck_assert_uint_le(taken, max);
	buf_free(&out);
}

START_TEST(cut_at_the_end)
{
	expect(width_add_cut, "abcdef", 6, "abcdef");
	expect(width_add_cut, "abcdef", 5, "abcd…");
	expect(width_add_cut, "abcdef", 1, "…");
	expect(width_add_cut, "abcdef", 0, "");
	expect(width_add_cut, "", 0, "");
	/* half a character is none */
	expect(width_add_cut, "漢字漢", 4, "漢…");
	expect(width_add_cut, "漢字漢", 5, "漢字…");
	expect(width_add_cut, "e\u0301e\u0301e\u0301", 2, "e\u0301…");
	expect(width_add_cut, "a" FAMILY "bc", 4, "a…");
}
END_TEST

START_TEST(cut_elsewhere)
{
	expect(width_add_cut_left, "abcdef", 4, "…def");
	expect(width_add_cut_left, "漢字漢", 4, "…漢");
	expect(width_add_cut_left, "abc", 3, "abc");
	expect(width_add_cut_left, "abc", 1, "…");
	expect(width_add_cut_left, "abc", 0, "");
	expect(width_add_cut_middle, "abcdefgh", 8, "abcdefgh");
	expect(width_add_cut_middle, "abcdefgh", 7, "abc…fgh");
	expect(width_add_cut_middle, "abcdefgh", 6, "abc…gh");
	expect(width_add_cut_middle, "abcdefgh", 2, "a…");
	expect(width_add_cut_middle, "abcdefgh", 1, "…");
	expect(width_add_cut_middle, "漢字漢字", 6, "漢…字");
}
END_TEST

START_TEST(never_wider)
{
	static const char *const texts[] = { "plain words here", "漢字かな交じり文",
		FAMILY FAMILY FLAG FLAG "x", "e\u0301\u0302\u0303 z\u0335a\u0336l\u0337g\u0338o",
		"\xff\xfe bad \xe2\x80" };
	static cut_fn *const cuts[] = { width_add_cut, width_add_cut_left, width_add_cut_middle };
	const char *text = texts[_i];

	for (size_t max = 0; max < 40; max++) {
		for (size_t i = 0; i < 3; i++) {
			struct buf out = BUF_INIT;
			size_t taken = cuts[i](&out, text, max, WIDTH_MARK_ASCII);

			ck_assert_uint_le(taken, max);
			ck_assert_uint_le(width_of(buf_str(&out)), max);
			buf_free(&out);
		}
	}
}
END_TEST

START_TEST(padding)
{
	struct buf out = BUF_INIT;

	width_pad(&out, 3, 5);
	ck_assert_str_eq(buf_str(&out), "  ");
	width_pad(&out, 5, 3);
	ck_assert_str_eq(buf_str(&out), "  ");
	buf_free(&out);
}
END_TEST

Suite *width_suite(void)
{
	Suite *suite = suite_create("width");
	TCase *tc = tcase_create("width");

	tcase_add_test(tc, columns);
	tcase_add_test(tc, characters_are_whole);
	tcase_add_test(tc, cut_at_the_end);
	tcase_add_test(tc, cut_elsewhere);
	tcase_add_loop_test(tc, never_wider, 0, 5);
	tcase_add_test(tc, padding);
	suite_add_tcase(suite, tc);
	return suite;
}
