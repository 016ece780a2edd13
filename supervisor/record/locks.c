#include "supervisor/record/locks.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/io.h"
#include "shared/text.h"
#include "supervisor/record/statedir.h"

#define LOCKS_NAME "locks"
#define SUFFIX ".lock"
/* Of a name as it stands in a file's name, which may have 255 bytes. */
#define ENCODED_MAX 200
/* Of a longer one that much stands there, for people, and a hash of all. */
#define ENCODED_KEPT 160

static bool is_plain(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	    c == '-' || c == '_';
}

/* FNV-1a. A name that is made to meet another one only keeps its own maker waiting. */
static uint64_t hash(const char *name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	return h;
}

/* Each byte that is not plain as %XX; a '~' comes from nothing else but a long name. */
static void add_encoded(struct buf *out, const char *name)
{
	size_t kept = 0;

	for (const char *c = name; *c != '\0'; c++) {
		if (is_plain((unsigned char)*c))
			buf_addch(out, *c);
		else
			buf_addf(out, "%%%02X", (unsigned char)*c);
		if (out->len <= ENCODED_KEPT)
			kept = out->len;
	}
	if (out->len > ENCODED_MAX) {
		out->len = kept;
		buf_addf(out, "~%zu-%016" PRIx64, strlen(name), hash(name));
	}
	buf_addstr(out, SUFFIX);
}

static int open_locks(const char *root, char **why)
{
	int runs = state_open_runs(root, true, why);
	int above = -1;
	int fd = -1;

	if (runs == -1)
		return -1;
	/* the state directory itself: that it is ours has just been looked at */
	above = openat(runs, "..", STATE_OPEN_DIR);
	if (above == -1) {
		state_fail(why, "cannot open directory '%s': %s", safe(root), strerror(errno));
	} else {
		char *path = state_join(root, LOCKS_NAME);
		fd = state_open_own(above, LOCKS_NAME, path, true, why);
		free(path);
	}
	state_close(&above);
	state_close(&runs);
	return fd;
}

static int refuse(const char *name, const char *root, int *fd, char **why)
{
	state_fail(why, "cannot lock the name '%s' in '%s/%s': %s", safe(name), safe(root),
	    LOCKS_NAME, strerror(errno));
	state_close(fd);
	return -1;
}

static int open_file(const char *root, const char *name, char **why)
{
	struct buf file = BUF_INIT;
	struct stat st;
	int locks = open_locks(root, why);
	int fd;

	if (locks == -1)
		return -1;
	add_encoded(&file, name);
	/* O_NONBLOCK: a FIFO of that name must not hold us up */
	fd = openat(locks, buf_str(&file), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
	    0600);
	buf_free(&file);
	state_close(&locks);
	if (fd == -1)
		return refuse(name, root, &fd, why);
	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)) {
		errno = EINVAL;
		return refuse(name, root, &fd, why);
	}
	/* a umask may take away what is needed to open it again */
	if (fchmod(fd, 0600) == -1)
		return refuse(name, root, &fd, why);
	return fd;
}

static void read_holder(int fd, char holder[RUN_ID_MAX])
{
	ssize_t got = pread_all(fd, holder, RUN_ID_MAX - 1, 0);
	size_t len = got > 0 ? (size_t)got : 0;

	holder[len] = '\0';
	holder[strspn(holder, "0123456789abcdef-")] = '\0';
}

static bool is_our_run(const char *holder)
{
	const char *run = getenv("POLLARD_RUN");

	return holder[0] != '\0' && run != NULL && strcmp(run, holder) == 0;
}

static int set_lock(int fd, int command)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, command, &lock) == 0)
		return 0;
	/* POSIX lets it be either */
	if (errno == EACCES && command == F_SETLK)
		errno = EAGAIN;
	return -1;
}

/* It is held: why we do not wait, or the waiting. 0 when it could be taken after all. */
static int wait_for(int fd, bool wait, char holder[RUN_ID_MAX])
{
	read_holder(fd, holder);
	if (!wait) {
		errno = EAGAIN;
		return -1;
	}
	/* it ends after we do */
	if (is_our_run(holder)) {
		errno = EDEADLK;
		return -1;
	}
	return set_lock(fd, F_SETLKW);
}

int name_lock(const char *root, const char *name, bool wait, char holder[RUN_ID_MAX], char **why)
{
	int fd;
	int result;

	*why = NULL;
	holder[0] = '\0';
	fd = open_file(root, name, why);
	if (fd == -1)
		return -1;
	result = set_lock(fd, F_SETLK);
	if (result == -1 && errno == EAGAIN)
		result = wait_for(fd, wait, holder);
	if (result == -1 && errno != EAGAIN && errno != EDEADLK && errno != EINTR)
		return refuse(name, root, &fd, why);
	if (result == -1) {
		state_close(&fd);
		return -1;
	}
	/* the one who had it is not who has it now */
	name_lock_tell(fd, "");
	return fd;
}

void name_lock_tell(int fd, const char *run)
{
	/* a lock is a lock, also when this could not be written: a full disk must not end the run */
	if (ftruncate(fd, 0) == 0 && pwrite(fd, run, strlen(run), 0) == -1)
		return;
}

void name_unlock(int fd)
{
	name_lock_tell(fd, "");
	close(fd);
}
