#include "workers/merger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/io.h"
#include "shared/text.h"
#include "workers/recorded.h"
#include "workers/result_files.h"

#define CHUNK (64 * 1024)
#define TEMP_NAME_MAX 300

/*
 * The file that is being written. Descriptor: opened by open_output(), closed by close_output()
 * when it is ours.
 */
struct output {
	int fd;
	bool ours; /* to be renamed from `temp`; else it was lent */
	char temp[TEMP_NAME_MAX];
	struct buf waiting; /* not written yet */
	uint64_t written;
	int error; /* of the first failure; nothing is written after it */
};

static void flush_output(struct output *o)
{
	if (o->error == 0 && o->waiting.len > 0) {
		if (write_all(o->fd, o->waiting.data, o->waiting.len) < 0)
			o->error = errno;
		else
			o->written += o->waiting.len;
	}
	buf_reset(&o->waiting);
}

static void flush_when_large(struct output *o)
{
	if (o->waiting.len >= CHUNK)
		flush_output(o);
}

static bool open_output(const struct job *job, struct output *o)
{
	*o = (struct output){ .fd = job->out_fd };
	if (job->merge_dirfd < 0)
		return true;
	o->ours = true;
	snprintf(o->temp, sizeof(o->temp), ".%.200s.%d", job->merge_name, (int)getpid());
	o->fd = openat(job->merge_dirfd, o->temp,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	o->error = o->fd < 0 ? errno : 0;
	/* whatever the umask is */
	if (o->fd >= 0)
		fchmod(o->fd, 0600);
	return o->fd >= 0;
}

/* Gives the file its name when it is whole, else removes it. */
static void close_output(const struct job *job, struct output *o, bool whole)
{
	flush_output(o);
	buf_free(&o->waiting);
	if (!o->ours || o->fd < 0)
		return;
	if (close(o->fd) < 0 && errno != EINTR && o->error == 0)
		o->error = errno;
	if (whole && o->error == 0 &&
	    renameat(job->merge_dirfd, o->temp, job->merge_dirfd, job->merge_name) < 0)
		o->error = errno;
	if (!whole || o->error != 0)
		unlinkat(job->merge_dirfd, o->temp, 0);
}

/* NULL, or why there is no answer. */
static const char *read_item(const struct job *job, const struct merge_item *m, struct recorded *it)
{
	if (recorded_read(it, job, m->offset, m->length))
		return NULL;
	if (m->offset >= 0)
		return "its recorded result cannot be read";
	return m->missing != NULL ? m->missing : "no result";
}

/*
 * Copies the rest of a file; copy_file_range() spares the way through this process where the
 * file system can.
 */
static void copy_file(struct output *o, int file)
{
	ssize_t n;

	flush_output(o);
	while (o->error == 0 && (n = copy_file_range(file, NULL, o->fd, NULL, 1 << 30, 0)) > 0)
		o->written += (uint64_t)n;
	while (o->error == 0) {
		n = read_all(file, buf_reserve(&o->waiting, CHUNK), CHUNK);
		if (n < 0)
			o->error = errno;
		if (n <= 0)
			break;
		o->waiting.len = (size_t)n;
		flush_output(o);
	}
}

static bool ends_with_newline(int file)
{
	struct stat st;
	char last = '\n';

	if (fstat(file, &st) == 0 && st.st_size > 0 && pread(file, &last, 1, st.st_size - 1) != 1)
		return false;
	return last == '\n';
}

/* The answer with its last line ended; `fenced`: a structured one stands in its place as a block. */
static void add_answer(struct output *o, const struct recorded *it, bool fenced)
{
	const struct buf *text = recorded_text(it);

	if (it->file >= 0) {
		copy_file(o, it->file);
		if (!ends_with_newline(it->file))
			buf_addch(&o->waiting, '\n');
	} else if (!recorded_is_blank(it)) {
		buf_add(&o->waiting, text->data, text->len);
		if (text->data[text->len - 1] != '\n')
			buf_addch(&o->waiting, '\n');
	} else if (it->result.structured != NULL) {
		buf_addf(&o->waiting, fenced ? "```json\n%s\n```\n" : "%s\n",
		    it->result.structured);
	} else if (fenced) {
		buf_addstr(&o->waiting, "(no output)\n");
	}
}

static void markdown_item(struct output *o, const struct merge_item *m, const struct recorded *it,
    bool first)
{
	buf_addf(&o->waiting, "%s## %s", first ? "" : "\n", m->task);
	if (m->agent != NULL) {
		buf_addstr(&o->waiting, " (");
		text_safe_line(&o->waiting, m->agent, strlen(m->agent));
		buf_addch(&o->waiting, ')');
	}
	buf_addstr(&o->waiting, "\n\n");
	add_answer(o, it, true);
}

static void json_string_byte(struct buf *out, char c)
{
	static const char plain[] = "\b\f\n\r\t\"\\", letter[] = "bfnrt\"\\";
	const char *at = c != '\0' ? strchr(plain, c) : NULL;

	if (at != NULL)
		buf_addf(out, "\\%c", letter[at - plain]);
	else if ((unsigned char)c < 0x20 || c == 0x7f)
		buf_addf(out, "\\u%04x", (unsigned)c);
	else
		buf_addch(out, c);
}

static void json_string_part(struct buf *out, const char *text, size_t len)
{
	struct buf valid = BUF_INIT;

	text_utf8(&valid, text, len);
	for (size_t i = 0; i < valid.len; i++)
		json_string_byte(out, valid.data[i]);
	buf_free(&valid);
}

static void json_string(struct buf *out, const char *text, size_t len)
{
	buf_addch(out, '"');
	json_string_part(out, text, len);
	buf_addch(out, '"');
}

static bool json_piece(void *context, const char *data, size_t len)
{
	struct output *o = context;

	json_string_part(&o->waiting, data, len);
	flush_output(o);
	return o->error == 0;
}

/* A spilled answer as a string, piece by piece: it may be larger than memory. */
static void json_file(struct output *o, int file)
{
	buf_addch(&o->waiting, '"');
	if (read_pieces(file, json_piece, o) < 0 && o->error == 0)
		o->error = errno;
	buf_addch(&o->waiting, '"');
}

static void json_item(struct output *o, const struct merge_item *m, const struct recorded *it,
    bool first)
{
	const struct buf *text = recorded_text(it);

	if (!first)
		buf_addch(&o->waiting, ',');
	json_string(&o->waiting, m->task, strlen(m->task));
	buf_addch(&o->waiting, ':');
	if (it->result.structured != NULL)
		buf_addstr(&o->waiting, it->result.structured);
	else if (it->file >= 0)
		json_file(o, it->file);
	else
		json_string(&o->waiting, buf_str(text), text->len);
}

static void markdown_missing(struct buf *missing, const char *task, const char *why)
{
	buf_addf(missing, "- %s: ", task);
	text_safe_line(missing, why, strlen(why));
	buf_addch(missing, '\n');
}

static void json_missing(struct buf *missing, const char *task, const char *why)
{
	if (missing->len > 0)
		buf_addch(missing, ',');
	json_string(missing, task, strlen(task));
	buf_addch(missing, ':');
	json_string(missing, why, strlen(why));
}

static void add_missing(struct buf *missing, const struct job *job, const char *task,
    const char *why)
{
	if (job->merge_json)
		json_missing(missing, task, why);
	else
		markdown_missing(missing, task, why);
}

static void end_merge(struct output *o, const struct job *job, const struct buf *missing,
    bool empty)
{
	if (job->merge_json)
		buf_addf(&o->waiting, "},\"missing\":{%s}}\n", buf_str(missing));
	else if (missing->len > 0)
		buf_addf(&o->waiting, "%s## Missing\n\n%s", empty ? "" : "\n", buf_str(missing));
}

/* Whether it came to the end. */
static bool merge_items(const struct job *job, struct output *o, bool (*stopped)(void))
{
	struct buf missing = BUF_INIT;
	bool first = true;
	size_t i;

	if (job->merge_json)
		buf_addstr(&o->waiting, "{\"results\":{");
	for (i = 0; i < job->nitems && o->error == 0 && !stopped(); i++) {
		const struct merge_item *m = &job->items[i];
		struct recorded it;
		const char *why = read_item(job, m, &it);

		if (why != NULL)
			add_missing(&missing, job, m->task, why);
		else if (job->merge_json)
			json_item(o, m, &it, first);
		else
			markdown_item(o, m, &it, first);
		first = first && why != NULL;
		recorded_free(&it);
		flush_when_large(o);
	}
	end_merge(o, job, &missing, first);
	buf_free(&missing);
	return i == job->nitems;
}

/* What one task has answered, as it is. */
static bool merge_answer(const struct job *job, struct output *o, struct result *r)
{
	struct recorded it;
	const char *why = job->nitems > 0 ? read_item(job, &job->items[0], &it) : "no result";

	if (why != NULL)
		result_set_error(r, "cannot take over the merged result: %s", why);
	else
		add_answer(o, &it, false);
	if (job->nitems > 0)
		recorded_free(&it);
	return why == NULL;
}

static void interrupt(struct result *r)
{
	r->status = RESULT_CANCELLED;
	r->reason = REASON_INTERRUPTED;
	result_set_error(r, "interrupted");
}

static void fail(struct result *r)
{
	r->status = RESULT_FAILED;
	r->reason = REASON_WORKER;
}

static void merge(const struct job *job, struct result *r, bool (*stopped)(void))
{
	struct output o;
	bool whole = open_output(job, &o) &&
	    (job->merge_plain ? merge_answer(job, &o, r) : merge_items(job, &o, stopped));

	close_output(job, &o, whole);
	r->out.bytes = o.written;
	r->out.spilled = o.error == 0 && whole;
	if (o.error != 0)
		result_set_error(r, "cannot write the merged result: %s", strerror(o.error));
	if (r->error != NULL)
		fail(r);
	else if (!whole)
		interrupt(r);
}

static void write_files(const struct job *job, struct result *r, bool (*stopped)(void))
{
	switch (result_files_write(job, r, stopped)) {
	case FILES_WRITTEN:
		return;
	case FILES_STOPPED:
		interrupt(r);
		return;
	case FILES_FAILED:
		fail(r);
		return;
	}
}

void merger_run(const struct job *job, struct result *r, bool (*stopped)(void))
{
	r->status = RESULT_SUCCEEDED;
	r->exit_status = 0;
	if (job->merge_name != NULL)
		merge(job, r, stopped);
	if (r->status == RESULT_SUCCEEDED && job->results_name != NULL && job->merge_dirfd >= 0)
		write_files(job, r, stopped);
	if (r->status != RESULT_SUCCEEDED)
		r->exit_status = -1;
}
