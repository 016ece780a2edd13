#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shared/buf.h"
#include "supervisor/record/rundir.h"

Suite *rundir_suite(void);

static char top[64];
static char root[128];

static void setup(void)
{
	umask(022);
	snprintf(top, sizeof(top), "/tmp/pollard-rundir-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	snprintf(root, sizeof(root), "%s/a/b/state", top);
}

static void teardown(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", top);
	ck_assert_int_eq(system(command), 0);
}

/* A path below the state directory, in one of four static buffers. */
static const char *below(const char *name)
{
	static char paths[4][256];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", root, name);
	return path;
}

static void create(struct rundir *dir)
{
	char *why = NULL;

	ck_assert_msg(rundir_create(dir, root, &why) == 0, "%s", why);
}

static void assert_create_refused(const char *part)
{
	struct rundir dir;
	char *why = NULL;

	ck_assert_int_eq(rundir_create(&dir, root, &why), -1);
	ck_assert_int_ne(errno, 0);
	ck_assert_ptr_nonnull(why);
	ck_assert_msg(strstr(why, part) != NULL, "'%s', not '%s'", why, part);
	ck_assert_ptr_null(strchr(why, '\n'));
	ck_assert_int_eq(dir.fd, -1);
	free(why);
}

static void assert_open_refused(const char *run, int error, const char *part)
{
	struct rundir dir;
	char *why = NULL;

	ck_assert_int_eq(rundir_open(&dir, root, run, &why), -1);
	ck_assert_int_eq(errno, error);
	ck_assert_msg(strstr(why, part) != NULL, "'%s', not '%s'", why, part);
	free(why);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	ck_assert_msg(lstat(path, &st) == 0, "%s: %s", path, strerror(errno));
	ck_assert(S_ISDIR(st.st_mode));
	return st.st_mode & 07777;
}

static void make(const char *path)
{
	ck_assert_msg(mkdir(path, 0700) == 0, "%s: %s", path, strerror(errno));
}

/* The state directory with runs of these ids. */
static void make_runs(const char *const *ids, size_t count)
{
	char path[512];

	snprintf(path, sizeof(path), "mkdir -p -m 700 %s/runs && chmod 700 %s", root, root);
	ck_assert_int_eq(system(path), 0);
	for (size_t i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/runs/%s", root, ids[i]);
		make(path);
	}
}

START_TEST(create_all)
{
	static const mode_t masks[] = { 0, 022, 077, 0777 };
	struct rundir dir;
	struct rundir again;
	char *why = NULL;
	char part[256];

	umask(masks[_i]);
	create(&dir);
	ck_assert_uint_eq(umask(022), masks[_i]);
	snprintf(part, sizeof(part), "%s/runs/%s", root, dir.id);
	ck_assert_str_eq(dir.path, part);
	ck_assert_uint_eq(mode_of(part), 0700);
	snprintf(part, sizeof(part), "%s/a", top);
	ck_assert_uint_eq(mode_of(part), 0700);
	ck_assert_uint_eq(mode_of(root), 0700);
	ck_assert_uint_eq(mode_of(below("runs")), 0700);
	snprintf(part, sizeof(part), "%s/out", dir.path);
	ck_assert_uint_eq(mode_of(part), 0700);
	snprintf(part, sizeof(part), "%s/merged", dir.path);
	ck_assert_uint_eq(mode_of(part), 0700);
	ck_assert_int_eq(fcntl(dir.fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(dir.out_fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(dir.merged_fd, F_GETFD), FD_CLOEXEC);

	ck_assert_int_eq(rundir_open(&again, root, dir.id, &why), 0);
	ck_assert_str_eq(again.path, dir.path);
	ck_assert_int_ne(again.out_fd, -1);
	ck_assert_int_ne(again.merged_fd, -1);
	rundir_close(&again);
	rundir_close(&dir);
	rundir_close(&dir);
}
END_TEST

/* YYYYMMDD-HHMMSS-xxxx, of now, in UTC. */
START_TEST(id)
{
	struct rundir dir;
	struct tm tm = { 0 };
	time_t before = time(NULL);
	unsigned number;
	char *rest;

	setenv("TZ", "Asia/Tokyo", 1);
	tzset();
	create(&dir);
	ck_assert_uint_eq(strlen(dir.id), 20);
	rest = strptime(dir.id, "%Y%m%d-%H%M%S-", &tm);
	ck_assert_ptr_nonnull(rest);
	ck_assert_int_ge(timegm(&tm), before);
	ck_assert_int_le(timegm(&tm), time(NULL));
	ck_assert_int_eq(sscanf(rest, "%4x", &number), 1);
	ck_assert_uint_eq(strspn(rest, "0123456789abcdef"), 4);
	rundir_close(&dir);
}
END_TEST

/* Runs that are made in the same second too. */
START_TEST(ids_sort_by_time)
{
	struct rundir dir;
	char last[RUN_ID_MAX] = "";
	char **ids;
	size_t count;
	char *why = NULL;

	for (int i = 0; i < 30; i++) {
		create(&dir);
		ck_assert_str_gt(dir.id, last);
		memcpy(last, dir.id, sizeof(last));
		rundir_close(&dir);
	}
	ids = rundir_list(root, &count);
	ck_assert_uint_eq(count, 30);
	for (size_t i = 1; i < count; i++)
		ck_assert_str_lt(ids[i - 1], ids[i]);
	ck_assert_str_eq(ids[count - 1], last);
	rundir_list_free(ids, count);
	ck_assert_int_eq(rundir_open(&dir, root, NULL, &why), 0);
	ck_assert_str_eq(dir.id, last);
	rundir_close(&dir);
}
END_TEST

/* Several supervisors start at once. */
START_TEST(create_at_once)
{
	pid_t pids[8];
	size_t count;
	char **ids;

	for (size_t i = 0; i < 8; i++) {
		pids[i] = fork();
		ck_assert_int_ne(pids[i], -1);
		if (pids[i] == 0) {
			for (int n = 0; n < 10; n++) {
				struct rundir dir;
				char *why;

				if (rundir_create(&dir, root, &why) == -1)
					_exit(1);
				rundir_close(&dir);
			}
			_exit(0);
		}
	}
	for (size_t i = 0; i < 8; i++) {
		int status;

		ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
		ck_assert_int_eq(status, 0);
	}
	ids = rundir_list(root, &count);
	ck_assert_uint_eq(count, 80);
	rundir_list_free(ids, count);
}
END_TEST

static const char *const three[] = {
	"20261123-162005-1f0c",
	"20261123-162005-2aaa",
	"20261122-000000-ffff",
};

START_TEST(open_by_prefix)
{
	struct rundir dir;
	char *why = NULL;

	make_runs(three, 3);
	ck_assert_int_eq(rundir_open(&dir, root, "20261122", &why), 0);
	ck_assert_str_eq(dir.id, three[2]);
	/* made by hand: neither is there */
	ck_assert_int_eq(dir.out_fd, -1);
	ck_assert_int_eq(dir.merged_fd, -1);
	rundir_close(&dir);
	ck_assert_int_eq(rundir_open(&dir, root, "20261123-162005-1", &why), 0);
	ck_assert_str_eq(dir.id, three[0]);
	rundir_close(&dir);
	ck_assert_int_eq(rundir_open(&dir, root, NULL, &why), 0);
	ck_assert_str_eq(dir.id, three[1]);
	rundir_close(&dir);

	assert_open_refused("20261123", EINVAL, "'20261123-162005-1f0c' or '20261123-162005-2aaa'");
	assert_open_refused("2025", ENOENT, "no run '2025'");
	assert_open_refused("20261123-162005-1f0c0", ENOENT, "no run");
	assert_open_refused("../runs", ENOENT, "no run");
	assert_open_refused("x\n\033", ENOENT, "no run 'x\\n\\x1b'");
}
END_TEST

START_TEST(open_nothing)
{
	size_t count = 1;

	assert_open_refused(NULL, ENOENT, "no run in state directory");
	assert_open_refused("2026", ENOENT, "no run");
	ck_assert_ptr_null(rundir_list(root, &count));
	ck_assert_uint_eq(count, 0);
	/* looking makes nothing */
	ck_assert_int_eq(access(root, F_OK), -1);
	make_runs(NULL, 0);
	assert_open_refused(NULL, ENOENT, "no run in state directory");
}
END_TEST

START_TEST(list_ignores_others)
{
	static const char *const names[] = {
		"20261123-162005-1f0c",
		"20261123-162005-1F0C",
		"20261123-162005-1f0",
		"x",
		"20261123-162005-1f0c0",
		".removed",
		"20261123_162005-1f0c",
		"2026112a-162005-1f0c",
	};
	size_t count;
	char **ids;

	make_runs(names, 8);
	ids = rundir_list(root, &count);
	ck_assert_uint_eq(count, 1);
	ck_assert_str_eq(ids[0], names[0]);
	rundir_list_free(ids, count);
}
END_TEST

START_TEST(links_refused)
{
	char elsewhere[128];

	/* the state directory itself */
	snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", top);
	make(elsewhere);
	snprintf(root, sizeof(root), "%s/state", top);
	ck_assert_int_eq(symlink(elsewhere, root), 0);
	assert_create_refused("is a symbolic link");
	unlink(root);

	/* its runs */
	make(root);
	ck_assert_int_eq(symlink(elsewhere, below("runs")), 0);
	assert_create_refused("runs' is a symbolic link");
	assert_open_refused(NULL, ENOTDIR, "runs' is a symbolic link");
	unlink(below("runs"));

	/* a run */
	make(below("runs"));
	ck_assert_int_eq(symlink(elsewhere, below("runs/20261123-162005-1f0c")), 0);
	assert_open_refused("2026", ENOTDIR, "symbolic link");
	ck_assert_int_eq(rundir_remove(root, "20261123-162005-1f0c"), -1);
	ck_assert_int_eq(access(elsewhere, F_OK), 0);
	ck_assert_int_eq(rmdir(elsewhere), 0);
}
END_TEST

/* A home directory is often one. */
START_TEST(link_on_the_way)
{
	struct rundir dir;
	char real[128];
	char link[128];

	snprintf(real, sizeof(real), "%s/real", top);
	snprintf(link, sizeof(link), "%s/link", top);
	make(real);
	ck_assert_int_eq(symlink("real", link), 0);
	snprintf(root, sizeof(root), "%s/link/new//state/", top);
	create(&dir);
	rundir_close(&dir);
	snprintf(root, sizeof(root), "%s/real/new/state/runs", top);
	ck_assert_uint_eq(mode_of(root), 0700);
}
END_TEST

START_TEST(writable_refused)
{
	make_runs(NULL, 0);
	ck_assert_int_eq(chmod(root, 0770), 0);
	assert_create_refused("can be written to by others");
	ck_assert_int_eq(chmod(root, 01777), 0);
	assert_create_refused("can be written to by others");
	assert_open_refused(NULL, EPERM, "can be written to by others");
	ck_assert_int_eq(chmod(root, 0755), 0);
	ck_assert_int_eq(chmod(below("runs"), 0702), 0);
	assert_create_refused("runs' can be written to by others");
	ck_assert_int_eq(chmod(below("runs"), 0700), 0);
	struct rundir dir;
	create(&dir);
	rundir_close(&dir);
}
END_TEST

START_TEST(owner_refused)
{
	/* only root can give a directory away */
	if (geteuid() == 0) {
		make_runs(NULL, 0);
		ck_assert_int_eq(chown(root, 12345, (gid_t)-1), 0);
		assert_create_refused("belongs to user 12345, not to you (0)");
		assert_open_refused(NULL, EPERM, "belongs to user 12345");
		return;
	}
	snprintf(root, sizeof(root), "/");
	assert_create_refused("belongs to user 0, not to you");
}
END_TEST

START_TEST(in_the_way)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/a", top);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ne(fd, -1);
	close(fd);
	assert_create_refused("cannot create directory '");
	assert_create_refused("Not a directory");
}
END_TEST

START_TEST(no_permission)
{
	/* nothing can be made there, by root neither */
	snprintf(root, sizeof(root), "/proc/pollard/state");
	assert_create_refused("cannot create directory '/proc/pollard/state': ");
}
END_TEST

static void put_file(int dir, const char *name)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ne(fd, -1);
	close(fd);
}

START_TEST(remove_all)
{
	struct rundir dir;
	char victim[160];
	char elsewhere[160];
	char id_copy[RUN_ID_MAX];
	int fd;

	create(&dir);
	snprintf(victim, sizeof(victim), "%s/victim", top);
	make(victim);
	fd = open(victim, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put_file(fd, "file");
	for (int i = 0; i < 300; i++) {
		struct buf name = BUF_INIT;

		rundir_out_name(&name, "1", "t", (unsigned)i, false);
		put_file(dir.out_fd, buf_str(&name));
		buf_free(&name);
	}
	ck_assert_int_eq(symlinkat(victim, dir.out_fd, "link"), 0);
	ck_assert_int_eq(mkdirat(dir.out_fd, "deep", 0700), 0);
	ck_assert_int_eq(mkdirat(dir.out_fd, "deep/er", 0700), 0);
	put_file(dir.out_fd, "deep/er/file");
	memcpy(id_copy, dir.id, sizeof(id_copy));
	/* where its temporary files are, see places.h */
	snprintf(elsewhere, sizeof(elsewhere), "%s/pollard-%s-1a2b", top, id_copy);
	make(elsewhere);
	ck_assert_int_eq(symlinkat(elsewhere, dir.fd, "tmp"), 0);
	ck_assert_msg(rundir_remove(root, id_copy) == 0, "%s", strerror(errno));
	ck_assert_int_eq(access(dir.path, F_OK), -1);
	ck_assert_int_eq(access(elsewhere, F_OK), -1);
	ck_assert_int_eq(faccessat(fd, "file", F_OK, 0), 0);
	close(fd);
	rundir_close(&dir);
	ck_assert_int_eq(rundir_remove(root, id_copy), -1);
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

START_TEST(remove_only_runs)
{
	make_runs(NULL, 0);
	make(below("other"));
	ck_assert_int_eq(rundir_remove(root, "../other"), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(rundir_remove(root, "."), -1);
	ck_assert_int_eq(rundir_remove(root, ""), -1);
	ck_assert_int_eq(access(below("other"), F_OK), 0);
}
END_TEST

static unsigned count_fds(void)
{
	DIR *stream = opendir("/proc/self/fd");
	unsigned count = 0;

	while (readdir(stream) != NULL)
		count++;
	closedir(stream);
	return count;
}

START_TEST(no_descriptor_left)
{
	unsigned before = count_fds();
	struct rundir dir;
	char **ids;
	size_t count;

	create(&dir);
	rundir_close(&dir);
	assert_open_refused("x", ENOENT, "no run");
	ids = rundir_list(root, &count);
	ck_assert_int_eq(rundir_remove(root, ids[0]), 0);
	rundir_list_free(ids, count);
	ck_assert_int_eq(chmod(root, 0777), 0);
	assert_create_refused("written");
	ck_assert_uint_eq(count_fds(), before);
}
END_TEST

START_TEST(out_names)
{
	struct buf name = BUF_INIT;

	rundir_out_name(&name, "1", "db.main", 12, false);
	buf_addch(&name, ' ');
	rundir_out_name(&name, "s", "t", 1, true);
	ck_assert_str_eq(buf_str(&name), "1.db.main.12.out s.t.1.err");
	buf_free(&name);
}
END_TEST

static void assert_root(const char *state_dir, const char *expected)
{
	struct config config = { .state_dir = state_dir };
	char *path = state_root(&config);

	if (expected == NULL)
		ck_assert_ptr_null(path);
	else
		ck_assert_str_eq(path, expected);
	free(path);
}

START_TEST(root_chosen)
{
	char expected[128];

	ck_assert_int_eq(chdir(top), 0);
	setenv("POLLARD_STATE_DIR", "/env", 1);
	setenv("XDG_STATE_HOME", "/xdg", 1);
	setenv("HOME", "/home/u", 1);
	assert_root("/opt/s", "/opt/s");
	snprintf(expected, sizeof(expected), "%s/s", top);
	assert_root("s", expected);
	assert_root(NULL, "/env");
	setenv("POLLARD_STATE_DIR", "s", 1);
	assert_root(NULL, expected);
	setenv("POLLARD_STATE_DIR", "", 1);
	assert_root(NULL, "/xdg/pollard");
	setenv("XDG_STATE_HOME", "relative", 1);
	assert_root(NULL, "/home/u/.local/state/pollard");
	unsetenv("XDG_STATE_HOME");
	setenv("HOME", "/", 1);
	assert_root(NULL, "/.local/state/pollard");
	setenv("HOME", "", 1);
	assert_root(NULL, NULL);
	unsetenv("HOME");
	assert_root(NULL, NULL);
	ck_assert_int_eq(chdir("/"), 0);
}
END_TEST

Suite *rundir_suite(void)
{
	Suite *suite = suite_create("rundir");
	TCase *tc = tcase_create("rundir");

	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, create_all, 0, 4);
	tcase_add_test(tc, id);
	tcase_add_test(tc, ids_sort_by_time);
	tcase_add_test(tc, create_at_once);
	tcase_add_test(tc, open_by_prefix);
	tcase_add_test(tc, open_nothing);
	tcase_add_test(tc, list_ignores_others);
	tcase_add_test(tc, links_refused);
	tcase_add_test(tc, link_on_the_way);
	tcase_add_test(tc, writable_refused);
	tcase_add_test(tc, owner_refused);
	tcase_add_test(tc, in_the_way);
	tcase_add_test(tc, no_permission);
	tcase_add_test(tc, remove_all);
	tcase_add_test(tc, remove_only_runs);
	tcase_add_test(tc, no_descriptor_left);
	tcase_add_test(tc, out_names);
	tcase_add_test(tc, root_chosen);
	suite_add_tcase(suite, tc);
	return suite;
}
