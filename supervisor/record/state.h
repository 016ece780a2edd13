/*
 * What the Markdown state says, gathered from the records of the journal: while a run goes on each
 * record is shown to it as it is added; `pollard show` and `pollard resume` show it the records
 * that they read back. So the two can never differ.
 *
 * Memory is bounded: of a step at most STATE_LISTED_MAX tasks are kept line by line (failures are
 * kept beside them, up to as many), the others are counted.
 */
#ifndef POLLARD_STATE_H
#define POLLARD_STATE_H

#include <cjson/cJSON.h>

#include "shared/buf.h"

#define STATE_LISTED_MAX 200
#define STATE_NAME "STATE.md"

struct state;

struct state *state_new(void);
/* A record of the journal, in order; unknown events are ignored. */
void state_event(struct state *s, const cJSON *record);
/* There are no more records and nobody runs it: unless the last one was its end, it has none. */
void state_abandoned(struct state *s);
/* Appends the Markdown, in the form of the specification. */
void state_markdown(const struct state *s, struct buf *out);
void state_free(struct state *s);

#endif
