#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "supervisor/input/condition.h"
#include "supervisor/input/rehearse.h"
#include "supervisor/input/template.h"

/* What an unscripted field is; of two uses of one field the first counts. */
enum zero { ZERO_LIST, ZERO_NUMBER, ZERO_FALSE, ZERO_TEXT };

/* The object while the uses of its fields are looked for. On the stack of rehearse_zeros(). */
struct zeros {
	const struct plan *plan;
	size_t step;
	const char *task;
	cJSON *object;
	bool aggregates; /* looked for now, or else results */
};

static cJSON *make_zero(enum zero zero)
{
	switch (zero) {
	case ZERO_LIST:
		return cJSON_CreateArray();
	case ZERO_NUMBER:
		return cJSON_CreateNumber(0);
	case ZERO_FALSE:
		return cJSON_CreateFalse();
	case ZERO_TEXT:
		break;
	}
	return cJSON_CreateString("");
}

/* Puts it at the path where nothing is yet: "a.b" makes {"a":{"b":...}}. */
static void put(cJSON *object, const char *path, enum zero zero)
{
	char *keys = strdup(path), *rest = keys, *key;

	while (keys != NULL && (key = strsep(&rest, ".")) != NULL && *key != '\0') {
		cJSON *there = cJSON_GetObjectItemCaseSensitive(object, key);

		if (there == NULL) {
			there = rest != NULL ? cJSON_CreateObject() : make_zero(zero);
			/* copies the key, which does not live as long as the object */
			cJSON_AddItemToObject(object, key, there);
		}
		if (!cJSON_IsObject(there))
			break;
		object = there;
	}
	free(keys);
}

static bool is_aggregate(const struct name *n)
{
	return n->kind == NAME_STEP_SUM || n->kind == NAME_STEP_MAX || n->kind == NAME_STEP_MIN ||
	    n->kind == NAME_STEP_COUNT;
}

static void use(struct zeros *z, const struct name *n, enum zero zero)
{
	bool result =
	    n->kind == NAME_TASK_RESULT && (n->task == NULL || strcmp(n->task, z->task) == 0);

	if (n->step != z->step || n->path == NULL)
		return;
	if (is_aggregate(n))
		put(z->object, n->path, ZERO_NUMBER);
	else if (result)
		put(z->object, n->path, zero);
}

/* What the text of a `when` compares with. */
static enum zero compared_with(const char *when)
{
	const char *at = strpbrk(when, "=!<>");

	if (at == NULL)
		return ZERO_FALSE;
	at += strspn(at, "=!<>");
	at += strspn(at, " \t");
	if (strncmp(at, "true", 4) == 0 || strncmp(at, "false", 5) == 0)
		return ZERO_FALSE;
	if (*at == '-')
		at++;
	return isdigit((unsigned char)*at) ? ZERO_NUMBER : ZERO_TEXT;
}

static void look_at_lists(struct zeros *z)
{
	for (size_t i = z->step; i < z->plan->nsteps; i++) {
		const struct step_more *more = z->plan->steps[i].more;

		if (more != NULL && more->foreach != NULL && more->foreach->in != NULL)
			use(z, more->foreach->in, ZERO_LIST);
	}
}

static void look_at_conditions(struct zeros *z)
{
	for (size_t i = z->step; i < z->plan->nsteps; i++) {
		const struct step_more *more = z->plan->steps[i].more;

		const struct name *name =
		    more != NULL && more->when != NULL ? condition_name(more->when) : NULL;

		/* there is none where a variable is compared */
		if (name != NULL)
			use(z, name, compared_with(more->when_text));
	}
}

static void look_at_name(struct zeros *z, const struct name *n)
{
	if (is_aggregate(n) == z->aggregates)
		use(z, n, ZERO_TEXT);
}

static void look_at_template(struct zeros *z, const struct template *t)
{
	for (size_t i = 0; t != NULL && i < t->count; i++)
		if (t->parts[i].name != NULL)
			look_at_name(z, t->parts[i].name);
}

/* A name in the tasks of a `foreach`, which are compiled only when they are made. */
struct unmade {
	struct zeros *zeros;
	size_t step;
};

static void look_at_text(void *context, const char *name, size_t len)
{
	struct unmade *u = context;
	const struct template_scope scope = {
		.plan = u->zeros->plan,
		.step = u->step,
	};
	struct arena arena = { .kind = ARENA_SMALL };
	struct buf why = BUF_INIT;
	const struct name *n = name_compile(name, len, &scope, &arena, &why);

	/* a bad one is an error elsewhere */
	if (n != NULL)
		look_at_name(u->zeros, n);
	buf_free(&why);
	arena_free(&arena);
}

static void look_at_tasks(struct zeros *z, const struct step *step)
{
	for (size_t i = step->first; i < step->first + step->count; i++) {
		const struct task_more *more = z->plan->tasks[i].more;

		if (more == NULL)
			continue;
		look_at_template(z, more->prompt);
		look_at_template(z, more->refining);
	}
}

static void look_at_templates(struct zeros *z)
{
	for (size_t i = z->step; i < z->plan->nsteps; i++) {
		const struct step *step = &z->plan->steps[i];
		struct unmade unmade = { z, i };

		look_at_tasks(z, step);
		if (step->more == NULL)
			continue;
		look_at_template(z, step->more->merge_prompt);
		if (step->more->foreach != NULL && step->more->foreach->task != NULL)
			template_names(step->more->foreach->task, look_at_text, &unmade);
	}
}

char *rehearse_zeros(const struct plan *plan, size_t step, size_t task)
{
	struct zeros z = {
		.plan = plan,
		.step = step,
		.task = plan->tasks[task].id,
		.object = cJSON_CreateObject(),
	};
	struct buf line = BUF_INIT;

	/* those first whose use says what they are */
	look_at_lists(&z);
	look_at_conditions(&z);
	z.aggregates = true;
	look_at_templates(&z);
	z.aggregates = false;
	look_at_templates(&z);
	json_print(&line, z.object);
	cJSON_Delete(z.object);
	return buf_detach(&line);
}
