#include "supervisor/resume/takeover.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/exits.h"
#include "shared/text.h"
#include "supervisor/places.h"
#include "supervisor/record/journal.h"
#include "supervisor/record/lease.h"
#include "supervisor/record/leftover.h"
#include "supervisor/record/record.h"

/* Workers of a supervisor that is gone end within 100 ms; this is for a machine that stands still. */
#define WORKERS_MS 10000

static int busy(const struct takeover *t, const char *what)
{
	warnx("run '%s' %s", t->dir.id, what);
	return EXIT_LOCKED;
}

int takeover_lock(struct takeover *t)
{
	t->lock_fd = record_lock(t->dir.fd);
	if (t->lock_fd < 0 && (errno == EAGAIN || errno == EACCES))
		return busy(t, "is still going on");
	if (t->lock_fd < 0) {
		warn("cannot lock '%s/%s'", safe(t->dir.path), LOCK_NAME);
		return errno == EACCES ? EXIT_PERMISSION : EXIT_NOSTATE;
	}
	t->lease_fd = lease_wait_gone(t->dir.fd, WORKERS_MS);
	if (t->lease_fd < 0 && errno == ETIMEDOUT)
		return busy(t, "has a worker that does not end");
	if (t->lease_fd < 0) {
		warn("cannot lock '%s/%s'", safe(t->dir.path), LEASE_NAME);
		return EXIT_NOSTATE;
	}
	if (leftover_end(t->dir.id) < 0)
		return busy(t, "has processes left that cannot be ended");
	/* also when the run is not gone on with after all: nobody else may ever come by */
	places_clear(t->dir.fd, t->dir.id, clock_mono_ms() + WORKERS_MS);
	return 0;
}

static int repair_journal(const struct takeover *t)
{
	struct journal_repaired done;
	if (journal_repair(t->dir.fd, &done) < 0) {
		warn("cannot repair '%s/%s'", safe(t->dir.path), JOURNAL_NAME);
		return EXIT_IO;
	}
	if (done.lines > 0)
		warnx("set aside %" PRIu64 " line%s of the journal from line %" PRIu64
		      " on: they are in '%s/%s'",
		    (uint64_t)done.lines, done.lines == 1 ? "" : "s", done.first, safe(t->dir.path),
		    JOURNAL_DAMAGED_NAME);
	return 0;
}

static int told_problem(const struct takeover *t)
{
	const struct replay *r = &t->replay;
	const char *path = safe(t->dir.path);
	switch (r->problem) {
	case JOURNAL_OK:
	case JOURNAL_TORN:
		break;
	case JOURNAL_DAMAGED:
		warnx("%s/%s:%" PRIu64 ": damaged record, with good ones after it; 'pollard resume "
		      "--repair %s' sets it aside",
		    path, JOURNAL_NAME, r->line, t->dir.id);
		return EXIT_IO;
	case JOURNAL_NEWER:
		warnx("%s/%s:%" PRIu64 ": written by a newer version of pollard: use that one",
		    path, JOURNAL_NAME, r->line);
		return EXIT_IO;
	case JOURNAL_UNREADABLE:
		errno = r->error;
		warn("cannot read '%s/%s'", path, JOURNAL_NAME);
		return EXIT_IO;
	}
	return 0;
}

int takeover_read(struct takeover *t, bool repair)
{
	if (repair && repair_journal(t) != 0)
		return EXIT_IO;
	if (replay_read(&t->replay, t->dir.fd) < 0) {
		warn("cannot read '%s/%s'", safe(t->dir.path), JOURNAL_NAME);
		return errno == EACCES ? EXIT_PERMISSION : EXIT_IO;
	}
	int status = told_problem(t);
	if (status != 0 || t->replay.started != NULL)
		return status;
	warnx("run '%s' ended before its first record: nothing was started, run it again",
	    t->dir.id);
	return EXIT_NOINPUT;
}

/* A list is on record before its first task starts. */
static bool is_whole(const struct replay *r)
{
	for (size_t i = 0; i < r->nsteps; i++) {
		const struct replay_step *step = &r->steps[i];
		if (step->expected != UINT64_MAX && step->count < step->expected)
			return false;
	}
	return true;
}

int takeover_check_whole(const struct takeover *t)
{
	if (is_whole(&t->replay))
		return 0;
	warnx("run '%s' ended before all of its tasks were on record: nothing was started, run it "
	      "again",
	    t->dir.id);
	return EXIT_NOINPUT;
}

/* No file of a run begins with a dot, but one that is written under another name until it is whole. */
static void remove_unfinished(int dirfd)
{
	int fd = dirfd >= 0 ? openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	if (stream == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(stream)) != NULL) {
		if (entry->d_name[0] == '.' && strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			unlinkat(dirfd, entry->d_name, 0);
	}
	closedir(stream);
}

void takeover_clean(const struct rundir *dir)
{
	remove_unfinished(dir->fd);
	remove_unfinished(dir->merged_fd);
}

void takeover_free(struct takeover *t)
{
	rundir_close(&t->dir);
	if (t->lock_fd >= 0)
		close(t->lock_fd);
	if (t->lease_fd >= 0)
		close(t->lease_fd);
	t->lock_fd = t->lease_fd = -1;
	replay_free(&t->replay);
}
