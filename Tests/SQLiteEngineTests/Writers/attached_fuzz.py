#!/usr/bin/env python3
"""Random transactions of every kind over an attached database, by one of two connections.

    attached_fuzz.py DATABASE SEED      one transaction for each line on standard input; prints "ok" after each
"""
import random
import sqlite3
import sys

path, seed = sys.argv[1], int(sys.argv[2])
rng = random.Random(seed)
connections = []
for recursive in ("OFF", "ON"):
    db = sqlite3.connect(path, timeout=10, isolation_level=None)
    db.execute("PRAGMA foreign_keys=ON")
    db.execute("PRAGMA recursive_triggers=" + recursive)
    db.execute("PRAGMA synchronous=OFF")
    connections.append(db)

CODES = ["a", "b", "B", "c", "7", "é", "0192f0c1-7d3a"]
IDS = range(1, 7)
VERB = ["", " OR REPLACE", " OR IGNORE", " OR FAIL", " OR ABORT"]


def one():
    code, other = rng.choice(CODES), rng.choice(CODES)
    i, j, place = rng.choice(IDS), rng.choice(IDS), rng.randrange(1, 4)
    barcode = rng.choice([None, "x", "y", "z"])
    serial = rng.choice([None, None, "s", "t"])
    n = "n%d" % rng.randrange(1000)
    verb = rng.choice(VERB)
    return rng.choice([
        ("INSERT%s INTO items(code,barcode,name,price) VALUES(?,?,?,?)" % verb, (code, barcode, n, rng.random())),
        ("INSERT INTO items(code,barcode,name) VALUES(?,?,?) ON CONFLICT(code) DO UPDATE SET name=excluded.name", (code, barcode, n)),
        ("INSERT INTO items(code,barcode,name) VALUES(?,?,?) ON CONFLICT(barcode) DO UPDATE SET name=excluded.name", (code, barcode, n)),
        ("UPDATE%s items SET barcode=? WHERE code=?" % verb, (barcode, code)),
        ("UPDATE%s items SET code=? WHERE code=?" % verb, (other, code)),
        ("UPDATE items SET secret=? WHERE code=?", (n, code)),
        ("UPDATE items SET price=price+1", ()),
        ("DELETE FROM items WHERE code=?", (code,)),
        ("INSERT%s INTO orders(id,number,note) VALUES(?,?,?)" % verb, (i, barcode, n)),
        ("UPDATE%s orders SET id=? WHERE id=?" % verb, (j, i)),
        ("UPDATE%s orders SET number=? WHERE id=?" % verb, (barcode, i)),
        ("UPDATE orders SET note=? WHERE id=?", (n, i)),
        ("DELETE FROM orders WHERE id=?", (i,)),
        ("INSERT%s INTO order_lines(order_id,place,item,quantity,serial) VALUES(?,?,?,?,?)" % verb, (i, place, code, place, serial)),
        ("INSERT%s INTO order_lines(order_id,place,quantity,serial) VALUES(?,?,?,?)" % verb, (i, place, place, serial)),
        ("INSERT INTO order_lines(order_id,place,serial) VALUES(?,?,?) ON CONFLICT DO UPDATE SET quantity=9", (i, place, serial)),
        ("UPDATE%s order_lines SET order_id=? WHERE order_id=?" % verb, (j, i)),
        ("UPDATE%s order_lines SET serial=? WHERE order_id=? AND place=?" % verb, (serial, i, place)),
        ("UPDATE%s order_lines SET place=place+1 WHERE order_id=?" % verb, (i,)),
        ("UPDATE order_lines SET quantity=quantity+1, inner_note=? WHERE place=?", (n, place)),
        ("UPDATE order_lines SET inner_note=? WHERE order_id=?", (n, i)),
        ("DELETE FROM order_lines WHERE order_id=? AND place=?", (i, place)),
    ])


for _ in sys.stdin:
    db = rng.choice(connections)
    db.execute("BEGIN IMMEDIATE")
    saved = False
    for _ in range(rng.choice([1, 1, 2, 3, 6])):
        if not saved and rng.random() < 0.2:
            db.execute("SAVEPOINT s")
            saved = True
        try:
            db.execute(*one())
        except sqlite3.IntegrityError:
            pass
        if not db.in_transaction:
            break
    if db.in_transaction and saved:
        if rng.random() < 0.5:
            db.execute("ROLLBACK TO s")
        db.execute("RELEASE s")
    if db.in_transaction:
        db.execute("ROLLBACK" if rng.random() < 0.15 else "COMMIT")
    print("ok", flush=True)
