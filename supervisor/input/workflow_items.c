#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "shared/names.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/input/taskobject.h"
#include "supervisor/input/template.h"
#include "supervisor/input/workflow_read.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ITEMS_MAX 1000 /* what `max` is without one: a list that an agent wrote has an end */

/* Names in a text of the task, before there is an item. On the stack of whoever checks it. */
struct naming {
	struct workflow *w;
	const cJSON *at;  /* the text */
	const char *key;  /* of the task */
	const char *item; /* what an item is called */
	struct template_scope scope;
	bool compiled; /* other names may stand in it: a prompt or a refinement */
	bool has_item;
	bool bad;
};

/* What stands for a text that holds an item's, so that all else can be checked as it will be. */
static const struct stand_in {
	const char *key;
	const char *json;
} stand_ins[] = {
	{ "id", "\"x\"" },
	{ "agent", "\"x\"" },
	{ "prompt", "\"x\"" },
	{ "run", "[\"x\"]" },
	{ "needs", "[]" },
	{ "reads", "[]" },
	{ "writes", "[]" },
	{ "cwd", "\"x\"" },
	{ "env", "{}" },
	{ "stdin", "\"x\"" },
	{ "timeout", "1" },
	{ "idle_timeout", "1" },
	{ "retries", "1" },
	{ "tokens", "1" },
	{ "priority", "1" },
	{ "refine", "\"x\"" },
	{ "output", "\"text\"" },
};

static void stand_in(const char *key, cJSON *node)
{
	struct json_error error;

	for (size_t i = 0; i < COUNT(stand_ins); i++)
		if (strcmp(stand_ins[i].key, key) == 0)
			workflow_replace(node,
			    json_parse(stand_ins[i].json, strlen(stand_ins[i].json), &error));
}

/* A name that is not the item's, where nothing else can be put in. */
static void refuse_name(struct naming *n, const char *name)
{
	struct buf why = BUF_INIT;

	workflow_refuse_name(&why, n->key, name, n->item);
	workflow_fault(n->w, n->at, "%s", buf_str(&why));
	buf_free(&why);
}

static void check_name(void *context, const char *name, size_t len)
{
	struct naming *n = context;
	struct buf why = BUF_INIT;
	char *text;

	if (workflow_is_item(name, len, n->item)) {
		n->has_item = true;
		return;
	}
	if (n->bad)
		return;
	if (!n->compiled) {
		text = xmemdup0(name, len);
		refuse_name(n, text);
		n->bad = true;
		free(text);
	} else if (name_compile(name, len, &n->scope, &n->w->plan->arena, &why) == NULL) {
		workflow_fault(n->w, n->at, "'%s': %s", n->key, buf_str(&why));
		n->bad = true;
	}
	buf_free(&why);
}

/* Checks the names in a value of the task, and puts something harmless where they stand. */
static void check_names(struct naming *n, cJSON *value)
{
	cJSON *item;

	if (cJSON_IsString(value) && template_is(value->valuestring)) {
		n->at = value;
		n->has_item = n->bad = false;
		template_names(value->valuestring, check_name, n);
		if (n->has_item || n->bad) {
			bool whole = value->string != NULL && strcmp(value->string, n->key) == 0;

			stand_in(whole ? n->key : "id", value);
		}
	}
	cJSON_ArrayForEach(item, value) check_names(n, item);
}

static bool holds_item(struct naming *n, const cJSON *text)
{
	n->at = text;
	n->has_item = n->bad = false;
	template_names(text->valuestring, check_name, n);
	return n->has_item;
}

static bool is_shell(const char *word)
{
	static const char *const shells[] = { "sh", "ash", "bash", "dash", "ksh", "mksh", "zsh" };
	const char *slash = strrchr(word, '/');

	for (size_t i = 0; i < COUNT(shells); i++)
		if (strcmp(slash != NULL ? slash + 1 : word, shells[i]) == 0)
			return true;
	return false;
}

/* -c, -ec, -lc */
static bool is_script_option(const char *word)
{
	return word[0] == '-' && word[1] != '-' && word[1] != '\0' && word[strlen(word) - 1] == 'c';
}

/* The word of [sh, -c, SCRIPT, ...] that the shell reads as a script; NULL when there is none. */
static const cJSON *shell_script(const cJSON *run)
{
	bool shell = false, option = false;
	const cJSON *word;

	cJSON_ArrayForEach(word, run)
	{
		if (!cJSON_IsString(word))
			return NULL;
		if (option)
			return word;
		option = shell && is_script_option(word->valuestring);
		shell = shell || is_shell(word->valuestring);
	}
	return NULL;
}

/* A text of the shell's that came from an agent would be a command of the agent's. */
static bool check_shell(struct naming *n, cJSON *value)
{
	const cJSON *script;

	if (strcmp(n->key, "run") != 0)
		return true;
	if (!cJSON_IsString(value)) {
		script = shell_script(value);
		if (script != NULL && holds_item(n, script))
			workflow_fault(n->w, script,
			    "'run': what an item holds would become part of a shell command: give "
			    "it as a word behind that, which is \"$0\", or in 'env' or 'stdin'");
		return true;
	}
	if (!holds_item(n, value))
		return true;
	workflow_fault(n->w, value,
	    "'run': what an item holds would become part of a shell command: write 'run' as an "
	    "array of words, or give it in 'env' or 'stdin'");
	stand_in("run", value);
	return false;
}

static void check_members(struct workflow *w, const char *item, size_t index, cJSON *task)
{
	cJSON *member;

	cJSON_ArrayForEach(member, task)
	{
		bool prompt = strcmp(member->string, "prompt") == 0;
		bool refine = strcmp(member->string, "refine") == 0;
		struct naming naming = { .w = w,
			.key = member->string,
			.item = item,
			.compiled = prompt || refine,
			.scope = { .plan = w->plan, .step = index, .attempt = refine } };

		if (workflow_is_task_key(member->string) && check_shell(&naming, member))
			check_names(&naming, member);
	}
}

/* When the item says whom to ask, any agent will do for the check. */
static void stand_in_agent(struct workflow *w, cJSON *task, bool templated)
{
	cJSON *agent = cJSON_GetObjectItemCaseSensitive(task, "agent");
	size_t count;
	const struct agent *const *list = agents_list(w->agents, &count);

	if (templated && cJSON_IsString(agent) && count > 0)
		workflow_replace(agent, cJSON_CreateString(list[0]->name));
}

static bool names_item(const char *text, const char *item)
{
	struct naming naming = { .item = item, .bad = true };

	template_names(text, check_name, &naming);
	return naming.has_item;
}

/* As much as can be known without an item. */
static void check_task(struct workflow *w, const char *item, size_t index, cJSON *task)
{
	struct taskobject_context context = { .agents = w->agents, .document = &w->document };
	struct arena scratch = { .kind = ARENA_SMALL };
	struct task unused = { .text = "" };
	const char *agent = json_get_string(task, "agent");
	bool templated = agent != NULL && names_item(agent, item);

	check_members(w, item, index, task);
	stand_in_agent(w, task, templated);
	taskobject_read_tree(task, &context, &scratch, &unused, &w->faults);
	workflow_tell_faults(w, task);
	arena_free(&scratch);
}

/* The name of the list, without the braces that may be around it. */
static const struct name *read_in(struct workflow *w, const cJSON *each, size_t index)
{
	const struct template_scope scope = { .plan = w->plan, .step = index };
	const cJSON *at = json_get(each, "in");
	struct buf why = BUF_INIT, inner = BUF_INIT;
	const struct name *name;

	if (at == NULL) {
		workflow_fault(w, each,
		    "'foreach' needs an 'in', the name of a list such as "
		    "steps.plan.result.items");
		return NULL;
	}
	if (!cJSON_IsString(at)) {
		workflow_expected(w, at, "the name of a list such as steps.plan.result.items");
		return NULL;
	}
	if (!workflow_names_any(at->valuestring, &inner))
		buf_addstr(&inner, at->valuestring);
	name = name_compile(buf_str(&inner), inner.len, &scope, &w->plan->arena, &why);
	if (name == NULL)
		workflow_fault(w, at, "'in': %s", buf_str(&why));
	else if (name->kind != NAME_TASK_RESULT)
		workflow_fault(w, at,
		    "'in': '%s' is no list: name a part of a result, such as "
		    "steps.plan.result.items",
		    safe(name->text));
	buf_free(&inner);
	buf_free(&why);
	return name;
}

static const char *read_as(struct workflow *w, const cJSON *each)
{
	static const char *const taken[] = { "goal", "vars", "steps", "tasks", "attempt" };
	static const char expected[] =
	    "a name of letters, digits, '_' and '-' that is not goal, vars, steps, tasks or attempt";
	const cJSON *at = json_get(each, "as");
	const char *as;

	if (at == NULL)
		return "item";
	as = workflow_text(w, at, expected);
	if (as == NULL)
		return "item";
	for (size_t i = 0; i < COUNT(taken); i++)
		if (strcmp(as, taken[i]) == 0 || strchr(as, '.') != NULL ||
		    !workflow_name_valid(as)) {
			workflow_expected(w, at, expected);
			return "item";
		}
	return as;
}

static const char *read_order(struct workflow *w, const cJSON *each)
{
	static const char expected[] = "the name of a number in each item, such as impact";
	const cJSON *at = json_get(each, "order_by");
	const char *path = workflow_text(w, at, expected);

	if (path == NULL)
		return NULL;
	if (path[0] == '.' || path[strlen(path) - 1] == '.' || strstr(path, "..") != NULL ||
	    strpbrk(path, " \t\n") != NULL) {
		workflow_expected(w, at, expected);
		return NULL;
	}
	return path;
}

static void keep_task(struct workflow *w, const cJSON *task, struct foreach *f)
{
	struct buf text = BUF_INIT;

	json_print(&text, task);
	f->task = arena_copy(&w->plan->arena, text.data, text.len);
	f->task_len = text.len;
	buf_free(&text);
}

const struct foreach *workflow_read_foreach(struct workflow *w, cJSON *step, size_t index)
{
	static const char *const names[] = { "in", "as", "max", "order_by" };
	cJSON *each = cJSON_GetObjectItemCaseSensitive(step, "foreach");
	cJSON *task = cJSON_GetObjectItemCaseSensitive(step, "task");
	struct foreach *f = arena_take(&w->plan->arena, sizeof(*f));
	const cJSON *max;

	if (!cJSON_IsObject(each)) {
		workflow_expected(w, each, "an object with 'in', the name of a list");
		return NULL;
	}
	workflow_check_keys(w, each, names, COUNT(names));
	f->in = read_in(w, each, index);
	f->as = read_as(w, each);
	f->order_by = read_order(w, each);
	f->max = ITEMS_MAX;
	max = json_get(each, "max");
	if (max != NULL)
		workflow_integer(w, max, 1, UINT32_MAX, &f->max, "a number of items, at least 1");
	if (task == NULL) {
		workflow_fault(w, each, "'foreach' needs a 'task', which is made for each item");
		return f;
	}
	if (!cJSON_IsObject(task)) {
		workflow_expected(w, task, "a task, an object with keys such as 'prompt' or 'run'");
		return f;
	}
	workflow_add_defaults(w, task);
	keep_task(w, task, f);
	check_task(w, f->as, index, task);
	return f;
}
