#include "supervisor/options/complete.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/backend.h"
#include "shared/exits.h"
#include "shared/json.h"
#include "shared/text.h"
#include "supervisor/commands/reading.h"
#include "supervisor/input/agents.h"
#include "supervisor/input/datadir.h"
#include "supervisor/options/help.h"
#include "supervisor/options/options.h"

/* Nobody chooses among more. */
#define RUNS_MAX 200
#define TASKS_MAX 2000

/* One completion; on the stack of complete_words(). */
struct completion {
	struct buf *out;
	const char *const *words; /* before the one at the cursor */
	size_t count;
	enum command command;
	const char *typed;  /* the word at the cursor */
	const char *before; /* what stands before the candidate in it: "--format=" */
	size_t before_len;
};

/* Offers the word when it begins with what was typed. */
static void offer(struct completion *c, const char *word, const char *about)
{
	const char *typed = c->typed + c->before_len;
	struct buf line = BUF_INIT;

	if (strncmp(word, typed, strlen(typed)) != 0 || strpbrk(word, "\t\n") != NULL)
		return;
	buf_add(c->out, c->before, c->before_len);
	text_safe_line(&line, about, strlen(about));
	buf_addf(c->out, "%s\t%s\n", word, buf_str(&line));
	buf_free(&line);
}

/* Files and the like are the shell's own business. */
static void ask_shell(struct completion *c, const char *what)
{
	buf_addf(c->out, ":%s\n", what);
}

static bool is_word(const char *word, const char *other)
{
	return strcmp(word, other) == 0;
}

static void offer_commands(struct completion *c)
{
	for (int i = 0; i < COMMAND_COUNT; i++) {
		const struct command_info *info = &command_table[i];

		if (info->name != NULL && info->availability == NOW && info->name[0] != '_')
			offer(c, info->name, info->summary);
	}
}

static void offer_options(struct completion *c)
{
	struct buf word = BUF_INIT;

	for (size_t i = 0; i < option_count; i++) {
		const struct option_info *o = &option_table[i];

		if (!option_belongs(o, c->command))
			continue;
		buf_reset(&word);
		if (o->name != NULL)
			buf_addf(&word, "--%s", o->name);
		else
			buf_addf(&word, "-%c", o->letter);
		offer(c, buf_str(&word), o->help != NULL ? o->help : "");
	}
	buf_free(&word);
}

static void offer_choices(struct completion *c, const struct option_info *o)
{
	for (size_t i = 0; o->choices != NULL && o->choices[i] != NULL; i++) {
		if ((o->later_choices & 1U << i) == 0)
			offer(c, o->choices[i], "");
	}
}

static void offer_agents(struct completion *c)
{
	struct agents *agents = agents_load(NULL);
	size_t count;
	const struct agent *const *list = agents_list(agents, &count);

	for (size_t i = 0; i < count; i++)
		offer(c, list[i]->name, list[i]->description);
	agents_free(agents);
}

static void offer_backends(struct completion *c)
{
	for (size_t i = 0; i < nbackends; i++)
		offer(c, backends[i].name, "");
}

static int is_workflow(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 5 && is_word(entry->d_name + len - 5, ".yaml");
}

/* Those that ship are called by their names. */
static void offer_workflows(struct completion *c)
{
	struct buf path = BUF_INIT;
	struct dirent **entries = NULL;
	int count;

	buf_addf(&path, "%s/workflows", data_directory());
	count = scandir(buf_str(&path), &entries, is_workflow, alphasort);
	buf_free(&path);
	for (int i = 0; i < count; i++) {
		char *name = entries[i]->d_name;

		name[strlen(name) - 5] = '\0';
		offer(c, name, "a workflow that ships with pollard");
		free(entries[i]);
	}
	free(entries);
}

static void offer_topics(struct completion *c)
{
	size_t count;
	const char *const *topics = help_topics(&count);

	for (size_t i = 0; i < count; i++)
		offer(c, topics[i], "");
	offer_commands(c);
}

/* Where runs are, by the options so far, the settings and the environment; NULL: not known. */
static char *find_root(const struct completion *c)
{
	char *argv[4] = { "pollard", "status" };
	struct config config = { 0 };
	struct buf error = BUF_INIT;
	enum command command;
	int argc = 2;
	char *root = NULL;

	for (size_t i = 0; i < c->count; i++) {
		bool alone = is_word(c->words[i], "--state-dir");

		if (!alone && strncmp(c->words[i], "--state-dir=", 12) != 0)
			continue;
		argv[2] = (char *)(uintptr_t)c->words[i];
		argc = 3;
		if (alone && i + 1 < c->count)
			argv[argc++] = (char *)(uintptr_t)c->words[++i];
	}
	if (options_parse(argc, argv, NULL, &config, &command, &error) == 0)
		root = state_root(&config);
	options_free(&config);
	buf_free(&error);
	return root;
}

static const char *condition_text(const struct run_info *info)
{
	switch (info->condition) {
	case RUN_RUNNING:
		return "running";
	case RUN_UNFINISHED:
		return "not finished";
	case RUN_UNREADABLE:
		return "not readable";
	case RUN_FINISHED:
		break;
	}
	return info->outcome != NULL ? info->outcome : "finished";
}

static void offer_runs(struct completion *c)
{
	char *root = find_root(c);
	struct buf about = BUF_INIT;
	size_t count = 0;
	char **ids = root != NULL ? rundir_list(root, &count) : NULL;

	if (count > 0)
		offer(c, NEWEST_RUN, "the newest one");

	for (size_t i = count; i-- > 0 && count - i <= RUNS_MAX;) {
		struct run_info info;

		if (strncmp(ids[i], c->typed, strlen(c->typed)) != 0)
			continue;
		run_info_read(&info, root, ids[i]);
		buf_reset(&about);
		buf_addf(&about, "%s%s%s", info.name != NULL ? info.name : "",
		    info.name != NULL ? ", " : "", condition_text(&info));
		offer(c, ids[i], buf_str(&about));
		run_info_free(&info);
	}
	if (ids != NULL)
		rundir_list_free(ids, count);
	buf_free(&about);
	free(root);
}

static void offer_tasks(struct completion *c, const char *run)
{
	char *root = find_root(c);
	struct journal_reader *reader = NULL;
	struct rundir dir;
	char *why = NULL;
	const cJSON *record;
	size_t offered = 0;

	if (root == NULL || rundir_open(&dir, root, run, &why) < 0) {
		free(why);
		free(root);
		return;
	}
	reader = journal_reader_open(dir.fd);
	while (reader != NULL && offered < TASKS_MAX &&
	    (record = journal_reader_next(reader)) != NULL) {
		const char *event = json_get_string(record, "event");
		const char *task = json_get_string(record, "task");
		const char *agent = json_get_string(record, "agent");

		if (event == NULL || task == NULL || !is_word(event, "task-added"))
			continue;
		offer(c, task, agent != NULL ? agent : "");
		offered++;
	}
	if (reader != NULL)
		journal_reader_free(reader);
	rundir_close(&dir);
	free(root);
}

/* What an option takes behind it. */
static void offer_value(struct completion *c, const struct option_info *o)
{
	const char *name = o->name != NULL ? o->name : "";

	offer_choices(c, o);
	if (is_word(name, "agent") || is_word(name, "debugger") || is_word(name, "merge"))
		offer_agents(c);
	if (is_word(name, "backend"))
		offer_backends(c);
	if (is_word(name, "state-dir") || o->letter == 'C')
		ask_shell(c, "directories");
	if (o->letter == 'f')
		offer_workflows(c);
	if (o->argument != NULL && is_word(o->argument, "FILE"))
		ask_shell(c, "files");
}

static const struct option_info *find_option(enum command command, const char *name, size_t len,
    char letter)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct option_info *o = &option_table[i];

		if (!option_belongs(o, command))
			continue;
		if (name != NULL && o->name != NULL && strlen(o->name) == len &&
		    strncmp(o->name, name, len) == 0)
			return o;
		if (name == NULL && o->letter == letter)
			return o;
	}
	return NULL;
}

/* The option of this word when its value is the next word. */
static const struct option_info *takes_next(enum command command, const char *word)
{
	const struct option_info *o = NULL;
	size_t len = strlen(word);

	if (len > 2 && word[0] == '-' && word[1] == '-' && strchr(word, '=') == NULL)
		o = find_option(command, word + 2, len - 2, 0);
	else if (len >= 2 && word[0] == '-' && word[1] != '-')
		o = find_option(command, NULL, 0, word[len - 1]);
	return o != NULL && o->argument != NULL && o->type != OPTION_OPTIONAL ? o : NULL;
}

static void offer_words(struct completion *c, const char *const *given, size_t ngiven)
{
	switch (c->command) {
	case COMMAND_NONE:
		offer_commands(c);
		break;
	case COMMAND_RUN:
	case COMMAND_PLAN:
		ask_shell(c, "commands");
		break;
	case COMMAND_RESUME:
	case COMMAND_FAILED:
	case COMMAND_REPORT:
		if (ngiven == 0)
			offer_runs(c);
		break;
	case COMMAND_SHOW:
		if (ngiven == 0)
			offer_runs(c);
		else if (ngiven == 1)
			offer_tasks(c, given[0]);
		break;
	case COMMAND_AGENTS:
		offer_agents(c);
		break;
	case COMMAND_HELP:
		offer_topics(c);
		break;
	default:
		break;
	}
}

static void complete(struct completion *c)
{
	const struct option_info *pending = NULL;
	const char *given[COMMAND_WORDS_MAX] = { NULL };
	size_t ngiven = 0;

	for (size_t i = 0; i < c->count; i++) {
		const char *word = c->words[i];

		if (pending != NULL) {
			pending = NULL;
		} else if (is_word(word, "--")) {
			/* from here on it is another program's command line */
			ask_shell(c, i + 1 == c->count ? "commands" : "files");
			return;
		} else if (word[0] == '-') {
			pending = takes_next(c->command, word);
		} else if (c->command == COMMAND_NONE) {
			c->command = command_find(word);
			if (c->command == COMMAND_NONE)
				return;
		} else {
			if (ngiven < COMMAND_WORDS_MAX)
				given[ngiven] = word;
			ngiven++;
		}
	}
	const char *equals = strchr(c->typed, '=');
	if (pending != NULL) {
		offer_value(c, pending);
	} else if (strncmp(c->typed, "--", 2) == 0 && equals != NULL) {
		c->before = c->typed;
		c->before_len = (size_t)(equals - c->typed) + 1;
		pending = find_option(c->command, c->typed + 2, c->before_len - 3, 0);
		if (pending != NULL)
			offer_value(c, pending);
	} else if (c->typed[0] == '-') {
		offer_options(c);
	} else if (ngiven > 0 && (c->command == COMMAND_RUN || c->command == COMMAND_PLAN)) {
		ask_shell(c, "files");
	} else {
		offer_words(c, given, ngiven);
	}
}

void complete_words(struct buf *out, const char *const *words, size_t count)
{
	struct completion c = { .out = out,
		.words = words,
		.count = count > 0 ? count - 1 : 0,
		.command = COMMAND_NONE,
		.typed = count > 0 ? words[count - 1] : "" };

	complete(&c);
}

int cmd_complete(int argc, char *const argv[])
{
	struct buf out = BUF_INIT;
	int first = argc > 0 && is_word(argv[0], "--") ? 1 : 0;

	complete_words(&out, (const char *const *)argv + first, (size_t)(argc - first));
	fwrite(buf_str(&out), 1, out.len, stdout);
	buf_free(&out);
	return fflush(stdout) == 0 ? EXIT_MET : EXIT_IO;
}
