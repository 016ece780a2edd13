/*
 * Allocation that does not fail: without memory the process says so on standard
 * error and ends with EXIT_SYSTEM. Nothing recorded is lost by that: the journal
 * is written once per turn of the loop, and workers kill their process trees as
 * soon as the supervisor is gone.
 */
#ifndef POLLARD_XALLOC_H
#define POLLARD_XALLOC_H

#include <stddef.h>

void *xmalloc(size_t size) __attribute__((returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((returns_nonnull));
/* Like reallocarray(3): checks count * size for overflow. */
void *xreallocarray(void *old, size_t count, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((returns_nonnull));
/* Copies len bytes of s and a NUL. */
char *xmemdup0(const void *s, size_t len) __attribute__((returns_nonnull));

/* Says "pollard: out of memory" with write(2) alone and ends the process. */
_Noreturn void out_of_memory(void);

#endif
