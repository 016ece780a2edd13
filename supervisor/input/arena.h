/*
 * Memory for what is read once and then never changes: the text of tasks.
 *
 * The blocks are shared anonymous mappings: a fork does not copy their page tables, so that its
 * cost does not grow with the list (measured: 0.16 ms instead of 15 at 512 MB), and the worker can
 * read its task in place. A small arena (ARENA_SMALL, for one task of a stream) comes from the
 * heap instead.
 */
#ifndef POLLARD_ARENA_H
#define POLLARD_ARENA_H

#include <stddef.h>

struct arena_block;

enum arena_kind { ARENA_SHARED, ARENA_SMALL };

/*
 * Declared by its owner as { .kind = ... }; all that was taken from it goes with arena_free(),
 * after which it can be used again.
 */
struct arena {
	enum arena_kind kind;
	struct arena_block *blocks;
};

/* Zeroed memory, aligned for anything. Never NULL. */
void *arena_take(struct arena *a, size_t size);
/* A copy of len bytes, with a NUL; not aligned. */
char *arena_copy(struct arena *a, const void *data, size_t len);
char *arena_strdup(struct arena *a, const char *s);
void arena_free(struct arena *a);

/*
 * An array that may become large and is the supervisor's alone: not there in a forked process
 * (MADV_DONTFORK), so that its page tables are not copied either. Begins as NULL with *cap 0; grows
 * by doubling; the elements may move. New elements are zero. Returns the (possibly moved) array;
 * *cap is the number of elements that fit.
 */
void *table_grow(void *table, size_t *cap, size_t need, size_t element_size);
void table_free(void *table, size_t cap, size_t element_size);

#endif
