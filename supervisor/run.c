#include "supervisor/run.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/quantity.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/coordinator.h"
#include "supervisor/escalation.h"
#include "supervisor/events.h"
#include "supervisor/scope.h"

/* What a reader that is there needs to take the last words. */
#define DRAIN_LEAST_MS 200

/* The worker knows that it was asked to stop; why is known here. */
static void judge_stopped(const struct run *run, struct attempt *a)
{
	struct result *r = &a->result;
	bool stopped =
	    r->status == RESULT_CANCELLED || (a->stop_sent != 0 && r->reason == REASON_WORKER);
	if (!stopped)
		return;
	r->status = RESULT_CANCELLED;
	r->reason = run->stop.reason;
	result_set_error(r, "%s", reason_text(r->reason));
}

static void warn_about(struct run *run, const struct node *node, const struct result *r)
{
	char size[32];
	uint64_t dropped = r->out.dropped + r->err.dropped;
	if (r->warning != NULL)
		sink_addf(run->err, "pollard: warning: %s: %s\n", node->task->id, safe(r->warning));
	else if (dropped > 0)
		sink_addf(run->err, "pollard: warning: %s: %s of its output were dropped\n",
		    node->task->id, format_size(size, sizeof size, dropped));
}

/* The worker could not start the command for want of a process or a descriptor: nothing has run. */
static bool was_refused(const struct attempt *a)
{
	return a->result.reason == REASON_SPAWN && WIFEXITED(a->wait_status) &&
	    WEXITSTATUS(a->wait_status) == WORKER_SHORTAGE;
}

/* A worker that was no task's. */
static void aside_over(struct run *run, struct attempt *a)
{
	judge_stopped(run, a);
	if (a->task == TASK_OF_MERGE)
		merge_over(run, a);
	else if (a->task == TASK_OF_DEBUGGER)
		ask_over(run, a);
	else
		ask_fixed(run, &a->result);
	attempt_free(a);
}

static void attempt_over(struct run *run, struct attempt *a)
{
	if (a->task >= TASK_OF_FIX) {
		aside_over(run, a);
		return;
	}
	struct node *node = nodes_at(&run->nodes, a->task);
	struct result *r = &a->result;
	if (was_refused(a) && !run->stop.stopping) {
		start_refused(run, a->task, r->error);
		attempt_free(a);
		return;
	}
	start_went_well(run);
	judge_stopped(run, a);
	node->reason = (uint8_t)r->reason;
	node->spent_ms += r->duration_ms;
	run->sequential_ms += r->duration_ms;
	node->last = record_event(&run->record,
	    event_attempt_finished(run->record.dir.id, run->step, node->task, r, node->attempts,
		node->level, run->record.kept ? &run->record.dir : NULL));
	emit_keep(&run->emit, a->task, a->out_fd, a->err_fd);
	a->out_fd = a->err_fd = -1;
	emit_live_end(&run->emit);
	warn_about(run, node, r);
	schedule_over(run->schedule, a->task, r->status == RESULT_SUCCEEDED);
	if (r->status == RESULT_FAILED) {
		failures_add_attempt(run, a, node->last);
		sync_failed(run, a);
		return;
	}
	if (run->phase == PHASE_LADDER && r->status == RESULT_SUCCEEDED)
		ladder_succeeded(&run->ladder, a->task);
	final_task(run, a->task, r->status, r->reason, a);
}

static void on_signal(struct run *run, int signal)
{
	switch (signal) {
	case SIGUSR1:
		progress_status(&run->progress, &run->counts, &run->nodes, run->loop,
		    schedule_ready(run->schedule) + schedule_waiting(run->schedule));
		break;
	case SIGCONT:
		break;
	default:
		stop_signal(run, signal);
	}
}

/* Applies everything that happened during the wait. */
static void apply_events(struct run *run)
{
	for (;;) {
		struct event e = loop_next(run->loop);
		switch (e.kind) {
		case EVENT_NONE:
			return;
		case EVENT_ATTEMPT:
			attempt_over(run, e.attempt);
			break;
		case EVENT_OUTPUT:
			emit_live(&run->emit, nodes_at(&run->nodes, e.attempt->task)->task,
			    e.is_err, e.data, e.len);
			break;
		case EVENT_SIGNAL:
			on_signal(run, e.signal);
			break;
		}
	}
}

/* The least of two times to wait; -1 is no limit. */
static int64_t sooner(int64_t a, int64_t b)
{
	if (a < 0)
		return b;
	return b < 0 || a < b ? a : b;
}

static int64_t wait_time(const struct run *run)
{
	/* bad records need no slot: when all that were taken were bad, no event calls for the rest */
	if (intake_pending(run))
		return 0;
	int64_t wait = sooner(start_due(run), -1);
	if (loop_running(run->loop) > 0)
		wait = sooner(wait, progress_due(&run->progress));
	if (run->deadline_at > 0 && !run->stop.stopping) {
		int64_t left = run->deadline_at - clock_mono_ms();
		wait = sooner(wait, left > 0 ? left : 0);
	}
	return wait;
}

static void tick(struct run *run)
{
	size_t blocked;
	const struct task *waits_for = NULL;
	if (loop_running(run->loop) == 0 || progress_due(&run->progress) != 0)
		return;
	if (emit_blocked(&run->emit, &blocked))
		waits_for = nodes_at(&run->nodes, blocked)->task;
	progress_tick(&run->progress, &run->counts, &run->nodes, run->loop, waits_for);
}

static void write_journal(struct run *run)
{
	bool force = run->config->sync == SYNC_TASK && run->nfinals > 0;
	if ((force ? record_sync(&run->record) : record_flush(&run->record)) || run->trouble != 0)
		return;
	sink_addf(run->err, "pollard: cannot write the journal in %s: %s\n",
	    safe(run->record.dir.path), strerror(run->record.error));
	run_trouble(run, EXIT_IO);
}

/* The run: start all that may start, wait once, apply what happened, repeat. */
static void run_loop(struct run *run)
{
	bool readable = run->input != NULL;
	while (run->phase != PHASE_OVER) {
		stop_check(run);
		intake_stream(run, readable);
		start_announce(run);
		/* a start is recorded before the fork, a result before it is printed */
		write_journal(run);
		start_fork(run);
		final_emit(run);
		intake_forget(run);
		if (sync_advance(run))
			continue;
		loop_wait(run->loop, wait_time(run), intake_wants(run) ? run->input_fd : -1);
		readable = loop_input_ready(run->loop);
		apply_events(run);
		tick(run);
	}
	write_journal(run);
	final_emit(run);
}

static bool scopes_conflict(void *context, size_t a, size_t b)
{
	const struct run *run = context;
	return scopes_meet(run->scopes, a, nodes_at(&run->nodes, a)->task, b,
	    nodes_at(&run->nodes, b)->task);
}

static void start_run(struct run *run)
{
	const struct config *c = run->config;
	struct schedule_limits limits = { .jobs = c->sequential ? 1 : c->jobs,
		.tokens_at_once = c->tokens_at_once,
		.context = run };
	if (run->plan.has_needs || c->stream)
		limits.conflict = scopes_conflict;
	run->scopes = scopes_new();
	run->schedule = schedule_new(&run->nodes, &limits);
	run->step = &run->plan.steps[0];
	run->emit = (struct emit){ .config = c,
		.record = &run->record,
		.step = run->step,
		.nodes = &run->nodes,
		.out = run->out,
		.err = run->err };
	run->began_ms = clock_mono_ms();
	run->deadline_at = c->deadline_ms > 0 ? run->began_ms + c->deadline_ms : 0;
	record_event(&run->record, event_run_started(c, run->record.dir.id, &run->plan));
	intake_plan(run);
	write_journal(run);
	record_write_state(&run->record);
	progress_run(&run->progress, run->record.dir.id, c->stream ? UINT64_MAX : run->plan.ntasks,
	    limits.jobs);
}

/*
 * What still waits goes to its readers, as slow as they are. After a signal they have as long as a
 * task would have, so that one that is stuck does not keep us; a signal that comes now has nothing
 * but this waiting to end.
 */
static void drain(struct run *run)
{
	int64_t limit = run->config->grace_ms;
	if (run->stop.at_once || limit < DRAIN_LEAST_MS)
		limit = DRAIN_LEAST_MS;
	int signal = loop_drain(run->loop, run->stop.signal != 0 ? limit : -1);
	if (signal == 0)
		return;
	run->stop.at_once = true;
	if (run->stop.signal == 0)
		run->stop.signal = signal;
}

/* All that the tasks did is on the disk before anybody is told that it is done. */
static void force_journal(struct run *run)
{
	bool before = run->record.error == 0;
	if (record_sync(&run->record) || !before)
		return;
	sink_addf(run->err, "pollard: cannot write the journal in %s: %s\n",
	    safe(run->record.dir.path), strerror(run->record.error));
	run_trouble(run, EXIT_IO);
}

/* For a person who must decide; one that cannot be written is told of, and `pollard show` has all of it. */
static const char *write_escalation(struct run *run)
{
	if (!run->escalated || !run->record.kept || run->record.error != 0)
		return NULL;
	if (escalation_write(&run->record.dir, run->config->name) == 0)
		return ESCALATION_NAME;
	sink_addf(run->err, "pollard: warning: cannot write '%s/%s': %s\n",
	    safe(run->record.dir.path), ESCALATION_NAME, strerror(errno));
	return NULL;
}

/* Not forced to the disk: without it a run merely looks as if its end had been cut short. */
static void record_end(struct run *run, const struct totals *totals)
{
	record_event(&run->record,
	    event_run_finished(totals, summary_status(run), run->stop.signal));
	write_journal(run);
	record_write_state(&run->record);
}

/* The last records and the last words. */
static int finish_run(struct run *run)
{
	force_journal(run);
	const struct totals totals = { .counts = run->counts,
		.wall_ms = clock_mono_ms() - run->began_ms,
		.sequential_ms = run->sequential_ms,
		.escalation = write_escalation(run) };
	int status = summary_status(run);
	record_end(run, &totals);
	if (run->config->output == OUTPUT_MERGED) {
		emit_merged(&run->emit, run->merged_fd);
		run->merged_fd = -1;
	}
	emit_summary(&run->emit, &totals);
	summary_print(run, &totals);
	if (!loop_sweep(run->loop))
		sink_addf(run->err,
		    "pollard: warning: processes of a dead worker could not be ended\n");
	drain(run);
	/* what was found wrong with standard output in the last moment is said as well */
	stop_check(run);
	drain(run);
	if (summary_status(run) != status)
		record_end(run, &totals);
	return summary_status(run);
}

static void free_run(struct run *run)
{
	intake_free(run);
	emit_free(&run->emit);
	launch_free(&run->launch);
	schedule_free(run->schedule);
	scopes_free(run->scopes);
	free(run->state_root);
	loop_free(run->loop);
	sink_close(run->out);
	sink_close(run->err);
	record_close(&run->record);
	idset_free(&run->ids);
	table_free(run->succeeded, run->succeeded_cap, 1);
	if (run->merged_fd >= 0)
		close(run->merged_fd);
	free(run->merged);
	free(run->finals);
	free(run->failures.tasks);
	free(run->failures.attempts);
	ladder_free(&run->ladder);
	ask_free(run);
	free(run->failed);
	free(run->starts.v);
	nodes_free(&run->nodes);
	plan_free(&run->plan);
	agents_free(run->agents);
}

/* Everything that a run needs from the system. 0, or the exit status after saying why. */
static int prepare_run(struct run *run, worker_fn worker)
{
	int status = record_open(&run->record, run->config);
	if (status != 0)
		return status;
	if (launch_init(&run->launch, run->config, &run->record) < 0) {
		warn("cannot open '/dev/null'");
		return EXIT_SYSTEM;
	}
	spawn_init(run->record.dir.id);
	run->out = sink_open(STDOUT_FILENO, run->record.dir.path);
	run->err = sink_open(STDERR_FILENO, run->record.dir.path);
	run->loop = loop_new(worker, run->out, run->err);
	progress_init(&run->progress, run->config, run->err);
	return 0;
}

static const char *input_name(const struct config *c)
{
	return c->file != NULL && strcmp(c->file, "-") != 0 ? c->file : "standard input";
}

/* -1 after saying why; *status is what to exit with. */
static int open_input(const struct config *c, int *status)
{
	if (c->file == NULL || strcmp(c->file, "-") == 0) {
		if (isatty(STDIN_FILENO))
			warnx("reading tasks from the terminal, one a line; end with Ctrl-D");
		return STDIN_FILENO;
	}
	int fd = open(c->file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		*status = errno == EACCES ? EXIT_PERMISSION : EXIT_NOINPUT;
		warn("cannot open '%s'", safe(c->file));
	}
	return fd;
}

static int check_command(const struct agent *a)
{
	if (a->command != NULL)
		return 0;
	warnx("agent '%s' has no command: put 'command: PROGRAM' into %s (or into a file of "
	      "that name in .pollard/agents/)",
	    safe(a->name), safe(a->path));
	return EXIT_CONFIG;
}

static int check_agents(const struct run *run)
{
	for (size_t i = 0; i < run->plan.ntasks; i++) {
		const struct agent *a = run->plan.tasks[i].agent;
		if (a != NULL && check_command(a) != 0)
			return EXIT_CONFIG;
	}
	return 0;
}

/* A definition file that was left out may be the agent that nobody knows; at any other time it is nobody's business. */
static void print_agent_warnings(const struct agents *agents)
{
	if (agents == NULL)
		return;
	size_t count;
	const char *const *warnings = agents_warnings(agents, &count);
	for (size_t i = 0; i < count; i++)
		warnx("warning: %s", safe(warnings[i]));
}

/* What tasks may write must not hold the record of what they did. */
static void check_scopes(const struct run *run, struct diag *diag)
{
	const struct plan *p = &run->plan;
	for (size_t i = 0; p->has_needs && i < p->ntasks; i++) {
		const struct task *t = &p->tasks[i];
		if (intake_covers_record(run, t))
			diag_add(diag, input_name(run->config), t->line, 0,
			    "'writes' covers the state directory '%s': declare less, or give another "
			    "'--state-dir'",
			    run->state_root);
	}
}

/* Reads and checks the whole list. 0, or the exit status after saying what is wrong. */
static int read_list(struct run *run, int fd)
{
	const char *name = input_name(run->config);
	struct diag diag = { .count = 0 };
	if (input_read(fd, name, run->config, run->agents, &run->plan, &diag) < 0) {
		if (fd == STDIN_FILENO)
			warn("cannot read %s", name);
		else
			warn("cannot read '%s'", safe(name));
		diag_free(&diag);
		return EXIT_IO;
	}
	int status = 0;
	if (diag.count == 0)
		check_scopes(run, &diag);
	if (diag.count > 0) {
		print_agent_warnings(run->agents);
		diag_print(&diag);
		status = EXIT_INPUT;
	}
	diag_free(&diag);
	return status != 0 ? status : check_agents(run);
}

static int nothing_to_do(const struct config *c)
{
	const struct counts none = { 0 };
	enum exit_status status = outcome_exit(&c->require, &none, false, false);
	if (status != EXIT_MET)
		warnx("0 tasks, and '--require' wants some to succeed");
	else if (c->progress != PROGRESS_NONE)
		warnx("0 tasks");
	return (int)status;
}

/* The state directory by its real name, as far as it is there; NULL without one. */
static char *real_root(const struct config *c)
{
	char *root = state_root(c);
	char *real = root != NULL ? realpath(root, NULL) : NULL;
	if (real == NULL)
		return root;
	free(root);
	return real;
}

static int run_all(struct run *run, worker_fn worker, int fd)
{
	const struct config *c = run->config;
	if (!c->no_record)
		run->state_root = real_root(c);
	if (c->stream) {
		intake_open(run, input_name(c), fd);
	} else {
		int status = read_list(run, fd);
		if (status != 0)
			return status;
		if (run->plan.ntasks == 0)
			return nothing_to_do(c);
	}
	int status = prepare_run(run, worker);
	if (status != 0)
		return status;
	start_run(run);
	run_loop(run);
	return finish_run(run);
}

static bool asks_agent(const struct config *c)
{
	return strcmp(c->debugger, "none") != 0 && strcmp(c->debugger, "builtin") != 0;
}

/* An agent as the debugger is there before it is needed. */
static int check_debugger(const struct run *run)
{
	const char *name = run->config->debugger;
	if (!asks_agent(run->config))
		return 0;
	const struct agent *a = agents_find(run->agents, name);
	if (a == NULL) {
		const char *near = agents_suggest(run->agents, name);
		print_agent_warnings(run->agents);
		if (near != NULL)
			warnx("option '--debugger': no agent '%s', did you mean '%s'?", safe(name),
			    safe(near));
		else
			warnx("option '--debugger': no agent '%s'; there are builtin, none and the "
			      "agents of 'pollard agents'",
			    safe(name));
		return EXIT_INPUT;
	}
	return check_command(a);
}

static void load_agents(struct run *run)
{
	const struct config *c = run->config;
	if (c->input != INPUT_AUTO && c->input != INPUT_AGENT && !asks_agent(c) && !c->allow_fix)
		return;
	run->agents = agents_load(NULL);
}

int run_main(const struct config *config, worker_fn worker)
{
	struct run run = { .config = config,
		.worker = worker,
		.merged_fd = -1,
		.input_fd = -1,
		.record.lock_fd = -1,
		.launch.null_fd = -1 };
	int status = 0;
	/* asked for its status before there is one, or in its last moment, a run does not die of it */
	signal(SIGUSR1, SIG_IGN);
	load_agents(&run);
	int fd = open_input(config, &status);
	if (fd >= 0)
		status = check_debugger(&run);
	if (fd >= 0 && status == 0)
		status = run_all(&run, worker, fd);
	int signal = run.stop.signal;
	if (fd > STDERR_FILENO)
		close(fd);
	free_run(&run);
	if (signal != 0)
		end_by_signal(signal);
	return status;
}
