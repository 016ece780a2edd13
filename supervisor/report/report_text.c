/* Text of a run as reports show it: made safe, cut, and read from where it lies. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/io.h"
#include "shared/json.h"
#include "shared/text.h"
#include "shared/words.h"
#include "supervisor/input/template.h"
#include "supervisor/report/report_gather.h"

/* Of a stream: what is looked at for its last lines, colours and all. */
#define TAIL_LOOK (3 * REPORT_TAIL_MAX)

static const char *keep(struct report *r, struct buf *text)
{
	const char *kept = arena_copy(&r->arena, buf_str(text), text->len);

	buf_free(text);
	return kept;
}

const char *report_line(struct report *r, const char *text)
{
	struct buf line = BUF_INIT;

	if (text == NULL)
		return NULL;
	text_safe_line(&line, text, strlen(text));
	return keep(r, &line);
}

/* How many bytes the first `max` characters take. */
static size_t characters(const char *text, size_t max)
{
	size_t len = 0;
	size_t count = 0;

	for (; text[len] != '\0'; len++)
		if (((unsigned char)text[len] & 0xc0) != 0x80 && count++ == max)
			break;
	return len;
}

const char *report_line_cut(struct report *r, const char *text, size_t max)
{
	struct buf line = BUF_INIT;

	if (text == NULL)
		return NULL;
	size_t len = characters(text, max - 1);
	/* room for one more is room for all, when that is the last one */
	if (text[len] != '\0' && text[characters(text, max)] == '\0')
		len = strlen(text);
	text_safe_line(&line, text, len);
	if (text[len] != '\0')
		buf_addstr(&line, "…");
	return keep(r, &line);
}

const char *report_member(struct report *r, const cJSON *record, const char *key)
{
	return report_line(r, json_get_string(record, key));
}

/* Streams. */

/* How long the terminal sequence is that begins with the ESC at s: colours, titles, the like. */
static size_t sequence_length(const char *s, size_t len)
{
	size_t i = 2;

	if (len < 2)
		return len;
	if (s[1] == '[') {
		while (i < len && s[i] >= 0x20 && s[i] <= 0x3f)
			i++;
		return i < len ? i + 1 : i;
	}
	if (s[1] == ']') {
		while (i < len && s[i] != '\a' && s[i] != 0x1b)
			i++;
		return i < len && s[i] == 0x1b && i + 1 < len ? i + 2 : i + (i < len);
	}
	return 1 + (s[1] >= 0x30 && s[1] <= 0x7e);
}

/*
 * Appends text without terminal sequences, and of a line that was written over (as progress bars
 * are) what it was last.
 */
static void add_shown(struct buf *out, const char *text, size_t len)
{
	size_t line = out->len;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == 0x1b) {
			i += sequence_length(text + i, len - i) - 1;
		} else if (c == '\r') {
			if (i + 1 < len && text[i + 1] != '\n')
				out->len = line;
		} else {
			buf_addch(out, c);
			if (c == '\n')
				line = out->len;
		}
	}
}

/* The last lines of what a terminal would have shown. */
static const char *tail_of(struct gather *g, const char *text, size_t len)
{
	struct buf shown = BUF_INIT;
	struct buf safe_text = BUF_INIT;

	add_shown(&shown, text, len);
	text_safe(&safe_text, buf_str(&shown), shown.len, true);
	buf_free(&shown);
	while (safe_text.len > 0 && strchr("\n\t ", safe_text.data[safe_text.len - 1]) != NULL)
		safe_text.data[--safe_text.len] = '\0';
	const char *tail = text_tail(buf_str(&safe_text), safe_text.len, REPORT_TAIL_LINES);
	size_t left = strlen(tail);
	if (left > REPORT_TAIL_MAX) {
		tail += left - REPORT_TAIL_MAX;
		while (((unsigned char)*tail & 0xc0) == 0x80)
			tail++;
	}
	left = strlen(tail);
	const char *kept = NULL;
	if (left > 0 && g->tails + left <= REPORT_TAILS_MAX) {
		g->tails += left;
		kept = arena_copy(&g->r->arena, tail, left);
	}
	buf_free(&safe_text);
	return kept;
}

/* Journals name files as "out/NAME" and "merged/NAME"; nothing else is opened. */
static int open_below(int dirfd, const char *prefix, const char *path, uint64_t *size)
{
	size_t len = strlen(prefix);
	struct stat st;

	if (dirfd < 0 || strncmp(path, prefix, len) != 0 || strchr(path + len, '/') != NULL)
		return -1;
	int fd = openat(dirfd, path + len, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))) {
		close(fd);
		return -1;
	}
	if (fd >= 0)
		*size = (uint64_t)st.st_size;
	return fd;
}

/* How many bytes belong to a character of which the beginning was cut off. */
static size_t broken_start(const char *text, size_t len, bool cut)
{
	size_t skip = 0;

	while (cut && skip < len && skip < 3 && ((unsigned char)text[skip] & 0xc0) == 0x80)
		skip++;
	return skip;
}

static const char *tail_of_file(struct gather *g, const char *path)
{
	struct buf bytes = BUF_INIT;
	const char *tail = NULL;
	uint64_t size = 0;
	int fd = open_below(g->dir->out_fd, "out/", path, &size);

	if (fd < 0)
		return NULL;
	uint64_t from = size > TAIL_LOOK ? size - TAIL_LOOK : 0;
	ssize_t got = pread_all(fd, buf_reserve(&bytes, TAIL_LOOK), TAIL_LOOK, (off_t)from);
	if (got > 0) {
		size_t skip = broken_start(bytes.data, (size_t)got, from > 0);

		tail = tail_of(g, bytes.data + skip, (size_t)got - skip);
	}
	close(fd);
	buf_free(&bytes);
	return tail;
}

const char *report_tail(struct gather *g, const cJSON *record, const char *key)
{
	char path_key[16];
	struct buf bytes = BUF_INIT;
	const char *tail = NULL;

	snprintf(path_key, sizeof(path_key), "%s_path", key);
	const char *path = json_get_string(record, path_key);
	if (path != NULL)
		return tail_of_file(g, path);
	if (json_get_bytes(record, key, &bytes)) {
		size_t from = bytes.len > TAIL_LOOK ? bytes.len - TAIL_LOOK : 0;

		from += broken_start(buf_str(&bytes) + from, bytes.len - from, from > 0);
		tail = tail_of(g, buf_str(&bytes) + from, bytes.len - from);
	}
	buf_free(&bytes);
	return tail;
}

void report_merged(struct report *r, const struct rundir *dir, struct report_step *step,
    size_t *left)
{
	struct buf bytes = BUF_INIT;
	struct buf text = BUF_INIT;
	uint64_t size = 0;
	int fd = open_below(dir->merged_fd, "merged/", step->merged_path, &size);

	if (fd < 0)
		return;
	size_t want = *left < REPORT_MERGED_MAX ? *left : REPORT_MERGED_MAX;
	ssize_t got = want > 0 ? pread_all(fd, buf_reserve(&bytes, want), want, 0) : -1;
	step->merged_bytes = size;
	step->merged_cut = got < 0 || size > (uint64_t)got;
	if (got >= 0) {
		bytes.len = (size_t)got;
		text_safe(&text, buf_str(&bytes), bytes.len, !step->merged_cut);
		*left -= (size_t)got;
		step->merged_text = keep(r, &text);
	}
	close(fd);
	buf_free(&bytes);
}

/* What a task was asked. */

/* Called for each name of a prompt. On the stack of report_asked(). */
struct asked {
	void (*need)(void *context, const char *id);
	void *context;
};

/*
 * "tasks.T.output" and "tasks.T.result.PATH": ids and paths may hold dots, so every T that there
 * could be is tried.
 */
static void name_needs(void *context, const char *name, size_t len)
{
	static const char prefix[] = "tasks.";
	const struct asked *asked = context;
	size_t skip = sizeof(prefix) - 1;

	if (len <= skip || strncmp(name, prefix, skip) != 0)
		return;
	for (size_t i = skip + 1; i < len; i++) {
		struct buf id = BUF_INIT;

		if (name[i] != '.')
			continue;
		buf_add(&id, name + skip, i - skip);
		asked->need(asked->context, buf_str(&id));
		buf_free(&id);
	}
}

static const char *asked_object(struct report *r, const cJSON *object, const struct asked *asked)
{
	const char *prompt = json_get_string(object, "prompt");
	const cJSON *run = json_get(object, "run");
	const cJSON *item;
	struct buf words = BUF_INIT;

	cJSON_ArrayForEach(item, json_get(object, "needs"))
	{
		if (cJSON_IsString(item))
			asked->need(asked->context, item->valuestring);
	}
	if (prompt != NULL) {
		template_names(prompt, name_needs, (void *)asked);
		return report_line_cut(r, prompt, REPORT_INPUT_MAX);
	}
	if (cJSON_IsString(run))
		return report_line_cut(r, run->valuestring, REPORT_INPUT_MAX);
	cJSON_ArrayForEach(item, run)
	{
		if (words.len > 0)
			buf_addch(&words, ' ');
		if (cJSON_IsString(item))
			words_quote(&words, item->valuestring);
	}
	const char *line =
	    words.len > 0 ? report_line_cut(r, buf_str(&words), REPORT_INPUT_MAX) : NULL;
	buf_free(&words);
	return line;
}

const char *report_asked(struct report *r, const char *record, size_t len, bool object,
    void (*need)(void *context, const char *id), void *context)
{
	const struct asked asked = { need, context };
	struct json_error error;
	struct buf utf8 = BUF_INIT;
	size_t blank = strspn(record, " \t");
	cJSON *tree = object && record[blank] == '{' ? json_parse(record, len, &error) : NULL;
	const char *line = NULL;

	if (cJSON_IsObject(tree))
		line = asked_object(r, tree, &asked);
	cJSON_Delete(tree);
	if (line == NULL) {
		text_utf8(&utf8, record, len);
		line = report_line_cut(r, buf_str(&utf8), REPORT_INPUT_MAX);
		buf_free(&utf8);
	}
	return line;
}
