#!/usr/bin/env python3
"""How the demo till feels with many products, in Chromium.

    measure.py TIDINGS [PRODUCTS] [THROTTLE]        10000 products; a processor 6 times slower, multiplied

Prints the first paint of a till that has its copy already, and what a delta costs of the main thread, from the bytes to the changed cell.
"""
import asyncio
import statistics
import sys

from browser import Chromium, until
from gateway import Gateway

FIRST = """new Promise(done => {
  const look = () => document.querySelector('.product') ? done(performance.now()) : requestAnimationFrame(look);
  look();
})"""

async def main(tidings, products=10_000, throttle=6):
    gateway = await asyncio.to_thread(Gateway, tidings, products=products)
    browser = await Chromium().launch()
    try:
        url = "http://127.0.0.1:%d/demo/#%s" % (gateway.port, gateway.till("till").replace("|", "%7C"))
        page = await browser.open(url)
        cold = await page.evaluate(FIRST)
        await until("live", lambda: page.evaluate("till.client.status.state === 'live'"), 120)
        await until("it to be stored", lambda: page.evaluate(
            "till.client.close().then(() => true)"))
        print("first paint, downloading %d products: %.0f ms (not slowed down)" % (products, cold))
        firsts, costs = [], []
        for _ in range(5):
            await page.close()
            page = await browser.open("about:blank#")
            await prepare(page)
            await page.go(url)
            firsts.append(await page.evaluate(FIRST))
            costs.append(await busy(page))
            await until("live", lambda: page.evaluate("globalThis.till?.client.status.state === 'live'"), 120)
        print("first paint of a stored copy: median %.0f ms of the wall, %.0f ms of the main thread; %d times slower %.0f ms" % (
            statistics.median(firsts), statistics.median(costs), throttle, throttle * statistics.median(costs)))
        await deltas(gateway, page, throttle)
    finally:
        await browser.close()
        gateway.close()


async def prepare(page):
    """Time of the processor, not of the wall: a busy machine changes little. Without the flash, which is the compositor's."""
    await page.socket.ask("Performance.setTimeDomain", timeDomain="threadTicks")
    await page.socket.ask("Performance.enable")
    await page.socket.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])


async def busy(page):
    """Milliseconds of the main thread so far."""
    metrics = {m["name"]: m["value"] for m in (await page.socket.ask("Performance.getMetrics"))["metrics"]}
    return metrics["TaskDuration"] * 1000


async def deltas(gateway, page, throttle):
    """A price that changes in the first row, that can be seen: from the bytes to the screen."""
    ids = await page.evaluate("till.shelf.order.slice(0, 40).map(({id}) => id)")
    costs = []
    for number, id in enumerate(ids):
        before = await busy(page)
        gateway.sql("UPDATE products SET price='%d.00' WHERE id=%d;" % (100 + number, id))
        await asyncio.sleep(1)
        costs.append(await busy(page) - before)
        assert await page.evaluate("till.shelf.items.get(%d).price" % id) == 100 * (100 + number)
    print("a delta: %.1f ms of the main thread, median of %d, a second of the page's life included; "
          "%d times slower %.0f ms" % (statistics.median(costs), len(costs), throttle, throttle * statistics.median(costs)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
