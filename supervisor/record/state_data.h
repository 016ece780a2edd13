/*
 * What state.c gathers, with state_lines.c, and state_text.c writes out. Nobody else includes this.
 */
#ifndef POLLARD_STATE_DATA_H
#define POLLARD_STATE_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/result.h"
#include "supervisor/record/state.h"

#define STATE_TEXT_MAX 200	/* characters kept of a summary, an error, a recovery */
#define STATE_FILES_MAX 40	/* paths of a step */
#define STATE_RECOVERIES_MAX 20 /* lines about verdicts and recovery of a step */
#define STATE_BUCKETS 256

enum line_phase {
	LINE_UNUSED, /* a place that was given back */
	LINE_WAITING,
	LINE_RUNNING,
	LINE_FINISHED,
};

/* A task that has a line of its own. In a table of its step, which owns the strings. */
struct state_line {
	char *id;
	char *agent;   /* NULL: a command */
	char *summary; /* NULL: none */
	char *error;   /* of the task, or of its last attempt while it goes on; NULL: none */
	uint32_t hash; /* of id */
	uint32_t next; /* 1 + the index of the next line in the same bucket; 0: none */
	uint64_t number;
	uint32_t attempts;
	uint8_t phase;	/* enum line_phase */
	uint8_t status; /* enum result_status, when finished */
};

/* At most STATE_LISTED_MAX lines, found by id. Zeroed at first, freed with its step. */
struct line_table {
	struct state_line *lines;
	size_t count;
	size_t cap;
	size_t unused;	  /* lines among count that are LINE_UNUSED */
	uint32_t *bucket; /* STATE_BUCKETS; NULL while there is no line */
};

/* state_lines.c */

uint32_t state_hash(const char *text);
/* `hash` is that of the id. NULL: there is no such line. */
struct state_line *state_line_find(const struct line_table *t, const char *id, uint32_t hash);
/* A new waiting line; NULL when the table is full. Lines found before may lie elsewhere then. */
struct state_line *state_line_add(struct line_table *t, const char *id, uint32_t hash);
void state_line_remove(struct line_table *t, struct state_line *line);
/* Attempts that were in flight will not end any more. */
void state_lines_stop(struct line_table *t);
void state_lines_free(struct line_table *t);

/* How many tasks of a step, or of a run, are what. */
struct state_counts {
	uint64_t total;
	uint64_t running;
	uint64_t finished[RESULT_STATUS_COUNT];
};

/* One step. Made by state.c when its first record comes, freed with the state. */
struct state_step {
	char *id;
	char *title; /* NULL: none */
	char *goal;  /* NULL: none */

	struct state_counts counts; /* of all its tasks; total of those added so far */
	uint64_t expected;	    /* the total that run-started told; 0: not told */
	struct line_table listed;   /* the first tasks */
	struct line_table failures; /* failed ones among the others */

	char *files[STATE_FILES_MAX]; /* in the order of the list of tasks that named them */
	uint32_t file_hash[STATE_FILES_MAX];
	uint64_t file_task[STATE_FILES_MAX]; /* the number of that task */
	size_t nfiles;
	bool more_files;
	char *recoveries[STATE_RECOVERIES_MAX];
	uint64_t nrecoveries; /* also of those that are not kept */
	char *escalated;      /* NULL: not */

	bool begun;
	bool over;     /* its synchronisation point was reached */
	char *outcome; /* "all", "partial", "none", "skipped"; NULL until then */
	char *when;    /* what did not hold, when it was skipped; NULL */
	uint64_t jobs; /* slots; 0: as many as tasks */
	char *merged;  /* NULL: nothing merged */
	int64_t took_ms;
	int64_t sequential_ms;
};

/* Made by state_new(), filled by state_event(), freed by state_free(). */
struct state {
	char *run;
	char *name; /* NULL: none */
	char *goal; /* NULL: none */
	bool rehearsal;
	uint64_t jobs; /* of steps that do not say theirs */

	struct state_step *steps;
	size_t nsteps;
	size_t cap;
	size_t found;	/* the step that the last record was about */
	size_t current; /* 1 + the last step that has begun; 0: none */

	char *escalated; /* the run as a whole; NULL: not */
	bool finished;
	bool abandoned;
	char *outcome; /* of run-finished */
	char *signal;  /* NULL: none */
	int exit_status;
	struct state_counts counts; /* of run-finished */
};

#endif
