#!/usr/bin/env python3
"""Reads a stream with somebody else's client and prints what it understood.

    read_events.py httpx-sse|sseclient-py|aiohttp-sse-client2 URL TOKEN LAST_EVENT_ID COUNT

One JSON object a line: {"event", "id", "data"}, until COUNT `change` events were seen or the stream ended.
"""
import json
import sys

client, url, token, last, count = sys.argv[1:5] + [int(sys.argv[5])]
headers = {"Authorization": "Bearer " + token, "Accept": "text/event-stream"}
if last:
    headers["Last-Event-ID"] = last
changes = 0


def show(event, identity, data):
    global changes
    print(json.dumps({"event": event, "id": identity, "data": data}), flush=True)
    changes += event == "change"
    return changes >= count


def by_httpx():
    import httpx
    from httpx_sse import connect_sse
    with httpx.Client(timeout=20) as http, connect_sse(http, "GET", url, headers=headers) as source:
        for event in source.iter_sse():
            if show(event.event, event.id, event.data):
                return


def by_sseclient():
    import requests
    import sseclient
    answer = requests.get(url, headers=headers, stream=True, timeout=20)
    for event in sseclient.SSEClient(answer).events():
        if show(event.event, event.id, event.data):
            return


def by_aiohttp():
    import asyncio
    from aiohttp_sse_client2 import client as sse

    async def read():
        async with sse.EventSource(url, headers=headers, max_connect_retry=0) as source:
            async for event in source:
                if show(event.type, event.last_event_id, event.data):
                    return
    try:
        asyncio.run(read())
    except ConnectionError:
        pass


{"httpx-sse": by_httpx, "sseclient-py": by_sseclient, "aiohttp-sse-client2": by_aiohttp}[client]()
