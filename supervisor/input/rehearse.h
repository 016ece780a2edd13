/*
 * The script of a rehearsal (--rehearse=FILE): what the stand-ins of tasks and agents do. YAML, or JSON in
 * a file named .json:
 *
 *   tasks:
 *     research.authorization: { seconds: 2.5, answer: Found three roles }
 *     session: [ { fail: no such table, exit: 3 }, { answer: found } ]
 *     research.merge: { answer: All in all it is sound }
 *     debugger: { seconds: 1 }
 *   agents:
 *     code-reviewer: { result: { critical: 0, findings: [] } }
 *   default: { seconds: 0.2 }
 *
 * Keys of `tasks` are STEP.TASK, or TASK in any step; STEP.merge is the agent that merges a step,
 * "debugger" the one that debugs. A list holds one entry for each attempt; its last one is for all that
 * follow. What is found first counts, alone: STEP.TASK, TASK, the agent, default. What is not in the
 * script succeeds at once and answers with what it was asked. In an entry:
 *
 *   seconds  how long it takes: a number of seconds, or a duration such as 2m
 *   answer   its text
 *   result   its structured result, an object
 *   fail     true, or the line that it says: it fails, as an agent does
 *   exit     it fails with this exit status, as a command does
 *   timeout  true: it fails as one that took too long
 */
#ifndef POLLARD_REHEARSE_H
#define POLLARD_REHEARSE_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/job.h"
#include "supervisor/input/diag.h"
#include "supervisor/input/task.h"

struct script; /* see rehearse.c */

/* NULL after its errors were added to diag. Released with script_free(). */
struct script *script_load(const char *file, struct diag *diag);
void script_free(struct script *s);

/*
 * What the attempt (from 1) of a task does; all that the script does not say is zero, and exit_status
 * -1. The strings are the script's. `agent` is NULL for a command; s may be NULL: a rehearsal without a
 * script.
 */
void script_find(const struct script *s, const char *step, const char *task, const char *agent,
    unsigned attempt, struct rehearsal *out);

/* Whether the file can be read: 0, or the exit status after saying why not. */
int script_readable(const char *file);
/*
 * Whether a task that foreach makes may have this value of "id" or "agent", as far as its text tells
 * before there are items.
 */
bool script_fits(const struct foreach *foreach, const char *key, const char *value);

/*
 * Whether the plan has such a task, or may have it when its `foreach` has made them. step NULL: in any
 * step; task NULL: whether there is that step.
 */
typedef bool script_known_task(void *context, const char *step, const char *task);
/* Whether the plan uses that agent, for a task, a merge or debugging. */
typedef bool script_known_agent(void *context, const char *name);
/* Adds to diag each key of the script that names no task (STEP.merge and debugger are) or agent. */
void script_check(const struct script *s, script_known_task *task, script_known_agent *agent,
    void *context, struct diag *diag);

/*
 * The structured result of a task with `output: json` for which the script has none: an object, on one
 * line, with zeros and empty lists for the fields that later steps use. The caller frees it.
 */
char *rehearse_zeros(const struct plan *plan, size_t step, size_t task);

#endif
