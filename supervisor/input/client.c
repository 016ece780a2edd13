#include "supervisor/input/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/exits.h"
#include "shared/names.h"
#include "shared/text.h"
#include "shared/words.h"
#include "shared/xalloc.h"

#define NUMBER_MAX 16
/* Of the table, and "command". */
#define NAMES_MAX 32

/* The name in agents' files that stands for the agent's own command. */
static const char own_command[] = "command";

/*
 * The words of a command while they are put together: places in `text`, which may move. On the
 * stack of client_words().
 */
struct line {
	size_t *places;
	size_t count;
	struct buf text;
};

/*
 * Which is there
 */
static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

bool client_on_path(const char *program)
{
	const char *dir = getenv("PATH");
	struct buf path = BUF_INIT;
	bool found = false;

	if (strchr(program, '/') != NULL)
		return is_program(program);
	/* without the variable the C library would look there too */
	if (dir == NULL)
		dir = "/bin:/usr/bin";
	while (!found && dir != NULL) {
		size_t len = strcspn(dir, ":");

		buf_reset(&path);
		buf_add(&path, dir, len);
		buf_addf(&path, "%s%s", len > 0 ? "/" : "", program);
		found = is_program(buf_str(&path));
		dir = dir[len] == ':' ? dir + len + 1 : NULL;
	}
	buf_free(&path);
	return found;
}

const struct backend *client_automatic(void)
{
	for (size_t i = 0; i < nbackends; i++)
		if (backends[i].automatic && client_on_path(backends[i].program))
			return &backends[i];
	return NULL;
}

/*
 * The choice
 */
static enum access choose_access(const struct agent *agent, bool writes)
{
	if (agent->says_access)
		return agent->access;
	return writes || agent->edits ? ACCESS_WRITE : ACCESS_READ;
}

/* Who names the backend: "--backend", or the agent's file. NULL: nobody. */
static const char *named(const struct config *config, const struct agent *agent, struct buf *who)
{
	if (config->backend != NULL && config->backend_given) {
		buf_addstr(who, "option '--backend'");
		return config->backend;
	}
	if (agent->backend != NULL && strcmp(agent->backend, own_command) != 0) {
		buf_addf(who, "agent '%s' (%s)", agent->name, safe(agent->path));
		return agent->backend;
	}
	if (config->backend != NULL)
		buf_addstr(who, "setting 'backend'");
	return config->backend;
}

bool client_unknown(const char *name, struct buf *why)
{
	const char *names[NAMES_MAX];
	size_t count = 0;
	const char *near;

	if (backend_find(name) != NULL || strcmp(name, own_command) == 0)
		return false;
	for (size_t i = 0; i < nbackends && count < NAMES_MAX; i++)
		names[count++] = backends[i].name;
	near = names_suggest(name, names, count);
	buf_addf(why, "no backend '%s'", safe(name));
	if (near != NULL)
		buf_addf(why, ", did you mean '%s'?", near);
	else
		buf_addstr(why, "; 'pollard agents --check' lists them");
	return true;
}

static int no_command(const struct agent *agent, struct buf *why)
{
	buf_addf(why,
	    "agent '%s' has no command: put 'command: PROGRAM' into %s, or name a backend",
	    agent->name, safe(agent->path));
	return EXIT_CONFIG;
}

static int take_named(struct client *client, const char *name, const char *who,
    const struct agent *agent, struct buf *why)
{
	const struct backend *b = backend_find(name);
	struct buf unknown = BUF_INIT;

	if (client_unknown(name, &unknown)) {
		buf_addf(why, "%s: %s", who, buf_str(&unknown));
		buf_free(&unknown);
		return EXIT_CONFIG;
	}
	if (b == NULL)
		return no_command(agent, why);
	if (!client_on_path(b->program)) {
		buf_addf(why,
		    "%s: '%s' is not on PATH: install it (%s), name another backend, or try with "
		    "--rehearse",
		    who, b->program, b->install);
		return EXIT_CONFIG;
	}
	client->backend = b;
	return 0;
}

static int take_first(struct client *client, const struct config *config, const struct agent *agent,
    struct buf *why)
{
	if (config->cron) {
		buf_addf(why,
		    "agent '%s' needs a backend, and with --cron it has to be named: --backend NAME, "
		    "or 'backend: NAME' in pollard.yaml or in %s",
		    agent->name, safe(agent->path));
		return EXIT_CONFIG;
	}
	client->backend = client_automatic();
	client->chosen = client->backend != NULL;
	if (client->chosen)
		return 0;
	buf_addf(why, "agent '%s' has no command, and none of ", agent->name);
	for (size_t i = 0; i < nbackends; i++)
		if (backends[i].automatic)
			buf_addf(why, "%s'%s'", i > 0 ? ", " : "", backends[i].program);
	buf_addf(why,
	    " is on PATH: install one (%s), put 'command: PROGRAM' into %s, or try with --rehearse",
	    backends[0].install, safe(agent->path));
	return EXIT_CONFIG;
}

int client_choose(struct client *client, const struct config *config, const struct agent *agent,
    bool writes, struct buf *why)
{
	struct buf who = BUF_INIT;
	const char *name;
	int status;

	*client = (struct client){ .access = choose_access(agent, writes) };
	if (agent->command != NULL)
		return 0;
	name = named(config, agent, &who);
	if (name != NULL)
		status = take_named(client, name, buf_str(&who), agent, why);
	else if (agent->backend != NULL)
		status = no_command(agent, why);
	else
		status = take_first(client, config, agent, why);
	buf_free(&who);
	return status;
}

/*
 * Models
 */

/* How names of models begin, and whose they are. */
static const struct {
	const char *begin;
	enum models models;
} families[] = {
	{ "claude-", MODELS_CLAUDE },
	{ "gpt-", MODELS_OPENAI },
	{ "codex-", MODELS_OPENAI },
	{ "gemini-", MODELS_GEMINI },
	{ "qwen", MODELS_QWEN },
};

static bool is_alias(const char *model)
{
	static const char *const aliases[] = { "sonnet", "opus", "haiku", "opusplan", "default" };

	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (strcmp(aliases[i], model) == 0)
			return true;
	return false;
}

static bool understands(const struct backend *b, const char *model)
{
	const char *slash = strchr(model, '/');

	if (is_alias(model))
		return b->models == MODELS_CLAUDE;
	if (b->models == MODELS_ROUTED)
		return slash != NULL;
	if (b->models == MODELS_ANY)
		return true;
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (strncmp(model, families[i].begin, strlen(families[i].begin)) == 0)
			return families[i].models == b->models;
	/* opencode's way to say whose it is; one client knows one service */
	return slash == NULL;
}

const char *client_model(const struct client *client, const struct agent *agent)
{
	const struct backend *b = client->backend;

	if (agent->model == NULL || b == NULL)
		return agent->model;
	if (b->model == NULL)
		return NULL;
	/* whoever writes both into one file means the one for the other */
	if (agent->backend != NULL && strcmp(agent->backend, b->name) == 0)
		return agent->model;
	return understands(b, agent->model) ? agent->model : NULL;
}

/*
 * Words
 */
static void add_word(struct line *line, const char *word)
{
	line->places = xreallocarray(line->places, line->count + 1, sizeof(*line->places));
	line->places[line->count++] = line->text.len;
	buf_add(&line->text, word, strlen(word) + 1);
}

static void add_words(struct line *line, const char *const *words)
{
	for (; words != NULL && *words != NULL; words++)
		add_word(line, *words);
}

/* The same with a value in place of the placeholder. */
static void add_filled(struct line *line, const char *const *words, const char *name,
    const char *value)
{
	for (; words != NULL && *words != NULL; words++)
		add_word(line, strcmp(*words, name) == 0 ? value : *words);
}

/*
 * The tools of a Claude definition, as "A,B": names that it knows, which begin with a capital letter.
 * With `patterns` also what stands in brackets behind one, else the name alone.
 */
static void list_tools(struct buf *out, const char *tools, bool patterns)
{
	const char *p = tools;

	/* opencode's object */
	if (strchr(tools, ':') != NULL && strchr(tools, '(') == NULL)
		return;
	while (*(p += strspn(p, " \t\n,")) != '\0') {
		size_t name = strcspn(p, " \t\n,(");
		size_t all = name;

		if (p[name] == '(') {
			all += strcspn(p + name, ")");
			all += p[all] == ')';
		}
		if (*p >= 'A' && *p <= 'Z') {
			buf_addstr(out, out->len > 0 ? "," : "");
			buf_add(out, p, patterns ? all : name);
		}
		p += all;
	}
}

static void add_tools(struct line *line, const struct backend *b, const struct agent *agent)
{
	struct buf tools = BUF_INIT;

	if (b->tools != NULL && agent->tools != NULL)
		list_tools(&tools, agent->tools, false);
	if (tools.len > 0)
		add_filled(line, b->tools, "{tools}", buf_str(&tools));
	buf_reset(&tools);
	if (b->disallowed != NULL && agent->disallowed != NULL)
		list_tools(&tools, agent->disallowed, true);
	if (tools.len > 0)
		add_filled(line, b->disallowed, "{disallowed}", buf_str(&tools));
	buf_free(&tools);
}

static void add_backend(struct line *line, const struct client *client, const struct agent *agent,
    const char *model, bool resume)
{
	const struct backend *b = client->backend;
	char turns[NUMBER_MAX];

	add_word(line, b->program);
	add_words(line, b->begin);
	if (agent->system_len > 0)
		add_words(line, b->system);
	if (model != NULL && client_model(client, agent) != NULL)
		add_words(line, b->model);
	add_tools(line, b, agent);
	snprintf(turns, sizeof(turns), "%u", agent->max_turns);
	if (agent->max_turns > 0)
		add_filled(line, b->turns, "{turns}", turns);
	add_words(line, b->access[client->access]);
	if (resume)
		add_words(line, b->resume);
	add_words(line, b->end);
}

/* Pointers and what they point to in one piece. */
static const char **pack(struct line *line)
{
	size_t pointers = (line->count + 1) * sizeof(char *);
	char *block = xmalloc(pointers + line->text.len);
	const char **words = (const char **)block;

	if (line->text.len > 0)
		memcpy(block + pointers, line->text.data, line->text.len);
	for (size_t i = 0; i < line->count; i++)
		words[i] = block + pointers + line->places[i];
	words[line->count] = NULL;
	return words;
}

const char **client_words(const struct client *client, const struct agent *agent, const char *model,
    bool resume)
{
	struct line line = { .text = BUF_INIT };
	const char **words;

	if (client->backend == NULL)
		add_words(&line, agent->command);
	else
		add_backend(&line, client, agent, model, resume);
	words = pack(&line);
	free(line.places);
	buf_free(&line.text);
	return words;
}

void client_line(struct buf *out, const struct client *client, const struct agent *agent)
{
	const char **words = client_words(client, agent, agent->model, false);

	for (size_t i = 0; words[i] != NULL; i++) {
		/* of a command of its own the placeholders are shown as they were written */
		bool is_model = client->backend != NULL && strcmp(words[i], "{model}") == 0;

		buf_addstr(out, i > 0 ? " " : "");
		words_quote(out, is_model ? agent->model : words[i]);
	}
	free(words);
}
