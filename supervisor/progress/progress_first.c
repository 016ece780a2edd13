/* The first line of the progress block: the whole truth, at any width. */
#include "supervisor/progress/progress_first.h"

#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "shared/width.h"

/* A title that is cut to less than this tells nothing. */
#define TITLE_MIN 8

/* What it may say, in order; the later ones are the first to go. */
enum field { STEP, TITLE, DONE, FAILED, RUNNING, RETRYING, TOKENS, USD, FIELDS };

struct fields {
	struct buf text[FIELDS];
	bool shown[FIELDS];
};

static void set(struct fields *f, enum field field, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void set(struct fields *f, enum field field, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	buf_vaddf(&f->text[field], fmt, ap);
	va_end(ap);
	f->shown[field] = true;
}

static void add_done(struct buf *out, const struct block_view *v)
{
	buf_addf(out, "%llu", (unsigned long long)v->done);
	if (v->total != UINT64_MAX)
		buf_addf(out, "/%llu", (unsigned long long)v->total);
}

static void fill(struct fields *f, const struct block_view *v)
{
	if (v->nsteps > 1) {
		set(f, STEP, "step %zu/%zu", v->step, v->nsteps);
		if (v->title != NULL) {
			f->shown[TITLE] = true;
			line_clean(&f->text[TITLE], v->title, strlen(v->title), v->utf8);
		}
	}
	add_done(&f->text[DONE], v);
	set(f, DONE, " done");
	if (v->failed > 0)
		set(f, FAILED, "%llu failed", (unsigned long long)v->failed);
	set(f, RUNNING, "%zu running", v->nrows);
	if (v->retrying > 0)
		set(f, RETRYING, "%llu retrying", (unsigned long long)v->retrying);
	if (v->tokens_known) {
		line_count(&f->text[TOKENS], v->tokens);
		set(f, TOKENS, " tokens");
	}
	if (v->usd_known)
		set(f, USD, "$%.2f", v->usd);
}

/* Fields that belong together stand closer. */
static size_t gap_before(enum field field)
{
	switch (field) {
	case STEP:
	case TITLE:
		return 1;
	case DONE:
	case TOKENS:
		return 3;
	default:
		return 2;
	}
}

static size_t fields_width(const struct fields *f)
{
	size_t width = 0;
	for (unsigned i = 0; i < FIELDS; i++) {
		if (f->shown[i])
			width += (width == 0 ? 1 : gap_before(i)) + width_of(buf_str(&f->text[i]));
	}
	return width;
}

static void draw_long(struct line *l, const struct block_view *v)
{
	static const enum field dispensable[] = { USD, TOKENS, TITLE, RETRYING, STEP, RUNNING };
	struct fields f = { .shown = { false } };
	fill(&f, v);
	/* a title may be as long as it likes: what is left of it still tells which one it is */
	for (size_t i = 0; i < sizeof dispensable / sizeof *dispensable; i++) {
		size_t width = fields_width(&f);
		size_t title = width_of(buf_str(&f.text[TITLE]));
		if (width <= l->max)
			break;
		if (f.shown[TITLE] && title >= TITLE_MIN && width - l->max <= title - TITLE_MIN) {
			struct buf cut = BUF_INIT;
			width_add_cut(&cut, buf_str(&f.text[TITLE]), title - (width - l->max),
			    l->mark);
			buf_free(&f.text[TITLE]);
			f.text[TITLE] = cut;
			break;
		}
		f.shown[dispensable[i]] = false;
	}
	for (unsigned i = 0; i < FIELDS; i++) {
		if (f.shown[i]) {
			line_pad(l, l->width + (l->width == 0 ? 1 : gap_before(i)));
			line_add(l, buf_str(&f.text[i]),
			    i == FAILED	      ? LINE_RED :
				i == RETRYING ? LINE_YELLOW :
						NULL);
		}
		buf_free(&f.text[i]);
	}
}

/* "37/120 2!" */
static void draw_short(struct line *l, const struct block_view *v)
{
	struct buf text = BUF_INIT;
	add_done(&text, v);
	if (v->failed > 0)
		buf_addf(&text, " %llu!", (unsigned long long)v->failed);
	line_add(l, buf_str(&text), v->failed > 0 ? LINE_RED : NULL);
	buf_free(&text);
}

void first_draw(struct line *l, const struct block_view *v)
{
	if (v->width < BLOCK_WIDTH_MIN)
		draw_short(l, v);
	else
		draw_long(l, v);
}
