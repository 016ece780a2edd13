/*
 * Runs a command and kills it, or one process that it forks, at a chosen instant.
 *
 *   sweep [--worker K] [--point N] [--count] [--report FILE] -- COMMAND [ARG...]
 *
 * An instant is an entry into a system call or a return from one, counted from 1; at the N-th SIGKILL
 * is sent, before the call is made or before its answer is seen. With --worker K only the K-th child
 * that COMMAND makes with fork() is counted and killed. Nothing else is traced: neither other children
 * nor what they start, so that these have their usual speed. The number of instants differs from run to
 * run; when there is no N-th one, the command has simply ended.
 *
 * --report FILE gets one line: "killed N CALL entry|exit", or "ended N STATUS" with the number of
 * instants that there were; STATUS is as a shell has it. --count prints that number on standard output.
 * The exit status is the command's, 137 when it was killed. A wrong usage is 64, a system that refuses 71.
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define USAGE_STATUS 64
#define SYSTEM_STATUS 71
#define SYSCALL_STOP (SIGTRAP | 0x80)

/* Lives in main(). */
struct sweep {
	pid_t command;	    /* our child */
	pid_t target;	    /* whose instants are counted; 0: not yet forked */
	pid_t early;	    /* a child of the command that stopped before its fork was announced */
	bool command_ended; /* and reaped */
	bool target_ended;
	int status; /* of the command, as a shell has it */
	unsigned long worker;
	unsigned long forked;
	unsigned long point; /* 0: count only */
	unsigned long points;
	bool killed;
	char where[64]; /* the call at which it was killed */
};

struct call {
	long number;
	const char *name;
};

#define CALL(name) \
	{ \
		SYS_##name, #name \
	}

/* Those that a supervisor or a worker makes; of others the number is told. */
static const struct call calls[] = {
	CALL(access),
	CALL(arch_prctl),
	CALL(brk),
	CALL(chdir),
	CALL(clock_nanosleep),
	CALL(clone),
	CALL(clone3),
	CALL(close),
	CALL(close_range),
	CALL(copy_file_range),
	CALL(dup),
	CALL(dup2),
	CALL(dup3),
	CALL(execve),
	CALL(exit_group),
	CALL(fchmod),
	CALL(fcntl),
	CALL(fdatasync),
	CALL(flock),
	CALL(fstat),
	CALL(fstatfs),
	CALL(fsync),
	CALL(ftruncate),
	CALL(futex),
	CALL(getcwd),
	CALL(getdents64),
	CALL(geteuid),
	CALL(getpgid),
	CALL(getpid),
	CALL(getppid),
	CALL(getrandom),
	CALL(getrusage),
	CALL(ioctl),
	CALL(kill),
	CALL(linkat),
	CALL(lseek),
	CALL(madvise),
	CALL(memfd_create),
	CALL(mkdirat),
	CALL(mmap),
	CALL(mprotect),
	CALL(mremap),
	CALL(munmap),
	CALL(newfstatat),
	CALL(open),
	CALL(openat),
	CALL(pidfd_open),
	CALL(pidfd_send_signal),
	CALL(pipe2),
	CALL(poll),
	CALL(ppoll),
	CALL(prctl),
	CALL(pread64),
	CALL(prlimit64),
	CALL(pwrite64),
	CALL(read),
	CALL(readlink),
	CALL(readlinkat),
	CALL(renameat),
	CALL(renameat2),
	CALL(rseq),
	CALL(rt_sigaction),
	CALL(rt_sigpending),
	CALL(rt_sigprocmask),
	CALL(rt_sigreturn),
	CALL(rt_sigtimedwait),
	CALL(sendfile),
	CALL(sendto),
	CALL(set_robust_list),
	CALL(set_tid_address),
	CALL(setpgid),
	CALL(setsid),
	CALL(signalfd4),
	CALL(splice),
	CALL(statfs),
	CALL(statx),
	CALL(symlinkat),
	CALL(umask),
	CALL(unlink),
	CALL(unlinkat),
	CALL(vfork),
	CALL(wait4),
	CALL(waitid),
	CALL(write),
	CALL(writev),
};

static _Noreturn void usage(void)
{
	fprintf(stderr,
	    "usage: sweep [--worker K] [--point N] [--count] [--report FILE] "
	    "-- COMMAND [ARG...]\n");
	exit(USAGE_STATUS);
}

static unsigned long number(const char *text)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || *text == '-' || value == 0)
		usage();
	return value;
}

/* What the target is doing at this instant. */
static void look(struct sweep *s)
{
	struct __ptrace_syscall_info info;
	size_t i;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, s->target, sizeof(info), &info) <= 0) {
		snprintf(s->where, sizeof(s->where), "unknown entry");
		return;
	}
	if (info.op != PTRACE_SYSCALL_INFO_ENTRY) {
		/* the name was kept at the entry */
		strncat(s->where, " exit", sizeof(s->where) - strlen(s->where) - 1);
		return;
	}
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i].number == (long)info.entry.nr)
			break;
	if (i < sizeof(calls) / sizeof(calls[0]))
		snprintf(s->where, sizeof(s->where), "%s", calls[i].name);
	else
		snprintf(s->where, sizeof(s->where), "call-%llu",
		    (unsigned long long)info.entry.nr);
	if (s->points == s->point)
		strncat(s->where, " entry", sizeof(s->where) - strlen(s->where) - 1);
}

/* A tracee that was killed meanwhile cannot be told to go on: its end is reported soon. */
static void go_on(struct sweep *s, pid_t pid, int signal)
{
	enum __ptrace_request how = pid == s->target && !s->killed ? PTRACE_SYSCALL : PTRACE_CONT;

	if (ptrace(how, pid, NULL, (void *)(long)signal) == -1 && errno != ESRCH)
		err(SYSTEM_STATUS, "cannot go on");
}

static void set_options(pid_t pid, int options)
{
	if (ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(long)options) == -1 && errno != ESRCH)
		err(SYSTEM_STATUS, "cannot set the options of tracing");
}

static void instant(struct sweep *s)
{
	s->points++;
	/* the call before is looked at too: of a return only its entry knows the name */
	if (s->point != 0 && s->points + 1 >= s->point && s->points <= s->point)
		look(s);
	if (s->points == s->point) {
		s->killed = true;
		kill(s->target, SIGKILL);
	}
	go_on(s, s->target, 0);
}

static void wait_for_stop(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, __WALL) == -1)
		if (errno != EINTR)
			err(SYSTEM_STATUS, "cannot wait for a child");
}

/* The command has forked; the child is stopped, or soon will be. */
static void forked(struct sweep *s)
{
	unsigned long message = 0;
	pid_t child;

	ptrace(PTRACE_GETEVENTMSG, s->command, NULL, &message);
	child = (pid_t)message;
	if (s->early != child)
		wait_for_stop(child);
	s->early = 0;
	if (++s->forked != s->worker) {
		ptrace(PTRACE_DETACH, child, NULL, NULL);
		go_on(s, s->command, 0);
		return;
	}
	s->target = child;
	set_options(child, PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD);
	go_on(s, child, 0);
	/* of the command only its end is of interest now, which its parent is told anyway */
	ptrace(PTRACE_DETACH, s->command, NULL, NULL);
}

static void stopped(struct sweep *s, pid_t pid, int status)
{
	int signal = WSTOPSIG(status);
	siginfo_t info;

	if (pid == s->command && status >> 16 == PTRACE_EVENT_FORK) {
		forked(s);
	} else if (pid == s->target && signal == SYSCALL_STOP) {
		instant(s);
	} else if (pid != s->command && pid != s->target) {
		s->early = pid;
	} else if (status >> 16 != 0) {
		/* another program takes its place */
		go_on(s, pid, 0);
	} else {
		/* a group that was stopped, not a signal that is to be delivered */
		if (ptrace(PTRACE_GETSIGINFO, pid, NULL, &info) == -1 && errno == EINVAL)
			signal = 0;
		go_on(s, pid, signal);
	}
}

static int shell_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void ended(struct sweep *s, pid_t pid, int status)
{
	if (pid == s->target)
		s->target_ended = true;
	if (pid == s->command) {
		s->command_ended = true;
		s->status = shell_status(status);
	}
}

static void follow(struct sweep *s)
{
	while (!s->command_ended || (s->target != 0 && !s->target_ended)) {
		int status;
		pid_t pid = waitpid(-1, &status, __WALL);

		if (pid == -1 && errno == EINTR)
			continue;
		if (pid == -1)
			err(SYSTEM_STATUS, "cannot wait");
		if (WIFSTOPPED(status))
			stopped(s, pid, status);
		else
			ended(s, pid, status);
	}
}

static void start(struct sweep *s, char **argv)
{
	int status;

	s->command = fork();
	if (s->command == -1)
		err(SYSTEM_STATUS, "cannot fork");
	if (s->command == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1)
			err(SYSTEM_STATUS, "cannot be traced");
		execvp(argv[0], argv);
		err(127, "%s", argv[0]);
	}
	/* the stop after a successful execve() */
	while (waitpid(s->command, &status, 0) == -1)
		if (errno != EINTR)
			err(SYSTEM_STATUS, "cannot wait");
	if (!WIFSTOPPED(status)) {
		ended(s, s->command, status);
		return;
	}
	if (s->worker == 0)
		s->target = s->command;
	set_options(s->command,
	    PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC |
		(s->worker == 0 ? PTRACE_O_TRACESYSGOOD : PTRACE_O_TRACEFORK));
	go_on(s, s->command, 0);
}

static void report(const struct sweep *s, const char *file)
{
	FILE *f = fopen(file, "we");

	if (f == NULL)
		err(SYSTEM_STATUS, "%s", file);
	if (s->killed)
		fprintf(f, "killed %lu %s\n", s->points, s->where);
	else
		fprintf(f, "ended %lu %d\n", s->points, s->status);
	if (fclose(f) != 0)
		err(SYSTEM_STATUS, "%s", file);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "worker", required_argument, NULL, 'w' },
		{ "point", required_argument, NULL, 'p' },
		{ "report", required_argument, NULL, 'r' },
		{ "count", no_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 },
	};
	/* the first instant is a return from a call whose entry was not seen */
	struct sweep s = { .where = "start" };
	const char *file = NULL;
	bool count = false;
	int option;

	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (option == 'w')
			s.worker = number(optarg);
		else if (option == 'p')
			s.point = number(optarg);
		else if (option == 'r')
			file = optarg;
		else if (option == 'c')
			count = true;
		else
			usage();
	}
	if (optind == argc)
		usage();
	start(&s, argv + optind);
	follow(&s);
	if (file != NULL)
		report(&s, file);
	if (count)
		printf("%lu\n", s.points);
	return s.status;
}
