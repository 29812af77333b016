#!/usr/bin/python3
"""A worker to control: worker.py SESSION. Needs the package `websockets`."""
import asyncio, json, os, sys, urllib.parse
import websockets

SERVER = os.environ.get("RINGCAST_URL", "http://127.0.0.1:8080").replace("http", "ws", 1)
SESSION = sys.argv[1]
STATUSES = {"pause": "paused", "resume": "resumed", "cancel": "cancelled",
            "adjust_parameters": "parameters_updated",
            "adjust_quality_threshold": "threshold_updated"}  # fmt: skip

async def publish(socket, topic, event, data):
    command = {"type": "publish", "topic": topic, "event": event, "data": data}
    await socket.send(json.dumps(command))

async def work(socket, running):
    for percent in range(1, 101):
        await running.wait()
        await publish(socket, f"progress.{SESSION}", "step_progress", {"percent": percent})
        await asyncio.sleep(1)

async def main():
    topic, running = urllib.parse.quote(f"control.{SESSION}", safe=""), asyncio.Event()
    running.set()
    async with websockets.connect(f"{SERVER}/ws?types=command&topic={topic}") as socket:
        working = asyncio.create_task(work(socket, running))
        while not working.done():
            message = json.loads(await socket.recv())
            if message.get("event") != "command": continue  # answers to what we publish
            command = json.loads(message["data"])
            status = STATUSES.get(command["action"], "unknown_action")
            answer = {"ref": command["ref"], "status": status}
            await publish(socket, f"control.{SESSION}", "reply", answer)
            print(message["data"], status, flush=True)
            if status == "paused": running.clear()
            if status == "resumed": running.set()
            if status == "cancelled": break
        working.cancel()

asyncio.run(main())
