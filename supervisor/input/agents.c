#include "supervisor/input/agents.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/io.h"
#include "shared/names.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/input/datadir.h"

#define FILE_MAX (1024 * 1024)
#define DIRS_MAX 16

static const char suffix[] = ".md";

/* Below the folder of the workflow file and the working directory. */
static const char *const project_dirs[] = {
	".pollard/agents",
	".claude/agents",
	".opencode/agent",
	".gemini/agents",
};

/* Below the home directory, after the one below XDG_CONFIG_HOME. */
static const char *const home_dirs[] = {
	".claude/agents",
	".config/opencode/agent",
	".gemini/agents",
};

/* One file: its agent, owned, and which of the directories it is from; a smaller one wins. */
struct entry {
	struct agent *agent;
	size_t dir;
};

/* A name that several files of one directory claim. The name belongs to one of their agents. */
struct clash {
	const char *name;
	char *line;
};

/* What tells a directory from others, to read none twice: the project may be the home directory. */
struct dir_id {
	dev_t dev;
	ino_t ino;
};

/*
 * The table. Made by agents_load(), read by the functions of agents.h, freed by agents_free(). The
 * arrays of names and usable agents point into the entries.
 */
struct agents {
	struct entry *entries; /* sorted by name, directory, path */
	size_t nentries;
	size_t cap;
	const struct agent **usable; /* sorted by name */
	const char **names;	     /* of the usable ones */
	size_t nusable;
	struct clash *clashes;
	size_t nclashes;
	char **warnings;
	size_t nwarnings;
	struct dir_id dirs[DIRS_MAX];
	size_t ndirs;
};

/* Names of files, while a directory is read. */
struct file_names {
	char **list;
	size_t count;
	size_t cap;
};

static void add_warning(struct agents *a, char *line)
{
	a->warnings = xreallocarray(a->warnings, a->nwarnings + 1, sizeof(*a->warnings));
	a->warnings[a->nwarnings++] = line;
}

/* "WHAT 'PATH'VERB: WHY" */
static void warn_path(struct agents *a, const char *what, const char *path, const char *verb,
    const char *why)
{
	struct buf line = BUF_INIT;

	buf_addf(&line, "%s '", what);
	text_safe_line(&line, path, strlen(path));
	buf_addf(&line, "'%s: %s", verb, why);
	add_warning(a, buf_detach(&line));
}

static void warn_left_out(struct agents *a, const char *path, const char *why)
{
	warn_path(a, "agent file", path, " left out", why);
}

static void warn_dir(struct agents *a, const char *path, const char *why)
{
	warn_path(a, "agents in", path, " cannot be read", why);
}

static char *join(const char *dir, const char *name)
{
	struct buf path = BUF_INIT;

	buf_addf(&path, "%s/%s", dir, name);
	return buf_detach(&path);
}

/*
 * Files
 */

/* Reads a regular file: how many bytes, or -1 when that failed (which was said). */
static ssize_t read_regular(struct agents *a, int dir, const char *name, const char *path,
    char *data)
{
	struct stat st;
	ssize_t n;
	/* a FIFO without a writer would be waited for */
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0) {
		warn_left_out(a, path, strerror(errno));
		return -1;
	}
	if (fstat(fd, &st) != 0) {
		warn_left_out(a, path, strerror(errno));
		n = -1;
	} else if (!S_ISREG(st.st_mode)) {
		if (!S_ISDIR(st.st_mode))
			warn_left_out(a, path, "it is no regular file");
		n = -1;
	} else {
		n = read_all(fd, data, FILE_MAX + 1);
		if (n < 0)
			warn_left_out(a, path, strerror(errno));
	}
	close(fd);
	if (n > FILE_MAX) {
		warn_left_out(a, path, "it is larger than 1 MiB");
		n = -1;
	}
	return n;
}

static void add_entry(struct agents *a, struct agent *agent, size_t dir)
{
	if (a->nentries == a->cap) {
		a->cap = a->cap > 0 ? 2 * a->cap : 32;
		a->entries = xreallocarray(a->entries, a->cap, sizeof(*a->entries));
	}
	a->entries[a->nentries].agent = agent;
	a->entries[a->nentries++].dir = dir;
}

static void load_file(struct agents *a, int fd, const char *dir, const char *name, char *data)
{
	char *path = join(dir, name);
	char *stem = xmemdup0(name, strlen(name) - strlen(suffix));
	ssize_t n = read_regular(a, fd, name, path, data);
	const char *why = NULL;
	struct agent *agent;

	if (n >= 0) {
		agent = agent_parse(path, stem, data, (size_t)n, &why);
		if (agent != NULL) {
			add_entry(a, agent, a->ndirs);
			if (why != NULL)
				warn_path(a, "agent file", path, "", why);
		} else if (why != NULL) {
			warn_left_out(a, path, why);
		} else if (strcasecmp(stem, "README") != 0) {
			warn_left_out(a, path, "it has no front matter (a first line '---')");
		}
	}
	free(stem);
	free(path);
}

/*
 * Directories
 */
static bool wanted(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && len > strlen(suffix) &&
	    strcmp(name + len - strlen(suffix), suffix) == 0;
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names of the Markdown files, sorted: nothing depends on the order of the directory. */
static void list_files(struct agents *a, DIR *stream, const char *path, struct file_names *names)
{
	struct dirent *d;

	while (errno = 0, (d = readdir(stream)) != NULL) {
		if (!wanted(d->d_name))
			continue;
		if (names->count == names->cap) {
			names->cap = names->cap > 0 ? 2 * names->cap : 32;
			names->list = xreallocarray(names->list, names->cap, sizeof(*names->list));
		}
		names->list[names->count++] = xstrdup(d->d_name);
	}
	if (errno != 0)
		warn_dir(a, path, strerror(errno));
	if (names->count > 1)
		qsort(names->list, names->count, sizeof(*names->list), compare_strings);
}

static DIR *open_dir(struct agents *a, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream;

	if (fd < 0) {
		int error = errno;

		/* not there at all when something on the way to it is no directory */
		if (error != ENOENT && (error != ENOTDIR || stat(path, &st) == 0))
			warn_dir(a, path, strerror(error));
		return NULL;
	}
	stream = fdopendir(fd);
	if (stream == NULL) {
		warn_dir(a, path, strerror(errno));
		close(fd);
	}
	return stream;
}

static bool seen_before(struct agents *a, const char *path, int fd)
{
	struct stat st;
	size_t i;

	if (fstat(fd, &st) != 0) {
		warn_dir(a, path, strerror(errno));
		return true;
	}
	if (a->ndirs == DIRS_MAX)
		return true;
	for (i = 0; i < a->ndirs; i++) {
		if (a->dirs[i].dev == st.st_dev && a->dirs[i].ino == st.st_ino)
			return true;
	}
	a->dirs[a->ndirs].dev = st.st_dev;
	a->dirs[a->ndirs++].ino = st.st_ino;
	return false;
}

static void load_dir(struct agents *a, const char *path, char *data)
{
	struct file_names names = { NULL, 0, 0 };
	DIR *stream = open_dir(a, path);
	size_t i;

	if (stream == NULL)
		return;
	if (!seen_before(a, path, dirfd(stream)))
		list_files(a, stream, path, &names);
	for (i = 0; i < names.count; i++) {
		load_file(a, dirfd(stream), path, names.list[i], data);
		free(names.list[i]);
	}
	free(names.list);
	closedir(stream);
}

static void load_below(struct agents *a, const char *root, const char *dir, char *data)
{
	char *path = join(root, dir);

	load_dir(a, path, data);
	free(path);
}

static const char *absolute_env(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] == '/' ? value : NULL;
}

static void load_user(struct agents *a, char *data)
{
	const char *home = absolute_env("HOME");
	const char *config = absolute_env("XDG_CONFIG_HOME");
	size_t i;

	if (config != NULL)
		load_below(a, config, "pollard/agents", data);
	else if (home != NULL)
		load_below(a, home, ".config/pollard/agents", data);
	for (i = 0; home != NULL && i < sizeof(home_dirs) / sizeof(home_dirs[0]); i++)
		load_below(a, home, home_dirs[i], data);
}

static void load_all(struct agents *a, const char *dir, char *data)
{
	const size_t n = sizeof(project_dirs) / sizeof(project_dirs[0]);
	size_t i;

	for (i = 0; dir != NULL && *dir != '\0' && i < n; i++)
		load_below(a, dir, project_dirs[i], data);
	for (i = 0; i < n; i++)
		load_dir(a, project_dirs[i], data);
	load_user(a, data);
	load_below(a, data_directory(), "agents", data);
}

/*
 * Names
 */
static int compare_entries(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;
	int order = strcmp(a->agent->name, b->agent->name);

	if (order != 0)
		return order;
	if (a->dir != b->dir)
		return a->dir < b->dir ? -1 : 1;
	return strcmp(a->agent->path, b->agent->path);
}

/* The first of these files wins and hides the others, count - 1 of them. */
static void add_usable(struct agents *a, const struct entry *first, size_t count)
{
	const char **hides = NULL;
	size_t i;

	if (count > 1) {
		hides = xcalloc(count, sizeof(*hides));
		for (i = 1; i < count; i++)
			hides[i - 1] = first[i].agent->path;
		first->agent->hides = hides;
	}
	a->names[a->nusable] = first->agent->name;
	a->usable[a->nusable++] = first->agent;
}

/* These files, count of them, are of one directory. */
static void add_clash(struct agents *a, const struct entry *first, size_t count)
{
	struct buf line = BUF_INIT;
	size_t i;

	buf_addf(&line, "agent '%s' is ambiguous, rename all but one of: ", first->agent->name);
	for (i = 0; i < count; i++) {
		buf_addstr(&line, i > 0 ? ", '" : "'");
		text_safe_line(&line, first[i].agent->path, strlen(first[i].agent->path));
		buf_addch(&line, '\'');
	}
	add_warning(a, xstrdup(buf_str(&line)));
	a->clashes = xreallocarray(a->clashes, a->nclashes + 1, sizeof(*a->clashes));
	a->clashes[a->nclashes].name = first->agent->name;
	a->clashes[a->nclashes++].line = buf_detach(&line);
}

/* Decides which file each name means. */
static void resolve(struct agents *a)
{
	size_t i, same_name, same_dir;

	if (a->nentries > 1)
		qsort(a->entries, a->nentries, sizeof(*a->entries), compare_entries);
	a->usable = xcalloc(a->nentries + 1, sizeof(*a->usable));
	a->names = xcalloc(a->nentries + 1, sizeof(*a->names));
	for (i = 0; i < a->nentries; i += same_name) {
		const struct entry *e = &a->entries[i];

		same_name = same_dir = 1;
		while (i + same_name < a->nentries &&
		    strcmp(e[same_name].agent->name, e->agent->name) == 0)
			same_name++;
		while (same_dir < same_name && e[same_dir].dir == e->dir)
			same_dir++;
		if (same_dir > 1)
			add_clash(a, e, same_dir);
		else
			add_usable(a, e, same_name);
	}
}

struct agents *agents_load(const char *dir)
{
	struct agents *a = xcalloc(1, sizeof(*a));
	/* one for all files: pages that no file reaches are never touched */
	char *data = xmalloc(FILE_MAX + 1);

	load_all(a, dir, data);
	free(data);
	resolve(a);
	return a;
}

void agents_free(struct agents *a)
{
	size_t i;

	if (a == NULL)
		return;
	for (i = 0; i < a->nentries; i++)
		agent_free(a->entries[i].agent);
	for (i = 0; i < a->nclashes; i++)
		free(a->clashes[i].line);
	for (i = 0; i < a->nwarnings; i++)
		free(a->warnings[i]);
	free(a->entries);
	free(a->usable);
	free(a->names);
	free(a->clashes);
	free(a->warnings);
	free(a);
}

static int compare_name(const void *name, const void *agent)
{
	return strcmp(name, (*(const struct agent *const *)agent)->name);
}

const struct agent *agents_find(const struct agents *a, const char *name)
{
	const struct agent **found =
	    bsearch(name, a->usable, a->nusable, sizeof(*a->usable), compare_name);

	return found != NULL ? *found : NULL;
}

const char *agents_suggest(const struct agents *a, const char *name)
{
	return names_suggest(name, a->names, a->nusable);
}

const char *agents_ambiguous(const struct agents *a, const char *name)
{
	size_t i;

	for (i = 0; i < a->nclashes; i++) {
		if (strcmp(a->clashes[i].name, name) == 0)
			return a->clashes[i].line;
	}
	return NULL;
}

const struct agent *const *agents_list(const struct agents *a, size_t *count)
{
	*count = a->nusable;
	return a->usable;
}

const char *const *agents_warnings(const struct agents *a, size_t *count)
{
	*count = a->nwarnings;
	return (const char *const *)a->warnings;
}
