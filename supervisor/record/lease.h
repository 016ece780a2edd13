/*
 * The lease says that a supervisor or one of its workers still lives: a flock(2) on one open file
 * description, which the workers inherit by fork and never close, while what they start does not
 * (it is close-on-exec). So there is no moment between a supervisor's death and its last worker's
 * in which nobody holds it, and none in which it is held by the dead.
 */
#ifndef POLLARD_LEASE_H
#define POLLARD_LEASE_H

#include <stdint.h>

#define LEASE_NAME "lease"

/*
 * Takes the lease of the run directory before the first worker is forked. The descriptor, to be
 * kept until the end of the process; or -1 with errno (EWOULDBLOCK: somebody holds it; EINVAL: it
 * is no regular file; ENOLCK, EOPNOTSUPP: the file system has no locks).
 */
int lease_take(int dirfd);
/*
 * The same, but waits until nobody holds it any more, at most so many milliseconds (0: looks
 * once): -1 with errno as above, ETIMEDOUT, or EINTR after a signal that has a handler.
 */
int lease_wait_gone(int dirfd, int64_t timeout_ms);

#endif
