"""Batches of several megabytes: whole, in order, and others are answered while they are read."""

import json
import select
import time

import pytest

import wire
from wire import publish, subscribe

ONE_CORE = "cores: [0]\nlimits: {max_batch_events: 100000, requests_per_minute: 0}\n"
NUMBER = 40_000
TOPICS = 8
ALL = [list(range(part, NUMBER, TOPICS)) for part in range(TOPICS)]
NONE = [[] for _ in range(TOPICS)]
FORMS = ["ndjson", "array"]


def events(topic):
    """As many topics as it takes for their histories to hold all."""
    return [{"topic": f"{topic}.{n % TOPICS}", "data": f"{n} " + "x" * 80} for n in range(NUMBER)]


def written(batch, form):
    return json.dumps(batch) if form == "array" else "\n".join(map(json.dumps, batch))


def numbers(port, topic):
    """What each topic holds, by the numbers that the events begin with."""
    found = []
    for part in range(TOPICS):
        found.append([])
        publish(port, f"{topic}.{part}", "end")
        with subscribe(port, f"{topic}.{part}", from_="earliest") as stream:
            while (data := stream.event().data) != "end":
                found[part].append(int(data.split(" ")[0]))
    return found


def answers_in_between(port, body):
    """Sends a batch: how many answers another client gets until there is one to it, and that."""
    with wire.Connection(port) as slow, wire.Connection(port) as other:
        sent = wire.encode("POST", "/api/events", {}, body)
        slow.send(sent[:-1])
        time.sleep(0.3)  # all the rest is there
        assert other.request("GET", "/health").status == 200
        slow.send(sent[-1:])
        answered = 0
        while not select.select([slow.socket], [], [], 0)[0]:
            assert other.request("GET", "/health").status == 200
            answered += 1
        return answered, slow.response()


@pytest.mark.parametrize("form", FORMS)
def test_a_large_batch_is_published_in_order(start, topic, form):
    server = start(ONE_CORE)
    body = written(events(topic), form)
    assert len(body) > 4_000_000
    response = wire.request(server.port, "POST", "/api/events", (), body)
    assert response.status == 200, response
    assert len(response.json()) == NUMBER
    assert numbers(server.port, topic) == ALL


@pytest.mark.parametrize("form", FORMS)
def test_others_are_answered_while_a_batch_is_read(start, topic, form):
    server = start(ONE_CORE)
    # Its last event is wrong, so that only the reading counts.
    body = written(events(topic) + [{"topic": topic}], form)
    most = 0
    for _ in range(20):  # the machine may have been busy with something else
        answered, response = answers_in_between(server.port, body)
        wire.assert_error(response, 400)
        most = max(most, answered)
        if most >= 8:
            break
    assert most >= 8, f"at most {most} answers while a batch was read"
    assert numbers(server.port, topic) == NONE


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("last", ['{"topic":"t"}', '{"topic":"t","data":', "7", "hello"])
def test_a_broken_last_element_publishes_nothing(start, topic, form, last):
    server = start(ONE_CORE)
    body = written(events(topic), form)
    body = body[:-1] + "," + last + "]" if form == "array" else body + "\n" + last
    response = wire.request(server.port, "POST", "/api/events", (), body)
    wire.assert_error(response, 400)
    assert f"Event {NUMBER + 1}:" in response.json()["error"]["message"]
    assert numbers(server.port, topic) == NONE


def test_batches_that_are_read_at_the_same_time(start, topic):
    server = start(ONE_CORE)
    sent = []
    for n in range(4):
        connection = wire.Connection(server.port)
        body = written(events(f"{topic}.{n}"), FORMS[n % 2])
        encoded = wire.encode("POST", "/api/events", {}, body)
        connection.send(encoded[:-1])
        sent.append((connection, encoded[-1:]))
    for connection, rest in sent:
        connection.send(rest)
    for n, (connection, _) in enumerate(sent):
        assert connection.response().status == 200
        connection.close()
        assert numbers(server.port, f"{topic}.{n}") == ALL
