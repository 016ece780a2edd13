/*
 * Templates: text with ${{ NAME }} in it. Pure. One pass: what is put in is never read again.
 * $${{ is a literal ${{, and ${{ '$' }} is a literal $ (any number of them), which only matters right
 * before a ${{.
 *
 * What is known before a run starts (goal, vars) and when the tasks of a `foreach` are made (the
 * item) is put into the tree by template_fill(). What only an earlier task yields stands in a
 * compiled template until the task is launched.
 */
#ifndef POLLARD_TEMPLATE_H
#define POLLARD_TEMPLATE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "shared/buf.h"
#include "supervisor/input/arena.h"

struct plan;

enum name_kind {
	NAME_STEP_MERGED,  /* steps.S.merged */
	NAME_STEP_OUTCOME, /* steps.S.outcome */
	NAME_STEP_SUM,	   /* steps.S.sum.FIELD, over the structured results of its tasks */
	NAME_STEP_MAX,
	NAME_STEP_MIN,
	NAME_STEP_COUNT,  /* steps.S.count.FIELD: how many results have the field */
	NAME_TASK_OUTPUT, /* steps.S.tasks.T.output, tasks.T.output */
	NAME_TASK_RESULT, /* steps.S.result.PATH, steps.S.tasks.T.result.PATH; PATH may be missing */
	NAME_ATTEMPT_NUMBER,
	NAME_ATTEMPT_ERROR,
	NAME_ATTEMPT_TAIL,
};

/* A name that stands for something that a run yields. In the plan's arena. */
struct name {
	enum name_kind kind;
	size_t step;	  /* index in the plan */
	const char *task; /* its id; NULL: the step, or its only task */
	const char *path; /* FIELD or PATH: keys and array indices, with dots between; "" : all */
	const char *text; /* as written, for messages */
};

struct template_part {
	const char *text; /* text as it is; NULL: `name` */
	size_t len;
	const struct name *name;
};

/* In the plan's arena. */
struct template
{
	const struct template_part *parts;
	size_t count;
};

/*
 * The value of a name that is known now: owned by the caller; NULL when it is not this lookup's to
 * know (the template stays as it is). NULL and a line in *why: it is an error (no such variable).
 */
typedef cJSON *template_lookup(void *context, const char *name, size_t len, struct buf *why);

/* What names may stand in a template, and for what. On the stack of whoever compiles. */
struct template_scope {
	const struct plan *plan; /* steps before `step`, and the tasks of it; NULL: none */
	size_t step;		 /* index of the step in which the template stands */
	bool attempt;		 /* a `refine`: attempt.* and nothing else */
	bool same_step;		 /* tasks.T.output and tasks.T.result too */
	/* What condition_compile() asks for names that are known already; NULL: none are. */
	template_lookup *lookup;
	void *context;
};

/* Whether there is a ${{ in it at all, also a quoted one: else the text is what it is. */
bool template_is(const char *text);

/* NULL when the template is bad; *why (one line) says what is wrong and what there is instead. */
const struct template *template_compile(const char *text, const struct template_scope *scope,
    struct arena *arena, struct buf *why);
/* One name, without the braces; NULL and *why as above. */
const struct name *name_compile(const char *text, size_t len, const struct template_scope *scope,
    struct arena *arena, struct buf *why);

/*
 * A copy of the tree in which each template in a string (not in a key) whose name `lookup` knows is
 * replaced by its value; what was put in cannot be read as a template later. A string that is a
 * single such template becomes the value, of whatever JSON type. NULL and *why when a lookup failed
 * or a template is not closed; *where (may be NULL) is the node of `tree` that is to blame.
 */
cJSON *template_fill(const cJSON *tree, template_lookup *lookup, void *context, struct buf *why,
    const cJSON **where);

/* Appends the text with every ${{ quoted, so that it is read as it stands (not for a piece of one). */
void template_quote(struct buf *out, const char *text, size_t len);
/* Appends what a text without any name stands for: each $${{ as ${{. A name stays as written. */
void template_unquote(struct buf *out, const char *text, size_t len);

/* Calls f with each name (as written, trimmed) of the template; not closed, it ends the search. */
void template_names(const char *text, void (*f)(void *context, const char *name, size_t len),
    void *context);

/* The node at a path of keys and array indices ("items.0.id"; "": the root), or NULL. */
const cJSON *json_at(const cJSON *root, const char *path);

/*
 * The sum, greatest, least or number of a field over results (NULL: one that is missing); tasks[i]
 * is the id of the task of results[i]. `*why` and false when one of them has no such number: it is
 * never taken for zero. NAME_STEP_COUNT counts those that have the field. Of no results at all the
 * sum and the number are 0, and there is no greatest or least.
 */
bool template_aggregate(enum name_kind kind, const char *field, const cJSON *const *results,
    const char *const *tasks, size_t count, double *value, struct buf *why);

/*
 * Appends a value as it stands in a text: a string as it is, a number or true (as written, where
 * that is known: see document.h), or JSON on one line.
 */
void template_value(struct buf *out, const cJSON *value);

#endif
