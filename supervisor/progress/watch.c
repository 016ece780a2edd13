#include "supervisor/progress/watch.h"

#include <signal.h>
#include <stdlib.h>

#include "shared/buf.h"
#include "shared/clock.h"
#include "shared/xalloc.h"
#include "supervisor/plan/effective.h"

/* A worker tells its newest line no more often: of many tasks side by side each one less often. */
#define TAIL_LEAST_MS 500
#define TAIL_MOST_MS 5000
#define TAIL_SHARE_MS 5
/* A task that takes less long is not compared with earlier runs, which are not read before. */
#define USUAL_AFTER_MS 3000
/* A result waits so long for another task before that is said. */
#define BLOCKED_MS 10000

int64_t watch_due(const struct run *run)
{
	return screen_due(&run->progress.screen);
}

static const char *aside_name(size_t task)
{
	if (task == TASK_OF_MERGE)
		return "(merge)";
	return task == TASK_OF_DEBUGGER ? "(debugger)" : "(fix)";
}

static void read_usual(struct run *run)
{
	run->usual_read = true;
	char *root = run->plan->name != NULL ? state_root(run->config) : NULL;
	if (root != NULL && !run->config->rehearse)
		usual_read(&run->usual, root, run->plan->name, run->record.dir.id);
	free(root);
}

static int64_t usual_time(struct run *run, const struct node *node, int64_t age)
{
	if (age < USUAL_AFTER_MS)
		return -1;
	if (!run->usual_read)
		read_usual(run);
	return usual_of(&run->usual, run->step->id, node->task->id);
}

static void fill_row(struct run *run, const struct attempt *a, int64_t now, struct block_row *row)
{
	const struct nodes *nodes = &run->nodes;
	*row = (struct block_row){ .id = aside_name(a->task),
		.attempt = a->number,
		.stopping = a->stop_sent != 0,
		.age_ms = now - a->started_mono,
		.silent_ms = now - a->said_mono,
		.usual_ms = -1,
		.said = a->said.data,
		.said_len = a->said.len };
	if (a->task < nodes->base || a->task >= nodes->end)
		return;
	const struct node *node = nodes_at(nodes, a->task);
	row->id = node->task->id;
	row->agent = node->task->agent != NULL ? node->task->agent->name : NULL;
	row->usual_ms = usual_time(run, node, row->age_ms);
}

static struct block_row *make_rows(struct run *run, size_t count)
{
	struct block_row *rows = xreallocarray(NULL, count, sizeof *rows);
	int64_t now = clock_mono_ms();
	for (size_t i = 0; i < count; i++)
		fill_row(run, loop_attempt(run->loop, i), now, &rows[i]);
	return rows;
}

/* Tasks that failed and run again, or wait for that. */
static uint64_t retrying(const struct run *run, const struct block_row *rows, size_t count)
{
	uint64_t n = 0;
	for (size_t i = 0; i < count; i++)
		n += rows[i].attempt > 1;
	for (size_t i = 0; i < run->starts.count; i++)
		n += nodes_at(&run->nodes, run->starts.v[i].task)->attempts > 0;
	return n;
}

/* Of a stream it is known at its end; what `when` left out does not count. */
static uint64_t total_tasks(const struct run *run)
{
	if (run->input != NULL)
		return UINT64_MAX;
	uint64_t total = run->nodes.end;
	for (size_t i = 0; i < run->plan->nsteps; i++) {
		if (run->yields[i].left_out)
			total -= run->plan->steps[i].count;
	}
	return total;
}

/* -k: a result that is there and whom it waits for. */
static const struct task *blocking(const struct run *run)
{
	size_t task;
	if (!emit_blocked(&run->emit, &task))
		return NULL;
	for (size_t i = 0; i < loop_running(run->loop); i++) {
		const struct attempt *a = loop_attempt(run->loop, i);
		if (a->task == task && clock_mono_ms() - a->started_mono >= BLOCKED_MS)
			return nodes_at(&run->nodes, task)->task;
	}
	return NULL;
}

/* The one task that runs prints on the same terminal. */
static bool is_watched(const struct run *run)
{
	if (!run->progress.screen.shares || loop_running(run->loop) != 1)
		return false;
	size_t task = loop_attempt(run->loop, 0)->task;
	return task >= run->nodes.base && task < run->nodes.end &&
	    nodes_at(&run->nodes, task)->live;
}

static void draw(struct run *run)
{
	const struct step *step = run->step;
	size_t count = loop_running(run->loop);
	struct block_row *rows = make_rows(run, count);
	struct buf note = BUF_INIT;
	const struct task *waits_for = blocking(run);
	if (waits_for != NULL)
		buf_addf(&note, "results wait for %s (-k)", waits_for->id);
	struct block_view view = { .brief = run->progress.screen.live,
		.step = run->at + 1,
		.nsteps = run->plan->nsteps,
		.title = step->title != NULL ? step->title : step->id,
		.done = run->counts.total,
		.total = total_tasks(run),
		.failed = run->counts.failed + run->failures.held,
		.retrying = retrying(run, rows, count),
		.tokens_known = run->usage.known,
		.tokens = (uint64_t)(run->usage.input_tokens + run->usage.output_tokens),
		.usd_known = run->usage.known && run->usage.usd_known,
		.usd = run->usage.usd,
		.note = waits_for != NULL ? buf_str(&note) : NULL,
		.rows = rows,
		.nrows = count };
	screen_describe(&run->progress.screen, &view);
	screen_draw(&run->progress.screen, &view);
	buf_free(&note);
	free(rows);
}

void watch_turn(struct run *run)
{
	struct screen *s = &run->progress.screen;
	if (!s->on || run->step == NULL)
		return;
	s->live = is_watched(run);
	if (screen_wants(s))
		draw(run);
}

/*
 * With one slot the task's output is shown as it comes, if there is somebody who watches. Of a
 * client that is not run by a command of its own what it prints is not what it answers.
 */
static bool is_live(const struct run *run, const struct node *node)
{
	const struct config *c = run->config;
	const struct agent *agent = node->task->agent;
	return run->progress.screen.shares && c->output == OUTPUT_TEXT && !c->keep_order &&
	    effective_jobs(c, run->plan, run->step) == 1 &&
	    (agent == NULL || agent->command != NULL);
}

void watch_job(struct run *run, struct node *node, struct job *job)
{
	if (!run->progress.screen.on || job->kind == JOB_REHEARSAL)
		return;
	job->live = job->live || is_live(run, node);
	node->live = job->live;
	if (job->live && run->progress.screen.shares)
		return;
	int64_t pause = (int64_t)loop_running(run->loop) * TAIL_SHARE_MS;
	job->tail_ms = pause < TAIL_LEAST_MS ? TAIL_LEAST_MS :
	    pause > TAIL_MOST_MS	     ? TAIL_MOST_MS :
					       pause;
}

void watch_signal(struct run *run, int signal)
{
	struct screen *s = &run->progress.screen;
	if (signal == SIGWINCH)
		screen_resized(s);
	if (signal == SIGCONT)
		screen_resume(s);
	if (signal != SIGTSTP)
		return;
	screen_suspend(s);
	loop_suspend();
	screen_wait(s);
}
