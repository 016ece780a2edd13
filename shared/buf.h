/*
 * A growing array of bytes, always followed by a NUL that is not counted.
 *
 * A struct buf is owned by whoever declares it, begins as BUF_INIT (all zero),
 * and is released with buf_free(); its data may move whenever it grows.
 */
#ifndef POLLARD_BUF_H
#define POLLARD_BUF_H

#include <stdarg.h>
#include <stddef.h>

struct buf {
	char *data; /* NULL while nothing was ever added */
	size_t len;
	size_t cap;
};

#define BUF_INIT \
	{ \
		NULL, 0, 0 \
	}

void buf_add(struct buf *b, const void *data, size_t len);
void buf_addstr(struct buf *b, const char *s);
void buf_addch(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/*
 * Makes room for `extra` more bytes and returns where they go; add to len afterwards. When
 * that is less than `extra`, the NUL is there again after buf_str() or the next addition.
 */
char *buf_reserve(struct buf *b, size_t extra);
/* Removes the first n bytes (n <= len). */
void buf_consume(struct buf *b, size_t n);
/* Empties it and keeps the memory. */
void buf_reset(struct buf *b);
/* Empties it and gives the memory back. */
void buf_free(struct buf *b);
/* Hands the bytes (never NULL) to the caller, who frees them; b is empty afterwards. */
char *buf_detach(struct buf *b);
/* The bytes as a string, "" when there are none. */
const char *buf_str(const struct buf *b);

#endif
