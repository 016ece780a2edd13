/*
 * How an agent is reached in a run: by a command of its own, or by one of the backends, with what it
 * may do there.
 */
#ifndef POLLARD_CLIENT_H
#define POLLARD_CLIENT_H

#include <stdbool.h>

#include "shared/backend.h"
#include "shared/buf.h"
#include "supervisor/input/agents.h"
#include "supervisor/options/config.h"

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

/* The first one on PATH that is taken without being named; NULL: there is none. */
const struct backend *client_automatic(void);
/* Whether there is no backend of that name: then one line is appended to *why. */
bool client_unknown(const char *name, struct buf *why);

/*
 * The model of the agent's file, or NULL when it has none or the backend cannot make use of that name:
 * "sonnet" means nothing to codex.
 */
const char *client_model(const struct client *client, const struct agent *agent);

/*
 * The words of an attempt, with placeholders as shared/backend.h has them: {model}, {session},
 * {system_file} and the like are filled by the worker, tools and turns stand in them already.
 * NULL-terminated, in memory that is the caller's to free() in one piece. `model`: NULL
 * leaves that option out, and so does one that client_model() would not pass on. `resume`: there is a
 * session to go on with (only where the backend can).
 */
const char **client_words(const struct client *client, const struct agent *agent, const char *model,
    bool resume);

/* Appends these words as one would type them, for people. Not safe to print yet. */
void client_line(struct buf *out, const struct client *client, const struct agent *agent);

/* Whether `program` is a file that can be run in the directories of PATH, or where its name leads. */
bool client_on_path(const char *program);

#endif
