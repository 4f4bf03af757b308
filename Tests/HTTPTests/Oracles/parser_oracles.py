#!/usr/bin/env python3
"""What three other parsers make of bytes: httptools (llhttp), h11, and nginx in front of a recording backend.

    parser_oracles.py < CASES

CASES: one case a line, in hex. For each, one line of JSON: {"httptools": V, "h11": V, "nginx": V}, where V is
[[METHOD, TARGET, BODY in hex], ...]: the requests that parser took, in order, up to its first refusal or to a
request that ends the connection.
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import h11
import httptools


class Messages:
    """Collects what llhttp takes."""

    def __init__(self):
        self.taken, self.target, self.body, self.ends = [], b"", b"", False

    def on_message_begin(self):
        self.target, self.body = b"", b""

    def on_url(self, url):
        self.target += url

    def on_body(self, body):
        self.body += body

    def on_message_complete(self):
        if not self.ends:
            self.taken.append([self.parser.get_method().decode(), self.target.decode("latin-1"), self.body.hex()])
        self.ends = self.ends or not self.parser.should_keep_alive()


def by_httptools(case):
    messages = Messages()
    messages.parser = httptools.HttpRequestParser(messages)
    try:
        messages.parser.feed_data(case)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError:
        pass
    return messages.taken


def by_h11(case):
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=16 * 1024)
    taken, request, body = [], None, b""
    try:
        connection.receive_data(case)
        while True:
            event = connection.next_event()
            if event in (h11.NEED_DATA, h11.PAUSED) or isinstance(event, h11.ConnectionClosed):
                return taken
            if isinstance(event, h11.Request):
                request, body = event, b""
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                taken.append([request.method.decode(), request.target.decode("latin-1"), body.hex()])
                connection.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is not h11.DONE:
                    return taken
                connection.start_next_cycle()
    except h11.RemoteProtocolError:
        return taken


class Backend(threading.Thread):
    """What nginx passes on: HTTP/1.0 with a length, one request a connection."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.seen = []

    def run(self):
        while True:
            peer, _ = self.listener.accept()
            with peer:
                data = b""
                while b"\r\n\r\n" not in data:
                    more = peer.recv(65536)
                    if not more:
                        break
                    data += more
                head, _, body = data.partition(b"\r\n\r\n")
                lines = head.split(b"\r\n")
                length = next((int(l[15:]) for l in lines if l.lower().startswith(b"content-length:")), 0)
                while len(body) < length:
                    body += peer.recv(65536)
                if lines[0].count(b" ") == 2:
                    method, target, _ = lines[0].split(b" ")
                    self.seen.append([method.decode(), target.decode("latin-1"), body.hex()])
                peer.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


CONFIGURATION = """daemon off; master_process off; pid %(folder)s/pid; error_log %(folder)s/error.log crit;
events { worker_connections 256; }
http {
  access_log off; proxy_ignore_client_abort on; client_body_temp_path %(folder)s/body;
  proxy_temp_path %(folder)s/proxy; fastcgi_temp_path %(folder)s/f; uwsgi_temp_path %(folder)s/u;
  scgi_temp_path %(folder)s/s; keepalive_timeout 5s; lingering_close off;
  server { listen 127.0.0.1:%(port)d; location / { proxy_pass http://127.0.0.1:%(backend)d; } }
}"""


class Nginx:
    def __init__(self):
        self.backend = Backend()
        self.backend.start()
        self.folder = tempfile.mkdtemp(prefix="tidings-nginx-")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        path = os.path.join(self.folder, "nginx.conf")
        with open(path, "w") as file:
            file.write(CONFIGURATION % {"folder": self.folder, "port": self.port, "backend": self.backend.port})
        # nginx-light's modules are loaded by the system's own configuration, which is not read.
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process = subprocess.Popen([program, "-p", self.folder, "-c", path, "-e", self.folder + "/error.log"])
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.02)
        raise SystemExit("nginx did not start: " + open(self.folder + "/error.log").read())

    def __call__(self, case):
        self.backend.seen = []
        with socket.create_connection(("127.0.0.1", self.port)) as peer:
            peer.settimeout(10)
            try:
                peer.sendall(case)
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(65536):
                    pass
            except (ConnectionError, BrokenPipeError, socket.timeout):
                pass
        return list(self.backend.seen)

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    nginx = Nginx()
    try:
        for line in sys.stdin:
            case = bytes.fromhex(line)
            print(json.dumps({"httptools": by_httptools(case), "h11": by_h11(case), "nginx": nginx(case)}), flush=True)
    finally:
        nginx.close()


main()
