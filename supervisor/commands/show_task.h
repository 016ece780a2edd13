/*
 * One task of a run, with all its attempts and what they wrote.
 */
#ifndef POLLARD_SHOW_TASK_H
#define POLLARD_SHOW_TASK_H

#include "supervisor/record/journal.h"
#include "supervisor/record/rundir.h"

/*
 * Prints what the records tell about the task (its id, or STEP.ID). 0, or the exit status after a
 * message: EXIT_INPUT when the run has no such task.
 */
int show_task(struct journal_reader *reader, const struct rundir *dir, const char *task);

#endif
