/*
 * What a worker sends to the supervisor over its pipe.
 *
 * A frame is a header of 12 bytes, then `length` bytes of payload:
 *
 *   0  4  "PLRD"
 *   4  1  MESSAGE_VERSION
 *   5  1  type, enum message_type
 *   6  2  zero
 *   8  4  length, least significant byte first, at most MESSAGE_MAX
 *
 * The payload of MESSAGE_RESULT is a sequence of fields: one byte tag, four bytes length (least
 * significant first), that many bytes. Integers are eight bytes, least significant first; what was used
 * is three of them, the last one the bits of a double. No field stands twice but files; unknown ones
 * are refused: both sides are one binary.
 * Nothing in a message is a pointer or a descriptor, so it can be passed on by another machine.
 */
#ifndef POLLARD_MESSAGE_H
#define POLLARD_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "shared/buf.h"
#include "shared/result.h"

#define MESSAGE_VERSION 1
#define MESSAGE_HEADER 12
#define MESSAGE_MAX (4 * 1024 * 1024)
/* The longest piece of MESSAGE_OUTPUT. */
#define MESSAGE_OUTPUT_MAX (64 * 1024)
/* The longest line of MESSAGE_TAIL, in bytes. */
#define MESSAGE_TAIL_MAX 200

enum message_type {
	MESSAGE_RESULT = 1, /* the one result of the attempt; nothing may follow */
	MESSAGE_OUTPUT = 2, /* live output: a byte 0 (stdout) or 1 (stderr), then a piece of it */
	/*
	 * A client says, while it runs, that its service holds it back: a byte, enum reason
	 * (rate-limit, quota or auth), then eight bytes, the milliseconds to wait; 0: not said.
	 */
	MESSAGE_PRESSURE = 3,
	/*
	 * There was output: the newest line of it that says something, UTF-8 without control
	 * characters, may be empty. For people who watch, so it is sent now and then only.
	 */
	MESSAGE_TAIL = 4,
};

/* Appends one frame that holds the result. */
void message_encode_result(struct buf *out, const struct result *r);

/* Appends one frame of MESSAGE_OUTPUT; len is at most MESSAGE_OUTPUT_MAX. */
void message_encode_output(struct buf *out, bool is_err, const void *data, size_t len);
/*
 * The piece in a complete frame of type MESSAGE_OUTPUT: it stays where it is. False, and *why, when
 * it is none.
 */
bool message_decode_output(const char *frame, size_t len, bool *is_err, const char **data,
    size_t *data_len, const char **why);

void message_encode_pressure(struct buf *out, enum reason reason, int64_t retry_ms);
/* False, and *why, when it is none. */
bool message_decode_pressure(const char *frame, size_t len, enum reason *reason, int64_t *retry_ms,
    const char **why);

/* len is at most MESSAGE_TAIL_MAX. */
void message_encode_tail(struct buf *out, const char *line, size_t len);
/* The line stays where it is. False, and *why, when it is none. */
bool message_decode_tail(const char *frame, size_t len, const char **line, size_t *line_len,
    const char **why);

/*
 * Looks at the beginning of what has come over the pipe.
 * Returns the size of the first frame (header included) when it is complete, 0 when more bytes are
 * needed, -1 when these bytes are no frame (*why says in one line what is wrong).
 */
ssize_t message_frame(const char *data, size_t len, enum message_type *type, const char **why);

/*
 * Decodes a complete frame of type MESSAGE_RESULT. r must be initialised; checks every length and
 * range, so that a lying worker is found out: false, and *why says in one line what is wrong.
 */
bool message_decode_result(const char *frame, size_t len, struct result *r, const char **why);

#endif
