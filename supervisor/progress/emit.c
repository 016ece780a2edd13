#include "supervisor/progress/emit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/json.h"
#include "shared/xalloc.h"
#include "supervisor/record/events.h"

/* More of a stream than this does not go into a JSON line when no file holds it. */
#define JSON_STREAM_MAX ((size_t)4 * 1024 * 1024)

void load_result(const struct record *record, const struct node *node, struct result *result)
{
	result_init(result);
	result->status = node->status;
	result->reason = node->reason;
	if (node->last.offset < 0)
		return;
	cJSON *object = journal_read(record->journal, node->last);
	/* a task that never ran has its task-finished record there, which holds no more than this */
	if (object != NULL && !result_from_json(result, object)) {
		const char *error = json_get_string(object, "error");
		if (error != NULL)
			result_set_error(result, "%s", error);
	}
	cJSON_Delete(object);
	/* the rules may have had more to say than the worker */
	if (node->state == NODE_FINAL) {
		result->status = node->status;
		result->reason = node->reason;
	}
}

static struct lent *find_lent(struct emit *e, size_t task)
{
	for (size_t i = 0; i < e->nlent; i++) {
		if (e->lent[i].task == task)
			return &e->lent[i];
	}
	return NULL;
}

static void close_lent(struct emit *e, struct lent *l)
{
	if (l->out_fd >= 0)
		close(l->out_fd);
	if (l->err_fd >= 0)
		close(l->err_fd);
	*l = e->lent[--e->nlent];
}

void emit_keep(struct emit *e, size_t task, int out_fd, int err_fd)
{
	struct lent *l = find_lent(e, task);
	if (l != NULL)
		close_lent(e, l);
	if (out_fd < 0 && err_fd < 0)
		return;
	e->lent = xreallocarray(e->lent, e->nlent + 1, sizeof *e->lent);
	e->lent[e->nlent++] = (struct lent){ task, out_fd, err_fd };
}

/* Hands the stream to its sink, from wherever it is. *fd is the unnamed file, which is taken when it is used. */
static void add_stream(struct emit *e, struct sink *sink, const struct sink_format *format,
    const struct stream *stream, const char *name, int *fd)
{
	if (!stream->spilled) {
		sink_add_bytes(sink, format, stream->data.data, stream->data.len);
	} else if (e->record->kept) {
		sink_add_path(sink, format, e->record->dir.out_fd, name);
	} else if (fd != NULL && *fd >= 0) {
		sink_add_file(sink, format, *fd);
		*fd = -1;
	}
}

static void emit_text(struct emit *e, const struct node *node, const struct result *r,
    struct lent *lent)
{
	const struct task *task = node->task;
	const char *tag = e->config->tag ? task->id : NULL;
	/* an answer is text, whether its last line was ended or not; what a command wrote is bytes */
	struct sink_format format = { .filter = SINK_RAW,
		.tag = tag,
		.whole_lines = tag != NULL || task->agent != NULL };
	struct buf name = BUF_INIT;
	if (r->has_text) {
		sink_add_bytes(e->out, &format, r->text.data, r->text.len);
	} else {
		rundir_out_name(&name, e->step->id, task->id, node->attempts, false);
		add_stream(e, e->out, &format, &r->out, buf_str(&name),
		    lent != NULL ? &lent->out_fd : NULL);
	}
	/* an agent's standard error is its client's chatter: it stands in the record */
	if (task->agent == NULL) {
		format.filter = SINK_SAFE;
		format.whole_lines = true;
		buf_reset(&name);
		rundir_out_name(&name, e->step->id, task->id, node->attempts, true);
		add_stream(e, e->err, &format, &r->err, buf_str(&name),
		    lent != NULL ? &lent->err_fd : NULL);
	}
	buf_free(&name);
}

/* Without a run directory there is no path to name: the stream itself goes into the line, up to a limit. */
void emit_inline(struct stream *stream, int fd)
{
	if (!stream->spilled || fd < 0)
		return;
	char *room = buf_reserve(&stream->data, JSON_STREAM_MAX);
	ssize_t n = pread(fd, room, JSON_STREAM_MAX, 0);
	if (n < 0)
		return;
	stream->data.len += (size_t)n;
	stream->spilled = false;
	stream->dropped = stream->bytes > (uint64_t)n ? stream->bytes - (uint64_t)n : 0;
}

static void add_line(struct sink *sink, cJSON *object)
{
	struct buf line = BUF_INIT;
	json_print(&line, object);
	buf_addch(&line, '\n');
	sink_add(sink, line.data, line.len);
	buf_free(&line);
	cJSON_Delete(object);
}

void emit_cause(struct emit *e, size_t task, const char *cause)
{
	e->told = xreallocarray(e->told, e->ntold + 1, sizeof *e->told);
	e->told[e->ntold++] = (struct told){ task, xstrdup(cause) };
}

void emit_forget_causes(struct emit *e)
{
	for (size_t i = 0; i < e->ntold; i++)
		free(e->told[i].cause);
	free(e->told);
	e->told = NULL;
	e->ntold = 0;
}

static const char *cause_of(const struct emit *e, size_t task)
{
	for (size_t i = 0; i < e->ntold; i++) {
		if (e->told[i].task == task)
			return e->told[i].cause;
	}
	return NULL;
}

static void emit_json(struct emit *e, size_t index, struct result *r, const struct lent *lent)
{
	const struct node *node = nodes_at(e->nodes, index);
	if (lent != NULL) {
		emit_inline(&r->out, lent->out_fd);
		emit_inline(&r->err, lent->err_fd);
	}
	cJSON *object = cJSON_CreateObject();
	add_result(object, e->record->dir.id, e->step, node->task, r, node->attempts, node->level,
	    e->record->kept ? &e->record->dir : NULL, true);
	json_add_string(object, "verdict", cause_of(e, index));
	add_line(e->out, object);
}

static void emit_one(struct emit *e, size_t index, const struct result *known)
{
	struct node *node = nodes_at(e->nodes, index);
	node->shown = true;
	struct lent *lent = e->nlent > 0 ? find_lent(e, index) : NULL;
	bool wanted = e->config->output == OUTPUT_JSON ||
	    (e->config->output == OUTPUT_TEXT && node->attempts > 0 && !e->config->sequential &&
		!node->live);
	if (wanted) {
		struct result loaded;
		struct result *r = (struct result *)known;
		if (known == NULL) {
			load_result(e->record, node, &loaded);
			r = &loaded;
		}
		if (e->config->output == OUTPUT_JSON)
			emit_json(e, index, r, lent);
		else
			emit_text(e, node, r, lent);
		if (known == NULL)
			result_free(&loaded);
	}
	if (lent != NULL)
		close_lent(e, lent);
}

void emit_final(struct emit *e, size_t task, const struct result *result)
{
	if (!e->config->keep_order) {
		emit_one(e, task, result);
		return;
	}
	/* what an interrupted run has printed is not printed again */
	while (e->next < task && nodes_at(e->nodes, e->next)->shown)
		e->next++;
	if (task != e->next)
		return;
	emit_one(e, e->next++, result);
	for (; e->next < e->nodes->end && nodes_at(e->nodes, e->next)->state == NODE_FINAL;
	     e->next++) {
		if (!nodes_at(e->nodes, e->next)->shown)
			emit_one(e, e->next, NULL);
	}
}

bool emit_blocked(const struct emit *e, size_t *task)
{
	if (!e->config->keep_order || e->next + 1 >= e->nodes->end)
		return false;
	for (size_t i = e->next + 1; i < e->nodes->end; i++) {
		if (nodes_at(e->nodes, i)->state == NODE_FINAL) {
			*task = e->next;
			return true;
		}
		if (nodes_at(e->nodes, i)->attempts == 0)
			break;
	}
	return false;
}

void emit_live(struct emit *e, const struct task *task, bool is_err, const char *data, size_t len)
{
	const char *tag = e->config->tag ? task->id : NULL;
	if (is_err && task->agent != NULL)
		return;
	struct sink_stream **live = is_err ? &e->live_err : &e->live_out;
	if (*live == NULL) {
		struct sink_format format = { .filter = is_err ? SINK_SAFE : SINK_RAW,
			.tag = tag,
			.whole_lines = is_err || tag != NULL || task->agent != NULL };
		*live = sink_stream_open(is_err ? e->err : e->out, &format);
	}
	sink_stream_add(*live, data, len);
}

void emit_live_end(struct emit *e)
{
	sink_stream_close(e->live_out);
	sink_stream_close(e->live_err);
	e->live_out = e->live_err = NULL;
}

void emit_summary(struct emit *e, const struct totals *totals)
{
	struct totals shown = *totals;
	struct buf path = BUF_INIT;
	if (e->config->output != OUTPUT_JSON)
		return;
	if (totals->escalation != NULL) {
		buf_addf(&path, "%s/%s", e->record->dir.path, totals->escalation);
		shown.escalation = buf_str(&path);
	}
	cJSON *object = cJSON_CreateObject();
	json_add_string(object, "run", e->record->dir.id);
	add_summary(object, &shown);
	add_line(e->out, object);
	buf_free(&path);
}

void emit_merged(struct emit *e, int fd)
{
	const struct sink_format raw = { .filter = SINK_RAW };
	if (fd >= 0)
		sink_add_file(e->out, &raw, fd);
}

void emit_free(struct emit *e)
{
	while (e->nlent > 0)
		close_lent(e, &e->lent[0]);
	emit_live_end(e);
	free(e->lent);
	e->lent = NULL;
	emit_forget_causes(e);
}
