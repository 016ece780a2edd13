/*
 * Removing a directory with all in it, whoever filled it and however.
 */
#ifndef POLLARD_REMOVAL_H
#define POLLARD_REMOVAL_H

#include <stdint.h>

/*
 * Removes `name` in the directory `parent`: follows no symbolic link, crosses into no other file
 * system, opens up directories that may not be written to, and takes a bounded number of descriptors
 * and little memory however deep it is. What cannot be removed is passed over, the rest goes. Gives up
 * at until_ms by clock_mono_ms() (0: never). 0, also when there is no such name; or -1 with errno of the
 * first failure (ETIMEDOUT: given up).
 */
int remove_tree(int parent, const char *name, int64_t until_ms);

#endif
