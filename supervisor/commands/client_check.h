/* Which clients are there, whether they start, and which agents they reach. */
#ifndef POLLARD_CLIENT_CHECK_H
#define POLLARD_CLIENT_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/buf.h"
#include "supervisor/input/agents.h"
#include "supervisor/options/config.h"
#include "supervisor/spawn.h"

/* How long a client may take to say its version, in milliseconds. */
#define CLIENT_CHECK_MS 10000

/*
 * Whether a task for this agent could be started, as far as can be told without starting anything: it has
 * a client that is there, or a command that is found. If not, *why gets one line, safe to print.
 */
bool client_reaches(const struct config *config, const struct agent *agent, struct buf *why);
/*
 * Appends a table, safe to print: each backend with the first line that `PROGRAM --version` prints, or
 * what to type to install it, and each of these agents that cannot be asked. 0, or EXIT_CONFIG when
 * there is such an agent. The clients that are on PATH are started, each by a worker, and nothing of
 * them stays. A signal ends this process once they have ended.
 */
int client_check(struct buf *out, const struct config *config, const struct agent *const *agents,
    size_t count, worker_fn worker);

#endif
