#include "supervisor/pressure/pressure.h"

#include <stdio.h>
#include <stdlib.h>

#include "shared/clock.h"
#include "shared/json.h"
#include "shared/quantity.h"
#include "shared/text.h"
#include "supervisor/coordinator.h"
#include "supervisor/launch_agent.h"
#include "supervisor/plan/effective.h"
#include "supervisor/record/events.h"

/* Memory is looked at so often: while there is enough of it, and while there is not. */
#define LOOK_MS 100
#define LOOK_LOW_MS 1000
/* A quota that is said to be there again at a time that has passed. */
#define PARK_LEAST_MS 1000
/* So many final tasks are written and printed at a time. */
#define BATCH 4096

void pressure_init(struct run *run)
{
	struct pressure *p = &run->pressure;
	*p = (struct pressure){ .nlanes = 1 };
	memory_open(&p->memory, "");
}

void pressure_free(struct run *run)
{
	memory_close(&run->pressure.memory);
}

static uint32_t jobs_of(const struct run *run)
{
	return run->step != NULL ? effective_jobs(run->config, run->plan, run->step) :
				   run->config->jobs;
}

/* The lane, maybe not in use yet; 0: none. */
static unsigned number_of(const struct run *run, const struct task *task, const struct backend **b)
{
	if (task->kind != TASK_AGENT || run->config->rehearse)
		return 0;
	const struct client *client = load_client(&run->loaded, task->agent, task);
	if (client == NULL)
		return 0;
	*b = client->backend;
	size_t lane = 1 + (*b != NULL ? (size_t)(*b - backends) : nbackends);
	return lane <= SCHEDULE_LANES ? (unsigned)lane : 0;
}

unsigned pressure_lane(struct run *run, const struct task *task)
{
	struct pressure *p = &run->pressure;
	const struct backend *b;
	unsigned lane = number_of(run, task, &b);
	if (lane == 0)
		return 0;
	struct pressed *l = &p->lanes[lane];
	if (!l->used) {
		*l = (struct pressed){ .used = true, .backend = b };
		throttle_init(&l->throttle, b != NULL && !run->config->no_adapt, jobs_of(run));
		if (p->nlanes <= lane)
			p->nlanes = lane + 1;
	}
	return lane;
}

static struct pressed *lane_of(struct run *run, size_t task)
{
	struct pressed *l = &run->pressure.lanes[nodes_at(&run->nodes, task)->lane];
	return l->used ? l : NULL;
}

/* "codex". */
static const char *name_of(const struct pressed *l)
{
	return l->backend != NULL ? l->backend->name : "agents";
}

/* The nearest deadline; 0: none. */
static int64_t deadline(const struct run *run)
{
	int64_t at = run->deadline_at;
	if (run->step_deadline_at > 0 && (at == 0 || run->step_deadline_at < at))
		at = run->step_deadline_at;
	return at;
}

/* Its quota is there again only when the run or the step is over. */
static bool is_too_late(const struct run *run, const struct pressed *l, int64_t now)
{
	int64_t at = deadline(run);
	return at > 0 && l->throttle.parked_at > now && l->throttle.parked_at >= at;
}

/* Memory. */

static bool anything_waits(const struct run *run)
{
	const struct pressure *p = &run->pressure;
	for (unsigned i = 1; i < p->nlanes; i++) {
		if (p->lanes[i].used && schedule_lane_ready(run->schedule, i) > 0)
			return true;
	}
	return run->phase == PHASE_LADDER;
}

static void tell_memory(struct run *run)
{
	struct pressure *p = &run->pressure;
	char size[32];
	if (p->memory_told)
		return;
	p->memory_told = true;
	progress_line(&run->progress,
	    "%s of memory is free, less than '--min-free-memory' asks for: agents start as it comes "
	    "free, one at a time at least",
	    format_size(size, sizeof size, p->memory_free));
}

static void look_at_memory(struct run *run, int64_t now)
{
	struct pressure *p = &run->pressure;
	const struct memory_floor *floor = &run->config->min_free;
	uint64_t total;
	if ((floor->bytes == 0 && floor->percent == 0) || now < p->memory_at ||
	    !anything_waits(run))
		return;
	p->memory_low = memory_look(&p->memory, &p->memory_free, &total) &&
	    memory_is_low(floor, p->memory_free, total);
	p->memory_at = now + (p->memory_low ? LOOK_LOW_MS : LOOK_MS);
}

/* What may start. */

void pressure_apply(struct run *run, int64_t now)
{
	struct pressure *p = &run->pressure;
	if (p->nlanes <= 1)
		return;
	look_at_memory(run, now);
	/* one that nobody lets start for want of memory would wait for ever when nothing ends */
	bool full = p->memory_low && schedule_running(run->schedule) > 0;
	if (full && anything_waits(run))
		tell_memory(run);
	for (unsigned i = 1; i < p->nlanes; i++) {
		struct pressed *l = &p->lanes[i];
		if (!l->used)
			continue;
		throttle_set_jobs(&l->throttle, jobs_of(run));
		schedule_set_lane(run->schedule, i, full ? 0 : throttle_allows(&l->throttle, now));
	}
}

void pressure_started(struct run *run, size_t task, int64_t now)
{
	struct pressed *l = lane_of(run, task);
	if (l == NULL)
		return;
	throttle_started(&l->throttle, now);
	pressure_apply(run, now);
}

bool pressure_stopped(const struct run *run, size_t task)
{
	return run->pressure.lanes[nodes_at(&run->nodes, task)->lane].throttle.stopped;
}

/* When one that needs no slot may start. */
static int64_t opens_at(const struct throttle *t)
{
	if (t->stopped)
		return THROTTLE_NEVER;
	return t->gate_at > t->parked_at ? t->gate_at : t->parked_at;
}

int64_t pressure_opens_at(const struct run *run, size_t task)
{
	return opens_at(&run->pressure.lanes[nodes_at(&run->nodes, task)->lane].throttle);
}

int64_t pressure_due(const struct run *run, int64_t now)
{
	const struct pressure *p = &run->pressure;
	int64_t due = INT64_MAX;
	for (unsigned i = 1; i < p->nlanes; i++) {
		const struct pressed *l = &p->lanes[i];
		bool waits =
		    run->phase == PHASE_LADDER || schedule_lane_ready(run->schedule, i) > 0;
		if (!l->used || !waits)
			continue;
		int64_t at = throttle_opens_at(&l->throttle);
		if (at > now && at < due)
			due = at;
		if (p->memory_low && p->memory_at > now && p->memory_at < due)
			due = p->memory_at;
	}
	return due;
}

/* What never starts. */

static void end_lane(struct run *run, unsigned lane, enum result_status status, enum reason reason)
{
	size_t task;
	while (schedule_take_lane(run->schedule, lane, &task)) {
		final_task(run, task, status, reason, NULL);
		if (status == RESULT_FAILED)
			failures_add(run, task, false);
		if (run->nfinals >= BATCH && record_flush(&run->record))
			final_emit(run);
	}
}

/* Retries that were to start after a pause. */
static void end_starts(struct run *run)
{
	struct starts *s = &run->starts;
	size_t kept = 0;
	for (size_t i = 0; i < s->count; i++) {
		struct start start = s->v[i];
		struct node *node = nodes_at(&run->nodes, start.task);
		if (start.announced || !pressure_stopped(run, start.task)) {
			s->v[kept++] = start;
			continue;
		}
		schedule_over(run->schedule, start.task, false);
		budget_release(run, node->task);
		if (run->phase == PHASE_LADDER)
			recover_give_up(run, start.task);
		else
			final_task(run, start.task, RESULT_FAILED, (enum reason)node->reason, NULL);
	}
	s->count = kept;
}

void pressure_give_up(struct run *run)
{
	struct pressure *p = &run->pressure;
	int64_t now = clock_mono_ms();
	if (p->nlanes <= 1 || run->stop.stopping || run->schedule == NULL)
		return;
	bool stopped = false;
	for (unsigned i = 1; i < p->nlanes; i++) {
		struct pressed *l = &p->lanes[i];
		stopped = stopped || l->throttle.stopped;
		if (schedule_lane_ready(run->schedule, i) == 0)
			continue;
		if (l->throttle.stopped) {
			end_lane(run, i, RESULT_FAILED, l->stopped);
		} else if (is_too_late(run, l, now)) {
			run->cut_short = REASON_QUOTA;
			end_lane(run, i, RESULT_SKIPPED, REASON_DEADLINE);
		}
	}
	if (stopped)
		end_starts(run);
}

static void add_time(char *out, size_t size, int64_t wall_ms)
{
	char text[CLOCK_TEXT_MAX];
	clock_text(text, wall_ms);
	/* "2026-11-23T16:20:05.123Z": to the minute is enough */
	snprintf(out, size, "%.10s %.5s UTC", text, text + 11);
}

bool pressure_explain(const struct run *run, const struct node *node, struct result *r)
{
	const struct pressed *l = &run->pressure.lanes[node->lane];
	char time[40];
	if (!l->used)
		return false;
	if (node->reason == REASON_AUTH && l->stopped == REASON_AUTH) {
		result_set_error(r, "not started: authentication with %s failed", name_of(l));
	} else if (node->reason == REASON_QUOTA && l->stopped == REASON_QUOTA) {
		result_set_error(r, "not started: the quota of %s is used up", name_of(l));
	} else if (node->reason == REASON_DEADLINE && is_too_late(run, l, clock_mono_ms())) {
		add_time(time, sizeof time, l->resets_ms);
		result_set_error(r, "the quota of %s is there again at %s, after the deadline",
		    name_of(l), time);
	} else {
		return false;
	}
	return true;
}

/* What was met. */

static void tell_limit(struct run *run, const struct pressed *l, int64_t now)
{
	char pause[32];
	const struct throttle *t = &l->throttle;
	progress_line(&run->progress,
	    "%s: the limit of its service was met: %u at a time from now on, "
	    "the next in %s",
	    name_of(l), throttle_width(t), format_duration(pause, sizeof pause, t->gate_at - now));
}

static void park(struct run *run, struct pressed *l, int64_t resets_ms, int64_t now)
{
	char time[40];
	int64_t left = resets_ms - clock_wall_ms();
	bool first = l->throttle.parked_at <= now;
	throttle_park(&l->throttle, now + (left > PARK_LEAST_MS ? left : PARK_LEAST_MS));
	l->resets_ms = resets_ms;
	if (!first)
		return;
	add_time(time, sizeof time, resets_ms);
	progress_line(&run->progress, "%s: the quota is used up until %s%s", name_of(l), time,
	    is_too_late(run, l, now) ? ", and the deadline is before that" : "");
}

static void stop_lane(struct run *run, struct pressed *l, enum reason reason)
{
	if (l->throttle.stopped)
		return;
	throttle_stop(&l->throttle);
	l->stopped = reason;
	progress_line(&run->progress, "%s: %s: nothing more of it is started", name_of(l),
	    reason == REASON_AUTH ? "authentication failed" : "the quota is used up");
}

/* Takes notice of how the attempt ended; true when it need not count. */
static bool notice(struct run *run, struct pressed *l, const struct result *r, int64_t began)
{
	struct throttle *t = &l->throttle;
	int64_t now = clock_mono_ms();
	uint32_t running =
	    (uint32_t)schedule_lane_running(run->schedule, (unsigned)(l - run->pressure.lanes));
	if (r->status == RESULT_SUCCEEDED)
		throttle_succeeded(t, r->duration_ms, running);
	if (r->status != RESULT_FAILED)
		return false;
	switch (r->reason) {
	case REASON_RATE_LIMIT:
		if (throttle_refused(t, now, began, running, r->retry_ms, arc4random()))
			tell_limit(run, l, now);
		return t->adapts;
	case REASON_QUOTA:
		if (r->resets_ms > 0)
			park(run, l, r->resets_ms, now);
		else
			stop_lane(run, l, REASON_QUOTA);
		return r->resets_ms > 0;
	case REASON_AUTH:
		stop_lane(run, l, REASON_AUTH);
		return false;
	default:
		return false;
	}
}

/* The task waits for its next attempt as if this one had not been, but for what it has cost. */
static void forgive(struct run *run, struct attempt *a)
{
	struct node *node = nodes_at(&run->nodes, a->task);
	struct result *r = &a->result;
	node->forgiven++;
	node->spent_ms += r->duration_ms;
	run->sequential_ms += r->duration_ms;
	run->step_sequential_ms += r->duration_ms;
	budget_release(run, node->task);
	if (r->usage.known)
		budget_spend(run, node->task, &r->usage);
	cJSON *event = event_attempt_finished(run->record.dir.id, run->step, node->task, r,
	    node->attempts, node->level, run->record.kept ? &run->record.dir : NULL);
	json_add_bool(event, "forgiven", true);
	record_event(&run->record, event);
	emit_live_end(&run->emit);
	if (run->phase == PHASE_LADDER) {
		schedule_over(run->schedule, a->task, false);
		recover_again(run, a->task);
	} else if (run->stop.stopping) {
		schedule_over(run->schedule, a->task, false);
		stop_call_off(run, a->task);
	} else {
		schedule_again(run->schedule, a->task);
	}
	attempt_free(a);
}

/* The attempt met a limit: whether the task may do so once more. */
static bool bear_with(struct node *node, const struct result *r)
{
	if (!r->unsure)
		node->unsure = 0;
	else if (node->unsure <= UNSURE_MAX)
		node->unsure++;
	if (node->limited >= LIMITED_MAX || node->unsure > UNSURE_MAX)
		return false;
	node->limited++;
	return true;
}

/* It could not even begin. Nothing is gone on with any more: so this is forgiven once. */
static bool lost_session(struct run *run, struct node *node, const struct attempt *a)
{
	if (!a->resumed || !launch_lost_session(&a->result))
		return false;
	node->afresh = true;
	progress_line(&run->progress, "%s: its client has lost the session: begins afresh",
	    safe(node->task->id));
	return true;
}

bool pressure_over(struct run *run, struct attempt *a)
{
	struct pressed *l = lane_of(run, a->task);
	struct node *node = nodes_at(&run->nodes, a->task);
	if (l == NULL)
		return false;
	bool limited = notice(run, l, &a->result, a->started_mono);
	if (!(limited ? bear_with(node, &a->result) : lost_session(run, node, a)))
		return false;
	forgive(run, a);
	return true;
}

int64_t pressure_asks_at(const struct run *run, const struct agent *agent, struct buf *why)
{
	const struct task task = { .kind = TASK_AGENT, .agent = agent };
	const struct backend *b;
	const struct pressed *l = &run->pressure.lanes[number_of(run, &task, &b)];
	if (!l->used)
		return 0;
	if (l->throttle.stopped) {
		buf_addf(why,
		    l->stopped == REASON_AUTH ? "authentication with %s failed" :
						"the quota of %s is used up",
		    name_of(l));
		return THROTTLE_NEVER;
	}
	if (is_too_late(run, l, clock_mono_ms())) {
		char time[40];
		add_time(time, sizeof time, l->resets_ms);
		buf_addf(why, "the quota of %s is there again at %s, after the deadline",
		    name_of(l), time);
		return THROTTLE_NEVER;
	}
	return opens_at(&l->throttle);
}

void pressure_asked(struct run *run, const struct agent *agent, const struct result *r)
{
	const struct task task = { .kind = TASK_AGENT, .agent = agent };
	/* one that ended well tells nothing of how many tasks may run */
	if (r->status != RESULT_FAILED)
		return;
	unsigned lane = pressure_lane(run, &task);
	if (lane > 0)
		notice(run, &run->pressure.lanes[lane], r, clock_mono_ms() - r->duration_ms);
}

void pressure_heard(struct run *run, const struct event *e)
{
	if (e->attempt->task >= TASK_OF_FIX || e->reason != REASON_RATE_LIMIT)
		return;
	struct pressed *l = lane_of(run, e->attempt->task);
	if (l == NULL)
		return;
	int64_t now = clock_mono_ms();
	uint32_t running =
	    (uint32_t)schedule_lane_running(run->schedule, (unsigned)(l - run->pressure.lanes));
	if (throttle_pressed(&l->throttle, now, running, e->retry_ms, arc4random()))
		tell_limit(run, l, now);
}
