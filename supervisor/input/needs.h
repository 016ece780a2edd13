/*
 * The `needs` of a step that was read whole: each must be a task of it, without a circle.
 */
#ifndef POLLARD_NEEDS_H
#define POLLARD_NEEDS_H

#include <stdbool.h>

#include "supervisor/input/diag.h"
#include "supervisor/input/idset.h"
#include "supervisor/input/task.h"

/*
 * Task number n is plan->tasks[n - 1]. `complete`: all ids are known; else some record could not
 * be read, and an unknown need may well be that one.
 */
void needs_check(const struct plan *plan, const struct step *step, const struct idset *ids,
    bool complete, const char *file, struct diag *diag);

#endif
