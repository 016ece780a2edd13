#include "supervisor/commands.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <utf8proc.h>

#include "shared/buf.h"
#include "shared/exits.h"
#include "shared/quantity.h"
#include "shared/text.h"
#include "shared/words.h"
#include "shared/xalloc.h"
#include "supervisor/agents.h"

#define DEFAULT_WIDTH 80
#define NO_WIDTH ((size_t)1 << 24)
#define GAP 2
#define HOW_SHARE 5 /* a command line in the table gets one column of so many */
#define WHERE_MIN 16
#define DESCRIPTION_MIN 20
#define BODY_LINES 12
#define LABEL_WIDTH 16

enum column { NAME, WHERE, HOW, DESCRIPTION, COLUMNS };

/* One line of the table: safe text, owned. Made and freed by show_table(). */
struct row {
	char *cells[COLUMNS];
};

/*
 * Text and its width
 */
static size_t terminal_width(void)
{
	struct winsize size;

	/* fails when it is no terminal: grep and the like want whole paths */
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
		return NO_WIDTH;
	return size.ws_col > 0 ? size.ws_col : DEFAULT_WIDTH;
}

/* The columns that the first character takes, and in *bytes its length. A bad byte takes one. */
static size_t char_width(const char *s, size_t *bytes)
{
	utf8proc_int32_t c;
	utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s, -1, &c);
	int width;

	if (n <= 0) {
		*bytes = 1;
		return 1;
	}
	*bytes = (size_t)n;
	width = utf8proc_charwidth(c);
	return width > 0 ? (size_t)width : 0;
}

static size_t text_width(const char *s)
{
	size_t width = 0, bytes;

	for (; *s != '\0'; s += bytes)
		width += char_width(s, &bytes);
	return width;
}

/* What fits into `max` columns, the rest as an ellipsis. Returns the columns taken. */
static size_t add_cut(struct buf *out, const char *s, size_t max)
{
	size_t total = text_width(s), width = 0, next, bytes;

	if (total <= max) {
		buf_addstr(out, s);
		return total;
	}
	while (next = char_width(s, &bytes), width + next < max) {
		buf_add(out, s, bytes);
		width += next;
		s += bytes;
	}
	buf_addstr(out, "…");
	return width + 1;
}

/* The same from the other end: of a path the end tells more. */
static size_t add_cut_left(struct buf *out, const char *s, size_t max)
{
	size_t total = text_width(s), bytes;

	if (total <= max) {
		buf_addstr(out, s);
		return total;
	}
	while (total >= max) {
		total -= char_width(s, &bytes);
		s += bytes;
	}
	buf_addf(out, "…%s", s);
	return total + 1;
}

static void pad(struct buf *out, size_t from, size_t to)
{
	for (; from < to; from++)
		buf_addch(out, ' ');
}

/* On one line, without runs of blanks. Many descriptions hold \n as two characters: a blank too. */
static char *one_line(const char *s)
{
	struct buf flat = BUF_INIT, out = BUF_INIT;

	while (*s != '\0') {
		if (*s == '\\' && s[1] == 'n') {
			buf_addch(&flat, ' ');
			s += 2;
		} else if (strchr(" \t\n\r", *s) != NULL) {
			buf_addch(&flat, ' ');
			s++;
		} else {
			buf_addch(&flat, *s++);
			continue;
		}
		if (flat.len < 2 || flat.data[flat.len - 2] == ' ')
			flat.len--;
	}
	if (flat.len > 0 && flat.data[flat.len - 1] == ' ')
		flat.len--;
	text_safe_line(&out, flat.data, flat.len);
	buf_free(&flat);
	return buf_detach(&out);
}

static char *shown_path(const char *path)
{
	struct buf out = BUF_INIT;
	const char *home = getenv("HOME");
	size_t len = home != NULL ? strlen(home) : 0;

	while (len > 1 && home[len - 1] == '/')
		len--;
	if (len > 1 && strncmp(path, home, len) == 0 && path[len] == '/') {
		buf_addch(&out, '~');
		path += len;
	}
	text_safe_line(&out, path, strlen(path));
	return buf_detach(&out);
}

/* The same for the table: of DIR/NAME.md the directory, because the name stands beside it. */
static char *shown_place(const struct agent *agent)
{
	char *path = shown_path(agent->path);
	char *slash = strrchr(path, '/');
	size_t len = strlen(agent->name);

	if (slash != NULL && strncmp(slash + 1, agent->name, len) == 0 &&
	    strcmp(slash + 1 + len, ".md") == 0)
		slash[1] = '\0';
	return path;
}

/* The command line as it would be typed, or what else there is. */
static char *how_reached(const struct agent *agent)
{
	struct buf line = BUF_INIT, out = BUF_INIT;
	const char *const *word;

	if (agent->command != NULL) {
		for (word = agent->command; *word != NULL; word++) {
			if (word != agent->command)
				buf_addch(&line, ' ');
			words_quote(&line, *word);
		}
	} else if (agent->backend != NULL) {
		buf_addf(&line, "backend %s", agent->backend);
	} else {
		buf_addstr(&line, "no command");
	}
	text_safe_line(&out, line.data, line.len);
	buf_free(&line);
	return buf_detach(&out);
}

static int print(struct buf *out)
{
	int status = EXIT_MET;

	if (fwrite(buf_str(out), 1, out->len, stdout) != out->len || fflush(stdout) != 0) {
		warn("cannot write to standard output");
		status = EXIT_IO;
	}
	buf_free(out);
	return status;
}

/*
 * The table
 */
static struct row heading(void)
{
	return (struct row){
		.cells = {
			xstrdup("NAME"), xstrdup("WHERE"), xstrdup("HOW"), xstrdup("DESCRIPTION"),
		},
	};
}

static struct row make_row(const struct agent *agent)
{
	struct row row;

	row.cells[NAME] = xstrdup(agent->name);
	row.cells[WHERE] = shown_place(agent);
	row.cells[HOW] = how_reached(agent);
	row.cells[DESCRIPTION] = one_line(agent->description);
	return row;
}

/* How many columns each cell gets: the description what the others leave. */
static void share_width(const struct row *rows, size_t count, size_t widths[COLUMNS])
{
	size_t total = terminal_width(), taken, i;
	int column;

	for (column = NAME; column < DESCRIPTION; column++) {
		widths[column] = 0;
		for (i = 0; i < count; i++) {
			size_t width = text_width(rows[i].cells[column]);

			if (width > widths[column])
				widths[column] = width;
		}
	}
	if (widths[HOW] > total / HOW_SHARE)
		widths[HOW] = total / HOW_SHARE;
	taken = widths[NAME] + widths[HOW] + (COLUMNS - 1) * GAP + DESCRIPTION_MIN;
	if (taken + widths[WHERE] > total)
		widths[WHERE] = taken + WHERE_MIN > total ? WHERE_MIN : total - taken;
	taken = taken - DESCRIPTION_MIN + widths[WHERE];
	widths[DESCRIPTION] = taken < total ? total - taken : 0;
}

static void add_row(struct buf *out, const struct row *row, const size_t widths[COLUMNS])
{
	size_t used, blanks = 0;
	int column;

	for (column = NAME; column < COLUMNS; column++) {
		if (widths[column] == 0 || *row->cells[column] == '\0')
			continue;
		pad(out, 0, blanks);
		if (column == WHERE)
			used = add_cut_left(out, row->cells[column], widths[column]);
		else
			used = add_cut(out, row->cells[column], widths[column]);
		blanks = widths[column] - used + GAP;
	}
	buf_addch(out, '\n');
}

static int show_table(const struct agents *agents)
{
	struct buf out = BUF_INIT;
	size_t count, nwarnings, i, widths[COLUMNS];
	const struct agent *const *list = agents_list(agents, &count);
	const char *const *warnings = agents_warnings(agents, &nwarnings);
	struct row *rows = xcalloc(count + 1, sizeof(*rows));
	int column;

	rows[0] = heading();
	for (i = 0; i < count; i++)
		rows[i + 1] = make_row(list[i]);
	share_width(rows, count + 1, widths);
	for (i = 0; i <= count; i++) {
		if (count > 0)
			add_row(&out, &rows[i], widths);
		for (column = NAME; column < COLUMNS; column++)
			free(rows[i].cells[column]);
	}
	free(rows);
	for (i = 0; i < nwarnings; i++)
		warnx("warning: %s", warnings[i]);
	if (count == 0)
		warnx("no agents found: none of the project, of the user, or installed");
	return print(&out);
}

/*
 * One agent
 */

/* "label:  text"; further lines of the text are indented as far. `text` is not safe yet. */
static void add_labelled(struct buf *out, const char *label, const char *text)
{
	struct buf line = BUF_INIT, clean = BUF_INIT;
	const char *p;

	buf_addf(&line, "%s:", label);
	text_safe_line(&clean, line.data, line.len);
	buf_add(out, clean.data, clean.len);
	pad(out, clean.len, LABEL_WIDTH);
	if (clean.len >= LABEL_WIDTH)
		buf_addch(out, ' ');
	buf_reset(&clean);
	text_safe(&clean, text, strlen(text), true);
	for (p = buf_str(&clean); *p != '\0'; p++) {
		buf_addch(out, *p);
		if (*p == '\n')
			pad(out, 0, LABEL_WIDTH);
	}
	buf_addch(out, '\n');
	buf_free(&line);
	buf_free(&clean);
}

static void add_path(struct buf *out, const char *label, const char *path)
{
	char *shown = shown_path(path);

	buf_addf(out, "%s:", label);
	pad(out, strlen(label) + 1, LABEL_WIDTH);
	buf_addf(out, "%s\n", shown);
	free(shown);
}

static void add_reached(struct buf *out, const struct agent *agent)
{
	char *how = how_reached(agent);
	char label[32];
	size_t i;

	buf_addstr(out, "reached by:");
	pad(out, strlen("reached by:"), LABEL_WIDTH);
	buf_addf(out, "%s\n", how);
	free(how);
	for (i = 0; agent->command != NULL && agent->command[i] != NULL; i++) {
		snprintf(label, sizeof(label), "  word %zu", i + 1);
		add_labelled(out, label, agent->command[i]);
	}
}

static void add_keys(struct buf *out, const struct agent *agent)
{
	const struct frontmatter *keys = agent->keys;
	size_t i;

	buf_addstr(out, "\nfront matter\n");
	for (i = 0; i < keys->count; i++) {
		struct buf label = BUF_INIT;

		buf_addf(&label, "  %s", keys->keys[i].name);
		add_labelled(out, buf_str(&label), keys->keys[i].value);
		buf_free(&label);
	}
}

static void add_system(struct buf *out, const struct agent *agent)
{
	const char *p = agent->system, *end;
	char size[32];
	size_t lines = agent->system_len > 0 ? 1 : 0, shown;

	for (end = strchr(p, '\n'); end != NULL; end = strchr(end + 1, '\n'))
		lines++;
	if (lines == 0) {
		buf_addstr(out, "\nsystem prompt: none\n");
		return;
	}
	buf_addf(out, "\nsystem prompt: %zu %s, %s\n", lines, lines == 1 ? "line" : "lines",
	    format_size(size, sizeof(size), agent->system_len));
	for (shown = 0; shown < BODY_LINES && shown < lines; shown++) {
		end = strchrnul(p, '\n');
		if (end > p)
			buf_addstr(out, "  ");
		text_safe(out, p, (size_t)(end - p), true);
		buf_addch(out, '\n');
		p = end + 1;
	}
	if (shown < lines)
		buf_addf(out, "  … and %zu more\n", lines - shown);
}

static int show_agent(const struct agents *agents, const struct agent *agent)
{
	struct buf out = BUF_INIT, path = BUF_INIT;
	size_t n, i;
	const char *const *warnings = agents_warnings(agents, &n);

	add_labelled(&out, "agent", agent->name);
	add_path(&out, "file", agent->path);
	for (i = 0; agent->hides != NULL && agent->hides[i] != NULL; i++)
		add_path(&out, "hides", agent->hides[i]);
	add_reached(&out, agent);
	add_keys(&out, agent);
	add_system(&out, agent);

	buf_addch(&path, '\'');
	text_safe_line(&path, agent->path, strlen(agent->path));
	buf_addch(&path, '\'');
	for (i = 0; i < n; i++) {
		if (strstr(warnings[i], path.data) != NULL)
			warnx("warning: %s", warnings[i]);
	}
	buf_free(&path);
	return print(&out);
}

/* The files that were left out are named too: the one that was meant may be among them. */
static int show_unknown(const struct agents *agents, const char *name)
{
	const char *line = agents_ambiguous(agents, name);
	const char *near = agents_suggest(agents, name);
	const char *const *warnings;
	size_t n, i;

	if (line != NULL) {
		warnx("%s", line);
		return EXIT_INPUT;
	}
	warnings = agents_warnings(agents, &n);
	for (i = 0; i < n; i++)
		warnx("warning: %s", warnings[i]);
	if (near != NULL)
		warnx("unknown agent '%s'; did you mean '%s'?", safe(name), near);
	else
		warnx("unknown agent '%s'; 'pollard agents' lists them", safe(name));
	return EXIT_INPUT;
}

int cmd_agents(const struct config *config)
{
	struct agents *agents = agents_load(NULL);
	const char *name = config->agent_name;
	const struct agent *agent;
	int status;

	if (name == NULL) {
		status = show_table(agents);
	} else {
		agent = agents_find(agents, name);
		status = agent != NULL ? show_agent(agents, agent) : show_unknown(agents, name);
	}
	agents_free(agents);
	return status;
}
