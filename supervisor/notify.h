/*
 * --notify: a command that is told how the run ended. It is run by a worker, as a task's command is,
 * so that it has a limit of time and nothing of it stays behind.
 */
#ifndef POLLARD_NOTIFY_H
#define POLLARD_NOTIFY_H

#include <stddef.h>

#include "shared/buf.h"
#include "shared/job.h"
#include "shared/result.h"

#define NOTIFY_TIMEOUT_MS (60 * 1000)
#define NOTIFY_GRACE_MS 5000
/* What the command is called where tasks are named; no task can have such an id. */
#define NOTIFY_ID "+notify"

/* How the run ended, as the command is told. Nothing is copied. */
struct notice {
	const char *run;     /* POLLARD_RUN */
	const char *outcome; /* POLLARD_OUTCOME: "all", "partial" or "none" */
	int status;	     /* POLLARD_STATUS: the exit status, or 128 and the signal's number */
	const char *json;    /* for standard input: the summary object and a newline */
	size_t len;
};

/*
 * Declared by whoever starts the job, filled by notify_job(), which the job refers to: it has to
 * stay where it is until the worker has been forked.
 */
struct notify_words {
	const char *argv[4];
	struct job_env env[2];
	char status[16];
};

/*
 * Makes the job of sh -c COMMAND. `null_fd` is /dev/null. Its streams stay in the result (at most
 * INLINE_MAX bytes of each), no file is needed.
 */
void notify_job(struct job *job, struct notify_words *words, const char *command,
    const struct notice *notice, int null_fd);
/*
 * Appends what the command printed, standard output first, made safe, and after a failure the line
 * of a warning: all of it is for standard error. Nothing else comes of a failure.
 */
void notify_report(struct buf *out, const struct result *result);

#endif
