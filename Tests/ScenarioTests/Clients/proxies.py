"""A stream through a real proxy with the file of config/proxy/, over TLS and HTTP/2, read by curl.

    proxies.py PROXY GATEWAY_PORT ADMIN_PORT TOKEN DATABASE BUSINESS

Only addresses and certificates are changed in the file, and its timeouts of 60 s are made 3 s: with heartbeats
each second a stream must outlive them. Prints as JSON what was seen.
"""
import json
import os
import pathlib
import queue
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

proxy, gateway_port, admin_port, token, database, business = sys.argv[1:]
FILES = pathlib.Path(__file__).resolve().parents[3] / "config" / "proxy"
folder = pathlib.Path(tempfile.mkdtemp(prefix="tidings-proxy-"))
certificate, key, both = folder / "cert.pem", folder / "key.pem", folder / "both.pem"
PATIENCE = 30


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


port = free_port()


def changed(name, replacements):
    """The file with each text replaced; all must be there."""
    text = (FILES / name).read_text().replace("127.0.0.1:8787", "127.0.0.1:" + gateway_port)
    for old, new in replacements:
        assert old in text, (name, old)
        text = text.replace(old, new)
    return text


def nginx():
    inner = folder / "tidings.conf"
    inner.write_text(changed("nginx.conf", [
        ("listen 443", "listen 127.0.0.1:%d" % port), ("tills.example.com", "localhost"),
        ("/etc/ssl/certs/tidings.pem", str(certificate)), ("/etc/ssl/private/tidings.key", str(key)),
        (" 60s;", " 3s;")]))
    paths = "".join("%s_temp_path %s/%s;" % (kind, folder, kind) for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    outer = folder / "nginx.conf"
    outer.write_text("daemon off; worker_processes 1; pid %s/pid; events {}\nhttp { %s\ngzip on; gzip_types *;\ninclude %s; }\n"
                     % (folder, paths, inner))
    return ["/usr/sbin/nginx", "-p", str(folder), "-c", str(outer), "-e", str(folder / "error.log")]


def haproxy():
    file = folder / "haproxy.cfg"
    file.write_text(changed("haproxy.cfg", [
        ("bind :443", "bind 127.0.0.1:%d" % port), ("/etc/haproxy/tidings.pem", str(both)), (" 60s", " 3s"),
        ("maxconn 25000", "maxconn 100")]))
    return ["/usr/sbin/haproxy", "-db", "-f", str(file)]


def caddy():
    file = folder / "Caddyfile"
    rest = changed("Caddyfile", [
        ("tills.example.com {", "https://localhost:%d {\n\tbind 127.0.0.1" % port),
        ("# tls /etc/ssl/certs/tidings.pem /etc/ssl/private/tidings.key", "tls %s %s" % (certificate, key)),
        (" 60s", " 3s")])
    file.write_text("{\n\tadmin off\n\tauto_https disable_redirects\n\tstorage file_system %s\n}\n%s" % (folder, rest))
    return ["/usr/bin/env", "HOME=%s" % folder, "caddy", "run", "--adapter", "caddyfile", "--config", str(file)]


def apache():
    inner = folder / "tidings.conf"
    inner.write_text(changed("apache.conf", [
        ("*:443", "127.0.0.1:%d" % port), ("tills.example.com", "localhost"),
        ("/etc/ssl/certs/tidings.pem", str(certificate)), ("/etc/ssl/private/tidings.key", str(key)),
        ("imeout 60", "imeout 3")]))
    modules = "mpm_event authz_core ssl socache_shmcb http2 proxy proxy_http headers deflate filter env setenvif reqtimeout"
    outer = folder / "apache.conf"
    outer.write_text("ServerName localhost\nServerRoot %s\nPidFile %s/pid\nListen 127.0.0.1:%d\nErrorLog %s/error.log\n%s\n"
                     "DefaultRuntimeDir %s\nSetOutputFilter DEFLATE\nInclude %s\n"
                     % (folder, folder, port, folder,
                        "\n".join("LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so" % (m, m)
                                  for m in modules.split() if pathlib.Path("/usr/lib/apache2/modules/mod_%s.so" % m).exists()),
                        folder, inner))
    return ["/usr/sbin/apache2", "-DFOREGROUND", "-f", str(outer)]


def until(what, look, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < end, "waited in vain for " + what
        time.sleep(0.02)
    return seen


class Stream:
    """curl over HTTP/2 from 127.0.0.2, claiming to be somebody else; its events with the time of each."""

    def __init__(self, last_id=None):
        resume = ["-H", "Last-Event-ID: " + last_id] if last_id else []
        self.process = subprocess.Popen(
            ["curl", "-sSiN", "--http2", "--cacert", str(certificate), "--resolve", "localhost:%d:127.0.0.1" % port,
             "--interface", "127.0.0.2", "-H", "Authorization: Bearer " + token, "-H", "Accept: text/event-stream",
             "-H", "Accept-Encoding: gzip", "-H", "X-Forwarded-For: 203.0.113.9", *resume,
             "https://localhost:%d/api/v1/sync/stream" % port],
            stdout=subprocess.PIPE, text=True, bufsize=1)
        self.events = queue.Queue()
        self.begun = time.monotonic()
        self.head = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in iter(self.process.stdout.readline, "\n"):
            self.head.append(line.strip())
        event = {}
        for line in self.process.stdout:
            if line == "\n":
                event["at"] = time.monotonic() - self.begun
                self.events.put(event)
                event = {}
            elif ": " in line:
                name, value = line.rstrip("\n").split(": ", 1)
                event[name] = value
        self.events.put(None)

    def next(self, kind, seconds=PATIENCE):
        end = time.monotonic() + seconds
        while True:
            event = self.events.get(timeout=max(0.01, end - time.monotonic()))
            assert event is not None, "the stream was cut: " + repr(self.head)
            if event.get("event") == kind:
                return event

    def close(self):
        self.process.kill()
        self.process.wait()


def insert(name):
    with sqlite3.connect(database, timeout=30) as connection:
        connection.execute("INSERT INTO brands(business_id,name) VALUES(?,?)", (business, name))


def connections():
    with urllib.request.urlopen("http://127.0.0.1:%s/connections" % admin_port) as answer:
        return json.load(answer)["connections"]


def seen_through():
    """What a till sees through the proxy."""
    stream = Stream()
    first = stream.next("hello")
    stream.next("ready")
    found = {"http": stream.head[0], "first_seconds": round(first["at"], 3),
             "encoded": [line for line in stream.head if line.lower().startswith("content-encoding")],
             "address": until("a row", connections)[0]["address"]}
    # Each heartbeat by itself, for longer than anything on the way waits for a byte.
    beats = []
    while not beats or beats[-1]["at"] - beats[0]["at"] < 8:
        beats.append(stream.next("heartbeat"))
    found["heartbeats"] = len(beats)
    found["longest_gap"] = round(max(b["at"] - a["at"] for a, b in zip(beats, beats[1:])), 3)
    insert("while connected")
    last = stream.next("change")["id"]
    stream.close()
    insert("while away")
    again = Stream(last)
    change = json.loads(again.next("change")["data"])
    found["missed"] = [row["name"] for row in change["data"]["brands"]["created"]]
    again.close()
    # A till that has gone is noticed by the gateway, through the proxy.
    until("the proxy to close", lambda: not connections())
    return found


subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)],
               check=True, capture_output=True)
both.write_text(certificate.read_text() + key.read_text())
log = open(folder / "log", "w+")
program = subprocess.Popen({"nginx": nginx, "haproxy": haproxy, "caddy": caddy, "apache": apache}[proxy](),
                           stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
try:
    def is_listening():
        assert program.poll() is None, (folder / "log").read_text()[-2000:]
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0
    until(proxy, is_listening)
    print(json.dumps(seen_through()))
finally:
    # Its own group: Apache's workers wait for what they serve, and nobody here does.
    os.killpg(program.pid, signal.SIGKILL)
    program.wait()
    shutil.rmtree(folder, ignore_errors=True)
