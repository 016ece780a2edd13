#include "supervisor/input/taskobject.h"

#include "shared/json.h"
#include "shared/text.h"
#include "supervisor/input/taskobject_data.h"

const char *taskobject_text(const cJSON *value)
{
	const int scalars = cJSON_String | cJSON_Number | cJSON_True | cJSON_False | cJSON_NULL;

	return value != NULL && (value->type & scalars) != 0 ? value->valuestring : NULL;
}

void taskobject_look_at(struct taskobject_reading *r, const cJSON *node)
{
	if (r->context->document != NULL)
		r->faults->here = document_place(r->context->document, node);
}

void taskobject_look_at_key(struct taskobject_reading *r, const cJSON *node)
{
	if (r->context->document != NULL)
		r->faults->here = document_key_place(r->context->document, node);
}

void taskobject_describe(struct buf *out, const cJSON *value)
{
	const char *text = taskobject_text(value);

	if (cJSON_IsString(value))
		buf_addf(out, "'%s'", safe(value->valuestring));
	else if (text != NULL)
		buf_addstr(out, text[0] != '\0' ? safe(text) : "nothing");
	else if (cJSON_IsArray(value))
		buf_addstr(out, value->child == NULL ? "an empty array" : "an array");
	else if (cJSON_IsObject(value))
		buf_addstr(out, "an object");
	else
		json_print(out, value);
}

static void find_agent(struct taskobject_reading *r, const cJSON *root)
{
	const char *name = r->agent != NULL ? r->agent : r->context->agent;

	if (r->agent != NULL)
		taskobject_look_at(r, json_get(root, "agent"));
	else
		taskobject_look_at_key(r, json_get(root, "prompt"));
	if (name == NULL)
		fault_add(r->faults, "'prompt' needs an 'agent' to ask");
	else
		r->task->agent = fault_find_agent(r->faults, r->context->agents, name);
}

/* A key that is there and cannot be, because of another one. */
static void misplaced(struct taskobject_reading *r, const cJSON *key, const char *message)
{
	if (key == NULL)
		return;
	taskobject_look_at_key(r, key);
	fault_add(r->faults, "%s", message);
}

/* What no key can say alone. */
static void check_together(struct taskobject_reading *r, const cJSON *root)
{
	const cJSON *prompt = json_get(root, "prompt");
	const cJSON *run = json_get(root, "run");
	const cJSON *agent = json_get(root, "agent");

	if (prompt != NULL && run != NULL) {
		misplaced(r, run,
		    "'prompt' and 'run' exclude each other: an agent is asked, or a command "
		    "is run");
		return;
	}
	if (prompt == NULL && run == NULL) {
		taskobject_look_at(r, root);
		fault_add(r->faults,
		    "expected a 'prompt' (with an 'agent') or a 'run' (a command)");
		return;
	}
	if (run != NULL) {
		misplaced(r, agent, "'agent' goes with 'prompt': 'run' is a command of its own");
		misplaced(r, json_get(root, "refine"),
		    "'refine' goes with 'prompt': a command is run again as it is");
		return;
	}
	misplaced(r, json_get(root, "stdin"),
	    "'stdin' goes with 'run': an agent is given its prompt there");
	if (agent == NULL || r->agent != NULL)
		find_agent(r, root);
}

static bool not_an_object(struct taskobject_reading *r, const cJSON *root)
{
	struct buf got = BUF_INIT;

	taskobject_describe(&got, root);
	fault_add(r->faults, "expected a task, with keys such as 'prompt' or 'run', got %s",
	    buf_str(&got));
	buf_free(&got);
	return false;
}

static void read_keys(struct taskobject_reading *r, const cJSON *root)
{
	const cJSON *value;

	cJSON_ArrayForEach(value, root) taskobject_take_key(r, value);
	if (!r->context->partial)
		check_together(r, root);
	else if (r->agent != NULL)
		find_agent(r, root);
}

bool taskobject_read_tree(const cJSON *root, const struct taskobject_context *context,
    struct arena *arena, struct task *task, struct faults *faults)
{
	struct taskobject_reading r = { .context = context,
		.arena = arena,
		.faults = faults,
		.task = task };

	r.more.timeout_ms = UNSET;
	r.more.idle_timeout_ms = UNSET;
	r.more.retries = UNSET;
	taskobject_look_at(&r, root);
	if (!cJSON_IsObject(root))
		return not_an_object(&r, root);
	read_keys(&r, root);
	if (r.has_more) {
		struct task_more *more = arena_take(arena, sizeof(*more));

		*more = r.more;
		task->more = more;
	}
	task->templated = true;
	return true;
}

static bool parse_failed(const struct json_error *error, bool early_end, struct faults *faults)
{
	fault_add(faults, "%s%s", error->message,
	    early_end ? "; a task object is written on one line" : "");
	faults->column = error->offset + 1;
	return false;
}

bool taskobject_read(const char *data, size_t len, const struct taskobject_context *context,
    struct arena *arena, struct task *task, struct faults *faults)
{
	struct json_error error;
	cJSON *root = json_parse(data, len, &error);
	bool is_object;

	if (root == NULL)
		return parse_failed(&error, context->one_line && error.offset >= len, faults);
	is_object = taskobject_read_tree(root, context, arena, task, faults);
	cJSON_Delete(root);
	return is_object;
}
