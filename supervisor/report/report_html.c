/* A report as one HTML file for people: what came of the run, in words, then everything else. */
#include <inttypes.h>
#include <stdlib.h>

#include "shared/xalloc.h"
#include "supervisor/record/markdown.h"
#include "supervisor/report/report_html.h"

#define TITLE_MAX 300
#define VERDICT_MAX 2000
#define PATH_NAMED_MAX 100 /* tasks of the critical path */

/* How the run went as a class, and a mark for those who see no colour. */
static const char *tone_class(enum report_tone tone)
{
	switch (tone) {
	case REPORT_GOOD:
		return "good";
	case REPORT_BAD:
		return "bad";
	case REPORT_UNFINISHED:
		break;
	}
	return "open";
}

static const char *tone_mark(enum report_tone tone)
{
	switch (tone) {
	case REPORT_GOOD:
		return "✔";
	case REPORT_BAD:
		return "✘";
	case REPORT_UNFINISHED:
		break;
	}
	return "!";
}

static const char *title_of(const struct report *r)
{
	return r->name != NULL ? r->name : r->run;
}

/*
 * The style sheet and the script are known by their hashes: whatever a task has printed, a browser
 * runs nothing of it, and fetches nothing.
 */
static void add_head(struct buf *out, const struct report *r)
{
	buf_addf(out,
	    "<!DOCTYPE html>\n"
	    "<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n"
	    "<meta charset=\"utf-8\"/>\n"
	    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	    "style-src 'sha256-%s'; script-src 'sha256-%s'; base-uri 'none'; form-action 'none'\"/>\n"
	    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
	    "<meta name=\"color-scheme\" content=\"light dark\"/>\n"
	    "<meta name=\"referrer\" content=\"no-referrer\"/>\n"
	    "<title>",
	    html_style_hash, html_script_hash);
	html_cut(out, title_of(r), TITLE_MAX);
	buf_addf(out, ": %s</title>\n<style>%s</style>\n</head>\n", r->word, html_style);
}

/* The verdict. */

static void add_notes(struct buf *out, const struct report *r)
{
	if (r->rehearsal)
		buf_addstr(out,
		    "<p class=\"note\"><strong>Rehearsal:</strong> nothing was started in earnest, "
		    "and all results and times below are made up.</p>\n");
	if (r->phase == REPORT_RUNNING) {
		buf_addstr(out,
		    "<p class=\"note\"><strong>Still running:</strong> everything below is as it was at ");
		html_time(out, r->now_ms);
		buf_addstr(out, ".</p>\n");
	}
	if (r->phase == REPORT_LOST) {
		buf_addstr(out,
		    "<p class=\"note\"><strong>Killed:</strong> pollard ended without a result; its "
		    "last sign of life is of ");
		html_time(out, r->ended_ms);
		buf_addf(out, ". To go on with it: <code>pollard resume %s</code></p>\n", r->run);
	}
	if (r->escalation != NULL) {
		buf_addstr(out,
		    "<p class=\"note\"><strong>A person must decide:</strong> read <code>");
		html_cut(out, r->escalation, TITLE_MAX * 2);
		buf_addstr(out, "</code></p>\n");
	}
	if (r->lost_records > 0)
		buf_addf(out,
		    "<p class=\"note\"><strong>Incomplete:</strong> %" PRIu64
		    " record%s of the journal "
		    "%s damaged and set aside.</p>\n",
		    r->lost_records, html_plural(r->lost_records),
		    r->lost_records == 1 ? "was" : "were");
}

static void add_banner(struct buf *out, const struct report *r)
{
	buf_addf(out, "<header class=\"banner %s\">\n<h1>", tone_class(r->tone));
	html_cut(out, title_of(r), TITLE_MAX);
	buf_addf(out, "</h1>\n<p class=\"verdict\"><span aria-hidden=\"true\">%s </span>",
	    tone_mark(r->tone));
	html_cut(out, r->verdict, VERDICT_MAX);
	buf_addstr(out, "</p>\n");
	if (r->goal != NULL) {
		buf_addstr(out, "<p class=\"goal\"><span class=\"label\">Goal</span> ");
		html_cut(out, r->goal, VERDICT_MAX);
		buf_addstr(out, "</p>\n");
	}
	add_notes(out, r);
	buf_addstr(out, "</header>\n");
}

static void add_navigation(struct buf *out)
{
	buf_addstr(out,
	    "<nav aria-label=\"Contents\"><ul>\n"
	    "<li><a href=\"#numbers\">Numbers</a></li>\n"
	    "<li><a href=\"#failures\">Failures</a></li>\n"
	    "<li><a href=\"#timeline\">Timeline</a></li>\n"
	    "<li><a href=\"#tasks\">Tasks</a></li>\n"
	    "<li><a href=\"#merged\">Merged results</a></li>\n"
	    "<li><a href=\"#cost\">Tokens and cost</a></li>\n"
	    "<li><a href=\"#facts\">The run</a></li>\n"
	    "</ul></nav>\n");
}

/* Numbers. */

static void begin_number(struct buf *out, const char *name)
{
	buf_addf(out, "<div><dt>%s</dt><dd>", name);
}

static void end_number(struct buf *out, const char *note)
{
	if (note != NULL)
		buf_addf(out, "<small>%s</small>", note);
	buf_addstr(out, "</dd></div>\n");
}

static void add_times(struct buf *out, const struct report *r)
{
	begin_number(out, "Time");
	html_duration(out, r->wall_ms);
	end_number(out, r->phase == REPORT_RUNNING ? "until now" : NULL);
	begin_number(out, "One after another");
	html_duration(out, r->sequential_ms);
	end_number(out, "the same attempts, each alone");
	begin_number(out, "Saved");
	if (r->saved_ms > 0)
		html_duration(out, r->saved_ms);
	else
		buf_addstr(out, "nothing");
	end_number(out, "against one after another");
	begin_number(out, "Speed-up");
	report_speedup(out, r);
	if (r->speedup > 0)
		buf_addstr(out, " ×");
	if (r->jobs > 0) {
		buf_addf(out, "<small>with %" PRIu64 " slot%s</small>", r->jobs,
		    html_plural(r->jobs));
		end_number(out, NULL);
	} else {
		end_number(out, "with as many slots as tasks");
	}
}

static void add_path_number(struct buf *out, const struct report *r)
{
	if (r->npath == 0)
		return;
	begin_number(out, "Critical path");
	html_duration(out, r->path_ms);
	if (r->wall_ms > 0 && r->path_ms <= r->wall_ms)
		buf_addf(out, "<small>%d %% of the time</small>",
		    (int)((double)r->path_ms / (double)r->wall_ms * 100 + 0.5));
	end_number(out, NULL);
}

static void add_task_numbers(struct buf *out, const struct report *r)
{
	const struct report_counts *c = &r->counts;

	begin_number(out, "Tasks");
	markdown_count(out, c->total);
	buf_addstr(out, "<small>");
	report_add_counts(out, c);
	if (c->left_out > 0)
		buf_addf(out, "; %" PRIu64 " left out by a condition", c->left_out);
	buf_addstr(out, "</small>");
	end_number(out, NULL);
	begin_number(out, "Retried");
	markdown_count(out, c->retried);
	if (c->retried > 0) {
		buf_addstr(out, "<small>");
		markdown_count(out, c->recovered);
		buf_addstr(out, " of them succeeded then</small>");
	}
	end_number(out, NULL);

	const char *note = r->usage.told + r->usage.not_told == 0 ? "no agent was asked" : NULL;
	begin_number(out, "Tokens");
	html_tokens(out, &r->usage);
	end_number(out, note);
	begin_number(out, "Cost");
	html_cost(out, &r->usage);
	end_number(out, note);
}

static void add_path(struct buf *out, const struct report *r)
{
	if (r->npath == 0)
		return;
	buf_addstr(out,
	    "<p><strong>Critical path</strong>, the longest chain of tasks of which each had to wait "
	    "for the one before it; no number of slots makes the run shorter than that: ");
	for (size_t i = 0; i < r->npath && i < PATH_NAMED_MAX; i++) {
		if (i > 0)
			buf_addstr(out, " → ");
		html_task_link(out, r, r->path[i], TITLE_MAX);
		buf_addstr(out, " (");
		html_duration(out, r->tasks[r->path[i]].spent_ms);
		buf_addstr(out, ")");
	}
	if (r->npath > PATH_NAMED_MAX)
		buf_addf(out, " and %zu more", r->npath - PATH_NAMED_MAX);
	buf_addstr(out, "</p>\n");
}

static void add_numbers(struct buf *out, const struct report *r)
{
	buf_addstr(out,
	    "<section id=\"numbers\" aria-labelledby=\"h-numbers\">\n"
	    "<h2 id=\"h-numbers\">Numbers</h2>\n<dl class=\"numbers\">\n");
	add_times(out, r);
	add_path_number(out, r);
	add_task_numbers(out, r);
	buf_addstr(out, "</dl>\n");
	add_path(out, r);
	buf_addstr(out, "</section>\n");
}

/* The run. */

static void add_ending(struct buf *out, const struct report *r)
{
	buf_addstr(out, "<dt>Ended</dt><dd>");
	if (r->phase == REPORT_RUNNING)
		buf_addstr(out, "not yet");
	else
		html_time(out, r->ended_ms);
	if (r->signal != NULL) {
		buf_addstr(out, ", by ");
		html_cut(out, r->signal, TITLE_MAX);
	} else if (r->exit_status >= 0) {
		buf_addf(out, ", exit status %d", r->exit_status);
	}
	if (r->outcome != NULL)
		buf_addf(out, ", outcome <code>%s</code>", r->outcome);
	buf_addstr(out, "</dd>\n");
}

static void add_facts(struct buf *out, const struct report *r)
{
	buf_addstr(out,
	    "<section id=\"facts\" aria-labelledby=\"h-facts\">\n"
	    "<h2 id=\"h-facts\">The run</h2>\n<dl class=\"facts\">\n");
	html_fact(out, "Run", r->run);
	buf_addstr(out, "<dt>Started</dt><dd>");
	html_time(out, r->started_ms);
	if (r->resumed > 0)
		buf_addf(out, ", resumed %u time%s", r->resumed, html_plural(r->resumed));
	buf_addstr(out, "</dd>\n");
	add_ending(out, r);
	html_fact(out, "Called as", r->command);
	html_fact(out, "Where", r->cwd);
	html_fact(out, "Record", r->directory);
	html_fact(out, "pollard", r->version);
	buf_addf(out,
	    "</dl>\n<p>To see more: <code>pollard show %s</code>; what failed, to be piped in again: "
	    "<code>pollard failed %s</code></p>\n</section>\n",
	    r->run, r->run);
}

static void add_footer(struct buf *out, const struct report *r)
{
	buf_addstr(out, "<footer><p>Made by <code>pollard report --format html</code> at ");
	html_time(out, r->now_ms);
	buf_addstr(out,
	    ". This file loads nothing. Control characters in what tasks printed are shown as "
	    "<code>\\x1b</code>, <code>\\u{202e}</code>; <code>…</code> at the end of a text means "
	    "that it was cut, and the record has the whole.</p></footer>\n");
}

void report_html(struct buf *out, const struct report *r)
{
	struct html_page p = { .out = out, .r = r };

	p.detailed = xcalloc(r->ntasks + 1, sizeof(*p.detailed));
	add_head(out, r);
	buf_addstr(out, "<body>\n<a class=\"skip\" href=\"#main\">Skip to the content</a>\n");
	add_banner(out, r);
	add_navigation(out);
	buf_addstr(out, "<main id=\"main\">\n");
	add_numbers(out, r);
	html_failures(&p);
	html_recovery(&p);
	html_timeline(&p);
	html_steps(&p);
	html_tasks(&p);
	html_merged(&p);
	html_usage(&p);
	add_facts(out, r);
	buf_addstr(out, "</main>\n");
	add_footer(out, r);
	buf_addf(out, "<script>%s</script>\n</body>\n</html>\n", html_script);
	free(p.detailed);
}
