#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/io.h"
#include "shared/xalloc.h"
#include "supervisor/progress/sink.h"

Suite *sink_suite(void);

#define MIB ((size_t)1024 * 1024)
/* Turns in which nothing moves, after which a test says that it hangs. */
#define PATIENCE 200

static const struct sink_format raw = { .filter = SINK_RAW };

/* A directory for each test, and the check that it leaves no descriptor and no file behind. */

static char dir[64];
static int dir_fd;
static int descriptors;

static int count_entries(const char *path)
{
	int count = 0;
	DIR *d = opendir(path);
	ck_assert_ptr_nonnull(d);
	while (readdir(d) != NULL)
		count++;
	closedir(d);
	return count;
}

static void begin(void)
{
	signal(SIGPIPE, SIG_IGN);
	strcpy(dir, "/tmp/pollard-sink-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(dir_fd, 0);
	descriptors = count_entries("/proc/self/fd");
}

static void end(void)
{
	ck_assert_int_eq(count_entries("/proc/self/fd"), descriptors);
	close(dir_fd);
	ck_assert_int_eq(rmdir(dir), 0);
}

/* A pipe with its sink. */
struct plumbing {
	int out;
	int in;
	struct sink *sink;
};

static struct plumbing connect_pipe(void)
{
	int fds[2];
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(set_nonblocking(fds[0]), 0);
	return (struct plumbing){ fds[0], fds[1], sink_open(fds[1], dir) };
}

static void disconnect(struct plumbing *p)
{
	/* the description is not ours alone, so it must be as it was */
	ck_assert_int_eq(fcntl(p->in, F_GETFL) & O_NONBLOCK, 0);
	sink_close(p->sink);
	close(p->in);
	if (p->out >= 0)
		close(p->out);
}

/* One turn of the loop, as it would be. */
static void turn(struct sink *s)
{
	struct pollfd p = sink_pollfd(s);
	if (p.fd >= 0 && poll(&p, 1, 0) > 0)
		sink_pump(s, p.revents);
}

/* Reads at most `most` bytes and returns how many there were. */
static size_t drink(int fd, struct buf *got, size_t most)
{
	char piece[65536];
	ssize_t n = read(fd, piece, most < sizeof piece ? most : sizeof piece);
	if (n <= 0)
		return 0;
	buf_add(got, piece, (size_t)n);
	return (size_t)n;
}

/* Turns until all is read, in pieces of at most `most` bytes. */
static void drain(struct plumbing *p, struct buf *got, size_t most)
{
	int idle = 0;
	while (idle < 3) {
		turn(p->sink);
		bool moved = drink(p->out, got, most) > 0;
		idle = moved ? 0 : idle + 1;
		if (idle == 3 && sink_waiting(p->sink)) {
			for (int i = 0; i < PATIENCE && idle > 0; i++) {
				turn(p->sink);
				idle =
				    drink(p->out, got, most) > 0 || !sink_waiting(p->sink) ? 0 : 3;
			}
			ck_assert_msg(idle == 0, "bytes wait, and nothing moves");
		}
	}
	ck_assert_int_eq(sink_error(p->sink), 0);
}

static void expect_bytes(struct buf *got, const void *expected, size_t len)
{
	ck_assert_uint_eq(got->len, len);
	for (size_t i = 0; i < len; i++) {
		if (got->data[i] != ((const char *)expected)[i])
			ck_abort_msg("byte %zu differs", i);
	}
	buf_free(got);
}

static void expect_text(struct buf *got, const char *expected)
{
	ck_assert_str_eq(buf_str(got), expected);
	expect_bytes(got, expected, strlen(expected));
}

/* Bytes that show any loss, doubling, or change of order. */
static void add_pattern(struct buf *b, size_t len)
{
	static uint32_t state = 1;
	char *at = buf_reserve(b, len);
	for (size_t i = 0; i < len; i++) {
		state = state * 1664525u + 1013904223u;
		at[i] = (char)(state >> 24);
	}
	b->len += len;
}

/* A file with these bytes that has no name. */
static int file_with(const void *data, size_t len)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write_all(fd, data, len), 0);
	return fd;
}

START_TEST(in_order)
{
	struct plumbing p = connect_pipe();
	struct buf got = BUF_INIT;
	ck_assert(!sink_waiting(p.sink));
	sink_add(p.sink, "one\n", 4);
	sink_add(p.sink, "", 0);
	ck_assert(sink_waiting(p.sink));
	sink_addf(p.sink, "%d %s\n", 2, "two");
	sink_add_bytes(p.sink, &raw, "three\n", 6);
	sink_add_file(p.sink, &raw, file_with("four\n", 5));
	sink_add(p.sink, "five\n", 5);
	drain(&p, &got, 65536);
	ck_assert(!sink_waiting(p.sink));
	expect_text(&got, "one\n2 two\nthree\nfour\nfive\n");
	disconnect(&p);
}
END_TEST

START_TEST(nothing_to_wait_for)
{
	struct plumbing p = connect_pipe();
	struct pollfd fd = sink_pollfd(p.sink);
	ck_assert_int_eq(fd.events, 0);
	sink_add(p.sink, "x", 1);
	fd = sink_pollfd(p.sink);
	ck_assert_int_ge(fd.fd, 0);
	ck_assert_int_eq(fd.events, POLLOUT);
	disconnect(&p);
}
END_TEST

START_TEST(full_pipe_blocks_nobody)
{
	struct plumbing p = connect_pipe();
	struct buf sent = BUF_INIT;
	struct buf got = BUF_INIT;
	add_pattern(&sent, 300000);
	sink_add(p.sink, sent.data, sent.len);
	for (int i = 0; i < 10; i++)
		sink_pump(p.sink, POLLOUT); /* would hang here */
	ck_assert(sink_waiting(p.sink));
	struct pollfd fd = sink_pollfd(p.sink);
	ck_assert_int_eq(poll(&fd, 1, 0), 0);
	drain(&p, &got, 65536);
	expect_bytes(&got, sent.data, sent.len);
	buf_free(&sent);
	disconnect(&p);
}
END_TEST

START_TEST(full_pipe_and_a_file)
{
	struct plumbing p = connect_pipe();
	struct buf sent = BUF_INIT;
	struct buf got = BUF_INIT;
	add_pattern(&sent, 3 * MIB + 17);
	sink_add_file(p.sink, &raw, file_with(sent.data, sent.len));
	for (int i = 0; i < 10; i++)
		sink_pump(p.sink, POLLOUT);
	ck_assert(sink_waiting(p.sink));
	drain(&p, &got, 10007);
	expect_bytes(&got, sent.data, sent.len);
	buf_free(&sent);
	disconnect(&p);
}
END_TEST

/* How many bytes unnamed files of this process hold in the directory of the test. */
static off_t unnamed_bytes(int *files)
{
	off_t bytes = 0;
	*files = 0;
	for (int fd = 3; fd < 256; fd++) {
		char path[64];
		char target[PATH_MAX] = "";
		struct stat st;
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		if (readlink(path, target, sizeof target - 1) < 0 ||
		    strncmp(target, dir, strlen(dir)) != 0 || fstat(fd, &st) < 0 ||
		    !S_ISREG(st.st_mode))
			continue;
		bytes += st.st_size;
		++*files;
	}
	return bytes;
}

START_TEST(overflow_goes_to_the_disk)
{
	struct plumbing p = connect_pipe();
	struct buf sent = BUF_INIT;
	struct buf got = BUF_INIT;
	int files;
	for (int round = 0; round < 3; round++) {
		while (sent.len < 5 * MIB) {
			size_t at = sent.len;
			add_pattern(&sent, 1 + (size_t)(random() % 20000));
			sink_add(p.sink, sent.data + at, sent.len - at);
		}
		/* at most a mebibyte stays in memory */
		ck_assert_int_ge(unnamed_bytes(&files), (off_t)(4 * MIB - 20000));
		ck_assert_int_eq(files, 1);
		ck_assert_int_eq(count_entries(dir), 2); /* without a name: . and .. */
		drain(&p, &got, 65536);
		expect_bytes(&got, sent.data, sent.len);
		/* the room is given back */
		ck_assert_int_eq(unnamed_bytes(&files), 0);
		buf_free(&sent);
	}
	disconnect(&p);
}
END_TEST

START_TEST(overflow_without_a_place)
{
	struct buf sent = BUF_INIT;
	struct buf got = BUF_INIT;
	struct plumbing p = connect_pipe();
	sink_close(p.sink);
	p.sink = sink_open(p.in, "/nonexistent/place");
	add_pattern(&sent, 3 * MIB);
	sink_add(p.sink, sent.data, MIB);
	sink_add(p.sink, sent.data + MIB, 2 * MIB);
	drain(&p, &got, 65536);
	expect_bytes(&got, sent.data, sent.len);
	buf_free(&sent);
	disconnect(&p);
}
END_TEST

/* Bytes in memory, on the disk and in files, all mixed, against a reader of many moods. */
START_TEST(any_mixture_keeps_its_order)
{
	for (unsigned seed = 1; seed <= 12; seed++) {
		struct plumbing p = connect_pipe();
		struct buf sent = BUF_INIT;
		struct buf got = BUF_INIT;
		srandom(seed);
		for (int i = 0; i < 300; i++) {
			size_t at = sent.len;
			size_t len = (size_t)(random() % (seed % 3 == 0 ? 60000 : 20000));
			add_pattern(&sent, len);
			switch (random() % 4) {
			case 0:
				sink_add_file(p.sink, &raw, file_with(sent.data + at, len));
				break;
			default:
				sink_add(p.sink, sent.data + at, len);
			}
			if (random() % 3 == 0)
				turn(p.sink);
			if (random() % (long)(seed + 1) == 0)
				drink(p.out, &got, 1 + (size_t)(random() % 65536));
		}
		drain(&p, &got, 30000);
		expect_bytes(&got, sent.data, sent.len);
		buf_free(&sent);
		disconnect(&p);
	}
}
END_TEST

START_TEST(empty_files)
{
	struct plumbing p = connect_pipe();
	struct buf got = BUF_INIT;
	const struct sink_format tagged = { .filter = SINK_SAFE, .tag = "t", .whole_lines = true };
	sink_add_file(p.sink, &raw, file_with("", 0));
	sink_add_file(p.sink, &tagged, file_with("", 0));
	sink_add(p.sink, "x", 1);
	sink_add_file(p.sink, &raw, file_with("", 0));
	drain(&p, &got, 100);
	ck_assert(!sink_waiting(p.sink));
	expect_text(&got, "x");
	disconnect(&p);
}
END_TEST

START_TEST(file_that_shrinks)
{
	struct plumbing p = connect_pipe();
	struct buf sent = BUF_INIT;
	struct buf got = BUF_INIT;
	add_pattern(&sent, 2 * MIB);
	int fd = file_with(sent.data, sent.len);
	int other = dup(fd);
	sink_add_file(p.sink, &raw, fd);
	sink_add(p.sink, "end", 3);
	turn(p.sink);
	ck_assert_int_eq(ftruncate(other, 1), 0);
	close(other);
	/* what is gone cannot be printed, but what comes after it can, and nothing hangs */
	drain(&p, &got, 65536);
	ck_assert_uint_ge(got.len, 3);
	ck_assert_mem_eq(got.data + got.len - 3, "end", 3);
	buf_free(&got);
	buf_free(&sent);
	disconnect(&p);
}
END_TEST

START_TEST(file_that_cannot_be_read)
{
	static const struct sink_format tagged = { .filter = SINK_RAW, .tag = "t" };
	struct plumbing p = connect_pipe();
	int fd = open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	ck_assert_int_eq(write_all(fd, "x", 1), 0);
	sink_add_file(p.sink, &tagged, fd);
	sink_add(p.sink, "y", 1);
	turn(p.sink);
	/* an error, not an end */
	ck_assert_int_eq(sink_error(p.sink), EBADF);
	ck_assert(!sink_waiting(p.sink));
	disconnect(&p);
}
END_TEST

START_TEST(paths)
{
	struct plumbing p = connect_pipe();
	struct buf got = BUF_INIT;
	sink_add_path(p.sink, &raw, dir_fd, "later");
	sink_add(p.sink, "|", 1);
	/* it is opened when its turn comes */
	int fd = openat(dir_fd, "later", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_eq(write_all(fd, "content", 7), 0);
	close(fd);
	drain(&p, &got, 100);
	expect_text(&got, "content|");

	/* a symbolic link was put there by somebody else */
	ck_assert_int_eq(symlinkat("later", dir_fd, "link"), 0);
	sink_add_path(p.sink, &raw, dir_fd, "link");
	turn(p.sink);
	ck_assert_int_eq(sink_error(p.sink), ELOOP);
	disconnect(&p);

	p = connect_pipe();
	sink_add_path(p.sink, &raw, dir_fd, "missing");
	sink_add_path(p.sink, &raw, dir_fd, "later");
	turn(p.sink);
	ck_assert_int_eq(sink_error(p.sink), ENOENT);
	ck_assert(!sink_waiting(p.sink));
	disconnect(&p);
	ck_assert_int_eq(unlinkat(dir_fd, "later", 0), 0);
	ck_assert_int_eq(unlinkat(dir_fd, "link", 0), 0);
}
END_TEST

START_TEST(reader_goes_while_nothing_waits)
{
	struct plumbing p = connect_pipe();
	turn(p.sink);
	ck_assert_int_eq(sink_error(p.sink), 0);
	close(p.out);
	p.out = -1;
	turn(p.sink);
	ck_assert_int_eq(sink_error(p.sink), EPIPE);
	ck_assert_int_eq(sink_pollfd(p.sink).fd, -1);
	disconnect(&p);
}
END_TEST

START_TEST(reader_goes_while_much_waits)
{
	struct plumbing p = connect_pipe();
	struct buf sent = BUF_INIT;
	add_pattern(&sent, 3 * MIB);
	sink_add(p.sink, sent.data, sent.len);
	sink_add_file(p.sink, &raw, file_with(sent.data, sent.len));
	turn(p.sink);
	close(p.out);
	p.out = -1;
	/* also without a word from poll */
	sink_pump(p.sink, POLLOUT);
	ck_assert_int_eq(sink_error(p.sink), EPIPE);
	ck_assert(!sink_waiting(p.sink));
	/* what comes afterwards is thrown away, and its file closed */
	sink_add(p.sink, "x", 1);
	sink_add_file(p.sink, &raw, file_with("x", 1));
	sink_add_path(p.sink, &raw, dir_fd, "x");
	ck_assert(!sink_waiting(p.sink));
	sink_pump(p.sink, POLLOUT);
	buf_free(&sent);
	disconnect(&p);
}
END_TEST

START_TEST(reader_goes_from_a_file)
{
	struct plumbing p = connect_pipe();
	struct buf sent = BUF_INIT;
	add_pattern(&sent, 2 * MIB);
	sink_add_file(p.sink, &raw, file_with(sent.data, sent.len));
	turn(p.sink);
	close(p.out);
	p.out = -1;
	sink_pump(p.sink, POLLOUT);
	ck_assert_int_eq(sink_error(p.sink), EPIPE);
	buf_free(&sent);
	disconnect(&p);
}
END_TEST

START_TEST(full_disk)
{
	struct sink_format tagged = { .filter = SINK_RAW, .tag = "t" };
	for (int i = 0; i < 3; i++) {
		int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
		ck_assert_int_ge(fd, 0);
		struct sink *s = sink_open(fd, dir);
		if (i == 0)
			sink_add(s, "x", 1);
		else
			sink_add_file(s, i == 1 ? &raw : &tagged, file_with("x", 1));
		turn(s);
		ck_assert_int_eq(sink_error(s), ENOSPC);
		ck_assert(!sink_waiting(s));
		sink_close(s);
		close(fd);
	}
}
END_TEST

static void check_file(int flags)
{
	struct buf sent = BUF_INIT;
	struct buf got = BUF_INIT;
	int fd = openat(dir_fd, "out", flags | O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write_all(fd, "before\n", 7), 0);
	buf_addstr(&sent, "before\n");
	add_pattern(&sent, 2 * MIB);
	struct sink *s = sink_open(fd, dir);
	sink_add(s, sent.data + 7, 1000);
	sink_add_file(s, &raw, file_with(sent.data + 1007, MIB));
	sink_add(s, sent.data + 1007 + MIB, sent.len - 1007 - MIB);
	for (int i = 0; i < PATIENCE && sink_waiting(s); i++)
		turn(s);
	ck_assert(!sink_waiting(s));
	ck_assert_int_eq(sink_error(s), 0);
	/* an idle file is never polled: it would always be ready */
	ck_assert_int_eq(sink_pollfd(s).fd, -1);
	sink_close(s);
	close(fd);
	ck_assert_int_eq(read_file_at(dir_fd, "out", &got, 8 * MIB), 0);
	expect_bytes(&got, sent.data, sent.len);
	buf_free(&sent);
	ck_assert_int_eq(unlinkat(dir_fd, "out", 0), 0);
}

START_TEST(regular_files)
{
	check_file(0);
	check_file(O_APPEND);
}
END_TEST

START_TEST(sockets)
{
	int fds[2];
	struct buf sent = BUF_INIT;
	struct buf got = BUF_INIT;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	ck_assert_int_eq(set_nonblocking(fds[0]), 0);
	struct plumbing p = { fds[0], fds[1], sink_open(fds[1], dir) };
	add_pattern(&sent, 3 * MIB);
	sink_add(p.sink, sent.data, MIB / 2);
	sink_add_file(p.sink, &raw, file_with(sent.data + MIB / 2, MIB));
	sink_add(p.sink, sent.data + MIB / 2 + MIB, MIB + MIB / 2);
	for (int i = 0; i < 10; i++)
		sink_pump(p.sink, POLLOUT);
	ck_assert(sink_waiting(p.sink));
	drain(&p, &got, 50000);
	expect_bytes(&got, sent.data, sent.len);
	buf_free(&sent);

	/* a peer that is gone is noticed, or poll would return for ever */
	close(p.out);
	p.out = -1;
	turn(p.sink);
	ck_assert_int_eq(sink_error(p.sink), EPIPE);
	disconnect(&p);
}
END_TEST

/* Where a description of our own cannot be had: no descriptor is left to open one with. */
START_TEST(careful_writes)
{
	struct rlimit limit;
	struct rlimit none;
	struct buf sent = BUF_INIT;
	struct buf got = BUF_INIT;
	struct plumbing p = connect_pipe();
	sink_close(p.sink);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	p.sink = sink_open(p.in, dir);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(sink_pollfd(p.sink).fd, p.in);

	add_pattern(&sent, 700000);
	sink_add(p.sink, sent.data, 300000);
	sink_add_file(p.sink, &raw, file_with(sent.data + 300000, 200000));
	sink_add(p.sink, sent.data + 500000, 200000);
	/* the descriptor blocks: each of these turns would hang if it wrote too much */
	for (int i = 0; i < PATIENCE; i++)
		turn(p.sink);
	ck_assert(sink_waiting(p.sink));
	drain(&p, &got, 3000);
	expect_bytes(&got, sent.data, sent.len);
	buf_free(&sent);
	disconnect(&p);
}
END_TEST

START_TEST(closed_from_the_start)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	close(fd);
	struct sink *s = sink_open(fd, dir);
	sink_add(s, "x", 1);
	sink_pump(s, POLLOUT);
	ck_assert_int_eq(sink_error(s), EBADF);
	ck_assert_int_eq(sink_pollfd(s).fd, -1);
	sink_close(s);
}
END_TEST

static void expect_formatted(const struct sink_format *f, const char *in, size_t len,
    const char *expected)
{
	struct plumbing p = connect_pipe();
	struct buf got = BUF_INIT;
	sink_add_bytes(p.sink, f, in, len);
	drain(&p, &got, 65536);
	expect_text(&got, expected);
	sink_add_file(p.sink, f, file_with(in, len));
	drain(&p, &got, 65536);
	expect_text(&got, expected);
	disconnect(&p);
}

#define LITERAL(s) (s), sizeof(s) - 1

START_TEST(tags_and_lines)
{
	struct sink_format f = { .filter = SINK_RAW, .tag = "db" };
	expect_formatted(&f, LITERAL("a\nb\n"), "db\ta\ndb\tb\n");
	expect_formatted(&f, LITERAL("a\n\nb"), "db\ta\ndb\t\ndb\tb");
	expect_formatted(&f, LITERAL(""), "");
	f.whole_lines = true;
	expect_formatted(&f, LITERAL("a\nb"), "db\ta\ndb\tb\n");
	expect_formatted(&f, LITERAL("a\n"), "db\ta\n");
	expect_formatted(&f, LITERAL(""), "");
	f.tag = NULL;
	expect_formatted(&f, LITERAL("a\nb"), "a\nb\n");
	expect_formatted(&f, LITERAL("\n"), "\n");
}
END_TEST

START_TEST(made_safe)
{
	struct sink_format f = { .filter = SINK_SAFE };
	expect_formatted(&f, LITERAL("a\033[31mb\n"), "a\\x1b[31mb\n");
	expect_formatted(&f, LITERAL("\xff\n\xe2\x82"), "\\xff\n\\xe2\\x82");
	expect_formatted(&f, LITERAL("a\0b"), "a\\x00b");
	f.tag = "t";
	f.whole_lines = true;
	expect_formatted(&f, LITERAL("\xe2\x82\xac\n\x1b"), "t\t\xe2\x82\xac\nt\t\\x1b\n");
}
END_TEST

START_TEST(tag_is_copied)
{
	struct plumbing p = connect_pipe();
	struct buf got = BUF_INIT;
	char *tag = xstrdup("gone");
	const struct sink_format f = { .filter = SINK_RAW, .tag = tag };
	sink_add_file(p.sink, &f, file_with("x\n", 2));
	memset(tag, '#', 4);
	free(tag);
	drain(&p, &got, 65536);
	expect_text(&got, "gone\tx\n");
	disconnect(&p);
}
END_TEST

/* A file is read in pieces; wherever one ends, inside a character or a line, nobody can tell. */
START_TEST(pieces_of_a_file_cannot_be_seen)
{
	static const struct sink_format f = { .filter = SINK_SAFE,
		.tag = "t",
		.whole_lines = true };
	for (size_t shift = 0; shift < 4; shift++) {
		struct plumbing p = connect_pipe();
		struct buf in = BUF_INIT;
		struct buf expected = BUF_INIT;
		struct buf got = BUF_INIT;
		buf_add(&in, "xyz", shift);
		buf_addstr(&expected, "t\t");
		buf_add(&expected, "xyz", shift);
		for (size_t i = 0; i < 40000; i++) {
			buf_addstr(&in, "\xf0\x9f\x98\x80");
			buf_addstr(&expected, "\xf0\x9f\x98\x80");
		}
		buf_addstr(&in, "\n\xf0\x9f");
		buf_addstr(&expected, "\nt\t\\xf0\\x9f\n");
		sink_add_file(p.sink, &f, file_with(in.data, in.len));
		drain(&p, &got, 9999);
		expect_bytes(&got, expected.data, expected.len);
		buf_free(&in);
		buf_free(&expected);
		disconnect(&p);
	}
}
END_TEST

START_TEST(streams_do_not_run_into_each_other)
{
	static const struct sink_format a = { .filter = SINK_SAFE, .tag = "a" };
	static const struct sink_format b = { .filter = SINK_SAFE, .tag = "b" };
	struct plumbing p = connect_pipe();
	struct buf got = BUF_INIT;
	/* half a character at the end of one, the other half at the beginning of the next */
	sink_add_file(p.sink, &a, file_with("x\xc3", 2));
	sink_add_file(p.sink, &b, file_with("\xa4", 1));
	drain(&p, &got, 65536);
	expect_text(&got, "a\tx\\xc3b\t\\xa4");
	disconnect(&p);
}
END_TEST

START_TEST(closed_with_much_waiting)
{
	struct plumbing p = connect_pipe();
	struct buf sent = BUF_INIT;
	static const struct sink_format safe_lines = { .filter = SINK_SAFE, .whole_lines = true };
	add_pattern(&sent, 2 * MIB);
	sink_add_file(p.sink, &safe_lines, file_with(sent.data, sent.len));
	sink_add(p.sink, sent.data, sent.len);
	sink_add(p.sink, sent.data, 10);
	sink_add_file(p.sink, &raw, file_with(sent.data, sent.len));
	sink_add_path(p.sink, &raw, dir_fd, "never");
	turn(p.sink);
	buf_free(&sent);
	disconnect(&p);
}
END_TEST

Suite *sink_suite(void)
{
	Suite *s = suite_create("sink");
	TCase *t = tcase_create("sink");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, begin, end);
	tcase_add_test(t, in_order);
	tcase_add_test(t, nothing_to_wait_for);
	tcase_add_test(t, full_pipe_blocks_nobody);
	tcase_add_test(t, full_pipe_and_a_file);
	tcase_add_test(t, overflow_goes_to_the_disk);
	tcase_add_test(t, overflow_without_a_place);
	tcase_add_test(t, any_mixture_keeps_its_order);
	tcase_add_test(t, empty_files);
	tcase_add_test(t, file_that_shrinks);
	tcase_add_test(t, file_that_cannot_be_read);
	tcase_add_test(t, paths);
	tcase_add_test(t, reader_goes_while_nothing_waits);
	tcase_add_test(t, reader_goes_while_much_waits);
	tcase_add_test(t, reader_goes_from_a_file);
	tcase_add_test(t, full_disk);
	tcase_add_test(t, regular_files);
	tcase_add_test(t, sockets);
	tcase_add_test(t, careful_writes);
	tcase_add_test(t, closed_from_the_start);
	tcase_add_test(t, tags_and_lines);
	tcase_add_test(t, made_safe);
	tcase_add_test(t, tag_is_copied);
	tcase_add_test(t, pieces_of_a_file_cannot_be_seen);
	tcase_add_test(t, streams_do_not_run_into_each_other);
	tcase_add_test(t, closed_with_much_waiting);
	suite_add_tcase(s, t);
	return s;
}
