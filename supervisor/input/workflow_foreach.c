#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/input/template.h"
#include "supervisor/input/workflow_read.h"

/* An item's place in the list and in its order. Lives while workflow_foreach() runs. */
struct ranked {
	const cJSON *item;
	uint32_t index; /* from 1 */
	double rank;
};

/* What is put into the task: one item. On the stack of make_one(). */
struct putting {
	const char *as;
	const cJSON *item;
};

static cJSON *look_up_item(void *context, const char *name, size_t len, struct buf *why)
{
	const struct putting *p = context;
	size_t as = strlen(p->as);
	const cJSON *value;
	cJSON *copy = NULL;
	char *path;

	if (!workflow_is_item(name, len, p->as))
		return NULL;
	if (len == as)
		return cJSON_Duplicate(p->item, true);
	path = xmemdup0(name + as + 1, len - as - 1);
	value = json_at(p->item, path);
	if (value == NULL)
		buf_addf(why, "no field '%s'", safe(path));
	else
		copy = cJSON_Duplicate(value, true);
	free(path);
	return copy;
}

/* Greatest first; equal ones as in the list. */
static int compare(const void *left, const void *right)
{
	const struct ranked *a = left, *b = right;

	if (a->rank != b->rank)
		return a->rank > b->rank ? -1 : 1;
	return a->index < b->index ? -1 : a->index > b->index;
}

/* The list in the order in which its tasks are made; NULL and *why when it has none. */
static struct ranked *rank(const cJSON *list, size_t count, const char *order_by, struct buf *why)
{
	struct ranked *items = xcalloc(count + 1, sizeof(*items));
	const cJSON *item;
	size_t n = 0;

	cJSON_ArrayForEach(item, list)
	{
		const cJSON *number = order_by != NULL ? json_at(item, order_by) : NULL;

		items[n] = (struct ranked){ .item = item, .index = (uint32_t)n + 1 };
		n++;
		if (order_by == NULL)
			continue;
		if (!cJSON_IsNumber(number) || isnan(number->valuedouble)) {
			struct buf got = BUF_INIT;

			if (number != NULL)
				workflow_describe(&got, number);
			buf_addf(why, "item %zu: 'order_by': expected a number as '%s', got %s", n,
			    safe(order_by), number != NULL ? buf_str(&got) : "nothing");
			buf_free(&got);
			free(items);
			return NULL;
		}
		items[n - 1].rank = number->valuedouble;
	}
	if (order_by != NULL)
		qsort(items, count, sizeof(*items), compare);
	return items;
}

static void first_fault(const struct faults *faults, uint32_t index, struct buf *why)
{
	const char *line = buf_str(&faults->lines);

	buf_addf(why, "item %u: %.*s", index, (int)strcspn(line, "\n"), line);
}

/* Takes what is the user's own out of the task: it is carried as it is. Freed by the caller. */
static cJSON *take_own(cJSON *template)
{
	cJSON *own = cJSON_CreateObject(), *next;

	for (cJSON *member = template != NULL ? template->child : NULL; member != NULL;
	     member = next) {
		next = member->next;
		if (strncmp(member->string, "x-", 2) == 0)
			cJSON_AddItemToObject(own, member->string,
			    cJSON_DetachItemViaPointer(template, member));
	}
	return own;
}

static void give_own(cJSON *tree, const cJSON *own)
{
	const cJSON *member;

	cJSON_ArrayForEach(member, own)
	    cJSON_AddItemToObject(tree, member->string, cJSON_Duplicate(member, true));
}

static bool make_one(struct task_maker *m, const cJSON *template, const cJSON *own, const char *as,
    const struct ranked *r, uint32_t number, struct buf *why)
{
	struct putting putting = { as, r->item };
	struct buf reason = BUF_INIT;
	cJSON *tree = template_fill(template, look_up_item, &putting, &reason, NULL);
	bool good = tree != NULL;

	if (good) {
		give_own(tree, own);
		workflow_give_texts(tree);
		workflow_settle_task(tree);
		workflow_make_task(m, tree, r->index, number);
		good = m->faults->count == 0;
		if (!good)
			first_fault(m->faults, r->index, why);
	} else {
		buf_addf(why, "item %u: %s", r->index, buf_str(&reason));
	}
	cJSON_Delete(tree);
	buf_free(&reason);
	return good;
}

static bool make_all(struct plan *plan, size_t index, const struct ranked *items, size_t count,
    const struct agents *agents, struct buf *why)
{
	const struct foreach *f = plan->steps[index].more->foreach;
	struct faults faults = { .places_told = true };
	struct task_maker maker = { .agents = agents,
		.plan = plan,
		.step = index,
		.unit = "item",
		.faults = &faults };
	struct json_error error;
	cJSON *template = json_parse(f->task, f->task_len, &error), *own = take_own(template);
	bool good = template != NULL;

	if (!good)
		buf_addf(why, "the task: %s", error.message);
	for (size_t i = 0; good && i < count; i++)
		good = make_one(&maker, template, own, f->as, &items[i], (uint32_t)i + 1, why);
	cJSON_Delete(template);
	cJSON_Delete(own);
	fault_free(&faults);
	return good;
}

/* What is wrong with one of several items; only the first is told. On the stack. */
struct complaint {
	const struct ranked *items;
	struct buf *why;
	bool told;
};

static void tell(void *context, size_t task, const char *message)
{
	struct complaint *c = context;

	if (!c->told)
		buf_addf(c->why, "item %u: %s", c->items[task].index, message);
	c->told = true;
}

static void take_back(struct plan *plan, struct step *step)
{
	plan->ntasks = step->first;
	step->count = 0;
	idset_free(&step->ids);
}

static bool is_list(const struct foreach *f, const cJSON *list, struct buf *why)
{
	const char *name = f->in != NULL ? f->in->text : "the list";
	size_t count;

	if (!cJSON_IsArray(list)) {
		if (list == NULL)
			buf_addf(why, "'%s' is missing, expected an array", safe(name));
		else
			buf_addf(why, "'%s' is %s, expected an array", safe(name),
			    cJSON_IsString(list)     ? "a string" :
				cJSON_IsObject(list) ? "an object" :
				cJSON_IsNumber(list) ? "a number" :
				cJSON_IsNull(list)   ? "null" :
						       "true or false");
		return false;
	}
	count = (size_t)cJSON_GetArraySize(list);
	if (f->max > 0 && count > f->max) {
		buf_addf(why, "'%s' has more than %u items: %zu", safe(name), f->max, count);
		return false;
	}
	return true;
}

bool workflow_foreach(struct plan *plan, size_t index, const cJSON *list,
    const struct config *config, const struct agents *agents, struct buf *why)
{
	struct step *step = &plan->steps[index];
	const struct foreach *f = step->more->foreach;
	struct complaint complaint;
	struct ranked *items;
	size_t count;
	bool good;

	(void)config; /* what it has is in the template */
	step->first = plan->ntasks;
	step->count = 0;
	if (!is_list(f, list, why))
		return false;
	count = (size_t)cJSON_GetArraySize(list);
	items = rank(list, count, f->order_by, why);
	if (items == NULL)
		return false;
	good = make_all(plan, index, items, count, agents, why);
	step->count = plan->ntasks - step->first;
	complaint = (struct complaint){ items, why, false };
	good = good && workflow_bind(plan, index, true, tell, &complaint) == 0;
	free(items);
	for (size_t i = step->first; i < plan->ntasks; i++)
		plan->tasks[i].line = step->line;
	if (!good)
		take_back(plan, step);
	return good;
}
