#include "supervisor/input/frontmatter.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shared/buf.h"
#include "shared/xalloc.h"

/* A piece of the text, not owned. */
struct span {
	const char *s;
	size_t len;
};

/*
 * The items of a list as they grow. Lives in the functions that read lists; items_done() hands
 * the array out.
 */
struct items {
	char **list;
	size_t count;
	size_t cap;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_space(char c)
{
	return is_blank(c) || c == '\n';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_key_char(char c)
{
	return is_letter(c) || is_digit(c) || c == '_' || c == '-';
}

static struct span skip(struct span t, size_t n)
{
	return (struct span){ t.s + n, t.len - n };
}

static struct span trim(struct span t)
{
	while (t.len > 0 && is_space(t.s[0]))
		t = skip(t, 1);
	while (t.len > 0 && is_space(t.s[t.len - 1]))
		t.len--;
	return t;
}

/* Takes the first line, without its end, off the text; false when there is none. */
static bool next_line(struct span *text, struct span *line)
{
	const char *end;

	if (text->len == 0)
		return false;
	end = memchr(text->s, '\n', text->len);
	line->s = text->s;
	line->len = end == NULL ? text->len : (size_t)(end - text->s);
	*text = skip(*text, end == NULL ? text->len : line->len + 1);
	while (line->len > 0 && line->s[line->len - 1] == '\r')
		line->len--;
	return true;
}

static bool is_fence(struct span line)
{
	return line.len >= 3 && memcmp(line.s, "---", 3) == 0 && trim(skip(line, 3)).len == 0;
}

/* The length of the name when the line begins a key, else 0. */
static size_t key_length(struct span line)
{
	size_t n = 0;

	if (line.len == 0 || !is_letter(line.s[0]))
		return 0;
	while (n < line.len && is_key_char(line.s[n]))
		n++;
	return n < line.len && line.s[n] == ':' ? n : 0;
}

/* Whether it is a comment and nothing else. */
static bool is_comment(struct span line)
{
	line = trim(line);
	return line.len > 0 && line.s[0] == '#';
}

/* Without the comment behind it: " #" and then a blank or nothing ("see #12" holds none). */
static struct span cut_comment(struct span line)
{
	size_t i;

	for (i = 1; i < line.len; i++) {
		if (line.s[i] == '#' && is_blank(line.s[i - 1]) &&
		    (i + 1 == line.len || is_blank(line.s[i + 1])))
			line.len = i;
	}
	return trim(line);
}

/*
 * Lists
 */
static void items_add(struct items *items, char *item)
{
	if (items->count == items->cap) {
		items->cap = items->cap > 0 ? 2 * items->cap : 8;
		items->list = xreallocarray(items->list, items->cap, sizeof(*items->list));
	}
	items->list[items->count++] = item;
}

static char **items_done(struct items *items)
{
	items_add(items, NULL);
	return items->list;
}

static char *items_join(char *const *list)
{
	struct buf out = BUF_INIT;
	size_t i;

	for (i = 0; list[i] != NULL; i++) {
		if (i > 0)
			buf_addstr(&out, ", ");
		buf_addstr(&out, list[i]);
	}
	return buf_detach(&out);
}

static void items_free(char **list)
{
	size_t i;

	for (i = 0; list != NULL && list[i] != NULL; i++)
		free(list[i]);
	free(list);
}

/*
 * Quotes
 */
static bool hex4(const char *s, uint32_t *out)
{
	uint32_t value = 0;
	int i;

	for (i = 0; i < 4; i++) {
		char c = s[i];

		value <<= 4;
		if (is_digit(c))
			value |= (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value |= (uint32_t)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			value |= (uint32_t)(c - 'A' + 10);
		else
			return false;
	}
	*out = value;
	return true;
}

static void add_utf8(struct buf *out, uint32_t c)
{
	if (c < 0x80) {
		buf_addch(out, (char)c);
	} else if (c < 0x800) {
		buf_addch(out, (char)(0xc0 | c >> 6));
		buf_addch(out, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_addch(out, (char)(0xe0 | c >> 12));
		buf_addch(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_addch(out, (char)(0x80 | (c & 0x3f)));
	} else {
		buf_addch(out, (char)(0xf0 | c >> 18));
		buf_addch(out, (char)(0x80 | (c >> 12 & 0x3f)));
		buf_addch(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_addch(out, (char)(0x80 | (c & 0x3f)));
	}
}

/* \uXXXX, also as a pair of surrogates: how many bytes of t it takes, 0 when it is no character. */
static size_t add_unicode(struct buf *out, struct span t)
{
	uint32_t high, low;

	if (t.len < 6 || t.s[1] != 'u' || !hex4(t.s + 2, &high) || high == 0)
		return 0;
	if (high < 0xd800 || high > 0xdfff) {
		add_utf8(out, high);
		return 6;
	}
	if (high > 0xdbff || t.len < 12 || t.s[6] != '\\' || t.s[7] != 'u' ||
	    !hex4(t.s + 8, &low) || low < 0xdc00 || low > 0xdfff)
		return 0;
	add_utf8(out, 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
	return 12;
}

/* What a backslash in double quotes stands for: how many bytes of t it takes. Unknown ones stay. */
static size_t add_escape(struct buf *out, struct span t)
{
	static const char from[] = "nrt\"\\/ ";
	static const char to[] = "\n\r\t\"\\/ ";
	const char *at;
	size_t used;

	if (t.len < 2)
		return 0;
	at = strchr(from, t.s[1]);
	if (at != NULL) {
		buf_addch(out, to[at - from]);
		return 2;
	}
	used = add_unicode(out, t);
	if (used > 0)
		return used;
	buf_add(out, t.s, 2);
	return 2;
}

/*
 * What stands in the quotes that t begins with, and in *used where the closing one ends; NULL when
 * there is no closing one.
 */
static char *quoted(struct span t, size_t *used)
{
	struct buf out = BUF_INIT;
	char quote = t.s[0];
	size_t i = 1;

	while (i < t.len) {
		if (t.s[i] == quote && quote == '\'' && i + 1 < t.len && t.s[i + 1] == quote) {
			buf_addch(&out, quote);
			i += 2;
		} else if (t.s[i] == quote) {
			*used = i + 1;
			return buf_detach(&out);
		} else if (t.s[i] == '\\' && quote == '"') {
			size_t n = add_escape(&out, skip(t, i));

			if (n == 0)
				break;
			i += n;
		} else {
			buf_addch(&out, t.s[i++]);
		}
	}
	buf_free(&out);
	return NULL;
}

static bool opens_quote(struct span t)
{
	return t.len > 0 && (t.s[0] == '"' || t.s[0] == '\'');
}

/* A value on its own: without the quotes when they are around all of it. */
static char *scalar(struct span t)
{
	char *inside;
	size_t used;

	t = trim(t);
	if (!opens_quote(t))
		return xmemdup0(t.s, t.len);
	inside = quoted(t, &used);
	if (inside != NULL) {
		struct span rest = trim(skip(t, used));

		if (rest.len == 0 || rest.s[0] == '#')
			return inside;
		free(inside);
	}
	t = cut_comment(t);
	return xmemdup0(t.s, t.len);
}

/*
 * Values
 */

/* [a, "b, c"]: false when it is something else that begins with a bracket. */
static bool flow_list(struct frontmatter_key *key, struct span t)
{
	struct items items = { NULL, 0, 0 };
	struct span item;
	size_t start = 1, i = 1, used;
	bool fresh = true; /* nothing of the item but blanks yet */
	char *text;

	if (t.len < 2 || t.s[0] != '[' || t.s[t.len - 1] != ']')
		return false;
	while (i < t.len) {
		char c = t.s[i];

		if (fresh && opens_quote(skip(t, i))) {
			text = quoted(skip(t, i), &used);
			if (text == NULL)
				break;
			free(text);
			i += used;
			fresh = false;
			continue;
		}
		if (c == '[' || c == '{' || c == '}' || (c == ']' && i + 1 < t.len))
			break;
		if (c == ',' || c == ']') {
			item = trim((struct span){ t.s + start, i - start });
			if (item.len > 0)
				items_add(&items, scalar(item));
			start = i + 1;
			fresh = true;
		} else if (!is_space(c)) {
			fresh = false;
		}
		i++;
	}
	key->items = items_done(&items);
	if (i == t.len) {
		key->value = items_join(key->items);
		return true;
	}
	items_free(key->items);
	key->items = NULL;
	return false;
}

/* "- item": the item in *rest. */
static bool is_item(struct span line, struct span *rest)
{
	line = trim(line);
	if (line.len == 0 || line.s[0] != '-' || (line.len > 1 && !is_blank(line.s[1])))
		return false;
	*rest = skip(line, 1);
	return true;
}

/* The first line that is neither empty nor a comment; false when there is none. */
static bool first_line(struct span more, struct span *line)
{
	while (next_line(&more, line)) {
		if (trim(*line).len > 0 && !is_comment(*line))
			return true;
	}
	return false;
}

static char *plain_line(struct span line)
{
	return scalar(opens_quote(trim(line)) ? line : cut_comment(trim(line)));
}

static void dash_list(struct frontmatter_key *key, struct span more)
{
	struct items items = { NULL, 0, 0 };
	struct buf item = BUF_INIT;
	struct span line, rest;
	bool open = false;

	while (next_line(&more, &line)) {
		if (trim(line).len == 0 || is_comment(line))
			continue;
		if (!is_item(line, &rest)) {
			buf_addch(&item, ' ');
			rest = line;
		} else if (open) {
			items_add(&items, plain_line((struct span){ buf_str(&item), item.len }));
			buf_reset(&item);
		}
		rest = trim(rest);
		buf_add(&item, rest.s, rest.len);
		open = true;
	}
	if (open)
		items_add(&items, plain_line((struct span){ buf_str(&item), item.len }));
	buf_free(&item);
	key->items = items_done(&items);
	key->value = items_join(key->items);
}

/* "  write: false": one word, a colon, at most one word. */
static bool is_nested(struct span line)
{
	struct span value;
	const char *colon;
	size_t i;

	if (line.len == 0 || !is_blank(line.s[0]))
		return false;
	line = cut_comment(trim(line));
	colon = memchr(line.s, ':', line.len);
	if (colon == NULL || colon == line.s)
		return false;
	value = trim(skip(line, (size_t)(colon - line.s) + 1));
	for (i = 0; i < (size_t)(colon - line.s); i++) {
		if (is_blank(line.s[i]))
			return false;
	}
	for (i = 0; i < value.len; i++) {
		if (is_blank(value.s[i]))
			return false;
	}
	return true;
}

/* Nested keys (opencode's tools), each on its own line; false when the lines are something else. */
static bool nested_keys(struct frontmatter_key *key, struct span more)
{
	struct span lines = more, line;
	struct buf out = BUF_INIT;

	while (next_line(&lines, &line)) {
		if (trim(line).len > 0 && !is_comment(line) && !is_nested(line))
			return false;
	}
	while (next_line(&more, &line)) {
		if (trim(line).len == 0 || is_comment(line))
			continue;
		line = cut_comment(trim(line));
		if (out.len > 0)
			buf_addstr(&out, ", ");
		buf_add(&out, line.s, line.len);
	}
	key->value = buf_detach(&out);
	return true;
}

/* "|", ">-", "|2+" and the like. */
static bool opens_block(struct span t)
{
	size_t i;

	t = cut_comment(t);
	if (t.len == 0 || (t.s[0] != '|' && t.s[0] != '>'))
		return false;
	for (i = 1; i < t.len; i++) {
		if (t.s[i] != '+' && t.s[i] != '-' && !is_digit(t.s[i]))
			return false;
	}
	return true;
}

static size_t indent_of(struct span line)
{
	size_t n = 0;

	while (n < line.len && (line.s[n] == ' ' || line.s[n] == '\t'))
		n++;
	return n;
}

/* Between two lines of a folded text: a blank, or as many newlines as there were empty lines. */
static void fold(struct buf *out, size_t empty)
{
	if (out->len == 0)
		return;
	if (empty == 0)
		buf_addch(out, ' ');
	for (; empty > 0; empty--)
		buf_addch(out, '\n');
}

static char *block(struct span more, bool folded)
{
	struct buf out = BUF_INIT;
	struct span line;
	size_t indent = SIZE_MAX, empty = 0, own;

	while (next_line(&more, &line)) {
		if (trim(line).len == 0) {
			empty++;
			continue;
		}
		own = indent_of(line);
		if (indent == SIZE_MAX)
			indent = own;
		/* in a literal block every line ends in a newline, so an empty one adds its own */
		fold(&out, folded ? empty : empty + 1);
		empty = 0;
		line = skip(line, own < indent ? own : indent);
		if (folded)
			line = trim(line);
		buf_add(&out, line.s, line.len);
	}
	return buf_detach(&out);
}

/* A value that goes on over several lines, as one line. */
static char *folded_value(struct span first, struct span more)
{
	struct buf out = BUF_INIT;
	struct span line;
	size_t empty = 0;
	bool in_quotes;
	char *text;

	if (first.len > 0)
		line = first;
	else if (!first_line(more, &line))
		return xstrdup("");
	in_quotes = opens_quote(trim(line));

	first = in_quotes ? first : cut_comment(first);
	buf_add(&out, first.s, first.len);
	while (next_line(&more, &line)) {
		if (!in_quotes && is_comment(line))
			continue;
		line = in_quotes ? trim(line) : cut_comment(trim(line));
		if (line.len == 0) {
			empty++;
			continue;
		}
		fold(&out, empty);
		empty = 0;
		buf_add(&out, line.s, line.len);
	}
	text = scalar((struct span){ buf_str(&out), out.len });
	buf_free(&out);
	return text;
}

/* `first` is the rest of the key's own line, `more` the lines up to the next key. */
static void read_value(struct frontmatter_key *key, struct span first, struct span more)
{
	struct span all = { first.s, (size_t)(more.s + more.len - first.s) };
	struct span line, rest;
	bool any = first_line(more, &line);

	first = trim(first);
	if (is_comment(first))
		first.len = 0;
	if (opens_block(first)) {
		key->value = block(more, first.s[0] == '>');
		return;
	}
	if (first.len == 0 && any && is_item(line, &rest)) {
		dash_list(key, more);
		return;
	}
	if (first.len == 0 && any && nested_keys(key, more))
		return;
	if (first.len > 0 && first.s[0] == '[' && flow_list(key, cut_comment(trim(all))))
		return;
	key->value = folded_value(first, more);
}

/*
 * The whole
 */
static struct frontmatter_key *add_key(struct frontmatter *fm, struct span name)
{
	struct frontmatter_key *key;

	fm->keys = xreallocarray(fm->keys, fm->count + 1, sizeof(*fm->keys));
	key = &fm->keys[fm->count++];
	key->name = xmemdup0(name.s, name.len);
	key->value = NULL;
	key->items = NULL;
	return key;
}

/* The lines that go on with a key: up to the next key or the end. */
static struct span continuation(struct span *text)
{
	struct span all = *text, rest = *text, line;

	while (next_line(&rest, &line) && key_length(line) == 0)
		*text = rest;
	all.len -= text->len;
	return all;
}

static bool read_keys(struct frontmatter *fm, struct span text)
{
	struct span line, first, name;

	continuation(&text); /* what stands before the first key belongs to none */
	while (next_line(&text, &line)) {
		if (fm->count == FRONTMATTER_KEYS_MAX)
			return false;
		name = (struct span){ line.s, key_length(line) };
		first = skip(line, name.len + 1);
		read_value(add_key(fm, name), first, continuation(&text));
	}
	return true;
}

struct frontmatter *frontmatter_read(const char *text, size_t len, const char **why)
{
	struct span rest = { text, len }, line, inside;
	struct frontmatter *fm;

	*why = NULL;
	if (rest.len >= 3 && memcmp(rest.s, "\xef\xbb\xbf", 3) == 0)
		rest = skip(rest, 3);
	if (!next_line(&rest, &line) || !is_fence(line))
		return NULL;
	inside = rest;
	do {
		inside.len = (size_t)(rest.s - inside.s);
		if (!next_line(&rest, &line)) {
			*why = "its front matter has no closing '---'";
			return NULL;
		}
	} while (!is_fence(line));

	fm = xcalloc(1, sizeof(*fm));
	fm->body = (size_t)(rest.s - text);
	if (!read_keys(fm, inside)) {
		*why = "its front matter has more than 256 keys";
		frontmatter_free(fm);
		return NULL;
	}
	return fm;
}

void frontmatter_free(struct frontmatter *fm)
{
	size_t i;

	if (fm == NULL)
		return;
	for (i = 0; i < fm->count; i++) {
		free(fm->keys[i].name);
		free(fm->keys[i].value);
		items_free(fm->keys[i].items);
	}
	free(fm->keys);
	free(fm);
}

const struct frontmatter_key *frontmatter_find(const struct frontmatter *fm, const char *name)
{
	size_t i;

	for (i = 0; i < fm->count; i++) {
		if (strcmp(fm->keys[i].name, name) == 0)
			return &fm->keys[i];
	}
	return NULL;
}
