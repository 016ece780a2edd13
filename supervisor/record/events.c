#include "supervisor/record/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/json.h"
#include "shared/text.h"
#include "shared/version.h"
#include "shared/xalloc.h"
#include "supervisor/plan/effective.h"
#include "supervisor/record/journal.h"

const char *signal_word(int signal)
{
	static char word[32];
	const char *name = sigabbrev_np(signal);
	if (name != NULL)
		snprintf(word, sizeof word, "SIG%s", name);
	else
		snprintf(word, sizeof word, "SIG%d", signal);
	return word;
}

static cJSON *words(const char *const *list)
{
	cJSON *array = cJSON_CreateArray();
	for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
		struct buf word = BUF_INIT;
		text_utf8(&word, list[i], strlen(list[i]));
		cJSON_AddItemToArray(array, cJSON_CreateString(buf_str(&word)));
		buf_free(&word);
	}
	return array;
}

static const char *input_text(enum input_form input)
{
	switch (input) {
	case INPUT_COMMAND:
		return "command";
	case INPUT_SHELL:
		return "shell";
	case INPUT_AGENT:
		return "agent";
	case INPUT_AUTO:
		break;
	}
	return "auto";
}

static const char *merge_text(const struct config *c)
{
	switch (c->merge) {
	case MERGE_NONE:
		return "none";
	case MERGE_CONCAT:
		return "concat";
	case MERGE_JSON:
		return "json";
	case MERGE_AGENT:
		return c->merge_agent;
	case MERGE_DEFAULT:
		break;
	}
	return NULL;
}

static const char *output_text(enum output_form output)
{
	static const char *const words[] = { "text", "json", "merged", "none" };
	return words[output];
}

static const char *sync_text(enum sync_when when)
{
	static const char *const words[] = { "end", "step", "task" };
	return words[when];
}

static void add_require(cJSON *options, const struct require *require)
{
	char text[32];
	switch (require->kind) {
	case REQUIRE_ALL:
		json_add_string(options, "require", "all");
		return;
	case REQUIRE_PARTIAL:
		json_add_string(options, "require", "partial");
		return;
	case REQUIRE_COUNT:
	case REQUIRE_PERCENT:
		break;
	}
	snprintf(text, sizeof text, "%llu%s", (unsigned long long)require->number,
	    require->kind == REQUIRE_PERCENT ? "%" : "");
	json_add_string(options, "require", text);
}

/* A limit that was given; one that was not is decided task by task. */
static void add_limit(cJSON *options, const char *key, int64_t ms)
{
	if (ms != NOT_GIVEN)
		json_add_seconds(options, key, ms);
}

static void add_floor(cJSON *options, const struct memory_floor *floor)
{
	char text[32];
	if (floor->percent > 0)
		snprintf(text, sizeof text, "%u%%", floor->percent);
	else
		snprintf(text, sizeof text, "%llu", (unsigned long long)floor->bytes);
	json_add_string(options, "min_free_memory", text);
}

/* What is needed to read the records of the input once more, and to go on as it was begun. */
static cJSON *options_object(const struct config *c, const struct plan *plan)
{
	cJSON *o = cJSON_CreateObject();
	json_add_string(o, "input", input_text(c->input));
	if (c->input == INPUT_COMMAND)
		json_add_item(o, "command", words(c->command));
	if (c->input == INPUT_AGENT)
		json_add_string(o, "agent", c->agent);
	json_add_bool(o, "stdin", c->command_stdin);
	json_add_bool(o, "nul", c->nul);
	json_add_bool(o, "stream", c->stream);
	json_add_integer(o, "jobs", c->jobs);
	json_add_bool(o, "sequential", c->sequential);
	json_add_integer(o, "tokens_at_once", (int64_t)c->tokens_at_once);
	json_add_seconds(o, "delay", c->delay_ms);
	add_limit(o, "timeout", c->timeout_ms);
	add_limit(o, "idle_timeout", c->idle_timeout_ms);
	json_add_seconds(o, "grace", c->grace_ms);
	add_limit(o, "deadline", c->deadline_ms);
	if (c->max_output != NOT_GIVEN)
		json_add_integer(o, "max_output", c->max_output);
	if (c->retries != NOT_GIVEN)
		json_add_integer(o, "retries", c->retries);
	json_add_string(o, "debugger", c->debugger);
	json_add_bool(o, "fail_fast", c->fail_fast);
	add_require(o, &c->require);
	json_add_bool(o, "jobs_given", c->jobs_given);
	json_add_bool(o, "require_given", c->require_given);
	json_add_bool(o, "rehearse", c->rehearse);
	json_add_string(o, "rehearsal", c->rehearsal);
	json_add_string(o, "notify", c->notify);
	json_add_string(o, "state_file", c->state_file);
	json_add_bool(o, "allow_fix", c->allow_fix);
	json_add_bool(o, "strict_scopes", c->strict_scopes);
	json_add_bool(o, "no_adapt", c->no_adapt);
	add_floor(o, &c->min_free);
	json_add_string(o, "merge", merge_text(c));
	json_add_integer(o, "budget_tokens", (int64_t)c->budget_tokens);
	cJSON_AddItemToObject(o, "budget_usd", cJSON_CreateNumber(c->budget_usd));
	json_add_string(o, "output", output_text(c->output));
	json_add_bool(o, "output_given", c->output_given);
	json_add_bool(o, "keep_order", c->keep_order);
	json_add_bool(o, "tag", c->tag);
	json_add_string(o, "sync", sync_text(c->sync));
	/* one that was found on PATH too: the run goes on with it, whatever is there then */
	json_add_string(o, "backend", c->backend != NULL ? c->backend : plan->backend);
	json_add_bool(o, "backend_given", c->backend_given);
	json_add_bool(o, "private_config", c->private_config);
	return o;
}

cJSON *event_run_started(const struct config *config, const char *run, const struct plan *plan,
    const char *file)
{
	cJSON *e = journal_event("run-started");
	json_add_string(e, "version", POLLARD_VERSION);
	json_add_string(e, "run", run);
	json_add_string(e, "name", plan->name);
	json_add_string(e, "goal", plan->goal);
	char *cwd = getcwd(NULL, 0);
	if (cwd != NULL)
		json_add_bytes(e, "cwd", cwd, strlen(cwd));
	free(cwd);
	json_add_item(e, "command", words(config->argv));
	json_add_item(e, "options", options_object(config, plan));
	json_add_integer(e, "pid", getpid());
	json_add_integer(e, "jobs", config->jobs);
	json_add_string(e, "backend", plan->backend);
	cJSON *steps = cJSON_CreateArray();
	for (size_t i = 0; i < plan->nsteps; i++) {
		const struct step *s = &plan->steps[i];
		cJSON *o = cJSON_CreateObject();
		json_add_string(o, "id", s->id);
		json_add_string(o, "title", s->title);
		json_add_string(o, "goal", s->goal);
		json_add_integer(o, "jobs", effective_jobs(config, plan, s));
		if (config->stream || (s->more != NULL && s->more->foreach != NULL))
			json_add_null(o, "count");
		else
			json_add_integer(o, "count", (int64_t)s->count);
		cJSON_AddItemToArray(steps, o);
	}
	json_add_item(e, "steps", steps);
	if (file != NULL)
		json_add_bytes(e, "file", file, strlen(file));
	if (plan->document != NULL)
		json_add_bytes(e, "workflow", plan->document, plan->document_len);
	if (config->rehearse)
		json_add_bool(e, "rehearsal", true);
	return e;
}

/* Step and task first, in every event that has them. */
static cJSON *task_event(const char *event, const struct step *step, const struct task *task)
{
	cJSON *e = journal_event(event);
	json_add_string(e, "step", step->id);
	json_add_string(e, "task", task->id);
	return e;
}

static const char *agent_name(const struct task *task)
{
	return task->agent != NULL ? task->agent->name : NULL;
}

cJSON *event_task_added(const struct step *step, const struct task *task)
{
	cJSON *e = task_event("task-added", step, task);
	json_add_integer(e, "number", task->number);
	json_add_string(e, "agent", agent_name(task));
	json_add_bytes(e, "record", task->record, task->record_len);
	return e;
}

cJSON *event_attempt_started(const struct step *step, const struct task *task, unsigned attempt,
    unsigned level)
{
	cJSON *e = task_event("attempt-started", step, task);
	json_add_integer(e, "attempt", attempt);
	json_add_integer(e, "level", level);
	return e;
}

/* "out/1.db.1.out", or the same below the run directory. */
static void out_path(struct buf *path, const struct rundir *dir, const struct step *step,
    const struct task *task, unsigned attempt, bool err, bool absolute)
{
	if (absolute)
		buf_addf(path, "%s/", dir->path);
	buf_addstr(path, "out/");
	rundir_out_name(path, step->id, task->id, attempt, err);
}

void add_result(cJSON *object, const char *run, const struct step *step, const struct task *task,
    const struct result *result, unsigned attempt, unsigned level, const struct rundir *dir,
    bool full)
{
	json_add_string(object, "run", run);
	json_add_string(object, "step", step->id);
	json_add_string(object, "task", task->id);
	json_add_string(object, "agent", agent_name(task));
	json_add_integer(object, full ? "attempts" : "attempt", attempt);
	json_add_integer(object, "level", level);
	struct buf out = BUF_INIT;
	struct buf err = BUF_INIT;
	if (dir != NULL && result->out.spilled)
		out_path(&out, dir, step, task, attempt, false, full);
	if (dir != NULL && result->err.spilled)
		out_path(&err, dir, step, task, attempt, true, full);
	result_to_json(result, object, out.data, err.data, full);
	buf_free(&out);
	buf_free(&err);
}

cJSON *event_attempt_finished(const char *run, const struct step *step, const struct task *task,
    const struct result *result, unsigned attempt, unsigned level, const struct rundir *dir)
{
	cJSON *e = journal_event("attempt-finished");
	add_result(e, run, step, task, result, attempt, level, dir, false);
	return e;
}

cJSON *event_task_finished(const struct step *step, const struct node *node,
    const struct result *result)
{
	cJSON *e = task_event("task-finished", step, node->task);
	json_add_string(e, "agent", agent_name(node->task));
	json_add_string(e, "status", result_status_text(node->status));
	json_add_string(e, "reason",
	    node->reason == REASON_NONE ? NULL : reason_text(node->reason));
	json_add_string(e, "error", result != NULL ? result->error : NULL);
	json_add_integer(e, "attempts", node->attempts);
	json_add_integer(e, "level", node->level);
	json_add_seconds(e, "seconds", node->spent_ms);
	json_add_string(e, "summary", result != NULL ? result->summary : NULL);
	cJSON *files = cJSON_CreateArray();
	for (size_t i = 0; result != NULL && i < result->nfiles; i++)
		cJSON_AddItemToArray(files, cJSON_CreateString(result->files[i]));
	json_add_item(e, "files", files);
	return e;
}

cJSON *event_recovery_started(const struct step *step, int level)
{
	cJSON *e = journal_event("recovery-started");
	json_add_string(e, "step", step->id);
	json_add_integer(e, "level", level);
	return e;
}

cJSON *event_resumed(const char *const *again, size_t count)
{
	cJSON *e = journal_event("resumed");
	cJSON *statuses = cJSON_CreateArray();
	for (size_t i = 0; i < count; i++)
		cJSON_AddItemToArray(statuses, cJSON_CreateString(again[i]));
	json_add_item(e, "again", statuses);
	json_add_integer(e, "pid", getpid());
	return e;
}

cJSON *event_task_removed(const char *step, const char *task)
{
	cJSON *e = journal_event("task-removed");
	json_add_string(e, "step", step);
	json_add_string(e, "task", task);
	return e;
}

cJSON *event_list_edited(const struct config *config, const char *run, const struct plan *plan,
    const char *file)
{
	cJSON *e = event_run_started(config, run, plan, file);
	cJSON *object = cJSON_GetObjectItemCaseSensitive(e, "steps")->child;
	cJSON_ReplaceItemInObjectCaseSensitive(e, "event", cJSON_CreateString("list-edited"));
	for (size_t i = 0; i < plan->nsteps; i++, object = object->next) {
		const struct step *s = &plan->steps[i];
		if (s->more != NULL && s->more->foreach != NULL)
			continue;
		cJSON *tasks = cJSON_CreateArray();
		for (size_t k = 0; k < s->count; k++)
			cJSON_AddItemToArray(tasks,
			    cJSON_CreateString(plan->tasks[s->first + k].id));
		json_add_item(object, "tasks", tasks);
	}
	return e;
}

cJSON *event_input_ended(void)
{
	return journal_event("input-ended");
}

cJSON *event_recovery(const struct step *step, int level, const char *text)
{
	cJSON *e = journal_event("recovery");
	json_add_string(e, "step", step->id);
	json_add_integer(e, "level", level);
	json_add_string(e, "text", text);
	return e;
}

static void add_counts(cJSON *o, const struct counts *c)
{
	json_add_integer(o, "succeeded", (int64_t)c->succeeded);
	json_add_integer(o, "failed", (int64_t)c->failed);
	json_add_integer(o, "skipped", (int64_t)c->skipped);
	json_add_integer(o, "cancelled", (int64_t)c->cancelled);
}

cJSON *event_step_finished(const struct step *step, const struct counts *counts, int64_t wall_ms,
    int64_t sequential_ms, const char *merged)
{
	cJSON *e = journal_event("step-finished");
	json_add_string(e, "step", step->id);
	json_add_string(e, "outcome", outcome_text(outcome_of(counts)));
	json_add_integer(e, "total", (int64_t)counts->total);
	add_counts(e, counts);
	json_add_seconds(e, "seconds", wall_ms);
	json_add_seconds(e, "sequential_seconds", sequential_ms);
	json_add_string(e, "merged", merged);
	return e;
}

cJSON *event_step_skipped(const struct step *step, const char *condition)
{
	const struct counts none = { 0 };
	cJSON *e = event_step_finished(step, &none, 0, 0, NULL);
	cJSON_ReplaceItemInObjectCaseSensitive(e, "outcome", cJSON_CreateString("skipped"));
	json_add_string(e, "when", condition);
	return e;
}

cJSON *event_merge_finished(const char *run, const struct step *step, const char *agent,
    const struct result *result, unsigned attempt, const struct rundir *dir)
{
	cJSON *e = journal_event("merge-finished");
	const struct task task = { .id = MERGE_ID };
	add_result(e, run, step, &task, result, attempt, 0, dir, false);
	cJSON_ReplaceItemInObjectCaseSensitive(e, "agent", cJSON_CreateString(agent));
	return e;
}

cJSON *event_escalated(const struct step *step, const char *reason)
{
	cJSON *e = journal_event("escalated");
	json_add_string(e, "step", step->id);
	json_add_string(e, "reason", reason);
	return e;
}

void add_usage(cJSON *object, const struct usage *usage)
{
	if (!usage->known) {
		json_add_null(object, "usage");
		return;
	}
	cJSON *u = cJSON_CreateObject();
	json_add_integer(u, "input_tokens", usage->input_tokens);
	json_add_integer(u, "output_tokens", usage->output_tokens);
	cJSON_AddItemToObject(u, "usd",
	    usage->usd_known ? cJSON_CreateNumber(usage->usd) : cJSON_CreateNull());
	json_add_item(object, "usage", u);
}

void add_summary(cJSON *object, const struct totals *t)
{
	int64_t saved = t->sequential_ms - t->wall_ms;

	json_add_string(object, "outcome", outcome_text(outcome_of(&t->counts)));
	add_counts(object, &t->counts);
	json_add_seconds(object, "seconds", t->wall_ms);
	json_add_seconds(object, "sequential_seconds", t->sequential_ms);
	json_add_seconds(object, "saved_seconds", saved > 0 ? saved : 0);
	add_usage(object, &t->spent);
	json_add_string(object, "escalation", t->escalation);
	if (t->rehearsal)
		json_add_bool(object, "rehearsal", true);
}

cJSON *event_run_finished(const struct totals *totals, int exit_status, int signal)
{
	cJSON *e = journal_event("run-finished");
	add_summary(e, totals);
	json_add_integer(e, "exit", exit_status);
	json_add_string(e, "signal", signal != 0 ? signal_word(signal) : NULL);
	return e;
}
