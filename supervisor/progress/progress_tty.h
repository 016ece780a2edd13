/*
 * The block of progress_block.h on a real terminal: whether there is one, when it is drawn, and
 * how it is taken away.
 *
 * Drawn first after half a second, then at most ten times a second, and once a second when nothing
 * happens. A frame that the terminal does not take at once is dropped: a slow terminal slows
 * nothing. Only in the foreground: what others show on the terminal is not ours.
 */
#ifndef POLLARD_PROGRESS_TTY_H
#define POLLARD_PROGRESS_TTY_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/options/config.h"
#include "supervisor/progress/progress_block.h"
#include "supervisor/progress/sink.h"

/* What decides how progress is shown, and in which colours. Strings may be NULL: not set. */
struct surroundings {
	bool terminal; /* standard error is one */
	bool piped;    /* standard output is a pipe */
	const char *term;
	const char *ci;
	const char *no_color;
	const char *clicolor_force;
	const char *force_color;
};

/* PROGRESS_TTY, PROGRESS_PLAIN or PROGRESS_NONE. */
enum progress_form progress_choose(enum progress_form wanted, const struct surroundings *s);
bool progress_colored(enum color_form wanted, const struct surroundings *s);
/* Whether text in this locale is UTF-8: by the first of these that is set and not empty. */
bool progress_utf8(const char *lc_all, const char *lc_ctype, const char *lang);

/*
 * Declared by the owner, begun with screen_init(), emptied by screen_free() when its sinks are closed.
 * Not to be moved between the two.
 */
struct screen {
	bool on; /* there is a terminal to draw on */
	bool foreground;
	bool dirty;  /* something happened since the last frame */
	bool shares; /* standard output is the same terminal */
	bool live;   /* the output of the task that runs is shown as it comes */
	bool color;
	bool utf8;
	struct sink *out;
	struct sink *err;
	struct sink_cover cover;
	struct block shown; /* what is drawn while cover.erase holds something */
	size_t shown_lines; /* of the terminal, that it takes */
	size_t shown_width; /* of the terminal, for which cover.erase is right */
	int64_t next_at;    /* the next frame not before; monotonic, ms */
	int64_t tick_at;    /* the next frame although nothing happened */
};

/* `form`: as progress_choose() has it. The sinks stay the caller's. */
void screen_init(struct screen *s, enum progress_form form, struct sink *out, struct sink *err);
/* Whether a block is shown, now or soon: not in the background. */
bool screen_active(const struct screen *s);

/* Milliseconds until screen_wants() may be true; -1: never. */
int64_t screen_due(const struct screen *s);
/* Once a turn: whether a frame is to be made now. */
bool screen_wants(struct screen *s);
/* Fills in what the terminal is like. */
void screen_describe(const struct screen *s, struct block_view *view);
/* Draws it, unless it is what stands there. */
void screen_draw(struct screen *s, const struct block_view *view);

/* SIGWINCH. */
void screen_resized(struct screen *s);
/* Before this process stops, and when it goes on: others have written to the terminal. */
void screen_suspend(struct screen *s);
void screen_resume(struct screen *s);
/* Between the two, when it has stopped: draws nothing before SIGCONT is heard, which has come already. */
void screen_wait(struct screen *s);
/* Nothing is drawn any more; what stands there goes with the next bytes that are written. */
void screen_over(struct screen *s);
void screen_free(struct screen *s);

#endif
