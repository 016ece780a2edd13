#include "supervisor/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/exits.h"
#include "shared/names.h"
#include "shared/quantity.h"
#include "shared/text.h"
#include "shared/version.h"

#define IN(command) (1U << (command))
#define NAME_MAX_SHOWN 80

/* The state of one parse; lives as long as options_parse() runs. */
struct parser {
	int argc;
	char *const *argv;
	int at; /* the next word */
	enum command command;
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

/* The second line of every error of usage: where to read on. */
static int usage_error(const struct parser *p)
{
	const char *command = command_table[p->command].name;

	buf_addf(p->error, "\nsee 'pollard %s%s--help'", command != NULL ? command : "",
	    command != NULL ? " " : "");
	return EXIT_USAGE;
}

/* What a value should have been, for messages. */
static void expected(struct buf *out, const struct option_info *o)
{
	if (o->expected != NULL) {
		buf_addstr(out, o->expected);
		return;
	}
	switch (o->type) {
	case OPTION_DURATION:
		buf_addstr(out, "a duration such as 90, 10m or 2h");
		break;
	case OPTION_SIZE:
		buf_addstr(out, "a size such as 4096, 64K or 1.5G");
		break;
	case OPTION_COUNT:
		buf_addstr(out, "a number such as 40000, 400k or 2M");
		break;
	case OPTION_UINT32:
	case OPTION_INT:
	case OPTION_INT64:
		buf_addf(out, "a number from 0 to %llu", (unsigned long long)o->max);
		break;
	case OPTION_REQUIRE:
		buf_addstr(out, "all, partial, a number such as 3, or a percentage such as 80%");
		break;
	default:
		buf_addstr(out, "a value");
		break;
	}
}

static bool parse_choice(const char *value, const struct option_info *o, unsigned *out)
{
	for (unsigned i = 0; o->choices[i] != NULL; i++) {
		if (strcmp(o->choices[i], value) == 0 && (o->later_choices & 1U << i) == 0) {
			*out = i;
			return true;
		}
	}
	return false;
}

static bool parse_require(const char *value, struct require *out)
{
	char digits[24];
	size_t len = strlen(value);

	if (strcmp(value, "all") == 0) {
		*out = (struct require){ .kind = REQUIRE_ALL };
		return true;
	}
	if (strcmp(value, "partial") == 0) {
		*out = (struct require){ .kind = REQUIRE_PARTIAL };
		return true;
	}
	if (len == 0 || len >= sizeof(digits))
		return false;
	memcpy(digits, value, len + 1);
	if (digits[len - 1] == '%') {
		digits[len - 1] = '\0';
		out->kind = REQUIRE_PERCENT;
		return parse_integer(digits, 0, 100, &out->number);
	}
	out->kind = REQUIRE_COUNT;
	return parse_integer(digits, 0, UINT32_MAX, &out->number);
}

/* Puts the value into config; false when it is not one. */
static bool store(struct config *config, const struct option_info *o, const char *value)
{
	void *place = (char *)config + o->offset;
	struct require require;
	uint64_t number = 0;
	unsigned choice;
	int64_t ms;

	switch (o->type) {
	case OPTION_FLAG:
		*(bool *)place = true;
		return true;
	case OPTION_TEXT:
		*(const char **)place = value;
		return value[0] != '\0';
	case OPTION_DURATION:
		if (!parse_duration(value, &ms))
			return false;
		*(int64_t *)place = ms;
		return true;
	case OPTION_SIZE:
		if (!parse_size(value, &number) || number > INT64_MAX)
			return false;
		*(int64_t *)place = (int64_t)number;
		return true;
	case OPTION_COUNT:
		return parse_count(value, (uint64_t *)place);
	case OPTION_UINT32:
		if (!parse_integer(value, 0, o->max, &number))
			return false;
		*(uint32_t *)place = (uint32_t)number;
		return true;
	case OPTION_INT:
		if (!parse_integer(value, 0, o->max, &number))
			return false;
		*(int *)place = (int)number;
		return true;
	case OPTION_INT64:
		if (!parse_integer(value, 0, o->max, &number))
			return false;
		*(int64_t *)place = (int64_t)number;
		return true;
	case OPTION_CHOICE:
		if (!parse_choice(value, o, &choice))
			return false;
		choice += o->first;
		memcpy(place, &choice, sizeof(choice));
		return true;
	case OPTION_REQUIRE:
		if (!parse_require(value, &require))
			return false;
		*(struct require *)place = require;
		return true;
	}
	return false;
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
		return usage_error(p);
	}
	if (o->argument == NULL && attached != NULL) {
		buf_addf(p->error, "option '%s' takes no value, got '%s'", as_written,
		    safe(attached));
		return usage_error(p);
	}
	if (o->argument != NULL && attached == NULL) {
		if (p->at >= p->argc) {
			buf_addf(p->error, "option '%s' needs a value: ", as_written);
			expected(p->error, o);
			return usage_error(p);
		}
		value = p->argv[p->at++];
	}
	if (!store(p->config, o, value)) {
		buf_addf(p->error, "option '%s': expected ", as_written);
		expected(p->error, o);
		buf_addf(p->error, ", got '%s'", safe(value));
		return usage_error(p);
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
		return usage_error(p);
	}
	if (len >= sizeof(name))
		len = sizeof(name) - 1;
	memcpy(name, word + 2, len);
	name[len] = '\0';
	near = suggest_long(name, p->command);
	buf_addf(p->error, "unknown option '--%s'", safe(name));
	if (near != NULL)
		buf_addf(p->error, ", did you mean '--%s'?", near);
	return usage_error(p);
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
			return usage_error(p);
		}
		if (o == NULL) {
			/* The whole word: a letter may be a part of a character only. */
			const bool first = c == word + 1;
			buf_addf(p->error, "unknown option '%s'%s%s%s",
			    first ? safe(word) : as_written, first ? "" : " in '",
			    first ? "" : safe(word), first ? "" : "'");
			return usage_error(p);
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
		if (value == NULL || value[0] == '\0' || store(p->config, o, value))
			continue;
		buf_addf(p->error, "environment variable '%s': expected ", buf_str(&name));
		expected(p->error, o);
		buf_addf(p->error, ", got '%s'", safe(value));
		status = EXIT_CONFIG;
	}
	buf_free(&name);
	return status;
}

/* What is left: COMMAND (run), or words between which options may stand (the others). */
static int take_words(struct parser *p)
{
	static const char *const how_many[COMMAND_WORDS_MAX + 1] = {
		"no argument",
		"one argument at most",
		"two arguments at most",
	};
	const struct command_info *info = &command_table[p->command];
	size_t taken = 0;
	bool ended = false;

	for (;;) {
		int status = ended ? 0 : take_options(p, &ended);
		if (status != 0 || p->config->help || p->at >= p->argc)
			return status;
		if (p->command == COMMAND_RUN) {
			p->config->command = (const char *const *)(p->argv + p->at);
			return 0;
		}
		if (taken >= info->nwords) {
			buf_addf(p->error, "'pollard %s' takes %s, got '%s'", info->name,
			    how_many[info->nwords], safe(p->argv[p->at]));
			return usage_error(p);
		}
		*(const char **)((char *)p->config + info->words[taken++]) = p->argv[p->at++];
	}
}

/* Two things that cannot both be meant: says what to type instead. */
static int contradiction(struct parser *p, const char *message)
{
	buf_addstr(p->error, message);
	return usage_error(p);
}

static bool is_workflow(const char *file)
{
	static const char *const suffixes[] = { ".yaml", ".yml", ".json" };
	size_t len = file != NULL ? strlen(file) : 0;

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t suffix = strlen(suffixes[i]);
		if (len > suffix && strcmp(file + len - suffix, suffixes[i]) == 0)
			return true;
	}
	return false;
}

static int check_run(struct parser *p)
{
	struct config *c = p->config;

	if (c->shell && c->agent != NULL)
		return contradiction(p,
		    "'--shell' reads commands and '--agent' reads prompts: "
		    "leave out one of them");
	if (c->shell && c->command != NULL)
		return contradiction(p,
		    "'--shell' reads whole commands from the list: leave out "
		    "'--shell' to run COMMAND for every line, or COMMAND");
	if (c->agent != NULL && c->command != NULL)
		return contradiction(p,
		    "'--agent' gives every line to an agent: leave out "
		    "COMMAND, or '--agent' to run COMMAND for every line");
	if (c->command_stdin && c->command == NULL)
		return contradiction(p,
		    "'--stdin' needs a COMMAND to give the lines to: "
		    "pollard run --stdin -- COMMAND");
	if (c->tag && c->output != OUTPUT_TEXT)
		return contradiction(p,
		    "'--tag' marks the lines of '-o text': leave out one of "
		    "'--tag' and '-o' (-o json says the task with every result)");
	if (c->output == OUTPUT_MERGED && c->merge == MERGE_NONE)
		return contradiction(p,
		    "'-o merged' prints what a merge makes: leave out "
		    "'-m none', or use '-m concat' or '-m json'");
	if (is_workflow(c->file)) {
		buf_addf(p->error,
		    "'%s' is a workflow by its name, and workflows are not in this "
		    "version (%s): a list has any other name",
		    safe(c->file), POLLARD_VERSION);
		return usage_error(p);
	}

	if (c->command != NULL)
		c->input = INPUT_COMMAND;
	else if (c->shell)
		c->input = INPUT_SHELL;
	else if (c->agent != NULL)
		c->input = INPUT_AGENT;
	if (c->sequential) {
		c->jobs = 1;
		c->keep_order = true;
	}
	return 0;
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
		.grace_ms = 5000,
		.max_output = NOT_GIVEN,
		.retries = NOT_GIVEN,
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
		return usage_error(p);
	}
	if (command_table[command].availability == LATER) {
		buf_addf(p->error, "command '%s' is not in this version (%s)", word,
		    POLLARD_VERSION);
		return usage_error(p);
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
	if (status == 0)
		status = take_environment(p);
	if (status == 0)
		status = take_words(p);
	if (status != 0)
		return status;
	if (p->config->help) {
		turn_into_help(p);
		return 0;
	}
	return p->command == COMMAND_RUN ? check_run(p) : 0;
}

int options_parse(int argc, char *const argv[], struct config *config, enum command *command,
    struct buf *error)
{
	struct parser p = {
		.argc = argc,
		.argv = argv,
		.at = 1,
		.command = COMMAND_NONE,
		.config = config,
		.error = error,
	};
	int status;

	set_defaults(config, argv);
	status = parse(&p);
	*command = p.command;
	return status;
}
