#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/input/notation.h"

Suite *notation_suite(void);

static const struct example {
	const char *line;
	enum notation_kind kind;
	const char *agent;
	const char *text;
} examples[] = {
	/* tasks, in all forms and with all marks */
	{ "researcher: Investigate authentication", NOTATION_TASK, "researcher",
	    "Investigate authentication" },
	{ "  - researcher: Investigate  ", NOTATION_TASK, "researcher", "Investigate" },
	{ "a:b", NOTATION_TASK, "a", "b" },
	{ "a: \"quoted\"", NOTATION_TASK, "a", "\"quoted\"" },
	{ "a: (b)", NOTATION_TASK, "a", "(b)" },
	{ "a: b -> c", NOTATION_TASK, "a", "b -> c" },
	{ "a_b-9: x", NOTATION_TASK, "a_b-9", "x" },
	{ "a:", NOTATION_TASK, "a", "" },
	{ "a -> b", NOTATION_TASK, "a", "b" },
	{ "a->b", NOTATION_TASK, "a", "b" },
	{ "a \u2192 \"b c\"", NOTATION_TASK, "a", "b c" },
	{ "a \u2192 \u201cb c\u201d", NOTATION_TASK, "a", "b c" },
	{ "a \u2192 \u201db c\u201d", NOTATION_TASK, "a", "b c" },
	{ "a -> \u201eb c\u201c", NOTATION_TASK, "a", "b c" },
	{ "1. a \u2192 \"b\"", NOTATION_TASK, "a", "b" },
	{ "12) a \u2192 \"b\"", NOTATION_TASK, "a", "b" },
	{ "* a \u2192 \"b\"", NOTATION_TASK, "a", "b" },
	{ "\u2022 a \u2192 \"b\"", NOTATION_TASK, "a", "b" },
	{ "\u00a0\u00a0a \u2192\u00a0\"b\"\u00a0", NOTATION_TASK, "a", "b" },
	{ "a -> \"say \"hi\" to all\"", NOTATION_TASK, "a", "say \"hi\" to all" },
	{ "a -> \"use --x=\"y\" now\"", NOTATION_TASK, "a", "use --x=\"y\" now" },
	{ "a -> \"foo\" and \"bar\"", NOTATION_TASK, "a", "\"foo\" and \"bar\"" },
	{ "a -> \u201cfoo\u201d and \u201cbar\u201d", NOTATION_TASK, "a",
	    "\u201cfoo\u201d and \u201cbar\u201d" },
	{ "a -> \"open", NOTATION_TASK, "a", "\"open" },
	{ "a -> \"", NOTATION_TASK, "a", "\"" },
	{ "a -> \"\"", NOTATION_TASK, "a", "" },
	{ "a ->", NOTATION_TASK, "a", "" },
	{ "\u2192 a (b)", NOTATION_TASK, "a", "b" },
	{ "-> a(b (c) d)", NOTATION_TASK, "a", "b (c) d" },
	{ "- \u2192 a ( \"b\" )", NOTATION_TASK, "a", "\"b\"" },
	{ "\u2192 a ()", NOTATION_TASK, "a", "" },
	{ "- Task tool \u2192 researcher (investigate session management)", NOTATION_TASK,
	    "researcher", "investigate session management" },
	{ "Task tool -> a (b)\r", NOTATION_TASK, "a", "b" },
	{ "a: first\nsecond\n", NOTATION_TASK, "a", "first\nsecond" },

	/* headings come before agents */
	{ "Step 1: Parallel Research (3 areas simultaneously)", NOTATION_STEP, NULL,
	    "Parallel Research (3 areas simultaneously)" },
	{ "Step 12:x", NOTATION_STEP, NULL, "x" },
	{ "Phase: Research", NOTATION_STEP, NULL, "Research" },
	{ "  1. Phase: Research\r", NOTATION_STEP, NULL, "Research" },
	{ "Phase:", NOTATION_STEP, NULL, "" },
	{ "Goal: Understand it", NOTATION_GOAL, NULL, "Understand it" },
	{ "Goal:x", NOTATION_GOAL, NULL, "x" },

	/* notes */
	{ "", NOTATION_NOTE, NULL, NULL },
	{ " \t\r", NOTATION_NOTE, NULL, NULL },
	{ "# a: b", NOTATION_NOTE, NULL, NULL },
	{ "```", NOTATION_NOTE, NULL, NULL },
	{ "   ```markdown", NOTATION_NOTE, NULL, NULL },
	{ "~~~", NOTATION_NOTE, NULL, NULL },
	{ "Parallel invocation:", NOTATION_NOTE, NULL, NULL },
	{ "Synchronization: Collect all three results", NOTATION_NOTE, NULL, NULL },
	{ "2. Synchronization: Collect", NOTATION_NOTE, NULL, NULL },
	{ "Synchronization Point 2: Collect all", NOTATION_NOTE, NULL, NULL },
	{ "Next: Synthesize", NOTATION_NOTE, NULL, NULL },
	{ "Use case: Multi-faceted validation", NOTATION_NOTE, NULL, NULL },
	{ "In one message, invoke:", NOTATION_NOTE, NULL, NULL },
	{ "Then wait for all three to complete before proceeding.", NOTATION_NOTE, NULL, NULL },

	/* in lower case these are names like any other */
	{ "next: x", NOTATION_TASK, "next", "x" },
	{ "Steps: x", NOTATION_TASK, "Steps", "x" },

	/* none of the forms */
	{ "echo hello", NOTATION_BAD, NULL, NULL },
	{ "make -j4: x", NOTATION_BAD, NULL, NULL },
	{ "a : b", NOTATION_BAD, NULL, NULL },
	{ "Step x: y", NOTATION_BAD, NULL, NULL },
	{ "Step 1", NOTATION_BAD, NULL, NULL },
	{ "Step : y", NOTATION_BAD, NULL, NULL },
	{ "9lives: x", NOTATION_BAD, NULL, NULL },
	{ "_a: x", NOTATION_BAD, NULL, NULL },
	{ "-a: x", NOTATION_BAD, NULL, NULL },
	{ "1.a: x", NOTATION_BAD, NULL, NULL },
	{ "[]", NOTATION_BAD, NULL, NULL },
	{ "- ", NOTATION_BAD, NULL, NULL },
	{ "->", NOTATION_BAD, NULL, NULL },
	{ "-> a", NOTATION_BAD, NULL, NULL },
	{ "-> a b", NOTATION_BAD, NULL, NULL },
	{ "-> a (", NOTATION_BAD, NULL, NULL },
	{ "-> a )", NOTATION_BAD, NULL, NULL },
	{ "-> a (b) c", NOTATION_BAD, NULL, NULL },
	{ "-> (b)", NOTATION_BAD, NULL, NULL },
	{ "1. researcher (authentication) \u2192 Found patterns", NOTATION_BAD, NULL, NULL },
	{ "Parallel execution: 3", NOTATION_BAD, NULL, NULL },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

START_TEST(each_form)
{
	const struct example *e = &examples[_i];
	size_t len = strlen(e->line);
	/* Exactly as long as the line, so that a sanitizer sees each byte too many. */
	char *copy = malloc(len > 0 ? len : 1);
	struct notation found;

	memcpy(copy, e->line, len);
	found = notation_parse(copy, len);
	ck_assert_msg(found.kind == e->kind, "'%s' is of kind %d", e->line, found.kind);
	if (e->agent != NULL) {
		ck_assert_uint_eq(found.agent_len, strlen(e->agent));
		ck_assert_msg(memcmp(found.agent, e->agent, found.agent_len) == 0, "%s", e->line);
	}
	if (e->text != NULL) {
		ck_assert_msg(found.text_len == strlen(e->text) &&
			memcmp(found.text, e->text, found.text_len) == 0,
		    "'%s' gave '%.*s'", e->line, (int)found.text_len, found.text);
	}
	free(copy);
}
END_TEST

/* Cut anywhere, a line is read without a look behind its end. */
START_TEST(each_prefix)
{
	const char *line = examples[_i].line;

	for (size_t len = 0; len < strlen(line); len++) {
		char *copy = malloc(len > 0 ? len : 1);
		struct notation found;

		memcpy(copy, line, len);
		found = notation_parse(copy, len);
		if (found.kind == NOTATION_TASK) {
			ck_assert(
			    found.agent >= copy && found.agent + found.agent_len <= copy + len);
			ck_assert(found.text >= copy && found.text + found.text_len <= copy + len);
		}
		free(copy);
	}
}
END_TEST

Suite *notation_suite(void)
{
	Suite *suite = suite_create("notation");
	TCase *tcase = tcase_create("lines");

	tcase_add_loop_test(tcase, each_form, 0, (int)COUNT(examples));
	tcase_add_loop_test(tcase, each_prefix, 0, (int)COUNT(examples));
	suite_add_tcase(suite, tcase);
	return suite;
}
