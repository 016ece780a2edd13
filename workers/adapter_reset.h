/*
 * When a service says that it can be used again: the many forms in which people are told so. Pure but
 * for the clock's time zone.
 */
#ifndef POLLARD_ADAPTER_RESET_H
#define POLLARD_ADAPTER_RESET_H

#include <stddef.h>
#include <stdint.h>

/*
 * "resets 1pm (Europe/Lisbon)", "try again at Oct 9th, 2026 1:05 PM", "resets in 2h 5m", "try again in 3
 * days 2 hours", "usage limit reached|1764000000", "resetsAt": 1764000000, "resets_in_seconds": 60.
 * Milliseconds of the wall clock, later than now_ms and at most some weeks later; 0 when the text does
 * not say it. A time without a zone, or with one that is not known here, is local time.
 */
int64_t adapter_reset_ms(const char *text, size_t len, int64_t now_ms);

/* The same of a number: seconds or milliseconds since the epoch; 0 when it is no such time. */
int64_t adapter_reset_epoch(double number, int64_t now_ms);

#endif
