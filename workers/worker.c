/*
 * The worker's life: settle down, do the job, send one message.
 */
#include "workers/worker.h"

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/io.h"
#include "shared/message.h"
#include "shared/result.h"
#include "shared/xalloc.h"
#include "workers/attempt.h"
#include "workers/debugger.h"
#include "workers/merger.h"
#include "workers/rehearsal.h"

/* The supervisor has no descriptor above this without thousands of slots. */
#define FEW 4096

static void close_between(int first, int last)
{
	if (first > last || close_range((unsigned)first, (unsigned)last, 0) == 0)
		return;
	/* A kernel without that call, or valgrind in its place. */
	for (int fd = first; fd <= last && fd < FEW; fd++)
		close(fd);
}

static int compare_numbers(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/*
 * Closes all that the job does not need; above all the reading ends of this and other workers'
 * pipes: as long as somebody holds them the supervisor's death cannot be seen.
 */
static void close_others(const struct job *job, int report_fd)
{
	bool reads = job->kind == JOB_MERGE || job->nparts > 0;
	const int always[] = {
		report_fd,
		job->null_fd,
		job->lease_fd,
		job->out_dirfd,
		job->out_fd,
		job->err_fd,
		reads ? job->journal_fd : -1,
		reads ? job->merge_dirfd : -1,
		STDERR_FILENO,
	};
	size_t count = sizeof(always) / sizeof(always[0]);
	int few[sizeof(always) / sizeof(always[0])], *kept = few, next = 0;

	if (job->nparts > 0)
		kept = xreallocarray(NULL, count + job->nparts, sizeof(*kept));
	memcpy(kept, always, sizeof(always));
	for (size_t i = 0; i < job->nparts; i++)
		kept[count++] = job->parts[i].kind == PART_MERGED ? job->parts[i].fd : -1;
	qsort(kept, count, sizeof(*kept), compare_numbers);
	for (size_t i = 0; i < count; i++) {
		if (kept[i] > STDERR_FILENO && kept[i] > next)
			close_between(next, kept[i] - 1);
		if (kept[i] >= STDERR_FILENO)
			next = kept[i] + 1;
	}
	close_between(next, INT_MAX);
	if (kept != few)
		free(kept);
}

/*
 * Handlers are for the supervisor only; what it was told to ignore (SIGHUP by nohup) stays
 * ignored. The command inherits this. Blocked signals of the default kind are still seen by
 * sigtimedwait() and a signalfd.
 */
static void reset_signals(void)
{
	static const int asked[] = {
		SIGHUP,
		SIGINT,
		SIGQUIT,
		SIGTERM,
		SIGUSR1,
		SIGUSR2,
		SIGALRM,
		SIGTSTP,
		SIGCONT,
		SIGWINCH,
	};
	static const int always[] = { SIGPIPE, SIGXFSZ, SIGCHLD };
	struct sigaction fresh = { .sa_handler = SIG_DFL }, old;

	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		sigaction(always[i], &fresh, NULL);
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
		if (sigaction(asked[i], &fresh, &old) == 0 && old.sa_handler == SIG_IGN)
			sigaction(asked[i], &old, NULL);
}

static void settle(const struct job *job, int report_fd)
{
	close_others(job, report_fd);
	/* What is meant for the supervisor's group or terminal does not concern the worker. */
	setpgid(0, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	reset_signals();
}

/* Whether a merge is asked to end. */
static bool asked_to_stop(void)
{
	static const struct timespec at_once = { 0, 0 };
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGQUIT);
	for (;;) {
		int number = sigtimedwait(&set, &info, &at_once);

		if (number < 0)
			return false;
		if (info.si_pid == getppid())
			return true;
	}
}

/* The verdict is the structured result; a request that is none is a bug on the other side. */
static void diagnose(const struct job *job, struct result *r)
{
	struct buf verdict = BUF_INIT;
	const char *why;

	r->exit_status = -1;
	if (!debugger_verdict(job->input, job->input_len, &verdict, &why)) {
		r->status = RESULT_FAILED;
		r->reason = REASON_AGENT;
		result_set_error(r, "%s", why);
		return;
	}
	r->status = RESULT_SUCCEEDED;
	if (verdict.len > 0 && verdict.data[verdict.len - 1] == '\n')
		verdict.len--;
	r->structured = xmemdup0(verdict.data, verdict.len);
	buf_free(&verdict);
}

static _Noreturn void report(const struct result *r, int report_fd, int status)
{
	struct buf message = BUF_INIT;

	message_encode_result(&message, r);
	/* exit() would run the supervisor's handlers and write its waiting output once more. */
	_exit(write_all(report_fd, message.data, message.len) < 0 ? 1 : status);
}

_Noreturn void worker_main(const struct job *job, int report_fd)
{
	struct result result;
	int64_t begun;
	int status = 0;

	settle(job, report_fd);
	if (getppid() != job->supervisor_pid)
		_exit(1);
	result_init(&result);
	result.started_ms = clock_wall_ms();
	begun = clock_mono_ms();
	if (job->kind == JOB_DEBUGGER)
		diagnose(job, &result);
	else if (job->kind == JOB_MERGE)
		merger_run(job, &result, asked_to_stop);
	else if (job->kind == JOB_REHEARSAL)
		rehearsal_run(job, &result, report_fd);
	else if (!attempt_run(job, &result, report_fd))
		status = WORKER_SHORTAGE;
	result.finished_ms = clock_wall_ms();
	result.duration_ms = clock_mono_ms() - begun;
	report(&result, report_fd, status);
}
