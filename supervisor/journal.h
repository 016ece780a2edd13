/*
 * The journal: the one source of truth of a run, append-only, one JSON object a line.
 *
 *   {"v":1,"seq":N,"time":"2026-11-23T16:20:05.123Z","event":"...", ...,"crc":"9ae1f2c3"}
 *
 * The last 18 bytes of a line, ,"crc":"XXXXXXXX"}, hold the CRC-32C of all bytes before them, in
 * lower case.
 */
#ifndef POLLARD_JOURNAL_H
#define POLLARD_JOURNAL_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_VERSION 1
#define JOURNAL_NAME "journal.jsonl"
#define JOURNAL_CRC_LEN 18 /* of ,"crc":"XXXXXXXX"} */

/* Where a record is. */
struct record_place {
	int64_t offset;	 /* of its first byte; -1: nowhere */
	uint32_t length; /* without the newline */
};

/*
 * Writing. Records gather in memory until journal_flush(), which is one write(2) per turn of the
 * loop. SIGXFSZ must be ignored, so that a limit of file sizes is an error like a full disk.
 */
struct journal;

/*
 * Takes over fd, open for appending and reading; seq goes on after `seq` (0: the first record gets
 * 1), offsets after the file's size.
 */
struct journal *journal_new(int fd, uint64_t seq);
/*
 * Adds a record with these members (an object made by journal_event() and filled by the caller;
 * deleted here). Returns where it will be; nowhere when, after a failure, too many have gathered.
 */
struct record_place journal_add(struct journal *j, cJSON *event);
/*
 * Writes what gathered. 0, or -1 with errno: then the run has to end, nothing of this flush is in
 * the file if that could be helped, and all that follows fails with the same errno.
 */
int journal_flush(struct journal *j);
/*
 * Writes what gathered and forces it to the disk. 0, or -1 with errno; a failure is final as above.
 */
int journal_sync(struct journal *j);
/*
 * Reads a record back, from the file or, before the flush and after a failed one, from memory. NULL
 * with errno when it cannot be read, EBADMSG when it is not what was written. Free with cJSON_Delete().
 */
cJSON *journal_read(const struct journal *j, struct record_place place);
int journal_fd(const struct journal *j);
void journal_free(struct journal *j);

/* {"v":1,"seq":0,"time":...,"event":event}: seq is set by journal_add(). */
cJSON *journal_event(const char *event);

/*
 * One line without its newline as a record; NULL when its checksum or anything else is wrong.
 * Free with cJSON_Delete().
 */
cJSON *journal_parse(const char *line, size_t len);

/*
 * Reading, record by record, in memory of the size of one record.
 */
enum journal_problem {
	JOURNAL_OK,
	JOURNAL_TORN,	    /* the last record is incomplete: normal after a crash */
	JOURNAL_DAMAGED,    /* a bad record with good ones after it */
	JOURNAL_NEWER,	    /* written by a newer version */
	JOURNAL_UNREADABLE, /* errno says why */
};

struct journal_reader;

/* Opens JOURNAL_NAME in the run directory (O_NOFOLLOW); NULL with errno. */
struct journal_reader *journal_reader_open(int dirfd);
/*
 * The next good record, which belongs to the reader until the next call; NULL at the end or at a
 * problem, from then on always.
 */
const cJSON *journal_reader_next(struct journal_reader *r);
/* Where the record that was returned last is; the good part of the file ends with its newline. */
struct record_place journal_reader_place(const struct journal_reader *r);
/* Why journal_reader_next() returned NULL, and the line it is about (line may be NULL). */
enum journal_problem journal_reader_problem(const struct journal_reader *r, uint64_t *line);
void journal_reader_free(struct journal_reader *r);

#endif
