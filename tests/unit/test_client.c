#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/exits.h"
#include "shared/xalloc.h"
#include "supervisor/input/client.h"

Suite *client_suite(void);

static char dir[64];
static char *old_path;
static struct buf why;
static struct client client;

static void setup(void)
{
	old_path = xstrdup(getenv("PATH"));
	snprintf(dir, sizeof(dir), "/tmp/pollard-client-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	setenv("PATH", dir, 1);
	why = (struct buf)BUF_INIT;
}

static void file_in(const char *name, mode_t mode)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fclose(f);
	ck_assert_int_eq(chmod(path, mode), 0);
}

static void install(const char *name)
{
	file_in(name, 0755);
}

static void teardown(void)
{
	static const char *const names[] = { "claude", "codex", "gemini", "opencode", "pi", "qwen",
		"goose", "aider", "llm", "cursor-agent", "other" };
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		if (unlink(path) != 0)
			rmdir(path);
	}
	ck_assert_int_eq(rmdir(dir), 0);
	setenv("PATH", old_path, 1);
	free(old_path);
	buf_free(&why);
}

static struct agent *agent_of(const char *keys)
{
	struct buf text = BUF_INIT;
	const char *note;
	struct agent *agent;

	buf_addf(&text, "---\nname: tester\n%s---\nYou test.\n", keys);
	agent = agent_parse("agents/tester.md", "tester", buf_str(&text), text.len, &note);
	ck_assert_ptr_nonnull(agent);
	buf_free(&text);
	return agent;
}

static int choose(const struct config *config, const char *keys, bool writes)
{
	struct agent *agent = agent_of(keys);
	int status;

	buf_reset(&why);
	status = client_choose(&client, config, agent, writes, &why);
	ck_assert_int_eq(status != 0, why.len > 0);
	agent_free(agent);
	return status;
}

static void expect_backend(const struct config *config, const char *keys, const char *name)
{
	int status = choose(config, keys, false);

	ck_assert_msg(status == 0, "%s", buf_str(&why));
	ck_assert_ptr_nonnull(client.backend);
	ck_assert_str_eq(client.backend->name, name);
}

static void expect_refused(const struct config *config, const char *keys, const char *part)
{
	ck_assert_int_eq(choose(config, keys, false), EXIT_CONFIG);
	ck_assert_msg(strstr(buf_str(&why), part) != NULL, "%s", buf_str(&why));
	ck_assert_ptr_null(strchr(buf_str(&why), '\n'));
}

START_TEST(the_first_on_path)
{
	const struct config config = { 0 };

	expect_refused(&config, "", "none of 'claude', 'codex'");
	expect_refused(&config, "", "--rehearse");
	/* only when they are named */
	install("goose");
	install("llm");
	expect_refused(&config, "", "none of");
	install("qwen");
	expect_backend(&config, "", "qwen");
	ck_assert(client.chosen);
	install("codex");
	expect_backend(&config, "", "codex");
	install("claude");
	expect_backend(&config, "", "claude");
	ck_assert_ptr_eq(client_automatic(), backend_find("claude"));
}
END_TEST

START_TEST(what_is_on_path)
{
	char path[160];

	ck_assert(!client_on_path("other"));
	file_in("other", 0644);
	ck_assert(!client_on_path("other"));
	install("other");
	ck_assert(client_on_path("other"));
	snprintf(path, sizeof(path), "%s/other", dir);
	ck_assert(client_on_path(path));
	ck_assert(!client_on_path("./other"));
	snprintf(path, sizeof(path), "/nowhere::/etc/passwd:%s", dir);
	setenv("PATH", path, 1);
	ck_assert(client_on_path("other"));
	setenv("PATH", "", 1);
	ck_assert(!client_on_path("other"));
	setenv("PATH", dir, 1);
	/* a directory of that name is none */
	snprintf(path, sizeof(path), "%s/codex", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert(!client_on_path("codex"));
}
END_TEST

START_TEST(precedence)
{
	const struct config option = { .backend = "codex", .backend_given = true };
	const struct config setting = { .backend = "codex" };

	install("claude");
	install("codex");
	install("pi");
	expect_backend(&option, "backend: pi\n", "codex");
	ck_assert(!client.chosen);
	expect_backend(&setting, "backend: pi\n", "pi");
	expect_backend(&setting, "", "codex");
	ck_assert_int_eq(choose(&option, "command: cat\nbackend: pi\n", false), 0);
	ck_assert_ptr_null(client.backend);
}
END_TEST

START_TEST(what_is_refused)
{
	const struct config none = { 0 };
	const struct config option = { .backend = "codex", .backend_given = true };
	const struct config unknown = { .backend = "codx", .backend_given = true };
	const struct config cron = { .cron = true };
	const struct config cron_named = { .cron = true, .backend = "codex" };

	install("claude");
	expect_refused(&option, "", "option '--backend': 'codex' is not on PATH");
	expect_refused(&option, "", "npm install -g @openai/codex");
	expect_refused(&none, "backend: gemni\n",
	    "agent 'tester' (agents/tester.md): no backend 'gemni', did you mean 'gemini'?");
	expect_refused(&unknown, "", "did you mean 'codex'?");
	expect_refused(&none, "backend: command\n", "has no command");
	expect_refused(&cron, "", "--cron");
	install("codex");
	expect_backend(&cron_named, "", "codex");
	expect_backend(&cron, "backend: codex\n", "codex");
	ck_assert_int_eq(choose(&cron, "command: cat\n", false), 0);
}
END_TEST

static const struct {
	const char *keys;
	bool writes;
	enum access access;
} accesses[] = {
	{ "", false, ACCESS_READ },
	{ "", true, ACCESS_WRITE },
	{ "tools: Read, Grep\n", false, ACCESS_READ },
	{ "tools: Read, Write\n", false, ACCESS_WRITE },
	{ "tools: Read\n", true, ACCESS_WRITE },
	{ "access: read\ntools: Write\n", true, ACCESS_READ },
	{ "access: write\n", false, ACCESS_WRITE },
	{ "permissionMode: bypassPermissions\n", false, ACCESS_ALL },
	{ "permissionMode: bypassPermissions\naccess: write\n", false, ACCESS_ALL },
	{ "permissionMode: bypassPermissions\naccess: read\n", true, ACCESS_READ },
	{ "permissionMode: acceptEdits\n", false, ACCESS_WRITE },
	{ "permissionMode: dontAsk\n", false, ACCESS_READ },
};

START_TEST(what_it_may_do)
{
	const struct config config = { 0 };

	install("codex");
	ck_assert_int_eq(choose(&config, accesses[_i].keys, accesses[_i].writes), 0);
	ck_assert_msg(client.access == accesses[_i].access, "%s: %s", accesses[_i].keys,
	    access_text(client.access));
}
END_TEST

/* Agent, backend, how: the words as one types them. */
static const struct {
	const char *backend;
	const char *keys;
	bool resume;
	const char *words;
} lines[] = {
	{ "claude", "model: sonnet\ntools: Read, Bash(git log:*), mcp__x__y\nmaxTurns: 5\n", false,
	    "claude -p --output-format stream-json --verbose --append-system-prompt-file "
	    "'{system_file}' --model '{model}' --tools Read,Bash --max-turns 5 --permission-mode default "
	    "--disallowedTools Edit,MultiEdit,Write,NotebookEdit" },
	{ "claude", "tools: Write\ndisallowedTools: Bash(rm:*), WebFetch\n", true,
	    "claude -p --output-format stream-json --verbose --append-system-prompt-file "
	    "'{system_file}' --tools Write --disallowedTools 'Bash(rm:*),WebFetch' --permission-mode "
	    "acceptEdits --resume '{session}'" },
	{ "claude", "tools:\n  write: false\npermissionMode: bypassPermissions\n", false,
	    "claude -p --output-format stream-json --verbose --append-system-prompt-file "
	    "'{system_file}' --permission-mode bypassPermissions" },
	{ "codex", "model: sonnet\ntools: Read\n", false,
	    "codex exec --json --skip-git-repo-check -s read-only -" },
	{ "codex", "model: gpt-5\nmaxTurns: 9\naccess: write\n", true,
	    "codex exec --json --skip-git-repo-check -m '{model}' -s workspace-write resume "
	    "'{session}' -" },
	{ "codex", "permissionMode: bypassPermissions\n", false,
	    "codex exec --json --skip-git-repo-check -s danger-full-access -" },
	{ "gemini", "model: gemini-2.5-pro\naccess: write\n", true,
	    "gemini -o stream-json --skip-trust -m '{model}' --approval-mode auto_edit --resume "
	    "'{session}'" },
	{ "qwen", "model: gemini-2.5-pro\naccess: write\nmaxTurns: 3\n", false,
	    "qwen -o stream-json --max-session-turns 3 --approval-mode auto-edit" },
	{ "opencode", "model: opus\n", true, "opencode run --format json -s '{session}'" },
	{ "opencode", "model: anthropic/claude-x\n", false,
	    "opencode run --format json -m '{model}'" },
	{ "pi", "model: claude-x\n", true,
	    "pi -p --mode json --append-system-prompt '{system_file}' --model '{model}' --tools "
	    "read,grep,find,ls --session '{session}'" },
	{ "goose", "", true, "goose run --no-session --output-format json -i -" },
	{ "aider", "access: write\n", false,
	    "aider --yes-always --no-stream --no-pretty --no-auto-commits --message-file "
	    "'{prompt_file}'" },
	{ "llm", "model: gpt-5\n", false, "llm --no-stream -m '{model}'" },
	/* whoever names both means the one for the other */
	{ "codex", "model: some/thing\nbackend: codex\n", false,
	    "codex exec --json --skip-git-repo-check -m '{model}' -s read-only -" },
};

static void expect_words(const struct client *c, const struct agent *agent, bool resume,
    const char *expected)
{
	const char **words = client_words(c, agent, agent->model, resume);
	struct buf line = BUF_INIT;

	for (size_t i = 0; words[i] != NULL; i++) {
		const char *quote = strpbrk(words[i], "{(* ") != NULL ? "'" : "";
		buf_addf(&line, "%s%s%s%s", i > 0 ? " " : "", quote, words[i], quote);
	}
	free(words);
	ck_assert_str_eq(buf_str(&line), expected);
	buf_free(&line);
}

START_TEST(words)
{
	const struct config config = { .backend = lines[_i].backend, .backend_given = true };
	struct agent *agent = agent_of(lines[_i].keys);

	install(lines[_i].backend);
	ck_assert_int_eq(client_choose(&client, &config, agent, false, &why), 0);
	expect_words(&client, agent, lines[_i].resume, lines[_i].words);
	agent_free(agent);
}
END_TEST

START_TEST(no_model_no_system_own_command)
{
	const struct config config = { .backend = "claude", .backend_given = true };
	const char text[] = "---\nname: bare\nmodel: opus\n---\n";
	const char *note;
	struct agent *agent = agent_parse("bare.md", "bare", text, strlen(text), &note);
	const char **list;

	install("claude");
	ck_assert_int_eq(client_choose(&client, &config, agent, true, &why), 0);
	ck_assert_str_eq(client_model(&client, agent), "opus");
	list = client_words(&client, agent, NULL, false);
	for (size_t i = 0; list[i] != NULL; i++)
		ck_assert_msg(strstr(list[i], "{") == NULL, "%s", list[i]);
	free(list);
	agent_free(agent);
	agent = agent_of("command: tool --model={model} {prompt_file}\nmodel: opus\n");
	ck_assert_int_eq(client_choose(&client, &config, agent, true, &why), 0);
	ck_assert_str_eq(client_model(&client, agent), "opus");
	expect_words(&client, agent, true, "tool '--model={model}' '{prompt_file}'");
	agent_free(agent);
}
END_TEST

START_TEST(line_for_people)
{
	const struct config config = { .backend = "codex", .backend_given = true };
	struct agent *agent = agent_of("model: gpt-5 mini\n");
	struct buf line = BUF_INIT;

	install("codex");
	ck_assert_int_eq(client_choose(&client, &config, agent, false, &why), 0);
	client_line(&line, &client, agent);
	ck_assert_str_eq(buf_str(&line),
	    "codex exec --json --skip-git-repo-check -m 'gpt-5 mini' -s read-only -");
	buf_free(&line);
	agent_free(agent);
}
END_TEST

Suite *client_suite(void)
{
	Suite *s = suite_create("client");
	TCase *t = tcase_create("choice and words");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_first_on_path);
	tcase_add_test(t, what_is_on_path);
	tcase_add_test(t, precedence);
	tcase_add_test(t, what_is_refused);
	tcase_add_loop_test(t, what_it_may_do, 0, sizeof(accesses) / sizeof(accesses[0]));
	tcase_add_loop_test(t, words, 0, sizeof(lines) / sizeof(lines[0]));
	tcase_add_test(t, no_model_no_system_own_command);
	tcase_add_test(t, line_for_people);
	suite_add_tcase(s, t);
	return s;
}
