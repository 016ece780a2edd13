#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "shared/buf.h"
#include "shared/xalloc.h"
#include "supervisor/report/report_html.h"

Suite *report_html_suite(void);

#define NOON INT64_C(1795449600000)

static struct buf out;

static void setup(void)
{
	out = (struct buf)BUF_INIT;
}

static void teardown(void)
{
	buf_free(&out);
}

/* Text. */

static void expect_text(const char *text, const char *escaped)
{
	html_text(&out, text);
	ck_assert_str_eq(buf_str(&out), escaped);
	buf_reset(&out);
}

START_TEST(text_is_escaped)
{
	expect_text("a < b && c > \"d\" 'e'", "a &lt; b &amp;&amp; c &gt; &quot;d&quot; 'e'");
	expect_text("</script><!--", "&lt;/script&gt;&lt;!--");
	expect_text("grün 中 🙂", "grün 中 🙂");
	expect_text("", "");
	html_text(&out, NULL);
	ck_assert_uint_eq(out.len, 0);
}
END_TEST

/* also where somebody made it safe before: nothing is escaped twice */
START_TEST(what_acts_is_made_visible)
{
	expect_text("a\x1b[31mb", "a\\x1b[31mb");
	expect_text("\\x1b", "\\x1b");
	expect_text("x\xe2\x80\xaetxt.exe", "x\\u{202e}txt.exe");
	expect_text("\xff", "\\xff");
	expect_text("\xef\xbf\xbf", "\xef\xbf\xbd");
	expect_text("one\ntwo\tthree", "one two three");
	html_block(&out, "one\ntwo\tthree\a", 14, 100);
	ck_assert_str_eq(buf_str(&out), "one\ntwo\tthree\\x07");
}
END_TEST

static void expect_cut(const char *text, size_t max, const char *shown, bool cut)
{
	ck_assert_int_eq(html_cut(&out, text, max), cut);
	ck_assert_str_eq(buf_str(&out), shown);
	ck_assert_uint_le(out.len, max);
	buf_reset(&out);
}

/* by bytes of what is written, between characters, and never in an escape */
START_TEST(text_is_cut)
{
	expect_cut("abcdef", 6, "abcdef", false);
	expect_cut("abcdefg", 6, "abc…", true);
	expect_cut("ab<<<", 9, "ab&lt;…", true);
	expect_cut("ab<<<", 8, "ab…", true);
	expect_cut("ääää", 7, "ää…", true);
	expect_cut("<<", 3, "…", true);
	for (size_t max = 3; max < 40; max++) {
		bool cut = html_cut(&out, "a<ä中🙂&\"\x1b>é", max);

		ck_assert_uint_le(out.len, max);
		ck_assert_int_eq(cut, strstr(buf_str(&out), "…") != NULL);
		buf_reset(&out);
	}
}
END_TEST

START_TEST(pieces_need_room)
{
	struct html_room room = { .left = 5 };
	struct buf piece = BUF_INIT;

	buf_addstr(&piece, "abc");
	ck_assert(html_put(&out, &piece, &room));
	buf_addstr(&piece, "def");
	ck_assert(!html_put(&out, &piece, &room));
	buf_addstr(&piece, "gh");
	ck_assert(html_put(&out, &piece, &room));
	ck_assert_str_eq(buf_str(&out), "abcgh");
	ck_assert_uint_eq(room.left_out, 1);
	buf_free(&piece);
}
END_TEST

/* Well-formed: what an XML parser is strict about, as far as the page can get it wrong. */

static size_t name_len(const char *s)
{
	return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");
}

static const char *skip_entity(const char *s)
{
	static const char *const known[] = { "&amp;", "&lt;", "&gt;", "&quot;" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strncmp(s, known[i], strlen(known[i])) == 0)
			return s + strlen(known[i]);
	ck_abort_msg("no entity: %.40s", s);
}

/* From after the name of a tag to after its '>'. */
static const char *skip_attributes(const char *s, bool *closed)
{
	while (*s == ' ') {
		size_t len = name_len(++s);

		ck_assert_msg(len > 0 && strncmp(s + len, "=\"", 2) == 0, "attribute: %.40s", s);
		for (s += len + 2; *s != '"';) {
			ck_assert_msg(*s != '<' && *s != '\0', "attribute: %.40s", s);
			s = *s == '&' ? skip_entity(s) : s + 1;
		}
		s++;
	}
	*closed = *s == '/';
	s += *closed;
	ck_assert_msg(*s == '>', "tag: %.40s", s);
	return s + 1;
}

static void expect_well_formed(const char *s)
{
	const char *open[64];
	size_t depth = 0;
	bool closed;

	ck_assert(strncmp(s, "<!DOCTYPE html>", 15) == 0);
	for (s += 15; *s != '\0';) {
		if (strncmp(s, "<![CDATA[", 9) == 0) {
			s = strstr(s, "]]>");
			ck_assert_ptr_nonnull(s);
			s += 3;
		} else if (strncmp(s, "</", 2) == 0) {
			size_t len = name_len(s + 2);

			ck_assert_msg(depth > 0 && name_len(open[depth - 1]) == len &&
				strncmp(open[depth - 1], s + 2, len) == 0 && s[2 + len] == '>',
			    "closed: %.40s, open: %.40s", s, depth > 0 ? open[depth - 1] : "");
			depth--;
			s += len + 3;
		} else if (*s == '<') {
			const char *name = s + 1;

			ck_assert_msg(name_len(name) > 0, "tag: %.40s", s);
			s = skip_attributes(name + name_len(name), &closed);
			ck_assert_uint_lt(depth, 64);
			if (!closed)
				open[depth++] = name;
		} else if (*s == '&') {
			s = skip_entity(s);
		} else {
			s++;
		}
	}
	ck_assert_uint_eq(depth, 0);
}

/* Reports made by hand, each of whose texts is as long and as bad as it can be. */

struct made {
	struct report r;
	struct report_group group;
	size_t *indices;
	char *text; /* 10,000 bytes that get six times as many, or four */
	char *merged;
	char id[65];
};

static char *filled(size_t len, char c)
{
	char *s = xcalloc(len + 1, 1);

	memset(s, c, len);
	return s;
}

static void fill_attempt(struct report_attempt *a, const struct made *m, size_t task,
    unsigned number, enum result_status status)
{
	*a = (struct report_attempt){ .task = task,
		.number = number,
		.phase = REPORT_ENDED,
		.status = status,
		.reason = REASON_EXIT,
		.exit_status = 1,
		.error = m->text + 9000,
		.warning = m->text + 9000,
		.started_ms = NOON + (int64_t)task * 1000,
		.ended_ms = NOON + (int64_t)task * 1000 + 900,
		.duration_ms = 900,
		.lane = (unsigned)task % 7,
		.out_path = m->id,
		.err_path = m->id,
		.out_bytes = 1 << 20,
		.err_bytes = 1 << 20,
		.out_tail = m->text + 6000,
		.err_tail = m->text + 6000,
		.usage = { .known = true,
		    .input_tokens = TOKENS_MAX,
		    .usd_known = true,
		    .usd = 123456 },
		.leftovers = 3 };
}

static void fill_task(struct report_task *t, struct made *m, size_t i, enum result_status status)
{
	static const char *const files[] = { "a/b/c", "d/e/f" };

	*t = (struct report_task){ .id = m->id,
		.agent = m->id,
		.input = m->text + 9400,
		.phase = REPORT_ENDED,
		.status = status,
		.reason = REASON_EXIT,
		.error = m->text,
		.summary = m->text,
		.cause = m->text,
		.files = files,
		.nfiles = 2,
		.critical = true,
		.usage = { .told = 1,
		    .not_told = 1,
		    .input_tokens = UINT64_MAX / 4,
		    .usd_told = 1,
		    .usd = 1e9 } };
	t->step = i % m->r.nsteps;
}

static void make(struct made *m, size_t ntasks, size_t attempts, enum result_status status)
{
	struct report *r = &m->r;

	*m = (struct made){ 0 };
	m->text = filled(10000, '"');
	m->merged = filled(1 << 20, '<');
	memset(m->id, 'W', 64);
	*r = (struct report){ .run = "20261123-160000-0001",
		.directory = m->text,
		.name = m->text,
		.goal = m->text,
		.version = "1.0.0",
		.command = m->text,
		.cwd = m->text,
		.word = "failed",
		.verdict = m->text,
		.escalation = m->text,
		.rehearsal = true,
		.phase = REPORT_ENDED,
		.tone = REPORT_BAD,
		.exit_status = 1,
		.now_ms = NOON,
		.started_ms = NOON,
		.ended_ms = NOON + 1000000,
		.usage = { .told = 1, .not_told = 3 } };
	r->nsteps = 300;
	r->steps = xcalloc(r->nsteps, sizeof(*r->steps));
	for (size_t i = 0; i < r->nsteps; i++)
		r->steps[i] = (struct report_step){ .id = m->id,
			.title = m->text,
			.goal = m->text,
			.when = m->text,
			.escalated = m->text,
			.started_ms = NOON,
			.ended_ms = NOON + 5,
			.merged_path = m->id,
			.merged_text = m->merged,
			.merged_bytes = 1 << 20 };
	r->ntasks = ntasks;
	r->tasks = xcalloc(ntasks + 1, sizeof(*r->tasks));
	r->nattempts = ntasks * attempts;
	r->attempts = xcalloc(r->nattempts + 1, sizeof(*r->attempts));
	r->nlanes = 7;
	m->indices = xcalloc(ntasks + 1, sizeof(*m->indices));
	for (size_t i = 0; i < ntasks; i++) {
		fill_task(&r->tasks[i], m, i, status);
		m->indices[i] = i;
		r->tasks[i].attempts = &r->attempts[i * attempts];
		r->tasks[i].nattempts = attempts;
		for (size_t k = 0; k < attempts; k++)
			fill_attempt(&r->attempts[i * attempts + k], m, i, (unsigned)k + 1,
			    k + 1 < attempts ? RESULT_FAILED : status);
	}
	r->path = m->indices;
	r->npath = ntasks;
	m->group = (struct report_group){ .cause = m->text, .tasks = m->indices, .ntasks = ntasks };
	r->nverdicts = 200;
	r->verdicts = xcalloc(r->nverdicts, sizeof(*r->verdicts));
	for (size_t i = 0; i < r->nverdicts; i++)
		r->verdicts[i] = (struct report_verdict){ .debugger = m->id,
			.valid = i % 5 != 0,
			.error = m->text,
			.answer = m->text,
			.relation = "related",
			.cause = m->text,
			.fix = m->text,
			.groups = &m->group,
			.ngroups = 1 };
	r->nremarks = 200;
	r->remarks = xcalloc(r->nremarks, sizeof(*r->remarks));
	for (size_t i = 0; i < r->nremarks; i++)
		r->remarks[i] = (struct report_remark){ .kind = i % 4, .text = m->text };
}

static void unmake(struct made *m)
{
	free(m->r.steps);
	free(m->r.tasks);
	free(m->r.attempts);
	free(m->r.verdicts);
	free(m->r.remarks);
	free(m->indices);
	free(m->text);
	free(m->merged);
}

static void expect_bound(size_t ntasks, size_t attempts, enum result_status status)
{
	struct made m;

	make(&m, ntasks, attempts, status);
	report_html(&out, &m.r);
	ck_assert_uint_le(out.len, HTML_MAX + ntasks * HTML_MAX_TASK);
	ck_assert_uint_eq(strlen(buf_str(&out)), out.len);
	expect_well_formed(buf_str(&out));
	unmake(&m);
	buf_reset(&out);
}

START_TEST(size_is_bounded)
{
	expect_bound(0, 0, RESULT_FAILED);
	expect_bound(1, 100, RESULT_FAILED);
	expect_bound(50, 100, RESULT_FAILED);
	expect_bound(50, 5, RESULT_SUCCEEDED);
	expect_bound(1500, 3, RESULT_FAILED);
}
END_TEST

/* what is not there is said; every task has its row, however bad the others are */
START_TEST(what_is_cut_is_said)
{
	struct made m;
	size_t rows = 0;

	make(&m, 1500, 3, RESULT_FAILED);
	report_html(&out, &m.r);
	for (const char *s = buf_str(&out); (s = strstr(s, "<tr id=\"t")) != NULL; s++)
		rows++;
	ck_assert_uint_eq(rows, 1500);
	ck_assert_ptr_nonnull(
	    strstr(buf_str(&out), "There is no room here for what the attempts of "));
	ck_assert_ptr_nonnull(strstr(buf_str(&out), ", its beginning"));
	ck_assert_ptr_nonnull(strstr(buf_str(&out), "There is no room to draw "));
	unmake(&m);
}
END_TEST

/* the last lines are what matters of what an attempt printed */
START_TEST(tail_keeps_its_end)
{
	struct made m;
	char *tail = filled(4000, '<');

	memcpy(tail + 3990, "the end...", 10);
	make(&m, 1, 1, RESULT_FAILED);
	m.r.attempts[0].err_tail = tail;
	report_html(&out, &m.r);
	ck_assert_ptr_nonnull(strstr(buf_str(&out), "the end...</pre>"));
	ck_assert_ptr_nonnull(strstr(buf_str(&out), "; its end:"));
	free(tail);
	unmake(&m);
}
END_TEST

/* attempts that nobody could see apart are one bar; one that failed never disappears */
START_TEST(short_bars_are_joined)
{
	struct made m;
	size_t bars = 0;

	make(&m, 4000, 1, RESULT_SUCCEEDED);
	for (size_t i = 0; i < 4000; i++) {
		m.r.tasks[i].critical = false;
		m.r.attempts[i].lane = 0;
		m.r.attempts[i].started_ms = NOON + (int64_t)i;
		m.r.attempts[i].ended_ms = NOON + (int64_t)i + 1;
	}
	m.r.attempts[2000].status = RESULT_FAILED;
	report_html(&out, &m.r);
	const char *svg = strstr(buf_str(&out), "<svg class=\"bars\"");
	const char *end = strstr(svg, "<ul class=\"legend\">");
	for (const char *s = svg; (s = strstr(s, "<rect class=\"b ")) != NULL && s < end; s++)
		bars++;
	ck_assert_uint_eq(bars, 3);
	ck_assert_ptr_nonnull(strstr(svg, "2,000 attempts that succeeded"));
	ck_assert_ptr_nonnull(strstr(svg, "data-t=\"2000\""));
	unmake(&m);
}
END_TEST

START_TEST(unknown_usage_is_not_zero)
{
	struct made m;

	make(&m, 1, 1, RESULT_SUCCEEDED);
	m.r.usage = (struct report_usage){ .not_told = 1 };
	m.r.tasks[0].usage = m.r.usage;
	m.r.attempts[0].usage = (struct usage){ 0 };
	report_html(&out, &m.r);
	ck_assert_ptr_nonnull(strstr(buf_str(&out), "<dt>Tokens</dt><dd>not reported</dd>"));
	ck_assert_ptr_nonnull(strstr(buf_str(&out), "<dt>Cost</dt><dd>not reported</dd>"));
	ck_assert_ptr_null(strstr(buf_str(&out), "$0"));
	unmake(&m);
}
END_TEST

/* nothing at all has happened yet */
START_TEST(empty_report)
{
	struct report r = { .run = "20261123-160000-0001",
		.directory = "/tmp",
		.phase = REPORT_RUNNING,
		.tone = REPORT_UNFINISHED,
		.word = "running",
		.verdict = "Running: there were no tasks",
		.exit_status = -1 };

	report_html(&out, &r);
	expect_well_formed(buf_str(&out));
	ck_assert_ptr_nonnull(strstr(buf_str(&out), "No attempt was started."));
	ck_assert_ptr_nonnull(strstr(buf_str(&out), "Nothing was merged."));
	ck_assert_ptr_nonnull(strstr(buf_str(&out), "No agent was asked."));
}
END_TEST

Suite *report_html_suite(void)
{
	Suite *s = suite_create("report_html");
	TCase *tc = tcase_create("report_html");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, text_is_escaped);
	tcase_add_test(tc, what_acts_is_made_visible);
	tcase_add_test(tc, text_is_cut);
	tcase_add_test(tc, pieces_need_room);
	tcase_add_test(tc, size_is_bounded);
	tcase_add_test(tc, what_is_cut_is_said);
	tcase_add_test(tc, tail_keeps_its_end);
	tcase_add_test(tc, short_bars_are_joined);
	tcase_add_test(tc, unknown_usage_is_not_zero);
	tcase_add_test(tc, empty_report);
	suite_add_tcase(s, tc);
	return s;
}
