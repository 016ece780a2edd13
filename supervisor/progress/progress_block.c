#include "supervisor/progress/progress_block.h"

#include <stdlib.h>
#include <string.h>

#include "shared/width.h"
#include "shared/xalloc.h"
#include "supervisor/progress/progress_first.h"
#include "supervisor/progress/progress_line.h"

/* Lower terminals get one line. */
#define HEIGHT_MIN 6
#define INDENT 3
#define GAP 2
/* A longer id is cut in the middle. */
#define ID_MIN 8
#define ID_SHARE 3 /* one column of so many */
/* Less than this of a line of output says nothing. */
#define SAID_MIN 4
#define GROUPS_MAX 5
/* Beside the sums the tasks that are silent for longest. */
#define SINGLED_MAX 5

/* Running tasks of one agent; made and freed by draw_groups(). */
struct group {
	const char *agent; /* NULL: commands */
	size_t count;
	int64_t oldest_ms;
	int64_t silent_ms; /* of the one that is silent for longest */
};

/*
 * Rows
 */

static struct line begin_line(struct block *b, const struct block_view *v)
{
	return (struct line){ .out = &b->lines[b->count],
		.max = v->width > 1 ? v->width - 1 : 1,
		.color = v->color,
		.mark = v->utf8 ? WIDTH_MARK : WIDTH_MARK_ASCII };
}

static void end_line(struct block *b, const struct line *l)
{
	b->widths[b->count++] = l->width;
}

static int64_t silence(const struct block_row *r)
{
	return r->silent_ms >= BLOCK_SILENT_MS ? r->silent_ms / 1000 : 0;
}

/* Longest silent first, then oldest; the place in memory is that of the start. */
static int by_silence(const void *left, const void *right)
{
	const struct block_row *a = *(const struct block_row *const *)left;
	const struct block_row *b = *(const struct block_row *const *)right;
	if (silence(a) != silence(b))
		return silence(a) > silence(b) ? -1 : 1;
	if (a->age_ms != b->age_ms)
		return a->age_ms > b->age_ms ? -1 : 1;
	int order = strcmp(a->id, b->id);
	return order != 0 ? order : (a > b) - (a < b);
}

static const struct block_row **sorted(const struct block_view *v)
{
	const struct block_row **rows = xreallocarray(NULL, v->nrows, sizeof *rows);
	for (size_t i = 0; i < v->nrows; i++)
		rows[i] = &v->rows[i];
	qsort(rows, v->nrows, sizeof *rows, by_silence);
	return rows;
}

/* Columns that rows have in common. */
struct columns {
	size_t id;
	size_t attempt; /* 0: none is attempted again */
	size_t age;
};

static struct columns measure(const struct block_view *v, const struct block_row *const *rows,
    size_t count)
{
	struct columns c = { .id = ID_MIN };
	size_t most = v->width / ID_SHARE;
	for (size_t i = 0; i < count; i++) {
		struct buf id = BUF_INIT;
		char age[LINE_TIME_MAX];
		line_clean(&id, rows[i]->id, strlen(rows[i]->id), v->utf8);
		size_t width = width_of(buf_str(&id));
		if (width > c.id)
			c.id = width;
		buf_reset(&id);
		buf_addf(&id, "#%u", rows[i]->attempt);
		if (rows[i]->attempt > 1 && id.len > c.attempt)
			c.attempt = id.len;
		buf_free(&id);
		width = strlen(line_time(age, rows[i]->age_ms));
		if (width > c.age)
			c.age = width;
	}
	if (c.id > most)
		c.id = most > ID_MIN ? most : ID_MIN;
	return c;
}

/* "stopping, usually 2m10s, silent for 45s"; nothing when there is nothing to say. */
static void add_flags(struct buf *out, const struct block_row *r)
{
	char time[LINE_TIME_MAX];
	if (r->stopping)
		buf_addstr(out, "stopping");
	/* a second is no news */
	if (r->usual_ms >= 0 && r->age_ms > r->usual_ms + 1000)
		buf_addf(out, "%susually %s", out->len > 0 ? ", " : "",
		    r->usual_ms < 1000 ? "1s" : line_time(time, r->usual_ms));
	if (silence(r) > 0)
		buf_addf(out, "%ssilent for %s", out->len > 0 ? ", " : "",
		    line_time(time, r->silent_ms));
}

static void draw_row(struct block *b, const struct block_view *v, const struct block_row *r,
    const struct columns *c)
{
	struct line l = begin_line(b, v);
	struct buf text = BUF_INIT;
	char age[LINE_TIME_MAX];

	line_pad(&l, INDENT);
	line_clean(&text, r->id, strlen(r->id), v->utf8);
	l.width += width_add_cut_middle(l.out, buf_str(&text),
	    c->id < l.max - l.width ? c->id : l.max - l.width, l.mark);
	buf_reset(&text);
	size_t at = INDENT + c->id + GAP;
	line_pad(&l, at);
	if (r->attempt > 1) {
		buf_addf(&text, "#%u", r->attempt);
		line_add(&l, buf_str(&text), LINE_YELLOW);
	}
	if (c->attempt > 0)
		at += c->attempt + GAP;
	line_time(age, r->age_ms);
	line_pad(&l, at + c->age - strlen(age));
	line_add(&l, age, NULL);
	at = l.width + GAP + 1;

	buf_reset(&text);
	add_flags(&text, r);
	bool flags = text.len > 0;
	if (l.max >= at + SAID_MIN && flags) {
		line_pad(&l, at);
		line_add(&l, buf_str(&text), LINE_YELLOW);
		at = l.width;
	}
	buf_reset(&text);
	if (r->said != NULL)
		line_clean(&text, r->said, r->said_len, v->utf8);
	if (l.max >= at + SAID_MIN + (flags ? 2 : 0) && text.len > 0) {
		line_pad(&l, flags ? l.width : at);
		if (flags)
			line_add(&l, ": ", NULL);
		line_add(&l, buf_str(&text), NULL);
	}
	buf_free(&text);
	end_line(b, &l);
}

static void draw_text(struct block *b, const struct block_view *v, const char *text)
{
	struct line l = begin_line(b, v);
	struct buf safe_text = BUF_INIT;
	line_pad(&l, INDENT);
	line_clean(&safe_text, text, strlen(text), v->utf8);
	line_add(&l, buf_str(&safe_text), NULL);
	buf_free(&safe_text);
	end_line(b, &l);
}

static void draw_more(struct block *b, const struct block_view *v, size_t count, const char *what)
{
	struct buf text = BUF_INIT;
	buf_addf(&text, "+%zu more %s", count, what);
	draw_text(b, v, buf_str(&text));
	buf_free(&text);
}

/* Each running task in a row of its own, as many as there is room for. */
static void draw_rows(struct block *b, const struct block_view *v,
    const struct block_row *const *rows, size_t count, size_t room)
{
	size_t shown = count <= room ? count : room - 1;
	struct columns c = measure(v, rows, shown);
	for (size_t i = 0; i < shown; i++)
		draw_row(b, v, rows[i], &c);
	if (shown < count)
		draw_more(b, v, count - shown, "running");
}

/*
 * Many running tasks
 */

static int by_agent(const void *left, const void *right)
{
	const struct block_row *a = *(const struct block_row *const *)left;
	const struct block_row *b = *(const struct block_row *const *)right;
	if (a->agent == NULL || b->agent == NULL)
		return (a->agent != NULL) - (b->agent != NULL);
	return strcmp(a->agent, b->agent);
}

static int by_count(const void *left, const void *right)
{
	const struct group *a = left;
	const struct group *b = right;
	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return (a->agent != NULL && b->agent != NULL) ? strcmp(a->agent, b->agent) :
							(a->agent != NULL) - (b->agent != NULL);
}

static struct group *make_groups(const struct block_view *v, size_t *count)
{
	const struct block_row **rows = sorted(v);
	struct group *groups = xreallocarray(NULL, v->nrows, sizeof *groups);
	size_t n = 0;
	qsort(rows, v->nrows, sizeof *rows, by_agent);
	for (size_t i = 0; i < v->nrows; i++) {
		const struct block_row *r = rows[i];
		if (i == 0 || by_agent(&rows[i - 1], &rows[i]) != 0)
			groups[n++] = (struct group){ .agent = r->agent };
		struct group *g = &groups[n - 1];
		g->count++;
		if (r->age_ms > g->oldest_ms)
			g->oldest_ms = r->age_ms;
		if (r->silent_ms > g->silent_ms)
			g->silent_ms = r->silent_ms;
	}
	qsort(groups, n, sizeof *groups, by_count);
	free(rows);
	*count = n;
	return groups;
}

static void draw_group(struct block *b, const struct block_view *v, const struct group *g,
    size_t id_width)
{
	struct line l = begin_line(b, v);
	const char *agent = g->agent != NULL ? g->agent : "commands";
	struct buf text = BUF_INIT;
	char time[LINE_TIME_MAX];
	line_pad(&l, INDENT);
	line_clean(&text, agent, strlen(agent), v->utf8);
	l.width += width_add_cut_middle(l.out, buf_str(&text), id_width, l.mark);
	line_pad(&l, INDENT + id_width + GAP);
	buf_reset(&text);
	buf_addf(&text, "%4zu running  oldest %s", g->count, line_time(time, g->oldest_ms));
	if (g->silent_ms >= BLOCK_SILENT_MS)
		buf_addf(&text, "  silent up to %s", line_time(time, g->silent_ms));
	line_add(&l, buf_str(&text), NULL);
	buf_free(&text);
	end_line(b, &l);
}

static size_t group_id_width(const struct block_view *v, const struct group *groups, size_t count)
{
	size_t widest = ID_MIN;
	size_t most = v->width / ID_SHARE > ID_MIN ? v->width / ID_SHARE : ID_MIN;
	for (size_t i = 0; i < count; i++) {
		struct buf name = BUF_INIT;
		const char *agent = groups[i].agent != NULL ? groups[i].agent : "commands";
		line_clean(&name, agent, strlen(agent), v->utf8);
		if (width_of(buf_str(&name)) > widest)
			widest = width_of(buf_str(&name));
		buf_free(&name);
	}
	return widest < most ? widest : most;
}

/* Sums by agent, then the tasks that are silent for longest. */
static void draw_groups(struct block *b, const struct block_view *v, size_t room)
{
	size_t count;
	struct group *groups = make_groups(v, &count);
	size_t most = room < GROUPS_MAX ? room : GROUPS_MAX;
	size_t shown = count <= most ? count : most - 1;
	size_t id_width = group_id_width(v, groups, shown);
	for (size_t i = 0; i < shown; i++)
		draw_group(b, v, &groups[i], id_width);
	if (shown < count)
		draw_more(b, v, count - shown, "agents");
	room -= shown + (shown < count);
	free(groups);

	const struct block_row **rows = sorted(v);
	size_t singled = room < SINGLED_MAX ? room : SINGLED_MAX;
	struct columns c = measure(v, rows, singled);
	for (size_t i = 0; i < singled; i++)
		draw_row(b, v, rows[i], &c);
	free(rows);
}

/*
 * The whole
 */

static size_t most_lines(const struct block_view *v)
{
	size_t half = v->height / 2;
	if (v->brief || v->width < BLOCK_WIDTH_MIN || v->height < HEIGHT_MIN)
		return 1;
	return half < BLOCK_LINES_MAX ? half : BLOCK_LINES_MAX;
}

void block_draw(struct block *b, const struct block_view *v)
{
	size_t most = most_lines(v);
	for (size_t i = 0; i < BLOCK_LINES_MAX; i++)
		buf_reset(&b->lines[i]);
	b->count = 0;

	struct line first = begin_line(b, v);
	first_draw(&first, v);
	end_line(b, &first);

	size_t room = most - 1;
	bool note = v->note != NULL && room > 1;
	if (note)
		room--;
	if (room > 0 && v->nrows > BLOCK_ROWS_MAX) {
		draw_groups(b, v, room);
	} else if (room > 0 && v->nrows > 0) {
		const struct block_row **rows = sorted(v);
		draw_rows(b, v, rows, v->nrows, room);
		free(rows);
	}
	if (note)
		draw_text(b, v, v->note);
}

bool block_equal(const struct block *a, const struct block *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (a->lines[i].len != b->lines[i].len ||
		    memcmp(a->lines[i].data, b->lines[i].data, a->lines[i].len) != 0)
			return false;
	}
	return true;
}

void block_free(struct block *b)
{
	for (size_t i = 0; i < BLOCK_LINES_MAX; i++)
		buf_free(&b->lines[i]);
	b->count = 0;
}

static void go_up(struct buf *out, size_t up)
{
	buf_addch(out, '\r');
	if (up > 0)
		buf_addf(out, "\033[%zuA", up);
}

void block_frame(struct buf *out, const struct block *b, size_t up)
{
	/* shown at once by terminals that can; wrapped by none, however wide it takes a character to be */
	buf_addstr(out, "\033[?2026h\033[?7l");
	go_up(out, up);
	for (size_t i = 0; i < b->count; i++) {
		buf_add(out, b->lines[i].data, b->lines[i].len);
		buf_addstr(out, "\033[K\r\n");
	}
	buf_addstr(out, "\033[J\033[?7h\033[?2026l");
}

void block_erase(struct buf *out, size_t up)
{
	go_up(out, up);
	buf_addstr(out, "\033[J");
}

size_t block_height(const struct block *b, size_t width)
{
	size_t lines = 0;
	for (size_t i = 0; i < b->count; i++) {
		size_t n = width > 0 ? (b->widths[i] + width - 1) / width : 1;
		lines += n > 0 ? n : 1;
	}
	return lines;
}
