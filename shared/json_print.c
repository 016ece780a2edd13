#include "shared/json.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/text.h"
#include "shared/xalloc.h"

/*
 * cJSON's own printer is not used: it takes 0.30000000000000004 for 0.3, passes bytes on that
 * are not UTF-8, and copies a large record three times.
 */

/* Integers up to here are exact as doubles. */
#define INTEGER_MAX 9007199254740992.0

static void print_value(struct buf *out, const cJSON *value);

/*
 * The length of the character at s when it must not stand bare in our lines, else 0: C1 controls,
 * bidirectional controls and line separators could act on a terminal or break
 * a line in two, and an escape loses nothing.
 */
static size_t unsafe_length(const unsigned char *s, unsigned *codepoint)
{
	if (*s < 0x20 || *s == 0x7f) {
		*codepoint = *s;
		return 1;
	}
	if (*s == 0xc2 || *s == 0xd8) {
		*codepoint = (*s & 0x1fu) << 6 | (s[1] & 0x3fu);
		return *codepoint < 0xa0 || *codepoint == 0x61c ? 2 : 0;
	}
	if (*s != 0xe2)
		return 0;
	*codepoint = 0x2000u | (s[1] & 0x3fu) << 6 | (s[2] & 0x3fu);
	if (*codepoint == 0x200e || *codepoint == 0x200f ||
	    (*codepoint >= 0x2028 && *codepoint <= 0x202e) ||
	    (*codepoint >= 0x2066 && *codepoint <= 0x2069))
		return 3;
	return 0;
}

static void print_escape(struct buf *out, unsigned codepoint)
{
	switch (codepoint) {
	case '\b':
		buf_addstr(out, "\\b");
		break;
	case '\f':
		buf_addstr(out, "\\f");
		break;
	case '\n':
		buf_addstr(out, "\\n");
		break;
	case '\r':
		buf_addstr(out, "\\r");
		break;
	case '\t':
		buf_addstr(out, "\\t");
		break;
	default:
		buf_addf(out, "\\u%04x", codepoint);
	}
}

/* s is valid UTF-8. */
static void print_utf8(struct buf *out, const char *s)
{
	const char *plain = s;

	buf_addch(out, '"');
	while (*s != '\0') {
		unsigned codepoint;
		size_t len = unsafe_length((const unsigned char *)s, &codepoint);

		if (len == 0 && *s != '"' && *s != '\\') {
			s++;
			continue;
		}
		buf_add(out, plain, (size_t)(s - plain));
		if (len == 0) {
			buf_addch(out, '\\');
			buf_addch(out, *s++);
		} else {
			print_escape(out, codepoint);
			s += len;
		}
		plain = s;
	}
	buf_add(out, plain, (size_t)(s - plain));
	buf_addch(out, '"');
}

static void print_string(struct buf *out, const char *s)
{
	struct buf fixed = BUF_INIT;

	if (s == NULL)
		s = "";
	if (utf8_valid(s, strlen(s))) {
		print_utf8(out, s);
		return;
	}
	text_utf8(&fixed, s, strlen(s));
	print_utf8(out, buf_str(&fixed));
	buf_free(&fixed);
}

/* With 15 digits, or as many more as it takes to be read as the same number again. */
static void print_number(struct buf *out, double value)
{
	char text[40];

	if (!isfinite(value)) {
		buf_addstr(out, "null");
		return;
	}
	if (value >= -INTEGER_MAX && value <= INTEGER_MAX && value == (double)(int64_t)value) {
		buf_addf(out, "%.0f", value);
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	buf_addstr(out, text);
	/* without a point it would be read as an integer, which is refused when it is not exact */
	if (text[strcspn(text, ".e")] == '\0')
		buf_addstr(out, ".0");
}

static void print_members(struct buf *out, const cJSON *container, bool keys)
{
	const cJSON *item;

	buf_addch(out, keys ? '{' : '[');
	cJSON_ArrayForEach(item, container)
	{
		if (item != container->child)
			buf_addch(out, ',');
		if (keys) {
			print_string(out, item->string);
			buf_addch(out, ':');
		}
		print_value(out, item);
	}
	buf_addch(out, keys ? '}' : ']');
}

static void print_value(struct buf *out, const cJSON *value)
{
	switch (value->type & 0xff) {
	case cJSON_False:
		buf_addstr(out, "false");
		break;
	case cJSON_True:
		buf_addstr(out, "true");
		break;
	case cJSON_Number:
		print_number(out, value->valuedouble);
		break;
	case cJSON_String:
		print_string(out, value->valuestring);
		break;
	case cJSON_Raw:
		buf_addstr(out, value->valuestring);
		break;
	case cJSON_Array:
		print_members(out, value, false);
		break;
	case cJSON_Object:
		print_members(out, value, true);
		break;
	default:
		buf_addstr(out, "null");
	}
}

void json_print(struct buf *out, const cJSON *value)
{
	/* printf() and strtod() write and read a decimal comma where the locale has one */
	locale_t before = uselocale(json_locale());

	print_value(out, value);
	uselocale(before);
}
