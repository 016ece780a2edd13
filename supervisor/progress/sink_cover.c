/* What is drawn below the text: taken away before text is written, put back by whoever draws. */
#include "shared/clock.h"
#include "supervisor/progress/sink_data.h"

bool sink_drawing_waits(const struct sink *s)
{
	const struct sink_cover *c = s->cover;
	return c != NULL && c->screen == s && s->error == 0 &&
	    (c->begun.len > 0 || (c->leave && c->erase.len > 0));
}

bool sink_held(const struct sink *s)
{
	const struct sink_cover *c = s->cover;
	return c != NULL && c->erase.len > 0 && !c->leave && clock_mono_ms() < c->hold_until;
}

bool sink_finish_drawing(struct sink *s)
{
	struct buf *begun = &s->cover->begun;
	while (begun->len > 0) {
		ssize_t n = sink_write_now(s, begun->data, begun->len);
		if (n <= 0)
			return false;
		buf_consume(begun, (size_t)n);
		/* the next bytes need another POLLOUT */
		if (s->kind == SINK_CAREFUL)
			return false;
	}
	return true;
}

bool sink_take_away(struct sink *s)
{
	struct sink_cover *c = s->cover;
	if (c->erase.len > 0) {
		buf_add(&c->begun, c->erase.data, c->erase.len);
		buf_reset(&c->erase);
		c->line_open = false;
	}
	return sink_finish_drawing(s);
}

void sink_set_cover(struct sink *s, struct sink_cover *c)
{
	s->cover = c;
	/* what goes to a terminal is looked at on its way */
	if (c != NULL)
		s->no_sendfile = true;
}

bool sink_draw(struct sink *s, const void *data, size_t len)
{
	if (s->error != 0 || sink_waiting(s) || !sink_takes_now(s))
		return false;
	ssize_t n = sink_write_now(s, data, len);
	if (n <= 0)
		return false;
	if ((size_t)n < len)
		buf_add(&s->cover->begun, (const char *)data + n, len - (size_t)n);
	s->cover->line_open = false;
	return true;
}

void sink_uncover(struct sink *s)
{
	if (s->cover != NULL && s->error == 0 && sink_takes_now(s))
		sink_take_away(s);
}
