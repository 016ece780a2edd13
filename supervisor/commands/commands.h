/*
 * The commands that read what runs have left, the plan, and the list of agents. Each prints to standard
 * output and returns the exit status.
 */
#ifndef POLLARD_COMMANDS_H
#define POLLARD_COMMANDS_H

#include "supervisor/options/config.h"
#include "supervisor/spawn.h"

/* Reads tasks as `run` does, says what it would do with them, and starts nothing. */
int cmd_plan(const struct config *config);
int cmd_status(const struct config *config);
int cmd_show(const struct config *config);
int cmd_failed(const struct config *config);
int cmd_report(const struct config *config);
int cmd_clean(const struct config *config);
int cmd_agents(const struct config *config, worker_fn worker);
int cmd_doctor(const struct config *config);

#endif
