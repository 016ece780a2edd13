#include "shared/result.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/text.h"
#include "shared/xalloc.h"

static const char *const status_texts[RESULT_STATUS_COUNT] = {
#define X(name, text) [RESULT_##name] = text,
	RESULT_STATUSES(X)
#undef X
};

static const char *const reason_texts[REASON_COUNT] = {
#define X(name, text) [REASON_##name] = text,
	REASONS(X)
#undef X
};

const char *result_status_text(enum result_status status)
{
	return status_texts[status];
}

const char *reason_text(enum reason reason)
{
	return reason_texts[reason];
}

bool result_status_parse(const char *text, enum result_status *out)
{
	for (int i = 0; i < RESULT_STATUS_COUNT; i++) {
		if (strcmp(text, status_texts[i]) == 0) {
			*out = (enum result_status)i;
			return true;
		}
	}
	return false;
}

bool reason_parse(const char *text, enum reason *out)
{
	for (int i = 0; i < REASON_COUNT; i++) {
		if (strcmp(text, reason_texts[i]) == 0) {
			*out = (enum reason)i;
			return true;
		}
	}
	return false;
}

const char *signal_name(char name[SIGNAL_NAME_MAX], int signal)
{
	const char *abbreviation = sigabbrev_np(signal);

	if (abbreviation != NULL)
		snprintf(name, SIGNAL_NAME_MAX, "SIG%s", abbreviation);
	else if (signal == SIGRTMIN)
		snprintf(name, SIGNAL_NAME_MAX, "SIGRTMIN");
	else if (signal > SIGRTMIN && signal <= SIGRTMAX)
		snprintf(name, SIGNAL_NAME_MAX, "SIGRTMIN+%d", signal - SIGRTMIN);
	else
		snprintf(name, SIGNAL_NAME_MAX, "signal %d", signal);
	return name;
}

bool signal_parse(const char *name, int *out)
{
	char known[SIGNAL_NAME_MAX];

	for (int i = 1; i <= SIGRTMAX; i++) {
		if (strcmp(name, signal_name(known, i)) == 0) {
			*out = i;
			return true;
		}
	}
	return false;
}

void result_init(struct result *r)
{
	*r = (struct result){ .exit_status = -1 };
}

void result_free(struct result *r)
{
	free(r->error);
	buf_free(&r->out.data);
	buf_free(&r->err.data);
	buf_free(&r->text);
	free(r->structured);
	free(r->summary);
	for (size_t i = 0; i < r->nfiles; i++)
		free(r->files[i]);
	free(r->files);
	free(r->session);
	free(r->warning);
	result_init(r);
}

/* It becomes a word of a command line, so an option must not come of it. */
void result_set_session(struct result *r, const char *id)
{
	size_t len = strlen(id);

	if (len == 0 || len > SESSION_MAX || id[0] == '-')
		return;
	for (size_t i = 0; i < len; i++) {
		if (id[i] <= ' ' || id[i] > '~')
			return;
	}
	free(r->session);
	r->session = xstrdup(id);
}

void result_add_file(struct result *r, const char *path)
{
	struct buf copy = BUF_INIT;

	if (r->nfiles == FILES_MAX)
		return;
	text_utf8(&copy, path, strlen(path));
	r->files = xreallocarray(r->files, r->nfiles + 1, sizeof(r->files[0]));
	r->files[r->nfiles++] = buf_detach(&copy);
}

void result_set_error(struct result *r, const char *fmt, ...)
{
	struct buf raw = BUF_INIT;
	struct buf line = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&raw, fmt, ap);
	va_end(ap);
	for (size_t i = 0; i < raw.len; i++) {
		if (raw.data[i] == '\n' || raw.data[i] == '\r')
			raw.data[i] = ' ';
	}
	text_utf8(&line, buf_str(&raw), raw.len);
	/* only now: the arguments may hold the old one */
	free(r->error);
	r->error = buf_detach(&line);
	buf_free(&raw);
}

void result_add_warning(struct result *r, const char *fmt, ...)
{
	struct buf all = BUF_INIT;
	va_list ap;

	if (r->warning != NULL)
		buf_addf(&all, "%s; ", r->warning);
	va_start(ap, fmt);
	buf_vaddf(&all, fmt, ap);
	va_end(ap);
	free(r->warning);
	r->warning = buf_detach(&all);
}
