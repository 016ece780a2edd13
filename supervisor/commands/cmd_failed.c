/* pollard failed: the input records of what did not succeed, ready to be piped in again. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/buf.h"
#include "shared/exits.h"
#include "shared/json.h"
#include "shared/quantity.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/commands/commands.h"
#include "supervisor/commands/reading.h"

/*
 * The tasks that need not be run again. Those of the first step without an id of their own, most in
 * a long list, take a bit each: their id is the number of their record. The others are in a hash
 * table. On the stack of cmd_failed().
 */
struct done {
	char *step;	      /* the one whose tasks have bits; NULL: none seen yet */
	uint64_t last_number; /* the greatest that a task of the list has */
	unsigned char *bits;  /* by number */
	size_t nbits;

	struct buf keys; /* of each: 1 or 0, the step's id, NUL, the task's id, NUL */
	size_t *slots;	 /* 1 + a place in keys; 0: free */
	size_t nslots;	 /* a power of two, or 0 */
	size_t used;
};

static uint64_t hash_key(const char *step, const char *id)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (const char *p = step; *p != '\0'; p++)
		hash = (hash ^ (unsigned char)*p) * UINT64_C(1099511628211);
	hash *= UINT64_C(1099511628211);
	for (const char *p = id; *p != '\0'; p++)
		hash = (hash ^ (unsigned char)*p) * UINT64_C(1099511628211);
	return hash ^ hash >> 32;
}

/* The slot of that key: used, or the free one where it belongs. */
static size_t *find_slot(const struct done *d, const char *step, const char *id)
{
	size_t at = (size_t)hash_key(step, id) & (d->nslots - 1);

	for (;; at = (at + 1) & (d->nslots - 1)) {
		if (d->slots[at] == 0)
			return &d->slots[at];
		const char *key = d->keys.data + d->slots[at];

		if (strcmp(key, step) == 0 && strcmp(key + strlen(key) + 1, id) == 0)
			return &d->slots[at];
	}
}

static void grow_slots(struct done *d)
{
	size_t *old = d->slots;
	size_t nold = d->nslots;

	d->nslots = nold == 0 ? 256 : nold * 2;
	d->slots = xcalloc(d->nslots, sizeof(*d->slots));
	for (size_t i = 0; i < nold; i++) {
		if (old[i] == 0)
			continue;
		const char *key = d->keys.data + old[i];

		*find_slot(d, key, key + strlen(key) + 1) = old[i];
	}
	free(old);
}

static void set_key(struct done *d, const char *step, const char *id, bool done)
{
	if (d->used >= d->nslots / 2)
		grow_slots(d);
	size_t *slot = find_slot(d, step, id);

	if (*slot == 0) {
		buf_addch(&d->keys, 0);
		*slot = d->keys.len;
		buf_add(&d->keys, step, strlen(step) + 1);
		buf_add(&d->keys, id, strlen(id) + 1);
		d->used++;
	}
	d->keys.data[*slot - 1] = done;
}

/* An id that is the number of a record of this list, so that a bit can stand for it. */
static bool is_number(const struct done *d, const char *id, uint64_t *number)
{
	return id[0] != '0' && parse_integer(id, 1, d->last_number, number);
}

static void set_bit(struct done *d, uint64_t number, bool done)
{
	if (number >= d->nbits) {
		size_t bytes = (size_t)(d->last_number / 8 + 1) * 2;

		d->bits = xreallocarray(d->bits, bytes, 1);
		memset(d->bits + d->nbits / 8, 0, bytes - d->nbits / 8);
		d->nbits = bytes * 8;
	}
	unsigned char bit = (unsigned char)(1u << number % 8);
	if (done)
		d->bits[number / 8] |= bit;
	else
		d->bits[number / 8] &= (unsigned char)~bit;
}

static bool has_bit(const struct done *d, const char *step, const char *id, uint64_t *number)
{
	return d->step != NULL && strcmp(d->step, step) == 0 && is_number(d, id, number);
}

static void set_done(struct done *d, const char *step, const char *id, bool done)
{
	uint64_t number;

	if (has_bit(d, step, id, &number))
		set_bit(d, number, done);
	else
		set_key(d, step, id, done);
}

static bool is_done(const struct done *d, const char *step, const char *id)
{
	uint64_t number;

	if (has_bit(d, step, id, &number) && number < d->nbits &&
	    (d->bits[number / 8] >> number % 8 & 1) != 0)
		return true;
	/* Also a number: while a list is streamed in it may have been greater than any record's. */
	if (d->nslots == 0)
		return false;
	size_t *slot = find_slot(d, step, id);
	return *slot != 0 && d->keys.data[*slot - 1] != 0;
}

static void done_free(struct done *d)
{
	free(d->step);
	free(d->bits);
	free(d->slots);
	buf_free(&d->keys);
}

/* What `when` left out was not wanted: it is no failure. */
static bool needs_nothing_more(const cJSON *record)
{
	const char *status = json_get_string(record, "status");
	const char *reason = json_get_string(record, "reason");

	if (status == NULL)
		return false;
	if (strcmp(status, "succeeded") == 0)
		return true;
	return strcmp(status, "skipped") == 0 && reason != NULL && strcmp(reason, "when") == 0;
}

/* How the records of the run were read, as run-started has it. */
struct form {
	bool known;   /* there is a record */
	char end;     /* of a record */
	bool objects; /* a record may be a task object */
};

static void gather_record(struct done *d, const cJSON *record, struct form *form)
{
	const char *event = json_get_string(record, "event");
	const char *step = json_get_string(record, "step");
	const char *id = json_get_string(record, "task");

	form->known = true;
	if (event == NULL)
		return;
	if (strcmp(event, "run-started") == 0) {
		const cJSON *options = json_get(record, "options");
		const char *input = json_get_string(options, "input");

		form->end = cJSON_IsTrue(json_get(options, "nul")) ? '\0' : '\n';
		form->objects = input != NULL && strcmp(input, "auto") == 0;
		return;
	}
	if (step == NULL || id == NULL)
		return;
	if (strcmp(event, "task-added") == 0) {
		double number = json_get_number(record, "number", 0);

		if (number > (double)d->last_number && number <= UINT32_MAX)
			d->last_number = (uint64_t)number;
		if (d->step == NULL)
			d->step = xstrdup(step);
	} else if (strcmp(event, "task-finished") == 0) {
		set_done(d, step, id, needs_nothing_more(record));
	}
}

static int gather(struct journal_reader *reader, const struct rundir *dir, struct done *d,
    struct form *form)
{
	const cJSON *record;

	while ((record = journal_reader_next(reader)) != NULL)
		gather_record(d, record, form);
	return reading_check(reader, dir);
}

/* Takes the needs away that are met already. True when there was one. */
static bool drop_met_needs(const struct done *d, const char *step, cJSON *task)
{
	cJSON *needs = cJSON_GetObjectItemCaseSensitive(task, "needs");
	cJSON *need = needs != NULL ? needs->child : NULL;
	bool dropped = false;

	while (need != NULL) {
		cJSON *next = need->next;

		if (cJSON_IsString(need) && is_done(d, step, need->valuestring)) {
			cJSON_Delete(cJSON_DetachItemViaPointer(needs, need));
			dropped = true;
		}
		need = next;
	}
	if (dropped && needs->child == NULL)
		cJSON_DeleteItemFromObjectCaseSensitive(task, "needs");
	return dropped;
}

/* A task whose needs are not in the new list would be refused there: what succeeded is not in it. */
static void free_of_met_needs(const struct done *d, const char *step, struct buf *bytes)
{
	struct json_error error;
	cJSON *task = json_parse(buf_str(bytes), bytes->len, &error);

	if (cJSON_IsObject(task) && drop_met_needs(d, step, task)) {
		buf_reset(bytes);
		json_print(bytes, task);
	}
	cJSON_Delete(task);
}

static void print_record(const struct done *d, const cJSON *record, const struct form *form)
{
	const char *event = json_get_string(record, "event");
	const char *step = json_get_string(record, "step");
	const char *id = json_get_string(record, "task");
	struct buf bytes = BUF_INIT;

	if (event == NULL || strcmp(event, "task-added") != 0 || step == NULL || id == NULL)
		return;
	if (!is_done(d, step, id) && json_get_bytes(record, "record", &bytes)) {
		if (form->objects)
			free_of_met_needs(d, step, &bytes);
		fwrite(buf_str(&bytes), 1, bytes.len, stdout);
		putchar(form->end);
	}
	buf_free(&bytes);
}

/* The second pass may see more tasks than the first: those have no result yet. */
static int print(const struct rundir *dir, const struct done *d, const struct form *form)
{
	struct journal_reader *reader = journal_reader_open(dir->fd);
	const cJSON *record;

	if (reader == NULL) {
		warn("run '%s': cannot read %s", safe(dir->id), JOURNAL_NAME);
		return EXIT_IO;
	}
	while (!ferror(stdout) && (record = journal_reader_next(reader)) != NULL)
		print_record(d, record, form);
	int status = reading_check(reader, dir);
	journal_reader_free(reader);
	return status;
}

int cmd_failed(const struct config *config)
{
	struct rundir dir;
	struct journal_reader *reader;
	struct done done = { .keys = BUF_INIT };
	struct form form = { .end = '\n' };
	int status = reading_open(config, &dir, &reader);

	if (status != 0)
		return status;
	bool locked = reading_locked(dir.fd);
	status = gather(reader, &dir, &done, &form);
	journal_reader_free(reader);
	if (status == 0 && !form.known && !locked) {
		warnx("run '%s' ended before its first record: nothing was started, run it again",
		    safe(dir.id));
		status = EXIT_NOINPUT;
	}
	if (status == 0 && locked)
		warnx("run '%s' is still going on: what has no result yet is among these",
		    safe(dir.id));
	if (status == 0)
		status = print(&dir, &done, &form);
	done_free(&done);
	rundir_close(&dir);

	int printed = reading_printed();
	return status != 0 ? status : printed;
}
