#include "supervisor/record/journal_lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/crc32c.h"
#include "supervisor/record/journal.h"

#define CHUNK (64 * 1024)
/* Several times the longest record: so that a file without newlines cannot take all memory. */
#define LINE_MAX_BYTES (256 * 1024 * 1024)

bool line_crc_good(const char *text, size_t len)
{
	char expected[JOURNAL_CRC_LEN + 1];

	if (len <= JOURNAL_CRC_LEN)
		return false;
	snprintf(expected, sizeof(expected), ",\"crc\":\"%08x\"}",
	    crc32c(0, text, len - JOURNAL_CRC_LEN));
	return memcmp(text + len - JOURNAL_CRC_LEN, expected, JOURNAL_CRC_LEN) == 0;
}

int lines_open(struct lines *l, int dirfd)
{
	struct stat st;

	*l = (struct lines){ .fd = -1 };
	/* O_NONBLOCK: a FIFO of that name must not hold us up */
	l->fd = openat(dirfd, JOURNAL_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (l->fd == -1)
		return -1;
	if (fstat(l->fd, &st) == 0 && S_ISREG(st.st_mode))
		return 0;
	lines_close(l);
	errno = EINVAL;
	return -1;
}

/* Forgets what was handed out. */
static void compact(struct lines *l)
{
	l->offset += (int64_t)l->used;
	buf_consume(&l->data, l->used);
	l->used = 0;
}

/* Bytes read, 0 at the end, -1 with errno. */
static ssize_t read_more(struct lines *l)
{
	char *room;
	ssize_t n;

	compact(l);
	room = buf_reserve(&l->data, CHUNK);
	do {
		n = read(l->fd, room, CHUNK);
	} while (n == -1 && errno == EINTR);
	if (n > 0)
		l->data.len += (size_t)n;
	return n;
}

static enum line_kind ended(struct lines *l, struct line *line)
{
	line->end = l->offset + (int64_t)l->data.len;
	l->used = l->data.len;
	if (line->end == line->offset)
		return LINE_NONE;
	line->len = (size_t)(line->end - line->offset);
	l->number++;
	return LINE_UNTERMINATED;
}

static enum line_kind found(struct lines *l, struct line *line, const char *newline, bool too_long)
{
	const char *text = l->data.data + l->used;
	size_t len = (size_t)(newline - text);

	line->end = l->offset + (int64_t)(l->used + len + 1);
	line->len = (size_t)(line->end - line->offset - 1);
	line->text = too_long ? NULL : text;
	l->used += len + 1;
	l->number++;
	return too_long ? LINE_TOO_LONG : LINE_WHOLE;
}

enum line_kind lines_next(struct lines *l, struct line *line)
{
	bool too_long = false;
	size_t searched = 0;

	*line = (struct line){ .offset = l->offset + (int64_t)l->used };
	for (;;) {
		const char *from = buf_str(&l->data) + l->used + searched;
		const char *newline = memchr(from, '\n', l->data.len - l->used - searched);
		ssize_t n;

		if (newline != NULL)
			return found(l, line, newline, too_long);
		if (l->data.len - l->used > LINE_MAX_BYTES) {
			too_long = true;
			l->used = l->data.len;
		}
		searched = l->data.len - l->used;
		n = read_more(l);
		if (n == -1)
			return LINE_ERROR;
		if (n == 0)
			return ended(l, line);
	}
}

void lines_close(struct lines *l)
{
	if (l->fd != -1)
		close(l->fd);
	buf_free(&l->data);
	*l = (struct lines){ .fd = -1 };
}
