/*
 * ESCALATION.md: what a person has to know who must decide how a run goes on, and needs nothing
 * else to read. Made from the records of the journal in two passes: the first finds out which
 * tasks failed, the second what they were asked and what came of it.
 *
 * It is bounded, however long the list is and however much was printed: at most about 1 MiB, and
 * memory of that order.
 */
#ifndef POLLARD_ESCALATION_H
#define POLLARD_ESCALATION_H

#include <cjson/cJSON.h>

#include "shared/buf.h"
#include "supervisor/record/rundir.h"

#define ESCALATION_NAME "ESCALATION.md"

/*
 * Reads the run's own journal, of which all must be written, and replaces the file in the run
 * directory. `name` is the run's (NULL: as the journal says). 0, or -1 with errno.
 */
int escalation_write(const struct rundir *dir, const char *name);

/* The parts of that. */
struct escalation;

struct escalation *escalation_new(void);
/* First pass: a record of the journal, in order; unknown events are ignored. */
void escalation_survey(struct escalation *e, const cJSON *record);
/* Second pass, the same records again. `dir` has the long outputs. */
void escalation_detail(struct escalation *e, const cJSON *record, const struct rundir *dir);
/* Appends the Markdown. */
void escalation_markdown(struct escalation *e, const struct rundir *dir, const char *name,
    struct buf *out);
void escalation_free(struct escalation *e);

#endif
