/*
 * --if-running: what a run does when another one of its name is still going.
 */
#ifndef POLLARD_NAMED_H
#define POLLARD_NAMED_H

#include <stdbool.h>

#include "supervisor/config.h"

/*
 * Takes the lock on the name (NULL: there is none) as config->if_running says. True: go on; *lock is
 * for name_lock_tell() and name_unlock() of locks.h at the end, or -1. False: nothing is to be run,
 * *status is the exit status and why was said: 0 when the run is skipped (with --cron without a
 * word), EXIT_LOCKED when it fails because another goes on, others when the lock cannot be had.
 *
 * Without --if-running the lock is taken when it is free, so that others of the name, which may
 * have that option, see this run; when it is not, the runs go on side by side.
 */
bool named_begin(const struct config *config, const char *name, int *lock, int *status);

#endif
