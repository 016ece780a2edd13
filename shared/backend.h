/*
 * Backends: how the command-line clients that people have are driven. Data: a new client is one entry
 * of the table in backend.c and, when it tells things in a way of its own, one adapter in workers/.
 *
 * The words of a command may hold {prompt_file}, {system_file}, {model}, {session} and {task}; a group
 * of words with one of the last four in it is left out when there is no such thing. Without
 * {prompt_file} the prompt goes to standard input.
 */
#ifndef POLLARD_BACKEND_H
#define POLLARD_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the output of a client is read: see workers/adapter.h. */
enum adapter {
	ADAPTER_NONE,	/* standard output is the answer, the exit status says whether it is one */
	ADAPTER_CLAUDE, /* events of claude, qwen and cursor-agent; the last one is "result" */
	ADAPTER_CODEX,
	ADAPTER_GEMINI,
	ADAPTER_OPENCODE,
	ADAPTER_PI,
	ADAPTER_GOOSE,
	ADAPTER_TEXT, /* plain text, and errors as plain text in it: aider, llm */
	ADAPTER_COUNT
};

/* What an agent may do. */
enum access {
	ACCESS_READ,
	ACCESS_WRITE,
	ACCESS_ALL, /* all checks off: only where the agent's own file says so */
	ACCESS_COUNT
};

/* Which names of models a client can make use of; names of others are left out. */
enum models {
	MODELS_ANY,    /* it knows several services */
	MODELS_ROUTED, /* only SERVICE/MODEL */
	MODELS_CLAUDE, /* its own and aliases such as "sonnet" */
	MODELS_OPENAI,
	MODELS_GEMINI,
	MODELS_QWEN
};

/*
 * Constant; all lists of words end with NULL, and NULL is an empty one. The words of a command are,
 * in this order: program, begin, system, model, tools, disallowed, turns, access, resume, end.
 */
struct backend {
	const char *name;
	const char *program;
	bool automatic;		   /* taken without being named when it is on PATH */
	const char *const *begin;  /* words behind the program, always */
	const char *const *resume; /* with a session; NULL: it cannot go on with one */
	const char *const *system; /* with a system prompt; NULL: that comes before the prompt */
	const char *const *model;  /* with a model; NULL: the client has no such option */
	enum models models;
	const char *const *tools;      /* with tools, {tools}: "A,B"; NULL: it has no such option */
	const char *const *disallowed; /* the same of tools it must not use, {disallowed} */
	const char *const *turns;      /* with a limit of turns, {turns}; NULL */
	const char *const *access[ACCESS_COUNT];
	const char *access_env; /* a variable that says it, beside or instead of words; NULL */
	const char *access_value[ACCESS_COUNT];
	const char *const *end; /* the last words */
	const char *system_env; /* a variable with the path of the system prompt's file; NULL */
	enum adapter adapter;
	int64_t idle_ms; /* default idle timeout; 0: none */
	bool tells_tokens;
	bool tells_usd;
	bool adds_tokens;	/* gone on with, it tells the tokens of the whole session */
	bool adds_usd;		/* the same of the cost */
	const char *config_env; /* a variable that names its configuration directory; NULL: none */
	const char *config_dir; /* that directory without it, below the home directory */
	const char *const *credentials; /* files there that --private-config links */
	const char *install;		/* what to type to install it */
};

extern const struct backend backends[];
extern const size_t nbackends;

/* The entry of that name, or NULL. "command" has none: an agent with a command of its own. */
const struct backend *backend_find(const char *name);
/* "read", "write", "all". */
const char *access_text(enum access access);
/* Whether the client is told that it may do no more than that. */
bool backend_holds(const struct backend *backend, enum access access);

#endif
