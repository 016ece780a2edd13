/* A report as Markdown, for a pull request or the summary of a CI job: what matters most first. */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "shared/quantity.h"
#include "shared/text.h"
#include "supervisor/record/markdown.h"
#include "supervisor/report/report.h"

#define ROOM_AT_END 400 /* for what says that there is more */
#define CELL_MAX 200	/* characters of a line in a table */
#define NAMED_MAX 20	/* tasks of the critical path */
#define FAILED_ROWS 100
#define DETAILS_MAX 200
#define TASK_ROWS 2000
#define MERGED_SHOWN (64 * 1024)

/* What is being written. On the stack of report_markdown(). */
struct page {
	struct buf *out;
	const struct report *r;
	size_t end; /* of out: where it has to stop */
	bool full;  /* something did not fit */
};

/* Appends a piece when all of it fits, and forgets it. */
static bool put(struct page *p, struct buf *piece)
{
	bool fits = p->out->len + piece->len + ROOM_AT_END <= p->end;

	if (fits)
		buf_add(p->out, buf_str(piece), piece->len);
	else
		p->full = true;
	buf_free(piece);
	return fits;
}

/* Text in a line; nobody is called by his name in it. */
static void add_text(struct buf *out, const char *text, size_t max)
{
	struct buf line = BUF_INIT;

	markdown_text_cut(&line, text, max);
	for (size_t i = 0; i < line.len; i++) {
		buf_addch(out, line.data[i]);
		if (line.data[i] == '@' && isalnum((unsigned char)line.data[i + 1]))
			buf_addstr(out, "<!-- -->");
	}
	buf_free(&line);
}

static void add_task_name(struct buf *out, const struct report *r, const struct report_task *t)
{
	struct buf name = BUF_INIT;

	report_task_name(&name, r, t);
	add_text(out, buf_str(&name), CELL_MAX);
	buf_free(&name);
}

static void add_duration(struct buf *out, int64_t ms)
{
	char text[32];

	buf_addstr(out, format_duration(text, sizeof(text), ms));
}

static const char *tone_mark(enum report_tone tone)
{
	switch (tone) {
	case REPORT_GOOD:
		return "✅";
	case REPORT_BAD:
		return "❌";
	case REPORT_UNFINISHED:
		break;
	}
	return "⚠️";
}

/* The head. */

static void add_row(struct buf *out, const char *name, const char *text)
{
	if (text == NULL)
		return;
	buf_addf(out, "| %s | ", name);
	add_text(out, text, 2 * CELL_MAX);
	buf_addstr(out, " |\n");
}

/* "1m 40s; one after another 3m 45s: 2m 05s saved, speed-up 2.3" */
static void add_time_row(struct buf *out, const struct report *r)
{
	buf_addstr(out, "| Time | ");
	add_duration(out, r->wall_ms);
	buf_addstr(out, "; one after another ");
	add_duration(out, r->sequential_ms);
	if (r->saved_ms > 0) {
		buf_addstr(out, ": ");
		add_duration(out, r->saved_ms);
		buf_addstr(out, " saved, speed-up ");
		report_speedup(out, r);
	}
	buf_addstr(out, " |\n");
}

static void add_path_row(struct buf *out, const struct report *r)
{
	if (r->npath == 0)
		return;
	buf_addstr(out, "| Critical path | ");
	add_duration(out, r->path_ms);
	buf_addstr(out, ": ");
	for (size_t i = 0; i < r->npath && i < NAMED_MAX; i++) {
		if (i > 0)
			buf_addstr(out, " → ");
		add_task_name(out, r, &r->tasks[r->path[i]]);
	}
	if (r->npath > NAMED_MAX)
		buf_addf(out, " and %zu more", r->npath - NAMED_MAX);
	buf_addstr(out, " |\n");
}

static void add_usage_rows(struct buf *out, const struct report *r)
{
	if (r->usage.told + r->usage.not_told == 0)
		return;
	buf_addstr(out, "| Tokens | ");
	report_tokens(out, &r->usage);
	buf_addstr(out, " |\n| Cost | ");
	report_cost(out, &r->usage);
	buf_addstr(out, " |\n");
}

static void put_head(struct page *p)
{
	const struct report *r = p->r;
	struct buf out = BUF_INIT;

	buf_addf(&out, "### %s ", tone_mark(r->tone));
	if (r->name != NULL) {
		add_text(&out, r->name, CELL_MAX);
		buf_addstr(&out, ": ");
	}
	add_text(&out, r->verdict, 2 * CELL_MAX);
	buf_addstr(&out, "\n\n| | |\n|---|---|\n");
	add_row(&out, "Goal", r->goal);
	buf_addstr(&out, "| Tasks | ");
	report_add_counts(&out, &r->counts);
	if (r->counts.recovered > 0)
		buf_addf(&out, " (%" PRIu64 " after a retry)", r->counts.recovered);
	buf_addstr(&out, " |\n");
	add_time_row(&out, r);
	add_path_row(&out, r);
	add_usage_rows(&out, r);
	buf_addstr(&out, "| Started | ");
	report_time(&out, r->started_ms);
	if (r->resumed > 0)
		buf_addf(&out, ", resumed %u time%s", r->resumed, r->resumed == 1 ? "" : "s");
	buf_addstr(&out, " |\n");
	add_row(&out, "Run", r->run);
	add_row(&out, "To decide", r->escalation);
	put(p, &out);
}

/* Failures. */

static bool is_failure(const struct report_task *t)
{
	return !t->removed &&
	    (t->phase == REPORT_LOST || (t->phase == REPORT_ENDED && t->status == RESULT_FAILED));
}

static void add_task_line(struct buf *out, const struct report_task *t)
{
	struct buf line = BUF_INIT;

	report_task_line(&line, t);
	add_text(out, buf_str(&line), CELL_MAX);
	buf_free(&line);
}

static void put_failures(struct page *p)
{
	const struct report *r = p->r;
	size_t rows = 0;

	for (size_t i = 0; i < r->ntasks && rows < FAILED_ROWS; i++) {
		const struct report_task *t = &r->tasks[i];
		struct buf out = BUF_INIT;

		if (!is_failure(t))
			continue;
		if (rows == 0)
			buf_addstr(&out,
			    "\n#### Failures\n\n| Task | Result | Attempts | Cause |\n"
			    "|---|---|--:|---|\n");
		buf_addstr(&out, "| ");
		add_task_name(&out, r, t);
		buf_addstr(&out, " | ");
		add_task_line(&out, t);
		buf_addf(&out, " | %zu | ", t->ncounted);
		if (t->cause != NULL || t->summary != NULL)
			add_text(&out, t->cause != NULL ? t->cause : t->summary, CELL_MAX);
		buf_addstr(&out, " |\n");
		if (!put(p, &out))
			return;
		rows++;
	}
	if (rows == FAILED_ROWS)
		p->full = true;
}

static void add_tail(struct buf *out, const char *title, const char *text, const char *path)
{
	if (text == NULL)
		return;
	buf_addf(out, "\n%s", title);
	if (path != NULL) {
		buf_addstr(out, ", the end of ");
		add_text(out, path, CELL_MAX);
	}
	buf_addstr(out, ":\n\n");
	markdown_fenced(out, "", text, strlen(text));
}

static void add_attempt(struct buf *out, const struct report_attempt *a)
{
	struct buf line = BUF_INIT;

	report_attempt_line(&line, a);
	buf_addf(out, "\n**Attempt %u**", a->number);
	if (a->level > 0)
		buf_addf(out, " (recovery level %u)", a->level);
	buf_addstr(out, ": ");
	add_text(out, buf_str(&line), 2 * CELL_MAX);
	if (a->phase == REPORT_ENDED) {
		buf_addstr(out, ", after ");
		add_duration(out, a->duration_ms);
	}
	buf_addch(out, '\n');
	add_tail(out, "Standard error", a->err_tail, a->err_path);
	add_tail(out, a->answered ? "Answer" : "Standard output", a->out_tail,
	    a->answered ? NULL : a->out_path);
	buf_free(&line);
}

static void put_details(struct page *p)
{
	const struct report *r = p->r;
	size_t shown = 0;

	for (size_t i = 0; i < r->ntasks; i++) {
		const struct report_task *t = &r->tasks[i];
		struct buf out = BUF_INIT;

		if (!is_failure(t) || t->nattempts == 0)
			continue;
		if (shown++ == DETAILS_MAX) {
			p->full = true;
			return;
		}
		buf_addstr(&out, "\n<details><summary>");
		add_task_name(&out, r, t);
		buf_addstr(&out, ": ");
		add_task_line(&out, t);
		buf_addstr(&out, "</summary>\n");
		if (t->input != NULL) {
			buf_addch(&out, '\n');
			markdown_fenced(&out, "", t->input, strlen(t->input));
		}
		for (size_t k = 0; k < t->nattempts; k++)
			add_attempt(&out, &t->attempts[k]);
		buf_addstr(&out, "\n</details>\n");
		if (!put(p, &out))
			return;
	}
}

/* Recovery. */

static void add_place(struct buf *out, const struct report *r, size_t step, unsigned level)
{
	if (r->nsteps > 1 && step != REPORT_NONE) {
		buf_addstr(out, "step ");
		add_text(out, r->steps[step].id, CELL_MAX);
		buf_addstr(out, ", ");
	}
	if (level > 0)
		buf_addf(out, "level %u, ", level);
}

static void add_verdict(struct buf *out, const struct report *r, const struct report_verdict *v)
{
	buf_addstr(out, "- ");
	add_place(out, r, v->step, v->level);
	add_text(out, v->debugger, CELL_MAX);
	buf_addstr(out, " debugger: ");
	if (!v->valid) {
		buf_addstr(out, "no verdict");
		if (v->error != NULL) {
			buf_addstr(out, ": ");
			add_text(out, v->error, CELL_MAX);
		}
	} else {
		add_text(out, v->relation != NULL ? v->relation : "unclear", CELL_MAX);
		buf_addstr(out, ": ");
		add_text(out, v->cause != NULL ? v->cause : "no cause", 2 * CELL_MAX);
		if (v->strategy != NULL) {
			buf_addstr(out, " (");
			add_text(out, v->strategy, CELL_MAX);
			buf_addch(out, ')');
		}
	}
	if (v->fix != NULL) {
		buf_addstr(out, "; it proposes: ");
		add_text(out, v->fix, 2 * CELL_MAX);
	}
	buf_addch(out, '\n');
}

static void add_remark(struct buf *out, const struct report *r, const struct report_remark *m)
{
	static const char *const words[] = {
		[REPORT_RECOVERY] = "recovery",
		[REPORT_FIX] = "fix",
		[REPORT_ESCALATED] = "a person must decide",
		[REPORT_RESUMED] = "resumed",
	};

	buf_addstr(out, "- ");
	add_place(out, r, m->step, m->level);
	buf_addstr(out, words[m->kind]);
	if (m->kind != REPORT_RESUMED) {
		buf_addstr(out, ": ");
		add_text(out, m->text, 2 * CELL_MAX);
	} else {
		buf_addch(out, ' ');
		report_time(out, m->time_ms);
	}
	buf_addch(out, '\n');
}

/* Both are in the order of time: what comes first is written first. */
static void put_recovery(struct page *p)
{
	const struct report *r = p->r;
	size_t v = 0;
	size_t m = 0;

	while (v < r->nverdicts || m < r->nremarks) {
		struct buf out = BUF_INIT;

		if (v + m == 0)
			buf_addstr(&out, "\n#### What was done about it\n\n");
		if (m == r->nremarks ||
		    (v < r->nverdicts && r->verdicts[v].time_ms <= r->remarks[m].time_ms))
			add_verdict(&out, r, &r->verdicts[v++]);
		else
			add_remark(&out, r, &r->remarks[m++]);
		if (!put(p, &out))
			return;
	}
}

/* Steps and tasks. */

static void put_steps(struct page *p)
{
	const struct report *r = p->r;

	for (size_t i = 0; i < r->nsteps && r->nsteps > 1; i++) {
		const struct report_step *s = &r->steps[i];
		struct buf out = BUF_INIT;

		if (i == 0)
			buf_addstr(&out,
			    "\n#### Steps\n\n| Step | Outcome | Tasks | One after another |\n"
			    "|---|---|---|--:|\n");
		buf_addstr(&out, "| ");
		add_text(&out, s->id, CELL_MAX);
		if (s->title != NULL) {
			buf_addstr(&out, ": ");
			add_text(&out, s->title, CELL_MAX);
		}
		buf_addstr(&out, " | ");
		add_text(&out, s->outcome != NULL ? s->outcome : "not over", CELL_MAX);
		buf_addstr(&out, " | ");
		report_add_counts(&out, &s->counts);
		buf_addstr(&out, " | ");
		add_duration(&out, s->sequential_ms);
		buf_addstr(&out, " |\n");
		if (!put(p, &out))
			return;
	}
}

static void add_task_row(struct buf *out, const struct report *r, const struct report_task *t)
{
	buf_addstr(out, "| ");
	add_task_name(out, r, t);
	buf_addstr(out, " | ");
	add_text(out, t->agent != NULL ? t->agent : "", CELL_MAX);
	buf_addf(out, " | %s | %zu | ", report_task_word(t), t->ncounted);
	add_duration(out, t->spent_ms);
	buf_addstr(out, " | ");
	if (t->summary != NULL || t->error != NULL)
		add_text(out, t->summary != NULL ? t->summary : t->error, CELL_MAX);
	buf_addstr(out, " |\n");
}

static void put_tasks(struct page *p)
{
	const struct report *r = p->r;
	struct buf out = BUF_INIT;

	if (r->ntasks == 0)
		return;
	buf_addf(&out,
	    "\n<details><summary>All tasks (%zu)</summary>\n\n"
	    "| Task | Agent | Result | Attempts | Time | Summary |\n|---|---|---|--:|--:|---|\n",
	    r->ntasks);
	if (!put(p, &out))
		return;
	for (size_t i = 0; i < r->ntasks; i++) {
		add_task_row(&out, r, &r->tasks[i]);
		if (i == TASK_ROWS)
			p->full = true;
		if (i == TASK_ROWS || !put(p, &out))
			break;
	}
	buf_free(&out);
	/* there is room: put() leaves it */
	buf_addstr(p->out, "\n</details>\n");
}

/* As much of it as is shown, in whole characters. */
static size_t shown_of(const char *text)
{
	size_t len = strnlen(text, MERGED_SHOWN);

	while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	return len;
}

static void put_merged(struct page *p)
{
	const struct report *r = p->r;

	for (size_t i = r->nsteps; i-- > 0;) {
		const struct report_step *s = &r->steps[i];
		struct buf out = BUF_INIT;

		if (s->merged_text == NULL)
			continue;
		size_t len = shown_of(s->merged_text);
		bool cut = s->merged_cut || s->merged_text[len] != '\0';
		buf_addstr(&out, "\n<details><summary>Merged result of step ");
		add_text(&out, s->id, CELL_MAX);
		buf_addf(&out, "%s</summary>\n\n", cut ? ", its beginning" : "");
		markdown_fenced(&out, "", s->merged_text, len);
		buf_addstr(&out, "\n</details>\n");
		if (!put(p, &out))
			return;
	}
}

void report_markdown(struct buf *out, const struct report *r, size_t max)
{
	struct page p = { .out = out, .r = r, .end = out->len + max };

	put_head(&p);
	put_failures(&p);
	put_steps(&p);
	put_recovery(&p);
	put_details(&p);
	put_tasks(&p);
	put_merged(&p);
	if (p.full && max >= ROOM_AT_END)
		buf_addf(out, "\nThis is not all: `pollard show %s` has the rest.\n", r->run);
}
