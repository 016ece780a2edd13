/*
 * What --help, `pollard help TOPIC` and --version say. Lists of commands and options are made
 * from the tables of options.h.
 */
#ifndef POLLARD_HELP_H
#define POLLARD_HELP_H

#include <stdbool.h>

#include "shared/buf.h"
#include "supervisor/options/options.h"

/* The three lines for somebody who typed `pollard` alone. */
void help_usage(struct buf *out);
/* `pollard --help`. */
void help_general(struct buf *out);
/* `pollard COMMAND --help`. */
void help_command(struct buf *out, enum command command);
/*
 * `pollard help TOPIC`: a topic, else a command. Without either false, and *near is what was
 * probably meant, or NULL.
 */
bool help_topic(struct buf *out, const char *topic, const char **near);
/* The names of the topics that are no commands, and `agents`; *count of them. */
const char *const *help_topics(size_t *count);
void help_version(struct buf *out);
/*
 * For the manual page: the options of each command ("options") or the variables that stand for
 * options ("environment") as mdoc(7). False for any other word.
 */
bool help_mdoc(struct buf *out, const char *what);

#endif
