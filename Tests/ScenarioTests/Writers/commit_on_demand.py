"""Commits one product for every line it reads: commit_on_demand.py DATABASE BUSINESS"""

import sqlite3
import sys

database = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)
for line in sys.stdin:
    database.execute(
        "INSERT INTO products(business_id, name) VALUES (?, ?)", (int(sys.argv[2]), "commit " + line.strip())
    )
