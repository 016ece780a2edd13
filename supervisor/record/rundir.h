/*
 * The directory of a run: STATE_DIR/runs/YYYYMMDD-HHMMSS-xxxx/, mode 0700, files 0600.
 */
#ifndef POLLARD_RUNDIR_H
#define POLLARD_RUNDIR_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/buf.h"
#include "supervisor/options/config.h"

#define RUN_ID_MAX 32

/*
 * Made by rundir_create() or rundir_open(), released with rundir_close(). All descriptors are
 * close-on-exec.
 */
struct rundir {
	char id[RUN_ID_MAX];
	char *path;    /* absolute */
	int fd;	       /* the directory */
	int out_fd;    /* its out/ */
	int merged_fd; /* its merged/ */
};

/* None that is open. */
#define RUNDIR_NONE \
	{ \
		.fd = -1, .out_fd = -1, .merged_fd = -1 \
	}

/*
 * --state-dir, $POLLARD_STATE_DIR, $XDG_STATE_HOME/pollard or ~/.local/state/pollard, absolute
 * (relative ones are taken from the working directory, except XDG_STATE_HOME, which is ignored
 * then). NULL when there is no home; the caller frees it.
 */
char *state_root(const struct config *config);

/* What stands for the newest run. */
#define NEWEST_RUN "last"

/*
 * Makes a new one. Everything on the way that is made gets mode 0700. The state directory and its
 * `runs` must be directories (no symbolic links) that belong to the effective user and that
 * nobody else may write to. 0, or -1 with errno, and *why (allocated) is one line for a person.
 */
int rundir_create(struct rundir *dir, const char *root, char **why);
/*
 * Opens RUN (any unique prefix of an id; NULL or "last": the newest), under the same conditions. out_fd and
 * merged_fd are -1 when they are missing. 0, or -1 with errno (ENOENT: there is no such
 * run; EINVAL: several begin so) and *why.
 */
int rundir_open(struct rundir *dir, const char *root, const char *run, char **why);
void rundir_close(struct rundir *dir);
/* The id of a run that keeps no directory. */
void rundir_new_id(char id[RUN_ID_MAX]);

/*
 * The ids below root, oldest first (ids sort by time); *count of them, freed with
 * rundir_list_free(). None when root cannot be read; whatever is not named like a run is ignored.
 */
char **rundir_list(const char *root, size_t *count);
void rundir_list_free(char **ids, size_t count);
/* Whether runs can be listed, or there are none yet. 0, or -1 with errno and *why. */
int rundir_check(const char *root, char **why);
/* Removes a run directory with all in it, following no link. 0, or -1 with errno. */
int rundir_remove(const char *root, const char *id);

/* "STEP.TASK.ATTEMPT.out" and ".err": the name of a spilled stream in out/. */
void rundir_out_name(struct buf *name, const char *step, const char *task, unsigned attempt,
    bool err);

#endif
