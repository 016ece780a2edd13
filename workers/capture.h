/*
 * One output stream of the command: read as it comes, kept in memory while it is short, in a file
 * when it is not, and cut in the middle when it is longer than allowed.
 */
#ifndef POLLARD_CAPTURE_H
#define POLLARD_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/result.h"

/* Where the bytes beyond INLINE_MAX go. */
struct spill_place {
	int dirfd; /* the file `name` is made there; -1: */
	const char *name;
	int lent_fd; /* empty, unnamed, open for reading and writing; -1: nowhere */
};

enum capture_keep {
	KEEP_MEMORY,  /* in stream->data */
	KEEP_FILE,    /* in file */
	KEEP_NOTHING, /* the file cannot be written: read on, or the command stands */
};

/*
 * Made by capture_init(), which takes over fd: closed at the end of file or by capture_finish().
 * `stream` is the caller's. The file is opened here; when it is a named one, whoever holds the
 * capture may read it until the process ends, which also closes it.
 */
struct capture {
	int fd; /* the pipe's reading end, non-blocking; -1: closed */
	struct stream *stream;
	struct spill_place place;
	uint64_t limit; /* bytes kept; UINT64_MAX: all */
	enum capture_keep keep;
	int file;      /* -1: none */
	uint64_t kept; /* bytes in it */
	/*
	 * Of a stream over its limit the first `head` bytes stay; what comes after them is written
	 * round and round in the rest, the next byte to `next`: so the oldest one is there.
	 */
	uint64_t head;
	uint64_t next;
	bool wrapped;
	/* Told of each piece as it comes; NULL: nobody. */
	void (*listener)(void *context, const struct capture *c, const char *data, size_t len);
	void *context;
};

void capture_init(struct capture *c, int fd, struct stream *stream, struct spill_place place,
    uint64_t max_output);
/* Reads what is there, up to 64 KiB, and closes at the end of file. Whether there was a byte. */
bool capture_read(struct capture *c);
/*
 * Reads what is in the pipe and waits for nothing more; brings what was kept in order, and
 * counts what was not.
 */
void capture_finish(struct capture *c);

#endif
