/* Text of users, tasks and agents in a report as HTML: it stays text, whatever it holds. */
#include <string.h>

#include "shared/quantity.h"
#include "shared/text.h"
#include "supervisor/report/report_html.h"

#define MARK "…"
#define MARK_LEN (sizeof(MARK) - 1)

static size_t char_len(const char *s, const char *end)
{
	size_t len = 1;

	while (s + len < end && ((unsigned char)s[len] & 0xc0) == 0x80)
		len++;
	return len;
}

/* U+FFFE and U+FFFF are valid UTF-8, and no XML may hold them. */
static bool is_no_character(const char *s, size_t len)
{
	return len == 3 && memcmp(s, "\xef\xbf", 2) == 0 && (unsigned char)s[2] >= 0xbe;
}

/* What stands for the character; NULL: itself. */
static const char *escape_of(const char *s, size_t len)
{
	switch (*s) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	default:
		return is_no_character(s, len) ? "\xef\xbf\xbd" : NULL;
	}
}

/* Escapes what is safe already. Whether it was cut. */
static bool add_escaped(struct buf *out, const struct buf *safe_text, size_t max)
{
	const char *s = buf_str(safe_text);
	const char *end = s + safe_text->len;
	size_t begin = out->len;
	size_t fits = 0; /* length at which the mark still has room */

	while (s < end) {
		size_t len = char_len(s, end);
		const char *escape = escape_of(s, len);
		size_t need = escape != NULL ? strlen(escape) : len;
		size_t used = out->len - begin;

		if (used + MARK_LEN <= max)
			fits = used;
		if (used + need > max) {
			out->len = begin + fits;
			buf_addstr(out, max >= MARK_LEN ? MARK : "");
			return true;
		}
		buf_add(out, escape != NULL ? escape : s, need);
		s += len;
	}
	return false;
}

bool html_block(struct buf *out, const char *text, size_t len, size_t max)
{
	struct buf shown = BUF_INIT;

	text_safe(&shown, text, len, true);
	bool cut = add_escaped(out, &shown, max);
	buf_free(&shown);
	return cut;
}

bool html_cut(struct buf *out, const char *text, size_t max)
{
	struct buf shown = BUF_INIT;

	if (text == NULL)
		return false;
	text_safe(&shown, text, strlen(text), true);
	for (size_t i = 0; i < shown.len; i++)
		if (shown.data[i] == '\n' || shown.data[i] == '\t')
			shown.data[i] = ' ';
	bool cut = add_escaped(out, &shown, max);
	buf_free(&shown);
	return cut;
}

void html_text(struct buf *out, const char *text)
{
	html_cut(out, text, SIZE_MAX);
}

void html_fact(struct buf *out, const char *name, const char *text)
{
	if (text == NULL)
		return;
	buf_addf(out, "<dt>%s</dt><dd>", name);
	html_cut(out, text, 2000);
	buf_addstr(out, "</dd>\n");
}

void html_duration(struct buf *out, int64_t ms)
{
	char text[32];

	buf_addstr(out, format_duration(text, sizeof(text), ms));
}

void html_time(struct buf *out, int64_t ms)
{
	struct buf text = BUF_INIT;

	report_time(&text, ms);
	html_text(out, buf_str(&text));
	buf_free(&text);
}

void html_tokens(struct buf *out, const struct report_usage *u)
{
	struct buf text = BUF_INIT;

	report_tokens(&text, u);
	html_text(out, buf_str(&text));
	buf_free(&text);
}

void html_cost(struct buf *out, const struct report_usage *u)
{
	struct buf text = BUF_INIT;

	report_cost(&text, u);
	html_text(out, buf_str(&text));
	buf_free(&text);
}

void html_task(struct buf *out, const struct report *r, const struct report_task *t, size_t max)
{
	struct buf name = BUF_INIT;

	report_task_name(&name, r, t);
	html_cut(out, buf_str(&name), max);
	buf_free(&name);
}

void html_task_link(struct buf *out, const struct report *r, size_t task, size_t max)
{
	buf_addf(out, "<a href=\"#t%zu\">", task);
	html_task(out, r, &r->tasks[task], max);
	buf_addstr(out, "</a>");
}

const char *html_mark(const char *word)
{
	static const struct {
		const char *word;
		const char *mark;
	} marks[] = {
		{ "succeeded", "✔" },
		{ "failed", "✘" },
		{ "lost", "✘" },
		{ "skipped", "–" },
		{ "cancelled", "■" },
		{ "running", "▶" },
		{ "waiting", "○" },
	};

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (strcmp(marks[i].word, word) == 0)
			return marks[i].mark;
	return "";
}

void html_state(struct buf *out, const char *word)
{
	buf_addf(out, "<span class=\"state s-%s\"><span aria-hidden=\"true\">%s </span>%s</span>",
	    word, html_mark(word), word);
}

const char *html_plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

bool html_put(struct buf *out, struct buf *piece, struct html_room *room)
{
	bool fits = piece->len <= room->left;

	if (fits) {
		buf_add(out, buf_str(piece), piece->len);
		room->left -= piece->len;
	} else {
		room->left_out++;
	}
	buf_reset(piece);
	return fits;
}
