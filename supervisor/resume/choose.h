/* Which run `resume` goes on with. */
#ifndef POLLARD_CHOOSE_H
#define POLLARD_CHOOSE_H

#include "supervisor/options/config.h"

/* The newest unfinished run below the root, else the newest one; allocated, NULL: there is none. */
char *choose_unfinished(const char *root);
/*
 * The newest run of the name that is given, or else of the file; allocated, NULL: there is none.
 */
char *choose_earlier(const char *root, const struct config *config);

#endif
