#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/input/document_data.h"

/* Most digits of a number in a message. */
#define SHOWN_MAX 40

/* A key of a mapping, for finding it again; the name is the node's. */
struct key {
	const char *name;
	uint32_t line;
};

/* A list or mapping that is open. Part of struct reading. */
struct frame {
	cJSON *node;
	bool flow;	 /* in brackets */
	char *key;	 /* of the value that comes next; NULL: a key comes next, or it is a list */
	bool key_plain;	 /* no quotes */
	struct place at; /* of that key */
	void *keys;	 /* of struct key, see tsearch(3): balanced, whatever the keys are */
};

/* A document while its events are read. Lives on the stack of document_read_yaml(). */
struct reading {
	struct document *document;
	const struct document_text *text;
	yaml_parser_t parser;
	struct frame frames[DOCUMENT_DEPTH_MAX];
	size_t depth;
};

/* Of libyaml's marks; they count from 0. */
static struct place place_of(yaml_mark_t mark)
{
	return (struct place){ (uint32_t)mark.line + 1, (uint32_t)mark.column + 1 };
}

static struct frame *innermost(struct reading *r)
{
	return r->depth == 0 ? NULL : &r->frames[r->depth - 1];
}

static bool awaits_key(struct reading *r)
{
	const struct frame *f = innermost(r);

	return f != NULL && cJSON_IsObject(f->node) && f->key == NULL;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(((const struct key *)a)->name, ((const struct key *)b)->name);
}

/* The key of that name that came first, which may be this one. */
static const struct key *remember(struct frame *f, struct key *key)
{
	struct key **found = tsearch(key, &f->keys, compare_keys);

	if (found != NULL)
		return *found;
	out_of_memory();
}

static bool check_twice(struct reading *r, struct frame *f, const cJSON *node)
{
	struct key *key = xmalloc(sizeof(*key));
	const struct key *first;

	*key = (struct key){ node->string, f->at.line };
	first = remember(f, key);
	if (first == key)
		return true;
	free(key);
	return document_fail(r->text, f->at, "the key '%s' stands twice: first in line %u",
	    safe(node->string), first->line);
}

/* Puts the node where it belongs; it is the tree's then. */
static bool attach(struct reading *r, cJSON *node, struct place at)
{
	struct frame *f = innermost(r);

	if (f == NULL) {
		r->document->root = node;
		document_set_place(r->document, node, at, at);
		return true;
	}
	if (cJSON_IsArray(f->node)) {
		cJSON_AddItemToArray(f->node, node);
		document_set_place(r->document, node, at, at);
		return true;
	}
	cJSON_AddItemToObject(f->node, f->key, node);
	document_set_place(r->document, node, at, f->at);
	free(f->key);
	f->key = NULL;
	return check_twice(r, f, node);
}

/*
 * Scalars
 */
static bool check_extras(struct reading *r, struct place at, const yaml_char_t *anchor,
    const yaml_char_t *tag)
{
	if (anchor != NULL)
		return document_fail(r->text, at,
		    "anchors ('&%s') are not taken: put a text that begins with '&' in quotes",
		    safe((const char *)anchor));
	if (tag != NULL)
		return document_fail(r->text, at,
		    "tags ('!...') are not taken: put a text that begins with '!' in quotes");
	return true;
}

static bool take_key(struct reading *r, const char *text, bool plain, struct place at)
{
	struct frame *f = innermost(r);

	if (text[0] == '\0')
		return document_fail(r->text, at, "an empty key: expected 'KEY: VALUE'");
	if (plain && strcmp(text, "<<") == 0)
		return document_fail(r->text, at,
		    "merge keys ('<<') are not taken: write the keys out");
	f->key = xstrdup(text);
	f->key_plain = plain;
	f->at = at;
	return true;
}

/* {a:1} has the key "a:1" and no value, which nobody ever means. */
static bool check_blank_after_colon(struct reading *r, size_t len)
{
	const struct frame *f = innermost(r);

	if (len > 0 || f == NULL || !f->flow || f->key == NULL || !f->key_plain ||
	    strchr(f->key, ':') == NULL)
		return true;
	return document_fail(r->text, f->at, "no blank after the ':' in '%s'", safe(f->key));
}

static bool take_plain(struct reading *r, const char *text, size_t len, struct place at)
{
	const char *why = NULL;
	cJSON *node;

	if (!check_blank_after_colon(r, len))
		return false;
	node = document_plain_scalar(text, len, &why);
	if (node == NULL)
		return document_fail(r->text, at, "%.*s%s is %s", SHOWN_MAX, text,
		    len > SHOWN_MAX ? "..." : "", why);
	return attach(r, node, at);
}

static bool take_scalar(struct reading *r, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	struct place at = place_of(event->start_mark);

	if (!check_extras(r, at, event->data.scalar.anchor, event->data.scalar.tag))
		return false;
	if (memchr(text, '\0', len) != NULL)
		return document_fail(r->text, at, "\\0 in a text: text cannot hold a NUL");
	if (awaits_key(r))
		return take_key(r, text, plain, at);
	if (plain)
		return take_plain(r, text, len, at);
	return attach(r, cJSON_CreateString(text), at);
}

/*
 * Lists and mappings
 */
static bool open_frame(struct reading *r, cJSON *node, bool flow, struct place at)
{
	bool good;

	if (r->depth == DOCUMENT_DEPTH_MAX) {
		cJSON_Delete(node);
		return document_fail(r->text, at, "nested deeper than %d levels",
		    DOCUMENT_DEPTH_MAX);
	}
	good = attach(r, node, at);
	r->frames[r->depth++] = (struct frame){ .node = node, .flow = flow };
	return good;
}

static void close_frame(struct reading *r)
{
	struct frame *f = &r->frames[--r->depth];

	tdestroy(f->keys, free);
	free(f->key);
}

/* A list or mapping; as a key it is mostly a template without quotes: `a: {{ b }}`. */
static bool take_container(struct reading *r, const yaml_event_t *event)
{
	struct place at = place_of(event->start_mark);
	bool list = event->type == YAML_SEQUENCE_START_EVENT;
	bool flow = list ? event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE :
			   event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;

	if (!check_extras(r, at,
		list ? event->data.sequence_start.anchor : event->data.mapping_start.anchor,
		list ? event->data.sequence_start.tag : event->data.mapping_start.tag))
		return false;
	if (awaits_key(r))
		return document_fail(r->text, at,
		    "a %s cannot be a key: put a text that begins with '%c' in quotes",
		    list ? "list" : "mapping", list ? '[' : '{');
	return open_frame(r, list ? cJSON_CreateArray() : cJSON_CreateObject(), flow, at);
}

/*
 * The document
 */
static bool begins(const char *at, const char *end, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(end - at) >= len && memcmp(at, word, len) == 0;
}

static const char *end_of_line(const char *at, const char *end)
{
	const char *newline = memchr(at, '\n', (size_t)(end - at));

	return newline == NULL ? end : newline;
}

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\r'))
		at++;
	return at;
}

static bool is_blank(const char *line, const char *end)
{
	line = skip_blanks(line, end);
	return line == end || *line == '#';
}

/* Directives before it; libyaml takes as many %TAG as there are, in a time of their square. */
static bool check_directives(const struct document_text *t)
{
	const char *line = t->data, *end = t->data + t->len;
	struct place at = { 1, 1 };

	while (line < end) {
		const char *newline = end_of_line(line, end);
		bool blank = is_blank(line, newline);

		if (!blank && *line != '%')
			return true;
		if (!blank && !begins(line, newline, "%YAML "))
			return document_fail(t, at,
			    "directives ('%%...') other than %%YAML are not taken");
		line = newline == end ? end : newline + 1;
		at.line++;
	}
	return true;
}

static const char *find_mark(const struct document_text *t, yaml_mark_t mark)
{
	const char *p = t->data, *end = t->data + t->len;

	for (size_t i = 0; i < mark.line && p < end; i++) {
		p = end_of_line(p, end);
		p += p < end;
	}
	for (size_t i = 0; i < mark.column && p < end; i++)
		do
			p++;
		while (p < end && ((unsigned char)*p & 0xc0) == 0x80);
	return p;
}

/* After the document there may be comments and "...", and no other one. */
static bool check_rest(const struct document_text *t, yaml_mark_t mark)
{
	const char *p = find_mark(t, mark), *end = t->data + t->len;
	struct place at = place_of(mark);

	while (p < end) {
		const char *newline = end_of_line(p, end);
		const char *first = skip_blanks(p, newline);

		at.column += (uint32_t)(first - p);
		if (!is_blank(first, newline) && !begins(first, newline, "..."))
			return document_fail(t, at,
			    begins(first, newline, "---") ?
				"a second document begins here: a file holds one" :
				"text after the end of the document");
		p = newline + (newline < end);
		at = (struct place){ at.line + 1, 1 };
	}
	return true;
}

static bool is_empty(const struct reading *r)
{
	const cJSON *root = r->document->root;

	return root == NULL || (cJSON_IsNull(root) && root->valuestring[0] == '\0');
}

static bool complain(struct reading *r)
{
	const yaml_parser_t *p = &r->parser;
	const struct frame *f = innermost(r);
	struct yaml_complaint c = {
		.problem = p->problem != NULL ? p->problem : "not understood",
		.context = p->context,
		.at = place_of(p->problem_mark),
		.from = place_of(p->context_mark),
	};

	if (f != NULL && f->flow) {
		c.open = document_place(r->document, f->node);
		c.open_list = cJSON_IsArray(f->node);
	}
	if (p->error == YAML_MEMORY_ERROR)
		out_of_memory();
	document_complain(r->text, &c);
	return false;
}

/* One event; *end after the last one. */
static bool take_event(struct reading *r, const yaml_event_t *event, bool *end)
{
	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return document_fail(r->text, place_of(event->start_mark),
		    "aliases ('*%s') are not taken: put a text that begins with '*' in quotes",
		    safe((const char *)event->data.alias.anchor));
	case YAML_SCALAR_EVENT:
		return take_scalar(r, event);
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		return take_container(r, event);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		close_frame(r);
		return true;
	case YAML_DOCUMENT_END_EVENT:
		*end = true;
		return check_rest(r->text, event->end_mark);
	case YAML_STREAM_END_EVENT:
		*end = true;
		return true;
	default:
		return true;
	}
}

static bool read_events(struct reading *r)
{
	bool end = false, good = true;

	while (good && !end) {
		yaml_event_t event;

		if (!yaml_parser_parse(&r->parser, &event))
			return complain(r);
		good = take_event(r, &event, &end);
		yaml_event_delete(&event);
	}
	if (good && is_empty(r))
		return document_fail(r->text, (struct place){ 0 }, "an empty document");
	return good;
}

bool document_read_yaml(struct document *d, const struct document_text *t)
{
	struct reading r = { .document = d, .text = t };
	bool good;

	if (!check_directives(t))
		return false;
	if (!yaml_parser_initialize(&r.parser))
		out_of_memory();
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)t->data, t->len);
	good = read_events(&r);
	while (r.depth > 0)
		close_frame(&r);
	yaml_parser_delete(&r.parser);
	return good;
}
