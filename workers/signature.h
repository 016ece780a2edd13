/*
 * Failures made comparable: the line of an error output that tells what went wrong, and that
 * line without what differs from task to task. Pure; the work is linear in the text.
 */
#ifndef POLLARD_SIGNATURE_H
#define POLLARD_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/buf.h"

/* Bytes at the end of an error output that are looked at. */
#define SIGNATURE_TAIL_MAX (8 * 1024)
/* Bytes of a line that are looked at. */
#define SIGNATURE_LINE_MAX 2000
/* Lines that signature_telling_lines() returns. */
#define TELLING_MAX 4

/* A line inside the text that was given. */
struct telling {
	const char *data;
	size_t len;
	bool message; /* it has the shape of an error message, not only a word of failure in it */
};

/*
 * Appends the end of an error output as it would be read: without terminal sequences, what a
 * carriage return was to overwrite as a line of its own, other control bytes as blanks.
 */
void signature_clean(struct buf *out, const char *text, size_t len);

/*
 * The lines of a cleaned text that tell why the program failed, without the blanks around them
 * and "npm error" before them: first the one that tells most, then lines near it that tell as
 * much. Stack frames, progress, hints and lines that only say that something failed before come
 * last or not at all. Returns how many; 0 when no line says anything.
 */
size_t signature_telling_lines(const char *text, size_t len, struct telling lines[TELLING_MAX]);

/* Appends the line with numbers, paths, addresses, times and quoted words as placeholders. */
void signature_blank(struct buf *out, const char *line, size_t len);

/*
 * Appends the signature of a failure: equal ones have probably the same cause. `status` is "exit
 * 1", "SIGSEGV" or "".
 */
void signature_of(struct buf *out, const char *reason, const char *status, const char *line,
    size_t len);

/* Whether the line is a compiler's or an interpreter's complaint about code: names stand in it. */
bool signature_is_about_code(const char *line, size_t len);

/* Whether the line is a sentence of a list or a report rather than a message. */
bool signature_is_prose(const char *line, size_t len);

/*
 * Where the words stand in the line, whatever their case, with no letter, digit or "_" beside
 * them; NULL when they do not.
 */
const char *signature_find(const char *line, size_t len, const char *words);

#endif
