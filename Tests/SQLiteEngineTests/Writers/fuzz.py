#!/usr/bin/env python3
"""Random transactions of every kind over a hooked shop database, by one of two connections.

    fuzz.py DATABASE SEED      one transaction for each line on standard input; prints "ok" after each
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

IDS = range(1, 13)
VERB = ["", " OR REPLACE", " OR IGNORE", " OR FAIL", " OR ABORT"]


def one():
    i, j, b = rng.choice(IDS), rng.choice(IDS), rng.choice([1, 1, 2, 2, None])
    sku = "s%d" % rng.randrange(8)
    n = "n%d" % rng.randrange(1000)
    verb = rng.choice(VERB)
    return rng.choice([
        ("INSERT%s INTO products(id,business_id,name,sku) VALUES(?,?,?,?)" % verb, (i, b, n, sku)),
        ("INSERT%s INTO products(business_id,name,sku) VALUES(?,?,?)" % verb, (b, n, sku)),
        ("INSERT INTO products(id,business_id,name,sku) VALUES(?,?,?,?) ON CONFLICT(id) DO UPDATE SET name=excluded.name", (i, b, n, sku)),
        ("INSERT INTO products(id,business_id,name,sku) VALUES(?,?,?,?) ON CONFLICT(business_id,sku) DO UPDATE SET name=excluded.name, deleted_at=NULL", (i, b, n, sku)),
        ("UPDATE%s products SET name=? WHERE id=?" % verb, (n, i)),
        ("UPDATE%s products SET sku=? WHERE id=?" % verb, (sku, i)),
        ("UPDATE%s products SET id=? WHERE id=?" % verb, (j, i)),
        ("UPDATE%s products SET business_id=? WHERE id=?" % verb, (b, i)),
        ("UPDATE%s products SET id=id+? WHERE id BETWEEN ? AND ?" % verb, (rng.choice([1, 20, -1]), i, j)),
        ("UPDATE products SET deleted_at='x' WHERE id=?", (i,)),
        ("UPDATE products SET deleted_at=NULL WHERE id=?", (i,)),
        ("UPDATE products SET version=version+1, name=? WHERE id=?", (n, i)),
        ("UPDATE products SET version=? WHERE id=?", (rng.randrange(60), i)),
        ("UPDATE products SET price=? WHERE id%3=?", (n, rng.randrange(3))),
        ("DELETE FROM products WHERE id=?", (i,)),
        ("DELETE FROM products WHERE id>?", (rng.choice([10, 11, 12, 0]),)),
        ("INSERT%s INTO categories(id,business_id,name,parent_id) VALUES(?,?,?,?)" % verb, (i, b, n, None)),
        ("UPDATE products SET category_id=? WHERE id=?", (j, i)),
        ("DELETE FROM categories WHERE id=?", (i,)),
        ("INSERT%s INTO product_variants(id,business_id,product_id,sku) VALUES(?,?,?,?)" % verb, (i, b, j, sku)),
        ("UPDATE%s product_variants SET product_id=? WHERE id=?" % verb, (j, i)),
        ("DELETE FROM product_variants WHERE id=?", (i,)),
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
