/* `resume` of a run that has ended and has nothing left to do: what it said at its end is said again. */
#ifndef POLLARD_FINISHED_H
#define POLLARD_FINISHED_H

#include "supervisor/coordinator.h"
#include "supervisor/resume/takeover.h"

/*
 * Prints the summary and what standard output carries at the end of a run: with `-o json` the summary
 * object, with `-o merged` the merged result. Starts nothing and writes no record; files that can be
 * made again from the journal are. Fills *run (its config is set), which the caller frees, and takes
 * over directory and locks. The exit status is that of the run, unless something of this goes wrong.
 */
int finished_show(struct run *run, struct takeover *t);

#endif
