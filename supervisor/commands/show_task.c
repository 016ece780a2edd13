#include "supervisor/commands/show_task.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/exits.h"
#include "shared/io.h"
#include "shared/json.h"
#include "shared/names.h"
#include "shared/quantity.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/commands/advice.h"
#include "supervisor/commands/reading.h"

#define PIECE (64 * 1024)
#define TERMINAL_PIECE (8 * 1024) /* of a long stream: the beginning and the end, on a terminal */
#define RECORD_SHOWN 500
#define SUGGESTED_FROM 10000 /* ids that are looked through for "did you mean" */

/* What is shown, and what has been seen of it. On the stack of show_task(). */
struct view {
	const struct rundir *dir;
	const char *task; /* as asked for */
	bool terminal;	  /* standard output is one */
	bool found;
	bool running; /* an attempt has started and not ended */
	char running_since[32];
	uint64_t running_attempt;
	bool line_ended;      /* the last byte of the stream was a newline */
	struct buf text;      /* what is to be printed next */
	struct advice advice; /* printed when all attempts have been */
};

static void flush_text(struct view *v)
{
	fwrite(buf_str(&v->text), 1, v->text.len, stdout);
	buf_reset(&v->text);
}

static void add_line(struct view *v, const char *text)
{
	text_safe_line(&v->text, text, strlen(text));
}

/* "  NAME       " */
static void add_name(struct view *v, const char *name)
{
	buf_addf(&v->text, "  %-10s ", name);
}

static void add_string(struct view *v, const char *name, const char *value)
{
	if (value == NULL)
		return;
	add_name(v, name);
	add_line(v, value);
	buf_addch(&v->text, '\n');
}

static const char *local_time(char *buf, size_t size, const char *recorded)
{
	int64_t wall_ms = recorded != NULL ? clock_parse(recorded) : -1;
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;

	if (wall_ms < 0 || localtime_r(&seconds, &tm) == NULL ||
	    strftime(buf, size, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(buf, size, "?");
	return buf;
}

static uint64_t get_count(const cJSON *record, const char *key)
{
	double value = json_get_number(record, key, 0);

	return value > 0 && value < 9e15 ? (uint64_t)value : 0;
}

static int64_t get_ms(const cJSON *record, const char *key)
{
	double seconds = json_get_number(record, key, 0);

	return seconds > 0 && seconds < 1e12 ? (int64_t)(seconds * 1000 + 0.5) : 0;
}

/* Streams. */

/* Where a character begins, at `at` or at most three bytes after it. */
static size_t character_start(const char *data, size_t len, size_t at)
{
	for (int i = 0; i < 3 && at < len && ((unsigned char)data[at] & 0xc0) == 0x80; i++)
		at++;
	return at;
}

/*
 * Prints bytes from..to of the file, made safe piece by piece; characters that only a part of is
 * between them are left out, but not at the end of all (`final`). False when the file ends earlier.
 */
static bool print_file_part(struct view *v, int fd, uint64_t from, uint64_t to, bool final)
{
	struct buf raw = BUF_INIT;
	bool aligned = from == 0;

	while (from < to) {
		size_t want = to - from < PIECE ? (size_t)(to - from) : PIECE;
		ssize_t got = pread_all(fd, buf_reserve(&raw, want), want, (off_t)from);

		if (got <= 0)
			break;
		raw.len += (size_t)got;
		from += (uint64_t)got;
		if (!aligned) {
			buf_consume(&raw, character_start(raw.data, raw.len, 0));
			aligned = true;
		}
		if (raw.len > 0)
			v->line_ended = raw.data[raw.len - 1] == '\n';
		buf_consume(&raw, text_safe(&v->text, raw.data, raw.len, final && from >= to));
		flush_text(v);
	}
	buf_free(&raw);
	return from >= to;
}

static void print_file(struct view *v, int fd, uint64_t size)
{
	bool whole = !v->terminal || size <= 2 * (uint64_t)TERMINAL_PIECE;
	char text[32];

	v->line_ended = true;
	if (!print_file_part(v, fd, 0, whole ? size : TERMINAL_PIECE, whole)) {
		warn("cannot read a file in '%s'", safe(v->dir->path));
		return;
	}
	if (!whole) {
		uint64_t left_out = size - 2 * (uint64_t)TERMINAL_PIECE;

		buf_addf(&v->text, "%s[... %s left out here, all of it is in that file ...]\n",
		    v->line_ended ? "" : "\n", format_size(text, sizeof(text), left_out));
		print_file_part(v, fd, size - TERMINAL_PIECE, size, true);
	}
	if (!v->line_ended)
		buf_addch(&v->text, '\n');
	flush_text(v);
}

/* Journals name files as "out/NAME"; nothing else is opened. */
static int open_spilled(const struct view *v, const char *path)
{
	const char *name = strncmp(path, "out/", 4) == 0 ? path + 4 : path;

	if (strchr(name, '/') != NULL) {
		errno = EINVAL;
		return -1;
	}
	return openat(v->dir->out_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

static void print_spilled(struct view *v, const char *path)
{
	int fd = open_spilled(v, path);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		buf_addstr(&v->text, "(cannot be read");
		if (fd == -1)
			buf_addf(&v->text, ": %s", strerror(errno));
		buf_addstr(&v->text, ")\n");
		flush_text(v);
	} else {
		print_file(v, fd, (uint64_t)st.st_size);
	}
	if (fd != -1)
		close(fd);
}

static void print_bytes(struct view *v, const struct buf *bytes)
{
	text_safe(&v->text, bytes->data, bytes->len, true);
	if (bytes->len > 0 && bytes->data[bytes->len - 1] != '\n')
		buf_addch(&v->text, '\n');
	flush_text(v);
}

/* "--- standard output: 18 bytes" and what it is. `key` is "stdout" or "stderr". */
static void print_stream(struct view *v, const cJSON *record, const char *key, const char *title)
{
	char bytes_key[32], dropped_key[32], path_key[32];
	char size[32];
	struct buf bytes = BUF_INIT;

	snprintf(bytes_key, sizeof(bytes_key), "%s_bytes", key);
	snprintf(dropped_key, sizeof(dropped_key), "%s_dropped", key);
	snprintf(path_key, sizeof(path_key), "%s_path", key);
	const char *path = json_get_string(record, path_key);
	bool inline_bytes = path == NULL && json_get_bytes(record, key, &bytes);
	uint64_t written = get_count(record, bytes_key);
	uint64_t dropped = get_count(record, dropped_key);

	buf_addf(&v->text, "--- %s: %s", title, format_size(size, sizeof(size), written));
	if (dropped > 0)
		buf_addf(&v->text, ", %s of them not kept",
		    format_size(size, sizeof(size), dropped));
	if (path != NULL) {
		buf_addstr(&v->text, ", in ");
		add_line(v, v->dir->path);
		buf_addch(&v->text, '/');
		add_line(v, path);
	}
	buf_addch(&v->text, '\n');
	if (path != NULL)
		print_spilled(v, path);
	else if (inline_bytes)
		print_bytes(v, &bytes);
	flush_text(v);
	buf_free(&bytes);
}

/* Records. */

static void print_task(struct view *v, const cJSON *record)
{
	const char *agent = json_get_string(record, "agent");
	struct buf input = BUF_INIT;

	if (v->found)
		buf_addch(&v->text, '\n');
	v->found = true;
	advice_about(&v->advice, record);
	buf_addstr(&v->text, "task ");
	add_line(v, json_get_string(record, "task"));
	buf_addch(&v->text, '\n');
	add_string(v, "step", json_get_string(record, "step"));
	add_string(v, "agent", agent);
	if (json_get_bytes(record, "record", &input)) {
		bool cut = input.len > RECORD_SHOWN;

		add_name(v, "input");
		text_safe_line(&v->text, buf_str(&input), cut ? RECORD_SHOWN : input.len);
		buf_addstr(&v->text, cut ? "...\n" : "\n");
	}
	flush_text(v);
	buf_free(&input);
}

static void note_start(struct view *v, const cJSON *record)
{
	v->running = true;
	v->running_attempt = get_count(record, "attempt");
	local_time(v->running_since, sizeof(v->running_since), json_get_string(record, "time"));
}

static void add_status(struct view *v, const cJSON *record)
{
	const char *status = json_get_string(record, "status");
	const char *error = json_get_string(record, "error");
	const char *reason = json_get_string(record, "reason");

	add_line(v, status != NULL ? status : "?");
	if (reason != NULL && strcmp(reason, "none") != 0)
		buf_addf(&v->text, " (%s)", safe(reason));
	if (error != NULL) {
		buf_addstr(&v->text, ": ");
		add_line(v, error);
	}
	buf_addch(&v->text, '\n');
}

static void add_end(struct view *v, const cJSON *record)
{
	const cJSON *status = json_get(record, "exit");

	if (cJSON_IsNumber(status)) {
		add_name(v, "exit");
		buf_addf(&v->text, "%d\n", status->valueint);
	}
	add_string(v, "signal", json_get_string(record, "signal"));
}

static void add_resources(struct view *v, const cJSON *record)
{
	char memory[32], cpu[32];
	uint64_t leftovers = get_count(record, "leftover_processes");

	add_name(v, "used");
	buf_addf(&v->text, "%s of memory, %s of processor time\n",
	    format_size(memory, sizeof(memory), get_count(record, "max_rss") * 1024),
	    format_duration(cpu, sizeof(cpu), get_ms(record, "cpu_seconds")));
	if (leftovers > 0) {
		add_name(v, "left");
		buf_addf(&v->text, "%" PRIu64 " %s behind\n", leftovers,
		    leftovers == 1 ? "process" : "processes");
	}
}

static void add_files(struct view *v, const cJSON *record)
{
	const cJSON *file;
	bool first = true;

	cJSON_ArrayForEach(file, json_get(record, "files"))
	{
		if (!cJSON_IsString(file))
			continue;
		if (first)
			add_name(v, "files");
		else
			buf_addstr(&v->text, ", ");
		add_line(v, file->valuestring);
		first = false;
	}
	if (!first)
		buf_addch(&v->text, '\n');
}

/* The answer, where it is another text than the output: the adapter of an agent has read it. */
static void print_answer(struct view *v, const cJSON *record)
{
	const cJSON *object = json_get(record, "result");
	struct buf bytes = BUF_INIT;

	if (json_get_bytes(record, "text", &bytes)) {
		buf_addstr(&v->text, "--- answer\n");
		print_bytes(v, &bytes);
	}
	buf_reset(&bytes);
	if (cJSON_IsObject(object)) {
		buf_addstr(&v->text, "--- result\n");
		json_print(&bytes, object);
		print_bytes(v, &bytes);
	}
	buf_free(&bytes);
}

static void print_attempt(struct view *v, const cJSON *record)
{
	char text[32];

	v->running = false;
	advice_attempt(&v->advice, record);
	buf_addf(&v->text, "\nattempt %" PRIu64 ": ", get_count(record, "attempt"));
	add_status(v, record);
	add_name(v, "level");
	buf_addf(&v->text, "%" PRIu64 "\n", get_count(record, "level"));
	add_name(v, "started");
	buf_addstr(&v->text, local_time(text, sizeof(text), json_get_string(record, "started")));
	buf_addf(&v->text, ", took %s\n",
	    format_duration(text, sizeof(text), get_ms(record, "seconds")));
	add_end(v, record);
	add_resources(v, record);
	add_string(v, "summary", json_get_string(record, "summary"));
	add_files(v, record);
	add_string(v, "warning", json_get_string(record, "warning"));
	print_answer(v, record);
	print_stream(v, record, "stdout", "standard output");
	print_stream(v, record, "stderr", "standard error");
}

static void print_end(struct view *v, const cJSON *record)
{
	uint64_t attempts = get_count(record, "attempts");

	buf_addf(&v->text, "\nafter %" PRIu64 " %s: ", attempts,
	    attempts == 1 ? "attempt" : "attempts");
	add_status(v, record);
	flush_text(v);
}

static bool is_asked_for(const struct view *v, const cJSON *record, const char *id)
{
	const char *step = json_get_string(record, "step");

	if (strcmp(id, v->task) == 0)
		return true;
	size_t len = step != NULL ? strlen(step) : 0;
	return len > 0 && strncmp(v->task, step, len) == 0 && v->task[len] == '.' &&
	    strcmp(v->task + len + 1, id) == 0;
}

static void show_record(struct view *v, const cJSON *record)
{
	const char *event = json_get_string(record, "event");
	const char *id = json_get_string(record, "task");

	if (event != NULL && id == NULL)
		advice_record(&v->advice, record);
	if (event == NULL || id == NULL || !is_asked_for(v, record, id))
		return;
	if (strcmp(event, "task-added") == 0)
		print_task(v, record);
	else if (strcmp(event, "attempt-started") == 0)
		note_start(v, record);
	else if (strcmp(event, "attempt-finished") == 0)
		print_attempt(v, record);
	else if (strcmp(event, "task-finished") == 0)
		print_end(v, record);
}

/* The run has no such task: says so, and what may have been meant. */
static int unknown_task(const struct view *v)
{
	struct journal_reader *reader = journal_reader_open(v->dir->fd);
	char **ids = NULL;
	size_t count = 0;
	const cJSON *record;

	while (reader != NULL && count < SUGGESTED_FROM &&
	    (record = journal_reader_next(reader)) != NULL) {
		const char *event = json_get_string(record, "event");
		const char *id = json_get_string(record, "task");

		if (event == NULL || id == NULL || strcmp(event, "task-added") != 0)
			continue;
		ids = xreallocarray(ids, count + 1, sizeof(*ids));
		ids[count++] = xstrdup(id);
	}
	const char *meant = names_suggest(v->task, (const char *const *)ids, count);
	if (meant != NULL)
		warnx("run '%s' has no task '%s'; did you mean '%s'?", safe(v->dir->id),
		    safe(v->task), safe(meant));
	else
		warnx("run '%s' has no task '%s'; 'pollard show %s' lists its tasks",
		    safe(v->dir->id), safe(v->task), safe(v->dir->id));
	for (size_t i = 0; i < count; i++)
		free(ids[i]);
	free(ids);
	journal_reader_free(reader);
	return EXIT_INPUT;
}

int show_task(struct journal_reader *reader, const struct rundir *dir, const char *task)
{
	struct view v = {
		.dir = dir,
		.task = task,
		.terminal = isatty(STDOUT_FILENO) == 1,
		.text = BUF_INIT,
	};
	bool locked = reading_locked(dir->fd);
	const cJSON *record;

	while ((record = journal_reader_next(reader)) != NULL)
		show_record(&v, record);
	int status = reading_check(reader, dir);
	if (status == 0 && v.running)
		buf_addf(&v.text, "\nattempt %" PRIu64 ": %s %s%s\n", v.running_attempt,
		    locked ? "running since" : "started", v.running_since,
		    locked ? "" : ", never finished");
	advice_print(&v.advice, &v.text);
	flush_text(&v);
	buf_free(&v.text);
	advice_free(&v.advice);
	if (status == 0 && !v.found)
		return unknown_task(&v);
	return status;
}
