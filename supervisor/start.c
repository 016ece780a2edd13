#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/xalloc.h"
#include "supervisor/coordinator.h"
#include "supervisor/progress/watch.h"
#include "supervisor/record/events.h"

/* A system that refuses a process is asked again after so long, doubling. */
#define REFUSED_FIRST_MS 50
#define REFUSED_MAX_MS 2000
/* Refusals in a row, with nothing of ours running that could end and make room, after which the run gives up. */
#define REFUSALS_MAX 12

void start_add(struct run *run, size_t task, unsigned level, int64_t pause_ms)
{
	struct starts *s = &run->starts;
	if (s->count == s->cap) {
		s->cap = s->cap == 0 ? 16 : s->cap * 2;
		s->v = xreallocarray(s->v, s->cap, sizeof *s->v);
	}
	budget_reserve(run, nodes_at(&run->nodes, task)->task);
	s->v[s->count++] = (struct start){ .task = task,
		.level = (uint8_t)level,
		.not_before = pause_ms > 0 ? clock_mono_ms() + pause_ms : 0 };
}

/* What cannot be paid for, or asks for what is not there, is final without an attempt. */
static bool may_start(struct run *run, size_t index)
{
	const struct task *task = nodes_at(&run->nodes, index)->task;
	if (!budget_allows(run, task)) {
		run->cut_short = REASON_BUDGET;
		schedule_over(run->schedule, index, false);
		final_task(run, index, RESULT_SKIPPED, REASON_BUDGET, NULL);
		return false;
	}
	buf_reset(&run->invalid);
	if (values_ready(run, task, &run->invalid))
		return true;
	schedule_over(run->schedule, index, false);
	final_task(run, index, RESULT_FAILED, REASON_INVALID, NULL);
	return false;
}

/* Takes from the schedule, at most one task in each --delay. */
static void take_ready(struct run *run, int64_t now)
{
	struct starts *s = &run->starts;
	size_t task;
	pressure_apply(run, now);
	while (now >= s->next_at && schedule_next(run->schedule, &task)) {
		if (nodes_at(&run->nodes, task)->task->kind == TASK_INVALID) {
			schedule_over(run->schedule, task, false);
			final_task(run, task, RESULT_FAILED, REASON_INVALID, NULL);
			failures_add(run, task, false);
			continue;
		}
		if (!may_start(run, task))
			continue;
		start_add(run, task, 0, 0);
		pressure_started(run, task, now);
		if (run->config->delay_ms > 0)
			s->next_at = now + run->config->delay_ms;
	}
}

void start_announce(struct run *run)
{
	struct starts *s = &run->starts;
	int64_t now = clock_mono_ms();
	pressure_give_up(run);
	if (run->phase == PHASE_LADDER)
		pressure_apply(run, now);
	if (run->phase == PHASE_TASKS && !run->stop.stopping && now >= s->refused_until)
		take_ready(run, now);
	for (size_t i = 0; i < s->count; i++) {
		struct start *start = &s->v[i];
		if (start->announced || start->not_before > now ||
		    pressure_opens_at(run, start->task) > now)
			continue;
		struct node *node = nodes_at(&run->nodes, start->task);
		node->attempts++;
		node->level = start->level;
		start->announced = true;
		record_event(&run->record,
		    event_attempt_started(run->step, node->task, node->attempts, node->level));
	}
}

static int64_t longest(const struct job *job)
{
	return job->timeout_ms > 0 ? job->timeout_ms : 0;
}

/* A prompt with results in it is put together by the worker; a command finds them in files. */
static void add_results(struct run *run, struct job *job, const struct task *task)
{
	const struct template *prompt = task->more != NULL ? task->more->prompt : NULL;
	if (task->agent == NULL)
		handover_environment(run, job);
	if (prompt == NULL || run->launch.told)
		return;
	values_parts(run, prompt, job);
	if (run->launch.happened)
		launch_add_part(&run->launch, job,
		    (struct job_part){ .kind = PART_TEXT,
			.text = buf_str(&run->launch.prompt),
			.len = run->launch.prompt.len,
			.fd = -1 });
}

static int fork_one(struct run *run, const struct start *start)
{
	struct node *node = nodes_at(&run->nodes, start->task);
	const struct verdict_retry *advice =
	    run->phase == PHASE_LADDER ? ladder_advice(&run->ladder, start->task) : NULL;
	struct result last;
	/* the result of an attempt that was interrupted is not known */
	bool again = node->attempts > 1 && node->last.offset >= 0;
	if (again)
		load_result(&run->record, node, &last);
	/* only the client that began a session knows it, and not always */
	if (again && (node->afresh || node->last.offset < run->launch.own_sessions)) {
		free(last.session);
		last.session = NULL;
	}
	struct job job;
	launch_job(&run->launch, &job, run->step, node->task, node->attempts, again ? &last : NULL,
	    advice);
	if (again)
		result_free(&last);
	add_results(run, &job, node->task);
	watch_job(run, node, &job);
	if (launch_lend(&run->launch, &job) < 0)
		return -1;
	if (loop_start(run->loop, &job, start->task, longest(&job)) < 0) {
		int error = errno;
		launch_unlend(&job);
		errno = error;
		return -1;
	}
	progress_started(&run->progress, node);
	return 0;
}

/* Whether a limit that the system has shown leaves room for one more. */
static bool has_room(const struct run *run)
{
	return run->starts.limit == 0 || loop_running(run->loop) < run->starts.limit;
}

static void set_limit(struct run *run, const char *why)
{
	struct starts *s = &run->starts;
	size_t running = loop_running(run->loop);
	s->limit = running > 0 ? running : 1;
	s->since_limit = 0;
	/* a limit that is met again is told once */
	if (s->least != 0 && s->limit >= s->least)
		return;
	s->least = s->limit;
	if (running > 0)
		progress_line(&run->progress,
		    "cannot start a worker: %s; going on with %zu at a time", why, running);
	else
		progress_line(&run->progress, "cannot start a worker: %s; trying again", why);
}

/* No process, no descriptor, no memory: others may give some back, so the start waits; nothing is lost. */
static void refused(struct run *run, const char *why)
{
	struct starts *s = &run->starts;
	s->refusals++;
	set_limit(run, why);
	int64_t pause = REFUSED_FIRST_MS;
	for (unsigned i = 1; i < s->refusals && pause < REFUSED_MAX_MS; i++)
		pause *= 2;
	s->refused_until = clock_mono_ms() + pause;
	if (loop_running(run->loop) == 0 && s->refusals >= REFUSALS_MAX) {
		summary_say(run, "pollard: cannot start a worker: %s (tried %u times)\n", why,
		    s->refusals);
		run_trouble(run, EXIT_SYSTEM);
	}
}

void start_fork(struct run *run)
{
	struct starts *s = &run->starts;
	size_t kept = 0;
	bool waits = clock_mono_ms() < s->refused_until;
	for (size_t i = 0; i < s->count; i++) {
		struct start start = s->v[i];
		if (waits || !start.announced || !has_room(run)) {
			s->v[kept++] = start;
			continue;
		}
		if (fork_one(run, &start) == 0)
			continue;
		int error = errno;
		s->v[kept++] = start;
		for (i++; i < s->count; i++)
			s->v[kept++] = s->v[i];
		s->count = kept;
		refused(run, strerror(error));
		return;
	}
	s->count = kept;
}

void start_refused(struct run *run, size_t task, const char *why)
{
	budget_release(run, nodes_at(&run->nodes, task)->task);
	start_add(run, task, nodes_at(&run->nodes, task)->level, 0);
	/* the same attempt: it is on record that it was to start, and it has not run */
	run->starts.v[run->starts.count - 1].announced = true;
	refused(run, why);
}

void start_went_well(struct run *run)
{
	struct starts *s = &run->starts;
	s->refusals = 0;
	/* as many good ends as the limit is wide: one more may fit by now */
	if (s->limit > 0 && ++s->since_limit >= s->limit) {
		s->limit++;
		s->since_limit = 0;
	}
}

int64_t start_due(const struct run *run)
{
	const struct starts *s = &run->starts;
	int64_t now = clock_mono_ms();
	int64_t at = INT64_MAX;
	for (size_t i = 0; i < s->count; i++) {
		int64_t t = s->v[i].not_before;
		int64_t opens_at = s->v[i].announced ? 0 : pressure_opens_at(run, s->v[i].task);
		/* an attempt that ends will wake us */
		if (s->v[i].announced && !has_room(run))
			continue;
		if (t < opens_at)
			t = opens_at;
		if (t < s->refused_until)
			t = s->refused_until;
		if (t < at)
			at = t;
	}
	bool more = run->phase == PHASE_TASKS && !run->stop.stopping &&
	    schedule_ready(run->schedule) > 0 && schedule_has_slot(run->schedule);
	/* what could start at a time that has passed would have: it waits for something else */
	if (more && s->next_at > now && s->next_at < at)
		at = s->next_at;
	if (!run->stop.stopping && pressure_due(run, now) < at)
		at = pressure_due(run, now);
	if (at == INT64_MAX)
		return -1;
	int64_t left = at - now;
	return left > 0 ? left : 0;
}
