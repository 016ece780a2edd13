#include "supervisor/input/input_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/input/taskobject.h"

static bool is_blank(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] != ' ' && (s[i] < '\t' || s[i] > '\r'))
			return false;
	return true;
}

static bool is_comment(const char *s, size_t len)
{
	while (len > 0 && (*s == ' ' || *s == '\t')) {
		s++;
		len--;
	}
	return len > 0 && *s == '#';
}

static char first_byte(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] != ' ' && (s[i] < '\t' || s[i] > '\r'))
			return s[i];
	return '\0';
}

/* With -0 the arguments of a command are taken byte for byte. */
static bool is_literal(const struct config *config)
{
	return config->nul && config->input == INPUT_COMMAND;
}

static struct word measure_word(const char *s)
{
	struct word w = { 0, 0, 0 };

	while (*s != '\0') {
		if (strncmp(s, "{}", 2) == 0) {
			w.records++;
			s += 2;
		} else if (strncmp(s, "{#}", 3) == 0) {
			w.numbers++;
			s += 3;
		} else {
			w.fixed++;
			s++;
		}
	}
	return w;
}

static void measure_words(struct input *in)
{
	const char *const *command = in->config->command;
	size_t n = 0;

	while (command[n] != NULL)
		n++;
	in->words = xcalloc(n + 1, sizeof(*in->words));
	for (size_t i = 0; i < n; i++) {
		struct word w = measure_word(command[i]);

		if (w.records > 0)
			in->words[in->nwords++] = w;
	}
	/* Then the record becomes the last word. */
	if (in->nwords == 0)
		in->words[in->nwords++] = (struct word){ .records = 1 };
}

struct input *input_open(const char *name, const struct config *config, const struct agents *agents)
{
	struct input *in = xcalloc(1, sizeof(*in));

	in->name = name;
	in->config = config;
	in->agents = agents;
	in->ids_complete = true;
	splitter_init(&in->splitter, config->nul, is_literal(config));
	if (config->input == INPUT_COMMAND && !config->command_stdin)
		measure_words(in);
	return in;
}

void input_close(struct input *in)
{
	splitter_free(&in->splitter);
	fault_free(&in->faults);
	idset_free(&in->ids);
	free(in->words);
	free(in);
}

void input_feed(struct input *in, const char *data, size_t len, bool end)
{
	splitter_feed(&in->splitter, data, len, end);
}

const struct agent *input_find_agent(struct input *in, const char *name, size_t len)
{
	char word[AGENT_NAME_MAX + 1];

	if (in->agent != NULL && strncmp(in->agent->name, name, len) == 0 &&
	    in->agent->name[len] == '\0')
		return in->agent;
	if (len > AGENT_NAME_MAX) {
		fault_add(&in->faults, "no agent has a name of %zu bytes, the most are %d", len,
		    AGENT_NAME_MAX);
		return NULL;
	}
	memcpy(word, name, len);
	word[len] = '\0';
	in->agent = fault_find_agent(&in->faults, in->agents, word);
	return in->agent;
}

/* Makes text of a piece of the record: in place when the record's own NUL ends it. */
static void set_text(struct task *task, struct arena *arena, const struct raw_record *record,
    const char *text, size_t len)
{
	task->text_len = len;
	if (text + len == record->data + record->len)
		task->text = task->record + (text - record->data);
	else
		task->text = arena_copy(arena, text, len);
}

static void set_whole_text(struct task *task, enum task_kind kind)
{
	task->kind = kind;
	task->text = task->record;
	task->text_len = task->record_len;
}

static void check_prompt(struct input *in, const char *text, size_t len)
{
	if (is_blank(text, len))
		fault_add(&in->faults, "the prompt is empty");
}

static bool check_utf8(struct input *in, const struct raw_record *record)
{
	if (utf8_valid(record->data, record->len))
		return true;
	fault_add(&in->faults, "not valid UTF-8");
	return false;
}

static void read_line(struct input *in, struct task *task)
{
	set_whole_text(task, TASK_LINE);
	for (size_t i = 0; i < in->nwords; i++) {
		const struct word *w = &in->words[i];
		size_t digits = w->numbers == 0 ? 0 : (size_t)snprintf(NULL, 0, "%u", task->number);
		size_t len = w->fixed + w->records * task->text_len + w->numbers * digits;

		if (len >= ARGUMENT_MAX) {
			fault_check_argument(&in->faults, "the argument", len);
			return;
		}
	}
}

static void read_shell(struct input *in, struct task *task)
{
	set_whole_text(task, TASK_SHELL);
	fault_check_argument(&in->faults, "the command", task->text_len);
}

static void read_prompt(struct input *in, const struct raw_record *record, struct task *task)
{
	const char *name = in->config->agent;

	set_whole_text(task, TASK_AGENT);
	task->agent = input_find_agent(in, name, strlen(name));
	check_utf8(in, record);
}

static void read_object(struct input *in, const struct raw_record *record, struct arena *arena,
    struct task *task)
{
	struct taskobject_context context = {
		.agents = in->agents,
		.agent = in->config->agent,
		.one_line = !in->config->nul,
	};

	if (!taskobject_read(record->data, record->len, &context, arena, task, &in->faults))
		in->ids_complete = false;
	task->templated = true;
}

static void read_notation(struct input *in, const struct raw_record *record,
    const struct notation *found, struct arena *arena, struct task *task)
{
	task->kind = TASK_AGENT;
	if (!check_utf8(in, record))
		return;
	if (found->kind == NOTATION_BAD) {
		fault_add(&in->faults,
		    "expected AGENT: PROMPT, a task object or a note; for a shell command "
		    "use --shell, for arguments of one command use -- COMMAND");
		return;
	}
	task->agent = input_find_agent(in, found->agent, found->agent_len);
	if (task->agent == NULL)
		return;
	set_text(task, arena, record, found->text, found->text_len);
	check_prompt(in, found->text, found->text_len);
}

/* NULs are no part of any text; so with -0 a record cannot hold one. */
static bool check_bytes(struct input *in, const struct raw_record *record)
{
	if (record->too_long) {
		fault_add(&in->faults, "longer than %d MiB, the most that a record may have",
		    RECORD_MAX / (1024 * 1024));
		return false;
	}
	if (record->len > 0 && memchr(record->data, '\0', record->len) != NULL) {
		fault_add(&in->faults,
		    "a NUL byte in a line; for records that end with NUL use -0");
		return false;
	}
	return true;
}

/* Blank records, and comments where they are such. */
static bool is_skipped(const struct input *in, const struct raw_record *record)
{
	enum input_form form = in->config->input;

	if (record->too_long)
		return false;
	if (is_literal(in->config))
		return record->len == 0;
	if (is_blank(record->data, record->len))
		return true;
	return (form == INPUT_AUTO || form == INPUT_SHELL) && is_comment(record->data, record->len);
}

static void begin_task(struct input *in, const struct raw_record *record, struct arena *arena,
    struct task *task)
{
	*task = (struct task){ .kind = TASK_LINE, .text = "", .line = record->line };
	task->number = ++in->count;
	task->record = arena_copy(arena, record->data, record->len);
	task->record_len = record->len;
}

/* The faults of a second step in a stream, where all tasks before it may still be running. */
static bool refuse_second_step(struct input *in)
{
	if (!in->second_step)
		return false;
	fault_add(&in->faults,
	    "this task belongs to a second step, and with --stream a list is one step");
	return true;
}

/* What the notation says besides tasks. */
static enum meaning read_heading(struct input *in, const struct notation *found)
{
	in->heading = *found;
	if (found->kind == NOTATION_STEP)
		return MEANS_STEP;
	if (found->kind == NOTATION_GOAL)
		return MEANS_GOAL;
	return MEANS_NOTHING;
}

/* A task that could never start beside others, as people want it. */
static void check_tokens(struct input *in, const struct task *task)
{
	uint64_t limit = in->config->tokens_at_once;

	if (limit > 0 && task_tokens(task) > limit)
		fault_add(&in->faults,
		    "it is expected to use %llu tokens, and '--tokens-at-once' lets %llu run together",
		    (unsigned long long)task_tokens(task), (unsigned long long)limit);
}

static void read_by_form(struct input *in, const struct raw_record *record,
    const struct notation *found, struct arena *arena, struct task *task)
{
	switch (in->config->input) {
	case INPUT_COMMAND:
		read_line(in, task);
		return;
	case INPUT_SHELL:
		read_shell(in, task);
		return;
	case INPUT_AGENT:
		read_prompt(in, record, task);
		return;
	case INPUT_AUTO:
		break;
	}
	if (found == NULL)
		read_object(in, record, arena, task);
	else
		read_notation(in, record, found, arena, task);
}

enum meaning input_record(struct input *in, const struct raw_record *record, struct arena *arena,
    struct task *task)
{
	const struct notation *found = NULL;
	struct notation line;

	fault_reset(&in->faults);
	if (is_skipped(in, record))
		return MEANS_NOTHING;
	if (!check_bytes(in, record)) {
		in->ids_complete = false;
		begin_task(in, record, arena, task);
		return MEANS_TASK;
	}
	if (in->config->input == INPUT_AUTO && first_byte(record->data, record->len) != '{') {
		line = notation_parse(record->data, record->len);
		if (line.kind != NOTATION_TASK && line.kind != NOTATION_BAD)
			return read_heading(in, &line);
		found = &line;
	}
	begin_task(in, record, arena, task);
	if (!refuse_second_step(in))
		read_by_form(in, record, found, arena, task);
	check_tokens(in, task);
	return MEANS_TASK;
}

/* A task without an id gets its number; false and a fault when that is another's id. */
static bool settle_number(struct input *in, struct arena *arena, struct task *task)
{
	char number[16];
	uint32_t line;

	snprintf(number, sizeof(number), "%u", task->number);
	task->id = arena_strdup(arena, number);
	if (in->ids.count == 0 || idset_find(&in->ids, number, &line) == 0) {
		idset_add_number(&in->ids, task->number);
		return true;
	}
	fault_add(&in->faults,
	    "this record has no id and is known by its number, %s, which is the id in "
	    "line %u: give this one an id",
	    number, line);
	return false;
}

bool input_settle_id(struct input *in, struct arena *arena, struct task *task)
{
	uint32_t line;

	if (task->id == NULL)
		return settle_number(in, arena, task);
	if (idset_find(&in->ids, task->id, &line) == 0) {
		idset_add(&in->ids, task->id, task->number, task->line);
		return true;
	}
	if (line != 0)
		fault_add(&in->faults, "duplicate id '%s': it is already that of line %u", task->id,
		    line);
	else
		fault_add(&in->faults,
		    "id '%s' is taken: record %s has none and is known by its number", task->id,
		    task->id);
	return false;
}
