#include "workers/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/io.h"

/*
 * A copy through a buffer that stays in the processor's cache is as fast as splice(2) from a
 * pipe of the same size to a file: 0.9 times for writes of 64 KiB (four streams at once), 1.8
 * times for writes of 4 KiB, where splice() hands over half-empty pages; and it needs no second
 * way for file systems that refuse it.
 */
#define CHUNK (64 * 1024)
/*
 * A stream that is long is worth fewer switches between its writer and us: twice as fast as with
 * 64 KiB.
 */
#define PIPE_LARGE (256 * 1024)
/* No pipe holds more than this many chunks by default (/proc/sys/fs/pipe-max-size). */
#define DRAIN_ROUNDS 64
#define MARK_MAX 64

/* One is enough: streams are read one after another, and nothing stays in it. */
static char chunk[CHUNK];

void capture_init(struct capture *c, int fd, struct stream *stream, struct spill_place place,
    uint64_t max_output)
{
	c->fd = fd;
	c->stream = stream;
	c->place = place;
	c->limit = max_output > 0 ? max_output : UINT64_MAX;
	c->keep = KEEP_MEMORY;
	c->file = -1;
	c->kept = 0;
	c->head = c->limit / 2;
	c->next = 0;
	c->wrapped = false;
	c->listener = NULL;
}

static void capture_close(struct capture *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static int pwrite_all(int fd, const char *data, size_t len, uint64_t offset)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, data, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n == 0 ? EIO : errno;
			return -1;
		}
		data += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

static void give_up(struct capture *c)
{
	c->stream->spill_errno = errno;
	/* A write can fail half done; the file has to hold what is counted as kept. */
	if (c->keep == KEEP_FILE && !c->wrapped && ftruncate(c->file, (off_t)c->kept) < 0)
		c->kept = c->next;
	c->keep = KEEP_NOTHING;
}

/*
 * Puts bytes where they belong in the ring or behind the end, at `next`; len does not cross the
 * limit.
 */
static bool put(struct capture *c, const char *data, size_t len)
{
	if (c->keep == KEEP_MEMORY) {
		if (c->wrapped)
			memcpy(c->stream->data.data + c->next, data, len);
		else
			buf_add(&c->stream->data, data, len);
	} else if (pwrite_all(c->file, data, len, c->next) < 0) {
		give_up(c);
		return false;
	}
	c->next += len;
	if (!c->wrapped)
		c->kept = c->next;
	return true;
}

static void keep(struct capture *c, const char *data, size_t len)
{
	while (len > 0) {
		size_t room, n;

		if (c->next == c->limit) {
			c->wrapped = true;
			c->next = c->head;
		}
		room = c->limit - c->next < SIZE_MAX ? (size_t)(c->limit - c->next) : SIZE_MAX;
		n = len < room ? len : room;
		if (!put(c, data, n))
			return;
		data += n;
		len -= n;
	}
}

static int spill_open(const struct spill_place *place)
{
	int fd;

	if (place->dirfd < 0) {
		if (place->lent_fd < 0)
			errno = ENOENT;
		return place->lent_fd;
	}
	do
		fd = openat(place->dirfd, place->name,
		    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	while (fd < 0 && errno == EINTR);
	/* whatever the umask is */
	if (fd >= 0)
		fchmod(fd, 0600);
	return fd;
}

/* The stream has become longer than what stands in a result: from now on it goes to a file. */
static void spill(struct capture *c)
{
	c->file = spill_open(&c->place);
	if (c->file < 0) {
		give_up(c);
		return;
	}
	if (pwrite_all(c->file, c->stream->data.data, c->stream->data.len, 0) < 0) {
		/* What fits into the result stays there. */
		give_up(c);
		if (c->place.dirfd >= 0)
			unlinkat(c->place.dirfd, c->place.name, 0);
		return;
	}
	c->keep = KEEP_FILE;
	c->stream->spilled = true;
	buf_free(&c->stream->data);
	/* It may be refused to a user who has many pipes; it goes slower then. */
	fcntl(c->fd, F_SETPIPE_SZ, PIPE_LARGE);
}

static void take(struct capture *c, const char *data, size_t len)
{
	size_t room = INLINE_MAX - c->stream->data.len;

	c->stream->bytes += len;
	if (c->listener != NULL)
		c->listener(c->context, c, data, len);
	if (c->keep == KEEP_MEMORY && c->limit > INLINE_MAX && len > room) {
		keep(c, data, room);
		data += room;
		len -= room;
		spill(c);
	}
	if (c->keep != KEEP_NOTHING)
		keep(c, data, len);
}

bool capture_read(struct capture *c)
{
	ssize_t n;

	if (c->fd < 0)
		return false;
	n = read(c->fd, chunk, sizeof(chunk));
	if (n > 0) {
		take(c, chunk, (size_t)n);
		return true;
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		capture_close(c);
	return false;
}

static void reverse_bytes(char *data, size_t len)
{
	for (size_t i = 0; i < len / 2; i++) {
		char byte = data[i];

		data[i] = data[len - 1 - i];
		data[len - 1 - i] = byte;
	}
}

static int pread_exactly(int fd, char *data, size_t len, uint64_t offset)
{
	ssize_t n = pread_all(fd, data, len, (off_t)offset);

	if (n >= 0 && (size_t)n < len)
		errno = EIO;
	return n >= 0 && (size_t)n == len ? 0 : -1;
}

/* Reverses the bytes of the file from `from` up to `to`, from both ends to the middle. */
static int reverse_range(int fd, uint64_t from, uint64_t to)
{
	char *front = chunk, *back = chunk + CHUNK / 2;

	while (to - from > 1) {
		size_t n = (to - from) / 2 < CHUNK / 2 ? (size_t)((to - from) / 2) : CHUNK / 2;

		if (pread_exactly(fd, front, n, from) < 0 || pread_exactly(fd, back, n, to - n) < 0)
			return -1;
		reverse_bytes(front, n);
		reverse_bytes(back, n);
		if (pwrite_all(fd, back, n, from) < 0 || pwrite_all(fd, front, n, to - n) < 0)
			return -1;
		from += n;
		to -= n;
	}
	return 0;
}

/*
 * Turns the ring so that its oldest byte comes first, in place: a full disk has no room for a
 * copy. Reversing both parts and then the whole exchanges the parts.
 */
static int straighten_file(const struct capture *c)
{
	if (c->next == c->head || c->next == c->limit)
		return 0;
	if (reverse_range(c->file, c->head, c->next) < 0 ||
	    reverse_range(c->file, c->next, c->limit) < 0)
		return -1;
	return reverse_range(c->file, c->head, c->limit);
}

static void straighten_memory(struct capture *c)
{
	char *data = c->stream->data.data;

	reverse_bytes(data + c->head, (size_t)(c->next - c->head));
	reverse_bytes(data + c->next, (size_t)(c->limit - c->next));
	reverse_bytes(data + c->head, (size_t)(c->limit - c->head));
}

/*
 * The mark takes the place of the oldest bytes behind the head, so it counts its own length as
 * well; that can make the number one digit longer, hence the third time.
 */
static size_t mark_print(char mark[MARK_MAX], uint64_t dropped)
{
	size_t len = 0;

	for (int i = 0; i < 3; i++)
		len = (size_t)snprintf(mark, MARK_MAX,
		    "\n[pollard: %" PRIu64 " bytes dropped here]\n", dropped + len);
	return len;
}

static void cut_file(struct capture *c)
{
	char mark[MARK_MAX];
	uint64_t dropped = c->stream->bytes - c->kept;
	size_t len = mark_print(mark, dropped);

	c->stream->dropped = dropped + len;
	if (straighten_file(c) < 0 || pwrite_all(c->file, mark, len, c->head) < 0)
		c->stream->spill_errno = errno;
}

/*
 * A limit so small that it stands in memory: the mark comes on top of it, as far as a result has
 * room.
 */
static void cut_memory(struct capture *c)
{
	struct buf *data = &c->stream->data;
	struct buf whole = BUF_INIT;
	uint64_t dropped = c->stream->bytes - c->kept;
	size_t tail = (size_t)(c->limit - c->head), excess = 0;
	char mark[MARK_MAX];
	size_t len;

	straighten_memory(c);
	if (c->limit + MARK_MAX > INLINE_MAX)
		excess = (size_t)(c->limit + MARK_MAX - INLINE_MAX);
	c->stream->dropped = dropped + excess;
	len = (size_t)snprintf(mark, sizeof(mark), "\n[pollard: %" PRIu64 " bytes dropped here]\n",
	    c->stream->dropped);
	buf_add(&whole, data->data, (size_t)c->head);
	buf_add(&whole, mark, len);
	buf_add(&whole, data->data + c->head + excess, tail - excess);
	buf_free(data);
	*data = whole;
}

void capture_finish(struct capture *c)
{
	/*
	 * A process outside the tree may hold the other end, and even go on writing: it is not
	 * waited for.
	 */
	for (int i = 0; i < DRAIN_ROUNDS && c->fd >= 0; i++)
		if (!capture_read(c))
			break;
	capture_close(c);
	if (!c->wrapped)
		c->stream->dropped = c->stream->bytes - c->kept;
	else if (c->stream->spilled)
		cut_file(c);
	else
		cut_memory(c);
}
