/* pollard clean: removes old run directories. */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"
#include "shared/exits.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/commands.h"
#include "supervisor/reading.h"

#define KEEP_DEFAULT 100
#define OLDER_DEFAULT_MS (INT64_C(30) * 24 * 3600 * 1000)

/* What may go: a run that is both beyond the newest `keep` of its name and older than that. */
struct rule {
	uint64_t keep;
	int64_t older_ms;
};

struct tally {
	uint64_t removed;
	uint64_t kept;
	uint64_t unfinished; /* kept only for that */
	bool failed;
};

static struct rule rule_of(const struct config *config)
{
	bool keep = config->keep != NOT_GIVEN;
	bool older = config->older_ms != NOT_GIVEN;

	if (!keep && !older)
		return (struct rule){ KEEP_DEFAULT, OLDER_DEFAULT_MS };
	/* With one of them given the other is no condition. */
	return (struct rule){
		.keep = keep ? (uint64_t)config->keep : 0,
		.older_ms = older ? config->older_ms : INT64_MIN,
	};
}

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

static bool is_old(const struct run_info *info, const struct rule *rule, int64_t now_ms)
{
	if (rule->older_ms == INT64_MIN)
		return true;
	return info->ended_ms >= 0 && now_ms - info->ended_ms > rule->older_ms;
}

/* A finished run may have been taken up again since it was looked at. */
static bool is_in_use(const char *root, const struct run_info *info)
{
	struct run_info again;

	run_info_read(&again, root, info->id);
	bool free_to_go = again.condition == RUN_FINISHED && !again.locked;
	run_info_free(&again);
	return !free_to_go;
}

static void consider(const struct run_info *info, const char *root, struct tally *tally)
{
	if (info->condition != RUN_FINISHED || is_in_use(root, info)) {
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

static void clean(struct run_info *runs, size_t count, const char *root, const struct rule *rule,
    struct tally *tally)
{
	int64_t now_ms = clock_wall_ms();
	uint64_t rank = 0;

	qsort(runs, count, sizeof(*runs), compare_runs);
	for (size_t i = 0; i < count; i++) {
		rank = i > 0 && same_name(&runs[i - 1], &runs[i]) ? rank + 1 : 1;
		if (rank > rule->keep && is_old(&runs[i], rule, now_ms))
			consider(&runs[i], root, tally);
		else
			tally->kept++;
	}
}

static void print_tally(const struct tally *tally)
{
	printf("removed %" PRIu64 " %s, kept %" PRIu64, tally->removed,
	    tally->removed == 1 ? "run" : "runs", tally->kept);
	if (tally->unfinished > 0)
		printf(" (%" PRIu64 " of them only because %s not finished)", tally->unfinished,
		    tally->unfinished == 1 ? "it has" : "they have");
	putchar('\n');
}

int cmd_clean(const struct config *config)
{
	char *root = reading_root(config);
	struct rule rule = rule_of(config);
	struct tally tally = { 0 };
	size_t count;

	if (root == NULL)
		return EXIT_NOINPUT;
	int refused = reading_listed(root);
	if (refused != 0) {
		free(root);
		return refused;
	}
	char **ids = rundir_list(root, &count);
	struct run_info *runs = xcalloc(count + 1, sizeof(*runs));

	for (size_t i = 0; i < count; i++)
		run_info_read(&runs[i], root, ids[i]);
	clean(runs, count, root, &rule, &tally);
	print_tally(&tally);

	for (size_t i = 0; i < count; i++)
		run_info_free(&runs[i]);
	free(runs);
	rundir_list_free(ids, count);
	free(root);
	int printed = reading_printed();
	return tally.failed ? EXIT_IO : printed;
}
