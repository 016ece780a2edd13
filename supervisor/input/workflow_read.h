/*
 * The inside of workflow.h: what the files that read a workflow share. workflow.c has the whole
 * file, workflow_value.c the values of keys, workflow_fill.c what is put in, workflow_step.c and
 * workflow_step_keys.c steps, workflow_task.c one task, workflow_bind.c those of a step together,
 * workflow_items.c what `foreach` says, and workflow_foreach.c the tasks that it makes.
 */
#ifndef POLLARD_WORKFLOW_READ_H
#define POLLARD_WORKFLOW_READ_H

#include "supervisor/input/fault.h"
#include "supervisor/input/workflow.h"

/*
 * A workflow while it is read. Made, and released, by workflow_read() on its stack. What is put in
 * is put into the document's own nodes, so that each keeps its place.
 */
struct workflow {
	const char *file;
	struct document document;
	const struct config *config;
	const struct agents *agents;
	struct plan *plan;
	struct diag *diag;
	struct faults faults; /* of the task at hand */
	struct place here;    /* for what was put in and has no place of its own */
	cJSON *vars;	      /* names and values as used; NULL: none */
	cJSON *goal;	      /* of the run, a string; NULL: none */
	cJSON *defaults;      /* as written; NULL: none */
	struct idset ids;     /* of its steps; the numbers are their places from 1 */
	struct idset names;   /* what the steps are called in the environment */
	cJSON **nodes;	      /* of the tasks of the step at hand */
	size_t nnodes;
	size_t nodes_cap;
};

/* Who makes a task, and what for; on the stack of whoever does. */
struct task_maker {
	const struct agents *agents;
	struct plan *plan;
	size_t step;
	const char *unit;		 /* what counts tasks in messages: "line", "item" */
	const struct document *document; /* knows places; NULL: none does */
	struct faults *faults;		 /* told when something is wrong */
};

/* workflow_value.c */

struct place workflow_place(const struct workflow *w, const cJSON *at);
/* One line at the place of the value, or of its key. */
void workflow_fault(struct workflow *w, const cJSON *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void workflow_key_fault(struct workflow *w, const cJSON *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* "'KEY': expected EXPECTED, got ..." */
void workflow_expected(struct workflow *w, const cJSON *at, const char *expected);

/*
 * The text of a value, in the plan's arena, with nothing in it that is still to be put in; NULL and
 * a message (but not for a missing value) when it is none.
 */
const char *workflow_text(struct workflow *w, const cJSON *at, const char *expected);
/* The same for a text of one line. */
const char *workflow_line(struct workflow *w, const cJSON *at, const char *expected);
bool workflow_bool(struct workflow *w, const cJSON *at);
/* An integer of at least `min`; false and a message when it is none. */
bool workflow_integer(struct workflow *w, const cJSON *at, uint32_t min, uint32_t max,
    uint32_t *out, const char *expected);
bool workflow_require(struct workflow *w, const cJSON *at, struct require *out);
void workflow_limits(struct workflow *w, const cJSON *at, struct limits *out);
/* A message for each member whose key is none of the names and does not begin with x-. */
void workflow_check_keys(struct workflow *w, const cJSON *object, const char *const *names,
    size_t count);
/* The agent of that name, or NULL and a message. */
const struct agent *workflow_find_agent(struct workflow *w, const cJSON *at);
/* Tells the faults at hand, those without a place at this one, and forgets them. */
void workflow_tell_faults(struct workflow *w, const cJSON *at);
/* What kind of value it is, for messages: "'text'", "an array", "12". */
void workflow_describe(struct buf *out, const cJSON *value);

/* workflow_fill.c */

/*
 * Puts the variables and the goal into the document. False when something cannot be put in: then
 * nothing else is worth reading.
 */
bool workflow_fill(struct workflow *w);
/* The value of `goal` or `vars.NAME`; a template_lookup whose context is the workflow. */
cJSON *workflow_look_up(void *context, const char *name, size_t len, struct buf *why);
/* Makes texts of the plain scalars that stand where a task, a step or a workflow has a text. */
void workflow_settle_task(cJSON *task);
/* Gives numbers and truth values the text that they stand for where a text is wanted. */
void workflow_give_texts(cJSON *value);
/* Puts the content of a node, which is used up, into another, which keeps its key and its place. */
void workflow_replace(cJSON *node, cJSON *content);
/* Whether a variable or an item can be called so. */
bool workflow_name_valid(const char *name);
/* The first name in a text that is still to be put in, in `out`; false: none. */
bool workflow_names_any(const char *text, struct buf *out);
/* Whether the name is that of the item, or of something in it. */
bool workflow_is_item(const char *name, size_t len, const char *item);

/* workflow_task.c */

extern const char *const workflow_task_keys[];
extern const size_t workflow_task_nkeys;
bool workflow_is_task_key(const char *key);
/* Gives the task what it lacks and `defaults` have. */
void workflow_add_defaults(const struct workflow *w, cJSON *task);
/*
 * Adds the task that the tree describes to the plan and to the ids of its step; the tree is used up
 * as its record. `line` is for messages, `number` what a task without an id is called. False when
 * its id is not known for sure.
 */
bool workflow_make_task(struct task_maker *m, cJSON *tree, uint32_t line, uint32_t number);
/* Appends what is said of a name that cannot stand there; `item`: what an item is called. */
void workflow_refuse_name(struct buf *out, const char *key, const char *name, const char *item);
/* Checks `defaults`, and keeps it. */
void workflow_read_defaults(struct workflow *w);

/* workflow_bind.c */

/* What is wrong with the task of that place in its step, from 0. */
typedef void workflow_tell(void *context, size_t task, const char *message);
/*
 * Puts the tasks of a step together when all are in the plan: their templates and needs, and
 * whether the order of the list is all that counts. `complete`: all ids are known. Returns how
 * many things are wrong; `tell` is called for the first DIAG_MAX.
 */
size_t workflow_bind(struct plan *plan, size_t step, bool complete, workflow_tell *tell,
    void *context);

/* workflow_step.c */

/* All steps, in order. */
void workflow_read_steps(struct workflow *w);

/* workflow_step_keys.c */

/* Keys that are no tasks: when, require and the like. */
void workflow_read_step_keys(struct workflow *w, const cJSON *node, size_t index,
    struct step_more *more);
/* `merge`, whose prompt may name the tasks of its step: they must have been read. */
void workflow_read_merge(struct workflow *w, const cJSON *node, size_t index,
    struct step_more *more);

/* workflow_items.c */

/* Reads `foreach` and its `task`, which is not to be read again afterwards; NULL: it is none. */
const struct foreach *workflow_read_foreach(struct workflow *w, cJSON *step, size_t index);

#endif
