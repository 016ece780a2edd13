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

#include "shared/buf.h"

#define JOURNAL_VERSION 1
#define JOURNAL_NAME "journal.jsonl"
#define JOURNAL_CRC_LEN 18 /* of ,"crc":"XXXXXXXX"} */
/* Numbers of records are read as doubles. */
#define JOURNAL_SEQ_MAX 9007199254740992.0
/*
 * The event that stands in the place of records which were damaged and set aside: its "seq" is the
 * first of their numbers, "through" the last one.
 */
#define JOURNAL_LOST "lost"
/* Where the lines that were set aside are kept. */
#define JOURNAL_DAMAGED_NAME "journal.damaged"

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
 * Goes on with the journal in the run directory, whose lock the caller holds: `end` and `seq` as
 * journal_reader_end() and journal_reader_seq() gave them at the end or before a torn tail. What
 * follows `end` is cut off, and that is forced to the disk before anything is added. NULL with
 * errno: then nothing has changed (EINVAL: it is no regular file; EBADMSG: it is shorter than that)
 * or, EIO and its like, the tail may be cut off.
 */
struct journal *journal_reopen(int dirfd, int64_t end, uint64_t seq);
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
/* Appends the event (deleted here) as the line of record `seq`, with its checksum and newline. */
void journal_line(struct buf *out, cJSON *event, uint64_t seq);

/*
 * One line without its newline as a record; NULL when its checksum or anything else is wrong.
 * Free with cJSON_Delete().
 */
cJSON *journal_parse(const char *line, size_t len);
/* The number of a record in this member; false when there is none that can be one. */
bool journal_seq(const cJSON *record, const char *key, uint64_t *seq);

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
/* The number of the last record so far (of those set aside, the last one); 0: none. */
uint64_t journal_reader_seq(const struct journal_reader *r);
/* Where the next record would begin: what the journal has up to there is good. */
int64_t journal_reader_end(const struct journal_reader *r);
/* Why journal_reader_next() returned NULL, and the line it is about (line may be NULL). */
enum journal_problem journal_reader_problem(const struct journal_reader *r, uint64_t *line);
void journal_reader_free(struct journal_reader *r);

/* Repairing. Filled by journal_repair(). */
struct journal_repaired {
	uint64_t lines; /* that were set aside */
	uint64_t first; /* the number of the first of them */
	uint64_t lost;	/* records whose numbers were found to be missing */
};

/*
 * Sets aside what is damaged in the journal of the run directory, whose lock the caller holds: the
 * bad lines, a torn tail, and the fewest whole lines without which the numbers go up. They are
 * appended to JOURNAL_DAMAGED_NAME first; then the journal is replaced as a whole by one without
 * them, synced, in which a record JOURNAL_LOST stands where numbers are missing. When nothing is
 * wrong nothing is changed: no lines, none lost. 0, or -1 with errno and the journal as it was
 * (ENOTSUP: line `first` was written by a newer version).
 */
int journal_repair(int dirfd, struct journal_repaired *repaired);

#endif
