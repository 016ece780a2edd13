#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/exits.h"
#include "shared/xalloc.h"

Suite *buf_suite(void);

START_TEST(empty)
{
	struct buf b = BUF_INIT;
	char *data;

	ck_assert_str_eq(buf_str(&b), "");
	buf_add(&b, NULL, 0);
	buf_addstr(&b, "");
	buf_consume(&b, 0);
	buf_reset(&b);
	ck_assert_ptr_null(b.data);
	data = buf_detach(&b);
	ck_assert_str_eq(data, "");
	free(data);
	buf_free(&b);
}
END_TEST

START_TEST(add)
{
	struct buf b = BUF_INIT;

	buf_addstr(&b, "one");
	buf_addch(&b, ' ');
	buf_add(&b, "two\0", 4);
	buf_addf(&b, "%d%s", 3, "!");
	ck_assert_uint_eq(b.len, 10);
	ck_assert_mem_eq(b.data, "one two\0003!", 11);
	buf_free(&b);
	ck_assert_ptr_null(b.data);
	ck_assert_uint_eq(b.len + b.cap, 0);
}
END_TEST

/* Every length near the places where it grows, so that the NUL always has room. */
START_TEST(grows)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < 1000; i++) {
		ck_assert_uint_eq(b.len, i);
		buf_addch(&b, (char)('a' + i % 26));
		ck_assert_uint_gt(b.cap, b.len);
		ck_assert_int_eq(b.data[b.len], '\0');
	}
	for (size_t i = 0; i < 1000; i++)
		ck_assert_int_eq(b.data[i], (char)('a' + i % 26));
	buf_free(&b);
}
END_TEST

START_TEST(format_of_any_length)
{
	for (int len = 0; len < 300; len++) {
		struct buf b = BUF_INIT;

		buf_addch(&b, '>');
		buf_addf(&b, "%*s", len, "");
		ck_assert_uint_eq(b.len, (size_t)len + 1);
		ck_assert_uint_eq(strlen(b.data), b.len);
		buf_free(&b);
	}
}
END_TEST

START_TEST(reserve)
{
	struct buf b = BUF_INIT;

	buf_addstr(&b, "abc");
	memset(buf_reserve(&b, 100), 'x', 100);
	ck_assert_uint_eq(b.len, 3);
	b.len += 2;
	ck_assert_str_eq(buf_str(&b), "abcxx");
	buf_reserve(&b, 10)[0] = 'y';
	b.len++;
	buf_addstr(&b, "z");
	ck_assert_str_eq(b.data, "abcxxyz");
	buf_free(&b);
}
END_TEST

START_TEST(consume)
{
	struct buf b = BUF_INIT;

	buf_addstr(&b, "abcdef");
	buf_consume(&b, 2);
	ck_assert_str_eq(b.data, "cdef");
	ck_assert_uint_eq(b.len, 4);
	buf_consume(&b, 4);
	ck_assert_str_eq(b.data, "");
	ck_assert_uint_eq(b.len, 0);
	buf_free(&b);
}
END_TEST

START_TEST(reset_keeps_memory)
{
	struct buf b = BUF_INIT;
	char *data;

	buf_addstr(&b, "abc");
	data = b.data;
	buf_reset(&b);
	ck_assert_uint_eq(b.len, 0);
	ck_assert_str_eq(buf_str(&b), "");
	ck_assert_ptr_eq(b.data, data);
	buf_free(&b);
}
END_TEST

START_TEST(detach)
{
	struct buf b = BUF_INIT;
	char *data;

	buf_reserve(&b, 10);
	memcpy(b.data, "abcdef", 6);
	b.len = 3;
	data = buf_detach(&b);
	ck_assert_str_eq(data, "abc");
	ck_assert_ptr_null(b.data);
	ck_assert_uint_eq(b.len, 0);
	free(data);
}
END_TEST

START_TEST(empty_requests)
{
	void *a = xmalloc(0), *b = xcalloc(0, 8), *c = xreallocarray(NULL, 0, 8);
	char *d = xmemdup0(NULL, 0), *e = xstrdup("abc"), *f = xmemdup0("abcdef", 2);

	ck_assert_ptr_nonnull(a);
	ck_assert_ptr_nonnull(b);
	ck_assert_ptr_nonnull(c);
	ck_assert_str_eq(d, "");
	ck_assert_str_eq(e, "abc");
	ck_assert_str_eq(f, "ab");
	free(a);
	free(b);
	free(c);
	free(d);
	free(e);
	free(f);
}
END_TEST

/* volatile: the compiler must not find out what is asked for, and warn. */
static volatile size_t enormous = SIZE_MAX / 2;

static void ask_array(void)
{
	/* Four times this is 0 again. */
	free(xreallocarray(NULL, enormous / 2 + 1, 4));
}

static void ask_reserve(void)
{
	struct buf b = BUF_INIT;

	buf_addstr(&b, "abc");
	buf_reserve(&b, enormous);
	buf_free(&b);
}

static void ask_copy(void)
{
	free(xmemdup0("", enormous * 2 + 1));
}

static void (*const requests[])(void) = { ask_array, ask_reserve, ask_copy };

/* A message on standard error and EXIT_SYSTEM, and no signal. */
START_TEST(no_memory)
{
	char text[100] = "";
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		dup2(fds[1], STDERR_FILENO);
		requests[_i]();
		_exit(0);
	}
	close(fds[1]);
	n = read(fds[0], text, sizeof(text) - 1);
	close(fds[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), EXIT_SYSTEM);
	ck_assert_int_gt(n, 0);
	ck_assert_str_eq(text, "pollard: out of memory\n");
}
END_TEST

Suite *buf_suite(void)
{
	Suite *s = suite_create("buf");
	TCase *t = tcase_create("buf");

	tcase_add_test(t, empty);
	tcase_add_test(t, add);
	tcase_add_test(t, grows);
	tcase_add_test(t, format_of_any_length);
	tcase_add_test(t, reserve);
	tcase_add_test(t, consume);
	tcase_add_test(t, reset_keeps_memory);
	tcase_add_test(t, detach);
	tcase_add_test(t, empty_requests);
	tcase_add_loop_test(t, no_memory, 0, (int)(sizeof(requests) / sizeof(requests[0])));
	suite_add_tcase(s, t);
	return s;
}
