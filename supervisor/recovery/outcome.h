/*
 * The rules of the synchronisation point: what the results of a step or a run amount to. Pure.
 */
#ifndef POLLARD_OUTCOME_H
#define POLLARD_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/exits.h"
#include "shared/result.h"
#include "supervisor/options/config.h"

enum outcome { OUTCOME_ALL, OUTCOME_PARTIAL, OUTCOME_NONE };

/* How many tasks ended how; skipped_when are those that a `when` skipped, which do not count. */
struct counts {
	uint64_t total;
	uint64_t succeeded;
	uint64_t failed;
	uint64_t skipped;
	uint64_t cancelled;
};

void counts_add(struct counts *c, enum result_status status);

/* All when every task succeeded (of no tasks too), none when not one did, else partial. */
enum outcome outcome_of(const struct counts *c);
const char *outcome_text(enum outcome outcome);

/* Whether --require is met. No tasks meet everything but a number. */
bool require_met(const struct require *require, const struct counts *c);

/*
 * The exit status of a run that no signal ended and that had no trouble of its own.
 * `stopped`: by a deadline or a budget; `escalated`: a person must decide.
 */
enum exit_status outcome_exit(const struct require *require, const struct counts *c, bool stopped,
    bool escalated);

#endif
