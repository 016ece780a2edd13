#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workers/scratch.h"

Suite *scratch_suite(void);

static char top[32];

static void setup(void)
{
	snprintf(top, sizeof(top), "/tmp/pollard-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
}

static void teardown(void)
{
	/* the last attempt takes it along */
	ck_assert(rmdir(top) == 0 || errno == ENOENT);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert(S_ISDIR(st.st_mode));
	return st.st_mode & 07777;
}

START_TEST(made_and_removed)
{
	struct scratch a = SCRATCH_INIT, b = SCRATCH_INIT;
	mode_t before = umask(0777);
	char file[64], copy[64];

	ck_assert(scratch_make(&a, top));
	umask(0);
	ck_assert(scratch_make(&b, top));
	umask(before);
	ck_assert_str_ne(a.path, b.path);
	ck_assert_int_eq(strncmp(a.path, top, strlen(top)), 0);
	ck_assert_int_eq(mode_of(a.path), 0700);
	ck_assert_int_eq(mode_of(b.path), 0700);
	snprintf(copy, sizeof(copy), "%s", a.path);
	snprintf(file, sizeof(file), "%s/file", a.path);
	close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	scratch_remove(&a);
	ck_assert_int_eq(access(copy, F_OK), -1);
	ck_assert_int_eq(a.parent, -1);
	/* there is none any more */
	scratch_remove(&a);
	scratch_remove(&b);
}
END_TEST

START_TEST(parent_is_made)
{
	struct scratch s = SCRATCH_INIT;
	char parent[64];

	snprintf(parent, sizeof(parent), "%s/tmp", top);
	ck_assert(scratch_make(&s, parent));
	ck_assert_int_eq(mode_of(parent), 0700);
	scratch_remove(&s);
	ck_assert_int_eq(access(parent, F_OK), -1);
}
END_TEST

START_TEST(parent_is_no_link)
{
	struct scratch s = SCRATCH_INIT;
	char link[64];

	snprintf(link, sizeof(link), "%s/link", top);
	ck_assert_int_eq(symlink("/tmp", link), 0);
	ck_assert(!scratch_make(&s, link));
	ck_assert(errno == ELOOP || errno == ENOTDIR);
	ck_assert_int_eq(s.parent, -1);
	unlink(link);
}
END_TEST

START_TEST(no_parent)
{
	struct scratch s = SCRATCH_INIT;
	char path[64];

	snprintf(path, sizeof(path), "%s/not/there", top);
	ck_assert(!scratch_make(&s, path));
	ck_assert_int_eq(errno, ENOENT);
	scratch_remove(&s);
}
END_TEST

/* For the rest of this process no mode can be changed. */
static bool forbid_modes(void)
{
	struct sock_filter steps[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fchmodat, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EROFS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(steps) / sizeof(steps[0]), steps };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

START_TEST(mode_cannot_be_set)
{
	enum { MADE = 1, NO_FILTER, OTHER_ERROR };
	struct scratch s = SCRATCH_INIT;
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (!forbid_modes())
			_exit(NO_FILTER);
		if (scratch_make(&s, top))
			_exit(MADE);
		_exit(errno == EROFS && s.parent == -1 ? 0 : OTHER_ERROR);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_FILTER)
		return;
	ck_assert_int_eq(status, 0);
	/* nothing is left in it */
	ck_assert_int_eq(rmdir(top), 0);
}
END_TEST

/* Whoever ends last takes the directory of all away, while others begin. */
START_TEST(side_by_side)
{
	enum { PROCESSES = 4, ROUNDS = 1500 };
	char parent[64];
	pid_t pids[PROCESSES];

	snprintf(parent, sizeof(parent), "%s/tmp", top);
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		ck_assert_int_ge(pids[i], 0);
		for (int n = 0; pids[i] == 0 && n < ROUNDS; n++) {
			struct scratch s = SCRATCH_INIT;
			if (!scratch_make(&s, parent) || access(s.path, W_OK) != 0)
				_exit(1);
			scratch_remove(&s);
		}
		if (pids[i] == 0)
			_exit(0);
	}
	for (int i = 0; i < PROCESSES; i++) {
		int status;
		ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
		ck_assert_int_eq(status, 0);
	}
	ck_assert_int_eq(access(parent, F_OK), -1);
}
END_TEST

Suite *scratch_suite(void)
{
	Suite *s = suite_create("scratch");
	TCase *t = tcase_create("scratch");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, made_and_removed);
	tcase_add_test(t, parent_is_made);
	tcase_add_test(t, parent_is_no_link);
	tcase_add_test(t, no_parent);
	tcase_add_test(t, mode_cannot_be_set);
	tcase_add_test(t, side_by_side);
	suite_add_tcase(s, t);
	return s;
}
