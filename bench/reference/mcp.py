"""/mcp: Streamable HTTP of MCP, with the tool `echo`. Sessions are in Redis, for every worker."""

import secrets
import time
from typing import Any, Callable, Dict, Optional
from urllib.parse import urlsplit

import ujson
from fastapi import APIRouter, Request, Response
from redis.asyncio import Redis

VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26")  # the newest first
SESSION_S = 3600
TRUST_S = 10.0  # how long a worker does not ask Redis again whether a session is there
TRUSTED_LIMIT = 100_000
ENDED = "mcp:ended"  # the channel on which ended sessions are told to all workers

PARSE_ERROR, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS = -32700, -32600, -32601, -32602
NO_SESSION = -32000

TOOLS = [
    {
        "name": "echo",
        "description": "Gives back its text.",
        "inputSchema": {
            "type": "object",
            "properties": {"text": {"type": "string"}},
            "required": ["text"],
        },
    }
]

router = APIRouter()


class Sessions:
    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.trusted: Dict[str, float] = {}

    async def create(self) -> str:
        session = secrets.token_urlsafe(24)
        await self.redis.set(f"mcp:session:{session}", b"", ex=SESSION_S)
        self._trust(session)
        return session

    async def known(self, session: str) -> bool:
        if self.trusted.get(session, 0.0) > time.monotonic():
            return True
        if not await self.redis.expire(f"mcp:session:{session}", SESSION_S):
            self.trusted.pop(session, None)
            return False
        self._trust(session)
        return True

    async def end(self, session: str) -> bool:
        ended = await self.redis.delete(f"mcp:session:{session}")
        await self.redis.publish(ENDED, session)
        return bool(ended)

    def forget(self, session: bytes) -> None:
        self.trusted.pop(session.decode(), None)

    def _trust(self, session: str) -> None:
        if len(self.trusted) >= TRUSTED_LIMIT:
            self.trusted.clear()
        self.trusted[session] = time.monotonic() + TRUST_S


class RpcError(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def initialize(params: Dict[str, Any]) -> Dict[str, Any]:
    asked = params.get("protocolVersion")
    return {
        "protocolVersion": asked if asked in VERSIONS else VERSIONS[0],
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "reference", "version": "1.0"},
    }


def call_tool(params: Dict[str, Any]) -> Dict[str, Any]:
    if params.get("name") != "echo":
        raise RpcError(INVALID_PARAMS, f"There is no tool {params.get('name')!r}.")
    arguments = params.get("arguments")
    text = arguments.get("text") if isinstance(arguments, dict) else None
    if not isinstance(text, str):
        message = "The tool echo needs a `text`."
        return {"content": [{"type": "text", "text": message}], "isError": True}
    return {"content": [{"type": "text", "text": text}]}


METHODS: Dict[str, Callable[[Dict[str, Any]], Dict[str, Any]]] = {
    "tools/call": call_tool,
    "tools/list": lambda _params: {"tools": TOOLS},
    "ping": lambda _params: {},
    "initialize": initialize,
}


def answer(value: Dict[str, Any], status: int = 200, headers: Optional[dict] = None) -> Response:
    body = ujson.dumps(value, escape_forward_slashes=False)
    return Response(body, status, headers, "application/json")


def error(code: int, message: str, status: int, number: Any = None) -> Response:
    problem = {"code": code, "message": message}
    return answer({"jsonrpc": "2.0", "id": number, "error": problem}, status)


def well_formed(message: Any) -> bool:
    return (
        isinstance(message, dict)
        and message.get("jsonrpc") == "2.0"
        and isinstance(message.get("method", ""), str)
        and isinstance(message.get("id", 0), (str, int))
    )


def foreign(request: Request) -> bool:
    """A page of another site, which browsers would let ask a server on this machine."""
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")


async def refusal(request: Request, sessions: Sessions) -> Optional[Response]:
    """Why a message other than `initialize` is not looked at."""
    headers = request.headers
    if headers.get("mcp-protocol-version", VERSIONS[-1]) not in VERSIONS:
        return error(NO_SESSION, "This MCP-Protocol-Version is not supported.", 400)
    session = headers.get("mcp-session-id")
    if session is None:
        return error(NO_SESSION, "Mcp-Session-Id is missing.", 400)
    if not await sessions.known(session):
        return error(NO_SESSION, "There is no such session.", 404)
    return None


async def post(request: Request) -> Response:
    sessions = request.app.state.sessions
    if foreign(request):
        return error(INVALID_REQUEST, "This Origin may not call.", 403)
    try:
        message = ujson.loads(await request.body())
    except ValueError:
        return error(PARSE_ERROR, "The body is no JSON.", 400)
    if not well_formed(message):
        return error(INVALID_REQUEST, "The body is no message of JSON-RPC 2.0.", 400)
    method = message.get("method")
    if method != "initialize":
        refused = await refusal(request, sessions)
        if refused is not None:
            return refused
    number = message.get("id")
    if number is None or method is None:  # a notification or a response
        return Response(status_code=202)
    run = METHODS.get(method)
    if run is None:
        return error(NO_METHOD, f"There is no method {method}.", 200, number)
    params = message.get("params") or {}
    if not isinstance(params, dict):
        return error(INVALID_PARAMS, "`params` must be an object.", 200, number)
    try:
        result = run(params)
    except RpcError as problem:
        return error(problem.code, str(problem), 200, number)
    headers = {"Mcp-Session-Id": await sessions.create()} if method == "initialize" else None
    return answer({"jsonrpc": "2.0", "id": number, "result": result}, 200, headers)


# Starlette's route, as FastAPI's would solve dependencies that there are none of, for each call.
router.add_route("/mcp", post, methods=["POST"])


@router.delete("/mcp")
async def delete(request: Request) -> Response:
    refused = await refusal(request, request.app.state.sessions)
    if refused is not None:
        return refused
    await request.app.state.sessions.end(request.headers["mcp-session-id"])
    return Response(status_code=204)


@router.get("/mcp")
async def get() -> Response:
    # The server says nothing of its own accord, and the specification allows to say so.
    return Response(status_code=405, headers={"Allow": "POST, DELETE"})
