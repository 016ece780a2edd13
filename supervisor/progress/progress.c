#include "supervisor/progress/progress.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/clock.h"
#include "shared/quantity.h"
#include "shared/text.h"
#include "supervisor/progress/progress_line.h"

/* Running tasks that a line names. */
#define NAMED_MAX 8

static const int64_t silence_ms[] = { 10000, 30000, 60000 };
#define SILENCES (sizeof silence_ms / sizeof *silence_ms)

/* What happened badly, and what is tried again. */
#define RED "\033[" LINE_RED "m"
#define YELLOW "\033[" LINE_YELLOW "m"

static struct surroundings look_around(void)
{
	struct stat out;
	return (struct surroundings){ .terminal = isatty(STDERR_FILENO) != 0,
		.piped = fstat(STDOUT_FILENO, &out) == 0 && S_ISFIFO(out.st_mode),
		.term = getenv("TERM"),
		.ci = getenv("CI"),
		.no_color = getenv("NO_COLOR"),
		.clicolor_force = getenv("CLICOLOR_FORCE"),
		.force_color = getenv("FORCE_COLOR") };
}

void progress_init(struct progress *p, const struct config *config, struct sink *out,
    struct sink *err)
{
	const struct surroundings s = look_around();
	bool forced = config->progress == PROGRESS_TTY;
	*p = (struct progress){ .config = config, .sink = err, .spoke_ms = clock_mono_ms() };
	p->on = config->progress != PROGRESS_NONE;
	p->color = p->on && progress_colored(config->color, &s);
	screen_init(&p->screen, progress_choose(config->progress, &s), out, err);
	p->screen.color = p->color;
	if (forced && !s.terminal)
		progress_line(p,
		    "warning: standard error is no terminal: '--progress tty' shows plain lines");
}

void progress_free(struct progress *p)
{
	screen_free(&p->screen);
}

void progress_over(struct progress *p)
{
	screen_over(&p->screen);
}

static void speak(struct progress *p, const char *line)
{
	sink_addf(p->sink, "pollard: %s\n", line);
	p->spoke_ms = clock_mono_ms();
	p->silences = 0;
}

void progress_line(struct progress *p, const char *fmt, ...)
{
	if (!p->on)
		return;
	struct buf b = BUF_INIT;
	va_list ap;
	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	speak(p, buf_str(&b));
	buf_free(&b);
}

void progress_run(struct progress *p, const char *run, uint64_t total, uint32_t jobs)
{
	p->each = total <= PROGRESS_EACH_MAX && !p->config->sequential;
	if (total == UINT64_MAX)
		progress_line(p, "run %s, tasks as they come", run);
	else if (jobs == 0 || jobs >= total)
		progress_line(p, "run %s, %llu task%s", run, (unsigned long long)total,
		    total == 1 ? "" : "s");
	else
		progress_line(p, "run %s, %llu tasks, %u at a time", run, (unsigned long long)total,
		    jobs);
}

/* What goes well is seen in the block, where there is one. */
static bool says_each(const struct progress *p)
{
	return p->each && !screen_active(&p->screen);
}

void progress_started(struct progress *p, const struct node *node)
{
	if (!says_each(p))
		return;
	if (node->attempts > 1)
		progress_line(p, "%s started again (attempt %u)", node->task->id, node->attempts);
	else
		progress_line(p, "%s started", node->task->id);
}

static const char *cause(const struct result *r)
{
	return r->error != NULL ? r->error : reason_text(r->reason);
}

/* A word in a colour; it holds until the next one. */
static const char *paint(const struct progress *p, const char *color, const char *word)
{
	static char text[64];
	if (!p->color)
		return word;
	snprintf(text, sizeof text, "%s%s\033[0m", color, word);
	return text;
}

void progress_retry(struct progress *p, const struct node *node, const struct result *r,
    int64_t pause_ms)
{
	char pause[32];
	if (pause_ms > 0)
		progress_line(p, "%s %s: %s; again in %s", node->task->id,
		    paint(p, YELLOW, "failed"), safe(cause(r)),
		    format_duration(pause, sizeof pause, pause_ms));
	else
		progress_line(p, "%s %s: %s; again", node->task->id, paint(p, YELLOW, "failed"),
		    safe(cause(r)));
}

void progress_final(struct progress *p, const struct node *node, const struct result *r)
{
	char took[32];
	format_duration(took, sizeof took, node->spent_ms);
	switch ((enum result_status)node->status) {
	case RESULT_SUCCEEDED:
		if (says_each(p))
			progress_line(p, "%s succeeded (%s)", node->task->id, took);
		break;
	case RESULT_FAILED:
		progress_line(p, "%s %s: %s (%s)", node->task->id, paint(p, RED, "failed"),
		    safe(cause(r)), took);
		break;
	case RESULT_SKIPPED:
	case RESULT_CANCELLED:
		/* what a stopped run calls off is counted at its end */
		if (node->attempts > 0 || (p->each && node->reason == REASON_NEEDS))
			progress_line(p, "%s %s: %s", node->task->id,
			    result_status_text(node->status), safe(cause(r)));
		break;
	case RESULT_STATUS_COUNT:
		break;
	}
}

void progress_step(struct progress *p, const char *name, const struct counts *counts,
    int64_t took_ms)
{
	char took[32];
	/* without a block the beginning of the next one tells it */
	if (!screen_active(&p->screen))
		return;
	format_duration(took, sizeof took, took_ms);
	if (counts->succeeded == counts->total)
		progress_line(p, "step %s: all of %llu succeeded (%s)", safe(name),
		    (unsigned long long)counts->total, took);
	else
		progress_line(p, "step %s: %s, %llu of %llu succeeded (%s)", safe(name),
		    paint(p, counts->succeeded == 0 ? RED : YELLOW,
			outcome_text(outcome_of(counts))),
		    (unsigned long long)counts->succeeded, (unsigned long long)counts->total, took);
}

int64_t progress_due(const struct progress *p)
{
	if (!p->on || screen_active(&p->screen))
		return -1;
	size_t step = p->silences < SILENCES ? p->silences : SILENCES - 1;
	int64_t left = p->spoke_ms + silence_ms[step] - clock_mono_ms();
	return left > 0 ? left : 0;
}

/* "db #2 (3m 12s), ui (4s) and 6 more": the ones that have been running longest first. */
static void add_running(struct buf *b, const struct nodes *nodes, const struct loop *loop)
{
	size_t n = loop_running(loop);
	int64_t now = clock_mono_ms();
	int64_t named_since = INT64_MIN;
	size_t named = 0;
	while (named < n && named < NAMED_MAX) {
		const struct attempt *oldest = NULL;
		for (size_t i = 0; i < n; i++) {
			const struct attempt *a = loop_attempt(loop, i);
			if (a->started_mono > named_since &&
			    (oldest == NULL || a->started_mono < oldest->started_mono))
				oldest = a;
		}
		if (oldest == NULL)
			break;
		named_since = oldest->started_mono;
		for (size_t i = 0; i < n && named < NAMED_MAX; i++) {
			const struct attempt *a = loop_attempt(loop, i);
			if (a->started_mono != named_since)
				continue;
			char age[32];
			const char *id = a->task < nodes->end && a->task >= nodes->base ?
			    nodes_at(nodes, a->task)->task->id :
			    "(recovery or merge)";
			buf_addf(b, "%s%s", named > 0 ? ", " : "", id);
			if (a->number > 1)
				buf_addf(b, " #%u", a->number);
			buf_addf(b, " (%s)",
			    format_duration(age, sizeof age, now - a->started_mono));
			named++;
		}
	}
	if (n > named)
		buf_addf(b, " and %zu more", n - named);
}

void progress_status(struct progress *p, const struct counts *counts, const struct nodes *nodes,
    const struct loop *loop, size_t waiting)
{
	struct buf b = BUF_INIT;
	buf_addf(&b, "%llu succeeded, %llu failed, %zu running, %zu waiting",
	    (unsigned long long)counts->succeeded, (unsigned long long)counts->failed,
	    loop_running(loop), waiting);
	if (loop_running(loop) > 0) {
		buf_addstr(&b, "; running: ");
		add_running(&b, nodes, loop);
	}
	speak(p, buf_str(&b));
	buf_free(&b);
}

void progress_tick(struct progress *p, const struct counts *counts, const struct nodes *nodes,
    const struct loop *loop, const struct task *blocked)
{
	if (progress_due(p) != 0)
		return;
	struct buf b = BUF_INIT;
	buf_addf(&b,
	    "%llu succeeded, %llu failed; running: ", (unsigned long long)counts->succeeded,
	    (unsigned long long)counts->failed);
	add_running(&b, nodes, loop);
	if (blocked != NULL)
		buf_addf(&b, "; results wait for %s (-k)", blocked->id);
	unsigned silences = p->silences + 1;
	speak(p, buf_str(&b));
	p->silences = silences;
	buf_free(&b);
}
