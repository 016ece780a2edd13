#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/buf.h"
#include "supervisor/record/locks.h"

Suite *locks_suite(void);

#define RUN "20261123-162005-1f0c"

static char top[64];
static char root[128];

static void setup(void)
{
	umask(022);
	snprintf(top, sizeof(top), "/tmp/pollard-locks-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	snprintf(root, sizeof(root), "%s/state", top);
	unsetenv("POLLARD_RUN");
}

static void teardown(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", top);
	ck_assert_int_eq(system(command), 0);
}

static int take(const char *name)
{
	char holder[RUN_ID_MAX];
	char *why;
	int fd = name_lock(root, name, false, holder, &why);

	ck_assert_msg(fd != -1, "%s: %s", name, why != NULL ? why : strerror(errno));
	ck_assert_ptr_null(why);
	ck_assert_str_eq(holder, "");
	return fd;
}

/* A process that holds the lock; it has it when this returns. */
static pid_t hold(const char *name, bool telling)
{
	int ready[2];
	char byte;

	ck_assert_int_eq(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		char holder[RUN_ID_MAX];
		char *why;
		int fd = name_lock(root, name, false, holder, &why);
		if (telling)
			name_lock_tell(fd, RUN);
		if (fd == -1 || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

static void assert_held(const char *name, const char *by)
{
	char holder[RUN_ID_MAX];
	char *why;

	ck_assert_int_eq(name_lock(root, name, false, holder, &why), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_ptr_null(why);
	ck_assert_str_eq(holder, by);
}

START_TEST(one_at_a_time)
{
	pid_t pid = hold("nightly", true);

	assert_held("nightly", RUN);
	int other = take("weekly");
	name_unlock(other);
	/* however it dies, nothing is stale, nor is its id */
	end(pid);
	int fd = take("nightly");
	name_unlock(fd);
	pid = hold("nightly", false);
	assert_held("nightly", "");
	end(pid);
}
END_TEST

/* Workers do not have it, so that one that lives on holds up nobody; and their end takes it from nobody. */
START_TEST(workers_have_none)
{
	int ready[2];
	int go[2];
	char byte;

	ck_assert_int_eq(pipe(ready), 0);
	ck_assert_int_eq(pipe(go), 0);
	pid_t supervisor = fork();
	if (supervisor == 0) {
		take("x");
		pid_t worker = fork();
		if (worker == 0) {
			close(go[1]);
			/* ends with the test */
			if (read(go[0], &byte, 1) == 0)
				_exit(0);
			_exit(1);
		}
		pid_t short_lived = fork();
		if (short_lived == 0)
			_exit(0);
		waitpid(short_lived, NULL, 0);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	assert_held("x", "");
	end(supervisor);
	name_unlock(take("x"));
	close(go[1]);
	close(go[0]);
	close(ready[0]);
	close(ready[1]);
}
END_TEST

static bool sleeps(pid_t pid)
{
	char path[64];
	char text[256] = "";

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *f = fopen(path, "r");
	size_t n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	return strncmp(strrchr(text, ')'), ") S", 3) == 0;
}

static void wait_until_it_sleeps(pid_t pid)
{
	while (!sleeps(pid))
		usleep(1000);
}

/* A process that waits for the lock: 0 when it got it, else its errno is its status. */
static pid_t wait_for(const char *name, void (*handler)(int))
{
	pid_t pid = fork();

	if (pid == 0) {
		const struct sigaction action = { .sa_handler = handler };
		char holder[RUN_ID_MAX];
		char *why;

		sigaction(SIGINT, &action, NULL);
		int fd = name_lock(root, name, true, holder, &why);
		int error = errno;
		if (strcmp(holder, RUN) != 0 || why != NULL)
			_exit(111);
		_exit(fd != -1 ? 0 : error);
	}
	wait_until_it_sleeps(pid);
	return pid;
}

static int status_of(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void on_signal(int signal)
{
	(void)signal;
}

START_TEST(waiting)
{
	pid_t holder = hold("x", true);
	pid_t waiter = wait_for("x", SIG_DFL);

	ck_assert_int_eq(waitpid(waiter, NULL, WNOHANG), 0);
	end(holder);
	ck_assert_int_eq(status_of(waiter), 0);
}
END_TEST

START_TEST(a_signal_ends_waiting)
{
	pid_t holder = hold("x", true);

	pid_t waiter = wait_for("x", SIG_DFL);
	kill(waiter, SIGINT);
	ck_assert_int_eq(status_of(waiter), -SIGINT);
	waiter = wait_for("x", on_signal);
	kill(waiter, SIGINT);
	ck_assert_int_eq(status_of(waiter), EINTR);
	/* stopped and continued it goes on waiting */
	waiter = wait_for("x", SIG_DFL);
	kill(waiter, SIGSTOP);
	ck_assert_int_eq(waitpid(waiter, NULL, WUNTRACED), waiter);
	kill(waiter, SIGCONT);
	wait_until_it_sleeps(waiter);
	end(holder);
	ck_assert_int_eq(status_of(waiter), 0);
}
END_TEST

/* A task of the run that has the lock would wait for ever. */
START_TEST(waiting_for_oneself)
{
	char holder[RUN_ID_MAX];
	char *why;
	pid_t pid = hold("x", true);

	setenv("POLLARD_RUN", RUN, 1);
	ck_assert_int_eq(name_lock(root, "x", true, holder, &why), -1);
	ck_assert_int_eq(errno, EDEADLK);
	ck_assert_str_eq(holder, RUN);
	ck_assert_ptr_null(why);
	end(pid);
}
END_TEST

/* All names are names, and no two are the same. */
START_TEST(any_name)
{
	char long_a[5001];
	char long_b[5001];
	char full[201];
	char fuller[202];
	memset(long_a, '/', sizeof(long_a));
	memset(long_b, '/', sizeof(long_b));
	memset(full, 'x', sizeof(full));
	memset(fuller, 'x', sizeof(fuller));
	long_a[5000] = long_b[5000] = full[200] = fuller[201] = '\0';
	long_b[4000] = 'x';
	const char *const names[] = { "", ".", "..", "a", "A", "a.lock", "a/b", "../../a", "a%2Fb",
		"~", "%", "\xff\x01\n", "h\xc3\xb6her", "-rf", "/home/me/nightly.yaml", full,
		fuller, long_a, long_b };
	size_t count = sizeof(names) / sizeof(names[0]);
	int fds[sizeof(names) / sizeof(names[0])];
	char path[256];
	struct stat st;
	size_t files = 0;

	for (size_t i = 0; i < count; i++)
		fds[i] = take(names[i]);
	snprintf(path, sizeof(path), "%s/locks", root);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0700);
	DIR *d = opendir(path);
	const struct dirent *entry;
	while ((entry = readdir(d)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW);
		ck_assert_int_eq(st.st_mode, S_IFREG | 0600);
		files++;
	}
	closedir(d);
	ck_assert_uint_eq(files, count);
	for (size_t i = 0; i < count; i++)
		name_unlock(fds[i]);
}
END_TEST

static void assert_refused(int error, const char *part)
{
	char holder[RUN_ID_MAX];
	char *why;

	ck_assert_int_eq(name_lock(root, "x", true, holder, &why), -1);
	ck_assert_int_eq(errno, error);
	ck_assert_ptr_nonnull(why);
	ck_assert_msg(strstr(why, part) != NULL, "%s", why);
	ck_assert_ptr_null(strchr(why, '\n'));
	free(why);
}

START_TEST(refused)
{
	char path[256];

	name_unlock(take("x"));
	snprintf(path, sizeof(path), "%s/locks/x.lock", root);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(symlink("/etc/passwd", path), 0);
	assert_refused(ELOOP, "cannot lock the name 'x'");
	unlink(path);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	assert_refused(EINVAL, "cannot lock the name 'x'");
	unlink(path);
	snprintf(path, sizeof(path), "%s/locks", root);
	ck_assert_int_eq(chmod(path, 0722), 0);
	assert_refused(EPERM, "can be written to by others");
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(symlink("/tmp", path), 0);
	assert_refused(ENOTDIR, "is a symbolic link");
}
END_TEST

Suite *locks_suite(void)
{
	Suite *suite = suite_create("locks");
	TCase *tc = tcase_create("locks");

	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, one_at_a_time);
	tcase_add_test(tc, workers_have_none);
	tcase_add_test(tc, waiting);
	tcase_add_test(tc, a_signal_ends_waiting);
	tcase_add_test(tc, waiting_for_oneself);
	tcase_add_test(tc, any_name);
	tcase_add_test(tc, refused);
	suite_add_tcase(suite, tc);
	return suite;
}
