#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workers/mentioned.h"

Suite *mentioned_suite(void);

static void make_file(const char *directory, const char *name)
{
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
}

START_TEST(files_that_exist)
{
	struct result r;
	char directory[] = "/tmp/pollard-unit-XXXXXX", path[200], text[1000];

	result_init(&r);
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/src", directory);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	make_file(directory, "src/a.c");
	make_file(directory, "src/b.c");
	make_file(directory, "README.md");
	make_file(directory, "Makefile");
	snprintf(text, sizeof(text),
	    "See `src/a.c:12:3`, (./README.md). Also \"src/a.c\", %s/src/b.c! "
	    "Not src/, Makefile, src/gone.c, ../%s/README.md, src/../README.md or /etc/passwd.",
	    directory, directory + strlen("/tmp/"));
	mentioned_find(&r, text, strlen(text), directory);
	ck_assert_uint_eq(r.nfiles, 3);
	ck_assert_str_eq(r.files[0], "src/a.c");
	ck_assert_str_eq(r.files[1], "README.md");
	ck_assert_str_eq(r.files[2], "src/b.c");

	unlink(strcat(strcpy(path, directory), "/src/a.c"));
	unlink(strcat(strcpy(path, directory), "/src/b.c"));
	unlink(strcat(strcpy(path, directory), "/README.md"));
	unlink(strcat(strcpy(path, directory), "/Makefile"));
	rmdir(strcat(strcpy(path, directory), "/src"));
	ck_assert_int_eq(rmdir(directory), 0);
	result_free(&r);
}
END_TEST

START_TEST(each_once)
{
	struct result r;

	result_init(&r);
	mentioned_add(&r, "a.c");
	mentioned_add(&r, "b.c");
	mentioned_add(&r, "a.c");
	ck_assert_uint_eq(r.nfiles, 2);
	ck_assert_str_eq(r.files[1], "b.c");
	result_free(&r);
}
END_TEST

Suite *mentioned_suite(void)
{
	Suite *suite = suite_create("mentioned");
	TCase *tc = tcase_create("mentioned");

	tcase_add_test(tc, files_that_exist);
	tcase_add_test(tc, each_once);
	suite_add_tcase(suite, tc);
	return suite;
}
