#include "supervisor/notify.h"

#include <stdio.h>
#include <unistd.h>

#include "shared/text.h"

void notify_job(struct job *job, struct notify_words *words, const char *command,
    const struct notice *notice, int null_fd)
{
	snprintf(words->status, sizeof words->status, "%d", notice->status);
	words->argv[0] = "/bin/sh";
	words->argv[1] = "-c";
	words->argv[2] = command;
	words->argv[3] = NULL;
	words->env[0] = (struct job_env){ "POLLARD_OUTCOME", notice->outcome };
	words->env[1] = (struct job_env){ "POLLARD_STATUS", words->status };
	*job = (struct job){
		.kind = JOB_COMMAND,
		.run = notice->run,
		.task = NOTIFY_ID,
		.attempt = 1,
		.argv = words->argv,
		.env = words->env,
		.nenv = 2,
		.input = notice->json,
		.input_len = notice->len,
		.timeout_ms = NOTIFY_TIMEOUT_MS,
		.grace_ms = NOTIFY_GRACE_MS,
		.max_output = INLINE_MAX,
		.out_dirfd = -1,
		.out_fd = -1,
		.err_fd = -1,
		.journal_fd = -1,
		.merge_dirfd = -1,
		.null_fd = null_fd,
		.lease_fd = -1,
		.supervisor_pid = getpid(),
	};
}

static void add_stream(struct buf *out, const struct stream *s)
{
	if (s->data.len == 0)
		return;
	text_safe(out, s->data.data, s->data.len, true);
	if (out->data[out->len - 1] != '\n')
		buf_addch(out, '\n');
}

void notify_report(struct buf *out, const struct result *result)
{
	add_stream(out, &result->out);
	add_stream(out, &result->err);
	if (result->status == RESULT_SUCCEEDED)
		return;
	buf_addf(out, "pollard: warning: the command of '--notify' failed: %s\n",
	    safe(result->error != NULL ? result->error : reason_text(result->reason)));
}
