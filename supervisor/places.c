#include "supervisor/places.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/removal.h"
#include "shared/xalloc.h"

#define TMP_NAME "tmp"
#define CONFIG_NAME "config"
#define PREFIX "pollard-"
/*
 * The name of a socket has 107 bytes at most, with its directory; what clients make there themselves,
 * such as "/.org.chromium.Chromium.a1B2c3/SingletonSocket", takes up to 47.
 */
#define SOCKET_MAX 107
#define CLIENT_MAX 47
/* "/" and the name of one attempt's directory. */
#define ATTEMPT_LEN 8
#define SHORT_MAX (SOCKET_MAX - CLIENT_MAX - ATTEMPT_LEN)
/* Where the user wants temporary files is more important than the longest of these names. */
#define WANTED_MAX (SOCKET_MAX - 20 - ATTEMPT_LEN)
#define TRIES 100
#define LIMIT_MS 10000

void places_init(struct places *p, int dirfd, const char *path, const char *run)
{
	*p = (struct places){ .dirfd = dirfd, .path = path, .run = run };
}

/* In the run directory; NULL when that is not there, or the path too long. */
static char *inside(const struct places *p, size_t max)
{
	struct buf path = BUF_INIT;

	if (p->dirfd < 0)
		return NULL;
	buf_addf(&path, "%s/%s", p->path, TMP_NAME);
	if (path.len <= max)
		return buf_detach(&path);
	buf_free(&path);
	return NULL;
}

/*
 * Only the link is made here: whoever finds it can remove what it names. The directory itself is made
 * by the attempt that needs it and goes with the last one, so that a sudden end of ours leaves none.
 */
static bool make_linked(const struct places *p, const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0) {
		errno = EEXIST;
		return false;
	}
	return p->dirfd < 0 || symlinkat(path, p->dirfd, TMP_NAME) == 0;
}

/* A directory of the run's own in `above`, which is for everybody; NULL: there can be none. */
static char *outside(const struct places *p, const char *above, size_t max)
{
	struct buf path = BUF_INIT;

	for (int i = 0; i < TRIES; i++) {
		buf_reset(&path);
		buf_addf(&path, "%s/%s%s-%04x", above, PREFIX, p->run, arc4random_uniform(0x10000));
		if (path.len > max)
			break;
		if (make_linked(p, buf_str(&path)))
			return buf_detach(&path);
		if (errno != EEXIST)
			break;
	}
	buf_free(&path);
	return NULL;
}

static char *choose_tmp(const struct places *p)
{
	const char *named = getenv("TMPDIR");
	char *path = inside(p, SHORT_MAX);

	/* what an interrupted run has left would be in the way */
	if (p->dirfd >= 0)
		places_clear(p->dirfd, p->run, clock_mono_ms() + LIMIT_MS);
	if (path == NULL && named != NULL && *named == '/')
		path = outside(p, named, WANTED_MAX);
	if (path == NULL)
		path = outside(p, "/tmp", SHORT_MAX);
	if (path == NULL)
		path = inside(p, PATH_MAX);
	return path != NULL ? path : xstrdup("/tmp/" PREFIX "none");
}

const char *places_tmp(struct places *p)
{
	if (p->tmp == NULL)
		p->tmp = choose_tmp(p);
	return p->tmp;
}

void places_config(struct places *p, struct buf *out, const char *step, const char *task)
{
	const char *above = p->dirfd >= 0 ? p->path : places_tmp(p);

	buf_addf(out, "%s/%s/%s.%s", above, CONFIG_NAME, step, task);
}

/* Whether the link leads to a directory that this run can have made. */
static bool is_ours(const char *path, const char *run)
{
	const char *slash = strrchr(path, '/');
	size_t len = strlen(run);

	return path[0] == '/' && slash != NULL && strncmp(slash + 1, PREFIX, strlen(PREFIX)) == 0 &&
	    strncmp(slash + 1 + strlen(PREFIX), run, len) == 0 &&
	    slash[1 + strlen(PREFIX) + len] == '-';
}

/* Removes an absolute path, whose last name is no link to anything of somebody else. 0, or -1. */
static int remove_path(const char *path, int64_t until_ms)
{
	char *above = xstrdup(path);
	char *name = strrchr(above, '/');
	struct stat st;
	int result = 0;
	int fd;

	*name++ = '\0';
	fd = open(above, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) &&
	    st.st_uid == geteuid())
		result = remove_tree(fd, name, until_ms);
	if (fd >= 0)
		close(fd);
	free(above);
	return result;
}

void places_clear(int dirfd, const char *run, int64_t until_ms)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(dirfd, TMP_NAME, target, sizeof(target) - 1);

	if (len < 0) {
		if (errno == EINVAL)
			remove_tree(dirfd, TMP_NAME, until_ms);
		return;
	}
	target[len] = '\0';
	/* as long as something is left, the link says where */
	if (!is_ours(target, run) || remove_path(target, until_ms) == 0)
		unlinkat(dirfd, TMP_NAME, 0);
}

void places_end(struct places *p, bool more)
{
	int64_t until_ms = clock_mono_ms() + LIMIT_MS;

	if (p->dirfd >= 0) {
		places_clear(p->dirfd, p->run, until_ms);
		if (!more)
			remove_tree(p->dirfd, CONFIG_NAME, until_ms);
	} else if (p->tmp != NULL) {
		remove_path(p->tmp, until_ms);
	}
	free(p->tmp);
	p->tmp = NULL;
}
