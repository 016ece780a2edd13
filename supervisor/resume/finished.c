#include "supervisor/resume/finished.h"

#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "shared/exits.h"
#include "shared/json.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/record/escalation.h"
#include "supervisor/record/events.h"
#include "supervisor/run.h"

/* What the record of its end says, whatever a resume was told beside it. */
static struct totals totals_of(const cJSON *ended)
{
	struct totals t = { .wall_ms = json_get_ms(ended, "seconds"),
		.sequential_ms = json_get_ms(ended, "sequential_seconds"),
		.rehearsal = cJSON_IsTrue(json_get(ended, "rehearsal")),
		.escalation = json_get_string(ended, "escalation") };
	struct counts *c = &t.counts;
	c->succeeded = json_get_count(ended, "succeeded");
	c->failed = json_get_count(ended, "failed");
	c->skipped = json_get_count(ended, "skipped");
	c->cancelled = json_get_count(ended, "cancelled");
	c->total = c->succeeded + c->failed + c->skipped + c->cancelled;
	usage_from_json(&t.spent, json_get(ended, "usage"));
	return t;
}

/*
 * Names of steps and tasks, which is all of a plan that a summary speaks of. The list or workflow is
 * not read again: that an agent of it is gone by now changes nothing about what has been.
 */
static void name_all(struct plan *p, const struct replay *r)
{
	const char *name = json_get_string(r->started, "name");
	p->name = name != NULL ? arena_strdup(&p->arena, name) : NULL;
	p->nsteps = r->nsteps;
	p->steps = arena_take(&p->arena, (r->nsteps + 1) * sizeof *p->steps);
	for (size_t i = 0; i < r->nsteps; i++) {
		struct step *step = &p->steps[i];
		step->id = arena_strdup(&p->arena, r->steps[i].id);
		for (size_t t = r->steps[i].first; t != REPLAY_NONE; t = r->tasks[t].next) {
			if (!r->tasks[t].removed)
				idset_add(&step->ids, r->tasks[t].id, (uint32_t)t + 1, 0);
		}
	}
}

static void remember_failures(struct run *run, const struct replay *r)
{
	size_t index = 0;
	for (size_t i = 0; i < r->nsteps; i++) {
		for (size_t at = r->steps[i].first; at != REPLAY_NONE; at = r->tasks[at].next) {
			const struct replay_task *t = &r->tasks[at];
			if (!t->removed && t->final && t->status == RESULT_FAILED)
				final_remember(run, index++,
				    t->last.length > 0 ? t->last : t->finishing);
		}
	}
}

/* The newest reason why a person must decide, where it is about no task: a merge. */
static void remember_escalation(struct run *run, const struct replay *r)
{
	for (size_t i = 0; i < r->nsteps; i++) {
		const struct replay_step *s = &r->steps[i];
		bool merge = s->merge.offset >= 0 && s->merge_status != RESULT_SUCCEEDED;
		if (!s->over || s->escalated == NULL || (run->nfailed > 0 && !merge))
			continue;
		struct buf why = BUF_INIT;
		buf_addf(&why, "step %s: %s", s->id, s->escalated);
		free(run->escalated_why);
		run->escalated_why = buf_detach(&why);
		run->escalated = run->merge_failed = run->blocked = true;
	}
}

static int read_journal(struct run *run, const struct replay *r)
{
	struct record *record = &run->record;
	int fd = openat(record->dir.fd, JOURNAL_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct journal_reader *reader = fd >= 0 ? journal_reader_open(record->dir.fd) : NULL;
	const cJSON *event;
	if (reader == NULL) {
		warn("cannot read '%s/%s'", safe(record->dir.path), JOURNAL_NAME);
		if (fd >= 0)
			close(fd);
		return EXIT_IO;
	}
	record->journal = journal_new(fd, r->seq);
	while ((event = journal_reader_next(reader)) != NULL)
		state_event(record->state, event);
	journal_reader_free(reader);
	return 0;
}

/* What the run has written beside its journal, and somebody may have removed since. */
static void make_files_again(struct run *run, const struct totals *totals)
{
	const struct rundir *dir = &run->record.dir;
	record_write_state(&run->record);
	if (totals->escalation != NULL && faccessat(dir->fd, ESCALATION_NAME, F_OK, 0) < 0 &&
	    escalation_write(dir, run->plan->name) < 0)
		warn("cannot write '%s/%s'", safe(dir->path), ESCALATION_NAME);
}

/* The merged result of the last step that ran. */
static void print_merged(struct run *run, const struct replay *r)
{
	int fd = -1;
	size_t last = r->nsteps;
	if (run->config->output != OUTPUT_MERGED)
		return;
	while (last > 0 && (!r->steps[last - 1].over || r->steps[last - 1].left_out))
		last--;
	if (last > 0 && r->steps[last - 1].merged != NULL)
		fd = openat(run->record.dir.fd, r->steps[last - 1].merged,
		    O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		summary_say(run, "pollard: there is no merged result of run '%s'\n",
		    run->record.dir.id);
	emit_merged(&run->emit, fd);
}

static void print(struct run *run, const struct replay *r, const struct totals *totals)
{
	summary_say(run, "pollard: run '%s' has ended, and nothing of it is left to do\n",
	    run->record.dir.id);
	print_merged(run, r);
	emit_summary(&run->emit, totals);
	summary_print(run, totals);
	int signal = loop_drain(run->loop, -1);
	if (signal != 0)
		run->stop.signal = signal;
	/* that standard output cannot be written is said too */
	stop_check(run);
	summary_end(run, totals);
	loop_drain(run->loop, run->stop.signal != 0 ? 0 : -1);
}

int finished_show(struct run *run, struct takeover *t)
{
	const struct replay *r = &t->replay;
	run->plan = &run->loaded.plan;
	run->replay = &t->replay;
	/* nothing is to be called off: nothing begins */
	run->stop.stopping = true;
	record_reopen(&run->record, run->config, &t->dir, t->lock_fd, t->lease_fd, NULL);
	t->lock_fd = t->lease_fd = -1;
	takeover_clean(&run->record.dir);
	int status = read_journal(run, r);
	if (status == 0)
		status = run_prepare(run, run->worker);
	if (status != 0)
		return status;
	const struct totals totals = totals_of(r->ended);
	name_all(run->plan, r);
	run->counts = totals.counts;
	run->sequential_ms = totals.sequential_ms;
	run->input_cut = replay_input_cut(r);
	run->asking.cause = r->cause != NULL ? xstrdup(r->cause) : NULL;
	run->emit = (struct emit){ .config = run->config,
		.record = &run->record,
		.nodes = &run->nodes,
		.out = run->out,
		.err = run->err };
	remember_failures(run, r);
	remember_escalation(run, r);
	make_files_again(run, &totals);
	print(run, r, &totals);
	return summary_status(run);
}
