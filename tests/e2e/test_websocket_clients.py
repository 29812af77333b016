"""Other people's clients against example_ws_echo: Python's websockets and npm's ws."""

import asyncio
import json
import subprocess

import pytest
import websockets

import servers
import wire

SIZES = [0, 1, 125, 126, 4096, 65535, 65536, 1 << 20]

NODE = """
const WebSocket = require('/usr/share/nodejs/ws');
const { url, deflate, sizes } = JSON.parse(process.argv[1]);
const socket = new WebSocket(url, { perMessageDeflate: deflate });
const sent = sizes.flatMap((size) => ['t'.repeat(size), Buffer.alloc(size, 7)]);
let next = 0, pongs = 0;
socket.on('open', () => { sent.forEach((data) => socket.send(data)); socket.ping('p'); });
socket.on('pong', (data) => { pongs += String(data) === 'p'; });
socket.on('message', (data, binary) => {
  const expected = sent[next++];
  const same = binary ? data.equals(expected) : String(data) === expected;
  if (!same) { console.log('message', next - 1, 'differs'); process.exit(1); }
  if (next === sent.length) setTimeout(() => socket.close(4000, 'done'), 10);
});
socket.on('error', (error) => { console.log(String(error)); process.exit(1); });
socket.on('close', (code) => {
  console.log(JSON.stringify({ next, pongs, code, extensions: socket.extensions }));
});
"""


@pytest.mark.parametrize(
    "deflate",
    [
        False,
        True,
        {"serverNoContextTakeover": True, "clientNoContextTakeover": True, "threshold": 0},
        {"serverMaxWindowBits": 10, "clientMaxWindowBits": 11, "threshold": 0},
    ],
)
def test_npm_ws(echo, deflate):
    ask = {"url": f"ws://127.0.0.1:{echo.port}/", "deflate": deflate, "sizes": SIZES}
    command = [servers.tool("node", "nodejs"), "-e", NODE, json.dumps(ask)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert result["next"] == 2 * len(SIZES) and result["pongs"] == 1 and result["code"] == 4000
    assert ("permessage-deflate" in result["extensions"]) == bool(deflate)


async def converse(url, **options):
    async with websockets.connect(url, max_size=None, **options) as socket:
        for size in SIZES:
            for data in ("ä" * size, b"\0\x01" * size):
                await socket.send(data)
                assert await socket.recv() == data
            await socket.send(["frag", "", "ments" * 1000])
            assert await socket.recv() == "frag" + "ments" * 1000
        await asyncio.wait_for(await socket.ping(), wire.TIMEOUT_S)
        extensions = [extension.name for extension in socket.extensions]
    return extensions, socket.close_code


@pytest.mark.parametrize("parameters", [None, {}, {"bits": 9}, {"bits": 12, "no_context": True}])
def test_python_websockets(echo, parameters):
    url = f"ws://127.0.0.1:{echo.port}/"
    options = {"compression": None}
    if parameters is not None:
        from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

        bits, no_context = parameters.get("bits"), parameters.get("no_context", False)
        options["extensions"] = [
            ClientPerMessageDeflateFactory(
                server_no_context_takeover=no_context,
                client_no_context_takeover=no_context,
                server_max_window_bits=bits,
                client_max_window_bits=bits or True,
            )
        ]
    extensions, code = asyncio.run(converse(url, **options))
    assert extensions == ([] if parameters is None else ["permessage-deflate"])
    assert code == 1000


def test_a_hundred_python_clients_at_once(echo):
    async def all_of_them():
        url = f"ws://127.0.0.1:{echo.port}/"

        async def one(number):
            async with websockets.connect(url) as socket:
                for count in range(20):
                    await socket.send(f"{number}.{count}")
                    assert await socket.recv() == f"{number}.{count}"

        await asyncio.gather(*(one(number) for number in range(100)))

    asyncio.run(all_of_them())
