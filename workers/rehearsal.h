/*
 * A rehearsed attempt: a stand-in for an agent or a command that starts nothing, takes as long as its
 * script says, and answers as it says, or else with what it was asked.
 */
#ifndef POLLARD_REHEARSAL_H
#define POLLARD_REHEARSAL_H

#include "shared/job.h"
#include "shared/result.h"

/*
 * Fills *r (all but its times) as job->rehearsal says: an agent's job has job->agent and a prompt, as
 * input or in parts; a command's has its words. The job's time limit counts, as it does for real. The
 * signals of worker.h must be blocked; this process ends when the other end of report_fd is closed.
 */
void rehearsal_run(const struct job *job, struct result *r, int report_fd);

#endif
