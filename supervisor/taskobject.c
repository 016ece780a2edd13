#include "supervisor/taskobject.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "shared/names.h"
#include "shared/quantity.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/refine.h"

#define RETRIES_MAX 100
#define INTEGER_MAX 9007199254740991.0 /* beyond this a double skips integers */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* One object while it is read. Lives on the stack of taskobject_read(). */
struct reading {
	const struct taskobject_context *context;
	struct arena *arena;
	struct faults *faults;
	struct task *task;
	struct task_more more;
	bool has_more;	   /* some key belongs into `more` */
	const char *agent; /* in the JSON tree */
};

/* Each key's handler takes a value of the right type: false when it is not what was expected. */
typedef bool key_handler(struct reading *r, const cJSON *value);

static bool take_id(struct reading *r, const cJSON *value);
static bool take_agent(struct reading *r, const cJSON *value);
static bool take_prompt(struct reading *r, const cJSON *value);
static bool take_run(struct reading *r, const cJSON *value);
static bool take_needs(struct reading *r, const cJSON *value);
static bool take_reads(struct reading *r, const cJSON *value);
static bool take_writes(struct reading *r, const cJSON *value);
static bool take_cwd(struct reading *r, const cJSON *value);
static bool take_env(struct reading *r, const cJSON *value);
static bool take_stdin(struct reading *r, const cJSON *value);
static bool take_timeout(struct reading *r, const cJSON *value);
static bool take_idle_timeout(struct reading *r, const cJSON *value);
static bool take_retries(struct reading *r, const cJSON *value);
static bool take_tokens(struct reading *r, const cJSON *value);
static bool take_priority(struct reading *r, const cJSON *value);
static bool take_refine(struct reading *r, const cJSON *value);
static bool take_output(struct reading *r, const cJSON *value);

/* X(key, types, handler, expected) */
#define KEYS(X) \
	X("id", cJSON_String, take_id, \
	    "1 to 64 letters, digits, '.', '_' or '-', the first neither '.' nor '-'") \
	X("agent", cJSON_String, take_agent, "the name of an agent") \
	X("prompt", cJSON_String, take_prompt, "a text that is not empty") \
	X("run", cJSON_String | cJSON_Array, take_run, \
	    "a command for sh -c, or an array of words, the first not empty") \
	X("needs", cJSON_Array, take_needs, "an array of ids") \
	X("reads", cJSON_Array, take_reads, "an array of paths such as src/**/*.c") \
	X("writes", cJSON_Array, take_writes, "an array of paths such as src/**/*.c") \
	X("cwd", cJSON_String, take_cwd, "a path") \
	X("env", cJSON_Object, take_env, "an object of strings") \
	X("stdin", cJSON_String, take_stdin, "a string") \
	X("timeout", cJSON_String | cJSON_Number, take_timeout, \
	    "a duration such as 90, 10m or 2h, at most ten years") \
	X("idle_timeout", cJSON_String | cJSON_Number, take_idle_timeout, \
	    "a duration such as 90, 10m or 2h, at most ten years") \
	X("retries", cJSON_Number, take_retries, "an integer from 0 to 100") \
	X("tokens", cJSON_String | cJSON_Number, take_tokens, \
	    "a number of tokens such as 40000 or \"40k\"") \
	X("priority", cJSON_Number, take_priority, "a number") \
	X("refine", cJSON_String, take_refine, "a template that is not empty") \
	X("output", cJSON_String, take_output, "'text' or 'json'")

static const struct key {
	const char *name;
	int types;
	key_handler *take;
	const char *expected;
} keys[] = {
#define ENTRY(name, types, take, expected) { name, types, take, expected },
	KEYS(ENTRY)
#undef ENTRY
};

static const char *const key_names[] = {
#define ENTRY(name, types, take, expected) name,
	KEYS(ENTRY)
#undef ENTRY
};

static bool is_string(const cJSON *value)
{
	return cJSON_IsString(value) && value->valuestring != NULL;
}

static bool is_filled(const cJSON *value)
{
	return is_string(value) && value->valuestring[0] != '\0';
}

/* The value as a message shows it. */
static void describe(struct buf *out, const cJSON *value)
{
	if (is_string(value))
		buf_addf(out, "'%s'", safe(value->valuestring));
	else if (cJSON_IsArray(value))
		buf_addstr(out, value->child == NULL ? "an empty array" : "an array");
	else if (cJSON_IsObject(value))
		buf_addstr(out, "an object");
	else
		json_print(out, value);
}

static void not_expected(struct reading *r, const char *key, const char *expected,
    const cJSON *value)
{
	struct buf got = BUF_INIT;

	describe(&got, value);
	fault_add(r->faults, "'%s': expected %s, got %s", key, expected, buf_str(&got));
	buf_free(&got);
}

/* For the parts of an array or object, which the message names themselves. */
static void bad_part(struct reading *r, const char *key, const char *what, const cJSON *value)
{
	struct buf got = BUF_INIT;

	describe(&got, value);
	fault_add(r->faults, "'%s': %s, got %s", key, what, buf_str(&got));
	buf_free(&got);
}

static const char *keep(struct reading *r, const cJSON *value)
{
	return arena_strdup(r->arena, value->valuestring);
}

static void keep_text(struct reading *r, const char *text)
{
	r->task->text_len = strlen(text);
	r->task->text = arena_copy(r->arena, text, r->task->text_len);
}

/* A NULL-terminated copy of an array whose items were checked to be strings. */
static const char *const *keep_strings(struct reading *r, const cJSON *array, size_t *count)
{
	const cJSON *item;
	const char **out;
	size_t n = 0;

	cJSON_ArrayForEach(item, array) n++;
	out = arena_take(r->arena, (n + 1) * sizeof(*out));
	*count = n;
	n = 0;
	cJSON_ArrayForEach(item, array) out[n++] = keep(r, item);
	return out;
}

static bool take_id(struct reading *r, const cJSON *value)
{
	if (!id_valid(value->valuestring, strlen(value->valuestring)))
		return false;
	r->task->id = keep(r, value);
	return true;
}

static bool take_agent(struct reading *r, const cJSON *value)
{
	if (!is_filled(value))
		return false;
	r->agent = value->valuestring;
	return true;
}

static bool take_prompt(struct reading *r, const cJSON *value)
{
	if (!is_filled(value))
		return false;
	r->task->kind = TASK_AGENT;
	keep_text(r, value->valuestring);
	return true;
}

static bool take_run_words(struct reading *r, const cJSON *value)
{
	const cJSON *item;
	size_t count, i = 0;

	if (!is_filled(value->child))
		return false;
	cJSON_ArrayForEach(item, value)
	{
		i++;
		if (!is_string(item)) {
			bad_part(r, "run", "expected words that are strings", item);
			return true;
		}
		if (strlen(item->valuestring) >= ARGUMENT_MAX) {
			fault_add(r->faults,
			    "'run': word %zu is %zu bytes long, and an argument of a command "
			    "can have %d: give it in 'stdin' or in a file",
			    i, strlen(item->valuestring), ARGUMENT_MAX - 1);
			return true;
		}
	}
	r->task->kind = TASK_ARGV;
	r->task->text = "";
	r->more.argv = keep_strings(r, value, &count);
	r->has_more = true;
	return true;
}

static bool take_run(struct reading *r, const cJSON *value)
{
	if (cJSON_IsArray(value))
		return take_run_words(r, value);
	if (!is_filled(value))
		return false;
	r->task->kind = TASK_SHELL;
	keep_text(r, value->valuestring);
	if (r->task->text_len >= ARGUMENT_MAX)
		fault_add(r->faults,
		    "'run': the command is %zu bytes long, and an argument can have %d: "
		    "put it into a file",
		    r->task->text_len, ARGUMENT_MAX - 1);
	return true;
}

static bool take_needs(struct reading *r, const cJSON *value)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, value)
	{
		if (!is_filled(item)) {
			bad_part(r, "needs", "expected ids", item);
			return true;
		}
	}
	r->more.needs = keep_strings(r, value, &r->more.nneeds);
	r->has_more = true;
	return true;
}

/* Whether each [ has its ]; a ] right behind the [ (or its ! or ^) stands for itself. */
static bool brackets_closed(const char *pattern)
{
	const char *p = pattern;

	while ((p = strchr(p, '[')) != NULL) {
		p++;
		if (*p == '!' || *p == '^')
			p++;
		if (*p == ']')
			p++;
		p = strchr(p, ']');
		if (p == NULL)
			return false;
		p++;
	}
	return true;
}

static const char *const *take_patterns(struct reading *r, const char *key, const cJSON *value,
    size_t *count)
{
	const cJSON *item;

	*count = 0;
	cJSON_ArrayForEach(item, value)
	{
		if (!is_filled(item)) {
			bad_part(r, key, "expected paths such as src/**/*.c", item);
			return NULL;
		}
		if (!brackets_closed(item->valuestring)) {
			fault_add(r->faults, "'%s': the '[' in '%s' has no ']'", key,
			    safe(item->valuestring));
			return NULL;
		}
	}
	r->has_more = true;
	return keep_strings(r, value, count);
}

static bool take_reads(struct reading *r, const cJSON *value)
{
	r->more.reads = take_patterns(r, "reads", value, &r->more.nreads);
	return true;
}

static bool take_writes(struct reading *r, const cJSON *value)
{
	r->more.writes = take_patterns(r, "writes", value, &r->more.nwrites);
	return true;
}

static bool take_cwd(struct reading *r, const cJSON *value)
{
	if (!is_filled(value))
		return false;
	r->more.cwd = keep(r, value);
	r->has_more = true;
	return true;
}

static bool env_name_valid(const char *name)
{
	const char *letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";

	if (*name == '\0' || strchr(letters, *name) == NULL)
		return false;
	return name[strspn(name,
		   "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")] == '\0';
}

static bool env_valid(struct reading *r, const cJSON *item)
{
	if (!env_name_valid(item->string)) {
		fault_add(r->faults,
		    "'env': '%s' is no name of a variable: letters, digits and '_', "
		    "the first no digit",
		    safe(item->string));
		return false;
	}
	if (strncmp(item->string, "POLLARD_", strlen("POLLARD_")) == 0) {
		fault_add(r->faults,
		    "'env': '%s' is set by pollard itself: take a name that does not "
		    "begin with POLLARD_",
		    safe(item->string));
		return false;
	}
	if (!is_string(item)) {
		struct buf got = BUF_INIT;

		describe(&got, item);
		fault_add(r->faults, "'env': expected a string for '%s', got %s",
		    safe(item->string), buf_str(&got));
		buf_free(&got);
		return false;
	}
	if (strlen(item->string) + 1 + strlen(item->valuestring) >= ARGUMENT_MAX) {
		fault_add(r->faults,
		    "'env': '%s' is too long for an environment (%d bytes with its name): "
		    "give it in 'stdin' or in a file",
		    safe(item->string), ARGUMENT_MAX - 1);
		return false;
	}
	return true;
}

static bool take_env(struct reading *r, const cJSON *value)
{
	const cJSON *item;
	struct job_env *env;
	size_t n = 0;
	bool good = true;

	cJSON_ArrayForEach(item, value)
	{
		good = env_valid(r, item) && good;
		n++;
	}
	if (!good)
		return true;
	env = arena_take(r->arena, (n + 1) * sizeof(*env));
	r->more.env = env;
	r->more.nenv = n;
	r->has_more = true;
	cJSON_ArrayForEach(item, value)
	{
		env->name = arena_strdup(r->arena, item->string);
		env->value = keep(r, item);
		env++;
	}
	return true;
}

static bool take_stdin(struct reading *r, const cJSON *value)
{
	r->more.input_len = strlen(value->valuestring);
	r->more.input = arena_copy(r->arena, value->valuestring, r->more.input_len);
	r->has_more = true;
	return true;
}

static bool take_duration(struct reading *r, const cJSON *value, int64_t *out)
{
	r->has_more = true;
	if (is_string(value))
		return parse_duration(value->valuestring, out);
	if (!(value->valuedouble >= 0 && value->valuedouble <= (double)DURATION_MAX_MS / 1000))
		return false;
	*out = (int64_t)(value->valuedouble * 1000 + 0.5);
	return true;
}

static bool take_timeout(struct reading *r, const cJSON *value)
{
	return take_duration(r, value, &r->more.timeout_ms);
}

static bool take_idle_timeout(struct reading *r, const cJSON *value)
{
	return take_duration(r, value, &r->more.idle_timeout_ms);
}

static bool is_integer(double d, double max)
{
	return d >= 0 && d <= max && d == (double)(uint64_t)d;
}

static bool take_retries(struct reading *r, const cJSON *value)
{
	if (!is_integer(value->valuedouble, RETRIES_MAX))
		return false;
	r->more.retries = (int)value->valuedouble;
	r->has_more = true;
	return true;
}

static bool take_tokens(struct reading *r, const cJSON *value)
{
	r->has_more = true;
	if (is_string(value))
		return parse_count(value->valuestring, &r->more.tokens);
	if (!is_integer(value->valuedouble, INTEGER_MAX))
		return false;
	r->more.tokens = (uint64_t)value->valuedouble;
	return true;
}

static bool take_priority(struct reading *r, const cJSON *value)
{
	if (!isfinite(value->valuedouble))
		return false;
	r->more.priority = value->valuedouble;
	r->has_more = true;
	return true;
}

static bool take_refine(struct reading *r, const cJSON *value)
{
	const char *bad;
	size_t len;

	if (!is_filled(value))
		return false;
	if (!refine_check(value->valuestring, &bad, &len)) {
		char *name = xmemdup0(bad, len);

		fault_add(r->faults,
		    "'refine': unknown name '%s'; there are attempt.number, "
		    "attempt.error and attempt.tail",
		    safe(name));
		free(name);
	}
	r->more.refine = keep(r, value);
	r->has_more = true;
	return true;
}

static bool take_output(struct reading *r, const cJSON *value)
{
	r->more.want_json = strcmp(value->valuestring, "json") == 0;
	r->has_more = r->has_more || r->more.want_json;
	return r->more.want_json || strcmp(value->valuestring, "text") == 0;
}

static void unknown_key(struct reading *r, const char *key)
{
	const char *near = names_suggest(key, key_names, COUNT(key_names));

	if (near != NULL)
		fault_add(r->faults, "unknown key '%s', did you mean '%s'?", safe(key), near);
	else
		fault_add(r->faults, "unknown key '%s'; keys of your own begin with 'x-'",
		    safe(key));
}

static void take_key(struct reading *r, const cJSON *value)
{
	for (size_t i = 0; i < COUNT(keys); i++) {
		if (strcmp(keys[i].name, value->string) != 0)
			continue;
		if ((value->type & keys[i].types) == 0 || !keys[i].take(r, value))
			not_expected(r, keys[i].name, keys[i].expected, value);
		return;
	}
	if (strncmp(value->string, "x-", 2) != 0)
		unknown_key(r, value->string);
}

static void find_agent(struct reading *r)
{
	const char *name = r->agent != NULL ? r->agent : r->context->agent;

	if (name == NULL)
		fault_add(r->faults, "'prompt' needs an 'agent' to ask");
	else
		r->task->agent = fault_find_agent(r->faults, r->context->agents, name);
}

/* What no key can say alone. */
static void check_together(struct reading *r, const cJSON *root)
{
	bool prompt = json_get(root, "prompt") != NULL;
	bool run = json_get(root, "run") != NULL;

	if (prompt && run) {
		fault_add(r->faults,
		    "'prompt' and 'run' exclude each other: an agent is asked, or a command "
		    "is run");
		return;
	}
	if (!prompt && !run) {
		fault_add(r->faults,
		    "expected a 'prompt' (with an 'agent') or a 'run' (a command)");
		return;
	}
	if (run && json_get(root, "agent") != NULL)
		fault_add(r->faults, "'agent' goes with 'prompt': 'run' is a command of its own");
	if (run && json_get(root, "refine") != NULL)
		fault_add(r->faults,
		    "'refine' goes with 'prompt': a command is run again as it is");
	if (prompt && json_get(root, "stdin") != NULL)
		fault_add(r->faults, "'stdin' goes with 'run': an agent is given its prompt there");
	if (prompt && (json_get(root, "agent") == NULL || r->agent != NULL))
		find_agent(r);
}

static bool parse_failed(const struct reading *r, const struct json_error *error, size_t len)
{
	fault_add(r->faults, "%s%s", error->message,
	    r->context->one_line && error->offset >= len ?
		"; a task object is written on one line" :
		"");
	r->faults->column = error->offset + 1;
	return false;
}

bool taskobject_read(const char *data, size_t len, const struct taskobject_context *context,
    struct arena *arena, struct task *task, struct faults *faults)
{
	struct reading r = { .context = context, .arena = arena, .faults = faults, .task = task };
	struct json_error error;
	const cJSON *value;
	cJSON *root;

	r.more.timeout_ms = UNSET;
	r.more.idle_timeout_ms = UNSET;
	r.more.retries = UNSET;
	root = json_parse(data, len, &error);
	if (root == NULL)
		return parse_failed(&r, &error, len);
	cJSON_ArrayForEach(value, root) take_key(&r, value);
	check_together(&r, root);
	if (r.has_more) {
		struct task_more *more = arena_take(arena, sizeof(*more));

		*more = r.more;
		task->more = more;
	}
	cJSON_Delete(root);
	return true;
}
