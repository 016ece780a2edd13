#include "supervisor/ending.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/notify.h"
#include "supervisor/record/history.h"
#include "supervisor/record/prune.h"

#define TASK_OF_NOTIFY (SIZE_MAX - 16)
/* 128 and the signal's number is what a shell shows. */
#define SIGNAL_STATUS 128

void ending_history(struct run *run)
{
	struct history_failure *failures;
	struct buf line = BUF_INIT;
	cJSON **records;
	char *root;

	if (run->plan->name == NULL || run->nfailed == 0 || !run->record.kept)
		return;
	root = state_root(run->config);
	records = xcalloc(run->nfailed, sizeof(*records));
	failures = xcalloc(run->nfailed, sizeof(*failures));
	for (size_t i = 0; i < run->nfailed; i++) {
		records[i] = journal_read(run->record.journal, run->failed[i].place);
		failures[i] = history_failure_of(records[i]);
	}
	if (root != NULL &&
	    history_line(&line, root, run->plan->name, run->record.dir.id, failures, run->nfailed))
		sink_addf(run->err, "  history: %s\n", buf_str(&line));
	for (size_t i = 0; i < run->nfailed; i++)
		cJSON_Delete(records[i]);
	free(records);
	free(failures);
	free(root);
	buf_free(&line);
}

/* The summary object, with what it is about. */
static void make_json(struct buf *out, const struct run *run, const struct totals *totals,
    int status)
{
	cJSON *object = cJSON_CreateObject();
	struct totals shown = *totals;
	struct buf path = BUF_INIT;

	if (totals->escalation != NULL) {
		buf_addf(&path, "%s/%s", run->record.dir.path, totals->escalation);
		shown.escalation = buf_str(&path);
	}
	json_add_string(object, "run", run->record.dir.id);
	json_add_string(object, "name", run->plan->name);
	json_add_integer(object, "exit", run->stop.signal != 0 ? -1 : status);
	json_add_string(object, "signal",
	    run->stop.signal != 0 ? signal_word(run->stop.signal) : NULL);
	add_summary(object, &shown);
	json_print(out, object);
	buf_addch(out, '\n');
	cJSON_Delete(object);
	buf_free(&path);
}

/* The first one ends the command with grace, a second one at once. */
static void on_signal(struct run *run, int signal)
{
	if (signal == SIGUSR1 || signal == SIGCONT)
		return;
	loop_stop(run->loop, run->stop.at_once, run->stop.at_once ? 0 : NOTIFY_GRACE_MS);
	run->stop.at_once = true;
	if (run->stop.signal == 0)
		run->stop.signal = signal;
}

static void report(struct run *run, const struct result *result)
{
	struct buf said = BUF_INIT;

	notify_report(&said, result);
	if (said.len > 0)
		sink_add(run->err, said.data, said.len);
	buf_free(&said);
}

static void await(struct run *run)
{
	while (loop_running(run->loop) > 0) {
		struct event e;

		loop_wait(run->loop, -1, -1);
		while ((e = loop_next(run->loop)).kind != EVENT_NONE) {
			if (e.kind == EVENT_SIGNAL)
				on_signal(run, e.signal);
			if (e.kind != EVENT_ATTEMPT)
				continue;
			report(run, &e.attempt->result);
			attempt_free(e.attempt);
		}
	}
}

void ending_notify(struct run *run, const struct totals *totals, int status)
{
	const char *command = run->config->notify;
	const int signal = run->stop.signal;
	struct buf json = BUF_INIT;
	struct notify_words words = { .status = "" };
	struct job job;

	/* whoever kills a second time waits for nothing more */
	if (command == NULL || run->stop.at_once)
		return;
	make_json(&json, run, totals, status);
	const struct notice notice = {
		.run = run->record.dir.id,
		.outcome = outcome_text(outcome_of(&run->counts)),
		.status = signal != 0 ? SIGNAL_STATUS + signal : status,
		.json = buf_str(&json),
		.len = json.len,
	};
	notify_job(&job, &words, command, &notice, run->launch.null_fd);
	if (loop_start(run->loop, &job, TASK_OF_NOTIFY, NOTIFY_TIMEOUT_MS) == 0)
		await(run);
	else
		sink_addf(run->err,
		    "pollard: warning: the command of '--notify' could not be started: %s\n",
		    strerror(errno));
	buf_free(&json);
}

void ending_prune(const struct run *run)
{
	char *root = NULL;

	if (run->plan->name != NULL && run->record.kept)
		root = state_root(run->config);
	if (root != NULL)
		(void)prune_name(root, run->plan->name, run->record.dir.id);
	free(root);
}
