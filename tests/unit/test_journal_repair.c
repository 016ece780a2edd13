#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/crc32c.h"
#include "shared/io.h"
#include "shared/json.h"
#include "supervisor/record/journal.h"

Suite *journal_repair_suite(void);

#define RECORDS 3

static char dir_name[64];
static int dir;

static void setup(void)
{
	snprintf(dir_name, sizeof(dir_name), "/tmp/pollard-repair-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir_name));
	dir = open(dir_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ne(dir, -1);
}

/* Nothing else may have been left there: else the directory stays, and that is an error. */
static void teardown(void)
{
	unlinkat(dir, JOURNAL_NAME, 0);
	unlinkat(dir, JOURNAL_DAMAGED_NAME, 0);
	close(dir);
	ck_assert_int_eq(rmdir(dir_name), 0);
}

static void add_record(struct buf *text, unsigned seq)
{
	cJSON *e = journal_event("test");

	json_add_integer(e, "number", seq);
	journal_line(text, e, seq);
}

static struct buf records(const char *numbers)
{
	struct buf text = BUF_INIT;

	for (; *numbers != '\0'; numbers++)
		add_record(&text, (unsigned)(*numbers - '0'));
	return text;
}

static void set_content(const void *data, size_t len)
{
	int fd = openat(dir, JOURNAL_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_eq(write_all(fd, data, len), 0);
	close(fd);
}

static struct buf content(const char *name)
{
	struct buf text = BUF_INIT;

	ck_assert_int_eq(read_file_at(dir, name, &text, 64 * 1024 * 1024), 0);
	return text;
}

static bool exists(const char *name)
{
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static struct journal_repaired repair(void)
{
	struct journal_repaired repaired;

	ck_assert_msg(journal_repair(dir, &repaired) == 0, "%s", strerror(errno));
	return repaired;
}

/* The numbers of what can be read, "-" for a record about lost ones; all of it must be good. */
static const char *read_numbers(void)
{
	static char numbers[64];
	struct journal_reader *r = journal_reader_open(dir);
	const cJSON *record;
	size_t n = 0;

	while ((record = journal_reader_next(r)) != NULL && n < sizeof(numbers) - 1) {
		const char *event = json_get_string(record, "event");
		bool is_lost = strcmp(event, JOURNAL_LOST) == 0;

		if (!is_lost)
			ck_assert_str_eq(event, "test");
		numbers[n++] =
		    is_lost ? '-' : (char)('0' + (int)json_get_number(record, "number", 0));
	}
	numbers[n] = '\0';
	ck_assert_int_eq(journal_reader_problem(r, NULL), JOURNAL_OK);
	journal_reader_free(r);
	return numbers;
}

START_TEST(nothing_wrong)
{
	struct buf text = records("123");
	struct stat before;
	struct stat after;

	set_content(text.data, text.len);
	fstatat(dir, JOURNAL_NAME, &before, 0);
	struct journal_repaired r = repair();
	fstatat(dir, JOURNAL_NAME, &after, 0);
	ck_assert_uint_eq(r.lines + r.lost, 0);
	ck_assert_uint_eq(before.st_ino, after.st_ino);
	ck_assert(!exists(JOURNAL_DAMAGED_NAME));
	set_content("", 0);
	ck_assert_uint_eq(repair().lines, 0);
	buf_free(&text);
}
END_TEST

/* A bad line goes, with all its bytes, to a file of its own; what is left can be read, twice over. */
START_TEST(one_line)
{
	struct buf text = records("123");
	struct stat st;
	char line[256];

	char *second = strchr(text.data, '\n') + 1;
	size_t len = (size_t)(strchr(second, '\n') - second);
	second[10] ^= 1;
	memcpy(line, second, len);
	line[len] = '\0';
	umask(0777);
	set_content(text.data, text.len);
	ck_assert_int_eq(fchmodat(dir, JOURNAL_NAME, 0600, 0), 0);

	struct journal_repaired r = repair();
	umask(022);
	ck_assert_uint_eq(r.lines, 1);
	ck_assert_uint_eq(r.first, 2);
	ck_assert_uint_eq(r.lost, 1);
	ck_assert_str_eq(read_numbers(), "1-3");
	fstatat(dir, JOURNAL_NAME, &st, 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	fstatat(dir, JOURNAL_DAMAGED_NAME, &st, 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);

	struct buf damaged = content(JOURNAL_DAMAGED_NAME);
	struct buf head = BUF_INIT;
	buf_addf(&head, ": line 2 of journal.jsonl, %zu bytes\n", len + 1);
	ck_assert_int_eq(strncmp(damaged.data, "# 2", 3), 0);
	char *found = strstr(damaged.data, head.data);
	ck_assert_ptr_nonnull(found);
	ck_assert_ptr_eq(strstr(found, line), found + head.len);
	buf_free(&head);
	buf_free(&damaged);
	buf_free(&text);

	ck_assert_uint_eq(repair().lines, 0);
	ck_assert_str_eq(read_numbers(), "1-3");
}
END_TEST

static const struct {
	const char *numbers;
	const char *expected;
	uint64_t lines, first, lost;
} orders[] = {
	/* doubled, moved, removed: the fewest lines go */
	{ "1223", "123", 1, 2, 0 },
	{ "1324", "1-24", 1, 2, 0 },
	{ "16234", "1234", 1, 2, 0 },
	{ "623451", "-2345", 2, 1, 1 },
	{ "234", "-234", 0, 0, 1 },
	{ "1256", "12-56", 0, 0, 2 },
	{ "4321", "-1", 3, 0, 0 },
	{ "123123", "123", 3, 0, 0 },
};

START_TEST(out_of_turn)
{
	struct buf text = records(orders[_i].numbers);

	set_content(text.data, text.len);
	struct journal_repaired r = repair();
	ck_assert_uint_eq(r.lines, orders[_i].lines);
	if (_i == 1)
		/* which of two is the one that was moved cannot be told */
		ck_assert(
		    strcmp(read_numbers(), "1-34") == 0 || strcmp(read_numbers(), "12-4") == 0);
	else if (_i == 6)
		ck_assert_uint_le(strlen(read_numbers()), 2);
	else
		ck_assert_str_eq(read_numbers(), orders[_i].expected);
	if (orders[_i].first > 0)
		ck_assert_uint_eq(r.first, orders[_i].first);
	if (_i != 1 && _i != 6)
		ck_assert_uint_eq(r.lost, orders[_i].lost);
	buf_free(&text);
}
END_TEST

/* Each byte in turn: whole records are kept, but those that this byte belongs to. */
START_TEST(every_byte)
{
	struct buf text = records("123");
	uint64_t line = 1;

	for (size_t i = 0; i < text.len; i++) {
		char expected[RECORDS + 1] = "123";
		bool newline = text.data[i] == '\n';

		text.data[i] = (char)(text.data[i] ^ (1 << i % 8));
		set_content(text.data, text.len);
		text.data[i] = (char)(text.data[i] ^ (1 << i % 8));
		struct journal_repaired r = repair();
		ck_assert_uint_eq(r.first, line);
		ck_assert_uint_eq(r.lines, 1);
		if (line == RECORDS || (line == RECORDS - 1 && newline)) {
			expected[line - 1] = '\0';
		} else {
			/* two lines in one when the newline between them is lost */
			expected[line - 1] = '-';
			if (newline)
				memmove(&expected[line], &expected[line + 1], RECORDS - line);
		}
		ck_assert_str_eq(read_numbers(), expected);
		line += newline;
	}
	buf_free(&text);
}
END_TEST

/* Cut at every byte: what is torn is kept, too, and no number is missing. */
START_TEST(every_cut)
{
	struct buf text = records("123");

	for (size_t len = 0; len <= text.len; len++) {
		bool whole = len == 0 || text.data[len - 1] == '\n';

		unlinkat(dir, JOURNAL_DAMAGED_NAME, 0);
		set_content(text.data, len);
		struct journal_repaired r = repair();
		ck_assert_uint_eq(r.lines, !whole);
		ck_assert_uint_eq(r.lost, 0);
		ck_assert_int_eq(exists(JOURNAL_DAMAGED_NAME), !whole);
		struct buf after = content(JOURNAL_NAME);
		ck_assert_int_eq(memcmp(after.data, text.data, after.len), 0);
		ck_assert_uint_eq(strlen(read_numbers()), after.len / (text.len / 3));
		buf_free(&after);
	}
	buf_free(&text);
}
END_TEST

/* A second repair adds to what the first one kept, and to what it said about numbers. */
START_TEST(once_more)
{
	struct buf text = records("12345");

	char *line = strchr(text.data, '\n') + 1;
	line[0] = '?';
	set_content(text.data, text.len);
	repair();
	buf_free(&text);
	text = content(JOURNAL_NAME);
	line = strchr(strchr(text.data, '\n') + 1, '\n') + 1;
	line[0] = '!';
	set_content(text.data, text.len);
	struct journal_repaired r = repair();
	ck_assert_uint_eq(r.first, 3);
	ck_assert_uint_eq(r.lost, 1);
	ck_assert_str_eq(read_numbers(), "1--45");
	struct buf damaged = content(JOURNAL_DAMAGED_NAME);
	ck_assert_ptr_nonnull(strstr(damaged.data, "\n?"));
	ck_assert_ptr_nonnull(strstr(damaged.data, "\n!"));
	buf_free(&damaged);
	buf_free(&text);
}
END_TEST

/* Nobody but a newer version knows what a newer record is. */
START_TEST(newer)
{
	struct buf text = records("1");
	struct journal_repaired r;
	size_t start = text.len;

	buf_addstr(&text, "?\n{\"v\":2,\"seq\":3");
	start += 2;
	buf_addf(&text, ",\"crc\":\"%08x\"}\n", crc32c(0, text.data + start, text.len - start));
	set_content(text.data, text.len);
	ck_assert_int_eq(journal_repair(dir, &r), -1);
	ck_assert_int_eq(errno, ENOTSUP);
	ck_assert_uint_eq(r.first, 3);
	struct buf after = content(JOURNAL_NAME);
	ck_assert_uint_eq(after.len, text.len);
	ck_assert(!exists(JOURNAL_DAMAGED_NAME));
	buf_free(&after);
	buf_free(&text);
}
END_TEST

/*
 * Where the lines cannot be kept nothing is taken from the journal; what an earlier try left is no
 * obstacle.
 */
START_TEST(refused)
{
	struct buf text = records("123");
	struct journal_repaired r;

	ck_assert_int_eq(journal_repair(dir, &r), -1);
	ck_assert_int_eq(errno, ENOENT);
	text.data[3] ^= 1;
	set_content(text.data, text.len);
	ck_assert_int_eq(symlinkat("/etc/passwd", dir, JOURNAL_DAMAGED_NAME), 0);
	ck_assert_int_eq(journal_repair(dir, &r), -1);
	ck_assert_int_eq(errno, ELOOP);
	unlinkat(dir, JOURNAL_DAMAGED_NAME, 0);
	ck_assert_int_eq(mkfifoat(dir, JOURNAL_DAMAGED_NAME, 0600), 0);
	ck_assert_int_eq(journal_repair(dir, &r), -1);
	unlinkat(dir, JOURNAL_DAMAGED_NAME, 0);
	struct buf after = content(JOURNAL_NAME);
	ck_assert_int_eq(memcmp(after.data, text.data, text.len), 0);
	buf_free(&after);

	int fd = openat(dir, "journal.repair", O_WRONLY | O_CREAT | O_CLOEXEC, 0400);
	close(fd);
	ck_assert_uint_eq(repair().lines, 1);
	ck_assert_str_eq(read_numbers(), "-23");
	buf_free(&text);
}
END_TEST

/* Without room for the new journal the old one stays, and nothing beside it but the lines. */
START_TEST(no_room)
{
	struct buf text = records("123456789");
	struct journal_repaired r;
	struct rlimit before;

	text.data[3] ^= 1;
	set_content(text.data, text.len);
	/* nothing is asserted meanwhile, for Check writes to a file of its own */
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	struct rlimit limit = { text.len / 2, before.rlim_max };
	setrlimit(RLIMIT_FSIZE, &limit);
	int result = journal_repair(dir, &r);
	int error = errno;
	setrlimit(RLIMIT_FSIZE, &before);
	ck_assert_int_eq(result, -1);
	ck_assert_int_eq(error, EFBIG);
	struct buf after = content(JOURNAL_NAME);
	ck_assert_uint_eq(after.len, text.len);
	ck_assert_int_eq(memcmp(after.data, text.data, text.len), 0);
	buf_free(&after);
	ck_assert_uint_eq(repair().lines, 1);
	buf_free(&text);
}
END_TEST

/* Long lines, of which some are bad, and many of them. */
START_TEST(large)
{
	struct buf text = BUF_INIT;
	struct buf filler = BUF_INIT;

	for (int i = 0; i < 200000; i++)
		buf_addch(&filler, 'x');
	for (unsigned i = 1; i <= 40; i++) {
		size_t start = text.len;
		cJSON *e = journal_event("test");
		json_add_string(e, "filler", buf_str(&filler));
		journal_line(&text, e, i);
		if (i % 10 == 0)
			text.data[start + 100000] = 'y';
	}
	set_content(text.data, text.len);
	struct journal_repaired r = repair();
	ck_assert_uint_eq(r.lines, 4);
	ck_assert_uint_eq(r.lost, 3);
	ck_assert_uint_eq(strlen(read_numbers()), 39);
	buf_free(&filler);
	buf_free(&text);
}
END_TEST

Suite *journal_repair_suite(void)
{
	Suite *suite = suite_create("journal_repair");
	TCase *tc = tcase_create("journal_repair");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, nothing_wrong);
	tcase_add_test(tc, one_line);
	tcase_add_loop_test(tc, out_of_turn, 0, sizeof(orders) / sizeof(orders[0]));
	tcase_add_test(tc, every_byte);
	tcase_add_test(tc, every_cut);
	tcase_add_test(tc, once_more);
	tcase_add_test(tc, newer);
	tcase_add_test(tc, refused);
	tcase_add_test(tc, no_room);
	tcase_add_test(tc, large);
	suite_add_tcase(suite, tc);
	return suite;
}
