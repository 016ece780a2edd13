/* The tables of a report as HTML: its steps, and all of its tasks. */
#include <inttypes.h>

#include "supervisor/report/report_html.h"

#define STEPS_ROOM 100000
#define TASKS_ROOM 20000
#define TASKS_ROOM_TASK 1200
#define NAME_MAX_BYTES 260
#define AGENT_MAX_BYTES 100
#define SAID_MAX_BYTES 330
#define STEP_TEXT_MAX 400

/* What columns the table of tasks needs. */
struct columns {
	bool step;
	bool agent;
	bool usage;
};

/* A table that is too wide scrolls alone, with the keyboard too. */
static void begin_table(struct buf *out, const char *id, const char *name)
{
	buf_addf(out,
	    "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"%s\">\n<table id=\"%s\">\n",
	    name, id);
}

static void end_table(struct buf *out)
{
	buf_addstr(out, "</tbody>\n</table></div>\n");
}

static void add_head(struct buf *out, const char *name, bool number)
{
	buf_addf(out, "<th scope=\"col\"%s>%s</th>", number ? " class=\"n\"" : "", name);
}

static void add_time_cell(struct buf *out, int64_t ms)
{
	buf_addf(out, "<td class=\"n\" data-v=\"%" PRId64 "\">", ms);
	html_duration(out, ms);
	buf_addstr(out, "</td>");
}

/* Steps. */

static void add_step_row(struct buf *out, const struct report_step *s)
{
	int64_t wall = s->ended_ms > s->started_ms ? s->ended_ms - s->started_ms : 0;

	buf_addstr(out, "<tr><th scope=\"row\">");
	html_cut(out, s->id, NAME_MAX_BYTES);
	buf_addstr(out, "</th><td>");
	html_cut(out, s->title, STEP_TEXT_MAX);
	if (s->goal != NULL) {
		buf_addstr(out, s->title != NULL ? "; goal: " : "goal: ");
		html_cut(out, s->goal, STEP_TEXT_MAX);
	}
	buf_addf(out, "</td><td>%s", s->outcome != NULL ? s->outcome : "not over");
	if (s->when != NULL) {
		buf_addstr(out, ", left out: ");
		html_cut(out, s->when, STEP_TEXT_MAX);
	}
	if (s->escalated != NULL) {
		buf_addstr(out, ", a person must decide: ");
		html_cut(out, s->escalated, STEP_TEXT_MAX);
	}
	buf_addstr(out, "</td><td>");
	report_add_counts(out, &s->counts);
	buf_addstr(out, "</td>");
	add_time_cell(out, wall);
	add_time_cell(out, s->sequential_ms);
	buf_addstr(out, "</tr>\n");
}

void html_steps(struct html_page *p)
{
	const struct report *r = p->r;
	struct html_room room = { .left = STEPS_ROOM };
	struct buf row = BUF_INIT;

	if (r->nsteps < 2)
		return;
	buf_addstr(p->out,
	    "<section id=\"steps\" aria-labelledby=\"h-steps\">\n<h2 id=\"h-steps\">Steps</h2>\n");
	begin_table(p->out, "step-table", "Steps");
	buf_addstr(p->out, "<thead><tr>");
	add_head(p->out, "Step", false);
	add_head(p->out, "Title", false);
	add_head(p->out, "Outcome", false);
	add_head(p->out, "Tasks", false);
	add_head(p->out, "Time", true);
	add_head(p->out, "One after another", true);
	buf_addstr(p->out, "</tr></thead>\n<tbody>\n");
	for (size_t i = 0; i < r->nsteps; i++) {
		add_step_row(&row, &r->steps[i]);
		html_put(p->out, &row, &room);
	}
	buf_free(&row);
	end_table(p->out);
	if (room.left_out > 0)
		buf_addf(p->out, "<p class=\"note\">And %zu more steps.</p>\n", room.left_out);
	buf_addstr(p->out, "</section>\n");
}

/* Tasks. */

static struct columns columns_of(const struct report *r)
{
	struct columns c = { .step = r->nsteps > 1 };

	for (size_t i = 0; i < r->ntasks; i++)
		c.agent = c.agent || r->tasks[i].agent != NULL;
	c.usage = r->usage.told + r->usage.not_told > 0;
	return c;
}

static void add_name_cell(struct buf *out, const struct html_page *p, size_t index)
{
	const struct report_task *t = &p->r->tasks[index];

	buf_addstr(out, "<th scope=\"row\">");
	if (p->detailed[index])
		buf_addf(out, "<a href=\"#f%zu\">", index);
	html_cut(out, t->id, NAME_MAX_BYTES);
	buf_addstr(out, p->detailed[index] ? "</a>" : "");
	if (t->critical)
		buf_addstr(out, " <span class=\"tag\">critical path</span>");
	buf_addstr(out, "</th>");
}

static void add_start_cell(struct buf *out, const struct report *r, const struct report_task *t)
{
	if (t->nattempts == 0) {
		buf_addstr(out, "<td class=\"n\" data-v=\"-1\">–</td>");
		return;
	}
	int64_t ms = t->attempts[0].started_ms - r->started_ms;
	buf_addf(out, "<td class=\"n\" data-v=\"%" PRId64 "\">+", ms > 0 ? ms : 0);
	html_duration(out, ms > 0 ? ms : 0);
	buf_addstr(out, "</td>");
}

static void add_usage_cells(struct buf *out, const struct report_usage *u)
{
	if (u->told + u->not_told == 0) {
		buf_addstr(out,
		    "<td class=\"n\" data-v=\"-2\">–</td><td class=\"n\" data-v=\"-2\">–</td>");
		return;
	}
	if (u->told == 0)
		buf_addstr(out, "<td class=\"n\" data-v=\"-1\">");
	else
		buf_addf(out, "<td class=\"n\" data-v=\"%" PRIu64 "\">",
		    u->input_tokens + u->output_tokens);
	html_tokens(out, u);
	if (u->usd_told == 0)
		buf_addstr(out, "</td><td class=\"n\" data-v=\"-1\">");
	else
		buf_addf(out, "</td><td class=\"n\" data-v=\"%g\">", u->usd);
	html_cost(out, u);
	buf_addstr(out, "</td>");
}

/* What it says of itself, or why there is nothing. */
static void add_said_cell(struct buf *out, const struct report_task *t)
{
	bool went_well = t->phase == REPORT_ENDED && t->status == RESULT_SUCCEEDED;
	struct buf line = BUF_INIT;

	if (went_well && t->summary != NULL)
		buf_addstr(&line, t->summary);
	else if (!went_well && t->error != NULL)
		buf_addstr(&line, t->error);
	else if (t->phase == REPORT_ENDED && t->reason != REASON_NONE)
		buf_addstr(&line, reason_text(t->reason));
	for (size_t i = 0; i < t->nfiles; i++)
		buf_addf(&line, "%s%s",
		    i > 0	     ? ", " :
			line.len > 0 ? "; files: " :
				       "files: ",
		    t->files[i]);
	buf_addstr(out, "<td>");
	html_cut(out, buf_str(&line), SAID_MAX_BYTES);
	buf_addstr(out, "</td>");
	buf_free(&line);
}

static void add_task_row(struct buf *out, const struct html_page *p, const struct columns *c,
    size_t index)
{
	const struct report *r = p->r;
	const struct report_task *t = &r->tasks[index];
	const char *word = report_task_word(t);

	buf_addf(out, "<tr id=\"t%zu\" data-s=\"%s\">", index, word);
	add_name_cell(out, p, index);
	if (c->step) {
		buf_addstr(out, "<td>");
		html_cut(out, r->steps[t->step].id, AGENT_MAX_BYTES);
		buf_addstr(out, "</td>");
	}
	if (c->agent) {
		buf_addstr(out, "<td>");
		html_cut(out, t->agent != NULL ? t->agent : "–", AGENT_MAX_BYTES);
		buf_addstr(out, "</td>");
	}
	buf_addstr(out, "<td>");
	html_state(out, word);
	buf_addf(out, "</td><td class=\"n\" data-v=\"%zu\">%zu</td>", t->ncounted, t->ncounted);
	add_start_cell(out, r, t);
	add_time_cell(out, t->spent_ms);
	if (c->usage)
		add_usage_cells(out, &t->usage);
	add_said_cell(out, t);
	buf_addstr(out, "</tr>\n");
}

static void add_task_heads(struct buf *out, const struct columns *c)
{
	buf_addstr(out, "<thead><tr>");
	add_head(out, "Task", false);
	if (c->step)
		add_head(out, "Step", false);
	if (c->agent)
		add_head(out, "Agent", false);
	add_head(out, "Result", false);
	add_head(out, "Attempts", true);
	add_head(out, "Began after", true);
	add_head(out, "Time", true);
	if (c->usage) {
		add_head(out, "Tokens", true);
		add_head(out, "Cost", true);
	}
	add_head(out, "What it said", false);
	buf_addstr(out, "</tr></thead>\n<tbody>\n");
}

void html_tasks(struct html_page *p)
{
	const struct report *r = p->r;
	struct html_room room = { .left = TASKS_ROOM + r->ntasks * TASKS_ROOM_TASK };
	struct columns c = columns_of(r);
	struct buf row = BUF_INIT;

	buf_addstr(p->out,
	    "<section id=\"tasks\" aria-labelledby=\"h-tasks\">\n<h2 id=\"h-tasks\">Tasks</h2>\n"
	    "<div class=\"tools\" id=\"filter\"></div>\n");
	begin_table(p->out, "task-table", "Tasks");
	add_task_heads(p->out, &c);
	for (size_t i = 0; i < r->ntasks; i++) {
		add_task_row(&row, p, &c, i);
		html_put(p->out, &row, &room);
	}
	buf_free(&row);
	end_table(p->out);
	if (room.left_out > 0)
		buf_addf(p->out,
		    "<p class=\"note\">There is no room for the rows of %zu tasks. "
		    "<code>pollard report %s --format jsonl</code> has all.</p>\n",
		    room.left_out, r->run);
	buf_addstr(p->out, "</section>\n");
}
