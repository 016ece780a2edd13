#include <check.h>
#include <stdio.h>
#include <string.h>

#include "shared/json.h"
#include "supervisor/recovery/verdict.h"
#include "workers/debugger.h"

Suite *debugger_suite(void);

static struct buf verdict_text;
static cJSON *verdict;

static void setup(void)
{
	verdict_text = (struct buf)BUF_INIT;
	verdict = NULL;
}

static void teardown(void)
{
	cJSON_Delete(verdict);
	buf_free(&verdict_text);
}

/* What is the same in all attempts of a request that add_failure() makes. */
static void add_attempt(cJSON *attempts, const char *reason, int status, const char *err)
{
	cJSON *attempt = cJSON_CreateObject();

	json_add_string(attempt, "reason", reason);
	if (status >= 0)
		json_add_integer(attempt, "exit", status);
	else
		json_add_null(attempt, "exit");
	json_add_null(attempt, "signal");
	json_add_seconds(attempt, "seconds", 1500);
	json_add_string(attempt, "stdout_tail", "429 Too Many Requests: rate limit exceeded");
	json_add_string(attempt, "stderr_tail", err);
	cJSON_AddItemToArray(attempts, attempt);
}

static cJSON *add_failure(cJSON *request, const char *task, const char *reason, int status,
    const char *err)
{
	cJSON *failure = cJSON_CreateObject(), *attempts = cJSON_CreateArray();

	json_add_string(failure, "task", task);
	json_add_null(failure, "agent");
	json_add_item(failure, "attempts", attempts);
	add_attempt(attempts, reason, status, err);
	cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(request, "failures"), failure);
	return failure;
}

static cJSON *new_request(int scenario)
{
	cJSON *request = cJSON_CreateObject();

	json_add_string(request, "step", "main");
	json_add_null(request, "goal");
	json_add_integer(request, "scenario", scenario);
	json_add_item(request, "failures", cJSON_CreateArray());
	json_add_item(request, "succeeded", cJSON_CreateArray());
	return request;
}

/* Whoever asked takes the verdict: it reads strictly. */
static void check_accepted(const cJSON *request)
{
	const cJSON *failures = json_get(request, "failures"), *failure;
	const char *ids[4000];
	struct verdict accepted;
	char *why = NULL;
	size_t n = 0;

	for (failure = failures->child; failure != NULL; failure = failure->next)
		ids[n++] = json_get_string(failure, "task");
	ck_assert_msg(verdict_parse(verdict, ids, n, &accepted, &why), "%s", why);
	verdict_free(&accepted);
}

/* Asks, and checks what holds for every verdict. */
static void ask(cJSON *request)
{
	static const char *const members[] = { "relation", "cause", "groups", "strategy", "fix",
		"retry", "escalate", "pause" };
	struct buf text = BUF_INIT;
	struct json_error error;
	const char *why = NULL;
	const cJSON *member;
	size_t i = 0;

	json_print(&text, request);
	ck_assert_msg(debugger_verdict(buf_str(&text), text.len, &verdict_text, &why), "%s", why);
	ck_assert_int_eq(verdict_text.data[verdict_text.len - 1], '\n');
	ck_assert_ptr_eq(memchr(verdict_text.data, '\n', verdict_text.len - 1), NULL);
	verdict = json_parse(verdict_text.data, verdict_text.len, &error);
	ck_assert_msg(verdict != NULL, "%s", error.message);
	for (member = verdict->child; member != NULL; member = member->next, i++)
		ck_assert_str_eq(member->string, members[i]);
	/* the pause only where there is a hint */
	ck_assert_uint_eq(i, json_get(verdict, "pause") != NULL ? 8 : 7);
	ck_assert(cJSON_IsNull(json_get(verdict, "fix")));
	buf_free(&text);
	check_accepted(request);
	cJSON_Delete(request);
}

static void expect(const char *relation, const char *strategy, bool escalate)
{
	ck_assert_str_eq(json_get_string(verdict, "relation"), relation);
	ck_assert_str_eq(json_get_string(verdict, "strategy"), strategy);
	ck_assert_int_eq(cJSON_IsTrue(json_get(verdict, "escalate")), escalate);
}

static const cJSON *group(int i)
{
	return cJSON_GetArrayItem(json_get(verdict, "groups"), i);
}

static const cJSON *retry(int i)
{
	return cJSON_GetArrayItem(json_get(verdict, "retry"), i);
}

static int length(const char *key)
{
	return cJSON_GetArraySize(json_get(verdict, key));
}

static const char *task_of_group(int i, int task)
{
	return cJSON_GetArrayItem(json_get(group(i), "tasks"), task)->valuestring;
}

START_TEST(command_not_found)
{
	static const char text[] =
	    "cannot start 'node': command not found (PATH was /usr/bin:/bin)";
	cJSON *request = new_request(3);

	for (int i = 0; i < 3; i++) {
		char task[] = { (char)('a' + i), '\0' };
		cJSON *failure = add_failure(request, task, "spawn", -1, "");

		json_add_string(cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(failure,
						       "attempts"),
				    0),
		    "error", text);
	}
	ask(request);
	expect("related", "stop", true);
	ck_assert_str_eq(json_get_string(verdict, "cause"),
	    "3 tasks: 'node': command not found; PATH was /usr/bin:/bin");
	ck_assert_int_eq(length("groups"), 1);
	ck_assert_int_eq(length("retry"), 0);
	ck_assert_str_eq(task_of_group(0, 2), "c");
}
END_TEST

START_TEST(several_commands_not_found)
{
	cJSON *request = new_request(2);

	add_failure(request, "a", "exit", 127, "sh: 1: node: not found");
	add_failure(request, "b", "exit", 127, "sh: 1: tsc: not found");
	ask(request);
	expect("related", "stop", true);
	ck_assert_str_eq(json_get_string(verdict, "cause"),
	    "2 tasks: 'node', 'tsc': command not found");
}
END_TEST

START_TEST(lock_of_git)
{
	static const char err[] = "fatal: Unable to create '/r/.git/index.lock': File exists.\n\n"
				  "Another git process seems to be running in this repository\n";
	cJSON *request = new_request(2);

	add_failure(request, "a", "exit", 128, err);
	add_failure(request, "b", "exit", 128, err);
	ask(request);
	expect("related", "sequential", false);
	ck_assert_str_eq(json_get_string(verdict, "cause"),
	    "2 tasks: cannot take the lock /r/.git/index.lock: another git process is at work");
	ck_assert_int_eq(length("retry"), 2);
	ck_assert_ptr_ne(json_get_string(retry(0), "advice"), NULL);
}
END_TEST

START_TEST(full_disk)
{
	cJSON *request = new_request(2);

	for (int i = 0; i < 4; i++) {
		char task[] = { (char)('a' + i), '\0' };

		add_failure(request, task, "exit", 1 + i % 2,
		    "cp: error writing '/var/tmp/x': No space left on device");
	}
	ask(request);
	expect("related", "stop", true);
	ck_assert_str_eq(json_get_string(verdict, "cause"),
	    "4 tasks: no space left on device (writing /var/tmp/x)");
}
END_TEST

/* The longest hint of any attempt of the group counts for all of it. */
START_TEST(rate_limit)
{
	cJSON *request = new_request(3), *failure;

	add_failure(request, "a", "exit", 1,
	    "Error: 429 Rate limit reached. Please try again in 6s.");
	failure =
	    add_failure(request, "b", "exit", 1, "Error: 429 Rate limit reached. Retry after 20s");
	add_attempt(cJSON_GetObjectItemCaseSensitive(failure, "attempts"), "rate-limit", 1,
	    "Error: 429 Rate limit reached. Please try again in 1s.");
	ask(request);
	expect("related", "sequential", false);
	ck_assert_ptr_ne(strstr(json_get_string(verdict, "cause"), "; wait at least 20s"), NULL);
	ck_assert(json_get_number(verdict, "pause", 0) == 20);
	ck_assert_int_eq(length("retry"), 2);
	ck_assert_str_eq(json_get_string(retry(0), "advice"),
	    "wait at least 20s, then make few requests at a time");
}
END_TEST

/* The time that an attempt took has its grace in it; its error names the limit. */
START_TEST(time_that_is_said)
{
	static const struct {
		const char *error, *cause, *timeout;
	} cases[] = {
		{ "timed out after 1.0s", "timed out after 1.0s:", "2s" },
		{ "timed out after 2m 05s", "timed out after 2m 05s:", "250s" },
		{ "timed out after 2h 00m", "timed out after 2h 00m:", "240m" },
		{ "timed out after a while", "timed out after 1.5s:", "3s" },
		{ "timed out after 0.0s", "timed out after 1.5s:", "3s" },
		{ "timed out", "timed out after 1.5s:", "3s" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cJSON *request = new_request(1), *failure;

		failure = add_failure(request, "a", "timeout", -1, "");
		json_add_string(cJSON_GetObjectItemCaseSensitive(failure, "attempts")->child,
		    "error", cases[i].error);
		ask(request);
		ck_assert_ptr_ne(strstr(json_get_string(verdict, "cause"), cases[i].cause), NULL);
		ck_assert_str_eq(json_get_string(retry(0), "timeout"), cases[i].timeout);
		teardown();
		verdict = NULL;
	}
}
END_TEST

START_TEST(twice_the_time)
{
	cJSON *request = new_request(2), *failure;

	failure = add_failure(request, "a", "timeout", -1, "");
	json_add_integer(failure, "timeout", 600);
	add_failure(request, "b", "timeout", -1, "");
	add_failure(request, "c", "idle-timeout", -1, "");
	ask(request);
	expect("related", "sequential", false);
	ck_assert_ptr_ne(strstr(json_get_string(verdict, "cause"), "timed out after 10m"), NULL);
	ck_assert_str_eq(json_get_string(retry(0), "timeout"), "20m");
	/* From the 1.5 s that it took. */
	ck_assert_str_eq(json_get_string(retry(1), "timeout"), "3s");
	/* More time does not help what is silent. */
	ck_assert_ptr_eq(json_get(retry(2), "timeout"), NULL);
	ck_assert_ptr_ne(json_get_string(retry(2), "advice"), NULL);
}
END_TEST

/* One host is one cause; two hosts are two. */
START_TEST(network)
{
	cJSON *request = new_request(2);

	add_failure(request, "a", "exit", 7,
	    "ssh: connect to host 10.0.0.1 port 22: Connection refused");
	add_failure(request, "b", "exit", 255, "Error: connect ECONNREFUSED 10.0.0.1:22");
	ask(request);
	expect("related", "sequential", false);
	ck_assert_str_eq(json_get_string(verdict, "cause"),
	    "2 tasks: connection refused by 10.0.0.1:22");
	teardown();
	setup();
	request = new_request(2);
	add_failure(request, "a", "exit", 7,
	    "ssh: connect to host 10.0.0.1 port 22: Connection refused");
	add_failure(request, "b", "exit", 7,
	    "ssh: connect to host 10.0.0.2 port 22: Connection refused");
	ask(request);
	expect("independent", "sequential", false);
}
END_TEST

START_TEST(same_signature)
{
	static const struct {
		int scenario;
		const char *strategy;
		bool escalate;
	} cases[] = {
		{ 1, "sequential", true },
		{ 2, "parallel", false },
		{ 3, "sequential", false },
	};
	cJSON *request = new_request(cases[_i].scenario);

	add_failure(request, "a", "exit", 1, "ValueError: row 17 of '/data/a.csv' is bad\n");
	add_failure(request, "b", "exit", 1, "ValueError: row 293 of '/data/b.csv' is bad\n");
	ask(request);
	expect("related", cases[_i].strategy, cases[_i].escalate);
	ck_assert_str_eq(json_get_string(verdict, "cause"),
	    "2 tasks: exit 1: ValueError: row 17 of '/data/a.csv' is bad");
	ck_assert_int_eq(length("retry"), 0);
}
END_TEST

START_TEST(empty_with_one_status)
{
	cJSON *request = new_request(2);

	add_failure(request, "a", "exit", 3, "");
	add_failure(request, "b", "exit", 3, " \n");
	ask(request);
	expect("related", "parallel", false);
	ck_assert_str_eq(json_get_string(verdict, "cause"),
	    "2 tasks: exit 3, nothing on standard error");
}
END_TEST

START_TEST(no_evidence)
{
	cJSON *request = new_request(2);

	add_failure(request, "a", "exit", 3, "");
	add_failure(request, "b", "exit", 1, "");
	add_failure(request, "c", "agent", 0, "");
	ask(request);
	expect("unclear", "stop", true);
	ck_assert_str_eq(json_get_string(verdict, "cause"),
	    "no evidence: 3 tasks failed in 3 ways with nothing on standard error "
	    "(exit 3, exit 1, agent)");
	ck_assert_int_eq(length("groups"), 3);
}
END_TEST

/* Groups stand in the order of their first tasks; what only a person can mend is not retried. */
START_TEST(independent)
{
	cJSON *request = new_request(2);

	add_failure(request, "a", "exit", 1, "ValueError: 1");
	add_failure(request, "b", "exit", 127, "sh: 1: tsc: not found");
	add_failure(request, "c", "exit", 1, "ValueError: 2");
	add_failure(request, "d", "exit", 3, "");
	ask(request);
	expect("independent", "sequential", false);
	ck_assert_str_eq(json_get_string(verdict, "cause"),
	    "2 tasks: exit 1: ValueError: 1; 1 task: 'tsc': command not found; 1 task: exit 3, "
	    "nothing on standard error");
	ck_assert_int_eq(length("groups"), 3);
	ck_assert_str_eq(task_of_group(0, 1), "c");
	ck_assert_str_eq(task_of_group(1, 0), "b");
	ck_assert_int_eq(length("retry"), 3);
	ck_assert_str_eq(json_get_string(retry(1), "task"), "c");
}
END_TEST

START_TEST(independent_and_all_stop)
{
	cJSON *request = new_request(3);

	add_failure(request, "a", "auth", 1, "");
	add_failure(request, "b", "exit", 127, "");
	ask(request);
	expect("independent", "stop", true);
	ck_assert_int_eq(length("retry"), 0);
}
END_TEST

START_TEST(one_task_alone)
{
	cJSON *request = new_request(1);

	add_failure(request, "a", "exit", 1, "error: no");
	ask(request);
	expect("related", "sequential", true);
	ck_assert_str_eq(json_get_string(verdict, "cause"), "1 task: exit 1: error: no");
}
END_TEST

/* What tasks write never reaches a terminal as it is, and is cut. */
START_TEST(hostile_evidence)
{
	cJSON *request = new_request(2);
	struct buf err = BUF_INIT;
	const char *cause;

	buf_addstr(&err,
	    "error: \xc2\x9b"
	    "31m \xe2\x80\xae 'x\a\x7f'\tand\033]0;title\a ");
	for (int i = 0; i < 4000; i++)
		buf_addstr(&err, "\xc3\xa4");
	add_failure(request, "a\033[31m", "exit", 1, buf_str(&err));
	add_failure(request, "b", "exit", 1, buf_str(&err));
	buf_free(&err);
	ask(request);
	cause = json_get_string(verdict, "cause");
	ck_assert_uint_lt(strlen(cause), 400);
	for (const char *c = cause; *c != '\0'; c++)
		ck_assert((unsigned char)*c >= 0x20 && *c != 0x7f);
	ck_assert_ptr_eq(strstr(cause, "\xc2\x9b"), NULL);
	ck_assert_ptr_eq(strstr(cause, "\xe2\x80\xae"), NULL);
	for (size_t i = 0; i + 1 < verdict_text.len; i++)
		ck_assert((unsigned char)verdict_text.data[i] >= 0x20);
	ck_assert_str_eq(task_of_group(0, 0), "a\033[31m");
}
END_TEST

/* Of the last ones of many a request tells the reason alone: those go with the others. */
START_TEST(untold_failures)
{
	for (int mixed = 0; mixed < 2; mixed++) {
		cJSON *request = new_request(2), *failure;
		struct json_error error;
		static const char untold[] =
		    "{\"task\":\"c\",\"attempts\":[{\"reason\":\"exit\"}]}";

		add_failure(request, "a", "exit", 1, "fatal: disk on fire");
		add_failure(request, "b", "exit", 1, mixed ? "fatal: no" : "fatal: disk on fire");
		failure = json_parse(untold, strlen(untold), &error);
		cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(request, "failures"),
		    failure);
		ask(request);
		ck_assert_int_eq(length("groups"), mixed ? 3 : 1);
		expect(mixed ? "independent" : "related", mixed ? "sequential" : "parallel", false);
		teardown();
		setup();
	}
}
END_TEST

/* Even when each byte of the evidence is shown as four. */
START_TEST(long_causes)
{
	cJSON *request = new_request(2);
	char err[1000];

	for (int i = 0; i < 3; i++) {
		char task[] = { (char)('a' + i), '\0' };

		memset(err, 1, sizeof(err));
		memcpy(err, "fatal: A", 8);
		err[7] = (char)('A' + i);
		for (size_t at = 8; at + 2 < sizeof(err); at += 2)
			memcpy(err + at, "\xc2\x85", 2);
		err[sizeof(err) - 2] = '\0';
		add_failure(request, task, "exit", 1, err);
	}
	ask(request);
	expect("independent", "sequential", false);
	ck_assert_str_eq(json_get_string(verdict, "cause") +
		strlen(json_get_string(verdict, "cause")) - 3,
	    "...");
}
END_TEST

/* Each of thousands with a line of its own is a group of its own, and it takes no time. */
START_TEST(many_failures)
{
	cJSON *request = new_request(2);

	for (int i = 0; i < 3000; i++) {
		char task[32], err[32] = "error: ";

		snprintf(task, sizeof(task), "t%d", i);
		for (int n = i, j = 7; j < 12; j++, n /= 10)
			err[j] = (char)('k' + n % 10);
		add_failure(request, task, "exit", 1, err);
	}
	ask(request);
	expect("independent", "sequential", false);
	ck_assert_int_eq(length("groups"), 3000);
	ck_assert_ptr_ne(strstr(json_get_string(verdict, "cause"), "; and 2997 other causes"),
	    NULL);
}
END_TEST

START_TEST(bad_requests)
{
	static const char *const requests[] = {
		"",
		"[]",
		"{",
		"{} {}",
		"{\"failures\":[]}",
		"{\"scenario\":4,\"failures\":[{\"task\":\"a\",\"attempts\":[]}]}",
		"{\"scenario\":2,\"failures\":[]}",
		"{\"scenario\":2,\"failures\":{}}",
		"{\"scenario\":2,\"failures\":[1]}",
		"{\"scenario\":2,\"failures\":[{\"attempts\":[]}]}",
		"{\"scenario\":2,\"failures\":[{\"task\":\"\",\"attempts\":[]}]}",
		"{\"scenario\":2,\"failures\":[{\"task\":\"a\"}]}",
		"{\"scenario\":2,\"failures\":[{\"task\":\"a\",\"attempts\":[{}]}]}",
		"{\"scenario\":2,\"failures\":[{\"task\":\"a\",\"attempts\":[{\"reason\":\"x\"}]}]}",
		"{\"scenario\":2,\"failures\":[{\"task\":\"a\",\"attempts\":[{\"reason\":\"exit\","
		"\"exit\":256}]}]}",
		"{\"scenario\":2,\"failures\":[{\"task\":\"a\",\"attempts\":[{\"reason\":\"exit\","
		"\"stderr_tail\":1}]}]}",
		"{\"scenario\":2,\"failures\":[{\"task\":\"a\",\"attempts\":[{\"reason\":\"exit\","
		"\"seconds\":-1}]}]}",
		"{\"scenario\":2,\"failures\":[{\"task\":\"a\",\"timeout\":\"1\",\"attempts\":[]}]}",
		"{\"scenario\":2,\"failures\":[{\"task\":\"a\",\"attempts\":[]},{\"task\":\"a\","
		"\"attempts\":[]}]}",
	};
	const char *why = NULL;

	ck_assert(!debugger_verdict(requests[_i], strlen(requests[_i]), &verdict_text, &why));
	ck_assert_ptr_ne(why, NULL);
	ck_assert_uint_eq(verdict_text.len, 0);
}
END_TEST

START_TEST(attempts_may_be_missing)
{
	static const char request[] =
	    "{\"scenario\":2,\"new\":1,\"failures\":[{\"task\":\"a\",\"attempts\":[]}]}";
	struct buf out = BUF_INIT;
	const char *why;

	ck_assert(debugger_verdict(request, strlen(request), &out, &why));
	buf_free(&out);
}
END_TEST

Suite *debugger_suite(void)
{
	Suite *s = suite_create("debugger");
	TCase *c = tcase_create("debugger");

	suite_add_tcase(s, c);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, command_not_found);
	tcase_add_test(c, several_commands_not_found);
	tcase_add_test(c, lock_of_git);
	tcase_add_test(c, full_disk);
	tcase_add_test(c, rate_limit);
	tcase_add_test(c, twice_the_time);
	tcase_add_test(c, time_that_is_said);
	tcase_add_test(c, network);
	tcase_add_loop_test(c, same_signature, 0, 3);
	tcase_add_test(c, empty_with_one_status);
	tcase_add_test(c, no_evidence);
	tcase_add_test(c, independent);
	tcase_add_test(c, independent_and_all_stop);
	tcase_add_test(c, one_task_alone);
	tcase_add_test(c, hostile_evidence);
	tcase_add_test(c, untold_failures);
	tcase_add_test(c, long_causes);
	tcase_add_test(c, many_failures);
	tcase_add_loop_test(c, bad_requests, 0, 19);
	tcase_add_test(c, attempts_may_be_missing);
	return s;
}
