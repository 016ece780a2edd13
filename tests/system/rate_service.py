"""A model service with limits, simulated: buckets of requests and of tokens that fill up steadily.

It answers in the words that tests/helpers/client.c reads, on a socket of its own, in a thread.
"""

import os
import random
import selectors
import socket
import threading
import time

BACKLOG = 256


class Bucket:
    """Filled at `rate` a second up to `size`; a rate of None never runs dry."""

    def __init__(self, rate, size):
        self.rate, self.size, self.level, self.at = rate, size, size, time.monotonic()

    def wait_for(self, amount, now):
        """Seconds until so much is there; 0: it is."""
        if self.rate is None:
            return 0
        self.level = min(self.size, self.level + (now - self.at) * self.rate)
        self.at = now
        return max(0, (amount - self.level) / self.rate)

    def take(self, amount):
        if self.rate is not None:
            self.level -= amount


class Service:
    """`script` (prompt, how often it came before) may say a reply of its own; None: as the limits have it.
    `waits`: nobody gets a reply before let_go()."""

    def __init__(self, path, requests=(None, 0), tokens=(None, 0), ms=(50, 150), hint=True,
                 script=None, seed=1, waits=False):
        self.path = path
        self.requests, self.tokens = Bucket(*requests), Bucket(*tokens)
        self.ms, self.hint, self.script = ms, hint, script
        self.random = random.Random(seed)
        self.asked = self.refused = 0
        self.log = []  # (time, prompt, first word of the reply)
        self.seen = {}
        self._waits = [] if waits else None
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(path)
        self._server.listen(BACKLOG)
        self._awake, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        os.close(self._wake)
        self._thread.join()
        self._server.close()
        os.close(self._awake)
        os.unlink(self.path)

    def _serve(self):
        with selectors.DefaultSelector() as selector:
            selector.register(self._server, selectors.EVENT_READ)
            selector.register(self._awake, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fd == self._awake:
                        if not self._go_on(os.read(self._awake, 64)):
                            return
                        continue
                    connection, _ = self._server.accept()
                    if self._waits is not None:
                        self._waits.append(connection)
                        continue
                    with connection:
                        self._answer(connection)

    @property
    def waiting(self):
        """How many wait for a reply."""
        return len(self._waits)

    def let_go(self, count):
        """So many of those that wait are answered, the first first; None: all, also those that come later."""
        os.write(self._wake, b"a" if count is None else b"." * count)

    def _go_on(self, words):
        for word in words:
            waits = self._waits
            count = 1
            if word == ord("a"):
                self._waits, count = None, len(waits)
            for _ in range(count):
                with waits.pop(0) as connection:
                    self._answer(connection)
        return words

    def _answer(self, connection):
        try:
            prompt = connection.makefile("r", encoding="utf-8").readline().rstrip("\n")
            reply = self._reply(prompt)
            connection.sendall((reply + "\n").encode())
        except OSError:
            return  # it was stopped in the middle
        self.log.append((time.monotonic(), prompt, reply.split(" ")[0]))

    def _reply(self, prompt):
        before = self.seen.get(prompt, 0)
        self.seen[prompt] = before + 1
        reply = self.script(prompt, before) if self.script else None
        if reply:
            return reply
        now = time.monotonic()
        amount = self.random.randint(500, 1500)
        wait = max(self.requests.wait_for(1, now), self.tokens.wait_for(amount, now))
        self.asked += 1
        if wait > 0:
            self.refused += 1
            return "no " + too_many(wait if self.hint else None)
        self.requests.take(1)
        self.tokens.take(amount)
        return f"ok {self.random.randint(*self.ms)} answer to {prompt}"


def too_many(seconds=None):
    """How a client tells that a service refused it, and for how long."""
    hint = f" Please try again in {seconds:.3f}s." if seconds is not None else ""
    return f"exceeded retry limit, last status: 429 Too Many Requests. Rate limit reached.{hint}"
