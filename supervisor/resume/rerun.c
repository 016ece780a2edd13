#include "supervisor/resume/rerun.h"

#include <string.h>

#include "shared/words.h"
#include "supervisor/options/options.h"

/* The words that are left; on the stack of rerun_command(). */
struct walk {
	const cJSON *word; /* the next one; NULL: none */
	struct buf *out;
	struct rerun *seen;
};

static const char *next_word(struct walk *w)
{
	const char *word = cJSON_GetStringValue(w->word);

	w->word = w->word != NULL ? w->word->next : NULL;
	return word != NULL ? word : "";
}

static void add_word(struct walk *w, const char *word)
{
	buf_addch(w->out, ' ');
	words_quote(w->out, word);
}

static const struct option_info *find_long(const char *name, size_t len)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct option_info *o = &option_table[i];

		if ((o->commands & 1U << COMMAND_RUN) != 0 && o->name != NULL &&
		    strncmp(o->name, name, len) == 0 && o->name[len] == '\0')
			return o;
	}
	return NULL;
}

static const struct option_info *find_letter(char letter)
{
	for (size_t i = 0; i < option_count; i++)
		if ((option_table[i].commands & 1U << COMMAND_RUN) != 0 &&
		    option_table[i].letter == letter)
			return &option_table[i];
	return NULL;
}

static bool is_left_out(const struct option_info *o)
{
	return o->letter == 'f' || o->letter == 'C';
}

static void note(struct rerun *seen, const struct option_info *o)
{
	if (o->name == NULL)
		return;
	if (strcmp(o->name, "state-dir") == 0)
		seen->state_dir = true;
	if (strcmp(o->name, "allow-fix") == 0)
		seen->allow_fix = true;
}

/* "--name", "--name=value". */
static void take_long(struct walk *w, const char *word)
{
	size_t len = strcspn(word + 2, "=");
	const struct option_info *o = find_long(word + 2, len);
	bool detached = o != NULL && o->argument != NULL && word[2 + len] == '\0';

	if (o != NULL)
		note(w->seen, o);
	if (o != NULL && is_left_out(o)) {
		if (detached)
			next_word(w);
		return;
	}
	add_word(w, word);
	if (detached && w->word != NULL)
		add_word(w, next_word(w));
}

/* "-x", "-xyz", "-xVALUE": only the last one can have a value. */
static void take_letters(struct walk *w, const char *word)
{
	struct buf kept = BUF_INIT;
	const struct option_info *valued = NULL;
	const char *value = NULL;

	for (const char *c = word + 1; *c != '\0' && valued == NULL; c++) {
		const struct option_info *o = find_letter(*c);

		if (o != NULL)
			note(w->seen, o);
		if (o == NULL || !is_left_out(o))
			buf_addch(&kept, *c);
		if (o != NULL && o->argument != NULL) {
			valued = o;
			if (c[1] != '\0')
				value = c + 1;
		}
	}
	if (valued != NULL && value != NULL && !is_left_out(valued))
		buf_addstr(&kept, value);
	if (kept.len > 0) {
		struct buf letters = BUF_INIT;

		buf_addf(&letters, "-%s", buf_str(&kept));
		add_word(w, buf_str(&letters));
		buf_free(&letters);
	}
	if (valued != NULL && value == NULL && w->word != NULL) {
		const char *next = next_word(w);

		if (!is_left_out(valued))
			add_word(w, next);
	}
	buf_free(&kept);
}

/* Options up to the first other word, or to "--", which is left too. */
static void take_options(struct walk *w)
{
	while (w->word != NULL) {
		const char *word = cJSON_GetStringValue(w->word);

		if (word == NULL || word[0] != '-' || word[1] == '\0' || strcmp(word, "--") == 0)
			return;
		next_word(w);
		if (word[1] == '-')
			take_long(w, word);
		else
			take_letters(w, word);
	}
}

void rerun_program(struct buf *out, const cJSON *command)
{
	const char *program = command != NULL ? cJSON_GetStringValue(command->child) : NULL;

	/* A relative path leads somewhere else from where the command is to be typed. */
	if (program == NULL || (program[0] != '/' && strchr(program, '/') != NULL))
		program = "pollard";
	words_quote(out, program);
}

void rerun_command(struct buf *out, const cJSON *command, struct rerun *seen)
{
	struct walk w = { .out = out, .seen = seen };
	struct buf before = BUF_INIT;

	*seen = (struct rerun){ false, false };
	rerun_program(out, command);
	buf_addstr(out, " run");
	if (command == NULL || command->child == NULL)
		return;
	w.word = command->child->next;
	/* Before the command stands nothing but -C. */
	w.out = &before;
	take_options(&w);
	buf_free(&before);
	if (w.word != NULL)
		next_word(&w);
	w.out = out;
	take_options(&w);
	while (w.word != NULL)
		add_word(&w, next_word(&w));
}
