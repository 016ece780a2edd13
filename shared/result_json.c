#include "shared/result.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"
#include "shared/json.h"
#include "shared/xalloc.h"

/* What a double, and so a JSON number, holds exactly. */
#define INTEGER_MAX (INT64_C(1) << 53)
/* The last millisecond of the year 9999. */
#define TIME_MAX_MS INT64_C(253402300799999)

static void add_time(cJSON *object, const char *key, int64_t ms)
{
	char text[CLOCK_TEXT_MAX];

	/* a task that never ran has none */
	json_add_string(object, key, ms == 0 ? NULL : clock_text(text, ms));
}

static void add_number_unless(cJSON *object, const char *key, int value, int none)
{
	if (value == none)
		json_add_null(object, key);
	else
		json_add_integer(object, key, value);
}

static int64_t clamp(uint64_t value)
{
	return value > (uint64_t)INTEGER_MAX ? INTEGER_MAX : (int64_t)value;
}

/* The members of a stream. Literals: an object keeps its keys by reference. */
struct stream_keys {
	const char *data;
	const char *path; /* in its place when it is in a file */
	const char *bytes;
	const char *dropped;
};

static const struct stream_keys out_keys = { "stdout", "stdout_path", "stdout_bytes",
	"stdout_dropped" };
static const struct stream_keys err_keys = { "stderr", "stderr_path", "stderr_bytes",
	"stderr_dropped" };

static void add_stream(cJSON *object, const struct stream_keys *keys, const struct stream *s,
    const char *path)
{
	if (s->spilled)
		json_add_string(object, keys->path, path);
	else
		json_add_bytes(object, keys->data, s->data.data, s->data.len);
	json_add_integer(object, keys->bytes, clamp(s->bytes));
	if (s->dropped > 0)
		json_add_integer(object, keys->dropped, clamp(s->dropped));
}

static bool same_bytes(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static void add_text(cJSON *object, const struct result *r, bool full)
{
	const struct buf *text = r->has_text ? &r->text : &r->out.data;
	bool stands_as_stdout = !r->out.spilled && same_bytes(text, &r->out.data);

	/* the answer is then all of a file that only has its path here */
	if (!r->has_text && r->out.spilled)
		return;
	if (full || !stands_as_stdout)
		json_add_bytes(object, "text", text->data, text->len);
}

static void add_structured(cJSON *object, const char *structured)
{
	struct json_error error;
	cJSON *tree = NULL;

	if (structured != NULL)
		tree = json_parse(structured, strlen(structured), &error);
	json_add_item(object, "result", tree != NULL ? tree : cJSON_CreateNull());
}

static void add_files(cJSON *object, const struct result *r)
{
	cJSON *files = cJSON_CreateArray();

	for (size_t i = 0; i < r->nfiles; i++)
		cJSON_AddItemToArray(files, cJSON_CreateString(r->files[i]));
	json_add_item(object, "files", files);
}

static void add_usage(cJSON *object, const char *key, const struct usage *u)
{
	cJSON *usage;

	if (!u->known) {
		json_add_null(object, key);
		return;
	}
	usage = cJSON_CreateObject();
	json_add_integer(usage, "input_tokens", u->input_tokens);
	json_add_integer(usage, "output_tokens", u->output_tokens);
	json_add_item(usage, "usd", u->usd_known ? cJSON_CreateNumber(u->usd) : cJSON_CreateNull());
	json_add_item(object, key, usage);
}

void result_to_json(const struct result *r, cJSON *object, const char *out_path,
    const char *err_path, bool full)
{
	char name[SIGNAL_NAME_MAX];

	json_add_string(object, "status", result_status_text(r->status));
	json_add_string(object, "reason", r->reason == REASON_NONE ? NULL : reason_text(r->reason));
	add_number_unless(object, "exit", r->exit_status, -1);
	json_add_string(object, "signal", r->signal == 0 ? NULL : signal_name(name, r->signal));
	json_add_string(object, "error", r->error);
	add_time(object, "started", r->started_ms);
	add_time(object, "finished", r->finished_ms);
	json_add_seconds(object, "seconds", r->duration_ms);
	add_stream(object, &out_keys, &r->out, out_path);
	add_stream(object, &err_keys, &r->err, err_path);
	add_text(object, r, full);
	add_structured(object, r->structured);
	json_add_string(object, "summary", r->summary);
	add_files(object, r);
	add_usage(object, "usage", &r->usage);
	json_add_integer(object, "max_rss", clamp(r->max_rss_kb));
	json_add_seconds(object, "cpu_seconds", r->cpu_ms);
	json_add_integer(object, "leftover_processes", r->leftovers);
	if (r->session != NULL)
		json_add_string(object, "session", r->session);
	if (r->session_usage.known)
		add_usage(object, "session_usage", &r->session_usage);
	if (r->retry_ms > 0)
		json_add_seconds(object, "retry_after", r->retry_ms);
	if (r->resets_ms > 0)
		add_time(object, "resets", r->resets_ms);
	if (r->warning != NULL)
		json_add_string(object, "warning", r->warning);
}

/* A whole number within the limits. */
static bool get_integer(const cJSON *object, const char *key, int64_t min, int64_t max,
    int64_t *out)
{
	double value = json_get_number(object, key, NAN);

	if (!(value >= (double)min && value <= (double)max) || value != (double)(int64_t)value)
		return false;
	*out = (int64_t)value;
	return true;
}

static bool get_seconds(const cJSON *object, const char *key, int64_t *ms)
{
	double value = json_get_number(object, key, NAN);

	if (!isfinite(value) || value < 0 || value > (double)TIME_MAX_MS / 1000.0)
		return false;
	*ms = (int64_t)(value * 1000.0 + 0.5);
	return true;
}

static bool get_time(const cJSON *object, const char *key, int64_t *ms)
{
	const cJSON *item = json_get(object, key);

	if (cJSON_IsNull(item)) {
		*ms = 0;
		return true;
	}
	if (!cJSON_IsString(item))
		return false;
	*ms = clock_parse(item->valuestring);
	return *ms >= 0;
}

/* NULL for null; false when it is missing or something else. */
static bool get_text(const cJSON *object, const char *key, char **out)
{
	const cJSON *item = json_get(object, key);

	if (cJSON_IsNull(item))
		return true;
	if (!cJSON_IsString(item))
		return false;
	*out = xstrdup(item->valuestring);
	return true;
}

static bool get_outcome(struct result *r, const cJSON *object)
{
	const char *status = json_get_string(object, "status");
	const cJSON *reason = json_get(object, "reason");

	if (status == NULL || !result_status_parse(status, &r->status))
		return false;
	r->reason = REASON_NONE;
	if (cJSON_IsNull(reason))
		return true;
	return cJSON_IsString(reason) && reason_parse(reason->valuestring, &r->reason);
}

static bool get_ending(struct result *r, const cJSON *object)
{
	const cJSON *status = json_get(object, "exit");
	const cJSON *signal = json_get(object, "signal");
	int64_t number = -1;

	if (!cJSON_IsNull(status) && !get_integer(object, "exit", 0, 255, &number))
		return false;
	r->exit_status = (int)number;
	r->signal = 0;
	if (cJSON_IsNull(signal))
		return true;
	return cJSON_IsString(signal) && signal_parse(signal->valuestring, &r->signal);
}

static bool get_stream(struct stream *s, const cJSON *object, const struct stream_keys *keys)
{
	int64_t bytes;
	int64_t dropped = 0;

	s->spilled = json_get(object, keys->path) != NULL;
	if (!s->spilled && !json_get_bytes(object, keys->data, &s->data))
		return false;
	if (!get_integer(object, keys->bytes, 0, INTEGER_MAX, &bytes))
		return false;
	if (json_get(object, keys->dropped) != NULL &&
	    !get_integer(object, keys->dropped, 0, bytes, &dropped))
		return false;
	s->bytes = (uint64_t)bytes;
	s->dropped = (uint64_t)dropped;
	return true;
}

static bool get_answer(struct result *r, const cJSON *object)
{
	r->has_text = json_get(object, "text") != NULL;
	return !r->has_text || json_get_bytes(object, "text", &r->text);
}

static bool get_structured(struct result *r, const cJSON *object)
{
	const cJSON *item = json_get(object, "result");
	struct buf text = BUF_INIT;

	if (cJSON_IsNull(item))
		return true;
	if (!cJSON_IsObject(item))
		return false;
	json_print(&text, item);
	r->structured = buf_detach(&text);
	return true;
}

static bool get_files(struct result *r, const cJSON *object)
{
	const cJSON *files = json_get(object, "files");
	const cJSON *file;

	if (!cJSON_IsArray(files))
		return false;
	cJSON_ArrayForEach(file, files)
	{
		if (!cJSON_IsString(file))
			return false;
		result_add_file(r, file->valuestring);
	}
	return true;
}

static bool get_warning(struct result *r, const cJSON *object)
{
	return json_get(object, "warning") == NULL || get_text(object, "warning", &r->warning);
}

/* A missing one is 0. */
static bool get_amount(const cJSON *object, const char *key, double max, double *out)
{
	const cJSON *item = json_get(object, key);

	*out = cJSON_IsNumber(item) ? item->valuedouble : 0;
	return (item == NULL || cJSON_IsNumber(item)) && *out >= 0 && *out <= max;
}

bool usage_from_json(struct usage *u, const cJSON *object)
{
	const cJSON *money = json_get(object, "usd");
	bool usd_known = money != NULL && !cJSON_IsNull(money);
	double input, output, usd = 0;

	if (!cJSON_IsObject(object) ||
	    !get_amount(object, "input_tokens", (double)TOKENS_MAX, &input) ||
	    !get_amount(object, "output_tokens", (double)TOKENS_MAX, &output) ||
	    (usd_known && !get_amount(object, "usd", DBL_MAX, &usd)))
		return false;
	*u = (struct usage){
		.known = true,
		.input_tokens = (int64_t)input,
		.output_tokens = (int64_t)output,
		.usd_known = usd_known,
		.usd = usd,
	};
	return true;
}

static bool get_usage(struct usage *u, const cJSON *object, const char *key)
{
	const cJSON *usage = json_get(object, key);

	return usage == NULL || cJSON_IsNull(usage) || usage_from_json(u, usage);
}

/* What a client told beside the answer; members that are there only when it did. */
static bool get_client(struct result *r, const cJSON *object)
{
	const char *session = json_get_string(object, "session");

	if (session != NULL)
		result_set_session(r, session);
	if (!get_usage(&r->session_usage, object, "session_usage"))
		return false;
	if (json_get(object, "retry_after") != NULL &&
	    !get_seconds(object, "retry_after", &r->retry_ms))
		return false;
	return json_get(object, "resets") == NULL || get_time(object, "resets", &r->resets_ms);
}

static bool get_measures(struct result *r, const cJSON *object)
{
	int64_t rss;
	int64_t leftovers;

	if (!get_integer(object, "max_rss", 0, INTEGER_MAX, &rss) ||
	    !get_integer(object, "leftover_processes", 0, UINT32_MAX, &leftovers))
		return false;
	r->max_rss_kb = (uint64_t)rss;
	r->leftovers = (unsigned)leftovers;
	return get_seconds(object, "cpu_seconds", &r->cpu_ms);
}

bool result_from_json(struct result *r, const cJSON *object)
{
	bool good = get_outcome(r, object) && get_ending(r, object) &&
	    get_text(object, "error", &r->error) && get_time(object, "started", &r->started_ms) &&
	    get_time(object, "finished", &r->finished_ms) &&
	    get_seconds(object, "seconds", &r->duration_ms) &&
	    get_stream(&r->out, object, &out_keys) && get_stream(&r->err, object, &err_keys) &&
	    get_answer(r, object) && get_structured(r, object) &&
	    get_text(object, "summary", &r->summary) && get_files(r, object) &&
	    get_usage(&r->usage, object, "usage") && get_warning(r, object) &&
	    get_client(r, object) && get_measures(r, object);

	if (!good)
		result_free(r);
	return good;
}
