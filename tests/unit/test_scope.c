#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/plan/pattern.h"
#include "supervisor/plan/scope.h"
#include "tests/unit/growth.h"

Suite *scope_suite(void);

#define PAIRS 1000000
/* Sanitizers and valgrind (which CK_FORK=no goes with) make each of them slower. */
#define PAIRS_SLOW 100000

static void expect(const char *a, const char *b, bool expected)
{
	ck_assert_msg(patterns_meet(a, b) == expected, "'%s' and '%s'", a, b);
	ck_assert_msg(patterns_meet(b, a) == expected, "'%s' and '%s', swapped", b, a);
}

START_TEST(plain_paths)
{
	expect("/a", "/a", true);
	expect("/a", "/b", false);
	expect("/a", "/ab", false);
	expect("/a/b", "/a/c", false);
	expect("/", "/x/y/z", true);
	/* a directory covers all below it */
	expect("/a", "/a/b/c", true);
	expect("/a/b", "/a/bc/d", false);
	expect("/a/b", "/a/b*", true);
	expect("/a/b", "/a/bc*", false);
	expect("/a/b", "/a/b/*", true);
	expect("/a/b", "/a/bc/*", false);
	expect("/a/[*]b", "/a/[*]b/*/c", true);
	/* a set that no character is in matches nothing, wherever it stands */
	expect("/a", "/a/[z-a]", false);
}
END_TEST

START_TEST(stars)
{
	expect("/a/*.c", "/a/*.h", false);
	expect("/a/*.c", "/a/x*", true);
	expect("/a/x*.c", "/a/*y.c", true);
	expect("/a/*", "/a/b/c", true);
	expect("/a/*/c", "/a/b/d", false);
	expect("/a/*b*", "/a/*c*", true);
	expect("/a/x*y", "/a/y*x", false);
	expect("/*/b", "/a/*", true);
	expect("/a/*.c", "/a/foo.c/below", false);
	expect("/a/*.c", "/a", true);
}
END_TEST

/* A dot behind what is special makes a name one of files; all others may be directories. */
START_TEST(names_of_files)
{
	expect("/src/**/*.c", "/src/**/*.h", false);
	expect("/src/**/*.c", "/src/**/*.[ch]", true);
	expect("/src/**/*.c", "/src/a/x.c", true);
	expect("/src/**/*.c", "/src/a/x.c/*.y", false);
	expect("/src/**/*.c", "/src/a/**", true);
	expect("/t/test_*.py", "/t/test_a.py/x", false);
	expect("/t/test_*", "/t/test_a.py/x", true);
	expect("/t/*", "/t/a/b", true);
	expect("/t/??", "/t/ab/c", true);
	expect("/t/[ab].d", "/t/a.d/x", false);
	expect("/t/[ab].d/**", "/t/a.d/x", true);
	expect("/t/[ab].d/**", "/t/a.d", true);
	expect("/t/conf.d", "/t/conf.d/x", true);
	expect("/t/conf.*", "/t/conf.d/x", true);
	expect("/t/*[.]c", "/t/a.c/x", false);
	/* a character in brackets stands for itself */
	expect("/t/a[*].c", "/t/a[*].c/x", true);
}
END_TEST

START_TEST(any_depth)
{
	expect("/a/**/x.c", "/a/x.c", true);
	expect("/a/**/x.c", "/a/b/c/x.c", true);
	expect("/a/**/x.c", "/b/x.c", false);
	expect("/a/**/x.c", "/a/**/y.c", true); /* below a directory of the other's name */
	expect("/**/a/*.c", "/x/**", true);
	expect("/a/**", "/a", true);
	expect("/a/**/b/**/c", "/a/c/b", true);
	/* only as a whole name does it mean more than a star */
	expect("/a/x**y", "/a/xzy", true);
	expect("/a/x**y", "/a/x/y", false);
}
END_TEST

START_TEST(any_depth_and_what_lies_below)
{
	/* x.c may be a directory somewhere in which a y.c lies, but not where the depth is fixed */
	expect("/a/*/x.c", "/a/*/y.c", false);
	expect("/a/**/x.c", "/a/*/y.c", true);
}
END_TEST

START_TEST(sets)
{
	expect("/[abc]", "/[cde]", true);
	expect("/[abc]", "/[def]", false);
	expect("/[a-m]", "/[n-z]", false);
	expect("/[a-n]", "/[n-z]", true);
	expect("/[!a-m]", "/[a-m]", false);
	expect("/[^a-m]", "/[!n-z]", true);
	expect("/[!a]", "/a", false);
	expect("/[!a]", "/b", true);
	expect("/[]]", "/]", true);
	expect("/[!]]", "/]", false);
	expect("/[a-]", "/-", true);
	expect("/[*]", "/x", false);
	expect("/[*]", "/[?]", false);
	expect("/[[]x]", "/[[]*", true);
	expect("/[z-a]", "/*", false);
	expect("/[z-a]", "/**", false);
	expect("/[!z-a]", "/q", true);
	/* not closed: an ordinary character */
	expect("/[ab", "/[[]ab", true);
	expect("/[ab", "/a", false);
}
END_TEST

START_TEST(code_points)
{
	expect("/?", "/ä", true);
	expect("/??", "/ä", false);
	expect("/[ä-ü]", "/ö", true);
	expect("/[ä-ü]", "/a", false);
	expect("/[!ä]", "/ä", false);
	expect("/x?y", "/x\U0001F600y", true);
	/* a byte that is not UTF-8 is one character */
	expect("/?", "/\xff", true);
	expect("/??", "/\xff", false);
	expect("/\xff", "/\xfe", false);
	/* a negated set never means the slash: what is left here is nothing but it */
	expect("/[!\x01-.0-\U0010ffff]", "/[+-5]", false);
}
END_TEST

/* Slow and simple matchers, written without looking at the ones above. */

static bool set_has(const char *set, size_t len, char c)
{
	bool negated = *set == '!' || *set == '^';
	size_t i = negated;
	bool found = false;
	for (; i < len; i++) {
		if (i + 2 < len && set[i + 1] == '-') {
			found = found || (set[i] <= c && c <= set[i + 2]);
			i += 2;
		} else {
			found = found || set[i] == c;
		}
	}
	return found != negated;
}

/* One name; patterns and names end at a slash or a NUL. */
static bool name_matches(const char *pattern, const char *name)
{
	bool at_end = *name == '\0' || *name == '/';
	if (*pattern == '\0' || *pattern == '/')
		return at_end;
	if (*pattern == '*')
		return name_matches(pattern + 1, name) ||
		    (!at_end && name_matches(pattern, name + 1));
	if (at_end)
		return false;
	if (*pattern == '?')
		return name_matches(pattern + 1, name + 1);
	if (*pattern == '[') {
		const char *end = strchr(pattern, ']');
		return set_has(pattern + 1, (size_t)(end - pattern - 1), *name) &&
		    name_matches(end + 1, name + 1);
	}
	return *pattern == *name && name_matches(pattern + 1, name + 1);
}

static const char *after_name(const char *s)
{
	return s + 1 + strcspn(s + 1, "/");
}

/* Whether the last name of a pattern has a dot behind something special. */
static bool means_files(const char *pattern)
{
	const char *special = strpbrk(strrchr(pattern, '/'), "*?[");
	const char *last = strrchr(pattern, '/');
	return special != NULL && strchr(special, '.') != NULL && strcmp(last, "/**") != 0;
}

/* Both begin with a slash, or are at their end. */
static bool path_matches(const char *pattern, const char *path, bool files)
{
	if (*pattern == '\0')
		return *path == '\0' || !files;
	const char *rest = after_name(pattern);
	if (rest - pattern == 3 && memcmp(pattern, "/**", 3) == 0)
		return path_matches(rest, path, files) ||
		    (*path != '\0' && path_matches(pattern, after_name(path), files));
	return *path != '\0' && name_matches(pattern + 1, path + 1) &&
	    path_matches(rest, after_name(path), files);
}

static bool path_covered(const char *pattern, const char *path)
{
	return path_matches(pattern, path, means_files(pattern));
}

/* All texts that the patterns of one test can tell apart. */
struct universe {
	char (*paths)[24];
	size_t count;
};

#define UNIVERSE_MAX 8192
#define POOL 600
#define MASK_WORDS (UNIVERSE_MAX / 64)

static void add_names(struct universe *u, const char *prefix, const char *letters, size_t len)
{
	for (const char *c = letters; *c != '\0'; c++) {
		char *path = u->paths[u->count++];
		ck_assert_uint_le(u->count, UNIVERSE_MAX);
		snprintf(path, sizeof u->paths[0], "%s%c", prefix, *c);
		if (len > 1)
			add_names(u, path, letters, len - 1);
	}
}

static void add_paths(struct universe *u, const char *prefix, size_t depth)
{
	static const char *const names[] = { "a", "b", "ab", "ba", ".a", "a.a", "b.a", "ba.a" };
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		char *path = u->paths[u->count++];
		snprintf(path, sizeof u->paths[0], "%s/%s", prefix, names[i]);
		if (depth > 1)
			add_paths(u, path, depth - 1);
	}
}

static unsigned below(unsigned n)
{
	return (unsigned)(random() % n);
}

/* At most three parts that are no star, so that two names agree in six characters or not at all. */
static void random_name(char *out)
{
	static const char *const parts[] = { "a", "b", "c", "?", "[ab]", "[!a]", "[a-c]", "[^bc]",
		"[!a-c]", "[b-d]" };
	unsigned n = 1 + below(3);
	*out = '\0';
	strcat(out, "/");
	for (unsigned i = 0; i < n; i++) {
		if (below(3) == 0)
			strcat(out, "*");
		strcat(out, parts[below(10)]);
	}
	if (below(3) == 0)
		strcat(out, "*");
}

/* At most two names that are not `**`, each with one character that is no star. */
static void random_path(char *out)
{
	static const char *const names[] = { "/a", "/b", "/?", "/*", "/a*", "/*b", "/[ab]", "/[!a]",
		"/*a*", "/b*", "/*.a", "/?.a", "/[ab].a", "/*a.a" };
	unsigned n = 1 + below(2);
	*out = '\0';
	for (unsigned i = 0; i < n; i++) {
		if (below(3) == 0)
			strcat(out, "/**");
		strcat(out, names[below(14)]);
	}
	if (below(4) == 0)
		strcat(out, "/**");
}

static void against_brute_force(const struct universe *u, void (*make)(char *))
{
	static char pool[POOL][64];
	static uint64_t masks[POOL][MASK_WORDS];
	size_t met = 0;
#ifdef __SANITIZE_ADDRESS__
	size_t pairs = PAIRS_SLOW;
#else
	const char *fork = getenv("CK_FORK");
	size_t pairs = fork != NULL && strcmp(fork, "no") == 0 ? PAIRS_SLOW : PAIRS;
#endif

	srandom(20231123);
	memset(masks, 0, sizeof masks);
	for (size_t i = 0; i < POOL; i++) {
		make(pool[i]);
		for (size_t k = 0; k < u->count; k++) {
			if (path_covered(pool[i], u->paths[k]))
				masks[i][k / 64] |= UINT64_C(1) << (k % 64);
		}
	}
	for (size_t n = 0; n < pairs; n++) {
		size_t a = below(POOL);
		size_t b = below(POOL);
		bool expected = false;
		for (size_t w = 0; w < MASK_WORDS && !expected; w++)
			expected = (masks[a][w] & masks[b][w]) != 0;
		met += expected;
		if (patterns_meet(pool[a], pool[b]) != expected)
			ck_abort_msg("'%s' and '%s': %s a path in common", pool[a], pool[b],
			    expected ? "they have" : "they do not have");
	}
	/* else the test says nothing */
	ck_assert_uint_gt(met, pairs / 20);
	ck_assert_uint_lt(met, pairs - pairs / 20);
}

START_TEST(names_against_brute_force)
{
	struct universe u = { .paths = calloc(UNIVERSE_MAX, sizeof u.paths[0]) };
	add_names(&u, "/", "abcd", 6);
	against_brute_force(&u, random_name);
	free(u.paths);
}
END_TEST

START_TEST(paths_against_brute_force)
{
	struct universe u = { .paths = calloc(UNIVERSE_MAX, sizeof u.paths[0]) };
	add_paths(&u, "", 4);
	against_brute_force(&u, random_path);
	free(u.paths);
}
END_TEST

START_TEST(time_is_bounded)
{
	/* patterns on which a matcher that tries and goes back would never end */
	char a[4096] = "/";
	char b[4096] = "/";
	while (strlen(a) < 1000) {
		strcat(a, "*a?");
		strcat(b, "a*b");
	}
	strcat(a, "*x");
	strcat(b, "*y");
	expect(a, b, false);

	strcpy(a, "");
	strcpy(b, "");
	while (strlen(a) < 1000) {
		strcat(a, "/**/*a*");
		strcat(b, "/**/b*b*a");
	}
	strcat(a, "/**/c");
	strcat(b, "/[!c]");
	expect(a, b, true);
}
END_TEST

START_TEST(quoting)
{
	static const char *const names[] = { "plain", "[id]", "a*b?c", "**", "]x[", "ä\xff",
		"!^-" };
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct buf quoted = BUF_INIT;
		struct buf back = BUF_INIT;
		pattern_quote(&quoted, names[i], strlen(names[i]));
		ck_assert(pattern_plain(&back, quoted.data, quoted.len));
		ck_assert_str_eq(buf_str(&back), names[i]);
		buf_free(&quoted);
		buf_free(&back);
	}
	static const char *const several[] = { "*", "?", "a*", "[ab]", "[!a]", "[z-a]", "**" };
	for (size_t i = 0; i < sizeof several / sizeof several[0]; i++) {
		struct buf back = BUF_INIT;
		ck_assert_msg(!pattern_plain(&back, several[i], strlen(several[i])), "%s",
		    several[i]);
		ck_assert_uint_eq(back.len, 0);
	}
}
END_TEST

/* A directory of its own for each test, free of symbolic links; the test works in it. */

static char home[64];

static void enter_home(void)
{
	strcpy(home, "/tmp/pollard-scope-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(home));
	ck_assert_int_eq(chdir(home), 0);
	ck_assert_int_eq(mkdir("real", 0700), 0);
	ck_assert_int_eq(mkdir("real/deep", 0700), 0);
	ck_assert_int_eq(mkdir("[odd]", 0700), 0);
	ck_assert_int_eq(symlink("real", "link"), 0);
	ck_assert_int_eq(symlink("real/deep", "down"), 0);
	ck_assert_int_eq(symlink("nowhere/x", "dangling"), 0);
	ck_assert_int_eq(symlink("loop", "loop"), 0);
	ck_assert_int_eq(symlink("[odd]", "odd"), 0);
	ck_assert_int_eq(symlink(home, "real/up"), 0);
}

static void leave_home(void)
{
	static const char *const names[] = { "link", "down", "dangling", "loop", "odd", "real/up",
		"real/deep", "real", "[odd]" };
	ck_assert_int_eq(chdir(home), 0);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		ck_assert_msg(remove(names[i]) == 0, "%s", names[i]);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(home), 0);
}

/* `expected` is below home, or absolute. */
static void expect_absolute(const char *pattern, const char *cwd, const char *expected)
{
	char full[256];
	char *got = scope_absolute(pattern, cwd);
	snprintf(full, sizeof full, "%s%s%s", *expected == '/' ? "" : home,
	    *expected == '/' || *expected == '\0' ? "" : "/", expected);
	ck_assert_msg(strcmp(got, full) == 0, "'%s' in '%s': %s, expected %s", pattern,
	    cwd != NULL ? cwd : "", got, full);
	free(got);
}

START_TEST(made_absolute)
{
	expect_absolute("a/b", NULL, "a/b");
	expect_absolute("./a//b/.", NULL, "a/b");
	expect_absolute(".", NULL, "");
	expect_absolute("a/../b", NULL, "b");
	expect_absolute("/../..", NULL, "/");
	expect_absolute("/x/*/y", "sub", "/x/*/y");
	expect_absolute("*.c", "sub", "sub/*.c");
	expect_absolute("*.c", "/else/where/", "/else/where/*.c");
	expect_absolute("../*.c", "sub", "*.c");
	expect_absolute("a/*/../b", NULL, "a/b");
	expect_absolute("a/**/../b", NULL, "**/b");
	expect_absolute("/**/../b", NULL, "/**/b");
	/* what the directory is called is no pattern, what the task wrote is one */
	expect_absolute("*", "[odd]", "[[]odd]/*");
	expect_absolute("[ab]", "x*", "x[*]/[ab]");
	/* a slash at the end makes a directory of what could be files */
	expect_absolute("*.d/", NULL, "*.d/**");
	expect_absolute("*.d/.", NULL, "*.d/**");
	expect_absolute("*.d/x/..", NULL, "*.d/**");
	expect_absolute("x/", NULL, "x");
	expect_absolute("x/**/", NULL, "x/**");
	expect_absolute("/", NULL, "/");
	expect_absolute("a/[.]/b/[.][.]/c", NULL, "a/c");
	/* one way to write one name */
	expect_absolute("[a]b[*]/[[]", NULL, "ab[*]/[[]");
}
END_TEST

START_TEST(links_resolved)
{
	expect_absolute("link/x", NULL, "real/x");
	expect_absolute("link", NULL, "real");
	expect_absolute("x", "link", "real/x");
	expect_absolute("[l]ink/x", NULL, "real/x");
	expect_absolute("down/../x", NULL, "real/x");
	expect_absolute("link/up/link/deep", NULL, "real/deep");
	expect_absolute("odd/*", NULL, "[[]odd]/*");
	expect_absolute("dangling/y", NULL, "nowhere/x/y");
	expect_absolute("loop/y", NULL, "loop/y");
	expect_absolute("missing/../link/x", NULL, "real/x");
	/* behind a pattern nothing is known */
	expect_absolute("*/link/x", NULL, "*/link/x");
	expect_absolute("*/../link/x", NULL, "real/x");
	expect_absolute("a/**/../link/x", NULL, "**/link/x");
	expect_absolute("missing/a/../../link/x", NULL, "real/x");
	expect_absolute("missing/a/../link/x", NULL, "missing/link/x");
}
END_TEST

/* Tasks with scopes */

static struct task task_with(struct task_more *more, const char *const *writes, size_t nwrites,
    const char *const *reads, size_t nreads)
{
	*more = (struct task_more){ .writes = writes,
		.nwrites = nwrites,
		.reads = reads,
		.nreads = nreads };
	return (struct task){ .id = "t", .more = more };
}

static void expect_conflict(struct task *a, struct task *b, bool expected)
{
	struct scopes *s = scopes_new();
	for (int i = 0; i < 2; i++) {
		ck_assert(scopes_meet(s, 5, a, 1000, b) == expected);
		ck_assert(scopes_meet(s, 1000, b, 5, a) == expected);
		scopes_forget(s, 5);
		scopes_forget(s, 77777);
	}
	scopes_free(s);
}

START_TEST(conflicts)
{
	static const char *const src[] = { "docs/x.md", "src/**/*.c" };
	static const char *const main_c[] = { "src/main.c" };
	static const char *const tests[] = { "tests" };
	struct task_more ma;
	struct task_more mb;
	struct task a = task_with(&ma, src, 2, NULL, 0);
	struct task b = task_with(&mb, main_c, 1, NULL, 0);
	struct task plain = { .id = "p" };
	expect_conflict(&a, &b, true);
	b = task_with(&mb, NULL, 0, main_c, 1);
	expect_conflict(&a, &b, true);
	a = task_with(&ma, NULL, 0, src, 2);
	expect_conflict(&a, &b, false); /* readers do not disturb each other */
	b = task_with(&mb, tests, 1, main_c, 1);
	expect_conflict(&a, &b, false);
	b = task_with(&mb, tests, 1, NULL, 0);
	a = task_with(&ma, src, 2, tests, 1);
	expect_conflict(&a, &b, true);
	expect_conflict(&a, &plain, false);
	expect_conflict(&plain, &plain, false);
}
END_TEST

START_TEST(conflicts_across_directories)
{
	static const char *const up[] = { "../link/x" };
	static const char *const here[] = { "real/*" };
	struct task_more ma;
	struct task_more mb;
	struct task a = task_with(&ma, up, 1, NULL, 0);
	struct task b = task_with(&mb, here, 1, NULL, 0);
	ma.cwd = "new";
	expect_conflict(&a, &b, true);
	ma.cwd = "new/er";
	expect_conflict(&a, &b, false);
}
END_TEST

START_TEST(covered_paths)
{
	static const char *const writes[] = { "out/*.txt", "real/deep" };
	struct task_more more;
	struct task t = task_with(&more, writes, 2, NULL, 0);
	ck_assert(scope_covers_path(&t, "real/deep"));
	ck_assert(scope_covers_path(&t, "real/deep/er"));
	ck_assert(scope_covers_path(&t, "link/deep/er"));
	ck_assert(scope_covers_path(&t, "real"));
	ck_assert(scope_covers_path(&t, home));
	ck_assert(scope_covers_path(&t, "out"));
	ck_assert(!scope_covers_path(&t, "real/other"));
	ck_assert(!scope_covers_path(&t, "out/x"));
	ck_assert(!scope_covers_path(&t, "/elsewhere"));

	static const char *const odd[] = { "[odd]/x" };
	t = task_with(&more, odd, 1, NULL, 0);
	ck_assert(scope_covers_path(&t, "o"));
	ck_assert(!scope_covers_path(&t, "[odd]"));
	t = task_with(&more, NULL, 0, writes, 2);
	ck_assert(!scope_covers_path(&t, "real/deep"));
}
END_TEST

/* Each is held against the sixteen before it, whatever the length of the list. */
static void meet_in_turn(size_t count)
{
	enum { RUNNING = 16 };
	char(*texts)[32] = calloc(count * 5, sizeof *texts);
	const char **patterns = calloc(count * 5, sizeof *patterns);
	struct task_more *more = calloc(count, sizeof *more);
	struct task *tasks = calloc(count, sizeof *tasks);
	struct scopes *s = scopes_new();

	for (size_t i = 0; i < count * 5; i++) {
		snprintf(texts[i], sizeof texts[i], "src/m%zu/*%zu.c", i / 5, i % 5);
		patterns[i] = texts[i];
	}
	for (size_t i = 0; i < count; i++)
		tasks[i] = task_with(&more[i], &patterns[i * 5], 3, &patterns[i * 5 + 3], 2);
	for (size_t i = RUNNING; i < count; i++) {
		for (size_t k = i - RUNNING; k < i; k++) {
			if (scopes_meet(s, i, &tasks[i], k, &tasks[k]))
				ck_abort_msg("tasks %zu and %zu", i, k);
		}
	}
	scopes_free(s);
	free(tasks);
	free(more);
	free(patterns);
	free(texts);
}

START_TEST(many_tasks_are_fast)
{
	growth_in_proportion(meet_in_turn, 2500);
}
END_TEST

Suite *scope_suite(void)
{
	Suite *s = suite_create("scope");
	TCase *t = tcase_create("patterns");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, plain_paths);
	tcase_add_test(t, stars);
	tcase_add_test(t, names_of_files);
	tcase_add_test(t, any_depth);
	tcase_add_test(t, any_depth_and_what_lies_below);
	tcase_add_test(t, sets);
	tcase_add_test(t, code_points);
	tcase_add_test(t, names_against_brute_force);
	tcase_add_test(t, paths_against_brute_force);
	tcase_add_test(t, time_is_bounded);
	tcase_add_test(t, quoting);
	suite_add_tcase(s, t);

	t = tcase_create("scopes");
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, enter_home, leave_home);
	tcase_add_test(t, made_absolute);
	tcase_add_test(t, links_resolved);
	tcase_add_test(t, conflicts);
	tcase_add_test(t, conflicts_across_directories);
	tcase_add_test(t, covered_paths);
	tcase_add_test(t, many_tasks_are_fast);
	suite_add_tcase(s, t);
	return s;
}
