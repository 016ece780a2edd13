/*
 * The command line: which commands and options there are, and what the user said.
 *
 * One table of commands and one of options drive parsing, the environment variables, --help and the
 * list of options in the manual page.
 */
#ifndef POLLARD_OPTIONS_H
#define POLLARD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "shared/buf.h"
#include "supervisor/input/arena.h"
#include "supervisor/options/config.h"

struct settings;

enum command {
	COMMAND_NONE, /* the words before the command */
	COMMAND_RUN,
	COMMAND_PLAN,
	COMMAND_RESUME,
	COMMAND_STATUS,
	COMMAND_SHOW,
	COMMAND_FAILED,
	COMMAND_REPORT,
	COMMAND_AGENTS,
	COMMAND_CLEAN,
	COMMAND_DOCTOR,
	COMMAND_HELP,
	COMMAND_VERSION, /* --version */
	COMMAND_OPTIONS, /* __options: the options as mdoc(7), for the manual page */
	COMMAND_COUNT
};

/* Whether this version has it: what is named but LATER is refused, and shown nowhere. */
enum availability { NOW, LATER };

#define COMMAND_WORDS_MAX 2
#define IN_ALL (~0U)   /* in option_info.commands: every command has it */
#define OPTIONS_MAX 80 /* the table may not have more */

/* One command. Constant; told apart by its place in the table, enum command. */
struct command_info {
	const char *name;      /* NULL: not typed as a word */
	const char *arguments; /* for the usage line; "" without any */
	const char *summary;
	enum availability availability;
	size_t nwords;			 /* how many words it takes */
	size_t words[COMMAND_WORDS_MAX]; /* offsets of const char * in struct config */
};

enum option_group {
	GROUP_INPUT,
	GROUP_PARALLEL,
	GROUP_LIMITS,
	GROUP_FAILURES,
	GROUP_OUTPUT,
	GROUP_RECORD,
	GROUP_GENERAL,
	GROUP_COUNT
};

/* How a value is read, and the type of the member of struct config it goes to. */
enum option_type {
	OPTION_FLAG,	 /* bool */
	OPTION_TEXT,	 /* const char *, not empty */
	OPTION_DURATION, /* int64_t, milliseconds */
	OPTION_SIZE,	 /* int64_t, bytes */
	OPTION_COUNT,	 /* uint64_t */
	OPTION_UINT32,	 /* uint32_t, from 0 to max */
	OPTION_INT,	 /* int, from 0 to max */
	OPTION_INT64,	 /* int64_t, from 0 to max */
	OPTION_CHOICE,	 /* an enum: `first` for the first of the choices, and so on */
	OPTION_REQUIRE,	 /* struct require */
	OPTION_AMOUNT,	 /* double, greater than 0 */
	OPTION_WORD,	 /* const char *, one of the choices */
	OPTION_OPTIONAL, /* const char *, only with '='; `given` says whether the option was */
	OPTION_MERGE,	 /* enum merge_form, and an agent's name beside it */
	OPTION_MEMORY,	 /* struct memory_floor */
	OPTION_VARIABLE, /* one more of config->vars */
};

/* One option. Constant. */
struct option_info {
	const char *name;     /* NULL: only a letter */
	char letter;	      /* 0: only a name */
	const char *argument; /* NULL: takes none */
	unsigned commands;    /* bit 1 << enum command */
	enum option_group group;
	enum availability availability;
	bool environment; /* POLLARD_NAME stands for it */
	enum option_type type;
	size_t offset;		    /* in struct config */
	size_t given;		    /* of a bool there that says that there was a value; 0: none */
	const char *const *choices; /* NULL-terminated */
	unsigned later_choices;	    /* bits of those that are LATER */
	unsigned first;
	uint64_t min; /* OPTION_COUNT */
	uint64_t max;
	const char *expected; /* "expected %s, got 'abc'"; NULL: as the type says */
	const char *fallback; /* the default, for people; NULL: none worth saying */
	const char *help;
};

extern const struct command_info command_table[COMMAND_COUNT];
extern const struct option_info option_table[];
extern const size_t option_count;

/* The command of that name, also one that is LATER; COMMAND_NONE when there is none. */
enum command command_find(const char *name);
/* The nearest command of this version, or NULL. */
const char *command_suggest(const char *name);
/* Whether this version's command takes the option. */
bool option_belongs(const struct option_info *option, enum command command);
/* Appends the name of its environment variable: "POLLARD_TOKENS_AT_ONCE". */
void option_variable(struct buf *out, const struct option_info *option);

/*
 * Fills config from the settings (NULL: none), the environment and the arguments; what was in it
 * before is lost, but for stdin_closed and stdout_closed. It refers to the strings of argv and of the settings, and holds as long as they do.
 * Returns 0, or the exit status and in `error` the lines that say why, without "pollard: ".
 */
int options_parse(int argc, char *const argv[], const struct settings *settings,
    struct config *config, enum command *command, struct buf *error);
/*
 * The same from nothing but the arguments, neither settings nor environment, and with what was in
 * config before lost.
 */
int options_parse_again(int argc, char *const argv[], struct config *config, struct buf *error);
/*
 * Puts the options in argv over a config that is filled already, and leaves everything else (argv
 * too) as it is: no environment, no settings, no defaults. 0, or the exit status and in `error` why.
 */
int options_apply(int argc, char *const argv[], struct config *config, struct buf *error);
/*
 * Fills config from a run-started record: the words of its `command`, then its `options`, which win
 * where they name something. Keys without an option are passed over. Strings are copied to the
 * arena, which must live as long as config. What the record says of the directory (-C) is in
 * config->directory, and nobody has changed there. --cron is forgotten with what it implies (skip
 * becomes fail): it is said anew, or a person is there. options_free() it, whatever is returned.
 * 0, or EXIT_IO and in `error` one line: the record does not say, or something else than options.
 */
int options_replay(const cJSON *options, const cJSON *command, struct config *config,
    struct arena *arena, struct buf *error);
/*
 * Once the run's name is known (NULL: it has none): 0, or EXIT_USAGE and in `error` why, when
 * --cron or --if-running need one.
 */
int options_need_name(const struct config *config, const char *name, enum command command,
    struct buf *error);
/* Whether the command has options that settings can stand for. */
bool options_want_settings(enum command command);
/* Lets go of what options_parse() allocated: the list of --var. */
void options_free(struct config *config);

#endif
