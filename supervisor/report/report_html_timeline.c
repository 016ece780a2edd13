/*
 * The timeline: a lane for each slot, a bar for each attempt. Across, all is told in hundredths of
 * the run, so that a script has to change nothing but the width to zoom.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "shared/xalloc.h"
#include "supervisor/record/markdown.h"
#include "supervisor/report/report_html.h"

#define ROOM 100000
#define ROOM_TASK 450
#define MARKS_ROOM 30000 /* steps, resumes */
#define FEW_BARS 400	 /* so many have their name on them */
#define MANY_BARS 1500	 /* more than that: what nobody could see apart is drawn as one */
#define PIXELS 1500
#define LANES_TALL 60
#define LANES_MAX 5000
#define NAME_MAX_BYTES 200
#define LINE_MAX_BYTES 160
#define TICKS 8

/* How time and lanes become places. On the stack of html_timeline(). */
struct view {
	const struct report *r;
	int64_t from_ms;
	int64_t span_ms; /* at least 1 */
	int lane;	 /* height of a lane */
	int bar;	 /* of a bar in it */
	int top;	 /* above the first lane: the steps */
};

/* Attempts of one lane, one after another, that are drawn as one bar. */
struct bar {
	const struct report_attempt *first;
	int64_t from_ms;
	int64_t to_ms;
	size_t count;
};

static double at(const struct view *v, int64_t ms)
{
	double x = (double)(ms - v->from_ms) / (double)v->span_ms * 100;

	return x < 0 ? 0 : x > 100 ? 100 : x;
}

/* Attempts may have begun before the run says that it did: clocks are set. */
static void set_span(struct view *v)
{
	const struct report *r = v->r;
	int64_t from = r->started_ms;
	int64_t to = r->ended_ms;

	for (size_t i = 0; i < r->nattempts; i++) {
		const struct report_attempt *a = &r->attempts[i];

		if (a->started_ms > 0 && (from == 0 || a->started_ms < from))
			from = a->started_ms;
		if (a->ended_ms > to)
			to = a->ended_ms;
	}
	v->from_ms = from;
	v->span_ms = to > from ? to - from : 1;
}

/* The axis. */

/* A length that people count in, so that about TICKS of them make the span. */
static int64_t tick_of(int64_t span_ms)
{
	static const int64_t nice[] = { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000,
		15000, 30000, 60000, 120000, 300000, 600000, 900000, 1800000, 3600000, 7200000,
		10800000, 21600000, 43200000, 86400000 };
	size_t last = sizeof(nice) / sizeof(nice[0]) - 1;

	for (size_t i = 0; i < last; i++)
		if (nice[i] * TICKS >= span_ms)
			return nice[i];
	int64_t days = span_ms / TICKS / nice[last] + 1;
	return days * nice[last];
}

static void add_tick_text(struct buf *out, int64_t ms)
{
	if (ms == 0)
		buf_addstr(out, "0");
	else if (ms < 1000)
		buf_addf(out, "%dms", (int)ms);
	else
		html_duration(out, ms);
}

static void add_axis(struct buf *out, const struct view *v)
{
	int64_t tick = tick_of(v->span_ms);

	buf_addf(out,
	    "<svg class=\"axis\" height=\"20\" width=\"100%%\" aria-hidden=\"true\" "
	    "data-span=\"%" PRId64 "\"><g>\n",
	    v->span_ms);
	for (int64_t ms = 0; ms <= v->span_ms; ms += tick) {
		double x = at(v, v->from_ms + ms);

		buf_addf(out, "<line x1=\"%.3f%%\" x2=\"%.3f%%\" y1=\"14\" y2=\"20\"/>", x, x);
		/* the last ones would stand out of the picture */
		buf_addf(out, "<text x=\"%.3f%%\" y=\"12\"%s>", x,
		    x > 95 ? " text-anchor=\"end\"" : "");
		add_tick_text(out, ms);
		buf_addstr(out, "</text>\n");
	}
	buf_addstr(out, "</g></svg>\n");
}

/* Bars. */

static int by_lane(const void *pa, const void *pb)
{
	const struct report_attempt *a = *(const struct report_attempt *const *)pa;
	const struct report_attempt *b = *(const struct report_attempt *const *)pb;

	if (a->lane != b->lane)
		return a->lane < b->lane ? -1 : 1;
	return report_by_start(a, b);
}

static void add_title(struct buf *out, const struct view *v, const struct bar *b)
{
	const struct report_attempt *a = b->first;
	const struct report_task *t = &v->r->tasks[a->task];
	struct buf line = BUF_INIT;

	buf_addstr(out, "<title>");
	if (b->count > 1) {
		markdown_count(out, b->count);
		buf_addstr(out, " attempts that succeeded, ");
		html_duration(out, b->to_ms - b->from_ms);
	} else {
		report_attempt_line(&line, a);
		html_task(out, v->r, t, NAME_MAX_BYTES);
		if (t->nattempts > 1)
			buf_addf(out, ", attempt %u", a->number);
		buf_addstr(out, ": ");
		html_cut(out, buf_str(&line), LINE_MAX_BYTES);
		if (a->phase != REPORT_LOST) {
			buf_addstr(out, ", ");
			html_duration(out, a->duration_ms);
		}
		buf_addstr(out, t->critical ? ", on the critical path" : "");
		buf_free(&line);
	}
	buf_addstr(out, "</title>");
}

static void add_plain_bar(struct buf *out, const struct view *v, const struct bar *b, double x,
    double width, int y)
{
	buf_addf(out, "<rect class=\"b %s%s\" x=\"%.3f%%\" y=\"%d\" width=\"%.3f%%\" height=\"%d\"",
	    report_attempt_word(b->first),
	    v->r->tasks[b->first->task].critical && b->count == 1 ? " critical" : "", x, y, width,
	    v->bar);
	if (b->count == 1)
		buf_addf(out, " data-t=\"%zu\"", b->first->task);
	buf_addstr(out, ">");
	add_title(out, v, b);
	buf_addstr(out, "</rect>\n");
}

/* A picture in the picture, so that a name ends where its bar does. */
static void add_named_bar(struct buf *out, const struct view *v, const struct bar *b, double x,
    double width, int y)
{
	const struct report_attempt *a = b->first;
	const struct report_task *t = &v->r->tasks[a->task];
	/* what went well is the rule */
	bool well = a->phase == REPORT_ENDED && a->status == RESULT_SUCCEEDED;

	add_plain_bar(out, v, b, x, width, y);
	buf_addf(out,
	    "<svg x=\"%.3f%%\" y=\"%d\" width=\"%.3f%%\" height=\"%d\" class=\"name\">"
	    "<text x=\"5\" y=\"%d\">%s%s",
	    x, y, width, v->bar, v->bar - 4, well ? "" : html_mark(report_attempt_word(a)),
	    well ? "" : " ");
	html_cut(out, t->id, NAME_MAX_BYTES);
	if (t->nattempts > 1)
		buf_addf(out, " #%u", a->number);
	buf_addstr(out, "</text></svg>\n");
}

static void add_bar(struct buf *out, const struct view *v, const struct bar *b)
{
	double x = at(v, b->from_ms);
	double width = at(v, b->to_ms) - x;
	int y = v->top + (int)b->first->lane * v->lane + (v->lane - v->bar) / 2;

	if (v->r->nattempts <= FEW_BARS)
		add_named_bar(out, v, b, x, width, y);
	else
		add_plain_bar(out, v, b, x, width, y);
}

/* Only what went well and is of no further interest. */
static bool joins(const struct view *v, const struct bar *b, const struct report_attempt *a)
{
	int64_t pixel = v->span_ms / PIXELS;
	const struct report_attempt *f = b->first;

	if (v->r->nattempts <= MANY_BARS || a->lane != f->lane)
		return false;
	if (a->phase != REPORT_ENDED || a->status != RESULT_SUCCEEDED || f->phase != REPORT_ENDED ||
	    f->status != RESULT_SUCCEEDED)
		return false;
	if (v->r->tasks[a->task].critical || v->r->tasks[f->task].critical)
		return false;
	return a->started_ms - b->to_ms <= pixel && a->ended_ms - a->started_ms <= pixel &&
	    (b->count > 1 || b->to_ms - b->from_ms <= pixel);
}

static struct bar bar_of(const struct report_attempt *a)
{
	return (
	    struct bar){ .first = a, .from_ms = a->started_ms, .to_ms = a->ended_ms, .count = 1 };
}

/* Returns how many attempts are not drawn. */
static size_t add_bars(struct buf *out, const struct view *v)
{
	const struct report *r = v->r;
	const struct report_attempt **sorted = xcalloc(r->nattempts + 1, sizeof(*sorted));
	struct html_room room = { .left = ROOM + r->ntasks * ROOM_TASK };
	struct buf piece = BUF_INIT;
	size_t missing = 0;

	for (size_t i = 0; i < r->nattempts; i++)
		sorted[i] = &r->attempts[i];
	qsort(sorted, r->nattempts, sizeof(*sorted), by_lane);
	for (size_t i = 0; i < r->nattempts;) {
		struct bar b = bar_of(sorted[i++]);

		while (i < r->nattempts && joins(v, &b, sorted[i])) {
			b.to_ms = sorted[i++]->ended_ms;
			b.count++;
		}
		add_bar(&piece, v, &b);
		if (b.first->lane >= LANES_MAX || !html_put(out, &piece, &room))
			missing += b.count;
		buf_reset(&piece);
	}
	buf_free(&piece);
	free(sorted);
	return missing;
}

/* Steps and resumes. */

static void add_marks(struct buf *out, const struct view *v, int height)
{
	const struct report *r = v->r;
	struct html_room room = { .left = MARKS_ROOM };
	struct buf piece = BUF_INIT;

	for (size_t i = 0; i < r->nsteps && v->top > 0; i++) {
		const struct report_step *s = &r->steps[i];

		if (s->started_ms == 0)
			continue;
		double x = at(v, s->started_ms);
		buf_addf(&piece,
		    "<svg x=\"%.3f%%\" y=\"0\" width=\"%.3f%%\" height=\"%d\"><rect class=\"step\" "
		    "width=\"100%%\" height=\"%d\"><title>step ",
		    x, at(v, s->ended_ms) - x, v->top - 3, v->top - 3);
		html_cut(&piece, s->id, NAME_MAX_BYTES);
		buf_addstr(&piece, "</title></rect><text x=\"5\" y=\"13\">");
		html_cut(&piece, s->id, NAME_MAX_BYTES);
		buf_addstr(&piece, "</text></svg>\n");
		html_put(out, &piece, &room);
	}
	for (size_t i = 0; i < r->nremarks; i++) {
		if (r->remarks[i].kind != REPORT_RESUMED)
			continue;
		double x = at(v, r->remarks[i].time_ms);
		buf_addf(&piece,
		    "<line class=\"resumed\" x1=\"%.3f%%\" x2=\"%.3f%%\" y1=\"0\" y2=\"%d\"><title>resumed"
		    "</title></line>\n",
		    x, x, height);
		html_put(out, &piece, &room);
	}
	buf_free(&piece);
}

static void add_lane_names(struct buf *out, const struct view *v, int height)
{
	unsigned every = v->lane < 20 ? 5 : 1;

	buf_addf(out, "<svg class=\"lanes\" width=\"70\" height=\"%d\" aria-hidden=\"true\">\n",
	    height);
	if (v->top > 0)
		buf_addf(out, "<text x=\"0\" y=\"13\">steps</text>\n");
	for (unsigned i = 0; i < v->r->nlanes && i < LANES_MAX; i += every)
		buf_addf(out, "<text x=\"0\" y=\"%d\">slot %u</text>\n",
		    v->top + (int)i * v->lane + v->lane / 2 + 4, i + 1);
	buf_addstr(out, "</svg>\n");
}

/* What marks a bar beside its colour. */
static void add_patterns(struct buf *out)
{
	buf_addstr(out,
	    "<defs>\n"
	    "<pattern id=\"p-failed\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">"
	    "<rect class=\"ground\" width=\"6\" height=\"6\"/><path d=\"M-1,1 l2,-2 M0,6 l6,-6 M5,7 l2,-2\"/>"
	    "</pattern>\n"
	    "<pattern id=\"p-lost\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">"
	    "<rect class=\"ground\" width=\"6\" height=\"6\"/><path d=\"M0,0 l6,6 M0,6 l6,-6\"/></pattern>\n"
	    "<pattern id=\"p-cancelled\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\">"
	    "<rect class=\"ground\" width=\"5\" height=\"5\"/><path d=\"M0,2.5 l5,0\"/></pattern>\n"
	    "<pattern id=\"p-running\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">"
	    "<rect class=\"ground\" width=\"6\" height=\"6\"/><circle cx=\"3\" cy=\"3\" r=\"1\"/></pattern>\n"
	    "</defs>\n");
}

static void add_legend(struct buf *out)
{
	static const char *const words[] = { "succeeded", "failed", "lost", "cancelled",
		"running" };

	buf_addstr(out, "<ul class=\"legend\">");
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		buf_addf(out,
		    "<li><svg width=\"22\" height=\"14\" aria-hidden=\"true\"><rect class=\"b %s\" x=\"1\" "
		    "y=\"1\" width=\"20\" height=\"12\"/></svg> %s</li>",
		    words[i], words[i]);
	buf_addstr(out,
	    "<li><svg width=\"22\" height=\"14\" aria-hidden=\"true\"><rect class=\"b succeeded critical\" "
	    "x=\"2\" y=\"2\" width=\"18\" height=\"10\"/></svg> critical path</li></ul>\n");
}

static size_t add_picture(struct buf *out, const struct view *v)
{
	int height =
	    v->top + (int)(v->r->nlanes < LANES_MAX ? v->r->nlanes : LANES_MAX) * v->lane + 2;

	buf_addstr(out,
	    "<div class=\"view\" id=\"view\" tabindex=\"0\" role=\"region\" "
	    "aria-label=\"Timeline\" aria-describedby=\"timeline-text\"><div class=\"grid\">\n<div "
	    "class=\"corner\"></div>\n");
	add_axis(out, v);
	add_lane_names(out, v, height);
	buf_addf(out,
	    "<svg class=\"bars\" width=\"100%%\" height=\"%d\" role=\"img\" "
	    "aria-labelledby=\"timeline-text\">\n",
	    height);
	add_patterns(out);
	add_marks(out, v, height);
	size_t missing = add_bars(out, v);
	buf_addstr(out, "</svg>\n</div></div>\n");
	return missing;
}

void html_timeline(struct html_page *p)
{
	const struct report *r = p->r;
	struct view v = { .r = r, .lane = 24, .bar = 18, .top = r->nsteps > 1 ? 20 : 0 };

	buf_addstr(p->out,
	    "<section id=\"timeline\" aria-labelledby=\"h-timeline\">\n"
	    "<h2 id=\"h-timeline\">Timeline</h2>\n");
	if (r->nattempts == 0) {
		buf_addstr(p->out, "<p>No attempt was started.</p>\n</section>\n");
		return;
	}
	if (r->nlanes > LANES_TALL) {
		v.lane = 12;
		v.bar = 9;
	}
	set_span(&v);
	buf_addstr(p->out, "<p id=\"timeline-text\">");
	markdown_count(p->out, r->nattempts);
	buf_addf(p->out, " attempt%s in %u slot%s, from left to right over ",
	    html_plural(r->nattempts), r->nlanes, html_plural(r->nlanes));
	html_duration(p->out, v.span_ms);
	buf_addstr(p->out,
	    "; the same in words and figures: <a href=\"#tasks\">the table of tasks</a>.</p>\n"
	    "<p class=\"tools\" id=\"zoom\"></p>\n");
	size_t missing = add_picture(p->out, &v);
	add_legend(p->out);
	if (missing > 0)
		buf_addf(p->out,
		    "<p class=\"note\">There is no room to draw %zu of the attempts.</p>\n",
		    missing);
	buf_addstr(p->out, "</section>\n");
}
