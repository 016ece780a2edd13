#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/io.h"
#include "shared/json.h"
#include "supervisor/record/escalation.h"
#include "supervisor/record/journal.h"
#include "supervisor/record/rundir.h"
#include "supervisor/resume/rerun.h"

Suite *escalation_suite(void);

static char root[64];
static struct rundir dir;
static struct journal *journal;
static struct buf text;

static void setup(void)
{
	char *why = NULL;

	unsetenv("POLLARD_STATE_DIR");
	snprintf(root, sizeof(root), "/tmp/pollard-escalation-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	ck_assert_msg(rundir_create(&dir, root, &why) == 0, "%s", why);
	int fd = openat(dir.fd, JOURNAL_NAME, O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
	ck_assert_int_ne(fd, -1);
	journal = journal_new(fd, 0);
	text = (struct buf)BUF_INIT;
}

static void teardown(void)
{
	char command[96];

	journal_free(journal);
	rundir_close(&dir);
	buf_free(&text);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	ck_assert_int_eq(system(command), 0);
}

/* Adds a record of that event; the members are written with ' for ". */
static void add(const char *event, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(const char *event, const char *fmt, ...)
{
	struct buf members = BUF_INIT;
	struct json_error error;
	va_list ap;

	buf_addch(&members, '{');
	va_start(ap, fmt);
	buf_vaddf(&members, fmt, ap);
	va_end(ap);
	buf_addch(&members, '}');
	for (size_t i = 0; i < members.len; i++)
		if (members.data[i] == '\'')
			members.data[i] = '"';
	cJSON *object = json_parse(members.data, members.len, &error);
	ck_assert_msg(object != NULL, "%s: %s", error.message, members.data);
	cJSON *record = journal_event(event);
	while (object->child != NULL) {
		cJSON *member = cJSON_DetachItemViaPointer(object, object->child);

		cJSON_AddItemToObject(record, member->string, member);
	}
	cJSON_Delete(object);
	journal_add(journal, record);
	buf_free(&members);
}

static void start(const char *input, const char *command, const char *steps)
{
	add("run-started",
	    "'run':'%s','name':'nightly','goal':null,'cwd':'/srv/my repo','command':[%s],"
	    "'options':{%s},'steps':[%s]",
	    dir.id, command, input, steps);
}

static void add_task(const char *step, const char *id, int number, const char *agent,
    const char *record)
{
	add("task-added", "'step':'%s','task':'%s','number':%d,'agent':%s,'record':'%s'", step, id,
	    number, agent, record);
}

static void end_attempt(const char *step, const char *id, int attempt, const char *members)
{
	add("attempt-finished",
	    "'step':'%s','task':'%s','attempt':%d,'level':%d,'status':'failed','seconds':12.000,%s",
	    step, id, attempt, attempt > 1 ? 2 : 0, members);
}

static void end_task(const char *step, const char *id, const char *agent, const char *status,
    const char *reason, int attempts)
{
	add("task-finished",
	    "'step':'%s','task':'%s','agent':%s,'status':'%s','reason':%s,'attempts':%d", step, id,
	    agent, status, reason, attempts);
}

static void fail_task(const char *id, const char *reason, const char *error, int status)
{
	char members[256];
	char quoted[64];

	snprintf(members, sizeof(members),
	    "'reason':'%s','error':'%s','exit':%d,'stderr':'no luck\\n'", reason, error, status);
	end_attempt("1", id, 1, members);
	snprintf(quoted, sizeof(quoted), "'%s'", reason);
	end_task("1", id, "null", "failed", quoted, 1);
}

static const char *written(void)
{
	ck_assert_int_eq(journal_flush(journal), 0);
	ck_assert_int_eq(escalation_write(&dir, NULL), 0);
	buf_reset(&text);
	ck_assert_int_eq(read_file_at(dir.fd, ESCALATION_NAME, &text, 4 * 1024 * 1024), 0);
	return buf_str(&text);
}

/* Of what was written last. */
static void expect(const char *part)
{
	ck_assert_msg(strstr(buf_str(&text), part) != NULL, "no '%s' in:\n%s", part,
	    buf_str(&text));
}

static void expect_not(const char *part)
{
	ck_assert_msg(strstr(buf_str(&text), part) == NULL, "'%s' in:\n%s", part, buf_str(&text));
}

static const char one_step[] = "{'id':'1','title':null,'goal':null,'count':3}";
static const char auto_input[] = "'input':'auto'";
static const char plain_command[] = "'pollard','run','-j','2','-f','list'";

START_TEST(the_whole_text)
{
	char expected[8192];

	add("run-started",
	    "'run':'%s','name':'nightly','goal':'Ship it','cwd':'/srv/my repo',"
	    "'command':['pollard','run','-kf','tasks.txt','--retries','1'],"
	    "'options':{'input':'auto'},'steps':[%s]",
	    dir.id, one_step);
	add_task("1", "a", 1, "'researcher'",
	    "{\\u0022agent\\u0022:\\u0022researcher\\u0022,"
	    "\\u0022prompt\\u0022:\\u0022Find it\\u0022}");
	add_task("1", "b", 2, "'researcher'", "researcher: Find more");
	add_task("1", "c", 3, "null", "{\\u0022run\\u0022:[\\u0022make\\u0022,\\u0022x y\\u0022]}");
	end_task("1", "a", "'researcher'", "succeeded", "null", 1);
	end_attempt("1", "b", 1,
	    "'reason':'exit','error':'exit 3','exit':3,'stderr':'no table\\n'");
	end_attempt("1", "c", 1,
	    "'reason':'exit','error':'exit 2','exit':2,'stderr':'',"
	    "'stdout':'only here'");
	add("verdict",
	    "'step':'1','level':2,'debugger':'doctor','valid':false,'error':'unknown key',"
	    "'verdict':null,'answer':'{\\u0022hm\\u0022:1}','seconds':3.0");
	add("verdict",
	    "'step':'1','level':2,'debugger':'builtin','valid':true,'error':null,'answer':null,"
	    "'verdict':{'relation':'independent','cause':'2 causes','groups':["
	    "{'cause':'no table','tasks':['b']},{'cause':'exit 2','tasks':['c']}],"
	    "'strategy':'sequential','fix':{'run':['make','the table']},"
	    "'retry':[{'task':'b','advice':'Look at one file'}],'escalate':true},'seconds':0.1");
	end_attempt("1", "b", 2, "'reason':'exit','error':'exit 3','exit':3,'stderr':'still'");
	add("recovery", "'step':'1','level':2,'text':'b retried once: failed again'");
	add("escalated", "'step':'1','reason':'retries did not help'");
	end_task("1", "c", "null", "failed", "'exit'", 1);
	end_task("1", "b", "'researcher'", "failed", "'exit'", 2);

	snprintf(expected, sizeof(expected),
	    "# nightly · %s\n\n"
	    "The goal: Ship it. Asked for: 3 tasks for the agent researcher and as commands. "
	    "What came of it: 1 succeeded, 2 failed. "
	    "A person must decide: retries did not help.\n"
	    "\n## What to decide\n\n"
	    "1. **Carry out the proposed fix** (below), if it is right: by hand, or by running "
	    "again with `--allow-fix`.\n"
	    "2. **Change the prompts or commands** of what failed, and run those again.\n"
	    "3. **Accept the partial result**: 1 of 3 tasks succeeded, and what they gave is kept. "
	    "With `--require partial` such a run ends with status 0.\n"
	    "\n## What failed\n"
	    "\n### b (researcher)\n\nIt was asked:\n\n```\nresearcher: Find more\n```\n"
	    "\nAttempt 1 (level 0, 12s): failed (exit): exit 3\n\n"
	    "The end of its standard error:\n\n```\nno table\n```\n"
	    "\nAttempt 2 (level 2, 12s): failed (exit): exit 3\n\n"
	    "The end of its standard error:\n\n```\nstill\n```\n"
	    "\n### c\n\nIt was asked:\n\n```\nmake \"x y\"\n```\n"
	    "\nAttempt 1 (level 0, 12s): failed (exit): exit 2\n\n"
	    "The end of its standard output:\n\n```\nonly here\n```\n"
	    "\n## What the debugger said\n"
	    "\nThe debugger doctor (level 2, 3.0s): no verdict: unknown key. It said:\n"
	    "\n```\n{\"hm\":1}\n```\n\n"
	    "\nThe built-in debugger (level 2, 0.1s): independent, strategy sequential, "
	    "a person must decide\n"
	    "\nCause: 2 causes\n"
	    "\n- Task b: no table\n- Task c: exit 2\n"
	    "\nProposed fix:\n\n```\nmake \"the table\"\n```\n\n"
	    "\nAdvice for b:\n\n```\nLook at one file\n```\n\n"
	    "\n## What was tried\n"
	    "\n- Recovery (level 2): b retried once: failed again\n"
	    "\n## What succeeded\n\na\n"
	    "\n## To go on\n\nWhen that is done, go on from here with what failed:\n\n"
	    "```sh\npollard resume --retry-failed %s\n```\n"
	    "\nOr as a run of its own; to change the tasks first, write what `pollard failed` "
	    "prints to a file and edit it:\n\n"
	    "```sh\ncd \"/srv/my repo\"\n"
	    "pollard failed %s | pollard run -k --retries 1\n```\n"
	    "\nSee all attempts of a task and what they wrote:\n\n"
	    "```sh\npollard show %s b\n```\n"
	    "\nEverything is recorded in the run directory:\n\n"
	    "```\n%s\n```\n",
	    dir.id, dir.id, dir.id, dir.id, dir.path);
	/* sh's own quotes: the records above are written with ' for " */
	for (char *at = expected; (at = strstr(at, "\"x y\"")) != NULL;)
		at[0] = at[4] = '\'';
	for (char *at = expected; (at = strstr(at, "\"the table\"")) != NULL;)
		at[0] = at[10] = '\'';
	for (char *at = expected; (at = strstr(at, "\"/srv/my repo\"")) != NULL;)
		at[0] = at[13] = '\'';
	ck_assert_str_eq(written(), expected);
}
END_TEST

START_TEST(nobody_succeeded_and_nobody_was_asked)
{
	start(auto_input, plain_command, one_step);
	add_task("1", "a", 1, "null", "./a");
	fail_task("a", "exit", "exit 1", 1);
	add("escalated", "'step':'1','reason':'no task succeeded'");
	written();

	expect("2. **Run again what failed as it is**");
	expect_not("Accept the partial");
	expect_not("3. ");
	expect("\n## What the debugger said\n\nNobody was asked.\n");
	expect("\n## What was tried\n\nNothing was attempted again.\n");
	expect("\n## What succeeded\n\nNothing.\n");
}
END_TEST

/* No requirement of the run takes back what the step required. */
START_TEST(a_step_that_required_more)
{
	start(auto_input, plain_command, one_step);
	add_task("1", "a", 1, "null", "./a");
	add_task("1", "b", 2, "null", "./b");
	end_task("1", "b", "null", "succeeded", "null", 1);
	fail_task("a", "exit", "exit 1", 1);
	add("step-finished", "'step':'1','outcome':'partial','blocked':true");
	add("step-finished", "'step':'2','outcome':'none'");
	written();
	expect_not("Accept the partial");

	/* it was resumed, and is blocked no more */
	add("step-finished", "'step':'1','outcome':'partial'");
	written();
	expect("Accept the partial");
}
END_TEST

/* What names results of other tasks is no list without them. */
START_TEST(a_prompt_that_names_results)
{
	start(auto_input, plain_command, one_step);
	add_task("1", "a", 1, "null", "./a");
	add("task-added", "%s",
	    "'step':'1','task':'b','number':2,'agent':'x','record':"
	    "'{\\u0022prompt\\u0022:\\u0022All of ${{ tasks.a.output }}\\u0022}'");
	fail_task("a", "exit", "exit 1", 1);
	written();
	expect("pollard resume --retry-failed ");
	expect_not("| pollard run");
	expect_not("Or as a run of its own");
}
END_TEST

START_TEST(a_missing_command)
{
	start(auto_input, plain_command, one_step);
	add_task("1", "a", 1, "null", "./a");
	fail_task("a", "exit", "exit 127", 127);
	written();

	expect("1. **Install or correct what cannot be started or found**");
	expect("2. **Change the prompts");
}
END_TEST

START_TEST(what_the_cause_says)
{
	start(auto_input, plain_command, one_step);
	add_task("1", "a", 1, "null", "./a");
	add("verdict",
	    "'step':'1','level':1,'debugger':'builtin','valid':true,'error':null,'answer':null,"
	    "'verdict':{'relation':'related','cause':'1 task: No space left on device (writing "
	    "/tmp)','groups':[],'strategy':'stop','fix':null,'retry':[],'escalate':false},"
	    "'seconds':0.1");
	fail_task("a", "timeout", "timed out after 5s", 0);
	written();

	expect("1. **Make room on the disk**");
	expect("2. **Give what failed more time**");
	expect_not("Install");
}
END_TEST

START_TEST(a_fix_that_was_carried_out)
{
	start(auto_input, "'pollard','run','--allow-fix'", one_step);
	add_task("1", "a", 1, "null", "./a");
	add("verdict",
	    "'step':'1','level':1,'debugger':'doctor','valid':true,'error':null,'answer':null,"
	    "'verdict':{'relation':'related','cause':'c','groups':[],'strategy':'parallel',"
	    "'fix':{'agent':'fixer','prompt':'Mend it'},'retry':[],'escalate':false},"
	    "'seconds':0.1");
	add("fix",
	    "'step':'1','agent':'fixer','prompt':'Mend it\\nnow','run':null,'status':'failed',"
	    "'error':'exit 4','seconds':1.0");
	fail_task("a", "exit", "exit 1", 1);
	written();

	expect("1. **Look at what the fix changed**");
	expect("- Fix (1.0s): agent fixer: Mend it → failed: exit 4\n");
	expect("```\nagent fixer: Mend it\n```");
	expect_not("--allow-fix`");
}
END_TEST

START_TEST(a_fix_that_was_allowed_and_not_carried_out)
{
	start(auto_input, "'pollard','run','--allow-fix'", one_step);
	add_task("1", "a", 1, "null", "./a");
	add("verdict",
	    "'step':'1','level':1,'debugger':'doctor','valid':true,'error':null,'answer':null,"
	    "'verdict':{'relation':'related','cause':'c','groups':[],'strategy':'stop',"
	    "'fix':{'run':['x']},'retry':[],'escalate':false},'seconds':0.1");
	fail_task("a", "exit", "exit 1", 1);
	written();

	expect("1. **Carry out the proposed fix by hand**");
}
END_TEST

START_TEST(several_steps_are_named)
{
	start(auto_input, plain_command, "{'id':'one','count':1},{'id':'two','count':1}");
	add_task("one", "a", 1, "null", "./a");
	add_task("two", "a", 2, "null", "./b");
	end_task("one", "a", "null", "succeeded", "null", 1);
	end_attempt("two", "a", 1, "'reason':'exit','error':'exit 1','exit':1,'stderr':'x'");
	add("escalated", "'step':'two','reason':'why'");
	end_task("two", "a", "null", "failed", "'exit'", 1);
	written();

	expect("Asked for: 2 commands in 2 steps. ");
	expect(" A person must decide in step two: why.\n");
	expect("\n### two.a\n");
	expect("\n## What succeeded\n\none.a\n");
	ck_assert_ptr_nonnull(strstr(buf_str(&text), " two.a\n```\n"));
}
END_TEST

START_TEST(a_command_for_each_line)
{
	start("'input':'command','command':['cc','-c','{}','-o','{#}.o'],'stdin':false",
	    "'pollard','run','--','cc','-c','{}','-o','{#}.o'", one_step);
	add_task("1", "7", 7, "null", "my file.c");
	fail_task("7", "exit", "exit 1", 1);
	written();
	expect("1 command: cc -c ");
	/* in words of the shell */
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] == '\'')
			text.data[i] = '"';
	expect("```\ncc -c \"my file.c\" -o 7.o\n```");
	expect("| pollard run -- cc -c {} -o \"{#}.o\"\n");
}
END_TEST

START_TEST(a_line_without_a_place)
{
	start("'input':'command','command':['cc','-c'],'stdin':false", plain_command, one_step);
	add_task("1", "1", 1, "null", "x.c");
	fail_task("1", "exit", "exit 1", 1);
	written();
	expect("```\ncc -c x.c\n```");
}
END_TEST

START_TEST(a_line_on_standard_input)
{
	start("'input':'command','command':['cat','{}'],'stdin':true", plain_command, one_step);
	add_task("1", "1", 1, "null", "x.c");
	fail_task("1", "exit", "exit 1", 1);
	written();
	expect("\n[on its standard input:]\nx.c\n```");
}
END_TEST

START_TEST(a_spilled_stream)
{
	struct buf long_text = BUF_INIT;

	for (int i = 1; i <= 5000; i++)
		buf_addf(&long_text, "line %d\n", i);
	ck_assert_int_eq(replace_file_at(dir.out_fd, "1.a.1.err", long_text.data, long_text.len,
			     false),
	    0);
	buf_free(&long_text);
	start(auto_input, plain_command, one_step);
	add_task("1", "a", 1, "null", "./a");
	end_attempt("1", "a", 1,
	    "'reason':'exit','error':'exit 1','exit':1,"
	    "'stderr_path':'out/1.a.1.err'");
	end_task("1", "a", "null", "failed", "'exit'", 1);
	written();

	expect("```\nline 4991\n");
	expect("\nline 5000\n```\n");
	expect_not("line 4990\n");
}
END_TEST

/* What a task may have put in the place of its output file. */
static void expect_nothing_read(const char *path)
{
	struct buf members = BUF_INIT;

	start(auto_input, plain_command, one_step);
	add_task("1", "a", 1, "null", "./a");
	buf_addf(&members, "'reason':'exit','error':'exit 1','exit':1,'stderr_path':'%s'", path);
	end_attempt("1", "a", 1, buf_str(&members));
	end_task("1", "a", "null", "failed", "'exit'", 1);
	buf_free(&members);
	written();
	expect("It wrote nothing.");
	expect_not("secret");
}

START_TEST(a_link_is_not_followed)
{
	ck_assert_int_eq(replace_file_at(dir.fd, "secret", "secret", 6, false), 0);
	ck_assert_int_eq(symlinkat("../secret", dir.out_fd, "1.a.1.err"), 0);
	expect_nothing_read("out/1.a.1.err");
}
END_TEST

START_TEST(nothing_outside_is_read)
{
	ck_assert_int_eq(replace_file_at(dir.fd, "secret", "secret", 6, false), 0);
	expect_nothing_read("out/../secret");
}
END_TEST

START_TEST(a_pipe_does_not_hold_it_up)
{
	ck_assert_int_eq(mkfifoat(dir.out_fd, "1.a.1.err", 0600), 0);
	expect_nothing_read("out/1.a.1.err");
}
END_TEST

START_TEST(text_of_tasks_stays_text)
{
	start(auto_input, plain_command, one_step);
	add_task("1", "a", 1, "'<b>'", "```\\n# Heading\\n`````\\n\\u001b[2J");
	end_attempt("1", "a", 1,
	    "'reason':'exit','error':'x\\n## What succeeded','exit':1,"
	    "'stderr':'````\\n## To go on\\n\\u202e'");
	add("verdict",
	    "'step':'1','level':1,'debugger':'doctor','valid':false,'error':'a\\n## b',"
	    "'verdict':null,'answer':'```\\nrm -rf\\n\\u0007','seconds':0.1");
	add("recovery", "'step':'1','level':1,'text':'a\\n## c <img>'");
	add("escalated", "'step':'1','reason':'a\\n## d'");
	end_task("1", "a", "'<b>'", "failed", "'exit'", 1);
	written();

	expect("``````\n```\n# Heading\n`````\n\\x1b[2J\n``````\n");
	expect("`````\n````\n## To go on\n\\u{202e}\n`````\n");
	expect("````\n```\nrm -rf\n\\x07\n````\n");
	expect(": x\\n## What succeeded\n");
	expect("no verdict: a\\n## b. It said:");
	expect("a\\n## c \\<img>");
	expect("A person must decide: a\\n## d.");
	expect("### a (\\<b>)");
	ck_assert_ptr_null(memchr(text.data, '\x1b', text.len));
	ck_assert_ptr_null(memchr(text.data, '\a', text.len));
}
END_TEST

START_TEST(long_texts_are_cut)
{
	struct buf lines = BUF_INIT;

	for (int i = 1; i <= 30; i++)
		buf_addf(&lines, "l%d\\n", i);
	start(auto_input, plain_command, one_step);
	add_task("1", "a", 1, "null", buf_str(&lines));
	end_attempt("1", "a", 1, "'reason':'exit','error':'exit 1','exit':1,'stderr':'x'");
	end_task("1", "a", "null", "failed", "'exit'", 1);
	buf_free(&lines);
	written();

	expect("l20\n[... cut here ...]\n```");
	expect_not("l21\n");
}
END_TEST

START_TEST(many_attempts)
{
	start(auto_input, plain_command, one_step);
	add_task("1", "a", 1, "null", "./a");
	for (int i = 1; i <= 12; i++)
		end_attempt("1", "a", i, "'reason':'exit','error':'exit 1','exit':1,'stderr':'x'");
	end_task("1", "a", "null", "failed", "'exit'", 12);
	written();

	expect("\nAttempt 1 (");
	expect_not("\nAttempt 2 (");
	expect_not("\nAttempt 7 (");
	expect("\nAttempt 8 (");
	expect("\nAttempt 12 (");
	expect("\n6 attempts more between these;");
}
END_TEST

/* As much of everything as there can be. */
START_TEST(it_is_bounded)
{
	struct buf junk = BUF_INIT;
	struct buf members = BUF_INIT;
	struct buf ids = BUF_INIT;
	char id[24];

	for (int i = 0; i < 16000; i++)
		buf_addstr(&junk, i % 70 == 69 ? "\\n" : i % 2 == 0 ? "\\u001b" : "`");
	start(auto_input, plain_command, "{'id':'1','count':300}");
	for (int i = 1; i <= 300; i++) {
		snprintf(id, sizeof(id), "task-%d", i);
		add_task("1", id, i, "null", buf_str(&junk));
		buf_addf(&ids, "%s'%s'", i > 1 ? "," : "", id);
	}
	buf_addf(&members, "'reason':'exit','error':'exit 1','exit':1,'stderr':'%s'",
	    buf_str(&junk));
	for (int i = 1; i <= 80; i++) {
		snprintf(id, sizeof(id), "task-%d", i);
		for (int k = 1; k <= 9; k++)
			end_attempt("1", id, k, buf_str(&members));
		end_task("1", id, "null", "failed", "'exit'", 9);
	}
	for (int i = 81; i <= 300; i++) {
		snprintf(id, sizeof(id), "task-%d", i);
		end_task("1", id, "null", "succeeded", "null", 1);
	}
	for (int i = 0; i < 60; i++) {
		add("verdict",
		    "'step':'1','level':2,'debugger':'doctor','valid':true,'error':null,"
		    "'answer':null,'verdict':{'relation':'related','cause':'%s','groups':["
		    "{'cause':'%s','tasks':[%s]}],'strategy':'parallel','fix':null,"
		    "'retry':[{'task':'task-1','advice':'%s'}],'escalate':false},'seconds':0.1",
		    buf_str(&junk), buf_str(&junk), buf_str(&ids), buf_str(&junk));
		add("recovery", "'step':'1','level':2,'text':'%s'", buf_str(&junk));
		add("escalated", "'step':'1','reason':'%s'", buf_str(&junk));
	}
	written();

	ck_assert_uint_lt(text.len, 1024 * 1024);
	expect("80 failed");
	expect("### task-50\n");
	expect_not("### task-51\n");
	expect("\n… and 30 tasks more.\n");
	expect("task-180 … and 120 more\n");
	expect_not("task-181");
	expect(" and 280 more: ");
	buf_free(&junk);
	buf_free(&members);
	buf_free(&ids);
}
END_TEST

START_TEST(the_last_end_counts)
{
	start(auto_input, plain_command, one_step);
	add_task("1", "a", 1, "null", "./a");
	add_task("1", "b", 2, "null", "./b");
	add_task("1", "c", 3, "null", "./c");
	fail_task("a", "exit", "exit 1", 1);
	fail_task("b", "exit", "exit 1", 1);
	end_task("1", "a", "null", "succeeded", "null", 2);
	end_task("1", "c", "null", "skipped", "'when'", 0);
	written();

	expect("Asked for: 2 commands. ");
	expect("What came of it: 1 succeeded, 1 failed.");
	expect_not("### a");
	expect("### b\n");
}
END_TEST

START_TEST(what_never_started_or_ended)
{
	start(auto_input, plain_command, one_step);
	add_task("1", "a", 1, "null", "{bad");
	add_task("1", "b", 2, "null", "./b");
	add_task("1", "c", 3, "null", "./c");
	end_task("1", "a", "null", "failed", "'invalid'", 0);
	end_task("1", "b", "null", "skipped", "'needs'", 0);
	written();

	expect("0 succeeded, 1 failed, 1 skipped, 1 not finished.");
	expect("```\n{bad\n```\n\nIt was not started: invalid.\n");
	expect("1. **Correct the records**");
}
END_TEST

START_TEST(another_state_directory)
{
	char expected[256];

	start(auto_input, "'pollard','run','--state-dir','s'", one_step);
	written();
	snprintf(expected, sizeof(expected),
	    "pollard failed --state-dir %s %s | pollard run "
	    "--state-dir s\n",
	    root, dir.id);
	expect(expected);
	snprintf(expected, sizeof(expected), "pollard show --state-dir %s %s\n", root, dir.id);
	expect(expected);
}
END_TEST

START_TEST(an_empty_journal)
{
	written();
	expect("Asked for: 0 tasks. What came of it: 0 succeeded, 0 failed.\n");
	expect(" | pollard run\n");
}
END_TEST

START_TEST(bad_records_are_ignored)
{
	add("run-started", "'command':7,'options':[],'steps':{},'cwd':3,'goal':[]");
	add("task-added", "'task':'a'");
	add("task-added", "'step':'1','task':'a','record':{},'agent':5");
	add("task-finished", "'step':'1','task':'a','status':'exploded'");
	add("task-finished", "'step':'1','task':'a','status':'failed','attempts':-1");
	add("attempt-finished", "'step':'1','task':'a','stderr':{},'seconds':'x'");
	add("verdict", "'verdict':{'groups':7,'retry':[1],'fix':{'run':3}},'seconds':-1");
	add("verdict", "'verdict':{'groups':[{'tasks':[3]}],'retry':{'a':null}}");
	add("fix", "'run':[1,2]");
	add("recovery", "'level':'x'");
	add("escalated", "'step':5");
	written();
	expect("1 failed");
}
END_TEST

START_TEST(a_journal_that_is_not_there)
{
	ck_assert_int_eq(unlinkat(dir.fd, JOURNAL_NAME, 0), 0);
	ck_assert_int_eq(escalation_write(&dir, NULL), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(faccessat(dir.fd, ESCALATION_NAME, F_OK, 0), -1);
}
END_TEST

/* The words are separated by newlines. */
static void expect_rerun(const char *words, const char *expected)
{
	cJSON *command = cJSON_CreateArray();
	char *copy = strdup(words);
	char *rest = copy;
	char *word;
	struct rerun seen;
	struct buf line = BUF_INIT;

	while ((word = strsep(&rest, "\n")) != NULL)
		cJSON_AddItemToArray(command, cJSON_CreateString(word));
	rerun_command(&line, command, &seen);
	ck_assert_str_eq(buf_str(&line), expected);
	buf_free(&line);
	free(copy);
	cJSON_Delete(command);
}

START_TEST(the_command_without_its_input)
{
	expect_rerun("pollard\nrun", "pollard run");
	expect_rerun("pollard\nrun\n-f\nlist\n-k", "pollard run -k");
	expect_rerun("pollard\nrun\n-flist\n-k", "pollard run -k");
	expect_rerun("pollard\nrun\n-kf\nlist\n-j\n3", "pollard run -k -j 3");
	expect_rerun("pollard\nrun\n-0kflist", "pollard run -0k");
	expect_rerun("pollard\nrun\n-j3\n-f\n-\n--shell", "pollard run -j3 --shell");
	/* what looks like -f is the value of another option */
	expect_rerun("pollard\nrun\n-t\n-f\n--name\n-f", "pollard run -t -f --name -f");
	expect_rerun("pollard\nrun\n--timeout=9\n-f\nx", "pollard run --timeout=9");
	/* or belongs to the command */
	expect_rerun("pollard\nrun\n-f\nl\n--\ntail\n-f\n{}", "pollard run -- tail -f {}");
	expect_rerun("pollard\nrun\n-k\ntail\n-f", "pollard run -k tail -f");
	expect_rerun("pollard\nrun\n--\nrun\n--\n-f", "pollard run -- run -- -f");
}
END_TEST

START_TEST(the_command_from_its_directory)
{
	expect_rerun("pollard\n-C\nx\nrun\n-C\ny\n-k", "pollard run -k");
	expect_rerun("pollard\n-Cx\nrun\n-kCy", "pollard run -k");
	expect_rerun("/opt/pollard\nrun", "/opt/pollard run");
	expect_rerun("build/pollard\nrun", "pollard run");
}
END_TEST

START_TEST(words_of_the_shell)
{
	expect_rerun("pollard\nrun\n--name\na b\n--\nsh\n-c\necho $1; rm *",
	    "pollard run --name 'a b' -- sh -c 'echo $1; rm *'");
	/* an option's value is missing: the words end */
	expect_rerun("pollard\nrun\n-f", "pollard run");
	expect_rerun("pollard\nrun\n-j", "pollard run -j");
	expect_rerun("pollard", "pollard run");
}
END_TEST

START_TEST(what_the_command_had)
{
	static const char *const words[] = { "pollard", "run", "--state-dir=x", "--allow-fix" };
	cJSON *command = cJSON_CreateStringArray(words, 4);
	struct buf line = BUF_INIT;
	struct rerun seen;

	rerun_command(&line, command, &seen);
	ck_assert(seen.state_dir);
	ck_assert(seen.allow_fix);
	cJSON_Delete(command);
	buf_reset(&line);
	rerun_command(&line, NULL, &seen);
	ck_assert(!seen.state_dir);
	ck_assert(!seen.allow_fix);
	ck_assert_str_eq(buf_str(&line), "pollard run");
	buf_free(&line);
}
END_TEST

Suite *escalation_suite(void)
{
	Suite *suite = suite_create("escalation");
	TCase *content = tcase_create("content");

	tcase_add_checked_fixture(content, setup, teardown);
	tcase_add_test(content, the_whole_text);
	tcase_add_test(content, nobody_succeeded_and_nobody_was_asked);
	tcase_add_test(content, a_step_that_required_more);
	tcase_add_test(content, a_prompt_that_names_results);
	tcase_add_test(content, a_missing_command);
	tcase_add_test(content, what_the_cause_says);
	tcase_add_test(content, a_fix_that_was_carried_out);
	tcase_add_test(content, a_fix_that_was_allowed_and_not_carried_out);
	tcase_add_test(content, several_steps_are_named);
	tcase_add_test(content, a_command_for_each_line);
	tcase_add_test(content, a_line_without_a_place);
	tcase_add_test(content, a_line_on_standard_input);
	tcase_add_test(content, the_last_end_counts);
	tcase_add_test(content, what_never_started_or_ended);
	tcase_add_test(content, another_state_directory);
	suite_add_tcase(suite, content);

	TCase *safety = tcase_create("safety");
	tcase_add_checked_fixture(safety, setup, teardown);
	tcase_set_timeout(safety, 30);
	tcase_add_test(safety, a_spilled_stream);
	tcase_add_test(safety, a_link_is_not_followed);
	tcase_add_test(safety, nothing_outside_is_read);
	tcase_add_test(safety, a_pipe_does_not_hold_it_up);
	tcase_add_test(safety, text_of_tasks_stays_text);
	tcase_add_test(safety, long_texts_are_cut);
	tcase_add_test(safety, many_attempts);
	tcase_add_test(safety, it_is_bounded);
	tcase_add_test(safety, an_empty_journal);
	tcase_add_test(safety, bad_records_are_ignored);
	tcase_add_test(safety, a_journal_that_is_not_there);
	suite_add_tcase(suite, safety);

	TCase *command = tcase_create("command");
	tcase_add_test(command, the_command_without_its_input);
	tcase_add_test(command, the_command_from_its_directory);
	tcase_add_test(command, words_of_the_shell);
	tcase_add_test(command, what_the_command_had);
	suite_add_tcase(suite, command);
	return suite;
}
