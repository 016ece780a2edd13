/*
 * A report as JUnit XML, as the CI servers read it: a suite for each step, a case for each task. An
 * exit status is a failure of what was tested; what kept it from being tested is an error.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "supervisor/report/report.h"

/* The cases of a suite, or of all. */
struct tally {
	uint64_t tests;
	uint64_t failures;
	uint64_t errors;
	uint64_t skipped;
};

enum verdict_kind { CASE_GOOD, CASE_FAILURE, CASE_ERROR, CASE_SKIPPED };

/*
 * Appends text for an element or an attribute. XML has no way to write U+FFFE and U+FFFF; control
 * bytes are gone from the report already.
 */
static void add_xml(struct buf *out, const char *text, bool attribute)
{
	for (const char *s = text; *s != '\0'; s++) {
		if (*s == '&')
			buf_addstr(out, "&amp;");
		else if (*s == '<')
			buf_addstr(out, "&lt;");
		else if (*s == '>')
			buf_addstr(out, "&gt;");
		else if (*s == '"' && attribute)
			buf_addstr(out, "&quot;");
		else if ((*s == '\n' || *s == '\t') && attribute)
			buf_addf(out, "&#%d;", *s);
		else if (strncmp(s, "\xef\xbf\xbe", 3) == 0 || strncmp(s, "\xef\xbf\xbf", 3) == 0)
			buf_addstr(out, "\xef\xbf\xbd"), s += 2;
		else
			buf_addch(out, *s);
	}
}

static void add_attribute(struct buf *out, const char *name, const char *value)
{
	buf_addf(out, " %s=\"", name);
	add_xml(out, value, true);
	buf_addch(out, '"');
}

static void add_seconds(struct buf *out, int64_t ms)
{
	buf_addf(out, " time=\"%" PRId64 ".%03d\"", ms / 1000, (int)(ms % 1000));
}

/* Cases. */

static bool is_failure(enum reason reason)
{
	return reason == REASON_EXIT || reason == REASON_AGENT || reason == REASON_OUTPUT;
}

static enum verdict_kind kind_of(const struct report_task *t)
{
	switch (t->phase) {
	case REPORT_WAITING:
	case REPORT_RUNNING:
		return CASE_SKIPPED;
	case REPORT_LOST:
		return CASE_ERROR;
	case REPORT_ENDED:
		break;
	}
	switch (t->status) {
	case RESULT_SUCCEEDED:
		return CASE_GOOD;
	case RESULT_FAILED:
		return is_failure(t->reason) ? CASE_FAILURE : CASE_ERROR;
	case RESULT_SKIPPED:
		return CASE_SKIPPED;
	case RESULT_CANCELLED:
	case RESULT_STATUS_COUNT:
		break;
	}
	return CASE_ERROR;
}

static const char *type_of(const struct report_task *t)
{
	if (t->phase != REPORT_ENDED || t->reason == REASON_NONE)
		return report_task_word(t);
	return reason_text(t->reason);
}

static void add_tails(struct buf *out, const struct report_attempt *a)
{
	if (a->out_tail != NULL) {
		buf_addstr(out, "<system-out>");
		add_xml(out, a->out_tail, false);
		buf_addstr(out, "</system-out>");
	}
	if (a->err_tail != NULL) {
		buf_addstr(out, "<system-err>");
		add_xml(out, a->err_tail, false);
		buf_addstr(out, "</system-err>");
	}
}

/* An attempt before the last one: flaky when that one succeeded, else one of several that failed. */
static void add_earlier(struct buf *out, const struct report_attempt *a, bool flaky)
{
	bool failure = a->phase == REPORT_ENDED && is_failure(a->reason);
	const char *reason = a->phase == REPORT_ENDED ? reason_text(a->reason) : "lost";
	const char *name = flaky ? (failure ? "flakyFailure" : "flakyError") :
				   (failure ? "rerunFailure" : "rerunError");
	struct buf line = BUF_INIT;

	/* one that went well before the run was resumed, and was run again */
	if (a->phase == REPORT_ENDED && a->status == RESULT_SUCCEEDED)
		return;
	report_attempt_line(&line, a);
	buf_addf(out, "      <%s", name);
	add_attribute(out, "message", buf_str(&line));
	add_attribute(out, "type", reason);
	buf_addf(out, "><stackTrace>attempt %u: ", a->number);
	add_xml(out, buf_str(&line), false);
	buf_addstr(out, "</stackTrace>");
	add_tails(out, a);
	buf_addf(out, "</%s>\n", name);
	buf_free(&line);
}

static void add_outcome(struct buf *out, const struct report_task *t, enum verdict_kind kind)
{
	static const char *const names[] = { "", "failure", "error", "skipped" };
	struct buf line = BUF_INIT;

	if (kind == CASE_GOOD)
		return;
	report_task_line(&line, t);
	buf_addf(out, "      <%s", names[kind]);
	add_attribute(out, "type", type_of(t));
	add_attribute(out, "message", buf_str(&line));
	if (t->cause != NULL) {
		buf_addstr(out, ">cause: ");
		add_xml(out, t->cause, false);
		buf_addf(out, "</%s>\n", names[kind]);
	} else {
		buf_addstr(out, "/>\n");
	}
	buf_free(&line);
}

static void add_output(struct buf *out, const struct report_task *t)
{
	const struct report_attempt *last = &t->attempts[t->nattempts - 1];

	if (last->out_tail == NULL && last->err_tail == NULL)
		return;
	buf_addstr(out, "      ");
	add_tails(out, last);
	buf_addch(out, '\n');
}

static void add_case(struct buf *out, const char *class, const struct report_task *t)
{
	enum verdict_kind kind = kind_of(t);

	buf_addstr(out, "    <testcase");
	add_attribute(out, "classname", class);
	add_attribute(out, "name", t->id);
	add_seconds(out, t->spent_ms);
	if (kind == CASE_GOOD && t->ncounted <= 1) {
		buf_addstr(out, "/>\n");
		return;
	}
	buf_addstr(out, ">\n");
	add_outcome(out, t, kind);
	for (size_t i = 0; i + 1 < t->nattempts; i++) {
		if (!t->attempts[i].forgiven)
			add_earlier(out, &t->attempts[i], kind == CASE_GOOD);
	}
	if (kind != CASE_GOOD && t->nattempts > 0)
		add_output(out, t);
	buf_addstr(out, "    </testcase>\n");
}

/* Suites. */

static struct tally tally_of(const struct report *r, const struct report_step *s)
{
	struct tally tally = { 0 };

	for (size_t i = 0; i < s->ntasks; i++) {
		const struct report_task *t = &r->tasks[s->first + i];
		enum verdict_kind kind = kind_of(t);

		if (t->removed)
			continue;
		tally.tests++;
		tally.failures += kind == CASE_FAILURE;
		tally.errors += kind == CASE_ERROR;
		tally.skipped += kind == CASE_SKIPPED;
	}
	return tally;
}

/* Without a zone, as the format has it: UTC. */
static void add_timestamp(struct buf *out, int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	char text[32];

	if (ms <= 0 || gmtime_r(&seconds, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		return;
	add_attribute(out, "timestamp", text);
}

static void add_tally(struct buf *out, const struct tally *tally)
{
	buf_addf(out, " tests=\"%" PRIu64 "\" failures=\"%" PRIu64 "\" errors=\"%" PRIu64 "\"",
	    tally->tests, tally->failures, tally->errors);
}

static void add_suite(struct buf *out, const struct report *r, const struct report_step *s)
{
	struct tally tally = tally_of(r, s);
	struct buf class = BUF_INIT;
	char host[256] = "";

	buf_addf(&class, "%s.%s", r->name != NULL ? r->name : "pollard", s->id);
	buf_addstr(out, "  <testsuite");
	add_attribute(out, "name", buf_str(&class));
	add_tally(out, &tally);
	buf_addf(out, " skipped=\"%" PRIu64 "\"", tally.skipped);
	add_seconds(out, s->sequential_ms);
	add_timestamp(out, s->started_ms != 0 ? s->started_ms : r->started_ms);
	if (gethostname(host, sizeof(host) - 1) == 0 && host[0] != '\0')
		add_attribute(out, "hostname", host);
	buf_addstr(out, ">\n");
	for (size_t i = 0; i < s->ntasks; i++)
		if (!r->tasks[s->first + i].removed)
			add_case(out, buf_str(&class), &r->tasks[s->first + i]);
	buf_addstr(out, "  </testsuite>\n");
	buf_free(&class);
}

void report_junit(struct buf *out, const struct report *r)
{
	struct tally all = { 0 };

	for (size_t i = 0; i < r->nsteps; i++) {
		struct tally tally = tally_of(r, &r->steps[i]);

		all.tests += tally.tests;
		all.failures += tally.failures;
		all.errors += tally.errors;
	}
	buf_addstr(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites");
	add_attribute(out, "name", r->name != NULL ? r->name : "pollard");
	add_tally(out, &all);
	add_seconds(out, r->wall_ms);
	buf_addstr(out, ">\n");
	for (size_t i = 0; i < r->nsteps; i++)
		add_suite(out, r, &r->steps[i]);
	buf_addstr(out, "</testsuites>\n");
}
