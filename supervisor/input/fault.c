#include "supervisor/input/fault.h"

#include <stdarg.h>
#include <string.h>

#include "shared/text.h"

void fault_add(struct faults *f, const char *fmt, ...)
{
	va_list ap;

	f->count++;
	if (f->count > DIAG_MAX)
		return;
	f->at[f->count - 1] = f->here;
	va_start(ap, fmt);
	buf_vaddf(&f->lines, fmt, ap);
	va_end(ap);
	buf_addch(&f->lines, '\n');
}

void fault_reset(struct faults *f)
{
	buf_reset(&f->lines);
	f->count = 0;
	f->column = 0;
	f->here = (struct place){ 0 };
}

void fault_free(struct faults *f)
{
	buf_free(&f->lines);
	f->count = 0;
}

void fault_report(const struct faults *f, const char *file, size_t line, struct diag *diag)
{
	const char *message = buf_str(&f->lines);
	size_t told = 0;

	while (*message != '\0') {
		const char *end = strchr(message, '\n');
		struct place at = f->at[told++];

		diag_add(diag, file, at.line > 0 ? at.line : line,
		    at.line > 0 ? at.column : f->column, "%.*s", (int)(end - message), message);
		message = end + 1;
	}
	/* Only the first DIAG_MAX of a record are kept, and no more are printed of a whole list. */
	diag->count += f->count - told;
}

/* Said with the first unknown agent only: a list may name it in each line. */
static const char *places(struct faults *f)
{
	if (f->places_told)
		return "";
	f->places_told = true;
	return "; agents are looked for in .pollard/agents, .claude/agents, .opencode/agent and "
	       ".gemini/agents, here and in your home directory, then among those that ship "
	       "('pollard agents' lists them)";
}

const struct agent *fault_find_agent(struct faults *f, const struct agents *agents,
    const char *name)
{
	const struct agent *agent = agents_find(agents, name);
	const char *both, *near;

	if (agent != NULL)
		return agent;
	both = agents_ambiguous(agents, name);
	if (both != NULL) {
		fault_add(f, "%s", both);
		return NULL;
	}
	near = agents_suggest(agents, name);
	if (near != NULL)
		fault_add(f, "no agent '%s', did you mean '%s'?%s", safe(name), safe(near),
		    places(f));
	else
		fault_add(f, "no agent '%s'%s", safe(name), places(f));
	return NULL;
}

void fault_check_argument(struct faults *f, const char *what, size_t len)
{
	if (len < ARGUMENT_MAX)
		return;
	fault_add(f,
	    "%s is %zu bytes long, and an argument of a command can have %d: "
	    "give it on standard input or in a file",
	    what, len, ARGUMENT_MAX - 1);
}
