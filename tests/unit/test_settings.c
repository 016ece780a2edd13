#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/options/settings.h"

Suite *settings_suite(void);

static const char *const kept_names[] = { "HOME", "XDG_CONFIG_HOME" };

#define KEPT (sizeof(kept_names) / sizeof(kept_names[0]))
#define STRANGER 54321

/* Where the test was before setup(): the tests may all run in one process. */
static int old_cwd = -1;
static char *old_env[KEPT];
static char top[64];
static struct diag diag;
static struct settings *s;

/* TOP/work/sub is the working directory, TOP/home the home directory. */
static void setup(void)
{
	char path[128];

	diag = (struct diag){ 0 };
	s = NULL;
	old_cwd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(old_cwd, 0);
	for (size_t i = 0; i < KEPT; i++)
		old_env[i] = getenv(kept_names[i]) != NULL ? strdup(getenv(kept_names[i])) : NULL;
	snprintf(top, sizeof(top), "/tmp/pollard-settings-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	ck_assert_int_eq(chdir(top), 0);
	ck_assert_int_eq(mkdir("work", 0700), 0);
	ck_assert_int_eq(mkdir("work/sub", 0700), 0);
	ck_assert_int_eq(mkdir("home", 0700), 0);
	ck_assert_int_eq(chdir("work/sub"), 0);
	snprintf(path, sizeof(path), "%s/home", top);
	setenv("HOME", path, 1);
	unsetenv("XDG_CONFIG_HOME");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

static void teardown(void)
{
	settings_free(s);
	diag_free(&diag);
	ck_assert_int_eq(fchdir(old_cwd), 0);
	close(old_cwd);
	for (size_t i = 0; i < KEPT; i++) {
		if (old_env[i] != NULL)
			setenv(kept_names[i], old_env[i], 1);
		else
			unsetenv(kept_names[i]);
		free(old_env[i]);
	}
	ck_assert_int_eq(nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	ck_assert_int_eq(fclose(file), 0);
}

static void write_user_file(const char *text)
{
	mkdir("../../home/.config", 0700);
	mkdir("../../home/.config/pollard", 0700);
	write_file("../../home/.config/pollard/config.yaml", text);
}

static void load(void)
{
	s = settings_load(&diag);
	ck_assert_msg(s != NULL && diag.count == 0, "%s", diag.count > 0 ? diag.lines[0] : "");
}

static void check_value(const char *key, const char *value)
{
	size_t count;
	const struct setting *list = settings_list(s, &count);
	const struct setting *found = NULL;

	for (size_t i = count; i > 0; i--) {
		if (strcmp(list[i - 1].key, key) == 0)
			found = &list[i - 1];
	}

	if (value == NULL) {
		ck_assert_ptr_null(found);
		return;
	}
	ck_assert_ptr_nonnull(found);
	ck_assert_str_eq(found->value, value);
}

static void check_refused(const char *line)
{
	char expected[256];

	s = settings_load(&diag);
	ck_assert_ptr_null(s);
	ck_assert_uint_eq(diag.count, 1);
	snprintf(expected, sizeof(expected), "%s/%s", top, line);
	ck_assert_str_eq(diag.lines[0], expected);
}

static void check_warning(const char *start, const char *what)
{
	char expected[256];

	ck_assert_ptr_nonnull(settings_warning(s));
	snprintf(expected, sizeof(expected),
	    "'%s/%s' is not used: %s belongs to user %d, and settings can name programs to run",
	    top, start, what, STRANGER);
	ck_assert_str_eq(settings_warning(s), expected);
}

START_TEST(nothing_there)
{
	size_t count;

	load();
	check_value("jobs", NULL);
	settings_list(s, &count);
	ck_assert_uint_eq(count, 0);
	ck_assert_ptr_null(settings_warning(s));
}
END_TEST

START_TEST(values_as_they_would_be_typed)
{
	write_file("pollard.yaml",
	    "jobs: 08\ntimeout: 10m\ntokens-at-once: 400k\ndelay: 1.50\nkeep-order: True\n"
	    "tag: false\nrequire: 50%\ndebugger: none\nname: no\nbackend: \"7\"\nsync: 'true'\n");
	load();
	check_value("jobs", "08");
	check_value("timeout", "10m");
	check_value("tokens-at-once", "400k");
	check_value("delay", "1.50");
	check_value("keep-order", "true");
	check_value("tag", "false");
	check_value("require", "50%");
	check_value("debugger", "none");
	check_value("name", "no");
	check_value("backend", "7");
	check_value("sync", "true");
}
END_TEST

START_TEST(project_over_user)
{
	const struct setting *list;
	char path[128];
	size_t count;

	write_file("../pollard.yaml", "jobs: 2\n\nretries: 3\n");
	write_user_file("timeout: 5m\njobs: 9\n");
	load();
	check_value("jobs", "2");
	check_value("retries", "3");
	check_value("timeout", "5m");
	list = settings_list(s, &count);
	ck_assert_uint_eq(count, 4);
	ck_assert_str_eq(list[0].key, "jobs");
	ck_assert_str_eq(list[1].key, "retries");
	ck_assert_uint_eq(list[1].key_place.line, 3);
	ck_assert_uint_eq(list[1].key_place.column, 1);
	ck_assert_uint_eq(list[1].place.column, 10);
	snprintf(path, sizeof(path), "%s/work/pollard.yaml", top);
	ck_assert_str_eq(list[1].file, path);
	ck_assert_str_eq(list[2].key, "timeout");
	snprintf(path, sizeof(path), "%s/home/.config/pollard/config.yaml", top);
	ck_assert_str_eq(list[2].file, path);
}
END_TEST

START_TEST(only_the_nearest_project)
{
	write_file("../pollard.yaml", "jobs: 2\nretries: 3\n");
	write_file("pollard.yaml", "jobs: 1\n");
	load();
	check_value("jobs", "1");
	check_value("retries", NULL);
}
END_TEST

START_TEST(xdg_config_home)
{
	char path[128];

	write_user_file("jobs: 9\n");
	ck_assert_int_eq(mkdir("pollard", 0700), 0);
	write_file("pollard/config.yaml", "jobs: 5\n");
	snprintf(path, sizeof(path), "%s/work/sub", top);
	setenv("XDG_CONFIG_HOME", path, 1);
	load();
	check_value("jobs", "5");
	settings_free(s);

	/* a relative one does not count */
	setenv("XDG_CONFIG_HOME", ".", 1);
	load();
	check_value("jobs", "9");
	settings_free(s);

	unsetenv("XDG_CONFIG_HOME");
	unsetenv("HOME");
	load();
	check_value("jobs", NULL);
}
END_TEST

START_TEST(a_link_to_a_file)
{
	write_file("../../home/shared.yaml", "jobs: 6\n");
	ck_assert_int_eq(symlink("../../home/shared.yaml", "pollard.yaml"), 0);
	load();
	check_value("jobs", "6");
}
END_TEST

START_TEST(nothing_said)
{
	static const char *const texts[] = { "", "\n", "# jobs: 4",
		"\xef\xbb\xbf\r\n \t# x\r\n\n#" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		write_file("pollard.yaml", texts[i]);
		load();
		check_value("jobs", NULL);
		settings_free(s);
	}
	s = NULL;
}
END_TEST

START_TEST(bad_files)
{
	static const struct {
		const char *text;
		const char *line;
	} bads[] = {
		{ "jobs: 4\nretries:\n  - 1\n",
		    "work/pollard.yaml:3:3: 'retries': expected a text, a number, true or false, "
		    "got a list" },
		{ "jobs: {}",
		    "work/pollard.yaml:1:7: 'jobs': expected a text, a number, true or false, got "
		    "a mapping" },
		{ "jobs:\n",
		    "work/pollard.yaml:1:6: 'jobs': expected a text, a number, true or false, got "
		    "nothing" },
		{ "- jobs: 4\n",
		    "work/pollard.yaml:1: expected options as keys, such as 'jobs: 8'" },
		{ "jobs: 4\njobs: 5\n",
		    "work/pollard.yaml:2:1: the key 'jobs' stands twice: first in line 1" },
	};

	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		write_file("../pollard.yaml", bads[i].text);
		check_refused(bads[i].line);
		diag_free(&diag);
	}
}
END_TEST

START_TEST(bad_user_file)
{
	write_user_file("jobs: [");
	check_refused("home/.config/pollard/config.yaml:1:7: the list that begins here is never "
		      "closed: expected ']'");
}
END_TEST

START_TEST(unreadable_files)
{
	ck_assert_int_eq(mkdir("pollard.yaml", 0700), 0);
	check_refused("work/sub/pollard.yaml: cannot read the settings: not a regular file");
	diag_free(&diag);
	ck_assert_int_eq(rmdir("pollard.yaml"), 0);

	/* nobody waits for a writer */
	ck_assert_int_eq(mkfifo("pollard.yaml", 0600), 0);
	check_refused("work/sub/pollard.yaml: cannot read the settings: not a regular file");
	diag_free(&diag);
	ck_assert_int_eq(unlink("pollard.yaml"), 0);

	ck_assert_int_eq(symlink("nowhere", "pollard.yaml"), 0);
	check_refused("work/sub/pollard.yaml: cannot read the settings: No such file or directory");
	diag_free(&diag);
	ck_assert_int_eq(unlink("pollard.yaml"), 0);

	write_file("pollard.yaml", "#");
	ck_assert_int_eq(truncate("pollard.yaml", SETTINGS_MAX + 1), 0);
	check_refused(
	    "work/sub/pollard.yaml: longer than 1024 KiB, the most that settings may have");
}
END_TEST

/* Only root can give files away, so that only it can see what others do to us. */
START_TEST(files_of_strangers)
{
	if (geteuid() != 0)
		return;
	write_file("../../pollard.yaml", "jobs: 1\n");
	write_file("../pollard.yaml", "jobs: 2\n");
	ck_assert_int_eq(chown("../pollard.yaml", STRANGER, (gid_t)-1), 0);
	load();
	/* nor is one further up what this project wants */
	check_value("jobs", NULL);
	check_warning("work/pollard.yaml", "it");
	settings_free(s);

	/* a link that somebody planted, to a file of ours */
	ck_assert_int_eq(unlink("../pollard.yaml"), 0);
	write_file("../../home/ours.yaml", "jobs: 3\n");
	ck_assert_int_eq(symlink("../home/ours.yaml", "../pollard.yaml"), 0);
	ck_assert_int_eq(lchown("../pollard.yaml", STRANGER, (gid_t)-1), 0);
	load();
	check_value("jobs", NULL);
	check_warning("work/pollard.yaml", "it");
	settings_free(s);

	/* our link to a file of somebody else */
	ck_assert_int_eq(unlink("../pollard.yaml"), 0);
	write_file("../../home/theirs.yaml", "jobs: 3\n");
	ck_assert_int_eq(chown("../../home/theirs.yaml", STRANGER, (gid_t)-1), 0);
	ck_assert_int_eq(symlink("../home/theirs.yaml", "../pollard.yaml"), 0);
	load();
	check_value("jobs", NULL);
	check_warning("work/pollard.yaml", "it");
}
END_TEST

START_TEST(directories_of_strangers)
{
	if (geteuid() != 0)
		return;
	write_file("../../pollard.yaml", "jobs: 1\n");
	ck_assert_int_eq(chown("..", STRANGER, (gid_t)-1), 0);
	load();
	/* what is above it does not count */
	check_value("jobs", NULL);
	ck_assert_ptr_null(settings_warning(s));
	settings_free(s);

	write_file("../pollard.yaml", "jobs: 2\n");
	load();
	check_value("jobs", NULL);
	check_warning("work/pollard.yaml", "its directory");
	settings_free(s);

	write_file("pollard.yaml", "jobs: 3\n");
	load();
	check_value("jobs", "3");
}
END_TEST

START_TEST(working_directory_gone)
{
	write_user_file("jobs: 9\n");
	write_file("../pollard.yaml", "jobs: 2\n");
	ck_assert_int_eq(rmdir("../sub"), 0);
	load();
	check_value("jobs", "9");
}
END_TEST

Suite *settings_suite(void)
{
	Suite *suite = suite_create("settings");
	TCase *tcase = tcase_create("files");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, nothing_there);
	tcase_add_test(tcase, values_as_they_would_be_typed);
	tcase_add_test(tcase, project_over_user);
	tcase_add_test(tcase, only_the_nearest_project);
	tcase_add_test(tcase, xdg_config_home);
	tcase_add_test(tcase, a_link_to_a_file);
	tcase_add_test(tcase, nothing_said);
	tcase_add_test(tcase, bad_files);
	tcase_add_test(tcase, bad_user_file);
	tcase_add_test(tcase, unreadable_files);
	tcase_add_test(tcase, files_of_strangers);
	tcase_add_test(tcase, directories_of_strangers);
	tcase_add_test(tcase, working_directory_gone);
	suite_add_tcase(suite, tcase);
	return suite;
}
