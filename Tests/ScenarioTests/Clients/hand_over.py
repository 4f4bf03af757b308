"""Restarts a gateway under load on sockets that outlive it (LISTEN_FDS), as systemd does at an upgrade.

    hand_over.py DATABASE BUSINESS TOKEN STREAMS TIDINGS serve ARGUMENTS…
    hand_over.py DATABASE BUSINESS TOKEN STREAMS at PORT PROGRAM…

The second watches a gateway that somebody else keeps, and has it restarted by the program. Strangers connect all the
while, tills hold streams and come back when they were told to, a writer commits. Prints as JSON what each of them
met. The program that HAND_OVER_BETWEEN names, if any, is called with `running` before the gateway is told to go and
with `stopped` once it has ended: what an upgrade does then.
"""
import asyncio
import atexit
import json
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import time

database, business, token = sys.argv[1], int(sys.argv[2]), sys.argv[3]
stream_count, command = int(sys.argv[4]), sys.argv[5:]
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def listening():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(4096)
    return listener


is_kept = command[0] == "at"
listeners = [] if is_kept else [listening(), listening()]
address = ("127.0.0.1", int(command[1])) if is_kept else listeners[0].getsockname()
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind("")    # a name of the kernel's choice
manager.settimeout(60)
found = {"answered": 0, "refused": [], "missing": 0, "byes": 0, "opened": 0}


def start():
    """sd_listen_fds(3): the descriptors from 3 on, and the variables that say so, set in the child itself."""
    spare = [os.dup(listener.fileno()) for listener in listeners]

    def hand_over():
        for index, descriptor in enumerate([os.dup2(one, 1000 + i, False) for i, one in enumerate(spare)]):
            os.dup2(descriptor, 3 + index)

    gateway = subprocess.Popen(
        ["/bin/sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=2 exec "$0" "$@"'] + command,
        env={**os.environ, "NOTIFY_SOCKET": "@" + manager.getsockname()[1:].decode()}, stdout=subprocess.PIPE, preexec_fn=hand_over, close_fds=False, text=True)
    atexit.register(gateway.kill)  # however this program ends
    for descriptor in spare:
        os.close(descriptor)
    line = gateway.stdout.readline()
    assert line.startswith("tidings ready") and ":%d" % address[1] in line, line
    assert manager.recv(100) == b"READY=1"
    return gateway


async def ask():
    """A stranger: a connection a request."""
    while True:
        try:
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            got = await asyncio.wait_for(reader.read(), 60)
            writer.close()
            if got.startswith(b"HTTP/1.1 404"):
                found["answered"] += 1
            else:
                found["refused"].append(repr(got[:80]))
        except OSError as error:
            found["refused"].append(repr(error))
        await asyncio.sleep(0.005)


class Till:
    """Holds a stream, and comes back with its last id after as long as it was told."""

    def __init__(self):
        self.position = self.last_id = self.pause = None
        self.is_live = False

    async def run(self):
        while True:
            try:
                await self.follow()
            except (OSError, asyncio.IncompleteReadError) as error:
                found["refused"].append(repr(error))
            self.is_live = False
            await asyncio.sleep((self.pause or 0) / 1000)

    async def follow(self):
        reader, writer = await asyncio.open_connection(*address, limit=1 << 20)
        resume = "Last-Event-ID: %s\r\n" % self.last_id if self.last_id else ""
        writer.write(("GET /api/v1/sync/stream?entities=brands HTTP/1.1\r\nHost: localhost\r\n"
                      "Authorization: Bearer %s\r\n%s\r\n" % (token, resume)).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        found["opened"] += 1
        try:
            while True:
                block = await reader.readuntil(b"\n\n")
                # A stream that waits for its first page says so in comments.
                lines = [line for line in block.decode().strip().split("\n") if not line.startswith(":")]
                if self.receive(dict(line.split(": ", 1) for line in lines)):
                    return
        finally:
            writer.close()

    def receive(self, event):
        data = json.loads(event["data"])
        if event["event"] == "bye":
            found["byes"] += 1
            self.pause = data["retry_ms"]
            return True
        if self.position is not None and data["from"] > self.position:
            found["missing"] += 1
        self.position = max(self.position or 0, data["to"])
        self.last_id = event["id"]
        self.is_live = self.is_live or event["event"] == "ready"
        return False


def sql(statement):
    with sqlite3.connect(database, timeout=30) as connection:
        return connection.execute(statement).fetchone()


async def write():
    while True:
        await asyncio.to_thread(sql, "INSERT INTO brands(business_id,name) VALUES(%d,'b')" % business)
        await asyncio.sleep(0.05)


async def until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, found
        await asyncio.sleep(0.02)


async def between(moment):
    program = os.environ.get("HAND_OVER_BETWEEN")
    if program:
        await asyncio.to_thread(subprocess.run, [program, moment], check=True)


async def replace(gateway):
    """Ends it and starts another, or has that done. Returns the other."""
    if is_kept:
        found["status"] = await asyncio.to_thread(subprocess.call, command[2:])
        return None
    await between("running")
    begun = time.monotonic()
    gateway.send_signal(signal.SIGTERM)
    found["status"] = await asyncio.to_thread(gateway.wait, 120)
    found["drain_seconds"] = round(time.monotonic() - begun, 2)
    await between("stopped")
    return await asyncio.to_thread(start)


async def main():
    first = None if is_kept else start()
    tills = [Till() for _ in range(stream_count)]
    held = [asyncio.create_task(till.run()) for till in tills]
    await until(lambda: all(till.is_live for till in tills))
    load = [asyncio.create_task(ask()) for _ in range(8)]
    writing = asyncio.create_task(write())
    await until(lambda: found["answered"] > 50)

    second = await replace(first)
    answered = found["answered"]
    await until(lambda: found["answered"] > answered + 50 and all(till.is_live for till in tills))

    writing.cancel()
    await asyncio.sleep(0.2)
    head = sql("SELECT max(seq) FROM tidings_journal")[0]
    await until(lambda: all(till.position >= head for till in tills))
    for task in load + held:
        task.cancel()
    if second:
        second.send_signal(signal.SIGTERM)
        await asyncio.to_thread(second.wait, 120)
    found["refused_count"] = len(found["refused"])
    found["refused"] = found["refused"][:5]
    print(json.dumps(found))


asyncio.run(main())
