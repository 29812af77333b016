"""The official TypeScript clients, v1 and v2, with every feature over each transport; the
command line of the MCP inspector."""

import json
import pathlib
import subprocess

import pytest

import mcp_wire
import npm_packages
import ws_wire

CLIENT = pathlib.Path(__file__).parent / "mcp_client.mjs"
INSPECTOR = "@modelcontextprotocol/inspector/clients/launcher/build/index.js"
TIMEOUT_S = 90

# (SDK, era, transport, path)
CLIENTS = {
    "v1 http": ("v1", "legacy", "http", "/mcp"),
    "v1 sse": ("v1", "legacy", "sse", "/sse"),
    "v2 http": ("v2", "legacy", "http", "/mcp"),
    "v2 sse": ("v2", "legacy", "sse", "/sse"),
    "v2 modern http": ("v2", "modern", "http", "/mcp"),
    "v1 websocket": ("v1", "legacy", "websocket", "/mcp"),
    "v1 stdio": ("v1", "legacy", "stdio", None),
    "v2 stdio": ("v2", "legacy", "stdio", None),
    "v2 modern stdio": ("v2", "modern", "stdio", None),
}
FEATURES = (
    "connect greeting tools structured progress cancellation prompts resources completion "
    "notices logging sampling elicitation roots many tasks close"
).split()


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    with mcp_wire.Everything(tmp_path_factory.mktemp("everything")) as server:
        yield server


@pytest.fixture(scope="module", params=CLIENTS)
def outcome(request, everything):
    """What a client reports: the error, or None, of each feature."""
    sdk, era, transport, path = CLIENTS[request.param]
    options = {"sdk": sdk, "era": era, "transport": transport}
    options["modules"] = str(npm_packages.MODULES)
    if path is None:
        options["command"] = [str(ws_wire.example("mcp_everything")), "--stdio"]
    else:
        options["url"] = everything.url(path)
    if transport == "websocket":
        options["url"] = options["url"].replace("http", "ws", 1)
    done = subprocess.run(
        [npm_packages.node(), CLIENT, json.dumps(options)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["feature"]: line.get("error") for line in lines}


@pytest.mark.parametrize("feature", FEATURES)
def test_client(outcome, feature):
    assert feature in outcome, f"not reached: {outcome}"
    assert outcome[feature] is None, outcome[feature]


def inspect(target, *arguments):
    """One run of the inspector; what it printed, as JSON."""
    command = [npm_packages.node(), npm_packages.MODULES / INSPECTOR, "--cli", *target, *arguments]
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("transport", ["http", "sse", "stdio"])
def test_inspector(everything, transport):
    """Every method it has."""
    if transport == "stdio":
        target = (ws_wire.example("mcp_everything"), "--stdio")
    else:
        path = {"http": "/mcp", "sse": "/sse"}[transport]
        target = (everything.url(path), "--transport", transport)

    def ask(method, *arguments):
        return inspect(target, "--method", method, *arguments)

    assert len(ask("tools/list")["tools"]) > 30
    echo = ask("tools/call", "--tool-name", "echo", "--tool-arg", "text=hello")
    assert echo["content"][0]["text"] == "hello"
    assert len(ask("resources/list")["resources"]) == 3
    read = ask("resources/read", "--uri", "test://static-text")
    assert read["contents"][0]["text"].startswith("This is")
    assert ask("resources/templates/list")["resourceTemplates"]
    assert ask("prompts/list")["prompts"]
    prompt = ask("prompts/get", "--prompt-name", "test_simple_prompt")
    assert prompt["messages"][0]["role"] == "user"
    assert ask("logging/setLevel", "--log-level", "debug") == {}
