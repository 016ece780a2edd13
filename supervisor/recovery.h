/*
 * The recovery ladder: what is attempted once more, in which order, and when it is over. Pure.
 *
 *   one task failed                  Level 1: retry it
 *   several failed, others succeeded Level 2: retry them one after another
 *   every one of several failed      Level 3: the same, the first as the canary: if it fails again the rest is not tried
 *   no task succeeded after that     Level 4: escalate to the user
 */
#ifndef POLLARD_RECOVERY_H
#define POLLARD_RECOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/result.h"

/* A failure as the ladder sees it. */
struct failure {
	size_t task;	    /* index */
	unsigned attempts;  /* so far */
	unsigned retries;   /* how many may follow the first one */
	enum reason reason; /* of the last attempt */
};

/* Whether one more attempt of it is allowed, and could change anything. */
bool may_retry(const struct failure *f);

/* Made by recovery_begin(), freed by recovery_free(). */
struct recovery {
	int level; /* 1 to 3 */
	struct failure *failures;
	size_t count;
	size_t next; /* the one that is being dealt with */
	size_t recovered;
	bool canary_failed;
};

/*
 * Enters the ladder: `failed` tasks of the step failed, `succeeded` did not; failures[0..count-1] (copied) are those that may be
 * attempted again, in the order of the list.
 */
void recovery_begin(struct recovery *r, const struct failure *failures, size_t count,
    uint64_t failed, uint64_t succeeded);
/* The task to attempt now; false when the ladder is at its end. One attempt at a time. */
bool recovery_next(struct recovery *r, size_t *task);
/* What came of that attempt. */
void recovery_result(struct recovery *r, bool succeeded, enum reason reason);
void recovery_free(struct recovery *r);

/* The pause before attempt number `attempt` (2, 3...) of a command: doubles from 1 s to at most a minute, with `random` (any number) as jitter. */
int64_t retry_pause_ms(unsigned attempt, uint32_t random);

#endif
