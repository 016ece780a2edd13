/*
 * The built-in debugger: what the failures of a step have in common, from evidence alone. Pure: a
 * request in, a verdict out. Run in a worker, because the evidence was written by strangers.
 */
#ifndef POLLARD_DEBUGGER_H
#define POLLARD_DEBUGGER_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/buf.h"

/* The longest request that is read. */
#define DEBUGGER_REQUEST_MAX (16 * 1024 * 1024)

/*
 * Reads a request, one JSON object:
 *
 *   {"step", "goal", "scenario": 1|2|3, "succeeded": [ids], "failures": [{"task", "agent", "prompt"
 *   or "run", "timeout", "attempts": [{"reason", "exit", "signal", "seconds", "error",
 *   "stdout_tail", "stderr_tail"}]}]}
 *
 * and appends the verdict, one line of JSON with the members relation, cause, groups, strategy,
 * fix (null), retry and escalate, and where there is a hint how long to wait "pause" in seconds,
 * and a newline. Of a request "scenario", "failures" and the
 * "task" and "attempts" of each must be there; "timeout" is the time limit in seconds, "error" the
 * one line that the worker or the adapter said; members that it does not know are ignored.
 * False, nothing appended, and *why says in one line what is wrong with the request.
 */
bool debugger_verdict(const char *request, size_t len, struct buf *verdict, const char **why);

#endif
