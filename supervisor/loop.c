#include "supervisor/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/message.h"
#include "shared/xalloc.h"

/* A worker that has not ended so long after its own limits is stuck. */
#define WORKER_PATIENCE_MS 10000
/* How long the remains of dead workers' trees may take to die. */
#define SWEEP_MS 5000
#define SIGNALS_MAX 16
/* Most messages are short, and memory that is not touched need not be copied at the next fork. */
#define READ_FIRST ((size_t)2 * 1024)
#define READ_CHUNK ((size_t)64 * 1024)

static const int handled[] = { SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGCONT, SIGTSTP,
	SIGWINCH };
#define HANDLED (sizeof handled / sizeof *handled)

/* Signals that came during the wait, in order; written by the handler, which runs only there. */
static volatile sig_atomic_t arrived[SIGNALS_MAX];
static volatile sig_atomic_t narrived;

static void on_signal(int signal)
{
	/* workers that end one after another must not crowd out a signal from a person */
	for (int i = 0; (signal == SIGCHLD || signal == SIGWINCH) && i < narrived; i++) {
		if (arrived[i] == signal)
			return;
	}
	if (narrived < SIGNALS_MAX)
		arrived[narrived++] = signal;
}

/* Made by loop_new(), freed by loop_free(). */
struct loop {
	worker_fn worker;
	struct sink *out;
	struct sink *err;
	struct attempt **running;
	size_t nrunning;
	size_t cap;
	struct pollfd *fds; /* built in wait_once() alone */
	size_t fds_cap;
	bool input_ready;
	size_t next; /* where loop_next() goes on looking */
	struct attempt
	    *speaking; /* whose message stands at the front; consumed at the next loop_next() */
	size_t speaking_len;
	bool sweep;	      /* a worker died: something of its tree may have come to us */
	unsigned char *slots; /* taken or not */
	size_t nslots;
	sigset_t wait_mask;
	struct sigaction before[HANDLED];
	sigset_t mask_before;
	struct sigaction pipe_before;
	struct sigaction xfsz_before;
};

struct loop *loop_new(worker_fn worker, struct sink *out, struct sink *err)
{
	struct loop *l = xcalloc(1, sizeof *l);
	l->worker = worker;
	l->out = out;
	l->err = err;

	sigset_t block;
	sigemptyset(&block);
	for (size_t i = 0; i < HANDLED; i++)
		sigaddset(&block, handled[i]);
	sigprocmask(SIG_BLOCK, &block, &l->mask_before);
	l->wait_mask = l->mask_before;
	narrived = 0;

	struct sigaction action = { .sa_handler = on_signal };
	sigfillset(&action.sa_mask);
	for (size_t i = 0; i < HANDLED; i++) {
		/* whoever started us may have had these blocked: then nothing would ever stop a run */
		sigdelset(&l->wait_mask, handled[i]);
		sigaction(handled[i], NULL, &l->before[i]);
		/* nohup(1) and shells ask for this; SIGCHLD must not stay ignored, or there is nothing to reap */
		if ((handled[i] == SIGHUP || handled[i] == SIGTSTP) &&
		    l->before[i].sa_handler == SIG_IGN)
			continue;
		sigaction(handled[i], &action, NULL);
	}
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigaction(SIGPIPE, &ignore, &l->pipe_before);
	/* a file that may not grow is an error like a full disk, not a reason to die */
	sigaction(SIGXFSZ, &ignore, &l->xfsz_before);
	return l;
}

void loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < HANDLED; i++)
		sigaction(handled[i], &l->before[i], NULL);
	sigaction(SIGPIPE, &l->pipe_before, NULL);
	sigaction(SIGXFSZ, &l->xfsz_before, NULL);
	sigprocmask(SIG_SETMASK, &l->mask_before, NULL);
	free(l->running);
	free(l->fds);
	free(l->slots);
	free(l);
}

void attempt_free(struct attempt *a)
{
	if (a == NULL)
		return;
	if (a->fd >= 0)
		close(a->fd);
	if (a->out_fd >= 0)
		close(a->out_fd);
	if (a->err_fd >= 0)
		close(a->err_fd);
	buf_free(&a->in);
	buf_free(&a->said);
	result_free(&a->result);
	free(a);
}

static unsigned take_slot(struct loop *l)
{
	for (size_t i = 0; i < l->nslots; i++) {
		if (!l->slots[i]) {
			l->slots[i] = 1;
			return (unsigned)i;
		}
	}
	size_t more = l->nslots == 0 ? 16 : l->nslots * 2;
	l->slots = xreallocarray(l->slots, more, 1);
	memset(l->slots + l->nslots, 0, more - l->nslots);
	unsigned slot = (unsigned)l->nslots;
	l->nslots = more;
	l->slots[slot] = 1;
	return slot;
}

int loop_start(struct loop *l, const struct job *job, size_t task, int64_t limit_ms)
{
	pid_t pid;
	int fd;
	/* the worker takes its signals where it waits, and until it is ready for them none may hit it */
	sigset_t all;
	sigset_t mask;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &mask);
	int refused = spawn_worker(l->worker, job, &pid, &fd);
	int error = errno;
	sigprocmask(SIG_SETMASK, &mask, NULL);
	if (refused < 0) {
		errno = error;
		return -1;
	}
	struct attempt *a = xcalloc(1, sizeof *a);
	a->task = task;
	a->number = job->attempt;
	a->resumed = job->session != NULL;
	a->slot = take_slot(l);
	a->pid = pid;
	a->fd = fd;
	a->out_fd = job->out_fd;
	a->err_fd = job->err_fd;
	a->started_mono = a->said_mono = clock_mono_ms();
	if (limit_ms > 0)
		a->kill_at = a->started_mono + limit_ms + job->grace_ms + WORKER_PATIENCE_MS;
	result_init(&a->result);
	if (l->nrunning == l->cap) {
		l->cap = l->cap == 0 ? 16 : l->cap * 2;
		l->running = xreallocarray(l->running, l->cap, sizeof *l->running);
	}
	l->running[l->nrunning++] = a;
	return 0;
}

size_t loop_running(const struct loop *l)
{
	return l->nrunning;
}

const struct attempt *loop_attempt(const struct loop *l, size_t n)
{
	return l->running[n];
}

void loop_stop(struct loop *l, bool at_once, int64_t patience_ms)
{
	int64_t now = clock_mono_ms();
	int signal = at_once ? SIGQUIT : SIGTERM;
	for (size_t i = 0; i < l->nrunning; i++) {
		struct attempt *a = l->running[i];
		if (a->stop_sent == signal || a->stop_sent == SIGQUIT || a->pid == 0)
			continue;
		a->stop_sent = signal;
		spawn_signal(a->pid, signal);
		/* somebody may have stopped it */
		spawn_signal(a->pid, SIGCONT);
		a->kill_at = now + (at_once ? 0 : patience_ms) + WORKER_PATIENCE_MS;
	}
}

static void close_pipe(struct attempt *a)
{
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
}

/* Reads what has come; a pipe at its end is closed, and so is that of a worker that can write no more. */
static void read_messages(struct attempt *a)
{
	while (a->fd >= 0 && a->in.len <= MESSAGE_HEADER + MESSAGE_MAX) {
		size_t want = a->in.cap == 0 ? READ_FIRST : READ_CHUNK;
		ssize_t n = read(a->fd, buf_reserve(&a->in, want), want);
		if (n > 0) {
			a->in.len += (size_t)n;
			/* live output is handed on before more of it is read, so that memory stays bounded */
			if ((size_t)n < want && a->pid != 0)
				return;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN && a->pid != 0)
			return;
		close_pipe(a);
	}
}

static struct attempt *find_pid(struct loop *l, pid_t pid)
{
	for (size_t i = 0; i < l->nrunning; i++) {
		if (l->running[i]->pid == pid)
			return l->running[i];
	}
	return NULL;
}

static bool is_worker(void *context, pid_t pid)
{
	return find_pid(context, pid) != NULL;
}

/* One SIGCHLD may stand for many children: reap until there is none. */
static void reap_all(struct loop *l)
{
	int status;
	pid_t pid;
	while ((pid = spawn_reap(&status)) > 0) {
		struct attempt *a = find_pid(l, pid);
		if (a == NULL) {
			/* something that a dead worker left and we adopted; its own children are ours now */
			l->sweep = true;
			continue;
		}
		a->pid = 0;
		a->wait_status = status;
		if (status != 0)
			l->sweep = true;
	}
	if (l->sweep)
		l->sweep = spawn_sweep(is_worker, l);
}

static int64_t next_kill(const struct loop *l)
{
	int64_t at = 0;
	for (size_t i = 0; i < l->nrunning; i++) {
		int64_t k = l->running[i]->kill_at;
		if (k > 0 && l->running[i]->pid != 0 && (at == 0 || k < at))
			at = k;
	}
	return at;
}

static void kill_stuck(struct loop *l, int64_t now)
{
	for (size_t i = 0; i < l->nrunning; i++) {
		struct attempt *a = l->running[i];
		if (a->kill_at > 0 && a->kill_at <= now && a->pid != 0) {
			spawn_signal(a->pid, SIGKILL);
			a->kill_at = 0;
		}
	}
}

/* The descriptors, in this order: standard output, standard error, input, then the running attempts. */
enum { FD_OUT, FD_ERR, FD_INPUT, FD_FIRST };

static size_t build_fds(struct loop *l, int input_fd)
{
	if (l->fds_cap < FD_FIRST + l->nrunning) {
		l->fds_cap = FD_FIRST + l->nrunning * 2;
		l->fds = xreallocarray(l->fds, l->fds_cap, sizeof *l->fds);
	}
	l->fds[FD_OUT] = sink_pollfd(l->out);
	l->fds[FD_ERR] = sink_pollfd(l->err);
	l->fds[FD_INPUT] = (struct pollfd){ .fd = input_fd, .events = POLLIN };
	for (size_t i = 0; i < l->nrunning; i++) {
		const struct attempt *a = l->running[i];
		/* after its result only its end counts, which SIGCHLD tells: one wake-up less a task */
		l->fds[FD_FIRST + i] =
		    (struct pollfd){ .fd = a->have_result ? -1 : a->fd, .events = POLLIN };
	}
	return FD_FIRST + l->nrunning;
}

static void wait_once(struct loop *l, int64_t timeout_ms, int input_fd)
{
	int64_t now = clock_mono_ms();
	int64_t kill_at = next_kill(l);
	if (kill_at > 0 && (timeout_ms < 0 || kill_at - now < timeout_ms))
		timeout_ms = kill_at > now ? kill_at - now : 0;
	struct timespec limit = { .tv_sec = timeout_ms / 1000,
		.tv_nsec = (timeout_ms % 1000) * 1000000 };

	size_t nfds = build_fds(l, input_fd);
	int n = ppoll(l->fds, nfds, timeout_ms < 0 ? NULL : &limit, &l->wait_mask);
	l->input_ready = n > 0 && l->fds[FD_INPUT].revents != 0;
	if (n > 0) {
		if (l->fds[FD_OUT].revents != 0)
			sink_pump(l->out, l->fds[FD_OUT].revents);
		if (l->fds[FD_ERR].revents != 0)
			sink_pump(l->err, l->fds[FD_ERR].revents);
		for (size_t i = 0; i < l->nrunning; i++) {
			if (l->fds[FD_FIRST + i].revents != 0)
				read_messages(l->running[i]);
		}
	}
	for (int i = 0; i < narrived; i++) {
		if (arrived[i] == SIGCHLD) {
			reap_all(l);
			break;
		}
	}
	if (kill_at > 0)
		kill_stuck(l, clock_mono_ms());
}

void loop_wait(struct loop *l, int64_t timeout_ms, int input_fd)
{
	wait_once(l, timeout_ms, input_fd);
	l->next = 0;
}

bool loop_input_ready(const struct loop *l)
{
	return l->input_ready;
}

static void forget_message(struct loop *l)
{
	if (l->speaking != NULL)
		buf_consume(&l->speaking->in, l->speaking_len);
	l->speaking = NULL;
}

static bool take_tail(struct attempt *a, size_t size, const char **why)
{
	const char *line;
	size_t len;
	if (!message_decode_tail(a->in.data, size, &line, &len, why))
		return false;
	buf_reset(&a->said);
	buf_add(&a->said, line, len);
	a->said_mono = clock_mono_ms();
	return true;
}

/* Looks at the message that stands at the front; true when it is an event. */
static bool take_message(struct loop *l, struct attempt *a, struct event *e)
{
	enum message_type type;
	const char *why = NULL;
	ssize_t size = a->lie != NULL ? 0 : message_frame(a->in.data, a->in.len, &type, &why);
	if (size == 0)
		return false;
	bool good = false;
	if (size > 0 && !a->have_result) {
		if (type == MESSAGE_OUTPUT) {
			good = message_decode_output(a->in.data, (size_t)size, &e->is_err, &e->data,
			    &e->len, &why);
			if (good) {
				e->kind = EVENT_OUTPUT;
				e->attempt = a;
				l->speaking = a;
				l->speaking_len = (size_t)size;
				return true;
			}
		} else if (type == MESSAGE_PRESSURE) {
			good = message_decode_pressure(a->in.data, (size_t)size, &e->reason,
			    &e->retry_ms, &why);
			if (good) {
				e->kind = EVENT_PRESSURE;
				e->attempt = a;
				buf_consume(&a->in, (size_t)size);
				return true;
			}
		} else if (type == MESSAGE_TAIL) {
			good = take_tail(a, (size_t)size, &why);
		} else {
			good = message_decode_result(a->in.data, (size_t)size, &a->result, &why);
			a->have_result = good;
		}
	} else if (size > 0) {
		why = "a message after the result";
	}
	if (good) {
		buf_consume(&a->in, (size_t)size);
	} else {
		/* a worker that does not keep to the protocol is not believed in anything */
		a->lie = why;
		a->have_result = false;
		if (a->pid != 0)
			spawn_signal(a->pid, SIGKILL);
	}
	return false;
}

/* The result of an attempt whose worker did not live to tell it. */
static void blame_worker(struct attempt *a)
{
	result_free(&a->result);
	result_init(&a->result);
	struct result *r = &a->result;
	r->status = RESULT_FAILED;
	r->reason = REASON_WORKER;
	r->finished_ms = clock_wall_ms();
	r->duration_ms = clock_mono_ms() - a->started_mono;
	r->started_ms = r->finished_ms - r->duration_ms;
	if (a->lie != NULL)
		result_set_error(r, "the worker broke the protocol: %s", a->lie);
	else if (WIFSIGNALED(a->wait_status))
		result_set_error(r, "the worker was killed by SIG%s",
		    sigabbrev_np(WTERMSIG(a->wait_status)));
	else
		result_set_error(r, "the worker ended without a result (status %d)",
		    WEXITSTATUS(a->wait_status));
}

static void remove_running(struct loop *l, size_t i)
{
	l->slots[l->running[i]->slot] = 0;
	l->running[i] = l->running[--l->nrunning];
}

static int take_signal(void)
{
	int signal = arrived[0];
	for (int i = 1; i < narrived; i++)
		arrived[i - 1] = arrived[i];
	narrived--;
	return signal;
}

struct event loop_next(struct loop *l)
{
	struct event e = { .kind = EVENT_NONE };
	forget_message(l);
	while (narrived > 0) {
		int signal = take_signal();
		if (signal != SIGCHLD) {
			e.kind = EVENT_SIGNAL;
			e.signal = signal;
			return e;
		}
	}
	while (l->next < l->nrunning) {
		struct attempt *a = l->running[l->next];
		if (a->pid == 0 && a->have_result)
			close_pipe(a);
		else if (a->pid == 0)
			read_messages(a);
		while (a->in.len > 0 && a->lie == NULL) {
			size_t before = a->in.len;
			if (take_message(l, a, &e))
				return e;
			if (a->in.len == before)
				break;
		}
		if (a->pid == 0 && a->fd < 0) {
			if (!a->have_result)
				blame_worker(a);
			remove_running(l, l->next);
			e.kind = EVENT_ATTEMPT;
			e.attempt = a;
			return e;
		}
		l->next++;
	}
	return e;
}

static bool reader_awaited(const struct sink *s)
{
	return sink_waiting(s) && sink_error(s) == 0;
}

int loop_drain(struct loop *l, int64_t limit_ms)
{
	int64_t until = clock_mono_ms() + limit_ms;
	while (reader_awaited(l->out) || reader_awaited(l->err)) {
		int64_t left = limit_ms < 0 ? -1 : until - clock_mono_ms();
		if (limit_ms >= 0 && left <= 0)
			break;
		wait_once(l, left, -1);
		while (narrived > 0) {
			int signal = take_signal();
			if (signal == SIGTSTP)
				loop_suspend();
			else if (signal != SIGCHLD && signal != SIGUSR1 && signal != SIGCONT &&
			    signal != SIGWINCH)
				return signal;
		}
	}
	return 0;
}

void loop_suspend(void)
{
	struct sigaction standard = { .sa_handler = SIG_DFL };
	struct sigaction before;
	sigset_t set;
	sigaction(SIGTSTP, &standard, &before);
	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	/* it is blocked but for the wait: raised now, it acts when it no longer is */
	raise(SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGTSTP, &before, NULL);
}

bool loop_sweep(struct loop *l)
{
	int64_t until = clock_mono_ms() + SWEEP_MS;
	reap_all(l);
	while (l->sweep && clock_mono_ms() < until)
		wait_once(l, 100, -1);
	return !l->sweep;
}

void end_by_signal(int signal)
{
	/* the signal is what counts; a core file of a supervisor that did as it was told is litter */
	struct rlimit none = { 0, 0 };
	setrlimit(RLIMIT_CORE, &none);
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigaction(signal, &action, NULL);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, signal);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(signal);
	_exit(128 + signal);
}
