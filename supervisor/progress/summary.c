#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "shared/quantity.h"
#include "shared/text.h"
#include "supervisor/coordinator.h"
#include "supervisor/ending.h"
#include "supervisor/plan/effective.h"
#include "supervisor/record/events.h"

/* Failures that the first line names, that are listed, and whose last lines of output are shown. */
#define NAMED_MAX 6
#define LISTED_MAX 100
#define TAILS_MAX 10
#define TAIL_LINES 5

static cJSON *failure(const struct run *run, size_t i)
{
	return journal_read(run->record.journal, run->failed[i].place);
}

static const char *member(const cJSON *object, const char *key)
{
	const char *s = json_get_string(object, key);
	return s != NULL ? s : "?";
}

/* Of several steps each may have a task of that id. */
static void add_name(struct buf *out, const struct run *run, const cJSON *f)
{
	size_t found = 0;
	for (size_t i = 0; run->plan->nsteps > 1 && i < run->plan->nsteps; i++)
		found += idset_find(&run->plan->steps[i].ids, member(f, "task"), NULL) != 0;
	if (found > 1)
		buf_addf(out, "%s.", safe(member(f, "step")));
	buf_addstr(out, safe(member(f, "task")));
}

/* What bounded it: the run as a whole, or parts of it. */
static const char *cut_short_text(const struct run *run)
{
	if (run->stop.stopping && !run->stop.step_only && run->stop.reason == REASON_DEADLINE)
		return ", stopped by the deadline";
	switch (run->cut_short) {
	case REASON_NONE:
		return "";
	case REASON_BUDGET:
		return ", cut short by a budget";
	case REASON_QUOTA:
		return ", cut short by a quota that comes back after the deadline";
	default:
		return ", cut short by a step's deadline";
	}
}

/* "pollard: NAME PARTIAL 7/9 (ui, db)": one plain line that could be the subject of a mail. */
static void print_verdict(struct run *run)
{
	static const char *const words[] = { "ALL", "PARTIAL", "NONE" };
	const struct counts *c = &run->counts;
	struct buf line = BUF_INIT;
	buf_addstr(&line, "pollard: ");
	if (run->plan->name != NULL) {
		text_safe_line(&line, run->plan->name, strlen(run->plan->name));
		buf_addch(&line, ' ');
	}
	buf_addf(&line, "%s %llu/%llu", words[outcome_of(c)], (unsigned long long)c->succeeded,
	    (unsigned long long)c->total);
	for (size_t i = 0; i < run->nfailed && i < NAMED_MAX; i++) {
		cJSON *f = failure(run, i);
		buf_addstr(&line, i == 0 ? " (" : ", ");
		add_name(&line, run, f);
		cJSON_Delete(f);
	}
	if (run->nfailed > 0)
		buf_addstr(&line, c->failed > NAMED_MAX ? ", ...)" : ")");
	if (run->stop.signal != 0)
		buf_addf(&line, ", interrupted by %s", signal_word(run->stop.signal));
	else
		buf_addstr(&line, cut_short_text(run));
	if (run->config->rehearse)
		buf_addstr(&line, " (rehearsal)");
	buf_addch(&line, '\n');
	sink_add(run->err, line.data, line.len);
	buf_free(&line);
}

/* The last lines of what it printed, made safe, each behind a bar so that it cannot be taken for a line of ours. */
static void add_tail(struct buf *out, const cJSON *record)
{
	const char *text = json_get_string(record, "stderr");
	/* standard output of a client is events, not for people */
	if (text == NULL || *text == '\0')
		text =
		    json_get_string(record, json_get(record, "text") != NULL ? "text" : "stdout");
	if (text == NULL)
		return;
	const char *line = text_tail(text, strlen(text), TAIL_LINES);
	while (*line != '\0') {
		size_t len = strcspn(line, "\n");
		buf_addstr(out, "    | ");
		text_safe_line(out, line, len < 500 ? len : 500);
		buf_addch(out, '\n');
		line += len + (line[len] == '\n');
	}
}

static void print_failure(struct run *run, size_t i)
{
	cJSON *f = failure(run, i);
	if (f == NULL)
		return;
	const char *error = json_get_string(f, "error");
	double attempts = json_get_number(f, "attempt", 0);
	struct buf out = BUF_INIT;
	buf_addstr(&out, "  ");
	add_name(&out, run, f);
	buf_addstr(&out, ": ");
	buf_addstr(&out, safe(error != NULL ? error : member(f, "reason")));
	if (attempts > 1)
		buf_addf(&out, " (after %.0f attempts)", attempts);
	buf_addch(&out, '\n');
	if (i < TAILS_MAX)
		add_tail(&out, f);
	sink_add(run->err, out.data, out.len);
	buf_free(&out);
	cJSON_Delete(f);
}

static void print_others(struct run *run)
{
	const struct counts *c = &run->counts;
	if (c->failed > LISTED_MAX)
		sink_addf(run->err, "  ... and %llu more that failed\n",
		    (unsigned long long)c->failed - LISTED_MAX);
	if (c->cancelled > 0)
		sink_addf(run->err, "  %llu cancelled\n", (unsigned long long)c->cancelled);
	if (c->skipped > 0)
		sink_addf(run->err, "  %llu skipped\n", (unsigned long long)c->skipped);
}

/* What the debugger found, where it said something. */
static void print_cause(struct run *run)
{
	if (run->asking.cause != NULL)
		sink_addf(run->err, "  cause: %s\n", safe(run->asking.cause));
}

/* Why nothing followed, where no failed task says it. */
static void print_escalated(struct run *run)
{
	if (run->escalated_why != NULL && run->merge_failed)
		sink_addf(run->err, "  %s\n", safe(run->escalated_why));
}

/* A stream that was cut cannot be read on. */
static void print_cut(struct run *run)
{
	if (run->input_cut == UINT32_MAX)
		sink_addf(run->err,
		    "  the list was cut before its first record: none of it was read, give it to a "
		    "run of its own\n");
	else if (run->input_cut > 0)
		sink_addf(run->err,
		    "  the list was cut after record %u: what followed was never read, give it to a "
		    "run of its own\n",
		    run->input_cut);
}

/*
 * All that is known of succeeded, and is on record: of a stream that was cut, or where what was
 * printed did not arrive. A resumed run would have nothing to do.
 */
static bool nothing_is_left(const struct run *run)
{
	return (run->input_cut > 0 || run->trouble == EXIT_IO) && run->record.error == 0 &&
	    run->counts.succeeded == run->counts.total && !run->merge_failed &&
	    run->at + 1 >= run->plan->nsteps && run->stop.signal == 0;
}

/* Its record could not be written, not even how it began: no other command can make anything of it. */
static bool never_began(const struct run *run)
{
	struct journal_reader *reader;
	bool none;
	if (run->record.error == 0)
		return false;
	reader = journal_reader_open(run->record.dir.fd);
	if (reader == NULL)
		return errno == ENOENT;
	none = journal_reader_next(reader) == NULL;
	journal_reader_free(reader);
	return none;
}

static void print_commands(struct run *run, const char *escalation)
{
	if (!run->record.kept || never_began(run))
		return;
	const char *id = run->record.dir.id;
	if (run->nfailed > 0) {
		cJSON *f = failure(run, 0);
		sink_addf(run->err, "  all of it:      pollard show %s %s\n", id,
		    safe(member(f, "task")));
		cJSON_Delete(f);
	}
	if (escalation != NULL)
		sink_addf(run->err, "  what to decide: %s/%s\n", safe(run->record.dir.path),
		    escalation);
	sink_addf(run->err, "  the whole run:  pollard show %s\n", id);
	if (nothing_is_left(run))
		return;
	sink_addf(run->err, "  what to repeat: pollard failed %s\n", id);
	/* what a stop called off is taken up in any case */
	bool stopped = run->stop.signal != 0 || run->cut_short != REASON_NONE;
	sink_addf(run->err, "  to go on:       pollard resume %s%s\n",
	    run->counts.failed > 0 && !stopped ? "--retry-failed " : "", id);
}

static void print_success(struct run *run, int64_t wall_ms)
{
	char wall[32];
	char saved[32];
	const char *said = run->config->rehearse ? "rehearsal: " : "";
	format_duration(wall, sizeof wall, wall_ms);
	if (run->counts.total == 0 && !run->config->stream && run->plan->document == NULL)
		progress_line(&run->progress, "0 tasks");
	else if (run->sequential_ms > wall_ms + 500)
		progress_line(&run->progress, "%s%llu of %llu succeeded in %s (saved %s)", said,
		    (unsigned long long)run->counts.succeeded,
		    (unsigned long long)run->counts.total, wall,
		    format_duration(saved, sizeof saved, run->sequential_ms - wall_ms));
	else
		progress_line(&run->progress, "%s%llu of %llu succeeded in %s", said,
		    (unsigned long long)run->counts.succeeded,
		    (unsigned long long)run->counts.total, wall);
}

int summary_status(const struct run *run)
{
	struct require require = effective_require(run->config, run->plan);
	if (run->trouble != 0)
		return run->trouble;
	/* one that has ended, and is only shown */
	if (run->replay != NULL && run->replay->finished)
		return run->replay->exit_status == EXIT_MET && run->input_cut > 0 ?
		    EXIT_PARTIAL :
		    run->replay->exit_status;
	int status = (int)outcome_exit(&require, &run->counts, run->cut_short != REASON_NONE,
	    run->escalated);
	/* a run that a step's requirement stopped did not do what it was there for */
	if (status == EXIT_MET && run->blocked)
		return run->cut_short != REASON_NONE ? EXIT_STOPPED : EXIT_ESCALATED;
	/* what was not read of a stream was not done */
	if (status == EXIT_MET && run->input_cut > 0)
		return EXIT_PARTIAL;
	return status;
}

/* In the order of the list: which failed first is chance. */
static int by_task(const void *a, const void *b)
{
	const struct failed *fa = a;
	const struct failed *fb = b;
	return fa->task < fb->task ? -1 : fa->task > fb->task;
}

void summary_say(struct run *run, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	if (run->config->cron && !run->reported)
		buf_vaddf(&run->held, fmt, ap);
	else
		sink_vaddf(run->err, fmt, ap);
	va_end(ap);
}

static void print_held(struct run *run)
{
	sink_add(run->err, run->held.data, run->held.len);
	buf_reset(&run->held);
	run->reported = true;
}

void summary_print(struct run *run, const struct totals *totals)
{
	const struct counts *c = &run->counts;
	int status = summary_status(run);
	/* whoever started it from cron hears of it when there is something to do */
	if (run->config->cron && status == EXIT_MET && run->stop.signal == 0)
		return;
	if (outcome_of(c) == OUTCOME_ALL && run->stop.signal == 0 && status < EXIT_USAGE &&
	    !run->blocked && run->input_cut == 0) {
		if (status == EXIT_MET)
			print_success(run, totals->wall_ms);
		else if (c->total == 0)
			sink_addf(run->err,
			    "pollard: 0 tasks, and '--require' wants some to succeed\n");
		else
			sink_addf(run->err, "pollard: ALL %llu/%llu, but more were required\n",
			    (unsigned long long)c->succeeded, (unsigned long long)c->total);
		print_held(run);
		return;
	}
	if (run->nfailed > 0)
		qsort(run->failed, run->nfailed, sizeof *run->failed, by_task);
	print_verdict(run);
	print_held(run);
	for (size_t i = 0; i < run->nfailed && i < LISTED_MAX; i++)
		print_failure(run, i);
	print_others(run);
	print_cause(run);
	print_escalated(run);
	ending_history(run);
	print_cut(run);
	print_commands(run, totals->escalation);
}

void summary_end(struct run *run, const struct totals *totals)
{
	if (run->config->cron && !run->reported)
		summary_print(run, totals);
}
