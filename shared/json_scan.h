/*
 * Whether bytes are one JSON document, by the letter of RFC 8259 and the limits of json.h.
 * For json.c only, which lets cJSON see a text after this has.
 */
#ifndef POLLARD_JSON_SCAN_H
#define POLLARD_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/json.h"

/*
 * Where the keys of a document stand, in the order of the text. Begins as all
 * zero, filled by json_scan(); whoever declares it frees `offsets`.
 */
struct json_keys {
	size_t *offsets;
	size_t count;
	size_t cap;
};

/*
 * False, and *error filled, at the first byte that is wrong. Does not look for keys that stand
 * twice. To be called with the C locale in use.
 */
bool json_scan(const char *text, size_t len, unsigned depth_max, struct json_keys *keys,
    struct json_error *error);

#endif
