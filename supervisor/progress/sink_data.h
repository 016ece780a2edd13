/* What a sink is made of. Nobody but sink.c, sink_cover.c and sink_stream.c includes this. */
#ifndef POLLARD_SINK_DATA_H
#define POLLARD_SINK_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "shared/buf.h"
#include "supervisor/progress/sink.h"

/*
 * What a stream looks like when it is printed, and what of it spans two pieces. Made by
 * sink_shape_of(), in an item or a sink_stream, freed with it by sink_shape_free().
 */
struct sink_shape {
	bool changes; /* not byte for byte */
	enum sink_filter filter;
	bool whole_lines;
	char *tag;	 /* NULL: none */
	bool line_open;	 /* the last byte was no newline */
	struct buf rest; /* an incomplete UTF-8 sequence between two pieces */
};

enum sink_kind {
	SINK_OWN,     /* a description of our own, non-blocking */
	SINK_SOCKET,  /* send(2) with MSG_DONTWAIT */
	SINK_CAREFUL, /* at most PIPE_BUF bytes after POLLOUT */
	SINK_FILE,    /* a file or a device that never makes us wait for a reader */
};

enum item_kind { ITEM_MEMORY, ITEM_OVERFLOW, ITEM_FILE };

/*
 * One piece of what waits, in order. Bytes lie in the sink's `memory` or `overflow` file, in the same order as their
 * items; a file is opened when its turn comes and closed with its item.
 */
struct item {
	STAILQ_ENTRY(item) link;
	enum item_kind kind;
	uint64_t len;
	int fd; /* ITEM_FILE: -1 until opened */
	int dirfd;
	char *name;
	bool opened;
	off_t offset;
	struct sink_shape shape; /* of a file */
};

STAILQ_HEAD(item_list, item);

/* Made by sink_open(), closed by sink_close(). fd is the inherited one; own_fd is ours, or the same. */
struct sink {
	enum sink_kind kind;
	int fd;
	int own_fd;
	bool is_pipe;
	bool no_sendfile; /* tried, not possible on this descriptor */
	int error;
	struct item_list items;
	struct buf memory;
	size_t memory_at;    /* bytes of it already written */
	struct buf filtered; /* of a file: made ready, not yet written */
	size_t filtered_at;
	char *spill_dir;
	int overflow_fd; /* -1 until needed */
	off_t overflow_in;
	off_t overflow_out;
	struct sink_cover *cover; /* NULL: nothing is drawn below the text */
};

/* sink.c */

/*
 * Writes some of the bytes: how many, 0 when the reader has to be waited for, -1 after an error,
 * which the sink remembers.
 */
ssize_t sink_write_now(struct sink *s, const char *data, size_t len);
/* Whether a description that others share takes something now. */
bool sink_takes_now(const struct sink *s);

/* sink_cover.c */

/* Something is to be drawn, or taken away. */
bool sink_drawing_waits(const struct sink *s);
/* What was drawn a moment ago is looked at: text and the next frame come together. */
bool sink_held(const struct sink *s);
/* Whether all that was begun is drawn. */
bool sink_finish_drawing(struct sink *s);
/* Whether nothing stands below the text any more. */
bool sink_take_away(struct sink *s);

/* sink_stream.c */

struct sink_shape sink_shape_of(const struct sink_format *f);
/* Appends one piece as it is printed; `final`: it is the last one. */
void sink_shape_add(struct sink_shape *shape, struct buf *out, const char *data, size_t len,
    bool final);
void sink_shape_free(struct sink_shape *shape);

#endif
