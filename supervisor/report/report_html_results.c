/* What steps were merged to, and what agents used. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "shared/quantity.h"
#include "supervisor/report/report_html.h"

#define MERGED_ROOM 400000
#define MERGED_LEAST 2000 /* bytes; less than that of a merged result is not worth its heading */
#define NAME_MAX_BYTES 260
#define PATH_MAX_BYTES 1000
#define AGENTS_MAX 100

/* One row of the table of usage: what the tasks of one agent used. */
struct used {
	const char *name; /* NULL: the agents beyond AGENTS_MAX */
	size_t tasks;
	size_t attempts;
	struct report_usage all;
	struct report_usage wasted; /* of attempts that did not succeed */
};

/* Merged results. */

static void add_merged(struct buf *out, const struct report *r, const struct report_step *s,
    size_t room)
{
	char size[32];
	struct buf text = BUF_INIT;
	bool cut = s->merged_text == NULL ||
	    html_block(&text, s->merged_text, strlen(s->merged_text), room);

	buf_addstr(out, "<details class=\"merged\"><summary><h3>Step ");
	html_cut(out, s->id, NAME_MAX_BYTES);
	buf_addf(out, "</h3> <span class=\"dim\">%s%s</span></summary>\n<p>",
	    format_size(size, sizeof(size), s->merged_bytes),
	    s->merged_text == NULL   ? ", not shown here" :
		cut || s->merged_cut ? ", its beginning" :
				       "");
	buf_addstr(out, "The whole: <code>");
	html_cut(out, r->directory, PATH_MAX_BYTES);
	buf_addstr(out, "/");
	html_cut(out, s->merged_path, PATH_MAX_BYTES);
	buf_addstr(out, "</code></p>\n");
	if (s->merged_text != NULL) {
		buf_addstr(out, "<pre tabindex=\"0\" aria-label=\"Merged result\">");
		buf_add(out, buf_str(&text), text.len);
		buf_addstr(out, "</pre>\n");
	}
	buf_addstr(out, "</details>\n");
	buf_free(&text);
}

/* The last step's is what the run is for: it comes first, and is cut last. */
void html_merged(struct html_page *p)
{
	const struct report *r = p->r;
	size_t room = MERGED_ROOM;
	size_t left_out = 0;
	size_t shown = 0;

	buf_addstr(p->out,
	    "<section id=\"merged\" aria-labelledby=\"h-merged\">\n"
	    "<h2 id=\"h-merged\">Merged results</h2>\n");
	for (size_t i = r->nsteps; i-- > 0;) {
		size_t begin = p->out->len;

		if (r->steps[i].merged_path == NULL)
			continue;
		if (room < 3 * MERGED_LEAST) {
			left_out++;
			continue;
		}
		add_merged(p->out, r, &r->steps[i], room - 2 * MERGED_LEAST);
		size_t used = p->out->len - begin;
		room = used < room ? room - used : 0;
		shown++;
	}
	if (shown == 0)
		buf_addstr(p->out, "<p>Nothing was merged.</p>\n");
	if (left_out > 0) {
		buf_addf(p->out, "<p class=\"note\">Those of %zu more steps are in <code>",
		    left_out);
		html_cut(p->out, r->directory, PATH_MAX_BYTES);
		buf_addstr(p->out, "/merged</code>.</p>\n");
	}
	buf_addstr(p->out, "</section>\n");
}

/* Tokens and cost. */

static void add_usage(struct report_usage *sum, const struct report_usage *u)
{
	sum->told += u->told;
	sum->not_told += u->not_told;
	sum->input_tokens += u->input_tokens;
	sum->output_tokens += u->output_tokens;
	sum->usd_told += u->usd_told;
	sum->usd += u->usd;
}

static void add_attempt_usage(struct report_usage *sum, const struct report_attempt *a)
{
	struct report_usage u = { .told = a->usage.known, .not_told = !a->usage.known };

	if (a->usage.known) {
		u.input_tokens = (uint64_t)a->usage.input_tokens;
		u.output_tokens = (uint64_t)a->usage.output_tokens;
	}
	u.usd_told = a->usage.usd_known;
	u.usd = a->usage.usd_known ? a->usage.usd : 0;
	add_usage(sum, &u);
}

static struct used *used_of(struct used *rows, size_t *n, const char *agent)
{
	for (size_t i = 0; i < *n; i++)
		if (rows[i].name == NULL || strcmp(rows[i].name, agent) == 0)
			return &rows[i];
	if (*n < AGENTS_MAX - 1)
		rows[*n].name = agent;
	return &rows[(*n)++];
}

static size_t gather(const struct report *r, struct used *rows)
{
	size_t n = 0;

	for (size_t i = 0; i < r->ntasks; i++) {
		const struct report_task *t = &r->tasks[i];

		if (t->agent == NULL || t->usage.told + t->usage.not_told == 0)
			continue;
		struct used *u = used_of(rows, &n, t->agent);
		u->tasks++;
		u->attempts += t->nattempts;
		add_usage(&u->all, &t->usage);
		for (size_t k = 0; k < t->nattempts; k++) {
			const struct report_attempt *a = &t->attempts[k];

			if (a->phase == REPORT_ENDED && a->status != RESULT_SUCCEEDED)
				add_attempt_usage(&u->wasted, a);
		}
	}
	return n;
}

static void add_cells(struct buf *out, const struct report_usage *u)
{
	buf_addstr(out, "<td class=\"n\">");
	html_tokens(out, u);
	buf_addstr(out, "</td><td class=\"n\">");
	html_cost(out, u);
	buf_addstr(out, "</td>");
}

static void add_row(struct buf *out, const struct used *u)
{
	buf_addstr(out, "<tr><th scope=\"row\">");
	html_cut(out, u->name != NULL ? u->name : "others", NAME_MAX_BYTES);
	buf_addf(out, "</th><td class=\"n\">%zu</td><td class=\"n\">%zu</td>", u->tasks,
	    u->attempts);
	add_cells(out, &u->all);
	add_cells(out, &u->wasted);
	buf_addstr(out, "</tr>\n");
}

static void add_rest(struct buf *out, const char *name, const struct report_usage *u)
{
	buf_addf(out, "<tr><th scope=\"row\">%s</th><td class=\"n\">–</td><td class=\"n\">–</td>",
	    name);
	add_cells(out, u);
	buf_addstr(out, "<td class=\"n\">–</td><td class=\"n\">–</td></tr>\n");
}

/* The run's usage counts what is no task's: merging, debugging and fixes by agents. */
static struct report_usage rest_of(const struct report *r, const struct used *rows, size_t n)
{
	struct report_usage rest = r->usage;

	for (size_t i = 0; i < n; i++) {
		const struct report_usage *u = &rows[i].all;

		if (u->told > rest.told || u->not_told > rest.not_told ||
		    u->input_tokens > rest.input_tokens || u->output_tokens > rest.output_tokens ||
		    u->usd_told > rest.usd_told)
			return (struct report_usage){ 0 };
		rest.told -= u->told;
		rest.not_told -= u->not_told;
		rest.input_tokens -= u->input_tokens;
		rest.output_tokens -= u->output_tokens;
		rest.usd_told -= u->usd_told;
		rest.usd -= u->usd;
	}
	/* sums of fractions are not exact */
	if (rest.usd < 1e-9)
		rest.usd = 0;
	return rest;
}

static void add_table(struct buf *out, const struct report *r)
{
	struct used rows[AGENTS_MAX] = { 0 };
	size_t n = gather(r, rows);
	struct report_usage rest = rest_of(r, rows, n);

	buf_addstr(out,
	    "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Tokens and cost\">\n"
	    "<table id=\"usage-table\">\n<thead><tr><th scope=\"col\">Agent</th>"
	    "<th scope=\"col\" class=\"n\">Tasks</th><th scope=\"col\" class=\"n\">Attempts</th>"
	    "<th scope=\"col\" class=\"n\">Tokens</th><th scope=\"col\" class=\"n\">Cost</th>"
	    "<th scope=\"col\" class=\"n\">Tokens of attempts that did not succeed</th>"
	    "<th scope=\"col\" class=\"n\">Their cost</th></tr></thead>\n<tbody>\n");
	for (size_t i = 0; i < n; i++)
		add_row(out, &rows[i]);
	if (rest.told + rest.not_told > 0)
		add_rest(out, "merging, debugging, fixes", &rest);
	add_rest(out, "all", &r->usage);
	buf_addstr(out, "</tbody>\n</table></div>\n");
}

void html_usage(struct html_page *p)
{
	const struct report *r = p->r;

	buf_addstr(p->out,
	    "<section id=\"cost\" aria-labelledby=\"h-cost\">\n"
	    "<h2 id=\"h-cost\">Tokens and cost</h2>\n");
	if (r->usage.told + r->usage.not_told == 0)
		buf_addstr(p->out, "<p>No agent was asked.</p>\n");
	else
		add_table(p->out, r);
	if (r->usage.not_told > 0 && r->usage.told > 0)
		buf_addf(p->out,
		    "<p>%" PRIu64
		    " attempt%s did not report what they used; sums are at least what is "
		    "shown.</p>\n",
		    r->usage.not_told, html_plural(r->usage.not_told));
	buf_addstr(p->out, "</section>\n");
}
