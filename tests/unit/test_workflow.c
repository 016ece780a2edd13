#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "shared/json.h"
#include "supervisor/input/condition.h"
#include "supervisor/input/template.h"
#include "supervisor/input/workflow.h"
#include "tests/unit/agents_fixture.h"

Suite *workflow_suite(void);

#define V "version: 1\n"
#define PLAN \
	V "steps:\n" \
	  "  - { id: plan, agent: planner, output: json, prompt: Answer. }\n"

static struct agents *agents;
static struct config config;
static struct plan plan;
static struct diag diag;
static struct buf why;

static void setup(void)
{
	agents = fixture_agents();
	config = (struct config){ .timeout_ms = NOT_GIVEN,
		.idle_timeout_ms = NOT_GIVEN,
		.retries = NOT_GIVEN };
	plan = (struct plan){ 0 };
	diag = (struct diag){ 0 };
	why = (struct buf)BUF_INIT;
}

static void teardown(void)
{
	plan_free(&plan);
	diag_free(&diag);
	buf_free(&why);
	agents_free(agents);
}

static void read_as(const char *text, enum document_form form)
{
	plan_free(&plan);
	diag_free(&diag);
	workflow_read(text, strlen(text), "f", form, &config, agents, &plan, &diag);
}

static void read_good(const char *text)
{
	read_as(text, DOCUMENT_YAML);
	ck_assert_msg(diag.count == 0, "%s%s", text, diag.count > 0 ? diag.lines[0] : "");
}

static void read_bad(const char *text, const char *message)
{
	read_as(text, DOCUMENT_YAML);
	ck_assert_uint_eq(diag.count, 1);
	ck_assert_str_eq(diag.lines[0], message);
}

static const struct task *task(size_t step, size_t index)
{
	ck_assert_uint_lt(step, plan.nsteps);
	ck_assert_uint_lt(index, plan.steps[step].count);
	return &plan.tasks[plan.steps[step].first + index];
}

static void set_var(const char *name, const char *value)
{
	static struct variable variable;

	variable = (struct variable){ name, strlen(name), value };
	config.vars = &variable;
	config.nvars = 1;
}

/* Makes the tasks of the step from a list written as JSON. */
static bool make(size_t step, const char *list)
{
	struct json_error error;
	cJSON *value = list != NULL ? json_parse(list, strlen(list), &error) : NULL;
	bool good;

	ck_assert(list == NULL || value != NULL);
	buf_reset(&why);
	good = workflow_foreach(&plan, step, value, &config, agents, &why);
	cJSON_Delete(value);
	return good;
}

static void make_bad(size_t step, const char *list, const char *message)
{
	size_t before = plan.ntasks;

	ck_assert(!make(step, list));
	ck_assert_str_eq(buf_str(&why), message);
	ck_assert_uint_eq(plan.ntasks, before);
	ck_assert_uint_eq(plan.steps[step].count, 0);
}

START_TEST(names)
{
	enum document_form form;

	ck_assert(workflow_named("a.yaml", &form) && form == DOCUMENT_YAML);
	ck_assert(workflow_named("b/a.yml", &form) && form == DOCUMENT_YAML);
	ck_assert(workflow_named("a.json", &form) && form == DOCUMENT_JSON);
	ck_assert(!workflow_named("a.jsonl", &form));
	ck_assert(!workflow_named("a", &form));
	ck_assert(!workflow_named("a.yaml/list", &form));
}
END_TEST

START_TEST(run_level)
{
	read_good(V "name: n\n"
		    "goal: reach ${{ vars.a }}\n"
		    "vars: { a: it }\n"
		    "limits: { jobs: 0, tokens_at_once: 4k, tokens: 2M, usd: 2.5, deadline: 2h }\n"
		    "require: 50%\n"
		    "steps:\n"
		    "  - { id: a, run: echo }\n");
	ck_assert_str_eq(plan.name, "n");
	ck_assert_str_eq(plan.goal, "reach it");
	ck_assert_int_eq(plan.limits.jobs, 0);
	ck_assert_uint_eq(plan.limits.tokens_at_once, 4000);
	ck_assert_uint_eq(plan.limits.tokens, 2000000);
	ck_assert(plan.limits.usd > 2.49 && plan.limits.usd < 2.51);
	ck_assert_int_eq(plan.limits.deadline_ms, 7200000);
	ck_assert(plan.has_require);
	ck_assert_int_eq(plan.require.kind, REQUIRE_PERCENT);
	ck_assert_uint_eq(plan.require.number, 50);
	ck_assert(!plan.has_needs);
}
END_TEST

START_TEST(nothing_said)
{
	read_good(V "steps:\n  - { id: a, run: echo }\n");
	ck_assert_ptr_null(plan.name);
	ck_assert_ptr_null(plan.goal);
	ck_assert_int_eq(plan.limits.jobs, UNSET);
	ck_assert(!plan.has_require);
	ck_assert_ptr_null(plan.steps[0].title);
	ck_assert_int_eq(plan.steps[0].more->limits.jobs, UNSET);
	ck_assert_int_eq(plan.steps[0].more->retries, UNSET);
	ck_assert(!plan.steps[0].more->has_require && !plan.steps[0].more->has_merge);
	ck_assert_ptr_null(plan.steps[0].more->debugger);
}
END_TEST

START_TEST(short_step)
{
	read_good(V "steps:\n"
		    "  - { id: a, run: echo }\n"
		    "  - id: b\n"
		    "    agent: planner\n"
		    "    prompt: Think.\n"
		    "    retries: 3\n"
		    "    title: Thinking\n");
	ck_assert_uint_eq(plan.nsteps, 2);
	ck_assert(plan.steps[1].more->single);
	ck_assert_uint_eq(plan.steps[1].line, 4);
	ck_assert_uint_eq(plan.steps[1].first, 1);
	ck_assert_str_eq(plan.steps[1].title, "Thinking");
	ck_assert_int_eq(plan.steps[1].more->retries, 3);
	ck_assert_str_eq(task(1, 0)->id, "b");
	ck_assert_str_eq(task(1, 0)->text, "Think.");
	ck_assert_int_eq(task(1, 0)->more->retries, 3);
	ck_assert_uint_eq(task(1, 0)->number, 2);
	ck_assert_str_eq(task(1, 0)->record,
	    "{\"id\":\"b\",\"agent\":\"planner\",\"prompt\":\"Think.\",\"retries\":3}");
}
END_TEST

START_TEST(step_keys)
{
	read_good(V "steps:\n"
		    "  - id: a\n"
		    "    goal: g\n"
		    "    sequential: true\n"
		    "    on_conflict: fail\n"
		    "    jobs: 2\n"
		    "    retries: 1\n"
		    "    debugger: planner\n"
		    "    merge: { agent: planner, prompt: 'It was ${{ steps.a.outcome }}' }\n"
		    "    require: 1\n"
		    "    limits: { deadline: 1m }\n"
		    "    tasks: [ { run: x }, { run: y } ]\n"
		    "  - { id: b, merge: json, when: steps.a.outcome == all, run: z }\n");
	const struct step_more *more = plan.steps[0].more;

	ck_assert(!more->single && more->sequential && more->refuse_conflicts);
	ck_assert_int_eq(more->limits.jobs, 2);
	ck_assert_int_eq(more->limits.deadline_ms, 60000);
	ck_assert_int_eq(more->retries, 1);
	ck_assert_str_eq(more->debugger, "planner");
	ck_assert(more->has_merge && more->merge == MERGE_AGENT);
	ck_assert_str_eq(more->merge_agent->name, "planner");
	ck_assert_ptr_nonnull(more->merge_prompt);
	ck_assert(more->has_require && more->require.kind == REQUIRE_COUNT);
	ck_assert_uint_eq(more->require.number, 1);
	ck_assert_ptr_null(more->when);
	more = plan.steps[1].more;
	ck_assert(more->has_merge && more->merge == MERGE_JSON);
	ck_assert_str_eq(more->when_text, "steps.a.outcome == all");
	ck_assert_int_eq(condition_name(more->when)->kind, NAME_STEP_OUTCOME);
}
END_TEST

/* A variable in braces is the name that is compared, and on the right a part of the text. */
START_TEST(braced_variables)
{
	static const struct {
		const char *when;
		int holds;
	} cases[] = {
		{ "${{ vars.word }} == yes", 1 },
		{ " ${{vars.word}}!=yes", 0 },
		{ "${{ vars.word }} == ${{ vars.word }}", 1 },
		{ "vars.number < ${{ vars.number }}", 0 },
		{ "${{ vars.number }} >= ${{ vars.number }}", 1 },
		{ "${{ vars.no }}", 0 },
		{ "${{ vars.word }}", 1 },
		{ "vars.wo${{ vars.rd }} == yes", 1 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf text = BUF_INIT, problem = BUF_INIT;
		buf_addf(&text,
		    V "vars: { word: 'yes', number: 3, no: false, rd: rd }\n"
		      "steps:\n  - { id: a, when: '%s', run: x }\n",
		    cases[i].when);
		read_good(buf_str(&text));
		const struct condition *c = plan.steps[0].more->when;
		ck_assert_msg(condition_holds(c, NULL, &problem) == cases[i].holds, "%s",
		    cases[i].when);
		buf_free(&text);
		buf_free(&problem);
		plan_free(&plan);
	}
}
END_TEST

/* Tasks are known by their place in the step, and their ids may come again in the next. */
START_TEST(ids)
{
	read_good(V "steps:\n"
		    "  - { id: a, tasks: [ { run: x }, { id: same, run: y } ] }\n"
		    "  - { id: b, tasks: [ { id: same, run: x }, { run: y, needs: [same] } ] }\n");
	ck_assert_str_eq(task(0, 0)->id, "1");
	ck_assert_str_eq(task(1, 1)->id, "2");
	ck_assert_uint_eq(idset_find(&plan.steps[0].ids, "same", NULL), 2);
	ck_assert_uint_eq(idset_find(&plan.steps[1].ids, "same", NULL), 3);
	ck_assert_uint_eq(idset_find(&plan.steps[1].ids, "2", NULL), 4);
	ck_assert(plan.has_needs);
}
END_TEST

START_TEST(defaults)
{
	const char *text =
	    V "defaults: { agent: planner, timeout: 5m, retries: 2, cwd: d, env: { A: a, B: b } }\n"
	      "steps:\n"
	      "  - id: a\n"
	      "    tasks:\n"
	      "      - { prompt: x, timeout: 1m, env: { B: c } }\n"
	      "      - { run: y }\n"
	      "      - { agent: researcher, prompt: x }\n";

	read_good(text);
	ck_assert_str_eq(task(0, 0)->agent->name, "planner");
	ck_assert_int_eq(task(0, 0)->more->timeout_ms, 60000);
	ck_assert_uint_eq(task(0, 0)->more->nenv, 2);
	ck_assert_str_eq(task(0, 0)->more->env[0].value, "c");
	ck_assert_str_eq(task(0, 0)->more->env[1].name, "A");
	ck_assert_ptr_null(task(0, 1)->agent);
	ck_assert_int_eq(task(0, 1)->more->timeout_ms, 300000);
	ck_assert_str_eq(task(0, 1)->more->cwd, "d");
	ck_assert_str_eq(task(0, 2)->agent->name, "researcher");
	config.timeout_ms = 0;
	config.retries = 5;
	read_good(text);
	ck_assert_int_eq(task(0, 0)->more->timeout_ms, 60000);
	ck_assert_int_eq(task(0, 1)->more->timeout_ms, UNSET);
	ck_assert_int_eq(task(0, 1)->more->retries, UNSET);
}
END_TEST

START_TEST(variables)
{
	const char *text = V
	    "vars: { n: 2, s: x, l: [a], t: true }\n"
	    "steps:\n"
	    "  - id: s-${{ vars.s }}\n"
	    "    retries: ${{ vars.n }}\n"
	    "    sequential: ${{ vars.t }}\n"
	    "    tasks:\n"
	    "      - { run: [echo, '${{ vars.s }}', '${{ vars.n }}'], writes: '${{ vars.l }}' }\n";

	read_good(text);
	ck_assert_str_eq(plan.steps[0].id, "s-x");
	ck_assert_int_eq(plan.steps[0].more->retries, 2);
	ck_assert(plan.steps[0].more->sequential);
	ck_assert_str_eq(task(0, 0)->more->argv[2], "2");
	ck_assert_str_eq(task(0, 0)->more->writes[0], "a");
	set_var("n", "7");
	read_good(text);
	ck_assert_int_eq(plan.steps[0].more->retries, 7);
	ck_assert_str_eq(task(0, 0)->more->argv[2], "7");
	set_var("l", "[\"b\",\"c\"]");
	read_good(text);
	ck_assert_uint_eq(task(0, 0)->more->nwrites, 2);
	set_var("n", "many");
	read_bad(text, "option '--var': 'n': expected a number, as in the workflow, got 'many'");
	set_var("t", "yes");
	read_bad(text,
	    "option '--var': 't': expected true or false, as in the workflow, got 'yes'");
	set_var("l", "b");
	read_bad(text, "option '--var': 'l': expected a JSON array, as in the workflow, got 'b'");
	set_var("z", "b");
	read_bad(text, "option '--var': no variable 'z'; 'vars' has 'n', 's', 'l', 't'");
}
END_TEST

/* What is put in is never read as a template, and the record keeps it so. */
START_TEST(put_in_once)
{
	const char *text = V "vars: { s: x }\n"
			     "steps:\n"
			     "  - id: a\n"
			     "    tasks:\n"
			     "      - { agent: planner, prompt: 'see ${{ vars.s }}' }\n"
			     "      - { run: [echo, '${{ vars.s }}'] }\n";

	set_var("s", "${{ steps.a.merged }}");
	read_good(text);
	ck_assert_str_eq(task(0, 0)->text, "see ${{ steps.a.merged }}");
	ck_assert(task(0, 0)->more == NULL || task(0, 0)->more->prompt == NULL);
	ck_assert_str_eq(task(0, 1)->more->argv[1], "${{ steps.a.merged }}");
	ck_assert_ptr_nonnull(strstr(task(0, 1)->record, "$${{ steps.a.merged }}"));
}
END_TEST

/* The document reads as the same again, without the options. */
START_TEST(document)
{
	struct buf first = BUF_INIT;

	set_var("s", "a ${{ b }}");
	read_good(V "name: 7\n"
		    "vars: { s: x, n: 1.50 }\n"
		    "defaults: { timeout: 5m }\n"
		    "steps:\n"
		    "  - { id: 1.5, run: [echo, '${{ vars.s }}', 0x10, '${{ vars.n }}'] }\n");
	buf_add(&first, plan.document, plan.document_len);
	config.nvars = 0;
	read_as(buf_str(&first), DOCUMENT_JSON);
	ck_assert_msg(diag.count == 0, "%s", diag.count > 0 ? diag.lines[0] : "");
	ck_assert_str_eq(plan.document, buf_str(&first));
	ck_assert_str_eq(plan.name, "7");
	ck_assert_str_eq(plan.steps[0].id, "1.5");
	ck_assert_str_eq(task(0, 0)->more->argv[1], "a ${{ b }}");
	ck_assert_str_eq(task(0, 0)->more->argv[2], "0x10");
	ck_assert_str_eq(task(0, 0)->more->argv[3], "1.5");
	buf_free(&first);
}
END_TEST

START_TEST(templates)
{
	read_good(
	    V "steps:\n"
	      "  - id: a\n"
	      "    tasks:\n"
	      "      - { id: x, agent: planner, prompt: x }\n"
	      "      - { id: y, agent: planner, prompt: 'y ${{ tasks.x.output }}', needs: [x] }\n"
	      "  - { id: b, agent: planner, prompt: '${{ steps.a.merged }}' }\n");
	ck_assert_uint_eq(task(0, 1)->more->nneeds, 1);
	ck_assert_ptr_nonnull(task(0, 1)->more->prompt);
	ck_assert_int_eq(task(1, 0)->more->prompt->parts[0].name->kind, NAME_STEP_MERGED);
}
END_TEST

START_TEST(too_many_tokens)
{
	const char *text = V "limits: { tokens_at_once: 100 }\n"
			     "steps:\n"
			     "  - { id: a, agent: planner, prompt: x, tokens: 101 }\n";

	read_bad(text,
	    "f:4:49: task 'a' is expected to use 101 tokens, and 'tokens_at_once' lets 100 run "
	    "together");
	config.tokens_at_once = 1000;
	read_good(text);
}
END_TEST

START_TEST(every_error)
{
	read_as(V "steps:\n"
		  "  - { id: a, agent: nobody, prompt: x }\n"
		  "  - { id: b, run: [] }\n"
		  "  - { id: c, run: y, when: steps.z.outcome == all }\n",
	    DOCUMENT_YAML);
	ck_assert_uint_eq(diag.count, 3);
	ck_assert_int_eq(strncmp(diag.lines[0], "f:3:21: no agent 'nobody'", 24), 0);
	ck_assert_int_eq(strncmp(diag.lines[1], "f:4:19: 'run': expected", 22), 0);
	ck_assert_int_eq(strncmp(diag.lines[2], "f:5:28: 'when': ", 15), 0);
}
END_TEST

START_TEST(many_errors)
{
	struct buf text = BUF_INIT;

	buf_addstr(&text, V "steps:\n  - id: a\n    tasks:\n");
	for (int i = 0; i < 30; i++)
		buf_addstr(&text, "      - { run: x, needs: [nothing] }\n");
	read_as(buf_str(&text), DOCUMENT_YAML);
	ck_assert_uint_eq(diag.count, 30);
	ck_assert_str_eq(diag.lines[19], "f:24:26: 'needs': no task has the id 'nothing'");
	buf_free(&text);
}
END_TEST

#define EACH(foreach, task) PLAN "  - id: each\n    foreach: " foreach "\n    task: " task "\n"
#define ITEMS "{ in: steps.plan.result.items }"

START_TEST(foreach_known)
{
	const struct foreach *f;

	read_good(EACH("{ in: '${{ steps.plan.result.items }}', as: it, max: 3, order_by: a.b }",
	    "{ agent: planner, prompt: '${{ it.p }}' }"));
	f = plan.steps[1].more->foreach;
	ck_assert_uint_eq(plan.steps[1].count, 0);
	ck_assert_int_eq(f->in->kind, NAME_TASK_RESULT);
	ck_assert_str_eq(f->in->path, "items");
	ck_assert_str_eq(f->as, "it");
	ck_assert_uint_eq(f->max, 3);
	ck_assert_str_eq(f->order_by, "a.b");
	read_good(EACH(ITEMS, "{ agent: planner, prompt: '${{ item }}' }"));
	f = plan.steps[1].more->foreach;
	ck_assert_str_eq(f->as, "item");
	ck_assert_uint_eq(f->max, 1000);
	ck_assert_ptr_null(f->order_by);
}
END_TEST

START_TEST(foreach_made)
{
	read_good(EACH(ITEMS,
	    "{ id: '${{ item.id }}', agent: '${{ item.who }}', prompt: 'Do ${{ item.p }}', writes: '${{ "
	    "item.w }}', priority: '${{ item.n }}', env: { N: '${{ item.n }}' } }"));
	ck_assert(make(1,
	    "[{\"id\":7,\"who\":\"planner\",\"p\":\"this\",\"w\":[\"a\"],\"n\":1.5},"
	    "{\"id\":\"b\",\"who\":\"researcher\",\"p\":{\"x\":[1]},\"w\":[],\"n\":2}]"));
	ck_assert_uint_eq(plan.steps[1].first, 1);
	ck_assert_uint_eq(plan.steps[1].count, 2);
	ck_assert_str_eq(task(1, 0)->id, "7");
	ck_assert_str_eq(task(1, 0)->agent->name, "planner");
	ck_assert_str_eq(task(1, 0)->text, "Do this");
	ck_assert_str_eq(task(1, 0)->more->writes[0], "a");
	ck_assert_str_eq(task(1, 0)->more->env[0].value, "1.5");
	ck_assert(task(1, 0)->more->priority > 1.4 && task(1, 0)->more->priority < 1.6);
	ck_assert_uint_eq(task(1, 0)->number, 2);
	ck_assert_uint_eq(task(1, 0)->line, plan.steps[1].line);
	ck_assert_str_eq(task(1, 1)->text, "Do {\"x\":[1]}");
	ck_assert_uint_eq(idset_find(&plan.steps[1].ids, "b", NULL), 3);
	ck_assert(plan.has_needs);
}
END_TEST

START_TEST(foreach_empty)
{
	read_good(EACH(ITEMS, "{ agent: planner, prompt: '${{ item }}' }"));
	ck_assert(make(1, "[]"));
	ck_assert_uint_eq(plan.steps[1].count, 0);
}
END_TEST

START_TEST(foreach_order)
{
	read_good(EACH("{ in: steps.plan.result.items, order_by: n }",
	    "{ agent: planner, prompt: '${{ item.p }}' }"));
	ck_assert(make(1,
	    "[{\"n\":1,\"p\":\"a\"},{\"n\":3,\"p\":\"b\"},{\"n\":1,\"p\":\"c\"},{\"n\":2,\"p\":\"d\"}]"));
	ck_assert_str_eq(task(1, 0)->text, "b");
	ck_assert_str_eq(task(1, 1)->text, "d");
	ck_assert_str_eq(task(1, 2)->text, "a");
	ck_assert_str_eq(task(1, 3)->text, "c");
	ck_assert_str_eq(task(1, 0)->id, "1");
}
END_TEST

START_TEST(foreach_refused)
{
	read_good(EACH("{ in: steps.plan.result.items, max: 2 }",
	    "{ id: '${{ item.id }}', agent: planner, prompt: '${{ item.p }}' }"));
	make_bad(1, NULL, "'steps.plan.result.items' is missing, expected an array");
	make_bad(1, "\"x\"", "'steps.plan.result.items' is a string, expected an array");
	make_bad(1, "{}", "'steps.plan.result.items' is an object, expected an array");
	make_bad(1, "[1,2,3]", "'steps.plan.result.items' has more than 2 items: 3");
	make_bad(1, "[{\"id\":\"a\",\"p\":\"x\"},{\"id\":\"b\"}]", "item 2: no field 'p'");
	make_bad(1, "[{\"id\":\"a\",\"p\":\"x\"},7]", "item 2: no field 'id'");
	make_bad(1, "[{\"id\":\"a\",\"p\":\"x\"},{\"id\":\"a\",\"p\":\"y\"}]",
	    "item 2: duplicate id 'a': it is already that of item 1");
	make_bad(1, "[{\"id\":\"../x\",\"p\":\"x\"}]",
	    "item 1: 'id': expected 1 to 64 letters, digits, '.', '_' or '-', "
	    "the first neither '.' nor '-', got '../x'");
	make_bad(1, "[{\"id\":\"a\",\"p\":\"\"}]",
	    "item 1: 'prompt': expected a text that is not empty, got ''");
	ck_assert(make(1, "[{\"id\":\"a\",\"p\":\"x\"}]"));
}
END_TEST

START_TEST(foreach_bad_order)
{
	read_good(EACH("{ in: steps.plan.result.items, order_by: n }",
	    "{ agent: planner, prompt: '${{ item.p }}' }"));
	make_bad(1, "[{\"n\":1,\"p\":\"x\"},{\"p\":\"y\"}]",
	    "item 2: 'order_by': expected a number as 'n', got nothing");
	make_bad(1, "[{\"n\":\"1\",\"p\":\"x\"}]",
	    "item 1: 'order_by': expected a number as 'n', got '1'");
}
END_TEST

/* Found only when all tasks are there; the index is that of the list, not of its order. */
START_TEST(foreach_together)
{
	read_good(EACH("{ in: steps.plan.result.items, order_by: n }",
	    "{ id: '${{ item.id }}', needs: '${{ item.needs }}', run: [echo] }"));
	make_bad(1,
	    "[{\"n\":1,\"id\":\"a\",\"needs\":[\"z\"]},{\"n\":2,\"id\":\"b\",\"needs\":[]}]",
	    "item 1: 'needs': no task has the id 'z'");
	make_bad(1,
	    "[{\"n\":1,\"id\":\"a\",\"needs\":[\"b\"]},{\"n\":2,\"id\":\"b\",\"needs\":[\"a\"]}]",
	    "item 2: 'needs' in a circle: b -> a -> b");
	ck_assert(make(1,
	    "[{\"n\":1,\"id\":\"a\",\"needs\":[\"b\"]},{\"n\":2,\"id\":\"b\",\"needs\":[]}]"));
}
END_TEST

/* An item that looks like a template stays the text that it is. */
START_TEST(foreach_injection)
{
	read_good(EACH(ITEMS,
	    "{ agent: planner, prompt: 'Do ${{ item.p }} ${{ steps.plan.outcome }}', cwd: '${{ "
	    "item.d }}' }"));
	ck_assert(make(1, "[{\"p\":\"${{ steps.plan.merged }}\",\"d\":\"${{ goal }}\"}]"));
	for (size_t i = 0; i < task(1, 0)->more->prompt->count; i++) {
		const struct name *name = task(1, 0)->more->prompt->parts[i].name;

		ck_assert(name == NULL || name->kind == NAME_STEP_OUTCOME);
	}
	ck_assert_str_eq(task(1, 0)->more->cwd, "${{ goal }}");
	read_good(EACH(ITEMS, "{ run: [echo, '${{ item }}'] }"));
	ck_assert(make(1, "[\"${{ steps.plan.merged }}\"]"));
	ck_assert_str_eq(task(1, 0)->more->argv[1], "${{ steps.plan.merged }}");
}
END_TEST

START_TEST(foreach_defaults)
{
	read_good(V "defaults: { agent: planner, timeout: 1m }\n"
		    "steps:\n"
		    "  - { id: plan, output: json, prompt: Answer. }\n"
		    "  - id: each\n"
		    "    foreach: { in: steps.plan.result.items }\n"
		    "    task: { prompt: '${{ item }}' }\n");
	ck_assert(make(1, "[\"x\"]"));
	ck_assert_str_eq(task(1, 0)->agent->name, "planner");
	ck_assert_int_eq(task(1, 0)->more->timeout_ms, 60000);
}
END_TEST

Suite *workflow_suite(void)
{
	Suite *s = suite_create("workflow");
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, names);
	tcase_add_test(t, run_level);
	tcase_add_test(t, nothing_said);
	tcase_add_test(t, short_step);
	tcase_add_test(t, step_keys);
	tcase_add_test(t, braced_variables);
	tcase_add_test(t, ids);
	tcase_add_test(t, defaults);
	tcase_add_test(t, variables);
	tcase_add_test(t, put_in_once);
	tcase_add_test(t, document);
	tcase_add_test(t, templates);
	tcase_add_test(t, too_many_tokens);
	tcase_add_test(t, every_error);
	tcase_add_test(t, many_errors);
	tcase_add_test(t, foreach_known);
	tcase_add_test(t, foreach_made);
	tcase_add_test(t, foreach_empty);
	tcase_add_test(t, foreach_order);
	tcase_add_test(t, foreach_refused);
	tcase_add_test(t, foreach_bad_order);
	tcase_add_test(t, foreach_together);
	tcase_add_test(t, foreach_injection);
	tcase_add_test(t, foreach_defaults);
	suite_add_tcase(s, t);
	return s;
}
