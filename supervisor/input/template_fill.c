#include <string.h>

#include "shared/xalloc.h"
#include "supervisor/input/template.h"
#include "supervisor/input/template_scan.h"

/* A tree that is being filled. On the stack of template_fill(). */
struct filling {
	template_lookup *lookup;
	void *context;
	struct buf *why;
	const cJSON *blame; /* the node that could not be filled */
};

/*
 * A text that is being written: what stands there as text, gathered until a template follows, since
 * a ${{ may come together from two pieces. On the stack of fill_text().
 */
struct writing {
	struct buf plain;
	struct buf out;
};

/* A $ right before a template would make it a literal one. */
static void flush_before_template(struct writing *w)
{
	size_t len = w->plain.len;

	while (len > 0 && w->plain.data[len - 1] == '$')
		len--;
	template_quote(&w->out, buf_str(&w->plain), len);
	if (len < w->plain.len)
		buf_addf(&w->out, "${{ '%s' }}", w->plain.data + len);
	buf_reset(&w->plain);
}

/* The key of `node` for `copy`, instead of the one that it may have. */
static void take_key(cJSON *copy, const cJSON *node)
{
	if ((copy->type & cJSON_StringIsConst) == 0)
		cJSON_free(copy->string);
	copy->type &= ~cJSON_StringIsConst;
	copy->string = node->string != NULL ? xstrdup(node->string) : NULL;
}

static void set_string(cJSON *node, struct buf *text)
{
	cJSON_free(node->valuestring);
	node->valuestring = buf_detach(text);
}

static bool has_template(const cJSON *node)
{
	return cJSON_IsString(node) && node->valuestring != NULL && template_is(node->valuestring);
}

/* Quotes the strings of a value that is put in. */
static void quote_all(cJSON *value)
{
	cJSON *child;

	cJSON_ArrayForEach(child, value) quote_all(child);
	if (has_template(value)) {
		struct buf text = BUF_INIT;

		template_quote(&text, value->valuestring, strlen(value->valuestring));
		set_string(value, &text);
	}
}

/* The value of a name; *failed when it cannot have one. */
static cJSON *look_up(struct filling *f, const struct piece *p, bool *failed)
{
	size_t before = f->why->len;
	cJSON *value = f->lookup(f->context, p->text, p->len, f->why);

	*failed = value == NULL && f->why->len > before;
	return value;
}

static bool write_piece(struct filling *f, struct writing *w, const struct piece *p)
{
	bool failed;
	cJSON *value;

	if (p->kind == PIECE_OPEN) {
		scan_not_closed(f->why);
		return false;
	}
	if (p->kind == PIECE_TEXT) {
		buf_add(&w->plain, p->text, p->len);
		return true;
	}
	value = look_up(f, p, &failed);
	if (value != NULL) {
		template_value(&w->plain, value);
		cJSON_Delete(value);
	} else if (!failed) {
		flush_before_template(w);
		buf_add(&w->out, p->source, p->source_len);
	}
	return !failed;
}

/* Fills `copy`, a string that is text around templates. */
static bool fill_text(struct filling *f, cJSON *copy)
{
	struct scan s = scan_text(copy->valuestring, strlen(copy->valuestring));
	struct writing w = { BUF_INIT, BUF_INIT };
	struct piece p;
	bool good = true;

	while (good && (p = scan_next(&s)).kind != PIECE_END)
		good = write_piece(f, &w, &p);
	if (good) {
		template_quote(&w.out, buf_str(&w.plain), w.plain.len);
		set_string(copy, &w.out);
	}
	buf_free(&w.plain);
	buf_free(&w.out);
	return good;
}

/* Whether a text is a single template and nothing else. */
static bool is_single(const char *text, struct piece *p)
{
	struct scan s = scan_text(text, strlen(text));

	*p = scan_next(&s);
	return p->kind == PIECE_NAME && s.at == s.end;
}

/* Takes the copy of a string with a template in it, and gives what it becomes; NULL when it could not be filled. */
static cJSON *fill_string(struct filling *f, cJSON *copy)
{
	struct piece single;
	bool failed = false;
	cJSON *value;

	if (!is_single(copy->valuestring, &single)) {
		failed = !fill_text(f, copy);
	} else if ((value = look_up(f, &single, &failed)) != NULL) {
		quote_all(value);
		take_key(value, copy);
		cJSON_Delete(copy);
		return value;
	}
	if (!failed)
		return copy;
	cJSON_Delete(copy);
	return NULL;
}

static cJSON *fill(struct filling *f, const cJSON *node)
{
	cJSON *copy = cJSON_Duplicate(node, false), *part;
	const cJSON *child;

	take_key(copy, node);
	if (has_template(node)) {
		copy = fill_string(f, copy);
		if (copy == NULL)
			f->blame = node;
		return copy;
	}
	cJSON_ArrayForEach(child, node)
	{
		part = fill(f, child);
		if (part == NULL) {
			cJSON_Delete(copy);
			return NULL;
		}
		/* to an object too: the part has its key already */
		cJSON_AddItemToArray(copy, part);
	}
	return copy;
}

cJSON *template_fill(const cJSON *tree, template_lookup *lookup, void *context, struct buf *why,
    const cJSON **where)
{
	struct filling f = { .lookup = lookup, .context = context, .why = why };
	cJSON *copy = fill(&f, tree);

	if (where != NULL)
		*where = f.blame;
	return copy;
}
