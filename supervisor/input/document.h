/*
 * A YAML or JSON file as a tree, with the place of each node. Reading is strict: duplicate keys,
 * aliases, merge keys, tags, NULs, invalid UTF-8, several documents, more than 64 levels or 16 MiB
 * are refused. YAML has the types of its core schema: `no` and `12:30` are strings.
 */
#ifndef POLLARD_DOCUMENT_H
#define POLLARD_DOCUMENT_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/input/diag.h"

#define DOCUMENT_MAX (16 * 1024 * 1024)

enum document_form { DOCUMENT_YAML, DOCUMENT_JSON };

/* From 1; 0: not known. */
struct place {
	uint32_t line;
	uint32_t column;
};

struct places; /* see document.c */

/*
 * Filled by document_read(), released by document_free(). A plain YAML scalar that is no string has
 * its text as written in `valuestring` beside its value, for where a string is wanted.
 */
struct document {
	cJSON *root;
	struct places *places;
};

/* 0, or -1 after one line was added to diag (root is NULL then). */
int document_read(struct document *d, const char *file, const char *data, size_t len,
    enum document_form form, struct diag *diag);
/* Where the value of a node begins. */
struct place document_place(const struct document *d, const cJSON *node);
/* Where its key begins; of one without a key, the value. */
struct place document_key_place(const struct document *d, const cJSON *node);
void document_free(struct document *d);

#endif
