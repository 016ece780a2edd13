/*
 * The strict reader: what it takes is printed on one line and read back as the same, and each
 * error lies inside the text.
 */
#include <string.h>

#include "shared/json.h"
#include "shared/text.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_error error = { 0 };
	cJSON *value = json_parse((const char *)data, size, &error);

	if (value == NULL) {
		MUST(error.offset <= size);
		MUST(error.message[0] != '\0');
		MUST(memchr(error.message, '\0', sizeof(error.message)) != NULL);
		MUST(utf8_valid(error.message, strlen(error.message)));
		return 0;
	}
	MUST(utf8_valid((const char *)data, size));

	struct buf first = BUF_INIT, second = BUF_INIT;
	json_print(&first, value);
	MUST(memchr(first.data, '\n', first.len) == NULL);
	cJSON *again = json_parse(first.data, first.len, &error);
	MUST(again != NULL);
	json_print(&second, again);
	MUST(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
	cJSON_Delete(again);
	cJSON_Delete(value);
	buf_free(&first);
	buf_free(&second);
	return 0;
}
