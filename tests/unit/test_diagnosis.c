#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/io.h"
#include "workers/diagnosis.h"

Suite *diagnosis_suite(void);

#define CORPUS_DEFAULT "tests/corpus/errors"
#define CORPUS_LEAST 120
#define HARMLESS_LEAST 30
#define FILE_MAX (64 * 1024)

static enum failure_class class_named(const char *name)
{
	for (int i = 0; i < CLASS_COUNT; i++)
		if (strcmp(failure_class_text((enum failure_class)i), name) == 0)
			return (enum failure_class)i;
	ck_abort_msg("no class '%s'", name);
	return CLASS_NONE;
}

/* An attempt that ended with a status, and what it wrote to standard error. */
static struct diagnosis of_exit(int status, const char *err)
{
	struct symptoms s = {
		.reason = "exit",
		.exit_status = status,
		.err = err,
		.err_len = strlen(err),
	};
	struct diagnosis d;

	diagnosis_make(&s, &d);
	return d;
}

/* The corpus. */

/* One file of it: a header, an empty line, the text. Freed by sample_free(). */
struct sample {
	struct buf file;
	char class[32];
	char reason[32];
	char signal[32];
	int exit_status;
	const char *text;
};

static void read_header(struct sample *s, const char *name, const char *value)
{
	if (strcmp(name, "class") == 0)
		snprintf(s->class, sizeof(s->class), "%s", value);
	else if (strcmp(name, "reason") == 0)
		snprintf(s->reason, sizeof(s->reason), "%s", value);
	else if (strcmp(name, "signal") == 0)
		snprintf(s->signal, sizeof(s->signal), "%s", value);
	else if (strcmp(name, "exit") == 0)
		s->exit_status = atoi(value);
	else
		ck_assert_msg(strcmp(name, "source") == 0 && *value != '\0', "'%s'", name);
}

static void sample_read(struct sample *s, int dir, const char *name)
{
	char *line, *end;

	memset(s, 0, sizeof(*s));
	ck_assert_int_eq(read_file_at(dir, name, &s->file, FILE_MAX), 0);
	for (line = s->file.data; line != NULL && *line != '\n'; line = end + 1) {
		char *colon = strstr(line, ": ");

		end = strchr(line, '\n');
		ck_assert_msg(colon != NULL && end != NULL && colon < end, "%s: no header", name);
		*colon = *end = '\0';
		read_header(s, line, colon + 2);
	}
	ck_assert_msg(line != NULL && s->class[0] != '\0' && s->reason[0] != '\0', "%s", name);
	s->text = line + 1;
}

static enum failure_class class_of(const struct sample *s)
{
	struct symptoms symptoms = {
		.reason = s->reason,
		.exit_status = s->exit_status,
		.signal = s->signal[0] != '\0' ? s->signal : NULL,
		.error = strcmp(s->reason, "agent") == 0 ? s->text : NULL,
		.err = s->text,
		.err_len = strlen(s->text),
	};
	struct diagnosis d;
	enum failure_class class;

	diagnosis_make(&symptoms, &d);
	class = d.class;
	if (getenv("POLLARD_TEST_SHOW") != NULL)
		printf("%-12s %-12s %-40.*s | %.*s\n", s->class, failure_class_text(class),
		    (int)d.subject.len, buf_str(&d.subject), (int)d.telling.len, d.telling.data);
	diagnosis_free(&d);
	return class;
}

static bool is_about_services(enum failure_class class)
{
	return class == CLASS_AUTH || class == CLASS_QUOTA || class == CLASS_RATE_LIMIT;
}

/* How the corpus was classed. */
struct tally {
	unsigned all;
	unsigned hits;
	unsigned harmless;
	unsigned wronged; /* harmless ones that were taken for the fault of a service */
	unsigned table[CLASS_COUNT][CLASS_COUNT];
};

static void count_sample(struct tally *t, int dir, const char *name)
{
	struct sample s;
	enum failure_class right, found;

	sample_read(&s, dir, name);
	right = class_named(s.class);
	found = class_of(&s);
	t->all++;
	t->table[right][found]++;
	t->hits += right == found ? 1 : 0;
	t->harmless += right == CLASS_NONE ? 1 : 0;
	if (right == CLASS_NONE && is_about_services(found))
		t->wronged++;
	if (right != found)
		printf("miss: %s: is %s, taken for %s\n", name, s.class, failure_class_text(found));
	buf_free(&s.file);
}

static void print_tally(const struct tally *t)
{
	printf("%-12s %5s %5s %5s\n", "class", "all", "hits", "taken");
	for (int i = 0; i < CLASS_COUNT; i++) {
		unsigned all = 0, taken = 0;

		for (int j = 0; j < CLASS_COUNT; j++) {
			all += t->table[i][j];
			taken += t->table[j][i];
		}
		printf("%-12s %5u %5u %5u\n", failure_class_text((enum failure_class)i), all,
		    t->table[i][i], taken);
	}
	printf("%u of %u right, %u of %u harmless ones taken for a service's fault\n", t->hits,
	    t->all, t->wronged, t->harmless);
	fflush(stdout);
}

START_TEST(corpus)
{
	const char *path = getenv("POLLARD_TEST_CORPUS");
	struct tally t = { 0 };
	struct dirent *entry;
	DIR *dir = opendir(path != NULL ? path : CORPUS_DEFAULT);

	ck_assert_msg(dir != NULL, "no corpus of errors: set POLLARD_TEST_CORPUS");
	while ((entry = readdir(dir)) != NULL) {
		size_t len = strlen(entry->d_name);

		if (len > 4 && strcmp(entry->d_name + len - 4, ".txt") == 0)
			count_sample(&t, dirfd(dir), entry->d_name);
	}
	closedir(dir);
	print_tally(&t);
	ck_assert_uint_ge(t.all, CORPUS_LEAST);
	ck_assert_uint_ge(t.harmless, HARMLESS_LEAST);
	ck_assert_uint_eq(t.wronged, 0);
	ck_assert_msg(t.hits * 100 >= t.all * 95, "%u of %u are right", t.hits, t.all);
}
END_TEST

/* Words that are no class because of what stands around them. */

START_TEST(statuses_of_http)
{
	static const struct {
		const char *line;
		enum failure_class class;
	} cases[] = {
		{ "HTTP/1.1 429 Too Many Requests", CLASS_RATE_LIMIT },
		{ "error: server answered HTTP/2 429", CLASS_RATE_LIMIT },
		{ "error: request failed with status code 429", CLASS_RATE_LIMIT },
		{ "error: {\"status\":529}", CLASS_RATE_LIMIT },
		{ "Error: 429 {\"type\":\"error\"}", CLASS_RATE_LIMIT },
		{ "fatal: the server says: status=401", CLASS_AUTH },
		{ "error on line 429", CLASS_NONE },
		{ "error: it took 429ms", CLASS_NONE },
		{ "Error: 429 tests failed", CLASS_NONE },
		{ "error: 401 of 429 files are wrong", CLASS_NONE },
		{ "error: part number 4290 is unknown", CLASS_NONE },
		{ "error: build 1.429.0 failed", CLASS_NONE },
	};
	struct diagnosis d = of_exit(1, cases[_i].line);

	ck_assert_int_eq(d.class, cases[_i].class);
	diagnosis_free(&d);
}
END_TEST

/* What an adapter says is about the failure; the same words on standard error may not be. */
START_TEST(loose_words_only_in_errors)
{
	static const char text[] = "the rate limit";
	struct symptoms s = { .reason = "agent", .exit_status = 0, .error = text };
	struct diagnosis d;

	diagnosis_make(&s, &d);
	ck_assert_int_eq(d.class, CLASS_RATE_LIMIT);
	diagnosis_free(&d);
	d = of_exit(1, text);
	ck_assert_int_eq(d.class, CLASS_NONE);
	diagnosis_free(&d);
}
END_TEST

START_TEST(reasons)
{
	static const struct {
		struct symptoms s;
		enum failure_class class;
	} cases[] = {
		{ { .reason = "rate-limit", .exit_status = 1 }, CLASS_RATE_LIMIT },
		{ { .reason = "quota", .exit_status = 1 }, CLASS_QUOTA },
		{ { .reason = "auth", .exit_status = 1 }, CLASS_AUTH },
		{ { .reason = "spawn", .exit_status = -1 }, CLASS_MISSING },
		{ { .reason = "timeout", .exit_status = -1, .signal = "SIGTERM" }, CLASS_TIMEOUT },
		{ { .reason = "idle-timeout", .exit_status = -1 }, CLASS_TIMEOUT },
		{ { .reason = "signal", .exit_status = -1, .signal = "SIGKILL" }, CLASS_MEMORY },
		{ { .reason = "signal", .exit_status = -1, .signal = "SIGSEGV" }, CLASS_NONE },
		{ { .reason = "exit", .exit_status = 127 }, CLASS_MISSING },
		{ { .reason = "exit", .exit_status = 126 }, CLASS_MISSING },
		{ { .reason = "exit", .exit_status = 137 }, CLASS_MEMORY },
		{ { .reason = "exit", .exit_status = 3 }, CLASS_NONE },
		/* pollard's own SIGKILL after a time limit is no lack of memory. */
		{ { .reason = "timeout", .exit_status = -1, .signal = "SIGKILL" }, CLASS_TIMEOUT },
		{ { .reason = "worker",
		      .exit_status = -1,
		      .error = "the worker was killed by SIGKILL" },
		    CLASS_MEMORY },
		{ { .reason = "context", .exit_status = 1, .error = "429 rate limit" },
		    CLASS_NONE },
		{ { .reason = "output", .exit_status = 0, .error = "429 rate limit" }, CLASS_NONE },
	};
	struct diagnosis d;

	diagnosis_make(&cases[_i].s, &d);
	ck_assert_int_eq(d.class, cases[_i].class);
	diagnosis_free(&d);
}
END_TEST

/* A command that ran out of time after a word of something else was not stopped by that. */
START_TEST(time_limit_and_text)
{
	static const struct {
		const char *err;
		enum failure_class class;
	} cases[] = {
		{ "sh: 1: notify-send: not found\n", CLASS_TIMEOUT },
		{ "error: API Error: 429 Too Many Requests, retrying in 30s\n", CLASS_RATE_LIMIT },
		{ "Blocking waiting for file lock on package cache\n", CLASS_CONTENTION },
		{ "curl: (7) Failed to connect to 10.0.0.1 port 80\n", CLASS_NETWORK },
	};
	struct symptoms s = {
		.reason = "timeout",
		.exit_status = -1,
		.signal = "SIGTERM",
		.err = cases[_i].err,
		.err_len = strlen(cases[_i].err),
	};
	struct diagnosis d;

	diagnosis_make(&s, &d);
	ck_assert_int_eq(d.class, cases[_i].class);
	diagnosis_free(&d);
}
END_TEST

START_TEST(subjects)
{
	static const struct {
		int status;
		const char *err;
		const char *subject;
	} cases[] = {
		{ 127, "sh: 1: prettierd: not found", "prettierd" },
		{ 127, "bash: line 1: protocc: command not found", "protocc" },
		{ 127,
		    "env: \xe2\x80\x98"
		    "deno\xe2\x80\x99: No such file or directory",
		    "deno" },
		{ 2,
		    "make: protocc: No such file or directory\nmake: *** [Makefile:2: all] Error 127",
		    "protocc" },
		{ 1, "cat: config/settings.json: No such file or directory",
		    "config/settings.json" },
		{ 1, "FileNotFoundError: [Errno 2] No such file or directory: 'a b.json'",
		    "a b.json" },
		{ 1, "touch: cannot touch '/etc/app.conf': Permission denied", "/etc/app.conf" },
		{ 2, "sh: 1: cannot create ro/log.txt: Read-only file system", "ro/log.txt" },
		{ 1, "cp: error writing 'out/git': No space left on device", "out/git" },
		{ 128, "fatal: Unable to create '/srv/r/.git/index.lock': File exists.",
		    "/srv/r/.git/index.lock" },
		{ 1, "Error: listen EADDRINUSE: address already in use 127.0.0.1:8080",
		    "127.0.0.1:8080" },
		{ 7, "curl: (7) Failed to connect to 127.0.0.1 port 9 after 0 ms: Couldn't connect",
		    "127.0.0.1:9" },
		{ 6, "curl: (6) Could not resolve host: registry.example", "registry.example" },
		{ 2,
		    "psql: error: connection to server at \"10.0.0.2\", port 5432 failed: Connection "
		    "refused",
		    "10.0.0.2:5432" },
		{ 255, "ssh: connect to host 127.0.0.1 port 22: Connection refused",
		    "127.0.0.1:22" },
		{ 1, "Error: getaddrinfo ENOTFOUND api.example", "api.example" },
		{ 128,
		    "fatal: unable to access 'https://git.example/a.git/': Could not resolve host: "
		    "git.example",
		    "git.example" },
	};
	struct diagnosis d = of_exit(cases[_i].status, cases[_i].err);

	ck_assert_str_eq(buf_str(&d.subject), cases[_i].subject);
	diagnosis_free(&d);
}
END_TEST

START_TEST(hints)
{
	static const struct {
		const char *text;
		int64_t ms;
	} cases[] = {
		{ "", 0 },
		{ "retry after 2s", 2000 },
		{ "Retry-After: 30", 30000 },
		{ "\"retry-after\": \"7\"", 7000 },
		{ "retryDelay\": \"34s\"", 34000 },
		{ "\"retry_delay_ms\": 500", 500 },
		{ "retry_after_seconds=12", 12000 },
		{ "Please try again in 6s.", 6000 },
		{ "Please try again in 644ms.", 644 },
		{ "Please try again in 9.816s. Visit", 9816 },
		{ "Please try again in 1m12.5s", 72500 },
		{ "Please retry in 2 minutes", 120000 },
		{ "Retrying in 2892 seconds (attempt 1/10)", 2892000 },
		{ "Retrying after 5123.5 ms", 5124 },
		{ "wait 20 seconds", 20000 },
		{ "retry after 2s\nretry after 9s\nretry after 4s", 9000 },
		{ "retry 2 of 5", 0 },
		{ "attempt 3, retrying", 0 },
		{ "try again later", 0 },
		{ "retry in a moment", 0 },
		{ "retry after 99999999999999999999999 hours", INT64_C(86400000) },
	};

	ck_assert_int_eq(diagnosis_hint_ms(cases[_i].text, strlen(cases[_i].text)), cases[_i].ms);
}
END_TEST

/* Files in one directory are one place, hosts are not; what has no place has an empty one. */
START_TEST(places)
{
	static const struct {
		const char *err;
		const char *place;
	} cases[] = {
		{ "touch: cannot touch '/etc/a': Permission denied", "/etc/" },
		{ "touch: cannot touch 'a': Permission denied", "" },
		{ "ssh: connect to host 10.0.0.1 port 22: Connection refused", "10.0.0.1:22" },
		{ "cp: error writing 'out/git': No space left on device", "" },
		{ "error: something else: '/etc/a'", "" },
	};
	struct diagnosis d = of_exit(1, cases[_i].err);

	ck_assert_str_eq(buf_str(&d.place), cases[_i].place);
	diagnosis_free(&d);
}
END_TEST

/* Whatever the bytes are, it ends, and soon. */
START_TEST(any_bytes)
{
	struct symptoms s = { .reason = "exit", .exit_status = 1 };
	struct buf text = BUF_INIT;
	struct diagnosis d;
	uint32_t seed = 1;

	for (size_t i = 0; i < 300000; i++) {
		static const char pieces[][8] = { "'", "\"", "`", "error", " 429 ", "\n", ": ", "/",
			"retry", " in 1", "\033[", "\xff", "\0\0", "http://", "....",
			"\xe2\x80\x98" };

		seed = seed * 1103515245 + 12345;
		buf_addstr(&text, pieces[seed >> 16 & 15]);
		if ((seed >> 20 & 7) == 0)
			buf_addch(&text, (char)(seed >> 8));
	}
	for (size_t len = 0; len < text.len; len += 9001) {
		s.err = text.data + len;
		s.err_len = text.len - len;
		diagnosis_make(&s, &d);
		diagnosis_free(&d);
	}
	diagnosis_hint_ms(text.data, text.len);
	buf_free(&text);
}
END_TEST

Suite *diagnosis_suite(void)
{
	Suite *s = suite_create("diagnosis");
	TCase *c = tcase_create("diagnosis");

	suite_add_tcase(s, c);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, corpus);
	tcase_add_loop_test(c, statuses_of_http, 0, 12);
	tcase_add_test(c, loose_words_only_in_errors);
	tcase_add_loop_test(c, reasons, 0, 16);
	tcase_add_loop_test(c, time_limit_and_text, 0, 4);
	tcase_add_loop_test(c, subjects, 0, 17);
	tcase_add_loop_test(c, hints, 0, 21);
	tcase_add_loop_test(c, places, 0, 5);
	tcase_add_test(c, any_bytes);
	return s;
}
