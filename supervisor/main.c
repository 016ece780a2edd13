/*
 * Where pollard begins: makes the standard descriptors usable, reads the command line, and hands
 * over to the command.
 * The only file of the supervisor that names the worker's side.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/exits.h"
#include "shared/text.h"
#include "supervisor/commands/commands.h"
#include "supervisor/input/diag.h"
#include "supervisor/options/complete.h"
#include "supervisor/options/config.h"
#include "supervisor/options/help.h"
#include "supervisor/options/options.h"
#include "supervisor/options/settings.h"
#include "supervisor/resume/resume.h"
#include "supervisor/run.h"
#include "workers/worker.h"

typedef int (*command_fn)(const struct config *config);

static int command_run(const struct config *config);
static int command_resume(const struct config *config);
static int command_agents(const struct config *config);
static int command_help(const struct config *config);
static int command_version(const struct config *config);
static int command_options(const struct config *config);

static const command_fn command_functions[COMMAND_COUNT] = {
	[COMMAND_RUN] = command_run,
	[COMMAND_PLAN] = cmd_plan,
	[COMMAND_RESUME] = command_resume,
	[COMMAND_STATUS] = cmd_status,
	[COMMAND_SHOW] = cmd_show,
	[COMMAND_FAILED] = cmd_failed,
	[COMMAND_REPORT] = cmd_report,
	[COMMAND_AGENTS] = command_agents,
	[COMMAND_DOCTOR] = cmd_doctor,
	[COMMAND_CLEAN] = cmd_clean,
	[COMMAND_HELP] = command_help,
	[COMMAND_VERSION] = command_version,
	[COMMAND_OPTIONS] = command_options,
};

static int command_run(const struct config *config)
{
	if (config->dry_run)
		return cmd_plan(config);
	return config->resume ? resume_edited(config, worker_main) : run_main(config, worker_main);
}

static int command_resume(const struct config *config)
{
	return resume_main(config, worker_main);
}

static int command_agents(const struct config *config)
{
	return cmd_agents(config, worker_main);
}

/* Prints and frees the text. */
static int print(struct buf *text)
{
	fputs(buf_str(text), stdout);
	buf_free(text);
	return EXIT_MET;
}

static int command_help(const struct config *config)
{
	struct buf text = BUF_INIT;
	const char *near = NULL;

	if (config->topic == NULL) {
		help_general(&text);
	} else if (config->help) {
		help_command(&text, command_find(config->topic));
	} else if (!help_topic(&text, config->topic, &near)) {
		if (near != NULL)
			warnx("no help on '%s', did you mean '%s'?", safe(config->topic), near);
		else
			warnx("no help on '%s'", safe(config->topic));
		warnx("see 'pollard --help'");
		return EXIT_USAGE;
	}
	return print(&text);
}

static int command_version(const struct config *config)
{
	struct buf text = BUF_INIT;

	(void)config;
	help_version(&text);
	return print(&text);
}

static int command_options(const struct config *config)
{
	struct buf text = BUF_INIT;

	if (config->topic == NULL || !help_mdoc(&text, config->topic)) {
		warnx("__options: expected options or environment");
		return EXIT_USAGE;
	}
	return print(&text);
}

/*
 * A descriptor below 3 that is closed would be given to the first file that is opened, and what is
 * meant for standard error would end up there.
 */
static bool fill_descriptor(int fd)
{
	if (fcntl(fd, F_GETFD) != -1 || errno != EBADF)
		return false;
	if (open("/dev/null", O_RDWR) != fd)
		_exit(EXIT_SYSTEM);
	return true;
}

static void print_error(struct buf *error)
{
	char *rest = error->data;
	char *line;

	while ((line = strsep(&rest, "\n")) != NULL)
		warnx("%s", line);
}

static int change_directory(const struct config *config)
{
	if (config->directory == NULL || chdir(config->directory) == 0)
		return 0;
	warn("cannot change to the directory '%s'", safe(config->directory));
	return EXIT_NOINPUT;
}

/* What has to be there before the command begins. */
static int check_streams(const struct config *config, enum command command)
{
	const bool from_stdin = config->file == NULL || strcmp(config->file, "-") == 0;

	const bool takes_input = command == COMMAND_RUN || command == COMMAND_PLAN;

	if (takes_input && from_stdin && config->stdin_closed) {
		warnx("standard input is closed: give the list there, or with '-f FILE'");
		return EXIT_NOINPUT;
	}
	if (config->stdout_closed && command != COMMAND_CLEAN &&
	    (command != COMMAND_RUN || config->output != OUTPUT_NONE)) {
		warnx("standard output is closed: open it%s",
		    command == COMMAND_RUN ? ", or use '-o none'" : "");
		return EXIT_IO;
	}
	return 0;
}

/* A full disk behind standard output is an error, never silence. */
static int finish(int status)
{
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return status;
	if (status >= EXIT_USAGE)
		return status;
	warn("cannot write to standard output");
	return EXIT_IO;
}

/*
 * Once more, with what stands in files: which ones, is known only in the directory where the command
 * works. *settings is the caller's to free; the config refers to it.
 */
static int apply_settings(int argc, char *const argv[], struct settings **settings,
    struct config *config, enum command *command, struct buf *error)
{
	struct diag diag = { .count = 0 };
	size_t count = 0;

	*settings = settings_load(&diag);
	diag_print(&diag);
	diag_free(&diag);
	if (*settings == NULL)
		return EXIT_CONFIG;
	if (settings_warning(*settings) != NULL)
		warnx("warning: %s", settings_warning(*settings));
	(void)settings_list(*settings, &count);
	if (count == 0)
		return 0;
	options_free(config);
	return options_parse(argc, argv, *settings, config, command, error);
}

/* What was asked for, from the command line and from files. 0, or the exit status after saying why. */
static int read_options(int argc, char *argv[], struct settings **settings, struct config *config,
    enum command *command)
{
	struct buf error = BUF_INIT;
	int status = options_parse(argc, argv, NULL, config, command, &error);

	if (status == 0 && *command == COMMAND_NONE) {
		help_usage(&error);
		fputs(buf_str(&error), stderr);
		buf_free(&error);
		return EXIT_USAGE;
	}
	if (status == 0)
		status = change_directory(config);
	if (status == 0 && options_want_settings(*command))
		status = apply_settings(argc, argv, settings, config, command, &error);
	if (error.len > 0)
		print_error(&error);
	buf_free(&error);
	return status;
}

int main(int argc, char *argv[])
{
	struct config config = { 0 };
	struct settings *settings = NULL;
	enum command command = COMMAND_NONE;

	config.stdin_closed = fill_descriptor(STDIN_FILENO);
	config.stdout_closed = fill_descriptor(STDOUT_FILENO);
	(void)fill_descriptor(STDERR_FILENO);

	/* what is being typed is no command line yet */
	if (argc > 1 && strcmp(argv[1], "__complete") == 0)
		return cmd_complete(argc - 2, argv + 2);
	int status = read_options(argc, argv, &settings, &config, &command);
	if (status == 0)
		status = check_streams(&config, command);
	if (status == 0)
		status = finish(command_functions[command](&config));
	options_free(&config);
	settings_free(settings);
	return status;
}
