/*
 * Why a command could not be started, in words that say what to do about it.
 */
#ifndef POLLARD_REFUSAL_H
#define POLLARD_REFUSAL_H

#include "shared/result.h"

/* What the child was at when it failed. */
enum start_step {
	STEP_PIPE,  /* pipes, before the fork */
	STEP_INPUT, /* the files of an agent's prompts */
	STEP_FORK,
	STEP_CHDIR,
	STEP_DUP,
	STEP_EXEC,
};

struct refusal {
	enum start_step step;
	int error; /* errno */
};

/*
 * Makes *r the result of an attempt whose command never ran: `file` as it was given, to be looked
 * for in `path`, below cwd (NULL: where this process is).
 */
void refusal_explain(struct result *r, struct refusal refusal, const char *file, const char *path,
    const char *cwd);

#endif
