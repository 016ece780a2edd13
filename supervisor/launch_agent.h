/* What the attempt of an agent is started with. For launch.c. */
#ifndef POLLARD_LAUNCH_AGENT_H
#define POLLARD_LAUNCH_AGENT_H

#include "supervisor/launch.h"

/*
 * Fills the job of an agent: its client and the words for it, prompt, session, places. Without argv when
 * the agent cannot be reached. `last` is the result of the attempt before, or NULL; where its session
 * is gone on with, job->session is that.
 */
void launch_agent(struct launch *l, struct job *job, const struct task *task,
    const struct result *last);
/*
 * Whether an attempt that went on with a session failed because its client does not know that one. From
 * what the client says, in many words: never more than a guess.
 */
bool launch_lost_session(const struct result *last);
/* Whether the service did not let it work: then it begins once more as if it had not. */
bool launch_was_held_back(const struct result *last);
/* Whether the standard output of the job is for programs: events that its adapter reads. */
bool launch_tells_events(const struct job *job);
/* Releases what launch_agent() has made. */
void launch_agent_free(struct launch *l);

#endif
