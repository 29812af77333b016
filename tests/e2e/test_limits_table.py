"""Every limit stands in the documents for users, and is reached by a test."""

import pathlib
import re
import subprocess

import mcp_wire
import servers
import wire
from test_mcp_server import OnPort
from test_mcp_stateless import ALL

HERE = pathlib.Path(__file__).parent
DOCUMENTS = [HERE.parents[1] / "protocol" / name for name in ("LIMITS.md", "MCP.md")]
# It varies every setting alike, whatever that does.
NOT_COUNTED = ("test_drain.py",)
LIMIT = re.compile(r"limits\..*|(mcp|ws|rooms|control)\..*(max_|_bytes|_ms).*")


def limits():
    table = subprocess.run(
        [servers.binary(), "serve", "--list-settings"], capture_output=True, text=True, timeout=20
    ).stdout
    names = re.findall(r"^\| `([a-z_.]+)`", table, re.MULTILINE)
    return [name for name in names if LIMIT.fullmatch(name)]


def test_every_limit_is_documented():
    text = "".join(path.read_text() for path in DOCUMENTS)
    assert len(limits()) > 40
    missing = [name for name in limits() if name.split(".")[1] not in text]
    assert not missing


def test_every_limit_is_reached_by_a_test():
    tests = [*HERE.glob("test_*.py"), *(HERE.parent / "security").glob("test_*.py")]
    text = "".join(path.read_text() for path in tests if path.name not in NOT_COUNTED)
    # The examples name theirs as options, with dashes.
    names = set(re.findall(r"[a-z][a-z_]*[a-z]", text.replace("-", "_")))
    missing = [name for name in limits() if name.split(".")[1] not in names]
    assert not missing


def test_what_is_older_than_the_replay_cannot_be_resumed(start, topic):
    server = start("cores: [0]\nmcp: {replay_bytes: 1KiB}\n")
    session = mcp_wire.Session(OnPort(server.port))
    session.ask("resources/subscribe", {"uri": f"events://{topic}"})
    with session.get() as stream:
        ids = []
        for number in range(20):
            wire.publish(server.port, topic, str(number))
            assert stream.message()["method"] == "notifications/resources/updated"
            ids.append(stream.last_id)
    with session.get(last_id=ids[-2]) as stream:
        assert stream.message()["method"] == "notifications/resources/updated"
        assert stream.last_id == ids[-1]
    refused = session.get(last_id=ids[0])
    assert refused.status == 400


def test_a_session_follows_so_many_at_once(start):
    server = start("mcp: {max_subscriptions: 3}\n")
    session = mcp_wire.Session(OnPort(server.port))
    *uris, more = [f"events://followed.{number}" for number in range(4)]
    for uri in uris:
        assert session.ask("resources/subscribe", {"uri": uri})["result"] == {}
    assert session.ask("resources/subscribe", {"uri": more})["error"]["code"] == -32602
    assert session.ask("resources/subscribe", {"uri": uris[0]})["result"] == {}, "it is one of them"
    assert session.ask("resources/unsubscribe", {"uri": uris[0]})["result"] == {}
    assert session.ask("resources/subscribe", {"uri": more})["result"] == {}
    session.delete()


def listen(client, *uris):
    wanted = {"notifications": {"resourceSubscriptions": list(uris)}}
    return client.post(client.request("subscriptions/listen", wanted))


def test_so_many_listen_at_once(start):
    server = start("cores: [0]\nmcp: {max_listeners: 2, max_subscriptions: 3}\n")
    client = mcp_wire.Stateless(OnPort(server.port))
    uris = [f"events://heard.{number}" for number in range(4)]
    assert listen(client, *uris).json()["error"]["code"] == -32602
    with listen(client, *uris[:3]) as first, listen(client) as second:
        for stream in (first, second):
            assert stream.message()["method"] == "notifications/subscriptions/acknowledged"
        refused = listen(client).json()["error"]
        assert refused["code"] == -32603 and "max_listeners" in refused["message"]
        second.leave()

        def takes_its_place():
            answered = listen(client)
            return answered if isinstance(answered, mcp_wire.Events) else None

        with wire.wait_for(takes_its_place, "the place to be free") as third:
            assert third.message()["method"] == "notifications/subscriptions/acknowledged"


def test_so_many_tasks_are_kept(tmp_path):
    one_core = {"cpus": mcp_wire.one_core()}
    with mcp_wire.Everything(tmp_path, "--max-tasks", "2", **one_core) as server:
        client = mcp_wire.Stateless(server, ALL)

        def make():
            return client.call("slow_compute", seconds=60)

        first, _ = (make()["result"]["taskId"] for _ in range(2))
        assert make()["error"]["code"] == -32603, "both are under way"
        client.ask("tasks/cancel", {"taskId": first})
        made = make()["result"]["taskId"]
        assert client.ask("tasks/get", {"taskId": made})["result"]["status"] == "working"
        gone = client.ask("tasks/get", {"taskId": first})
        assert gone["error"]["code"] == -32602, "the oldest that had ended went"
        assert server.running()
