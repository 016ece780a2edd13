#include <ctype.h>
#include <string.h>

#include "shared/json.h"
#include "shared/names.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/input/workflow_read.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ID_EXPECTED "1 to 64 letters, digits, '.', '_' or '-', the first neither '.' nor '-'"
#define ENV_PREFIX "POLLARD_STEP_"

/* Keys of a step that are no keys of a task, but for `id` and `retries`, which are both. */
static const char *const step_keys[] = {
	"id",
	"title",
	"goal",
	"tasks",
	"foreach",
	"task",
	"when",
	"require",
	"sequential",
	"on_conflict",
	"jobs",
	"retries",
	"debugger",
	"merge",
	"limits",
};

static bool is_step_key(const char *key)
{
	for (size_t i = 0; i < COUNT(step_keys); i++)
		if (strcmp(step_keys[i], key) == 0)
			return true;
	return false;
}

/* A step that says itself what its only task is. */
static bool is_short(const cJSON *node)
{
	return json_get(node, "tasks") == NULL && json_get(node, "foreach") == NULL &&
	    json_get(node, "task") == NULL;
}

static bool has_work(const cJSON *node)
{
	return !is_short(node) || json_get(node, "prompt") != NULL || json_get(node, "run") != NULL;
}

static void unknown_key(struct workflow *w, const cJSON *at)
{
	const char *names[COUNT(step_keys) + 32], *near;
	size_t count = 0;

	for (size_t i = 0; i < COUNT(step_keys); i++)
		names[count++] = step_keys[i];
	for (size_t i = 0; i < workflow_task_nkeys && count < COUNT(names); i++)
		names[count++] = workflow_task_keys[i];
	near = names_suggest(at->string, names, count);
	if (near != NULL)
		workflow_key_fault(w, at, "unknown key '%s', did you mean '%s'?", safe(at->string),
		    near);
	else
		workflow_key_fault(w, at, "unknown key '%s'; keys of your own begin with 'x-'",
		    safe(at->string));
}

/* False when there is one that nobody knows: then what is missing may be what it was to be. */
static bool check_keys(struct workflow *w, const cJSON *node)
{
	bool alone = is_short(node), good = true;
	const cJSON *at;

	cJSON_ArrayForEach(at, node)
	{
		if (is_step_key(at->string) || strncmp(at->string, "x-", 2) == 0)
			continue;
		if (!workflow_is_task_key(at->string)) {
			unknown_key(w, at);
			good = false;
			continue;
		}
		if (!alone)
			workflow_key_fault(w, at,
			    "'%s' is a key of tasks: put it into them, or into the workflow's "
			    "'defaults'",
			    at->string);
	}
	return good;
}

/* Ids */

/* What the step's merged result is called in the environment, without what all have. */
static void name_of(const char *id, char *out)
{
	for (; *id != '\0'; id++)
		*out++ = *id == '.' || *id == '-' ? '_' : (char)toupper((unsigned char)*id);
	*out = '\0';
}

static void add_id(struct workflow *w, const cJSON *at, const char *id, uint32_t number)
{
	struct place place = workflow_place(w, at);
	char name[ID_MAX + 1];
	uint32_t line, other;

	if (idset_find(&w->ids, id, &line) != 0) {
		workflow_fault(w, at,
		    "duplicate id '%s': it is already that of the step in line %u", id, line);
		return;
	}
	idset_add(&w->ids, id, number, place.line);
	name_of(id, name);
	other = idset_find(&w->names, name, NULL);
	if (other != 0)
		workflow_fault(w, at,
		    "the steps '%s' and '%s' would both be " ENV_PREFIX
		    "%s_MERGED in the environment: rename one",
		    w->plan->steps[other - 1].id, id, name);
	else
		idset_add(&w->names, name, number, place.line);
}

static void read_id(struct workflow *w, const cJSON *node, size_t index)
{
	struct step *step = &w->plan->steps[index];
	const cJSON *at = json_get(node, "id");
	const char *id;

	w->here = workflow_place(w, node);
	step->id = "";
	step->line = w->here.line;
	if (!cJSON_IsObject(node)) {
		workflow_fault(w, node, "expected a step, an object with an 'id'");
		return;
	}
	if (at == NULL) {
		workflow_fault(w, node, "a step needs an 'id'");
		return;
	}
	id = workflow_text(w, at, ID_EXPECTED);
	if (id == NULL)
		return;
	if (!id_valid(id, strlen(id))) {
		workflow_expected(w, at, ID_EXPECTED);
		return;
	}
	step->id = id;
	add_id(w, at, id, (uint32_t)index + 1);
}

/* Tasks */

static bool add_task(struct workflow *w, size_t index, cJSON *task, uint32_t number)
{
	struct task_maker maker = { .agents = w->agents,
		.plan = w->plan,
		.step = index,
		.unit = "line",
		.document = &w->document,
		.faults = &w->faults };
	bool known;

	if (w->nnodes == w->nodes_cap) {
		w->nodes_cap = w->nodes_cap == 0 ? 16 : w->nodes_cap * 2;
		w->nodes = xreallocarray(w->nodes, w->nodes_cap, sizeof(*w->nodes));
	}
	w->nodes[w->nnodes++] = task;
	if (cJSON_IsObject(task))
		workflow_add_defaults(w, task);
	known = workflow_make_task(&maker, task, workflow_place(w, task).line, number);
	workflow_tell_faults(w, task);
	return known;
}

static bool read_tasks(struct workflow *w, const cJSON *tasks, size_t index)
{
	uint32_t number = 0;
	bool known = true;
	cJSON *task;

	if (!cJSON_IsArray(tasks) || tasks->child == NULL) {
		workflow_expected(w, tasks, "an array of at least one task");
		return false;
	}
	cJSON_ArrayForEach(task, tasks) known = add_task(w, index, task, ++number) && known;
	return known;
}

/* The task of a step that has its keys: they keep their places. */
static bool read_short(struct workflow *w, cJSON *node, size_t index)
{
	struct place place = w->here;
	cJSON *task = cJSON_CreateObject(), *next;
	bool known;

	cJSON_AddStringToObject(task, "id", w->plan->steps[index].id);
	for (cJSON *at = node->child; at != NULL; at = next) {
		next = at->next;
		if (strcmp(at->string, "id") == 0 || !workflow_is_task_key(at->string))
			continue;
		cJSON_DetachItemViaPointer(node, at);
		cJSON_AddItemToArray(task, at);
	}
	/* a bad id was told */
	if (w->plan->steps[index].id[0] == '\0')
		cJSON_DeleteItemFromObject(task, "id");
	known = add_task(w, index, task, 1);
	w->here = place;
	/* what is left of it is not read again; nodes whose places are known stay until the end */
	cJSON_AddItemToObject(node, "task", task);
	return known;
}

static uint64_t smaller_limit(uint64_t a, uint64_t b)
{
	if (a == 0 || b == 0)
		return a + b;
	return a < b ? a : b;
}

static void tell_tokens(struct workflow *w, const cJSON *node, const char *id, uint64_t tokens,
    uint64_t limit)
{
	const cJSON *at = json_get(node, "tokens");

	workflow_fault(w, at != NULL ? at : node,
	    "task '%s' is expected to use %llu tokens, and 'tokens_at_once' lets %llu run together",
	    id, (unsigned long long)tokens, (unsigned long long)limit);
}

/* A task that could never start. */
static void check_tokens(struct workflow *w, const struct step *step)
{
	uint64_t of_run = w->config->tokens_at_once > 0 ? w->config->tokens_at_once :
							  w->plan->limits.tokens_at_once;
	uint64_t limit = smaller_limit(of_run, step->more->limits.tokens_at_once);

	for (size_t i = step->first; limit > 0 && i < step->first + step->count; i++) {
		const struct task *task = &w->plan->tasks[i];

		if (task_tokens(task) > limit)
			tell_tokens(w, w->nodes[i - step->first], task->id, task_tokens(task),
			    limit);
	}
}

/* The message begins with the key that it is about. */
static void tell(void *context, size_t task, const char *message)
{
	struct workflow *w = context;
	const cJSON *node = w->nodes[task], *member;

	w->here = workflow_place(w, node);
	cJSON_ArrayForEach(member, node)
	{
		size_t len = member->string != NULL ? strlen(member->string) : 0;

		if (len > 0 && message[0] == '\'' &&
		    strncmp(message + 1, member->string, len) == 0 && message[1 + len] == '\'') {
			workflow_fault(w, member, "%s", message);
			return;
		}
	}
	workflow_fault(w, node, "%s", message);
}

/* Which of the three ways to have tasks; a message when it is not one. */
static void read_work(struct workflow *w, cJSON *node, size_t index, struct step_more *more)
{
	const cJSON *tasks = json_get(node, "tasks"), *each = json_get(node, "foreach");
	const cJSON *task = json_get(node, "task");
	struct step *step = &w->plan->steps[index];
	bool known = true;
	size_t wrong;

	if (tasks != NULL && (each != NULL || task != NULL)) {
		workflow_key_fault(w, each != NULL ? each : task,
		    "'tasks' and '%s' exclude each other: a step has its tasks written down, or "
		    "made for each item of a list",
		    each != NULL ? "foreach" : "task");
		return;
	}
	if (task != NULL && each == NULL) {
		workflow_key_fault(w, task,
		    "'task' needs a 'foreach', whose items it is made for; tasks that are known "
		    "are 'tasks'");
		return;
	}
	if (each != NULL) {
		more->foreach = workflow_read_foreach(w, node, index);
		return;
	}
	if (!has_work(node)) {
		workflow_fault(w, node,
		    "a step needs 'tasks', a 'foreach' with its 'task', or a 'prompt' or 'run' of "
		    "its own");
		return;
	}
	known = tasks != NULL ? read_tasks(w, tasks, index) : read_short(w, node, index);
	step->count = w->plan->ntasks - step->first;
	wrong = workflow_bind(w->plan, index, known, tell, w);
	if (wrong > DIAG_MAX)
		w->diag->count += wrong - DIAG_MAX;
	check_tokens(w, step);
}

static void read_step(struct workflow *w, cJSON *node, size_t index)
{
	struct step *step = &w->plan->steps[index];
	struct step_more *more = arena_take(&w->plan->arena, sizeof(*more));
	bool good;

	w->here = workflow_place(w, node);
	w->nnodes = 0;
	step->first = w->plan->ntasks;
	step->more = more;
	more->retries = UNSET;
	more->limits.jobs = UNSET;
	if (!cJSON_IsObject(node))
		return;
	good = check_keys(w, node) || has_work(node);
	more->single = is_short(node);
	workflow_read_step_keys(w, node, index, more);
	if (good)
		read_work(w, node, index, more);
	workflow_read_merge(w, node, index, more);
}

void workflow_read_steps(struct workflow *w)
{
	cJSON *steps = cJSON_GetObjectItemCaseSensitive(w->document.root, "steps");
	struct plan *plan = w->plan;
	size_t index = 0;
	cJSON *step;

	if (steps == NULL) {
		workflow_fault(w, w->document.root, "a workflow needs 'steps'");
		return;
	}
	if (!cJSON_IsArray(steps) || steps->child == NULL) {
		workflow_expected(w, steps, "an array of at least one step");
		return;
	}
	cJSON_ArrayForEach(step, steps) index++;
	plan->steps = arena_take(&plan->arena, index * sizeof(*plan->steps));
	plan->nsteps = index;
	index = 0;
	cJSON_ArrayForEach(step, steps) read_id(w, step, index++);
	index = 0;
	cJSON_ArrayForEach(step, steps) read_step(w, step, index++);
}
