"""A real gateway beside a real database in a directory of its own, for tests that live in Python; and a line to it that can
be cut."""
import asyncio
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request


def own_port():
    """A port that is free, below those that the kernel gives out by itself: nobody takes it while its gateway is down."""
    while True:
        port = random.randrange(10_100, 12_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


class Gateway:
    def __init__(self, tidings, *settings, products=60):
        self.tidings = tidings
        self.directory = tempfile.mkdtemp(prefix="tidings-client-")
        self.database = os.path.join(self.directory, "shop.db")
        self.settings = ["database.path=" + self.database, "database.gateway_path=%s/gateway.db" % self.directory,
                         "stream.heartbeat=2s", "limits.connections_per_address=0", *settings]
        self.ports = (own_port(), own_port())
        self.run("init")
        self.run("business", "create", "Corner shop")
        self.run("demo", "--rate", "0", "--products", str(products), "--quiet")
        self.start()

    def run(self, *arguments):
        done = subprocess.run([self.tidings, *arguments, *self.flags(self.settings)], capture_output=True, text=True)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    @staticmethod
    def flags(settings):
        return [word for setting in settings for word in ("--set", setting)]

    def start(self):
        log = os.path.join(self.directory, "serve.log")
        offset = os.path.getsize(log) if os.path.exists(log) else 0
        listen = ["server.listen=127.0.0.1:%d" % self.ports[0], "server.admin_listen=127.0.0.1:%d" % self.ports[1]]
        self.process = subprocess.Popen([self.tidings, "serve", *self.flags(self.settings + listen)],
                                        stdout=open(log, "ab"), stderr=subprocess.STDOUT)
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if any(line.startswith("tidings ready ") for line in open(log).read()[offset:].splitlines()):
                return
            time.sleep(0.02)
        raise AssertionError(open(log).read())

    @property
    def port(self):
        return self.ports[0]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def sql(self, statements):
        done = subprocess.run(["sqlite3", "-bail", self.database], text=True, capture_output=True,
                              input=".timeout 20000\nPRAGMA foreign_keys=ON;\n" + statements)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def till(self, name):
        """A device of the first business. Returns its token."""
        return self.run("token", "create", "--business", "1", "--device", name, "--name", name).strip()

    def metric(self, name):
        text = urllib.request.urlopen("http://127.0.0.1:%d/metrics" % self.ports[1]).read().decode()
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name + " ") or line.startswith(name + "{"))

    def get(self, path, token):
        request = urllib.request.Request("http://127.0.0.1:%d%s" % (self.port, path), headers={"Authorization": "Bearer " + token})
        return json.load(urllib.request.urlopen(request))


class Line:
    """A TCP line to the gateway that can be cut and mended, and counts what passes: requests, and bytes both ways."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.pairs = set()
        self.port = self.requests = self.bytes = 0

    async def mend(self):
        self.server = await asyncio.start_server(self.carry, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def carry(self, reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.gateway.port)
        except OSError:
            writer.close()
            return
        pair = (writer, far_writer)
        self.pairs.add(pair)
        await asyncio.gather(self.pump(reader, far_writer), self.pump(far_reader, writer))
        self.pairs.discard(pair)

    async def pump(self, reader, writer):
        try:
            while data := await reader.read(65536):
                self.bytes += len(data)
                self.requests += data.startswith((b"GET ", b"POST "))
                writer.write(data)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        writer.close()

    def cut(self):
        self.server.close()
        for pair in self.pairs:
            for writer in pair:
                writer.transport.abort()
