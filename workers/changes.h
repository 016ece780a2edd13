/*
 * Whether an agent that was to write something has changed anything there. A hint for people: where it
 * cannot be told, nothing is said.
 */
#ifndef POLLARD_CHANGES_H
#define POLLARD_CHANGES_H

#include <stdint.h>
#include <time.h>

#include "shared/job.h"
#include "shared/result.h"

/* The moment before an attempt, by the clock that the kernel stamps files with. */
struct moment {
	struct timespec wall;
	int64_t mono_ms;
};

/*
 * Now; exact where `directory`, one of our own with mode 0700, is on a file system that can tell, as
 * most of newer kernels. NULL: within a tick of the kernel's clock, never too late.
 */
struct moment moment_now(const char *directory);

/*
 * Adds a warning to *r when nothing that job->writes may mean was changed, made or removed since then.
 * Looks at no more than some entries and for no longer than a moment, and neither into .git nor where
 * the record is kept, nor at the directory `scratch` (NULL: none).
 */
void changes_check(struct result *r, const struct job *job, struct moment since,
    const char *scratch);

#endif
