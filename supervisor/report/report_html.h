/*
 * The parts of a report as HTML. Nobody but report_html*.c and its test includes this.
 *
 * The page is well-formed XML too, so that a strict reader can check it. It loads nothing and runs
 * nothing but its own script, which only adds to what is there without it.
 *
 * How long it gets is known before: each kind of text has its own room (struct html_room), and a
 * piece that does not fit into what is left of it is counted and left out. The rooms together are
 * less than HTML_MAX and HTML_MAX_TASK for each task.
 */
#ifndef POLLARD_REPORT_HTML_H
#define POLLARD_REPORT_HTML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/buf.h"
#include "supervisor/report/report.h"

/* Bytes that the page has at most: HTML_MAX + tasks * HTML_MAX_TASK. */
#define HTML_MAX ((size_t)2000 * 1000)
#define HTML_MAX_TASK ((size_t)2000)

/* On the stack of report_html(), which frees `detailed`. */
struct html_page {
	struct buf *out;
	const struct report *r;
	bool *detailed; /* by task: its attempts are shown among the failures, below the id "fN" */
};

/* What one kind of text may take, on the stack of who writes it. */
struct html_room {
	size_t left;	 /* bytes */
	size_t left_out; /* pieces that did not fit */
};

/*
 * report_html_text.c: text that came from somewhere else. Made visible where it is a control
 * character, escaped, also for attributes in double quotes. NULL is nothing.
 */
void html_text(struct buf *out, const char *text);
/*
 * The same, of at most `max` bytes of output, the last of them U+2026 when it was cut, which is
 * returned. Blanks take the place of newlines in a line.
 */
bool html_cut(struct buf *out, const char *text, size_t max);
/* The first `len` bytes of text, all of it and with its newlines, cut as above. */
bool html_block(struct buf *out, const char *text, size_t len, size_t max);
/* "<dt>NAME</dt><dd>" and text and "</dd>"; nothing for NULL. */
void html_fact(struct buf *out, const char *name, const char *text);
void html_duration(struct buf *out, int64_t ms);
/* What report_time(), report_tokens(), report_cost() append, escaped. */
void html_time(struct buf *out, int64_t ms);
void html_tokens(struct buf *out, const struct report_usage *u);
void html_cost(struct buf *out, const struct report_usage *u);
/* The task's name, cut at `max` bytes; as a link to its row. */
void html_task(struct buf *out, const struct report *r, const struct report_task *t, size_t max);
void html_task_link(struct buf *out, const struct report *r, size_t task, size_t max);
/* The sign of "succeeded", "failed" and the like. */
const char *html_mark(const char *word);
/* "✘ failed", by which also those who see no colour can tell it. */
void html_state(struct buf *out, const char *word);
/* "s" unless n is 1. */
const char *html_plural(uint64_t n);
/* Appends the piece when it fits into the room, else counts it; the piece is empty then. */
bool html_put(struct buf *out, struct buf *piece, struct html_room *room);

/* report_html_failures.c: tasks that failed, were lost, or succeeded at last. */
void html_failures(struct html_page *p);

/* report_html_recovery.c: what debuggers said, and what was done about it. */
void html_recovery(struct html_page *p);

/* report_html_timeline.c: a lane for each slot, a bar for each attempt. */
void html_timeline(struct html_page *p);

/* report_html_tables.c: steps, all tasks. */
void html_steps(struct html_page *p);
void html_tasks(struct html_page *p);

/* report_html_results.c: what steps were merged to, what agents used. */
void html_merged(struct html_page *p);
void html_usage(struct html_page *p);

/*
 * report_html_assets.c: what stands between <style> and </style>, <script> and </script>; and the
 * SHA-256 of it, in base64, without which a browser takes no notice of it.
 */
extern const char html_style[];
extern const char html_style_hash[];
extern const char html_script[];
extern const char html_script_hash[];

#endif
