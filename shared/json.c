#include "shared/json.h"

#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/json_scan.h"
#include "shared/text.h"
#include "shared/xalloc.h"

/* Integers up to here are exact as doubles. */
#define INTEGER_MAX (INT64_C(1) << 53)
/* Longest piece of a key in a message. */
#define KEY_SHOWN_MAX 80

/* A key and where it stands in the text. */
struct key {
	const char *name;
	size_t offset;
};

/*
 * The search for keys that stand twice. The keys of the objects that are open
 * lie on one stack, the innermost last. Made and released by check_keys().
 */
struct key_check {
	const size_t *offsets; /* of all keys in the order of the text */
	size_t next;	       /* the first that has not been met */
	struct key *stack;
	size_t count;
	size_t cap;
	struct key twice; /* name NULL: none found */
};

/*
 * Before main(), because everybody builds objects with cJSON_Create*(), which come through no
 * function of ours.
 */
__attribute__((constructor)) static void set_hooks(void)
{
	cJSON_Hooks hooks = { .malloc_fn = xmalloc, .free_fn = free };

	cJSON_InitHooks(&hooks);
}

locale_t json_locale(void)
{
	static locale_t plain;

	if (plain == (locale_t)0)
		plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (plain == (locale_t)0)
		out_of_memory();
	return plain;
}

static int key_compare(const void *a, const void *b)
{
	const struct key *x = a;
	const struct key *y = b;
	int order = strcmp(x->name, y->name);

	if (order != 0)
		return order;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static void push_key(struct key_check *check, const char *name)
{
	if (check->count == check->cap) {
		check->cap = check->cap == 0 ? 64 : check->cap * 2;
		check->stack = xreallocarray(check->stack, check->cap, sizeof(check->stack[0]));
	}
	check->stack[check->count].name = name;
	check->stack[check->count].offset = check->offsets[check->next];
	check->count++;
	check->next++;
}

/* Of all keys on the stack from `base` on: the first in the text that is there before. */
static void find_twice(struct key_check *check, size_t base)
{
	size_t count = check->count - base;
	struct key *keys;

	if (count < 2)
		return;
	keys = check->stack + base;
	qsort(keys, count, sizeof(keys[0]), key_compare);
	for (size_t i = 1; i < count; i++) {
		if (strcmp(keys[i - 1].name, keys[i].name) != 0)
			continue;
		if (check->twice.name == NULL || keys[i].offset < check->twice.offset)
			check->twice = keys[i];
	}
}

static void check_tree(struct key_check *check, const cJSON *value)
{
	size_t base = check->count;
	const cJSON *item;

	cJSON_ArrayForEach(item, value)
	{
		if (cJSON_IsObject(value))
			push_key(check, item->string);
		if (item->child != NULL)
			check_tree(check, item);
	}
	find_twice(check, base);
	check->count = base;
}

static void tell_twice(const struct key *key, struct json_error *error)
{
	const char *name = safe(key->name);
	size_t len = strlen(name);
	const char *more = "";

	if (len > KEY_SHOWN_MAX) {
		len = KEY_SHOWN_MAX;
		while (len > 0 && ((unsigned char)name[len] & 0xc0) == 0x80)
			len--;
		more = "...";
	}
	error->offset = key->offset;
	snprintf(error->message, sizeof(error->message), "key '%.*s%s' stands twice", (int)len,
	    name, more);
}

static bool keys_unique(const cJSON *root, const struct json_keys *keys, struct json_error *error)
{
	struct key_check check = { .offsets = keys->offsets };

	check_tree(&check, root);
	if (check.twice.name != NULL)
		tell_twice(&check.twice, error);
	free(check.stack);
	return check.twice.name == NULL;
}

static cJSON *parse_scanned(const char *text, size_t len, const struct json_keys *keys,
    struct json_error *error)
{
	cJSON *root = cJSON_ParseWithLengthOpts(text, len, NULL, 0);

	if (root == NULL) {
		error->offset = 0;
		snprintf(error->message, sizeof(error->message), "not understood as JSON");
		return NULL;
	}
	if (!keys_unique(root, keys, error)) {
		cJSON_Delete(root);
		return NULL;
	}
	return root;
}

cJSON *json_parse_nested(const char *text, size_t len, unsigned depth, struct json_error *error)
{
	struct json_keys keys = { 0 };
	/* strtod() reads a decimal comma where the locale has one */
	locale_t before = uselocale(json_locale());
	cJSON *root = NULL;

	if (json_scan(text, len, depth, &keys, error))
		root = parse_scanned(text, len, &keys, error);
	uselocale(before);
	free(keys.offsets);
	return root;
}

cJSON *json_parse(const char *text, size_t len, struct json_error *error)
{
	return json_parse_nested(text, len, JSON_DEPTH_MAX, error);
}

const cJSON *json_get(const cJSON *object, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(object, key);
}

const char *json_get_string(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(json_get(object, key));
}

double json_get_number(const cJSON *object, const char *key, double otherwise)
{
	const cJSON *item = json_get(object, key);

	/* json_add_integer() stores what no double holds as raw text */
	if (cJSON_IsRaw(item))
		return strtod(item->valuestring, NULL);
	return cJSON_IsNumber(item) ? item->valuedouble : otherwise;
}

uint64_t json_get_count(const cJSON *object, const char *key)
{
	double value = json_get_number(object, key, 0);

	/* beyond 2^53 a double does not tell one integer from the next */
	return value > 0 && value < 9e15 ? (uint64_t)value : 0;
}

int64_t json_get_ms(const cJSON *object, const char *key)
{
	double seconds = json_get_number(object, key, 0);

	return seconds > 0 && seconds < 1e12 ? (int64_t)(seconds * 1000 + 0.5) : 0;
}

void json_add_string(cJSON *object, const char *key, const char *value)
{
	json_add_item(object, key, value != NULL ? cJSON_CreateString(value) : cJSON_CreateNull());
}

void json_add_integer(cJSON *object, const char *key, int64_t value)
{
	char text[24];

	if (value >= -INTEGER_MAX && value <= INTEGER_MAX) {
		json_add_item(object, key, cJSON_CreateNumber((double)value));
		return;
	}
	snprintf(text, sizeof(text), "%" PRId64, value);
	json_add_item(object, key, cJSON_CreateRaw(text));
}

void json_add_seconds(cJSON *object, const char *key, int64_t ms)
{
	json_add_item(object, key, cJSON_CreateNumber((double)ms / 1000.0));
}

void json_add_bool(cJSON *object, const char *key, bool value)
{
	json_add_item(object, key, cJSON_CreateBool(value));
}

void json_add_null(cJSON *object, const char *key)
{
	json_add_item(object, key, cJSON_CreateNull());
}

void json_add_item(cJSON *object, const char *key, cJSON *item)
{
	/* most keys are literals; copying each cost a tenth of a record's time */
	cJSON_AddItemToObjectCS(object, key, item);
}

static void add_text(cJSON *object, const char *key, const char *data, size_t len)
{
	char *text = xmemdup0(data, len);

	json_add_string(object, key, text);
	free(text);
}

/* The bytes with U+FFFD in place of all that a JSON string cannot hold. */
static void replace_bad(struct buf *out, const char *data, size_t len)
{
	const char *end = data + len;

	while (data < end) {
		const char *nul = memchr(data, '\0', (size_t)(end - data));
		const char *stop = nul != NULL ? nul : end;

		text_utf8(out, data, (size_t)(stop - data));
		if (nul == NULL)
			break;
		buf_addstr(out, "\xef\xbf\xbd");
		data = nul + 1;
	}
}

static void base64_key(struct buf *name, const char *key)
{
	buf_addf(name, "%s_base64", key);
}

void json_add_bytes(cJSON *object, const char *key, const void *data, size_t len)
{
	struct buf text = BUF_INIT;
	struct buf name = BUF_INIT;

	if (len == 0) {
		json_add_string(object, key, "");
		return;
	}
	if (memchr(data, '\0', len) == NULL && utf8_valid(data, len)) {
		add_text(object, key, data, len);
		return;
	}
	replace_bad(&text, data, len);
	json_add_string(object, key, buf_str(&text));
	buf_reset(&text);
	base64_encode(&text, data, len);
	base64_key(&name, key);
	cJSON_AddItemToObject(object, buf_str(&name), cJSON_CreateString(buf_str(&text)));
	buf_free(&text);
	buf_free(&name);
}

bool json_get_bytes(const cJSON *object, const char *key, struct buf *out)
{
	struct buf name = BUF_INIT;
	const char *text = json_get_string(object, key);
	const cJSON *encoded;

	base64_key(&name, key);
	encoded = json_get(object, buf_str(&name));
	buf_free(&name);
	if (text == NULL)
		return false;
	if (encoded == NULL) {
		buf_addstr(out, text);
		return true;
	}
	return cJSON_IsString(encoded) &&
	    base64_decode(out, encoded->valuestring, strlen(encoded->valuestring));
}
