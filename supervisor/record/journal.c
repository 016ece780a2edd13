#include "supervisor/record/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/clock.h"
#include "shared/crc32c.h"
#include "shared/io.h"
#include "shared/json.h"
#include "shared/xalloc.h"

/* A record can be tens of megabytes; memory beyond this is given back once it is written. */
#define PENDING_KEPT (1024 * 1024)
/* After a failed write, what is kept for printing of that which will never be in the file. */
#define PENDING_LOST_MAX (16 * 1024 * 1024)

/* Made by journal_new(), one a run; closed and released by journal_free(). */
struct journal {
	int fd;
	uint64_t seq; /* of the last record */
	int64_t size; /* of the file: all records that were written whole */
	struct buf
	    pending; /* records since the last flush; after a failure, what is not in the file */
	int error;   /* errno of the first failure: nothing is written after it */
};

struct journal *journal_new(int fd, uint64_t seq)
{
	struct journal *j = xcalloc(1, sizeof(*j));
	struct stat st;

	j->fd = fd;
	j->seq = seq;
	if (fstat(fd, &st) == -1)
		j->error = errno;
	else
		j->size = st.st_size;
	return j;
}

/* Cuts off what follows `end`, so that the next record does not stand behind half of one. */
static int cut_tail(int fd, int64_t end)
{
	struct stat st;
	int result;

	if (fstat(fd, &st) == -1)
		return -1;
	if (!S_ISREG(st.st_mode) || st.st_size < end) {
		errno = S_ISREG(st.st_mode) ? EBADMSG : EINVAL;
		return -1;
	}
	if (st.st_size == end)
		return 0;
	if (ftruncate(fd, end) == -1)
		return -1;
	do {
		result = fsync(fd);
	} while (result == -1 && errno == EINTR);
	return result;
}

struct journal *journal_reopen(int dirfd, int64_t end, uint64_t seq)
{
	/* O_NONBLOCK: a FIFO of that name must not hold us up */
	int flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	int fd = openat(dirfd, JOURNAL_NAME, flags);

	if (fd == -1)
		return NULL;
	if (cut_tail(fd, end) == 0)
		return journal_new(fd, seq);

	int error = errno;
	close(fd);
	errno = error;
	return NULL;
}

cJSON *journal_event(const char *event)
{
	cJSON *record = cJSON_CreateObject();
	char now[CLOCK_TEXT_MAX];

	json_add_integer(record, "v", JOURNAL_VERSION);
	json_add_integer(record, "seq", 0);
	json_add_string(record, "time", clock_text(now, clock_wall_ms()));
	json_add_string(record, "event", event);
	return record;
}

static void set_seq(cJSON *record, uint64_t seq)
{
	cJSON *item = cJSON_GetObjectItemCaseSensitive(record, "seq");

	cJSON_SetNumberValue(item, (double)seq);
}

void journal_line(struct buf *out, cJSON *event, uint64_t seq)
{
	size_t start = out->len;
	uint32_t crc;

	set_seq(event, seq);
	json_print(out, event);
	cJSON_Delete(event);
	/* the final '}' comes again after the checksum */
	out->len--;
	crc = crc32c(0, out->data + start, out->len - start);
	buf_addf(out, ",\"crc\":\"%08x\"}\n", crc);
}

struct record_place journal_add(struct journal *j, cJSON *event)
{
	struct record_place place = { .offset = -1 };
	size_t start = j->pending.len;

	if (j->error != 0 && start > PENDING_LOST_MAX) {
		cJSON_Delete(event);
		return place;
	}
	journal_line(&j->pending, event, ++j->seq);
	place.offset = j->size + (int64_t)start;
	place.length = (uint32_t)(j->pending.len - start - 1);
	return place;
}

static int failed(struct journal *j)
{
	errno = j->error;
	return -1;
}

static void drop_pending(struct journal *j)
{
	if (j->pending.cap > PENDING_KEPT)
		buf_free(&j->pending);
	else
		buf_reset(&j->pending);
}

/* A full disk often takes the beginning of what is written: that should not look like a crash. */
static void cut_off(const struct journal *j)
{
	if (ftruncate(j->fd, j->size) == -1) {
		/* then a torn record is at the end, which every reader can do with */
		return;
	}
}

int journal_flush(struct journal *j)
{
	if (j->error != 0)
		return failed(j);
	if (j->pending.len == 0)
		return 0;
	if (write_all(j->fd, j->pending.data, j->pending.len) == -1) {
		/* the records stay in memory: what is finished can still be printed */
		j->error = errno;
		cut_off(j);
		return failed(j);
	}
	j->size += (int64_t)j->pending.len;
	drop_pending(j);
	return 0;
}

int journal_sync(struct journal *j)
{
	if (journal_flush(j) == -1)
		return -1;
	/* after a failure the kernel may forget the pages and report success: so it is final */
	while (fdatasync(j->fd) == -1) {
		if (errno == EINTR)
			continue;
		j->error = errno;
		return failed(j);
	}
	return 0;
}

/* A record that is not in the file yet, or never will be. */
static cJSON *read_pending(const struct journal *j, struct record_place place)
{
	size_t start = (size_t)(place.offset - j->size);

	if (start > j->pending.len || place.length > j->pending.len - start) {
		errno = EINVAL;
		return NULL;
	}
	return journal_parse(j->pending.data + start, place.length);
}

cJSON *journal_read(const struct journal *j, struct record_place place)
{
	cJSON *record = NULL;
	char *line;
	ssize_t got;

	if (place.offset < 0) {
		errno = EINVAL;
		return NULL;
	}
	if (place.offset >= j->size)
		return read_pending(j, place);
	line = xmalloc(place.length + (size_t)1);
	got = pread_all(j->fd, line, place.length, place.offset);
	if (got == (ssize_t)place.length)
		record = journal_parse(line, place.length);
	if (got != -1 && record == NULL)
		errno = EBADMSG;
	free(line);
	return record;
}

int journal_fd(const struct journal *j)
{
	return j->fd;
}

void journal_free(struct journal *j)
{
	if (j == NULL)
		return;
	close(j->fd);
	buf_free(&j->pending);
	free(j);
}
