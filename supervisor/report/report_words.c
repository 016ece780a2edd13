/* Words and lines about a run that several formats of reports use. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "shared/exits.h"
#include "supervisor/record/markdown.h"
#include "supervisor/report/report.h"

#define USD_SMALL 0.01

const char *report_task_word(const struct report_task *t)
{
	if (t->removed)
		return "removed";
	switch (t->phase) {
	case REPORT_WAITING:
		return "waiting";
	case REPORT_RUNNING:
		return "running";
	case REPORT_LOST:
		return "lost";
	case REPORT_ENDED:
		break;
	}
	return result_status_text(t->status);
}

const char *report_attempt_word(const struct report_attempt *a)
{
	if (a->phase == REPORT_ENDED)
		return result_status_text(a->status);
	return a->phase == REPORT_RUNNING ? "running" : "lost";
}

/* ": exit 3", or the reason when there is no line about it. */
static void add_why(struct buf *out, enum result_status status, enum reason reason,
    const char *error)
{
	if (status == RESULT_SUCCEEDED)
		return;
	if (error != NULL)
		buf_addf(out, ": %s", error);
	else if (reason != REASON_NONE)
		buf_addf(out, ": %s", reason_text(reason));
}

void report_task_line(struct buf *out, const struct report_task *t)
{
	buf_addstr(out, report_task_word(t));
	if (t->phase == REPORT_LOST)
		buf_addstr(out, ": pollard ended before it did");
	if (t->phase == REPORT_ENDED && !t->removed)
		add_why(out, t->status, t->reason, t->error);
}

void report_attempt_line(struct buf *out, const struct report_attempt *a)
{
	buf_addstr(out, report_attempt_word(a));
	if (a->phase == REPORT_LOST)
		buf_addstr(out, ": pollard ended before it did");
	if (a->phase == REPORT_ENDED)
		add_why(out, a->status, a->reason, a->error);
}

void report_time(struct buf *out, int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	char text[32];

	if (ms <= 0 || gmtime_r(&seconds, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
		buf_addch(out, '?');
	else
		buf_addstr(out, text);
}

void report_tokens(struct buf *out, const struct report_usage *u)
{
	if (u->told == 0) {
		buf_addstr(out, u->not_told > 0 ? "not reported" : "none");
		return;
	}
	if (u->not_told > 0)
		buf_addstr(out, "at least ");
	markdown_count(out, u->input_tokens);
	buf_addstr(out, " in, ");
	markdown_count(out, u->output_tokens);
	buf_addstr(out, " out");
}

void report_cost(struct buf *out, const struct report_usage *u)
{
	if (u->usd_told == 0) {
		buf_addstr(out, u->told + u->not_told > 0 ? "not reported" : "none");
		return;
	}
	if (u->usd_told < u->told + u->not_told)
		buf_addstr(out, "at least ");
	/* a hundredth of a cent is still shown, but nobody reads more of a dollar than cents */
	buf_addf(out, "$%.*f", u->usd > 0 && u->usd < USD_SMALL ? 4 : 2, u->usd);
}

void report_speedup(struct buf *out, const struct report *r)
{
	if (r->speedup > 0)
		buf_addf(out, "%.1f", r->speedup);
	else
		buf_addch(out, '?');
}

void report_task_name(struct buf *out, const struct report *r, const struct report_task *t)
{
	if (r->nsteps > 1)
		buf_addf(out, "%s.", r->steps[t->step].id);
	buf_addstr(out, t->id);
}

void report_add_counts(struct buf *out, const struct report_counts *c)
{
	const struct {
		uint64_t count;
		const char *word;
	} parts[] = {
		{ c->succeeded, "succeeded" },
		{ c->failed, "failed" },
		{ c->cancelled, "cancelled" },
		{ c->skipped, "skipped" },
		{ c->running, "running" },
		{ c->lost, "lost" },
		{ c->waiting, "waiting" },
	};
	const char *between = "";

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i].count == 0)
			continue;
		buf_addstr(out, between);
		markdown_count(out, parts[i].count);
		buf_addf(out, " %s", parts[i].word);
		between = ", ";
	}
	if (between[0] == '\0')
		buf_addstr(out, "none");
}

/* The verdict. */

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/* "7 of 9 tasks succeeded", "all 9 tasks succeeded", "none of 3 tasks succeeded". */
static void add_success(struct buf *out, const struct report_counts *c, const char *verb)
{
	if (c->total == 0)
		buf_addstr(out, "there were no tasks");
	else if (c->succeeded == c->total && c->total > 1)
		buf_addf(out, "all %" PRIu64 " tasks %s", c->total, verb);
	else if (c->succeeded == c->total)
		buf_addf(out, "the only task %s", verb);
	else if (c->succeeded == 0)
		buf_addf(out, "none of %" PRIu64 " task%s %s", c->total, plural(c->total), verb);
	else
		buf_addf(out, "%" PRIu64 " of %" PRIu64 " tasks %s", c->succeeded, c->total, verb);
}

static void say(struct report *r, struct buf *out, enum report_tone tone, const char *word,
    const char *begin, const char *verb)
{
	r->tone = tone;
	r->word = word;
	buf_addf(out, "%s: ", begin);
	add_success(out, &r->counts, verb);
}

static bool escalated(const struct report *r)
{
	for (size_t i = 0; i < r->nsteps; i++)
		if (r->steps[i].escalated != NULL)
			return true;
	return r->escalation != NULL;
}

static void say_unfinished(struct report *r, struct buf *out)
{
	if (r->phase == REPORT_RUNNING) {
		say(r, out, REPORT_UNFINISHED, "running", "Running", "succeeded so far");
		if (r->counts.failed > 0)
			buf_addf(out, ", %" PRIu64 " failed", r->counts.failed);
	} else {
		say(r, out, REPORT_UNFINISHED, "killed", "Killed",
		    "had succeeded when pollard ended without a result");
	}
}

/* More than all tasks can be required (--require N), or a step that failed as a whole. */
static void say_not_enough(struct report *r, struct buf *out)
{
	const struct report_counts *c = &r->counts;

	if (r->exit_status >= EXIT_USAGE) {
		say(r, out, REPORT_BAD, "failed", "Failed", "succeeded");
		buf_addf(out, ", and pollard itself ended with status %d", r->exit_status);
		return;
	}
	if (r->exit_status == EXIT_STOPPED)
		say(r, out, REPORT_BAD, "stopped", "Stopped by a deadline or a budget",
		    "succeeded");
	else if (c->succeeded > 0 && c->succeeded < c->total)
		say(r, out, REPORT_BAD, "partial", "Partial", "succeeded");
	else
		say(r, out, REPORT_BAD, "failed", "Failed", "succeeded");
	if (c->succeeded > 0)
		buf_addstr(out, ", and that is not enough");
	if (escalated(r))
		buf_addstr(out, "; a person must decide");
}

static void say_finished(struct report *r, struct buf *out)
{
	const struct report_counts *c = &r->counts;

	if (r->signal != NULL) {
		say(r, out, REPORT_UNFINISHED, "interrupted", "Interrupted", "had succeeded");
		buf_addf(out, " when %s came", r->signal);
	} else if (r->exit_status != EXIT_MET) {
		say_not_enough(r, out);
	} else {
		say(r, out, REPORT_GOOD, "passed", "Passed", "succeeded");
		if (c->succeeded < c->total)
			buf_addstr(out, ", and that is enough");
	}
}

void report_set_verdict(struct report *r)
{
	struct buf line = BUF_INIT;

	if (r->phase == REPORT_ENDED)
		say_finished(r, &line);
	else
		say_unfinished(r, &line);
	if (r->rehearsal)
		buf_addstr(&line, " (rehearsal: nothing was started in earnest)");
	r->verdict = arena_strdup(&r->arena, buf_str(&line));
	buf_free(&line);
}
