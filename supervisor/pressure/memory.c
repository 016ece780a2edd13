#include "supervisor/pressure/memory.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/quantity.h"

/* The files of interest are a few KiB long. */
#define FILE_MAX ((size_t)64 * 1024)
#define PERCENT_MAX 100

bool memory_parse_floor(const char *text, struct memory_floor *out)
{
	char digits[8];
	uint64_t number;
	size_t len = strlen(text);
	if (len < 2 || text[len - 1] != '%') {
		if (!parse_size(text, &number))
			return false;
		*out = (struct memory_floor){ .bytes = number };
		return true;
	}
	if (len > sizeof digits)
		return false;
	memcpy(digits, text, len - 1);
	digits[len - 1] = '\0';
	if (!parse_integer(digits, 0, PERCENT_MAX, &number))
		return false;
	*out = (struct memory_floor){ .percent = (unsigned)number };
	return true;
}

/* The beginning of a file as a string; false when it cannot be read. */
static bool read_text(const char *path, struct buf *out)
{
	buf_reset(out);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = 1;
	while (n > 0 && out->len < FILE_MAX) {
		n = read(fd, buf_reserve(out, 4096), 4096);
		if (n > 0)
			out->len += (size_t)n;
	}
	close(fd);
	return n >= 0;
}

/* The number behind "KEY" at the beginning of a line and blanks or a colon. */
static bool find_number(struct buf *text, const char *key, uint64_t *out)
{
	size_t len = strlen(key);
	for (const char *line = buf_str(text); line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) != 0 || strchr(": \t", line[len]) == NULL)
			continue;
		const char *digits = line + len + strspn(line + len, ": \t");
		char *end;
		*out = strtoull(digits, &end, 10);
		return end > digits;
	}
	return false;
}

static bool read_number(const char *dir, const char *name, struct buf *text, uint64_t *out)
{
	struct buf path = BUF_INIT;
	buf_addf(&path, "%s/%s", dir, name);
	bool ok = read_text(buf_str(&path), text);
	buf_free(&path);
	char *end;
	*out = ok ? strtoull(buf_str(text), &end, 10) : 0;
	/* "max" is no limit */
	return ok && end > buf_str(text);
}

/* Looks from the process's own group upwards: the tightest limit counts. */
static void find_group(struct memory *m, const char *top, char *dir)
{
	struct buf text = BUF_INIT;
	uint64_t max;
	while (strlen(dir) >= strlen(top)) {
		if (read_number(dir, "memory.max", &text, &max) &&
		    (m->group == NULL || max < m->group_max)) {
			free(m->group);
			m->group = strdup(dir);
			m->group_max = max;
		}
		char *slash = strrchr(dir, '/');
		if (slash == NULL)
			break;
		*slash = '\0';
	}
	buf_free(&text);
}

void memory_open(struct memory *m, const char *root)
{
	struct buf text = BUF_INIT;
	struct buf path = BUF_INIT;
	*m = (struct memory){ .root = root };
	buf_addf(&path, "%s/proc/self/cgroup", root);
	/* of the unified hierarchy: "0::/user.slice/..." */
	if (read_text(buf_str(&path), &text)) {
		const char *line = strstr(buf_str(&text), "0::/");
		if (line != NULL) {
			size_t len = strcspn(line + 3, "\n");
			buf_reset(&path);
			buf_addf(&path, "%s/sys/fs/cgroup", root);
			char *top = strdup(buf_str(&path));
			if (len > 1)
				buf_add(&path, line + 3, len);
			char *dir = strdup(buf_str(&path));
			if (top != NULL && dir != NULL)
				find_group(m, top, dir);
			free(dir);
			free(top);
		}
	}
	buf_free(&path);
	buf_free(&text);
}

void memory_close(struct memory *m)
{
	free(m->group);
	m->group = NULL;
}

/* What the group may still take; pages that hold nothing but what can be read again are free. */
static bool look_at_group(const struct memory *m, struct buf *text, uint64_t *available)
{
	struct buf path = BUF_INIT;
	uint64_t current;
	uint64_t cached = 0;
	if (!read_number(m->group, "memory.current", text, &current))
		return false;
	buf_addf(&path, "%s/memory.stat", m->group);
	if (!read_text(buf_str(&path), text) || !find_number(text, "inactive_file", &cached))
		cached = 0;
	buf_free(&path);
	current -= cached < current ? cached : current;
	*available = m->group_max > current ? m->group_max - current : 0;
	return true;
}

bool memory_look(const struct memory *m, uint64_t *available, uint64_t *total)
{
	struct buf text = BUF_INIT;
	struct buf path = BUF_INIT;
	uint64_t group;
	buf_addf(&path, "%s/proc/meminfo", m->root);
	bool ok = read_text(buf_str(&path), &text) && find_number(&text, "MemTotal", total) &&
	    find_number(&text, "MemAvailable", available);
	if (ok) {
		*total *= 1024;
		*available *= 1024;
	}
	if (ok && m->group != NULL && look_at_group(m, &text, &group)) {
		if (group < *available)
			*available = group;
		if (m->group_max < *total)
			*total = m->group_max;
	}
	buf_free(&path);
	buf_free(&text);
	return ok;
}

bool memory_is_low(const struct memory_floor *floor, uint64_t available, uint64_t total)
{
	return available < floor->bytes || available < total / PERCENT_MAX * floor->percent;
}
