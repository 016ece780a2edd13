/*
 * What failed since the ladder was entered last, and with what: gathered for the ladder and the debugger.
 */
#include "shared/xalloc.h"
#include "supervisor/coordinator.h"

/* A place in the list of those that failed; beyond the limit only those that can be retried. */
void failures_add(struct run *run, size_t task, bool held)
{
	struct failures *f = &run->failures;
	f->count++;
	if (f->listed >= FAILURES_LISTED_MAX && !held)
		return;
	if (f->listed == f->cap) {
		f->cap = f->cap == 0 ? 16 : f->cap * 2;
		f->tasks = xreallocarray(f->tasks, f->cap, sizeof *f->tasks);
	}
	f->tasks[f->listed++] = task;
	f->held += held;
}

void failures_add_attempt(struct run *run, const struct attempt *attempt, struct record_place place)
{
	failures_add_place(run, attempt->task, attempt->number, place);
}

void failures_add_place(struct run *run, size_t task, unsigned number, struct record_place place)
{
	struct failures *f = &run->failures;
	if (f->nattempts >= FAILED_ATTEMPTS_MAX)
		return;
	if (f->nattempts == f->attempts_cap) {
		f->attempts_cap = f->attempts_cap == 0 ? 16 : f->attempts_cap * 2;
		f->attempts = xreallocarray(f->attempts, f->attempts_cap, sizeof *f->attempts);
	}
	f->attempts[f->nattempts++] = (struct failed_attempt){ task, number, place };
}
