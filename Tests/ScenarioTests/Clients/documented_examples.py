#!/usr/bin/env python3
"""Sends every request of a document to a gateway and compares what comes with what is written.

    documented_examples.py DOCUMENT LEAST PORT TILL_TOKEN PERSON_TOKEN ENROLMENT_CODE DATABASE

The document was written with a shop like `tidings demo --rate 0 --products 50`. A request is an ```http block, the answer the
one after it; what an ```sql block between them says happens in the shop meanwhile. Compared are the status, the header
fields, and the names in the JSON, each by its path. Tokens and tags of the document stand for those that came here; SYNC-TOKEN
for that of a full download before the first example. Fewer than LEAST examples are a failure too.
"""
import http.client
import json
import re
import sqlite3
import sys

document, least, port, till, person, code, database = sys.argv[1:]
EVERYWHERE = {"date", "x-server-timestamp", "x-request-id", "content-length", "connection", "vary",
              "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "transfer-encoding"}
known = {"3|SECRET": till, "PERSON-TOKEN": person, "ENROLMENT-CODE": code}


def shape(value, path=""):
    """The paths of the names in a JSON text; those of list members once."""
    if isinstance(value, dict):
        return {f"{path}.{k}" for k in value} | {p for k, v in value.items() for p in shape(v, f"{path}.{k}")}
    if isinstance(value, list):
        return {p for v in value for p in shape(v, path + "[]")}
    return set()


def part(block):
    head, _, body = block.partition("\n\n")
    first, *fields = head.split("\n")
    return first, dict(f.split(": ", 1) for f in fields), body


def live(text):
    for written, real in known.items():
        text = text.replace(written, real)
    return text


def learn(written, real):
    """What the document calls so is called so here."""
    for name in ("sync_token", "ticket", "server_timestamp"):
        if isinstance(written.get(name), str) and isinstance(real.get(name), str):
            known.setdefault(written[name], real[name])


def ask(request):
    first, fields, body = part(request)
    method, target, _ = first.split(" ")
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=30)
    connection.request(method, live(target), live(body) or None, {k: live(v) for k, v in fields.items()})
    return connection.getresponse()


def change(sql):
    with sqlite3.connect(database, timeout=30) as shop:
        shop.executescript(sql)


def check(request, written):
    first, fields, body = part(written)
    answer = ask(request)
    wrong = []
    if answer.status != int(first.split(" ")[1]):
        wrong.append(f"status {answer.status}")
    names = {k.lower() for k, _ in answer.getheaders()} - EVERYWHERE
    if names != {k.lower() for k in fields} - EVERYWHERE:
        wrong.append(f"fields {sorted(names)}")
    if "ETag" in fields and answer.getheader("ETag"):
        known[fields["ETag"]] = answer.getheader("ETag")
    if answer.getheader("Content-Type", "").startswith("text/event-stream"):
        wanted, seen = re.findall(r"^event: (.*)$", body, re.M), []
        while len(seen) < len(wanted):
            line = answer.fp.readline().decode()
            if not line:
                break
            if line.startswith("event: ") and line != "event: heartbeat\n":
                seen.append(line[7:].strip())
                if seen[-1] == "ready" and len(seen) < len(wanted):
                    change("UPDATE vats SET rate='13.00' WHERE id=1")
        answer.close()
        if seen != wanted:
            wrong.append(f"events {seen}")
        return wrong
    real = answer.read().decode()
    lines = zip(body.split("\n"), real.split("\n")) if "ndjson" in fields.get("Content-Type", "") else [(body, real)]
    for mine, theirs in lines:
        if bool(mine.strip()) != bool(theirs.strip()):
            wrong.append(f"body {theirs[:200]}")
        elif mine.strip():
            mine, theirs = json.loads(mine), json.loads(theirs)
            if shape(mine) != shape(theirs):
                wrong.append(f"names {sorted(shape(mine) ^ shape(theirs))}")
            if [mine.get(k) for k in ("error", "reason", "full")] != [theirs.get(k) for k in ("error", "reason", "full")]:
                wrong.append(f"error {theirs.get('error')}")
            learn(mine, theirs)
    return wrong


def steps(text):
    """Requests with their answers, and what happens between them, in the document's order."""
    blocks = [(kind, body) for kind, body in re.findall(r"^```(\w*)\n(.*?)\n```$", text, re.S | re.M)
              if kind == "sql" or (kind == "http" and re.match(r"[A-Z]+ /|HTTP/1\.1 ", body))]
    while blocks:
        kind, body = blocks.pop(0)
        if kind == "http":
            if body.startswith("HTTP/") or not blocks or not blocks[0][1].startswith("HTTP/"):
                sys.exit(f"half an example: {body[:80]}")
            yield body, blocks.pop(0)[1]
        else:
            yield body, None


everything = list(steps(open(document).read()))
last = [s for s in everything if (s[1] or "").startswith("HTTP/1.1 429")]   # after it, its whole group would be 429
known["SYNC-TOKEN"] = json.load(ask(f"GET /sync/full?entities=vats,units HTTP/1.1\nAuthorization: Bearer {till}"))["sync_token"]
failed = done = 0
for request, written in [s for s in everything if s not in last] + last:
    if written is None:
        change(request)
        continue
    wrong = check(request, written)
    if (request, written) in last:
        for _ in range(12):
            if not wrong:
                break
            wrong = check(request, written)
    if wrong:
        failed += 1
        print(request.split("\n")[0], "→", "; ".join(wrong))
    done += 1
print(f"{done} examples, {failed} wrong")
sys.exit(1 if failed or done < int(least) else 0)
