"""An hour of six open pages: what a plain client asks of a server, and what this one does.

Everything is 150 times as fast, the server's heartbeats included, so an hour is 24 seconds; a count does not change by that.
All run at once, against one gateway whose shop changes every thirty seconds (of that hour). TIDINGS_TEST_MINUTES shortens it,
which makes the start, a download each, weigh more.
"""
import asyncio
import os
import sqlite3
import time

from browser import until
from gateway import Gateway, Line

SPEED, PAGES, MINUTES = 150, 6, int(os.environ.get("TIDINGS_TEST_MINUTES", "60"))
# Limits are by the minute, and an hour has 24 seconds here.
UNLIMITED = ["rates.%s=0" % name for name in ("general", "sync", "batch", "continuation")]
ENTITIES = "products,categories,variants,stocks,warehouses,payment_types"

# A page that fetches everything and then asks every 15 seconds, as one writes it in an afternoon.
PLAIN = """(async () => {
  const headers = {Authorization: 'Bearer %s'};
  const get = async query => (await fetch('/sync/' + query, {headers})).json();
  let {server_timestamp: since} = await get('full?entities=%s');
  globalThis.go = () => setInterval(async () => {
    ({server_timestamp: since} = await get('changes?entities=%s&since=' + encodeURIComponent(since)));
  }, %d);
  return true;
})()"""

TIDINGS = """import('/client/tidings.js').then(async ({createClient}) => {
  const speed = %d;
  globalThis.client = createClient({token: '%s', name: '%s', entities: '%s'.split(','), ackMs: 300000 / speed});
  await client.ready;
  return true;
})"""


async def measure(browser, tidings, kinds=("plain", "shared", "separate")):
    """Requests and bytes of each kind of client: `shared` has its pages in one browser, `separate` each in its own."""
    gateway = await asyncio.to_thread(Gateway, tidings, "stream.heartbeat=100ms", *UNLIMITED, products=500)
    try:
        # A line a page: a browser opens six connections to one address, and six tills are not in one browser.
        lines = {kind: [await Line(gateway).mend() for _ in range(PAGES)] for kind in kinds}
        pages = {kind: [] for kind in kinds}
        for kind in kinds:
            token = gateway.till(kind)
            for number in range(PAGES):
                page = await browser.open("http://127.0.0.1:%d/demo/till.css" % lines[kind][0 if kind == "shared" else number].port)
                if kind != "shared":
                    token = gateway.till("%s-%d" % (kind, number))
                if kind == "plain":
                    script = PLAIN % (token, ENTITIES, ENTITIES, 15_000 / SPEED)
                else:
                    script = TIDINGS % (SPEED, token, "shared" if kind == "shared" else "tab-%d" % number, ENTITIES)
                await page.evaluate(script)
                pages[kind].append(page)
        await asyncio.gather(*(page.evaluate("go() > 0") for page in pages["plain"]))
        await asyncio.to_thread(work, gateway.database, MINUTES * 60 / SPEED)
        counts = {kind: (sum(line.requests for line in some), sum(line.bytes for line in some)) for kind, some in lines.items()}
        for page in pages["shared"] + pages["separate"]:
            seen = "client.status.state === 'live' && client.get('products', 1).price === '%d.00'" % LAST[0]
            await until("every page to be live and up to date", lambda: page.evaluate(seen))
        for page in (page for some in pages.values() for page in some):
            await page.close()
        return counts
    finally:
        gateway.close()


LAST = [0]          # the price of product 1


def work(database, seconds):
    """A change every thirty seconds of the hour, by another process's connection."""
    connection = sqlite3.connect(database, timeout=20, isolation_level=None)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        LAST[0] += 1
        connection.execute("UPDATE products SET price = ? WHERE id = 1", ("%d.00" % LAST[0],))
        time.sleep(30 / SPEED)
