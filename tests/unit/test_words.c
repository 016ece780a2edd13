#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "shared/buf.h"
#include "shared/words.h"

Suite *words_suite(void);

/* Words joined with '|', each in '<>', so that empty and missing ones differ. */
static void expect(const char *line, const char *expected)
{
	struct buf got = BUF_INIT;
	const char *why = NULL;
	char **words = words_split(line, &why);
	size_t i;

	ck_assert_msg(words != NULL, "'%s' was refused: %s", line, why);
	for (i = 0; words[i] != NULL; i++)
		buf_addf(&got, "<%s>", words[i]);
	ck_assert_str_eq(buf_str(&got), expected);
	buf_free(&got);
	words_free(words);
}

static void expect_refused(const char *line, const char *part)
{
	const char *why = NULL;

	ck_assert_ptr_null(words_split(line, &why));
	ck_assert_ptr_nonnull(why);
	ck_assert_msg(strstr(why, part) != NULL, "'%s': %s", line, why);
}

START_TEST(blanks)
{
	expect("", "");
	expect(" \t\n ", "");
	expect("a", "<a>");
	expect("  one two\tthree\nfour  ", "<one><two><three><four>");
}
END_TEST

START_TEST(single_quotes)
{
	expect("'a b' c", "<a b><c>");
	expect("''", "<>");
	expect("a'b c'd", "<ab cd>");
	expect("'\\n\"$x'", "<\\n\"$x>");
	expect("'a''b'", "<ab>");
}
END_TEST

START_TEST(double_quotes)
{
	expect("\"a b\"", "<a b>");
	expect("x \"\" y", "<x><><y>");
	expect("\"it's\"", "<it's>");
	expect("\"\\\"\\\\\\$\\`\"", "<\"\\$`>");
	expect("\"\\n\\a\\'\"", "<\\n\\a\\'>");
	expect("\"a\\\nb\"", "<ab>");
}
END_TEST

START_TEST(backslashes)
{
	expect("a\\ b", "<a b>");
	expect("\\'x\\'", "<'x'>");
	expect("\\\\n \\n", "<\\n><n>");
	expect("a\\\nb", "<ab>");
	expect("a \\\n b", "<a><b>");
	expect("end\\", "<end\\>");
}
END_TEST

START_TEST(nothing_else_is_special)
{
	expect("$HOME `id` *.c ~ | ; & > x # y", "<$HOME><`id`><*.c><~><|><;><&><>><x><#><y>");
	expect("{prompt_file} {a,b}", "<{prompt_file}><{a,b}>");
	expect("\xff\x80 \xc3\xa4", "<\xff\x80><\xc3\xa4>");
}
END_TEST

START_TEST(unclosed)
{
	expect_refused("'a", "single quote");
	expect_refused("a b '", "single quote");
	expect_refused("\"a", "double quote");
	expect_refused("'a' \"b\\\"", "double quote");
	expect_refused("it's", "single quote");
	expect_refused("\"\\", "double quote");
}
END_TEST

START_TEST(quote_and_split_are_inverse)
{
	static const char *const words[] = {
		"a",
		"",
		"a b",
		"it's",
		"\\",
		"\"",
		"$x",
		"new\nline",
		"{}",
		"~",
		"'",
		NULL,
	};
	struct buf line = BUF_INIT;
	const char *why;
	char **back;
	size_t i;

	for (i = 0; words[i] != NULL; i++) {
		buf_addch(&line, ' ');
		words_quote(&line, words[i]);
	}
	back = words_split(buf_str(&line), &why);
	ck_assert_ptr_nonnull(back);
	for (i = 0; words[i] != NULL; i++) {
		ck_assert_ptr_nonnull(back[i]);
		ck_assert_str_eq(back[i], words[i]);
	}
	ck_assert_ptr_null(back[i]);
	words_free(back);
	buf_free(&line);
}
END_TEST

START_TEST(quote_only_where_needed)
{
	struct buf line = BUF_INIT;

	words_quote(&line, "--file={prompt_file}");
	ck_assert_str_eq(buf_str(&line), "--file={prompt_file}");
	buf_reset(&line);
	words_quote(&line, "a b");
	ck_assert_str_eq(buf_str(&line), "'a b'");
	buf_free(&line);
}
END_TEST

START_TEST(many_words)
{
	struct buf line = BUF_INIT;
	const char *why;
	char **words;
	size_t i;

	for (i = 0; i < 10000; i++)
		buf_addf(&line, "w%zu ", i);
	words = words_split(buf_str(&line), &why);
	ck_assert_ptr_nonnull(words);
	ck_assert_str_eq(words[9999], "w9999");
	ck_assert_ptr_null(words[10000]);
	words_free(words);
	buf_free(&line);
}
END_TEST

Suite *words_suite(void)
{
	Suite *s = suite_create("words");
	TCase *t = tcase_create("words");

	tcase_add_test(t, blanks);
	tcase_add_test(t, single_quotes);
	tcase_add_test(t, double_quotes);
	tcase_add_test(t, backslashes);
	tcase_add_test(t, nothing_else_is_special);
	tcase_add_test(t, unclosed);
	tcase_add_test(t, quote_and_split_are_inverse);
	tcase_add_test(t, quote_only_where_needed);
	tcase_add_test(t, many_words);
	suite_add_tcase(s, t);
	return s;
}
