/*
 * The built-in merge: the results of a step in the order of its list, as one file. A function
 * run in a worker, because results can be large and are written by strangers.
 *
 * Markdown: for each result "## TASK" (or "## TASK (AGENT)"), an empty line, and the answer; at
 * the end, under "## Missing", a line for each task that has none.
 *
 * JSON: {"results":{"TASK":...},"missing":{"TASK":"why"}}: the structured result of a task, else
 * its answer as a string. The two stand apart because any word can be the id of a task.
 *
 * Plain: the answer of the first item alone, what a merging agent said. The other items, if any, are
 * the tasks of the step, for the files of later commands.
 */
#ifndef POLLARD_MERGER_H
#define POLLARD_MERGER_H

#include <stdbool.h>

#include "shared/job.h"
#include "shared/result.h"

/*
 * Writes the merge of job->items, and the files for the commands of later steps when the job asks for
 * them (see result_files.h); the file has its name only when it is whole. Fills *r. `stopped` is asked between items whether to end now; then nothing is left and the result is
 * cancelled.
 */
void merger_run(const struct job *job, struct result *r, bool (*stopped)(void));

#endif
