#include "workers/debugger.h"

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "shared/quantity.h"
#include "shared/result.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "workers/diagnosis.h"

/* Bytes of a cause: fewer than the characters that a verdict may have. */
#define CAUSE_SHOWN 480
#define LINE_SHOWN 200	 /* bytes of a line of evidence in a cause */
#define SUBJECTS_SHOWN 3 /* names in a cause */
#define CAUSES_SHOWN 3	 /* groups in the cause of all */
#define STATUSES_SHOWN 5 /* ends in a cause without evidence */
#define DURATION_TEXT 32

enum relation { RELATED, INDEPENDENT, UNCLEAR };

static const char *const relation_texts[] = { "related", "independent", "unclear" };

/*
 * One failed task. Made by read_failure(); `task` and the symptoms point into the request, which
 * lives as long; the rest is freed by inquiry_free().
 */
struct failure {
	const char *task;
	struct symptoms last; /* the attempt that counts */
	struct diagnosis diagnosis;
	enum reason reason; /* of that attempt */
	bool is_told;	    /* there is more than the reason */
	struct buf key;	    /* equal for what belongs to one group */
	int64_t hint_ms;    /* the longest of all its attempts; 0: none */
	int64_t timeout_ms; /* its time limit; 0: not known */
	size_t index;
	size_t group;
};

/* What belongs together. Made by make_groups(), freed by inquiry_free() with the others. */
struct group {
	size_t first; /* index of a failure */
	size_t count;
	int64_t hint_ms; /* the longest of its failures; 0: none */
	/* The different subjects of its failures, as far as they are shown. */
	const struct buf *subjects[SUBJECTS_SHOWN];
	size_t nsubjects;
	bool more_subjects;
};

/* A whole request, read. Owned by debugger_verdict(). */
struct inquiry {
	cJSON *request;
	int scenario;
	struct failure *failures;
	size_t count;
	struct group *groups;
	size_t ngroups;
	enum relation relation;
	enum strategy strategy;
};

static void inquiry_free(struct inquiry *q)
{
	for (size_t i = 0; i < q->count; i++) {
		diagnosis_free(&q->failures[i].diagnosis);
		buf_free(&q->failures[i].key);
	}
	free(q->failures);
	free(q->groups);
	cJSON_Delete(q->request);
}

/* Reading. */

static bool is_absent(const cJSON *value)
{
	return value == NULL || cJSON_IsNull(value);
}

/* A string that may be missing. */
static bool read_string(const cJSON *object, const char *key, const char **out)
{
	const cJSON *value = json_get(object, key);

	*out = NULL;
	if (is_absent(value))
		return true;
	if (!cJSON_IsString(value))
		return false;
	*out = value->valuestring;
	return true;
}

/* A time in seconds that may be missing, then 0. */
static bool read_seconds(const cJSON *object, const char *key, int64_t *ms)
{
	const cJSON *value = json_get(object, key);

	*ms = 0;
	if (is_absent(value))
		return true;
	if (!cJSON_IsNumber(value) || !(value->valuedouble >= 0) ||
	    value->valuedouble > (double)DURATION_MAX_MS / 1000)
		return false;
	*ms = (int64_t)(int64_t)(value->valuedouble * 1000 + 0.5);
	return true;
}

static bool read_status(const cJSON *object, int *status)
{
	const cJSON *value = json_get(object, "exit");

	*status = -1;
	if (is_absent(value))
		return true;
	if (!cJSON_IsNumber(value) || !(value->valuedouble >= 0 && value->valuedouble <= 255))
		return false;
	*status = (int)value->valuedouble;
	return true;
}

static bool read_attempt(const cJSON *attempt, struct failure *f, const char **why)
{
	struct symptoms *s = &f->last;
	const char *err, *out;

	memset(s, 0, sizeof(*s));
	*why = "an attempt has a member of the wrong type";
	if (!cJSON_IsObject(attempt) || !read_string(attempt, "reason", &s->reason) ||
	    !read_string(attempt, "signal", &s->signal) ||
	    !read_string(attempt, "error", &s->error) ||
	    !read_string(attempt, "stderr_tail", &err) ||
	    !read_string(attempt, "stdout_tail", &out) ||
	    !read_seconds(attempt, "seconds", &s->ms) || !read_status(attempt, &s->exit_status))
		return false;
	*why = "an attempt has no reason, or one that is not known";
	if (s->reason == NULL || !reason_parse(s->reason, &f->reason))
		return false;
	s->err = err != NULL ? err : "";
	s->err_len = strlen(s->err);
	f->is_told = json_get(attempt, "exit") != NULL || json_get(attempt, "signal") != NULL ||
	    json_get(attempt, "stderr_tail") != NULL;
	return true;
}

static int64_t hint_of(const struct symptoms *s)
{
	size_t skip = s->err_len > SIGNATURE_TAIL_MAX ? s->err_len - SIGNATURE_TAIL_MAX : 0;
	int64_t of_err = diagnosis_hint_ms(s->err + skip, s->err_len - skip);
	int64_t of_error = s->error != NULL ? diagnosis_hint_ms(s->error, strlen(s->error)) : 0;

	return of_err > of_error ? of_err : of_error;
}

static bool read_failure(const cJSON *object, struct failure *f, const char **why)
{
	static const struct symptoms none = { .reason = "", .exit_status = -1, .err = "" };
	const cJSON *attempts = json_get(object, "attempts"), *attempt;

	*why = "a failure has no task, or a member of the wrong type";
	if (!cJSON_IsObject(object) || !read_string(object, "task", &f->task) || f->task == NULL ||
	    *f->task == '\0' || !cJSON_IsArray(attempts) ||
	    !read_seconds(object, "timeout", &f->timeout_ms))
		return false;
	f->last = none;
	for (attempt = attempts->child; attempt != NULL; attempt = attempt->next) {
		int64_t hint;

		if (!read_attempt(attempt, f, why))
			return false;
		hint = hint_of(&f->last);
		if (hint > f->hint_ms)
			f->hint_ms = hint;
	}
	return true;
}

static bool read_scenario(struct inquiry *q, const char **why)
{
	double scenario = json_get_number(q->request, "scenario", 0);

	if (scenario != 1 && scenario != 2 && scenario != 3) {
		*why = "scenario is not 1, 2 or 3";
		return false;
	}
	q->scenario = (int)scenario;
	return true;
}

static bool read_request(struct inquiry *q, const char *text, size_t len, const char **why)
{
	const cJSON *failures, *failure;
	struct json_error error;

	*why = "the request is too long";
	if (len > DEBUGGER_REQUEST_MAX)
		return false;
	*why = "the request is not one JSON object";
	q->request = json_parse_nested(text, len, JSON_RECORD_DEPTH_MAX, &error);
	if (q->request == NULL || !cJSON_IsObject(q->request))
		return false;
	if (!read_scenario(q, why))
		return false;
	failures = json_get(q->request, "failures");
	*why = "failures is not a list of at least one";
	if (failures == NULL || !cJSON_IsArray(failures) || failures->child == NULL)
		return false;
	q->failures = xcalloc((size_t)cJSON_GetArraySize(failures), sizeof(*q->failures));
	for (failure = failures->child; failure != NULL; failure = failure->next) {
		struct failure *f = &q->failures[q->count];

		f->index = q->count++;
		if (!read_failure(failure, f, why))
			return false;
	}
	return true;
}

static int compare_tasks(const void *a, const void *b)
{
	const struct failure *const *f = a, *const *g = b;

	return strcmp((*f)->task, (*g)->task);
}

static struct failure **pointers_to(struct inquiry *q)
{
	struct failure **all = xcalloc(q->count, sizeof(*all));

	for (size_t i = 0; i < q->count; i++)
		all[i] = &q->failures[i];
	return all;
}

static bool check_tasks(struct inquiry *q, const char **why)
{
	struct failure **all = pointers_to(q);
	bool good = true;

	qsort(all, q->count, sizeof(*all), compare_tasks);
	for (size_t i = 1; i < q->count && good; i++)
		good = strcmp(all[i - 1]->task, all[i]->task) != 0;
	free(all);
	*why = "a task stands twice among the failures";
	return good;
}

/* Grouping. */

static void make_key(struct failure *f)
{
	const struct diagnosis *d = &f->diagnosis;
	struct buf status = BUF_INIT;

	if (d->class != CLASS_NONE) {
		buf_addf(&f->key, "class %s: ", failure_class_text(d->class));
		buf_add(&f->key, buf_str(&d->place), d->place.len);
		return;
	}
	diagnosis_status(&status, &f->last);
	buf_addstr(&f->key, "signature ");
	signature_of(&f->key, f->last.reason, buf_str(&status), d->telling.data, d->telling.len);
	buf_free(&status);
}

static bool same_key(const struct failure *f, const struct failure *g)
{
	return f->key.len == g->key.len && memcmp(f->key.data, g->key.data, f->key.len) == 0;
}

/*
 * Of many failures a request tells no more than the reasons of the last ones. They are counted to
 * those that ended for the same reason, as long as these are of one group.
 */
static void join_untold(struct inquiry *q)
{
	const struct failure *first[REASON_COUNT] = { NULL };
	bool mixed[REASON_COUNT] = { false };

	for (size_t i = 0; i < q->count; i++) {
		const struct failure *f = &q->failures[i];

		if (f->is_told && first[f->reason] == NULL)
			first[f->reason] = f;
		else if (f->is_told && !same_key(first[f->reason], f))
			mixed[f->reason] = true;
	}
	for (size_t i = 0; i < q->count; i++) {
		struct failure *f = &q->failures[i];

		if (f->is_told || f->diagnosis.class != CLASS_NONE || first[f->reason] == NULL ||
		    mixed[f->reason])
			continue;
		buf_reset(&f->key);
		buf_add(&f->key, first[f->reason]->key.data, first[f->reason]->key.len);
	}
}

static int compare_keys(const void *a, const void *b)
{
	const struct failure *f = *(const struct failure *const *)a;
	const struct failure *g = *(const struct failure *const *)b;
	size_t least = f->key.len < g->key.len ? f->key.len : g->key.len;
	int order = memcmp(f->key.data, g->key.data, least);

	if (order == 0 && f->key.len != g->key.len)
		order = f->key.len < g->key.len ? -1 : 1;
	if (order == 0)
		order = f->index < g->index ? -1 : f->index > g->index;
	return order;
}

static void add_subject(struct group *g, const struct buf *subject)
{
	if (subject->len == 0)
		return;
	for (size_t i = 0; i < g->nsubjects; i++)
		if (g->subjects[i]->len == subject->len &&
		    memcmp(g->subjects[i]->data, subject->data, subject->len) == 0)
			return;
	if (g->nsubjects < SUBJECTS_SHOWN)
		g->subjects[g->nsubjects++] = subject;
	else
		g->more_subjects = true;
}

static void join_group(struct group *g, const struct failure *f)
{
	g->count++;
	add_subject(g, &f->diagnosis.subject);
	if (f->diagnosis.class == CLASS_RATE_LIMIT && f->hint_ms > g->hint_ms)
		g->hint_ms = f->hint_ms;
}

/* Puts the failures into groups that stand in the order of their first tasks. */
static void make_groups(struct inquiry *q)
{
	struct failure **all = pointers_to(q);

	qsort(all, q->count, sizeof(*all), compare_keys);
	/* First the group is named by the first of its failures... */
	for (size_t i = 0; i < q->count; i++)
		all[i]->group =
		    i > 0 && same_key(all[i - 1], all[i]) ? all[i - 1]->group : all[i]->index;
	free(all);
	q->groups = xcalloc(q->count, sizeof(*q->groups));
	/* ...then by its number, which that one has already. */
	for (size_t i = 0; i < q->count; i++) {
		struct failure *f = &q->failures[i];

		if (f->group == i) {
			f->group = q->ngroups++;
			q->groups[f->group].first = i;
		} else {
			f->group = q->failures[f->group].group;
		}
		join_group(&q->groups[f->group], f);
	}
}

/* Deciding. */

static bool is_without_evidence(const struct inquiry *q)
{
	for (size_t i = 0; i < q->ngroups; i++) {
		const struct diagnosis *d = &q->failures[q->groups[i].first].diagnosis;

		if (d->class != CLASS_NONE || d->telling.len > 0)
			return false;
	}
	return true;
}

static enum strategy strategy_of(const struct inquiry *q, const struct group *g)
{
	enum failure_class class = q->failures[g->first].diagnosis.class;

	if (class == CLASS_NONE)
		return q->scenario == 2 ? ADVISE_PARALLEL : ADVISE_SEQUENTIAL;
	return failure_class_strategy(class);
}

static void decide(struct inquiry *q)
{
	bool all_stop = true;

	for (size_t i = 0; i < q->ngroups; i++)
		all_stop = all_stop && strategy_of(q, &q->groups[i]) == ADVISE_STOP;
	if (q->ngroups == 1) {
		q->relation = RELATED;
		q->strategy = strategy_of(q, &q->groups[0]);
	} else if (is_without_evidence(q)) {
		q->relation = UNCLEAR;
		q->strategy = ADVISE_STOP;
	} else {
		/* Each group on its own, one after another. */
		q->relation = INDEPENDENT;
		q->strategy = all_stop ? ADVISE_STOP : ADVISE_SEQUENTIAL;
	}
}

/* Wording. */

/* The length of the text when it is cut at `max` bytes, but not inside a character. */
static size_t cut_length(const char *text, size_t len, size_t max)
{
	if (len <= max)
		return len;
	while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
		max--;
	return max;
}

static void add_evidence(struct buf *out, const char *text, size_t len)
{
	size_t shown = cut_length(text, len, LINE_SHOWN);

	text_safe_line(out, text, shown);
	if (shown < len)
		buf_addstr(out, "...");
}

/* What a class says of itself when the line must tell the rest; NULL: nothing. */
static const char *phrase_of(enum failure_class class)
{
	switch (class) {
	case CLASS_AUTH:
		return "the credentials were refused or are missing";
	case CLASS_QUOTA:
		return "a quota is used up";
	case CLASS_DISK_FULL:
		return "no space left on device";
	case CLASS_READ_ONLY:
		return "read-only";
	case CLASS_PERMISSION:
		return "no permission";
	case CLASS_RATE_LIMIT:
		return "the service limits the rate of requests or is overloaded";
	case CLASS_CONTENTION:
		return "something is in use by another process";
	case CLASS_MEMORY:
		return "out of memory";
	case CLASS_NETWORK:
		return "the network failed";
	default:
		return NULL;
	}
}

static void add_template(struct buf *out, const char *says, const struct group *g)
{
	const char *mark = strstr(says, "{}");
	const char *between = mark > says && mark[-1] == '\'' ? "', '" : ", ";

	buf_add(out, says, (size_t)(mark - says));
	for (size_t i = 0; i < g->nsubjects; i++) {
		if (i > 0)
			buf_addstr(out, between);
		add_evidence(out, g->subjects[i]->data, g->subjects[i]->len);
	}
	buf_addstr(out, mark + 2);
	if (g->more_subjects)
		buf_addstr(out, " (and more)");
}

/* The worker's own words say which PATH was searched. */
static void add_path(struct buf *out, const struct telling *line)
{
	static const char opening[] = "(PATH was ";
	const char *at, *end;

	if (line->len == 0)
		return;
	end = line->data + line->len;
	at = memmem(line->data, line->len, opening, strlen(opening));
	if (at == NULL)
		return;
	at += strlen(opening);
	if (end > at && end[-1] == ')')
		end--;
	buf_addstr(out, "; PATH was ");
	add_evidence(out, at, (size_t)(end - at));
}

static void add_line(struct buf *out, const char *phrase, const struct telling *line)
{
	if (phrase != NULL)
		buf_addstr(out, phrase);
	if (phrase != NULL && line->len > 0)
		buf_addstr(out, ": ");
	add_evidence(out, line->data, line->len);
}

/* "timed out after 2m 05s", in milliseconds; 0: it does not say so. */
static int64_t limit_said(const char *error)
{
	static const char said[] = "timed out after ";
	char word[DURATION_TEXT];
	int64_t sum = 0, part;

	if (error == NULL || strncmp(error, said, strlen(said)) != 0)
		return 0;
	for (const char *at = error + strlen(said); *at != '\0'; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");

		if (len >= sizeof(word))
			return 0;
		memcpy(word, at, len);
		word[len] = '\0';
		if (!parse_duration(word, &part) || sum > DURATION_MAX_MS)
			return 0;
		sum += part;
		at += len;
	}
	return sum;
}

/* How long it lasted is more than its limit by the grace that it was given. */
static int64_t limit_of(const struct failure *f)
{
	int64_t said = limit_said(f->last.error);

	if (f->timeout_ms > 0)
		return f->timeout_ms;
	return said > 0 ? said : f->last.ms;
}

static bool is_silence(const struct failure *f)
{
	return strcmp(f->last.reason, "idle-timeout") == 0;
}

static void add_timeout(struct buf *out, const struct failure *f)
{
	char text[DURATION_TEXT];

	if (is_silence(f))
		buf_addstr(out, "ended after a silence");
	else if (limit_of(f) > 0)
		buf_addf(out, "timed out after %s: it needs more time, or hangs",
		    format_duration(text, sizeof(text), limit_of(f)));
	else
		buf_addstr(out, "timed out: it needs more time, or hangs");
}

/* "exit 1", "SIGSEGV", "agent". */
static void add_end(struct buf *out, const struct failure *f)
{
	const char *reason = f->last.reason;
	struct buf text = BUF_INIT;

	if (strcmp(reason, "exit") == 0 || strcmp(reason, "signal") == 0)
		diagnosis_status(&text, &f->last);
	if (text.len == 0)
		buf_addstr(&text, *reason != '\0' ? reason : "failed");
	text_safe_line(out, buf_str(&text), text.len);
	buf_free(&text);
}

/* A failure that no class knows: its line, or how it ended. */
static void add_unknown(struct buf *out, const struct failure *f)
{
	add_end(out, f);
	if (f->diagnosis.telling.len > 0)
		add_line(out, "", &f->diagnosis.telling);
	else
		buf_addstr(out, ", nothing on standard error");
}

static void add_detail(struct buf *out, const struct failure *f, const struct group *g)
{
	const struct diagnosis *d = &f->diagnosis;
	char text[DURATION_TEXT];

	if (d->class == CLASS_NONE)
		add_unknown(out, f);
	else if (d->class == CLASS_TIMEOUT)
		add_timeout(out, f);
	else if (d->says != NULL && strstr(d->says, "{}") == NULL)
		buf_addstr(out, d->says);
	else if (d->says != NULL && g->nsubjects > 0)
		add_template(out, d->says, g);
	else
		add_line(out, phrase_of(d->class), &d->seen);
	if (g->hint_ms > 0)
		buf_addf(out, "; wait at least %s",
		    format_duration(text, sizeof(text), g->hint_ms));
	if (d->class == CLASS_MISSING && d->says != NULL)
		add_path(out, &d->seen);
}

static void add_group_cause(struct buf *out, const struct inquiry *q, size_t group)
{
	const struct group *g = &q->groups[group];

	buf_addf(out, "%zu %s: ", g->count, g->count == 1 ? "task" : "tasks");
	add_detail(out, &q->failures[g->first], g);
}

static void add_unclear_cause(struct buf *out, const struct inquiry *q)
{
	buf_addf(out, "no evidence: %zu tasks failed in %zu ways with nothing on standard error (",
	    q->count, q->ngroups);
	for (size_t i = 0; i < q->ngroups && i < STATUSES_SHOWN; i++) {
		if (i > 0)
			buf_addstr(out, ", ");
		add_end(out, &q->failures[q->groups[i].first]);
	}
	buf_addstr(out, q->ngroups > STATUSES_SHOWN ? ", ...)" : ")");
}

static void add_cause(struct buf *out, const struct inquiry *q)
{
	if (q->relation == UNCLEAR) {
		add_unclear_cause(out, q);
		return;
	}
	for (size_t i = 0; i < q->ngroups && i < CAUSES_SHOWN; i++) {
		if (i > 0)
			buf_addstr(out, "; ");
		add_group_cause(out, q, i);
	}
	if (q->ngroups > CAUSES_SHOWN)
		buf_addf(out, "; and %zu other causes", q->ngroups - CAUSES_SHOWN);
}

/* Answering. */

static void add_text(cJSON *object, const char *key, struct buf *text)
{
	size_t len = cut_length(buf_str(text), text->len, CAUSE_SHOWN);
	char *line;

	if (len < text->len)
		len = cut_length(buf_str(text), text->len, CAUSE_SHOWN - 3);
	line = xmemdup0(buf_str(text), len);
	if (len < text->len) {
		buf_reset(text);
		buf_addf(text, "%s...", line);
	}
	json_add_string(object, key, buf_str(text));
	buf_reset(text);
	free(line);
}

static cJSON *make_group_list(const struct inquiry *q)
{
	cJSON *list = cJSON_CreateArray(), **tasks = xcalloc(q->ngroups, sizeof(cJSON *));
	struct buf text = BUF_INIT;

	for (size_t i = 0; i < q->ngroups; i++) {
		cJSON *group = cJSON_CreateObject();

		add_group_cause(&text, q, i);
		add_text(group, "cause", &text);
		tasks[i] = cJSON_CreateArray();
		json_add_item(group, "tasks", tasks[i]);
		cJSON_AddItemToArray(list, group);
	}
	for (size_t i = 0; i < q->count; i++)
		cJSON_AddItemToArray(tasks[q->failures[i].group],
		    cJSON_CreateString(q->failures[i].task));
	buf_free(&text);
	free(tasks);
	return list;
}

/* What the next attempt should know; NULL when there is nothing. */
static const char *advice_of(const struct failure *f)
{
	switch (f->diagnosis.class) {
	case CLASS_RATE_LIMIT:
		return "make few requests at a time";
	case CLASS_CONTENTION:
		return "another process was in the way; this attempt runs alone";
	case CLASS_MEMORY:
		return "use less memory; this attempt runs alone";
	case CLASS_NETWORK:
		return "the connection failed; pause before the first one";
	case CLASS_TIMEOUT:
		return is_silence(f) ? "write something while at work: the last attempt was ended "
				       "after a silence" :
				       NULL;
	default:
		return NULL;
	}
}

static void add_advice(cJSON *entry, const struct failure *f, int64_t hint)
{
	struct buf text = BUF_INIT;
	char duration[DURATION_TEXT];
	const char *advice = advice_of(f);

	if (advice == NULL)
		return;
	if (hint > 0)
		buf_addf(&text, "wait at least %s, then ",
		    format_duration(duration, sizeof(duration), hint));
	buf_addstr(&text, advice);
	add_text(entry, "advice", &text);
	buf_free(&text);
}

/* Twice the time, rounded up: "20m", "95s". */
static void add_twice_the_time(cJSON *entry, const struct failure *f)
{
	int64_t seconds = (limit_of(f) * 2 + 999) / 1000;
	struct buf text = BUF_INIT;

	if (f->diagnosis.class != CLASS_TIMEOUT || is_silence(f) || seconds == 0)
		return;
	if (seconds > DURATION_MAX_MS / 1000)
		seconds = DURATION_MAX_MS / 1000;
	if (seconds % 60 == 0)
		buf_addf(&text, "%" PRId64 "m", seconds / 60);
	else
		buf_addf(&text, "%" PRId64 "s", seconds);
	add_text(entry, "timeout", &text);
	buf_free(&text);
}

static bool is_stopped(const struct inquiry *q, const struct failure *f)
{
	return strategy_of(q, &q->groups[f->group]) == ADVISE_STOP;
}

/* Whether the tasks must be named: an empty list means all of them, as they are. */
static bool must_be_named(const struct inquiry *q)
{
	if (q->strategy == ADVISE_STOP)
		return false;
	for (size_t i = 0; i < q->count; i++) {
		const struct failure *f = &q->failures[i];

		if (is_stopped(q, f) || f->diagnosis.class == CLASS_TIMEOUT || advice_of(f) != NULL)
			return true;
	}
	return false;
}

static cJSON *make_retry_list(const struct inquiry *q)
{
	cJSON *list = cJSON_CreateArray();

	if (!must_be_named(q))
		return list;
	for (size_t i = 0; i < q->count; i++) {
		const struct failure *f = &q->failures[i];
		cJSON *entry;

		if (is_stopped(q, f))
			continue;
		entry = cJSON_CreateObject();
		json_add_string(entry, "task", f->task);
		add_advice(entry, f, q->groups[f->group].hint_ms);
		add_twice_the_time(entry, f);
		cJSON_AddItemToArray(list, entry);
	}
	return list;
}

/* The longest time that one of them was told to wait. */
static int64_t longest_hint(const struct inquiry *q)
{
	int64_t longest = 0;

	for (size_t i = 0; i < q->ngroups; i++)
		if (q->groups[i].hint_ms > longest)
			longest = q->groups[i].hint_ms;
	return longest;
}

static void answer(const struct inquiry *q, struct buf *verdict)
{
	cJSON *object = cJSON_CreateObject();
	struct buf text = BUF_INIT;

	json_add_string(object, "relation", relation_texts[q->relation]);
	add_cause(&text, q);
	add_text(object, "cause", &text);
	json_add_item(object, "groups", make_group_list(q));
	json_add_string(object, "strategy", strategy_text(q->strategy));
	json_add_null(object, "fix");
	json_add_item(object, "retry", make_retry_list(q));
	/* A task alone has used up its retries before anybody is asked. */
	json_add_bool(object, "escalate", q->strategy == ADVISE_STOP || q->scenario == 1);
	if (longest_hint(q) > 0)
		json_add_seconds(object, "pause", longest_hint(q));
	json_print(verdict, object);
	buf_addch(verdict, '\n');
	buf_free(&text);
	cJSON_Delete(object);
}

bool debugger_verdict(const char *request, size_t len, struct buf *verdict, const char **why)
{
	struct inquiry q = { .count = 0 };
	bool good = read_request(&q, request, len, why) && check_tasks(&q, why);

	if (good) {
		for (size_t i = 0; i < q.count; i++) {
			diagnosis_make(&q.failures[i].last, &q.failures[i].diagnosis);
			make_key(&q.failures[i]);
		}
		join_untold(&q);
		make_groups(&q);
		decide(&q);
		answer(&q, verdict);
	}
	inquiry_free(&q);
	return good;
}
