/*
 * Patterns of paths: the first line is one, the second another, the third a path. Comparing is
 * symmetric, a pattern meets itself unless it matches nothing, and what a plain path meets does not
 * depend on how it is written.
 */
#include <stdlib.h>
#include <string.h>

#include "supervisor/plan/pattern.h"
#include "supervisor/plan/scope.h"
#include "tests/fuzz/fuzz.h"

#define LINES 3
/* Time grows with the product of the lengths, on purpose. */
#define LENGTH_MAX 300

static void split(char lines[LINES][LENGTH_MAX + 1], const uint8_t *data, size_t size)
{
	size_t line = 0;
	size_t len = 0;

	memset(lines, 0, LINES * (LENGTH_MAX + 1));
	for (size_t i = 0; i < size && line < LINES; i++) {
		if (data[i] == '\n') {
			line++;
			len = 0;
		} else if (data[i] != '\0' && len < LENGTH_MAX) {
			lines[line][len++] = (char)data[i];
		}
	}
}

/* As scope_absolute() makes it, without looking at the disk: below a directory that is not there. */
static char *absolute(const char *text)
{
	return scope_absolute(text, "/nowhere/at all/[x]");
}

static void check_absolute(const char *text)
{
	char *again = scope_absolute(text, "/else");

	MUST(text[0] == '/');
	MUST(strcmp(again, text) == 0);
	MUST(strstr(text, "//") == NULL && strstr(text, "/./") == NULL);
	free(again);
}

static void check_quoted(const char *path)
{
	struct buf quoted = BUF_INIT, plain = BUF_INIT;

	pattern_quote(&quoted, path, strlen(path));
	MUST(pattern_plain(&plain, buf_str(&quoted), quoted.len));
	MUST(strcmp(buf_str(&plain), path) == 0);
	buf_free(&quoted);
	buf_free(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char lines[LINES][LENGTH_MAX + 1];

	split(lines, data, size);
	char *a = absolute(lines[0]);
	char *b = absolute(lines[1]);
	bool met = patterns_meet(a, b);

	MUST(patterns_meet(b, a) == met);
	check_absolute(a);
	check_absolute(b);
	/* one that matches anything matches something of itself, and lies below its root */
	MUST(patterns_meet(a, a) == patterns_meet(a, "/**"));
	MUST(patterns_meet(a, "/") == patterns_meet(a, "/**"));
	if (met)
		MUST(patterns_meet(a, a) && patterns_meet(b, b));
	check_quoted(lines[2]);
	free(a);
	free(b);
	return 0;
}
