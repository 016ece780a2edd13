/*
 * Which of several limits holds: that of the step, then the option when it was given, then that of
 * the workflow, then the default. Pure.
 */
#ifndef POLLARD_EFFECTIVE_H
#define POLLARD_EFFECTIVE_H

#include <stdint.h>

#include "supervisor/input/task.h"
#include "supervisor/options/config.h"

/* Slots; 0: as many as tasks. 1 for a step that is sequential, or with --sequential. */
uint32_t effective_jobs(const struct config *config, const struct plan *plan,
    const struct step *step);
/* Whether the tasks of the step run one after another because somebody asked for that. */
bool effective_sequential(const struct config *config, const struct step *step);
/* Expected tokens of the tasks that run together; 0: no limit. */
uint64_t effective_tokens_at_once(const struct config *config, const struct plan *plan,
    const struct step *step);
/* What makes the exit status of the run 0. */
struct require effective_require(const struct config *config, const struct plan *plan);
/* What lets the run go on after the step: its own, else partial. */
struct require effective_step_require(const struct step *step);

#endif
