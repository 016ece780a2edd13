/* The run as a line of a crontab. */
#include <check.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/options/options.h"
#include "supervisor/plan/crontab.h"

Suite *crontab_suite(void);

static struct config config;
static struct buf out;
static struct buf why;

static void setup(void)
{
	memset(&config, 0, sizeof(config));
	unsetenv("XDG_STATE_HOME");
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("POLLARD_JOBS");
	unsetenv("POLLARD_STATE_DIR");
	setenv("PATH", "/usr/bin:rel:/opt/x y:/bin", 1);
}

static void teardown(void)
{
	options_free(&config);
	buf_free(&out);
	buf_free(&why);
}

static bool print(const char *const *words, const struct plan *plan, const char *file)
{
	char *const *argv = (char *const *)(uintptr_t)words;
	enum command command;
	int argc = 0;

	while (argv[argc] != NULL)
		argc++;
	ck_assert_int_eq(options_parse(argc, argv, NULL, &config, &command, &why), 0);
	buf_reset(&out);
	return crontab_print(&out, &config, plan, file, &why);
}

/* The line without schedule, directory and program, which depend on where the test runs. */
static const char *command_line(void)
{
	const char *run = strstr(buf_str(&out), " run --cron");

	ck_assert_ptr_nonnull(run);
	return run + 1;
}

/* What Debian's cron makes of a command, and what cronie makes of it: they differ in \\%. */
static void unescape(char *text, bool cronie)
{
	char *to = text;
	bool escaped = false;

	for (const char *p = text; *p != '\0'; p++) {
		if (escaped && *p == '%')
			to--;
		else if (*p == '%')
			break;
		*to++ = *p;
		escaped = *p == '\\' && !(cronie && escaped);
	}
	*to = '\0';
}

static void check_word(const char *word)
{
	for (int cronie = 0; cronie < 2; cronie++) {
		struct buf text = BUF_INIT;
		char got[256];

		buf_addstr(&text, "printf '\\%s' ");
		crontab_word(&text, word);
		unescape(text.data, cronie);
		FILE *shell = popen(text.data, "r");
		size_t len = fread(got, 1, sizeof(got) - 1, shell);
		got[len] = '\0';
		ck_assert_int_eq(pclose(shell), 0);
		ck_assert_str_eq(got, word);
		buf_free(&text);
	}
}

START_TEST(every_word_comes_through_cron_and_the_shell)
{
	static const char *const words[] = { "plain", "", "50%", "%", "%%", "a b", "it's 5%", "\\%",
		"a\\\\%b", "\\\\\\%\\", "'%'", "\"$HOME\" `id` $(id)", "~", "#", "é%ß",
		"-x=%d\t%s" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		check_word(words[i]);
}
END_TEST

START_TEST(the_line_says_all_that_was_said)
{
	const struct plan plan = { .name = "night run" };
	static const char *const words[] = { "pollard", "plan", "--cron", "--name", "night run",
		"-f", "list", "--shell", "-j", "0", "-t", "1500ms", "--budget-usd", "0.25", "-m",
		"smith", "--sync", "task", "--state-dir", "state", "--notify", "mail -s 5% me",
		"-r", "2", "--if-running", "fail", NULL };
	char directory[PATH_MAX];
	struct buf expected = BUF_INIT;

	ck_assert_ptr_nonnull(getcwd(directory, sizeof(directory)));
	ck_assert(print(words, &plan, "list"));
	buf_addf(&expected,
	    "run --cron --name 'night run' --require all -f %s/list --shell --jobs 0 "
	    "--timeout 1500ms --budget-usd 0.25 --retries 2 --merge smith "
	    "--notify 'mail -s 5\\%% me' --if-running fail --state-dir %s/state --sync task\n",
	    directory, directory);
	ck_assert_str_eq(command_line(), buf_str(&expected));
	ck_assert_ptr_nonnull(
	    strstr(buf_str(&out), "\nPATH=\"/usr/bin:/opt/x y:/bin\"\n0 3 * * * cd /"));
	buf_free(&expected);
}
END_TEST

START_TEST(the_environment_is_made_explicit)
{
	const struct plan plan = { .name = "flow.yaml" };
	static const char *const words[] = { "pollard", "run", "-n", "--cron", "-f", "flow.yaml",
		"--require", "80%", "--sequential", "--var", "a=b c", "--rehearse=r.yaml", NULL };
	char directory[PATH_MAX];
	struct buf expected = BUF_INIT;

	ck_assert_ptr_nonnull(getcwd(directory, sizeof(directory)));
	setenv("POLLARD_RETRIES", "3", 1);
	setenv("XDG_STATE_HOME", "/var/s", 1);
	setenv("XDG_CONFIG_HOME", "/etc/c", 1);
	ck_assert(print(words, &plan, "/etc/flow.yaml"));
	buf_addf(&expected,
	    "run --cron --name flow.yaml --require 80\\%% -f /etc/flow.yaml --var 'a=b c' "
	    "--rehearse=%s/r.yaml --sequential --retries 3 --state-dir /var/s/pollard\n",
	    directory);
	ck_assert_str_eq(command_line(), buf_str(&expected));
	ck_assert_ptr_nonnull(strstr(buf_str(&out), "\nXDG_CONFIG_HOME=\"/etc/c\"\n"));
	buf_free(&expected);
	unsetenv("POLLARD_RETRIES");
}
END_TEST

START_TEST(the_requirement_of_the_workflow_is_made_explicit)
{
	const struct plan plan = { .name = "f.yaml",
		.has_require = true,
		.require = { .kind = REQUIRE_PARTIAL } };
	static const char *const words[] = { "pollard", "plan", "--cron", "-f", "f.yaml", NULL };

	ck_assert(print(words, &plan, "/f.yaml"));
	ck_assert_ptr_nonnull(strstr(command_line(), " --require partial -f /f.yaml\n"));
}
END_TEST

START_TEST(the_command_comes_last)
{
	const struct plan plan = { .name = "n" };
	static const char *const words[] = { "pollard", "plan", "--cron", "--name", "n", "-f", "l",
		"-0", "--", "date", "+%F", "-x", NULL };

	ck_assert(print(words, &plan, "/l"));
	ck_assert_str_eq(command_line(),
	    "run --cron --name n --require all -f /l -0 -- date +\\%F -x\n");
}
END_TEST

START_TEST(what_no_crontab_can_hold_is_refused)
{
	const struct plan plan = { .name = "n" };
	static const char *const words[] = { "pollard", "plan", "--cron", "--name", "n", "-f", "l",
		"--", "printf", "a\nb", NULL };

	ck_assert(!print(words, &plan, "/l"));
	ck_assert_str_eq(buf_str(&why), "a line of a crontab cannot hold a line break: 'a\\nb'");
	ck_assert_uint_eq(out.len, 0);
}
END_TEST

START_TEST(a_very_long_line_is_warned_about)
{
	const struct plan plan = { .name = "n" };
	char word[1500];
	const char *const words[] = { "pollard", "plan", "--cron", "--name", "n", "-f", "l", "--",
		"echo", word, NULL };

	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	ck_assert(print(words, &plan, "/l"));
	ck_assert_ptr_nonnull(strstr(buf_str(&out), "# The command has 1"));
}
END_TEST

Suite *crontab_suite(void)
{
	Suite *s = suite_create("crontab");
	TCase *all = tcase_create("all");

	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, every_word_comes_through_cron_and_the_shell);
	tcase_add_test(all, the_line_says_all_that_was_said);
	tcase_add_test(all, the_environment_is_made_explicit);
	tcase_add_test(all, the_requirement_of_the_workflow_is_made_explicit);
	tcase_add_test(all, the_command_comes_last);
	tcase_add_test(all, what_no_crontab_can_hold_is_refused);
	tcase_add_test(all, a_very_long_line_is_warned_about);
	suite_add_tcase(s, all);
	return s;
}
