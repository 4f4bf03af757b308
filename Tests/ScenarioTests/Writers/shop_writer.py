#!/usr/bin/env python3
"""A process that knows nothing of Tidings and writes to a shop's database: random transactions over many tables.

    shop_writer.py DATABASE SEED SECONDS BUSINESS...

Commits, rollbacks, savepoints, multi-row statements, soft and hard deletes, restores, moves between businesses,
REPLACE through a second UNIQUE key. Every name of business B carries the canary "canary-B-". Rows of `attributes` come
as twins: (2k-1, 2k) of a business are always written in one transaction, with the same name. Prints how many
transactions were committed.
"""
import random
import sqlite3
import sys
import time

path, seed, seconds, businesses = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), [int(b) for b in sys.argv[4:]]
rng = random.Random(seed)
db = sqlite3.connect(path, timeout=20, isolation_level=None)
db.execute("PRAGMA foreign_keys=ON")
db.execute("PRAGMA recursive_triggers=%s" % rng.choice(["ON", "OFF"]))
db.execute("PRAGMA synchronous=%s" % rng.choice(["FULL", "NORMAL"]))
NOW = "strftime('%Y-%m-%dT%H:%M:%f000Z','now')"
# Ids of a business lie in a range of its own, so that rounds that share a database do not meet.
SPAN = 100_000
HOSTILE = ["\r\n\r\n", "\ndata: x", "\u2028", "\ufeff", "\x00", "é€😀", '"\\', "id: 9\n", ":"]


def an_id(business, count=40):
    return business * SPAN + rng.randrange(1, count)


def name(business):
    return "canary-%d- %s %d" % (business, rng.choice(HOSTILE), rng.randrange(10_000))


def upsert(table, columns, values):
    sets = ",".join("%s=excluded.%s" % (c, c) for c in columns[2:])
    db.execute(
        "INSERT INTO %s(%s) VALUES(%s) ON CONFLICT(id) DO UPDATE SET %s, deleted_at=NULL, updated_at=%s"
        % (table, ",".join(columns), ",".join("?" * len(columns)), sets, NOW), values)


def product(b):
    upsert("products", ["id", "business_id", "name", "price"], [an_id(b), b, name(b), "%d.50" % rng.randrange(99)])


def category(b):
    upsert("categories", ["id", "business_id", "name"], [an_id(b), b, name(b)])


def party(b):
    upsert("parties", ["id", "business_id", "name", "type"],
           [an_id(b), b, name(b), rng.choice(["customer", "supplier", "both"])])


def unit(b):
    upsert("units", ["id", "business_id", "name", "short_name"], [an_id(b, 15), b, name(b), "u"])


def replace(b):
    # May silently replace another row of the same business through its sku.
    db.execute("INSERT OR REPLACE INTO products(id,business_id,name,sku) VALUES(?,?,?,?)",
               [an_id(b), b, name(b), "sku-%d" % rng.randrange(12)])


def twins(b):
    first = b * SPAN + 2 * rng.randrange(1, 8) - 1
    shared = name(b)
    for record in (first, first + 1):
        upsert("attributes", ["id", "business_id", "name"], [record, b, shared])


def bulk(b):
    db.execute("UPDATE products SET price=?, updated_at=%s WHERE business_id=? AND id%%3=?" % NOW,
               ["%d.00" % rng.randrange(99), b, rng.randrange(3)])


def soft_delete(b):
    table = rng.choice(["products", "categories", "parties", "units"])
    db.execute("UPDATE %s SET deleted_at=%s WHERE business_id=? AND id=?" % (table, NOW), [b, an_id(b)])


def restore(b):
    table = rng.choice(["products", "categories", "parties"])
    db.execute("UPDATE %s SET deleted_at=NULL WHERE business_id=? AND id=?" % table, [b, an_id(b)])


def hard_delete(b):
    table = rng.choice(["products", "categories", "parties", "units"])
    db.execute("DELETE FROM %s WHERE business_id=? AND id=?" % table, [b, an_id(b)])


def move(b):
    to = rng.choice(businesses)
    db.execute("UPDATE brands SET business_id=?, name=? WHERE id=?", [to, name(to), businesses[0] * SPAN + rng.randrange(1, 9)])


def brand(b):
    record = businesses[0] * SPAN + rng.randrange(1, 9)
    row = db.execute("SELECT business_id FROM brands WHERE id=?", [record]).fetchone()
    owner = row[0] if row and row[0] is not None else b
    upsert("brands", ["id", "business_id", "name"], [record, owner, name(owner)])


def nobody(b):
    db.execute("UPDATE brands SET business_id=NULL WHERE id=?", [businesses[0] * SPAN + rng.randrange(1, 9)])


OPS = [product] * 6 + [category] * 3 + [party] * 3 + [unit, replace, replace, twins, twins, bulk, soft_delete,
       soft_delete, restore, hard_delete, hard_delete, move, brand, brand, nobody]
committed = 0
end = time.monotonic() + seconds
while time.monotonic() < end:
    db.execute("BEGIN IMMEDIATE")
    try:
        for _ in range(rng.choice([1, 1, 1, 2, 3, 8])):
            rng.choice(OPS)(rng.choice(businesses))
        if rng.random() < 0.15:
            db.execute("SAVEPOINT s")
            rng.choice(OPS)(rng.choice(businesses))
            db.execute("ROLLBACK TO s")
            db.execute("RELEASE s")
        if rng.random() < 0.15:
            # Kept, with one inside it that is not.
            db.execute("SAVEPOINT outer")
            rng.choice(OPS)(rng.choice(businesses))
            db.execute("SAVEPOINT inner")
            rng.choice(OPS)(rng.choice(businesses))
            db.execute("ROLLBACK TO inner")
            db.execute("RELEASE outer")
        if rng.random() < 0.2:
            db.execute("ROLLBACK")
        else:
            db.execute("COMMIT")
            committed += 1
    except sqlite3.IntegrityError:
        if db.in_transaction:
            db.execute("ROLLBACK")
    time.sleep(rng.choice([0, 0, 0.001, 0.005, 0.02]))
print(committed)
