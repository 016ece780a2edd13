/*
 * Refinement: what an attempt is told about the one before. Pure.
 */
#ifndef POLLARD_REFINE_H
#define POLLARD_REFINE_H

#include <stddef.h>

#include "shared/buf.h"

struct template;

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
 * Appends the prompt of the next attempt: the template (compiled for attempt.*) with the number of
 * the next attempt, the error and the fenced tail put in; or, when refining is NULL, the prompt
 * followed by what refine_what_happened() says.
 */
void refine_prompt(struct buf *out, const struct template *refining, const char *prompt, size_t len,
    const struct evidence *e);

/*
 * Appends what is said behind a prompt that is not refined by a template: how the attempt ended, what
 * it printed, the advice, and the request to narrow the scope.
 */
void refine_what_happened(struct buf *out, const struct evidence *e);
/* The same as the next message in a conversation that the client goes on with: without the prompt. */
void refine_message(struct buf *out, const struct evidence *e);

#endif
