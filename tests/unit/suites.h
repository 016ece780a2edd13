/* The suite of each tests/unit/test_NAME.c; the build writes the list from the file names. */
#ifndef POLLARD_SUITES_H
#define POLLARD_SUITES_H

#include <check.h>

#define SUITE(name) Suite *name##_suite(void);
#include "suites.inc"
#undef SUITE

#endif
