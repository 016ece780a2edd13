/* `pollard resume`: goes on with a run from its journal alone. */
#ifndef POLLARD_RESUME_H
#define POLLARD_RESUME_H

#include "supervisor/options/config.h"
#include "supervisor/spawn.h"

/* The exit status speaks of the whole run; or ends by the signal that ended it. */
int resume_main(const struct config *config, worker_fn worker);
/*
 * `pollard run --resume`: goes on with the newest run of that name or file, with the list as it is
 * now; without one it is a new run.
 */
int resume_edited(const struct config *config, worker_fn worker);

#endif
