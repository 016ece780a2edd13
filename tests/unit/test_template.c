#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shared/json.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/input/template.h"
#include "tests/unit/template_fixture.h"

Suite *template_suite(void);

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ROUNDS 20000
#define LARGE (10 * 1024 * 1024)

static struct plan plan;
static struct template_scope scope;
static struct buf why;

static void setup(void)
{
	fixture_plan(&plan);
	scope = (struct template_scope){ .plan = &plan, .step = FIXTURE_REVIEW, .same_step = true };
	why = (struct buf)BUF_INIT;
}

static void teardown(void)
{
	buf_free(&why);
	plan_free(&plan);
}

/* The parts on one line: text as it is, names as <NAME>. */
static void print_parts(struct buf *out, const struct template *t)
{
	for (size_t i = 0; i < t->count; i++) {
		if (t->parts[i].text != NULL)
			buf_add(out, t->parts[i].text, t->parts[i].len);
		else
			buf_addf(out, "<%s>", t->parts[i].name->text);
	}
}

static void expect_parts(const char *text, const char *expected)
{
	const struct template *t = template_compile(text, &scope, &plan.arena, &why);
	struct buf out = BUF_INIT;

	ck_assert_msg(t != NULL, "%s: %s", text, buf_str(&why));
	print_parts(&out, t);
	ck_assert_str_eq(buf_str(&out), expected);
	buf_free(&out);
}

static void expect_error(const char *text, const char *message)
{
	buf_reset(&why);
	ck_assert_ptr_null(template_compile(text, &scope, &plan.arena, &why));
	ck_assert_str_eq(buf_str(&why), message);
	buf_reset(&why);
}

START_TEST(text_and_names)
{
	expect_parts("", "");
	expect_parts("no names, $5, {{ }}, ${x}, }}", "no names, $5, {{ }}, ${x}, }}");
	expect_parts("${{ steps.research.merged }}", "<steps.research.merged>");
	expect_parts("a${{steps.research.merged}}b", "a<steps.research.merged>b");
	expect_parts("${{\t\n steps.research.merged \r\n}}${{ tasks.quality.output }}",
	    "<steps.research.merged><tasks.quality.output>");
	expect_parts("{${{ steps.plan.outcome }}}", "{<steps.plan.outcome>}");
}
END_TEST

START_TEST(literals)
{
	expect_parts("$${{", "${{");
	expect_parts("$${{ steps.nobody.merged }}", "${{ steps.nobody.merged }}");
	expect_parts("$$${{ x }}", "$${{ x }}");
	expect_parts("$${{${{ steps.plan.merged }}}}", "${{<steps.plan.merged>}}");
	expect_parts("$${{$${{$${{", "${{${{${{");
	expect_parts("$$ $ ${ {{ $", "$$ $ ${ {{ $");
	/* the one way to a $ before a name */
	expect_parts("${{ '$' }}${{ steps.plan.merged }}", "$<steps.plan.merged>");
	expect_parts("${{'$$$'}}{{ x }}", "$$${{ x }}");
}
END_TEST

START_TEST(not_closed)
{
	static const char message[] = "'${{' without '}}' (a literal '${{' is written '$${{')";

	expect_error("${{", message);
	expect_error("text ${{ steps.plan.merged }", message);
	expect_error("${{ steps.plan.merged }} ${{ steps.plan.merged", message);
	/* the second one does not close the first */
	expect_error("${{ steps.plan.merged ${{ steps.plan.merged }}", message);
	expect_error("${{ $${{ }}", message);
}
END_TEST

/* What a name is compiled to, as "KIND STEP TASK PATH". */
static const struct good {
	const char *name;
	enum name_kind kind;
	size_t step;
	const char *task;
	const char *path;
} goods[] = {
	{ "steps.research.merged", NAME_STEP_MERGED, FIXTURE_RESEARCH, NULL, "" },
	{ "steps.plan.outcome", NAME_STEP_OUTCOME, FIXTURE_PLAN, NULL, "" },
	{ "steps.research.sum.critical", NAME_STEP_SUM, FIXTURE_RESEARCH, NULL, "critical" },
	{ "steps.research.max.a.b", NAME_STEP_MAX, FIXTURE_RESEARCH, NULL, "a.b" },
	{ "steps.research.min.x", NAME_STEP_MIN, FIXTURE_RESEARCH, NULL, "x" },
	{ "steps.research.count.findings", NAME_STEP_COUNT, FIXTURE_RESEARCH, NULL, "findings" },
	{ "steps.implement.sum.n", NAME_STEP_SUM, FIXTURE_IMPLEMENT, NULL, "n" },
	{ "steps.plan.result", NAME_TASK_RESULT, FIXTURE_PLAN, NULL, "" },
	{ "steps.plan.result.items.0.id", NAME_TASK_RESULT, FIXTURE_PLAN, NULL, "items.0.id" },
	{ "steps.plan.result.a-b_c.\xc3\xa9", NAME_TASK_RESULT, FIXTURE_PLAN, NULL,
	    "a-b_c.\xc3\xa9" },
	{ "steps.plan.tasks.plan.output", NAME_TASK_OUTPUT, FIXTURE_PLAN, "plan", "" },
	{ "steps.research.tasks.session.result", NAME_TASK_RESULT, FIXTURE_RESEARCH, "session",
	    "" },
	{ "steps.research.tasks.session.result.x.output", NAME_TASK_RESULT, FIXTURE_RESEARCH,
	    "session", "x.output" },
	/* ids with dots: the longest that is known is meant */
	{ "steps.research.tasks.a.output", NAME_TASK_OUTPUT, FIXTURE_RESEARCH, "a", "" },
	{ "steps.research.tasks.a.result.output", NAME_TASK_OUTPUT, FIXTURE_RESEARCH, "a.result",
	    "" },
	{ "steps.research.tasks.a.result.result.x", NAME_TASK_RESULT, FIXTURE_RESEARCH, "a.result",
	    "x" },
	{ "steps.research.tasks.a.result.z", NAME_TASK_RESULT, FIXTURE_RESEARCH, "a", "z" },
	{ "steps.v1.merged.outcome", NAME_STEP_OUTCOME, FIXTURE_V1_MERGED, NULL, "" },
	{ "steps.v1.merged.merged", NAME_STEP_MERGED, FIXTURE_V1_MERGED, NULL, "" },
	{ "steps.v1.merged", NAME_STEP_MERGED, FIXTURE_V1, NULL, "" },
	{ "steps.v1.outcome", NAME_STEP_OUTCOME, FIXTURE_V1, NULL, "" },
	/* made later: whatever could be an id */
	{ "steps.implement.tasks.any-thing.output", NAME_TASK_OUTPUT, FIXTURE_IMPLEMENT,
	    "any-thing", "" },
	{ "steps.implement.tasks.1.2.result.x.result", NAME_TASK_RESULT, FIXTURE_IMPLEMENT, "1.2",
	    "x.result" },
	{ "tasks.quality.output", NAME_TASK_OUTPUT, FIXTURE_REVIEW, "quality", "" },
	{ "tasks.security.result.n", NAME_TASK_RESULT, FIXTURE_REVIEW, "security", "n" },
	/* a task without an id is known by its number */
	{ "tasks.10.output", NAME_TASK_OUTPUT, FIXTURE_REVIEW, "10", "" },
};

START_TEST(good_names)
{
	const struct good *g = &goods[_i];
	const struct name *name = name_compile(g->name, strlen(g->name), &scope, &plan.arena, &why);

	ck_assert_msg(name != NULL, "%s: %s", g->name, buf_str(&why));
	ck_assert_uint_eq(why.len, 0);
	ck_assert_int_eq(name->kind, g->kind);
	ck_assert_uint_eq(name->step, g->step);
	ck_assert_pstr_eq(name->task, g->task);
	ck_assert_str_eq(name->path, g->path);
	ck_assert_str_eq(name->text, g->name);
}
END_TEST

#define SYNTAX \
	" is no name: one name is expected, words with dots between such as steps.ID.merged or " \
	"steps.ID.result.items.0"
#define MEMBERS ": of a step there are merged, outcome, result, tasks, sum, max, min, count"
#define YIELDS ": of a task there are 'tasks.ID.output' and 'tasks.ID.result'"

static const struct bad {
	const char *name;
	const char *message;
} bads[] = {
	{ "", "a template without a name" },
	{ "steps.reserach.merged",
	    "unknown name 'steps.reserach.merged', did you mean 'steps.research.merged'?" },
	{ "steps.plam.result.items.0",
	    "unknown name 'steps.plam.result.items.0', did you mean 'steps.plan.result.items.0'?" },
	{ "steps.research.mergd",
	    "unknown name 'steps.research.mergd', did you mean 'steps.research.merged'?" },
	{ "steps.research.tasks.sesion.output",
	    "unknown name 'steps.research.tasks.sesion.output', did you mean "
	    "'steps.research.tasks.session.output'?" },
	{ "tasks.qualty.output",
	    "unknown name 'tasks.qualty.output', did you mean 'tasks.quality.output'?" },
	{ "step.research.merged",
	    "unknown name 'step.research.merged', did you mean 'steps.research.merged'?" },
	{ "steps.research.merged.x",
	    "unknown name 'steps.research.merged.x', did you mean 'steps.research.merged'?" },
	{ "steps", "unknown name 'steps': there is no step '' before this one" },
	{ "steps.nobody.merged",
	    "unknown name 'steps.nobody.merged': there is no step 'nobody' before this one" },
	{ "steps.research", "unknown name 'steps.research'" MEMBERS },
	{ "steps.research.whatever", "unknown name 'steps.research.whatever'" MEMBERS },
	{ "steps.research.sum",
	    "'steps.research.sum' names no field: 'steps.research.sum.FIELD' is expected" },
	{ "steps.research.result.x",
	    "'steps.research.result.x': step 'research' is not a single task: name one of its "
	    "tasks, 'steps.research.tasks.ID.result'" },
	{ "steps.implement.result",
	    "'steps.implement.result': step 'implement' is not a single task: name one of its "
	    "tasks, 'steps.implement.tasks.ID.result'" },
	{ "steps.research.tasks.nobody.output",
	    "unknown name 'steps.research.tasks.nobody.output': step 'research' has no task "
	    "'nobody'" },
	{ "steps.research.tasks", "unknown name 'steps.research.tasks'" YIELDS },
	{ "steps.research.tasks.session", "unknown name 'steps.research.tasks.session'" YIELDS },
	{ "steps.research.tasks.session.output.x",
	    "unknown name 'steps.research.tasks.session.output.x'" YIELDS },
	{ "steps.implement.tasks.-x.output",
	    "unknown name 'steps.implement.tasks.-x.output': step 'implement' has no task '-x'" },
	{ "steps.later.merged", "'steps.later.merged': step 'later' comes later" },
	{ "steps.review.merged",
	    "'steps.review.merged': a step cannot use its own results; of a task of the same step "
	    "there is 'tasks.ID.output', in a prompt" },
	{ "attempt.number", "'attempt.number' can be named only in a 'refine'" },
	{ "vars.module",
	    "unknown variable 'vars.module': there are those that a workflow has in "
	    "its 'vars'" },
	{ "goal", "unknown name 'goal': it is what a workflow has as its 'goal'" },
	{ "item.id",
	    "unknown name 'item.id': item names stand only in the 'task' of their "
	    "'foreach'" },
	{ "job", "unknown name 'job': item names stand only in the 'task' of their 'foreach'" },
	{ "github.sha",
	    "unknown name 'github.sha'; there are goal, vars.NAME, steps.ID and "
	    "tasks.ID with what they have" },
	{ "STEPS.research.merged",
	    "unknown name 'STEPS.research.merged', did you mean 'steps.research.merged'?" },
	{ "steps.plan.result.items[0]", "'steps.plan.result.items[0]'" SYNTAX },
	{ "steps.plan.merged || 'x'", "'steps.plan.merged || 'x''" SYNTAX },
	{ "{{ x", "'{{ x'" SYNTAX },
	{ "'$x'", "''$x''" SYNTAX },
	{ "steps..merged", "'steps..merged' is no name: a word is missing at a dot" },
	{ "steps.", "'steps.' is no name: a word is missing at a dot" },
	{ ".steps", "'.steps' is no name: a word is missing at a dot" },
};

START_TEST(bad_names)
{
	const struct bad *b = &bads[_i];

	ck_assert_ptr_null(name_compile(b->name, strlen(b->name), &scope, &plan.arena, &why));
	ck_assert_str_eq(buf_str(&why), b->message);
}
END_TEST

START_TEST(names_by_scope)
{
	scope.same_step = false;
	expect_error("${{ tasks.quality.output }}",
	    "'tasks.quality.output': tasks of the same step can be named only in a prompt of a "
	    "list or workflow that is read whole");

	/* a refinement knows its attempts and nothing else */
	scope.attempt = true;
	expect_parts("${{ attempt.number }} ${{ attempt.error }}${{ attempt.tail }}",
	    "<attempt.number> <attempt.error><attempt.tail>");
	expect_error("${{ attempt.nummer }}",
	    "unknown name 'attempt.nummer', did you mean 'attempt.number'?");
	expect_error("${{ steps.plan.merged }}",
	    "unknown name 'steps.plan.merged'; there are attempt.number, attempt.error and "
	    "attempt.tail");

	/* without a plan there are no steps */
	scope = (struct template_scope){ .same_step = true };
	expect_parts("text $${{", "text ${{");
	expect_error("${{ steps.plan.merged }}",
	    "unknown name 'steps.plan.merged': there is no step 'plan' before this one");
	expect_error("${{ tasks.quality.output }}",
	    "'tasks.quality.output': tasks of the same step can be named only in a prompt of a "
	    "list or workflow that is read whole");
}
END_TEST

START_TEST(same_step_of_tasks_that_are_made_later)
{
	scope.step = FIXTURE_IMPLEMENT;
	expect_parts("${{ tasks.any.output }}", "<tasks.any.output>");
}
END_TEST

static void expect_quoted(const char *text, const char *quoted)
{
	struct buf out = BUF_INIT;

	template_quote(&out, text, strlen(text));
	ck_assert_str_eq(buf_str(&out), quoted);
	buf_reset(&out);
	template_unquote(&out, quoted, strlen(quoted));
	ck_assert_str_eq(buf_str(&out), text);
	buf_free(&out);
}

START_TEST(quoting)
{
	struct buf out = BUF_INIT;

	expect_quoted("", "");
	expect_quoted("plain $ ${ {{ }}", "plain $ ${ {{ }}");
	expect_quoted("${{ x }}", "$${{ x }}");
	expect_quoted("$${{ x }}", "$$${{ x }}");
	expect_quoted("${{${{", "$${{$${{");
	ck_assert(template_is("a $${{ b"));
	ck_assert(!template_is("a {{ b }} ${ c }"));
	/* no bytes end it */
	template_quote(&out, "a\0${{", 5);
	ck_assert_uint_eq(out.len, 6);
	ck_assert_mem_eq(out.data, "a\0$${{", 6);
	buf_reset(&out);
	/* what is no plain text stays as it was written */
	template_unquote(&out, "$${{ ${{ x }} ${{ y", 19);
	ck_assert_str_eq(buf_str(&out), "${{ ${{ x }} ${{ y");
	buf_free(&out);
}
END_TEST

static void gather(void *context, const char *name, size_t len)
{
	struct buf *out = context;

	buf_addch(out, '<');
	buf_add(out, name, len);
	buf_addch(out, '>');
}

START_TEST(names_of_a_text)
{
	struct buf out = BUF_INIT;

	template_names("a ${{ b }} $${{ c }} ${{d}}${{ }}${{ '$' }} ${{ e", gather, &out);
	ck_assert_str_eq(buf_str(&out), "<b><d><>");
	buf_free(&out);
}
END_TEST

/* Filling. Values by name, as JSON. */
static cJSON *values;

static cJSON *look_up(void *context, const char *name, size_t len, struct buf *message)
{
	char *key = xmemdup0(name, len);
	const cJSON *value = json_get(values, key);

	ck_assert_ptr_eq(context, &values);
	if (value == NULL && strncmp(key, "vars.", 5) == 0)
		buf_addf(message, "no variable '%s'", safe(key + 5));
	free(key);
	return value != NULL ? cJSON_Duplicate(value, true) : NULL;
}

static cJSON *parse(const char *json)
{
	struct json_error error;
	cJSON *tree = json_parse(json, strlen(json), &error);

	ck_assert_msg(tree != NULL, "%s: %s", json, error.message);
	return tree;
}

static void fill_setup(void)
{
	setup();
	values = parse("{\"goal\":\"ship it\",\"vars.n\":7,\"vars.yes\":true,\"vars.none\":null,"
		       "\"vars.list\":[1,\"${{ x }}\"],\"vars.dollar\":\"$\",\"vars.open\":\"${\","
		       "\"vars.evil\":\"${{ goal }}\",\"vars.rest\":\"{{ goal }}\","
		       "\"item\":{\"id\":\"i1\",\"${{ key }}\":{\"deep\":\"$${{ goal }}\"}}}");
}

static void fill_teardown(void)
{
	cJSON_Delete(values);
	teardown();
}

static void expect_filled(const char *json, const char *expected)
{
	cJSON *tree = parse(json), *filled;
	struct buf out = BUF_INIT, before = BUF_INIT;

	json_print(&before, tree);
	filled = template_fill(tree, look_up, &values, &why, NULL);
	ck_assert_msg(filled != NULL, "%s: %s", json, buf_str(&why));
	json_print(&out, filled);
	ck_assert_str_eq(buf_str(&out), expected);
	/* what it was made of is as it was */
	buf_reset(&out);
	json_print(&out, tree);
	ck_assert_str_eq(buf_str(&out), buf_str(&before));
	cJSON_Delete(filled);
	cJSON_Delete(tree);
	buf_free(&out);
	buf_free(&before);
}

START_TEST(filling)
{
	expect_filled("[1,true,null,\"x\",{\"a\":[],\"b\":{}}]",
	    "[1,true,null,\"x\",{\"a\":[],\"b\":{}}]");
	expect_filled("{\"a\":\"to ${{ goal }}, ${{vars.n}} times: ${{ vars.list }}\"}",
	    "{\"a\":\"to ship it, 7 times: [1,\\\"$${{ x }}\\\"]\"}");
	expect_filled("\"${{ goal }}${{ vars.yes }}${{ vars.none }}\"", "\"ship ittruenull\"");
	/* keys are no templates */
	expect_filled("{\"${{ goal }}\":\"${{ goal }}\"}", "{\"${{ goal }}\":\"ship it\"}");
	/* what is not known yet stays */
	expect_filled("\"${{ goal }} ${{  steps.plan.merged}} ${{ steps.x.y }}\"",
	    "\"ship it ${{  steps.plan.merged}} ${{ steps.x.y }}\"");
	expect_filled("\"$${{ goal }} $$${{ x\"", "\"$${{ goal }} $$${{ x\"");
}
END_TEST

START_TEST(single_templates_keep_their_type)
{
	expect_filled(
	    "{\"a\":\"${{ vars.n }}\",\"b\":\"${{vars.yes}}\",\"c\":\"${{ vars.none }}\"}",
	    "{\"a\":7,\"b\":true,\"c\":null}");
	expect_filled("[\"${{ vars.list }}\",\"${{\\n goal\\t}}\"]",
	    "[[1,\"$${{ x }}\"],\"ship it\"]");
	expect_filled("\"${{ item }}\"",
	    "{\"id\":\"i1\",\"${{ key }}\":{\"deep\":\"$$${{ goal }}\"}}");
	/* with anything outside it is a text */
	expect_filled("[\"${{ vars.n }} \",\" ${{ vars.n }}\",\"${{vars.n}}${{vars.n}}\"]",
	    "[\"7 \",\" 7\",\"77\"]");
}
END_TEST

START_TEST(filled_in_is_never_a_template)
{
	expect_filled("\"${{ vars.evil }}\"", "\"$${{ goal }}\"");
	expect_filled("\"a ${{ vars.evil }}\"", "\"a $${{ goal }}\"");
	/* nor does one come together from pieces */
	expect_filled("\"${{ vars.dollar }}${{ vars.rest }}\"", "\"$${{ goal }}\"");
	expect_filled("\"${{ vars.open }}{ goal }}\"", "\"$${{ goal }}\"");
	expect_filled("\"${{ vars.dollar }}{{ goal }}\"", "\"$${{ goal }}\"");
	/* nor does it take the meaning from one */
	expect_filled("\"${{ vars.dollar }}${{ steps.plan.merged }}\"",
	    "\"${{ '$' }}${{ steps.plan.merged }}\"");
	expect_filled("\"a$ ${{vars.dollar}}${{vars.dollar}}${{ steps.plan.merged }}\"",
	    "\"a$ ${{ '$$' }}${{ steps.plan.merged }}\"");
	/* and so again when the next thing is put in */
	expect_filled("\"${{ '$$' }}${{ steps.plan.merged }}\"",
	    "\"${{ '$$' }}${{ steps.plan.merged }}\"");
	expect_parts("${{ '$$' }}${{ steps.plan.merged }}", "$$<steps.plan.merged>");
}
END_TEST

static void expect_fill_error(const char *json, const char *message, const char *path)
{
	cJSON *tree = parse(json);
	const cJSON *where = NULL;

	ck_assert_ptr_null(template_fill(tree, look_up, &values, &why, &where));
	ck_assert_str_eq(buf_str(&why), message);
	ck_assert_ptr_eq(where, json_at(tree, path));
	ck_assert_ptr_null(template_fill(tree, look_up, &values, &why, NULL));
	buf_reset(&why);
	cJSON_Delete(tree);
}

START_TEST(filling_fails)
{
	expect_fill_error("[1,{\"a\":\"x\",\"b\":[\"${{ vars.x }}\"]}]", "no variable 'x'",
	    "1.b.0");
	expect_fill_error("{\"a\":\"${{ vars.x }} and text\"}", "no variable 'x'", "a");
	expect_fill_error("\"${{ goal\"", "'${{' without '}}' (a literal '${{' is written '$${{')",
	    "");
	expect_fill_error("[\"${{ goal }} ${{\"]",
	    "'${{' without '}}' (a literal '${{' is written '$${{')", "0");
}
END_TEST

START_TEST(text_as_written_stays)
{
	cJSON *tree = cJSON_CreateObject(), *number = cJSON_CreateNumber(1.1), *filled;
	const cJSON *copy;
	struct buf out = BUF_INIT;

	number->valuestring = xstrdup("1.10");
	cJSON_AddItemToObject(tree, "version", number);
	filled = template_fill(tree, look_up, &values, &why, NULL);
	copy = json_get(filled, "version");
	ck_assert(cJSON_IsNumber(copy));
	ck_assert_str_eq(copy->valuestring, "1.10");
	template_value(&out, copy);
	ck_assert_str_eq(buf_str(&out), "1.10");
	buf_free(&out);
	cJSON_Delete(filled);
	cJSON_Delete(tree);
}
END_TEST

/* Mostly what means something to a template. */
static char *random_text(uint32_t *state, size_t max)
{
	static const char *const pieces[] = { "$", "{", "}", "${{", "}}", "$${{", " ", "a", "'$'",
		"goal", "${{ goal }}", "\n", "." };
	struct buf text = BUF_INIT;

	*state = *state * 1664525 + 1013904223;
	for (size_t n = (*state >> 8) % max; n > 0; n--) {
		*state = *state * 1664525 + 1013904223;
		buf_addstr(&text, pieces[(*state >> 16) % COUNT(pieces)]);
	}
	return buf_detach(&text);
}

/* What a template is once nothing is to be put in any more. */
static void read_back(struct buf *out, const char *text)
{
	const struct template *t = template_compile(text, &scope, &plan.arena, &why);

	ck_assert_msg(t != NULL, "%s: %s", text, buf_str(&why));
	for (size_t i = 0; i < t->count; i++)
		ck_assert_ptr_nonnull(t->parts[i].text);
	print_parts(out, t);
}

START_TEST(whatever_is_quoted_is_read_as_it_was)
{
	uint32_t state = 1;
	struct buf quoted = BUF_INIT, back = BUF_INIT;

	for (int i = 0; i < ROUNDS; i++) {
		char *text = random_text(&state, 12);

		buf_reset(&quoted);
		buf_reset(&back);
		template_quote(&quoted, text, strlen(text));
		read_back(&back, buf_str(&quoted));
		ck_assert_str_eq(buf_str(&back), text);
		free(text);
	}
	buf_free(&quoted);
	buf_free(&back);
}
END_TEST

/* Text, a value, text, a value, a name that stays, text: each of them hostile. */
START_TEST(whatever_is_put_in_is_read_as_it_was)
{
	uint32_t state = 2;
	struct buf text = BUF_INIT, expected = BUF_INIT, back = BUF_INIT;

	for (int i = 0; i < ROUNDS; i++) {
		char *piece[5];
		cJSON *tree, *filled;
		const struct template *t;

		for (size_t k = 0; k < COUNT(piece); k++)
			piece[k] = random_text(&state, 6);
		cJSON_ReplaceItemInObjectCaseSensitive(values, "vars.evil",
		    cJSON_CreateString(piece[1]));
		cJSON_ReplaceItemInObjectCaseSensitive(values, "vars.rest",
		    cJSON_CreateString(piece[3]));
		buf_reset(&text);
		template_quote(&text, piece[0], strlen(piece[0]));
		/* a $ of its own would quote the template behind it */
		buf_addstr(&text, ".${{ vars.evil }}");
		template_quote(&text, piece[2], strlen(piece[2]));
		buf_addstr(&text, ".${{ vars.rest }}${{ steps.plan.merged }}");
		template_quote(&text, piece[4], strlen(piece[4]));
		buf_reset(&expected);
		buf_addf(&expected, "%s.%s%s.%s<steps.plan.merged>%s", piece[0], piece[1], piece[2],
		    piece[3], piece[4]);
		tree = cJSON_CreateString(buf_str(&text));
		filled = template_fill(tree, look_up, &values, &why, NULL);
		ck_assert_msg(filled != NULL, "%s: %s", buf_str(&text), buf_str(&why));
		t = template_compile(filled->valuestring, &scope, &plan.arena, &why);
		ck_assert_msg(t != NULL, "%s: %s", filled->valuestring, buf_str(&why));
		buf_reset(&back);
		print_parts(&back, t);
		ck_assert_str_eq(buf_str(&back), buf_str(&expected));
		cJSON_Delete(tree);
		cJSON_Delete(filled);
		for (size_t k = 0; k < COUNT(piece); k++)
			free(piece[k]);
	}
	buf_free(&text);
	buf_free(&expected);
	buf_free(&back);
}
END_TEST

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* What is quadratic takes hours for 10 MB, and what is linear well under a second. */
START_TEST(large_texts_take_linear_time)
{
	static const char *const pieces[] = { "$", "${", "{", "$${{", "${{ ",
		"${{ steps.plan.merged }}", "}}", "${{ '$' }}", "${{ goal }}", "${{ vars.dollar }}",
		"steps." };
	double before = seconds();
	struct buf text = BUF_INIT, out = BUF_INIT, ignored = BUF_INIT;
	cJSON *tree;

	while (text.len < LARGE)
		buf_addstr(&text, pieces[_i]);
	template_quote(&out, text.data, text.len);
	buf_reset(&out);
	template_unquote(&out, text.data, text.len);
	buf_reset(&out);
	template_compile(buf_str(&text), &scope, &plan.arena, &ignored);
	name_compile(text.data, text.len, &scope, &plan.arena, &ignored);
	tree = cJSON_CreateString(buf_str(&text));
	cJSON_Delete(template_fill(tree, look_up, &values, &ignored, NULL));
	cJSON_Delete(tree);
	ck_assert_msg(seconds() - before < 20, "'%s': %.1f s", pieces[_i], seconds() - before);
	buf_free(&text);
	buf_free(&out);
	buf_free(&ignored);
}
END_TEST

START_TEST(paths)
{
	cJSON *root = parse("{\"a\":{\"b\":[10,{\"c\":\"x\"}]},\"1\":true,\"ab\":1,\"e\":[]}");

	ck_assert_ptr_eq(json_at(root, ""), root);
	ck_assert_ptr_eq(json_at(root, "a"), root->child);
	ck_assert_double_eq(json_at(root, "a.b.0")->valuedouble, 10);
	ck_assert_str_eq(json_at(root, "a.b.1.c")->valuestring, "x");
	ck_assert(cJSON_IsTrue(json_at(root, "1")));
	ck_assert_ptr_null(json_at(root, "a.b.2"));
	ck_assert_ptr_null(json_at(root, "a.b.01"));
	ck_assert_ptr_null(json_at(root, "a.b.-1"));
	ck_assert_ptr_null(json_at(root, "a.b.x"));
	ck_assert_ptr_null(json_at(root, "a.b.99999999999999999999"));
	ck_assert_ptr_null(json_at(root, "a.b.0.0"));
	ck_assert_ptr_null(json_at(root, "A"));
	ck_assert_ptr_null(json_at(root, "a."));
	ck_assert_ptr_null(json_at(root, ".a"));
	ck_assert_ptr_null(json_at(root, "e.0"));
	ck_assert_ptr_null(json_at(NULL, "a"));
	cJSON_Delete(root);
}
END_TEST

static void expect_value(const char *json, const char *expected)
{
	cJSON *value = parse(json);
	struct buf out = BUF_INIT;

	template_value(&out, value);
	ck_assert_str_eq(buf_str(&out), expected);
	buf_free(&out);
	cJSON_Delete(value);
}

START_TEST(values_in_a_text)
{
	expect_value("\"a \\\"b\\\"\\n\"", "a \"b\"\n");
	expect_value("0.3", "0.3");
	expect_value("12", "12");
	expect_value("true", "true");
	expect_value("null", "null");
	expect_value("{\"a\": [1, \"x\"]}", "{\"a\":[1,\"x\"]}");
}
END_TEST

#define RESULTS_MAX 4

/* A JSON array of results, null for a missing one; "=" and a number, or what is wrong. */
static const struct total {
	enum name_kind kind;
	const char *field;
	const char *results;
	const char *expected;
} total_cases[] = {
	{ NAME_STEP_SUM, "n", "[{\"n\":1},{\"n\":2.5},{\"n\":-1}]", "=2.5" },
	{ NAME_STEP_MAX, "n", "[{\"n\":-3},{\"n\":-2},{\"n\":-4}]", "=-2" },
	{ NAME_STEP_MIN, "n", "[{\"n\":3},{\"n\":2},{\"n\":4}]", "=2" },
	{ NAME_STEP_SUM, "a.0.b", "[{\"a\":[{\"b\":4}]}]", "=4" },
	{ NAME_STEP_COUNT, "n", "[{\"n\":[]},{},null,{\"n\":null}]", "=2" },
	{ NAME_STEP_SUM, "n", "[]", "=0" },
	{ NAME_STEP_COUNT, "n", "[]", "=0" },
	{ NAME_STEP_MAX, "n", "[]", "there is no max of 'n': no task has a result" },
	{ NAME_STEP_MIN, "n", "[]", "there is no min of 'n': no task has a result" },
	{ NAME_STEP_SUM, "n", "[{\"n\":1},{\"m\":1}]", "the result of task 't1' has no field 'n'" },
	{ NAME_STEP_SUM, "n", "[null]", "task 't0' has no structured result to take 'n' from" },
	{ NAME_STEP_MAX, "n", "[{\"n\":1},{\"n\":\"2\"}]",
	    "'n' in the result of task 't1': expected a number, got \"2\"" },
	{ NAME_STEP_MIN, "n", "[{\"n\":null}]",
	    "'n' in the result of task 't0': expected a number, got null" },
	{ NAME_STEP_SUM, "n", "[{\"n\":1.7e308},{\"n\":1.7e308}]",
	    "the sum of 'n' is too large for a number" },
};

START_TEST(totals_of_results)
{
	static const char *const tasks[RESULTS_MAX] = { "t0", "t1", "t2", "t3" };
	const struct total *t = &total_cases[_i];
	const cJSON *results[RESULTS_MAX] = { NULL }, *result;
	cJSON *all = parse(t->results);
	size_t count = 0;
	double value = -1;
	bool good;

	cJSON_ArrayForEach(result, all) results[count++] = cJSON_IsNull(result) ? NULL : result;
	good = template_aggregate(t->kind, t->field, results, tasks, count, &value, &why);
	if (t->expected[0] == '=') {
		ck_assert_msg(good, "%s", buf_str(&why));
		ck_assert_double_eq(value, atof(t->expected + 1));
		ck_assert_uint_eq(why.len, 0);
	} else {
		ck_assert(!good);
		ck_assert_str_eq(buf_str(&why), t->expected);
	}
	cJSON_Delete(all);
}
END_TEST

Suite *template_suite(void)
{
	Suite *s = suite_create("template");
	TCase *t = tcase_create("compile"), *f = tcase_create("fill");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, text_and_names);
	tcase_add_test(t, literals);
	tcase_add_test(t, not_closed);
	tcase_add_loop_test(t, good_names, 0, COUNT(goods));
	tcase_add_loop_test(t, bad_names, 0, COUNT(bads));
	tcase_add_test(t, names_by_scope);
	tcase_add_test(t, same_step_of_tasks_that_are_made_later);
	tcase_add_test(t, quoting);
	tcase_add_test(t, names_of_a_text);
	tcase_add_test(t, whatever_is_quoted_is_read_as_it_was);
	tcase_add_test(t, paths);
	tcase_add_test(t, values_in_a_text);
	tcase_add_loop_test(t, totals_of_results, 0, COUNT(total_cases));
	suite_add_tcase(s, t);
	tcase_add_checked_fixture(f, fill_setup, fill_teardown);
	tcase_add_test(f, filling);
	tcase_add_test(f, single_templates_keep_their_type);
	tcase_add_test(f, filled_in_is_never_a_template);
	tcase_add_test(f, filling_fails);
	tcase_add_test(f, text_as_written_stays);
	tcase_add_test(f, whatever_is_put_in_is_read_as_it_was);
	tcase_add_loop_test(f, large_texts_take_linear_time, 0, 11);
	tcase_set_timeout(f, 60);
	suite_add_tcase(s, f);
	return s;
}
