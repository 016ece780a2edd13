/* What debuggers said and what was done about it, as Markdown for ESCALATION.md. */
#include <string.h>

#include "shared/json.h"
#include "shared/quantity.h"
#include "shared/text.h"
#include "shared/words.h"
#include "supervisor/record/escalation_data.h"
#include "supervisor/record/markdown.h"

#define LINE_SHOWN 500 /* characters of a cause, an error, a line about recovery */
#define GROUPS_SHOWN 20
#define TASKS_SHOWN 20
#define RETRIES_SHOWN 20
#define TEXT_SHOWN 1000 /* bytes of a fix, of advice, of a prompt */
#define TEXT_LINES 20
#define WORD_SHOWN 80 /* characters of a name */

void escalation_beginning(struct buf *out, const char *text, size_t len, size_t max, unsigned lines)
{
	struct buf all = BUF_INIT;
	/* a byte can become four characters, never less than one */
	bool cut = len > max;
	size_t end = 0;

	text_safe(&all, text, cut ? max : len, !cut);
	while (end < all.len && end < max)
		if (all.data[end++] == '\n' && --lines == 0)
			break;
	while (end > 0 && end < all.len && ((unsigned char)all.data[end] & 0xc0) == 0x80)
		end--;
	cut = cut || end < all.len;
	buf_add(out, buf_str(&all), end);
	if (cut)
		buf_addf(out, "%s[... cut here ...]\n",
		    end > 0 && all.data[end - 1] == '\n' ? "" : "\n");
	buf_free(&all);
}

static void add_fenced(struct buf *out, const char *text, size_t len)
{
	struct buf safe_text = BUF_INIT;

	escalation_beginning(&safe_text, text, len, TEXT_SHOWN, TEXT_LINES);
	buf_addch(out, '\n');
	markdown_fenced(out, "", buf_str(&safe_text), safe_text.len);
	buf_addch(out, '\n');
	buf_free(&safe_text);
}

/* " (step 1, level 2, 0.3s)" */
static void add_where(struct buf *out, const cJSON *record, bool steps)
{
	const char *step = json_get_string(record, "step");
	double level = json_get_number(record, "level", -1);
	double seconds = json_get_number(record, "seconds", -1);
	struct buf where = BUF_INIT;
	char text[32];

	if (steps && step != NULL) {
		buf_addstr(&where, "step ");
		markdown_text_cut(&where, step, WORD_SHOWN);
	}
	if (level >= 0 && level < 100)
		buf_addf(&where, "%slevel %d", where.len > 0 ? ", " : "", (int)level);
	if (seconds >= 0 && seconds < 1e9)
		buf_addf(&where, "%s%s", where.len > 0 ? ", " : "",
		    format_duration(text, sizeof(text), (int64_t)(seconds * 1000 + 0.5)));
	if (where.len > 0)
		buf_addf(out, " (%s)", buf_str(&where));
	buf_free(&where);
}

static void add_tasks(struct buf *out, const cJSON *tasks)
{
	const cJSON *task;
	size_t count = 0;

	cJSON_ArrayForEach(task, tasks)
	{
		if (!cJSON_IsString(task) || count++ >= TASKS_SHOWN)
			continue;
		buf_addstr(out, count > 1 ? ", " : "");
		markdown_text_cut(out, task->valuestring, WORD_SHOWN);
	}
	if (count > TASKS_SHOWN)
		buf_addf(out, " and %zu more", count - TASKS_SHOWN);
}

static void add_groups(struct buf *out, const cJSON *groups)
{
	const cJSON *group;
	size_t count = 0;

	if (groups == NULL || groups->child == NULL)
		return;
	buf_addch(out, '\n');
	cJSON_ArrayForEach(group, groups)
	{
		const char *cause = json_get_string(group, "cause");

		if (count++ >= GROUPS_SHOWN)
			continue;
		const cJSON *tasks = json_get(group, "tasks");
		buf_addstr(out, cJSON_GetArraySize(tasks) == 1 ? "- Task " : "- Tasks ");
		add_tasks(out, tasks);
		if (cause != NULL) {
			buf_addstr(out, ": ");
			markdown_text_cut(out, cause, LINE_SHOWN);
		}
		buf_addch(out, '\n');
	}
	if (count > GROUPS_SHOWN)
		buf_addf(out, "- … and %zu more groups\n", count - GROUPS_SHOWN);
}

void escalation_fix_text(struct buf *out, const cJSON *fix)
{
	const char *agent = json_get_string(fix, "agent");
	const char *prompt = json_get_string(fix, "prompt");
	const cJSON *word;
	bool first = true;

	if (agent != NULL)
		buf_addf(out, "agent %s: %s", agent, prompt != NULL ? prompt : "");
	cJSON_ArrayForEach(word, json_get(fix, "run"))
	{
		if (!cJSON_IsString(word))
			continue;
		buf_addstr(out, first ? "" : " ");
		words_quote(out, word->valuestring);
		first = false;
	}
}

static void add_proposed_fix(struct buf *out, const cJSON *fix)
{
	struct buf text = BUF_INIT;

	if (!cJSON_IsObject(fix))
		return;
	escalation_fix_text(&text, fix);
	buf_addstr(out, "\nProposed fix:\n");
	add_fenced(out, buf_str(&text), text.len);
	buf_free(&text);
}

static void add_part(struct buf *out, const char *what, const cJSON *entry, const char *text)
{
	const char *task = json_get_string(entry, "task");

	buf_addf(out, "\n%s ", what);
	markdown_text_cut(out, task != NULL ? task : "?", WORD_SHOWN);
	buf_addstr(out, ":\n");
	add_fenced(out, text, strlen(text));
}

static void add_retry(struct buf *out, const cJSON *retry)
{
	const cJSON *entry;
	size_t count = 0;

	cJSON_ArrayForEach(entry, retry)
	{
		const char *advice = json_get_string(entry, "advice");
		const char *prompt = json_get_string(entry, "prompt");
		const char *timeout = json_get_string(entry, "timeout");

		if (advice == NULL && prompt == NULL && timeout == NULL)
			continue;
		if (count++ >= RETRIES_SHOWN)
			continue;
		if (advice != NULL)
			add_part(out, "Advice for", entry, advice);
		if (prompt != NULL)
			add_part(out, "Another prompt for", entry, prompt);
		if (timeout != NULL)
			add_part(out, "Another timeout for", entry, timeout);
	}
	if (count > RETRIES_SHOWN)
		buf_addf(out, "\n… and advice for %zu more tasks.\n", count - RETRIES_SHOWN);
}

/* "The built-in debugger" or "The debugger NAME". */
static void add_debugger(struct buf *out, const cJSON *record)
{
	const char *name = json_get_string(record, "debugger");

	if (name == NULL || strcmp(name, "builtin") == 0) {
		buf_addstr(out, "The built-in debugger");
		return;
	}
	buf_addstr(out, "The debugger ");
	markdown_text_cut(out, name, WORD_SHOWN);
}

static void add_said(struct buf *out, const cJSON *verdict)
{
	const char *relation = json_get_string(verdict, "relation");
	const char *strategy = json_get_string(verdict, "strategy");
	const char *cause = json_get_string(verdict, "cause");

	markdown_text_cut(out, relation != NULL ? relation : "?", WORD_SHOWN);
	if (strategy != NULL) {
		buf_addstr(out, ", strategy ");
		markdown_text_cut(out, strategy, WORD_SHOWN);
	}
	if (cJSON_IsTrue(json_get(verdict, "escalate")))
		buf_addstr(out, ", a person must decide");
	buf_addch(out, '\n');
	if (cause != NULL) {
		buf_addstr(out, "\nCause: ");
		markdown_text_cut(out, cause, LINE_SHOWN);
		buf_addch(out, '\n');
	}
	add_groups(out, json_get(verdict, "groups"));
	add_proposed_fix(out, json_get(verdict, "fix"));
	add_retry(out, json_get(verdict, "retry"));
}

void escalation_add_verdict(struct buf *out, const cJSON *record, bool steps)
{
	const char *error = json_get_string(record, "error");
	const char *answer = json_get_string(record, "answer");
	const cJSON *verdict = json_get(record, "verdict");

	buf_addch(out, '\n');
	add_debugger(out, record);
	add_where(out, record, steps);
	buf_addstr(out, ": ");
	if (cJSON_IsObject(verdict)) {
		add_said(out, verdict);
		return;
	}
	buf_addstr(out, "no verdict");
	if (error != NULL) {
		buf_addstr(out, ": ");
		markdown_text_cut(out, error, LINE_SHOWN);
	}
	if (answer == NULL || answer[0] == '\0') {
		buf_addch(out, '\n');
		return;
	}
	buf_addstr(out, ". It said:\n");
	add_fenced(out, answer, strlen(answer));
}

void escalation_add_fix(struct buf *out, const cJSON *record, bool steps)
{
	const char *status = json_get_string(record, "status");
	const char *error = json_get_string(record, "error");
	struct buf text = BUF_INIT;
	struct buf line = BUF_INIT;

	escalation_fix_text(&text, record);
	text_summary(&line, buf_str(&text), text.len, LINE_SHOWN);
	buf_addstr(out, "- Fix");
	add_where(out, record, steps);
	buf_addstr(out, ": ");
	markdown_text(out, buf_str(&line));
	buf_addstr(out, " → ");
	markdown_text_cut(out, status != NULL ? status : "?", WORD_SHOWN);
	if (error != NULL) {
		buf_addstr(out, ": ");
		markdown_text_cut(out, error, LINE_SHOWN);
	}
	buf_addch(out, '\n');
	buf_free(&line);
	buf_free(&text);
}

void escalation_add_recovery(struct buf *out, const cJSON *record, bool steps)
{
	const char *text = json_get_string(record, "text");

	if (text == NULL)
		return;
	buf_addstr(out, "- Recovery");
	add_where(out, record, steps);
	buf_addstr(out, ": ");
	markdown_text_cut(out, text, LINE_SHOWN);
	buf_addch(out, '\n');
}

bool escalation_has_steps(const struct escalation *e)
{
	return e->run != NULL && cJSON_GetArraySize(json_get(e->run, "steps")) > 1;
}
