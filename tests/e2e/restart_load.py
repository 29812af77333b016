"""Subscribers and publishers that live through restarts: each checks that it sees every event once.

All in one loop, so that thousands of connections cost little. A subscriber comes back when and from
where it was told; a publisher sends an event again, under its id, until it is taken.
"""

import asyncio
import json
import os
import re
import struct
import time

SSE_EVENT = re.compile(rb"id: ([a-z0-9]+)[-.]([0-9a-z]+)\ndata: (\d+)\.(\d+)")
WS_EVENT = re.compile(rb'"id":"([a-z0-9]+)[-.]([0-9a-z]+)".*"data":"(\d+)\.(\d+)"')
MASK = b"\1\2\3\4"


class Load:
    """What all share: where the front is, what was seen, what went wrong."""

    def __init__(self, port, topics):
        self.port, self.topics = port, topics
        self.leaving = False
        self.data_of = {}  # event id -> (publisher, number): the same for everybody
        self.connects = []  # when subscribers came back
        self.published = {}  # publisher -> how many were taken
        self.sent_again = 0
        self.longest_stall_s = 0  # of the loop itself
        self.errors = []

    def error(self, text):
        if len(self.errors) < 20:
            self.errors.append(text)


class Subscriber(asyncio.Protocol):
    """One topic, over one connection after the other."""

    def __init__(self, load, index, topic):
        self.load, self.name, self.topic = load, f"{type(self).__name__} {index}", topic
        self.buffer = b""
        self.last_id = None
        self.next = {}  # publisher -> the number that has to come
        self.seen = 0
        self.retry_ms = 0
        self.transport = None
        self.head_read = self.told = False
        self.connections = 0

    async def connect(self):
        loop = asyncio.get_running_loop()
        while not self.load.leaving:
            try:
                if self.connections > 0:
                    self.load.connects.append(time.monotonic())
                self.connections += 1
                await loop.create_connection(lambda: self, "127.0.0.1", self.load.port)
                return
            except OSError:
                await asyncio.sleep(0.2)

    def connection_made(self, transport):
        self.transport = transport
        self.buffer, self.head_read, self.told = b"", False, False
        transport.write(self.request().encode())

    def data_received(self, data):
        self.buffer += data
        if not self.head_read:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self.head_read = True
            if not self.buffer.startswith(self.good):
                # Whoever was about to go answers 503, and closes; what it was is tried again.
                if not self.buffer.startswith(b"HTTP/1.1 503"):
                    self.load.error(f"{self.name}: {self.buffer[:80]}")
                self.retry_ms = self.retry_ms or 100
                self.transport.close()
                return
            self.buffer = self.buffer[end + 4 :]
        self.read()

    def connection_lost(self, _):
        if self.load.leaving:
            return
        if self.head_read and not self.told and self.retry_ms == 0:
            self.load.error(f"{self.name}: cut off without being told when to come back")
        loop = asyncio.get_running_loop()
        loop.call_later(self.retry_ms / 1000, lambda: loop.create_task(self.connect()))

    def take(self, epoch, mark, publisher, number):
        self.seen += 1
        self.last_id = mark
        key = (epoch, mark.split(b"-")[-1])
        what = (int(publisher), int(number))
        if self.load.data_of.setdefault(key, what) != what:
            self.load.error(f"{self.name}: {mark} is {what} and {self.load.data_of[key]}")
        due = self.next.setdefault(what[0], what[1] if self.connections == 1 else 0)
        if what[1] != due:
            self.load.error(f"{self.name}: {what} in place of {due}")
        self.next[what[0]] = what[1] + 1

    def leave(self):
        if self.transport:
            self.transport.close()


class SseSubscriber(Subscriber):
    good = b"HTTP/1.1 200"

    def request(self):
        resume = f"Last-Event-ID: {self.last_id.decode()}\r\n" if self.last_id else ""
        return f"GET /events?topic={self.topic} HTTP/1.1\r\nHost: localhost\r\n{resume}\r\n"

    def read(self):
        end = self.buffer.rfind(b"\n\n")
        if end < 0:
            return
        text, self.buffer = self.buffer[: end + 2], self.buffer[end + 2 :]
        for block in text.split(b"\n\n"):
            if match := SSE_EVENT.fullmatch(block):
                self.take(match[1], block[4 : block.index(b"\n")], match[3], match[4])
            elif block.startswith(b"retry: "):
                self.retry_ms, self.told = int(block[7:]), True
            elif block.startswith(b"id: ") and b"\n" not in block:
                self.last_id = block[4:]  # where the stream begins
            elif b"event: " in block:
                self.load.error(f"{self.name}: {block}")


class WsSubscriber(Subscriber):
    good = b"HTTP/1.1 101"

    def request(self):
        resume = f"&lastEventId={self.last_id.decode()}" if self.last_id else ""
        return (
            f"GET /ws?topic={self.topic}{resume} HTTP/1.1\r\nHost: localhost\r\n"
            "Upgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )

    def read(self):
        at = 0
        while len(self.buffer) >= at + 2:
            size, start = self.buffer[at + 1], at + 2
            if size == 126:
                if len(self.buffer) < at + 4:
                    break
                size, start = struct.unpack_from("!H", self.buffer, at + 2)[0], at + 4
            if len(self.buffer) < start + size:
                break
            self.frame(self.buffer[at] & 15, self.buffer[start : start + size])
            at = start + size
        self.buffer = self.buffer[at:]

    def frame(self, opcode, payload):
        if opcode == 9:
            masked = bytes(c ^ MASK[n % 4] for n, c in enumerate(payload))
            self.transport.write(bytes([0x8A, 0x80 | len(payload)]) + MASK + masked)
        elif opcode == 8:
            self.transport.close()
        elif match := WS_EVENT.search(payload):
            mark = match[0][6 : match[0].index(b'"', 6)]
            self.take(match[1], mark, match[3], match[4])
        else:
            message = json.loads(payload)
            if message.get("type") == "drain":
                self.retry_ms, self.told = message["retry_ms"], True
            elif message.get("type") == "position":
                self.last_id = message["id"].encode()
            elif message.get("type") != "welcome":
                self.load.error(f"{self.name}: {message}")


async def publish(load, index, topic, interval_s, until):
    """Numbered events, one after the other; each is sent until it is taken."""
    number, reader, writer = 0, None, None
    await asyncio.sleep(interval_s * (index % 97) / 97)
    while not until.is_set():
        data = f"{index}.{number}"
        again = False
        while True:
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", load.port)
                writer.write(
                    f"POST /api/events/{topic}?id={data} HTTP/1.1\r\nHost: localhost\r\n"
                    f"Content-Length: {len(data)}\r\n\r\n{data}".encode()
                )
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
                length = re.search(rb"(?i)content-length: (\d+)", head)
                if length:
                    await reader.readexactly(int(length[1]))
                status = int(head[9:12])
                if not length or b"connection: close" in head.lower():
                    writer.close()
                    writer = None
            except (OSError, EOFError, asyncio.IncompleteReadError):
                status, writer = 0, None
            if status == 200:
                break
            again = True
            if status not in (0, 502, 503):
                load.error(f"publisher {index}: status {status}")
                return
            await asyncio.sleep(0.02)
        load.sent_again += again
        number += 1
        load.published[index] = number
        await asyncio.sleep(interval_s)
    if writer:
        writer.close()


async def watch_stalls(load):
    while True:
        begin = time.monotonic()
        await asyncio.sleep(0.01)
        load.longest_stall_s = max(load.longest_stall_s, time.monotonic() - begin - 0.01)


def most_in_a_second(times):
    """The most of them within any second."""
    most = begin = 0
    times = sorted(times)
    for end, at in enumerate(times):
        while times[begin] <= at - 1:
            begin += 1
        most = max(most, end - begin + 1)
    return most


def raise_descriptor_limit():
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def numbers_of_environment(name, default):
    return [int(word) for word in os.environ.get(name, default).split(",")]
