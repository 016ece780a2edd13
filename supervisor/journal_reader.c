#include "supervisor/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/crc32c.h"
#include "shared/json.h"
#include "shared/xalloc.h"

#define CHUNK (64 * 1024)
/* Several times the longest record: so that a file without newlines cannot take all memory. */
#define LINE_MAX_BYTES (256 * 1024 * 1024)
/* Sequence numbers are read as doubles. */
#define SEQ_MAX 9007199254740992.0

enum line_kind {
	LINE_WHOLE,
	LINE_TOO_LONG,	   /* its bytes are not kept */
	LINE_UNTERMINATED, /* the file ends before its newline */
	LINE_NONE,	   /* the file ends here */
	LINE_ERROR,	   /* errno */
};

/* Made by journal_reader_open(), closed and released by journal_reader_free(). */
struct journal_reader {
	int fd;
	struct buf data; /* read and not yet used */
	size_t used;	 /* of data: lines that were handed out */
	int64_t offset;	 /* of data.data[0] in the file */
	uint64_t line;	 /* number of the line that was read last */
	uint64_t seq;	 /* of the last good record */
	cJSON *record;	 /* returned last */
	struct record_place place;
	bool done;
	enum journal_problem problem;
	int error; /* errno of JOURNAL_UNREADABLE */
};

/* The line that was read last; valid until the next one is read. */
struct line {
	const char *text;
	size_t len;
	int64_t offset;
};

static bool crc_good(const char *line, size_t len)
{
	const char *tail = line + len - JOURNAL_CRC_LEN;
	struct buf expected = BUF_INIT;
	bool good;

	buf_addf(&expected, ",\"crc\":\"%08x\"}", crc32c(0, line, len - JOURNAL_CRC_LEN));
	good = expected.len == JOURNAL_CRC_LEN && memcmp(tail, expected.data, expected.len) == 0;
	buf_free(&expected);
	return good;
}

cJSON *journal_parse(const char *line, size_t len)
{
	struct json_error error;
	cJSON *record;

	if (len <= JOURNAL_CRC_LEN || !crc_good(line, len))
		return NULL;
	record = json_parse_nested(line, len, JSON_RECORD_DEPTH_MAX, &error);
	if (cJSON_IsObject(record))
		return record;
	cJSON_Delete(record);
	return NULL;
}

struct journal_reader *journal_reader_open(int dirfd)
{
	/* O_NONBLOCK: a FIFO of that name must not hold us up */
	int fd = openat(dirfd, JOURNAL_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct journal_reader *r;
	struct stat st;

	if (fd == -1)
		return NULL;
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		close(fd);
		errno = EINVAL;
		return NULL;
	}
	r = xcalloc(1, sizeof(*r));
	r->fd = fd;
	r->place.offset = -1;
	return r;
}

/* Forgets what was handed out. */
static void compact(struct journal_reader *r)
{
	r->offset += (int64_t)r->used;
	buf_consume(&r->data, r->used);
	r->used = 0;
}

/* Bytes read, 0 at the end, -1 with errno. */
static ssize_t read_more(struct journal_reader *r)
{
	char *room;
	ssize_t n;

	compact(r);
	room = buf_reserve(&r->data, CHUNK);
	do {
		n = read(r->fd, room, CHUNK);
	} while (n == -1 && errno == EINTR);
	if (n > 0)
		r->data.len += (size_t)n;
	return n;
}

static enum line_kind end_of_file(struct journal_reader *r, bool too_long)
{
	if (r->data.len == r->used && !too_long)
		return LINE_NONE;
	r->line++;
	return LINE_UNTERMINATED;
}

static enum line_kind next_line(struct journal_reader *r, struct line *line)
{
	bool too_long = false;
	size_t searched = r->used;

	for (;;) {
		size_t len = r->data.len - searched;
		const char *from = buf_str(&r->data) + searched;
		const char *newline = memchr(from, '\n', len);
		ssize_t n;

		if (newline != NULL) {
			line->text = r->data.data + r->used;
			line->len = (size_t)(newline - line->text);
			line->offset = r->offset + (int64_t)r->used;
			r->used += line->len + 1;
			r->line++;
			return too_long ? LINE_TOO_LONG : LINE_WHOLE;
		}
		if (r->data.len - r->used > LINE_MAX_BYTES) {
			too_long = true;
			r->used = r->data.len;
		}
		searched = r->data.len - r->used;
		n = read_more(r);
		if (n == -1)
			return LINE_ERROR;
		if (n == 0)
			return end_of_file(r, too_long);
	}
}

static const cJSON *stop(struct journal_reader *r, enum journal_problem problem)
{
	r->done = true;
	r->problem = problem;
	errno = r->error;
	return NULL;
}

static const cJSON *unreadable(struct journal_reader *r)
{
	r->error = errno;
	return stop(r, JOURNAL_UNREADABLE);
}

/*
 * At a bad line: when good ones follow it was damaged afterwards, else the crash of the writer
 * explains it.
 */
static const cJSON *stop_at_bad_line(struct journal_reader *r)
{
	uint64_t bad = r->line;
	struct line line;
	enum line_kind kind;
	bool good = false;

	do {
		kind = next_line(r, &line);
		if (kind == LINE_ERROR)
			return unreadable(r);
		if (kind == LINE_WHOLE)
			good = line.len > JOURNAL_CRC_LEN && crc_good(line.text, line.len);
	} while (!good && kind != LINE_NONE && kind != LINE_UNTERMINATED);
	r->line = bad;
	return stop(r, good ? JOURNAL_DAMAGED : JOURNAL_TORN);
}

static bool take_seq(struct journal_reader *r, const cJSON *record)
{
	double seq = json_get_number(record, "seq", NAN);

	if (!(seq >= 1 && seq <= SEQ_MAX) || (uint64_t)seq != r->seq + 1)
		return false;
	r->seq++;
	return true;
}

static const cJSON *take_line(struct journal_reader *r, const struct line *line)
{
	cJSON *record = journal_parse(line->text, line->len);
	double version;

	if (record == NULL)
		return stop_at_bad_line(r);
	r->record = record;
	version = json_get_number(record, "v", NAN);
	if (version > JOURNAL_VERSION)
		return stop(r, JOURNAL_NEWER);
	/* a whole line with the wrong number is no crash: lines were removed, doubled or moved */
	if (version != JOURNAL_VERSION || !take_seq(r, record))
		return stop(r, JOURNAL_DAMAGED);
	r->place.offset = line->offset;
	r->place.length = (uint32_t)line->len;
	return record;
}

const cJSON *journal_reader_next(struct journal_reader *r)
{
	struct line line;

	cJSON_Delete(r->record);
	r->record = NULL;
	if (r->done)
		return stop(r, r->problem);
	switch (next_line(r, &line)) {
	case LINE_WHOLE:
		return take_line(r, &line);
	case LINE_TOO_LONG:
		return stop_at_bad_line(r);
	case LINE_UNTERMINATED:
		return stop(r, JOURNAL_TORN);
	case LINE_NONE:
		return stop(r, JOURNAL_OK);
	default:
		return unreadable(r);
	}
}

struct record_place journal_reader_place(const struct journal_reader *r)
{
	return r->place;
}

enum journal_problem journal_reader_problem(const struct journal_reader *r, uint64_t *line)
{
	if (line != NULL)
		*line = r->line;
	errno = r->error;
	return r->problem;
}

void journal_reader_free(struct journal_reader *r)
{
	if (r == NULL)
		return;
	cJSON_Delete(r->record);
	close(r->fd);
	buf_free(&r->data);
	free(r);
}
