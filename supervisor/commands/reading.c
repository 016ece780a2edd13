#include "supervisor/commands/reading.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/exits.h"
#include "shared/text.h"
#include "supervisor/record/record.h"

char *reading_root(const struct config *config)
{
	char *root = state_root(config);

	if (root == NULL)
		warnx("no home directory to look for runs in: set HOME or give --state-dir DIR");
	return root;
}

static int refused(char *why)
{
	int status = errno == EACCES || errno == EPERM ? EXIT_PERMISSION : EXIT_NOINPUT;

	warnx("%s", why);
	free(why);
	return status;
}

int reading_listed(const char *root)
{
	char *why = NULL;

	return rundir_check(root, &why) == 0 ? 0 : refused(why);
}

int reading_open(const struct config *config, struct rundir *dir, struct journal_reader **reader)
{
	char *root = reading_root(config);
	char *why = NULL;

	if (root == NULL)
		return EXIT_NOINPUT;
	int result = rundir_open(dir, root, config->run, &why);
	if (result == -1) {
		result = refused(why);
		free(root);
		return result;
	}
	free(root);
	if (reader == NULL)
		return 0;
	*reader = journal_reader_open(dir->fd);
	if (*reader == NULL) {
		int status = errno == ENOENT ? EXIT_NOINPUT : EXIT_IO;

		warn("run '%s': cannot read %s", safe(dir->id), JOURNAL_NAME);
		rundir_close(dir);
		return status;
	}
	return 0;
}

int reading_check(const struct journal_reader *reader, const struct rundir *dir)
{
	uint64_t line = 0;

	switch (journal_reader_problem(reader, &line)) {
	case JOURNAL_OK:
	case JOURNAL_TORN:
		return 0;
	case JOURNAL_DAMAGED:
		warnx("%s/%s:%" PRIu64 ": damaged record, with good ones after it", safe(dir->path),
		    JOURNAL_NAME, line);
		return EXIT_IO;
	case JOURNAL_NEWER:
		warnx("%s/%s:%" PRIu64 ": written by a newer version of pollard: use that one",
		    safe(dir->path), JOURNAL_NAME, line);
		return EXIT_IO;
	case JOURNAL_UNREADABLE:
		break;
	}
	warn("%s/%s: cannot read", safe(dir->path), JOURNAL_NAME);
	return EXIT_IO;
}

bool reading_locked(int dirfd)
{
	/* Asking needs no right to write, and closing it drops only locks of this process. */
	int fd = openat(dirfd, LOCK_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd == -1)
		return false;
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	bool held = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	close(fd);
	return held;
}

int reading_printed(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	warn("cannot write to standard output");
	return EXIT_IO;
}
