#include "shared/backend.h"

#include <string.h>

/* A list of words, or of names of files. */
#define LIST(...) \
	(const char *const[]) \
	{ \
		__VA_ARGS__, NULL \
	}
#define MINUTES(n) (INT64_C(60000) * (n))

/*
 * What these clients take and tell was seen with codex 0.169, gemini 0.61, qwen 0.15, opencode 1.18
 * and pi 0.73; of the others it is what their manuals say. The prompt is never a word: others can
 * see words, and one may have 128 KiB at most.
 */
const struct backend backends[] = {
	{
	    .name = "claude",
	    .program = "claude",
	    .automatic = true,
	    .begin = LIST("-p", "--output-format", "stream-json", "--verbose"),
	    .resume = LIST("--resume", "{session}"),
	    .system = LIST("--append-system-prompt-file", "{system_file}"),
	    .model = LIST("--model", "{model}"),
	    .models = MODELS_CLAUDE,
	    .tools = LIST("--tools", "{tools}"),
	    .disallowed = LIST("--disallowedTools", "{disallowed}"),
	    .turns = LIST("--max-turns", "{turns}"),
	    /* mode "plan" would make it plan; what needs a permission is refused, as nobody is asked */
	    .access = {
		[ACCESS_READ] = LIST("--permission-mode", "default", "--disallowedTools",
		    "Edit,MultiEdit,Write,NotebookEdit"),
		[ACCESS_WRITE] = LIST("--permission-mode", "acceptEdits"),
		[ACCESS_ALL] = LIST("--permission-mode", "bypassPermissions"),
	    },
	    .adapter = ADAPTER_CLAUDE,
	    .idle_ms = MINUTES(10),
	    .tells_tokens = true,
	    .tells_usd = true,
	    .adds_usd = true,
	    .config_env = "CLAUDE_CONFIG_DIR",
	    .config_dir = ".claude",
	    .credentials = LIST(".credentials.json", "settings.json"),
	    .install = "npm install -g @anthropic-ai/claude-code",
	},
	{
	    .name = "codex",
	    .program = "codex",
	    .automatic = true,
	    .begin = LIST("exec", "--json", "--skip-git-repo-check"),
	    .resume = LIST("resume", "{session}"),
	    .model = LIST("-m", "{model}"),
	    .models = MODELS_OPENAI,
	    .access = {
		[ACCESS_READ] = LIST("-s", "read-only"),
		[ACCESS_WRITE] = LIST("-s", "workspace-write"),
		[ACCESS_ALL] = LIST("-s", "danger-full-access"),
	    },
	    .end = LIST("-"),
	    .adapter = ADAPTER_CODEX,
	    .idle_ms = MINUTES(10),
	    .tells_tokens = true,
	    .adds_tokens = true,
	    .config_env = "CODEX_HOME",
	    .config_dir = ".codex",
	    .credentials = LIST("auth.json", "config.toml"),
	    .install = "npm install -g @openai/codex",
	},
	{
	    .name = "gemini",
	    .program = "gemini",
	    .automatic = true,
	    /* in a folder that is not trusted it would not begin, or not follow the approval mode */
	    .begin = LIST("-o", "stream-json", "--skip-trust"),
	    .resume = LIST("--resume", "{session}"),
	    .model = LIST("-m", "{model}"),
	    .models = MODELS_GEMINI,
	    .access = {
		[ACCESS_READ] = LIST("--approval-mode", "default"),
		[ACCESS_WRITE] = LIST("--approval-mode", "auto_edit"),
		[ACCESS_ALL] = LIST("--approval-mode", "yolo"),
	    },
	    .adapter = ADAPTER_GEMINI,
	    .idle_ms = MINUTES(10),
	    .tells_tokens = true,
	    .install = "npm install -g @google/gemini-cli",
	},
	{
	    .name = "opencode",
	    .program = "opencode",
	    .automatic = true,
	    .begin = LIST("run", "--format", "json"),
	    .resume = LIST("-s", "{session}"),
	    .model = LIST("-m", "{model}"),
	    .models = MODELS_ROUTED,
	    .access = { [ACCESS_ALL] = LIST("--auto") },
	    /* put over the permissions of its configuration */
	    .access_env = "OPENCODE_PERMISSION",
	    .access_value = {
		[ACCESS_READ] = "{\"edit\":\"deny\",\"bash\":\"deny\"}",
		[ACCESS_WRITE] = "{\"edit\":\"allow\"}",
	    },
	    .adapter = ADAPTER_OPENCODE,
	    .idle_ms = MINUTES(10),
	    .tells_tokens = true,
	    .tells_usd = true,
	    .install = "npm install -g opencode-ai",
	},
	{
	    .name = "pi",
	    .program = "pi",
	    .automatic = true,
	    .begin = LIST("-p", "--mode", "json"),
	    .resume = LIST("--session", "{session}"),
	    .system = LIST("--append-system-prompt", "{system_file}"),
	    .model = LIST("--model", "{model}"),
	    .models = MODELS_ANY,
	    /* it asks nobody and has no sandbox: what it may not do, it does not have */
	    .access = { [ACCESS_READ] = LIST("--tools", "read,grep,find,ls") },
	    .adapter = ADAPTER_PI,
	    .idle_ms = MINUTES(10),
	    .tells_tokens = true,
	    .tells_usd = true,
	    .config_env = "PI_CODING_AGENT_DIR",
	    .config_dir = ".pi/agent",
	    .credentials = LIST("auth.json", "models.json", "settings.json"),
	    .install = "npm install -g --ignore-scripts @earendil-works/pi-coding-agent",
	},
	{
	    .name = "qwen",
	    .program = "qwen",
	    .automatic = true,
	    .begin = LIST("-o", "stream-json"),
	    .resume = LIST("--resume", "{session}"),
	    .model = LIST("-m", "{model}"),
	    .models = MODELS_QWEN,
	    .turns = LIST("--max-session-turns", "{turns}"),
	    .access = {
		[ACCESS_READ] = LIST("--approval-mode", "default"),
		[ACCESS_WRITE] = LIST("--approval-mode", "auto-edit"),
		[ACCESS_ALL] = LIST("--approval-mode", "yolo"),
	    },
	    .adapter = ADAPTER_CLAUDE,
	    .idle_ms = MINUTES(10),
	    .tells_tokens = true,
	    .adds_tokens = true,
	    .config_env = "QWEN_HOME",
	    .config_dir = ".qwen",
	    .credentials = LIST("oauth_creds.json", "settings.json", ".env"),
	    .install = "npm install -g @qwen-code/qwen-code",
	},
	{
	    .name = "goose",
	    .program = "goose",
	    .begin = LIST("run", "--no-session", "--output-format", "json"),
	    .model = LIST("--model", "{model}"),
	    .models = MODELS_ANY,
	    .turns = LIST("--max-turns", "{turns}"),
	    .end = LIST("-i", "-"),
	    .adapter = ADAPTER_GOOSE,
	    .tells_tokens = true,
	    .install = "curl -fsSL https://github.com/block/goose/releases/download/stable/"
		       "download_cli.sh | bash",
	},
	{
	    .name = "aider",
	    .program = "aider",
	    .begin = LIST("--yes-always", "--no-stream", "--no-pretty", "--no-auto-commits"),
	    .model = LIST("--model", "{model}"),
	    .models = MODELS_ANY,
	    .access = { [ACCESS_READ] = LIST("--dry-run", "--no-suggest-shell-commands") },
	    .end = LIST("--message-file", "{prompt_file}"),
	    .tells_tokens = true,
	    .tells_usd = true,
	    .adapter = ADAPTER_TEXT,
	    .install = "python3 -m pip install aider-install && aider-install",
	},
	{
	    .name = "llm",
	    .program = "llm",
	    .begin = LIST("--no-stream"),
	    .model = LIST("-m", "{model}"),
	    .models = MODELS_ANY,
	    /* without tools it can but answer */
	    .access = { [ACCESS_READ] = LIST(NULL), [ACCESS_WRITE] = LIST(NULL) },
	    .adapter = ADAPTER_TEXT,
	    .install = "pipx install llm",
	},
	{
	    .name = "cursor-agent",
	    .program = "cursor-agent",
	    .begin = LIST("-p", "--output-format", "stream-json"),
	    .resume = LIST("--resume", "{session}"),
	    .model = LIST("--model", "{model}"),
	    .models = MODELS_ANY,
	    .access = { [ACCESS_READ] = LIST("--mode", "ask"), [ACCESS_ALL] = LIST("--force") },
	    /* it reads no prompt from standard input, and the prompt is no word */
	    .end = LIST("Do what the file {prompt_file} says; read all of it first."),
	    .adapter = ADAPTER_CLAUDE,
	    .idle_ms = MINUTES(10),
	    .install = "curl https://cursor.com/install -fsS | bash",
	},
};

const size_t nbackends = sizeof(backends) / sizeof(backends[0]);

const struct backend *backend_find(const char *name)
{
	for (size_t i = 0; i < nbackends; i++)
		if (strcmp(backends[i].name, name) == 0)
			return &backends[i];
	return NULL;
}

const char *access_text(enum access access)
{
	static const char *const texts[ACCESS_COUNT] = {
		[ACCESS_READ] = "read",
		[ACCESS_WRITE] = "write",
		[ACCESS_ALL] = "all",
	};

	return texts[access];
}

bool backend_holds(const struct backend *backend, enum access access)
{
	return access == ACCESS_ALL || backend->access[access] != NULL ||
	    (backend->access_env != NULL && backend->access_value[access] != NULL);
}
