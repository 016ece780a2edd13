#include <check.h>
#include <string.h>

#include "workers/signature.h"

Suite *signature_suite(void);

START_TEST(telling)
{
	static const struct {
		const char *in;
		const char *out;
	} cases[] = {
		{ "", "" },
		{ " \n---\n\n", "" },
		{ "one\ntwo\n", "two" },
		{ "error: real\nmake: *** [Makefile:2: all] Error 1\n", "error: real" },
		{ "Traceback (most recent call last):\n  File \"x.py\", line 1, in f\n    g()\n"
		  "ValueError: bad\n",
		    "ValueError: bad" },
		{ "node:internal/x:5\n  throw err;\n  ^\n\nError: no\n    at f (/x.js:1:2)\n  code: "
		  "'ENOENT',\n  errno: -2\n}\n\nNode.js v20.1.0\n",
		    "Error: no" },
		{ "a.c: In function 'f':\na.c:1:2: error: first\n    1 | f(\n      |  ^\na.c:9:2: "
		  "error: second\n",
		    "a.c:1:2: error: first" },
		{ "error[E0425]: cannot find value `x`\n --> m.rs:1:2\n  |\n1 | x\n  | ^\n\nerror: "
		  "aborting due to 1 previous error\n",
		    "error[E0425]: cannot find value `x`" },
		{ "npm error code E404\nnpm error 404 Not Found - GET http://x/y\nnpm error A complete "
		  "log of this run can be found in: /x\n",
		    "404 Not Found - GET http://x/y" },
		{ "error: early\n10%\r50%\r100%\rdone\n", "error: early" },
		{ "error: early\nfatal: late\nall is lost\n", "fatal: late" },
		{ "fatal: why\nhint: do this, it may fail\n", "fatal: why" },
		{ "\033[31merror:\033[0m red\n", "error: red" },
		{ "main.go:3 started\nworker 5 could not connect\nbye\n",
		    "worker 5 could not connect" },
	};
	struct telling lines[TELLING_MAX];
	struct buf text = BUF_INIT;
	size_t count;

	signature_clean(&text, cases[_i].in, strlen(cases[_i].in));
	count = signature_telling_lines(buf_str(&text), text.len, lines);
	ck_assert_int_eq(count > 0, cases[_i].out[0] != '\0');
	if (count > 0) {
		ck_assert_uint_eq(lines[0].len, strlen(cases[_i].out));
		ck_assert_mem_eq(lines[0].data, cases[_i].out, lines[0].len);
	}
	buf_free(&text);
}
END_TEST

START_TEST(blank)
{
	static const struct {
		const char *in;
		const char *out;
	} cases[] = {
		{ "", "" },
		{ "error: 17 of 293 failed", "error: <n> of <n> failed" },
		{ "took 429ms in worker-12", "took <n>ms in worker-<n>" },
		{ "cannot open '/a/b.c': no", "cannot open <quoted>: no" },
		{ "undefined reference to `foo'", "undefined reference to <quoted>" },
		{ "can't do what isn't there", "can't do what isn't there" },
		{ "\xe2\x80\x98x y\xe2\x80\x99 undeclared", "<quoted> undeclared" },
		{ "cat: /etc/a/b: denied", "cat: <path>: denied" },
		{ "cat: a.txt: denied", "cat: <path>: denied" },
		{ "src/x.c:12:5: error: no", "<path>: error: no" },
		{ "see https://x.example/a?b=1 now", "see <url> now" },
		{ "connect 127.0.0.1:80 refused", "connect <address> refused" },
		{ "connect fe80::1%eth0 refused", "connect <address> refused" },
		{ "connect ::1 refused", "connect <address> refused" },
		{ "at 2026-01-02T03:04:05Z it", "at <time> it" },
		{ "at 12:30:01.5 it", "at <time> it" },
		{ "id 123e4567-e89b-12d3-a456-426614174000.", "id <uuid>." },
		{ "at 0x7fff12ab", "at <hex>" },
		{ "container 3f2a9c81d0e4 died", "container <hex> died" },
		{ "request req_011CX6gvtgRAWUuqDBUu82TT", "request <id>" },
		{ "error TS2304: x", "error TS2304: x" },
		{ "error[E0308]: x", "error[E0308]: x" },
		{ "read and/or write", "read and/or write" },
		{ "a \t  b", "a b" },
	};
	struct buf out = BUF_INIT;

	signature_blank(&out, cases[_i].in, strlen(cases[_i].in));
	ck_assert_str_eq(buf_str(&out), cases[_i].out);
	buf_free(&out);
}
END_TEST

START_TEST(whole)
{
	struct buf a = BUF_INIT, b = BUF_INIT;

	signature_of(&a, "exit", "exit 1", "error: row 17", 13);
	signature_of(&b, "exit", "exit 1", "error: row 204", 14);
	ck_assert_str_eq(buf_str(&a), buf_str(&b));
	buf_reset(&b);
	signature_of(&b, "exit", "exit 2", "error: row 17", 13);
	ck_assert_str_ne(buf_str(&a), buf_str(&b));
	buf_free(&a);
	buf_free(&b);
}
END_TEST

START_TEST(words)
{
	static const char line[] = "Rate Limit: ECONNREFUSED_x at rate";

	ck_assert_ptr_eq(signature_find(line, strlen(line), "rate limit"), line);
	ck_assert_ptr_eq(signature_find(line, strlen(line), "ECONNREFUSED"), NULL);
	ck_assert_ptr_eq(signature_find(line, strlen(line), "ate"), NULL);
	ck_assert_ptr_eq(signature_find(line, 3, "rate"), NULL);
}
END_TEST

START_TEST(about_code)
{
	static const struct {
		const char *line;
		bool about;
	} cases[] = {
		{ "a.c:1:2: error: 'rate_limit' undeclared", true },
		{ "src/a.ts(1,2): error TS2304: Cannot find name 'Unauthorized'.", true },
		{ "NameError: name 'quota' is not defined", true },
		{ "AssertionError: 429 != 200", true },
		{ "2026/01/02 main.go:12: dial tcp: connection refused", false },
		{ "fatal: no", false },
		{ "TypeError: fetch failed", false },
	};

	ck_assert_int_eq(signature_is_about_code(cases[_i].line, strlen(cases[_i].line)),
	    cases[_i].about);
}
END_TEST

/* Escapes are removed whole, also one that the end cuts off. */
START_TEST(cleaning)
{
	static const char in[] = "a\033[1;31mb\033]0;t\ac\033]8;;u\033\\d\r\ne\001f\033(Bg\033[1";
	struct buf out = BUF_INIT;

	signature_clean(&out, in, strlen(in));
	ck_assert_str_eq(buf_str(&out), "abcd\n\ne fBg");
	buf_free(&out);
}
END_TEST

START_TEST(only_the_end)
{
	struct buf text = BUF_INIT, out = BUF_INIT;
	struct telling lines[TELLING_MAX];

	buf_addstr(&text, "a.c:1:1: error: too early to be seen\n");
	for (int i = 0; i < SIGNATURE_TAIL_MAX; i++)
		buf_addstr(&text, i % 50 == 0 ? "\n" : "x");
	buf_addstr(&text, "\nerror: late\n");
	signature_clean(&out, buf_str(&text), text.len);
	ck_assert_uint_le(out.len, SIGNATURE_TAIL_MAX);
	ck_assert_uint_gt(signature_telling_lines(buf_str(&out), out.len, lines), 0);
	ck_assert_int_eq(strncmp(lines[0].data, "error: late", lines[0].len), 0);
	buf_free(&text);
	buf_free(&out);
}
END_TEST

Suite *signature_suite(void)
{
	Suite *s = suite_create("signature");
	TCase *c = tcase_create("signature");

	suite_add_tcase(s, c);
	tcase_add_loop_test(c, telling, 0, 14);
	tcase_add_loop_test(c, blank, 0, 24);
	tcase_add_test(c, whole);
	tcase_add_test(c, words);
	tcase_add_loop_test(c, about_code, 0, 7);
	tcase_add_test(c, cleaning);
	tcase_add_test(c, only_the_end);
	return s;
}
