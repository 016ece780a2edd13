#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/io.h"
#include "supervisor/input/fault.h"
#include "supervisor/input/input.h"
#include "supervisor/input/template.h"
#include "tests/unit/agents_fixture.h"

Suite *input_suite(void);

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define FORM \
	"expected AGENT: PROMPT, a task object or a note; for a shell command use --shell, " \
	"for arguments of one command use -- COMMAND"
#define PLACES \
	"; agents are looked for in .pollard/agents, .claude/agents, .opencode/agent and " \
	".gemini/agents, here and in your home directory, then among those that ship " \
	"('pollard agents' lists them)"

static struct agents *agents;
static struct config config;
static struct plan plan;
static struct diag diag;

static void setup(void)
{
	agents = fixture_agents();
	config = (struct config){ .input = INPUT_AUTO };
	plan = (struct plan){ .arena = { .kind = ARENA_SHARED } };
	diag = (struct diag){ 0 };
}

static void forget(void)
{
	plan_free(&plan);
	diag_free(&diag);
}

static void teardown(void)
{
	forget();
	agents_free(agents);
}

static void read_bytes(const void *data, size_t len)
{
	int fd = memfd_create("list", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write_all(fd, data, len), 0);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	forget();
	ck_assert_int_eq(input_read(fd, "list", &config, agents, &plan, &diag), 0);
	close(fd);
}

static void read_text(const char *text)
{
	read_bytes(text, strlen(text));
}

static void expect_good(size_t ntasks)
{
	ck_assert_msg(diag.count == 0, "%s", diag.count > 0 ? diag.lines[0] : "");
	ck_assert_uint_eq(plan.ntasks, ntasks);
}

static void expect_task(size_t i, const char *id, const char *agent, const char *text)
{
	const struct task *task = &plan.tasks[i];

	ck_assert_str_eq(task->id, id);
	if (agent != NULL)
		ck_assert_str_eq(task->agent->name, agent);
	else
		ck_assert_ptr_null(task->agent);
	ck_assert_str_eq(task->text, text);
	ck_assert_uint_eq(task->text_len, strlen(text));
}

/* The blocks of the seed that are lists, with what they mean. */
static const struct block {
	const char *text;
	const char *title;
	const char *goal;
	const char *agent;
	const char *prompts[3];
} blocks[] = {
	{ "In one message, invoke:\n"
	  "- Task tool \u2192 researcher (investigate authentication)\n"
	  "- Task tool \u2192 researcher (investigate authorization)\n"
	  "- Task tool \u2192 researcher (investigate session management)\n"
	  "\n"
	  "Then wait for all three to complete before proceeding.\n",
	    NULL, NULL, "researcher",
	    { "investigate authentication", "investigate authorization",
		"investigate session management" } },
	{ "Phase: Research\n"
	  "Goal: Understand multiple independent areas\n"
	  "\n"
	  "Parallel invocation:\n"
	  "1. researcher \u2192 \"Investigate frontend routing patterns\"\n"
	  "2. researcher \u2192 \"Investigate backend API structure\"\n"
	  "3. researcher \u2192 \"Investigate database schema\"\n"
	  "\n"
	  "Synchronization: Collect all three results\n"
	  "Next: Synthesize findings before planning\n",
	    "Research", "Understand multiple independent areas", "researcher",
	    { "Investigate frontend routing patterns", "Investigate backend API structure",
		"Investigate database schema" } },
	{ "Phase: Testing\n"
	  "Goal: Test multiple independent modules\n"
	  "\n"
	  "Parallel invocation:\n"
	  "1. test-writer \u2192 \"Create tests for auth module\"\n"
	  "2. test-writer \u2192 \"Create tests for payment module\"\n"
	  "3. test-writer \u2192 \"Create tests for notification module\"\n"
	  "\n"
	  "Synchronization: Wait for all tests to complete\n"
	  "Next: Run full test suite\n",
	    "Testing", "Test multiple independent modules", "test-writer",
	    { "Create tests for auth module", "Create tests for payment module",
		"Create tests for notification module" } },
	{ "Phase: Code Review\n"
	  "Goal: Review multiple changed files\n"
	  "\n"
	  "Parallel invocation:\n"
	  "1. code-reviewer \u2192 \"Review src/auth/*.ts\"\n"
	  "2. code-reviewer \u2192 \"Review src/api/*.ts\"\n"
	  "3. code-reviewer \u2192 \"Review src/db/*.ts\"\n"
	  "\n"
	  "Synchronization: Merge all review findings\n"
	  "Next: Consolidate and prioritize issues\n",
	    "Code Review", "Review multiple changed files", "code-reviewer",
	    { "Review src/auth/*.ts", "Review src/api/*.ts", "Review src/db/*.ts" } },
	{ "Phase: Implementation\n"
	  "Goal: Build independent features simultaneously\n"
	  "\n"
	  "Parallel invocation:\n"
	  "1. code-writer \u2192 \"Implement user authentication module\"\n"
	  "2. code-writer \u2192 \"Implement logging module\"\n"
	  "3. code-writer \u2192 \"Implement caching module\"\n"
	  "\n"
	  "Synchronization: Collect all implementations\n"
	  "Next: Integration step (sequential)\n",
	    "Implementation", "Build independent features simultaneously", "code-writer",
	    { "Implement user authentication module", "Implement logging module",
		"Implement caching module" } },
	{ "Phase: Documentation\n"
	  "Goal: Document multiple independent areas\n"
	  "\n"
	  "Parallel invocation:\n"
	  "1. documentation-writer \u2192 \"Document API endpoints\"\n"
	  "2. documentation-writer \u2192 \"Document deployment process\"\n"
	  "3. documentation-writer \u2192 \"Document testing strategy\"\n"
	  "\n"
	  "Synchronization: Collect all documentation\n"
	  "Next: Review for consistency\n",
	    "Documentation", "Document multiple independent areas", "documentation-writer",
	    { "Document API endpoints", "Document deployment process",
		"Document testing strategy" } },
};

static void expect_block(const struct block *b)
{
	const struct step *step;

	expect_good(3);
	ck_assert_uint_eq(plan.nsteps, 1);
	step = plan.steps;
	ck_assert_str_eq(step->id, "1");
	ck_assert_uint_eq(step->first, 0);
	ck_assert_uint_eq(step->count, 3);
	ck_assert_pstr_eq(step->title, b->title);
	ck_assert_pstr_eq(step->goal, b->goal);
	ck_assert_ptr_null(plan.goal);
	expect_task(0, "1", b->agent, b->prompts[0]);
	expect_task(1, "2", b->agent, b->prompts[1]);
	expect_task(2, "3", b->agent, b->prompts[2]);
}

/* The text with `from` replaced by `to` everywhere. */
static void replace(struct buf *out, const char *text, const char *from, const char *to)
{
	while (*text != '\0') {
		if (strncmp(text, from, strlen(from)) == 0) {
			buf_addstr(out, to);
			text += strlen(from);
		} else {
			buf_addch(out, *text++);
		}
	}
}

static void read_replaced(const char *text, const char *from, const char *to, const char *before,
    const char *behind)
{
	struct buf changed = BUF_INIT;

	buf_addstr(&changed, before);
	replace(&changed, text, from, to);
	buf_addstr(&changed, behind);
	read_bytes(changed.data, changed.len);
	buf_free(&changed);
}

START_TEST(seed_block)
{
	const struct block *b = &blocks[_i];

	read_text(b->text);
	expect_block(b);
	read_replaced(b->text, "\n", "\n", "```\n", "```\n");
	expect_block(b);
	read_replaced(b->text, "\n", "\n", "\xef\xbb\xbf```markdown\n", "```");
	expect_block(b);
	read_replaced(b->text, "\n", "\r\n", "\xef\xbb\xbf", "");
	expect_block(b);
	read_replaced(b->text, "\n", " \t\n    ", "    ", "");
	expect_block(b);
	read_replaced(b->text, " \"", " \u201c", "", "");
	expect_block(b);
	read_replaced(b->text, "\u2192", "->", "", "");
	expect_block(b);
	read_replaced(b->text, "Next:", "Synchronization Point 1: x\nUse case: y\nNext:", "", "");
	expect_block(b);
}
END_TEST

/* Each record, alone, is the same task again. */
START_TEST(seed_records)
{
	for (size_t i = 0; i < 3; i++) {
		char *record;

		read_text(blocks[_i].text);
		record = strdup(plan.tasks[i].record);
		ck_assert_uint_eq(plan.tasks[i].record_len, strlen(record));
		read_text(record);
		expect_good(1);
		expect_task(0, "1", blocks[_i].agent, blocks[_i].prompts[i]);
		free(record);
	}
}
END_TEST

static const char five_steps[] =
    "Step 1: Parallel Research (3 areas simultaneously)\n"
    "  \u2192 researcher (authentication)\n"
    "  \u2192 researcher (authorization)\n"
    "  \u2192 researcher (session management)\n"
    "\n"
    "Synchronization Point 1: Collect all research\n"
    "\n"
    "Step 2: Sequential Planning (needs combined research)\n"
    "  \u2192 planner (design security architecture using all research)\n"
    "\n"
    "Step 3: Parallel Implementation (independent modules)\n"
    "  \u2192 code-writer (implement auth module)\n"
    "  \u2192 code-writer (implement authz module)\n"
    "  \u2192 code-writer (implement session module)\n"
    "\n"
    "Synchronization Point 2: Collect all implementations\n"
    "\n"
    "Step 4: Sequential Integration (needs all modules)\n"
    "  \u2192 code-writer (integrate all modules)\n"
    "\n"
    "Step 5: Sequential Review (holistic check)\n"
    "  \u2192 code-reviewer (review entire security system)\n";

START_TEST(several_steps)
{
	static const struct {
		const char *id, *title;
		size_t first, count;
	} steps[] = {
		{ "1", "Parallel Research (3 areas simultaneously)", 0, 3 },
		{ "2", "Sequential Planning (needs combined research)", 3, 1 },
		{ "3", "Parallel Implementation (independent modules)", 4, 3 },
		{ "4", "Sequential Integration (needs all modules)", 7, 1 },
		{ "5", "Sequential Review (holistic check)", 8, 1 },
	};

	read_text(five_steps);
	ck_assert_uint_eq(plan.nsteps, COUNT(steps));
	for (size_t i = 0; i < COUNT(steps); i++) {
		ck_assert_str_eq(plan.steps[i].id, steps[i].id);
		ck_assert_str_eq(plan.steps[i].title, steps[i].title);
		ck_assert_uint_eq(plan.steps[i].first, steps[i].first);
		ck_assert_uint_eq(plan.steps[i].count, steps[i].count);
	}
	expect_task(3, "4", "planner", "design security architecture using all research");
	ck_assert_uint_eq(diag.count, 0);
	/* each later prompt gets what the step before has yielded, behind itself */
	ck_assert_ptr_null(plan.tasks[0].more);
	for (size_t i = 3; i < 9; i++) {
		const struct template *t = plan.tasks[i].more->prompt;
		const struct template_part *last = &t->parts[t->count - 1];

		ck_assert_uint_eq(t->count, 3);
		ck_assert_str_eq(t->parts[0].text, plan.tasks[i].text);
		ck_assert_ptr_null(last->text);
		ck_assert_int_eq(last->name->kind, NAME_STEP_MERGED);
		ck_assert_uint_eq(last->name->step, i < 4 ? 0 : i < 7 ? 1 : i < 8 ? 2 : 3);
	}
}
END_TEST

START_TEST(goals)
{
	read_text("Goal: Ship it\nPhase: One\nGoal: Begin\nplanner: x\n");
	expect_good(1);
	ck_assert_str_eq(plan.goal, "Ship it");
	ck_assert_str_eq(plan.steps[0].title, "One");
	ck_assert_str_eq(plan.steps[0].goal, "Begin");

	read_text("Goal: Begin\nplanner: x\n");
	expect_good(1);
	ck_assert_ptr_null(plan.goal);
	ck_assert_str_eq(plan.steps[0].goal, "Begin");
}
END_TEST

START_TEST(nothing)
{
	static const char *const texts[] = {
		"",
		"\n",
		"\xef\xbb\xbf",
		"# nothing\n\n",
		"```\n```\n",
		"Next: x\n",
		"\r\n \t\r\n",
	};

	for (size_t i = 0; i < COUNT(texts); i++) {
		read_text(texts[i]);
		expect_good(0);
		ck_assert_uint_eq(plan.nsteps, 1);
		ck_assert_str_eq(plan.steps[0].id, "1");
		ck_assert_uint_eq(plan.steps[0].count, 0);
	}
}
END_TEST

START_TEST(mixed_list)
{
	read_text("# a list\n"
		  "planner: first \n"
		  "\n"
		  " {\"id\":\"db\",\"run\":\"make db\",\"tokens\":5}\r\n"
		  "{\"prompt\":\"p\",\"agent\":\"planner\",\"needs\":[\"db\",\"1\",\"4\"]}\n"
		  "2. researcher -> last");
	expect_good(4);
	ck_assert(plan.has_needs);
	expect_task(0, "1", "planner", "first");
	expect_task(1, "db", NULL, "make db");
	expect_task(2, "3", "planner", "p");
	expect_task(3, "4", "researcher", "last");
	ck_assert_uint_eq(plan.tasks[1].number, 2);
	ck_assert_uint_eq(plan.tasks[1].line, 4);
	ck_assert_str_eq(plan.tasks[0].record, "planner: first ");
	ck_assert_str_eq(plan.tasks[1].record, " {\"id\":\"db\",\"run\":\"make db\",\"tokens\":5}");
	ck_assert_uint_eq(plan.tasks[3].line, 6);
}
END_TEST

START_TEST(plain_lists_have_no_constraints)
{
	read_text("{\"run\":\"a\"}\n{\"run\":\"b\",\"timeout\":5,\"id\":\"x\"}\n");
	expect_good(2);
	ck_assert(!plan.has_needs);
	read_text("{\"run\":\"a\",\"writes\":[\"x\"]}\n");
	ck_assert(plan.has_needs);
	read_text("{\"run\":\"a\",\"reads\":[\"x\"]}\n");
	ck_assert(plan.has_needs);
	read_text("{\"run\":\"a\",\"priority\":2}\n");
	ck_assert(plan.has_needs);
	read_text("{\"run\":\"a\",\"tokens\":2}\n");
	ck_assert(plan.has_needs);
}
END_TEST

static const char *const echo[] = { "echo", NULL };

START_TEST(arguments)
{
	config.input = INPUT_COMMAND;
	config.command = echo;
	read_text("# no comment\n\n  a b \n{\"run\":\"x\"}\nbad \xff byte\r\n \t\nx: y");
	expect_good(5);
	expect_task(0, "1", NULL, "# no comment");
	expect_task(1, "2", NULL, "  a b ");
	expect_task(2, "3", NULL, "{\"run\":\"x\"}");
	expect_task(3, "4", NULL, "bad \xff byte");
	expect_task(4, "5", NULL, "x: y");
	for (size_t i = 0; i < 5; i++) {
		ck_assert_int_eq(plan.tasks[i].kind, TASK_LINE);
		ck_assert_str_eq(plan.tasks[i].record, plan.tasks[i].text);
		ck_assert_uint_eq(plan.tasks[i].number, i + 1);
	}
	ck_assert_uint_eq(plan.tasks[1].line, 3);
}
END_TEST

START_TEST(nul_records)
{
	static const char names[] = "a\nb\0\0 \0\n\0# c\r\0\xff";

	config.input = INPUT_COMMAND;
	config.command = echo;
	config.nul = true;
	read_bytes(names, sizeof(names) - 1);
	expect_good(5);
	expect_task(0, "1", NULL, "a\nb");
	expect_task(1, "2", NULL, " ");
	expect_task(2, "3", NULL, "\n");
	expect_task(3, "4", NULL, "# c\r");
	expect_task(4, "5", NULL, "\xff");
	read_bytes("\xef\xbb\xbf"
		   "a",
	    5);
	expect_good(1);
	expect_task(0, "1", NULL,
	    "\xef\xbb\xbf"
	    "a");

	config.input = INPUT_AUTO;
	read_bytes("planner: a\nb\n\0{\"run\":\n\"x\"}\0\n\0#\0", 32);
	expect_good(2);
	expect_task(0, "1", "planner", "a\nb");
	expect_task(1, "2", NULL, "x");
	read_bytes("planner: a\0\0what\0", 17);
	ck_assert_uint_eq(diag.count, 1);
	ck_assert_str_eq(diag.lines[0], "list:3: " FORM);
}
END_TEST

START_TEST(shell_lines)
{
	config.input = INPUT_SHELL;
	read_text("echo \xff\n# comment\n  # comment\n\n {\"a\": 1}; x \r\n");
	expect_good(2);
	expect_task(0, "1", NULL, "echo \xff");
	expect_task(1, "2", NULL, " {\"a\": 1}; x ");
	ck_assert_int_eq(plan.tasks[0].kind, TASK_SHELL);
}
END_TEST

START_TEST(prompts)
{
	config.input = INPUT_AGENT;
	config.agent = "planner";
	read_text("planner: literal\n# literal\n\n{\"run\":\"x\"}\n");
	expect_good(3);
	expect_task(0, "1", "planner", "planner: literal");
	expect_task(1, "2", "planner", "# literal");
	expect_task(2, "3", "planner", "{\"run\":\"x\"}");
	ck_assert_int_eq(plan.tasks[0].kind, TASK_AGENT);
	read_text("a\nb\xff\n");
	ck_assert_uint_eq(diag.count, 1);
	ck_assert_str_eq(diag.lines[0], "list:2: not valid UTF-8");
	config.agent = "plannr";
	read_text("a\nb\nc\n");
	ck_assert_uint_eq(diag.count, 1);
	ck_assert_str_eq(diag.lines[0], "list: no agent 'plannr', did you mean 'planner'?" PLACES);
}
END_TEST

/* A line of n bytes: is it too long for an argument of this command? */
static bool too_long(const char *const *command, size_t n)
{
	char *line = malloc(n);

	memset(line, 'a', n);
	config.command = command;
	read_bytes(line, n);
	free(line);
	ck_assert_uint_le(diag.count, 1);
	return diag.count > 0;
}

START_TEST(arguments_have_a_limit)
{
	static const char *const twice[] = { "echo", "x{}{}{#}{#}", "{#}", NULL };
	static const char *const number[] = { "echo", "{#}", NULL };

	config.input = INPUT_COMMAND;
	ck_assert(!too_long(echo, ARGUMENT_MAX - 1));
	ck_assert(too_long(echo, ARGUMENT_MAX));
	ck_assert_str_eq(diag.lines[0],
	    "list:1: the argument is 131072 bytes long, and an argument of "
	    "a command can have 131071: give it on standard input or in a file");
	ck_assert(too_long(number, ARGUMENT_MAX));
	ck_assert(!too_long(twice, ARGUMENT_MAX / 2 - 2));
	ck_assert(too_long(twice, ARGUMENT_MAX / 2 - 1));
	config.command_stdin = true;
	ck_assert(!too_long(echo, ARGUMENT_MAX));
	config.command_stdin = false;
	config.input = INPUT_SHELL;
	ck_assert(!too_long(NULL, ARGUMENT_MAX - 1));
	ck_assert(too_long(NULL, ARGUMENT_MAX));
}
END_TEST

/* Lists with errors, and all that is said about them. */
static const struct bad {
	const char *text;
	const char *lines[6];
} bads[] = {
	{ "planner: a\necho hello\n", { "list:2: " FORM } },
	{ "[{\"run\":\"a\"}]", { "list:1: " FORM } },
	{ "reseacher: x\nplaner -> y\nreseacher: z\n",
	    { "list:1: no agent 'reseacher', did you mean 'researcher'?" PLACES,
		"list:2: no agent 'planer', did you mean 'planner'?",
		"list:3: no agent 'reseacher', did you mean 'researcher'?" } },
	{ "a-name-of-far-more-than-sixty-four-bytes-is-not-that-of-any-agent-there-is: x",
	    { "list:1: no agent has a name of 74 bytes, the most are 64" } },
	{ "planner:\n- planner -> \"\"\n\u2192 planner ( )\n",
	    { "list:1: the prompt is empty", "list:2: the prompt is empty",
		"list:3: the prompt is empty" } },
	{ "planner: \xc3(\n", { "list:1: not valid UTF-8" } },
	{ "Phase: \xc3(\nplanner: x\n", { "list:1: not valid UTF-8" } },
	{ "Phase: A\n", { "list:1: a step without tasks" } },
	{ "planner: a\nStep 2: B\n", { "list:2: a step without tasks" } },
	{ "Phase: A\nPhase: B\nplanner: a\n", { "list:1: a step without tasks" } },
	{ "Goal: a\nGoal: b\nplanner: a\n",
	    { "list:2: a second goal for one step; begin the next "
	      "step with Phase: TITLE before it" } },
	{ "{\"run\":\"a\",\"retries\":-1,\"color\":1}\n",
	    { "list:1: 'retries': expected an integer from 0 to 100, got -1",
		"list:1: unknown key 'color'; keys of your own begin with 'x-'" } },
	{ "{\"id\":\"a\",\"run\":\"x\"}\n\n{\"id\":\"a\",\"run\":\"y\"}\n",
	    { "list:3: duplicate id 'a': it is already that of line 1" } },
	{ "planner: x\n{\"id\":\"1\",\"run\":\"y\"}\n",
	    { "list:2: id '1' is taken: record 1 has none and is known by its number" } },
	{ "{\"id\":\"3\",\"run\":\"x\"}\nplanner: x\nplanner: y\n",
	    { "list:3: this record has no id and is known by its number, 3, which is the id in "
	      "line 1: "
	      "give this one an id" } },
	{ "{\"run\":\"x\",\"needs\":[\"dbb\",\"nothing-like-it\"]}\n{\"id\":\"db1\",\"run\":\"y\"}"
	  "\n",
	    { "list:1: 'needs': no task has the id 'dbb', did you mean 'db1'?",
		"list:1: 'needs': no task has the id 'nothing-like-it'" } },
	{ "{\"run\":\"x\",\"needs\":[\"01\"]}\n",
	    { "list:1: 'needs': no task has the id '01', did "
	      "you mean '1'?" } },
	{ "{\"id\":\"a\",\"run\":\"x\",\"needs\":[\"a\"]}\n",
	    { "list:1: 'needs' in a circle: a -> a" } },
	{ "planner: x\n{\"id\":\"a\",\"run\":\"x\",\"needs\":[\"1\",\"b\"]}\n"
	  "{\"id\":\"b\",\"run\":\"x\",\"needs\":[\"a\"]}\n",
	    { "list:2: 'needs' in a circle: a -> b -> a" } },
	{ "{\"id\":\"z\",\"run\":\"x\",\"needs\":[\"a\"]}\n"
	  "{\"id\":\"a\",\"run\":\"x\",\"needs\":[\"b\"]}\n"
	  "{\"id\":\"b\",\"run\":\"x\",\"needs\":[\"c\"]}\n"
	  "{\"id\":\"c\",\"run\":\"x\",\"needs\":[\"a\"]}\n"
	  "{\"run\":\"x\",\"needs\":[\"6\"]}\n{\"run\":\"x\",\"needs\":[\"5\"]}\n",
	    { "list:2: 'needs' in a circle: a -> b -> c -> a",
		"list:5: 'needs' in a circle: 5 -> 6 -> 5" } },
	/* The need may well be in the record that could not be read. */
	{ "{\"run\":\"x\",\"needs\":[\"a\"]}\n{\"id\":\"a\",\"run\":\"y\",,}\n",
	    { "list:2:21: expected a key in '\"'" } },
	/* Its id is known all the same. */
	{ "{\"run\":\"x\",\"needs\":[\"a\"]}\n{\"id\":\"a\",\"run\":7}\n",
	    { "list:2: 'run': expected a command for sh -c, or an array of words, the first not "
	      "empty, "
	      "got 7" } },
};

START_TEST(bad_lists)
{
	const struct bad *b = &bads[_i];
	size_t n = 0;

	read_text(b->text);
	while (n < COUNT(b->lines) && b->lines[n] != NULL) {
		ck_assert_msg(n < diag.count, "not said: %s", b->lines[n]);
		ck_assert_str_eq(diag.lines[n], b->lines[n]);
		n++;
	}
	ck_assert_msg(diag.count == n, "%s", diag.count > n ? diag.lines[n] : "");
}
END_TEST

START_TEST(diamonds_are_no_circles)
{
	read_text("{\"id\":\"d\",\"run\":\"x\",\"needs\":[\"b\",\"c\",\"b\"]}\n"
		  "{\"id\":\"b\",\"run\":\"x\",\"needs\":[\"a\"]}\n"
		  "{\"id\":\"c\",\"run\":\"x\",\"needs\":[\"a\"]}\n"
		  "{\"id\":\"a\",\"run\":\"x\"}\n");
	expect_good(4);
}
END_TEST

/* Many ids, a chain as long as the list, and a circle through all of it. */
START_TEST(long_chain)
{
	struct buf text = BUF_INIT;
	const unsigned n = 20000;

	for (unsigned i = 0; i < n; i++)
		buf_addf(&text, "{\"id\":\"t%u\",\"run\":\"x\",\"needs\":[\"t%u\"]}\n", i,
		    (i + 1) % n);
	read_bytes(text.data, text.len);
	ck_assert_uint_eq(plan.ntasks, n);
	ck_assert_uint_eq(diag.count, 1);
	ck_assert_str_eq(diag.lines[0],
	    "list:1: 'needs' in a circle: t0 -> t1 -> t2 -> t3 -> t4 -> t5 "
	    "-> t6 -> t7 -> t8 -> t9 -> (19990 more) -> t0");
	buf_free(&text);
}
END_TEST

START_TEST(numbers_as_ids)
{
	/* Every record says its own: no clash, in whatever order. */
	read_text(
	    "{\"id\":\"3\",\"run\":\"x\"}\n{\"id\":\"2\",\"run\":\"x\"}\n"
	    "{\"id\":\"1\",\"run\":\"x\",\"needs\":[\"3\"]}\n{\"run\":\"x\",\"needs\":[\"1\"]}\n");
	expect_good(4);
	ck_assert_str_eq(plan.tasks[0].id, "3");
	ck_assert_str_eq(plan.tasks[3].id, "4");
}
END_TEST

START_TEST(all_errors_are_counted)
{
	struct buf text = BUF_INIT;

	for (int i = 0; i < 30; i++)
		buf_addstr(&text, "what\n");
	buf_addstr(&text, "{");
	for (int i = 0; i < 50; i++)
		buf_addf(&text, "\"none%d\":1,", i);
	buf_addstr(&text, "\"run\":\"x\"}\n");
	read_bytes(text.data, text.len);
	ck_assert_uint_eq(diag.count, 80);
	ck_assert_str_eq(diag.lines[DIAG_MAX - 1], "list:20: " FORM);

	buf_consume(&text, 30 * 5);
	read_bytes(text.data, text.len);
	ck_assert_uint_eq(diag.count, 50);
	buf_free(&text);
}
END_TEST

START_TEST(nul_in_a_line)
{
	static const enum input_form forms[] = { INPUT_AUTO, INPUT_COMMAND, INPUT_SHELL,
		INPUT_AGENT };

	config.command = echo;
	config.agent = "planner";
	for (size_t i = 0; i < COUNT(forms); i++) {
		config.input = forms[i];
		read_bytes("planner: a\nb\0c\nplanner: d\n", 26);
		ck_assert_uint_eq(diag.count, 1);
		ck_assert_str_eq(diag.lines[0],
		    "list:2: a NUL byte in a line; for records that end with NUL use -0");
		ck_assert_uint_eq(plan.ntasks, 3);
	}
}
END_TEST

START_TEST(longest_record)
{
	struct buf text = BUF_INIT;
	size_t len = RECORD_MAX;

	config.input = INPUT_COMMAND;
	config.command = echo;
	config.command_stdin = true;
	memset(buf_reserve(&text, len), 'a', len);
	text.len += len;
	buf_addstr(&text, "\nshort\n");
	read_bytes(text.data, text.len);
	expect_good(2);
	ck_assert_uint_eq(plan.tasks[0].text_len, RECORD_MAX);

	text.data[len] = 'a';
	buf_addstr(&text, "last");
	read_bytes(text.data, text.len);
	ck_assert_uint_eq(diag.count, 1);
	ck_assert_str_eq(diag.lines[0],
	    "list:1: longer than 16 MiB, the most that a record may have");
	ck_assert_uint_eq(plan.ntasks, 2);
	ck_assert_uint_eq(plan.tasks[1].line, 2);
	ck_assert_str_eq(plan.tasks[1].text, "last");
	buf_free(&text);
}
END_TEST

static const char good_lines[] =
    "{\"id\":\"a\",\"agent\":\"planner\",\"prompt\":\"Plan \u2192 \\\"it\\\"\"}\n"
    "{\"id\":\"b\",\"run\":[\"make\",\"x\"],\"needs\":[\"a\"],\"writes\":[\"o/**\"]}\n"
    "{\"run\":\"true\",\"timeout\":\"10m\",\"env\":{\"A\":\"b\"},\"x-y\":[1,{}]}\n";

/* However a list is cut off, what was whole is there, and what was not is one error. */
START_TEST(each_prefix)
{
	size_t whole = 0;

	for (size_t len = 0; len < strlen(good_lines); len++) {
		const char *rest;
		size_t cut;

		if (len > 0 && good_lines[len - 1] == '\n')
			whole++;
		rest = len == 0 ? good_lines : memrchr(good_lines, '\n', len);
		rest = rest == NULL ? good_lines : *rest == '\n' ? rest + 1 : rest;
		cut = (size_t)(good_lines + len - rest);
		read_bytes(good_lines, len);
		/* Only the newline is missing, or there is nothing behind the last one. */
		if (cut == 0 || rest[cut] == '\n') {
			expect_good(whole + (cut > 0));
			continue;
		}
		ck_assert_uint_eq(diag.count, 1);
		ck_assert_uint_eq(plan.ntasks, whole + 1);
	}
}
END_TEST

START_TEST(reading_fails)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	errno = 0;
	ck_assert_int_eq(input_read(fd, "list", &config, agents, &plan, &diag), -1);
	ck_assert_int_eq(errno, EISDIR);
	close(fd);
}
END_TEST

/* A streamed task, as the tests look at it. */
struct seen {
	char *id, *text, *record;
	enum task_kind kind;
};

struct seen_list {
	struct seen items[16];
	size_t count;
};

static void see(struct seen_list *list, struct input *in)
{
	struct arena arena = { .kind = ARENA_SMALL };
	struct task task;

	while (input_next(in, &arena, &task) == 1) {
		ck_assert_uint_lt(list->count, COUNT(list->items));
		ck_assert_uint_eq(task.number, list->count + 1);
		list->items[list->count++] = (struct seen){ strdup(task.id), strdup(task.text),
			strdup(task.record), (enum task_kind)task.kind };
		arena_free(&arena);
	}
	arena_free(&arena);
}

/* Reads the text as a stream, in pieces of so many bytes. */
static void stream(struct seen_list *list, const char *text, size_t len, size_t piece)
{
	struct input *in = input_open("list", &config, agents);
	struct arena arena = { .kind = ARENA_SMALL };
	struct task task;

	list->count = 0;
	for (size_t i = 0; i < len; i += piece) {
		input_feed(in, text + i, len - i < piece ? len - i : piece, false);
		see(list, in);
		ck_assert_int_eq(input_next(in, &arena, &task), 0);
	}
	input_feed(in, NULL, 0, true);
	see(list, in);
	ck_assert_int_eq(input_next(in, &arena, &task), -1);
	arena_free(&arena);
	input_close(in);
}

static void unsee(struct seen_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].id);
		free(list->items[i].text);
		free(list->items[i].record);
	}
}

static void expect_seen(const struct seen_list *list, size_t i, enum task_kind kind, const char *id,
    const char *text)
{
	ck_assert_uint_lt(i, list->count);
	ck_assert_str_eq(list->items[i].id, id);
	ck_assert_str_eq(list->items[i].text, text);
	ck_assert_int_eq(list->items[i].kind, kind);
}

START_TEST(stream_of_lines)
{
	const char *text =
	    "\xef\xbb\xbf# x\r\n\nplanner: a\r\nNext: x\n{\"id\":\"b\",\"run\":\"c\"}\n"
	    "researcher -> \"d\"";

	for (size_t piece = 1; piece <= strlen(text); piece++) {
		struct seen_list list;

		stream(&list, text, strlen(text), piece);
		ck_assert_uint_eq(list.count, 3);
		expect_seen(&list, 0, TASK_AGENT, "1", "a");
		expect_seen(&list, 1, TASK_SHELL, "b", "c");
		expect_seen(&list, 2, TASK_AGENT, "3", "d");
		ck_assert_str_eq(list.items[0].record, "planner: a");
		unsee(&list);
	}
}
END_TEST

START_TEST(stream_of_bad_records)
{
	static const char text[] = "what\n"
				   "{\"id\":\"a\",\"run\":7,\"retries\":-1}\n"
				   "{\"id\":\"a\",\"run\":\"x\"}\n"
				   "{\"id\":\"5\",\"run\":\"x\",\"needs\":[\"a\",\"1\"]}\n"
				   "planner: x\n"
				   "{\"id\":\"5\",\"run\":\"x\"}\n"
				   "{\"id\":\"z\",\"run\":\"x\",\"needs\":[\"z\"]}\n"
				   "{\"run\":\"x\",\"needs\":[\"z\"]}\n"
				   "a\0b\n"
				   "{\"id\":\"1\",\"run\":\"x\"}\n";
	struct seen_list list;

	stream(&list, text, sizeof(text) - 1, 7);
	ck_assert_uint_eq(list.count, 10);
	expect_seen(&list, 0, TASK_INVALID, "1", FORM);
	expect_seen(&list, 1, TASK_INVALID, "a",
	    "'run': expected a command for sh -c, or an array of "
	    "words, the first not empty, got 7; 'retries': expected an integer from 0 to 100, got "
	    "-1");
	expect_seen(&list, 2, TASK_INVALID, "3", "duplicate id 'a': it is already that of line 2");
	expect_seen(&list, 3, TASK_SHELL, "5", "x");
	expect_seen(&list, 4, TASK_INVALID, "5-invalid-1",
	    "this record has no id and is known by its "
	    "number, 5, which is the id in line 4: give this one an id");
	expect_seen(&list, 5, TASK_INVALID, "6", "duplicate id '5': it is already that of line 4");
	expect_seen(&list, 6, TASK_INVALID, "z",
	    "'needs': no task before this one has the id 'z', and "
	    "with --stream only those can be needed");
	expect_seen(&list, 7, TASK_SHELL, "8", "x");
	expect_seen(&list, 8, TASK_INVALID, "9",
	    "a NUL byte in a line; for records that end with NUL use -0");
	expect_seen(&list, 9, TASK_INVALID, "10",
	    "id '1' is taken: record 1 has none and is known by its number");
	unsee(&list);
}
END_TEST

START_TEST(stream_of_steps)
{
	const char *text = "Phase: A\nplanner: a\nGoal: x\nplanner: b\nPhase: B\nplanner: c\n";
	const char *why =
	    "this task belongs to a second step, and with --stream a list is one step";
	struct seen_list list;

	stream(&list, text, strlen(text), 64);
	ck_assert_uint_eq(list.count, 3);
	expect_seen(&list, 0, TASK_AGENT, "1", "a");
	expect_seen(&list, 1, TASK_AGENT, "2", "b");
	expect_seen(&list, 2, TASK_INVALID, "3", why);
	unsee(&list);
}
END_TEST

/* In small pieces, records of the greatest length are still looked at once. */
START_TEST(stream_of_long_records)
{
	struct buf text = BUF_INIT;
	struct seen_list list;

	config.input = INPUT_COMMAND;
	config.command = echo;
	config.command_stdin = true;
	for (int i = 0; i < 3; i++) {
		size_t len = RECORD_MAX + (i == 1);

		memset(buf_reserve(&text, len), 'a' + i, len);
		text.len += len;
		buf_addch(&text, '\n');
	}
	buf_addstr(&text, "end");
	stream(&list, text.data, text.len, 65536);
	ck_assert_uint_eq(list.count, 4);
	ck_assert_uint_eq(strlen(list.items[0].text), RECORD_MAX);
	expect_seen(&list, 1, TASK_INVALID, "2",
	    "longer than 16 MiB, the most that a record may have");
	ck_assert_uint_eq(strlen(list.items[2].text), RECORD_MAX);
	expect_seen(&list, 3, TASK_LINE, "4", "end");
	unsee(&list);
	buf_free(&text);
}
END_TEST

/* What was fed at once may be taken one by one, between feeds. */
START_TEST(stream_taken_slowly)
{
	struct input *in;
	char text[64];

	config.input = INPUT_COMMAND;
	config.command = echo;
	in = input_open("list", &config, agents);
	for (unsigned i = 0; i < 2000; i++) {
		snprintf(text, sizeof(text), "line %u a\nline %u b\n", i, i);
		input_feed(in, text, strlen(text), false);
	}
	for (unsigned i = 0; i < 4000; i++) {
		struct arena arena = { .kind = ARENA_SMALL };
		struct task task;

		ck_assert_int_eq(input_next(in, &arena, &task), 1);
		snprintf(text, sizeof(text), "line %u %c", i / 2, i % 2 == 0 ? 'a' : 'b');
		ck_assert_str_eq(task.text, text);
		input_feed(in, "x", i == 3999, i == 3999);
		arena_free(&arena);
	}
	input_close(in);
}
END_TEST

Suite *input_suite(void)
{
	Suite *suite = suite_create("input");
	TCase *whole = tcase_create("whole"), *streamed = tcase_create("streamed");

	tcase_add_checked_fixture(whole, setup, teardown);
	tcase_add_loop_test(whole, seed_block, 0, (int)COUNT(blocks));
	tcase_add_loop_test(whole, seed_records, 0, (int)COUNT(blocks));
	tcase_add_test(whole, several_steps);
	tcase_add_test(whole, goals);
	tcase_add_test(whole, nothing);
	tcase_add_test(whole, mixed_list);
	tcase_add_test(whole, plain_lists_have_no_constraints);
	tcase_add_test(whole, arguments);
	tcase_add_test(whole, nul_records);
	tcase_add_test(whole, shell_lines);
	tcase_add_test(whole, prompts);
	tcase_add_test(whole, arguments_have_a_limit);
	tcase_add_loop_test(whole, bad_lists, 0, (int)COUNT(bads));
	tcase_add_test(whole, diamonds_are_no_circles);
	tcase_add_test(whole, long_chain);
	tcase_add_test(whole, numbers_as_ids);
	tcase_add_test(whole, all_errors_are_counted);
	tcase_add_test(whole, nul_in_a_line);
	tcase_add_test(whole, longest_record);
	tcase_add_test(whole, each_prefix);
	tcase_add_test(whole, reading_fails);
	suite_add_tcase(suite, whole);

	tcase_add_checked_fixture(streamed, setup, teardown);
	tcase_add_test(streamed, stream_of_lines);
	tcase_add_test(streamed, stream_of_bad_records);
	tcase_add_test(streamed, stream_of_steps);
	tcase_add_test(streamed, stream_of_long_records);
	tcase_add_test(streamed, stream_taken_slowly);
	suite_add_tcase(suite, streamed);
	return suite;
}
