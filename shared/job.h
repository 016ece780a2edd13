/*
 * One attempt of one task, as its worker needs it.
 *
 * Built by the supervisor just before the fork and read by the worker after it, in the copy
 * of memory that the fork made: pointers here never cross a pipe. Nothing is freed by the worker.
 */
#ifndef POLLARD_JOB_H
#define POLLARD_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/backend.h"

/*
 * Exit status of a worker whose result says that the system had no process or no descriptor for its
 * command: nothing has run, and the same attempt may be made later. Any other is 0.
 */
#define WORKER_SHORTAGE 71

enum job_kind {
	JOB_COMMAND,   /* argv */
	JOB_AGENT,     /* argv with {prompt_file} and the like, the prompt on standard input */
	JOB_DEBUGGER,  /* the built-in debugger: a function of the request in `input` */
	JOB_MERGE,     /* the built-in merge: a function run in the worker */
	JOB_REHEARSAL, /* a stand-in that starts nothing: see struct rehearsal */
};

/*
 * One piece of a prompt that is put together by the worker, so that what earlier tasks yielded
 * does not pass through the supervisor.
 */
enum job_part_kind {
	PART_TEXT,   /* text of len bytes */
	PART_MERGED, /* the file `text` in merge_dirfd, or fd: fenced */
	PART_ANSWER, /* the answer in a record of the journal: fenced */
};

struct job_part {
	enum job_part_kind kind;
	const char *text;
	size_t len;
	int fd;		/* PART_MERGED without a run directory; else -1 */
	int64_t offset; /* PART_ANSWER: of its attempt-finished record in journal_fd */
	size_t length;
	const char *label; /* of fenced ones: "the merged results of step 'research'" */
};

/* What a stand-in does (--rehearse): answers with the prompt or command that it was given. */
struct rehearsal {
	int64_t delay_ms;
	const char *answer;	/* NULL: what it would have sent */
	const char *structured; /* JSON object, one line; NULL: none */
	bool fails;
	const char *error; /* one line; NULL: "rehearsed failure" */
	int exit_status;   /* of a failure: -1: none (then it fails as an agent does) */
	bool times_out;	   /* fails as one that took too long */
};

struct job_env {
	const char *name;
	const char *value;
};

/* One input of JOB_MERGE: a record of the journal that holds a result, or a task that has none. */
struct merge_item {
	const char *task;
	const char *agent;  /* NULL for a command */
	const char *status; /* "succeeded", "failed"... */
	int64_t offset;	    /* of the record in journal_fd; -1: nothing to merge */
	size_t length;
	const char *missing; /* why there is nothing: "exit 1", "timeout"... */
};

struct job {
	enum job_kind kind;

	/* who: also in the environment of the command, as POLLARD_RUN and so on */
	const char *run;
	const char *step;
	const char *task;
	const char *agent; /* NULL for a command */
	unsigned attempt;
	const char *traceparent;

	/* what */
	const char *const *argv; /* NULL-terminated words */
	const char
	    *argument;	 /* replaces {} in the words, or is appended; NULL: words as they are */
	uint64_t number; /* replaces {#}, only when argument is set */
	const char *cwd; /* NULL: where the supervisor is */
	const struct job_env *env; /* added to the environment */
	size_t nenv;
	const char *input; /* for standard input; NULL: /dev/null */
	size_t input_len;
	const struct job_part *parts; /* JOB_AGENT: the prompt in pieces, instead of input; NULL */
	size_t nparts;
	const char *fence;  /* a word that no task can know beforehand, around data in a prompt */
	const char *system; /* JOB_AGENT: the system prompt, or NULL */
	size_t system_len;
	const char *model;    /* replaces {model}; NULL: "" */
	enum adapter adapter; /* JOB_AGENT: how its output is read */
	const char *session; /* replaces {session}: the one that is gone on with; NULL: a new one */
	const struct backend *backend; /* JOB_AGENT: the client; NULL: a command of its own */
	enum access access; /* with backend: its access_env says that, where it has one */
	const char *
	    private_config; /* path of the directory that is the client's configuration; NULL: the user's */
	const char
	    *tmp_parent; /* where the directory for TMPDIR is made; NULL: the command gets none */
	const char *const
	    *writes;	/* patterns of what it said it writes, NULL-terminated; NULL: nothing */
	bool want_json; /* the result must be a JSON object */
	const char *
	    last_error; /* what the attempt before said, for the file POLLARD_LAST_ERROR (a memfd of the worker); or NULL */
	size_t last_error_len;
	bool live;	 /* send output as it comes too, as MESSAGE_OUTPUT */
	int64_t tail_ms; /* send MESSAGE_TAIL, at most one in so long; 0: none */

	/* limits; 0: none */
	int64_t timeout_ms;
	int64_t idle_timeout_ms;
	int64_t grace_ms;
	uint64_t max_output; /* bytes kept of each stream */

	/* where streams longer than INLINE_MAX go: files out_name and err_name are made in out_dirfd when the first such byte comes; with
	 * out_dirfd -1 the unnamed files out_fd and err_fd are used (empty, open for reading and writing) */
	int out_dirfd;
	const char *out_name;
	const char *err_name;
	int out_fd;
	int err_fd;

	/* JOB_MERGE: the step's results in the order of the list, to merge_name in merge_dirfd */
	const struct merge_item *items;
	size_t nitems;
	bool merge_json;  /* a JSON object instead of Markdown */
	bool merge_plain; /* the answer of the first item as it is, what a merging agent said; the
			   * items after it are the step's tasks, for the files below */
	int journal_fd;
	int merge_dirfd;
	const char *merge_name; /* NULL: no merged result is wanted, only the files below */
	/*
	 * Files for the commands of later steps: each answer and structured result as a file in
	 * out_dirfd (a spilled answer as it is), and in merge_dirfd `results_name`, the JSON that
	 * POLLARD_RESULTS names, to which this step is added. NULL: no later step has a command.
	 */
	const char *results_name;
	const char *run_dir; /* absolute: paths in that file begin with it */
	const char *outcome; /* of the step: "all", "partial", "none" */

	const struct rehearsal *rehearsal; /* JOB_REHEARSAL */

	int lease_fd; /* kept open to the end, so that the run's lease is held; see lease.h. -1: none */
	int null_fd;	    /* /dev/null, open for reading and writing */
	int supervisor_pid; /* whose SIGTERM (stop, with grace) and SIGQUIT (stop at once) count */
};

#endif
