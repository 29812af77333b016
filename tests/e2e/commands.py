"""Runs the commands of ringcast, to their end or in the background."""

import os
import subprocess
import threading

import pytest

import servers
import wire
from wire import wait_for

TIMEOUT_S = 20


def environment(port=None, **more):
    base = {k: v for k, v in os.environ.items() if not k.startswith("RINGCAST_")}
    if port:
        base["RINGCAST_URL"] = f"http://127.0.0.1:{port}"
    return base | more


def cli(port, *words, input="", check=0, **more):
    """Runs a command to its end; the completed process, with text."""
    done = subprocess.run(
        [servers.binary(), *words],
        input=input.encode() if isinstance(input, str) else input,
        capture_output=True,
        timeout=TIMEOUT_S,
        env=environment(port, **more),
        check=False,
    )
    done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
    assert check is None or done.returncode == check, (done.returncode, done.stdout, done.stderr)
    assert "AddressSanitizer" not in done.stderr, done.stderr
    return done


class Running:
    """A command in the background, with what it has written so far."""

    def __init__(self, port, *words):
        self.child = subprocess.Popen(
            [servers.binary(), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(port),
        )
        self.out, self.err = [], []
        self.threads = [
            threading.Thread(target=self._read, args=pair, daemon=True)
            for pair in ((self.child.stdout, self.out), (self.child.stderr, self.err))
        ]
        for thread in self.threads:
            thread.start()

    @staticmethod
    def _read(stream, lines):
        for line in stream:
            lines.append(line.decode().rstrip("\n"))

    def send(self, text):
        self.child.stdin.write(text.encode())
        self.child.stdin.flush()

    def wait_out(self, count):
        wait_for(lambda: len(self.out) >= count, f"{count} lines of {self.out}, {self.err}")
        return self.out

    def wait_err(self, text):
        wait_for(lambda: any(text in line for line in self.err), f"{text!r} in {self.err}")

    def end(self, code=0, number=None):
        if number is not None:
            self.child.send_signal(number)
        else:
            self.child.stdin.close()
        assert self.child.wait(TIMEOUT_S) == code, (self.out, self.err)
        for thread in self.threads:
            thread.join(TIMEOUT_S)
        assert not any("AddressSanitizer" in line for line in self.err), self.err
        return self.out, self.err


@pytest.fixture
def run():
    """Starts commands that are ended with the test: run(port, *words)."""
    started = []

    def start_command(port, *words):
        started.append(Running(port, *words))
        return started[-1]

    yield start_command
    for command in started:
        if command.child.poll() is None:
            command.child.kill()
            command.child.wait()


def subscribed(port, topic, count=1):
    def there():
        topics = wire.request(port, "GET", "/api/topics").json()["topics"]
        return any(t["topic"] == topic and t["subscribers"] == count for t in topics)

    wait_for(there, f"a subscriber of {topic}")
