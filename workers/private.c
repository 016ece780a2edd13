#include "workers/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/xalloc.h"

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* The value that the task gives a variable; NULL: it gives none. */
static const char *task_value(const struct job *job, const char *name)
{
	for (size_t i = 0; i < job->nenv; i++)
		if (strcmp(job->env[i].name, name) == 0)
			return job->env[i].value;
	return NULL;
}

bool private_wanted(const struct job *job)
{
	return job->private_config != NULL && job->backend != NULL &&
	    job->backend->config_env != NULL && task_value(job, job->backend->config_env) == NULL;
}

/* Absolute; the caller frees it. NULL: the user has none. */
static char *users_directory(const struct job *job)
{
	const struct backend *b = job->backend;
	const char *named = getenv(b->config_env);
	const char *home = task_value(job, "HOME");
	struct buf path = BUF_INIT;

	if (named != NULL && *named != '\0')
		return realpath(named, NULL);
	if (home == NULL)
		home = getenv("HOME");
	if (home == NULL || *home != '/' || b->config_dir == NULL)
		return NULL;
	buf_addf(&path, "%s/%s", home, b->config_dir);
	return buf_detach(&path);
}

/* Opens a directory of ours below another one, which is made when it is missing; -1 with errno. */
static int enter(int parent, const char *name)
{
	struct stat st;
	int fd;

	if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
		return -1;
	fd = openat(parent, name, OPEN_DIR);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && fchmod(fd, 0700) == 0)
		return fd;
	close(fd);
	errno = EPERM;
	return -1;
}

/* Its parent is made as well. */
static int enter_path(const char *path)
{
	char *above = xstrdup(path);
	char *slash = strrchr(above, '/');
	int fd = -1, error;
	int parent;

	*slash = '\0';
	parent = enter(AT_FDCWD, above);
	if (parent >= 0)
		fd = enter(parent, slash + 1);
	error = errno;
	if (parent >= 0)
		close(parent);
	free(above);
	errno = error;
	return fd;
}

/* The directories in front of the name of a credential. */
static bool make_way(int dir, const char *name)
{
	const char *slash = strchr(name, '/');
	bool good = true;

	for (; slash != NULL && good; slash = strchr(slash + 1, '/')) {
		char *way = xmemdup0(name, (size_t)(slash - name));

		good = mkdirat(dir, way, 0700) == 0 || errno == EEXIST;
		free(way);
	}
	return good;
}

static bool link_one(int dir, const char *from, const char *name)
{
	struct buf target = BUF_INIT;
	struct stat st;
	bool good = true;

	buf_addf(&target, "%s/%s", from, name);
	if (stat(buf_str(&target), &st) == 0)
		good = make_way(dir, name) &&
		    (symlinkat(buf_str(&target), dir, name) == 0 || errno == EEXIST);
	buf_free(&target);
	return good;
}

static bool link_all(int dir, const struct job *job)
{
	const char *const *names = job->backend->credentials;
	char *from = users_directory(job);
	bool good = true;

	for (; from != NULL && good && names != NULL && *names != NULL; names++)
		good = link_one(dir, from, *names);
	free(from);
	return good;
}

bool private_make(const struct job *job)
{
	bool good;
	int dir;

	if (!private_wanted(job))
		return true;
	dir = enter_path(job->private_config);
	if (dir < 0)
		return false;
	good = link_all(dir, job);

	int error = errno;
	close(dir);
	errno = error;
	return good;
}
