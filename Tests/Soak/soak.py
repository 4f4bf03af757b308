#!/usr/bin/env python3
"""The load and the measuring behind scripts/soak: writers, streams that come and go, pollers, retention running hot.

    soak.py TIDINGS MINUTES

Every few seconds a row: memory, descriptors, -wal and database sizes, journal rows, tombstones, what was delivered. At
the end each series is judged (verdict.py): one that grows, or exceeds its bound, makes the exit code 1.
"""
import json
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import verdict

TIDINGS, MINUTES = sys.argv[1], float(sys.argv[2])
HERE = os.path.dirname(os.path.abspath(__file__))
WRITER = os.path.join(HERE, "..", "ScenarioTests", "Writers", "shop_writer.py")
BUSINESSES, TILLS, STREAMS = 3, 12, 40
random.seed(1)


class Daemon:
    """A gateway in a directory of its own."""

    def __init__(self, directory):
        self.directory = directory
        self.database = os.path.join(directory, "shop.db")
        self.settings = [
            "database.path=" + self.database, "database.gateway_path=" + os.path.join(directory, "gateway.db"),
            "server.listen=127.0.0.1:0", "server.admin_listen=127.0.0.1:0", "stream.heartbeat=5s",
            "retention.check=500ms", "retention.tombstones=5s", "retention.journal_age=5s",
            "retention.journal_rows=2000", "retention.max_offline=60s", "limits.connections_per_address=0",
            # Each sync is written down; kept for the usual 30 days, that would grow for as long.
            "retention.sync_logs=60s",
            # These clients ask faster than any till.
            "rates.general=0", "rates.sync=0", "rates.continuation=0"]
        self.run("init")
        self.log = open(os.path.join(directory, "serve.log"), "w")
        self.process = subprocess.Popen([TIDINGS, "serve"] + self.sets(), stdout=subprocess.PIPE, stderr=self.log, text=True)
        ready = self.process.stdout.readline()
        self.url, self.admin = re.findall(r"http://\S+", ready)
        self.port = int(self.url.rsplit(":", 1)[1])

    def sets(self):
        return [word for setting in self.settings for word in ("--set", setting)]

    def run(self, *arguments):
        return subprocess.run([TIDINGS, *arguments] + self.sets(), check=True, capture_output=True, text=True).stdout

    def ask(self, path, token, body=None):
        request = urllib.request.Request(self.url + path, data=body, headers={"Authorization": "Bearer " + token})
        with urllib.request.urlopen(request, timeout=70) as answer:
            text = answer.read()
            return json.loads(text) if text else None

    def sample(self):
        process = "/proc/%d/" % self.process.pid
        with open(process + "status") as status:
            rss = int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))
        size = lambda path: os.path.getsize(path) // 1024 if os.path.exists(path) else 0
        db = sqlite3.connect("file:%s?mode=ro" % self.database, uri=True, timeout=20)
        rows, tombstones = (db.execute(sql).fetchone()[0] for sql in (
            "SELECT count(*) FROM tidings_journal", "SELECT count(*) FROM tidings_state WHERE dead = 1"))
        db.close()
        gateway = os.path.join(self.directory, "gateway.db")
        return {"rss_kib": rss, "descriptors": len(os.listdir(process + "fd")), "wal_kib": size(self.database + "-wal"),
                "database_kib": size(self.database), "gateway_kib": size(gateway),
                "gateway_wal_kib": size(gateway + "-wal"), "journal_rows": rows, "tombstones": tombstones}


class Counts:
    """What the clients got. From any thread."""

    def __init__(self):
        self.lock = threading.Lock()
        self.values = dict.fromkeys(["streamed", "polled", "acked", "resets", "failures"], 0)

    def add(self, name, count=1):
        with self.lock:
            self.values[name] += count


counts, over = Counts(), threading.Event()


def streams(daemon, tokens):
    """One place for a stream: opened, read for a while, cut, opened again."""
    while not over.is_set():
        try:
            with socket.create_connection(("127.0.0.1", daemon.port), timeout=1) as peer:
                peer.sendall(("GET /sync/stream HTTP/1.1\r\nHost: soak\r\nAuthorization: Bearer %s\r\n\r\n"
                              % random.choice(tokens)).encode())
                end = time.monotonic() + random.uniform(0.2, 20)
                while time.monotonic() < end and not over.is_set():
                    try:
                        data = peer.recv(65536)
                    except socket.timeout:
                        continue
                    if not data:
                        break
                    counts.add("streamed", len(data))
        except OSError:
            counts.add("failures")
            over.wait(0.2)


def polls(daemon, token, kind):
    """A till that polls: by token, waiting, by time, in pages; acknowledges; downloads anew when told."""
    position, since = None, None
    while not over.is_set():
        try:
            if position is None:
                answer = daemon.ask("/sync/full", token)
            elif kind == "since":
                answer = daemon.ask("/sync/changes?limit=200&since=" + since, token)
            else:
                wait = "&wait=5" if kind == "wait" else ""
                answer = daemon.ask("/sync/changes?limit=100%s&sync_token=%s" % (wait, position), token)
            counts.add("polled")
            position, since = answer["sync_token"], answer["server_timestamp"]
            if kind == "ack" and not answer["has_more"]:
                daemon.ask("/api/v1/sync/ack", token, json.dumps({"sync_token": position}).encode())
                counts.add("acked")
        except urllib.error.HTTPError as error:
            counts.add("resets" if error.code == 410 else "failures")
            position = None
        except OSError:
            counts.add("failures")
        over.wait(random.uniform(0.2, 1.5))


def writers(daemon, businesses):
    """Random writers for ever; each process a while."""
    seed = 0
    while not over.is_set():
        seed += 1
        subprocess.run([sys.executable, WRITER, daemon.database, str(seed), "10"] + businesses, stdout=subprocess.DEVNULL)


def main():
    with tempfile.TemporaryDirectory(prefix="tidings-soak-") as directory:
        daemon = Daemon(directory)
        try:
            return measure(daemon)
        finally:
            over.set()
            daemon.process.send_signal(signal.SIGTERM)
            daemon.process.wait(30)


def measure(daemon):
    businesses, tokens = [], []
    for number in range(BUSINESSES):
        business = json.loads(daemon.run("business", "create", "shop %d" % number, "--json"))["id"]
        businesses.append(str(business))
        for till in range(TILLS // BUSINESSES):
            tokens.append(daemon.run("token", "create", "--business", str(business), "--device", "till-%d" % till,
                                     "--name", "soak").strip().splitlines()[-1])
    jobs = [threading.Thread(target=streams, args=(daemon, tokens), daemon=True) for _ in range(STREAMS)]
    jobs += [threading.Thread(target=polls, args=(daemon, token, ["ack", "wait", "token", "since"][i % 4]), daemon=True)
             for i, token in enumerate(tokens)]
    jobs += [threading.Thread(target=writers, args=(daemon, businesses), daemon=True) for _ in range(2)]
    for job in jobs:
        job.start()
    samples, pause, end = [], max(1, MINUTES * 60 / 60), time.monotonic() + MINUTES * 60
    heads = list(verdict.GROWTHS) + list(verdict.BOUNDS) + list(counts.values)
    print("   seconds " + " ".join("%15s" % head for head in heads), flush=True)
    start = time.monotonic()
    while time.monotonic() < end:
        time.sleep(pause)
        sample = {"seconds": time.monotonic() - start, **daemon.sample()}
        samples.append(sample)
        row = {**sample, **counts.values}
        print("%10d " % row["seconds"] + " ".join("%15d" % row[head] for head in heads), flush=True)
    return conclude(samples, daemon)


def conclude(samples, daemon):
    rows = verdict.judge(samples)
    print("\n" + verdict.table(rows))
    failed = daemon.process.poll() is not None or not all(row[-1] for row in rows)
    worked = all(counts.values[name] > 0 for name in ("streamed", "polled", "acked"))
    if counts.values["failures"] or not worked:
        print("clients met %d failures" % counts.values["failures"])
        failed = True
    return 1 if failed else 0


sys.exit(main())
