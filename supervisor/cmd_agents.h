/* `pollard agents [NAME]`: the agents that can be used, and where each comes from. */
#ifndef POLLARD_CMD_AGENTS_H
#define POLLARD_CMD_AGENTS_H

#include "supervisor/config.h"

/* Returns the exit status. */
int cmd_agents(const struct config *config);

#endif
