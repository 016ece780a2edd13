/*
 * How fast attempts of one backend may begin one after another, found out from where its service
 * refused them. Pure: no clock.
 *
 * Until something is refused there is no pace, and then the caller's (pace_at_most()) until two
 * refusals are far enough apart to tell more. Between two refusals the service let through as much
 * as it gives in that time, or less when it was not asked for more: so the pace is never slower than
 * that for long, and never faster for long than the one that was refused. Refusals that come too soon
 * after one another to tell that slow it down to some times what is known, and no further. It is held
 * for some good ends and then quickens, slowly first.
 */
#ifndef POLLARD_PACE_H
#define POLLARD_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* Zero is "none yet"; nothing to release. Times are monotonic, `_us` in microseconds, `now` in milliseconds. */
struct pace {
	int64_t spacing_us; /* between two starts; 0: none */
	int64_t next_us;    /* of the next start */
	int64_t known_us;   /* the service is known to bear it; 0: not known yet */
	int64_t last_us;    /* what it bore between the two newest refusals */
	int64_t since;	    /* when counting began */
	uint32_t begun;	    /* starts since then */
	uint32_t refused;   /* of these */
	uint32_t hold;	    /* good ends before it quickens */
	uint32_t held;	    /* of these since the last refusal */
	uint32_t quick;	    /* refusals in a row that came too soon to tell more than that */
	bool counts;	    /* the newest start waited for it, and not for a slot */
};

void pace_started(struct pace *p, int64_t now);
/* An attempt ended well. */
void pace_succeeded(struct pace *p);
/* An attempt was refused; more than one belong to one burst. */
void pace_refused(struct pace *p);
/* A burst of refusals began. */
void pace_slow_down(struct pace *p, int64_t now);
/* Until it is known what the service bears, starts are no more than so many microseconds apart. */
void pace_at_most(struct pace *p, int64_t spacing_us);
/* Nothing starts before `at`. */
void pace_wait(struct pace *p, int64_t at);
/* When the next one may begin; 0: at once. */
int64_t pace_next(const struct pace *p);

#endif
