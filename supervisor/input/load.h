/*
 * What a run or a plan is made of, read and checked: agents, the list or workflow, and whether all
 * of it can be used. Nothing is started or written.
 */
#ifndef POLLARD_LOAD_H
#define POLLARD_LOAD_H

#include "supervisor/input/agents.h"
#include "supervisor/input/client.h"
#include "supervisor/input/document.h"
#include "supervisor/input/rehearse.h"
#include "supervisor/input/task.h"
#include "supervisor/options/config.h"

/* Filled by load_open() and load_read(), released by load_free(). */
struct loaded {
	const struct config *config;
	struct agents *agents; /* NULL: nothing asks for one */
	struct plan plan;
	bool is_workflow; /* and of what form */
	enum document_form form;
	int fd;		       /* of the input; -1 */
	char *file;	       /* the file that is read, as it was found; NULL: standard input */
	char *state_root;      /* the state directory by its real name; NULL: nothing is kept */
	struct script *script; /* of a rehearsal; NULL: none */
	struct choice
	    *choices; /* how its agents are reached, see load_client.c; NULL: not asked yet */
};

/*
 * Opens the input (-f FILE, or the workflow of that name that ships) and reads the agents. 0, or the
 * exit status after saying why on standard error.
 */
int load_open(struct loaded *l, const struct config *config);
/* Reads the whole input and checks it. 0, or the exit status after saying what is wrong. */
int load_read(struct loaded *l);
/*
 * Whether all its agents can be asked: 0, or the exit status after saying which cannot. Names the
 * backend in the plan, for the record.
 */
int load_check(struct loaded *l);
/*
 * How the agent is reached by that task; NULL for a task: when it merges, debugs or fixes. Held by l.
 * NULL: it cannot be, which load_check() refuses before anything starts; only an agent that is known
 * later (a stream, foreach, a fix) can be one still.
 */
const struct client *load_client(const struct loaded *l, const struct agent *agent,
    const struct task *task);
/*
 * The same for a task that says (`writes`) or does not say that it writes something: 0, or the exit
 * status and *why, one line.
 */
int load_choose(const struct loaded *l, const struct agent *agent, bool writes, struct buf *why);
/*
 * Why the task's agent, which is known only now, cannot be reached: one line, of l. NULL: it can, it
 * has none, or nothing is asked in earnest.
 */
const char *load_unreachable(const struct loaded *l, const struct task *task);
/* The backend that the run's agents have when they name none; NULL: none of them needs it. */
const struct backend *load_backend(const struct loaded *l);
/*
 * Calls say() with each line, safe to print, about what the backends cannot do that was asked for:
 * who tells no cost keeps no budget.
 */
void load_doubts(const struct loaded *l, void (*say)(void *context, const char *line),
    void *context);
/* What messages call the input. */
const char *load_name(const struct loaded *l);
/* Whether the task may write where the record is kept. */
bool load_covers_record(const struct loaded *l, const struct task *task);
void load_free(struct loaded *l);
/* For load_free(), before the agents are freed. */
void load_forget_choices(struct loaded *l);

#endif
