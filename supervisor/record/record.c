#include "supervisor/record/record.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/exits.h"
#include "shared/io.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/record/lease.h"

static const char *temporary_directory(void)
{
	const char *dir = getenv("TMPDIR");
	return dir != NULL && dir[0] == '/' ? dir : "/tmp";
}

int record_unnamed_file(const struct record *r)
{
	return unnamed_file(r->dir.path);
}

static int status_of(int error)
{
	return error == EACCES || error == EPERM ? EXIT_PERMISSION : EXIT_NOSTATE;
}

/* The lock that says this run is going on; the kernel lets go of it however we end. */
int record_lock(int dirfd)
{
	int fd = openat(dirfd, LOCK_NAME, O_CREAT | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	/* a umask may take away what is needed to look at it again */
	if (fchmod(fd, 0600) == 0 && fcntl(fd, F_SETLK, &lock) == 0)
		return fd;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

static int open_directory(struct record *r)
{
	char *root = state_root(r->config);
	if (root == NULL) {
		warnx("no place for the state: HOME is not set; give '--state-dir DIR', or "
		      "'--no-record'");
		return EXIT_NOSTATE;
	}
	char *why = NULL;
	if (rundir_create(&r->dir, root, &why) < 0) {
		int status = status_of(errno);
		warnx("%s", why);
		free(why);
		free(root);
		return status;
	}
	free(root);
	r->kept = true;
	r->lock_fd = record_lock(r->dir.fd);
	if (r->lock_fd < 0) {
		warn("cannot lock '%s/%s'", safe(r->dir.path), LOCK_NAME);
		return EXIT_NOSTATE;
	}
	r->lease_fd = lease_take(r->dir.fd);
	if (r->lease_fd < 0) {
		warn("cannot lock '%s/%s'", safe(r->dir.path), LEASE_NAME);
		return EXIT_NOSTATE;
	}
	return 0;
}

static void no_directory(struct record *r)
{
	r->dir.fd = r->dir.out_fd = r->dir.merged_fd = -1;
	r->dir.path = xstrdup(temporary_directory());
}

int record_open(struct record *r, const struct config *config)
{
	*r = (struct record){ .config = config, .lock_fd = -1, .lease_fd = -1 };
	if (config->no_record) {
		no_directory(r);
		rundir_new_id(r->dir.id);
	} else {
		int status = open_directory(r);
		if (status != 0)
			return status;
	}
	int fd = r->kept ?
	    openat(r->dir.fd, JOURNAL_NAME,
		O_CREAT | O_EXCL | O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600) :
	    record_unnamed_file(r);
	if (fd < 0 || fchmod(fd, 0600) < 0) {
		int status = status_of(errno);
		warn("cannot make the journal in '%s'", safe(r->dir.path));
		return status;
	}
	r->journal = journal_new(fd, 0);
	r->state = state_new();
	return 0;
}

void record_reopen(struct record *r, const struct config *config, struct rundir *dir, int lock_fd,
    int lease_fd, struct journal *journal)
{
	*r = (struct record){ .config = config,
		.dir = *dir,
		.kept = true,
		.lock_fd = lock_fd,
		.lease_fd = lease_fd,
		.journal = journal,
		.state = state_new() };
	*dir = (struct rundir)RUNDIR_NONE;
}

void record_close(struct record *r)
{
	journal_free(r->journal);
	state_free(r->state);
	if (r->kept)
		rundir_close(&r->dir);
	else
		free(r->dir.path);
	if (r->lease_fd >= 0)
		close(r->lease_fd);
	/* last: from here on the run counts as not going on */
	if (r->lock_fd >= 0)
		close(r->lock_fd);
	*r = (struct record){ .lock_fd = -1, .lease_fd = -1 };
}

struct record_place record_event(struct record *r, cJSON *event)
{
	state_event(r->state, event);
	return journal_add(r->journal, event);
}

bool record_flush(struct record *r)
{
	if (r->error == 0 && journal_flush(r->journal) < 0)
		r->error = errno;
	return r->error == 0;
}

bool record_sync(struct record *r)
{
	if (!record_flush(r))
		return false;
	struct stat st;
	if (r->kept && journal_sync(r->journal) < 0)
		r->error = errno;
	/* somebody has removed the directory: what is written goes nowhere */
	else if (r->kept && fstat(journal_fd(r->journal), &st) == 0 && st.st_nlink == 0)
		r->error = ENOENT;
	return r->error == 0;
}

void record_write_state(struct record *r)
{
	struct buf text = BUF_INIT;
	state_markdown(r->state, &text);
	/* not forced to the disk: it can be made again from the journal, which is */
	if (r->kept && replace_file_at(r->dir.fd, STATE_NAME, text.data, text.len, false) < 0)
		warn("cannot write '%s/%s'", safe(r->dir.path), STATE_NAME);
	const char *also = r->config->state_file;
	bool failed =
	    also != NULL && replace_file_at(AT_FDCWD, also, text.data, text.len, false) < 0;
	if (failed && !r->state_file_failed)
		warn("cannot write '%s'", safe(also));
	r->state_file_failed = failed;
	buf_free(&text);
}
