/*
 * What a command is called with: its words with the placeholders filled in, and its environment.
 * Everything here is allocated for the life of the worker and never freed.
 */
#ifndef POLLARD_INVOCATION_H
#define POLLARD_INVOCATION_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/job.h"

#define RESULT_FD 3

struct placeholder {
	const char *name; /* with its braces: "{model}" */
	const char *value;
};

/*
 * The word with every placeholder replaced, in one pass: what is put in is not looked at again. The
 * word itself when there is none.
 */
const char *invocation_expand(const char *word, const struct placeholder *set, size_t count);

/*
 * The words of a command, NULL-terminated, with the job's argument for {} and its number for
 * {#}, or with the argument as the last word when no word has a {}. The array has room for one
 * more word before the first: words[-1] may be written.
 */
const char **invocation_of_command(const struct job *job);
/* The words of an agent, with the placeholders of the set. */
const char **invocation_of_agent(const struct job *job, const struct placeholder *set,
    size_t count);

/* Whether one of the words has the placeholder. */
bool invocation_has(const char *const *words, const char *name);

/*
 * The inherited environment with what the outfit (nmore variables at `more`) and then what the job
 * adds to it, NULL-terminated; `last_error` is the path for POLLARD_LAST_ERROR, or NULL.
 */
const char **invocation_environment(const struct job *job, const struct job_env *more, size_t nmore,
    const char *last_error);
/* The value of a variable in such an environment, or NULL. */
const char *environment_get(const char *const *environment, const char *name);

#endif
