#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "shared/io.h"
#include "workers/capture.h"

Suite *capture_suite(void);

/* One stream with its writing end; made by setup(), released by teardown(). */
static struct stream stream;
static struct capture capture;
static struct spill_place place;
static int writer;
static uint64_t fed;

static void setup(void)
{
	stream = (struct stream){ .data = BUF_INIT };
	place = (struct spill_place){ -1, NULL, memfd_create("spill", MFD_CLOEXEC) };
	ck_assert_int_ge(place.lent_fd, 0);
	fed = 0;
}

static void teardown(void)
{
	buf_free(&stream.data);
	close(place.lent_fd);
}

static void begin(uint64_t max_output)
{
	int ends[2];

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_eq(set_nonblocking(ends[0]), 0);
	writer = ends[1];
	capture_init(&capture, ends[0], &stream, place, max_output);
}

/* The bytes that are fed: no two places near each other look alike. */
static char byte_at(uint64_t offset)
{
	return (char)(offset * 2654435761U >> 13);
}

static void feed(size_t len)
{
	char bytes[1000];

	while (len > 0) {
		size_t n = len < sizeof(bytes) ? len : sizeof(bytes);

		for (size_t i = 0; i < n; i++)
			bytes[i] = byte_at(fed + i);
		ck_assert_int_eq(write_all(writer, bytes, n), 0);
		ck_assert(capture_read(&capture));
		fed += n;
		len -= n;
	}
}

static void end(void)
{
	close(writer);
	capture_finish(&capture);
	ck_assert_int_eq(capture.fd, -1);
	ck_assert_uint_eq(stream.bytes, fed);
}

/* What was kept, wherever it is. */
static struct buf kept(void)
{
	struct buf all = BUF_INIT;
	off_t size;

	if (!stream.spilled) {
		buf_add(&all, stream.data.data, stream.data.len);
		return all;
	}
	ck_assert_uint_eq(stream.data.len, 0);
	size = lseek(place.lent_fd, 0, SEEK_END);
	all.len =
	    (size_t)pread_all(place.lent_fd, buf_reserve(&all, (size_t)size), (size_t)size, 0);
	return all;
}

static void check_bytes(const char *data, size_t len, uint64_t from)
{
	for (size_t i = 0; i < len; i++)
		if (data[i] != byte_at(from + i))
			ck_abort_msg("byte %zu is not the one written at %" PRIu64, i, from + i);
}

static void check_whole(void)
{
	struct buf all = kept();

	ck_assert_uint_eq(all.len, fed);
	check_bytes(all.data, all.len, 0);
	ck_assert_uint_eq(stream.dropped, 0);
	buf_free(&all);
}

/* The beginning, the mark with the right number, and the end are there. */
static void check_cut(size_t limit)
{
	struct buf all = kept();
	char mark[64];
	const char *at;
	size_t mark_len, tail;

	mark_len = (size_t)snprintf(mark, sizeof(mark),
	    "\n[pollard: %" PRIu64 " bytes dropped here]\n", stream.dropped);
	at = memmem(all.data, all.len, mark, mark_len);
	ck_assert_ptr_nonnull(at);
	ck_assert_uint_eq((size_t)(at - all.data), limit / 2);
	check_bytes(all.data, (size_t)(at - all.data), 0);
	tail = all.len - mark_len - (size_t)(at - all.data);
	check_bytes(at + mark_len, tail, fed - tail);
	ck_assert_uint_eq(stream.dropped, fed - limit / 2 - tail);
	buf_free(&all);
}

START_TEST(short_stream_stays_in_memory)
{
	begin(0);
	feed(INLINE_MAX);
	end();
	ck_assert(!stream.spilled);
	check_whole();
}
END_TEST

START_TEST(nothing_at_all)
{
	begin(0);
	end();
	ck_assert(!stream.spilled);
	ck_assert_uint_eq(stream.data.len, 0);
}
END_TEST

START_TEST(long_stream_goes_to_the_file)
{
	begin(0);
	feed(INLINE_MAX + 1);
	feed(300000);
	end();
	ck_assert(stream.spilled);
	check_whole();
}
END_TEST

START_TEST(named_file_is_new_and_private)
{
	char directory[] = "/tmp/pollard-unit-XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(directory));
	close(place.lent_fd);
	place.dirfd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	place.name = "x.out";
	/* A file or link of that name is somebody else's: the rest is not kept. */
	ck_assert_int_eq(symlinkat("elsewhere", place.dirfd, "x.out"), 0);
	begin(0);
	feed(INLINE_MAX + 5000);
	end();
	ck_assert_int_eq(stream.spill_errno, EEXIST);
	ck_assert(!stream.spilled);
	ck_assert_uint_eq(stream.data.len, INLINE_MAX);
	ck_assert_uint_eq(stream.dropped, 5000);
	ck_assert_int_eq(faccessat(place.dirfd, "elsewhere", F_OK, 0), -1);

	unlinkat(place.dirfd, "x.out", 0);
	buf_free(&stream.data);
	stream = (struct stream){ .data = BUF_INIT };
	fed = 0;
	begin(0);
	feed(INLINE_MAX + 5000);
	end();
	ck_assert(stream.spilled);
	place.lent_fd = capture.file;
	check_whole();
	unlinkat(place.dirfd, "x.out", 0);
	close(place.dirfd);
	rmdir(directory);
}
END_TEST

START_TEST(exactly_the_limit_is_not_cut)
{
	static const uint64_t limits[] = { 1, 100, INLINE_MAX, INLINE_MAX + 1, 20000, 100000 };

	begin(limits[_i]);
	feed(limits[_i]);
	end();
	check_whole();
}
END_TEST

START_TEST(over_the_limit_the_middle_goes)
{
	static const uint64_t limits[] = { 1, 2, 99, 100, INLINE_MAX - 7, INLINE_MAX,
		INLINE_MAX + 1, 20000, 65537, 100000 };
	static const uint64_t extras[] = { 1, 10, 40, 999, 1000, 5001, 30000, 123457 };
	uint64_t limit = limits[_i / 8], extra = extras[_i % 8];
	struct buf all;

	begin(limit);
	feed(limit + extra);
	end();
	check_cut(limit);
	all = kept();
	if (limit > INLINE_MAX)
		ck_assert_uint_eq(all.len, limit);
	ck_assert_uint_le(all.len, limit > INLINE_MAX ? limit : INLINE_MAX);
	buf_free(&all);
}
END_TEST

/* A limit for files is a disk that is full. */
START_TEST(full_disk_drops_and_reads_on)
{
	struct rlimit small = { 50000, 50000 }, before;
	struct buf all;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	small.rlim_max = before.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	begin(0);
	feed(120000);
	end();
	setrlimit(RLIMIT_FSIZE, &before);
	ck_assert(stream.spilled);
	ck_assert_int_eq(stream.spill_errno, EFBIG);
	all = kept();
	ck_assert_uint_eq(all.len, fed - stream.dropped);
	ck_assert_uint_ge(all.len, 49000);
	check_bytes(all.data, all.len, 0);
	buf_free(&all);
}
END_TEST

START_TEST(writer_that_stays_is_not_waited_for)
{
	begin(0);
	ck_assert(!capture_read(&capture));
	ck_assert_int_ge(capture.fd, 0);
	ck_assert_int_eq(write_all(writer, "last", 4), 0);
	capture_finish(&capture);
	ck_assert_str_eq(buf_str(&stream.data), "last");
	close(writer);
}
END_TEST

Suite *capture_suite(void)
{
	Suite *suite = suite_create("capture");
	TCase *tc = tcase_create("capture");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, short_stream_stays_in_memory);
	tcase_add_test(tc, nothing_at_all);
	tcase_add_test(tc, long_stream_goes_to_the_file);
	tcase_add_test(tc, named_file_is_new_and_private);
	tcase_add_loop_test(tc, exactly_the_limit_is_not_cut, 0, 6);
	tcase_add_loop_test(tc, over_the_limit_the_middle_goes, 0, 80);
	tcase_add_test(tc, full_disk_drops_and_reads_on);
	tcase_add_test(tc, writer_that_stays_is_not_waited_for);
	suite_add_tcase(suite, tc);
	return suite;
}
