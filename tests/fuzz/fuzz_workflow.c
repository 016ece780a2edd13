/*
 * A workflow as people write it: it is refused, or every step and task is whole, and the document
 * that the record keeps reads as the same again. The first byte chooses the form; when there is a
 * list to make tasks of, an item with templates of its own stays text.
 */
#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "shared/names.h"
#include "supervisor/input/workflow.h"
#include "tests/fuzz/fuzz.h"

static void check_task(const struct task *task, size_t index)
{
	struct json_error error;
	cJSON *record = json_parse(task->record, task->record_len, &error);

	MUST(record != NULL);
	cJSON_Delete(record);
	MUST(id_valid(task->id, strlen(task->id)));
	MUST(task->number == index + 1);
	MUST(task->kind == TASK_SHELL || task->kind == TASK_ARGV || task->kind == TASK_AGENT);
	MUST(task->kind != TASK_AGENT || task->agent != NULL);
	MUST(task->kind != TASK_ARGV || task->more->argv[0] != NULL);
}

static void check_step(const struct plan *plan, const struct step *step)
{
	MUST(id_valid(step->id, strlen(step->id)));
	MUST(step->more != NULL);
	MUST(step->first + step->count <= plan->ntasks);
	MUST((step->count > 0) == (step->more->foreach == NULL));
	for (size_t i = step->first; i < step->first + step->count; i++) {
		check_task(&plan->tasks[i], i);
		MUST(idset_find(&step->ids, plan->tasks[i].id, NULL) == i + 1);
	}
}

static void make_tasks(struct plan *plan, size_t index, const struct config *config,
    const struct agents *agents)
{
	static const char list[] =
	    "[{\"id\":\"${{ goal }}\",\"p\":\"$${{ x }} ${{ steps.a.merged }}\",\"n\":1},"
	    "{\"id\":\"b\",\"prompt\":\"y\",\"p\":\"${{\",\"n\":2}]";
	struct json_error error;
	cJSON *items = json_parse(list, strlen(list), &error);
	size_t before = plan->ntasks;
	struct buf why = BUF_INIT;

	if (workflow_foreach(plan, index, items, config, agents, &why)) {
		MUST(plan->steps[index].count == 2 && plan->ntasks == before + 2);
		for (size_t i = before; i < plan->ntasks; i++)
			check_task(&plan->tasks[i], i);
	} else {
		MUST(plan->ntasks == before && why.len > 0);
		MUST(memchr(why.data, '\n', why.len) == NULL);
	}
	buf_free(&why);
	cJSON_Delete(items);
}

static void read_again(const struct plan *plan, const struct config *config,
    const struct agents *agents)
{
	struct plan second = { .ntasks = 0 };
	struct diag diag = { .count = 0 };

	workflow_read(plan->document, plan->document_len, "again", DOCUMENT_JSON, config, agents,
	    &second, &diag);
	MUST(diag.count == 0);
	MUST(second.nsteps == plan->nsteps && second.ntasks == plan->ntasks);
	MUST(second.document_len == plan->document_len &&
	    memcmp(second.document, plan->document, plan->document_len) == 0);
	for (size_t i = 0; i < plan->ntasks; i++) {
		MUST(strcmp(second.tasks[i].id, plan->tasks[i].id) == 0);
		MUST(strcmp(second.tasks[i].record, plan->tasks[i].record) == 0);
	}
	plan_free(&second);
	diag_free(&diag);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct agents *agents;
	const struct config config = { .timeout_ms = NOT_GIVEN,
		.idle_timeout_ms = NOT_GIVEN,
		.retries = NOT_GIVEN };
	struct plan plan = { .ntasks = 0 };
	struct diag diag = { .count = 0 };

	if (size == 0)
		return 0;
	if (agents == NULL)
		agents = agents_load(NULL);
	workflow_read((const char *)data + 1, size - 1, "f",
	    data[0] == 'j' ? DOCUMENT_JSON : DOCUMENT_YAML, &config, agents, &plan, &diag);
	if (diag.count == 0) {
		MUST(plan.nsteps > 0);
		read_again(&plan, &config, agents);
		for (size_t i = 0; i < plan.nsteps; i++)
			check_step(&plan, &plan.steps[i]);
		for (size_t i = 0; i < plan.nsteps; i++)
			if (plan.steps[i].more->foreach != NULL)
				make_tasks(&plan, i, &config, agents);
	}
	plan_free(&plan);
	diag_free(&diag);
	return 0;
}
