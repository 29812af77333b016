#!/usr/bin/python3
"""What it costs to be safe: signed tokens, limits and CORS beside none of it, in one run.

Two servers of the same program share a core, each with a load of its own on the other core. The
loads take turns of a fraction of a second: whatever slows the machine down for longer than that
slows both. Deliveries and requests are counted by the servers, their CPU time by the kernel, in
nanoseconds.

  fanout    1000 subscribers, 32 publishers, 64 events under way
  requests  1 subscriber, 32 publishers with one request each under way
"""

import argparse
import json
import os
import random
import re
import signal
import statistics
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import yaml

import safe_setup as safe
from compare_lib import machine
from compare_lib.children import Children, wait_until
from compare_lib.servers import free_port

ROOT = Path(__file__).resolve().parent.parent
LOADS = {
    "fanout": {"subscribers": 1000, "publishers": 32, "window": 64, "size": 128},
    "requests": {"subscribers": 1, "publishers": 32, "window": 32, "size": 128},
}
# What is asked: (least rate, most CPU) with everything on, of that with nothing.
BOUNDS = {"fanout": (0.98, 1.02), "requests": (0.90, 1.10)}
COUNTED = {"fanout": "messages_sent_total", "requests": "messages_received_total"}


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--loads", nargs="+", choices=list(LOADS), default=list(LOADS), metavar="NAME")
    add("--rounds", type=int, default=5, metavar="N", help="fresh servers each")
    add("--turns", type=int, default=40, metavar="N", help="of each server in a round")
    add("--turn-ms", type=int, default=200, metavar="MS")
    add("--server-core", type=int, default=0, metavar="N")
    add("--client-core", type=int, default=1, metavar="N")
    add("--ringcast", type=Path, default=ROOT / "build/release/bin/ringcast", metavar="FILE")
    add("--ringload", type=Path, default=ROOT / "build/release/bin/ringload", metavar="FILE")
    add("--json", type=Path, metavar="FILE", help="the figures of all rounds")
    add("--check", action="store_true", help="exit with 1 if a bound does not hold")
    return parser.parse_args()


class Side:
    """A server and its load, which stands still except in its turns."""

    def __init__(self, options, children, folder, load, is_safe):
        folder.mkdir()
        self.folder, self.load_name, self.log = folder, load, (folder / "log").open("ab")
        self.url = f"http://127.0.0.1:{free_port()}"
        arguments, self.headers = safe.prepare(folder) if is_safe else ([], {})
        core = options.server_core
        command = [options.ringcast, "serve", "--cores", core, *arguments]
        command += ["--listen", self.url.removeprefix("http://")]
        self.server = children.start(command, {core}, self.log)
        if not wait_until(self.is_up, 10):
            sys.exit(f"safe_bench: no server: {(folder / 'log').read_text()}")
        # The load ends by itself long after its last turn; it is ended before.
        longest_s = 60 + 4 * options.turns * options.turn_ms / 1000
        command = [options.ringload, "sse", "--target", self.target(), "--ramp", 1000, "--poll"]
        command += ["--warmup", 1, "--time", longest_s, "--cpu", options.client_core, "--quiet"]
        for name, value in LOADS[load].items():
            command += [f"--{name}", value]
        self.client = children.start(command, {options.client_core}, self.log)

    def is_up(self):
        try:
            return bool(self.metric("messages_sent_total") + 1)
        except OSError:
            return False

    def target(self):
        target = yaml.safe_load((ROOT / "bench/targets/ringcast.yaml").read_text())
        target["port"] = int(self.url.rpartition(":")[2])
        for part in ("subscribe", "publish"):
            target[part]["headers"] = {**target[part].get("headers", {}), **self.headers}
        path = self.folder / "target.yaml"
        path.write_text(yaml.safe_dump(target, width=10_000))
        return path

    def metric(self, name):
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as answer:
            found = re.search(rf"^{name} (\S+)$", answer.read().decode(), re.MULTILINE)
        return float(found[1])

    def cpu_ns(self):
        tasks = Path(f"/proc/{self.server.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)

    def state(self):
        return self.metric(COUNTED[self.load_name]), self.cpu_ns()

    def rest(self):
        os.kill(self.client.pid, signal.SIGSTOP)

    def work(self):
        if self.client.poll() is not None:
            sys.exit(f"safe_bench: the load ended: {(self.folder / 'log').read_text()}")
        os.kill(self.client.pid, signal.SIGCONT)


def one_round(options, folder, load):
    with Children() as children:
        sides = []
        for is_safe in (False, True):
            side = Side(options, children, folder / str(is_safe), load, is_safe)
            least = 100 * LOADS[load]["subscribers"]
            if not wait_until(lambda side=side: side.metric("messages_sent_total") > least, 20):
                sys.exit(f"safe_bench: no load: {(side.folder / 'log').read_text()}")
            time.sleep(1)
            side.rest()
            sides.append(side)
        time.sleep(0.2)  # what was under way has arrived
        before = [side.state() for side in sides]
        for _ in range(options.turns):
            for side in random.sample(sides, 2):
                side.work()
                time.sleep(options.turn_ms / 1000)
                side.rest()
        time.sleep(0.2)
        after = [side.state() for side in sides]
    counts, cpu_ns = zip(*((a - c, b - d) for (a, b), (c, d) in zip(after, before)))
    seconds = options.turns * options.turn_ms / 1000
    each = [cpu / count for cpu, count in zip(cpu_ns, counts)]
    return {
        "per_s": [count / seconds for count in counts],
        "cpu_ns": each,
        "rate_ratio": counts[1] / counts[0],
        "cpu_ratio": each[1] / each[0],
    }


def report(load, rounds):
    def middle(pick):
        return statistics.median(pick(each) for each in rounds)

    rate, cpu = middle(lambda each: each["rate_ratio"]), middle(lambda each: each["cpu_ratio"])
    least, most = BOUNDS[load]
    print(f"{load}, {len(rounds)} rounds: without, with, and the median of the rounds' ratios")
    for name, key, ratio, unit in (
        ("rate", "per_s", "rate_ratio", "/s"),
        ("server CPU", "cpu_ns", "cpu_ratio", " ns"),
    ):
        without, with_it = (middle(lambda each, i=i: each[key][i]) for i in (0, 1))
        ratios = sorted(each[ratio] for each in rounds)
        figures = f"{without:12,.0f}{unit} {with_it:12,.0f}{unit} {statistics.median(ratios):8.3f}"
        print(f"  {name:<11}{figures} ({ratios[0]:.3f}..{ratios[-1]:.3f})")
    holds = rate >= least and cpu <= most
    print(f"  rate ≥ {least}, CPU ≤ {most}: {'holds' if holds else 'DOES NOT HOLD'}")
    return holds


def main():
    options = parse()
    for program in (options.ringcast, options.ringload):
        if not program.exists():
            sys.exit(f"safe_bench: {program} is not built")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(machine.describe(machine.facts()))
    results = {}
    for load in options.loads:
        results[load] = []
        for number in range(options.rounds):
            with tempfile.TemporaryDirectory(prefix="safe") as folder:
                results[load].append(one_round(options, Path(folder), load))
            print(f"{load}: round {number + 1} of {options.rounds}", file=sys.stderr)
    hold = [report(load, rounds) for load, rounds in results.items()]
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))
    sys.exit(1 if options.check and not all(hold) else 0)


if __name__ == "__main__":
    main()
