/*
 * A report for programs: the result objects of `-o json`, one a line and then the summary (jsonl), or
 * all of it in one object (json). Results are read from the journal once more, one at a time, for a
 * run may have printed more than fits into memory.
 */
#include <err.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/exits.h"
#include "shared/io.h"
#include "shared/json.h"
#include "shared/text.h"
#include "supervisor/record/events.h"
#include "supervisor/record/journal.h"
#include "supervisor/report/report.h"

/* What is being written, and the journal that it comes from. On the stack of report_json(). */
struct writer {
	FILE *out;
	const struct report *r;
	const struct rundir *dir;
	int fd;
	bool lines;
};

static void print(const struct writer *w, const cJSON *value)
{
	struct buf text = BUF_INIT;

	json_print(&text, value);
	fwrite(buf_str(&text), 1, text.len, w->out);
	buf_free(&text);
}

/* The record there, as it was when the run was read; NULL when it is not. */
static cJSON *read_record(const struct writer *w, struct record_place place)
{
	struct buf line = BUF_INIT;
	cJSON *record = NULL;

	if (place.offset < 0)
		return NULL;
	ssize_t got =
	    pread_all(w->fd, buf_reserve(&line, place.length), place.length, (off_t)place.offset);
	if (got == (ssize_t)place.length)
		record = journal_parse(line.data, place.length);
	buf_free(&line);
	return record;
}

/* The result objects. */

/* What came of the task: of its last attempt what is on record, with the status that it got in the end. */
static cJSON *result_object(const struct writer *w, const struct report_task *t)
{
	const struct agent agent = { .name = t->agent };
	const struct step step = { .id = w->r->steps[t->step].id };
	const struct task task = { .id = t->id, .agent = t->agent != NULL ? &agent : NULL };
	const struct report_attempt *last =
	    t->nattempts > 0 ? &t->attempts[t->nattempts - 1] : NULL;
	cJSON *record = read_record(w, t->last);
	cJSON *object = cJSON_CreateObject();
	struct result result;

	result_init(&result);
	bool told = record != NULL && result_from_json(&result, record);
	if (!told && t->error != NULL)
		result_set_error(&result, "%s", t->error);
	result.status = t->status;
	result.reason = t->reason;
	add_result(object, w->r->run, &step, &task, &result, last != NULL ? last->number : 0,
	    last != NULL ? last->level : 0, w->dir, true);
	json_add_string(object, "verdict", t->cause);
	result_free(&result);
	cJSON_Delete(record);
	return object;
}

static void print_results(const struct writer *w)
{
	const char *before = w->lines ? "" : "\n";

	for (size_t i = 0; i < w->r->ntasks && !ferror(w->out); i++) {
		const struct report_task *t = &w->r->tasks[i];

		if (t->phase != REPORT_ENDED || t->removed)
			continue;
		cJSON *object = result_object(w, t);
		fputs(before, w->out);
		print(w, object);
		if (w->lines)
			fputc('\n', w->out);
		else
			before = ",\n";
		cJSON_Delete(object);
	}
}

/* The summary. */

static void add_time(cJSON *object, const char *key, int64_t ms)
{
	char text[CLOCK_TEXT_MAX];

	json_add_string(object, key, ms > 0 ? clock_text(text, ms) : NULL);
}

static const char *state_word(const struct report *r)
{
	switch (r->phase) {
	case REPORT_ENDED:
		return "finished";
	case REPORT_RUNNING:
		return "running";
	case REPORT_WAITING:
	case REPORT_LOST:
		break;
	}
	return "killed";
}

/* The members from "outcome" to "escalation" as the run itself has told them. */
static bool add_told(const struct writer *w, cJSON *object)
{
	cJSON *record = read_record(w, w->r->finish);
	const cJSON *item = json_get(record, "outcome");

	if (item == NULL) {
		cJSON_Delete(record);
		return false;
	}
	for (; item != NULL && strcmp(item->string, "exit") != 0; item = item->next) {
		if (strcmp(item->string, "escalation") == 0)
			json_add_string(object, "escalation", w->r->escalation);
		else
			cJSON_AddItemToObject(object, item->string, cJSON_Duplicate(item, true));
	}
	cJSON_Delete(record);
	return true;
}

/* The same of a run that has not told them: no outcome yet, the other figures as they are now. */
static void add_so_far(const struct report *r, cJSON *object)
{
	const struct report_counts *c = &r->counts;
	const struct totals totals = {
		.counts = { .total = c->total,
		    .succeeded = c->succeeded,
		    .failed = c->failed,
		    .skipped = c->skipped,
		    .cancelled = c->cancelled },
		.wall_ms = r->wall_ms,
		.sequential_ms = r->sequential_ms,
		.spent = { .known = r->usage.told > 0,
		    .input_tokens = (int64_t)r->usage.input_tokens,
		    .output_tokens = (int64_t)r->usage.output_tokens,
		    .usd_known = r->usage.usd_told > 0,
		    .usd = r->usage.usd },
		.rehearsal = r->rehearsal,
	};

	add_summary(object, &totals);
	cJSON_ReplaceItemInObjectCaseSensitive(object, "outcome", cJSON_CreateNull());
	json_add_string(object, "state", state_word(r));
	json_add_integer(object, "unfinished", (int64_t)(c->waiting + c->running + c->lost));
}

static void add_summary_members(const struct writer *w, cJSON *object)
{
	if (!add_told(w, object))
		add_so_far(w->r, object);
}

/* The one object. */

static cJSON *task_reference(const struct report *r, size_t task)
{
	cJSON *o = cJSON_CreateObject();

	json_add_string(o, "step", r->steps[r->tasks[task].step].id);
	json_add_string(o, "task", r->tasks[task].id);
	return o;
}

static cJSON *path_object(const struct report *r)
{
	cJSON *o = cJSON_CreateObject();
	cJSON *tasks = cJSON_CreateArray();

	json_add_seconds(o, "seconds", r->path_ms);
	for (size_t i = 0; i < r->npath; i++)
		cJSON_AddItemToArray(tasks, task_reference(r, r->path[i]));
	json_add_item(o, "tasks", tasks);
	return o;
}

static cJSON *steps_array(const struct report *r)
{
	cJSON *steps = cJSON_CreateArray();

	for (size_t i = 0; i < r->nsteps; i++) {
		const struct report_step *s = &r->steps[i];
		cJSON *o = cJSON_CreateObject();

		json_add_string(o, "id", s->id);
		json_add_string(o, "title", s->title);
		json_add_string(o, "goal", s->goal);
		json_add_string(o, "outcome", s->outcome);
		json_add_integer(o, "total", (int64_t)s->counts.total);
		json_add_integer(o, "succeeded", (int64_t)s->counts.succeeded);
		json_add_integer(o, "failed", (int64_t)s->counts.failed);
		json_add_integer(o, "skipped", (int64_t)s->counts.skipped);
		json_add_integer(o, "cancelled", (int64_t)s->counts.cancelled);
		add_time(o, "started", s->started_ms);
		add_time(o, "finished", s->over ? s->ended_ms : 0);
		json_add_seconds(o, "sequential_seconds", s->sequential_ms);
		json_add_string(o, "merged", s->merged_path);
		json_add_string(o, "escalated", s->escalated);
		cJSON_AddItemToArray(steps, o);
	}
	return steps;
}

static cJSON *verdicts_array(const struct report *r)
{
	cJSON *verdicts = cJSON_CreateArray();

	for (size_t i = 0; i < r->nverdicts; i++) {
		const struct report_verdict *v = &r->verdicts[i];
		cJSON *o = cJSON_CreateObject();

		json_add_string(o, "step", r->steps[v->step].id);
		add_time(o, "time", v->time_ms);
		json_add_integer(o, "level", v->level);
		json_add_string(o, "debugger", v->debugger);
		json_add_bool(o, "valid", v->valid);
		json_add_string(o, "relation", v->relation);
		json_add_string(o, "cause", v->cause);
		json_add_string(o, "strategy", v->strategy);
		json_add_string(o, "fix", v->fix);
		json_add_string(o, "error", v->error);
		cJSON_AddItemToArray(verdicts, o);
	}
	return verdicts;
}

static cJSON *unfinished_array(const struct report *r)
{
	cJSON *tasks = cJSON_CreateArray();

	for (size_t i = 0; i < r->ntasks; i++) {
		const struct report_task *t = &r->tasks[i];

		if (t->phase == REPORT_ENDED || t->removed)
			continue;
		cJSON *o = task_reference(r, i);
		json_add_string(o, "state", report_task_word(t));
		cJSON_AddItemToArray(tasks, o);
	}
	return tasks;
}

static cJSON *head_object(const struct writer *w)
{
	const struct report *r = w->r;
	cJSON *o = cJSON_CreateObject();

	json_add_string(o, "run", r->run);
	json_add_string(o, "name", r->name);
	json_add_string(o, "goal", r->goal);
	json_add_string(o, "verdict", r->verdict);
	add_time(o, "started", r->started_ms);
	add_time(o, "finished", r->phase == REPORT_ENDED ? r->ended_ms : 0);
	add_summary_members(w, o);
	if (r->phase == REPORT_ENDED)
		json_add_string(o, "state", state_word(r));
	if (r->exit_status >= 0)
		json_add_integer(o, "exit", r->exit_status);
	else
		json_add_null(o, "exit");
	json_add_string(o, "signal", r->signal);
	json_add_item(o, "speedup",
	    r->speedup > 0 ? cJSON_CreateNumber(r->speedup) : cJSON_CreateNull());
	json_add_item(o, "critical_path", path_object(r));
	json_add_integer(o, "resumed", r->resumed);
	json_add_item(o, "steps", steps_array(r));
	json_add_item(o, "verdicts", verdicts_array(r));
	json_add_item(o, "not_finished", unfinished_array(r));
	return o;
}

/* The head without its last brace, then the results, one a line. */
static void print_object(const struct writer *w)
{
	cJSON *head = head_object(w);
	struct buf text = BUF_INIT;

	json_print(&text, head);
	fwrite(buf_str(&text), 1, text.len - 1, w->out);
	buf_free(&text);
	cJSON_Delete(head);
	fputs(",\"tasks\":[", w->out);
	print_results(w);
	fputs("\n]}\n", w->out);
}

static void print_lines(const struct writer *w)
{
	cJSON *summary = cJSON_CreateObject();

	print_results(w);
	json_add_string(summary, "run", w->r->run);
	add_summary_members(w, summary);
	print(w, summary);
	fputc('\n', w->out);
	cJSON_Delete(summary);
}

int report_json(FILE *out, const struct report *r, const struct rundir *dir, bool lines)
{
	struct writer w = { .out = out, .r = r, .dir = dir, .lines = lines };

	w.fd = openat(dir->fd, JOURNAL_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (w.fd < 0) {
		warn("run '%s': cannot read %s", safe(dir->id), JOURNAL_NAME);
		return EXIT_IO;
	}
	if (lines)
		print_lines(&w);
	else
		print_object(&w);
	close(w.fd);
	return 0;
}
