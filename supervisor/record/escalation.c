/* Gathers from the records of the journal what ESCALATION.md says; see escalation_text.c. */
#include "supervisor/record/escalation.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/io.h"
#include "shared/json.h"
#include "shared/quantity.h"
#include "shared/text.h"
#include "shared/words.h"
#include "shared/xalloc.h"
#include "supervisor/input/template.h"
#include "supervisor/record/escalation_data.h"
#include "supervisor/record/journal.h"
#include "supervisor/record/markdown.h"

#define ASKED_BYTES 3000 /* of a prompt or a command */
#define ASKED_LINES 20
#define TAIL_LINES 10
#define TAIL_BYTES 1200
#define TAIL_READ 8192
#define ATTEMPTS_SHOWN 8 /* of one task: the first and the last ones */
#define LAST_ATTEMPTS 5
#define ERROR_SHOWN 300 /* characters */
#define SAID_BYTES (64 * 1024)
#define TRIED_BYTES (32 * 1024)

static char *copy(const char *text)
{
	return text != NULL ? xstrdup(text) : NULL;
}

/* The first pass. */

static struct failed_task *find_failed(struct escalation *e, const char *step, const char *id)
{
	for (size_t i = 0; i < e->nfailed; i++)
		if (strcmp(e->failed[i].id, id) == 0 && strcmp(e->failed[i].step, step) == 0)
			return &e->failed[i];
	return NULL;
}

static void failed_clear(struct failed_task *t)
{
	free(t->step);
	free(t->id);
	free(t->agent);
	free(t->reason);
	buf_free(&t->asked);
	buf_free(&t->story);
}

static void forget_failed(struct escalation *e, struct failed_task *t)
{
	size_t at = (size_t)(t - e->failed);

	failed_clear(t);
	e->nfailed--;
	memmove(t, t + 1, (e->nfailed - at) * sizeof(*t));
}

static void add_failed(struct escalation *e, const cJSON *record, const char *step, const char *id)
{
	if (e->nfailed == ESCALATION_FAILED_MAX)
		return;
	e->failed = xreallocarray(e->failed, e->nfailed + 1, sizeof(*e->failed));
	e->failed[e->nfailed++] = (struct failed_task){
		.step = xstrdup(step),
		.id = xstrdup(id),
		.agent = copy(json_get_string(record, "agent")),
		.reason = copy(json_get_string(record, "reason")),
		.attempts = json_get_count(record, "attempts"),
		.exit_status = -1,
	};
}

static void add_succeeded(struct escalation *e, const char *step, const char *id)
{
	if (e->nsucceeded++ >= ESCALATION_SUCCEEDED_MAX)
		return;
	buf_addstr(&e->succeeded, e->succeeded.len > 0 ? ", " : "");
	if (escalation_has_steps(e)) {
		markdown_text(&e->succeeded, step);
		buf_addch(&e->succeeded, '.');
	}
	markdown_text(&e->succeeded, id);
}

static void survey_end(struct escalation *e, const cJSON *record, const char *step, const char *id)
{
	const char *word = json_get_string(record, "status");
	const char *reason = json_get_string(record, "reason");
	struct failed_task *before = find_failed(e, step, id);
	enum result_status status;

	if (word == NULL || !result_status_parse(word, &status))
		return;
	if (before != NULL) {
		forget_failed(e, before);
		e->finished[RESULT_FAILED]--;
	}
	/* What was not wanted is no task of the run's outcome. */
	if (status == RESULT_SKIPPED && reason != NULL && strcmp(reason, "when") == 0) {
		e->tasks -= e->tasks > 0;
		return;
	}
	e->finished[status]++;
	if (status == RESULT_FAILED)
		add_failed(e, record, step, id);
	else if (status == RESULT_SUCCEEDED)
		add_succeeded(e, step, id);
}

static void find_result(void *context, const char *name, size_t len)
{
	bool *found = context;

	*found = *found || (len > 6 && strncmp(name, "tasks.", 6) == 0) ||
	    (len > 6 && strncmp(name, "steps.", 6) == 0);
}

/* Without the others that it names, a task like that is no list. */
static bool names_results(const struct escalation *e, const cJSON *record)
{
	const char *input = json_get_string(json_get(e->run, "options"), "input");
	struct buf text = BUF_INIT;
	bool found = false;

	if (input == NULL || strcmp(input, "auto") != 0)
		return false;
	/* quoted as JSON a name is still what it was */
	if (json_get_bytes(record, "record", &text) && buf_str(&text)[0] == '{' &&
	    template_is(buf_str(&text)))
		template_names(buf_str(&text), find_result, &found);
	buf_free(&text);
	return found;
}

static void survey_task(struct escalation *e, const cJSON *record)
{
	const char *agent = json_get_string(record, "agent");

	e->tasks++;
	e->names_results = e->names_results || names_results(e, record);
	if (agent == NULL) {
		e->commands++;
		return;
	}
	for (size_t i = 0; i < e->nagents; i++)
		if (strcmp(e->agents[i], agent) == 0)
			return;
	if (e->nagents < ESCALATION_AGENTS_MAX)
		e->agents[e->nagents++] = xstrdup(agent);
	else
		e->more_agents = true;
}

static void survey_verdict(struct escalation *e, const cJSON *record)
{
	const cJSON *verdict = json_get(record, "verdict");

	if (cJSON_IsObject(verdict)) {
		free(e->cause);
		e->cause = copy(json_get_string(verdict, "cause"));
		e->fix_proposed = cJSON_IsObject(json_get(verdict, "fix"));
	}
	if (e->said.len < SAID_BYTES)
		escalation_add_verdict(&e->said, record, escalation_has_steps(e));
	else
		e->said_more++;
}

static void survey_tried(struct escalation *e, const cJSON *record, bool fix)
{
	if (fix) {
		e->fix_proposed = false;
		e->fix_carried_out = true;
	}
	if (e->tried.len >= TRIED_BYTES)
		e->tried_more++;
	else if (fix)
		escalation_add_fix(&e->tried, record, escalation_has_steps(e));
	else
		escalation_add_recovery(&e->tried, record, escalation_has_steps(e));
}

/* A step that is resumed may let the next ones follow. */
static void survey_step(struct escalation *e, const cJSON *record)
{
	const char *step = json_get_string(record, "step");
	bool blocked = cJSON_IsTrue(json_get(record, "blocked"));

	if (step == NULL || (!blocked && (e->blocking == NULL || strcmp(e->blocking, step) != 0)))
		return;
	free(e->blocking);
	e->blocking = blocked ? xstrdup(step) : NULL;
}

static void survey_escalated(struct escalation *e, const cJSON *record)
{
	if (e->nescalated == ESCALATION_REASONS_MAX)
		return;
	e->escalated = xreallocarray(e->escalated, e->nescalated + 1, sizeof(*e->escalated));
	e->escalated[e->nescalated++] = (struct escalated_step){
		.step = copy(json_get_string(record, "step")),
		.reason = copy(json_get_string(record, "reason")),
	};
}

void escalation_survey(struct escalation *e, const cJSON *record)
{
	const char *event = json_get_string(record, "event");
	const char *step = json_get_string(record, "step");
	const char *id = json_get_string(record, "task");
	bool task = step != NULL && id != NULL;

	if (event == NULL)
		return;
	if (strcmp(event, "task-added") == 0 && task)
		survey_task(e, record);
	else if (strcmp(event, "task-finished") == 0 && task)
		survey_end(e, record, step, id);
	else if (strcmp(event, "run-started") == 0 && e->run == NULL)
		e->run = cJSON_Duplicate(record, true);
	else if (strcmp(event, "verdict") == 0)
		survey_verdict(e, record);
	else if (strcmp(event, "fix") == 0)
		survey_tried(e, record, true);
	else if (strcmp(event, "recovery") == 0)
		survey_tried(e, record, false);
	else if (strcmp(event, "step-finished") == 0)
		survey_step(e, record);
	else if (strcmp(event, "escalated") == 0)
		survey_escalated(e, record);
}

/* What a task was asked. */

/* The word with the record in place of {}, and the number in place of {#}. */
static bool fill_word(struct buf *out, const char *word, const struct buf *line, uint64_t number)
{
	bool filled = false;

	while (*word != '\0') {
		if (strncmp(word, "{}", 2) == 0) {
			buf_add(out, line->data, line->len);
			word += 2;
			filled = true;
		} else if (strncmp(word, "{#}", 3) == 0) {
			buf_addf(out, "%" PRIu64, number);
			word += 3;
		} else {
			buf_addch(out, *word++);
		}
	}
	return filled;
}

static void add_filled_command(struct buf *out, const cJSON *words, const struct buf *line,
    uint64_t number, bool stdin_line)
{
	const cJSON *word;
	bool filled = false;

	cJSON_ArrayForEach(word, words)
	{
		struct buf text = BUF_INIT;

		if (!cJSON_IsString(word))
			continue;
		if (stdin_line)
			buf_addstr(&text, word->valuestring);
		else if (fill_word(&text, word->valuestring, line, number))
			filled = true;
		buf_addstr(out, out->len > 0 ? " " : "");
		words_quote(out, buf_str(&text));
		buf_free(&text);
	}
	if (stdin_line) {
		buf_addstr(out, "\n[on its standard input:]\n");
		buf_add(out, line->data, line->len);
	} else if (!filled) {
		buf_addch(out, ' ');
		words_quote(out, buf_str(line));
	}
}

/* Of a task object what is asked of somebody; false when it is none. */
static bool add_object(struct buf *out, const struct buf *text)
{
	struct json_error error;
	cJSON *object = json_parse(buf_str(text), text->len, &error);
	const char *prompt = json_get_string(object, "prompt");
	const cJSON *run = json_get(object, "run");
	const cJSON *word;

	if (prompt != NULL)
		buf_addstr(out, prompt);
	else if (cJSON_IsString(run))
		buf_addstr(out, run->valuestring);
	else if (cJSON_IsArray(run))
		cJSON_ArrayForEach(word, run)
		{
			buf_addstr(out, out->len > 0 ? " " : "");
			words_quote(out, cJSON_IsString(word) ? word->valuestring : "?");
		}
	cJSON_Delete(object);
	return out->len > 0;
}

static void detail_task(const struct escalation *e, struct failed_task *t, const cJSON *record)
{
	const cJSON *options = json_get(e->run, "options");
	const char *input = json_get_string(options, "input");
	struct buf text = BUF_INIT;
	struct buf asked = BUF_INIT;

	t->number = json_get_count(record, "number");
	json_get_bytes(record, "record", &text);
	if (input != NULL && strcmp(input, "command") == 0)
		add_filled_command(&asked, json_get(options, "command"), &text, t->number,
		    cJSON_IsTrue(json_get(options, "stdin")));
	else if (input == NULL || strcmp(input, "auto") != 0 || !add_object(&asked, &text))
		buf_add(&asked, text.data, text.len);
	buf_reset(&t->asked);
	escalation_beginning(&t->asked, buf_str(&asked), asked.len, ASKED_BYTES, ASKED_LINES);
	buf_free(&asked);
	buf_free(&text);
}

/* What came of it. */

/* Journals name files as "out/NAME"; nothing else is opened. */
static int open_spilled(const struct rundir *dir, const char *path)
{
	const char *name = strncmp(path, "out/", 4) == 0 ? path + 4 : path;

	if (name[0] == '\0' || strchr(name, '/') != NULL) {
		errno = EINVAL;
		return -1;
	}
	return openat(dir->out_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

static void read_spilled(struct buf *out, const struct rundir *dir, const char *path)
{
	int fd = open_spilled(dir, path);
	struct stat st;

	if (fd == -1)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		off_t from = st.st_size > TAIL_READ ? st.st_size - TAIL_READ : 0;
		ssize_t got = pread_all(fd, buf_reserve(out, TAIL_READ), TAIL_READ, from);

		if (got > 0)
			out->len += (size_t)got;
	}
	close(fd);
}

/* The end of what was kept of a stream; `key` is "stdout" or "stderr". */
static void read_stream(struct buf *out, const cJSON *record, const char *key,
    const struct rundir *dir)
{
	char path_key[32];

	snprintf(path_key, sizeof(path_key), "%s_path", key);
	const char *path = json_get_string(record, path_key);
	if (path != NULL)
		read_spilled(out, dir, path);
	else
		json_get_bytes(record, key, out);
	if (out->len > TAIL_READ)
		buf_consume(out, out->len - TAIL_READ);
}

static size_t character_start(const char *data, size_t len, size_t at)
{
	while (at < len && ((unsigned char)data[at] & 0xc0) == 0x80)
		at++;
	return at;
}

/* The last lines, safe and cut at their beginning. */
static void add_tail(struct buf *out, const struct buf *bytes)
{
	const char *tail = text_tail(buf_str(bytes), bytes->len, TAIL_LINES);
	struct buf text = BUF_INIT;
	size_t skip = 0;

	text_safe(&text, tail, bytes->len - (size_t)(tail - buf_str(bytes)), true);
	if (text.len > TAIL_BYTES) {
		skip = character_start(text.data, text.len, text.len - TAIL_BYTES);
		buf_addstr(out, "[...]");
	}
	buf_add(out, buf_str(&text) + skip, text.len - skip);
	buf_free(&text);
}

static bool add_stream(struct buf *out, const cJSON *record, const char *key, const char *title,
    const struct rundir *dir)
{
	struct buf bytes = BUF_INIT;
	struct buf tail = BUF_INIT;

	read_stream(&bytes, record, key, dir);
	add_tail(&tail, &bytes);
	bool any = strspn(buf_str(&tail), " \t\r\n") < tail.len;
	if (any) {
		buf_addf(out, "The end of its %s:\n\n", title);
		markdown_fenced(out, "", buf_str(&tail), tail.len);
	}
	buf_free(&tail);
	buf_free(&bytes);
	return any;
}

static void add_attempt(struct buf *out, const cJSON *record, const struct rundir *dir)
{
	const char *status = json_get_string(record, "status");
	const char *reason = json_get_string(record, "reason");
	const char *error = json_get_string(record, "error");
	double seconds = json_get_number(record, "seconds", 0);
	char text[32];

	if (!(seconds > 0 && seconds < 1e9))
		seconds = 0;
	buf_addf(out,
	    "\nAttempt %" PRIu64 " (level %" PRIu64 ", %s): ", json_get_count(record, "attempt"),
	    json_get_count(record, "level"),
	    format_duration(text, sizeof(text), (int64_t)(seconds * 1000 + 0.5)));
	markdown_text_cut(out, status != NULL ? status : "?", ERROR_SHOWN);
	if (reason != NULL) {
		buf_addstr(out, " (");
		markdown_text_cut(out, reason, ERROR_SHOWN);
		buf_addch(out, ')');
	}
	if (error != NULL) {
		buf_addstr(out, ": ");
		markdown_text_cut(out, error, ERROR_SHOWN);
	}
	buf_addstr(out, "\n\n");
	if (add_stream(out, record, "stderr", "standard error", dir) ||
	    (json_get(record, "text") != NULL ?
		    add_stream(out, record, "text", "answer", dir) :
		    add_stream(out, record, "stdout", "standard output", dir)))
		return;
	buf_addstr(out, "It wrote nothing.\n");
}

static void detail_attempt(struct failed_task *t, const cJSON *record, const struct rundir *dir)
{
	const cJSON *status = json_get(record, "exit");
	uint64_t number = json_get_count(record, "attempt");
	bool wanted = number <= 1 || number + LAST_ATTEMPTS > t->attempts;

	t->exit_status = cJSON_IsNumber(status) ? status->valueint : -1;
	if (!wanted || t->shown == ATTEMPTS_SHOWN) {
		t->left_out++;
		return;
	}
	t->shown++;
	add_attempt(&t->story, record, dir);
}

void escalation_detail(struct escalation *e, const cJSON *record, const struct rundir *dir)
{
	const char *event = json_get_string(record, "event");
	const char *step = json_get_string(record, "step");
	const char *id = json_get_string(record, "task");

	if (event == NULL || step == NULL || id == NULL)
		return;
	struct failed_task *t = find_failed(e, step, id);
	if (t == NULL)
		return;
	if (strcmp(event, "task-added") == 0)
		detail_task(e, t, record);
	else if (strcmp(event, "attempt-finished") == 0)
		detail_attempt(t, record, dir);
}

struct escalation *escalation_new(void)
{
	return xcalloc(1, sizeof(struct escalation));
}

void escalation_free(struct escalation *e)
{
	if (e == NULL)
		return;
	cJSON_Delete(e->run);
	for (size_t i = 0; i < e->nagents; i++)
		free(e->agents[i]);
	for (size_t i = 0; i < e->nfailed; i++)
		failed_clear(&e->failed[i]);
	free(e->failed);
	for (size_t i = 0; i < e->nescalated; i++) {
		free(e->escalated[i].step);
		free(e->escalated[i].reason);
	}
	free(e->escalated);
	free(e->blocking);
	free(e->cause);
	buf_free(&e->succeeded);
	buf_free(&e->said);
	buf_free(&e->tried);
	free(e);
}

/* One pass over the journal: 0, or -1 with errno. What a crash tore off is not missed. */
static int pass(struct escalation *e, const struct rundir *dir, bool survey)
{
	struct journal_reader *reader = journal_reader_open(dir->fd);
	const cJSON *record;

	if (reader == NULL)
		return -1;
	while ((record = journal_reader_next(reader)) != NULL) {
		if (survey)
			escalation_survey(e, record);
		else
			escalation_detail(e, record, dir);
	}
	enum journal_problem problem = journal_reader_problem(reader, NULL);
	int error = errno;
	journal_reader_free(reader);
	errno = error;
	return problem == JOURNAL_UNREADABLE ? -1 : 0;
}

int escalation_write(const struct rundir *dir, const char *name)
{
	struct escalation *e = escalation_new();
	const char *state_dir = getenv("POLLARD_STATE_DIR");
	struct buf text = BUF_INIT;
	int result = -1;

	e->other_state_dir = state_dir != NULL && state_dir[0] != '\0';
	if (pass(e, dir, true) == 0 && pass(e, dir, false) == 0) {
		escalation_markdown(e, dir, name, &text);
		result = replace_file_at(dir->fd, ESCALATION_NAME, text.data, text.len, false);
	}
	int error = errno;
	buf_free(&text);
	escalation_free(e);
	errno = error;
	return result;
}
