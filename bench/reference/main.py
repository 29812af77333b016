"""The application: bench/reference/start runs it."""

import os

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from redis.asyncio import Redis
from starlette.requests import ClientDisconnect

from . import chunked, mcp, sse, websocket
from .broker import Broker

WORKERS = int(os.environ.get("WEB_CONCURRENCY", "1"))  # Uvicorn reads this one, too

redis = Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
broker = Broker(redis)

app = FastAPI(openapi_url=None)
app.state.broker = broker
app.state.sessions = mcp.Sessions(redis)


async def publish(request: Request) -> Response:
    await broker.publish(request.path_params["topic"], (await request.body(),))
    return Response(b'{"published":1}', media_type="application/json")


# Starlette's route: it halves what a request costs where nothing is asked of FastAPI's.
app.add_route("/events/{topic}", publish, methods=["POST"])

for part in (mcp, sse, chunked, websocket):  # tried one after the other: what is used most first
    app.include_router(part.router)


@app.on_event("startup")
async def start() -> None:
    await broker.start({mcp.ENDED: app.state.sessions.forget})
    broker.spawn(sse.ping(broker))


@app.on_event("shutdown")
async def stop() -> None:
    await broker.stop()


# Uvicorn waits for responses before the shutdown handlers run; those without end must know sooner.
uvicorn_exit = uvicorn.Server.handle_exit


def handle_exit(server, signal, frame):
    broker.end_streams()
    chunked.end_uploads()
    uvicorn_exit(server, signal, frame)


uvicorn.Server.handle_exit = handle_exit


@app.exception_handler(ClientDisconnect)
async def gone(_request: Request, _problem: ClientDisconnect) -> Response:
    return Response(status_code=400)  # which nobody reads: the client left within its request


@app.get("/health")
async def health() -> JSONResponse:
    """Well when all workers listen. What is counted is counted in the worker that answers."""
    ((_, listening),) = await redis.pubsub_numsub(mcp.ENDED)
    ready = listening >= WORKERS
    figures = {"pid": os.getpid(), "workers": listening, **broker.figures()}
    status = "ok" if ready else "starting"
    return JSONResponse({"status": status, **figures}, 200 if ready else 503)
