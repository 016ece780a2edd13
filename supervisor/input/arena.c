#include "supervisor/input/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shared/xalloc.h"

#define ALIGNMENT _Alignof(max_align_t)

/* The beginning of a block; what is taken from it follows. In and freed with its arena. */
struct arena_block {
	struct arena_block *next;
	size_t size; /* of the whole block */
	size_t used; /* of size, with this header */
};

/* How large the blocks of each kind are: the first, and the largest. */
static const struct {
	size_t first, last;
} block_sizes[] = {
	[ARENA_SHARED] = { 256 * 1024, 16 * 1024 * 1024 },
	[ARENA_SMALL] = { 4 * 1024, 64 * 1024 },
};

static size_t round_up(size_t n, size_t unit)
{
	if (n > SIZE_MAX - unit)
		out_of_memory();
	return (n + unit - 1) / unit * unit;
}

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t header_size(void)
{
	return round_up(sizeof(struct arena_block), ALIGNMENT);
}

/* sharing: MAP_SHARED or MAP_PRIVATE. */
static void *map_new(size_t size, int sharing)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		out_of_memory();
	return map;
}

static struct arena_block *block_new(enum arena_kind kind, size_t size)
{
	struct arena_block *block;

	if (kind == ARENA_SMALL)
		block = xcalloc(1, size);
	else
		block = map_new(size, MAP_SHARED);
	block->size = size;
	block->used = header_size();
	return block;
}

static size_t next_size(const struct arena *a)
{
	size_t size = block_sizes[a->kind].first;

	if (a->blocks != NULL && a->blocks->size >= size)
		size = a->blocks->size * 2;
	return size < block_sizes[a->kind].last ? size : block_sizes[a->kind].last;
}

/* A block with room for size bytes. */
static struct arena_block *block_add(struct arena *a, size_t size)
{
	size_t usual = next_size(a), whole;
	struct arena_block *block;

	if (size > SIZE_MAX / 2)
		out_of_memory();
	whole = header_size() + size;
	/* One that fills most of a block gets its own, behind the first: that stays in use. */
	if (a->blocks != NULL && whole > usual / 2) {
		block = block_new(a->kind, round_up(whole, page_size()));
		block->next = a->blocks->next;
		a->blocks->next = block;
		return block;
	}
	block = block_new(a->kind, whole > usual ? round_up(whole, page_size()) : usual);
	block->next = a->blocks;
	a->blocks = block;
	return block;
}

static void *take(struct arena *a, size_t size, size_t alignment)
{
	struct arena_block *block = a->blocks;
	size_t at = block != NULL ? round_up(block->used, alignment) : 0;

	if (block == NULL || at > block->size || size > block->size - at) {
		block = block_add(a, size);
		at = block->used;
	}
	block->used = at + size;
	return (char *)block + at;
}

void *arena_take(struct arena *a, size_t size)
{
	return take(a, size, ALIGNMENT);
}

char *arena_copy(struct arena *a, const void *data, size_t len)
{
	char *copy;

	if (len == SIZE_MAX)
		out_of_memory();
	copy = take(a, len + 1, 1);
	if (len > 0)
		memcpy(copy, data, len);
	copy[len] = '\0';
	return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_copy(a, s, strlen(s));
}

void arena_free(struct arena *a)
{
	struct arena_block *block, *next;

	for (block = a->blocks; block != NULL; block = next) {
		next = block->next;
		if (a->kind == ARENA_SMALL)
			free(block);
		else
			munmap(block, block->size);
	}
	a->blocks = NULL;
}

/* What a table of cap elements takes of the address space. */
static size_t table_bytes(size_t cap, size_t element_size)
{
	size_t bytes;

	if (__builtin_mul_overflow(cap, element_size, &bytes))
		out_of_memory();
	return round_up(bytes, page_size());
}

static size_t table_cap(size_t cap, size_t need, size_t element_size)
{
	if (cap == 0)
		cap = page_size() / element_size;
	if (cap == 0)
		cap = 1;
	while (cap < need) {
		if (cap > SIZE_MAX / 2)
			out_of_memory();
		cap *= 2;
	}
	return cap;
}

void *table_grow(void *table, size_t *cap, size_t need, size_t element_size)
{
	size_t new_cap, bytes;

	if (table != NULL && need <= *cap)
		return table;
	new_cap = table_cap(table != NULL ? *cap : 0, need, element_size);
	bytes = table_bytes(new_cap, element_size);
	if (table == NULL)
		table = map_new(bytes, MAP_PRIVATE);
	else
		table = mremap(table, table_bytes(*cap, element_size), bytes, MREMAP_MAYMOVE);
	if (table == MAP_FAILED)
		out_of_memory();
	/* When it fails, forks only cost more. */
	madvise(table, bytes, MADV_DONTFORK);
	*cap = new_cap;
	return table;
}

void table_free(void *table, size_t cap, size_t element_size)
{
	if (table != NULL)
		munmap(table, table_bytes(cap, element_size));
}
