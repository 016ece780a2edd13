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
#include "shared/clock.h"
#include "shared/crc32c.h"
#include "shared/io.h"
#include "shared/json.h"
#include "supervisor/record/journal.h"

Suite *journal_suite(void);

static char dir_name[64];
static int dir;

static void setup(void)
{
	snprintf(dir_name, sizeof(dir_name), "/tmp/pollard-journal-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir_name));
	dir = open(dir_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ne(dir, -1);
}

static void teardown(void)
{
	unlinkat(dir, JOURNAL_NAME, 0);
	close(dir);
	rmdir(dir_name);
}

static int open_journal(void)
{
	int fd = openat(dir, JOURNAL_NAME, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ne(fd, -1);
	return fd;
}

static cJSON *event(const char *name, int number)
{
	cJSON *record = journal_event(name);

	json_add_integer(record, "number", number);
	return record;
}

static struct buf content(void)
{
	struct buf text = BUF_INIT;

	ck_assert_int_eq(read_file_at(dir, JOURNAL_NAME, &text, 64 * 1024 * 1024), 0);
	return text;
}

static void set_content(const void *data, size_t len)
{
	int fd = openat(dir, JOURNAL_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_eq(write_all(fd, data, len), 0);
	close(fd);
}

static void write_records(int count)
{
	struct journal *j = journal_new(open_journal(), 0);

	for (int i = 1; i <= count; i++)
		journal_add(j, event("test", i));
	ck_assert_int_eq(journal_flush(j), 0);
	journal_free(j);
}

/* How many good records there are, and how it ends. */
static uint64_t read_records(enum journal_problem *problem, uint64_t *line)
{
	struct journal_reader *r = journal_reader_open(dir);
	uint64_t count = 0;
	const cJSON *record;

	ck_assert_ptr_nonnull(r);
	while ((record = journal_reader_next(r)) != NULL)
		ck_assert_double_eq(json_get_number(record, "seq", 0), (double)++count);
	*problem = journal_reader_problem(r, line);
	ck_assert_ptr_null(journal_reader_next(r));
	ck_assert_int_eq(journal_reader_problem(r, NULL), *problem);
	journal_reader_free(r);
	return count;
}

static void assert_reads(uint64_t count, enum journal_problem expected, uint64_t expected_line)
{
	enum journal_problem problem;
	uint64_t line;

	ck_assert_uint_eq(read_records(&problem, &line), count);
	ck_assert_int_eq(problem, expected);
	if (expected != JOURNAL_OK)
		ck_assert_uint_eq(line, expected_line);
}

START_TEST(form)
{
	struct journal *j = journal_new(open_journal(), 0);
	cJSON *record = event("test", 7);
	char *time = strdup(json_get_string(record, "time"));
	struct buf expected = BUF_INIT;
	struct buf text;

	ck_assert_int_ge(clock_parse(time), 0);
	journal_add(j, record);
	ck_assert_int_eq(journal_flush(j), 0);
	text = content();
	buf_addf(&expected, "{\"v\":1,\"seq\":1,\"time\":\"%s\",\"event\":\"test\",\"number\":7",
	    time);
	buf_addf(&expected, ",\"crc\":\"%08x\"}\n", crc32c(0, expected.data, expected.len));
	ck_assert_str_eq(buf_str(&text), buf_str(&expected));
	free(time);
	buf_free(&text);
	buf_free(&expected);
	journal_free(j);
}
END_TEST

START_TEST(reading_back)
{
	struct journal *j = journal_new(open_journal(), 0);
	struct record_place places[20];
	struct journal_reader *r;
	cJSON *record;

	for (int i = 0; i < 20; i++) {
		places[i] = journal_add(j, event("test", i));
		if (i % 3 == 0)
			ck_assert_int_eq(journal_flush(j), 0);
	}
	/* not written yet */
	record = journal_read(j, places[19]);
	ck_assert_double_eq(json_get_number(record, "number", -1), 19);
	cJSON_Delete(record);
	ck_assert_int_eq(journal_flush(j), 0);
	ck_assert_int_eq(journal_flush(j), 0);
	for (int i = 0; i < 20; i++) {
		record = journal_read(j, places[i]);
		ck_assert_double_eq(json_get_number(record, "number", -1), i);
		cJSON_Delete(record);
	}
	r = journal_reader_open(dir);
	for (int i = 0; i < 20; i++) {
		ck_assert_ptr_nonnull(journal_reader_next(r));
		ck_assert_int_eq(journal_reader_place(r).offset, places[i].offset);
		ck_assert_uint_eq(journal_reader_place(r).length, places[i].length);
	}
	journal_reader_free(r);
	places[3].length--;
	ck_assert_ptr_null(journal_read(j, places[3]));
	ck_assert_int_eq(errno, EBADMSG);
	places[3].offset = -1;
	ck_assert_ptr_null(journal_read(j, places[3]));
	journal_free(j);
}
END_TEST

START_TEST(going_on)
{
	struct journal *j;

	write_records(3);
	j = journal_new(open_journal(), 3);
	struct record_place place = journal_add(j, event("test", 4));
	ck_assert_int_eq(journal_sync(j), 0);
	cJSON *record = journal_read(j, place);
	ck_assert_double_eq(json_get_number(record, "seq", 0), 4);
	cJSON_Delete(record);
	journal_free(j);
	assert_reads(4, JOURNAL_OK, 0);
}
END_TEST

START_TEST(empty)
{
	struct stat st;
	struct journal *j = journal_new(open_journal(), 0);

	ck_assert_int_eq(journal_flush(j), 0);
	ck_assert_int_eq(fstat(journal_fd(j), &st), 0);
	ck_assert_int_eq(st.st_size, 0);
	journal_free(j);
	assert_reads(0, JOURNAL_OK, 0);
}
END_TEST

/* Cut at every byte: never more than the last record is lost, and never is it called damage. */
START_TEST(cut_anywhere)
{
	struct buf text;
	uint64_t whole = 0;

	write_records(4);
	text = content();
	for (size_t len = 0; len <= text.len; len++) {
		bool at_end = len == 0 || text.data[len - 1] == '\n';

		if (len > 0 && at_end)
			whole++;
		set_content(text.data, len);
		assert_reads(whole, at_end ? JOURNAL_OK : JOURNAL_TORN, whole + 1);
	}
	buf_free(&text);
}
END_TEST

/* Power was lost: the size was written and the data was not. */
START_TEST(zeroed_tail)
{
	struct buf text;
	size_t start;

	write_records(4);
	text = content();
	start = text.len * 3 / 4 + 5;
	memset(text.data + start, 0, text.len - start);
	set_content(text.data, text.len);
	assert_reads(3, JOURNAL_TORN, 4);
	buf_free(&text);
}
END_TEST

/* A flipped bit anywhere is found, and what is before it still read. */
START_TEST(flip_anywhere)
{
	struct buf text;
	uint64_t line = 1;

	write_records(4);
	text = content();
	for (size_t i = 0; i < text.len; i++) {
		bool newline = text.data[i] == '\n';
		enum journal_problem problem;
		uint64_t bad_line;

		text.data[i] = (char)(text.data[i] ^ (1 << (i % 8)));
		set_content(text.data, text.len);
		ck_assert_uint_eq(read_records(&problem, &bad_line), line - 1);
		ck_assert_uint_eq(bad_line, line);
		/* two lines run together when a newline is lost: at the end nothing good follows */
		ck_assert_int_eq(problem,
		    line == 4 || (line == 3 && newline) ? JOURNAL_TORN : JOURNAL_DAMAGED);
		text.data[i] = (char)(text.data[i] ^ (1 << (i % 8)));
		line += newline;
	}
	buf_free(&text);
}
END_TEST

/* The events of a small run, as long as they are in earnest. */
static void write_run(void)
{
	struct journal *j = journal_new(open_journal(), 0);

	cJSON *e = journal_event("run-started");
	json_add_string(e, "run", "20261123-162005-1f0c");
	json_add_string(e, "goal", "h\u00f6her");
	journal_add(j, e);
	for (int i = 1; i <= 2; i++) {
		e = journal_event("task-added");
		json_add_string(e, "task", i == 1 ? "a" : "b");
		json_add_bytes(e, "record", "\xff\n{}", 4);
		journal_add(j, e);
		e = journal_event("attempt-finished");
		json_add_seconds(e, "seconds", 61204);
		json_add_null(e, "reason");
		journal_add(j, e);
	}
	journal_add(j, journal_event("run-finished"));
	ck_assert_int_eq(journal_flush(j), 0);
	journal_free(j);
}

/*
 * Each single bit of a real journal, flipped in turn: what is returned is what was written, up to
 * the line with that bit, and that line is named.
 */
START_TEST(flip_every_bit)
{
	struct buf text;
	uint64_t lines = 0;
	uint64_t line = 1;

	write_run();
	text = content();
	int fd = openat(dir, JOURNAL_NAME, O_WRONLY | O_CLOEXEC);
	for (size_t i = 0; i < text.len; i++)
		lines += text.data[i] == '\n';
	for (size_t bit = 0; bit < text.len * 8; bit++) {
		size_t at = bit / 8;
		bool newline = text.data[at] == '\n';
		char flipped = (char)(text.data[at] ^ (1 << bit % 8));
		enum journal_problem problem;
		uint64_t bad_line;

		ck_assert_int_eq(pwrite(fd, &flipped, 1, (off_t)at), 1);
		ck_assert_uint_eq(read_records(&problem, &bad_line), line - 1);
		ck_assert_uint_eq(bad_line, line);
		ck_assert_int_eq(problem,
		    line == lines || (line == lines - 1 && newline) ? JOURNAL_TORN :
								      JOURNAL_DAMAGED);
		ck_assert_int_eq(pwrite(fd, &text.data[at], 1, (off_t)at), 1);
		line += newline && bit % 8 == 7;
	}
	close(fd);
	buf_free(&text);
}
END_TEST

/* The good part's end and last number, as a reader finds them. */
static void find_end(int64_t *end, uint64_t *seq)
{
	struct journal_reader *r = journal_reader_open(dir);

	while (journal_reader_next(r) != NULL)
		;
	*end = journal_reader_end(r);
	*seq = journal_reader_seq(r);
	journal_reader_free(r);
}

/* Cut at every byte, or with zeros from there on: one goes on behind what is good. */
START_TEST(reopen_anywhere)
{
	struct buf text;

	write_records(3);
	text = content();
	for (size_t len = 0; len <= text.len * 2; len++) {
		size_t at = len % (text.len + 1);
		bool zeros = len > text.len;
		struct buf torn = BUF_INIT;
		struct buf after;
		int64_t end;
		uint64_t seq;

		buf_add(&torn, text.data, text.len);
		memset(torn.data + at, 0, text.len - at);
		set_content(torn.data, zeros ? text.len : at);
		find_end(&end, &seq);
		struct journal *j = journal_reopen(dir, end, seq);
		ck_assert_ptr_nonnull(j);
		struct record_place place = journal_add(j, event("after", 1));
		ck_assert_int_eq(place.offset, end);
		ck_assert_int_eq(journal_flush(j), 0);
		cJSON *record = journal_read(j, place);
		ck_assert_double_eq(json_get_number(record, "seq", 0), (double)seq + 1);
		cJSON_Delete(record);
		journal_free(j);
		assert_reads(seq + 1, JOURNAL_OK, 0);
		after = content();
		ck_assert_int_eq(memcmp(after.data, text.data, (size_t)end), 0);
		buf_free(&after);
		buf_free(&torn);
	}
	buf_free(&text);
}
END_TEST

START_TEST(reopen_refused)
{
	struct buf before;
	struct buf after;

	ck_assert_ptr_null(journal_reopen(dir, 0, 0));
	ck_assert_int_eq(errno, ENOENT);
	write_records(2);
	before = content();
	ck_assert_ptr_null(journal_reopen(dir, (int64_t)before.len + 1, 2));
	ck_assert_int_eq(errno, EBADMSG);
	after = content();
	ck_assert_uint_eq(after.len, before.len);
	buf_free(&after);
	buf_free(&before);
	unlinkat(dir, JOURNAL_NAME, 0);

	ck_assert_int_eq(symlinkat("/etc/passwd", dir, JOURNAL_NAME), 0);
	ck_assert_ptr_null(journal_reopen(dir, 0, 0));
	ck_assert_int_eq(errno, ELOOP);
	unlinkat(dir, JOURNAL_NAME, 0);
	ck_assert_int_eq(mkfifoat(dir, JOURNAL_NAME, 0600), 0);
	ck_assert_ptr_null(journal_reopen(dir, 0, 0));
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

/* Appends a line with a right checksum. */
static void add_line(struct buf *text, const char *members)
{
	size_t start = text->len;

	buf_addf(text, "{%s", members);
	buf_addf(text, ",\"crc\":\"%08x\"}\n", crc32c(0, text->data + start, text->len - start));
}

static const struct {
	const char *members; /* of the second of three records */
	enum journal_problem problem;
} strange[] = {
	{ "\"v\":2,\"seq\":2", JOURNAL_NEWER },
	{ "\"v\":2", JOURNAL_NEWER },
	{ "\"v\":0,\"seq\":2", JOURNAL_DAMAGED },
	{ "\"seq\":2", JOURNAL_DAMAGED },
	{ "\"v\":\"1\",\"seq\":2", JOURNAL_DAMAGED },
	{ "\"v\":1,\"seq\":1", JOURNAL_DAMAGED },
	{ "\"v\":1,\"seq\":3", JOURNAL_DAMAGED },
	{ "\"v\":1,\"seq\":-2", JOURNAL_DAMAGED },
	{ "\"v\":1,\"seq\":1e300", JOURNAL_DAMAGED },
	{ "\"v\":1", JOURNAL_DAMAGED },
	{ "\"v\":1,\"seq\":2,\"v\":1", JOURNAL_DAMAGED },
	{ "\"v\":1,\"seq\":2,", JOURNAL_DAMAGED },
	{ "\"v\":1,\"seq\":2.5", JOURNAL_DAMAGED },
	/* a record about lost ones has a range of numbers that can be one */
	{ "\"v\":1,\"seq\":2,\"event\":\"lost\"", JOURNAL_DAMAGED },
	{ "\"v\":1,\"seq\":2,\"event\":\"lost\",\"through\":1", JOURNAL_DAMAGED },
	{ "\"v\":1,\"seq\":2,\"event\":\"lost\",\"through\":2.5", JOURNAL_DAMAGED },
	{ "\"v\":1,\"seq\":3,\"event\":\"lost\",\"through\":4", JOURNAL_DAMAGED },
	/* and no other has one */
	{ "\"v\":1,\"seq\":3,\"event\":\"other\",\"through\":3", JOURNAL_DAMAGED },
};

START_TEST(strange_record)
{
	struct buf text = BUF_INIT;

	add_line(&text, "\"v\":1,\"seq\":1");
	add_line(&text, strange[_i].members);
	add_line(&text, "\"v\":1,\"seq\":3");
	set_content(text.data, text.len);
	assert_reads(1, strange[_i].problem, 2);
	buf_free(&text);
}
END_TEST

/* What was set aside leaves a gap where a record says so, and nowhere else. */
START_TEST(numbers_that_are_lost)
{
	struct buf text = BUF_INIT;
	struct journal_reader *r;

	add_line(&text, "\"v\":1,\"seq\":1,\"event\":\"lost\",\"through\":1");
	add_line(&text, "\"v\":1,\"seq\":2");
	add_line(&text, "\"v\":1,\"seq\":3,\"event\":\"lost\",\"through\":9");
	add_line(&text, "\"v\":1,\"seq\":10");
	add_line(&text, "\"v\":1,\"seq\":12");
	set_content(text.data, text.len);
	r = journal_reader_open(dir);
	for (int i = 0; i < 4; i++)
		ck_assert_ptr_nonnull(journal_reader_next(r));
	ck_assert_uint_eq(journal_reader_seq(r), 10);
	ck_assert_ptr_null(journal_reader_next(r));
	ck_assert_int_eq(journal_reader_problem(r, NULL), JOURNAL_DAMAGED);
	journal_reader_free(r);
	buf_free(&text);
}
END_TEST

START_TEST(unknown_members)
{
	struct buf text = BUF_INIT;

	add_line(&text, "\"v\":1,\"seq\":1,\"new\":[{}]");
	set_content(text.data, text.len);
	assert_reads(1, JOURNAL_OK, 0);
	buf_free(&text);
}
END_TEST

START_TEST(garbage)
{
	set_content("\n", 1);
	assert_reads(0, JOURNAL_TORN, 1);
	set_content("hello\nworld\n", 12);
	assert_reads(0, JOURNAL_TORN, 1);
	set_content("}\0\n\n\n", 5);
	assert_reads(0, JOURNAL_TORN, 1);
}
END_TEST

START_TEST(first_record_gone)
{
	struct buf text;

	write_records(2);
	text = content();
	buf_consume(&text, (size_t)(strchr(text.data, '\n') + 1 - text.data));
	set_content(text.data, text.len);
	assert_reads(0, JOURNAL_DAMAGED, 1);
	buf_free(&text);
}
END_TEST

static void add_long(struct journal *j, size_t len)
{
	cJSON *record = journal_event("long");
	char *text = malloc(len + 1);

	memset(text, 'x', len);
	text[len] = '\0';
	json_add_string(record, "text", text);
	free(text);
	journal_add(j, record);
}

/* Lines around the size of what is read at once, and far beyond. */
START_TEST(long_records)
{
	static const size_t lengths[] = { 65000, 65536, 1, 131072, 5000000, 3, 0, 65430 };
	struct journal *j = journal_new(open_journal(), 0);
	struct journal_reader *r;

	for (size_t i = 0; i < 8; i++)
		add_long(j, lengths[i]);
	ck_assert_int_eq(journal_flush(j), 0);
	add_long(j, 10);
	ck_assert_int_eq(journal_flush(j), 0);
	journal_free(j);
	r = journal_reader_open(dir);
	for (size_t i = 0; i < 8; i++) {
		const char *text = json_get_string(journal_reader_next(r), "text");

		ck_assert_uint_eq(strlen(text), lengths[i]);
	}
	ck_assert_uint_eq(strlen(json_get_string(journal_reader_next(r), "text")), 10);
	ck_assert_ptr_null(journal_reader_next(r));
	ck_assert_int_eq(journal_reader_problem(r, NULL), JOURNAL_OK);
	journal_reader_free(r);
}
END_TEST

START_TEST(deep_result)
{
	struct journal *j = journal_new(open_journal(), 0);
	cJSON *record = journal_event("deep");
	struct buf text = BUF_INIT;
	struct json_error error;

	/* as deep as a task may answer */
	for (int i = 0; i < JSON_DEPTH_MAX; i++)
		buf_addstr(&text, i < JSON_DEPTH_MAX - 1 ? "{\"a\":" : "{");
	for (int i = 0; i < JSON_DEPTH_MAX; i++)
		buf_addch(&text, '}');
	json_add_item(record, "result", json_parse(text.data, text.len, &error));
	ck_assert_ptr_nonnull(json_get(record, "result"));
	buf_free(&text);
	journal_add(j, record);
	ck_assert_int_eq(journal_flush(j), 0);
	journal_free(j);
	assert_reads(1, JOURNAL_OK, 0);
}
END_TEST

/*
 * journal_flush() while no file can grow beyond `size`: the errno it gives, or 0. Nothing is
 * asserted meanwhile, because Check itself writes to a file at each assertion.
 */
static int flush_limited(struct journal *j, rlim_t size)
{
	struct rlimit limit = { size, RLIM_INFINITY };
	struct rlimit before;
	int set;
	int error;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	set = setrlimit(RLIMIT_FSIZE, &limit);
	error = journal_flush(j) == -1 ? errno : 0;
	setrlimit(RLIMIT_FSIZE, &before);
	ck_assert_int_eq(set, 0);
	return error;
}

/* The file cannot grow any more in the middle of a flush: nothing of that flush stays. */
START_TEST(write_fails)
{
	struct journal *j = journal_new(open_journal(), 0);
	struct record_place place;
	cJSON *record;
	struct stat before;
	struct stat after;

	journal_add(j, event("test", 1));
	ck_assert_int_eq(journal_flush(j), 0);
	ck_assert_int_eq(fstat(journal_fd(j), &before), 0);
	for (int i = 2; i < 10; i++)
		journal_add(j, event("test", i));
	ck_assert_int_eq(flush_limited(j, (rlim_t)before.st_size + 150), EFBIG);
	ck_assert_int_eq(fstat(journal_fd(j), &after), 0);
	ck_assert_int_eq(after.st_size, before.st_size);

	/* from then on all is refused, also when there is room again; but what happened can be told */
	place = journal_add(j, event("test", 10));
	record = journal_read(j, place);
	ck_assert_double_eq(json_get_number(record, "number", -1), 10);
	cJSON_Delete(record);
	errno = 0;
	ck_assert_int_eq(journal_flush(j), -1);
	ck_assert_int_eq(errno, EFBIG);
	errno = 0;
	ck_assert_int_eq(journal_sync(j), -1);
	ck_assert_int_eq(errno, EFBIG);
	journal_free(j);
	assert_reads(1, JOURNAL_OK, 0);
}
END_TEST

START_TEST(full_device)
{
	struct journal *j = journal_new(open("/dev/full", O_RDWR | O_APPEND | O_CLOEXEC), 0);

	journal_add(j, event("test", 1));
	ck_assert_int_eq(journal_flush(j), -1);
	ck_assert_int_eq(errno, ENOSPC);
	journal_free(j);
}
END_TEST

START_TEST(opening)
{
	struct journal_reader *r;

	ck_assert_ptr_null(journal_reader_open(dir));
	ck_assert_int_eq(errno, ENOENT);

	ck_assert_int_eq(symlinkat("/etc/passwd", dir, JOURNAL_NAME), 0);
	ck_assert_ptr_null(journal_reader_open(dir));
	ck_assert_int_eq(errno, ELOOP);
	unlinkat(dir, JOURNAL_NAME, 0);

	/* does not wait for somebody to write */
	ck_assert_int_eq(mkfifoat(dir, JOURNAL_NAME, 0600), 0);
	ck_assert_ptr_null(journal_reader_open(dir));
	unlinkat(dir, JOURNAL_NAME, 0);

	write_records(1);
	r = journal_reader_open(dir);
	ck_assert_ptr_nonnull(r);
	journal_reader_free(r);
	journal_reader_free(NULL);
}
END_TEST

Suite *journal_suite(void)
{
	Suite *suite = suite_create("journal");
	TCase *tc = tcase_create("journal");

	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, form);
	tcase_add_test(tc, reading_back);
	tcase_add_test(tc, going_on);
	tcase_add_test(tc, empty);
	tcase_add_test(tc, cut_anywhere);
	tcase_add_test(tc, zeroed_tail);
	tcase_add_test(tc, flip_anywhere);
	tcase_add_test(tc, flip_every_bit);
	tcase_add_test(tc, reopen_anywhere);
	tcase_add_test(tc, reopen_refused);
	tcase_add_test(tc, numbers_that_are_lost);
	tcase_add_loop_test(tc, strange_record, 0, sizeof(strange) / sizeof(strange[0]));
	tcase_add_test(tc, unknown_members);
	tcase_add_test(tc, garbage);
	tcase_add_test(tc, first_record_gone);
	tcase_add_test(tc, long_records);
	tcase_add_test(tc, deep_result);
	tcase_add_test(tc, write_fails);
	tcase_add_test(tc, full_device);
	tcase_add_test(tc, opening);
	suite_add_tcase(suite, tc);
	return suite;
}
