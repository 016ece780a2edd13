#include "supervisor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/exits.h"
#include "shared/io.h"
#include "shared/xalloc.h"

#define CHILDREN_MAX ((size_t)16 * 1024 * 1024)
/* The kernel's own limit of an environment is a quarter of the stack. */
#define ENVIRON_MAX ((size_t)16 * 1024 * 1024)

/*
 * Children that were there before the run and have not been reaped; made by spawn_init(), kept
 * until the process ends.
 */
static pid_t *earlier;
static size_t nearlier;
/*
 * There were some: then not all that is adopted comes from a task, and this is what a task's
 * environment has.
 */
static bool had_earlier;
static char mark[64];

/* Calls f for each child of this process, as far as /proc tells. */
static void for_each_child(void (*f)(pid_t pid, void *context), void *context)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
	struct buf list = BUF_INIT;
	if (read_file_at(AT_FDCWD, path, &list, CHILDREN_MAX) == 0) {
		char *next = list.data;
		while (next != NULL && *next != '\0') {
			char *end;
			long pid = strtol(next, &end, 10);
			if (end == next)
				break;
			f((pid_t)pid, context);
			next = end + strspn(end, " ");
		}
	}
	buf_free(&list);
}

static void remember(pid_t pid, void *context)
{
	(void)context;
	earlier = xreallocarray(earlier, nearlier + 1, sizeof *earlier);
	earlier[nearlier++] = pid;
}

void spawn_init(const char *run)
{
	for_each_child(remember, NULL);
	had_earlier = nearlier > 0;
	snprintf(mark, sizeof mark, "POLLARD_RUN=%s", run);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

int spawn_worker(worker_fn worker, const struct job *job, pid_t *pid, int *fd)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	/* only our end: the worker writes its message in one go and may wait for us */
	if (set_nonblocking(ends[0]) < 0) {
		int error = errno;
		close(ends[0]);
		close(ends[1]);
		errno = error;
		return -1;
	}
	pid_t child = fork();
	if (child == 0) {
		worker(job, ends[1]);
		_exit(EXIT_INTERNAL);
	}
	int error = errno;
	/* before the next fork, so that no other worker holds this pipe open */
	close(ends[1]);
	if (child < 0) {
		close(ends[0]);
		errno = error;
		return -1;
	}
	*pid = child;
	*fd = ends[0];
	return 0;
}

void spawn_signal(pid_t pid, int signal)
{
	kill(pid, signal);
}

/* From now on its number may be somebody else's. */
static void forget(pid_t pid)
{
	for (size_t i = 0; i < nearlier; i++) {
		if (earlier[i] == pid)
			earlier[i] = earlier[--nearlier];
	}
}

pid_t spawn_reap(int *status)
{
	for (;;) {
		pid_t pid = waitpid(-1, status, WNOHANG);
		if (pid > 0)
			forget(pid);
		if (pid >= 0)
			return pid;
		if (errno != EINTR)
			return 0;
	}
}

struct sweep {
	bool (*is_worker)(void *context, pid_t pid);
	void *context;
	bool found;
};

static bool was_earlier(pid_t pid)
{
	for (size_t i = 0; i < nearlier; i++) {
		if (earlier[i] == pid)
			return true;
	}
	return false;
}

/* Whether the process was started by a task of this run. */
static bool is_marked(pid_t pid)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
	struct buf text = BUF_INIT;
	bool found = false;
	if (read_file_at(AT_FDCWD, path, &text, ENVIRON_MAX) == 0) {
		const char *words = buf_str(&text);
		for (size_t i = 0; i < text.len && !found; i += strlen(words + i) + 1)
			found = strcmp(words + i, mark) == 0;
	}
	buf_free(&text);
	return found;
}

static void sweep_one(pid_t pid, void *context)
{
	struct sweep *s = context;
	if (s->is_worker(s->context, pid) || was_earlier(pid))
		return;
	/* what an earlier child leaves behind is adopted by us as well */
	if (had_earlier && !is_marked(pid))
		return;
	/* a child of ours keeps its number until we reap it, so this hits nobody else */
	kill(pid, SIGKILL);
	s->found = true;
}

bool spawn_sweep(bool (*is_worker)(void *context, pid_t pid), void *context)
{
	struct sweep s = { .is_worker = is_worker, .context = context, .found = false };
	for_each_child(sweep_one, &s);
	return s.found;
}
