"""How each client is made to talk to service.py and to nobody else.

    environment(client, port, case, home)   writes the client's configuration below 'home' (a new, empty directory);
                                            returns (environment, arguments)
    command(client, form, ...)              the command line, for a prompt that comes on standard input

The environment is made from nothing but PATH, so no credential, proxy or setting of the person at the machine reaches
a client, and HOME and the XDG directories are below 'home'. The only keys are the word 'dummy'. Reports of usage,
looking for updates and downloads of lists and tools are switched off. The arguments are for a client whose switches
are not all in its files; today all are, so they are empty. Where the same model service stands for several tasks, the
model's name chooses the case: -m case-rate (codex, gemini, qwen), --model case-rate (pi), -m mock/case-rate (opencode).

    python3 clients.py CLIENT PORT CASE HOME        the same for a shell: prints its environment as 'export' commands

Clients: codex, pi, pi-anthropic (pi in Anthropic's dialect), gemini, qwen, opencode.
"""

import json
import os
import shlex
import sys

MODEL = "mock-model"
KEY = "dummy"
CASES = (
    "ok ok-long slow 429 429-hint quota 500 529 401 context rate rate-hint broken overloaded denied full "
    "hang hang-body flaky-1 flaky-2 flaky-429-hint-1 flaky-429-hint-2"
).split()
# pi and opencode know only models that are in their configuration.
MODELS = [MODEL] + ["case-" + case for case in CASES]


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def write_json(path, data):
    write(path, json.dumps(data, indent=2) + "\n")


def base_environment(home):
    places = {
        "HOME": home,
        "XDG_CONFIG_HOME": os.path.join(home, ".config"),
        "XDG_DATA_HOME": os.path.join(home, ".local", "share"),
        "XDG_STATE_HOME": os.path.join(home, ".local", "state"),
        "XDG_CACHE_HOME": os.path.join(home, ".cache"),
        "XDG_RUNTIME_DIR": os.path.join(home, ".run"),
        "TMPDIR": os.path.join(home, "tmp"),
    }
    for place in places.values():
        os.makedirs(place, mode=0o700, exist_ok=True)
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "NO_COLOR": "1", "DO_NOT_TRACK": "1", **places}


def codex(url, home, retries):
    lines = [
        'model = "%s"' % MODEL,
        'model_provider = "mock"',
        "check_for_update_on_startup = false",
        "[analytics]",
        "enabled = false",
        "[feedback]",
        "enabled = false",
        "[otel]",
        'exporter = "none"',
        'trace_exporter = "none"',
        'metrics_exporter = "none"',
        "[features]",
        # The first three fetch lists from the network; the last runs a login shell with the profile of the machine.
        "apps = false",
        "plugins = false",
        "remote_plugin = false",
        "shell_snapshot = false",
        "[model_providers.mock]",
        'name = "mock"',
        'base_url = "%s/v1"' % url,
        'env_key = "MOCK_API_KEY"',
        'wire_api = "responses"',
    ]
    if retries is not None:
        lines += ["request_max_retries = %d" % retries, "stream_max_retries = %d" % retries]
    place = os.path.join(home, ".codex")
    write(os.path.join(place, "config.toml"), "\n".join(lines) + "\n")
    return {"CODEX_HOME": place, "MOCK_API_KEY": KEY}


def pi(url, home, retries, anthropic=False):
    price = {"input": 1, "output": 10, "cacheRead": 0.1, "cacheWrite": 0}
    models = [{"id": name, "contextWindow": 128000, "maxTokens": 16000, "cost": price} for name in MODELS]
    provider = {
        "baseUrl": url if anthropic else url + "/v1",
        "api": "anthropic-messages" if anthropic else "openai-completions",
        "apiKey": KEY,
        "models": models,
    }
    settings = {
        "defaultProvider": "mock",
        "defaultModel": MODEL,
        "enableInstallTelemetry": False,
        "quietStartup": True,
    }
    if retries is not None:
        settings["retry"] = {
            "enabled": retries > 0,
            "maxRetries": retries,
            "provider": {"maxRetries": retries},
        }
    place = os.path.join(home, ".pi", "agent")
    write_json(os.path.join(place, "models.json"), {"providers": {"mock": provider}})
    write_json(os.path.join(place, "settings.json"), settings)
    return {"PI_CODING_AGENT_DIR": place, "PI_OFFLINE": "1", "PI_TELEMETRY": "0", "PI_SKIP_VERSION_CHECK": "1"}


def gemini(url, home, retries):
    settings = {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
        "ide": {"enabled": False},
        "tools": {"useRipgrep": False},
        "model": {"name": MODEL},
    }
    if retries is not None:
        settings["general"]["maxAttempts"] = retries + 1
    write_json(os.path.join(home, ".gemini", "settings.json"), settings)
    return {"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": url}


def qwen(url, home, retries):
    settings = {
        "security": {"auth": {"selectedType": "openai"}},
        "general": {"disableAutoUpdate": True, "disableUpdateNag": True, "enableAutoUpdate": False},
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
        "tools": {"useRipgrep": False},
        "model": {"name": MODEL},
    }
    write_json(os.path.join(home, ".qwen", "settings.json"), settings)
    return {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": url + "/v1", "OPENAI_MODEL": MODEL}


def opencode(url, home, retries):
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "mock",
        "options": {"baseURL": url + "/v1", "apiKey": KEY},
        "models": {name: {"name": name, "limit": {"context": 128000, "output": 16000}} for name in MODELS},
    }
    settings = {
        "model": "mock/" + MODEL,
        "small_model": "mock/" + MODEL,
        "autoupdate": False,
        "share": "disabled",
        "provider": {"mock": provider},
        "enabled_providers": ["mock"],
    }
    write_json(os.path.join(home, ".config", "opencode", "opencode.json"), settings)
    return {
        # It installs a package of its own at every start; there is nothing at this address, and it goes on without.
        "npm_config_registry": url + "/npm/",
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
        "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
        "OPENCODE_DISABLE_SHARE": "1",
    }


WRITERS = {
    "codex": codex,
    "pi": pi,
    "pi-anthropic": lambda url, home, retries: pi(url, home, retries, anthropic=True),
    "gemini": gemini,
    "qwen": qwen,
    "opencode": opencode,
}


def environment(client, port, case, home, retries=None):
    """(environment, arguments) for one client.

    'retries' is how often it tries again after a refusal, None its own number. qwen and opencode do not let it be set.
    """
    url = "http://127.0.0.1:%d/%s" % (port, case)
    values = base_environment(home)
    values.update(WRITERS[client](url, home, retries))
    return values, []


# ---- command lines ---------------------------------------------------------------------------------


def codex_command(form, system, session, home):
    words = ["codex", "exec"] + (["resume", session] if session else [])
    words += ["--json", "--skip-git-repo-check"]
    if system:
        # A JSON string is a TOML string too.
        words += ["-c", "developer_instructions=" + json.dumps(system, ensure_ascii=False)]
    return words + ["-"], {}


def pi_command(form, system, session, home):
    words = ["pi", "-p", "--mode", form or "json"]
    if session:
        words += ["--session", session]
    return words + (["--append-system-prompt", system] if system else []), {}


def gemini_command(form, system, session, home):
    words = ["gemini", "-o", form or "stream-json", "--skip-trust"]
    more = {}
    if session:
        words += ["--resume", session]
    if system:
        more["GEMINI_SYSTEM_MD"] = os.path.join(home, "system.md")
        write(more["GEMINI_SYSTEM_MD"], system + "\n")
    return words, more


def qwen_command(form, system, session, home):
    words = ["qwen", "--auth-type", "openai", "-o", form or "stream-json"]
    if session:
        words += ["--resume", session]
    return words + (["--append-system-prompt", system] if system else []), {}


def opencode_command(form, system, session, home):
    words = ["opencode", "run", "--pure", "--format", "json"]
    more = {}
    if session:
        words += ["-s", session]
    if system:
        words += ["--agent", "given"]
        agent = {"given": {"mode": "primary", "prompt": system}}
        more["OPENCODE_CONFIG_CONTENT"] = json.dumps({"agent": agent})
    return words, more


COMMANDS = {
    "codex": codex_command,
    "pi": pi_command,
    "pi-anthropic": pi_command,
    "gemini": gemini_command,
    "qwen": qwen_command,
    "opencode": opencode_command,
}


def command(client, form=None, system=None, session=None, home=None):
    """(words, more environment) to run a client with its prompt on standard input.

    'form' is the client's own word for the form of its output (None: the most telling one), 'session' one to go on
    with. 'home' is needed where the system prompt goes in as a file.
    """
    return COMMANDS[client](form, system, session, home)


def main():
    client, port, case, home = sys.argv[1:]
    values, _ = environment(client, int(port), case, os.path.abspath(home))
    for name, value in values.items():
        if name != "PATH":
            print("export %s=%s" % (name, shlex.quote(value)))


if __name__ == "__main__":
    main()
