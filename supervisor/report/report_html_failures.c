/* What failed, attempt by attempt. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "shared/quantity.h"
#include "shared/text.h"
#include "supervisor/record/markdown.h"
#include "supervisor/report/report_html.h"

#define FULL_ROOM 600000  /* bytes of failures with what their attempts printed */
#define SHORT_ROOM 100000 /* of those that are shown without */
#define SHORT_ROOM_TASK 250
#define MENDED_ROOM 120000
#define OPEN_MAX 20    /* failures that are open at first */
#define SEEN_MAX 50    /* those that can be seen at first */
#define TRIES 20       /* pieces that may turn out too long before no more are tried */
#define WITH_TAILS 10  /* attempts of a task whose output is shown */
#define VERDICTS_MAX 5 /* that are shown with a task */
#define NAME_MAX_BYTES 400
#define LINE_MAX_BYTES 600
#define TEXT_MAX_BYTES 1500
#define TAIL_MAX_BYTES 8000

static bool is_failure(const struct report_task *t)
{
	if (t->removed)
		return false;
	if (t->phase == REPORT_LOST)
		return true;
	return t->phase == REPORT_ENDED &&
	    (t->status == RESULT_FAILED || (t->status == RESULT_CANCELLED && t->nattempts > 0));
}

static bool is_mended(const struct report_task *t)
{
	return !t->removed && t->phase == REPORT_ENDED && t->status == RESULT_SUCCEEDED &&
	    t->ncounted > 1;
}

/* Attempts. */

/* The end says more than the beginning: that is cut off where both would be too long. */
static bool add_end_of(struct buf *out, const char *text)
{
	size_t begin = out->len;
	bool cut = false;

	while (html_block(out, text, strlen(text), TAIL_MAX_BYTES)) {
		text += strlen(text) / 2;
		while (((unsigned char)*text & 0xc0) == 0x80)
			text++;
		out->len = begin;
		cut = true;
	}
	return cut;
}

static void add_stream(struct buf *out, const struct report *r, const char *name, const char *tail,
    const char *path, uint64_t bytes)
{
	char size[32];

	if (bytes == 0 && tail == NULL)
		return;
	buf_addf(out, "<p class=\"stream\"><strong>%s</strong>, %s", name,
	    format_size(size, sizeof(size), bytes));
	if (path != NULL) {
		buf_addstr(out, " in <code>");
		html_cut(out, r->directory, LINE_MAX_BYTES);
		buf_addstr(out, "/");
		html_cut(out, path, LINE_MAX_BYTES);
		buf_addstr(out, "</code>");
	}
	if (tail == NULL) {
		buf_addstr(out, "</p>\n");
		return;
	}
	struct buf text = BUF_INIT;
	/* a newline at the end is not in the tail */
	bool cut = add_end_of(&text, tail) || strlen(tail) + 1 < bytes;
	buf_addf(out, "%s</p>\n<pre tabindex=\"0\" aria-label=\"%s\">", cut ? "; its end:" : ":",
	    name);
	buf_add(out, buf_str(&text), text.len);
	buf_addstr(out, "</pre>\n");
	buf_free(&text);
}

static void add_usage_of(struct buf *out, const struct report_attempt *a)
{
	if (a->usage.known)
		buf_addf(out, "; %" PRId64 " tokens in, %" PRId64 " out", a->usage.input_tokens,
		    a->usage.output_tokens);
	if (a->usage.usd_known)
		buf_addf(out, ", $%.4f", a->usage.usd);
}

/* "started 2026-11-23 16:20:05 UTC, 3.1s, exit 3; 12 MiB of memory" */
static void add_circumstances(struct buf *out, const struct report_attempt *a)
{
	char size[32];

	buf_addstr(out, "<p class=\"dim\">started ");
	html_time(out, a->started_ms);
	if (a->phase != REPORT_LOST) {
		buf_addstr(out, a->phase == REPORT_RUNNING ? ", so far " : ", took ");
		html_duration(out, a->duration_ms);
	}
	if (a->exit_status >= 0)
		buf_addf(out, ", exit status %d", a->exit_status);
	if (a->signal != NULL) {
		buf_addstr(out, ", ended by ");
		html_cut(out, a->signal, LINE_MAX_BYTES);
	}
	if (a->level > 0)
		buf_addf(out, ", recovery level %u", a->level);
	if (a->max_rss_kb > 0)
		buf_addf(out, "; %s of memory",
		    format_size(size, sizeof(size), a->max_rss_kb * 1024));
	if (a->leftovers > 0)
		buf_addf(out, "; %u process%s left behind", a->leftovers,
		    a->leftovers == 1 ? "" : "es");
	add_usage_of(out, a);
	buf_addstr(out, "</p>\n");
}

static void add_attempt(struct buf *out, const struct report *r, const struct report_attempt *a,
    bool with_tails)
{
	struct buf line = BUF_INIT;

	report_attempt_line(&line, a);
	buf_addf(out, "<h4>Attempt %u: ", a->number);
	html_cut(out, buf_str(&line), LINE_MAX_BYTES);
	buf_addstr(out, "</h4>\n");
	add_circumstances(out, a);
	if (a->warning != NULL) {
		buf_addstr(out, "<p>Warning: ");
		html_cut(out, a->warning, LINE_MAX_BYTES);
		buf_addstr(out, "</p>\n");
	}
	add_stream(out, r, "Standard error", with_tails ? a->err_tail : NULL, a->err_path,
	    a->err_bytes);
	if (a->answered && with_tails && a->out_tail != NULL)
		add_stream(out, r, "Answer", a->out_tail, NULL, a->answer_bytes);
	add_stream(out, r, "Standard output", with_tails && !a->answered ? a->out_tail : NULL,
	    a->out_path, a->out_bytes);
	buf_free(&line);
}

/* Verdicts. */

static bool is_about(const struct report_verdict *v, size_t task, const char **cause)
{
	*cause = v->cause;
	for (size_t g = 0; g < v->ngroups; g++) {
		for (size_t i = 0; i < v->groups[g].ntasks; i++) {
			if (v->groups[g].tasks[i] == task) {
				*cause = v->groups[g].cause != NULL ? v->groups[g].cause : v->cause;
				return true;
			}
		}
	}
	return false;
}

static void add_task_verdict(struct buf *out, const struct report_verdict *v, size_t index,
    const char *cause)
{
	buf_addf(out, "<p class=\"cause\"><a href=\"#v%zu\">Debugger ", index);
	html_cut(out, v->debugger, NAME_MAX_BYTES);
	if (v->level > 0)
		buf_addf(out, ", level %u", v->level);
	buf_addstr(out, "</a>: ");
	html_cut(out, cause != NULL ? cause : "no cause", TEXT_MAX_BYTES);
	if (v->fix != NULL) {
		buf_addstr(out, "; it proposes: ");
		html_cut(out, v->fix, TEXT_MAX_BYTES);
	}
	buf_addstr(out, "</p>\n");
}

/* The newest ones; all stand in the section about what was done. */
static void add_task_verdicts(struct buf *out, const struct report *r, size_t task)
{
	size_t found[VERDICTS_MAX];
	const char *causes[VERDICTS_MAX];
	size_t n = 0;

	for (size_t i = r->nverdicts; i-- > 0 && n < VERDICTS_MAX;) {
		if (r->verdicts[i].valid && is_about(&r->verdicts[i], task, &causes[n]))
			found[n++] = i;
	}
	while (n-- > 0)
		add_task_verdict(out, &r->verdicts[found[n]], found[n], causes[n]);
}

/* One task. */

static void begin_task(struct buf *out, const struct report *r, size_t index, bool open)
{
	const struct report_task *t = &r->tasks[index];
	struct buf line = BUF_INIT;

	report_task_line(&line, t);
	buf_addf(out, "<details class=\"task s-%s\" id=\"f%zu\"%s>\n<summary><h3>",
	    report_task_word(t), index, open ? " open=\"open\"" : "");
	html_task(out, r, t, NAME_MAX_BYTES);
	buf_addstr(out, "</h3> ");
	html_cut(out, buf_str(&line), LINE_MAX_BYTES);
	buf_addf(out, " <span class=\"dim\">%zu attempt%s</span></summary>\n", t->nattempts,
	    html_plural(t->nattempts));
	buf_free(&line);
}

static void end_task(struct buf *out, const struct report *r, size_t index)
{
	buf_addf(out, "<p class=\"dim\">All of it: <code>pollard show %s ", r->run);
	html_task(out, r, &r->tasks[index], NAME_MAX_BYTES);
	buf_addf(out, "</code>, <a href=\"#t%zu\">its row among the tasks</a></p>\n</details>\n",
	    index);
}

static void add_full(struct buf *out, const struct report *r, size_t index, bool open)
{
	const struct report_task *t = &r->tasks[index];

	begin_task(out, r, index, open);
	if (t->input != NULL) {
		buf_addstr(out, "<p><span class=\"label\">Asked</span> <code>");
		html_cut(out, t->input, TEXT_MAX_BYTES);
		buf_addstr(out, "</code></p>\n");
	}
	add_task_verdicts(out, r, index);
	for (size_t i = 0; i < t->nattempts; i++)
		add_attempt(out, r, &t->attempts[i], i + WITH_TAILS >= t->nattempts);
	end_task(out, r, index);
}

static void add_short(struct buf *out, const struct report *r, size_t index)
{
	begin_task(out, r, index, false);
	if (r->tasks[index].cause != NULL) {
		buf_addstr(out, "<p class=\"cause\">Cause: ");
		html_cut(out, r->tasks[index].cause, LINE_MAX_BYTES);
		buf_addstr(out, "</p>\n");
	}
	end_task(out, r, index);
}

/* The section. */

/* What did not fit so often will not fit any more: it is not even tried. */
static bool put_full(struct html_page *p, struct html_room *room, size_t index, bool open)
{
	struct buf piece = BUF_INIT;

	if (room->left_out >= TRIES) {
		room->left_out++;
		return false;
	}
	add_full(&piece, p->r, index, open);
	bool fits = html_put(p->out, &piece, room);
	buf_free(&piece);
	return fits;
}

static bool put_short(struct html_page *p, struct html_room *room, size_t index)
{
	struct buf piece = BUF_INIT;

	add_short(&piece, p->r, index);
	bool fits = html_put(p->out, &piece, room);
	buf_free(&piece);
	return fits;
}

static size_t count_of(const struct report *r, bool (*is)(const struct report_task *t))
{
	size_t n = 0;

	for (size_t i = 0; i < r->ntasks; i++)
		n += is(&r->tasks[i]);
	return n;
}

static void say_left_out(struct html_page *p, const struct html_room *full,
    const struct html_room *brief)
{
	if (full->left_out > 0)
		buf_addf(p->out,
		    "<p class=\"note\">There is no room here for what the attempts of %zu of them "
		    "printed: <code>pollard show %s TASK</code> has it.</p>\n",
		    full->left_out, p->r->run);
	if (brief->left_out > 0)
		buf_addf(p->out,
		    "<p class=\"note\">%zu of them stand only in the <a href=\"#tasks\">table of "
		    "tasks</a>.</p>\n",
		    brief->left_out);
}

/* Of very many only the first are seen at once, so that what comes below is found. */
static void add_failures(struct html_page *p)
{
	const struct report *r = p->r;
	struct html_room full = { .left = FULL_ROOM };
	struct html_room brief = { .left = SHORT_ROOM + r->ntasks * SHORT_ROOM_TASK };
	size_t count = count_of(r, is_failure);
	size_t shown = 0;

	if (count > 0) {
		buf_addstr(p->out, "<p>");
		markdown_count(p->out, count);
		buf_addf(p->out, " task%s did not succeed.</p>\n", html_plural(count));
	} else {
		buf_addstr(p->out, "<p>Nothing failed.</p>\n");
	}
	for (size_t i = 0; i < r->ntasks; i++) {
		if (!is_failure(&r->tasks[i]))
			continue;
		if (shown == SEEN_MAX)
			buf_addf(p->out, "<details class=\"more\"><summary>%zu more</summary>\n",
			    count - shown);
		p->detailed[i] =
		    put_full(p, &full, i, shown++ < OPEN_MAX) || put_short(p, &brief, i);
	}
	if (shown > SEEN_MAX)
		buf_addstr(p->out, "</details>\n");
	say_left_out(p, &full, &brief);
}

static void add_mended(struct html_page *p)
{
	const struct report *r = p->r;
	struct html_room room = { .left = MENDED_ROOM };
	size_t count = count_of(r, is_mended);

	if (count == 0)
		return;
	buf_addstr(p->out, "<details class=\"more\"><summary>");
	markdown_count(p->out, count);
	buf_addf(p->out, " task%s succeeded after a retry</summary>\n", html_plural(count));
	for (size_t i = 0; i < r->ntasks; i++)
		if (is_mended(&r->tasks[i]))
			p->detailed[i] = put_full(p, &room, i, false);
	if (room.left_out > 0)
		buf_addf(p->out,
		    "<p class=\"note\">%zu of them stand only in the <a href=\"#tasks\">table of "
		    "tasks</a>.</p>\n",
		    room.left_out);
	buf_addstr(p->out, "</details>\n");
}

void html_failures(struct html_page *p)
{
	buf_addstr(p->out,
	    "<section id=\"failures\" aria-labelledby=\"h-failures\">\n"
	    "<h2 id=\"h-failures\">Failures</h2>\n");
	add_failures(p);
	add_mended(p);
	buf_addstr(p->out, "</section>\n");
}
