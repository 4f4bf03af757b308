#!/usr/bin/env python3
"""Writes a stall's database as an application would that knows nothing of hooks.

    stall_writer.py DATABASE SEED SECONDS writes|migrates      prints how many migrations it made

`migrates` rebuilds tables in mid-run, as Laravel and Django do, and drops triggers that it does not know.
"""
import random
import sqlite3
import sys
import time

path, seed, seconds, role = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
rng = random.Random("%d %s" % (seed, role))
db = sqlite3.connect(path, timeout=30, isolation_level=None)
db.execute("PRAGMA foreign_keys=ON")

ITEMS = {"items": "code TEXT PRIMARY KEY, barcode TEXT UNIQUE, name TEXT, secret TEXT",
         "orders": "id INTEGER PRIMARY KEY, note TEXT",
         "order_lines": "order_id INTEGER NOT NULL REFERENCES orders(id) ON DELETE CASCADE, place INTEGER NOT NULL, "
                        "item TEXT, quantity INTEGER, PRIMARY KEY(order_id, place)"}


def write():
    code, i, place = "c%d" % rng.randrange(12), rng.randrange(1, 9), rng.randrange(1, 4)
    barcode, n = rng.choice([None, "x", "y", "z"]), "n%d" % rng.randrange(1000)
    verb = rng.choice(["", " OR REPLACE", " OR IGNORE"])
    sql, values = rng.choice([
        ("INSERT%s INTO items(code,barcode,name,secret) VALUES(?,?,?,'canary')" % verb, (code, barcode, n)),
        ("UPDATE%s items SET barcode=?, name=? WHERE code=?" % verb, (barcode, n, code)),
        ("UPDATE items SET name=?", (n,)),
        ("DELETE FROM items WHERE code=?", (code,)),
        ("INSERT%s INTO orders(id,note) VALUES(?,?)" % verb, (i, n)),
        ("UPDATE orders SET note=? WHERE id=?", (n, i)),
        ("DELETE FROM orders WHERE id=?", (i,)),
        ("INSERT%s INTO order_lines(order_id,place,item,quantity) VALUES(?,?,?,?)" % verb, (i, place, code, place)),
        ("INSERT%s INTO order_lines(order_id,place,item,quantity) VALUES(?,?,?,?)" % verb, (i, place, code, place)),
        ("UPDATE order_lines SET quantity=quantity+1 WHERE order_id=?", (i,)),
        ("DELETE FROM order_lines WHERE order_id=? AND place=?", (i, place)),
    ])
    try:
        db.execute(sql, values)
    except sqlite3.IntegrityError:
        pass


def transaction():
    db.execute("BEGIN IMMEDIATE")
    for _ in range(rng.choice([1, 1, 2, 4])):
        write()
    db.execute("ROLLBACK" if rng.random() < 0.15 else "COMMIT")


def rebuild(table):
    db.execute("PRAGMA foreign_keys=" + rng.choice(["ON", "OFF"]))
    db.execute("BEGIN IMMEDIATE")
    db.execute("CREATE TABLE __temp__%s(%s)" % (table, ITEMS[table]))
    db.execute("INSERT INTO __temp__%s SELECT * FROM %s" % (table, table))
    db.execute("DROP TABLE " + table)
    db.execute("ALTER TABLE __temp__%s RENAME TO %s" % (table, table))
    if rng.random() < 0.5:
        write()
    db.execute("COMMIT")
    db.execute("PRAGMA foreign_keys=ON")


def drop_a_trigger():
    # Never the one on the journal: without it another history begins, and every till is told.
    names = [row[0] for row in db.execute(
        "SELECT name FROM sqlite_master WHERE type='trigger' AND name LIKE 'tidings%' AND name<>'tidings_apply' ORDER BY name")]
    if names:
        db.execute('DROP TRIGGER IF EXISTS "%s"' % rng.choice(names))


migrations = 0
end = time.monotonic() + seconds
pause = seconds / 4
next_migration = time.monotonic() + pause * rng.random()
while time.monotonic() < end:
    if role == "migrates" and time.monotonic() > next_migration:
        rebuild(rng.choice(sorted(ITEMS))) if rng.random() < 0.7 else drop_a_trigger()
        migrations += 1
        next_migration = time.monotonic() + pause
        for _ in range(rng.randrange(4)):
            transaction()
    transaction()
    time.sleep(rng.choice([0, 0.001, 0.01]))
print(migrations)
