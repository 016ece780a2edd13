/*
 * The seed's notation, one line at a time: which of its forms a line has. Pure, nothing is copied.
 */
#ifndef POLLARD_NOTATION_H
#define POLLARD_NOTATION_H

#include <stddef.h>

enum notation_kind {
	NOTATION_TASK, /* an agent and its prompt, which may be empty */
	NOTATION_STEP, /* "Step N: TITLE", "Phase: TITLE" */
	NOTATION_GOAL, /* "Goal: TEXT" */
	NOTATION_NOTE, /* blank lines, comments, fences, "Synchronization: ..." */
	NOTATION_BAD,  /* none of the forms */
};

/* The parts are pieces of the line, without blanks around them and not NUL-terminated. */
struct notation {
	enum notation_kind kind;
	const char *agent; /* NOTATION_TASK */
	size_t agent_len;
	const char *text; /* the prompt, title or goal */
	size_t text_len;
};

struct notation notation_parse(const char *line, size_t len);

#endif
