"""A response without end that brings the events of a topic."""

from typing import AsyncIterator

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from .broker import Broker, Encode, Subscriber


async def blocks(subscriber: Subscriber) -> AsyncIterator[bytes]:
    while batch := await subscriber.take():
        yield b"".join(batch)  # what piled up meanwhile goes out in one write


class EventStream(StreamingResponse):
    """The head is sent when the subscription stands; it ends with the response, come what may."""

    def __init__(self, broker: Broker, topic: str, encode: Encode, media_type: str) -> None:
        super().__init__(
            iter(()),
            media_type=media_type,
            headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
        )
        self.broker, self.topic, self.encode = broker, topic, encode

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self.broker.subscribe(self.topic, self.encode) as subscriber:
            self.body_iterator = blocks(subscriber)
            await super().__call__(scope, receive, send)
