#include "supervisor/resume/rebuild.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shared/exits.h"
#include "shared/io.h"
#include "shared/json.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/input/input.h"
#include "supervisor/input/workflow.h"

static const cJSON *step_started(const struct replay *r, size_t step)
{
	return cJSON_GetArrayItem(json_get(r->started, "steps"), (int)step);
}

static void add_record(struct buf *text, const struct config *c, const char *record, size_t len)
{
	buf_add(text, record, len);
	buf_addch(text, c->nul ? '\0' : '\n');
}

static void add_heading(struct buf *text, const struct config *c, const char *word,
    const char *what)
{
	struct buf line = BUF_INIT;
	buf_addf(&line, "%s: %s", word, what);
	add_record(text, c, line.data, line.len);
	buf_free(&line);
}

/* The headings of the notation, which are no records. */
static void add_headings(struct buf *text, const struct config *c, const struct replay *r,
    size_t step)
{
	const cJSON *s = step_started(r, step);
	const char *title = json_get_string(s, "title");
	const char *goal = json_get_string(s, "goal");
	const char *whole = json_get_string(r->started, "goal");
	if (step == 0 && whole != NULL)
		add_heading(text, c, "Goal", whole);
	if (title != NULL || step > 0)
		add_heading(text, c, "Phase", title != NULL ? title : "");
	if (goal != NULL)
		add_heading(text, c, "Goal", goal);
}

static void list_text(struct buf *text, const struct config *c, const struct replay *r)
{
	for (size_t i = 0; i < r->nsteps; i++) {
		const struct replay_step *s = &r->steps[i];
		if (c->input == INPUT_AUTO)
			add_headings(text, c, r, i);
		for (size_t t = s->first; t != REPLAY_NONE; t = r->tasks[t].next) {
			const struct replay_task *task = &r->tasks[t];
			if (!task->removed && task->record != NULL)
				add_record(text, c, task->record, task->record_len);
		}
	}
}

static bool is_record_of(const struct task *task, const struct replay_task *t)
{
	return task->record_len == t->record_len &&
	    memcmp(task->record, t->record, t->record_len) == 0;
}

/* An id that is the number of its record stays what it was, whatever is not in the list any more. */
static void keep_ids(struct plan *p, struct step *step, const struct replay *r, size_t first)
{
	size_t i = step->first;
	idset_free(&step->ids);
	for (size_t t = first; t != REPLAY_NONE && i < step->first + step->count;
	     t = r->tasks[t].next) {
		const struct replay_task *was = &r->tasks[t];
		if (was->removed || was->record == NULL)
			continue;
		struct task *task = &p->tasks[i++];
		if (is_record_of(task, was)) {
			task->id = arena_strdup(&p->arena, was->id);
			task->number = was->number;
		}
		idset_add(&step->ids, task->id, (uint32_t)i, task->line);
	}
}

static void keep_all_ids(struct plan *p, const struct replay *r)
{
	for (size_t i = 0; i < p->nsteps && i < r->nsteps; i++)
		keep_ids(p, &p->steps[i], r, r->steps[i].first);
}

/* What is read again as it was; whatever is wrong with it now (an agent is gone) is said. */
static int read_list(struct loaded *l, const struct replay *r, struct diag *diag)
{
	struct buf text = BUF_INIT;
	int fd = memfd_create("pollard-list", MFD_CLOEXEC);
	list_text(&text, l->config, r);
	int result = fd < 0 || write_all(fd, buf_str(&text), text.len) < 0 ||
		lseek(fd, 0, SEEK_SET) < 0 ||
		input_read(fd, "the record", l->config, l->agents, &l->plan, diag) < 0 ?
	    -1 :
	    0;
	if (result < 0)
		warn("cannot read the list of the record again");
	if (fd >= 0)
		close(fd);
	buf_free(&text);
	if (result == 0 && diag->count == 0)
		keep_all_ids(&l->plan, r);
	return result < 0 ? EXIT_SYSTEM : 0;
}

/* A stream may hold bad records, which are tasks that failed: so it is read as one. */
static void read_stream(struct loaded *l, const struct replay *r)
{
	struct plan *p = &l->plan;
	struct input *in = input_open("the record", l->config, l->agents);
	struct buf text = BUF_INIT;
	struct task task;
	list_text(&text, l->config, r);
	input_feed(in, buf_str(&text), text.len, true);
	p->nsteps = 1;
	p->steps = arena_take(&p->arena, sizeof *p->steps);
	p->steps[0].id = "1";
	while (input_next(in, &p->arena, &task) > 0) {
		const char *why = load_unreachable(l, &task);
		if (why != NULL && task.kind == TASK_AGENT) {
			task.kind = TASK_INVALID;
			task.text = why;
			task.text_len = strlen(why);
		}
		idset_add(&p->steps[0].ids, task.id, (uint32_t)p->ntasks + 1, task.line);
		*plan_add(p) = task;
	}
	p->steps[0].count = p->ntasks;
	p->has_needs = true;
	input_close(in);
	buf_free(&text);
}

static void read_workflow(struct loaded *l, const struct buf *document, struct diag *diag)
{
	l->is_workflow = true;
	l->form = DOCUMENT_JSON;
	workflow_read(buf_str(document), document->len, "the record", DOCUMENT_JSON, l->config,
	    l->agents, &l->plan, diag);
}

/* Of a workflow there are agents in its folder too. */
static void load_agents(struct loaded *l, const struct replay *r, bool workflow)
{
	struct buf file = BUF_INIT;
	if (json_get_bytes(r->started, "file", &file))
		l->file = xstrdup(buf_str(&file));
	char *slash = workflow && file.len > 0 ? strrchr(file.data, '/') : NULL;
	if (slash != NULL)
		*slash = '\0';
	l->agents = agents_load(slash != NULL ? file.data : NULL);
	buf_free(&file);
}

int rebuild_plan(struct loaded *l, const struct config *config, const struct replay *r)
{
	struct buf document = BUF_INIT;
	struct diag diag = { .count = 0 };
	int status = 0;
	*l = (struct loaded){ .config = config, .fd = -1 };
	bool workflow = json_get_bytes(r->started, "workflow", &document);
	load_agents(l, r, workflow);
	if (workflow)
		read_workflow(l, &document, &diag);
	else if (cJSON_IsTrue(json_get(json_get(r->started, "options"), "stream")))
		read_stream(l, r);
	else
		status = read_list(l, r, &diag);
	buf_free(&document);
	if (status == 0 && config->rehearsal != NULL)
		status = script_readable(config->rehearsal);
	if (status == 0 && config->rehearsal != NULL)
		l->script = script_load(config->rehearsal, &diag);
	if (diag.count > 0) {
		diag_print(&diag);
		status = EXIT_INPUT;
	}
	diag_free(&diag);
	const char *name = json_get_string(r->started, "name");
	if (name != NULL)
		l->plan.name = arena_strdup(&l->plan.arena, name);
	return status == 0 ? load_check(l) : status;
}
