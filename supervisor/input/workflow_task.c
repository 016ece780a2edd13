#include "supervisor/input/workflow_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "shared/text.h"
#include "supervisor/input/taskobject.h"
#include "supervisor/input/template.h"

const char *const workflow_task_keys[] = {
	"id",
	"agent",
	"prompt",
	"run",
	"needs",
	"reads",
	"writes",
	"cwd",
	"env",
	"stdin",
	"timeout",
	"idle_timeout",
	"retries",
	"tokens",
	"priority",
	"refine",
	"output",
};
const size_t workflow_task_nkeys = sizeof(workflow_task_keys) / sizeof(workflow_task_keys[0]);

bool workflow_is_task_key(const char *key)
{
	for (size_t i = 0; i < workflow_task_nkeys; i++)
		if (strcmp(workflow_task_keys[i], key) == 0)
			return true;
	return false;
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

void workflow_refuse_name(struct buf *out, const char *key, const char *name, const char *item)
{
	if (begins(name, "steps.") || begins(name, "tasks."))
		buf_addf(out,
		    "'%s': '%s' is a result, and results are put into prompts only: a command gets "
		    "them as files, see POLLARD_RESULTS",
		    key, safe(name));
	else if (begins(name, "attempt."))
		buf_addf(out, "'%s': '%s' is known in 'refine' only", key, safe(name));
	else
		buf_addf(out, "'%s': unknown name '%s'; there are goal%s vars.NAME%s%s", key,
		    safe(name), item != NULL ? "," : " and", item != NULL ? " and " : "",
		    item != NULL ? item : "");
}

/* A text that is no prompt holds no name any more, and becomes what it stands for. */
static void settle_text(const struct task_maker *m, const char *key, cJSON *value)
{
	struct buf text = BUF_INIT, why = BUF_INIT;

	if (workflow_names_any(value->valuestring, &text)) {
		workflow_refuse_name(&why, key, buf_str(&text), NULL);
		fault_add(m->faults, "%s", buf_str(&why));
		buf_free(&why);
		buf_free(&text);
		return;
	}
	template_unquote(&text, value->valuestring, strlen(value->valuestring));
	free(value->valuestring);
	value->valuestring = buf_detach(&text);
}

static void settle_member(const struct task_maker *m, const char *key, cJSON *value)
{
	cJSON *item;

	if (m->document != NULL)
		m->faults->here = document_place(m->document, value);
	if (cJSON_IsString(value) && template_is(value->valuestring))
		settle_text(m, key, value);
	cJSON_ArrayForEach(item, value) settle_member(m, key, item);
}

static void settle_members(const struct task_maker *m, cJSON *tree)
{
	cJSON *member;

	cJSON_ArrayForEach(member, tree)
	{
		if (member->string == NULL || !workflow_is_task_key(member->string) ||
		    strcmp(member->string, "prompt") == 0 || strcmp(member->string, "refine") == 0)
			continue;
		settle_member(m, member->string, member);
	}
	m->faults->here = (struct place){ 0 };
}

static bool is_option_given(const struct config *config, const char *key)
{
	if (strcmp(key, "timeout") == 0)
		return config->timeout_ms != NOT_GIVEN;
	if (strcmp(key, "idle_timeout") == 0)
		return config->idle_timeout_ms != NOT_GIVEN;
	if (strcmp(key, "retries") == 0)
		return config->retries != NOT_GIVEN;
	return false;
}

static bool is_of_prompts(const char *key)
{
	return strcmp(key, "agent") == 0 || strcmp(key, "refine") == 0;
}

static void add_members(cJSON *object, const cJSON *more)
{
	const cJSON *member;

	if (!cJSON_IsObject(object) || !cJSON_IsObject(more))
		return;
	cJSON_ArrayForEach(member, more)
	{
		if (json_get(object, member->string) == NULL)
			cJSON_AddItemToObject(object, member->string,
			    cJSON_Duplicate(member, true));
	}
}

void workflow_add_defaults(const struct workflow *w, cJSON *task)
{
	bool prompt = json_get(task, "prompt") != NULL;
	const cJSON *member;

	cJSON_ArrayForEach(member, w->defaults)
	{
		const char *key = member->string;
		cJSON *own = cJSON_GetObjectItemCaseSensitive(task, key);

		if (!workflow_is_task_key(key) || is_option_given(w->config, key) ||
		    (is_of_prompts(key) && !prompt))
			continue;
		if (own == NULL)
			cJSON_AddItemToObject(task, key, cJSON_Duplicate(member, true));
		else if (strcmp(key, "env") == 0)
			add_members(own, member);
	}
}

/* A task without an id is known by its number in the step. */
static void settle_number(struct task_maker *m, struct task *task, uint32_t number)
{
	struct idset *ids = &m->plan->steps[m->step].ids;
	char id[16];
	uint32_t line;

	snprintf(id, sizeof(id), "%u", number);
	task->id = arena_strdup(&m->plan->arena, id);
	if (idset_find(ids, id, &line) != 0)
		fault_add(m->faults,
		    "this task has no id and is known by its number in the step, %s, which is the "
		    "id in %s %u: give this one an id",
		    id, m->unit, line);
	else
		idset_add(ids, task->id, task->number, 0);
}

static void settle_id(struct task_maker *m, struct task *task)
{
	struct idset *ids = &m->plan->steps[m->step].ids;
	uint32_t line;

	if (idset_find(ids, task->id, &line) == 0)
		idset_add(ids, task->id, task->number, task->line);
	else if (line != 0)
		fault_add(m->faults, "duplicate id '%s': it is already that of %s %u", task->id,
		    m->unit, line);
	else
		fault_add(m->faults,
		    "id '%s' is taken: task number %s of the step has no id and is known by its "
		    "number",
		    task->id, task->id);
}

static void keep_record(struct arena *arena, const cJSON *tree, struct task *task)
{
	struct buf text = BUF_INIT;

	json_print(&text, tree);
	task->record = arena_copy(arena, text.data, text.len);
	task->record_len = text.len;
	buf_free(&text);
}

bool workflow_make_task(struct task_maker *m, cJSON *tree, uint32_t line, uint32_t number)
{
	struct taskobject_context context = { .agents = m->agents, .document = m->document };
	struct arena *arena = &m->plan->arena;
	struct task task = { .kind = TASK_LINE, .text = "", .line = line, .templated = true };
	bool known = true;

	/* the record is read as it was written, with what is quoted still quoted */
	keep_record(arena, tree, &task);
	settle_members(m, tree);
	taskobject_read_tree(tree, &context, arena, &task, m->faults);
	m->faults->here = (struct place){ 0 };
	task.number = (uint32_t)m->plan->ntasks + 1;
	if (task.id != NULL)
		settle_id(m, &task);
	else
		known = json_get(tree, "id") == NULL;
	if (task.id == NULL && known)
		settle_number(m, &task, number);
	else if (task.id == NULL)
		task.id = "";
	*plan_add(m->plan) = task;
	return known;
}

void workflow_read_defaults(struct workflow *w)
{
	struct taskobject_context context = { .agents = w->agents,
		.document = &w->document,
		.partial = true };
	const struct task_maker maker = { .faults = &w->faults, .document = &w->document };
	cJSON *defaults = cJSON_GetObjectItemCaseSensitive(w->document.root, "defaults");
	struct task task = { .text = "" };

	if (defaults == NULL)
		return;
	if (!cJSON_IsObject(defaults)) {
		workflow_expected(w, defaults, "an object with keys of tasks");
		return;
	}
	/* tasks take them as they were written, and settle them as their own */
	w->defaults = cJSON_Duplicate(defaults, true);
	settle_members(&maker, defaults);
	taskobject_read_tree(defaults, &context, &w->plan->arena, &task, &w->faults);
	if (w->faults.count > 0) {
		/* what is wrong with them is told once, not for each task */
		cJSON_Delete(w->defaults);
		w->defaults = NULL;
	}
	workflow_tell_faults(w, defaults);
}
