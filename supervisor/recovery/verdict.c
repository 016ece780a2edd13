#include "supervisor/recovery/verdict.h"

#include <stdlib.h>
#include <string.h>

#include "shared/buf.h"
#include "shared/json.h"
#include "shared/names.h"
#include "shared/quantity.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/input/fault.h"

#define WORDS_MAX 1000
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
/* Names of more tasks are not searched for the one that was meant. */
#define SUGGEST_MAX 1000

static const char *const relations[] = {
#define X(name, text) text,
	VERDICT_RELATIONS(X)
#undef X
};

static const char *const strategies[] = {
#define X(name, text) text,
	VERDICT_STRATEGIES(X)
#undef X
};

/* The tasks that may be named, sorted. */
struct known {
	const char *id;
	size_t task;
};

/* One verdict while it is read. Lives on the stack of verdict_parse(). */
struct reading {
	struct verdict *out;
	const char *const *ids;
	size_t nids;
	struct known *known;
	bool *grouped;	/* one a task: stands in a group */
	bool *retried;	/* one a task: stands in `retry` */
	struct buf why; /* the first thing that is wrong; empty: nothing is */
};

/* Takes the value of one key of an object; what is wrong with it goes to `why`. */
typedef bool member_handler(struct reading *r, const cJSON *value, void *into);

/* What an object may hold. */
struct member {
	const char *name;
	bool required;
	member_handler *take;
};

static bool is_string(const cJSON *value)
{
	return cJSON_IsString(value) && value->valuestring != NULL;
}

/* The value as a message shows it. */
static void describe(struct buf *out, const cJSON *value)
{
	if (is_string(value))
		buf_addf(out, "'%s'", safe(value->valuestring));
	else if (cJSON_IsArray(value))
		buf_addstr(out, value->child == NULL ? "an empty array" : "an array");
	else if (cJSON_IsObject(value))
		buf_addstr(out, value->child == NULL ? "an empty object" : "an object");
	else if (cJSON_IsNumber(value))
		buf_addstr(out, "a number");
	else if (cJSON_IsBool(value))
		buf_addstr(out, cJSON_IsTrue(value) ? "true" : "false");
	else
		buf_addstr(out, value == NULL ? "nothing" : "null");
}

static bool not_expected(struct reading *r, const char *key, const char *expected,
    const cJSON *value)
{
	buf_addf(&r->why, "'%s': expected %s, got ", key, expected);
	describe(&r->why, value);
	return false;
}

static bool all_blank(const char *s)
{
	return s[strspn(s, " \t\n\v\f\r")] == '\0';
}

/* Also with what only Unicode takes for the end of a line: NEL, LINE and PARAGRAPH SEPARATOR. */
static bool one_line(const char *s)
{
	return strpbrk(s, "\n\v\f\r") == NULL && strstr(s, "\xc2\x85") == NULL &&
	    strstr(s, "\xe2\x80\xa8") == NULL && strstr(s, "\xe2\x80\xa9") == NULL;
}

static size_t count_characters(const char *s)
{
	size_t n = 0;
	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static bool take_cause(struct reading *r, const cJSON *value, void *into)
{
	char **cause = into;
	if (!is_string(value) || all_blank(value->valuestring))
		return not_expected(r, "cause", "one line that a person can act on", value);
	if (!utf8_valid(value->valuestring, strlen(value->valuestring)) ||
	    !one_line(value->valuestring))
		return not_expected(r, "cause", "one line, not more", value);
	if (count_characters(value->valuestring) > CAUSE_MAX) {
		buf_addf(&r->why, "'cause': expected at most %d characters, got %zu", CAUSE_MAX,
		    count_characters(value->valuestring));
		return false;
	}
	*cause = xstrdup(value->valuestring);
	return true;
}

static bool take_text(struct reading *r, const char *key, const cJSON *value, char **into)
{
	if (!is_string(value) || all_blank(value->valuestring))
		return not_expected(r, key, "a text that is not empty", value);
	size_t len = strlen(value->valuestring);
	if (len > VERDICT_TEXT_MAX) {
		buf_addf(&r->why, "'%s': expected at most %d bytes, got %zu", key, VERDICT_TEXT_MAX,
		    len);
		return false;
	}
	if (!utf8_valid(value->valuestring, len))
		return not_expected(r, key, "valid UTF-8", value);
	*into = xmemdup0(value->valuestring, len);
	return true;
}

static bool take_word(struct reading *r, const char *key, const cJSON *value,
    const char *const *words, size_t count, size_t *out)
{
	for (size_t i = 0; i < count && is_string(value); i++) {
		if (strcmp(words[i], value->valuestring) == 0) {
			*out = i;
			return true;
		}
	}
	struct buf expected = BUF_INIT;
	for (size_t i = 0; i < count; i++)
		buf_addf(&expected, "%s'%s'",
		    i == 0	      ? "" :
			i + 1 < count ? ", " :
					" or ",
		    words[i]);
	not_expected(r, key, buf_str(&expected), value);
	buf_free(&expected);
	return false;
}

static bool take_relation(struct reading *r, const cJSON *value, void *into)
{
	size_t word = 0;
	(void)into;
	bool good = take_word(r, "relation", value, relations, COUNT(relations), &word);
	r->out->relation = (enum verdict_relation)word;
	return good;
}

static bool take_strategy(struct reading *r, const cJSON *value, void *into)
{
	size_t word = 0;
	(void)into;
	bool good = take_word(r, "strategy", value, strategies, COUNT(strategies), &word);
	r->out->strategy = (enum verdict_strategy)word;
	return good;
}

static bool take_escalate(struct reading *r, const cJSON *value, void *into)
{
	(void)into;
	if (!cJSON_IsBool(value))
		return not_expected(r, "escalate", "true or false", value);
	r->out->escalate = cJSON_IsTrue(value);
	return true;
}

static bool unknown_key(struct reading *r, const char *where, const struct member *members,
    size_t count, const char *key)
{
	const char *names[16];
	for (size_t i = 0; i < count; i++)
		names[i] = members[i].name;
	const char *near = names_suggest(key, names, count);
	buf_addf(&r->why, "unknown key '%s' in %s", safe(key), where);
	if (near != NULL)
		buf_addf(&r->why, ", did you mean '%s'?", near);
	return false;
}

/* An object with these members and no others, each at most once. */
static bool take_members(struct reading *r, const char *where, const struct member *members,
    size_t count, const cJSON *object, void *into)
{
	const cJSON *value;
	unsigned seen = 0;
	if (!cJSON_IsObject(object)) {
		buf_addf(&r->why, "%s: expected a JSON object, got ", where);
		describe(&r->why, object);
		return false;
	}
	cJSON_ArrayForEach(value, object)
	{
		const char *key = value->string != NULL ? value->string : "";
		size_t i = 0;
		while (i < count && strcmp(members[i].name, key) != 0)
			i++;
		if (i == count)
			return unknown_key(r, where, members, count, key);
		if ((seen & 1u << i) != 0) {
			buf_addf(&r->why, "'%s' stands twice in %s", key, where);
			return false;
		}
		seen |= 1u << i;
		if (!members[i].take(r, value, into))
			return false;
	}
	for (size_t i = 0; i < count; i++) {
		if (members[i].required && (seen & 1u << i) == 0) {
			buf_addf(&r->why, "'%s' is missing in %s", members[i].name, where);
			return false;
		}
	}
	return true;
}

static int by_id(const void *a, const void *b)
{
	const struct known *ka = a;
	const struct known *kb = b;
	return strcmp(ka->id, kb->id);
}

/* The task of that id that was not `taken` yet in the list called `where`. */
static bool take_task(struct reading *r, const char *where, const cJSON *value, bool *taken,
    size_t *out)
{
	if (!is_string(value))
		return not_expected(r, where, "ids of tasks that failed", value);
	const char *id = value->valuestring;
	struct known key = { .id = id };
	const struct known *found =
	    r->nids == 0 ? NULL : bsearch(&key, r->known, r->nids, sizeof *r->known, by_id);
	if (found == NULL) {
		size_t looked = r->nids < SUGGEST_MAX ? r->nids : SUGGEST_MAX;
		const char *near = names_suggest(id, r->ids, looked);
		buf_addf(&r->why, "'%s': no task '%s' failed", where, safe(id));
		if (near != NULL)
			buf_addf(&r->why, ", did you mean '%s'?", safe(near));
		return false;
	}
	if (taken[found->task]) {
		buf_addf(&r->why, "'%s': task '%s' stands there twice", where, safe(id));
		return false;
	}
	taken[found->task] = true;
	*out = found->task;
	return true;
}

static size_t count_items(const cJSON *array)
{
	const cJSON *item;
	size_t n = 0;
	cJSON_ArrayForEach(item, array) n++;
	return n;
}

/* Rejects a list that must name a task twice before memory is taken for it. */
static bool fits(struct reading *r, const char *key, const cJSON *array)
{
	size_t n = count_items(array);
	if (n <= r->nids)
		return true;
	buf_addf(&r->why, "'%s': has %zu entr%s, and %zu task%s failed", key, n,
	    n == 1 ? "y" : "ies", r->nids, r->nids == 1 ? "" : "s");
	return false;
}

static bool take_group_tasks(struct reading *r, const cJSON *value, void *into)
{
	struct verdict_group *group = into;
	const cJSON *item;
	if (!cJSON_IsArray(value) || value->child == NULL)
		return not_expected(r, "tasks", "an array of ids", value);
	if (!fits(r, "tasks", value))
		return false;
	group->tasks = xcalloc(count_items(value), sizeof *group->tasks);
	cJSON_ArrayForEach(item, value)
	{
		if (!take_task(r, "groups", item, r->grouped, &group->tasks[group->ntasks]))
			return false;
		group->ntasks++;
	}
	return true;
}

static bool take_group_cause(struct reading *r, const cJSON *value, void *into)
{
	struct verdict_group *group = into;
	return take_cause(r, value, &group->cause);
}

static bool take_groups(struct reading *r, const cJSON *value, void *into)
{
	static const struct member members[] = {
		{ "cause", true, take_group_cause },
		{ "tasks", true, take_group_tasks },
	};
	const cJSON *item;
	(void)into;
	if (!cJSON_IsArray(value))
		return not_expected(r, "groups", "an array of groups", value);
	if (!fits(r, "groups", value))
		return false;
	r->out->groups = xcalloc(count_items(value) + 1, sizeof *r->out->groups);
	cJSON_ArrayForEach(item, value)
	{
		struct verdict_group *group = &r->out->groups[r->out->ngroups++];
		if (!take_members(r, "a group", members, COUNT(members), item, group))
			return false;
	}
	return true;
}

static bool take_retry_task(struct reading *r, const cJSON *value, void *into)
{
	struct verdict_retry *retry = into;
	return take_task(r, "retry", value, r->retried, &retry->task);
}

static bool take_advice(struct reading *r, const cJSON *value, void *into)
{
	struct verdict_retry *retry = into;
	return take_text(r, "advice", value, &retry->advice);
}

static bool take_prompt(struct reading *r, const cJSON *value, void *into)
{
	struct verdict_retry *retry = into;
	return take_text(r, "prompt", value, &retry->prompt);
}

static bool read_duration(const cJSON *value, int64_t *out)
{
	if (is_string(value))
		return parse_duration(value->valuestring, out) && *out > 0;
	if (!cJSON_IsNumber(value) ||
	    !(value->valuedouble >= 0.001 && value->valuedouble <= (double)DURATION_MAX_MS / 1000))
		return false;
	*out = (int64_t)(value->valuedouble * 1000 + 0.5);
	return true;
}

/* Not 0 either, which would take the limit away: that is no debugger's to decide. */
static bool take_timeout(struct reading *r, const cJSON *value, void *into)
{
	struct verdict_retry *retry = into;
	if (read_duration(value, &retry->timeout_ms))
		return true;
	return not_expected(r, "timeout", "a duration such as 90, 10m or 2h, longer than none",
	    value);
}

static bool take_pause(struct reading *r, const cJSON *value, void *into)
{
	(void)into;
	if (read_duration(value, &r->out->pause_ms) && r->out->pause_ms <= VERDICT_PAUSE_MAX_MS)
		return true;
	return not_expected(r, "pause", "a duration such as 4s or 2m, at most a day", value);
}

static bool take_retry(struct reading *r, const cJSON *value, void *into)
{
	static const struct member members[] = {
		{ "task", true, take_retry_task },
		{ "advice", false, take_advice },
		{ "prompt", false, take_prompt },
		{ "timeout", false, take_timeout },
	};
	const cJSON *item;
	(void)into;
	if (!cJSON_IsArray(value))
		return not_expected(r, "retry", "an array of objects", value);
	if (!fits(r, "retry", value))
		return false;
	r->out->retry = xcalloc(count_items(value) + 1, sizeof *r->out->retry);
	cJSON_ArrayForEach(item, value)
	{
		struct verdict_retry *retry = &r->out->retry[r->out->nretry++];
		retry->timeout_ms = UNSET;
		if (!take_members(r, "an entry of 'retry'", members, COUNT(members), item, retry))
			return false;
	}
	return true;
}

static bool take_fix_agent(struct reading *r, const cJSON *value, void *into)
{
	struct verdict_fix *fix = into;
	if (!is_string(value) || !id_valid(value->valuestring, strlen(value->valuestring)))
		return not_expected(r, "agent", "the name of an agent", value);
	fix->agent = xstrdup(value->valuestring);
	return true;
}

static bool take_fix_prompt(struct reading *r, const cJSON *value, void *into)
{
	struct verdict_fix *fix = into;
	return take_text(r, "prompt", value, &fix->prompt);
}

static bool take_fix_run(struct reading *r, const cJSON *value, void *into)
{
	struct verdict_fix *fix = into;
	const cJSON *item;
	size_t n = 0;
	if (!cJSON_IsArray(value) || !is_string(value->child) ||
	    value->child->valuestring[0] == '\0')
		return not_expected(r, "run", "an array of words, the first not empty", value);
	if (count_items(value) > WORDS_MAX) {
		buf_addf(&r->why, "'run': expected at most %d words, got %zu", WORDS_MAX,
		    count_items(value));
		return false;
	}
	fix->argv = xcalloc(count_items(value) + 1, sizeof *fix->argv);
	cJSON_ArrayForEach(item, value)
	{
		if (!is_string(item))
			return not_expected(r, "run", "words that are strings", item);
		if (strlen(item->valuestring) >= ARGUMENT_MAX) {
			buf_addf(&r->why, "'run': word %zu is %zu bytes long, and can have %d",
			    n + 1, strlen(item->valuestring), ARGUMENT_MAX - 1);
			return false;
		}
		fix->argv[n++] = xstrdup(item->valuestring);
	}
	return true;
}

static bool take_fix(struct reading *r, const cJSON *value, void *into)
{
	static const struct member ask[] = {
		{ "agent", true, take_fix_agent },
		{ "prompt", true, take_fix_prompt },
	};
	static const struct member run[] = {
		{ "run", true, take_fix_run },
	};
	struct verdict_fix *fix = &r->out->fix;
	(void)into;
	if (cJSON_IsNull(value))
		return true;
	if (!cJSON_IsObject(value))
		return not_expected(r, "fix", "null or an object", value);
	if (json_get(value, "run") != NULL) {
		fix->kind = FIX_RUN;
		return take_members(r, "a 'fix' with 'run'", run, COUNT(run), value, fix);
	}
	fix->kind = FIX_AGENT;
	return take_members(r, "'fix'", ask, COUNT(ask), value, fix);
}

static void open_reading(struct reading *r)
{
	size_t room = r->nids + 1;
	r->known = xcalloc(room, sizeof *r->known);
	r->grouped = xcalloc(room, sizeof *r->grouped);
	r->retried = xcalloc(room, sizeof *r->retried);
	for (size_t i = 0; i < r->nids; i++)
		r->known[i] = (struct known){ .id = r->ids[i], .task = i };
	qsort(r->known, r->nids, sizeof *r->known, by_id);
}

static void close_reading(struct reading *r)
{
	free(r->known);
	free(r->grouped);
	free(r->retried);
	buf_free(&r->why);
}

bool verdict_parse(const cJSON *object, const char *const *ids, size_t nids, struct verdict *out,
    char **why)
{
	static const struct member members[] = {
		{ "relation", true, take_relation },
		{ "cause", true, take_cause },
		{ "groups", false, take_groups },
		{ "strategy", true, take_strategy },
		{ "fix", false, take_fix },
		{ "retry", false, take_retry },
		{ "escalate", false, take_escalate },
		{ "pause", false, take_pause },
	};
	struct reading r = { .out = out, .ids = ids, .nids = nids };
	*out = (struct verdict){ 0 };
	*why = NULL;
	open_reading(&r);
	bool good = take_members(&r, "the verdict", members, COUNT(members), object, &out->cause);
	if (!good) {
		*why = buf_detach(&r.why);
		verdict_free(out);
	}
	close_reading(&r);
	return good;
}

static cJSON *groups_to_json(const struct verdict *v, const char *const *ids)
{
	cJSON *array = cJSON_CreateArray();
	for (size_t i = 0; i < v->ngroups; i++) {
		cJSON *group = cJSON_CreateObject();
		cJSON *tasks = cJSON_CreateArray();
		for (size_t k = 0; k < v->groups[i].ntasks; k++)
			cJSON_AddItemToArray(tasks, cJSON_CreateString(ids[v->groups[i].tasks[k]]));
		json_add_string(group, "cause", v->groups[i].cause);
		json_add_item(group, "tasks", tasks);
		cJSON_AddItemToArray(array, group);
	}
	return array;
}

static cJSON *fix_to_json(const struct verdict_fix *fix)
{
	if (fix->kind == FIX_NONE)
		return cJSON_CreateNull();
	cJSON *object = cJSON_CreateObject();
	if (fix->kind == FIX_AGENT) {
		json_add_string(object, "agent", fix->agent);
		json_add_string(object, "prompt", fix->prompt);
		return object;
	}
	cJSON *words = cJSON_CreateArray();
	for (char **word = fix->argv; *word != NULL; word++)
		cJSON_AddItemToArray(words, cJSON_CreateString(*word));
	json_add_item(object, "run", words);
	return object;
}

static cJSON *retry_to_json(const struct verdict *v, const char *const *ids)
{
	cJSON *array = cJSON_CreateArray();
	for (size_t i = 0; i < v->nretry; i++) {
		const struct verdict_retry *retry = &v->retry[i];
		cJSON *object = cJSON_CreateObject();
		json_add_string(object, "task", ids[retry->task]);
		if (retry->advice != NULL)
			json_add_string(object, "advice", retry->advice);
		if (retry->prompt != NULL)
			json_add_string(object, "prompt", retry->prompt);
		/* a number is seconds, as everywhere */
		if (retry->timeout_ms != UNSET)
			json_add_seconds(object, "timeout", retry->timeout_ms);
		cJSON_AddItemToArray(array, object);
	}
	return array;
}

cJSON *verdict_to_json(const struct verdict *v, const char *const *ids)
{
	cJSON *object = cJSON_CreateObject();
	json_add_string(object, "relation", verdict_relation_text(v->relation));
	json_add_string(object, "cause", v->cause);
	json_add_item(object, "groups", groups_to_json(v, ids));
	json_add_string(object, "strategy", verdict_strategy_text(v->strategy));
	json_add_item(object, "fix", fix_to_json(&v->fix));
	json_add_item(object, "retry", retry_to_json(v, ids));
	json_add_bool(object, "escalate", v->escalate);
	if (v->pause_ms > 0)
		json_add_seconds(object, "pause", v->pause_ms);
	return object;
}

static void free_fix(struct verdict_fix *fix)
{
	for (char **word = fix->argv; word != NULL && *word != NULL; word++)
		free(*word);
	free(fix->argv);
	free(fix->agent);
	free(fix->prompt);
}

void verdict_free(struct verdict *v)
{
	for (size_t i = 0; i < v->ngroups; i++) {
		free(v->groups[i].cause);
		free(v->groups[i].tasks);
	}
	for (size_t i = 0; i < v->nretry; i++) {
		free(v->retry[i].advice);
		free(v->retry[i].prompt);
	}
	free_fix(&v->fix);
	free(v->groups);
	free(v->retry);
	free(v->cause);
	*v = (struct verdict){ 0 };
}

const char *verdict_relation_text(enum verdict_relation relation)
{
	return relations[relation];
}

const char *verdict_strategy_text(enum verdict_strategy strategy)
{
	return strategies[strategy];
}
