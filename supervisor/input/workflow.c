#include "supervisor/input/workflow.h"

#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "supervisor/input/workflow_read.h"

#define VERSION 1

bool workflow_named(const char *file, enum document_form *form)
{
	const char *end = strrchr(file, '.');

	if (end == NULL || strchr(end, '/') != NULL)
		return false;
	*form = strcmp(end, ".json") == 0 ? DOCUMENT_JSON : DOCUMENT_YAML;
	return *form == DOCUMENT_JSON || strcmp(end, ".yaml") == 0 || strcmp(end, ".yml") == 0;
}

static void check_version(struct workflow *w)
{
	const cJSON *at = json_get(w->document.root, "version");

	if (at == NULL)
		workflow_fault(w, w->document.root, "a workflow begins with 'version: 1'");
	else if (!cJSON_IsNumber(at) || at->valuedouble != VERSION)
		workflow_expected(w, at, "1, the only version there is");
}

static void read_run(struct workflow *w)
{
	static const char *const names[] = { "version", "name", "goal", "vars", "defaults",
		"limits", "require", "steps" };
	const cJSON *root = w->document.root;
	struct plan *plan = w->plan;

	workflow_check_keys(w, root, names, sizeof(names) / sizeof(names[0]));
	check_version(w);
	plan->name = workflow_line(w, json_get(root, "name"), "a name of one line");
	plan->goal = workflow_text(w, json_get(root, "goal"), "a text that is not empty");
	plan->has_require = workflow_require(w, json_get(root, "require"), &plan->require);
	workflow_limits(w, json_get(root, "limits"), &plan->limits);
	workflow_read_defaults(w);
	workflow_read_steps(w);
}

static void read_document(struct workflow *w)
{
	struct buf got = BUF_INIT;

	w->here = workflow_place(w, w->document.root);
	if (cJSON_IsObject(w->document.root)) {
		if (workflow_fill(w))
			read_run(w);
		return;
	}
	workflow_describe(&got, w->document.root);
	workflow_fault(w, w->document.root,
	    "expected a workflow, an object with 'version' and 'steps', got %s", buf_str(&got));
	buf_free(&got);
}

void workflow_read(const char *data, size_t len, const char *file, enum document_form form,
    const struct config *config, const struct agents *agents, struct plan *plan, struct diag *diag)
{
	struct workflow w = { .file = file,
		.config = config,
		.agents = agents,
		.plan = plan,
		.diag = diag };

	plan->limits.jobs = UNSET;
	if (document_read(&w.document, file, data, len, form, diag) != 0)
		return;
	read_document(&w);
	cJSON_Delete(w.vars);
	cJSON_Delete(w.goal);
	cJSON_Delete(w.defaults);
	free(w.nodes);
	idset_free(&w.ids);
	idset_free(&w.names);
	fault_free(&w.faults);
	document_free(&w.document);
}
