/* A run as reports need it: read from its journal, put in order, counted. */
#include "supervisor/report/report.h"

#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "shared/xalloc.h"
#include "supervisor/commands/reading.h"
#include "supervisor/report/report_gather.h"

/* Tasks in the order of the report: where each one of the replay went. */
struct order {
	struct gather *g;
	size_t *place; /* by index of the replay */
	size_t step;   /* of the task at hand */
	size_t *needs; /* of the task at hand */
	size_t nneeds;
	size_t cap;
};

/* Tasks. */

static void add_need(void *context, const char *id)
{
	struct order *o = context;
	size_t at = replay_find_task(&o->g->replay, o->step, id);

	if (at == REPLAY_NONE)
		return;
	for (size_t i = 0; i < o->nneeds; i++)
		if (o->needs[i] == o->place[at])
			return;
	if (o->nneeds == o->cap) {
		o->cap = o->cap == 0 ? 16 : o->cap * 2;
		o->needs = xreallocarray(o->needs, o->cap, sizeof(*o->needs));
	}
	o->needs[o->nneeds++] = o->place[at];
}

static bool records_may_be_objects(const struct replay *p)
{
	const cJSON *options = json_get(p->started, "options");
	const char *input = json_get_string(options, "input");

	return json_get(p->started, "workflow") != NULL ||
	    (input != NULL && strcmp(input, "auto") == 0);
}

static void set_asked(struct order *o, struct report_task *t, const struct replay_task *from,
    bool objects)
{
	struct report *r = o->g->r;

	if (from->record == NULL)
		return;
	o->nneeds = 0;
	t->input = report_asked(r, from->record, from->record_len, objects, add_need, o);
	if (o->nneeds == 0)
		return;
	size_t *needs = arena_take(&r->arena, o->nneeds * sizeof(*needs));
	memcpy(needs, o->needs, o->nneeds * sizeof(*needs));
	t->needs = needs;
	t->nneeds = o->nneeds;
}

/* The phase of one that is not final comes from its attempts, later. */
static void set_task(struct order *o, struct report_task *t, size_t index, bool objects)
{
	static const struct gathered_task nothing;
	struct gather *g = o->g;
	const struct replay_task *from = &g->replay.tasks[index];
	const struct gathered_task *told = index < g->tasks_cap ? &g->tasks[index] : &nothing;

	*t = (struct report_task){
		.id = report_line(g->r, from->id),
		.agent = told->agent,
		.step = from->step,
		.number = from->number,
		.phase = from->final ? REPORT_ENDED : REPORT_WAITING,
		.status = (enum result_status)from->status,
		.reason = (enum reason)from->reason,
		.removed = from->removed,
		.spent_ms = told->spent_ms,
		.usage = told->usage,
		.last = from->last,
	};
	if (from->final) {
		t->error = told->error;
		t->summary = told->summary;
		t->files = told->files;
		t->nfiles = told->nfiles;
	}
	t->cause = told->cause;
	o->step = from->step;
	set_asked(o, t, from, objects);
}

static void place_tasks(struct order *o)
{
	const struct replay *p = &o->g->replay;
	size_t next = 0;

	for (size_t s = 0; s < p->nsteps; s++)
		for (size_t t = p->steps[s].first; t != REPLAY_NONE; t = p->tasks[t].next)
			o->place[t] = next++;
}

static void add_tasks(struct order *o)
{
	struct report *r = o->g->r;
	const struct replay *p = &o->g->replay;
	bool objects = records_may_be_objects(p);

	if (p->ntasks == 0)
		return;
	r->tasks = table_grow(r->tasks, &r->tasks_cap, p->ntasks, sizeof(*r->tasks));
	r->ntasks = p->ntasks;
	for (size_t i = 0; i < p->ntasks; i++)
		set_task(o, &r->tasks[o->place[i]], i, objects);
}

/* Attempts. */

static int by_task(const void *a, const void *b)
{
	const struct report_attempt *aa = a;
	const struct report_attempt *ab = b;

	if (aa->task != ab->task)
		return aa->task < ab->task ? -1 : 1;
	return aa->number < ab->number ? -1 : aa->number > ab->number;
}

static void run_until_now(struct report *r, struct report_attempt *a)
{
	a->ended_ms = r->now_ms > a->started_ms ? r->now_ms : a->started_ms;
	a->duration_ms = a->ended_ms - a->started_ms;
	r->tasks[a->task].spent_ms += a->duration_ms;
}

static void sort_attempts(struct order *o)
{
	struct report *r = o->g->r;

	for (size_t i = 0; i < r->nattempts; i++)
		r->attempts[i].task = o->place[r->attempts[i].task];
	if (r->nattempts > 0)
		qsort(r->attempts, r->nattempts, sizeof(*r->attempts), by_task);
	for (size_t i = 0; i < r->nattempts; i++) {
		struct report_attempt *a = &r->attempts[i];
		struct report_task *t = &r->tasks[a->task];

		if (t->nattempts++ == 0)
			t->attempts = a;
		t->ncounted += !a->forgiven;
		if (a->phase == REPORT_RUNNING)
			run_until_now(r, a);
		/* the newest one says it */
		if (t->phase != REPORT_ENDED)
			t->phase = a->phase == REPORT_ENDED ? REPORT_WAITING : a->phase;
	}
}

static void place_groups(struct order *o)
{
	struct report *r = o->g->r;

	for (size_t v = 0; v < r->nverdicts; v++) {
		for (size_t k = 0; k < r->verdicts[v].ngroups; k++) {
			const struct report_group *group = &r->verdicts[v].groups[k];
			size_t *tasks = (size_t *)group->tasks;

			for (size_t i = 0; i < group->ntasks; i++)
				tasks[i] = o->place[tasks[i]];
		}
	}
}

static void put_in_order(struct gather *g)
{
	struct order o = {
		.g = g,
		.place = xcalloc(g->replay.ntasks + 1, sizeof(*o.place)),
	};

	place_tasks(&o);
	add_tasks(&o);
	sort_attempts(&o);
	place_groups(&o);
	free(o.place);
	free(o.needs);
}

/* Counting. */

static bool left_out(const struct report_task *t)
{
	return t->phase == REPORT_ENDED && t->status == RESULT_SKIPPED && t->reason == REASON_WHEN;
}

static void count_ended(struct report_counts *c, const struct report_task *t)
{
	switch (t->status) {
	case RESULT_SUCCEEDED:
		c->succeeded++;
		c->recovered += t->ncounted > 1;
		break;
	case RESULT_FAILED:
		c->failed++;
		break;
	case RESULT_SKIPPED:
		c->skipped++;
		break;
	case RESULT_CANCELLED:
	case RESULT_STATUS_COUNT:
		c->cancelled++;
	}
}

static void count_task(struct report_counts *c, const struct report_task *t)
{
	if (t->removed)
		return;
	if (left_out(t)) {
		c->left_out++;
		return;
	}
	c->total++;
	c->retried += t->ncounted > 1;
	switch (t->phase) {
	case REPORT_WAITING:
		c->waiting++;
		break;
	case REPORT_RUNNING:
		c->running++;
		break;
	case REPORT_LOST:
		c->lost++;
		break;
	case REPORT_ENDED:
		count_ended(c, t);
	}
}

static void add_counts(struct report_counts *sum, const struct report_counts *c)
{
	sum->total += c->total;
	sum->succeeded += c->succeeded;
	sum->failed += c->failed;
	sum->skipped += c->skipped;
	sum->cancelled += c->cancelled;
	sum->running += c->running;
	sum->lost += c->lost;
	sum->waiting += c->waiting;
	sum->left_out += c->left_out;
	sum->retried += c->retried;
	sum->recovered += c->recovered;
}

static void add_times(struct report_step *s, const struct report_task *t)
{
	s->sequential_ms += t->spent_ms;
	for (size_t i = 0; i < t->nattempts; i++) {
		const struct report_attempt *a = &t->attempts[i];

		if (s->started_ms == 0 || a->started_ms < s->started_ms)
			s->started_ms = a->started_ms;
		if (a->ended_ms > s->ended_ms)
			s->ended_ms = a->ended_ms;
	}
}

/* Tasks that are only announced, of a step to come. */
static void count_announced(struct report_step *s, const struct replay_step *from)
{
	if (from->left_out || from->over || from->expected == UINT64_MAX ||
	    from->expected <= s->ntasks)
		return;
	s->counts.waiting += from->expected - s->ntasks;
	s->counts.total += from->expected - s->ntasks;
}

static void count_step(struct gather *g, size_t at, size_t *first)
{
	struct report *r = g->r;
	struct report_step *s = &r->steps[at];
	const struct replay_step *from = &g->replay.steps[at];

	s->first = *first;
	s->ntasks = from->count;
	*first += from->count;
	s->over = from->over;
	s->outcome = report_line(r, from->outcome);
	s->merged_path = report_line(r, from->merged);
	if (!from->left_out)
		s->when = NULL;
	for (size_t i = 0; i < s->ntasks; i++) {
		count_task(&s->counts, &r->tasks[s->first + i]);
		add_times(s, &r->tasks[s->first + i]);
	}
	if (r->phase != REPORT_ENDED)
		count_announced(s, from);
	add_counts(&r->counts, &s->counts);
	r->sequential_ms += s->sequential_ms;
}

static void count_steps(struct gather *g)
{
	size_t left = REPORT_MERGED_ALL_MAX;
	size_t first = 0;

	for (size_t i = 0; i < g->r->nsteps; i++)
		count_step(g, i, &first);
	/* the newest ones matter most */
	for (size_t i = g->r->nsteps; i-- > 0;)
		if (g->r->steps[i].merged_path != NULL)
			report_merged(g->r, g->dir, &g->r->steps[i], &left);
}

/* The run. */

static void set_phase(struct gather *g, bool locked)
{
	struct report *r = g->r;

	if (g->replay.finished)
		r->phase = REPORT_ENDED;
	else
		r->phase = locked ? REPORT_RUNNING : REPORT_LOST;
	if (r->phase != REPORT_RUNNING)
		gather_lose(g);
}

static void set_times(struct gather *g)
{
	struct report *r = g->r;
	int64_t since = r->now_ms - g->last_ms;

	r->ended_ms = g->last_ms;
	r->wall_ms = g->replay.active_ms;
	if (r->phase == REPORT_RUNNING && since > 0) {
		r->ended_ms = r->now_ms;
		r->wall_ms += since;
	}
	if (r->phase == REPORT_ENDED && g->seconds_ms >= 0)
		r->wall_ms = g->seconds_ms;
}

static void set_end(struct gather *g)
{
	struct report *r = g->r;
	struct buf path = BUF_INIT;

	r->exit_status = -1;
	r->resumed = g->replay.resumed;
	r->lost_records = g->replay.lost;
	if (r->phase != REPORT_ENDED)
		return;
	r->outcome = report_line(r, g->replay.outcome);
	r->signal = report_line(r, g->replay.signal);
	if (r->signal == NULL)
		r->exit_status = g->replay.exit_status;
	if (g->escalation == NULL)
		return;
	buf_addf(&path, "%s/%s", r->directory, g->escalation);
	r->escalation = arena_strdup(&r->arena, buf_str(&path));
	buf_free(&path);
}

static void finish(struct gather *g, bool locked)
{
	struct report *r = g->r;

	set_phase(g, locked);
	put_in_order(g);
	set_end(g);
	count_steps(g);
	set_times(g);
	report_set_lanes(r);
	report_set_path(r);
	report_set_saved(r);
	report_set_verdict(r);
}

int report_read(struct report *r, const struct rundir *dir, struct journal_reader *reader,
    bool locked, int64_t now_ms)
{
	struct gather g = { .r = r, .dir = dir, .seconds_ms = -1 };
	const cJSON *record;

	r->now_ms = now_ms;
	r->finish.offset = -1;
	r->run = report_line(r, dir->id);
	r->directory = report_line(r, dir->path);
	while ((record = journal_reader_next(reader)) != NULL)
		gather_record(&g, record, journal_reader_place(reader));
	int status = reading_check(reader, dir);
	if (status == 0)
		finish(&g, locked);
	gather_free(&g);
	return status;
}

void report_free(struct report *r)
{
	table_free(r->steps, r->steps_cap, sizeof(*r->steps));
	table_free(r->tasks, r->tasks_cap, sizeof(*r->tasks));
	table_free(r->attempts, r->attempts_cap, sizeof(*r->attempts));
	table_free(r->verdicts, r->verdicts_cap, sizeof(*r->verdicts));
	table_free(r->remarks, r->remarks_cap, sizeof(*r->remarks));
	arena_free(&r->arena);
	*r = (struct report){ 0 };
}
