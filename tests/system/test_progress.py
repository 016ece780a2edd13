"""Progress on a terminal: the real program in a real terminal emulator, looked at as a person would."""

import os
import re
import shutil
import signal
import subprocess

from harness import Failed, alive


class Emulator:
    """tmux with one window, in which a shell runs. Ends with the case."""

    def __init__(self, t, rows=24, cols=80, env=None):
        if not shutil.which("tmux", path=t.env["PATH"]):
            t.skip("tmux is not here")
        self.t = t
        self.socket = os.path.join(t.base, "tmux")
        self.env = {**t.env, "PS1": "ready> ", "TERM": "xterm", **(env or {})}
        self.tmux("new-session", "-d", "-x", str(cols), "-y", str(rows), "-s", "s",
                  "exec bash --norc --noprofile")

    def __enter__(self):
        try:
            self.see("ready>$")
        except Failed:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        server = int(self.tmux("display-message", "-p", "#{pid}"))
        self.tmux("kill-server")
        self.t.wait_for(lambda: not alive(server), "the end of tmux")

    def tmux(self, *words):
        done = subprocess.run(["tmux", "-S", self.socket, "-f", "/dev/null", *words], cwd=self.t.dir,
                              env=self.env, stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
        if done.returncode != 0:
            raise Failed(f"tmux {words}: {done.stderr.decode()}")
        return done.stdout.decode()

    def type(self, text, *keys):
        """Types text and Enter; or with text None only these keys."""
        if text is not None:
            self.tmux("send-keys", "-t", "s", "-l", text)
            keys = ("Enter",)
        self.tmux("send-keys", "-t", "s", *keys)

    def screen(self):
        return self.tmux("capture-pane", "-p", "-t", "s").rstrip("\n") + "\n"

    def all(self):
        """What has scrolled away too; lines that were wrapped are joined."""
        return self.tmux("capture-pane", "-p", "-J", "-S", "-", "-t", "s")

    def see(self, pattern, limit=15, without=None):
        """Waits until the screen shows the pattern, and not the other one."""
        shown = ""

        def look():
            nonlocal shown
            shown = self.screen().rstrip("\n")
            return re.search(pattern, shown, re.M) and not (without and re.search(without, shown, re.M))
        try:
            self.t.wait_for(look, pattern, limit)
        except Failed:
            raise Failed(f"{pattern!r} (without {without!r}) was not seen in {limit} s; "
                         f"there is:\n{shown}") from None
        return shown

    def resize(self, cols, rows):
        self.tmux("resize-window", "-t", "s", "-x", str(cols), "-y", str(rows))

    def pid(self, t):
        """Of the pollard that runs here."""
        def find():
            shell = int(self.tmux("display-message", "-p", "-t", "s", "#{pane_pid}"))
            path = f"/proc/{shell}/task/{shell}/children"
            with open(path, encoding="ascii") as f:
                return next(iter(f.read().split()), None)
        return int(t.wait_for(find, "a process in the terminal"))


def gate(t, name="gate"):
    """Tasks that read from it wait until it is opened."""
    os.mkfifo(t.path(name))


def open_gate(t, readers=1, name="gate"):
    """Lets so many through, which must be there."""
    with open(t.path(name), "w", encoding="ascii") as f:
        f.write("go\n" * readers)


LIST = """{"id":"api-client","run":"echo Editing src/client.c; head -n 1 gate; exit 0"}
{"id":"ui-forms","run":"head -n 1 gate2; exit 0"}
{"id":"db","run":"echo 'no such table' >&2; exit 3"}
{"id":"last","needs":["ui-forms"],"run":"true"}
"""


def begin(t, screen, options="-o none", lines=LIST):
    gate(t)
    gate(t, "gate2")
    t.write("list", lines)
    screen.type(f"pollard run {options} -f list")


def test_block(t):
    """[48] the block: line one, a row for each running task, failures above it; at the end it is gone"""
    with Emulator(t) as screen:
        begin(t, screen)
        shown = screen.see("^ 1/4 done  1 failed  2 running$")
        t.matches(shown, r"^   api-client  +\d+s   Editing src/client.c$", "row")
        t.matches(shown, r"^   ui-forms  +\d+s$", "row")
        t.check(shown.index("pollard: db failed: exit 3") < shown.index(" 1/4 done"), "not above")
        t.check("started" not in shown and "succeeded" not in shown, "what goes well has no line")
        open_gate(t)
        screen.see("^ 2/4 done  1 failed  1 running$", without="^   api-client")
        open_gate(t, name="gate2")
        shown = screen.see(r"^pollard: PARTIAL 3/4 \(db\)[\s\S]*^ready>$")
        t.check(not re.search(r"^ \d/4 done|^   ui-forms", screen.all(), re.M), f"debris:\n{screen.all()}")


def test_steps(t):
    """[48] the block names the step; the end of a step stays above it"""
    t.write("w.yaml", """version: 1
name: release
goal: Ship
steps:
  - id: plan
    tasks: [{id: a, run: "true"}]
  - id: implement
    title: Write the code
    tasks: [{id: b, run: "head -n 1 gate"}, {id: c, run: "exit 1"}]
""")
    gate(t)
    with Emulator(t) as screen:
        screen.type("pollard run -o none -f w.yaml")
        shown = screen.see("^ step 2/2 Write the code   2/3 done  1 failed  1 running$")
        t.matches(shown, r"^pollard: step plan: all of 1 succeeded \(", "end of the step")
        open_gate(t)
        shown = screen.see(r"^ready>$", without="^ step 2/2")
        t.matches(shown, r"^pollard: step Write the code: partial, 1 of 2 succeeded \(", "end of the step")


def test_resize(t):
    """[48] a resize redraws: narrow terminals get the short form, and nothing is left of what was there"""
    with Emulator(t) as screen:
        begin(t, screen)
        screen.see("^ 1/4 done  1 failed  2 running$")
        screen.resize(38, 24)
        screen.see("^1/4 1!$", without="running|api-client")
        screen.resize(60, 24)
        screen.see("^ 1/4 done  1 failed  2 running$", without="1/4 1!")
        screen.resize(60, 5)
        screen.see("^ 1/4 done  1 failed  2 running$", without="api-client")
        for cols in (120, 41, 47, 53, 90):
            screen.resize(cols, 24)
        shown = screen.see("^   api-client  +\\d+s   Editing src/client.c$")
        t.equal(len(re.findall("^ 1/4 done", shown, re.M)), 1, "blocks")
        t.equal(len(re.findall("^   api-client", shown, re.M)), 1, "rows")
        t.contains(screen.all(), "pollard: db failed: exit 3", "what stays")
        open_gate(t)
        open_gate(t, name="gate2")
        screen.see("^ready>$", without="^ 1/4 done")


def test_ended(t):
    """[48] after Ctrl-C the terminal is as it was: no block, its settings, the next command below"""
    with Emulator(t) as screen:
        screen.type("stty -a > before")
        begin(t, screen)
        screen.see("^ 1/4 done")
        screen.type(None, "C-c")
        screen.see(r"interrupted by SIGINT[\s\S]*^ready>$", without="^ 1/4 done")
        screen.type("echo status $?; stty -a > after; cmp before after && echo same")
        screen.see("^status 130\nsame$")


def test_killed(t):
    """[48] also after SIGKILL a shell goes on in the line below, and long lines are wrapped"""
    with Emulator(t, cols=60) as screen:
        begin(t, screen)
        screen.see("^ 1/4 done  1 failed  2 running$")
        os.kill(screen.pid(t), signal.SIGKILL)
        screen.see("^(Killed|ready>$|.*Killed.*pollard)")
        screen.type("printf '%0100d\\n' 7")
        screen.see("^0{60}\n0{39}7$")
        screen.type("tput cnorm 2>/dev/null; tmux -S ../tmux display-message -p 'cursor #{cursor_flag} wrap #{wrap_flag}'")
        screen.see("^cursor 1 wrap 1$")


def test_stopped(t):
    """[48] Ctrl-Z takes the block away, in the background there is none, and fg brings it back"""
    with Emulator(t) as screen:
        begin(t, screen)
        screen.see("^ 1/4 done")
        screen.type(None, "C-z")
        screen.see(r"Stopped[\s\S]*^ready>$", without="^ 1/4 done")
        screen.type("bg")
        # a line of it tells that it goes on, and how
        open_gate(t)
        screen.see("pollard: api-client succeeded", without="^ \\d/4 done")
        screen.type("fg")
        screen.see("^ 2/4 done  1 failed  1 running$")
        open_gate(t, name="gate2")
        screen.see(r"^pollard: PARTIAL 3/4 \(db\)[\s\S]*^ready>$")


def test_stopped_for_a_moment(t):
    """[48] Ctrl-Z and fg leave one block, and not a second one above it"""
    with Emulator(t) as screen:
        begin(t, screen)
        screen.see("^ 1/4 done")
        screen.type(None, "C-z")
        screen.see(r"Stopped[\s\S]*^ready>$", without="^ 1/4 done")
        screen.type("fg")
        screen.see("^ 1/4 done  1 failed  2 running$")
        open_gate(t)
        screen.see("^ 2/4 done  1 failed  1 running$", without="^ 1/4 done")
        open_gate(t, name="gate2")
        screen.see(r"^pollard: PARTIAL 3/4 \(db\)[\s\S]*^ready>$", without="^ \\d/4 done")


def test_results(t):
    """[48] results on the same terminal stand whole above the block"""
    lines = LIST.replace("exit 0", "seq 1 40; exit 0").replace("head -n 1 gate;", "head -n 1 gate >&2;")
    with Emulator(t) as screen:
        begin(t, screen, "", lines)
        screen.see("^ 1/4 done")
        open_gate(t)
        screen.see("^40\ngo\n 2/4 done  1 failed  1 running$")
        open_gate(t, name="gate2")
        screen.see("^ready>$", without="^ 2/4 done")
        text = screen.all()
        t.equal(text.count("\n" + "".join(f"{i}\n" for i in range(1, 41))), 2, "results")
        t.check(not re.search(r"^ \d/4 done|^   ui-forms", text, re.M), f"debris:\n{text}")


def test_hostile(t):
    """[48] what tasks print cannot act on the terminal, wide or not"""
    t.write("hostile", "#!/bin/sh\nprintf '\\033[2J\\033[H\\033]0;title\\007\\202\\303 \\342\\200\\256漢字 👩‍👩‍👧 e\\314\\201 %s\\n' end\n"
            "head -n 1 gate >&2\n", 0o755)
    gate(t)
    with Emulator(t, cols=60) as screen:
        screen.type("echo before; echo x | pollard run -o none -- ./hostile")
        shown = screen.see(r"^   1  +\d+s   .*漢字.*end$")
        t.contains(shown, "\nbefore\n", "what was there before")
        t.check("\u202e" not in shown, "direction of writing")
        for line in shown.splitlines():
            t.check(len(line) <= 60, line)
        t.check("title" not in screen.tmux("display-message", "-p", "-t", "s", "#{pane_title}"), "the title")
        open_gate(t)
        screen.see("^ready>$", without="^ 0/1 done")


def test_many(t):
    """[48] more than twelve running tasks are summed, those that are silent for longest follow"""
    t.write("wait", "#!/bin/sh\necho task $1\nhead -n 1 gate >&2\n", 0o755)
    gate(t)
    with Emulator(t, rows=30) as screen:
        screen.type("seq 60 | pollard run -j 0 -o none -- ./wait")
        shown = screen.see(r"^   commands +60 running  oldest \d+s$", limit=30)
        t.matches(shown, r"^ 0/60 done  60 running$", "line one")
        t.equal(len(re.findall(r"^   \d+  +\d+s   task \d+$", shown, re.M)), 5, "tasks one by one")
        t.check(len(re.findall(r"^ ( |\d+/60)", shown, re.M)) <= 12, "lines of the block")
        screen.type(None, "C-c")
        screen.see("interrupted by SIGINT[\\s\\S]*^ready>$", limit=30)


def test_live(t):
    """[48] with one slot the task's output is shown as it comes, once"""
    t.write("list", "echo first; printf 'half '; head -n 1 gate >/dev/null; echo a line\n"
            "echo second; head -n 1 gate >/dev/null\n")
    gate(t)
    with Emulator(t) as screen:
        screen.type("pollard run -j 1 --shell -f list")
        screen.see("^first\nhalf$", without="running")
        open_gate(t)
        screen.see("^first\nhalf a line\nsecond\n 1/2 done  1 running$", without="^   2 ")
        open_gate(t)
        screen.see("^ready>$", without="running")
        t.equal(len(re.findall("^second$", screen.all(), re.M)), 1, "second")
        t.equal(len(re.findall("^half a line$", screen.all(), re.M)), 1, "first")


def test_live_retried(t):
    """[48] with one slot and a pipe for the results only the last attempt's are there"""
    t.write("again", "#!/bin/sh\necho attempt $POLLARD_ATTEMPT\ntest $POLLARD_ATTEMPT = 2\n", 0o755)
    with Emulator(t) as screen:
        screen.type("echo x | pollard run -j 1 -r 1 -- ./again | cat > out; echo done")
        screen.see("^done$", limit=20)
        t.equal(t.read("out"), "attempt 2\n", "results")


def test_pipe(t):
    """[48] results that go into a pipe, whose reader writes to the same terminal: lines, and nothing is erased"""
    with Emulator(t) as screen:
        begin(t, screen, "-o text")
        screen.see("^   api-client")
        screen.type(None, "C-c")
        screen.see("^ready>$", without="^ 1/4 done")
        screen.type("clear; seq 6 | pollard run -k -j 2 -- sh -c 'sleep 0.6; echo one $0; echo two $0' | cat")
        screen.see("^pollard: 6 of 6 succeeded[\\s\\S]*^ready>$", without="/6 done", limit=30)
        shown = re.findall(r"^(?:one|two) \d$", screen.all(), re.M)
        t.equal(shown, [f"{word} {n}" for n in range(1, 7) for word in ("one", "two")], "results on the terminal")


def test_frozen(t):
    """[48] a terminal that takes nothing (Ctrl-S) does not hold up the tasks"""
    t.write("list", "".join(f'{{"id":"t{i}","run":"head -n 1 gate{i} >&2; seq 3000; exit {i % 2}"}}\n' for i in range(4)))
    for i in range(4):
        gate(t, f"gate{i}")
    with Emulator(t) as screen:
        screen.type("pollard run -f list")
        screen.see("^ 0/4 done  4 running$")
        screen.type(None, "C-s")
        for i in range(4):
            open_gate(t, name=f"gate{i}")
        for i in range(4):
            t.wait_event("task-finished", task=f"t{i}")
        screen.type(None, "C-q")
        screen.see("^pollard: PARTIAL 2/4[\\s\\S]*^ready>$")


def test_usual(t):
    """[48] how long a task usually took in runs of the name stands beside one that takes longer"""
    t.write("task", "#!/bin/sh\n[ ! -e gate ] || head -n 1 gate >&2\n", 0o755)
    t.run("pollard", "run", "--name", "nightly", "-o", "none", "--", "./task", input="x\n")
    gate(t)
    with Emulator(t) as screen:
        screen.type("echo x | pollard run --name nightly -o none -- ./task")
        screen.see(r"^   1  +\d+s   usually 1s$")
        open_gate(t)
        screen.see("^ready>$", without="^   1")


def plain(t, terminal, what):
    """Lines and nothing else: no carriage return but that of the terminal, no escape sequence."""
    t.equal(terminal.wait(), 0, "status")
    t.check("\x1b" not in terminal.screen, f"{what}: {terminal.screen!r}")
    t.check("\r" not in terminal.screen.replace("\r\n", ""), f"{what}: {terminal.screen!r}")
    t.contains(terminal.screen, "pollard: 1 started\r\n", what)
    t.contains(terminal.screen, "pollard: 1 succeeded", what)


def test_plain(t):
    """[48] a dumb terminal, CI, and --progress plain get lines"""
    t.write("list", "sleep 0.7\n")
    command = ("pollard", "run", "--shell", "-f", "list")
    plain(t, t.terminal(*command, env={"TERM": "dumb"}), "dumb")
    plain(t, t.terminal(*command, env={"TERM": None}), "no TERM")
    plain(t, t.terminal(*command, env={"CI": "true"}), "CI")
    plain(t, t.terminal(*command, "--progress", "plain", "--color", "never"), "plain")
    plain(t, t.terminal(*command, env={"POLLARD_PROGRESS": "plain", "NO_COLOR": "1"}), "variable")


def test_colour(t):
    """[48] NO_COLOR takes colours away, not lines; --color decides over it"""
    t.write("list", "exit 1\nsleep 2\n")
    command = ("pollard", "run", "--shell", "-o", "none", "-f", "list")
    terminal = t.terminal(*command)
    t.equal(terminal.wait(), 1, "status")
    t.contains(terminal.screen, "\x1b[31m1 failed\x1b[0m", "colours")
    for options, env in (((), {"NO_COLOR": "1"}), (("--color", "never"), {"FORCE_COLOR": "1"})):
        terminal = t.terminal(*command, *options, env=env)
        t.equal(terminal.wait(), 1, "status")
        t.check(not re.search(r"\x1b\[[0-9;]*m", terminal.screen), f"{terminal.screen!r}")
        t.contains(terminal.screen, " 1/2 done  1 failed  1 running\x1b[K", "the block")
    terminal = t.terminal(*command, "--color", "always", env={"NO_COLOR": "1"})
    t.equal(terminal.wait(), 1, "status")
    t.contains(terminal.screen, "\x1b[31mfailed\x1b[0m", "colours")


def test_no_terminal(t):
    """[48] where there is no terminal there is no carriage return, whatever is asked for"""
    done = t.run("pollard", "run", "--progress", "tty", "--shell", "-f", t.write("list", "sleep 0.7\n"),
                 env={"TERM": "xterm"})
    t.check("\r" not in done.err and "\x1b" not in done.err, done.err)
    t.contains(done.err, "warning: standard error is no terminal", "warning")
    done = t.run("pollard", "run", "--color", "always", "--shell", input="exit 1\n", status=2)
    t.contains(done.err, "\x1b[31mfailed\x1b[0m", "colours")
    t.check("\r" not in done.err, done.err)


def test_ascii(t):
    """[48] a terminal of another character set gets ASCII"""
    t.write("list", "echo 漢字; sleep 2\n")
    terminal = t.terminal("pollard", "run", "--shell", "-o", "none", "-f", "list", env={"LC_ALL": "C"})
    t.equal(terminal.wait(), 0, "status")
    t.contains(terminal.screen, "????", "row")
    t.check(terminal.screen.isascii(), f"{terminal.screen!r}")
