/*
 * A few agents, loaded from files of their own, for tests of what reads lists.
 */
#ifndef POLLARD_AGENTS_FIXTURE_H
#define POLLARD_AGENTS_FIXTURE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/input/agents.h"

static const char *const fixture_names[] = {
	"researcher",
	"test-writer",
	"code-reviewer",
	"code-writer",
	"documentation-writer",
	"planner",
};

#define FIXTURE_COUNT (sizeof(fixture_names) / sizeof(fixture_names[0]))

static struct agents *fixture_agents(void)
{
	char dir[] = "/tmp/pollard-agents-XXXXXX", path[256];
	struct agents *agents;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/.pollard", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/.pollard/agents", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	for (size_t i = 0; i < FIXTURE_COUNT; i++) {
		FILE *file;

		snprintf(path, sizeof(path), "%s/.pollard/agents/%s.md", dir, fixture_names[i]);
		file = fopen(path, "w");
		ck_assert_ptr_nonnull(file);
		fprintf(file, "---\nname: %s\ndescription: for tests\n---\nYou are one.\n",
		    fixture_names[i]);
		ck_assert_int_eq(fclose(file), 0);
	}
	agents = agents_load(dir);
	for (size_t i = 0; i < FIXTURE_COUNT; i++) {
		snprintf(path, sizeof(path), "%s/.pollard/agents/%s.md", dir, fixture_names[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/.pollard/agents", dir);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/.pollard", dir);
	rmdir(path);
	rmdir(dir);
	return agents;
}

#endif
