/*
 * What the commands of later steps get of the results of earlier ones: paths of files, in their
 * environment. Never text: that is how scripts are injected.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "shared/xalloc.h"
#include "supervisor/coordinator.h"

/* "POLLARD_STEP_SIGN_IN_MERGED" */
static void add_variable(struct buf *out, const char *id)
{
	buf_addstr(out, "POLLARD_STEP_");
	for (const char *p = id; *p != '\0'; p++)
		buf_addch(out, *p == '-' || *p == '.' ? '_' : (char)toupper((unsigned char)*p));
	buf_addstr(out, "_MERGED");
}

static void add(struct buf *words, const char *value)
{
	buf_add(words, value, strlen(value) + 1);
}

/* Appends name and value, each with a NUL, of all that there is; how many. */
static size_t gather(const struct run *run, struct buf *words)
{
	const char *dir = run->record.dir.path;
	size_t count = 0;
	bool any = false;
	for (size_t i = 0; i < run->at; i++) {
		const struct yield *y = &run->yields[i];
		any = any || (y->over && !y->left_out);
		if (y->merged == NULL)
			continue;
		add_variable(words, run->plan->steps[i].id);
		buf_addch(words, '\0');
		buf_addf(words, "%s/%s", dir, y->merged);
		buf_addch(words, '\0');
		count++;
	}
	if (!any)
		return count;
	add(words, "POLLARD_RESULTS");
	buf_addf(words, "%s/merged/%s", dir, RESULTS_NAME);
	buf_addch(words, '\0');
	return count + 1;
}

void handover_environment(struct run *run, struct job *job)
{
	struct launch *l = &run->launch;
	if (run->at == 0 || !run->record.kept)
		return;
	buf_reset(&l->handed);
	size_t count = gather(run, &l->handed);
	l->env = xreallocarray(l->env, job->nenv + count + 1, sizeof *l->env);
	if (job->nenv > 0)
		memcpy(l->env, job->env, job->nenv * sizeof *l->env);
	const char *at = buf_str(&l->handed);
	for (size_t i = 0; i < count; i++) {
		struct job_env *e = &l->env[job->nenv + i];
		e->name = at;
		e->value = at + strlen(at) + 1;
		at = e->value + strlen(e->value) + 1;
	}
	job->env = l->env;
	job->nenv += count;
}
