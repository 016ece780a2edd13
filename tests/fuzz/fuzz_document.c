/*
 * A workflow file as somebody wrote it, YAML or (first byte odd) JSON: a tree whose nodes all have
 * places within the text and that JSON can say, or one line about what is wrong; then as a task.
 */
#include <string.h>

#include "shared/buf.h"
#include "shared/json.h"
#include "shared/text.h"
#include "supervisor/input/document.h"
#include "supervisor/input/taskobject.h"
#include "tests/fuzz/fuzz.h"

static void check_place(struct place place, uint32_t lines, size_t size)
{
	MUST(place.line >= 1 && place.line <= lines);
	MUST(place.column >= 1 && place.column <= size + 1);
}

static void check_node(const struct document *d, const cJSON *node, uint32_t lines, size_t size)
{
	const cJSON *child;

	check_place(document_place(d, node), lines, size);
	check_place(document_key_place(d, node), lines, size);
	cJSON_ArrayForEach(child, node) check_node(d, child, lines, size);
}

static void check_tree(const struct document *d, const char *text, size_t size)
{
	struct buf printed = BUF_INIT;
	struct json_error error;
	uint32_t lines = 2; /* what is missing at the end stands on a line after the last one */
	cJSON *again;

	for (size_t i = 0; i < size; i++)
		lines += text[i] == '\n';
	check_node(d, d->root, lines, size);
	json_print(&printed, d->root);
	again = json_parse(printed.data, printed.len, &error);
	MUST(again != NULL);
	MUST(cJSON_Compare(again, d->root, true));
	cJSON_Delete(again);
	buf_free(&printed);
}

static void read_task(const struct document *d, bool partial)
{
	static struct agents *agents;
	struct arena arena = { .kind = ARENA_SMALL };
	struct task task = { .text = "" };
	struct faults faults = { 0 };
	struct diag diag = { 0 };

	if (agents == NULL)
		agents = agents_load(NULL);

	struct taskobject_context context = {
		.agents = agents,
		.document = d,
		.partial = partial,
	};

	if (!taskobject_read_tree(d->root, &context, &arena, &task, &faults))
		MUST(faults.count > 0);
	fault_report(&faults, "f", 1, &diag);
	MUST(diag.count == faults.count);
	for (size_t i = 0; i < diag.count && i < DIAG_MAX; i++)
		MUST(utf8_valid(diag.lines[i], strlen(diag.lines[i])));
	diag_free(&diag);
	fault_free(&faults);
	arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct document d;
	struct diag diag = { 0 };

	if (size == 0)
		return 0;

	const char *text = (const char *)data + 1;
	enum document_form form = data[0] % 2 == 1 ? DOCUMENT_JSON : DOCUMENT_YAML;

	if (document_read(&d, "f", text, size - 1, form, &diag) == 0) {
		MUST(diag.count == 0 && d.root != NULL);
		check_tree(&d, text, size - 1);
		read_task(&d, (data[0] & 2) != 0);
	} else {
		MUST(diag.count == 1 && d.root == NULL);
		MUST(utf8_valid(diag.lines[0], strlen(diag.lines[0])));
	}
	diag_free(&diag);
	document_free(&d);
	return 0;
}
