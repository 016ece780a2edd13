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
#include "supervisor/input/load.h"
#include "supervisor/input/task.h"
#include "supervisor/options/config.h"
#include "supervisor/places.h"
#include "supervisor/record/record.h"
#include "supervisor/recovery/verdict.h"

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
	struct job_part *parts; /* of a prompt that is put together by the worker */
	struct buf texts;	/* of these */
	bool happened;		/* `prompt` tells what happened, to be put behind them */
	bool told;		/* `prompt` stands instead of them */
	struct job_env *env;	/* of a command that gets results; of `handed` */
	struct buf handed;
	const struct loaded *loaded;
	struct rehearsal rehearsal;
	struct buf structured; /* what a rehearsed answer holds */
	struct places places;
	bool finished; /* set when nothing of the run may be gone on with */

	/* of an agent; see launch_agent.c */
	const char **words; /* in one piece; NULL */
	int64_t
	    own_sessions; /* results in the journal before this are of another client; 0: none */
	struct buf session;
	struct buf private_config;
};

/* 0, or -1 with errno. */
int launch_init(struct launch *l, const struct config *config, const struct record *record,
    const struct loaded *loaded);
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

/* Puts one more piece at the end of the prompt, of a job that has pieces (one is free). */
void launch_add_part(struct launch *l, struct job *job, struct job_part part);

/* How often a failed task may be attempted again: task, then step, option, agent, then the default (0 for commands, 1 for agents). */
unsigned launch_retries(const struct config *config, const struct step *step,
    const struct task *task);

#endif
