/*
 * What a debugger says about failures: read strictly, because whoever wrote it may have been
 * steered by what a failing task printed. Pure.
 */
#ifndef POLLARD_VERDICT_H
#define POLLARD_VERDICT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/input/task.h"

/* The longest pause that a verdict may ask for: a day. */
#define VERDICT_PAUSE_MAX_MS (24 * 3600 * INT64_C(1000))
#define CAUSE_MAX 500		      /* characters */
#define VERDICT_TEXT_MAX (256 * 1024) /* bytes of a prompt or of advice */

#define VERDICT_RELATIONS(X) \
	X(RELATED, "related") \
	X(INDEPENDENT, "independent") \
	X(UNCLEAR, "unclear")

#define VERDICT_STRATEGIES(X) \
	X(PARALLEL, "parallel") \
	X(SEQUENTIAL, "sequential") \
	X(STOP, "stop")

enum verdict_relation {
#define X(name, text) RELATION_##name,
	VERDICT_RELATIONS(X)
#undef X
	    RELATION_COUNT
};

enum verdict_strategy {
#define X(name, text) STRATEGY_##name,
	VERDICT_STRATEGIES(X)
#undef X
	    STRATEGY_COUNT
};

enum fix_kind {
	FIX_NONE,
	FIX_AGENT, /* ask `agent` with `prompt` */
	FIX_RUN,   /* run the words of `argv` */
};

/* Failures with one cause; part of a verdict. */
struct verdict_group {
	char *cause;
	size_t *tasks; /* ascending is not promised; at least one */
	size_t ntasks;
};

/* One task to attempt again; part of a verdict. */
struct verdict_retry {
	size_t task;
	char *advice;	    /* NULL: none */
	char *prompt;	    /* instead of the task's own; NULL: that one */
	int64_t timeout_ms; /* UNSET: as before; never 0 */
};

/* Part of a verdict. */
struct verdict_fix {
	enum fix_kind kind;
	char *agent;
	char *prompt;
	char **argv; /* NULL-terminated, at least one word */
};

/*
 * Made by verdict_parse(), or by hand from memory of malloc(); read by the ladder and whoever
 * starts its attempts; emptied by verdict_free(). Tasks are indices into the ids that were given.
 */
struct verdict {
	enum verdict_relation relation;
	enum verdict_strategy strategy;
	char *cause; /* one line that says something, at most CAUSE_MAX characters */
	struct verdict_group *groups;
	size_t ngroups;
	struct verdict_fix fix;
	struct verdict_retry *retry; /* none: all that failed */
	size_t nretry;
	bool escalate;
	int64_t pause_ms; /* least time before what it wants is attempted; 0: none said */
};

/*
 * Reads the object (of any type, or NULL) into *out. ids[0..nids-1] are all different: those of
 * the tasks that failed, and no others may be named. False when anything in it is not as it must
 * be: then *out is empty and *why one line that says what; the caller frees it.
 */
bool verdict_parse(const cJSON *object, const char *const *ids, size_t nids, struct verdict *out,
    char **why);
/* The same object again, with all members; the caller deletes it. */
cJSON *verdict_to_json(const struct verdict *v, const char *const *ids);
void verdict_free(struct verdict *v);

const char *verdict_relation_text(enum verdict_relation relation);
const char *verdict_strategy_text(enum verdict_strategy strategy);

#endif
