/* Runs that are over, made up one record at a time: for tests of what looks back at them. */
#ifndef POLLARD_RUNS_FIXTURE_H
#define POLLARD_RUNS_FIXTURE_H

#include <check.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/json.h"
#include "supervisor/record/journal.h"
#include "supervisor/record/rundir.h"

static char fixture_root[64];
static struct journal *fixture_journal;

static void fixture_setup(void)
{
	char path[96];

	setenv("TZ", "UTC", 1);
	tzset();
	snprintf(fixture_root, sizeof(fixture_root), "/tmp/pollard-runs-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(fixture_root));
	snprintf(path, sizeof(path), "%s/runs", fixture_root);
	ck_assert_int_eq(mkdir(path, 0700), 0);
}

static void fixture_teardown(void)
{
	char path[96];
	size_t count;
	char **ids = rundir_list(fixture_root, &count);

	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(rundir_remove(fixture_root, ids[i]), 0);
	rundir_list_free(ids, count);
	snprintf(path, sizeof(path), "%s/runs", fixture_root);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(rmdir(fixture_root), 0);
}

/* Adds a record with this time. */
static void fixture_add(cJSON *event, int64_t wall_ms)
{
	char text[CLOCK_TEXT_MAX];

	cJSON_ReplaceItemInObject(event, "time", cJSON_CreateString(clock_text(text, wall_ms)));
	journal_add(fixture_journal, event);
}

/* Begins a run that started then; its id says so too. */
static void fixture_begin(const char *name, int64_t wall_ms, unsigned number)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;
	char stamp[32];
	char path[160];
	cJSON *event = journal_event("run-started");

	gmtime_r(&seconds, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
	snprintf(path, sizeof(path), "%s/runs/%s-%04x", fixture_root, stamp, number & 0xffff);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(path + strlen(path), sizeof(path) - strlen(path), "/%s", JOURNAL_NAME);
	int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
	ck_assert_int_ne(fd, -1);
	fixture_journal = journal_new(fd, 0);
	json_add_string(event, "name", name);
	fixture_add(event, wall_ms);
}

static inline void fixture_task(const char *task, const char *status, const char *error)
{
	cJSON *event = journal_event("task-finished");

	json_add_string(event, "step", "1");
	json_add_string(event, "task", task);
	json_add_string(event, "status", status);
	json_add_string(event, "reason", "exit");
	json_add_string(event, "error", error);
	journal_add(fixture_journal, event);
}

/* Ends it; `status` -1: it was killed before it could say how. */
static void fixture_end(int64_t wall_ms, unsigned failed, int status)
{
	if (status >= 0) {
		cJSON *event = journal_event("run-finished");

		json_add_string(event, "outcome", failed > 0 ? "partial" : "all");
		json_add_integer(event, "failed", failed);
		json_add_integer(event, "exit", status);
		fixture_add(event, wall_ms);
	}
	ck_assert_int_eq(journal_flush(fixture_journal), 0);
	journal_free(fixture_journal);
}

#endif
