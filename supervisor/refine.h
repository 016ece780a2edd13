/*
 * Refinement: what an attempt is told about the one before. Pure.
 */
#ifndef POLLARD_REFINE_H
#define POLLARD_REFINE_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/buf.h"

/* What is known of the attempt that failed. */
struct evidence {
	unsigned attempt;  /* its number */
	const char *error; /* "exit 1" */
	const char *tail;  /* the last lines of its output, valid UTF-8 */
	size_t tail_len;
	const char *advice; /* the debugger's; NULL: none */
	const char *fence;  /* a word that no task can know beforehand, around what it printed */
};

/* Lines of output that are shown to the next attempt, and the most bytes of them. */
#define EVIDENCE_LINES 20
#define EVIDENCE_BYTES 4096

/*
 * The prompt of the next attempt: the template with ${{ attempt.number }} (of the next attempt), ${{ attempt.error }} and ${{ attempt.tail }}
 * filled in once ($${{ is a literal), or without one the prompt followed by what happened and the request to narrow the scope.
 */
void refine_prompt(struct buf *out, const char *refine, const char *prompt, size_t prompt_len,
    const struct evidence *evidence);

/* Whether a template holds only names that refine_prompt() knows; *bad (of *bad_len bytes) is the first other one. */
bool refine_check(const char *refine, const char **bad, size_t *bad_len);

#endif
