/*
 * Locks on names, so that of one name one run goes on at a time: fcntl(2) locks on files in
 * STATE_DIR/locks/, one a name. They are the process's own: workers do not inherit them, and with
 * the process, however it ends, they are gone. The files are never removed, for whoever removes one
 * could take it from somebody who has just opened it; they hold the id of the run and nothing else.
 */
#ifndef POLLARD_LOCKS_H
#define POLLARD_LOCKS_H

#include <stdbool.h>

#include "supervisor/record/rundir.h"

/*
 * Takes the lock on a name (any bytes, any length) in this state directory, which is made when it is
 * missing. `wait`: waits for it, without limit. Returns a descriptor for name_lock_tell() and
 * name_unlock(), which nothing else may close or open again. -1 with errno:
 *   EAGAIN   somebody holds it
 *   EDEADLK  `wait`, and the run that holds it is the one that this process is a task of
 *   EINTR    `wait`, and a signal that has a handler came
 *   others, such as ENOLCK: it cannot be had at all; *why (allocated) is one line for a person
 * With the first two holder[] is the id of the run that has it, "" when that is not known. *why is
 * NULL but for the last.
 */
int name_lock(const char *root, const char *name, bool wait, char holder[RUN_ID_MAX], char **why);
/* Says who has it; a failure only makes others' messages poorer. */
void name_lock_tell(int fd, const char *run);
/* Gives it back. */
void name_unlock(int fd);

#endif
