"""Real browsers, driven by what they bring along: Chromium by the DevTools protocol, Firefox by WebDriver BiDi.

Both have one face: launch, open a page, evaluate JavaScript in it, close it, kill the browser. A profile outlives the
browser, so that a killed one can come back to its storage.
"""
import asyncio
import base64
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile

import aiohttp

PATIENCE = 30


async def until(what, look, seconds=PATIENCE):
    """Asks `look` until it says something true; returns that."""
    end = asyncio.get_running_loop().time() + seconds
    while True:
        seen = await look()
        if seen:
            return seen
        if asyncio.get_running_loop().time() > end:
            raise AssertionError("waited %d s in vain for %s" % (seconds, what))
        await asyncio.sleep(0.05)


class Socket:
    """Numbered questions over a WebSocket, and their answers."""

    def __init__(self, connection):
        self.connection = connection
        self.number = 0
        self.waiting = {}
        self.reader = asyncio.create_task(self.read())

    async def read(self):
        async for message in self.connection:
            answer = json.loads(message.data)
            future = self.waiting.pop(answer.get("id"), None)
            if future and not future.done():
                future.set_result(answer)
        for future in self.waiting.values():
            if not future.done():
                future.set_exception(ConnectionError("the browser is gone"))

    async def ask(self, method, **params):
        self.number += 1
        future = asyncio.get_running_loop().create_future()
        self.waiting[self.number] = future
        await self.connection.send_json({"id": self.number, "method": method, "params": params})
        answer = await asyncio.wait_for(future, PATIENCE)
        if "error" in answer:
            raise RuntimeError("%s: %s" % (method, answer))
        return answer["result"]


class Browser:
    def __init__(self, profile=None):
        self.profile = profile or tempfile.mkdtemp(prefix="tidings-browser-")
        self.http = aiohttp.ClientSession()

    def start(self, command, **more):
        # Our own group: killing it ends the helpers as well.
        self.process = subprocess.Popen(command, start_new_session=True, **more)

    async def kill(self):
        """As the power cut would. The profile stays."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        await self.http.close()

    async def close(self):
        await self.kill()
        shutil.rmtree(self.profile, ignore_errors=True)


class Chromium(Browser):
    async def launch(self):
        port_file = os.path.join(self.profile, "DevToolsActivePort")
        if os.path.exists(port_file):
            os.remove(port_file)
        self.start(
            ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
             "--remote-debugging-port=0", "--user-data-dir=" + self.profile, "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        async def port():
            return os.path.exists(port_file) and open(port_file).read().split()[:1]
        self.base = "http://127.0.0.1:%s" % (await until("chromium", port))[0]
        return self

    async def open(self, url):
        async with self.http.put(self.base + "/json/new?about:blank") as answer:
            target = await answer.json()
        connection = await self.http.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0)
        page = ChromiumPage(self, target["id"], Socket(connection))
        await page.go(url)
        return page


class ChromiumPage:
    def __init__(self, browser, id, socket):
        self.browser, self.id, self.socket = browser, id, socket

    async def go(self, url):
        await self.socket.ask("Page.navigate", url=url)
        there = "location.href !== 'about:blank' && document.readyState !== 'loading'"
        await until(url, lambda: self.evaluate(there))

    async def evaluate(self, expression):
        result = await self.socket.ask(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(json.dumps(result["exceptionDetails"])[:600])
        return result["result"].get("value")

    async def screenshot(self, path):
        answer = await self.socket.ask("Page.captureScreenshot")
        open(path, "wb").write(base64.b64decode(answer["data"]))

    async def close(self):
        async with self.browser.http.get(self.browser.base + "/json/close/" + self.id):
            pass


class Firefox(Browser):
    async def launch(self):
        with open(os.path.join(self.profile, "user.js"), "w") as preferences:
            preferences.write('user_pref("browser.shell.checkDefaultBrowser", false);\n'
                              'user_pref("datareporting.policy.dataSubmissionEnabled", false);\n'
                              'user_pref("toolkit.startup.max_resumed_crashes", -1);\n'
                              'user_pref("browser.sessionstore.resume_from_crash", false);\n'
                              'user_pref("app.update.enabled", false);\n')
        log = os.path.join(self.profile, "firefox.log")
        self.start(["firefox-esr", "--headless", "--no-remote", "--profile", self.profile, "--remote-debugging-port=0"],
                   stdout=open(log, "wb"), stderr=subprocess.STDOUT)

        async def address():
            return re.search(r"WebDriver BiDi listening on (ws://\S+)\n", open(log, errors="replace").read())
        base = (await until("firefox", address, 60)).group(1)
        self.socket = Socket(await self.http.ws_connect(base + "/session", max_msg_size=0))
        await self.socket.ask("session.new", capabilities={})
        return self

    async def open(self, url):
        context = (await self.socket.ask("browsingContext.create", type="tab"))["context"]
        page = FirefoxPage(self, context)
        await page.go(url)
        return page


class FirefoxPage:
    def __init__(self, browser, context):
        self.browser, self.context = browser, context

    async def go(self, url):
        await self.browser.socket.ask("browsingContext.navigate", context=self.context, url=url, wait="interactive")

    async def evaluate(self, expression):
        text = "(async () => JSON.stringify(await (%s)))()" % expression
        result = await self.browser.socket.ask(
            "script.evaluate", expression=text, target={"context": self.context}, awaitPromise=True)
        if result["type"] != "success":
            raise RuntimeError(json.dumps(result)[:600])
        value = result["result"].get("value")
        return json.loads(value) if value is not None else None

    async def close(self):
        await self.browser.socket.ask("browsingContext.close", context=self.context)


BROWSERS = {"chromium": Chromium, "firefox": Firefox}
