/*
 * The results of a step become one: a worker puts them together, a merging agent may be asked about
 * them, and its answer is written down by a worker again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/coordinator.h"
#include "supervisor/input/template.h"
#include "supervisor/record/events.h"

/* Where the results wait for it; no step can have such an id. */
#define COLLECTED_NAME "+collected.md"
#define REFUSED_FIRST_MS 25
#define REFUSALS_MAX 8

static const char ask_by_default[] =
    "Bring these results together: what they have in common, where they contradict each other, and "
    "what follows from them. Name what is missing.";

/* Whether a template of a later step puts the merged results of this one in. */
static bool names_merged(const struct template *t, size_t step)
{
	for (size_t i = 0; t != NULL && i < t->count; i++) {
		const struct name *name = t->parts[i].name;
		if (t->parts[i].text == NULL && name->kind == NAME_STEP_MERGED &&
		    name->step == step)
			return true;
	}
	return false;
}

static bool is_command(const struct task *task)
{
	return task->agent == NULL && task->kind != TASK_INVALID;
}

/* The tasks of a foreach are not known yet: their text says what they name. */
static bool foreach_wants(const struct step *step, const char *id, bool *commands)
{
	const struct foreach *f = step->more != NULL ? step->more->foreach : NULL;
	struct buf name = BUF_INIT;
	if (f == NULL)
		return false;
	buf_addf(&name, "steps.%s.merged", id);
	bool found = strstr(f->task, buf_str(&name)) != NULL;
	*commands = *commands || strstr(f->task, "\"run\":") != NULL;
	buf_free(&name);
	return found;
}

/* What later steps make of the results: whether they name the merged ones, whether they are commands. */
static void look_ahead(const struct run *run, size_t step, bool *merged, bool *commands)
{
	const struct plan *plan = run->plan;
	*merged = *commands = false;
	for (size_t s = step + 1; s < plan->nsteps; s++) {
		const struct step *later = &plan->steps[s];
		if (foreach_wants(later, plan->steps[step].id, commands))
			*merged = true;
		if (later->more != NULL && names_merged(later->more->merge_prompt, step))
			*merged = true;
		for (size_t i = 0; i < later->count; i++) {
			const struct task *task = &plan->tasks[later->first + i];
			*commands = *commands || is_command(task);
			if (task->more != NULL && names_merged(task->more->prompt, step))
				*merged = true;
		}
	}
}

enum merge_form merge_form_of(const struct run *run, size_t step)
{
	const struct config *c = run->config;
	const struct step_more *more = run->plan->steps[step].more;
	bool last = step + 1 == run->plan->nsteps;
	bool merged;
	bool commands;
	if (more != NULL && more->has_merge)
		return more->merge;
	if (c->merge != MERGE_DEFAULT)
		return c->merge;
	if (c->output == OUTPUT_MERGED)
		return MERGE_CONCAT;
	if (last)
		return MERGE_NONE;
	look_ahead(run, step, &merged, &commands);
	return merged || (commands && run->record.kept) ? MERGE_CONCAT : MERGE_NONE;
}

bool merge_wants_answers(const struct run *run)
{
	return run->plan->nsteps > 1 || run->plan->has_needs ||
	    merge_form_of(run, run->at) != MERGE_NONE;
}

static const struct agent *merging_agent(const struct run *run)
{
	const struct step_more *more = run->step->more;
	if (more != NULL && more->has_merge)
		return more->merge_agent;
	return agents_find(run->loaded.agents, run->config->merge_agent);
}

/* The results of the step in the order of the list, behind `before` free places. */
static struct merge_item *merge_items(const struct run *run, size_t count, size_t before)
{
	struct merge_item *all = xcalloc(before + count + 1, sizeof *all);
	struct merge_item *items = all + before;
	for (size_t i = 0; i < count; i++) {
		const struct node *node = nodes_at(&run->nodes, run->step->first + i);
		items[i].task = node->task->id;
		items[i].agent = node->task->agent != NULL ? node->task->agent->name : NULL;
		items[i].status = result_status_text(node->status);
		items[i].offset = -1;
		if (node->status == RESULT_SUCCEEDED) {
			items[i].offset = node->last.offset;
			items[i].length = node->last.length;
		} else {
			items[i].missing = reason_text(node->reason);
		}
	}
	return all;
}

/* The system has no process or descriptor to spare: it may have one in a moment. */
static bool refused(struct run *run, int error)
{
	/* what is not on record is not to be acted on; that the journal failed is said elsewhere */
	if (run->record.error != 0)
		return false;
	if (++run->merge_refused < REFUSALS_MAX) {
		run->merge_at = clock_mono_ms() + (REFUSED_FIRST_MS << run->merge_refused);
		return true;
	}
	summary_say(run, "pollard: cannot merge the results of step %s: %s (tried %u times)\n",
	    run->step->id, strerror(error), run->merge_refused);
	run_trouble(run, EXIT_SYSTEM);
	return false;
}

/* False when it is to be tried again, or the run ends. */
static bool start(struct run *run, struct job *job, int64_t limit_ms)
{
	bool lent = record_flush(&run->record) && launch_lend(&run->launch, job) == 0;
	if (lent && loop_start(run->loop, job, TASK_OF_MERGE, limit_ms) == 0) {
		run->merge_refused = 0;
		run->merge_at = 0;
		return true;
	}
	int error = errno;
	launch_unlend(job);
	refused(run, error);
	return false;
}

static struct job merge_job(const struct run *run)
{
	return (struct job){
		.kind = JOB_MERGE,
		.run = run->record.dir.id,
		.step = run->step->id,
		.task = MERGE_ID,
		.attempt = 1,
		.journal_fd = journal_fd(run->record.journal),
		.merge_dirfd = run->record.dir.merged_fd,
		.out_dirfd = run->record.dir.out_fd,
		.out_fd = -1,
		.err_fd = -1,
		.null_fd = run->launch.null_fd,
		.lease_fd = run->record.lease_fd,
		.run_dir = run->record.dir.path,
		.outcome = outcome_text(outcome_of(&run->step_counts)),
		.supervisor_pid = getpid(),
	};
}

/* "research.md", "research.json" */
static void merged_name(const struct run *run, struct buf *name)
{
	bool json = merge_form_of(run, run->at) == MERGE_JSON;
	buf_addf(name, "%s.%s", run->step->id, json ? "json" : "md");
}

static bool collect(struct run *run, enum merge_form form)
{
	struct buf name = BUF_INIT;
	struct job job = merge_job(run);
	bool merged;
	bool commands;
	merged_name(run, &name);
	look_ahead(run, run->at, &merged, &commands);
	/* a stream has all its tasks by now */
	job.nitems = run->config->stream ? run->nodes.end : run->step->count;
	struct merge_item *items = merge_items(run, job.nitems, 0);
	job.items = items;
	job.merge_json = form == MERGE_JSON;
	if (form != MERGE_NONE)
		job.merge_name = form == MERGE_AGENT ? COLLECTED_NAME : buf_str(&name);
	/* the answer of a merging agent is not there yet */
	if (commands && run->record.kept && form != MERGE_AGENT)
		job.results_name = RESULTS_NAME;
	bool begun = start(run, &job, 0);
	free(items);
	buf_free(&name);
	return begun;
}

/* The answer of the merging agent is the merged result. */
static bool write_answer(struct run *run)
{
	struct buf name = BUF_INIT;
	struct job job = merge_job(run);
	bool merged;
	bool commands;
	merged_name(run, &name);
	look_ahead(run, run->at, &merged, &commands);
	struct merge_item *items = merge_items(run, run->step->count, 1);
	items[0] = (struct merge_item){ .task = MERGE_ID,
		.status = "succeeded",
		.offset = run->merge_answer.offset,
		.length = run->merge_answer.length };
	job.items = items;
	job.nitems = run->step->count + 1;
	job.merge_plain = true;
	job.merge_name = buf_str(&name);
	if (commands && run->record.kept)
		job.results_name = RESULTS_NAME;
	bool begun = start(run, &job, 0);
	free(items);
	buf_free(&name);
	return begun;
}

/* The results as they were put together are no merged result. */
static void forget_collected(struct run *run)
{
	struct yield *y = &run->yields[run->at];
	free(y->merged);
	y->merged = NULL;
	if (y->merged_fd >= 0)
		close(y->merged_fd);
	y->merged_fd = -1;
}

/* A merge that was wanted and is not there ends the run. */
static void fail_merge(struct run *run, const struct agent *agent, const char *why)
{
	struct buf reason = BUF_INIT;
	buf_addf(&reason, "%s could not merge the results: %s", agent->name, why);
	run->merge_done = true;
	run->merge_failed = true;
	forget_collected(run);
	steps_escalate(run, buf_str(&reason));
	buf_free(&reason);
}

/* Whether all that its prompt names is there. */
static bool can_ask(struct run *run, const struct agent *agent, const struct template *prompt)
{
	const struct task_more more = { .prompt = prompt };
	const struct task task = { .more = &more };
	struct buf why = BUF_INIT;
	bool good = values_ready(run, &task, &why);
	if (!good) {
		progress_line(&run->progress, "%s is not asked to merge the results: %s",
		    safe(agent->name), safe(buf_str(&why)));
		fail_merge(run, agent, buf_str(&why));
	}
	buf_free(&why);
	return good;
}

/* Whether its backend lets it be asked now; else it is asked later, or has failed. */
static bool may_ask(struct run *run, const struct agent *agent)
{
	struct buf why = BUF_INIT;
	int64_t at = pressure_asks_at(run, agent, &why);
	bool now = at <= clock_mono_ms();
	run->merge_at = now || at == THROTTLE_NEVER ? 0 : at;
	if (at == THROTTLE_NEVER) {
		progress_line(&run->progress, "%s is not asked to merge the results: %s",
		    safe(agent->name), safe(buf_str(&why)));
		fail_merge(run, agent, buf_str(&why));
	}
	buf_free(&why);
	return now;
}

static bool ask_agent(struct run *run)
{
	const struct agent *agent = merging_agent(run);
	const struct step_more *more = run->step->more;
	struct job job;
	const struct task task = { .id = MERGE_ID,
		.kind = TASK_AGENT,
		.agent = agent,
		.text = ask_by_default,
		.text_len = strlen(ask_by_default) };
	const struct template_part plain = { .text = ask_by_default, .len = task.text_len };
	const struct template by_default = { &plain, 1 };
	const struct template *prompt = more != NULL ? more->merge_prompt : NULL;
	if (!can_ask(run, agent, prompt) || !may_ask(run, agent))
		return false;
	run->merge_asked++;
	launch_job(&run->launch, &job, run->step, &task, run->merge_numbers + run->merge_asked,
	    NULL, NULL);
	values_parts(run, prompt != NULL ? prompt : &by_default, &job);
	const struct yield *y = &run->yields[run->at];
	launch_add_part(&run->launch, &job,
	    (struct job_part){ .kind = PART_TEXT, .text = "\n\n", .len = 2, .fd = -1 });
	launch_add_part(&run->launch, &job,
	    (struct job_part){ .kind = PART_MERGED,
		.text = run->record.kept ? COLLECTED_NAME : NULL,
		.label = "the results of the step",
		.fd = run->record.kept ? -1 : y->merged_fd });
	progress_line(&run->progress, "asking %s to merge the results of step %s",
	    safe(agent->name), run->step->id);
	if (start(run, &job, job.timeout_ms))
		return true;
	run->merge_asked--;
	return false;
}

/* What the record has of the step, where it goes on from there; NULL: nothing. */
static const struct replay_step *on_record(const struct run *run)
{
	const struct replay *r = run->replay;
	size_t at = r != NULL ? replay_find_step(r, run->step->id) : REPLAY_NONE;
	return at != REPLAY_NONE ? &r->steps[at] : NULL;
}

/* Whether the merging agent has answered, and about just these results: none of them came later. */
static bool has_answer(const struct run *run, const struct replay_step *s)
{
	if (s == NULL || s->merge.offset < 0 || s->merge_status != RESULT_SUCCEEDED)
		return false;
	for (size_t i = 0; i < run->step->count; i++) {
		const struct node *node = nodes_at(&run->nodes, run->step->first + i);
		if (node->last.offset > s->merge.offset)
			return false;
	}
	return true;
}

/* The run ended between the answer and the file that it was to become: nobody is asked again. */
static void take_answer(struct run *run)
{
	const struct replay_step *s = on_record(run);
	if (run->merge_stage != MERGE_COLLECT || !has_answer(run, s))
		return;
	run->merge_answer = s->merge;
	run->merge_stage = MERGE_WRITE;
}

bool merge_begin(struct run *run)
{
	enum merge_form form = merge_form_of(run, run->at);
	bool begun = false;
	bool merged;
	bool commands = false;
	if (run->merge_done || (run->stop.stopping && !run->stop.step_only) || run->trouble != 0)
		return false;
	if (run->merge_at > clock_mono_ms())
		return true;
	if (form == MERGE_NONE && run->record.kept && run->plan->nsteps > 1)
		look_ahead(run, run->at, &merged, &commands);
	if (form == MERGE_NONE && !commands)
		return false;
	if (form == MERGE_AGENT)
		take_answer(run);
	switch (run->merge_stage) {
	case MERGE_COLLECT:
		begun = collect(run, form);
		break;
	case MERGE_ASK:
		begun = ask_agent(run);
		break;
	case MERGE_WRITE:
		begun = write_answer(run);
		break;
	}
	if (begun)
		run->phase = PHASE_MERGE;
	/* one that the system refuses is begun later */
	return begun || run->merge_at > 0;
}

/* Keeps the file that a merge worker has written. */
static void keep(struct run *run, const struct attempt *attempt, const char *name)
{
	struct yield *y = &run->yields[run->at];
	struct buf path = BUF_INIT;
	if (y->merged_fd >= 0)
		close(y->merged_fd);
	y->merged_fd = -1;
	if (!run->record.kept) {
		y->merged_fd = dup(attempt->out_fd);
		return;
	}
	buf_addf(&path, "merged/%s", name);
	free(y->merged);
	y->merged = buf_detach(&path);
	y->merged_fd = openat(run->record.dir.fd, y->merged, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}

static void collected(struct run *run, const struct attempt *attempt)
{
	struct buf name = BUF_INIT;
	enum merge_form form = merge_form_of(run, run->at);
	merged_name(run, &name);
	if (form != MERGE_NONE)
		keep(run, attempt, form == MERGE_AGENT ? COLLECTED_NAME : buf_str(&name));
	buf_free(&name);
	run->merge_done = form != MERGE_AGENT;
	if (!run->merge_done)
		run->merge_stage = MERGE_ASK;
}

/* What is asked for once more if it failed. */
static void answered(struct run *run, struct attempt *attempt)
{
	const struct agent *agent = merging_agent(run);
	struct result *r = &attempt->result;
	run->merge_answer = record_event(&run->record,
	    event_merge_finished(run->record.dir.id, run->step, agent->name, r,
		run->merge_numbers + run->merge_asked, run->record.kept ? &run->record.dir : NULL));
	const struct task task = { .agent = agent };
	budget_spend(run, &task, &r->usage);
	pressure_asked(run, agent, r);
	if (r->status == RESULT_SUCCEEDED) {
		run->merge_stage = MERGE_WRITE;
		/* without a run directory a long answer is in the file that was lent */
		if (!run->record.kept && r->out.spilled && !r->has_text) {
			keep(run, attempt, "");
			run->merge_done = true;
		}
		return;
	}
	const char *why = r->error != NULL ? r->error : reason_text(r->reason);
	bool cut = run->stop.step_only && r->status == RESULT_CANCELLED;
	if (cut)
		why = "the deadline of the step came first";
	if (run->stop.stopping && !run->stop.step_only) {
		run->merge_done = true;
		forget_collected(run);
		return;
	}
	progress_line(&run->progress, "%s could not merge the results: %s", safe(agent->name),
	    safe(why));
	if (run->merge_asked <= launch_retries(run->config, run->step, &task) &&
	    failure_retryable(r->reason, false) && !cut)
		return;
	fail_merge(run, agent, why);
}

void merge_over(struct run *run, struct attempt *attempt)
{
	const struct result *r = &attempt->result;
	run->phase = PHASE_TASKS;
	if (run->merge_stage == MERGE_ASK) {
		answered(run, attempt);
		return;
	}
	if (r->status != RESULT_SUCCEEDED) {
		run->merge_done = true;
		if (run->stop.stopping)
			return;
		summary_say(run, "pollard: cannot merge the results: %s\n",
		    r->error != NULL ? r->error : reason_text(r->reason));
		run_trouble(run, EXIT_IO);
		return;
	}
	if (run->merge_stage == MERGE_COLLECT) {
		collected(run, attempt);
		return;
	}
	struct buf name = BUF_INIT;
	merged_name(run, &name);
	keep(run, attempt, buf_str(&name));
	buf_free(&name);
	run->merge_done = true;
}
