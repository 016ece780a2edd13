#include "supervisor/record/leftover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/clock.h"
#include "shared/io.h"
#include "shared/xalloc.h"

#define LIMIT_MS 5000
#define NAP_MS 5
/* Looks in a row that have to find none. */
#define CLEAN_LOOKS 2
#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
/* The kernel's own limit is a few megabytes; a process can pretend that its is larger. */
#define ENVIRON_MAX ((size_t)16 * 1024 * 1024)
#define STAT_MAX ((size_t)4096)
/* Deeper than processes are nested. */
#define ANCESTORS_MAX 4096

struct pids {
	pid_t *v;
	size_t count;
	size_t cap;
};

/* One search, declared and emptied by leftover_end(). */
struct search {
	int proc;
	struct buf mark;    /* "POLLARD_RUN=..." */
	struct pids spared; /* we, and what we descend from */
	struct pids ended;  /* that were killed, each once */
	size_t found;	    /* by the look that goes on */
	size_t killed;	    /* of these */
	size_t unclear;	    /* processes of which it could not be told */
	int error;	    /* why one could not be */
};

static bool has(const struct pids *pids, pid_t pid)
{
	for (size_t i = 0; i < pids->count; i++) {
		if (pids->v[i] == pid)
			return true;
	}
	return false;
}

static void add(struct pids *pids, pid_t pid)
{
	if (pids->count == pids->cap) {
		pids->cap = pids->cap == 0 ? 16 : pids->cap * 2;
		pids->v = xreallocarray(pids->v, pids->cap, sizeof(*pids->v));
	}
	pids->v[pids->count++] = pid;
}

/* The fields of /proc/PID/stat, numbered as in proc(5). */
#define STAT_PARENT 4
#define STAT_VSIZE 23
#define STAT_ENV_END 51

/* One of these, from the third on; 0 when it cannot be read. */
static unsigned long long stat_field(int dirfd, const char *path, int wanted)
{
	struct buf text = BUF_INIT;
	unsigned long long value = 0;

	if (read_file_at(dirfd, path, &text, STAT_MAX) == 0) {
		/* the name before it may hold anything */
		const char *at = strrchr(buf_str(&text), ')');

		for (int field = 2; at != NULL && field < wanted; field++)
			at = strchr(at + 1, ' ');
		if (at != NULL)
			value = strtoull(at + 1, NULL, 10);
	}
	buf_free(&text);
	return value;
}

/* The process that a process was started by; 0: there is none to be seen. */
static pid_t parent_of(int proc, pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "%d/stat", (int)pid);
	return (pid_t)stat_field(proc, path, STAT_PARENT);
}

static void spare_ancestors(struct search *s)
{
	for (pid_t pid = getpid(); pid > 0 && s->spared.count < ANCESTORS_MAX;
	     pid = parent_of(s->proc, pid))
		add(&s->spared, pid);
}

/* How much of a word of an environment has been seen to be as in the mark. */
struct match {
	size_t len;
	bool lost; /* this word is another one */
};

static bool match_bytes(struct match *m, const struct buf *mark, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\0') {
			if (!m->lost && m->len == mark->len)
				return true;
			*m = (struct match){ 0 };
		} else if (!m->lost && m->len < mark->len && bytes[i] == mark->data[m->len]) {
			m->len++;
		} else {
			m->lost = true;
		}
	}
	return false;
}

/* Whether the environment in this file has the mark as one of its words; *empty: it has none. */
static bool environ_has(int dirfd, const char *path, const struct buf *mark, bool *empty)
{
	char bytes[16 * 1024];
	struct match m = { 0 };
	size_t total = 0;
	bool found = false;
	ssize_t n = 0;
	int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);

	/* newer kernels refuse to open an environment that is gone */
	*empty = fd == -1 && errno == ESRCH;
	if (fd == -1)
		return false;
	while (!found && total < ENVIRON_MAX && (n = read_all(fd, bytes, sizeof(bytes))) > 0) {
		found = match_bytes(&m, mark, bytes, (size_t)n);
		total += (size_t)n;
	}
	close(fd);
	*empty = n == 0 && total == 0;
	/* the last word may have lost its end */
	return found || (n == 0 && !m.lost && m.len == mark->len);
}

/* A process whose first thread has ended shows its environment in the others alone. */
static bool threads_have(int process, const struct buf *mark)
{
	int fd = openat(process, "task", OPEN_DIR);
	DIR *tasks = fd != -1 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	bool found = false;

	if (tasks == NULL) {
		if (fd != -1)
			close(fd);
		return false;
	}
	while (!found && (entry = readdir(tasks)) != NULL) {
		char path[300];
		bool empty;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/environ", entry->d_name);
		found = environ_has(fd, path, mark, &empty);
	}
	/* closes fd */
	closedir(tasks);
	return found;
}

/* For a moment a process that starts another program has no environment yet. */
static bool is_starting(int process)
{
	return stat_field(process, "stat", STAT_VSIZE) > 0 &&
	    stat_field(process, "stat", STAT_ENV_END) == 0;
}

enum sight { UNMARKED, MARKED, UNCLEAR };

/*
 * The directory stays that process's, whoever gets its number next: then nothing can be read in it.
 */
static enum sight sight_of(const struct search *s, int process)
{
	bool empty;

	if (environ_has(process, "environ", &s->mark, &empty))
		return MARKED;
	if (!empty)
		return UNMARKED;
	if (is_starting(process))
		return UNCLEAR;
	return threads_have(process, &s->mark) ? MARKED : UNMARKED;
}

/* Kills the process whose directory this is. 0, or -1 with errno. */
static int kill_marked(const struct search *s, pid_t pid, int process)
{
	int fd = pidfd_open(pid, 0);
	int result;

	if (fd == -1 && errno == ESRCH)
		return 0;
	/* with the descriptor in hand: the number was its own until now */
	if (sight_of(s, process) != MARKED) {
		if (fd != -1)
			close(fd);
		return 0;
	}
	/* an old kernel has no such descriptors */
	result = fd != -1 ? pidfd_send_signal(fd, SIGKILL, NULL, 0) : kill(pid, SIGKILL);

	int error = errno;
	if (fd != -1)
		close(fd);
	errno = error;
	return result == 0 || errno == ESRCH ? 0 : -1;
}

static void end_marked(struct search *s, pid_t pid, int process)
{
	s->found++;
	if (kill_marked(s, pid, process) == -1) {
		s->error = errno;
		return;
	}
	s->killed++;
	if (!has(&s->ended, pid))
		add(&s->ended, pid);
}

static void look_at(struct search *s, const char *name)
{
	char *end;
	long pid = strtol(name, &end, 10);
	int process;

	if (end == name || *end != '\0' || has(&s->spared, (pid_t)pid))
		return;
	process = openat(s->proc, name, OPEN_DIR);
	if (process == -1)
		return;
	switch (sight_of(s, process)) {
	case MARKED:
		end_marked(s, (pid_t)pid, process);
		break;
	case UNCLEAR:
		s->unclear++;
		break;
	case UNMARKED:
		break;
	}
	close(process);
}

/* One look at all processes. 0, or -1 with errno. */
static int look(struct search *s)
{
	int fd = openat(s->proc, ".", OPEN_DIR);
	DIR *list = fd != -1 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	s->found = s->killed = s->unclear = 0;
	if (list == NULL) {
		if (fd != -1)
			close(fd);
		return -1;
	}
	while ((entry = readdir(list)) != NULL)
		look_at(s, entry->d_name);
	closedir(list);
	return 0;
}

/* Twice, because what is made while we look may stand where we have been already. */
static int look_until_none(struct search *s)
{
	const struct timespec nap = { .tv_nsec = NAP_MS * 1000000 };
	int64_t end = clock_mono_ms() + LIMIT_MS;
	int clean = 0;

	while (clean < CLEAN_LOOKS) {
		bool late = clock_mono_ms() >= end;

		if (look(s) == -1)
			return -1;
		if (s->found == 0 && (s->unclear == 0 || late)) {
			clean++;
			continue;
		}
		clean = 0;
		/* only those are left that we may not kill: waiting would not help */
		if (s->found > 0 && s->killed == 0) {
			errno = s->error;
			return -1;
		}
		if (late) {
			errno = ETIMEDOUT;
			return -1;
		}
		nanosleep(&nap, NULL);
	}
	return 0;
}

int leftover_end(const char *run)
{
	struct search s = { .proc = open("/proc", OPEN_DIR) };
	int result = -1;

	if (s.proc == -1)
		return -1;
	buf_addf(&s.mark, "POLLARD_RUN=%s", run);
	spare_ancestors(&s);
	if (look_until_none(&s) == 0)
		result = (int)s.ended.count;

	int error = errno;
	close(s.proc);
	buf_free(&s.mark);
	free(s.spared.v);
	free(s.ended.v);
	errno = error;
	return result;
}
