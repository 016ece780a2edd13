/* Workflow files: YAML or JSON to steps and tasks, all of it checked; see pollard-workflow(5). */
#ifndef POLLARD_WORKFLOW_H
#define POLLARD_WORKFLOW_H

#include "supervisor/input/agents.h"
#include "supervisor/input/diag.h"
#include "supervisor/input/document.h"
#include "supervisor/input/task.h"
#include "supervisor/options/config.h"

/* Whether a file of that name is a workflow, and of what form: .yaml, .yml, .json. */
bool workflow_named(const char *file, enum document_form *form);

/*
 * Reads the workflow into the plan, with config's --var put in. The plan is complete when diag is
 * still empty afterwards.
 */
void workflow_read(const char *data, size_t len, const char *file, enum document_form form,
    const struct config *config, const struct agents *agents, struct plan *plan, struct diag *diag);

/*
 * Makes the tasks of a `foreach` from the list: adds them to the plan (at its end: step->first and
 * count are set), checked like those of a file, in the order of `order_by`. `list` stays the
 * caller's; NULL or no array is an error. False and one line in *why (with the index of the item in
 * the list: "item 3: ...") when something is wrong; nothing was added then. The plan's tasks may
 * have moved. Whether they fit the limits is not looked at.
 */
bool workflow_foreach(struct plan *plan, size_t step, const cJSON *list,
    const struct config *config, const struct agents *agents, struct buf *why);

#endif
