"""GET /events/{topic}: the events of a topic as server-sent events."""

import asyncio

from fastapi import APIRouter, Request

from .broker import Broker
from .stream import EventStream

PING_S = 15
PING = b": ping\n\n"

router = APIRouter()


def encode(data: bytes) -> bytes:
    if b"\n" in data or b"\r" in data:
        data = b"\ndata: ".join(data.splitlines())
    return b"data: %b\n\n" % data


@router.get("/events/{topic}")
async def events(topic: str, request: Request) -> EventStream:
    return EventStream(request.app.state.broker, topic, encode, "text/event-stream")


async def ping(broker: Broker) -> None:
    """Keeps proxies from closing silent streams: one timer for all of them."""
    while True:
        await asyncio.sleep(PING_S)
        for topic in broker.topics.values():
            for subscriber in topic.groups.get(encode, ()):
                subscriber.offer(PING)
