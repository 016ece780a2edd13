/*
 * What the tasks of a step answered as files, for the commands of later steps, which never get
 * results by template.
 *
 * In the run's directory out: STEP.TASK.txt, the answer (the file of a long standard output is used
 * as it is), and STEP.TASK.json, the structured result. In its directory merged: results_name, the
 * JSON object that POLLARD_RESULTS names; all steps so far stand in it:
 *
 *   {"steps":{ID:{"merged":PATH,"outcome":"all","tasks":{ID:{"output":PATH,"result":PATH,
 *   "status":"succeeded"}}}}}
 *
 * Paths are absolute; null stands for what there is not.
 */
#ifndef POLLARD_RESULT_FILES_H
#define POLLARD_RESULT_FILES_H

#include <stdbool.h>

#include "shared/job.h"
#include "shared/result.h"

enum files_end {
	FILES_WRITTEN,
	FILES_STOPPED, /* `stopped` said so; results_name is as it was */
	FILES_FAILED,  /* r->error says why */
};

/*
 * Writes the files of job->items and adds the step to results_name, in place of what stood there of
 * it. job->merge_dirfd and out_dirfd must be there.
 */
enum files_end result_files_write(const struct job *job, struct result *r, bool (*stopped)(void));

#endif
