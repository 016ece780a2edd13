#include <stdio.h>
#include <string.h>

#include "shared/text.h"
#include "supervisor/input/document_data.h"

/*
 * libyaml speaks of tokens and states of its parser. What it says is told here in words of the file,
 * with what to write instead, judged by the text where it stopped.
 */

/* Where a complaint points into the text. On the stack of document_complain(). */
struct spot {
	const struct document_text *text;
	const struct yaml_complaint *complaint;
	const char *line; /* where it begins */
	const char *at;	  /* `end` past the last byte */
	const char *end;
};

typedef void speaker(const struct spot *s);

static const char *line_at(const struct document_text *t, uint32_t number)
{
	const char *p = t->data, *end = t->data + t->len;

	for (; number > 1 && p < end; number--) {
		const char *next = memchr(p, '\n', (size_t)(end - p));

		p = next == NULL ? end : next + 1;
	}
	return p;
}

static struct spot find_spot(const struct document_text *t, const struct yaml_complaint *c)
{
	struct spot s = { .text = t, .complaint = c, .end = t->data + t->len };

	s.line = line_at(t, c->at.line);
	s.at = s.line;
	for (uint32_t i = 1; i < c->at.column && s.at < s.end; i++)
		do
			s.at++;
		while (s.at < s.end && ((unsigned char)*s.at & 0xc0) == 0x80);
	return s;
}

static bool begins_line(const struct spot *s)
{
	for (const char *p = s->line; p < s->at; p++)
		if (*p != ' ')
			return false;
	return true;
}

static bool stands_at(const struct spot *s, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(s->end - s->at) >= len && memcmp(s->at, word, len) == 0;
}

/* Whether nothing but blank lines and comments follows. */
static bool at_end(const struct spot *s)
{
	const char *p = s->at;

	while (p < s->end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n' || *p == '#')) {
		if (*p == '#') {
			p = memchr(p, '\n', (size_t)(s->end - p));
			if (p == NULL)
				return true;
		}
		p++;
	}
	return p == s->end;
}

/* The last character before the spot that is no blank, on the same line; '\0': none. */
static char before(const struct spot *s)
{
	const char *p = s->at;

	while (p > s->line && (p[-1] == ' ' || p[-1] == '\t'))
		p--;
	return p > s->line ? p[-1] : '\0';
}

static void here(const struct spot *s, const char *message)
{
	document_fail(s->text, s->complaint->at, "%s", message);
}

static void at_begin(const struct spot *s, const char *message)
{
	document_fail(s->text, s->complaint->from, "%s", message);
}

static void say_cannot_start(const struct spot *s)
{
	char c = s->at < s->end ? *s->at : '\0';

	if (c == '\t')
		here(s, "a tab where blanks are expected: YAML is indented with blanks only");
	else
		document_fail(s->text, s->complaint->at,
		    "a text cannot begin with '%c': put it in quotes", c);
}

static void say_value_misplaced(const struct spot *s)
{
	for (const char *p = s->line; p + 1 < s->at; p++) {
		if (p[0] == ':' && p[1] == ' ') {
			here(s, "a ': ' within a text: put the text in quotes");
			return;
		}
	}
	here(s,
	    "no key can stand here: its line is indented too far, or the one above has no ': ' "
	    "after its key");
}

static void say_no_colon(const struct spot *s)
{
	at_begin(s,
	    "expected 'KEY: VALUE', and there is no ': ' in this line (a text of several lines is "
	    "indented below its key)");
}

static void say_item_misplaced(const struct spot *s)
{
	here(s,
	    "no list can begin here: put each '- ' at the beginning of a line, or the text in "
	    "quotes");
}

static void say_question(const struct spot *s)
{
	here(s, "no text can begin with '? ' here: put it in quotes");
}

static void say_not_closed(const struct spot *s)
{
	at_begin(s, "the quote that opens here is never closed");
}

static void say_escape(const struct spot *s)
{
	size_t len = 2;

	while (s->at + len < s->end && ((unsigned char)s->at[len] & 0xc0) == 0x80)
		len++;
	if (s->at + len > s->end)
		len = (size_t)(s->end - s->at);
	document_fail(s->text, s->complaint->at,
	    "unknown escape '%.*s': within \"...\" a backslash is written \\\\, within '...' as it "
	    "is",
	    (int)len, s->at);
}

static void say_digits(const struct spot *s)
{
	here(s, "expected hexadecimal digits: two after \\x, four after \\u, eight after \\U");
}

static void say_no_character(const struct spot *s)
{
	here(s, "an escape that stands for no character");
}

static void say_tab(const struct spot *s)
{
	here(s, "a tab where blanks are expected: YAML is indented with blanks only");
}

static void say_block_heading(const struct spot *s)
{
	here(s, "after '|' or '>' the line ends: the text begins on the next one, indented");
}

static void say_indicator(const struct spot *s)
{
	here(s, "expected a number from 1 to 9 after '|' or '>', or none");
}

/* In the row of what is indented alike; `what` stands at the beginning of each line of it. */
static void say_indentation(const struct spot *s, const char *what)
{
	const struct yaml_complaint *c = s->complaint;

	document_fail(s->text, c->at,
	    "expected %s in column %u, as in line %u: this line is indented like none above it",
	    what, c->from.column, c->from.line);
}

static void say_text_after(const struct spot *s)
{
	char c = before(s);

	if (c == '\'')
		here(s,
		    "text after the closing quote: within '...' a quote is written '', within "
		    "\"...\" as it is");
	else if (c == '"')
		here(s, "text after the closing quote: within \"...\" a quote is written \\\"");
	else if (c == ']' || c == '}')
		document_fail(s->text, s->complaint->at,
		    "text after the '%c': put the whole in quotes if it is a text", c);
	else
		here(s, "unexpected text: put the whole in quotes if it is a text");
}

static void say_no_key(const struct spot *s)
{
	if (!begins_line(s))
		say_text_after(s);
	else if (stands_at(s, ":"))
		here(s, "an empty key: expected 'KEY: VALUE'");
	else if (stands_at(s, "- ") && s->complaint->at.column == s->complaint->from.column)
		here(s, "expected 'KEY: VALUE' as above, got a list item ('- ')");
	else
		say_indentation(s, "a key");
}

static void say_no_dash(const struct spot *s)
{
	if (!begins_line(s))
		say_text_after(s);
	else if (s->complaint->at.column == s->complaint->from.column)
		here(s, "expected a list item ('- ') as above");
	else
		say_indentation(s, "'- '");
}

static void say_open(const struct spot *s)
{
	const struct yaml_complaint *c = s->complaint;

	document_fail(s->text, c->open, "the %s that begins here is never closed: expected '%c'",
	    c->open_list ? "list" : "mapping", c->open_list ? ']' : '}');
}

static void say_flow(const struct spot *s, const char *what, char close)
{
	const struct yaml_complaint *c = s->complaint;

	if (at_end(s) && c->open.line > 0) {
		say_open(s);
		return;
	}
	if (stands_at(s, "{{") && s->at > s->line && s->at[-1] == '$') {
		here(s, "within [ ] and { } a text with ${{ }} stands in quotes: \"${{ ... }}\"");
		return;
	}
	document_fail(s->text, c->at,
	    "expected ',' or '%c' in the %s that begins in line %u, column %u", close, what,
	    c->from.line, c->from.column);
}

static void say_flow_list(const struct spot *s)
{
	say_flow(s, "list", ']');
}

static void say_flow_mapping(const struct spot *s)
{
	say_flow(s, "mapping", '}');
}

static void say_no_value(const struct spot *s)
{
	if (at_end(s) && s->complaint->open.line > 0)
		say_open(s);
	else if (s->at<s->end && * s->at> ' ')
		document_fail(s->text, s->complaint->at,
		    "expected a value, got '%c': put a text that begins so in quotes", *s->at);
	else
		here(s, "expected a value");
}

static void say_no_document(const struct spot *s)
{
	here(s, "expected '---' on a line of its own after the directives");
}

static void say_version(const struct spot *s)
{
	at_begin(s, "expected %YAML 1.2 or 1.1");
}

static void say_directive(const struct spot *s)
{
	at_begin(s,
	    "a line that begins with '%' is a directive, and none can stand here: indent it");
}

static void say_alias(const struct spot *s)
{
	at_begin(s, "aliases ('*...') are not taken: put a text that begins with '*' in quotes");
}

static void say_anchor(const struct spot *s)
{
	at_begin(s, "anchors ('&...') are not taken: put a text that begins with '&' in quotes");
}

static void say_tag(const struct spot *s)
{
	at_begin(s, "tags ('!...') are not taken: put a text that begins with '!' in quotes");
}

/* What counts is the context, whatever is wrong there. */
static const struct {
	const char *context;
	speaker *say;
} contexts[] = {
	{ "while scanning an alias", say_alias },
	{ "while scanning an anchor", say_anchor },
	{ "while scanning a tag", say_tag },
	{ "while parsing a tag", say_tag },
	{ "while parsing a node", say_tag },
	{ "while scanning a %YAML directive", say_version },
	{ "while scanning a directive", say_directive },
};

static const struct {
	const char *problem;
	speaker *say;
} problems[] = {
	{ "found character that cannot start any token", say_cannot_start },
	{ "mapping values are not allowed in this context", say_value_misplaced },
	{ "could not find expected ':'", say_no_colon },
	{ "block sequence entries are not allowed in this context", say_item_misplaced },
	{ "mapping keys are not allowed in this context", say_question },
	{ "found unexpected end of stream", say_not_closed },
	{ "found unexpected document indicator", say_not_closed },
	{ "found unknown escape character", say_escape },
	{ "did not find expected hexdecimal number", say_digits },
	{ "found invalid Unicode character escape code", say_no_character },
	{ "found a tab character where an indentation space is expected", say_tab },
	{ "found a tab character that violates indentation", say_tab },
	{ "did not find expected comment or line break", say_block_heading },
	{ "found an indentation indicator equal to 0", say_indicator },
	{ "did not find expected key", say_no_key },
	{ "did not find expected '-' indicator", say_no_dash },
	{ "did not find expected ',' or ']'", say_flow_list },
	{ "did not find expected ',' or '}'", say_flow_mapping },
	{ "did not find expected node content", say_no_value },
	{ "did not find expected <document start>", say_no_document },
	{ "found incompatible YAML document", say_version },
};

static speaker *find_speaker(const struct yaml_complaint *c)
{
	for (size_t i = 0; c->context != NULL && i < sizeof(contexts) / sizeof(contexts[0]); i++)
		if (strcmp(contexts[i].context, c->context) == 0)
			return contexts[i].say;
	for (size_t i = 0; i < sizeof(problems) / sizeof(problems[0]); i++)
		if (strcmp(problems[i].problem, c->problem) == 0)
			return problems[i].say;
	return NULL;
}

void document_complain(const struct document_text *t, const struct yaml_complaint *c)
{
	struct spot s = find_spot(t, c);
	speaker *say = find_speaker(c);

	if (say != NULL)
		say(&s);
	else if (c->context != NULL)
		document_fail(t, c->at, "%s (%s)", c->problem, c->context);
	else
		document_fail(t, c->at, "%s", c->problem);
}
