/*
 * `pollard plan --cron`: the run as lines for a crontab, which work there as they stand.
 */
#ifndef POLLARD_CRONTAB_H
#define POLLARD_CRONTAB_H

#include <stdbool.h>

#include "shared/buf.h"
#include "supervisor/input/task.h"
#include "supervisor/options/config.h"

/*
 * Appends a comment, the variables that cron sets otherwise (PATH), and the line, for the options of this invocation (arguments and
 * environment; settings are read again by the run, from the same directory). `file` is what was
 * read. False, and one line in `why`, when it cannot be said in a crontab.
 */
bool crontab_print(struct buf *out, const struct config *config, const struct plan *plan,
    const char *file, struct buf *why);
/* Appends a word as it has to stand in the command of a crontab: quoted for sh, each % as \%. */
void crontab_word(struct buf *out, const char *word);

#endif
