/* ESCALATION.md: what escalation.c gathered, in the order in which a person needs it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "shared/json.h"
#include "shared/text.h"
#include "shared/words.h"
#include "supervisor/record/escalation_data.h"
#include "supervisor/record/markdown.h"
#include "supervisor/resume/rerun.h"

#define GOAL_SHOWN 1000 /* characters */
#define LINE_SHOWN 500
#define COMMAND_SHOWN 300
#define COMMAND_MAX 8192 /* bytes of a command line that is to be typed */
#define CHOICES_MAX 4
#define CLASSES_NAMED 2

/* What kind of hand a failure needs. */
enum need {
	NEED_COMMAND = 1 << 0,
	NEED_SIGN_IN = 1 << 1,
	NEED_QUOTA = 1 << 2,
	NEED_SPACE = 1 << 3,
	NEED_PERMISSION = 1 << 4,
	NEED_MEMORY = 1 << 5,
	NEED_TIME = 1 << 6,
	NEED_CONTEXT = 1 << 7,
	NEED_RECORD = 1 << 8,
};

static const struct {
	unsigned need;
	const char *choice;
} need_choices[] = {
	{ NEED_COMMAND,
	    "**Install or correct what cannot be started or found**, then run again what failed." },
	{ NEED_SIGN_IN, "**Sign in, or correct the credentials**, then run again what failed." },
	{ NEED_SPACE, "**Make room on the disk**, then run again what failed." },
	{ NEED_PERMISSION, "**Give the permission that is missing**, then run again what failed." },
	{ NEED_QUOTA,
	    "**Wait until the limit is reset, or raise it**, then run again what failed." },
	{ NEED_MEMORY,
	    "**Run again what failed with fewer tasks side by side** (`-j 1`): memory ran out." },
	{ NEED_TIME,
	    "**Give what failed more time** (`--timeout`), or make several smaller tasks of it." },
	{ NEED_CONTEXT, "**Make smaller tasks of what failed**: it does not fit into one." },
	{ NEED_RECORD, "**Correct the records** that are no tasks, then run them." },
};

static const struct {
	const char *reason;
	unsigned need;
} reason_needs[] = {
	{ "spawn", NEED_COMMAND },
	{ "auth", NEED_SIGN_IN },
	{ "quota", NEED_QUOTA },
	{ "rate-limit", NEED_QUOTA },
	{ "timeout", NEED_TIME },
	{ "idle-timeout", NEED_TIME },
	{ "context", NEED_CONTEXT },
	{ "invalid", NEED_RECORD },
};

/* Words of a cause; only what a debugger says in one line, not what tasks print. */
static const struct {
	const char *words;
	unsigned need;
} cause_needs[] = {
	{ "command not found", NEED_COMMAND },
	{ "not executable", NEED_COMMAND },
	{ "no such file or directory", NEED_COMMAND },
	{ "module is missing", NEED_COMMAND },
	{ "credentials", NEED_SIGN_IN },
	{ "quota is used up", NEED_QUOTA },
	{ "no space left", NEED_SPACE },
	{ "disk is full", NEED_SPACE },
	{ "disk quota", NEED_SPACE },
	{ "permission denied", NEED_PERMISSION },
	{ "operation not permitted", NEED_PERMISSION },
	{ "read-only", NEED_PERMISSION },
	{ "out of memory", NEED_MEMORY },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static unsigned needs_of(const struct escalation *e)
{
	unsigned needs = 0;

	for (size_t i = 0; i < e->nfailed; i++) {
		const struct failed_task *t = &e->failed[i];

		if (t->exit_status == 126 || t->exit_status == 127)
			needs |= NEED_COMMAND;
		for (size_t k = 0; t->reason != NULL && k < COUNT(reason_needs); k++)
			if (strcmp(t->reason, reason_needs[k].reason) == 0)
				needs |= reason_needs[k].need;
	}
	for (size_t k = 0; e->cause != NULL && k < COUNT(cause_needs); k++)
		if (strcasestr(e->cause, cause_needs[k].words) != NULL)
			needs |= cause_needs[k].need;
	return needs;
}

static void add_number(struct buf *out, uint64_t n, const char *one, const char *more)
{
	markdown_count(out, n);
	buf_addf(out, " %s", n == 1 ? one : more);
}

/* The first paragraph. */

static void add_agents(struct buf *out, const struct escalation *e)
{
	if (e->nagents == 0)
		return;
	buf_addstr(out,
	    e->nagents == 1 && !e->more_agents ? " for the agent " : " for the agents ");
	for (size_t i = 0; i < e->nagents; i++) {
		buf_addstr(out, i > 0 ? ", " : "");
		markdown_text_cut(out, e->agents[i], LINE_SHOWN);
	}
	if (e->more_agents)
		buf_addstr(out, " and others");
}

static void add_template(struct buf *out, const struct escalation *e)
{
	const cJSON *word;
	struct buf line = BUF_INIT;

	cJSON_ArrayForEach(word, json_get(json_get(e->run, "options"), "command"))
	{
		buf_addstr(&line, line.len > 0 ? " " : "");
		words_quote(&line, cJSON_IsString(word) ? word->valuestring : "?");
	}
	if (line.len > 0) {
		buf_addstr(out, ": ");
		markdown_text_cut(out, buf_str(&line), COMMAND_SHOWN);
	}
	buf_free(&line);
}

static void add_asked(struct buf *out, const struct escalation *e)
{
	const char *goal = json_get_string(e->run, "goal");
	int steps = cJSON_GetArraySize(json_get(e->run, "steps"));

	if (goal != NULL) {
		buf_addstr(out, "The goal: ");
		markdown_text_cut(out, goal, GOAL_SHOWN);
		buf_addstr(out, ". ");
	}
	buf_addstr(out, "Asked for: ");
	if (e->nagents > 0 || e->tasks == 0)
		add_number(out, e->tasks, "task", "tasks");
	else
		add_number(out, e->tasks, "command", "commands");
	if (steps > 1)
		buf_addf(out, " in %d steps", steps);
	add_agents(out, e);
	if (e->commands > 0 && e->nagents > 0)
		buf_addstr(out, " and as commands");
	else if (e->commands > 0)
		add_template(out, e);
	buf_addstr(out, ". ");
}

static uint64_t unfinished(const struct escalation *e)
{
	uint64_t ended = 0;

	for (int i = 0; i < RESULT_STATUS_COUNT; i++)
		ended += e->finished[i];
	return e->tasks > ended ? e->tasks - ended : 0;
}

static void add_counts(struct buf *out, const struct escalation *e)
{
	static const enum result_status others[] = { RESULT_SKIPPED, RESULT_CANCELLED };

	buf_addstr(out, "What came of it: ");
	markdown_count(out, e->finished[RESULT_SUCCEEDED]);
	buf_addstr(out, " succeeded, ");
	markdown_count(out, e->finished[RESULT_FAILED]);
	buf_addstr(out, " failed");
	for (size_t i = 0; i < COUNT(others); i++) {
		if (e->finished[others[i]] == 0)
			continue;
		buf_addstr(out, ", ");
		markdown_count(out, e->finished[others[i]]);
		buf_addf(out, " %s", result_status_text(others[i]));
	}
	if (unfinished(e) > 0) {
		buf_addstr(out, ", ");
		markdown_count(out, unfinished(e));
		buf_addstr(out, " not finished");
	}
	buf_addch(out, '.');
}

static void add_why(struct buf *out, const struct escalation *e)
{
	for (size_t i = 0; i < e->nescalated; i++) {
		const struct escalated_step *s = &e->escalated[i];

		buf_addstr(out, i == 0 ? " A person must decide" : "; and");
		if (s->step != NULL && escalation_has_steps(e)) {
			buf_addstr(out, " in step ");
			markdown_text_cut(out, s->step, LINE_SHOWN);
		}
		buf_addstr(out, ": ");
		markdown_text_cut(out, s->reason != NULL ? s->reason : "?", LINE_SHOWN);
	}
	buf_addstr(out, e->nescalated > 0 ? ".\n" : "\n");
}

/* What to decide. */

static void add_choice(struct buf *out, unsigned *count, const char *choice)
{
	if (*count < CHOICES_MAX)
		buf_addf(out, "%u. %s\n", ++*count, choice);
}

static void add_acceptance(struct buf *out, unsigned *count, const struct escalation *e)
{
	/* what a step requires, no requirement of the run takes back */
	if (e->finished[RESULT_SUCCEEDED] == 0 || e->blocking != NULL || *count == CHOICES_MAX)
		return;
	buf_addf(out, "%u. **Accept the partial result**: ", ++*count);
	markdown_count(out, e->finished[RESULT_SUCCEEDED]);
	buf_addstr(out, " of ");
	add_number(out, e->tasks, "task", "tasks");
	buf_addstr(out,
	    " succeeded, and what they gave is kept. With `--require partial` such "
	    "a run ends with status 0.\n");
}

static void add_choices(struct buf *out, const struct escalation *e, bool allow_fix)
{
	unsigned needs = needs_of(e);
	unsigned count = 0;

	buf_addstr(out, "\n## What to decide\n\n");
	if (e->fix_proposed)
		add_choice(out, &count,
		    allow_fix ? "**Carry out the proposed fix by hand** (below), if it is right, "
				"then run again what failed." :
				"**Carry out the proposed fix** (below), if it is right: by hand, "
				"or by running again with `--allow-fix`.");
	else if (e->fix_carried_out)
		add_choice(out, &count,
		    "**Look at what the fix changed** (below): it was carried out and was not "
		    "enough.");
	for (size_t i = 0; i < COUNT(need_choices) && count < CLASSES_NAMED; i++)
		if ((needs & need_choices[i].need) != 0)
			add_choice(out, &count, need_choices[i].choice);
	add_choice(out, &count,
	    "**Change the prompts or commands** of what failed, and run those again.");
	if (count < 2)
		add_choice(out, &count,
		    "**Run again what failed as it is**, if what was in its way is gone.");
	add_acceptance(out, &count, e);
}

/* What failed. */

static int by_number(const void *a, const void *b)
{
	const struct failed_task *s = a;
	const struct failed_task *t = b;

	return s->number < t->number ? -1 : s->number > t->number;
}

/* "STEP.TASK" where there are several steps: what `pollard show` takes. */
static void task_name(struct buf *out, const struct escalation *e, const struct failed_task *t)
{
	if (escalation_has_steps(e))
		buf_addf(out, "%s.", t->step);
	buf_addstr(out, t->id);
}

static void add_failed(struct buf *out, const struct escalation *e, const struct failed_task *t)
{
	struct buf name = BUF_INIT;

	task_name(&name, e, t);
	buf_addstr(out, "\n### ");
	markdown_first_text(out, buf_str(&name));
	if (t->agent != NULL) {
		buf_addstr(out, " (");
		markdown_text_cut(out, t->agent, LINE_SHOWN);
		buf_addch(out, ')');
	}
	buf_addstr(out, "\n\nIt was asked:\n\n");
	markdown_fenced(out, "", buf_str(&t->asked), t->asked.len);
	buf_add(out, buf_str(&t->story), t->story.len);
	if (t->shown == 0)
		buf_addf(out, "\nIt was not started: %s.\n",
		    t->reason != NULL ? safe(t->reason) : "no reason is recorded");
	if (t->left_out > 0) {
		buf_addch(out, '\n');
		add_number(out, t->left_out, "attempt more", "attempts more");
		buf_addstr(out, " between these; `pollard show` has all of them.\n");
	}
	buf_free(&name);
}

static void add_failures(struct buf *out, struct escalation *e)
{
	uint64_t all = e->finished[RESULT_FAILED];

	if (e->nfailed > 0)
		qsort(e->failed, e->nfailed, sizeof(*e->failed), by_number);
	buf_addstr(out, "\n## What failed\n");
	for (size_t i = 0; i < e->nfailed; i++)
		add_failed(out, e, &e->failed[i]);
	if (e->nfailed == 0)
		buf_addstr(out, "\nNothing.\n");
	if (all > e->nfailed) {
		buf_addstr(out, "\n… and ");
		add_number(out, all - e->nfailed, "task more", "tasks more");
		buf_addstr(out, ".\n");
	}
}

/* The other sections. */

static void add_section(struct buf *out, const char *title, const struct buf *text, uint64_t more,
    const char *nothing)
{
	buf_addf(out, "\n## %s\n", title);
	if (text->len == 0)
		buf_addf(out, "\n%s\n", nothing);
	buf_add(out, buf_str(text), text->len);
	if (more > 0)
		buf_addf(out, "\n… and %" PRIu64 " more.\n", more);
}

static void add_succeeded(struct buf *out, const struct escalation *e)
{
	buf_addstr(out, "\n## What succeeded\n\n");
	buf_addstr(out, e->nsucceeded > 0 ? buf_str(&e->succeeded) : "Nothing.");
	if (e->nsucceeded > ESCALATION_SUCCEEDED_MAX) {
		buf_addstr(out, " … and ");
		markdown_count(out, e->nsucceeded - ESCALATION_SUCCEEDED_MAX);
		buf_addstr(out, " more");
	}
	buf_addch(out, '\n');
}

/* What has to be typed. */

/* STATE_DIR of STATE_DIR/runs/RUN. */
static void add_state_dir(struct buf *out, const struct rundir *dir)
{
	size_t len = strlen(dir->path);
	struct buf root = BUF_INIT;

	for (int i = 0; i < 2; i++) {
		while (len > 0 && dir->path[len - 1] != '/')
			len--;
		while (len > 1 && dir->path[len - 1] == '/')
			len--;
	}
	buf_add(&root, dir->path, len);
	buf_addstr(out, " --state-dir ");
	words_quote(out, buf_str(&root));
	buf_free(&root);
}

static void add_reading(struct buf *out, const struct escalation *e, const struct rundir *dir,
    const char *command, bool state_dir)
{
	rerun_program(out, json_get(e->run, "command"));
	buf_addf(out, " %s", command);
	if (state_dir)
		add_state_dir(out, dir);
	buf_addf(out, " %s", dir->id);
}

static void add_typed(struct buf *out, const struct buf *line)
{
	struct buf text = BUF_INIT;

	text_safe(&text, line->data, line->len, true);
	markdown_fenced(out, "sh", buf_str(&text), text.len);
	buf_free(&text);
}

/* Of a plain list what failed can be changed first; of a workflow it is the file that is changed. */
static void add_edited(struct buf *out, const struct escalation *e, const struct rundir *dir,
    const struct buf *command, bool state_dir)
{
	struct buf line = BUF_INIT;
	struct buf cwd = BUF_INIT;

	if (json_get_bytes(e->run, "cwd", &cwd) && cwd.len > 0) {
		buf_addstr(&line, "cd ");
		words_quote(&line, buf_str(&cwd));
		buf_addch(&line, '\n');
	}
	add_reading(&line, e, dir, "failed", state_dir);
	buf_addstr(&line, " | ");
	buf_add(&line, buf_str(command), command->len);
	buf_addstr(out,
	    "\nOr as a run of its own; to change the tasks first, write what `pollard failed` "
	    "prints to a file and edit it:\n\n");
	if (line.len <= COMMAND_MAX)
		add_typed(out, &line);
	else
		buf_addstr(out,
		    "(The command is too long to stand here: `run-started` in "
		    "`journal.jsonl` has it.)\n");
	buf_free(&cwd);
	buf_free(&line);
}

static void add_rerun(struct buf *out, const struct escalation *e, const struct rundir *dir,
    const struct buf *command, bool state_dir)
{
	struct buf line = BUF_INIT;

	add_reading(&line, e, dir, "resume --retry-failed", state_dir);
	buf_addstr(out,
	    "\n## To go on\n\nWhen that is done, go on from here with what failed:\n\n");
	add_typed(out, &line);
	buf_free(&line);
	/* what failed makes no list of its own where it takes up results of tasks that are not in it */
	if (json_get(e->run, "workflow") == NULL && !escalation_has_steps(e) && !e->names_results)
		add_edited(out, e, dir, command, state_dir);
}

static void add_show(struct buf *out, const struct escalation *e, const struct rundir *dir,
    bool state_dir)
{
	struct buf line = BUF_INIT;

	add_reading(&line, e, dir, "show", state_dir);
	if (e->nfailed > 0) {
		struct buf name = BUF_INIT;

		task_name(&name, e, &e->failed[0]);
		buf_addch(&line, ' ');
		words_quote(&line, buf_str(&name));
		buf_free(&name);
	}
	buf_addstr(out, "\nSee all attempts of a task and what they wrote:\n\n");
	add_typed(out, &line);
	buf_addstr(out, "\nEverything is recorded in the run directory:\n\n");
	buf_reset(&line);
	text_safe(&line, dir->path, strlen(dir->path), true);
	markdown_fenced(out, "", buf_str(&line), line.len);
	buf_free(&line);
}

void escalation_markdown(struct escalation *e, const struct rundir *dir, const char *name,
    struct buf *out)
{
	struct buf command = BUF_INIT;
	struct rerun seen;

	rerun_command(&command, json_get(e->run, "command"), &seen);
	bool state_dir = seen.state_dir || e->other_state_dir;
	if (name == NULL)
		name = json_get_string(e->run, "name");

	buf_addstr(out, "# ");
	if (name != NULL) {
		markdown_first_text(out, name);
		buf_addstr(out, " · ");
	}
	markdown_text(out, dir->id);
	buf_addstr(out, "\n\n");
	add_asked(out, e);
	add_counts(out, e);
	add_why(out, e);
	add_choices(out, e, seen.allow_fix);
	add_failures(out, e);
	add_section(out, "What the debugger said", &e->said, e->said_more, "Nobody was asked.");
	if (e->tried.len > 0) {
		struct buf tried = BUF_INIT;

		buf_addf(&tried, "\n%s", buf_str(&e->tried));
		add_section(out, "What was tried", &tried, e->tried_more, "");
		buf_free(&tried);
	} else {
		add_section(out, "What was tried", &e->tried, 0, "Nothing was attempted again.");
	}
	add_succeeded(out, e);
	add_rerun(out, e, dir, &command, state_dir);
	add_show(out, e, dir, state_dir);
	buf_free(&command);
}
