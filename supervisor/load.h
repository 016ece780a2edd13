/*
 * What a run or a plan is made of, read and checked: agents, the list or workflow, and whether all
 * of it can be used. Nothing is started or written.
 */
#ifndef POLLARD_LOAD_H
#define POLLARD_LOAD_H

#include "supervisor/agents.h"
#include "supervisor/config.h"
#include "supervisor/document.h"
#include "supervisor/rehearse.h"
#include "supervisor/task.h"

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
};

/*
 * Opens the input (-f FILE, or the workflow of that name that ships) and reads the agents. 0, or the
 * exit status after saying why on standard error.
 */
int load_open(struct loaded *l, const struct config *config);
/* Reads the whole input and checks it. 0, or the exit status after saying what is wrong. */
int load_read(struct loaded *l);
/* Whether all its agents can be asked: 0, or the exit status after saying which cannot. */
int load_check(const struct loaded *l);
/* What messages call the input. */
const char *load_name(const struct loaded *l);
/* Whether the task may write where the record is kept. */
bool load_covers_record(const struct loaded *l, const struct task *task);
void load_free(struct loaded *l);

#endif
