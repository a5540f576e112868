# Python's `websockets` as bridge.ts drives it: commands come as lines of JSON, and reports leave so.

import asyncio
import json
import sys

import websockets

sockets = {}


def report(**fields):
    print(json.dumps(fields), flush=True)


async def live(number, url, protocols, origin):
    try:
        socket = await websockets.connect(
            url, subprotocols=protocols or None, origin=origin, compression="deflate"
        )
    except websockets.InvalidHandshake:
        report(id=number, closed=1006)
        return
    sockets[number] = socket
    report(id=number, opened=socket.subprotocol or "")
    try:
        async for message in socket:
            report(id=number, message=message)
    except websockets.ConnectionClosed:
        pass
    report(id=number, closed=socket.close_code)


async def main():
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    tasks = set()
    while line := await reader.readline():
        command = json.loads(line)
        number = command["id"]
        if "open" in command:
            task = live(number, command["open"], command["protocols"], command.get("origin"))
            tasks.add(asyncio.ensure_future(task))
        elif "send" in command or "sendBinary" in command:
            try:
                text = command.get("send")
                await sockets[number].send(text or command["sendBinary"].encode())
            except websockets.ConnectionClosed:
                pass  # reported where it is read
        else:
            # A close waits for its answer: the next command does not.
            tasks.add(asyncio.ensure_future(sockets[number].close(command["close"])))


asyncio.run(main())
