/*
 * A run while it goes on, as run.c and its parts see it: start.c (attempts begin), sync.c (the synchronisation point), stop.c (ends before
 * the end), intake.c (tasks come in), summary.c (what is said at the end).
 *
 * Data goes one way: input, schedule, start, event, result, record, rules, output. The one way back is a retry.
 */
#ifndef POLLARD_COORDINATOR_H
#define POLLARD_COORDINATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/input/idset.h"
#include "supervisor/input/input.h"
#include "supervisor/input/load.h"
#include "supervisor/input/task.h"
#include "supervisor/launch.h"
#include "supervisor/loop.h"
#include "supervisor/options/config.h"
#include "supervisor/plan/node.h"
#include "supervisor/plan/schedule.h"
#include "supervisor/plan/scope.h"
#include "supervisor/pressure/pressure.h"
#include "supervisor/progress/emit.h"
#include "supervisor/progress/progress.h"
#include "supervisor/progress/sink.h"
#include "supervisor/record/record.h"
#include "supervisor/record/replay.h"
#include "supervisor/record/usual.h"
#include "supervisor/recovery/ladder.h"
#include "supervisor/recovery/outcome.h"
#include "supervisor/recovery/verdict.h"

/* An attempt that is to start as soon as it may. It holds a slot already. */
struct start {
	size_t task;
	int64_t not_before; /* monotonic, ms */
	uint8_t level;
	bool announced; /* its attempt-started record is written or about to be */
};

/* Attempts that are about to start, in order; owned by the run. */
struct starts {
	struct start *v;
	size_t count;
	size_t cap;
	int64_t next_at;       /* --delay: not before this time */
	int64_t refused_until; /* the system refused a fork: not before this time */
	unsigned refusals;     /* in a row */
	size_t limit; /* attempts side by side that the system has borne; 0: no limit was met */
	size_t since_limit; /* good ends since it was set */
	size_t least;	    /* the lowest limit that was told */
};

/* A task that became final in this turn; `attempt` holds its result, or is NULL. */
struct final {
	size_t task;
	struct attempt *attempt;
};

/* A task that failed for good: its newest record. */
struct failed {
	size_t task;
	struct record_place place;
};

/* Workers that are no task's. */
#define TASK_OF_MERGE SIZE_MAX
#define TASK_OF_DEBUGGER (SIZE_MAX - 1)
#define TASK_OF_FIX (SIZE_MAX - 2)

/* The ladder is entered once a step, and once more for what failed only after it. */
#define LADDERS_MAX 2
/* Failures that are told to a debugger although nothing of them can be repeated. */
#define FAILURES_LISTED_MAX 1000
#define FAILED_ATTEMPTS_MAX 4096

/* An attempt that failed, for a debugger. */
struct failed_attempt {
	size_t task;
	unsigned number;
	struct record_place place;
};

/* What failed since the ladder was entered last; its arrays are freed at the end of the run. */
struct failures {
	uint64_t count;
	size_t *tasks; /* those that are remembered */
	size_t listed;
	size_t held; /* of these wait for the ladder */
	size_t cap;
	struct failed_attempt *attempts; /* of all of the step */
	size_t nattempts;
	size_t attempts_cap;
};

/* What the debugger is asked and says; emptied by ask_free(). */
struct asking {
	struct buf request;
	const struct agent *agent; /* who was asked last; NULL: the built-in one */
	unsigned asked;		   /* how often in this run */
	struct verdict verdict;	   /* while the ladder goes by it */
	char *cause;		   /* of the last verdict, for the summary; NULL: none */
};

enum phase {
	PHASE_BETWEEN, /* the next step is to begin, or the run to end */
	PHASE_TASKS,   /* tasks run as the schedule lets them */
	PHASE_LADDER,  /* recovery */
	PHASE_MERGE,   /* a merge worker is at work */
	PHASE_OVER,
};

/* What was used up: tokens that were told, or else expected, and money that was told. */
struct spent {
	uint64_t tokens;
	double usd;
};

/* What came of a step. One for each step of the plan, owned by the run. */
struct yield {
	bool over;
	bool left_out; /* by `when` */
	enum outcome outcome;
	char *merged;  /* path below the run directory; NULL */
	int merged_fd; /* the merged result; -1 */
};

enum merge_stage {
	MERGE_COLLECT, /* the results become one file */
	MERGE_ASK,     /* the merging agent is asked about them */
	MERGE_WRITE,   /* its answer becomes the merged result */
};

/* Why the run ends before its end. */
struct stop {
	bool fail_fast; /* wanted: a task has failed for good */
	bool trouble;	/* wanted: see run_trouble() */
	bool stopping;
	bool starts_only; /* --fail-fast: running tasks end as they like */
	bool at_once;
	enum reason reason; /* of the tasks that it hits */
	int signal;	    /* end by it; 0 */
	bool step_only;	    /* the step's own limit: the next one begins as if nothing were */
};

/* Made, run and emptied by run_main(). */
struct run {
	const struct config *config;
	worker_fn worker;
	struct loaded loaded;
	struct plan *plan;	 /* of loaded; grows when a foreach makes tasks */
	const struct step *step; /* the one that runs */
	size_t at;		 /* its index */
	struct yield *yields;
	struct nodes nodes;
	struct schedule *schedule;
	struct loop *loop;
	struct sink *out;
	struct sink *err;
	struct record record;
	struct launch launch;
	struct emit emit;
	struct progress progress;
	struct usual usual; /* how long tasks took in earlier runs */
	bool usual_read;    /* they were looked at */

	enum phase phase;
	struct starts starts;
	struct pressure pressure;
	struct final *finals;
	size_t nfinals;
	size_t finals_cap;
	struct ladder ladder;
	unsigned ladders; /* how often it was entered in this step */
	struct failures failures;
	struct asking asking;
	enum merge_stage merge_stage;
	unsigned merge_asked;	/* how often its agent was, in this step */
	unsigned merge_numbers; /* of its attempts: above what files may be there already */
	unsigned merge_refused; /* how often the system refused its worker, in a row */
	int64_t merge_at;	/* not before this time; monotonic */
	struct record_place merge_answer;
	bool merge_done;
	bool merge_failed;

	struct stop stop;
	bool journal_told;     /* that it cannot be written */
	int trouble;	       /* an exit status of 64 or more that ends the run; 0 */
	bool on_ladder;	       /* a resumed run was interrupted in it */
	struct replay *replay; /* of a resumed run: what is on record; NULL */
	int name_lock;	       /* --if-running; -1: none */
	struct buf held;  /* --cron: said before the report, and printed behind its first line */
	bool reported;	  /* --cron: the report is printed, and what is said now comes behind it */
	unsigned resumed; /* how often it was */
	uint32_t input_cut; /* a stream that cannot be read on after this record; 0 */
	int64_t earlier_ms; /* by the clock, before it was resumed */
	bool escalated;
	char *escalated_why;	   /* the newest reason; NULL */
	bool blocked;		   /* a step's requirement was not met: nothing follows it */
	enum reason cut_short;	   /* a deadline, a budget, a quota; REASON_NONE: not */
	struct counts counts;	   /* of the run */
	struct counts step_counts; /* of the step */
	struct spent spent;	   /* of the run */
	struct usage usage;	   /* that was told, of the run */
	struct spent step_spent;
	uint64_t reserved;  /* tokens that running tasks are expected to use */
	struct buf invalid; /* why the task at hand cannot be started */
	int64_t began_ms;   /* monotonic */
	int64_t step_began_ms;
	int64_t deadline_at;	  /* monotonic; 0: none */
	int64_t step_deadline_at; /* the same of the step */
	int64_t sequential_ms;	  /* all attempts one after another */
	int64_t step_sequential_ms;

	struct failed *failed; /* for the summary */
	size_t nfailed;
	size_t failed_cap;

	struct scopes *scopes; /* paths that tasks write and read */

	/* --stream */
	struct input *input; /* NULL: all was read beforehand, or the end has come */
	int input_fd;
	bool input_hungry;	  /* what was read has no complete record left */
	struct idset ids;	  /* explicit ids that needs may point to */
	unsigned char *succeeded; /* one a task; only with needs */
	size_t succeeded_cap;
};

/* One that nothing has begun of: what it has of the system is closed. */
#define RUN_NEW(config_, worker_) \
	{ \
		.config = (config_), .worker = (worker_), .loaded.fd = -1, .input_fd = -1, \
		.record = { .lock_fd = -1, .lease_fd = -1 }, .launch.null_fd = -1, .name_lock = -1 \
	}

/* final.c */

/* The task has a status that stands: counts it, records it, and queues it for output. `attempt` (taken) holds its result, or NULL. */
void final_task(struct run *run, size_t task, enum result_status status, enum reason reason,
    struct attempt *attempt);
/*
 * The same of a task that has failed and could have been attempted again. When it is a stop that keeps it
 * from that, this is recorded, for whoever resumes the run.
 */
void final_failed(struct run *run, size_t task, struct attempt *attempt);
/* For the summary. */
void final_remember(struct run *run, size_t task, struct record_place place);
/* Prints what became final; the journal must have been flushed. */
void final_emit(struct run *run);

/*
 * Something of ours went wrong, with an exit status of 64 or more; it has been said. stop_check() ends the run for it
 * at the end of the turn, so that nothing is called off in the middle of a rule.
 */
static inline void run_trouble(struct run *run, int status)
{
	if (run->trouble == 0)
		run->trouble = status;
	run->stop.trouble = true;
}

/* steps.c */

/* Begins the next step, or ends the run after the last one. */
void steps_next(struct run *run);
/* Says on record that a person must decide. */
void steps_escalate(struct run *run, const char *why);
/* Whether a step of which this came lets nothing follow it. */
bool steps_block(const struct run *run, size_t step, const struct counts *counts);
/* All of the step is final and merged: records what came of it. */
void steps_end(struct run *run);
/* The limits that hold for it. */
const char *steps_debugger(const struct run *run);

/* values.c */

/*
 * What a name stands for now: owned by the caller. NULL, and *why (one line), when there is no
 * such thing.
 */
cJSON *values_get(const struct run *run, const struct name *name, struct buf *why);
/* Whether all that the task's prompt names is there; else *why. */
bool values_ready(const struct run *run, const struct task *task, struct buf *why);
/* The pieces of a prompt; they hold until the next call. */
void values_parts(struct run *run, const struct template *t, struct job *job);

/* naming.c */

/* No exit status: a run of that name goes on, and this one is not wanted then. */
#define NAMING_SKIPPED (-1)
/* Takes the lock on the run's name as --if-running has it: 0, NAMING_SKIPPED, or the exit status after saying why not. */
int naming_take(struct run *run);
/* Says in the lock which run has it. */
void naming_tell(const struct run *run);

/* restore.c */

/*
 * Puts the node of a task into the state that is on record: true when it is there. False in a run
 * that was not resumed, and for a task that is new.
 */
bool restore_task(struct run *run, size_t index);
/* Whether a task is not to be scheduled: it is final, or waits for the ladder. */
bool restore_hold(struct run *run, size_t index);
/* What came of a step that is over. Called when all its tasks that are on record have their nodes. */
void restore_step(struct run *run, size_t index);
/* What the ladder of the step was and what the step has used, as it begins once more. */
void restore_ladder(struct run *run);
/* Counts for the run what others than its tasks have used: those that merged, debugged or fixed. */
void restore_spent(struct run *run);

/* run.c */

/* What a run needs besides its record. 0, or the exit status after saying why. */
int run_prepare(struct run *run, worker_fn worker);
/* The parts of a run that come before its first step. */
void run_settle(struct run *run);
/* Runs to the end and says what came of it; the exit status. */
int run_go(struct run *run);
void run_free(struct run *run);

/* budget.c */

/* An attempt is over: counts what it used. */
void budget_spend(struct run *run, const struct task *task, const struct usage *usage);
/* An attempt is to start: what it is expected to use is set aside until it is over, or called off. */
void budget_reserve(struct run *run, const struct task *task);
void budget_release(struct run *run, const struct task *task);
/* Whether the task still fits into what is left for the step and the run. */
bool budget_allows(const struct run *run, const struct task *task);
/* Nothing is left for the run. */
bool budget_is_spent(const struct run *run);

/*
 * summary.c: a line for people, at once. With --cron behind the first line of the report, which a run
 * without anything to report does not have.
 */
void summary_say(struct run *run, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* start.c */

void start_add(struct run *run, size_t task, unsigned level, int64_t pause_ms);
/* Takes from the schedule what may start, and records the starts that are due. */
void start_announce(struct run *run);
/* Forks them; the journal must have been flushed. */
void start_fork(struct run *run);
/* The worker was forked, but the system refused it what its command needs: the same attempt starts later. */
void start_refused(struct run *run, size_t task, const char *why);
/* An attempt has run: the system bears as many as now. */
void start_went_well(struct run *run);
/* Milliseconds until something may start; -1: nothing waits. */
int64_t start_due(const struct run *run);

/* sync.c */

/* An attempt failed: decides whether the ladder, an immediate retry, or nothing follows. Takes the attempt. */
void sync_failed(struct run *run, struct attempt *attempt);
/* When nothing runs any more: ladder, merge, end of the step. True when something changed. */
bool sync_advance(struct run *run);

/* failures.c */

/* A task has failed; `held`: it waits for the ladder. */
void failures_add(struct run *run, size_t task, bool held);
void failures_add_attempt(struct run *run, const struct attempt *attempt,
    struct record_place place);
void failures_add_place(struct run *run, size_t task, unsigned number, struct record_place place);

/* recover.c */

/* Whether one more attempt of a failed task is allowed, and could change anything. */
bool recover_may_retry(const struct run *run, size_t task);
/* Whether attempts are left at all, for whoever changes what is attempted. */
bool recover_has_retries(const struct run *run, size_t task);
/* The pause before its next attempt. */
int64_t recover_pause(const struct run *run, size_t task, bool prompts_too);
/* Nothing runs any more: whether the ladder has something to do, and its beginning. */
bool recover_wanted(const struct run *run);
void recover_begin(struct run *run);
/* Does what the ladder wants next. True when something changed. */
bool recover_advance(struct run *run);
/* An attempt of the ladder failed. Takes the attempt. */
void recover_failed(struct run *run, struct attempt *attempt);
/* One that does not count is over: it is attempted again. Its slot was given back. */
void recover_again(struct run *run, size_t task);
/* It was to be attempted, and never will be. Its slot was given back. */
void recover_give_up(struct run *run, size_t task);

/* ask.c */

/* Asks the debugger about the failures of the step; ask_over() when its worker has ended. */
bool ask_begin(struct run *run, const struct ladder_step *step);
void ask_over(struct run *run, const struct attempt *attempt);
/* Carries out the verdict's fix; ask_fixed() with what came of it. */
bool ask_fix(struct run *run);
void ask_fixed(struct run *run, const struct result *result);
void ask_free(struct run *run);

/* merge.c */

/* How the results of a step become one. */
enum merge_form merge_form_of(const struct run *run, size_t step);
/* Whether answers of this step are read again: for a merge, or for prompts. */
bool merge_wants_answers(const struct run *run);
/* Starts the merge worker when there is something to merge. */
bool merge_begin(struct run *run);
/* It has ended. */
void merge_over(struct run *run, struct attempt *attempt);

/* handover.c */

/* In merged/: what POLLARD_RESULTS names. No step can have such an id. */
#define RESULTS_NAME "+results.json"
/* Adds the files with the results of earlier steps to the environment of a command. */
void handover_environment(struct run *run, struct job *job);

/* stop.c */

/* A signal that asks for the end: the first time with grace, the second time at once. */
void stop_signal(struct run *run, int signal);
/* Whether the run stops before its end, so that what failed and could be retried is left for a resume. */
bool stop_calls_off(const struct run *run);
/* A task that has not started, or none of whose attempts counts, in a run that stops: makes it final. */
void stop_call_off(struct run *run, size_t task);
/* Once a turn: carries out what was wanted, looks at the deadline and at standard output. */
void stop_check(struct run *run);

/* intake.c */

/* Makes nodes of the tasks of the plan from index `first` on, which belong to the step, and records them. */
void intake_tasks(struct run *run, size_t step, size_t first, size_t count);
/* Makes the tasks of the step known to the schedule. */
void intake_schedule(struct run *run);
/* --stream: tasks will come from fd, which stays the caller's. */
void intake_open(struct run *run, const char *name, int fd);
/* --stream: reads what has come and makes tasks of it. */
void intake_stream(struct run *run, bool ready);
/* The first of the tasks it needs that did not succeed. */
const char *intake_missing_need(const struct run *run, const struct task *task);
/* Whether more input is wanted now. */
bool intake_wants(const struct run *run);
/* Whether records that were read already could be taken now. */
bool intake_pending(const struct run *run);
/* Lets go of tasks of a stream that are over and printed. */
void intake_forget(struct run *run);
/* Reads no more. */
void intake_close(struct run *run);
/* The same, and lets go of all tasks of a stream. */
void intake_free(struct run *run);

/* summary.c */

/* The exit status as things stand. */
int summary_status(const struct run *run);
/* The last block on standard error. */
void summary_print(struct run *run, const struct totals *totals);
/* When nothing more can go wrong: with --cron reports what went wrong since, and only then. */
void summary_end(struct run *run, const struct totals *totals);

#endif
