/* What is on record of the ladder that an interrupted run was on: it is not asked for or done again. */
#ifndef POLLARD_RECORDED_H
#define POLLARD_RECORDED_H

#include "supervisor/coordinator.h"

/*
 * The verdict about what is on the ladder of the step now; its tasks are positions on the ladder, and
 * greater ones stand for tasks that are not on it any more. False when there is none, or it was of
 * another debugger or about others: then nothing that is on record of the ladder counts any more.
 */
bool recorded_verdict(struct run *run, struct verdict *verdict);
/* Whether the fix of that verdict was carried out, and whether it succeeded. */
bool recorded_fix(const struct run *run, bool *good);

#endif
