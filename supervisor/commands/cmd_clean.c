/* pollard clean: removes old run directories. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "shared/exits.h"
#include "supervisor/commands/commands.h"
#include "supervisor/commands/reading.h"
#include "supervisor/record/prune.h"

static struct prune_rule rule_of(const struct config *config)
{
	bool keep = config->keep != NOT_GIVEN;
	bool older = config->older_ms != NOT_GIVEN;

	if (!keep && !older)
		return (struct prune_rule){ PRUNE_KEEP, PRUNE_OLDER_MS };
	/* With one of them given the other is no condition. */
	return (struct prune_rule){
		.keep = keep ? (uint64_t)config->keep : 0,
		.older_ms = older ? config->older_ms : PRUNE_ANY_AGE,
	};
}

static void print_tally(const struct prune_tally *tally)
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
	struct prune_rule rule = rule_of(config);

	if (root == NULL)
		return EXIT_NOINPUT;
	int refused = reading_listed(root);
	if (refused != 0) {
		free(root);
		return refused;
	}
	struct prune_tally tally = prune_all(root, &rule);
	print_tally(&tally);
	free(root);
	int printed = reading_printed();
	return tally.failed ? EXIT_IO : printed;
}
