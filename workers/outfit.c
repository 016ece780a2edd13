#include "workers/outfit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shared/io.h"
#include "shared/text.h"
#include "workers/invocation.h"
#include "workers/private.h"
#include "workers/prompt.h"

/* Programs look for one or the other. */
static const char *const tmp_names[] = { "TMPDIR", "TMP", "TEMP" };

/*
 * It is opened by the name that this process's descriptor has in /proc, and so never has to be
 * cleaned up.
 */
const char *outfit_file(char path[PROC_PATH_SIZE], const char *text, size_t len)
{
	int fd = memfd_create("pollard", MFD_CLOEXEC);

	if (fd < 0 || write_all(fd, text, len) < 0)
		return NULL;
	snprintf(path, PROC_PATH_SIZE, "/proc/%d/fd/%d", (int)getpid(), fd);
	return path;
}

static void add_env(struct outfit *o, const char *name, const char *value)
{
	o->env[o->nenv++] = (struct job_env){ name, value };
}

static void end_line(struct buf *text)
{
	if (text->len > 0 && text->data[text->len - 1] != '\n')
		buf_addch(text, '\n');
}

/*
 * The system prompt, an empty line, the prompt; or the prompt alone when the other goes another
 * way. Its last line is ended, or a program that reads lines would not see it. False, and *r says
 * why, when the prompt cannot be put together.
 */
static bool join_prompts(struct outfit *o, const struct job *job, bool system_apart,
    struct result *r)
{
	struct buf whole = BUF_INIT;

	if (!system_apart && job->system_len > 0) {
		buf_add(&whole, job->system, job->system_len);
		end_line(&whole);
		buf_addch(&whole, '\n');
	}
	if (!prompt_build(&whole, job, r))
		return false;
	end_line(&whole);
	o->input_len = whole.len;
	o->input = buf_detach(&whole);
	return true;
}

static const char *system_variable(const struct job *job)
{
	return job->backend != NULL && job->system_len > 0 ? job->backend->system_env : NULL;
}

/* False with errno, when a file cannot be made, or with *r. */
static bool make_prompts(struct outfit *o, const struct job *job, struct result *r)
{
	bool in_word = invocation_has(job->argv, "{system_file}");
	const char *variable = in_word ? NULL : system_variable(job);
	/* a session has had it */
	bool apart = in_word || variable != NULL || job->session != NULL;

	if (!join_prompts(o, job, apart, r))
		return false;
	if ((in_word || variable != NULL) &&
	    outfit_file(o->system_path, job->system != NULL ? job->system : "",
		job->system != NULL ? job->system_len : 0) == NULL)
		return false;
	if (variable != NULL)
		add_env(o, variable, o->system_path);
	if (!invocation_has(job->argv, "{prompt_file}"))
		return true;
	if (outfit_file(o->prompt_path, o->input, o->input_len) == NULL)
		return false;
	o->input_len = 0;
	return true;
}

static const char *or_nothing(const char *text)
{
	return text != NULL ? text : "";
}

static void make_words(struct outfit *o, const struct job *job)
{
	const struct placeholder set[] = {
		{ "{prompt_file}", o->prompt_path },
		{ "{system_file}", o->system_path },
		{ "{model}", or_nothing(job->model) },
		{ "{session}", or_nothing(job->session) },
		{ "{task}", job->task },
	};

	o->words = invocation_of_agent(job, set, sizeof(set) / sizeof(set[0]));
}

static bool refuse(struct result *r, const struct job *job, const char *what, const char *where)
{
	int error = errno;

	r->status = RESULT_FAILED;
	r->reason = REASON_SPAWN;
	result_set_error(r, "cannot start '%s': cannot make %s '%s': %s", safe(job->argv[0]), what,
	    safe(where), strerror(error));
	errno = error;
	return false;
}

static bool make_places(struct outfit *o, const struct job *job, struct result *r)
{
	if (job->tmp_parent != NULL) {
		if (!scratch_make(&o->scratch, job->tmp_parent))
			return refuse(r, job, "a directory for its temporary files in",
			    job->tmp_parent);
		for (size_t i = 0; i < sizeof(tmp_names) / sizeof(tmp_names[0]); i++)
			add_env(o, tmp_names[i], o->scratch.path);
	}
	if (!private_make(job))
		return refuse(r, job, "its configuration directory", job->private_config);
	if (private_wanted(job))
		add_env(o, job->backend->config_env, job->private_config);
	return true;
}

static void set_access(struct outfit *o, const struct job *job)
{
	const struct backend *b = job->backend;

	if (b != NULL && b->access_env != NULL && b->access_value[job->access] != NULL)
		add_env(o, b->access_env, b->access_value[job->access]);
}

bool outfit_make(struct outfit *o, const struct job *job, struct result *r)
{
	if (job->argv == NULL) {
		r->status = RESULT_FAILED;
		r->reason = REASON_SPAWN;
		result_set_error(r,
		    "agent '%s' has no command, and there is no client for it: see 'pollard agents'",
		    safe(or_nothing(job->agent)));
		return false;
	}
	set_access(o, job);
	if (make_prompts(o, job, r) && make_places(o, job, r)) {
		make_words(o, job);
		o->since = moment_now(o->scratch.path);
		return true;
	}

	int error = errno;
	scratch_remove(&o->scratch);
	errno = error;
	return false;
}

void outfit_end(struct outfit *o, const struct job *job, struct result *r)
{
	if (job->kind == JOB_AGENT)
		changes_check(r, job, o->since, o->scratch.path);
	scratch_remove(&o->scratch);
}
