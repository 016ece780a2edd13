/*
 * The records of a journal on their way into a report. Nobody but report.c, report_gather.c,
 * report_verdicts.c and report_text.c includes this.
 */
#ifndef POLLARD_REPORT_GATHER_H
#define POLLARD_REPORT_GATHER_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/record/replay.h"
#include "supervisor/report/report.h"

/* What records tell of a task besides what replay keeps. Strings in the report's arena. */
struct gathered_task {
	const char *agent; /* of its records, also where its task-added is missing */
	const char *error;
	const char *summary;
	const char *cause;
	const char **files;
	size_t nfiles;
	struct report_usage usage;
	int64_t spent_ms;
	size_t open; /* 1 + the attempt that is in flight; 0: none */
};

/*
 * On the stack of report_read(), released by gather_free(). Tasks have the indices of the replay here,
 * in the report's tables too (attempt.task, groups), until report.c puts them in order.
 */
struct gather {
	struct report *r;
	const struct rundir *dir;
	struct replay replay;
	struct gathered_task *tasks; /* a table */
	size_t tasks_cap;
	int64_t last_ms;    /* time of the newest record; 0: none yet */
	size_t tails;	    /* bytes of all tails so far */
	int64_t seconds_ms; /* of run-finished; -1: not told */
	const char *escalation;
	bool sequential;
};

/* Takes in one record, in order. */
void gather_record(struct gather *g, const cJSON *record, struct record_place place);
/* Attempts that are in flight will not end any more. */
void gather_lose(struct gather *g);
void gather_usage(struct report_usage *used, const cJSON *record, bool agent);
void gather_free(struct gather *g);
/* A member that is a small number; 0 when there is none. */
unsigned gather_small(const cJSON *record, const char *key);

/* report_verdicts.c */
void gather_verdict(struct gather *g, size_t step, const cJSON *record);
void gather_fix(struct gather *g, size_t step, const cJSON *record);
/* What happened just now. The text lies in the report's arena; NULL: none. */
void gather_remark(struct gather *g, enum report_remark_kind kind, size_t step, unsigned level,
    const char *text);
/* An array of words as one line of a shell, cut. */
const char *gather_words(struct report *r, const cJSON *words);

/* report_text.c: text made safe, in the report's arena. NULL for NULL. */
/* One line; newlines and tabs as escapes. */
const char *report_line(struct report *r, const char *text);
/* The same, of at most `max` characters, the last of them an ellipsis when it was cut. */
const char *report_line_cut(struct report *r, const char *text, size_t max);
/* The same as report_line() of the member of that name. */
const char *report_member(struct report *r, const cJSON *record, const char *key);
/* The last lines of a stream of a record ("stdout", "stderr"), or of the file it went to; or NULL. */
const char *report_tail(struct gather *g, const cJSON *record, const char *key);
/* Reads what was merged of the step, from its file; *left is what all of them may still take. */
void report_merged(struct report *r, const struct rundir *dir, struct report_step *step,
    size_t *left);
/*
 * What a task was asked, of its record in the list: its prompt, its command, or the line; and the
 * needs that it has, by calling need() with each id (which may name no task).
 */
const char *report_asked(struct report *r, const char *record, size_t len, bool object,
    void (*need)(void *context, const char *id), void *context);

#endif
