/* All pairs of tasks that conflict, against comparing all pairs. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/plan/conflicts.h"
#include "supervisor/plan/scope.h"
#include "tests/unit/growth.h"

Suite *conflicts_suite(void);

#define TEXT_MAX 40
#define PATTERNS_MAX 5

/* A step whose tasks have scopes. Made by list_new(), freed by list_free(). */
struct list {
	struct plan plan;
	struct step step;
	struct task *tasks;
	struct task_more *more;
	char (*texts)[TEXT_MAX];
	const char **patterns;
	struct conflicts found;
};

static struct list *list_new(size_t count)
{
	struct list *l = calloc(1, sizeof *l);
	l->tasks = calloc(count + 1, sizeof *l->tasks);
	l->more = calloc(count + 1, sizeof *l->more);
	l->texts = calloc((count + 1) * PATTERNS_MAX, sizeof *l->texts);
	l->patterns = calloc((count + 1) * PATTERNS_MAX, sizeof *l->patterns);
	/* the step begins behind a task of another one */
	for (size_t i = 0; i <= count; i++) {
		l->tasks[i] = (struct task){ .id = "t", .more = &l->more[i] };
		l->more[i].writes = &l->patterns[i * PATTERNS_MAX];
		for (size_t k = 0; k < PATTERNS_MAX; k++)
			l->patterns[i * PATTERNS_MAX + k] = l->texts[i * PATTERNS_MAX + k];
	}
	l->plan = (struct plan){ .tasks = l->tasks, .ntasks = count + 1 };
	l->step = (struct step){ .id = "s", .first = 1, .count = count };
	return l;
}

static void list_free(struct list *l)
{
	conflicts_free(&l->found);
	free(l->tasks);
	free(l->more);
	free(l->texts);
	free(l->patterns);
	free(l);
}

/* Gives task `i` of the plan what it writes, then what it reads. */
static void set(struct list *l, size_t i, size_t nwrites, size_t nreads)
{
	l->more[i].nwrites = nwrites;
	l->more[i].nreads = nreads;
	l->more[i].reads = l->more[i].writes + nwrites;
}

static void write_one(struct list *l, size_t i, const char *pattern)
{
	strcpy(l->texts[i * PATTERNS_MAX], pattern);
	set(l, i, 1, 0);
}

START_TEST(pairs_with_their_patterns)
{
	struct list *l = list_new(4);
	write_one(l, 0, "src");
	write_one(l, 1, "docs");
	strcpy(l->texts[2 * PATTERNS_MAX], "out");
	strcpy(l->texts[2 * PATTERNS_MAX + 1], "src/**/*.c");
	set(l, 2, 1, 1);
	strcpy(l->texts[3 * PATTERNS_MAX], "src/a.c");
	strcpy(l->texts[3 * PATTERNS_MAX + 1], "docs/x");
	set(l, 3, 2, 0);
	conflicts_find(&l->found, &l->plan, &l->step);
	ck_assert_uint_eq(l->found.total, 2);
	ck_assert(l->found.counted);
	ck_assert_uint_eq(l->found.count, 2);
	ck_assert_uint_eq(l->found.v[0].a, 3);
	ck_assert_uint_eq(l->found.v[0].b, 1);
	ck_assert_str_eq(l->found.v[0].pattern_a, "docs/x");
	ck_assert_str_eq(l->found.v[0].pattern_b, "docs");
	ck_assert_uint_eq(l->found.v[1].a, 3);
	ck_assert_uint_eq(l->found.v[1].b, 2);
	ck_assert_str_eq(l->found.v[1].pattern_a, "src/a.c");
	ck_assert_str_eq(l->found.v[1].pattern_b, "src/**/*.c");
	ck_assert(l->found.any[0] && l->found.any[1] && l->found.any[2] && !l->found.any[3]);
	ck_assert(conflicts_between(&l->found, 1, 3) && conflicts_between(&l->found, 3, 2));
	ck_assert(!conflicts_between(&l->found, 1, 2) && !conflicts_between(&l->found, 4, 3));
	list_free(l);
}
END_TEST

START_TEST(no_task_no_pair)
{
	struct list *l = list_new(1);
	l->step.count = 0;
	conflicts_find(&l->found, &l->plan, &l->step);
	ck_assert_uint_eq(l->found.total, 0);
	conflicts_free(&l->found);
	l->step.count = 1;
	l->tasks[1].more = NULL;
	conflicts_find(&l->found, &l->plan, &l->step);
	ck_assert_uint_eq(l->found.total, 0);
	list_free(l);
}
END_TEST

static void random_pattern(char *out)
{
	static const char *const names[] = { "a", "b", "ab", "*", "?", "a*", "**", "*.c", "[ab]",
		"a-b", "../a" };
	size_t n = 1 + (size_t)(random() % 3);
	*out = '\0';
	if (random() % 8 == 0)
		strcat(out, "/");
	for (size_t i = 0; i < n; i++) {
		strcat(out, i > 0 ? "/" : "");
		strcat(out, names[random() % 11]);
	}
}

static void against_all_pairs(size_t count)
{
	struct list *l = list_new(count);
	struct scopes *scopes = scopes_new();
	uint64_t total = 0;
	for (size_t i = 1; i <= count; i++) {
		for (size_t k = 0; k < PATTERNS_MAX; k++)
			random_pattern(l->texts[i * PATTERNS_MAX + k]);
		set(l, i, (size_t)(random() % 3), (size_t)(random() % 3));
	}
	conflicts_find(&l->found, &l->plan, &l->step);
	for (size_t a = 1; a <= count; a++) {
		for (size_t b = 1; b < a; b++) {
			bool expected = scopes_meet(scopes, a, &l->tasks[a], b, &l->tasks[b]);
			total += expected;
			if (conflicts_between(&l->found, a, b) != expected ||
			    conflicts_between(&l->found, b, a) != expected)
				ck_abort_msg("tasks %zu and %zu of %zu", a, b, count);
		}
	}
	ck_assert_uint_eq(l->found.total, total);
	ck_assert_uint_eq(l->found.count, total);
	scopes_free(scopes);
	list_free(l);
}

START_TEST(random_lists)
{
	srandom(11);
	for (int i = 0; i < 150; i++)
		against_all_pairs(1 + (size_t)(random() % 30));
}
END_TEST

static void few_conflicts(size_t count)
{
	struct list *l = list_new(count);
	for (size_t i = 1; i <= count; i++) {
		for (size_t k = 0; k < PATTERNS_MAX; k++)
			snprintf(l->texts[i * PATTERNS_MAX + k], TEXT_MAX, "src/m%zu/%zu*.c", i / 2,
			    i * PATTERNS_MAX + k);
		set(l, i, 3, 2);
	}
	snprintf(l->texts[77 * PATTERNS_MAX], TEXT_MAX, "src/m%zu", count / 2);
	conflicts_find(&l->found, &l->plan, &l->step);
	ck_assert(l->found.counted);
	ck_assert_uint_eq(l->found.total, 1);
	ck_assert_uint_eq(l->found.v[0].a, count);
	ck_assert_uint_eq(l->found.v[0].b, 77);
	list_free(l);
}

static void all_conflict(size_t count)
{
	struct list *l = list_new(count);
	for (size_t i = 1; i <= count; i++)
		write_one(l, i, "out");
	conflicts_find(&l->found, &l->plan, &l->step);
	ck_assert_uint_eq(l->found.count, CONFLICTS_KEPT);
	ck_assert_uint_gt(l->found.total, CONFLICTS_KEPT);
	ck_assert(!l->found.counted || l->found.total == (uint64_t)count * (count - 1) / 2);
	/* also of those that were not kept */
	ck_assert(conflicts_between(&l->found, count, count - 1));
	list_free(l);
}

START_TEST(ten_thousand_tasks_are_fast)
{
	growth_in_proportion(few_conflicts, 2500);
}
END_TEST

START_TEST(all_conflict_and_only_the_first_are_kept)
{
	growth_in_proportion(all_conflict, 2500);
}
END_TEST

Suite *conflicts_suite(void)
{
	Suite *s = suite_create("conflicts");
	TCase *t = tcase_create("conflicts");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, pairs_with_their_patterns);
	tcase_add_test(t, no_task_no_pair);
	tcase_add_test(t, random_lists);
	tcase_add_test(t, ten_thousand_tasks_are_fast);
	tcase_add_test(t, all_conflict_and_only_the_first_are_kept);
	suite_add_tcase(s, t);
	return s;
}
