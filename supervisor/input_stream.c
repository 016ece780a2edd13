#include <stdio.h>

#include "shared/text.h"
#include "supervisor/input/bind.h"
#include "supervisor/input/input_record.h"

/* Only what came before can be needed: a task of a stream may start as soon as it was read. */
static void check_needs_seen(struct input *in, const struct task *task)
{
	if (task->more == NULL)
		return;
	for (size_t i = 0; i < task->more->nneeds; i++)
		if (idset_find(&in->ids, task->more->needs[i], NULL) == 0)
			fault_add(&in->faults,
			    "'needs': no task before this one has the id '%s', and with "
			    "--stream only those can be needed",
			    safe(task->more->needs[i]));
}

/* An id that no other task has, for a record whose own cannot be used. */
static void give_free_id(struct input *in, struct arena *arena, struct task *task)
{
	char id[64];

	snprintf(id, sizeof(id), "%u", task->number);
	for (unsigned i = 1; idset_find(&in->ids, id, NULL) != 0; i++)
		snprintf(id, sizeof(id), "%u-invalid-%u", task->number, i);
	task->id = arena_strdup(arena, id);
	idset_add(&in->ids, id, task->number, task->line);
}

/* A bad record becomes a task whose text says what is wrong. */
static void make_invalid(struct input *in, struct arena *arena, struct task *task)
{
	const char *lines = buf_str(&in->faults.lines);
	struct buf text = BUF_INIT;

	for (const char *c = lines; *c != '\0'; c++) {
		if (*c != '\n')
			buf_addch(&text, *c);
		else if (c[1] != '\0')
			buf_addstr(&text, "; ");
	}
	task->kind = TASK_INVALID;
	task->agent = NULL;
	task->more = NULL;
	task->text_len = text.len;
	task->text = arena_copy(arena, text.data, text.len);
	buf_free(&text);
}

int input_next(struct input *in, struct arena *arena, struct task *task)
{
	struct raw_record record;
	enum meaning meaning;
	int result;

	do {
		result = splitter_next(&in->splitter, &record);
		if (result != 1)
			return result;
		meaning = input_record(in, &record, arena, task);
		if (meaning == MEANS_STEP && in->count > 0)
			in->second_step = true;
	} while (meaning != MEANS_TASK);
	check_needs_seen(in, task);
	if (in->faults.count == 0)
		template_bind_alone(task, arena, &in->faults);
	if (!input_settle_id(in, arena, task))
		give_free_id(in, arena, task);
	if (in->faults.count > 0)
		make_invalid(in, arena, task);
	return 1;
}
