/*
 * A task as it was read: immutable, and referred to by its index in the list.
 */
#ifndef POLLARD_TASK_H
#define POLLARD_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/job.h"
#include "supervisor/agents.h"
#include "supervisor/arena.h"

enum task_kind {
	TASK_LINE,    /* text is the argument of the command given after -- */
	TASK_SHELL,   /* text is a command for sh -c */
	TASK_ARGV,    /* more->argv is a command, no shell */
	TASK_AGENT,   /* text is a prompt for `agent` */
	TASK_INVALID, /* a bad record of a stream; text says what is wrong with it */
};

#define UNSET (-1)

/* What only task objects can say. */
struct task_more {
	const char *const *argv; /* TASK_ARGV: NULL-terminated */
	const char *cwd;
	const struct job_env *env;
	size_t nenv;
	const char *input; /* "stdin"; NULL: none */
	size_t input_len;
	const char *const *needs; /* ids */
	size_t nneeds;
	const char *const *reads; /* patterns as written */
	size_t nreads;
	const char *const *writes;
	size_t nwrites;
	int64_t timeout_ms; /* UNSET: as the option */
	int64_t idle_timeout_ms;
	int retries; /* UNSET: as the option */
	uint64_t tokens;
	double priority;
	const char *refine;
	bool want_json; /* "output": "json" */
};

/* All of it lies in the list's arena (of a streamed task: in its own). */
struct task {
	const char *id;	  /* never NULL: without one it is the number */
	const char *text; /* NUL-terminated; may hold any other byte */
	size_t text_len;
	const char *record; /* as it was read, for the journal and `pollard failed` */
	size_t record_len;
	const struct agent *agent;    /* TASK_AGENT, else NULL; owned by the agents' table */
	const struct task_more *more; /* NULL when there is nothing more */
	uint32_t number;	      /* of the record in the input, from 1 */
	uint32_t line;		      /* where it stands, for messages */
	uint8_t kind;		      /* enum task_kind */
};

/* A set of tasks with one synchronisation point at its end. */
struct step {
	const char *id;	   /* "1", "2"...; of a workflow its id */
	const char *title; /* NULL: none */
	const char *goal;  /* NULL: none */
	size_t first;	   /* index of its first task */
	size_t count;
};

/* What a run does. Filled by input_read(), emptied by plan_free(). */
struct plan {
	struct arena arena;
	struct task *tasks; /* a table, see arena.h */
	size_t ntasks;
	size_t cap;
	struct step *steps; /* in the arena; at least one */
	size_t nsteps;
	const char *goal; /* of the whole run; NULL: none */
	bool has_needs;	  /* or scopes, tokens, a priority: the order is not plain */
};

/* Appends a task and returns it; the pointer holds until the next one is added. */
struct task *plan_add(struct plan *p);
void plan_free(struct plan *p);

#endif
