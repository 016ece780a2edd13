#include "supervisor/resume/choose.h"

#include <stdlib.h>
#include <string.h>

#include "shared/exits.h"
#include "shared/json.h"
#include "shared/xalloc.h"
#include "supervisor/commands/reading.h"
#include "supervisor/record/journal.h"
#include "supervisor/record/rundir.h"

static bool is_unfinished(const char *root, const char *id)
{
	struct run_info info;
	run_info_read(&info, root, id);
	/* a signal, a deadline or a budget ended it before it was through */
	bool unfinished = info.condition == RUN_UNFINISHED ||
	    (info.condition == RUN_FINISHED &&
		(info.signal != NULL || info.exit_status == EXIT_STOPPED));
	run_info_free(&info);
	return unfinished;
}

char *choose_unfinished(const char *root)
{
	size_t count;
	char **ids = rundir_list(root, &count);
	char *chosen = NULL;
	for (size_t i = count; i-- > 0 && chosen == NULL;) {
		if (is_unfinished(root, ids[i]))
			chosen = xstrdup(ids[i]);
	}
	if (chosen == NULL && count > 0)
		chosen = xstrdup(ids[count - 1]);
	rundir_list_free(ids, count);
	return chosen;
}

static bool says(const cJSON *started, const char *key, const char *value)
{
	const char *said = json_get_string(started, key);
	return value != NULL && said != NULL && strcmp(said, value) == 0;
}

static bool is_earlier(const char *root, const char *id, const char *name, const char *file)
{
	struct rundir dir;
	char *why = NULL;
	if (rundir_open(&dir, root, id, &why) < 0) {
		free(why);
		return false;
	}
	struct journal_reader *reader = journal_reader_open(dir.fd);
	const cJSON *first = reader != NULL ? journal_reader_next(reader) : NULL;
	bool is = name != NULL ? says(first, "name", name) : says(first, "file", file);
	if (reader != NULL)
		journal_reader_free(reader);
	rundir_close(&dir);
	return is;
}

char *choose_earlier(const char *root, const struct config *config)
{
	size_t count;
	char **ids = rundir_list(root, &count);
	char *file = config->file != NULL ? realpath(config->file, NULL) : NULL;
	char *chosen = NULL;
	for (size_t i = count; i-- > 0 && chosen == NULL;) {
		if (is_earlier(root, ids[i], config->name, file))
			chosen = xstrdup(ids[i]);
	}
	free(file);
	rundir_list_free(ids, count);
	return chosen;
}
