/*
 * What is wrong with one record, and the checks that every kind of record shares.
 */
#ifndef POLLARD_FAULT_H
#define POLLARD_FAULT_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/buf.h"
#include "supervisor/input/agents.h"
#include "supervisor/input/diag.h"
#include "supervisor/input/document.h"

/* Linux takes no argument and no NAME=VALUE of so many bytes (MAX_ARG_STRLEN, with the NUL). */
#define ARGUMENT_MAX 131072

/*
 * Declared by whoever reads records as { 0 }, emptied by fault_reset() for each, released with
 * fault_free().
 */
struct faults {
	struct buf lines; /* the messages, each ended by a newline; the first DIAG_MAX */
	size_t count;	  /* of all */
	size_t column;	  /* of the first; 0: not known */
	bool places_told; /* where agents are looked for: said once a list */

	/* of records that are part of a document */
	struct place here;	   /* of what is looked at: each fault that is added gets it */
	struct place at[DIAG_MAX]; /* of each of the lines; line 0: not known */
};

void fault_add(struct faults *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void fault_reset(struct faults *f);
void fault_free(struct faults *f);
/* Adds all of them to diag: where each is, or where that is not known at `line` (and `column`). */
void fault_report(const struct faults *f, const char *file, size_t line, struct diag *diag);

/* The agent of that name, or NULL and a fault that says where agents are looked for. */
const struct agent *fault_find_agent(struct faults *f, const struct agents *agents,
    const char *name);
/* A fault when `what` of so many bytes is too long to be an argument of a command. */
void fault_check_argument(struct faults *f, const char *what, size_t len);

#endif
