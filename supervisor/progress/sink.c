#include "supervisor/progress/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/io.h"
#include "shared/xalloc.h"
#include "supervisor/progress/sink_data.h"

/* Bytes that may wait in memory; more go to an unnamed file. */
#define MEMORY_MAX ((size_t)1024 * 1024)
/* Bytes moved in one turn, so that a fast reader does not keep the loop from its other work. */
#define TURN_MAX ((size_t)4 * 1024 * 1024)
#define PIPE_WIDE (1024 * 1024)
#define CHUNK ((size_t)64 * 1024)

struct sink *sink_open(int fd, const char *spill_dir)
{
	struct sink *s = xcalloc(1, sizeof *s);
	s->fd = s->own_fd = fd;
	s->overflow_fd = -1;
	s->spill_dir = xstrdup(spill_dir);
	STAILQ_INIT(&s->items);

	struct stat st;
	if (fstat(fd, &st) < 0) {
		s->kind = SINK_FILE;
		s->error = errno;
		return s;
	}
	s->is_pipe = S_ISFIFO(st.st_mode);
	if (S_ISSOCK(st.st_mode)) {
		s->kind = SINK_SOCKET;
	} else if (s->is_pipe || isatty(fd)) {
		char path[32];
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		s->own_fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		s->kind = SINK_OWN;
		if (s->own_fd < 0) {
			s->own_fd = fd;
			s->kind = SINK_CAREFUL;
		}
	} else {
		s->kind = SINK_FILE;
	}
	return s;
}

static void item_free(struct item *it)
{
	if (it->fd >= 0)
		close(it->fd);
	free(it->name);
	sink_shape_free(&it->shape);
	free(it);
}

static void forget_all(struct sink *s)
{
	struct item *it;
	while ((it = STAILQ_FIRST(&s->items)) != NULL) {
		STAILQ_REMOVE_HEAD(&s->items, link);
		item_free(it);
	}
	buf_free(&s->memory);
	buf_free(&s->filtered);
	s->memory_at = s->filtered_at = 0;
	if (s->overflow_fd >= 0)
		close(s->overflow_fd);
	s->overflow_fd = -1;
	s->overflow_in = s->overflow_out = 0;
}

void sink_close(struct sink *s)
{
	if (s == NULL)
		return;
	forget_all(s);
	if (s->own_fd != s->fd)
		close(s->own_fd);
	free(s->spill_dir);
	free(s);
}

static void fail(struct sink *s, int error)
{
	s->error = error;
	forget_all(s);
}

static struct item *item_add(struct sink *s, enum item_kind kind)
{
	struct item *it = xcalloc(1, sizeof *it);
	it->kind = kind;
	it->fd = -1;
	STAILQ_INSERT_TAIL(&s->items, it, link);
	return it;
}

/* Bytes wait in memory, and on the disk when they are many; a disk that is full makes memory do. */
static enum item_kind keep_bytes(struct sink *s, const void *data, size_t len)
{
	if (s->memory.len - s->memory_at + len > MEMORY_MAX) {
		if (s->overflow_fd < 0)
			s->overflow_fd = unnamed_file(s->spill_dir);
		if (s->overflow_fd >= 0) {
			size_t done = 0;
			while (done < len) {
				ssize_t n = pwrite(s->overflow_fd, (const char *)data + done,
				    len - done, s->overflow_in + (off_t)done);
				if (n < 0 && errno == EINTR)
					continue;
				if (n <= 0)
					break;
				done += (size_t)n;
			}
			if (done == len) {
				s->overflow_in += (off_t)len;
				return ITEM_OVERFLOW;
			}
		}
	}
	if (s->memory_at > MEMORY_MAX / 4) {
		buf_consume(&s->memory, s->memory_at);
		s->memory_at = 0;
	}
	buf_add(&s->memory, data, len);
	return ITEM_MEMORY;
}

void sink_add(struct sink *s, const void *data, size_t len)
{
	if (s->error != 0 || len == 0)
		return;
	enum item_kind kind = keep_bytes(s, data, len);
	struct item *last = STAILQ_LAST(&s->items, item, link);
	if (last == NULL || last->kind != kind)
		last = item_add(s, kind);
	last->len += len;
}

void sink_vaddf(struct sink *s, const char *fmt, va_list ap)
{
	struct buf b = BUF_INIT;
	buf_vaddf(&b, fmt, ap);
	sink_add(s, b.data, b.len);
	buf_free(&b);
}

void sink_addf(struct sink *s, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	sink_vaddf(s, fmt, ap);
	va_end(ap);
}

static struct item *add_file(struct sink *s, const struct sink_format *f)
{
	struct item *it = item_add(s, ITEM_FILE);
	it->shape = sink_shape_of(f);
	return it;
}

void sink_add_file(struct sink *s, const struct sink_format *f, int fd)
{
	if (s->error != 0) {
		close(fd);
		return;
	}
	add_file(s, f)->fd = fd;
}

void sink_add_path(struct sink *s, const struct sink_format *f, int dirfd, const char *name)
{
	if (s->error != 0)
		return;
	struct item *it = add_file(s, f);
	it->dirfd = dirfd;
	it->name = xstrdup(name);
}

static bool text_waits(const struct sink *s)
{
	return !STAILQ_EMPTY(&s->items) || s->filtered.len > s->filtered_at;
}

bool sink_waiting(const struct sink *s)
{
	return text_waits(s) || sink_drawing_waits(s);
}

struct pollfd sink_pollfd(const struct sink *s)
{
	struct pollfd p = { .fd = -1, .events = 0, .revents = 0 };
	if (s->error != 0)
		return p;
	/* without events a reader that goes away is still told, as POLLERR */
	if (s->kind != SINK_FILE || sink_waiting(s))
		p.fd = s->own_fd;
	if (sink_drawing_waits(s) || (text_waits(s) && !sink_held(s)))
		p.events = POLLOUT;
	return p;
}

ssize_t sink_write_now(struct sink *s, const char *data, size_t len)
{
	ssize_t n;
	do {
		if (s->kind == SINK_SOCKET)
			n = send(s->own_fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		else if (s->kind == SINK_CAREFUL)
			n = write(s->own_fd, data, len < PIPE_BUF ? len : PIPE_BUF);
		else
			n = write(s->own_fd, data, len);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (n < 0)
		fail(s, errno);
	return n;
}

bool sink_takes_now(const struct sink *s)
{
	struct pollfd p = { .fd = s->own_fd, .events = POLLOUT };
	return s->kind != SINK_CAREFUL || (poll(&p, 1, 0) == 1 && p.revents == POLLOUT);
}

/* Writes text, below which something may be drawn. */
static ssize_t write_some(struct sink *s, const char *data, size_t len)
{
	if (s->cover != NULL && !sink_take_away(s))
		return s->error != 0 ? -1 : 0;
	ssize_t n = sink_write_now(s, data, len);
	if (n > 0 && s->cover != NULL)
		s->cover->line_open = data[n - 1] != '\n';
	return n;
}

/* Moves pages of a file to the descriptor without reading them; -2 when this descriptor cannot take them so. */
static ssize_t move_some(struct sink *s, struct item *it, size_t len)
{
	ssize_t n;
	do {
		if (s->is_pipe && s->kind == SINK_OWN)
			n = splice(it->fd, &it->offset, s->own_fd, NULL, len,
			    SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
		else
			n = sendfile(s->own_fd, it->fd, &it->offset, len);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (n < 0 && (errno == EINVAL || errno == ENOSYS || errno == EBADF)) {
		s->no_sendfile = true;
		return -2;
	}
	if (n < 0) {
		fail(s, errno);
		return -1;
	}
	if (n == 0)
		it->len = 0; /* the file has become shorter */
	return n;
}

enum step_result { STEP_BLOCKED, STEP_MOVED, STEP_DONE };

/* Reads the next piece of a file and makes it ready in s->filtered. */
static enum step_result prepare_piece(struct sink *s, struct item *it)
{
	char *piece = xmalloc(CHUNK);
	ssize_t n = pread_all(it->fd, piece, it->len < CHUNK ? (size_t)it->len : CHUNK, it->offset);
	bool more = n > 0;
	if (n < 0) {
		fail(s, errno);
		free(piece);
		return STEP_BLOCKED;
	}
	if (more) {
		it->offset += n;
		it->len -= (uint64_t)n;
	}
	if (it->shape.changes)
		sink_shape_add(&it->shape, &s->filtered, piece, more ? (size_t)n : 0,
		    !more || it->len == 0);
	else if (more)
		buf_add(&s->filtered, piece, (size_t)n);
	free(piece);
	return more && it->len > 0 ? STEP_MOVED : STEP_DONE;
}

static enum step_result pump_filtered(struct sink *s, size_t *moved)
{
	ssize_t n =
	    write_some(s, s->filtered.data + s->filtered_at, s->filtered.len - s->filtered_at);
	if (n <= 0)
		return STEP_BLOCKED;
	*moved += (size_t)n;
	s->filtered_at += (size_t)n;
	if (s->filtered_at == s->filtered.len) {
		buf_reset(&s->filtered);
		s->filtered_at = 0;
	}
	return STEP_MOVED;
}

static enum step_result pump_memory(struct sink *s, struct item *it, size_t *moved)
{
	ssize_t n = write_some(s, s->memory.data + s->memory_at, (size_t)it->len);
	if (n <= 0)
		return STEP_BLOCKED;
	*moved += (size_t)n;
	s->memory_at += (size_t)n;
	it->len -= (uint64_t)n;
	if (s->memory_at == s->memory.len) {
		if (s->memory.cap > MEMORY_MAX / 4)
			buf_free(&s->memory);
		buf_reset(&s->memory);
		s->memory_at = 0;
	}
	return it->len == 0 ? STEP_DONE : STEP_MOVED;
}

static enum step_result pump_overflow(struct sink *s, struct item *it, size_t *moved)
{
	char *piece = xmalloc(CHUNK);
	enum step_result result = STEP_BLOCKED;
	ssize_t got = pread_all(s->overflow_fd, piece, it->len < CHUNK ? (size_t)it->len : CHUNK,
	    s->overflow_out);
	if (got <= 0) {
		fail(s, got < 0 ? errno : EIO);
	} else {
		ssize_t n = write_some(s, piece, (size_t)got);
		if (n > 0) {
			*moved += (size_t)n;
			s->overflow_out += n;
			it->len -= (uint64_t)n;
			result = it->len == 0 ? STEP_DONE : STEP_MOVED;
			if (s->overflow_out == s->overflow_in && ftruncate(s->overflow_fd, 0) == 0)
				s->overflow_in = s->overflow_out = 0;
		}
	}
	free(piece);
	return result;
}

/* Its turn has come: opens it and learns how long it is. */
static bool open_file(struct item *it)
{
	struct stat st;
	if (it->fd < 0)
		it->fd = openat(it->dirfd, it->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (it->fd < 0 || fstat(it->fd, &st) < 0)
		return false;
	it->len = (uint64_t)st.st_size;
	it->opened = true;
	return true;
}

/*
 * A reader of much is asked less often when the pipe holds more: 1.3 times the throughput. Nothing else changes for
 * those who share it; a system that refuses leaves it as it is.
 */
static void widen_pipe(const struct sink *s)
{
	if (s->is_pipe)
		fcntl(s->own_fd, F_SETPIPE_SZ, PIPE_WIDE);
}

static enum step_result pump_file(struct sink *s, struct item *it, size_t *moved)
{
	if (!it->opened && !open_file(it)) {
		/* somebody removed it: what a reader would take for a whole output is not one */
		fail(s, errno);
		return STEP_BLOCKED;
	}
	if (it->offset == 0 && it->len >= PIPE_WIDE)
		widen_pipe(s);
	if (!it->shape.changes && !s->no_sendfile && s->kind != SINK_CAREFUL &&
	    s->kind != SINK_SOCKET) {
		ssize_t n = move_some(s, it, it->len < TURN_MAX ? (size_t)it->len : TURN_MAX);
		if (n != -2) {
			if (n < 0 || (n == 0 && it->len > 0))
				return STEP_BLOCKED;
			*moved += (size_t)n;
			it->len -= (uint64_t)n;
			return it->len == 0 ? STEP_DONE : STEP_MOVED;
		}
	}
	return prepare_piece(s, it);
}

void sink_pump(struct sink *s, short revents)
{
	if (s->error != 0)
		return;
	/* a socket whose peer is gone says POLLHUP, at every poll */
	if (s->kind != SINK_FILE && (revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) {
		fail(s, EPIPE);
		return;
	}
	if (s->kind == SINK_CAREFUL && (revents & POLLOUT) == 0)
		return;
	if (sink_drawing_waits(s) &&
	    !(s->cover->leave ? sink_take_away(s) : sink_finish_drawing(s)))
		return;
	if (sink_held(s))
		return;
	size_t moved = 0;
	while (moved < TURN_MAX && s->error == 0) {
		if (s->filtered.len > s->filtered_at) {
			if (pump_filtered(s, &moved) == STEP_BLOCKED)
				return;
			if (s->kind == SINK_CAREFUL)
				return;
			continue;
		}
		struct item *it = STAILQ_FIRST(&s->items);
		if (it == NULL)
			return;
		enum step_result r = it->kind == ITEM_MEMORY ? pump_memory(s, it, &moved) :
		    it->kind == ITEM_OVERFLOW		     ? pump_overflow(s, it, &moved) :
							       pump_file(s, it, &moved);
		if (r == STEP_BLOCKED)
			return;
		if (r == STEP_DONE) {
			STAILQ_REMOVE_HEAD(&s->items, link);
			item_free(it);
		}
		if (s->kind == SINK_CAREFUL)
			return;
	}
}

int sink_error(const struct sink *s)
{
	return s->error;
}
