"""The benches of the front door: that they measure what they say, and end with nothing left."""

import importlib
import json
import re
import subprocess
import sys
import time

import pytest

import servers

BENCH = servers.ROOT / "bench"
PROGRAMS = ("--ringcast", servers.binary(), "--ringload", servers.binary().parent / "ringload")


def run(name, *arguments, status=0):
    command = ["/usr/bin/python3", BENCH / name, *PROGRAMS, *arguments]
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def attack_bench():
    sys.path.insert(0, str(BENCH))
    try:
        yield importlib.import_module("attack_bench")
    finally:
        sys.path.remove(str(BENCH))


def turns(*kinds_and_p99):
    return {"turns": [{"kind": kind, "latency_us": p99} for kind, p99 in kinds_and_p99]}


def test_an_attack_is_compared_with_the_rests_beside_it(attack_bench):
    # The machine gets slower by the turn; the attack costs half as much again, elsewhere nothing.
    run_of_turns = turns(
        ("rest", 100), ("attack", 165), ("rest", 120), ("elsewhere", 130), ("rest", 140),
        ("attack", 225),
    )
    assert attack_bench.ratios([run_of_turns], "attack", "latency_us") == pytest.approx(
        [165 / 110, 225 / 140]
    )
    assert attack_bench.ratios([run_of_turns], "elsewhere", "latency_us") == pytest.approx([1.0])
    assert attack_bench.quartiles([1, 2, 3, 4, 5]) == [2, 3, 4]
    assert attack_bench.quartiles([7]) == [7, 7, 7]


def test_what_a_process_waits_for_its_core_is_seen(attack_bench):
    busy = [subprocess.Popen(["taskset", "-c", "0", "sh", "-c", "while :; do :; done"])
            for _ in range(3)]
    try:
        waits = attack_bench.Waits(busy[0].pid, 1000)
        for _ in range(5):
            time.sleep(0.2)
            waits.take()
    finally:
        for each in busy:
            each.kill()
            each.wait()
    (turn,) = waits.samples
    assert 0.3 < waits.share(turn) < 1, "two of three wait at any time"
    assert waits.share(turn + 1) == 0


def test_attack_bench_measures_an_attack_and_the_same_elsewhere(tmp_path):
    out = run("attack_bench.py", "--rounds", 1, "--turns", 2, "--turn", 1, "--subscribers", 20,
              "--attacks", "tokens", "--elsewhere", "--json", tmp_path / "figures.json")
    line, elsewhere = (
        next(line for line in out.splitlines() if line.strip().startswith(name))
        for name in ("tokens", "elsewhere")
    )
    ratio = r"\d+\.\d\d → +\d+\.\d\d +\d+\.\d\d \[\d+\.\d\d, \d+\.\d\d\]"
    for each in (line, elsewhere):
        assert len(re.findall(ratio, each)) == 2, out
        assert re.search(r"\d+\.\d% → \d+\.\d%", each), out
    (figures,) = json.loads((tmp_path / "figures.json").read_text())["tokens"]
    assert figures["lost"] == 0 and figures["grown"] < 64 << 20
    assert {turn["kind"] for turn in figures["turns"]} == {"rest", "attack", "elsewhere"}
    assert all(turn["latency_us"] > 0 and turn["publish_us"] > 0 for turn in figures["turns"])


def test_safe_bench_compares_both_servers(tmp_path):
    out = run("safe_bench.py", "--rounds", 1, "--turns", 4, "--turn-ms", 100, "--loads", "requests",
              "--json", tmp_path / "figures.json")
    assert re.search(r"rate +[\d,]+/s +[\d,]+/s +\d\.\d{3} ", out), out
    assert re.search(r"server CPU +[\d,]+ ns +[\d,]+ ns +\d\.\d{3} ", out), out
    assert re.search(r"CPU ≤ 1.1: (holds|DOES NOT HOLD)$", out, re.MULTILINE), out
    assert json.loads((tmp_path / "figures.json").read_text())["requests"]


@pytest.mark.parametrize(
    "name, arguments, said",
    [
        ("attack_bench.py", ("--attacks", "nonsense"), "invalid choice: 'nonsense'"),
        ("safe_bench.py", ("--loads", "nonsense"), "invalid choice: 'nonsense'"),
    ],
)
def test_unknown_names_are_refused(name, arguments, said):
    done = subprocess.run(
        ["/usr/bin/python3", BENCH / name, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and said in done.stderr
