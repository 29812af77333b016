"""Topics over Redis pub/sub: one connection and one subscription per worker and topic."""

import asyncio
import logging
from collections import defaultdict
from contextlib import asynccontextmanager
from typing import AsyncIterator, Callable, DefaultDict, Dict, Generic, Iterable, List, Set, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

QUEUE_LIMIT = 1000  # events that wait for one subscriber; what comes then is dropped
MESSAGES_PER_TURN = 100  # that are read before subscribers get their turn
RECONNECT_S = 1.0

log = logging.getLogger("uvicorn.error")

Message = TypeVar("Message", bytes, str)
Encode = Callable[[bytes], Message]
Handler = Callable[[bytes], None]


class Subscriber(Generic[Message]):
    """A bounded queue whose reader takes all there is at once: one wake-up for many events."""

    __slots__ = ("_pending", "_waiter", "_ended")

    def __init__(self) -> None:
        self._pending: List[Message] = []
        self._waiter = None
        self._ended = False

    def offer(self, message: Message) -> bool:
        if len(self._pending) >= QUEUE_LIMIT:
            return False  # who does not read loses events; the server keeps its memory
        self._pending.append(message)
        self._wake()
        return True

    def end(self) -> None:
        self._ended = True
        self._wake()

    async def take(self) -> List[Message]:
        """What has come since, at least one message; nothing when no more will come."""
        if not self._pending and not self._ended:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        pending, self._pending = self._pending, []
        return pending

    def _wake(self) -> None:
        if self._waiter is not None:
            if not self._waiter.done():  # its reader may have been cancelled
                self._waiter.set_result(None)
            self._waiter = None


class Topic:
    """The subscribers of a topic in this worker, by encoding: an event is encoded once for each."""

    def __init__(self) -> None:
        self.groups: DefaultDict[Encode, Set[Subscriber]] = defaultdict(set)
        self.subscribed: asyncio.Future = asyncio.get_running_loop().create_future()
        self.dropped = 0

    def deliver(self, data: bytes) -> None:
        for encode, subscribers in self.groups.items():
            message = encode(data)
            for subscriber in subscribers:
                if not subscriber.offer(message):
                    self.dropped += 1

    def remove(self, encode: Encode, subscriber: Subscriber) -> None:
        subscribers = self.groups[encode]
        subscribers.discard(subscriber)
        if not subscribers:
            del self.groups[encode]


class Broker:
    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.pubsub = redis.pubsub()
        self.handlers: Dict[bytes, Handler] = {}
        self.topics: Dict[bytes, Topic] = {}
        self.outbox: List = []
        self.tasks: Set[asyncio.Task] = set()
        self.flushing = False
        self.closing = False
        self.dropped = 0  # of topics that nobody listens to any more

    async def start(self, handlers: Dict[str, Handler]) -> None:
        """`handlers` get what comes on channels that are no topics."""
        self.handlers = {channel.encode(): handler for channel, handler in handlers.items()}
        await self.pubsub.subscribe(*handlers)
        self.spawn(self._read())

    def spawn(self, work) -> asyncio.Task:
        task = asyncio.create_task(work)
        self.tasks.add(task)  # asyncio itself keeps no reference to it
        task.add_done_callback(self.tasks.discard)
        return task

    def end_streams(self) -> None:
        self.closing = True
        for topic in self.topics.values():
            for subscribers in topic.groups.values():
                for subscriber in subscribers:
                    subscriber.end()

    async def stop(self) -> None:
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.pubsub.close()
        await self.redis.close()

    async def publish(self, topic: str, events: Iterable[bytes]) -> None:
        """Returns when Redis has them. Whoever publishes meanwhile shares the next round trip."""
        done = asyncio.get_running_loop().create_future()
        self.outbox.append((f"events:{topic}", events, done))
        if not self.flushing:
            self.flushing = True
            self.spawn(self._flush())
        await done

    async def _flush(self) -> None:
        while self.outbox:
            batch, self.outbox = self.outbox, []
            commands = [(channel, data) for channel, events, _ in batch for data in events]
            failure = None
            try:
                if len(commands) == 1:  # a pipeline of one costs a fifth more
                    await self.redis.publish(*commands[0])
                else:
                    pipeline = self.redis.pipeline(transaction=False)
                    for command in commands:
                        pipeline.publish(*command)
                    await pipeline.execute()
            except RedisError as error:
                failure = error
            for _, _, done in batch:
                if done.done():
                    continue  # its client has left
                if failure is None:
                    done.set_result(None)
                else:
                    done.set_exception(failure)
        self.flushing = False

    @asynccontextmanager
    async def subscribe(self, topic: str, encode: Encode) -> AsyncIterator[Subscriber]:
        """Events that are published once this is entered arrive, as `encode` writes them."""
        channel = f"events:{topic}".encode()
        subscriber: Subscriber = Subscriber()
        entry = self.topics.get(channel)
        if entry is None:
            entry = self.topics[channel] = Topic()
        first = not entry.groups
        entry.groups[encode].add(subscriber)
        try:
            if first:
                await self._open(channel, entry)
            await asyncio.shield(entry.subscribed)
            if self.closing:
                subscriber.end()
            yield subscriber
        finally:
            entry.remove(encode, subscriber)
            if not entry.groups:
                del self.topics[channel]
                self.dropped += entry.dropped
                await self.pubsub.unsubscribe(channel)

    async def _open(self, channel: bytes, topic: Topic) -> None:
        try:
            await self.pubsub.subscribe(channel)
        except RedisError as error:
            topic.subscribed.set_exception(error)  # for all that wait for it

    async def _read(self) -> None:
        """What comes from Redis, for as long as this worker runs."""
        while True:
            try:
                await self.pubsub.connect()  # again, if need be: with all its subscriptions
                await self._dispatch()
            except (RedisError, OSError) as error:
                log.warning("Events may be missing: the connection to Redis failed: %s", error)
                await asyncio.sleep(RECONNECT_S)

    async def _dispatch(self) -> None:
        read = 0
        async for message in self.pubsub.listen():
            kind, channel = message["type"], message["channel"]
            topic = self.topics.get(channel)
            if topic is not None:
                if kind == "message":
                    topic.deliver(message["data"])
                elif kind == "subscribe" and not topic.subscribed.done():
                    topic.subscribed.set_result(None)
            elif kind == "message" and channel in self.handlers:
                self.handlers[channel](message["data"])
            read += 1
            if read % MESSAGES_PER_TURN == 0:
                await asyncio.sleep(0)

    def figures(self) -> Dict[str, int]:
        topics = self.topics.values()
        return {
            "topics": len(topics),
            "subscribers": sum(len(group) for topic in topics for group in topic.groups.values()),
            "dropped": self.dropped + sum(topic.dropped for topic in topics),
        }
