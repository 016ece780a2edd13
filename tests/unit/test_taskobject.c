#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/input/document.h"
#include "supervisor/input/taskobject.h"
#include "tests/unit/agents_fixture.h"

Suite *taskobject_suite(void);

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct agents *agents;
static struct arena arena;
static struct faults faults;
static struct task task;
static struct taskobject_context context;

static void setup(void)
{
	agents = fixture_agents();
	arena = (struct arena){ .kind = ARENA_SMALL };
	faults = (struct faults){ .places_told = true };
	task = (struct task){ .text = "" };
	context = (struct taskobject_context){ .agents = agents, .one_line = true };
}

static void teardown(void)
{
	fault_free(&faults);
	arena_free(&arena);
	agents_free(agents);
}

static bool read_object(const char *text)
{
	return taskobject_read(text, strlen(text), &context, &arena, &task, &faults);
}

static void read_good(const char *text)
{
	bool parsed = read_object(text);

	ck_assert_msg(parsed && faults.count == 0, "%s: %s", text, buf_str(&faults.lines));
}

/* One bad object, and all that is said about it. */
static const struct bad {
	const char *object;
	const char *messages;
} bads[] = {
	{ "{}", "expected a 'prompt' (with an 'agent') or a 'run' (a command)\n" },
	{ "{\"id\":\"a\",\"x-note\":1}",
	    "expected a 'prompt' (with an 'agent') or a 'run' (a command)\n" },
	{ "{\"prompt\":\"x\"}", "'prompt' needs an 'agent' to ask\n" },
	{ "{\"prompt\":\"x\",\"agent\":\"reseacher\"}",
	    "no agent 'reseacher', did you mean 'researcher'?\n" },
	{ "{\"prompt\":\"x\",\"agent\":\"nobody-at-all\"}", "no agent 'nobody-at-all'\n" },
	{ "{\"prompt\":\"x\",\"agent\":\"planner\",\"run\":\"y\"}",
	    "'prompt' and 'run' exclude each other: an agent is asked, or a command is run\n" },
	{ "{\"agent\":\"planner\",\"run\":\"y\"}",
	    "'agent' goes with 'prompt': 'run' is a command of its own\n" },
	{ "{\"refine\":\"again\",\"run\":\"y\"}",
	    "'refine' goes with 'prompt': a command is run again as it is\n" },
	{ "{\"agent\":\"planner\",\"prompt\":\"x\",\"stdin\":\"y\"}",
	    "'stdin' goes with 'run': an agent is given its prompt there\n" },
	{ "{\"agent\":\"planner\",\"prompt\":\"\"}",
	    "'prompt': expected a text that is not empty, got ''\n" },
	{ "{\"agent\":\"planner\",\"prompt\":[\"x\"]}",
	    "'prompt': expected a text that is not empty, got an array\n" },
	{ "{\"agent\":7,\"prompt\":\"x\"}", "'agent': expected the name of an agent, got 7\n" },
	{ "{\"agent\":\"\",\"prompt\":\"x\"}", "'agent': expected the name of an agent, got ''\n" },
	{ "{\"run\":\"\"}",
	    "'run': expected a command for sh -c, or an array of words, the first not empty, got "
	    "''\n" },
	{ "{\"run\":[]}",
	    "'run': expected a command for sh -c, or an array of words, "
	    "the first not empty, got an empty array\n" },
	{ "{\"run\":[\"\",\"a\"]}",
	    "'run': expected a command for sh -c, or an array of words, "
	    "the first not empty, got an array\n" },
	{ "{\"run\":[\"a\",1]}", "'run': expected words that are strings, got 1\n" },
	{ "{\"run\":true}",
	    "'run': expected a command for sh -c, or an array of words, "
	    "the first not empty, got true\n" },
	{ "{\"run\":\"y\",\"id\":\".a\"}",
	    "'id': expected 1 to 64 letters, digits, '.', '_' or '-', "
	    "the first neither '.' nor '-', got '.a'\n" },
	{ "{\"run\":\"y\",\"id\":7}",
	    "'id': expected 1 to 64 letters, digits, '.', '_' or '-', "
	    "the first neither '.' nor '-', got 7\n" },
	{ "{\"run\":\"y\",\"id\":\"a/b\"}",
	    "'id': expected 1 to 64 letters, digits, '.', '_' or '-', "
	    "the first neither '.' nor '-', got 'a/b'\n" },
	{ "{\"run\":\"y\",\"needs\":\"a\"}", "'needs': expected an array of ids, got 'a'\n" },
	{ "{\"run\":\"y\",\"needs\":[\"a\",3]}", "'needs': expected ids, got 3\n" },
	{ "{\"run\":\"y\",\"needs\":[\"\"]}", "'needs': expected ids, got ''\n" },
	{ "{\"run\":\"y\",\"reads\":\"src\"}",
	    "'reads': expected an array of paths such as src/**/*.c, got 'src'\n" },
	{ "{\"run\":\"y\",\"writes\":[\"\"]}",
	    "'writes': expected paths such as src/**/*.c, got ''\n" },
	{ "{\"run\":\"y\",\"writes\":[null]}",
	    "'writes': expected paths such as src/**/*.c, got null\n" },
	{ "{\"run\":\"y\",\"writes\":[\"a/[b\"]}", "'writes': the '[' in 'a/[b' has no ']'\n" },
	{ "{\"run\":\"y\",\"reads\":[\"[]\"]}", "'reads': the '[' in '[]' has no ']'\n" },
	{ "{\"run\":\"y\",\"reads\":[\"[a][!]\"]}", "'reads': the '[' in '[a][!]' has no ']'\n" },
	{ "{\"run\":\"y\",\"cwd\":\"\"}", "'cwd': expected a path, got ''\n" },
	{ "{\"run\":\"y\",\"env\":[]}",
	    "'env': expected an object of strings, got an empty array\n" },
	{ "{\"run\":\"y\",\"env\":{\"A\":1}}", "'env': expected a string for 'A', got 1\n" },
	{ "{\"run\":\"y\",\"env\":{\"1A\":\"\"}}",
	    "'env': '1A' is no name of a variable: letters, "
	    "digits and '_', the first no digit\n" },
	{ "{\"run\":\"y\",\"env\":{\"\":\"\"}}",
	    "'env': '' is no name of a variable: letters, "
	    "digits and '_', the first no digit\n" },
	{ "{\"run\":\"y\",\"env\":{\"A=B\":\"\"}}",
	    "'env': 'A=B' is no name of a variable: letters, "
	    "digits and '_', the first no digit\n" },
	{ "{\"run\":\"y\",\"env\":{\"POLLARD_RUN\":\"\"}}",
	    "'env': 'POLLARD_RUN' is set by pollard "
	    "itself: take a name that does not begin with POLLARD_\n" },
	{ "{\"run\":\"y\",\"stdin\":1}", "'stdin': expected a string, got 1\n" },
	{ "{\"run\":\"y\",\"timeout\":\"5 parsecs\"}",
	    "'timeout': expected a duration such as 90, 10m or 2h, at most ten years, got '5 parsecs'\n" },
	{ "{\"run\":\"y\",\"timeout\":-1}",
	    "'timeout': expected a duration such as 90, 10m or 2h, at most ten years, got -1\n" },
	{ "{\"run\":\"y\",\"timeout\":1e300}",
	    "'timeout': expected a duration such as 90, 10m or 2h, at most ten years, got 1e+300\n" },
	{ "{\"run\":\"y\",\"idle_timeout\":null}",
	    "'idle_timeout': expected a duration such as 90, 10m or 2h, at most ten years, got null\n" },
	{ "{\"run\":\"y\",\"retries\":101}",
	    "'retries': expected an integer from 0 to 100, got 101\n" },
	{ "{\"run\":\"y\",\"retries\":-1}",
	    "'retries': expected an integer from 0 to 100, got -1\n" },
	{ "{\"run\":\"y\",\"retries\":1.5}",
	    "'retries': expected an integer from 0 to 100, got 1.5\n" },
	{ "{\"run\":\"y\",\"retries\":\"3\"}",
	    "'retries': expected an integer from 0 to 100, got '3'\n" },
	{ "{\"run\":\"y\",\"tokens\":1.5}",
	    "'tokens': expected a number of tokens such as 40000 or \"40k\", got 1.5\n" },
	{ "{\"run\":\"y\",\"tokens\":\"40 k\"}",
	    "'tokens': expected a number of tokens such as 40000 or \"40k\", got '40 k'\n" },
	{ "{\"run\":\"y\",\"tokens\":-5}",
	    "'tokens': expected a number of tokens such as 40000 or \"40k\", got -5\n" },
	{ "{\"run\":\"y\",\"priority\":\"high\"}", "'priority': expected a number, got 'high'\n" },
	{ "{\"agent\":\"planner\",\"prompt\":\"x\",\"refine\":\"\"}",
	    "'refine': expected a template that is not empty, got ''\n" },
	{ "{\"run\":\"y\",\"output\":\"yaml\"}",
	    "'output': expected 'text' or 'json', got 'yaml'\n" },
	{ "{\"run\":\"y\",\"promt\":\"x\"}", "unknown key 'promt', did you mean 'prompt'?\n" },
	{ "{\"run\":\"y\",\"colour\":1}",
	    "unknown key 'colour'; keys of your own begin with 'x-'\n" },
	{ "{\"run\":\"y\",\"co\\u001b[1m\\nur\":1}",
	    "unknown key 'co\\x1b[1m\\nur'; keys of your own begin with 'x-'\n" },
	/* all that is wrong is said at once */
	{ "{\"retries\":101,\"tmeout\":1}",
	    "'retries': expected an integer from 0 to 100, got 101\n"
	    "unknown key 'tmeout', did you mean 'timeout'?\n"
	    "expected a 'prompt' (with an 'agent') or a 'run' (a command)\n" },
};

START_TEST(bad_objects)
{
	ck_assert(read_object(bads[_i].object));
	ck_assert_str_eq(buf_str(&faults.lines), bads[_i].messages);
	ck_assert_uint_gt(faults.count, 0);
}
END_TEST

START_TEST(not_json)
{
	const char *hint = "; a task object is written on one line\n";

	ck_assert(!read_object("{\"run\":\"y\" \"id\":\"a\"}"));
	ck_assert_uint_eq(faults.count, 1);
	ck_assert_uint_eq(faults.column, 12);
	ck_assert_ptr_null(strstr(buf_str(&faults.lines), hint));

	fault_reset(&faults);
	ck_assert(!read_object("{"));
	ck_assert_ptr_nonnull(strstr(buf_str(&faults.lines), hint));

	fault_reset(&faults);
	context.one_line = false;
	ck_assert(!read_object("{"));
	ck_assert_uint_eq(faults.count, 1);
	ck_assert_ptr_null(strstr(buf_str(&faults.lines), hint));
}
END_TEST

/* What JSON lets pass and a task must not. */
START_TEST(strictness)
{
	static const char *const objects[] = {
		"{\"run\":\"a\",\"run\":\"b\"}",
		"{\"run\":\"a\\u0000b\"}",
		"{\"run\":\"\xff\"}",
		"{\"run\":\"a\"} x",
		"{\"run\":\"a\",\"priority\":1e999}",
		"{\"run\":\"a\",}",
	};

	for (size_t i = 0; i < COUNT(objects); i++) {
		fault_reset(&faults);
		ck_assert_msg(!read_object(objects[i]), "%s", objects[i]);
		ck_assert_uint_eq(faults.count, 1);
	}
}
END_TEST

START_TEST(prompt)
{
	read_good("{\"agent\":\"planner\",\"prompt\":\"Plan \\u2192 it\",\"x-any\":[{}]}");
	ck_assert_int_eq(task.kind, TASK_AGENT);
	ck_assert_str_eq(task.agent->name, "planner");
	ck_assert_str_eq(task.text, "Plan \u2192 it");
	ck_assert_uint_eq(task.text_len, strlen("Plan \u2192 it"));
	ck_assert_ptr_null(task.id);
	ck_assert_ptr_null(task.more);
}
END_TEST

START_TEST(prompt_for_the_option)
{
	context.agent = "planner";
	read_good("{\"prompt\":\"x\"}");
	ck_assert_str_eq(task.agent->name, "planner");
	read_good("{\"prompt\":\"x\",\"agent\":\"researcher\"}");
	ck_assert_str_eq(task.agent->name, "researcher");
}
END_TEST

START_TEST(commands)
{
	read_good("{\"run\":\"echo $A\",\"output\":\"text\"}");
	ck_assert_int_eq(task.kind, TASK_SHELL);
	ck_assert_str_eq(task.text, "echo $A");
	ck_assert_ptr_null(task.more);
	ck_assert_ptr_null(task.agent);

	read_good("{\"run\":[\"grep\",\"\",\"a b\"]}");
	ck_assert_int_eq(task.kind, TASK_ARGV);
	ck_assert_str_eq(task.text, "");
	ck_assert_str_eq(task.more->argv[0], "grep");
	ck_assert_str_eq(task.more->argv[1], "");
	ck_assert_str_eq(task.more->argv[2], "a b");
	ck_assert_ptr_null(task.more->argv[3]);
	ck_assert_int_eq(task.more->timeout_ms, UNSET);
	ck_assert_int_eq(task.more->idle_timeout_ms, UNSET);
	ck_assert_int_eq(task.more->retries, UNSET);
	ck_assert_ptr_null(task.more->input);
}
END_TEST

START_TEST(every_key)
{
	const struct task_more *more;

	read_good(
	    " {\"id\":\"a.B_1-\",\"run\":\"y\",\"needs\":[\"b\",\"3\"],\"reads\":[\"src/**\"],"
	    "\"writes\":[\"a/[!]x]\",\"b?\"],\"cwd\":\"sub\",\"env\":{\"A\":\"1\",\"_b\":\"\"},"
	    "\"stdin\":\"\",\"timeout\":\"10m\",\"idle_timeout\":1.5,\"retries\":100,"
	    "\"tokens\":\"40k\",\"priority\":-0.5,\"output\":\"json\"}\t");
	more = task.more;
	ck_assert_str_eq(task.id, "a.B_1-");
	ck_assert_uint_eq(more->nneeds, 2);
	ck_assert_str_eq(more->needs[0], "b");
	ck_assert_str_eq(more->needs[1], "3");
	ck_assert_uint_eq(more->nreads, 1);
	ck_assert_str_eq(more->reads[0], "src/**");
	ck_assert_uint_eq(more->nwrites, 2);
	ck_assert_str_eq(more->writes[0], "a/[!]x]");
	ck_assert_str_eq(more->writes[1], "b?");
	ck_assert_str_eq(more->cwd, "sub");
	ck_assert_uint_eq(more->nenv, 2);
	ck_assert_str_eq(more->env[0].name, "A");
	ck_assert_str_eq(more->env[0].value, "1");
	ck_assert_str_eq(more->env[1].name, "_b");
	ck_assert_str_eq(more->env[1].value, "");
	ck_assert_ptr_nonnull(more->input);
	ck_assert_uint_eq(more->input_len, 0);
	ck_assert_int_eq(more->timeout_ms, 600000);
	ck_assert_int_eq(more->idle_timeout_ms, 1500);
	ck_assert_int_eq(more->retries, 100);
	ck_assert_uint_eq(more->tokens, 40000);
	ck_assert(more->priority == -0.5);
	ck_assert(more->want_json);

	read_good(
	    "{\"agent\":\"planner\",\"prompt\":\"x\",\"refine\":\"Try ${{ attempt.number }}\","
	    "\"timeout\":0,\"tokens\":12}");
	ck_assert_str_eq(task.more->refine, "Try ${{ attempt.number }}");
	ck_assert_int_eq(task.more->timeout_ms, 0);
	ck_assert_uint_eq(task.more->tokens, 12);
	ck_assert(!task.more->want_json);
}
END_TEST

/* {"run": ...} or {"run": [...]} or an environment, with a string of n bytes in it. */
static size_t faults_of_long(const char *format, size_t n)
{
	struct buf text = BUF_INIT;
	char *filling = malloc(n + 1);

	memset(filling, 'a', n);
	filling[n] = '\0';
	buf_add(&text, format, (size_t)(strchr(format, '@') - format));
	buf_addstr(&text, filling);
	buf_addstr(&text, strchr(format, '@') + 1);
	fault_reset(&faults);
	ck_assert(read_object(text.data));
	free(filling);
	buf_free(&text);
	return faults.count;
}

START_TEST(arguments_have_a_limit)
{
	ck_assert_uint_eq(faults_of_long("{\"run\":\"@\"}", ARGUMENT_MAX - 1), 0);
	ck_assert_uint_eq(faults_of_long("{\"run\":\"@\"}", ARGUMENT_MAX), 1);
	ck_assert_str_eq(buf_str(&faults.lines),
	    "'run': the command is 131072 bytes long, and an "
	    "argument can have 131071: put it into a file\n");
	ck_assert_uint_eq(faults_of_long("{\"run\":[\"a\",\"@\"]}", ARGUMENT_MAX - 1), 0);
	ck_assert_uint_eq(faults_of_long("{\"run\":[\"a\",\"@\"]}", ARGUMENT_MAX), 1);
	ck_assert_str_eq(buf_str(&faults.lines),
	    "'run': word 2 is 131072 bytes long, and an argument "
	    "of a command can have 131071: give it in 'stdin' or in a file\n");
	ck_assert_uint_eq(faults_of_long("{\"run\":\"a\",\"env\":{\"A\":\"@\"}}", ARGUMENT_MAX - 3),
	    0);
	ck_assert_uint_eq(faults_of_long("{\"run\":\"a\",\"env\":{\"A\":\"@\"}}", ARGUMENT_MAX - 2),
	    1);
	ck_assert_uint_eq(faults_of_long("{\"run\":\"a\",\"stdin\":\"@\"}", ARGUMENT_MAX), 0);
	ck_assert_uint_eq(faults_of_long("{\"agent\":\"planner\",\"prompt\":\"@\"}", ARGUMENT_MAX),
	    0);
}
END_TEST

/* The same of a tree: YAML, or where it begins with '{' JSON. */
static bool read_tree(const char *text)
{
	enum document_form form = text[0] == '{' ? DOCUMENT_JSON : DOCUMENT_YAML;
	struct document document;
	struct diag diag = { 0 };
	bool is_object;

	ck_assert_int_eq(document_read(&document, "f", text, strlen(text), form, &diag), 0);
	context.document = &document;
	is_object = taskobject_read_tree(document.root, &context, &arena, &task, &faults);
	document_free(&document);
	return is_object;
}

static void tree_is_good(const char *text)
{
	bool is_object = read_tree(text);

	ck_assert_msg(is_object && faults.count == 0, "%s: %s", text, buf_str(&faults.lines));
}

START_TEST(plain_scalars_are_text)
{
	const struct task_more *more;

	tree_is_good(
	    "id: 012\nrun: [0x10, true, 1.50, ~, no]\nneeds: [1, 2e3]\ncwd: 7\nstdin: 1.0\n"
	    "reads: [1]\nwrites: [null, 2024-01-01]\nenv: {A: 1_0, B: 010, C: , D: False}\n"
	    "timeout: 90\nidle_timeout: 1.5\nretries: 2\ntokens: 40000\npriority: 1e2\n"
	    "output: text\n");
	more = task.more;
	ck_assert_str_eq(task.id, "012");
	ck_assert_str_eq(more->argv[0], "0x10");
	ck_assert_str_eq(more->argv[1], "true");
	ck_assert_str_eq(more->argv[2], "1.50");
	ck_assert_str_eq(more->argv[3], "~");
	ck_assert_str_eq(more->argv[4], "no");
	ck_assert_ptr_null(more->argv[5]);
	ck_assert_str_eq(more->needs[0], "1");
	ck_assert_str_eq(more->needs[1], "2e3");
	ck_assert_uint_eq(more->nneeds, 2);
	ck_assert_uint_eq(more->nwritten, 2);
	ck_assert_str_eq(more->cwd, "7");
	ck_assert_str_eq(more->input, "1.0");
	ck_assert_str_eq(more->reads[0], "1");
	ck_assert_str_eq(more->writes[0], "null");
	ck_assert_str_eq(more->writes[1], "2024-01-01");
	ck_assert_str_eq(more->env[0].value, "1_0");
	ck_assert_str_eq(more->env[1].value, "010");
	ck_assert_str_eq(more->env[2].value, "");
	ck_assert_str_eq(more->env[3].value, "False");
	ck_assert_int_eq(more->timeout_ms, 90000);
	ck_assert_int_eq(more->idle_timeout_ms, 1500);
	ck_assert_int_eq(more->retries, 2);
	ck_assert_uint_eq(more->tokens, 40000);
	ck_assert(more->priority == 100);

	tree_is_good("agent: planner\nprompt: 42\nrefine: 1.0\n");
	ck_assert_str_eq(task.text, "42");
	ck_assert_str_eq(task.more->refine, "1.0");
	tree_is_good("run: true");
	ck_assert_int_eq(task.kind, TASK_SHELL);
	ck_assert_str_eq(task.text, "true");
}
END_TEST

/* One bad tree; the messages with their places. */
static const struct bad_tree {
	const char *text;
	const char *lines;
} bad_trees[] = {
	{ "run: y\nid:  .a\n",
	    "f:2:6: 'id': expected 1 to 64 letters, digits, '.', '_' or '-', the first neither '.' "
	    "nor '-', got '.a'\n" },
	{ "run: y\nid: -5\n",
	    "f:2:5: 'id': expected 1 to 64 letters, digits, '.', '_' or '-', the first neither '.' "
	    "nor '-', got -5\n" },
	{ "prompt:\nagent: planner\n",
	    "f:1:8: 'prompt': expected a text that is not empty, got nothing\n" },
	{ "run: y\ncolour: 1\n",
	    "f:2:1: unknown key 'colour'; keys of your own begin with 'x-'\n" },
	{ "run: y\nneeds:\n  - a\n  - [b]\n", "f:4:5: 'needs': expected ids, got an array\n" },
	{ "run: y\nwrites: [a, '[']\n", "f:2:13: 'writes': the '[' in '[' has no ']'\n" },
	{ "run: [a, {}]\n", "f:1:10: 'run': expected words that are strings, got an object\n" },
	{ "run: y\nenv:\n  A: [1]\n  B-: x\n",
	    "f:3:6: 'env': expected a string for 'A', got an array\n"
	    "f:4:3: 'env': 'B-' is no name of a variable: letters, digits and '_', the first no "
	    "digit\n" },
	{ "run: y\nretries: three\ntimeout: true\n",
	    "f:2:10: 'retries': expected an integer from 0 to 100, got 'three'\n"
	    "f:3:10: 'timeout': expected a duration such as 90, 10m or 2h, at most ten years, got "
	    "true\n" },
	{ "  id: a\n", "f:1:3: expected a 'prompt' (with an 'agent') or a 'run' (a command)\n" },
	{ "prompt: x\nagent:  plannr\n", "f:2:9: no agent 'plannr', did you mean 'planner'?\n" },
	{ "id: a\nprompt: x\n", "f:2:1: 'prompt' needs an 'agent' to ask\n" },
	{ "run: a\nprompt: x\n",
	    "f:1:1: 'prompt' and 'run' exclude each other: an agent is asked, or a command is run\n" },
	{ "{\"run\":\"y\",\n\"id\": 7}",
	    "f:2:7: 'id': expected 1 to 64 letters, digits, '.', '_' or '-', the first neither '.' "
	    "nor '-', got 7\n" },
};

static void check_reported(const char *lines)
{
	struct buf said = BUF_INIT;
	struct diag diag = { 0 };

	fault_report(&faults, "f", 99, &diag);
	for (size_t i = 0; i < diag.count; i++)
		buf_addf(&said, "%s\n", diag.lines[i]);
	ck_assert_str_eq(buf_str(&said), lines);
	buf_free(&said);
	diag_free(&diag);
}

START_TEST(faults_have_places)
{
	ck_assert(read_tree(bad_trees[_i].text));
	check_reported(bad_trees[_i].lines);
}
END_TEST

START_TEST(faults_without_places)
{
	ck_assert(read_object("{\"run\":\"y\",\"id\":7,\"colour\":1}"));
	check_reported("f:99: 'id': expected 1 to 64 letters, digits, '.', '_' or '-', the first "
		       "neither '.' nor '-', got 7\n"
		       "f:99: unknown key 'colour'; keys of your own begin with 'x-'\n");
	fault_reset(&faults);
	ck_assert(!read_object("{\"run\" 1}"));
	check_reported("f:99:8: expected ':' after a key\n");
}
END_TEST

START_TEST(not_an_object)
{
	ck_assert(!read_tree("[a]"));
	check_reported(
	    "f:1:1: expected a task, with keys such as 'prompt' or 'run', got an array\n");
	fault_reset(&faults);
	ck_assert(!read_tree("run it"));
	check_reported(
	    "f:1:1: expected a task, with keys such as 'prompt' or 'run', got 'run it'\n");
}
END_TEST

START_TEST(defaults)
{
	context.partial = true;
	tree_is_good("agent: planner\ntimeout: 20m\nenv: {A: b}\nrefine: again\nreads: [src]\n"
		     "x-any: 1\n");
	ck_assert_str_eq(task.agent->name, "planner");
	ck_assert_int_eq(task.more->timeout_ms, 1200000);
	tree_is_good("retries: 0");

	ck_assert(read_tree("id: a\nneeds: [b]\nprompt: x\nrun: y\nstdin: z\nagent: plannr\n"
			    "retries: -1\nretrys: 1\n"));
	check_reported("f:1:1: 'id' cannot be a default: each task has its own\n"
		       "f:2:1: 'needs' cannot be a default: each task has its own\n"
		       "f:3:1: 'prompt' cannot be a default: each task has its own\n"
		       "f:4:1: 'run' cannot be a default: each task has its own\n"
		       "f:5:1: 'stdin' cannot be a default: each task has its own\n"
		       "f:7:10: 'retries': expected an integer from 0 to 100, got -1\n"
		       "f:8:1: unknown key 'retrys', did you mean 'retries'?\n"
		       "f:6:8: no agent 'plannr', did you mean 'planner'?\n");
}
END_TEST

/* Names in a refinement are somebody else's to check. */
START_TEST(refinement_as_written)
{
	read_good("{\"agent\":\"planner\",\"prompt\":\"x\",\"refine\":\"${{ no.such }}\"}");
	ck_assert_str_eq(task.more->refine, "${{ no.such }}");
	ck_assert(task.templated);
}
END_TEST

Suite *taskobject_suite(void)
{
	Suite *suite = suite_create("taskobject");
	TCase *tcase = tcase_create("objects");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, bad_objects, 0, (int)COUNT(bads));
	tcase_add_test(tcase, not_json);
	tcase_add_test(tcase, strictness);
	tcase_add_test(tcase, prompt);
	tcase_add_test(tcase, prompt_for_the_option);
	tcase_add_test(tcase, commands);
	tcase_add_test(tcase, every_key);
	tcase_add_test(tcase, arguments_have_a_limit);
	tcase_add_test(tcase, plain_scalars_are_text);
	tcase_add_loop_test(tcase, faults_have_places, 0, (int)COUNT(bad_trees));
	tcase_add_test(tcase, faults_without_places);
	tcase_add_test(tcase, not_an_object);
	tcase_add_test(tcase, defaults);
	tcase_add_test(tcase, refinement_as_written);
	suite_add_tcase(suite, tcase);
	return suite;
}
