#include <math.h>
#include <string.h>

#include "shared/json.h"
#include "shared/text.h"
#include "supervisor/input/template.h"

void template_value(struct buf *out, const cJSON *value)
{
	bool scalar = cJSON_IsString(value) || cJSON_IsNumber(value) || cJSON_IsBool(value);

	if (scalar && value->valuestring != NULL)
		buf_addstr(out, value->valuestring);
	else
		json_print(out, value);
}

static const cJSON *member(const cJSON *object, const char *key, size_t len)
{
	const cJSON *child;

	cJSON_ArrayForEach(child, object)
	{
		if (strncmp(child->string, key, len) == 0 && child->string[len] == '\0')
			return child;
	}
	return NULL;
}

static const cJSON *element(const cJSON *array, const char *index, size_t len)
{
	const cJSON *child = array->child;
	size_t n = 0;

	if (len == 0 || len > 9 || (len > 1 && index[0] == '0'))
		return NULL;
	for (size_t i = 0; i < len; i++) {
		if (index[i] < '0' || index[i] > '9')
			return NULL;
		n = n * 10 + (size_t)(index[i] - '0');
	}
	for (; child != NULL && n > 0; n--)
		child = child->next;
	return child;
}

const cJSON *json_at(const cJSON *root, const char *path)
{
	if (*path == '\0')
		return root;
	for (;;) {
		size_t len = strcspn(path, ".");

		if (cJSON_IsObject(root))
			root = member(root, path, len);
		else if (cJSON_IsArray(root))
			root = element(root, path, len);
		else
			root = NULL;
		if (root == NULL || path[len] == '\0')
			return root;
		path += len + 1;
	}
}

/* The field of one result that is to be a number. */
static bool number_at(const cJSON *result, const char *field, const char *task, double *number,
    struct buf *why)
{
	const cJSON *value;

	if (result == NULL) {
		buf_addf(why, "task '%s' has no structured result to take '%s' from", safe(task),
		    safe(field));
		return false;
	}
	value = json_at(result, field);
	if (value == NULL) {
		buf_addf(why, "the result of task '%s' has no field '%s'", safe(task), safe(field));
		return false;
	}
	if (!cJSON_IsNumber(value) || !isfinite(value->valuedouble)) {
		struct buf got = BUF_INIT;

		json_print(&got, value);
		buf_addf(why, "'%s' in the result of task '%s': expected a number, got %s",
		    safe(field), safe(task), safe(buf_str(&got)));
		buf_free(&got);
		return false;
	}
	*number = value->valuedouble;
	return true;
}

static double combine(enum name_kind kind, double before, double number)
{
	if (kind == NAME_STEP_SUM)
		return before + number;
	if (kind == NAME_STEP_MAX)
		return number > before ? number : before;
	return number < before ? number : before;
}

static double count_with(const char *field, const cJSON *const *results, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		if (json_at(results[i], field) != NULL)
			n++;
	}
	return (double)n;
}

bool template_aggregate(enum name_kind kind, const char *field, const cJSON *const *results,
    const char *const *tasks, size_t count, double *value, struct buf *why)
{
	double total = 0, number;

	if (kind == NAME_STEP_COUNT) {
		*value = count_with(field, results, count);
		return true;
	}
	if (count == 0 && kind != NAME_STEP_SUM) {
		buf_addf(why, "there is no %s of '%s': no task has a result",
		    kind == NAME_STEP_MAX ? "max" : "min", safe(field));
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		if (!number_at(results[i], field, tasks[i], &number, why))
			return false;
		total = i == 0 ? number : combine(kind, total, number);
	}
	if (!isfinite(total)) {
		buf_addf(why, "the sum of '%s' is too large for a number", safe(field));
		return false;
	}
	*value = total;
	return true;
}
