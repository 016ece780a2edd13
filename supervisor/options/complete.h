/*
 * What could be typed next, for the shells' completion: `pollard __complete -- WORD...`, the words
 * behind `pollard`, the last one being that at the cursor (it may be empty).
 */
#ifndef POLLARD_COMPLETE_H
#define POLLARD_COMPLETE_H

#include <stddef.h>

#include "shared/buf.h"

/*
 * Appends one line for each candidate: the word, a tab, what it is about (may be empty). A line
 * ":files", ":directories" or ":commands" asks the shell for its own. Nothing when nothing fits; never says
 * anything on standard error: somebody is typing.
 */
void complete_words(struct buf *out, const char *const *words, size_t count);

/* The command: prints that of argv. The exit status. */
int cmd_complete(int argc, char *const argv[]);

#endif
