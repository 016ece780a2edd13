/* The options of a run as its record holds them. */
#include <math.h>
#include <string.h>

#include "shared/exits.h"
#include "shared/json.h"
#include "shared/text.h"
#include "supervisor/options/option_value.h"
#include "supervisor/options/options.h"

#define LONGEST_NAME 40

/* An array of strings as words, NULL-terminated, in the arena; NULL when it is none. */
static char **copy_words(const cJSON *array, struct arena *arena, int *count)
{
	const cJSON *item;
	char **words;
	int n = 0;

	if (!cJSON_IsArray(array))
		return NULL;
	words = arena_take(arena, ((size_t)cJSON_GetArraySize(array) + 1) * sizeof *words);
	cJSON_ArrayForEach(item, array)
	{
		if (!cJSON_IsString(item))
			return NULL;
		words[n++] = arena_strdup(arena, item->valuestring);
	}
	*count = n;
	return words;
}

/* The option of run that is recorded under that key: "budget_tokens" is --budget-tokens. */
static const struct option_info *find_recorded(const char *key)
{
	char name[LONGEST_NAME];
	size_t len = strlen(key);

	if (len >= sizeof name)
		return NULL;
	for (size_t i = 0; i <= len; i++)
		name[i] = key[i] == '_' ? '-' : key[i];
	for (size_t i = 0; i < option_count; i++) {
		const struct option_info *o = &option_table[i];
		if (o->name != NULL && option_belongs(o, COMMAND_RUN) && strcmp(o->name, name) == 0)
			return o;
	}
	return NULL;
}

/* A number that an option of that type can hold: neither negative nor too great. */
static bool store_number(void *place, enum option_type type, double number)
{
	if (!(number >= 0 && number <= 9007199254740992.0))
		return false;
	switch (type) {
	case OPTION_DURATION:
		*(int64_t *)place = (int64_t)llround(number * 1000);
		return true;
	case OPTION_SIZE:
	case OPTION_INT64:
		*(int64_t *)place = (int64_t)number;
		return true;
	case OPTION_COUNT:
		*(uint64_t *)place = (uint64_t)number;
		return true;
	case OPTION_UINT32:
		*(uint32_t *)place = number > UINT32_MAX ? UINT32_MAX : (uint32_t)number;
		return true;
	case OPTION_INT:
		*(int *)place = number > INT32_MAX ? INT32_MAX : (int)number;
		return true;
	case OPTION_AMOUNT:
		*(double *)place = number;
		return true;
	default:
		return false;
	}
}

static bool store_recorded(struct config *config, const struct option_info *o, const cJSON *value,
    struct arena *arena)
{
	void *place = (char *)config + o->offset;
	bool *given = (bool *)((char *)config + o->given);
	bool before;

	if (cJSON_IsBool(value) && o->type == OPTION_FLAG) {
		*(bool *)place = cJSON_IsTrue(value);
		return true;
	}
	if (cJSON_IsBool(value) && o->type == OPTION_OPTIONAL) {
		*given = cJSON_IsTrue(value);
		return true;
	}
	if (cJSON_IsNumber(value))
		return store_number(place, o->type, value->valuedouble);
	if (!cJSON_IsString(value) || o->type == OPTION_FLAG)
		return false;
	/* that there is a value does not say that it was asked for */
	before = o->given != 0 && *given;
	if (!option_store(config, o, arena_strdup(arena, value->valuestring)))
		return false;
	if (o->given != 0 && o->type != OPTION_OPTIONAL)
		*given = before;
	return true;
}

static bool replay_input(struct config *config, const char *input)
{
	static const char *const forms[] = { "auto", "command", "shell", "agent" };

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (strcmp(forms[i], input) == 0) {
			config->input = (enum input_form)i;
			return true;
		}
	}
	return false;
}

/* Those that no long option stands for; true when it was one. *good says whether its value is one. */
static bool replay_special(struct config *config, const cJSON *value, struct arena *arena,
    bool *good)
{
	const struct {
		const char *key;
		bool *flag;
	} flags[] = {
		{ "nul", &config->nul },
		{ "jobs_given", &config->jobs_given },
		{ "backend_given", &config->backend_given },
		{ "require_given", &config->require_given },
		{ "output_given", &config->output_given },
	};
	const char *key = value->string;
	int count = 0;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (strcmp(key, flags[i].key) != 0)
			continue;
		*good = cJSON_IsBool(value);
		*flags[i].flag = cJSON_IsTrue(value);
		return true;
	}
	if (strcmp(key, "input") == 0) {
		*good = cJSON_IsString(value) && replay_input(config, value->valuestring);
		return true;
	}
	if (strcmp(key, "rehearsal") == 0) {
		*good = cJSON_IsString(value);
		if (*good)
			config->rehearsal = arena_strdup(arena, value->valuestring);
		return true;
	}
	if (strcmp(key, "command") == 0) {
		char **words = copy_words(value, arena, &count);
		*good = words != NULL && count > 0;
		if (*good)
			config->command = (const char *const *)words;
		return true;
	}
	return false;
}

static bool replay_option(struct config *config, const cJSON *value, struct arena *arena)
{
	const struct option_info *o;
	bool good = true;

	if (cJSON_IsNull(value) || replay_special(config, value, arena, &good))
		return good;
	o = find_recorded(value->string);
	/* what a later version of the same format adds means nothing here */
	return o == NULL || store_recorded(config, o, value, arena);
}

/* Whoever goes on with what cron began sits there and watches, or says --cron again. */
static void forget_cron(struct config *config)
{
	if (!config->cron)
		return;
	config->cron = false;
	config->progress = PROGRESS_AUTO;
	if (config->if_running == IF_RUNNING_SKIP)
		config->if_running = IF_RUNNING_FAIL;
	if (!config->output_given)
		config->output = OUTPUT_TEXT;
}

int options_replay(const cJSON *options, const cJSON *command, struct config *config,
    struct arena *arena, struct buf *error)
{
	struct buf why = BUF_INIT;
	const cJSON *value;
	int argc = 0;
	char **argv = copy_words(command, arena, &argc);
	int status;

	if (argv == NULL || argc < 2) {
		buf_addstr(error, "the record does not say how the run was called");
		return EXIT_IO;
	}
	status = options_parse_again(argc, argv, config, &why);
	if (status != 0) {
		buf_addf(error, "the command line of the run is not one of this version: %.*s",
		    (int)strcspn(buf_str(&why), "\n"), buf_str(&why));
		buf_free(&why);
		return EXIT_IO;
	}
	buf_free(&why);
	cJSON_ArrayForEach(value, options)
	{
		if (replay_option(config, value, arena))
			continue;
		buf_addf(error, "the record has a bad value for the option '%s'",
		    safe(value->string));
		return EXIT_IO;
	}
	forget_cron(config);
	return 0;
}
