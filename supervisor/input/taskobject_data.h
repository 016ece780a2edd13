/*
 * The inside of taskobject.h: one object, and what its keys say.
 */
#ifndef POLLARD_TASKOBJECT_DATA_H
#define POLLARD_TASKOBJECT_DATA_H

#include <stdbool.h>

#include "shared/buf.h"
#include "supervisor/input/taskobject.h"

/* One object while it is read. Lives on the stack of taskobject_read_tree(). */
struct taskobject_reading {
	const struct taskobject_context *context;
	struct arena *arena;
	struct faults *faults;
	struct task *task;
	struct task_more more;
	bool has_more;	   /* some key belongs into `more` */
	const char *agent; /* in the tree */
};

/* Takes what one member of the object says; what is wrong with it goes to the faults. */
void taskobject_take_key(struct taskobject_reading *r, const cJSON *value);

/* A string, or a plain YAML scalar as it was written: `id: 7`, `run: true`. Else NULL. */
const char *taskobject_text(const cJSON *value);
/* Appends the value as a message shows it. */
void taskobject_describe(struct buf *out, const cJSON *value);

/* What is wrong from now on is wrong with the node's value, or with its key. */
void taskobject_look_at(struct taskobject_reading *r, const cJSON *node);
void taskobject_look_at_key(struct taskobject_reading *r, const cJSON *node);

#endif
