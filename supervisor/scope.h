/*
 * Scopes: the paths that tasks declare to write and to read.
 */
#ifndef POLLARD_SCOPE_H
#define POLLARD_SCOPE_H

#include <stdbool.h>

/*
 * Whether some path could match both patterns: an intersection of the two, exact for `*`, `?`, `[...]`, `**`. Both are absolute
 * and folded (scope_absolute()). A pattern that names a directory covers all below it.
 */
bool patterns_meet(const char *a, const char *b);

/*
 * The pattern made absolute by cwd, with `.` and `..` folded and what exists of its literal part resolved through
 * symbolic links. Allocated.
 */
char *scope_absolute(const char *pattern, const char *cwd);

#endif
