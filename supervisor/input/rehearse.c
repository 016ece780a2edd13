#include "supervisor/input/rehearse.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/exits.h"
#include "shared/io.h"
#include "shared/json.h"
#include "shared/names.h"
#include "shared/quantity.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/input/document.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
/* The longest STEP.TASK, with its NUL. */
#define KEY_MAX (2 * ID_MAX + 2)

/* What one key of `tasks` or `agents` says. Made and freed with the script. */
struct role {
	const char *key;	/* NULL: default */
	const cJSON *node;	/* its value, for its place */
	struct rehearsal *acts; /* one an attempt; at least one. `structured` is its own */
	size_t nacts;
};

struct roles {
	struct role *list;
	size_t count;
};

/* Made by script_load(), freed by script_free(). Strings point into the document. */
struct script {
	char *file;
	struct document document;
	struct roles tasks;
	struct roles agents;
	struct roles otherwise; /* at most one */
};

/* The script while it is read. On the stack of script_load(). */
struct reading {
	struct script *script;
	struct diag *diag;
};

static const char *const sections[] = { "tasks", "agents", "default" };

__attribute__((format(printf, 4, 5))) static void complain(struct reading *r, const cJSON *node,
    bool at_key, const char *fmt, ...)
{
	const struct document *d = &r->script->document;
	struct place at = at_key ? document_key_place(d, node) : document_place(d, node);
	struct buf line = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&line, fmt, ap);
	va_end(ap);
	diag_add(r->diag, r->script->file, at.line, at.column, "%s", buf_str(&line));
	buf_free(&line);
}

static void complain_of_key(struct reading *r, const cJSON *node, const char *const *names,
    size_t count, const char *all)
{
	const char *near = names_suggest(node->string, names, count);

	if (near != NULL)
		complain(r, node, true, "unknown key '%s', did you mean '%s'?", safe(node->string),
		    near);
	else
		complain(r, node, true, "unknown key '%s', expected %s", safe(node->string), all);
}

/* One entry: what its keys mean. False when the value is none for this key. */

static bool take_seconds(struct rehearsal *act, const cJSON *value)
{
	if (!cJSON_IsNumber(value))
		return cJSON_IsString(value) && parse_duration(value->valuestring, &act->delay_ms);
	if (!(value->valuedouble >= 0 && value->valuedouble <= (double)DURATION_MAX_MS / 1000))
		return false;
	act->delay_ms = (int64_t)(value->valuedouble * 1000 + 0.5);
	return true;
}

static bool take_answer(struct rehearsal *act, const cJSON *value)
{
	/* what YAML takes for a number or true has its text too */
	act->answer = value->valuestring;
	return act->answer != NULL;
}

static bool take_result(struct rehearsal *act, const cJSON *value)
{
	struct buf line = BUF_INIT;

	if (!cJSON_IsObject(value))
		return false;
	json_print(&line, value);
	act->structured = buf_detach(&line);
	return true;
}

static bool take_fail(struct rehearsal *act, const cJSON *value)
{
	if (cJSON_IsBool(value)) {
		act->fails = cJSON_IsTrue(value);
		return true;
	}
	act->fails = true;
	act->error = value->valuestring;
	return cJSON_IsString(value) && *act->error != '\0' && strpbrk(act->error, "\r\n") == NULL;
}

static bool take_exit(struct rehearsal *act, const cJSON *value)
{
	double status = cJSON_IsNumber(value) ? value->valuedouble : -1;

	if (!(status >= 1 && status <= 255) || floor(status) != status)
		return false;
	act->exit_status = (int)status;
	return true;
}

static bool take_timeout(struct rehearsal *act, const cJSON *value)
{
	act->times_out = cJSON_IsTrue(value);
	return cJSON_IsBool(value);
}

static const struct entry_key {
	const char *name;
	bool (*take)(struct rehearsal *act, const cJSON *value);
	const char *expected;
} entry_keys[] = {
	{ "seconds", take_seconds, "a number of seconds or a duration such as 2m" },
	{ "answer", take_answer, "a text" },
	{ "result", take_result, "an object" },
	{ "fail", take_fail, "true, or one line that says what is wrong" },
	{ "exit", take_exit, "an exit status from 1 to 255" },
	{ "timeout", take_timeout, "true or false" },
};

static const struct entry_key *find_key(const char *name)
{
	for (size_t i = 0; i < COUNT(entry_keys); i++)
		if (strcmp(entry_keys[i].name, name) == 0)
			return &entry_keys[i];
	return NULL;
}

static void unknown_entry_key(struct reading *r, const cJSON *node)
{
	const char *names[COUNT(entry_keys)];

	for (size_t i = 0; i < COUNT(entry_keys); i++)
		names[i] = entry_keys[i].name;
	complain_of_key(r, node, names, COUNT(names),
	    "seconds, answer, result, fail, exit or timeout");
}

static void read_act(struct reading *r, const cJSON *node, struct rehearsal *act)
{
	const cJSON *value;

	*act = (struct rehearsal){ .exit_status = -1 };
	if (!cJSON_IsObject(node)) {
		complain(r, node, false, "expected an object such as {seconds: 1, answer: done}");
		return;
	}
	cJSON_ArrayForEach(value, node)
	{
		const struct entry_key *key = find_key(value->string);

		if (key == NULL)
			unknown_entry_key(r, value);
		else if (!key->take(act, value))
			complain(r, value, false, "'%s': expected %s", key->name, key->expected);
	}
	if (act->exit_status >= 0 && cJSON_IsFalse(json_get(node, "fail")))
		complain(r, node, false, "'exit' says that it fails, and 'fail' that it does not");
	act->fails = act->fails || act->exit_status >= 0;
	if (act->times_out && act->fails)
		complain(r, node, false, "'timeout' and '%s' cannot both be how it fails",
		    act->exit_status >= 0 ? "exit" : "fail");
}

/* An entry, or a list of one for each attempt. */
static void read_role(struct reading *r, const cJSON *node, const char *key, struct roles *roles)
{
	size_t count = cJSON_IsArray(node) ? (size_t)cJSON_GetArraySize(node) : 1;
	const cJSON *each = cJSON_IsArray(node) ? node->child : node;
	struct role *role;

	if (count == 0) {
		complain(r, node, false, "expected at least one attempt in the list");
		return;
	}
	roles->list = xreallocarray(roles->list, roles->count + 1, sizeof(*roles->list));
	role = &roles->list[roles->count++];
	*role = (struct role){ key, node, xcalloc(count, sizeof(*role->acts)), count };
	for (size_t i = 0; i < count; i++, each = each->next)
		read_act(r, each, &role->acts[i]);
}

static void read_roles(struct reading *r, const cJSON *node, struct roles *roles, const char *of)
{
	const cJSON *value;

	if (!cJSON_IsObject(node)) {
		complain(r, node, false, "'%s': expected an object with %s as keys", node->string,
		    of);
		return;
	}
	cJSON_ArrayForEach(value, node)
	{
		read_role(r, value, value->string, roles);
	}
}

static void read_root(struct reading *r)
{
	struct script *s = r->script;
	const cJSON *node;

	if (!cJSON_IsObject(s->document.root)) {
		complain(r, s->document.root, false,
		    "expected an object with the keys 'tasks', 'agents' and 'default'");
		return;
	}
	cJSON_ArrayForEach(node, s->document.root)
	{
		if (strcmp(node->string, "tasks") == 0)
			read_roles(r, node, &s->tasks, "tasks");
		else if (strcmp(node->string, "agents") == 0)
			read_roles(r, node, &s->agents, "agents");
		else if (strcmp(node->string, "default") == 0)
			read_role(r, node, NULL, &s->otherwise);
		else
			complain_of_key(r, node, sections, COUNT(sections),
			    "'tasks', 'agents' or 'default'");
	}
}

static enum document_form form_of(const char *file)
{
	size_t len = strlen(file);

	return len >= 5 && strcmp(file + len - 5, ".json") == 0 ? DOCUMENT_JSON : DOCUMENT_YAML;
}

static bool read_script(struct reading *r)
{
	struct script *s = r->script;
	struct buf text = BUF_INIT;
	bool good;

	if (read_file_at(AT_FDCWD, s->file, &text, DOCUMENT_MAX) < 0) {
		diag_add(r->diag, s->file, 0, 0, "cannot read the script of the rehearsal: %s",
		    errno == EFBIG ? "larger than 16 MiB" : strerror(errno));
		return false;
	}
	good = document_read(&s->document, s->file, text.data, text.len, form_of(s->file),
		   r->diag) == 0;
	buf_free(&text);
	if (good)
		read_root(r);
	return good;
}

int script_readable(const char *file)
{
	if (faccessat(AT_FDCWD, file, R_OK, AT_EACCESS) == 0)
		return 0;
	int status = errno == EACCES ? EXIT_PERMISSION : EXIT_NOINPUT;
	warn("cannot open '%s', the script of the rehearsal", safe(file));
	return status;
}

struct script *script_load(const char *file, struct diag *diag)
{
	struct script *s = xcalloc(1, sizeof(*s));
	struct reading r = { s, diag };
	size_t before = diag->count;

	s->file = xstrdup(file);
	if (read_script(&r) && diag->count == before)
		return s;
	script_free(s);
	return NULL;
}

static void free_roles(struct roles *roles)
{
	for (size_t i = 0; i < roles->count; i++) {
		for (size_t j = 0; j < roles->list[i].nacts; j++)
			free((char *)roles->list[i].acts[j].structured);
		free(roles->list[i].acts);
	}
	free(roles->list);
}

void script_free(struct script *s)
{
	if (s == NULL)
		return;
	free_roles(&s->tasks);
	free_roles(&s->agents);
	free_roles(&s->otherwise);
	document_free(&s->document);
	free(s->file);
	free(s);
}

/* Finding. */

static const struct role *find_role(const struct roles *roles, const char *key)
{
	for (size_t i = 0; i < roles->count; i++)
		if (strcmp(roles->list[i].key, key) == 0)
			return &roles->list[i];
	return NULL;
}

static const struct role *role_of(const struct script *s, const char *step, const char *task,
    const char *agent)
{
	struct buf key = BUF_INIT;
	const struct role *role;

	buf_addf(&key, "%s.%s", step, task);
	role = find_role(&s->tasks, buf_str(&key));
	buf_free(&key);
	if (role == NULL)
		role = find_role(&s->tasks, task);
	if (role == NULL && agent != NULL)
		role = find_role(&s->agents, agent);
	if (role == NULL && s->otherwise.count > 0)
		role = &s->otherwise.list[0];
	return role;
}

void script_find(const struct script *s, const char *step, const char *task, const char *agent,
    unsigned attempt, struct rehearsal *out)
{
	const struct role *role = s != NULL ? role_of(s, step, task, agent) : NULL;

	*out = (struct rehearsal){ .exit_status = -1 };
	if (role == NULL)
		return;
	if (attempt == 0)
		attempt = 1;
	*out = role->acts[attempt <= role->nacts ? attempt - 1 : role->nacts - 1];
}

/* Checking. */

/* A text with templates as a pattern: of what is put in nothing is known. Ids have no signs of patterns. */
static void make_pattern(struct buf *pattern, const char *text)
{
	const char *end;

	while (*text != '\0') {
		if (strncmp(text, "${{", 3) == 0 && (end = strstr(text, "}}")) != NULL) {
			buf_addch(pattern, '*');
			text = end + 2;
		} else {
			buf_addch(pattern, *text++);
		}
	}
}

/* Without an id of its own it is the number of its item. */
static bool is_number(const char *id)
{
	return id[0] >= '1' && id[0] <= '9' && id[strspn(id, "0123456789")] == '\0';
}

bool script_fits(const struct foreach *foreach, const char *key, const char *value)
{
	struct json_error error;
	struct buf pattern = BUF_INIT;
	cJSON *task = json_parse(foreach->task, foreach->task_len, &error);
	const char *text = json_get_string(task, key);
	bool fits = id_valid(value, strlen(value));

	if (text != NULL) {
		make_pattern(&pattern, text);
		fits = fits && fnmatch(buf_str(&pattern), value, 0) == 0;
	} else {
		fits = strcmp(key, "id") == 0 && is_number(value);
	}
	buf_free(&pattern);
	cJSON_Delete(task);
	return fits;
}

static bool is_special(const char *task)
{
	return strcmp(task, "merge") == 0 || strcmp(task, "debugger") == 0;
}

/* Ids may hold dots, so each of them may be the one between step and task. */
static bool is_step_and_task(const char *key, script_known_task *known, void *context)
{
	char step[KEY_MAX];

	if (strlen(key) >= sizeof(step))
		return false;
	for (const char *dot = strchr(key, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
		memcpy(step, key, (size_t)(dot - key));
		step[dot - key] = '\0';
		if (known(context, step, dot + 1) ||
		    (is_special(dot + 1) && known(context, step, NULL)))
			return true;
	}
	return false;
}

void script_check(const struct script *s, script_known_task *task, script_known_agent *agent,
    void *context, struct diag *diag)
{
	struct reading r = { (struct script *)s, diag };

	for (size_t i = 0; i < s->tasks.count; i++) {
		const struct role *role = &s->tasks.list[i];

		if (strcmp(role->key, "debugger") != 0 && !task(context, NULL, role->key) &&
		    !is_step_and_task(role->key, task, context))
			complain(&r, role->node, true,
			    "no task '%s' here, expected TASK, STEP.TASK, STEP.merge or debugger",
			    safe(role->key));
	}
	for (size_t i = 0; i < s->agents.count; i++)
		if (!agent(context, s->agents.list[i].key))
			complain(&r, s->agents.list[i].node, true, "no task has the agent '%s'",
			    safe(s->agents.list[i].key));
}
