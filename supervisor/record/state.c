/* Gathers from the records of the journal what the Markdown state says; see state_text.c. */
#include "supervisor/record/state.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/record/state_data.h"

/* A copy, cut at STATE_TEXT_MAX characters; NULL for NULL. */
static char *copy_cut(const char *s)
{
	size_t len = 0;
	size_t chars = 0;

	if (s == NULL)
		return NULL;
	while (s[len] != '\0') {
		if (((unsigned char)s[len] & 0xc0) != 0x80 && chars++ == STATE_TEXT_MAX)
			break;
		len++;
	}
	struct buf copy = BUF_INIT;
	buf_add(&copy, s, len);
	if (s[len] != '\0')
		buf_addstr(&copy, "…");
	return buf_detach(&copy);
}

static void set_text(char **place, const char *text)
{
	free(*place);
	*place = copy_cut(text);
}

static void set_whole(char **place, const char *text)
{
	free(*place);
	*place = text == NULL ? NULL : xstrdup(text);
}

static struct state_step *step_add(struct state *s, const char *id)
{
	if (s->nsteps == s->cap) {
		s->cap = s->cap == 0 ? 4 : s->cap * 2;
		s->steps = xreallocarray(s->steps, s->cap, sizeof(*s->steps));
	}
	struct state_step *step = &s->steps[s->nsteps++];
	memset(step, 0, sizeof(*step));
	step->id = xstrdup(id);
	return step;
}

/* The step of that id, added when it is a new one. The search begins where the last one ended. */
static struct state_step *step_get(struct state *s, const char *id)
{
	for (size_t i = 0; i < s->nsteps; i++) {
		size_t at = s->found + i < s->nsteps ? s->found + i : s->found + i - s->nsteps;

		if (strcmp(s->steps[at].id, id) == 0) {
			s->found = at;
			return &s->steps[at];
		}
	}
	s->found = s->nsteps;
	return step_add(s, id);
}

static void step_clear(struct state_step *step)
{
	free(step->id);
	free(step->title);
	free(step->goal);
	state_lines_free(&step->listed);
	state_lines_free(&step->failures);
	for (size_t i = 0; i < step->nfiles; i++)
		free(step->files[i]);
	for (size_t i = 0; i < STATE_RECOVERIES_MAX; i++)
		free(step->recoveries[i]);
	free(step->escalated);
	free(step->outcome);
	free(step->when);
	free(step->merged);
}

static void step_begins(struct state *s, struct state_step *step)
{
	size_t ordinal = (size_t)(step - s->steps) + 1;

	step->begun = true;
	step->over = false;
	if (ordinal > s->current)
		s->current = ordinal;
}

static struct state_line *step_find(const struct state_step *step, const char *id, uint32_t hash)
{
	struct state_line *line = state_line_find(&step->listed, id, hash);

	return line != NULL ? line : state_line_find(&step->failures, id, hash);
}

static void add_file(struct state_step *step, const char *path, uint64_t task)
{
	uint32_t hash = state_hash(path);
	size_t at;

	for (size_t i = 0; i < step->nfiles; i++)
		if (step->file_hash[i] == hash && strcmp(step->files[i], path) == 0)
			return;
	if (step->nfiles == STATE_FILES_MAX) {
		step->more_files = true;
		return;
	}
	/* which task ended first is chance */
	for (at = step->nfiles++; at > 0 && step->file_task[at - 1] > task; at--) {
		step->files[at] = step->files[at - 1];
		step->file_hash[at] = step->file_hash[at - 1];
		step->file_task[at] = step->file_task[at - 1];
	}
	step->files[at] = xstrdup(path);
	step->file_hash[at] = hash;
	step->file_task[at] = task;
}

static void add_files(struct state_step *step, const cJSON *record, uint64_t task)
{
	const cJSON *file;

	if (step->more_files)
		return;
	cJSON_ArrayForEach(file, json_get(record, "files"))
	{
		if (cJSON_IsString(file))
			add_file(step, file->valuestring, task);
	}
}

/* The events, in the order of their frequency. */

static void task_added(struct state_step *step, const cJSON *record, const char *id)
{
	step->counts.total++;
	if (step->listed.count == STATE_LISTED_MAX && step->listed.unused == 0)
		return;

	uint32_t hash = state_hash(id);
	if (state_line_find(&step->listed, id, hash) != NULL) {
		step->counts.total--;
		return;
	}
	struct state_line *line = state_line_add(&step->listed, id, hash);
	line->number = json_get_count(record, "number");
	set_whole(&line->agent, json_get_string(record, "agent"));
}

/* It is not in the list any more. */
static void task_removed(struct state_step *step, const char *id)
{
	uint32_t hash = state_hash(id);
	struct state_line *line = state_line_find(&step->listed, id, hash);
	struct line_table *table = line != NULL ? &step->listed : &step->failures;
	if (line == NULL)
		line = state_line_find(&step->failures, id, hash);
	if (line != NULL && line->phase == LINE_FINISHED && step->counts.finished[line->status] > 0)
		step->counts.finished[line->status]--;
	if (step->counts.total > 0)
		step->counts.total--;
	if (line != NULL)
		state_line_remove(table, line);
}

static void attempt_started(struct state *s, struct state_step *step, const cJSON *record,
    const char *id)
{
	step_begins(s, step);
	step->counts.running++;

	struct state_line *line = step_find(step, id, state_hash(id));
	if (line == NULL)
		return;
	if (line->phase == LINE_FINISHED && step->counts.finished[line->status] > 0)
		step->counts.finished[line->status]--;
	line->phase = LINE_RUNNING;
	line->attempts = (uint32_t)json_get_count(record, "attempt");
}

static void attempt_finished(struct state_step *step, const cJSON *record, const char *id)
{
	if (step->counts.running > 0)
		step->counts.running--;

	uint32_t hash = state_hash(id);
	struct state_line *line = step_find(step, id, hash);
	const char *status = json_get_string(record, "status");
	bool failed = status != NULL && strcmp(status, "failed") == 0;

	/* It may yet succeed, but only this record has the error. */
	if (line == NULL && failed) {
		line = state_line_add(&step->failures, id, hash);
		if (line != NULL)
			set_whole(&line->agent, json_get_string(record, "agent"));
	}
	if (line == NULL)
		return;
	line->phase = LINE_WAITING;
	line->attempts = (uint32_t)json_get_count(record, "attempt");
	set_text(&line->error, json_get_string(record, "error"));
}

static void line_finish(struct state_line *line, const cJSON *record, enum result_status status)
{
	const char *error = json_get_string(record, "error");

	line->phase = LINE_FINISHED;
	line->status = (uint8_t)status;
	line->attempts = (uint32_t)json_get_count(record, "attempts");
	set_text(&line->error, error != NULL ? error : json_get_string(record, "reason"));
	set_text(&line->summary, json_get_string(record, "summary"));
}

static void task_finished(struct state *s, struct state_step *step, const cJSON *record,
    const char *id)
{
	const char *word = json_get_string(record, "status");
	enum result_status status;
	uint32_t hash = state_hash(id);

	if (word == NULL || !result_status_parse(word, &status))
		return;
	struct state_line *line = step_find(step, id, hash);
	if (line != NULL && line->phase == LINE_FINISHED && step->counts.finished[line->status] > 0)
		step->counts.finished[line->status]--;
	step->counts.finished[status]++;
	/* What never runs is no sign that the run has come to this step. */
	if (status != RESULT_SKIPPED && status != RESULT_CANCELLED)
		step_begins(s, step);
	if (status == RESULT_SUCCEEDED)
		add_files(step, record,
		    line != NULL && line->number > 0 ? line->number : UINT64_MAX);

	if (line == NULL && status == RESULT_FAILED) {
		line = state_line_add(&step->failures, id, hash);
		if (line != NULL)
			set_whole(&line->agent, json_get_string(record, "agent"));
	}
	if (line == NULL)
		return;
	line_finish(line, record, status);
	if (status != RESULT_FAILED && line == state_line_find(&step->failures, id, hash))
		state_line_remove(&step->failures, line);
}

static void get_counts(struct state_counts *counts, const cJSON *record)
{
	counts->running = 0;
	counts->total = 0;
	for (int i = 0; i < RESULT_STATUS_COUNT; i++) {
		counts->finished[i] =
		    json_get_count(record, result_status_text((enum result_status)i));
		counts->total += counts->finished[i];
	}
}

static void step_finished(struct state *s, struct state_step *step, const cJSON *record)
{
	step_begins(s, step);
	step->over = true;
	get_counts(&step->counts, record);
	if (json_get_count(record, "total") > step->counts.total)
		step->counts.total = json_get_count(record, "total");
	set_whole(&step->outcome, json_get_string(record, "outcome"));
	set_whole(&step->merged, json_get_string(record, "merged"));
	set_text(&step->when, json_get_string(record, "when"));
	step->took_ms = json_get_ms(record, "seconds");
	step->sequential_ms = json_get_ms(record, "sequential_seconds");
}

static void add_recovery(struct state_step *step, const char *line)
{
	if (step->nrecoveries < STATE_RECOVERIES_MAX)
		/* what came of it stands at its end */
		set_whole(&step->recoveries[step->nrecoveries], line);
	step->nrecoveries++;
}

static void recovery(struct state_step *step, const cJSON *record)
{
	const char *text = json_get_string(record, "text");
	struct buf line = BUF_INIT;

	if (text == NULL)
		return;
	buf_addf(&line, "Level %" PRIu64 ": %s", json_get_count(record, "level"), text);
	add_recovery(step, buf_str(&line));
	buf_free(&line);
}

/* "Level 2: builtin debugger: related: 2 tasks: exit 3: no such table" */
static void verdict(struct state_step *step, const cJSON *record)
{
	const char *debugger = json_get_string(record, "debugger");
	const char *error = json_get_string(record, "error");
	const cJSON *said = json_get(record, "verdict");
	const char *relation = json_get_string(said, "relation");
	const char *cause = json_get_string(said, "cause");
	struct buf line = BUF_INIT;

	if (debugger == NULL)
		return;
	buf_addf(&line, "Level %" PRIu64 ": %s debugger: ", json_get_count(record, "level"),
	    debugger);
	if (relation != NULL && cause != NULL)
		buf_addf(&line, "%s: %s", relation, cause);
	else
		buf_addf(&line, "no verdict%s%s", error != NULL ? ": " : "",
		    error != NULL ? error : "");
	add_recovery(step, buf_str(&line));
	buf_free(&line);
}

/* run-started, or list-edited, which stands for it from then on. */
static void run_described(struct state *s, const cJSON *record)
{
	const cJSON *item;

	set_whole(&s->run, json_get_string(record, "run"));
	set_text(&s->name, json_get_string(record, "name"));
	set_text(&s->goal, json_get_string(record, "goal"));
	s->rehearsal = cJSON_IsTrue(json_get(record, "rehearsal"));
	s->jobs = json_get_count(record, "jobs");
	if (cJSON_IsTrue(json_get(json_get(record, "options"), "sequential")))
		s->jobs = 1;
	cJSON_ArrayForEach(item, json_get(record, "steps"))
	{
		const char *id = json_get_string(item, "id");

		if (id == NULL)
			continue;
		struct state_step *step = step_get(s, id);
		set_text(&step->title, json_get_string(item, "title"));
		set_text(&step->goal, json_get_string(item, "goal"));
		step->expected = json_get_count(item, "count");
		step->jobs =
		    json_get(item, "jobs") != NULL ? json_get_count(item, "jobs") : s->jobs;
	}
	s->found = 0;
}

/* The step of that id comes to `place`; those between it and there move back by one. */
static void step_move(struct state *s, const char *id, size_t place)
{
	size_t at = (size_t)(step_get(s, id) - s->steps);
	struct state_step step = s->steps[at];

	if (at < place)
		return;
	memmove(&s->steps[place + 1], &s->steps[place], (at - place) * sizeof(*s->steps));
	s->steps[place] = step;
}

/* Steps are those of the list, in its order: what is left of another one is history. */
static void list_edited(struct state *s, const cJSON *record)
{
	const cJSON *item;
	size_t count = 0;

	run_described(s, record);
	cJSON_ArrayForEach(item, json_get(record, "steps"))
	{
		const char *id = json_get_string(item, "id");

		if (id != NULL && count < s->nsteps)
			step_move(s, id, count++);
	}
	while (s->nsteps > count)
		step_clear(&s->steps[--s->nsteps]);
	s->found = s->current = 0;
	for (size_t i = 0; i < count; i++)
		if (s->steps[i].begun)
			s->current = i + 1;
}

static void run_finished(struct state *s, const cJSON *record)
{
	s->finished = true;
	set_whole(&s->outcome, json_get_string(record, "outcome"));
	set_whole(&s->signal, json_get_string(record, "signal"));
	s->exit_status = (int)json_get_count(record, "exit");
	get_counts(&s->counts, record);
}

static void resumed(struct state *s, const cJSON *record)
{
	const cJSON *again = json_get(record, "again");
	/* what runs again may need nobody to decide any more */
	bool decided = again != NULL && again->child != NULL;

	s->finished = false;
	s->abandoned = false;
	if (decided)
		set_whole(&s->escalated, NULL);
	for (size_t i = 0; i < s->nsteps; i++) {
		s->steps[i].counts.running = 0;
		if (decided)
			set_whole(&s->steps[i].escalated, NULL);
		state_lines_stop(&s->steps[i].listed);
		state_lines_stop(&s->steps[i].failures);
	}
}

static void task_event(struct state *s, const char *event, const char *step_id, const cJSON *record)
{
	const char *id = json_get_string(record, "task");

	if (id == NULL)
		return;
	if (strcmp(event, "task-added") == 0)
		task_added(step_get(s, step_id), record, id);
	else if (strcmp(event, "attempt-started") == 0)
		attempt_started(s, step_get(s, step_id), record, id);
	else if (strcmp(event, "attempt-finished") == 0)
		attempt_finished(step_get(s, step_id), record, id);
	else if (strcmp(event, "task-finished") == 0)
		task_finished(s, step_get(s, step_id), record, id);
	else if (strcmp(event, "task-removed") == 0)
		task_removed(step_get(s, step_id), id);
}

static void step_event(struct state *s, const char *event, const char *step_id, const cJSON *record)
{
	if (strcmp(event, "step-finished") == 0)
		step_finished(s, step_get(s, step_id), record);
	else if (strcmp(event, "recovery") == 0)
		recovery(step_get(s, step_id), record);
	else if (strcmp(event, "verdict") == 0)
		verdict(step_get(s, step_id), record);
	else if (strcmp(event, "escalated") == 0)
		set_text(&step_get(s, step_id)->escalated, json_get_string(record, "reason"));
}

static void run_event(struct state *s, const char *event, const cJSON *record)
{
	if (strcmp(event, "run-started") == 0)
		run_described(s, record);
	else if (strcmp(event, "list-edited") == 0)
		list_edited(s, record);
	else if (strcmp(event, "run-finished") == 0)
		run_finished(s, record);
	else if (strcmp(event, "resumed") == 0)
		resumed(s, record);
	else if (strcmp(event, "escalated") == 0)
		set_text(&s->escalated, json_get_string(record, "reason"));
}

struct state *state_new(void)
{
	return xcalloc(1, sizeof(struct state));
}

void state_event(struct state *s, const cJSON *record)
{
	const char *event = json_get_string(record, "event");

	if (event == NULL)
		return;
	const char *step = json_get_string(record, "step");
	if (step == NULL)
		run_event(s, event, record);
	else if (strncmp(event, "task-", 5) == 0 || strncmp(event, "attempt-", 8) == 0)
		task_event(s, event, step, record);
	else
		step_event(s, event, step, record);
}

void state_abandoned(struct state *s)
{
	if (s->finished)
		return;
	resumed(s, NULL);
	s->abandoned = true;
}

void state_free(struct state *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->nsteps; i++)
		step_clear(&s->steps[i]);
	free(s->steps);
	free(s->run);
	free(s->name);
	free(s->goal);
	free(s->escalated);
	free(s->outcome);
	free(s->signal);
	free(s);
}
