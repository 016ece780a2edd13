#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "shared/buf.h"
#include "supervisor/input/frontmatter.h"

Suite *frontmatter_suite(void);

static struct frontmatter *must_read(const char *text)
{
	const char *why = NULL;
	struct frontmatter *fm = frontmatter_read(text, strlen(text), &why);

	ck_assert_msg(fm != NULL, "refused: %s", why != NULL ? why : "no front matter");
	return fm;
}

/* The value of key "k" when the front matter is `inside`. */
static void expect(const char *inside, const char *value)
{
	struct buf text = BUF_INIT;
	struct frontmatter *fm;
	const struct frontmatter_key *key;

	buf_addf(&text, "---\n%s\nlast: end\n---\nbody\n", inside);
	fm = must_read(buf_str(&text));
	key = frontmatter_find(fm, "k");
	ck_assert_msg(key != NULL, "no key in: %s", inside);
	ck_assert_str_eq(key->value, value);
	key = frontmatter_find(fm, "last");
	ck_assert_msg(key != NULL, "the key after it is lost: %s", inside);
	ck_assert_str_eq(key->value, "end");
	ck_assert_str_eq(buf_str(&text) + fm->body, "body\n");
	frontmatter_free(fm);
	buf_free(&text);
}

/* The items of "k", each in '<>'; "none" when it is no list. */
static void expect_items(const char *inside, const char *expected)
{
	struct buf text = BUF_INIT, got = BUF_INIT;
	struct frontmatter *fm;
	const struct frontmatter_key *key;
	size_t i;

	buf_addf(&text, "---\n%s\nlast: end\n---\n", inside);
	fm = must_read(buf_str(&text));
	key = frontmatter_find(fm, "k");
	ck_assert_ptr_nonnull(key);
	if (key->items == NULL)
		buf_addstr(&got, "none");
	for (i = 0; key->items != NULL && key->items[i] != NULL; i++)
		buf_addf(&got, "<%s>", key->items[i]);
	ck_assert_str_eq(buf_str(&got), expected);
	ck_assert_ptr_nonnull(frontmatter_find(fm, "last"));
	frontmatter_free(fm);
	buf_free(&text);
	buf_free(&got);
}

static void expect_none(const char *text, const char *part)
{
	const char *why = "unset";

	ck_assert_ptr_null(frontmatter_read(text, strlen(text), &why));
	if (part == NULL)
		ck_assert_ptr_null(why);
	else
		ck_assert_msg(why != NULL && strstr(why, part) != NULL, "%s", why);
}

START_TEST(fences)
{
	struct frontmatter *fm = must_read("---\na: 1\n---\nbody");

	ck_assert_uint_eq(fm->count, 1);
	ck_assert_uint_eq(fm->body, 13);
	frontmatter_free(fm);

	fm = must_read("---\n---\n");
	ck_assert_uint_eq(fm->count, 0);
	frontmatter_free(fm);

	fm = must_read("---  \na: 1\n---\t\n---\nx");
	ck_assert_uint_eq(fm->count, 1);
	ck_assert_uint_eq(fm->body, 16);
	frontmatter_free(fm);

	/* the last line needs no newline */
	fm = must_read("---\na: 1\n---");
	ck_assert_uint_eq(fm->body, 12);
	frontmatter_free(fm);

	expect_none("", NULL);
	expect_none("# Title\n---\n", NULL);
	expect_none("--- x\na: 1\n---\n", NULL);
	expect_none("----\na: 1\n----\n", NULL);
	expect_none("\n---\na: 1\n---\n", NULL);
	expect_none("---\na: 1\n", "no closing");
	expect_none("---", "no closing");
	expect_none("---\na: 1\n ---\n", "no closing");
}
END_TEST

START_TEST(mark_and_line_ends)
{
	struct frontmatter *fm = must_read("\xef\xbb\xbf---\r\nname: a b\r\n"
					   "x: |\r\n  1\r\n  2\r\n---\r\nbody\r\n");

	ck_assert_str_eq(frontmatter_find(fm, "name")->value, "a b");
	ck_assert_str_eq(frontmatter_find(fm, "x")->value, "1\n2");
	frontmatter_free(fm);
}
END_TEST

START_TEST(keys)
{
	struct frontmatter *fm =
	    must_read("---\nlost\nA-b_9: 1\n9x: 2\n_y: 3\nk : 4\nA-b_9: 5\n---\n");

	/* what is no key goes on with the one before */
	ck_assert_uint_eq(fm->count, 2);
	ck_assert_str_eq(frontmatter_find(fm, "A-b_9")->value, "1 9x: 2 _y: 3 k : 4");
	ck_assert_ptr_null(frontmatter_find(fm, "k"));
	ck_assert_ptr_null(frontmatter_find(fm, "a-b_9"));
	frontmatter_free(fm);
}
END_TEST

START_TEST(plain_values)
{
	expect("k: v", "v");
	expect("k:v", "v");
	expect("k:", "");
	expect("k:   a  b   ", "a  b");
	expect("k: a: b: c", "a: b: c");
	expect("k: one\n  two\n\tthree", "one two three");
	expect("k:\n  one\n  two", "one two");
	expect("k: one\n\n  two", "one\ntwo");
	expect("k: {a: 1}", "{a: 1}");
	expect("k: |text", "|text");
	expect("k: *x &y !z %w @v", "*x &y !z %w @v");
}
END_TEST

START_TEST(descriptions_that_are_no_yaml)
{
	expect("k: Use this. Context: the user: \"foo\"\\n\\nassistant: \"bar\" <note>x</note>",
	    "Use this. Context: the user: \"foo\"\\n\\nassistant: \"bar\" <note>x</note>");
	expect("k: Examples:\n<example>\n user: \"a\"\n</example>",
	    "Examples: <example> user: \"a\" </example>");
	expect("k: \"one\" and \"two\"", "\"one\" and \"two\"");
	expect("k: 'tis", "'tis");
	expect("k: \"open", "\"open");
}
END_TEST

START_TEST(comments)
{
	expect("# before\nk: v # note", "v");
	expect("k: v\n# between", "v");
	expect("k: see #12 and C#", "see #12 and C#");
	expect("k: # only a note", "");
	expect("k: a\n  # inside\n  b # c", "a b");
	expect("k: \"a # b\" # note", "a # b");
	expect("k: \"a # b", "\"a");
}
END_TEST

START_TEST(quotes)
{
	expect("k: \"a b\"", "a b");
	expect("k: 'a b'", "a b");
	expect("k: ''", "");
	expect("k: \"\"", "");
	expect("k: 'it''s'", "it's");
	expect("k: 'a\\nb'", "a\\nb");
	expect("k: \"a\\nb\\t\\\"c\\\" \\\\ \\/\"", "a\nb\t\"c\" \\ /");
	expect("k: \"\\u00e4\\u20ac\\ud83d\\ude00\"", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
	expect("k: \"\\ud83d \\udc00 \\u12 \\q \\u0000\"", "\\ud83d \\udc00 \\u12 \\q \\u0000");
	expect("k: \"one\n  two\"", "one two");
	expect("k:\n  \"one # two\"", "one # two");
	expect("k: \"a\" b", "\"a\" b");
}
END_TEST

START_TEST(blocks)
{
	expect("k: |\n  one\n    two\n\n  three\n", "one\n  two\n\nthree");
	expect("k: >\n  one\n  two\n\n  three\n", "one two\nthree");
	expect("k: |-\n  a: b\n  - c\n  # d", "a: b\n- c\n# d");
	expect("k: >2+ # note\n  a\n  b", "a b");
	expect("k: |\n", "");
	expect("k: |\n\n\n  a\n\n\n", "a");
	expect("k: |\n  a\n b", "a\nb");
	expect("k: |\n  \"quoted\"", "\"quoted\"");
	/* a line at the first column that is no key belongs to it too */
	expect("k: |\n  a\n<b>\n  c", "a\n<b>\nc");
}
END_TEST

START_TEST(lists)
{
	expect_items("k:\n  - a\n  - \"b, c\"\n  - d # note", "<a><b, c><d>");
	expect_items("k:\n- a\n- b", "<a><b>");
	expect_items("k:\n\n  # note\n  - a\n    goes on\n  - b: c\n    d: e",
	    "<a goes on><b: c d: e>");
	expect_items("k:\n  -\n  - x", "<><x>");
	expect_items("k: [a, \"b, c\", 'd']", "<a><b, c><d>");
	expect_items("k: []", "");
	expect_items("k: [a, b] # note", "<a><b>");
	expect_items("k: [\n  a,\n  b,\n]", "<a><b>");
	expect_items("k: v", "none");
	expect_items("k: [a], [b]", "none");
	expect_items("k: [a, [b]]", "none");
	expect_items("k: [a", "none");
	expect_items("k: [\"a]", "none");
	expect_items("k: -x", "none");
	expect_items("k: a\n  - b", "none");
	expect("k:\n  - a\n  - b", "a, b");
	expect("k: [a, b]", "a, b");
	expect("k: [old] thing", "[old] thing");
	expect("k: [a], [b]", "[a], [b]");
}
END_TEST

START_TEST(nested)
{
	expect("k:\n  read: true\n  write: false # no\n\n  \"x*\": ask",
	    "read: true, write: false, \"x*\": ask");
	expect("k:\n  Context: the user", "Context: the user");
	expect("k:\n  a:\n    b: c", "a:, b: c");
}
END_TEST

START_TEST(too_many_keys)
{
	struct buf text = BUF_INIT;
	const char *why;
	int i;

	buf_addstr(&text, "---\n");
	for (i = 0; i <= FRONTMATTER_KEYS_MAX; i++)
		buf_addf(&text, "k%d: v\n", i);
	buf_addstr(&text, "---\n");
	ck_assert_ptr_null(frontmatter_read(text.data, text.len, &why));
	ck_assert_ptr_nonnull(strstr(why, "keys"));
	buf_free(&text);
}
END_TEST

/* Long texts: each takes minutes when a reader goes over all of it again for each piece. */
START_TEST(linear)
{
	static const char *const pieces[] = {
		"- \n",
		"[",
		"\"a\" ",
		"   ",
		"\n",
		" # ",
		"''",
		"\\u",
		"a: [",
		"  x: y\n",
		": ",
		"- a\nb\n",
		"|\n",
		"\xff",
	};
	static const char *const starts[] = {
		"k:\n",
		"k: [",
		"k: [      \"a\" ",
		"k: \"",
		"k: |\n",
		"k: x\n",
		"",
	};
	size_t i, j;

	for (i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		for (j = 0; j < sizeof(pieces) / sizeof(pieces[0]); j++) {
			struct buf text = BUF_INIT;
			struct frontmatter *fm;
			const char *why;

			buf_addf(&text, "---\n%s", starts[i]);
			while (text.len < 256 * 1024)
				buf_addstr(&text, pieces[j]);
			buf_addstr(&text, "\n---\n");
			fm = frontmatter_read(text.data, text.len, &why);
			ck_assert(fm != NULL || why != NULL);
			frontmatter_free(fm);
			buf_free(&text);
		}
	}
}
END_TEST

/* Every beginning of a text in memory of just its size: a sanitizer sees a byte too far. */
START_TEST(every_beginning)
{
	static const char text[] =
	    "---\nk: \"a\\u00e4\\ud83d\\ude00 'x\" # c\nl:\n  - 'a''b'\n  c\nm: [\"x\", y]\n"
	    "n: >-\n  a\n\n b\no:\n  p: q\n---\nbody";
	size_t len;

	for (len = 0; len < sizeof(text); len++) {
		char *copy = malloc(len > 0 ? len : 1);
		struct frontmatter *fm;
		const char *why;

		memcpy(copy, text, len);
		fm = frontmatter_read(copy, len, &why);
		ck_assert(fm == NULL || fm->body <= len);
		frontmatter_free(fm);
		free(copy);
	}
}
END_TEST

Suite *frontmatter_suite(void)
{
	Suite *s = suite_create("frontmatter");
	TCase *t = tcase_create("frontmatter");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, fences);
	tcase_add_test(t, mark_and_line_ends);
	tcase_add_test(t, keys);
	tcase_add_test(t, plain_values);
	tcase_add_test(t, descriptions_that_are_no_yaml);
	tcase_add_test(t, comments);
	tcase_add_test(t, quotes);
	tcase_add_test(t, blocks);
	tcase_add_test(t, lists);
	tcase_add_test(t, nested);
	tcase_add_test(t, too_many_keys);
	tcase_add_test(t, linear);
	tcase_add_test(t, every_beginning);
	suite_add_tcase(s, t);
	return s;
}
