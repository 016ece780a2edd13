/*
 * Clients that write text alone. Of most of them standard output is the answer and the exit status tells
 * how they ended. aider ends with 0 whatever the service says: its errors and its end are lines of
 * a form of their own, and so is the banner by which it is known.
 */
#include <string.h>

#include "workers/adapter_reader.h"

#define BANNER "Aider v"

static bool begins(const char *line, size_t len, const char *words)
{
	return len >= strlen(words) && strncmp(line, words, strlen(words)) == 0;
}

/* "litellm.RateLimitError: …" */
static bool is_error(const char *line, size_t len)
{
	static const char name[] = "litellm.", ending[] = "Error:";
	const char *colon = memchr(line, ':', len);
	size_t n = colon != NULL ? (size_t)(colon - line) + 1 : 0;

	return n > strlen(name) + strlen(ending) && begins(line, len, name) &&
	    memchr(line, ' ', n) == NULL &&
	    strncmp(colon + 1 - strlen(ending), ending, strlen(ending)) == 0;
}

/* What it says of itself before its first answer. */
static bool is_banner(const char *line, size_t len)
{
	static const char *const words[] = { BANNER, "Main model:", "Model:", "Editor model:",
		"Weak model:", "Git repo:", "Repo-map:", "Added ", "Detected dumb terminal",
		"You can skip this check", "Update git name" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (begins(line, len, words[i]))
			return true;
	return len == 0;
}

/* "2.3k", "1,204", "$0.0042"; *text is behind it then. */
static double take_count(const char **text)
{
	double value = 0, scale = 1;
	bool fraction = false;

	*text += strspn(*text, " $");
	for (;; (*text)++) {
		if (**text >= '0' && **text <= '9') {
			value = value < 1e12 ? value * 10 + (**text - '0') : value;
			scale *= fraction ? 10 : 1;
		} else if (**text == '.' && !fraction) {
			fraction = true;
		} else if (**text != ',') {
			break;
		}
	}
	value /= scale;
	if (**text == 'k' || **text == 'M') {
		value *= **text == 'k' ? 1e3 : 1e6;
		(*text)++;
	}
	return value;
}

/* "Tokens: 2.3k sent, 1.1k received. Cost: $0.01 message, $0.02 session." */
static void on_tokens(struct reader *r, const char *line, size_t len)
{
	struct buf text = BUF_INIT;
	const char *at, *cost;
	double sent, received = 0, usd = -1;

	buf_add(&text, line, len);
	at = text.data + strlen("Tokens:");
	sent = take_count(&at);
	at = strstr(text.data, " sent,");
	if (at != NULL) {
		at += strlen(" sent,");
		/* "1.2k cache write, 3k cache hit," may stand between */
		received = take_count(&at);
		while (strncmp(at, " cache", 6) == 0 && (at = strchr(at, ',')) != NULL) {
			at++;
			received = take_count(&at);
		}
	}
	cost = strstr(text.data, "Cost:");
	if (cost != NULL) {
		cost += strlen("Cost:");
		usd = take_count(&cost);
	}
	reader_usage(r, sent, received, usd);
	reader_recovered(r);
	r->ended = true;
	buf_free(&text);
}

static void on_line(struct reader *r, const char *line, size_t len)
{
	struct buf text = BUF_INIT;

	if (begins(line, len, BANNER) && !r->aside)
		r->known = true;
	if (!r->known) {
		/* some other client: it begins with its answer */
		r->aside = r->aside || len > 0;
		return;
	}
	if (!r->aside && is_banner(line, len))
		return;
	r->aside = true;
	if (is_error(line, len)) {
		buf_add(&text, line, len);
		reader_complain(r, text.data, 0);
		reader_pressure(r, text.data, 0, 0);
		buf_free(&text);
		return;
	}
	if (begins(line, len, "Tokens:")) {
		on_tokens(r, line, len);
		return;
	}
	reader_add_answer(r, line, len);
	reader_add_answer(r, "\n", 1);
}

const struct dialect adapter_text = { .line = on_line, .plain = true };
