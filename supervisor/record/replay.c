#include "supervisor/record/replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared/buf.h"
#include "shared/clock.h"
#include "shared/json.h"
#include "supervisor/record/replay_again.h"
#include "supervisor/record/replay_count.h"

/* Finding and adding. */

size_t replay_find_step(const struct replay *r, const char *step)
{
	uint32_t known = idset_find(&r->step_ids, step, NULL);

	return known != 0 ? known - 1 : REPLAY_NONE;
}

size_t replay_find_task(const struct replay *r, size_t step, const char *task)
{
	uint32_t known = idset_find(&r->task_ids[step], task, NULL);

	return known != 0 ? known - 1 : REPLAY_NONE;
}

static size_t get_step(struct replay *r, const char *id)
{
	size_t at = replay_find_step(r, id);

	if (at != REPLAY_NONE || r->nsteps == UINT32_MAX - 1)
		return at;
	r->steps = table_grow(r->steps, &r->steps_cap, r->nsteps + 1, sizeof(*r->steps));
	r->task_ids = table_grow(r->task_ids, &r->ids_cap, r->nsteps + 1, sizeof(*r->task_ids));
	r->steps[r->nsteps] = (struct replay_step){
		.id = arena_strdup(&r->arena, id),
		.expected = UINT64_MAX,
		.first = REPLAY_NONE,
		.last = REPLAY_NONE,
		.merge.offset = -1,
	};
	idset_add(&r->step_ids, id, (uint32_t)r->nsteps + 1, 0);
	return r->nsteps++;
}

static size_t get_task(struct replay *r, size_t step, const char *id)
{
	size_t at = replay_find_task(r, step, id);
	struct replay_step *s = &r->steps[step];

	if (at != REPLAY_NONE || r->ntasks == UINT32_MAX - 1)
		return at;
	at = r->ntasks++;
	r->tasks = table_grow(r->tasks, &r->tasks_cap, r->ntasks, sizeof(*r->tasks));
	r->tasks[at] = (struct replay_task){
		.id = arena_strdup(&r->arena, id),
		.step = step,
		.next = REPLAY_NONE,
		.last.offset = -1,
		.finishing.offset = -1,
	};
	idset_add(&r->task_ids[step], id, (uint32_t)at + 1, 0);
	if (s->first == REPLAY_NONE)
		s->first = at;
	else
		r->tasks[s->last].next = at;
	s->last = at;
	s->count++;
	return at;
}

/* Reading members. */

static const char *copy_string(struct replay *r, const cJSON *record, const char *key)
{
	const char *s = json_get_string(record, key);

	return s != NULL ? arena_strdup(&r->arena, s) : NULL;
}

/* 0 when it is greater than that. */
static uint32_t get_number(const cJSON *record, const char *key, uint32_t max)
{
	uint64_t value = json_get_count(record, key);

	return value <= max ? (uint32_t)value : 0;
}

/* False when the status is none: then the record says nothing that could be relied on. */
static bool get_ending(const cJSON *record, enum result_status *status, enum reason *reason)
{
	const char *status_word = json_get_string(record, "status");
	const char *reason_word = json_get_string(record, "reason");

	if (status_word == NULL || !result_status_parse(status_word, status))
		return false;
	if (reason_word == NULL || !reason_parse(reason_word, reason))
		*reason = REASON_NONE;
	return true;
}

static void keep_record(cJSON **place, const cJSON *record)
{
	cJSON_Delete(*place);
	*place = record != NULL ? cJSON_Duplicate(record, true) : NULL;
}

/* Tasks. */

static void set_record(struct replay *r, struct replay_task *t, const cJSON *record,
    const struct buf *bytes)
{
	t->record = arena_copy(&r->arena, buf_str(bytes), bytes->len);
	t->record_len = bytes->len;
	t->agent = copy_string(r, record, "agent");
	t->number = get_number(record, "number", UINT32_MAX - 1);
	if (t->number > r->last_number)
		r->last_number = t->number;
}

static void start_afresh(struct replay_task *t)
{
	t->last.offset = t->finishing.offset = -1;
	t->ended = t->attempts;
	t->failures = 0;
	t->final = t->called_off = t->again = t->judged = false;
	t->level = t->status = t->reason = 0;
}

static void task_added(struct replay *r, struct replay_task *t, const cJSON *record)
{
	struct buf bytes = BUF_INIT;

	if (!json_get_bytes(record, "record", &bytes))
		return;
	bool same = t->record != NULL && t->record_len == bytes.len &&
	    memcmp(t->record, buf_str(&bytes), bytes.len) == 0;
	if (t->record != NULL && !same)
		start_afresh(t);
	if (!same)
		set_record(r, t, record, &bytes);
	t->removed = false;
	buf_free(&bytes);
}

static void enter_ladder(struct replay_step *s)
{
	s->ladders++;
	s->on_ladder = true;
	s->ladder_off = false;
	s->debugger = NULL;
	keep_record(&s->verdict, NULL);
	keep_record(&s->fix, NULL);
}

/* A sign that the ladder was entered, where that itself is not on record. */
static void be_on_ladder(struct replay_step *s)
{
	if (!s->on_ladder)
		enter_ladder(s);
}

static void attempt_started(struct replay_step *s, struct replay_task *t, const cJSON *record)
{
	uint32_t attempt = get_number(record, "attempt", UINT32_MAX - 1);

	if (attempt <= t->attempts)
		return;
	t->attempts = attempt;
	t->level = (uint8_t)get_number(record, "level", UINT8_MAX);
	t->final = t->called_off = t->again = false;
	replay_reopen(s);
	if (t->level > 0)
		be_on_ladder(s);
}

static void attempt_finished(struct replay *r, struct replay_step *s, struct replay_task *t,
    const cJSON *record, struct record_place place)
{
	uint32_t attempt = get_number(record, "attempt", UINT32_MAX - 1);
	int64_t ms = json_get_ms(record, "seconds");
	enum result_status status;
	enum reason reason;

	if (attempt <= t->ended || !get_ending(record, &status, &reason))
		return;
	/* where the record of its start was set aside */
	attempt_started(s, t, record);
	t->ended = attempt;
	t->spent_ms += ms;
	s->sequential_ms += ms;
	r->sequential_ms += ms;
	/* a limit of its service ended it: nothing but its cost counts */
	if (cJSON_IsTrue(json_get(record, "forgiven"))) {
		if (cJSON_IsObject(json_get(record, "usage"))) {
			replay_add_usage(&t->used, record);
			replay_add_usage(&r->used, record);
		}
		return;
	}
	t->last = place;
	t->failures += status == RESULT_FAILED;
	t->status = (uint8_t)status;
	t->reason = (uint8_t)reason;
	replay_add_usage(&t->used, record);
	replay_add_usage(&r->used, record);
}

static void task_finished(struct replay_task *t, const cJSON *record, struct record_place place)
{
	enum result_status status;
	enum reason reason;

	if (!get_ending(record, &status, &reason))
		return;
	t->final = true;
	t->again = false;
	/* it would not be final if one were still to end */
	t->ended = t->attempts;
	t->status = (uint8_t)status;
	t->reason = (uint8_t)reason;
	t->called_off = status == RESULT_FAILED && cJSON_IsTrue(json_get(record, "called_off"));
	t->finishing = place;
}

static void task_event(struct replay *r, const char *event, size_t step, const cJSON *record,
    struct record_place place)
{
	static const char *const events[] = { "task-added", "attempt-started", "attempt-finished",
		"task-finished", "task-removed" };
	const char *id = json_get_string(record, "task");
	size_t which = 0;

	while (which < 5 && strcmp(event, events[which]) != 0)
		which++;
	if (id == NULL || which == 5)
		return;
	size_t at = get_task(r, step, id);
	if (at == REPLAY_NONE)
		return;

	struct replay_step *s = &r->steps[step];
	struct replay_task *t = &r->tasks[at];
	switch (which) {
	case 0:
		task_added(r, t, record);
		break;
	case 1:
		attempt_started(s, t, record);
		break;
	case 2:
		attempt_finished(r, s, t, record, place);
		break;
	case 3:
		task_finished(t, record, place);
		break;
	default:
		t->removed = true;
		replay_reopen(s);
	}
}

/* Steps. */

static void merge_finished(struct replay *r, struct replay_step *s, const cJSON *record,
    struct record_place place)
{
	uint32_t attempt = get_number(record, "attempt", UINT32_MAX - 1);
	enum result_status status;
	enum reason reason;

	if (!get_ending(record, &status, &reason))
		return;
	if (attempt > s->merges)
		s->merges = attempt;
	s->merge = place;
	s->merge_status = (uint8_t)status;
	replay_add_aside(r, s, json_get_string(record, "agent"), record);
}

static void verdict_given(struct replay *r, struct replay_step *s, const cJSON *record)
{
	const char *debugger = json_get_string(record, "debugger");
	const char *cause = json_get_string(json_get(record, "verdict"), "cause");

	be_on_ladder(s);
	s->verdicts++;
	if (s->debugger == NULL)
		s->debugger = copy_string(r, record, "debugger");
	keep_record(&s->verdict, record);
	replay_judge(r, s);
	if (cause != NULL)
		r->cause = arena_strdup(&r->arena, cause);
	if (debugger != NULL && strcmp(debugger, "builtin") != 0)
		replay_add_aside(r, s, debugger, record);
}

static void step_finished(struct replay *r, struct replay_step *s, const cJSON *record)
{
	s->over = true;
	s->on_ladder = false;
	s->outcome = copy_string(r, record, "outcome");
	s->merged = copy_string(r, record, "merged");
	s->left_out = s->outcome != NULL && strcmp(s->outcome, "skipped") == 0;
	s->called_off = cJSON_IsTrue(json_get(record, "called_off"));
}

static void step_event(struct replay *r, const char *event, struct replay_step *s,
    const cJSON *record, struct record_place place)
{
	if (strcmp(event, "step-finished") == 0) {
		step_finished(r, s, record);
	} else if (strcmp(event, "recovery-started") == 0) {
		enter_ladder(s);
	} else if (strcmp(event, "verdict") == 0) {
		verdict_given(r, s, record);
	} else if (strcmp(event, "fix") == 0) {
		be_on_ladder(s);
		keep_record(&s->fix, record);
		replay_add_aside(r, s, json_get_string(record, "agent"), record);
	} else if (strcmp(event, "recovery") == 0) {
		be_on_ladder(s);
		s->on_ladder = false;
		s->ladder_off = cJSON_IsTrue(json_get(record, "called_off"));
	} else if (strcmp(event, "merge-finished") == 0) {
		merge_finished(r, s, record, place);
	} else if (strcmp(event, "escalated") == 0) {
		s->escalations++;
		s->escalated = copy_string(r, record, "reason");
	}
}

/* The run. */

static void expect_steps(struct replay *r, const cJSON *record)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, json_get(record, "steps"))
	{
		const char *id = json_get_string(item, "id");
		size_t at = id != NULL ? get_step(r, id) : REPLAY_NONE;

		if (at != REPLAY_NONE && cJSON_IsNumber(json_get(item, "count")))
			r->steps[at].expected = get_number(item, "count", UINT32_MAX);
	}
}

static void run_started(struct replay *r, const cJSON *record)
{
	if (r->started != NULL)
		return;
	keep_record(&r->started, record);
	expect_steps(r, record);
}

static void list_tasks(struct replay *r, size_t step, const cJSON *ids)
{
	const cJSON *id;

	cJSON_ArrayForEach(id, ids)
	{
		if (cJSON_IsString(id))
			get_task(r, step, id->valuestring);
	}
	replay_order(r, step, ids);
}

static void list_edited(struct replay *r, const cJSON *record)
{
	const cJSON *item;

	keep_record(&r->started, record);
	for (size_t i = 0; i < r->nsteps; i++)
		r->steps[i].expected = UINT64_MAX;
	expect_steps(r, record);
	cJSON_ArrayForEach(item, json_get(record, "steps"))
	{
		const char *id = json_get_string(item, "id");
		const cJSON *ids = json_get(item, "tasks");
		size_t at = id != NULL ? replay_find_step(r, id) : REPLAY_NONE;

		if (at != REPLAY_NONE && cJSON_IsArray(ids))
			list_tasks(r, at, ids);
	}
}

static void run_finished(struct replay *r, const cJSON *record)
{
	keep_record(&r->ended, record);
	r->finished = true;
	r->exit_status = (int)get_number(record, "exit", 255);
	r->outcome = copy_string(r, record, "outcome");
	r->signal = copy_string(r, record, "signal");
}

static void resumed(struct replay *r, const cJSON *record)
{
	r->resumed++;
	r->finished = false;
	r->outcome = r->signal = NULL;
	r->exit_status = 0;
	keep_record(&r->ended, NULL);
	replay_run_again(r, json_get(record, "again"));
}

static void lost(struct replay *r, const cJSON *record)
{
	uint64_t first;
	uint64_t through;

	if (journal_seq(record, "seq", &first) && journal_seq(record, "through", &through) &&
	    through >= first)
		r->lost += through - first + 1;
}

static void run_event(struct replay *r, const char *event, const cJSON *record)
{
	if (strcmp(event, "run-started") == 0)
		run_started(r, record);
	else if (strcmp(event, "list-edited") == 0)
		list_edited(r, record);
	else if (strcmp(event, "run-finished") == 0)
		run_finished(r, record);
	else if (strcmp(event, "resumed") == 0)
		resumed(r, record);
	else if (strcmp(event, "input-ended") == 0)
		r->input_ended = true;
	else if (strcmp(event, JOURNAL_LOST) == 0)
		lost(r, record);
}

/* Between two supervisors nobody was there. */
static int64_t passed_since(struct replay *r, const cJSON *record, const char *event)
{
	const char *time = json_get_string(record, "time");
	int64_t now = time != NULL ? clock_parse(time) : -1;
	int64_t before = r->clock_ms;
	bool first = r->started == NULL || strcmp(event, "resumed") == 0;

	if (now == -1)
		return 0;
	r->clock_ms = now;
	/* a clock that was set back */
	return first || now < before ? 0 : now - before;
}

void replay_event(struct replay *r, const cJSON *record, struct record_place place)
{
	const char *event = json_get_string(record, "event");
	const char *id = json_get_string(record, "step");

	if (event == NULL)
		return;
	int64_t passed = passed_since(r, record, event);
	r->active_ms += passed;
	if (id == NULL) {
		run_event(r, event, record);
		return;
	}
	size_t step = get_step(r, id);
	if (step == REPLAY_NONE)
		return;
	r->steps[step].active_ms += passed;
	task_event(r, event, step, record, place);
	step_event(r, event, &r->steps[step], record, place);
}

uint32_t replay_input_cut(const struct replay *r)
{
	if (r->input_ended || !cJSON_IsTrue(json_get(json_get(r->started, "options"), "stream")))
		return 0;
	return r->last_number > 0 ? r->last_number : UINT32_MAX;
}

int replay_read(struct replay *r, int dirfd)
{
	struct journal_reader *reader = journal_reader_open(dirfd);
	const cJSON *record;

	if (reader == NULL)
		return -1;
	while ((record = journal_reader_next(reader)) != NULL)
		replay_event(r, record, journal_reader_place(reader));
	r->problem = journal_reader_problem(reader, &r->line);
	r->error = errno;
	r->seq = journal_reader_seq(reader);
	r->end = journal_reader_end(reader);
	journal_reader_free(reader);
	return 0;
}

void replay_free(struct replay *r)
{
	for (size_t i = 0; i < r->nsteps; i++) {
		cJSON_Delete(r->steps[i].verdict);
		cJSON_Delete(r->steps[i].fix);
		free(r->steps[i].asides);
		idset_free(&r->task_ids[i]);
	}
	table_free(r->tasks, r->tasks_cap, sizeof(*r->tasks));
	table_free(r->steps, r->steps_cap, sizeof(*r->steps));
	table_free(r->task_ids, r->ids_cap, sizeof(*r->task_ids));
	idset_free(&r->step_ids);
	cJSON_Delete(r->started);
	cJSON_Delete(r->ended);
	arena_free(&r->arena);
	*r = (struct replay){ 0 };
}
