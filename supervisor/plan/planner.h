/*
 * What a run would do with a step, and why: waves, edges and their reasons, and whether running side
 * by side is to be recommended. Nothing is started; the waves come from the schedule itself, with a
 * runner for which all tasks take equally long.
 */
#ifndef POLLARD_PLANNER_H
#define POLLARD_PLANNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/buf.h"
#include "supervisor/input/client.h"
#include "supervisor/input/diag.h"
#include "supervisor/input/task.h"
#include "supervisor/options/config.h"
#include "supervisor/plan/conflicts.h"

enum edge_kind {
	EDGE_NEEDS,    /* the task names the other one in `needs` */
	EDGE_TEMPLATE, /* its prompt holds the other one's output */
	EDGE_CONFLICT, /* their scopes meet: never at the same time */
	EDGE_TOKENS,   /* it waits for room below the token limit */
	EDGE_SLOTS,    /* it waits for a slot */
	EDGE_KINDS
};

/* "needs", "template", "conflict", "tokens", "slots". */
const char *edge_text(enum edge_kind kind);

/* Why a task does not start at once, or not beside another. */
struct plan_edge {
	enum edge_kind kind;
	size_t task;	     /* index in the plan */
	size_t on;	     /* the other task; SIZE_MAX for tokens and slots */
	const char *pattern; /* EDGE_CONFLICT: of task, and of on; as written */
	const char *pattern_on;
};

/* Tasks that start together: order[first .. first + count - 1]. */
struct wave {
	size_t first;
	size_t count;
	uint64_t tokens; /* expected, of all together */
};

enum recommendation { RECOMMEND_PARALLEL, RECOMMEND_SEQUENTIAL, RECOMMEND_MIXED };

/* "parallel", "sequential", "mixed". */
const char *recommendation_text(enum recommendation r);

/* Why it is recommended, each at most once. */
enum advice_kind {
	ADVICE_NO_TASK,	 /* there is nothing to do */
	ADVICE_ONE_TASK, /* there is one task only */
	ADVICE_ASKED,	 /* somebody asked for one after another, as for failures being debugged */
	ADVICE_DEPENDENCIES, /* tasks need what others yield */
	ADVICE_SAME_FILES,   /* tasks write what others read or write */
	ADVICE_TOKENS,	     /* together they are expected to use more than the limit */
	ADVICE_INDEPENDENT,  /* nothing speaks against it */
	ADVICE_UNKNOWN,	     /* its tasks are known only in the run */
	ADVICE_KINDS
};

/* A sentence's end for people: "tasks write the same files". */
const char *advice_text(enum advice_kind kind);
/* The same for programs: "same-files". */
const char *advice_name(enum advice_kind kind);

/* Made by planner_step(), released by planner_free(); refers to the plan. */
struct step_plan {
	const struct step *step;
	uint32_t slots;		 /* 0: as many as tasks */
	uint64_t tokens_at_once; /* 0: no limit */
	uint64_t tokens;	 /* expected, of all tasks */
	size_t *order;		 /* indices in the plan, as they start */
	struct wave *waves;
	size_t nwaves;
	struct plan_edge *edges;
	size_t nedges;
	size_t edges_cap;
	struct conflicts conflicts;
	enum recommendation recommendation;
	bool advice[ADVICE_KINDS];
};

void planner_step(struct step_plan *out, const struct config *config, const struct plan *plan,
    const struct step *step);
void planner_free(struct step_plan *p);
/*
 * Appends the command line of a task, made safe. Of one with more than `columns` characters (SIZE_MAX:
 * all are wanted) so many, and then how many words are missing. `client`: how its agent is reached;
 * NULL: that is not known, or it has none.
 */
void planner_command(struct buf *out, const struct config *config, const struct task *task,
    const struct client *client, size_t columns);

/*
 * What must be refused before the step starts: with --strict-scopes a task that does not say what it
 * writes when another one may run beside it, and with `on_conflict: fail` tasks that conflict. One
 * line each goes to diag; `file` is what messages call the input.
 */
void planner_check(const struct config *config, const struct plan *plan, const struct step *step,
    const char *file, struct diag *diag);
/*
 * Appends a line, safe to print and without a newline, when agents that do not say what they write
 * may run side by side in one Git work tree. False, and nothing appended, when there is no such step.
 */
bool planner_warning(struct buf *out, const struct config *config, const struct plan *plan,
    const struct step *step);

#endif
