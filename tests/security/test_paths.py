"""Paths are compared as they are sent: no other way of writing one reaches what a proxy refuses."""

import json
import os
import urllib.parse

import mcp_wire
import pytest
import wire
from front_door import source
from hostile import Stranger, topics

REWRITTEN = [
    "/../{}", "/./{}", "//{}", "///{}", "/x/../{}", "/x/%2e%2e/{}", "/%2e/{}", "/%2e%2e/{}",
    "/..;/{}", "/;x=y/{}", "/\\{}", "/..\\{}", "/%5c{}", "/%2f{}", "/%c0%af{}", "/%e0%80%af{}",
    "/%c0%ae%c0%ae/{}", "/%252e%252e/{}", "/%252f{}", "/%00{}", "/%0a{}", "/%20{}", "/%u002f{}",
    "/?/{}", "/.%00/{}", "/\u2215{}", "/%ef%bc%8f{}", "/.../{}", "/x/..%2f{}", "/x%2f..%2f{}",
    "/%3f/{}", "/%23/{}",
]  # fmt: skip
INSIDE = [
    "/api//events/{}", "/api/./events/{}", "/api/x/../events/{}", "/API/events/{}",
    "/api/Events/{}", "/%61pi/events/{}", "/api%2fevents%2f{}", "/api/events%2f{}",
    "/api;x/events/{}", "/api/events;/{}", "/api\\events\\{}", "/api/%65vents/{}",
    "/api/events%00/{}", "/api/events%20/{}", "/api/events./{}", "/api%c0%afevents/{}",
    "/api/events%3f/{}", "/api%252fevents%252f{}",
]  # fmt: skip
ENDINGS = [
    "/", "%00", "%00.html", ";", ";x=y", ".json", "%20", "%2f", "/.", "/..", "\\", "%3f", "%23x",
    "/%2e", "//", "..", "%0d%0a", "~", "%", "%2", "%zz",
]  # fmt: skip


def test_no_other_path_is_a_route(server):
    """What a rule of a proxy on `/api/events/…` does not see must not be it for the server."""
    with wire.Connection(server.port) as connection:
        for form in REWRITTEN:
            target = form.format("api/events/forged")
            status = connection.request(
                "POST", urllib.parse.quote(target, "/%;\\?=.~"), (), "x"
            ).status
            if status == 400:
                connection = wire.Connection(server.port)
            assert status in (400, 404, 405), target
        for form in INSIDE:
            assert connection.request("POST", form.format("forged"), (), "x").status == 404, form
        for route in ("/health", "/api/topics", "/metrics", "/ready", "/mcp"):
            for ending in ENDINGS:
                status = connection.request("GET", route + ending).status
                assert status in (400, 404), route + ending
    assert topics(server.port) == set()


def test_rules_of_haproxy_hold_for_every_form(front):
    """HAProxy refuses /api/events/forbidden, ringcast decodes the last segment, and only that."""
    for form in [*REWRITTEN, *INSIDE]:
        name = form.format("forbidden" if "events" in form else "api/events/forbidden")
        target = urllib.parse.quote(name, "/%;\\?=.~")
        with Stranger(front.port, source()) as attacker:
            attacker.push(wire.encode("POST", target, (), "x"))
            assert attacker.response_head().status in (400, 403, 404, 405), target
    assert topics(front.backend.port) == set()


@pytest.fixture
def library(tmp_path):
    """A directory of documents, with something beside it that is nobody's to read."""
    folder = tmp_path / "documents"
    (folder / "sub").mkdir(parents=True)
    (folder / "own.txt").write_text("own\n")
    (folder / "sub" / "deep.txt").write_text("deep\n")
    (tmp_path / "outside.txt").write_text("outside: hidden\n")
    (tmp_path / "documents.txt").write_text("outside: hidden\n")
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    (folder / "up").symlink_to("..")
    (folder / "self").symlink_to(".")
    (folder / "loop").symlink_to("loop")
    (folder / "proc").symlink_to("/proc/self")
    os.mkfifo(folder / "pipe.txt")
    return folder


NAMES = [
    "../outside.txt", "sub/../../outside.txt", "/etc/passwd", "//etc/passwd", "up/outside.txt",
    "%2e%2e/outside.txt", "%2e%2e%2foutside.txt", "..%2foutside.txt",
    "%252e%252e%252foutside.txt", "..\\outside.txt", "..;/outside.txt", "link.txt",
    "proc/environ", "proc/root/etc/passwd", "self/../outside.txt", "own.txt/../../outside.txt",
    "own.txt%00.md", "own.txt\0", "%00", "", ".", "..", "/", "sub", "pipe.txt", "loop", "loop/x",
    "%c0%ae%c0%ae/outside.txt", "documents.txt", "....//outside.txt",
    "sub/%2e%2e/%2e%2e/outside.txt", "file:///etc/passwd", "\uff0e\uff0e/outside.txt",
    "../documents.txt", "own.txt/", "own.txt/.", "./own.txt/../../outside.txt", "~/x", "$HOME",
    "x" * 5000,
]  # fmt: skip


def test_documents_outside_of_their_directory(start, library):
    server = start(f"mcp: {{documents: ['{library}'], prompts: ['{library}']}}\n")

    class Client(mcp_wire.Stateless):
        def post(self, body, headers=None, connection=None):
            fields = self.headers_of(body) if headers is None else headers
            with wire.Connection(server.port) as connection:
                return mcp_wire.post(connection, body, fields)

    client = Client(None)
    read = {"uri": "docs://own.txt"}
    assert "own" in json.dumps(client.ask("resources/read", read))
    for name in NAMES:
        params = {"uri": f"docs://{name}"}
        body = client.request("resources/read", params)
        fields = [("MCP-Protocol-Version", mcp_wire.STATELESS), ("Mcp-Method", "resources/read")]
        if name.isascii() and name.isprintable() and len(name) < 1000:
            fields.append(("Mcp-Name", params["uri"]))
        answer = client.post(body, fields)
        assert "error" in answer.json(), (name, answer)
        assert "hidden" not in answer.body.decode() and "root:" not in answer.body.decode(), name
    everything = [
        client.ask("resources/list"),
        client.ask("prompts/list"),
        client.call("hybrid_search", query="outside hidden"),
        client.ask("prompts/get", {"name": "../outside"}),
        client.ask("completion/complete", {
            "ref": {"type": "ref/resource", "uri": "docs://{+path}"},
            "argument": {"name": "path", "value": "../"}}),
    ]  # fmt: skip
    assert "hidden\\n" not in json.dumps(everything) and "outside.txt" not in json.dumps(everything)


def test_files_of_the_page(server):
    """The page at / is in the program: no file of the machine is behind any path."""
    for name in (
        "/etc/passwd", "/../etc/passwd", "/..%2f..%2fetc/passwd", "/index.html/../../x",
        "/.git/config", "/ringcast.yaml", "/proc/self/environ", "/favicon.ico/..%2f",
    ):  # fmt: skip
        answer = wire.request(server.port, "GET", name)
        assert answer.status in (400, 404) and b"root:" not in answer.body, name
