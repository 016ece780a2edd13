/* What debuggers said about failures, and what was done about them. */
#include <stdlib.h>

#include "supervisor/report/report_html.h"

#define RECOVERY_ROOM 120000
#define NAME_MAX_BYTES 400
#define LINE_MAX_BYTES 600
#define TEXT_MAX_BYTES 1500

static void add_place(struct buf *out, const struct report *r, int64_t ms, size_t step,
    unsigned level)
{
	buf_addstr(out, "<span class=\"dim\">");
	html_time(out, ms);
	if (r->nsteps > 1 && step != REPORT_NONE) {
		buf_addstr(out, ", step ");
		html_cut(out, r->steps[step].id, NAME_MAX_BYTES);
	}
	if (level > 0)
		buf_addf(out, ", level %u", level);
	buf_addstr(out, "</span> ");
}

static void add_group(struct buf *out, const struct report *r, const struct report_group *g)
{
	const size_t named = 20;

	buf_addstr(out, "<li>");
	html_cut(out, g->cause != NULL ? g->cause : "no cause", TEXT_MAX_BYTES);
	buf_addstr(out, ": ");
	for (size_t i = 0; i < g->ntasks && i < named; i++) {
		buf_addstr(out, i > 0 ? ", " : "");
		html_task_link(out, r, g->tasks[i], NAME_MAX_BYTES);
	}
	if (g->ntasks > named)
		buf_addf(out, " and %zu more", g->ntasks - named);
	buf_addstr(out, "</li>\n");
}

static void add_groups(struct buf *out, const struct report *r, const struct report_verdict *v)
{
	const size_t named = 20;

	if (v->ngroups == 0)
		return;
	buf_addstr(out, "\n<ul>\n");
	for (size_t i = 0; i < v->ngroups && i < named; i++)
		add_group(out, r, &v->groups[i]);
	if (v->ngroups > named)
		buf_addf(out, "<li>and %zu more causes</li>\n", v->ngroups - named);
	buf_addstr(out, "</ul>");
}

static void add_said(struct buf *out, const struct report *r, const struct report_verdict *v)
{
	if (!v->valid) {
		buf_addstr(out, "no verdict");
		if (v->error != NULL) {
			buf_addstr(out, ": ");
			html_cut(out, v->error, LINE_MAX_BYTES);
		}
		if (v->answer != NULL) {
			buf_addstr(out, "; it answered: <code>");
			html_cut(out, v->answer, TEXT_MAX_BYTES);
			buf_addstr(out, "</code>");
		}
		return;
	}
	html_cut(out, v->relation != NULL ? v->relation : "unclear", NAME_MAX_BYTES);
	buf_addstr(out, ": ");
	html_cut(out, v->cause != NULL ? v->cause : "no cause", TEXT_MAX_BYTES);
	if (v->strategy != NULL) {
		buf_addstr(out, "; strategy: ");
		html_cut(out, v->strategy, NAME_MAX_BYTES);
	}
	if (v->fix != NULL) {
		buf_addstr(out, "; it proposes: <code>");
		html_cut(out, v->fix, TEXT_MAX_BYTES);
		buf_addstr(out, "</code>");
	}
	if (v->escalate)
		buf_addstr(out, "; a person must decide");
	add_groups(out, r, v);
}

static void add_verdict(struct buf *out, const struct report *r, size_t index)
{
	const struct report_verdict *v = &r->verdicts[index];

	buf_addf(out, "<li id=\"v%zu\">", index);
	add_place(out, r, v->time_ms, v->step, v->level);
	buf_addstr(out, "<strong>Debugger ");
	html_cut(out, v->debugger, NAME_MAX_BYTES);
	buf_addstr(out, "</strong>");
	if (v->duration_ms > 0) {
		buf_addstr(out, " (");
		html_duration(out, v->duration_ms);
		buf_addstr(out, ")");
	}
	buf_addstr(out, ": ");
	add_said(out, r, v);
	buf_addstr(out, "</li>\n");
}

static void add_remark(struct buf *out, const struct report *r, const struct report_remark *m)
{
	static const char *const words[] = {
		[REPORT_RECOVERY] = "Recovery",
		[REPORT_FIX] = "Fix",
		[REPORT_ESCALATED] = "A person must decide",
		[REPORT_RESUMED] = "Resumed",
	};

	buf_addstr(out, "<li>");
	add_place(out, r, m->time_ms, m->step, m->level);
	buf_addf(out, "<strong>%s</strong>", words[m->kind]);
	if (m->kind != REPORT_RESUMED && m->text != NULL) {
		buf_addstr(out, ": ");
		html_cut(out, m->text, TEXT_MAX_BYTES);
	}
	buf_addstr(out, "</li>\n");
}

/* Both are in the order of time: what comes first is written first. */
void html_recovery(struct html_page *p)
{
	const struct report *r = p->r;
	struct html_room room = { .left = RECOVERY_ROOM };
	struct buf piece = BUF_INIT;
	size_t v = 0;
	size_t m = 0;

	if (r->nverdicts + r->nremarks == 0)
		return;
	buf_addstr(p->out,
	    "<section id=\"recovery\" aria-labelledby=\"h-recovery\">\n"
	    "<h2 id=\"h-recovery\">What was done about it</h2>\n<ol class=\"events\">\n");
	while (v < r->nverdicts || m < r->nremarks) {
		if (m == r->nremarks ||
		    (v < r->nverdicts && r->verdicts[v].time_ms <= r->remarks[m].time_ms))
			add_verdict(&piece, r, v++);
		else
			add_remark(&piece, r, &r->remarks[m++]);
		html_put(p->out, &piece, &room);
	}
	buf_free(&piece);
	if (room.left_out > 0)
		buf_addf(p->out,
		    "<li>%zu more are in the record: <code>pollard show %s</code></li>\n",
		    room.left_out, r->run);
	buf_addstr(p->out, "</ol>\n</section>\n");
}
