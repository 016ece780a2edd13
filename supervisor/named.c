#include "supervisor/named.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>

#include "shared/exits.h"
#include "shared/text.h"
#include "supervisor/locks.h"
#include "supervisor/rundir.h"

static void say_held(const char *name, const char *holder, const char *what)
{
	const bool known = holder[0] != '\0';

	warnx("a run of '%s' is still going%s%s: %s", safe(name), known ? ", " : "",
	    known ? holder : "", what);
}

/* Somebody has the lock: false when nothing is to be run. */
static bool beside(const struct config *config, const char *name, const char *holder, int *status)
{
	switch (config->if_running) {
	case IF_RUNNING_DEFAULT:
		return true;
	case IF_RUNNING_SKIP:
		if (!config->cron)
			say_held(name, holder, "skipped");
		*status = EXIT_MET;
		return false;
	case IF_RUNNING_WAIT:
		say_held(name, holder, "this one would wait for it and it for this one");
		break;
	case IF_RUNNING_FAIL:
		say_held(name, holder, "not started ('--if-running wait' waits for it)");
		break;
	}
	*status = EXIT_LOCKED;
	return false;
}

static bool take(const struct config *config, const char *root, const char *name, int *lock,
    int *status)
{
	char holder[RUN_ID_MAX];
	char *why;

	do
		*lock = name_lock(root, name, config->if_running == IF_RUNNING_WAIT, holder, &why);
	while (*lock == -1 && errno == EINTR);
	if (*lock != -1)
		return true;
	if (errno == EAGAIN || errno == EDEADLK)
		return beside(config, name, holder, status);
	if (config->if_running == IF_RUNNING_DEFAULT) {
		free(why);
		return true;
	}
	*status = errno == EACCES || errno == EPERM ? EXIT_PERMISSION : EXIT_NOSTATE;
	warnx("%s", why);
	free(why);
	return false;
}

bool named_begin(const struct config *config, const char *name, int *lock, int *status)
{
	char *root;
	bool on;

	*lock = -1;
	if (name == NULL || (config->no_record && config->if_running == IF_RUNNING_DEFAULT))
		return true;
	root = state_root(config);
	if (root == NULL && config->if_running == IF_RUNNING_DEFAULT)
		return true;
	if (root == NULL) {
		warnx("no place for the lock on the name: HOME is not set; give '--state-dir DIR'");
		*status = EXIT_NOSTATE;
		return false;
	}
	on = take(config, root, name, lock, status);
	free(root);
	return on;
}
