/* What attempts have used, as their records tell it: part of the replay. */
#ifndef POLLARD_REPLAY_COUNT_H
#define POLLARD_REPLAY_COUNT_H

#include "supervisor/record/replay.h"

/* Adds what the record says under "usage", or that it says nothing. */
void replay_add_usage(struct replay_usage *used, const cJSON *record);
/*
 * The same for the run, and for an agent that worked for the step as a whole. agent NULL: there is
 * nothing to count, for it was a command or a part of the program.
 */
void replay_add_aside(struct replay *r, struct replay_step *s, const char *agent,
    const cJSON *record);

#endif
