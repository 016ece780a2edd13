#include "supervisor/resume/resume.h"

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/exits.h"
#include "shared/json.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/commands/reading.h"
#include "supervisor/coordinator.h"
#include "supervisor/input/workflow.h"
#include "supervisor/options/options.h"
#include "supervisor/record/events.h"
#include "supervisor/resume/choose.h"
#include "supervisor/resume/finished.h"
#include "supervisor/resume/rebuild.h"
#include "supervisor/resume/takeover.h"
#include "supervisor/run.h"

/* Files of debuggers and merges that were interrupted keep their numbers. */
#define NUMBERS_EACH 100
/* No exit status: there is no earlier run of the list. */
#define NO_EARLIER (-1)

/* What is known of a run before it goes on. On the stack of resume_any(). */
struct resuming {
	const struct config *given; /* what `resume` was told */
	bool edited;		    /* `run --resume`: the list is read again */
	struct config config;	    /* the run's own, and that over it */
	struct arena arena;	    /* its strings */
	struct takeover taken;
};

static int open_run(struct resuming *s)
{
	struct config config = *s->given;
	char *root = reading_root(&config);
	if (root == NULL)
		return EXIT_NOINPUT;
	char *chosen = NULL;
	if (s->edited)
		chosen = choose_earlier(root, &config);
	else if (config.run == NULL)
		chosen = choose_unfinished(root);
	free(root);
	if (s->edited && chosen == NULL)
		return NO_EARLIER;
	if (chosen != NULL)
		config.run = chosen;
	int status = reading_open(&config, &s->taken.dir, NULL);
	free(chosen);
	return status;
}

/* What `resume` is told goes over what the run was told; `run --resume` says all anew. */
static int set_config(struct resuming *s)
{
	if (s->edited) {
		s->config = *s->given;
		return 0;
	}
	struct buf error = BUF_INIT;
	const cJSON *started = s->taken.replay.started;
	const struct config *given = s->given;
	int status = options_replay(json_get(started, "options"), json_get(started, "command"),
	    &s->config, &s->arena, &error);
	int words = 0;
	while (given->argv[words] != NULL)
		words++;
	if (status == 0)
		status = options_apply(words, (char *const *)given->argv, &s->config, &error);
	if (status != 0)
		warnx("%s", buf_str(&error));
	buf_free(&error);
	s->config.argv = given->argv;
	s->config.state_dir = given->state_dir;
	s->config.run = given->run;
	s->config.stream = false;
	s->config.no_record = false;
	return status;
}

/* -1 with errno when the directory where the run was started is not there. */
static int change_directory(const struct resuming *s)
{
	struct buf cwd = BUF_INIT;
	int result = 0;
	if (!s->edited && json_get_bytes(s->taken.replay.started, "cwd", &cwd))
		result = chdir(buf_str(&cwd));
	if (result < 0)
		warn("cannot change to '%s', where the run was started", safe(buf_str(&cwd)));
	buf_free(&cwd);
	return result;
}

static bool was_called_off(const struct replay_task *t)
{
	return t->final &&
	    (t->called_off || t->status == RESULT_CANCELLED ||
		(t->status == RESULT_SKIPPED &&
		    (t->reason == REASON_DEADLINE || t->reason == REASON_BUDGET)));
}

/* Which tasks that have a status run again. */
static size_t statuses_again(const struct resuming *s, const char *again[3])
{
	const struct replay *r = &s->taken.replay;
	/* of an edited list, what others need may succeed now */
	bool called_off = s->edited;
	size_t n = 0;
	for (size_t i = 0; i < r->ntasks; i++)
		called_off = called_off || was_called_off(&r->tasks[i]);
	if (s->given->retry_failed)
		again[n++] = result_status_text(RESULT_FAILED);
	if (s->given->retry_failed || called_off) {
		again[n++] = result_status_text(RESULT_SKIPPED);
		again[n++] = result_status_text(RESULT_CANCELLED);
	}
	return n;
}

/* A merge that was wanted and failed left its step without what the next ones need. */
static bool has_failed_merge(const struct replay *r)
{
	for (size_t i = 0; i < r->nsteps; i++) {
		if (r->steps[i].merge.offset >= 0 && r->steps[i].merge_status != RESULT_SUCCEEDED)
			return true;
	}
	return false;
}

/* A `retry-failed` of a run in which all went well has nothing to do. */
static bool has_more(const struct resuming *s, const char *const *again, size_t n)
{
	const struct replay *r = &s->taken.replay;
	/* a signal may have come between the tasks: then none of them was called off */
	if (!r->finished || r->signal != NULL)
		return true;
	if (s->given->retry_failed && has_failed_merge(r))
		return true;
	for (size_t i = 0; i < r->ntasks; i++) {
		const struct replay_task *t = &r->tasks[i];
		if (t->called_off && !t->removed)
			return true;
		for (size_t k = 0; k < n; k++) {
			if (t->final && t->reason != REASON_WHEN && !t->removed &&
			    strcmp(again[k], result_status_text((enum result_status)t->status)) ==
				0)
				return true;
		}
	}
	return false;
}

/* The state as all records together tell it; records of this run go on from there. */
static int read_state(struct run *run)
{
	struct journal_reader *reader = journal_reader_open(run->record.dir.fd);
	const cJSON *record;
	if (reader == NULL) {
		warn("cannot read '%s/%s'", safe(run->record.dir.path), JOURNAL_NAME);
		return EXIT_IO;
	}
	while ((record = journal_reader_next(reader)) != NULL)
		state_event(run->record.state, record);
	journal_reader_free(reader);
	return 0;
}

/* The tasks that a foreach had made, from the same list as then. */
static void make_again(struct run *run, size_t step)
{
	struct plan *plan = run->plan;
	const struct step_more *more = plan->steps[step].more;
	size_t at = replay_find_step(run->replay, plan->steps[step].id);
	if (more == NULL || more->foreach == NULL || at == REPLAY_NONE ||
	    run->replay->steps[at].count == 0)
		return;
	struct buf why = BUF_INIT;
	cJSON *list = values_get(run, more->foreach->in, &why);
	bool good = list != NULL &&
	    workflow_foreach(plan, step, list, run->config, run->loaded.agents, &why);
	cJSON_Delete(list);
	buf_free(&why);
	for (size_t i = 0; i < run->nodes.end; i++)
		nodes_at(&run->nodes, i)->task = &plan->tasks[i];
	/* what could not be made then, and has failed for it, is made when the step begins */
	if (good)
		intake_tasks(run, step, plan->steps[step].first, plan->steps[step].count);
}

/* Tasks as they are on record, step by step: what a foreach has made comes from results before it. */
static void restore(struct run *run)
{
	const struct plan *p = run->plan;
	restore_spent(run);
	for (size_t i = 0; i < p->nsteps; i++)
		intake_tasks(run, i, p->steps[i].first, p->steps[i].count);
	for (size_t i = 0; i < p->nsteps; i++) {
		make_again(run, i);
		restore_step(run, i);
	}
	run->sequential_ms = run->replay->sequential_ms;
	run->earlier_ms = run->replay->active_ms;
	run->resumed = run->replay->resumed;
	if (run->replay->cause != NULL)
		run->asking.cause = xstrdup(run->replay->cause);
	run->asking.asked = NUMBERS_EACH * run->resumed;
}

/* Whether the clients are the ones that the run began with, which know their sessions. */
static bool has_same_backend(const struct run *run)
{
	const char *was = json_get_string(json_get(run->replay->started, "options"), "backend");
	const char *is = run->config->backend != NULL ? run->config->backend : run->plan->backend;
	return was == is || (was != NULL && is != NULL && strcmp(was, is) == 0);
}

/* On record, and known to the replay and the state as everybody who reads it will see it. */
static void record_resumed(struct run *run, const char *const *again, size_t n)
{
	cJSON *event = event_resumed(again, n);
	const struct record_place nowhere = { .offset = -1 };
	replay_event(run->replay, event, nowhere);
	struct record_place place = record_event(&run->record, event);
	if (!has_same_backend(run))
		run->launch.own_sessions = place.offset;
}

/* The list as it is now, from its file. */
static int load_edited(struct resuming *s, struct loaded *l)
{
	int status = load_open(l, &s->config);
	return status == 0 ? load_read(l) : status;
}

/* The tasks that a foreach is to make are not known yet, and may be the same again. */
static bool is_known_later(const struct plan *p, const char *step)
{
	for (size_t i = 0; i < p->nsteps; i++) {
		const struct step *s = &p->steps[i];
		if (strcmp(s->id, step) == 0)
			return s->more != NULL && s->more->foreach != NULL && s->count == 0;
	}
	return false;
}

/* What is not in the list any more stays in the record as history. */
static void record_removed(struct run *run)
{
	struct replay *r = run->replay;
	const struct record_place nowhere = { .offset = -1 };
	for (size_t i = 0; i < r->ntasks; i++) {
		const struct replay_task *t = &r->tasks[i];
		const char *step = r->steps[t->step].id;
		if (t->removed || plan_has(run->plan, step, t->id) ||
		    is_known_later(run->plan, step))
			continue;
		cJSON *event = event_task_removed(step, t->id);
		replay_event(r, event, nowhere);
		record_event(&run->record, event);
	}
}

/*
 * The list as it is now, with its options: whoever goes on after this run has no other. Tasks are told
 * removed first, for what is named here afterwards is in the list.
 */
static void record_edited(struct run *run)
{
	char *file = run->loaded.file != NULL ? realpath(run->loaded.file, NULL) : NULL;
	const struct record_place nowhere = { .offset = -1 };
	record_removed(run);
	cJSON *event = event_list_edited(run->config, run->record.dir.id, run->plan, file);
	replay_event(run->replay, event, nowhere);
	record_event(&run->record, event);
	free(file);
}

/* A list that was emptied. */
static int nothing_to_do(const struct resuming *s)
{
	const struct counts none = { 0 };
	warnx("0 tasks: run '%s' stays as it is", s->taken.dir.id);
	return (int)outcome_exit(&s->config.require, &none, false, false);
}

/* Opens the record again and reads what it says. 0, or the exit status after saying why not. */
static int open_record(struct resuming *s, struct run *run)
{
	struct takeover *t = &s->taken;
	struct journal *journal = journal_reopen(t->dir.fd, t->replay.end, t->replay.seq);
	if (journal == NULL) {
		warn("cannot go on with '%s/%s'", safe(t->dir.path), JOURNAL_NAME);
		return errno == EACCES ? EXIT_PERMISSION : EXIT_IO;
	}
	record_reopen(&run->record, &s->config, &t->dir, t->lock_fd, t->lease_fd, journal);
	t->lock_fd = t->lease_fd = -1;
	takeover_clean(&run->record.dir);
	return read_state(run);
}

static int go_on(struct resuming *s, struct run *run, const char *const *again, size_t n)
{
	struct replay *r = &s->taken.replay;
	if (change_directory(s) < 0)
		return EXIT_NOINPUT;
	run->plan = &run->loaded.plan;
	run->replay = r;
	int status =
	    s->edited ? load_edited(s, &run->loaded) : rebuild_plan(&run->loaded, &s->config, r);
	if (status != 0)
		return status;
	if (s->edited && run->plan->ntasks == 0 && run->plan->document == NULL)
		return nothing_to_do(s);
	status = naming_take(run);
	if (status != 0)
		return status == NAMING_SKIPPED ? EXIT_MET : status;
	status = open_record(s, run);
	if (status == 0)
		status = run_prepare(run, run->worker);
	if (status != 0)
		return status;
	run->input_cut = replay_input_cut(r);
	record_resumed(run, again, n);
	if (s->edited)
		record_edited(run);
	naming_tell(run);
	run_settle(run);
	restore(run);
	/* of those that a foreach has made again some may be gone */
	if (s->edited)
		record_removed(run);
	steps_next(run);
	return run_go(run);
}

/* It speaks of what has been: where it was is of no concern, but for a file that lies there. */
static int show_finished(struct resuming *s, struct run *run)
{
	if (s->config.state_file != NULL && change_directory(s) < 0)
		s->config.state_file = NULL;
	return finished_show(run, &s->taken);
}

static int resume(struct resuming *s, struct run *run)
{
	const char *again[3];
	int status = open_run(s);
	if (status == 0)
		status = takeover_lock(&s->taken);
	if (status == 0)
		status = takeover_read(&s->taken, s->given->repair);
	if (status == 0 && !s->edited)
		status = takeover_check_whole(&s->taken);
	if (status == 0)
		status = set_config(s);
	if (status != 0)
		return status;
	size_t n = statuses_again(s, again);
	if (!s->edited && !has_more(s, again, n))
		return show_finished(s, run);
	return go_on(s, run, again, n);
}

/* `run --resume` without an earlier run is a run. */
static int resume_any(const struct config *config, worker_fn worker, bool edited)
{
	struct resuming s = { .given = config,
		.edited = edited,
		.arena.kind = ARENA_SMALL,
		.taken = TAKEOVER_INIT };
	struct run run = RUN_NEW(&s.config, worker);
	/* as in run_main() */
	signal(SIGUSR1, SIG_IGN);
	int status = resume(&s, &run);
	int signal = run.stop.signal;
	if (run.plan != NULL)
		run_free(&run);
	takeover_free(&s.taken);
	if (!edited)
		options_free(&s.config);
	arena_free(&s.arena);
	if (signal != 0)
		end_by_signal(signal);
	return status;
}

int resume_main(const struct config *config, worker_fn worker)
{
	return resume_any(config, worker, false);
}

int resume_edited(const struct config *config, worker_fn worker)
{
	int status = resume_any(config, worker, true);
	return status == NO_EARLIER ? run_main(config, worker) : status;
}
