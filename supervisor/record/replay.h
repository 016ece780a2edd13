/*
 * What the journal of a run says, read once from its beginning to its end: all that is needed to go
 * on without the input. Events and members that are not known are passed over. Nothing here decides
 * what is to be done.
 *
 * The rules:
 *  - The newest record of a kind counts. A task-added for a task that is there already, with another
 *    record, makes a new task of it: without results, its attempts numbered from where they were.
 *  - An attempt that was started and has no result is in flight; it did not survive the supervisor.
 *  - task-finished makes a task final, the start of another attempt undoes that.
 *  - `resumed` names in its member "again" the statuses whose tasks are to run again: they are not
 *    final from then on, but those that `when` left out. The step of such a task is not over any more
 *    and what was merged of it is out of date, and so is that a later step was left out. Of one that
 *    had failed, failures before that do not count, nor does the ladder of its step.
 *  - It takes up too what has failed and was called off, without being told to: that task goes on with
 *    its failures counted, and its step with the ladder that was called off, as if nobody had ended them.
 *  - `list-edited` stands for run-started from then on, and the tasks of a step are those that it names,
 *    in that order. Without one that is removed what was merged of its step is out of date.
 *  - What a debugger has found stands until failed tasks run again.
 *  - A step is on the ladder from recovery-started, or where that is missing from the first verdict,
 *    fix or attempt of a level above 0, until `recovery` or the end of the step.
 */
#ifndef POLLARD_REPLAY_H
#define POLLARD_REPLAY_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/result.h"
#include "supervisor/input/arena.h"
#include "supervisor/input/idset.h"
#include "supervisor/record/journal.h"

#define REPLAY_NONE SIZE_MAX

/* What attempts have told that they used. */
struct replay_usage {
	uint64_t input_tokens;
	uint64_t output_tokens;
	bool usd_known;
	double usd;
	uint64_t told; /* attempts that said something */
	uint64_t not_told;
};

/*
 * What an agent that is no task's has used in a step: one that merged, debugged or fixed. In the list of
 * its step, which is freed with the replay.
 */
struct replay_aside {
	const char *agent;
	struct replay_usage used;
};

/* One task that was ever added; its strings lie in the replay's arena. */
struct replay_task {
	const char *id;
	const char *agent;  /* NULL: a command */
	const char *record; /* NULL: never added (its task-added was set aside) */
	size_t record_len;
	size_t step;		       /* index */
	size_t next;		       /* of the same step, in order; REPLAY_NONE: the last */
	struct record_place last;      /* newest attempt-finished of this record of it */
	struct record_place finishing; /* newest task-finished */
	struct replay_usage used;
	int64_t spent_ms;  /* all attempts together */
	uint32_t number;   /* of its record in the input */
	uint32_t attempts; /* the greatest number that one had: the next one gets the one after */
	uint32_t ended;	   /* the greatest number of one that is not in flight */
	uint32_t failures; /* attempts that count as failed, against its retries */
	bool removed;	   /* from the list that the run was resumed with */
	bool final;
	bool called_off; /* final, and failed, but a stop had taken its retries away */
	bool again;	 /* was final, and is to run again: not started since */
	bool judged;	 /* had failed when the newest verdict about its step was given */
	uint8_t level;	 /* of its newest attempt */
	uint8_t status;	 /* enum result_status: when final its own, else of `last` */
	uint8_t reason;	 /* enum reason, likewise */
};

/* One step of run-started, or one that another record names. */
struct replay_step {
	const char *id;
	uint64_t expected; /* tasks, as run-started says; UINT64_MAX: it does not know */
	size_t first;	   /* task; REPLAY_NONE: none */
	size_t last;
	size_t count;
	bool over;
	bool left_out;	      /* by `when` */
	bool called_off;      /* over without having begun */
	const char *outcome;  /* of step-finished, while it is over: "all"...; NULL */
	const char *merged;   /* path below the run directory; NULL */
	unsigned ladders;     /* how often the ladder was entered */
	bool on_ladder;	      /* and was not left */
	bool ladder_off;      /* it was left because of a stop, and not entered since */
	unsigned verdicts;    /* recorded: how often a debugger was asked */
	const char *debugger; /* the first that was asked since the ladder was entered; NULL */
	cJSON *verdict;	      /* the newest verdict record since the ladder was entered; NULL */
	cJSON *fix;	      /* the newest fix record since then; NULL */
	unsigned merges;      /* the greatest number of an attempt to merge */
	struct record_place merge; /* newest merge-finished that is not out of date; -1: none */
	uint8_t merge_status;	   /* enum result_status of it */
	unsigned escalations;
	const char *escalated; /* the newest reason; NULL: none */
	int64_t active_ms;     /* by the clock, as far as records tell */
	int64_t sequential_ms; /* all attempts together */
	struct replay_aside *asides;
	size_t nasides;
};

/* Declared by the caller as { 0 } and filled by replay_read(); released with replay_free(). */
struct replay {
	cJSON
	    *started; /* run-started, or list-edited when that came after it; NULL: there is none */
	cJSON *ended; /* the run-finished record while it is finished; NULL */
	struct replay_task *tasks; /* a table, see arena.h */
	size_t ntasks;
	struct replay_step *steps; /* a table */
	size_t nsteps;
	uint32_t last_number;	  /* the greatest of a task's record */
	bool input_ended;	  /* of a stream: all of it was read */
	struct replay_usage used; /* by all attempts, and by all that merged, debugged or fixed */
	const char *cause;	  /* that a debugger found last; NULL: none that counts */
	int64_t active_ms;	  /* by the clock while a supervisor was there */
	int64_t sequential_ms;	  /* all attempts of tasks together */
	unsigned resumed;	  /* how often */
	uint64_t lost;		  /* numbers of records that were set aside */

	bool finished; /* run-finished, and not resumed since */
	int exit_status;
	const char *outcome; /* "all"...; NULL */
	const char *signal;  /* "SIGTERM"; NULL: none */

	uint64_t seq; /* of the last good record */
	int64_t end;  /* where the good part of the file ends: for journal_reopen() */
	enum journal_problem problem;
	uint64_t line; /* it is about */
	int error;     /* errno of JOURNAL_UNREADABLE */

	/* its own */
	struct arena arena;
	struct idset step_ids;
	struct idset *task_ids; /* one a step; a table */
	size_t tasks_cap, steps_cap, ids_cap;
	int64_t clock_ms; /* of the newest record; -1: none yet, or it does not count */
};

/*
 * Reads the journal in the run directory into *r, up to its end or the first problem, which is told
 * in r->problem. 0, or -1 with errno when it cannot be opened.
 */
int replay_read(struct replay *r, int dirfd);
/* Takes in one record, which stands there; records come in the order of the journal. */
void replay_event(struct replay *r, const cJSON *record, struct record_place place);
void replay_free(struct replay *r);

/* The index, or REPLAY_NONE. */
size_t replay_find_step(const struct replay *r, const char *step);
size_t replay_find_task(const struct replay *r, size_t step, const char *task);

/*
 * The record after which a stream was cut, so that what followed was never read: UINT32_MAX before its
 * first one, 0: all was read.
 */
uint32_t replay_input_cut(const struct replay *r);

/* Its newest attempt was started and has no result. */
static inline bool replay_in_flight(const struct replay_task *t)
{
	return t->attempts > t->ended;
}

#endif
