#include "supervisor/run.h"

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/quantity.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/coordinator.h"
#include "supervisor/ending.h"
#include "supervisor/plan/effective.h"
#include "supervisor/progress/watch.h"
#include "supervisor/record/escalation.h"
#include "supervisor/record/events.h"
#include "supervisor/record/locks.h"
#include "supervisor/session_usage.h"

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
		summary_say(run, "pollard: warning: %s: %s\n", node->task->id, safe(r->warning));
	else if (dropped > 0)
		summary_say(run, "pollard: warning: %s: %s of its output were dropped\n",
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
	session_usage_part(run, node, r);
	if (pressure_over(run, a))
		return;
	node->reason = (uint8_t)r->reason;
	node->spent_ms += r->duration_ms;
	run->sequential_ms += r->duration_ms;
	run->step_sequential_ms += r->duration_ms;
	budget_release(run, node->task);
	budget_spend(run, node->task, &r->usage);
	/* without a run directory what is merged, or put into a prompt, must stand in the record */
	if (!run->record.kept && merge_wants_answers(run))
		emit_inline(&r->out, a->out_fd);
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
	case SIGTSTP:
	case SIGWINCH:
		watch_signal(run, signal);
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
		case EVENT_PRESSURE:
			pressure_heard(run, &e);
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

/* The same, up to a time that may not be set. */
static int64_t until(int64_t wait, int64_t at)
{
	if (at == 0)
		return wait;
	int64_t left = at - clock_mono_ms();
	return sooner(wait, left > 0 ? left : 0);
}

static int64_t wait_time(const struct run *run)
{
	/* bad records need no slot: when all that were taken were bad, no event calls for the rest */
	if (intake_pending(run))
		return 0;
	int64_t wait = sooner(start_due(run), -1);
	if (loop_running(run->loop) > 0)
		wait = sooner(wait, progress_due(&run->progress));
	wait = sooner(wait, watch_due(run));
	if (!run->stop.stopping) {
		wait = until(wait, run->deadline_at);
		wait = until(wait, run->step_deadline_at);
		wait = until(wait, run->merge_at);
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

/* Said once, whatever else went wrong before: from here on nothing is on record. */
static void tell_journal(struct run *run)
{
	if (run->record.error == 0 || run->journal_told)
		return;
	run->journal_told = true;
	summary_say(run,
	    "pollard: cannot write the journal in %s: %s; what ends from here on is not on record, "
	    "and a resumed run does it again\n",
	    safe(run->record.dir.path), strerror(run->record.error));
	run_trouble(run, EXIT_IO);
}

static void write_journal(struct run *run)
{
	bool force = run->config->sync == SYNC_TASK && run->nfinals > 0;
	if (force)
		record_sync(&run->record);
	else
		record_flush(&run->record);
	tell_journal(run);
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
		if (run->record.error == 0)
			start_fork(run);
		final_emit(run);
		intake_forget(run);
		if (sync_advance(run))
			continue;
		loop_wait(run->loop, wait_time(run), intake_wants(run) ? run->input_fd : -1);
		readable = loop_input_ready(run->loop);
		apply_events(run);
		tick(run);
		watch_turn(run);
	}
	write_journal(run);
	final_emit(run);
}

/* All tasks that are known are on record before the first one starts. */
static void record_tasks(struct run *run)
{
	const struct plan *p = run->plan;
	for (size_t i = 0; i < p->nsteps; i++)
		intake_tasks(run, i, p->steps[i].first, p->steps[i].count);
}

void run_settle(struct run *run)
{
	const struct config *c = run->config;
	const struct plan *p = run->plan;
	int64_t deadline = c->deadline_ms != NOT_GIVEN ? c->deadline_ms : p->limits.deadline_ms;
	run->scopes = scopes_new();
	run->yields = xcalloc(p->nsteps, sizeof *run->yields);
	for (size_t i = 0; i < p->nsteps; i++)
		run->yields[i].merged_fd = -1;
	run->emit = (struct emit){ .config = c,
		.record = &run->record,
		.nodes = &run->nodes,
		.out = run->out,
		.err = run->err };
	run->began_ms = clock_mono_ms();
	run->deadline_at = deadline > 0 ? run->began_ms + deadline : 0;
	progress_run(&run->progress, run->record.dir.id, c->stream ? UINT64_MAX : p->ntasks,
	    effective_jobs(c, p, &p->steps[0]));
	if (c->rehearse)
		progress_line(&run->progress, "a rehearsal: nothing is started in earnest");
}

static void start_run(struct run *run)
{
	const struct loaded *l = &run->loaded;
	char *file = l->file != NULL ? realpath(l->file, NULL) : NULL;
	run_settle(run);
	record_event(&run->record,
	    event_run_started(run->config, run->record.dir.id, run->plan, file));
	free(file);
	record_tasks(run);
	write_journal(run);
	record_write_state(&run->record);
	steps_next(run);
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
	record_sync(&run->record);
	tell_journal(run);
}

/* For a person who must decide; one that cannot be written is told of, and `pollard show` has all of it. */
static const char *write_escalation(struct run *run)
{
	if (!run->record.kept || run->record.error != 0)
		return NULL;
	/* what a person had to decide before the run went on is decided */
	if (!run->escalated) {
		unlinkat(run->record.dir.fd, ESCALATION_NAME, 0);
		return NULL;
	}
	if (escalation_write(&run->record.dir, run->plan->name) == 0)
		return ESCALATION_NAME;
	summary_say(run, "pollard: warning: cannot write '%s/%s': %s\n", safe(run->record.dir.path),
	    ESCALATION_NAME, strerror(errno));
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

/* The merged result of the last step that ran; -1: there is none. Taken over by the caller. */
static int last_merged(struct run *run)
{
	for (size_t i = run->plan->nsteps; i-- > 0;) {
		struct yield *y = &run->yields[i];
		int fd = y->merged_fd;
		if (!y->over || y->left_out)
			continue;
		y->merged_fd = -1;
		return fd;
	}
	return -1;
}

/* Whoever asked for that file relies on it: that it cannot be written must be in the status. */
static void check_state_file(struct run *run)
{
	if (run->config->state_file == NULL)
		return;
	record_write_state(&run->record);
	if (run->record.state_file_failed)
		run_trouble(run, EXIT_IO);
}

/* The last records and the last words. */
static int finish_run(struct run *run)
{
	progress_over(&run->progress);
	force_journal(run);
	check_state_file(run);
	const struct totals totals = { .counts = run->counts,
		.wall_ms = run->earlier_ms + clock_mono_ms() - run->began_ms,
		.sequential_ms = run->sequential_ms,
		.spent = run->usage,
		.rehearsal = run->config->rehearse,
		.escalation = write_escalation(run) };
	int status = summary_status(run);
	record_end(run, &totals);
	if (run->config->output == OUTPUT_MERGED) {
		emit_merged(&run->emit, last_merged(run));
	}
	emit_summary(&run->emit, &totals);
	summary_print(run, &totals);
	ending_notify(run, &totals, status);
	run->launch.finished = status == EXIT_MET && run->counts.succeeded == run->counts.total;
	ending_prune(run);
	if (!loop_sweep(run->loop))
		summary_say(run,
		    "pollard: warning: processes of a dead worker could not be ended\n");
	drain(run);
	/* what was found wrong with standard output in the last moment is said as well */
	stop_check(run);
	summary_end(run, &totals);
	drain(run);
	if (summary_status(run) != status) {
		record_end(run, &totals);
		drain(run);
	}
	return summary_status(run);
}

void run_free(struct run *run)
{
	intake_free(run);
	emit_free(&run->emit);
	launch_free(&run->launch);
	schedule_free(run->schedule);
	scopes_free(run->scopes);
	pressure_free(run);
	loop_free(run->loop);
	sink_close(run->out);
	sink_close(run->err);
	progress_free(&run->progress);
	usual_free(&run->usual);
	record_close(&run->record);
	idset_free(&run->ids);
	table_free(run->succeeded, run->succeeded_cap, 1);
	for (size_t i = 0; run->yields != NULL && i < run->plan->nsteps; i++) {
		if (run->yields[i].merged_fd >= 0)
			close(run->yields[i].merged_fd);
		free(run->yields[i].merged);
	}
	free(run->yields);
	buf_free(&run->invalid);
	buf_free(&run->held);
	free(run->escalated_why);
	free(run->finals);
	free(run->failures.tasks);
	free(run->failures.attempts);
	ladder_free(&run->ladder);
	ask_free(run);
	free(run->failed);
	free(run->starts.v);
	nodes_free(&run->nodes);
	load_free(&run->loaded);
	/* last: the next run of the name begins when this one has ended */
	if (run->name_lock >= 0)
		name_unlock(run->name_lock);
}

/* Everything that a run needs from the system. 0, or the exit status after saying why. */
int run_prepare(struct run *run, worker_fn worker)
{
	if (launch_init(&run->launch, run->config, &run->record, &run->loaded) < 0) {
		warn("cannot open '/dev/null'");
		return EXIT_SYSTEM;
	}
	spawn_init(run->record.dir.id);
	pressure_init(run);
	run->out = sink_open(STDOUT_FILENO, run->record.dir.path);
	run->err = sink_open(STDERR_FILENO, run->record.dir.path);
	run->loop = loop_new(worker, run->out, run->err);
	progress_init(&run->progress, run->config, run->out, run->err);
	return 0;
}

int run_go(struct run *run)
{
	run_loop(run);
	return finish_run(run);
}

/* With --stream nothing is read beforehand. */
static int read_input(struct run *run)
{
	const struct config *c = run->config;
	if (!c->stream)
		return load_read(&run->loaded);
	if (run->loaded.is_workflow) {
		warnx("option '--stream' is for lists, and '%s' is a workflow",
		    safe(load_name(&run->loaded)));
		return EXIT_USAGE;
	}
	intake_open(run, load_name(&run->loaded), run->loaded.fd);
	return 0;
}

static int run_all(struct run *run, worker_fn worker)
{
	int status = load_open(&run->loaded, run->config);
	run->plan = &run->loaded.plan;
	if (status == 0)
		status = read_input(run);
	if (status != 0)
		return status;
	status = naming_take(run);
	if (status != 0)
		return status == NAMING_SKIPPED ? EXIT_MET : status;
	status = record_open(&run->record, run->config);
	if (status == 0)
		naming_tell(run);
	if (status == 0)
		status = run_prepare(run, worker);
	if (status != 0)
		return status;
	start_run(run);
	return run_go(run);
}

int run_main(const struct config *config, worker_fn worker)
{
	struct run run = RUN_NEW(config, worker);
	/* asked for its status before there is one, or in its last moment, a run does not die of it */
	signal(SIGUSR1, SIG_IGN);
	int status = run_all(&run, worker);
	int signal = run.stop.signal;
	run_free(&run);
	if (signal != 0)
		end_by_signal(signal);
	return status;
}
