#include "supervisor/options/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/io.h"
#include "shared/text.h"
#include "shared/xalloc.h"

static const char project_name[] = "pollard.yaml";
static const char user_name[] = "pollard/config.yaml";

/* The project's and the user's. */
#define FILES 2

/* One file; the settings point into its document. Part of struct settings. */
struct file {
	char *path;
	struct document document;
};

/* Made by settings_load(), read by the functions of settings.h, freed by settings_free(). */
struct settings {
	struct file files[FILES];
	size_t nfiles;
	struct setting *list;
	size_t count;
	size_t cap;
	char *warning;
};

static char *join(const char *dir, const char *name)
{
	struct buf path = BUF_INIT;
	size_t len = strlen(dir);

	buf_addf(&path, "%s%s%s", dir, len > 0 && dir[len - 1] == '/' ? "" : "/", name);
	return buf_detach(&path);
}

/*
 * The document
 */
static const char *kind_of(const cJSON *node)
{
	if (cJSON_IsArray(node))
		return "a list";
	if (cJSON_IsObject(node))
		return "a mapping";
	return "nothing";
}

/* NULL when the option could not be typed so. */
static const char *text_of(const cJSON *node)
{
	if (cJSON_IsTrue(node))
		return "true";
	if (cJSON_IsFalse(node))
		return "false";
	return cJSON_IsString(node) || cJSON_IsNumber(node) ? node->valuestring : NULL;
}

static void add_setting(struct settings *s, const struct file *file, const cJSON *node,
    struct diag *diag)
{
	struct setting setting = {
		.key = node->string,
		.value = text_of(node),
		.file = file->path,
		.key_place = document_key_place(&file->document, node),
		.place = document_place(&file->document, node),
	};

	if (setting.value == NULL) {
		diag_add(diag, file->path, setting.place.line, setting.place.column,
		    "'%s': expected a text, a number, true or false, got %s", safe(node->string),
		    kind_of(node));
		return;
	}
	if (s->count == s->cap) {
		s->cap = s->cap == 0 ? 16 : s->cap * 2;
		s->list = xreallocarray(s->list, s->cap, sizeof(*s->list));
	}
	s->list[s->count++] = setting;
}

/* Nothing but blanks and comments: a file in which all settings are commented out. */
static bool says_nothing(const struct buf *text)
{
	const char *p = buf_str(text);

	if (strncmp(p, "\xef\xbb\xbf", 3) == 0)
		p += 3;
	while (p += strspn(p, " \t\r\n"), *p == '#')
		p += strcspn(p, "\n");
	return p == buf_str(text) + text->len;
}

static void parse(struct settings *s, struct file *file, const struct buf *text, struct diag *diag)
{
	const cJSON *root, *node;

	if (says_nothing(text) ||
	    document_read(&file->document, file->path, text->data, text->len, DOCUMENT_YAML,
		diag) != 0)
		return;
	root = file->document.root;
	if (!cJSON_IsObject(root)) {
		diag_add(diag, file->path, 1, 0, "expected options as keys, such as 'jobs: 8'");
		return;
	}
	cJSON_ArrayForEach(node, root) add_setting(s, file, node, diag);
}

/*
 * Files
 */
static bool trusted(uid_t owner)
{
	return owner == 0 || owner == geteuid();
}

/* 0, or -1 and one line in diag. */
static int read_open_file(int fd, const char *path, const struct stat *st, struct buf *text,
    struct diag *diag)
{
	ssize_t n;

	if (!S_ISREG(st->st_mode)) {
		diag_add(diag, path, 0, 0, "cannot read the settings: not a regular file");
		return -1;
	}
	n = read_all(fd, buf_reserve(text, SETTINGS_MAX + 1), SETTINGS_MAX + 1);
	if (n < 0) {
		diag_add(diag, path, 0, 0, "cannot read the settings: %s", strerror(errno));
		return -1;
	}
	if (n > SETTINGS_MAX) {
		diag_add(diag, path, 0, 0, "longer than %d KiB, the most that settings may have",
		    SETTINGS_MAX / 1024);
		return -1;
	}
	text->len = (size_t)n;
	buf_str(text);
	return 0;
}

/* Takes the path. */
static struct file *add_file(struct settings *s, char *path)
{
	struct file *file = &s->files[s->nfiles++];

	file->path = path;
	return file;
}

static void read_descriptor(struct settings *s, struct file *file, int fd, const struct stat *st,
    struct diag *diag)
{
	struct buf text = BUF_INIT;

	if (read_open_file(fd, file->path, st, &text, diag) == 0)
		parse(s, file, &text, diag);
	buf_free(&text);
}

/*
 * The project's
 */
static void warn(struct settings *s, const char *path, const char *what, uid_t owner)
{
	struct buf line = BUF_INIT;

	buf_addf(&line,
	    "'%s' is not used: %s belongs to user %u, and settings can name programs to run", path,
	    what, (unsigned)owner);
	s->warning = xstrdup(safe(buf_str(&line)));
	buf_free(&line);
}

static int open_settings(int dirfd, const char *name)
{
	int fd;

	/* whoever made a FIFO of that name shall not make us wait */
	do
		fd = openat(dirfd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	while (fd == -1 && errno == EINTR);
	return fd;
}

static void use_project(struct settings *s, int dirfd, const char *path, struct diag *diag)
{
	struct stat st;
	int fd = open_settings(dirfd, project_name);

	if (fd == -1 || fstat(fd, &st) != 0)
		diag_add(diag, path, 0, 0, "cannot read the settings: %s", strerror(errno));
	else if (!trusted(st.st_uid))
		warn(s, path, "it", st.st_uid);
	else
		read_descriptor(s, add_file(s, xstrdup(path)), fd, &st, diag);
	if (fd != -1)
		close(fd);
}

/* Whether the search ends in this directory. */
static bool look_into(struct settings *s, int dirfd, const char *path, struct diag *diag)
{
	struct stat dir, name;

	if (fstat(dirfd, &dir) != 0)
		return true;
	/* what lies above a stranger's directory is not what this one belongs to */
	if (fstatat(dirfd, project_name, &name, AT_SYMLINK_NOFOLLOW) != 0)
		return !trusted(dir.st_uid);
	if (!trusted(dir.st_uid))
		warn(s, path, "its directory", dir.st_uid);
	else if (!trusted(name.st_uid))
		warn(s, path, "it", name.st_uid);
	else
		use_project(s, dirfd, path, diag);
	return true;
}

static bool look_below(struct settings *s, const char *dir, struct diag *diag)
{
	int dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char *path;
	bool end;

	if (dirfd == -1)
		return true;
	path = join(dir, project_name);
	end = look_into(s, dirfd, path, diag);
	free(path);
	close(dirfd);
	return end;
}

static void load_project(struct settings *s, struct diag *diag)
{
	char *dir = getcwd(NULL, 0);

	/* without a working directory there is no project; "(unreachable)/..." is none either */
	if (dir == NULL || dir[0] != '/') {
		free(dir);
		return;
	}
	while (!look_below(s, dir, diag) && dir[1] != '\0') {
		char *slash = strrchr(dir, '/');

		slash[slash == dir ? 1 : 0] = '\0';
	}
	free(dir);
}

/*
 * The user's
 */
static char *user_path(void)
{
	const char *config = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");
	char *dir, *path;

	if (config != NULL && config[0] == '/')
		return join(config, user_name);
	if (home == NULL || home[0] != '/')
		return NULL;
	dir = join(home, ".config");
	path = join(dir, user_name);
	free(dir);
	return path;
}

/* In a home directory of somebody else (su without a login) there is nothing for this user. */
static bool out_of_reach(const char *path)
{
	char *dir = xstrdup(path);
	char *slash = strrchr(dir, '/');
	int error = errno;
	bool hidden;

	*slash = '\0';
	hidden = error == EACCES && access(dir, X_OK) != 0;
	free(dir);
	errno = error;
	return hidden;
}

/* The environment says where it is, so that it is trusted as the environment is. */
static void load_user(struct settings *s, struct diag *diag)
{
	char *path = user_path();
	struct file *file;
	struct stat st;
	int fd;

	if (path == NULL)
		return;
	file = add_file(s, path);
	fd = open_settings(AT_FDCWD, path);
	if (fd == -1 && (errno == ENOENT || errno == ENOTDIR || out_of_reach(path)))
		return;
	if (fd == -1 || fstat(fd, &st) != 0)
		diag_add(diag, path, 0, 0, "cannot read the settings: %s", strerror(errno));
	else
		read_descriptor(s, file, fd, &st, diag);
	if (fd != -1)
		close(fd);
}

struct settings *settings_load(struct diag *diag)
{
	struct settings *s = xcalloc(1, sizeof(*s));
	size_t before = diag->count;

	load_project(s, diag);
	load_user(s, diag);
	if (diag->count == before)
		return s;
	settings_free(s);
	return NULL;
}

void settings_free(struct settings *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->nfiles; i++) {
		document_free(&s->files[i].document);
		free(s->files[i].path);
	}
	free(s->list);
	free(s->warning);
	free(s);
}

const struct setting *settings_list(const struct settings *s, size_t *count)
{
	*count = s->count;
	return s->list;
}

const char *settings_warning(const struct settings *s)
{
	return s->warning;
}
