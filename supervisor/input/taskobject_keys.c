#include <math.h>
#include <string.h>

#include "shared/json.h"
#include "shared/names.h"
#include "shared/quantity.h"
#include "shared/text.h"
#include "supervisor/input/taskobject_data.h"

#define RETRIES_MAX 100
#define INTEGER_MAX 9007199254740991.0 /* beyond this a double skips integers */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Each key's handler takes a value of the right type: false when it is not what was expected. */
typedef bool key_handler(struct taskobject_reading *r, const cJSON *value);

static bool take_id(struct taskobject_reading *r, const cJSON *value);
static bool take_agent(struct taskobject_reading *r, const cJSON *value);
static bool take_prompt(struct taskobject_reading *r, const cJSON *value);
static bool take_run(struct taskobject_reading *r, const cJSON *value);
static bool take_needs(struct taskobject_reading *r, const cJSON *value);
static bool take_reads(struct taskobject_reading *r, const cJSON *value);
static bool take_writes(struct taskobject_reading *r, const cJSON *value);
static bool take_cwd(struct taskobject_reading *r, const cJSON *value);
static bool take_env(struct taskobject_reading *r, const cJSON *value);
static bool take_stdin(struct taskobject_reading *r, const cJSON *value);
static bool take_timeout(struct taskobject_reading *r, const cJSON *value);
static bool take_idle_timeout(struct taskobject_reading *r, const cJSON *value);
static bool take_retries(struct taskobject_reading *r, const cJSON *value);
static bool take_tokens(struct taskobject_reading *r, const cJSON *value);
static bool take_priority(struct taskobject_reading *r, const cJSON *value);
static bool take_refine(struct taskobject_reading *r, const cJSON *value);
static bool take_output(struct taskobject_reading *r, const cJSON *value);

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

/* Keys without a sense for more than one task. */
static const char *const single_keys[] = { "id", "prompt", "run", "needs", "stdin" };

static bool is_filled(const cJSON *value)
{
	const char *text = taskobject_text(value);

	return text != NULL && text[0] != '\0';
}

static void not_expected(struct taskobject_reading *r, const char *key, const char *expected,
    const cJSON *value)
{
	struct buf got = BUF_INIT;

	taskobject_describe(&got, value);
	fault_add(r->faults, "'%s': expected %s, got %s", key, expected, buf_str(&got));
	buf_free(&got);
}

/* For the parts of an array or object, which the message names themselves. */
static void bad_part(struct taskobject_reading *r, const char *key, const char *what,
    const cJSON *value)
{
	struct buf got = BUF_INIT;

	taskobject_look_at(r, value);
	taskobject_describe(&got, value);
	fault_add(r->faults, "'%s': %s, got %s", key, what, buf_str(&got));
	buf_free(&got);
}

static const char *keep(struct taskobject_reading *r, const cJSON *value)
{
	return arena_strdup(r->arena, taskobject_text(value));
}

static void keep_text(struct taskobject_reading *r, const char *text)
{
	r->task->text_len = strlen(text);
	r->task->text = arena_copy(r->arena, text, r->task->text_len);
}

/* A NULL-terminated copy of an array whose items were checked to be strings. */
static const char *const *keep_strings(struct taskobject_reading *r, const cJSON *array,
    size_t *count)
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

static bool take_id(struct taskobject_reading *r, const cJSON *value)
{
	const char *id = taskobject_text(value);

	if (!id_valid(id, strlen(id)))
		return false;
	r->task->id = keep(r, value);
	return true;
}

static bool take_agent(struct taskobject_reading *r, const cJSON *value)
{
	if (!is_filled(value))
		return false;
	r->agent = taskobject_text(value);
	return true;
}

static bool take_prompt(struct taskobject_reading *r, const cJSON *value)
{
	if (!is_filled(value))
		return false;
	r->task->kind = TASK_AGENT;
	keep_text(r, taskobject_text(value));
	return true;
}

static bool take_run_words(struct taskobject_reading *r, const cJSON *value)
{
	const cJSON *item;
	size_t count, i = 0;

	if (!is_filled(value->child))
		return false;
	cJSON_ArrayForEach(item, value)
	{
		i++;
		if (taskobject_text(item) == NULL) {
			bad_part(r, "run", "expected words that are strings", item);
			return true;
		}
		if (strlen(taskobject_text(item)) >= ARGUMENT_MAX) {
			taskobject_look_at(r, item);
			fault_add(r->faults,
			    "'run': word %zu is %zu bytes long, and an argument of a command "
			    "can have %d: give it in 'stdin' or in a file",
			    i, strlen(taskobject_text(item)), ARGUMENT_MAX - 1);
			return true;
		}
	}
	r->task->kind = TASK_ARGV;
	r->task->text = "";
	r->more.argv = keep_strings(r, value, &count);
	r->has_more = true;
	return true;
}

static bool take_run(struct taskobject_reading *r, const cJSON *value)
{
	if (cJSON_IsArray(value))
		return take_run_words(r, value);
	if (!is_filled(value))
		return false;
	r->task->kind = TASK_SHELL;
	keep_text(r, taskobject_text(value));
	if (r->task->text_len >= ARGUMENT_MAX)
		fault_add(r->faults,
		    "'run': the command is %zu bytes long, and an argument can have %d: "
		    "put it into a file",
		    r->task->text_len, ARGUMENT_MAX - 1);
	return true;
}

static bool take_needs(struct taskobject_reading *r, const cJSON *value)
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
	r->more.nwritten = r->more.nneeds;
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

static const char *const *take_patterns(struct taskobject_reading *r, const char *key,
    const cJSON *value, size_t *count)
{
	const cJSON *item;

	*count = 0;
	cJSON_ArrayForEach(item, value)
	{
		if (!is_filled(item)) {
			bad_part(r, key, "expected paths such as src/**/*.c", item);
			return NULL;
		}
		if (!brackets_closed(taskobject_text(item))) {
			taskobject_look_at(r, item);
			fault_add(r->faults, "'%s': the '[' in '%s' has no ']'", key,
			    safe(taskobject_text(item)));
			return NULL;
		}
	}
	r->has_more = true;
	return keep_strings(r, value, count);
}

static bool take_reads(struct taskobject_reading *r, const cJSON *value)
{
	r->more.reads = take_patterns(r, "reads", value, &r->more.nreads);
	return true;
}

static bool take_writes(struct taskobject_reading *r, const cJSON *value)
{
	r->more.writes = take_patterns(r, "writes", value, &r->more.nwrites);
	r->more.says_writes = true;
	r->has_more = true;
	return true;
}

static bool take_cwd(struct taskobject_reading *r, const cJSON *value)
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

static bool env_valid(struct taskobject_reading *r, const cJSON *item)
{
	const char *text = taskobject_text(item);

	taskobject_look_at_key(r, item);
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
	if (text == NULL) {
		struct buf got = BUF_INIT;

		taskobject_look_at(r, item);
		taskobject_describe(&got, item);
		fault_add(r->faults, "'env': expected a string for '%s', got %s",
		    safe(item->string), buf_str(&got));
		buf_free(&got);
		return false;
	}
	if (strlen(item->string) + 1 + strlen(text) >= ARGUMENT_MAX) {
		fault_add(r->faults,
		    "'env': '%s' is too long for an environment (%d bytes with its name): "
		    "give it in 'stdin' or in a file",
		    safe(item->string), ARGUMENT_MAX - 1);
		return false;
	}
	return true;
}

static bool take_env(struct taskobject_reading *r, const cJSON *value)
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

static bool take_stdin(struct taskobject_reading *r, const cJSON *value)
{
	r->more.input_len = strlen(taskobject_text(value));
	r->more.input = arena_copy(r->arena, taskobject_text(value), r->more.input_len);
	r->has_more = true;
	return true;
}

static bool take_duration(struct taskobject_reading *r, const cJSON *value, int64_t *out)
{
	r->has_more = true;
	if (!cJSON_IsNumber(value))
		return parse_duration(taskobject_text(value), out);
	if (!(value->valuedouble >= 0 && value->valuedouble <= (double)DURATION_MAX_MS / 1000))
		return false;
	*out = (int64_t)(value->valuedouble * 1000 + 0.5);
	return true;
}

static bool take_timeout(struct taskobject_reading *r, const cJSON *value)
{
	return take_duration(r, value, &r->more.timeout_ms);
}

static bool take_idle_timeout(struct taskobject_reading *r, const cJSON *value)
{
	return take_duration(r, value, &r->more.idle_timeout_ms);
}

static bool is_integer(double d, double max)
{
	return d >= 0 && d <= max && d == (double)(uint64_t)d;
}

static bool take_retries(struct taskobject_reading *r, const cJSON *value)
{
	if (!is_integer(value->valuedouble, RETRIES_MAX))
		return false;
	r->more.retries = (int)value->valuedouble;
	r->has_more = true;
	return true;
}

static bool take_tokens(struct taskobject_reading *r, const cJSON *value)
{
	r->has_more = true;
	if (!cJSON_IsNumber(value))
		return parse_count(taskobject_text(value), &r->more.tokens);
	if (!is_integer(value->valuedouble, INTEGER_MAX))
		return false;
	r->more.tokens = (uint64_t)value->valuedouble;
	return true;
}

static bool take_priority(struct taskobject_reading *r, const cJSON *value)
{
	if (!isfinite(value->valuedouble))
		return false;
	r->more.priority = value->valuedouble;
	r->has_more = true;
	return true;
}

static bool take_refine(struct taskobject_reading *r, const cJSON *value)
{
	if (!is_filled(value))
		return false;
	r->more.refine = keep(r, value);
	r->has_more = true;
	return true;
}

static bool take_output(struct taskobject_reading *r, const cJSON *value)
{
	r->more.want_json = strcmp(taskobject_text(value), "json") == 0;
	r->has_more = r->has_more || r->more.want_json;
	return r->more.want_json || strcmp(taskobject_text(value), "text") == 0;
}

static void unknown_key(struct taskobject_reading *r, const char *key)
{
	const char *near = names_suggest(key, key_names, COUNT(key_names));

	if (near != NULL)
		fault_add(r->faults, "unknown key '%s', did you mean '%s'?", safe(key), near);
	else
		fault_add(r->faults, "unknown key '%s'; keys of your own begin with 'x-'",
		    safe(key));
}

static bool is_single(const char *key)
{
	for (size_t i = 0; i < COUNT(single_keys); i++)
		if (strcmp(single_keys[i], key) == 0)
			return true;
	return false;
}

static bool has_type(const cJSON *value, int types)
{
	return (value->type & types) != 0 ||
	    ((types & cJSON_String) != 0 && taskobject_text(value) != NULL);
}

static void take_known_key(struct taskobject_reading *r, const struct key *key, const cJSON *value)
{
	if (r->context->partial && is_single(key->name)) {
		taskobject_look_at_key(r, value);
		fault_add(r->faults, "'%s' cannot be a default: each task has its own", key->name);
		return;
	}
	taskobject_look_at(r, value);
	if (!has_type(value, key->types) || !key->take(r, value))
		not_expected(r, key->name, key->expected, value);
}

void taskobject_take_key(struct taskobject_reading *r, const cJSON *value)
{
	for (size_t i = 0; i < COUNT(keys); i++) {
		if (strcmp(keys[i].name, value->string) != 0)
			continue;
		take_known_key(r, &keys[i], value);
		return;
	}
	taskobject_look_at_key(r, value);
	if (strncmp(value->string, "x-", 2) != 0)
		unknown_key(r, value->string);
}
