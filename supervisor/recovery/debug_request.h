/*
 * What a debugger is asked: one JSON object about all failures of a step. Pure. It has a size that
 * any agent can take, however many tasks failed and however much they printed.
 */
#ifndef POLLARD_DEBUG_REQUEST_H
#define POLLARD_DEBUG_REQUEST_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/result.h"

#define DEBUG_REQUEST_MAX (512 * 1024) /* bytes of the object when printed */
#define DEBUG_FULL_MAX 100 /* failures with all that is known; of others id and reason */
#define DEBUG_TAIL_BYTES 4096
#define DEBUG_TAIL_LINES 40

/* All of these are the caller's, and only read while the request is built. */

struct debug_attempt {
	enum reason reason;
	int exit_status; /* -1: none */
	int signal;	 /* 0: none */
	int64_t ms;
	const char *error; /* one line of the worker; NULL: none */
	const char *out;   /* any bytes, as many as are at hand: the end is what counts */
	size_t out_len;
	const char *err;
	size_t err_len;
};

struct debug_failure {
	const char *task;  /* its id */
	const char *agent; /* NULL: a command */
	const char *text;  /* the prompt, or a command for sh -c; NULL: argv */
	size_t text_len;
	const char *const *argv;	      /* NULL-terminated words */
	const struct debug_attempt *attempts; /* oldest first */
	size_t nattempts;
};

struct debug_request {
	const char *step;
	const char *goal; /* NULL: none */
	int scenario;	  /* 1 to 3 */
	const struct debug_failure *failures;
	size_t nfailures;
	const char *const *succeeded; /* ids */
	size_t nsucceeded;
};

/*
 * The object; the caller deletes it. What is left off is said: cut texts end with a mark, and
 * "failures_left_off" and "succeeded_left_off" count the tasks that are not named at all.
 */
cJSON *debug_request_make(const struct debug_request *request);

/* Appends the end of what a task printed: at most so many bytes and lines, valid UTF-8, no NUL. */
void debug_tail(struct buf *out, const char *text, size_t len, size_t bytes, unsigned lines);

#endif
