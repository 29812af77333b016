"""What stands in for servers runs on an asyncio loop in a thread of its own."""

import asyncio
import threading


class LoopThread:
    """A subclass opens its servers in `open()`, which returns them. Begins with start()."""

    async def open(self):
        raise NotImplementedError

    def start(self):
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(started,), daemon=True)
        self.thread.start()
        assert started.wait(10)
        return self

    def run(self, started):
        asyncio.set_event_loop(self.loop)
        listening = self.loop.run_until_complete(self.open())
        started.set()
        self.loop.run_forever()
        self.loop.run_until_complete(self.end(listening))
        self.loop.close()

    @staticmethod
    async def end(listening):
        for each in listening:
            each.close()
            await each.wait_closed()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
