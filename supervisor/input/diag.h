/*
 * What is wrong with the input: collected while it is read, so that all of it is told at once and
 * nothing starts.
 */
#ifndef POLLARD_DIAG_H
#define POLLARD_DIAG_H

#include <stdbool.h>
#include <stddef.h>

#define DIAG_MAX 20

/* Declared by whoever reads input, as { 0 }; released with diag_free(). */
struct diag {
	char *lines[DIAG_MAX]; /* made safe, without a newline */
	size_t count;	       /* of all errors, also those beyond DIAG_MAX */
};

/*
 * Adds "FILE:LINE: message" ("FILE: message" for line 0, "FILE:LINE:COLUMN: ..." for column > 0).
 * What the message quotes is made safe here.
 */
void diag_add(struct diag *d, const char *file, size_t line, size_t column, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* Prints the lines to standard error, each after "pollard: ", and how many more there were. */
void diag_print(const struct diag *d);
void diag_free(struct diag *d);

#endif
