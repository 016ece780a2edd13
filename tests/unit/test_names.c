#include <check.h>
#include <stdbool.h>
#include <string.h>

#include "shared/names.h"

Suite *names_suite(void);

static bool valid(const char *s)
{
	return id_valid(s, strlen(s));
}

START_TEST(ids)
{
	ck_assert(valid("a"));
	ck_assert(valid("task-1.db_2"));
	ck_assert(valid("_x"));
	ck_assert(valid("0"));
	ck_assert(valid("a..b"));
	ck_assert(!valid(""));
	ck_assert(!valid("."));
	ck_assert(!valid(".."));
	ck_assert(!valid(".hidden"));
	ck_assert(!valid("-option"));
	ck_assert(!valid("a/b"));
	ck_assert(!valid("a b"));
	ck_assert(!valid("a\n"));
	ck_assert(!valid("caf\xc3\xa9"));
	ck_assert(!id_valid("a\0b", 3));
	ck_assert(id_valid("a/b", 1));
}
END_TEST

START_TEST(id_length)
{
	char id[ID_MAX + 1];

	memset(id, 'x', sizeof(id));
	ck_assert(id_valid(id, ID_MAX));
	ck_assert(!id_valid(id, ID_MAX + 1));
}
END_TEST

static const char *const names[] = { "timeout", "prompt", "agent", "id", "title", "tags", "x" };

static const char *suggest(const char *word)
{
	return names_suggest(word, names, sizeof(names) / sizeof(names[0]));
}

START_TEST(distances)
{
	/* One letter replaced, left out, added; two neighbours exchanged; two mistakes. */
	ck_assert_str_eq(suggest("agemt"), "agent");
	ck_assert_str_eq(suggest("agnt"), "agent");
	ck_assert_str_eq(suggest("agennt"), "agent");
	ck_assert_str_eq(suggest("agnet"), "agent");
	ck_assert_str_eq(suggest("time_out"), "timeout");
	ck_assert_str_eq(suggest("timouts"), "timeout");
	ck_assert_str_eq(suggest("tiemuot"), "timeout");
	ck_assert_str_eq(suggest("di"), "id");
	ck_assert_str_eq(suggest("ID"), "id");
	ck_assert_str_eq(suggest("PROMTP"), "prompt");
	ck_assert_str_eq(suggest("X"), "x");
}
END_TEST

START_TEST(nothing_near)
{
	/* Two mistakes in five letters, three in seven, anything in one. */
	ck_assert_ptr_null(suggest("agxxt"));
	ck_assert_ptr_null(suggest("tixxxut"));
	ck_assert_ptr_null(suggest("y"));
	ck_assert_ptr_null(suggest(""));
	ck_assert_ptr_null(suggest("zebra"));
	ck_assert_ptr_null(names_suggest("agent", NULL, 0));
}
END_TEST

START_TEST(first_of_equals)
{
	static const char *const equal[] = { "cat", "bat", "bat" };

	ck_assert_ptr_eq(names_suggest("rat", equal, 3), equal[0]);
	ck_assert_ptr_eq(names_suggest("bat", equal, 3), equal[1]);
}
END_TEST

START_TEST(long_words)
{
	char word[5000];
	const char *const one[] = { word };

	memset(word, 'a', sizeof(word));
	word[sizeof(word) - 1] = '\0';
	ck_assert_ptr_null(suggest(word));
	ck_assert_ptr_null(names_suggest("agent", one, 1));
	word[100] = '\0';
	ck_assert_ptr_eq(names_suggest(word, one, 1), word);
}
END_TEST

Suite *names_suite(void)
{
	Suite *s = suite_create("names");
	TCase *t = tcase_create("names");

	tcase_add_test(t, ids);
	tcase_add_test(t, id_length);
	tcase_add_test(t, distances);
	tcase_add_test(t, nothing_near);
	tcase_add_test(t, first_of_equals);
	tcase_add_test(t, long_words);
	suite_add_tcase(s, t);
	return s;
}
