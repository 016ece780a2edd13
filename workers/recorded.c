#include "workers/recorded.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/io.h"
#include "shared/json.h"
#include "shared/xalloc.h"

#define PIECE (64 * 1024)
#define UTF8_MAX 4

static bool open_spilled(struct recorded *a, const struct job *job, const cJSON *record)
{
	const char *path = json_get_string(record, "stdout_path"), *slash;

	if (path == NULL || job->out_dirfd < 0)
		return false;
	slash = strrchr(path, '/');
	a->name = xstrdup(slash != NULL ? slash + 1 : path);
	a->file = openat(job->out_dirfd, a->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return a->file >= 0;
}

static bool parse_record(struct recorded *a, const struct job *job, const char *text, size_t len)
{
	struct json_error error;
	cJSON *record = json_parse_nested(text, len, JSON_RECORD_DEPTH_MAX, &error);
	bool good = false;

	if (record != NULL && result_from_json(&a->result, record))
		good = a->result.has_text || !a->result.out.spilled || open_spilled(a, job, record);
	cJSON_Delete(record);
	return good;
}

bool recorded_read(struct recorded *a, const struct job *job, int64_t offset, size_t length)
{
	struct buf text = BUF_INIT;
	bool good;

	*a = (struct recorded){ .file = -1 };
	result_init(&a->result);
	if (offset < 0)
		return false;
	good = pread_all(job->journal_fd, buf_reserve(&text, length), length, (off_t)offset) ==
	    (ssize_t)length;
	text.len = length;
	good = good && parse_record(a, job, text.data, text.len);
	buf_free(&text);
	return good;
}

const struct buf *recorded_text(const struct recorded *a)
{
	return a->result.has_text ? &a->result.text : &a->result.out.data;
}

bool recorded_is_blank(const struct recorded *a)
{
	const struct buf *text = recorded_text(a);

	if (a->file >= 0)
		return false;
	return text->len == 0 || strspn(buf_str(text), " \t\r\n") == text->len;
}

void recorded_free(struct recorded *a)
{
	result_free(&a->result);
	if (a->file >= 0)
		close(a->file);
	free(a->name);
	*a = (struct recorded){ .file = -1 };
}

/* How much of the text to use when more follows: not the beginning of a character at its end. */
static size_t whole_characters(const char *text, size_t len)
{
	for (size_t back = 1; back < UTF8_MAX && back <= len; back++) {
		unsigned char c = (unsigned char)text[len - back];

		if (c >= 0xc0)
			return len - back;
		if (c < 0x80)
			return len;
	}
	return len;
}

int read_pieces(int fd, piece_taker *take, void *context)
{
	static char piece[PIECE];
	size_t have = 0;
	off_t offset = 0;
	ssize_t n;

	while ((n = pread_all(fd, piece + have, sizeof(piece) - have, offset)) > 0) {
		size_t use;

		offset += n;
		have += (size_t)n;
		use = whole_characters(piece, have);
		if (!take(context, piece, use))
			return 0;
		memmove(piece, piece + use, have - use);
		have -= use;
	}
	if (n == 0 && have > 0)
		take(context, piece, have);
	return n < 0 ? -1 : 0;
}
