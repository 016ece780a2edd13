/*
 * Scopes: the paths that tasks declare to write and to read, and which of them meet. Two tasks
 * conflict when a path could match a pattern that one writes and one that the other writes or
 * reads. Patterns are described in pattern.h.
 */
#ifndef POLLARD_SCOPE_H
#define POLLARD_SCOPE_H

#include <stdbool.h>
#include <stddef.h>

#include "supervisor/input/task.h"

/* The scopes of a run's tasks, made when they are first asked for. See scope.c. */
struct scopes;

struct scopes *scopes_new(void);
void scopes_free(struct scopes *s);
/* Whether two tasks conflict; a and b are their indices in the run, by which they are known. */
bool scopes_meet(struct scopes *s, size_t a, const struct task *task_a, size_t b,
    const struct task *task_b);
/* The task is over: lets go of its scope. It may be asked for again. */
void scopes_forget(struct scopes *s, size_t index);

/*
 * Whether the task may write at or below the directory `path`: a pattern that it writes matches
 * the directory, something in it, or a directory above it.
 */
bool scope_covers_path(const struct task *task, const char *path);

/*
 * The pattern made absolute by cwd (a plain path, relative to the current directory of the
 * process; NULL: that itself), with `.` and `..` folded and what exists of its literal part
 * resolved through symbolic links. One that ends in a slash is a directory: `**` is appended to it
 * where that makes a difference. Special characters of cwd and of links are quoted. Allocated.
 */
char *scope_absolute(const char *pattern, const char *cwd);

#endif
