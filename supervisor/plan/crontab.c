#include "supervisor/plan/crontab.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/text.h"
#include "shared/words.h"
#include "shared/xalloc.h"
#include "supervisor/options/option_print.h"
#include "supervisor/options/options.h"
#include "supervisor/plan/effective.h"

#define SCHEDULE "0 3 * * *"
#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"
/* Longer commands are cut off by some cron daemons. */
#define LINE_MAX_SAFE 998

/* The command as it is put together. `bad` is the first word that no crontab can hold. */
struct line {
	struct buf text;
	char *bad;
};

void crontab_word(struct buf *out, const char *word)
{
	struct buf quoted = BUF_INIT;

	words_quote(&quoted, word);
	for (size_t i = 0; i < quoted.len; i++) {
		char c = quoted.data[i];
		/* daemons do not agree on what \\% is: the quotes are closed and opened between them */
		if (c == '%' && i > 0 && quoted.data[i - 1] == '\\')
			buf_addstr(out, "''");
		if (c == '%')
			buf_addch(out, '\\');
		buf_addch(out, c);
	}
	buf_free(&quoted);
}

static void add_word(void *context, const char *word)
{
	struct line *line = context;

	if (line->bad == NULL && strpbrk(word, "\n\r") != NULL)
		line->bad = xstrdup(word);
	if (line->text.len > 0)
		buf_addch(&line->text, ' ');
	crontab_word(&line->text, word);
}

static char *absolute(const char *directory, const char *path)
{
	struct buf out = BUF_INIT;

	if (path[0] == '/')
		return xstrdup(path);
	if (strncmp(path, "./", 2) == 0)
		path += 2;
	buf_addf(&out, "%s%s%s", directory, directory[1] != '\0' ? "/" : "", path);
	return buf_detach(&out);
}

/* This program; cron has another PATH. */
static char *own_path(void)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (len <= 0)
		return xstrdup("pollard");
	path[len] = '\0';
	return xstrdup(path);
}

/* Those that name a file or a directory, and are not the input. */
static bool names_file(const struct option_info *o)
{
	static const char *const names[] = { "state-dir", "state-file", "rehearse" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (o->name != NULL && strcmp(o->name, names[i]) == 0)
			return true;
	return false;
}

/* Those that stand in front, and those that make a plan of a run. */
static bool is_said(const struct option_info *o, const struct config *config)
{
	static const char *const names[] = { "cron", "name", "require", "dry-run" };
	static const char *const implied[] = { "jobs", "keep-order" };

	if (o->letter == 'f' || o->group == GROUP_GENERAL)
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (o->name != NULL && strcmp(o->name, names[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof(implied) / sizeof(implied[0]); i++)
		if (config->sequential && o->name != NULL && strcmp(o->name, implied[i]) == 0)
			return true;
	return false;
}

static void add_option(struct line *line, const struct option_info *o, const struct config *config,
    const struct config *defaults, const char *directory)
{
	struct config absolutely = *config;
	const char **place = (const char **)(void *)((char *)&absolutely + o->offset);
	char *path = NULL;

	if (names_file(o) && *place != NULL) {
		path = absolute(directory, *place);
		*place = path;
	}
	option_words(o, &absolutely, defaults, add_word, line);
	free(path);
}

/* What was typed and what the environment says, for cron has another one. */
static void add_options(struct line *line, const struct config *said, const struct config *defaults,
    const char *directory)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct option_info *o = &option_table[i];
		if (option_belongs(o, COMMAND_RUN) && !is_said(o, said))
			add_option(line, o, said, defaults, directory);
	}
	/* cron would look in the home directory */
	const char *state = getenv("XDG_STATE_HOME");
	if (said->state_dir == NULL && !said->no_record && state != NULL && state[0] == '/') {
		struct buf path = BUF_INIT;
		buf_addf(&path, "%s/pollard", state);
		add_word(line, "--state-dir");
		add_word(line, buf_str(&path));
		buf_free(&path);
	}
}

static void add_command(struct line *line, const struct config *said)
{
	if (said->command == NULL)
		return;
	add_word(line, "--");
	for (const char *const *word = said->command; *word != NULL; word++)
		add_word(line, *word);
}

static void add_run(struct line *line, const struct config *config, const struct plan *plan,
    const char *file, const char *directory)
{
	struct require require = effective_require(config, plan);
	struct buf text = BUF_INIT;
	char *program = own_path();
	char *input = absolute(directory, file);

	buf_addstr(&line->text, "cd");
	add_word(line, directory);
	buf_addstr(&line->text, " &&");
	add_word(line, program);
	add_word(line, "run");
	add_word(line, "--cron");
	add_word(line, "--name");
	add_word(line, plan->name);
	option_require(&text, &require);
	add_word(line, "--require");
	add_word(line, buf_str(&text));
	add_word(line, "-f");
	add_word(line, input);
	buf_free(&text);
	free(program);
	free(input);
}

/* The options of the arguments and of the environment, and those of neither. 0 when that worked. */
static int options_said(const struct config *config, struct config *said, struct config *defaults)
{
	char *const none[] = { (char[]){ "pollard" }, (char[]){ "run" }, NULL };
	char *const *argv = (char *const *)(uintptr_t)config->argv;
	enum command command;
	struct buf error = BUF_INIT;
	int argc = 0;

	while (argv[argc] != NULL)
		argc++;
	int status = options_parse(argc, argv, NULL, said, &command, &error);
	if (status == 0)
		status = options_parse_again(2, none, defaults, &error);
	buf_free(&error);
	return status;
}

/* Only what means something anywhere; the tasks may need any of it. */
static void add_path(struct buf *out)
{
	const char *path = getenv("PATH");
	struct buf good = BUF_INIT;

	while (path != NULL && *path != '\0') {
		size_t len = strcspn(path, ":");
		if (path[0] == '/' && memchr(path, '\n', len) == NULL &&
		    memchr(path, '"', len) == NULL) {
			if (good.len > 0)
				buf_addch(&good, ':');
			buf_add(&good, path, len);
		}
		path += len + (path[len] == ':');
	}
	/* in quotes blanks at the ends stay; nothing else is special here, not even % */
	buf_addf(out, "PATH=\"%s\"\n", good.len > 0 ? buf_str(&good) : DEFAULT_PATH);
	buf_free(&good);
}

/* Where the settings and agents of the user are, when that is not below the home directory. */
static void add_config_home(struct buf *out)
{
	const char *home = getenv("XDG_CONFIG_HOME");

	if (home != NULL && home[0] == '/' && strpbrk(home, "\n\"") == NULL)
		buf_addf(out, "XDG_CONFIG_HOME=\"%s\"\n", home);
}

static void add_comment(struct buf *out, const struct plan *plan, size_t len)
{
	buf_addf(out,
	    "# %s: every day at 03:00 (minute, hour, day, month, weekday; local time). Silent when the\n"
	    "# requirement is met; else cron mails what it says, to MAILTO or to you. See crontab(5).\n",
	    safe(plan->name));
	if (len > LINE_MAX_SAFE)
		buf_addf(out,
		    "# The command has %zu characters, and some cron daemons take %d: put it into a\n"
		    "# script, with each \\%% as %%.\n",
		    len, LINE_MAX_SAFE);
}

bool crontab_print(struct buf *out, const struct config *config, const struct plan *plan,
    const char *file, struct buf *why)
{
	struct config said = { 0 };
	struct config defaults = { 0 };
	struct line line = { .bad = NULL };
	char *directory = getcwd(NULL, 0);
	bool good = false;

	if (directory == NULL || directory[0] != '/') {
		buf_addstr(why, "the working directory has no path that cron could change to");
	} else if (options_said(config, &said, &defaults) != 0) {
		buf_addstr(why, "the options cannot be read once more");
	} else {
		add_run(&line, config, plan, file, directory);
		add_options(&line, &said, &defaults, directory);
		add_command(&line, &said);
		good = line.bad == NULL;
		if (!good)
			buf_addf(why, "a line of a crontab cannot hold a line break: '%s'",
			    safe(line.bad));
	}
	if (good) {
		add_comment(out, plan, line.text.len);
		add_path(out);
		add_config_home(out);
		buf_addf(out, SCHEDULE " %s\n", buf_str(&line.text));
	}
	free(line.bad);
	buf_free(&line.text);
	free(directory);
	options_free(&said);
	options_free(&defaults);
	return good;
}
