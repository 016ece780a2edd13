#include "shared/removal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shared/clock.h"

/* Directories that are open at once; what is deeper is moved up first. */
#define DEPTH_MAX 32
#define NAME_SIZE 32
#define PROC_SIZE 40

/* One removal, on the stack of remove_tree(). */
struct removal {
	int top; /* -1: not open yet */
	dev_t device;
	int64_t until_ms;
	unsigned moved; /* directories that were moved up, for their new names */
	int error;	/* the first; 0 */
};

static void note(struct removal *r)
{
	if (r->error == 0)
		r->error = errno;
}

static bool is_late(struct removal *r)
{
	if (r->until_ms == 0 || clock_mono_ms() < r->until_ms)
		return false;
	r->error = ETIMEDOUT;
	return true;
}

/* Opens a directory, never one that something is mounted on. -1 with errno. */
static int enter(int parent, const char *name, int flags)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
		.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
	};
	long fd = syscall(SYS_openat2, parent, name, &how, sizeof(how));

	/* old kernels do not know it, and some containers forbid what they do not know */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		return openat(parent, name, flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return (int)fd;
}

/* By way of /proc: fchmodat() would follow a link, and a directory that cannot be read not be opened. */
static void open_up(int parent, const char *name)
{
	char path[PROC_SIZE];
	int fd = enter(parent, name, O_PATH);

	if (fd < 0)
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	(void)!chmod(path, 0700);
	close(fd);
}

/* Whether it may be emptied, and can be from now on. The first one says which file system it is. */
static bool make_ready(struct removal *r, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	if (r->top < 0)
		r->device = st.st_dev;
	errno = EXDEV;
	if (st.st_dev != r->device)
		return false;
	return (st.st_mode & 0700) == 0700 || fchmod(fd, 0700) == 0;
}

/* A stream over a directory that can be emptied; NULL with errno. */
static DIR *open_list(struct removal *r, int parent, const char *name)
{
	int fd = enter(parent, name, O_RDONLY);
	DIR *list;
	int error;

	if (fd < 0 && errno == EACCES) {
		open_up(parent, name);
		fd = enter(parent, name, O_RDONLY);
	}
	if (fd < 0)
		return NULL;
	list = make_ready(r, fd) ? fdopendir(fd) : NULL;
	if (list != NULL)
		return list;
	error = errno;
	close(fd);
	errno = error;
	return NULL;
}

/* To the top, where it is met once more, with fewer directories open. */
static bool move_up(struct removal *r, int parent, const char *name)
{
	char up[NAME_SIZE];

	/* its entry for the directory above it changes as well */
	open_up(parent, name);
	do
		snprintf(up, sizeof(up), ".pollard-%u", r->moved++);
	while (renameat2(parent, name, r->top, up, RENAME_NOREPLACE) < 0 && errno == EEXIST);
	return faccessat(parent, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

static void empty(struct removal *r, DIR *list, unsigned depth);

static bool remove_directory(struct removal *r, int parent, const char *name, unsigned depth)
{
	DIR *list;

	if (depth >= DEPTH_MAX)
		return move_up(r, parent, name);
	list = open_list(r, parent, name);
	if (list == NULL)
		return false;
	empty(r, list, depth + 1);
	closedir(list);
	return unlinkat(parent, name, AT_REMOVEDIR) == 0;
}

static bool remove_entry(struct removal *r, int parent, const char *name, unsigned depth)
{
	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return true;
	/* EPERM is what POSIX gives for a directory, EISDIR what Linux gives */
	if (errno == EISDIR || errno == EPERM)
		return remove_directory(r, parent, name, depth);
	return false;
}

static bool is_self(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Again and again: a directory that changes under its reader may not show all of its entries. */
static void empty(struct removal *r, DIR *list, unsigned depth)
{
	const struct dirent *entry;
	bool progress = true;

	while (progress) {
		progress = false;
		rewinddir(list);
		while ((entry = readdir(list)) != NULL) {
			if (is_self(entry->d_name))
				continue;
			if (is_late(r))
				return;
			errno = 0;
			if (remove_entry(r, dirfd(list), entry->d_name, depth))
				progress = true;
			else
				note(r);
		}
	}
}

int remove_tree(int parent, const char *name, int64_t until_ms)
{
	struct removal r = { .top = -1, .until_ms = until_ms };
	DIR *list;

	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -1;
	list = open_list(&r, parent, name);
	if (list == NULL)
		return -1;
	r.top = dirfd(list);
	empty(&r, list, 0);
	closedir(list);
	if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (r.error != 0)
		errno = r.error;
	return -1;
}
