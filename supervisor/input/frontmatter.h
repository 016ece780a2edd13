/*
 * The front matter of a Markdown file: the lines between a first line "---" and the next one.
 *
 * Read line by line and not as YAML, because many of the files that people have are no YAML:
 *
 *   - KEY: at the first column begins a key, [A-Za-z][A-Za-z0-9_-]*; all other lines go on with the
 *     one before
 *   - "..." and '...' around a whole value are taken off
 *   - | and > begin a block, "- item" lines and [a, b] are lists
 *   - a line that begins with # is a comment, and so is " # ..." behind an unquoted value
 *
 * Any bytes are survived, in time and memory linear to their number.
 */
#ifndef POLLARD_FRONTMATTER_H
#define POLLARD_FRONTMATTER_H

#include <stddef.h>

#define FRONTMATTER_KEYS_MAX 256

struct frontmatter_key {
	char *name;
	char *value;  /* never NULL; of a list or of nested keys, the lines joined with ", " */
	char **items; /* of a list, NULL-terminated; NULL for anything else */
};

/* Made by frontmatter_read(), constant from then on, released with frontmatter_free(). */
struct frontmatter {
	struct frontmatter_key *keys; /* in the order of the file; a name may stand twice */
	size_t count;
	size_t body; /* where the text after it begins */
};

/*
 * NULL, and *why (static text), when the text has no front matter or a broken one. *why is NULL
 * when it does not even begin like front matter. The text must hold no NUL.
 */
struct frontmatter *frontmatter_read(const char *text, size_t len, const char **why);
void frontmatter_free(struct frontmatter *fm);

/* The first key of that name, or NULL. */
const struct frontmatter_key *frontmatter_find(const struct frontmatter *fm, const char *name);

#endif
