#include "supervisor/record/statedir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/record/rundir.h"

int state_fail(char **why, const char *fmt, ...)
{
	struct buf text = BUF_INIT;
	int error = errno;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	*why = buf_detach(&text);
	errno = error;
	return -1;
}

void state_close(int *fd)
{
	int error = errno;

	if (*fd != -1)
		close(*fd);
	*fd = -1;
	errno = error;
}

/* An environment variable that is set to something. */
static const char *env(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

char *state_join(const char *dir, const char *name)
{
	struct buf path = BUF_INIT;

	buf_addf(&path, "%s%s%s", dir, dir[strlen(dir) - 1] == '/' ? "" : "/", name);
	return buf_detach(&path);
}

static char *absolute(const char *path)
{
	char *cwd;
	char *joined;

	if (path[0] == '/')
		return xstrdup(path);
	cwd = getcwd(NULL, 0);
	if (cwd == NULL)
		return NULL;
	joined = state_join(cwd, path);
	free(cwd);
	return joined;
}

char *state_root(const struct config *config)
{
	const char *path = config->state_dir;

	if (path == NULL || path[0] == '\0')
		path = env("POLLARD_STATE_DIR");
	if (path != NULL)
		return absolute(path);
	path = env("XDG_STATE_HOME");
	if (path != NULL && path[0] == '/')
		return state_join(path, "pollard");
	path = env("HOME");
	if (path != NULL && path[0] == '/')
		return state_join(path, ".local/state/pollard");
	return NULL;
}

int state_make_dir(int parent, const char *name)
{
	/* a umask of 0777 would make a directory that we cannot open ourselves */
	mode_t mask = umask(077);
	int made = mkdirat(parent, name, 0700);

	umask(mask);
	return made;
}

int state_enter(int parent, const char *name, int flags, bool create)
{
	int fd = openat(parent, name, flags);

	if (fd != -1 || errno != ENOENT || !create)
		return fd;
	/* EEXIST: somebody was faster, which is as good */
	if (state_make_dir(parent, name) == -1 && errno != EEXIST)
		return -1;
	return openat(parent, name, flags);
}

/* The next component of *path, which then is what follows it; NULL at the end. To be freed. */
static char *next_component(const char **path)
{
	size_t len;
	char *name;

	*path += strspn(*path, "/");
	len = strcspn(*path, "/");
	if (len == 0)
		return NULL;
	name = xmemdup0(*path, len);
	*path += len;
	*path += strspn(*path, "/");
	return name;
}

/*
 * Opens an absolute path. Symbolic links are followed on the way (a home directory may be one),
 * but not at the end. The way needs no right to read.
 */
static int open_path(const char *path, bool create)
{
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char *name;

	while (fd != -1 && (name = next_component(&path)) != NULL) {
		bool last = path[0] == '\0';
		int flags = last ? STATE_OPEN_DIR : O_PATH | O_DIRECTORY | O_CLOEXEC;
		int next = state_enter(fd, name, flags, create);

		free(name);
		state_close(&fd);
		fd = next;
	}
	return fd;
}

static bool is_link(int parent, const char *name)
{
	struct stat st;

	return fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

/* Why a directory could not be opened or made. */
static int refuse_open(int parent, const char *name, const char *path, bool create, char **why)
{
	int error = errno;
	bool link = (error == ENOTDIR || error == ELOOP) && is_link(parent, name);

	errno = error;
	if (link)
		return state_fail(why,
		    "'%s' is a symbolic link: "
		    "give the directory itself with --state-dir",
		    safe(path));
	return state_fail(why, "cannot %s directory '%s': %s", create ? "create" : "open",
	    safe(path), strerror(error));
}

/* Others could otherwise put links where we write, or read what tasks said. */
static int check_owner(int fd, const char *path, char **why)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return state_fail(why, "cannot look at directory '%s': %s", safe(path),
		    strerror(errno));
	if (st.st_uid != geteuid()) {
		errno = EPERM;
		return state_fail(why,
		    "directory '%s' belongs to user %ju, not to you (%ju): "
		    "give one of your own with --state-dir",
		    safe(path), (uintmax_t)st.st_uid, (uintmax_t)geteuid());
	}
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		errno = EPERM;
		return state_fail(why,
		    "directory '%s' can be written to by others: "
		    "chmod go-w it, or give another one with --state-dir",
		    safe(path));
	}
	return 0;
}

static int open_root(const char *root, bool create, char **why)
{
	int fd = open_path(root, create);

	if (fd == -1)
		return refuse_open(AT_FDCWD, root, root, create, why);
	if (check_owner(fd, root, why) == -1)
		state_close(&fd);
	return fd;
}

int state_open_own(int parent, const char *name, const char *path, bool create, char **why)
{
	int fd = state_enter(parent, name, STATE_OPEN_DIR, create);

	if (fd == -1)
		return refuse_open(parent, name, path, create, why);
	if (check_owner(fd, path, why) == -1)
		state_close(&fd);
	return fd;
}

int state_open_runs(const char *root, bool create, char **why)
{
	int root_fd = open_root(root, create, why);
	char *path;
	int fd;

	if (root_fd == -1)
		return -1;
	path = state_join(root, STATE_RUNS);
	fd = state_open_own(root_fd, STATE_RUNS, path, create, why);
	free(path);
	state_close(&root_fd);
	return fd;
}
