/*
 * What follows the end of a run: what earlier runs of its name say about its failures, the command
 * of --notify, and the removal of old runs of the name.
 */
#ifndef POLLARD_ENDING_H
#define POLLARD_ENDING_H

#include "supervisor/coordinator.h"
#include "supervisor/record/events.h"

/* A line on standard error about failures that earlier runs had too; nothing without a name. */
void ending_history(struct run *run);
/*
 * Runs the command of --notify, if there is one, and waits for it; what it prints goes to standard
 * error. `status` is the exit status. A signal that comes meanwhile ends it, and is the run's then;
 * the run's status is nobody else's. All attempts must be over.
 */
void ending_notify(struct run *run, const struct totals *totals, int status);
/* Old runs of the name go. */
void ending_prune(const struct run *run);

#endif
