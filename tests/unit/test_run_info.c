#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/json.h"
#include "supervisor/commands/reading.h"
#include "supervisor/record/journal.h"
#include "supervisor/record/rundir.h"

Suite *run_info_suite(void);

/* A run directory in a state directory of its own, and its journal; made before each test. */
static char root[64];
static struct rundir dir;
static struct journal *journal;
static struct run_info info;

static void setup(void)
{
	char *why = NULL;

	snprintf(root, sizeof(root), "/tmp/pollard-run-info-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	ck_assert_msg(rundir_create(&dir, root, &why) == 0, "%s", why);
	int fd = openat(dir.fd, JOURNAL_NAME, O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
	ck_assert_int_ne(fd, -1);
	journal = journal_new(fd, 0);
	memset(&info, 0, sizeof(info));
}

static void teardown(void)
{
	char path[96];

	run_info_free(&info);
	journal_free(journal);
	rundir_remove(root, dir.id);
	rundir_close(&dir);
	snprintf(path, sizeof(path), "%s/runs", root);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(rmdir(root), 0);
}

static void add_start(void)
{
	cJSON *event = journal_event("run-started");
	cJSON *steps = cJSON_CreateArray();

	json_add_string(event, "name", "nightly");
	for (int i = 0; i < 2; i++) {
		cJSON *step = cJSON_CreateObject();

		json_add_integer(step, "count", 4);
		cJSON_AddItemToArray(steps, step);
	}
	json_add_item(event, "steps", steps);
	journal_add(journal, event);
}

static void add_end(const char *signal)
{
	cJSON *event = journal_event("run-finished");

	json_add_string(event, "outcome", "partial");
	json_add_string(event, "signal", signal);
	json_add_integer(event, "succeeded", 7);
	json_add_integer(event, "failed", 1);
	json_add_integer(event, "skipped", 2);
	json_add_integer(event, "cancelled", 3);
	journal_add(journal, event);
}

static void add_text(size_t len)
{
	cJSON *event = journal_event("attempt-finished");
	char *text = malloc(len + 1);

	memset(text, 'x', len);
	text[len] = '\0';
	json_add_string(event, "stdout", text);
	free(text);
	journal_add(journal, event);
}

static void append(const char *text)
{
	ck_assert_int_eq(journal_flush(journal), 0);
	ck_assert_int_eq(write(journal_fd(journal), text, strlen(text)), (int)strlen(text));
}

static void look(void)
{
	ck_assert_int_eq(journal_flush(journal), 0);
	run_info_free(&info);
	run_info_read(&info, root, dir.id);
}

/* A process that holds the lock of the run until it is killed. */
static pid_t hold_lock(void)
{
	int ready[2];
	char byte;

	ck_assert_int_eq(pipe(ready), 0);
	pid_t pid = fork();
	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
		int fd = openat(dir.fd, "lock", O_CREAT | O_RDWR, 0600);

		if (fd == -1 || fcntl(fd, F_SETLK, &lock) == -1 || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void release_lock(pid_t pid)
{
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

START_TEST(a_finished_run)
{
	add_start();
	add_text(100);
	add_end("SIGINT");
	look();
	ck_assert_int_eq(info.condition, RUN_FINISHED);
	ck_assert_str_eq(info.id, dir.id);
	ck_assert_str_eq(info.name, "nightly");
	ck_assert_str_eq(info.outcome, "partial");
	ck_assert_str_eq(info.signal, "SIGINT");
	ck_assert_uint_eq(info.succeeded, 7);
	ck_assert_uint_eq(info.tasks, 13);
	ck_assert_int_ge(info.started_ms, 0);
	ck_assert_int_ge(info.ended_ms, info.started_ms);
}
END_TEST

START_TEST(an_unfinished_run)
{
	add_start();
	add_text(100);
	look();
	ck_assert_int_eq(info.condition, RUN_UNFINISHED);
	ck_assert_uint_eq(info.tasks, 8);
	ck_assert_ptr_null(info.outcome);
}
END_TEST

START_TEST(a_lock_that_is_held_means_running)
{
	add_start();
	pid_t pid = hold_lock();
	look();
	bool locked = info.locked;
	enum run_condition condition = info.condition;
	release_lock(pid);
	ck_assert(locked);
	ck_assert_int_eq(condition, RUN_RUNNING);

	/* the file alone means nothing */
	look();
	ck_assert(!info.locked);
	ck_assert_int_eq(info.condition, RUN_UNFINISHED);
}
END_TEST

START_TEST(a_run_that_was_taken_up_again)
{
	add_start();
	add_end(NULL);
	journal_add(journal, journal_event("resumed"));
	look();
	ck_assert_int_eq(info.condition, RUN_UNFINISHED);
}
END_TEST

START_TEST(a_torn_end_hides_nothing)
{
	add_start();
	add_end(NULL);
	append("{\"v\":1,\"seq\":3,\"ti");
	look();
	ck_assert_int_eq(info.condition, RUN_FINISHED);
	ck_assert_ptr_null(info.signal);
}
END_TEST

START_TEST(a_wrong_checksum_is_no_end)
{
	add_start();
	append("{\"v\":1,\"seq\":2,\"event\":\"run-finished\",\"crc\":\"00000000\"}\n");
	look();
	ck_assert_int_eq(info.condition, RUN_UNFINISHED);
}
END_TEST

START_TEST(records_longer_than_the_tail)
{
	add_start();
	add_text(200 * 1024);
	look();
	ck_assert_int_eq(info.condition, RUN_UNFINISHED);
	ck_assert_int_ge(info.ended_ms, 0);
	add_end(NULL);
	look();
	ck_assert_int_eq(info.condition, RUN_FINISHED);
}
END_TEST

START_TEST(no_first_record)
{
	look();
	ck_assert_int_eq(info.condition, RUN_UNREADABLE);
	append("rubbish\n");
	look();
	ck_assert_int_eq(info.condition, RUN_UNREADABLE);
	ck_assert_str_eq(info.id, dir.id);
}
END_TEST

START_TEST(no_directory)
{
	run_info_read(&info, root, "20200101-000000-0000");
	ck_assert_int_eq(info.condition, RUN_UNREADABLE);
}
END_TEST

Suite *run_info_suite(void)
{
	Suite *suite = suite_create("run_info");
	TCase *tests = tcase_create("run_info");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_finished_run);
	tcase_add_test(tests, an_unfinished_run);
	tcase_add_test(tests, a_lock_that_is_held_means_running);
	tcase_add_test(tests, a_run_that_was_taken_up_again);
	tcase_add_test(tests, a_torn_end_hides_nothing);
	tcase_add_test(tests, a_wrong_checksum_is_no_end);
	tcase_add_test(tests, records_longer_than_the_tail);
	tcase_add_test(tests, no_first_record);
	tcase_add_test(tests, no_directory);
	suite_add_tcase(suite, tests);
	return suite;
}
