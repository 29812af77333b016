"""One process after the other takes over behind HAProxy, while everybody goes on.

RINGCAST_TEST_RESTARTS=SUBSCRIBERS,PUBLISHERS,RESTARTS sets the scale, half of the subscribers over
WebSocket; the default takes a minute, 400,40,3 twenty seconds.
"""

import asyncio
import pathlib
import time

import pytest

import servers
from restart_load import (
    Load,
    SseSubscriber,
    WsSubscriber,
    most_in_a_second,
    numbers_of_environment,
    publish,
    raise_descriptor_limit,
    watch_stalls,
)
from test_handover import Relay, said

SUBSCRIBERS, PUBLISHERS, RESTARTS = numbers_of_environment("RINGCAST_TEST_RESTARTS", "2000,100,10")
TOPICS = 20
# All streams of a process end in four seconds or so.
PACE = max(SUBSCRIBERS // 4, 50)

HAPROXY = """
global
    maxconn {connections}
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend web
    bind 127.0.0.1:{port}
    default_backend events
backend events
    option httpchk GET /ready
    server one 127.0.0.1:{backend} check inter 500ms
"""


@pytest.fixture
def front(tmp_path):
    """HAProxy before the port of a relay."""
    started = []

    def start(backend):
        port = servers.free_port()
        path = pathlib.Path(tmp_path) / "haproxy.cfg"
        connections = 2 * SUBSCRIBERS + 4 * PUBLISHERS
        text = HAPROXY.format(port=port, backend=backend, connections=connections)
        path.write_text(text)
        command = [servers.tool("haproxy", "haproxy"), "-db", "-f", path]
        started.append(servers.Process(command, tmp_path / "haproxy.log"))
        started[-1].port = port
        return started[-1].start(lambda: servers.accepts(port), "haproxy")

    yield start
    for each in started:
        each.stop()


async def settled(load, subscribers, timeout_s=30):
    """Until everybody has seen everything, or nobody gets on any more."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end and not load.errors:
        wanted = {index: number for index, number in load.published.items()}
        if all(each.next.get(p, 0) == n for each in subscribers
               for p, n in wanted.items() if p % TOPICS == each.topic_index):  # fmt: skip
            return
        await asyncio.sleep(0.1)
    behind = [each for each in subscribers for p, n in load.published.items()
              if p % TOPICS == each.topic_index and each.next.get(p, 0) != n]  # fmt: skip
    for each in behind[:5]:
        load.error(f"{each.name} has {each.next}, after {each.connections} connections")


async def run(load, relay, restarts):
    until = asyncio.Event()
    topics = [f"roll.{n}" for n in range(TOPICS)]
    subscribers = []
    for index in range(SUBSCRIBERS):
        kind = WsSubscriber if index % 2 else SseSubscriber
        subscriber = kind(load, index, topics[index // 2 % TOPICS])
        subscriber.topic_index = index // 2 % TOPICS
        subscribers.append(subscriber)
        await subscriber.connect()
        if index % 20 == 0:
            await asyncio.sleep(0.01)
    end = time.monotonic() + 60
    while not all(each.last_id for each in subscribers):
        assert time.monotonic() < end, "not everybody could subscribe"
        await asyncio.sleep(0.05)
    publishing = [
        asyncio.create_task(publish(load, index, topics[index % TOPICS], 1.0, until))
        for index in range(PUBLISHERS)
    ]
    await asyncio.sleep(1)
    rates = []
    watching = asyncio.create_task(watch_stalls(load))
    for _ in range(restarts):
        old = relay.started[-1]
        load.connects.clear()
        load.longest_stall_s = 0
        await asyncio.to_thread(relay.successor)
        assert await asyncio.to_thread(old.wait, 60) == 0, old.log()
        await asyncio.sleep(0.7)  # the last are told to wait so long
        # Whoever was due while this program stood still comes with the others.
        rates.append(int(most_in_a_second(load.connects) / (1 + load.longest_stall_s)))
        assert len(load.connects) >= SUBSCRIBERS, "not everybody was sent to the successor"
    watching.cancel()
    until.set()
    await asyncio.gather(*publishing)
    await settled(load, subscribers)
    load.leaving = True
    for subscriber in subscribers:
        subscriber.leave()
    sent = sum(n for each in subscribers for p, n in load.published.items()
               if p % TOPICS == each.topic_index)  # fmt: skip
    return rates, sum(each.seen for each in subscribers), sent


def test_rolling_restart_loses_nothing(tmp_path, front):
    limit = raise_descriptor_limit()
    assert limit > 3 * SUBSCRIBERS, "too few descriptors for this scale"
    relay = Relay(tmp_path, pace=PACE)
    relay.config = relay.config.replace("retry_max_ms: 50", "retry_max_ms: 600")
    begin = time.monotonic()
    try:
        first = relay.start()
        load = Load(front(first.port).port, TOPICS)
        rates, seen, sent = asyncio.run(run(load, relay, RESTARTS))
    finally:
        relay.stop()
    assert not load.errors, "\n".join(load.errors)
    events = sum(load.published.values())
    assert events >= PUBLISHERS * RESTARTS, load.published
    assert seen == sent > 0, "an event was missed, or came twice"
    assert max(rates) <= PACE, f"clients came back at {rates} in a second, not {PACE}"
    handed = [said(each, "handed over") for each in relay.started[:-1]]
    assert all(handed) and len(handed) == RESTARTS
    print(
        f"{SUBSCRIBERS} subscribers, {PUBLISHERS} publishers, {RESTARTS} restarts in "
        f"{time.monotonic() - begin:.0f} s: {events} events, {seen} deliveries, {load.sent_again} "
        f"sent again; came back per second at most {rates} of {PACE}"
    )
