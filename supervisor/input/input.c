#include "supervisor/input/input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/input/bind.h"
#include "supervisor/input/input_record.h"
#include "supervisor/input/input_results.h"
#include "supervisor/input/needs.h"

#define PIECE (256 * 1024)

/*
 * The list as steps, while input_read() puts it together. Lives on its stack.
 */
struct reading {
	struct input *in;
	struct plan *plan;
	struct diag *diag;
	struct step *steps; /* becomes plan->steps */
	uint32_t *lines;    /* where each step begins */
	bool *complete;	    /* whether all ids of a step are known */
	size_t nsteps;
	size_t cap;
	bool headed; /* the step at hand has a heading */
};

static struct step *last_step(const struct reading *r)
{
	return &r->steps[r->nsteps - 1];
}

static uint32_t last_line(const struct reading *r)
{
	return r->lines[r->nsteps - 1];
}

static void add_step(struct reading *r, uint32_t line)
{
	char number[32];

	if (r->nsteps == r->cap) {
		r->cap = r->cap == 0 ? 4 : r->cap * 2;
		r->steps = xreallocarray(r->steps, r->cap, sizeof(*r->steps));
		r->lines = xreallocarray(r->lines, r->cap, sizeof(*r->lines));
		r->complete = xreallocarray(r->complete, r->cap, sizeof(*r->complete));
	}
	r->lines[r->nsteps++] = line;
	snprintf(number, sizeof(number), "%zu", r->nsteps);
	*last_step(r) = (struct step){
		.id = arena_strdup(&r->plan->arena, number),
		.first = r->plan->ntasks,
	};
}

static void report_faults(struct reading *r, const struct raw_record *record)
{
	const struct faults *f = &r->in->faults;
	const char *line = buf_str(&f->lines);
	size_t told = 0;

	while (*line != '\0') {
		const char *end = strchr(line, '\n');

		diag_add(r->diag, r->in->name, record->line, f->column, "%.*s", (int)(end - line),
		    line);
		line = end + 1;
		told++;
	}
	/* Only the first DIAG_MAX of a record are kept, and no more are printed of a whole list. */
	r->diag->count += f->count - told;
}

static void fault_at(struct reading *r, uint32_t line, const char *message)
{
	diag_add(r->diag, r->in->name, line, 0, "%s", message);
}

static void end_step(struct reading *r)
{
	struct step *step = last_step(r);

	step->count = r->plan->ntasks - step->first;
	if (r->headed && step->count == 0)
		fault_at(r, last_line(r), "a step without tasks");
	step->line = last_line(r);
	step->ids = r->in->ids;
	r->in->ids = (struct idset){ 0 };
	r->complete[r->nsteps - 1] = r->in->ids_complete;
	r->in->ids_complete = true;
}

static const char *heading_text(struct reading *r, uint32_t line)
{
	const struct notation *heading = &r->in->heading;

	if (heading->text_len == 0)
		return NULL;
	if (!utf8_valid(heading->text, heading->text_len))
		fault_at(r, line, "not valid UTF-8");
	return arena_copy(&r->plan->arena, heading->text, heading->text_len);
}

static void take_step(struct reading *r, uint32_t line)
{
	/* Before any heading and task there is a step already, and its goal is the whole run's. */
	if (!r->headed && r->plan->ntasks == 0) {
		r->plan->goal = last_step(r)->goal;
		last_step(r)->goal = NULL;
		r->lines[0] = line;
	} else {
		end_step(r);
		add_step(r, line);
	}
	r->headed = true;
	last_step(r)->title = heading_text(r, line);
}

static void take_goal(struct reading *r, uint32_t line)
{
	if (last_step(r)->goal != NULL) {
		fault_at(r, line,
		    "a second goal for one step; begin the next step with Phase: TITLE "
		    "before it");
		return;
	}
	last_step(r)->goal = heading_text(r, line);
}

/* What makes the order of the list more than a row. */
static bool is_constrained(const struct task_more *more)
{
	return more != NULL &&
	    (more->nneeds > 0 || more->nreads > 0 || more->nwrites > 0 || more->tokens > 0 ||
		more->priority != 0);
}

static void take_task(struct reading *r, const struct raw_record *record, struct task *task)
{
	input_settle_id(r->in, &r->plan->arena, task);
	report_faults(r, record);
	if (is_constrained(task->more))
		r->plan->has_needs = true;
	*plan_add(r->plan) = *task;
}

static void take_records(struct reading *r)
{
	struct raw_record record;
	struct task task;

	while (splitter_next(&r->in->splitter, &record) == 1) {
		enum meaning meaning = input_record(r->in, &record, &r->plan->arena, &task);

		if (meaning == MEANS_TASK)
			take_task(r, &record, &task);
		else if (meaning == MEANS_STEP)
			take_step(r, record.line);
		else if (meaning == MEANS_GOAL)
			take_goal(r, record.line);
	}
}

static int read_pieces(struct reading *r, int fd)
{
	char *piece = xmalloc(PIECE);
	ssize_t n;

	do {
		n = read(fd, piece, PIECE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		input_feed(r->in, piece, (size_t)n, n == 0);
		take_records(r);
	} while (n != 0);
	free(piece);
	return n < 0 ? -1 : 0;
}

/* The names and the needs of its tasks, which earlier steps and tasks must have. */
static void bind_step(struct reading *r, size_t step)
{
	struct plan *plan = r->plan;

	templates_bind(plan, step, r->in->name, r->diag);
	needs_check(plan, &plan->steps[step], &plan->steps[step].ids, r->complete[step],
	    r->in->name, r->diag);
	if (step > 0)
		give_results(plan, step);
}

static void finish(struct reading *r)
{
	struct plan *plan = r->plan;

	end_step(r);
	plan->nsteps = r->nsteps;
	plan->steps = arena_take(&plan->arena, r->nsteps * sizeof(*plan->steps));
	memcpy(plan->steps, r->steps, r->nsteps * sizeof(*plan->steps));
	for (size_t i = 0; i < plan->nsteps; i++)
		bind_step(r, i);
}

/* With --agent: told once, and not for each line. */
static bool agent_known(struct reading *r)
{
	struct faults *f = &r->in->faults;
	const char *name = r->in->config->agent;
	const struct raw_record nowhere = { .line = 0 };

	if (r->in->config->input != INPUT_AGENT ||
	    input_find_agent(r->in, name, strlen(name)) != NULL)
		return true;
	report_faults(r, &nowhere);
	fault_reset(f);
	return false;
}

int input_read(int fd, const char *name, const struct config *config, const struct agents *agents,
    struct plan *plan, struct diag *diag)
{
	struct reading r = { .plan = plan, .diag = diag };
	int result, error;

	r.in = input_open(name, config, agents);
	add_step(&r, 0);
	result = agent_known(&r) ? read_pieces(&r, fd) : 0;
	error = errno;
	finish(&r);
	input_close(r.in);
	free(r.steps);
	free(r.lines);
	free(r.complete);
	errno = error;
	return result;
}
