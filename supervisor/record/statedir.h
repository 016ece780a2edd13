/*
 * The state directory and the directories in it: opened one by one from descriptor to descriptor,
 * so that nobody can lead us elsewhere. For rundir.c.
 */
#ifndef POLLARD_STATEDIR_H
#define POLLARD_STATEDIR_H

#include <fcntl.h>
#include <stdbool.h>

#define STATE_RUNS "runs"
#define STATE_OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* STATE_DIR/runs, made with all above it when missing and `create`: -1 with errno and *why. */
int state_open_runs(const char *root, bool create, char **why);
/*
 * A directory in another; `path` is what messages call it. It must belong to the effective user
 * and nobody else may write to it: -1 with errno and *why (allocated, one line).
 */
int state_open_own(int parent, const char *name, const char *path, bool create, char **why);
/* Opens a directory, which is made when it is missing and `create`. -1 with errno. */
int state_enter(int parent, const char *name, int flags, bool create);
/* Makes one with mode 0700, whatever the umask is. 0, or -1 with errno. */
int state_make_dir(int parent, const char *name);

/* "dir/name"; the caller frees it. */
char *state_join(const char *dir, const char *name);
/* Sets *why and returns -1; errno stays. */
int state_fail(char **why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Closes *fd unless it is -1, which it is then; errno stays. */
void state_close(int *fd);

#endif
