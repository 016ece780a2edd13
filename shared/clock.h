/*
 * Time: a monotonic clock for limits (it stands still while the machine is
 * suspended, and does not jump when somebody sets the time), the wall clock for records.
 */
#ifndef POLLARD_CLOCK_H
#define POLLARD_CLOCK_H

#include <stdint.h>

#define CLOCK_TEXT_MAX 32

/* Milliseconds on CLOCK_MONOTONIC. */
int64_t clock_mono_ms(void);
/* Milliseconds since the epoch, UTC. */
int64_t clock_wall_ms(void);
/* "2026-11-23T16:20:05.123Z"; returns buf. From 1970 to 9999: others as the nearest of these. */
const char *clock_text(char buf[CLOCK_TEXT_MAX], int64_t wall_ms);
/* The reverse of clock_text(); -1 for anything else. */
int64_t clock_parse(const char *text);

#endif
