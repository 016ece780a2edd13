#include "shared/json_scan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/text.h"
#include "shared/xalloc.h"

/* cJSON copies a number into 64 bytes before it reads it, and gives up on a longer one. */
#define NUMBER_LEN_MAX 63
/* Beyond this neighbouring integers become the same double. */
#define INTEGER_MAX 9007199254740992.0

/* Made by json_scan() for one document; gone with it. */
struct scan {
	const char *text;
	size_t len;
	size_t pos;
	unsigned depth;
	unsigned depth_max;
	struct json_keys *keys;
	struct json_error *error;
};

static bool scan_value(struct scan *s);

static bool fail(struct scan *s, size_t offset, const char *message)
{
	s->error->offset = offset;
	snprintf(s->error->message, sizeof(s->error->message), "%s", message);
	return false;
}

static bool at_end(const struct scan *s)
{
	return s->pos == s->len;
}

/* The byte that comes next, or -1 at the end. */
static int peek(const struct scan *s)
{
	return at_end(s) ? -1 : (unsigned char)s->text[s->pos];
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool skip_char(struct scan *s, char c)
{
	if (peek(s) != (unsigned char)c)
		return false;
	s->pos++;
	return true;
}

static void skip_blanks(struct scan *s)
{
	int c;

	while ((c = peek(s)) == ' ' || c == '\t' || c == '\n' || c == '\r')
		s->pos++;
}

/* Returns whether there was one. */
static bool skip_digits(struct scan *s)
{
	size_t start = s->pos;

	while (is_digit(peek(s)))
		s->pos++;
	return s->pos > start;
}

static int hex_value(int c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The four digits after \u, or -1. */
static int scan_hex4(struct scan *s)
{
	int value = 0;

	for (int i = 0; i < 4; i++) {
		int digit = hex_value(peek(s));

		if (digit < 0)
			return -1;
		value = value * 16 + digit;
		s->pos++;
	}
	return value;
}

/* s->pos is after the u of \u, which began at `start`. */
static bool scan_unicode_escape(struct scan *s, size_t start)
{
	int unit = scan_hex4(s);

	if (unit < 0)
		return fail(s, start, "expected four hexadecimal digits after \\u");
	if (unit == 0)
		return fail(s, start, "\\u0000 in a string: text cannot hold a NUL");
	if (unit >= 0xdc00 && unit <= 0xdfff)
		return fail(s, start, "the second half of a surrogate pair without the first");
	if (unit < 0xd800 || unit > 0xdbff)
		return true;
	if (!skip_char(s, '\\') || !skip_char(s, 'u'))
		return fail(s, start, "the first half of a surrogate pair without the second");
	unit = scan_hex4(s);
	if (unit < 0xdc00 || unit > 0xdfff)
		return fail(s, start, "the first half of a surrogate pair without the second");
	return true;
}

static bool scan_escape(struct scan *s)
{
	size_t start = s->pos;
	int c;

	s->pos++;
	c = peek(s);
	if (c < 0)
		return fail(s, s->pos, "the text ends inside a string");
	s->pos++;
	if (c == 'u')
		return scan_unicode_escape(s, start);
	if (c == 0 || strchr("\"\\/bfnrt", c) == NULL)
		return fail(s, start, "unknown escape in a string: a backslash is written \\\\");
	return true;
}

static bool scan_multibyte(struct scan *s, unsigned char lead)
{
	size_t need = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;

	if (s->len - s->pos < need || !utf8_valid(s->text + s->pos, need))
		return fail(s, s->pos, "a byte in a string that is not UTF-8");
	s->pos += need;
	return true;
}

static bool scan_string(struct scan *s)
{
	s->pos++;
	for (;;) {
		int c = peek(s);

		if (c < 0)
			return fail(s, s->pos, "the text ends inside a string");
		if (c == '"')
			break;
		if (c == '\\') {
			if (!scan_escape(s))
				return false;
		} else if (c >= 0x80) {
			if (!scan_multibyte(s, (unsigned char)c))
				return false;
		} else if (c == '\n' || c == '\r') {
			return fail(s, s->pos,
			    "a line ends inside a string: write \\n, or close the '\"'");
		} else if (c < 0x20) {
			return fail(s, s->pos,
			    "a control character in a string: write it as \\t or \\u00XX");
		} else {
			s->pos++;
		}
	}
	s->pos++;
	return true;
}

static bool number_in_range(const struct scan *s, size_t start, bool integer)
{
	char copy[NUMBER_LEN_MAX + 1];
	double value;

	memcpy(copy, s->text + start, s->pos - start);
	copy[s->pos - start] = '\0';
	value = fabs(strtod(copy, NULL));
	if (!isfinite(value))
		return false;
	/* 2^53 + 1 is read as 2^53, so the limit itself is refused unless it is written out */
	if (integer && value == INTEGER_MAX)
		return strcmp(copy[0] == '-' ? copy + 1 : copy, "9007199254740992") == 0;
	return !integer || value < INTEGER_MAX;
}

static bool scan_number(struct scan *s)
{
	size_t start = s->pos;
	bool integer = true;

	skip_char(s, '-');
	if (skip_char(s, '0')) {
		if (is_digit(peek(s)))
			return fail(s, start, "a number begins with 0");
	} else if (!skip_digits(s)) {
		return fail(s, s->pos, "expected a digit after '-'");
	}
	if (skip_char(s, '.')) {
		integer = false;
		if (!skip_digits(s))
			return fail(s, s->pos, "expected a digit after '.'");
	}
	if (skip_char(s, 'e') || skip_char(s, 'E')) {
		integer = false;
		if (!skip_char(s, '-'))
			skip_char(s, '+');
		if (!skip_digits(s))
			return fail(s, s->pos, "expected a digit in the exponent");
	}
	if (s->pos - start > NUMBER_LEN_MAX)
		return fail(s, start, "number too long");
	if (!number_in_range(s, start, integer))
		return fail(s, start, "number out of range");
	return true;
}

static bool scan_word(struct scan *s, const char *word)
{
	size_t len = strlen(word);

	if (s->len - s->pos < len || memcmp(s->text + s->pos, word, len) != 0)
		return fail(s, s->pos, "expected true, false, null, a number, or text in '\"'");
	s->pos += len;
	return true;
}

static void add_key(struct json_keys *keys, size_t offset)
{
	if (keys->count == keys->cap) {
		keys->cap = keys->cap == 0 ? 64 : keys->cap * 2;
		keys->offsets = xreallocarray(keys->offsets, keys->cap, sizeof(keys->offsets[0]));
	}
	keys->offsets[keys->count++] = offset;
}

static bool scan_member(struct scan *s)
{
	if (peek(s) != '"') {
		if (at_end(s))
			return fail(s, s->pos, "the text ends inside an object");
		return fail(s, s->pos, "expected a key in '\"'");
	}
	add_key(s->keys, s->pos);
	if (!scan_string(s))
		return false;
	skip_blanks(s);
	if (!skip_char(s, ':'))
		return fail(s, s->pos, "expected ':' after a key");
	return scan_value(s);
}

static bool scan_object(struct scan *s)
{
	skip_blanks(s);
	if (skip_char(s, '}'))
		return true;
	for (;;) {
		size_t comma;

		if (!scan_member(s))
			return false;
		skip_blanks(s);
		if (skip_char(s, '}'))
			return true;
		if (at_end(s))
			return fail(s, s->pos, "the text ends inside an object");
		comma = s->pos;
		if (!skip_char(s, ','))
			return fail(s, s->pos, "expected ',' or '}' after a member");
		skip_blanks(s);
		if (peek(s) == '}')
			return fail(s, comma, "a ',' with no member after it");
	}
}

static bool scan_array(struct scan *s)
{
	skip_blanks(s);
	if (skip_char(s, ']'))
		return true;
	for (;;) {
		size_t comma;

		if (!scan_value(s))
			return false;
		skip_blanks(s);
		if (skip_char(s, ']'))
			return true;
		if (at_end(s))
			return fail(s, s->pos, "the text ends inside an array");
		comma = s->pos;
		if (!skip_char(s, ','))
			return fail(s, s->pos, "expected ',' or ']' after an element");
		skip_blanks(s);
		if (peek(s) == ']')
			return fail(s, comma, "a ',' with no element after it");
	}
}

static bool scan_container(struct scan *s, int open)
{
	bool good;

	if (s->depth == s->depth_max) {
		char message[64];

		snprintf(message, sizeof(message), "nested deeper than %u levels", s->depth_max);
		return fail(s, s->pos, message);
	}
	s->depth++;
	s->pos++;
	good = open == '{' ? scan_object(s) : scan_array(s);
	s->depth--;
	return good;
}

static bool scan_value(struct scan *s)
{
	int c;

	skip_blanks(s);
	c = peek(s);
	switch (c) {
	case -1:
		return fail(s, s->pos, "the text ends where a value is expected");
	case '{':
	case '[':
		return scan_container(s, c);
	case '"':
		return scan_string(s);
	case 't':
		return scan_word(s, "true");
	case 'f':
		return scan_word(s, "false");
	case 'n':
		return scan_word(s, "null");
	case '\'':
		return fail(s, s->pos, "text stands in '\"', not in single quotes");
	case '+':
		return fail(s, s->pos, "a number has no '+' before it");
	case '.':
		return fail(s, s->pos, "expected a digit before '.'");
	default:
		if (c == '-' || is_digit(c))
			return scan_number(s);
		return scan_word(s, "null");
	}
}

static const char *trailing_message(char first)
{
	switch (first) {
	case '{':
		return "text after the end of the object";
	case '[':
		return "text after the end of the array";
	default:
		return "text after the end of the value";
	}
}

bool json_scan(const char *text, size_t len, unsigned depth_max, struct json_keys *keys,
    struct json_error *error)
{
	struct scan s = {
		.text = text,
		.len = len,
		.depth_max = depth_max,
		.keys = keys,
		.error = error,
	};
	size_t first;

	skip_blanks(&s);
	if (at_end(&s))
		return fail(&s, s.pos, "expected a value, but there is only an empty text");
	first = s.pos;
	if (!scan_value(&s))
		return false;
	skip_blanks(&s);
	if (!at_end(&s))
		return fail(&s, s.pos, trailing_message(text[first]));
	return true;
}
