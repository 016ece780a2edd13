/*
 * The command of one attempt: what it is called with, and starting it.
 */
#ifndef POLLARD_COMMAND_H
#define POLLARD_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "shared/job.h"
#include "shared/result.h"
#include "workers/outfit.h"

enum command_begin {
	COMMAND_RUNS,
	COMMAND_FAILED,	  /* it cannot be started */
	COMMAND_SHORTAGE, /* the system has no process or no descriptor for it now */
};

/*
 * A command that runs. Made by command_start(); the descriptors are this process's ends of the
 * pipes, non-blocking, closed by whoever uses them up; command_feed() closes `in`. The process
 * is waited for by tree_reap().
 */
struct command {
	pid_t pid;
	int in; /* -1: closed, or nothing to write */
	int out;
	int err;
	int result;	   /* the other end of POLLARD_RESULT_FD */
	const char *input; /* still to be written to `in` */
	size_t input_len;
	struct outfit outfit; /* of an agent */
};

/*
 * Starts it. When it does not run *r says so and why, and nothing is left open.
 */
enum command_begin command_start(struct command *c, const struct job *job, struct result *r);

/* Writes as much input as the pipe takes; closes it at the end, or when nobody reads it. */
void command_feed(struct command *c);

/*
 * It is over, *r is what came of it, and nothing of it runs any more: puts away what was made for it.
 * To be called once it has run, however that ends.
 */
void command_end(struct command *c, const struct job *job, struct result *r);

#endif
