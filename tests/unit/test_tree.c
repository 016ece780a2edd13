#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/io.h"
#include "workers/tree.h"

Suite *tree_suite(void);

/*
 * Each test runs in a process of its own that stands for the worker; it exits 0 when all was
 * right.
 */
static void as_worker(void (*test)(void))
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		prctl(PR_SET_CHILD_SUBREAPER, 1);
		/* Check has a handler that would end the test. */
		signal(SIGTERM, SIG_DFL);
		test();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		ck_abort_msg("line %d was not as promised", WEXITSTATUS(status));
}

/* An exit status holds 255 lines. */
#define NEED(what) \
	do { \
		if (!(what)) \
			_exit(__LINE__ < 255 ? __LINE__ : 255); \
	} while (0)

/* Says over the pipe that it is there, then stays; not for ever, should the test fail. */
static _Noreturn void stay(int ready)
{
	alarm(10);
	if (write_all(ready, "x", 1) < 0)
		_exit(1);
	for (;;)
		pause();
}

static _Noreturn void daemon_that_stays(int ready)
{
	if (fork() > 0)
		_exit(0);
	setsid();
	signal(SIGTERM, SIG_IGN);
	if (fork() > 0)
		stay(ready);
	stay(ready);
}

static pid_t start(void (*run)(int))
{
	int ends[2];
	pid_t pid;
	char bytes[8];

	NEED(pipe(ends) == 0);
	pid = fork();
	NEED(pid >= 0);
	if (pid == 0) {
		close(ends[0]);
		run(ends[1]);
	}
	close(ends[1]);
	NEED(read_all(ends[0], bytes, run == stay ? 1 : 2) == (run == stay ? 1 : 2));
	close(ends[0]);
	return pid;
}

static void one_child(void)
{
	struct tree_end end = { false, 0 };
	pid_t pid = start(stay);

	NEED(tree_signal(0) == 1);
	NEED(tree_reap(pid, &end));
	NEED(!end.reaped);
	NEED(tree_signal(SIGTERM) == 1);
	while (tree_reap(pid, &end))
		;
	NEED(end.reaped);
	NEED(WIFSIGNALED(end.status));
	NEED(WTERMSIG(end.status) == SIGTERM);
	NEED(tree_signal(0) == 0);
	/* A number that is free again is nobody's. */
	NEED(kill(pid, 0) < 0);
}

static void daemons(void)
{
	struct tree_end end = { false, 0 };
	pid_t first = start(daemon_that_stays), second = start(daemon_that_stays);

	while (!end.reaped)
		NEED(tree_reap(first, &end));
	NEED(WIFEXITED(end.status));
	if (waitpid(second, NULL, 0) < 0)
		NEED(errno == ECHILD);
	NEED(tree_signal(SIGTERM) == 4);
	NEED(tree_signal(0) == 4);
	NEED(tree_kill(5000));
	NEED(tree_signal(0) == 0);
	NEED(waitpid(-1, NULL, 0) < 0 && errno == ECHILD);
}

static void stopped(void)
{
	struct tree_end end = { false, 0 };
	pid_t pid = start(stay);
	int status;

	NEED(kill(pid, SIGSTOP) == 0);
	NEED(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	NEED(tree_signal(SIGTERM) == 1);
	while (tree_reap(pid, &end))
		;
	NEED(WTERMSIG(end.status) == SIGTERM);
}

static void zombie(void)
{
	siginfo_t info;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	NEED(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
	NEED(tree_signal(0) == 0);
}

static void nothing(void)
{
	struct tree_end end = { false, 0 };

	NEED(!tree_reap(1, &end));
	NEED(!end.reaped);
	NEED(tree_signal(SIGKILL) == 0);
	NEED(tree_kill(0));
}

static void stranger(void)
{
	/* Our parent and its other children are not below us. */
	NEED(tree_signal(SIGTERM) == 0);
	NEED(kill(getppid(), 0) == 0);
}

START_TEST(tree)
{
	static void (*const tests[])(
	    void) = { one_child, daemons, stopped, zombie, nothing, stranger };

	as_worker(tests[_i]);
}
END_TEST

Suite *tree_suite(void)
{
	Suite *suite = suite_create("tree");
	TCase *tc = tcase_create("tree");

	tcase_add_loop_test(tc, tree, 0, 6);
	suite_add_tcase(suite, tc);
	return suite;
}
