"""MCP over HTTP, in raw requests: statuses and codes of JSON-RPC, ids, batches, sessions."""

import json
import threading
import time

import pytest

import mcp_wire
import wire
from mcp_wire import ACCEPT, JSON, Session, Stateless, call, message, reply_of, text_of


@pytest.fixture(scope="module", params=["one core", "all cores"])
def everything(request, tmp_path_factory):
    cpus = mcp_wire.one_core() if request.param == "one core" else mcp_wire.every_core()
    folder = tmp_path_factory.mktemp("everything")
    with mcp_wire.Everything(folder, "--page-items", "7", cpus=cpus) as server:
        yield server


@pytest.fixture
def session(everything):
    return Session(everything)


def error_of(answered, status, code, id=None):
    """Checks an error answer; its message."""
    assert answered.status == status, answered
    assert answered.get("Content-Type") == "application/json", answered
    body = answered.json()
    assert body["jsonrpc"] == "2.0" and body["error"]["code"] == code, body
    assert body["id"] == id, body
    assert body["error"]["message"].endswith("."), body
    return body["error"]


INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


# --- what is refused before anything is read ---


@pytest.mark.parametrize(
    "origin, host, allowed",
    [
        (None, "anything.example", True),
        ("http://localhost:1234", "localhost", True),
        ("http://127.0.0.1", "127.0.0.1:9", True),
        ("http://[::1]:5", "[::1]:5", True),
        ("http://evil.example.com", "evil.example.com", False),
        ("http://evil.example.com", "127.0.0.1", False),
        ("http://127.0.0.1", "evil.example.com", False),
        ("http://localhost.evil.example", "127.0.0.1", False),
        ("http://127.0.0.1.evil.example", "127.0.0.1", False),
        ("null", "127.0.0.1", False),
    ],
)
@pytest.mark.parametrize("method, path", [("POST", "/mcp"), ("GET", "/mcp"), ("GET", "/sse")])
def test_origin(everything, origin, host, allowed, method, path):
    headers = [("Host", host), JSON, ("Accept", "application/json")]
    headers += [("Origin", origin)] if origin else []
    with everything.connect() as connection:
        body = json.dumps(message("ping")) if method == "POST" else None
        connection.send(wire.encode(method, path, headers, body))
        answered = connection.response_head()
    assert (answered.status != 403) == allowed, answered


@pytest.mark.parametrize(
    "accept, status",
    [
        ("application/json, text/event-stream", 200),
        ("text/event-stream;q=0.5 , APPLICATION/JSON", 200),
        ("*/*", 200),
        ("application/*, text/*", 200),
        (None, 200),  # nothing asked for: everything may come
        ("application/json", 406),
        ("text/event-stream", 406),
        ("text/html", 406),
    ],
)
def test_accept(everything, accept, status):
    with everything.connect() as connection:
        answered = mcp_wire.post(
            connection, message("initialize", INITIALIZE), [("Accept", accept)]
        )
    assert answered.status == status, answered


@pytest.mark.parametrize(
    "accept, status", [("application/json", 200), ("text/event-stream", 200), ("text/html", 406)]
)
def test_accept_of_stateless_requests(everything, accept, status):
    client = Stateless(everything)
    body = client.request("tools/list")
    answered = client.post(body, [*client.headers_of(body), ("Accept", accept)])
    assert answered.status == status, answered


@pytest.mark.parametrize(
    "content_type, status",
    [
        ("application/json", 200),
        ("Application/JSON; charset=utf-8", 200),
        ("text/plain", 415),
        ("application/jsonp", 415),
        ("application/x-www-form-urlencoded", 415),
        (None, 415),
    ],
)
def test_content_type(everything, content_type, status):
    headers = [ACCEPT] + ([("Content-Type", content_type)] if content_type else [])
    with everything.connect() as connection:
        connection.send(
            wire.encode("POST", "/mcp", headers, json.dumps(message("initialize", INITIALIZE)))
        )
        answered = mcp_wire.answer(connection)
    assert answered.status == status, answered


@pytest.mark.parametrize("method", ["PUT", "PATCH", "HEAD"])
@pytest.mark.parametrize(
    "path, allowed", [("/mcp", "POST"), ("/sse", "GET"), ("/messages", "POST")]
)
def test_methods_that_are_not_there(everything, method, path, allowed):
    with everything.connect() as connection:
        answered = connection.request(method, path)
    assert answered.status == 405 and allowed in answered.get("Allow"), answered


def test_get_and_delete_without_a_session(everything):
    for method in ("GET", "DELETE"):
        with everything.connect() as connection:
            answered = connection.request(method, "/mcp", [("Accept", "text/event-stream")])
        assert answered.status in (400, 405), answered


def test_get_of_something_else_than_a_stream(session):
    with session.server.connect() as connection:
        answered = connection.request(
            "GET", "/mcp", [*session.headers, ("Accept", "application/json")]
        )
    error_of(answered, 406, -32000)


def test_other_paths(everything):
    with everything.connect() as connection:
        assert connection.request("GET", "/").status == 404
        assert connection.request("POST", "/mcp/", [JSON], "{}").status == 404


def test_a_body_that_is_too_large(tmp_path):
    with mcp_wire.Everything(tmp_path, "--max-message-bytes", "10000") as server:
        with server.connect() as connection:
            answered = mcp_wire.post(connection, b" " * 10001)
        assert answered.status == 413, answered
        with server.connect() as connection:
            long = message("initialize", {**INITIALIZE, "_meta": {"x": "y" * 9000}})
            assert mcp_wire.post(connection, long).status == 200


# --- messages ---


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "nonsense",
        '{"jsonrpc":"2.0","id":1,"method":"ping"',
        '{"jsonrpc":"2.0","id":1,"method":"ping"}}',
        '{"jsonrpc":"2.0","id":1,"method":"ping"} {}',
        '{"jsonrpc":"2.0","id":01,"method":"ping"}',
        "{'jsonrpc':'2.0'}",
        b'{"jsonrpc":"2.0","id":1,"method":"\xff"}',
        "\ufeff{",
        '{"jsonrpc":"2.0","method":"ping","params":{"a":' + "[" * 5000 + "]" * 5000 + "}}",
    ],
)
def test_what_is_no_json(session, text):
    answered = session.post(text.encode() if isinstance(text, str) else text)
    assert answered.status == 400, answered
    assert answered.json()["error"]["code"] == -32700, answered


@pytest.mark.parametrize(
    "text",
    [
        "1",
        '"ping"',
        "null",
        "{}",
        '{"id":1,"method":"ping"}',
        '{"jsonrpc":"1.0","id":1,"method":"ping"}',
        '{"jsonrpc":"2.0","id":1}',
        '{"jsonrpc":"2.0","id":1,"method":1}',
        '{"jsonrpc":"2.0","id":null,"method":"ping"}',
        '{"jsonrpc":"2.0","id":true,"method":"ping"}',
        '{"jsonrpc":"2.0","id":{},"method":"ping"}',
        '{"jsonrpc":"2.0","id":[1],"method":"ping"}',
        '{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}',
        '{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}',
        '{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"x"}}',
        '{"jsonrpc":"2.0","result":{}}',
    ],
)
def test_what_is_no_message(session, text):
    answered = session.post(text)
    assert answered.status == 400, answered
    assert answered.json()["error"]["code"] == -32600, answered


@pytest.mark.parametrize(
    "id",
    [
        "0",
        "1",
        "-7",
        "1.5",
        "1e3",
        "1E+3",
        "0.10",
        "-0",
        "9007199254740993",
        "18446744073709551616",
        "123456789012345678901234567890",
        '""',
        '"a"',
        '"1"',
        r'"\u0041\n\"\\"',
        '"é𝄞"',
        '"' + "x" * 200 + '"',
    ],
)
def test_ids_come_back_as_they_were(session, id):
    answered = session.post('{"jsonrpc":"2.0","id":' + id + ',"method":"ping"}')
    assert answered.status == 200, answered
    assert answered.body == ('{"jsonrpc":"2.0","id":' + id + ',"result":{}}').encode()
    answered = session.post('{"jsonrpc":"2.0","id":' + id + ',"method":"no/such"}')
    assert answered.body.startswith(('{"jsonrpc":"2.0","id":' + id + ',"error":').encode())


def test_blanks_and_order_of_members_do_not_matter(session):
    text = ' \r\n{ "params" : { } , "method":"ping",\t"id" : 5 ,"x":[1,{"y":2}], "jsonrpc":"2.0"}\n'
    assert session.post(text).json() == {"jsonrpc": "2.0", "id": 5, "result": {}}


def test_unknown_method_and_bad_parameters(session):
    assert session.ask("no/such")["error"]["code"] == -32601
    assert session.ask("server/discover")["error"]["code"] == -32601
    assert session.ask("tools/call", {"name": "no_such"})["error"]["code"] == -32602
    assert session.ask("prompts/get", {"name": "no_such"})["error"]["code"] == -32602
    assert session.ask("prompts/get", {"name": "test_prompt_with_arguments"})["error"]["code"] == (
        -32602
    )
    missing = session.ask("resources/read", {"uri": "test://none"})["error"]
    assert missing["code"] == -32002 and missing["data"] == {"uri": "test://none"}
    body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[1]}'
    assert session.post(body).json()["error"]["code"] == -32602


def test_arguments_that_do_not_fit(everything):
    told = Session(everything).call("sum", a=1, b="two")["result"]
    assert told["isError"] and "b" in told["content"][0]["text"]
    older = Session(everything, "2025-06-18").call("sum", a=1)
    assert older["error"]["code"] == -32602


def test_structured_results(everything):
    result = Session(everything).call("sum", a=1, b=2.5)["result"]
    assert result["structuredContent"] == {"sum": 3.5}
    assert json.loads(result["content"][0]["text"]) == {"sum": 3.5}
    older = Session(everything, "2025-03-26").call("sum", a=1, b=2)["result"]
    assert "structuredContent" not in older and json.loads(older["content"][0]["text"]) == {
        "sum": 3
    }
    assert Session(everything).call("wrong_result")["result"]["isError"]


# --- the beginning and the end of sessions ---


@pytest.mark.parametrize(
    "asked, given",
    [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("1.0", "2025-11-25"),
        ("2099-01-01", "2025-11-25"),
    ],
)
def test_revisions_are_agreed_on(everything, asked, given):
    session = Session(everything, asked)
    assert session.greeting["protocolVersion"] == given
    assert session.greeting["serverInfo"]["name"] == "everything"
    assert session.greeting["capabilities"]["tools"] == {"listChanged": True}
    assert session.greeting["instructions"]
    assert all(0x21 <= ord(letter) <= 0x7E for letter in session.id) and len(session.id) >= 32
    assert session.ask("ping")["result"] == {}


@pytest.mark.parametrize(
    "params", [None, {}, {"protocolVersion": "2025-11-25"}, {"capabilities": {}}]
)
def test_initialize_that_begins_nothing(everything, params):
    with everything.connect() as connection:
        answered = mcp_wire.post(connection, message("initialize", params, id=1))
    error_of(answered, 400, -32602, 1)
    assert answered.get("Mcp-Session-Id") is None


def test_initialize_again(session):
    answered = session.post(message("initialize", INITIALIZE, id="x"))
    error_of(answered, 400, -32600, "x")
    assert session.ask("ping")["result"] == {}


def test_requests_without_a_session(everything):
    with everything.connect() as connection:
        error_of(mcp_wire.post(connection, message("ping", id=3)), 400, -32000, 3)
        error_of(mcp_wire.post(connection, message("tools/list", id="a")), 400, -32000, "a")


@pytest.mark.parametrize("id", ["nonsense", "0" * 32 + ".0", "0" * 32 + ".99999", "é" * 40, "a.0"])
def test_sessions_that_are_not_there(everything, id):
    header = [("Mcp-Session-Id", id)]
    with everything.connect() as connection:
        error_of(mcp_wire.post(connection, message("ping", id=3), header), 404, -32001, 3)
        stream = [*header, ("Accept", "text/event-stream")]
        error_of(connection.request("GET", "/mcp", stream), 404, -32001)
        error_of(connection.request("DELETE", "/mcp", header), 404, -32001)


def test_a_session_that_was_ended(session):
    with session.get() as stream:
        assert session.delete().status == 200
        assert stream.messages() == []  # the stream ends with it
    error_of(session.post(message("ping", id=1)), 404, -32001, 1)
    error_of(session.get(), 404, -32001)
    error_of(session.delete(), 404, -32001)
    assert session.post(message("notifications/initialized", id=False)).status == 404


def test_the_version_header(session):
    session.headers = [field for field in session.headers if field[0] == "Mcp-Session-Id"]
    for version in ("2025-11-25", "2025-03-26", None):
        headers = [("MCP-Protocol-Version", version)] if version else []
        assert session.post(message("ping"), headers).status == 200
    for version in ("1.0", "", "2025-11-25x"):
        answered = session.post(message("ping", id=1), [("MCP-Protocol-Version", version)])
        error_of(answered, 400, -32000, 1)


def test_idle_sessions_expire(tmp_path):
    with mcp_wire.Everything(tmp_path, "--session-timeout-ms", "300") as server:
        idle, streaming = Session(server), Session(server)
        with streaming.get():
            time.sleep(1)
            assert idle.post(message("ping")).status == 404
            assert streaming.ask("ping")["result"] == {}


def test_a_session_is_in_use_while_a_call_runs(tmp_path):
    with mcp_wire.Everything(tmp_path, "--session-timeout-ms", "200") as server:
        session = Session(server)
        assert text_of(session.call("wait", ms=1200)) == "waited"
        assert session.ask("ping")["result"] == {}


def test_as_many_sessions_as_there_may_be(tmp_path):
    with mcp_wire.Everything(tmp_path, "--max-sessions", "3") as server:
        sessions = [Session(server) for _ in range(3)]
        with server.connect() as connection:
            refused = mcp_wire.post(connection, message("initialize", INITIALIZE, id=1))
            error_of(refused, 503, -32000, 1)
        assert Stateless(server).call("test_simple_text")["result"]
        assert sessions[0].delete().status == 200
        assert Session(server).ask("ping")["result"] == {}


def test_others_have_no_way_in(everything):
    mine = Session(everything, authorization="Bearer mine")
    assert mine.ask("ping")["result"] == {}
    others = [[], [("Authorization", "Bearer other")], [("Authorization", "bearer mine")]]
    for other in others:
        headers = [*other, ("Mcp-Session-Id", mine.id)]
        with everything.connect() as connection:
            answered = mcp_wire.post(connection, message("ping", id=1), headers)
            error_of(answered, 404, -32001, 1)
            stream = [*headers, ("Accept", "text/event-stream")]
            error_of(connection.request("GET", "/mcp", stream), 404, -32001)
            error_of(connection.request("DELETE", "/mcp", headers), 404, -32001)
    assert mine.ask("ping")["result"] == {}


# --- batches ---


def test_batches(everything):
    session = Session(everything, "2025-03-26")
    batch = [
        message("ping", id="a"),
        message("notifications/initialized", id=False),
        call("echo", {"text": "x"}, id=2),
        message("no/such", id=3),
        mcp_wire.response_to({"id": 77}, {}),
        {"jsonrpc": "2.0", "id": 4},
    ]
    answers = {one["id"]: one for one in session.post(batch).json()}
    assert set(answers) == {"a", 2, 3, 4}
    assert answers["a"]["result"] == {} and text_of(answers[2]) == "x"
    assert answers[3]["error"]["code"] == -32601 and answers[4]["error"]["code"] == -32600
    only_notices = [message("notifications/initialized", id=False)] * 2
    answered = session.post(only_notices)
    assert answered.status == 202 and answered.body == b""


def test_batches_that_are_refused(everything):
    session = Session(everything, "2025-03-26")
    error_of(session.post("[]"), 400, -32600)
    error_of(session.post("[" + ",".join(["{}"] * 101) + "]"), 400, -32600)
    error_of(session.post("[1,"), 400, -32700)
    error_of(session.post('[{"jsonrpc":"2.0","id":1,"method":"ping"}]x'), 400, -32700)
    ping = [message("ping")]
    error_of(session.post(ping, [("Accept", "text/html")]), 406, -32000)
    session.headers = [field for field in session.headers if field[0] != "MCP-Protocol-Version"]
    error_of(session.post(ping, [("MCP-Protocol-Version", "1999")]), 400, -32000)
    answered = session.post([message("initialize", INITIALIZE, id=1)])
    assert answered.json()[0]["error"]["code"] == -32600
    newer = Session(everything, "2025-11-25")
    assert newer.post([message("ping")]).status == 400
    client = Stateless(everything)
    body = [client.request("ping")]
    assert client.post(body, client.headers_of(body[0])).status == 400


def test_the_requests_of_a_batch_run_side_by_side(everything):
    session = Session(everything, "2025-03-26")
    begin = time.monotonic()
    answers = session.post([call("wait", {"ms": 700}, id=n) for n in range(5)]).json()
    assert [one["id"] for one in answers] == list(range(5))
    assert time.monotonic() - begin < 3.0, "they ran one after the other"


def test_the_version_of_get_and_delete(session):
    def answer(method, version):
        fields = [field for field in session.headers if field[0] != "MCP-Protocol-Version"]
        fields += [("Accept", "text/event-stream"), ("MCP-Protocol-Version", version)]
        with session.server.connect() as connection:
            return connection.request(method, "/mcp", fields)

    for method in ("GET", "DELETE"):
        error_of(answer(method, "1999"), 400, -32000)
        refused = answer(method, "2026-07-28")
        error_of(refused, 405, -32000)
        assert "POST" in refused.get("Allow")
    assert session.ask("ping")["result"] == {}


# --- lists ---


@pytest.mark.parametrize(
    "method, key",
    [
        ("tools/list", "tools"),
        ("prompts/list", "prompts"),
        ("resources/list", "resources"),
        ("resources/templates/list", "resourceTemplates"),
    ],
)
def test_lists_page_by_page(session, method, key):
    items, cursor = [], None
    for _ in range(100):
        page = session.ask(method, {"cursor": cursor} if cursor else None)["result"]
        assert 0 < len(page[key]) <= 7
        items += page[key]
        cursor = page.get("nextCursor")
        if cursor is None:
            break
        assert len(page[key]) == 7
    names = [item["name"] for item in items]
    assert len(set(names)) == len(names) and (key != "tools" or len(names) > 30)
    for wrong in ("", "x", "p", "p999999", "-1", 5):
        refused = session.ask(method, {"cursor": wrong})
        assert refused["error"]["code"] == -32602, (wrong, refused)


def test_completion(session):
    ask = {
        "ref": {"type": "ref/prompt", "name": "test_prompt_with_arguments"},
        "argument": {"name": "arg1", "value": "Pa"},
    }
    found = session.ask("completion/complete", ask)["result"]["completion"]
    assert found == {"values": ["Paris", "Parma", "Palermo"], "total": 3, "hasMore": False}
    for wrong in ({}, {**ask, "ref": {"type": "ref/other"}}, {"ref": ask["ref"]}):
        assert session.ask("completion/complete", wrong)["error"]["code"] == -32602


# --- connections and cores ---


def test_many_requests_on_one_connection(session):
    with session.server.connect() as connection:
        for number in range(200):
            body = call("echo", {"text": str(number)}, id=number)
            answered = mcp_wire.post(connection, body, session.headers)
            assert answered.json()["id"] == number and text_of(answered.json()) == str(number)


def test_requests_one_behind_the_other(session):
    with session.server.connect() as connection:
        bodies = [json.dumps(call("echo", {"text": str(n)}, id=n)) for n in range(50)]
        headers = [*session.headers, JSON, ACCEPT]
        connection.send(b"".join(wire.encode("POST", "/mcp", headers, body) for body in bodies))
        for number in range(50):
            assert connection.response().json()["id"] == number


def test_one_session_from_many_connections_at_once(session):
    results = {}

    def run(name):
        for number in range(25):
            text = f"{name} {number}"
            results[text] = text_of(session.call("echo", text=text))

    threads = [threading.Thread(target=run, args=(name,)) for name in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 200 and all(key == value for key, value in results.items())


def test_an_id_that_runs_already(session):
    slow = session.post(call("count", {"to": 2, "pause_us": 300_000}, id=5, token="t"))
    assert slow.message()["params"]["progress"] == 1
    again = session.post(call("echo", {"text": "x"}, id=5))
    assert again.json()["error"]["code"] == -32600
    assert text_of(slow.reply()) == "counted to 2"
    assert text_of(reply_of(session.post(call("echo", {"text": "x"}, id=5)))) == "x"
