#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/xalloc.h"
#include "supervisor/coordinator.h"
#include "supervisor/input/arena.h"
#include "supervisor/input/idset.h"
#include "supervisor/record/events.h"

/* Tasks of a stream that are read ahead of the slots. */
#define AHEAD 64
/* Nodes that are over are forgotten so many at a time: moving the rest costs something. */
#define FORGET_MIN 1024
#define READ_SIZE ((size_t)64 * 1024)
/* Records that gather before a write while a list is made known to the journal. */
#define FLUSH_EVERY 4096

/* A task of a stream with its memory; the node points to the task in it. Freed by intake_forget(). */
struct streamed {
	struct task task;
	struct arena arena;
};

/* The index of the task that an id means; false when nobody knows it. An automatic id is the number of the record. */
static bool find_task(const struct run *run, const char *id, size_t *index)
{
	if (!run->config->stream) {
		uint32_t known = idset_find(&run->step->ids, id, NULL);
		*index = known - 1;
		return known != 0;
	}
	unsigned long number = idset_find(&run->ids, id, NULL);
	if (number == 0) {
		char *end;
		number = strtoul(id, &end, 10);
		if (*end != '\0')
			return false;
	}
	*index = number - 1;
	return number >= 1 && number <= run->nodes.end;
}

const char *intake_missing_need(const struct run *run, const struct task *task)
{
	for (size_t i = 0; i < task->more->nneeds; i++) {
		size_t at;
		const char *id = task->more->needs[i];
		if (!find_task(run, id, &at))
			return id;
		if (at < run->nodes.base && (at >= run->succeeded_cap || !run->succeeded[at]))
			return id;
		if (at < run->nodes.base)
			continue;
		const struct node *needed = nodes_at(&run->nodes, at);
		if (needed->state != NODE_FINAL || needed->status != RESULT_SUCCEEDED)
			return id;
	}
	return "?";
}

/* Makes the task known to the schedule, waiting for what it needs. */
static void add_to_schedule(struct run *run, size_t index)
{
	struct node *node = nodes_at(&run->nodes, index);
	const struct task_more *more = node->task->more;
	size_t nneeds = more != NULL ? more->nneeds : 0;
	size_t *needs = nneeds > 0 ? xreallocarray(NULL, nneeds, sizeof *needs) : NULL;
	size_t known = 0;
	for (size_t i = 0; i < nneeds; i++) {
		size_t at;
		if (!find_task(run, more->needs[i], &at))
			continue;
		if (at >= run->nodes.base)
			needs[known++] = at;
		else if (at >= run->succeeded_cap || !run->succeeded[at])
			/* over and forgotten, without success: nothing will ever release this one */
			node->unmet++;
	}
	schedule_add(run->schedule, index, needs, known);
	free(needs);
}

static bool is_number_id(const struct task *t)
{
	char *end;
	return strtoul(t->id, &end, 10) == t->number && *end == '\0';
}

static void know_id(struct run *run, const struct task *t)
{
	if (!is_number_id(t))
		idset_add(&run->ids, t->id, t->number, t->line);
}

void intake_tasks(struct run *run, size_t step, size_t first, size_t count)
{
	const struct plan *p = run->plan;
	for (size_t i = first; i < first + count; i++) {
		nodes_add(&run->nodes, &p->tasks[i], step);
		if (restore_task(run, i))
			continue;
		record_event(&run->record, event_task_added(&p->steps[step], &p->tasks[i]));
		/* a failure is told of later; the nodes have to be there all the same */
		if (i % FLUSH_EVERY == 0)
			record_flush(&run->record);
	}
}

void intake_schedule(struct run *run)
{
	for (size_t i = 0; i < run->step->count; i++) {
		size_t task = run->step->first + i;
		struct node *node = nodes_at(&run->nodes, task);
		node->lane = (uint8_t)pressure_lane(run, node->task);
		if (!restore_hold(run, task))
			add_to_schedule(run, task);
	}
}

static bool wants_tasks(const struct run *run)
{
	if (run->input == NULL || run->stop.stopping)
		return false;
	uint32_t jobs = run->config->jobs;
	return jobs == 0 || schedule_ready(run->schedule) < (jobs > AHEAD ? jobs : AHEAD);
}

bool intake_wants(const struct run *run)
{
	return run->input_hungry && wants_tasks(run);
}

bool intake_pending(const struct run *run)
{
	return wants_tasks(run) && !run->input_hungry;
}

static void take_task(struct run *run, struct streamed *s)
{
	if (load_covers_record(&run->loaded, &s->task)) {
		s->task.text = "'writes' covers the state directory";
		s->task.text_len = strlen(s->task.text);
		s->task.kind = TASK_INVALID;
	}
	const char *why = load_unreachable(&run->loaded, &s->task);
	if (why != NULL && s->task.kind == TASK_AGENT) {
		s->task.text = why;
		s->task.text_len = strlen(why);
		s->task.kind = TASK_INVALID;
	}
	size_t index = nodes_add(&run->nodes, &s->task, 0);
	nodes_at(&run->nodes, index)->lane = (uint8_t)pressure_lane(run, &s->task);
	/* a repeated id makes an invalid record, and the first task keeps it */
	if (s->task.kind != TASK_INVALID)
		know_id(run, &s->task);
	record_event(&run->record, event_task_added(run->step, &s->task));
	add_to_schedule(run, index);
}

/* Tasks of the records that are complete, as long as more are wanted. True at the end of the input. */
static bool take_tasks(struct run *run)
{
	while (wants_tasks(run)) {
		struct streamed *s = xcalloc(1, sizeof *s);
		s->arena.kind = ARENA_SMALL;
		int got = input_next(run->input, &s->arena, &s->task);
		if (got <= 0) {
			arena_free(&s->arena);
			free(s);
			run->input_hungry = true;
			return got < 0;
		}
		take_task(run, s);
	}
	return false;
}

void intake_open(struct run *run, const char *name, int fd)
{
	struct plan *p = run->plan;
	run->input = input_open(name, run->config, run->loaded.agents);
	run->input_fd = fd;
	run->input_hungry = true;
	p->nsteps = 1;
	p->steps = arena_take(&p->arena, sizeof *p->steps);
	p->steps[0].id = "1";
}

void intake_stream(struct run *run, bool ready)
{
	if (run->input == NULL)
		return;
	if (ready && intake_wants(run)) {
		char piece[READ_SIZE];
		/* the descriptor stays blocking, for it is not ours alone: one read after POLLIN does not wait */
		ssize_t n = read(run->input_fd, piece, sizeof piece);
		if (n < 0 && errno != EINTR && errno != EAGAIN) {
			summary_say(run, "pollard: cannot read the list: %s\n", strerror(errno));
			run_trouble(run, EXIT_IO);
			return;
		}
		if (n >= 0) {
			run->input_hungry = false;
			input_feed(run->input, piece, (size_t)n, n == 0);
		}
	}
	if (take_tasks(run)) {
		record_event(&run->record, event_input_ended());
		intake_close(run);
	}
}

void intake_close(struct run *run)
{
	if (run->input == NULL)
		return;
	input_close(run->input);
	run->input = NULL;
}

static void free_task(struct node *node)
{
	struct streamed *s = (struct streamed *)node->task;
	arena_free(&s->arena);
	free(s);
	node->task = NULL;
}

static void forget_task(struct run *run, size_t index)
{
	struct node *node = nodes_at(&run->nodes, index);
	if (index >= run->succeeded_cap)
		run->succeeded = table_grow(run->succeeded, &run->succeeded_cap, index + 1, 1);
	run->succeeded[index] = node->status == RESULT_SUCCEEDED;
	free_task(node);
}

void intake_forget(struct run *run)
{
	/* a list stays as it is, and a merge wants all tasks at the end */
	if (!run->config->stream || run->phase == PHASE_LADDER ||
	    merge_form_of(run, run->at) != MERGE_NONE)
		return;
	size_t to = run->nodes.base;
	while (to < run->nodes.end) {
		const struct node *node = nodes_at(&run->nodes, to);
		if (node->state != NODE_FINAL || !node->shown)
			break;
		to++;
	}
	size_t gone = to - run->nodes.base;
	if (gone < FORGET_MIN || gone * 2 < run->nodes.end - run->nodes.base)
		return;
	for (size_t i = run->nodes.base; i < to; i++)
		forget_task(run, i);
	nodes_forget(&run->nodes, to);
}

void intake_free(struct run *run)
{
	intake_close(run);
	if (!run->config->stream)
		return;
	for (size_t i = run->nodes.base; i < run->nodes.end; i++)
		free_task(nodes_at(&run->nodes, i));
}
