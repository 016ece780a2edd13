#include "supervisor/options/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/exits.h"
#include "shared/names.h"
#include "shared/text.h"
#include "shared/version.h"
#include "supervisor/options/option_check.h"
#include "supervisor/options/option_value.h"
#include "supervisor/options/settings.h"

#define IN(command) (1U << (command))
#define NAME_MAX_SHOWN 80

/* The state of one parse; lives as long as options_parse() runs. */
struct parser {
	int argc;
	char *const *argv;
	int at; /* the next word */
	enum command command;
	const struct settings *settings; /* NULL: none */
	bool words_only;		 /* nothing but the arguments */
	struct config *config;
	struct buf *error;
};

static const struct option_info *find_long(const char *name, size_t len, enum command command)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct option_info *o = &option_table[i];
		if ((o->commands & IN(command)) != 0 && o->name != NULL &&
		    strncmp(o->name, name, len) == 0 && o->name[len] == '\0')
			return o;
	}
	return NULL;
}

static const struct option_info *find_letter(char letter, enum command command)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct option_info *o = &option_table[i];
		if ((o->commands & IN(command)) != 0 && o->letter == letter)
			return o;
	}
	return NULL;
}

static const char *suggest_long(const char *name, enum command command)
{
	const char *names[OPTIONS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < option_count; i++)
		if (option_belongs(&option_table[i], command) && option_table[i].name != NULL)
			names[count++] = option_table[i].name;
	return names_suggest(name, names, count);
}

/*
 * One option as the user wrote it ("--jobs", "-j"). `attached` is the value in the same word, or
 * NULL; without one the next word is taken. Returns 0 or the exit status.
 */
static int take(struct parser *p, const struct option_info *o, const char *as_written,
    const char *attached)
{
	const char *value = attached != NULL ? attached : "";

	if (o->availability == LATER) {
		buf_addf(p->error, "option '%s' is not in this version (%s)", as_written,
		    POLLARD_VERSION);
		return option_usage(p->error, p->command);
	}
	if (o->type == OPTION_OPTIONAL && attached == NULL) {
		*(bool *)((char *)p->config + o->given) = true;
		return 0;
	}
	if (o->argument == NULL && attached != NULL) {
		buf_addf(p->error, "option '%s' takes no value, got '%s'", as_written,
		    safe(attached));
		return option_usage(p->error, p->command);
	}
	if (o->argument != NULL && attached == NULL) {
		if (p->at >= p->argc) {
			buf_addf(p->error, "option '%s' needs a value: ", as_written);
			option_expected(p->error, o);
			return option_usage(p->error, p->command);
		}
		value = p->argv[p->at++];
	}
	if (!option_store(p->config, o, value)) {
		buf_addf(p->error, "option '%s': expected ", as_written);
		option_expected(p->error, o);
		buf_addf(p->error, ", got '%s'", safe(value));
		return option_usage(p->error, p->command);
	}
	return 0;
}

/* An option before the command that belongs behind it: says so. */
static bool belongs_to_run(const struct parser *p, const struct option_info *o)
{
	return p->command == COMMAND_NONE && o != NULL && o->availability == NOW;
}

/* "--name" or "--name=value", as `word`. */
static int take_long(struct parser *p, const char *word)
{
	size_t len = strcspn(word + 2, "=");
	const char *attached = word[2 + len] == '=' ? word + 2 + len + 1 : NULL;
	const struct option_info *o = find_long(word + 2, len, p->command);
	char name[NAME_MAX_SHOWN];
	const char *near;

	if (o != NULL) {
		char as_written[NAME_MAX_SHOWN + 2];
		snprintf(as_written, sizeof(as_written), "--%s", o->name);
		return take(p, o, as_written, attached);
	}
	if (belongs_to_run(p, find_long(word + 2, len, COMMAND_RUN))) {
		buf_addf(p->error, "option '%s' comes after the command: pollard run %s",
		    safe(word), safe(word));
		return option_usage(p->error, p->command);
	}
	if (len >= sizeof(name))
		len = sizeof(name) - 1;
	memcpy(name, word + 2, len);
	name[len] = '\0';
	near = suggest_long(name, p->command);
	buf_addf(p->error, "unknown option '--%s'", safe(name));
	if (near != NULL)
		buf_addf(p->error, ", did you mean '--%s'?", near);
	return option_usage(p->error, p->command);
}

/* "-x", "-xyz", "-xVALUE". */
static int take_letters(struct parser *p, const char *word)
{
	int status;

	for (const char *c = word + 1; *c != '\0'; c++) {
		const struct option_info *o = find_letter(*c, p->command);
		const char as_written[3] = { '-', *c, '\0' };
		const char *attached = NULL;

		if (o == NULL && belongs_to_run(p, find_letter(*c, COMMAND_RUN))) {
			buf_addf(p->error, "option '%s' comes after the command: pollard run %s",
			    as_written, safe(word));
			return option_usage(p->error, p->command);
		}
		if (o == NULL) {
			/* The whole word: a letter may be a part of a character only. */
			const bool first = c == word + 1;
			buf_addf(p->error, "unknown option '%s'%s%s%s",
			    first ? safe(word) : as_written, first ? "" : " in '",
			    first ? "" : safe(word), first ? "" : "'");
			return option_usage(p->error, p->command);
		}
		if (o->argument != NULL && c[1] != '\0')
			attached = c + 1;
		status = take(p, o, as_written, attached);
		if (status != 0 || o->argument != NULL || p->config->help)
			return status;
	}
	return 0;
}

/* Whether the word is an option: "-" alone is none. */
static bool is_option(const char *word)
{
	return word[0] == '-' && word[1] != '\0';
}

/* Options up to the first other word, which is left; "--" is passed over and ends them. */
static int take_options(struct parser *p, bool *ended)
{
	int status = 0;

	while (status == 0 && p->at < p->argc && is_option(p->argv[p->at])) {
		const char *word = p->argv[p->at++];
		if (strcmp(word, "--") == 0) {
			*ended = true;
			return 0;
		}
		status = word[1] == '-' ? take_long(p, word) : take_letters(p, word);
		if (p->config->help || p->config->version)
			break;
	}
	return status;
}

static bool is_setting(const struct option_info *o)
{
	return o->name != NULL && o->group != GROUP_GENERAL && o->type != OPTION_VARIABLE;
}

/* The option of that name, of whatever command; NULL: none. */
static const struct option_info *find_setting(const char *key)
{
	for (size_t i = 0; i < option_count; i++)
		if (is_setting(&option_table[i]) && strcmp(option_table[i].name, key) == 0)
			return &option_table[i];
	return NULL;
}

static const char *suggest_setting(const char *key)
{
	const char *names[OPTIONS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < option_count; i++)
		if (is_setting(&option_table[i]) && option_table[i].availability == NOW)
			names[count++] = option_table[i].name;
	return names_suggest(key, names, count);
}

/* Where it stands, as the reader of a file wants it. */
static void setting_place(struct buf *out, const struct setting *s, const struct place *place)
{
	buf_addf(out, "%s:%u:%u: ", safe(s->file), place->line, place->column);
}

static bool store_setting(struct config *config, const struct option_info *o, const char *value)
{
	const bool no = strcmp(value, "false") == 0;
	bool *given = (bool *)((char *)config + o->given);
	const bool before = o->given != 0 && *given;

	if (o->type == OPTION_FLAG || (o->type == OPTION_OPTIONAL && no)) {
		*(bool *)((char *)config + (o->type == OPTION_FLAG ? o->offset : o->given)) = !no;
		return no || strcmp(value, "true") == 0;
	}
	if (o->type == OPTION_OPTIONAL && strcmp(value, "true") == 0) {
		*given = true;
		return true;
	}
	if (!option_store(config, o, value))
		return false;
	/* a workflow knows better than what holds for all */
	if (o->given != 0 && o->type != OPTION_OPTIONAL)
		*given = before;
	return true;
}

static int take_setting(struct parser *p, const struct setting *s)
{
	const struct option_info *o = find_setting(s->key);
	const char *near;

	if (o == NULL) {
		near = suggest_setting(s->key);
		setting_place(p->error, s, &s->key_place);
		buf_addf(p->error, "unknown setting '%s'", safe(s->key));
		if (near != NULL)
			buf_addf(p->error, ", did you mean '%s'?", near);
		else
			buf_addstr(p->error,
			    ": the long options of 'pollard run --help' are settings");
		return EXIT_CONFIG;
	}
	if (o->availability == LATER) {
		setting_place(p->error, s, &s->key_place);
		buf_addf(p->error, "setting '%s' is not in this version (%s)", o->name,
		    POLLARD_VERSION);
		return EXIT_CONFIG;
	}
	if (!option_belongs(o, p->command) || store_setting(p->config, o, s->value))
		return 0;
	setting_place(p->error, s, &s->place);
	buf_addf(p->error, "setting '%s': expected ", o->name);
	if (o->type == OPTION_FLAG)
		buf_addstr(p->error, "true or false");
	else
		option_expected(p->error, o);
	buf_addf(p->error, ", got '%s'", safe(s->value));
	return EXIT_CONFIG;
}

/* The settings of the user, then those of the project. */
static int take_settings(struct parser *p)
{
	size_t count = 0;
	const struct setting *list;
	int status = 0;

	if (p->settings == NULL)
		return 0;
	list = settings_list(p->settings, &count);
	while (count > 0 && status == 0)
		status = take_setting(p, &list[--count]);
	return status;
}

/* The environment, for the options of the command; an empty variable says nothing. */
static int take_environment(struct parser *p)
{
	struct buf name = BUF_INIT;
	int status = 0;

	for (size_t i = 0; i < option_count && status == 0; i++) {
		const struct option_info *o = &option_table[i];
		const char *value;

		if (!o->environment || !option_belongs(o, p->command))
			continue;
		buf_reset(&name);
		option_variable(&name, o);
		value = getenv(buf_str(&name));
		if (value == NULL || value[0] == '\0' || option_store(p->config, o, value))
			continue;
		buf_addf(p->error, "environment variable '%s': expected ", buf_str(&name));
		option_expected(p->error, o);
		buf_addf(p->error, ", got '%s'", safe(value));
		status = EXIT_CONFIG;
	}
	buf_free(&name);
	return status;
}

/* The commands that read tasks. */
static bool takes_input(enum command command)
{
	return command == COMMAND_RUN || command == COMMAND_PLAN;
}

static const char *how_many(size_t words)
{
	if (words == 0)
		return "no argument";
	return words == 1 ? "one argument at most" : "two arguments at most";
}

/* What is left: COMMAND (run, plan), or words between which options may stand (the others). */
static int take_words(struct parser *p)
{
	const struct command_info *info = &command_table[p->command];
	size_t taken = 0;
	bool ended = false;

	for (;;) {
		int status = ended ? 0 : take_options(p, &ended);
		if (status != 0 || p->config->help || p->at >= p->argc)
			return status;
		if (takes_input(p->command)) {
			p->config->command = (const char *const *)(p->argv + p->at);
			return 0;
		}
		if (taken >= info->nwords) {
			buf_addf(p->error, "'pollard %s' takes %s, got '%s'", info->name,
			    how_many(info->nwords), safe(p->argv[p->at]));
			return option_usage(p->error, p->command);
		}
		*(const char **)((char *)p->config + info->words[taken++]) = p->argv[p->at++];
	}
}

static void set_defaults(struct config *config, char *const argv[])
{
	const struct config defaults = {
		.argv = (const char *const *)argv,
		.stdin_closed = config->stdin_closed,
		.stdout_closed = config->stdout_closed,
		.jobs = 4,
		.timeout_ms = NOT_GIVEN,
		.idle_timeout_ms = NOT_GIVEN,
		.deadline_ms = NOT_GIVEN,
		.grace_ms = 5000,
		.max_output = NOT_GIVEN,
		.retries = NOT_GIVEN,
		.min_free = { .percent = 5 },
		.debugger = "builtin",
		.sync = SYNC_STEP,
		.keep = NOT_GIVEN,
		.older_ms = NOT_GIVEN,
	};

	*config = defaults;
}

/* The word that names the command. */
static int take_command(struct parser *p)
{
	const char *word = p->argv[p->at++];
	enum command command = command_find(word);
	const char *near;

	if (command == COMMAND_NONE) {
		near = command_suggest(word);
		buf_addf(p->error, "unknown command '%s'", safe(word));
		if (near != NULL)
			buf_addf(p->error, ", did you mean '%s'?", near);
		return option_usage(p->error, p->command);
	}
	if (command_table[command].availability == LATER) {
		buf_addf(p->error, "command '%s' is not in this version (%s)", word,
		    POLLARD_VERSION);
		return option_usage(p->error, p->command);
	}
	p->command = command;
	return 0;
}

/* --help says the same as the command help. */
static void turn_into_help(struct parser *p)
{
	if (command_table[p->command].summary != NULL)
		p->config->topic = command_table[p->command].name;
	p->command = COMMAND_HELP;
}

static int parse(struct parser *p)
{
	bool ended = false;
	int status = take_options(p, &ended);

	if (status != 0)
		return status;
	if (p->config->version) {
		p->command = COMMAND_VERSION;
		return 0;
	}
	if (p->config->help) {
		turn_into_help(p);
		return 0;
	}
	if (p->at >= p->argc)
		return 0;
	status = take_command(p);
	if (status == 0 && !p->words_only)
		status = take_settings(p);
	if (status == 0 && !p->words_only)
		status = take_environment(p);
	if (status == 0)
		status = take_words(p);
	if (status != 0)
		return status;
	if (p->config->help) {
		turn_into_help(p);
		return 0;
	}
	return option_check(p->config, p->command, p->error);
}

int options_parse(int argc, char *const argv[], const struct settings *settings,
    struct config *config, enum command *command, struct buf *error)
{
	struct parser p = {
		.argc = argc,
		.argv = argv,
		.at = 1,
		.command = COMMAND_NONE,
		.settings = settings,
		.config = config,
		.error = error,
	};
	int status;

	set_defaults(config, argv);
	status = parse(&p);
	*command = p.command;
	return status;
}

int options_parse_again(int argc, char *const argv[], struct config *config, struct buf *error)
{
	struct parser p = {
		.argc = argc,
		.argv = argv,
		.at = 1,
		.command = COMMAND_NONE,
		.words_only = true,
		.config = config,
		.error = error,
	};

	set_defaults(config, argv);
	return parse(&p);
}

int options_apply(int argc, char *const argv[], struct config *config, struct buf *error)
{
	struct parser p = {
		.argc = argc,
		.argv = argv,
		.at = 1,
		.command = COMMAND_NONE,
		.words_only = true,
		.config = config,
		.error = error,
	};
	const bool was_sequential = config->sequential;
	const bool was_tagged = config->tag;
	int status;

	/* said long ago, they give way to what is said now and are no contradiction to it */
	config->sequential = false;
	config->tag = false;
	status = parse(&p);
	config->sequential = was_sequential && config->jobs == 1;
	config->tag = config->tag || (was_tagged && config->output == OUTPUT_TEXT);
	return status;
}

void options_free(struct config *config)
{
	free((void *)(uintptr_t)config->vars);
	config->vars = NULL;
	config->nvars = 0;
}

bool options_want_settings(enum command command)
{
	for (size_t i = 0; i < option_count; i++)
		if (option_belongs(&option_table[i], command) && is_setting(&option_table[i]))
			return true;
	return false;
}
