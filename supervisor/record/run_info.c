/* A run in short, without reading all of its journal. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/clock.h"
#include "shared/io.h"
#include "shared/json.h"
#include "shared/xalloc.h"
#include "supervisor/commands/reading.h"

#define TAIL_MAX (64 * 1024)

static int open_directory(const char *root, const char *id)
{
	struct buf path = BUF_INIT;

	buf_addf(&path, "%s/runs/%s", root, id);
	int fd = open(buf_str(&path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	buf_free(&path);
	return fd;
}

static char *copy_string(const cJSON *record, const char *key)
{
	const char *s = json_get_string(record, key);

	return s != NULL ? xstrdup(s) : NULL;
}

static int64_t record_time(const cJSON *record)
{
	const char *time = json_get_string(record, "time");

	return time != NULL ? clock_parse(time) : -1;
}

static bool is_event(const cJSON *record, const char *name)
{
	const char *event = json_get_string(record, "event");

	return event != NULL && strcmp(event, name) == 0;
}

static bool read_first(struct run_info *info, int dirfd)
{
	struct journal_reader *reader = journal_reader_open(dirfd);

	if (reader == NULL)
		return false;
	const cJSON *record = journal_reader_next(reader);
	bool found = record != NULL && is_event(record, "run-started");
	if (found) {
		const cJSON *step;

		info->name = copy_string(record, "name");
		info->rehearsal = cJSON_IsTrue(json_get(record, "rehearsal"));
		info->started_ms = record_time(record);
		info->ended_ms = info->started_ms;
		cJSON_ArrayForEach(step, json_get(record, "steps"))
		{
			info->tasks += json_get_count(step, "count");
		}
	}
	journal_reader_free(reader);
	return found;
}

/* The last good record that is whole in these bytes; what follows the last newline is torn. */
static cJSON *last_record(const char *data, size_t len)
{
	const char *newline = memrchr(data, '\n', len);

	while (newline != NULL) {
		const char *before = memrchr(data, '\n', (size_t)(newline - data));
		const char *line = before != NULL ? before + 1 : data;
		cJSON *record = journal_parse(line, (size_t)(newline - line));

		if (record != NULL)
			return record;
		newline = before;
	}
	return NULL;
}

static void apply_last(struct run_info *info, const cJSON *record)
{
	int64_t time = record_time(record);

	if (time != -1)
		info->ended_ms = time;
	if (!is_event(record, "run-finished"))
		return;
	info->condition = RUN_FINISHED;
	info->outcome = copy_string(record, "outcome");
	info->exit_status = (int)json_get_number(record, "exit", -1);
	info->signal = copy_string(record, "signal");
	info->succeeded = json_get_count(record, "succeeded");
	info->tasks = info->succeeded + json_get_count(record, "failed") +
	    json_get_count(record, "skipped") + json_get_count(record, "cancelled");
}

/* The end of the journal: nothing shorter than a very long record hides the last one. */
static void read_last(struct run_info *info, int dirfd)
{
	int fd = openat(dirfd, JOURNAL_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd == -1)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		size_t want = st.st_size < TAIL_MAX ? (size_t)st.st_size : TAIL_MAX;
		char *tail = xmalloc(want + 1);
		ssize_t got = pread_all(fd, tail, want, st.st_size - (off_t)want);
		cJSON *record = got > 0 ? last_record(tail, (size_t)got) : NULL;

		if (record != NULL)
			apply_last(info, record);
		else
			info->ended_ms = (int64_t)st.st_mtim.tv_sec * 1000;
		cJSON_Delete(record);
		free(tail);
	}
	close(fd);
}

static void clear(struct run_info *info, const char *id)
{
	*info = (struct run_info){
		.condition = RUN_UNREADABLE,
		.id = xstrdup(id),
		.exit_status = -1,
		.started_ms = -1,
		.ended_ms = -1,
	};
}

void run_info_read(struct run_info *info, const char *root, const char *id)
{
	clear(info, id);
	int dirfd = open_directory(root, id);

	if (dirfd == -1)
		return;
	/* Before the journal: a run that ends between the two looks finished, not abandoned. */
	info->locked = reading_locked(dirfd);
	if (read_first(info, dirfd)) {
		info->condition = info->locked ? RUN_RUNNING : RUN_UNFINISHED;
		read_last(info, dirfd);
	} else if (info->locked) {
		info->condition = RUN_RUNNING;
	}
	close(dirfd);
}

void run_info_begin(struct run_info *info, const char *root, const char *id)
{
	clear(info, id);
	int dirfd = open_directory(root, id);

	if (dirfd == -1)
		return;
	(void)read_first(info, dirfd);
	close(dirfd);
}

void run_info_free(struct run_info *info)
{
	free(info->id);
	free(info->name);
	free(info->outcome);
	free(info->signal);
}
