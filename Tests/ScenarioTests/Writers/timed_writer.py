#!/usr/bin/env python3
"""Writes one row after another until standard input ends, and says how long writes took.

    timed_writer.py DATABASE ROWS      prints writes, longest and 99th percentile in milliseconds
"""
import random
import select
import sqlite3
import sys
import time

db = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
db.execute("PRAGMA busy_timeout=60000")
rng = random.Random(1)
took = []
while not select.select([sys.stdin], [], [], 0)[0]:
    code = "c%07d" % rng.randrange(1, int(sys.argv[2]) + 1)
    start = time.monotonic()
    try:
        db.execute("UPDATE items SET name=name||'.' WHERE code=?", (code,))
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise
        continue  # the hooks are being made
    took.append((time.monotonic() - start) * 1000)
    time.sleep(0.002)
took.sort()
print(len(took), took[-1], took[len(took) * 99 // 100])
