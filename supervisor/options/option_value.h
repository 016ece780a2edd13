/*
 * The value of one option: from what was written to a member of struct config.
 */
#ifndef POLLARD_OPTION_VALUE_H
#define POLLARD_OPTION_VALUE_H

#include <stdbool.h>

#include "shared/buf.h"
#include "supervisor/options/config.h"
#include "supervisor/options/options.h"

/* Puts the value into config, which keeps the pointer; false when it is not one. */
bool option_store(struct config *config, const struct option_info *o, const char *value);
/* Appends what a value should have been, for messages: "a duration such as 90, 10m or 2h". */
void option_expected(struct buf *out, const struct option_info *o);

#endif
