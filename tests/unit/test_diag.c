#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/io.h"
#include "supervisor/input/diag.h"

Suite *diag_suite(void);

/* What diag_print() writes to standard error. */
static void check_printed(const struct diag *d, const char *expected)
{
	char got[4000] = "";
	FILE *f = tmpfile();
	int saved = dup(STDERR_FILENO);

	ck_assert_ptr_nonnull(f);
	fflush(stderr);
	dup2(fileno(f), STDERR_FILENO);
	diag_print(d);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	ck_assert_int_ge(pread_all(fileno(f), got, sizeof(got) - 1, 0), 0);
	fclose(f);
	ck_assert_str_eq(got, expected);
}

START_TEST(places)
{
	struct diag d = { 0 };

	diag_add(&d, "tasks.jsonl", 3, 7, "expected %s", "a number");
	diag_add(&d, "tasks.jsonl", 3, 0, "no '%s'", "prompt");
	diag_add(&d, "agents/a.md", 0, 0, "cannot be read");
	ck_assert_uint_eq(d.count, 3);
	ck_assert_str_eq(d.lines[0], "tasks.jsonl:3:7: expected a number");
	ck_assert_str_eq(d.lines[1], "tasks.jsonl:3: no 'prompt'");
	ck_assert_str_eq(d.lines[2], "agents/a.md: cannot be read");
	check_printed(&d,
	    "pollard: tasks.jsonl:3:7: expected a number\n"
	    "pollard: tasks.jsonl:3: no 'prompt'\n"
	    "pollard: agents/a.md: cannot be read\n");
	diag_free(&d);
	ck_assert_uint_eq(d.count, 0);
	ck_assert_ptr_null(d.lines[0]);
}
END_TEST

START_TEST(nothing_wrong)
{
	struct diag d = { 0 };

	check_printed(&d, "");
	diag_free(&d);
}
END_TEST

START_TEST(made_safe)
{
	struct diag d = { 0 };

	diag_add(&d, "a\x1b[2J\nb", 1, 0, "unknown key '%s'", "x\n\xe2\x80\xae\xff");
	ck_assert_str_eq(d.lines[0], "a\\x1b[2J\\nb:1: unknown key 'x\\n\\u{202e}\\xff'");
	diag_free(&d);
}
END_TEST

static void add_many(struct diag *d, size_t count)
{
	for (size_t i = 1; i <= count; i++)
		diag_add(d, "f", i, 0, "bad");
}

START_TEST(limit)
{
	struct diag d = { 0 };
	struct buf expected = BUF_INIT;

	for (int i = 1; i <= DIAG_MAX; i++)
		buf_addf(&expected, "pollard: f:%d: bad\n", i);
	add_many(&d, DIAG_MAX);
	check_printed(&d, buf_str(&expected));
	add_many(&d, 1);
	ck_assert_uint_eq(d.count, DIAG_MAX + 1);
	buf_addstr(&expected, "pollard: and 1 more error\n");
	check_printed(&d, buf_str(&expected));
	add_many(&d, 4);
	expected.len -= strlen("1 more error\n");
	buf_addstr(&expected, "5 more errors\n");
	check_printed(&d, buf_str(&expected));
	diag_free(&d);
	buf_free(&expected);
}
END_TEST

Suite *diag_suite(void)
{
	Suite *s = suite_create("diag");
	TCase *t = tcase_create("diag");

	tcase_add_test(t, places);
	tcase_add_test(t, nothing_wrong);
	tcase_add_test(t, made_safe);
	tcase_add_test(t, limit);
	suite_add_tcase(s, t);
	return s;
}
