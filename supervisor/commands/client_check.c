#include "supervisor/commands/client_check.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/exits.h"
#include "shared/result.h"
#include "shared/text.h"
#include "shared/width.h"
#include "shared/xalloc.h"
#include "supervisor/input/client.h"
#include "supervisor/loop.h"

#define NAME_COLUMNS 14
#define LINE_COLUMNS 100
/* Of what a client prints. */
#define OUTPUT_KEPT 4096
#define GRACE_MS 500
/* What the check is called where a run would be. */
#define CHECK_ID "+check"

/* Where a backend stands. Made and freed by client_check(). */
struct probe {
	bool there;
	bool good;
	struct buf line; /* what it said, and what went wrong; safe */
};

/* All of them, and what starts them. On the stack of client_check(). */
struct check {
	struct probe *probes; /* one for each backend */
	struct loop *loop;
	int null_fd;
	int signal; /* that ends all; 0: none */
};

static void start(struct check *c, size_t i)
{
	const char *const words[] = { backends[i].program, "--version", NULL };
	const struct job job = {
		.kind = JOB_COMMAND,
		.run = CHECK_ID,
		.task = backends[i].name,
		.attempt = 1,
		.argv = words,
		.timeout_ms = CLIENT_CHECK_MS,
		.grace_ms = GRACE_MS,
		.max_output = OUTPUT_KEPT,
		.out_dirfd = -1,
		.out_fd = -1,
		.err_fd = -1,
		.journal_fd = -1,
		.merge_dirfd = -1,
		.null_fd = c->null_fd,
		.lease_fd = -1,
		.supervisor_pid = getpid(),
	};

	c->probes[i].there = true;
	if (loop_start(c->loop, &job, i, CLIENT_CHECK_MS + GRACE_MS) == 0)
		return;
	buf_addf(&c->probes[i].line, "cannot be started: %s", strerror(errno));
}

/* A version is the first line that says something, wherever it was printed. */
static void take_answer(struct probe *p, const struct result *r)
{
	const struct stream *s = r->out.data.len > 0 ? &r->out : &r->err;

	if (s->data.len > 0)
		text_summary(&p->line, s->data.data, s->data.len, LINE_COLUMNS);
	p->good = r->status == RESULT_SUCCEEDED && p->line.len > 0;
	if (p->good)
		return;
	buf_addstr(&p->line, p->line.len > 0 ? "; " : "");
	if (r->reason == REASON_TIMEOUT)
		buf_addf(&p->line, "'--version' did not end in %d s", CLIENT_CHECK_MS / 1000);
	else if (r->status == RESULT_SUCCEEDED)
		buf_addstr(&p->line, "'--version' says nothing");
	else
		buf_addf(&p->line, "'--version' failed: %s",
		    safe(r->error != NULL ? r->error : reason_text(r->reason)));
}

static void take_signal(struct check *c, int signal)
{
	switch (signal) {
	case SIGTSTP:
		loop_suspend();
		return;
	case SIGINT:
	case SIGTERM:
	case SIGHUP:
	case SIGQUIT:
		loop_stop(c->loop, true, GRACE_MS);
		c->signal = signal;
		return;
	default:
		return;
	}
}

static void take_event(struct check *c, const struct event *e)
{
	if (e->kind == EVENT_SIGNAL)
		take_signal(c, e->signal);
	if (e->kind != EVENT_ATTEMPT)
		return;
	take_answer(&c->probes[e->attempt->task], &e->attempt->result);
	attempt_free(e->attempt);
}

/* All side by side: together they take no longer than the slowest. */
static void ask_all(struct check *c)
{
	for (size_t i = 0; i < nbackends; i++)
		if (client_on_path(backends[i].program))
			start(c, i);
	while (loop_running(c->loop) > 0) {
		struct event e;

		loop_wait(c->loop, -1, -1);
		while ((e = loop_next(c->loop)).kind != EVENT_NONE)
			take_event(c, &e);
	}
}

static int probe_all(struct check *c, worker_fn worker)
{
	c->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (c->null_fd < 0) {
		warn("cannot open '/dev/null'");
		return EXIT_SYSTEM;
	}
	spawn_init(CHECK_ID);
	struct sink *out = sink_open(STDOUT_FILENO, "/tmp");
	struct sink *err = sink_open(STDERR_FILENO, "/tmp");
	c->loop = loop_new(worker, out, err);
	ask_all(c);
	loop_free(c->loop);
	sink_close(out);
	sink_close(err);
	close(c->null_fd);
	if (c->signal != 0)
		end_by_signal(c->signal);
	return 0;
}

/*
 * The table
 */
static void add_name(struct buf *out, const char *name)
{
	buf_addf(out, "%s ", name);
	width_pad(out, width_of(name) + 1, NAME_COLUMNS);
}

/* How many of the agents it is for. */
static size_t count_users(const struct config *config, const struct agent *const *agents,
    size_t count, const struct backend *backend)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		struct buf why = BUF_INIT;
		struct client client;

		if (client_choose(&client, config, agents[i], false, &why) == 0 &&
		    client.backend == backend)
			n++;
		buf_free(&why);
	}
	return n;
}

/* A client that does not start matters when somebody would be asked by it. */
static bool add_backend(struct buf *out, const struct backend *b, struct probe *p, size_t users)
{
	add_name(out, b->name);
	if (p->there)
		buf_addstr(out, buf_str(&p->line));
	else
		buf_addf(out, "not found: install with: %s", b->install);
	if (users > 0)
		buf_addf(out, " (for %zu agent%s)", users, users == 1 ? "" : "s");
	buf_addch(out, '\n');
	return p->good || users == 0;
}

bool client_reaches(const struct config *config, const struct agent *agent, struct buf *why)
{
	struct client client;

	if (client_choose(&client, config, agent, false, why) != 0)
		return false;
	if (agent->command == NULL || agent->command[0] == NULL ||
	    client_on_path(agent->command[0]))
		return true;
	buf_addf(why, "its command '%s' is not found", safe(agent->command[0]));
	return false;
}

static bool add_agent(struct buf *out, const struct config *config, const struct agent *agent)
{
	struct buf why = BUF_INIT;
	bool good = client_reaches(config, agent, &why);

	if (!good) {
		add_name(out, agent->name);
		buf_addf(out, "%s\n", buf_str(&why));
	}
	buf_free(&why);
	return good;
}

int client_check(struct buf *out, const struct config *config, const struct agent *const *agents,
    size_t count, worker_fn worker)
{
	struct check c = { .probes = xcalloc(nbackends, sizeof *c.probes) };
	int status = probe_all(&c, worker);
	bool good = true;

	for (size_t i = 0; i < nbackends; i++) {
		if (status == 0)
			good &= add_backend(out, &backends[i], &c.probes[i],
			    count_users(config, agents, count, &backends[i]));
		buf_free(&c.probes[i].line);
	}
	free(c.probes);
	for (size_t i = 0; status == 0 && i < count; i++)
		good &= add_agent(out, config, agents[i]);
	return status != 0 || good ? status : EXIT_CONFIG;
}
