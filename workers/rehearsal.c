#include "workers/rehearsal.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/json.h"
#include "shared/quantity.h"
#include "shared/text.h"
#include "shared/words.h"
#include "shared/xalloc.h"
#include "workers/invocation.h"
#include "workers/prompt.h"

#define MARK "(rehearsal) "
#define SHORT_TEXT 32
/* How often to look for a signal when the system has no descriptor to wait for it. */
#define BLIND_MS 20
/* Enough of an answer for its summary. */
#define HEAD_MAX INLINE_MAX

/* How the waiting ended. */
enum wait_end { WAIT_OVER, WAIT_STOPPED };

static void stop_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGQUIT);
}

/* A task may signal its worker; only the supervisor is listened to. */
static bool is_asked_to_stop(const struct job *job)
{
	static const struct timespec at_once = { 0, 0 };
	siginfo_t info;
	sigset_t set;

	stop_signals(&set);
	while (sigtimedwait(&set, &info, &at_once) > 0)
		if (info.si_pid == job->supervisor_pid)
			return true;
	return false;
}

static int poll_ms(int64_t left, bool blind)
{
	if (blind && left > BLIND_MS)
		return BLIND_MS;
	return left > INT_MAX ? INT_MAX : (int)left;
}

static enum wait_end wait_for(const struct job *job, int64_t ms, int report_fd)
{
	int64_t end = clock_mono_ms() + ms, left;
	enum wait_end how = WAIT_OVER;
	struct pollfd polled[2] = { { .fd = report_fd }, { .events = POLLIN } };
	sigset_t set;

	stop_signals(&set);
	polled[1].fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	while (how == WAIT_OVER && (left = end - clock_mono_ms()) > 0) {
		poll(polled, 2, poll_ms(left, polled[1].fd < 0));
		/* the supervisor is gone, and nothing of ours is left to kill */
		if (polled[0].revents != 0)
			_exit(1);
		if (is_asked_to_stop(job))
			how = WAIT_STOPPED;
	}
	if (polled[1].fd >= 0)
		close(polled[1].fd);
	return how;
}

static void set_end(struct result *r, enum result_status status, enum reason reason)
{
	r->status = status;
	r->reason = reason;
}

#define ASKED " was asked:\n\n"

/* The summary is one line that says first that nothing has happened. */
static void set_summary(struct result *r, const char *text, size_t len)
{
	struct buf line = BUF_INIT, summary = BUF_INIT;

	text_summary(&line, text, len < HEAD_MAX ? len : HEAD_MAX, SUMMARY_MAX - strlen(MARK));
	buf_addstr(&summary, MARK);
	buf_addstr(&summary, line.len > 0 ? buf_str(&line) : "no answer");
	r->summary = buf_detach(&summary);
	buf_free(&line);
}

/* "AGENT was asked:", an empty line, its prompt; false when the prompt cannot be put together. */
static bool add_prompt(struct buf *out, const struct job *job, struct result *r)
{
	buf_addf(out, MARK "%s" ASKED, job->agent);
	if (!prompt_build(out, job, r))
		return false;
	if (out->data[out->len - 1] != '\n')
		buf_addch(out, '\n');
	return true;
}

static void add_words(struct buf *out, const struct job *job)
{
	const char **words = invocation_of_command(job);

	buf_addstr(out, MARK "would run:");
	for (size_t i = 0; words[i] != NULL; i++) {
		buf_addch(out, ' ');
		words_quote(out, words[i]);
	}
	buf_addch(out, '\n');
}

/* What it would have sent; false when there is nothing that could be sent. */
static bool echo(const struct job *job, struct result *r)
{
	size_t skip = strlen(MARK);

	if (job->agent == NULL)
		add_words(&r->text, job);
	else if (!add_prompt(&r->text, job, r))
		return false;
	r->has_text = true;
	/* what an agent was asked says more than that it was */
	if (job->agent != NULL)
		skip += strlen(job->agent) + strlen(ASKED);
	set_summary(r, r->text.data + skip, r->text.len - skip);
	return true;
}

static void answer(const struct job *job, struct result *r)
{
	const struct rehearsal *script = job->rehearsal;
	const char *text = script->answer;

	if (text == NULL && !echo(job, r)) {
		buf_free(&r->text);
		return;
	}
	if (text != NULL) {
		r->has_text = true;
		buf_addstr(&r->text, text);
		set_summary(r, text, strlen(text));
	}
	if (script->structured != NULL || job->want_json)
		r->structured = xstrdup(script->structured != NULL ? script->structured : "{}");
	set_end(r, RESULT_SUCCEEDED, REASON_NONE);
	r->exit_status = 0;
}

/* A command says on standard error what is wrong; of an agent its adapter tells. */
static void fail(const struct job *job, struct result *r)
{
	const struct rehearsal *script = job->rehearsal;
	const char *error = script->error != NULL ? script->error : "rehearsed failure";

	set_summary(r, error, strlen(error));
	if (script->answer != NULL) {
		r->has_text = true;
		buf_addstr(&r->text, script->answer);
	}
	if (script->exit_status < 0) {
		set_end(r, RESULT_FAILED, REASON_AGENT);
		result_set_error(r, "%s", error);
		return;
	}
	set_end(r, RESULT_FAILED, REASON_EXIT);
	r->exit_status = script->exit_status;
	result_set_error(r, "exit %d", script->exit_status);
	buf_addf(&r->err.data, "%s\n", error);
	if (r->err.data.len > INLINE_MAX)
		r->err.data.len = INLINE_MAX;
	r->err.bytes = r->err.data.len;
}

static void time_out(struct result *r, int64_t ms)
{
	char text[SHORT_TEXT];

	set_end(r, RESULT_FAILED, REASON_TIMEOUT);
	r->signal = SIGTERM;
	result_set_error(r, "timed out after %s", format_duration(text, sizeof(text), ms));
	set_summary(r, r->error, strlen(r->error));
}

void rehearsal_run(const struct job *job, struct result *r, int report_fd)
{
	const struct rehearsal *script = job->rehearsal;
	bool too_long = job->timeout_ms > 0 && script->delay_ms > job->timeout_ms;
	int64_t ms = too_long ? job->timeout_ms : script->delay_ms;

	if (wait_for(job, ms, report_fd) == WAIT_STOPPED || is_asked_to_stop(job)) {
		set_end(r, RESULT_CANCELLED, REASON_INTERRUPTED);
		r->signal = SIGTERM;
		result_set_error(r, "interrupted");
	} else if (too_long || script->times_out) {
		/* a scripted timeout need not be waited for */
		time_out(r, job->timeout_ms > 0 ? job->timeout_ms : ms);
	} else if (script->fails) {
		fail(job, r);
	} else {
		answer(job, r);
	}
}
