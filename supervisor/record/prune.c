#include "supervisor/record/prune.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shared/clock.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/commands/reading.h"
#include "supervisor/record/rundir.h"

/* What the end of a run may cost. */
#define PRUNE_BUDGET_MS 500
#define PRUNE_REMOVALS_MAX 50

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

/* A finished run may have been taken up again since it was looked at. */
static bool is_in_use(const char *root, const char *id)
{
	struct run_info info;

	run_info_read(&info, root, id);
	bool free_to_go = info.condition == RUN_FINISHED && !info.locked;
	run_info_free(&info);
	return !free_to_go;
}

static void consider(const struct run_info *info, const char *root, struct prune_tally *tally)
{
	if (info->condition != RUN_FINISHED || is_in_use(root, info->id)) {
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

static bool is_named(const char *root, const char *id, const char *name)
{
	struct run_info info;
	bool same;

	run_info_begin(&info, root, id);
	same = info.name != NULL && strcmp(info.name, name) == 0;
	run_info_free(&info);
	return same;
}

static bool remove_old(const char *root, const char *id, int64_t now_ms)
{
	const struct prune_rule rule = { PRUNE_KEEP, PRUNE_OLDER_MS };
	struct run_info info;
	bool go;

	run_info_read(&info, root, id);
	go = info.condition == RUN_FINISHED && !info.locked && is_old(&info, &rule, now_ms);
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
		if (!is_named(root, ids[i], name))
			continue;
		rank++;
		if (rank > PRUNE_KEEP && strcmp(ids[i], old) < 0)
			removed += remove_old(root, ids[i], now_ms);
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
