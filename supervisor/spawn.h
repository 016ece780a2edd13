/*
 * The one place in the supervisor that forks, signals and reaps.
 */
#ifndef POLLARD_SPAWN_H
#define POLLARD_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "shared/job.h"

/* The worker's side of the fork; never returns. */
typedef void (*worker_fn)(const struct job *job, int report_fd);

/*
 * Makes this process the one that adopts what a dead worker leaves behind, and remembers the
 * children that it already has (of a shell that became pollard by exec): they are nobody's business
 * here, nor is what comes of them. `run` is the run's id, by which the processes of its tasks are
 * told apart from those. Once per run, before the first spawn_worker().
 */
void spawn_init(const char *run);

/*
 * Forks a worker for the job. All signals must be blocked. 0 with *pid and *fd, the non-blocking end of its pipe (the caller
 * closes it); -1 with errno when the system refuses (EAGAIN, ENOMEM, EMFILE, ENFILE).
 */
int spawn_worker(worker_fn worker, const struct job *job, pid_t *pid, int *fd);

/* Signals a worker that has not been reaped: until then its number cannot belong to anybody else. */
void spawn_signal(pid_t pid, int signal);

/* Reaps one child that has ended: its pid and wait status, or 0 when there is none. One SIGCHLD may stand for many children. */
pid_t spawn_reap(int *status);

/*
 * Kills the children that are neither workers (is_worker says) nor were there before: the trees of
 * workers that died before they could do it. Their own children come to us when they die, so it is called again after
 * each round of reaping until it returns false: none left.
 */
bool spawn_sweep(bool (*is_worker)(void *context, pid_t pid), void *context);

#endif
