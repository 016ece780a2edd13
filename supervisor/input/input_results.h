/* In a list of several steps each prompt gets the results of the step before, at its end. */
#ifndef POLLARD_INPUT_RESULTS_H
#define POLLARD_INPUT_RESULTS_H

#include <stddef.h>

#include "supervisor/input/task.h"

/* Of prompts that name results themselves nothing is changed. `step` is an index, not the first. */
void give_results(struct plan *plan, size_t step);

#endif
