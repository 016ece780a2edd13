#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/io.h"

Suite *io_suite(void);

static char path[] = "/tmp/pollard-io-XXXXXX";
static int dir = -1;

static void set_up(void)
{
	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(path));
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(dir, 0);
	ck_assert_int_eq(mkdirat(dir, "sub", 0700), 0);
}

static void tear_down(void)
{
	unlinkat(dir, "file", 0);
	unlinkat(dir, "link", 0);
	unlinkat(dir, "sub/file", 0);
	unlinkat(dir, "sub", AT_REMOVEDIR);
	close(dir);
	ck_assert_int_eq(rmdir(path), 0);
}

static size_t entries(void)
{
	DIR *d = opendir(path);
	size_t count = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d) != NULL)
		count++;
	closedir(d);
	return count - 2;
}

static void check_file(const char *name, const char *expected)
{
	struct buf b = BUF_INIT;

	ck_assert_int_eq(read_file_at(dir, name, &b, 1000), 0);
	ck_assert_str_eq(buf_str(&b), expected);
	buf_free(&b);
}

static int replace(const char *name, const char *text, bool sync)
{
	return replace_file_at(dir, name, text, strlen(text), sync);
}

START_TEST(write_and_read)
{
	char got[8] = "";
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write_all(fds[1], "", 0), 0);
	ck_assert_int_eq(write_all(fds[1], "abcde", 5), 0);
	close(fds[1]);
	ck_assert_int_eq(read_all(fds[0], got, 3), 3);
	ck_assert_str_eq(got, "abc");
	ck_assert_int_eq(read_all(fds[0], got, 8), 2);
	ck_assert_int_eq(read_all(fds[0], got, 8), 0);
	close(fds[0]);
	ck_assert_int_eq(read_all(fds[0], got, 8), -1);
	ck_assert_int_eq(errno, EBADF);
}
END_TEST

START_TEST(write_fails)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write_all(fd, "a", 1), -1);
	ck_assert_int_eq(errno, ENOSPC);
	close(fd);
}
END_TEST

START_TEST(read_at_offset)
{
	char got[8] = "";
	int fd;

	ck_assert_int_eq(replace("file", "abcdef", false), 0);
	fd = openat(dir, "file", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(pread_all(fd, got, 3, 2), 3);
	ck_assert_str_eq(got, "cde");
	ck_assert_int_eq(pread_all(fd, got, 8, 4), 2);
	ck_assert_int_eq(pread_all(fd, got, 8, 100), 0);
	ck_assert_int_eq(pread_all(fd, got, 8, -1), -1);
	ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 0);
	close(fd);
}
END_TEST

static void nothing(int signal_number)
{
	(void)signal_number;
}

/* Until the process waits in a system call (or is gone), so that a signal interrupts that. */
static void wait_until_asleep(pid_t pid)
{
	char name[64], line[512], *state;

	snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
	for (;;) {
		FILE *f = fopen(name, "re");

		if (f == NULL)
			return;
		state = fgets(line, sizeof(line), f) != NULL ? strrchr(line, ')') : NULL;
		fclose(f);
		if (state != NULL && (state[2] == 'S' || state[2] == 'Z'))
			return;
		sched_yield();
	}
}

/* Returns when it waits again: data that came meanwhile would hide the interruption. */
static void interrupt(pid_t pid)
{
	wait_until_asleep(pid);
	kill(pid, SIGUSR1);
	wait_until_asleep(pid);
}

static struct sigaction interruptible(void)
{
	struct sigaction action = { .sa_handler = nothing }, before;

	sigaction(SIGUSR1, &action, &before);
	return before;
}

START_TEST(read_interrupted)
{
	struct sigaction before = interruptible();
	pid_t parent = getpid(), pid;
	char got[8] = "";
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		for (const char *p = "abc"; *p != '\0'; p++) {
			interrupt(parent);
			if (write(fds[1], p, 1) != 1)
				_exit(1);
		}
		_exit(0);
	}
	close(fds[1]);
	ck_assert_int_eq(read_all(fds[0], got, 8), 3);
	ck_assert_str_eq(got, "abc");
	close(fds[0]);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	sigaction(SIGUSR1, &before, NULL);
}
END_TEST

/* More than a pipe holds, so that there are short counts as well. */
START_TEST(write_interrupted)
{
	static char sent[300000], got[sizeof(sent)];
	struct sigaction before = interruptible();
	pid_t parent = getpid(), pid;
	int fds[2], status;

	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (char)(i * 31 >> 3);
	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		size_t len = 0;
		ssize_t n;

		close(fds[1]);
		do {
			/* The first ends a write early; the second finds one that wrote nothing. */
			if (len < sizeof(got) / 2) {
				interrupt(parent);
				interrupt(parent);
			}
			n = read(fds[0], got + len, sizeof(got) - len);
			len += n > 0 ? (size_t)n : 0;
		} while (n > 0);
		_exit(len == sizeof(got) && memcmp(got, sent, len) == 0 ? 0 : 1);
	}
	close(fds[0]);
	ck_assert_int_eq(write_all(fds[1], sent, sizeof(sent)), 0);
	close(fds[1]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	sigaction(SIGUSR1, &before, NULL);
}
END_TEST

START_TEST(nonblocking)
{
	char c;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(set_nonblocking(fds[0]), 0);
	ck_assert_int_eq(read_all(fds[0], &c, 1), -1);
	ck_assert_int_eq(errno, EAGAIN);
	close(fds[0]);
	close(fds[1]);
	ck_assert_int_eq(set_nonblocking(fds[0]), -1);
}
END_TEST

START_TEST(read_file)
{
	struct buf b = BUF_INIT;

	ck_assert_int_eq(replace("file", "abcdef", false), 0);
	buf_addstr(&b, ">");
	ck_assert_int_eq(read_file_at(dir, "file", &b, 6), 0);
	ck_assert_str_eq(b.data, ">abcdef");
	ck_assert_int_eq(read_file_at(dir, "file", &b, 5), -1);
	ck_assert_int_eq(errno, EFBIG);
	ck_assert_int_eq(read_file_at(dir, "missing", &b, 5), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(read_file_at(dir, "sub", &b, 5), -1);
	ck_assert_int_eq(errno, EISDIR);
	ck_assert_str_eq(b.data, ">abcdef");
	ck_assert_uint_eq(b.len, 7);
	buf_free(&b);
}
END_TEST

START_TEST(read_empty_file)
{
	struct buf b = BUF_INIT;

	ck_assert_int_eq(replace("file", "", false), 0);
	ck_assert_int_eq(read_file_at(dir, "file", &b, 0), 0);
	ck_assert_uint_eq(b.len, 0);
	ck_assert_int_eq(replace("file", "a", false), 0);
	ck_assert_int_eq(read_file_at(dir, "file", &b, 0), -1);
	ck_assert_int_eq(errno, EFBIG);
	buf_free(&b);
}
END_TEST

/* Around the sizes of the steps in which it is read. */
START_TEST(read_large_file)
{
	static const size_t sizes[] = { 65535, 65536, 65537, 200000 };
	static char data[200000];
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 31 >> 3);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		ck_assert_int_eq(replace_file_at(dir, "file", data, sizes[i], false), 0);
		buf_reset(&b);
		ck_assert_int_eq(read_file_at(dir, "file", &b, sizes[i]), 0);
		ck_assert_uint_eq(b.len, sizes[i]);
		ck_assert(memcmp(b.data, data, sizes[i]) == 0);
		ck_assert_int_eq(read_file_at(dir, "file", &b, sizes[i] - 1), -1);
		ck_assert_int_eq(errno, EFBIG);
	}
	buf_free(&b);
}
END_TEST

/* Its size is given as 0, and it never ends. */
START_TEST(read_device)
{
	struct buf b = BUF_INIT;

	ck_assert_int_eq(read_file_at(AT_FDCWD, "/dev/zero", &b, 100000), -1);
	ck_assert_int_eq(errno, EFBIG);
	ck_assert_uint_eq(b.len, 0);
	ck_assert_str_eq(b.data, "");
	ck_assert_int_eq(read_file_at(AT_FDCWD, "/proc/self/stat", &b, 100000), 0);
	ck_assert_uint_gt(b.len, 10);
	buf_free(&b);
}
END_TEST

START_TEST(replace_file)
{
	struct stat st;
	bool sync = _i != 0;

	ck_assert_int_eq(replace("file", "one", sync), 0);
	check_file("file", "one");
	ck_assert_int_eq(fstatat(dir, "file", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(replace("file", "two!", sync), 0);
	check_file("file", "two!");
	ck_assert_int_eq(replace("sub/file", "three", sync), 0);
	check_file("sub/file", "three");
	ck_assert_uint_eq(entries(), 2);
}
END_TEST

START_TEST(replace_by_absolute_path)
{
	char name[64];

	snprintf(name, sizeof(name), "%s/file", path);
	ck_assert_int_eq(replace_file_at(-1, name, "x", 1, true), 0);
	check_file("file", "x");
}
END_TEST

/* Whoever has the old one open goes on reading the old one. */
START_TEST(old_file_stays_whole)
{
	char got[8] = "";
	int fd;

	ck_assert_int_eq(replace("file", "old", false), 0);
	fd = openat(dir, "file", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(replace("file", "newer", false), 0);
	ck_assert_int_eq(read_all(fd, got, sizeof(got)), 3);
	ck_assert_str_eq(got, "old");
	close(fd);
}
END_TEST

START_TEST(replace_link)
{
	ck_assert_int_eq(replace("sub/file", "target", false), 0);
	ck_assert_int_eq(symlinkat("sub/file", dir, "link"), 0);
	ck_assert_int_eq(replace("link", "new", false), 0);
	check_file("sub/file", "target");
	check_file("link", "new");
}
END_TEST

START_TEST(replace_fails)
{
	ck_assert_int_eq(replace("sub", "x", true), -1);
	ck_assert_int_eq(errno, EISDIR);
	ck_assert_int_eq(replace("missing/file", "x", true), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(replace("", "x", true), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_uint_eq(entries(), 1);
}
END_TEST

START_TEST(replace_without_room)
{
	static char data[100000];
	struct rlimit before, small;
	sighandler_t handler = signal(SIGXFSZ, SIG_IGN);
	int result, failure;

	ck_assert_int_eq(replace("file", "old", false), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 5000;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	result = replace_file_at(dir, "file", data, sizeof(data), true);
	failure = errno;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, handler);
	ck_assert_int_eq(result, -1);
	ck_assert_int_eq(failure, EFBIG);
	check_file("file", "old");
	ck_assert_uint_eq(entries(), 2);
}
END_TEST

START_TEST(unnamed_files_have_no_name)
{
	char directory[] = "/tmp/pollard-io-XXXXXX";
	char back[5] = "";

	ck_assert_ptr_nonnull(mkdtemp(directory));
	int fd = unnamed_file(directory);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write_all(fd, "text", 4), 0);
	ck_assert_int_eq(pread_all(fd, back, 4, 0), 4);
	ck_assert_str_eq(back, "text");
	/* nothing is in it */
	ck_assert_int_eq(rmdir(directory), 0);
	close(fd);
	ck_assert_int_eq(unnamed_file(directory), -1);
}
END_TEST

Suite *io_suite(void)
{
	Suite *s = suite_create("io");
	TCase *t = tcase_create("io");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, write_and_read);
	tcase_add_test(t, unnamed_files_have_no_name);
	tcase_add_test(t, write_fails);
	tcase_add_test(t, read_at_offset);
	tcase_add_test(t, read_interrupted);
	tcase_add_test(t, write_interrupted);
	tcase_add_test(t, nonblocking);
	tcase_add_test(t, read_file);
	tcase_add_test(t, read_empty_file);
	tcase_add_test(t, read_large_file);
	tcase_add_test(t, read_device);
	tcase_add_loop_test(t, replace_file, 0, 2);
	tcase_add_test(t, replace_by_absolute_path);
	tcase_add_test(t, old_file_stays_whole);
	tcase_add_test(t, replace_link);
	tcase_add_test(t, replace_fails);
	tcase_add_test(t, replace_without_room);
	suite_add_tcase(s, t);
	return s;
}
