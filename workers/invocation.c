#include "workers/invocation.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/xalloc.h"

#define NUMBER_MAX 24

/* Those that speak of one attempt: a value from around this run would be a lie. */
static const char *const own_names[] = {
	"POLLARD_RUN",
	"POLLARD_STEP",
	"POLLARD_TASK",
	"POLLARD_ATTEMPT",
	"POLLARD_AGENT",
	"POLLARD_RESULT_FD",
	"POLLARD_LAST_ERROR",
};

#define OWN_COUNT (sizeof(own_names) / sizeof(own_names[0]))

static const struct placeholder *placeholder_at(const char *text, const struct placeholder *set,
    size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strncmp(text, set[i].name, strlen(set[i].name)) == 0)
			return &set[i];
	return NULL;
}

const char *invocation_expand(const char *word, const struct placeholder *set, size_t count)
{
	struct buf out = BUF_INIT;
	const char *rest = word, *brace;

	for (brace = strchr(word, '{'); brace != NULL; brace = strchr(brace, '{')) {
		const struct placeholder *found = placeholder_at(brace, set, count);

		if (found == NULL) {
			brace++;
			continue;
		}
		buf_add(&out, rest, (size_t)(brace - rest));
		buf_addstr(&out, found->value);
		brace += strlen(found->name);
		rest = brace;
	}
	if (rest == word)
		return word;
	buf_addstr(&out, rest);
	return buf_detach(&out);
}

bool invocation_has(const char *const *words, const char *name)
{
	for (; *words != NULL; words++)
		if (strstr(*words, name) != NULL)
			return true;
	return false;
}

/* Room for one word before the first, one after the last, and the end. */
static const char **copy_words(const char *const *words)
{
	size_t count = 0;
	const char **out;

	while (words[count] != NULL)
		count++;
	out = xreallocarray(NULL, count + 3, sizeof(*out));
	out++;
	memcpy(out, words, (count + 1) * sizeof(*out));
	return out;
}

const char **invocation_of_agent(const struct job *job, const struct placeholder *set, size_t count)
{
	const char **words = copy_words(job->argv);

	for (size_t i = 0; words[i] != NULL; i++)
		words[i] = invocation_expand(words[i], set, count);
	return words;
}

const char **invocation_of_command(const struct job *job)
{
	const char **words = copy_words(job->argv);
	char number[NUMBER_MAX];
	struct placeholder set[] = {
		{ "{}", job->argument },
		{ "{#}", number },
	};
	size_t i;

	if (job->argument == NULL)
		return words;
	snprintf(number, sizeof(number), "%" PRIu64, job->number);
	for (i = 0; words[i] != NULL; i++)
		words[i] = invocation_expand(words[i], set, 2);
	if (!invocation_has(job->argv, "{}")) {
		words[i] = job->argument;
		words[i + 1] = NULL;
	}
	return words;
}

/* Whether the entry NAME=VALUE is of that name. */
static bool entry_is(const char *entry, const char *name)
{
	size_t len = strlen(name);

	return strncmp(entry, name, len) == 0 && entry[len] == '=';
}

static bool is_own(const char *entry)
{
	/* Most entries are not even near. */
	if (strncmp(entry, "POLLARD_", strlen("POLLARD_")) != 0)
		return false;
	for (size_t i = 0; i < OWN_COUNT; i++)
		if (entry_is(entry, own_names[i]))
			return true;
	return false;
}

static bool is_own_name(const char *name)
{
	for (size_t i = 0; i < OWN_COUNT; i++)
		if (strcmp(name, own_names[i]) == 0)
			return true;
	return false;
}

static bool is_among(const char *entry, const struct job_env *env, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (entry_is(entry, env[i].name))
			return true;
	return false;
}

static bool is_replaced(const char *entry, const struct job *job)
{
	if (is_own(entry))
		return true;
	if (job->traceparent != NULL && entry_is(entry, "TRACEPARENT"))
		return true;
	return is_among(entry, job->env, job->nenv);
}

static bool says(const struct job *job, const char *name)
{
	for (size_t i = 0; i < job->nenv; i++)
		if (strcmp(job->env[i].name, name) == 0)
			return true;
	return false;
}

static void add(const char **environment, size_t *count, const char *name, const char *value)
{
	size_t name_len = strlen(name), value_len;
	char *entry;

	if (value == NULL)
		return;
	value_len = strlen(value);
	entry = xmalloc(name_len + value_len + 2);
	memcpy(entry, name, name_len);
	entry[name_len] = '=';
	memcpy(entry + name_len + 1, value, value_len + 1);
	environment[(*count)++] = entry;
}

static void add_own(const char **environment, size_t *count, const struct job *job,
    const char *last_error)
{
	char attempt[NUMBER_MAX], result_fd[NUMBER_MAX];

	snprintf(attempt, sizeof(attempt), "%u", job->attempt);
	snprintf(result_fd, sizeof(result_fd), "%d", RESULT_FD);
	add(environment, count, "POLLARD_RUN", job->run);
	add(environment, count, "POLLARD_STEP", job->step);
	add(environment, count, "POLLARD_TASK", job->task);
	add(environment, count, "POLLARD_ATTEMPT", attempt);
	add(environment, count, "POLLARD_AGENT", job->agent);
	add(environment, count, "POLLARD_RESULT_FD", result_fd);
	add(environment, count, "POLLARD_LAST_ERROR", last_error);
	add(environment, count, "TRACEPARENT", job->traceparent);
}

const char **invocation_environment(const struct job *job, const struct job_env *more, size_t nmore,
    const char *last_error)
{
	size_t inherited = 0, count = 0;
	const char **out;

	while (environ[inherited] != NULL)
		inherited++;
	out = xreallocarray(NULL, inherited + nmore + job->nenv + OWN_COUNT + 2, sizeof(*out));
	for (size_t i = 0; i < inherited; i++)
		if (!is_replaced(environ[i], job) && !is_among(environ[i], more, nmore))
			out[count++] = environ[i];
	for (size_t i = 0; i < nmore; i++)
		if (!says(job, more[i].name))
			add(out, &count, more[i].name, more[i].value);
	for (size_t i = 0; i < job->nenv; i++)
		if (!is_own_name(job->env[i].name))
			add(out, &count, job->env[i].name, job->env[i].value);
	add_own(out, &count, job, last_error);
	out[count] = NULL;
	return out;
}

const char *environment_get(const char *const *environment, const char *name)
{
	for (; *environment != NULL; environment++)
		if (entry_is(*environment, name))
			return *environment + strlen(name) + 1;
	return NULL;
}
