/* What a run or a step may use up, and how much of it is left. */
#include "supervisor/coordinator.h"

/* What an attempt of it is expected to use. */
static uint64_t expected(const struct task *task)
{
	if (task->more != NULL && task->more->tokens > 0)
		return task->more->tokens;
	return task->agent != NULL ? task->agent->tokens : 0;
}

static void add(struct spent *s, uint64_t tokens, double usd)
{
	s->tokens += tokens;
	s->usd += usd;
}

void budget_spend(struct run *run, const struct task *task, const struct usage *usage)
{
	uint64_t tokens = expected(task);
	if (usage->known)
		tokens = (uint64_t)usage->input_tokens + (uint64_t)usage->output_tokens;
	double usd = usage->known ? usage->usd : 0;
	if (usage->known) {
		run->usage.known = true;
		run->usage.input_tokens += usage->input_tokens;
		run->usage.output_tokens += usage->output_tokens;
		run->usage.usd_known |= usage->usd_known;
		run->usage.usd += usage->usd;
	}
	add(&run->spent, tokens, usd);
	add(&run->step_spent, tokens, usd);
}

void budget_release(struct run *run, const struct task *task)
{
	uint64_t tokens = expected(task);
	run->reserved -= tokens < run->reserved ? tokens : run->reserved;
}

void budget_reserve(struct run *run, const struct task *task)
{
	run->reserved += expected(task);
}

static bool is_spent(const struct spent *s, uint64_t tokens, double usd)
{
	return (tokens > 0 && s->tokens >= tokens) || (usd > 0 && s->usd >= usd);
}

static bool allows(const struct run *run, const struct spent *s, uint64_t tokens, double usd,
    const struct task *task)
{
	if (is_spent(s, tokens, usd))
		return false;
	return tokens == 0 || s->tokens + run->reserved + expected(task) <= tokens;
}

static uint64_t run_tokens(const struct run *run)
{
	return run->config->budget_tokens > 0 ? run->config->budget_tokens :
						run->plan->limits.tokens;
}

static double run_usd(const struct run *run)
{
	return run->config->budget_usd > 0 ? run->config->budget_usd : run->plan->limits.usd;
}

bool budget_is_spent(const struct run *run)
{
	return is_spent(&run->spent, run_tokens(run), run_usd(run));
}

bool budget_allows(const struct run *run, const struct task *task)
{
	const struct step_more *more = run->step->more;
	if (!allows(run, &run->spent, run_tokens(run), run_usd(run), task))
		return false;
	return more == NULL ||
	    allows(run, &run->step_spent, more->limits.tokens, more->limits.usd, task);
}
