/*
 * The classes of failure that have one cause and one answer, and how they are told apart. A table
 * of patterns, looked for in what an adapter said and in the telling lines of standard error,
 * never in answers. Pure.
 */
#ifndef POLLARD_DIAGNOSIS_H
#define POLLARD_DIAGNOSIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/buf.h"
#include "workers/signature.h"

enum strategy { ADVISE_PARALLEL, ADVISE_SEQUENTIAL, ADVISE_STOP };

/* In the columns: name, strategy, whether failures at different places have different causes. */
#define FAILURE_CLASSES(X) \
	X(NONE, "none", ADVISE_PARALLEL, false) \
	X(MISSING, "missing", ADVISE_STOP, false) \
	X(AUTH, "auth", ADVISE_STOP, false) \
	X(QUOTA, "quota", ADVISE_STOP, false) \
	X(DISK_FULL, "disk-full", ADVISE_STOP, false) \
	X(READ_ONLY, "read-only", ADVISE_STOP, true) \
	X(PERMISSION, "permission", ADVISE_STOP, true) \
	X(RATE_LIMIT, "rate-limit", ADVISE_SEQUENTIAL, false) \
	X(CONTENTION, "contention", ADVISE_SEQUENTIAL, false) \
	X(MEMORY, "memory", ADVISE_SEQUENTIAL, false) \
	X(TIMEOUT, "timeout", ADVISE_SEQUENTIAL, false) \
	X(NETWORK, "network", ADVISE_SEQUENTIAL, true)

enum failure_class {
#define X(name, text, strategy, places) CLASS_##name,
	FAILURE_CLASSES(X)
#undef X
	    CLASS_COUNT
};

const char *failure_class_text(enum failure_class class);
enum strategy failure_class_strategy(enum failure_class class);
const char *strategy_text(enum strategy strategy);

/* How one attempt ended. Made and owned by the caller; nothing is copied. */
struct symptoms {
	const char *reason; /* as in the result: "exit", "timeout"... */
	int exit_status;    /* -1: none */
	const char *signal; /* "SIGKILL", or NULL */
	int64_t ms;	    /* how long it took; 0: not known */
	const char *error;  /* what the worker or the adapter said, or NULL */
	const char *err;    /* the end of standard error */
	size_t err_len;
};

/*
 * What is to be thought of it. Made by diagnosis_make(), released by diagnosis_free(); the lines point
 * into `text`.
 */
struct diagnosis {
	enum failure_class class;
	struct buf text;	/* standard error, or what the adapter said, cleaned */
	struct telling telling; /* the line that tells most; of length 0 when there is none */
	struct telling seen;	/* the line that the class was seen in; length 0: in the status */
	struct buf subject;	/* the file, program or host it is about; may be empty */
	struct buf place;	/* what tells one cause of this class from another; may be empty */
	const char *says;	/* the cause, "{}" stands for the subject; NULL: the line says it */
};

void diagnosis_make(const struct symptoms *s, struct diagnosis *d);
void diagnosis_free(struct diagnosis *d);

/* "exit 1", "SIGSEGV" or "". */
void diagnosis_status(struct buf *out, const struct symptoms *s);

/*
 * What a service says in `text`, the error that a client reports and nothing else: CLASS_AUTH,
 * CLASS_QUOTA, CLASS_RATE_LIMIT, or CLASS_NONE when it is about none of these.
 */
enum failure_class diagnosis_of_service(const char *text, size_t len);

/*
 * The longest time that the text asks to wait before the next request, up to a day; 0 when there
 * is none.
 */
int64_t diagnosis_hint_ms(const char *text, size_t len);

#endif
