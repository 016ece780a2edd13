/* The Markdown state: what state.c gathered, in the form of the specification. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shared/buf.h"
#include "shared/exits.h"
#include "shared/quantity.h"
#include "supervisor/record/escalation.h"
#include "supervisor/record/markdown.h"
#include "supervisor/record/state_data.h"

#define SUMMARY_LINE_MAX 300 /* characters of a step's summaries together */
#define SAVED_MIN_MS 100     /* less than what a duration shows is nothing */

/* Appends "N WORD", with a comma before it when it is not the first; nothing for 0. */
static void add_part(struct buf *out, bool *first, uint64_t n, const char *word)
{
	if (n == 0)
		return;
	buf_addstr(out, *first ? "" : ", ");
	markdown_count(out, n);
	buf_addf(out, " %s", word);
	*first = false;
}

static uint64_t ended(const struct state_counts *c)
{
	uint64_t sum = 0;

	for (int i = 0; i < RESULT_STATUS_COUNT; i++)
		sum += c->finished[i];
	return sum;
}

static uint64_t total(const struct state_step *step)
{
	uint64_t most = step->counts.total > step->expected ? step->counts.total : step->expected;

	/* The step's own count is the last word: what `when` skipped is not in it. */
	return step->over ? step->counts.total : most;
}

/* ": 2 of 3 succeeded, 1 skipped": failures are named only when they are not all of the rest. */
static void add_succeeded(struct buf *out, const struct state_counts *c, uint64_t all)
{
	bool first = false;
	bool others = c->finished[RESULT_SKIPPED] + c->finished[RESULT_CANCELLED] > 0;
	uint64_t known = ended(c);

	if (all == 0) {
		buf_addstr(out, ": no tasks");
		return;
	}
	buf_addstr(out, ": ");
	markdown_count(out, c->finished[RESULT_SUCCEEDED]);
	buf_addstr(out, " of ");
	markdown_count(out, all);
	buf_addstr(out, " succeeded");
	if (others || known < all)
		add_part(out, &first, c->finished[RESULT_FAILED], "failed");
	add_part(out, &first, c->finished[RESULT_SKIPPED], "skipped");
	add_part(out, &first, c->finished[RESULT_CANCELLED], "cancelled");
	if (known < all)
		add_part(out, &first, all - known, "not finished");
}

/* ": 3 of 9 finished, 2 running, 1 failed" */
static void add_going_on(struct buf *out, const struct state_counts *c, uint64_t all)
{
	bool first = false;

	buf_addstr(out, ": ");
	markdown_count(out, ended(c));
	buf_addstr(out, " of ");
	markdown_count(out, all);
	buf_addstr(out, " finished");
	add_part(out, &first, c->running, "running");
	add_part(out, &first, c->finished[RESULT_FAILED], "failed");
}

static const char *outcome_words(const char *outcome)
{
	if (outcome != NULL && strcmp(outcome, "all") == 0)
		return "✅ Complete";
	if (outcome != NULL && strcmp(outcome, "partial") == 0)
		return "⚠️ Partial";
	if (outcome != NULL && strcmp(outcome, "skipped") == 0)
		return "⏭ Left out";
	return "❌ Failed";
}

static bool going_on(const struct state *s)
{
	return !s->finished && !s->abandoned;
}

static void run_counts(const struct state *s, struct state_counts *c)
{
	if (s->finished) {
		*c = s->counts;
		return;
	}
	memset(c, 0, sizeof(*c));
	for (size_t i = 0; i < s->nsteps; i++) {
		c->total += total(&s->steps[i]);
		c->running += s->steps[i].counts.running;
		for (int k = 0; k < RESULT_STATUS_COUNT; k++)
			c->finished[k] += s->steps[i].counts.finished[k];
	}
}

static void run_status(const struct state *s, struct buf *out)
{
	struct state_counts counts;
	struct buf where = BUF_INIT;
	bool complete = s->finished && s->outcome != NULL && strcmp(s->outcome, "all") == 0;

	run_counts(s, &counts);
	if (s->nsteps > 1 && s->current > 0 && (!complete || s->signal != NULL))
		buf_addf(&where, "step %zu of %zu", s->current, s->nsteps);

	buf_addstr(out, "- **Status**: ");
	if (s->abandoned || (s->finished && s->signal != NULL)) {
		buf_addstr(out, "⏹ Interrupted (");
		markdown_text(out, s->abandoned ? "ended without saying so" : s->signal);
		buf_addf(out, "%s%s)", where.len > 0 ? ", " : "", buf_str(&where));
	} else {
		buf_addstr(out, s->finished ? outcome_words(s->outcome) : "🔄 Running");
		if (where.len > 0)
			buf_addf(out, " (%s)", buf_str(&where));
	}
	buf_free(&where);

	if (going_on(s))
		add_going_on(out, &counts, counts.total);
	else
		add_succeeded(out, &counts, counts.total);
	if (s->finished && s->exit_status == EXIT_STOPPED)
		buf_addstr(out, "; stopped by its deadline or budget");
	else if (s->finished && s->exit_status >= EXIT_USAGE)
		buf_addf(out, "; the run itself failed (exit %d)", s->exit_status);
	buf_addch(out, '\n');
}

static void step_status(const struct state *s, const struct state_step *step, struct buf *out)
{
	buf_addstr(out, "- **Status**: ");
	if (step->over && step->when != NULL) {
		buf_addf(out, "%s: ", outcome_words(step->outcome));
		markdown_text(out, step->when);
		buf_addstr(out, " does not hold");
	} else if (step->over) {
		buf_addstr(out, outcome_words(step->outcome));
		add_succeeded(out, &step->counts, total(step));
	} else if (going_on(s) && step->begun) {
		buf_addstr(out, "🔄 Running");
		add_going_on(out, &step->counts, total(step));
	} else if (going_on(s)) {
		buf_addstr(out, "⏳ Waiting");
	} else if (step->begun) {
		buf_addstr(out, "⏹ Interrupted");
		add_succeeded(out, &step->counts, total(step));
	} else {
		buf_addstr(out, "⏭ Not started");
	}
	buf_addch(out, '\n');
}

/* Whether `detail` tells something that `error` does not. */
static bool adds_to(const char *error, const char *detail)
{
	return detail != NULL && (error == NULL || strstr(error, detail) == NULL);
}

/* What went wrong, in words; of a failure the summary is the line that tells most. */
static void add_failure(struct buf *out, const struct state_line *line)
{
	buf_addstr(out, "❌ Failed");
	if (line->attempts > 1)
		buf_addf(out, " after %" PRIu32 " attempts", line->attempts);
	if (line->error != NULL) {
		buf_addstr(out, ": ");
		markdown_text(out, line->error);
	}
	if (adds_to(line->error, line->summary)) {
		buf_addstr(out, ": ");
		markdown_text(out, line->summary);
	}
}

static void add_with_reason(struct buf *out, const char *words, const char *reason)
{
	buf_addstr(out, words);
	if (reason != NULL) {
		buf_addstr(out, ": ");
		markdown_text(out, reason);
	}
}

static void add_finished(struct buf *out, const struct state_line *line)
{
	switch (line->status) {
	case RESULT_SUCCEEDED:
		buf_addstr(out, "✅ ");
		markdown_text(out, line->summary != NULL ? line->summary : "Done");
		break;
	case RESULT_FAILED:
		add_failure(out, line);
		break;
	case RESULT_SKIPPED:
		add_with_reason(out, "⏭ Skipped", line->error);
		break;
	default:
		add_with_reason(out, "⏹ Cancelled", line->error);
		break;
	}
}

static void add_unfinished(struct buf *out, const struct state *s, const struct state_line *line)
{
	if (!going_on(s)) {
		buf_addstr(out, line->attempts > 0 ? "⏹ Not finished" : "⏭ Not started");
		return;
	}
	if (line->phase == LINE_RUNNING) {
		buf_addstr(out, "🔄 Running");
		if (line->attempts > 1)
			buf_addf(out, " (attempt %" PRIu32 ")", line->attempts);
		return;
	}
	buf_addstr(out, "⏳ Waiting");
	if (line->attempts > 0 && line->error != NULL) {
		buf_addf(out, " (attempt %" PRIu32 ": ", line->attempts);
		markdown_text(out, line->error);
		buf_addch(out, ')');
	}
}

/* "researcher (session) → ✅ Found it" */
static void add_line(struct buf *out, const struct state *s, const struct state_line *line)
{
	if (line->agent != NULL) {
		markdown_first_text(out, line->agent);
		buf_addstr(out, " (");
		markdown_text(out, line->id);
		buf_addch(out, ')');
	} else {
		markdown_first_text(out, line->id);
	}
	buf_addstr(out, " → ");
	if (line->phase == LINE_FINISHED)
		add_finished(out, line);
	else
		add_unfinished(out, s, line);
	buf_addch(out, '\n');
}

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* What the tasks are that have no line of their own. */
static void others(const struct state_step *step, struct state_counts *c)
{
	*c = step->counts;
	c->total = minus(total(step), step->listed.count - step->listed.unused);
	for (size_t i = 0; i < step->listed.count; i++) {
		const struct state_line *line = &step->listed.lines[i];

		if (line->phase == LINE_FINISHED)
			c->finished[line->status] = minus(c->finished[line->status], 1);
		else if (line->phase == LINE_RUNNING)
			c->running = minus(c->running, 1);
	}
}

static void add_others(struct buf *out, const struct state *s, const struct state_step *step)
{
	struct state_counts c;
	bool first = true;

	others(step, &c);
	buf_addstr(out, "  - … and ");
	markdown_count(out, c.total);
	buf_addstr(out, " more: ");
	add_part(out, &first, c.finished[RESULT_SUCCEEDED], "succeeded");
	add_part(out, &first, c.finished[RESULT_FAILED], "failed");
	add_part(out, &first, c.finished[RESULT_SKIPPED], "skipped");
	add_part(out, &first, c.finished[RESULT_CANCELLED], "cancelled");
	add_part(out, &first, c.running, "running");
	add_part(out, &first, minus(c.total, ended(&c) + c.running),
	    going_on(s) ? "waiting" : "not finished");
	buf_addch(out, '\n');
}

static void step_tasks(const struct state *s, const struct state_step *step, bool parallel,
    struct buf *out)
{
	size_t listed = step->listed.count - step->listed.unused;
	size_t number = 0;

	if (listed == 0)
		return;
	buf_addf(out, "- **%s**:\n", parallel ? "Parallel Tasks" : "Tasks");
	for (size_t i = 0; i < step->listed.count; i++) {
		if (step->listed.lines[i].phase == LINE_UNUSED)
			continue;
		buf_addf(out, "  %zu. ", ++number);
		add_line(out, s, &step->listed.lines[i]);
	}
	/* A `when` may have taken tasks out of the total: then it is no measure for the rest. */
	if (step->listed.count < STATE_LISTED_MAX || total(step) <= listed)
		return;
	add_others(out, s, step);
	/* Not numbered: in a numbered list Markdown would count them on from the last one. */
	for (size_t i = 0; i < step->failures.count; i++) {
		if (step->failures.lines[i].phase != LINE_FINISHED)
			continue;
		buf_addstr(out, "  - ");
		add_line(out, s, &step->failures.lines[i]);
	}
}

static void step_recovery(const struct state_step *step, struct buf *out)
{
	for (size_t i = 0; i < STATE_RECOVERIES_MAX && step->recoveries[i] != NULL; i++) {
		buf_addstr(out, "- **Recovery**: ");
		markdown_text(out, step->recoveries[i]);
		buf_addch(out, '\n');
	}
	if (step->nrecoveries > STATE_RECOVERIES_MAX) {
		buf_addstr(out, "- **Recovery**: … and ");
		markdown_count(out, step->nrecoveries - STATE_RECOVERIES_MAX);
		buf_addstr(out, " more\n");
	}
}

/* The bytes of the first `max` characters. */
static size_t cut_at(const char *text, size_t len, size_t max)
{
	size_t chars = 0;

	for (size_t i = 0; i < len; i++)
		if (((unsigned char)text[i] & 0xc0) != 0x80 && chars++ == max)
			return i;
	return len;
}

static void step_summary(const struct state_step *step, struct buf *out)
{
	struct buf all = BUF_INIT;
	const char *last = "";

	for (size_t i = 0; i < step->listed.count && all.len < 4 * SUMMARY_LINE_MAX; i++) {
		const struct state_line *line = &step->listed.lines[i];

		if (line->phase != LINE_FINISHED || line->status != RESULT_SUCCEEDED ||
		    line->summary == NULL || strcmp(line->summary, last) == 0)
			continue;
		last = line->summary;
		buf_addstr(&all, all.len > 0 ? "; " : "");
		buf_addstr(&all, line->summary);
	}
	if (all.len > 0) {
		size_t len = cut_at(all.data, all.len, SUMMARY_LINE_MAX);
		bool cut = len < all.len;

		all.data[len] = '\0';
		buf_addstr(out, "- **Result Summary**: ");
		markdown_text(out, all.data);
		buf_addstr(out, cut ? "…\n" : "\n");
	}
	buf_free(&all);
}

static void step_files(const struct state_step *step, struct buf *out)
{
	if (step->nfiles == 0)
		return;
	buf_addstr(out, "- **Files Identified**: ");
	for (size_t i = 0; i < step->nfiles; i++) {
		buf_addstr(out, i > 0 ? ", " : "");
		markdown_text(out, step->files[i]);
	}
	buf_addstr(out, step->more_files ? ", …\n" : "\n");
}

static void step_notes(const struct state_step *step, bool parallel, struct buf *out)
{
	char saved[32];
	char took[32];
	char instead[32];

	if (!parallel || !step->over || step->sequential_ms - step->took_ms < SAVED_MIN_MS)
		return;
	format_duration(saved, sizeof(saved), step->sequential_ms - step->took_ms);
	format_duration(took, sizeof(took), step->took_ms);
	format_duration(instead, sizeof(instead), step->sequential_ms);
	buf_addf(out, "- **Notes**: Parallel execution saved %s vs sequential (%s instead of %s)\n",
	    saved, took, instead);
}

/* "- **KEY**: TEXT"; nothing for NULL. */
static void add_member(struct buf *out, const char *key, const char *text)
{
	if (text == NULL)
		return;
	buf_addf(out, "- **%s**: ", key);
	markdown_text(out, text);
	buf_addch(out, '\n');
}

static void add_escalated(struct buf *out, const char *reason)
{
	if (reason == NULL)
		return;
	buf_addstr(out, "- **Escalated**: ");
	markdown_text(out, reason);
	buf_addstr(out, "; see " ESCALATION_NAME "\n");
}

static void step_markdown(const struct state *s, size_t index, struct buf *out)
{
	const struct state_step *step = &s->steps[index];
	bool parallel = step->jobs != 1 && total(step) > 1;
	char ordinal[24];

	snprintf(ordinal, sizeof(ordinal), "%zu", index + 1);
	buf_addf(out, "\n### Step %s", ordinal);
	/* Without a title the id says more than nothing, unless it is the same number. */
	const char *title = step->title != NULL ? step->title : step->id;
	if (strcmp(title, ordinal) != 0) {
		buf_addstr(out, ": ");
		markdown_text(out, title);
	}
	buf_addf(out, " (%s)\n", parallel ? "Parallel" : "Sequential");

	add_member(out, "Goal", step->goal);
	step_status(s, step, out);
	step_tasks(s, step, parallel, out);
	step_recovery(step, out);
	add_escalated(out, step->escalated);
	step_summary(step, out);
	step_files(step, out);
	add_member(out, "Merged Result", step->merged);
	step_notes(step, parallel, out);
}

void state_markdown(const struct state *s, struct buf *out)
{
	buf_addstr(out, "# ");
	if (s->name != NULL) {
		markdown_first_text(out, s->name);
		buf_addstr(out, " · ");
	}
	markdown_text(out, s->run != NULL ? s->run : "?");
	buf_addstr(out, s->rehearsal ? " (rehearsal)\n" : "\n");
	if (s->rehearsal)
		add_member(out, "Rehearsal", "nothing was started in earnest");
	add_member(out, "Goal", s->goal);
	run_status(s, out);
	add_escalated(out, s->escalated);
	for (size_t i = 0; i < s->nsteps; i++)
		step_markdown(s, i, out);
}
