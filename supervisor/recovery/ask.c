/*
 * The debugger: asks it about failures, reads its verdict, and carries out the fix that one may
 * hold. Both are workers like any other.
 */
#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"
#include "shared/json.h"
#include "shared/text.h"
#include "shared/words.h"
#include "shared/xalloc.h"
#include "supervisor/coordinator.h"
#include "supervisor/record/events.h"
#include "supervisor/record/evidence.h"
#include "supervisor/recovery/debug_request.h"
#include "supervisor/recovery/recorded.h"

/* The built-in debugger reads half a megabyte; this is for a machine that stands still. */
#define BUILTIN_MS 60000
#define ANSWER_SHOWN 2000
#define SUCCEEDED_MAX 1000
/* What they are called for files and in the environment; no task can have such an id. */
#define DEBUGGER_ID "+debugger"
#define FIX_ID "+fix"

/* One attempt with all that it printed, while a request is made. */
struct heard {
	struct result result;
	struct buf out;
	struct buf err;
};

/* All failures with their attempts, while a request is made. */
struct hearing {
	struct debug_failure *failures;
	struct debug_attempt **attempts; /* one array a failure */
	struct buf *texts;		 /* one a failure: commands that are put together */
	struct heard *heard;
	size_t nheard;
	const char **succeeded;
	size_t nsucceeded;
};

static void hear_attempt(const struct run *run, const struct failed_attempt *f, struct heard *h,
    struct debug_attempt *attempt)
{
	const struct task *task = nodes_at(&run->nodes, f->task)->task;
	const struct attempt_name name = { run->step->id, task->id, f->number };
	const struct buf none = BUF_INIT;
	h->out = h->err = none;
	result_init(&h->result);
	cJSON *record = journal_read(run->record.journal, f->place);
	if (record != NULL)
		result_from_json(&h->result, record);
	cJSON_Delete(record);
	if (h->result.has_text)
		buf_add(&h->out, h->result.text.data, h->result.text.len);
	else
		evidence_stream(&h->out, &run->record, &name, &h->result.out, false);
	evidence_stream(&h->err, &run->record, &name, &h->result.err, true);
	*attempt = (struct debug_attempt){
		.reason = h->result.reason,
		.exit_status = h->result.exit_status,
		.signal = h->result.signal,
		.ms = h->result.duration_ms,
		.out = buf_str(&h->out),
		.out_len = h->out.len,
		.err = buf_str(&h->err),
		.err_len = h->err.len,
		.error = h->result.error,
	};
}

/* The command given after --, and the line that is its argument. */
static void add_command(struct buf *text, const struct run *run, const struct task *task)
{
	for (size_t i = 0; run->config->command[i] != NULL; i++) {
		words_quote(text, run->config->command[i]);
		buf_addch(text, ' ');
	}
	words_quote(text, task->text);
}

static void hear_task(const struct run *run, const struct task *task, struct debug_failure *failure,
    struct buf *text)
{
	failure->task = task->id;
	failure->agent = task->agent != NULL ? task->agent->name : NULL;
	if (task->kind == TASK_ARGV) {
		failure->argv = task->more->argv;
		return;
	}
	if (task->kind == TASK_LINE)
		add_command(text, run, task);
	else
		buf_add(text, task->text, task->text_len);
	failure->text = buf_str(text);
	failure->text_len = text->len;
}

static void hear_failure(const struct run *run, struct hearing *h, size_t i, size_t task)
{
	const struct failures *f = &run->failures;
	size_t count = 0;
	for (size_t k = 0; k < f->nattempts; k++)
		count += f->attempts[k].task == task;
	struct debug_attempt *attempts = xcalloc(count + 1, sizeof *attempts);
	h->attempts[i] = attempts;
	size_t n = 0;
	for (size_t k = 0; k < f->nattempts && i < DEBUG_FULL_MAX; k++) {
		if (f->attempts[k].task == task)
			hear_attempt(run, &f->attempts[k], &h->heard[h->nheard++], &attempts[n++]);
	}
	/* of one too many, or one that never ran, this is all there is to say */
	if (n == 0)
		attempts[n++] = (struct debug_attempt){ .exit_status = -1,
			.out = "",
			.err = "",
			.reason = nodes_at(&run->nodes, task)->reason };
	hear_task(run, nodes_at(&run->nodes, task)->task, &h->failures[i], &h->texts[i]);
	h->failures[i].attempts = attempts;
	h->failures[i].nattempts = n;
}

static void hear_successes(const struct run *run, struct hearing *h)
{
	h->succeeded = xcalloc(SUCCEEDED_MAX, sizeof *h->succeeded);
	for (size_t i = run->nodes.base; i < run->nodes.end && h->nsucceeded < SUCCEEDED_MAX; i++) {
		const struct node *node = nodes_at(&run->nodes, i);
		if (node->step == run->at && node->state == NODE_FINAL &&
		    node->status == RESULT_SUCCEEDED && node->task != NULL)
			h->succeeded[h->nsucceeded++] = node->task->id;
	}
}

static void forget_hearing(struct hearing *h, size_t count)
{
	for (size_t i = 0; i < h->nheard; i++) {
		result_free(&h->heard[i].result);
		buf_free(&h->heard[i].out);
		buf_free(&h->heard[i].err);
	}
	for (size_t i = 0; i < count; i++) {
		free(h->attempts[i]);
		buf_free(&h->texts[i]);
	}
	free(h->texts);
	free(h->failures);
	free(h->attempts);
	free(h->heard);
	free(h->succeeded);
}

static void make_request(struct run *run, const struct ladder_step *step)
{
	struct hearing h = {
		.failures = xcalloc(step->ntasks, sizeof *h.failures),
		.attempts = xcalloc(step->ntasks, sizeof *h.attempts),
		.texts = xcalloc(step->ntasks, sizeof *h.texts),
		.heard = xcalloc(run->failures.nattempts + 1, sizeof *h.heard),
	};
	for (size_t i = 0; i < step->ntasks; i++)
		hear_failure(run, &h, i, step->tasks[i]);
	hear_successes(run, &h);
	const struct debug_request request = {
		.step = run->step->id,
		.goal = run->step->goal != NULL ? run->step->goal : run->plan->goal,
		.scenario = (int)step->level,
		.failures = h.failures,
		.nfailures = step->ntasks,
		.succeeded = h.succeeded,
		.nsucceeded = h.nsucceeded,
	};
	cJSON *object = debug_request_make(&request);
	buf_reset(&run->asking.request);
	json_print(&run->asking.request, object);
	cJSON_Delete(object);
	forget_hearing(&h, step->ntasks);
}

/* A worker that is no task: a debugger or a fix, named so in the record. */
static bool start_aside(struct run *run, struct job *job, size_t task, int64_t limit_ms)
{
	job->live = false;
	if (record_flush(&run->record) && launch_lend(&run->launch, job) == 0 &&
	    loop_start(run->loop, job, task, limit_ms) == 0)
		return true;
	launch_unlend(job);
	return false;
}

static bool start_builtin(struct run *run)
{
	struct job job;
	const struct task task = { .id = DEBUGGER_ID, .kind = TASK_SHELL, .text = "" };
	launch_job(&run->launch, &job, run->step, &task, run->asking.asked, NULL, NULL);
	job.kind = JOB_DEBUGGER;
	job.input = buf_str(&run->asking.request);
	job.input_len = run->asking.request.len;
	return start_aside(run, &job, TASK_OF_DEBUGGER, BUILTIN_MS);
}

static bool start_agent(struct run *run, const struct agent *agent)
{
	struct job job;
	const struct task task = { .id = DEBUGGER_ID,
		.kind = TASK_AGENT,
		.agent = agent,
		.text = buf_str(&run->asking.request),
		.text_len = run->asking.request.len };
	launch_job(&run->launch, &job, run->step, &task, run->asking.asked, NULL, NULL);
	job.want_json = true;
	return start_aside(run, &job, TASK_OF_DEBUGGER, job.timeout_ms);
}

static bool ask(struct run *run, const struct agent *agent)
{
	struct asking *a = &run->asking;
	a->asked++;
	a->agent = agent;
	progress_line(&run->progress, "asking the %s debugger about %zu failure%s",
	    agent != NULL ? agent->name : "built-in", run->ladder.count,
	    run->ladder.count == 1 ? "" : "s");
	if (agent != NULL ? start_agent(run, agent) : start_builtin(run))
		return true;
	/* the system has nothing to spare for a diagnosis: go on without one */
	ladder_verdict(&run->ladder, NULL);
	return true;
}

static const char **failed_ids(const struct run *run)
{
	const struct ladder *l = &run->ladder;
	const char **ids = xcalloc(l->count + 1, sizeof *ids);
	for (size_t i = 0; i < l->count; i++)
		ids[i] = l->items[i].now.id;
	return ids;
}

/* Reads the verdict; false, and *why (allocated), when there is none. */
static bool read_verdict(const struct run *run, const struct result *r, const char **ids,
    struct verdict *verdict, char **why)
{
	struct json_error error;
	if (r->status != RESULT_SUCCEEDED) {
		*why = xstrdup(r->error != NULL ? r->error : reason_text(r->reason));
		return false;
	}
	const char *text = r->structured != NULL ? r->structured : "";
	cJSON *object = json_parse(text, strlen(text), &error);
	if (object == NULL) {
		*why = xstrdup("its answer is no JSON object");
		return false;
	}
	bool good = verdict_parse(object, ids, run->ladder.count, verdict, why);
	cJSON_Delete(object);
	return good;
}

static void add_answer(cJSON *event, const struct result *r)
{
	struct buf text = BUF_INIT;
	const char *from = r->structured != NULL ? r->structured : buf_str(&r->out.data);
	size_t len = strlen(from);
	text_utf8(&text, from, len < ANSWER_SHOWN ? len : ANSWER_SHOWN);
	json_add_string(event, "answer", buf_str(&text));
	buf_free(&text);
}

/* Each task's own cause: its group's, or the one of all. */
static void tell_causes(struct run *run)
{
	const struct verdict *v = &run->asking.verdict;
	const struct ladder *l = &run->ladder;
	emit_forget_causes(&run->emit);
	for (size_t g = 0; g < v->ngroups; g++) {
		for (size_t i = 0; i < v->groups[g].ntasks; i++) {
			size_t at = v->groups[g].tasks[i];
			/* a verdict on record also speaks of tasks that have succeeded since */
			if (at < l->count)
				emit_cause(&run->emit, l->items[at].now.task, v->groups[g].cause);
		}
	}
	for (size_t i = 0; i < l->count && v->ngroups == 0; i++)
		emit_cause(&run->emit, l->items[i].now.task, v->cause);
}

static void go_by_verdict(struct run *run)
{
	struct asking *a = &run->asking;
	free(a->cause);
	a->cause = xstrdup(a->verdict.cause);
	tell_causes(run);
	ladder_verdict(&run->ladder, &a->verdict);
}

/* An agent that is no task's: what it has used counts for the step. */
static void spend(struct run *run, const struct agent *agent, const struct result *r)
{
	const struct task task = { .agent = agent };
	if (agent != NULL)
		budget_spend(run, &task, &r->usage);
}

/* A run that was interrupted on the ladder goes by what the debugger has said of it already. */
static bool take_verdict(struct run *run)
{
	struct asking *a = &run->asking;
	if (!recorded_verdict(run, &a->verdict))
		return false;
	progress_line(&run->progress, "the debugger has said: %s: %s",
	    verdict_relation_text(a->verdict.relation), safe(a->verdict.cause));
	go_by_verdict(run);
	return true;
}

/* Who is asked; the built-in one too (NULL) where the backend is closed. False: it opens later. */
static bool choose(struct run *run, const struct agent **agent)
{
	const char *name = steps_debugger(run);
	*agent = NULL;
	if (strcmp(name, "builtin") == 0)
		return true;
	struct buf why = BUF_INIT;
	*agent = agents_find(run->loaded.agents, name);
	int64_t at = pressure_asks_at(run, *agent, &why);
	if (at == THROTTLE_NEVER) {
		progress_line(&run->progress, "the %s debugger is not asked: %s", safe(name),
		    safe(buf_str(&why)));
		*agent = NULL;
	}
	buf_free(&why);
	return at == THROTTLE_NEVER || at <= clock_mono_ms();
}

bool ask_begin(struct run *run, const struct ladder_step *step)
{
	const struct agent *agent;
	/* of the ladder before this one */
	verdict_free(&run->asking.verdict);
	if (take_verdict(run))
		return true;
	if (!choose(run, &agent))
		return false;
	make_request(run, step);
	return ask(run, agent);
}

void ask_over(struct run *run, const struct attempt *attempt)
{
	struct asking *a = &run->asking;
	const struct result *r = &attempt->result;
	const char **ids = failed_ids(run);
	char *why = NULL;
	bool good = !run->stop.stopping && read_verdict(run, r, ids, &a->verdict, &why);

	cJSON *event = journal_event("verdict");
	json_add_string(event, "step", run->step->id);
	json_add_integer(event, "level", run->ladder.level);
	json_add_string(event, "debugger", a->agent != NULL ? a->agent->name : "builtin");
	json_add_bool(event, "valid", good);
	json_add_string(event, "error", why);
	if (good)
		json_add_item(event, "verdict", verdict_to_json(&a->verdict, ids));
	else
		json_add_null(event, "verdict");
	if (good)
		json_add_null(event, "answer");
	else
		add_answer(event, r);
	json_add_seconds(event, "seconds", r->duration_ms);
	add_usage(event, &r->usage);
	record_event(&run->record, event);
	spend(run, a->agent, r);
	if (a->agent != NULL)
		pressure_asked(run, a->agent, r);
	free(ids);

	if (good) {
		progress_line(&run->progress, "the debugger says: %s: %s",
		    verdict_relation_text(a->verdict.relation), safe(a->verdict.cause));
		go_by_verdict(run);
	} else if (!run->stop.stopping) {
		progress_line(&run->progress, "the debugger gave no verdict: %s", safe(why));
		/* a verdict that is none is no reason to go without: the built-in one is asked, once */
		if (a->agent != NULL)
			ask(run, NULL);
		else
			ladder_verdict(&run->ladder, NULL);
	}
	free(why);
}

/* NULL: it is a command, or names none that there is. */
static const struct agent *fixing_agent(const struct run *run)
{
	const struct verdict_fix *fix = &run->asking.verdict.fix;
	if (fix->kind != FIX_AGENT || run->loaded.agents == NULL)
		return NULL;
	return agents_find(run->loaded.agents, fix->agent);
}

/* It could not begin. */
static void fail_fix(struct run *run, const char *why)
{
	struct result r;
	result_init(&r);
	r.status = RESULT_FAILED;
	result_set_error(&r, "%s", why);
	ask_fixed(run, &r);
	result_free(&r);
}

/* True when it has begun; else *why, or nothing in it: its backend opens later. */
static bool start_fix(struct run *run, const struct task *task, struct buf *why)
{
	struct job job;
	if (task->kind == TASK_AGENT) {
		if (task->agent == NULL || load_unreachable(&run->loaded, task) != NULL) {
			buf_addf(why, "there is no agent '%s' that can be used",
			    run->asking.verdict.fix.agent);
			return false;
		}
		int64_t at = pressure_asks_at(run, task->agent, why);
		if (at == THROTTLE_NEVER || at > clock_mono_ms())
			return false;
	}
	progress_line(&run->progress, "carrying out the fix of the verdict");
	launch_job(&run->launch, &job, run->step, task, run->asking.asked, NULL, NULL);
	if (start_aside(run, &job, TASK_OF_FIX, job.timeout_ms))
		return true;
	buf_addstr(why, "cannot start a worker for it");
	return false;
}

bool ask_fix(struct run *run)
{
	const struct verdict_fix *fix = &run->asking.verdict.fix;
	struct task task = { .id = FIX_ID };
	struct task_more more = { .timeout_ms = UNSET, .idle_timeout_ms = UNSET, .retries = UNSET };
	if (fix->kind == FIX_AGENT) {
		task.kind = TASK_AGENT;
		task.agent = fixing_agent(run);
		task.text = fix->prompt;
		task.text_len = strlen(fix->prompt);
	} else {
		task.kind = TASK_ARGV;
		task.text = "";
		more.argv = (const char *const *)fix->argv;
		task.more = &more;
	}
	bool good;
	if (recorded_fix(run, &good)) {
		ladder_fixed(&run->ladder, good);
		return true;
	}
	struct buf why = BUF_INIT;
	bool moved = start_fix(run, &task, &why);
	if (!moved && why.len > 0) {
		fail_fix(run, buf_str(&why));
		moved = true;
	}
	buf_free(&why);
	return moved;
}

void ask_fixed(struct run *run, const struct result *r)
{
	const struct verdict_fix *fix = &run->asking.verdict.fix;
	bool good = r->status == RESULT_SUCCEEDED;
	cJSON *event = journal_event("fix");
	json_add_string(event, "step", run->step->id);
	json_add_string(event, "agent", fix->agent);
	json_add_string(event, "prompt", fix->prompt);
	cJSON *words = fix->argv != NULL ? cJSON_CreateArray() : cJSON_CreateNull();
	for (size_t i = 0; fix->argv != NULL && fix->argv[i] != NULL; i++)
		cJSON_AddItemToArray(words, cJSON_CreateString(fix->argv[i]));
	json_add_item(event, "run", words);
	json_add_string(event, "status", good ? "succeeded" : "failed");
	json_add_string(event, "error", good ? NULL : r->error);
	json_add_seconds(event, "seconds", r->duration_ms);
	add_usage(event, &r->usage);
	record_event(&run->record, event);
	const struct agent *agent = fixing_agent(run);
	spend(run, agent, r);
	if (agent != NULL)
		pressure_asked(run, agent, r);
	progress_line(&run->progress, "the fix %s%s%s", good ? "succeeded" : "failed",
	    good ? "" : ": ", good || r->error == NULL ? "" : safe(r->error));
	if (!run->stop.stopping)
		ladder_fixed(&run->ladder, good);
}

void ask_free(struct run *run)
{
	struct asking *a = &run->asking;
	verdict_free(&a->verdict);
	buf_free(&a->request);
	free(a->cause);
	*a = (struct asking){ 0 };
}
