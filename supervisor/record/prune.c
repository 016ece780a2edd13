#include "supervisor/record/prune.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/clock.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/commands/reading.h"
#include "supervisor/record/record.h"
#include "supervisor/record/rundir.h"

/* What the end of a run may cost. */
#define PRUNE_BUDGET_MS 500
#define PRUNE_REMOVALS_MAX 50
/* Between making a directory and locking it no run takes longer. */
#define BEGIN_MS (INT64_C(60) * 1000)

/* Runs of one name together, the newest first. */
static int compare_runs(const void *left, const void *right)
{
	const struct run_info *a = left;
	const struct run_info *b = right;
	int names = strcmp(a->name != NULL ? a->name : "", b->name != NULL ? b->name : "");

	return names != 0 ? names : strcmp(b->id, a->id);
}

static bool same_name(const struct run_info *a, const struct run_info *b)
{
	return strcmp(a->name != NULL ? a->name : "", b->name != NULL ? b->name : "") == 0;
}

static bool is_old(const struct run_info *info, const struct prune_rule *rule, int64_t now_ms)
{
	if (rule->older_ms == PRUNE_ANY_AGE)
		return true;
	return info->ended_ms >= 0 && now_ms - info->ended_ms > rule->older_ms;
}

/* Neither a whole record nor one that a newer version could read, or that could be set right. */
static bool has_no_record(int dirfd)
{
	struct journal_reader *reader = journal_reader_open(dirfd);
	enum journal_problem problem;
	bool none;

	if (reader == NULL)
		return errno == ENOENT;
	none = journal_reader_next(reader) == NULL;
	problem = journal_reader_problem(reader, NULL);
	journal_reader_free(reader);
	return none && (problem == JOURNAL_OK || problem == JOURNAL_TORN);
}

/* When anything was last written there; -1 when it is not known, or its lock may still be taken. */
static int64_t last_change(int dirfd)
{
	struct stat st;
	bool has_lock = faccessat(dirfd, LOCK_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0;

	if (fstatat(dirfd, JOURNAL_NAME, &st, AT_SYMLINK_NOFOLLOW) < 0 && fstat(dirfd, &st) < 0)
		return -1;
	int64_t then_ms = (int64_t)st.st_mtim.tv_sec * 1000;
	return has_lock || clock_wall_ms() - then_ms > BEGIN_MS ? then_ms : -1;
}

/*
 * A run that ended before its first record, as on a full disk, started nothing and can never go on. Sets
 * *ended_ms then.
 */
static bool never_began(const char *root, const struct run_info *info, int64_t *ended_ms)
{
	struct buf path = BUF_INIT;

	if (info->condition != RUN_UNREADABLE || info->locked)
		return false;
	buf_addf(&path, "%s/runs/%s", root, info->id);
	int dirfd = open(buf_str(&path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	buf_free(&path);
	if (dirfd == -1)
		return false;
	*ended_ms = has_no_record(dirfd) ? last_change(dirfd) : -1;
	close(dirfd);
	return *ended_ms != -1;
}

/* What nobody can go on with. */
static bool is_over(const char *root, struct run_info *info)
{
	return (info->condition == RUN_FINISHED && !info->locked) ||
	    never_began(root, info, &info->ended_ms);
}

/* A finished run may have been taken up again since it was looked at. */
static bool is_in_use(const char *root, const char *id)
{
	struct run_info info;

	run_info_read(&info, root, id);
	bool in_use = !is_over(root, &info);
	run_info_free(&info);
	return in_use;
}

static void consider(const struct run_info *info, const char *root, struct prune_tally *tally)
{
	if (is_in_use(root, info->id)) {
		tally->unfinished++;
		tally->kept++;
	} else if (rundir_remove(root, info->id) == -1) {
		warn("cannot remove run '%s'", safe(info->id));
		tally->failed = true;
		tally->kept++;
	} else {
		tally->removed++;
	}
}

struct prune_tally prune_all(const char *root, const struct prune_rule *rule)
{
	struct prune_tally tally = { 0 };
	int64_t now_ms = clock_wall_ms();
	uint64_t rank = 0;
	size_t count;
	char **ids = rundir_list(root, &count);
	struct run_info *runs = xcalloc(count + 1, sizeof(*runs));

	for (size_t i = 0; i < count; i++)
		run_info_read(&runs[i], root, ids[i]);
	qsort(runs, count, sizeof(*runs), compare_runs);
	for (size_t i = 0; i < count; i++) {
		if (runs[i].condition == RUN_UNREADABLE)
			(void)is_over(root, &runs[i]);
		rank = i > 0 && same_name(&runs[i - 1], &runs[i]) ? rank + 1 : 1;
		if (rank > rule->keep && is_old(&runs[i], rule, now_ms))
			consider(&runs[i], root, &tally);
		else
			tally.kept++;
	}
	for (size_t i = 0; i < count; i++)
		run_info_free(&runs[i]);
	free(runs);
	rundir_list_free(ids, count);
	return tally;
}

/* Ids of runs that began before this one may be old. */
static void oldest_id(char id[RUN_ID_MAX], int64_t now_ms)
{
	time_t when = (time_t)((now_ms - PRUNE_OLDER_MS) / 1000);
	struct tm tm;

	gmtime_r(&when, &tm);
	strftime(id, RUN_ID_MAX, "%Y%m%d-%H%M%S", &tm);
}

/* What a run has to do with those of the name. */
enum kinship { STRANGER, NAMESAKE, NAMELESS };

static enum kinship kinship_of(const char *root, const char *id, const char *name)
{
	struct run_info info;
	enum kinship kinship = STRANGER;

	run_info_begin(&info, root, id);
	/* one that ended before its first record may have been called so */
	if (info.started_ms == -1)
		kinship = NAMELESS;
	else if (info.name != NULL && strcmp(info.name, name) == 0)
		kinship = NAMESAKE;
	run_info_free(&info);
	return kinship;
}

static bool remove_old(const char *root, const char *id, enum kinship kinship, int64_t now_ms)
{
	const struct prune_rule rule = { PRUNE_KEEP, PRUNE_OLDER_MS };
	struct run_info info;
	bool go;

	run_info_read(&info, root, id);
	go = (info.condition == RUN_UNREADABLE) == (kinship == NAMELESS) && is_over(root, &info) &&
	    is_old(&info, &rule, now_ms);
	run_info_free(&info);
	return go && rundir_remove(root, id) == 0;
}

static unsigned prune_ids(const char *root, const char *name, const char *run, char *const *ids,
    size_t count)
{
	int64_t now_ms = clock_wall_ms();
	int64_t until = clock_mono_ms() + PRUNE_BUDGET_MS;
	char old[RUN_ID_MAX];
	uint64_t rank = 1; /* this run */
	unsigned removed = 0;

	oldest_id(old, now_ms);
	if (count <= PRUNE_KEEP || strcmp(ids[0], old) >= 0)
		return 0;
	for (size_t i = count; i-- > 0 && removed < PRUNE_REMOVALS_MAX;) {
		/* looking at one's own would drop one's own lock */
		if (strcmp(ids[i], run) == 0)
			continue;
		if (clock_mono_ms() >= until)
			break;
		enum kinship kinship = kinship_of(root, ids[i], name);
		if (kinship == STRANGER)
			continue;
		rank += kinship == NAMESAKE;
		if ((rank > PRUNE_KEEP || kinship == NAMELESS) && strcmp(ids[i], old) < 0)
			removed += remove_old(root, ids[i], kinship, now_ms);
	}
	return removed;
}

unsigned prune_name(const char *root, const char *name, const char *run)
{
	size_t count;
	char **ids = rundir_list(root, &count);
	unsigned removed = prune_ids(root, name, run, ids, count);

	rundir_list_free(ids, count);
	return removed;
}
