#include "supervisor/record/usual.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/io.h"
#include "shared/json.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/commands/reading.h"
#include "supervisor/record/journal.h"
#include "supervisor/record/rundir.h"

#define RUNS_MAX 5
/* Runs that are looked at, of whatever name. */
#define LOOK_RUNS 1000
#define LOOK_MS 200
#define LOOK_BYTES ((size_t)1024 * 1024)
#define SECONDS_MAX 1e9

struct usual_time {
	uint64_t task; /* step and task as a number */
	int64_t ms;
};

static uint64_t hash_task(const char *step, const char *task)
{
	return text_hash(text_hash(TEXT_HASH, step), task);
}

static void add_time(struct usual *u, uint64_t task, int64_t ms)
{
	if (u->count == u->cap) {
		u->cap = u->cap == 0 ? 64 : u->cap * 2;
		u->times = xreallocarray(u->times, u->cap, sizeof *u->times);
	}
	u->times[u->count++] = (struct usual_time){ task, ms };
}

static void take_record(struct usual *u, const cJSON *record)
{
	const char *event = json_get_string(record, "event");
	const char *status = json_get_string(record, "status");
	const char *step = json_get_string(record, "step");
	const char *task = json_get_string(record, "task");
	double seconds = json_get_number(record, "seconds", -1);
	if (event == NULL || strcmp(event, "attempt-finished") != 0 || status == NULL ||
	    strcmp(status, "succeeded") != 0 || step == NULL || task == NULL)
		return;
	if (seconds >= 0 && seconds <= SECONDS_MAX)
		add_time(u, hash_task(step, task), (int64_t)(seconds * 1000));
}

static bool is_about(const char *line, size_t len, const char *text)
{
	return memmem(line, len, text, strlen(text)) != NULL;
}

/* The end of its journal: there, what is cut off is the first attempts of a long run. */
static void read_run(struct usual *u, int fd, int64_t until)
{
	struct stat st;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)
		return;
	size_t want = (uint64_t)st.st_size < LOOK_BYTES ? (size_t)st.st_size : LOOK_BYTES;
	char *tail = xmalloc(want + 1);
	ssize_t got = pread_all(fd, tail, want, st.st_size - (off_t)want);
	const char *end = got > 0 ? tail + got : tail;
	const char *newline;
	for (const char *p = tail; (newline = memchr(p, '\n', (size_t)(end - p))) != NULL;
	     p = newline + 1) {
		size_t len = (size_t)(newline - p);
		/* the first line may be a part of one, which its checksum shows */
		if (!is_about(p, len, "\"event\":\"attempt-finished\"") ||
		    !is_about(p, len, "\"status\":\"succeeded\""))
			continue;
		if (clock_mono_ms() >= until)
			break;
		cJSON *record = journal_parse(p, len);
		if (record != NULL)
			take_record(u, record);
		cJSON_Delete(record);
	}
	free(tail);
}

static bool read_named(struct usual *u, const char *root, const char *id, int64_t until)
{
	struct buf path = BUF_INIT;
	size_t before = u->count;
	buf_addf(&path, "%s/runs/%s/%s", root, id, JOURNAL_NAME);
	int fd = open(buf_str(&path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	buf_free(&path);
	if (fd < 0)
		return false;
	read_run(u, fd, until);
	close(fd);
	return u->count > before;
}

static int by_task(const void *left, const void *right)
{
	const struct usual_time *a = left;
	const struct usual_time *b = right;
	if (a->task != b->task)
		return a->task > b->task ? 1 : -1;
	return (a->ms > b->ms) - (a->ms < b->ms);
}

void usual_read(struct usual *u, const char *root, const char *name, const char *run)
{
	int64_t until = clock_mono_ms() + LOOK_MS;
	size_t found = 0, looked = 0, count;
	char **ids = rundir_list(root, &count);
	for (size_t i = count; i-- > 0 && found < RUNS_MAX && looked < LOOK_RUNS; looked++) {
		struct run_info info;
		if (clock_mono_ms() >= until)
			break;
		if (strcmp(ids[i], run) == 0)
			continue;
		run_info_begin(&info, root, ids[i]);
		/* a rehearsal takes as long as it is told to */
		if (info.name != NULL && strcmp(info.name, name) == 0 && !info.rehearsal)
			found += read_named(u, root, ids[i], until);
		run_info_free(&info);
	}
	rundir_list_free(ids, count);
	if (u->count > 1)
		qsort(u->times, u->count, sizeof *u->times, by_task);
}

int64_t usual_of(const struct usual *u, const char *step, const char *task)
{
	uint64_t hash = hash_task(step, task);
	size_t low = 0, high = u->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (u->times[middle].task < hash)
			low = middle + 1;
		else
			high = middle;
	}
	size_t end = low;
	while (end < u->count && u->times[end].task == hash)
		end++;
	return end > low ? u->times[low + (end - 1 - low) / 2].ms : -1;
}

void usual_free(struct usual *u)
{
	free(u->times);
	*u = (struct usual){ .times = NULL };
}
