"""The commands over WebSocket against the real server: following, controlling, administering."""

import json
import signal
import subprocess

import pytest

import servers
import wire
from commands import cli, environment, run, subscribed  # noqa: F401
from wire import publish, wait_for

EXAMPLES = servers.ROOT / "tools" / "examples"


# --- subscribe --ws ------------------------------------------------------------------------------


def test_is_the_same_as_over_server_sent_events(server, topic):
    for number, data in enumerate(("", 'ü\n\x01 "q" \\', '{"a":[1]}', "x" * 70_000, "a\r\nb\n")):
        publish(server.port, topic, data, event=("typed" if number % 2 else None))
    words = ["subscribe", topic, "--from", "earliest", "--count", "5"]
    for more in ((), ("--json",)):
        assert cli(server.port, *words, *more).stdout == cli(
            server.port, *words, *more, "--ws", "--compress"
        ).stdout == cli(server.port, *words, *more, "--ws").stdout  # fmt: skip
    first = json.loads(cli(server.port, *words[:-1], "1", "--json", "--ws").stdout)
    resumed = cli(server.port, "subscribe", topic, "--ws", "--json", "--count", "4",
                  "--last-event-id", first["id"])  # fmt: skip
    assert len(resumed.stdout.splitlines()) == 4
    typed = cli(server.port, *words[:-1], "2", "--types", "typed", "--ws").stdout
    assert typed.count("typed  ") == 2


def test_the_servers_reason_is_told(server):
    done = cli(server.port, "subscribe", "a b\t*", "--ws", check=1)
    assert "opic" in done.stderr and "(400 Bad Request)" in done.stderr


# --- Workers -------------------------------------------------------------------------------------


def worker_demo(session):
    return [servers.binary(), "worker-demo", session, "--interval", "0.2"]


def worker_py(session):
    return ["/usr/bin/python3", EXAMPLES / "worker.py", session]


def worker_mjs(session):
    return [servers.tool("node", "nodejs"), EXAMPLES / "worker.mjs", session]


@pytest.mark.parametrize("worker", [worker_demo, worker_py, worker_mjs])
def test_a_worker_is_controlled(server, topic, worker):
    session = topic.replace(".", "-")
    env = environment(server.port, NODE_PATH="/usr/share/nodejs")  # Debian's node-ws
    child = subprocess.Popen(worker(session), env=env, stdout=subprocess.PIPE)
    try:
        subscribed(server.port, f"control.{session}")

        def control(*words):
            return json.loads(cli(server.port, "control", session, *words).stdout)["status"]

        with wire.subscribe(server.port, f"progress.{session}", from_="earliest") as progress:
            assert progress.event().type == "step_progress"
            assert control("pause") == "paused"
            assert control("adjust_quality_threshold", "value=0.8") == "threshold_updated"
            assert control("adjust_parameters", "a=1", "b=x y") == "parameters_updated"
            before = wire.request(server.port, "GET", "/api/topics").json()["topics"]
            assert control("resume") == "resumed"
            seen = next(t["events"] for t in before if t["topic"] == f"progress.{session}")
            for _ in range(seen):
                assert progress.event().type == "step_progress"
            assert control("cancel") == "cancelled"
        assert child.wait(20) == 0
        said = child.stdout.read().decode()
        assert "0.8" in said and "threshold_updated" in said and "cancelled" in said, said
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def test_nobody_works_there(start):
    server = start("control: {timeout_ms: 200}\n")
    done = cli(server.port, "control", "nobody", "pause", check=3)
    assert json.loads(done.stdout)["status"] == "timeout" and done.stderr == ""


def test_a_worker_outlives_cuts_and_restarts(start, tap, run):
    server = start("drain: {retry_min_ms: 10, retry_max_ms: 20}\ncontrol: {timeout_ms: 10s}\n")
    between = tap(server.port)
    worker = run(between.port, "worker-demo", "s", "--interval", "3600")
    subscribed(server.port, "control.s")
    assert '"paused"' in cli(server.port, "control", "s", "pause").stdout
    between.cut()
    assert '"resumed"' in cli(server.port, "control", "s", "resume").stdout, "obeyed when back"
    server.restart()
    subscribed(server.port, "control.s")
    assert '"cancelled"' in cli(server.port, "control", "s", "cancel").stdout
    out, err = worker.end(0)
    assert [line.split(" ")[0] for line in out] == ["Working;", "pause:", "resume:", "cancel:",
                                                    "cancelled"]  # fmt: skip
    assert sum("Connected again." in line for line in err) == 2


# --- admin and features --------------------------------------------------------------------------


def rows(text):
    return [line.split() for line in text.splitlines()[1:]]


def test_admin_tells_what_is_there_and_disconnects(start, topic, run):
    server = start("metrics: {interval_ms: 100}\n")
    followers = [run(server.port, "subscribe", topic, "--retry", "10"),
                 run(server.port, "subscribe", topic, "--ws", "--retry", "10")]  # fmt: skip
    subscribed(server.port, topic, 2)
    publish(server.port, topic, "x")
    topics = rows(cli(server.port, "admin", "topics").stdout)
    assert [topic, "1", "2"] in [row[:2] + row[3:4] for row in topics]
    answer = json.loads(cli(server.port, "admin", "connections", "--json").stdout)["connections"]
    ids = {each["transport"]: each["id"] for each in answer if each["topics"] == [topic]}
    assert set(ids) == {"websocket", "sse"}
    table = rows(cli(server.port, "admin", "connections").stdout)
    assert {row[0]: row[1] for row in table if row[-1] == topic} == {v: k for k, v in ids.items()}
    for transport, follower in zip(("sse", "websocket"), followers):
        done = cli(server.port, "admin", "disconnect", ids[transport])
        assert done.stdout == f"{ids[transport]} is disconnected.\n"
        follower.wait_err("Connected again.")
        assert cli(server.port, "admin", "disconnect", ids[transport], check=1).stderr
    assert len(cli(server.port, "admin", "metrics", "--count", "2").stdout.splitlines()) == 3
    assert cli(server.port, "admin", "sessions").stdout == "SESSION  CALLERS  WAITING\n"
    assert cli(server.port, "admin", "drain").stdout.startswith("The server drains")
    assert server.wait() == 0


def test_admin_shows_sessions(start, run):
    server = start("control: {timeout_ms: 20s}\n")
    caller = run(server.port, "control", "s", "pause")
    wait_for(lambda: rows(cli(server.port, "admin", "sessions").stdout) == [["s", "1", "1"]],
             "a caller that waits")  # fmt: skip
    caller.end(1, signal.SIGINT)


def test_features_are_switched(start, topic):
    server = start()
    listed = rows(cli(server.port, "features").stdout)
    assert ["websocket-streaming", "yes"] in listed and len(listed) >= 5
    done = cli(server.port, "features", "disable", "websocket-streaming")
    assert done.stdout == "websocket-streaming is disabled.\n"
    assert ["websocket-streaming", "no"] in rows(cli(server.port, "features", "list").stdout)
    words = ["subscribe", topic, "--ws", "--from", "earliest", "--count", "1"]
    done = cli(server.port, *words, check=1)
    assert "(501 Not Implemented)" in done.stderr and "`ringcast features`" in done.stderr
    cli(server.port, "features", "enable", "websocket-streaming")
    publish(server.port, topic, "x")
    assert cli(server.port, *words).stdout == "message  x\n"
    assert cli(server.port, "features", "enable", "no-such", check=1).stderr
    answer = json.loads(cli(server.port, "features", "--json").stdout)
    assert {"name": "stream-compression", "enabled": True} in answer["features"]


def test_tokens_are_asked_for_and_taken(start, topic):
    server = start("auth: {tokens: [reader-0123456789], admin_tokens: [chief-0123456789]}\n")
    words = ["control", "s", "pause", "--timeout", "0.2"]
    done = cli(server.port, *words, check=1)
    assert "(401 Unauthorized)" in done.stderr and "RINGCAST_TOKEN" in done.stderr
    assert "(401 Unauthorized)" in cli(server.port, *words, "--token", "other", check=1).stderr
    cli(server.port, *words, RINGCAST_TOKEN="reader-0123456789", check=3)
    done = cli(server.port, "admin", "topics", "--token", "reader-0123456789", check=1)
    assert "(403 Forbidden)" in done.stderr
    cli(server.port, "admin", "topics", "--token", "chief-0123456789")
    done = cli(server.port, "features", "disable", "stream-compression", check=1)
    assert "(401 Unauthorized)" in done.stderr
    cli(server.port, "features", "disable", "stream-compression", "--token", "chief-0123456789")
