#include "supervisor/input/condition.h"

#include <string.h>

#include "shared/json.h"
#include "shared/text.h"
#include "shared/xalloc.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum comparison {
	OP_NONE, /* the name alone */
	OP_EQUAL,
	OP_NOT_EQUAL,
	OP_LESS,
	OP_LESS_EQUAL,
	OP_GREATER,
	OP_GREATER_EQUAL,
};

enum type { TYPE_NULL, TYPE_BOOL, TYPE_NUMBER, TYPE_STRING, TYPE_COLLECTION };

static const char *const type_names[] = {
	[TYPE_NULL] = "null",
	[TYPE_BOOL] = "true or false",
	[TYPE_NUMBER] = "a number",
	[TYPE_STRING] = "a string",
	[TYPE_COLLECTION] = "an array or object",
};

/* One side of a comparison. */
struct operand {
	enum type type;
	double number;	    /* also 0 or 1 for a bool, and how many a collection has (0 or 1) */
	const char *string; /* TYPE_STRING */
};

/* Made by condition_compile() in the plan's arena. */
struct condition {
	const char *text;	 /* of the name, for messages */
	const struct name *name; /* NULL: `known` is its value */
	struct operand known;
	enum comparison op;
	struct operand literal;
};

/* The longer ones first: `<` is the beginning of `<=`. */
static const struct {
	const char *text;
	enum comparison op;
} operators[] = {
	{ "==", OP_EQUAL },
	{ "!=", OP_NOT_EQUAL },
	{ "<=", OP_LESS_EQUAL },
	{ ">=", OP_GREATER_EQUAL },
	{ "<", OP_LESS },
	{ ">", OP_GREATER },
};

/* A piece of the text that is being read. */
struct span {
	const char *s;
	size_t len;
};

static struct span trim(struct span t)
{
	while (t.len > 0 && strchr(" \t\r\n", t.s[0]) != NULL) {
		t.s++;
		t.len--;
	}
	while (t.len > 0 && strchr(" \t\r\n", t.s[t.len - 1]) != NULL)
		t.len--;
	return t;
}

static struct span skip(struct span t, size_t n)
{
	return (struct span){ t.s + n, t.len - n };
}

static bool begins(struct span t, const char *word)
{
	return t.len >= strlen(word) && memcmp(t.s, word, strlen(word)) == 0;
}

static const char *shown(struct span t)
{
	char text[512];
	size_t len = t.len < sizeof(text) ? t.len : sizeof(text) - 1;

	memcpy(text, t.s, len);
	text[len] = '\0';
	return safe(text);
}

/* What an operand is; its string stays the value's. */
static struct operand operand_of(const cJSON *value)
{
	if (cJSON_IsString(value))
		return (struct operand){ .type = TYPE_STRING, .string = value->valuestring };
	if (cJSON_IsNumber(value))
		return (struct operand){ .type = TYPE_NUMBER, .number = value->valuedouble };
	if (cJSON_IsBool(value))
		return (struct operand){ .type = TYPE_BOOL, .number = cJSON_IsTrue(value) };
	if (cJSON_IsArray(value) || cJSON_IsObject(value))
		return (struct operand){ .type = TYPE_COLLECTION, .number = value->child != NULL };
	return (struct operand){ .type = TYPE_NULL };
}

/* Compiling. */

static bool read_operator(struct span *rest, enum comparison *op, struct buf *why)
{
	for (size_t i = 0; i < COUNT(operators); i++) {
		if (begins(*rest, operators[i].text)) {
			*op = operators[i].op;
			*rest = trim(skip(*rest, strlen(operators[i].text)));
			if (rest->len > 0)
				return true;
			buf_addf(why, "nothing stands behind '%s'", operators[i].text);
			return false;
		}
	}
	if (begins(*rest, "="))
		buf_addstr(why, "'=' does not compare: '==' does");
	else
		buf_addf(why, "expected one of == != < <= > >= and a literal, got '%s'",
		    shown(*rest));
	return false;
}

static bool quoted(struct span t, struct operand *literal, struct arena *arena, struct buf *why)
{
	const char *end = memchr(t.s + 1, t.s[0], t.len - 1);

	if (end == NULL || end != t.s + t.len - 1) {
		buf_addf(why,
		    "%s: a string ends with the quote that it began with, and nothing "
		    "follows",
		    shown(t));
		return false;
	}
	*literal = (struct operand){ .type = TYPE_STRING,
		.string = arena_copy(arena, t.s + 1, t.len - 2) };
	return true;
}

/* false, with nothing in *why, when it is none of these words and no number. */
static bool json_scalar(struct span t, struct operand *literal)
{
	struct json_error error;
	cJSON *value = json_parse(t.s, t.len, &error);
	bool good = value != NULL && value->child == NULL && !cJSON_IsString(value) &&
	    !cJSON_IsArray(value) && !cJSON_IsObject(value);

	if (good)
		*literal = operand_of(value);
	cJSON_Delete(value);
	return good;
}

static bool bare_word(struct span t, struct operand *literal, struct arena *arena, struct buf *why)
{
	if (strspn(t.s, "+-.0123456789eE") >= t.len && strchr("+-.0123456789", t.s[0]) != NULL) {
		buf_addf(why,
		    "'%s' is no number that can be compared; a string of digits goes "
		    "into quotes",
		    shown(t));
		return false;
	}
	for (size_t i = 0; i < t.len; i++) {
		unsigned char c = (unsigned char)t.s[i];

		if (c <= ' ' || c == 0x7f || strchr("\"'`$<>=!(){}[]|&,;\\", c) != NULL) {
			buf_addf(why,
			    "'%s' is no literal: one number, true, false, null, word or "
			    "'string in quotes' is expected, and there is one comparison",
			    shown(t));
			return false;
		}
	}
	*literal = (struct operand){ .type = TYPE_STRING, .string = arena_copy(arena, t.s, t.len) };
	return true;
}

static bool read_literal(struct span t, struct operand *literal, struct arena *arena,
    struct buf *why)
{
	if (t.s[0] == '\'' || t.s[0] == '"')
		return quoted(t, literal, arena, why);
	return json_scalar(t, literal) || bare_word(t, literal, arena, why);
}

/* Takes the braces off, around all of it or around the name; false when they are not closed. */
static bool read_name(struct span *rest, struct span *name, struct buf *why)
{
	const char *end;

	if (begins(*rest, "${{")) {
		end = memmem(rest->s, rest->len, "}}", 2);
		if (end == NULL) {
			buf_addstr(why, "'${{' without '}}'");
			return false;
		}
		*name = trim((struct span){ rest->s + 3, (size_t)(end - rest->s) - 3 });
		*rest = trim(skip(*rest, (size_t)(end - rest->s) + 2));
		if (rest->len > 0)
			return true;
		*rest = *name;
	}
	name->s = rest->s;
	name->len = 0;
	while (name->len < rest->len && strchr(" \t\r\n=!<>", rest->s[name->len]) == NULL)
		name->len++;
	*rest = trim(skip(*rest, name->len));
	return true;
}

/* The value of a name that is known already; false when it has none, or *why. */
static bool look_up(const struct template_scope *scope, struct span name, struct operand *known,
    struct arena *arena, struct buf *why)
{
	cJSON *value;

	if (scope->lookup == NULL)
		return false;
	value = scope->lookup(scope->context, name.s, name.len, why);
	if (value == NULL)
		return false;
	*known = operand_of(value);
	if (known->type == TYPE_STRING)
		known->string = arena_strdup(arena, known->string);
	cJSON_Delete(value);
	return true;
}

static bool set_name(struct condition *c, struct span name, const struct template_scope *scope,
    struct arena *arena, struct buf *why)
{
	size_t before = why->len;

	c->text = arena_copy(arena, name.s, name.len);
	if (look_up(scope, name, &c->known, arena, why))
		return true;
	if (why->len > before)
		return false;
	c->name = name_compile(name.s, name.len, scope, arena, why);
	return c->name != NULL;
}

static bool is_outcome(const char *word)
{
	static const char *const words[] = { "all", "partial", "none", "skipped" };

	for (size_t i = 0; i < COUNT(words); i++)
		if (strcmp(words[i], word) == 0)
			return true;
	return false;
}

/* What can be told before there is a value: a comparison that could never hold, or never be made. */
static bool can_compare(const struct condition *c, struct buf *why)
{
	switch (c->name != NULL ? c->name->kind : NAME_TASK_RESULT) {
	case NAME_STEP_MERGED:
	case NAME_TASK_OUTPUT:
		buf_addf(why,
		    "'%s' is a text, and is not compared: a field of a result, a sum, max, min or "
		    "count and an outcome are",
		    safe(c->text));
		return false;
	case NAME_STEP_OUTCOME:
		if (c->op == OP_NONE)
			return true;
		if (c->op <= OP_NOT_EQUAL && c->literal.type == TYPE_STRING &&
		    is_outcome(c->literal.string))
			return true;
		buf_addf(why,
		    "'%s' is equal to all, partial, none or skipped, or is not (== and !=)",
		    safe(c->text));
		return false;
	case NAME_STEP_SUM:
	case NAME_STEP_MAX:
	case NAME_STEP_MIN:
	case NAME_STEP_COUNT:
		if (c->op == OP_NONE || c->literal.type == TYPE_NUMBER)
			return true;
		buf_addf(why, "'%s' is a number, and is to be compared with %s", safe(c->text),
		    type_names[c->literal.type]);
		return false;
	default:
		return true;
	}
}

const struct condition *condition_compile(const char *text, const struct template_scope *scope,
    struct arena *arena, struct buf *why)
{
	struct span rest = trim((struct span){ text, strlen(text) }), name;
	struct condition *c = arena_take(arena, sizeof(*c));

	if (!read_name(&rest, &name, why))
		return NULL;
	if (name.len == 0) {
		buf_addstr(why, "a comparison begins with a name, such as steps.ID.sum.FIELD > 0");
		return NULL;
	}
	if (!set_name(c, name, scope, arena, why))
		return NULL;
	if (rest.len > 0 &&
	    (!read_operator(&rest, &c->op, why) || !read_literal(rest, &c->literal, arena, why)))
		return NULL;
	return can_compare(c, why) ? c : NULL;
}

const struct name *condition_name(const struct condition *c)
{
	return c->name;
}

/* Asking. */

static bool is_true(const struct operand *o)
{
	return o->type == TYPE_STRING ? o->string[0] != '\0' : o->number != 0;
}

static bool is_equal(const struct operand *a, const struct operand *b)
{
	if (a->type != b->type || a->type == TYPE_COLLECTION)
		return false;
	return a->type == TYPE_STRING ? strcmp(a->string, b->string) == 0 : a->number == b->number;
}

static bool is_ordered(int order, enum comparison op)
{
	switch (op) {
	case OP_LESS:
		return order < 0;
	case OP_LESS_EQUAL:
		return order <= 0;
	case OP_GREATER:
		return order > 0;
	default:
		return order >= 0;
	}
}

static int order_of(const struct operand *a, const struct operand *b)
{
	if (a->type == TYPE_STRING)
		return strcmp(a->string, b->string);
	return (a->number > b->number) - (a->number < b->number);
}

int condition_holds(const struct condition *c, const cJSON *value, struct buf *why)
{
	struct operand left = c->known;

	if (c->name != NULL) {
		if (value == NULL) {
			buf_addf(why, "'%s': there is no such field", safe(c->text));
			return -1;
		}
		left = operand_of(value);
	}
	if (c->op == OP_NONE)
		return is_true(&left);
	if (c->op == OP_EQUAL || c->op == OP_NOT_EQUAL)
		return is_equal(&left, &c->literal) == (c->op == OP_EQUAL);
	if (left.type != c->literal.type ||
	    (left.type != TYPE_NUMBER && left.type != TYPE_STRING)) {
		buf_addf(why,
		    "'%s' is %s, and is to be ordered against %s: only two numbers or "
		    "two strings have an order",
		    safe(c->text), type_names[left.type], type_names[c->literal.type]);
		return -1;
	}
	return is_ordered(order_of(&left, &c->literal), c->op);
}
