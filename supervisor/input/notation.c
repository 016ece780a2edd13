#include "supervisor/input/notation.h"

#include <stdbool.h>
#include <string.h>

/* A piece of the line. */
struct span {
	const char *s;
	size_t len;
};

/* What begins a line that is no task. In the seed's own spelling: an agent may be called "next". */
static const struct heading {
	const char *word;
	enum notation_kind kind;
} headings[] = {
	{ "Phase:", NOTATION_STEP },
	{ "Goal:", NOTATION_GOAL },
	{ "Parallel invocation:", NOTATION_NOTE },
	{ "Synchronization:", NOTATION_NOTE },
	{ "Next:", NOTATION_NOTE },
	{ "Use case:", NOTATION_NOTE },
	{ "In one message, invoke", NOTATION_NOTE },
	{ "Then ", NOTATION_NOTE },
};

/* The same with a number before the colon. */
static const struct heading numbered[] = {
	{ "Step ", NOTATION_STEP },
	{ "Synchronization Point ", NOTATION_NOTE },
};

/* Typographic quotes are taken in any order: keyboards and editors differ in which opens. */
static const char *const quotes[] = { "\"", "\u201c", "\u201d", "\u201e" };

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool begins(struct span t, const char *word)
{
	size_t len = strlen(word);

	return t.len >= len && memcmp(t.s, word, len) == 0;
}

static bool ends(struct span t, const char *word)
{
	size_t len = strlen(word);

	return t.len >= len && memcmp(t.s + t.len - len, word, len) == 0;
}

static struct span after(struct span t, size_t n)
{
	return (struct span){ t.s + n, t.len - n };
}

/* The length of the blank at the beginning: a byte, or a no-break space as web pages have it. */
static size_t blank_at_start(struct span t)
{
	if (t.len == 0)
		return 0;
	if (t.s[0] == ' ' || (t.s[0] >= '\t' && t.s[0] <= '\r'))
		return 1;
	return begins(t, "\u00a0") ? 2 : 0;
}

static size_t blank_at_end(struct span t)
{
	if (t.len == 0)
		return 0;
	if (t.s[t.len - 1] == ' ' || (t.s[t.len - 1] >= '\t' && t.s[t.len - 1] <= '\r'))
		return 1;
	return ends(t, "\u00a0") ? 2 : 0;
}

static struct span skip_blanks(struct span t)
{
	size_t n;

	while ((n = blank_at_start(t)) > 0)
		t = after(t, n);
	return t;
}

static struct span trim(struct span t)
{
	size_t n;

	t = skip_blanks(t);
	while ((n = blank_at_end(t)) > 0)
		t.len -= n;
	return t;
}

/* "1. ", "1) ", "- ", "* ", "+ " and a bullet. */
static struct span skip_list_mark(struct span t)
{
	size_t n = 0;

	while (n < t.len && is_digit(t.s[n]))
		n++;
	if (n > 0) {
		if (n == t.len || (t.s[n] != '.' && t.s[n] != ')'))
			return t;
		n++;
	} else if (begins(t, "-") || begins(t, "*") || begins(t, "+")) {
		n = 1;
	} else if (begins(t, "\u2022")) {
		n = strlen("\u2022");
	} else {
		return t;
	}
	if (blank_at_start(after(t, n)) == 0)
		return t;
	return skip_blanks(after(t, n));
}

/* The length of the arrow at the beginning. */
static size_t arrow(struct span t)
{
	if (begins(t, "->"))
		return 2;
	return begins(t, "\u2192") ? strlen("\u2192") : 0;
}

/* The length of the agent's name at the beginning. */
static size_t name(struct span t)
{
	size_t n = 1;

	if (t.len == 0 || !is_letter(t.s[0]))
		return 0;
	while (n < t.len &&
	    (is_letter(t.s[n]) || is_digit(t.s[n]) || t.s[n] == '_' || t.s[n] == '-')) {
		/* In "a->b" the hyphen belongs to the arrow. */
		if (arrow(after(t, n)) > 0)
			break;
		n++;
	}
	return n;
}

static size_t quote_at_start(struct span t)
{
	for (size_t i = 0; i < COUNT(quotes); i++)
		if (begins(t, quotes[i]))
			return strlen(quotes[i]);
	return 0;
}

static size_t quote_at_end(struct span t)
{
	for (size_t i = 0; i < COUNT(quotes); i++)
		if (ends(t, quotes[i]))
			return strlen(quotes[i]);
	return 0;
}

/* Whether the quote of n bytes at offset i ends what was quoted: it hangs on the word before it. */
static bool is_closing(struct span t, size_t i, size_t n)
{
	struct span rest = after(t, i + n);

	if (begins(after(t, i), "\u201d"))
		return true;
	if (!begins(after(t, i), "\""))
		return false;
	if (i == 0 || blank_at_end((struct span){ t.s, i }) > 0)
		return false;
	return rest.len == 0 || (!is_letter(rest.s[0]) && !is_digit(rest.s[0]));
}

/* Whether the first quote inside ends one, as in: "foo" and "bar". */
static bool closes_early(struct span inside)
{
	for (size_t i = 0; i < inside.len; i++) {
		size_t n = quote_at_start(after(inside, i));

		if (n > 0)
			return is_closing(inside, i, n);
	}
	return false;
}

static struct span unquote(struct span t)
{
	size_t open = quote_at_start(t);
	struct span inside;
	size_t end;

	if (open == 0)
		return t;
	end = quote_at_end(after(t, open));
	if (end == 0)
		return t;
	inside = (struct span){ t.s + open, t.len - open - end };
	return closes_early(inside) ? t : trim(inside);
}

static struct notation with_text(enum notation_kind kind, struct span text)
{
	return (struct notation){ .kind = kind, .text = text.s, .text_len = text.len };
}

static struct notation make_task(struct span agent, struct span prompt)
{
	return (struct notation){ NOTATION_TASK, agent.s, agent.len, prompt.s, prompt.len };
}

static const struct notation bad = { .kind = NOTATION_BAD };

/* "AGENT (PROMPT)", after an arrow. */
static struct notation parse_call(struct span t)
{
	struct span agent = { t.s, name(t) };

	t = skip_blanks(after(t, agent.len));
	if (agent.len == 0 || t.len < 2 || !begins(t, "(") || !ends(t, ")"))
		return bad;
	return make_task(agent, trim((struct span){ t.s + 1, t.len - 2 }));
}

/* "AGENT: PROMPT", "AGENT -> PROMPT". */
static struct notation parse_task(struct span t)
{
	struct span agent = { t.s, name(t) };

	if (agent.len == 0)
		return bad;
	t = after(t, agent.len);
	if (begins(t, ":"))
		return make_task(agent, skip_blanks(after(t, 1)));
	t = skip_blanks(t);
	if (arrow(t) == 0)
		return bad;
	return make_task(agent, unquote(skip_blanks(after(t, arrow(t)))));
}

static bool parse_heading(struct span t, struct notation *out)
{
	for (size_t i = 0; i < COUNT(headings); i++) {
		if (!begins(t, headings[i].word))
			continue;
		*out = with_text(headings[i].kind, skip_blanks(after(t, strlen(headings[i].word))));
		return true;
	}
	for (size_t i = 0; i < COUNT(numbered); i++) {
		size_t n = strlen(numbered[i].word);

		if (!begins(t, numbered[i].word) || n == t.len || !is_digit(t.s[n]))
			continue;
		while (n < t.len && is_digit(t.s[n]))
			n++;
		if (!begins(after(t, n), ":"))
			continue;
		*out = with_text(numbered[i].kind, skip_blanks(after(t, n + 1)));
		return true;
	}
	return false;
}

struct notation notation_parse(const char *line, size_t len)
{
	struct span t = trim((struct span){ line, len });
	struct notation found;

	if (t.len == 0 || begins(t, "#") || begins(t, "```") || begins(t, "~~~"))
		return with_text(NOTATION_NOTE, t);
	t = skip_list_mark(t);
	if (parse_heading(t, &found))
		return found;
	if (begins(t, "Task tool") && arrow(skip_blanks(after(t, strlen("Task tool")))) > 0)
		t = skip_blanks(after(t, strlen("Task tool")));
	if (arrow(t) > 0)
		return parse_call(skip_blanks(after(t, arrow(t))));
	return parse_task(t);
}
