#include "workers/diagnosis.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "workers/patterns.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SUBJECT_LEN_MAX 120
#define HINT_MAX_MS (24 * 3600 * INT64_C(1000))

static const struct {
	const char *text;
	enum strategy strategy;
	bool places;
} classes[] = {
#define X(name, text, strategy, places) { text, strategy, places },
	FAILURE_CLASSES(X)
#undef X
};

const char *failure_class_text(enum failure_class class)
{
	return classes[class].text;
}

enum strategy failure_class_strategy(enum failure_class class)
{
	return classes[class].strategy;
}

const char *strategy_text(enum strategy strategy)
{
	static const char *const texts[] = { "parallel", "sequential", "stop" };

	return texts[strategy];
}

/* Finding them. */

static bool is_word_byte(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool ends_in(const char *line, const char *end, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(end - line) >= len && strncasecmp(end - len, word, len) == 0 &&
	    ((size_t)(end - line) == len || !is_word_byte(end[-(ptrdiff_t)len - 1]));
}

/* Whether what stands before a number makes it a status of HTTP. */
static bool status_before(const char *line, const char *number, bool *weak)
{
	static const char *const words[] = { "http", "https", "status", "statuscode", "status_code",
		"code", "http_status", "httpstatus", "http_code", "error_status",
		"api_error_status", "failed with", "error code", "responded with", "response" };
	const char *end = number;

	*weak = false;
	while (end > line && strchr(" :=\"'([#", end[-1]) != NULL)
		end--;
	/* HTTP/1.1 429 */
	if (end < number && end > line && isdigit((unsigned char)end[-1])) {
		while (end > line && (isdigit((unsigned char)end[-1]) || end[-1] == '.'))
			end--;
		return end > line && end[-1] == '/' && ends_in(line, end - 1, "http");
	}
	for (size_t i = 0; i < COUNT(words); i++)
		if (ends_in(line, end, words[i]))
			return true;
	*weak = ends_in(line, end, "error") || ends_in(line, end, "err");
	return *weak;
}

/* "Error: 429 Too Many Requests", but not "Error: 429 tests failed". */
static bool phrase_behind(const char *rest, const char *end)
{
	static const char *const phrases[] = { "too many", "rate", "unauthorized", "forbidden",
		"service unavailable", "overloaded", "payment", "status", "client error", "you",
		"provider", "{", "resource" };

	if (rest == end || !is_blank(*rest))
		return rest == end || strchr(".,;:)]}|", *rest) != NULL;
	while (rest < end && is_blank(*rest))
		rest++;
	if (rest == end || strchr("{([\"'-|", *rest) != NULL)
		return true;
	for (size_t i = 0; i < COUNT(phrases); i++)
		if (signature_find(rest, (size_t)(end - rest), phrases[i]) == rest)
			return true;
	return false;
}

static const char *find_status(const char *line, size_t len, const char *number)
{
	const char *end = line + len, *at = line;
	bool weak;

	while ((at = signature_find(at, (size_t)(end - at), number)) != NULL) {
		const char *rest = at + strlen(number);

		if (at > line && status_before(line, at, &weak) &&
		    (!weak || phrase_behind(rest, end)))
			return at;
		at = rest;
	}
	return NULL;
}

/* "401 Unauthorized - GET", but not "401 unauthorized routes". */
static bool ends_phrase(const char *at, const char *end)
{
	while (at < end && is_blank(*at))
		at++;
	return at == end || !isalnum((unsigned char)*at);
}

/* Where a pattern was found. */
struct match {
	const char *begin; /* of the first words */
	const char *from;  /* of the last words, which the subject stands beside */
	const char *to;
};

static bool match_words(const char *line, size_t len, const char *words, struct match *m)
{
	const char *at = line, *end = line + len;
	char part[64];

	m->begin = NULL;
	if (words[0] == '#') {
		m->begin = m->from = find_status(line, len, words + 1);
		m->to = m->from != NULL ? m->from + strlen(words + 1) : NULL;
		return m->from != NULL;
	}
	while (words != NULL) {
		const char *gap = strstr(words, " ... ");
		size_t n = gap != NULL ? (size_t)(gap - words) : strcspn(words, "|");
		const char *found;

		memcpy(part, words, n);
		part[n] = '\0';
		found = signature_find(at, (size_t)(end - at), part);
		if (found == NULL)
			return false;
		if (m->begin == NULL)
			m->begin = found;
		m->from = found;
		at = found + n;
		m->to = at;
		if (words[n] == '|' && !ends_phrase(at, end))
			return false;
		words = gap != NULL ? gap + 5 : NULL;
	}
	return true;
}

/*
 * Whether a line that looks like an answer is about the limits of services and not of one: rate
 * limits and credentials are what people write programs and reviews about.
 */
static bool is_said_of_others(const char *line, size_t len)
{
	static const char *const words[] = { "test", "tests", "spec", "review", "should", "handler",
		"middleware", "function", "handles", "handling", "implement", "refactor", "TODO",
		"README", "FAIL", "PASS", "not ok", "mutants", "endpoint", "returns", "tested",
		"passed", "merge", "commit", "could not apply", "revision", "snapshot", "fixture" };

	for (size_t i = 0; i < COUNT(words); i++)
		if (signature_find(line, len, words[i]) != NULL)
			return true;
	return signature_is_prose(line, len);
}

static bool is_about_services(enum failure_class class)
{
	return class == CLASS_AUTH || class == CLASS_QUOTA || class == CLASS_RATE_LIMIT;
}

/*
 * Whether the place is inside a quotation: "the message 'rate limit exceeded'". Strings of JSON
 * and arguments are none.
 */
static bool is_quoted(const char *line, const char *at)
{
	const char *open = NULL;
	char quote = '\0';

	for (const char *c = line; c < at; c++) {
		if (*c != '"' && *c != '\'' && *c != '`')
			continue;
		if (quote == '\0' && (c == line || !is_word_byte(c[-1]))) {
			quote = *c;
			open = c;
		} else if (quote == *c && !is_word_byte(c[1])) {
			quote = '\0';
		}
	}
	if (quote == '\0')
		return false;
	while (open > line && strchr(" \\", open[-1]) != NULL)
		open--;
	return open > line && strchr(":=({[,", open[-1]) == NULL;
}

/* What ran out of time waits, or was slow: only these are known to make it so. */
static bool can_be_waited_for(enum failure_class class)
{
	return class == CLASS_RATE_LIMIT || class == CLASS_CONTENTION || class == CLASS_NETWORK;
}

static const struct pattern *find_pattern(const struct telling *at, unsigned where, bool timed_out,
    struct match *m)
{
	const char *line = at->data;
	size_t len = at->len;
	bool code = where != IN_ERROR && signature_is_about_code(line, len);
	bool others =
	    (where == NEAR && !at->message) || (where != IN_ERROR && is_said_of_others(line, len));

	for (size_t i = 0; i < npatterns; i++) {
		const struct pattern *p = &patterns[i];

		if ((p->where & where) == 0 || (code && (p->where & IN_CODE) == 0) ||
		    (others && is_about_services(p->class)) ||
		    (timed_out && !can_be_waited_for(p->class)))
			continue;
		if (!match_words(line, len, p->words, m))
			continue;
		if (where == IN_ERROR || !is_about_services(p->class) || !is_quoted(line, m->begin))
			return p;
	}
	return NULL;
}

enum failure_class diagnosis_of_service(const char *text, size_t len)
{
	struct match m;

	for (size_t i = 0; i < npatterns; i++)
		if (is_about_services(patterns[i].class) && (patterns[i].where & IN_ERROR) != 0 &&
		    match_words(text, len, patterns[i].words, &m))
			return patterns[i].class;
	return CLASS_NONE;
}

/* What a line is about. */

static bool take(struct buf *out, const char *from, const char *to)
{
	while (from < to && strchr(" \t\"'`([<,;", *from) != NULL)
		from++;
	while (to > from && strchr(" \t\"'`)]>,;:.", to[-1]) != NULL)
		to--;
	if (from == to || to - from > SUBJECT_LEN_MAX)
		return false;
	buf_add(out, from, (size_t)(to - from));
	return true;
}

/* Where a word in '…', "…", `…' or typographic quotes ends that begins here; or NULL. */
static const char *quotation(const char *at, const char *to, size_t *mark)
{
	char close = *at == '`' ? '\'' : *at;
	const char *end;

	*mark = 1;
	if (to - at > 3 && memcmp(at, "\xe2\x80\x98", 3) == 0) {
		*mark = 3;
		return memmem(at, (size_t)(to - at), "\xe2\x80\x99", 3);
	}
	if (*at != '\'' && *at != '"' && *at != '`')
		return NULL;
	end = memchr(at + 1, close, (size_t)(to - at - 1));
	if (end == NULL && *at == '`')
		end = memchr(at + 1, '`', (size_t)(to - at - 1));
	return end;
}

/* The first or the last quoted word between the two. */
static bool take_quoted(struct buf *out, const char *from, const char *to, bool last)
{
	const char *word = NULL, *word_end = NULL, *end;
	size_t mark;

	for (const char *at = from; at < to; at++) {
		if (at > from && is_word_byte(at[-1]))
			continue;
		end = quotation(at, to, &mark);
		if (end == NULL || end <= at + mark)
			continue;
		word = at + mark;
		word_end = end;
		if (!last)
			break;
		at = end + mark - 1;
	}
	return word != NULL && take(out, word, word_end);
}

/* Words that stand where a name could stand. */
static bool is_no_name(const char *word, size_t len)
{
	static const char *const words[] = { "spawn", "listen", "open", "write", "read", "error",
		"fatal", "line", "failed", "warning" };

	for (size_t i = 0; i < COUNT(words); i++)
		if (strlen(words[i]) == len && strncasecmp(word, words[i], len) == 0)
			return true;
	if (len < 4 || word[0] != 'E')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isupper((unsigned char)word[i]))
			return false;
	return true;
}

/* What stands between ": " and the words that were found: "sh: 1: node: not found". */
static bool take_before(struct buf *out, const char *line, const char *found)
{
	const char *end = found, *start;

	while (end > line && strchr(" :([", end[-1]) != NULL)
		end--;
	if (end == found && *found != ':')
		return false;
	for (start = end; start > line; start--)
		if (start - line >= 2 && start[-1] == ' ' && start[-2] == ':')
			break;
	/* A sentence is no name: the last word of it may be one. */
	if (memchr(start, ' ', (size_t)(end - start)) != NULL) {
		const char *space = memrchr(start, ' ', (size_t)(end - start));

		if (memchr(space, '/', (size_t)(end - space)) == NULL &&
		    memchr(space, '.', (size_t)(end - space)) == NULL)
			return false;
		start = space + 1;
	}
	/* What the line begins with is the program that says it. */
	if (start == line || is_no_name(start, (size_t)(end - start)))
		return false;
	return !(end > start && isdigit((unsigned char)*start) && end - start < 4) &&
	    take(out, start, end);
}

static bool take_word(struct buf *out, const char *from, const char *to)
{
	while (from < to && strchr(" :([", *from) != NULL)
		from++;
	for (const char *end = from;; end++)
		if (end == to || is_blank(*end))
			return take(out, from, end);
}

/* A path, but not that of the program that says it. */
static bool take_path(struct buf *out, const char *line, const char *from, const char *to)
{
	for (const char *at = from; at < to; at++)
		if (*at == '/' && at > line && at[1] != '/' && strchr(" '\"`(:", at[-1]) != NULL)
			return take_word(out, at, to);
	return false;
}

static void find_file(struct buf *out, const char *line, size_t len, const struct match *m)
{
	const char *end = line + len;

	if (take_quoted(out, m->to, end, false) || take_quoted(out, line, m->from, true) ||
	    take_before(out, line, m->from))
		return;
	if (m->to < end && *m->to == ':' && take_word(out, m->to, end))
		return;
	if (!take_path(out, line, m->to, end))
		take_path(out, line, line, m->from);
}

static void find_next(struct buf *out, const char *end, const struct match *m)
{
	const char *at = m->to;

	while (at < end && strchr(" :", *at) != NULL)
		at++;
	if (at < end && (*at == '\'' || *at == '"') && take_quoted(out, at, end, false))
		return;
	take_word(out, at, end);
}

static void find_between(struct buf *out, const struct match *m)
{
	const char *blank = memchr(m->begin, ' ', (size_t)(m->from - m->begin));

	if (blank != NULL)
		take(out, blank, m->from);
}

/* A port that is told apart from its host: "host 127.0.0.1 port 22". */
static void add_port(struct buf *out, const char *rest, const char *end)
{
	static const char *const words[] = { "port", "port=" };
	const char *at = NULL;

	if (out->len == 0 || memchr(out->data, ':', out->len) != NULL)
		return;
	for (size_t i = 0; i < COUNT(words) && at == NULL; i++) {
		at = signature_find(rest, (size_t)(end - rest), words[i]);
		if (at != NULL)
			at += strlen(words[i]);
	}
	while (at != NULL && at < end && (*at == ' ' || *at == ':'))
		at++;
	if (at == NULL || at == end || !isdigit((unsigned char)*at))
		return;
	buf_addch(out, ':');
	while (at < end && isdigit((unsigned char)*at))
		buf_addch(out, *at++);
}

static bool is_host_byte(char c)
{
	return isalnum((unsigned char)c) || c == '.' || c == '-' || c == '_' || c == ':';
}

static bool is_address(const char *word, size_t len)
{
	size_t dots = 0, i;

	if (len >= 3 && strncmp(word, "::1", 3) == 0)
		return true;
	if (len >= 10 && strncmp(word, "localhost:", 10) == 0)
		return true;
	for (i = 0; i < len && (isdigit((unsigned char)word[i]) || word[i] == '.'); i++)
		dots += word[i] == '.' ? 1 : 0;
	return dots == 3 && i >= 7 && (i == len || word[i] == ':');
}

static bool ends_with(const char *word, size_t len, const char *ending)
{
	size_t n = strlen(ending);

	return len > n && strncasecmp(word + len - n, ending, n) == 0;
}

/* Whether the word can be the name of a host: it has a dot, and no file or exception ends so. */
static bool is_host_name(const char *word, size_t len)
{
	static const char *const endings[] = { ".py", ".js", ".mjs", ".ts", ".go", ".rs", ".rb",
		".c", ".cc", ".h", ".java", ".json", ".lock", ".sock", ".txt", ".md", ".php",
		"error", "exception", ".html", ".yml", ".yaml", ".xml", ".toml", ".log" };
	const char *colon = memchr(word, ':', len);
	size_t head = colon != NULL ? (size_t)(colon - word) : len;
	const char *dot = memrchr(word, '.', head);

	if (dot == NULL || dot == word || (size_t)(word + head - dot) < 3 ||
	    !isalpha((unsigned char)word[0]) || !islower((unsigned char)dot[1]))
		return false;
	for (size_t i = 0; i < COUNT(endings); i++)
		if (ends_with(word, head, endings[i]))
			return false;
	return true;
}

/* The name behind a word that announces one. */
static bool take_host_after(struct buf *out, const char *line, const char *end)
{
	static const char *const words[] = { "host name", "host address",
		"host:", "hostname:", "hostname", "host", "ENOTFOUND", "EAI_AGAIN",
		"UnknownHostException:", "server at", "connect to", "ECONNREFUSED", "lookup",
		"resolving" };
	static const size_t sure = 9; /* of those; behind the others stand other words too */

	for (size_t i = 0; i < COUNT(words); i++) {
		const char *at = signature_find(line, (size_t)(end - line), words[i]), *stop;
		size_t len;

		if (at == NULL)
			continue;
		at += strlen(words[i]);
		while (at < end && (strchr(" :\"'([=", *at) != NULL || (unsigned char)*at >= 0x80))
			at++;
		for (stop = at; stop < end && is_host_byte(*stop); stop++)
			;
		len = (size_t)(stop - at);
		if (len > 0 && stop[-1] == '.')
			len--;
		if (len < 2 || (i >= sure && memchr(at, '.', len) == NULL && !is_address(at, len)))
			continue;
		/* "to host by port": words, not names. */
		if (memchr(at, '.', len) == NULL && len < 4)
			continue;
		if (take(out, at, at + len)) {
			add_port(out, stop, end);
			return true;
		}
	}
	return false;
}

static bool take_url_host(struct buf *out, const char *line, size_t len)
{
	const char *end = line + len, *url = memmem(line, len, "://", 3), *stop;

	if (url == NULL)
		return false;
	for (stop = url + 3; stop < end && !is_blank(*stop) && strchr("/'\"`)>,\\", *stop) == NULL;
	     stop++)
		;
	if (stop > url + 3 && take(out, url + 3, stop))
		return true;
	return take_word(out, url + 3, end);
}

/* The first word that is the address of a host, or looks like its name. */
static bool take_host(struct buf *out, const char *line, size_t len, bool names)
{
	const char *end = line + len, *stop;

	for (const char *at = line; at < end; at = stop + 1) {
		size_t n;

		for (stop = at; stop < end && is_host_byte(*stop); stop++)
			;
		n = (size_t)(stop - at);
		if (n == 0 || !(is_address(at, n) || (names && is_host_name(at, n))))
			continue;
		if (take(out, at, stop)) {
			add_port(out, stop, end);
			return true;
		}
	}
	return false;
}

static void find_host(struct buf *out, const char *line, size_t len)
{
	if (take_url_host(out, line, len))
		return;
	if (signature_find(line, len, "socket \"") != NULL &&
	    take_quoted(out, line, line + len, false))
		return;
	if (!take_host_after(out, line, line + len))
		take_host(out, line, len, true);
}

static void find_subject(struct diagnosis *d, const struct pattern *p, const struct match *m)
{
	const char *line = d->seen.data;
	size_t len = d->seen.len;

	switch (p->about) {
	case ABOUT_NOTHING:
		break;
	case ABOUT_FILE:
		find_file(&d->subject, line, len, m);
		break;
	case ABOUT_NEXT:
		find_next(&d->subject, line + len, m);
		break;
	case ABOUT_BETWEEN:
		find_between(&d->subject, m);
		break;
	case ABOUT_HOST:
		find_host(&d->subject, line, len);
		/* Elsewhere only what cannot be anything else. */
		if (d->subject.len == 0)
			take_host(&d->subject, buf_str(&d->text), d->text.len, false);
		break;
	}
}

/* One place is one host, or one directory: tasks write different files into it. */
static void find_place(struct diagnosis *d)
{
	const char *slash;
	size_t len = d->subject.len;

	if (!classes[d->class].places)
		return;
	if (d->class != CLASS_NETWORK && len > 0) {
		slash = memrchr(d->subject.data, '/', len);
		len = slash != NULL ? (size_t)(slash - d->subject.data) + 1 : 0;
	}
	buf_add(&d->place, buf_str(&d->subject), len);
}

/* Times to wait. */

static const char *skip_in(const char *at, const char *end, const char *set)
{
	while (at < end && *at != '\0' && strchr(set, *at) != NULL)
		at++;
	return at;
}

static bool skip_word(const char **at, const char *end, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(end - *at) < len || strncasecmp(*at, word, len) != 0)
		return false;
	*at += len;
	return true;
}

/* "1m12.5s", "500 ms", "30": in milliseconds, -1 when there is none; `unit` when it has none. */
static int64_t read_time(const char *at, const char *end, double unit)
{
	static const struct {
		const char *name;
		double ms;
	} units[] = { { "milliseconds", 1 }, { "ms", 1 }, { "minutes", 60000 }, { "minute", 60000 },
		{ "mins", 60000 }, { "min", 60000 }, { "m", 60000 }, { "seconds", 1000 },
		{ "second", 1000 }, { "secs", 1000 }, { "sec", 1000 }, { "s", 1000 },
		{ "hours", 3600000 }, { "hour", 3600000 }, { "h", 3600000 } };
	double sum = 0;
	bool any = false;

	while (at < end && isdigit((unsigned char)*at)) {
		double value = 0, scale = 1;
		bool named = false;

		for (; at < end && isdigit((unsigned char)*at); at++)
			value = value < 1e12 ? value * 10 + (*at - '0') : value;
		if (at + 1 < end && *at == '.' && isdigit((unsigned char)at[1]))
			for (at++; at < end && isdigit((unsigned char)*at); at++) {
				scale /= 10;
				value += (*at - '0') * scale;
			}
		at = skip_in(at, end, " ");
		for (size_t i = 0; i < COUNT(units) && !named; i++) {
			const char *behind = at;

			if (!skip_word(&behind, end, units[i].name) ||
			    (behind < end && isalpha((unsigned char)*behind)))
				continue;
			named = true;
			sum += value * units[i].ms;
			at = behind;
		}
		if (!named) {
			sum += any ? 0 : value * unit;
			any = true;
			break;
		}
		any = true;
	}
	if (!any)
		return -1;
	return sum < (double)HINT_MAX_MS ? (int64_t)(sum + 0.5) : HINT_MAX_MS;
}

/* What stands behind "retry" or "try again": " after 2s", "_delay_ms\": 500", "-After: 30". */
static int64_t read_hint(const char *at, const char *end)
{
	static const char *const links[] = { "after", "in", "delay" };
	bool linked = false;
	double unit = 1000;

	at = skip_in(at, end, " -_");
	for (size_t i = 0; i < COUNT(links) && !linked; i++)
		linked = skip_word(&at, end, links[i]);
	if (!linked)
		return -1;
	at = skip_in(at, end, " _-");
	if (skip_word(&at, end, "ms"))
		unit = 1;
	else if (!skip_word(&at, end, "seconds") && !skip_word(&at, end, "about "))
		skip_word(&at, end, "at least ");
	return read_time(skip_in(at, end, " \\\"':=(~"), end, unit);
}

int64_t diagnosis_hint_ms(const char *text, size_t len)
{
	static const char *const words[] = { "retry", "retrying", "try again", "wait" };
	const char *end = text + len;
	int64_t longest = 0;

	for (const char *at = text; at < end; at++) {
		int64_t hint = -1;

		for (size_t i = 0; i < COUNT(words) && hint < 0; i++) {
			const char *behind = at;

			if (!skip_word(&behind, end, words[i]))
				continue;
			hint = read_hint(behind, end);
			if (hint < 0 && words[i][0] == 'w' && behind < end && *behind == ' ')
				hint = isdigit((unsigned char)behind[1]) ?
				    read_time(behind + 1, end, 1000) :
				    -1;
		}
		if (hint > longest)
			longest = hint;
	}
	return longest;
}

/* The diagnosis. */

static bool is(const char *text, const char *word)
{
	return text != NULL && strcmp(text, word) == 0;
}

static void set_class(struct diagnosis *d, enum failure_class class, const char *says)
{
	d->class = class;
	d->says = says;
}

static bool see(struct diagnosis *d, struct telling line, unsigned where, bool timed_out)
{
	struct match m;
	const struct pattern *p = find_pattern(&line, where, timed_out, &m);

	if (p == NULL)
		return false;
	set_class(d, p->class, p->says);
	d->seen = line;
	find_subject(d, p, &m);
	return true;
}

/* What the worker and the adapters say in one word. */
static bool see_reason(const struct symptoms *s, struct diagnosis *d)
{
	static const struct {
		const char *reason;
		enum failure_class class;
	} reasons[] = {
		{ "rate-limit", CLASS_RATE_LIMIT },
		{ "quota", CLASS_QUOTA },
		{ "auth", CLASS_AUTH },
	};

	for (size_t i = 0; i < COUNT(reasons); i++)
		if (is(s->reason, reasons[i].reason)) {
			set_class(d, reasons[i].class, NULL);
			d->seen = d->telling;
			return true;
		}
	return false;
}

static bool can_be_seen_in_text(const struct symptoms *s)
{
	/* These say that the attempt ended well but for its answer. */
	return !is(s->reason, "output") && !is(s->reason, "context") && !is(s->reason, "invalid");
}

static bool see_text(const struct symptoms *s, struct diagnosis *d, const struct telling *lines,
    size_t count, bool is_error)
{
	bool timed_out = is(s->reason, "timeout") || is(s->reason, "idle-timeout");

	if (!can_be_seen_in_text(s))
		return false;
	for (size_t i = 0; i < count; i++)
		if (see(d, lines[i], is_error ? IN_ERROR : i == 0 ? IN_LINE : NEAR, timed_out))
			return true;
	return false;
}

static bool is_status(const struct symptoms *s, int status)
{
	return is(s->reason, "exit") && s->exit_status == status;
}

/* 126 and 127 are what shells say of a command that cannot be run, whatever the text says. */
static void see_shell_status(const struct symptoms *s, struct diagnosis *d)
{
	bool missing = is_status(s, 127);

	if (!missing && !is_status(s, 126))
		return;
	/* "Text file busy" is 126 too, and goes away. */
	if (d->class != CLASS_NONE && d->class != CLASS_PERMISSION)
		return;
	set_class(d, CLASS_MISSING,
	    d->subject.len > 0	   ? missing ? not_found : not_executable :
		d->telling.len > 0 ? NULL :
		missing		   ? "exit 127: a command was not found" :
				     "exit 126: a command is not executable");
}

static void see_end(const struct symptoms *s, struct diagnosis *d)
{
	if (is(s->reason, "spawn")) {
		set_class(d, CLASS_MISSING, NULL);
		d->seen = d->telling;
	}
	if (is(s->reason, "signal") && is(s->signal, "SIGKILL"))
		set_class(d, CLASS_MEMORY,
		    "killed by SIGKILL, which pollard did not send: probably out of memory");
	else if (is_status(s, 137))
		set_class(d, CLASS_MEMORY, "exit 137, killed by SIGKILL: probably out of memory");
	else if (is(s->reason, "timeout") || is(s->reason, "idle-timeout"))
		set_class(d, CLASS_TIMEOUT, NULL);
}

/* Whether `error` is more than what the status says: of "exit" the telling line is the evidence. */
static bool has_own_error(const struct symptoms *s)
{
	static const char *const reasons[] = { "exit", "signal", "timeout", "idle-timeout" };

	if (s->error == NULL || *s->error == '\0')
		return false;
	for (size_t i = 0; i < COUNT(reasons); i++)
		if (is(s->reason, reasons[i]))
			return false;
	return true;
}

static void look_at(const struct symptoms *s, struct diagnosis *d, const char *text, size_t len,
    bool is_error)
{
	struct telling lines[TELLING_MAX];
	size_t count;

	buf_reset(&d->text);
	signature_clean(&d->text, text, len);
	count = signature_telling_lines(buf_str(&d->text), d->text.len, lines);
	d->telling = count > 0 ? lines[0] : (struct telling){ buf_str(&d->text), 0, false };
	if (!see_reason(s, d))
		see_text(s, d, lines, count, is_error);
}

void diagnosis_make(const struct symptoms *s, struct diagnosis *d)
{
	bool own_error = has_own_error(s);

	memset(d, 0, sizeof(*d));
	if (own_error)
		look_at(s, d, s->error, strlen(s->error), true);
	if (d->class == CLASS_NONE)
		look_at(s, d, s->err, s->err_len, false);
	/* What it said of itself tells more than what was on standard error besides. */
	if (d->class == CLASS_NONE && own_error)
		look_at(s, d, s->error, strlen(s->error), true);
	if (d->class == CLASS_NONE)
		see_end(s, d);
	see_shell_status(s, d);
	find_place(d);
}

void diagnosis_free(struct diagnosis *d)
{
	buf_free(&d->text);
	buf_free(&d->subject);
	buf_free(&d->place);
}

void diagnosis_status(struct buf *out, const struct symptoms *s)
{
	if (s->signal != NULL)
		buf_addstr(out, s->signal);
	else if (s->exit_status >= 0)
		buf_addf(out, "exit %d", s->exit_status);
}
