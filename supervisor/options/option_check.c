#include "supervisor/options/option_check.h"

#include <string.h>

#include "shared/exits.h"
#include "shared/text.h"
#include "supervisor/input/workflow.h"

int option_usage(struct buf *error, enum command command)
{
	const char *name = command_table[command].name;

	buf_addf(error, "\nsee 'pollard %s%s--help'", name != NULL ? name : "",
	    name != NULL ? " " : "");
	return EXIT_USAGE;
}

/* Two things that cannot both be meant: says what to type instead. */
static int contradiction(struct buf *error, enum command command, const char *message)
{
	buf_addstr(error, message);
	return option_usage(error, command);
}

static bool from_standard_input(const struct config *c)
{
	return c->file == NULL || strcmp(c->file, "-") == 0;
}

/* Whether the input names its tasks itself, all of them. */
static int check_workflow(const struct config *c, enum command command, struct buf *error)
{
	enum document_form form;
	const char *what = NULL;

	if (c->format == NULL && (c->file == NULL || !workflow_named(c->file, &form)))
		return 0;
	if (c->command != NULL)
		what = "COMMAND";
	else if (c->shell)
		what = "'--shell'";
	else if (c->agent != NULL)
		what = "'--agent'";
	else if (c->nul)
		what = "'-0'";
	else if (c->stream)
		what = "'--stream'";
	if (what == NULL)
		return 0;
	if (c->format != NULL)
		buf_addf(error,
		    "'--format' reads a workflow, which says itself what its tasks are: "
		    "leave out %s",
		    what);
	else
		buf_addf(error,
		    "'%s' is a workflow by its name, which says itself what its tasks "
		    "are: leave out %s",
		    safe(c->file), what);
	return option_usage(error, command);
}

/* What `plan` prints is text or an object; with --cron, a line in which any output may stand. */
static int check_plan(const struct config *c, enum command command, struct buf *error)
{
	if (c->cron && from_standard_input(c))
		return contradiction(error, command,
		    "cron gives no list on standard input: name the file with '-f FILE'");
	if (c->cron)
		return 0;
	if (c->stream)
		return contradiction(error, command,
		    "'--stream' starts tasks before the list is known, so there is no plan: "
		    "leave out one of '--stream' and '-n'");
	if (c->output != OUTPUT_TEXT && c->output != OUTPUT_JSON)
		return contradiction(error, command,
		    "a plan is printed with '-o text' or '-o json': leave out '-o'");
	return 0;
}

static int check_input(const struct config *c, enum command command, struct buf *error)
{
	if (c->shell && c->agent != NULL)
		return contradiction(error, command,
		    "'--shell' reads commands and '--agent' reads prompts: "
		    "leave out one of them");
	if (c->shell && c->command != NULL)
		return contradiction(error, command,
		    "'--shell' reads whole commands from the list: leave out "
		    "'--shell' to run COMMAND for every line, or COMMAND");
	if (c->agent != NULL && c->command != NULL)
		return contradiction(error, command,
		    "'--agent' gives every line to an agent: leave out "
		    "COMMAND, or '--agent' to run COMMAND for every line");
	if (c->command_stdin && c->command == NULL)
		return contradiction(error, command,
		    "'--stdin' needs a COMMAND to give the lines to: "
		    "pollard run --stdin -- COMMAND");
	return 0;
}

static int check_output(const struct config *c, enum command command, struct buf *error)
{
	if (c->tag && c->output != OUTPUT_TEXT)
		return contradiction(error, command,
		    "'--tag' marks the lines of '-o text': leave out one of "
		    "'--tag' and '-o' (-o json says the task with every result)");
	if (c->output == OUTPUT_MERGED && c->merge == MERGE_NONE)
		return contradiction(error, command,
		    "'-o merged' prints what a merge makes: leave out "
		    "'-m none', or use '-m concat' or '-m json'");
	return 0;
}

static int check_record(const struct config *c, enum command command, struct buf *error)
{
	if (c->resume && c->no_record)
		return contradiction(error, command,
		    "'--resume' goes on with what the record holds: leave out one of "
		    "'--resume' and '--no-record'");
	if (c->resume && c->stream)
		return contradiction(error, command,
		    "'--resume' compares the whole list with the record: leave out one of "
		    "'--resume' and '--stream'");
	if (c->resume && from_standard_input(c) && c->name == NULL)
		return contradiction(error, command,
		    "'--resume' looks for the newest run of the same file or name: give "
		    "'-f FILE' or '--name NAME' too");
	return 0;
}

int options_need_name(const struct config *c, const char *name, enum command command,
    struct buf *error)
{
	if (name != NULL || (!c->cron && c->if_running == IF_RUNNING_DEFAULT))
		return 0;
	buf_addf(error, "'%s' needs a name that the runs share: add '--name NAME'%s",
	    c->cron ? "--cron" : "--if-running",
	    from_standard_input(c) ? ", or give a workflow with '-f FILE'" : "");
	return option_usage(error, command);
}

/* Whether the run may yet get its name from its input; a workflow that ships has no such ending. */
static bool may_name_itself(const struct config *c)
{
	enum document_form form;

	if (from_standard_input(c))
		return false;
	return c->format != NULL || workflow_named(c->file, &form) ||
	    strpbrk(c->file, "/.") == NULL;
}

/* A plan keeps its output: what is printed then is the plan. */
static void imply_cron(struct config *c)
{
	if (!c->cron || c->dry_run)
		return;
	c->progress = PROGRESS_NONE;
	if (!c->output_given)
		c->output = OUTPUT_NONE;
	if (c->if_running == IF_RUNNING_DEFAULT)
		c->if_running = IF_RUNNING_SKIP;
}

static void imply_input(struct config *c)
{
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
}

static int check_run(struct config *c, enum command command, struct buf *error)
{
	int status = check_input(c, command, error);

	if (status == 0)
		status = check_output(c, command, error);
	if (status == 0)
		status = check_record(c, command, error);
	if (command == COMMAND_PLAN)
		c->dry_run = true;
	if (status == 0 && c->dry_run)
		status = check_plan(c, command, error);
	if (status == 0)
		status = check_workflow(c, command, error);
	if (status == 0 && !may_name_itself(c))
		status = options_need_name(c, c->name, command, error);
	if (status == 0)
		imply_input(c);
	return status;
}

int option_check(struct config *config, enum command command, struct buf *error)
{
	int status = 0;

	if (command == COMMAND_RUN || command == COMMAND_PLAN)
		status = check_run(config, command, error);
	else if (command == COMMAND_RESUME)
		status = check_output(config, command, error);
	if (status == 0)
		imply_cron(config);
	return status;
}
