#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/input/idset.h"

Suite *idset_suite(void);

START_TEST(empty)
{
	struct idset set = { 0 };
	uint32_t line = 7;
	ck_assert_uint_eq(idset_find(&set, "a", &line), 0);
	ck_assert_uint_eq(line, 0);
	ck_assert_uint_eq(idset_find(&set, "1", NULL), 0);
	ck_assert_uint_eq(idset_find(&set, "", NULL), 0);
	idset_free(&set);
}
END_TEST

START_TEST(ids)
{
	struct idset set = { 0 };
	char id[16] = "db";
	uint32_t line;
	idset_add(&set, id, 3, 30);
	memset(id, '#', sizeof id - 1); /* it keeps a copy */
	idset_add(&set, "session", 1, 10);
	ck_assert_uint_eq(idset_find(&set, "db", &line), 3);
	ck_assert_uint_eq(line, 30);
	ck_assert_uint_eq(idset_find(&set, "session", NULL), 1);
	/* the whole id counts, and its case */
	ck_assert_uint_eq(idset_find(&set, "d", NULL), 0);
	ck_assert_uint_eq(idset_find(&set, "db2", NULL), 0);
	ck_assert_uint_eq(idset_find(&set, "DB", NULL), 0);
	idset_free(&set);
	ck_assert_uint_eq(idset_find(&set, "db", NULL), 0);
}
END_TEST

START_TEST(numbers)
{
	struct idset set = { 0 };
	uint32_t line = 7;
	idset_add_number(&set, 1);
	idset_add_number(&set, 2);
	idset_add_number(&set, 5);
	ck_assert_uint_eq(idset_find(&set, "1", &line), 1);
	ck_assert_uint_eq(line, 0);
	ck_assert_uint_eq(idset_find(&set, "2", NULL), 2);
	ck_assert_uint_eq(idset_find(&set, "3", NULL), 0);
	ck_assert_uint_eq(idset_find(&set, "4", NULL), 0);
	ck_assert_uint_eq(idset_find(&set, "5", NULL), 5);
	ck_assert_uint_eq(idset_find(&set, "6", NULL), 0);
	/* only as it is written automatically */
	ck_assert_uint_eq(idset_find(&set, "01", NULL), 0);
	ck_assert_uint_eq(idset_find(&set, "+1", NULL), 0);
	ck_assert_uint_eq(idset_find(&set, "1x", NULL), 0);
	ck_assert_uint_eq(idset_find(&set, "0", NULL), 0);
	ck_assert_uint_eq(idset_find(&set, "4294967297", NULL), 0);
	/* an id that looks like a number stands for its task */
	idset_add(&set, "3", 4, 40);
	ck_assert_uint_eq(idset_find(&set, "3", &line), 4);
	ck_assert_uint_eq(line, 40);
	idset_free(&set);
}
END_TEST

START_TEST(many)
{
	enum { MANY = 50000 };
	struct idset set = { 0 };
	char id[32];
	/* every third task has an id of its own, the others are numbers */
	for (uint32_t n = 1; n <= MANY; n++) {
		snprintf(id, sizeof id, "task-%u", (unsigned)n);
		if (n % 3 == 0)
			idset_add(&set, id, n, n + 1);
		else
			idset_add_number(&set, n);
	}
	for (uint32_t n = 1; n <= MANY; n++) {
		uint32_t line;
		snprintf(id, sizeof id, "task-%u", (unsigned)n);
		uint32_t by_id = idset_find(&set, id, &line);
		uint32_t by_number = idset_find(&set, id + 5, NULL);
		bool own = n % 3 == 0;
		if (by_id != (own ? n : 0) || by_number != (own ? 0 : n) ||
		    line != (own ? n + 1 : 0))
			ck_abort_msg("task %u: %u by its id, %u by its number", (unsigned)n,
			    (unsigned)by_id, (unsigned)by_number);
	}
	idset_free(&set);
}
END_TEST

Suite *idset_suite(void)
{
	Suite *s = suite_create("idset");
	TCase *t = tcase_create("idset");

	tcase_add_test(t, empty);
	tcase_add_test(t, ids);
	tcase_add_test(t, numbers);
	tcase_add_test(t, many);
	suite_add_tcase(s, t);
	return s;
}
