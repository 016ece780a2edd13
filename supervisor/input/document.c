#include "supervisor/input/document.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/input/document_data.h"

/* One node's place; node NULL: free. */
struct slot {
	const cJSON *node;
	struct place value;
	struct place key;
};

/*
 * A hash table by node, at most three quarters full. Made by document_read(), freed by
 * document_free().
 */
struct places {
	struct slot *slots;
	size_t cap; /* a power of two */
	size_t count;
};

/* A walk through a text that knows the place it has come to. On the stack of whoever walks. */
struct walk {
	const char *data;
	size_t len;
	size_t pos;
	struct place at;
};

/*
 * Places
 */
static size_t first_slot(const struct places *p, const cJSON *node)
{
	uint64_t mixed = (uint64_t)(uintptr_t)node * UINT64_C(0x9e3779b97f4a7c15);

	return (size_t)(mixed >> 32) & (p->cap - 1);
}

/* The node's slot, or the free one where it belongs. */
static struct slot *find_slot(const struct places *p, const cJSON *node)
{
	size_t i = first_slot(p, node);

	while (p->slots[i].node != NULL && p->slots[i].node != node)
		i = (i + 1) & (p->cap - 1);
	return &p->slots[i];
}

static void grow(struct places *p)
{
	struct places bigger = { .cap = p->cap == 0 ? 64 : p->cap * 2, .count = p->count };

	bigger.slots = xcalloc(bigger.cap, sizeof(*bigger.slots));
	for (size_t i = 0; i < p->cap; i++)
		if (p->slots[i].node != NULL)
			*find_slot(&bigger, p->slots[i].node) = p->slots[i];
	free(p->slots);
	*p = bigger;
}

void document_set_place(struct document *d, const cJSON *node, struct place value, struct place key)
{
	struct slot *slot;

	if (d->places->count >= d->places->cap / 4 * 3)
		grow(d->places);
	slot = find_slot(d->places, node);
	if (slot->node == NULL)
		d->places->count++;
	*slot = (struct slot){ node, value, key };
}

static struct slot slot_of(const struct document *d, const cJSON *node)
{
	if (d->places == NULL || d->places->cap == 0 || node == NULL)
		return (struct slot){ 0 };
	return *find_slot(d->places, node);
}

struct place document_place(const struct document *d, const cJSON *node)
{
	return slot_of(d, node).value;
}

struct place document_key_place(const struct document *d, const cJSON *node)
{
	return slot_of(d, node).key;
}

void document_free(struct document *d)
{
	cJSON_Delete(d->root);
	if (d->places != NULL)
		free(d->places->slots);
	free(d->places);
	*d = (struct document){ 0 };
}

/*
 * Texts
 */
bool document_fail(const struct document_text *t, struct place at, const char *fmt, ...)
{
	struct buf message = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&message, fmt, ap);
	va_end(ap);
	diag_add(t->diag, t->file, at.line, at.column, "%s", buf_str(&message));
	buf_free(&message);
	return false;
}

static struct walk walk_begin(const struct document_text *t)
{
	return (struct walk){ .data = t->data, .len = t->len, .at = { 1, 1 } };
}

/* The byte that comes next, or -1 at the end. */
static int peek(const struct walk *w)
{
	return w->pos == w->len ? -1 : (unsigned char)w->data[w->pos];
}

/* Past one byte. A character is counted when its last byte was passed. */
static void step(struct walk *w)
{
	char c = w->data[w->pos++];

	if (c == '\n')
		w->at = (struct place){ w->at.line + 1, 1 };
	else if (w->pos == w->len || ((unsigned char)w->data[w->pos] & 0xc0) != 0x80)
		w->at.column++;
}

struct place document_place_of(const struct document_text *t, size_t offset)
{
	struct walk w = walk_begin(t);

	while (w.pos < offset && w.pos < w.len)
		step(&w);
	return w.at;
}

/*
 * JSON: the text is known to be good, and the tree to be what it says.
 */
static void skip_blanks(struct walk *w)
{
	int c;

	while ((c = peek(w)) == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',' || c == ':')
		step(w);
}

static void skip_string(struct walk *w)
{
	step(w);
	while (peek(w) != '"' && peek(w) != -1) {
		if (peek(w) == '\\')
			step(w);
		step(w);
	}
	if (peek(w) == '"')
		step(w);
}

static void skip_scalar(struct walk *w)
{
	if (peek(w) == '"') {
		skip_string(w);
		return;
	}
	while (peek(w) != -1 && strchr(",]} \t\r\n", peek(w)) == NULL)
		step(w);
}

static void place_json(struct document *d, struct walk *w, const cJSON *node)
{
	const cJSON *child;
	struct place key;

	skip_blanks(w);
	key = w->at;
	if (node->string != NULL) {
		skip_string(w);
		skip_blanks(w);
	}
	document_set_place(d, node, w->at, key);
	if (!cJSON_IsArray(node) && !cJSON_IsObject(node)) {
		skip_scalar(w);
		return;
	}
	step(w);
	cJSON_ArrayForEach(child, node) place_json(d, w, child);
	skip_blanks(w);
	step(w);
}

static bool read_json(struct document *d, const struct document_text *t)
{
	struct json_error error;
	struct walk w = walk_begin(t);

	d->root = json_parse(t->data, t->len, &error);
	if (d->root == NULL)
		return document_fail(t, document_place_of(t, error.offset), "%s", error.message);
	place_json(d, &w, d->root);
	return true;
}

/*
 * YAML: what libyaml would let pass, or tell no place of.
 */
/* One that is not part of ASCII, and how long it is. */
static bool check_character(const struct document_text *t, const struct walk *w, size_t *len)
{
	const unsigned char *s = (const unsigned char *)w->data + w->pos;

	*len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (w->len - w->pos < *len || !utf8_valid((const char *)s, *len))
		return document_fail(t, w->at, "not valid UTF-8: the byte 0x%02x", s[0]);
	if (s[0] == 0xc2 && s[1] == 0x85)
		return document_fail(t, w->at,
		    "U+0085 ends a line in YAML and nowhere else: write it as \"\\N\"");
	if (s[0] == 0xe2 && s[1] == 0x80 && (s[2] == 0xa8 || s[2] == 0xa9))
		return document_fail(t, w->at,
		    "U+%04X ends a line in YAML and nowhere else: write it as \"\\u%04x\"",
		    0x2000u | (s[2] & 0x3fu), 0x2000u | (s[2] & 0x3fu));
	if (s[0] == 0xc2 && s[1] < 0xa0)
		return document_fail(t, w->at,
		    "the control character U+%04X: write it as \"\\x%02x\"", s[1], s[1]);
	if (s[0] == 0xef && s[1] == 0xbf && s[2] >= 0xbe)
		return document_fail(t, w->at, "U+FFF%c is no character", s[2] == 0xbe ? 'E' : 'F');
	return true;
}

static bool check_ascii(const struct document_text *t, const struct walk *w)
{
	int c = peek(w);

	if (c == '\0')
		return document_fail(t, w->at, "a NUL byte: a document is text");
	if (c == '\r' && (w->pos + 1 == w->len || w->data[w->pos + 1] != '\n'))
		return document_fail(t, w->at,
		    "a carriage return within a line: lines end with \\n or \\r\\n");
	if ((c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
		return document_fail(t, w->at,
		    "the control character U+%04X: write it as \"\\x%02x\"", (unsigned)c,
		    (unsigned)c);
	return true;
}

static bool check_characters(const struct document_text *t)
{
	struct walk w = walk_begin(t);
	size_t len = 1;

	while (peek(&w) != -1) {
		bool ascii = peek(&w) < 0x80;

		if (!(ascii ? check_ascii(t, &w) : check_character(t, &w, &len)))
			return false;
		for (size_t i = 0; i < (ascii ? 1 : len); i++)
			step(&w);
	}
	return true;
}

int document_read(struct document *d, const char *file, const char *data, size_t len,
    enum document_form form, struct diag *diag)
{
	struct document_text t = { .file = file, .data = data, .len = len, .diag = diag };
	bool good;

	*d = (struct document){ .places = xcalloc(1, sizeof(*d->places)) };
	if (len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) {
		t.data += 3;
		t.len -= 3;
	}
	if (t.len > DOCUMENT_MAX)
		good = document_fail(&t, (struct place){ 0 },
		    "longer than %d MiB, the most that a document may have",
		    DOCUMENT_MAX / (1024 * 1024));
	else if (form == DOCUMENT_JSON)
		good = read_json(d, &t);
	else
		good = check_characters(&t) && document_read_yaml(d, &t);
	if (!good)
		document_free(d);
	return good ? 0 : -1;
}
