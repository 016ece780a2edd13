/* When the block is drawn, on a pseudo-terminal that is read as a terminal would. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/io.h"
#include "supervisor/progress/progress_tty.h"

Suite *progress_tty_suite(void);

/*
 * Standard error of the test's process is the terminal while a test runs; its other end is read
 * into `got`. What a failed check says goes to a pipe of Check's, not there.
 */
static int saved[2];
static int master;
static struct sink *out;
static struct sink *err;
static struct screen screen;
static struct buf got;

static void set_size(unsigned short rows, unsigned short cols)
{
	struct winsize size = { .ws_row = rows, .ws_col = cols };
	ck_assert_int_eq(ioctl(master, TIOCSWINSZ, &size), 0);
}

static void open_terminal(int fd_count)
{
	int slave;
	for (int i = 0; i < 2; i++)
		saved[i] = fcntl(STDOUT_FILENO + i, F_DUPFD_CLOEXEC, 10);
	ck_assert_int_eq(openpty(&master, &slave, NULL, NULL, NULL), 0);
	ck_assert_int_eq(set_nonblocking(master), 0);
	set_size(24, 80);
	dup2(slave, STDERR_FILENO);
	if (fd_count > 1)
		dup2(slave, STDOUT_FILENO);
	close(slave);
	setenv("LC_ALL", "C.UTF-8", 1);
	out = sink_open(STDOUT_FILENO, "/tmp");
	err = sink_open(STDERR_FILENO, "/tmp");
	screen_init(&screen, PROGRESS_TTY, out, err);
}

static void setup(void)
{
	open_terminal(2);
}

static void teardown(void)
{
	sink_close(out);
	sink_close(err);
	screen_free(&screen);
	for (int i = 0; i < 2; i++) {
		dup2(saved[i], STDOUT_FILENO + i);
		close(saved[i]);
	}
	close(master);
	buf_free(&got);
}

static void take(void)
{
	ssize_t n;
	while ((n = read(master, buf_reserve(&got, 4096), 4096)) > 0)
		got.len += (size_t)n;
}

/* One turn of the loop, without waiting. */
static void turn(void)
{
	struct sink *sinks[] = { out, err };
	for (int i = 0; i < 2; i++) {
		struct pollfd p = sink_pollfd(sinks[i]);
		if (p.fd >= 0 && poll(&p, 1, 0) > 0)
			sink_pump(sinks[i], p.revents);
	}
	take();
}

/* Time goes by. */
static void wait_until_due(void)
{
	int64_t due = screen_due(&screen);
	if (due > 0)
		poll(NULL, 0, (int)due);
}

static void draw(uint64_t done)
{
	struct block_view view = { .done = done, .total = 9 };
	screen_describe(&screen, &view);
	screen_draw(&screen, &view);
}

/* Everything up to the next frame. */
static void turn_with_frame(uint64_t done)
{
	int64_t limit = clock_mono_ms() + 5000;
	for (;;) {
		turn();
		if (screen_wants(&screen))
			break;
		ck_assert_int_lt(clock_mono_ms(), limit);
		wait_until_due();
	}
	draw(done);
	turn();
}

static const char *seen(void)
{
	return buf_str(&got);
}

static unsigned count(const char *part)
{
	unsigned n = 0;
	for (const char *p = seen(); (p = strstr(p, part)) != NULL; p++)
		n++;
	return n;
}

START_TEST(first_after_half_a_second)
{
	int64_t begun = clock_mono_ms();
	ck_assert(!screen_wants(&screen));
	ck_assert_int_gt(screen_due(&screen), 300);
	turn_with_frame(1);
	ck_assert_int_ge(clock_mono_ms() - begun, 490);
	ck_assert_ptr_nonnull(strstr(seen(), " 1/9 done"));
	/* then once a second */
	ck_assert_int_gt(screen_due(&screen), 800);
	/* or, when something happens, in a tenth */
	ck_assert(!screen_wants(&screen));
	ck_assert_int_le(screen_due(&screen), 100);
}
END_TEST

START_TEST(the_same_is_not_written_again)
{
	turn_with_frame(1);
	size_t before = got.len;
	turn_with_frame(1);
	ck_assert_uint_eq(got.len, before);
	turn_with_frame(2);
	ck_assert_uint_gt(got.len, before);
	ck_assert_ptr_nonnull(strstr(seen() + before, "\033[1A 2/9 done"));
}
END_TEST

START_TEST(text_stands_above)
{
	turn_with_frame(1);
	buf_reset(&got);
	sink_addf(err, "a line\n");
	/* together with the next frame, so that nothing flickers */
	turn();
	ck_assert_uint_eq(got.len, 0);
	ck_assert_int_le(screen_due(&screen), 100);
	turn_with_frame(2);
	ck_assert_ptr_nonnull(strstr(seen(), "\r\033[1A\033[Ja line\r\n"));
	ck_assert_ptr_nonnull(strstr(strstr(seen(), "a line"), " 2/9 done"));
	/* nothing is above it that could be gone over */
	ck_assert_ptr_null(strstr(strstr(seen(), "a line"), "A 2/9"));
}
END_TEST

START_TEST(results_stand_above_too)
{
	turn_with_frame(1);
	buf_reset(&got);
	sink_add(out, "result", 6);
	turn_with_frame(2);
	ck_assert_ptr_nonnull(strstr(seen(), "\r\033[1A\033[Jresult"));
	/* a line that was not ended is not written over */
	ck_assert_ptr_nonnull(strstr(seen(), "result\r\r\n\033[?2026h"));
}
END_TEST

START_TEST(much_text_is_not_slowed)
{
	static char text[200000];
	int64_t begun;
	memset(text, 'x', sizeof text);
	for (size_t i = 79; i < sizeof text; i += 80)
		text[i] = '\n';
	turn_with_frame(1);
	buf_reset(&got);
	sink_add(out, text, sizeof text);
	begun = clock_mono_ms();
	while (sink_waiting(out)) {
		wait_until_due();
		for (int i = 0; i < 20; i++)
			turn();
		ck_assert_int_lt(clock_mono_ms() - begun, 5000);
	}
	ck_assert_uint_eq(count("\033[J"), 1);
	ck_assert_uint_ge(got.len, sizeof text);
}
END_TEST

START_TEST(a_line_that_is_watched_is_not_cut)
{
	turn_with_frame(1);
	screen.live = true;
	sink_add(out, "10 %", 4);
	poll(NULL, 0, 110);
	turn();
	ck_assert(!screen_wants(&screen));
	ck_assert_int_gt(screen_due(&screen), 0);
	sink_add(out, " done\n", 6);
	buf_reset(&got);
	turn_with_frame(2);
	ck_assert_ptr_nonnull(strstr(seen(), " done\r\n\033[?2026h"));
}
END_TEST

START_TEST(a_stuck_terminal_costs_frames)
{
	struct buf text = BUF_INIT;
	turn_with_frame(1);
	/* fill it: nobody reads */
	memset(buf_reserve(&text, 300000), 'x', 300000);
	text.len = 300000;
	sink_add(err, text.data, text.len);
	poll(NULL, 0, 110);
	for (int i = 0; i < 5; i++) {
		struct pollfd p = sink_pollfd(err);
		if (poll(&p, 1, 0) > 0)
			sink_pump(err, p.revents);
	}
	ck_assert(sink_waiting(err));
	ck_assert(!screen_wants(&screen));
	/* nothing spins meanwhile */
	ck_assert_int_ge(screen_due(&screen), 500);
	for (int i = 0; i < 2000 && sink_waiting(err); i++)
		turn();
	ck_assert(!sink_waiting(err));
	turn_with_frame(2);
	ck_assert_ptr_nonnull(strstr(seen(), " 2/9 done"));
	buf_free(&text);
}
END_TEST

START_TEST(a_frame_is_whole_or_not_at_all)
{
	int64_t limit = clock_mono_ms() + 20000;
	unsigned dropped = 0;
	/* nobody reads until the terminal takes no more */
	for (uint64_t i = 1; dropped < 3; i++) {
		struct block_view view = { .done = i, .total = UINT64_MAX };
		screen_describe(&screen, &view);
		screen_draw(&screen, &view);
		dropped += screen.dirty;
		ck_assert_int_lt(clock_mono_ms(), limit);
	}
	take();
	while (sink_waiting(err))
		turn();
	ck_assert_uint_gt(count("\033[?2026h"), 10);
	ck_assert_uint_eq(count("\033[?2026h"), count("\033[?2026l"));
	ck_assert_uint_eq(count("\033[?7l"), count("\033[?7h"));
}
END_TEST

START_TEST(resized)
{
	turn_with_frame(1);
	buf_reset(&got);
	/* " 1/9 done  0 running" has 20 columns: on 8 it is wrapped into three lines */
	set_size(24, 8);
	screen_resized(&screen);
	turn_with_frame(1);
	ck_assert_ptr_nonnull(strstr(seen(), "\r\033[3A1/9"));
	buf_reset(&got);
	set_size(24, 80);
	screen_resized(&screen);
	turn_with_frame(1);
	ck_assert_ptr_nonnull(strstr(seen(), "\r\033[1A 1/9 done"));
}
END_TEST

START_TEST(stopped_and_continued)
{
	turn_with_frame(1);
	buf_reset(&got);
	screen_suspend(&screen);
	take();
	ck_assert_str_eq(seen(), "\r\033[1A\033[J");
	screen_resume(&screen);
	buf_reset(&got);
	turn_with_frame(1);
	ck_assert_ptr_nonnull(strstr(seen(), "\r 1/9 done"));
}
END_TEST

START_TEST(over)
{
	turn_with_frame(1);
	buf_reset(&got);
	screen_over(&screen);
	ck_assert(sink_waiting(err));
	turn();
	ck_assert_str_eq(seen(), "\r\033[1A\033[J");
	ck_assert(!sink_waiting(err));
	ck_assert(!screen_wants(&screen));
	ck_assert_int_eq(screen_due(&screen), -1);
}
END_TEST

START_TEST(a_terminal_that_is_gone)
{
	turn_with_frame(1);
	close(master);
	master = open("/dev/null", O_RDONLY | O_CLOEXEC);
	draw(2);
	ck_assert_int_ne(sink_error(err), 0);
	ck_assert(!screen_wants(&screen));
	ck_assert_int_eq(screen_due(&screen), -1);
	ck_assert(!sink_waiting(err));
}
END_TEST

START_TEST(its_settings_stay)
{
	struct termios before = { 0 }, after = { 0 };
	ck_assert_int_eq(tcgetattr(STDERR_FILENO, &before), 0);
	turn_with_frame(1);
	screen_over(&screen);
	turn();
	ck_assert_int_eq(tcgetattr(STDERR_FILENO, &after), 0);
	ck_assert_int_eq(memcmp(&before, &after, sizeof before), 0);
	/* the cursor is never hidden, the screen never another one */
	ck_assert_uint_eq(count("\033[?25l") + count("\033[?1049h"), 0);
}
END_TEST

START_TEST(choice_of_form)
{
	const struct {
		enum progress_form wanted;
		bool terminal;
		bool piped;
		const char *term;
		const char *ci;
		enum progress_form got;
	} cases[] = {
		{ PROGRESS_AUTO, true, false, "xterm", NULL, PROGRESS_TTY },
		{ PROGRESS_AUTO, true, false, "xterm", "", PROGRESS_TTY },
		{ PROGRESS_AUTO, true, false, "xterm", "true", PROGRESS_PLAIN },
		{ PROGRESS_AUTO, true, false, "dumb", NULL, PROGRESS_PLAIN },
		{ PROGRESS_AUTO, true, false, NULL, NULL, PROGRESS_PLAIN },
		{ PROGRESS_AUTO, true, false, "", NULL, PROGRESS_PLAIN },
		{ PROGRESS_AUTO, false, false, "xterm", NULL, PROGRESS_PLAIN },
		{ PROGRESS_TTY, false, false, "xterm", NULL, PROGRESS_PLAIN },
		{ PROGRESS_TTY, true, false, "dumb", "true", PROGRESS_TTY },
		{ PROGRESS_PLAIN, true, false, "xterm", NULL, PROGRESS_PLAIN },
		{ PROGRESS_NONE, true, false, "xterm", NULL, PROGRESS_NONE },
		{ PROGRESS_AUTO, true, true, "xterm", NULL, PROGRESS_PLAIN },
		{ PROGRESS_TTY, true, true, "xterm", NULL, PROGRESS_TTY },
	};
	const struct surroundings s = { .terminal = cases[_i].terminal,
		.piped = cases[_i].piped,
		.term = cases[_i].term,
		.ci = cases[_i].ci };
	ck_assert_int_eq(progress_choose(cases[_i].wanted, &s), cases[_i].got);
}
END_TEST

START_TEST(choice_of_colour)
{
	struct surroundings s = { .terminal = true, .term = "xterm" };
	ck_assert(progress_colored(COLOR_AUTO, &s));
	ck_assert(!progress_colored(COLOR_NEVER, &s));
	s.no_color = "";
	ck_assert(progress_colored(COLOR_AUTO, &s));
	s.no_color = "1";
	ck_assert(!progress_colored(COLOR_AUTO, &s));
	ck_assert(progress_colored(COLOR_ALWAYS, &s));
	s.force_color = "1";
	ck_assert(!progress_colored(COLOR_AUTO, &s));
	s = (struct surroundings){ .terminal = false, .term = "xterm" };
	ck_assert(!progress_colored(COLOR_AUTO, &s));
	s.force_color = "0";
	ck_assert(!progress_colored(COLOR_AUTO, &s));
	s.clicolor_force = "1";
	ck_assert(progress_colored(COLOR_AUTO, &s));
	s = (struct surroundings){ .terminal = true, .term = "dumb" };
	ck_assert(!progress_colored(COLOR_AUTO, &s));
}
END_TEST

START_TEST(choice_of_characters)
{
	ck_assert(progress_utf8("C.UTF-8", NULL, NULL));
	ck_assert(progress_utf8("", "", "de_DE.utf8"));
	ck_assert(!progress_utf8("C", "en_US.UTF-8", "en_US.UTF-8"));
	ck_assert(!progress_utf8(NULL, "de_DE.ISO-8859-1", "en_US.UTF-8"));
	ck_assert(!progress_utf8(NULL, NULL, NULL));
}
END_TEST

Suite *progress_tty_suite(void)
{
	Suite *suite = suite_create("progress_tty");
	TCase *choice = tcase_create("choice");
	tcase_add_loop_test(choice, choice_of_form, 0, 13);
	tcase_add_test(choice, choice_of_colour);
	tcase_add_test(choice, choice_of_characters);
	suite_add_tcase(suite, choice);
	TCase *terminal = tcase_create("terminal");
	tcase_add_checked_fixture(terminal, setup, teardown);
	tcase_set_timeout(terminal, 60);
	tcase_add_test(terminal, first_after_half_a_second);
	tcase_add_test(terminal, the_same_is_not_written_again);
	tcase_add_test(terminal, text_stands_above);
	tcase_add_test(terminal, results_stand_above_too);
	tcase_add_test(terminal, much_text_is_not_slowed);
	tcase_add_test(terminal, a_line_that_is_watched_is_not_cut);
	tcase_add_test(terminal, a_stuck_terminal_costs_frames);
	tcase_add_test(terminal, a_frame_is_whole_or_not_at_all);
	tcase_add_test(terminal, resized);
	tcase_add_test(terminal, stopped_and_continued);
	tcase_add_test(terminal, over);
	tcase_add_test(terminal, a_terminal_that_is_gone);
	tcase_add_test(terminal, its_settings_stay);
	suite_add_tcase(suite, terminal);
	return suite;
}
