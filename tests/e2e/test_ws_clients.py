"""Streams and commands with other people's WebSocket clients, and through HAProxy and nginx."""

import asyncio
import json
import subprocess
import threading
import time

import pytest
import websockets

import servers
import wire
import ws_wire
from wire import publish
from ws_client import Client

NODE = """
const WebSocket = require('/usr/share/nodejs/ws');
const { url, deflate, topic, count } = JSON.parse(process.argv[1]);
const socket = new WebSocket(url, { perMessageDeflate: deflate });
const got = [];
socket.on('message', (text) => {
  const message = JSON.parse(text);
  if (message.type === 'position') {
    socket.send(JSON.stringify({ type: 'subscribe', topic: topic + '.more', ref: 1 }));
  } else if (message.type === 'subscribed') {
    for (let n = 0; n < count; ++n) {
      const data = n + ' ' + 'é'.repeat(200);
      const to = n % 2 ? topic : topic + '.more';
      socket.send(JSON.stringify({ type: 'publish', topic: to, data }));
    }
  } else if (message.event) {
    got.push(Number(message.data.split(' ')[0]));
    if (got.length === count) socket.close(1000);
  }
});
socket.on('error', (error) => { console.log(String(error)); process.exit(1); });
socket.on('close', (code) => console.log(JSON.stringify({ got, code })));
"""


@pytest.fixture(params=["haproxy", "nginx"])
def front(request, server, tmp_path):
    """The port of a proxy before the server."""
    if request.param == "haproxy":
        proxy = servers.haproxy(tmp_path, server.port)
    else:
        proxy = servers.nginx(tmp_path, server.port, websocket=True)
    yield proxy.port
    proxy.stop()


@pytest.mark.parametrize("deflate", [False, True])
def test_npm_ws(server, topic, deflate):
    url = f"ws://127.0.0.1:{server.port}/ws?topic={topic}"
    ask = {"url": url, "deflate": deflate, "topic": topic, "count": 200}
    command = [servers.tool("node", "nodejs"), "-e", NODE, json.dumps(ask)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    for odd in (0, 1):
        assert [n for n in result["got"] if n % 2 == odd] == list(range(odd, 200, 2))
    assert result["code"] == 1000


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_python_websockets(server, topic, compression):
    async def converse():
        url = f"ws://127.0.0.1:{server.port}/ws?topic={topic}"
        async with websockets.connect(url, compression=compression) as socket:
            assert json.loads(await socket.recv())["type"] == "welcome"
            assert json.loads(await socket.recv())["type"] == "position"
            for n in range(100):
                command = {"type": "publish", "topic": topic, "data": f"{n} " * 100, "ref": n}
                await socket.send(json.dumps(command))
                two = [json.loads(await socket.recv()) for _ in range(2)]
                event = next(message for message in two if "event" in message)
                assert event["data"] == f"{n} " * 100
            await asyncio.wait_for(await socket.ping(), wire.TIMEOUT_S)
        return socket.close_code

    assert asyncio.run(converse()) == 1000


def test_stream_and_commands_through_the_proxy(server, front, topic):
    with Client(front, f"/ws?topic={topic}", deflate=True) as client:
        for number in range(10):
            begin = time.monotonic()
            publish(server.port, topic, str(number))
            assert client.event()["data"] == str(number)
            assert time.monotonic() - begin < 1
        assert client.ask("ping", ref=1) == {"type": "pong", "ref": 1}
        client.say("publish", topic=topic, data="x" * 200_000)
        assert {client.message().get("data", "") for _ in range(2)} == {"", "x" * 200_000}
        client.send(ws_wire.close_frame(1000))
        assert client.message() is None and client.closed_with == 1000


def test_replay_through_the_proxy(server, front, topic):
    lines = "\n".join(f"{number} " + "x" * 900 for number in range(1000))
    answer = wire.request(server.port, "POST", f"/api/events/{topic}?stream=lines", (), lines)
    assert answer.status == 200
    with Client(front, f"/ws?topic={topic}&from=earliest") as client:
        events = client.events(500)
    with Client(front, f"/ws?topic={topic}&last_event_id={events[-1]['id']}") as client:
        events += client.events(500)
    assert [event["data"].split()[0] for event in events] == [str(n) for n in range(1000)]


def test_refusals_through_the_proxy(front):
    with wire.Connection(front) as connection:
        connection.send(ws_wire.handshake(target="/ws?topic=a%20b"))
        wire.assert_error(connection.response(), 400)


def test_many_clients_through_the_proxy(server, front, topic):
    clients = [Client(front, f"/ws?topic={topic}") for _ in range(20)]

    def run(name):
        with Client(front) as publisher:
            for number in range(40):
                publisher.ask("publish", topic=topic, data=f"{name} {number}")

    threads = [threading.Thread(target=run, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for client in clients:
        data = [event["data"] for event in client.events(160)]
        for name in "abcd":
            assert [d for d in data if d[0] == name] == [f"{name} {n}" for n in range(40)]
        client.close()
    for thread in threads:
        thread.join()
