/*
 * The block that shows a run on a terminal: what of the run goes into it.
 */
#ifndef POLLARD_WATCH_H
#define POLLARD_WATCH_H

#include <stdint.h>

#include "supervisor/coordinator.h"

/* Milliseconds until watch_turn() has something to do; -1: never. */
int64_t watch_due(const struct run *run);
/* Once a turn, after the events: draws a frame when it is time. */
void watch_turn(struct run *run);
/* Says in the job what its worker is to tell about its output while it runs. */
void watch_job(struct run *run, struct node *node, struct job *job);
/* SIGWINCH, SIGTSTP (returns when we go on) and SIGCONT. */
void watch_signal(struct run *run, int signal);

#endif
