#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/buf.h"
#include "supervisor/input/agents.h"

Suite *agents_suite(void);

static const char *const kept_names[] = { "HOME", "XDG_CONFIG_HOME", "POLLARD_DATA" };

#define KEPT (sizeof(kept_names) / sizeof(kept_names[0]))

/* Where the test was before setup(): the tests may all run in one process. */
static int old_cwd = -1;
static char *old_env[KEPT];
static char top[64];
static char source[4096]; /* workers/ of the source tree, where the tests are started */

/* Files as people have them, and in `expected` what is to be read from each. */
static const char corpus[] = "tests/corpus/agents";

static void setup(void)
{
	char path[128];
	size_t i;

	old_cwd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(old_cwd, 0);
	ck_assert_ptr_nonnull(getcwd(source, sizeof(source) - sizeof("/workers")));
	strcat(source, "/workers");
	for (i = 0; i < KEPT; i++)
		old_env[i] = getenv(kept_names[i]) != NULL ? strdup(getenv(kept_names[i])) : NULL;
	snprintf(top, sizeof(top), "/tmp/pollard-agents-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	ck_assert_int_eq(chdir(top), 0);
	ck_assert_int_eq(mkdir("work", 0700), 0);
	ck_assert_int_eq(chdir("work"), 0);
	snprintf(path, sizeof(path), "%s/home", top);
	setenv("HOME", path, 1);
	unsetenv("XDG_CONFIG_HOME");
	snprintf(path, sizeof(path), "%s/data", top);
	setenv("POLLARD_DATA", path, 1);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

static void teardown(void)
{
	size_t i;

	ck_assert_int_eq(fchdir(old_cwd), 0);
	close(old_cwd);
	for (i = 0; i < KEPT; i++) {
		if (old_env[i] != NULL)
			setenv(kept_names[i], old_env[i], 1);
		else
			unsetenv(kept_names[i]);
		free(old_env[i]);
	}
	ck_assert_int_eq(nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void make_dirs(const char *path)
{
	char copy[256];
	char *slash;

	snprintf(copy, sizeof(copy), "%s", path);
	for (slash = strchr(copy + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(copy, 0700);
		*slash = '/';
	}
}

static void put(const char *path, const char *text)
{
	FILE *f;

	make_dirs(path);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

/* A file that defines the agent and says in its description which file it is. */
static void define(const char *path, const char *name)
{
	struct buf text = BUF_INIT;

	buf_addf(&text, "---\nname: %s\ndescription: %s\n---\nprompt\n", name, path);
	put(path, buf_str(&text));
	buf_free(&text);
}

static void expect_from(const struct agents *a, const char *name, const char *path)
{
	const struct agent *agent = agents_find(a, name);

	ck_assert_msg(agent != NULL, "%s is not there", name);
	ck_assert_str_eq(agent->description, path);
}

/* Some warning holds both parts. */
static void expect_warning(const struct agents *a, const char *one, const char *two)
{
	size_t count, i;
	const char *const *lines = agents_warnings(a, &count);

	for (i = 0; i < count; i++) {
		if (strstr(lines[i], one) != NULL && strstr(lines[i], two) != NULL)
			return;
	}
	ck_abort_msg("no warning about '%s' with '%s'", one, two);
}

static void expect_warnings(const struct agents *a, size_t expected)
{
	size_t count;
	const char *const *lines = agents_warnings(a, &count);

	ck_assert_msg(count == expected, "%zu warnings, the first: %s", count,
	    count > 0 ? lines[0] : "none");
}

static struct agent *parse(const char *text, const char **why)
{
	return agent_parse("dir/stem.md", "stem", text, strlen(text), why);
}

START_TEST(all_keys)
{
	const char *why = "unset";
	struct agent *a =
	    parse("---\nname: Rev-1_x\ndescription: \"Reviews: all\"\ntools:\n  - Read\n  - Grep\n"
		  "model: opus\nbackend: codex\ncommand: tool -f '{prompt_file}' \"a b\"\n"
		  "timeout: 10m\nidle_timeout: 90\ntokens: 40k\nretries: 2\noutput: json\n"
		  "color: red\n---\n\n  \n  You are.\r\n\r\nEnd.  \n\n",
		&why);

	ck_assert_ptr_nonnull(a);
	ck_assert_ptr_null(why);
	ck_assert_str_eq(a->name, "Rev-1_x");
	ck_assert_str_eq(a->description, "Reviews: all");
	ck_assert_str_eq(a->path, "dir/stem.md");
	ck_assert_str_eq(a->tools, "Read, Grep");
	ck_assert_str_eq(a->model, "opus");
	ck_assert_str_eq(a->backend, "codex");
	ck_assert_str_eq(a->command[0], "tool");
	ck_assert_str_eq(a->command[1], "-f");
	ck_assert_str_eq(a->command[2], "{prompt_file}");
	ck_assert_str_eq(a->command[3], "a b");
	ck_assert_ptr_null(a->command[4]);
	ck_assert_int_eq(a->timeout_ms, 600000);
	ck_assert_int_eq(a->idle_timeout_ms, 90000);
	ck_assert_uint_eq(a->tokens, 40000);
	ck_assert_int_eq(a->retries, 2);
	ck_assert(a->want_json);
	ck_assert_str_eq(a->system, "  You are.\n\nEnd.");
	ck_assert_uint_eq(a->system_len, strlen(a->system));
	ck_assert_ptr_null(a->hides);
	ck_assert_str_eq(frontmatter_find(a->keys, "color")->value, "red");
	agent_free(a);
}
END_TEST

START_TEST(nothing_said)
{
	const char *why = "unset";
	struct agent *a = parse("---\nmodel: inherit\nbackend:\ntools: null\n---\n", &why);

	ck_assert_ptr_nonnull(a);
	ck_assert_ptr_null(why);
	ck_assert_str_eq(a->name, "stem");
	ck_assert_str_eq(a->description, "");
	ck_assert_ptr_null(a->tools);
	ck_assert_ptr_null(a->model);
	ck_assert_ptr_null(a->backend);
	ck_assert_ptr_null(a->command);
	ck_assert_str_eq(a->system, "");
	ck_assert_uint_eq(a->system_len, 0);
	ck_assert_int_eq(a->timeout_ms, -1);
	ck_assert_int_eq(a->idle_timeout_ms, -1);
	ck_assert_int_eq(a->retries, -1);
	ck_assert_uint_eq(a->tokens, 0);
	ck_assert(!a->want_json);
	agent_free(a);
}
END_TEST

START_TEST(command_as_list)
{
	const char *why;
	struct agent *a = parse("---\ncommand:\n  - tool\n  - a 'b\n  - \"\"\n---\n", &why);

	ck_assert_ptr_nonnull(a);
	ck_assert_str_eq(a->command[0], "tool");
	ck_assert_str_eq(a->command[1], "a 'b");
	ck_assert_str_eq(a->command[2], "");
	ck_assert_ptr_null(a->command[3]);
	agent_free(a);
}
END_TEST

START_TEST(refused)
{
	static const char nul[] = "---\nname: a\n---\nx\0y";
	const char *why = "unset";

	ck_assert_ptr_null(parse("# Title\n", &why));
	ck_assert_ptr_null(why);
	ck_assert_ptr_null(parse("---\nname: a\n", &why));
	ck_assert_ptr_nonnull(strstr(why, "closing"));
	ck_assert_ptr_null(parse("---\ncommand: tool 'x\n---\n", &why));
	ck_assert_ptr_nonnull(strstr(why, "command"));
	ck_assert_ptr_null(agent_parse("p", "s", nul, sizeof(nul) - 1, &why));
	ck_assert_ptr_nonnull(strstr(why, "NUL"));
	ck_assert_ptr_null(agent_parse("p", "9 lives", "---\n---\n", 8, &why));
	ck_assert_ptr_nonnull(strstr(why, "name"));
}
END_TEST

START_TEST(usable_names)
{
	char name[80], text[128];
	const char *why;
	struct agent *a;
	size_t len;

	for (len = 64; len <= 65; len++) {
		memset(name, 'n', len);
		name[len] = '\0';
		snprintf(text, sizeof(text), "---\nname: %s\n---\n", name);
		a = parse(text, &why);
		ck_assert_ptr_nonnull(a);
		ck_assert_str_eq(a->name, len == 64 ? name : "stem");
		agent_free(a);
	}
	/* a title is no name; the file has one */
	a = parse("---\nname: Code Reviewer\n---\n", &why);
	ck_assert_str_eq(a->name, "stem");
	agent_free(a);
	a = parse("---\nname: 1st\n---\n", &why);
	ck_assert_str_eq(a->name, "stem");
	agent_free(a);
}
END_TEST

START_TEST(bad_values_are_left_out)
{
	static const char *const lines[][2] = {
		{ "timeout: soon", "'timeout'" },
		{ "idle_timeout: -1", "'idle_timeout'" },
		{ "tokens: many", "'tokens'" },
		{ "retries: 101", "'retries'" },
		{ "output: prose", "'output'" },
	};
	char text[128];
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const char *why = NULL;
		struct agent *a;

		snprintf(text, sizeof(text), "---\nname: a\n%s\n---\n", lines[i][0]);
		a = parse(text, &why);
		ck_assert_msg(a != NULL, "%s", lines[i][0]);
		ck_assert_ptr_nonnull(why);
		ck_assert_msg(strstr(why, lines[i][1]) != NULL, "%s: %s", lines[i][0], why);
		ck_assert_int_eq(a->timeout_ms, -1);
		ck_assert_int_eq(a->idle_timeout_ms, -1);
		ck_assert_int_eq(a->retries, -1);
		ck_assert_uint_eq(a->tokens, 0);
		ck_assert(!a->want_json);
		agent_free(a);
	}
}
END_TEST

START_TEST(bytes_become_utf8)
{
	const char *why;
	struct agent *a = parse("---\ndescription: gr\xfc\xdf\n---\n\xff!", &why);

	ck_assert_str_eq(a->description, "gr\xef\xbf\xbd\xef\xbf\xbd");
	ck_assert_str_eq(a->system, "\xef\xbf\xbd!");
	agent_free(a);
}
END_TEST

START_TEST(nowhere)
{
	struct agents *a = agents_load(NULL);
	size_t count = 1;

	agents_list(a, &count);
	ck_assert_uint_eq(count, 0);
	expect_warnings(a, 0);
	ck_assert_ptr_null(agents_find(a, "x"));
	ck_assert_ptr_null(agents_suggest(a, "x"));
	ck_assert_ptr_null(agents_ambiguous(a, "x"));
	agents_free(a);
}
END_TEST

/* Takes away the winning file of one name again and again: each time the next place must win. */
START_TEST(order)
{
	static const char *const places[] = {
		"flow/.pollard/agents/x.md",
		"flow/.claude/agents/x.md",
		"flow/.opencode/agent/x.md",
		"flow/.gemini/agents/x.md",
		".pollard/agents/x.md",
		".claude/agents/x.md",
		".opencode/agent/x.md",
		".gemini/agents/x.md",
		"../home/.config/pollard/agents/x.md",
		"../home/.claude/agents/x.md",
		"../home/.config/opencode/agent/x.md",
		"../home/.gemini/agents/x.md",
		"../data/agents/x.md",
	};
	const size_t n = sizeof(places) / sizeof(places[0]);
	struct agents *a;
	size_t i, hidden;

	for (i = 0; i < n; i++)
		define(places[i], "x");
	for (i = 0; i < n; i++) {
		const struct agent *agent;

		a = agents_load("flow");
		expect_from(a, "x", places[i]);
		agent = agents_find(a, "x");
		for (hidden = 0; agent->hides != NULL && agent->hides[hidden] != NULL; hidden++)
			continue;
		ck_assert_uint_eq(hidden, n - 1 - i);
		expect_warnings(a, 0);
		agents_free(a);
		ck_assert_int_eq(unlink(places[i]), 0);
	}
	a = agents_load("flow");
	ck_assert_ptr_null(agents_find(a, "x"));
	agents_free(a);
}
END_TEST

START_TEST(without_a_workflow)
{
	struct agents *a;

	define("flow/.claude/agents/x.md", "x");
	a = agents_load(NULL);
	ck_assert_ptr_null(agents_find(a, "x"));
	agents_free(a);
}
END_TEST

START_TEST(xdg_config_home)
{
	char path[128];
	struct agents *a;

	define("../home/.config/pollard/agents/x.md", "x");
	define("../conf/pollard/agents/y.md", "y");
	snprintf(path, sizeof(path), "%s/conf", top);
	setenv("XDG_CONFIG_HOME", path, 1);
	a = agents_load(NULL);
	ck_assert_ptr_null(agents_find(a, "x"));
	ck_assert_ptr_nonnull(agents_find(a, "y"));
	agents_free(a);

	/* a relative one does not count */
	setenv("XDG_CONFIG_HOME", "../conf", 1);
	a = agents_load(NULL);
	ck_assert_ptr_nonnull(agents_find(a, "x"));
	ck_assert_ptr_null(agents_find(a, "y"));
	agents_free(a);
}
END_TEST

START_TEST(same_directory_twice)
{
	char path[128];
	struct agents *a;

	define(".claude/agents/x.md", "x");
	snprintf(path, sizeof(path), "%s/work", top);
	setenv("HOME", path, 1);
	a = agents_load(".");
	ck_assert_ptr_nonnull(agents_find(a, "x"));
	ck_assert_ptr_null(agents_find(a, "x")->hides);
	expect_warnings(a, 0);
	agents_free(a);
}
END_TEST

START_TEST(list_and_lookup)
{
	static const char *const names[] = { "B", "a", "b", "code-reviewer" };
	const struct agent *const *list;
	struct agents *a;
	size_t count, i;

	define(".claude/agents/1.md", "b");
	define(".claude/agents/2.md", "code-reviewer");
	define(".pollard/agents/3.md", "a");
	define("../data/agents/4.md", "B");
	a = agents_load(NULL);
	list = agents_list(a, &count);
	ck_assert_uint_eq(count, 4);
	for (i = 0; i < count; i++)
		ck_assert_str_eq(list[i]->name, names[i]);
	ck_assert_ptr_null(agents_find(a, "A"));
	ck_assert_ptr_null(agents_find(a, ""));
	ck_assert_str_eq(agents_suggest(a, "code-reveiwer"), "code-reviewer");
	ck_assert_ptr_null(agents_suggest(a, "zzzzzzzz"));
	agents_free(a);
}
END_TEST

START_TEST(ambiguous)
{
	const char *line;
	struct agents *a;

	define(".claude/agents/one.md", "x");
	define(".claude/agents/two.md", "x");
	define("../data/agents/x.md", "x");
	define("../data/agents/y.md", "y");
	a = agents_load(NULL);
	ck_assert_ptr_null(agents_find(a, "x"));
	line = agents_ambiguous(a, "x");
	ck_assert_ptr_nonnull(line);
	ck_assert_ptr_nonnull(strstr(line, ".claude/agents/one.md"));
	ck_assert_ptr_nonnull(strstr(line, ".claude/agents/two.md"));
	ck_assert_ptr_null(strstr(line, "data"));
	ck_assert_ptr_null(agents_ambiguous(a, "y"));
	ck_assert_ptr_nonnull(agents_find(a, "y"));
	agents_free(a);

	/* where an earlier place decides, the clash harms nobody */
	define(".pollard/agents/x.md", "x");
	a = agents_load(NULL);
	expect_from(a, "x", ".pollard/agents/x.md");
	ck_assert_ptr_null(agents_ambiguous(a, "x"));
	ck_assert_ptr_nonnull(agents_find(a, "x")->hides[2]);
	ck_assert_ptr_null(agents_find(a, "x")->hides[3]);
	agents_free(a);
}
END_TEST

START_TEST(only_good_files)
{
	struct agents *a;
	FILE *f;

	define(".claude/agents/good.md", "good");
	define(".claude/agents/.hidden.md", "hidden");
	define(".claude/agents/other.txt", "other");
	define(".claude/agents/sub.md/deep.md", "deep");
	define("elsewhere.md", "linked");
	put(".claude/agents/README.md", "# About\n");
	put(".claude/agents/plain.md", "# No front matter\n");
	put(".claude/agents/empty.md", "");
	ck_assert_int_eq(mkfifo(".claude/agents/fifo.md", 0600), 0);
	ck_assert_int_eq(symlink("../../elsewhere.md", ".claude/agents/link.md"), 0);
	ck_assert_int_eq(symlink("gone", ".claude/agents/dangling.md"), 0);
	f = fopen(".claude/agents/large.md", "w");
	ck_assert_ptr_nonnull(f);
	fputs("---\nname: large\n---\n", f);
	ck_assert_int_eq(fflush(f), 0);
	ck_assert_int_eq(ftruncate(fileno(f), 1024 * 1024 + 1), 0);
	fclose(f);

	a = agents_load(NULL);
	expect_from(a, "good", ".claude/agents/good.md");
	expect_from(a, "linked", "elsewhere.md");
	ck_assert_ptr_null(agents_find(a, "hidden"));
	ck_assert_ptr_null(agents_find(a, "other"));
	ck_assert_ptr_null(agents_find(a, "deep"));
	ck_assert_ptr_null(agents_find(a, "large"));
	expect_warning(a, "plain.md", "front matter");
	expect_warning(a, "empty.md", "front matter");
	expect_warning(a, "fifo.md", "regular");
	expect_warning(a, "dangling.md", "No such file");
	expect_warning(a, "large.md", "1 MiB");
	expect_warnings(a, 5);
	agents_free(a);
}
END_TEST

START_TEST(unreadable_places)
{
	struct agents *a;

	put(".claude", "a file where a folder is looked for");
	put(".pollard/agents", "one more");
	a = agents_load(NULL);
	expect_warning(a, ".pollard/agents", "cannot be read");
	expect_warnings(a, 1);
	agents_free(a);
}
END_TEST

START_TEST(warnings_are_safe)
{
	struct agents *a;

	put(".claude/agents/e\033[2J\n.md", "nothing\n");
	a = agents_load(NULL);
	expect_warning(a, "e\\x1b[2J\\n.md", "front matter");
	agents_free(a);
}
END_TEST

START_TEST(value_warning_keeps_the_agent)
{
	struct agents *a;

	put(".claude/agents/x.md", "---\nname: x\ntimeout: soon\n---\n");
	a = agents_load(NULL);
	ck_assert_ptr_nonnull(agents_find(a, "x"));
	expect_warning(a, "x.md", "'timeout'");
	agents_free(a);
}
END_TEST

/*
 * The corpus: one file after the other, against its line in `expected`.
 */
static const char *or_dash(const char *value)
{
	return value != NULL ? value : "-";
}

static void expect_value(const char *file, const struct agent *a, const char *why, const char *key,
    const char *value)
{
	char number[16];
	const char *got = NULL;

	if (strcmp(key, "name") == 0)
		got = a->name;
	else if (strcmp(key, "model") == 0)
		got = or_dash(a->model);
	else if (strcmp(key, "tools") == 0)
		got = or_dash(a->tools);
	else if (strcmp(key, "disallowed") == 0)
		got = or_dash(a->disallowed);
	else if (strcmp(key, "backend") == 0)
		got = or_dash(a->backend);
	else if (strcmp(key, "access") == 0)
		got = a->says_access ? access_text(a->access) : "-";
	else if (strcmp(key, "note") == 0)
		got = why != NULL && strstr(why, value) != NULL ? value : or_dash(why);
	snprintf(number, sizeof(number), "%u", strcmp(key, "turns") == 0 ? a->max_turns : a->edits);
	if (strcmp(key, "turns") == 0 || strcmp(key, "edits") == 0)
		got = number;
	ck_assert_msg(got != NULL, "%s: '%s' is not known to the test", file, key);
	ck_assert_msg(strcmp(got, value) == 0, "%s: %s is '%s', expected '%s'", file, key, got,
	    value);
}

static void expect_file(const char *file, char *values)
{
	char path[256], text[4096], stem[64];
	const char *why = "unset";
	char *value;
	bool noted = false;

	snprintf(path, sizeof(path), "%s/%s", corpus, file);
	snprintf(stem, sizeof(stem), "%.*s", (int)(strlen(file) - 3), file);
	FILE *f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s", path);
	size_t len = fread(text, 1, sizeof(text), f);
	fclose(f);
	struct agent *a = agent_parse(path, stem, text, len, &why);
	if (strncmp(values, "bad=", 4) == 0) {
		ck_assert_msg(a == NULL, "%s is an agent", file);
		if (strcmp(values + 4, "none") == 0)
			ck_assert_msg(why == NULL, "%s: %s", file, why);
		else
			ck_assert_msg(why != NULL && strstr(why, values + 4) != NULL, "%s: %s",
			    file, or_dash(why));
		return;
	}
	ck_assert_msg(a != NULL, "%s is no agent: %s", file, or_dash(why));
	while ((value = strsep(&values, "\t")) != NULL) {
		char *key = strsep(&value, "=");
		noted = noted || strcmp(key, "note") == 0;
		expect_value(file, a, why, key, value);
	}
	ck_assert_msg(noted || why == NULL, "%s: %s", file, why);
	agent_free(a);
}

START_TEST(habits)
{
	char path[256], line[512];
	unsigned count = 0;

	snprintf(path, sizeof(path), "%s/expected", corpus);
	FILE *f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		char *values = line;
		line[strcspn(line, "\n")] = '\0';
		if (*line == '#' || *line == '\0')
			continue;
		const char *file = strsep(&values, "\t");
		expect_file(file, values);
		count++;
	}
	fclose(f);
	ck_assert_uint_ge(count, 40);
}
END_TEST

/* The ones that ship, as they lie in the source tree. */
START_TEST(shipped)
{
	static const char *const names[] = {
		"api-designer",
		"code-reviewer",
		"code-writer",
		"debugger",
		"documentation-writer",
		"feedback-coordinator",
		"performance-optimizer",
		"planner",
		"researcher",
		"security-auditor",
		"test-writer",
	};
	const struct agent *const *list;
	struct agents *a;
	size_t count, i;

	setenv("POLLARD_DATA", source, 1);
	a = agents_load(NULL);
	expect_warnings(a, 0);
	list = agents_list(a, &count);
	ck_assert_uint_eq(count, sizeof(names) / sizeof(names[0]));
	for (i = 0; i < count; i++) {
		const struct frontmatter_key *access = frontmatter_find(list[i]->keys, "access");

		ck_assert_str_eq(list[i]->name, names[i]);
		ck_assert_msg(strlen(list[i]->description) > 20, "%s", names[i]);
		ck_assert_msg(list[i]->tools != NULL && list[i]->system_len > 1000, "%s", names[i]);
		ck_assert_msg(list[i]->command == NULL && list[i]->backend == NULL, "%s", names[i]);
		ck_assert_msg(access != NULL, "%s", names[i]);
		ck_assert_str_eq(access->value,
		    strstr(list[i]->tools, "Edit") != NULL ? "write" : "read");
	}
	ck_assert(agents_find(a, "debugger")->want_json);
	agents_free(a);
}
END_TEST

Suite *agents_suite(void)
{
	Suite *s = suite_create("agents");
	TCase *one = tcase_create("one file");
	TCase *table = tcase_create("table");

	tcase_add_test(one, all_keys);
	tcase_add_test(one, nothing_said);
	tcase_add_test(one, command_as_list);
	tcase_add_test(one, refused);
	tcase_add_test(one, usable_names);
	tcase_add_test(one, bad_values_are_left_out);
	tcase_add_test(one, bytes_become_utf8);
	tcase_add_test(one, habits);
	suite_add_tcase(s, one);

	tcase_add_checked_fixture(table, setup, teardown);
	tcase_add_test(table, nowhere);
	tcase_add_test(table, order);
	tcase_add_test(table, without_a_workflow);
	tcase_add_test(table, xdg_config_home);
	tcase_add_test(table, same_directory_twice);
	tcase_add_test(table, list_and_lookup);
	tcase_add_test(table, ambiguous);
	tcase_add_test(table, only_good_files);
	tcase_add_test(table, unreadable_places);
	tcase_add_test(table, warnings_are_safe);
	tcase_add_test(table, value_warning_keeps_the_agent);
	tcase_add_test(table, shipped);
	suite_add_tcase(s, table);
	return s;
}
