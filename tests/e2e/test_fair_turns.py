"""Whoever sends much at once does not keep the others waiting: connections take turns."""

import json
import re
import socket
import threading
import time

import wire
import ws_wire
from wire import Connection, encode
from ws_client import Client

HEALTH = encode("GET", "/health")


def deferred(server):
    text = wire.request(server.port, "GET", "/metrics").body.decode()
    return int(re.search(r"^ringcast_requests_deferred_total (\d+)$", text, re.M)[1])


def turns(server):
    text = wire.request(server.port, "GET", "/metrics").body.decode()
    return int(re.search(r"^ringcast_turn_seconds_count (\d+)$", text, re.M)[1])


def test_a_long_list_of_topics_takes_many_turns(start):
    server = start("cores: [0]\nmetrics: {interval_ms: 0}\n")
    names = [f"list.{n:05}" for n in range(10_000)]
    batch = "\n".join(json.dumps({"topic": name, "data": "x"}) for name in names)
    assert wire.request(server.port, "POST", "/api/events", body=batch.encode()).status == 200
    before = turns(server)
    for version in ("HTTP/1.1", "HTTP/1.0"):
        with Connection(server.port) as connection:
            answer = connection.request("GET", "/api/topics", version=version)
        listed = answer.json()["topics"]
        assert [each["topic"] for each in listed] == names
        assert {each["events"] for each in listed} == {1}
    assert turns(server) - before >= 2 * len(names) / 256 + 2 * len(names) / 128


def test_who_reads_a_long_list_slowly_does_not_hold_it(start):
    server = start("limits: {send_timeout_ms: 1s}\n")
    events = [{"topic": f"{'list' * 20}.{n:05}", "data": "x"} for n in range(10_000)]
    batch = json.dumps(events).encode()
    assert wire.request(server.port, "POST", "/api/events", body=batch).status == 200
    whole = len(wire.request(server.port, "GET", "/api/topics").body)
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        slow.settimeout(10)
        slow.connect(("127.0.0.1", server.port))
        slow.sendall(encode("GET", "/api/topics"))
        got = b""
        for _ in range(20):  # each piece in time, and all together not
            got += slow.recv(4096)
            time.sleep(0.1)
        while piece := slow.recv(1 << 16):
            got += piece
    assert len(got) < whole and not got.endswith(b"0\r\n\r\n"), (len(got), whole)


def test_of_a_long_list_only_what_may_be_read_is_told(start, tmp_path):
    access = tmp_path / "access.yaml"
    access.write_text("anonymous: {publish: ['*'], subscribe: ['list.0777*', 'none']}\n")
    server = start(f"auth: {{access: {access}}}")
    events = [{"topic": f"list.{n:05}", "data": "x" * 100} for n in range(10_000)]
    batch = json.dumps(events).encode()
    assert wire.request(server.port, "POST", "/api/events", body=batch).status == 200
    listed = wire.request(server.port, "GET", "/api/topics").json()["topics"]
    assert [each["topic"] for each in listed] == [f"list.{n:05}" for n in range(7770, 7780)]


def test_pipelined_requests_take_turns(server):
    before = deferred(server)
    with Connection(server.port) as many, Connection(server.port) as other:
        many.send(HEALTH * 200)
        other.send(HEALTH)
        assert other.response().status == 200
        assert [many.response().status for _ in range(200)] == [200] * 200
    assert deferred(server) >= before + 10


def test_few_requests_need_not(server):
    with Connection(server.port) as connection:
        before = deferred(server)
        for _ in range(20):
            connection.send(HEALTH)
            assert connection.response().status == 200
        connection.send(HEALTH * 4)
        assert [connection.response().status for _ in range(4)] == [200] * 4
        assert deferred(server) == before


def test_commands_take_turns(server):
    before = deferred(server)
    with Client(server.port) as client:
        pings = [ws_wire.frame(ws_wire.TEXT, b'{"type":"ping","ref":%d}' % n) for n in range(300)]
        sender = threading.Thread(target=client.send, args=(b"".join(pings),))
        sender.start()
        assert [client.message()["ref"] for _ in range(300)] == list(range(300))
        sender.join()
    assert deferred(server) >= before + 10


def test_a_large_message_is_inflated_in_turns(server, topic):
    before = deferred(server)
    text = "x" * 900_000
    publish = '{"type":"publish","topic":"%s","data":"%s","ref":1}' % (topic, text)
    with Client(server.port, f"/ws?topic={topic}", deflate=True) as client:
        packed = client.deflated.compress(publish.encode())
        after = client.deflated.compress(b'{"type":"ping","ref":2}')
        client.send(
            ws_wire.frame(ws_wire.TEXT, packed, rsv=4) + ws_wire.frame(ws_wire.TEXT, after, rsv=4)
        )
        said = [client.message() for _ in range(3)]
        assert [each.get("ref") for each in said if "ref" in each] == [1, 2]
        assert [each["data"] for each in said if "data" in each] == [text]
    assert deferred(server) >= before + 50


def test_who_goes_while_its_message_is_inflated_takes_nothing_along(server):
    for _ in range(20):
        with Client(server.port, deflate=True) as client:
            bomb = client.deflated.compress(b" " * 1_000_000)
            client.send(ws_wire.frame(ws_wire.TEXT, bomb, rsv=4))
    with Client(server.port) as client:
        assert client.ask("ping") == {"type": "pong"}


def test_a_bomb_ends_its_own_connection(server):
    with Client(server.port, deflate=True) as client, Client(server.port) as other:
        bomb = client.deflated.compress(b" " * 10_000_000)
        client.send(ws_wire.frame(ws_wire.TEXT, bomb, rsv=4))
        assert other.ask("ping") == {"type": "pong"}
        assert client.message() is None and client.closed_with == 1009
