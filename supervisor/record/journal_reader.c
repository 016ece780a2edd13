#include "supervisor/record/journal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "shared/xalloc.h"
#include "supervisor/record/journal_lines.h"

/* Made by journal_reader_open(), closed and released by journal_reader_free(). */
struct journal_reader {
	struct lines lines;
	uint64_t line; /* that the problem is about, else the one that was read last */
	uint64_t seq;  /* of the last good record */
	int64_t end;   /* of the good part of the file */
	cJSON *record; /* returned last */
	struct record_place place;
	bool done;
	enum journal_problem problem;
	int error; /* errno of JOURNAL_UNREADABLE */
};

cJSON *journal_parse(const char *line, size_t len)
{
	struct json_error error;
	cJSON *record;

	if (!line_crc_good(line, len))
		return NULL;
	record = json_parse_nested(line, len, JSON_RECORD_DEPTH_MAX, &error);
	if (cJSON_IsObject(record))
		return record;
	cJSON_Delete(record);
	return NULL;
}

bool journal_seq(const cJSON *record, const char *key, uint64_t *seq)
{
	double value = json_get_number(record, key, NAN);

	if (!(value >= 1 && value <= JOURNAL_SEQ_MAX) || value != floor(value))
		return false;
	*seq = (uint64_t)value;
	return true;
}

struct journal_reader *journal_reader_open(int dirfd)
{
	struct journal_reader *r;
	struct lines lines;

	if (lines_open(&lines, dirfd) == -1)
		return NULL;
	r = xcalloc(1, sizeof(*r));
	r->lines = lines;
	r->place.offset = -1;
	return r;
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
	struct line line;
	enum line_kind kind;
	bool good = false;

	do {
		kind = lines_next(&r->lines, &line);
		if (kind == LINE_ERROR)
			return unreadable(r);
		if (kind == LINE_WHOLE)
			good = line_crc_good(line.text, line.len);
	} while (!good && kind != LINE_NONE && kind != LINE_UNTERMINATED);
	return stop(r, good ? JOURNAL_DAMAGED : JOURNAL_TORN);
}

/* The numbers go up one by one; where records were set aside, a record says which are missing. */
static bool take_seq(struct journal_reader *r, const cJSON *record)
{
	const char *event = json_get_string(record, "event");
	uint64_t last;

	if (!journal_seq(record, "seq", &last) || last != r->seq + 1)
		return false;
	if (event != NULL && strcmp(event, JOURNAL_LOST) == 0 &&
	    (!journal_seq(record, "through", &last) || last <= r->seq))
		return false;
	r->seq = last;
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
	r->end = line->end;
	return record;
}

const cJSON *journal_reader_next(struct journal_reader *r)
{
	struct line line;
	enum line_kind kind;

	cJSON_Delete(r->record);
	r->record = NULL;
	if (r->done)
		return stop(r, r->problem);
	kind = lines_next(&r->lines, &line);
	r->line = r->lines.number;
	switch (kind) {
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

uint64_t journal_reader_seq(const struct journal_reader *r)
{
	return r->seq;
}

int64_t journal_reader_end(const struct journal_reader *r)
{
	return r->end;
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
	lines_close(&r->lines);
	free(r);
}
