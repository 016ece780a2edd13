/*
 * What came of one attempt: the one form in which a worker tells it, the
 * supervisor judges it, and the record and `-o json` show it.
 */
#ifndef POLLARD_RESULT_H
#define POLLARD_RESULT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/buf.h"

/* Bytes of a stream that stand in the result itself; a longer one goes to a file. */
#define INLINE_MAX (16 * 1024)
/* The largest structured result. */
#define STRUCTURED_MAX (1024 * 1024)
/* The longest answer; what is beyond is cut off, and a warning says so. */
#define TEXT_MAX (2 * 1024 * 1024)
#define SUMMARY_MAX 200 /* characters */
#define FILES_MAX 20
#define SESSION_MAX 200

#define RESULT_STATUSES(X) \
	X(SUCCEEDED, "succeeded") \
	X(FAILED, "failed") \
	X(SKIPPED, "skipped") \
	X(CANCELLED, "cancelled")

enum result_status {
#define X(name, text) RESULT_##name,
	RESULT_STATUSES(X)
#undef X
	    RESULT_STATUS_COUNT
};

#define REASONS(X) \
	X(NONE, "none") \
	/* failed */ \
	X(EXIT, "exit") \
	X(SIGNAL, "signal") \
	X(TIMEOUT, "timeout") \
	X(IDLE_TIMEOUT, "idle-timeout") \
	X(SPAWN, "spawn") \
	X(AGENT, "agent") \
	X(RATE_LIMIT, "rate-limit") \
	X(QUOTA, "quota") \
	X(AUTH, "auth") \
	X(CONTEXT, "context") \
	X(OUTPUT, "output") \
	X(INVALID, "invalid") \
	X(WORKER, "worker") \
	/* skipped */ \
	X(NEEDS, "needs") \
	X(WHEN, "when") \
	X(BUDGET, "budget") \
	X(FAIL_FAST, "fail-fast") \
	X(ESCALATED, "escalated") \
	/* cancelled */ \
	X(INTERRUPTED, "interrupted") \
	/* skipped or cancelled */ \
	X(DEADLINE, "deadline")

enum reason {
#define X(name, text) REASON_##name,
	REASONS(X)
#undef X
	    REASON_COUNT
};

const char *result_status_text(enum result_status status);
const char *reason_text(enum reason reason);
/* The reverse; false when there is no such word. */
bool result_status_parse(const char *text, enum result_status *out);
bool reason_parse(const char *text, enum reason *out);

/* Room for any name that signal_name() makes. */
#define SIGNAL_NAME_MAX 24

/* "SIGKILL", "SIGRTMIN+3", "signal 99"; returns name. */
const char *signal_name(char name[SIGNAL_NAME_MAX], int signal);
/* The reverse; false when there is no such signal. */
bool signal_parse(const char *name, int *out);

/*
 * One captured stream. `bytes` counts all that the task wrote. At most INLINE_MAX of it stand in
 * `data`; when more was kept, `spilled` is set, data is empty, and the bytes are in the
 * attempt's file (see rundir.h; without a run directory in the unnamed file that the supervisor
 * lent).
 */
struct stream {
	struct buf data;
	uint64_t bytes;	  /* written by the task */
	uint64_t dropped; /* of these not kept, from the middle (--max-output, full disk) */
	bool spilled;
	int spill_errno; /* why the file could not be written; 0 */
};

/* What an attempt has cost, as it said itself. */
struct usage {
	bool known; /* else nothing was said */
	int64_t input_tokens;
	int64_t output_tokens;
	bool usd_known; /* most clients tell tokens alone */
	double usd;	/* finite, not negative; 0 when it is not known */
};

/* A count of tokens is at most this, as any number that JSON holds exactly. */
#define TOKENS_MAX (INT64_C(1) << 53)

/*
 * Made by result_init(); by the worker, or by the supervisor for an attempt whose worker died and
 * for a task that never ran. Released by result_free().
 */
struct result {
	enum result_status status;
	enum reason reason;
	int exit_status;    /* -1: the command did not exit by itself */
	int signal;	    /* 0: not ended by a signal */
	char *error;	    /* one line for a person, UTF-8: "timed out after 5s"; or NULL */
	int64_t started_ms; /* wall clock; 0: it never ran */
	int64_t finished_ms;
	int64_t duration_ms; /* by the monotonic clock */
	struct stream out;
	struct stream err;
	bool has_text; /* `text` is the answer; else standard output is */
	struct buf text;
	char *structured; /* JSON object, one line; or NULL */
	char *summary;	  /* UTF-8, at most SUMMARY_MAX characters; or NULL */
	char **files;	  /* UTF-8; nfiles of them, at most FILES_MAX */
	size_t nfiles;
	struct usage usage;
	struct usage
	    session_usage; /* of all attempts in its session, where the client tells that; else not known */
	char *session;	   /* by which the client can go on with it; or NULL */
	bool unsure;	   /* a rate limit that only words about load tell of; not on record */
	int64_t retry_ms;  /* a rate limit: how long the service asks to wait; 0: it did not say */
	int64_t resets_ms; /* a quota: when it is there again, wall clock; 0: not known */
	char *warning;	   /* what a person should know although the status stands; or NULL */
	uint64_t max_rss_kb; /* of the largest process of the tree */
	int64_t cpu_ms;	     /* user and system, whole tree */
	unsigned leftovers;  /* processes that were still there when the command was not */
};

void result_init(struct result *r);
void result_free(struct result *r);
/* Takes a copy of id as the session; ignored when it is empty, no word of printable ASCII, or longer than SESSION_MAX. */
void result_set_session(struct result *r, const char *id);
/* Takes a copy of path (U+FFFD for what is not UTF-8); beyond FILES_MAX it is ignored. */
void result_add_file(struct result *r, const char *path);
/* Replaces r->error; bad UTF-8 in it becomes U+FFFD, a newline a blank. */
void result_set_error(struct result *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Adds to r->warning, behind what stands there already. */
void result_add_warning(struct result *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Reads {"input_tokens", "output_tokens", "usd"}: numbers from 0 on, each of them optional (missing
 * tokens are 0, a missing or null "usd" is not known), other members ignored. False, and *u as it was, when it is no object or one of them is something
 * else.
 */
bool usage_from_json(struct usage *u, const cJSON *object);

/*
 * The result as the members of a JSON object ("status", "reason", "exit", "signal", "started", ...;
 * names as documented in pollard-journal(5)); out_path and err_path are where spilled streams are
 * (NULL: not kept). `full` adds "text" also where it equals "stdout": so that a line of `-o json`
 * stands alone.
 */
void result_to_json(const struct result *r, cJSON *object, const char *out_path,
    const char *err_path, bool full);
/*
 * The reverse, for records of the journal; r must be initialised and is left so when a member is
 * missing or wrong: false. A stream that went to a file comes back empty and marked as spilled;
 * "text" that stood as "stdout" alone comes back as has_text false.
 */
bool result_from_json(struct result *r, const cJSON *object);

#endif
