/*
 * Text that came from somewhere else: checked, made safe, cut.
 */
#ifndef POLLARD_TEXT_H
#define POLLARD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/buf.h"

/* Whether the bytes are well-formed UTF-8 (no overlong form, no surrogate, at most U+10FFFF). */
bool utf8_valid(const char *s, size_t len);

/*
 * Appends `in` to `out` with everything replaced that could act on a terminal or mislead its
 * reader: control bytes but newline and tab, DEL, C1 controls, U+2028, U+2029 and bidirectional
 * controls become \xNN (bytes) or \u{N} (code points), and so does each byte that is not UTF-8.
 * Works on pieces of a stream: an incomplete sequence at the end is left alone unless `final`.
 * Returns how many bytes of `in` were used (len, or up to 3 less).
 */
size_t text_safe(struct buf *out, const char *in, size_t len, bool final);

/* The same for one word or line in a message: newline and tab are escaped too (\n, \t). */
void text_safe_line(struct buf *out, const char *in, size_t len);

/*
 * The same again, as a string in one of eight static buffers that are used in turn, cut to
 * 500 bytes, the last of them "..."; for arguments of messages: warnx("no file '%s'", safe(name)).
 */
const char *safe(const char *s);

/* Appends `in` with each invalid byte as U+FFFD; returns whether there was one. */
bool text_utf8(struct buf *out, const char *in, size_t len);

/*
 * Appends the first line that says something (holds a letter or digit and does not open a code
 * fence; Markdown heading marks, list marks and surrounding blanks removed), cut at `max`
 * characters (code points), the last of them U+2026 when cut. Invalid bytes as U+FFFD, a tab as a
 * blank, other control characters and terminal sequences left out. Nothing is appended when no
 * line says anything.
 */
void text_summary(struct buf *out, const char *in, size_t len, size_t max);

/* Where the last `lines` lines of the text begin; a final newline ends a line and begins none. */
const char *text_tail(const char *in, size_t len, unsigned lines);

void base64_encode(struct buf *out, const void *in, size_t len);
/* Strict: false, and nothing appended, on anything that base64_encode() does not make. */
bool base64_decode(struct buf *out, const char *in, size_t len);

/*
 * FNV-1a over a text and its NUL, so that "a" "bc" is not "ab" "c": goes on from `hash`, which is
 * TEXT_HASH at first. Not for what somebody could gain by a collision.
 */
#define TEXT_HASH UINT64_C(0xcbf29ce484222325)
uint64_t text_hash(uint64_t hash, const char *text);

#endif
