#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "shared/xalloc.h"
#include "supervisor/coordinator.h"

enum merge_form merge_form_of(const struct config *c)
{
	if (c->merge != MERGE_DEFAULT)
		return c->merge;
	return c->output == OUTPUT_MERGED ? MERGE_CONCAT : MERGE_NONE;
}

static struct merge_item *merge_items(const struct run *run)
{
	size_t count = run->nodes.end;
	struct merge_item *items = xcalloc(count > 0 ? count : 1, sizeof *items);
	for (size_t i = 0; i < count; i++) {
		const struct node *node = nodes_at(&run->nodes, i);
		items[i].task = node->task->id;
		items[i].agent = node->task->agent != NULL ? node->task->agent->name : NULL;
		items[i].offset = -1;
		if (node->status == RESULT_SUCCEEDED) {
			items[i].offset = node->last.offset;
			items[i].length = node->last.length;
		} else {
			items[i].missing = reason_text(node->reason);
		}
	}
	return items;
}

bool merge_begin(struct run *run)
{
	enum merge_form form = merge_form_of(run->config);
	if (form == MERGE_NONE || run->stop.stopping || run->merged != NULL || run->merged_fd >= 0)
		return false;
	struct buf name = BUF_INIT;
	buf_addf(&name, "%s.%s", run->step->id, form == MERGE_JSON ? "json" : "md");
	struct merge_item *items = merge_items(run);
	struct job job = {
		.kind = JOB_MERGE,
		.run = run->record.dir.id,
		.step = run->step->id,
		.task = "merge",
		.attempt = 1,
		.items = items,
		.nitems = run->nodes.end,
		.merge_json = form == MERGE_JSON,
		.journal_fd = journal_fd(run->record.journal),
		.merge_dirfd = run->record.dir.merged_fd,
		.merge_name = buf_str(&name),
		.out_dirfd = run->record.dir.out_fd,
		.out_fd = -1,
		.err_fd = -1,
		.null_fd = run->launch.null_fd,
		.supervisor_pid = getpid(),
	};
	if (!run->record.kept)
		job.out_fd = record_unnamed_file(&run->record);
	bool begun =
	    record_flush(&run->record) && loop_start(run->loop, &job, TASK_OF_MERGE, 0) == 0;
	if (begun) {
		run->phase = PHASE_MERGE;
		buf_free(&name);
	} else {
		sink_addf(run->err, "pollard: cannot merge the results of step %s\n",
		    run->step->id);
		run_trouble(run, EXIT_SYSTEM);
		buf_free(&name);
	}
	free(items);
	return begun;
}

void merge_over(struct run *run, const struct attempt *attempt)
{
	const struct result *r = &attempt->result;
	run->phase = PHASE_TASKS;
	if (r->status != RESULT_SUCCEEDED) {
		sink_addf(run->err, "pollard: cannot merge the results: %s\n",
		    r->error != NULL ? r->error : reason_text(r->reason));
		run_trouble(run, EXIT_IO);
		return;
	}
	if (!run->record.kept) {
		run->merged_fd = dup(attempt->out_fd);
		return;
	}
	struct buf path = BUF_INIT;
	const char *suffix = merge_form_of(run->config) == MERGE_JSON ? "json" : "md";
	buf_addf(&path, "merged/%s.%s", run->step->id, suffix);
	run->merged = buf_detach(&path);
	run->merged_fd = openat(run->record.dir.fd, run->merged, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}
