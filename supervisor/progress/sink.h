/*
 * Standard output and standard error: what is to be printed waits here until
 * its reader takes it, so that a slow reader slows nothing but itself.
 *
 * An inherited descriptor is never made non-blocking, for its open file
 * description belongs to others too. A pipe or a terminal is opened once more
 * through /proc/self/fd, which gives a description of our own; where that is
 * refused at most PIPE_BUF bytes are written after POLLOUT, which do not block.
 */
#ifndef POLLARD_SINK_H
#define POLLARD_SINK_H

#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/buf.h"

struct sink;

/* What is done to bytes on their way. */
enum sink_filter {
	SINK_RAW,
	SINK_SAFE, /* made safe for a terminal */
};

/* A sink on fd (1 or 2); spill_dir is where an unnamed file for what waits may lie. Never NULL. */
struct sink *sink_open(int fd, const char *spill_dir);
/* Forgets what still waits. */
void sink_close(struct sink *s);

/* Appends bytes. */
void sink_add(struct sink *s, const void *data, size_t len);
void sink_addf(struct sink *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sink_vaddf(struct sink *s, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/*
 * Appends a stream as one piece. With a tag each line begins with "TAG\t". A
 * newline is added after a last line without one when `whole_lines`.
 */
struct sink_format {
	enum sink_filter filter;
	const char *tag; /* NULL: none; copied */
	bool whole_lines;
};
void sink_add_bytes(struct sink *s, const struct sink_format *f, const void *data, size_t len);
/* The same in pieces: what spans two of them is remembered until it is closed (NULL is none). */
struct sink_stream;
struct sink_stream *sink_stream_open(struct sink *s, const struct sink_format *f);
void sink_stream_add(struct sink_stream *stream, const void *data, size_t len);
void sink_stream_close(struct sink_stream *stream);
/* The same from a file, from its beginning to its end; it is taken over and closed when it has been printed. */
void sink_add_file(struct sink *s, const struct sink_format *f, int fd);
/* The same, opened when its turn comes: name below dirfd, which must stay open. */
void sink_add_path(struct sink *s, const struct sink_format *f, int dirfd, const char *name);

/*
 * What is drawn below the text on a terminal (progress_tty.h), shared by the sinks that write there.
 * It is taken away before any byte of text is written; whoever draws puts it back when no sink has
 * anything left to write. Made and emptied by that one, at rest before its sinks are closed.
 */
struct sink_cover {
	struct sink *screen; /* the one that sink_draw() is called with */
	struct buf erase;    /* takes away what is drawn; empty: nothing is */
	struct buf begun;    /* the rest of what was begun to be drawn or taken away */
	int64_t hold_until;  /* what is drawn stays for so long: text waits; monotonic, ms */
	bool leave;	     /* take it away even when there is no text */
	bool line_open;	     /* the text did not end with a newline */
};

/* c: NULL: none any more. */
void sink_set_cover(struct sink *s, struct sink_cover *c);
/*
 * Writes bytes that draw, if nothing waits and the terminal takes something now: true. What it does
 * not take of them is written before anything else. The caller sets `erase` then.
 */
bool sink_draw(struct sink *s, const void *data, size_t len);
/* Takes away what is drawn, as far as the terminal takes that now. */
void sink_uncover(struct sink *s);

/* Something waits. */
bool sink_waiting(const struct sink *s);
/* What to poll for; its fd is -1 when there is nothing to wait for. */
struct pollfd sink_pollfd(const struct sink *s);
/* After poll: writes what can be written without blocking; notices a reader that has gone. */
void sink_pump(struct sink *s, short revents);

/* The errno of the write that failed (EPIPE: the reader has gone); 0 while all is well. Everything is thrown away afterwards. */
int sink_error(const struct sink *s);

#endif
