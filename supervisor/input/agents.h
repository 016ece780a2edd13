/*
 * Agents: Markdown files whose front matter names them and whose body is their system prompt.
 */
#ifndef POLLARD_AGENTS_H
#define POLLARD_AGENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/backend.h"
#include "supervisor/input/frontmatter.h"

#define AGENT_NAME_MAX 64

/*
 * One definition. Made by agent_parse(), for agents_load() whose table then owns it; immutable
 * afterwards. All text is valid UTF-8, but for `path`.
 */
struct agent {
	const char *name;
	const char *description;    /* "" without one */
	const char *path;	    /* of its file */
	const char *tools;	    /* as written; NULL: all */
	const char *disallowed;	    /* disallowedTools, as written; NULL: none */
	const char *model;	    /* NULL: the client's own choice */
	const char *backend;	    /* NULL: not said; not checked */
	const char *const *command; /* words, NULL-terminated; NULL: no command of its own */
	const char *system;	    /* the body, without blank lines around it */
	size_t system_len;
	int64_t timeout_ms;	 /* -1: not said */
	int64_t idle_timeout_ms; /* -1: not said */
	int retries;		 /* -1: not said */
	uint64_t tokens;	 /* 0: not said */
	uint32_t max_turns;	 /* 0: not said */
	bool says_access;	 /* by 'access' or 'permissionMode' */
	enum access access;
	bool edits;		  /* its tools name one that changes files, or runs any command */
	bool want_json;		  /* output: json */
	const char *const *hides; /* later files of the same name; NULL-terminated, or NULL */
	const struct frontmatter *keys; /* all of its front matter, also what is not used */
};

struct agents;

/*
 * Reads the definitions, first match of a name wins: below `dir` (the folder of the workflow file;
 * NULL: none), then below the working directory: .pollard/agents, .claude/agents, .opencode/agent,
 * .gemini/agents; then the same of the user ($XDG_CONFIG_HOME/pollard/agents, ~/.claude/agents,
 * ~/.config/opencode/agent, ~/.gemini/agents); then the ones that ship ($POLLARD_DATA/agents when
 * that is set).
 * A bad file is a warning (agents_warnings()) and left out. Never NULL.
 */
struct agents *agents_load(const char *dir);
void agents_free(struct agents *a);
/* The agent of that name (exact), or NULL. */
const struct agent *agents_find(const struct agents *a, const char *name);
/* The nearest name, for "did you mean"; or NULL. */
const char *agents_suggest(const struct agents *a, const char *name);
/*
 * Files of one directory claim this name: the line that lists them (safe to print), or NULL. Such a
 * name is not found by agents_find().
 */
const char *agents_ambiguous(const struct agents *a, const char *name);
/* All that can be used, sorted by name. */
const struct agent *const *agents_list(const struct agents *a, size_t *count);
/* One line each, safe to print, about files that were left out or hold something that was. */
const char *const *agents_warnings(const struct agents *a, size_t *count);

/*
 * One definition from the bytes of a file, for agents_load() and tests: NULL and *why (static text)
 * when it is none; *why is NULL when the text does not even begin like front matter. With an agent,
 * *why is NULL or says which of its keys does not count. `stem` names it when `name:` does not.
 * Freed with agent_free(), which nobody needs to call for agents of a table.
 */
struct agent *agent_parse(const char *path, const char *stem, const char *text, size_t len,
    const char **why);
void agent_free(struct agent *agent);

#endif
