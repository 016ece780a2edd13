/*
 * What escalation.c gathers and escalation_text.c writes out. Nobody else includes this.
 */
#ifndef POLLARD_ESCALATION_DATA_H
#define POLLARD_ESCALATION_DATA_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/buf.h"
#include "shared/result.h"
#include "supervisor/record/escalation.h"

#define ESCALATION_FAILED_MAX 50
#define ESCALATION_SUCCEEDED_MAX 100
#define ESCALATION_AGENTS_MAX 10
#define ESCALATION_REASONS_MAX 20

/* A task that failed for good. In the list of struct escalation, which owns all of it. */
struct failed_task {
	char *step;
	char *id;
	char *agent;  /* NULL: a command */
	char *reason; /* of the last attempt; NULL: none */
	uint64_t attempts;
	uint64_t number;   /* second pass; 0: its record was not seen */
	int exit_status;   /* second pass, of the last attempt; -1: none */
	struct buf asked;  /* second pass: what it was asked, safe and cut */
	struct buf story;  /* second pass: Markdown about its attempts */
	uint64_t shown;	   /* attempts in it */
	uint64_t left_out; /* and not in it */
};

/* A step at which a person must decide. In the list of struct escalation. */
struct escalated_step {
	char *step; /* NULL: the run as a whole */
	char *reason;
};

/* Made by escalation_new(), filled by the two passes, freed by escalation_free(). */
struct escalation {
	cJSON *run; /* a copy of run-started; NULL: not seen */
	uint64_t tasks;
	uint64_t commands; /* tasks without an agent */
	uint64_t finished[RESULT_STATUS_COUNT];
	char *agents[ESCALATION_AGENTS_MAX];
	size_t nagents;
	bool more_agents;

	struct failed_task *failed; /* the first ones */
	size_t nfailed;
	struct buf succeeded; /* ids of the first ones, Markdown */
	size_t nsucceeded;
	struct escalated_step *escalated;
	size_t nescalated;

	char *blocking;	    /* the step that let nothing follow it; NULL: none */
	bool names_results; /* a prompt of the list names results of other tasks */

	struct buf said;      /* what debuggers said: Markdown */
	uint64_t said_more;   /* verdicts that are not in it */
	struct buf tried;     /* recovery and fixes: Markdown */
	uint64_t tried_more;  /* of those not in it */
	char *cause;	      /* of the last valid verdict; NULL: none */
	bool fix_proposed;    /* and not carried out since */
	bool fix_carried_out; /* some fix was */
	bool other_state_dir; /* which pollard does not find by itself */
};

/* escalation_said.c: Markdown about one record. */
void escalation_add_verdict(struct buf *out, const cJSON *record, bool steps);
void escalation_add_fix(struct buf *out, const cJSON *record, bool steps);
void escalation_add_recovery(struct buf *out, const cJSON *record, bool steps);
/* "agent x: PROMPT", or a command as it would be typed; any bytes, cut, and not yet safe. */
void escalation_fix_text(struct buf *out, const cJSON *fix);

/* Whether there are several steps, so that each task and verdict has to name its own. */
bool escalation_has_steps(const struct escalation *e);
/* Appends the text made safe, at most `max` bytes of its beginning, then a mark. */
void escalation_beginning(struct buf *out, const char *text, size_t len, size_t max,
    unsigned lines);

#endif
