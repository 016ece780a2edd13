/*
 * Bytes on their way to a terminal: what comes out is valid, holds nothing that acts, and does not
 * depend on where the stream was cut.
 */
#include <string.h>

#include "shared/text.h"
#include "tests/fuzz/fuzz.h"

static void check_safe(const char *s, size_t len, bool line)
{
	MUST(utf8_valid(s, len));
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];
		MUST(c != 0x7f);
		MUST(c >= 0x20 || (!line && (c == '\n' || c == '\t')));
		/* C1 controls are c2 80 to c2 9f */
		if (c == 0xc2 && i + 1 < len)
			MUST((unsigned char)s[i + 1] >= 0xa0);
		/* U+202A to U+202E and U+2066 to U+2069 turn the direction of what follows */
		if (c == 0xe2 && i + 2 < len) {
			unsigned char second = (unsigned char)s[i + 1],
				      third = (unsigned char)s[i + 2];
			MUST(!(second == 0x80 && third >= 0xaa && third <= 0xae));
			MUST(!(second == 0x81 && third >= 0xa6 && third <= 0xa9));
		}
	}
}

/* The same bytes in two pieces. */
static void check_pieces(const char *text, size_t size, size_t cut, const struct buf *whole)
{
	struct buf out = BUF_INIT, rest = BUF_INIT;
	size_t used = text_safe(&out, text, cut, false);

	MUST(used <= cut && cut - used <= 3);
	buf_add(&rest, text + used, size - used);
	MUST(text_safe(&out, buf_str(&rest), rest.len, true) == rest.len);
	MUST(
	    out.len == whole->len && (out.len == 0 || memcmp(out.data, whole->data, out.len) == 0));
	buf_free(&out);
	buf_free(&rest);
}

static void check_base64(const char *text, size_t size)
{
	struct buf coded = BUF_INIT, plain = BUF_INIT;

	base64_encode(&coded, text, size);
	MUST(base64_decode(&plain, buf_str(&coded), coded.len));
	MUST(plain.len == size && (size == 0 || memcmp(plain.data, text, size) == 0));
	buf_reset(&plain);
	if (base64_decode(&plain, text, size)) {
		buf_reset(&coded);
		base64_encode(&coded, buf_str(&plain), plain.len);
		MUST(coded.len == size && (size == 0 || memcmp(coded.data, text, size) == 0));
	} else {
		MUST(plain.len == 0);
	}
	buf_free(&coded);
	buf_free(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct buf out = BUF_INIT;

	MUST(text_safe(&out, text, size, true) == size);
	check_safe(buf_str(&out), out.len, false);
	if (size > 0)
		check_pieces(text, size, data[0] % size, &out);

	buf_reset(&out);
	text_safe_line(&out, text, size);
	check_safe(buf_str(&out), out.len, true);

	buf_reset(&out);
	MUST(text_utf8(&out, text, size) == !utf8_valid(text, size));
	MUST(utf8_valid(buf_str(&out), out.len));

	buf_reset(&out);
	text_summary(&out, text, size, 200);
	MUST(utf8_valid(buf_str(&out), out.len));
	MUST(memchr(buf_str(&out), '\n', out.len) == NULL);

	const char *tail = text_tail(text, size, 3);
	MUST(tail >= text && tail <= text + size);

	check_base64(text, size);
	buf_free(&out);
	return 0;
}
