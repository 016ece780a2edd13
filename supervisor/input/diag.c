#include "supervisor/input/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "shared/buf.h"
#include "shared/text.h"

void diag_add(struct diag *d, const char *file, size_t line, size_t column, const char *fmt, ...)
{
	struct buf text = BUF_INIT, made_safe = BUF_INIT;
	va_list ap;

	if (d->count++ >= DIAG_MAX)
		return;
	buf_addf(&text, "%s:", file);
	if (line > 0)
		buf_addf(&text, "%zu:", line);
	if (line > 0 && column > 0)
		buf_addf(&text, "%zu:", column);
	buf_addch(&text, ' ');
	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	text_safe_line(&made_safe, text.data, text.len);
	d->lines[d->count - 1] = buf_detach(&made_safe);
	buf_free(&text);
}

void diag_print(const struct diag *d)
{
	struct buf out = BUF_INIT;

	for (size_t i = 0; i < d->count && i < DIAG_MAX; i++)
		buf_addf(&out, "pollard: %s\n", d->lines[i]);
	if (d->count > DIAG_MAX)
		buf_addf(&out, "pollard: and %zu more error%s\n", d->count - DIAG_MAX,
		    d->count - DIAG_MAX == 1 ? "" : "s");
	fwrite(buf_str(&out), 1, out.len, stderr);
	buf_free(&out);
}

void diag_free(struct diag *d)
{
	for (size_t i = 0; i < d->count && i < DIAG_MAX; i++)
		free(d->lines[i]);
	*d = (struct diag){ 0 };
}
