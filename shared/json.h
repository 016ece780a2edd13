/*
 * The one door to cJSON. Reading is strict where cJSON is not: a document ends
 * where the text ends, keys are unique (case counts), strings hold no NUL and are valid
 * UTF-8, numbers are RFC 8259 numbers in range (integers up to 2^53), nesting ends at 64. Nobody
 * else calls cJSON's parser.
 * Writing never fails: cJSON allocates through xmalloc().
 */
#ifndef POLLARD_JSON_H
#define POLLARD_JSON_H

#include <cjson/cJSON.h>
#include <locale.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/buf.h"

#define JSON_DEPTH_MAX 64
/* For records of ours that hold such a document somewhere inside. */
#define JSON_RECORD_DEPTH_MAX (JSON_DEPTH_MAX + 8)

struct json_error {
	size_t offset;	   /* of the byte that is wrong */
	char message[160]; /* one line: what is wrong and, where it helps, what was expected */
};

/*
 * Parses len bytes. NULL and *error filled when they are not one good document. Free with
 * cJSON_Delete().
 */
cJSON *json_parse(const char *text, size_t len, struct json_error *error);
/* The same with another limit of nesting. */
cJSON *json_parse_nested(const char *text, size_t len, unsigned depth, struct json_error *error);

/* The member of that exact name, or NULL. */
const cJSON *json_get(const cJSON *object, const char *key);
/* Its string, or NULL when it is missing or no string. */
const char *json_get_string(const cJSON *object, const char *key);
/* Its number, or `otherwise` when it is missing or no number. */
double json_get_number(const cJSON *object, const char *key, double otherwise);
/* Its number as a count, and its seconds in milliseconds; 0 when it is missing, negative, or larger than can be. */
uint64_t json_get_count(const cJSON *object, const char *key);
int64_t json_get_ms(const cJSON *object, const char *key);

/* NULL becomes null. */
/* Keys are not copied: they must live as long as the object, as literals do. */
void json_add_string(cJSON *object, const char *key, const char *value);
/* Exact at any size. */
void json_add_integer(cJSON *object, const char *key, int64_t value);
/* 61.204 */
void json_add_seconds(cJSON *object, const char *key, int64_t ms);
void json_add_bool(cJSON *object, const char *key, bool value);
void json_add_null(cJSON *object, const char *key);
/* Takes item. */
void json_add_item(cJSON *object, const char *key, cJSON *item);
/*
 * Any bytes: valid UTF-8 without NUL as a string; else with U+FFFD in place of each bad byte and
 * NUL, and the bytes themselves beside it under KEY_base64.
 */
void json_add_bytes(cJSON *object, const char *key, const void *data, size_t len);
/* The reverse: the bytes that json_add_bytes() stored; false when there are none. */
bool json_get_bytes(const cJSON *object, const char *key, struct buf *out);

/*
 * Appends the value on one line, without blanks: valid UTF-8 whatever the strings hold, numbers
 * that are read as the same again, and no byte that could act on a terminal.
 */
void json_print(struct buf *out, const cJSON *value);

/* The C locale, where a decimal point is a point; for json.c and json_print.c. */
locale_t json_locale(void);

#endif
