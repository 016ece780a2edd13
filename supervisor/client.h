/*
 * How an agent is reached in a run: by a command of its own, or by one of the backends, with what it
 * may do there.
 */
#ifndef POLLARD_CLIENT_H
#define POLLARD_CLIENT_H

#include <stdbool.h>

#include "shared/backend.h"
#include "shared/buf.h"
#include "supervisor/agents.h"
#include "supervisor/config.h"

/* Filled by client_choose(); nothing in it is owned. */
struct client {
	const struct backend *backend; /* NULL: the agent's own command */
	enum access access;
	bool chosen; /* nobody named the backend: it is the first one on PATH */
};

/*
 * The agent's own command, else --backend or POLLARD_BACKEND, the agent's file, pollard.yaml, else the
 * first one on PATH (not with --cron). `writes`: the task says that it writes something. 0, or the exit
 * status (78) and *why, one line.
 */
int client_choose(struct client *client, const struct config *config, const struct agent *agent,
    bool writes, struct buf *why);

/*
 * The words of an attempt, with placeholders as shared/backend.h has them: {model}, {session},
 * {system_file} and the like are filled by the worker, tools and turns stand in them already.
 * NULL-terminated, in memory that is the caller's to free() in one piece. `resume`: there is a session to go
 * on with (only where the backend can).
 */
const char **client_words(const struct client *client, const struct agent *agent, const char *model,
    bool resume);

/* Whether `program` is a file that can be run in the directories of PATH, or where its name leads. */
bool client_on_path(const char *program);

#endif
