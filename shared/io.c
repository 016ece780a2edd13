#include "shared/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/xalloc.h"

#define READ_STEP (64 * 1024)
#define TEMP_NAME_MAX 32
#define TEMP_TRIES 100

int write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		/* No file does this, but a device that did would hold us here for ever. */
		if (n == 0) {
			errno = EIO;
			return -1;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static ssize_t read_once(int fd, void *data, size_t len)
{
	ssize_t n;

	do
		n = read(fd, data, len);
	while (n < 0 && errno == EINTR);
	return n;
}

ssize_t read_all(int fd, void *data, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = read_once(fd, (char *)data + got, len - got);

		if (n < 0)
			return -1;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

ssize_t pread_all(int fd, void *data, size_t len, off_t offset)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = pread(fd, (char *)data + got, len - got, offset + (off_t)got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

int set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -1;
	return fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

static void close_keeping_errno(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
}

/* Opening a FIFO, or a file on a slow network, can be interrupted. */
static int open_again(int dirfd, const char *path, int flags, mode_t mode)
{
	int fd;

	do
		fd = openat(dirfd, path, flags | O_CLOEXEC | O_NOCTTY, mode);
	while (fd < 0 && errno == EINTR);
	return fd;
}

/* How much to read at first: a regular file's size and a byte to see its end; else a guess. */
static size_t first_step(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= READ_STEP)
		return (size_t)st.st_size + 1;
	return READ_STEP;
}

static int read_rest(int fd, struct buf *out, size_t max)
{
	size_t left = max, step = first_step(fd);

	for (;;) {
		/* One byte more than allowed, to see that there is more. */
		size_t want = step <= left ? step : left + 1;
		ssize_t n = read_once(fd, buf_reserve(out, want), want);

		if (n < 0)
			return -1;
		if (n == 0)
			return 0;
		if ((size_t)n > left) {
			errno = EFBIG;
			return -1;
		}
		out->len += (size_t)n;
		left -= (size_t)n;
		step = READ_STEP;
	}
}

int read_file_at(int dirfd, const char *path, struct buf *out, size_t max)
{
	size_t before = out->len;
	int fd, result;

	fd = open_again(dirfd, path, O_RDONLY, 0);
	if (fd < 0)
		return -1;
	result = read_rest(fd, out, max);
	close_keeping_errno(fd);
	if (result < 0)
		out->len = before;
	if (out->data != NULL)
		out->data[out->len] = '\0';
	return result;
}

static int sync_fd(int fd)
{
	int result;

	do
		result = fsync(fd);
	while (result < 0 && errno == EINTR);
	return result;
}

/* Some file systems cannot sync a directory and say EINVAL: they do it by themselves. */
static int sync_directory(int dirfd, const char *path)
{
	int fd = open_again(dirfd, path, O_RDONLY | O_DIRECTORY, 0);
	int result;

	if (fd < 0)
		return -1;
	result = sync_fd(fd);
	if (result < 0 && errno == EINVAL)
		result = 0;
	close_keeping_errno(fd);
	return result;
}

/* Creates a file of a new name in the directory; temp holds its path. */
static int create_temp(int dirfd, const char *directory, char *temp, size_t size)
{
	for (int i = 0; i < TEMP_TRIES; i++) {
		int fd;

		snprintf(temp, size, "%s.pollard-%08x%08x", directory, (unsigned)arc4random(),
		    (unsigned)arc4random());
		fd = open_again(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
		if (fd >= 0 || errno != EEXIST)
			return fd;
	}
	return -1;
}

static int fill_and_close(int fd, const void *data, size_t len, bool sync)
{
	/* a umask may have taken even the owner's rights */
	if (fchmod(fd, 0600) < 0 || write_all(fd, data, len) < 0 || (sync && sync_fd(fd) < 0)) {
		close_keeping_errno(fd);
		return -1;
	}
	/* A network file system may report a failed write only here; after EINTR fd is closed. */
	if (close(fd) < 0 && errno != EINTR)
		return -1;
	return 0;
}

/* "" for a path without a slash, else all of it up to the last slash. */
static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return xmemdup0(path, slash != NULL ? (size_t)(slash - path) + 1 : 0);
}

static int replace_in(int dirfd, const char *directory, char *temp, size_t temp_size,
    const char *path, const void *data, size_t len, bool sync)
{
	int fd = create_temp(dirfd, directory, temp, temp_size);

	if (fd < 0)
		return -1;
	if (fill_and_close(fd, data, len, sync) < 0 || renameat(dirfd, temp, dirfd, path) < 0) {
		int saved = errno;

		unlinkat(dirfd, temp, 0);
		errno = saved;
		return -1;
	}
	if (sync)
		return sync_directory(dirfd, directory[0] != '\0' ? directory : ".");
	return 0;
}

int replace_file_at(int dirfd, const char *path, const void *data, size_t len, bool sync)
{
	char *directory = directory_of(path);
	size_t temp_size = strlen(directory) + TEMP_NAME_MAX;
	char *temp = xmalloc(temp_size);
	int result = replace_in(dirfd, directory, temp, temp_size, path, data, len, sync);
	int saved = errno;

	free(temp);
	free(directory);
	errno = saved;
	return result;
}

int unnamed_file(const char *directory)
{
	char path[PATH_MAX];
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd;
	/* a file system without O_TMPFILE: a name for as long as it takes to remove it */
	if ((size_t)snprintf(path, sizeof(path), "%s/.pollard-XXXXXX", directory) >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}
