"""/ws/{topic}: each event is a message to the client, each message of the client an event."""

import asyncio

from fastapi import APIRouter, WebSocket

from .broker import Subscriber

SERVICE_RESTART = 1012

router = APIRouter()


def encode(data: bytes) -> str:
    return data.decode("utf-8", "replace")


async def forward(subscriber: Subscriber, socket: WebSocket) -> None:
    while batch := await subscriber.take():
        for message in batch:
            await socket.send_text(message)
    await socket.close(SERVICE_RESTART)


@router.websocket("/ws/{topic}")
async def events(socket: WebSocket, topic: str) -> None:
    broker = socket.app.state.broker
    async with broker.subscribe(topic, encode) as subscriber:
        await socket.accept()
        sender = asyncio.create_task(forward(subscriber, socket))
        try:
            while (message := await socket.receive())["type"] == "websocket.receive":
                text = message.get("text")
                data = message["bytes"] if text is None else text.encode()
                await broker.publish(topic, (data,))
        finally:
            sender.cancel()
            # What it could not send any more is nobody's concern.
            await asyncio.gather(sender, return_exceptions=True)
