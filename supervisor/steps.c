/*
 * One step after another: whether a step is to run at all, which tasks it has, and whether what came
 * of it lets the run go on.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/json.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/coordinator.h"
#include "supervisor/input/condition.h"
#include "supervisor/input/workflow.h"
#include "supervisor/plan/effective.h"
#include "supervisor/plan/planner.h"
#include "supervisor/record/events.h"

static const struct step_more *more_of(const struct run *run)
{
	return run->step->more;
}

const char *steps_debugger(const struct run *run)
{
	const struct step_more *more = more_of(run);
	return more != NULL && more->debugger != NULL ? more->debugger : run->config->debugger;
}

static bool scopes_conflict(void *context, size_t a, size_t b)
{
	const struct run *run = context;
	return scopes_meet(run->scopes, a, nodes_at(&run->nodes, a)->task, b,
	    nodes_at(&run->nodes, b)->task);
}

static void make_schedule(struct run *run)
{
	const struct config *c = run->config;
	struct schedule_limits limits = {
		.jobs = effective_jobs(c, run->plan, run->step),
		.tokens_at_once = effective_tokens_at_once(c, run->plan, run->step),
		.context = run,
	};
	if (run->plan->has_needs || c->stream)
		limits.conflict = scopes_conflict;
	schedule_free(run->schedule);
	run->schedule = schedule_new(&run->nodes, &limits);
}

/* Of a run that was resumed some tasks are final already. */
static void count_final(struct run *run)
{
	run->step_counts = (struct counts){ 0 };
	for (size_t i = 0; i < run->step->count; i++) {
		const struct node *node = nodes_at(&run->nodes, run->step->first + i);
		if (node->state == NODE_FINAL && node->reason != REASON_WHEN)
			counts_add(&run->step_counts, (enum result_status)node->status);
	}
}

static void reset(struct run *run)
{
	count_final(run);
	run->step_spent = (struct spent){ 0 };
	run->step_sequential_ms = 0;
	run->step_began_ms = clock_mono_ms();
	run->step_deadline_at = 0;
	run->ladders = 0;
	run->merge_numbers = 0;
	restore_ladder(run);
	run->failures.count = run->failures.listed = run->failures.held = 0;
	run->failures.nattempts = 0;
	run->merge_done = false;
	run->merge_stage = MERGE_COLLECT;
	run->merge_asked = 0;
	run->merge_refused = 0;
	run->merge_at = 0;
	run->emit.next = run->step->first;
	if (run->stop.step_only)
		run->stop = (struct stop){ .signal = run->stop.signal };
	make_schedule(run);
}

/* Ends all tasks of the step without running them. */
static void end_all(struct run *run, enum result_status status, enum reason reason)
{
	for (size_t i = 0; i < run->step->count; i++) {
		size_t task = run->step->first + i;
		/* in a run that was resumed some are */
		if (nodes_at(&run->nodes, task)->state != NODE_FINAL)
			final_task(run, task, status, reason, NULL);
	}
}

/* What `when` leaves out harms nothing and counts for nothing. */
static void leave_out(struct run *run)
{
	struct yield *y = &run->yields[run->at];
	y->over = y->left_out = true;
	y->outcome = OUTCOME_ALL;
	progress_line(&run->progress, "step %s left out: %s does not hold", safe(run->step->id),
	    safe(more_of(run)->when_text));
	end_all(run, RESULT_SKIPPED, REASON_WHEN);
	record_event(&run->record, event_step_skipped(run->step, more_of(run)->when_text));
}

/* The step cannot be begun: its tasks have failed, or one that says so in their place. */
static void fail_step(struct run *run, const char *why)
{
	struct plan *plan = run->plan;
	struct step *step = &plan->steps[run->at];
	progress_line(&run->progress, "step %s cannot begin: %s", safe(step->id), why);
	if (step->count == 0) {
		struct task *task = plan_add(plan);
		*task = (struct task){ .id = step->id, .kind = TASK_INVALID };
		task->number = (uint32_t)plan->ntasks;
		task->text = arena_strdup(&plan->arena, why);
		task->text_len = strlen(why);
		task->record = "";
		step->first = plan->ntasks - 1;
		step->count = 1;
		run->emit.next = step->first;
		intake_tasks(run, run->at, step->first, 1);
	}
	buf_reset(&run->invalid);
	buf_addstr(&run->invalid, why);
	end_all(run, RESULT_FAILED, REASON_INVALID);
}

/* 1: the step is to run, 0: not; -1 and *why when that cannot be told. */
static int wanted(struct run *run, struct buf *why)
{
	const struct step_more *more = more_of(run);
	if (more == NULL || more->when == NULL)
		return 1;
	const struct name *name = condition_name(more->when);
	buf_addf(why, "when: ");
	/* without a name it is about what was known from the beginning */
	cJSON *value = name != NULL ? values_get(run, name, why) : NULL;
	int holds = value != NULL || name == NULL ? condition_holds(more->when, value, why) : -1;
	cJSON_Delete(value);
	return holds;
}

/* Ids may hold dots: what STEP.TASK is here may be another task's there, and its files are called so. */
static bool shares_files(const struct run *run, const struct task *task)
{
	struct buf name = BUF_INIT;
	bool found = false;
	buf_addf(&name, "%s.%s", run->step->id, task->id);
	for (size_t i = 0; i < run->plan->nsteps && !found; i++) {
		const struct step *other = &run->plan->steps[i];
		size_t len = strlen(other->id);
		found = other != run->step && strncmp(buf_str(&name), other->id, len) == 0 &&
		    buf_str(&name)[len] == '.' &&
		    idset_find(&other->ids, buf_str(&name) + len + 1, NULL) != 0;
	}
	buf_free(&name);
	return found;
}

static bool fits_limits(struct run *run, const struct task *task, struct buf *why)
{
	if (shares_files(run, task)) {
		buf_addf(why,
		    "foreach: task '%s' has the files of a task of another step: a dot more or "
		    "less makes the same name",
		    task->id);
		return false;
	}
	uint64_t most = effective_tokens_at_once(run->config, run->plan, run->step);
	if (load_covers_record(&run->loaded, task)) {
		buf_addf(why, "foreach: task '%s': 'writes' covers the state directory", task->id);
		return false;
	}
	const char *unreachable = load_unreachable(&run->loaded, task);
	if (unreachable != NULL) {
		buf_addf(why, "foreach: task '%s': %s", task->id, unreachable);
		return false;
	}
	uint64_t tokens = task->more != NULL ? task->more->tokens : 0;
	if (tokens == 0 && task->agent != NULL)
		tokens = task->agent->tokens;
	if (most > 0 && tokens > most) {
		buf_addf(why, "foreach: task '%s' needs %llu tokens, and %llu may run at once",
		    task->id, (unsigned long long)tokens, (unsigned long long)most);
		return false;
	}
	return true;
}

/* Makes the tasks of a foreach; false and *why when it cannot be done: then there are none. */
static bool make_tasks(struct run *run, struct buf *why)
{
	const struct step_more *more = more_of(run);
	struct plan *plan = run->plan;
	/* those that a resumed run had made are there */
	if (more == NULL || more->foreach == NULL || run->step->count > 0)
		return true;
	buf_addstr(why, "foreach: ");
	cJSON *list = values_get(run, more->foreach->in, why);
	bool good = list != NULL &&
	    workflow_foreach(plan, run->at, list, run->config, run->loaded.agents, why);
	cJSON_Delete(list);
	/* the plan's table may have moved */
	run->step = &plan->steps[run->at];
	run->emit.next = run->step->first;
	for (size_t i = 0; i < run->nodes.end; i++)
		nodes_at(&run->nodes, i)->task = &plan->tasks[i];
	if (!good)
		return false;
	buf_reset(why);
	intake_tasks(run, run->at, run->step->first, run->step->count);
	for (size_t i = 0; good && i < run->step->count; i++)
		good = fits_limits(run, &plan->tasks[run->step->first + i], why);
	struct diag diag = { .count = 0 };
	if (good)
		planner_check(run->config, plan, run->step, "foreach", &diag);
	if (diag.count > 0) {
		/* the line is that of the step, which is not where the list is wrong */
		buf_reset(why);
		buf_addf(why, "foreach%s", strstr(diag.lines[0], ": "));
		good = false;
	}
	diag_free(&diag);
	return good;
}

static void warn_of_overlap(struct run *run)
{
	struct buf line = BUF_INIT;
	if (planner_warning(&line, run->config, run->plan, run->step))
		progress_line(&run->progress, "warning: %s", buf_str(&line));
	buf_free(&line);
}

static void begin(struct run *run)
{
	struct buf why = BUF_INIT;
	const struct step_more *more = more_of(run);
	int holds = wanted(run, &why);
	bool good = holds >= 0;
	if (holds == 0) {
		leave_out(run);
		buf_free(&why);
		return;
	}
	if (good) {
		buf_reset(&why);
		good = make_tasks(run, &why);
	}
	if (good && run->plan->nsteps > 1)
		progress_line(&run->progress, "step %zu of %zu: %s (%zu task%s)", run->at + 1,
		    run->plan->nsteps,
		    safe(run->step->title != NULL ? run->step->title : run->step->id),
		    run->step->count, run->step->count == 1 ? "" : "s");
	if (good)
		warn_of_overlap(run);
	/* what a foreach has made may have needs and scopes */
	make_schedule(run);
	if (good && more != NULL && more->limits.deadline_ms > 0)
		run->step_deadline_at = run->step_began_ms + more->limits.deadline_ms;
	run->phase = PHASE_TASKS;
	if (good)
		intake_schedule(run);
	else
		fail_step(run, buf_str(&why));
	buf_free(&why);
}

/* After a stop, what is left is called off step by step, so that each task has its record. */
static void call_off_step(struct run *run)
{
	enum reason reason = run->stop.stopping ? run->stop.reason : REASON_ESCALATED;
	bool cancelled = reason == REASON_INTERRUPTED;
	end_all(run, cancelled ? RESULT_CANCELLED : RESULT_SKIPPED, reason);
}

void steps_next(struct run *run)
{
	size_t next = run->step != NULL ? run->at + 1 : 0;
	while (next < run->plan->nsteps && run->yields[next].over)
		next++;
	if (next >= run->plan->nsteps) {
		run->phase = PHASE_OVER;
		return;
	}
	run->at = next;
	run->step = &run->plan->steps[run->at];
	run->emit.step = run->step;
	reset(run);
	run->phase = PHASE_BETWEEN;
	if (run->stop.stopping || run->blocked)
		call_off_step(run);
	else
		begin(run);
}

bool steps_block(const struct run *run, size_t step, const struct counts *counts)
{
	const struct step *s = &run->plan->steps[step];
	struct require require = effective_step_require(s);
	bool stands_alone = run->plan->nsteps == 1 && s->more == NULL;
	return !stands_alone && !run->yields[step].left_out && !require_met(&require, counts);
}

void steps_escalate(struct run *run, const char *why)
{
	run->escalated = true;
	struct buf text = BUF_INIT;
	buf_addf(&text, "step %s: %s", run->step->id, why);
	free(run->escalated_why);
	run->escalated_why = buf_detach(&text);
	record_event(&run->record, event_escalated(run->step, why));
}

/* Nothing follows a step whose requirement is not met, whatever the run as a whole requires. */
static void judge(struct run *run)
{
	const struct counts *c = &run->step_counts;
	bool blocks = steps_block(run, run->at, c);
	if (run->stop.stopping && !run->stop.step_only)
		return;
	if (outcome_of(c) == OUTCOME_NONE && c->failed > 0) {
		if (!run->escalated)
			steps_escalate(run, "no task succeeded");
	} else if (blocks && !run->escalated) {
		struct buf why = BUF_INIT;
		buf_addf(&why, "%llu of %llu tasks succeeded, and the step requires more",
		    (unsigned long long)c->succeeded, (unsigned long long)c->total);
		steps_escalate(run, buf_str(&why));
		buf_free(&why);
	}
	if (run->merge_failed || blocks)
		run->blocked = true;
}

/* Called off before anybody knew its tasks: nothing that is counted tells it from an empty list. */
static bool is_unmade(const struct run *run)
{
	const struct step_more *more = more_of(run);
	bool called_off = run->blocked || (run->stop.stopping && !run->stop.step_only);
	return called_off && more != NULL && more->foreach != NULL && run->step->count == 0;
}

void steps_end(struct run *run)
{
	struct yield *y = &run->yields[run->at];
	const bool unmade = is_unmade(run);
	const bool blocked = run->blocked;
	y->over = true;
	y->outcome = outcome_of(&run->step_counts);
	judge(run);
	cJSON *event = event_step_finished(run->step, &run->step_counts,
	    clock_mono_ms() - run->step_began_ms, run->step_sequential_ms, y->merged);
	if (unmade)
		json_add_bool(event, "called_off", true);
	if (run->blocked && !blocked)
		json_add_bool(event, "blocked", true);
	record_event(&run->record, event);
	if (run->plan->nsteps > 1 && run->phase != PHASE_BETWEEN)
		progress_step(&run->progress,
		    run->step->title != NULL ? run->step->title : run->step->id, &run->step_counts,
		    clock_mono_ms() - run->step_began_ms);
	run->phase = PHASE_BETWEEN;
	if (run->at + 1 == run->plan->nsteps)
		return;
	if (run->config->sync != SYNC_END)
		record_sync(&run->record);
	record_write_state(&run->record);
}
