#include "supervisor/record/lease.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shared/clock.h"

/* Workers see the end of their supervisor within 100 ms. */
#define NAP_FIRST_MS 1
#define NAP_MAX_MS 50

static int fail(int fd, int error)
{
	close(fd);
	errno = error;
	return -1;
}

static int open_lease(int dirfd)
{
	/* O_NONBLOCK: a FIFO of that name must not hold us up */
	int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	int fd = openat(dirfd, LEASE_NAME, flags, 0600);
	struct stat st;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1)
		return fail(fd, errno);
	if (!S_ISREG(st.st_mode))
		return fail(fd, EINVAL);
	/* a umask may take away what is needed to open it again */
	if (fchmod(fd, 0600) == -1)
		return fail(fd, errno);
	return fd;
}

int lease_take(int dirfd)
{
	int fd = open_lease(dirfd);

	if (fd != -1 && flock(fd, LOCK_EX | LOCK_NB) == -1)
		return fail(fd, errno);
	return fd;
}

/* -1 with EINTR. */
static int nap(int64_t ms)
{
	const struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	return nanosleep(&time, NULL);
}

/* A flock() that waits has no limit of time, so this one looks again and again. */
int lease_wait_gone(int dirfd, int64_t timeout_ms)
{
	int64_t end = clock_mono_ms() + timeout_ms;
	int64_t ms = NAP_FIRST_MS;
	int fd = open_lease(dirfd);

	if (fd == -1)
		return -1;
	while (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		int64_t left = end - clock_mono_ms();

		if (errno != EWOULDBLOCK && errno != EINTR)
			return fail(fd, errno);
		if (left <= 0)
			return fail(fd, ETIMEDOUT);
		if (nap(ms < left ? ms : left) == -1)
			return fail(fd, errno);
		ms = ms * 2 < NAP_MAX_MS ? ms * 2 : NAP_MAX_MS;
	}
	return fd;
}
