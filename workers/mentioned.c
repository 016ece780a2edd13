#include "workers/mentioned.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/text.h"

#define PATH_LEN_MAX 1024
#define CANDIDATES_MAX 2000 /* words that are looked for in the file system */

/* A part of the text. */
struct word {
	const char *data;
	size_t len;
};

static bool is_path_byte(char c)
{
	/* What stands around names in prose and Markdown. */
	return (unsigned char)c > ' ' && strchr("\"'`()[]{}<>|,;*", c) == NULL && c != 0x7f;
}

/* Removes what is not part of a name: ":12:5" behind it, "./" before it, the end of a sentence. */
static struct word clean_path(struct word word)
{
	const char *colon;

	while (word.len > 0 && strchr(".:!?", word.data[word.len - 1]) != NULL)
		word.len--;
	colon = memchr(word.data, ':', word.len);
	if (colon != NULL && colon > word.data)
		word.len = (size_t)(colon - word.data);
	while (word.len > 2 && word.data[0] == '.' && word.data[1] == '/') {
		word.data += 2;
		word.len -= 2;
	}
	return word;
}

static bool looks_like_path(struct word word)
{
	if (word.len < 2 || word.len > PATH_LEN_MAX)
		return false;
	return memchr(word.data, '/', word.len) != NULL || memchr(word.data, '.', word.len) != NULL;
}

static bool has_dot_dot(const char *path)
{
	const char *at = path;

	for (; (at = strstr(at, "..")) != NULL; at += 2)
		if ((at == path || at[-1] == '/') && (at[2] == '/' || at[2] == '\0'))
			return true;
	return false;
}

static bool has_file(const struct result *r, const char *path)
{
	for (size_t i = 0; i < r->nfiles; i++)
		if (strcmp(r->files[i], path) == 0)
			return true;
	return false;
}

void mentioned_add(struct result *r, const char *path)
{
	if (!has_file(r, path))
		result_add_file(r, path);
}

/* Where to look for files, and what absolute names begin with when they are below it. */
struct base {
	int fd;
	char path[PATH_LEN_MAX]; /* "" when it is not known */
};

static const char *below(const struct base *base, const char *path)
{
	size_t len = strlen(base->path);

	if (*path != '/')
		return path;
	if (len == 0 || strncmp(path, base->path, len) != 0 || path[len] != '/')
		return NULL;
	return path + len + 1;
}

static void try_file(struct result *r, const struct base *base, struct word word)
{
	char name[PATH_LEN_MAX + 1];
	const char *path;
	struct stat st;

	memcpy(name, word.data, word.len);
	name[word.len] = '\0';
	path = below(base, name);
	if (path == NULL || *path == '\0' || has_dot_dot(path) || has_file(r, path) ||
	    !utf8_valid(path, strlen(path)))
		return;
	if (fstatat(base->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
		result_add_file(r, path);
}

void mentioned_find(struct result *r, const char *text, size_t len, const char *cwd)
{
	struct base base = { .fd = -1 };
	const char *end = text + len;
	unsigned tried = 0;

	base.fd = open(cwd != NULL ? cwd : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (base.fd < 0)
		return;
	if (cwd != NULL && *cwd == '/' && strlen(cwd) < sizeof(base.path))
		memcpy(base.path, cwd, strlen(cwd) + 1);
	else if (cwd != NULL || getcwd(base.path, sizeof(base.path)) == NULL)
		base.path[0] = '\0';
	while (text < end && r->nfiles < FILES_MAX && tried < CANDIDATES_MAX) {
		struct word word = { text, 0 };

		while (text < end && is_path_byte(*text))
			text++;
		word.len = (size_t)(text - word.data);
		text++;
		word = clean_path(word);
		if (!looks_like_path(word))
			continue;
		try_file(r, &base, word);
		tried++;
	}
	close(base.fd);
}
