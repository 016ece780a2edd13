/*
 * All signals stay blocked. The few that count are taken where the worker waits: by
 * sigtimedwait() in its first moments, by a signalfd in its poll() afterwards. So nothing is
 * ever interrupted, and what was a handler in the supervisor is none here.
 */
#include "workers/attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/message.h"
#include "shared/quantity.h"
#include "workers/answer.h"
#include "workers/capture.h"
#include "workers/command.h"
#include "workers/limits.h"
#include "workers/relay.h"
#include "workers/tail.h"
#include "workers/tree.h"

/*
 * For so long only signals are waited for. A short command closes its three pipes one after
 * another before it ends, and each would wake the worker; its output waits in the pipes.
 */
#define FIRST_MS 10
#define BLIND_MS 20
#define KILL_MS 5000
#define RESULT_STEP (16 * 1024)
/* More than a pipe holds; somebody outside the tree may go on writing to it. */
#define RESULT_ROUNDS 64
#define SHORT_TEXT 32
/* Bytes of live output that may wait for the supervisor. */
#define LIVE_MAX ((size_t)256 * 1024)

/* Lives in attempt_run(), which ends its parts; what is left then ends with the process. */
struct attempt {
	const struct job *job;
	struct result *result;
	int report_fd; /* poll() shows POLLERR on it when the supervisor is gone */
	int signal_fd; /* -1 in the first moments */
	struct command command;
	struct capture out;
	struct capture err;
	struct answer_source source;
	struct limits limits;
	enum stop_request request; /* not yet passed to limits */
	struct tree_end end;
	bool empty;   /* nothing is left of the tree */
	bool counted; /* what the command has left behind */
	struct tail tail;
	struct relay relay;
	struct buf live; /* messages about output, not yet taken by the supervisor */
};

static _Noreturn void die_with_supervisor(struct attempt *a)
{
	tree_kill(KILL_MS);
	/* nobody wants to know any more what came of it */
	a->result->status = RESULT_CANCELLED;
	command_end(&a->command, a->job, a->result);
	_exit(1);
}

static void awaited_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGQUIT);
}

/* A task may signal its parent; only the supervisor is listened to. */
static void note_signal(struct attempt *a, int number, pid_t sender)
{
	if (sender != a->job->supervisor_pid)
		return;
	if (number == SIGQUIT)
		a->request = REQUEST_KILL;
	else if (number == SIGTERM && a->request == REQUEST_NONE)
		a->request = REQUEST_STOP;
}

static void wait_first(struct attempt *a)
{
	int wait = limits_wait(&a->limits, clock_mono_ms());
	struct timespec limit = { 0, (wait >= 0 && wait < FIRST_MS ? wait : FIRST_MS) * 1000000L };
	siginfo_t info;
	sigset_t set;
	int number;

	awaited_signals(&set);
	number = sigtimedwait(&set, &info, &limit);
	if (number > 0)
		note_signal(a, number, info.si_pid);
}

static void read_signals(struct attempt *a)
{
	struct signalfd_siginfo infos[4];
	ssize_t n = read(a->signal_fd, infos, sizeof(infos));

	for (ssize_t i = 0; n > 0 && i < n / (ssize_t)sizeof(infos[0]); i++)
		note_signal(a, (int)infos[i].ssi_signo, (pid_t)infos[i].ssi_pid);
}

/* From here on the worker waits in poll(). */
static void open_signal_fd(struct attempt *a)
{
	sigset_t set;

	awaited_signals(&set);
	a->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Whether there was something. */
static bool read_structured(struct attempt *a)
{
	/* Memory that most attempts never touch. */
	static char piece[RESULT_STEP];
	struct buf *text = &a->source.structured;
	ssize_t n = read(a->command.result, piece, sizeof(piece));

	if (n > 0) {
		/* Read on without keeping it: the command is not to hang on a full pipe. */
		if (text->len + (size_t)n > STRUCTURED_MAX)
			a->source.structured_cut = true;
		else
			buf_add(text, piece, (size_t)n);
		return true;
	}
	if (n == 0 || errno != EAGAIN) {
		close(a->command.result);
		a->command.result = -1;
	}
	return false;
}

/* The supervisor may be stopped (Ctrl-Z): its pipe is not waited for while limits have to be kept. */
static void flush_live(struct attempt *a)
{
	while (a->live.len > 0) {
		ssize_t n = write(a->report_fd, a->live.data, a->live.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		buf_consume(&a->live, (size_t)n);
	}
}

/* Whether there is more to do with output than to keep it. */
static bool is_heard(const struct attempt *a)
{
	return a->job->live || a->job->tail_ms > 0 || a->relay.reader != NULL;
}

/* A supervisor that has not taken the last one is not in a hurry to read the next. */
static bool may_send_tail(const struct attempt *a)
{
	return a->live.len == 0 || a->job->live;
}

/* Of a client people see what it does, not its events; asked for no more often than it is sent. */
static void add_activity(struct attempt *a)
{
	const char *activity = relay_activity(&a->relay);

	if (*activity == '\0')
		return;
	tail_add(&a->tail, false, activity, strlen(activity));
	tail_add(&a->tail, false, "\n", 1);
}

static void send_tail(struct attempt *a)
{
	int64_t now = clock_mono_ms();

	if (!may_send_tail(a) || tail_wait(&a->tail, now) != 0)
		return;
	if (a->relay.reader != NULL)
		add_activity(a);
	tail_take(&a->tail, now, &a->live);
}

/* The least of two times to wait; -1 is no limit. */
static int sooner(int a, int b)
{
	if (a < 0)
		return b;
	return b < 0 || a < b ? a : b;
}

enum poll_slot { SLOT_REPORT, SLOT_SIGNAL, SLOT_IN, SLOT_OUT, SLOT_ERR, SLOT_RESULT, SLOT_COUNT };

/* A closed stream is -1, which poll() passes over: its POLLHUP would come at once, for ever. */
static void prepare_poll(const struct attempt *a, struct pollfd polled[SLOT_COUNT])
{
	/* nothing more is read than the supervisor takes: memory stays small */
	bool full = a->live.len > LIVE_MAX;

	polled[SLOT_REPORT] =
	    (struct pollfd){ .fd = a->report_fd, .events = a->live.len > 0 ? POLLOUT : 0 };
	polled[SLOT_SIGNAL] = (struct pollfd){ .fd = a->signal_fd, .events = POLLIN };
	polled[SLOT_IN] = (struct pollfd){ .fd = a->command.in, .events = POLLOUT };
	polled[SLOT_OUT] = (struct pollfd){ .fd = full ? -1 : a->out.fd, .events = POLLIN };
	polled[SLOT_ERR] = (struct pollfd){ .fd = full ? -1 : a->err.fd, .events = POLLIN };
	polled[SLOT_RESULT] = (struct pollfd){ .fd = a->command.result, .events = POLLIN };
}

static void wait_for_events(struct attempt *a)
{
	struct pollfd polled[SLOT_COUNT];
	bool output = false;
	int wait;

	if (a->signal_fd < 0)
		open_signal_fd(a);
	prepare_poll(a, polled);
	wait = limits_wait(&a->limits, clock_mono_ms());
	if (may_send_tail(a))
		wait = sooner(wait, (int)tail_wait(&a->tail, clock_mono_ms()));
	/* A system out of files has not given us one: then look at the children now and then. */
	if (a->signal_fd < 0 && (wait < 0 || wait > BLIND_MS))
		wait = BLIND_MS;
	if (poll(polled, SLOT_COUNT, wait) <= 0) {
		send_tail(a);
		flush_live(a);
		return;
	}
	if ((polled[SLOT_REPORT].revents & ~POLLOUT) != 0)
		die_with_supervisor(a);
	if (polled[SLOT_SIGNAL].revents != 0)
		read_signals(a);
	if (polled[SLOT_IN].revents != 0)
		command_feed(&a->command);
	if (polled[SLOT_OUT].revents != 0)
		output |= capture_read(&a->out);
	if (polled[SLOT_ERR].revents != 0)
		output |= capture_read(&a->err);
	if (polled[SLOT_RESULT].revents != 0)
		read_structured(a);
	if (output)
		limits_output(&a->limits, clock_mono_ms());
	send_tail(a);
	flush_live(a);
}

static void act(struct attempt *a, enum limits_action action)
{
	unsigned count;

	if (action == ACTION_NONE)
		return;
	count = tree_signal(action == ACTION_KILL ? SIGKILL : SIGTERM);
	if (action == ACTION_TERM || a->counted)
		return;
	/* Later rounds may still see what is dying by the first one. */
	a->counted = true;
	if (a->end.reaped)
		a->result->leftovers = count;
}

/* Reaps first: what has ended by itself before we signalled has its own result. */
static void advance(struct attempt *a)
{
	enum limits_action action;

	a->empty = !tree_reap(a->command.pid, &a->end);
	do {
		int64_t now = clock_mono_ms();

		action = limits_next(&a->limits, now, a->end.reaped, a->empty);
		act(a, action);
		if (a->request != REQUEST_NONE) {
			limits_request(&a->limits, a->request, now);
			a->request = REQUEST_NONE;
			action = ACTION_SWEEP;
		}
	} while (action != ACTION_NONE);
}

static void drain_rest(struct attempt *a)
{
	capture_finish(&a->out);
	capture_finish(&a->err);
	for (int i = 0; i < RESULT_ROUNDS && a->command.result >= 0; i++)
		if (!read_structured(a))
			break;
}

static void run_command(struct attempt *a)
{
	if (a->command.in < 0) {
		wait_first(a);
		advance(a);
	}
	while (a->limits.phase != OVER) {
		wait_for_events(a);
		advance(a);
	}
	drain_rest(a);
	/* now there is nothing left to watch */
	if (is_heard(a) && fcntl(a->report_fd, F_SETFL, 0) == 0)
		flush_live(a);
}

static void judge_end(struct attempt *a)
{
	struct result *r = a->result;
	char name[SIGNAL_NAME_MAX];

	if (r->signal != 0) {
		r->status = RESULT_FAILED;
		r->reason = REASON_SIGNAL;
		result_set_error(r, "killed by %s", signal_name(name, r->signal));
	} else if (r->exit_status != 0) {
		r->status = RESULT_FAILED;
		r->reason = REASON_EXIT;
		result_set_error(r, "exit %d", r->exit_status);
	} else {
		r->status = RESULT_SUCCEEDED;
		r->reason = REASON_NONE;
	}
}

/* What we signalled for is the reason, whatever the command made of it. */
static void judge(struct attempt *a)
{
	struct result *r = a->result;
	char text[SHORT_TEXT];

	if (a->end.reaped && WIFEXITED(a->end.status))
		r->exit_status = WEXITSTATUS(a->end.status);
	else if (a->end.reaped && WIFSIGNALED(a->end.status))
		r->signal = WTERMSIG(a->end.status);
	switch (a->limits.cause) {
	case STOP_NONE:
		judge_end(a);
		return;
	case STOP_TIMEOUT:
		r->status = RESULT_FAILED;
		r->reason = REASON_TIMEOUT;
		format_duration(text, sizeof(text), a->job->timeout_ms);
		result_set_error(r, "timed out after %s", text);
		return;
	case STOP_IDLE:
		r->status = RESULT_FAILED;
		r->reason = REASON_IDLE_TIMEOUT;
		format_duration(text, sizeof(text), a->job->idle_timeout_ms);
		result_set_error(r, "no output for %s", text);
		return;
	case STOP_ASKED:
		r->status = RESULT_CANCELLED;
		r->reason = REASON_INTERRUPTED;
		result_set_error(r, "interrupted");
		return;
	}
}

static void warn_of_stream(struct buf *warning, const struct stream *s, const char *name)
{
	char size[SHORT_TEXT];

	if (s->dropped == 0 && s->spill_errno == 0)
		return;
	buf_addf(warning, "%s%s of %s", warning->len > 0 ? "; " : "",
	    format_size(size, sizeof(size), s->dropped), name);
	if (s->spill_errno != 0)
		buf_addf(warning, " could not be kept: %s", strerror(s->spill_errno));
	else
		buf_addstr(warning, " were dropped from the middle");
}

static void warn_of_rest(struct attempt *a)
{
	struct buf warning = BUF_INIT;
	struct result *r = a->result;

	if (r->out.dropped == 0 && r->err.dropped == 0 && r->out.spill_errno == 0 &&
	    r->err.spill_errno == 0 && !a->limits.gave_up)
		return;
	warn_of_stream(&warning, &r->out, "standard output");
	warn_of_stream(&warning, &r->err, "standard error");
	if (a->limits.gave_up)
		buf_addf(&warning, "%s%u of its processes could not be killed",
		    warning.len > 0 ? "; " : "", tree_signal(0));
	result_add_warning(r, "%s", buf_str(&warning));
	buf_free(&warning);
}

static int64_t timeval_ms(struct timeval t)
{
	return (int64_t)t.tv_sec * 1000 + t.tv_usec / 1000;
}

static void measure(struct attempt *a)
{
	struct rusage usage;

	if (getrusage(RUSAGE_CHILDREN, &usage) < 0)
		return;
	a->result->cpu_ms = timeval_ms(usage.ru_utime) + timeval_ms(usage.ru_stime);
	a->result->max_rss_kb = (uint64_t)usage.ru_maxrss;
}

/* What people see of output as it comes; of a client only that there is some, see add_activity(). */
static void hear_tail(struct attempt *a, bool is_err, const char *data, size_t len)
{
	if (a->relay.reader == NULL)
		tail_add(&a->tail, is_err, data, len);
	else
		a->tail.fresh = true;
}

static void hear(void *context, const struct capture *c, const char *data, size_t len)
{
	struct attempt *a = context;
	bool is_err = c == &a->err;

	relay_hear(&a->relay, is_err, data, len, clock_mono_ms(), &a->live);
	if (a->job->live && (is_err || !a->relay.shows))
		message_encode_output(&a->live, is_err, data, len);
	if (a->job->tail_ms > 0)
		hear_tail(a, is_err, data, len);
}

static void begin(struct attempt *a)
{
	const struct job *job = a->job;
	struct spill_place out = { job->out_dirfd, job->out_name, job->out_fd };
	struct spill_place err = { job->out_dirfd, job->err_name, job->err_fd };

	limits_init(&a->limits, clock_mono_ms(), job->timeout_ms, job->idle_timeout_ms,
	    job->grace_ms);
	capture_init(&a->out, a->command.out, &a->result->out, out, job->max_output);
	capture_init(&a->err, a->command.err, &a->result->err, err, job->max_output);
	a->tail.every_ms = job->tail_ms;
	relay_begin(&a->relay, job);
	if (is_heard(a)) {
		fcntl(a->report_fd, F_SETFL, O_NONBLOCK);
		a->out.listener = a->err.listener = hear;
		a->out.context = a->err.context = a;
	}
}

bool attempt_run(const struct job *job, struct result *r, int report_fd)
{
	struct attempt a = { .job = job, .result = r, .report_fd = report_fd, .signal_fd = -1 };

	enum command_begin begun = command_start(&a.command, job, r);

	if (begun != COMMAND_RUNS)
		return begun == COMMAND_FAILED;
	begin(&a);
	run_command(&a);
	measure(&a);
	judge(&a);
	warn_of_rest(&a);
	relay_finish(&a.relay, r, &a.live);
	flush_live(&a);
	tail_free(&a.tail);
	a.source.out_file = a.out.file;
	a.source.err_file = a.err.file;
	answer_read(job, r, &a.source);
	command_end(&a.command, job, r);
	return true;
}
