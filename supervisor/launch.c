#include "supervisor/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/launch_agent.h"
#include "supervisor/record/evidence.h"
#include "supervisor/recovery/refine.h"

#define AGENT_TIMEOUT_MS (30 * 60 * 1000)
#define AGENT_MAX_OUTPUT (INT64_C(64) * 1024 * 1024)

/* The trace id of a well-formed incoming TRACEPARENT is continued; any other begins a new trace. */
static void init_trace(struct launch *l)
{
	const char *in = getenv("TRACEPARENT");
	if (in != NULL && strlen(in) == 55 && strncmp(in, "00-", 3) == 0 && in[35] == '-' &&
	    strspn(in + 3, "0123456789abcdef") == 32 && strspn(in + 3, "0") < 32) {
		memcpy(l->trace, in + 3, 32);
		l->trace[32] = '\0';
		return;
	}
	snprintf(l->trace, sizeof l->trace, "%08x%08x%08x%08x", arc4random(), arc4random(),
	    arc4random(), arc4random() | 1);
}

int launch_init(struct launch *l, const struct config *config, const struct record *record,
    const struct loaded *loaded)
{
	*l = (struct launch){ .config = config, .record = record, .loaded = loaded };
	/* first: launch_free() clears places, whatever fails here */
	places_init(&l->places, record->kept ? record->dir.fd : -1, record->dir.path,
	    record->dir.id);
	l->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (l->null_fd < 0)
		return -1;
	init_trace(l);
	return 0;
}

void launch_free(struct launch *l)
{
	if (l->null_fd >= 0)
		close(l->null_fd);
	if (l->config != NULL)
		places_end(&l->places, !l->finished);
	launch_agent_free(l);
	buf_free(&l->prompt);
	buf_free(&l->last_error);
	buf_free(&l->out_name);
	buf_free(&l->err_name);
	buf_free(&l->texts);
	buf_free(&l->handed);
	buf_free(&l->structured);
	free(l->parts);
	free(l->env);
}

/* The first of task, option and agent that says something. */
static int64_t first_given(int64_t task, int64_t option, int64_t agent, int64_t otherwise)
{
	if (task != UNSET)
		return task;
	if (option != NOT_GIVEN)
		return option;
	return agent != UNSET ? agent : otherwise;
}

unsigned launch_retries(const struct config *config, const struct step *step,
    const struct task *task)
{
	const struct agent *a = task->agent;
	int64_t own = task->more != NULL ? task->more->retries : UNSET;
	if (own == UNSET && step->more != NULL)
		own = step->more->retries;
	return (unsigned)first_given(own, config->retries, a != NULL ? a->retries : UNSET,
	    a != NULL ? 1 : 0);
}

static void set_limits(const struct launch *l, struct job *job, const struct task *task)
{
	const struct config *c = l->config;
	const struct task_more *m = task->more;
	const struct agent *a = task->agent;
	job->timeout_ms = first_given(m != NULL ? m->timeout_ms : UNSET, c->timeout_ms,
	    a != NULL ? a->timeout_ms : UNSET, a != NULL ? AGENT_TIMEOUT_MS : 0);
	job->idle_timeout_ms = first_given(m != NULL ? m->idle_timeout_ms : UNSET,
	    c->idle_timeout_ms, a != NULL ? a->idle_timeout_ms : UNSET,
	    job->backend != NULL ? job->backend->idle_ms : 0);
	job->grace_ms = c->grace_ms;
	job->max_output =
	    (uint64_t)first_given(UNSET, c->max_output, UNSET, a != NULL ? AGENT_MAX_OUTPUT : 0);
}

static void set_command(struct launch *l, struct job *job, const struct task *task,
    const struct result *last)
{
	const struct config *c = l->config;
	switch ((enum task_kind)task->kind) {
	case TASK_LINE:
		job->kind = JOB_COMMAND;
		job->argv = c->command;
		if (c->command_stdin) {
			job->input = task->text;
			job->input_len = task->text_len;
		} else {
			job->argument = task->text;
			job->number = task->number;
		}
		break;
	case TASK_SHELL:
		job->kind = JOB_COMMAND;
		l->shell_words[0] = "/bin/sh";
		l->shell_words[1] = "-c";
		l->shell_words[2] = task->text;
		l->shell_words[3] = NULL;
		job->argv = l->shell_words;
		break;
	case TASK_ARGV:
		job->kind = JOB_COMMAND;
		job->argv = task->more->argv;
		break;
	case TASK_AGENT:
		launch_agent(l, job, task, last);
		break;
	case TASK_INVALID:
		break;
	}
}

static void set_more(struct job *job, const struct task_more *m)
{
	job->cwd = m->cwd;
	job->env = m->env;
	job->nenv = m->nenv;
	job->want_json = job->want_json || m->want_json;
	if (m->input != NULL) {
		job->input = m->input;
		job->input_len = m->input_len;
	}
}

/* The prompt of an agent that has failed before. */
static void refine(struct launch *l, const struct job *job, const struct task *task,
    const struct evidence *evidence, const struct verdict_retry *advice)
{
	const struct template *refining = task->more != NULL ? task->more->refining : NULL;
	bool has_parts = task->more != NULL && task->more->prompt != NULL;
	buf_reset(&l->prompt);
	l->told = true;
	if (advice != NULL && advice->prompt != NULL) {
		/* written by somebody who knew what happened */
		buf_addstr(&l->prompt, advice->prompt);
	} else if (refining == NULL && job->session != NULL) {
		refine_message(&l->prompt, evidence);
	} else if (refining == NULL && has_parts) {
		refine_what_happened(&l->prompt, evidence);
		l->happened = true;
		l->told = false;
	} else {
		refine_prompt(&l->prompt, refining, task->text, task->text_len, evidence);
	}
}

/* What the attempt before said, and what the debugger says about it. */
static void set_evidence(struct launch *l, struct job *job, const struct task *task,
    const struct result *last, const struct verdict_retry *advice)
{
	const struct attempt_name name = { job->step, job->task, job->attempt - 1 };
	const char *error = last->error != NULL ? last->error : reason_text(last->reason);
	const char *words = advice != NULL ? advice->advice : NULL;
	struct buf tail = BUF_INIT;
	evidence_tail(&tail, l->record, &name, last, launch_tells_events(job), EVIDENCE_LINES,
	    EVIDENCE_BYTES);
	buf_reset(&l->last_error);
	buf_addf(&l->last_error, "%s\n", error);
	if (words != NULL)
		buf_addf(&l->last_error, "advice: %s\n", words);
	buf_add(&l->last_error, tail.data, tail.len);
	job->last_error = buf_str(&l->last_error);
	job->last_error_len = l->last_error.len;
	if (job->kind == JOB_AGENT) {
		const struct evidence evidence = { .attempt = job->attempt - 1,
			.error = error,
			.tail = buf_str(&tail),
			.tail_len = tail.len,
			.advice = words,
			.fence = l->fence };
		refine(l, job, task, &evidence, advice);
		job->input = buf_str(&l->prompt);
		job->input_len = l->prompt.len;
	}
	if (advice != NULL && advice->timeout_ms != UNSET)
		job->timeout_ms = advice->timeout_ms;
	buf_free(&tail);
}

int launch_lend(const struct launch *l, struct job *job)
{
	if (l->record->kept)
		return 0;
	job->out_fd = record_unnamed_file(l->record);
	if (job->out_fd < 0)
		return -1;
	job->err_fd = record_unnamed_file(l->record);
	if (job->err_fd >= 0)
		return 0;
	int error = errno;
	launch_unlend(job);
	errno = error;
	return -1;
}

void launch_unlend(struct job *job)
{
	if (job->out_fd >= 0)
		close(job->out_fd);
	if (job->err_fd >= 0)
		close(job->err_fd);
	job->out_fd = job->err_fd = -1;
}

/* A stand-in takes the place of whatever would be started. */
static void rehearse(struct launch *l, struct job *job, const struct step *step,
    const struct task *task)
{
	const struct plan *plan = &l->loaded->plan;
	const struct task *first = plan->tasks + step->first;
	/* "+debugger" is called "debugger" in a script */
	const char *name = job->task[0] == '+' ? job->task + 1 : job->task;
	job->kind = JOB_REHEARSAL;
	script_find(l->loaded->script, job->step, name, job->agent, job->attempt, &l->rehearsal);
	if (l->rehearsal.structured == NULL && job->want_json && job->task[0] != '+') {
		char *zeros = rehearse_zeros(plan, (size_t)(step - plan->steps),
		    step->first + (size_t)(task - first));
		buf_reset(&l->structured);
		buf_addstr(&l->structured, zeros);
		free(zeros);
		l->rehearsal.structured = buf_str(&l->structured);
	}
	job->rehearsal = &l->rehearsal;
	job->live = false;
}

void launch_job(struct launch *l, struct job *job, const struct step *step, const struct task *task,
    unsigned attempt, const struct result *last, const struct verdict_retry *advice)
{
	*job = (struct job){
		.run = l->record->dir.id,
		.step = step->id,
		.task = task->id,
		.attempt = attempt,
		.traceparent = l->traceparent,
		.out_dirfd = l->record->dir.out_fd,
		.out_fd = -1,
		.err_fd = -1,
		.journal_fd = -1,
		.merge_dirfd = -1,
		.null_fd = l->null_fd,
		.lease_fd = l->record->lease_fd,
		.supervisor_pid = getpid(),
	};
	/* another one each time: what an agent has seen it could write into what others are given */
	snprintf(l->fence, sizeof l->fence, "DATA-%08x%08x", arc4random(), arc4random());
	snprintf(l->traceparent, sizeof l->traceparent, "00-%s-%08x%08x-01", l->trace, arc4random(),
	    arc4random() | 1);
	buf_reset(&l->out_name);
	buf_reset(&l->err_name);
	rundir_out_name(&l->out_name, step->id, task->id, attempt, false);
	rundir_out_name(&l->err_name, step->id, task->id, attempt, true);
	job->out_name = buf_str(&l->out_name);
	job->err_name = buf_str(&l->err_name);

	/* that it is attempted once more says nothing about the task */
	if (last != NULL && launch_was_held_back(last) && advice == NULL)
		last = NULL;
	set_command(l, job, task, last);
	set_limits(l, job, task);
	if (task->more != NULL)
		set_more(job, task->more);
	l->happened = l->told = false;
	job->live = l->config->sequential && l->config->output == OUTPUT_TEXT;
	if (last != NULL)
		set_evidence(l, job, task, last, advice);
	if (l->config->rehearse)
		rehearse(l, job, step, task);
}

void launch_add_part(struct launch *l, struct job *job, struct job_part part)
{
	l->parts[job->nparts++] = part;
}
