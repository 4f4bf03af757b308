"""Writes a row and commits it seconds later: slow_commit.py DATABASE BUSINESS SECONDS"""

import sqlite3
import sys
import time

database = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)
database.execute("BEGIN IMMEDIATE")
database.execute("INSERT INTO products(business_id, name) VALUES (?, 'slow')", (int(sys.argv[2]),))
time.sleep(float(sys.argv[3]))
database.execute("COMMIT")
