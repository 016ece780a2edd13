/* Streams on their way: made safe for a terminal, tagged, their last line ended. */
#include <stdlib.h>
#include <string.h>

#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/progress/sink_data.h"

/* Appends text with the tag before each line; *line_open says whether the line before went on. */
static void add_tagged(struct buf *out, const char *tag, const char *text, size_t len,
    bool *line_open)
{
	while (len > 0) {
		const char *nl = memchr(text, '\n', len);
		size_t n = nl != NULL ? (size_t)(nl - text) + 1 : len;
		if (tag != NULL && !*line_open) {
			buf_addstr(out, tag);
			buf_addch(out, '\t');
		}
		buf_add(out, text, n);
		*line_open = nl == NULL;
		text += n;
		len -= n;
	}
}

struct sink_shape sink_shape_of(const struct sink_format *f)
{
	return (struct sink_shape){
		.changes = f->filter != SINK_RAW || f->tag != NULL || f->whole_lines,
		.filter = f->filter,
		.whole_lines = f->whole_lines,
		.tag = f->tag != NULL ? xstrdup(f->tag) : NULL,
	};
}

void sink_shape_add(struct sink_shape *shape, struct buf *out, const char *data, size_t len,
    bool final)
{
	if (shape->filter == SINK_SAFE) {
		struct buf safe_text = BUF_INIT;
		if (shape->rest.len > 0) {
			buf_add(&shape->rest, data, len);
			size_t used =
			    text_safe(&safe_text, shape->rest.data, shape->rest.len, final);
			buf_consume(&shape->rest, used);
		} else {
			size_t used = text_safe(&safe_text, data, len, final);
			buf_add(&shape->rest, data + used, len - used);
		}
		add_tagged(out, shape->tag, buf_str(&safe_text), safe_text.len, &shape->line_open);
		buf_free(&safe_text);
	} else {
		add_tagged(out, shape->tag, data, len, &shape->line_open);
	}
	if (final && shape->line_open && shape->whole_lines) {
		buf_addch(out, '\n');
		shape->line_open = false;
	}
}

void sink_shape_free(struct sink_shape *shape)
{
	buf_free(&shape->rest);
	free(shape->tag);
}

/* Made by sink_stream_open(), freed by sink_stream_close(). */
struct sink_stream {
	struct sink *sink;
	struct sink_shape shape;
};

static void add_piece(struct sink *s, struct sink_shape *shape, const void *data, size_t len,
    bool final)
{
	struct buf out = BUF_INIT;
	if (!shape->changes) {
		sink_add(s, data, len);
		return;
	}
	sink_shape_add(shape, &out, data, len, final);
	sink_add(s, out.data, out.len);
	buf_free(&out);
}

void sink_add_bytes(struct sink *s, const struct sink_format *f, const void *data, size_t len)
{
	struct sink_shape shape = sink_shape_of(f);
	add_piece(s, &shape, data, len, true);
	sink_shape_free(&shape);
}

struct sink_stream *sink_stream_open(struct sink *s, const struct sink_format *f)
{
	struct sink_stream *stream = xcalloc(1, sizeof *stream);
	stream->sink = s;
	stream->shape = sink_shape_of(f);
	return stream;
}

void sink_stream_add(struct sink_stream *stream, const void *data, size_t len)
{
	add_piece(stream->sink, &stream->shape, data, len, false);
}

void sink_stream_close(struct sink_stream *stream)
{
	if (stream == NULL)
		return;
	add_piece(stream->sink, &stream->shape, "", 0, true);
	sink_shape_free(&stream->shape);
	free(stream);
}
