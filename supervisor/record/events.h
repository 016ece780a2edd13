/*
 * The events of a run as records of the journal: the one place where their members are named (see pollard-journal(5)).
 */
#ifndef POLLARD_EVENTS_H
#define POLLARD_EVENTS_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "shared/result.h"
#include "supervisor/input/task.h"
#include "supervisor/options/config.h"
#include "supervisor/plan/node.h"
#include "supervisor/record/rundir.h"
#include "supervisor/recovery/outcome.h"

/* What the merging agent is called for files and in the environment; no task can have such an id. */
#define MERGE_ID "+merge"

/* `file`: what was read, absolute; NULL: standard input. */
cJSON *event_run_started(const struct config *config, const char *run, const struct plan *plan,
    const char *file);
cJSON *event_task_added(const struct step *step, const struct task *task);
cJSON *event_attempt_started(const struct step *step, const struct task *task, unsigned attempt,
    unsigned level);

/*
 * The result object: of the journal (paths below the run directory), or for `-o json` with `full` (absolute paths, text also where it
 * equals stdout, and "attempts" instead of "attempt"). `dir` NULL: nothing is kept, no paths.
 */
void add_result(cJSON *object, const char *run, const struct step *step, const struct task *task,
    const struct result *result, unsigned attempt, unsigned level, const struct rundir *dir,
    bool full);
cJSON *event_attempt_finished(const char *run, const struct step *step, const struct task *task,
    const struct result *result, unsigned attempt, unsigned level, const struct rundir *dir);

cJSON *event_task_finished(const struct step *step, const struct node *node,
    const struct result *result);
cJSON *event_recovery_started(const struct step *step, int level);
/* `again`: the statuses of tasks that are to run again. */
cJSON *event_resumed(const char *const *again, size_t count);
cJSON *event_task_removed(const char *step, const char *task);
/* The list as it is now, in place of run-started: with the ids of the tasks that are known. */
cJSON *event_list_edited(const struct config *config, const char *run, const struct plan *plan,
    const char *file);
cJSON *event_input_ended(void);
cJSON *event_recovery(const struct step *step, int level, const char *text);
cJSON *event_step_finished(const struct step *step, const struct counts *counts, int64_t wall_ms,
    int64_t sequential_ms, const char *merged);
/* `when` left the step out. */
cJSON *event_step_skipped(const struct step *step, const char *condition);
/* The answer of the agent that merges. */
cJSON *event_merge_finished(const char *run, const struct step *step, const char *agent,
    const struct result *result, unsigned attempt, const struct rundir *dir);
cJSON *event_escalated(const struct step *step, const char *reason);

/* The member "usage": what was told, by whatever backend tells it; null: nothing. */
void add_usage(cJSON *object, const struct usage *usage);

/* A run in numbers, at its end. */
struct totals {
	struct counts counts;
	int64_t wall_ms;
	int64_t sequential_ms; /* all attempts one after another */
	struct usage spent;    /* of all attempts that told it */
	bool rehearsal;
	const char *escalation; /* path of ESCALATION.md; NULL: there is none */
};

/* The last line of `-o json`, and the members of run-finished. */
void add_summary(cJSON *object, const struct totals *totals);
cJSON *event_run_finished(const struct totals *totals, int exit_status, int signal);

/* "SIGTERM". */
const char *signal_word(int signal);

#endif
