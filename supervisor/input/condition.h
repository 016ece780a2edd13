/* `when`: one comparison, NAME (== != < <= > >=) LITERAL, or NAME alone: true, not 0, not empty. Pure. */
#ifndef POLLARD_CONDITION_H
#define POLLARD_CONDITION_H

#include "supervisor/input/template.h"

struct condition; /* in the plan's arena, see condition.c */

/*
 * The text, or NAME, may stand in ${{ }}. LITERAL is a number, true, false, null, a 'quoted' or "quoted"
 * string, or a bare word. NULL and *why when it is no condition.
 */
const struct condition *condition_compile(const char *text, const struct template_scope *scope,
    struct arena *arena, struct buf *why);
/* What it asks for; NULL: that was known when it was compiled (scope->lookup). */
const struct name *condition_name(const struct condition *c);
/*
 * 1 or 0 for the value that the name has now; -1 and *why when the two cannot be compared (an order
 * of things that are not both numbers or both strings; value NULL: missing). Things of two types are
 * never equal. Where condition_name() is NULL the value is not looked at.
 */
int condition_holds(const struct condition *c, const cJSON *value, struct buf *why);

#endif
