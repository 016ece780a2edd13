/*
 * The patterns by which a failure is classed: data. The first one that fits decides, so the order counts.
 */
#ifndef POLLARD_PATTERNS_H
#define POLLARD_PATTERNS_H

#include <stddef.h>

#include "workers/diagnosis.h"

enum where {
	IN_ERROR = 1, /* what the worker or an adapter says: about the failure and nothing else */
	IN_LINE = 2,  /* the telling line of standard error */
	NEAR = 4,     /* and the lines beside it that tell as much */
	IN_CODE = 8,  /* although that is a complaint about code */
};

#define MESSAGE (IN_ERROR | IN_LINE | NEAR)
#define ANYWHERE (MESSAGE | IN_CODE)

/* What the pattern's words are about, and where it stands. */
enum about {
	ABOUT_NOTHING,
	ABOUT_FILE,    /* the quoted word, what stands before ": …", or what stands behind it */
	ABOUT_NEXT,    /* the word behind it */
	ABOUT_BETWEEN, /* what stands between its two parts */
	ABOUT_HOST,
};

/*
 * Words that stand in this order in a line; " ... " is anything between, "|" at the end is the end
 * of the phrase. Case does not count, and a word is not found inside another. "#429" is that status
 * of HTTP, not any number 429. The first pattern that fits decides.
 */
struct pattern {
	enum failure_class class;
	unsigned where;
	const char *words;
	enum about about;
	const char *says; /* the cause; NULL: the line itself is shown */
};

extern const struct pattern patterns[];
extern const size_t npatterns;

/* Causes that an exit status alone may tell too. */
extern const char not_found[];
extern const char not_executable[];

#endif
