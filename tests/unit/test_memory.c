#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/pressure/memory.h"

Suite *memory_suite(void);

#define MIB (UINT64_C(1024) * 1024)

/* A system as it may look, in a directory. */
static char root[] = "/tmp/test_memory.XXXXXX";
static char *made[32];
static size_t nmade;

static void put(const char *path, const char *text)
{
	char whole[512];
	snprintf(whole, sizeof whole, "%s%s", root, path);
	for (char *p = whole + strlen(root) + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		if (mkdir(whole, 0700) == 0)
			made[nmade++] = strdup(whole);
		*p = '/';
	}
	if (access(whole, F_OK) != 0)
		made[nmade++] = strdup(whole);
	FILE *f = fopen(whole, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static void begin(void)
{
	strcpy(root + strlen(root) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	nmade = 0;
	put("/proc/meminfo",
	    "MemTotal:       16384000 kB\nMemFree:          100 kB\n"
	    "MemAvailable:    8192000 kB\n");
}

static void end(void)
{
	while (nmade > 0) {
		remove(made[--nmade]);
		free(made[nmade]);
	}
	rmdir(root);
}

static void look(uint64_t *available, uint64_t *total)
{
	struct memory m;
	memory_open(&m, root);
	ck_assert(memory_look(&m, available, total));
	memory_close(&m);
}

START_TEST(of_the_system)
{
	uint64_t available;
	uint64_t total;
	look(&available, &total);
	ck_assert_uint_eq(available, UINT64_C(8192000) * 1024);
	ck_assert_uint_eq(total, UINT64_C(16384000) * 1024);
}
END_TEST

START_TEST(of_the_tightest_group)
{
	uint64_t available;
	uint64_t total;
	put("/proc/self/cgroup", "0::/a/b\n");
	put("/sys/fs/cgroup/a/memory.max", "1073741824\n");
	put("/sys/fs/cgroup/a/memory.current", "900000000\n");
	put("/sys/fs/cgroup/a/memory.stat", "anon 1\ninactive_file 100000000\nactive_file 7\n");
	put("/sys/fs/cgroup/a/b/memory.max", "max\n");
	look(&available, &total);
	ck_assert_uint_eq(total, 1024 * MIB);
	ck_assert_uint_eq(available, 1024 * MIB - 800000000);

	/* one that has more than the system has does not make it larger */
	put("/sys/fs/cgroup/a/memory.max", "99999999999999\n");
	look(&available, &total);
	ck_assert_uint_eq(available, UINT64_C(8192000) * 1024);
	ck_assert_uint_eq(total, UINT64_C(16384000) * 1024);

	/* more than all is used: nothing is left */
	put("/sys/fs/cgroup/a/b/memory.max", "1048576\n");
	put("/sys/fs/cgroup/a/b/memory.current", "2097152\n");
	look(&available, &total);
	ck_assert_uint_eq(available, 0);
	ck_assert_uint_eq(total, MIB);
}
END_TEST

START_TEST(in_a_namespace_of_its_own)
{
	uint64_t available;
	uint64_t total;
	put("/proc/self/cgroup", "0::/\n");
	put("/sys/fs/cgroup/memory.max", "1048576\n");
	put("/sys/fs/cgroup/memory.current", "48576\n");
	look(&available, &total);
	ck_assert_uint_eq(available, 1000000);
}
END_TEST

START_TEST(nothing_known)
{
	struct memory m;
	uint64_t available;
	uint64_t total;
	put("/proc/meminfo", "MemTotal: 5 kB\n");
	memory_open(&m, root);
	ck_assert(!memory_look(&m, &available, &total));
	memory_close(&m);
	memory_open(&m, "/nonexistent");
	ck_assert(!memory_look(&m, &available, &total));
	memory_close(&m);
}
END_TEST

START_TEST(floors)
{
	struct memory_floor f;
	ck_assert(memory_parse_floor("5%", &f) && f.percent == 5 && f.bytes == 0);
	ck_assert(memory_parse_floor("100%", &f) && f.percent == 100);
	ck_assert(memory_parse_floor("512M", &f) && f.percent == 0 && f.bytes == 512 * MIB);
	ck_assert(memory_parse_floor("0", &f) && f.percent == 0 && f.bytes == 0);
	static const char *const bad[] = { "", "%", "101%", "-1%", "5 %", "5%%", "x", "1.5%",
		"99999999999%", "-1" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(!memory_parse_floor(bad[i], &f), "'%s'", bad[i]);

	f = (struct memory_floor){ .percent = 5 };
	ck_assert(memory_is_low(&f, 49, 1000));
	ck_assert(!memory_is_low(&f, 50, 1000));
	f = (struct memory_floor){ .bytes = 100 };
	ck_assert(memory_is_low(&f, 99, 1000));
	ck_assert(!memory_is_low(&f, 100, 1000));
}
END_TEST

Suite *memory_suite(void)
{
	Suite *s = suite_create("memory");
	TCase *c = tcase_create("memory");
	tcase_add_checked_fixture(c, begin, end);
	tcase_add_test(c, of_the_system);
	tcase_add_test(c, of_the_tightest_group);
	tcase_add_test(c, in_a_namespace_of_its_own);
	tcase_add_test(c, nothing_known);
	tcase_add_test(c, floors);
	suite_add_tcase(s, c);
	return s;
}
