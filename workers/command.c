#include "workers/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shared/io.h"
#include "workers/invocation.h"
#include "workers/outfit.h"
#include "workers/refusal.h"

#define SHELL "/bin/sh"
/* Where execvp() looks without a PATH. */
#define DEFAULT_PATH "/bin:/usr/bin"
#define CANDIDATE_MAX 4096
/* A system that is out of processes or files often has some again within a moment. */
#define TRIES 6
#define FIRST_PAUSE_MS 20

/*
 * The five descriptors of the command's side; the last one closes by itself when the command
 * starts.
 */
struct far_ends {
	int in;
	int out;
	int err;
	int result;
	int report; /* takes a struct refusal from a child that cannot become the command */
};

/* All that the child needs, made before it exists: it may only make system calls. */
struct start {
	const char **words; /* words[-1] is free */
	const char **environment;
	const char *path; /* PATH of that environment; NULL: not set */
	const char *cwd;  /* NULL: stay */
	struct far_ends ends;
	pid_t worker;
};

static bool is_shortage(int error)
{
	return error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE;
}

/* Waits twice as long each time; false when it has been tried often enough. */
static bool try_again(int *tries)
{
	int ms = FIRST_PAUSE_MS << *tries;
	struct timespec pause = { ms / 1000, (ms % 1000) * 1000000L };

	if (!is_shortage(errno) || ++*tries >= TRIES)
		return false;
	nanosleep(&pause, NULL);
	return true;
}

static _Noreturn void child_refuse(const struct start *s, enum start_step step)
{
	struct refusal refusal = { step, errno };

	/* Nothing can be done about a failure here; 127 is what a shell would say. */
	if (write_all(s->ends.report, &refusal, sizeof(refusal)) < 0)
		_exit(126);
	_exit(127);
}

static void child_exec_file(const struct start *s, const char *file)
{
	execve(file, (char *const *)s->words, (char *const *)s->environment);
	if (errno == ENOEXEC) {
		/*
		 * A script without a first line that says for whom it is: for sh, as execvp()
		 * has it.
		 */
		const char *name = s->words[0];

		s->words[-1] = SHELL;
		s->words[0] = file;
		execve(SHELL, (char *const *)(s->words - 1), (char *const *)s->environment);
		s->words[0] = name;
		errno = ENOEXEC;
	}
}

/* execvpe() would look in the PATH of this process, not in the one that the task is given. */
static void child_exec_search(const struct start *s)
{
	const char *name = s->words[0], *dir = s->path != NULL ? s->path : DEFAULT_PATH;
	size_t name_len = strlen(name);
	bool denied = false;

	if (*name == '\0' || strchr(name, '/') != NULL) {
		child_exec_file(s, name);
		return;
	}
	for (;;) {
		char file[CANDIDATE_MAX];
		size_t len = strcspn(dir, ":");

		if (len + name_len + 2 <= sizeof(file)) {
			memcpy(file, dir, len);
			file[len] = '/';
			memcpy(file + (len > 0 ? len + 1 : 0), name, name_len + 1);
			/*
			 * execve() finds out that there is no such file only after copying all
			 * words.
			 */
			if (access(file, F_OK) == 0)
				child_exec_file(s, file);
			if (errno == EACCES)
				denied = true;
			else if (errno != ENOENT && errno != ENOTDIR)
				return;
		}
		if (dir[len] == '\0')
			break;
		dir += len + 1;
	}
	errno = denied ? EACCES : ENOENT;
}

/* A duplicate is not closed by exec, but what is already in its place has to be told. */
static void child_place(const struct start *s, int fd, int number)
{
	if (fd == number ? fcntl(fd, F_SETFD, 0) < 0 : dup2(fd, number) < 0)
		child_refuse(s, STEP_DUP);
}

/*
 * The child shares this process's memory until it is gone or another program (vfork), so it only
 * makes system calls.
 */
static _Noreturn void child_run(const struct start *s)
{
	sigset_t none;

	/*
	 * Its own group: `kill 0` in a script is meant for the script. And no terminal to read
	 * passwords from.
	 */
	setsid();
	/* The worker kills the whole tree when it can; this is for when it is killed itself. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != s->worker)
		_exit(127);
	child_place(s, s->ends.in, STDIN_FILENO);
	child_place(s, s->ends.out, STDOUT_FILENO);
	child_place(s, s->ends.err, STDERR_FILENO);
	child_place(s, s->ends.result, RESULT_FD);
	/*
	 * All others are marked already, where everybody did his duty; an old kernel does not
	 * know this call.
	 */
	close_range(RESULT_FD + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	if (s->cwd != NULL && chdir(s->cwd) < 0)
		child_refuse(s, STEP_CHDIR);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	child_exec_search(s);
	child_refuse(s, STEP_EXEC);
}

/*
 * vfork() because fork() would copy this process's page tables and then copy each page that is
 * touched, for a child that calls exec at once: it takes a third of the time.
 */
static pid_t start_child(const struct start *s)
{
	pid_t pid = vfork();

	if (pid == 0)
		child_run(s);
	return pid;
}

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int make_pipe(int *near, int *far, bool near_reads)
{
	int ends[2], tries = 0;

	while (pipe2(ends, O_CLOEXEC) < 0)
		if (!try_again(&tries))
			return -1;
	*near = near_reads ? ends[0] : ends[1];
	*far = near_reads ? ends[1] : ends[0];
	return 0;
}

/* Only our end: the command is not to find its own streams non-blocking. */
static int make_stream(int *near, int *far, bool near_reads)
{
	if (make_pipe(near, far, near_reads) < 0)
		return -1;
	return fcntl(*near, F_SETFL, O_NONBLOCK);
}

static void close_far_ends(struct far_ends *ends, const struct job *job)
{
	if (ends->in != job->null_fd)
		close_end(&ends->in);
	close_end(&ends->out);
	close_end(&ends->err);
	close_end(&ends->result);
	close_end(&ends->report);
}

static void close_near_ends(struct command *c)
{
	close_end(&c->in);
	close_end(&c->out);
	close_end(&c->err);
	close_end(&c->result);
}

static int make_pipes(struct command *c, struct far_ends *ends, int *report, const struct job *job)
{
	if (make_stream(&c->out, &ends->out, true) < 0 ||
	    make_stream(&c->err, &ends->err, true) < 0 ||
	    make_stream(&c->result, &ends->result, true) < 0 ||
	    make_pipe(report, &ends->report, true) < 0)
		return -1;
	ends->in = job->null_fd;
	if (c->input_len == 0)
		return 0;
	if (make_stream(&c->in, &ends->in, false) < 0)
		return -1;
	/* What fits into the pipe is written once and for all before anybody reads it. */
	command_feed(c);
	return 0;
}

static const char **prepare_words(struct command *c, const struct job *job, struct result *r)
{
	if (job->kind != JOB_AGENT) {
		c->input = job->input;
		c->input_len = job->input != NULL ? job->input_len : 0;
		return invocation_of_command(job);
	}
	if (!outfit_make(&c->outfit, job, r))
		return NULL;
	c->input = c->outfit.input;
	c->input_len = c->outfit.input_len;
	return c->outfit.words;
}

/*
 * Whether the child became the command: then the pipe was closed by that, and nothing was
 * written to it.
 */
static bool read_report(int report, struct refusal *refusal)
{
	return read_all(report, refusal, sizeof(*refusal)) != (ssize_t)sizeof(*refusal);
}

static bool launch(struct command *c, struct start *s, const struct job *job,
    struct refusal *refusal)
{
	int report = -1, tries = 0;
	bool started;

	refusal->step = STEP_PIPE;
	if (make_pipes(c, &s->ends, &report, job) < 0) {
		refusal->error = errno;
		close_end(&report);
		close_far_ends(&s->ends, job);
		return false;
	}
	refusal->step = STEP_FORK;
	while ((c->pid = start_child(s)) < 0)
		if (!try_again(&tries))
			break;
	refusal->error = errno;
	close_far_ends(&s->ends, job);
	started = c->pid > 0 && read_report(report, refusal);
	close_end(&report);
	if (c->pid > 0 && !started)
		waitpid(c->pid, NULL, 0);
	return started;
}

/* Nothing runs, and nothing is left of what was made for it. */
static enum command_begin give_up(struct command *c, bool shortage)
{
	close_near_ends(c);
	scratch_remove(&c->outfit.scratch);
	return shortage ? COMMAND_SHORTAGE : COMMAND_FAILED;
}

enum command_begin command_start(struct command *c, const struct job *job, struct result *r)
{
	struct start s = {
		.cwd = job->cwd,
		.ends = { -1, -1, -1, -1, -1 },
		.worker = getpid(),
	};
	struct refusal refusal;
	char last_error[PROC_PATH_SIZE] = "";

	*c = (struct command){ .pid = -1,
		.in = -1,
		.out = -1,
		.err = -1,
		.result = -1,
		.outfit = OUTFIT_INIT };
	errno = 0;
	s.words = prepare_words(c, job, r);
	if (s.words == NULL) {
		/* a prompt that cannot be put together stays one */
		bool shortage = r->reason != REASON_INVALID && is_shortage(errno);

		if (r->error == NULL)
			refusal_explain(r, (struct refusal){ STEP_INPUT, errno }, job->argv[0],
			    NULL, NULL);
		return give_up(c, shortage);
	}
	if (job->last_error != NULL &&
	    outfit_file(last_error, job->last_error, job->last_error_len) == NULL)
		*last_error = '\0';
	s.environment = invocation_environment(job, c->outfit.env, c->outfit.nenv,
	    *last_error != '\0' ? last_error : NULL);
	s.path = environment_get(s.environment, "PATH");
	if (launch(c, &s, job, &refusal))
		return COMMAND_RUNS;
	refusal_explain(r, refusal, s.words[0], s.path != NULL ? s.path : DEFAULT_PATH, job->cwd);
	/* that there is no memory for a program says something about the program */
	return give_up(c, refusal.step != STEP_EXEC && is_shortage(refusal.error));
}

void command_end(struct command *c, const struct job *job, struct result *r)
{
	outfit_end(&c->outfit, job, r);
}

void command_feed(struct command *c)
{
	while (c->in >= 0 && c->input_len > 0) {
		ssize_t n = write(c->in, c->input, c->input_len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		/* A command may well end, or close its input, without having read all of it. */
		if (n < 0)
			break;
		c->input += n;
		c->input_len -= (size_t)n;
	}
	close_end(&c->in);
}
