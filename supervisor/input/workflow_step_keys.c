#include <string.h>

#include "shared/json.h"
#include "supervisor/input/condition.h"
#include "supervisor/input/template.h"
#include "supervisor/input/workflow_read.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void read_when(struct workflow *w, const cJSON *node, size_t index, struct step_more *more)
{
	const cJSON *at = json_get(node, "when");
	const struct template_scope scope = { .plan = w->plan,
		.step = index,
		.lookup = workflow_look_up,
		.context = w };
	struct buf why = BUF_INIT;

	if (at == NULL)
		return;
	if (!cJSON_IsString(at)) {
		workflow_expected(w, at, "a comparison such as steps.review.sum.critical > 0");
		return;
	}
	more->when_text = arena_strdup(&w->plan->arena, at->valuestring);
	more->when = condition_compile(at->valuestring, &scope, &w->plan->arena, &why);
	if (more->when == NULL)
		workflow_fault(w, at, "'when': %s", buf_str(&why));
	buf_free(&why);
}

static void read_conflict(struct workflow *w, const cJSON *node, struct step_more *more)
{
	const cJSON *at = json_get(node, "on_conflict");

	if (at == NULL)
		return;
	more->refuse_conflicts = cJSON_IsString(at) && strcmp(at->valuestring, "fail") == 0;
	if (!more->refuse_conflicts &&
	    !(cJSON_IsString(at) && strcmp(at->valuestring, "wait") == 0))
		workflow_expected(w, at, "wait or fail");
}

static void read_retries(struct workflow *w, const cJSON *node, struct step_more *more)
{
	const cJSON *at = json_get(node, "retries");
	uint32_t number;

	more->retries = UNSET;
	/* of a step that is its only task it is the task's, and checked there */
	if (at == NULL ||
	    (more->single &&
		(!cJSON_IsNumber(at) || !(at->valuedouble >= 0 && at->valuedouble <= 100))))
		return;
	if (workflow_integer(w, at, 0, 100, &number, "an integer from 0 to 100"))
		more->retries = (int)number;
}

static void read_jobs(struct workflow *w, const cJSON *node, struct step_more *more)
{
	const cJSON *at = json_get(node, "jobs");
	uint32_t number;

	if (at == NULL)
		return;
	if (more->limits.jobs != UNSET)
		workflow_key_fault(w, at,
		    "'jobs' stands here and in the step's 'limits': one is enough");
	else if (workflow_integer(w, at, 0, UINT32_MAX, &number,
		     "how many tasks may run at once, 0 for all"))
		more->limits.jobs = number;
}

static void read_debugger(struct workflow *w, const cJSON *node, struct step_more *more)
{
	const cJSON *at = json_get(node, "debugger");
	const char *name = workflow_text(w, at, "builtin, none or the name of an agent");

	if (name == NULL)
		return;
	more->debugger = name;
	if (strcmp(name, "builtin") != 0 && strcmp(name, "none") != 0)
		workflow_find_agent(w, at);
}

/* Merging by an agent; its prompt may also name how its own step came out. */
static void read_merge_agent(struct workflow *w, const cJSON *merge, size_t index,
    struct step_more *more)
{
	static const char *const names[] = { "agent", "prompt" };
	const cJSON *agent = json_get(merge, "agent"), *prompt = json_get(merge, "prompt");
	const struct template_scope scope = { .plan = w->plan, .step = index + 1 };
	struct buf why = BUF_INIT;

	more->merge = MERGE_AGENT;
	workflow_check_keys(w, merge, names, COUNT(names));
	if (agent == NULL)
		workflow_fault(w, merge, "'merge': an 'agent' is needed to ask");
	else
		more->merge_agent = workflow_find_agent(w, agent);
	if (prompt == NULL)
		return;
	if (!cJSON_IsString(prompt) || prompt->valuestring[0] == '\0') {
		workflow_expected(w, prompt, "a text that is not empty");
		return;
	}
	more->merge_prompt = template_compile(prompt->valuestring, &scope, &w->plan->arena, &why);
	if (more->merge_prompt == NULL)
		workflow_fault(w, prompt, "'prompt': %s", buf_str(&why));
	buf_free(&why);
}

void workflow_read_merge(struct workflow *w, const cJSON *node, size_t index,
    struct step_more *more)
{
	static const struct {
		const char *name;
		enum merge_form form;
	} forms[] = { { "none", MERGE_NONE }, { "concat", MERGE_CONCAT }, { "json", MERGE_JSON } };
	const cJSON *at = json_get(node, "merge");

	if (at == NULL)
		return;
	more->has_merge = true;
	if (cJSON_IsObject(at)) {
		read_merge_agent(w, at, index, more);
		return;
	}
	for (size_t i = 0; cJSON_IsString(at) && i < COUNT(forms); i++) {
		if (strcmp(forms[i].name, at->valuestring) == 0) {
			more->merge = forms[i].form;
			return;
		}
	}
	workflow_expected(w, at, "none, concat, json or an object with 'agent' and 'prompt'");
}

void workflow_read_step_keys(struct workflow *w, const cJSON *node, size_t index,
    struct step_more *more)
{
	struct step *step = &w->plan->steps[index];

	step->title = workflow_line(w, json_get(node, "title"), "a title of one line");
	step->goal = workflow_text(w, json_get(node, "goal"), "a text that is not empty");
	read_when(w, node, index, more);
	more->has_require = workflow_require(w, json_get(node, "require"), &more->require);
	more->sequential = workflow_bool(w, json_get(node, "sequential"));
	read_conflict(w, node, more);
	workflow_limits(w, json_get(node, "limits"), &more->limits);
	read_jobs(w, node, more);
	read_retries(w, node, more);
	read_debugger(w, node, more);
}
