/*
 * What is damaged is set aside, never thrown away, and what is left is a journal like any other: a
 * record says which numbers are missing, so that the rule of numbers holds for the rest.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/io.h"
#include "shared/json.h"
#include "shared/xalloc.h"
#include "supervisor/record/journal.h"
#include "supervisor/record/journal_lines.h"

/* The new journal until it is whole. Only one process repairs, so that one name is enough. */
#define TEMP_NAME "journal.repair"
#define COPY_BYTES ((size_t)64 * 1024)
#define NONE SIZE_MAX

/* One line of the damaged journal. */
struct entry {
	int64_t offset;
	int64_t end;	  /* after its newline */
	uint64_t seq;	  /* 0: no good record */
	uint64_t through; /* seq, or the last number that it says is lost */
	bool kept;
};

/* Emptied by repair_free(). */
struct repair {
	int dirfd;
	int from; /* the damaged journal; belongs to the lines that were read */
	struct entry *v;
	size_t count;
	size_t cap;
};

static struct entry *add_entry(struct repair *r)
{
	if (r->count == r->cap) {
		r->cap = r->cap == 0 ? 256 : r->cap * 2;
		r->v = xreallocarray(r->v, r->cap, sizeof(*r->v));
	}
	r->v[r->count] = (struct entry){ 0 };
	return &r->v[r->count++];
}

/* The numbers that a record has, or stands for; false when it is none. */
static bool get_numbers(const cJSON *record, struct entry *e)
{
	const char *event = json_get_string(record, "event");
	uint64_t seq;

	if (json_get_number(record, "v", NAN) != JOURNAL_VERSION ||
	    !journal_seq(record, "seq", &seq))
		return false;
	e->through = seq;
	if (event != NULL && strcmp(event, JOURNAL_LOST) == 0 &&
	    (!journal_seq(record, "through", &e->through) || e->through < seq))
		return false;
	e->seq = seq;
	return true;
}

/* False with errno when nobody but a newer version should touch it. */
static bool look_at(const struct line *line, struct entry *e)
{
	cJSON *record = line->text != NULL ? journal_parse(line->text, line->len) : NULL;
	bool newer = record != NULL && json_get_number(record, "v", NAN) > JOURNAL_VERSION;

	e->offset = line->offset;
	e->end = line->end;
	if (record != NULL && !newer)
		get_numbers(record, e);
	cJSON_Delete(record);
	errno = ENOTSUP;
	return !newer;
}

static int read_entries(struct repair *r, struct lines *lines, struct journal_repaired *repaired)
{
	for (;;) {
		struct line line;

		switch (lines_next(lines, &line)) {
		case LINE_NONE:
			return 0;
		case LINE_ERROR:
			return -1;
		case LINE_WHOLE:
		case LINE_TOO_LONG:
		case LINE_UNTERMINATED:
			break;
		}
		if (!look_at(&line, add_entry(r))) {
			repaired->first = lines->number;
			return -1;
		}
	}
}

/* How many of the chains end with a number below seq: see keep_most(). */
static size_t chains_below(const struct repair *r, const size_t *ends, size_t count, uint64_t seq)
{
	size_t low = 0;

	while (low < count) {
		size_t middle = low + (count - low) / 2;

		if (r->v[ends[middle]].seq < seq)
			low = middle + 1;
		else
			count = middle;
	}
	return low;
}

/*
 * Keeps the longest sequence of good records whose numbers go up: a line that was moved or doubled
 * is then the one that goes, and not all that follow it. ends[n] is the record with the least
 * number that ends such a sequence of length n + 1.
 */
static void keep_most(struct repair *r)
{
	size_t *ends = xreallocarray(NULL, r->count + 1, sizeof(*ends));
	size_t *before = xreallocarray(NULL, r->count + 1, sizeof(*before));
	size_t count = 0;

	for (size_t i = 0; i < r->count; i++) {
		if (r->v[i].seq == 0)
			continue;
		size_t n = chains_below(r, ends, count, r->v[i].seq);
		before[i] = n > 0 ? ends[n - 1] : NONE;
		ends[n] = i;
		if (n == count)
			count++;
	}
	for (size_t i = count > 0 ? ends[count - 1] : NONE; i != NONE; i = before[i])
		r->v[i].kept = true;
	free(ends);
	free(before);

	uint64_t last = 0;
	for (size_t i = 0; i < r->count; i++) {
		struct entry *e = &r->v[i];
		/* a number that was given up does not come back */
		e->kept = e->kept && e->seq > last;
		if (e->kept)
			last = e->through;
	}
}

static void count_up(const struct repair *r, struct journal_repaired *repaired)
{
	uint64_t last = 0;

	for (size_t i = 0; i < r->count; i++) {
		const struct entry *e = &r->v[i];

		if (!e->kept) {
			if (repaired->lines++ == 0)
				repaired->first = i + 1;
			continue;
		}
		repaired->lost += e->seq - last - 1;
		last = e->through;
	}
}

static int copy(const struct repair *r, int to, int64_t offset, int64_t end)
{
	char *bytes = xmalloc(COPY_BYTES);
	int result = 0;

	while (result == 0 && offset < end) {
		size_t want =
		    end - offset < (int64_t)COPY_BYTES ? (size_t)(end - offset) : COPY_BYTES;
		ssize_t got = pread_all(r->from, bytes, want, offset);

		if (got >= 0 && (size_t)got < want)
			errno = EIO;
		result = got == (ssize_t)want ? write_all(to, bytes, want) : -1;
		offset += (int64_t)want;
	}
	free(bytes);
	return result;
}

static int sync_file(int fd)
{
	int result;

	do {
		result = fsync(fd);
	} while (result == -1 && errno == EINTR);
	return result;
}

static int close_with(int fd, int result)
{
	int error = errno;

	/* a network file system may report a failed write only here */
	if (close(fd) == -1 && errno != EINTR && result == 0)
		return -1;
	if (result == -1)
		errno = error;
	return result;
}

/* Lines that are not kept, after a line "# TIME: lines 7 to 9 of journal.jsonl, 412 bytes". */
static int keep_lines(const struct repair *r, int to, size_t first, size_t end)
{
	int64_t from = r->v[first].offset;
	int64_t bytes = r->v[end - 1].end - from;
	struct buf head = BUF_INIT;
	char now[CLOCK_TEXT_MAX];

	buf_addf(&head, "# %s: ", clock_text(now, clock_wall_ms()));
	if (end - first == 1)
		buf_addf(&head, "line %zu", first + 1);
	else
		buf_addf(&head, "lines %zu to %zu", first + 1, end);
	buf_addf(&head, " of %s, %" PRId64 " bytes\n", JOURNAL_NAME, bytes);
	int result = write_all(to, head.data, head.len);
	buf_free(&head);
	if (result == 0)
		result = copy(r, to, from, from + bytes);
	/* the last one may have no newline of its own */
	if (result == 0)
		result = write_all(to, "\n", 1);
	return result;
}

static int keep_all_lines(const struct repair *r, int to)
{
	size_t i = 0;

	while (i < r->count) {
		size_t first = i;

		while (i < r->count && !r->v[i].kept)
			i++;
		if (i > first && keep_lines(r, to, first, i) == -1)
			return -1;
		i += i == first;
	}
	return sync_file(to);
}

static int set_aside(const struct repair *r)
{
	int flags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	int fd = openat(r->dirfd, JOURNAL_DAMAGED_NAME, flags, 0600);
	struct stat st;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1)
		return close_with(fd, -1);
	if (!S_ISREG(st.st_mode)) {
		errno = EINVAL;
		return close_with(fd, -1);
	}
	/* whatever the umask is */
	int result = fchmod(fd, 0600);
	if (result == 0)
		result = keep_all_lines(r, fd);
	if (result == -1) {
		int error = errno;
		/* nothing half told stays there, if that can be helped */
		if (ftruncate(fd, st.st_size) == 0)
			errno = error;
		errno = error;
	}
	return close_with(fd, result);
}

static int write_lost(int to, uint64_t first, uint64_t through)
{
	cJSON *event = journal_event(JOURNAL_LOST);
	struct buf line = BUF_INIT;

	json_add_integer(event, "through", (int64_t)through);
	journal_line(&line, event, first);
	int result = write_all(to, line.data, line.len);
	buf_free(&line);
	return result;
}

static int write_kept(const struct repair *r, int to)
{
	uint64_t last = 0;
	int result = 0;

	for (size_t i = 0; i < r->count && result == 0; i++) {
		size_t end = i + 1;

		if (!r->v[i].kept)
			continue;
		if (r->v[i].seq > last + 1)
			result = write_lost(to, last + 1, r->v[i].seq - 1);
		while (
		    end < r->count && r->v[end].kept && r->v[end].seq == r->v[end - 1].through + 1)
			end++;
		last = r->v[end - 1].through;
		if (result == 0)
			result = copy(r, to, r->v[i].offset, r->v[end - 1].end);
		i = end - 1;
	}
	return result == 0 ? sync_file(to) : -1;
}

static int replace_journal(const struct repair *r)
{
	unlinkat(r->dirfd, TEMP_NAME, 0);
	int fd =
	    openat(r->dirfd, TEMP_NAME, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	int result = fchmod(fd, 0600);
	if (result == 0)
		result = write_kept(r, fd);
	result = close_with(fd, result);
	if (result == 0)
		result = renameat(r->dirfd, TEMP_NAME, r->dirfd, JOURNAL_NAME);
	if (result == -1) {
		int error = errno;
		unlinkat(r->dirfd, TEMP_NAME, 0);
		errno = error;
		return -1;
	}
	/* file systems that cannot sync a directory say EINVAL: they do it by themselves */
	return sync_file(r->dirfd) == 0 || errno == EINVAL ? 0 : -1;
}

int journal_repair(int dirfd, struct journal_repaired *repaired)
{
	struct repair r = { .dirfd = dirfd };
	struct lines lines;

	*repaired = (struct journal_repaired){ 0 };
	if (lines_open(&lines, dirfd) == -1)
		return -1;
	r.from = lines.fd;
	int result = read_entries(&r, &lines, repaired);
	if (result == 0) {
		keep_most(&r);
		count_up(&r, repaired);
		if (repaired->lines > 0)
			result = set_aside(&r);
		if (result == 0 && (repaired->lines > 0 || repaired->lost > 0))
			result = replace_journal(&r);
	}
	int error = errno;
	lines_close(&lines);
	free(r.v);
	errno = error;
	return result;
}
