/*
 * Files that an answer names.
 */
#ifndef POLLARD_MENTIONED_H
#define POLLARD_MENTIONED_H

#include <stddef.h>

#include "shared/result.h"

/* Adds to r the regular files below cwd (NULL: where this process is) that the text names. */
void mentioned_find(struct result *r, const char *text, size_t len, const char *cwd);
/* Adds the path to the files of r, unless it is one of them. */
void mentioned_add(struct result *r, const char *path);

#endif
