/*
 * The command line of a run, to be typed once more with another input.
 */
#ifndef POLLARD_RERUN_H
#define POLLARD_RERUN_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "shared/buf.h"

/* What the command line had. Filled by rerun_command(). */
struct rerun {
	bool state_dir; /* --state-dir */
	bool allow_fix; /* --allow-fix */
};

/* Appends the program as it was called, to be typed in a shell. `command`: see rerun_command(). */
void rerun_program(struct buf *out, const cJSON *command);
/*
 * Appends "pollard run ..." as it would have to be typed in a shell: without -f, for the input
 * comes from a pipe now, and without -C, for the run's record has the directory that led to.
 * `command` is an array, the words as they were; without them it is the shortest command.
 */
void rerun_command(struct buf *out, const cJSON *command, struct rerun *seen);

#endif
