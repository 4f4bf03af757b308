#!/usr/bin/env python3
"""Opens a page in headless Chromium and prints, once a change, what it shows.

    browser_watch.py URL SECONDS

One JSON object a line: {"status": "live", "rows": ["…", …]}. Chromium is ended with this process.
"""
import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import aiohttp

url, seconds = sys.argv[1], float(sys.argv[2])
# Whoever started us may have had signals blocked; ending us must end the browser too.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
parent = os.getppid()
LOOK = """JSON.stringify({status: document.getElementById('status')?.textContent,
  rows: [...document.querySelectorAll('#rows tr')].map(row => row.textContent)})"""


async def main():
    profile = tempfile.mkdtemp(prefix="tidings-browser-")
    browser = subprocess.Popen(
        ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--remote-debugging-port=0", "--user-data-dir=" + profile, url],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await watch(profile, time.monotonic() + seconds)
    finally:
        browser.kill()
        browser.wait()
        shutil.rmtree(profile, ignore_errors=True)


async def watch(profile, end):
    port_file = os.path.join(profile, "DevToolsActivePort")
    while not os.path.exists(port_file) and time.monotonic() < end:
        await asyncio.sleep(0.05)
    port = open(port_file).read().split()[0]
    async with aiohttp.ClientSession() as http:
        page = None
        while page is None and time.monotonic() < end:
            targets = await (await http.get("http://127.0.0.1:%s/json" % port)).json()
            page = next((t for t in targets if t["type"] == "page" and t["url"].startswith("http")), None)
            await asyncio.sleep(0.05)
        async with http.ws_connect(page["webSocketDebuggerUrl"]) as socket:
            last, number = None, 0
            while time.monotonic() < end and os.getppid() == parent:
                number += 1
                await socket.send_json({"id": number, "method": "Runtime.evaluate", "params": {"expression": LOOK}})
                while True:
                    answer = await socket.receive_json()
                    if answer.get("id") == number:
                        break
                shown = answer["result"]["result"].get("value")
                if shown != last:
                    print(shown, flush=True)
                    last = shown
                await asyncio.sleep(0.05)

asyncio.run(main())
