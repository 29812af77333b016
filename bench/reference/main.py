"""The application: bench/reference/start runs it."""

import os

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from redis.asyncio import Redis

from . import chunked, mcp, sse, websocket
from .broker import Broker

WORKERS = int(os.environ.get("WEB_CONCURRENCY", "1"))  # Uvicorn reads this one, too

app = FastAPI(openapi_url=None)
for part in (mcp, sse, chunked, websocket):
    app.include_router(part.router)


@app.on_event("startup")
async def start() -> None:
    redis = Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
    app.state.broker = Broker(redis)
    app.state.sessions = mcp.Sessions(redis)
    await app.state.broker.start({mcp.ENDED: app.state.sessions.forget})
    app.state.broker.spawn(sse.ping(app.state.broker))


@app.on_event("shutdown")
async def stop() -> None:
    await app.state.broker.stop()


# Uvicorn waits for responses before the shutdown handlers run; those without end must know sooner.
uvicorn_exit = uvicorn.Server.handle_exit


def handle_exit(server, signal, frame):
    app.state.broker.end_streams()
    chunked.end_uploads()
    uvicorn_exit(server, signal, frame)


uvicorn.Server.handle_exit = handle_exit


@app.post("/events/{topic}")
async def publish(topic: str, request: Request) -> Response:
    await app.state.broker.publish(topic, (await request.body(),))
    return Response(b'{"published":1}', media_type="application/json")


@app.get("/health")
async def health() -> JSONResponse:
    """Well when all workers listen. What is counted is counted in the worker that answers."""
    ((_, listening),) = await app.state.broker.redis.pubsub_numsub(mcp.ENDED)
    ready = listening >= WORKERS
    figures = {"pid": os.getpid(), "workers": listening, **app.state.broker.figures()}
    status = "ok" if ready else "starting"
    return JSONResponse({"status": status, **figures}, 200 if ready else 503)
