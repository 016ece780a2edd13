/*
 * A journal as a crash, a full disk or a stranger left it: read to its end or to the problem, told
 * as a state and as a replay, gone on with where it is good up to its end, and repaired. The first
 * byte says what is done before: the checksums of whole lines are made good unless it is '-', else
 * nearly nothing would get past them; with 'r' it is repaired.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/crc32c.h"
#include "shared/io.h"
#include "shared/text.h"
#include "supervisor/record/journal.h"
#include "supervisor/record/replay.h"
#include "supervisor/record/state.h"
#include "tests/fuzz/fuzz.h"

static char directory[4096];

static void remove_directory(void)
{
	char path[4200];

	snprintf(path, sizeof(path), "%s/%s", directory, JOURNAL_NAME);
	unlink(path);
	snprintf(path, sizeof(path), "%s/%s", directory, JOURNAL_DAMAGED_NAME);
	unlink(path);
	rmdir(directory);
}

static int make_directory(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(directory, sizeof(directory), "%s/fuzz-journal-XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(directory) == NULL)
		err(1, "%s", directory);
	atexit(remove_directory);
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		err(1, "%s", directory);
	return fd;
}

static void mend_checksums(char *text, size_t size)
{
	char *line = text, *end;

	while ((end = memchr(line, '\n', size - (size_t)(line - text))) != NULL) {
		size_t len = (size_t)(end - line);
		if (len > JOURNAL_CRC_LEN) {
			char tail[JOURNAL_CRC_LEN + 1];
			uint32_t crc = crc32c(0, line, len - JOURNAL_CRC_LEN);
			snprintf(tail, sizeof(tail), ",\"crc\":\"%08x\"}", crc);
			memcpy(end - JOURNAL_CRC_LEN, tail, JOURNAL_CRC_LEN);
		}
		line = end + 1;
	}
}

static void read_journal(int dirfd, size_t size)
{
	struct journal_reader *reader = journal_reader_open(dirfd);
	struct state *state = state_new();
	struct buf markdown = BUF_INIT;
	const cJSON *record;
	int64_t before = -1;

	MUST(reader != NULL);
	while ((record = journal_reader_next(reader)) != NULL) {
		struct record_place place = journal_reader_place(reader);
		MUST(place.offset > before && (size_t)place.offset + place.length <= size);
		before = place.offset;
		state_event(state, record);
	}

	uint64_t line = 0;
	enum journal_problem problem = journal_reader_problem(reader, &line);
	MUST(problem != JOURNAL_UNREADABLE);
	MUST(problem != JOURNAL_DAMAGED || line > 0);
	state_markdown(state, &markdown);
	MUST(utf8_valid(buf_str(&markdown), markdown.len));
	buf_free(&markdown);
	state_free(state);
	journal_reader_free(reader);
}

static void check_replay(const struct replay *r, size_t size)
{
	size_t tasks = 0;

	MUST(r->end >= 0 && (size_t)r->end <= size);
	for (size_t i = 0; i < r->nsteps; i++) {
		MUST(replay_find_step(r, r->steps[i].id) == i);
		size_t count = 0;
		for (size_t t = r->steps[i].first; t != REPLAY_NONE; t = r->tasks[t].next) {
			MUST(replay_find_task(r, i, r->tasks[t].id) == t);
			MUST(r->tasks[t].ended <= r->tasks[t].attempts);
			MUST(!r->tasks[t].final || !replay_in_flight(&r->tasks[t]));
			count++;
		}
		MUST(count == r->steps[i].count);
		tasks += count;
	}
	MUST(tasks == r->ntasks);
}

/* One more record behind what is good is read as the next one. */
static void go_on(int dirfd, const struct replay *before)
{
	struct journal *j = journal_reopen(dirfd, before->end, before->seq);
	struct replay after = { 0 };

	MUST(j != NULL);
	journal_add(j, journal_event("resumed"));
	MUST(journal_flush(j) == 0);
	journal_free(j);
	MUST(replay_read(&after, dirfd) == 0);
	MUST(after.problem == JOURNAL_OK && after.seq == before->seq + 1);
	MUST(after.resumed == before->resumed + 1 && after.ntasks == before->ntasks);
	replay_free(&after);
}

static void replay_journal(int dirfd, size_t size)
{
	struct replay r = { 0 };

	MUST(replay_read(&r, dirfd) == 0);
	check_replay(&r, size);
	/* at the greatest number there is no next one */
	if ((r.problem == JOURNAL_OK || r.problem == JOURNAL_TORN) && r.seq < 1000000)
		go_on(dirfd, &r);
	replay_free(&r);
}

static void repair_journal(int dirfd)
{
	struct journal_repaired repaired;
	struct replay r = { 0 };

	if (journal_repair(dirfd, &repaired) == -1) {
		MUST(errno == ENOTSUP && repaired.first > 0);
		return;
	}
	MUST(replay_read(&r, dirfd) == 0);
	MUST(r.problem == JOURNAL_OK);
	replay_free(&r);
	MUST(journal_repair(dirfd, &repaired) == 0 && repaired.lines == 0 && repaired.lost == 0);
	unlinkat(dirfd, JOURNAL_DAMAGED_NAME, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int dirfd = -1;
	struct buf text = BUF_INIT;

	if (size == 0)
		return 0;
	if (dirfd == -1)
		dirfd = make_directory();
	buf_add(&text, data + 1, size - 1);
	if (data[0] != '-' && text.len > 0)
		mend_checksums(text.data, text.len);

	int fd = openat(dirfd, JOURNAL_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd == -1 || write_all(fd, buf_str(&text), text.len) == -1)
		err(1, "%s", JOURNAL_NAME);
	close(fd);
	read_journal(dirfd, text.len);
	if (data[0] == 'r')
		repair_journal(dirfd);
	else
		replay_journal(dirfd, text.len);
	buf_free(&text);
	return 0;
}
