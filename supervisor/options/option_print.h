/*
 * The reverse of option_store(): an option as it would have to be typed.
 */
#ifndef POLLARD_OPTION_PRINT_H
#define POLLARD_OPTION_PRINT_H

#include <stdbool.h>

#include "shared/buf.h"
#include "supervisor/options/config.h"
#include "supervisor/options/options.h"

/*
 * Called with each word of the options: "--jobs", "8". `word` is gone when it returns.
 */
typedef void (*option_word)(void *context, const char *word);

/*
 * Hands the words of an option to `take`: none when config has its default, or another option (a
 * flag) has implied what it has.
 */
void option_words(const struct option_info *o, const struct config *config,
    const struct config *defaults, option_word take, void *context);
/* The value of --require: "all", "3", "80%". */
void option_require(struct buf *out, const struct require *require);

#endif
