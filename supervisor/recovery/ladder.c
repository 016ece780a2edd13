#include "supervisor/recovery/ladder.h"

#include <stdlib.h>
#include <string.h>

#include "shared/text.h"
#include "shared/xalloc.h"

#define PAUSE_FIRST_MS 1000
#define PAUSE_MAX_MS 60000
#define NAMES_MAX 5

/* Why a verdict lets nothing be retried. */
enum bar { BAR_NONE, BAR_NO_VERDICT, BAR_UNCLEAR, BAR_ESCALATE, BAR_STOP };

bool failure_retryable(enum reason reason, bool resets)
{
	switch (reason) {
	case REASON_SPAWN:
	case REASON_AUTH:
	case REASON_INVALID:
		return false;
	case REASON_QUOTA:
		return resets;
	default:
		return true;
	}
}

/* A bad record is none the better for any change: there is nothing in it to attempt. */
static bool has_retries(const struct failure *f)
{
	return f->retries > 0 && f->attempts <= f->retries && f->reason != REASON_INVALID;
}

static bool may_attempt(const struct ladder_item *item)
{
	return item->named && !item->recovered && has_retries(&item->now) &&
	    (item->now.retryable || item->changed);
}

/* Whether the user wanted something to be tried, be it possible or not. */
static bool any_is_allowed(const struct ladder *l)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct failure *f = &l->items[i].now;
		if (!l->items[i].recovered && f->allowed > 0 && f->attempts <= f->allowed &&
		    f->reason != REASON_INVALID)
			return true;
	}
	return false;
}

static enum bar bar_of(const struct ladder *l)
{
	const struct verdict *v = l->verdict;
	if (!l->asked)
		return BAR_NONE;
	if (v == NULL)
		return BAR_NO_VERDICT;
	if (v->relation == RELATION_UNCLEAR)
		return BAR_UNCLEAR;
	if (v->escalate)
		return BAR_ESCALATE;
	return v->strategy == STRATEGY_STOP ? BAR_STOP : BAR_NONE;
}

static void name_task(struct ladder *l, size_t position, const struct verdict_retry *retry)
{
	struct ladder_item *item = &l->items[position];
	if (item->named)
		return;
	item->named = true;
	item->retry = retry;
	item->changed = retry != NULL && retry->prompt != NULL;
	l->order[l->norder++] = position;
}

/* Which tasks the retries are for, and in which order: that of the verdict, or of the list. */
static void name_tasks(struct ladder *l)
{
	const struct verdict *v = l->verdict;
	for (size_t i = 0; v != NULL && i < v->nretry; i++) {
		if (v->retry[i].task < l->count)
			name_task(l, v->retry[i].task, &v->retry[i]);
	}
	for (size_t i = 0; (v == NULL || v->nretry == 0) && i < l->count; i++)
		name_task(l, i, NULL);
}

/* One root cause has one fix; it is pointless when nothing can be attempted after it. */
static bool wants_fix(const struct ladder *l)
{
	const struct verdict *v = l->verdict;
	if (!l->options.allow_fix || v->fix.kind == FIX_NONE || v->relation != RELATION_RELATED)
		return false;
	for (size_t i = 0; i < l->norder; i++) {
		if (has_retries(&l->items[l->order[i]].now))
			return true;
	}
	return false;
}

static void begin_retries(struct ladder *l)
{
	for (size_t i = 0; i < l->count; i++)
		l->items[i].due = may_attempt(&l->items[i]);
	l->phase = LADDER_RETRIES;
}

void ladder_begin(struct ladder *l, const struct failure *failures, size_t count,
    uint64_t succeeded, struct ladder_options options)
{
	*l = (struct ladder){ .options = options, .count = count, .succeeded = succeeded };
	l->items = xcalloc(count + 1, sizeof *l->items);
	l->order = xcalloc(count + 1, sizeof *l->order);
	l->batch = xcalloc(count + 1, sizeof *l->batch);
	for (size_t i = 0; i < count; i++)
		l->items[i].now = failures[i];
	l->level = count <= 1 ? 1 : succeeded > 0 ? 2 : 3;
	if (l->level > 1 && options.ask) {
		l->phase = LADDER_ASKS;
		return;
	}
	name_tasks(l);
	begin_retries(l);
}

/* Of the only task that failed the debugger is asked when it leaves the step with nothing. */
static void end_retries(struct ladder *l)
{
	bool ask = l->level == 1 && l->count == 1 && l->succeeded == 0 && l->recovered == 0 &&
	    l->options.ask;
	l->phase = ask ? LADDER_ASKS : LADDER_ENDED;
}

static bool side_by_side(const struct ladder *l)
{
	const struct verdict *v = l->verdict;
	return l->level == 2 && v != NULL && v->relation == RELATION_RELATED &&
	    v->strategy == STRATEGY_PARALLEL;
}

/* One cause, and not side by side: a lock, a limit, a network that may be there again later. */
static bool needs_time(const struct ladder *l)
{
	const struct verdict *v = l->verdict;
	return v != NULL && v->relation == RELATION_RELATED && v->strategy == STRATEGY_SEQUENTIAL;
}

/* Moves to the task whose turn it is; false when there is none. */
static bool find_turn(struct ladder *l)
{
	for (; l->next < l->norder; l->next++) {
		const struct ladder_item *item = &l->items[l->order[l->next]];
		if (may_attempt(item))
			return true;
		/* the first one that was attempted at all has failed for good */
		if (l->level == 3 && item->tried > 0 && l->recovered == 0) {
			l->canary_failed = true;
			return false;
		}
	}
	return false;
}

/* Hands out the next attempts; false when there are none. */
static bool open_batch(struct ladder *l)
{
	bool any = false;
	if (!side_by_side(l)) {
		any = find_turn(l);
		if (any)
			l->items[l->order[l->next]].open = true;
		return any;
	}
	for (size_t i = 0; i < l->norder; i++) {
		struct ladder_item *item = &l->items[l->order[i]];
		item->open = may_attempt(item);
		any = any || item->open;
	}
	return any;
}

static size_t list_open(struct ladder *l)
{
	size_t n = 0;
	for (size_t i = 0; i < l->norder; i++) {
		if (l->items[l->order[i]].open)
			l->batch[n++] = l->items[l->order[i]].now.task;
	}
	return n;
}

static size_t list_all(struct ladder *l)
{
	for (size_t i = 0; i < l->count; i++)
		l->batch[i] = l->items[i].now.task;
	return l->count;
}

void ladder_next(struct ladder *l, struct ladder_step *step)
{
	*step = (struct ladder_step){ .level = l->level, .tasks = l->batch };
	if (l->phase == LADDER_RETRIES) {
		size_t n = list_open(l);
		if (n == 0 && open_batch(l))
			n = list_open(l);
		if (n > 0) {
			step->action = LADDER_ATTEMPT;
			step->ntasks = n;
			step->parallel = side_by_side(l);
			step->pause = needs_time(l);
			return;
		}
		end_retries(l);
	}
	if (l->phase == LADDER_ASKS) {
		step->action = LADDER_ASK;
		step->ntasks = list_all(l);
	} else {
		step->action = l->phase == LADDER_FIXES ? LADDER_FIX : LADDER_OVER;
	}
}

void ladder_verdict(struct ladder *l, const struct verdict *verdict)
{
	l->asked = true;
	l->verdict = verdict;
	/* of a task that was alone only the diagnosis is wanted */
	if (l->level == 1 || bar_of(l) != BAR_NONE) {
		l->phase = LADDER_ENDED;
		return;
	}
	name_tasks(l);
	if (wants_fix(l))
		l->phase = LADDER_FIXES;
	else
		begin_retries(l);
}

void ladder_fixed(struct ladder *l, bool ok)
{
	l->fix = ok ? LADDER_FIXED : LADDER_FIX_FAILED;
	if (!ok) {
		l->phase = LADDER_ENDED;
		return;
	}
	for (size_t i = 0; i < l->norder; i++)
		l->items[l->order[i]].changed = true;
	begin_retries(l);
}

static int by_task(const void *key, const void *member)
{
	size_t task = *(const size_t *)key;
	const struct ladder_item *item = member;
	return task < item->now.task ? -1 : task > item->now.task;
}

static struct ladder_item *find(const struct ladder *l, size_t task)
{
	if (l->count == 0)
		return NULL;
	return bsearch(&task, l->items, l->count, sizeof *l->items, by_task);
}

/* The item of a task whose attempt has ended; NULL for one that was not handed out. */
static struct ladder_item *close_attempt(struct ladder *l, size_t task)
{
	struct ladder_item *item = find(l, task);
	if (item == NULL || !item->open)
		return NULL;
	item->open = false;
	item->tried++;
	return item;
}

void ladder_succeeded(struct ladder *l, size_t task)
{
	struct ladder_item *item = close_attempt(l, task);
	if (item == NULL)
		return;
	item->recovered = true;
	l->recovered++;
}

void ladder_failed(struct ladder *l, const struct failure *now)
{
	struct ladder_item *item = close_attempt(l, now->task);
	if (item == NULL)
		return;
	item->now = *now;
	/* it has met whatever the change was for */
	item->changed = false;
}

const struct verdict_retry *ladder_advice(const struct ladder *l, size_t task)
{
	const struct ladder_item *item = find(l, task);
	return item != NULL ? item->retry : NULL;
}

void ladder_free(struct ladder *l)
{
	free(l->items);
	free(l->order);
	free(l->batch);
	*l = (struct ladder){ 0 };
}

static size_t count_due(const struct ladder *l)
{
	size_t n = 0;
	for (size_t i = 0; i < l->count; i++)
		n += l->items[i].due;
	return n;
}

static bool any_tried(const struct ladder *l)
{
	for (size_t i = 0; i < l->count; i++) {
		if (l->items[i].tried > 0)
			return true;
	}
	return false;
}

static bool nothing_succeeded(const struct ladder *l)
{
	return l->succeeded == 0 && l->recovered == 0;
}

bool ladder_escalates(const struct ladder *l)
{
	if (l->count == 0)
		return false;
	if (nothing_succeeded(l))
		return true;
	if (l->level != 2)
		return false;
	if (l->fix == LADDER_FIX_FAILED)
		return true;
	/* where nobody allowed a retry, a verdict against retries takes nothing away */
	if (bar_of(l) != BAR_NONE)
		return any_is_allowed(l);
	return any_tried(l) && l->recovered == 0;
}

static void add_safe(struct buf *out, const char *s)
{
	text_safe_line(out, s, strlen(s));
}

static void add_cause(const struct ladder *l, struct buf *out)
{
	if (l->verdict == NULL)
		return;
	buf_addstr(out, ": ");
	add_safe(out, l->verdict->cause);
}

static void add_obstacle(const struct ladder *l, struct buf *out)
{
	static const char *const bars[] = {
		[BAR_NO_VERDICT] = "the debugger gave no verdict",
		[BAR_UNCLEAR] = "the debugger cannot tell why",
		[BAR_ESCALATE] = "the debugger says that a person must decide",
		[BAR_STOP] = "the debugger says that no retry can help",
	};
	enum bar bar = bar_of(l);
	if (bar != BAR_NONE)
		buf_addstr(out, bars[bar]);
	else if (l->fix == LADDER_FIX_FAILED)
		buf_addstr(out, "the fix failed");
	else if (any_tried(l))
		buf_addstr(out, "retries did not help");
	else
		buf_addstr(out, "nothing could be retried");
	add_cause(l, out);
}

void ladder_why(const struct ladder *l, struct buf *out)
{
	if (nothing_succeeded(l))
		buf_addstr(out, "no task succeeded; ");
	add_obstacle(l, out);
}

/* The names of all, or of those that were due. */
static void add_names(const struct ladder *l, struct buf *out, bool due)
{
	size_t all = due ? count_due(l) : l->count;
	size_t named = 0;
	for (size_t i = 0; i < l->count && named < NAMES_MAX; i++) {
		if (due && !l->items[i].due)
			continue;
		buf_addstr(out, named++ > 0 ? ", " : "");
		add_safe(out, l->items[i].now.id);
	}
	if (all > named)
		buf_addf(out, " and %zu more", all - named);
}

/* A command is repeated as it is. */
static bool all_refined(const struct ladder *l)
{
	for (size_t i = 0; i < l->count; i++) {
		if (l->items[i].tried > 0 && !l->items[i].now.prompt)
			return false;
	}
	return true;
}

static void add_times(struct buf *out, unsigned tried)
{
	if (tried == 1)
		buf_addstr(out, "retried once");
	else
		buf_addf(out, "retried %u times", tried);
}

static void add_outcome(const struct ladder *l, struct buf *out, bool always_count)
{
	size_t due = count_due(l);
	if (l->canary_failed && due > 1)
		buf_addstr(out, ": the first failed again, the rest was not tried");
	else if (l->recovered == due && !always_count)
		buf_addstr(out, ": succeeded");
	else if (l->recovered == 0)
		buf_addstr(out, ": failed again");
	else
		buf_addf(out, ": %zu of %zu succeeded", l->recovered, due);
}

static void text_of_one(const struct ladder *l, struct buf *out)
{
	const struct ladder_item *item = &l->items[0];
	add_safe(out, item->now.id);
	buf_addch(out, ' ');
	if (item->tried > 0) {
		add_times(out, item->tried);
		buf_addstr(out, item->now.prompt ? ", refined" : "");
		buf_addstr(out, item->recovered ? ": succeeded" : ": failed again");
	} else {
		buf_addstr(out, "not retried");
	}
	if (l->asked) {
		buf_addstr(out, l->verdict != NULL ? "; the debugger" : "; no verdict");
		add_cause(l, out);
	}
}

static void text_of_verdict(const struct ladder *l, struct buf *out)
{
	const struct verdict *v = l->verdict;
	buf_addf(out, "%s: %zu tasks (",
	    v != NULL ? verdict_relation_text(v->relation) : "no verdict", l->count);
	add_names(l, out, false);
	buf_addch(out, ')');
	add_cause(l, out);
	if (l->fix != LADDER_NOT_FIXED)
		buf_addstr(out, l->fix == LADDER_FIXED ? "; fixed" : "; the fix failed");
	if (!any_tried(l)) {
		buf_addstr(out, "; not retried");
		return;
	}
	buf_addf(out, "; retried %s", side_by_side(l) ? "side by side" : "one after another");
	add_outcome(l, out, true);
}

bool ladder_text(const struct ladder *l, struct buf *out)
{
	if (!l->asked && !any_tried(l))
		return false;
	if (l->level == 1) {
		text_of_one(l, out);
	} else if (l->asked) {
		text_of_verdict(l, out);
	} else {
		add_names(l, out, true);
		buf_addstr(out, " retried one after another");
		buf_addstr(out, all_refined(l) ? ", refined" : "");
		add_outcome(l, out, false);
	}
	return true;
}

int64_t ladder_pause_ms(unsigned attempt, uint32_t random)
{
	int64_t pause = PAUSE_FIRST_MS;
	for (unsigned i = 2; i < attempt && pause < PAUSE_MAX_MS; i++)
		pause *= 2;
	if (pause > PAUSE_MAX_MS)
		pause = PAUSE_MAX_MS;
	/* equal jitter: between half and all of it, so that several supervisors do not march in step */
	return pause / 2 + (int64_t)(random % (uint32_t)(pause / 2 + 1));
}
