#include "supervisor/record/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shared/removal.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/places.h"
#include "supervisor/record/statedir.h"

#define OUT_NAME "out"
#define MERGED_NAME "merged"
/* YYYYMMDD-HHMMSS- */
#define STAMP_LEN 16
#define ID_PATTERN "dddddddd-dddddd-xxxx"
/* Ids that are tried before the clock or the directory must be wrong. */
#define ID_TRIES 1000
/* Runs of one second get rising numbers, so that ids sort by time: how far apart at most. */
#define ID_STEP 64

static bool is_run_id(const char *name)
{
	const char *pattern = ID_PATTERN;

	for (; *pattern != '\0'; pattern++, name++) {
		bool digit = *name >= '0' && *name <= '9';
		bool hex = digit || (*name >= 'a' && *name <= 'f');

		if (*pattern == 'd' ? !digit : *pattern == 'x' ? !hex : *name != '-')
			return false;
	}
	return *name == '\0';
}

static int compare_ids(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A stream over a directory, which stays open after closedir(). NULL with errno. */
static DIR *list_dir(int fd)
{
	int copy = openat(fd, ".", STATE_OPEN_DIR);
	DIR *stream = copy == -1 ? NULL : fdopendir(copy);

	if (stream == NULL)
		state_close(&copy);
	return stream;
}

static char **list_ids(int runs, size_t *count)
{
	DIR *stream = list_dir(runs);
	const struct dirent *entry;
	char **ids = NULL;
	size_t cap = 0;

	*count = 0;
	while (stream != NULL && (entry = readdir(stream)) != NULL) {
		if (!is_run_id(entry->d_name))
			continue;
		if (*count == cap) {
			cap = cap == 0 ? 64 : cap * 2;
			ids = xreallocarray(ids, cap, sizeof(ids[0]));
		}
		ids[(*count)++] = xstrdup(entry->d_name);
	}
	if (stream != NULL)
		closedir(stream);
	if (*count > 0)
		qsort(ids, *count, sizeof(ids[0]), compare_ids);
	return ids;
}

char **rundir_list(const char *root, size_t *count)
{
	char *why = NULL;
	int runs = state_open_runs(root, false, &why);
	char **ids = NULL;

	*count = 0;
	free(why);
	if (runs == -1)
		return NULL;
	ids = list_ids(runs, count);
	state_close(&runs);
	return ids;
}

void rundir_list_free(char **ids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(ids[i]);
	free(ids);
}

int rundir_check(const char *root, char **why)
{
	int runs = state_open_runs(root, false, why);

	if (runs == -1 && errno != ENOENT)
		return -1;
	if (runs == -1)
		free(*why);
	state_close(&runs);
	return 0;
}

static void stamp_now(char stamp[RUN_ID_MAX])
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(stamp, RUN_ID_MAX, "%Y%m%d-%H%M%S-", &tm);
}

/* The greatest number among the runs of this second, or -1. */
static long last_of_second(int runs, const char *stamp)
{
	size_t count;
	char **ids = list_ids(runs, &count);
	long last = -1;

	for (size_t i = 0; i < count; i++) {
		if (strncmp(ids[i], stamp, STAMP_LEN) == 0)
			last = strtol(ids[i] + STAMP_LEN, NULL, 16);
	}
	rundir_list_free(ids, count);
	return last;
}

static void make_id(int runs, char id[RUN_ID_MAX])
{
	long last;
	uint32_t number;

	stamp_now(id);
	last = last_of_second(runs, id);
	if (last == -1)
		/* the lower half, so that there is room for more runs of this second */
		number = arc4random_uniform(0x8000);
	else
		number = ((uint32_t)last + 1 + arc4random_uniform(ID_STEP)) & 0xffff;
	snprintf(id + STAMP_LEN, RUN_ID_MAX - STAMP_LEN, "%04x", number);
}

void rundir_new_id(char id[RUN_ID_MAX])
{
	stamp_now(id);
	snprintf(id + STAMP_LEN, RUN_ID_MAX - STAMP_LEN, "%04x", arc4random_uniform(0x10000));
}

static int make_run(struct rundir *dir, int runs)
{
	for (int i = 0; i < ID_TRIES; i++) {
		make_id(runs, dir->id);
		if (state_make_dir(runs, dir->id) == 0)
			return 0;
		if (errno != EEXIST)
			return -1;
	}
	return -1;
}

static void rundir_clear(struct rundir *dir)
{
	*dir = (struct rundir)RUNDIR_NONE;
}

/* Opens dir->id and what is in it. */
static int open_run(struct rundir *dir, int runs, const char *root, bool create, char **why)
{
	char *runs_path = state_join(root, STATE_RUNS);

	dir->path = state_join(runs_path, dir->id);
	free(runs_path);
	dir->fd = state_open_own(runs, dir->id, dir->path, false, why);
	if (dir->fd == -1)
		return -1;
	dir->out_fd = state_enter(dir->fd, OUT_NAME, STATE_OPEN_DIR, create);
	if (dir->out_fd != -1 || (errno == ENOENT && !create))
		dir->merged_fd = state_enter(dir->fd, MERGED_NAME, STATE_OPEN_DIR, create);
	if (dir->merged_fd != -1 || (errno == ENOENT && !create))
		return 0;
	return state_fail(why, "cannot %s '%s' and '%s' in '%s': %s", create ? "create" : "open",
	    OUT_NAME, MERGED_NAME, safe(dir->path), strerror(errno));
}

/* After a failure nothing is left behind; errno stays. */
static void undo_create(struct rundir *dir, int runs)
{
	int error = errno;

	if (dir->fd != -1) {
		unlinkat(dir->fd, OUT_NAME, AT_REMOVEDIR);
		unlinkat(dir->fd, MERGED_NAME, AT_REMOVEDIR);
	}
	unlinkat(runs, dir->id, AT_REMOVEDIR);
	rundir_close(dir);
	errno = error;
}

int rundir_create(struct rundir *dir, const char *root, char **why)
{
	int runs = state_open_runs(root, true, why);
	int result = 0;

	rundir_clear(dir);
	if (runs == -1)
		return -1;
	if (make_run(dir, runs) == -1) {
		result = state_fail(why, "cannot create a run directory in '%s/%s': %s", safe(root),
		    STATE_RUNS, strerror(errno));
	} else if (open_run(dir, runs, root, true, why) == -1) {
		undo_create(dir, runs);
		result = -1;
	}
	state_close(&runs);
	return result;
}

static int none_yet(const char *root, char **why)
{
	errno = ENOENT;
	return state_fail(why, "no run in state directory '%s'", safe(root));
}

/* The id that `run` stands for, copied into dir. */
static int find_run(struct rundir *dir, int runs, const char *root, const char *run, char **why)
{
	size_t count;
	char **ids = list_ids(runs, &count);
	/* a task of the newest run is to be asked for without copying an id; none begins so */
	if (run != NULL && strcmp(run, NEWEST_RUN) == 0)
		run = NULL;
	const char *found = run == NULL && count > 0 ? ids[count - 1] : NULL;
	const char *other = NULL;
	int result = 0;

	for (size_t i = 0; run != NULL && i < count; i++) {
		if (strncmp(ids[i], run, strlen(run)) != 0)
			continue;
		other = found;
		found = ids[i];
	}
	if (found == NULL && run == NULL) {
		result = none_yet(root, why);
	} else if (found == NULL) {
		errno = ENOENT;
		result =
		    state_fail(why, "no run '%s' in state directory '%s'", safe(run), safe(root));
	} else if (other != NULL) {
		errno = EINVAL;
		result = state_fail(why, "run '%s' can be '%s' or '%s': give more of it", safe(run),
		    other, found);
	} else {
		snprintf(dir->id, sizeof(dir->id), "%s", found);
	}
	rundir_list_free(ids, count);
	return result;
}

int rundir_open(struct rundir *dir, const char *root, const char *run, char **why)
{
	int runs = state_open_runs(root, false, why);
	int result;

	rundir_clear(dir);
	if (runs == -1 && errno == ENOENT) {
		free(*why);
		return none_yet(root, why);
	}
	if (runs == -1)
		return -1;
	result = find_run(dir, runs, root, run, why);
	if (result == 0)
		result = open_run(dir, runs, root, false, why);
	if (result == -1)
		rundir_close(dir);
	state_close(&runs);
	return result;
}

void rundir_close(struct rundir *dir)
{
	int error = errno;

	state_close(&dir->out_fd);
	state_close(&dir->merged_fd);
	state_close(&dir->fd);
	free(dir->path);
	rundir_clear(dir);
	errno = error;
}

static int remove_run(int runs, const char *id)
{
	int fd = openat(runs, id, STATE_OPEN_DIR);

	if (fd == -1)
		return -1;
	/* temporary files of the run may lie elsewhere */
	places_clear(fd, id, 0);
	state_close(&fd);
	return remove_tree(runs, id, 0);
}

int rundir_remove(const char *root, const char *id)
{
	char *why = NULL;
	int runs;
	int result;

	if (!is_run_id(id)) {
		errno = EINVAL;
		return -1;
	}
	runs = state_open_runs(root, false, &why);
	if (runs == -1) {
		int error = errno;

		free(why);
		errno = error;
		return -1;
	}
	result = remove_run(runs, id);
	state_close(&runs);
	return result;
}

void rundir_out_name(struct buf *name, const char *step, const char *task, unsigned attempt,
    bool err)
{
	buf_addf(name, "%s.%s.%u.%s", step, task, attempt, err ? "err" : "out");
}
