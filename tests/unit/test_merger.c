#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shared/io.h"
#include "shared/json.h"
#include "workers/merger.h"

Suite *merger_suite(void);

#define ITEMS_MAX 8

static char directory[32];
static struct merge_item items[ITEMS_MAX];
static struct job job;
static struct result r;
static int64_t journal_end;

static bool never(void)
{
	return false;
}

static bool always(void)
{
	return true;
}

static void setup(void)
{
	strcpy(directory, "/tmp/pollard-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	job = (struct job){ .kind = JOB_MERGE, .items = items, .out_fd = -1, .merge_name = "1.md" };
	job.journal_fd = memfd_create("journal", MFD_CLOEXEC);
	job.merge_dirfd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	job.out_dirfd = job.merge_dirfd;
	journal_end = 0;
	result_init(&r);
}

/* The directory must be empty again: no temporary file is left. */
static void teardown(void)
{
	unlinkat(job.merge_dirfd, "1.md", 0);
	unlinkat(job.merge_dirfd, "1.b.1.out", 0);
	close(job.merge_dirfd);
	close(job.journal_fd);
	result_free(&r);
	ck_assert_int_eq(rmdir(directory), 0);
}

static void add_result(const char *task, const char *agent, const struct result *result,
    const char *path)
{
	cJSON *object = cJSON_CreateObject();
	struct buf line = BUF_INIT;

	result_to_json(result, object, path, NULL, false);
	json_print(&line, object);
	items[job.nitems++] = (struct merge_item){ task, agent, journal_end, line.len, NULL };
	buf_addch(&line, '\n');
	ck_assert_int_eq(write_all(job.journal_fd, line.data, line.len), 0);
	journal_end += (int64_t)line.len;
	cJSON_Delete(object);
	buf_free(&line);
}

static void add_text(const char *task, const char *agent, const char *text, const char *structured)
{
	struct result result;

	result_init(&result);
	buf_addstr(&result.out.data, text);
	result.out.bytes = strlen(text);
	if (structured != NULL)
		result.structured = strdup(structured);
	add_result(task, agent, &result, NULL);
	result_free(&result);
}

static void add_file(const char *task, const char *text, size_t len)
{
	struct result result;

	ck_assert_int_eq(replace_file_at(job.out_dirfd, "1.b.1.out", text, len, false), 0);
	result_init(&result);
	result.out.bytes = len;
	result.out.spilled = true;
	add_result(task, NULL, &result, "out/1.b.1.out");
	result_free(&result);
}

static void add_missing(const char *task, const char *why)
{
	items[job.nitems++] = (struct merge_item){ task, NULL, -1, 0, why };
}

static void check_merged(const char *expected)
{
	struct buf text = BUF_INIT;

	merger_run(&job, &r, never);
	if (r.status != RESULT_SUCCEEDED)
		ck_abort_msg("%s", r.error);
	ck_assert_int_eq(read_file_at(job.merge_dirfd, "1.md", &text, 10000000), 0);
	ck_assert_str_eq(buf_str(&text), expected);
	ck_assert_uint_eq(r.out.bytes, text.len);
	ck_assert(r.out.spilled);
	buf_free(&text);
}

START_TEST(markdown)
{
	add_text("a", "researcher", "Found it\n", NULL);
	add_missing("x", "exit 1");
	add_file("b", "long text", 9);
	add_text("c", NULL, " \n", NULL);
	add_text("d", NULL, "", "{\"n\":1}");
	add_missing("y", "timed out\nafter 5s");
	check_merged("## a (researcher)\n\nFound it\n\n## b\n\nlong text\n\n## c\n\n(no output)\n\n"
		     "## d\n\n```json\n{\"n\":1}\n```\n\n"
		     "## Missing\n\n- x: exit 1\n- y: timed out\\nafter 5s\n");
}
END_TEST

START_TEST(markdown_of_failures_only)
{
	add_missing("x", "exit 1");
	check_merged("## Missing\n\n- x: exit 1\n");
}
END_TEST

START_TEST(markdown_of_nothing)
{
	check_merged("");
}
END_TEST

START_TEST(json)
{
	job.merge_json = true;
	add_text("missing", NULL, "say \"hi\"\n\x01\xff", NULL);
	add_text("b", NULL, "text", "{\"critical\":0}");
	add_missing("results", "exit 1");
	check_merged("{\"results\":{\"missing\":\"say \\\"hi\\\"\\n\\u0001\xef\xbf\xbd\","
		     "\"b\":{\"critical\":0}},\"missing\":{\"results\":\"exit 1\"}}\n");
}
END_TEST

START_TEST(json_of_nothing)
{
	job.merge_json = true;
	check_merged("{\"results\":{},\"missing\":{}}\n");
}
END_TEST

/* A file is read in pieces; a character lies across each border between two of them. */
START_TEST(json_of_a_long_file)
{
	struct buf text = BUF_INIT, merged = BUF_INIT;
	struct json_error error;
	cJSON *object;

	buf_addstr(&text, _i == 0 ? "" : _i == 1 ? "x" : "xy");
	while (text.len < 200000)
		buf_addstr(&text, "\xe2\x82\xac");
	job.merge_json = true;
	add_file("b", text.data, text.len);
	merger_run(&job, &r, never);
	ck_assert_int_eq(r.status, RESULT_SUCCEEDED);
	ck_assert_int_eq(read_file_at(job.merge_dirfd, "1.md", &merged, 10000000), 0);
	object = json_parse(merged.data, merged.len, &error);
	ck_assert_ptr_nonnull(object);
	ck_assert_str_eq(json_get_string(json_get(object, "results"), "b"), buf_str(&text));
	cJSON_Delete(object);
	buf_free(&text);
	buf_free(&merged);
}
END_TEST

START_TEST(unreadable_record_is_missing)
{
	add_text("a", NULL, "fine\n", NULL);
	items[job.nitems++] = (struct merge_item){ "b", NULL, 5, 20, NULL };
	items[job.nitems++] = (struct merge_item){ "c", NULL, 100000, 20, NULL };
	check_merged("## a\n\nfine\n\n## Missing\n\n- b: its recorded result cannot be read\n"
		     "- c: its recorded result cannot be read\n");
}
END_TEST

START_TEST(replaces_the_old_one)
{
	ck_assert_int_eq(replace_file_at(job.merge_dirfd, "1.md", "old", 3, false), 0);
	add_text("a", NULL, "new", NULL);
	check_merged("## a\n\nnew\n");
}
END_TEST

START_TEST(lent_file)
{
	char text[64] = "";
	int dirfd = job.merge_dirfd;

	job.merge_dirfd = -1;
	job.out_fd = memfd_create("merged", MFD_CLOEXEC);
	add_text("a", NULL, "new", NULL);
	merger_run(&job, &r, never);
	ck_assert_int_eq(r.status, RESULT_SUCCEEDED);
	ck_assert_int_eq(pread_all(job.out_fd, text, sizeof(text), 0), 10);
	ck_assert_str_eq(text, "## a\n\nnew\n");
	close(job.out_fd);
	job.merge_dirfd = dirfd;
}
END_TEST

START_TEST(interrupted)
{
	add_text("a", NULL, "new", NULL);
	merger_run(&job, &r, always);
	ck_assert_int_eq(r.status, RESULT_CANCELLED);
	ck_assert_int_eq(faccessat(job.merge_dirfd, "1.md", F_OK, 0), -1);
}
END_TEST

START_TEST(full_disk)
{
	int dirfd = job.merge_dirfd;

	job.merge_dirfd = -1;
	job.out_fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	add_text("a", NULL, "new", NULL);
	merger_run(&job, &r, never);
	ck_assert_int_eq(r.status, RESULT_FAILED);
	ck_assert_str_eq(r.error, "cannot write the merged result: No space left on device");
	close(job.out_fd);
	job.merge_dirfd = dirfd;
}
END_TEST

Suite *merger_suite(void)
{
	Suite *suite = suite_create("merger");
	TCase *tc = tcase_create("merger");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, markdown);
	tcase_add_test(tc, markdown_of_failures_only);
	tcase_add_test(tc, markdown_of_nothing);
	tcase_add_test(tc, json);
	tcase_add_test(tc, json_of_nothing);
	tcase_add_loop_test(tc, json_of_a_long_file, 0, 3);
	tcase_add_test(tc, unreadable_record_is_missing);
	tcase_add_test(tc, replaces_the_old_one);
	tcase_add_test(tc, lent_file);
	tcase_add_test(tc, interrupted);
	tcase_add_test(tc, full_disk);
	suite_add_tcase(suite, tc);
	return suite;
}
