#include "workers/signature.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define LINES_MAX 400	  /* lines of a tail that are looked at, the last ones */
#define NEAR 8		  /* lines around the telling one that belong to it */
#define QUOTED_MAX 200	  /* bytes between quotes */
#define SIGNATURE_MAX 400 /* bytes of a blanked line */
#define TIMESTAMP_MAX 40  /* bytes at the beginning of a line that can be one */

/* How much a line tells. */
enum weight {
	WEIGHT_NONE,	/* noise: never shown */
	WEIGHT_PLAIN,	/* it says something */
	WEIGHT_ECHO,	/* says only that something failed, or warns, or is prose */
	WEIGHT_WORD,	/* has a word of failure in it */
	WEIGHT_MESSAGE, /* has the shape of an error message */
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_word_byte(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static struct telling trim(const char *text, size_t len)
{
	while (len > 0 && is_space(text[0])) {
		text++;
		len--;
	}
	while (len > 0 && is_space(text[len - 1]))
		len--;
	return (struct telling){ text, len, false };
}

/* Cleaning. */

/* How many bytes the terminal sequence at s takes; 1 when it is none that is known. */
static size_t sequence_length(const char *s, size_t len)
{
	size_t i = 2;

	if (len < 2)
		return 1;
	if (s[1] == '[') {
		while (i < len && s[i] >= 0x20 && s[i] < 0x40)
			i++;
		return i < len ? i + 1 : i;
	}
	if (s[1] == ']') {
		while (i < len && s[i] != '\a' && s[i] != '\033' && s[i] != '\n')
			i++;
		if (i + 1 < len && s[i] == '\033' && s[i + 1] == '\\')
			return i + 2;
		return i < len && s[i] == '\a' ? i + 1 : i;
	}
	return 2;
}

void signature_clean(struct buf *out, const char *text, size_t len)
{
	size_t i = 0;

	if (len > SIGNATURE_TAIL_MAX) {
		text += len - SIGNATURE_TAIL_MAX;
		len = SIGNATURE_TAIL_MAX;
	}
	while (i < len) {
		unsigned char c = (unsigned char)text[i];

		if (c == '\033') {
			i += sequence_length(text + i, len - i);
			continue;
		}
		if (c == '\r')
			c = '\n';
		buf_addch(out, (c < 0x20 && c != '\n') || c == 0x7f ? ' ' : (char)c);
		i++;
	}
}

/* Searching. */

static const char *find(const char *line, size_t len, const char *words, bool whole)
{
	size_t n = strlen(words);
	bool begins = whole && is_word_byte(words[0]);
	bool ends = whole && is_word_byte(words[n - 1]);

	for (size_t i = 0; i + n <= len; i++) {
		if (tolower((unsigned char)line[i]) != tolower((unsigned char)words[0]) ||
		    strncasecmp(line + i, words, n) != 0)
			continue;
		if (begins && i > 0 && is_word_byte(line[i - 1]))
			continue;
		if (ends && i + n < len && is_word_byte(line[i + n]))
			continue;
		return line + i;
	}
	return NULL;
}

const char *signature_find(const char *line, size_t len, const char *words)
{
	return find(line, len, words, true);
}

static bool begins_with(struct telling line, const char *words)
{
	size_t len = strlen(words);

	return line.len >= len && strncasecmp(line.data, words, len) == 0;
}

static bool begins_with_one(struct telling line, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (begins_with(line, words[i]))
			return true;
	return false;
}

static bool has_one(struct telling line, const char *const *words, size_t count, bool whole)
{
	for (size_t i = 0; i < count; i++)
		if (find(line.data, line.len, words[i], whole) != NULL)
			return true;
	return false;
}

/* The shapes of lines. */

static struct telling skip(struct telling line, size_t n)
{
	return trim(line.data + n, line.len - n);
}

static size_t digits_at(struct telling line, size_t at)
{
	size_t n = 0;

	while (at + n < line.len && isdigit((unsigned char)line.data[at + n]))
		n++;
	return n;
}

/* How many bytes at the beginning are a date, a time or both: digits, signs, T and Z. */
static size_t timestamp_length(struct telling line)
{
	size_t n = 0, digits = 0, colons = 0, dashes = 0;

	while (n < line.len && n < TIMESTAMP_MAX) {
		char c = line.data[n];

		digits += isdigit((unsigned char)c) ? 1 : 0;
		colons += c == ':' ? 1 : 0;
		dashes += c == '-' || c == '/' ? 1 : 0;
		if (!isdigit((unsigned char)c) && strchr(":-/.,+TZ []", c) == NULL)
			break;
		n++;
	}
	return digits >= 4 && (colons >= 2 || dashes >= 2) ? n : 0;
}

/* What npm writes before each of its lines. */
static struct telling skip_npm(struct telling line)
{
	static const char *const prefixes[] = { "npm ERR! ", "npm error ", "pnpm ERR! " };

	for (size_t i = 0; i < COUNT(prefixes); i++)
		if (begins_with(line, prefixes[i]))
			return skip(line, strlen(prefixes[i]));
	return line;
}

static struct telling skip_tags(struct telling line)
{
	static const char *const tags[] = { "[cause]: ", "[stderr] ", "E   ", "Caused by: " };
	size_t n = timestamp_length(line);

	line = skip(line, n);
	for (size_t i = 0; i < COUNT(tags); i++)
		if (begins_with(line, tags[i]))
			line = skip(line, strlen(tags[i]));
	return line;
}

/* "src/x.c:12:5: ", "x.java:3: ", "src/a.ts(3,5): ": the length of it, or 0. */
static size_t place_length(struct telling line)
{
	size_t i = 0, n;

	while (i < line.len && i < QUOTED_MAX && !is_space(line.data[i]) && line.data[i] != ':' &&
	    line.data[i] != '(')
		i++;
	if (i == 0 || i >= line.len || memchr(line.data, '.', i) == NULL)
		return 0;
	if (line.data[i] == '(') {
		while (
		    ++i < line.len && (isdigit((unsigned char)line.data[i]) || line.data[i] == ','))
			;
		return i + 1 < line.len && line.data[i] == ')' && line.data[i + 1] == ':' ? i + 2 :
											    0;
	}
	n = digits_at(line, i + 1);
	if (n == 0)
		return 0;
	i += 1 + n;
	n = i < line.len && line.data[i] == ':' ? digits_at(line, i + 1) : 0;
	if (n > 0)
		i += 1 + n;
	return i < line.len && line.data[i] == ':' ? i + 1 : 0;
}

static bool is_compiler_line(struct telling line)
{
	static const char *const after[] = { "error", "fatal error", "fatal:", "warning",
		"undefined reference", "note:", "syntax error", "multiple definition" };
	size_t n = place_length(line);

	if (begins_with(line, "error[E") || begins_with(line, "error TS"))
		return true;
	return n > 0 && begins_with_one(skip(line, n), after, COUNT(after));
}

static bool is_first_error(struct telling line)
{
	size_t n = place_length(line);

	if (begins_with(line, "error[E") || begins_with(line, "error TS"))
		return true;
	line = skip(line, n);
	return n > 0 && (begins_with(line, "error") || begins_with(line, "fatal error"));
}

bool signature_is_about_code(const char *line, size_t len)
{
	static const char *const exceptions[] = { "AssertionError", "SyntaxError", "NameError",
		"ReferenceError", "AttributeError", "IndentationError", "KeyError", "ImportError",
		"UnboundLocalError", "NotImplementedError", "RecursionError", "ZeroDivisionError",
		"TypeError" };
	static const char *const phrases[] = { "undeclared", "is not defined", "not declared",
		"cannot find symbol", "cannot find name", "cannot find value", "has no attribute",
		"undefined reference", "undefined symbol", "undefined variable", "unused variable",
		"unused import", "is not a function", "cannot read properties", "has no member",
		"no member named", "expected", "assert", "unknown type name",
		"does not exist on type", "unresolved import", "no-unused-vars", "syntax error",
		"parse error", "implicit declaration" };
	struct telling text = skip_tags(trim(line, len));

	/* undici says no more than this about a network that fails. */
	if (begins_with(text, "TypeError: fetch failed"))
		return false;
	return is_compiler_line(text) || begins_with_one(text, exceptions, COUNT(exceptions)) ||
	    has_one(text, phrases, COUNT(phrases), true);
}

/* "at f (file.js:1:2)", "at java.base/x.Y.z(Y.java:1)", "#1 0x… in f". */
static bool is_frame(struct telling line)
{
	if (begins_with(line, "at ") || begins_with(line, "async "))
		return true;
	if (line.data[0] == '#' && digits_at(line, 1) > 0)
		return true;
	return begins_with(line, "File \"") && find(line.data, line.len, "line", true) != NULL;
}

/* Code that is shown beneath a message: " 12 |     let x", "   |  ^^^", "    ~~~^". */
static bool is_excerpt(struct telling line)
{
	size_t n = digits_at(line, 0), marks = 0;
	struct telling rest = skip(line, n);

	if (rest.len > 0 && rest.data[0] == '|')
		return true;
	for (size_t i = 0; i < line.len; i++)
		marks += strchr("^~ |-=.+_>", line.data[i]) != NULL ? 1 : 0;
	return marks == line.len;
}

/* "  code: 'ECONNREFUSED'," as node prints the members of an error. */
static bool is_member(struct telling line)
{
	static const char *const names[] = { "code:", "errno:", "syscall:", "address:", "port:",
		"requireStack:", "path:", "spawnargs:", "hostname:", "type:", "stack:", "dest:" };

	return begins_with_one(line, names, COUNT(names)) &&
	    (line.data[line.len - 1] == ',' || line.data[line.len - 1] == '\'' ||
		isdigit((unsigned char)line.data[line.len - 1]) || line.data[line.len - 1] == '[');
}

/* "Receiving objects:  12% (3/25)", " 45%". */
static bool is_progress(struct telling line)
{
	const char *sign = memchr(line.data, '%', line.len);

	if (begins_with(line, "% Total") || begins_with(line, "Dload"))
		return true;
	return sign != NULL && sign > line.data && isdigit((unsigned char)sign[-1]) &&
	    (memchr(line.data, '(', line.len) != NULL || memchr(line.data, '[', line.len) != NULL ||
		sign - line.data < 5);
}

static bool is_noise(struct telling line)
{
	static const char *const beginnings[] = {
		"A complete log of this run",
		"For a full report see",
		"Node.js v",
		"node:internal/",
		"node:events",
		"throw ",
		"Traceback (most",
		"goroutine ",
		"For more information",
		"note:",
		"hint:",
		"help:",
		"= note:",
		"= help:",
		"-->",
		"In file included from",
		"from /",
		"See 'docker run --help'",
		"See 'git help",
		"Usage:",
		"usage:",
		"try '",
		"try `",
		"curl: try ",
		"More details here:",
		"Is the server running",
		"compilation terminated",
		"Please make sure",
		"During handling of the above exception",
		"The above exception was",
		"... ",
		"stack backtrace:",
		"rebuilding",
	};

	if (line.len == 0)
		return true;
	return begins_with_one(line, beginnings, COUNT(beginnings)) || is_frame(line) ||
	    is_excerpt(line) || is_member(line) || is_progress(line);
}

/* Lines that say that something failed, but not what. */
static bool is_echo(struct telling line)
{
	static const char *const phrases[] = {
		"returned non-zero exit status",
		"ld returned 1 exit status",
		"linker command failed",
		"could not compile",
		"aborting due to",
		"due to previous error",
		"due to 1 previous error",
		"Error is not recoverable",
		"Exiting with failure status",
		"Could not read from remote repository",
		"failed to push some refs",
		"process completed with exit code",
		"Command failed with exit code",
		"command failed:",
		"exited with code",
		"exit status",
		"lifecycle script",
		"clone of",
		"tests failed",
		"test failed",
		"this is related to npm",
		"and the repository exists",
		"where:",
		"What went wrong",
		"Build step",
		"the following error",
		"error was encountered while",
		"errors were encountered while",
		"Sub-process",
		"could not create work tree",
		"unpack failed",
		"index-pack failed",
		"early EOF",
		"gmake",
		"This is probably not a problem with npm",
		"Failed at the",
		"If you were trying to",
		"file not found, or the file may have been",
		"to see a list of supported npm commands",
		"For further information",
		"Check /var/log",
		"Error: Process completed",
		"cargo: command failed",
		"Max retries exceeded, giving up",
		"generated 1 error",
		"fatal: the remote end hung up",
	};
	static const char *const beginnings[] = { "make: ***", "make[", "warning:", "warn ",
		"WARN ", "WARNING", "[warn", "npm warn", "deprecat", "(node:", "1 error",
		"info:", "INFO", "debug", "DEBUG", "notice:", "FAILURE:", "* Try:", "ERROR: 1 ",
		"> " };

	if (begins_with(line, "make") && find(line.data, line.len, "Error", true) == NULL &&
	    find(line.data, line.len, "Stop.", false) != NULL)
		return false;
	if (begins_with(line, "make: ") && !begins_with(line, "make: ***"))
		return false;
	return begins_with_one(line, beginnings, COUNT(beginnings)) ||
	    has_one(line, phrases, COUNT(phrases), true);
}

/* A sentence of a list, a heading, a quotation: an answer rather than a message. */
static bool is_prose(struct telling line)
{
	static const char *const beginnings[] = { "- ", "* ", "# ", "## ", "### ", "> ", "| ",
		"```", "// ", "+ ", "I ", "I'll ", "I'm ", "I've ", "Let me ", "Now ",
		"The review ", "We ", "Also ", "Next ", "This ", "That ", "It ", "If ", "When ",
		"Here " };
	size_t n = digits_at(line, 0);

	if (n > 0 && n + 1 < line.len && (line.data[n] == '.' || line.data[n] == ')') &&
	    line.data[n + 1] == ' ')
		return true;
	return begins_with_one(line, beginnings, COUNT(beginnings));
}

bool signature_is_prose(const char *line, size_t len)
{
	return is_prose(skip_tags(trim(line, len)));
}

/* A word such as "ValueError:" or "java.io.IOException:", and then what it says. */
static bool begins_with_exception(struct telling line)
{
	static const char *const endings[] = { "Error", "Exception", "Exit", "Failure",
		"Interrupt" };
	size_t n = 0;

	while (
	    n < line.len && (is_word_byte(line.data[n]) || strchr(".$:", line.data[n]) != NULL)) {
		if (line.data[n] == ':' && (n + 1 == line.len || line.data[n + 1] == ' '))
			break;
		n++;
	}
	if (n == 0 || (n < line.len && line.data[n] != ':'))
		return false;
	for (size_t i = 0; i < COUNT(endings); i++) {
		size_t len = strlen(endings[i]);

		if (n >= len && strncmp(line.data + n - len, endings[i], len) == 0)
			return true;
	}
	return false;
}

/* The shape of an error message: "fatal: …", "x: error: …", "…: No such file or directory". */
static bool is_message(struct telling line)
{
	static const char *const beginnings[] = { "error", "fatal", "panic",
		"E: ", "err:", "[error", "[fatal", "critical", "exception in", "unhandled",
		"uncaught", "\"message\":", "\"error\":", "curl: (", "ERR_", "failed to ",
		"cannot ", "could not ", "unable to ", "permission denied", "access denied",
		"out of memory", "no space left", "Killed", "terminate called",
		"Segmentation fault", "Aborted", "Couldn't ", "bad ", "invalid ", "unknown ",
		"too many ", "timeout ", "ORA-", "SQLSTATE" };
	static const char *const within[] = { ": error:", ": fatal:", ": fatal error:", ": ERROR:",
		" ERROR ", " FATAL ", " error:", "FATAL:", "panicked at", "PANIC:", ": error ",
		"level=error", "level=fatal", "\"level\":\"error\"", ": cannot ", ": can't ",
		": could not ", ": unable to ", ": failed to ", "ERROR:" };
	static const char *const verdicts[] = {
		"no such file or directory",
		"permission denied",
		"operation not permitted",
		"connection refused",
		"connection reset",
		"connection timed out",
		"connection closed",
		"no space left on device",
		"disk quota exceeded",
		"read-only file system",
		"cannot allocate memory",
		"command not found",
		": not found",
		"text file busy",
		"address already in use",
		"resource temporarily unavailable",
		"name or service not known",
		"no route to host",
		"network is unreachable",
		"too many open files",
		"is a directory",
		"not a directory",
		"file exists",
		"directory not empty",
		"invalid argument",
		"broken pipe",
		"input/output error",
		"exec format error",
		"too many requests",
		"is locked",
		"timed out",
	};

	return begins_with_exception(line) ||
	    begins_with_one(line, beginnings, COUNT(beginnings)) ||
	    has_one(line, within, COUNT(within), false) ||
	    has_one(line, verdicts, COUNT(verdicts), true) || is_first_error(line);
}

static bool has_word_of_failure(struct telling line)
{
	static const char *const words[] = { "error", "fatal", "fail", "panic", "exception",
		"code E", "cannot", "can't", "could not", "couldn't", "not found", "no such",
		"denied", "refused", "unable", "invalid", "unknown", "missing", "not permitted",
		"unreachable", "timed out", "killed", "aborted", "no space left", "out of memory",
		"not allowed", "must ", "exceeded", "reached", "unauthorized", "overloaded",
		"forbidden", "locked", "holds the", "waiting for", "held by", "undefined",
		"expired", "not supported", "unexpected", "unavailable", "hit your", "please run",
		"wrote only", "SIGKILL", "insufficient", "logged in", "log in" };

	return has_one(line, words, COUNT(words), false);
}

static bool says_something(struct telling line)
{
	for (size_t i = 0; i < line.len; i++)
		if (isalnum((unsigned char)line.data[i]) || (unsigned char)line.data[i] >= 0x80)
			return true;
	return false;
}

static enum weight weigh(struct telling line)
{
	struct telling inner = skip_tags(line);

	if (inner.len == 0 || !says_something(inner) || is_noise(inner))
		return WEIGHT_NONE;
	/* pip tells the network's fault in a warning only. */
	if (begins_with(inner, "WARNING: Retrying"))
		return WEIGHT_WORD;
	if (is_echo(inner))
		return WEIGHT_ECHO;
	if (is_prose(inner))
		return has_word_of_failure(inner) ? WEIGHT_ECHO : WEIGHT_PLAIN;
	if (is_message(inner))
		return WEIGHT_MESSAGE;
	return has_word_of_failure(inner) ? WEIGHT_WORD : WEIGHT_PLAIN;
}

/* Choosing. */

/* A line of the tail, and how much it tells. */
struct candidate {
	struct telling line;
	enum weight weight;
};

/* Splits the last LINES_MAX lines; returns how many. */
static size_t split(const char *text, size_t len, struct candidate *all)
{
	const char *end = text + len, *start = end;
	size_t count = 0;

	while (start > text && count < LINES_MAX) {
		const char *newline = memrchr(text, '\n', (size_t)(start - 1 - text));

		start = newline != NULL ? newline + 1 : text;
		count++;
	}
	for (count = 0; start < end && count < LINES_MAX; count++) {
		const char *newline = memchr(start, '\n', (size_t)(end - start));
		const char *stop = newline != NULL ? newline : end;
		size_t n = (size_t)(stop - start);
		const char *whole;

		all[count].line = trim(start, n < SIGNATURE_LINE_MAX ? n : SIGNATURE_LINE_MAX);
		whole = all[count].line.data;
		all[count].line = skip_npm(all[count].line);
		all[count].weight = weigh(all[count].line);
		/* What npm writes as an error is one, however it is worded. */
		all[count].line.message =
		    all[count].weight == WEIGHT_MESSAGE || all[count].line.data != whole;
		start = newline != NULL ? newline + 1 : end;
	}
	return count;
}

static size_t find_best(const struct candidate *all, size_t count)
{
	size_t best = count;

	for (size_t i = 0; i < count; i++)
		if (best == count || all[i].weight >= all[best].weight)
			best = i;
	/* What a compiler says first is what is wrong; the rest follows from it. */
	if (best < count && is_first_error(all[best].line))
		for (size_t i = 0; i < best; i++)
			if (is_first_error(all[i].line))
				return i;
	return best;
}

size_t signature_telling_lines(const char *text, size_t len, struct telling lines[TELLING_MAX])
{
	struct candidate all[LINES_MAX];
	size_t count = split(text, len, all), best = find_best(all, count), n = 0;
	enum weight least;

	if (best == count || all[best].weight == WEIGHT_NONE)
		return 0;
	lines[n++] = all[best].line;
	if (signature_is_about_code(all[best].line.data, all[best].line.len))
		return n;
	least = all[best].weight > WEIGHT_WORD ? WEIGHT_WORD : all[best].weight;
	for (size_t distance = 1; distance <= NEAR; distance++) {
		if (n < TELLING_MAX && best >= distance && all[best - distance].weight >= least)
			lines[n++] = all[best - distance].line;
		if (n < TELLING_MAX && best + distance < count &&
		    all[best + distance].weight >= least)
			lines[n++] = all[best + distance].line;
	}
	return n;
}

/* Blanking. */

/* How many bytes a quoted word at s takes, quotes included; 0 when there is none. */
static size_t quoted_length(const char *s, size_t len, char before)
{
	static const char *const pairs[][2] = {
		{ "'", "'" },
		{ "\"", "\"" },
		{ "`", "'" },
		{ "`", "`" },
		{ "\xe2\x80\x98", "\xe2\x80\x99" },
		{ "\xe2\x80\x9c", "\xe2\x80\x9d" },
		{ "\xc2\xab", "\xc2\xbb" },
	};
	size_t limit = len < QUOTED_MAX ? len : QUOTED_MAX;

	for (size_t i = 0; i < COUNT(pairs); i++) {
		size_t open = strlen(pairs[i][0]), close = strlen(pairs[i][1]);

		if (len < open || memcmp(s, pairs[i][0], open) != 0)
			continue;
		/* The apostrophe of "can't" opens nothing. */
		if (open == 1 && is_word_byte(before))
			return 0;
		for (size_t at = open; at + close <= limit; at++)
			if (memcmp(s + at, pairs[i][1], close) == 0 &&
			    (close > 1 || at + 1 >= len || !is_word_byte(s[at + 1])))
				return at + close;
	}
	return 0;
}

static size_t count_of(const char *s, size_t len, int (*is)(int))
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += is((unsigned char)s[i]) != 0 ? 1 : 0;
	return n;
}

static size_t count_char(const char *s, size_t len, char c)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += s[i] == c ? 1 : 0;
	return n;
}

static bool only(const char *s, size_t len, const char *extra, int (*is)(int))
{
	for (size_t i = 0; i < len; i++)
		if (!is((unsigned char)s[i]) && (s[i] == '\0' || strchr(extra, s[i]) == NULL))
			return false;
	return true;
}

static bool is_uuid(const char *s, size_t len)
{
	return len == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' &&
	    count_of(s, len, isxdigit) == 32;
}

static bool is_hex(const char *s, size_t len)
{
	if (len > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		return count_of(s + 2, len - 2, isxdigit) == len - 2;
	return len >= 7 && count_of(s, len, isxdigit) == len && count_of(s, len, isdigit) > 0 &&
	    count_of(s, len, isalpha) > 0;
}

static bool is_time(const char *s, size_t len)
{
	return len >= 4 && isdigit((unsigned char)s[0]) && only(s, len, ":-./+TZ,", isdigit) &&
	    count_of(s, len, isdigit) >= 4 &&
	    (count_char(s, len, ':') >= 2 || count_char(s, len, '-') >= 2);
}

static bool is_address(const char *s, size_t len)
{
	const char *colon = memchr(s, ':', len), *scope = memchr(s, '%', len);
	size_t head = colon != NULL ? (size_t)(colon - s) : len;

	if (scope != NULL)
		len = (size_t)(scope - s);
	if (head >= 7 && only(s, head, ".", isdigit) && count_char(s, head, '.') == 3)
		return true;
	return count_char(s, len, ':') >= 2 && only(s, len, ":.", isxdigit);
}

/* "index.lock", "x.py:3": a name with a short ending, but no "e.g" and no number. */
static bool is_file_name(const char *s, size_t len)
{
	const char *colon = memchr(s, ':', len), *dot;
	size_t head = colon != NULL ? (size_t)(colon - s) : len, ending;

	dot = head > 0 ? memrchr(s, '.', head) : NULL;
	if (dot == NULL || dot == s)
		return false;
	ending = head - (size_t)(dot - s) - 1;
	if (ending == 0 || ending > 5 || count_of(s, head, isalpha) < 2)
		return false;
	for (size_t i = 1; i <= ending; i++)
		if (!islower((unsigned char)dot[i]) && !isdigit((unsigned char)dot[i]))
			return false;
	return colon == NULL || only(colon, len - head, ":,", isdigit);
}

static bool is_path(const char *s, size_t len)
{
	const char *slash = memchr(s, '/', len);

	if (len > 2 && s[1] == ':' && s[2] == '\\')
		return true;
	if (slash == NULL)
		return is_file_name(s, len);
	/* "and/or", "TCP/IP" are words. */
	return slash == s || s[0] == '.' || s[0] == '~' || memchr(s, '.', len) != NULL ||
	    count_char(s, len, '/') > 1 || !only(s, len, "/", isalpha);
}

/* A made-up name such as "req_011CTxWq8fK3". */
static bool is_id(const char *s, size_t len)
{
	return len >= 12 && count_of(s, len, isdigit) >= 2 && count_of(s, len, isalpha) >= 2 &&
	    only(s, len, "_-", isalnum);
}

static const char *placeholder_of(const char *s, size_t len)
{
	if (memmem(s, len, "://", 3) != NULL)
		return "<url>";
	if (is_uuid(s, len))
		return "<uuid>";
	if (is_time(s, len))
		return "<time>";
	if (is_address(s, len))
		return "<address>";
	if (is_path(s, len))
		return "<path>";
	if (is_hex(s, len))
		return "<hex>";
	return is_id(s, len) ? "<id>" : NULL;
}

/* Whether the word before is one after which a number is a name: "error TS2304", "code E401". */
static bool names_a_code(const char *line, const char *word)
{
	static const char *const names[] = { "error", "code", "warning" };

	while (word > line && strchr(" [(", word[-1]) != NULL)
		word--;
	for (size_t i = 0; i < COUNT(names); i++) {
		size_t len = strlen(names[i]);

		if ((size_t)(word - line) >= len && strncasecmp(word - len, names[i], len) == 0)
			return true;
	}
	return false;
}

static void add_word(struct buf *out, const char *line, const char *word, size_t len)
{
	const char *placeholder = placeholder_of(word, len);
	bool keep = len > 0 && isupper((unsigned char)word[0]) && names_a_code(line, word);

	if (placeholder != NULL && !keep) {
		buf_addstr(out, placeholder);
		return;
	}
	for (size_t i = 0; i < len; i++) {
		if (!keep && isdigit((unsigned char)word[i])) {
			while (i + 1 < len && isdigit((unsigned char)word[i + 1]))
				i++;
			buf_addstr(out, "<n>");
		} else {
			buf_addch(out, word[i]);
		}
	}
}

static bool ends_word(char c)
{
	return is_space(c) || c == '\0' || strchr("()[]{}<>,;\"`=|", c) != NULL;
}

void signature_blank(struct buf *out, const char *line, size_t len)
{
	size_t start = out->len, i = 0;

	if (len > SIGNATURE_LINE_MAX)
		len = SIGNATURE_LINE_MAX;
	while (i < len && out->len - start < SIGNATURE_MAX) {
		size_t quoted = quoted_length(line + i, len - i, i > 0 ? line[i - 1] : ' ');
		size_t end = i, word;

		if (quoted > 0) {
			buf_addstr(out, "<quoted>");
			i += quoted;
			continue;
		}
		while (end < len && !ends_word(line[end]))
			end++;
		if (end > i && memmem(line + i, end - i, "://", 3) != NULL)
			while (
			    end < len && !is_space(line[end]) && strchr("'\"<>", line[end]) == NULL)
				end++;
		for (word = end; word > i && strchr(".:!?'", line[word - 1]) != NULL; word--)
			;
		if (word > i)
			add_word(out, line, line + i, word - i);
		if (word < end)
			buf_add(out, line + word, end - word);
		if (end == i) {
			bool blank = is_space(line[i]) || line[i] == '\0';

			if (!blank)
				buf_addch(out, line[i]);
			else if (out->len > start && out->data[out->len - 1] != ' ')
				buf_addch(out, ' ');
			end++;
		}
		i = end;
	}
}

void signature_of(struct buf *out, const char *reason, const char *status, const char *line,
    size_t len)
{
	buf_addf(out, "%s %s: ", reason, status);
	signature_blank(out, line, len);
}
