#!/usr/bin/env python3
"""Pages of another origin in one headless Chromium, each with an EventSource of the gateway.

    browser_tabs.py PAGE_PORT SECONDS TABS

TABS: a JSON list of {"page": origin of the page, "stream": address, "credentials": bool}. The pages are served here,
under any host name. Prints, whenever something has changed, one JSON line: a list with what each tab has seen,
{"opens", "readies", "byes": [...], "names": [...], "state": the EventSource's readyState}.
"""
import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path

from aiohttp import web

sys.path.insert(0, str(Path(__file__).parents[2] / "ClientTests/Browsers"))
from browser import Chromium  # noqa: E402

port, seconds, tabs = int(sys.argv[1]), float(sys.argv[2]), json.loads(sys.argv[3])
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
parent = os.getppid()
PAGE = """<!doctype html><title>tab</title><script>
window.seen = {opens: 0, readies: 0, byes: [], names: [], state: 0};
window.watch = (url, credentials) => {
  window.source = new EventSource(url, {withCredentials: credentials});
  source.onopen = () => seen.opens++;
  source.addEventListener('ready', () => seen.readies++);
  source.addEventListener('bye', e => seen.byes.push(JSON.parse(e.data).reason));
  source.addEventListener('change', e => {
    for (const lists of Object.values(JSON.parse(e.data).data))
      for (const record of [...lists.created, ...lists.updated]) seen.names.push(record.name);
  });
};
window.look = () => { seen.state = source.readyState; return JSON.stringify(seen); };
</script>"""


async def serve():
    application = web.Application()

    async def page(_):
        return web.Response(text=PAGE, content_type="text/html")
    application.router.add_get("/", page)
    runner = web.AppRunner(application)
    await runner.setup()
    for host in ("127.0.0.1", "::1"):
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError:
            pass  # no IPv6 here


async def watch(browser, end):
    pages, last = [], None
    for tab in tabs:
        page = await browser.open(tab["page"] + "/")
        await page.evaluate("watch(%s, %s)" % (json.dumps(tab["stream"]), json.dumps(tab["credentials"])))
        pages.append(page)
    while time.monotonic() < end and os.getppid() == parent:
        shown = [json.loads(await page.evaluate("look()")) for page in pages]
        if shown != last:
            print(json.dumps(shown), flush=True)
            last = shown
        await asyncio.sleep(0.05)


async def main():
    end = time.monotonic() + seconds
    await serve()
    browser = await Chromium().launch()
    try:
        await watch(browser, end)
    finally:
        await browser.close()

asyncio.run(main())
