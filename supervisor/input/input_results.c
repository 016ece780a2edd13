#include "supervisor/input/input_results.h"

#include "shared/buf.h"
#include "supervisor/input/template.h"

/* PROMPT, what follows, and the merged results of the step before. */
static const struct template *with_results(struct plan *plan, size_t step, const struct task *task)
{
	struct arena *arena = &plan->arena;
	struct template *t = arena_take(arena, sizeof(*t));
	struct template_part *parts = arena_take(arena, 3 * sizeof(*parts));
	struct name *name = arena_take(arena, sizeof(*name));
	struct buf between = BUF_INIT;

	buf_addf(&between, "\n\nThe results of step %s", plan->steps[step - 1].id);
	if (plan->steps[step - 1].title != NULL)
		buf_addf(&between, " (%s)", plan->steps[step - 1].title);
	buf_addstr(&between, ":\n");
	*name = (struct name){ .kind = NAME_STEP_MERGED, .step = step - 1, .path = "" };
	name->text = "the results of the step before";
	parts[0] = (struct template_part){ .text = task->text, .len = task->text_len };
	parts[1].text = arena_copy(arena, buf_str(&between), between.len);
	parts[1].len = between.len;
	parts[2].name = name;
	*t = (struct template){ parts, 3 };
	buf_free(&between);
	return t;
}

static void give(struct plan *plan, size_t step, struct task *task)
{
	struct task_more *more = arena_take(&plan->arena, sizeof(*more));

	if (task->more != NULL)
		*more = *task->more;
	else
		*more = (struct task_more){ .timeout_ms = UNSET,
			.idle_timeout_ms = UNSET,
			.retries = UNSET };
	more->prompt = with_results(plan, step, task);
	task->more = more;
}

void give_results(struct plan *plan, size_t step)
{
	const struct step *s = &plan->steps[step];

	for (size_t i = s->first; i < s->first + s->count; i++) {
		struct task *task = &plan->tasks[i];

		if (task->kind == TASK_AGENT && (task->more == NULL || task->more->prompt == NULL))
			give(plan, step, task);
	}
}
