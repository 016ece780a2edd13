#include "supervisor/input/workflow_read.h"

#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "shared/names.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/input/template.h"

#define SHOWN_MAX 10 /* variables that a message names */

/* Names of a template, while one is looked for. */
struct first_name {
	struct buf *out;
	bool found;
};

static void keep_first(void *context, const char *name, size_t len)
{
	struct first_name *first = context;

	if (!first->found)
		buf_add(first->out, name, len);
	first->found = true;
}

bool workflow_names_any(const char *text, struct buf *out)
{
	struct first_name first = { out, false };

	if (template_is(text))
		template_names(text, keep_first, &first);
	return first.found;
}

bool workflow_is_item(const char *name, size_t len, const char *item)
{
	size_t n = item != NULL ? strlen(item) : 0;

	if (item == NULL || len < n || memcmp(name, item, n) != 0)
		return false;
	return len == n || name[n] == '.';
}

/* Texts where a text is wanted */

/* A plain scalar of YAML that is no string has its text beside its value. */
static void make_text(cJSON *value)
{
	if ((value->type & (cJSON_Number | cJSON_True | cJSON_False | cJSON_NULL)) != 0 &&
	    value->valuestring != NULL)
		value->type = (value->type & ~0xff) | cJSON_String;
}

static void make_texts(cJSON *container)
{
	cJSON *item;

	cJSON_ArrayForEach(item, container) make_text(item);
}

void workflow_give_texts(cJSON *value)
{
	struct buf text = BUF_INIT;
	cJSON *item;

	if ((cJSON_IsNumber(value) || cJSON_IsBool(value)) && value->valuestring == NULL) {
		template_value(&text, value);
		value->valuestring = buf_detach(&text);
	}
	if (cJSON_IsArray(value) || cJSON_IsObject(value))
		cJSON_ArrayForEach(item, value) workflow_give_texts(item);
}

static bool is_one_of(const char *key, const char *const *names)
{
	for (; *names != NULL; names++)
		if (strcmp(key, *names) == 0)
			return true;
	return false;
}

void workflow_settle_task(cJSON *task)
{
	static const char *const texts[] = { "id", "agent", "prompt", "run", "cwd", "stdin",
		"refine", "output", NULL };
	static const char *const containers[] = { "run", "needs", "reads", "writes", "env", NULL };
	cJSON *member;

	if (!cJSON_IsObject(task))
		return;
	cJSON_ArrayForEach(member, task)
	{
		if (is_one_of(member->string, texts))
			make_text(member);
		if (is_one_of(member->string, containers) &&
		    (cJSON_IsArray(member) || cJSON_IsObject(member)))
			make_texts(member);
	}
}

static void settle_step(cJSON *step)
{
	static const char *const texts[] = { "id", "title", "goal", "when", "debugger",
		"on_conflict", "merge", NULL };
	cJSON *member, *task;

	if (!cJSON_IsObject(step))
		return;
	workflow_settle_task(step);
	cJSON_ArrayForEach(member, step)
	{
		if (is_one_of(member->string, texts))
			make_text(member);
		if (strcmp(member->string, "merge") == 0 && cJSON_IsObject(member))
			make_texts(member);
		if (strcmp(member->string, "task") == 0)
			workflow_settle_task(member);
		if (strcmp(member->string, "tasks") == 0 && cJSON_IsArray(member))
			cJSON_ArrayForEach(task, member) workflow_settle_task(task);
	}
}

static void settle(cJSON *root)
{
	cJSON *member, *step;

	cJSON_ArrayForEach(member, root)
	{
		if (strcmp(member->string, "name") == 0 || strcmp(member->string, "goal") == 0)
			make_text(member);
		if (strcmp(member->string, "defaults") == 0)
			workflow_settle_task(member);
		if (strcmp(member->string, "steps") == 0 && cJSON_IsArray(member))
			cJSON_ArrayForEach(step, member) settle_step(step);
	}
}

/* Variables */

bool workflow_name_valid(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";

	if (*name == '\0' || strchr(letters, *name) == NULL)
		return false;
	return name[strspn(name,
		   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789-")] == '\0';
}

/*
 * In a value nothing is put in, but a quoted ${{ is what it is everywhere. Numbers lose how they
 * were written: the document that the record keeps has only what they are.
 */
static bool unquote(struct workflow *w, const char *variable, const cJSON *at, cJSON *value)
{
	struct buf text = BUF_INIT;
	bool good = true;
	const cJSON *below;
	cJSON *item;

	if (!cJSON_IsString(value)) {
		free(value->valuestring);
		value->valuestring = NULL;
	} else if (template_is(value->valuestring)) {
		good = !workflow_names_any(value->valuestring, &text);
		if (good) {
			template_unquote(&text, value->valuestring, strlen(value->valuestring));
			free(value->valuestring);
			value->valuestring = buf_detach(&text);
		} else {
			workflow_fault(w, at,
			    "'vars': the value of '%s' is put in as it is, there is no template in "
			    "it; a literal ${{ is written $${{",
			    safe(variable));
		}
		buf_free(&text);
	}
	item = value->child;
	cJSON_ArrayForEach(below, at)
	{
		good = unquote(w, variable, below, item) && good;
		item = item->next;
	}
	return good;
}

static bool read_vars(struct workflow *w)
{
	const cJSON *vars = json_get(w->document.root, "vars"), *at;
	bool good = true;

	w->vars = cJSON_CreateObject();
	if (vars == NULL)
		return true;
	if (!cJSON_IsObject(vars)) {
		workflow_expected(w, vars, "an object with a value for each name");
		return false;
	}
	cJSON_ArrayForEach(at, vars)
	{
		cJSON *copy = cJSON_Duplicate(at, true);

		if (!workflow_name_valid(at->string)) {
			workflow_key_fault(w, at,
			    "'vars': expected a name of letters, digits, '_' and '-', the first a "
			    "letter or '_', got '%s'",
			    safe(at->string));
			good = false;
		}
		good = unquote(w, at->string, at, copy) && good;
		cJSON_AddItemToObject(w->vars, at->string, copy);
	}
	return good;
}

/* What there is instead of an unknown variable. */
static void suggest(const struct workflow *w, const char *name, struct buf *why)
{
	const char **names = xcalloc((size_t)cJSON_GetArraySize(w->vars) + 1, sizeof(*names));
	const cJSON *variable;
	const char *near;
	size_t count = 0;

	cJSON_ArrayForEach(variable, w->vars) names[count++] = variable->string;
	near = names_suggest(name, names, count);
	if (near != NULL)
		buf_addf(why, ", did you mean '%s'?", safe(near));
	else if (count == 0)
		buf_addstr(why, "; the workflow has no 'vars'");
	for (size_t i = 0; near == NULL && i < count && i < SHOWN_MAX; i++)
		buf_addf(why, "%s'%s'", i == 0 ? "; 'vars' has " : ", ", safe(names[i]));
	if (near == NULL && count > SHOWN_MAX)
		buf_addf(why, " and %zu more", count - SHOWN_MAX);
	free(names);
}

/* What a value has to be for --var, by what the file has; NULL: any text. */
static const char *wanted_of(const cJSON *before)
{
	if (cJSON_IsBool(before))
		return "true or false";
	if (cJSON_IsNumber(before))
		return "a number";
	if (cJSON_IsArray(before))
		return "a JSON array";
	return cJSON_IsObject(before) ? "a JSON object" : NULL;
}

static bool same_kind(const cJSON *a, const cJSON *b)
{
	return (cJSON_IsBool(a) && cJSON_IsBool(b)) || (a->type & 0xff) == (b->type & 0xff);
}

/* The text given with --var as a value of the kind that the variable has in the file, or NULL. */
static cJSON *typed(const cJSON *before, const char *text)
{
	struct json_error error;
	cJSON *value;

	if (wanted_of(before) == NULL)
		return cJSON_CreateString(text);
	value = json_parse(text, strlen(text), &error);
	if (value == NULL || !same_kind(before, value)) {
		cJSON_Delete(value);
		return NULL;
	}
	return value;
}

/* In the file's own form, where a ${{ is quoted. */
static void quote(cJSON *value)
{
	struct buf text = BUF_INIT;
	cJSON *item;

	if (cJSON_IsString(value)) {
		template_quote(&text, value->valuestring, strlen(value->valuestring));
		free(value->valuestring);
		value->valuestring = buf_detach(&text);
	}
	cJSON_ArrayForEach(item, value) quote(item);
}

/* The document keeps the value too, so that it can be read again without the option. */
static void keep_in_document(struct workflow *w, const char *name, const cJSON *value)
{
	cJSON *vars = cJSON_GetObjectItemCaseSensitive(w->document.root, "vars");
	cJSON *copy = cJSON_Duplicate(value, true);

	quote(copy);
	cJSON_ReplaceItemInObjectCaseSensitive(vars, name, copy);
}

static bool set_variable(struct workflow *w, const char *name, const char *text)
{
	const cJSON *before = json_get(w->vars, name);
	struct buf why = BUF_INIT;
	cJSON *value;

	if (before == NULL) {
		suggest(w, name, &why);
		diag_add(w->diag, "option '--var'", 0, 0, "no variable '%s'%s", safe(name),
		    buf_str(&why));
		buf_free(&why);
		return false;
	}
	value = typed(before, text);
	if (value == NULL) {
		diag_add(w->diag, "option '--var'", 0, 0,
		    "'%s': expected %s, as in the workflow, got '%s'", safe(name),
		    wanted_of(before), safe(text));
		return false;
	}
	keep_in_document(w, name, value);
	cJSON_ReplaceItemInObjectCaseSensitive(w->vars, name, value);
	return true;
}

static bool set_variables(struct workflow *w)
{
	bool good = true;

	for (size_t i = 0; i < w->config->nvars; i++) {
		const struct variable *v = &w->config->vars[i];
		char *name = xmemdup0(v->name, v->name_len);

		good = set_variable(w, name, v->value) && good;
		free(name);
	}
	return good;
}

/* Putting in */

static cJSON *look_up_variable(struct workflow *w, const char *name, struct buf *why)
{
	size_t len = strcspn(name, ".");
	char *variable = xmemdup0(name, len);
	const cJSON *value = json_get(w->vars, variable);
	cJSON *copy = NULL;

	if (value == NULL) {
		buf_addf(why, "no variable '%s'", safe(variable));
		suggest(w, variable, why);
	} else if (name[len] == '\0') {
		copy = cJSON_Duplicate(value, true);
	} else {
		value = json_at(value, name + len + 1);
		if (value != NULL)
			copy = cJSON_Duplicate(value, true);
		else
			buf_addf(why, "there is nothing at '%s' in the variable '%s'",
			    safe(name + len + 1), safe(variable));
	}
	free(variable);
	return copy;
}

cJSON *workflow_look_up(void *context, const char *name, size_t len, struct buf *why)
{
	struct workflow *w = context;
	char *text;
	cJSON *value;

	if (len == strlen("goal") && memcmp(name, "goal", len) == 0) {
		if (w->goal != NULL)
			return cJSON_Duplicate(w->goal, true);
		buf_addstr(why, "the workflow has no 'goal' before this");
		return NULL;
	}
	if (len == strlen("vars") && memcmp(name, "vars", len) == 0) {
		buf_addstr(why, "'vars' stands for all variables: name one, as vars.NAME");
		return NULL;
	}
	if (len < strlen("vars.") || memcmp(name, "vars.", strlen("vars.")) != 0)
		return NULL;
	text = xmemdup0(name, len);
	value = look_up_variable(w, text + strlen("vars."), why);
	free(text);
	return value;
}

void workflow_replace(cJSON *node, cJSON *content)
{
	free(node->valuestring);
	node->valuestring = content->valuestring;
	cJSON_Delete(node->child);
	node->valuedouble = content->valuedouble;
	node->valueint = content->valueint;
	node->child = content->child;
	node->type = (node->type & ~0xff) | (content->type & 0xff);
	content->valuestring = NULL;
	content->child = NULL;
	cJSON_Delete(content);
}

static void fill_text(struct workflow *w, cJSON *node)
{
	struct buf why = BUF_INIT;
	cJSON *filled = template_fill(node, workflow_look_up, w, &why, NULL);

	if (filled == NULL) {
		workflow_fault(w, node, "%s", buf_str(&why));
	} else {
		workflow_give_texts(filled);
		workflow_replace(node, filled);
	}
	buf_free(&why);
}

/*
 * How much of a condition is the name on its left, with its braces: 0 when it has none, or they are
 * around a piece of the name only. What it stands for is a value to be compared, no part of the text.
 */
static size_t braced_name(const char *text)
{
	size_t start = strspn(text, " \t\r\n");
	const char *end = strncmp(text + start, "${{", 3) == 0 ? strstr(text + start, "}}") : NULL;

	if (end == NULL)
		return 0;
	end += 2;
	return *end == '\0' || strchr(" \t\r\n=!<>", *end) != NULL ? (size_t)(end - text) : 0;
}

static void fill_condition(struct workflow *w, cJSON *node)
{
	size_t len = braced_name(node->valuestring);
	char *name = xmemdup0(node->valuestring, len);
	struct buf text = BUF_INIT;

	/* only what follows is a text */
	memmove(node->valuestring, node->valuestring + len, strlen(node->valuestring) - len + 1);
	if (template_is(node->valuestring))
		fill_text(w, node);
	make_text(node);
	buf_addstr(&text, name);
	buf_addstr(&text, cJSON_IsString(node) ? node->valuestring : "");
	free(node->valuestring);
	node->valuestring = buf_detach(&text);
	free(name);
}

/* Text by text, so that each that cannot be filled is told, with its place. */
static void fill(struct workflow *w, cJSON *node)
{
	cJSON *item;

	if (cJSON_IsString(node)) {
		if (template_is(node->valuestring))
			fill_text(w, node);
		return;
	}
	cJSON_ArrayForEach(item, node)
	{
		/* what is the user's own is carried as it is */
		if (item->string == NULL || strncmp(item->string, "x-", 2) != 0)
			fill(w, item);
	}
}

static void fill_steps(struct workflow *w, cJSON *steps)
{
	cJSON *step, *member;

	cJSON_ArrayForEach(step, steps)
	{
		cJSON_ArrayForEach(member, step)
		{
			if (member->string != NULL && strncmp(member->string, "x-", 2) == 0)
				continue;
			if (member->string != NULL && strcmp(member->string, "when") == 0 &&
			    cJSON_IsString(member))
				fill_condition(w, member);
			else
				fill(w, member);
		}
	}
}

/* The goal first: it may stand everywhere else. */
static void fill_goal(struct workflow *w)
{
	cJSON *goal = cJSON_GetObjectItemCaseSensitive(w->document.root, "goal");
	struct buf text = BUF_INIT;

	if (!cJSON_IsString(goal))
		return;
	fill(w, goal);
	make_text(goal);
	if (!cJSON_IsString(goal))
		return;
	/* put in it is text, no template */
	template_unquote(&text, goal->valuestring, strlen(goal->valuestring));
	w->goal = cJSON_CreateString(buf_str(&text));
	buf_free(&text);
}

static void print_document(struct workflow *w)
{
	struct buf text = BUF_INIT;

	json_print(&text, w->document.root);
	w->plan->document = arena_copy(&w->plan->arena, text.data, text.len);
	w->plan->document_len = text.len;
	buf_free(&text);
}

bool workflow_fill(struct workflow *w)
{
	size_t before = w->diag->count;
	cJSON *item;

	settle(w->document.root);
	if (!read_vars(w) || !set_variables(w))
		return false;
	print_document(w);
	fill_goal(w);
	cJSON_ArrayForEach(item, w->document.root)
	{
		if (strcmp(item->string, "steps") == 0 && cJSON_IsArray(item))
			fill_steps(w, item);
		else if (strcmp(item->string, "goal") != 0 && strcmp(item->string, "vars") != 0 &&
		    strncmp(item->string, "x-", 2) != 0)
			fill(w, item);
	}
	settle(w->document.root);
	return w->diag->count == before;
}
