#!/usr/bin/env python3
"""The client and the demo till in real browsers against a real gateway.

    scenarios.py BROWSER TIDINGS [SCENARIO …]      BROWSER: chromium or firefox; all scenarios when none is named

Each function named `test_…` is a promise. One line a scenario; the exit status is how many failed.
"""
import asyncio
import importlib.util
import itertools
import pathlib
import sys
import time
import traceback

from browser import BROWSERS, until
from gateway import Gateway, Line
from hour import MINUTES, measure
from nginx import Nginx


class Stage:
    """A gateway and a browser for all scenarios; each has tills, and pages, of its own."""

    def __init__(self, kind, tidings):
        self.kind, self.tidings, self.number, self.pages = kind, tidings, 0, []
        self.checks = itertools.count()

    async def __aenter__(self):
        self.gateway, self.browser = await asyncio.gather(
            asyncio.to_thread(Gateway, self.tidings), BROWSERS[self.kind]().launch())
        return self

    async def __aexit__(self, *_):
        await self.browser.close()
        self.gateway.close()

    def begin(self):
        self.number += 1
        self.token = self.gateway.till("till-%d" % self.number)

    async def end(self):
        for page in self.pages:
            try:
                await page.close()
            except Exception:
                pass                      # closed by the scenario, or gone with its browser
        self.pages = []

    async def kill_browser(self):
        await self.browser.kill()
        self.pages = []
        self.browser = await BROWSERS[self.kind](self.browser.profile).launch()

    async def till(self, token=None, port=None, host="127.0.0.1"):
        token = (token or self.token).replace("|", "%7C")
        page = await self.browser.open("http://%s:%d/demo/#%s" % (host, port or self.gateway.port, token))
        self.pages.append(page)
        await until("the till", lambda: page.evaluate("Boolean(globalThis.till)"))
        return page

    async def sql(self, statements):
        return await asyncio.to_thread(self.gateway.sql, statements)

    async def copy_agrees(self, page):
        """The page's copy equals the database: counts and digests, as the server sees them now.

        With a limit: without one, tills that start within two seconds share a file, and its totals are of its moment.
        """
        entities = "products,categories,variants,stocks,warehouses,payment_types"
        query = "/sync/full?limit=10000&entities=" + entities
        full = await asyncio.to_thread(self.gateway.get, query, self.gateway.till("checker-%d" % next(self.checks)))
        assert not full["has_more"]
        theirs = {name: [lists["total"], lists["digest"]] for name, lists in full["data"].items()}
        ours = await page.evaluate("""import('/client/tidings.js').then(({Fingerprint}) => Object.fromEntries('%s'.split(',').map(name => {
            const print = new Fingerprint();
            for (const {id, version} of till.client.list(name)) print.add(id, version);
            return [name, [print.count, print.digest]];
        })))""" % entities)
        return ours == theirs


async def says(page, state, seconds=30):
    seen = []

    async def look():
        status = await page.evaluate("globalThis.till ? till.client.status : {}")
        seen[:] = [status]
        return status.get("state") == state and status
    try:
        return await until(state, look, seconds)
    except AssertionError as error:
        raise AssertionError("%s; the page says %s" % (error, seen))


async def shows(page, id, part, text):
    async def look():
        return await page.evaluate("document.querySelector('[data-id=\"%s\"] .%s')?.textContent" % (id, part)) == text
    await until("%s of %s to be %s" % (part, id, text), look)


async def first(page, count=1):
    """The first products on the screen."""
    await until("products", lambda: page.evaluate("till.shelf.order.length > 0"))
    return await page.evaluate("till.shelf.order.slice(0, %d).map(({id}) => id)" % count)


async def test_two_screens_and_a_foreign_writer(stage):
    one = await stage.till()
    two = await stage.till(stage.gateway.till("another"), host="localhost")
    for page in (one, two):
        await says(page, "live")
    a, b = await first(one, 2)
    start = time.monotonic()
    await stage.sql("UPDATE products SET price='77.70' WHERE id=%d; UPDATE stocks SET quantity='3.000' WHERE variant_id=%d;" % (a, b))
    for page in (one, two):
        await shows(page, a, "price", "77.70")
        await shows(page, b, "stock", "3 in stock")
    print("    a commit is on both screens after %d ms, sqlite3 started and ended included" % ((time.monotonic() - start) * 1000))
    await stage.sql("UPDATE products SET deleted_at='2026-01-01T00:00:00.000000Z' WHERE id=%d;" % a)
    for page in (one, two):
        await until("it to go", lambda: page.evaluate("!document.querySelector('[data-id=\"%d\"]')" % a))
        assert await stage.copy_agrees(page)


async def test_the_server_is_killed_and_restarted(stage):
    page = await stage.till()
    await says(page, "live")
    (a,) = await first(page)
    for round in range(2):
        stage.gateway.kill()
        await says(page, "offline")
        assert await page.evaluate("document.getElementById('state').textContent") == "Offline"
        await stage.sql("UPDATE products SET price='%d.00' WHERE id=%d;" % (500 + round, a))
        await asyncio.to_thread(stage.gateway.start)
        await shows(page, a, "price", "%d.00" % (500 + round))
        await says(page, "live")
    assert await stage.copy_agrees(page)


async def test_the_network_is_cut(stage):
    line = await Line(stage.gateway).mend()
    page = await stage.till(port=line.port)
    await says(page, "live")
    (a,) = await first(page)
    line.cut()
    await says(page, "offline")
    await stage.sql("UPDATE products SET price='88.80' WHERE id=%d;" % a)
    await line.mend()
    await shows(page, a, "price", "88.80")
    await says(page, "live")


async def test_eight_tabs_one_stream_and_the_leader_is_closed(stage):
    pages = [await stage.till() for _ in range(8)]
    for page in pages:
        await says(page, "live")
    streams = lambda: stage.gateway.metric("tidings_streams")
    assert streams() == 1, streams()
    (a,) = await first(pages[0])
    for price in ("11.10", "22.20", "33.30"):
        await stage.sql("UPDATE products SET price='%s' WHERE id=%d;" % (price, a))
        for page in pages:
            await shows(page, a, "price", price)
        leaders = [page for page in pages if await page.evaluate("till.client.status.isLeader")]
        assert len(leaders) == 1
        pages.remove(leaders[0])
        await leaders[0].close()
        await until("a leader", lambda: leads(pages))
    for page in pages:
        await says(page, "live")
        assert await stage.copy_agrees(page)
    assert streams() == 1, streams()


async def leads(pages):
    return any([await page.evaluate("till.client.status.isLeader") for page in pages])


OWN = """import('/client/tidings.js').then(async ({createClient, indexedDBStore}) => {
  await till.client.close();
  %s
  globalThis.drift = [];
  till.client = createClient({token: localStorage.getItem('tidings-token'), name: '%s', store: indexedDBStore('%s'), heartbeatMs: 700,
    entities: 'products,categories,variants,stocks,warehouses,payment_types'.split(','), onDrift: found => drift.push(found)});
  await till.client.ready;
  return true;
})"""


async def test_a_frozen_leader_is_replaced_and_comes_back_as_a_follower(stage):
    pages = [await stage.till(), await stage.till()]
    for page in pages:
        await says(page, "live")
        await page.evaluate(OWN % ("", "frozen", "frozen"))
        await says(page, "live")
    await until("a leader", lambda: leads(pages))
    frozen, other = pages
    if not await frozen.evaluate("till.client.status.isLeader"):
        frozen, other = other, frozen
    await frozen.evaluate("setTimeout(() => { const end = Date.now() + 5000; while (Date.now() < end); }, 20) > 0")
    await until("the other to lead", lambda: other.evaluate("till.client.status.isLeader"))
    await stage.sql("UPDATE products SET price='12.30' WHERE id=7;")
    for page in (other, frozen):
        await until("it", lambda: page.evaluate("till.client.get('products', 7).price === '12.30'"))
    await until("one leader", lambda: frozen.evaluate("till.client.status.isLeader === false && till.client.status.state === 'live'"))
    assert await stage.copy_agrees(frozen) and await stage.copy_agrees(other)


async def test_without_web_locks_tabs_share_a_store_without_harm(stage):
    pages = [await stage.till(), await stage.till()]
    for page in pages:
        await page.evaluate(OWN % ("Object.defineProperty(navigator, 'locks', {value: undefined});", "unlocked", "unlocked"))
    for page in pages:
        await says(page, "live")
        assert await page.evaluate("till.client.status.isLeader")
    for number in range(20):
        await stage.sql("UPDATE products SET price='%d.50' WHERE id=%d;" % (number, number + 1))
    for page in pages:
        await until("the last", lambda: page.evaluate("till.client.get('products', 20).price === '19.50'"))
        await page.evaluate("till.client.close().then(() => true)")
    page = await stage.till()
    await says(page, "live")
    await page.evaluate(OWN % ("", "unlocked", "unlocked"))
    await says(page, "live")
    assert await stage.copy_agrees(page)
    assert await page.evaluate("drift") == []


CORRUPT = """(async () => {
  const name = till.client.constructor && 'tidings-till-' + localStorage.getItem('tidings-token').split('|')[0];
  await till.client.close();
  const database = await new Promise(done => { const r = indexedDB.open(name); r.onsuccess = () => done(r.result); });
  const tx = database.transaction(['records', 'meta', 'operations'], 'readwrite');
  const records = tx.objectStore('records'), meta = tx.objectStore('meta');
  const get = request => new Promise(done => { request.onsuccess = () => done(request.result); });
  %s
  await new Promise(done => { tx.oncomplete = done; });
  database.close();
  return true;
})()"""


async def test_storage_that_was_corrupted_is_healed(stage):
    page = await stage.till()
    await says(page, "live")
    a, b, c = await first(page, 3)
    few = """
      records.delete(['products', %d]);
      records.put(['products', {...(await get(records.get(['products', %d])))[1], version: 99, price: '0.01'}], ['products', %d]);
      records.put(['products', {id: 987654, version: 1, name: 'Ghost', price: '1.00'}], ['products', 987654]);
      records.put('rubbish', ['products', %d]);""" % (a, b, b, c)
    many = "records.clear();"
    token = "meta.put({...await get(meta.get('position')), token: 'rubbish'}, 'position'); records.delete(['products', %d]);" % a
    epoch = "meta.put({...await get(meta.get('position')), epoch: 'ffffffffffff', to: 1}, 'position');"
    for harm in (few, many, token, epoch):
        await page.evaluate(CORRUPT % harm)
        await page.close()
        page = await stage.till()
        await says(page, "live")
        assert await stage.copy_agrees(page), harm
        assert await page.evaluate("!till.client.get('products', 987654) && till.client.get('products', %d).price !== '0.01'" % b)
    await page.evaluate("indexedDB.databases().then(all => all.forEach(({name}) => indexedDB.deleteDatabase(name)))")
    await page.close()
    page = await stage.till()
    await says(page, "live")
    assert await stage.copy_agrees(page)


SELL = """(async () => {
  document.querySelectorAll('.product')[0].click(); document.querySelectorAll('.product')[0].click();
  document.querySelectorAll('.product')[1].click();
  document.getElementById('sell').click();
  return true;
})()"""


async def test_an_offline_sale_survives_the_kill_and_is_made_once(stage):
    line = await Line(stage.gateway).mend()
    page = await stage.till(port=line.port)
    await says(page, "live")
    a, b = await first(page, 2)
    stock = lambda id: stage.gateway.sql("SELECT CAST(quantity AS INTEGER) FROM stocks JOIN product_variants v ON v.id=variant_id WHERE v.product_id=%d;" % id)
    before = [int(stock(a)), int(stock(b))]
    line.cut()
    await says(page, "offline")
    await page.evaluate(SELL)
    await until("it to be queued", lambda: page.evaluate("till.client.status.pending === 3"))
    await shows(page, a, "stock", "%d in stock" % (before[0] - 2))
    await stage.kill_browser()
    stage.gateway.kill()            # while it tries to send: the answer may be lost as well
    await line.mend()
    await asyncio.to_thread(stage.gateway.start)
    page = await stage.till(port=line.port)
    await until("it to be sent", lambda: page.evaluate("till.client.status.pending === 0 && till.client.status.state === 'live'"))
    await until("the overlay to go", lambda: page.evaluate("till.client.list('sales').length === 0"))
    assert await page.evaluate("till.client.status.attention") == 0, await page.evaluate("till.client.operations.aside")
    assert stage.gateway.sql("SELECT (SELECT count(*) FROM sales), (SELECT count(*) FROM sale_items);") == "1|2"
    assert [int(stock(a)), int(stock(b))] == [before[0] - 2, before[1] - 1]
    await shows(page, a, "stock", "%d in stock" % (before[0] - 2))
    assert await stage.copy_agrees(page)


async def test_a_buffering_proxy_means_long_polling_and_it_says_so(stage):
    with Nginx(stage.gateway.port) as proxy:
        page = await stage.till(port=proxy.port)
        await says(page, "long-polling")
        assert await page.evaluate("document.getElementById('detail').textContent") == "something on the way holds the stream back"
        (a,) = await first(page)
        await stage.sql("UPDATE products SET price='99.90' WHERE id=%d;" % a)
        await shows(page, a, "price", "99.90")
        await says(page, "long-polling")


async def test_event_source_is_the_fallback(stage):
    page = await stage.till()
    await says(page, "live")
    await page.evaluate("""import('/client/tidings.js').then(async ({createClient}) => {
        await till.client.close();
        globalThis.till.client = createClient({token: localStorage.getItem('tidings-token'), name: 'other', eventSource: true});
        return true;
    })""")
    await says(page, "live")
    await stage.sql("UPDATE products SET price='44.40' WHERE id=5;")
    await until("it", lambda: page.evaluate("till.client.get('products', 5).price === '44.40'"))
    stage.gateway.kill()
    await until("its end", lambda: page.evaluate("till.client.status.state !== 'live'"))
    await stage.sql("UPDATE products SET price='55.50' WHERE id=5;")
    await asyncio.to_thread(stage.gateway.start)
    await until("it", lambda: page.evaluate("till.client.get('products', 5).price === '55.50'"))
    await says(page, "live")


async def test_keys_alone_are_enough(stage):
    if stage.kind != "chromium":
        return                            # real key presses come by the DevTools protocol
    page = await stage.till()
    await says(page, "live")

    async def press(*keys):
        for key in keys:
            code = {"Enter": 13, "Tab": 9, " ": 32, "ArrowRight": 39, "ArrowDown": 40, "End": 35, "Home": 36}[key]
            text = {"Enter": "\r", " ": " "}.get(key, "")
            await page.socket.ask("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, windowsVirtualKeyCode=code, text=text)
            await page.socket.ask("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=code)
    at = "document.activeElement.dataset.index ?? document.activeElement.id"
    await page.evaluate("document.getElementById('search').focus()")
    await press("Tab", "Tab")
    assert await page.evaluate(at) == "0"
    await press("ArrowRight", "Enter", "ArrowDown", " ", "End")
    last = await page.evaluate("String(till.grid.items.length - 1)")
    assert await page.evaluate(at) == last
    await press("Home", "Tab")
    for _ in range(12):
        if await page.evaluate(at) == "sell":
            break
        await press("Tab")
    sold = stage.gateway.sql("SELECT count(*) FROM sales;")
    await press("Enter")
    await until("the sale", lambda: page.evaluate("document.getElementById('receipt').textContent.startsWith('Sold for')"))
    await until("it to arrive", lambda: asyncio.sleep(0, stage.gateway.sql("SELECT count(*) FROM sales;") != sold))


async def test_axe_finds_nothing(stage):
    page = await stage.till()
    await says(page, "live")
    await page.evaluate("document.querySelector('.product').click()")
    axe = pathlib.Path(importlib.util.find_spec("axe_playwright_python").origin).with_name("axe.min.js").read_text()
    await page.evaluate("(() => { %s; return true; })()" % axe)
    found = await page.evaluate("""axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})
        .then(({violations}) => violations.map(({id, nodes}) => id + ': ' + nodes[0].html.slice(0, 200)))""")
    assert found == [], found


async def test_an_hour_of_six_pages_asks_less(stage):
    if stage.kind != "chromium":
        return
    counts = await measure(stage.browser, stage.tidings)
    plain = counts["plain"]
    for kind, (requests, size) in counts.items():
        print("    %d minutes of six pages, %-8s %5d requests, %8d bytes: %5.1f %% fewer requests" % (
            MINUTES, kind + ":", requests, size, 100 - 100 * requests / plain[0]))
    assert plain[0] > 10 * MINUTES, "the plain client polled"
    for kind in ("shared", "separate"):
        assert counts[kind][0] <= 0.3 * plain[0]


async def run(kind, tidings, wanted):
    failed = 0
    async with Stage(kind, tidings) as stage:
        for name, scenario in [(name, value) for name, value in globals().items() if name.startswith("test_")]:
            if wanted and name not in wanted:
                continue
            start = time.monotonic()
            try:
                stage.begin()
                await asyncio.wait_for(scenario(stage), 150)
                print("ok     %s (%.1f s)" % (name, time.monotonic() - start), flush=True)
            except Exception:
                failed += 1
                print("FAILED %s\n%s" % (name, traceback.format_exc()), flush=True)
            await stage.end()
    return failed


if __name__ == "__main__":
    sys.exit(asyncio.run(run(sys.argv[1], sys.argv[2], sys.argv[3:])))
