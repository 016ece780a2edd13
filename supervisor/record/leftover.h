/*
 * Processes that a run has left behind although its supervisor and its workers are gone: those that
 * carry its mark, POLLARD_RUN, in the environment they were started with.
 */
#ifndef POLLARD_LEFTOVER_H
#define POLLARD_LEFTOVER_H

/*
 * Kills them all, except this process and those that it descends from, and looks again until there
 * are none, for at most 5 seconds. Those whose environment cannot be read (of other users, or not
 * to be looked into) are not found. How many were ended; or -1 with errno when some are still there
 * (EPERM: they may not be killed; ETIMEDOUT: they do not end, or there are ever new ones) or when
 * /proc cannot be read.
 */
int leftover_end(const char *run);

#endif
