/* The command line, and the texts that are made from its tables. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/exits.h"
#include "shared/json.h"
#include "supervisor/input/arena.h"
#include "supervisor/options/config.h"
#include "supervisor/options/help.h"
#include "supervisor/options/options.h"
#include "supervisor/options/settings.h"

#define WORDS_MAX 24
#define SCREEN_LINES 24
#define SCREEN_COLUMNS 80

Suite *options_suite(void);

/* One parsed line. Filled by parse(), released by done(). */
static char line_copy[512];
static char *words[WORDS_MAX];
static struct config config;
static enum command command;
static struct buf error;

/* Splits at blanks: no word of these tests holds one. */
static int parse(const char *line)
{
	int argc = 0;
	char *rest = line_copy;
	char *word;

	ck_assert_uint_lt(strlen(line), sizeof(line_copy));
	memcpy(line_copy, line, strlen(line) + 1);
	while ((word = strsep(&rest, " ")) != NULL) {
		ck_assert_int_lt(argc, WORDS_MAX - 1);
		words[argc++] = word;
	}
	words[argc] = NULL;
	buf_reset(&error);
	options_free(&config);
	return options_parse(argc, words, NULL, &config, &command, &error);
}

static void accept_line(const char *line)
{
	int status = parse(line);

	ck_assert_msg(status == 0, "'%s' refused: %s", line, buf_str(&error));
}

/* Refused with this status, and all of this is said. */
static void refuse(const char *line, int status, const char *said)
{
	int got = parse(line);

	ck_assert_msg(got == status, "'%s': status %d, not %d: %s", line, got, status,
	    buf_str(&error));
	ck_assert_msg(strstr(buf_str(&error), said) != NULL, "'%s' said: %s", line,
	    buf_str(&error));
	ck_assert(status != EXIT_USAGE || strstr(buf_str(&error), "\nsee 'pollard ") != NULL);
}

static void clear_environment(void)
{
	static const char *const variables[] = { "POLLARD_JOBS", "POLLARD_TIMEOUT",
		"POLLARD_STATE_DIR", "POLLARD_AGENT", "POLLARD_RETRIES" };

	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		unsetenv(variables[i]);
}

static void done(void)
{
	buf_free(&error);
	options_free(&config);
	clear_environment();
}

START_TEST(defaults_are_those_of_the_specification)
{
	accept_line("pollard run");
	ck_assert_int_eq(command, COMMAND_RUN);
	ck_assert_int_eq(config.input, INPUT_AUTO);
	ck_assert_uint_eq(config.jobs, 4);
	ck_assert_int_eq(config.timeout_ms, NOT_GIVEN);
	ck_assert_int_eq(config.idle_timeout_ms, NOT_GIVEN);
	ck_assert_int_eq(config.grace_ms, 5000);
	ck_assert_int_eq(config.max_output, NOT_GIVEN);
	ck_assert_int_eq(config.deadline_ms, NOT_GIVEN);
	ck_assert_int_eq(config.retries, NOT_GIVEN);
	ck_assert(!config.no_adapt);
	ck_assert_uint_eq(config.min_free.percent, 5);
	ck_assert_uint_eq(config.min_free.bytes, 0);
	ck_assert_str_eq(config.debugger, "builtin");
	ck_assert_int_eq(config.require.kind, REQUIRE_ALL);
	ck_assert_int_eq(config.output, OUTPUT_TEXT);
	ck_assert_int_eq(config.merge, MERGE_DEFAULT);
	ck_assert_int_eq(config.sync, SYNC_STEP);
	ck_assert_int_eq(config.progress, PROGRESS_AUTO);
	ck_assert_ptr_null(config.file);
	ck_assert_ptr_null(config.command);
	ck_assert_ptr_eq(config.argv, words);
}
END_TEST

START_TEST(what_was_closed_at_the_start_is_kept)
{
	config.stdin_closed = true;
	config.stdout_closed = true;
	accept_line("pollard run");
	ck_assert(config.stdin_closed && config.stdout_closed);
	config.stdin_closed = config.stdout_closed = false;
}
END_TEST

START_TEST(values_are_read_in_every_form)
{
	accept_line("pollard run -j 8 -t 90 --grace=250ms --max-output 64K --retries=3 "
		    "--tokens-at-once 400k --deadline 2h --delay 1s --idle-timeout 5m");
	ck_assert_uint_eq(config.jobs, 8);
	ck_assert_int_eq(config.timeout_ms, 90000);
	ck_assert_int_eq(config.grace_ms, 250);
	ck_assert_int_eq(config.max_output, 65536);
	ck_assert_int_eq(config.retries, 3);
	ck_assert_uint_eq(config.tokens_at_once, 400000);
	ck_assert_int_eq(config.deadline_ms, 7200000);
	ck_assert_int_eq(config.delay_ms, 1000);
	ck_assert_int_eq(config.idle_timeout_ms, 300000);
	accept_line("pollard run --no-adapt --min-free-memory 512M");
	ck_assert(config.no_adapt);
	ck_assert_uint_eq(config.min_free.bytes, 512 * 1024 * 1024);
	ck_assert_uint_eq(config.min_free.percent, 0);
	accept_line("pollard resume --min-free-memory=12%");
	ck_assert_uint_eq(config.min_free.percent, 12);
	accept_line("pollard run -j0");
	ck_assert_uint_eq(config.jobs, 0);
	accept_line("pollard run -t 0 --max-output 0");
	ck_assert_int_eq(config.timeout_ms, 0);
	ck_assert_int_eq(config.max_output, 0);
}
END_TEST

START_TEST(choices_are_stored_as_their_enum)
{
	accept_line("pollard run -o merged -m json --sync task --progress plain");
	ck_assert_int_eq(config.output, OUTPUT_MERGED);
	ck_assert_int_eq(config.merge, MERGE_JSON);
	ck_assert_int_eq(config.sync, SYNC_TASK);
	ck_assert_int_eq(config.progress, PROGRESS_PLAIN);
	accept_line("pollard run -m none --sync end -o json --debugger none");
	ck_assert_int_eq(config.merge, MERGE_NONE);
	ck_assert_int_eq(config.sync, SYNC_END);
	ck_assert_int_eq(config.output, OUTPUT_JSON);
	ck_assert_str_eq(config.debugger, "none");
}
END_TEST

START_TEST(letters_can_be_bundled)
{
	accept_line("pollard run -k0j4 -fx");
	ck_assert(config.keep_order && config.nul);
	ck_assert_uint_eq(config.jobs, 4);
	ck_assert_str_eq(config.file, "x");
	accept_line("pollard run -kj 5");
	ck_assert_uint_eq(config.jobs, 5);
	refuse("pollard run -kqj 4", EXIT_USAGE, "unknown option '-q' in '-kqj'");
}
END_TEST

START_TEST(the_command_begins_where_the_options_end)
{
	accept_line("pollard run -j 2 -- -strange -j 9");
	ck_assert_str_eq(config.command[0], "-strange");
	ck_assert_str_eq(config.command[1], "-j");
	ck_assert_uint_eq(config.jobs, 2);
	ck_assert_int_eq(config.input, INPUT_COMMAND);
	accept_line("pollard run grep -k {} -- x");
	ck_assert_str_eq(config.command[0], "grep");
	ck_assert_str_eq(config.command[3], "--");
	ck_assert_ptr_null(config.command[5]);
	ck_assert(!config.keep_order);
	accept_line("pollard run --");
	ck_assert_ptr_null(config.command);
	ck_assert_int_eq(config.input, INPUT_AUTO);
}
END_TEST

START_TEST(the_form_of_input_follows_from_the_options)
{
	accept_line("pollard run --shell");
	ck_assert_int_eq(config.input, INPUT_SHELL);
	accept_line("pollard run --agent researcher");
	ck_assert_int_eq(config.input, INPUT_AGENT);
	ck_assert_str_eq(config.agent, "researcher");
	accept_line("pollard run --stdin -- wc -c");
	ck_assert(config.command_stdin);
}
END_TEST

START_TEST(the_last_of_two_counts)
{
	accept_line("pollard run -j 1 -j 2 --jobs=3 -o json -o text");
	ck_assert_uint_eq(config.jobs, 3);
	ck_assert_int_eq(config.output, OUTPUT_TEXT);
}
END_TEST

START_TEST(sequential_means_one_job_in_order)
{
	accept_line("pollard run --sequential -j 8");
	ck_assert_uint_eq(config.jobs, 1);
	ck_assert(config.keep_order && config.sequential);
}
END_TEST

START_TEST(requirements)
{
	accept_line("pollard run --require partial");
	ck_assert_int_eq(config.require.kind, REQUIRE_PARTIAL);
	accept_line("pollard run --require 3");
	ck_assert_int_eq(config.require.kind, REQUIRE_COUNT);
	ck_assert_uint_eq(config.require.number, 3);
	accept_line("pollard run --require 80%");
	ck_assert_int_eq(config.require.kind, REQUIRE_PERCENT);
	ck_assert_uint_eq(config.require.number, 80);
	accept_line("pollard run --require 3 --require all");
	ck_assert_int_eq(config.require.kind, REQUIRE_ALL);
	refuse("pollard run --require 101%", EXIT_USAGE, "got '101%'");
	refuse("pollard run --require %", EXIT_USAGE, "got '%'");
	refuse("pollard run --require -1", EXIT_USAGE, "got '-1'");
	refuse("pollard run --require none", EXIT_USAGE, "expected all, partial");
	refuse("pollard run --require 99999999999999999999999999", EXIT_USAGE, "expected all");
}
END_TEST

START_TEST(bad_values_say_what_was_expected)
{
	refuse("pollard run --min-free-memory 101%", EXIT_USAGE,
	    "expected a size such as 512M or 2G, or a percentage such as 10%, got '101%'");
	refuse("pollard run --timeout abc", EXIT_USAGE,
	    "option '--timeout': expected a duration such as 90, 10m or 2h, got 'abc'");
	refuse("pollard run -t -1", EXIT_USAGE, "option '-t': expected a duration");
	refuse("pollard run -j 100001", EXIT_USAGE,
	    "option '-j': expected a number from 0 to 100000, got '100001'");
	refuse("pollard run -j4x", EXIT_USAGE, "got '4x'");
	refuse("pollard run --retries 101", EXIT_USAGE, "from 0 to 100");
	refuse("pollard run -o xml", EXIT_USAGE, "expected text, json, merged or none");
	refuse("pollard run --jobs", EXIT_USAGE, "option '--jobs' needs a value: a number");
	refuse("pollard run --tag=yes", EXIT_USAGE, "option '--tag' takes no value");
	refuse("pollard run -f ", EXIT_USAGE, "option '-f': expected");
	refuse("pollard run -t \033[31m", EXIT_USAGE, "got '\\x1b[31m'");
}
END_TEST

START_TEST(unknown_words_get_a_suggestion)
{
	refuse("pollard run --timeot 3", EXIT_USAGE,
	    "unknown option '--timeot', did you mean '--timeout'?\nsee 'pollard run --help'");
	refuse("pollard statsu", EXIT_USAGE,
	    "unknown command 'statsu', did you mean 'status'?\nsee 'pollard --help'");
	refuse("pollard run --zzzzzzzz", EXIT_USAGE, "unknown option '--zzzzzzzz'\n");
	refuse("pollard run --zzz=value", EXIT_USAGE, "unknown option '--zzz'");
	refuse("pollard --jobs 3", EXIT_USAGE, "comes after the command: pollard run --jobs");
	refuse("pollard -j3", EXIT_USAGE, "comes after the command: pollard run -j3");
}
END_TEST

START_TEST(long_options_are_never_abbreviated)
{
	refuse("pollard run --job 3", EXIT_USAGE, "unknown option '--job'");
	refuse("pollard run --time 3", EXIT_USAGE, "unknown option '--time'");
	refuse("pollard run --k", EXIT_USAGE, "unknown option '--k'");
}
END_TEST

START_TEST(options_belong_to_their_commands)
{
	refuse("pollard status -j 3", EXIT_USAGE, "unknown option '-j'");
	refuse("pollard run --keep 3", EXIT_USAGE, "unknown option '--keep'");
	accept_line("pollard clean --keep 3 --older 30d --state-dir x");
	ck_assert_int_eq(config.keep, 3);
	ck_assert_int_eq(config.older_ms, INT64_C(30) * 24 * 3600 * 1000);
	ck_assert_str_eq(config.state_dir, "x");
}
END_TEST

START_TEST(words_of_the_other_commands)
{
	accept_line("pollard show 2026 --state-dir d db");
	ck_assert_int_eq(command, COMMAND_SHOW);
	ck_assert_str_eq(config.run, "2026");
	ck_assert_str_eq(config.task, "db");
	accept_line("pollard failed -- -x");
	ck_assert_str_eq(config.run, "-x");
	accept_line("pollard agents researcher");
	ck_assert_str_eq(config.agent_name, "researcher");
	refuse("pollard show a b c", EXIT_USAGE, "takes two arguments at most, got 'c'");
	refuse("pollard status x", EXIT_USAGE, "takes no argument, got 'x'");
}
END_TEST

START_TEST(contradictions_are_refused)
{
	refuse("pollard run --shell -- echo", EXIT_USAGE, "leave out '--shell'");
	refuse("pollard run --shell --agent x", EXIT_USAGE, "leave out one of them");
	refuse("pollard run --agent x -- echo", EXIT_USAGE, "leave out COMMAND");
	refuse("pollard run --stdin", EXIT_USAGE, "pollard run --stdin -- COMMAND");
	refuse("pollard run --tag -o json", EXIT_USAGE, "'--tag'");
	refuse("pollard run -o merged -m none", EXIT_USAGE, "'-m concat'");
}
END_TEST

START_TEST(plan_takes_what_run_takes)
{
	accept_line("pollard plan -j 2 -o json -- echo {}");
	ck_assert_int_eq(command, COMMAND_PLAN);
	ck_assert(config.dry_run);
	ck_assert_int_eq(config.input, INPUT_COMMAND);
	ck_assert_str_eq(config.command[0], "echo");
	accept_line("pollard run -n --shell");
	ck_assert_int_eq(command, COMMAND_RUN);
	ck_assert(config.dry_run);
	accept_line("pollard run --shell");
	ck_assert(!config.dry_run);
	refuse("pollard plan --stream", EXIT_USAGE, "unknown option '--stream'");
	refuse("pollard run -n --stream", EXIT_USAGE, "'--stream' and '-n'");
	refuse("pollard plan -o merged", EXIT_USAGE, "'-o text' or '-o json'");
	refuse("pollard run -n -o none", EXIT_USAGE, "'-o text' or '-o json'");
}
END_TEST

START_TEST(variables_of_workflows)
{
	accept_line("pollard run --var module=billing --var=a=b=c --var empty= -f x.yaml");
	ck_assert_uint_eq(config.nvars, 3);
	ck_assert_uint_eq(config.vars[0].name_len, 6);
	ck_assert_int_eq(strncmp(config.vars[0].name, "module=", 7), 0);
	ck_assert_str_eq(config.vars[0].value, "billing");
	ck_assert_str_eq(config.vars[1].value, "b=c");
	ck_assert_str_eq(config.vars[2].value, "");
	accept_line("pollard run");
	ck_assert_uint_eq(config.nvars, 0);
	refuse("pollard run --var module", EXIT_USAGE,
	    "option '--var': expected NAME=VALUE, in UTF-8, got 'module'");
	refuse("pollard run --var =x", EXIT_USAGE, "expected NAME=VALUE");
	refuse("pollard run --var x=\xff", EXIT_USAGE, "in UTF-8");
	refuse("pollard run --var", EXIT_USAGE, "needs a value: NAME=VALUE");
}
END_TEST

START_TEST(a_rehearsal_has_a_file_only_behind_an_equals_sign)
{
	accept_line("pollard run --rehearse");
	ck_assert(config.rehearse);
	ck_assert_ptr_null(config.rehearsal);
	accept_line("pollard run --rehearse=plan.yaml");
	ck_assert(config.rehearse);
	ck_assert_str_eq(config.rehearsal, "plan.yaml");
	accept_line("pollard run --rehearse echo");
	ck_assert(config.rehearse);
	ck_assert_str_eq(config.command[0], "echo");
	accept_line("pollard run");
	ck_assert(!config.rehearse);
	refuse("pollard run --rehearse=", EXIT_USAGE, "option '--rehearse': expected the name");
}
END_TEST

START_TEST(workflows_say_what_their_tasks_are)
{
	accept_line("pollard run -f x.yaml");
	accept_line("pollard run -f - --format yaml");
	ck_assert_str_eq(config.format, "yaml");
	refuse("pollard run --format xml", EXIT_USAGE, "expected yaml or json, got 'xml'");
	refuse("pollard run --format json -- echo", EXIT_USAGE, "leave out COMMAND");
	refuse("pollard run -f x.yml --shell", EXIT_USAGE, "leave out '--shell'");
	refuse("pollard run -f x.json --agent a", EXIT_USAGE, "leave out '--agent'");
	refuse("pollard run -f x.yaml -0", EXIT_USAGE, "leave out '-0'");
	refuse("pollard run -f x.yaml --stream", EXIT_USAGE, "leave out '--stream'");
}
END_TEST

START_TEST(budgets_are_more_than_nothing)
{
	accept_line("pollard run --budget-tokens 2M --budget-usd 2.50");
	ck_assert_uint_eq(config.budget_tokens, 2000000);
	ck_assert_double_eq(config.budget_usd, 2.5);
	accept_line("pollard run --budget-usd 10");
	ck_assert_double_eq(config.budget_usd, 10);
	static const char *const bad[] = { "0", "0.00", ".5", "1.", "-1", "1e3", "$5", "1.2.3",
		"inf", "9999999999999" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char line[80];
		snprintf(line, sizeof(line), "pollard run --budget-usd=%s", bad[i]);
		refuse(line, EXIT_USAGE, "expected an amount greater than 0, such as 2.50");
	}
	refuse("pollard run --budget-tokens 0", EXIT_USAGE, "a number greater than 0");
}
END_TEST

START_TEST(any_other_word_is_an_agent_that_merges)
{
	accept_line("pollard run -m researcher");
	ck_assert_int_eq(config.merge, MERGE_AGENT);
	ck_assert_str_eq(config.merge_agent, "researcher");
	accept_line("pollard run -m researcher -m concat");
	ck_assert_int_eq(config.merge, MERGE_CONCAT);
	ck_assert_ptr_null(config.merge_agent);
}
END_TEST

START_TEST(what_was_given_is_known)
{
	accept_line("pollard run");
	ck_assert(!config.jobs_given && !config.require_given);
	accept_line("pollard run -j 4 --require all");
	ck_assert(config.jobs_given && config.require_given);
	setenv("POLLARD_JOBS", "4", 1);
	accept_line("pollard run");
	ck_assert(config.jobs_given && !config.require_given);
}
END_TEST

/* Whatever the table calls LATER is refused, for every such entry, and shown nowhere. */
START_TEST(what_is_not_built_is_refused)
{
	struct buf line = BUF_INIT;
	struct buf help = BUF_INIT;
	size_t later = 0;

	help_command(&help, COMMAND_RUN);
	help_command(&help, COMMAND_AGENTS);
	for (size_t i = 0; i < option_count; i++) {
		const struct option_info *o = &option_table[i];
		bool agents = (o->commands & 1U << COMMAND_AGENTS) != 0;
		if (o->availability != LATER)
			continue;
		buf_reset(&line);
		buf_addf(&line, "pollard %s --%s", agents ? "agents" : "run", o->name);
		refuse(buf_str(&line), EXIT_USAGE, "is not in this version");
		buf_reset(&line);
		buf_addf(&line, "--%s ", o->name);
		ck_assert_msg(strstr(buf_str(&help), buf_str(&line)) == NULL, "--%s is shown",
		    o->name);
		later++;
	}
	/* there are none at present */
	ck_assert_uint_eq(later, 0);
	accept_line("pollard report --format junit -O x.xml");
	accept_line("pollard run --progress tty --color never -f x.jsonl");
	accept_line("pollard run -f x.jsonl");
	buf_free(&line);
	buf_free(&help);
}
END_TEST

/* A directory with a pollard.yaml, in which the test works. */

static char home[64];

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static int parse_with(const char *line, const char *project, const char *user)
{
	struct diag diag = { .count = 0 };
	strcpy(home, "/tmp/pollard-options-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(home));
	ck_assert_int_eq(chdir(home), 0);
	ck_assert_int_eq(mkdir("pollard", 0700), 0);
	setenv("XDG_CONFIG_HOME", home, 1);
	write_file("pollard.yaml", project);
	write_file("pollard/config.yaml", user);
	struct settings *settings = settings_load(&diag);
	ck_assert_msg(settings != NULL, "%s", diag.count > 0 ? diag.lines[0] : "");
	(void)parse("pollard");
	options_free(&config);
	snprintf(line_copy, sizeof(line_copy), "%s", line);
	int argc = 0;
	char *rest = line_copy;
	char *word;
	while ((word = strsep(&rest, " ")) != NULL)
		words[argc++] = word;
	words[argc] = NULL;
	int status = options_parse(argc, words, settings, &config, &command, &error);
	config.name = NULL; /* of the settings, which go */
	settings_free(settings);
	remove("pollard.yaml");
	remove("pollard/config.yaml");
	remove("pollard");
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(home), 0);
	unsetenv("XDG_CONFIG_HOME");
	return status;
}

START_TEST(settings_stand_below_the_environment)
{
	const char *project = "jobs: 2\nkeep-order: true\n";
	const char *user = "jobs: 7\ntimeout: 10m\nkeep-order: false\ntag: false\nkeep: 5\n";
	ck_assert_int_eq(parse_with("pollard run", project, user), 0);
	ck_assert_uint_eq(config.jobs, 2);
	ck_assert(!config.jobs_given);
	ck_assert(config.keep_order && !config.tag);
	ck_assert_int_eq(config.timeout_ms, 600000);
	setenv("POLLARD_JOBS", "9", 1);
	ck_assert_int_eq(parse_with("pollard run -t 3", project, user), 0);
	ck_assert_uint_eq(config.jobs, 9);
	ck_assert(config.jobs_given);
	ck_assert_int_eq(config.timeout_ms, 3000);
	ck_assert_int_eq(parse_with("pollard clean", project, user), 0);
	ck_assert_int_eq(config.keep, 5);
	ck_assert_int_eq(parse_with("pollard run", "rehearse: true", ""), 0);
	ck_assert(config.rehearse);
	ck_assert_int_eq(parse_with("pollard run", "rehearse: false", ""), 0);
	ck_assert(!config.rehearse);
}
END_TEST

static void refuse_setting(const char *project, const char *said)
{
	int status = parse_with("pollard run", project, "");
	ck_assert_msg(status == EXIT_CONFIG && strstr(buf_str(&error), said) != NULL,
	    "'%s': %d: %s", project, status, buf_str(&error));
}

START_TEST(bad_settings_say_where)
{
	refuse_setting("tag: true\njbos: 3\n",
	    "pollard.yaml:2:1: unknown setting 'jbos', did you mean 'jobs'?");
	refuse_setting("zzzzzzzzz: 3\n", "are settings");
	refuse_setting("jobs: many\n",
	    "pollard.yaml:1:7: setting 'jobs': expected a number from 0 to 100000, got 'many'");
	refuse_setting("tag: yes\n", "setting 'tag': expected true or false, got 'yes'");
	refuse_setting("help: true\n", "unknown setting 'help'");
	refuse_setting("var: a=b\n", "unknown setting 'var'");
	refuse_setting("color: blue\n",
	    "setting 'color': expected auto, always or never, got 'blue'");
}
END_TEST

START_TEST(cron_is_silent_unless_told_otherwise)
{
	accept_line("pollard run --cron --name n --progress plain");
	ck_assert_int_eq(config.progress, PROGRESS_NONE);
	ck_assert_int_eq(config.output, OUTPUT_NONE);
	ck_assert_int_eq(config.if_running, IF_RUNNING_SKIP);
	accept_line("pollard run --cron --name n -o text --tag --if-running wait");
	ck_assert_int_eq(config.output, OUTPUT_TEXT);
	ck_assert_int_eq(config.if_running, IF_RUNNING_WAIT);
	accept_line("pollard run --cron -f flow.yaml --notify mail");
	ck_assert_str_eq(config.notify, "mail");
	accept_line("pollard run --cron -f research");
	accept_line("pollard run --name n");
	ck_assert_int_eq(config.if_running, IF_RUNNING_DEFAULT);
	accept_line("pollard plan --cron --name n -f list -o merged");
	ck_assert_int_eq(config.output, OUTPUT_MERGED);
	refuse("pollard run --if-running never --name n", EXIT_USAGE, "wait, skip or fail");
}
END_TEST

START_TEST(runs_that_are_told_apart_by_name_have_one)
{
	struct buf why = BUF_INIT;

	refuse("pollard run --cron", EXIT_USAGE, "'--cron' needs a name");
	refuse("pollard run --cron -f list.txt", EXIT_USAGE, "add '--name NAME'");
	refuse("pollard run --if-running fail -f -", EXIT_USAGE, "'--if-running' needs a name");
	refuse("pollard run --if-running fail --format yaml", EXIT_USAGE, "needs a name");
	refuse("pollard plan --cron --name n", EXIT_USAGE, "with '-f FILE'");
	accept_line("pollard run --cron -f research");
	ck_assert_int_eq(options_need_name(&config, NULL, COMMAND_RUN, &why), EXIT_USAGE);
	ck_assert_ptr_nonnull(strstr(buf_str(&why), "'--cron' needs a name"));
	ck_assert_int_eq(options_need_name(&config, "research", COMMAND_RUN, &why), 0);
	buf_free(&why);
}
END_TEST

START_TEST(going_on_has_its_own_options)
{
	accept_line("pollard resume 2026 --retry-failed --repair -j 2 --cron");
	ck_assert_int_eq(command, COMMAND_RESUME);
	ck_assert_str_eq(config.run, "2026");
	ck_assert(config.retry_failed && config.repair);
	ck_assert_int_eq(config.output, OUTPUT_NONE);
	accept_line("pollard run --resume -f list");
	ck_assert(config.resume);
	refuse("pollard run --retry-failed", EXIT_USAGE, "unknown option");
	refuse("pollard resume -f list", EXIT_USAGE, "unknown option '-f'");
	refuse("pollard resume a b", EXIT_USAGE, "one argument at most");
	refuse("pollard run --resume --no-record", EXIT_USAGE, "'--no-record'");
	refuse("pollard run --resume --stream", EXIT_USAGE, "'--stream'");
}
END_TEST

static int apply(const char *line)
{
	static char copy[512];
	static char *applied[WORDS_MAX];
	int argc = 0;
	char *rest = copy;
	char *word;

	snprintf(copy, sizeof(copy), "%s", line);
	while ((word = strsep(&rest, " ")) != NULL)
		applied[argc++] = word;
	applied[argc] = NULL;
	buf_reset(&error);
	return options_apply(argc, applied, &config, &error);
}

START_TEST(what_is_said_now_wins_over_what_was_said)
{
	setenv("POLLARD_RETRIES", "7", 1);
	accept_line("pollard run --sequential --tag -t 5m --retries 2 -- echo");
	ck_assert_int_eq(apply("pollard resume -j 3 -t 1m 2026"), 0);
	ck_assert_uint_eq(config.jobs, 3);
	ck_assert(!config.sequential);
	ck_assert(config.tag);
	ck_assert_int_eq(config.timeout_ms, 60000);
	ck_assert_int_eq(config.retries, 2);
	ck_assert_str_eq(config.command[0], "echo");
	ck_assert_str_eq(config.run, "2026");
	ck_assert_ptr_eq(config.argv, words);
	/* the mark of long ago is no contradiction to what is wanted now */
	ck_assert_int_eq(apply("pollard resume -o json"), 0);
	ck_assert(!config.tag);
	ck_assert_int_eq(apply("pollard resume -o json --tag"), EXIT_USAGE);
	accept_line("pollard run --sequential");
	ck_assert_int_eq(apply("pollard resume"), 0);
	ck_assert(config.sequential);
	ck_assert_uint_eq(config.jobs, 1);
}
END_TEST

/* Replays what a record holds; `options` and `argv` are JSON. The result is in config. */
static int replay(const char *argv, const char *options, struct arena *arena)
{
	struct json_error why;
	cJSON *list = json_parse(argv, strlen(argv), &why);
	cJSON *object = json_parse(options, strlen(options), &why);

	ck_assert_ptr_nonnull(list);
	ck_assert_ptr_nonnull(object);
	buf_reset(&error);
	options_free(&config);
	int status = options_replay(object, list, &config, arena, &error);
	cJSON_Delete(list);
	cJSON_Delete(object);
	return status;
}

START_TEST(the_record_gives_the_options_back)
{
	struct arena arena = { .kind = ARENA_SMALL };

	setenv("POLLARD_RETRIES", "9", 1);
	ck_assert_int_eq(
	    replay("[\"pollard\",\"run\",\"-j\",\"2\",\"--name\",\"n\",\"--var\",\"a=b\"]",
		"{\"input\":\"command\",\"command\":[\"echo\",\"{}\"],\"nul\":true,"
		"\"jobs\":8,\"timeout\":1.5,\"budget_usd\":0,\"budget_tokens\":0,"
		"\"require\":\"80%\",\"merge\":\"smith\",\"output\":\"json\",\"tag\":false,"
		"\"fail_fast\":true,\"rehearse\":true,\"rehearsal\":\"f\",\"sync\":\"task\","
		"\"max_output\":4096,\"agent\":null,\"from_later\":[1]}",
		&arena),
	    0);
	ck_assert_int_eq(config.input, INPUT_COMMAND);
	ck_assert_str_eq(config.command[1], "{}");
	ck_assert_ptr_null(config.command[2]);
	ck_assert(config.nul && config.fail_fast && config.rehearse && !config.tag);
	ck_assert_uint_eq(config.jobs, 8);
	ck_assert(config.jobs_given);
	ck_assert_int_eq(config.timeout_ms, 1500);
	ck_assert_int_eq(config.max_output, 4096);
	ck_assert_int_eq(config.require.kind, REQUIRE_PERCENT);
	ck_assert(!config.require_given);
	ck_assert_int_eq(config.merge, MERGE_AGENT);
	ck_assert_str_eq(config.merge_agent, "smith");
	ck_assert_int_eq(config.output, OUTPUT_JSON);
	ck_assert_int_eq(config.sync, SYNC_TASK);
	ck_assert_str_eq(config.rehearsal, "f");
	ck_assert_str_eq(config.name, "n");
	ck_assert_int_eq(config.retries, NOT_GIVEN);
	ck_assert_uint_eq(config.nvars, 1);
	arena_free(&arena);
}
END_TEST

START_TEST(who_goes_on_with_what_cron_began_sees_it)
{
	struct arena arena = { .kind = ARENA_SMALL };

	ck_assert_int_eq(replay("[\"pollard\",\"run\",\"--cron\",\"--name\",\"n\"]",
			     "{\"output\":\"none\"}", &arena),
	    0);
	ck_assert(!config.cron);
	ck_assert_int_eq(config.output, OUTPUT_TEXT);
	ck_assert_int_eq(config.progress, PROGRESS_AUTO);
	ck_assert_int_eq(config.if_running, IF_RUNNING_FAIL);
	ck_assert_int_eq(apply("pollard resume --cron"), 0);
	ck_assert_int_eq(config.output, OUTPUT_NONE);
	arena_free(&arena);
}
END_TEST

START_TEST(a_record_that_holds_something_else_is_refused)
{
	struct arena arena = { .kind = ARENA_SMALL };
	static const char *const bad[] = { "{\"jobs\":\"many\"}", "{\"jobs\":-1}",
		"{\"require\":\"most\"}", "{\"command\":[]}", "{\"command\":[1]}",
		"{\"input\":\"x\"}", "{\"nul\":1}", "{\"timeout\":[]}", "{\"tag\":\"yes\"}" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(replay("[\"pollard\",\"run\"]", bad[i], &arena) == EXIT_IO, "%s",
		    bad[i]);
		ck_assert_uint_gt(error.len, 0);
	}
	ck_assert_int_eq(replay("[]", "{}", &arena), EXIT_IO);
	ck_assert_int_eq(replay("[\"pollard\",2]", "{}", &arena), EXIT_IO);
	ck_assert_int_eq(replay("[\"pollard\",\"run\",\"--new\"]", "{}", &arena), EXIT_IO);
	ck_assert_ptr_nonnull(strstr(buf_str(&error), "unknown option '--new'"));
	arena_free(&arena);
}
END_TEST

START_TEST(environment_stands_below_options)
{
	setenv("POLLARD_JOBS", "9", 1);
	setenv("POLLARD_TIMEOUT", "5m", 1);
	accept_line("pollard run");
	ck_assert_uint_eq(config.jobs, 9);
	ck_assert_int_eq(config.timeout_ms, 300000);
	accept_line("pollard run -j 2");
	ck_assert_uint_eq(config.jobs, 2);
	setenv("POLLARD_JOBS", "", 1);
	accept_line("pollard run");
	ck_assert_uint_eq(config.jobs, 4);
	setenv("POLLARD_JOBS", "many", 1);
	refuse("pollard run", EXIT_CONFIG,
	    "environment variable 'POLLARD_JOBS': expected a number from 0 to 100000, got 'many'");
	accept_line("pollard status");
}
END_TEST

/* A task has POLLARD_AGENT and the like: a pollard in a task must not take them for options. */
START_TEST(variables_of_tasks_are_no_options)
{
	setenv("POLLARD_AGENT", "researcher", 1);
	accept_line("pollard run");
	ck_assert_ptr_null(config.agent);
	for (size_t i = 0; i < option_count; i++) {
		static const char *const taken[] = { "agent", "run", "step", "task", "attempt",
			"result-fd", "last-error", "results" };
		if (!option_table[i].environment)
			continue;
		for (size_t t = 0; t < sizeof(taken) / sizeof(taken[0]); t++)
			ck_assert_str_ne(option_table[i].name, taken[t]);
	}
}
END_TEST

START_TEST(help_and_version_end_the_parsing)
{
	accept_line("pollard --help");
	ck_assert_int_eq(command, COMMAND_HELP);
	ck_assert_ptr_null(config.topic);
	accept_line("pollard run -kh --bogus");
	ck_assert_int_eq(command, COMMAND_HELP);
	ck_assert_str_eq(config.topic, "run");
	accept_line("pollard --version");
	ck_assert_int_eq(command, COMMAND_VERSION);
	accept_line("pollard help exit");
	ck_assert_str_eq(config.topic, "exit");
	accept_line("pollard");
	ck_assert_int_eq(command, COMMAND_NONE);
}
END_TEST

START_TEST(directory_before_and_after_the_command)
{
	accept_line("pollard -C /tmp run");
	ck_assert_str_eq(config.directory, "/tmp");
	ck_assert_int_eq(command, COMMAND_RUN);
	accept_line("pollard status -C/x");
	ck_assert_str_eq(config.directory, "/x");
}
END_TEST

START_TEST(the_table_is_consistent)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct option_info *a = &option_table[i];
		ck_assert(a->name != NULL || a->letter != 0);
		if (a->availability == NOW) {
			ck_assert_ptr_nonnull(a->help);
			ck_assert((a->type == OPTION_FLAG) == (a->argument == NULL));
		}
		if (a->environment)
			ck_assert(a->name != NULL && a->argument != NULL);
		for (size_t j = 0; j < i; j++) {
			const struct option_info *b = &option_table[j];
			if ((a->commands & b->commands) == 0)
				continue;
			ck_assert(a->letter == 0 || a->letter != b->letter);
			ck_assert(
			    a->name == NULL || b->name == NULL || strcmp(a->name, b->name) != 0);
		}
	}
}
END_TEST

static void fits_on_a_screen(const char *what, const struct buf *text)
{
	size_t lines = 0;
	size_t column = 0;

	for (size_t i = 0; i < text->len; i++) {
		column = text->data[i] == '\n' ? 0 : column + 1;
		lines += text->data[i] == '\n';
		ck_assert_msg(column < SCREEN_COLUMNS, "%s: line %zu is too long", what, lines + 1);
	}
	ck_assert_msg(lines <= SCREEN_LINES, "%s: %zu lines", what, lines);
	ck_assert_msg(lines > 0 && text->data[text->len - 1] == '\n', "%s: no text", what);
}

START_TEST(help_fits_on_a_screen)
{
	struct buf text = BUF_INIT;
	const char *near = NULL;
	const char *const *topics;
	size_t count;

	help_general(&text);
	fits_on_a_screen("--help", &text);
	topics = help_topics(&count);
	for (size_t i = 0; i < count; i++) {
		buf_reset(&text);
		ck_assert(help_topic(&text, topics[i], &near));
		fits_on_a_screen(topics[i], &text);
	}
	buf_reset(&text);
	ck_assert(help_topic(&text, "status", &near));
	ck_assert(!help_topic(&text, "recover", &near));
	ck_assert_str_eq(near, "recovery");
	buf_free(&text);
}
END_TEST

START_TEST(help_of_run_shows_every_option)
{
	struct buf text = BUF_INIT;
	struct buf name = BUF_INIT;

	help_command(&text, COMMAND_RUN);
	for (size_t i = 0; i < option_count; i++) {
		const struct option_info *o = &option_table[i];
		if (!option_belongs(o, COMMAND_RUN))
			continue;
		buf_reset(&name);
		if (o->name != NULL)
			buf_addf(&name, "--%s", o->name);
		else
			buf_addf(&name, "-%c", o->letter);
		ck_assert_ptr_nonnull(strstr(buf_str(&text), buf_str(&name)));
	}
	buf_free(&text);
	buf_free(&name);
}
END_TEST

Suite *options_suite(void)
{
	Suite *suite = suite_create("options");
	TCase *parsing = tcase_create("parsing");
	TCase *texts = tcase_create("texts");

	tcase_add_checked_fixture(parsing, clear_environment, done);
	tcase_add_test(parsing, defaults_are_those_of_the_specification);
	tcase_add_test(parsing, what_was_closed_at_the_start_is_kept);
	tcase_add_test(parsing, values_are_read_in_every_form);
	tcase_add_test(parsing, choices_are_stored_as_their_enum);
	tcase_add_test(parsing, letters_can_be_bundled);
	tcase_add_test(parsing, the_command_begins_where_the_options_end);
	tcase_add_test(parsing, the_form_of_input_follows_from_the_options);
	tcase_add_test(parsing, the_last_of_two_counts);
	tcase_add_test(parsing, sequential_means_one_job_in_order);
	tcase_add_test(parsing, requirements);
	tcase_add_test(parsing, bad_values_say_what_was_expected);
	tcase_add_test(parsing, unknown_words_get_a_suggestion);
	tcase_add_test(parsing, long_options_are_never_abbreviated);
	tcase_add_test(parsing, options_belong_to_their_commands);
	tcase_add_test(parsing, words_of_the_other_commands);
	tcase_add_test(parsing, contradictions_are_refused);
	tcase_add_test(parsing, what_is_not_built_is_refused);
	tcase_add_test(parsing, plan_takes_what_run_takes);
	tcase_add_test(parsing, variables_of_workflows);
	tcase_add_test(parsing, a_rehearsal_has_a_file_only_behind_an_equals_sign);
	tcase_add_test(parsing, workflows_say_what_their_tasks_are);
	tcase_add_test(parsing, budgets_are_more_than_nothing);
	tcase_add_test(parsing, any_other_word_is_an_agent_that_merges);
	tcase_add_test(parsing, what_was_given_is_known);
	tcase_add_test(parsing, settings_stand_below_the_environment);
	tcase_add_test(parsing, bad_settings_say_where);
	tcase_add_test(parsing, cron_is_silent_unless_told_otherwise);
	tcase_add_test(parsing, runs_that_are_told_apart_by_name_have_one);
	tcase_add_test(parsing, going_on_has_its_own_options);
	tcase_add_test(parsing, what_is_said_now_wins_over_what_was_said);
	tcase_add_test(parsing, the_record_gives_the_options_back);
	tcase_add_test(parsing, who_goes_on_with_what_cron_began_sees_it);
	tcase_add_test(parsing, a_record_that_holds_something_else_is_refused);
	tcase_add_test(parsing, environment_stands_below_options);
	tcase_add_test(parsing, variables_of_tasks_are_no_options);
	tcase_add_test(parsing, help_and_version_end_the_parsing);
	tcase_add_test(parsing, directory_before_and_after_the_command);
	tcase_add_test(parsing, the_table_is_consistent);
	suite_add_tcase(suite, parsing);
	tcase_add_test(texts, help_fits_on_a_screen);
	tcase_add_test(texts, help_of_run_shows_every_option);
	suite_add_tcase(suite, texts);
	return suite;
}
