#include "supervisor/record/history.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/io.h"
#include "shared/json.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/commands/reading.h"
#include "supervisor/record/journal.h"
#include "supervisor/record/rundir.h"

#define RUNS_MAX 50 /* of the name */
#define LOOK_MS 1000
/* The end of a journal: first so much, then, when that does not hold all that failed, more. */
#define TAIL_FIRST (256 * 1024)
#define TAIL_MOST (4 * 1024 * 1024)

/* What failed, as numbers: a task, and how it failed. */
struct mark {
	uint64_t task;
	uint64_t how;
};

/* The marks of one run, sorted by task; released with free(v). */
struct marks {
	struct mark *v;
	size_t count;
	size_t cap;
};

/* What came of an earlier run. */
struct past {
	struct marks marks;
	bool finished;
	bool met;	  /* its status was 0 */
	uint64_t failed;  /* as its end says */
	int64_t began_ms; /* -1: unknown */
};

/* Numbers differ from day to day: a date, a process, a line. */
static char *without_numbers(const char *text)
{
	struct buf out = BUF_INIT;

	for (const char *p = text; *p != '\0'; p++) {
		bool digit = *p >= '0' && *p <= '9';
		if (!digit)
			buf_addch(&out, *p);
		else if (out.len == 0 || out.data[out.len - 1] != '#')
			buf_addch(&out, '#');
	}
	return buf_detach(&out);
}

static const char *or_nothing(const char *text)
{
	return text != NULL ? text : "";
}

struct history_failure history_failure_of(const cJSON *record)
{
	return (struct history_failure){
		.step = json_get_string(record, "step"),
		.task = json_get_string(record, "task"),
		.reason = json_get_string(record, "reason"),
		.error = json_get_string(record, "error"),
		.summary = json_get_string(record, "summary"),
	};
}

static struct mark mark_of(const struct history_failure *f)
{
	char *error = without_numbers(or_nothing(f->error));
	char *summary = without_numbers(or_nothing(f->summary));
	struct mark mark;

	mark.task = text_hash(TEXT_HASH, or_nothing(f->step));
	mark.task = text_hash(mark.task, or_nothing(f->task));
	mark.how = text_hash(mark.task, or_nothing(f->reason));
	mark.how = text_hash(text_hash(mark.how, error), summary);
	free(error);
	free(summary);
	return mark;
}

static void forget(struct marks *m, uint64_t task)
{
	for (size_t i = 0; i < m->count; i++) {
		if (m->v[i].task != task)
			continue;
		m->v[i] = m->v[--m->count];
		return;
	}
}

/* The last word on a task counts: a run that was resumed may have two. */
static void add_mark(struct marks *m, struct mark mark)
{
	forget(m, mark.task);
	if (m->count == m->cap) {
		m->cap = m->cap == 0 ? 16 : m->cap * 2;
		m->v = xreallocarray(m->v, m->cap, sizeof(*m->v));
	}
	m->v[m->count++] = mark;
}

static int by_task(const void *left, const void *right)
{
	const struct mark *a = left;
	const struct mark *b = right;

	return (a->task > b->task) - (a->task < b->task);
}

static void sort_marks(struct marks *m)
{
	if (m->count > 1)
		qsort(m->v, m->count, sizeof(*m->v), by_task);
}

/* How many failed in both, in the same way. */
static size_t in_common(const struct marks *a, const struct marks *b)
{
	size_t i = 0, j = 0, count = 0;

	while (i < a->count && j < b->count) {
		if (a->v[i].task == b->v[j].task)
			count += a->v[i++].how == b->v[j++].how;
		else if (a->v[i].task < b->v[j].task)
			i++;
		else
			j++;
	}
	return count;
}

/*
 * Reading one run
 */
static void take_task(struct past *past, const cJSON *record)
{
	const char *status = json_get_string(record, "status");
	const struct history_failure f = history_failure_of(record);
	struct mark mark = mark_of(&f);

	if (status != NULL && strcmp(status, "failed") == 0)
		add_mark(&past->marks, mark);
	else if (past->marks.count > 0)
		forget(&past->marks, mark.task);
}

static void take_end(struct past *past, const cJSON *record)
{
	past->finished = json_get_string(record, "signal") == NULL;
	past->met = json_get_number(record, "exit", -1) == 0;
	past->failed = (uint64_t)json_get_number(record, "failed", 0);
}

static bool is_about(const char *line, size_t len, const char *event)
{
	return memmem(line, len, event, strlen(event)) != NULL;
}

/* Most records are of attempts, with all that they printed: those are not taken apart. */
static void take_line(struct past *past, const char *line, size_t len)
{
	bool task = is_about(line, len, "\"event\":\"task-finished\"");
	bool end = !task && is_about(line, len, "\"event\":\"run-finished\"");
	bool again = !task && !end && is_about(line, len, "\"event\":\"resumed\"");

	if (!task && !end && !again)
		return;
	cJSON *record = journal_parse(line, len);
	const char *event = record != NULL ? json_get_string(record, "event") : NULL;
	if (event != NULL && strcmp(event, "task-finished") == 0)
		take_task(past, record);
	else if (event != NULL && strcmp(event, "run-finished") == 0)
		take_end(past, record);
	else if (event != NULL && strcmp(event, "resumed") == 0)
		past->finished = false;
	cJSON_Delete(record);
}

/* The last `want` bytes of the journal. */
static void read_tail(struct past *past, int fd, off_t size, size_t want)
{
	char *tail = xmalloc(want + 1);
	ssize_t got = pread_all(fd, tail, want, size - (off_t)want);
	const char *p = tail;
	const char *newline;

	past->marks.count = 0;
	past->finished = false;
	/* what stands before the first newline is a part of a record */
	if (got > 0 && (size_t)got < (size_t)size)
		p = memchr(tail, '\n', (size_t)got);
	while (
	    got > 0 && p != NULL && (newline = memchr(p, '\n', (size_t)(tail + got - p))) != NULL) {
		take_line(past, p, (size_t)(newline - p));
		p = newline + 1;
	}
	free(tail);
}

static void read_journal(struct past *past, int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)
		return;
	for (size_t want = TAIL_FIRST;; want = TAIL_MOST) {
		size_t have = (uint64_t)st.st_size < want ? (size_t)st.st_size : want;
		read_tail(past, fd, st.st_size, have);
		if (!past->finished || past->marks.count >= past->failed || want == TAIL_MOST ||
		    have < want)
			break;
	}
	sort_marks(&past->marks);
}

static void read_past(struct past *past, const char *root, const char *id)
{
	struct buf path = BUF_INIT;

	buf_addf(&path, "%s/runs/%s/%s", root, id, JOURNAL_NAME);
	int fd = open(buf_str(&path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	buf_free(&path);
	if (fd == -1)
		return;
	read_journal(past, fd);
	close(fd);
}

/*
 * All of them
 */

/* Made by look_back() while it goes from run to run, the newest first. */
struct streak {
	size_t same; /* runs that failed exactly so, without one between them that did not */
	int64_t since_ms;
	bool over; /* one was different */
	bool any;
	/* the newest of the earlier runs */
	bool before_met;
	size_t before_failed;
	size_t before_common;
	int64_t before_ms;
};

/* Whether there is more to look for. */
static bool take_past(struct streak *s, const struct past *past, const struct marks *now)
{
	size_t common = in_common(now, &past->marks);
	bool same = common == now->count && past->marks.count == now->count &&
	    past->failed <= past->marks.count;

	if (!s->any) {
		s->any = true;
		s->before_met = past->met;
		s->before_failed = past->marks.count;
		s->before_common = common;
		s->before_ms = past->began_ms;
	}
	if (!same) {
		s->over = true;
		return false;
	}
	s->same++;
	s->since_ms = past->began_ms;
	return s->same < RUNS_MAX;
}

static void look_back(struct streak *s, const char *root, const char *name, const char *run,
    const struct marks *now)
{
	int64_t until = clock_mono_ms() + LOOK_MS;
	bool more = true;
	size_t count;
	char **ids = rundir_list(root, &count);

	for (size_t i = count; more && i-- > 0 && clock_mono_ms() < until;) {
		struct run_info info;
		struct past past = { .began_ms = -1 };

		/* a run of the same second may have a greater number and yet be earlier */
		if (strcmp(ids[i], run) == 0)
			continue;
		run_info_begin(&info, root, ids[i]);
		past.began_ms = info.started_ms;
		if (info.name != NULL && strcmp(info.name, name) == 0)
			read_past(&past, root, ids[i]);
		run_info_free(&info);
		/* what was interrupted says nothing about what it would have come to */
		if (past.finished)
			more = take_past(s, &past, now);
		free(past.marks.v);
	}
	rundir_list_free(ids, count);
}

/* "2026-11-20 03:00", in local time. */
static void add_time(struct buf *out, int64_t wall_ms)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;
	char text[32];

	if (wall_ms < 0 || localtime_r(&seconds, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm) == 0)
		buf_addstr(out, "an unknown time");
	else
		buf_addstr(out, text);
}

static void add_line(struct buf *out, const struct streak *s, size_t count)
{
	if (s->same > 0) {
		buf_addf(out, "the same failure%s as in the ", count == 1 ? "" : "s");
		if (s->same == 1)
			buf_addstr(out, "run before, of ");
		else
			buf_addf(out, "last %zu runs, since %s", s->same,
			    s->over || s->same < RUNS_MAX ? "" : "before ");
		add_time(out, s->since_ms);
		return;
	}
	if (s->before_failed == 0)
		buf_addstr(out, "new: the run before, of ");
	else if (s->before_common > 0)
		buf_addf(out, "%zu of %zu failures %s the same as in the run before, of ",
		    s->before_common, count, s->before_common == 1 ? "is" : "are");
	else
		buf_addf(out, "not the same failure%s as in the run before, of ",
		    count == 1 ? "" : "s");
	add_time(out, s->before_ms);
	if (s->before_failed == 0)
		buf_addstr(out, s->before_met ? ", succeeded" : ", had no task that failed");
}

bool history_line(struct buf *out, const char *root, const char *name, const char *run,
    const struct history_failure *failures, size_t count)
{
	struct marks now = { .count = 0 };
	struct streak streak = { .since_ms = -1 };

	if (count == 0 || name == NULL)
		return false;
	for (size_t i = 0; i < count; i++)
		add_mark(&now, mark_of(&failures[i]));
	sort_marks(&now);
	look_back(&streak, root, name, run, &now);
	if (streak.any)
		add_line(out, &streak, now.count);
	free(now.v);
	return streak.any;
}
