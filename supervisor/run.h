/*
 * `pollard run`: the coordinator.
 */
#ifndef POLLARD_RUN_H
#define POLLARD_RUN_H

#include "supervisor/options/config.h"
#include "supervisor/spawn.h"

/* Reads the input, runs it, and returns the exit status; or ends by the signal that ended the run. */
int run_main(const struct config *config, worker_fn worker);

#endif
