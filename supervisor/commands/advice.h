/*
 * What debuggers said of a task that is shown, and what was done about it: the records `verdict`
 * and `fix` that concern it.
 */
#ifndef POLLARD_ADVICE_H
#define POLLARD_ADVICE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/buf.h"

/* A task that is shown; of one id there can be one in each step. Owned by struct advice. */
struct advised_task {
	char *step;
	char *id;
	bool failed;	/* an attempt of it has */
	bool concerned; /* the last verdict of its step speaks of it */
};

/* Declared by whoever shows the task as { 0 }, emptied by advice_free(). */
struct advice {
	struct advised_task *about;
	size_t nabout;
	struct buf text;
	uint64_t left_out; /* verdicts and fixes that have no room in it */
};

/* The task is one of those that are shown: `task-added`. */
void advice_about(struct advice *a, const cJSON *record);
/* An attempt of one of them has ended: `attempt-finished`. */
void advice_attempt(struct advice *a, const cJSON *record);
/* `verdict` or `fix`; other events are ignored. */
void advice_record(struct advice *a, const cJSON *record);
/* Appends all of it, each with an empty line before it. */
void advice_print(const struct advice *a, struct buf *out);
void advice_free(struct advice *a);

#endif
