#include "shared/xalloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/exits.h"

void out_of_memory(void)
{
	static const char text[] = "pollard: out of memory\n";

	/* When even this cannot be written, the exit status still says it. */
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(EXIT_SYSTEM);
	_exit(EXIT_SYSTEM);
}

/* Some requests are empty, and their answer must not be mistaken for a failure. */
static size_t not_zero(size_t size)
{
	return size > 0 ? size : 1;
}

void *xmalloc(size_t size)
{
	void *p = malloc(not_zero(size));

	if (p == NULL)
		out_of_memory();
	return p;
}

void *xcalloc(size_t count, size_t size)
{
	void *p = calloc(not_zero(count), not_zero(size));

	if (p == NULL)
		out_of_memory();
	return p;
}

void *xreallocarray(void *old, size_t count, size_t size)
{
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(count, size, &bytes))
		out_of_memory();
	p = realloc(old, not_zero(bytes));
	if (p == NULL)
		out_of_memory();
	return p;
}

char *xstrdup(const char *s)
{
	return xmemdup0(s, strlen(s));
}

char *xmemdup0(const void *s, size_t len)
{
	char *copy;

	if (len == SIZE_MAX)
		out_of_memory();
	copy = xmalloc(len + 1);
	if (len > 0)
		memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}
