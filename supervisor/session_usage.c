#include "supervisor/session_usage.h"

#include <string.h>

#include "supervisor/coordinator.h"
#include "supervisor/input/client.h"
#include "supervisor/input/load.h"
#include "supervisor/plan/node.h"
#include "supervisor/progress/emit.h"

static const struct backend *backend_of(const struct run *run, const struct task *task)
{
	const struct client *client =
	    task->agent != NULL ? load_client(&run->loaded, task->agent, task) : NULL;

	return client != NULL ? client->backend : NULL;
}

/* A client that begins to count afresh after all has not used less than nothing. */
static int64_t rest(int64_t all, int64_t before)
{
	return all >= before ? all - before : all;
}

static void take_away(const struct backend *backend, struct usage *usage,
    const struct usage *before)
{
	if (backend->adds_tokens) {
		usage->input_tokens = rest(usage->input_tokens, before->input_tokens);
		usage->output_tokens = rest(usage->output_tokens, before->output_tokens);
	}
	if (backend->adds_usd && usage->usd_known && before->usd_known && usage->usd >= before->usd)
		usage->usd -= before->usd;
}

void session_usage_rest(const struct backend *backend, struct result *r, const struct result *last)
{
	if ((!backend->adds_tokens && !backend->adds_usd) || r->session == NULL)
		return;
	r->session_usage = r->usage;
	if (last == NULL || last->session == NULL || strcmp(last->session, r->session) != 0 ||
	    !last->session_usage.known)
		return;
	if (r->usage.known)
		take_away(backend, &r->usage, &last->session_usage);
	else
		r->session_usage = last->session_usage;
}

void session_usage_part(const struct run *run, const struct node *node, struct result *r)
{
	const struct backend *backend = backend_of(run, node->task);
	struct result last;

	if (backend == NULL)
		return;
	if (node->last.offset < 0) {
		session_usage_rest(backend, r, NULL);
		return;
	}
	load_result(&run->record, node, &last);
	session_usage_rest(backend, r, &last);
	result_free(&last);
}
