/*
 * A task's place in the run: what changes while the run goes on.
 */
#ifndef POLLARD_NODE_H
#define POLLARD_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/input/task.h"
#include "supervisor/record/journal.h"

enum node_state {
	NODE_WAITING, /* for the tasks that it needs */
	NODE_READY,   /* may start */
	NODE_RUNNING,
	NODE_FAILED, /* its last attempt failed; the ladder decides at the synchronisation point */
	NODE_FINAL,  /* status and reason stand */
};

/* One a task, in the order of the list; zero is "waiting, never attempted". */
struct node {
	const struct task *task;
	struct record_place last; /* its newest attempt-finished record */
	int64_t spent_ms;	  /* all attempts together */
	uint32_t unmet;		  /* tasks it needs that have not succeeded yet */
	int32_t first_edge;	  /* of the tasks that need it; see schedule.c, 0: none */
	uint32_t step;		  /* index in the plan */
	uint16_t attempts;	  /* started */
	uint16_t
	    forgiven; /* of these: do not count against its retries (interrupted, or see pressure.h) */
	uint8_t state;	 /* enum node_state */
	uint8_t status;	 /* enum result_status, once final */
	uint8_t reason;	 /* enum reason of the last attempt, or why it never ran */
	uint8_t level;	 /* recovery level of its last attempt */
	uint8_t lane;	 /* of the schedule: its backend's, see pressure.c; 0: it has none */
	uint8_t limited; /* attempts that a limit of its service ended, in this process */
	uint8_t unsure;	 /* of these, in a row until now: that may have been something else */
	bool afresh;	 /* its client has lost a session: no attempt goes on with one any more */
	bool shown;	 /* printed */
	bool live;	 /* printed as it came */
};

/*
 * All nodes of a list, or of a stream the ones from the oldest that is not final on: node i stands at v[i - base].
 * Memory of the supervisor alone (arena.h); freed with nodes_free().
 */
struct nodes {
	struct node *v;
	size_t base;
	size_t end; /* one past the newest index */
	size_t cap;
};

/* Adds a node for the task of that step and returns its index. */
size_t nodes_add(struct nodes *ns, const struct task *task, size_t step);
struct node *nodes_at(const struct nodes *ns, size_t index);
/* Forgets nodes from the front up to (not with) index `to`. */
void nodes_forget(struct nodes *ns, size_t to);
void nodes_free(struct nodes *ns);

#endif
