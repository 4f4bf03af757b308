#!/usr/bin/env python3
"""Opens a page in headless Chromium and prints, once a change, what it shows.

    browser_watch.py URL SECONDS

One JSON object a line: {"status": "live", "rows": ["…", …]}. Chromium is ended with this process.
"""
import asyncio
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "ClientTests/Browsers"))
from browser import Chromium  # noqa: E402

url, seconds = sys.argv[1], float(sys.argv[2])
# Whoever started us may have had signals blocked; ending us must end the browser too.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
parent = os.getppid()
LOOK = """JSON.stringify({status: document.getElementById('status')?.textContent,
  rows: [...document.querySelectorAll('#rows tr')].map(row => row.textContent)})"""


async def main():
    end = time.monotonic() + seconds
    browser = await Chromium().launch()
    try:
        page, last = await browser.open(url), None
        while time.monotonic() < end and os.getppid() == parent:
            shown = await page.evaluate(LOOK)
            if shown != last:
                print(shown, flush=True)
                last = shown
            await asyncio.sleep(0.05)
    finally:
        await browser.close()

asyncio.run(main())
