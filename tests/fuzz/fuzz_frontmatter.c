/* An agent's file as people and other programs write it. */
#include <string.h>

#include "shared/buf.h"
#include "supervisor/input/agents.h"
#include "supervisor/input/frontmatter.h"
#include "tests/fuzz/fuzz.h"

static void check_keys(const char *text, size_t size)
{
	const char *why = NULL;
	struct frontmatter *fm = frontmatter_read(text, size, &why);

	if (fm == NULL)
		return;
	MUST(fm->count <= FRONTMATTER_KEYS_MAX);
	MUST(fm->body <= size);
	for (size_t i = 0; i < fm->count; i++) {
		MUST(fm->keys[i].name != NULL && fm->keys[i].name[0] != '\0');
		MUST(fm->keys[i].value != NULL);
		MUST(frontmatter_find(fm, fm->keys[i].name) != NULL);
	}
	frontmatter_free(fm);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *why = NULL;
	struct agent *agent = agent_parse("stem.md", "stem", (const char *)data, size, &why);

	/* Without any front matter there is nothing to say. */
	if (agent == NULL) {
		MUST(why != NULL || size < 4 || memcmp(data, "---\n", 4) != 0);
	} else {
		MUST(agent->name != NULL && agent->name[0] != '\0');
		MUST(agent->description != NULL);
		/* each bad byte becomes the three of U+FFFD */
		MUST(agent->system_len <= 3 * size);
		MUST(agent->command == NULL || agent->command[0] != NULL);
		agent_free(agent);
	}

	/* frontmatter_read() is promised a text without NUL. */
	if (size > 0 && memchr(data, '\0', size) == NULL) {
		struct buf text = BUF_INIT;
		buf_add(&text, data, size);
		check_keys(text.data, text.len);
		buf_free(&text);
	}
	return 0;
}
