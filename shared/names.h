/*
 * Names that users type: which are allowed, and what was probably meant.
 */
#ifndef POLLARD_NAMES_H
#define POLLARD_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#define ID_MAX 64

/* [A-Za-z0-9._-]{1,64}, not beginning with '.' or '-': safe as a file name. */
bool id_valid(const char *s, size_t len);

/*
 * The name among names[0..count-1] nearest to `word`, or NULL. Near is a Damerau-Levenshtein
 * distance of at most 2 and at most a third of the length of `word` (but 1 for two letters);
 * case does not count. Of equally near ones the first.
 */
const char *names_suggest(const char *word, const char *const *names, size_t count);

#endif
