#!/usr/bin/env python3
"""The operators' page in a real browser against a real gateway.

    ops.py BROWSER TIDINGS [FOLDER]      FOLDER: where pictures of it go, light and dark, narrow and wide (Chromium)

One line a promise that was kept; the exit status is 1 when one was not.
"""
import asyncio
import sys

from browser import BROWSERS, until
from gateway import Gateway


class Tills:
    """Streams and acknowledgements, by bare requests."""

    def __init__(self, gateway):
        self.gateway, self.writers, self.readers = gateway, [], []

    async def connect(self, token):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.gateway.port)
        writer.write(("GET /api/v1/sync/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n" % token).encode())
        self.writers.append(writer)

        async def read():
            while await reader.read(65536):
                pass
        self.readers.append(asyncio.create_task(read()))

    async def behind(self, token):
        """One that says what it has stored, and takes no more: its socket fills up."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.gateway.port, limit=4096)
        writer.write(("GET /api/v1/sync/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n" % token).encode())
        self.writers.append(writer)
        await reader.readuntil(b"event: ready")
        writer.transport.pause_reading()


async def text(page, id):
    return await page.evaluate("document.getElementById('%s').innerText" % id)


async def row_appears(page, gateway, tills):
    quiet = await page.evaluate("document.querySelectorAll('#connections tr').length")
    assert quiet == 0, quiet
    await tills.connect(gateway.till("corner-1"))
    await until("the row of a till", lambda: page.evaluate("document.getElementById('connections').innerText.includes('corner-1')"))
    await until("its number", lambda: page.evaluate("document.getElementById('tile-streams').innerText === '1'"))


async def three_clicks(page, gateway, tills):
    """From the page as it opens: who is furthest behind stands first, with why; its button; and yes."""
    await tills.behind(gateway.till("slow-1"))
    async def fall():
        await asyncio.to_thread(gateway.sql, "UPDATE products SET description = hex(randomblob(20000));")
        return await page.evaluate("document.querySelector('#connections tr')?.className === 'blocked'")
    await until("somebody to be behind", fall)
    first = "document.querySelector('#connections tr')"
    row = await page.evaluate(first + ".innerText")
    assert "slow-1" in row and "takes nothing" in row, row
    await page.evaluate(first + ".querySelector('button').click()")                                     # one
    assert await page.evaluate("document.getElementById('ask').open"), "no question"
    assert "slow-1" in await text(page, "question")
    await page.evaluate("document.getElementById('yes').click()")                                       # two
    await until("slow-1 to be gone", lambda: page.evaluate("!document.getElementById('connections').innerText.includes('slow-1')"))
    assert "corner-1" in await text(page, "connections")


async def numbers_agree(page, gateway, tills):
    for number in range(3):
        await tills.connect(gateway.till("more-%d" % number))

    async def agree():
        shown = [await text(page, "tile-streams"), await page.evaluate("last.opened"), await page.evaluate("last.head"),
                 await page.evaluate("Object.values(last.closed).reduce((a, b) => a + b, 0)")]
        told = [await asyncio.to_thread(gateway.metric, "tidings_" + name)
                for name in ("streams", "streams_opened_total", "head_seq", "streams_closed_total")]
        return [float(value) for value in shown] == told
    await until("the page and /metrics to agree", agree)
    await until("the list to agree", lambda: page.evaluate("document.getElementById('matched').innerText === '4 match'"))


async def nothing_from_outside(page, gateway, tills):
    loaded = await page.evaluate("performance.getEntriesByType('resource').map(it => new URL(it.name).host)")
    assert set(loaded) == {"127.0.0.1:%d" % gateway.ports[1]}, loaded


async def nothing_spills(page, gateway, tills):
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "wider than the window"


async def pictures(page, folder):
    for scheme in ("light", "dark"):
        await page.socket.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        for name, width in (("narrow", 390), ("wide", 1600)):
            await page.socket.ask("Emulation.setDeviceMetricsOverride", width=width, height=1100, deviceScaleFactor=1, mobile=False)
            await nothing_spills(page, None, None)
            await page.screenshot("%s/%s-%s.png" % (folder, scheme, name))


async def main():
    kind, tidings = sys.argv[1:3]
    gateway, browser = await asyncio.gather(
        asyncio.to_thread(Gateway, tidings, "stream.slow_age=10m", "stream.send_buffer=16KiB"), BROWSERS[kind]().launch())
    tills = Tills(gateway)
    try:
        page = await browser.open("http://127.0.0.1:%d/" % gateway.ports[1])
        await until("the feed", lambda: page.evaluate("document.getElementById('ready').dataset.state === 'ready'"))
        for promise in (row_appears, three_clicks, numbers_agree, nothing_from_outside, nothing_spills):
            await promise(page, gateway, tills)
            print("ok", promise.__name__, flush=True)
        if len(sys.argv) > 3:
            await pictures(page, sys.argv[3])
    finally:
        for writer in tills.writers:
            writer.transport.abort()
        await browser.close()
        gateway.close()


asyncio.run(main())
