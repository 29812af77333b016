"""ringload's calls of an MCP tool, against a small server that does right or wrong as it is told,
and against example_mcp_echo where that is built."""

import json
import socket
import subprocess

import pytest

import mcp_stand_in
import servers


@pytest.fixture
def stand_in():
    one = mcp_stand_in.McpStandIn().start()
    yield one
    one.stop()
    assert one.complaints == []


def ringload(*arguments, status=0):
    """Runs `ringload mcp`; its JSON, or what it complained of."""
    program = servers.binary().parent / "ringload"
    command = [program, "mcp", "--warmup", 0.1, "--time", 0.4, "--json", "-", *arguments]
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout) if done.stdout else done.stderr


def is_clean(result):
    wrong = [result["lost"], result["altered"], result["errors"]["calls_failed"]]
    return not any(wrong) and result["delivered"] > 0 and result["latency_us"]["p50"] > 0


FORMS = ("json", "chunked", "pieces", "sse", "notified", "close")
LEGACY = ("--era", "legacy")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_answers_of_every_form(stand_in, form, era):
    url = stand_in.url(f"form={form}")
    result = ringload("--url", url, "--connections", 4, "--era", era, "--strict")
    assert is_clean(result) and result["subscribers"] == 4, result
    assert result["transport"] == "http" and result["kind"] == "mcp" and result["era"] == era
    assert result["answer_bytes"] > 64 and result["size"] == 64


@pytest.mark.parametrize("size", [32, 1000, 200_000])
def test_texts_of_any_size_at_a_rate(stand_in, size):
    few = ("--size", size, "--rate", 100, "--connections", 3, "--strict")
    result = ringload("--url", stand_in.url(), *few)
    assert is_clean(result) and result["mode"] == "open" and result["window"] is None, result


def test_a_window_smaller_than_the_connections(stand_in):
    result = ringload("--url", stand_in.url(), "--connections", 8, "--window", 2, "--strict")
    assert is_clean(result) and result["window"] == 2, result


def test_sessions_are_spread_over_the_connections(stand_in):
    few = (*LEGACY, "--connections", 3, "--sessions", 10, "--strict")
    result = ringload("--url", stand_in.url(), *few)
    assert is_clean(result) and result["sessions"] == 10, result
    assert len(stand_in.sessions) == 10 and stand_in.used_sessions == stand_in.sessions


FAULTS = {
    "id": "with another id than was asked",
    "error": "with an error of JSON-RPC",
    "tool": "with an error of the tool",
    "status": "with another status than 200, the first: 400 {",
    "type": "with something that is no JSON-RPC response",
    "json": "with something that is no JSON-RPC response",
}


WRONG = [("json", fault) for fault in FAULTS] + [("sse", f) for f in FAULTS if f != "type"]


@pytest.mark.parametrize("form, fault", WRONG)
def test_what_is_no_right_answer_is_an_error(stand_in, form, fault):
    url = stand_in.url(f"form={form}&fault={fault}")
    result = ringload("--url", url, "--connections", 3, "--strict", status=3)
    assert result["errors"]["calls_failed"] > 0 and result["lost"] == 0, result
    assert result["altered"] == 0 and result["delivered"] > 0
    assert any(f"were answered {FAULTS[fault]}" in warning for warning in result["warnings"])


@pytest.mark.parametrize("transport", ["http", "sse", "ws"])
def test_a_text_that_is_altered(stand_in, transport):
    url = stand_in.ws_url("fault=text") if transport == "ws" else stand_in.url("fault=text")
    if transport == "sse":
        url = stand_in.url("fault=text", "/sse")
    few = ("--transport", transport, "--connections", 2, "--strict")
    result = ringload("--url", url, *few, status=3)
    assert result["altered"] > 0 and result["errors"]["calls_failed"] == 0, result
    assert any("with another text than was sent" in warning for warning in result["warnings"])


def test_calls_that_are_not_answered_are_lost(stand_in):
    url = stand_in.url("fault=silent")
    result = ringload("--url", url, "--connections", 2, "--strict", status=3)
    assert result["lost"] == 2, result


def test_an_answer_that_is_cut_off(stand_in):
    url = stand_in.url("fault=cut")
    complaint = ringload("--url", url, "--connections", 2, "--strict", status=1)
    assert "All connections have failed: the server has closed the connection" in complaint


def test_a_tool_that_is_not_there(stand_in):
    result = ringload("--url", stand_in.url(), "--tool", "nothing", "--strict", status=3)
    assert result["delivered"] == 0 and result["latency_us"]["p50"] is None
    assert any('"no tool nothing"' in warning for warning in result["warnings"]), result


def test_answers_that_are_not_read(stand_in):
    url = stand_in.url()
    result = ringload("--url", url, "--raw", "--connections", 3, "--strict")
    assert is_clean(result) and result["target"] == "HTTP server", result
    few = ("--raw", "--connections", 3, "--strict")
    result = ringload("--url", stand_in.url("fault=text"), *few)
    assert is_clean(result), result
    for fault, figure in (("status", "calls_failed"), ("length", "altered")):
        result = ringload("--url", stand_in.url(f"fault={fault}"), *few, status=3)
        assert {**result, **result["errors"]}[figure] > 0, result


def test_silent_sessions_with_streams(stand_in):
    result = ringload("--url", stand_in.url(), "--idle", "--sessions", 20)
    assert result["mode"] == "idle" and result["subscribers"] == 20, result
    assert len(stand_in.sessions) == stand_in.open_streams == 20
    result = ringload("--url", stand_in.url("fault=cut"), "--idle", "--sessions", 3)
    assert result["errors"]["subscribers_lost"] == 3, result
    complaint = ringload("--url", stand_in.url("fault=stream"), "--idle", "--sessions", 3, status=1)
    assert "the answer to the stream's GET is 405: no streams here" in complaint


def test_sessions_that_are_refused(stand_in):
    url = stand_in.url("fault=initialize")
    for more in (LEGACY, ("--idle", "--sessions", 2)):
        complaint = ringload("--url", url, *more, status=1)
        assert "the answer to initialize is 503: no more sessions" in complaint


@pytest.mark.parametrize("form", ["json", "url"])
def test_http_with_sse(stand_in, form):
    url = stand_in.url(f"form={form}", "/sse")
    result = ringload("--url", url, "--transport", "sse", "--connections", 4, "--strict")
    assert is_clean(result) and result["transport"] == "sse" and result["era"] == "legacy", result
    url = stand_in.url(f"form={form}&fault=status", "/sse")
    few = ("--transport", "sse", "--connections", 4, "--rate", 300, "--strict")
    result = ringload("--url", url, *few, status=3)
    assert result["errors"]["calls_failed"] > 0 and result["lost"] == 0, result


def test_a_url_without_a_path_follows_the_transport(stand_in):
    origin = f"http://127.0.0.1:{stand_in.port}"
    for more in (("--transport", "sse"), ("--transport", "sse", *LEGACY), LEGACY, ()):
        assert is_clean(ringload("--url", origin, *more, "--connections", 2, "--strict")), more
    program = servers.binary().parent / "ringload"
    told = subprocess.run([program, "mcp", "--help"], capture_output=True, text=True, timeout=90)
    words = " ".join(told.stdout.split())
    assert "without a path, /sse with --transport sse and /mcp otherwise" in words, words


@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_websocket(stand_in, era):
    few = ("--transport", "ws", "--connections", 4, "--era", era, "--strict")
    result = ringload("--url", stand_in.ws_url("fault=notify"), *few)
    assert is_clean(result) and result["transport"] == "ws" and result["era"] == era, result
    result = ringload("--url", stand_in.ws_url("fault=json"), *few, status=3)
    assert result["errors"]["calls_failed"] > 0, result


def test_what_it_costs_the_server(start):
    server = start()
    few = ("--connections", 2, "--raw", "--server-pid", server.child.pid)
    result = ringload("--url", server.url("/health"), *few)
    assert result["server"]["rss_bytes"] > 0, result
    assert result["errors"]["calls_failed"] > 0  # since nothing is to be posted there


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (("--sessions", 5), "--sessions needs --era legacy"),
        ((*LEGACY, "--connections", 5, "--sessions", 4), "--sessions 4 is less than"),
        (("--raw", *LEGACY), "--raw needs --era modern"),
        (("--raw", "--transport", "ws"), "--raw needs"),
        (("--idle", "--sessions", 5, "--transport", "ws"), "--idle needs --transport http"),
        (("--era", "modern", "--transport", "sse"), "--transport sse needs --era legacy"),
        (("--era", "modern", "--idle", "--sessions", 5), "--idle needs --era legacy"),
        (("--idle",), "--idle requires --sessions"),
        (("--idle", "--sessions", 5, "--rate", 5), "--rate excludes --idle"),
        (("--rate", 5, "--window", 5), "excludes"),
        (("--size", 31), "--size"),
        (("--era", "future"), "--era"),
        (("--transport", "mail"), "--transport"),
        (("--tool", 'a"b'), "is no name"),
        (("--connections", 0), "--connections"),
    ],
)
def test_wrong_usage(arguments, complaint):
    assert complaint in ringload(*arguments, status=2)


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    assert "Connection refused" in ringload("--url", f"http://127.0.0.1:{port}/mcp", status=1)
    assert "is no URL" in ringload("--url", "ftp://x/", status=1)


class McpEcho(servers.Process):
    def __init__(self, directory):
        self.port = servers.free_port()
        program = servers.binary().parent / "example_mcp_echo"
        if not program.exists():
            pytest.skip("example_mcp_echo is not built")
        super().__init__([program, f"127.0.0.1:{self.port}"], directory / "mcp_echo.log")

    def start(self):
        return super().start(lambda: servers.accepts(self.port), "example_mcp_echo")


@pytest.fixture
def mcp_echo(tmp_path):
    server = McpEcho(tmp_path).start()
    yield server
    assert server.running(), server.log()
    server.stop()
    assert server.child.returncode == 0, server.log()


def test_ringcast_itself(mcp_echo):
    url = ("--url", f"http://127.0.0.1:{mcp_echo.port}/mcp")
    pid = ("--server-pid", mcp_echo.child.pid)
    result = ringload(*url, *pid, "--connections", 4, "--strict")
    assert is_clean(result) and result["server"]["cpu_ns_per_delivery"] > 0, result
    result = ringload(*url, *LEGACY, "--connections", 4, "--sessions", 9, "--strict")
    assert is_clean(result), result
    result = ringload(*url, *pid, "--idle", "--sessions", 50)
    assert result["subscribers"] == 50 and result["errors"]["subscribers_lost"] == 0, result
    for era in ("modern", "legacy"):
        few = ("--transport", "ws", "--era", era, "--connections", 4, "--strict")
        assert is_clean(ringload(*url, *few))
    url = ("--url", f"http://127.0.0.1:{mcp_echo.port}/sse", "--transport", "sse")
    assert is_clean(ringload(*url, "--connections", 4, "--strict"))
