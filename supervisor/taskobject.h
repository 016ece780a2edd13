/*
 * Task objects: one JSON object a record.
 */
#ifndef POLLARD_TASKOBJECT_H
#define POLLARD_TASKOBJECT_H

#include <stdbool.h>
#include <stddef.h>

#include "supervisor/agents.h"
#include "supervisor/arena.h"
#include "supervisor/fault.h"
#include "supervisor/task.h"

/* What stands outside the object. Made by the reader of the list; the pointers are its own. */
struct taskobject_context {
	const struct agents *agents;
	const char *agent; /* for a prompt without one; NULL: none */
	bool one_line;	   /* a record is a line: said when an object ends too early */
};

/*
 * Reads the record. Fills of *task: kind, text, agent, more, and id, which stays NULL when the
 * object has no good one. What is wrong goes to `faults`; without any the task is good.
 * False when the record is no JSON at all, so that even its id is unknown.
 */
bool taskobject_read(const char *data, size_t len, const struct taskobject_context *context,
    struct arena *arena, struct task *task, struct faults *faults);

#endif
