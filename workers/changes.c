#include "workers/changes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/clock.h"
#include "shared/text.h"
#include "shared/xalloc.h"

#define ENTRIES_MAX 100000
#define LIMIT_MS 2000
#define DEPTH_MAX 64
/* Some file systems keep whole seconds, some even ones. */
#define COARSE_SECONDS 2
#define CLOCK_SLACK_MS 1000
/* Patterns that a warning names. */
#define NAMES_MAX 3
/* Not in linux/magic.h of all systems. */
#define MAGIC_CIFS 0xFF534D42
#define MAGIC_SMB2 0xFE534D42
#define MAGIC_FUSE 0x65735546
#define MAGIC_CEPH 0x00C36400
#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

enum finding { NOTHING, CHANGED, UNSURE };

/* A directory that is not looked at, by what it is and not by its name. */
struct identity {
	bool known;
	dev_t device;
	ino_t inode;
};

/* One search, on the stack of changes_check(). */
struct search {
	struct timespec since;
	int64_t until_ms;
	unsigned entries;
	dev_t device;
	struct identity record;
	struct identity scratch;
};

struct moment moment_now(const char *directory)
{
	struct moment m = { .mono_ms = clock_mono_ms() };
	struct stat st;

	/* only what somebody has looked at is stamped more exactly than by the tick */
	if (directory != NULL && stat(directory, &st) == 0 && chmod(directory, 0700) == 0 &&
	    stat(directory, &st) == 0 && st.st_ctim.tv_nsec != 0)
		m.wall = st.st_ctim;
	else
		clock_gettime(CLOCK_REALTIME_COARSE, &m.wall);
	return m;
}

/* Somebody may have put the clock back: then what was written since bears times from before. */
static bool clock_is_sound(struct moment since)
{
	struct moment now = moment_now(NULL);
	int64_t wall_ms = (int64_t)(now.wall.tv_sec - since.wall.tv_sec) * 1000 +
	    (now.wall.tv_nsec - since.wall.tv_nsec) / 1000000;

	return wall_ms >= now.mono_ms - since.mono_ms - CLOCK_SLACK_MS;
}

static bool is_newer(const struct search *s, const struct stat *st)
{
	if (st->st_ctim.tv_nsec == 0)
		return st->st_ctim.tv_sec >= s->since.tv_sec - COARSE_SECONDS;
	if (st->st_ctim.tv_sec != s->since.tv_sec)
		return st->st_ctim.tv_sec > s->since.tv_sec;
	return st->st_ctim.tv_nsec >= s->since.tv_nsec;
}

static bool is_same(const struct identity *i, const struct stat *st)
{
	return i->known && st->st_dev == i->device && st->st_ino == i->inode;
}

/* Files of another machine bear the times of its clock. */
static bool is_local(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	switch ((unsigned long)fs.f_type) {
	case NFS_SUPER_MAGIC:
	case SMB_SUPER_MAGIC:
	case V9FS_MAGIC:
	case AFS_SUPER_MAGIC:
	case CODA_SUPER_MAGIC:
	case MAGIC_CIFS:
	case MAGIC_SMB2:
	case MAGIC_FUSE:
	case MAGIC_CEPH:
		return false;
	default:
		return true;
	}
}

static enum finding search_directory(struct search *s, int fd, unsigned depth);

/* What lies behind a link is not walked through: it may be anything. */
static enum finding look_behind(const struct search *s, int dir, const char *name)
{
	struct stat st;

	if (fstatat(dir, name, &st, 0) < 0)
		return NOTHING;
	if (S_ISDIR(st.st_mode))
		return UNSURE;
	return is_newer(s, &st) ? CHANGED : NOTHING;
}

static enum finding look_at(struct search *s, int dir, const char *name, unsigned depth)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		/* it was there a moment ago */
		return UNSURE;
	if (is_same(&s->record, &st) || is_same(&s->scratch, &st))
		return NOTHING;
	if (is_newer(s, &st))
		return CHANGED;
	if (S_ISLNK(st.st_mode))
		return look_behind(s, dir, name);
	if (!S_ISDIR(st.st_mode))
		return NOTHING;
	if (st.st_dev != s->device || depth >= DEPTH_MAX)
		return UNSURE;

	int fd = openat(dir, name, OPEN_DIR | O_NOFOLLOW);
	return fd < 0 ? UNSURE : search_directory(s, fd, depth + 1);
}

static bool is_passed_over(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, ".git") == 0;
}

/* Closes fd. */
static enum finding search_directory(struct search *s, int fd, unsigned depth)
{
	enum finding found = NOTHING;
	const struct dirent *entry;
	DIR *list = fdopendir(fd);

	if (list == NULL) {
		close(fd);
		return UNSURE;
	}
	while (found == NOTHING && (entry = readdir(list)) != NULL) {
		if (is_passed_over(entry->d_name))
			continue;
		if (++s->entries > ENTRIES_MAX || clock_mono_ms() >= s->until_ms)
			found = UNSURE;
		else
			found = look_at(s, fd, entry->d_name, depth);
	}
	closedir(list);
	return found;
}

/* What is not there may have been removed: then the directory that it was in has changed. */
static enum finding look_above(const struct search *s, int base, char *path)
{
	for (;;) {
		char *slash = strrchr(path, '/');
		struct stat st;

		if (slash == NULL)
			memcpy(path, ".", 2);
		else
			slash[slash == path ? 1 : 0] = '\0';
		if (fstatat(base, path, &st, 0) == 0)
			return is_newer(s, &st) ? CHANGED : NOTHING;
		if ((errno != ENOENT && errno != ENOTDIR) || slash == NULL || slash == path)
			return UNSURE;
	}
}

/* The directory that all of a pattern lies below, or the file that it is. Owned by the caller. */
static char *plain_beginning(const char *pattern)
{
	size_t len = strcspn(pattern, "*?[");

	if (pattern[len] != '\0')
		while (len > 0 && pattern[len - 1] != '/')
			len--;
	while (len > 1 && pattern[len - 1] == '/')
		len--;
	return len > 0 ? xmemdup0(pattern, len) : xstrdup(".");
}

static enum finding search_path(struct search *s, int base, char *path)
{
	struct stat st;
	int fd;

	if (fstatat(base, path, &st, 0) < 0)
		return errno == ENOENT || errno == ENOTDIR ? look_above(s, base, path) : UNSURE;
	if (is_newer(s, &st))
		return CHANGED;
	if (!S_ISDIR(st.st_mode))
		return NOTHING;
	fd = openat(base, path, OPEN_DIR);
	if (fd < 0)
		return UNSURE;
	if (!is_local(fd)) {
		close(fd);
		return UNSURE;
	}
	s->device = st.st_dev;
	return search_directory(s, fd, 0);
}

static enum finding search_pattern(struct search *s, int base, const char *pattern)
{
	char *path = plain_beginning(pattern);
	enum finding found = search_path(s, base, path);

	free(path);
	return found;
}

static struct identity identity_of(int dir, const char *path)
{
	struct stat st;

	if (path == NULL || fstatat(dir, path, &st, 0) < 0)
		return (struct identity){ .known = false };
	return (struct identity){ .known = true, .device = st.st_dev, .inode = st.st_ino };
}

static void warn(struct result *r, const struct job *job)
{
	struct buf warning = BUF_INIT;
	size_t count = 0;

	buf_addstr(&warning, "it said it writes");
	for (; job->writes[count] != NULL; count++)
		if (count < NAMES_MAX)
			buf_addf(&warning, "%s '%s'", count > 0 ? "," : "",
			    safe(job->writes[count]));
	if (count > NAMES_MAX)
		buf_addf(&warning, " and %zu more", count - NAMES_MAX);
	result_add_warning(r, "%s, and nothing there was changed", buf_str(&warning));
	buf_free(&warning);
}

void changes_check(struct result *r, const struct job *job, struct moment since,
    const char *scratch)
{
	struct search s = {
		.since = since.wall,
		.until_ms = clock_mono_ms() + LIMIT_MS,
		/* a run directory is two below the state directory, its out/ three */
		.record = identity_of(job->out_dirfd, job->out_dirfd >= 0 ? "../../.." : NULL),
		.scratch = identity_of(AT_FDCWD, scratch),
	};
	enum finding found = NOTHING;
	int base;

	if (job->writes == NULL || job->writes[0] == NULL || r->status != RESULT_SUCCEEDED ||
	    !clock_is_sound(since))
		return;
	base = open(job->cwd != NULL ? job->cwd : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (base < 0)
		return;
	for (size_t i = 0; found == NOTHING && job->writes[i] != NULL; i++)
		found = search_pattern(&s, base, job->writes[i]);
	close(base);
	if (found == NOTHING)
		warn(r, job);
}
