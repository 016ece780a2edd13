/*
 * A program that behaves badly in exactly one named way, for tests of those who start it.
 *
 *   misbehave MODE [ARG...]
 *
 * `misbehave help` lists the modes. It uses nothing of pollard.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BLOCK (64 * 1024)

struct mode {
	const char *name;
	const char *args;
	const char *what;
	int (*run)(int argc, char **argv);
};

static const struct mode modes[];

/* Arguments. A missing one takes its default, so that `-- misbehave MODE` works with any line appended. */

static double number_at(int argc, char **argv, int i, double otherwise)
{
	if (i >= argc)
		return otherwise;

	char *end;
	double value = strtod(argv[i], &end);
	if (end == argv[i])
		return otherwise;
	if (*end == 'K')
		value *= 1024;
	else if (*end == 'M')
		value *= 1024 * 1024;
	else if (*end == 'G')
		value *= 1024.0 * 1024 * 1024;
	return value;
}

static bool has_word(int argc, char **argv, const char *word)
{
	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], word) == 0)
			return true;
	return false;
}

static void rest(double seconds)
{
	struct timespec left = {
		.tv_sec = (time_t)seconds,
		.tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9),
	};

	while (nanosleep(&left, &left) == -1 && errno == EINTR)
		;
}

static void put(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			err(99, "write to descriptor %d", fd);
		p += n;
		len -= (size_t)n;
	}
}

static void say(const char *text)
{
	put(STDOUT_FILENO, text, strlen(text));
}

static void ignore_signal(int sig)
{
	struct sigaction action = { .sa_handler = SIG_IGN };

	sigaction(sig, &action, NULL);
}

static pid_t start_child(void)
{
	pid_t pid = fork();

	if (pid == -1)
		err(99, "fork");
	return pid;
}

/* Ends. */

static int mode_ok(int argc, char **argv)
{
	say(argc > 0 ? argv[0] : "ok");
	say("\n");
	return 0;
}

static int mode_exit(int argc, char **argv)
{
	return (int)number_at(argc, argv, 0, 1);
}

static int mode_fail(int argc, char **argv)
{
	fprintf(stderr, "%s\n", argc > 1 ? argv[1] : "something went wrong");
	return (int)number_at(argc, argv, 0, 1);
}

static int mode_lie(int argc, char **argv)
{
	say("Success! Everything went well.\n");
	return (int)number_at(argc, argv, 0, 1);
}

static int signal_number(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} signals[] = {
		{ "ABRT", SIGABRT },
		{ "BUS", SIGBUS },
		{ "FPE", SIGFPE },
		{ "HUP", SIGHUP },
		{ "ILL", SIGILL },
		{ "INT", SIGINT },
		{ "KILL", SIGKILL },
		{ "PIPE", SIGPIPE },
		{ "QUIT", SIGQUIT },
		{ "SEGV", SIGSEGV },
		{ "TERM", SIGTERM },
		{ "USR1", SIGUSR1 },
		{ "USR2", SIGUSR2 },
		{ "XCPU", SIGXCPU },
	};

	if (strncmp(name, "SIG", 3) == 0)
		name += 3;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (strcmp(signals[i].name, name) == 0)
			return signals[i].number;
	return atoi(name);
}

static int mode_signal(int argc, char **argv)
{
	int sig = signal_number(argc > 0 ? argv[0] : "KILL");
	struct rlimit none = { 0, 0 };
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t set;

	setrlimit(RLIMIT_CORE, &none);
	sigaction(sig, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(sig);
	errx(99, "signal %d did not end this", sig);
}

static int mode_fail_until(int argc, char **argv)
{
	if (argc < 2)
		errx(99, "fail-until needs FILE and N");

	long times = (long)number_at(argc, argv, 1, 1);
	long count = 0;
	FILE *f = fopen(argv[0], "r");
	if (f != NULL) {
		if (fscanf(f, "%ld", &count) != 1)
			count = 0;
		fclose(f);
	}
	if (count >= times) {
		printf("succeeded after %ld failures\n", count);
		return 0;
	}
	f = fopen(argv[0], "w");
	if (f == NULL)
		err(99, "%s", argv[0]);
	fprintf(f, "%ld\n", count + 1);
	fclose(f);
	fprintf(stderr, "failure %ld of %ld\n", count + 1, times);
	return 1;
}

/* Does not end. */

static int mode_sleep(int argc, char **argv)
{
	rest(number_at(argc, argv, 0, 1));
	return 0;
}

static int mode_hang(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	while (pause() == -1)
		;
	return 0;
}

static int mode_ignore_term(int argc, char **argv)
{
	ignore_signal(SIGTERM);
	ignore_signal(SIGINT);
	ignore_signal(SIGHUP);
	ignore_signal(SIGQUIT);
	say("ready\n");
	rest(number_at(argc, argv, 0, 1000));
	return 0;
}

static volatile sig_atomic_t terminated;

static void on_term(int sig)
{
	terminated = sig;
}

static int mode_exit_on_term(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_term };
	sigset_t block, old;

	sigemptyset(&block);
	sigaddset(&block, SIGTERM);
	sigprocmask(SIG_BLOCK, &block, &old);
	sigaction(SIGTERM, &action, NULL);
	sigdelset(&old, SIGTERM);
	say("ready\n");
	while (!terminated)
		sigsuspend(&old);
	say("ending as asked\n");
	return (int)number_at(argc, argv, 0, 0);
}

static int mode_stop(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	raise(SIGSTOP);
	say("continued\n");
	return 0;
}

static int mode_tick(int argc, char **argv)
{
	double seconds = number_at(argc, argv, 0, 0.1);
	long times = (long)number_at(argc, argv, 1, 1000000);

	for (long i = 1; i <= times; i++) {
		dprintf(STDOUT_FILENO, "tick %ld\n", i);
		rest(seconds);
	}
	return 0;
}

/* Output. */

static int mode_flood(int argc, char **argv)
{
	static char block[BLOCK];
	uint64_t left = (uint64_t)number_at(argc, argv, 0, 1024 * 1024);
	bool err_too = has_word(argc, argv, "both");
	bool out_too = err_too || !has_word(argc, argv, "err");

	if (has_word(argc, argv, "err"))
		err_too = true;
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = i % 64 == 63 ? '\n' : (char)('a' + i % 26);
	while (left > 0) {
		size_t n = left < sizeof(block) ? (size_t)left : sizeof(block);
		if (out_too)
			put(STDOUT_FILENO, block, n);
		if (err_too)
			put(STDERR_FILENO, block, n);
		left -= n;
	}
	return 0;
}

static int mode_lines(int argc, char **argv)
{
	long lines = (long)number_at(argc, argv, 0, 10);

	for (long i = 1; i <= lines; i++)
		printf("line %ld\n", i);
	return 0;
}

static int mode_no_newline(int argc, char **argv)
{
	say(argc > 0 ? argv[0] : "no newline at the end");
	return 0;
}

static int mode_binary(int argc, char **argv)
{
	unsigned char all[256];

	(void)argc;
	(void)argv;
	for (unsigned i = 0; i < sizeof(all); i++)
		all[i] = (unsigned char)i;
	put(STDOUT_FILENO, all, sizeof(all));
	return 0;
}

static int mode_split_utf8(int argc, char **argv)
{
	static const char text[] = "gr\xc3\xbc\xc3\x9f"
				   "e \xf0\x9f\x8c\xb3 \xe2\x82\xac\n";

	for (size_t i = 0; i + 1 < sizeof(text); i++) {
		put(STDOUT_FILENO, text + i, 1);
		rest(number_at(argc, argv, 0, 0.01));
	}
	return 0;
}

static int mode_escapes(int argc, char **argv)
{
	int fd = has_word(argc, argv, "out") ? STDOUT_FILENO : STDERR_FILENO;
	static const char text[] = "\033]0;title\a\033[2J\033[31mred\033[0m\r\b\x7f \xc2\x9b"
				   "31m \xe2\x80\xaetxet \xff\xfe\n";

	put(fd, text, sizeof(text) - 1);
	return has_word(argc, argv, "fail") ? 1 : 0;
}

static int mode_close_early(int argc, char **argv)
{
	say("closing\n");
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	rest(number_at(argc, argv, 0, 0.5));
	return 0;
}

static int mode_result(int argc, char **argv)
{
	const char *text = argc > 0 ? argv[0] : "{\"summary\":\"done\"}";
	const char *fd = getenv("POLLARD_RESULT_FD");

	put(fd != NULL ? atoi(fd) : 3, text, strlen(text));
	return 0;
}

/* Input. */

static int mode_read_stdin(int argc, char **argv)
{
	static char block[BLOCK];
	ssize_t n;

	(void)argc;
	(void)argv;
	while ((n = read(STDIN_FILENO, block, sizeof(block))) > 0)
		put(STDOUT_FILENO, block, (size_t)n);
	if (n == -1)
		err(99, "standard input");
	return 0;
}

static int mode_never_read(int argc, char **argv)
{
	rest(number_at(argc, argv, 0, 0.2));
	say("did not read\n");
	return 0;
}

/* Processes. */

static int mode_grandchild(int argc, char **argv)
{
	double seconds = number_at(argc, argv, 0, 30);

	if (start_child() == 0) {
		if (has_word(argc, argv, "ignore-term"))
			ignore_signal(SIGTERM);
		rest(seconds);
		_exit(0);
	}
	say("parent done\n");
	return 0;
}

static int mode_daemon(int argc, char **argv)
{
	double seconds = number_at(argc, argv, 0, 30);

	if (start_child() == 0) {
		setsid();
		if (start_child() == 0) {
			if (has_word(argc, argv, "ignore-term"))
				ignore_signal(SIGTERM);
			if (has_word(argc, argv, "clean-env"))
				clearenv();
			if (has_word(argc, argv, "quiet")) {
				close(STDOUT_FILENO);
				close(STDERR_FILENO);
			}
			rest(seconds);
			_exit(0);
		}
		_exit(0);
	}
	/* Without this the daemon may not have left its parent before the parent is gone. */
	rest(0.05);
	say("daemon started\n");
	return 0;
}

static void grow_tree(int depth, int width, double seconds)
{
	if (depth > 0)
		for (int i = 0; i < width; i++)
			if (start_child() == 0) {
				grow_tree(depth - 1, width, seconds);
				_exit(0);
			}
	rest(seconds);
}

static int mode_forktree(int argc, char **argv)
{
	int depth = (int)number_at(argc, argv, 0, 2);
	int width = (int)number_at(argc, argv, 1, 2);
	double seconds = number_at(argc, argv, 2, 30);

	if (depth > 6 || width > 8)
		errx(99, "depth at most 6, width at most 8");
	grow_tree(depth, width, seconds);
	return 0;
}

/* Forks away from whoever looks: each process lives for an instant only. */
static int mode_forkrun(int argc, char **argv)
{
	double seconds = number_at(argc, argv, 0, 5);
	time_t end = time(NULL) + (time_t)seconds + 1;

	say("running\n");
	while (time(NULL) < end) {
		if (start_child() != 0)
			_exit(0);
		setsid();
		rest(0.001);
	}
	return 0;
}

static int mode_kill_parent(int argc, char **argv)
{
	kill(getppid(), argc > 0 ? signal_number(argv[0]) : SIGKILL);
	rest(0.2);
	return 0;
}

/* What it was given. */

static int mode_fds(int argc, char **argv)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	char target[4096];

	(void)argc;
	(void)argv;
	if (dir == NULL)
		err(99, "/proc/self/fd");
	while ((entry = readdir(dir)) != NULL) {
		int fd = atoi(entry->d_name);
		if (entry->d_name[0] == '.' || fd == dirfd(dir))
			continue;
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
		if (n == -1)
			continue;
		target[n] = '\0';
		char *kind = strchr(target, ':');
		if (kind != NULL)
			*kind = '\0';
		printf("%d %s\n", fd, target);
	}
	closedir(dir);
	return 0;
}

static int mode_env(int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		const char *value = getenv(argv[i]);
		if (value == NULL)
			printf("%s is not set\n", argv[i]);
		else
			printf("%s=%s\n", argv[i], value);
	}
	return 0;
}

static int mode_args(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		printf("[%s]\n", argv[i]);
	return 0;
}

static int mode_pwd(int argc, char **argv)
{
	char path[4096];

	(void)argc;
	(void)argv;
	if (getcwd(path, sizeof(path)) == NULL)
		err(99, "getcwd");
	puts(path);
	return 0;
}

/*
 * Without signals 32 and 33, which belong to the C library: posix_spawn() of a parent such as make
 * leaves them ignored, and nobody can reset them with sigaction().
 */
static int mode_signals(int argc, char **argv)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];

	(void)argc;
	(void)argv;
	if (f == NULL)
		err(99, "/proc/self/status");
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "SigBlk:", 7) == 0 || strncmp(line, "SigIgn:", 7) == 0)
			printf("%.7s\t%016llx\n", line,
			    strtoull(line + 7, NULL, 16) & ~(3ULL << 31));
	fclose(f);
	return 0;
}

static int mode_limits(int argc, char **argv)
{
	struct rlimit limit;
	mode_t mask = umask(0);

	(void)argc;
	(void)argv;
	umask(mask);
	printf("umask %03o\n", (unsigned)mask);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		printf("nofile %lu\n", (unsigned long)limit.rlim_cur);
	printf("pgid %s\n", getpgrp() == getpid() ? "own" : "shared");
	printf("sid %s\n", getsid(0) == getpid() ? "own" : "shared");
	return 0;
}

static int mode_tty(int argc, char **argv)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	(void)argc;
	(void)argv;
	if (fd == -1) {
		puts("no terminal");
		return 0;
	}
	close(fd);
	puts("terminal");
	return 0;
}

/* Resources. */

static int mode_memory(int argc, char **argv)
{
	size_t size = (size_t)number_at(argc, argv, 0, 64 * 1024 * 1024);
	char *block = malloc(size);

	if (block == NULL)
		err(99, "malloc");
	memset(block, 1, size);
	printf("%d\n", block[size / 2]);
	free(block);
	return 0;
}

static int mode_spin(int argc, char **argv)
{
	double seconds = number_at(argc, argv, 0, 0.2);
	clock_t end = clock() + (clock_t)(seconds * CLOCKS_PER_SEC);

	while (clock() < end)
		;
	return 0;
}

static int mode_help(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	for (const struct mode *m = modes; m->name != NULL; m++)
		printf("%-13s %-28s %s\n", m->name, m->args, m->what);
	return 0;
}

static const struct mode modes[] = {
	{ "help", "", "lists the modes", mode_help },
	{ "ok", "[TEXT]", "prints TEXT, ends with 0", mode_ok },
	{ "exit", "N", "ends with N, silently", mode_exit },
	{ "fail", "N [TEXT]", "prints TEXT on standard error, ends with N", mode_fail },
	{ "lie", "[N]", "prints success, ends with N", mode_lie },
	{ "signal", "NAME", "ends by this signal", mode_signal },
	{ "fail-until", "FILE N", "fails N times, counted in FILE, then succeeds",
	    mode_fail_until },
	{ "sleep", "SECONDS", "ends after this time", mode_sleep },
	{ "hang", "", "never ends by itself", mode_hang },
	{ "ignore-term", "[SECONDS]", "ignores TERM, INT, HUP, QUIT", mode_ignore_term },
	{ "exit-on-term", "[N]", "on SIGTERM ends with N (0)", mode_exit_on_term },
	{ "stop", "", "stops itself with SIGSTOP", mode_stop },
	{ "tick", "SECONDS [N]", "prints a line every SECONDS, N times", mode_tick },
	{ "flood", "BYTES [out|err|both]", "writes BYTES in blocks of 64 KiB", mode_flood },
	{ "lines", "N", "writes N lines", mode_lines },
	{ "no-newline", "[TEXT]", "a last line without its newline", mode_no_newline },
	{ "binary", "", "all 256 bytes", mode_binary },
	{ "split-utf8", "[SECONDS]", "UTF-8, byte by byte", mode_split_utf8 },
	{ "escapes", "[out] [fail]", "bytes that act on a terminal", mode_escapes },
	{ "close-early", "[SECONDS]", "closes its output and goes on", mode_close_early },
	{ "result", "[JSON]", "writes JSON to POLLARD_RESULT_FD", mode_result },
	{ "read-stdin", "", "prints what it reads", mode_read_stdin },
	{ "never-read", "[SECONDS]", "leaves standard input unread", mode_never_read },
	{ "grandchild", "SECONDS [ignore-term]", "ends; its child holds the pipes",
	    mode_grandchild },
	{ "daemon", "SECONDS [ignore-term] [quiet] [clean-env]", "leaves a daemon", mode_daemon },
	{ "forktree", "DEPTH WIDTH SECONDS", "a tree of processes", mode_forktree },
	{ "forkrun", "SECONDS", "forks away again and again", mode_forkrun },
	{ "kill-parent", "[NAME]", "kills its parent", mode_kill_parent },
	{ "fds", "", "lists its open descriptors", mode_fds },
	{ "env", "NAME...", "prints these variables", mode_env },
	{ "args", "ARG...", "prints its arguments, one a line", mode_args },
	{ "pwd", "", "prints its directory", mode_pwd },
	{ "signals", "", "prints blocked and ignored signals", mode_signals },
	{ "limits", "", "prints umask, limits, group, session", mode_limits },
	{ "tty", "", "tries to open /dev/tty", mode_tty },
	{ "memory", "BYTES", "touches so much memory", mode_memory },
	{ "spin", "SECONDS", "uses so much processor time", mode_spin },
	{ NULL, NULL, NULL, NULL },
};

int main(int argc, char **argv)
{
	if (argc < 2) {
		mode_help(0, NULL);
		return 98;
	}
	for (const struct mode *m = modes; m->name != NULL; m++)
		if (strcmp(m->name, argv[1]) == 0)
			return m->run(argc - 2, argv + 2);
	errx(98, "no mode '%s'; try 'misbehave help'", argv[1]);
}
