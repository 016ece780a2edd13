#include "supervisor/input/idset.h"

#include <stdlib.h>
#include <string.h>

#include "shared/quantity.h"
#include "shared/xalloc.h"

#define SLOTS_FIRST 64

struct idset_entry {
	size_t offset;	 /* of the id in text */
	uint32_t number; /* 0: an empty slot */
	uint32_t line;
};

struct idset_range {
	uint32_t first;
	uint32_t last;
};

/* FNV-1a; seeded, so that no list can be written for its collisions. */
static uint64_t hash(const struct idset *set, const char *id)
{
	uint64_t h = set->seed;

	for (; *id != '\0'; id++)
		h = (h ^ (unsigned char)*id) * UINT64_C(0x100000001b3);
	return h ^ (h >> 32);
}

/* The slot that holds the id, or the empty one where it belongs. */
static struct idset_entry *find_slot(const struct idset *set, const char *id)
{
	size_t i = hash(set, id) & (set->nslots - 1);

	while (set->slots[i].number != 0 && strcmp(set->text.data + set->slots[i].offset, id) != 0)
		i = (i + 1) & (set->nslots - 1);
	return &set->slots[i];
}

/* The number that the id is, written as pollard writes it; else 0. */
static uint32_t as_number(const char *id)
{
	uint64_t number;

	if (id[0] == '0' || !parse_integer(id, 1, UINT32_MAX, &number))
		return 0;
	return (uint32_t)number;
}

static uint32_t find_number(const struct idset *set, uint32_t number)
{
	size_t low = 0, high = set->nranges;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (number < set->ranges[middle].first)
			high = middle;
		else if (number > set->ranges[middle].last)
			low = middle + 1;
		else
			return number;
	}
	return 0;
}

uint32_t idset_find(const struct idset *set, const char *id, uint32_t *line)
{
	const struct idset_entry *entry;

	if (line != NULL)
		*line = 0;
	if (set->count > 0) {
		entry = find_slot(set, id);
		if (entry->number != 0) {
			if (line != NULL)
				*line = entry->line;
			return entry->number;
		}
	}
	return find_number(set, as_number(id));
}

static void grow(struct idset *set)
{
	struct idset_entry *old = set->slots;
	size_t nold = set->nslots;

	if (old == NULL)
		arc4random_buf(&set->seed, sizeof(set->seed));
	set->nslots = nold == 0 ? SLOTS_FIRST : nold * 2;
	set->slots = xcalloc(set->nslots, sizeof(*set->slots));
	for (size_t i = 0; old != NULL && i < nold; i++)
		if (old[i].number != 0)
			*find_slot(set, set->text.data + old[i].offset) = old[i];
	free(old);
}

void idset_add(struct idset *set, const char *id, uint32_t number, uint32_t line)
{
	if (set->count >= set->nslots / 2)
		grow(set);
	*find_slot(set, id) = (struct idset_entry){ set->text.len, number, line };
	buf_add(&set->text, id, strlen(id) + 1);
	set->count++;
}

void idset_add_number(struct idset *set, uint32_t number)
{
	struct idset_range *last = set->nranges > 0 ? &set->ranges[set->nranges - 1] : NULL;

	if (last != NULL && last->last + 1 == number) {
		last->last = number;
		return;
	}
	if (set->ranges == NULL || set->nranges == set->ranges_cap) {
		set->ranges_cap = set->ranges_cap == 0 ? 16 : set->ranges_cap * 2;
		set->ranges = xreallocarray(set->ranges, set->ranges_cap, sizeof(*set->ranges));
	}
	set->ranges[set->nranges++] = (struct idset_range){ number, number };
}

void idset_free(struct idset *set)
{
	free(set->slots);
	free(set->ranges);
	buf_free(&set->text);
	*set = (struct idset){ 0 };
}
