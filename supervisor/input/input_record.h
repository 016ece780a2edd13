/*
 * One record of a list: what it is and what is wrong with it. The inside of input.h, for input_read()
 * and input_next().
 */
#ifndef POLLARD_INPUT_RECORD_H
#define POLLARD_INPUT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/input/fault.h"
#include "supervisor/input/idset.h"
#include "supervisor/input/input.h"
#include "supervisor/input/notation.h"
#include "supervisor/input/splitter.h"

/* What a record was. */
enum meaning {
	MEANS_NOTHING, /* blank, a comment, a note */
	MEANS_TASK,    /* one, or a bad one */
	MEANS_STEP,    /* the next step begins, with the title in `heading` */
	MEANS_GOAL,    /* the goal in `heading` */
};

/* How long a word of the command becomes with a record in it. */
struct word {
	size_t fixed;	/* bytes besides the marks */
	size_t records; /* how often {} */
	size_t numbers; /* how often {#} */
};

/*
 * A list while it is read, piece by piece or (by input_read()) whole. Made by input_open(), freed
 * by input_close().
 */
struct input {
	const char *name;
	const struct config *config;
	const struct agents *agents;
	struct splitter splitter;
	struct faults faults;	   /* of the record at hand */
	struct idset ids;	   /* of the step at hand */
	bool ids_complete;	   /* no record's id is unknown */
	uint32_t count;		   /* tasks so far, good and bad */
	const struct agent *agent; /* found last; most lists name one agent all the time */
	struct notation heading;   /* of MEANS_STEP and MEANS_GOAL */
	struct word *words;	   /* of the command, those with a mark */
	size_t nwords;
	bool second_step; /* in a stream: what comes now cannot be run */
};

/*
 * One record. Of MEANS_TASK the task is filled, but for a missing id, and `faults` says what is
 * wrong with it.
 */
enum meaning input_record(struct input *in, const struct raw_record *record, struct arena *arena,
    struct task *task);
/* Gives the task an id and remembers it; false and a fault when the id is not its own. */
bool input_settle_id(struct input *in, struct arena *arena, struct task *task);
/* The agent of that name, which is not NUL-terminated; NULL and a fault when there is none. */
const struct agent *input_find_agent(struct input *in, const char *name, size_t len);

#endif
