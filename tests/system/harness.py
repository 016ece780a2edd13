"""What tests of the real program share: a fresh place to run in, ways to wait for a moment,
the journal, pseudo-terminals, and the check that nothing is left behind."""

import ctypes
import errno
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import termios
import time

RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")
DEFAULT_LIMIT = 20
STRICT = bool(os.environ.get("CI") or os.environ.get("POLLARD_TEST_STRICT"))
# Variables of whoever runs the tests that say how sanitizers and the like behave.
PASSED_ON = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "GCOV_PREFIX", "VALGRIND_OPTS")


class Failed(Exception):
    """A promise was not kept."""


class Skipped(Exception):
    """The test cannot be made here."""


class OutOfTime(Failed):
    pass


# CRC-32C, the slow and obvious way: the program's own is what is tested.

def _crc_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = (n >> 1) ^ 0x82F63B78 if n & 1 else n >> 1
        table.append(n)
    return table


_CRC = _crc_table()


def crc32c(data, crc=0):
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc = _CRC[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def sealed(body):
    """A line of the journal, without its newline: all of it up to the checksum, and that."""
    return body + b',"crc":"%08x"}' % crc32c(body)


def holds(pid, part):
    """Whether the process has a file open in whose path that is."""
    try:
        return any(part in os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return False


def parse_record(line, seq=None):
    """A line of the journal as an object; anything wrong with its frame is a failure."""
    tail = re.fullmatch(rb',"crc":"([0-9a-f]{8})"}', line[-18:])
    if not tail:
        raise Failed(f"journal: no checksum at the end of {line[-60:]!r}")
    if int(tail.group(1), 16) != crc32c(line[:-18]):
        raise Failed(f"journal: wrong checksum: {line[:80]!r}...")
    record = json.loads(line)
    if list(record)[:4] != ["v", "seq", "time", "event"]:
        raise Failed(f"journal: does not begin with v, seq, time, event: {line[:80]!r}")
    if seq is not None and record["seq"] != seq:
        raise Failed(f"journal: seq is {record['seq']}, expected {seq}")
    return record


# Processes, as /proc shows them.

def _stat(pid):
    """(state, parent) of a process, or None."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as f:
            text = f.read()
    except OSError:
        return None
    fields = text[text.rindex(b")") + 2:].split()
    return fields[0].decode(), int(fields[1])


def _pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def command_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def alive(pid):
    """Whether a process is there and not only waiting to be reaped."""
    stat = _stat(pid)
    return stat is not None and stat[0] not in "ZX"


def descendants(root):
    """All processes below this one, zombies left out: [(pid, command line)]."""
    parents = {}
    for pid in _pids():
        stat = _stat(pid)
        if stat and stat[0] not in "ZX":
            parents[pid] = stat[1]
    found, todo = [], [root]
    while todo:
        parent = todo.pop()
        for pid, above in parents.items():
            if above == parent:
                todo.append(pid)
                found.append((pid, command_of(pid)))
    return sorted(found)


def marked(marker):
    """The processes whose environment carries this case's marker."""
    found = []
    for pid in _pids():
        if pid == os.getpid():
            continue
        try:
            with open(f"/proc/{pid}/environ", "rb") as f:
                environ = f.read()
        except OSError:
            continue
        if marker.encode() in environ.split(b"\0"):
            found.append((pid, command_of(pid)))
    return found


def become_subreaper():
    """Orphans of this case become our children, so that none escapes the check at the end."""
    if ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_CHILD_SUBREAPER")


def status_words(code):
    """A returncode of subprocess in words."""
    if code is None:
        return "still running"
    return f"signal {signal.Signals(-code).name[3:]}" if code < 0 else f"status {code}"


class Process:
    """A started program whose output goes to files, so that it can be read at any moment."""

    def __init__(self, case, popen, out, err):
        self.case = case
        self.popen = popen
        self.pid = popen.pid
        self._out, self._err = out, err

    @property
    def stdin(self):
        return self.popen.stdin

    @property
    def out(self):
        with open(self._out, "rb") as f:
            return f.read().decode("utf-8", "surrogateescape")

    @property
    def err(self):
        with open(self._err, "rb") as f:
            return f.read().decode("utf-8", "surrogateescape")

    @property
    def out_bytes(self):
        with open(self._out, "rb") as f:
            return f.read()

    @property
    def status(self):
        """None while it runs; 0 to 255, or the negative number of the signal."""
        return self.popen.poll()

    def kill(self, sig=signal.SIGTERM):
        os.kill(self.pid, sig)

    def write(self, text):
        self.popen.stdin.write(text.encode())
        self.popen.stdin.flush()

    def close_stdin(self):
        self.popen.stdin.close()

    def wait(self, limit=10):
        try:
            return self.popen.wait(limit)
        except subprocess.TimeoutExpired:
            raise OutOfTime(f"pid {self.pid} ({self.popen.args}) did not end in {limit} s") from None

    def descendants(self):
        return descendants(self.pid)

    def expect(self, status=0, limit=10):
        """Waits for the end and compares its status (a negative one is a signal)."""
        got = self.wait(limit)
        if got != status:
            raise Failed(
                f"{self.popen.args}: {status_words(got)}, expected {status_words(status)}\n"
                f"--- standard output\n{self.out[-2000:]}--- standard error\n{self.err[-2000:]}")
        return self


class Terminal:
    """A program on a pseudo-terminal of its own, whose session and foreground group it leads."""

    def __init__(self, case, argv, env, rows, cols):
        self.case = case
        self.argv = argv
        self.screen = ""
        self._status = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                # What Python ignores for itself; subprocess restores these, pty does not.
                signal.signal(signal.SIGPIPE, signal.SIG_DFL)
                signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
                os.chdir(case.dir)
                self._resize(0, rows, cols)
                os.execvpe(argv[0], argv, env)
            finally:
                os._exit(127)

    @staticmethod
    def _resize(fd, rows, cols):
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def resize(self, rows, cols):
        self._resize(self.fd, rows, cols)

    def send(self, text):
        os.write(self.fd, text.encode())

    def settings(self):
        return termios.tcgetattr(self.fd)

    def kill(self, sig=signal.SIGTERM):
        os.kill(self.pid, sig)

    def _read(self, seconds):
        ready, _, _ = select.select([self.fd], [], [], max(0, seconds))
        if not ready:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError as e:
            if e.errno != errno.EIO:
                raise
            return False
        self.screen += data.decode("utf-8", "replace")
        return bool(data)

    def read_until(self, pattern, limit=10):
        """Reads on until the pattern (a regular expression) is somewhere in all that was read."""
        end = time.monotonic() + limit
        while not re.search(pattern, self.screen, re.S):
            left = end - time.monotonic()
            if left <= 0:
                raise OutOfTime(f"{pattern!r} did not appear in {limit} s; there was:\n{self.screen[-2000:]!r}")
            if not self._read(left):
                if re.search(pattern, self.screen, re.S):
                    break
                raise Failed(f"it ended without {pattern!r}; there was:\n{self.screen[-2000:]!r}")
        return self.screen

    def wait(self, limit=10):
        """Reads to the end and returns the status as subprocess has it."""
        end = time.monotonic() + limit
        while self._status is None:
            if time.monotonic() > end:
                raise OutOfTime(f"{self.argv} did not end in {limit} s; there was:\n{self.screen[-2000:]!r}")
            self._read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
        while self._read(0.05) and select.select([self.fd], [], [], 0)[0]:
            pass
        return self._status

    def close(self):
        """Hangs up."""
        os.close(self.fd)


class Case:
    """One case: its directories, its environment, what it started."""

    def __init__(self, base, bin_dir, data_dir, root, limit=DEFAULT_LIMIT):
        self.base = base
        self.root = root
        self.limit = limit
        self.started = []
        self.terminals = []
        self.marker = f"POLLARD_TEST_CASE={os.path.basename(base)}-{os.getpid()}"
        self.dir = os.path.join(base, "work")
        self.state = os.path.join(base, "state")
        self.tmp = os.path.join(base, "tmp")
        self.home = os.path.join(base, "home")
        self._log = os.path.join(base, "log")
        for path in (self.dir, self.tmp, self.home, self._log):
            os.makedirs(path, mode=0o700)
        self.env = {
            "PATH": f"{bin_dir}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": self.home,
            "TMPDIR": self.tmp,
            "XDG_CONFIG_HOME": os.path.join(self.home, ".config"),
            "XDG_STATE_HOME": os.path.join(self.home, ".local", "state"),
            "XDG_CACHE_HOME": os.path.join(self.home, ".cache"),
            "XDG_DATA_HOME": os.path.join(self.home, ".local", "share"),
            "POLLARD_STATE_DIR": self.state,
            "POLLARD_DATA": data_dir,
            "POLLARD_SOURCE": root,
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "SHELL": "/bin/sh",
            "USER": os.environ.get("USER", "nobody"),
        }
        for name in PASSED_ON:
            if name in os.environ:
                self.env[name] = os.environ[name]
        # A sanitizer's report is found at the end, whoever it was that had its standard error.
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            self.env[name] = ":".join(filter(None, [
                self.env.get(name), f"log_path={self._log}/{name[:-8].lower()}",
                "print_stacktrace=1" if name == "UBSAN_OPTIONS" else ""]))
        self.env["POLLARD_TEST_LOG"] = self._log
        name, value = self.marker.split("=")
        self.env[name] = value

    # Files.

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write(self, name, content, mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content)
        os.chmod(path, mode)
        return path

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read().decode("utf-8", "surrogateescape")

    # Programs.

    def start(self, *argv, input=None, stdin=None, env=None, cwd=None, stdout=None, stderr=None,
              **more):
        """Starts a program. `input` (text) is its standard input, stdin="pipe" one to write to;
        else /dev/null. `env` is added; a value of None takes the variable away."""
        number = len(self.started)
        out = os.path.join(self.base, f"out.{number}")
        err = os.path.join(self.base, f"err.{number}")
        if input is not None:
            stdin = open(os.path.join(self.base, f"in.{number}"), "w+b")
            stdin.write(input.encode("utf-8", "surrogateescape") if isinstance(input, str) else input)
            stdin.flush()
            stdin.seek(0)
        elif stdin == "pipe":
            stdin = subprocess.PIPE
        elif stdin is None:
            stdin = subprocess.DEVNULL
        with open(out, "wb") as o, open(err, "wb") as e:
            popen = subprocess.Popen(
                argv, stdin=stdin, stdout=o if stdout is None else stdout,
                stderr=e if stderr is None else stderr,
                env=self._env(env), cwd=cwd or self.dir, start_new_session=True, **more)
        if input is not None:
            stdin.close()
        process = Process(self, popen, out, err)
        self.started.append(process)
        return process

    def run(self, *argv, status=0, limit=None, **more):
        """Starts a program, waits for it, and compares its status (None: any)."""
        process = self.start(*argv, **more)
        if status is None:
            process.wait(limit or self.limit)
            return process
        return process.expect(status, limit or self.limit)

    def terminal(self, *argv, env=None, rows=24, cols=80):
        terminal = Terminal(self, list(argv), self._env({"TERM": "xterm", **(env or {})}), rows, cols)
        self.terminals.append(terminal)
        return terminal

    def _env(self, more):
        env = {**self.env, **(more or {})}
        return {name: value for name, value in env.items() if value is not None}

    # Moments.

    def wait_for(self, predicate, what="it", limit=10):
        """Returns what the predicate returned as soon as that is true."""
        end = time.monotonic() + limit
        while True:
            value = predicate()
            if value:
                return value
            if time.monotonic() > end:
                raise OutOfTime(f"waited {limit} s for {what}")
            time.sleep(0.005)

    def wait_file(self, name, limit=10):
        self.wait_for(lambda: os.path.exists(self.path(name)), f"file {name}", limit)

    def wait_event(self, event, limit=10, **members):
        """The first record of the newest run with this event and these members."""
        def look():
            for record in self.journal(partial=True):
                if record["event"] == event and all(record.get(k) == v for k, v in members.items()):
                    return record
            return None
        return self.wait_for(look, f"event {event} {members or ''}", limit)

    # The run record.

    def runs(self):
        """The run directories, oldest first."""
        top = os.path.join(self.state, "runs")
        if not os.path.isdir(top):
            return []
        return [os.path.join(top, name) for name in sorted(os.listdir(top))]

    def run_dir(self):
        runs = self.runs()
        if not runs:
            raise Failed("there is no run directory")
        return runs[-1]

    def journal(self, run=None, partial=False):
        """All records of a run (the newest), each checked. `partial`: the file may still grow."""
        if partial and not self.runs():
            return []
        path = os.path.join(run or self.run_dir(), "journal.jsonl")
        if partial and not os.path.exists(path):
            return []
        with open(path, "rb") as f:
            data = f.read()
        if not partial and data and not data.endswith(b"\n"):
            raise Failed("journal: the last record is torn")
        lines = data.split(b"\n")[:-1]
        first = json.loads(lines[0])["seq"] if lines else 0
        return [parse_record(line, first + i) for i, line in enumerate(lines)]

    def events(self, event, run=None):
        return [record for record in self.journal(run) if record["event"] == event]

    def state_md(self):
        with open(os.path.join(self.run_dir(), "STATE.md"), encoding="utf-8") as f:
            return f.read()

    # Verdicts.

    @staticmethod
    def check(condition, message="not so"):
        if not condition:
            raise Failed(message)

    @staticmethod
    def equal(got, expected, what="value"):
        if got != expected:
            raise Failed(f"{what}: got {got!r}\n  expected {expected!r}")

    @staticmethod
    def contains(text, part, what="text"):
        if part not in text:
            raise Failed(f"{what}: {part!r} is not in\n{text[-2000:]}")

    @staticmethod
    def matches(text, pattern, what="text"):
        found = re.search(pattern, text, re.M)
        if not found:
            raise Failed(f"{what}: nothing matches {pattern!r} in\n{text[-2000:]}")
        return found

    @staticmethod
    def skip(why):
        raise Skipped(why)

    # The end.

    def left_processes(self):
        return sorted(set(marked(self.marker)) | set(descendants(os.getpid())))

    def stop_all(self):
        """Ends what is left of this case; only what carries its marker or descends from it."""
        for _ in range(50):
            left = self.left_processes()
            for pid, _command in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                pass
            if not left:
                return
            time.sleep(0.01)

    def leftovers(self):
        """What the case left behind, in words; [] when it is clean. Nothing may outlive it, but
        an orphan that was just killed gets a moment to disappear."""
        problems = []
        end = time.monotonic() + 0.3
        left = self.left_processes()
        while left and time.monotonic() < end:
            time.sleep(0.01)
            left = self.left_processes()
        for pid, command in left:
            problems.append(f"process left behind: {pid} {command or '(no command line)'}")
        for top, _dirs, files in os.walk(self.tmp):
            problems += [f"temporary file left behind: {os.path.join(top, f)[len(self.base) + 1:]}"
                         for f in files]
            if top != self.tmp:
                problems.append(f"temporary directory left behind: {top[len(self.base) + 1:]}")
        for top, _dirs, files in os.walk(self.base):
            problems += [f"core file: {f}" for f in files if re.fullmatch(r"core(\.\d+)?", f)]
        for name in sorted(os.listdir(self._log)):
            with open(os.path.join(self._log, name), errors="replace") as f:
                text = f.read()
            if text.strip():
                problems.append(f"report of a checker ({name}):\n{text[:6000]}")
        return problems

    def remove(self):
        # A case may have taken away its own permissions.
        for top, dirs, _files in os.walk(self.base):
            for name in dirs:
                path = os.path.join(top, name)
                if not os.path.islink(path):
                    os.chmod(path, 0o700)
        shutil.rmtree(self.base, ignore_errors=True)
