"""Documents and prompts of directories for MCP clients: lists, reading, search, notices."""

import base64
import json
import os
import subprocess

import pytest

import servers
import wire
from mcp_wire import Events, Session, Stateless

GUIDE = """---
author: somebody
---

# Rotating credentials

Every service account has two credentials. Rotate the older one each quarter.

## Emergency

Revoke both with the *kill switch*, then restart the kubernetes deployment.
"""
BINARY = bytes(range(256)) * 4


class Server(servers.Server):
    """ringcast with a directory of documents, one of prompts, or both."""

    def __init__(self, folder, documents=(), prompts=(), more=""):
        lines = [f"  documents: [{', '.join(map(str, documents))}]"] if documents else []
        lines += [f"  prompts: [{', '.join(map(str, prompts))}]"] if prompts else []
        super().__init__(folder, "\n".join(["mcp:", *lines, more]) + "\n")

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        was_running = self.running()
        self.stop()
        log = self.log()
        assert was_running, f"the server ended by itself:\n{log}"
        assert self.child.returncode == 0, log
        assert "ERROR: AddressSanitizer" not in log and "runtime error" not in log, log

    def connect(self):
        return wire.Connection(self.port)


@pytest.fixture
def documents(tmp_path):
    folder = tmp_path / "docs"
    (folder / "ops" / "deep").mkdir(parents=True)
    (folder / "ops" / "guide.md").write_text(GUIDE)
    (folder / "ops" / "deep" / "note with space & ümlaut.txt").write_text("\n\n  Größe zählt\nx\n")
    (folder / "data.json").write_text('{"answer":42}')
    (folder / "logo.png").write_bytes(BINARY)
    (folder / ".hidden.md").write_text("# secret")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("secret")
    return folder


@pytest.fixture
def server(tmp_path, documents):
    with Server(tmp_path, [documents]) as server:
        yield server


def pages(client, method, key):
    """All items of a list, page by page."""
    items, params = [], {}
    while True:
        result = client.ask(method, params)["result"]
        items += result[key]
        if "nextCursor" not in result:
            return items
        params = {"cursor": result["nextCursor"]}


def listed(client):
    return {item["uri"]: item for item in pages(client, "resources/list", "resources")}


def contents(client, uri):
    reply = client.ask("resources/read", {"uri": uri})
    assert "result" in reply, reply
    (one,) = reply["result"]["contents"]
    assert one["uri"] == uri
    return one


def search(client, query, **more):
    reply = client.call("hybrid_search", query=query, **more)["result"]
    assert not reply.get("isError"), reply
    found = reply["structuredContent"]
    assert json.loads(reply["content"][0]["text"]) == found
    assert found["mode"] == "bm25_trigram_rrf" and found["count"] == len(found["results"]), found
    scores = [hit["score"] for hit in found["results"]]
    assert scores == sorted(scores, reverse=True) and all(score > 0 for score in scores), scores
    return found


def uris(found):
    return [hit["uri"] for hit in found["results"]]


def settled(client, query="anything", **more):
    """What is found once everything is indexed."""
    return wire.wait_for(
        lambda: (found := search(client, query, **more))
        and "not_indexed_yet" not in found
        and found,
        "the index",
    )


# --- documents ---


@pytest.mark.parametrize("kind", [Session, Stateless])
def test_list(server, kind):
    found = listed(kind(server))
    assert found == {
        "docs://data.json": {
            "uri": "docs://data.json",
            "name": "data.json",
            "mimeType": "application/json",
            "size": 13,
        },
        "docs://logo.png": {
            "uri": "docs://logo.png",
            "name": "logo.png",
            "mimeType": "image/png",
            "size": 1024,
        },
        "docs://ops/deep/note%20with%20space%20%26%20%C3%BCmlaut.txt": {
            "uri": "docs://ops/deep/note%20with%20space%20%26%20%C3%BCmlaut.txt",
            "name": "ops/deep/note with space & ümlaut.txt",
            "title": "Größe zählt",
            "mimeType": "text/plain",
            "size": 21,
        },
        "docs://ops/guide.md": {
            "uri": "docs://ops/guide.md",
            "name": "ops/guide.md",
            "title": "Rotating credentials",
            "mimeType": "text/markdown",
            "size": len(GUIDE),
        },
    }
    templates = kind(server).ask("resources/templates/list")["result"]["resourceTemplates"]
    assert "docs://{+path}" in [template["uriTemplate"] for template in templates]


@pytest.mark.parametrize("kind", [Session, Stateless])
def test_read(server, kind):
    client = kind(server)
    guide = contents(client, "docs://ops/guide.md")
    assert guide["text"] == GUIDE and guide["mimeType"] == "text/markdown"
    logo = contents(client, "docs://logo.png")
    assert base64.b64decode(logo["blob"], validate=True) == BINARY
    assert logo["mimeType"] == "image/png" and "text" not in logo
    for uri in listed(client):
        contents(client, uri)
    # The same path, written otherwise.
    assert contents(client, "docs://%6fps/guide%2Emd")["text"] == GUIDE


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "ops",
        "ops/",
        "nothing.md",
        "../outside.txt",
        "%2e%2e/outside.txt",
        "%2E%2E%2Foutside.txt",
        "ops/../../outside.txt",
        "ops/../data.json",
        "./data.json",
        "/data.json",
        "//data.json",
        "/etc/passwd",
        "%2Fetc%2Fpasswd",
        "data.json%00",
        "data.json%",
        "..%5coutside.txt",
        ".hidden.md",
        ".git/config",
        "link.txt",
        "absolute.txt",
        "folder/outside.txt",
        "pipe",
        "x" * 10_000,
    ],
)
def test_nothing_else_is_read(tmp_path, server, documents, path):
    (tmp_path / "outside.txt").write_text("outside")
    (documents / "link.txt").symlink_to("../outside.txt")
    (documents / "absolute.txt").symlink_to(documents / "data.json")
    (documents / "folder").symlink_to(tmp_path)
    os.mkfifo(documents / "pipe")
    (documents / "inside.json").symlink_to("data.json")
    client = Session(server)
    wire.wait_for(lambda: "docs://inside.json" in listed(client), "the link inside")
    assert contents(client, "docs://inside.json")["text"] == '{"answer":42}'
    for method in ("resources/read", "resources/subscribe"):
        assert client.ask(method, {"uri": "docs://" + path})["error"]["code"] == -32002, method
    assert "docs://" + path not in listed(client)


def test_a_link_that_turns_outside_is_not_followed(tmp_path, server, documents):
    (tmp_path / "outside.txt").write_text("outside")
    client = Session(server)
    target = documents / "data.json"
    # Between the look at the directory and the reading of the file.
    target.unlink()
    target.symlink_to(tmp_path / "outside.txt")
    reply = client.ask("resources/read", {"uri": "docs://data.json"})
    assert "outside" not in json.dumps(reply) and "error" in reply, reply


def test_sizes(tmp_path, documents):
    (documents / "most.bin").write_bytes(b"\0" * (4 << 20))
    (documents / "more.bin").write_bytes(b"\0" * ((4 << 20) + 1))
    (documents / "long.txt").write_text("line\n" * (1 << 20))
    (documents / "huge.txt").write_bytes(b"x" * ((16 << 20) + 1))
    with Server(tmp_path, [documents]) as server:
        client = Session(server)
        found = listed(client)
        assert "docs://huge.txt" not in found and found["docs://long.txt"]["size"] == 5 << 20
        assert len(base64.b64decode(contents(client, "docs://most.bin")["blob"])) == 4 << 20
        reply = client.ask("resources/read", {"uri": "docs://more.bin"})
        assert "4 MiB" in reply["error"]["message"], reply
        assert contents(client, "docs://long.txt")["text"] == "line\n" * (1 << 20)
        assert "left out" in server.log()


def test_several_directories(tmp_path, documents):
    other = tmp_path / "other"
    other.mkdir()
    (other / "data.json").write_text("[]")
    with Server(tmp_path, [f"{documents}/", other]) as server:
        client = Session(server)
        assert contents(client, "docs://docs/data.json")["text"] == '{"answer":42}'
        assert contents(client, "docs://other/data.json")["text"] == "[]"
        assert set(listed(client)) >= {"docs://docs/ops/guide.md", "docs://other/data.json"}
        assert client.ask("resources/read", {"uri": "docs://data.json"})["error"]


def test_many_files(tmp_path):
    folder = tmp_path / "many"
    for number in range(3_000):
        path = folder / f"{number % 60:02}" / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"Number {number}\nword{number}x\n")
    with Server(tmp_path, [folder]) as server:
        client = Session(server)
        assert len(listed(client)) == 3_000
        wire.wait_for(
            lambda: "not_indexed_yet" not in search(client, "word2999x"), "the index", 120
        )
        assert uris(search(client, "word2999x", top_k=1)) == ["docs://59/2999.txt"]
        stream = client.get()
        for number in range(0, 3_000, 2):
            (folder / f"{number % 60:02}" / f"{number}.txt").unlink()
        wire.wait_for(lambda: len(listed(client)) == 1_500, "the rest")
        assert stream.message()["method"] == "notifications/resources/list_changed"
        stream.close()


# --- notices ---


def next_notice(stream):
    message = stream.message()
    return message["method"], message.get("params", {}).get("uri")


def test_changes(server, documents):
    client = Session(server)
    guide, folder = documents / "ops" / "guide.md", documents / "ops"
    assert client.ask("resources/subscribe", {"uri": "docs://ops/guide.md"})["result"] == {}
    changed = ("notifications/resources/updated", "docs://ops/guide.md")
    list_changed = ("notifications/resources/list_changed", None)
    with client.get() as stream:
        guide.write_text("# Other words\n")
        assert next_notice(stream) == changed
        assert contents(client, "docs://ops/guide.md")["text"] == "# Other words\n"
        assert listed(client)["docs://ops/guide.md"]["title"] == "Other words"

        os.utime(guide)  # touched
        assert next_notice(stream) == changed

        (documents / "other").write_text("what replaces it")
        assert next_notice(stream) == list_changed
        (documents / "other").rename(guide)
        assert {next_notice(stream), next_notice(stream)} == {changed, list_changed}
        assert contents(client, "docs://ops/guide.md")["text"] == "what replaces it"

        fresh = folder / "new" / "newer"
        fresh.mkdir(parents=True)
        (fresh / "a.txt").write_text("a")
        assert next_notice(stream) == list_changed
        wire.wait_for(lambda: "docs://ops/new/newer/a.txt" in listed(client), "the new folder")
        client.ask("resources/subscribe", {"uri": "docs://ops/new/newer/a.txt"})
        (fresh / "a.txt").write_text("b")
        wire.wait_for(
            lambda: next_notice(stream) == (changed[0], "docs://ops/new/newer/a.txt"), "its change"
        )

        client.ask("resources/unsubscribe", {"uri": "docs://ops/guide.md"})
        guide.write_text("nobody is told")
        (fresh / "a.txt").unlink()
        seen = {next_notice(stream), next_notice(stream)}
        assert seen == {(changed[0], "docs://ops/new/newer/a.txt"), list_changed}
        assert "docs://ops/new/newer/a.txt" not in listed(client)


def test_changes_for_stateless_clients(server, documents):
    client = Stateless(server)
    notifications = {
        "resourcesListChanged": True,
        "resourceSubscriptions": ["docs://data.json"],
    }
    stream = client.post(client.request("subscriptions/listen", {"notifications": notifications}))
    assert isinstance(stream, Events)
    with stream:
        assert stream.message()["method"] == "notifications/subscriptions/acknowledged"
        (documents / "data.json").write_text("{}")
        assert next_notice(stream) == ("notifications/resources/updated", "docs://data.json")
        (documents / "new.txt").write_text("new")
        assert next_notice(stream) == ("notifications/resources/list_changed", None)


def test_the_directory_goes_and_comes_back(server, documents):
    client = Session(server)
    documents.rename(documents.parent / "away")
    wire.wait_for(lambda: listed(client) == {}, "the empty list")
    documents.mkdir()
    (documents / "back.md").write_text("# Back\n")
    wire.wait_for(lambda: list(listed(client)) == ["docs://back.md"], "the new directory")
    (documents / "again.md").write_text("# Again\n")
    wire.wait_for(lambda: "docs://again.md" in listed(client), "a change of it")


# --- search ---


def test_search(server, documents):
    client = Session(server)
    found = settled(client, "credentials")
    (hit,) = found["results"]
    assert hit["uri"] == "docs://ops/guide.md" and hit["title"] == "Rotating credentials"
    assert "Every service account" in hit["passage"]
    guide = ["docs://ops/guide.md"]
    note = ["docs://ops/deep/note%20with%20space%20%26%20%C3%BCmlaut.txt"]
    assert uris(search(client, "ROTATING")) == guide
    assert uris(search(client, "rnetes deploy")) == guide  # parts of words
    assert uris(search(client, "kubernets")) == guide  # misspelt
    assert uris(search(client, "größe")) == note
    assert uris(search(client, "zahlt")) == note  # without its diacritic
    assert uris(search(client, "answer")) == ["docs://data.json"]
    assert search(client, "xyzzyplugh")["results"] == []
    assert search(client, "secret")["results"] == []  # of hidden files


@pytest.mark.parametrize(
    "query",
    [
        '"',
        '"credentials',
        "credentials\" OR \"a",
        "credentials AND NOT credentials",
        "NEAR(credentials rotate, 1)",
        "text : credentials",
        "{text}: credentials",
        "^credentials",
        "credentials*",
        "-credentials",
        "credentials)",
        "((((credentials",
        "credentials'; DROP TABLE passages; --",
        "credentials \x00 more",
        "credentials 💡",
        "credentials " * 80,
    ],
)
def test_queries_are_only_words(server, query):
    client = Session(server)
    settled(client)
    found = uris(search(client, query))
    assert found == ([] if query == '"' else ["docs://ops/guide.md"])
    assert uris(search(client, "credentials")) == ["docs://ops/guide.md"]


def test_search_ranks_and_limits(tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    for number in range(60):
        (folder / f"{number:02}.txt").write_text(f"apples and pears {number}\n")
    (folder / "best.txt").write_text("quinces quinces apples\n")
    (folder / "long.md").write_text("# Long\n\n" + "A sentence of some words. " * 400 + "marrow")
    with Server(tmp_path, [folder]) as server:
        client = Session(server)
        settled(client)
        assert len(uris(search(client, "apples"))) == 10
        assert len(uris(search(client, "apples", top_k=3))) == 3
        assert len(uris(search(client, "apples", top_k=50))) == 50
        assert uris(search(client, "quinces apples"))[0] == "docs://best.txt"
        (hit,) = search(client, "marrow")["results"]
        assert hit["uri"] == "docs://long.md" and len(hit["passage"]) <= 1_000
        assert hit["passage"].endswith("marrow") and hit["passage"].startswith("A sentence")
        for top_k in (0, 51, "3"):
            reply = client.call("hybrid_search", query="apples", top_k=top_k)
            assert reply["result"]["isError"], reply
        assert client.call("hybrid_search")["result"]["isError"]


def test_search_after_changes(server, documents):
    client = Session(server)
    settled(client)
    (documents / "data.json").write_text('{"answer":"aardvark"}')
    wire.wait_for(lambda: uris(search(client, "aardvark")) == ["docs://data.json"], "the change")
    (documents / "new.md").write_text("# Basilisk\n")
    wire.wait_for(lambda: uris(search(client, "basilisk")) == ["docs://new.md"], "the new one")
    (documents / "data.json").unlink()
    wire.wait_for(lambda: uris(search(client, "aardvark")) == [], "it to be forgotten")
    (documents / "new.md").write_bytes(b"\0\1\2")
    wire.wait_for(lambda: uris(search(client, "basilisk")) == [], "the binary")


def test_tool_only_with_documents(tmp_path, documents):
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    with Server(tmp_path, [documents]) as server:
        tools = pages(Session(server), "tools/list", "tools")
        (one,) = [tool for tool in tools if tool["name"] == "hybrid_search"]
        assert one["inputSchema"]["required"] == ["query"] and one["annotations"]["idempotentHint"]
    with Server(tmp_path, [], [prompts]) as server:
        client = Session(server)
        tools = pages(client, "tools/list", "tools")
        assert "hybrid_search" not in [tool["name"] for tool in tools]
        assert listed(client) == {}
        assert pages(client, "prompts/list", "prompts") == []


# --- prompts ---

REVIEW = {
    "name": "review",
    "title": "Review",
    "description": "Reviews code.",
    "arguments": [
        {"name": "language", "description": "Of the code.", "required": True},
        {"name": "style"},
    ],
    "messages": [
        {
            "role": "user",
            "content": "Review this {{language}} code{{ style }}: {{unknown}} {{{language}}}",
        },
        {"role": "assistant", "content": {"type": "text", "text": "Which {{language}}?"}},
    ],
}
BROKEN = {
    "cut.json": '{"name":"cut",',
    "list.json": "[]",
    "nameless.json": '{"messages":[{"role":"user","content":"x"}]}',
    "mute.json": '{"name":"mute","messages":[]}',
    "role.json": '{"name":"role","messages":[{"role":"system","content":"x"}]}',
    "image.json": '{"name":"image","messages":[{"role":"user","content":{"type":"image"}}]}',
    "argument.json": '{"name":"a","arguments":[{}],"messages":[{"role":"user","content":"x"}]}',
    "review-again.json": json.dumps(REVIEW),
}


@pytest.fixture
def prompts(tmp_path):
    folder = tmp_path / "prompts"
    folder.mkdir()
    (folder / "a-review.json").write_text(json.dumps(REVIEW))
    (folder / "notes.txt").write_text("no prompt")
    return folder


def names(client):
    return [prompt["name"] for prompt in pages(client, "prompts/list", "prompts")]


@pytest.mark.parametrize("kind", [Session, Stateless])
def test_prompts(tmp_path, prompts, kind):
    for name, text in BROKEN.items():
        (prompts / name).write_text(text)
    with Server(tmp_path, [], [prompts]) as server:
        client = kind(server)
        (prompt,) = pages(client, "prompts/list", "prompts")
        assert prompt == {
            "name": "review",
            "title": "Review",
            "description": "Reviews code.",
            "arguments": REVIEW["arguments"],
        }
        arguments = {"language": "C {{style}}", "style": ", in {{language}} style"}
        got = client.ask("prompts/get", {"name": "review", "arguments": arguments})["result"]
        assert got["description"] == "Reviews code."
        assert got["messages"] == [
            {
                "role": "user",
                "content": {
                    "type": "text",
                    "text": "Review this C {{style}} code, in {{language}} style: "
                    "{{unknown}} {C {{style}}}",
                },
            },
            {"role": "assistant", "content": {"type": "text", "text": "Which C {{style}}?"}},
        ]
        for wrong in ({}, {"language": 7}):
            reply = client.ask("prompts/get", {"name": "review", "arguments": wrong})
            assert reply["error"]["code"] == -32602 and "`language`" in reply["error"]["message"]
        assert client.ask("prompts/get", {"name": "nothing"})["error"]["code"] == -32602
        ref = {"ref": {"type": "ref/prompt", "name": "review"}}
        ref["argument"] = {"name": "style", "value": ""}  # of which nothing is known
        assert client.ask("completion/complete", ref)["result"]["completion"]["values"] == []
        lines = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
        left_out = {
            os.path.basename(line["file"]): line["reason"]
            for line in lines
            if line["msg"] == "prompt left out"
        }
        assert left_out.keys() == BROKEN.keys() and all(left_out.values()), left_out


def test_prompts_change(tmp_path, prompts):
    with Server(tmp_path, [], [prompts]) as server:
        client = Session(server)
        changed = ("notifications/prompts/list_changed", None)
        assert names(client) == ["review"]
        with client.get() as stream:
            write(prompts / "b.json", {**REVIEW, "name": "created"})
            assert next_notice(stream) == changed
            assert names(client) == ["review", "created"]

            write(prompts / "b.json", {**REVIEW, "name": "changed"})
            assert next_notice(stream) == changed
            assert names(client) == ["review", "changed"]

            write(prompts / "replacement", {**REVIEW, "name": "replaced"})
            (prompts / "replacement").rename(prompts / "b.json")
            assert next_notice(stream) == changed
            assert names(client) == ["review", "replaced"]

            (prompts / "b.json").write_text("broken")
            assert next_notice(stream) == changed
            assert names(client) == ["review"]

            (prompts / "a-review.json").unlink()
            assert next_notice(stream) == changed
            assert names(client) == []


def write(path, prompt):
    """In one go, so that it is never seen half."""
    temporary = path.with_name(".temporary")
    temporary.write_text(json.dumps(prompt))
    temporary.rename(path)


# --- the start ---


@pytest.mark.parametrize("key", ["documents", "prompts"])
@pytest.mark.parametrize("what", ["missing", "a file"])
def test_no_directory(tmp_path, key, what):
    path = tmp_path / "nowhere"
    if what == "a file":
        path.write_text("x")
    refused(tmp_path, f"mcp:\n  {key}: [{path}]\n", f"mcp.{key}", str(path))


def test_directories_of_the_same_name(tmp_path):
    one, other = tmp_path / "1" / "docs", tmp_path / "2" / "docs"
    one.mkdir(parents=True)
    other.mkdir(parents=True)
    config = f"mcp:\n  documents: [{one}, {other}]\n"
    refused(tmp_path, config, "mcp.documents", str(one), str(other))


def refused(tmp_path, config, *words):
    path = tmp_path / "bad.yaml"
    path.write_text(config)
    command = [servers.binary(), "serve", "--listen", "127.0.0.1:0", "--config", path]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert ended.returncode not in (0, -6, -11), ended
    assert all(word in ended.stderr for word in words), ended.stderr
