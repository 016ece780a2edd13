#include "shared/words.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "shared/xalloc.h"

static const char blanks[] = " \t\n";

/*
 * The array of words as it grows. Lives in words_split(), which hands the array out or frees it.
 */
struct list {
	char **words;
	size_t count;
	size_t cap;
};

static void list_add(struct list *list, char *word)
{
	if (list->count == list->cap) {
		list->cap = list->cap > 0 ? 2 * list->cap : 8;
		list->words = xreallocarray(list->words, list->cap, sizeof(*list->words));
	}
	list->words[list->count++] = word;
}

/* From after the opening quote to after the closing one; NULL when there is none. */
static const char *single_quoted(struct buf *word, const char *p)
{
	const char *end = strchr(p, '\'');

	if (end == NULL)
		return NULL;
	buf_add(word, p, (size_t)(end - p));
	return end + 1;
}

static const char *double_quoted(struct buf *word, const char *p)
{
	for (; *p != '\0'; p++) {
		if (*p == '"')
			return p + 1;
		if (*p == '\\' && p[1] != '\0' && strchr("$`\"\\\n", p[1]) != NULL) {
			p++;
			if (*p == '\n')
				continue;
		}
		buf_addch(word, *p);
	}
	return NULL;
}

/* One word from p, which is no blank; returns where it ends. *some: there was a word at all. */
static const char *one_word(struct buf *word, const char *p, bool *some, const char **why)
{
	*some = false;
	while (*p != '\0' && strchr(blanks, *p) == NULL) {
		if (*p == '\\' && p[1] == '\n') {
			p += 2;
			continue;
		}
		*some = true;
		if (*p == '\'') {
			p = single_quoted(word, p + 1);
			*why = "a single quote (') is not closed";
		} else if (*p == '"') {
			p = double_quoted(word, p + 1);
			*why = "a double quote (\") is not closed";
		} else {
			if (*p == '\\' && p[1] != '\0')
				p++;
			buf_addch(word, *p++);
		}
		if (p == NULL)
			return NULL;
	}
	return p;
}

char **words_split(const char *line, const char **why)
{
	struct list list = { NULL, 0, 0 };
	struct buf word = BUF_INIT;
	const char *p = line + strspn(line, blanks);
	const char *unclosed = NULL;
	bool some;

	while (*p != '\0') {
		p = one_word(&word, p, &some, &unclosed);
		if (p == NULL) {
			buf_free(&word);
			list_add(&list, NULL);
			words_free(list.words);
			*why = unclosed;
			return NULL;
		}
		if (some)
			list_add(&list, xmemdup0(buf_str(&word), word.len));
		buf_reset(&word);
		p += strspn(p, blanks);
	}
	buf_free(&word);
	list_add(&list, NULL);
	return list.words;
}

void words_free(char **words)
{
	size_t i;

	if (words == NULL)
		return;
	for (i = 0; words[i] != NULL; i++)
		free(words[i]);
	free(words);
}

static bool plain(const char *word)
{
	static const char ok[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+=./,:@%{}";

	return *word != '\0' && word[strspn(word, ok)] == '\0';
}

void words_quote(struct buf *out, const char *word)
{
	const char *p;

	if (plain(word)) {
		buf_addstr(out, word);
		return;
	}
	buf_addch(out, '\'');
	for (p = word; *p != '\0'; p++) {
		if (*p == '\'')
			buf_addstr(out, "'\\''");
		else
			buf_addch(out, *p);
	}
	buf_addch(out, '\'');
}
