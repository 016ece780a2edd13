/*
 * The processes of one attempt: everything below this worker.
 *
 * The worker is a subreaper, so whatever the command starts stays below it however often it
 * forks: processes whose parent ended become the worker's own children. Hence waitpid() saying
 * ECHILD proves that nothing is left, and /proc is looked at only when something is.
 */
#ifndef POLLARD_TREE_H
#define POLLARD_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What came of the command's own process. */
struct tree_end {
	bool reaped;
	int status; /* as waitpid() gives it */
};

/*
 * Reaps every child that has ended, without waiting. False when there is none left at all: the tree
 * is empty. Fills *end when `command` was among them.
 */
bool tree_reap(pid_t command, struct tree_end *end);

/*
 * Sends the signal to every process below this one and returns how many there were; with signal
 * 0 they are only counted. Stopped processes are woken, so that they can act on it. Dead ones
 * that nobody has waited for do not count.
 */
unsigned tree_signal(int signal);

/*
 * SIGKILL to everything, again and again until nothing is left or the time is up. Whether
 * nothing is left.
 */
bool tree_kill(int64_t limit_ms);

#endif
