"""A small MCP server with the tool `echo` that does right or wrong as the URL says it should.

`form` in the query says how answers to calls look (json, chunked, pieces, sse, notified, close),
and `fault` what is wrong with every tenth of them (id, text, error, tool, status, type, json,
length, silent, cut). It speaks Streamable HTTP of both eras at /mcp, HTTP with SSE at /sse, and
WebSocket on a port of its own. What clients do wrong is kept in `complaints`.
"""

import asyncio
import itertools
import json
import urllib.parse

import websockets

from loop_thread import LoopThread

MODERN, LEGACY = "2026-07-28", "2025-11-25"
META = "io.modelcontextprotocol/"


class McpStandIn(LoopThread):
    def __init__(self):
        self.complaints = []
        self.sessions = set()
        self.used_sessions = set()
        self.streams = {}  # of /sse: what is written to its client
        self.open_streams = 0
        self.ids = set()
        self.requests = 0
        self.numbers = itertools.count(1)

    async def open(self):
        http = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        ws = await websockets.serve(
            self.serve_ws, "127.0.0.1", 0, subprotocols=["mcp"], max_size=None
        )
        self.port = http.sockets[0].getsockname()[1]
        self.ws_port = ws.sockets[0].getsockname()[1]
        return [http, ws]

    def url(self, query="", path="/mcp"):
        return f"http://127.0.0.1:{self.port}{path}?{query}"

    def ws_url(self, query=""):
        return f"http://127.0.0.1:{self.ws_port}/mcp?{query}"

    def expect(self, right, what):
        if not right:
            self.complaints.append(what)

    # HTTP

    async def serve(self, reader, writer):
        try:
            while await self.serve_one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        writer.close()

    async def serve_one(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *fields = head.strip().split("\r\n")
        headers = {name.lower(): value for name, value in (f.split(": ", 1) for f in fields)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        method, target, _ = line.split(" ")
        url = urllib.parse.urlsplit(target)
        query = dict(urllib.parse.parse_qsl(url.query))
        self.requests += 1
        if method == "GET":
            return await self.stream(url, query, headers, reader, writer)
        self.expect(headers["content-type"] == "application/json", "Content-Type")
        self.expect("application/json" in headers["accept"], "Accept without JSON")
        self.expect("text/event-stream" in headers["accept"], "Accept without SSE")
        message = json.loads(body)
        if url.path == "/post":
            return self.post_of_stream(query, message, writer)
        if message["method"] == "tools/call":
            self.check_headers(headers, message)
            return await self.call(query, message, writer)
        return self.open_session(query, headers, message, writer)

    def check_headers(self, headers, message):
        meta = message["params"].get("_meta")
        if meta is None:
            session = headers.get("mcp-session-id")
            self.used_sessions.add(session)
            self.expect(session in self.sessions, f"the session {session}")
            self.expect(headers.get("mcp-protocol-version") == LEGACY, "version of a legacy call")
            return
        self.expect(headers.get("mcp-protocol-version") == MODERN, "MCP-Protocol-Version")
        self.expect(headers.get("mcp-method") == "tools/call", "Mcp-Method")
        self.expect(headers.get("mcp-name") == message["params"]["name"], "Mcp-Name")
        self.expect("mcp-session-id" not in headers, "a session in the modern era")
        self.expect(
            meta == {META + "protocolVersion": MODERN, META + "clientCapabilities": {}}, "_meta"
        )

    def open_session(self, query, headers, message, writer):
        if message["method"] == "notifications/initialized":
            self.expect(headers.get("mcp-session-id") in self.sessions, "initialized, no session")
            self.expect(headers.get("mcp-protocol-version") == LEGACY, "version of initialized")
            self.write(writer, 202, "", b"")
            return True
        self.expect("mcp-session-id" not in headers, "initialize in a session")
        if query.get("fault") == "initialize":
            self.write(writer, 503, "text/plain", b"no more sessions")
            return True
        session = f"session-{next(self.numbers)}"
        self.sessions.add(session)
        answer = json.dumps(self.initialized(message)).encode()
        self.write(writer, 200, "application/json", answer, f"Mcp-Session-Id: {session}\r\n")
        return True

    @staticmethod
    def initialized(message):
        result = {"protocolVersion": LEGACY, "capabilities": {}, "serverInfo": {"name": "x"}}
        return {"jsonrpc": "2.0", "id": message["id"], "result": result}

    @staticmethod
    def write(writer, status, content_type, body, more=""):
        head = f"HTTP/1.1 {status} Thus\r\nContent-Length: {len(body)}\r\n{more}"
        head += "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
        if content_type:
            head += f"Content-Type: {content_type}\r\n"
        writer.write(head.encode() + b"\r\n" + body)

    # Calls

    def answer(self, message, fault):
        """The answer to a call, with what is wrong with it."""
        params = message["params"]
        call = (params["arguments"]["text"][27:31], message["id"])  # ids are of a run
        self.expect(call not in self.ids, f"the id {message['id']} twice")
        self.ids.add(call)
        if params["name"] != "echo":
            error = {"code": -32602, "message": f"no tool {params['name']}"}
            return {"jsonrpc": "2.0", "id": message["id"], "error": error}
        text = params["arguments"]["text"]
        number, result = message["id"], {"content": [{"type": "text", "text": text}]}
        if fault == "error":
            error = {"code": -32603, "message": "out of order"}
            return {"jsonrpc": "2.0", "id": number, "error": error}
        if fault == "id":
            number += 1
        if fault == "text":
            middle = len(text) - 5
            result["content"][0]["text"] = text[:middle] + "#" + text[middle + 1 :]
        if fault == "tool":
            result["isError"] = True
        return {"jsonrpc": "2.0", "id": number, "result": result}

    def fault_now(self, query):
        return query.get("fault", "") if len(self.ids) % 10 == 9 else ""

    async def call(self, query, message, writer):
        fault, form = self.fault_now(query), query.get("form", "json")
        body = json.dumps(self.answer(message, fault)).encode()
        if fault == "silent":
            return True
        if fault == "status":
            self.write(writer, 400, "application/json", body)
            return True
        if fault == "json":
            body = body[:-1]
        if fault == "length":
            body += b" "
        content_type = "text/plain" if fault == "type" else "application/json"
        if fault == "cut":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + body)
            return False
        if form in ("sse", "notified", "chunked", "pieces"):
            await self.write_chunks(writer, form, body, content_type)
            return True
        more = "Connection: close\r\n" if form == "close" else ""
        self.write(writer, 200, content_type, body, more)
        return form != "close"

    async def write_chunks(self, writer, form, body, content_type):
        parts = [body]
        if form == "pieces":
            parts = [body[:50], body[50:51], body[51:]]
        if form in ("sse", "notified"):
            content_type = "text/event-stream"
            parts = [b"event: message\r\ndata: " + body + b"\r\n\r\n"]
        if form == "notified":
            notice = b'data: {"jsonrpc":"2.0","method":"notifications/progress"}\n\n'
            parts = [b": hello\n\nid: 1\ndata:\n\n", notice, *parts]
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n"
        writer.write(head.encode() + b"\r\n")
        for part in parts:
            writer.write(b"%x\r\n%s\r\n" % (len(part), part))
            if form != "sse":
                await writer.drain()
                await asyncio.sleep(0.001)
        writer.write(b"0\r\n\r\n")

    # Streams

    async def stream(self, url, query, headers, reader, writer):
        self.expect("text/event-stream" in headers["accept"], "Accept of a stream")
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        if url.path == "/sse":
            name = f"s{next(self.numbers)}"
            self.streams[name] = writer
            endpoint = f"/post?session={name}&" + url.query
            if query.get("form") == "url":
                endpoint = f"http://127.0.0.1:{self.port}{endpoint}"
            writer.write(head + f"\r\nevent: endpoint\r\ndata: {endpoint}\r\n\r\n".encode())
        else:
            self.expect(headers.get("mcp-session-id") in self.sessions, "a stream, no session")
            if query.get("fault") == "stream":
                self.write(writer, 405, "text/plain", b"no streams here")
                return True
            writer.write(head + b"Transfer-Encoding: chunked\r\n\r\n2\r\n:\n\r\n")
            self.open_streams += 1
            if query.get("fault") == "cut":
                await asyncio.sleep(0.3)
                return False
        await reader.read()
        return False

    def post_of_stream(self, query, message, writer):
        if message["method"] == "notifications/initialized":
            self.write(writer, 202, "", b"")
            return True
        stream = self.streams[query["session"]]
        fault = ""
        if message["method"] == "initialize":
            answer = self.initialized(message)
        else:
            fault = self.fault_now(query)
            answer = self.answer(message, fault)
        status = 400 if fault == "status" else 202
        self.write(writer, status, "text/plain", b"Accepted")
        if status == 202 and fault != "silent":
            stream.write(f"event: message\ndata: {json.dumps(answer)}\n\n".encode())
        return True

    # WebSocket

    async def serve_ws(self, ws, path):
        self.expect(ws.subprotocol == "mcp", "the subprotocol")
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(path).query))
        try:
            async for text in ws:
                message = json.loads(text)
                self.requests += 1
                if message["method"] == "initialize":
                    await ws.send(json.dumps(self.initialized(message)))
                elif message["method"] == "tools/call":
                    fault = self.fault_now(query)
                    answer = json.dumps(self.answer(message, fault))
                    if fault == "notify":
                        await ws.send('{"jsonrpc":"2.0","method":"notifications/message"}')
                    if fault != "silent":
                        await ws.send(answer[:-1] if fault == "json" else answer)
        except websockets.ConnectionClosed:
            pass
