/*
 * Adapters: what the bytes of a client's attempt mean. Fed as they come, in bounded memory however long
 * the stream of events is; at the end they fill the result: answer, session, usage, and for a failure
 * its reason, message, and what the service said about when to come again. A success is one only when
 * the client's own final event says so.
 */
#ifndef POLLARD_ADAPTER_H
#define POLLARD_ADAPTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/backend.h"
#include "shared/buf.h"
#include "shared/result.h"

/* A sign of pressure that was seen while the client runs; see MESSAGE_PRESSURE. */
struct sign {
	enum reason reason; /* REASON_NONE: nothing */
	int64_t retry_ms;   /* 0: not said */
};

struct reader;

/* NULL for ADAPTER_NONE. Released by reader_free(). */
struct reader *reader_new(enum adapter adapter);
void reader_free(struct reader *reader);
/*
 * The next bytes of standard output (or standard error). *seen says whether they told of pressure; the
 * caller passes that on at most a few times a second.
 */
void reader_feed(struct reader *reader, bool is_err, const char *data, size_t len,
    struct sign *seen);
/*
 * From now on what the client says to a person is added to *shown as it comes: its messages without its
 * events. The caller empties it whenever it likes; it must live as long as the reader, also for
 * reader_finish(), which may add to it. False, and nothing is added, for clients whose standard output
 * is what they say.
 */
bool reader_show(struct reader *reader, struct buf *shown);
/*
 * The client has ended, and *r has its status as the exit status, signals and limits tell it. Fills
 * text (has_text), session, usage, retry_ms, resets_ms, warning, and corrects status, reason and error.
 * What was ended by a limit or called off keeps its status and reason.
 */
void reader_finish(struct reader *reader, struct result *r);
/*
 * The newest thing the client told that a person would like to see, one safe line (UTF-8); "" when
 * there is none yet. Of the reader, until the next call. Made when it is asked for: a call for each
 * piece of a stream is one too many.
 */
const char *reader_activity(struct reader *reader);

#endif
