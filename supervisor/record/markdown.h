/*
 * Text of tasks, agents and debuggers in our Markdown: it stays text, whatever it holds, and
 * nothing in it can act on a terminal.
 */
#ifndef POLLARD_MARKDOWN_H
#define POLLARD_MARKDOWN_H

#include <stddef.h>
#include <stdint.h>

#include "shared/buf.h"

/* Appends text inside a line: no code, HTML, link, image or table cell begins in it. */
void markdown_text(struct buf *out, const char *text);
/* The same, cut at `max` characters, then with a mark. */
void markdown_text_cut(struct buf *out, const char *text, size_t max);
/* The same as markdown_text() where a list item begins: no heading or list begins there either. */
void markdown_first_text(struct buf *out, const char *text);
/*
 * Appends text as a block of its own, in a fence that is longer than any run of backticks in it;
 * `info` ("sh", or "") says what it is. Of safe text: see text_safe().
 */
void markdown_fenced(struct buf *out, const char *info, const char *text, size_t len);
/* Appends 9,800 */
void markdown_count(struct buf *out, uint64_t n);

#endif
