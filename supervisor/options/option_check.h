/*
 * What cannot be meant together: looked at when all options are known.
 */
#ifndef POLLARD_OPTION_CHECK_H
#define POLLARD_OPTION_CHECK_H

#include "shared/buf.h"
#include "supervisor/options/config.h"
#include "supervisor/options/options.h"

/*
 * Looks at the options of the command, and sets what they imply (--cron, --sequential, the form of
 * the input). 0, or EXIT_USAGE and in `error` what to type instead.
 */
int option_check(struct config *config, enum command command, struct buf *error);
/* Appends the last line of every error of usage, where to read on; returns EXIT_USAGE. */
int option_usage(struct buf *error, enum command command);

#endif
