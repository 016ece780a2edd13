#include "supervisor/options/help.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <string.h>
#include <utf8proc.h>

#include "shared/names.h"
#include "shared/version.h"

#define WIDTH 79
#define HELP_COLUMN 30
#define TOPICS_IN_A_LINE 6

static const char *const group_titles[GROUP_COUNT] = {
	[GROUP_INPUT] = "Input",
	[GROUP_PARALLEL] = "What runs side by side",
	[GROUP_LIMITS] = "Limits",
	[GROUP_FAILURES] = "Failures",
	[GROUP_OUTPUT] = "Output",
	[GROUP_RECORD] = "The run record",
	[GROUP_GENERAL] = "General",
};

static const char *const topic_names[] = {
	"input",
	"exit",
	"signals",
	"agents",
	"record",
	"reports",
	"recovery",
	"workflow",
	"scopes",
	"cron",
};

/* Topics, each at most one screen of 24 lines. */
static const char *const topic_texts[] = {
	"How each record of the list is read\n"
	"\n"
	"  -- COMMAND ARG...    a line is an argument: {} in the words becomes the line,\n"
	"                       {#} its number; without {} it is the last word. No shell\n"
	"  --stdin -- COMMAND   a line is the command's standard input\n"
	"  --shell              a line is a command for sh -c\n"
	"  --agent NAME         a line is a prompt for that agent\n"
	"  none of these        a line that begins with { is a task object:\n"
	"                         {\"id\": \"db\", \"run\": [\"make\", \"db\"]}\n"
	"                       any other is AGENT: PROMPT, AGENT -> PROMPT,\n"
	"                       -> AGENT (PROMPT) or Task tool -> AGENT (PROMPT), where\n"
	"                       -> may be an arrow; notes around them are passed over\n"
	"\n"
	"Keys of a task object: id, agent and prompt, or run (a string for sh -c, or an\n"
	"array); needs, reads, writes, cwd, env, stdin, timeout, idle_timeout, retries,\n"
	"tokens, priority, refine, output, x-anything.\n"
	"\n"
	"Blank lines, and lines that begin with # (not with COMMAND or --agent), are\n"
	"skipped. The whole list is checked before anything starts; --stream gives that\n"
	"up. "
	"Tasks never see the list: they read /dev/null, or what the task gives them.\n",

	"Exit status: below 64 it speaks of the tasks, from 64 on of pollard itself\n"
	"\n"
	"    0  the requirement was met (all, unless --require says otherwise)\n"
	"    1  partial: some tasks succeeded, and that is not enough\n"
	"    2  none: no task succeeded, recovery included; a person must decide\n"
	"    3  partial, not enough, and a person must decide: see ESCALATION.md\n"
	"    4  a deadline or budget stopped the run before the requirement was met\n"
	"   64  wrong usage\n"
	"   65  bad input, nothing was run\n"
	"   66  input missing\n"
	"   70  an error inside pollard\n"
	"   71  the system refused (fork, pipe, memory)\n"
	"   73  cannot create the state\n"
	"   74  reading or writing failed\n"
	"   75  another run of the name is still going (--if-running fail)\n"
	"   77  permission denied\n"
	"   78  bad configuration\n"
	"\n"
	"After a signal pollard saves the state and ends by that signal: a shell shows\n"
	"130 for SIGINT, 143 for SIGTERM. A task's own status is kept with the task\n"
	"(pollard show) and never becomes pollard's.\n",

	"Signals\n"
	"\n"
	"  SIGINT, SIGTERM, SIGHUP, SIGQUIT\n"
	"      first: start nothing more, SIGTERM to every process of every task,\n"
	"      SIGKILL after --grace; what was interrupted is recorded as cancelled;\n"
	"      then pollard ends by the same signal. Second: SIGKILL at once.\n"
	"      SIGHUP is ignored when it was at the start, as under nohup.\n"
	"  SIGUSR1\n"
	"      prints what is running on standard error.\n"
	"  SIGTSTP (Ctrl-Z)\n"
	"      stops pollard only: running tasks go on, nothing new starts.\n"
	"  SIGPIPE\n"
	"      a reader of standard output that goes away (| head) ends the run as\n"
	"      SIGTERM does, then by SIGPIPE.\n"
	"  SIGKILL of pollard\n"
	"      its workers notice, and kill their process trees at once.\n",

	"Agents: Markdown files whose body is the system prompt\n"
	"\n"
	"  ---\n"
	"  name: reviewer\n"
	"  description: Reads one file and says what is wrong with it\n"
	"  tools: Read, Grep\n"
	"  ---\n"
	"  You review one file. A line for each finding.\n"
	"\n"
	"Searched in .pollard/agents, .claude/agents, .opencode/agent, .gemini/agents\n"
	"here, then in $XDG_CONFIG_HOME/pollard/agents and the same below the home\n"
	"directory. The first of a name wins; 'pollard agents' lists them.\n"
	"\n"
	"A client asks them: --backend, else backend: in the file, else the setting,\n"
	"else the first of claude, codex, gemini, opencode, pi and qwen on PATH (not\n"
	"with --cron). access: read or write says what it may do; without it an agent\n"
	"writes when its task has 'writes' or its tools edit.\n"
	"\n"
	"command: makes any program an agent. It reads the system prompt, an empty line\n"
	"and the prompt on standard input; {prompt_file}, {system_file}, {model} and\n"
	"{task} in its words are replaced. All keys: 'man pollard-agents'.\n",

	"The run record\n"
	"\n"
	"A run leaves STATE_DIR/runs/RUN/, readable by you alone. STATE_DIR is\n"
	"--state-dir, $POLLARD_STATE_DIR, $XDG_STATE_HOME/pollard or\n"
	"~/.local/state/pollard.\n"
	"\n"
	"  journal.jsonl   everything that happened, one JSON object a line\n"
	"  STATE.md        the state, for people\n"
	"  ESCALATION.md   what a person must decide, if anything\n"
	"  out/            streams of tasks that are longer than 16 KiB\n"
	"  merged/         the merged result\n"
	"\n"
	"  pollard status              recent runs\n"
	"  pollard show                the newest run's state\n"
	"  pollard show RUN TASK       a task's attempts and output\n"
	"  pollard failed              the records of what failed, to be piped in again\n"
	"  pollard clean --keep 20     remove all but the newest 20 runs\n"
	"\n"
	"RUN is the newest run when it is left out or `last`, and may be any unique\n"
	"beginning of an id. --no-record keeps nothing; --state-file FILE writes the\n"
	"state there too; --sync says when the journal is forced to the disk.\n",

	"Reports of a run, also of one that was killed or still goes on\n"
	"\n"
	"  pollard report --format F [-O FILE] [RUN]\n"
	"\n"
	"  html         for people: one file that loads nothing, with a timeline\n"
	"  markdown     for pull requests; also added to $GITHUB_STEP_SUMMARY, if set\n"
	"  junit        for CI servers: a suite for each step, a case for each task\n"
	"  trace        for https://ui.perfetto.dev and chrome://tracing\n"
	"  prometheus   for node_exporter's textfile collector: -O DIR/NAME.prom\n"
	"  json         for programs: all of it in one object\n"
	"  jsonl        what 'pollard run -o json' printed, in order of the list\n"
	"\n"
	"What they say of time:\n"
	"  one after another   the sum of the durations of all attempts\n"
	"  saved               that, less the time the run took; at least 0\n"
	"  speed-up            that, divided by the time the run took\n"
	"  critical path       the longest chain of tasks each of which had to wait for\n"
	"                      the one before, by 'needs' or as its step came later:\n"
	"                      no number of slots makes the run shorter than that\n"
	"\n"
	"While a run goes on, what is running counts until now. What never ended, as\n"
	"pollard was killed, does not count.\n",

	"What is done when the tasks of a step have ended and some have failed\n"
	"\n"
	"  level 1  one failed: it is tried again; alone, the debugger is asked why\n"
	"  level 2  several failed, others succeeded: the debugger is asked about them\n"
	"           together; they are tried again side by side or one after another\n"
	"  level 3  every one of several failed: the debugger is asked; then one after\n"
	"           another, and when the first fails again the rest is not tried\n"
	"  level 4  that did not help: a person must decide, see ESCALATION.md in the\n"
	"           run directory; status 2, or 3 when some tasks succeeded\n"
	"\n"
	"A task is attempted at most 1 + --retries times: a command once, as it may not\n"
	"be safe to repeat, a prompt twice. What could not be started is not repeated.\n"
	"A prompt is tried again as the task's 'refine' says, or with what happened and\n"
	"the request to narrow the scope. A command is repeated after a pause, with\n"
	"POLLARD_ATTEMPT and POLLARD_LAST_ERROR (a file) in its environment.\n"
	"\n"
	"--debugger builtin  compares what failures printed; it knows missing programs,\n"
	"                    refused credentials, full disks, locks, limits, the network\n"
	"--debugger none     nobody is asked; failures are tried again one after another\n"
	"--debugger AGENT    an agent is asked, in JSON: see pollard(1). The fix that it\n"
	"                    may propose is carried out only with --allow-fix\n",

	"A workflow: steps that run in order, in a file called .yaml, .yml or .json\n"
	"\n"
	"  version: 1\n"
	"  vars: { module: auth }              # --var module=billing replaces it\n"
	"  steps:\n"
	"    - id: research                    # tasks of a step run side by side\n"
	"      tasks:\n"
	"        - { id: a, agent: researcher, prompt: \"Study ${{ vars.module }}\" }\n"
	"        - { id: b, run: [make, metrics] }\n"
	"      merge: concat\n"
	"    - id: plan                        # a step of one task\n"
	"      agent: planner\n"
	"      prompt: \"Plan with this: ${{ steps.research.merged }}\"\n"
	"\n"
	"  pollard run -f flow.yaml --rehearse   try it out: nothing is started\n"
	"  pollard plan -f flow.yaml             what would run beside what, and why\n"
	"  pollard run -f flow.yaml              run it\n"
	"  pollard run -f research --var ...     a workflow that ships\n"
	"\n"
	"'-f - --format yaml' reads one from standard input. A step has when, foreach,\n"
	"require, sequential, on_conflict, limits too: see pollard-workflow(5).\n",

	"Which tasks run side by side\n"
	"\n"
	"  needs           a task starts after those that it names have succeeded\n"
	"  reads, writes   tasks of which one may write what the other reads or writes\n"
	"                  take turns; which one is first, priority and the list say\n"
	"  tokens          with --tokens-at-once, running tasks together stay below it\n"
	"  --jobs          so many at once\n"
	"\n"
	"Paths are relative to the task's cwd and may hold * (any part of one name), ?\n"
	"(a character), [a-z], and ** (any number of names). A path covers all that lies\n"
	"below it, for it may be a directory; but one whose last name has a special\n"
	"character and behind it a dot means files, exactly those that it matches:\n"
	"\n"
	"  src          src and all below       src/*.c      the C files right in src\n"
	"  src/*        all below src           src/**/*.c   the C files at any depth\n"
	"\n"
	"Tasks without 'writes' are taken to be safe; --strict-scopes refuses them when\n"
	"others run beside them. 'on_conflict: fail' in a workflow refuses tasks that\n"
	"would have to take turns. 'pollard plan' shows all of it.\n",

	"In cron, or from a timer of systemd\n"
	"\n"
	"  pollard plan --cron -f nightly.yaml    the lines for 'crontab -e', made here\n"
	"\n"
	"They name everything: PATH, the directory, pollard and the file by whole\n"
	"paths, the requirement; and each % is written \\%, as cron wants it.\n"
	"\n"
	"--cron     says nothing when the requirement is met. Else one report goes to\n"
	"           standard error, and cron mails it; its first line says what failed:\n"
	"             pollard: nightly PARTIAL 7/9 (ui, db)\n"
	"           and one says whether earlier runs of the name failed so too, and\n"
	"           since when. No progress; no results, unless with -o.\n"
	"--name     what the runs are known by; a workflow has one. Of each name\n"
	"           the last 100 runs are kept, and those younger than 30 days.\n"
	"--if-running wait|skip|fail\n"
	"           when a run of the name is still going; with --cron it is skip: the\n"
	"           new one does nothing, with status 0. After fail the status is 75.\n"
	"--notify   a command for sh -c at the end, good or bad, of at most a minute. It\n"
	"           reads the summary, a JSON object, and has POLLARD_RUN,\n"
	"           POLLARD_OUTCOME and POLLARD_STATUS in its environment.\n"
	"\n"
	"share/pollard/examples/cron has units for systemd and a crontab.\n",
};

#define TOPIC_COUNT (sizeof(topic_names) / sizeof(topic_names[0]))
_Static_assert(sizeof(topic_texts) / sizeof(topic_texts[0]) == TOPIC_COUNT,
    "a text for each topic");

void help_usage(struct buf *out)
{
	buf_addstr(out,
	    "usage: pollard run [OPTIONS] [--] [COMMAND [ARG...]] < LIST\n"
	    "try:   printf '%s\\n' one two three | pollard run -- echo {}\n"
	    "more:  pollard --help\n");
}

void help_general(struct buf *out)
{
	buf_addstr(out,
	    "pollard runs a list of tasks side by side, waits for all of them, retries what\n"
	    "may be retried, and says which failed and why.\n"
	    "\n"
	    "  ls *.c | pollard run -j 8 -- cc -c {}           a command for each line\n"
	    "  pollard run --shell --require partial <jobs     each line is a command\n"
	    "  pollard run --agent reviewer -f prompts.txt     each line is a prompt\n"
	    "\n"
	    "usage: pollard [-C DIR] COMMAND [OPTIONS] [ARG...]\n"
	    "\n");
	for (unsigned i = 0; i < COMMAND_COUNT; i++) {
		const struct command_info *c = &command_table[i];
		if (c->availability == NOW && c->summary != NULL)
			buf_addf(out, "  %-8s %s\n", c->name, c->summary);
	}
	buf_addstr(out, "\ntopics of 'pollard help':");
	for (size_t i = 0; i < TOPIC_COUNT; i++)
		buf_addf(out, "%s%s%s", i == 0 ? " " : ",",
		    i == TOPICS_IN_A_LINE ? "\n  " :
			i == 0		  ? "" :
					    " ",
		    topic_names[i]);
	buf_addstr(out,
	    "\noptions of a command: 'pollard COMMAND --help'; the manual: 'man pollard'\n");
}

/* Words of `text` from column `column` on, broken at WIDTH. */
static void wrap(struct buf *out, const char *text, int column)
{
	int at = column;
	bool first = true;

	while (*text != '\0') {
		int len = (int)strcspn(text, " ");
		if (!first && at + 1 + len > WIDTH) {
			buf_addf(out, "\n%*s", column, "");
			at = column;
			first = true;
		}
		buf_addf(out, "%s%.*s", first ? "" : " ", len, text);
		at += len + (first ? 0 : 1);
		first = false;
		text += len;
		text += strspn(text, " ");
	}
	buf_addch(out, '\n');
}

static void option_line(struct buf *out, const struct option_info *o)
{
	struct buf text = BUF_INIT;
	size_t start = out->len;
	int width;

	if (o->name == NULL)
		buf_addf(out, "  -%c", o->letter);
	else if (o->letter != 0)
		buf_addf(out, "  -%c, --%s", o->letter, o->name);
	else
		buf_addf(out, "      --%s", o->name);
	if (o->type == OPTION_OPTIONAL)
		buf_addf(out, "[=%s]", o->argument);
	else if (o->argument != NULL)
		buf_addf(out, " %s", o->argument);

	width = (int)(out->len - start);
	if (width + 2 > HELP_COLUMN)
		buf_addf(out, "\n%*s", HELP_COLUMN, "");
	else
		buf_addf(out, "%*s", HELP_COLUMN - width, "");

	buf_addstr(&text, o->help);
	if (o->fallback != NULL)
		buf_addf(&text, " (default: %s)", o->fallback);
	wrap(out, buf_str(&text), HELP_COLUMN);
	buf_free(&text);
}

void help_command(struct buf *out, enum command command)
{
	const struct command_info *info = &command_table[command];

	buf_addf(out, "usage: pollard %s%s%s\n", info->name, info->arguments[0] != '\0' ? " " : "",
	    info->arguments);
	wrap(out, info->summary, 0);
	for (unsigned group = 0; group < GROUP_COUNT; group++) {
		bool titled = false;
		for (size_t i = 0; i < option_count; i++) {
			const struct option_info *o = &option_table[i];
			if (o->group != group || !option_belongs(o, command))
				continue;
			if (!titled)
				buf_addf(out, "\n%s\n", group_titles[group]);
			titled = true;
			option_line(out, o);
		}
	}
}

const char *const *help_topics(size_t *count)
{
	*count = TOPIC_COUNT;
	return topic_names;
}

static const char *suggest_topic(const char *topic)
{
	const char *names[TOPIC_COUNT + COMMAND_COUNT];
	size_t count = 0;

	for (size_t i = 0; i < TOPIC_COUNT; i++)
		names[count++] = topic_names[i];
	for (unsigned i = 0; i < COMMAND_COUNT; i++)
		if (command_table[i].availability == NOW && command_table[i].summary != NULL)
			names[count++] = command_table[i].name;
	return names_suggest(topic, names, count);
}

bool help_topic(struct buf *out, const char *topic, const char **near)
{
	enum command command = command_find(topic);

	for (size_t i = 0; i < TOPIC_COUNT; i++) {
		if (strcmp(topic_names[i], topic) == 0) {
			buf_addstr(out, topic_texts[i]);
			return true;
		}
	}
	if (command_table[command].summary != NULL) {
		help_command(out, command);
		return true;
	}
	*near = suggest_topic(topic);
	return false;
}

void help_version(struct buf *out)
{
	buf_addf(out, "pollard %s\nlibraries: libbsd, cJSON %s, utf8proc %s\n", POLLARD_VERSION,
	    cJSON_Version(), utf8proc_version());
}

/* A sentence of it: the backslash, which mdoc would take for its own, is escaped. */
static void mdoc_sentence(struct buf *out, const char *text)
{
	buf_addch(out, (char)toupper((unsigned char)*text));
	for (const char *p = text + 1; *p != '\0'; p++) {
		if (*p == '\\')
			buf_addstr(out, "\\e");
		else
			buf_addch(out, *p);
	}
	buf_addstr(out, ".\n");
}

static void mdoc_item(struct buf *out, const struct option_info *o)
{
	buf_addstr(out, ".It");
	if (o->letter != 0)
		buf_addf(out, " Fl %c", o->letter);
	if (o->letter != 0 && o->name != NULL)
		buf_addstr(out, " ,");
	if (o->name != NULL)
		buf_addf(out, " Fl Fl %s", o->name);
	if (o->type == OPTION_OPTIONAL)
		buf_addf(out, " Ns Op = Ns Ar %s", o->argument);
	else if (o->argument != NULL)
		buf_addf(out, " Ar %s", o->argument);
	buf_addch(out, '\n');
	mdoc_sentence(out, o->help);
	if (o->fallback != NULL) {
		struct buf text = BUF_INIT;
		buf_addf(&text, "the default is %s", o->fallback);
		mdoc_sentence(out, buf_str(&text));
		buf_free(&text);
	}
}

/* The options of a command under a heading: those that every command has, or the others. */
static void mdoc_list(struct buf *out, const char *heading, enum command command, bool common)
{
	bool begun = false;

	for (unsigned group = 0; group < GROUP_COUNT; group++) {
		for (size_t i = 0; i < option_count; i++) {
			const struct option_info *o = &option_table[i];
			if (o->group != group || !option_belongs(o, command) ||
			    (o->commands == IN_ALL) != common)
				continue;
			if (!begun)
				buf_addf(out, ".Ss Options of %s\n.Bl -tag -width Ds\n", heading);
			begun = true;
			mdoc_item(out, o);
		}
	}
	if (begun)
		buf_addstr(out, ".El\n");
}

static void mdoc_options(struct buf *out)
{
	for (unsigned i = COMMAND_NONE + 1; i < COMMAND_COUNT; i++) {
		const struct command_info *c = &command_table[i];
		/* the options of plan are those of run, without a few */
		if (c->availability == NOW && c->summary != NULL && i != COMMAND_PLAN)
			mdoc_list(out, i == COMMAND_RUN ? "run and plan" : c->name, (enum command)i,
			    false);
	}
	mdoc_list(out, "pollard without a command", COMMAND_NONE, false);
	mdoc_list(out, "every command, also before it", COMMAND_HELP, true);
}

static void mdoc_environment(struct buf *out)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct option_info *o = &option_table[i];
		if (!o->environment || o->availability != NOW)
			continue;
		buf_addstr(out, ".It Ev ");
		option_variable(out, o);
		buf_addf(out, "\nStands for\n.Fl Fl %s .\n", o->name);
	}
}

bool help_mdoc(struct buf *out, const char *what)
{
	if (strcmp(what, "options") == 0)
		mdoc_options(out);
	else if (strcmp(what, "environment") == 0)
		mdoc_environment(out);
	else
		return false;
	return true;
}
