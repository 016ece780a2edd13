/* The commands and the options, and how they are found. */
#include "supervisor/options/options.h"

#include <ctype.h>
#include <string.h>

#include "shared/names.h"

#define JOBS_MAX 100000
#define RETRIES_MAX 100

const struct command_info command_table[COMMAND_COUNT] = {
	[COMMAND_RUN] = {
		.name = "run",
		.arguments = "[OPTIONS] [--] [COMMAND [ARG...]]",
		.summary = "run tasks from standard input, or from -f FILE",
	},
	[COMMAND_PLAN] = {
		.name = "plan",
		.arguments = "[OPTIONS] [--] [COMMAND [ARG...]]",
		.summary = "say what run would do and why; start nothing",
	},
	[COMMAND_RESUME] = {
		.name = "resume",
		.arguments = "[OPTIONS] [RUN]",
		.summary = "go on with an interrupted run",
		.nwords = 1,
		.words = { offsetof(struct config, run) },
	},
	[COMMAND_STATUS] = {
		.name = "status",
		.arguments = "[OPTIONS]",
		.summary = "recent runs, one line each",
	},
	[COMMAND_SHOW] = {
		.name = "show",
		.arguments = "[OPTIONS] [RUN [TASK]]",
		.summary = "a run's state, or a task's attempts and output",
		.nwords = 2,
		.words = { offsetof(struct config, run), offsetof(struct config, task) },
	},
	[COMMAND_FAILED] = {
		.name = "failed",
		.arguments = "[OPTIONS] [RUN]",
		.summary = "the records of what failed, to be piped in again",
		.nwords = 1,
		.words = { offsetof(struct config, run) },
	},
	[COMMAND_REPORT] = {
		.name = "report",
		.arguments = "[OPTIONS] --format F [RUN]",
		.summary = "a run as a file for people, CI servers or other tools",
		.nwords = 1,
		.words = { offsetof(struct config, run) },
	},
	[COMMAND_AGENTS] = {
		.name = "agents",
		.arguments = "[OPTIONS] [NAME]",
		.summary = "the agents that can be used, and their files",
		.nwords = 1,
		.words = { offsetof(struct config, agent_name) },
	},
	[COMMAND_CLEAN] = {
		.name = "clean",
		.arguments = "[OPTIONS]",
		.summary = "remove old run directories",
	},
	[COMMAND_DOCTOR] = {
		.name = "doctor",
		.arguments = "[OPTIONS]",
		.summary = "what usually is wrong: clients, limits, terminal",
	},
	[COMMAND_HELP] = {
		.name = "help",
		.arguments = "[TOPIC]",
		.summary = "this text, or one about TOPIC",
		.nwords = 1,
		.words = { offsetof(struct config, topic) },
	},
	[COMMAND_OPTIONS] = {
		.name = "__options",
		.nwords = 1,
		.words = { offsetof(struct config, topic) },
	},
};

#define IN(command) (1U << (command))
#define IN_RUN (IN(COMMAND_RUN) | IN(COMMAND_PLAN))
/* what can be said anew when a run goes on */
#define IN_RESUMED (IN_RUN | IN(COMMAND_RESUME))
#define IN_RECORD \
	(IN_RESUMED | IN(COMMAND_STATUS) | IN(COMMAND_SHOW) | IN(COMMAND_FAILED) | \
	    IN(COMMAND_REPORT) | IN(COMMAND_CLEAN) | IN(COMMAND_DOCTOR))
#define TO(member) .offset = offsetof(struct config, member)
#define GIVEN(member) .given = offsetof(struct config, member)

static const char *const output_choices[] = { "text", "json", "merged", "none", NULL };
static const char *const format_choices[] = { "yaml", "json", NULL };
static const char *const report_choices[] = { "html", "markdown", "json", "jsonl", "junit", "trace",
	"prometheus", NULL };
static const char *const merge_choices[] = { "none", "concat", "json", NULL };
static const char *const sync_choices[] = { "end", "step", "task", NULL };
static const char *const progress_choices[] = { "auto", "tty", "plain", "none", NULL };
static const char *const running_choices[] = { "wait", "skip", "fail", NULL };
static const char *const color_choices[] = { "auto", "always", "never", NULL };

/* Parsing writes these enums as unsigned int; the compiler has to store them so. */
_Static_assert(sizeof(enum output_form) == sizeof(unsigned), "enums are stored as unsigned int");

/* A table is read by its rows. */
/* clang-format off */
const struct option_info option_table[] = {
	/* input */
	{ .letter = 'f', .argument = "FILE", .commands = IN_RUN, .group = GROUP_INPUT,
	  .type = OPTION_TEXT, TO(file), .expected = "the name of a file, or '-'",
	  .fallback = "standard input",
	  .help = "read the list from FILE, or a workflow when it is called .yaml, .yml or .json" },
	{ .name = "agent", .argument = "NAME", .commands = IN_RUN, .group = GROUP_INPUT,
	  .type = OPTION_TEXT, TO(agent), .expected = "the name of an agent",
	  .help = "each line is a prompt for that agent" },
	{ .name = "shell", .commands = IN_RUN, .group = GROUP_INPUT, .type = OPTION_FLAG,
	  TO(shell),
	  .help = "each line is a command for sh -c" },
	{ .name = "stdin", .commands = IN_RUN, .group = GROUP_INPUT, .type = OPTION_FLAG,
	  TO(command_stdin),
	  .help = "give each line to COMMAND on its standard input, not as an argument" },
	{ .letter = '0', .commands = IN_RUN, .group = GROUP_INPUT, .type = OPTION_FLAG, TO(nul),
	  .help = "records end with a NUL byte instead of a newline" },
	{ .name = "stream", .commands = IN(COMMAND_RUN), .group = GROUP_INPUT, .type = OPTION_FLAG,
	  TO(stream),
	  .help = "start each task as soon as its line is read, the list unchecked" },
	{ .name = "format", .argument = "yaml|json", .commands = IN_RUN, .group = GROUP_INPUT,
	  .type = OPTION_WORD, TO(format), .choices = format_choices, .expected = "yaml or json",
	  .fallback = "by the name of FILE",
	  .help = "the input is a workflow of that form, also one on standard input" },
	{ .name = "var", .argument = "NAME=VALUE", .commands = IN_RUN, .group = GROUP_INPUT,
	  .type = OPTION_VARIABLE, TO(vars), .expected = "NAME=VALUE, in UTF-8",
	  .help = "set a variable of the workflow; may be given several times" },
	{ .name = "rehearse", .argument = "FILE", .commands = IN_RUN, .group = GROUP_INPUT,
	  .type = OPTION_OPTIONAL, TO(rehearsal), GIVEN(rehearse),
	  .expected = "the name of a file after '='",
	  .help = "start no agent and no command: stand-ins answer, as FILE says or with what they "
		  "were given" },

	/* what runs beside what */
	{ .name = "jobs", .letter = 'j', .argument = "N", .commands = IN_RESUMED,
	  .group = GROUP_PARALLEL, .environment = true, .type = OPTION_UINT32, TO(jobs),
	  GIVEN(jobs_given), .max = JOBS_MAX, .fallback = "4",
	  .help = "how many tasks run side by side; 0: all of them" },
	{ .name = "sequential", .commands = IN_RUN, .group = GROUP_PARALLEL,
	  .type = OPTION_FLAG, TO(sequential),
	  .help = "one at a time, in order of the list, output shown as it comes" },
	{ .name = "tokens-at-once", .argument = "N", .commands = IN_RUN,
	  .group = GROUP_PARALLEL, .environment = true, .type = OPTION_COUNT,
	  TO(tokens_at_once), .fallback = "no limit",
	  .help = "most expected tokens of the tasks that run together, such as 400k" },
	{ .name = "delay", .argument = "D", .commands = IN_RUN, .group = GROUP_PARALLEL,
	  .environment = true, .type = OPTION_DURATION, TO(delay_ms), .fallback = "0",
	  .help = "least time between two starts" },
	{ .name = "strict-scopes", .commands = IN_RUN, .group = GROUP_PARALLEL,
	  .type = OPTION_FLAG, TO(strict_scopes),
	  .help = "refuse a task that does not say what it writes when another may run beside it" },
	{ .name = "backend", .argument = "NAME", .commands = IN_RESUMED | IN(COMMAND_AGENTS),
	  .group = GROUP_PARALLEL, .environment = true, .type = OPTION_TEXT, TO(backend),
	  GIVEN(backend_given), .expected = "the name of a backend",
	  .fallback = "the first client that is there",
	  .help = "the client for agents that have no command of their own: claude, codex, gemini, "
		  "opencode, pi, qwen, goose, aider, llm or cursor-agent" },
	{ .name = "private-config", .commands = IN_RUN, .group = GROUP_PARALLEL,
	  .type = OPTION_FLAG, TO(private_config),
	  .help = "give the client of each task a configuration directory of its own, with your "
		  "credentials linked in" },
	{ .name = "no-adapt", .commands = IN_RESUMED, .group = GROUP_PARALLEL, .type = OPTION_FLAG,
	  TO(no_adapt),
	  .help = "keep the number of clients side by side when their service limits them; such "
		  "failures count as any other then" },
	{ .name = "min-free-memory", .argument = "SIZE|N%", .commands = IN_RESUMED,
	  .group = GROUP_PARALLEL, .environment = true, .type = OPTION_MEMORY, TO(min_free),
	  .fallback = "5%",
	  .help = "start no further agent while less memory is free; 0: do not look" },

	/* limits */
	{ .name = "timeout", .letter = 't', .argument = "D", .commands = IN_RESUMED,
	  .group = GROUP_LIMITS, .environment = true, .type = OPTION_DURATION, TO(timeout_ms),
	  .fallback = "none for commands, 30m for agents",
	  .help = "longest time of one attempt: 90, 90s, 10m, 2h; 0: none" },
	{ .name = "idle-timeout", .argument = "D", .commands = IN_RESUMED, .group = GROUP_LIMITS,
	  .environment = true, .type = OPTION_DURATION, TO(idle_timeout_ms), .fallback = "none",
	  .help = "end an attempt that has written nothing for so long; 0: never" },
	{ .name = "grace", .argument = "D", .commands = IN_RESUMED, .group = GROUP_LIMITS,
	  .environment = true, .type = OPTION_DURATION, TO(grace_ms), .fallback = "5s",
	  .help = "time between SIGTERM and SIGKILL of an attempt that is ended" },
	{ .name = "max-output", .argument = "SIZE", .commands = IN_RUN, .group = GROUP_LIMITS,
	  .environment = true, .type = OPTION_SIZE, TO(max_output),
	  .fallback = "no limit for commands, 64M for agents",
	  .help = "bytes kept of each stream of an attempt, the middle is dropped; 0: no limit" },
	{ .name = "deadline", .argument = "D", .commands = IN_RESUMED, .group = GROUP_LIMITS,
	  .environment = true, .type = OPTION_DURATION, TO(deadline_ms), .fallback = "none",
	  .help = "end the run after so long: running tasks are cancelled, the rest is skipped" },
	{ .name = "budget-tokens", .argument = "N", .commands = IN_RESUMED, .group = GROUP_LIMITS,
	  .environment = true, .type = OPTION_COUNT, TO(budget_tokens), .min = 1,
	  .expected = "a number greater than 0, such as 40000, 400k or 2M", .fallback = "none",
	  .help = "start nothing more once the run has used so many tokens" },
	{ .name = "budget-usd", .argument = "X", .commands = IN_RESUMED, .group = GROUP_LIMITS,
	  .environment = true, .type = OPTION_AMOUNT, TO(budget_usd), .fallback = "none",
	  .help = "start nothing more once the run has cost so many US dollars" },

	/* failures */
	{ .name = "retries", .letter = 'r', .argument = "N", .commands = IN_RESUMED,
	  .group = GROUP_FAILURES, .environment = true, .type = OPTION_INT, TO(retries),
	  .max = RETRIES_MAX, .fallback = "0 for commands, 1 for agents",
	  .help = "how often a failed task may be attempted again" },
	{ .name = "require", .argument = "all|partial|N|N%", .commands = IN_RESUMED,
	  .group = GROUP_FAILURES, .environment = true, .type = OPTION_REQUIRE, TO(require),
	  GIVEN(require_given),
	  .fallback = "all",
	  .help = "how many tasks must succeed for exit status 0: all, one (partial), N, or N%" },
	{ .name = "fail-fast", .commands = IN_RUN, .group = GROUP_FAILURES, .type = OPTION_FLAG,
	  TO(fail_fast),
	  .help = "retry at once, ask nobody, start nothing more after a task's last failure" },
	{ .name = "debugger", .argument = "builtin|none|AGENT", .commands = IN_RESUMED,
	  .group = GROUP_FAILURES, .environment = true, .type = OPTION_TEXT, TO(debugger),
	  .fallback = "builtin", .help = "who is asked why tasks failed" },
	{ .name = "allow-fix", .commands = IN_RESUMED, .group = GROUP_FAILURES, .type = OPTION_FLAG,
	  TO(allow_fix), .help = "carry out the fix that a debugger proposes; else it is only shown" },

	/* output */
	{ .name = "output", .letter = 'o', .argument = "text|json|merged|none",
	  .commands = IN_RESUMED, .group = GROUP_OUTPUT, .type = OPTION_CHOICE, TO(output),
	  GIVEN(output_given), .choices = output_choices, .first = OUTPUT_TEXT,
	  .expected = "text, json, merged or none", .fallback = "text",
	  .help = "what standard output carries" },
	{ .name = "keep-order", .letter = 'k', .commands = IN_RESUMED, .group = GROUP_OUTPUT,
	  .type = OPTION_FLAG, TO(keep_order),
	  .help = "results in order of the list, not as tasks end" },
	{ .name = "tag", .commands = IN_RESUMED, .group = GROUP_OUTPUT, .type = OPTION_FLAG,
	  TO(tag),
	  .help = "with -o text: begin every line with the task's id" },
	{ .name = "merge", .letter = 'm', .argument = "none|concat|json|AGENT", .commands = IN_RUN,
	  .group = GROUP_OUTPUT, .type = OPTION_MERGE, TO(merge), .choices = merge_choices,
	  .expected = "none, concat, json or the name of an agent",
	  .fallback = "concat with -o merged, else none",
	  .help = "how the results of a step become one" },
	{ .name = "progress", .argument = "auto|tty|plain|none", .commands = IN_RESUMED,
	  .group = GROUP_OUTPUT, .environment = true, .type = OPTION_CHOICE, TO(progress),
	  .choices = progress_choices, .first = PROGRESS_AUTO,
	  .expected = "auto, tty, plain or none", .fallback = "auto",
	  .help = "how progress is shown on standard error" },
	{ .name = "color", .argument = "auto|always|never", .commands = IN_RESUMED,
	  .group = GROUP_OUTPUT, .environment = true,
	  .type = OPTION_CHOICE, TO(color), .choices = color_choices, .first = COLOR_AUTO,
	  .expected = "auto, always or never", .fallback = "auto",
	  .help = "whether progress is coloured" },
	{ .name = "cron", .commands = IN_RESUMED, .group = GROUP_OUTPUT, .type = OPTION_FLAG,
	  TO(cron),
	  .help = "silent when the requirement is met, else one report on standard error; wants a "
		  "name, and implies --progress none, -o none and --if-running skip" },
	{ .name = "notify", .argument = "COMMAND", .commands = IN_RESUMED, .group = GROUP_OUTPUT,
	  .type = OPTION_TEXT, TO(notify), .expected = "a command for sh -c",
	  .help = "run COMMAND at the end, with the summary as JSON on its standard input" },
	{ .name = "format", .argument = "F", .commands = IN(COMMAND_REPORT),
	  .group = GROUP_OUTPUT, .type = OPTION_WORD, TO(report_format),
	  .choices = report_choices,
	  .expected = "html, markdown, json, jsonl, junit, trace or prometheus",
	  .help = "html and markdown are for people, junit for CI servers, trace for Perfetto and "
		  "chrome://tracing, prometheus for node_exporter, json and jsonl for programs" },
	{ .letter = 'O', .argument = "FILE", .commands = IN(COMMAND_REPORT),
	  .group = GROUP_OUTPUT, .type = OPTION_TEXT, TO(report_file),
	  .expected = "the name of a file, or '-'", .fallback = "standard output",
	  .help = "replace FILE by the report, in one step when all of it is written" },
	{ .name = "dry-run", .letter = 'n', .commands = IN(COMMAND_RUN), .group = GROUP_OUTPUT,
	  .type = OPTION_FLAG, TO(dry_run),
	  .help = "the same as 'pollard plan': say what would be done and why, start nothing" },

	/* the record */
	{ .name = "name", .argument = "NAME", .commands = IN_RUN, .group = GROUP_RECORD,
	  .type = OPTION_TEXT, TO(name), .expected = "a name",
	  .help = "the run's name, shown wherever the run is" },
	{ .name = "if-running", .argument = "wait|skip|fail", .commands = IN_RUN,
	  .group = GROUP_RECORD, .type = OPTION_CHOICE, TO(if_running),
	  .choices = running_choices, .first = IF_RUNNING_WAIT,
	  .expected = "wait, skip or fail", .fallback = "runs go on side by side",
	  .help = "what to do when a run of that name is still going" },
	{ .name = "state-dir", .argument = "DIR", .commands = IN_RECORD, .group = GROUP_RECORD,
	  .environment = true, .type = OPTION_TEXT, TO(state_dir), .expected = "a directory",
	  .fallback = "$XDG_STATE_HOME/pollard, or ~/.local/state/pollard",
	  .help = "where run directories are" },
	{ .name = "state-file", .argument = "FILE", .commands = IN_RESUMED, .group = GROUP_RECORD,
	  .type = OPTION_TEXT, TO(state_file), .expected = "the name of a file",
	  .help = "also write the Markdown state there" },
	{ .name = "sync", .argument = "end|step|task", .commands = IN_RESUMED,
	  .group = GROUP_RECORD, .environment = true, .type = OPTION_CHOICE, TO(sync),
	  .choices = sync_choices, .first = SYNC_END, .expected = "end, step or task",
	  .fallback = "step",
	  .help = "after what the journal is forced to the disk" },
	{ .name = "no-record", .commands = IN_RUN, .group = GROUP_RECORD, .type = OPTION_FLAG,
	  TO(no_record),
	  .help = "keep no run directory" },
	{ .name = "resume", .commands = IN(COMMAND_RUN), .group = GROUP_RECORD,
	  .type = OPTION_FLAG, TO(resume),
	  .help = "go on with the newest run of that input: what is the same and has a result is not "
		  "run again" },
	{ .name = "retry-failed", .commands = IN(COMMAND_RESUME), .group = GROUP_RECORD,
	  .type = OPTION_FLAG, TO(retry_failed),
	  .help = "take the tasks that failed again too" },
	{ .name = "repair", .commands = IN(COMMAND_RESUME), .group = GROUP_RECORD,
	  .type = OPTION_FLAG, TO(repair),
	  .help = "set damaged records of the journal aside, then go on" },
	{ .name = "check", .commands = IN(COMMAND_AGENTS), .group = GROUP_GENERAL,
	  .type = OPTION_FLAG, TO(check),
	  .help = "ask each client for its version, and say what is not there" },
	{ .name = "keep", .argument = "N", .commands = IN(COMMAND_CLEAN), .group = GROUP_RECORD,
	  .type = OPTION_INT64, TO(keep), .max = INT32_MAX,
	  .help = "keep the newest N runs of each name, whatever their age" },
	{ .name = "older", .argument = "D", .commands = IN(COMMAND_CLEAN),
	  .group = GROUP_RECORD, .type = OPTION_DURATION, TO(older_ms),
	  .help = "remove only runs that are older, such as 30d" },

	/* everywhere */
	{ .letter = 'C', .argument = "DIR", .commands = IN_ALL, .group = GROUP_GENERAL,
	  .type = OPTION_TEXT, TO(directory), .expected = "a directory",
	  .help = "change to DIR first" },
	{ .name = "help", .letter = 'h', .commands = IN_ALL, .group = GROUP_GENERAL,
	  .type = OPTION_FLAG, TO(help),
	  .help = "say what can be said, and end" },
	{ .name = "version", .commands = IN(COMMAND_NONE), .group = GROUP_GENERAL,
	  .type = OPTION_FLAG, TO(version),
	  .help = "say which version this is, and end" },
};
/* clang-format on */

const size_t option_count = sizeof(option_table) / sizeof(option_table[0]);
_Static_assert(sizeof(option_table) / sizeof(option_table[0]) <= OPTIONS_MAX,
    "OPTIONS_MAX is too small");

enum command command_find(const char *name)
{
	for (unsigned i = 0; i < COMMAND_COUNT; i++)
		if (command_table[i].name != NULL && strcmp(command_table[i].name, name) == 0)
			return (enum command)i;
	return COMMAND_NONE;
}

const char *command_suggest(const char *name)
{
	const char *names[COMMAND_COUNT];
	size_t count = 0;

	for (unsigned i = 0; i < COMMAND_COUNT; i++) {
		const struct command_info *c = &command_table[i];
		if (c->name != NULL && c->availability == NOW && c->summary != NULL)
			names[count++] = c->name;
	}
	return names_suggest(name, names, count);
}

bool option_belongs(const struct option_info *option, enum command command)
{
	return option->availability == NOW && (option->commands & IN(command)) != 0;
}

void option_variable(struct buf *out, const struct option_info *option)
{
	buf_addstr(out, "POLLARD_");
	for (const char *p = option->name; *p != '\0'; p++)
		buf_addch(out, *p == '-' ? '_' : (char)toupper((unsigned char)*p));
}
