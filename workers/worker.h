#ifndef POLLARD_WORKER_H
#define POLLARD_WORKER_H

#include "shared/job.h"

/*
 * The life of a worker: runs one attempt and sends its one result message to report_fd, the
 * write end of its pipe. Called in the forked process with all signals blocked and the
 * supervisor's handlers still set. Never returns.
 *
 * The supervisor asks it to stop with SIGTERM (SIGTERM to the process tree, SIGKILL after
 * job->grace_ms) or SIGQUIT (SIGKILL now). When the other end of report_fd is closed the
 * supervisor is dead: SIGKILL now, no message.
 */
_Noreturn void worker_main(const struct job *job, int report_fd);

#endif
