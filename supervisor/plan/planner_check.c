/* What is wrong or doubtful with a step before it starts, and how a task is shown. */
#include "supervisor/plan/planner.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utf8proc.h>

#include "shared/text.h"
#include "shared/words.h"
#include "shared/xalloc.h"
#include "supervisor/plan/effective.h"

/* Tasks among which it is found out exactly who can run beside whom. */
#define EXACT_MAX 2000

/* Who waits for whom, by places in the step. Lives while a function of this file runs. */
struct chain {
	const struct plan *plan;
	const struct step *step;
	bool *met;
	size_t *stack;
};

static bool may_overlap(const struct config *config, const struct plan *plan,
    const struct step *step)
{
	return step->count > 1 && effective_jobs(config, plan, step) != 1;
}

/* Marks all that the task waits for, directly or not. */
static void mark_needs(struct chain *c, size_t place)
{
	size_t depth = 0;
	memset(c->met, 0, c->step->count * sizeof *c->met);
	c->stack[depth++] = place;
	c->met[place] = true;
	while (depth > 0) {
		const struct task_more *more =
		    c->plan->tasks[c->step->first + c->stack[--depth]].more;
		for (size_t i = 0; more != NULL && i < more->nneeds; i++) {
			uint32_t number = idset_find(&c->step->ids, more->needs[i], NULL);
			size_t need = number - 1 - c->step->first;
			if (number <= c->step->first || c->met[need])
				continue;
			c->met[need] = true;
			c->stack[depth++] = need;
		}
	}
}

/*
 * For the places that are `wanted`, or all when it is NULL: whether another one of them can run at
 * the same time, so far as needs go. Freed by the caller.
 */
static bool *find_overlaps(const struct plan *plan, const struct step *step, const bool *wanted)
{
	size_t n = step->count;
	bool *found = xcalloc(n, sizeof *found);
	struct chain c = { .plan = plan, .step = step };
	size_t *in_line = xcalloc(n, sizeof *in_line);
	size_t total = 0;
	for (size_t i = 0; i < n; i++)
		total += wanted == NULL || wanted[i];
	c.met = xcalloc(n, sizeof *c.met);
	c.stack = xcalloc(n, sizeof *c.stack);
	for (size_t i = 0; i < n && n <= EXACT_MAX; i++) {
		if (wanted != NULL && !wanted[i])
			continue;
		mark_needs(&c, i);
		for (size_t k = 0; k < n; k++) {
			if (k == i || !c.met[k] || (wanted != NULL && !wanted[k]))
				continue;
			in_line[i]++;
			in_line[k]++;
		}
	}
	for (size_t i = 0; i < n; i++)
		found[i] = (wanted == NULL || wanted[i]) && in_line[i] + 1 < total;
	free(in_line);
	free(c.met);
	free(c.stack);
	return found;
}

static void check_strict(const struct plan *plan, const struct step *step, const char *file,
    struct diag *diag)
{
	bool *beside = find_overlaps(plan, step, NULL);
	for (size_t i = 0; i < step->count; i++) {
		const struct task *t = &plan->tasks[step->first + i];
		if (beside[i] && (t->more == NULL || !t->more->says_writes))
			diag_add(diag, file, t->line, 0,
			    "task '%s' does not say what it writes, and others may run beside it "
			    "(--strict-scopes): add 'writes', or run one at a time with -j 1",
			    t->id);
	}
	free(beside);
}

static void check_conflicts(const struct plan *plan, const struct step *step, const char *file,
    struct diag *diag)
{
	struct conflicts found;
	conflicts_find(&found, plan, step);
	for (size_t i = 0; i < found.count; i++) {
		const struct conflict *c = &found.v[i];
		diag_add(diag, file, plan->tasks[c->a].line, 0,
		    "task '%s' ('%s') conflicts with task '%s' ('%s'), which 'on_conflict: fail' "
		    "refuses: separate what they write, or let them take turns without it",
		    plan->tasks[c->a].id, c->pattern_a, plan->tasks[c->b].id, c->pattern_b);
	}
	conflicts_free(&found);
}

void planner_check(const struct config *config, const struct plan *plan, const struct step *step,
    const char *file, struct diag *diag)
{
	if (config->strict_scopes && may_overlap(config, plan, step))
		check_strict(plan, step, file, diag);
	if (step->more != NULL && step->more->refuse_conflicts)
		check_conflicts(plan, step, file, diag);
}

/* The top of the work tree that a directory is in, allocated; NULL: none. */
static char *work_tree(const char *cwd)
{
	char *dir = realpath(cwd != NULL ? cwd : ".", NULL);
	struct buf git = BUF_INIT;
	while (dir != NULL) {
		buf_reset(&git);
		buf_addf(&git, "%s/.git", dir);
		if (access(buf_str(&git), F_OK) == 0)
			break;
		char *slash = strrchr(dir, '/');
		if (slash == NULL || slash[1] == '\0') {
			free(dir);
			dir = NULL;
		} else {
			/* what is above /a is / */
			slash[slash == dir] = '\0';
		}
	}
	buf_free(&git);
	return dir;
}

/* As pollard-agents(5) has it, of an agent whose task does not say that it writes. */
static bool may_write(const struct agent *agent)
{
	return agent->says_access ? agent->access != ACCESS_READ : agent->edits;
}

/* Marks the agents that may write, without scopes, in the work tree of the first one; returns how many. */
static size_t mark_agents(const struct plan *plan, const struct step *step, bool *wanted,
    char **tree)
{
	const char *last = NULL;
	bool last_inside = false;
	size_t count = 0;
	for (size_t i = 0; i < step->count; i++) {
		const struct task *t = &plan->tasks[step->first + i];
		const char *cwd = t->more != NULL && t->more->cwd != NULL ? t->more->cwd : ".";
		bool said = t->more != NULL && t->more->says_writes;
		if (t->kind != TASK_AGENT || said || !may_write(t->agent))
			continue;
		if (last == NULL || strcmp(last, cwd) != 0) {
			char *top = work_tree(cwd);
			last_inside = top != NULL && (*tree == NULL || strcmp(*tree, top) == 0);
			last = cwd;
			if (*tree == NULL)
				*tree = top;
			else
				free(top);
		}
		wanted[i] = last_inside;
		count += last_inside;
	}
	return count;
}

bool planner_warning(struct buf *out, const struct config *config, const struct plan *plan,
    const struct step *step)
{
	if (!may_overlap(config, plan, step))
		return false;
	bool *wanted = xcalloc(step->count, sizeof *wanted);
	char *tree = NULL;
	size_t count = mark_agents(plan, step, wanted, &tree);
	bool *beside = count > 1 ? find_overlaps(plan, step, wanted) : NULL;
	const char *first = NULL;
	const char *second = NULL;
	for (size_t i = 0; beside != NULL && i < step->count; i++) {
		if (!beside[i])
			continue;
		if (first == NULL)
			first = plan->tasks[step->first + i].id;
		else if (second == NULL)
			second = plan->tasks[step->first + i].id;
	}
	bool found = second != NULL;
	if (found)
		buf_addf(out,
		    "step '%s': agents run side by side in the Git work tree '%s' without 'writes' "
		    "(such as '%s' and '%s'), and may meet in its files and its index: say what each "
		    "writes, or use -j 1",
		    safe(step->id), safe(tree), safe(first), safe(second));
	free(wanted);
	free(beside);
	free(tree);
	return found;
}

/* Replaces {} and {#} in a word of the command of a line. */
static bool fill_word(struct buf *out, const char *word, const struct task *task)
{
	bool used = false;
	for (const char *p = word; *p != '\0';) {
		if (strncmp(p, "{}", 2) == 0) {
			buf_add(out, task->text, task->text_len);
			used = true;
			p += 2;
		} else if (strncmp(p, "{#}", 3) == 0) {
			buf_addf(out, "%u", task->number);
			p += 3;
		} else {
			buf_addch(out, *p++);
		}
	}
	return used;
}

static void line_command(struct buf *out, const struct config *config, const struct task *task)
{
	struct buf word = BUF_INIT;
	bool used = config->command_stdin;
	for (size_t i = 0; config->command != NULL && config->command[i] != NULL; i++) {
		buf_reset(&word);
		if (config->command_stdin)
			buf_addstr(&word, config->command[i]);
		else if (fill_word(&word, config->command[i], task))
			used = true;
		buf_addstr(out, i > 0 ? " " : "");
		words_quote(out, buf_str(&word));
	}
	if (!used) {
		buf_addch(out, ' ');
		words_quote(out, task->text);
	}
	buf_free(&word);
}

static void words_command(struct buf *out, const char *const *words)
{
	for (size_t i = 0; words != NULL && words[i] != NULL; i++) {
		buf_addstr(out, i > 0 ? " " : "");
		words_quote(out, words[i]);
	}
}

/* What is left out can be what matters most, such as what a client may do: that it goes on is said. */
static void add_left_out(struct buf *out, const char *text, size_t len)
{
	size_t words = 0;
	for (size_t i = 0; i < len; i++)
		words += text[i] != ' ' && (i == 0 || text[i - 1] == ' ');
	buf_addf(out, "\u2026 (%zu more word%s, see -o json)", words, words == 1 ? "" : "s");
}

/* Of a text with more than `columns` characters as many, the last one an ellipsis, and what is missing. */
static void cut(struct buf *out, const char *text, size_t len, size_t columns)
{
	size_t at = 0;
	size_t end = 0;
	for (size_t n = 0; at < len; n++) {
		utf8proc_int32_t code;
		utf8proc_ssize_t used = utf8proc_iterate((const utf8proc_uint8_t *)text + at,
		    (utf8proc_ssize_t)(len - at), &code);
		if (n + 1 == columns)
			end = at;
		if (n == columns) {
			buf_add(out, text, end);
			add_left_out(out, text + end, len - end);
			return;
		}
		at += used > 0 ? (size_t)used : 1;
	}
	buf_add(out, text, len);
}

static void agent_command(struct buf *out, const struct agent *agent, const struct client *client)
{
	if (client != NULL)
		client_line(out, client, agent);
	else
		words_command(out, agent != NULL ? agent->command : NULL);
}

void planner_command(struct buf *out, const struct config *config, const struct task *task,
    const struct client *client, size_t columns)
{
	struct buf raw = BUF_INIT;
	struct buf safe_text = BUF_INIT;
	switch ((enum task_kind)task->kind) {
	case TASK_LINE:
		line_command(&raw, config, task);
		break;
	case TASK_SHELL:
		buf_add(&raw, task->text, task->text_len);
		break;
	case TASK_ARGV:
		words_command(&raw, task->more->argv);
		break;
	case TASK_AGENT:
		agent_command(&raw, task->agent, client);
		break;
	case TASK_INVALID:
		break;
	}
	text_safe_line(&safe_text, buf_str(&raw), raw.len);
	cut(out, buf_str(&safe_text), safe_text.len, columns);
	buf_free(&raw);
	buf_free(&safe_text);
}
