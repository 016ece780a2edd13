#include "workers/result_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/io.h"
#include "shared/json.h"
#include "workers/recorded.h"

/* A file of ours that is larger was not written by us. */
#define RESULTS_MAX (256 * 1024 * 1024)

static void add_path(cJSON *object, const char *key, const struct job *job, const char *directory,
    const char *name)
{
	struct buf path = BUF_INIT;

	buf_addf(&path, "%s/%s/%s", job->run_dir, directory, name);
	json_add_string(object, key, buf_str(&path));
	buf_free(&path);
}

/* Writes "STEP.TASK.SUFFIX" and adds its path; false with errno. */
static bool add_file(cJSON *object, const char *key, const struct job *job, const char *task,
    const char *suffix, const char *text, size_t len)
{
	struct buf name = BUF_INIT;
	bool good;

	buf_addf(&name, "%s.%s.%s", job->step, task, suffix);
	good = replace_file_at(job->out_dirfd, buf_str(&name), text, len, false) == 0;
	if (good)
		add_path(object, key, job, "out", buf_str(&name));
	buf_free(&name);
	return good;
}

static bool add_output(cJSON *object, const struct job *job, const char *task,
    const struct recorded *a)
{
	const struct buf *text = recorded_text(a);

	if (a->file < 0)
		return add_file(object, "output", job, task, "txt", buf_str(text), text->len);
	add_path(object, "output", job, "out", a->name);
	return true;
}

static bool add_result(cJSON *object, const struct job *job, const char *task,
    const struct recorded *a)
{
	struct buf line = BUF_INIT;
	bool good;

	if (a->result.structured == NULL) {
		json_add_null(object, "result");
		return true;
	}
	buf_addf(&line, "%s\n", a->result.structured);
	good = add_file(object, "result", job, task, "json", line.data, line.len);
	buf_free(&line);
	return good;
}

/* False with errno. */
static bool add_task(cJSON *tasks, const struct job *job, const struct merge_item *m)
{
	cJSON *object = cJSON_CreateObject();
	struct recorded a;
	bool good = true;
	int error;

	json_add_item(tasks, m->task, object);
	if (recorded_read(&a, job, m->offset, m->length)) {
		good = add_output(object, job, m->task, &a) && add_result(object, job, m->task, &a);
	} else {
		json_add_null(object, "output");
		json_add_null(object, "result");
	}
	json_add_string(object, "status", m->status);
	error = errno;
	recorded_free(&a);
	errno = error;
	return good;
}

static cJSON *describe_step(const struct job *job, cJSON *tasks)
{
	cJSON *step = cJSON_CreateObject();

	if (job->merge_name != NULL)
		add_path(step, "merged", job, "merged", job->merge_name);
	else
		json_add_null(step, "merged");
	json_add_string(step, "outcome", job->outcome);
	json_add_item(step, "tasks", tasks);
	return step;
}

/* 0, or -1 with errno; a missing file is an empty one. */
static int read_old(const struct job *job, struct buf *text)
{
	int fd = openat(job->merge_dirfd, job->results_name,
	    O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t n = -1;

	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= RESULTS_MAX)
		n = read_all(fd, buf_reserve(text, (size_t)st.st_size), (size_t)st.st_size);
	else
		errno = EFBIG;
	text->len = n > 0 ? (size_t)n : 0;
	close(fd);
	return n < 0 ? -1 : 0;
}

/* The steps that stand in the file so far, in *root; NULL when that cannot be told (r->error). */
static cJSON *read_steps(const struct job *job, struct result *r, cJSON **root)
{
	static const char empty[] = "{\"steps\":{}}";
	struct buf text = BUF_INIT;
	struct json_error error;
	cJSON *steps;

	*root = NULL;
	if (read_old(job, &text) < 0) {
		result_set_error(r, "cannot read '%s': %s", job->results_name, strerror(errno));
		return NULL;
	}
	if (text.len == 0)
		buf_addstr(&text, empty);
	*root = json_parse(text.data, text.len, &error);
	buf_free(&text);
	steps = cJSON_GetObjectItemCaseSensitive(*root, "steps");
	if (cJSON_IsObject(steps))
		return steps;
	result_set_error(r, "'%s' is not the file of results that was written before",
	    job->results_name);
	return NULL;
}

static bool write_results(const struct job *job, struct result *r, cJSON *step)
{
	struct buf text = BUF_INIT;
	cJSON *root, *steps = read_steps(job, r, &root);
	bool good = false;

	if (steps == NULL) {
		cJSON_Delete(step);
		cJSON_Delete(root);
		return false;
	}
	cJSON_DeleteItemFromObjectCaseSensitive(steps, job->step);
	json_add_item(steps, job->step, step);
	json_print(&text, root);
	buf_addch(&text, '\n');
	good =
	    replace_file_at(job->merge_dirfd, job->results_name, text.data, text.len, false) == 0;
	if (!good)
		result_set_error(r, "cannot write '%s': %s", job->results_name, strerror(errno));
	buf_free(&text);
	cJSON_Delete(root);
	return good;
}

enum files_end result_files_write(const struct job *job, struct result *r, bool (*stopped)(void))
{
	cJSON *tasks = cJSON_CreateObject();

	for (size_t i = job->merge_plain ? 1 : 0; i < job->nitems; i++) {
		bool stop = stopped();

		if (!stop && add_task(tasks, job, &job->items[i]))
			continue;
		if (!stop)
			result_set_error(r, "cannot write the results of task '%s' as files: %s",
			    job->items[i].task, strerror(errno));
		cJSON_Delete(tasks);
		return stop ? FILES_STOPPED : FILES_FAILED;
	}
	return write_results(job, r, describe_step(job, tasks)) ? FILES_WRITTEN : FILES_FAILED;
}
