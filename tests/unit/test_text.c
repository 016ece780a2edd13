#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/text.h"

Suite *text_suite(void);

/* A literal with its length, NULs included. */
#define BYTES(literal) literal, sizeof(literal) - 1

static void check_buf(struct buf *b, const char *expected)
{
	ck_assert_str_eq(buf_str(b), expected);
	ck_assert_uint_eq(b->len, strlen(expected));
	buf_free(b);
}

static void check_safe(const char *in, size_t len, const char *expected)
{
	struct buf out = BUF_INIT;

	ck_assert_uint_eq(text_safe(&out, in, len, true), len);
	check_buf(&out, expected);
}

static void check_safe_line(const char *in, size_t len, const char *expected)
{
	struct buf out = BUF_INIT;

	text_safe_line(&out, in, len);
	check_buf(&out, expected);
}

static void check_summary_max(const char *in, size_t len, size_t max, const char *expected)
{
	struct buf out = BUF_INIT;

	text_summary(&out, in, len, max);
	check_buf(&out, expected);
}

static void check_summary(const char *in, const char *expected)
{
	check_summary_max(in, strlen(in), 200, expected);
}

START_TEST(valid_utf8)
{
	ck_assert(utf8_valid(NULL, 0));
	ck_assert(utf8_valid(BYTES("a\0b")));
	ck_assert(utf8_valid(BYTES("\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xef\xbf\xbf")));
	ck_assert(utf8_valid(BYTES("\xed\x9f\xbf \xee\x80\x80 \xf0\x90\x80\x80 \xf4\x8f\xbf\xbf")));
}
END_TEST

START_TEST(invalid_utf8)
{
	static const char *const bad[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf",
		"\xe0\x9f\xbf",
		"\xf0\x8f\xbf\xbf",
		"\xed\xa0\x80",
		"\xed\xbf\xbf",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xff",
		"\xc3",
		"\xe2\x82",
		"\xf0\x9f\x98",
		"\xc3z",
		"\xe2\x82z",
		"\xe2z\x82",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!utf8_valid(bad[i], strlen(bad[i])), "bad[%zu]", i);
}
END_TEST

START_TEST(safe_leaves_text_alone)
{
	check_safe(NULL, 0, "");
	check_safe(BYTES("plain\ttext\n"), "plain\ttext\n");
	check_safe(BYTES("a\\x1b stays"), "a\\x1b stays");
	check_safe(BYTES("caf\xc3\xa9 \xe4\xb8\xad\xe6\x96\x87 \xd7\xa9"),
	    "caf\xc3\xa9 \xe4\xb8\xad\xe6\x96\x87 \xd7\xa9");
	/* A family joined by U+200D, a heart with U+FE0F. */
	check_safe(BYTES("\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9 \xe2\x9d\xa4\xef\xb8\x8f"),
	    "\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9 \xe2\x9d\xa4\xef\xb8\x8f");
}
END_TEST

START_TEST(safe_escapes_controls)
{
	check_safe(BYTES("\x1b[2J"), "\\x1b[2J");
	check_safe(BYTES("a\0b"), "a\\x00b");
	check_safe(BYTES("a\r\nb\x7f"), "a\\x0d\nb\\x7f");
	check_safe(BYTES("\xc2\x9b;31m"), "\\u{9b};31m");
	check_safe(BYTES("\xc2\x80\xc2\x9f\xc2\xa0"), "\\u{80}\\u{9f}\xc2\xa0");
}
END_TEST

/* Every byte below 0x20, and 0x7f, but newline and tab: none reaches the output. */
START_TEST(safe_escapes_each_control_byte)
{
	struct buf out = BUF_INIT;
	char c = (char)_i, expected[8];

	snprintf(expected, sizeof(expected), "\\x%02x", (unsigned)_i);
	text_safe(&out, &c, 1, true);
	if (c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7f))
		ck_assert(out.len == 1 && out.data[0] == c);
	else
		ck_assert_str_eq(buf_str(&out), expected);
	buf_free(&out);
}
END_TEST

START_TEST(safe_escapes_bidi)
{
	static const unsigned codes[] = {
		0x061c,
		0x200e,
		0x200f,
		0x2028,
		0x2029,
		0x202a,
		0x202b,
		0x202c,
		0x202d,
		0x202e,
		0x2066,
		0x2067,
		0x2068,
		0x2069,
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		unsigned c = codes[i];
		char in[] = { (char)(0xe0 | c >> 12), (char)(0x80 | (c >> 6 & 63)),
			(char)(0x80 | (c & 63)), 'x' };
		char expected[16];

		if (c < 0x800) {
			in[0] = 'x';
			in[1] = (char)(0xc0 | c >> 6);
		}
		snprintf(expected, sizeof(expected), c < 0x800 ? "x\\u{%x}x" : "\\u{%x}x", c);
		check_safe(in, sizeof(in), expected);
	}
	check_safe(BYTES("\xe2\x80\x8b\xe2\x80\xaf\xe2\x81\xaa"),
	    "\xe2\x80\x8b\xe2\x80\xaf\xe2\x81\xaa");
}
END_TEST

START_TEST(safe_escapes_invalid_bytes)
{
	check_safe(BYTES("a\xffz\xc3"), "a\\xffz\\xc3");
	check_safe(BYTES("\xe2\x82"), "\\xe2\\x82");
	check_safe(BYTES("\xe2\x82\xc3\xa9"), "\\xe2\\x82\xc3\xa9");
	check_safe(BYTES("\xed\xa0\x80"), "\\xed\\xa0\\x80");
	check_safe(BYTES("\xc0\x9b"), "\\xc0\\x9b");
}
END_TEST

/* However a stream is cut into pieces, the whole is the same. */
START_TEST(safe_in_pieces)
{
	static const char in[] =
	    "a\xe2\x82\xac\x1b\xf0\x9f\x98\x80\xe2\x80\xae\xff\xc3\xa9z\xf0\x9f";
	struct buf whole = BUF_INIT, pieces = BUF_INIT, kept = BUF_INIT;
	size_t len = sizeof(in) - 1, used;

	text_safe(&whole, in, len, true);
	for (size_t step = 1; step <= 5; step++) {
		buf_reset(&pieces);
		buf_reset(&kept);
		for (size_t at = 0; at < len; at += step) {
			size_t n = step < len - at ? step : len - at;

			buf_add(&kept, in + at, n);
			used = text_safe(&pieces, kept.data, kept.len, at + n == len);
			ck_assert_uint_le(kept.len - used, 3);
			buf_consume(&kept, used);
		}
		ck_assert_uint_eq(kept.len, 0);
		ck_assert_str_eq(buf_str(&pieces), buf_str(&whole));
	}
	buf_free(&whole);
	buf_free(&pieces);
	buf_free(&kept);
}
END_TEST

START_TEST(safe_keeps_only_what_can_go_on)
{
	struct buf out = BUF_INIT;

	ck_assert_uint_eq(text_safe(&out, BYTES("ab\xf0\x9f\x98"), false), 2);
	ck_assert_uint_eq(text_safe(&out, BYTES("\xe0\x80"), false), 2);
	check_buf(&out, "ab\\xe0\\x80");
}
END_TEST

START_TEST(safe_line)
{
	check_safe_line(BYTES("a\nb\tc\r"), "a\\nb\\tc\\x0d");
	check_safe_line(BYTES("\xc3\xa9\xff\xe2\x80\xae\xe2\x82"),
	    "\xc3\xa9\\xff\\u{202e}\\xe2\\x82");
	check_safe_line(BYTES("a\0b"), "a\\x00b");
	check_safe_line(NULL, 0, "");
}
END_TEST

START_TEST(safe_once_is_enough)
{
	ck_assert_str_eq(safe(safe("x\n\x1b\\\xff")), "x\\n\\x1b\\\\xff");
}
END_TEST

START_TEST(safe_string_cut)
{
	char in[600];

	memset(in, 'a', sizeof(in));
	in[500] = '\0';
	ck_assert_str_eq(safe(in), in);
	in[500] = 'a';
	in[599] = '\0';
	ck_assert_uint_eq(strlen(safe(in)), 500);
	ck_assert_str_eq(safe(in) + 497, "...");
	/* No half of an escape, and no half of a character. */
	in[495] = '\x1b';
	ck_assert_str_eq(safe(in) + 494, "a...");
	memcpy(in + 495, "\xe2\x82\xac", 3);
	ck_assert_str_eq(safe(in) + 494, "a...");
}
END_TEST

START_TEST(safe_has_eight_buffers)
{
	const char *texts[8];
	char name[2] = "a";

	for (int i = 0; i < 8; i++) {
		name[0] = (char)('a' + i);
		texts[i] = safe(name);
	}
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(texts[i][0], 'a' + i);
}
END_TEST

START_TEST(replace_invalid)
{
	struct buf out = BUF_INIT;

	ck_assert(!text_utf8(&out, NULL, 0));
	ck_assert(!text_utf8(&out, BYTES("\x1b\xc3\xa9")));
	check_buf(&out, "\x1b\xc3\xa9");
	ck_assert(text_utf8(&out, BYTES("a\xff\xe2\x82z")));
	check_buf(&out, "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz");
}
END_TEST

START_TEST(summary_finds_the_line)
{
	check_summary("", "");
	check_summary("\n\n  \n", "");
	check_summary("---\n===\n***\n", "");
	check_summary("plain", "plain");
	check_summary("\n\n  \t could not find schema \t \nmore", "could not find schema");
	check_summary("\r\n\r\nfirst\r\nsecond\r\n", "first");
	check_summary("10%\r20%\rdone\n", "10%");
	check_summary("```json\n{\n  \"ok\": true\n", "\"ok\": true");
	check_summary("~~~\ntext\n~~~\n", "text");
	check_summary("```\n", "");
}
END_TEST

START_TEST(summary_removes_marks)
{
	check_summary("# Result\n", "Result");
	check_summary("###### deep", "deep");
	check_summary("##\n\nafter", "after");
	check_summary("- one\n- two", "one");
	check_summary("  * one", "one");
	check_summary("+ one", "one");
	check_summary("1. one", "one");
	check_summary("12) one", "one");
	check_summary("- ## one", "one");
	check_summary("1.\n2.\nafter", "after");
	check_summary("#include <stdio.h>", "#include <stdio.h>");
	check_summary("-1 is wrong", "-1 is wrong");
	check_summary("3.14", "3.14");
	check_summary("42", "42");
	check_summary("1986. It rained.", "1986. It rained.");
	check_summary("**bold** text", "**bold** text");
}
END_TEST

START_TEST(summary_in_any_script)
{
	check_summary("\xe2\x80\x94\n\xe4\xb8\xad\xe6\x96\x87\n", "\xe4\xb8\xad\xe6\x96\x87");
	check_summary("\xf0\x9f\x98\x80\n\xd9\xa3\n", "\xd9\xa3");
}
END_TEST

START_TEST(summary_cleans)
{
	check_summary("\x1b[1;32mok\x1b[0m\tdone\x07", "ok done");
	check_summary("\x1b]0;title\x07text", "text");
	check_summary("\x1b]0;title\x1b\\text", "text");
	check_summary("\x1b[31m\n\x1b[", "");
	check_summary("a\xff\xe2\x80\xaez", "a\xef\xbf\xbdz");
	check_summary_max(BYTES("a\0b"), 200, "ab");
}
END_TEST

START_TEST(summary_cut)
{
	check_summary_max(BYTES("abcdef"), 6, "abcdef");
	check_summary_max(BYTES("abcdefg"), 6, "abcde\xe2\x80\xa6");
	check_summary_max(BYTES("abcd fg"), 6, "abcd\xe2\x80\xa6");
	check_summary_max(BYTES("\xc3\xa9\xc3\xa9\xc3\xa9"), 3, "\xc3\xa9\xc3\xa9\xc3\xa9");
	check_summary_max(BYTES("\xc3\xa9\xc3\xa9\xc3\xa9"), 2, "\xc3\xa9\xe2\x80\xa6");
	check_summary_max(BYTES("abc"), 1, "\xe2\x80\xa6");
	check_summary_max(BYTES("abc"), 0, "");
	check_summary_max(BYTES("a"), 1, "a");
}
END_TEST

START_TEST(summary_of_an_endless_line)
{
	size_t len = 1024 * 1024;
	char *in = malloc(len);
	struct buf out = BUF_INIT;

	memset(in, '-', len);
	text_summary(&out, in, len, 200);
	ck_assert_uint_eq(out.len, 0);
	memset(in, 'x', len);
	text_summary(&out, in, len, 200);
	ck_assert_uint_eq(out.len, 199 + 3);
	buf_free(&out);
	free(in);
}
END_TEST

START_TEST(tail)
{
	static const char in[] = "one\ntwo\n\nfour\n";
	size_t len = sizeof(in) - 1;

	ck_assert_str_eq(text_tail(in, len, 1), "four\n");
	ck_assert_str_eq(text_tail(in, len, 2), "\nfour\n");
	ck_assert_str_eq(text_tail(in, len, 3), "two\n\nfour\n");
	ck_assert_str_eq(text_tail(in, len, 4), in);
	ck_assert_str_eq(text_tail(in, len, 400), in);
	ck_assert_str_eq(text_tail(in, len, 0), "");
	ck_assert_str_eq(text_tail(in, len - 1, 1), "four\n");
	ck_assert_str_eq(text_tail("\n", 1, 1), "\n");
	ck_assert_str_eq(text_tail("\n\n", 2, 1), "\n");
	ck_assert_ptr_null(text_tail(NULL, 0, 5));
}
END_TEST

/* RFC 4648, section 10. */
static const char *const base64_pairs[][2] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
	{ "\xfb\xff\xfe", "+//+" },
};

START_TEST(base64_vectors)
{
	const char *plain = base64_pairs[_i][0], *coded = base64_pairs[_i][1];
	struct buf out = BUF_INIT;

	base64_encode(&out, plain, strlen(plain));
	check_buf(&out, coded);
	ck_assert(base64_decode(&out, coded, strlen(coded)));
	check_buf(&out, plain);
}
END_TEST

START_TEST(base64_all_bytes)
{
	unsigned char in[256];
	struct buf coded = BUF_INIT, out = BUF_INIT;

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (unsigned char)i;
	for (size_t len = 0; len <= sizeof(in); len++) {
		buf_reset(&coded);
		buf_reset(&out);
		buf_addstr(&out, "kept");
		base64_encode(&coded, in, len);
		ck_assert_uint_eq(coded.len, (len + 2) / 3 * 4);
		ck_assert(base64_decode(&out, coded.data, coded.len));
		ck_assert_uint_eq(out.len, len + 4);
		ck_assert_mem_eq(out.data, "kept", 4);
		ck_assert_mem_eq(out.data + 4, in, len);
	}
	buf_free(&coded);
	buf_free(&out);
}
END_TEST

START_TEST(base64_refuses)
{
	static const char *const bad[] = {
		"Z",
		"Zg",
		"Zg=",
		"Zg==\n",
		"Z===",
		"====",
		"Zh==",
		"Zm9=",
		"Zm9v ",
		"Zg==Zg==",
		"Zm-v",
		"Zm_v",
		"=Zm9",
		"Zm9v====",
		"Zm\xc3v",
	};
	struct buf out = BUF_INIT;

	buf_addstr(&out, "kept");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(!base64_decode(&out, bad[i], strlen(bad[i])), "'%s'", bad[i]);
		ck_assert_uint_eq(out.len, 4);
		ck_assert_str_eq(out.data, "kept");
	}
	buf_free(&out);
}
END_TEST

Suite *text_suite(void)
{
	Suite *s = suite_create("text");
	TCase *t = tcase_create("text");

	tcase_add_test(t, valid_utf8);
	tcase_add_test(t, invalid_utf8);
	tcase_add_test(t, safe_leaves_text_alone);
	tcase_add_test(t, safe_escapes_controls);
	tcase_add_loop_test(t, safe_escapes_each_control_byte, 0, 128);
	tcase_add_test(t, safe_escapes_bidi);
	tcase_add_test(t, safe_escapes_invalid_bytes);
	tcase_add_test(t, safe_in_pieces);
	tcase_add_test(t, safe_keeps_only_what_can_go_on);
	tcase_add_test(t, safe_line);
	tcase_add_test(t, safe_once_is_enough);
	tcase_add_test(t, safe_string_cut);
	tcase_add_test(t, safe_has_eight_buffers);
	tcase_add_test(t, replace_invalid);
	tcase_add_test(t, summary_finds_the_line);
	tcase_add_test(t, summary_removes_marks);
	tcase_add_test(t, summary_in_any_script);
	tcase_add_test(t, summary_cleans);
	tcase_add_test(t, summary_cut);
	tcase_add_test(t, summary_of_an_endless_line);
	tcase_add_test(t, tail);
	tcase_add_loop_test(t, base64_vectors, 0,
	    (int)(sizeof(base64_pairs) / sizeof(base64_pairs[0])));
	tcase_add_test(t, base64_all_bytes);
	tcase_add_test(t, base64_refuses);
	suite_add_tcase(s, t);
	return s;
}
