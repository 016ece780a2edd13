/* pollard show: the state of a run, made from its journal, or one of its tasks. */
#include <stdio.h>
#include <string.h>

#include "shared/buf.h"
#include "shared/text.h"
#include "supervisor/commands/commands.h"
#include "supervisor/commands/reading.h"
#include "supervisor/commands/show_task.h"
#include "supervisor/record/state.h"

/* The journal and not STATE.md: that is only as new as the last synchronisation point. */
static int show_run(struct journal_reader *reader, const struct rundir *dir)
{
	/* Before the journal: a run that ends while it is read has its end in there. */
	bool locked = reading_locked(dir->fd);
	struct state *state = state_new();
	struct buf text = BUF_INIT;
	const cJSON *record;

	while ((record = journal_reader_next(reader)) != NULL)
		state_event(state, record);
	int status = reading_check(reader, dir);
	if (status == 0) {
		if (!locked)
			state_abandoned(state);
		state_markdown(state, &text);
		buf_addstr(&text, "\nRun directory: ");
		text_safe_line(&text, dir->path, strlen(dir->path));
		buf_addch(&text, '\n');
		fwrite(text.data, 1, text.len, stdout);
	}
	buf_free(&text);
	state_free(state);
	return status;
}

int cmd_show(const struct config *config)
{
	struct rundir dir;
	struct journal_reader *reader;
	int status = reading_open(config, &dir, &reader);

	if (status != 0)
		return status;
	if (config->task != NULL)
		status = show_task(reader, &dir, config->task);
	else
		status = show_run(reader, &dir);
	journal_reader_free(reader);
	rundir_close(&dir);

	int printed = reading_printed();
	return status != 0 ? status : printed;
}
