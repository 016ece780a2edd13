/* Takes what the records of the journal tell into a report, one after the other. */
#include "supervisor/report/report_gather.h"

#include <string.h>

#include "shared/clock.h"
#include "shared/json.h"
#include "shared/words.h"

/* Further apart, somebody has set the wall clock while the attempt ran. */
#define CLOCKS_APART_MS 1000

unsigned gather_small(const cJSON *record, const char *key)
{
	uint64_t value = json_get_count(record, key);

	return value < UINT32_MAX ? (unsigned)value : UINT32_MAX;
}

/* 0 when there is none. */
static int64_t get_time(const cJSON *record, const char *key)
{
	const char *text = json_get_string(record, key);
	int64_t ms = text != NULL ? clock_parse(text) : -1;

	return ms > 0 ? ms : 0;
}

/* The index of that step, which replay knows by now. */
static size_t step_index(struct gather *g, const cJSON *record)
{
	struct report *r = g->r;
	const char *id = json_get_string(record, "step");
	size_t at = id != NULL ? replay_find_step(&g->replay, id) : REPLAY_NONE;

	if (at == REPLAY_NONE)
		return REPORT_NONE;
	r->steps = table_grow(r->steps, &r->steps_cap, at + 1, sizeof(*r->steps));
	for (; r->nsteps <= at; r->nsteps++) {
		r->steps[r->nsteps].id = report_line(r, g->replay.steps[r->nsteps].id);
		r->steps[r->nsteps].jobs = r->jobs;
	}
	return at;
}

static struct gathered_task *task_of(struct gather *g, size_t step, const cJSON *record, size_t *at)
{
	const char *id = json_get_string(record, "task");

	*at = id != NULL ? replay_find_task(&g->replay, step, id) : REPLAY_NONE;
	if (*at == REPLAY_NONE)
		return NULL;
	g->tasks = table_grow(g->tasks, &g->tasks_cap, *at + 1, sizeof(*g->tasks));
	return &g->tasks[*at];
}

/* Attempts. */

static size_t add_attempt(struct gather *g, size_t task, const cJSON *record)
{
	struct report *r = g->r;

	r->attempts =
	    table_grow(r->attempts, &r->attempts_cap, r->nattempts + 1, sizeof(*r->attempts));
	r->attempts[r->nattempts] = (struct report_attempt){
		.task = task,
		.number = gather_small(record, "attempt"),
		.level = gather_small(record, "level"),
		.phase = REPORT_RUNNING,
		.exit_status = -1,
		.started_ms = g->last_ms,
		.ended_ms = g->last_ms,
	};
	return r->nattempts++;
}

static void lose(struct gather *g, struct report_attempt *a)
{
	a->phase = REPORT_LOST;
	a->ended_ms = g->last_ms > a->started_ms ? g->last_ms : a->started_ms;
}

static void attempt_started(struct gather *g, struct gathered_task *t, size_t task,
    const cJSON *record)
{
	if (t->open > 0)
		lose(g, &g->r->attempts[t->open - 1]);
	t->open = add_attempt(g, task, record) + 1;
}

static void set_times(struct report_attempt *a, const cJSON *record)
{
	int64_t started = get_time(record, "started");
	int64_t ended = get_time(record, "finished");

	a->duration_ms = json_get_ms(record, "seconds");
	if (started > 0)
		a->started_ms = started;
	a->ended_ms = ended > 0 ? ended : a->started_ms + a->duration_ms;
	int64_t apart = a->ended_ms - a->started_ms - a->duration_ms;
	if (a->ended_ms < a->started_ms || apart > CLOCKS_APART_MS || apart < -CLOCKS_APART_MS)
		a->ended_ms = a->started_ms + a->duration_ms;
}

static void set_ending(struct report_attempt *a, const cJSON *record)
{
	const char *status = json_get_string(record, "status");
	const char *reason = json_get_string(record, "reason");
	const cJSON *number = json_get(record, "exit");

	if (status == NULL || !result_status_parse(status, &a->status))
		a->status = RESULT_FAILED;
	if (reason == NULL || !reason_parse(reason, &a->reason))
		a->reason = REASON_NONE;
	a->exit_status = cJSON_IsNumber(number) ? number->valueint : -1;
}

static void attempt_finished(struct gather *g, struct gathered_task *t, size_t task,
    const cJSON *record)
{
	struct report *r = g->r;
	unsigned number = gather_small(record, "attempt");
	bool open = t->open > 0 && r->attempts[t->open - 1].number == number;
	size_t at = open ? t->open - 1 : add_attempt(g, task, record);
	struct report_attempt *a = &r->attempts[at];

	t->open = 0;
	a->phase = REPORT_ENDED;
	a->level = gather_small(record, "level");
	set_ending(a, record);
	set_times(a, record);
	a->signal = report_member(r, record, "signal");
	a->error = report_member(r, record, "error");
	a->warning = report_member(r, record, "warning");
	a->out_path = report_member(r, record, "stdout_path");
	a->err_path = report_member(r, record, "stderr_path");
	a->out_bytes = json_get_count(record, "stdout_bytes");
	a->err_bytes = json_get_count(record, "stderr_bytes");
	a->max_rss_kb = json_get_count(record, "max_rss");
	a->cpu_ms = json_get_ms(record, "cpu_seconds");
	a->leftovers = gather_small(record, "leftover_processes");
	a->forgiven = cJSON_IsTrue(json_get(record, "forgiven"));
	if (!usage_from_json(&a->usage, json_get(record, "usage")))
		a->usage.known = false;
	if (a->status != RESULT_SUCCEEDED) {
		const char *answer = json_get_string(record, "text");

		/* standard output of a client is events, not for people */
		a->answered = answer != NULL;
		a->answer_bytes = answer != NULL ? strlen(answer) : 0;
		a->err_tail = report_tail(g, record, "stderr");
		a->out_tail = report_tail(g, record, a->answered ? "text" : "stdout");
	}
	t->spent_ms += a->duration_ms;
	/* a client that its service refused has nothing to tell */
	bool asked = t->agent != NULL && !a->forgiven;
	gather_usage(&t->usage, record, asked);
	gather_usage(&r->steps[g->replay.tasks[task].step].usage, record, asked);
	gather_usage(&r->usage, record, asked);
}

void gather_usage(struct report_usage *used, const cJSON *record, bool agent)
{
	struct usage u;

	if (!usage_from_json(&u, json_get(record, "usage"))) {
		used->not_told += agent;
		return;
	}
	used->told++;
	used->input_tokens += (uint64_t)u.input_tokens;
	used->output_tokens += (uint64_t)u.output_tokens;
	if (u.usd_known) {
		used->usd_told++;
		used->usd += u.usd;
	}
}

/* Tasks. */

static void task_finished(struct gather *g, struct gathered_task *t, const cJSON *record)
{
	struct report *r = g->r;
	const cJSON *files = json_get(record, "files");
	const cJSON *file;

	if (t->open > 0)
		lose(g, &r->attempts[t->open - 1]);
	t->open = 0;
	t->error = report_member(r, record, "error");
	t->summary = report_member(r, record, "summary");
	t->nfiles = 0;
	t->files = NULL;
	if (!cJSON_IsArray(files) || files->child == NULL)
		return;
	t->files = arena_take(&r->arena, (size_t)cJSON_GetArraySize(files) * sizeof(*t->files));
	cJSON_ArrayForEach(file, files)
	{
		if (cJSON_IsString(file))
			t->files[t->nfiles++] = report_line(r, file->valuestring);
	}
}

static void task_event(struct gather *g, const char *event, size_t step, const cJSON *record)
{
	size_t task;
	struct gathered_task *t = task_of(g, step, record, &task);

	if (t == NULL)
		return;
	if (json_get_string(record, "agent") != NULL && t->agent == NULL)
		t->agent = report_member(g->r, record, "agent");
	if (strcmp(event, "attempt-started") == 0)
		attempt_started(g, t, task, record);
	else if (strcmp(event, "attempt-finished") == 0)
		attempt_finished(g, t, task, record);
	else if (strcmp(event, "task-finished") == 0)
		task_finished(g, t, record);
}

/* What was used by something that is no task of the step. */
static void spent_beside(struct report *r, size_t step, const cJSON *record, bool agent)
{
	gather_usage(&r->steps[step].usage, record, agent);
	gather_usage(&r->usage, record, agent);
}

static void step_event(struct gather *g, const char *event, size_t step, const cJSON *record)
{
	struct report *r = g->r;

	if (strcmp(event, "step-finished") == 0) {
		r->steps[step].when = report_member(r, record, "when");
	} else if (strcmp(event, "verdict") == 0) {
		const char *debugger = json_get_string(record, "debugger");
		gather_verdict(g, step, record);
		spent_beside(r, step, record, debugger != NULL && strcmp(debugger, "builtin") != 0);
	} else if (strcmp(event, "fix") == 0) {
		gather_fix(g, step, record);
		spent_beside(r, step, record, json_get_string(record, "agent") != NULL);
	} else if (strcmp(event, "recovery") == 0) {
		gather_remark(g, REPORT_RECOVERY, step, gather_small(record, "level"),
		    report_member(r, record, "text"));
	} else if (strcmp(event, "escalated") == 0) {
		r->steps[step].escalated = report_member(r, record, "reason");
		gather_remark(g, REPORT_ESCALATED, step, 0, r->steps[step].escalated);
	} else if (strcmp(event, "merge-finished") == 0) {
		spent_beside(r, step, record, true);
	}
}

/* The run. */

static void describe_step(struct gather *g, const cJSON *item)
{
	struct report *r = g->r;
	const char *id = json_get_string(item, "id");
	size_t at = id != NULL ? replay_find_step(&g->replay, id) : REPLAY_NONE;

	if (at == REPLAY_NONE)
		return;
	r->steps = table_grow(r->steps, &r->steps_cap, at + 1, sizeof(*r->steps));
	if (r->nsteps <= at)
		r->nsteps = at + 1;
	struct report_step *s = &r->steps[at];
	s->id = report_line(r, id);
	s->title = report_member(r, item, "title");
	s->goal = report_member(r, item, "goal");
	s->jobs = json_get(item, "jobs") != NULL ? json_get_count(item, "jobs") : r->jobs;
	if (g->sequential)
		s->jobs = 1;
}

/* What an edited list tells anew. */
static void describe(struct gather *g, const cJSON *record)
{
	const cJSON *item;

	g->r->goal = report_member(g->r, record, "goal");
	g->sequential = cJSON_IsTrue(json_get(json_get(record, "options"), "sequential"));
	g->r->jobs = g->sequential ? 1 : json_get_count(record, "jobs");
	cJSON_ArrayForEach(item, json_get(record, "steps"))
	{
		describe_step(g, item);
	}
}

static void run_started(struct gather *g, const cJSON *record)
{
	struct report *r = g->r;

	if (r->started_ms != 0)
		return;
	r->started_ms = g->last_ms;
	r->version = report_member(r, record, "version");
	r->name = report_member(r, record, "name");
	r->cwd = report_member(r, record, "cwd");
	r->command = gather_words(r, json_get(record, "command"));
	r->rehearsal = cJSON_IsTrue(json_get(record, "rehearsal"));
	describe(g, record);
}

static void run_finished(struct gather *g, const cJSON *record, struct record_place place)
{
	g->r->finish = place;
	g->seconds_ms = json_get(record, "seconds") != NULL ? json_get_ms(record, "seconds") : -1;
	g->escalation = report_member(g->r, record, "escalation");
}

void gather_lose(struct gather *g)
{
	for (size_t i = 0; i < g->r->nattempts; i++)
		if (g->r->attempts[i].phase == REPORT_RUNNING)
			lose(g, &g->r->attempts[i]);
	for (size_t i = 0; i < g->tasks_cap; i++)
		g->tasks[i].open = 0;
}

/* What runs again may need nobody to decide any more. */
static void forget_escalations(struct gather *g)
{
	for (size_t i = 0; i < g->r->nsteps; i++)
		g->r->steps[i].escalated = NULL;
}

static void resumed(struct gather *g, const cJSON *record, int64_t time_ms)
{
	const cJSON *again = json_get(record, "again");

	gather_lose(g);
	if (time_ms > 0)
		g->last_ms = time_ms;
	g->r->finish.offset = -1;
	g->seconds_ms = -1;
	g->escalation = NULL;
	if (again != NULL && again->child != NULL)
		forget_escalations(g);
	gather_remark(g, REPORT_RESUMED, REPORT_NONE, 0, "resumed");
}

void gather_record(struct gather *g, const cJSON *record, struct record_place place)
{
	const char *event = json_get_string(record, "event");
	int64_t time_ms = get_time(record, "time");

	if (event == NULL)
		return;
	if (strcmp(event, "resumed") == 0)
		resumed(g, record, time_ms);
	if (time_ms > 0)
		g->last_ms = time_ms;
	/* first, so that steps and tasks are known */
	replay_event(&g->replay, record, place);
	size_t step = step_index(g, record);
	if (step != REPORT_NONE && json_get_string(record, "task") != NULL &&
	    strcmp(event, "merge-finished") != 0)
		task_event(g, event, step, record);
	else if (step != REPORT_NONE)
		step_event(g, event, step, record);
	else if (strcmp(event, "run-started") == 0)
		run_started(g, record);
	else if (strcmp(event, "list-edited") == 0)
		describe(g, record);
	else if (strcmp(event, "run-finished") == 0)
		run_finished(g, record, place);
}

void gather_free(struct gather *g)
{
	table_free(g->tasks, g->tasks_cap, sizeof(*g->tasks));
	replay_free(&g->replay);
}
