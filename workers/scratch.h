/*
 * The directory for temporary files that an attempt of an agent has for itself: clients that run side
 * by side are known to take each other's files for their own.
 */
#ifndef POLLARD_SCRATCH_H
#define POLLARD_SCRATCH_H

#include <stdbool.h>

#define SCRATCH_NAME_SIZE 8
/* Emptying it may take so long; what is left then is the supervisor's to remove. */
#define SCRATCH_LIMIT_MS 5000

#define SCRATCH_INIT \
	{ \
		.parent = -1 \
	}

/* Initialised with SCRATCH_INIT, filled by scratch_make(), emptied by scratch_remove(). */
struct scratch {
	int parent; /* the directory it is in; -1: there is none */
	char name[SCRATCH_NAME_SIZE];
	char *path; /* absolute, where `parent` was */
};

/*
 * Makes one with mode 0700 in the directory `parent`, which is made as well when it is missing and
 * must belong to us. False with errno, and nothing is left.
 */
bool scratch_make(struct scratch *s, const char *parent);
/* Removes it with all in it, as far as that can be done in time, and `parent` when that is empty then. */
void scratch_remove(struct scratch *s);

#endif
