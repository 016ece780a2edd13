#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/names.h"
#include "shared/text.h"
#include "shared/xalloc.h"
#include "supervisor/input/task.h"
#include "supervisor/input/template.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define SUGGEST_MAX 10000 /* ids among which a near one is looked for */

/* A piece of a name. Points into its text. */
struct span {
	const char *s;
	size_t len;
};

/* A name that is being read. On the stack of name_compile(). */
struct reading {
	const struct template_scope *scope;
	struct span whole;
	struct name name; /* task and path not yet in the arena */
	struct span task; /* s NULL: none */
	struct span path;
	struct buf *why;
};

static const struct {
	const char *word;
	enum name_kind kind;
} totals[] = {
	{ "sum", NAME_STEP_SUM },
	{ "max", NAME_STEP_MAX },
	{ "min", NAME_STEP_MIN },
	{ "count", NAME_STEP_COUNT },
};

static const char *const roots[] = { "steps", "tasks", "vars", "goal", "attempt" };
static const char *const members[] = { "merged", "outcome", "result", "tasks", "sum", "max", "min",
	"count" };
static const char *const attempts[] = { "attempt.number", "attempt.error", "attempt.tail" };

static bool is(struct span span, const char *word)
{
	return span.len == strlen(word) && memcmp(span.s, word, span.len) == 0;
}

/* Takes `word` and the dot behind it off the beginning; false when it is not there. */
static bool take(struct span *rest, const char *word)
{
	size_t len = strlen(word);

	if (rest->len < len || memcmp(rest->s, word, len) != 0)
		return false;
	if (rest->len > len && rest->s[len] != '.')
		return false;
	if (rest->len > len)
		len++;
	rest->s += len;
	rest->len -= len;
	return true;
}

static struct span first_word(struct span rest)
{
	const char *dot = memchr(rest.s, '.', rest.len);

	return (struct span){ rest.s, dot != NULL ? (size_t)(dot - rest.s) : rest.len };
}

/* A span as a message shows it. */
static const char *shown(struct span span)
{
	char text[512];
	size_t len = span.len < sizeof(text) ? span.len : sizeof(text) - 1;

	memcpy(text, span.s, len);
	text[len] = '\0';
	return safe(text);
}

/* The name near to what stands there, or NULL. */
static const char *near(struct span what, const char *const *names, size_t count)
{
	char *word = xmemdup0(what.s, what.len);
	const char *found = names_suggest(word, names, count);

	free(word);
	return found;
}

/* "unknown name", with `instead` in the place of the piece that is wrong; NULL: nothing is near. */
static void unknown(struct reading *r, struct span wrong, const char *instead)
{
	size_t before = (size_t)(wrong.s - r->whole.s);
	struct span behind = { wrong.s + wrong.len, r->whole.len - before - wrong.len };

	buf_addf(r->why, "unknown name '%s'", shown(r->whole));
	if (instead == NULL)
		return;
	buf_addf(r->why, ", did you mean '%s%s%s'?", shown((struct span){ r->whole.s, before }),
	    safe(instead), shown(behind));
}

/* Reading tasks.T.output and tasks.T.result.PATH. */

static const char *task_id(const struct plan *plan, const struct step *step, size_t i)
{
	return plan->tasks[step->first + i].id;
}

static bool made_later(const struct step *step)
{
	return step->more != NULL && step->more->foreach != NULL;
}

static uint32_t find_task(const struct step *step, struct span id)
{
	char text[ID_MAX + 1];

	if (!id_valid(id.s, id.len))
		return 0;
	memcpy(text, id.s, id.len);
	text[id.len] = '\0';
	return idset_find(&step->ids, text, NULL);
}

/* Whether `rest` is "output", or "result" with or without a path. */
static bool take_yield(struct reading *r, struct span rest)
{
	if (is(rest, "output")) {
		r->name.kind = NAME_TASK_OUTPUT;
		return true;
	}
	if (!take(&rest, "result"))
		return false;
	r->name.kind = NAME_TASK_RESULT;
	r->path = rest;
	return true;
}

static void unknown_task(struct reading *r, const struct step *step, struct span id)
{
	const struct plan *plan = r->scope->plan;
	size_t count = step->count < SUGGEST_MAX ? step->count : SUGGEST_MAX;
	const char **ids = xcalloc(count + 1, sizeof(*ids));
	const char *instead;

	for (size_t i = 0; i < count; i++)
		ids[i] = task_id(plan, step, i);
	instead = near(id, ids, count);
	unknown(r, id, instead);
	if (instead == NULL)
		buf_addf(r->why, ": step '%s' has no task '%s'", safe(step->id), shown(id));
	free(ids);
}

/*
 * Ids may hold dots, and so may paths: of the tasks that are known the longest id is meant, of those
 * that are made later the shortest.
 */
static bool read_task(struct reading *r, const struct step *step, struct span rest, bool any)
{
	struct span first = { NULL, 0 }, best = { NULL, 0 };

	for (size_t i = 1; i + 1 < rest.len; i++) {
		struct span id = { rest.s, i };

		if (rest.s[i] != '.' ||
		    !take_yield(r, (struct span){ rest.s + i + 1, rest.len - i - 1 }))
			continue;
		if (first.s == NULL)
			first = id;
		if (any ? best.s == NULL && id_valid(id.s, id.len) : find_task(step, id) != 0)
			best = id;
	}
	if (best.s == NULL && first.s == NULL) {
		unknown(r, rest, NULL);
		buf_addstr(r->why, ": of a task there are 'tasks.ID.output' and 'tasks.ID.result'");
		return false;
	}
	if (best.s == NULL) {
		unknown_task(r, step, first);
		return false;
	}
	r->path = (struct span){ NULL, 0 };
	take_yield(r, (struct span){ best.s + best.len + 1, rest.len - best.len - 1 });
	r->task = best;
	return true;
}

/* Reading steps.S. */

static bool read_result(struct reading *r, const struct step *step, struct span rest)
{
	if (made_later(step) || (step->count != 1 && (step->more == NULL || !step->more->single))) {
		buf_addf(r->why,
		    "'%s': step '%s' is not a single task: name one of its tasks, "
		    "'steps.%s.tasks.ID.result'",
		    shown(r->whole), safe(step->id), safe(step->id));
		return false;
	}
	r->name.kind = NAME_TASK_RESULT;
	r->path = rest;
	return true;
}

static bool read_total(struct reading *r, const struct step *step, size_t total, struct span rest)
{
	r->name.kind = totals[total].kind;
	r->path = rest;
	if (rest.len > 0)
		return true;
	buf_addf(r->why, "'%s' names no field: 'steps.%s.%s.FIELD' is expected", shown(r->whole),
	    safe(step->id), totals[total].word);
	return false;
}

static bool merges_nothing(const struct step *step)
{
	return step->more != NULL && step->more->has_merge && step->more->merge == MERGE_NONE;
}

/* What stands behind the id of a step. */
static bool read_member(struct reading *r, size_t index, struct span rest)
{
	const struct step *step = &r->scope->plan->steps[index];
	struct span word = first_word(rest);
	const char *instead;

	r->name.step = index;
	if (is(rest, "merged") || is(rest, "outcome")) {
		r->name.kind = is(rest, "merged") ? NAME_STEP_MERGED : NAME_STEP_OUTCOME;
		if (r->name.kind == NAME_STEP_OUTCOME || !merges_nothing(step))
			return true;
		buf_addf(r->why, "'%s': step '%s' has 'merge: none'", shown(r->whole),
		    safe(step->id));
		return false;
	}
	if (take(&rest, "result"))
		return read_result(r, step, rest);
	if (take(&rest, "tasks"))
		return read_task(r, step, rest, made_later(step));
	for (size_t i = 0; i < COUNT(totals); i++) {
		if (take(&rest, totals[i].word))
			return read_total(r, step, i, rest);
	}
	instead = near(word, members, COUNT(members));
	/* nothing is in what the merged result or the outcome is */
	unknown(r, instead != NULL && is(word, instead) ? rest : word, instead);
	if (instead == NULL)
		buf_addstr(r->why,
		    ": of a step there are merged, outcome, result, tasks, sum, max, min, count");
	return false;
}

/* The step of the longest id that `rest` begins with and that is shorter than `bound`. */
static bool find_step(const struct plan *plan, struct span rest, size_t bound, size_t *index)
{
	size_t longest = 0;

	for (size_t i = 0; plan != NULL && i < plan->nsteps; i++) {
		struct span behind = rest;
		size_t len = strlen(plan->steps[i].id);

		if (len > longest && len < bound && take(&behind, plan->steps[i].id)) {
			longest = len;
			*index = i;
		}
	}
	return longest > 0;
}

/* What is taken for the id of a step that does not exist: what stands before a known word. */
static struct span guess_step(struct span rest)
{
	for (size_t i = 1; i + 1 < rest.len; i++) {
		struct span behind = { rest.s + i + 1, rest.len - i - 1 };

		for (size_t k = 0; rest.s[i] == '.' && k < COUNT(members); k++) {
			if (take(&behind, members[k]))
				return (struct span){ rest.s, i };
		}
	}
	return first_word(rest);
}

static void unknown_step(struct reading *r, struct span rest)
{
	const struct plan *plan = r->scope->plan;
	struct span id = guess_step(rest);
	size_t count = plan == NULL ? 0 : r->scope->step;
	const char **ids, *instead;

	if (count > SUGGEST_MAX)
		count = SUGGEST_MAX;
	ids = xcalloc(count + 1, sizeof(*ids));
	for (size_t i = 0; i < count; i++)
		ids[i] = plan->steps[i].id;
	instead = near(id, ids, count);
	unknown(r, id, instead);
	if (instead == NULL)
		buf_addf(r->why, ": there is no step '%s' before this one", shown(id));
	free(ids);
}

static bool not_before(struct reading *r, size_t index)
{
	const char *id = safe(r->scope->plan->steps[index].id);

	if (index == r->scope->step)
		buf_addf(r->why,
		    "'%s': a step cannot use its own results; of a task of the same step there is "
		    "'tasks.ID.output', in a prompt",
		    shown(r->whole));
	else
		buf_addf(r->why, "'%s': step '%s' comes later", shown(r->whole), id);
	return false;
}

/* Each step whose id the name begins with may be meant; what is said is said of the longest. */
static bool read_step(struct reading *r, struct span rest)
{
	struct buf *why = r->why, first = BUF_INIT, others = BUF_INIT;
	size_t bound = SIZE_MAX, index = 0;
	bool good = false;

	while (!good && find_step(r->scope->plan, rest, bound, &index)) {
		const char *id = r->scope->plan->steps[index].id;
		struct span behind = rest;

		r->path = (struct span){ NULL, 0 };
		r->why = bound == SIZE_MAX ? &first : &others;
		bound = strlen(id);
		take(&behind, id);
		good =
		    index < r->scope->step ? read_member(r, index, behind) : not_before(r, index);
	}
	r->why = why;
	if (bound == SIZE_MAX)
		unknown_step(r, rest);
	else if (!good)
		buf_add(why, first.data, first.len);
	buf_free(&first);
	buf_free(&others);
	return good;
}

/* Reading the rest. */

static bool read_same_step(struct reading *r, struct span rest)
{
	const struct template_scope *scope = r->scope;
	const struct step *step;

	if (!scope->same_step || scope->plan == NULL) {
		buf_addf(r->why,
		    "'%s': tasks of the same step can be named only in a prompt of a list or "
		    "workflow that is read whole",
		    shown(r->whole));
		return false;
	}
	step = &scope->plan->steps[scope->step];
	r->name.step = scope->step;
	return read_task(r, step, rest, made_later(step) && step->count == 0);
}

static bool read_attempt(struct reading *r)
{
	static const enum name_kind kinds[] = { NAME_ATTEMPT_NUMBER, NAME_ATTEMPT_ERROR,
		NAME_ATTEMPT_TAIL };
	const char *instead;

	for (size_t i = 0; i < COUNT(attempts); i++) {
		if (is(r->whole, attempts[i])) {
			r->name.kind = kinds[i];
			return true;
		}
	}
	instead = near(r->whole, attempts, COUNT(attempts));
	unknown(r, r->whole, instead);
	if (instead == NULL)
		buf_addstr(r->why, "; there are attempt.number, attempt.error and attempt.tail");
	return false;
}

/* Whether some `foreach` calls its items so. */
static bool is_item(const struct plan *plan, struct span word)
{
	if (is(word, "item"))
		return true;
	for (size_t i = 0; plan != NULL && i < plan->nsteps; i++) {
		const struct step *step = &plan->steps[i];

		if (made_later(step) && step->more->foreach->as != NULL &&
		    is(word, step->more->foreach->as))
			return true;
	}
	return false;
}

/* Names that were filled in before, had they been known where they stand. */
static bool refuse(struct reading *r)
{
	struct span word = first_word(r->whole);
	const char *instead;

	if (is(word, "attempt")) {
		buf_addf(r->why, "'%s' can be named only in a 'refine'", shown(r->whole));
	} else if (is(word, "vars")) {
		buf_addf(r->why,
		    "unknown variable '%s': there are those that a workflow has in "
		    "its 'vars'",
		    shown(r->whole));
	} else if (is(r->whole, "goal")) {
		buf_addstr(r->why, "unknown name 'goal': it is what a workflow has as its 'goal'");
	} else if (is_item(r->scope->plan, word)) {
		buf_addf(r->why,
		    "unknown name '%s': item names stand only in the 'task' of their 'foreach'",
		    shown(r->whole));
	} else {
		instead = near(word, roots, COUNT(roots));
		unknown(r, word, instead);
		if (instead == NULL)
			buf_addstr(r->why,
			    "; there are goal, vars.NAME, steps.ID and tasks.ID with what they have");
	}
	return false;
}

/* Words with dots between; a word is a key or an id. */
static bool well_formed(struct reading *r)
{
	struct span w = r->whole;

	if (w.len == 0) {
		buf_addstr(r->why, "a template without a name");
		return false;
	}
	for (size_t i = 0; i < w.len; i++) {
		unsigned char c = (unsigned char)w.s[i];

		if (c <= ' ' || c == 0x7f || strchr("\"'`$<>=!(){}[]|&,;*?\\", c) != NULL) {
			buf_addf(r->why,
			    "'%s' is no name: one name is expected, words with dots between "
			    "such as steps.ID.merged or steps.ID.result.items.0",
			    shown(w));
			return false;
		}
		if (c == '.' && (i == 0 || i + 1 == w.len || w.s[i + 1] == '.')) {
			buf_addf(r->why, "'%s' is no name: a word is missing at a dot", shown(w));
			return false;
		}
	}
	return true;
}

static bool read_name(struct reading *r)
{
	struct span rest = r->whole;

	if (!well_formed(r))
		return false;
	if (r->scope->attempt)
		return read_attempt(r);
	if (take(&rest, "steps"))
		return read_step(r, rest);
	if (take(&rest, "tasks"))
		return read_same_step(r, rest);
	return refuse(r);
}

static const char *keep(struct arena *arena, struct span span)
{
	return span.len == 0 ? "" : arena_copy(arena, span.s, span.len);
}

const struct name *name_compile(const char *text, size_t len, const struct template_scope *scope,
    struct arena *arena, struct buf *why)
{
	struct reading r = { .scope = scope, .whole = { text, len }, .why = why };
	struct name *name;

	if (!read_name(&r))
		return NULL;
	name = arena_take(arena, sizeof(*name));
	*name = r.name;
	name->text = keep(arena, r.whole);
	name->path = keep(arena, r.path);
	if (r.task.s != NULL)
		name->task = keep(arena, r.task);
	return name;
}
