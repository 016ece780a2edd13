/*
 * Durations, sizes and counts as users write them and read them.
 * The parsers return false and leave *out alone on anything else: empty text, signs,
 * blanks, trailing text, numbers that do not fit.
 */
#ifndef POLLARD_QUANTITY_H
#define POLLARD_QUANTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest duration accepted: 10 years; a sum of two still fits everywhere. */
#define DURATION_MAX_MS (INT64_C(315360000000))

/*
 * "90", "90s", "1.5h", "10m", "2h", "7d", "250ms"; plain numbers are seconds. In milliseconds.
 * Fractions have at most three digits, here and below, and a unit that can be divided.
 */
bool parse_duration(const char *s, int64_t *out_ms);
/*
 * Bytes: "4096", "64K", "64M", "1.5G", "2T", powers of 1024, optionally followed by "B" or (after
 * a letter) "iB". Fractions of a byte are dropped.
 */
bool parse_size(const char *s, uint64_t *out);
/* "40k", "2M", "1.5k", "400000": powers of 1000; k, K, M and G, but not m. */
bool parse_count(const char *s, uint64_t *out);
/* Decimal digits only, min <= value <= max. */
bool parse_integer(const char *s, uint64_t min, uint64_t max, uint64_t *out);

/* "0.3s", "9.8s", "42s", "1m 40s", "2h 05m", "3d 04h". buf of at least 32 bytes; returns it. */
const char *format_duration(char *buf, size_t size, int64_t ms);
/* "18 bytes", "1 byte", "16.0 KiB", "1.5 GiB". */
const char *format_size(char *buf, size_t size, uint64_t bytes);

#endif
