"""One run of one subject in one scenario. Every function returns {metric: number} or raises
Failure."""

import json
import select
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

from .children import wait_until
from .scenarios import SLOW, SSE
from .servers import PYTHON, Failure, Server

GRACE_S = 45
WAKE = b"wake-up-all"  # the data of the one event that idle subscribers get
PER_HOLDER = 15_000  # below the client's own descriptor limit and one source address's ports
IDLE_CLIENT = Path(__file__).with_name("idle_client.py")


def flags(values):
    listed = []
    for name, value in values.items():
        listed += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    return listed


def read_json(path, what):
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise Failure(f"{what} left no readable result: {error}") from error


def tail(path):
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "it said nothing"


class MemoryWatch:
    """Samples a server's memory beside a load, once every half second."""

    def __init__(self, server):
        self.server = server
        self.samples = []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)

    def __enter__(self):
        self.before = self.server.memory()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    def work(self):
        while not self.ended.wait(0.5):
            self.samples.append((time.monotonic(), self.server.memory()))

    def growth(self, key, since_s=None):
        """From the start, or from `since_s` after the first sample, to the highest value since."""
        if not self.samples:
            return 0
        values = [figures[key] for _, figures in self.samples]
        if since_s is None:
            return max(values) - self.before[key]
        start = self.samples[0][0] + since_s
        later = [figures[key] for at, figures in self.samples if at >= start]
        return max(later) - later[0] if later else 0


class Bench:
    """What all the runs share: where the programs are, the cores, the length of a run."""

    def __init__(self, options, children, folder):
        self.options = options
        self.children = children
        self.folder = folder

    def measure(self, scenario, subject):
        if subject == "floor":
            return self.floor(scenario)
        name = subject.removesuffix(SLOW).removesuffix(SSE)
        transport = "sse" if subject.endswith(SSE) else scenario.transport
        with Server(
            name, set(scenario.cores), self.children, self.options, scenario.descriptors
        ) as server:
            if scenario.idle:
                silent = self.idle_sessions if transport == "mcp" else self.idle
                return silent(scenario, server)
            slow_readers = 1 if subject.endswith(SLOW) else 0
            return self.load(scenario, server, transport, slow_readers)

    def run_program(self, command, cores, timeout_s, what):
        log_path = self.folder / "program.log"
        with log_path.open("wb") as log:
            status = self.children.run(command, cores, log, timeout_s)
        if status is None:
            raise Failure(f"{what} did not end within {timeout_s:.0f} s: {tail(log_path)}")
        if status != 0:
            raise Failure(f"{what} ended with {status}: {tail(log_path)}")

    def floor(self, scenario):
        path = self.folder / "floor.json"
        path.unlink(missing_ok=True)
        command = [
            self.options.floor,
            *flags(scenario.floor),
            "--seconds",
            self.options.seconds,
            "--cpu",
            self.options.server_core,
            "--drain-cpu",
            self.options.client_core,
            "--json",
            path,
        ]
        cores = {self.options.server_core, self.options.client_core}
        self.run_program(command, cores, self.options.seconds + GRACE_S, "floor")
        result = read_json(path, "floor")
        return {
            "deliveries_per_s": result["deliveries_per_s"],
            "events_per_s": result["events_per_s"],
            "cpu_ns": result["process_cpu_ns_per_send"],
            "p50_us": result["latency_us"]["p50"],
            "p99_us": result["latency_us"]["p99"],
        }

    def load(self, scenario, server, transport, slow_readers):
        path = self.folder / "ringload.json"
        path.unlink(missing_ok=True)
        values = {
            "ramp": 1000,
            **scenario.load,
            "warmup": self.options.warmup,
            "time": self.options.seconds,
            "cpu": self.options.client_core,
        }
        if slow_readers:
            values["slow-readers"] = slow_readers
        if transport == "mcp":
            where = ["--url", f"{server.url}/mcp", *["--raw"] * (server.name == "nginx")]
        else:
            where = ["--target", server.target()]
        command = self.ringload(transport, where, values, server, path)
        ramp_s = (values.get("subscribers") or values["connections"]) / values["ramp"]
        limit_s = ramp_s + self.options.warmup + self.options.seconds + GRACE_S
        if not scenario.memory:
            self.run_program(command, {self.options.client_core}, limit_s, "ringload")
            return self.figures(path, server)
        with MemoryWatch(server) as watch:
            self.run_program(command, {self.options.client_core}, limit_s, "ringload")
        sample = self.figures(path, server)
        sample["anon_growth"] = watch.growth("anon_bytes", ramp_s + self.options.warmup)
        sample["bytes_per_topic"] = watch.growth("rss_bytes") / values["topics"]
        return sample

    def ringload(self, transport, where, values, server, path):
        command = [self.options.ringload, transport, *where, *flags(values)]
        for pid in server.pids():
            command += ["--server-pid", pid]
        return [*command, "--json", path, "--quiet"]

    def figures(self, path, server):
        result = read_json(path, "ringload")
        if not server.alive():
            raise Failure(f"{server.name} ended during the run: {server.last_words()}")
        if not result.get("delivered"):
            raise Failure("nothing was delivered")
        parts = ("lost", "duplicates", "out_of_order", "altered")
        client = result.get("client", {})
        failed = result["errors"]["calls_failed"]
        return {
            "deliveries_per_s": result["deliveries_per_s"],
            "events_per_s": result["events_per_s"],
            "cpu_ns": result["server"]["cpu_ns_per_delivery"],
            "p50_us": result["latency_us"]["p50"],
            "p99_us": result["latency_us"]["p99"],
            **{part: result.get(part, 0) for part in parts},
            "calls_failed": failed,
            "wrong": failed + sum(result.get(part, 0) for part in parts),
            "answer_bytes": result.get("answer_bytes"),
            "client_share": client.get("cpu_share"),
            "client_ns": client.get("cpu_ns_per_delivery"),
            "client_bound": bool(client.get("bound")),
            "netdev_dropped": result.get("netdev_dropped", 0),
            "warnings": result.get("warnings", []),
        }

    def idle(self, scenario, server):
        subscribe, publish = server.paths("idle", scenario.transport)
        time.sleep(0.5)
        before = server.memory()
        holders = []
        try:
            left = scenario.idle
            while left > 0:
                count = min(left, PER_HOLDER)
                source = f"127.0.0.{len(holders) + 2}"
                where = (scenario.transport, server.port, subscribe, count, source)
                holders.append(self.holder(where))
                left -= count
            answers = [self.answer(holder, 90) for holder in holders]
            time.sleep(2)  # what the server frees after a burst of connections is not charged
            after = server.memory()
            got = self.deliver_one(server, publish, holders, scenario.idle)
        finally:
            for holder in holders:
                self.children.stop(holder, patience_s=1.0)
        if not server.alive():
            raise Failure(f"{server.name} ended during the run: {server.last_words()}")
        held = sum(answer["open"] for answer in answers)
        errors = [answer["error"] for answer in answers if answer["error"]]
        if held == 0:
            raise Failure(f"no subscriber was accepted: {errors[0] if errors else 'no answer'}")
        return {
            "held": held,
            "with_event": got,
            "anon_per_subscriber": (after["anon_bytes"] - before["anon_bytes"]) / held,
            "rss_per_subscriber": (after["rss_bytes"] - before["rss_bytes"]) / held,
            "warnings": [f"a subscriber failed: {error}" for error in errors],
        }

    def idle_sessions(self, scenario, server):
        path = self.folder / "ringload.json"
        path.unlink(missing_ok=True)
        values = {
            "idle": True,
            "sessions": scenario.idle,
            "time": 2,  # what the server frees after a burst of connections is not charged
            "cpu": self.options.client_core,
        }
        time.sleep(0.5)
        before = server.memory()
        command = self.ringload("mcp", ["--url", f"{server.url}/mcp"], values, server, path)
        self.run_program(command, {self.options.client_core}, 2 + GRACE_S, "ringload")
        result = read_json(path, "ringload")
        if not server.alive():
            raise Failure(f"{server.name} ended during the run: {server.last_words()}")
        held = result["subscribers"] - result["errors"]["subscribers_lost"]
        if held == 0:
            raise Failure("no session was held to the end")
        figures = result["server"]
        return {
            "held": held,
            "anon_per_subscriber": (figures["anon_bytes"] - before["anon_bytes"]) / held,
            "rss_per_subscriber": (figures["rss_bytes"] - before["rss_bytes"]) / held,
            "warnings": result.get("warnings", []),
        }

    def holder(self, where):
        with (self.folder / "idle.log").open("ab") as log:
            return self.children.start(
                [PYTHON, IDLE_CLIENT, *where, WAKE.decode()],
                {self.options.client_core},
                log,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )

    @staticmethod
    def answer(holder, timeout_s):
        readable, _, _ = select.select([holder.stdout], [], [], timeout_s)
        line = holder.stdout.readline() if readable else b""
        if not line:
            raise Failure("the idle client gave no answer")
        return json.loads(line)

    def deliver_one(self, server, publish, holders, wanted):
        """Publishes one event and returns how many of the idle subscribers it reached."""
        request = urllib.request.Request(
            f"{server.url}{publish}",
            data=WAKE,
            method="POST",
            headers={"Content-Type": "text/plain"},
        )
        try:
            urllib.request.urlopen(request, timeout=10).close()
        except OSError as error:
            raise Failure(f"publishing to the idle topic failed: {error}") from error
        counted = [0]

        def everybody():
            counted[0] = 0
            for holder in holders:
                holder.stdin.write(b"\n")
                holder.stdin.flush()
                counted[0] += self.answer(holder, 10)["with_event"]
            return counted[0] >= wanted

        wait_until(everybody, 10, step_s=0.3)
        return counted[0]


def check_programs(options, needs_load, needs_floor):
    """Ends the program with the remedy when something we build ourselves is not there."""
    wanted = [options.ringload] * needs_load + [options.floor] * needs_floor
    absent = [str(path) for path in wanted if not Path(path).exists()]
    if absent:
        sys.exit(
            f"compare: not built: {', '.join(absent)}\n"
            "  Remedy: cmake --preset release && cmake --build --preset release"
        )
