/*
 * Bytes to tasks: lines, NUL-terminated records, task objects, the seed's notation.
 */
#ifndef POLLARD_INPUT_H
#define POLLARD_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "supervisor/input/agents.h"
#include "supervisor/input/diag.h"
#include "supervisor/input/task.h"
#include "supervisor/options/config.h"

#define RECORD_MAX (16 * 1024 * 1024)

/*
 * Reads all of fd (named `name` in messages) and checks it. The plan is complete when diag is still
 * empty afterwards. Returns 0, or -1 with errno when reading failed.
 */
int input_read(int fd, const char *name, const struct config *config, const struct agents *agents,
    struct plan *plan, struct diag *diag);

/*
 * The same piece by piece, for --stream. Created with input_open(), which keeps the pointers, and
 * freed with input_close().
 */
struct input;
struct input *input_open(const char *name, const struct config *config,
    const struct agents *agents);
/* Takes more bytes as they were read; `end` after the last ones. */
void input_feed(struct input *in, const char *data, size_t len, bool end);
/*
 * The next complete record as a task in `arena` (all of it, for arena_free() later): 1 and *task
 * filled (TASK_INVALID when the record is bad), 0 when more bytes are needed, -1 at the end of the
 * input. Lines that are no tasks (blank, comments, notes of the notation) are passed over.
 */
int input_next(struct input *in, struct arena *arena, struct task *task);
void input_close(struct input *in);

#endif
