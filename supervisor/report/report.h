/*
 * All that a report of a run needs, read once from its journal, and the formats that are made of it.
 *
 * A run that was killed, or goes on while it is read, has one too: what has no result yet says so.
 *
 * Strings are valid UTF-8, and nothing in them can act on a terminal: neither control characters nor
 * bidirectional controls; only tails and merged results hold newlines and tabs. So a format has to
 * escape nothing but what it writes itself with: <, |, quotes. Times are milliseconds since the epoch (UTC) by the
 * wall clock, durations milliseconds by one that nobody can set.
 *
 * The figures (the manual explains them to users):
 *   sequential = the sum of the durations of all attempts of tasks; those of a running run until now
 *   saved      = sequential - wall, at least 0
 *   speed-up   = sequential / wall
 *   critical path: the tasks of the longest chain of which each had to wait for the one before it: by
 *                `needs`, or because its step begins when the step before is over. A task is as long
 *                as all its attempts together. No number of slots makes the run shorter than that.
 * The debugger, merging, pauses between attempts are part of wall, and of nothing else.
 */
#ifndef POLLARD_REPORT_H
#define POLLARD_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "shared/buf.h"
#include "shared/result.h"
#include "supervisor/input/arena.h"
#include "supervisor/record/journal.h"
#include "supervisor/record/rundir.h"

#define REPORT_NONE SIZE_MAX

#define REPORT_TAIL_LINES 40
#define REPORT_TAIL_MAX 4000		    /* bytes of one tail */
#define REPORT_TAILS_MAX (16 * 1024 * 1024) /* of all: the later ones are NULL then */
#define REPORT_INPUT_MAX 300		    /* characters of what a task was asked */
#define REPORT_MERGED_MAX (256 * 1024)	    /* bytes of one merged result */
#define REPORT_MERGED_ALL_MAX (1024 * 1024) /* of all of them */

/* How far the run or something in it has come. */
enum report_phase {
	REPORT_WAITING, /* not begun; of a killed run: it never did */
	REPORT_RUNNING,
	REPORT_LOST, /* begun and never ended: the supervisor was killed */
	REPORT_ENDED,
};

/* How a run went, for colours and marks. */
enum report_tone {
	REPORT_GOOD,	   /* all that was required */
	REPORT_BAD,	   /* less */
	REPORT_UNFINISHED, /* killed, interrupted by a signal, or still going on */
};

/* What attempts have told that they used. "Not reported" is when told is 0; it is never 0 then. */
struct report_usage {
	uint64_t told;	   /* attempts that said how many tokens */
	uint64_t not_told; /* of agents only: nobody asks a command */
	uint64_t input_tokens;
	uint64_t output_tokens;
	uint64_t usd_told; /* attempts that said what they cost */
	double usd;
};

/* One attempt of a task. */
struct report_attempt {
	size_t task;		   /* index of its task */
	unsigned number;	   /* from 1, as a rule */
	unsigned level;		   /* of recovery; 0: it was a first one */
	enum report_phase phase;   /* never REPORT_WAITING */
	enum result_status status; /* when ended */
	enum reason reason;
	int exit_status;     /* -1: none */
	const char *signal;  /* "SIGSEGV"; NULL: none */
	const char *error;   /* one line; NULL: none */
	const char *warning; /* one line; NULL: none */
	int64_t started_ms;
	int64_t ended_ms; /* never before started_ms; running: now; lost: its last sign of life */
	int64_t duration_ms;  /* running: until now; lost: 0, for nobody knows */
	unsigned lane;	      /* of the timeline, from 0: attempts in one lane never overlap */
	const char *out_path; /* below the run directory, where the output is long; NULL */
	const char *err_path;
	uint64_t out_bytes; /* written in all */
	uint64_t err_bytes;
	const char *out_tail; /* the last lines, of attempts that did not succeed; NULL: none */
	const char *err_tail;
	bool forgiven; /* a limit of its service ended it: it is none of the attempts that count */
	bool answered; /* out_tail is of an agent's answer, which is not its standard output */
	uint64_t answer_bytes;
	struct usage usage;
	uint64_t max_rss_kb;
	int64_t cpu_ms;
	unsigned leftovers; /* processes left behind */
};

/* One task, with what became of it. Tasks stand step by step, in the order of the list. */
struct report_task {
	const char *id;
	const char *agent;	   /* NULL: a command */
	const char *input;	   /* one line: its record in the list, cut; NULL: not known */
	size_t step;		   /* index */
	uint32_t number;	   /* of its record in the list, from 1; 0: not known */
	enum report_phase phase;   /* REPORT_ENDED: it has its final status */
	enum result_status status; /* when ended */
	enum reason reason;
	bool removed;	     /* from the list that the run was resumed with: history, not counted */
	const char *error;   /* one line; NULL: none */
	const char *summary; /* one line; NULL: none */
	const char *const *files;
	size_t nfiles;
	const size_t *needs; /* indices of tasks of the same step */
	size_t nneeds;
	const struct report_attempt *attempts; /* by number; those of report.attempts */
	size_t nattempts;
	size_t ncounted;  /* of these: not forgiven */
	int64_t spent_ms; /* all its attempts */
	bool critical;	  /* on the critical path */
	const char *
	    cause; /* of its failure, also of one that a retry has mended, as the newest verdict says; NULL */
	struct report_usage usage;
	struct record_place last; /* its newest attempt-finished in the journal; offset -1: none */
};

/* Tasks that a verdict gives one cause. */
struct report_group {
	const char *cause;
	const size_t *tasks; /* indices */
	size_t ntasks;
};

/* What a debugger said. In the order in which they were asked. */
struct report_verdict {
	size_t step; /* index */
	int64_t time_ms;
	unsigned level;
	const char *debugger; /* "builtin", or an agent */
	bool valid;	      /* else only error and answer say something */
	const char *error;    /* what is wrong with it; NULL */
	const char *answer;   /* one line: the beginning of what is no verdict; NULL */
	const char *relation; /* "related", "independent", "unclear"; NULL: none */
	const char *cause;    /* one line; NULL */
	const char *strategy; /* "parallel", "sequential", "stop"; NULL */
	const char *fix;      /* one line: what it proposes, an agent's prompt or a command; NULL */
	bool escalate;
	int64_t duration_ms;
	const struct report_group *groups;
	size_t ngroups;
};

enum report_remark_kind {
	REPORT_RECOVERY,  /* what the ladder did and what came of it */
	REPORT_FIX,	  /* a verdict's fix was carried out */
	REPORT_ESCALATED, /* a person must decide */
	REPORT_RESUMED,	  /* the run went on after an end or a kill; step is REPORT_NONE */
};

/* A line for people about what happened between attempts, in the order of time. */
struct report_remark {
	enum report_remark_kind kind;
	size_t step; /* index, or REPORT_NONE */
	int64_t time_ms;
	unsigned level;	  /* of a recovery */
	const char *text; /* one line */
};

/* How many tasks are what; `total` is without those removed and those that `when` left out. */
struct report_counts {
	uint64_t total;
	uint64_t succeeded;
	uint64_t failed;
	uint64_t skipped;
	uint64_t cancelled;
	uint64_t running;
	uint64_t lost;
	uint64_t waiting;   /* also those that are only announced, of a step to come */
	uint64_t left_out;  /* by `when` */
	uint64_t retried;   /* with more than one attempt */
	uint64_t recovered; /* succeeded, but not at the first attempt */
};

/* One step. */
struct report_step {
	const char *id;
	const char *title; /* NULL: none */
	const char *goal;  /* NULL: none */
	size_t first;	   /* its tasks: report.tasks[first] to [first + ntasks - 1] */
	size_t ntasks;
	uint64_t jobs;	       /* slots; 0: as many as tasks */
	bool over;	       /* its synchronisation point was reached */
	const char *outcome;   /* "all", "partial", "none", "skipped" when over; NULL */
	const char *when;      /* the condition that left it out; NULL */
	const char *escalated; /* one line: why a person must decide; NULL */
	struct report_counts counts;
	int64_t started_ms; /* its first attempt; 0: none yet */
	int64_t ended_ms;   /* its last one; 0: none yet */
	int64_t sequential_ms;
	struct report_usage usage;
	const char *merged_path; /* below the run directory; NULL: nothing is merged */
	const char *merged_text; /* its beginning; NULL: it cannot be read, or it is not text */
	uint64_t merged_bytes;	 /* of the whole */
	bool merged_cut;	 /* there is more than merged_text */
};

/*
 * Declared by the caller as { 0 }, filled by report_read(), released by report_free(). All strings
 * and arrays but the tables lie in its arena.
 */
struct report {
	const char *run;       /* id */
	const char *directory; /* of the run, absolute */
	const char *name;      /* NULL: none */
	const char *goal;      /* NULL: none */
	const char *version;   /* of the pollard that began it; NULL: not known */
	const char *command;   /* one line: how it was called; NULL: not known */
	const char *cwd;       /* NULL: not known */
	bool rehearsal;	       /* nothing was started in earnest */
	unsigned resumed;      /* how often */
	uint64_t jobs;	       /* slots; 0: as many as tasks */
	uint64_t lost_records; /* of the journal, set aside by a repair */

	enum report_phase phase; /* RUNNING, LOST (killed) or ENDED */
	enum report_tone tone;
	const char *verdict; /* "Partial: 7 of 9 tasks succeeded, and all were required" */
	const char *word;    /* "passed", "partial", "failed", "stopped", "interrupted", "killed",
				    "running"; stopped: by a deadline or a budget */
	const char *outcome; /* "all", "partial", "none"; NULL: not ended */
	int exit_status;     /* -1: not ended, or by a signal */
	const char *signal;  /* that ended it; NULL */
	const char *escalation; /* ESCALATION.md, absolute; NULL: there is none */

	int64_t now_ms;	    /* when it was read */
	int64_t started_ms; /* 0: not known */
	int64_t ended_ms;   /* of the last record; running: now */
	int64_t wall_ms;    /* while a supervisor was there: pauses before a resume do not count */
	int64_t sequential_ms;
	int64_t saved_ms;
	double speedup;	    /* 0: not known, for nothing took any time */
	const size_t *path; /* the critical path: indices of tasks, in order */
	size_t npath;
	int64_t path_ms; /* its length */

	struct report_counts counts;
	struct report_usage usage;  /* of tasks and of merging */
	struct record_place finish; /* the run-finished record; offset -1: not ended */
	unsigned nlanes;

	struct report_step *steps; /* a table */
	size_t nsteps;
	struct report_task *tasks; /* a table */
	size_t ntasks;
	struct report_attempt *attempts; /* a table: by task, then by number */
	size_t nattempts;
	struct report_verdict *verdicts; /* a table */
	size_t nverdicts;
	struct report_remark *remarks; /* a table */
	size_t nremarks;

	/* its own */
	struct arena arena;
	size_t steps_cap, tasks_cap, attempts_cap, verdicts_cap, remarks_cap;
};

/*
 * Reads the run whose directory is open, of which the journal is. `locked`: whether its lock was
 * held before that; now_ms: the time. 0, or the exit status after a message.
 */
int report_read(struct report *r, const struct rundir *dir, struct journal_reader *reader,
    bool locked, int64_t now_ms);
void report_free(struct report *r);

/*
 * report_paths.c: what follows from the times. Pure. They need steps, tasks (needs, spent_ms) and
 * attempts, and fill lane and nlanes; path, npath, path_ms and task.critical; saved_ms and speedup.
 */
void report_set_lanes(struct report *r);
void report_set_path(struct report *r);
void report_set_saved(struct report *r);
/* Orders attempts of one report by their beginnings, for qsort(): the order in which lanes are taken. */
int report_by_start(const struct report_attempt *a, const struct report_attempt *b);

/* report_words.c: words that several formats use. */
/* Fills verdict, word and tone from phase, counts and how the run ended. */
void report_set_verdict(struct report *r);
/* "succeeded", "failed", "skipped", "cancelled", "running", "waiting", "lost", "removed". */
const char *report_task_word(const struct report_task *t);
/* The same of an attempt. */
const char *report_attempt_word(const struct report_attempt *a);
/* Appends one line, "failed: exit 3: no such table"; of what went well "succeeded". */
void report_task_line(struct buf *out, const struct report_task *t);
/* The same of an attempt. */
void report_attempt_line(struct buf *out, const struct report_attempt *a);
/* Appends "2026-11-23 16:20:05 UTC"; "?" for 0. */
void report_time(struct buf *out, int64_t ms);
/* Appends "41,200 in, 900 out", or "not reported"; "none" when no agent was asked. */
void report_tokens(struct buf *out, const struct report_usage *u);
/* Appends "$1.84", with "at least " before it when some did not say, or "not reported", or "none". */
void report_cost(struct buf *out, const struct report_usage *u);
/* Appends "2.3" for a speed-up, "?" for 0. */
void report_speedup(struct buf *out, const struct report *r);
/* Appends "STEP.TASK" where the run has several steps, else "TASK". */
void report_task_name(struct buf *out, const struct report *r, const struct report_task *t);

/* Appends "7 succeeded, 1 failed, 1 skipped", without what there is none of; or "none". */
void report_add_counts(struct buf *out, const struct report_counts *c);

/* The formats. Each appends all of it; HTML is at most 2 MB and 2 KB a task. */
void report_html(struct buf *out, const struct report *r);
/* At most `max` bytes. */
void report_markdown(struct buf *out, const struct report *r, size_t max);
void report_junit(struct buf *out, const struct report *r);
void report_trace(struct buf *out, const struct report *r);
/* last_success: seconds since the epoch, of an earlier run; 0: not known. */
void report_prometheus(struct buf *out, const struct report *r, double last_success);
/* Appends METRIC{name="..."}, what a line about this run begins with. */
void report_prometheus_label(struct buf *out, const char *metric, const struct report *r);
/*
 * One object, or (`lines`) the result objects of `-o json`, one a line, and its summary. Prints as it
 * reads. 0, or EXIT_IO after a message; errors of `out` are the caller's to look for.
 */
int report_json(FILE *out, const struct report *r, const struct rundir *dir, bool lines);

#endif
