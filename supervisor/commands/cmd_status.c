/* pollard status: the newest runs, one line each. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <utf8proc.h>

#include "shared/clock.h"
#include "shared/exits.h"
#include "shared/quantity.h"
#include "shared/text.h"
#include "supervisor/commands/commands.h"
#include "supervisor/commands/reading.h"

#define SHOWN_MAX 20
#define NAME_COLUMNS 24

/* Appends at most `columns` columns of text, and blanks up to there. */
static void add_column(struct buf *out, const char *text, int columns)
{
	struct buf line = BUF_INIT;
	int used = 0;
	size_t i = 0;

	text_safe_line(&line, text, strlen(text));
	while (i < line.len) {
		utf8proc_int32_t c;
		utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)line.data + i,
		    (utf8proc_ssize_t)(line.len - i), &c);

		if (n <= 0)
			break;
		int width = utf8proc_charwidth(c);
		/* The last column is for the mark that something is missing. */
		if (used + width > columns - 1 && i + (size_t)n < line.len) {
			buf_addstr(out, "…");
			used++;
			break;
		}
		if (used + width > columns)
			break;
		buf_add(out, line.data + i, (size_t)n);
		used += width;
		i += (size_t)n;
	}
	for (; used < columns; used++)
		buf_addch(out, ' ');
	buf_free(&line);
}

static void add_state(struct buf *out, const struct run_info *info)
{
	if (info->condition == RUN_RUNNING)
		buf_addstr(out, "running");
	else if (info->condition == RUN_UNFINISHED)
		buf_addstr(out, "unfinished");
	else if (info->condition == RUN_UNREADABLE)
		buf_addstr(out, "unreadable");
	else if (info->signal != NULL)
		buf_addf(out, "interrupted by %s", info->signal);
	else if (info->outcome != NULL && strcmp(info->outcome, "all") == 0)
		buf_addstr(out, "complete");
	else if (info->outcome != NULL && strcmp(info->outcome, "partial") == 0)
		buf_addf(out, "partial %" PRIu64 "/%" PRIu64, info->succeeded, info->tasks);
	else
		buf_addstr(out, "failed");
	if (info->rehearsal)
		buf_addstr(out, " (rehearsal)");
}

static void add_started(struct buf *out, int64_t wall_ms)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;
	char text[32];

	if (wall_ms < 0 || localtime_r(&seconds, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) == 0) {
		buf_addstr(out, "-");
		return;
	}
	buf_addstr(out, text);
}

static void add_took(struct buf *out, const struct run_info *info)
{
	int64_t end = info->condition == RUN_RUNNING ? clock_wall_ms() : info->ended_ms;
	char text[32];

	if (info->started_ms < 0 || end < info->started_ms)
		buf_addstr(out, "-");
	else
		buf_addstr(out, format_duration(text, sizeof(text), end - info->started_ms));
}

static void add_tasks(struct buf *out, const struct run_info *info)
{
	if (info->tasks == 0 && info->condition != RUN_FINISHED)
		buf_addstr(out, "-");
	else
		buf_addf(out, "%" PRIu64 " %s", info->tasks, info->tasks == 1 ? "task" : "tasks");
}

static void print_run(const struct run_info *info)
{
	struct buf line = BUF_INIT;
	struct buf column = BUF_INIT;

	add_column(&line, info->id, 20);
	buf_addstr(&line, "  ");
	add_column(&line, info->name != NULL ? info->name : "-", NAME_COLUMNS);
	buf_addstr(&line, "  ");
	add_state(&column, info);
	add_column(&line, buf_str(&column), 22);
	buf_addstr(&line, "  ");
	buf_reset(&column);
	add_started(&column, info->started_ms);
	add_column(&line, buf_str(&column), 19);
	buf_addstr(&line, "  ");
	buf_reset(&column);
	add_took(&column, info);
	add_column(&line, buf_str(&column), 7);
	buf_addstr(&line, "  ");
	add_tasks(&line, info);
	puts(buf_str(&line));
	buf_free(&column);
	buf_free(&line);
}

int cmd_status(const struct config *config)
{
	char *root = reading_root(config);
	size_t count;

	if (root == NULL)
		return EXIT_NOINPUT;
	int refused = reading_listed(root);
	if (refused != 0) {
		free(root);
		return refused;
	}
	char **ids = rundir_list(root, &count);
	size_t oldest = count > SHOWN_MAX ? count - SHOWN_MAX : 0;

	for (size_t i = count; i > oldest; i--) {
		struct run_info info;

		run_info_read(&info, root, ids[i - 1]);
		print_run(&info);
		run_info_free(&info);
	}
	int status = reading_printed();
	if (count == 0)
		fprintf(stderr, "pollard: no runs in '%s' yet\n", safe(root));
	else if (oldest > 0)
		fprintf(stderr, "… and %zu older; 'pollard clean' removes old ones\n", oldest);
	rundir_list_free(ids, count);
	free(root);
	return status;
}
