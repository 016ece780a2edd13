/*
 * A task as it was read: immutable, and referred to by its index in the list.
 */
#ifndef POLLARD_TASK_H
#define POLLARD_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/job.h"
#include "supervisor/input/agents.h"
#include "supervisor/input/arena.h"
#include "supervisor/input/idset.h"
#include "supervisor/options/config.h"

struct condition;
struct name;
struct template;

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
	const char *const
	    *needs; /* ids; first those that were written, then those that templates name */
	size_t nneeds;
	size_t nwritten;		 /* of needs */
	const struct template *prompt;	 /* NULL: the task's text is its prompt */
	const struct template *refining; /* `refine`, compiled; NULL: none */
	const char *const *reads;	 /* patterns as written */
	size_t nreads;
	const char *const *writes;
	size_t nwrites;
	bool says_writes;   /* also when it says that it writes nothing */
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
	bool templated;		      /* its text may be a template: it was given as an object */
};

/* What bounds a run or a step; 0: no limit. */
struct limits {
	int64_t jobs; /* UNSET: not said; 0: as many as tasks */
	uint64_t tokens_at_once;
	uint64_t tokens;
	double usd;
	int64_t deadline_ms;
};

/* `foreach`: the tasks of the step are made when the run gets there. */
struct foreach {
	const struct name *in; /* the list */
	const char *as;	       /* what an item is called in the template */
	uint32_t max;	       /* 0: no limit */
	const char *order_by;  /* a path in the item, greatest first; NULL: the list's order */
	const char *task;      /* the task as JSON, everything but the item put in */
	size_t task_len;
};

/* What only a workflow can say of a step. In the plan's arena. */
struct step_more {
	const struct condition *when;  /* NULL: always */
	const char *when_text;	       /* as written */
	const struct foreach *foreach; /* NULL: its tasks are known */
	bool single;		       /* the step is its only task */
	bool has_require;
	struct require require; /* what lets the run go on */
	bool sequential;
	bool refuse_conflicts; /* on_conflict: fail */
	int retries;	       /* UNSET: as the option */
	const char *debugger;  /* NULL: as the option */
	bool has_merge;
	enum merge_form merge;
	const struct agent *merge_agent;     /* MERGE_AGENT */
	const struct template *merge_prompt; /* what it is asked; NULL: what is asked by default */
	struct limits limits;
};

/* A set of tasks with one synchronisation point at its end. */
struct step {
	const char *id;	   /* "1", "2"...; of a workflow its id */
	const char *title; /* NULL: none */
	const char *goal;  /* NULL: none */
	size_t first;	   /* index of its first task */
	size_t count;
	uint32_t line;	  /* where it begins; 0: not known */
	struct idset ids; /* of its tasks; a task's number is its index in the plan plus one */
	const struct step_more *more; /* NULL when there is nothing more */
};

/* What a run does. Filled by input_read() or workflow_read(), emptied by plan_free(). */
struct plan {
	struct arena arena;
	struct task *tasks; /* a table, see arena.h */
	size_t ntasks;
	size_t cap;
	struct step *steps; /* in the arena; at least one */
	size_t nsteps;
	const char *goal;    /* of the whole run; NULL: none */
	const char *backend; /* of agents that name none, for the record; NULL: there are none */

	/* of a workflow */
	const char *name; /* NULL: none */
	struct limits limits;
	bool has_require;
	struct require require;
	const char *document; /* the whole of it as JSON, for the record; NULL: a list */
	size_t document_len;
	bool has_needs; /* or scopes, tokens, a priority: the order is not plain */
};

/* What one attempt of a task is expected to use: as it says, else its agent; 0: not said. */
uint64_t task_tokens(const struct task *task);

/* Appends a task and returns it; the pointer holds until the next one is added. */
struct task *plan_add(struct plan *p);
/* Whether that step has that task. */
bool plan_has(const struct plan *p, const char *step, const char *task);
void plan_free(struct plan *p);

#endif
