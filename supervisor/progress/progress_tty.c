#include "supervisor/progress/progress_tty.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/quantity.h"

#define FIRST_MS 500
#define FRAME_MS 100
#define TICK_MS 1000
#define DEFAULT_WIDTH 80
#define DEFAULT_HEIGHT 24
#define SIZE_MAX_CELLS 1000

static bool is_set(const char *variable)
{
	return variable != NULL && *variable != '\0';
}

static bool draws(const struct surroundings *s)
{
	return is_set(s->term) && strcmp(s->term, "dumb") != 0;
}

enum progress_form progress_choose(enum progress_form wanted, const struct surroundings *s)
{
	if (wanted == PROGRESS_NONE || wanted == PROGRESS_PLAIN)
		return wanted;
	/* never to a file, whatever was asked for */
	if (!s->terminal)
		return PROGRESS_PLAIN;
	if (wanted == PROGRESS_TTY)
		return PROGRESS_TTY;
	/* the reader of a pipe may write to the same terminal: a block would erase that */
	if (s->piped)
		return PROGRESS_PLAIN;
	return draws(s) && !is_set(s->ci) ? PROGRESS_TTY : PROGRESS_PLAIN;
}

bool progress_colored(enum color_form wanted, const struct surroundings *s)
{
	if (wanted != COLOR_AUTO)
		return wanted == COLOR_ALWAYS;
	if (is_set(s->no_color))
		return false;
	if ((is_set(s->clicolor_force) && strcmp(s->clicolor_force, "0") != 0) ||
	    (is_set(s->force_color) && strcmp(s->force_color, "0") != 0))
		return true;
	return s->terminal && draws(s);
}

bool progress_utf8(const char *lc_all, const char *lc_ctype, const char *lang)
{
	const char *locale = is_set(lc_all) ? lc_all : is_set(lc_ctype) ? lc_ctype : lang;
	return is_set(locale) &&
	    (strcasestr(locale, "utf-8") != NULL || strcasestr(locale, "utf8") != NULL);
}

/* Whether standard output and standard error are one terminal. */
static bool one_terminal(void)
{
	struct stat out, err;
	return isatty(STDOUT_FILENO) && fstat(STDOUT_FILENO, &out) == 0 &&
	    fstat(STDERR_FILENO, &err) == 0 && out.st_rdev == err.st_rdev;
}

/* A terminal that is nobody's controlling one has no background. */
static bool in_foreground(void)
{
	pid_t group = tcgetpgrp(STDERR_FILENO);
	return group < 0 || group == getpgrp();
}

static size_t cells(unsigned short told, const char *variable, size_t otherwise)
{
	const char *text = getenv(variable);
	uint64_t value;
	if (told > 0)
		return told;
	return text != NULL && parse_integer(text, 1, SIZE_MAX_CELLS, &value) ? (size_t)value :
										otherwise;
}

static void measure(size_t *width, size_t *height)
{
	struct winsize size = { 0 };
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0)
		size = (struct winsize){ 0 };
	*width = cells(size.ws_col, "COLUMNS", DEFAULT_WIDTH);
	*height = cells(size.ws_row, "LINES", DEFAULT_HEIGHT);
}

void screen_init(struct screen *s, enum progress_form form, struct sink *out, struct sink *err)
{
	*s = (struct screen){ .out = out, .err = err, .cover = { .screen = err } };
	s->on = form == PROGRESS_TTY;
	if (!s->on)
		return;
	s->shares = one_terminal();
	s->utf8 = progress_utf8(getenv("LC_ALL"), getenv("LC_CTYPE"), getenv("LANG"));
	s->foreground = in_foreground();
	s->next_at = s->tick_at = clock_mono_ms() + FIRST_MS;
	sink_set_cover(err, &s->cover);
	if (s->shares)
		sink_set_cover(out, &s->cover);
}

bool screen_active(const struct screen *s)
{
	return s->on && s->foreground;
}

static bool text_waits(const struct screen *s)
{
	return sink_waiting(s->err) || (s->shares && sink_waiting(s->out));
}

static bool is_drawn(const struct screen *s)
{
	return s->cover.erase.len > 0;
}

int64_t screen_due(const struct screen *s)
{
	int64_t now = clock_mono_ms();
	if (!s->on)
		return -1;
	bool soon = s->dirty || !is_drawn(s) || text_waits(s);
	int64_t at = soon && s->foreground ? s->next_at : s->tick_at;
	/* a terminal that takes nothing is asked again with the clock; poll() tells when it does */
	if (at <= now && text_waits(s))
		return TICK_MS;
	return at > now ? at - now : 0;
}

bool screen_wants(struct screen *s)
{
	int64_t now = clock_mono_ms();
	if (!s->on)
		return false;
	if (sink_error(s->err) != 0) {
		s->on = false;
		return false;
	}
	s->dirty = true;
	if (now < s->next_at || text_waits(s))
		return false;
	s->foreground = in_foreground();
	if (!s->foreground) {
		s->next_at = s->tick_at = now + TICK_MS;
		return false;
	}
	/* what a person watches is not cut by what is drawn below it */
	if (s->live && s->cover.line_open) {
		s->next_at = now + FIRST_MS;
		return false;
	}
	return true;
}

void screen_describe(const struct screen *s, struct block_view *view)
{
	measure(&view->width, &view->height);
	view->color = s->color;
	view->utf8 = s->utf8;
}

/* cover.erase for what stands on a terminal of that width. */
static void set_erase(struct screen *s, size_t width)
{
	s->shown_width = width;
	s->shown_lines = block_height(&s->shown, width);
	buf_reset(&s->cover.erase);
	block_erase(&s->cover.erase, s->shown_lines);
}

void screen_draw(struct screen *s, const struct block_view *view)
{
	int64_t now = clock_mono_ms();
	struct block block = { .count = 0 };
	struct buf frame = BUF_INIT;
	s->dirty = false;
	s->next_at = now + FRAME_MS;
	s->tick_at = now + TICK_MS;
	block_draw(&block, view);
	bool same = is_drawn(s) && view->width == s->shown_width && block_equal(&block, &s->shown);
	if (same) {
		block_free(&block);
		return;
	}
	if (is_drawn(s) && view->width != s->shown_width)
		set_erase(s, view->width);
	if (s->cover.line_open && !is_drawn(s))
		buf_addstr(&frame, "\r\n");
	block_frame(&frame, &block, is_drawn(s) ? s->shown_lines : 0);
	if (sink_draw(s->err, frame.data, frame.len)) {
		block_free(&s->shown);
		s->shown = block;
		set_erase(s, view->width);
		s->cover.hold_until = s->next_at;
	} else {
		block_free(&block);
		s->dirty = true;
	}
	buf_free(&frame);
}

void screen_resized(struct screen *s)
{
	size_t width, height;
	if (!s->on)
		return;
	measure(&width, &height);
	if (is_drawn(s))
		set_erase(s, width);
	/* what is drawn may be in pieces now */
	s->shown_width = 0;
	s->dirty = true;
}

void screen_suspend(struct screen *s)
{
	if (s->on && in_foreground())
		sink_uncover(s->err);
}

void screen_wait(struct screen *s)
{
	s->next_at = clock_mono_ms() + FRAME_MS;
}

void screen_resume(struct screen *s)
{
	if (!s->on)
		return;
	/* what was there is above, or gone */
	buf_reset(&s->cover.erase);
	s->cover.line_open = false;
	s->foreground = in_foreground();
	s->dirty = true;
}

void screen_over(struct screen *s)
{
	s->on = false;
	s->cover.leave = true;
}

void screen_free(struct screen *s)
{
	block_free(&s->shown);
	buf_free(&s->cover.erase);
	buf_free(&s->cover.begun);
}
