#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/clock.h"
#include "supervisor/record/lease.h"

Suite *lease_suite(void);

static char dir_name[64];
static int dir;

static void setup(void)
{
	snprintf(dir_name, sizeof(dir_name), "/tmp/pollard-lease-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir_name));
	dir = open(dir_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void teardown(void)
{
	unlinkat(dir, LEASE_NAME, 0);
	close(dir);
	rmdir(dir_name);
}

/* A process that waits to be killed. */
static _Noreturn void stay(void)
{
	for (;;)
		pause();
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

static void assert_held(void)
{
	ck_assert_int_eq(lease_take(dir), -1);
	ck_assert_int_eq(errno, EWOULDBLOCK);
	ck_assert_int_eq(lease_wait_gone(dir, 0), -1);
	ck_assert_int_eq(errno, ETIMEDOUT);
}

static void assert_free(void)
{
	int fd = lease_take(dir);

	ck_assert_int_ne(fd, -1);
	close(fd);
	fd = lease_wait_gone(dir, 0);
	ck_assert_int_ne(fd, -1);
	close(fd);
}

START_TEST(alone)
{
	struct stat st;

	umask(0777);
	int fd = lease_take(dir);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	fstat(fd, &st);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	assert_held();
	close(fd);
	assert_free();
}
END_TEST

/* A supervisor is killed while two of its workers live: it is free when the last of them is gone. */
START_TEST(workers_hold_it)
{
	int pids[2];

	ck_assert_int_eq(pipe(pids), 0);
	pid_t supervisor = fork();
	if (supervisor == 0) {
		pid_t workers[2];
		lease_take(dir);
		for (int i = 0; i < 2; i++) {
			workers[i] = fork();
			if (workers[i] == 0)
				stay();
		}
		if (write(pids[1], workers, sizeof(workers)) != sizeof(workers))
			_exit(1);
		stay();
	}
	pid_t workers[2];
	ck_assert_int_eq(read(pids[0], workers, sizeof(workers)), sizeof(workers));
	assert_held();
	end(supervisor);
	assert_held();
	kill(workers[0], SIGKILL);
	assert_held();
	kill(workers[1], SIGKILL);
	int fd = lease_wait_gone(dir, 10000);
	ck_assert_int_ne(fd, -1);
	/* and now it is ours */
	assert_held();
	close(fd);
	close(pids[0]);
	close(pids[1]);
}
END_TEST

/* What a worker starts does not hold it, though it lives on. */
START_TEST(commands_do_not)
{
	int ready[2];
	char byte;

	ck_assert_int_eq(pipe(ready), 0);
	pid_t command = fork();
	if (command == 0) {
		lease_take(dir);
		dup2(ready[1], 1);
		execl("/bin/sh", "sh", "-c", "echo; exec sleep 60", (char *)NULL);
		_exit(127);
	}
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	ck_assert_int_eq(waitpid(command, NULL, WNOHANG), 0);
	assert_free();
	end(command);
	close(ready[0]);
	close(ready[1]);
}
END_TEST

START_TEST(waiting_ends)
{
	int fd = lease_take(dir);
	int64_t before = clock_mono_ms();

	ck_assert_int_eq(lease_wait_gone(dir, 120), -1);
	ck_assert_int_eq(errno, ETIMEDOUT);
	ck_assert_int_ge(clock_mono_ms() - before, 120);
	close(fd);
}
END_TEST

static void on_alarm(int signal)
{
	(void)signal;
}

START_TEST(a_signal_ends_it)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	int fd = lease_take(dir);

	sigaction(SIGALRM, &action, NULL);
	ualarm(30000, 30000);
	ck_assert_int_eq(lease_wait_gone(dir, 60000), -1);
	ck_assert_int_eq(errno, EINTR);
	ualarm(0, 0);
	close(fd);
}
END_TEST

START_TEST(refused)
{
	ck_assert_int_eq(symlinkat("/etc/passwd", dir, LEASE_NAME), 0);
	ck_assert_int_eq(lease_take(dir), -1);
	ck_assert_int_eq(errno, ELOOP);
	unlinkat(dir, LEASE_NAME, 0);
	ck_assert_int_eq(mkfifoat(dir, LEASE_NAME, 0600), 0);
	ck_assert_int_eq(lease_take(dir), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(lease_wait_gone(dir, 60000), -1);
	ck_assert_int_eq(errno, EINVAL);
	unlinkat(dir, LEASE_NAME, 0);
	ck_assert_int_eq(lease_take(-1), -1);
	ck_assert_int_eq(errno, EBADF);
}
END_TEST

Suite *lease_suite(void)
{
	Suite *suite = suite_create("lease");
	TCase *tc = tcase_create("lease");

	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, alone);
	tcase_add_test(tc, workers_hold_it);
	tcase_add_test(tc, commands_do_not);
	tcase_add_test(tc, waiting_ends);
	tcase_add_test(tc, a_signal_ends_it);
	tcase_add_test(tc, refused);
	suite_add_tcase(suite, tc);
	return suite;
}
