/*
 * A client's configuration directory for one task alone (--private-config), with the user's
 * credentials linked in.
 */
#ifndef POLLARD_PRIVATE_H
#define POLLARD_PRIVATE_H

#include <stdbool.h>

#include "shared/job.h"

/*
 * Makes job->private_config (mode 0700, and the directory it is in) when it is not there yet, and in
 * it a link to each of the backend's credentials that the user has, unless something of that name is
 * there. True when there is nothing to do. False with errno.
 */
bool private_make(const struct job *job);
/* Whether the attempt uses one: the task does not name a directory of its own. */
bool private_wanted(const struct job *job);

#endif
