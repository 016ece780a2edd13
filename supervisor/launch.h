/*
 * From a task to the job of one attempt: limits from task, options and agent; the command's words; the prompt, refined when an attempt
 * has failed before.
 */
#ifndef POLLARD_LAUNCH_H
#define POLLARD_LAUNCH_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/buf.h"
#include "shared/job.h"
#include "shared/result.h"
#include "supervisor/config.h"
#include "supervisor/record.h"
#include "supervisor/task.h"
#include "supervisor/verdict.h"

/*
 * What all attempts of a run share, made once by launch_init(); null_fd is closed by launch_free(). The buffers belong to the attempt that is being
 * started: their content is in the worker's copy of memory once it has been forked.
 */
struct launch {
	const struct config *config;
	const struct record *record;
	int null_fd;
	char trace[33]; /* TRACEPARENT's trace id */
	char traceparent[56];
	char fence[24];
	struct buf prompt;
	struct buf last_error;
	struct buf out_name;
	struct buf err_name;
	const char *shell_words[4];
};

/* 0, or -1 with errno. */
int launch_init(struct launch *l, const struct config *config, const struct record *record);
void launch_free(struct launch *l);

/* Fills the job; it points into the task, the config and l, and holds until the next call. `last` is the result of the attempt before, or NULL; `advice` what a verdict says of this task, or NULL. */
void launch_job(struct launch *l, struct job *job, const struct step *step, const struct task *task,
    unsigned attempt, const struct result *last, const struct verdict_retry *advice);

/*
 * Without a run directory: unnamed files for streams that outgrow the message, lent for one
 * attempt. 0, or -1 with errno. launch_unlend() takes them back when it was not started.
 */
int launch_lend(const struct launch *l, struct job *job);
void launch_unlend(struct job *job);

/* How often a failed task may be attempted again: task, then option, then agent, then the default (0 for commands, 1 for agents). */
unsigned launch_retries(const struct config *config, const struct task *task);

#endif
