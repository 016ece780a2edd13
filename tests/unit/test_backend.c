#include <check.h>
#include <stdio.h>
#include <string.h>

#include "shared/backend.h"

Suite *backend_suite(void);

static size_t length(const char *const *words)
{
	size_t n = 0;

	while (words != NULL && words[n] != NULL)
		n++;
	return n;
}

static bool have(const char *const *words, const char *part)
{
	for (size_t i = 0; words != NULL && words[i] != NULL; i++)
		if (strstr(words[i], part) != NULL)
			return true;
	return false;
}

/* What is the same for every entry, whoever adds one. */
START_TEST(entries)
{
	const struct backend *b = &backends[_i];
	const char *name = b->name;

	ck_assert_ptr_eq(backend_find(name), b);
	ck_assert_msg(b->program != NULL && *b->program != '\0', "%s", name);
	ck_assert_msg(b->install != NULL && *b->install != '\0', "%s", name);
	ck_assert_msg(b->adapter > ADAPTER_NONE && b->adapter < ADAPTER_COUNT, "%s", name);
	ck_assert_msg(b->resume == NULL || have(b->resume, "{session}"), "%s", name);
	ck_assert_msg(b->system == NULL || have(b->system, "{system_file}"), "%s", name);
	ck_assert_msg(b->model == NULL || have(b->model, "{model}"), "%s", name);
	ck_assert_msg(b->tools == NULL || have(b->tools, "{tools}"), "%s", name);
	ck_assert_msg(b->disallowed == NULL || have(b->disallowed, "{disallowed}"), "%s", name);
	ck_assert_msg(b->turns == NULL || have(b->turns, "{turns}"), "%s", name);
	ck_assert_msg(b->idle_ms == 0 || b->idle_ms >= 60000, "%s", name);
	ck_assert_msg((b->config_env == NULL) == (b->config_dir == NULL), "%s", name);
	ck_assert_msg(b->config_env == NULL || length(b->credentials) > 0, "%s", name);
	ck_assert_msg(!b->automatic || (b->tells_tokens && b->resume != NULL), "%s", name);
}
END_TEST

/* Words that switch all checks off stand nowhere but there. */
START_TEST(checks_stay_on)
{
	static const char *const off[] = { "yolo", "bypass", "dangerous", "danger-full-access",
		"--force", "--auto", "skip-permissions" };
	const struct backend *b = &backends[_i];

	for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
		/* codex: "auto_edit", aider: "--no-auto-commits" and the like are no such words */
		const char *word = off[i];
		const char *const *lists[] = { b->begin, b->resume, b->system, b->model, b->end,
			b->access[ACCESS_READ], b->access[ACCESS_WRITE] };
		for (size_t k = 0; k < sizeof(lists) / sizeof(lists[0]); k++)
			for (size_t w = 0; lists[k] != NULL && lists[k][w] != NULL; w++)
				ck_assert_msg(strncmp(lists[k][w], word, strlen(word)) != 0,
				    "%s: %s", b->name, lists[k][w]);
	}
}
END_TEST

START_TEST(names_differ)
{
	for (size_t i = 0; i < nbackends; i++)
		for (size_t k = 0; k < i; k++)
			ck_assert_str_ne(backends[i].name, backends[k].name);
	ck_assert_ptr_null(backend_find("command"));
	ck_assert_ptr_null(backend_find(""));
	ck_assert_ptr_null(backend_find("Codex"));
}
END_TEST

/* The order is that of the specification. */
START_TEST(automatic_ones)
{
	static const char *const order[] = { "claude", "codex", "gemini", "opencode", "pi",
		"qwen" };
	size_t n = 0;

	for (size_t i = 0; i < nbackends; i++) {
		if (!backends[i].automatic)
			continue;
		ck_assert_uint_lt(n, sizeof(order) / sizeof(order[0]));
		ck_assert_str_eq(backends[i].name, order[n++]);
	}
	ck_assert_uint_eq(n, sizeof(order) / sizeof(order[0]));
}
END_TEST

START_TEST(access_is_held)
{
	ck_assert_str_eq(access_text(ACCESS_READ), "read");
	ck_assert_str_eq(access_text(ACCESS_WRITE), "write");
	ck_assert_str_eq(access_text(ACCESS_ALL), "all");
	ck_assert(backend_holds(backend_find("codex"), ACCESS_READ));
	ck_assert(backend_holds(backend_find("codex"), ACCESS_WRITE));
	ck_assert(backend_holds(backend_find("opencode"), ACCESS_READ));
	ck_assert(backend_holds(backend_find("pi"), ACCESS_READ));
	ck_assert(!backend_holds(backend_find("pi"), ACCESS_WRITE));
	ck_assert(!backend_holds(backend_find("goose"), ACCESS_READ));
	ck_assert(backend_holds(backend_find("goose"), ACCESS_ALL));
}
END_TEST

Suite *backend_suite(void)
{
	Suite *s = suite_create("backend");
	TCase *t = tcase_create("table");

	tcase_add_loop_test(t, entries, 0, (int)nbackends);
	tcase_add_loop_test(t, checks_stay_on, 0, (int)nbackends);
	tcase_add_test(t, names_differ);
	tcase_add_test(t, automatic_ones);
	tcase_add_test(t, access_is_held);
	suite_add_tcase(s, t);
	return s;
}
