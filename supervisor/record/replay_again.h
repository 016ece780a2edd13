/*
 * What becomes of a replay when a run goes on: which tasks are not final any more, and what follows
 * from it for the steps. For replay.c.
 */
#ifndef POLLARD_REPLAY_AGAIN_H
#define POLLARD_REPLAY_AGAIN_H

#include <cjson/cJSON.h>

#include "supervisor/record/replay.h"

/* Something of the step is to run, or runs, after its end. */
void replay_reopen(struct replay_step *s);
/* Tasks of these statuses (an array of words, or anything else for none) are to run again. */
void replay_run_again(struct replay *r, const cJSON *again);
/* A verdict has come: it is about all of the step that had failed by then. */
void replay_judge(struct replay *r, const struct replay_step *s);
/* The tasks of the step in the order of these ids, each of a task of it; the others are not in the list. */
void replay_order(struct replay *r, size_t step, const cJSON *ids);

#endif
