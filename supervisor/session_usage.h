/*
 * What an attempt has used, from clients that tell what the whole of a session has used.
 */
#ifndef POLLARD_SESSION_USAGE_H
#define POLLARD_SESSION_USAGE_H

#include "shared/backend.h"
#include "shared/result.h"

struct run;
struct node;

/*
 * An attempt of that task is over, and *r is not recorded yet: from r->usage is taken away what the
 * attempts before it have used in the same session. Needs the record of the attempt before.
 */
void session_usage_part(const struct run *run, const struct node *node, struct result *r);
/*
 * The same, of a client of that backend, when the attempt before it ended with *last (NULL: there was
 * none). Sets r->session_usage too, where the backend adds up and r has a session.
 */
void session_usage_rest(const struct backend *backend, struct result *r, const struct result *last);

#endif
