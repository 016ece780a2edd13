/* One run of a name at a time: --if-running. */
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared/text.h"
#include "supervisor/coordinator.h"
#include "supervisor/options/options.h"
#include "supervisor/record/locks.h"

/* Somebody has it, and we do not wait. */
static int give_way(const struct run *run, const char *holder)
{
	const struct config *c = run->config;
	bool skips = c->if_running == IF_RUNNING_SKIP;
	/* cron starts it again: that is no news */
	if (!skips || c->progress != PROGRESS_NONE)
		warnx("'%s' is still going on%s%s%s", safe(run->plan->name),
		    *holder != '\0' ? ": run '" : "", holder, *holder != '\0' ? "'" : "");
	return skips ? NAMING_SKIPPED : EXIT_LOCKED;
}

static int wait_for(struct run *run, const char *root, char holder[RUN_ID_MAX], char **why)
{
	if (run->config->progress != PROGRESS_NONE)
		warnx("waiting for run '%s' of '%s' to end", holder, safe(run->plan->name));
	return name_lock(root, run->plan->name, true, holder, why);
}

int naming_take(struct run *run)
{
	const struct config *c = run->config;
	char holder[RUN_ID_MAX] = "";
	struct buf error = BUF_INIT;
	char *why = NULL;
	int status = options_need_name(c, run->plan->name, COMMAND_RUN, &error);
	if (status != 0)
		warnx("%.*s", (int)strcspn(buf_str(&error), "\n"), buf_str(&error));
	buf_free(&error);
	/* without --if-running it is taken when it is free: others, that have that option, see this run */
	bool must = c->if_running != IF_RUNNING_DEFAULT;
	char *root = status == 0 && run->plan->name != NULL ? state_root(c) : NULL;
	if (root == NULL)
		return status;
	run->name_lock = name_lock(root, run->plan->name, false, holder, &why);
	if (run->name_lock < 0 && errno == EAGAIN && c->if_running == IF_RUNNING_WAIT)
		run->name_lock = wait_for(run, root, holder, &why);
	int error_number = errno;
	free(root);
	if (run->name_lock >= 0)
		return 0;
	if (!must) {
		free(why);
		return 0;
	}
	if (error_number == EAGAIN || error_number == EDEADLK)
		return give_way(run, holder);
	warnx("%s", why != NULL ? why : strerror(error_number));
	free(why);
	return error_number == EACCES ? EXIT_PERMISSION : EXIT_NOSTATE;
}

void naming_tell(const struct run *run)
{
	if (run->name_lock >= 0)
		name_lock_tell(run->name_lock, run->record.dir.id);
}
