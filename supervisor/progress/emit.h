/*
 * Results on their way out: what standard output carries, and what of the tasks' own messages standard error does.
 */
#ifndef POLLARD_EMIT_H
#define POLLARD_EMIT_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/result.h"
#include "supervisor/input/task.h"
#include "supervisor/options/config.h"
#include "supervisor/plan/node.h"
#include "supervisor/progress/sink.h"
#include "supervisor/record/events.h"
#include "supervisor/record/record.h"
#include "supervisor/recovery/outcome.h"

/* The unnamed files of a finished attempt that has not been printed yet (--no-record). */
struct lent {
	size_t task;
	int out_fd;
	int err_fd;
};

/* What a verdict says of one task. */
struct told {
	size_t task;
	char *cause;
};

/* Declared by the coordinator as { ... }; emit_free() closes what was never printed. */
struct emit {
	const struct config *config;
	const struct record *record;
	const struct step *step;
	struct nodes *nodes;
	struct sink *out;
	struct sink *err;
	size_t next; /* -k: the first task that has not been printed */
	struct lent *lent;
	size_t nlent;
	struct told *told; /* of the last verdict, for `-o json` */
	size_t ntold;
	struct sink_stream *live_out; /* of the attempt that runs (--sequential); NULL */
	struct sink_stream *live_err;
};

/* Keeps the unnamed files of an attempt until its task is printed or attempted again; takes them (-1: none). */
void emit_keep(struct emit *e, size_t task, int out_fd, int err_fd);

/*
 * The task is final: prints what belongs to it, or with -k what can be printed now. `result` is of its last attempt; NULL: it is read back
 * from the journal (it must have been flushed), or there is none.
 */
void emit_final(struct emit *e, size_t task, const struct result *result);

/*
 * Reads what an attempt wrote to an unnamed file into the result itself, up to 4 MiB: for a record
 * that has to hold all of it.
 */
void emit_inline(struct stream *stream, int fd);

/* -k: the task that results are waiting for; false when none waits. */
bool emit_blocked(const struct emit *e, size_t *task);

/* The debugger has found the cause of this task's failure (copied); emit_forget_causes() before others. */
void emit_cause(struct emit *e, size_t task, const char *cause);
void emit_forget_causes(struct emit *e);

/* A live piece of output (--sequential), and the end of the attempt that it came from. */
void emit_live(struct emit *e, const struct task *task, bool is_err, const char *data, size_t len);
void emit_live_end(struct emit *e);

/* -o json: the last line. -o merged: the merged result, a file that is taken over; -1: none. */
void emit_summary(struct emit *e, const struct totals *totals);
void emit_merged(struct emit *e, int fd);
void emit_free(struct emit *e);

/* The result of a task's last attempt as the journal has it, or of a task that never ran; result_free() it. */
void load_result(const struct record *record, const struct node *node, struct result *result);

#endif
