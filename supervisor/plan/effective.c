#include "supervisor/plan/effective.h"

bool effective_sequential(const struct config *config, const struct step *step)
{
	return config->sequential || (step->more != NULL && step->more->sequential);
}

uint32_t effective_jobs(const struct config *config, const struct plan *plan,
    const struct step *step)
{
	if (effective_sequential(config, step))
		return 1;
	if (step->more != NULL && step->more->limits.jobs != UNSET)
		return (uint32_t)step->more->limits.jobs;
	if (config->jobs_given || plan->document == NULL || plan->limits.jobs == UNSET)
		return config->jobs;
	return (uint32_t)plan->limits.jobs;
}

uint64_t effective_tokens_at_once(const struct config *config, const struct plan *plan,
    const struct step *step)
{
	if (step->more != NULL && step->more->limits.tokens_at_once > 0)
		return step->more->limits.tokens_at_once;
	return config->tokens_at_once > 0 ? config->tokens_at_once : plan->limits.tokens_at_once;
}

struct require effective_require(const struct config *config, const struct plan *plan)
{
	return config->require_given || !plan->has_require ? config->require : plan->require;
}

struct require effective_step_require(const struct step *step)
{
	if (step->more != NULL && step->more->has_require)
		return step->more->require;
	return (struct require){ .kind = REQUIRE_PARTIAL };
}
