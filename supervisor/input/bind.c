#include "supervisor/input/bind.h"

#include <stdlib.h>
#include <string.h>

#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/input/template.h"

/* One task while it is bound. On the stack of whoever binds it. */
struct binding {
	struct plan *plan; /* NULL: the task stands alone */
	size_t step;
	struct task *task;
	struct task_more *more; /* its own copy; NULL until something is changed in it */
	struct arena *arena;
	struct faults *faults;
	/* for each task of the step the number of the last one that was found to need it */
	uint32_t *needed;
};

static struct task_more *more_of(struct binding *b)
{
	if (b->more != NULL)
		return b->more;
	b->more = arena_take(b->arena, sizeof(*b->more));
	if (b->task->more != NULL)
		*b->more = *b->task->more;
	else
		*b->more = (struct task_more){ .timeout_ms = UNSET,
			.idle_timeout_ms = UNSET,
			.retries = UNSET };
	b->more->nwritten = b->more->nneeds;
	b->task->more = b->more;
	return b->more;
}

static bool has_names(const struct template *t)
{
	for (size_t i = 0; i < t->count; i++) {
		if (t->parts[i].text == NULL)
			return true;
	}
	return false;
}

/* What a text without names stands for, in the arena. */
static const char *plain(struct binding *b, const char *text, size_t *len)
{
	struct buf out = BUF_INIT;
	const char *copy;

	template_unquote(&out, text, strlen(text));
	copy = arena_copy(b->arena, out.data, out.len);
	*len = out.len;
	buf_free(&out);
	return copy;
}

/* Compiles `text`; NULL after a fault that says it of `key`. */
static const struct template *compile(struct binding *b, const char *key, const char *text,
    bool attempt)
{
	const struct template_scope scope = { .plan = b->plan,
		.step = b->step,
		.attempt = attempt,
		.same_step = b->plan != NULL };
	struct buf why = BUF_INIT;
	const struct template *result = template_compile(text, &scope, b->arena, &why);

	if (result == NULL)
		fault_add(b->faults, "'%s': %s", key, buf_str(&why));
	buf_free(&why);
	return result;
}

/* Needs that templates make. */

/* The index in the plan of the task of the same step that is named, or SIZE_MAX. */
static size_t named_task(const struct binding *b, const struct name *name)
{
	uint32_t number;

	if (name == NULL || name->task == NULL || name->step != b->step)
		return SIZE_MAX;
	number = idset_find(&b->plan->steps[b->step].ids, name->task, NULL);
	return number != 0 ? number - 1 : SIZE_MAX;
}

/* Whether it is the first time that this task is found to need that one. */
static bool newly_needed(struct binding *b, size_t target)
{
	const struct step *step = &b->plan->steps[b->step];
	uint32_t own = (uint32_t)(b->task - b->plan->tasks) + 1;
	uint32_t *last = &b->needed[target - step->first];

	if (*last == own)
		return false;
	*last = own;
	return true;
}

static void mark_written(struct binding *b, const struct task_more *more)
{
	const struct step *step = &b->plan->steps[b->step];

	for (size_t i = 0; i < more->nwritten; i++) {
		uint32_t number = idset_find(&step->ids, more->needs[i], NULL);

		if (number != 0)
			newly_needed(b, number - 1);
	}
}

static void add_needs(struct binding *b, const struct template *prompt)
{
	struct task_more *more = more_of(b);
	const char **needs;

	mark_written(b, more);
	needs = arena_take(b->arena, (more->nwritten + prompt->count + 1) * sizeof(*needs));
	if (more->nwritten > 0)
		memcpy(needs, more->needs, more->nwritten * sizeof(*needs));
	more->nneeds = more->nwritten;
	for (size_t i = 0; i < prompt->count; i++) {
		size_t target = named_task(b, prompt->parts[i].name);

		if (target == SIZE_MAX)
			continue;
		if (&b->plan->tasks[target] == b->task) {
			fault_add(b->faults, "'prompt': '%s' is what this task itself yields",
			    safe(prompt->parts[i].name->text));
			return;
		}
		if (newly_needed(b, target))
			needs[more->nneeds++] = b->plan->tasks[target].id;
	}
	more->needs = needs;
	if (more->nneeds > more->nwritten)
		b->plan->has_needs = true;
}

static void bind_prompt(struct binding *b)
{
	const struct template *prompt;

	if (!template_is(b->task->text))
		return;
	prompt = compile(b, "prompt", b->task->text, false);
	if (prompt == NULL)
		return;
	if (!has_names(prompt)) {
		b->task->text = plain(b, b->task->text, &b->task->text_len);
		return;
	}
	more_of(b)->prompt = prompt;
	if (b->plan != NULL)
		add_needs(b, prompt);
}

static void bind_refine(struct binding *b)
{
	const struct template *refining;

	if (b->task->more == NULL || b->task->more->refine == NULL)
		return;
	refining = compile(b, "refine", b->task->more->refine, true);
	if (refining != NULL)
		more_of(b)->refining = refining;
}

/* Texts in which no name can stand. */

/* What is said about the first name. On the stack of unname(). */
struct refusal {
	struct binding *binding;
	const char *key;
	bool command; /* it is part of one */
	bool said;
};

static bool names_result(const char *name, size_t len)
{
	return (len >= 5 && memcmp(name, "steps", 5) == 0) ||
	    (len >= 5 && memcmp(name, "tasks", 5) == 0);
}

static void refuse_name(void *context, const char *name, size_t len)
{
	struct refusal *r = context;
	struct faults *faults = r->binding->faults;
	char *text;

	if (r->said)
		return;
	r->said = true;
	if (names_result(name, len) && r->command) {
		fault_add(faults,
		    "'%s': commands never take results by template: they get them as files, see "
		    "POLLARD_RESULTS",
		    r->key);
		return;
	}
	text = xmemdup0(name, len);
	if (names_result(name, len))
		fault_add(faults,
		    "'%s': '%s' is not known yet when this is fixed: results of tasks "
		    "can be named only in a prompt",
		    r->key, safe(text));
	else
		fault_add(faults, "'%s': unknown name '%s' (a literal '${{' is written '$${{')",
		    r->key, safe(text));
	free(text);
}

/* Whether the text was changed: then it is *copy of *len bytes. */
static bool unname(struct binding *b, const char *key, bool command, const char *text,
    const char **copy, size_t *len)
{
	struct refusal r = { b, key, command, false };
	const struct template_scope nothing = { .plan = NULL };
	struct buf why = BUF_INIT;

	if (text == NULL || !template_is(text))
		return false;
	template_names(text, refuse_name, &r);
	if (!r.said && template_compile(text, &nothing, b->arena, &why) == NULL) {
		fault_add(b->faults, "'%s': %s", key, buf_str(&why));
		r.said = true;
	}
	buf_free(&why);
	if (r.said)
		return false;
	*copy = plain(b, text, len);
	return true;
}

/* The same for each of count strings: *list becomes a copy where one was changed. */
static bool unname_list(struct binding *b, const char *key, bool command, const char *const **list,
    size_t count)
{
	const char *const *before = *list;
	const char **after = NULL, *copy;
	size_t len;

	for (size_t i = 0; i < count; i++) {
		if (!unname(b, key, command, before[i], &copy, &len))
			continue;
		if (after == NULL) {
			after = arena_take(b->arena, (count + 1) * sizeof(*after));
			memcpy(after, before, count * sizeof(*after));
		}
		after[i] = copy;
	}
	if (after != NULL)
		*list = after;
	return after != NULL;
}

static void unname_env(struct binding *b, bool command, const struct task_more *more)
{
	struct job_env *after = NULL;
	const char *copy;
	size_t len;

	for (size_t i = 0; i < more->nenv; i++) {
		if (!unname(b, "env", command, more->env[i].value, &copy, &len))
			continue;
		if (after == NULL) {
			after = arena_take(b->arena, more->nenv * sizeof(*after));
			memcpy(after, more->env, more->nenv * sizeof(*after));
		}
		after[i].value = copy;
	}
	if (after != NULL)
		more_of(b)->env = after;
}

static size_t words(const char *const *argv)
{
	size_t n = 0;

	while (argv != NULL && argv[n] != NULL)
		n++;
	return n;
}

static void bind_command(struct binding *b)
{
	const struct task_more *more = b->task->more;
	const char *const *argv;
	const char *copy;
	size_t len;

	if (unname(b, "run", true, b->task->text, &copy, &len)) {
		b->task->text = copy;
		b->task->text_len = len;
	}
	if (more == NULL)
		return;
	argv = more->argv;
	if (unname_list(b, "run", true, &argv, words(argv)))
		more_of(b)->argv = argv;
	if (unname(b, "stdin", true, more->input, &copy, &len)) {
		more_of(b)->input = copy;
		more_of(b)->input_len = len;
	}
}

/* What commands and agents have alike. */
static void bind_surroundings(struct binding *b)
{
	bool command = b->task->kind != TASK_AGENT;
	const struct task_more *more = b->task->more;
	const char *const *list;
	const char *copy;
	size_t len;

	if (more == NULL)
		return;
	if (unname(b, "cwd", false, more->cwd, &copy, &len))
		more_of(b)->cwd = copy;
	unname_env(b, command, more);
	list = more->reads;
	if (unname_list(b, "reads", false, &list, more->nreads))
		more_of(b)->reads = list;
	list = more->writes;
	if (unname_list(b, "writes", false, &list, more->nwrites))
		more_of(b)->writes = list;
}

/* What reads a workflow knows the places of these texts, and has told and unquoted them. */
static bool settled_before(const struct binding *b)
{
	return b->plan != NULL && b->plan->document != NULL;
}

static void bind_task(struct binding *b)
{
	if (!b->task->templated || b->task->kind == TASK_INVALID)
		return;
	b->task->templated = false;
	if (b->task->kind == TASK_AGENT) {
		bind_prompt(b);
		bind_refine(b);
	}
	if (settled_before(b))
		return;
	if (b->task->kind != TASK_AGENT)
		bind_command(b);
	bind_surroundings(b);
}

void templates_bind(struct plan *plan, size_t step, const char *file, struct diag *diag)
{
	const struct step *s = &plan->steps[step];
	struct faults faults = { 0 };
	uint32_t *needed = xcalloc(s->count + 1, sizeof(*needed));

	for (size_t i = s->first; i < s->first + s->count; i++) {
		struct binding b = { .plan = plan,
			.step = step,
			.task = &plan->tasks[i],
			.arena = &plan->arena,
			.faults = &faults,
			.needed = needed };

		bind_task(&b);
		if (faults.count > 0) {
			fault_report(&faults, file, b.task->line, diag);
			fault_reset(&faults);
		}
	}
	fault_free(&faults);
	free(needed);
}

void template_bind_alone(struct task *task, struct arena *arena, struct faults *faults)
{
	struct binding b = { .task = task, .arena = arena, .faults = faults };

	bind_task(&b);
}
