/*
 * A command line as its words, without a shell.
 */
#ifndef POLLARD_WORDS_H
#define POLLARD_WORDS_H

#include <stddef.h>

#include "shared/buf.h"

/*
 * Splits at blanks, tabs and newlines. Quotes and backslashes mean what they mean to sh: '...' is
 * taken as it is, in "..." a backslash escapes only $ ` " \ and a newline, elsewhere it escapes any
 * character. Nothing else is special: $, *, ~, |, # and the like are ordinary characters.
 * Returns a NULL-terminated array (empty for an empty line), released with words_free(); NULL, and
 * *why (static text), when a quote is not closed.
 */
char **words_split(const char *line, const char **why);
void words_free(char **words);

/* Appends a word as it would have to be typed: in single quotes when it needs them. */
void words_quote(struct buf *out, const char *word);

#endif
