/*
 * Task objects: one JSON object a record, or a part of a workflow.
 */
#ifndef POLLARD_TASKOBJECT_H
#define POLLARD_TASKOBJECT_H

#include <stdbool.h>
#include <stddef.h>

#include "supervisor/input/agents.h"
#include "supervisor/input/arena.h"
#include "supervisor/input/document.h"
#include "supervisor/input/fault.h"
#include "supervisor/input/task.h"

/*
 * What stands outside the object. Made by the reader of the list or workflow; the pointers are its
 * own.
 */
struct taskobject_context {
	const struct agents *agents;
	const char *agent; /* for a prompt without one; NULL: none */
	bool one_line;	   /* a record is a line: said when an object ends too early */

	/* of a tree */
	const struct document *document; /* knows its places; NULL: nobody does */
	bool
	    partial; /* `defaults`: no task of its own, and what only one task can have is refused */
};

/*
 * Reads the record. Fills of *task: kind, text, agent, more, templated, and id, which stays NULL
 * when the object has no good one. What is wrong goes to `faults`; without any the task is good.
 * False when the record is no JSON at all, so that even its id is unknown.
 */
bool taskobject_read(const char *data, size_t len, const struct taskobject_context *context,
    struct arena *arena, struct task *task, struct faults *faults);

/*
 * The same of an object that was parsed, each fault with its place. Where a string is expected, a
 * plain YAML scalar counts as its text. Of `refine` only its presence is checked, here and above.
 * False when it is no object.
 */
bool taskobject_read_tree(const cJSON *root, const struct taskobject_context *context,
    struct arena *arena, struct task *task, struct faults *faults);

#endif
