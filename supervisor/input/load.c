#include "supervisor/input/load.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/exits.h"
#include "shared/io.h"
#include "shared/json.h"
#include "shared/names.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/input/datadir.h"
#include "supervisor/input/input.h"
#include "supervisor/input/workflow.h"
#include "supervisor/plan/planner.h"
#include "supervisor/plan/scope.h"
#include "supervisor/record/rundir.h"

/* Among which the nearest name is looked for. */
#define WORKFLOWS_MAX 200

const char *load_name(const struct loaded *l)
{
	return l->file != NULL ? l->file : "standard input";
}

static bool from_standard_input(const struct config *c)
{
	return c->file == NULL || strcmp(c->file, "-") == 0;
}

static int open_file(const char *name)
{
	return open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

/* The workflow of that name that ships; -1 when there is none. */
static int open_shipped(struct loaded *l)
{
	struct buf path = BUF_INIT;
	if (strchr(l->config->file, '/') != NULL)
		return -1;
	buf_addf(&path, "%s/workflows/%s.yaml", data_directory(), l->config->file);
	int fd = open_file(buf_str(&path));
	if (fd >= 0)
		l->file = buf_detach(&path);
	buf_free(&path);
	return fd;
}

/* The workflow that ships whose name is nearest; allocated, NULL: none is near. */
static char *near_workflow(const char *name)
{
	struct buf path = BUF_INIT;
	char *names[WORKFLOWS_MAX];
	size_t count = 0;
	buf_addf(&path, "%s/workflows", data_directory());
	DIR *stream = opendir(buf_str(&path));
	const struct dirent *entry;
	while (stream != NULL && count < WORKFLOWS_MAX && (entry = readdir(stream)) != NULL) {
		const char *dot = strrchr(entry->d_name, '.');
		if (dot != NULL && dot != entry->d_name && strcmp(dot, ".yaml") == 0)
			names[count++] = xmemdup0(entry->d_name, (size_t)(dot - entry->d_name));
	}
	const char *near = names_suggest(name, (const char *const *)names, count);
	char *found = near != NULL ? xstrdup(near) : NULL;
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	if (stream != NULL)
		closedir(stream);
	buf_free(&path);
	return found;
}

static int not_opened(const char *name)
{
	int status = errno == EACCES ? EXIT_PERMISSION : EXIT_NOINPUT;
	int error = errno;
	char *near = error == ENOENT ? near_workflow(name) : NULL;
	errno = error;
	if (near != NULL)
		warnx(
		    "cannot open '%s': No such file or directory; did you mean the workflow '%s'?",
		    safe(name), safe(near));
	else
		warn("cannot open '%s'", safe(name));
	free(near);
	return status;
}

static int open_input(struct loaded *l)
{
	const struct config *c = l->config;
	if (from_standard_input(c)) {
		if (isatty(STDIN_FILENO))
			warnx("reading tasks from the terminal, one a line; end with Ctrl-D");
		l->fd = STDIN_FILENO;
		return 0;
	}
	l->fd = open_file(c->file);
	if (l->fd < 0 && errno == ENOENT) {
		l->fd = open_shipped(l);
		errno = ENOENT;
	}
	if (l->fd < 0)
		return not_opened(c->file);
	if (l->file == NULL)
		l->file = xstrdup(c->file);
	return 0;
}

static void tell_form(struct loaded *l)
{
	const char *format = l->config->format;
	if (format != NULL) {
		l->is_workflow = true;
		l->form = strcmp(format, "json") == 0 ? DOCUMENT_JSON : DOCUMENT_YAML;
		return;
	}
	l->is_workflow = l->file != NULL && workflow_named(l->file, &l->form);
}

static bool asks_agent(const struct config *c)
{
	return strcmp(c->debugger, "none") != 0 && strcmp(c->debugger, "builtin") != 0;
}

/* Also the folder of a workflow may have agents. */
static void load_agents(struct loaded *l)
{
	const struct config *c = l->config;
	if (!l->is_workflow) {
		if (c->input == INPUT_AUTO || c->input == INPUT_AGENT || asks_agent(c) ||
		    c->allow_fix || c->merge == MERGE_AGENT)
			l->agents = agents_load(NULL);
		return;
	}
	char *dir = l->file != NULL ? xstrdup(l->file) : NULL;
	char *slash = dir != NULL ? strrchr(dir, '/') : NULL;
	if (slash != NULL)
		*slash = '\0';
	l->agents = agents_load(slash != NULL ? dir : NULL);
	free(dir);
}

/* A definition file that was left out may be the agent that nobody knows; at any other time it is nobody's business. */
static void print_agent_warnings(const struct agents *agents)
{
	if (agents == NULL)
		return;
	size_t count;
	const char *const *warnings = agents_warnings(agents, &count);
	for (size_t i = 0; i < count; i++)
		warnx("warning: %s", safe(warnings[i]));
}

/* An agent can be asked, or nothing is asked in earnest. */
static int check_client(const struct loaded *l, const struct agent *a, bool writes)
{
	const struct config *c = l->config;
	struct buf why = BUF_INIT;
	/* a plan says it as a warning, but what is meant for a crontab must work */
	if (c->rehearse || (c->dry_run && !c->cron))
		return 0;
	int status = load_choose(l, a, writes, &why);
	if (status != 0)
		warnx("%s", buf_str(&why));
	buf_free(&why);
	return status;
}

/* An agent that an option names is there before it is needed. */
static int check_named(const struct loaded *l, const char *option, const char *name,
    const char *others)
{
	const struct agent *a = agents_find(l->agents, name);
	if (a != NULL)
		return check_client(l, a, false);
	const char *near = agents_suggest(l->agents, name);
	print_agent_warnings(l->agents);
	if (near != NULL)
		warnx("option '%s': no agent '%s', did you mean '%s'?", option, safe(name),
		    safe(near));
	else
		warnx("option '%s': no agent '%s'; there are %s and the agents of 'pollard agents'",
		    option, safe(name), others);
	return EXIT_INPUT;
}

/* Also when there is no agent whom it would be for. */
static int check_backend(const struct config *c)
{
	struct buf why = BUF_INIT;
	int status = 0;
	if (c->backend != NULL && client_unknown(c->backend, &why)) {
		warnx("%s: %s", c->backend_given ? "option '--backend'" : "setting 'backend'",
		    buf_str(&why));
		status = EXIT_CONFIG;
	}
	buf_free(&why);
	return status;
}

int load_open(struct loaded *l, const struct config *config)
{
	*l = (struct loaded){ .config = config, .fd = -1 };
	int status = check_backend(config);
	if (status == 0)
		status = open_input(l);
	if (status == 0 && config->rehearsal != NULL)
		status = script_readable(config->rehearsal);
	if (status != 0)
		return status;
	if (!config->no_record) {
		char *root = state_root(config);
		/* as far as it is there */
		l->state_root = root != NULL ? realpath(root, NULL) : NULL;
		if (l->state_root == NULL)
			l->state_root = root;
		else
			free(root);
	}
	tell_form(l);
	if (!l->is_workflow && config->nvars > 0) {
		warnx("option '--var': a list has no variables: they are for workflows, in "
		      ".yaml or .json, or with '--format'");
		return EXIT_USAGE;
	}
	load_agents(l);
	/* which agents a stream names is known later */
	const struct backend *b = config->stream ? load_backend(l) : NULL;
	l->plan.backend = b != NULL ? b->name : NULL;
	if (asks_agent(config))
		status = check_named(l, "--debugger", config->debugger, "builtin, none");
	if (status == 0 && config->merge == MERGE_AGENT)
		status = check_named(l, "--merge", config->merge_agent, "none, concat, json");
	return status;
}

bool load_covers_record(const struct loaded *l, const struct task *task)
{
	return l->state_root != NULL && task->more != NULL && task->more->nwrites > 0 &&
	    scope_covers_path(task, l->state_root);
}

/* What tasks may write must not hold the record of what they did. */
static void check_scopes(const struct loaded *l, struct diag *diag)
{
	const struct plan *p = &l->plan;
	for (size_t i = 0; p->has_needs && i < p->ntasks; i++) {
		const struct task *t = &p->tasks[i];
		if (load_covers_record(l, t))
			diag_add(diag, load_name(l), t->line, 0,
			    "'writes' covers the state directory '%s': declare less, or give another "
			    "'--state-dir'",
			    l->state_root);
	}
}

/* What cannot be told apart by the files that hold its output. */
static bool same_file(const struct plan *p, size_t step, const struct task *task)
{
	for (const char *dot = strchr(task->id, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
		struct buf other = BUF_INIT;
		bool found = false;
		buf_addf(&other, "%s.%.*s", p->steps[step].id, (int)(dot - task->id), task->id);
		for (size_t i = 0; i < p->nsteps && !found; i++)
			found = strcmp(p->steps[i].id, buf_str(&other)) == 0 &&
			    idset_find(&p->steps[i].ids, dot + 1, NULL) != 0;
		buf_free(&other);
		if (found)
			return true;
	}
	return false;
}

/* What a step can be refused for before it starts. */
static void check_steps(const struct loaded *l, struct diag *diag)
{
	const struct plan *p = &l->plan;
	for (size_t s = 0; s < p->nsteps; s++) {
		const struct step *step = &p->steps[s];
		planner_check(l->config, p, step, load_name(l), diag);
		for (size_t i = 0; p->nsteps > 1 && i < step->count; i++) {
			const struct task *task = &p->tasks[step->first + i];
			if (same_file(p, s, task))
				diag_add(diag, load_name(l), task->line, 0,
				    "task '%s' of step '%s' has the files of another task: a dot "
				    "more or less makes the same name",
				    task->id, step->id);
		}
	}
}

/* The agent of tasks that are made later. */
static int check_foreach(const struct loaded *l, const struct foreach *f)
{
	struct json_error error;
	cJSON *task = json_parse(f->task, f->task_len, &error);
	const char *name = json_get_string(task, "agent");
	const struct agent *a =
	    name != NULL && l->agents != NULL ? agents_find(l->agents, name) : NULL;
	bool writes = cJSON_GetArraySize(json_get(task, "writes")) > 0;
	int status = a != NULL ? check_client(l, a, writes) : 0;
	cJSON_Delete(task);
	return status;
}

/* Who merges, who debugs, and who comes later. */
static int check_step(const struct loaded *l, const struct step_more *m)
{
	int status = 0;
	if (m == NULL)
		return 0;
	if (m->merge_agent != NULL)
		status = check_client(l, m->merge_agent, false);
	const struct agent *a = m->debugger != NULL ? agents_find(l->agents, m->debugger) : NULL;
	if (status == 0 && a != NULL)
		status = check_client(l, a, false);
	if (status == 0 && m->foreach != NULL)
		status = check_foreach(l, m->foreach);
	return status;
}

static void warn_doubt(void *context, const char *line)
{
	(void)context;
	warnx("warning: %s", line);
}

int load_check(struct loaded *l)
{
	const struct config *c = l->config;
	struct plan *p = &l->plan;
	int status = 0;
	for (size_t i = 0; status == 0 && i < p->ntasks; i++) {
		const struct task *t = &p->tasks[i];
		if (t->kind == TASK_AGENT)
			status = check_client(l, t->agent, t->more != NULL && t->more->nwrites > 0);
	}
	for (size_t i = 0; status == 0 && i < p->nsteps; i++)
		status = check_step(l, p->steps[i].more);
	if (status == 0 && !c->dry_run && !c->cron)
		load_doubts(l, warn_doubt, NULL);
	const struct backend *b = load_backend(l);
	p->backend = b != NULL ? b->name : NULL;
	return status;
}

/* -1 with errno when the file cannot be read. */
static int read_workflow(struct loaded *l, struct diag *diag)
{
	struct buf text = BUF_INIT;
	int status = 0;
	ssize_t n = 1;
	while (n > 0 && text.len <= DOCUMENT_MAX) {
		n = read_all(l->fd, buf_reserve(&text, 65536), 65536);
		if (n > 0)
			text.len += (size_t)n;
	}
	if (n < 0)
		status = -1;
	else
		workflow_read(buf_str(&text), text.len, load_name(l), l->form, l->config, l->agents,
		    &l->plan, diag);
	buf_free(&text);
	return status;
}

/* What the run is called. */
static void set_name(struct loaded *l)
{
	if (l->config->name != NULL)
		l->plan.name = l->config->name;
	else if (l->plan.document != NULL && l->plan.name == NULL)
		l->plan.name = l->file;
}

static bool names_task(void *context, const char *step, const char *task)
{
	const struct plan *p = &((const struct loaded *)context)->plan;
	for (size_t i = 0; i < p->nsteps; i++) {
		const struct step *s = &p->steps[i];
		if (step != NULL && strcmp(s->id, step) != 0)
			continue;
		const struct foreach *f = s->more != NULL ? s->more->foreach : NULL;
		if (task == NULL || (f != NULL && script_fits(f, "id", task)) ||
		    idset_find(&s->ids, task, NULL) != 0)
			return true;
	}
	return false;
}

static bool is_named(const struct agent *a, const char *name)
{
	return a != NULL && strcmp(a->name, name) == 0;
}

static bool names_agent(void *context, const char *name)
{
	const struct loaded *l = context;
	const struct plan *p = &l->plan;
	if (strcmp(l->config->debugger, name) == 0 ||
	    (l->config->merge == MERGE_AGENT && strcmp(l->config->merge_agent, name) == 0))
		return true;
	for (size_t i = 0; i < p->ntasks; i++) {
		if (is_named(p->tasks[i].agent, name))
			return true;
	}
	for (size_t i = 0; i < p->nsteps; i++) {
		const struct step_more *m = p->steps[i].more;
		if (m == NULL)
			continue;
		if (is_named(m->merge_agent, name) ||
		    (m->debugger != NULL && strcmp(m->debugger, name) == 0))
			return true;
		/* which agents its tasks have may be known later */
		if (m->foreach != NULL && script_fits(m->foreach, "agent", name))
			return true;
	}
	return false;
}

static void read_script(struct loaded *l, struct diag *diag)
{
	if (l->config->rehearsal == NULL || diag->count > 0)
		return;
	l->script = script_load(l->config->rehearsal, diag);
	if (l->script != NULL)
		script_check(l->script, names_task, names_agent, l, diag);
}

int load_read(struct loaded *l)
{
	const char *name = load_name(l);
	struct diag diag = { .count = 0 };
	int failed = l->is_workflow ?
	    read_workflow(l, &diag) :
	    input_read(l->fd, name, l->config, l->agents, &l->plan, &diag);
	if (failed < 0) {
		if (l->file == NULL)
			warn("cannot read %s", name);
		else
			warn("cannot read '%s'", safe(name));
		diag_free(&diag);
		return EXIT_IO;
	}
	int status = 0;
	if (diag.count == 0)
		check_scopes(l, &diag);
	if (diag.count == 0)
		check_steps(l, &diag);
	read_script(l, &diag);
	if (diag.count > 0) {
		print_agent_warnings(l->agents);
		diag_print(&diag);
		status = EXIT_INPUT;
	}
	diag_free(&diag);
	if (status == 0)
		status = load_check(l);
	set_name(l);
	return status;
}

void load_free(struct loaded *l)
{
	if (l->fd > STDERR_FILENO)
		close(l->fd);
	plan_free(&l->plan);
	load_forget_choices(l);
	agents_free(l->agents);
	script_free(l->script);
	free(l->file);
	free(l->state_root);
	*l = (struct loaded){ .fd = -1 };
}
