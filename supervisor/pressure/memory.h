/*
 * How much memory is free, as the system and the control group of this process have it.
 */
#ifndef POLLARD_MEMORY_H
#define POLLARD_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/options/config.h"

/* Filled by memory_open(), released by memory_close(). */
struct memory {
	const char *root; /* the caller's */
	char *group; /* directory of the control group with the lowest limit; NULL: none has one */
	uint64_t group_max; /* that limit, in bytes */
};

/* "5%" (to 100%), or a size ("512M"; 0: no floor). False when it is neither. */
bool memory_parse_floor(const char *text, struct memory_floor *out);

/* Finds the limits that hold for this process. `root` stands before /proc and /sys: "". */
void memory_open(struct memory *m, const char *root);
void memory_close(struct memory *m);
/* Bytes that can be had without swapping, and of how many. False when the system does not tell. */
bool memory_look(const struct memory *m, uint64_t *available, uint64_t *total);
/* Whether fewer bytes are available than the floor asks for. */
bool memory_is_low(const struct memory_floor *floor, uint64_t available, uint64_t total);

#endif
