/*
 * A report in the Trace Event Format of chrome://tracing, which Perfetto reads too: a process for each
 * step, a thread for each slot, a slice for each attempt, arrows for `needs`. Times are microseconds
 * since the run began. Slices of one thread must not overlap, or they are dropped.
 */
#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "shared/xalloc.h"
#include "supervisor/report/report.h"

#define RUN_PID 0 /* of what belongs to no step; steps count from 1 */

/* Where an attempt stands in the trace. */
struct slice {
	const struct report_attempt *attempt;
	int64_t ts;
	int64_t dur;
};

/* A task more or less is running. */
struct change {
	int64_t ts;
	int by;
};

/* What is being written. On the stack of report_trace(). */
struct trace {
	struct buf *out;
	const struct report *r;
	int64_t base_ms;
	struct slice *slices; /* by attempt, in the order of the report */
	bool begun;
};

static void add_event(struct trace *t, cJSON *event)
{
	buf_addstr(t->out, t->begun ? ",\n" : "\n");
	t->begun = true;
	json_print(t->out, event);
	cJSON_Delete(event);
}

static cJSON *event_of(const char *phase, const char *name, size_t pid, unsigned tid)
{
	cJSON *e = cJSON_CreateObject();

	json_add_string(e, "ph", phase);
	json_add_string(e, "name", name);
	json_add_integer(e, "pid", (int64_t)pid);
	json_add_integer(e, "tid", tid);
	return e;
}

static int64_t to_us(const struct trace *t, int64_t ms)
{
	return ms > t->base_ms ? (ms - t->base_ms) * 1000 : 0;
}

/* Names. */

static void add_name(struct trace *t, const char *what, size_t pid, unsigned tid, const char *name)
{
	cJSON *e = event_of("M", what, pid, tid);
	cJSON *args = cJSON_CreateObject();

	json_add_string(args, "name", name);
	json_add_item(e, "args", args);
	add_event(t, e);
}

static void add_thread_names(struct trace *t, size_t step, bool *named)
{
	const struct report *r = t->r;
	const struct report_step *s = &r->steps[step];

	memset(named, 0, r->nlanes * sizeof(*named));
	for (size_t i = 0; i < s->ntasks; i++) {
		const struct report_task *task = &r->tasks[s->first + i];

		for (size_t k = 0; k < task->nattempts; k++)
			named[task->attempts[k].lane] = true;
	}
	for (unsigned lane = 0; lane < r->nlanes; lane++) {
		struct buf name = BUF_INIT;

		if (!named[lane])
			continue;
		buf_addf(&name, "slot %u", lane + 1);
		add_name(t, "thread_name", step + 1, lane + 1, buf_str(&name));
		buf_free(&name);
	}
}

static void add_names(struct trace *t)
{
	const struct report *r = t->r;
	bool *named = xcalloc((size_t)r->nlanes + 1, sizeof(*named));

	add_name(t, "process_name", RUN_PID, 0, r->name != NULL ? r->name : r->run);
	for (size_t i = 0; i < r->nsteps; i++) {
		struct buf name = BUF_INIT;

		buf_addf(&name, "step %s", r->steps[i].id);
		if (r->steps[i].title != NULL)
			buf_addf(&name, ": %s", r->steps[i].title);
		add_name(t, "process_name", i + 1, 0, buf_str(&name));
		buf_free(&name);
		add_thread_names(t, i, named);
	}
	free(named);
}

/* Slices. */

static int by_start(const void *a, const void *b)
{
	return report_by_start((*(struct slice *const *)a)->attempt,
	    (*(struct slice *const *)b)->attempt);
}

/* One that took less than the clock can tell still needs a microsecond to be seen. */
static void place_slices(struct trace *t)
{
	const struct report *r = t->r;
	struct slice **sorted = xcalloc(r->nattempts + 1, sizeof(*sorted));
	int64_t *until = xcalloc((size_t)r->nlanes + 1, sizeof(*until));

	for (size_t i = 0; i < r->nattempts; i++) {
		t->slices[i].attempt = &r->attempts[i];
		sorted[i] = &t->slices[i];
	}
	qsort(sorted, r->nattempts, sizeof(*sorted), by_start);
	for (size_t i = 0; i < r->nattempts; i++) {
		struct slice *s = sorted[i];
		int64_t *free_from = &until[s->attempt->lane];
		int64_t start = to_us(t, s->attempt->started_ms);
		int64_t end = to_us(t, s->attempt->ended_ms);

		s->ts = start > *free_from ? start : *free_from;
		s->dur = end > s->ts ? end - s->ts : 1;
		*free_from = s->ts + s->dur;
	}
	free(until);
	free(sorted);
}

static void add_usage(cJSON *args, const struct usage *u)
{
	if (!u->known)
		return;
	json_add_integer(args, "input_tokens", u->input_tokens);
	json_add_integer(args, "output_tokens", u->output_tokens);
	if (u->usd_known)
		json_add_item(args, "usd", cJSON_CreateNumber(u->usd));
}

static void add_slice(struct trace *t, const struct slice *s)
{
	const struct report_attempt *a = s->attempt;
	const struct report_task *task = &t->r->tasks[a->task];
	cJSON *e = event_of("X", task->id, task->step + 1, a->lane + 1);
	cJSON *args = cJSON_CreateObject();
	bool ended = a->phase == REPORT_ENDED;

	json_add_string(e, "cat", report_attempt_word(a));
	json_add_integer(e, "ts", s->ts);
	json_add_integer(e, "dur", s->dur);
	json_add_integer(args, "attempt", a->number);
	json_add_integer(args, "level", a->level);
	json_add_string(args, "status", report_attempt_word(a));
	if (ended && a->reason != REASON_NONE)
		json_add_string(args, "reason", reason_text(a->reason));
	if (a->exit_status >= 0)
		json_add_integer(args, "exit", a->exit_status);
	if (a->signal != NULL)
		json_add_string(args, "signal", a->signal);
	if (a->error != NULL)
		json_add_string(args, "error", a->error);
	if (task->agent != NULL)
		json_add_string(args, "agent", task->agent);
	json_add_bool(args, "critical", task->critical);
	add_usage(args, &a->usage);
	json_add_item(e, "args", args);
	add_event(t, e);
}

/* Arrows. */

/* The last attempt of the task that had ended when the other one began; NULL: none. */
static const struct slice *slice_before(const struct trace *t, const struct report_task *task,
    const struct slice *other)
{
	const struct slice *found = NULL;

	for (size_t i = 0; i < task->nattempts; i++) {
		const struct slice *s = &t->slices[&task->attempts[i] - t->r->attempts];

		if (s->attempt->phase == REPORT_ENDED && s->ts + s->dur <= other->ts)
			found = s;
	}
	return found;
}

static void add_arrow_end(struct trace *t, const char *phase, const struct slice *s, int64_t ts,
    int64_t id)
{
	cJSON *e =
	    event_of(phase, "needs", t->r->tasks[s->attempt->task].step + 1, s->attempt->lane + 1);

	json_add_string(e, "cat", "needs");
	json_add_integer(e, "id", id);
	json_add_integer(e, "ts", ts);
	if (*phase == 'f')
		json_add_string(e, "bp", "e");
	add_event(t, e);
}

static void add_arrows(struct trace *t)
{
	const struct report *r = t->r;
	int64_t id = 0;

	for (size_t i = 0; i < r->ntasks; i++) {
		const struct report_task *task = &r->tasks[i];

		for (size_t k = 0; k < task->nneeds && task->nattempts > 0; k++) {
			const struct slice *to = &t->slices[task->attempts - r->attempts];
			const struct slice *from = slice_before(t, &r->tasks[task->needs[k]], to);

			if (from == NULL)
				continue;
			id++;
			add_arrow_end(t, "s", from, from->ts + from->dur - 1, id);
			add_arrow_end(t, "f", to, to->ts, id);
		}
	}
}

/* How many run. */

static int by_time(const void *a, const void *b)
{
	const struct change *ca = a;
	const struct change *cb = b;

	return ca->ts < cb->ts ? -1 : ca->ts > cb->ts;
}

static void add_running(struct trace *t)
{
	size_t n = t->r->nattempts;
	struct change *changes = xcalloc(2 * n + 1, sizeof(*changes));
	int64_t running = 0;

	for (size_t i = 0; i < n; i++) {
		const struct slice *s = &t->slices[i];
		bool goes_on = s->attempt->phase == REPORT_RUNNING;

		changes[2 * i] = (struct change){ s->ts, 1 };
		changes[2 * i + 1] = (struct change){ s->ts + s->dur, goes_on ? 0 : -1 };
	}
	qsort(changes, 2 * n, sizeof(*changes), by_time);
	for (size_t i = 0; i < 2 * n; i++) {
		cJSON *e;
		cJSON *args;

		running += changes[i].by;
		if (i + 1 < 2 * n && changes[i + 1].ts == changes[i].ts)
			continue;
		e = event_of("C", "running tasks", RUN_PID, 0);
		args = cJSON_CreateObject();
		json_add_integer(e, "ts", changes[i].ts);
		json_add_integer(args, "running", running);
		json_add_item(e, "args", args);
		add_event(t, e);
	}
	free(changes);
}

/* Moments. */

static void add_moment(struct trace *t, size_t step, int64_t ms, const char *name, const char *text)
{
	size_t pid = step == REPORT_NONE ? RUN_PID : step + 1;
	cJSON *e = event_of("i", name, pid, 0);
	cJSON *args = cJSON_CreateObject();

	json_add_string(e, "s", "p");
	json_add_integer(e, "ts", to_us(t, ms));
	json_add_string(args, "text", text != NULL ? text : "");
	json_add_item(e, "args", args);
	add_event(t, e);
}

static void add_moments(struct trace *t)
{
	static const char *const names[] = {
		[REPORT_RECOVERY] = "recovery",
		[REPORT_FIX] = "fix",
		[REPORT_ESCALATED] = "escalated",
		[REPORT_RESUMED] = "resumed",
	};
	const struct report *r = t->r;

	for (size_t i = 0; i < r->nverdicts; i++) {
		const struct report_verdict *v = &r->verdicts[i];

		add_moment(t, v->step, v->time_ms, "verdict", v->valid ? v->cause : v->error);
	}
	for (size_t i = 0; i < r->nremarks; i++) {
		const struct report_remark *m = &r->remarks[i];

		add_moment(t, m->step, m->time_ms, names[m->kind], m->text);
	}
}

static void add_other(struct buf *out, const struct report *r)
{
	cJSON *other = cJSON_CreateObject();

	json_add_string(other, "run", r->run);
	json_add_string(other, "verdict", r->verdict);
	json_add_string(other, "version", r->version);
	json_print(out, other);
	cJSON_Delete(other);
}

void report_trace(struct buf *out, const struct report *r)
{
	struct trace t = {
		.out = out,
		.r = r,
		.base_ms = r->started_ms,
		.slices = xcalloc(r->nattempts + 1, sizeof(*t.slices)),
	};

	for (size_t i = 0; i < r->nattempts; i++)
		if (r->attempts[i].started_ms < t.base_ms)
			t.base_ms = r->attempts[i].started_ms;
	place_slices(&t);
	buf_addstr(out, "{\"displayTimeUnit\":\"ms\",\"otherData\":");
	add_other(out, r);
	buf_addstr(out, ",\"traceEvents\":[");
	add_names(&t);
	for (size_t i = 0; i < r->nattempts; i++)
		add_slice(&t, &t.slices[i]);
	add_arrows(&t);
	add_running(&t);
	add_moments(&t);
	buf_addstr(out, "\n]}\n");
	free(t.slices);
}
