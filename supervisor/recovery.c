#include "supervisor/recovery.h"

#include <stdlib.h>
#include <string.h>

#include "shared/xalloc.h"

#define PAUSE_FIRST_MS 1000
#define PAUSE_MAX_MS 60000

bool may_retry(const struct failure *f)
{
	switch (f->reason) {
	case REASON_SPAWN:
	case REASON_AUTH:
	case REASON_QUOTA:
	case REASON_INVALID:
		/* the same command and agent would meet the same wall */
		return false;
	default:
		return f->attempts < 1 + f->retries;
	}
}

void recovery_begin(struct recovery *r, const struct failure *failures, size_t count,
    uint64_t failed, uint64_t succeeded)
{
	*r = (struct recovery){ .count = count };
	r->failures = xreallocarray(NULL, count > 0 ? count : 1, sizeof *r->failures);
	if (count > 0)
		memcpy(r->failures, failures, count * sizeof *failures);
	r->level = failed <= 1 ? 1 : succeeded > 0 ? 2 : 3;
}

bool recovery_next(struct recovery *r, size_t *task)
{
	while (r->next < r->count && !r->canary_failed) {
		if (may_retry(&r->failures[r->next])) {
			*task = r->failures[r->next].task;
			return true;
		}
		/* failed for good; as the first of all it was the canary */
		r->next++;
		if (r->level == 3 && r->recovered == 0)
			r->canary_failed = true;
	}
	return false;
}

void recovery_result(struct recovery *r, bool succeeded, enum reason reason)
{
	struct failure *f = &r->failures[r->next];
	f->attempts++;
	f->reason = reason;
	if (succeeded) {
		r->recovered++;
		r->next++;
	}
}

void recovery_free(struct recovery *r)
{
	free(r->failures);
	*r = (struct recovery){ 0 };
}

int64_t retry_pause_ms(unsigned attempt, uint32_t random)
{
	int64_t pause = PAUSE_FIRST_MS;
	for (unsigned i = 2; i < attempt && pause < PAUSE_MAX_MS; i++)
		pause *= 2;
	if (pause > PAUSE_MAX_MS)
		pause = PAUSE_MAX_MS;
	/* equal jitter: between half and all of it, so that several supervisors do not march in step */
	return pause / 2 + (int64_t)(random % (uint32_t)(pause / 2 + 1));
}
