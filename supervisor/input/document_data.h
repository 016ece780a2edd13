/*
 * The inside of document.h, for the files that read the forms.
 */
#ifndef POLLARD_DOCUMENT_DATA_H
#define POLLARD_DOCUMENT_DATA_H

#include <stdbool.h>
#include <stddef.h>

#include "supervisor/input/document.h"

#define DOCUMENT_DEPTH_MAX 64

/*
 * A document while it is read; on the stack of document_read(). The text is without byte order mark,
 * and of YAML it is known to be printable UTF-8 in which '\n' and "\r\n" are the only ends of lines.
 */
struct document_text {
	const char *file;
	const char *data;
	size_t len;
	struct diag *diag;
};

/* Adds the line and returns false. */
bool document_fail(const struct document_text *t, struct place at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Line and column of a byte. Walks there from the beginning. */
struct place document_place_of(const struct document_text *t, size_t offset);
/* Remembers where a node and its key (of one without: the node again) begin. */
void document_set_place(struct document *d, const cJSON *node, struct place value,
    struct place key);

/* Reads YAML into d->root; false after one line was added to diag, whatever d->root is then. */
bool document_read_yaml(struct document *d, const struct document_text *t);

/*
 * What a plain scalar is by YAML's core schema, with its text in `valuestring`. NULL when it is a
 * number that no JSON number is; *why says so.
 */
cJSON *document_plain_scalar(const char *text, size_t len, const char **why);

/* What libyaml says about a text that it does not understand. */
struct yaml_complaint {
	const char *problem;
	const char *context; /* NULL: none */
	struct place at;     /* of the problem */
	struct place from;   /* where the context began */
	struct place open;   /* the innermost brackets that are open; line 0: none */
	bool open_list;	     /* [ and not { */
};

/* Adds the line that says it in plain words. */
void document_complain(const struct document_text *t, const struct yaml_complaint *c);

#endif
