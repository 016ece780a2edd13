/*
 * The block at the bottom of a terminal that shows what a run does: from what is known to the bytes
 * of one frame. Pure: no clock, no terminal, no run.
 *
 * The cursor stands at the beginning of the line below the block whenever no frame is being
 * written. So whatever ends us leaves a terminal on which a shell goes on below, and nothing in its
 * state has to be put back.
 */
#ifndef POLLARD_PROGRESS_BLOCK_H
#define POLLARD_PROGRESS_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/buf.h"

#define BLOCK_LINES_MAX 12
/* More running tasks than this are summed by agent. */
#define BLOCK_ROWS_MAX 12
/* Shorter silence is none: tasks that print now and then do not change places all the time. */
#define BLOCK_SILENT_MS 10000

/* A running task; the strings are the caller's and may hold anything. */
struct block_row {
	const char *id;
	const char *agent; /* NULL: a command */
	unsigned attempt;
	bool stopping; /* was asked to end */
	int64_t age_ms;
	int64_t silent_ms; /* since its last output, or its start */
	int64_t usual_ms;  /* how long it usually takes; -1: not known */
	const char *said;  /* its last line of output, of said_len bytes; NULL: none */
	size_t said_len;
};

/* What a run does now. Built by the caller, who owns all of it. */
struct block_view {
	size_t width;  /* columns of the terminal */
	size_t height; /* lines of it */
	bool brief;    /* the first line alone */
	bool color;
	bool utf8; /* the terminal shows more than ASCII */

	size_t step; /* from 1 */
	size_t nsteps;
	const char *title; /* of the step */
	uint64_t done;	   /* tasks that are final, however they ended */
	uint64_t total;	   /* UINT64_MAX: not known */
	uint64_t failed;
	uint64_t retrying; /* tasks that are attempted again, or will be */
	bool tokens_known;
	uint64_t tokens;
	bool usd_known;
	double usd;
	const char *note; /* a last line, such as what results wait for; NULL: none */
	const struct block_row *rows;
	size_t nrows; /* tasks that run */
};

/* The lines of a frame. Zero is none; block_free() empties it. */
struct block {
	struct buf lines[BLOCK_LINES_MAX];
	size_t widths[BLOCK_LINES_MAX]; /* columns of each */
	size_t count;
};

/* Replaces *b by what the view shows: lines that fit into its width without being wrapped, at least one. */
void block_draw(struct block *b, const struct block_view *view);
bool block_equal(const struct block *a, const struct block *b);
void block_free(struct block *b);

/* Appends the bytes that draw it. `up`: how many lines above the cursor the one that is on the screen begins. */
void block_frame(struct buf *out, const struct block *b, size_t up);
/* Appends the bytes that take away a block which begins so many lines above the cursor. */
void block_erase(struct buf *out, size_t up);
/* How many lines the block takes on a terminal that became `width` columns wide and has wrapped it. */
size_t block_height(const struct block *b, size_t width);

#endif
