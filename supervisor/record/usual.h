/*
 * How long tasks usually take: what earlier runs of the same name say.
 */
#ifndef POLLARD_USUAL_H
#define POLLARD_USUAL_H

#include <stddef.h>
#include <stdint.h>

/* A time that a task took once; opaque. */
struct usual_time;

/* Zero knows nothing. Filled by usual_read(), emptied by usual_free(). */
struct usual {
	struct usual_time *times;
	size_t count;
	size_t cap;
};

/*
 * Reads the newest runs of that name but `run`, at most five that have something to say, at most a
 * megabyte of each, and for a fifth of a second at the longest: the supervisor has other work.
 */
void usual_read(struct usual *u, const char *root, const char *name, const char *run);
/* The median of the times that its successful attempts took, in milliseconds; -1: not known. */
int64_t usual_of(const struct usual *u, const char *step, const char *task);
void usual_free(struct usual *u);

#endif
