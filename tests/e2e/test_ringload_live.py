"""What ringload shows while it runs, on terminals of every width and where there is none."""

import fcntl
import json
import os
import pty
import re
import signal
import statistics
import struct
import subprocess
import termios
import threading
import time

import pytest

import servers
from test_ringload_ws import stand_in, target  # noqa: F401 (fixtures)

PROGRAM = servers.binary().parent / "ringload"


class Screen:
    """As much of a terminal as is needed to see what stands on it."""

    def __init__(self):
        self.lines, self.row, self.column = [""], 0, 0
        self.wraps, self.unknown = True, []

    def feed(self, text):
        for escape, plain in re.findall(r"(\x1b\[[?\d;]*[A-Za-z])|([^\x1b]+)", text):
            if escape:
                self.obey(escape[2:])
            for letter in plain:
                self.put(letter)

    def obey(self, code):
        if up := re.fullmatch(r"(\d+)A", code):
            assert int(up[1]) <= self.row, "the cursor would leave the place it began at"
            self.row -= int(up[1])
        elif code == "J":
            self.lines[self.row :] = [self.lines[self.row][: self.column]]
        elif code in ("?7l", "?7h"):
            self.wraps = code.endswith("h")
        else:
            self.unknown.append(code)

    def put(self, letter):
        if letter == "\r":
            self.column = 0
        elif letter == "\n":
            self.row += 1
            if self.row == len(self.lines):
                self.lines.append("")
        else:
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[: self.column] + letter + line[self.column + 1 :]
            self.column += 1


class OnTerminal:
    """ringload with its standard error on a terminal of so many columns."""

    def __init__(self, *arguments, columns=100, kind="xterm"):
        self.master, slave = pty.openpty()
        self.name = os.ttyname(slave)
        self.resize(columns)
        self.child = subprocess.Popen(
            [str(part) for part in (PROGRAM, *arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=slave,
            env={**os.environ, "TERM": kind},
        )
        os.close(slave)
        self.bytes, self.out = b"", b""
        self.readers = [threading.Thread(target=read) for read in (self.read, self.read_out)]
        for reader in self.readers:
            reader.start()

    def resize(self, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def read(self):
        while True:
            try:
                read = os.read(self.master, 65536)
            except OSError:  # nobody has the other end any more
                return
            self.bytes += read

    def read_out(self):
        self.out = self.child.stdout.read()

    def wait_for(self, text):
        until = time.monotonic() + 20
        while text not in self.bytes.decode(errors="ignore"):
            assert time.monotonic() < until and self.child.poll() is None, self.bytes
            time.sleep(0.02)

    def end(self, status=0):
        try:
            code = self.child.wait(60)
        finally:
            self.child.kill()
            for reader in self.readers:
                reader.join(10)
            os.close(self.master)
        assert code == status, self.bytes + self.out
        return self

    def drawings(self):
        """The lines of each; what stands on the terminal at the end, and the cursor."""
        screen, drawn = Screen(), []
        for part in self.bytes.decode().split("\x1b[?7h"):
            screen.feed(part)
            if "\x1b[?7l" in part:
                drawn.append(screen.lines[:])
        assert screen.unknown == []
        assert self.bytes.count(b"\x1b[?7l") == self.bytes.count(b"\x1b[?7h")
        return drawn, screen


def is_clean(screen):
    return screen.lines == [""] and (screen.row, screen.column) == (0, 0)


@pytest.fixture
def load(server):
    return ("sse", "--url", server.url("").rstrip("/"), "--subscribers", 20)


TIMES = ("--warmup", 1.2, "--time", 2.2, "--json", "-")


def test_every_phase_is_shown_in_place(server):
    where = ("sse", "--url", server.url(""), "--subscribers", 60, "--ramp", 50)
    run = OnTerminal(*where, "--rate", 100, *TIMES).end()
    drawn, screen = run.drawings()
    assert is_clean(screen), screen.lines
    assert json.loads(run.out)["delivered"] > 0
    drawn = [lines for lines in drawn if not lines[0].startswith("draining")]  # may be too short
    phases = [lines[0].split("  ")[0] for lines in drawn]
    assert list(dict.fromkeys(phases)) == ["connecting", "warming up", "measuring"], phases
    assert 2 <= phases.count("connecting") <= 5 and 3 <= phases.count("measuring") <= 6, phases
    counts = [int(re.search(r"(\d+) of 60 subscribers", lines[0])[1])
              for lines in drawn if lines[0].startswith("connecting")]
    assert counts == sorted(counts) and counts[-1] > 20, counts
    shares = [int(share) for lines in drawn
              for share in re.findall(r"client (\d+) %", "\n".join(lines))]
    assert len(shares) == len(drawn) and max(shares) <= 110, shares
    last = drawn[-1]
    assert re.fullmatch(r"measuring  █+░*  \d\.\d of 2\.2 s, \d\.\d s left", last[0]), last
    assert re.fullmatch(r"[▁-█]{4,8}", last[-1]), last
    assert re.search(r"lost 0  duplicates 0  out of order 0  failures 0", "\n".join(last)), last
    assert re.search(r"client [1-9]\d* % of a core", "\n".join(last)), last
    bars = [lines[0].count("█") for lines in drawn if lines[0].startswith("measuring")]
    assert bars == sorted(set(bars)), bars


def test_figures_are_those_of_the_result(load):
    run = OnTerminal(*load, "--rate", 100, "--warmup", 0.5, "--time", 4, "--json", "-").end()
    result = json.loads(run.out)
    drawn, _ = run.drawings()
    measuring = ["  ".join(lines[1:]) for lines in drawn if lines[0].startswith("measuring")]
    for name, figure in (("deliveries", "deliveries_per_s"), ("events", "events_per_s")):
        rates = [float(rate.replace(",", ""))
                 for rate in re.findall(rf"([\d,]+) {name}/s", "\n".join(measuring))]
        assert statistics.median(rates) == pytest.approx(result[figure], rel=0.1), rates
    assert all(re.search(r"p50 \S+ \S+  p99 \S+ \S+  max \S+ \S+", text) for text in measuring)


@pytest.mark.parametrize("columns", [20, 40, 57, 200])
def test_it_fits_the_terminal(load, columns):
    run = OnTerminal(*load, "--window", 8, *TIMES, columns=columns).end()
    drawn, screen = run.drawings()
    assert is_clean(screen), screen.lines
    widest = max(len(line) for lines in drawn for line in lines)
    assert widest <= max(columns, 40) and len(drawn) >= 5, drawn


def test_it_follows_a_terminal_that_is_resized(load):
    run = OnTerminal(*load, "--rate", 100, "--warmup", 0, "--time", 3, columns=120)
    run.wait_for("measuring")
    run.resize(44)
    run.end()
    drawn, screen = run.drawings()
    assert is_clean(screen), screen.lines
    widths = [max(map(len, lines)) for lines in drawn]
    assert max(widths) > 44 and max(widths[-3:]) <= 44, widths


def test_losses_and_the_drain_are_shown(target):  # noqa: F811
    for fault in ("drop", "deaf"):  # one is seen by what comes after it, one is waited for
        where = ("ws", "--target", target(f"&fault={fault}"), "--subscribers", 4, "--rate", 100)
        run = OnTerminal(*where, "--warmup", 0, "--time", 1.5, "--json", "-").end()
        drawn, screen = run.drawings()
        assert is_clean(screen), screen.lines
        assert json.loads(run.out)["lost"] > 0
        last = "\n".join(drawn[-1])
        if fault == "drop":
            assert re.search(r"lost [1-9]", last), last
        else:
            assert re.match(r"draining  .*[1-9]\d* to come", last), drawn


def test_an_interrupted_run_leaves_a_clean_terminal(load):
    run = OnTerminal(*load, "--rate", 100, "--warmup", 0, "--time", 30, "--json", "-")
    run.wait_for("measuring")
    run.child.send_signal(signal.SIGINT)
    run.end()
    _, screen = run.drawings()
    assert is_clean(screen), screen.lines
    assert any("interrupted" in each for each in json.loads(run.out)["warnings"])
    run = OnTerminal(*load, "--ramp", 2, "--rate", 100)
    run.wait_for("connecting")
    run.child.send_signal(signal.SIGINT)
    run.end(status=1)
    _, screen = run.drawings()
    assert screen.lines == ["ringload: Interrupted before anything was measured.", ""]


def test_round_trips_and_idle_streams_are_shown(load):
    control = ("ws", *load[1:3], "--control", "--connections", 3)
    run = OnTerminal(*control, "--warmup", 0.2, "--time", 1.2).end()
    drawn, screen = run.drawings()
    assert is_clean(screen) and any("round trips/s  p50" in lines[1] for lines in drawn), drawn
    assert not any("events/s" in line for lines in drawn for line in lines)
    run = OnTerminal(*load, "--idle", "--time", 1.2).end()
    drawn, screen = run.drawings()
    assert is_clean(screen) and not any("/s" in line for lines in drawn for line in lines), drawn


def test_nothing_is_shown_where_it_would_disturb(load):
    short = (*load, "--rate", 100, "--warmup", 0, "--time", 1.2)
    for more, kind in ((("--quiet",), "xterm"), ((), "dumb")):
        assert OnTerminal(*short, *more, kind=kind).end().bytes == b""
    done = subprocess.run(
        [str(part) for part in (PROGRAM, *short)], capture_output=True, timeout=60, check=True
    )
    assert done.stderr == b"" and b"deliveries" in done.stdout and b"\x1b" not in done.stdout


def test_a_terminal_that_was_stopped_does_not_stop_the_load(load):
    run = OnTerminal(*load, "--rate", 100, "--warmup", 0, "--time", 2, "--json", "-")
    run.wait_for("measuring")
    terminal = os.open(run.name, os.O_RDWR | os.O_NOCTTY)
    termios.tcflow(terminal, termios.TCOOFF)
    stopped = time.monotonic()
    assert run.child.wait(30) == 0
    assert time.monotonic() - stopped < 10
    termios.tcflow(terminal, termios.TCOON)
    os.close(terminal)
    assert json.loads(run.end().out)["delivered"] > 1000
