/*
 * Templates of tasks: from what was written in task objects and workflows to what is asked.
 *
 * Only tasks that are `templated` are looked at, and no longer are afterwards: text is read once.
 */
#ifndef POLLARD_BIND_H
#define POLLARD_BIND_H

#include <stddef.h>

#include "supervisor/input/arena.h"
#include "supervisor/input/diag.h"
#include "supervisor/input/fault.h"
#include "supervisor/input/task.h"

/*
 * Compiles the prompt and the refinement of each task of the step, and adds to its needs the tasks
 * whose output they name. Afterwards more->prompt is set where the text holds a name, else the text
 * is what it stands for. In all else, but of a workflow, whose reader has done it, $${{ becomes ${{,
 * and names in a command or a path are errors.
 * Called when all tasks of the step are in the plan and in its ids, before needs_check().
 */
void templates_bind(struct plan *plan, size_t step, const char *file, struct diag *diag);

/* The same for a task that stands alone (of a stream): it can name no other one. */
void template_bind_alone(struct task *task, struct arena *arena, struct faults *faults);

#endif
