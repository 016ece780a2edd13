/* What usually is wrong when something does not work, looked at one by one. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "shared/backend.h"
#include "shared/buf.h"
#include "shared/exits.h"
#include "shared/quantity.h"
#include "shared/text.h"
#include "supervisor/commands/client_check.h"
#include "supervisor/commands/commands.h"
#include "supervisor/commands/reading.h"
#include "supervisor/input/agents.h"
#include "supervisor/input/client.h"
#include "supervisor/input/datadir.h"
#include "supervisor/options/options.h"
#include "supervisor/options/settings.h"
#include "supervisor/pressure/memory.h"

/* A worker and its command have so many descriptors between them. */
#define FILES_A_SLOT 8
#define FILES_MIN 64
/* A worker and a client with a few processes of its own. */
#define PROCESSES_A_SLOT 16
#define SPACE_MIN (UINT64_C(256) * 1024 * 1024)
#define MEMORY_MIN (UINT64_C(1024) * 1024 * 1024)
#define LABEL_WIDTH 12

enum finding { FINE, DOUBTFUL, WRONG };

/* What was found so far; on the stack of cmd_doctor(). */
struct doctor {
	const struct config *config;
	const struct config *of_runs; /* what a run would begin with; NULL: none could */
	unsigned doubtful;
	unsigned wrong;
};

static void say(struct doctor *d, enum finding finding, const char *what, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void say(struct doctor *d, enum finding finding, const char *what, const char *fmt, ...)
{
	static const char *const words[] = { "ok", "warn", "FAIL" };
	struct buf text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	printf("%-5s %-*s %s\n", words[finding], LABEL_WIDTH, what, buf_str(&text));
	d->doubtful += finding == DOUBTFUL;
	d->wrong += finding == WRONG;
	buf_free(&text);
}

static void check_clients(struct doctor *d)
{
	struct buf found = BUF_INIT;

	for (size_t i = 0; i < nbackends; i++) {
		if (client_on_path(backends[i].program))
			buf_addf(&found, "%s%s", found.len > 0 ? ", " : "", backends[i].name);
	}
	if (found.len > 0)
		say(d, FINE, "clients", "%s ('pollard agents --check' starts them)",
		    buf_str(&found));
	else
		say(d, DOUBTFUL, "clients",
		    "none on PATH: agents without a 'command' cannot run; %s, or use --rehearse",
		    backends[0].install);
	buf_free(&found);
}

/* Agents that take any client there is are nobody's mistake: the row of clients speaks of them. */
static bool names_client(const struct config *config, const struct agent *agent)
{
	return agent->command != NULL || agent->backend != NULL || config->backend != NULL;
}

/* How many name a client or a command that is not there; *first gets which one, or stays as it is. */
static size_t count_unusable(const struct config *config, const struct agent *const *list,
    size_t count, const char **first)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		struct buf why = BUF_INIT;

		if (names_client(config, list[i]) && !client_reaches(config, list[i], &why) &&
		    n++ == 0)
			*first = list[i]->name;
		buf_free(&why);
	}
	return n;
}

static void check_agents(struct doctor *d)
{
	struct agents *agents = agents_load(NULL);
	const struct config *config = d->of_runs != NULL ? d->of_runs : d->config;
	const char *first = NULL;
	size_t count, nwarnings;
	const char *const *warnings = agents_warnings(agents, &nwarnings);
	const struct agent *const *list = agents_list(agents, &count);
	size_t unusable = count_unusable(config, list, count, &first);

	if (unusable > 0)
		say(d, WRONG, "agents",
		    "%zu of %zu cannot be used%s '%s': 'pollard agents --check' says why", unusable,
		    count, unusable > 1 ? ", such as" : ":", safe(first));
	count -= unusable;
	if (count == 0 && unusable == 0)
		say(d, WRONG, "agents",
		    "none found, not even those that ship: '%s/agents' is empty",
		    safe(data_directory()));
	else if (unusable == 0 || nwarnings > 0)
		say(d, nwarnings > 0 ? DOUBTFUL : FINE, "agents", "%zu can be used%s", count,
		    nwarnings > 0 ? ", but:" : "");
	for (size_t i = 0; i < nwarnings; i++)
		printf("%*s%s\n", LABEL_WIDTH + 7, "", warnings[i]);
	agents_free(agents);
}

/* What stands in files and variables is wrong for runs alone: this command does not ask for most of it. */
static bool check_settings(struct doctor *d, const struct settings *settings, struct config *config)
{
	char name[] = "pollard", run[] = "run";
	char *const words[] = { name, run, NULL };
	enum command command;
	struct buf why = BUF_INIT;
	bool good = options_parse(2, words, settings, config, &command, &why) == 0;

	if (good && config->backend != NULL)
		good = !client_unknown(config->backend, &why);
	if (good)
		say(d, FINE, "settings", "files and variables can be understood");
	else
		say(d, WRONG, "settings", "no run can begin: %.*s",
		    (int)strcspn(buf_str(&why), "\n"), buf_str(&why));
	buf_free(&why);
	return good;
}

/* As in a run that is started here with no option. */
static void check_begin(struct doctor *d)
{
	struct diag diag = { .count = 0 };
	struct config config = { 0 };
	struct settings *settings = settings_load(&diag);

	if (check_settings(d, settings, &config))
		d->of_runs = &config;
	check_agents(d);
	d->of_runs = NULL;
	options_free(&config);
	settings_free(settings);
	diag_free(&diag);
}

/* The nearest directory on the way that is there already: only what will be asked for is made. */
static char *existing(const char *path)
{
	struct buf at = BUF_INIT;
	struct stat st;

	buf_addstr(&at, path);
	while (stat(buf_str(&at), &st) < 0) {
		char *slash = strrchr(at.data, '/');

		if (slash == NULL || slash == at.data) {
			buf_reset(&at);
			buf_addstr(&at, slash == NULL ? "." : "/");
			break;
		}
		*slash = '\0';
		at.len = (size_t)(slash - at.data);
	}
	return buf_detach(&at);
}

static void check_space(struct doctor *d, const char *path)
{
	struct statvfs fs;
	struct statfs kind;
	char size[32];
	uint64_t free_bytes;

	if (statvfs(path, &fs) < 0)
		return;
	free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	say(d, free_bytes < SPACE_MIN ? DOUBTFUL : FINE, "space", "%s free for records in '%s'",
	    format_size(size, sizeof(size), free_bytes), safe(path));
	if (statfs(path, &kind) == 0 && kind.f_type == NFS_SUPER_MAGIC)
		say(d, DOUBTFUL, "space",
		    "the state directory is on NFS: locks depend on its server; --state-dir moves it");
}

static void check_state(struct doctor *d)
{
	char *root = state_root(d->config);
	char *there, *why = NULL;

	if (root == NULL) {
		say(d, WRONG, "record",
		    "no home directory to keep runs in: set HOME or give --state-dir DIR");
		return;
	}
	there = existing(root);
	if (strcmp(there, root) == 0 && rundir_check(root, &why) < 0)
		say(d, WRONG, "record", "%s", why);
	else if (access(there, W_OK | X_OK) < 0)
		say(d, WRONG, "record", "cannot write in '%s': %s", safe(there), strerror(errno));
	else
		say(d, FINE, "record", "runs are kept in '%s'", safe(root));
	check_space(d, there);
	free(why);
	free(there);
	free(root);
}

static uint64_t slots(const struct doctor *d)
{
	return d->config->jobs > 0 ? d->config->jobs : 1;
}

static void check_files(struct doctor *d)
{
	struct rlimit limit;
	uint64_t want = FILES_MIN + slots(d) * FILES_A_SLOT;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	if (limit.rlim_cur < want)
		say(d, DOUBTFUL, "open files", "only %ju: too few for %ju slots; 'ulimit -n %ju'",
		    (uintmax_t)limit.rlim_cur, (uintmax_t)slots(d), (uintmax_t)want);
	else
		say(d, FINE, "open files", "%ju allowed", (uintmax_t)limit.rlim_cur);
}

static void check_processes(struct doctor *d)
{
	struct rlimit limit;
	uint64_t want = slots(d) * PROCESSES_A_SLOT;

	if (getrlimit(RLIMIT_NPROC, &limit) < 0)
		return;
	if (limit.rlim_cur == RLIM_INFINITY)
		say(d, FINE, "processes", "no limit");
	else
		say(d, limit.rlim_cur < want ? DOUBTFUL : FINE, "processes",
		    "%ju allowed for all of this user together%s", (uintmax_t)limit.rlim_cur,
		    limit.rlim_cur < want ? ": few for clients that start their own" : "");
}

static void check_memory(struct doctor *d)
{
	struct memory memory;
	uint64_t bytes, total;
	char size[32];

	memory_open(&memory, "");
	if (memory_look(&memory, &bytes, &total))
		say(d, bytes < MEMORY_MIN ? DOUBTFUL : FINE, "memory",
		    "%s available; one client takes 170 to 610 MB",
		    format_size(size, sizeof(size), bytes));
	memory_close(&memory);
}

static void check_terminal(struct doctor *d)
{
	const char *term = getenv("TERM");
	const char *ci = getenv("CI");

	if (!isatty(STDERR_FILENO))
		say(d, FINE, "terminal", "none on standard error: progress is one line a change");
	else if (term == NULL || *term == '\0' || strcmp(term, "dumb") == 0)
		say(d, DOUBTFUL, "terminal", "TERM is '%s': progress is one line a change",
		    term != NULL ? safe(term) : "");
	else if (ci != NULL && *ci != '\0')
		say(d, DOUBTFUL, "terminal", "CI is set: progress is one line a change");
	else
		say(d, FINE, "terminal", "%s", safe(term));
}

/* Whether this or a directory above it has a .git, without asking git, which may not be there. */
static bool in_work_tree(void)
{
	char path[4096];
	char *slash;

	if (getcwd(path, sizeof(path) - 8) == NULL)
		return false;
	for (;;) {
		size_t len = strlen(path);

		memcpy(path + len, "/.git", 6);
		if (access(path, F_OK) == 0)
			return true;
		path[len] = '\0';
		slash = strrchr(path, '/');
		if (slash == NULL || len == 0)
			return false;
		*slash = '\0';
	}
}

static void check_git(struct doctor *d)
{
	if (!in_work_tree())
		say(d, FINE, "git", "not in a work tree: what agents write here has no history");
	else if (!client_on_path("git"))
		say(d, DOUBTFUL, "git", "in a work tree, but there is no 'git' on PATH");
	else
		say(d, FINE, "git", "in a work tree");
}

static void check_shell(struct doctor *d)
{
	const char *path = getenv("PATH");

	if (access("/bin/sh", X_OK) < 0)
		say(d, WRONG, "shell", "no '/bin/sh': tasks for a shell cannot run");
	if (path == NULL || *path == '\0')
		say(d, WRONG, "PATH",
		    "is not set: programs are looked for in /bin and /usr/bin alone");
}

/* What a task must not lack: the directory for temporary files. */
static void check_temporary(struct doctor *d)
{
	const char *dir = getenv("TMPDIR");

	if (dir == NULL || *dir == '\0')
		dir = "/tmp";
	if (access(dir, W_OK | X_OK) < 0)
		say(d, WRONG, "temporary", "cannot write in '%s': %s", safe(dir), strerror(errno));
	else
		say(d, FINE, "temporary", "'%s'", safe(dir));
}

int cmd_doctor(const struct config *config)
{
	struct doctor d = { .config = config };
	int status;

	check_clients(&d);
	check_begin(&d);
	check_state(&d);
	check_temporary(&d);
	check_files(&d);
	check_processes(&d);
	check_memory(&d);
	check_shell(&d);
	check_terminal(&d);
	check_git(&d);
	if (d.wrong > 0)
		printf("\n%u to mend, %u to know\n", d.wrong, d.doubtful);
	else if (d.doubtful > 0)
		printf("\nnothing to mend, %u to know\n", d.doubtful);
	else
		printf("\nall is well\n");
	status = reading_printed();
	if (status != 0)
		return status;
	return d.wrong > 0 ? EXIT_CONFIG : EXIT_MET;
}
