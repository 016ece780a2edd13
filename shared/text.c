#include "shared/text.h"

#include <stdint.h>
#include <string.h>
#include <utf8proc.h>

#define SAFE_BUFFERS 8
#define SAFE_MAX 500

/* Of one line, text_summary() looks at about this much; nobody reads on for longer. */
#define SUMMARY_LOOK (64 * 1024)

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
#define ELLIPSIS "\xe2\x80\xa6"	   /* U+2026 */

/* What begins at some place in a text. */
struct character {
	size_t len;    /* in bytes, at least 1 */
	uint32_t code; /* only when valid */
	bool valid;    /* else it is one byte that is not UTF-8 */
	bool cut;      /* not valid only because the text ends here */
};

/* The bytes that are allowed second, by the first: this excludes overlong forms and surrogates. */
static bool second_fits(unsigned char first, unsigned char second)
{
	switch (first) {
	case 0xe0:
		return second >= 0xa0 && second <= 0xbf;
	case 0xed:
		return second >= 0x80 && second <= 0x9f;
	case 0xf0:
		return second >= 0x90 && second <= 0xbf;
	case 0xf4:
		return second >= 0x80 && second <= 0x8f;
	default:
		return second >= 0x80 && second <= 0xbf;
	}
}

/* How long a character is that begins with this byte; 0 when none does. */
static size_t length_by_first(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	if (first < 0xe0)
		return 2;
	return first < 0xf0 ? 3 : 4;
}

static struct character decode(const unsigned char *s, size_t len)
{
	static const unsigned char first_bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	struct character c = { .len = 1 };
	size_t need = length_by_first(s[0]);

	c.code = s[0] & first_bits[need];
	for (size_t i = 1; i < need; i++) {
		if (i == len) {
			c.cut = true;
			return c;
		}
		if (i == 1 ? !second_fits(s[0], s[1]) : (s[i] & 0xc0) != 0x80)
			return c;
		c.code = c.code << 6 | (s[i] & 0x3f);
	}
	c.valid = need > 0;
	if (c.valid)
		c.len = need;
	return c;
}

static bool is_printable_ascii(unsigned char c)
{
	return c >= 0x20 && c < 0x7f;
}

/*
 * Control characters (C0, DEL, C1), the two separators that begin a line, and what turns the
 * direction of writing. U+200D and the variation selectors are not among them: emoji need them.
 */
static bool is_harmful(uint32_t code)
{
	if (code < 0x20 || (code >= 0x7f && code <= 0x9f))
		return true;
	if (code < 0x2000)
		return code == 0x061c;
	return code == 0x200e || code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
	    (code >= 0x2066 && code <= 0x2069);
}

bool utf8_valid(const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s, *end;

	if (len == 0)
		return true;
	end = p + len;
	while (p < end) {
		struct character c;

		if (*p < 0x80) {
			p++;
			continue;
		}
		c = decode(p, (size_t)(end - p));
		if (!c.valid)
			return false;
		p += c.len;
	}
	return true;
}

static void add_escape(struct buf *out, const struct character *c, unsigned char byte)
{
	static const char digits[] = "0123456789abcdef";
	char escape[] = { '\\', 'x', digits[byte >> 4], digits[byte & 15] };

	/* Bytes without printf(): there may be gigabytes of them, in colourful or binary output. */
	if (c->valid && c->code > 0x7f)
		buf_addf(out, "\\u{%x}", (unsigned)c->code);
	else
		buf_add(out, escape, sizeof(escape));
}

/* Where the run of bytes ends that need no second look. */
static const unsigned char *skip_harmless(const unsigned char *p, const unsigned char *end)
{
	while (p < end && (is_printable_ascii(*p) || *p == '\n' || *p == '\t'))
		p++;
	return p;
}

size_t text_safe(struct buf *out, const char *in, size_t len, bool final)
{
	const unsigned char *start = (const unsigned char *)in, *p = start, *run = start, *end;

	if (len == 0)
		return 0;
	end = p + len;
	/* Everything from run to p is harmless and not yet copied. */
	while ((p = skip_harmless(p, end)) < end) {
		struct character c = decode(p, (size_t)(end - p));

		if (c.cut && !final)
			break;
		if (!c.valid || is_harmful(c.code)) {
			buf_add(out, run, (size_t)(p - run));
			add_escape(out, &c, *p);
			run = p + c.len;
		}
		p += c.len;
	}
	buf_add(out, run, (size_t)(p - run));
	return (size_t)(p - start);
}

/* One character as text_safe_line() shows it; returns how many bytes of s it was. */
static size_t add_safe_character(struct buf *out, const unsigned char *s, size_t len)
{
	struct character c = decode(s, len);

	if (*s == '\n')
		buf_addstr(out, "\\n");
	else if (*s == '\t')
		buf_addstr(out, "\\t");
	else if (!c.valid || is_harmful(c.code))
		add_escape(out, &c, *s);
	else
		buf_add(out, s, c.len);
	return c.len;
}

void text_safe_line(struct buf *out, const char *in, size_t len)
{
	const unsigned char *p = (const unsigned char *)in;

	for (size_t at = 0; at < len;)
		at += add_safe_character(out, p + at, len - at);
}

const char *safe(const char *s)
{
	static char slots[SAFE_BUFFERS][SAFE_MAX + 1];
	static unsigned turn;
	const unsigned char *p = (const unsigned char *)s;
	size_t len = strnlen(s, SAFE_MAX + 1), fits = 0;
	char *slot = slots[turn++ % SAFE_BUFFERS];
	struct buf all = BUF_INIT;

	/* An escape or a character is shown whole or not at all: fits is the last place to cut. */
	for (size_t at = 0; at < len && all.len <= SAFE_MAX;) {
		at += add_safe_character(&all, p + at, len - at);
		if (all.len <= SAFE_MAX - 3)
			fits = all.len;
	}
	if (all.len > SAFE_MAX) {
		all.len = fits;
		buf_addstr(&all, "...");
	}
	memcpy(slot, buf_str(&all), all.len + 1);
	buf_free(&all);
	return slot;
}

bool text_utf8(struct buf *out, const char *in, size_t len)
{
	const unsigned char *p = (const unsigned char *)in, *run = p, *end;
	bool found = false;

	if (len == 0)
		return false;
	end = p + len;
	while (p < end) {
		struct character c;

		if (*p < 0x80) {
			p++;
			continue;
		}
		c = decode(p, (size_t)(end - p));
		if (!c.valid) {
			buf_add(out, run, (size_t)(p - run));
			buf_addstr(out, REPLACEMENT);
			run = p + c.len;
			found = true;
		}
		p += c.len;
	}
	buf_add(out, run, (size_t)(p - run));
	return found;
}

/* How long the terminal sequence is that begins with the ESC at s: colours, titles, the like. */
static size_t sequence_length(const unsigned char *s, size_t len)
{
	size_t i = 2;

	if (len < 2)
		return 1;
	if (s[1] == '[') {
		while (i < len && s[i] >= 0x20 && s[i] <= 0x3f)
			i++;
		return i < len && s[i] >= 0x40 && s[i] <= 0x7e ? i + 1 : i;
	}
	if (s[1] == ']') {
		while (i < len && s[i] != '\a' && s[i] != 0x1b)
			i++;
		if (i < len && s[i] == 0x1b)
			i++;
		return i < len ? i + 1 : i;
	}
	return 1;
}

/* Appends a line's characters but for terminal sequences and controls; a tab as a blank. */
static void add_clean_line(struct buf *out, const unsigned char *s, size_t len)
{
	for (size_t at = 0; at < len && out->len < SUMMARY_LOOK;) {
		struct character c = decode(s + at, len - at);

		if (s[at] == 0x1b) {
			at += sequence_length(s + at, len - at);
			continue;
		}
		if (!c.valid)
			buf_addstr(out, REPLACEMENT);
		else if (c.code == '\t' || c.code == 0x2028 || c.code == 0x2029)
			buf_addch(out, ' ');
		else if (!is_harmful(c.code))
			buf_add(out, s + at, c.len);
		at += c.len;
	}
}

static bool is_letter_or_digit(uint32_t code)
{
	switch (utf8proc_category((utf8proc_int32_t)code)) {
	case UTF8PROC_CATEGORY_LU:
	case UTF8PROC_CATEGORY_LL:
	case UTF8PROC_CATEGORY_LT:
	case UTF8PROC_CATEGORY_LM:
	case UTF8PROC_CATEGORY_LO:
	case UTF8PROC_CATEGORY_ND:
	case UTF8PROC_CATEGORY_NL:
	case UTF8PROC_CATEGORY_NO:
		return true;
	default:
		return false;
	}
}

static bool says_something(const char *s, size_t len)
{
	for (size_t at = 0; at < len;) {
		struct character c = decode((const unsigned char *)s + at, len - at);

		if (c.valid && is_letter_or_digit(c.code))
			return true;
		at += c.len;
	}
	return false;
}

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " ");
}

/* What follows a Markdown mark: a heading's "## ", a list's "- ", "* ", "+ ", "1. " or "1) ". */
static const char *skip_mark(const char *s)
{
	size_t len = strspn(s, "#");

	if (len == 0 && *s != '\0' && strchr("-*+", *s) != NULL)
		len = 1;
	if (len == 0) {
		/* Longer numbers are not counting: "1986. It rained." */
		len = strspn(s, "0123456789");
		if (len > 3 || len == 0 || (s[len] != '.' && s[len] != ')'))
			return s;
		len++;
	}
	return s[len] == ' ' || s[len] == '\0' ? skip_blanks(s + len) : s;
}

/* Appends at most max characters, the last of them an ellipsis when there are more. */
static void add_cut(struct buf *out, const char *s, size_t len, size_t max)
{
	size_t count = 0, fits = 0;

	for (size_t at = 0; at < len; count++) {
		if (count + 1 == max)
			fits = at;
		if (count == max) {
			while (fits > 0 && s[fits - 1] == ' ')
				fits--;
			buf_add(out, s, fits);
			buf_addstr(out, ELLIPSIS);
			return;
		}
		at += decode((const unsigned char *)s + at, len - at).len;
	}
	buf_add(out, s, len);
}

/* Appends the summary of one line; false when it says nothing. */
static bool summarize_line(struct buf *out, const char *line, size_t len, size_t max)
{
	struct buf clean = BUF_INIT;
	const char *s, *after;
	size_t left;
	bool found;

	add_clean_line(&clean, (const unsigned char *)line, len);
	s = skip_blanks(buf_str(&clean));
	/* A list may be in a list, or a heading: "- ## Result". */
	while ((after = skip_mark(s)) != s)
		s = after;
	left = strlen(s);
	while (left > 0 && s[left - 1] == ' ')
		left--;
	found = strncmp(s, "```", 3) != 0 && strncmp(s, "~~~", 3) != 0 && says_something(s, left);
	if (found)
		add_cut(out, s, left, max);
	buf_free(&clean);
	return found;
}

void text_summary(struct buf *out, const char *in, size_t len, size_t max)
{
	const char *end;

	if (len == 0 || max == 0)
		return;
	end = in + len;
	while (in < end) {
		size_t line_len = 0;

		/* A carriage return begins a line too: progress displays overwrite theirs. */
		while (in + line_len < end && in[line_len] != '\n' && in[line_len] != '\r')
			line_len++;
		if (summarize_line(out, in, line_len, max))
			return;
		in += line_len;
		if (in < end)
			in++;
	}
}

const char *text_tail(const char *in, size_t len, unsigned lines)
{
	const char *newline;
	size_t left = len;

	if (len == 0)
		return in;
	if (lines == 0)
		return in + len;
	if (in[len - 1] == '\n')
		left--;
	for (;;) {
		newline = memrchr(in, '\n', left);
		if (newline == NULL)
			return in;
		if (--lines == 0)
			return newline + 1;
		left = (size_t)(newline - in);
	}
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *out, const void *in, size_t len)
{
	const unsigned char *p = in;
	char *to;

	if (len == 0)
		return;
	to = buf_reserve(out, len / 3 * 4 + 4);
	for (; len > 0; p += 3) {
		uint32_t bits = (uint32_t)p[0] << 16;

		if (len > 1)
			bits |= (uint32_t)p[1] << 8;
		if (len > 2)
			bits |= p[2];
		*to++ = base64_digits[bits >> 18];
		*to++ = base64_digits[bits >> 12 & 63];
		*to++ = len > 1 ? base64_digits[bits >> 6 & 63] : '=';
		*to++ = len > 2 ? base64_digits[bits & 63] : '=';
		len -= len < 3 ? len : 3;
	}
	*to = '\0';
	out->len = (size_t)(to - out->data);
}

/* The value of a digit, or -1. */
static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/* Four digits, the last `padding` of them "=": the bytes, or false. */
static bool decode_four(const char *in, size_t padding, unsigned char bytes[3])
{
	uint32_t bits = 0;

	for (size_t i = 0; i < 4; i++) {
		int value = i < 4 - padding ? base64_value(in[i]) : 0;

		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
	}
	bytes[0] = (unsigned char)(bits >> 16);
	bytes[1] = (unsigned char)(bits >> 8);
	bytes[2] = (unsigned char)bits;
	/* Bits that no byte holds must be zero: each text has one form only. */
	return (padding < 1 || bytes[2] == 0) && (padding < 2 || bytes[1] == 0);
}

bool base64_decode(struct buf *out, const char *in, size_t len)
{
	size_t before = out->len, padding = 0;

	if (len % 4 != 0)
		return false;
	if (len > 0 && in[len - 1] == '=')
		padding = in[len - 2] == '=' ? 2 : 1;
	for (size_t at = 0; at < len; at += 4) {
		size_t pad = at + 4 == len ? padding : 0;
		unsigned char bytes[3];

		if (!decode_four(in + at, pad, bytes)) {
			out->len = before;
			if (out->data != NULL)
				out->data[before] = '\0';
			return false;
		}
		buf_add(out, bytes, 3 - pad);
	}
	return true;
}

uint64_t text_hash(uint64_t hash, const char *text)
{
	for (const char *p = text;; p++) {
		hash = (hash ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
		if (*p == '\0')
			return hash;
	}
}
