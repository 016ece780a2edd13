/*
 * The one poll: everything that the supervisor waits for, turned into events.
 *
 * Signals are blocked except inside the wait, so that nothing happens between
 * two lines of the rules. An attempt is over when its worker is reaped and its pipe is
 * read to the end, in either order.
 */
#ifndef POLLARD_LOOP_H
#define POLLARD_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "shared/buf.h"
#include "shared/result.h"
#include "supervisor/progress/sink.h"
#include "supervisor/spawn.h"

/*
 * One worker at work. Made by loop_start(); its pipe is read, closed, and its process reaped by the loop; handed to the coordinator
 * with EVENT_ATTEMPT, which frees it with attempt_free().
 */
struct attempt {
	size_t task; /* whose: an index that means something to the coordinator */
	unsigned number;
	unsigned slot; /* the lowest free one when it started, from 0 */
	pid_t pid;     /* 0 once reaped */
	int fd;	       /* -1 once closed */
	int wait_status;
	struct buf in; /* bytes of messages that have come */
	bool have_result;
	const char *lie;      /* what was wrong with its message; NULL */
	struct result result; /* EVENT_ATTEMPT: always filled */
	int64_t started_mono;
	int64_t
	    kill_at; /* the worker itself gets SIGKILL then: it does not keep its limits; 0: never */
	int stop_sent;	   /* SIGTERM or SIGQUIT; 0: not asked to stop */
	struct buf said;   /* its newest line of output; empty: none told */
	int64_t said_mono; /* when it was heard of last, or started */
	bool resumed;	   /* its client was told to go on with a session */
	int out_fd;	   /* the unnamed files lent to it; -1 */
	int err_fd;
};

void attempt_free(struct attempt *a);

enum event_kind {
	EVENT_NONE,    /* nothing more for now */
	EVENT_ATTEMPT, /* an attempt is over: `attempt`, now the coordinator's */
	EVENT_OUTPUT, /* a live piece of output: `attempt`, `is_err`, `data`, `len`, valid until the next event */
	EVENT_PRESSURE, /* a client says that its service holds it back: `attempt`, `reason`, `retry_ms` */
	EVENT_SIGNAL, /* `signal` came to us */
};

struct event {
	enum event_kind kind;
	struct attempt *attempt;
	int signal;
	bool is_err;
	const char *data;
	size_t len;
	enum reason reason; /* rate-limit, quota or auth */
	int64_t retry_ms;   /* how long to wait; 0: it was not said */
};

struct loop;

/* Blocks the signals and sets the handlers. `out` and `err` are pumped; they stay the caller's. */
struct loop *loop_new(worker_fn worker, struct sink *out, struct sink *err);
/* Puts handlers and mask back. All attempts must be over. */
void loop_free(struct loop *l);

/*
 * Starts a worker for the job. 0, or -1 with errno when the system refuses. `limit_ms` is the longest time that the worker may
 * take by its own limits (0: any); some seconds later it is killed. Takes out_fd and err_fd of the job for the attempt.
 */
int loop_start(struct loop *l, const struct job *job, size_t task, int64_t limit_ms);
size_t loop_running(const struct loop *l);
/* The n-th running attempt, in no particular order. */
const struct attempt *loop_attempt(const struct loop *l, size_t n);

/* Asks all workers to stop: with grace, or at once. `patience_ms`: after so long the workers themselves are killed. */
void loop_stop(struct loop *l, bool at_once, int64_t patience_ms);

/* Waits until something happens, at most timeout_ms (-1: no limit). input_fd >= 0: also until it can be read. */
void loop_wait(struct loop *l, int64_t timeout_ms, int input_fd);
/* Whether input_fd could be read (or was at its end) after the last wait. */
bool loop_input_ready(const struct loop *l);
/* The next thing that happened. */
struct event loop_next(struct loop *l);

/*
 * Waits until both sinks are empty or broken, limit_ms at most (-1: as long as it takes), or a signal that ends a run
 * comes: returns that one, else 0.
 */
int loop_drain(struct loop *l, int64_t limit_ms);
/* Stops this process as its terminal asks for (SIGTSTP); returns when it goes on. */
void loop_suspend(void);
/* Kills what is left of dead workers' trees and waits for it, a few seconds at most. True when nothing is left. */
bool loop_sweep(struct loop *l);

/* Ends the process by this signal, with its default action. */
_Noreturn void end_by_signal(int signal);

#endif
