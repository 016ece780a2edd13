#include "supervisor/commands/advice.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "shared/quantity.h"
#include "shared/text.h"
#include "shared/words.h"
#include "shared/xalloc.h"

#define TEXT_MAX (256 * 1024) /* bytes of all; one verdict may go beyond it */

/* How often the lists of a verdict name tasks, and whether they name this one. */
static bool names_task(const cJSON *verdict, const char *task, size_t *count)
{
	const cJSON *item, *name;
	bool found = false;

	cJSON_ArrayForEach(item, json_get(verdict, "groups"))
	{
		cJSON_ArrayForEach(name, json_get(item, "tasks"))
		{
			const char *id = cJSON_GetStringValue(name);

			(*count)++;
			found = found || (id != NULL && strcmp(id, task) == 0);
		}
	}
	cJSON_ArrayForEach(item, json_get(verdict, "retry"))
	{
		const char *id = json_get_string(item, "task");

		(*count)++;
		found = found || (id != NULL && strcmp(id, task) == 0);
	}
	return found;
}

/* Of the task's own group: more is known of that than of all failures together. */
static const char *group_cause(const cJSON *verdict, const char *task)
{
	const cJSON *group, *name;

	cJSON_ArrayForEach(group, json_get(verdict, "groups"))
	{
		cJSON_ArrayForEach(name, json_get(group, "tasks"))
		{
			const char *id = cJSON_GetStringValue(name);

			if (id != NULL && strcmp(id, task) == 0)
				return json_get_string(group, "cause");
		}
	}
	return NULL;
}

static void say_line(struct advice *a, const char *name, const char *text)
{
	if (text == NULL)
		return;
	buf_addf(&a->text, "  %-10s ", name);
	text_safe_line(&a->text, text, strlen(text));
	buf_addch(&a->text, '\n');
}

/* " (step 1, level 2, took 0.3s)"; the step where tasks of several are shown. */
static void say_where(struct advice *a, const cJSON *record)
{
	const char *step = json_get_string(record, "step");
	double level = json_get_number(record, "level", 0);
	double seconds = json_get_number(record, "seconds", 0);
	char took[32];

	buf_addstr(&a->text, " (");
	if (a->nabout > 1 && step != NULL)
		buf_addf(&a->text, "step %s, ", safe(step));
	if (level > 0 && level < 100)
		buf_addf(&a->text, "level %d, ", (int)level);
	if (!(seconds > 0 && seconds < 1e9))
		seconds = 0;
	buf_addf(&a->text, "took %s)",
	    format_duration(took, sizeof(took), (int64_t)(seconds * 1000 + 0.5)));
}

/* "agent x: PROMPT", or the words as they would be typed. */
static void say_fix(struct advice *a, const cJSON *fix)
{
	const char *agent = json_get_string(fix, "agent");
	const char *prompt = json_get_string(fix, "prompt");
	struct buf line = BUF_INIT;
	const cJSON *word;

	if (agent != NULL)
		buf_addf(&line, "agent %s: %s", agent, prompt != NULL ? prompt : "");
	cJSON_ArrayForEach(word, json_get(fix, "run"))
	{
		buf_addstr(&line, line.len > 0 ? " " : "");
		words_quote(&line, cJSON_IsString(word) ? word->valuestring : "?");
	}
	if (line.len > 0)
		say_line(a, "fix", buf_str(&line));
	buf_free(&line);
}

static void say_retry(struct advice *a, const cJSON *verdict, const char *task)
{
	const cJSON *retry;

	cJSON_ArrayForEach(retry, json_get(verdict, "retry"))
	{
		const char *id = json_get_string(retry, "task");

		if (id == NULL || strcmp(id, task) != 0)
			continue;
		say_line(a, "advice", json_get_string(retry, "advice"));
		say_line(a, "prompt", json_get_string(retry, "prompt"));
		say_line(a, "timeout", json_get_string(retry, "timeout"));
	}
}

/* Whether there is still room. */
static bool has_room(struct advice *a)
{
	if (a->text.len < TEXT_MAX)
		return true;
	a->left_out++;
	return false;
}

static void say_verdict(struct advice *a, struct advised_task *t, const cJSON *record)
{
	const cJSON *verdict = json_get(record, "verdict");
	const char *debugger = json_get_string(record, "debugger");
	const char *relation = json_get_string(verdict, "relation");
	size_t named = 0;

	t->concerned = names_task(verdict, t->id, &named) || (named == 0 && t->failed);
	if (!t->concerned || !has_room(a))
		return;
	if (debugger == NULL || strcmp(debugger, "builtin") == 0)
		debugger = "built-in";
	buf_addf(&a->text, "\nverdict of the %s debugger", safe(debugger));
	say_where(a, record);
	buf_addf(&a->text, ": %s\n", relation != NULL ? safe(relation) : "none");
	say_line(a, "cause", json_get_string(verdict, "cause"));
	say_line(a, "group", group_cause(verdict, t->id));
	say_line(a, "strategy", json_get_string(verdict, "strategy"));
	say_fix(a, json_get(verdict, "fix"));
	say_retry(a, verdict, t->id);
	if (cJSON_IsTrue(json_get(verdict, "escalate")))
		say_line(a, "escalate", "a person must decide");
	say_line(a, "error", json_get_string(record, "error"));
	say_line(a, "answer", json_get_string(record, "answer"));
}

/* A fix is that of the verdict before it. */
static void say_fixed(struct advice *a, const struct advised_task *t, const cJSON *record)
{
	const char *status = json_get_string(record, "status");

	if (!t->concerned || !has_room(a))
		return;
	buf_addstr(&a->text, "\nfix carried out");
	say_where(a, record);
	buf_addf(&a->text, ": %s\n", status != NULL ? safe(status) : "?");
	say_fix(a, record);
	say_line(a, "error", json_get_string(record, "error"));
}

static struct advised_task *find(struct advice *a, const cJSON *record)
{
	const char *step = json_get_string(record, "step");

	for (size_t i = 0; step != NULL && i < a->nabout; i++)
		if (strcmp(a->about[i].step, step) == 0)
			return &a->about[i];
	return NULL;
}

void advice_about(struct advice *a, const cJSON *record)
{
	const char *step = json_get_string(record, "step");
	const char *id = json_get_string(record, "task");

	if (step == NULL || id == NULL)
		return;
	a->about = xreallocarray(a->about, a->nabout + 1, sizeof(*a->about));
	a->about[a->nabout++] = (struct advised_task){
		.step = xstrdup(step),
		.id = xstrdup(id),
	};
}

void advice_attempt(struct advice *a, const cJSON *record)
{
	const char *status = json_get_string(record, "status");
	struct advised_task *t = find(a, record);

	if (t != NULL && status != NULL && strcmp(status, "failed") == 0)
		t->failed = true;
}

void advice_record(struct advice *a, const cJSON *record)
{
	const char *event = json_get_string(record, "event");
	struct advised_task *t = find(a, record);

	if (event == NULL || t == NULL)
		return;
	if (strcmp(event, "verdict") == 0)
		say_verdict(a, t, record);
	else if (strcmp(event, "fix") == 0)
		say_fixed(a, t, record);
}

void advice_print(const struct advice *a, struct buf *out)
{
	buf_add(out, buf_str(&a->text), a->text.len);
	if (a->left_out > 0)
		buf_addf(out, "\n… and %" PRIu64 " more, which the journal has\n", a->left_out);
}

void advice_free(struct advice *a)
{
	for (size_t i = 0; i < a->nabout; i++) {
		free(a->about[i].step);
		free(a->about[i].id);
	}
	free(a->about);
	buf_free(&a->text);
}
