#include "supervisor/commands/commands.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/exits.h"
#include "shared/quantity.h"
#include "shared/text.h"
#include "shared/width.h"
#include "shared/words.h"
#include "shared/xalloc.h"
#include "supervisor/commands/client_check.h"
#include "supervisor/input/agents.h"
#include "supervisor/input/client.h"

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
static char *how_reached(const struct config *config, const struct agent *agent)
{
	struct buf line = BUF_INIT, out = BUF_INIT, why = BUF_INIT;
	struct client client;

	if (client_choose(&client, config, agent, false, &why) == 0)
		client_line(&line, &client, agent);
	else
		buf_addstr(&line, "no client");
	text_safe_line(&out, buf_str(&line), line.len);
	buf_free(&line);
	buf_free(&why);
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

static struct row make_row(const struct config *config, const struct agent *agent)
{
	struct row row;

	row.cells[NAME] = xstrdup(agent->name);
	row.cells[WHERE] = shown_place(agent);
	row.cells[HOW] = how_reached(config, agent);
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
			size_t width = width_of(rows[i].cells[column]);

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
		width_pad(out, 0, blanks);
		if (column == WHERE)
			used =
			    width_add_cut_left(out, row->cells[column], widths[column], WIDTH_MARK);
		else
			used = width_add_cut(out, row->cells[column], widths[column], WIDTH_MARK);
		blanks = widths[column] - used + GAP;
	}
	buf_addch(out, '\n');
}

/* One line for all, which says of the first what is missing. */
static void warn_unreachable(const struct config *config, const struct agent *const *list,
    size_t count)
{
	struct buf why = BUF_INIT;
	size_t failed = 0;

	for (size_t i = 0; i < count; i++) {
		struct buf line = BUF_INIT;
		struct client client;

		if (client_choose(&client, config, list[i], false, &line) != 0 && failed++ == 0)
			buf_addstr(&why, buf_str(&line));
		buf_free(&line);
	}
	if (failed > 1)
		warnx("warning: %zu agents have no client: %s", failed, buf_str(&why));
	else if (failed > 0)
		warnx("warning: %s", buf_str(&why));
	buf_free(&why);
}

static int show_table(const struct config *config, const struct agents *agents)
{
	struct buf out = BUF_INIT;
	size_t count, nwarnings, i, widths[COLUMNS];
	const struct agent *const *list = agents_list(agents, &count);
	const char *const *warnings = agents_warnings(agents, &nwarnings);
	struct row *rows = xcalloc(count + 1, sizeof(*rows));
	int column;

	rows[0] = heading();
	for (i = 0; i < count; i++)
		rows[i + 1] = make_row(config, list[i]);
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
	warn_unreachable(config, list, count);
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
	width_pad(out, clean.len, LABEL_WIDTH);
	if (clean.len >= LABEL_WIDTH)
		buf_addch(out, ' ');
	buf_reset(&clean);
	text_safe(&clean, text, strlen(text), true);
	for (p = buf_str(&clean); *p != '\0'; p++) {
		buf_addch(out, *p);
		if (*p == '\n')
			width_pad(out, 0, LABEL_WIDTH);
	}
	buf_addch(out, '\n');
	buf_free(&line);
	buf_free(&clean);
}

static void add_path(struct buf *out, const char *label, const char *path)
{
	char *shown = shown_path(path);

	buf_addf(out, "%s:", label);
	width_pad(out, strlen(label) + 1, LABEL_WIDTH);
	buf_addf(out, "%s\n", shown);
	free(shown);
}

static void add_words(struct buf *out, const char *const *words)
{
	char label[32];

	for (size_t i = 0; words[i] != NULL; i++) {
		snprintf(label, sizeof(label), "  word %zu", i + 1);
		add_labelled(out, label, words[i]);
	}
}

/* What the words alone do not tell. */
static void add_backend(struct buf *out, const struct client *client, const struct agent *agent)
{
	const struct backend *b = client->backend;
	struct buf line = BUF_INIT;

	buf_addf(&line, "%s%s", b->name, client->chosen ? ", the first client on PATH" : "");
	add_labelled(out, "backend", buf_str(&line));
	buf_reset(&line);
	bool may_grow = client->access == ACCESS_READ && !agent->says_access;
	buf_addf(&line, "%s%s%s", access_text(client->access),
	    may_grow ? ", unless its task says that it writes" : "",
	    backend_holds(b, client->access) ? "" : "; the client is not held to it");
	add_labelled(out, "access", buf_str(&line));
	buf_free(&line);
	if (agent->model != NULL && client_model(client, agent) == NULL)
		add_labelled(out, "left out", "its model, of which this backend knows nothing");
	if (b->system == NULL && agent->system_len > 0)
		add_labelled(out, "system prompt", "before the prompt, then an empty line");
}

static void add_reached(struct buf *out, const struct config *config, const struct agent *agent)
{
	struct buf why = BUF_INIT;
	struct client client;
	char *how;

	if (client_choose(&client, config, agent, false, &why) != 0) {
		add_labelled(out, "reached by", buf_str(&why));
		buf_free(&why);
		return;
	}
	how = how_reached(config, agent);
	add_labelled(out, "reached by", how);
	free(how);
	const char **words = client_words(&client, agent, agent->model, false);
	add_words(out, words);
	free(words);
	if (client.backend != NULL)
		add_backend(out, &client, agent);
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

static int show_agent(const struct config *config, const struct agents *agents,
    const struct agent *agent)
{
	struct buf out = BUF_INIT, path = BUF_INIT;
	size_t n, i;
	const char *const *warnings = agents_warnings(agents, &n);

	add_labelled(&out, "agent", agent->name);
	add_path(&out, "file", agent->path);
	for (i = 0; agent->hides != NULL && agent->hides[i] != NULL; i++)
		add_path(&out, "hides", agent->hides[i]);
	add_reached(&out, config, agent);
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

/* --check, of all or of one. */
static int check(const struct config *config, const struct agents *agents, const struct agent *one,
    worker_fn worker)
{
	struct buf out = BUF_INIT;
	size_t count = 1;
	const struct agent *const *list = one != NULL ? &one : agents_list(agents, &count);
	int status = client_check(&out, config, list, count, worker);
	int printed = print(&out);

	return printed != EXIT_MET ? printed : status;
}

int cmd_agents(const struct config *config, worker_fn worker)
{
	struct agents *agents;
	const char *name = config->agent_name;
	const struct agent *agent = NULL;
	struct buf why = BUF_INIT;
	int status;

	if (config->backend != NULL && client_unknown(config->backend, &why)) {
		warnx("option '--backend': %s", buf_str(&why));
		buf_free(&why);
		return EXIT_CONFIG;
	}
	agents = agents_load(NULL);
	if (name != NULL)
		agent = agents_find(agents, name);
	if (name != NULL && agent == NULL)
		status = show_unknown(agents, name);
	else if (config->check)
		status = check(config, agents, agent, worker);
	else if (agent != NULL)
		status = show_agent(config, agents, agent);
	else
		status = show_table(config, agents);
	agents_free(agents);
	return status;
}
