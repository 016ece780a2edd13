#include "supervisor/record/evidence.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/io.h"
#include "shared/text.h"
#include "supervisor/record/rundir.h"

static void add_end_of_file(struct buf *out, int fd)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return;
	off_t from = st.st_size > (off_t)EVIDENCE_READ ? st.st_size - (off_t)EVIDENCE_READ : 0;
	ssize_t n = pread_all(fd, buf_reserve(out, EVIDENCE_READ), EVIDENCE_READ, from);
	if (n > 0)
		out->len += (size_t)n;
}

void evidence_stream(struct buf *out, const struct record *record, const struct attempt_name *name,
    const struct stream *stream, bool err)
{
	if (!stream->spilled) {
		buf_add(out, stream->data.data, stream->data.len);
		return;
	}
	if (!record->kept)
		return;
	struct buf file = BUF_INIT;
	rundir_out_name(&file, name->step, name->task, name->attempt, err);
	int fd = openat(record->dir.out_fd, buf_str(&file), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	buf_free(&file);
	if (fd < 0)
		return;
	add_end_of_file(out, fd);
	close(fd);
}

void evidence_tail(struct buf *out, const struct record *record, const struct attempt_name *name,
    const struct result *result, bool events, unsigned lines, size_t bytes)
{
	struct buf said = BUF_INIT;
	evidence_stream(&said, record, name, &result->err, true);
	if (said.len == 0 && result->has_text)
		buf_add(&said, result->text.data, result->text.len);
	else if (said.len == 0 && !events)
		evidence_stream(&said, record, name, &result->out, false);
	if (said.len > 0) {
		const char *tail = text_tail(said.data, said.len, lines);
		size_t len = (size_t)(said.data + said.len - tail);
		if (len > bytes) {
			tail += len - bytes;
			len = bytes;
		}
		text_utf8(out, tail, len);
	}
	buf_free(&said);
}
