/*
 * A report for Prometheus, in the text format that node_exporter's textfile collector reads: no
 * timestamps, for it refuses the file then, and no label but the run's name, for each value of
 * another one would be a time series of its own.
 */

#include "supervisor/report/report.h"

void report_prometheus_label(struct buf *out, const char *metric, const struct report *r)
{
	const char *name = r->name != NULL ? r->name : "";

	buf_addstr(out, metric);
	buf_addstr(out, "{name=\"");
	for (const char *s = name; *s != '\0'; s++) {
		if (*s == '\\' || *s == '"')
			buf_addch(out, '\\');
		buf_addch(out, *s);
	}
	buf_addstr(out, "\"}");
}

static void add_metric(struct buf *out, const struct report *r, const char *metric,
    const char *help, double value)
{
	struct buf name = BUF_INIT;

	buf_addf(&name, "pollard_%s", metric);
	buf_addf(out, "# HELP %s %s\n# TYPE %s gauge\n", buf_str(&name), help, buf_str(&name));
	report_prometheus_label(out, buf_str(&name), r);
	buf_free(&name);
	buf_addf(out, " %.15g\n", value);
}

static void add_count(struct buf *out, const struct report *r, const char *metric, const char *help,
    uint64_t value)
{
	add_metric(out, r, metric, help, (double)value);
}

static double seconds(int64_t ms)
{
	return (double)ms / 1000;
}

static void add_times(struct buf *out, const struct report *r, double last_success)
{
	add_metric(out, r, "last_run_start_timestamp_seconds",
	    "When the newest run began, seconds since the epoch.", seconds(r->started_ms));
	if (r->phase == REPORT_ENDED)
		add_metric(out, r, "last_run_end_timestamp_seconds",
		    "When the newest run ended, seconds since the epoch.", seconds(r->ended_ms));
	if (last_success > 0)
		add_metric(out, r, "last_success_timestamp_seconds",
		    "When a run last met its requirement, seconds since the epoch.", last_success);
	add_metric(out, r, "last_run_duration_seconds", "How long the newest run took.",
	    seconds(r->wall_ms));
	add_metric(out, r, "last_run_sequential_seconds",
	    "How long its attempts took, one after another.", seconds(r->sequential_ms));
	add_metric(out, r, "last_run_saved_seconds", "What running them side by side has saved.",
	    seconds(r->saved_ms));
	add_metric(out, r, "last_run_critical_path_seconds",
	    "Its longest chain of tasks that wait for each other.", seconds(r->path_ms));
}

static void add_counts(struct buf *out, const struct report *r)
{
	const struct report_counts *c = &r->counts;

	add_count(out, r, "last_run_tasks", "Tasks of the newest run.", c->total);
	add_count(out, r, "last_run_tasks_succeeded", "Those that succeeded.", c->succeeded);
	add_count(out, r, "last_run_tasks_failed", "Those that failed.", c->failed);
	add_count(out, r, "last_run_tasks_skipped", "Those that were skipped.", c->skipped);
	add_count(out, r, "last_run_tasks_cancelled", "Those that were cancelled.", c->cancelled);
	add_count(out, r, "last_run_tasks_unfinished", "Those without a result.",
	    c->waiting + c->running + c->lost);
	add_count(out, r, "last_run_tasks_recovered", "Those that succeeded after a retry.",
	    c->recovered);
	add_count(out, r, "last_run_attempts", "Attempts of all its tasks.", r->nattempts);
}

/* What was not reported is not there: it is not 0. */
static void add_usage(struct buf *out, const struct report *r)
{
	const struct report_usage *u = &r->usage;

	if (u->told > 0) {
		add_count(out, r, "last_run_input_tokens", "Tokens that it was given.",
		    u->input_tokens);
		add_count(out, r, "last_run_output_tokens", "Tokens that it answered.",
		    u->output_tokens);
	}
	if (u->usd_told > 0)
		add_metric(out, r, "last_run_cost_usd", "What it has cost, in US dollars.", u->usd);
}

void report_prometheus(struct buf *out, const struct report *r, double last_success)
{
	bool success = r->phase == REPORT_ENDED && r->exit_status == 0;

	add_count(out, r, "last_run_success", "Whether the newest run met its requirement.",
	    success);
	add_count(out, r, "last_run_finished",
	    "Whether it ended by itself: 0 while it goes on, and when it was killed.",
	    r->phase == REPORT_ENDED);
	if (r->exit_status >= 0)
		add_count(out, r, "last_run_exit_status", "Its exit status.",
		    (uint64_t)r->exit_status);
	add_times(out, r, success ? seconds(r->ended_ms) : last_success);
	add_counts(out, r);
	add_usage(out, r);
}
