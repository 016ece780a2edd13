#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/input/arena.h"

Suite *arena_suite(void);

static const enum arena_kind kinds[] = { ARENA_SHARED, ARENA_SMALL };

static bool is_all(const unsigned char *p, size_t len, unsigned char byte)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] != byte)
			return false;
	}
	return true;
}

static bool is_zero(const void *p, size_t len)
{
	return is_all(p, len, 0);
}

/* Pieces of many sizes: zeroed, aligned, and none over another. */
START_TEST(take_many)
{
	static const size_t sizes[] = { 0, 1, 7, 16, 100, 3000, 5000, 70000, 300000 };
	enum { ROUNDS = 40, SIZES = sizeof(sizes) / sizeof(sizes[0]) };
	struct arena a = { .kind = kinds[_i] };
	unsigned char *pieces[ROUNDS * SIZES];

	for (size_t i = 0; i < ROUNDS * SIZES; i++) {
		size_t size = sizes[i % SIZES];

		pieces[i] = arena_take(&a, size);
		ck_assert_ptr_nonnull(pieces[i]);
		ck_assert_uint_eq((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
		ck_assert(is_zero(pieces[i], size));
		memset(pieces[i], (int)(i % 255 + 1), size);
	}
	for (size_t i = 0; i < ROUNDS * SIZES; i++)
		ck_assert(is_all(pieces[i], sizes[i % SIZES], (unsigned char)(i % 255 + 1)));
	arena_free(&a);
	ck_assert_ptr_null(a.blocks);
}
END_TEST

START_TEST(take_large_first)
{
	struct arena a = { .kind = kinds[_i] };
	size_t size = 40 * 1024 * 1024;
	char *large = arena_take(&a, size), *small;

	large[0] = 'a';
	large[size - 1] = 'z';
	small = arena_take(&a, 10);
	memset(small, 'x', 10);
	ck_assert_int_eq(large[0], 'a');
	ck_assert_int_eq(large[size - 1], 'z');
	arena_free(&a);
}
END_TEST

START_TEST(copies)
{
	struct arena a = { .kind = kinds[_i] };
	char *one = arena_strdup(&a, "one"), *two = arena_copy(&a, "a\0b", 3);
	char *three = arena_copy(&a, NULL, 0), *four = arena_strdup(&a, "");
	uint64_t *number = arena_take(&a, sizeof(*number));

	*number = UINT64_MAX;
	ck_assert_str_eq(one, "one");
	ck_assert_mem_eq(two, "a\0b", 4);
	ck_assert_str_eq(three, "");
	ck_assert_str_eq(four, "");
	ck_assert_uint_eq((uintptr_t)number % _Alignof(max_align_t), 0);
	arena_free(&a);
}
END_TEST

START_TEST(used_again)
{
	struct arena a = { .kind = kinds[_i] };

	arena_free(&a);
	for (int i = 0; i < 3; i++) {
		char *p = arena_take(&a, 1000);

		ck_assert(is_zero(p, 1000));
		memset(p, 'x', 1000);
		arena_free(&a);
	}
}
END_TEST

/* A forked process reads in place what was there before, and also what came later. */
START_TEST(shared_with_children)
{
	struct arena a = { .kind = ARENA_SHARED };
	char *text = arena_strdup(&a, "before");
	int fds[2], status;
	char c;
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		close(fds[1]);
		_exit(read(fds[0], &c, 1) == 0 && strcmp(text, "beyond") == 0 ? 0 : 1);
	}
	memcpy(text, "beyond", 6);
	close(fds[0]);
	close(fds[1]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	arena_free(&a);
}
END_TEST

struct element {
	char bytes[24];
};

START_TEST(table_grows)
{
	struct element *table = NULL;
	size_t cap = 0, before;

	for (size_t i = 0; i < 20000; i++) {
		before = cap;
		table = table_grow(table, &cap, i + 1, sizeof(*table));
		ck_assert_uint_gt(cap, i);
		if (cap != before)
			ck_assert_uint_ge(cap, 2 * before);
		ck_assert(is_zero(&table[i], sizeof(*table)));
		memset(&table[i], (int)(i % 255 + 1), sizeof(*table));
	}
	ck_assert(is_zero(&table[20000], (cap - 20000) * sizeof(*table)));
	for (size_t i = 0; i < 20000; i++)
		ck_assert((unsigned char)table[i].bytes[23] == i % 255 + 1);
	table_free(table, cap, sizeof(*table));
}
END_TEST

START_TEST(table_at_once)
{
	size_t cap = 0, same;
	uint64_t *table = table_grow(NULL, &cap, 100001, sizeof(*table)), *again;

	ck_assert_uint_ge(cap, 100001);
	table[cap - 1] = 5;
	same = cap;
	again = table_grow(table, &cap, cap, sizeof(*table));
	ck_assert_ptr_eq(again, table);
	ck_assert_uint_eq(cap, same);
	table_free(table, cap, sizeof(*table));
	table_free(NULL, 0, sizeof(*table));
}
END_TEST

START_TEST(table_of_large_elements)
{
	enum { SIZE = 10000 };
	size_t cap = 0;
	char *table = table_grow(NULL, &cap, 1, SIZE);

	memset(table, 'x', cap * SIZE);
	table = table_grow(table, &cap, cap + 1, SIZE);
	ck_assert_int_eq(table[SIZE - 1], 'x');
	ck_assert_uint_ge(cap, 2);
	ck_assert(is_zero(table + cap / 2 * SIZE, cap / 2 * SIZE));
	table_free(table, cap, SIZE);
}
END_TEST

/* Also after it has moved. */
START_TEST(table_not_in_children)
{
	size_t cap = 0;
	char *table = table_grow(NULL, &cap, 1, 1);
	int status;
	pid_t pid;

	for (int i = 0; i < 3; i++) {
		unsigned char there;

		pid = fork();
		if (pid == 0)
			_exit(mincore(table, 1, &there) < 0 && errno == ENOMEM ? 0 : 1);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		table = table_grow(table, &cap, cap * 64, 1);
	}
	table_free(table, cap, 1);
}
END_TEST

Suite *arena_suite(void)
{
	Suite *s = suite_create("arena");
	TCase *t = tcase_create("arena");

	tcase_add_loop_test(t, take_many, 0, 2);
	tcase_add_loop_test(t, take_large_first, 0, 2);
	tcase_add_loop_test(t, copies, 0, 2);
	tcase_add_loop_test(t, used_again, 0, 2);
	tcase_add_test(t, shared_with_children);
	tcase_add_test(t, table_grows);
	tcase_add_test(t, table_at_once);
	tcase_add_test(t, table_of_large_elements);
	tcase_add_test(t, table_not_in_children);
	suite_add_tcase(s, t);
	return s;
}
