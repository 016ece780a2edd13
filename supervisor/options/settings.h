/*
 * Settings: options that a project or a user wants every time, in `pollard.yaml` (the nearest one
 * upwards from the working directory) and in $XDG_CONFIG_HOME/pollard/config.yaml.
 *
 * A setting can name a program that is run. So pollard.yaml counts only when it, the link by which
 * it is reached, if any, and its directory belong to the effective user or to root: nobody can plant
 * one in /tmp for others.
 */
#ifndef POLLARD_SETTINGS_H
#define POLLARD_SETTINGS_H

#include <stddef.h>

#include "supervisor/input/diag.h"
#include "supervisor/input/document.h"

/* The longest file. */
#define SETTINGS_MAX (1024 * 1024)

/* One line of a file. Owned by the settings. */
struct setting {
	const char *key;   /* an option's long name, as written; not checked */
	const char *value; /* as one would type it behind the option: "8", "10m", "true" */
	const char *file;  /* for messages */
	struct place key_place;
	struct place place; /* of the value */
};

struct settings;

/*
 * Reads both files; one that is missing says nothing. NULL after lines were added to diag: the exit
 * status is EXIT_CONFIG then. Freed with settings_free().
 */
struct settings *settings_load(struct diag *diag);
void settings_free(struct settings *s);

/* All of them, the project's first; *count is how many. */
const struct setting *settings_list(const struct settings *s, size_t *count);
/* A line, safe to print, about a pollard.yaml that was not used; NULL: none. */
const char *settings_warning(const struct settings *s);

#endif
