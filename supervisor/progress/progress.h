/*
 * What people see on standard error while a run goes on. On a terminal in the foreground a block (progress_tty.h), and above it lines that
 * stay: failures, retries, verdicts, ends of steps. Else one line per change of state, and after 10 s, then 30 s, then every 60 s of
 * silence one that says what is running.
 */
#ifndef POLLARD_PROGRESS_H
#define POLLARD_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/loop.h"
#include "supervisor/options/config.h"
#include "supervisor/plan/node.h"
#include "supervisor/progress/progress_tty.h"
#include "supervisor/progress/sink.h"
#include "supervisor/recovery/outcome.h"

/* Lists of more tasks than this show their failures and retries only. */
#define PROGRESS_EACH_MAX 50

/* Declared by the coordinator, begun with progress_init(), emptied by progress_free(). Not to be moved between the two. */
struct progress {
	const struct config *config;
	struct sink *sink;
	bool on;
	bool each; /* starts and successes too, as lines */
	bool color;
	int64_t spoke_ms;  /* monotonic: when something was said last */
	unsigned silences; /* how often it was silent for long in a row */
	struct screen screen;
};

/* out and err stay the caller's, and are closed before progress_free(). */
void progress_init(struct progress *p, const struct config *config, struct sink *out,
    struct sink *err);
void progress_free(struct progress *p);
/* The run is over: what follows are its last words. */
void progress_over(struct progress *p);
/* total: how many tasks; UINT64_MAX when that is not known. */
void progress_run(struct progress *p, const char *run, uint64_t total, uint32_t jobs);
void progress_started(struct progress *p, const struct node *node);
/* An attempt failed and will be followed by another. */
void progress_retry(struct progress *p, const struct node *node, const struct result *r,
    int64_t pause_ms);
void progress_final(struct progress *p, const struct node *node, const struct result *r);
/* A step of several is over; `name`: its title or id. */
void progress_step(struct progress *p, const char *name, const struct counts *counts,
    int64_t took_ms);
void progress_line(struct progress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Milliseconds until progress_tick() has something to say; -1: never. */
int64_t progress_due(const struct progress *p);
/* Says what is running when it has been silent for so long. blocked: the task that -k results wait for, or NULL. */
void progress_tick(struct progress *p, const struct counts *counts, const struct nodes *nodes,
    const struct loop *loop, const struct task *blocked);
/* The same now, whatever the settings are (SIGUSR1). */
void progress_status(struct progress *p, const struct counts *counts, const struct nodes *nodes,
    const struct loop *loop, size_t waiting);

#endif
