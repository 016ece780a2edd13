#include "supervisor/launch_agent.h"

#include <stdlib.h>
#include <string.h>

#include "supervisor/input/client.h"

/* Lines that say why a client cannot go on with a session speak of one of these... */
static const char *const session_words[] = { "session", "conversation", "thread", "rollout",
	"chat" };
/* ...and say one of these. */
static const char *const lost_words[] = { "not found", "no such", "unknown", "not exist",
	"n't exist", "invalid", "cannot find", "could not find", "expired" };

static bool line_has(const char *line, size_t len, const char *word)
{
	size_t word_len = strlen(word);

	for (size_t i = 0; i + word_len <= len; i++)
		if (strncasecmp(line + i, word, word_len) == 0)
			return true;
	return false;
}

static bool line_has_one(const char *line, size_t len, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (line_has(line, len, words[i]))
			return true;
	return false;
}

#define LINE_HAS_ONE(line, len, words) \
	line_has_one(line, len, words, sizeof(words) / sizeof((words)[0]))

static bool line_says_lost(const char *line, size_t len)
{
	if (!LINE_HAS_ONE(line, len, session_words))
		return false;
	return LINE_HAS_ONE(line, len, lost_words) ||
	    (line_has(line, len, "no ") && line_has(line, len, "found"));
}

static bool says_lost(const char *text)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		if (line_says_lost(text, len))
			return true;
		text += len + (text[len] == '\n');
	}
	return false;
}

bool launch_lost_session(const struct result *last)
{
	if (last->status != RESULT_FAILED ||
	    (last->reason != REASON_EXIT && last->reason != REASON_AGENT))
		return false;
	return (last->error != NULL && says_lost(last->error)) ||
	    says_lost(buf_str(&last->err.data));
}

bool launch_was_held_back(const struct result *last)
{
	return last->reason == REASON_RATE_LIMIT || last->reason == REASON_QUOTA;
}

static bool can_resume(const struct client *client, const struct result *last)
{
	if (client->backend == NULL || client->backend->resume == NULL)
		return false;
	if (last == NULL || last->session == NULL || last->status == RESULT_SUCCEEDED)
		return false;
	/* a session that is too long only grows */
	return last->reason != REASON_CONTEXT && !launch_was_held_back(last) &&
	    !launch_lost_session(last);
}

/* Its result is let go of before the worker is started. */
static const char *copy_session(struct launch *l, const char *session)
{
	buf_reset(&l->session);
	buf_addstr(&l->session, session);
	return buf_str(&l->session);
}

static void set_places(struct launch *l, struct job *job)
{
	job->tmp_parent = places_tmp(&l->places);
	if (!l->config->private_config || job->backend == NULL || job->backend->config_env == NULL)
		return;
	buf_reset(&l->private_config);
	places_config(&l->places, &l->private_config, job->step, job->task);
	job->private_config = buf_str(&l->private_config);
}

static void set_client(struct launch *l, struct job *job, const struct task *task,
    const struct client *client, const struct result *last)
{
	bool resume = can_resume(client, last);

	job->backend = client->backend;
	job->access = client->access;
	if (client->backend != NULL)
		job->adapter = client->backend->adapter;
	if (resume)
		job->session = copy_session(l, last->session);
	job->model = client_model(client, task->agent);
	l->words = client_words(client, task->agent, job->model, resume);
	job->argv = l->words;
}

void launch_agent(struct launch *l, struct job *job, const struct task *task,
    const struct result *last)
{
	const struct agent *agent = task->agent;
	/* "+debugger" and the like are no tasks of the plan */
	const struct client *client =
	    load_client(l->loaded, agent, task->id[0] == '+' ? NULL : task);

	job->kind = JOB_AGENT;
	job->agent = agent->name;
	job->input = task->text;
	job->input_len = task->text_len;
	job->system = agent->system;
	job->system_len = agent->system_len;
	job->want_json = agent->want_json;
	job->writes = task->more != NULL ? task->more->writes : NULL;
	free(l->words);
	l->words = NULL;
	if (l->config->rehearse || client == NULL)
		return;
	set_client(l, job, task, client, last);
	set_places(l, job);
}

bool launch_tells_events(const struct job *job)
{
	return job->adapter != ADAPTER_NONE && job->adapter != ADAPTER_TEXT;
}

void launch_agent_free(struct launch *l)
{
	free(l->words);
	buf_free(&l->session);
	buf_free(&l->private_config);
}
