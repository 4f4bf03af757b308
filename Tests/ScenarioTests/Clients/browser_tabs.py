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
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import aiohttp
from aiohttp import web

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


async def evaluate(socket, numbers, expression):
    number = next(numbers)
    await socket.send_json({"id": number, "method": "Runtime.evaluate", "params": {"expression": expression}})
    while True:
        answer = await socket.receive_json()
        if answer.get("id") == number:
            return answer["result"]["result"].get("value")


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


async def watch(profile, end):
    port_file = os.path.join(profile, "DevToolsActivePort")
    while not os.path.exists(port_file) and time.monotonic() < end:
        await asyncio.sleep(0.05)
    devtools = "http://127.0.0.1:%s/json" % open(port_file).read().split()[0]
    numbers, sockets, last = iter(range(1, 10**9)), [], None
    async with aiohttp.ClientSession() as http:
        for tab in tabs:
            target = await (await http.put(devtools + "/new?" + tab["page"] + "/")).json()
            socket = await http.ws_connect(target["webSocketDebuggerUrl"])
            while await evaluate(socket, numbers, "typeof window.watch") != "function":
                await asyncio.sleep(0.05)
            await evaluate(socket, numbers, "watch(%s, %s)" % (
                json.dumps(tab["stream"]), json.dumps(tab["credentials"])))
            sockets.append(socket)
        while time.monotonic() < end and os.getppid() == parent:
            shown = [json.loads(await evaluate(socket, numbers, "look()")) for socket in sockets]
            if shown != last:
                print(json.dumps(shown), flush=True)
                last = shown
            await asyncio.sleep(0.05)


async def main():
    await serve()
    profile = tempfile.mkdtemp(prefix="tidings-browser-")
    browser = subprocess.Popen(
        ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--remote-debugging-port=0", "--remote-allow-origins=*", "--user-data-dir=" + profile, "about:blank"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await watch(profile, time.monotonic() + seconds)
    finally:
        browser.kill()
        browser.wait()
        shutil.rmtree(profile, ignore_errors=True)

asyncio.run(main())
