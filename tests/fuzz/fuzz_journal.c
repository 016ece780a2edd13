/*
 * A journal as a crash, a full disk or a stranger left it: read to its end or to the problem, and told
 * as a state. The checksums of whole lines are made good first where the first byte says so, else
 * nearly nothing would get past them.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/crc32c.h"
#include "shared/io.h"
#include "shared/text.h"
#include "supervisor/journal.h"
#include "supervisor/state.h"
#include "tests/fuzz/fuzz.h"

static char directory[4096];

static void remove_directory(void)
{
	char path[4200];

	snprintf(path, sizeof(path), "%s/%s", directory, JOURNAL_NAME);
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
	buf_free(&text);
	return 0;
}
