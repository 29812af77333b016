"""`ringload run`, `table`, `limit` and `soak`: commands that start loads, and servers too."""

import json
import os
import signal
import subprocess
import time

import pytest
import yaml

import servers


def program(name="ringload"):
    return servers.binary().parent / name


def ringload(*arguments, status=0, timeout=120):
    """What it did: stdout, stderr."""
    command = [program(), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == status, (done.stdout, done.stderr)
    return done


def started(**more):
    command = [str(program("ringcast")), "serve", "--listen", "127.0.0.1:{port}", "--cores", "0"]
    return {"start": command, "url": "http://127.0.0.1:{port}", "ready": "/health", **more}


FEW = {"over": "sse", "subscribers": 5, "rate": 50, "warmup": 0.1, "time": 0.4}


@pytest.fixture
def scenario(tmp_path):
    """Writes a scenario; its path."""

    def write(**parts):
        whole = {"format": 1, "rounds": 1, "subjects": {"a": started()}, "loads": {"few": FEW}}
        path = tmp_path / "scenario.yaml"
        path.write_text(yaml.safe_dump({**whole, **parts}, sort_keys=False))
        return path

    return write


def processes_below(folder):
    """Of programs that were started with it in their arguments."""
    command = ["pgrep", "-f", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()


# --- run -----------------------------------------------------------------------------------------


def test_servers_and_loads_in_rounds(scenario, tmp_path):
    loads = {"few": FEW, "calls": {**FEW, "over": "ws", "poll": True}}
    subjects = {"a": started(cores=[0]), "b": started(environment={"RINGCAST_LOG_LEVEL": "warn"})}
    path = scenario(rounds=2, subjects=subjects, loads=loads, title="Two <servers>")
    files = {kind: tmp_path / f"out.{kind}" for kind in ("json", "html", "csv")}
    words = [word for kind, file in files.items() for word in (f"--{kind}", file)]
    done = ringload("run", path, "--strict", *words)
    steps = done.stderr.splitlines()
    expected = [(server, load) for load in loads for server in subjects] * 2
    assert len(steps) == 8, done.stderr
    for number, (line, (server, load)) in enumerate(zip(steps, expected), 1):
        assert f"{number} of 8" in line and f"{server}, {load}" in line, line
    result = json.loads(files["json"].read_text())
    assert result["format"] == 1 and result["failures"] == []
    assert result["scenario"]["text"] == path.read_text()
    names = [(one["name"], one["subject"], one["load"]) for one in result["measurements"]]
    assert names == [(f"{server} {load}", server, load) for server, load in expected[:4]]
    for one in result["measurements"]:
        assert len(one["runs"]) == 2
        for run in one["runs"]:
            assert run["delivered"] > 0 and run["lost"] == 0
            assert run["server"]["cpu_s"] > 0 and run["command"][0] == str(program())
            assert all(each["server_anon_bytes"] > 1e5 for each in run["intervals"])
    assert "a few" in done.stdout and "p99" in done.stdout
    html = files["html"].read_text()
    assert "Two &lt;servers&gt;" in html and "subscribers: 5" in html
    assert len(files["csv"].read_text().splitlines()) == 1 + 8
    again = ringload("report", files["json"], "--html", tmp_path / "again.html")
    assert "b calls" in again.stdout
    assert "The scenario" in (tmp_path / "again.html").read_text()


def test_a_part_of_a_scenario(scenario, tmp_path):
    path = scenario(subjects={"a": started(), "b": started()}, rounds=5)
    file = tmp_path / "part.json"
    ringload("run", path, "--rounds", 1, "--subject", "b", "--load", "few", "--json", file)
    (one,) = json.loads(file.read_text())["measurements"]
    assert one["subject"] == "b" and len(one["runs"]) == 1
    wrong = ringload("run", path, "--subject", "c", status=2)
    assert "no subject `c`; there are: a, b" in wrong.stderr
    assert "no load `x`" in ringload("run", path, "--load", "x", status=2).stderr


def test_a_server_that_is_there_already(scenario, server):
    path = scenario(subjects={"there": {"url": server.url()}})
    assert "there" in ringload("run", path).stdout
    os.kill(server.child.pid, 0)  # it still is


def test_a_target_file_beside_the_scenario(scenario, tmp_path):
    (tmp_path / "t").mkdir()
    target = {"name": "mine", "port": 1, "subscribe": {"path": "/events?topic={topic}"}}
    (tmp_path / "t/mine.yaml").write_text(yaml.safe_dump(target))
    subject = started(target="t/mine.yaml")
    del subject["url"]
    file = tmp_path / "out.json"
    ringload("run", scenario(subjects={"a": subject}), "--json", file)
    (one,) = json.loads(file.read_text())["measurements"]
    assert one["runs"][0]["target"] == "mine"


@pytest.mark.parametrize(
    ("start", "complaint"),
    [
        (["/nowhere/at/all", "{port}"], "Cannot start /nowhere/at/all"),
        (["sh", "-c", "echo no such luck {port}; exit 7"], "ended with status 7: no such luck"),
        (["sleep", "30", "{port}"], "is not ready after 0.3 s"),
    ],
)
def test_a_server_that_does_not_come_up(scenario, tmp_path, start, complaint):
    bad = {"start": start, "url": "http://127.0.0.1:{port}", "ready_timeout": 0.3}
    if start[0] == "sleep":
        bad["start"] = ["sh", "-c", f"exec sleep 30 # {tmp_path} {{port}}"]
    file = tmp_path / "out.json"
    path = scenario(subjects={"bad": bad, "good": started()})
    done = ringload("run", path, "--json", file, status=1)
    assert complaint in done.stderr and "1 of the runs could not be measured" in done.stderr
    result = json.loads(file.read_text())
    assert [one["name"] for one in result["measurements"]] == ["good"]
    assert complaint in result["failures"][0]
    assert processes_below(tmp_path) == []
    only = scenario(subjects={"bad": bad})
    assert complaint in ringload("run", only, status=1).stderr


def test_a_load_that_is_not_understood(scenario):
    path = scenario(loads={"odd": {"over": "sse", "subscriber": 5}})
    done = ringload("run", path, status=1)
    assert "--subscriber" in done.stderr, done.stderr
    missing = ringload("run", path.with_name("nothing.yaml"), status=1)
    assert "Cannot read the scenario" in missing.stderr


def test_what_was_lost_is_an_exit_status(scenario, tmp_path):
    """A server that answers to publishing and delivers nothing of it."""
    script = tmp_path / "deaf.py"
    script.write_text(DEAF)
    deaf = {"start": ["/usr/bin/python3", str(script), "{port}"], "url": "http://127.0.0.1:{port}"}
    path = scenario(subjects={"deaf": deaf})
    assert ringload("run", path).returncode == 0
    ringload("run", path, "--strict", status=3)


DEAF = """
import asyncio, sys

async def serve(reader, writer):
    while head := await reader.readuntil(b"\\r\\n\\r\\n"):
        if head.startswith(b"GET"):
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Type: text/event-stream\\r\\n\\r\\n")
            continue
        length = int(head.lower().split(b"content-length:")[1].split(b"\\r\\n")[0])
        await reader.readexactly(length)
        writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")

async def main():
    async with await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1])) as server:
        await server.serve_forever()

asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing_behind(scenario, tmp_path, number):
    config = tmp_path / "ringcast.yaml"
    config.write_text("{}\n")
    subject = started()
    subject["start"] += ["--config", str(config)]
    path = scenario(subjects={"a": subject}, loads={"long": {**FEW, "time": 60}})
    child = subprocess.Popen([program(), "run", path], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 20
    while not processes_below(config) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    child.send_signal(number)
    _, errors = child.communicate(timeout=40)
    assert child.returncode == 1 and "Interrupted" in errors, errors
    assert processes_below(config) == []


def test_killed_it_takes_its_children_along(scenario, tmp_path):
    config = tmp_path / "ringcast.yaml"
    config.write_text("{}\n")
    subject = started()
    subject["start"] += ["--config", str(config)]
    path = scenario(subjects={"a": subject}, loads={"long": {**FEW, "time": 60}})
    child = subprocess.Popen([program(), "run", path], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not processes_below(config) and time.monotonic() < deadline:
        time.sleep(0.05)
    child.kill()
    child.wait()
    deadline = time.monotonic() + 10
    while processes_below(config) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_below(config) == []


@pytest.mark.parametrize("name", ["transports", "reference"])
def test_scenarios_that_ship(name, tmp_path):
    """They are read, their paths lead somewhere, and one of their loads runs."""
    path = servers.ROOT / f"bench/scenarios/{name}.yaml"
    text = path.read_text().replace("directory: ../..", f"directory: {servers.ROOT}")
    built = program("ringcast").relative_to(servers.ROOT) if servers.ROOT in (
        program("ringcast").parents) else program("ringcast")
    text = text.replace("build/release/bin/ringcast", str(built)).replace("time: 5", "time: 0.3")
    copy = tmp_path / "copy.yaml"
    copy.write_text(text)
    done = ringload("run", copy, "--rounds", 1, "--subject", "ringcast")
    assert "p99" in done.stdout and "FAILED" not in done.stderr


@pytest.mark.parametrize("path", sorted((servers.ROOT / "bench/targets").glob("*.yaml")))
def test_targets_that_ship(path):
    """They are understood: what is wrong is only that nobody listens."""
    parts = yaml.safe_load(path.read_text())
    commands = {"subscribe": "sse", "ws": "ws", "chunked": "chunked", "mcp": "mcp"}
    used = [command for part, command in commands.items() if part in parts]
    assert used
    for command in used:
        where = ("--target", path, "--port", servers.free_port())
        assert "Connection refused" in ringload(command, *where, status=1).stderr


# --- table ---------------------------------------------------------------------------------------


def test_table_of_ringcast(tmp_path):
    file = tmp_path / "table.json"
    words = ("--events", 200, "--rounds", 1, "--time", 0.5, "--json", file)
    done = ringload("table", "--reference", "none", *words, timeout=240)
    for transport in ("WebSocket", "SSE", "MCP", "HTTP chunked"):
        assert f"\n{transport}" in done.stdout, done.stdout
    assert "better than published" in done.stdout and "reference" not in done.stdout
    result = json.loads(file.read_text())
    assert len(result["measurements"]) == 8
    for one in result["measurements"]:
        (run,) = one["runs"]
        assert run["lost"] + run["errors"]["calls_failed"] == 0
        if one["load"].endswith("flat out"):
            assert 200 <= run["published"] < 1000, run["published"]


def test_table_beside_the_reference(tmp_path):
    file = tmp_path / "table.json"
    words = ("--events", 100, "--rounds", 1, "--time", 0.5, "--json", file)
    done = ringload("table", *words, timeout=400)
    assert done.stdout.count("better than reference") == 4, done.stdout
    result = json.loads(file.read_text())
    assert len(result["measurements"]) == 16 and result["failures"] == []


def test_table_without_its_parts(tmp_path):
    missing = ringload("table", "--reference", tmp_path / "none", status=1)
    assert "--reference says where it is" in missing.stderr
    missing = ringload("table", "--ringcast", tmp_path / "none", status=1)
    assert "--ringcast says where it is" in missing.stderr


# --- limit ---------------------------------------------------------------------------------------


# Delivers, but takes 5 ms for each event.
SLOW = DEAF.replace(
    "        await reader.readexactly(length)\n",
    """        data = await reader.readexactly(length)
        await asyncio.sleep(0.005)
        for stream in streams:
            stream.write(b"data: " + data + b"\\n\\n")
""",
).replace("            continue", "            streams.append(writer)\n            continue")
SLOW = SLOW.replace("import asyncio, sys", "import asyncio, sys\nstreams = []")


@pytest.fixture
def python_server(tmp_path):
    """Starts one; its process and URL."""
    children = []

    def start(source):
        script = tmp_path / "server.py"
        script.write_text(source)
        port = servers.free_port()
        children.append(subprocess.Popen(["/usr/bin/python3", script, str(port)]))
        deadline = time.monotonic() + 20
        while not servers.accepts(port) and time.monotonic() < deadline:
            time.sleep(0.05)
        return children[-1], f"http://127.0.0.1:{port}"

    yield start
    for child in children:
        child.kill()
        child.wait()


def test_limit_of_a_server_that_is_slow(python_server, tmp_path):
    """One publisher that waits for each answer: 200 events a second."""
    _, url = python_server(SLOW)
    file = tmp_path / "limit.json"
    search = ("--p99-ms", 50, "--from", 20, "--precision", 20, "--time", 1, "--warmup", 0.2)
    done = ringload("limit", *search, "--json", file, "--", "sse", "--subscribers", 2, "--url", url)
    best = json.loads(file.read_text())["limit"]["rate"]
    assert 80 <= best <= 230, done.stdout
    assert f"{best:.6g}/s hold" in done.stdout and "/s do not: " in done.stdout


def test_limit_of_ringcast(server, tmp_path):
    file = tmp_path / "limit.json"
    search = ("--p99-ms", 1000, "--from", 20, "--to", 50, "--time", 0.3, "--warmup", 0.1)
    load = ("--", "sse", "--subscribers", 5, "--url", server.url())
    done = ringload("limit", *search, "--json", file, *load)
    assert "50/s hold" in done.stdout and "higher rates were not tried" in done.stdout
    result = json.loads(file.read_text())
    assert result["limit"]["rate"] == 50
    assert [one["name"] for one in result["measurements"]] == ["20/s", "40/s", "50/s"]
    assert "40/s" in ringload("report", file).stdout


def test_limit_finds_a_knee(server):
    """One publisher waits for each answer, which a p99 of next to nothing does not allow."""
    search = ("--p99-ms", 0.001, "--from", 20, "--to", 50, "--time", 0.1, "--warmup", 0)
    load = ("--", "sse", "--subscribers", 1, "--url", server.url())
    done = ringload("limit", *search, *load, status=3)
    assert "No rate holds" in done.stdout and done.stdout.count(" p99\n") > 3, done.stdout


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--", "table"), "`table` is no load"),
        (("--", "sse", "--rate", 5), "--rate is not the load's to say"),
        (("--", "sse", "--window=5"), "--window is not the load's to say"),
        (("--to", 5, "--", "sse"), "--to is below --from"),
        (("--", "sse", "--nonsense"), "--nonsense"),
        (("--p99-ms", 0, "--", "sse"), "--p99-ms"),
        ((), "LOAD is required"),
    ],
)
def test_limit_is_used_wrongly(words, complaint):
    done = ringload("limit", *words, status=2)
    assert complaint in done.stderr, done.stderr


# --- soak ----------------------------------------------------------------------------------------


def test_soak(server, tmp_path):
    file = tmp_path / "soak.json"
    bounds = ("--hours", 0.0015, "--interval", 0.5, "--memory", 1000, "--latency", 100_000)
    load = ("sse", "--subscribers", 5, "--rate", 100, "--warmup", 0.5, "--url", server.url())
    words = ("--json", file, "--", *load, "--server-pid", server.child.pid)
    done = ringload("soak", *bounds, *words)
    lines = [line for line in done.stderr.splitlines() if "/s  p50" in line and "memory" in line]
    assert len(lines) >= 10, done.stderr
    assert "server memory" in done.stdout and "lost 0" in done.stdout, done.stdout
    assert len(json.loads(file.read_text())["intervals"]) >= 10
    assert "The server's memory is unknown" in ringload(
        "soak", *bounds, "--quiet", "--", *load
    ).stdout


def test_soak_names_what_grows(python_server):
    """A server that keeps a megabyte for each event."""
    keep = "await reader.readexactly(length); kept.append(b'x' * 1_000_000)"
    source = DEAF.replace("await reader.readexactly(length)", keep)
    source = source.replace("import asyncio, sys", "import asyncio, sys\nkept = []")
    child, url = python_server(source)
    load = ("sse", "--subscribers", 0, "--rate", 20, "--url", url)
    words = ("--hours", 0.0015, "--interval", 0.5, "--", *load, "--server-pid", child.pid)
    done = ringload("soak", *words, status=3)
    assert "MORE THAN 10 %" in done.stdout, done.stdout


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--", "sse", "--time", 5), "--time is not the load's to say"),
        (("--hours", 0.002, "--interval", 60, "--", "sse"), "are too short"),
        (("--hours", 0, "--", "sse"), "--hours"),
    ],
)
def test_soak_is_used_wrongly(words, complaint):
    assert complaint in ringload("soak", *words, status=2).stderr
