/*
 * One attempt at a command or an agent: start it, carry its streams and watch its limits until
 * nothing of it is left, and read what it answered.
 */
#ifndef POLLARD_ATTEMPT_H
#define POLLARD_ATTEMPT_H

#include <stdbool.h>

#include "shared/job.h"
#include "shared/result.h"

/*
 * Fills *r (all but its times). The signals of worker.h must be blocked. When the other end of
 * report_fd is closed everything is killed, this process too. False when the system had no process
 * or descriptor for the command: nothing has run, and it may be different later.
 */
bool attempt_run(const struct job *job, struct result *r, int report_fd);

#endif
