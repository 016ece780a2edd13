#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/io.h"
#include "shared/json.h"
#include "workers/merger.h"

Suite *merger_suite(void);

#define ITEMS_MAX 8

static char directory[32];
static struct merge_item items[ITEMS_MAX];
static struct job job;
static const char *const made[] = { "1.md", "1.b.1.out", "1.a.txt", "1.a.json", "1.b.txt",
	"1.b.json", "results.json" };
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
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		unlinkat(job.merge_dirfd, made[i], 0);
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
	items[job.nitems++] =
	    (struct merge_item){ task, agent, "succeeded", journal_end, line.len, NULL };
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
	items[job.nitems++] = (struct merge_item){ task, NULL, "failed", -1, 0, why };
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
	items[job.nitems++] = (struct merge_item){ "b", NULL, NULL, 5, 20, NULL };
	items[job.nitems++] = (struct merge_item){ "c", NULL, NULL, 100000, 20, NULL };
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

START_TEST(plain)
{
	static const struct {
		const char *text;
		const char *structured;
		const char *merged;
	} cases[] = {
		{ "# All\n", NULL, "# All\n" },
		{ "All", "{\"n\":1}", "All\n" },
		{ " ", "{\"n\":1}", "{\"n\":1}\n" },
		{ "", NULL, "" },
	};

	job.merge_plain = true;
	add_text("merge", "writer", cases[_i].text, cases[_i].structured);
	add_text("a", NULL, "not this", NULL);
	check_merged(cases[_i].merged);
}
END_TEST

START_TEST(plain_of_a_file)
{
	job.merge_plain = true;
	add_file("b", "long text", 9);
	check_merged("long text\n");
}
END_TEST

START_TEST(plain_without_an_answer)
{
	job.merge_plain = true;
	if (_i == 0)
		add_missing("merge", "exit 1");
	merger_run(&job, &r, never);
	ck_assert_int_eq(r.status, RESULT_FAILED);
	ck_assert_int_eq(r.reason, REASON_WORKER);
	ck_assert_str_eq(r.error,
	    _i == 0 ? "cannot take over the merged result: exit 1" :
		      "cannot take over the merged result: no result");
	ck_assert_int_eq(faccessat(job.merge_dirfd, "1.md", F_OK, 0), -1);
}
END_TEST

static void want_files(void)
{
	job.step = "1";
	job.results_name = "results.json";
	job.run_dir = "/run";
	job.outcome = "partial";
}

static void check_file(const char *name, const char *expected)
{
	struct buf text = BUF_INIT;
	struct stat st;

	ck_assert_int_eq(fstatat(job.out_dirfd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	ck_assert_int_eq((int)st.st_mode, S_IFREG | 0600);
	ck_assert_int_eq(read_file_at(job.out_dirfd, name, &text, 10000000), 0);
	ck_assert_str_eq(buf_str(&text), expected);
	buf_free(&text);
}

static bool exists(const char *name)
{
	return faccessat(job.out_dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

#define FILES_OF_A \
	"{\"output\":\"/run/out/1.a.txt\",\"result\":\"/run/out/1.a.json\"," \
	"\"status\":\"succeeded\"}"

START_TEST(files)
{
	want_files();
	add_text("a", NULL, "answer", "{\"n\":1}");
	add_file("b", "long text", 9);
	add_missing("x", "exit 1");
	check_merged("## a\n\nanswer\n\n## b\n\nlong text\n\n## Missing\n\n- x: exit 1\n");
	check_file("1.a.txt", "answer");
	check_file("1.a.json", "{\"n\":1}\n");
	ck_assert(!exists("1.b.txt"));
	ck_assert(!exists("1.b.json"));
	check_file("results.json",
	    "{\"steps\":{\"1\":{\"merged\":\"/run/merged/1.md\",\"outcome\":\"partial\",\"tasks\":"
	    "{\"a\":" FILES_OF_A ",\"b\":{\"output\":\"/run/out/1.b.1.out\",\"result\":null,"
	    "\"status\":\"succeeded\"},\"x\":{\"output\":null,\"result\":null,"
	    "\"status\":\"failed\"}}}}}\n");
}
END_TEST

/* Earlier steps stay; what stood there of this one does not. */
START_TEST(files_of_a_later_step)
{
	static const char old[] =
	    "{\"steps\":{\"0\":{\"merged\":null},\"1\":{\"outcome\":\"none\"}}}\n";

	want_files();
	job.merge_name = NULL;
	ck_assert_int_eq(replace_file_at(job.merge_dirfd, "results.json", old, strlen(old), false),
	    0);
	add_text("a", NULL, "answer", "{\"n\":1}");
	merger_run(&job, &r, never);
	ck_assert_int_eq(r.status, RESULT_SUCCEEDED);
	ck_assert(!r.out.spilled);
	ck_assert(!exists("1.md"));
	check_file("results.json",
	    "{\"steps\":{\"0\":{\"merged\":null},\"1\":{\"merged\":null,\"outcome\":\"partial\","
	    "\"tasks\":{\"a\":" FILES_OF_A "}}}}\n");
}
END_TEST

/* The first item is the merging agent, no task. */
START_TEST(files_beside_a_plain_merge)
{
	want_files();
	job.merge_plain = true;
	add_text("merge", "writer", "All", NULL);
	add_text("a", NULL, "answer", "{\"n\":1}");
	check_merged("All\n");
	check_file("results.json",
	    "{\"steps\":{\"1\":{\"merged\":\"/run/merged/1.md\",\"outcome\":\"partial\",\"tasks\":"
	    "{\"a\":" FILES_OF_A "}}}}\n");
}
END_TEST

/* A file that is not what was written is left alone: earlier steps must not be lost silently. */
START_TEST(damaged_file_of_results)
{
	static const char *const damaged[] = { "{\"steps\":{", "{\"steps\":[]}", "[]" };

	want_files();
	job.merge_name = NULL;
	ck_assert_int_eq(replace_file_at(job.merge_dirfd, "results.json", damaged[_i],
			     strlen(damaged[_i]), false),
	    0);
	merger_run(&job, &r, never);
	ck_assert_int_eq(r.status, RESULT_FAILED);
	ck_assert_int_eq(r.reason, REASON_WORKER);
	ck_assert_str_eq(r.error,
	    "'results.json' is not the file of results that was written before");
	check_file("results.json", damaged[_i]);
}
END_TEST

START_TEST(file_of_results_is_a_link)
{
	want_files();
	job.merge_name = NULL;
	ck_assert_int_eq(symlinkat("/etc/passwd", job.merge_dirfd, "results.json"), 0);
	merger_run(&job, &r, never);
	ck_assert_int_eq(r.status, RESULT_FAILED);
	ck_assert_str_eq(r.error, "cannot read 'results.json': Too many levels of symbolic links");
}
END_TEST

START_TEST(files_interrupted)
{
	want_files();
	job.merge_name = NULL;
	add_text("a", NULL, "answer", NULL);
	merger_run(&job, &r, always);
	ck_assert_int_eq(r.status, RESULT_CANCELLED);
	ck_assert_int_eq(r.reason, REASON_INTERRUPTED);
	ck_assert(!exists("results.json"));
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
	tcase_add_loop_test(tc, plain, 0, 4);
	tcase_add_test(tc, plain_of_a_file);
	tcase_add_loop_test(tc, plain_without_an_answer, 0, 2);
	tcase_add_test(tc, files);
	tcase_add_test(tc, files_of_a_later_step);
	tcase_add_test(tc, files_beside_a_plain_merge);
	tcase_add_loop_test(tc, damaged_file_of_results, 0, 3);
	tcase_add_test(tc, file_of_results_is_a_link);
	tcase_add_test(tc, files_interrupted);
	tcase_add_test(tc, interrupted);
	tcase_add_test(tc, full_disk);
	suite_add_tcase(suite, tc);
	return suite;
}
