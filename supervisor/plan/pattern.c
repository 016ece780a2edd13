#include "supervisor/plan/pattern.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "shared/xalloc.h"

/* Bytes that are not UTF-8 count as characters behind all others. */
#define BAD_BYTE 0x110000u

struct pattern_range {
	uint32_t low;
	uint32_t high;
};

enum item_kind {
	ITEM_STAR, /* any number of items: characters in a name, names in a path */
	ITEM_CODE, /* the code point `first` */
	ITEM_SET,  /* ranges[first .. first + count - 1], in order and apart */
	ITEM_NAME, /* items[first .. first + count - 1], for one name of a path */
};

struct pattern_item {
	enum item_kind kind;
	uint32_t first;
	uint32_t count;
};

/* A part of a pattern: a path made of names, or a name made of characters. */
struct part {
	const struct pattern *pattern;
	const struct pattern_item *items;
	size_t count;
};

/* What can stand in a name: no NUL, no slash, no surrogate. */
static const struct pattern_range any_code[] = {
	{ 0x01, 0x2e },
	{ 0x30, 0xd7ff },
	{ 0xe000, 0x10ffff },
	{ BAD_BYTE + 0x80, BAD_BYTE + 0xff },
};

#define ANY_COUNT (sizeof any_code / sizeof any_code[0])

/* Reads one character and returns how many bytes it takes; len is at least 1. */
static size_t read_code(const char *s, size_t len, uint32_t *code)
{
	utf8proc_int32_t c;
	utf8proc_ssize_t n =
	    utf8proc_iterate((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)len, &c);
	if (n > 0) {
		*code = (uint32_t)c;
		return (size_t)n;
	}
	*code = BAD_BYTE + (unsigned char)*s;
	return 1;
}

static void add_code(struct buf *out, uint32_t code)
{
	utf8proc_uint8_t bytes[4];
	if (code >= BAD_BYTE) {
		buf_addch(out, (char)(code - BAD_BYTE));
		return;
	}
	utf8proc_ssize_t n = utf8proc_encode_char((utf8proc_int32_t)code, bytes);
	buf_add(out, bytes, (size_t)n);
}

static void add_item(struct pattern *p, enum item_kind kind, size_t first, size_t count)
{
	p->items[p->nitems++] = (struct pattern_item){ kind, (uint32_t)first, (uint32_t)count };
}

static int by_low(const void *a, const void *b)
{
	const struct pattern_range *ra = a;
	const struct pattern_range *rb = b;
	return ra->low < rb->low ? -1 : ra->low > rb->low;
}

/* Puts ranges in order and joins those that touch; returns how many remain. */
static size_t tidy(struct pattern_range *ranges, size_t count)
{
	if (count == 0)
		return 0;
	qsort(ranges, count, sizeof *ranges, by_low);
	size_t last = 0;
	for (size_t i = 1; i < count; i++) {
		if (ranges[i].low > ranges[last].high + 1)
			ranges[++last] = ranges[i];
		else if (ranges[i].high > ranges[last].high)
			ranges[last].high = ranges[i].high;
	}
	return last + 1;
}

/* What lies between tidy ranges, from 0 to the greatest number. Room for count + 1. */
static size_t invert(struct pattern_range *out, const struct pattern_range *ranges, size_t count)
{
	size_t n = 0;
	uint32_t low = 0;
	for (size_t i = 0; i < count; i++) {
		if (ranges[i].low > low)
			out[n++] = (struct pattern_range){ low, ranges[i].low - 1 };
		low = ranges[i].high + 1;
	}
	out[n++] = (struct pattern_range){ low, UINT32_MAX };
	return n;
}

/* What two tidy lists have in common; `out` has room for the sum of both, or is NULL. */
static size_t common(struct pattern_range *out, const struct pattern_range *a, size_t na,
    const struct pattern_range *b, size_t nb)
{
	size_t n = 0;
	for (size_t i = 0, j = 0; i < na && j < nb;) {
		uint32_t low = a[i].low > b[j].low ? a[i].low : b[j].low;
		uint32_t high = a[i].high < b[j].high ? a[i].high : b[j].high;
		if (low <= high) {
			if (out == NULL)
				return 1;
			out[n++] = (struct pattern_range){ low, high };
		}
		if (a[i].high < b[j].high)
			i++;
		else
			j++;
	}
	return n;
}

/*
 * Reads `[...]` at s into `ranges` (room for len of them) as they are written. Returns its length,
 * or 0 when it is not closed: then the bracket is an ordinary character.
 */
static size_t read_set(const char *s, size_t len, struct pattern_range *ranges, size_t *count,
    bool *negated)
{
	size_t at = 1;
	*count = 0;
	*negated = at < len && (s[at] == '!' || s[at] == '^');
	if (*negated)
		at++;
	/* a bracket that comes first closes nothing */
	for (size_t begin = at; at < len && (at == begin || s[at] != ']');) {
		struct pattern_range r;
		at += read_code(s + at, len - at, &r.low);
		r.high = r.low;
		if (at + 1 < len && s[at] == '-' && s[at + 1] != ']') {
			at++;
			at += read_code(s + at, len - at, &r.high);
		}
		if (r.low <= r.high)
			ranges[(*count)++] = r;
	}
	return at < len ? at + 1 : 0;
}

/* Adds the set at s; 0 when there is none. */
static size_t add_set(struct pattern *p, const char *s, size_t len)
{
	struct pattern_range *written = xreallocarray(NULL, len, sizeof *written);
	size_t count;
	bool negated;
	size_t used = read_set(s, len, written, &count, &negated);
	if (used > 0) {
		count = tidy(written, count);
		struct pattern_range *wanted = written;
		struct pattern_range *inverse = NULL;
		if (negated) {
			inverse = xreallocarray(NULL, count + 1, sizeof *inverse);
			count = invert(inverse, written, count);
			wanted = inverse;
		}
		p->ranges =
		    xreallocarray(p->ranges, p->nranges + count + ANY_COUNT, sizeof *p->ranges);
		size_t n = common(p->ranges + p->nranges, wanted, count, any_code, ANY_COUNT);
		free(inverse);
		add_item(p, ITEM_SET, p->nranges, n);
		p->nranges += n;
		p->impossible = p->impossible || n == 0;
	}
	free(written);
	return used;
}

static void add_any(struct pattern *p)
{
	p->ranges = xreallocarray(p->ranges, p->nranges + ANY_COUNT, sizeof *p->ranges);
	memcpy(p->ranges + p->nranges, any_code, sizeof any_code);
	add_item(p, ITEM_SET, p->nranges, ANY_COUNT);
	p->nranges += ANY_COUNT;
}

/* The parts of one name. */
static void add_characters(struct pattern *p, const char *s, size_t len)
{
	size_t begin = p->nitems;
	while (len > 0) {
		uint32_t code;
		size_t used = 1;
		if (*s == '*') {
			if (p->nitems == begin || p->items[p->nitems - 1].kind != ITEM_STAR)
				add_item(p, ITEM_STAR, 0, 0);
		} else if (*s == '?') {
			add_any(p);
		} else if (*s != '[' || (used = add_set(p, s, len)) == 0) {
			used = read_code(s, len, &code);
			add_item(p, ITEM_CODE, code, 0);
		}
		s += used;
		len -= used;
	}
}

/* Whether the part stands for one character; *code is which. */
static bool is_one(const struct pattern *p, const struct pattern_item *item, uint32_t *code)
{
	if (item->kind == ITEM_CODE) {
		*code = item->first;
		return true;
	}
	if (item->kind != ITEM_SET || item->count != 1)
		return false;
	*code = p->ranges[item->first].low;
	return *code == p->ranges[item->first].high;
}

/* Whether a name of these parts is one of files, as `*.c` is: a dot behind what is not plain. */
static bool names_files(const struct pattern *p, const struct pattern_item *items, size_t count)
{
	bool special = false;
	uint32_t code;
	for (size_t i = 0; i < count; i++) {
		if (!is_one(p, &items[i], &code))
			special = true;
		else if (special && code == '.')
			return true;
	}
	return false;
}

static size_t name_length(const char *s)
{
	return strcspn(s, "/");
}

static void compile(struct pattern *p)
{
	size_t len = strlen(p->text);
	struct pattern_item *names = xreallocarray(NULL, len + 2, sizeof *names);
	size_t nnames = 0;
	/* no item takes less than a byte, no name less than two, and one is added for all below */
	p->items = xreallocarray(NULL, 2 * len + 2, sizeof *p->items);
	for (const char *s = p->text; *s != '\0';) {
		size_t n = name_length(s);
		if (n == 2 && memcmp(s, "**", 2) == 0) {
			if (nnames == 0 || names[nnames - 1].kind != ITEM_STAR)
				names[nnames++] = (struct pattern_item){ ITEM_STAR, 0, 0 };
		} else if (n > 0) {
			size_t first = p->nitems;
			add_characters(p, s, n);
			names[nnames++] = (struct pattern_item){ ITEM_NAME, (uint32_t)first,
				(uint32_t)(p->nitems - first) };
		}
		s += n + (s[n] == '/');
	}
	const struct pattern_item *last = nnames > 0 ? &names[nnames - 1] : NULL;
	if (last == NULL ||
	    (last->kind == ITEM_NAME && !names_files(p, p->items + last->first, last->count)))
		names[nnames++] = (struct pattern_item){ ITEM_STAR, 0, 0 };
	p->first_name = p->nitems;
	p->nnames = nnames;
	memcpy(p->items + p->nitems, names, nnames * sizeof *names);
	p->nitems += nnames;
	p->items = xreallocarray(p->items, p->nitems, sizeof *p->items);
	free(names);
	p->compiled = true;
}

static bool parts_meet(struct part a, struct part b);

static const struct pattern_range *item_ranges(const struct part *part, size_t at,
    struct pattern_range *one, size_t *count)
{
	const struct pattern_item *item = &part->items[at];
	if (item->kind == ITEM_SET) {
		*count = item->count;
		return part->pattern->ranges + item->first;
	}
	*one = (struct pattern_range){ item->first, item->first };
	*count = 1;
	return one;
}

static struct part name_part(const struct part *path, size_t at)
{
	const struct pattern_item *item = &path->items[at];
	return (struct part){ path->pattern, path->pattern->items + item->first, item->count };
}

/* Whether one character, or one name, could be both items, neither of which is a star. */
static bool items_meet(const struct part *a, size_t i, const struct part *b, size_t j)
{
	if (a->items[i].kind == ITEM_NAME)
		return parts_meet(name_part(a, i), name_part(b, j));
	struct pattern_range one_a;
	struct pattern_range one_b;
	size_t na;
	size_t nb;
	const struct pattern_range *ra = item_ranges(a, i, &one_a, &na);
	const struct pattern_range *rb = item_ranges(b, j, &one_b, &nb);
	return common(NULL, ra, na, rb, nb) > 0;
}

static bool is_star(const struct part *p, size_t at)
{
	return at < p->count && p->items[at].kind == ITEM_STAR;
}

/*
 * Over all pairs of positions: reached[j], in the turn of i, says whether the first i items of a
 * and the first j of b have a text in common. A star is passed for nothing, or takes the other
 * side's next item, whatever that is.
 */
static bool search(const struct part *a, const struct part *b)
{
	bool *reached = xcalloc(b->count + 1, sizeof *reached);
	for (size_t i = 0; i <= a->count; i++) {
		bool before = false; /* what reached[j - 1] was in the turn before */
		for (size_t j = 0; j <= b->count; j++) {
			bool old = reached[j];
			bool now = i == 0 && j == 0;
			if (i > 0 && old)
				now = is_star(a, i - 1) || is_star(b, j);
			if (!now && j > 0 && reached[j - 1])
				now = is_star(b, j - 1) || is_star(a, i);
			if (!now && before && !is_star(a, i - 1) && !is_star(b, j - 1))
				now = items_meet(a, i - 1, b, j - 1);
			reached[j] = now;
			before = old;
		}
	}
	bool met = reached[b->count];
	free(reached);
	return met;
}

static bool only_stars(const struct part *p)
{
	for (size_t i = 0; i < p->count; i++) {
		if (!is_star(p, i))
			return false;
	}
	return true;
}

static bool parts_meet(struct part a, struct part b)
{
	/* what comes before the first star of both has to agree item by item */
	while (a.count > 0 && b.count > 0 && !is_star(&a, 0) && !is_star(&b, 0)) {
		if (!items_meet(&a, 0, &b, 0))
			return false;
		a.items++;
		a.count--;
		b.items++;
		b.count--;
	}
	if (a.count == 0 || b.count == 0)
		return only_stars(&a) && only_stars(&b);
	if (only_stars(&a) || only_stars(&b))
		return true;
	return search(&a, &b);
}

/* Whether a name stands for itself in the one way that pattern_quote() writes it. */
static bool is_quoted(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '*' || s[i] == '?')
			return false;
		if (s[i] != '[')
			continue;
		if (i + 2 >= len || strchr("*?[", s[i + 1]) == NULL || s[i + 2] != ']')
			return false;
		i += 2;
	}
	return true;
}

void pattern_init(struct pattern *p, const char *text)
{
	*p = (struct pattern){ .text = xstrdup(text) };
	while (text[p->literal] != '\0') {
		size_t n = name_length(text + p->literal);
		if (!is_quoted(text + p->literal, n))
			break;
		p->literal += n + (text[p->literal + n] == '/');
		p->plain += n > 0;
	}
}

void pattern_free(struct pattern *p)
{
	free(p->text);
	free(p->items);
	free(p->ranges);
	*p = (struct pattern){ 0 };
}

/* The path without its first names, which are known to agree. */
static struct part path_part(const struct pattern *p, size_t skip)
{
	return (struct part){ p, p->items + p->first_name + skip, p->nnames - skip };
}

/*
 * Compares the literal beginnings, as far as both have one: whether they agree. Most pairs lie in
 * different places, and need no more than this.
 */
static bool beginnings_agree(const struct pattern *shorter, const struct pattern *longer)
{
	size_t len = shorter->literal;
	if (memcmp(shorter->text, longer->text, len) != 0)
		return false;
	/* at the end of the shorter one the other's name may go on, and is another one then */
	return len == 0 || shorter->text[len] != '\0' || shorter->text[len - 1] == '/' ||
	    longer->literal == len || longer->text[len] == '/';
}

bool pattern_meets(struct pattern *a, struct pattern *b)
{
	struct pattern *shorter = a->literal <= b->literal ? a : b;
	struct pattern *longer = shorter == a ? b : a;
	if (!beginnings_agree(shorter, longer))
		return false;
	if (a->text[a->literal] == '\0' && b->text[b->literal] == '\0')
		return true; /* one is the other, or lies below it */
	if (!a->compiled)
		compile(a);
	if (!b->compiled)
		compile(b);
	if (a->impossible || b->impossible)
		return false;
	return parts_meet(path_part(a, shorter->plain), path_part(b, shorter->plain));
}

bool patterns_meet(const char *a, const char *b)
{
	struct pattern pa;
	struct pattern pb;
	pattern_init(&pa, a);
	pattern_init(&pb, b);
	bool met = pattern_meets(&pa, &pb);
	pattern_free(&pa);
	pattern_free(&pb);
	return met;
}

void pattern_quote(struct buf *out, const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (memchr("*?[", name[i], 3) != NULL) {
			buf_addch(out, '[');
			buf_addch(out, name[i]);
			buf_addch(out, ']');
		} else {
			buf_addch(out, name[i]);
		}
	}
}

bool pattern_plain(struct buf *out, const char *name, size_t len)
{
	if (memchr(name, '*', len) == NULL && memchr(name, '?', len) == NULL &&
	    memchr(name, '[', len) == NULL) {
		buf_add(out, name, len);
		return true;
	}
	struct pattern p = { .items = xreallocarray(NULL, len, sizeof *p.items) };
	struct buf plain = BUF_INIT;
	bool is_plain = true;
	add_characters(&p, name, len);
	for (size_t i = 0; i < p.nitems && is_plain; i++) {
		uint32_t code;
		is_plain = is_one(&p, &p.items[i], &code);
		if (is_plain)
			add_code(&plain, code);
	}
	if (is_plain)
		buf_add(out, plain.data, plain.len);
	buf_free(&plain);
	pattern_free(&p);
	return is_plain;
}
