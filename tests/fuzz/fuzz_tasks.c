/*
 * A list of tasks in any form, piece by piece as --stream reads it: every record becomes a task
 * or a bad one that says why, whatever the cuts. The first byte chooses the form and the size of the pieces.
 */
#include <string.h>

#include "shared/names.h"
#include "shared/text.h"
#include "supervisor/input/input.h"
#include "tests/fuzz/fuzz.h"

static void check_task(const struct task *task)
{
	MUST(task->id != NULL && id_valid(task->id, strlen(task->id)));
	MUST(task->text != NULL || task->kind == TASK_ARGV);
	MUST(task->kind <= TASK_INVALID);
	if (task->kind == TASK_ARGV)
		MUST(task->more != NULL && task->more->argv != NULL && task->more->argv[0] != NULL);
	if (task->kind == TASK_INVALID)
		MUST(task->text[0] != '\0');
}

/* The tasks as one text, to compare two ways of cutting. */
static void read_pieces(const char *data, size_t size, size_t piece, const struct config *config,
    const struct agents *agents, struct buf *seen)
{
	struct input *in = input_open("list", config, agents);
	size_t at = 0;
	bool ended = false;

	for (;;) {
		struct arena arena = { .kind = ARENA_SMALL };
		struct task task;
		int got = input_next(in, &arena, &task);

		if (got == 1) {
			check_task(&task);
			buf_addf(seen, "%u %u %s %zu\n", task.kind, task.number, task.id,
			    task.text_len);
		}
		arena_free(&arena);
		if (got == -1)
			break;
		if (got == 0) {
			MUST(!ended);
			size_t n = size - at < piece ? size - at : piece;
			ended = at + n == size;
			input_feed(in, data + at, n, ended);
			at += n;
		}
	}
	input_close(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const words[] = { "echo", "{}", NULL };
	static struct agents *agents;
	struct buf whole = BUF_INIT, pieces = BUF_INIT;

	if (size == 0)
		return 0;
	if (agents == NULL)
		agents = agents_load(NULL);

	struct config config = { .stream = true, .retries = NOT_GIVEN, .command = words };
	config.input = (enum input_form)(data[0] % 3);
	config.nul = (data[0] & 4) != 0;

	const char *text = (const char *)data + 1;
	read_pieces(text, size - 1, size, &config, agents, &whole);
	read_pieces(text, size - 1, 1 + data[0] / 8, &config, agents, &pieces);
	MUST(strcmp(buf_str(&whole), buf_str(&pieces)) == 0);
	buf_free(&whole);
	buf_free(&pieces);
	return 0;
}
