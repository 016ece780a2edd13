#include "supervisor/resume.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/exits.h"
#include "shared/json.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/coordinator.h"
#include "supervisor/events.h"
#include "supervisor/lease.h"
#include "supervisor/leftover.h"
#include "supervisor/options.h"
#include "supervisor/reading.h"
#include "supervisor/rebuild.h"
#include "supervisor/run.h"
#include "supervisor/workflow.h"

/* Workers of a supervisor that is gone end within 100 ms; this is for a machine that stands still. */
#define WORKERS_MS 10000
/* Files of debuggers and merges that were interrupted keep their numbers. */
#define NUMBERS_EACH 100
/* No exit status: there is no earlier run of the list. */
#define NO_EARLIER (-1)

/* What is known of a run before it goes on. On the stack of resume_main(). */
struct resuming {
	const struct config *given; /* what `resume` was told */
	bool edited;		    /* `run --resume`: the list is read again */
	struct config config;	    /* the run's own, and that over it */
	struct arena arena;	    /* its strings */
	struct rundir dir;
	int lock_fd;
	int lease_fd;
	struct replay replay;
};

static bool is_unfinished(const char *root, const char *id)
{
	struct run_info info;
	run_info_read(&info, root, id);
	bool unfinished = info.condition == RUN_UNFINISHED ||
	    (info.condition == RUN_FINISHED && info.signal != NULL);
	run_info_free(&info);
	return unfinished;
}

/* The newest unfinished run, else the newest one; allocated, NULL: there is none. */
static char *choose(const char *root)
{
	size_t count;
	char **ids = rundir_list(root, &count);
	char *chosen = NULL;
	for (size_t i = count; i-- > 0 && chosen == NULL;) {
		if (is_unfinished(root, ids[i]))
			chosen = xstrdup(ids[i]);
	}
	if (chosen == NULL && count > 0)
		chosen = xstrdup(ids[count - 1]);
	rundir_list_free(ids, count);
	return chosen;
}

static bool says(const cJSON *started, const char *key, const char *value)
{
	const char *said = json_get_string(started, key);
	return value != NULL && said != NULL && strcmp(said, value) == 0;
}

/* The newest run of that name, or of that file; allocated, NULL: there is none. */
static char *choose_earlier(const char *root, const struct config *c)
{
	size_t count;
	char **ids = rundir_list(root, &count);
	char *file = c->file != NULL ? realpath(c->file, NULL) : NULL;
	char *chosen = NULL;
	for (size_t i = count; i-- > 0 && chosen == NULL;) {
		struct rundir dir;
		char *why = NULL;
		if (rundir_open(&dir, root, ids[i], &why) < 0) {
			free(why);
			continue;
		}
		struct journal_reader *reader = journal_reader_open(dir.fd);
		const cJSON *first = reader != NULL ? journal_reader_next(reader) : NULL;
		if (c->name != NULL ? says(first, "name", c->name) : says(first, "file", file))
			chosen = xstrdup(ids[i]);
		if (reader != NULL)
			journal_reader_free(reader);
		rundir_close(&dir);
	}
	free(file);
	rundir_list_free(ids, count);
	return chosen;
}

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
		chosen = choose(root);
	if (s->edited && chosen == NULL) {
		free(root);
		return NO_EARLIER;
	}
	if (chosen != NULL)
		config.run = chosen;
	free(root);
	int status = reading_open(&config, &s->dir, NULL);
	free(chosen);
	return status;
}

static int busy(const struct resuming *s, const char *what)
{
	warnx("run '%s' %s", s->dir.id, what);
	return EXIT_LOCKED;
}

/* Nobody else goes on with it, and nothing of it runs any more. */
static int take_over(struct resuming *s)
{
	s->lock_fd = record_lock(s->dir.fd);
	if (s->lock_fd < 0 && (errno == EAGAIN || errno == EACCES))
		return busy(s, "is still going on");
	if (s->lock_fd < 0) {
		warn("cannot lock '%s/%s'", safe(s->dir.path), LOCK_NAME);
		return errno == EACCES ? EXIT_PERMISSION : EXIT_NOSTATE;
	}
	s->lease_fd = lease_wait_gone(s->dir.fd, WORKERS_MS);
	if (s->lease_fd < 0 && errno == ETIMEDOUT)
		return busy(s, "has a worker that does not end");
	if (s->lease_fd < 0) {
		warn("cannot lock '%s/%s'", safe(s->dir.path), LEASE_NAME);
		return EXIT_NOSTATE;
	}
	if (leftover_end(s->dir.id) < 0)
		return busy(s, "has processes left that cannot be ended");
	return 0;
}

static int repair(struct resuming *s)
{
	struct journal_repaired done;
	if (journal_repair(s->dir.fd, &done) < 0) {
		warn("cannot repair '%s/%s'", safe(s->dir.path), JOURNAL_NAME);
		return EXIT_IO;
	}
	if (done.lines > 0)
		warnx("set aside %" PRIu64 " line%s of the journal from line %" PRIu64
		      " on: they are in '%s/%s'",
		    (uint64_t)done.lines, done.lines == 1 ? "" : "s", done.first, safe(s->dir.path),
		    JOURNAL_DAMAGED_NAME);
	return 0;
}

static int read_journal(struct resuming *s)
{
	struct replay *r = &s->replay;
	const char *path = safe(s->dir.path);
	if (s->given->repair && repair(s) != 0)
		return EXIT_IO;
	if (replay_read(r, s->dir.fd) < 0) {
		warn("cannot read '%s/%s'", path, JOURNAL_NAME);
		return errno == EACCES ? EXIT_PERMISSION : EXIT_IO;
	}
	switch (r->problem) {
	case JOURNAL_OK:
	case JOURNAL_TORN:
		break;
	case JOURNAL_DAMAGED:
		warnx("%s/%s:%" PRIu64 ": damaged record, with good ones after it; 'pollard resume "
		      "--repair %s' sets it aside",
		    path, JOURNAL_NAME, r->line, s->dir.id);
		return EXIT_IO;
	case JOURNAL_NEWER:
		warnx("%s/%s:%" PRIu64 ": written by a newer version of pollard: use that one",
		    path, JOURNAL_NAME, r->line);
		return EXIT_IO;
	case JOURNAL_UNREADABLE:
		errno = r->error;
		warn("cannot read '%s/%s'", path, JOURNAL_NAME);
		return EXIT_IO;
	}
	if (r->started != NULL)
		return 0;
	warnx("run '%s' ended before its first record: nothing was started, run it again",
	    s->dir.id);
	return EXIT_NOINPUT;
}

static bool is_stream(const struct replay *r)
{
	return cJSON_IsTrue(json_get(json_get(r->started, "options"), "stream"));
}

/* A list is on record before its first task starts. */
static int check_whole(const struct resuming *s)
{
	const struct replay *r = &s->replay;
	for (size_t i = 0; i < r->nsteps; i++) {
		const struct replay_step *step = &r->steps[i];
		if (step->expected == UINT64_MAX || step->count >= step->expected)
			continue;
		warnx(
		    "run '%s' ended before all of its tasks were on record: nothing was started, run "
		    "it again",
		    s->dir.id);
		return EXIT_NOINPUT;
	}
	return 0;
}

/* What `resume` is told goes over what the run was told; `run --resume` says all anew. */
static int set_config(struct resuming *s)
{
	if (s->edited) {
		s->config = *s->given;
		return 0;
	}
	struct buf error = BUF_INIT;
	struct buf cwd = BUF_INIT;
	const cJSON *started = s->replay.started;
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
	if (status == 0 && json_get_bytes(started, "cwd", &cwd) && chdir(buf_str(&cwd)) < 0) {
		warn("cannot change to '%s', where the run was started", safe(buf_str(&cwd)));
		status = EXIT_NOINPUT;
	}
	buf_free(&cwd);
	return status;
}

static bool was_called_off(const struct replay_task *t)
{
	return t->final &&
	    (t->status == RESULT_CANCELLED ||
		(t->status == RESULT_SKIPPED &&
		    (t->reason == REASON_DEADLINE || t->reason == REASON_BUDGET)));
}

/* Which tasks that have a status run again. */
static size_t statuses_again(const struct resuming *s, const char *again[3])
{
	const struct replay *r = &s->replay;
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

/* A `retry-failed` of a run in which all went well has nothing to do. */
static bool has_more(const struct resuming *s, const char *const *again, size_t n)
{
	const struct replay *r = &s->replay;
	/* a signal may have come between the tasks: then none of them was called off */
	if (!r->finished || r->signal != NULL)
		return true;
	for (size_t i = 0; i < r->ntasks; i++) {
		const struct replay_task *t = &r->tasks[i];
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

/* Files that were being written under another name: no file of a run begins with a dot. */
static void remove_unfinished(int dirfd)
{
	int fd = dirfd >= 0 ? openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	if (stream == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(stream)) != NULL) {
		if (entry->d_name[0] == '.' && strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			unlinkat(dirfd, entry->d_name, 0);
	}
	closedir(stream);
}

/* A finished run stays as it is; what can be made again from its journal is. */
static int show_finished(struct resuming *s)
{
	struct run run = { .record = { .lock_fd = -1, .lease_fd = -1 } };
	record_reopen(&run.record, &s->config, &s->dir, s->lock_fd, s->lease_fd, NULL);
	s->lock_fd = s->lease_fd = -1;
	remove_unfinished(run.record.dir.fd);
	remove_unfinished(run.record.dir.merged_fd);
	if (read_state(&run) == 0) {
		record_write_state(&run.record);
		warnx("run '%s' has ended, and nothing of it is left to do%s", run.record.dir.id,
		    s->given->retry_failed ? "" : "; --retry-failed takes failed tasks again");
	}
	record_close(&run.record);
	bool cut = is_stream(&s->replay) && !s->replay.input_ended;
	return cut && s->replay.exit_status == EXIT_MET ? EXIT_PARTIAL : s->replay.exit_status;
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
	for (size_t i = 0; i < p->nsteps; i++)
		intake_tasks(run, i, p->steps[i].first, p->steps[i].count);
	for (size_t i = 0; i < p->nsteps; i++) {
		make_again(run, i);
		restore_step(run, i);
	}
	run->sequential_ms = run->replay->sequential_ms;
	run->earlier_ms = run->replay->active_ms;
	run->resumed = run->replay->resumed;
	run->asking.asked = NUMBERS_EACH * run->resumed;
}

/* On record, and known to the replay and the state as everybody who reads it will see it. */
static void record_resumed(struct run *run, const char *const *again, size_t n)
{
	cJSON *event = event_resumed(again, n);
	const struct record_place nowhere = { .offset = -1 };
	replay_event(run->replay, event, nowhere);
	record_event(&run->record, event);
}

/* The list as it is now, from its file. */
static int load_edited(struct resuming *s, struct loaded *l)
{
	int status = load_open(l, &s->config);
	return status == 0 ? load_read(l) : status;
}

/* What is not in the list any more stays in the record as history. */
static void record_removed(struct run *run)
{
	struct replay *r = run->replay;
	const struct record_place nowhere = { .offset = -1 };
	for (size_t i = 0; i < r->ntasks; i++) {
		const struct replay_task *t = &r->tasks[i];
		const char *step = r->steps[t->step].id;
		if (t->removed || plan_has(run->plan, step, t->id))
			continue;
		cJSON *event = event_task_removed(step, t->id);
		replay_event(r, event, nowhere);
		record_event(&run->record, event);
	}
}

/* A list that was emptied. */
static int nothing_to_do(const struct resuming *s)
{
	const struct counts none = { 0 };
	warnx("0 tasks: run '%s' stays as it is", s->dir.id);
	return (int)outcome_exit(&s->config.require, &none, false, false);
}

static int go_on(struct resuming *s, struct run *run, worker_fn worker, const char *const *again,
    size_t n)
{
	struct replay *r = &s->replay;
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
	struct journal *journal = journal_reopen(s->dir.fd, r->end, r->seq);
	if (journal == NULL) {
		warn("cannot go on with '%s/%s'", safe(s->dir.path), JOURNAL_NAME);
		return errno == EACCES ? EXIT_PERMISSION : EXIT_IO;
	}
	record_reopen(&run->record, &s->config, &s->dir, s->lock_fd, s->lease_fd, journal);
	s->lock_fd = s->lease_fd = -1;
	remove_unfinished(run->record.dir.fd);
	remove_unfinished(run->record.dir.merged_fd);
	status = read_state(run);
	if (status == 0)
		status = run_prepare(run, worker);
	if (status != 0)
		return status;
	if (is_stream(r) && !r->input_ended)
		run->input_cut = r->last_number > 0 ? r->last_number : UINT32_MAX;
	record_resumed(run, again, n);
	if (s->edited)
		record_removed(run);
	naming_tell(run);
	run_settle(run);
	restore(run);
	steps_next(run);
	return run_go(run);
}

static int resume(struct resuming *s, struct run *run, worker_fn worker)
{
	const char *again[3];
	int status = open_run(s);
	if (status != 0)
		return status;
	status = take_over(s);
	if (status == 0)
		status = read_journal(s);
	if (status == 0 && !s->edited)
		status = check_whole(s);
	if (status == 0)
		status = set_config(s);
	if (status != 0)
		return status;
	size_t n = statuses_again(s, again);
	if (!s->edited && !has_more(s, again, n))
		return show_finished(s);
	return go_on(s, run, worker, again, n);
}

/* `run --resume` without an earlier run is a run. */
static int resume_any(const struct config *config, worker_fn worker, bool edited)
{
	struct resuming s = { .given = config,
		.edited = edited,
		.arena.kind = ARENA_SMALL,
		.dir = { .fd = -1, .out_fd = -1, .merged_fd = -1 },
		.lock_fd = -1,
		.lease_fd = -1 };
	struct run run = { .config = &s.config,
		.worker = worker,
		.loaded.fd = -1,
		.input_fd = -1,
		.record = { .lock_fd = -1, .lease_fd = -1 },
		.launch.null_fd = -1,
		.name_lock = -1 };
	/* as in run_main() */
	signal(SIGUSR1, SIG_IGN);
	int status = resume(&s, &run, worker);
	int signal = run.stop.signal;
	rundir_close(&s.dir);
	if (s.lock_fd >= 0)
		close(s.lock_fd);
	if (s.lease_fd >= 0)
		close(s.lease_fd);
	if (run.plan != NULL)
		run_free(&run);
	if (!edited)
		options_free(&s.config);
	replay_free(&s.replay);
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
