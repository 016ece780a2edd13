/*
 * Templates and conditions: what is quoted is read as it was, and whatever value is put in, it is
 * never a template itself. The input is a template, and behind its first NUL a value.
 */
#include <string.h>

#include "shared/xalloc.h"
#include "supervisor/input/condition.h"
#include "supervisor/input/task.h"
#include "supervisor/input/template.h"
#include "tests/fuzz/fuzz.h"

static const struct foreach made_later = { .as = "item" };
static const struct step_more single = { .single = true }, unmade = { .foreach = &made_later };

static struct plan plan;

static struct step steps[] = {
	{ .id = "a", .more = &single },
	{ .id = "a.result", .count = 1 },
	{ .id = "b", .first = 1, .count = 2 },
	{ .id = "c", .more = &unmade },
	{ .id = "d", .first = 3, .count = 2 },
	{ .id = "e" },
};

static void make_plan(void)
{
	static const char *const ids[] = { "x", "x", "x.result", "x", "y" };
	static struct task tasks[sizeof(ids) / sizeof(ids[0])];

	plan = (struct plan){ .tasks = tasks, .ntasks = sizeof(ids) / sizeof(ids[0]) };
	plan.steps = steps;
	plan.nsteps = sizeof(steps) / sizeof(steps[0]);
	for (size_t i = 0; i < plan.ntasks; i++)
		tasks[i].id = ids[i];
	for (size_t s = 0; s < plan.nsteps; s++)
		for (size_t i = steps[s].first; i < steps[s].first + steps[s].count; i++)
			idset_add(&steps[s].ids, ids[i], (uint32_t)i + 1, 0);
}

static struct template_scope scope_of(bool attempt)
{
	return (struct template_scope){ .plan = &plan,
		.step = 4,
		.attempt = attempt,
		.same_step = true };
}

/* Every name but those of results is known, and stands for the value. */
static cJSON *look_up(void *context, const char *name, size_t len, struct buf *why)
{
	if (len > 0 && (name[0] == 's' || name[0] == 't'))
		return NULL;
	if (len > 0 && name[0] == '!')
		buf_addstr(why, "no");
	return len > 0 && name[0] == '!' ? NULL : cJSON_CreateString(context);
}

static void count_name(void *context, const char *name, size_t len)
{
	(void)name;
	(void)len;
	++*(size_t *)context;
}

static size_t count_names(const char *text)
{
	size_t n = 0;

	template_names(text, count_name, &n);
	return n;
}

static void count_unknown(void *context, const char *name, size_t len)
{
	if (len > 0 && (name[0] == 's' || name[0] == 't'))
		++*(size_t *)context;
}

static void check_quoting(const char *text)
{
	struct buf quoted = BUF_INIT, back = BUF_INIT;

	template_quote(&quoted, text, strlen(text));
	MUST(count_names(buf_str(&quoted)) == 0);
	template_unquote(&back, buf_str(&quoted), quoted.len);
	MUST(strcmp(buf_str(&back), text) == 0);
	buf_free(&quoted);
	buf_free(&back);
}

static void check_compiling(const char *text, bool attempt)
{
	const struct template_scope scope = scope_of(attempt);
	struct arena arena = { .kind = ARENA_SMALL };
	struct buf why = BUF_INIT;
	const struct template *t = template_compile(text, &scope, &arena, &why);

	MUST((t == NULL) == (why.len > 0));
	for (size_t i = 0; t != NULL && i < t->count; i++) {
		const struct name *name = t->parts[i].name;

		MUST((name == NULL) == (t->parts[i].text != NULL));
		if (name == NULL)
			continue;
		MUST(name->path != NULL && name->text != NULL && name->step < plan.nsteps);
		MUST(!attempt == (name->kind < NAME_ATTEMPT_NUMBER));
		MUST(attempt || name->step <= scope.step);
	}
	buf_free(&why);
	arena_free(&arena);
}

/* What was put in adds no name, takes none away, and a second time nothing is left to put in. */
static void check_filling(const char *text, char *value)
{
	cJSON *tree = cJSON_CreateObject(), *filled, *again;
	const cJSON *where = NULL;
	struct buf why = BUF_INIT;
	size_t left = 0;

	cJSON_AddItemToObject(tree, "key", cJSON_CreateString(text));
	filled = template_fill(tree, look_up, value, &why, &where);
	MUST((filled == NULL) == (why.len > 0));
	MUST((filled == NULL) == (where == tree->child));
	if (filled != NULL) {
		template_names(text, count_unknown, &left);
		MUST(count_names(filled->child->valuestring) == left);
		again = template_fill(filled, look_up, value, &why, NULL);
		MUST(again != NULL);
		MUST(strcmp(again->child->valuestring, filled->child->valuestring) == 0);
		cJSON_Delete(again);
	}
	cJSON_Delete(filled);
	cJSON_Delete(tree);
	buf_free(&why);
}

static void check_condition(const char *text, const char *value)
{
	const struct template_scope scope = scope_of(false);
	struct arena arena = { .kind = ARENA_SMALL };
	struct buf why = BUF_INIT;
	const struct condition *c = condition_compile(text, &scope, &arena, &why);
	cJSON *string = cJSON_CreateString(value);

	MUST((c == NULL) == (why.len > 0));
	if (c != NULL) {
		int holds = condition_holds(c, string, &why);

		MUST(condition_name(c) != NULL);
		MUST((holds == -1) == (why.len > 0));
		buf_reset(&why);
		MUST(condition_holds(c, NULL, &why) == -1);
	}
	cJSON_Delete(string);
	buf_free(&why);
	arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xmemdup0(data, size), *value;
	size_t len = strlen(text);

	value = xmemdup0(len < size ? text + len + 1 : "", len < size ? size - len - 1 : 0);
	if (plan.nsteps == 0)
		make_plan();
	check_quoting(text);
	check_quoting(value);
	check_compiling(text, false);
	check_compiling(text, true);
	check_filling(text, value);
	check_condition(text, value);
	free(text);
	free(value);
	return 0;
}
