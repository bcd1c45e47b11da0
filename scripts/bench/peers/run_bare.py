"""The bare loop: aiohttp and nothing else. No journal, no retry: what it does is lost when it stops."""

import asyncio
from collections.abc import Iterator

import aiohttp
import orjson
from work import SAMPLING, STEPS, Work, finished, messages, read_work

JSON = {"Content-Type": "application/json"}


async def walk(rows: Iterator[dict[str, str]], session: aiohttp.ClientSession, work: Work) -> int:
    """Take document after document through its three calls; returns how many."""
    done = 0
    for fields in rows:
        for step in STEPS:
            body = orjson.dumps({"model": work.model, "messages": messages(step, fields), **SAMPLING})
            async with session.post(f"{work.url}/chat/completions", data=body, headers=JSON) as response:
                response.raise_for_status()
                fields[step] = orjson.loads(await response.read())["choices"][0]["message"]["content"]
        done += 1
    return done


async def run(work: Work) -> int:
    """As many walkers as calls are to be in flight, over one stream of documents."""
    rows = work.rows()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        return sum(await asyncio.gather(*(walk(rows, session, work) for _ in range(work.in_flight))))


work = read_work()
finished("aiohttp", asyncio.run(run(work)))
