/* The lines of tasks in the Markdown state, found by their ids. */
#include <stdlib.h>
#include <string.h>

#include "shared/xalloc.h"
#include "supervisor/record/state_data.h"

uint32_t state_hash(const char *s)
{
	uint32_t hash = 2166136261u;

	for (; *s != '\0'; s++)
		hash = (hash ^ (unsigned char)*s) * 16777619u;
	return hash;
}

struct state_line *state_line_find(const struct line_table *t, const char *id, uint32_t hash)
{
	if (t->bucket == NULL)
		return NULL;
	for (uint32_t i = t->bucket[hash % STATE_BUCKETS]; i != 0; i = t->lines[i - 1].next) {
		struct state_line *line = &t->lines[i - 1];

		if (line->hash == hash && strcmp(line->id, id) == 0)
			return line;
	}
	return NULL;
}

static size_t line_place(struct line_table *t)
{
	if (t->unused > 0) {
		t->unused--;
		for (size_t i = 0; i < t->count; i++)
			if (t->lines[i].phase == LINE_UNUSED)
				return i;
	}
	if (t->count == t->cap) {
		t->cap = t->cap == 0 ? 4 : t->cap * 2;
		t->lines = xreallocarray(t->lines, t->cap, sizeof(*t->lines));
	}
	return t->count++;
}

struct state_line *state_line_add(struct line_table *t, const char *id, uint32_t hash)
{
	if (t->unused == 0 && t->count == STATE_LISTED_MAX)
		return NULL;
	if (t->bucket == NULL)
		t->bucket = xcalloc(STATE_BUCKETS, sizeof(*t->bucket));

	size_t place = line_place(t);
	struct state_line *line = &t->lines[place];
	uint32_t *bucket = &t->bucket[hash % STATE_BUCKETS];
	*line = (struct state_line){
		.id = xstrdup(id),
		.hash = hash,
		.next = *bucket,
		.phase = LINE_WAITING,
	};
	*bucket = (uint32_t)place + 1;
	return line;
}

static void line_clear(struct state_line *line)
{
	free(line->id);
	free(line->agent);
	free(line->summary);
	free(line->error);
	*line = (struct state_line){ .phase = LINE_UNUSED };
}

void state_line_remove(struct line_table *t, struct state_line *line)
{
	uint32_t place = (uint32_t)(line - t->lines) + 1;
	uint32_t *link = &t->bucket[line->hash % STATE_BUCKETS];

	while (*link != place)
		link = &t->lines[*link - 1].next;
	*link = line->next;
	line_clear(line);
	t->unused++;
}

void state_lines_free(struct line_table *t)
{
	for (size_t i = 0; i < t->count; i++)
		line_clear(&t->lines[i]);
	free(t->lines);
	free(t->bucket);
}

void state_lines_stop(struct line_table *t)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->lines[i].phase == LINE_RUNNING)
			t->lines[i].phase = LINE_WAITING;
}
