"""What each switch that can be flipped at run time does to those who are served."""

import json
import signal
import time

import wire
import ws_wire

OFFER = [("Sec-WebSocket-Extensions", "permessage-deflate")]
CHIEF = {"Authorization": "Bearer chief-0123456789abcdef"}


def switch(server, name, enabled, headers=()):
    body = json.dumps({"enabled": enabled})
    assert wire.request(server.port, "POST", f"/api/features/{name}", headers, body).status == 200


def published(server, topic):
    topics = json.loads(wire.request(server.port, "GET", "/api/topics").body)["topics"]
    ids = [each["last_id"] for each in topics if each["topic"] == topic]
    return int(ids[0].split("-")[1]) if ids else 0


def test_real_time_analytics(start):
    server = start("metrics: {interval_ms: 100}\n")
    wire.wait_for(lambda: published(server, "metrics") > 0, "the first figures")
    switch(server, "real-time-analytics", False)
    time.sleep(0.3)  # what was under way
    before = published(server, "metrics")
    time.sleep(1)
    assert published(server, "metrics") == before
    switch(server, "real-time-analytics", True)
    wire.wait_for(lambda: published(server, "metrics") > before, "figures again")


def test_stream_compression(start):
    server = start()

    def agreed():
        with wire.Connection(server.port) as connection:
            connection.send(ws_wire.handshake(OFFER, "/ws?topic=a"))
            head = connection.response_head()
            assert head.status == 101
            return head.get("Sec-WebSocket-Extensions")

    assert agreed().startswith("permessage-deflate")
    switch(server, "stream-compression", False)
    assert agreed() is None
    switch(server, "stream-compression", True)
    assert agreed().startswith("permessage-deflate")


def may_publish(server):
    answer = wire.request(server.port, "POST", "/api/events/a", (), "x")
    assert answer.status in (200, 401)
    return answer.status == 200


AUTH = "auth: {{tokens: [a-reader-0123456789], admin_tokens: [{chief}], enabled: {enabled}}}\n"


def auth(enabled):
    return AUTH.format(chief="chief-0123456789abcdef", enabled=enabled)


def test_stream_authentication(start):
    server = start(auth("true"))
    assert not may_publish(server)
    switch(server, "stream-authentication", False, CHIEF)
    assert may_publish(server)
    body = '{"enabled":true}'
    path = "/api/features/stream-authentication"
    assert wire.request(server.port, "POST", path, (), body).status == 401, "administering is asked"
    switch(server, "stream-authentication", True, CHIEF)
    assert not may_publish(server)
    server.stop()
    said = server.log_lines("feature switched")
    assert [(line["feature"], line["enabled"]) for line in said] == [
        ("stream-authentication", False), ("stream-authentication", True)
    ]
    assert {line["client_ip"] for line in said} == {"127.0.0.1"} and said[0]["principal"]


def test_stream_authentication_by_configuration(start, tmp_path, monkeypatch):
    server = start(auth("false"))
    assert may_publish(server)
    (tmp_path / f"ringcast-{server.port}.yaml").write_text(auth("true"))
    server.signal(signal.SIGHUP)
    wire.wait_for(lambda: not may_publish(server), "tokens being asked for")
    monkeypatch.setenv("STREAM_AUTHENTICATION", "false")
    assert may_publish(start(auth("true").replace(", enabled: true", "")))
