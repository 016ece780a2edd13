/* pollard report: a run as a file for people, for a CI server, for other tools. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/exits.h"
#include "shared/io.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/commands/commands.h"
#include "supervisor/commands/reading.h"
#include "supervisor/report/report.h"

/* GitHub refuses a summary of more than 1,024 KiB as a whole. */
#define SUMMARY_MAX_BYTES ((size_t)1000 * 1024)
#define SUMMARY_WORTH 4096 /* less room than this is none */
#define OLD_FILE_MAX ((size_t)1024 * 1024)
#define LAST_SUCCESS "pollard_last_success_timestamp_seconds"

/* Where the report goes. Opened by target_open(), closed by target_close(). */
struct target {
	const char *name; /* as given; NULL: standard output */
	char *path;	  /* the file that is replaced; NULL: it is written to as it is */
	char *temp;	  /* beside it */
	FILE *out;
};

/* The target. */

static int cannot_write(const char *name)
{
	int status = errno == EACCES || errno == EPERM ? EXIT_PERMISSION : EXIT_IO;

	warn("cannot write '%s'", safe(name));
	return status;
}

/* A new file beside it, with a name that no collector takes for one of its own. */
static int open_beside(struct target *t)
{
	const char *slash = strrchr(t->path, '/');
	size_t directory = slash != NULL ? (size_t)(slash - t->path) + 1 : 0;
	struct buf temp = BUF_INIT;
	mode_t mask = umask(0);

	umask(mask);
	buf_add(&temp, t->path, directory);
	buf_addstr(&temp, ".pollard-report-XXXXXX");
	t->temp = buf_detach(&temp);
	int fd = mkostemp(t->temp, O_CLOEXEC);
	if (fd < 0) {
		free(t->temp);
		t->temp = NULL;
		return -1;
	}
	/* whoever collects reports is somebody else */
	if (fchmod(fd, 0666 & ~mask) < 0 || (t->out = fdopen(fd, "w")) == NULL) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return 0;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/*
 * Of a link what it leads to is replaced; what is no file (/dev/null, a pipe) is written to, and so
 * is standard output by whatever name: what its reader has there already stays.
 */
static int target_open(struct target *t, const char *name)
{
	struct stat st;
	struct stat out;
	bool there;

	*t = (struct target){ .name = name, .out = stdout };
	if (name == NULL || strcmp(name, "-") == 0) {
		t->name = NULL;
		return 0;
	}
	there = stat(name, &st) == 0;
	if (there && fstat(STDOUT_FILENO, &out) == 0 && is_same_file(&st, &out)) {
		t->name = NULL;
		return 0;
	}
	if (there && !S_ISREG(st.st_mode)) {
		t->out = fopen(name, "we");
		return t->out != NULL ? 0 : cannot_write(name);
	}
	t->path = there ? realpath(name, NULL) : xstrdup(name);
	if (t->path == NULL || open_beside(t) < 0)
		return cannot_write(name);
	return 0;
}

/* Puts the file in its place when all of it is written and `status` is 0. */
static int target_close(struct target *t, int status)
{
	if (t->name == NULL)
		return status;
	if (t->out != stdout && t->out != NULL) {
		bool bad = ferror(t->out) != 0;

		if ((fclose(t->out) != 0 || bad) && status == 0)
			status = cannot_write(t->name);
	}
	if (t->temp != NULL && status == 0 && rename(t->temp, t->path) < 0)
		status = cannot_write(t->name);
	if (t->temp != NULL && status != 0)
		unlink(t->temp);
	free(t->temp);
	free(t->path);
	return status;
}

/* The formats. */

/*
 * When a run last succeeded is what an alert is about, and only the file that is to be replaced knows
 * it after a failure. 0 when it does not say for this name.
 */
static double last_success(const char *file, const struct report *r)
{
	struct buf text = BUF_INIT;
	struct buf wanted = BUF_INIT;
	struct stat st;
	double value = 0;

	if (file == NULL || stat(file, &st) < 0 || !S_ISREG(st.st_mode) ||
	    read_file_at(AT_FDCWD, file, &text, OLD_FILE_MAX) < 0)
		return 0;
	report_prometheus_label(&wanted, LAST_SUCCESS, r);
	for (const char *line = buf_str(&text); *line != '\0';) {
		size_t len = strcspn(line, "\n");

		if (len > wanted.len && strncmp(line, buf_str(&wanted), wanted.len) == 0)
			value = strtod(line + wanted.len, NULL);
		line += len + (line[len] == '\n');
	}
	buf_free(&wanted);
	buf_free(&text);
	return value > 0 && value < 1e12 ? value : 0;
}

/* Whether the report has gone to that file already: as standard output, or with -O. */
static bool is_target(const struct config *config, const struct stat *file)
{
	const char *name = config->report_file;
	struct stat st;
	bool there = name == NULL || strcmp(name, "-") == 0 ? fstat(STDOUT_FILENO, &st) == 0 :
							      stat(name, &st) == 0;

	return there && is_same_file(&st, file);
}

/* Beside what it is asked for: a CI job that sets the variable shows what is in that file. */
static int append_summary(const struct config *config, const struct report *r)
{
	const char *file = getenv("GITHUB_STEP_SUMMARY");
	struct buf text = BUF_INIT;
	struct stat st;

	if (file == NULL || file[0] == '\0')
		return 0;
	int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0 || fstat(fd, &st) < 0) {
		int status = cannot_write(file);

		if (fd >= 0)
			close(fd);
		return status;
	}
	if (is_target(config, &st)) {
		close(fd);
		return 0;
	}
	size_t used = S_ISREG(st.st_mode) && st.st_size > 0 ? (size_t)st.st_size : 0;
	int status = 0;
	if (used + SUMMARY_WORTH > SUMMARY_MAX_BYTES) {
		warnx("warning: '%s' is full, the report is not added to it", safe(file));
	} else {
		report_markdown(&text, r, SUMMARY_MAX_BYTES - used);
		if (write_all(fd, buf_str(&text), text.len) < 0)
			status = cannot_write(file);
	}
	close(fd);
	buf_free(&text);
	return status;
}

static int write_report(const struct config *config, const struct report *r,
    const struct rundir *dir, FILE *out)
{
	const char *format = config->report_format;
	struct buf text = BUF_INIT;

	if (strcmp(format, "json") == 0 || strcmp(format, "jsonl") == 0)
		return report_json(out, r, dir, strcmp(format, "jsonl") == 0);
	if (strcmp(format, "html") == 0) {
		report_html(&text, r);
	} else if (strcmp(format, "markdown") == 0) {
		report_markdown(&text, r, SUMMARY_MAX_BYTES);
	} else if (strcmp(format, "junit") == 0) {
		report_junit(&text, r);
	} else if (strcmp(format, "trace") == 0) {
		report_trace(&text, r);
	} else if (strcmp(format, "prometheus") == 0) {
		report_prometheus(&text, r, last_success(config->report_file, r));
	}
	fwrite(buf_str(&text), 1, text.len, out);
	buf_free(&text);
	return 0;
}

/* The report is read before the file is touched: a run that cannot be read leaves it as it was. */
static int report_run(const struct config *config, const struct rundir *dir,
    struct journal_reader *reader, bool locked)
{
	struct report r = { 0 };
	struct target target;
	int status = report_read(&r, dir, reader, locked, clock_wall_ms());

	if (status == 0) {
		status = target_open(&target, config->report_file);
		if (status == 0)
			status = write_report(config, &r, dir, target.out);
		status = target_close(&target, status);
	}
	if (status == 0 && strcmp(config->report_format, "markdown") == 0)
		status = append_summary(config, &r);
	report_free(&r);
	return status;
}

int cmd_report(const struct config *config)
{
	struct rundir dir;
	struct journal_reader *reader;

	if (config->report_format == NULL) {
		warnx("report needs '--format F': html, markdown, json, jsonl, junit, trace or "
		      "prometheus");
		return EXIT_USAGE;
	}
	int status = reading_open(config, &dir, &reader);
	if (status != 0)
		return status;
	/* Before the journal is read: a run that ends meanwhile has its end in there. */
	status = report_run(config, &dir, reader, reading_locked(dir.fd));
	journal_reader_free(reader);
	rundir_close(&dir);

	int printed = reading_printed();
	return status != 0 ? status : printed;
}
