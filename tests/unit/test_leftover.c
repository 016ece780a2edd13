#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/record/leftover.h"

Suite *leftover_suite(void);

/* No other run in the world has this id. */
static char run[64];
static char mark[80];

static void setup(void)
{
	snprintf(run, sizeof(run), "test-%d-%08x", (int)getpid(), arc4random());
	snprintf(mark, sizeof(mark), "POLLARD_RUN=%s", run);
	/* so that what is left behind is ours to see */
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

/* Starts `sh -c script` with this environment; it runs, and has printed a line, when this returns. */
static pid_t start(const char *script, char *const *environment)
{
	int ready[2];
	char byte;

	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		char *const words[] = { "sh", "-c", (char *)script, NULL };
		dup2(ready[1], 1);
		execve("/bin/sh", words, environment);
		_exit(127);
	}
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

/* How many children of ours have been killed. */
static int killed(void)
{
	int status;
	int count = 0;

	while (waitpid(-1, &status, WNOHANG) > 0)
		count += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	return count;
}

static void assert_lives(pid_t pid)
{
	ck_assert_int_eq(waitpid(pid, NULL, WNOHANG), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

START_TEST(none)
{
	char other[90];
	char longer[90];
	snprintf(other, sizeof(other), "X%s", mark);
	snprintf(longer, sizeof(longer), "%sx", mark);
	char *const environment[] = { "POLLARD_RUN=", "POLLARD_RUN", other, longer,
		"PATH=/usr/bin:/bin", NULL };
	pid_t pid = start("echo; exec sleep 60", environment);

	ck_assert_int_eq(leftover_end(run), 0);
	assert_lives(pid);
}
END_TEST

/* A tree whose root does not wait for it, with a daemon that left its session. */
START_TEST(a_tree)
{
	char *const environment[] = { "A=b", mark, "PATH=/usr/bin:/bin", NULL };
	char *const plain[] = { "A=b", "PATH=/usr/bin:/bin", NULL };
	pid_t stranger = start("echo; exec sleep 60", plain);

	start("trap '' TERM; sleep 60 & setsid sleep 60 & echo; wait", environment);
	ck_assert_int_eq(leftover_end(run), 3);
	ck_assert_int_eq(leftover_end(run), 0);
	ck_assert_int_eq(killed(), 3);
	assert_lives(stranger);
}
END_TEST

/* Stopped ones, and those whose environment is large, the mark being anywhere in it. */
START_TEST(large_environments)
{
	static char *environment[1200];
	static char values[1200][1024];

	for (int at = 0; at < 1199; at += 149) {
		for (int i = 0; i < 1199; i++) {
			memset(values[i], 'x', sizeof(values[i]) - 1);
			memcpy(values[i], "BIG=", 4);
			environment[i] = values[i];
		}
		environment[at] = mark;
		environment[1198] = "PATH=/usr/bin:/bin";
		pid_t pid = start("echo; exec sleep 60", environment);
		if (at % 2 == 0)
			kill(pid, SIGSTOP);
		ck_assert_int_eq(leftover_end(run), 1);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	}
}
END_TEST

/*
 * Gives this process the mark without starting another program, for which there must be room where
 * /proc shows its environment; false when there is none.
 */
static bool mark_ourselves(void)
{
	unsigned long start = 0;
	unsigned long end = 0;
	char text[4096];
	FILE *f = fopen("/proc/self/stat", "r");
	size_t n = fread(text, 1, sizeof(text) - 1, f);

	fclose(f);
	text[n] = '\0';
	/* the third field follows the name; those wanted are the 50th and the 51st */
	char *field = strrchr(text, ')') + 2;
	for (int i = 3; i < 50 && field != NULL; i++)
		field = strchr(field, ' ') + 1;
	if (sscanf(field, "%lu %lu", &start, &end) != 2 || end - start < sizeof(mark))
		return false;
	memset((char *)start, 0, end - start);
	memcpy((char *)start, mark, strlen(mark));
	return true;
}

/* Ourselves and those above us are spared, though they have the mark; those beside us are not. */
START_TEST(ancestors)
{
	char *const environment[] = { mark, "PATH=/usr/bin:/bin", NULL };
	pid_t sibling = start("echo; exec sleep 60", environment);
	int status;

	pid_t parent = fork();
	if (parent == 0) {
		bool marked = mark_ourselves();
		pid_t child = fork();
		if (child == 0)
			_exit(leftover_end(run) == 1 && marked ? 0 : 1);
		waitpid(child, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 2);
	}
	ck_assert_int_eq(waitpid(parent, &status, 0), parent);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(waitpid(sibling, NULL, 0), sibling);
}
END_TEST

/* Processes that come and go meanwhile, some of them marked: none is left, and nothing waits for long. */
START_TEST(coming_and_going)
{
	char *const environment[] = { mark, "PATH=/usr/bin:/bin", NULL };
	char *const plain[] = { "PATH=/usr/bin:/bin", NULL };
	pid_t busy = start("echo; while :; do /bin/true; done", plain);

	start("for i in 1 2 3 4 5 6 7 8; do (while :; do /bin/true; done) & done; echo; wait",
	    environment);
	ck_assert_int_ge(leftover_end(run), 9);
	ck_assert_int_eq(leftover_end(run), 0);
	killed();
	assert_lives(busy);
}
END_TEST

static void *stay(void *fd)
{
	char byte = 0;

	if (write(*(int *)fd, &byte, 1) == 1)
		pause();
	return NULL;
}

/* A program whose first thread has ended: its environment is to be seen in the other ones alone. */
START_TEST(without_its_first_thread)
{
	int ready[2];
	char path[64];
	char byte;
	ssize_t left;

	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		pthread_t thread;
		mark_ourselves();
		pthread_create(&thread, NULL, stay, &ready[1]);
		pthread_exit(NULL);
	}
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	/* until its first thread is gone */
	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	do {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		left = read(fd, &byte, 1);
		close(fd);
	} while (left == 1);
	ck_assert_int_eq(leftover_end(run), 1);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	close(ready[0]);
	close(ready[1]);
}
END_TEST

Suite *leftover_suite(void)
{
	Suite *suite = suite_create("leftover");
	TCase *tc = tcase_create("leftover");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, none);
	tcase_add_test(tc, a_tree);
	tcase_add_test(tc, large_environments);
	tcase_add_test(tc, ancestors);
	tcase_add_test(tc, coming_and_going);
	tcase_add_test(tc, without_its_first_thread);
	suite_add_tcase(suite, tc);
	return suite;
}
