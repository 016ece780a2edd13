#include <stdlib.h>
#include <string.h>

#include "shared/buf.h"
#include "shared/quantity.h"
#include "shared/text.h"
#include "shared/words.h"
#include "shared/xalloc.h"
#include "supervisor/input/agents.h"

#define RETRIES_MAX 100
#define TURNS_MAX 100000

/*
 * An agent with what it owns. Made by agent_parse(), which hands out the first member, from which
 * agent_free() gets back.
 */
struct parsed {
	struct agent agent;
	struct frontmatter *keys;
	char *text; /* of the whole file, clean */
	char *name;
	char *path;
	char **words; /* of the command; NULL when they are the items of a list */
};

static bool name_usable(const char *name)
{
	static const char allowed[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

	/* begins with one of the 52 letters */
	if (*name == '\0' || memchr(allowed, *name, 52) == NULL)
		return false;
	return name[strspn(name, allowed)] == '\0' && strlen(name) <= AGENT_NAME_MAX;
}

/* The text as valid UTF-8 with newlines alone at the ends of lines. */
static char *clean(const char *text, size_t len, size_t *clean_len)
{
	struct buf out = BUF_INIT;
	size_t i, n = 0;

	text_utf8(&out, text, len);
	for (i = 0; i < out.len; i++) {
		if (out.data[i] != '\r' || i + 1 == out.len || out.data[i + 1] != '\n')
			out.data[n++] = out.data[i];
	}
	out.len = n;
	*clean_len = n;
	return buf_detach(&out);
}

/* The value of a key, or NULL when the file does not say. */
static const char *said(const struct frontmatter *keys, const char *name)
{
	const struct frontmatter_key *key = frontmatter_find(keys, name);

	if (key == NULL || strcmp(key->value, "") == 0 || strcmp(key->value, "null") == 0 ||
	    strcmp(key->value, "~") == 0)
		return NULL;
	return key->value;
}

/* The body without empty lines before it and blanks behind it. */
static void take_system(struct agent *agent, char *body)
{
	size_t len;

	for (;;) {
		char *line = body + strspn(body, " \t");

		if (*line != '\n')
			break;
		body = line + 1;
	}
	len = strlen(body);
	while (len > 0 && strchr(" \t\n", body[len - 1]) != NULL)
		len--;
	body[len] = '\0';
	agent->system = body;
	agent->system_len = len;
}

/* A bad number does not count, but the file does: other programs use some of these keys too. */
static void take_numbers(struct agent *agent, const struct frontmatter *keys, const char **note)
{
	const char *value;
	uint64_t number;

	agent->timeout_ms = agent->idle_timeout_ms = -1;
	agent->retries = -1;
	value = said(keys, "timeout");
	if (value != NULL && !parse_duration(value, &agent->timeout_ms))
		*note = "its 'timeout' is no duration such as 90s or 10m and does not count";
	value = said(keys, "idle_timeout");
	if (value != NULL && !parse_duration(value, &agent->idle_timeout_ms))
		*note = "its 'idle_timeout' is no duration such as 90s or 10m and does not count";
	value = said(keys, "tokens");
	if (value != NULL && !parse_count(value, &agent->tokens))
		*note = "its 'tokens' is no number such as 40k and does not count";
	value = said(keys, "retries");
	if (value != NULL && !parse_integer(value, 0, RETRIES_MAX, &number))
		*note = "its 'retries' is no number from 0 to 100 and does not count";
	else if (value != NULL)
		agent->retries = (int)number;
	value = said(keys, "maxTurns");
	if (value == NULL)
		value = said(keys, "max_turns");
	if (value != NULL && !parse_integer(value, 1, TURNS_MAX, &number))
		*note = "its 'maxTurns' is no number from 1 to 100000 and does not count";
	else if (value != NULL)
		agent->max_turns = (uint32_t)number;
}

static void take_output(struct agent *agent, const struct frontmatter *keys, const char **note)
{
	const char *value = said(keys, "output");

	agent->want_json = value != NULL && strcmp(value, "json") == 0;
	if (value != NULL && !agent->want_json && strcmp(value, "text") != 0)
		*note = "its 'output' is neither text nor json and does not count";
}

/* Whether a tool changes files or can do so, by any client's name for it. */
static bool is_editing(const char *name, size_t len)
{
	static const char *const names[] = { "write", "edit", "multiedit", "notebookedit", "bash",
		"patch", "write_file", "edit_file", "replace", "apply_patch", "shell",
		"run_shell_command" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == len && strncasecmp(names[i], name, len) == 0)
			return true;
	return false;
}

/*
 * A list of names, or opencode's object: "write: false". A pattern behind a name, as in
 * "Bash(git log:*)", names the commands that may run: with one it is no tool that does anything.
 */
static bool names_editing(const char *tools)
{
	static const char blanks[] = " \t\n,";

	for (const char *p = tools; *(p += strspn(p, blanks)) != '\0';) {
		size_t len = strcspn(p, " \t\n,:(");
		const char *name = p;

		p += len;
		if (*p == '(') {
			p += strcspn(p, ")");
			p += *p == ')';
			continue;
		}
		p += strspn(p, " \t");
		if (*p == ':') {
			p++;
			p += strspn(p, " \t");
			if (strncmp(p, "false", 5) == 0 || strncmp(p, "deny", 4) == 0) {
				p += strcspn(p, ",\n");
				continue;
			}
			p += strcspn(p, ",\n");
		}
		if (is_editing(name, len))
			return true;
	}
	return false;
}

/*
 * What it may do. 'access' is for people who want to say less; that all checks are off must stand in
 * the file in the client's own words.
 */
static void take_access(struct agent *agent, const struct frontmatter *keys, const char **note)
{
	static const struct {
		const char *mode;
		enum access access;
	} modes[] = {
		{ "bypassPermissions", ACCESS_ALL },
		{ "acceptEdits", ACCESS_WRITE },
		{ "plan", ACCESS_READ },
	};
	const char *access = said(keys, "access");
	const char *mode = said(keys, "permissionMode");

	for (size_t i = 0; mode != NULL && i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(mode, modes[i].mode) != 0)
			continue;
		agent->says_access = true;
		agent->access = modes[i].access;
	}
	if (access == NULL)
		return;
	if (strcmp(access, "read") != 0 && strcmp(access, "write") != 0) {
		*note = "its 'access' is neither read nor write and does not count";
		return;
	}
	if (strcmp(access, "read") == 0)
		agent->access = ACCESS_READ;
	else if (!agent->says_access || agent->access != ACCESS_ALL)
		agent->access = ACCESS_WRITE;
	agent->says_access = true;
}

static bool take_command(struct parsed *p, const char **why)
{
	const struct frontmatter_key *key = frontmatter_find(p->keys, "command");
	const char *unclosed;

	if (said(p->keys, "command") == NULL)
		return true;
	if (key->items != NULL) {
		p->agent.command = (const char *const *)key->items;
		return true;
	}
	p->words = words_split(key->value, &unclosed);
	if (p->words == NULL) {
		*why = "a quote in its 'command' is not closed";
		return false;
	}
	p->agent.command = (const char *const *)p->words;
	return true;
}

static bool take_name(struct parsed *p, const char *stem, const char **why)
{
	const char *name = said(p->keys, "name");

	/* many files have a title there, "Code Reviewer" */
	if (name == NULL || !name_usable(name))
		name = stem;
	if (!name_usable(name)) {
		*why = "neither its 'name' nor its file's name is usable "
		       "(a letter, then letters, digits, '_' and '-', at most 64 together)";
		return false;
	}
	p->name = xstrdup(name);
	p->agent.name = p->name;
	return true;
}

static bool take_all(struct parsed *p, const char *stem, const char **why)
{
	struct agent *agent = &p->agent;
	const char *description = said(p->keys, "description");
	const char *model = said(p->keys, "model");
	const char *note = NULL;

	if (!take_name(p, stem, why) || !take_command(p, why))
		return false;
	agent->description = description != NULL ? description : "";
	agent->tools = said(p->keys, "tools");
	agent->disallowed = said(p->keys, "disallowedTools");
	agent->edits = agent->tools != NULL && names_editing(agent->tools);
	agent->model = model != NULL && strcmp(model, "inherit") != 0 ? model : NULL;
	agent->backend = said(p->keys, "backend");
	agent->keys = p->keys;
	agent->path = p->path;
	take_numbers(agent, p->keys, &note);
	take_output(agent, p->keys, &note);
	take_access(agent, p->keys, &note);
	take_system(agent, p->text + p->keys->body);
	*why = note;
	return true;
}

struct agent *agent_parse(const char *path, const char *stem, const char *text, size_t len,
    const char **why)
{
	struct parsed *p;
	size_t clean_len;

	if (memchr(text, '\0', len) != NULL) {
		*why = "it holds a NUL byte";
		return NULL;
	}
	p = xcalloc(1, sizeof(*p));
	p->path = xstrdup(path);
	p->text = clean(text, len, &clean_len);
	p->keys = frontmatter_read(p->text, clean_len, why);
	if (p->keys == NULL || !take_all(p, stem, why)) {
		agent_free(&p->agent);
		return NULL;
	}
	return &p->agent;
}

void agent_free(struct agent *agent)
{
	struct parsed *p = (struct parsed *)agent;

	if (p == NULL)
		return;
	free((void *)(uintptr_t)agent->hides);
	words_free(p->words);
	frontmatter_free(p->keys);
	free(p->text);
	free(p->name);
	free(p->path);
	free(p);
}
