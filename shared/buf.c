#include "shared/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/xalloc.h"

#define BUF_FIRST 64

char *buf_reserve(struct buf *b, size_t extra)
{
	size_t cap = b->cap > 0 ? b->cap : BUF_FIRST;

	if (extra >= SIZE_MAX / 2 - b->len)
		out_of_memory();
	while (cap < b->len + extra + 1)
		cap *= 2;
	if (cap != b->cap) {
		b->data = xreallocarray(b->data, cap, 1);
		b->cap = cap;
	}
	/* A caller that uses less of the room than it asked for is looked after by buf_str(). */
	b->data[b->len + extra] = '\0';
	return b->data + b->len;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	if (len == 0)
		return;
	memcpy(buf_reserve(b, len), data, len);
	b->len += len;
}

void buf_addstr(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_addch(struct buf *b, char c)
{
	*buf_reserve(b, 1) = c;
	b->len++;
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(b, fmt, ap);
	va_end(ap);
}

void buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	size_t room;
	va_list again;
	int len;

	buf_reserve(b, 0);
	room = b->cap - b->len;
	va_copy(again, ap);
	len = vsnprintf(b->data + b->len, room, fmt, ap);
	/* It fails only for a text beyond INT_MAX, or when it finds no memory itself. */
	if (len < 0)
		out_of_memory();
	if ((size_t)len >= room)
		vsnprintf(buf_reserve(b, (size_t)len), (size_t)len + 1, fmt, again);
	va_end(again);
	b->len += (size_t)len;
}

void buf_consume(struct buf *b, size_t n)
{
	if (n == 0)
		return;
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
	b->data[b->len] = '\0';
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	if (b->data != NULL)
		b->data[0] = '\0';
}

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf)BUF_INIT;
}

char *buf_detach(struct buf *b)
{
	char *data;

	buf_reserve(b, 0);
	data = b->data;
	*b = (struct buf)BUF_INIT;
	return data;
}

const char *buf_str(const struct buf *b)
{
	if (b->data == NULL)
		return "";
	b->data[b->len] = '\0';
	return b->data;
}
