/*
 * What the output of an attempt means: structured result, summary, files, and whether there is
 * an answer at all.
 */
#ifndef POLLARD_ANSWER_H
#define POLLARD_ANSWER_H

#include "shared/buf.h"
#include "shared/job.h"
#include "shared/result.h"

/* What the worker holds beside the result. The caller owns all of it. */
struct answer_source {
	int out_file; /* of a spilled standard output; -1: none */
	int err_file;
	struct buf structured; /* what came over POLLARD_RESULT_FD */
	bool structured_cut;   /* that was more than STRUCTURED_MAX */
};

/*
 * Completes r, whose status, streams and error stand already. It may turn a success into a
 * failure: for an agent without an answer, and when the JSON object that was asked for did not
 * come.
 */
void answer_read(const struct job *job, struct result *r, const struct answer_source *source);

/*
 * The parts of it, for tests.
 */

/*
 * The JSON object that an answer is, or holds in its last fenced block; the length of it, 0 when
 * there is none.
 */
size_t answer_find_object(const char *text, size_t len, const char **object);
/*
 * Appends the JSON text without the blanks between its tokens: numbers stay as they were
 * written.
 */
void answer_minify(struct buf *out, const char *json, size_t len);

#endif
