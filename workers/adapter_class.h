/*
 * What a client's failure is: of the service's limits, of credentials, of a context that is full, or
 * any other. From error fields and from standard error, never from an answer. The words are those of the
 * debugger (patterns.h), so that both call the same failure the same.
 */
#ifndef POLLARD_ADAPTER_CLASS_H
#define POLLARD_ADAPTER_CLASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/buf.h"
#include "shared/result.h"

/* Nothing in it is owned. */
struct trouble {
	enum reason reason; /* rate-limit, quota, auth, context; agent: none of these */
	int64_t retry_ms;   /* how long to wait, as the text asks for; 0: it does not say */
	int64_t resets_ms;  /* of a quota: when it is there again, wall clock; 0: not known */
	bool unsure;	    /* a rate limit: see struct result */
};

/*
 * Of what an error field says; status is that of HTTP, and retry_ms the time to wait, when fields of
 * their own tell them, else 0.
 */
struct trouble adapter_class_error(const char *text, size_t len, int status, int64_t retry_ms,
    int64_t now_ms);

/* Of the end of standard error. */
struct trouble adapter_class_tail(const char *text, size_t len, int64_t now_ms);

/*
 * Appends what a person wants to read of an error field, one line: the message inside the JSON that
 * services answer with, without the rest of it.
 */
void adapter_class_words(struct buf *out, const char *text, size_t len);

#endif
