#include "supervisor/plan/scope.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/buf.h"
#include "shared/xalloc.h"
#include "supervisor/input/arena.h"
#include "supervisor/plan/pattern.h"

/* Symbolic links that are followed on one path, as many as the kernel does. */
#define LINKS_MAX 40

/* What one task declares; its owner frees it with scope_free(). */
struct scope {
	struct pattern *writes;
	size_t nwrites;
	struct pattern *reads;
	size_t nreads;
};

/* Made by scopes_new(), freed by scopes_free(). NULL stands for a scope that nobody asked for. */
struct scopes {
	struct scope **v;
	size_t cap;
};

/*
 * A path while it is walked along. `text` is the pattern so far; `real` is what exists of it, as
 * a plain path without links; `beyond` counts the names of text that follow what exists.
 */
struct walk {
	struct buf text;
	struct buf real;
	size_t beyond;
	unsigned links;
};

/* Where the last name begins, with its slash. */
static size_t last_name(const struct buf *b)
{
	size_t at = b->len;
	while (at > 0 && b->data[at - 1] != '/')
		at--;
	return at > 0 ? at - 1 : 0;
}

static void cut(struct buf *b, size_t len)
{
	if (b->len > len) {
		b->len = len;
		b->data[len] = '\0';
	}
}

static void go_to_root(struct walk *w)
{
	buf_reset(&w->text);
	buf_reset(&w->real);
	w->beyond = 0;
}

static void go_up(struct walk *w)
{
	if (w->text.len == 0)
		return;
	size_t at = last_name(&w->text);
	bool any_depth = strcmp(w->text.data + at, "/**") == 0;
	cut(&w->text, at);
	if (w->beyond > 0)
		w->beyond--;
	else
		cut(&w->real, last_name(&w->real));
	if (any_depth) {
		/* above any number of names: all that was there, and what is above its beginning */
		go_up(w);
		buf_addstr(&w->text, "/**");
		w->beyond++;
	}
}

/* Puts the target of a link in front of what is still to be walked. */
static void follow(struct walk *w, struct buf *rest, const char *target, size_t len)
{
	struct buf next = BUF_INIT;
	w->links++;
	if (target[0] == '/')
		go_to_root(w);
	pattern_quote(&next, target, len);
	buf_addch(&next, '/');
	buf_add(&next, rest->data, rest->len);
	buf_free(rest);
	*rest = next;
}

/* Goes to a name that stands for itself. */
static void go_into(struct walk *w, const char *name, size_t len, struct buf *rest)
{
	char target[PATH_MAX];
	if (w->beyond > 0) {
		w->beyond++;
	} else {
		size_t above = w->real.len;
		buf_addch(&w->real, '/');
		buf_add(&w->real, name, len);
		ssize_t n =
		    w->links < LINKS_MAX ? readlink(buf_str(&w->real), target, sizeof target) : -1;
		if (n > 0) {
			cut(&w->real, above);
			follow(w, rest, target, (size_t)n);
			return;
		}
		/* EINVAL: it is there and no link */
		if (errno != EINVAL || w->links >= LINKS_MAX) {
			cut(&w->real, above);
			w->beyond++;
		}
	}
	buf_addch(&w->text, '/');
	pattern_quote(&w->text, name, len);
}

static void go_along(struct walk *w, struct buf *rest)
{
	struct buf name = BUF_INIT;
	struct buf plain = BUF_INIT;
	while (rest->len > 0) {
		size_t len = strcspn(rest->data, "/");
		buf_reset(&name);
		buf_add(&name, rest->data, len);
		buf_consume(rest, len + (rest->data[len] == '/'));
		if (len == 0)
			continue;
		buf_reset(&plain);
		bool is_plain = pattern_plain(&plain, name.data, name.len);
		/* also one in brackets */
		if (is_plain && strcmp(plain.data, ".") == 0)
			continue;
		if (is_plain && strcmp(plain.data, "..") == 0) {
			go_up(w);
		} else if (is_plain) {
			go_into(w, plain.data, plain.len, rest);
		} else {
			buf_addch(&w->text, '/');
			buf_add(&w->text, name.data, name.len);
			w->beyond++;
		}
	}
	buf_free(&name);
	buf_free(&plain);
}

/* The current directory holds no link, so it need not be walked. */
static void go_to_current(struct walk *w)
{
	char *current = getcwd(NULL, 0);
	if (current != NULL && strcmp(current, "/") != 0) {
		buf_addstr(&w->real, current);
		pattern_quote(&w->text, current, strlen(current));
	}
	free(current);
}

/* Whether it is written so that it can be nothing but a directory. */
static bool names_directory(const char *pattern)
{
	const char *slash = strrchr(pattern, '/');
	const char *last = slash != NULL ? slash + 1 : pattern;
	return *last == '\0' || strcmp(last, ".") == 0 || strcmp(last, "..") == 0;
}

/* Whether the last name of an absolute pattern stands for itself, or for any depth already. */
static bool ends_plain(const struct buf *text)
{
	struct buf plain = BUF_INIT;
	if (text->len == 0)
		return true;
	const char *last = text->data + last_name(text) + 1;
	bool is_plain = strcmp(last, "**") == 0 || pattern_plain(&plain, last, strlen(last));
	buf_free(&plain);
	return is_plain;
}

char *scope_absolute(const char *pattern, const char *cwd)
{
	struct walk w = { .text = BUF_INIT, .real = BUF_INIT };
	struct buf rest = BUF_INIT;
	if (pattern[0] != '/' && cwd != NULL) {
		pattern_quote(&rest, cwd, strlen(cwd));
		buf_addch(&rest, '/');
	}
	buf_addstr(&rest, pattern);
	if (buf_str(&rest)[0] != '/')
		go_to_current(&w);
	go_along(&w, &rest);
	if (names_directory(pattern) && !ends_plain(&w.text))
		buf_addstr(&w.text, "/**");
	if (w.text.len == 0)
		buf_addch(&w.text, '/');
	buf_free(&rest);
	buf_free(&w.real);
	return buf_detach(&w.text);
}

static struct pattern *make_patterns(const char *const *texts, size_t count, const char *cwd)
{
	if (count == 0)
		return NULL;
	struct pattern *patterns = xcalloc(count, sizeof *patterns);
	for (size_t i = 0; i < count; i++) {
		char *text = scope_absolute(texts[i], cwd);
		pattern_init(&patterns[i], text);
		free(text);
	}
	return patterns;
}

static void free_patterns(struct pattern *patterns, size_t count)
{
	for (size_t i = 0; i < count; i++)
		pattern_free(&patterns[i]);
	free(patterns);
}

static void scope_make(struct scope *s, const struct task *task)
{
	const struct task_more *more = task->more;
	*s = (struct scope){ .nwrites = more->nwrites, .nreads = more->nreads };
	s->writes = make_patterns(more->writes, more->nwrites, more->cwd);
	s->reads = make_patterns(more->reads, more->nreads, more->cwd);
}

static void scope_free(struct scope *s)
{
	free_patterns(s->writes, s->nwrites);
	free_patterns(s->reads, s->nreads);
}

static bool any_meet(struct pattern *a, size_t na, struct pattern *b, size_t nb)
{
	for (size_t i = 0; i < na; i++) {
		for (size_t j = 0; j < nb; j++) {
			if (pattern_meets(&a[i], &b[j]))
				return true;
		}
	}
	return false;
}

static bool conflict(struct scope *a, struct scope *b)
{
	return any_meet(a->writes, a->nwrites, b->writes, b->nwrites) ||
	    any_meet(a->writes, a->nwrites, b->reads, b->nreads) ||
	    any_meet(a->reads, a->nreads, b->writes, b->nwrites);
}

/* Without paths on both sides, one of them written, there is nothing to look at. */
static bool may_conflict(const struct task *a, const struct task *b)
{
	const struct task_more *ma = a->more;
	const struct task_more *mb = b->more;
	if (ma == NULL || mb == NULL)
		return false;
	return (ma->nwrites > 0 && mb->nwrites + mb->nreads > 0) ||
	    (ma->nreads > 0 && mb->nwrites > 0);
}

struct scopes *scopes_new(void)
{
	return xcalloc(1, sizeof(struct scopes));
}

void scopes_free(struct scopes *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->cap; i++)
		scopes_forget(s, i);
	table_free(s->v, s->cap, sizeof(*s->v));
	free(s);
}

void scopes_forget(struct scopes *s, size_t index)
{
	if (index >= s->cap || s->v[index] == NULL)
		return;
	scope_free(s->v[index]);
	free(s->v[index]);
	s->v[index] = NULL;
}

static struct scope *find(struct scopes *s, size_t index, const struct task *task)
{
	if (index >= s->cap)
		s->v = table_grow(s->v, &s->cap, index + 1, sizeof(*s->v));
	if (s->v[index] == NULL) {
		s->v[index] = xcalloc(1, sizeof(struct scope));
		scope_make(s->v[index], task);
	}
	return s->v[index];
}

bool scopes_meet(struct scopes *s, size_t a, const struct task *task_a, size_t b,
    const struct task *task_b)
{
	if (!may_conflict(task_a, task_b))
		return false;
	/* a scope stays where it is when the table moves */
	struct scope *scope_a = find(s, a, task_a);
	return conflict(scope_a, find(s, b, task_b));
}

bool scope_covers_path(const struct task *task, const char *path)
{
	if (task->more == NULL || task->more->nwrites == 0)
		return false;
	struct buf quoted = BUF_INIT;
	struct pattern where;
	struct scope scope;
	pattern_quote(&quoted, path, strlen(path));
	char *absolute = scope_absolute(buf_str(&quoted), NULL);
	pattern_init(&where, absolute);
	scope_make(&scope, task);
	bool covered = any_meet(scope.writes, scope.nwrites, &where, 1);
	scope_free(&scope);
	pattern_free(&where);
	free(absolute);
	buf_free(&quoted);
	return covered;
}
