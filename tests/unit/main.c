/*
 * Runs the unit tests: all suites, or those named on the command line. CK_FORK=no keeps
 * them in one process, CK_RUN_CASE and CK_VERBOSITY are read too (see Check's manual).
 */
#include "tests/unit/suites.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	Suite *(*make)(void);
} suites[] = {
#define SUITE(name) { #name, name##_suite },
#include "suites.inc"
#undef SUITE
};

#define SUITE_COUNT (sizeof(suites) / sizeof(suites[0]))

static bool wanted(const char *name, int argc, char **argv)
{
	if (argc == 1)
		return true;
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	SRunner *runner = srunner_create(NULL);
	size_t added = 0;

	for (size_t i = 0; i < SUITE_COUNT; i++) {
		if (!wanted(suites[i].name, argc, argv))
			continue;
		srunner_add_suite(runner, suites[i].make());
		added++;
	}
	if (added == 0) {
		fprintf(stderr, "unit: no suite of that name\n");
		srunner_free(runner);
		return 1;
	}

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	int run = srunner_ntests_run(runner);
	srunner_free(runner);
	printf("unit: %d passed, %d failed\n", run - failed, failed);
	return failed == 0 ? 0 : 1;
}
