/*
 * The recovery ladder: who is asked, what is attempted once more, in which order, and when it is
 * over. Pure: no process, no clock.
 *
 *   1  one task failed                  it is retried; alone: the debugger is asked, escalation
 *   2  several failed, others succeeded the debugger is asked, a fix, retries side by side or one
 *                                       after another
 *   3  every one of several failed      the debugger is asked, retries one after another, the
 *                                       first as the canary: if it fails again the rest is not
 *                                       tried
 *   4  nothing helped                   escalation to the user
 *
 * Who drives it asks ladder_next() what to do, does it, tells what came of it, and asks again.
 */
#ifndef POLLARD_LADDER_H
#define POLLARD_LADDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/buf.h"
#include "shared/result.h"
#include "supervisor/recovery/verdict.h"

/* A failed task as the ladder sees it: now, after its last attempt. */
struct failure {
	size_t task;	   /* index */
	const char *id;	   /* stays the task's */
	unsigned attempts; /* so far; those that do not count (rate limits) left out */
	unsigned retries;  /* how many may follow the first one */
	unsigned
	    allowed; /* the same by the user's word: more than that when nothing is started any more */
	bool prompt; /* what is repeated is a prompt, which is refined for it; else a command */
	enum reason reason;
	bool retryable; /* the same once more could end otherwise: see failure_retryable() */
};

/* The usual answer. `resets`: it is known when the quota will be there again. */
bool failure_retryable(enum reason reason, bool resets);

struct ladder_options {
	bool ask;	/* there is a debugger */
	bool allow_fix; /* a verdict's fix may be carried out */
};

enum ladder_action {
	LADDER_ASK,	/* ask the debugger about these tasks, then ladder_verdict() */
	LADDER_FIX,	/* carry out the verdict's fix, then ladder_fixed() */
	LADDER_ATTEMPT, /* attempt these tasks, then for each ladder_succeeded() or _failed() */
	LADDER_OVER,	/* nothing is left to do */
};

/* Filled by ladder_next(); `tasks` is the ladder's and holds until it is told a result. */
struct ladder_step {
	enum ladder_action action;
	unsigned level;	     /* of the attempts, and the scenario the debugger is told: 1 to 3 */
	const size_t *tasks; /* indices, in the order in which to start them */
	size_t ntasks;
	bool parallel; /* side by side; else it is one task */
	bool pause;    /* what failed may need time to pass: wait before the attempt, prompts too */
};

enum ladder_fix { LADDER_NOT_FIXED, LADDER_FIXED, LADDER_FIX_FAILED };

enum ladder_phase { LADDER_ASKS, LADDER_FIXES, LADDER_RETRIES, LADDER_ENDED };

/* One failure on the ladder. */
struct ladder_item {
	struct failure now;
	const struct verdict_retry *retry; /* what the verdict says of it; NULL: nothing */
	unsigned tried;			   /* attempts on the ladder */
	bool named;			   /* the verdict, or its absence, lets it be retried */
	bool due;			   /* and it could be attempted when the retries began */
	bool changed; /* it is not the same any more: what it failed from may be gone */
	bool open;    /* an attempt of it was handed out */
	bool recovered;
};

/* Declared by whoever drives it, made by ladder_begin(), emptied by ladder_free(). */
struct ladder {
	struct ladder_options options;
	enum ladder_phase phase;
	unsigned level; /* 1 to 3 */
	uint64_t succeeded;
	size_t recovered;
	struct ladder_item *items; /* in the order of the list */
	size_t count;
	size_t *order; /* positions in items of those that are named, in the order of retries */
	size_t norder;
	size_t next;   /* of order, the one that is being dealt with */
	size_t *batch; /* tasks that were handed out */
	bool asked;
	const struct verdict *verdict; /* the caller's; NULL: none yet, or none was given */
	enum ladder_fix fix;
	bool canary_failed;
};

/*
 * Enters the ladder: all that failed, in the order of the list (`task` ascends; copied), and how
 * many of the step's tasks have succeeded.
 */
void ladder_begin(struct ladder *l, const struct failure *failures, size_t count,
    uint64_t succeeded, struct ladder_options options);
/* What to do now. Asking twice changes nothing; of a batch those are named that are still open. */
void ladder_next(struct ladder *l, struct ladder_step *step);
/*
 * What the debugger said, its tasks being positions in failures[]; it must stay until
 * ladder_free(). NULL: it gave no verdict.
 */
void ladder_verdict(struct ladder *l, const struct verdict *verdict);
void ladder_fixed(struct ladder *l, bool ok);
void ladder_succeeded(struct ladder *l, size_t task);
/*
 * The task as it is now. With as many attempts as before, that one did not count, and it is
 * attempted again: what bounds those is the caller's.
 */
void ladder_failed(struct ladder *l, const struct failure *now);
/* What the verdict says of the task that is to be attempted; NULL: nothing. */
const struct verdict_retry *ladder_advice(const struct ladder *l, size_t task);
void ladder_free(struct ladder *l);

/* When it is over. */

/* Whether a person must decide. */
bool ladder_escalates(const struct ladder *l);
/* Appends why, on one line. */
void ladder_why(const struct ladder *l, struct buf *out);
/* Appends what was done and what came of it, on one line; false when nothing was done at all. */
bool ladder_text(const struct ladder *l, struct buf *out);

/*
 * The pause before attempt number `attempt` (2, 3...) of a command: doubles from 1 s to at most a
 * minute, with `random` (any number) as jitter.
 */
int64_t ladder_pause_ms(unsigned attempt, uint32_t random);

#endif
