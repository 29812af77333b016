"""MCP of 2026-07-28 in raw requests: the envelope, headers, rounds, tasks, listening."""

import itertools
import json
import time

import pytest

import mcp_wire
import wire
from mcp_wire import META, STATELESS, Events, Session, Stateless, message, text_of

TASKS = "io.modelcontextprotocol/tasks"
ALL = {"sampling": {}, "elicitation": {}, "roots": {}, "extensions": {TASKS: {}}}


@pytest.fixture(scope="module", params=["one core", "all cores"])
def everything(request, tmp_path_factory):
    cpus = mcp_wire.one_core() if request.param == "one core" else mcp_wire.every_core()
    with mcp_wire.Everything(tmp_path_factory.mktemp("everything"), cpus=cpus) as server:
        yield server


@pytest.fixture
def client(everything):
    return Stateless(everything, ALL)


def error_of(answered, status, code, id=None):
    assert answered.status == status, answered
    body = answered.json()
    assert body["error"]["code"] == code and body["id"] == id, body
    return body["error"]


# --- the envelope ---


def test_discover(client):
    answered = client.post(client.request("server/discover"))
    result = answered.json()["result"]
    assert result["supportedVersions"] == [STATELESS] and result["resultType"] == "complete"
    assert result["_meta"][META + "serverInfo"]["name"] == "everything"
    assert result["capabilities"]["extensions"] == {TASKS: {}}
    assert "tasks" not in result["capabilities"]
    assert result["ttlMs"] >= 0 and result["cacheScope"] == "public"
    assert answered.get("Mcp-Session-Id") is None


@pytest.mark.parametrize("lacking", [META + "protocolVersion", META + "clientCapabilities"])
def test_what_the_envelope_lacks(client, lacking):
    meta = client.envelope()
    del meta[lacking]
    body = client.request("tools/list", id=5, meta=meta)
    error_of(client.post(body), 400, -32602, 5)
    error_of(client.post(client.request("tools/list", id=5, meta={})), 400, -32602, 5)
    bare = message("tools/list", id=5)
    error_of(client.post(bare), 400, -32602, 5)


def test_a_client_need_not_say_who_it_is(client):
    meta = client.envelope()
    del meta[META + "clientInfo"]
    assert "tools" in client.ask("tools/list", meta=meta)["result"]


@pytest.mark.parametrize("version", ["v999.0.0", "2025-11-25", "", "2026-07-29"])
def test_versions_that_are_none(client, version):
    body = client.request("tools/list", id=1)
    body["params"]["_meta"][META + "protocolVersion"] = version
    headers = [("MCP-Protocol-Version", version), ("Mcp-Method", "tools/list")]
    data = error_of(client.post(body, headers), 400, -32022, 1)["data"]
    assert data == {"supported": [STATELESS], "requested": version}


def test_the_session_header_means_nothing(client, everything):
    session = Session(everything)
    for id in (session.id, "nonsense"):
        body = client.request("tools/list")
        answered = client.post(body, [*client.headers_of(body), ("Mcp-Session-Id", id)])
        assert answered.status == 200 and answered.get("Mcp-Session-Id") is None


@pytest.mark.parametrize(
    "method",
    ["initialize", "ping", "logging/setLevel", "resources/subscribe", "tasks/list", "no/such", ""],
)
def test_methods_that_are_no_more(client, method):
    body = client.request(method, id="m")
    error_of(client.post(body, client.headers_of(body)), 404, -32601, "m")


def test_notifications_and_responses(client):
    notice = message(
        "notifications/cancelled", {"requestId": 1, "_meta": client.envelope()}, id=False
    )
    answered = client.post(notice)
    assert answered.status == 202 and answered.body == b""
    headers = [("MCP-Protocol-Version", STATELESS)]
    answered = client.post({"jsonrpc": "2.0", "id": 1, "result": {}}, headers)
    error_of(answered, 400, -32600, 1)


def test_errors_within_a_request(client):
    for method, params in (
        ("tools/call", {"name": "no_such", "arguments": {}}),
        ("prompts/get", {"name": "no_such"}),
        ("completion/complete", {}),
    ):
        body = client.request(method, params)
        answered = client.post(body)
        error_of(answered, 200, -32602, body["id"])
    missing = client.ask("resources/read", {"uri": "test://none"})["error"]
    assert missing["code"] == -32602 and missing["data"] == {"uri": "test://none"}
    assert client.call("sum", a=1)["result"]["isError"]


# --- headers ---


def call_with(client, headers, name="echo", arguments=None, id=1):
    params = {"name": name, "arguments": arguments or {"text": "x"}}
    body = client.request("tools/call", params, id=id)
    return client.post(body, [("MCP-Protocol-Version", STATELESS), *headers])


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Mcp-Method", "tools/call")],
        [("Mcp-Name", "echo")],
        [("Mcp-Method", "tools/list"), ("Mcp-Name", "echo")],
        [("Mcp-Method", "TOOLS/CALL"), ("Mcp-Name", "echo")],
        [("Mcp-Method", "tools/call"), ("Mcp-Name", "Echo")],
        [("Mcp-Method", "tools/call"), ("Mcp-Name", "")],
        [("Mcp-Method", "tools/call"), ("Mcp-Method", "tools/call"), ("Mcp-Name", "echo")],
        [("Mcp-Method", "tools/call"), ("Mcp-Name", "echo"), ("Mcp-Name", "sum")],
        [("Mcp-Method", "tools/call"), ("Mcp-Name", "=?base64?ZWNobw?=")],
        [("Mcp-Method", "tools/call"), ("Mcp-Name", "=?BASE64?ZWNobw==?=")],
        [("Mcp-Method", "tools/call"), ("Mcp-Name", "=?base64?ZWNo!!bw?=")],
    ],
)
def test_headers_that_differ(client, headers):
    error_of(call_with(client, headers), 400, -32020, 1)


@pytest.mark.parametrize(
    "headers",
    [
        [("mcp-method", "tools/call"), ("MCP-NAME", "echo")],
        [("Mcp-Method", "  tools/call\t"), ("Mcp-Name", "\t echo ")],
        [("Mcp-Method", "tools/call"), ("Mcp-Name", "=?base64?ZWNobw==?=")],
    ],
)
def test_headers_that_agree(client, headers):
    assert text_of(call_with(client, headers).json()) == "x"


def test_the_version_header(client):
    body = client.request("tools/list", id=1)
    for headers in ([], [("MCP-Protocol-Version", "2025-11-25")]):
        answered = client.post(body, [*headers, ("Mcp-Method", "tools/list")])
        error_of(answered, 400, -32020, 1)


@pytest.mark.parametrize(
    "arguments, header, status",
    [
        ({"region": "Hello"}, "Hello", 200),
        ({"region": "Hello"}, "=?base64?SGVsbG8=?=", 200),
        ({"region": "Hello"}, "=?base64?SGVsbG8?=", 400),
        ({"region": "Hello"}, "=?base64?SGVs!!!bG8=?=", 400),
        ({"region": "Hello"}, "hello", 400),
        ({"region": "Hello"}, None, 400),
        ({"region": "SGVsbG8="}, "SGVsbG8=", 200),
        ({"region": "=?base64?SGVsbG8="}, "=?base64?SGVsbG8=", 200),
        ({"region": "é"}, "=?base64?w6k=?=", 200),
        ({"level": 1}, None, 200),
        ({"level": 1}, "Hello", 400),
    ],
)
def test_parameters_repeated_in_headers(client, arguments, header, status):
    headers = [("Mcp-Method", "tools/call"), ("Mcp-Name", "test_x_mcp_header")]
    headers += [("Mcp-Param-Region", header)] if header is not None else []
    answered = call_with(client, headers, "test_x_mcp_header", arguments)
    assert answered.status == status, answered
    if status == 200:
        assert text_of(answered.json()) == "region=" + arguments.get("region", "")
    else:
        error_of(answered, 400, -32020, 1)


# --- capabilities and log levels ---


def test_a_tool_that_needs_a_capability(everything):
    client = Stateless(everything)
    params = {"name": "test_missing_capability", "arguments": {}}
    data = error_of(client.post(client.request("tools/call", params, id=1)), 400, -32021, 1)["data"]
    assert data == {"requiredCapabilities": {"sampling": {}}}


def test_log_messages_are_for_who_asks(client):
    body = client.request("tools/call", {"name": "test_logging_tool", "arguments": {}})
    assert not isinstance(client.post(body), Events)
    body["params"]["_meta"][META + "logLevel"] = "info"
    with client.post(body) as stream:
        methods = [one.get("method") for one in stream.messages()]
    assert methods == ["notifications/message"] * 3 + [None]
    body["params"]["_meta"][META + "logLevel"] = "error"
    assert not isinstance(client.post(body), Events)


# --- rounds ---


def rounds_of(client, name, answers):
    """Plays a call to its end; all results. `answers`: by the method that is asked."""
    results, extra = [], {}
    for _ in range(5):
        params = {"name": name, "arguments": {}, **extra}
        result = client.ask("tools/call", params)["result"]
        results.append(result)
        if result["resultType"] == "complete":
            return results
        requests = result["inputRequests"]
        extra = {"inputResponses": {key: answers(key, requests[key]) for key in requests}}
        if "requestState" in result:
            extra["requestState"] = result["requestState"]
    raise AssertionError(results)


def an_answer(key, request):
    if request["method"] == "sampling/createMessage":
        content = {"type": "text", "text": "Paris"}
        return {"role": "assistant", "model": "m", "content": content}
    if request["method"] == "roots/list":
        return {"roots": [{"uri": "file:///tmp"}]}
    content = {"name": "Alice", "color": "red", "ok": True, "context": "c"}
    return {"action": "accept", "content": content}


@pytest.mark.parametrize(
    "name, rounds, says",
    [
        ("elicitation", 2, "Hello, Alice!"),
        ("sampling", 2, "Paris"),
        ("list_roots", 2, "file:///tmp"),
        ("request_state", 2, "state-ok"),
        ("multiple_inputs", 2, "Alice; "),
        ("multi_round", 3, "Alice likes red."),
    ],
)
def test_rounds(client, name, rounds, says):
    results = rounds_of(client, "test_input_required_result_" + name, an_answer)
    assert len(results) == rounds and says in results[-1]["content"][0]["text"]


STATE_TOOL = "test_input_required_result_request_state"


def test_states_are_good_for_one_request_of_one_client(everything, client):
    first = client.call(STATE_TOOL)["result"]
    state = first["requestState"]
    responses = {"confirm": {"action": "accept", "content": {"ok": True}}}

    def again(with_client=client, name=STATE_TOOL, arguments=None, state=state):
        params = {"name": name, "arguments": arguments or {}}
        params |= {"inputResponses": responses, "requestState": state}
        return with_client.ask("tools/call", params)

    assert text_of(again()) == "state-ok"
    wrong = [state + "x", "x" + state, state[:-1], state.split(".")[0], "", ".", 5, {}]
    wrong += [state.swapcase(), state.replace(".", ".."), state + "."]
    for other in wrong:
        assert again(state=other)["error"]["code"] == -32602, other
    assert again(name="test_input_required_result_tampered_state")["error"]["code"] == -32602
    assert again(arguments={"a": 1})["error"]["code"] == -32602
    other = Stateless(everything, ALL, authorization="Bearer other")
    assert again(other)["error"]["code"] == -32602


def test_states_expire(tmp_path):
    with mcp_wire.Everything(tmp_path, "--state-ttl-ms", "100") as server:
        client = Stateless(server, ALL)
        state = client.call(STATE_TOOL)["result"]["requestState"]
        time.sleep(0.3)
        params = {"name": STATE_TOOL, "arguments": {}, "requestState": state}
        assert client.ask("tools/call", params)["error"]["code"] == -32602


@pytest.mark.parametrize(
    "responses",
    [
        None,
        5,
        {},
        {"other": {"action": "accept", "content": {"name": "x"}}},
        {"user_name": None},
        {"user_name": 5},
        {"user_name": {}},
        {"user_name": {"action": "maybe"}},
    ],
)
def test_answers_that_are_none(client, responses):
    params = {"name": "test_input_required_result_elicitation", "arguments": {}}
    result = client.ask("tools/call", {**params, "inputResponses": responses})["result"]
    assert result["resultType"] == "input_required" and "user_name" in result["inputRequests"]


def test_rounds_of_a_prompt(client):
    params = {"name": "test_input_required_result_prompt"}
    first = client.ask("prompts/get", params)["result"]
    assert first["resultType"] == "input_required"
    answers = {"user_context": {"action": "accept", "content": {"context": "cats"}}}
    second = client.ask("prompts/get", {**params, "inputResponses": answers})["result"]
    assert second["messages"][0]["content"]["text"] == "The context is: cats"


# --- clients that take no stream ---


def test_a_client_that_takes_only_json(client):
    params = {"name": "test_tool_with_progress", "arguments": {}}
    body = client.request("tools/call", params, meta=client.envelope(progressToken=1))
    answered = client.post(body, [*client.headers_of(body), ("Accept", "application/json")])
    assert answered.status == 200 and answered.get("Content-Type") == "application/json"
    assert text_of(answered.json()) == "All steps are done."
    body = client.request("subscriptions/listen", {"notifications": {}}, id=1)
    error_of(client.post(body, [*client.headers_of(body), ("Accept", "application/json")]),
             406, -32000, 1)  # fmt: skip


# --- listening ---


@pytest.mark.parametrize("id", [3, "three", 1.5])
def test_listening(client, id):
    wanted = {"toolsListChanged": True, "resourceSubscriptions": ["test://a"], "other": True}
    body = client.request("subscriptions/listen", {"notifications": wanted}, id=id)
    with client.post(body) as stream:
        assert stream.head.get("X-Accel-Buffering") == "no"
        first = stream.message()
        assert first["method"] == "notifications/subscriptions/acknowledged"
        assert first["params"]["notifications"] == {
            "toolsListChanged": True,
            "resourceSubscriptions": ["test://a"],
        }
        client.call("test_trigger_prompt_change")
        client.call("test_trigger_resource_change", uri="test://b")
        client.call("test_trigger_resource_change", uri="test://a")
        client.call("test_trigger_tool_change")
        two = [stream.message() for _ in range(2)]
        assert {one["method"] for one in two} == {
            "notifications/resources/updated",
            "notifications/tools/list_changed",
        }
        for one in (first, *two):
            given = one["params"]["_meta"][META + "subscriptionId"]
            assert given == id and type(given) is type(id)


def test_listening_ends_with_a_result_when_the_server_does(tmp_path):
    with mcp_wire.Everything(tmp_path) as server:
        client = Stateless(server)
        body = client.request("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
        with client.post(body) as stream:
            stream.message()
            assert server.terminate() == 0
            last = stream.messages()
            assert [one["id"] for one in last] == [body["id"]]
            assert last[0]["result"]["resultType"] == "complete"


def test_listening_to_nothing_in_particular(client):
    body = client.request("subscriptions/listen", {"notifications": {}})
    with client.post(body) as stream:
        assert stream.message()["params"]["notifications"] == {}
    error_of(client.post(client.request("subscriptions/listen", id=1)), 200, -32602, 1)


# --- tasks ---


def poll(client, id, *states):
    """tasks/get until the task has one of the states."""

    def look():
        task = client.ask("tasks/get", {"taskId": id})["result"]
        return task if task["status"] in states else None

    return wire.wait_for(look, f"the task to be {states}")


def test_a_task_from_any_connection(client):
    made = client.call("slow_compute", seconds=0.3, label="it")["result"]
    assert made["resultType"] == "task" and made["status"] == "working"
    assert made["ttlMs"] > 0 and made["pollIntervalMs"] > 0
    for _ in range(20):  # on whichever core
        assert client.ask("tasks/get", {"taskId": made["taskId"]})["result"]["taskId"]
    done = poll(client, made["taskId"], "completed")
    assert done["result"]["content"][0]["text"] == "it is computed."
    assert done["createdAt"] <= done["lastUpdatedAt"]


def test_a_task_is_cancelled(client):
    made = client.call("slow_compute", seconds=60)["result"]
    assert client.ask("tasks/cancel", {"taskId": made["taskId"]})["result"]["resultType"]
    assert poll(client, made["taskId"], "cancelled")
    assert client.ask("tasks/cancel", {"taskId": made["taskId"]})["result"]


def test_a_task_that_breaks_off(client):
    made = client.call("protocol_error_job")["result"]
    failed = poll(client, made["taskId"], "failed")
    assert failed["error"]["code"] == -32603 and "result" not in failed


def test_a_task_that_asks(client):
    made = client.call("multi_input")["result"]["taskId"]

    def both():
        task = poll(client, made, "input_required")
        return task if len(task["inputRequests"]) == 2 else None

    assert set(wire.wait_for(both, "two questions")["inputRequests"]) == {"first", "second"}
    answer = {"action": "accept", "content": {"name": "Ada"}}
    client.ask("tasks/update", {"taskId": made, "inputResponses": {"first": answer, "x": answer}})
    assert set(poll(client, made, "input_required")["inputRequests"]) == {"second"}
    client.ask("tasks/update", {"taskId": made, "inputResponses": {"second": answer}})
    texts = [one["text"] for one in poll(client, made, "completed")["result"]["content"]]
    assert sorted(texts) == ["first is Ada.", "second is Ada."]


def follow(client, *ids):
    wanted = {"notifications": {"taskIds": list(ids)}}
    return client.post(client.request("subscriptions/listen", wanted, id="follow"))


def status_of(notice):
    assert notice["method"] == "notifications/tasks"
    assert notice["params"]["_meta"] == {META + "subscriptionId": "follow"}
    return notice["params"]["status"]


def test_following_a_task(client):
    for _ in range(4):  # on whichever core
        made = client.call("multi_input")["result"]["taskId"]
        with follow(client, made, "x", "0" * 32 + ".0") as stream:
            assert stream.message()["params"]["notifications"] == {"taskIds": [made]}
            asked = stream.until(lambda one: len(one["params"].get("inputRequests", ())) == 2)
            assert {status_of(one) for one in asked} <= {"working", "input_required"}
            answer = {"action": "accept", "content": {"name": "Ada"}}
            answers = {"first": answer, "second": answer}
            client.ask("tasks/update", {"taskId": made, "inputResponses": answers})
            last = stream.until(lambda one: status_of(one) == "completed")[-1]["params"]
        known = client.ask("tasks/get", {"taskId": made})["result"]
        for of in (last, known):
            del of["_meta"]
        assert last == {key: known[key] for key in known if key != "resultType"}
        assert len(last["result"]["content"]) == 2


def test_following_a_task_that_has_ended(client):
    made = client.call("protocol_error_job")["result"]["taskId"]
    poll(client, made, "failed")
    with follow(client, made) as stream:
        assert stream.message()["method"] == "notifications/subscriptions/acknowledged"
        told = stream.message()
        assert status_of(told) == "failed" and told["params"]["error"]["code"] == -32603


def test_following_tasks_of_others(everything, client):
    made = client.call("slow_compute", seconds=60)["result"]["taskId"]
    with follow(Stateless(everything, ALL, authorization="Bearer other"), made) as stream:
        assert stream.message()["params"]["notifications"] == {}
    error = error_of(follow(Stateless(everything), made), 400, -32021, "follow")
    assert error["data"] == {"requiredCapabilities": {"extensions": {TASKS: {}}}}
    with follow(client, made) as stream:
        stream.message()
        client.ask("tasks/cancel", {"taskId": made})
        assert status_of(stream.until(lambda one: status_of(one) != "working")[-1]) == "cancelled"


def test_tasks_of_others_and_of_nobody(everything, client):
    made = client.call("slow_compute", seconds=60)["result"]["taskId"]
    other = Stateless(everything, ALL, authorization="Bearer other")
    for method in ("tasks/get", "tasks/cancel", "tasks/update"):
        params = {"inputResponses": {}}
        assert other.ask(method, {"taskId": made, **params})["error"]["code"] == -32602
        for id in ("x", "0" * 32 + ".0", "0" * 32 + ".77"):
            assert client.ask(method, {"taskId": id, **params})["error"]["code"] == -32602
    client.ask("tasks/cancel", {"taskId": made})


def test_tasks_without_the_extension(everything):
    client = Stateless(everything)
    for name in ("failing_job", "test_tool_with_task"):
        params = {"name": name, "arguments": {}}
        data = error_of(client.post(client.request("tools/call", params, id=1)), 400, -32021, 1)
        assert data["data"] == {"requiredCapabilities": {"extensions": {TASKS: {}}}}
    error_of(client.post(client.request("tasks/get", {"taskId": "x"}, id=1)), 400, -32021, 1)
    assert text_of(client.call("slow_compute", seconds=0.05)) == "result is computed."


# --- many of all kinds ---


def test_both_eras_on_one_connection(everything, client):
    session = Session(everything)
    with everything.connect() as connection:
        for number in range(50):
            body = client.request("tools/call", {"name": "echo", "arguments": {"text": "m"}})
            answered = client.post(body, connection=NotClosed(connection))
            assert text_of(answered.json()) == "m"
            body = mcp_wire.call("echo", {"text": "s"})
            answered = mcp_wire.post(connection, body, session.headers)
            assert text_of(answered.json()) == "s"


class NotClosed:
    """A connection that helpers do not close."""

    def __init__(self, connection):
        self._connection = connection

    def close(self):
        pass

    def __getattr__(self, name):
        return getattr(self._connection, name)


def test_results_of_all_sizes(client):
    for size in itertools.chain(range(0, 300, 37), (4096, 65535, 65536, 600_000)):
        assert text_of(client.call("echo", text="é" * size)) == "é" * size
    odd = "".join(map(chr, range(1, 300))) + "\u2028\u2029\ud83d\ude00".encode(
        "utf-16", "surrogatepass"
    ).decode("utf-16")
    assert text_of(client.call("echo", text=odd)) == odd
    assert json.loads(json.dumps(odd)) == odd


# --- a client that cannot be asked ---


def test_a_tool_that_cannot_ask_names_the_capability(everything):
    name = "test_input_required_result_elicitation"
    client = Stateless(everything, {})
    refused = client.post(client.request("tools/call", {"name": name, "arguments": {}}))
    assert refused.status == 400
    error = refused.json()["error"]
    assert error["code"] == -32021
    assert error["data"] == {"requiredCapabilities": {"elicitation": {}}}


def test_a_tool_of_a_session_that_cannot_ask_fails_aloud(everything):
    session = Session(everything, capabilities={})
    reply = session.call("test_input_required_result_elicitation")
    assert reply["result"]["isError"] is True
    assert "elicitation" in text_of(reply)
