/*
 * The ids of the tasks of one step, for duplicates and for `needs`. Tasks without an id of their
 * own are known by their number; a row of them takes the place of one.
 */
#ifndef POLLARD_IDSET_H
#define POLLARD_IDSET_H

#include <stddef.h>
#include <stdint.h>

#include "shared/buf.h"

struct idset_entry;
struct idset_range;

/* Declared by whoever reads a list as { 0 }, released with idset_free(). */
struct idset {
	struct idset_entry *slots; /* a hash table of the explicit ids; NULL: none yet */
	size_t nslots;		   /* a power of two */
	size_t count;
	struct buf text; /* their bytes, each with a NUL */
	uint64_t seed;
	struct idset_range *ranges; /* of numbers that are ids, ascending */
	size_t nranges;
	size_t ranges_cap;
};

/* The number of the task of that id, or 0; *line (may be NULL) is 0 for an id that is a number. */
uint32_t idset_find(const struct idset *set, const char *id, uint32_t *line);
/* Adds an id that idset_find() does not find. */
void idset_add(struct idset *set, const char *id, uint32_t number, uint32_t line);
/* Adds a task that is known by its number, which is greater than those before. */
void idset_add_number(struct idset *set, uint32_t number);
void idset_free(struct idset *set);

#endif
