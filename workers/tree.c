#include "workers/tree.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/clock.h"
#include "shared/io.h"
#include "shared/xalloc.h"

#define PATH_SIZE 64
#define STAT_SIZE 512
#define CHILDREN_MAX (1024 * 1024)
/* A chain of ancestors longer than this is a loop seen while pids were changing hands. */
#define DEPTH_MAX 4096

/* Grown by list_add(), freed by whoever declared it. */
struct pid_list {
	pid_t *pids;
	size_t count;
	size_t cap;
};

struct process {
	pid_t parent;
	char state; /* as in proc(5): 'Z' is a zombie */
};

bool tree_reap(pid_t command, struct tree_end *end)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, WNOHANG);

		if (pid == 0)
			return true;
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			return false;
		if (pid == command) {
			end->reaped = true;
			end->status = status;
		}
	}
}

static void list_add(struct pid_list *list, pid_t pid)
{
	if (list->count == list->cap) {
		list->cap = list->cap > 0 ? list->cap * 2 : 32;
		list->pids = xreallocarray(list->pids, list->cap, sizeof(*list->pids));
	}
	list->pids[list->count++] = pid;
}

static bool list_has(const struct pid_list *list, pid_t pid)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->pids[i] == pid)
			return true;
	return false;
}

/* The number that a name in /proc stands for; 0 for all other names. */
static pid_t pid_parse(const char *name)
{
	long pid = 0;

	if (*name == '\0')
		return 0;
	for (; *name != '\0'; name++) {
		if (!isdigit((unsigned char)*name) || pid > 100000000)
			return 0;
		pid = pid * 10 + (*name - '0');
	}
	return (pid_t)pid;
}

static bool process_read(pid_t pid, struct process *process)
{
	char path[PATH_SIZE], text[STAT_SIZE];
	const char *end;
	long parent;
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read_all(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	/* The name in parentheses is the program's own choice and may hold anything. */
	end = strrchr(text, ')');
	if (end == NULL || sscanf(end + 1, " %c %ld", &process->state, &parent) != 2)
		return false;
	process->parent = (pid_t)parent;
	return true;
}

static void children_of_thread(pid_t pid, const char *thread, struct pid_list *list)
{
	char path[PATH_SIZE];
	struct buf text = BUF_INIT;

	snprintf(path, sizeof(path), "/proc/%d/task/%.16s/children", (int)pid, thread);
	if (read_file_at(AT_FDCWD, path, &text, CHILDREN_MAX) == 0) {
		char *rest = NULL;
		char *word = text.data != NULL ? strtok_r(text.data, " \n", &rest) : NULL;

		for (; word != NULL; word = strtok_r(NULL, " \n", &rest)) {
			pid_t child = pid_parse(word);

			if (child > 0 && !list_has(list, child))
				list_add(list, child);
		}
	}
	buf_free(&text);
}

/* A child stands with the thread that forked it. */
static void children_of(pid_t pid, struct pid_list *list)
{
	char path[PATH_SIZE];
	DIR *dir;
	struct dirent *entry;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		if (pid_parse(entry->d_name) > 0)
			children_of_thread(pid, entry->d_name, list);
	closedir(dir);
}

/* Parents stand before their children. */
static void collect_by_children(struct pid_list *list)
{
	children_of(getpid(), list);
	for (size_t i = 0; i < list->count; i++)
		children_of(list->pids[i], list);
}

/* Whether the process is below this one now. */
static bool is_descendant(pid_t pid)
{
	pid_t self = getpid();

	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		struct process process;

		if (pid <= 1 || !process_read(pid, &process))
			return false;
		if (process.parent == self)
			return true;
		pid = process.parent;
	}
	return false;
}

/* For kernels without CONFIG_PROC_CHILDREN; ten times slower. */
static void collect_by_scan(struct pid_list *list)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		pid_t pid = pid_parse(entry->d_name);

		if (pid > 0 && is_descendant(pid))
			list_add(list, pid);
	}
	closedir(dir);
}

static void collect(struct pid_list *list)
{
	if (access("/proc/thread-self/children", R_OK) == 0)
		collect_by_children(list);
	else
		collect_by_scan(list);
}

/*
 * Only our own children keep their number until we have waited for them. The number of anything
 * deeper may by now be that of a stranger: so hold on to the process first, and look whose it is
 * then.
 */
static void signal_deeper(pid_t pid, int signal)
{
	int fd = pidfd_open(pid, 0);

	if (fd < 0) {
		if (errno != ESRCH && is_descendant(pid))
			kill(pid, signal);
		return;
	}
	if (is_descendant(pid)) {
		pidfd_send_signal(fd, signal, NULL, 0);
		if (signal != SIGKILL)
			pidfd_send_signal(fd, SIGCONT, NULL, 0);
	}
	close(fd);
}

static void signal_one(pid_t pid, pid_t parent, int signal)
{
	if (parent != getpid()) {
		signal_deeper(pid, signal);
		return;
	}
	kill(pid, signal);
	if (signal != SIGKILL)
		kill(pid, SIGCONT);
}

unsigned tree_signal(int signal)
{
	struct pid_list list = { NULL, 0, 0 };
	unsigned count = 0;

	collect(&list);
	for (size_t i = 0; i < list.count; i++) {
		struct process process;

		if (!process_read(list.pids[i], &process) || process.state == 'Z' ||
		    process.state == 'X')
			continue;
		count++;
		if (signal != 0)
			signal_one(list.pids[i], process.parent, signal);
	}
	free(list.pids);
	return count;
}

bool tree_kill(int64_t limit_ms)
{
	int64_t deadline = clock_mono_ms() + limit_ms;
	struct timespec pause = { 0, 500000 };
	struct tree_end ignored;

	for (;;) {
		if (!tree_reap(-1, &ignored))
			return true;
		if (clock_mono_ms() >= deadline)
			return false;
		tree_signal(SIGKILL);
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 20000000)
			pause.tv_nsec *= 2;
	}
}
