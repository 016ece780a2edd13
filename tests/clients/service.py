#!/usr/bin/env python3
"""A model service on the loopback that behaves, or misbehaves, as the first part of its address says.

    python3 service.py [ANSWERS]   prints its port on standard output; ends when its standard input is closed

    http://127.0.0.1:PORT/CASE/v1/responses | /chat/completions | /messages
    http://127.0.0.1:PORT/CASE/v1beta/models/MODEL:generateContent | :streamGenerateContent
    GET  /log[?case=CASE]       what was asked: {"count": N, "requests": [...]}
    POST /forget                empties the log and the counters of flaky-N

CASE is one of:
    ok            answers at once
    ok-long       answers with 20 KB in 400 pieces; ok-long-N: in N pieces of 50 bytes
    slow          answers after two seconds
    429           too many requests, with no hint when to come back; 429-hint: with one of two seconds
    quota         429 that will not pass
    500, 529      the service failed, or has too much to do (503 in Gemini's words)
    401           the key is wrong
    context       the conversation does not fit the model (400)
    hang          never answers; hang-body: begins an answer and never ends it
    flaky-N       N times 429, then ok; flaky-KIND-N: the same with another refusal, as in flaky-429-hint-2

The refusals have names without a number too, since some clients print the address that they asked: rate, rate-hint,
broken (500), overloaded (529), denied (401), full (context).

CASE@ANYTHING is the same case with a log and a counter of its own. A model named case-CASE overrules the address, for
tasks that share one configuration. A line 'answer: TEXT' in the last message of the user makes TEXT the answer.

ANSWERS is a file in JSON, for more than one word of an answer: a list of objects of which the first counts whose "when",
a regular expression, is found in the last message of the user. "say" is the answer, in which \\1 is what the first
group has found; "first" is the case of the first such request.

A test that makes a Service of its own may give it a script: a function of the request and of how many the same label
and model made before. It returns a case, ("ok", TEXT) for an answer, or None: what the address and the model say.
"""

import json
import re
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from dialects import dialect_of

ANSWER = "The answer is 42."
LONG_PIECES = 400
LONG_PIECE = 50  # bytes
LONG = re.compile(r"ok-long(?:-(\d+))?")
FLAKY = re.compile(r"flaky-(?:(.+)-)?(\d+)")
NAMES = {
    "rate": "429",
    "rate-hint": "429-hint",
    "broken": "500",
    "overloaded": "529",
    "denied": "401",
    "full": "context",
}
REFUSALS = ("429", "429-hint", "quota", "500", "529", "401", "context")


def long_answer(pieces):
    """Pieces of 50 bytes, each of which says its number, so that a lost one is seen."""
    for number in range(pieces):
        yield ("line %03d of the long answer " % number).ljust(LONG_PIECE - 1, ".") + "\n"


def answer_pieces(case, request):
    long = LONG.fullmatch(case)
    if long:
        return list(long_answer(int(long.group(1) or LONG_PIECES)))
    asked = [text for role, text in request.messages if role == "user"]
    wanted = re.findall(r"^answer: (.*)$", asked[-1], re.MULTILINE) if asked else []
    text = wanted[-1] if wanted else ANSWER
    half = len(text) // 2
    return [piece for piece in (text[:half], text[half:]) if piece] or [text]


class Journal:
    """What was asked so far, by every thread."""

    def __init__(self):
        self.lock = threading.Lock()
        self.forget()

    def forget(self):
        with self.lock:
            self.requests = []
            self.counts = {}

    def add(self, label, case, path, request):
        """Returns how many requests the same label and model have made before this one."""
        with self.lock:
            key = (label, request.model)
            before = self.counts.get(key, 0)
            self.counts[key] = before + 1
            self.requests.append(
                {
                    "number": len(self.requests) + 1,
                    "time": time.time(),
                    "label": label,
                    "case": case,
                    "path": path,
                    "model": request.model,
                    "stream": request.stream,
                    "system": request.system,
                    "messages": [{"role": role, "text": text} for role, text in request.messages],
                    "user": [text for role, text in request.messages if role == "user"],
                }
            )
            return before

    def show(self, label):
        with self.lock:
            found = [entry for entry in self.requests if label in (None, entry["label"])]
            return {"count": len(found), "requests": found}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "service"
    sys_version = ""
    # Small events must not wait for an acknowledgement of the one before.
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def send_json(self, status, data, headers=()):
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def send_stream(self, events, wait_for_ever):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        for event in events:
            self.wfile.write(event.encode())
            self.wfile.flush()
            if wait_for_ever:
                self.hang()
                return

    def hang(self):
        """Until the client goes away: reading returns nothing then."""
        self.close_connection = True
        self.rfile.read(1)

    def do_GET(self):
        address = urllib.parse.urlsplit(self.path)
        if address.path == "/log":
            label = urllib.parse.parse_qs(address.query).get("case", [None])[0]
            self.send_json(200, self.server.journal.show(label))
        elif address.path.endswith("/models"):
            self.send_json(200, {"object": "list", "data": [], "models": []})
        else:
            self.send_json(404, {"error": {"message": "no such address", "type": "not_found"}})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/forget":
            self.server.journal.forget()
            self.send_json(200, {})
            return
        dialect = dialect_of(self.path)
        if dialect is None:
            self.send_json(404, {"error": {"message": "no such address", "type": "not_found"}})
            return
        try:
            request = dialect.read(json.loads(body), self.path)
        except (ValueError, AttributeError, TypeError) as error:
            self.send_json(400, {"error": {"message": "bad request: %s" % error, "type": "bad_request"}})
            return
        try:
            self.answer(dialect, request)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def answer(self, dialect, request):
        label = urllib.parse.unquote(self.path.split("/")[1])
        case = label.split("@")[0]
        if request.model and request.model.startswith("case-"):
            case = request.model[len("case-") :]
        before = self.server.journal.add(label, case, self.path, request)
        pieces = None
        if self.server.script:
            case = self.server.script(request, before) or case
            if not isinstance(case, str):
                case, text = case
                pieces = [text]

        flaky = FLAKY.fullmatch(case)
        if flaky:
            case = (flaky.group(1) or "429") if before < int(flaky.group(2)) else "ok"
        case = NAMES.get(case, case)
        if case == "hang":
            self.hang()
            return
        if case in REFUSALS:
            status, data = dialect.refusal(case, request.model)
            self.send_json(status, data, [("Retry-After", "2")] if case == "429-hint" else [])
            return
        if case not in ("ok", "slow", "hang-body") and not LONG.fullmatch(case):
            self.send_json(404, {"error": {"message": "no such case: %s" % case, "type": "not_found"}})
            return
        if case == "slow":
            time.sleep(2)
        pieces = pieces or answer_pieces(case, request)
        if request.stream:
            self.send_stream(dialect.stream(request, pieces), case == "hang-body")
        else:
            self.send_json(200, dialect.whole(request, "".join(pieces)))


class Service(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, script=None):
        self.journal = Journal()
        self.script = script
        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, *_):
        """A client that was killed is not worth a stack on standard error."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(*_)


class Answers:
    """What a file says that the answers are; a script of a Service."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.rules = json.load(file)
        self.seen = set()

    def __call__(self, request, before):
        asked = [text for role, text in request.messages if role == "user"]
        for number, rule in enumerate(self.rules):
            found = re.search(rule["when"], asked[-1]) if asked else None
            if not found:
                continue
            first = number not in self.seen
            self.seen.add(number)
            return rule["first"] if first and "first" in rule else ("ok", found.expand(rule["say"]))
        return None


def main():
    service = Service(Answers(sys.argv[1]) if len(sys.argv) > 1 else None)
    threading.Thread(target=service.serve_forever, daemon=True).start()
    print(service.server_address[1], flush=True)
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
