#include "workers/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/removal.h"
#include "shared/xalloc.h"

#define TRIES 100
#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* Somebody who cleans up old files may have taken the directory away during a long run. */
static int open_parent(const char *path)
{
	int fd = open(path, OPEN_DIR);
	struct stat st;

	if (fd < 0 && errno == ENOENT && (mkdir(path, 0700) == 0 || errno == EEXIST))
		fd = open(path, OPEN_DIR);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid())
		return fd;
	close(fd);
	errno = EPERM;
	return -1;
}

/* Short, because sockets with long names are made below. */
static void choose_name(char name[SCRATCH_NAME_SIZE])
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";

	for (int i = 0; i < SCRATCH_NAME_SIZE - 1; i++)
		name[i] = letters[arc4random_uniform(sizeof(letters) - 1)];
	name[SCRATCH_NAME_SIZE - 1] = '\0';
}

/* A umask may have taken away what the client needs. */
static bool set_mode(const struct scratch *s)
{
	if (fchmodat(s->parent, s->name, 0700, 0) == 0)
		return true;

	int error = errno;
	unlinkat(s->parent, s->name, AT_REMOVEDIR);
	errno = error;
	return false;
}

static bool make_in(struct scratch *s)
{
	for (int i = 0; i < TRIES; i++) {
		choose_name(s->name);
		if (mkdirat(s->parent, s->name, 0700) == 0)
			return set_mode(s);
		if (errno != EEXIST)
			return false;
	}
	return false;
}

bool scratch_make(struct scratch *s, const char *parent)
{
	size_t size = strlen(parent) + SCRATCH_NAME_SIZE + 1;
	bool made = false;

	/* another attempt may be the last one for a moment, and take the directory away from under us */
	for (int i = 0; i < TRIES; i++) {
		s->parent = open_parent(parent);
		made = s->parent >= 0 && make_in(s);
		if (made)
			break;

		int error = errno;
		if (s->parent >= 0)
			close(s->parent);
		s->parent = -1;
		errno = error;
		if (error != ENOENT)
			return false;
	}
	if (!made)
		return false;
	s->path = xmalloc(size);
	snprintf(s->path, size, "%s/%s", parent, s->name);
	return true;
}

void scratch_remove(struct scratch *s)
{
	if (s->parent < 0)
		return;
	remove_tree(s->parent, s->name, clock_mono_ms() + SCRATCH_LIMIT_MS);
	close(s->parent);
	/* the directory that all attempts share, when this was the last one in it */
	*strrchr(s->path, '/') = '\0';
	rmdir(s->path);
	free(s->path);
	*s = (struct scratch)SCRATCH_INIT;
}
