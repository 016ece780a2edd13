/*
 * What an attempt of an agent is given: its prompts as its client wants them, a directory for its
 * temporary files, its configuration, and the variables that name these.
 */
#ifndef POLLARD_OUTFIT_H
#define POLLARD_OUTFIT_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/job.h"
#include "shared/result.h"
#include "workers/changes.h"
#include "workers/scratch.h"

#define OUTFIT_ENV_MAX 8
#define PROC_PATH_SIZE 48

#define OUTFIT_INIT \
	{ \
		.scratch = SCRATCH_INIT \
	}

/*
 * Initialised with OUTFIT_INIT, filled by outfit_make(), ended by outfit_end(). Prompts lie in files
 * that are nowhere in the file system and are gone when this process is.
 */
struct outfit {
	const char **words; /* of the command; words[-1] is free */
	const char *input;  /* for its standard input */
	size_t input_len;
	struct job_env env[OUTFIT_ENV_MAX]; /* what the task itself says goes over it */
	size_t nenv;
	struct scratch scratch;
	struct moment since;
	char prompt_path[PROC_PATH_SIZE];
	char system_path[PROC_PATH_SIZE];
};

/* False, and *r says why, or is as it was and errno says it: a prompt could not be put into a file. */
bool outfit_make(struct outfit *o, const struct job *job, struct result *r);
/*
 * The attempt is over and nothing of it runs any more: removes its temporary files, and warns in *r
 * when it was to write something and has not.
 */
void outfit_end(struct outfit *o, const struct job *job, struct result *r);

/* Makes such a file of the text; NULL with errno, else path. */
const char *outfit_file(char path[PROC_PATH_SIZE], const char *text, size_t len);

#endif
