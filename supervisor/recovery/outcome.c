#include "supervisor/recovery/outcome.h"

void counts_add(struct counts *c, enum result_status status)
{
	c->total++;
	switch (status) {
	case RESULT_SUCCEEDED:
		c->succeeded++;
		break;
	case RESULT_FAILED:
		c->failed++;
		break;
	case RESULT_SKIPPED:
		c->skipped++;
		break;
	case RESULT_CANCELLED:
		c->cancelled++;
		break;
	case RESULT_STATUS_COUNT:
		break;
	}
}

enum outcome outcome_of(const struct counts *c)
{
	if (c->succeeded == c->total)
		return OUTCOME_ALL;
	return c->succeeded == 0 ? OUTCOME_NONE : OUTCOME_PARTIAL;
}

const char *outcome_text(enum outcome outcome)
{
	switch (outcome) {
	case OUTCOME_ALL:
		return "all";
	case OUTCOME_PARTIAL:
		return "partial";
	case OUTCOME_NONE:
		break;
	}
	return "none";
}

bool require_met(const struct require *require, const struct counts *c)
{
	switch (require->kind) {
	case REQUIRE_ALL:
		return outcome_of(c) == OUTCOME_ALL;
	case REQUIRE_PARTIAL:
		return outcome_of(c) != OUTCOME_NONE;
	case REQUIRE_COUNT:
		return c->succeeded >= require->number;
	case REQUIRE_PERCENT:
		return c->succeeded * 100 >= require->number * c->total;
	}
	return false;
}

enum exit_status outcome_exit(const struct require *require, const struct counts *c, bool stopped,
    bool escalated)
{
	if (require_met(require, c))
		return EXIT_MET;
	if (stopped)
		return EXIT_STOPPED;
	if (outcome_of(c) == OUTCOME_NONE)
		return EXIT_NONE;
	return escalated ? EXIT_ESCALATED : EXIT_PARTIAL;
}
