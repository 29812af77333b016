"""FastAPI as a fan-out hub, the way its users write it: a queue per subscriber, a
StreamingResponse over it, or a WebSocket.

Run by bench/compare: uvicorn --app-dir bench/peers fastapi_app:app --loop uvloop --http httptools
--ws websockets
"""

import asyncio
import json
from collections import defaultdict, deque
from typing import Deque, Dict, Optional, Set

from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse

HEARTBEAT_S = 15
HISTORY = 100
QUEUE_LIMIT = 1000


class Topic:
    def __init__(self) -> None:
        self.next_id = 1
        self.history: Deque[str] = deque(maxlen=HISTORY)
        self.queues: Set[asyncio.Queue] = set()
        self.sockets: Set[asyncio.Queue] = set()


topics: Dict[str, Topic] = defaultdict(Topic)


async def heartbeat() -> None:
    while True:
        await asyncio.sleep(HEARTBEAT_S)
        for hub in topics.values():
            offer(hub.queues, ":\n\n")


app = FastAPI()


@app.on_event("startup")
async def start_heartbeat():
    app.state.heartbeat = asyncio.create_task(heartbeat())


def offer(queues: Set[asyncio.Queue], block: str) -> None:
    for queue in queues:
        try:
            queue.put_nowait(block)
        except asyncio.QueueFull:
            pass  # a subscriber that does not read loses events, not the server its memory


def encode(number: int, event: Optional[str], data: str) -> str:
    lines = "".join(f"data: {line}\n" for line in data.split("\n"))
    name = f"event: {event}\n" if event else ""
    return f"id: {number}\n{name}{lines}\n"


@app.get("/health")
async def health():
    return {"status": "ok"}


@app.get("/events")
async def events(topic: str):
    async def stream(hub: Topic):
        queue: asyncio.Queue = asyncio.Queue(QUEUE_LIMIT)
        hub.queues.add(queue)
        try:
            yield "retry: 5000\n\n"
            while True:
                block = await queue.get()
                while not queue.empty():  # whatever piled up meanwhile goes out in one write
                    block += queue.get_nowait()
                yield block
        finally:
            hub.queues.discard(queue)

    return StreamingResponse(
        stream(topics[topic]),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


@app.post("/api/events/{topic}")
async def publish(topic: str, request: Request, event: Optional[str] = None):
    data = (await request.body()).decode()
    hub = topics[topic]
    number = hub.next_id
    hub.next_id += 1
    block = encode(number, event, data)
    hub.history.append(block)
    offer(hub.queues, block)
    if hub.sockets:
        message = {"id": str(number), "topic": topic, "event": event or "message", "data": data}
        offer(hub.sockets, json.dumps(message))
    return {"id": str(number), "topic": topic}


@app.websocket("/ws")
async def socket_events(socket: WebSocket, topic: str):
    await socket.accept()
    queue: asyncio.Queue = asyncio.Queue(QUEUE_LIMIT)
    hub = topics[topic]
    hub.sockets.add(queue)

    async def send():
        while True:
            await socket.send_text(await queue.get())

    sender = asyncio.create_task(send())
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        hub.sockets.discard(queue)
        sender.cancel()


@app.websocket("/echo")
async def echo(socket: WebSocket):
    await socket.accept()
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        if message.get("text") is not None:
            await socket.send_text(message["text"])
        else:
            await socket.send_bytes(message["bytes"])
