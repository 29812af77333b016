"""Streams of MCP over HTTP: progress, resumption, change notices, cancellation, the server's
requests; and the transport of 2024-11-05."""

import json
import random
import signal
import threading
import time

import pytest

import mcp_wire
import wire
from mcp_wire import META, Events, Session, Stateless, call, message, response_to, text_of


@pytest.fixture(scope="module", params=["one core", "all cores"])
def everything(request, tmp_path_factory):
    cpus = mcp_wire.one_core() if request.param == "one core" else mcp_wire.every_core()
    folder = tmp_path_factory.mktemp("everything")
    options = ["--keepalive-ms", "200", "--mount", "/tools"]
    with mcp_wire.Everything(folder, *options, cpus=cpus) as server:
        yield server


@pytest.fixture
def session(everything):
    return Session(everything)


def progress_of(messages):
    return [one["params"]["progress"] for one in messages if "progress" in one.get("params", {})]


def waits(server):
    return Stateless(server).call("waited")["result"]["structuredContent"]


# --- responses that are streams ---


def test_a_stream_begins_with_an_id(session):
    with session.post(call("test_tool_with_progress", token="t")) as stream:
        assert stream.head.get("X-Accel-Buffering") == "no"
        assert "no-cache" in stream.head.get("Cache-Control")
        first = stream.block()
        assert (
            first[0].startswith("id: ") and first[1].startswith("retry: ") and first[2] == "data: "
        )
        messages = stream.messages()
        assert progress_of(messages) == [0, 50, 100]
        assert all(one["params"]["progressToken"] == "t" for one in messages[:-1])
        assert text_of(messages[-1]) == "All steps are done."


@pytest.mark.parametrize("revision", ["2025-03-26", "2025-06-18"])
def test_older_streams_begin_with_a_message(everything, revision):
    session = Session(everything, revision)
    with session.post(call("test_tool_with_progress", token="t")) as stream:
        first = stream.block()
        assert first[1] == "event: message" and json.loads(first[2][6:])["params"]["progress"] == 0
        assert text_of(stream.reply()) == "All steps are done."


@pytest.mark.parametrize("token", [0, 7, 1.5, "7", "", "ä\n"])
def test_progress_tokens_come_back(session, token):
    with session.post(call("count", {"to": 1}, token=token)) as stream:
        given = stream.message()["params"]["progressToken"]
        assert given == token and type(given) is type(token)


def test_no_stream_without_need(session):
    assert text_of(session.post(call("test_tool_with_progress")).json()) == "All steps are done."


def test_log_levels(session):
    def logged(level):
        answered = session.post(call("log_at", {"level": level}))
        if not isinstance(answered, Events):
            return []
        return [one["params"] for one in answered.messages() if "method" in one]

    assert session.ask("logging/setLevel", {"level": "warning"})["result"] == {}
    assert logged("info") == []
    assert logged("error") == [{"level": "error", "logger": "everything", "data": {"says": "this"}}]
    assert session.ask("logging/setLevel", {"level": "loud"})["error"]["code"] == -32602
    assert session.ask("logging/setLevel", {"level": "debug"})["result"] == {}
    assert [one["level"] for one in logged("debug")] == ["debug"]


def test_keepalive_comments(session):
    with session.get() as stream, session.post(
        call("count", {"to": 1, "pause_us": 900_000}, token=1)
    ) as post:
        assert text_of(post.reply()) == "counted to 1"
        assert post.comments >= 2
        session.call("test_trigger_tool_change")
        assert stream.message()["method"] == "notifications/tools/list_changed"
        assert stream.comments >= 2
    client = Stateless(session.server)
    body = client.request("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    with client.post(body) as stream:
        stream.message()
        time.sleep(0.7)
        client.call("test_trigger_tool_change")
        stream.message()
        assert stream.comments >= 2


@pytest.mark.parametrize("era", ["session", "stateless"])
def test_a_silent_call_is_kept_alive(session, era):
    """Nothing is said for longer than proxies wait: then its response is a stream."""
    client = session if era == "session" else Stateless(session.server)
    body = call("wait", {"ms": 900})
    if era == "stateless":
        body = client.request("tools/call", body["params"])
    with client.post(body) as stream:
        assert isinstance(stream, Events)
        assert "result" in stream.reply()
        assert stream.comments >= 2


def test_a_silent_call_survives_its_connection(session):
    with session.post(call("wait", {"ms": 900}, id="w")) as stream:
        priming = stream.block()
    last_id = next(line.removeprefix("id: ") for line in priming if line.startswith("id: "))
    with session.get(last_id) as resumed:
        assert resumed.reply()["id"] == "w"


# --- resumption ---


def read_some(stream, most):
    """Messages until there are `most`, or the end."""
    seen = []
    while len(seen) < most:
        one = stream.message()
        if one is None:
            break
        seen.append(one)
    return seen


@pytest.mark.parametrize("revision", ["2025-03-26", "2025-06-18", "2025-11-25"])
def test_ten_thousand_events_over_cut_connections(everything, seed, revision):
    session = Session(everything, revision)
    dice = random.Random(seed)
    stream = session.post(call("count", {"to": 10_000}, id="count", token=1))
    assert isinstance(stream, Events), stream
    seen, cuts = [], 0
    while not seen or "result" not in seen[-1]:
        got = read_some(stream, dice.randint(0 if stream.last_id else 1, 1500))
        seen += got
        if seen and "result" in seen[-1]:
            break
        last_id = stream.last_id
        stream.close()
        cuts += 1
        stream = session.get(last_id)
        assert isinstance(stream, Events), stream
        assert stream.head.status == 200
        stream.last_id = last_id
    assert progress_of(seen) == list(range(1, 10_001))
    assert [one["id"] for one in seen if "id" in one] == ["count"]
    assert text_of(seen[-1]) == "counted to 10000" and cuts > 3


def test_a_stream_is_sent_again_from_any_event(session):
    with session.post(call("count", {"to": 20}, token=1)) as stream:
        ids = []
        while stream.message() is not None:
            ids.append(stream.last_id)
    assert len(set(ids)) == 21
    for number in (0, 7, 19):
        with session.get(ids[number]) as again:
            messages = again.messages()
            assert progress_of(messages) == list(range(number + 2, 21))
            assert text_of(messages[-1]) == "counted to 20"


def test_streams_do_not_mix(session):
    streams = [session.post(call("count", {"to": 50}, token=name)) for name in "abc"]
    ids = []
    for stream in streams:
        stream.message()
        ids.append(stream.last_id)
        stream.close()
    for name, id in zip("abc", ids):
        with session.get(id) as again:
            messages = again.messages()
            assert {one["params"]["progressToken"] for one in messages[:-1]} == {name}
            assert progress_of(messages) == list(range(2, 51))


@pytest.mark.parametrize("id", ["x", "", "1", "99-1", "0-99", "-1", "1-", "0-0x"])
def test_event_ids_that_are_none(session, id):
    answered = session.get(id)
    assert answered.status == 400 and answered.json()["error"]["code"] == -32600, answered


def test_a_call_that_lets_its_client_poll(session):
    with session.post(call("test_reconnection", id="r")) as stream:
        assert stream.message() is None  # it ends before there is a result
        assert stream.last_id and stream.retry_ms == 100
    with session.get(stream.last_id) as again:
        assert text_of(again.reply()) == "Reconnection test completed successfully."


# --- the session's own stream ---


def test_change_notices(session):
    there = "test://template/a/data"
    with session.get() as stream:
        session.call("test_trigger_tool_change")
        assert stream.message() == {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
        session.call("test_trigger_prompt_change")
        assert stream.message()["method"] == "notifications/prompts/list_changed"
        session.call("test_trigger_resources_change")
        assert stream.message()["method"] == "notifications/resources/list_changed"
        session.call("test_trigger_resource_change", uri=there)  # not subscribed
        assert session.ask("resources/subscribe", {"uri": there})["result"] == {}
        session.call("test_trigger_resource_change", uri="test://b")
        session.call("test_trigger_resource_change", uri=there)
        updated = stream.message()
        assert updated["method"] == "notifications/resources/updated"
        assert updated["params"] == {"uri": there}
        assert session.ask("resources/unsubscribe", {"uri": there})["result"] == {}
        session.call("test_trigger_resource_change", uri=there)
        session.call("test_trigger_tool_change")
        assert stream.message()["method"] == "notifications/tools/list_changed"


def test_notices_wait_for_a_client_that_was_cut_off(session):
    with session.get() as stream:
        session.call("test_trigger_tool_change")
        stream.message()
    session.call("test_trigger_prompt_change")  # it may have gone to the connection that was closed
    with session.get(stream.last_id) as again:
        assert again.message()["method"] == "notifications/prompts/list_changed"
        again.leave()
    session.call("test_trigger_resources_change")
    with session.get() as again:  # without an id: what nobody has read
        assert again.message()["method"] == "notifications/resources/list_changed"


def test_a_second_stream_takes_over(session):
    with session.get() as first, session.get() as second:
        assert second.head.status == 200
        assert first.messages() == []
        session.call("test_trigger_tool_change")
        assert second.message()["method"] == "notifications/tools/list_changed"
        with session.get() as third:
            assert second.messages() == []
            session.call("test_trigger_prompt_change")
            assert third.message()["method"] == "notifications/prompts/list_changed"


def test_a_reconnecting_client_takes_its_response_over(session):
    first = session.post(call("count", {"to": 20, "pause_us": 50_000}, token=1))
    first.message()
    with session.get(first.last_id) as second:
        messages = second.messages()
        assert text_of(messages[-1]) == "counted to 20"
    seen = progress_of(first.messages())
    assert sorted({1, *seen} | set(progress_of(messages))) == list(range(1, 21))
    first.close()


# --- the server's requests ---


@pytest.mark.parametrize("revision", ["2025-03-26", "2025-06-18", "2025-11-25"])
def test_sampling(everything, revision):
    session = Session(everything, revision)
    with session.post(call("test_sampling", {"prompt": 'Say "hi".'})) as stream:
        asked = stream.message()
        assert asked["method"] == "sampling/createMessage" and asked["id"] is not None
        assert asked["params"]["messages"][0]["content"]["text"] == 'Say "hi".'
        answer = {"role": "assistant", "model": "m", "content": {"type": "text", "text": "hi"}}
        answered = session.post(response_to(asked, answer))
        assert answered.status == 202 and answered.body == b""
        assert text_of(stream.reply()) == "LLM response: hi"


def test_elicitation(session):
    with session.post(call("test_elicitation", {"message": "Who?"})) as stream:
        asked = stream.message()
        assert asked["method"] == "elicitation/create" and asked["params"]["message"] == "Who?"
        content = {"username": "u", "email": "e"}
        session.post(response_to(asked, {"action": "accept", "content": content}))
        expected = "User response: action=accept, content=" + json.dumps(
            content, separators=(",", ":")
        )
        assert text_of(stream.reply()) == expected
    with session.post(call("test_elicitation", {"message": "Who?"})) as stream:
        session.post(response_to(stream.message(), {"action": "decline"}))
        assert "action=decline" in text_of(stream.reply())


def task_of(session, name, **arguments):
    params = {"name": name, "arguments": arguments, "task": {"ttl": 60_000}}
    return session.ask("tools/call", params)["result"]["task"]["taskId"]


def result_of(session, task):
    return session.post(message("tasks/result", {"taskId": task}))


def related(one):
    return one["params"]["_meta"]["io.modelcontextprotocol/related-task"]["taskId"]


def test_a_task_asks_where_its_result_is_asked_for(session):
    answer = {"action": "accept", "content": {"name": "Ada"}}
    with session.get() as notices:
        task = task_of(session, "multi_input")
        told = notices.message()
        assert told["method"] == "notifications/tasks/status"
        assert told["params"]["taskId"] == task and told["params"]["status"] == "input_required"
        with result_of(session, task) as stream, result_of(session, task) as another:
            asked = [stream.message() for _ in range(2)]
            assert [one["method"] for one in asked] == ["elicitation/create"] * 2
            assert [related(one) for one in asked] == [task] * 2
            assert [another.message() for _ in range(2)] == asked
            assert session.ask("tasks/get", {"taskId": task})["result"]["status"] == (
                "input_required"
            )
            for one in asked:
                assert session.post(response_to(one, answer)).status == 202
            replies = [stream.reply(), another.reply()]
        for reply in replies:
            texts = [one["text"] for one in reply["result"]["content"]]
            assert sorted(texts) == ["first is Ada.", "second is Ada."]
        states = [told["params"]["status"]]
        while states[-1] != "completed":
            states.append(notices.message()["params"]["status"])
        assert "working" in states


def test_a_task_asks_after_its_result_is_asked_for(session):
    """One question after the other, the second while the client waits already."""
    task = task_of(session, "confirm_delete", filename="f.txt")
    with result_of(session, task) as stream:
        asked = stream.message()
        assert asked["params"]["message"] == "Delete f.txt?" and related(asked) == task
        answer = {"action": "accept", "content": {"confirm": True}}
        session.post(response_to(asked, answer))
        assert text_of(stream.reply()) == "f.txt is deleted."


@pytest.mark.parametrize("how", ["cancelled", "session ended"])
def test_a_task_that_asks_and_ends(session, how):
    task = task_of(session, "confirm_delete", filename="f.txt")
    with result_of(session, task) as stream:
        assert related(stream.message()) == task
        if how == "cancelled":
            assert session.ask("tasks/cancel", {"taskId": task})["result"]["status"] == "cancelled"
            assert "error" in stream.reply()
        else:
            assert session.delete().status == 200
            assert all("result" not in one for one in stream.messages())
    assert Session(session.server).ask("tasks/get", {"taskId": task})["error"]["code"] == -32602


def test_clients_that_answer_with_an_error_or_to_another(session):
    with session.post(call("test_roots")) as stream:
        asked = stream.message()
        assert asked["method"] == "roots/list" and "params" not in asked
        assert session.post(response_to({"id": 4711}, {})).status == 202
        assert session.post(response_to({"id": str(asked["id"])}, {})).status == 202
        error = {"jsonrpc": "2.0", "id": asked["id"], "error": {"code": -1, "message": "no"}}
        assert session.post(error).status == 202
        assert stream.reply()["result"]["isError"]


def test_clients_that_cannot_be_asked(everything):
    session = Session(everything, capabilities={})
    for tool in ("test_sampling", "test_elicitation", "test_roots"):
        arguments = {"prompt": "x", "message": "y"}
        assert session.call(tool, **arguments)["result"]["isError"]


def test_a_client_that_never_answers(tmp_path):
    with mcp_wire.Everything(tmp_path, "--ask-timeout-ms", "200") as server:
        session = Session(server)
        with session.post(call("test_roots")) as stream:
            assert stream.message()["method"] == "roots/list"
            assert stream.reply()["result"]["isError"]


# --- cancellation ---


@pytest.mark.parametrize("id", [7, "seven", "\u00e9\\"])
def test_cancelling_by_notification(session, id):
    before = waits(session.server)
    answers = []
    thread = threading.Thread(
        target=lambda: answers.append(session.post(call("wait", {"ms": 60_000}, id=id)))
    )
    thread.start()
    wire.wait_for(lambda: waits(session.server)["running"] > before["running"], "the call to run")
    notice = message("notifications/cancelled", {"requestId": id, "reason": "enough"}, id=False)
    assert session.post(notice).status == 202
    thread.join(wire.TIMEOUT_S)
    assert not thread.is_alive()
    wire.wait_for(
        lambda: waits(session.server)["cancelled"] == before["cancelled"] + 1, "the call to end"
    )
    assert session.ask("ping")["result"] == {}


def test_cancelling_what_is_not_there(session):
    for id in (99, "x", None):
        notice = message("notifications/cancelled", {"requestId": id}, id=False)
        assert session.post(notice).status == 202
    assert session.post(message("notifications/cancelled", id=False)).status == 202
    assert session.ask("ping")["result"] == {}


def test_a_lost_connection_cancels_nothing_in_a_session(session):
    finished = waits(session.server)["finished"]
    connection = session.server.connect()
    body = json.dumps(call("wait", {"ms": 400}))
    connection.send(
        wire.encode("POST", "/mcp", [*session.headers, mcp_wire.JSON, mcp_wire.ACCEPT], body)
    )
    wire.wait_for(lambda: waits(session.server)["running"] > 0, "the call to run")
    connection.close()
    wire.wait_for(lambda: waits(session.server)["finished"] == finished + 1, "the call to finish")


@pytest.mark.parametrize("how", ["json", "stream"])
def test_a_lost_connection_cancels_a_stateless_call(everything, how):
    client = Stateless(everything)
    before = waits(everything)
    connection = everything.connect()
    if how == "json":
        body = client.request("tools/call", {"name": "wait", "arguments": {"ms": 60_000}})
        headers = [*client.headers_of(body), mcp_wire.JSON, mcp_wire.ACCEPT]
        connection.send(wire.encode("POST", "/mcp", headers, json.dumps(body)))
        wire.wait_for(lambda: waits(everything)["running"] > before["running"], "the call to run")
        connection.close()
        wire.wait_for(
            lambda: waits(everything)["cancelled"] == before["cancelled"] + 1, "the call to end"
        )
    else:
        meta = client.envelope(progressToken=1)
        arguments = {"name": "count", "arguments": {"to": 1_000_000, "pause_us": 1000}}
        body = client.request("tools/call", arguments, meta=meta)
        stream = client.post(body, connection=connection)
        assert stream.message()["params"]["progress"] == 1
        stream.close()


def test_ending_a_session_cancels_its_calls(session):
    before = waits(session.server)
    answers = []
    thread = threading.Thread(
        target=lambda: answers.append(session.post(call("wait", {"ms": 60_000}, id=1)))
    )
    thread.start()
    wire.wait_for(lambda: waits(session.server)["running"] > before["running"], "the call to run")
    assert session.delete().status == 200
    wire.wait_for(
        lambda: waits(session.server)["cancelled"] == before["cancelled"] + 1, "the call to end"
    )
    thread.join(wire.TIMEOUT_S)
    assert not thread.is_alive()
    assert answers[0].status == 404 and answers[0].json()["error"]["code"] == -32001


def test_ending_a_session_ends_its_streams(session):
    streams = [session.post(call("count", {"to": 10**9}, token=n)) for n in range(3)]
    for stream in streams:
        assert stream.message()["params"]["progress"] == 1
    assert session.delete().status == 200
    for stream in streams:
        assert all("result" not in one for one in stream.messages())
        stream.close()


def test_more_streams_at_once_than_are_kept(session):
    """Their calls end before anybody reads them."""
    session.ask("logging/setLevel", {"level": "debug"})
    connections = [session.server.connect() for _ in range(60)]
    session.server.signal(signal.SIGSTOP)
    try:
        for number, connection in enumerate(connections):
            body = json.dumps(call("log_at", {"level": "info"}, id=number))
            headers = [*session.headers, mcp_wire.JSON, mcp_wire.ACCEPT]
            connection.send(wire.encode("POST", "/mcp", headers, body))
    finally:
        session.server.signal(signal.SIGCONT)
    for number, connection in enumerate(connections):
        with mcp_wire.answer(connection) as stream:
            two = stream.messages()
            assert two[0]["method"] == "notifications/message" and two[1]["id"] == number


# --- slow readers ---


def test_a_client_that_does_not_read_holds_its_call_up(session):
    connection = wire.Connection(session.server.port, receive_buffer=4096)
    stream = session.post(call("count", {"to": 100_000}, token="x" * 200), connection=connection)
    assert stream.message()["params"]["progress"] == 1
    time.sleep(0.5)
    assert session.ask("ping")["result"] == {}
    messages = stream.messages()
    assert progress_of(messages) == list(range(2, 100_001))
    assert text_of(messages[-1]) == "counted to 100000"
    stream.close()
