#!/usr/bin/python3
"""What attacks cost those who are served meanwhile: p99 with and without each, and their ratio.

The server runs on one core; the load (ringload: events at a fixed rate, latency from the intended
send time; each publish is a request) on the other, and there, with the lowest priority, the
attacker. It attacks and rests in turns of some seconds, on one server and beside one load. ringload
reports intervals of a fraction of a turn; the first of each turn is left out, and a turn's p99 is
the median of the others'. A ratio is a turn of attack over the rests before and after it, so that a
machine that gets busy does so for both; of the ratios of all rounds the table has the median and,
in brackets, the quartiles. "Waits" is the share of the time that ringload was ready to run and its
core was not free: no server can do anything about that.
"""

import argparse
import json
import os
import signal
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

from attackers import ATTACKS
from compare_lib import machine
from compare_lib.children import Children, wait_until
from compare_lib.servers import free_port

ROOT = Path(__file__).resolve().parent.parent
PYTHON = "/usr/bin/python3"
MOST_RATIO = 1.2
INTERVALS = 4  # of a turn
KINDS = ("rest", "attack", "rest", "elsewhere")  # of turns, in order; the last on demand
FIGURES = {"latency_us": "deliveries", "publish_us": "requests"}
CONFIG = """
metrics: {{interval_ms: 0}}
net: {{trusted_proxies: [127.0.0.1]}}
limits: {{exempt: [127.0.0.1], max_connections_per_client: 200, max_streams_per_client: 300,
  header_timeout_ms: 2s, send_timeout_ms: 2s}}
auth: {{access: {access}}}
log: {{level: warn}}
"""
ACCESS = """
anonymous: {{publish: ['*'], subscribe: ['*']}}
jwt: {{jwks: {keys}, audience: a, algorithms: [HS256]}}
"""
SECRET = {"kty": "oct", "k": "c2VjcmV0IG9mIHRoaXJ0eS10d28gYnl0ZXMsIHllcywgeWVz", "kid": "k"}


class Failure(Exception):
    pass


def parse():
    listed = "\n".join(f"  {name:<13} {each.__doc__}" for name, each in ATTACKS.items())
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"attacks:\n{listed}",
    )
    add = parser.add_argument
    add("--attacks", nargs="+", choices=list(ATTACKS), default=list(ATTACKS), metavar="NAME")
    add("--rounds", type=int, default=2, metavar="N", help="a fresh server each")
    add("--turns", type=int, default=6, metavar="N", help="of attack and of rest, in a round")
    add("--turn", type=float, default=2, metavar="S", help="length of each")
    add("--subscribers", type=int, default=300, metavar="N")
    add("--rate", type=float, default=200, metavar="N", help="events a second")
    add("--pace", type=float, default=1, metavar="N", help="the attacks' pace, as a factor")
    add("--elsewhere", action="store_true",
        help="in turns with it attack another server, which works on the load's core: what the "
        "attacker itself does to the load")
    add("--server-core", type=int, default=0, metavar="N")
    add("--client-core", type=int, default=1, metavar="N")
    add("--ringcast", type=Path, default=ROOT / "build/release/bin/ringcast", metavar="FILE")
    add("--ringload", type=Path, default=ROOT / "build/release/bin/ringload", metavar="FILE")
    add("--json", type=Path, metavar="FILE", help="all figures of all runs")
    add("--check", action="store_true", help=f"exit with 1 if a ratio is above {MOST_RATIO}")
    return parser.parse_args()


class Run:
    """One measurement: a fresh server, a load, and an attack beside it, in turns."""

    def __init__(self, options, children, folder):
        self.options, self.children, self.folder = options, children, folder
        self.kinds = KINDS if options.elsewhere else KINDS[:2]
        self.load_s = len(self.kinds) * options.turns * options.turn
        self.log = (folder / "children.log").open("ab")
        self.port = free_port()

    def write_config(self):
        folder = self.folder
        keys, access = folder / "keys.json", folder / "access.yaml"
        keys.write_text(json.dumps({"keys": [SECRET]}))
        access.write_text(ACCESS.format(keys=keys))
        config = folder / "ringcast.yaml"
        config.write_text(CONFIG.format(access=access))
        return config

    def start_server(self, core, port):
        command = [self.options.ringcast, "serve", "--config", self.write_config()]
        command += ["--cores", core, "--listen", f"127.0.0.1:{port}"]
        server = self.children.start(command, {core}, self.log)

        def ready():
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return True
            except OSError:
                return False

        if not wait_until(ready, 10):
            raise Failure("the server does not listen")
        return server

    def start_attack(self, name):
        """What is at work beside the load."""
        options, core, started, ports = self.options, self.options.client_core, [], [self.port]
        if options.elsewhere:
            ports.append(free_port())
            started.append(self.start_server(core, ports[-1]))
        for number, port in enumerate(ports):
            command = [PYTHON, ROOT / "bench/attackers.py", name, port, "--pace", options.pace]
            command += ["--turn", options.turn, "--of", len(self.kinds), "--at", 2 * number + 1]
            started.append(self.children.start(command, {core}, self.log))
        # Whoever is of use comes first, at once; "waits" tells whether it did.
        for child in started:
            os.sched_setscheduler(child.pid, os.SCHED_IDLE, os.sched_param(0))
        return started

    def start_load(self):
        options = self.options
        command = [options.ringload, "sse", "--url", f"http://127.0.0.1:{self.port}"]
        command += ["--subscribers", options.subscribers, "--rate", options.rate]
        command += ["--time", self.load_s]
        command += ["--interval", options.turn / INTERVALS]
        command += ["--cpu", options.client_core, "--json", self.folder / "load.json", "--quiet"]
        return self.children.start(command, {options.client_core}, self.log)

    def measure(self, attack):
        server = self.start_server(self.options.server_core, self.port)
        before = most = anonymous_bytes(server.pid)
        attackers, load = self.start_attack(attack), self.start_load()
        waits = Waits(load.pid, self.options.turn)
        try:
            end = time.monotonic() + self.load_s + 60
            while load.poll() is None and time.monotonic() < end:
                time.sleep(0.1)
                most = max(most, anonymous_bytes(server.pid))
                waits.take()
            if load.poll() != 0:
                raise Failure(f"ringload ended with {load.poll()}")
            if any(child.poll() is not None for child in (server, *attackers)):
                raise Failure("the server or the attacker ended during the run")
        finally:
            for child in (load, *reversed(attackers), server):
                self.children.stop(child, patience_s=2)
        figures = json.loads((self.folder / "load.json").read_text())
        lost = figures["lost"] + figures["duplicates"] + figures["errors"]["calls_failed"]
        turns = self.turns(figures["intervals"], waits)
        return {"grown": most - before, "lost": lost, "turns": turns}

    def turns(self, intervals, waits):
        """The p99 of each, in order, and what the load waited."""
        turn_s, samples = self.options.turn, {}
        for each in intervals:
            turn, into = divmod(each["at_s"] + 1e-6, turn_s)
            whole = each["seconds"] > 0.9 * turn_s / INTERVALS
            if whole and into > turn_s / INTERVALS / 2:
                samples.setdefault(int(turn), []).append(each)

        def p99(turn, key):
            # None: nothing came in the whole interval.
            return statistics.median(each[key]["p99"] or float("inf") for each in samples[turn])

        return [
            {"kind": self.kinds[turn % len(self.kinds)], "waited": waits.share(turn)}
            | {key: p99(turn, key) for key in FIGURES}
            for turn in sorted(samples)
        ]


class Waits:
    """How long a process was ready to run and did not, in turns."""

    def __init__(self, pid, turn_s):
        self.path, self.turn_s = Path(f"/proc/{pid}/schedstat"), turn_s
        self.samples = {}  # of each turn: times, and what had been waited until then

    def take(self):
        try:
            waited_ns = int(self.path.read_text().split()[1])
        except (OSError, IndexError):  # it has ended
            return
        now = time.monotonic()
        self.samples.setdefault(int(now / self.turn_s), []).append((now, waited_ns / 1e9))

    def share(self, turn):
        (begin, before), (end, after) = (self.samples.get(turn, [(0, 0)])[at] for at in (0, -1))
        return (after - before) / (end - begin) if end > begin else 0


def anonymous_bytes(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return 1024 * int(line.split()[1])
    return 0


def one_round(options, children, number, results):
    for attack in options.attacks:
        with tempfile.TemporaryDirectory(prefix="attack") as folder:
            run = Run(options, children, Path(folder))
            try:
                with machine.Disturbance() as disturbance:
                    sample = run.measure(attack)
                sample["disturbed"] = disturbance.share
                results[attack].append(sample)
            except (Failure, OSError) as failure:
                print(f"round {number}, {attack}: {failure}", file=sys.stderr)
            finally:
                run.log.close()


def median_of(runs, kind, name):
    samples = [turn[name] for run in runs for turn in run["turns"] if turn["kind"] == kind]
    return statistics.median(samples) if samples else float("nan")


def ratios(runs, kind, name):
    """Of each turn of that kind to the rests beside it."""
    found = []
    for run in runs:
        turns = run["turns"]
        for at, turn in enumerate(turns):
            beside = [turns[n] for n in (at - 1, at + 1) if 0 <= n < len(turns)]
            rests = [each[name] for each in beside if each["kind"] == "rest"]
            if turn["kind"] == kind and rests:
                found.append(turn[name] / statistics.mean(rests))
    return found


def quartiles(values):
    """The lower, the median, the upper."""
    if len(values) < 2:
        return [values[0] if values else float("nan")] * 3
    return statistics.quantiles(values, method="inclusive")


def print_line(name, runs, kind):
    """What turns of that kind did; its ratios by figure."""
    print(f"{name:<14}", end="")
    medians = {}
    for key in FIGURES:
        quiet, with_it = (median_of(runs, each, key) / 1000 for each in ("rest", kind))
        low, medians[key], high = quartiles(ratios(runs, kind, key))
        print(f"{quiet:>14.2f} →{with_it:>8.2f}{medians[key]:>8.2f}", end="")
        print(f" [{low:.2f}, {high:.2f}]", end="")
    waits = [f"{median_of(runs, each, 'waited'):.1%}" for each in ("rest", kind)]
    print(f"{' → '.join(waits):>16}", end="")
    return medians


def report(results):
    """The table; the ratios that are too large."""
    print(f"{'attack':<14}", end="")
    for name in FIGURES.values():
        print(f"{name + ' p99, ms':>24}{'ratio':>8}{'':>13}", end="")
    print(f"{'waits':>16}{'memory':>10}{'lost':>6}{'others':>8}")
    above = []
    for attack, runs in results.items():
        medians = print_line(attack, runs, "attack")
        above += [
            f"{attack}: {FIGURES[key]} {ratio:.2f}"
            for key, ratio in medians.items()
            if not ratio <= MOST_RATIO
        ]
        grown, lost = (max(run[key] for run in runs) for key in ("grown", "lost"))
        others = statistics.median(run["disturbed"] for run in runs)
        print(f"{grown / 2**20:>6.1f} MiB{lost:>6}{others:>8.0%}", flush=True)
        if any(turn["kind"] == "elsewhere" for run in runs for turn in run["turns"]):
            print_line("  elsewhere", runs, "elsewhere")
            print(flush=True)
    return above


def main():
    options = parse()
    for program in (options.ringcast, options.ringload):
        if not program.exists():
            sys.exit(f"attack_bench: {program} is not built")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(machine.describe(machine.facts()))
    results = {attack: [] for attack in options.attacks}
    begin = time.monotonic()
    with Children() as children:
        for number in range(1, options.rounds + 1):
            one_round(options, children, number, results)
            took = time.monotonic() - begin
            print(f"round {number} of {options.rounds}: {took:.0f} s", file=sys.stderr)
    above = report({attack: runs for attack, runs in results.items() if runs})
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))
    if above:
        print(f"above {MOST_RATIO}: {'; '.join(above)}")
    sys.exit(1 if above and options.check else 0)


if __name__ == "__main__":
    main()
