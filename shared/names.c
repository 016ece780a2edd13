#include "shared/names.h"

#include <stdint.h>
#include <string.h>

/* Longer words are nobody's typing mistake, and this bounds the work. */
#define WORD_MAX 100

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Without the locale, which must not decide what names mean. */
static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool id_valid(const char *s, size_t len)
{
	if (len < 1 || len > ID_MAX || s[0] == '.' || s[0] == '-')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_alnum(s[i]) && s[i] != '.' && s[i] != '_' && s[i] != '-')
			return false;
	}
	return true;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

/*
 * Damerau-Levenshtein: letters added, left out, replaced, and neighbours
 * exchanged. Only three rows of the table are needed at a time.
 */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][WORD_MAX + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b_len; j++)
		above[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *free_row = before;

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			char x = lower(a[i - 1]), y = lower(b[j - 1]);

			row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == lower(b[j - 2]) && lower(a[i - 2]) == y &&
			    before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		before = above;
		above = row;
		row = free_row;
	}
	return above[b_len];
}

static size_t farthest(size_t len)
{
	if (len < 2)
		return 0;
	if (len < 6)
		return 1;
	return 2;
}

const char *names_suggest(const char *word, const char *const *names, size_t count)
{
	size_t len = strlen(word);
	size_t best = farthest(len) + 1;
	const char *nearest = NULL;

	if (len == 0 || len > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t name_len = strlen(names[i]), d;

		if (name_len > WORD_MAX)
			continue;
		d = distance(word, len, names[i], name_len);
		if (d < best) {
			best = d;
			nearest = names[i];
		}
	}
	return nearest;
}
