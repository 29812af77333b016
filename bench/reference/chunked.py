"""/chunked/{topic}: events as the lines of a body without end, in either direction."""

import asyncio

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse

from .stream import EventStream

LINE_LIMIT = 1 << 20

router = APIRouter()
uploads = set()  # tasks; a body without end must be ended when the worker ends


def encode(data: bytes) -> bytes:
    if b"\n" in data or b"\r" in data:
        data = b" ".join(data.splitlines())  # between the tokens of JSON one is like the other
    return data + b"\n"


@router.get("/chunked/{topic}")
async def events(topic: str, request: Request) -> EventStream:
    return EventStream(request.app.state.broker, topic, encode, "application/x-ndjson")


@router.post("/chunked/{topic}")
async def publish(topic: str, request: Request) -> JSONResponse:
    broker = request.app.state.broker
    published, rest = 0, b""
    task = asyncio.current_task()
    uploads.add(task)
    try:
        async for chunk in request.stream():
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > LINE_LIMIT:
                raise HTTPException(413, f"A line has at most {LINE_LIMIT} bytes.")
            if events := [line.rstrip(b"\r") for line in lines if line not in (b"", b"\r")]:
                await broker.publish(topic, events)
                published += len(events)
        if rest:
            await broker.publish(topic, (rest,))
            published += 1
    except asyncio.CancelledError:
        if not broker.closing:
            raise
    finally:
        uploads.discard(task)
    return JSONResponse({"published": published})


def end_uploads() -> None:
    for task in uploads:
        task.cancel()
