/* The plan of a run that goes on, made from its record alone: the input is not read again. */
#ifndef POLLARD_REBUILD_H
#define POLLARD_REBUILD_H

#include "supervisor/input/load.h"
#include "supervisor/record/replay.h"

/*
 * Fills l, whose config is that of the run, with its agents and its plan. Tasks of a `foreach` are
 * not made yet. 0, or the exit status after saying why on standard error.
 */
int rebuild_plan(struct loaded *l, const struct config *config, const struct replay *r);

#endif
